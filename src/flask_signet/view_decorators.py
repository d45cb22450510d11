"""Guards for views: ``@jwt_required()`` and ``verify_jwt_in_request()``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar, cast, overload

from flask import Request, current_app, request

from .config import config
from .engine.callbacks import call
from .exceptions import (
    CSRFError,
    FreshTokenRequired,
    InvalidHeaderError,
    InvalidQueryParamError,
    JWTDecodeError,
    NoAuthorizationError,
    SignetError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
from .flask import current as current_token
from .flask.answers import bind
from .flask.app_state import AppState, Configured, current_state
from .flask.blocklist import check_not_blocked, check_not_revoked
from .flask.credentials import EXTRACTORS, Found, find_token
from .flask.current import CurrentToken
from .flask.encoded_tokens import (
    EXPLICIT_TYP,
    check_token,
    decode_token,
    get_unverified_jwt_headers,
    now,
)
from .flask.session_store import check_is_current, is_of_session
from .options.table import Settings

Locations = str | Sequence[str] | None
V = TypeVar("V", bound=Callable[..., Any])


def verify_jwt_in_request(
    optional: bool = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: Locations = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Verify the token of this request, or refuse the request.

    :param optional: let a request without any token pass; a bad token is refused all the same.
    :param fresh: ask for a token made by a log-in, not by a refresh.
    :param refresh: ask for a refresh token; else an access token.
    :param locations: where to look, instead of ``JWT_TOKEN_LOCATION``.
    :param verify_type: False takes access and refresh tokens alike.
    :param skip_revocation_check: take a revoked token too.
    :return: the header and the payload; None for an OPTIONS request, or if there is no token
        and ``optional`` is set.
    :raises SignetError: one of its classes, by what is wrong.
    :raises RuntimeError: if a location's name is wrong.
    """
    arguments = (optional, fresh, refresh, locations, verify_type, skip_revocation_check)
    if _decode_jwt_from_request is not _DECODE_JWT_FROM_REQUEST:
        return _guard_replaced(current_state(), *arguments)
    return guard(current_state(), *arguments)


class Guard(Protocol):
    """A decorator that gives a view back with its type."""

    def __call__(self, view: V, /) -> V: ...


@overload
def jwt_required(optional: V, /) -> V: ...
@overload
def jwt_required(
    optional: bool = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: Locations = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> Guard: ...
def jwt_required(
    optional: Any = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: Locations = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> Any:
    """Guard a view: it runs only for a request with an acceptable token.

    The parameters are those of :func:`verify_jwt_in_request`, and so are the errors, which the
    manager's loaders answer. ``@jwt_required`` without parentheses is ``@jwt_required()``. The
    view may be ``async``.

    :raises TypeError: if ``optional`` is not True or False.
    """
    if callable(optional):
        return jwt_required()(optional)
    locations = checked_arguments(optional, locations)

    def check() -> None:
        # By its name in this module, at each call: tests replace it there.
        verify_jwt_in_request(
            optional, fresh, refresh, locations, verify_type, skip_revocation_check
        )

    return guard_with(check)


def checked_arguments(optional: object, locations: Locations) -> Locations:
    """The locations of a guard, as a tuple; a generator would be empty at the second request.

    :raises TypeError: if ``optional`` is not a bool: ``jwt_required("cookies")`` would let
        everybody in.
    """
    if not isinstance(optional, bool):
        raise TypeError("optional takes True or False; locations are given by name: locations=...")
    return locations if locations is None or isinstance(locations, str) else tuple(locations)


def guard_with(check: Callable[[], Any]) -> Guard:
    """A decorator whose view runs once a check has let its request pass."""

    def decorate(view: V) -> V:
        is_async = iscoroutinefunction(view)  # asked once here, not at every request

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            check()
            if is_async:
                return current_app.ensure_sync(view)(*args, **kwargs)
            return view(*args, **kwargs)

        return cast(V, guarded)

    return decorate


def guard(
    state: AppState,
    optional: bool = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: Locations = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
    *,
    ask_store: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """:func:`verify_jwt_in_request` for any manager.

    :param ask_store: False leaves it to the caller to ask the store whether the token is revoked.
    """
    configured = state.configured()  # one look at the options for the whole request
    carrier: Request = request._get_current_object()  # type: ignore[attr-defined]  # a proxy
    if carrier.method == "OPTIONS" and _is_exempt(configured.settings):
        current_token.remember(state, carrier, current_token.absent(), mirror=False)
        return None
    try:
        try:
            found = find_token(configured.settings, locations, refresh=refresh)
        except NoAuthorizationError:
            # Here alone, not around what follows: a loader that raises it refuses a token.
            if not optional:
                raise
            current_token.remember(state, carrier, current_token.absent())
            return None
        current = _checked(
            state,
            configured,
            found,
            fresh,
            refresh,
            verify_type,
            skip_revocation_check,
            ask_store,
        )
        current.user = _user_of(state, current)
    except SignetError as error:
        bind(error, state)
        raise
    current_token.remember(state, carrier, current)
    if ask_store and configured.settings.session_store is not None and current.issuer is None:
        _note_in_use(state, configured.settings, current.payload)
    return current.header, current.payload


def _note_in_use(state: AppState, settings: Settings, payload: dict[str, Any]) -> None:
    sid, moment, issued_at = payload.get("sid"), now(), payload.get("iat", 0.0)
    if not isinstance(sid, str) or not state.noted.is_due(sid, moment, issued_at):
        return
    store = state.store(settings)
    # While the store is in trouble, no request waits for it a second time.
    if store is not None and not state.store_is_failing():
        state.noted.note(store, sid, moment, issued_at)


def _is_exempt(settings: Settings) -> bool:
    """Whether an OPTIONS request needs no token: a browser sends none with a preflight."""
    if settings.options_exempt == "all":
        return True
    return "Origin" in request.headers and "Access-Control-Request-Method" in request.headers


def _checked(
    state: AppState,
    configured: Configured,
    found: Found,
    fresh: bool,
    refresh: bool,
    verify_type: bool,
    skip_revocation_check: bool,
    ask_store: bool = True,
) -> CurrentToken:
    settings = configured.settings
    token = check_token(state, found.text, configured, csrf_value=found.csrf_value, foreign=True)
    header, payload = token.header.copy(), token.claims.copy()
    issuer = None if token.issuer is None else state.manager.issuers[token.issuer]
    if issuer is not None:
        # Good for access alone, whatever it says of itself; nothing of ours reads it otherwise.
        refuse_refresh(payload)
        payload.update(type="access", fresh=False)
    if verify_type:
        check_type(settings, payload, refresh=refresh)
    elif settings.require_type and payload["type"] not in ("access", "refresh"):
        raise WrongTokenError("Only access and refresh tokens are allowed")
    if settings.explicit_typ and issuer is None:
        check_typ(header, payload)
    if found.location == "query_string" and settings.query_string_protect:
        refuse_refresh(payload)
    if fresh:
        check_fresh(header, payload)
    if not skip_revocation_check:
        check_not_blocked(state, header, payload)
        if ask_store and settings.session_store is not None:
            check_not_revoked(state, settings, header, payload, issuer)
            if payload["type"] == "refresh" and is_of_session(payload):
                check_is_current(state, settings, header, payload)
    check_by_application(state, header, payload)
    identity = _identity(settings, payload) if issuer is None else issuer.identity(payload)
    return CurrentToken(header, payload, None, found.location, identity, token.issuer)


def check_type(settings: Settings, payload: dict[str, Any], *, refresh: bool) -> None:
    """Refuse a refresh token for access and the other way round.

    :raises WrongTokenError: if so.
    """
    kind = payload["type"]
    if refresh and kind != "refresh":
        raise WrongTokenError("Only refresh tokens are allowed")
    if not refresh and (kind == "refresh" or (settings.require_type and kind != "access")):
        raise WrongTokenError("Only non-refresh tokens are allowed")


def check_typ(header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Refuse a token whose header does not say the type that its payload has.

    :raises WrongTokenError: if so.
    """
    kind, typ = payload["type"], header.get("typ")
    expected = EXPLICIT_TYP.get(kind) if isinstance(kind, str) else None
    # RFC 7515 section 4.1.9: a media type, compared without case, "application/" left out.
    named = typ.lower().removeprefix("application/") if isinstance(typ, str) else None
    if expected is None or named != expected:
        raise WrongTokenError("The token's typ is not that of its type")


def refuse_refresh(payload: dict[str, Any]) -> None:
    """Refuse a refresh token where none may be: in a URL, which logs keep, or of another issuer.

    :raises WrongTokenError: if it is one.
    """
    if payload["type"] == "refresh":
        raise WrongTokenError("Only non-refresh tokens are allowed")


def check_fresh(header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Refuse a token that its owner got without logging in just before.

    :raises FreshTokenRequired: if so.
    """
    fresh = payload["fresh"] or False  # None, of another issuer, is no
    if fresh is False or (fresh is not True and fresh < now()):
        raise FreshTokenRequired("Fresh token required", header, payload)


def check_by_application(state: AppState, header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Ask the application's ``token_verification_loader``.

    :raises UserClaimsVerificationError: if it refuses the token.
    """
    callback = state.callbacks.token_verification
    if callback is not None and not call(callback, header, payload):
        raise UserClaimsVerificationError("User claims verification failed", header, payload)


def _identity(settings: Settings, payload: dict[str, Any]) -> Any:
    try:
        return current_token.to_identity(settings, payload)
    except Exception:  # noqa: BLE001 - whatever the application's type raises
        # Signed by us, but not the text of an identity: from before the option was set.
        raise JWTDecodeError(f"Invalid claim: {settings.identity_claim_key}") from None


def _user_of(state: AppState, current: CurrentToken) -> dict[str, Any] | None:
    if _load_user is not _LOAD_USER and not state.manager.name:
        return _load_user(current.header, current.payload)
    return _look_up(state, current.header, current.payload, current.identity)


def _look_up(
    state: AppState, header: dict[str, Any], payload: dict[str, Any], identity: Any
) -> dict[str, Any] | None:
    callback = state.callbacks.user_lookup
    if callback is None:
        return None
    user = call(callback, header, payload)
    if user is None:
        message = "user_lookup returned None"
        if state.settings.profile != "strict":  # where no claim goes into a message
            message += f" for {identity}"
        raise UserLookupError(message, header, payload)
    return {"loaded_user": user}


# ── Flask-JWT-Extended's private names, which public code uses ───────────────────────────


LocationType = Locations

# Nothing here needs these: applications import them from Flask-JWT-Extended's module of this name.
_ALSO_HERE = (
    *(CSRFError, InvalidHeaderError, InvalidQueryParamError),
    *(config, decode_token, get_unverified_jwt_headers),
)


def _decode_jwt_from_headers() -> tuple[str, None]:
    return _extract("headers"), None


def _decode_jwt_from_query_string() -> tuple[str, None]:
    return _extract("query_string"), None


def _decode_jwt_from_json(refresh: bool) -> tuple[str, None]:
    return _extract("json", refresh), None


def _decode_jwt_from_cookies(refresh: bool) -> tuple[str, str | None]:
    found = EXTRACTORS["cookies"](current_state().settings, refresh=refresh)
    return found.text, found.csrf_value


def _extract(location: str, refresh: bool = False) -> str:
    return EXTRACTORS[location](current_state().settings, refresh=refresh).text


def _verify_token_is_fresh(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    check_fresh(jwt_header, jwt_data)


def _decode_jwt_from_request(
    locations: Locations,
    fresh: bool,
    refresh: bool = False,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    state = current_state()
    configured = state.configured()
    try:
        found = find_token(configured.settings, locations, refresh=refresh)
        current = _checked(
            *(state, configured, found, fresh, refresh),
            *(verify_type, skip_revocation_check),
        )
    except SignetError as error:
        bind(error, state)
        raise
    return current.payload, current.header, current.location


def _load_user(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> dict[str, Any] | None:
    state = current_state()
    return _look_up(state, jwt_header, jwt_data, _identity(state.settings, jwt_data))


# Applications' tests replace these two by stand-ins, which the guard then asks. Nothing calls them
# as they are written here, for they say less than the guard needs to know.
_DECODE_JWT_FROM_REQUEST = _decode_jwt_from_request
_LOAD_USER = _load_user


def _guard_replaced(
    state: AppState,
    optional: bool,
    fresh: bool,
    refresh: bool,
    locations: Locations,
    verify_type: bool,
    skip_revocation_check: bool,
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The guard with a stand-in for ``_decode_jwt_from_request``: what it returns is the token."""
    carrier: Request = request._get_current_object()  # type: ignore[attr-defined]  # a proxy
    if carrier.method == "OPTIONS" and _is_exempt(state.settings):
        current_token.remember(state, carrier, current_token.absent(), mirror=False)
        return None
    try:
        payload, header, location = _decode_jwt_from_request(
            locations,
            fresh,
            refresh=refresh,
            verify_type=verify_type,
            skip_revocation_check=skip_revocation_check,
        )
        current = CurrentToken(header, payload, None, location, _identity(state.settings, payload))
        current.user = _user_of(state, current)
    except SignetError as error:
        if not (optional and isinstance(error, NoAuthorizationError)):
            bind(error, state)
            raise
        current_token.remember(state, carrier, current_token.absent())
        return None
    current_token.remember(state, carrier, current)
    return header, payload
