"""npm's `jose` and we take each other's tokens; it gets our keys by `createRemoteJWKSet`."""

from typing import Any, Final

import pytest

from tests.interop.conftest import RunJose
from tests.interop.service import AUDIENCE, CASES, TAKEN, Server, our_answers

NO_ED448: Final = "ERR_JOSE_NOT_SUPPORTED"
NO_ML_DSA: Final = "NotSupportedError"
"""What it says of the algorithms that it doesn't know: ML-DSA needs Node.js 24."""


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


def why_not(answer: dict[str, Any], name: str) -> str | None:
    """Why jose can't do with this algorithm in this Node.js; None: it can."""
    if name in ("Ed448", "EdDSA-Ed448"):
        return NO_ED448
    if name.startswith("ML-DSA") and int(answer["node"].partition(".")[0]) < 24:
        return NO_ML_DSA
    return None


@pytest.mark.parametrize("name", CASES)
def test_jose_takes_our_token_by_our_published_key(answer: dict[str, Any], name: str) -> None:
    """And refuses it with another payload. Of algorithms that it doesn't know it says so."""
    expected = ["ada", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"]
    unknown = why_not(answer, name)
    if unknown is not None:
        expected = [unknown] * 2
    if name == "EdDSA-Ed448":  # under this name it looks for a key for Ed25519 alone
        expected = ["ERR_JWKS_NO_MATCHING_KEY"] * 2
    assert answer["verified"][name] == expected


@pytest.mark.parametrize("name", CASES)
def test_we_take_a_token_of_jose_by_its_key(
    answer: dict[str, Any], server: Server, name: str
) -> None:
    """It makes the key, too."""
    made = answer["made"][name]
    unknown = why_not(answer, name)
    if unknown is not None:
        assert made == {"refused": unknown}
        return
    algorithm = CASES[name].algorithm
    assert our_answers(server, f"jose-{name}", algorithm, made["jwk"], made["token"]) == TAKEN
