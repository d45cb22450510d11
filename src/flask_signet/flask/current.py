"""What a request has of a manager: the Signet that it works by, and what a guard found."""

from __future__ import annotations

from typing import Any, Final

from flask import Request, current_app, has_request_context, request

from ..engine.admission import Admission
from ..engine.signet import Signet
from . import mirror
from .installation import Installation, installations

_NOT_VERIFIED: Final = (
    "You must call `@jwt_required()` or `verify_jwt_in_request()` before using this method"
)
_NO_LOOKUP: Final = "You must provide a `@jwt.user_lookup_loader` callback to use this method"

_IN_REQUEST: Final = "_flask_signet"


Visit = tuple[Signet, Admission | None]
"""One request, as one manager sees it: by what it works, and what a guard found.

The Signet is that of a guard, a log-in, a refresh or a log-out: what follows in the same request
(its cookies, say) goes by the same options. The second is None where no guard has run.
"""


def keep(carrier: Request, here: Installation, visit: Visit, *, mirrored: bool = True) -> None:
    """Keep what a guard found with the request that it found it in.

    :param mirrored: whether Flask-JWT-Extended's names in ``g`` show it.
    """
    # By the manager in its application: the context of another application may be pushed meanwhile.
    carrier.__dict__.setdefault(_IN_REQUEST, {})[here] = visit
    if mirrored and not here.manager.name and visit[1] is not None:
        mirror.reflect(visit[1])


def work_by(here: Installation, signet: Signet) -> None:
    """Have this request go on with a Signet; what a guard found stays."""
    if has_request_context():
        visits: dict[Installation, Visit] = request.__dict__.setdefault(_IN_REQUEST, {})
        visits[here] = signet, admission_of_request(here)


def _visit(here: Installation | None) -> Visit | None:
    if here is None or not has_request_context():
        return None
    visits: dict[Installation, Visit] = request.__dict__.get(_IN_REQUEST, {})
    return visits.get(here)


def signet_of_request(here: Installation) -> Signet:
    """The Signet that this request works by already, else the one of now."""
    visit = _visit(here)
    return here.signet() if visit is None else visit[0]


def admission_of_request(here: Installation | None) -> Admission | None:
    """What a guard of this manager found in this request; None where none has run."""
    visit = _visit(here)
    return None if visit is None else visit[1]


def sid_of_request(here: Installation) -> str | None:
    """The session of this request's token, if it is one of ours."""
    admission = admission_of_request(here)
    if admission is None or admission.issuer is not None:
        return None  # another issuer's sid names a session of its own
    sid = admission.claims.get("sid")
    return sid if isinstance(sid, str) else None


# ── the getters, each for any manager ────────────────────────────────────────────────────


def claims_of(here: Installation | None) -> dict[str, Any]:
    """The claims of this request's token.

    :raises RuntimeError: if no guard has run in this request.
    """
    found: dict[str, Any] = _required("claims", here)
    return found


def header_of(here: Installation | None) -> dict[str, Any]:
    """The header of this request's token.

    :raises RuntimeError: if no guard has run in this request.
    """
    found: dict[str, Any] = _required("header", here)
    return found


def identity_of(here: Installation, claims: dict[str, Any]) -> Any:
    """Whom this request's token was made for, where these are its claims."""
    admission = admission_of_request(here)
    if admission is not None and admission.claims is claims:
        return admission.identity
    # The application put its own claims into `g`.
    return signet_of_request(here).identity_in(claims)


def location_of(here: Installation | None) -> str | None:
    """Where this request's token was; None where there is none. Never raises."""
    value = _read("location", here)
    return None if value is mirror.MISSING else value


def user_of(here: Installation | None) -> Any:
    """What the ``user_lookup_loader`` returned for this request's token.

    :raises RuntimeError: if no guard has run, or there is no ``user_lookup_loader``.
    """
    claims_of(here)  # raises if no guard has run
    loaded = _read("user", here)
    if loaded is mirror.MISSING or loaded is None:
        raise RuntimeError(_NO_LOOKUP)
    return loaded["loaded_user"]


def user_for_templates() -> dict[str, Any]:
    """``current_user`` for templates: None where no guard of the unnamed manager has run."""
    loaded = _read("user", unnamed())
    return {"current_user": loaded["loaded_user"] if isinstance(loaded, dict) else None}


def unnamed() -> Installation | None:
    """The unnamed manager's installation; None in an application that has none."""
    return installations(current_app).get("")


def _read(attribute: str, here: Installation | None) -> Any:
    """A part of the current token, or ``mirror.MISSING``."""
    admission = admission_of_request(here)
    if here is not None and here.manager.name:
        return mirror.part(attribute, admission)
    return mirror.read(attribute, admission)


def _required(attribute: str, here: Installation | None) -> Any:
    value = _read(attribute, here)
    if value is mirror.MISSING or value is None:
        raise RuntimeError(_NOT_VERIFIED)
    return value
