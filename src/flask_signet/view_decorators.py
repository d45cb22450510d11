"""The import path ``flask_jwt_extended.view_decorators``, under this package's name.

Applications' tests replace three names in this module: ``verify_jwt_in_request``,
``_decode_jwt_from_request`` and ``_load_user``. So the guard of the package is here, and looks at
them at each call; nothing below knows of them.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from flask import request

from .config import config as config
from .engine.admission import Admission
from .engine.rule import Kind, Locations, Rule, check_fresh, check_recent, flag
from .engine.signet import Signet
from .exceptions import CSRFError as CSRFError
from .exceptions import FreshTokenRequired as FreshTokenRequired
from .exceptions import InvalidHeaderError as InvalidHeaderError
from .exceptions import InvalidQueryParamError as InvalidQueryParamError
from .exceptions import NoAuthorizationError as NoAuthorizationError
from .exceptions import UserLookupError as UserLookupError
from .flask.boundaries import answered
from .flask.credentials import Search, find
from .flask.guards import admit_request, guarding, is_exempt
from .flask.installation import installation
from .flask.manager import Manager, admit
from .flask.mirror import as_loaded
from .flask.unnamed import UNNAMED, in_place_of
from .utils import decode_token as decode_token
from .utils import get_unverified_jwt_headers as get_unverified_jwt_headers

LocationType = Locations
Found = tuple[dict[str, Any], dict[str, Any]]


@in_place_of(UNNAMED.verify_jwt_in_request, __name__)
def verify_jwt_in_request(*arguments: Any, **keywords: Any) -> Found | None:
    """See :meth:`.Manager.verify_jwt_in_request`."""
    found = _admit(Rule.of(*arguments, **keywords))
    return None if found is None else (found.header, found.claims)


@in_place_of(UNNAMED.jwt_required, __name__)
def jwt_required(optional: Any = False, *arguments: Any, **keywords: Any) -> Any:
    """See :meth:`.Manager.jwt_required`."""
    if callable(optional):
        return jwt_required()(optional)
    rule = Rule.of(flag(optional), *arguments, **keywords)

    def check() -> object:
        if verify_jwt_in_request is _VERIFY_JWT_IN_REQUEST:
            return _admit(rule)
        return verify_jwt_in_request(*rule.as_arguments(), **rule.as_keywords())

    return guarding(rule, check, UNNAMED.name)


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
    found = _decoded(UNNAMED, rule)
    return found.claims, found.header, found.location


def _load_user(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> dict[str, Any] | None:
    admission = Admission(jwt_header, jwt_data)
    installation().signet().look_up(admission)
    return as_loaded(admission)


@answered
def _decoded(manager: Manager, rule: Rule) -> Admission:
    """The token of this request, without its user."""
    signet = installation(manager.name).signet()
    admission = signet.check(find(request, signet, rule), rule)
    signet.confirm(admission, rule)
    return admission


# ── the guard, which may have stand-ins ──────────────────────────────────────────────────

# The names as they are written here: another object under one of them is a stand-in.
_VERIFY_JWT_IN_REQUEST: Final = verify_jwt_in_request
_DECODE_JWT_FROM_REQUEST: Final = _decode_jwt_from_request
_LOAD_USER: Final = _load_user


def _admit(rule: Rule) -> Admission | None:
    if _decode_jwt_from_request is not _DECODE_JWT_FROM_REQUEST:
        return _admit_decoded(UNNAMED, rule)
    if _load_user is not _LOAD_USER:
        return _admit_loaded(UNNAMED, rule)
    return admit(UNNAMED, rule)


class _OtherUsers(Signet):
    """The engine with the stand-in for ``_load_user``."""

    __slots__ = ()

    @classmethod
    def of_now(cls) -> Signet:
        """The engine of the unnamed manager, with the stand-in if there is one."""
        signet = installation().signet()
        if _load_user is _LOAD_USER:
            return signet
        return cls(**{each.name: getattr(signet, each.name) for each in fields(signet)})

    def look_up(self, admission: Admission) -> None:
        self.identify(admission)
        loaded = _load_user(admission.header, admission.claims)
        if loaded is not None:
            admission.user, admission.has_user = loaded["loaded_user"], True


@answered
def _admit_loaded(manager: Manager, rule: Rule) -> Admission | None:
    return admit_request(manager, installation(manager.name), rule, _OtherUsers.of_now())


@answered
def _admit_decoded(manager: Manager, rule: Rule) -> Admission | None:
    """Admit this request by what the stand-in for ``_decode_jwt_from_request`` says."""
    here, signet = installation(manager.name), _OtherUsers.of_now()
    if request.method == "OPTIONS" and is_exempt(request, signet.settings):
        here.current.keep(request, (signet, Admission.without_token()), mirrored=False)
        return None
    _, fresh, refresh, locations, verify_type, skip_revocation_check = rule.as_arguments()
    try:
        claims, header, location = _decode_jwt_from_request(
            locations,
            fresh,
            refresh=refresh,
            verify_type=verify_type,
            skip_revocation_check=skip_revocation_check,
        )
        if rule.within is not None:
            check_recent(header, claims, rule.within, signet.clock())
        admission = Admission(header, claims, location)
        signet.look_up(admission)
    except NoAuthorizationError:
        if not rule.optional:
            raise
        here.current.keep(request, (signet, Admission.without_token()))
        return None
    here.current.keep(request, (signet, admission))
    return admission
