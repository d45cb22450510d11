"""Every error of Flask-Signet, in one tree.

An error is a Werkzeug HTTP exception, so that a framework that knows nothing of this
package still answers with the right status. It carries:

``error_code``
    a stable word for programs, from a closed list (Werkzeug's ``code`` is the HTTP status);
``proved``
    what had been verified when it was raised: ``"nothing"``, ``"signature"`` (the token is
    ours, a claim is not acceptable) or ``"token"`` (the token is good, this use of it is not);
``challenge``
    the ``error`` attribute of the ``WWW-Authenticate`` header, RFC 6750 section 3.1; an empty
    string where the request carried no credentials at all;
``drops_cookies``
    whether a browser is to forget its tokens: they will never be good again.

The names are those of Flask-JWT-Extended (below :class:`JWTExtendedException`) and of PyJWT
(below :class:`InvalidTokenError`). Where an application has loaded PyJWT, the latter also
inherit PyJWT's classes of the same name, so that its ``except`` clauses go on working;
this package itself never imports PyJWT.

No message or ``repr`` here ever holds the text of a token, a piece of it, or a key. An error about
a verified token carries its claims, for the application, as ``jwt_header`` and ``jwt_data``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.sansio.response import Response

__all__ = [
    "AmbiguousTokenError",
    "CSRFError",
    "ConfigurationError",
    "DecodeError",
    "ExpiredSignatureError",
    "FreshTokenRequired",
    "ImmatureSignatureError",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidHeaderError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidJTIError",
    "InvalidKeyError",
    "InvalidQueryParamError",
    "InvalidSignatureError",
    "InvalidSubjectError",
    "InvalidTokenError",
    "JWTDecodeError",
    "JWTExtendedException",
    "KeysUnavailableError",
    "MissingRequiredClaimError",
    "NoAuthorizationError",
    "RecentLoginRequired",
    "RequestTooLargeError",
    "RevokedTokenError",
    "SessionEndedError",
    "SharedSecretWarning",
    "SignetError",
    "StoreUnavailableError",
    "TokenReusedError",
    "UserClaimsVerificationError",
    "UserLookupError",
    "WeakSecretWarning",
    "WrongTenantError",
    "WrongTokenError",
]

Proved = Literal["nothing", "signature", "token"]


# ── mistakes of the operator or the programmer: never a response ─────────────────────────


class ConfigurationError(RuntimeError):
    """An option is wrong or missing. The message names it and says what it takes."""


class InvalidKeyError(ValueError):
    """A key can't be used: malformed, too weak, or not for this algorithm."""


class WeakSecretWarning(UserWarning):
    """An HMAC secret is shorter than RFC 7518 section 3.2 asks for, or a known placeholder."""


class SharedSecretWarning(UserWarning):
    """Two managers of one application have one secret: each takes the tokens of the other."""


# ── faults of a request: always a response ───────────────────────────────────────────────


class _Status:
    """``code``: the status of an error; of the class, none.

    Flask files handlers by the class's ``code`` first, then by class: with none there, handlers
    for our classes compete by class alone, as those for Flask-JWT-Extended's do. An instance that
    a loader will answer asks the loader: only then is its status known.
    """

    def __get__(self, error: SignetError | None, cls: type[SignetError]) -> int | None:
        if error is None:
            return None
        if error._code is None and error.response is not None:
            error._code = error.response.status_code
        return error.status if error._code is None else error._code

    def __set__(self, error: SignetError, value: int | None) -> None:
        error._code = value


class SignetError(HTTPException):
    """The root of every refusal.

    ``str(error)`` is the message alone, as in Flask-JWT-Extended. The manager that refused
    sets :attr:`renderer`; the response is then made by the application's own loader, and
    only when something asks for it.
    """

    #: The HTTP status: of the answer, once a manager is at hand.
    code: Any = _Status()
    status: ClassVar[int] = 422
    error_code: ClassVar[str] = "invalid_token"
    proved: ClassVar[Proved] = "nothing"
    challenge: ClassVar[str] = "invalid_token"

    description: str | None

    #: Whether a browser is to forget its tokens: set where a session is over.
    drops_cookies: bool = False

    #: The claims of the token that the error is about, where its signature is good; for audits.
    proved_claims: Mapping[str, Any] = MappingProxyType({})

    #: Makes the response. Set by the manager that refused; it calls the matching loader.
    renderer: Callable[[Any], Response] | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        adopt_pyjwt()
        return super().__new__(cls)

    def __init__(self, *args: Any) -> None:
        # Not super().__init__(): Werkzeug's takes a description and a response, and passes
        # nothing on to the PyJWT classes that may follow it in the MRO.
        Exception.__init__(self, *args)
        self._code: int | None = self.status
        self.description = str(args[0]) if args else ""
        self._response: Response | None = None
        self._asked = False

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.error_code}: {self}>"

    def about(self, claims: Mapping[str, Any]) -> Self:
        """The same error, which knows the claims of the token that it is about."""
        self.proved_claims = claims
        return self

    @property
    def is_of_the_request(self) -> bool:
        """Whether the request is wrong, not its tokens: it is told so, whatever they are."""
        return self.error_code in ("csrf_failed", "invalid_request")

    @property
    def name(self) -> str:
        """The phrase of the HTTP status, e.g. ``"Unauthorized"``."""
        return HTTP_STATUS_CODES.get(self.code or 500, "Unknown Error")

    # The answer is made on first use, so an error that the application catches calls no loader.
    # Flask-RESTful reads `response`; Flask-RESTX reads `data` and `code`, after it has called
    # `get_response`, unless the application gave it a handler: then `data` must not be there.

    @property
    def response(self) -> Response | None:
        """The answer; None where no manager is at hand."""
        if self._response is None and self.renderer is not None:
            self._response = self.renderer(self)
            self._code = self._response.status_code
        return self._response

    @response.setter
    def response(self, value: Response | None) -> None:
        self._response = value

    def get_response(self, environ: Any = None, scope: Any = None) -> Any:
        """The answer, as Werkzeug's exceptions give it."""
        self._asked = True
        return super().get_response(environ, scope)

    @property
    def data(self) -> Any:
        """The JSON of the answer, for the extensions that make their own response of it.

        :raises AttributeError: if the answer has not been asked for.
        :raises SignetError: this one, if the answer is not JSON.
        """
        if not self._asked:
            raise AttributeError("data")
        # What a manager renders is Flask's response, which has JSON; Werkzeug's bare one has not.
        response: Any = self.response
        body = getattr(response, "get_json", lambda **_: None)(silent=True)
        if body is None or response.mimetype != "application/json":
            # A loader redirects to a login page, say. An extension that asks for JSON gets this
            # error back, and the error goes on to Flask, which sends `response` as it is.
            raise self
        return body

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        """The body where no manager is at hand: JSON, like every other answer of ours."""
        import json

        return json.dumps({"msg": str(self)})

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """The headers that go with it."""
        headers = [("Content-Type", "application/json")]
        if self.code == 401:
            headers.append(("WWW-Authenticate", self.www_authenticate))
        return headers

    @property
    def www_authenticate(self) -> str:
        """The challenge of RFC 6750 section 3, with no text that a client sent."""
        return f'Bearer error="{self.challenge}"' if self.challenge else "Bearer"

    def __reduce__(self) -> tuple[Any, ...]:
        # The renderer holds the application: a pickled error travels without it.
        state = {
            name: value
            for name, value in self.__dict__.items()
            if name not in {"renderer", "_response", "_asked"}
        }
        return _unpickle, (type(self), self.args, state)


def _unpickle(cls: type[SignetError], args: tuple[Any, ...], state: dict[str, Any]) -> SignetError:
    error = cls.__new__(cls)
    error.args = args
    error._response = None
    error._asked = False
    error.__dict__.update(state)
    return error


class JWTExtendedException(SignetError):
    """The root of Flask-JWT-Extended's own errors."""


class JWTDecodeError(JWTExtendedException):
    """A claim that this library needs is missing or of the wrong kind."""

    status: ClassVar[int] = 422
    proved: ClassVar[Proved] = "signature"


class InvalidHeaderError(JWTExtendedException):
    """The header that should hold the token does not have the right form."""

    status: ClassVar[int] = 422
    error_code: ClassVar[str] = "invalid_request"
    challenge: ClassVar[str] = "invalid_request"


class InvalidQueryParamError(JWTExtendedException):
    """The query parameter that should hold the token does not have the right form."""

    status: ClassVar[int] = 422
    error_code: ClassVar[str] = "invalid_request"
    challenge: ClassVar[str] = "invalid_request"


class AmbiguousTokenError(JWTExtendedException):
    """The request carries more than one token; RFC 6750 section 2 forbids it."""

    status: ClassVar[int] = 400
    error_code: ClassVar[str] = "invalid_request"
    challenge: ClassVar[str] = "invalid_request"


class RequestTooLargeError(JWTExtendedException):
    """The body is longer than what is read of it, or has more fields (RFC 9110 section 15.5.14)."""

    status: ClassVar[int] = 413
    error_code: ClassVar[str] = "invalid_request"
    challenge: ClassVar[str] = "invalid_request"


class NoAuthorizationError(JWTExtendedException):
    """The request carries no token where one is looked for."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "token_missing"
    challenge: ClassVar[str] = ""


class CSRFError(JWTExtendedException):
    """A cookie came without the proof that a page of this site sent the request."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "csrf_failed"


class WrongTokenError(JWTExtendedException):
    """A refresh token where an access token is needed, or the other way round.

    Also another kind of token, and one that is bound to a key where no proof of it is checked.
    """

    status: ClassVar[int] = 422
    error_code: ClassVar[str] = "wrong_token_type"
    proved: ClassVar[Proved] = "token"


class _WithToken(JWTExtendedException):
    """An error about a verified token: it carries the header and the payload."""

    proved: ClassVar[Proved] = "token"

    def __init__(
        self, message: str, jwt_header: Mapping[str, Any], jwt_data: Mapping[str, Any]
    ) -> None:
        super().__init__(message)
        self.jwt_header = jwt_header
        self.jwt_data = jwt_data


class RevokedTokenError(_WithToken):
    """The token was revoked."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "token_revoked"

    def __init__(self, jwt_header: Mapping[str, Any], jwt_data: Mapping[str, Any]) -> None:
        super().__init__("Token has been revoked", jwt_header, jwt_data)


class TokenReusedError(RevokedTokenError):
    """A refresh token that had been used before: its session has been ended.

    Either the client or a thief has the older token; no server can tell which (RFC 9700 section
    4.14.2).
    """

    error_code: ClassVar[str] = "token_reused"


class SessionEndedError(RevokedTokenError):
    """A refresh token whose session is not live: it was ended, has expired, or is unknown."""

    error_code: ClassVar[str] = "session_ended"


class WrongTenantError(_WithToken):
    """The token is good, but for another tenant than the ``tenant_loader`` names."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "wrong_tenant"

    def __init__(self, jwt_header: Mapping[str, Any], jwt_data: Mapping[str, Any]) -> None:
        super().__init__("The token is for another tenant", jwt_header, jwt_data)


class FreshTokenRequired(_WithToken):
    """The token is good, but its owner did not just log in."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "fresh_token_required"
    challenge: ClassVar[str] = "insufficient_user_authentication"  # RFC 9470 section 3


class RecentLoginRequired(FreshTokenRequired):
    """The token is good, but its owner logged in too long ago for this view.

    :param max_age: whole seconds that may have passed since the log-in.
    """

    error_code: ClassVar[str] = "recent_login_required"

    def __init__(
        self, jwt_header: Mapping[str, Any], jwt_data: Mapping[str, Any], max_age: int
    ) -> None:
        super().__init__("A more recent log-in is required", jwt_header, jwt_data)
        self.max_age = max_age

    @property
    def www_authenticate(self) -> str:
        """The challenge, with the ``max_age`` of RFC 9470 section 3."""
        return f'{super().www_authenticate}, max_age="{self.max_age}"'


class UserLookupError(_WithToken):
    """The ``user_lookup_loader`` found no user for this token."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "user_not_found"


class UserClaimsVerificationError(_WithToken):
    """``token_verification_loader`` refused the token."""

    status: ClassVar[int] = 400
    error_code: ClassVar[str] = "claims_rejected"


class InvalidTokenError(SignetError):
    """The token is not acceptable; PyJWT's classes of the same names lie below."""

    status: ClassVar[int] = 422


class DecodeError(InvalidTokenError):
    """The text is not a well-formed token."""

    error_code: ClassVar[str] = "malformed_token"


class InvalidSignatureError(DecodeError):
    """No key of ours made this signature."""

    error_code: ClassVar[str] = "invalid_signature"


class InvalidAlgorithmError(InvalidTokenError):
    """``alg`` is missing, or is not the algorithm of a key of ours."""

    error_code: ClassVar[str] = "invalid_algorithm"


class ExpiredSignatureError(InvalidTokenError):
    """The token was good until ``exp``. ``jwt_header`` and ``jwt_data`` are verified."""

    status: ClassVar[int] = 401
    error_code: ClassVar[str] = "token_expired"
    proved: ClassVar[Proved] = "signature"

    jwt_header: Mapping[str, Any]
    jwt_data: Mapping[str, Any]


class ImmatureSignatureError(InvalidTokenError):
    """``nbf`` or ``iat`` lies in the future."""

    error_code: ClassVar[str] = "token_not_yet_valid"
    proved: ClassVar[Proved] = "signature"


class InvalidIssuedAtError(InvalidTokenError):
    """``iat`` is not a number."""

    proved: ClassVar[Proved] = "signature"


class InvalidAudienceError(InvalidTokenError):
    """The token is meant for another audience."""

    error_code: ClassVar[str] = "invalid_audience"
    proved: ClassVar[Proved] = "signature"


class InvalidIssuerError(InvalidTokenError):
    """The token comes from another issuer than the options accept."""

    error_code: ClassVar[str] = "invalid_issuer"
    proved: ClassVar[Proved] = "signature"


class InvalidSubjectError(InvalidTokenError):
    """``sub`` is of a kind that this application does not take."""

    proved: ClassVar[Proved] = "signature"


class InvalidJTIError(InvalidTokenError):
    """``jti`` is not a string."""

    proved: ClassVar[Proved] = "signature"


class MissingRequiredClaimError(InvalidTokenError):
    """A claim that must be there is not; ``claim`` is its name."""

    error_code: ClassVar[str] = "missing_claim"
    proved: ClassVar[Proved] = "signature"

    def __init__(self, claim: str) -> None:
        # By name: PyJWT's class of this name may come next in the MRO, see adopt_pyjwt.
        SignetError.__init__(self, claim)
        self.claim = claim
        self.description: str | None = str(self)

    def __str__(self) -> str:
        return f'Token is missing the "{self.claim}" claim'


# ── faults of the deployment: a response, but not "log in again" ─────────────────────────


class _UnavailableError(SignetError):
    """The token could not be judged: neither "it is good" nor "log in again".

    503 with ``Retry-After`` (RFC 9110 sections 15.6.4 and 10.2.3).
    """

    status = 503
    challenge = ""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """The headers that go with it."""
        return [*super().get_headers(environ, scope), ("Retry-After", str(self.retry_after))]


class StoreUnavailableError(_UnavailableError):
    """The session store did not answer, or can't be trusted.

    The error of the store's driver is ``__cause__``, for the log alone.

    :param retry_after: whole seconds after which a client may try again.
    :ivar is_partial: whether other questions may find an answer: one node of several failed.
    """

    error_code = "store_unavailable"
    is_partial: bool = False

    def __init__(
        self, message: str = "The session store is not available", retry_after: int = 1
    ) -> None:
        super().__init__(message, retry_after)


class KeysUnavailableError(_UnavailableError):
    """The keys of the token's issuer can't be fetched, and none that may be the token's is known.

    Also: the place of our own keys does not answer, and this process has read none yet.

    :param retry_after: whole seconds after which a client may try again.
    """

    error_code = "keys_unavailable"

    def __init__(
        self, message: str = "The issuer's keys are not available", retry_after: int = 1
    ) -> None:
        super().__init__(message, retry_after)


# ── PyJWT's tree ─────────────────────────────────────────────────────────────────────────

_PARENTS = (InvalidTokenError,)
_LEAVES = (
    DecodeError,
    InvalidSignatureError,
    InvalidAlgorithmError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidIssuedAtError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSubjectError,
    InvalidJTIError,
    MissingRequiredClaimError,
)
_adopted = False


def adopt_pyjwt() -> None:
    """Make our errors inherit PyJWT's, once, if the application has loaded PyJWT.

    An ``except jwt.ExpiredSignatureError`` can only be written where ``jwt`` is imported, so
    looking for the loaded module is enough, and costs an application without PyJWT nothing.

    The order of the bases decides whose ``errorhandler`` Flask picks. A leaf puts PyJWT's
    class first: the application's handler for exactly that class wins, as it did with
    Flask-JWT-Extended. A parent puts ours first: the application's handler for all of
    PyJWT's errors does not swallow our refusals.
    """
    global _adopted  # noqa: PLW0603 - the classes are the process's; so is this fact
    if _adopted or "jwt" not in sys.modules:
        return
    theirs = sys.modules["jwt"]
    pairs = [
        (ours, getattr(theirs, ours.__name__, None) or getattr(_submodule(), ours.__name__, None))
        for ours in _PARENTS + _LEAVES
    ]
    if not isinstance(pairs[0][1], type):
        return  # half imported, or another module by the name of `jwt`
    _adopted = True
    for ours, twin in pairs:
        if isinstance(twin, type) and issubclass(twin, Exception):
            bases = ours.__bases__
            ours.__bases__ = (*bases, twin) if ours in _PARENTS else (twin, *bases)


def _submodule() -> Any:
    return sys.modules.get("jwt.exceptions")
