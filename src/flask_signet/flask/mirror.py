"""Flask-JWT-Extended's four names in ``g``, which applications read, write and delete.

The token of a request belongs to the request (:mod:`.current`). Flask's ``g`` belongs to the
application context, which a test or a script may keep open over several requests: one request must
not see what another proved. So ``g`` is a mirror. What an application writes there counts; what
another request left there does not.
"""

from __future__ import annotations

from typing import Any, Final

from flask import g

from ..engine.admission import Admission

MISSING: Final = object()
"""Stands for a value that is not there, where None is a value."""

_MIRROR: Final = "_flask_signet_mirror"
_NAME_IN_G: Final = {
    "claims": "_jwt_extended_jwt",
    "header": "_jwt_extended_jwt_header",
    "user": "_jwt_extended_jwt_user",
    "location": "_jwt_extended_jwt_location",
}


def as_loaded(admission: Admission) -> dict[str, Any] | None:
    """The user in Flask-JWT-Extended's form; None where no ``user_lookup_loader`` is set."""
    return {"loaded_user": admission.user} if admission.has_user else None


def reflect(admission: Admission) -> None:
    """Put an admission into ``g``."""
    user = {"loaded_user": admission.user} if admission.has_user else None
    # All at once: `g` takes its attributes one by one through a function each.
    g._get_current_object().__dict__.update(
        _jwt_extended_jwt_user=user,
        _jwt_extended_jwt_header=admission.header,
        _jwt_extended_jwt=admission.claims,
        _jwt_extended_jwt_location=admission.location,
        _flask_signet_mirror=(admission, user),
    )


def read(attribute: str, admission: Admission | None) -> Any:
    """A part of the current token, as the application sees it, or :data:`MISSING`.

    :param attribute: ``"claims"``, ``"header"``, ``"user"`` or ``"location"``.
    :param admission: of this request; None where no guard has run.
    """
    in_g = g.get(_NAME_IN_G[attribute], MISSING)
    mirrored: tuple[Admission, dict[str, Any] | None] | None = g.get(_MIRROR)
    if mirrored is None:
        # An OPTIONS request, say, is never mirrored.
        return part(attribute, admission) if in_g is MISSING else in_g
    there, user = mirrored
    if there is admission:
        return in_g
    # `g` was filled by an earlier request in the same application context. Values left as that
    # request wrote them are not ours.
    if in_g is MISSING or in_g is (user if attribute == "user" else getattr(there, attribute)):
        return part(attribute, admission)
    return in_g


def part(attribute: str, admission: Admission | None) -> Any:
    """A part of an admission in Flask-JWT-Extended's form, or :data:`MISSING`."""
    if admission is None:
        return MISSING
    return as_loaded(admission) if attribute == "user" else getattr(admission, attribute)
