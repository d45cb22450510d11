"""The token of this request: what the guard found, and the functions that give it out.

It belongs to the request. Flask's ``g`` belongs to the application context, which a test or a
script may keep open over several requests; what one request proved must not be seen by the
next. Flask-JWT-Extended's four names in ``g`` are kept as a mirror that applications may read,
write and delete: what they write counts, what another request left there does not.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Request, current_app, g, has_request_context, request
from werkzeug.local import LocalProxy

from ..options.table import Settings
from .app_state import EXTENSION, AppState, current_state

_MISSING: Final = object()

_NOT_VERIFIED = (
    "You must call `@jwt_required()` or `verify_jwt_in_request()` before using this method"
)
_NO_LOOKUP = "You must provide a `@jwt.user_lookup_loader` callback to use this method"

_MIRROR = "_flask_signet_mirror"
_NAMES = (
    ("payload", "_jwt_extended_jwt"),
    ("header", "_jwt_extended_jwt_header"),
    ("user", "_jwt_extended_jwt_user"),
    ("location", "_jwt_extended_jwt_location"),
)
_NAME_IN_G = dict(_NAMES)


class CurrentToken:
    """What a guard found in one request.

    ``header`` and ``payload`` are empty where a guard let a request pass without a token;
    ``user`` is ``{"loaded_user": ...}``, or None where no ``user_lookup_loader`` is set; ``issuer``
    is the other issuer that the token is of, None for one of ours.
    """

    __slots__ = ("header", "identity", "issuer", "location", "payload", "user")

    header: dict[str, Any]
    payload: dict[str, Any]
    user: dict[str, Any] | None
    location: str | None
    identity: Any
    issuer: str | None

    def __init__(
        self,
        header: dict[str, Any],
        payload: dict[str, Any],
        user: dict[str, Any] | None,
        location: str | None,
        identity: Any,
        issuer: str | None = None,
    ) -> None:
        self.header = header
        self.payload = payload
        self.user = user
        self.location = location
        self.identity = identity
        self.issuer = issuer


def absent() -> CurrentToken:
    """What stands for the token of a request that a guard let pass without one."""
    return CurrentToken({}, {}, {"loaded_user": None}, None, None)


def remember(
    state: AppState, carrier: Request, current: CurrentToken, *, mirror: bool = True
) -> None:
    """Make it the current token of the request ``carrier``, for this manager."""
    # By the manager in its application: another application's context may be pushed meanwhile.
    carrier.__dict__.setdefault("_flask_signet", {})[state] = current
    if mirror and not state.manager.name:
        target = g._get_current_object()
        # All at once: `g` takes its attributes one by one through a function each.
        target.__dict__.update(
            _jwt_extended_jwt_user=current.user,
            _jwt_extended_jwt_header=current.header,
            _jwt_extended_jwt=current.payload,
            _jwt_extended_jwt_location=current.location,
            _flask_signet_mirror=current,
        )


def of_request(state: AppState | None) -> CurrentToken | None:
    """What a guard of this manager found in this request, or None."""
    if state is None or not has_request_context():
        return None
    found: dict[AppState, CurrentToken] = request.__dict__.get("_flask_signet", {})
    return found.get(state)


def _unnamed() -> AppState | None:
    """The unnamed manager's state; None in an application that has none."""
    state: AppState | None = current_app.extensions.get(EXTENSION, {}).get("")
    return state


def _read(attribute: str, state: AppState | None) -> Any:
    """A part of the current token, or ``_MISSING``."""
    if state is None:
        state = _unnamed()
    current = of_request(state)
    if state is not None and state.manager.name:
        return getattr(current, attribute) if current is not None else _MISSING
    in_g = g.get(_NAME_IN_G[attribute], _MISSING)
    mirrored: CurrentToken | None = g.get(_MIRROR)
    if mirrored is not None and mirrored is not current:
        # Not this request's mirror. What still stands there as it was put is another's.
        if in_g is getattr(mirrored, attribute) or in_g is _MISSING:
            return getattr(current, attribute) if current is not None else _MISSING
        return in_g
    if mirrored is None and in_g is _MISSING and current is not None:
        return getattr(current, attribute)  # an OPTIONS request, say: never mirrored
    return in_g


def _require(attribute: str, state: AppState | None) -> Any:
    value = _read(attribute, state)
    if value is _MISSING or value is None:
        raise RuntimeError(_NOT_VERIFIED)
    return value


def payload(state: AppState | None = None) -> dict[str, Any]:
    """:func:`get_jwt`; for a named manager, with its state."""
    found: dict[str, Any] = _require("payload", state)
    return found


def header(state: AppState | None = None) -> dict[str, Any]:
    """:func:`get_jwt_header`; for a named manager, with its state."""
    found: dict[str, Any] = _require("header", state)
    return found


def identity(state: AppState | None = None, claims: dict[str, Any] | None = None) -> Any:
    """:func:`get_jwt_identity`; for a named manager, with its state."""
    if claims is None:
        claims = payload(state)
    if state is None:
        state = current_state()
    current = of_request(state)
    if current is not None and current.payload is claims:
        return current.identity
    return to_identity(state.settings, claims)  # the application put its own claims into `g`


def to_identity(settings: Settings, claims: dict[str, Any]) -> Any:
    """The identity in some claims, of ``JWT_IDENTITY_TYPE`` where that is set.

    :raises ValueError: or whatever the type raises, if the text is none of its.
    """
    value = claims.get(settings.identity_claim_key)
    if settings.identity_type is None or value is None:
        return value
    return settings.identity_type(value)


def location(state: AppState | None = None) -> str | None:
    """:func:`get_jwt_request_location`; for a named manager, with its state."""
    value = _read("location", state)
    return None if value is _MISSING else value


def user(state: AppState | None = None) -> Any:
    """:func:`get_current_user`; for a named manager, with its state."""
    payload(state)  # raises if no guard has run
    loaded = _read("user", state)
    if loaded is _MISSING or loaded is None:
        raise RuntimeError(_NO_LOOKUP)
    return loaded["loaded_user"]


# ── the public functions, for the unnamed manager ────────────────────────────────────────


def get_jwt() -> dict[str, Any]:
    """The payload of this request's token: its claims.

    :return: a dictionary; empty where ``jwt_required(optional=True)`` found no token.
    :raises RuntimeError: if no guard has run in this request.
    """
    return payload()


def get_jwt_header() -> dict[str, Any]:
    """The header of this request's token.

    :return: a dictionary; empty where ``jwt_required(optional=True)`` found no token.
    :raises RuntimeError: if no guard has run in this request.
    """
    return header()


def get_jwt_identity() -> Any:
    """The identity that this request's token was made for.

    It is the claim ``JWT_IDENTITY_CLAIM`` (``sub``), of ``JWT_IDENTITY_TYPE`` where that is
    set; None where ``jwt_required(optional=True)`` found no token.

    :raises RuntimeError: if no guard has run in this request.
    """
    from .. import utils  # applications' tests replace `utils.get_jwt`: it is asked by that name

    return identity(claims=utils.get_jwt())


def get_jwt_request_location() -> str | None:
    """Where this request's token was. Never raises.

    :return: ``"headers"``, ``"cookies"``, ``"query_string"``, ``"json"``, or None.
    """
    return location()


def get_current_user() -> Any:
    """What the ``user_lookup_loader`` returned for this request's token.

    :return: the user; None where ``jwt_required(optional=True)`` found no token.
    :raises RuntimeError: if no guard has run, or there is no ``user_lookup_loader``.
    """
    return user()


def _current_user() -> Any:
    from .. import utils  # replaced there by applications' tests, like `get_jwt`

    return utils.get_current_user()


#: The user of this request, as :func:`get_current_user` gives it.
current_user: Any = LocalProxy(_current_user)


def current_user_context_processor() -> dict[str, Any]:
    """``current_user`` for templates: None where no guard has run."""
    loaded = _read("user", None)
    return {"current_user": loaded["loaded_user"] if isinstance(loaded, dict) else None}
