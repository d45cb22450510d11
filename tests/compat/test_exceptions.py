"""The exception classes: import path, bases, constructor, text, arguments, attributes."""

import inspect
from typing import Any

import jwt
import pytest

from tests.compat.harness import REFERENCE, SELF_CHECK, SUBJECT, Both, submodule
from tests.compat.minting import SECRET, access, bearer, claims, expired, in_seconds, mint

PLAIN = [
    "JWTDecodeError",
    "InvalidHeaderError",
    "InvalidQueryParamError",
    "NoAuthorizationError",
    "CSRFError",
    "WrongTokenError",
]
WITH_TOKEN = ["FreshTokenRequired", "UserLookupError", "UserClaimsVerificationError"]
ALL = ["JWTExtendedException", *PLAIN, *WITH_TOKEN, "RevokedTokenError"]
HEADER, DATA = {"alg": "HS256"}, {"sub": "alice"}


def cls(lib: Any, name: str) -> Any:
    return getattr(submodule(lib, "exceptions"), name)


def test_the_list_is_all_of_fjes_exceptions() -> None:
    """FJE's `exceptions` has these 11 classes and no other."""
    theirs = vars(submodule(REFERENCE, "exceptions"))
    assert sorted(n for n, value in theirs.items() if inspect.isclass(value)) == sorted(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_class_has_the_same_bases_by_name(name: str) -> None:
    """`except JWTExtendedException` catches all of them; ours may have further bases."""
    theirs = [kind.__name__ for kind in cls(REFERENCE, name).__mro__]
    ours = [kind.__name__ for kind in cls(SUBJECT, name).__mro__]
    assert [kind for kind in ours if kind in theirs] == theirs
    assert issubclass(cls(SUBJECT, name), cls(SUBJECT, "JWTExtendedException"))


@pytest.mark.parametrize("name", ["JWTExtendedException", *PLAIN])
@pytest.mark.parametrize("arguments", [("the reason",), ()])
def test_a_plain_exception_is_built_from_a_message(name: str, arguments: Any) -> None:
    """Applications raise these themselves; text and args are then those of FJE's."""
    theirs, ours = (cls(lib, name)(*arguments) for lib in (REFERENCE, SUBJECT))
    assert str(ours) == str(theirs)
    assert ours.args == theirs.args


@pytest.mark.parametrize("name", WITH_TOKEN)
def test_an_exception_with_a_token_carries_it(name: str) -> None:
    """(message, jwt_header, jwt_data), by position or name; attributes, text and args as FJE's."""
    for build in (
        lambda kind: kind("why", HEADER, DATA),
        lambda kind: kind(message="why", jwt_header=HEADER, jwt_data=DATA),
    ):
        theirs, ours = (build(cls(lib, name)) for lib in (REFERENCE, SUBJECT))
        assert (str(ours), ours.args) == (str(theirs), theirs.args) == ("why", ("why",))
        assert (ours.jwt_header, ours.jwt_data) == (HEADER, DATA)


def test_revoked_token_error_takes_no_message() -> None:
    """RevokedTokenError(jwt_header, jwt_data) has a text of its own."""
    theirs, ours = (
        cls(lib, "RevokedTokenError")(jwt_header=HEADER, jwt_data=DATA)
        for lib in (REFERENCE, SUBJECT)
    )
    assert (str(ours), ours.args) == (str(theirs), theirs.args)
    assert str(ours) == "Token has been revoked"
    assert (ours.jwt_header, ours.jwt_data) == (HEADER, DATA)


def tampered() -> str:
    return ".".join([*access().split(".")[:2], access(sub="x").split(".")[2]])


RAISED = {
    "nothing": (dict, {}),
    "bad header": (lambda: {"Authorization": "Bearer"}, {}),
    "not a token": (lambda: bearer("x"), {}),
    "expired": (lambda: bearer(expired()), {}),
    "signature": (lambda: bearer(tampered()), {}),
    "algorithm": (lambda: bearer(mint(claims(), SECRET, "HS512")), {}),
    "no subject": (lambda: bearer(access(sub=...)), {}),
    "subject type": (lambda: bearer(access(sub=[1])), {}),
    "jti type": (lambda: bearer(access(jti=1)), {}),
    "audience": (lambda: bearer(access(aud="x")), {"JWT_DECODE_AUDIENCE": "api"}),
    "no audience": (lambda: bearer(access()), {"JWT_DECODE_AUDIENCE": "api"}),
    "issuer": (lambda: bearer(access(iss="x")), {"JWT_DECODE_ISSUER": "us"}),
    "no issuer": (lambda: bearer(access()), {"JWT_DECODE_ISSUER": "us"}),
    "iat": (lambda: bearer(access(iat=in_seconds(900))), {}),
    "iat type": (lambda: bearer(access(iat="x")), {}),
    "nbf": (lambda: bearer(access(nbf=in_seconds(900))), {}),
    "nbf type": (lambda: bearer(access(nbf="x")), {}),
    "exp type": (lambda: bearer(access(exp="x")), {}),
    "refresh token": (lambda: bearer(access(type="refresh")), {}),
    "fresh": (lambda: bearer(access()), {}),
}


@pytest.mark.parametrize("case", RAISED)
def test_what_verify_raises_is_what_fje_raises(case: str) -> None:
    """Class (or a subclass), text, args, jwt_header and jwt_data of what a view can catch."""
    headers, config = RAISED[case]
    result = Both(config).run(
        lambda lib: lib.verify_jwt_in_request(fresh=case == "fresh"), headers=headers()
    )
    assert result.classes[-3:] == ("Exception", "BaseException", "object")


def test_an_expired_error_carries_header_and_claims() -> None:
    """An application's handler for the expired token reads `jwt_header` and `jwt_data`."""
    result = Both().run(lambda lib: lib.decode_token(expired()))
    assert result.jwt_header == {"alg": "HS256", "typ": "JWT"}
    assert result.jwt_data["sub"] == "alice"


# What FJE lets through from PyJWT: (case above, PyJWT class that applications catch).
PYJWT = [
    ("not a token", jwt.DecodeError),
    ("expired", jwt.ExpiredSignatureError),
    ("signature", jwt.InvalidSignatureError),
    ("signature", jwt.DecodeError),
    ("algorithm", jwt.InvalidAlgorithmError),
    ("subject type", jwt.exceptions.InvalidSubjectError),
    ("jti type", jwt.exceptions.InvalidJTIError),
    ("audience", jwt.InvalidAudienceError),
    ("no audience", jwt.MissingRequiredClaimError),
    ("issuer", jwt.InvalidIssuerError),
    ("no issuer", jwt.MissingRequiredClaimError),
    ("iat", jwt.ImmatureSignatureError),
    ("iat type", jwt.InvalidIssuedAtError),
    ("nbf", jwt.ImmatureSignatureError),
    ("nbf type", jwt.DecodeError),
    ("exp type", jwt.DecodeError),
]


@pytest.mark.parametrize(
    ("case", "kind"), PYJWT, ids=lambda value: getattr(value, "__name__", value)
)
def test_pyjwts_classes_still_catch(case: str, kind: type[Exception]) -> None:
    """With PyJWT installed, `except jwt.<Class>` around ours catches what it caught from FJE.

    And `jwt.InvalidTokenError` and `jwt.PyJWTError`, the broad nets, as well.
    """
    headers, config = RAISED[case]
    both = Both(config)
    for side in both.sides:
        with side.app.test_request_context(headers=headers()):
            for net in (kind, jwt.InvalidTokenError, jwt.PyJWTError):
                with pytest.raises(net):
                    side.lib.verify_jwt_in_request()


NOT_PYJWT = [
    "nothing",
    "bad header",
    "no subject",
    "refresh token",
    "fresh",
]


@pytest.mark.parametrize("case", NOT_PYJWT)
def test_fjes_own_errors_are_none_of_pyjwts(case: str) -> None:
    """What FJE raises as its own class is not caught by `except jwt.PyJWTError`."""
    headers, _ = RAISED[case]
    both = Both()
    for side in both.sides:
        with side.app.test_request_context(headers=headers()):
            with pytest.raises(cls(side.lib, "JWTExtendedException")) as caught:
                side.lib.verify_jwt_in_request(fresh=case == "fresh")
            assert not isinstance(caught.value, jwt.PyJWTError)


def test_a_missing_claim_error_names_the_claim() -> None:
    """PyJWT's MissingRequiredClaimError has `.claim`."""
    for side in Both({"JWT_DECODE_AUDIENCE": "api"}).sides:
        with side.app.test_request_context(), pytest.raises(jwt.MissingRequiredClaimError) as got:
            side.lib.decode_token(access())
        assert got.value.claim == "aud"
        assert str(got.value) == 'Token is missing the "aud" claim'


@pytest.mark.skipif(SELF_CHECK, reason="FJE leaves PyJWT's classes as they are")
@pytest.mark.parametrize("case", RAISED)
def test_everything_ours_is_of_one_tree(case: str) -> None:
    """`except SignetError` catches every refusal of ours, also where FJE raised PyJWT's."""
    headers, config = RAISED[case]
    ours = Both(config).ours
    context = ours.app.test_request_context(headers=headers())
    with context, pytest.raises(cls(SUBJECT, "SignetError")):
        SUBJECT.verify_jwt_in_request(fresh=case == "fresh")
