"""The import path ``flask_jwt_extended.view_decorators``, under this package's name.

Applications' tests replace three names in this module: ``verify_jwt_in_request``,
``_decode_jwt_from_request`` and ``_load_user``. So the guard of the package is here, and looks at
them at each call; nothing below knows of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, overload

from flask import request

from .config import config as config
from .engine.admission import Admission
from .engine.rule import Kind, Locations, Rule, check_fresh
from .exceptions import CSRFError as CSRFError
from .exceptions import FreshTokenRequired as FreshTokenRequired
from .exceptions import InvalidHeaderError as InvalidHeaderError
from .exceptions import InvalidQueryParamError as InvalidQueryParamError
from .exceptions import NoAuthorizationError as NoAuthorizationError
from .exceptions import UserLookupError as UserLookupError
from .flask.boundaries import answered
from .flask.credentials import Search, find
from .flask.guards import Guard, guarding, is_exempt
from .flask.installation import installation
from .flask.mirror import as_loaded
from .flask.unnamed import UNNAMED, Unnamed
from .utils import decode_token as decode_token
from .utils import get_unverified_jwt_headers as get_unverified_jwt_headers

LocationType = Locations
Found = tuple[dict[str, Any], dict[str, Any]]
V = TypeVar("V", bound=Callable[..., Any])


def verify_jwt_in_request(
    optional: bool = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: Locations = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> Found | None:
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
    rule = Rule.of(optional, fresh, refresh, locations, verify_type, skip_revocation_check)
    found = (_REPLACEABLE if _are_replaced() else UNNAMED).guard(rule)
    return None if found is None else (found.header, found.claims)


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
    view may be ``async``. Its attribute ``rule`` says what the guard asks.

    :raises TypeError: if ``optional`` is not True or False.
    """
    if callable(optional):
        return jwt_required()(optional)
    rule = Rule.of(optional, fresh, refresh, locations, verify_type, skip_revocation_check)

    def check() -> None:
        if verify_jwt_in_request is not _VERIFY_JWT_IN_REQUEST:
            verify_jwt_in_request(*_arguments(rule))
        elif _are_replaced():
            _REPLACEABLE.guard(rule)
        else:
            UNNAMED.guard(rule)

    return guarding(rule, check)


def _arguments(rule: Rule) -> tuple[Any, ...]:
    """A rule in Flask-JWT-Extended's arguments of a guard, in their order."""
    return (
        rule.optional,
        rule.fresh,
        rule.kind == "refresh",
        rule.locations,
        not rule.either,
        not rule.revocation,
    )


# ── Flask-JWT-Extended's private names, which public code uses ───────────────────────────


def _search(kind: Kind) -> Search:
    return Search(request, installation().signet(), kind)


def _decode_jwt_from_headers() -> tuple[str, None]:
    return _search("access").in_headers().text, None


def _decode_jwt_from_query_string() -> tuple[str, None]:
    return _search("access").in_query_string().text, None


def _decode_jwt_from_json(refresh: bool) -> tuple[str, None]:
    return _search("refresh" if refresh else "access").in_json().text, None


def _decode_jwt_from_cookies(refresh: bool) -> tuple[str, str | None]:
    found = _search("refresh" if refresh else "access").in_cookies()
    return found.text, found.csrf


def _verify_token_is_fresh(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    check_fresh(jwt_header, jwt_data, installation().signet().clock())


def _decode_jwt_from_request(
    locations: Locations,
    fresh: bool,
    refresh: bool = False,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    rule = Rule.of(False, fresh, refresh, locations, verify_type, skip_revocation_check)
    found = _REPLACEABLE.decode_request(rule)
    return found.claims, found.header, found.location


def _load_user(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> dict[str, Any] | None:
    signet = installation().signet()
    admission = Admission(jwt_header, jwt_data, identity=signet.checked_identity_in(jwt_data))
    signet.look_up(admission)
    return as_loaded(admission)


# ── the guard with stand-ins ─────────────────────────────────────────────────────────────


class _Replaceable(Unnamed):
    """The unnamed manager's guard in Flask-JWT-Extended's steps, of which two may be stand-ins."""

    @answered
    def decode_request(self, rule: Rule) -> Admission:
        """The token of this request, without its user."""
        signet = self.signet()
        admission = signet.check(find(request, signet, rule), rule)
        signet.confirm(admission, rule)
        return admission

    @answered
    def guard(self, rule: Rule) -> Admission | None:
        """Admit this request by what the two steps in this module say."""
        here = self._here()
        signet = here.signet()
        if request.method == "OPTIONS" and is_exempt(request, signet.settings):
            here.current.keep(request, (signet, Admission.without_token()), mirrored=False)
            return None
        _, fresh, refresh, locations, verify_type, skip_revocation_check = _arguments(rule)
        try:
            claims, header, location = _decode_jwt_from_request(
                locations,
                fresh,
                refresh=refresh,
                verify_type=verify_type,
                skip_revocation_check=skip_revocation_check,
            )
        except NoAuthorizationError:
            if not rule.optional:
                raise
            here.current.keep(request, (signet, Admission.without_token()))
            return None
        identity = signet.checked_identity_in(claims)
        admission = Admission(header, claims, location, identity=identity)
        loaded = _load_user(header, claims)
        if loaded is not None:
            admission.user, admission.has_user = loaded["loaded_user"], True
        here.current.keep(request, (signet, admission))
        return admission


_REPLACEABLE: Final = _Replaceable()

# The names as they are written here: another object under one of them is a stand-in.
_VERIFY_JWT_IN_REQUEST: Final = verify_jwt_in_request
_DECODE_JWT_FROM_REQUEST: Final = _decode_jwt_from_request
_LOAD_USER: Final = _load_user


def _are_replaced() -> bool:
    return _decode_jwt_from_request is not _DECODE_JWT_FROM_REQUEST or _load_user is not _LOAD_USER
