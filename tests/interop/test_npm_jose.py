"""npm's `jose` and we take each other's tokens; it gets our keys by `createRemoteJWKSet`."""

from typing import Any, Final

import pytest

from tests.interop.conftest import RunJose
from tests.interop.service import AUDIENCE, CASES, TAKEN, Server, our_answers

UNKNOWN: Final = {
    "Ed448": "ERR_JOSE_NOT_SUPPORTED",
    "EdDSA-Ed448": "ERR_JWKS_NO_MATCHING_KEY",  # under this name it looks for Ed25519 alone
}
"""What jose can't verify, and what it says."""

FROM_NODE_24: Final = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}


@pytest.fixture(scope="session")
def answer(run_jose: RunJose, server: Server) -> dict[str, Any]:
    """One run of Node for all tokens: it takes a moment to start."""
    offers = {name: server.offer(name) for name in CASES}
    return run_jose(
        {
            "verify": {
                name: {
                    "jwksUri": offer.jwks_uri,
                    "issuer": offer.issuer,
                    "audience": AUDIENCE,
                    "tokens": [offer.token, offer.forged()],
                }
                for name, offer in offers.items()
            },
            "make": {
                name: {
                    "alg": key.algorithm,
                    "issuer": f"{server.url}/jose-{name}",
                    "audience": AUDIENCE,
                    **({"crv": "Ed448"} if name == "EdDSA-Ed448" else {}),
                }
                for name, key in CASES.items()
            },
        }
    )


def is_known(answer: dict[str, Any], name: str) -> bool:
    old = int(answer["node"].partition(".")[0]) < 24
    return name not in UNKNOWN and not (old and name in FROM_NODE_24)


@pytest.mark.parametrize("name", CASES)
def test_jose_takes_our_token_by_our_published_key(answer: dict[str, Any], name: str) -> None:
    """And refuses it with another payload. Of algorithms that it doesn't know it says so."""
    expected = ["ada", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"]
    if not is_known(answer, name):
        expected = [UNKNOWN.get(name, "ERR_JOSE_NOT_SUPPORTED")] * 2
    assert answer["verified"][name] == expected


@pytest.mark.parametrize("name", CASES)
def test_we_take_a_token_of_jose_by_its_key(
    answer: dict[str, Any], server: Server, name: str
) -> None:
    made = answer["made"][name]
    if not is_known(answer, name):
        assert made == {"refused": "ERR_JOSE_NOT_SUPPORTED"}
        return
    algorithm = CASES[name].algorithm
    assert our_answers(server, f"jose-{name}", algorithm, made["jwk"], made["token"]) == TAKEN
