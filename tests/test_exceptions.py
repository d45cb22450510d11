"""The errors: what each says of itself, in which process, and to whose ``except`` clauses."""

import copy
import inspect
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException

from flask_signet import exceptions
from flask_signet.exceptions import (
    ConfigurationError,
    ExpiredSignatureError,
    InvalidKeyError,
    InvalidTokenError,
    JWTExtendedException,
    MissingRequiredClaimError,
    RevokedTokenError,
    SharedSecretWarning,
    SignetError,
    WeakSecretWarning,
)

HEADER, CLAIMS = {"alg": "HS256"}, {"sub": "alice", "exp": 1}
TOKEN = ("why", HEADER, CLAIMS)

#: name: arguments, status, error_code, proved, challenge
TABLE: dict[str, tuple[tuple[Any, ...], int, str, str, str]] = {
    "SignetError": (("why",), 422, "invalid_token", "nothing", "invalid_token"),
    "JWTExtendedException": (("why",), 422, "invalid_token", "nothing", "invalid_token"),
    "JWTDecodeError": (("why",), 422, "invalid_token", "signature", "invalid_token"),
    "InvalidHeaderError": (("why",), 422, "invalid_request", "nothing", "invalid_request"),
    "InvalidQueryParamError": (("why",), 422, "invalid_request", "nothing", "invalid_request"),
    "AmbiguousTokenError": (("why",), 400, "invalid_request", "nothing", "invalid_request"),
    "RequestTooLargeError": (("why",), 413, "invalid_request", "nothing", "invalid_request"),
    "NoAuthorizationError": (("why",), 401, "token_missing", "nothing", ""),
    "CSRFError": (("why",), 401, "csrf_failed", "nothing", "invalid_token"),
    "WrongTokenError": (("why",), 422, "wrong_token_type", "token", "invalid_token"),
    "RevokedTokenError": (TOKEN[1:], 401, "token_revoked", "token", "invalid_token"),
    "TokenReusedError": (TOKEN[1:], 401, "token_reused", "token", "invalid_token"),
    "SessionEndedError": (TOKEN[1:], 401, "session_ended", "token", "invalid_token"),
    "WrongTenantError": (TOKEN[1:], 401, "wrong_tenant", "token", "invalid_token"),
    "FreshTokenRequired": (
        *(TOKEN, 401, "fresh_token_required", "token"),
        "insufficient_user_authentication",
    ),
    "RecentLoginRequired": (
        *((HEADER, CLAIMS, 300), 401, "recent_login_required", "token"),
        "insufficient_user_authentication",
    ),
    "UserLookupError": (TOKEN, 401, "user_not_found", "token", "invalid_token"),
    "UserClaimsVerificationError": (TOKEN, 400, "claims_rejected", "token", "invalid_token"),
    "StoreUnavailableError": (("why",), 503, "store_unavailable", "nothing", ""),
    "KeysUnavailableError": (("why",), 503, "keys_unavailable", "nothing", ""),
    "InvalidTokenError": (("why",), 422, "invalid_token", "nothing", "invalid_token"),
    "DecodeError": (("why",), 422, "malformed_token", "nothing", "invalid_token"),
    "InvalidSignatureError": (("why",), 422, "invalid_signature", "nothing", "invalid_token"),
    "InvalidAlgorithmError": (("why",), 422, "invalid_algorithm", "nothing", "invalid_token"),
    "ExpiredSignatureError": (("why",), 401, "token_expired", "signature", "invalid_token"),
    "ImmatureSignatureError": (
        *(("why",), 422, "token_not_yet_valid", "signature"),
        "invalid_token",
    ),
    "InvalidIssuedAtError": (("why",), 422, "invalid_token", "signature", "invalid_token"),
    "InvalidAudienceError": (("why",), 422, "invalid_audience", "signature", "invalid_token"),
    "InvalidIssuerError": (("why",), 422, "invalid_issuer", "signature", "invalid_token"),
    "InvalidSubjectError": (("why",), 422, "invalid_token", "signature", "invalid_token"),
    "InvalidJTIError": (("why",), 422, "invalid_token", "signature", "invalid_token"),
    "MissingRequiredClaimError": (("exp",), 422, "missing_claim", "signature", "invalid_token"),
}
NO_REFUSALS = {
    "ConfigurationError",
    "InvalidKeyError",
    "SharedSecretWarning",
    "WeakSecretWarning",
}
MESSAGES = {
    "WrongTenantError": "The token is for another tenant",
    "RevokedTokenError": "Token has been revoked",
    "TokenReusedError": "Token has been revoked",
    "SessionEndedError": "Token has been revoked",
    "RecentLoginRequired": "A more recent log-in is required",
    "MissingRequiredClaimError": 'Token is missing the "exp" claim',
}
MEMBERS = {"RecentLoginRequired": ', max_age="300"'}  # of the challenge, RFC 9470 section 3
REFUSALS = pytest.mark.parametrize("name", TABLE)


def make(name: str) -> SignetError:
    error: SignetError = getattr(exceptions, name)(*TABLE[name][0])
    return error


def run(code: str) -> str:
    """What a new process prints that runs this code."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ── what an error says ───────────────────────────────────────────────────────────────────


def test_the_table_has_every_error() -> None:
    """These tests know every error that there is, and all of them are public names."""
    defined = {
        name
        for name, found in vars(exceptions).items()
        if inspect.isclass(found)
        and issubclass(found, Exception)
        and found.__module__ == exceptions.__name__
        and not name.startswith("_")
    }
    assert defined == {*TABLE, *NO_REFUSALS} == set(exceptions.__all__)


@REFUSALS
def test_what_an_error_is(name: str) -> None:
    """Each has its status, its code of the closed list, what was proved, and its challenge."""
    _, status, error_code, proved, challenge = TABLE[name]
    error = make(name)
    assert (error.code, error.error_code, error.proved) == (status, error_code, proved)
    expected = f'Bearer error="{challenge}"' if challenge else "Bearer"
    assert error.www_authenticate == expected + MEMBERS.get(name, "")
    assert isinstance(error, HTTPException)


def test_which_errors_are_of_the_request() -> None:
    """They are told to a log-out and a renewal too, which pass over tokens that are not good."""
    assert {name for name in TABLE if make(name).is_of_the_request} == {
        "AmbiguousTokenError",
        "CSRFError",
        "InvalidHeaderError",
        "InvalidQueryParamError",
        "RequestTooLargeError",
    }


def test_the_page_of_the_errors_has_every_code() -> None:
    """docs/errors.md lists each code with the classes that have it, and no other."""
    page = (Path(__file__).parent.parent / "docs" / "errors.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    told = {(code, name) for code, classes in rows for name in re.findall(r"\w+", classes)}
    assert told == {(row[2], name) for name, row in TABLE.items()}


@REFUSALS
def test_what_an_error_prints(name: str) -> None:
    """str() is the message alone, as in Flask-JWT-Extended; repr() has the code too."""
    error = make(name)
    message = MESSAGES.get(name, "why")
    assert str(error) == error.description == message
    assert repr(error) == f"<{name} {TABLE[name][2]}: {message}>"


@REFUSALS
def test_e11_an_error_prints_no_claim(name: str) -> None:
    """What an error carries of a token is in its attributes, never in its texts."""
    error = make(name)
    assert "alice" not in f"{error} {error!r} {error.args} {error.get_body()}"


@REFUSALS
def test_the_answer_without_a_manager(name: str) -> None:
    """An error that no manager has seen renders as JSON with its status, and its challenge."""
    error = make(name)
    assert error.response is None
    answer = error.get_response()
    assert answer.status_code == TABLE[name][1]
    assert json.loads(answer.get_data()) == {"msg": str(error)}
    assert answer.content_type == "application/json"
    expected = error.www_authenticate if TABLE[name][1] == 401 else None
    assert answer.headers.get("WWW-Authenticate") == expected


@pytest.mark.parametrize(
    "name",
    [name for name, row in TABLE.items() if CLAIMS in row[0]],
)
def test_errors_about_a_token_carry_it(name: str) -> None:
    """An error about a good token has its header and its claims."""
    error = make(name)
    assert (error.jwt_header, error.jwt_data) == (HEADER, CLAIMS)  # type: ignore[attr-defined]


def test_a_missing_claim_is_named() -> None:
    """The error of a missing claim has its name, as PyJWT's has."""
    assert MissingRequiredClaimError("iss").claim == "iss"


@pytest.mark.parametrize(
    "kind", [exceptions.StoreUnavailableError, exceptions.KeysUnavailableError]
)
def test_what_is_away_says_when_to_come_again(kind: Any) -> None:
    """Where a store or an issuer's keys are away, the answer has Retry-After, also when pickled."""
    for error in (
        kind("why", retry_after=7),
        pickle.loads(pickle.dumps(kind("why", 7))),  # noqa: S301 - our own
    ):
        assert error.get_response().headers["Retry-After"] == "7"


@pytest.mark.parametrize("arguments", [(), ("why",), ("why", 5), (5,)])
def test_any_arguments(arguments: tuple[Any, ...]) -> None:
    """An error is an exception: it takes what exceptions take."""
    error = JWTExtendedException(*arguments)
    assert error.args == arguments
    assert str(error) == (str(arguments[0]) if arguments else "")


def test_the_operators_errors_are_no_answers() -> None:
    """What the operator or programmer got wrong is no HTTP error: it is a 500 and a traceback."""
    for cls, parent in (
        (ConfigurationError, RuntimeError),
        (InvalidKeyError, ValueError),
        (WeakSecretWarning, UserWarning),
        (SharedSecretWarning, UserWarning),
    ):
        assert issubclass(cls, parent)
        assert not issubclass(cls, HTTPException)


def test_flask_files_handlers_by_class() -> None:
    """The classes have no status of their own, so that handlers are found by class alone."""
    for name in TABLE:
        assert getattr(exceptions, name).code is None


# ── pickling ─────────────────────────────────────────────────────────────────────────────


def facts(error: SignetError) -> dict[str, Any]:
    names = ("code", "error_code", "proved", "description", "args", "claim")
    names += ("jwt_header", "jwt_data", "www_authenticate", "name", "retry_after")
    found = {name: getattr(error, name, None) for name in names}
    return {**found, "class": type(error), "text": str(error), "repr": repr(error)}


@REFUSALS
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(name: str, protocol: int) -> None:
    """An error that crosses to another process is the same there."""
    error = make(name)
    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own
    assert facts(again) == facts(error)
    assert again.get_response().status_code == error.code


@REFUSALS
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_an_error_survives_copying(name: str, duplicate: Any) -> None:
    """So is a copy of it."""
    assert facts(duplicate(make(name))) == facts(make(name))


def test_what_the_application_added_travels_too() -> None:
    """Attributes and notes that somebody added are kept; the renderer, an application's, is not."""
    error = ExpiredSignatureError("why")
    error.jwt_header, error.jwt_data = HEADER, CLAIMS
    error.add_note("on the way to the archive")
    error.renderer = lambda error: pytest.fail("nobody asked")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (again.jwt_header, again.jwt_data) == (HEADER, CLAIMS)
    assert again.__notes__ == ["on the way to the archive"]
    assert again.renderer is None


class OwnError(RevokedTokenError):
    """An application's own class below ours."""


def test_a_class_of_the_application_survives_pickling() -> None:
    """A subclass with another constructor than its parent's is pickled like its parent."""
    error = OwnError(HEADER, CLAIMS)
    assert facts(pickle.loads(pickle.dumps(error))) == facts(error)  # noqa: S301 - our own


# ── with and without PyJWT, in processes of their own ────────────────────────────────────

PICKLES = """
import pickle
{before}
import flask_signet.exceptions as ours
{after}
for name, arguments in {table!r}.items():
    error = getattr(ours, name)(*arguments)
    error.code, error.description = 418, "changed"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error), name
    assert str(again) == str(error) and again.args == error.args, name
    assert (again.code, again.description) == (418, "changed"), name
    with_pyjwt = ["jwt" in cls.__module__.split(".") for cls in type(error).__mro__]
    print(name, any(with_pyjwt))
"""
ARGUMENTS = {name: row[0] for name, row in TABLE.items()}
PYJWTS = {name for name in TABLE if issubclass(getattr(exceptions, name), InvalidTokenError)}


@pytest.mark.parametrize(
    ("before", "after", "adopted"),
    [
        ("", "", set()),
        ("import jwt", "", PYJWTS),
        ("", "import jwt", PYJWTS),
        ("", "ours.DecodeError('early'); import jwt", PYJWTS),
        ("", "import jwt; from jwt.exceptions import DecodeError", PYJWTS),
    ],
)
def test_pickling_with_and_without_pyjwt(before: str, after: str, adopted: set[str]) -> None:
    """Every error is pickled right in any order of imports, and inherits PyJWT's where it is."""
    printed = run(PICKLES.format(before=before, after=after, table=ARGUMENTS))
    found = dict(line.split() for line in printed.splitlines())
    assert {name for name, inherits in found.items() if inherits == "True"} == adopted


def test_an_error_from_a_process_with_pyjwt_is_read_without() -> None:
    """What was pickled where PyJWT is loaded is read where it is not, and the other way round."""
    write = (
        "import pickle; {}; from flask_signet.exceptions import *;"
        "print(pickle.dumps([DecodeError('why'), MissingRequiredClaimError('exp')]).hex())"
    )
    read = "import pickle; {}; errors = pickle.loads(bytes.fromhex('{}')); print(*errors)"
    for writer, reader in (("import jwt", "pass"), ("pass", "import jwt")):
        pickled = run(write.format(writer)).strip()
        assert run(read.format(reader, pickled)) == 'why Token is missing the "exp" claim\n'


def test_nothing_is_imported_for_nothing() -> None:
    """The package imports neither PyJWT nor any peer nor an extra."""
    names = ["jwt", "joserfc", "authlib", "flask_jwt_extended", "sqlalchemy", "redis", "asgiref"]
    code = f"import flask_signet, sys; print([n for n in {names} if n in sys.modules])"
    assert run(code) == "[]\n"


CATCHES = """
import jwt, flask_signet
from flask_signet import exceptions as ours
from flask_signet.jwt_manager import JWTManager
import flask
app = flask.Flask("x"); JWTManager(app)
for name in {names!r}:
    mine, theirs = getattr(ours, name), getattr(jwt.exceptions, name)
    assert issubclass(mine, theirs), name
    assert issubclass(mine, jwt.PyJWTError) and issubclass(mine, ours.SignetError), name
    assert not issubclass(theirs, ours.SignetError), name
    try:
        raise mine("exp")
    except theirs as error:
        assert error.error_code == mine.error_code
    # A leaf is nearest to PyJWT's leaf, a parent to our own tree.
    leaf = mine is not ours.InvalidTokenError
    assert (mine.__mro__[1] is theirs) is leaf, name
    assert mine.__mro__.index(ours.SignetError) < mine.__mro__.index(jwt.PyJWTError) or leaf
assert not issubclass(ours.RevokedTokenError, jwt.PyJWTError)
assert str(ours.MissingRequiredClaimError("exp")) == 'Token is missing the "exp" claim'
assert ours.MissingRequiredClaimError("exp").claim == "exp"
before = ours.DecodeError.__bases__
ours.adopt_pyjwt()
assert ours.DecodeError.__bases__ == before
print("all")
"""


def test_pyjwts_except_clauses_catch_ours() -> None:
    """Where PyJWT is loaded an except for its class catches ours of that name, and once is enough.

    A leaf comes right before PyJWT's leaf in the order of classes, and a parent does not: that is
    what decides whose error handler Flask takes.
    """
    names = sorted(name for name in PYJWTS if name != "AmbiguousTokenError")
    assert run(CATCHES.format(names=names)) == "all\n"


@pytest.mark.parametrize(
    "stand_in",
    [
        "types.ModuleType('jwt')",
        "types.SimpleNamespace(InvalidTokenError='no class')",
        "types.SimpleNamespace(encode=len)",
        "None",
    ],
)
def test_another_module_named_jwt(stand_in: str) -> None:
    """A half imported PyJWT, or another package of its name, changes nothing and breaks nothing."""
    code = (
        f"import sys, types; sys.modules['jwt'] = {stand_in}\n"
        "from flask_signet.exceptions import *\n"
        "print(DecodeError('why'), [c.__name__ for c in DecodeError.__mro__][:3])"
    )
    assert run(code) == "why ['DecodeError', 'InvalidTokenError', 'SignetError']\n"


def test_pyjwt_may_come_after_a_stand_in_was_seen() -> None:
    """PyJWT is found as soon as it is whole, also where an error was raised before that."""
    code = (
        "import sys, types; sys.modules['jwt'] = types.ModuleType('jwt')\n"
        "from flask_signet.exceptions import *\n"
        "DecodeError('why'); del sys.modules['jwt']\n"
        "import jwt; DecodeError('why'); print(issubclass(DecodeError, jwt.DecodeError))"
    )
    assert run(code) == "True\n"
