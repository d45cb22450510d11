"""Tokens of one library verify with the other: both can serve side by side during a migration."""

from types import ModuleType
from typing import Any

import jwt
import pytest
from flask import Flask

from tests.compat.harness import REFERENCE, SUBJECT, Side, build, same
from tests.compat.minting import OTHER_SECRET, key_options, key_pair

ALGORITHMS = [
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]
DIRECTIONS = [
    pytest.param(REFERENCE, SUBJECT, id="FJE to ours"),
    pytest.param(SUBJECT, REFERENCE, id="ours to FJE"),
]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no csrf": {"JWT_COOKIE_CSRF_PROTECT": False},
    "no nbf": {"JWT_ENCODE_NBF": False},
    "audience": {"JWT_ENCODE_AUDIENCE": "api", "JWT_DECODE_AUDIENCE": "api"},
    "audiences": {"JWT_ENCODE_AUDIENCE": ["api", "web"], "JWT_DECODE_AUDIENCE": ["web"]},
    "issuer": {"JWT_ENCODE_ISSUER": "us", "JWT_DECODE_ISSUER": "us"},
    "all of it": {
        "JWT_ENCODE_AUDIENCE": ["api"],
        "JWT_DECODE_AUDIENCE": "api",
        "JWT_ENCODE_ISSUER": "us",
        "JWT_DECODE_ISSUER": "us",
        "JWT_IDENTITY_CLAIM": "user",
    },
    "no expiry": {"JWT_ACCESS_TOKEN_EXPIRES": False, "JWT_REFRESH_TOKEN_EXPIRES": False},
}


def issue(lib: ModuleType, app: Flask, kind: str, **arguments: Any) -> str:
    with app.test_request_context():
        token: str = getattr(lib, f"create_{kind}_token")("alice", **arguments)
        return token


# Every algorithm plainly and with everything; every variant with one algorithm of each family.
CASES = sorted(
    {(algorithm, variant) for algorithm in ALGORITHMS for variant in ("plain", "all of it")}
    | {(algorithm, variant) for algorithm in ("HS256", "RS256", "ES256") for variant in VARIANTS}
)


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize(("algorithm", "variant"), CASES)
@pytest.mark.parametrize(("issuer", "verifier"), DIRECTIONS)
def test_a_token_of_one_is_accepted_by_the_other(
    issuer: ModuleType, verifier: ModuleType, algorithm: str, kind: str, variant: str
) -> None:
    """Each library's guard and decode_token read the other's token with the issuer's own claims."""
    config = {**key_options(algorithm), **VARIANTS[variant]}
    home, away = build(issuer, config), build(verifier, config)
    token = issue(issuer, home, kind, additional_claims={"role": ["a", 1, None]})
    path = "/required" if kind == "access" else "/refresh"
    answer = Side(verifier, away).ask(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    assert answer.body["identity"] == "alice"
    with home.test_request_context():
        read_at_home = issuer.decode_token(token)
    with away.test_request_context():
        read_away = verifier.decode_token(token)
        header = verifier.get_unverified_jwt_headers(token)
    assert same(read_at_home, read_away)
    assert header == {"alg": algorithm, "typ": "JWT"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("issuer", "verifier"), DIRECTIONS)
def test_a_token_under_another_key_is_refused(
    issuer: ModuleType, verifier: ModuleType, algorithm: str
) -> None:
    """A token of a key that is not the verifier's is refused: the comparison can fail."""
    if algorithm.startswith("HS"):
        other = {"JWT_ALGORITHM": algorithm, "JWT_SECRET_KEY": OTHER_SECRET}
    else:
        sibling = {"RS": "RS256", "PS": "PS256", "ES": algorithm, "Ed": "EdDSA"}[algorithm[:2]]
        fresh = key_pair.__wrapped__(sibling)
        other = {
            "JWT_ALGORITHM": algorithm,
            "JWT_PRIVATE_KEY": fresh[0],
            "JWT_PUBLIC_KEY": fresh[1],
        }
    token = issue(issuer, build(issuer, other), "access")
    side = Side(verifier, build(verifier, key_options(algorithm)))
    answer = side.ask("/required", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.msg) == (422, "Signature verification failed")


@pytest.mark.parametrize(("issuer", "verifier"), DIRECTIONS)
def test_cookies_and_csrf_of_one_work_with_the_other(
    issuer: ModuleType, verifier: ModuleType
) -> None:
    """A browser that logged in before the change stays logged in after it, CSRF value and all."""
    config = {"JWT_TOKEN_LOCATION": ["cookies"]}
    before = Side(issuer, build(issuer, config))
    before.ask("/login-by-cookie", method="POST", jar=True)
    jar = {
        name: before.client.get_cookie(name)
        for name in (
            "access_token_cookie",
            "refresh_token_cookie",
            "csrf_access_token",
            "csrf_refresh_token",
        )
    }
    cookies = {name: cookie.value for name, cookie in jar.items() if cookie is not None}
    assert len(cookies) == 4
    after = Side(verifier, build(verifier, config))
    for kind, path in (("access", "/required"), ("refresh", "/refresh")):
        assert after.ask(path, cookies=cookies).status == 200
        good = {"X-CSRF-TOKEN": cookies[f"csrf_{kind}_token"]}
        assert after.ask(path, method="POST", cookies=cookies, headers=good).status == 200
        bad = {"X-CSRF-TOKEN": "x"}
        assert after.ask(path, method="POST", cookies=cookies, headers=bad).status == 401


@pytest.mark.parametrize(("issuer", "verifier"), DIRECTIONS)
def test_freshness_and_headers_survive(issuer: ModuleType, verifier: ModuleType) -> None:
    """`fresh` (bool and timestamp), additional headers and claims mean the same on both sides."""
    from datetime import timedelta

    home, away = build(issuer), Side(verifier, build(verifier))
    for fresh, status in ((True, 200), (False, 401), (timedelta(minutes=1), 200)):
        token = issue(issuer, home, "access", fresh=fresh, additional_headers={"kid": "k"})
        answer = away.ask("/fresh", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == status


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_reads_our_tokens(algorithm: str) -> None:
    """Other services verify with PyJWT directly; our tokens are ordinary to it."""
    app = build(SUBJECT, key_options(algorithm))
    token = issue(SUBJECT, app, "access")
    key = app.config.get("JWT_PUBLIC_KEY") or app.config["JWT_SECRET_KEY"]
    assert jwt.decode(token, key, [algorithm])["sub"] == "alice"
