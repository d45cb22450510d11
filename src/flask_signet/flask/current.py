"""What a request has of a manager: the Signet that it works by, and what a guard found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Request, has_request_context, request

from ..engine.admission import Admission
from ..engine.signet import Signet
from . import mirror

_NOT_VERIFIED: Final = (
    "You must call `@jwt_required()` or `verify_jwt_in_request()` before using this method"
)
_NO_LOOKUP: Final = "You must provide a `@jwt.user_lookup_loader` callback to use this method"

_IN_REQUEST: Final = "_flask_signet"

_MADE: Final = "_flask_signet_made"

Visit = tuple[Signet, Admission | None]
"""The Signet that a request works by, and what a guard let in; None where none has."""


def request_itself() -> Request:
    """The request of now, without its proxy: each attribute of that costs a look-up of its own."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # a proxy
    return found


class Current:
    """The request of now, as one manager in one application sees it.

    :param look: gives the Signet by the options of now.
    :param is_unnamed: whether the manager is the unnamed one, which Flask-JWT-Extended's names in
        ``g`` mirror.
    """

    __slots__ = ("_is_unnamed", "_look")

    def __init__(self, look: Callable[[], Signet], *, is_unnamed: bool) -> None:
        self._look = look
        self._is_unnamed = is_unnamed

    def keep(self, carrier: Request, visit: Visit, *, mirrored: bool = True) -> None:
        """Keep what a guard found with the request that it found it in.

        :param mirrored: whether Flask-JWT-Extended's names in ``g`` show it.
        """
        # By the manager in its application: another application's context may be pushed meanwhile.
        carrier.__dict__.setdefault(_IN_REQUEST, {})[self] = visit
        if mirrored and self._is_unnamed and visit[1] is not None:
            mirror.reflect(visit[1])

    def made(self, signet: Signet, *texts: str) -> None:
        """Note by which Signet tokens were made: their cookies go by the same options."""
        if has_request_context():
            makers: dict[str, Signet] = request.__dict__.setdefault(_MADE, {})
            makers.update(dict.fromkeys(texts, signet))

    def maker_of(self, text: str) -> Signet:
        """The Signet that made a token in this request, else the one of now."""
        makers: dict[str, Signet] = request.__dict__.get(_MADE, {}) if has_request_context() else {}
        return makers.get(text) or self._look()

    def work_by(self, signet: Signet) -> None:
        """Have this request go on with a Signet; what a guard found stays."""
        if has_request_context():
            visits: dict[Current, Visit] = request.__dict__.setdefault(_IN_REQUEST, {})
            visits[self] = signet, self.admission()

    def _visit(self) -> Visit | None:
        if not has_request_context():
            return None
        visits: dict[Current, Visit] = request.__dict__.get(_IN_REQUEST, {})
        return visits.get(self)

    def signet(self) -> Signet:
        """The Signet by which a guard let this request in, else the one of now."""
        visit = self._visit()
        return self._look() if visit is None else visit[0]

    def admission(self) -> Admission | None:
        """What a guard of this manager found in this request; None where none has run."""
        visit = self._visit()
        return None if visit is None else visit[1]

    def own_claims(self) -> dict[str, Any]:
        """The claims of this request's token, if it is one of ours; empty if there is none."""
        admission = self.admission()
        return {} if admission is None or admission.issuer is not None else admission.claims

    def subject(self, signet: Signet, identity: Any) -> Any:
        """A subject as it stands in the tokens, for an identity that an application names.

        What ``get_jwt_identity()`` gave is that already. Everything else is an identity as at a
        log-in.
        """
        admission = self.admission()
        if admission is not None and admission.issuer is None:
            own = admission.identity
            if type(own) is type(identity) and own == identity:
                return admission.claims.get(signet.settings.identity_claim_key)
        return signet.subject_of(identity)

    def sid(self) -> str | None:
        """The session of this request's token, if it is one of ours."""
        # Another issuer's sid names a session of its own.
        sid = self.own_claims().get("sid")
        return sid if isinstance(sid, str) else None

    # ── the getters ──────────────────────────────────────────────────────────────────────

    def claims(self) -> dict[str, Any]:
        """The claims of this request's token.

        :raises RuntimeError: if no guard has run in this request.
        """
        found: dict[str, Any] = self._required("claims")
        return found

    def header(self) -> dict[str, Any]:
        """The header of this request's token.

        :raises RuntimeError: if no guard has run in this request.
        """
        found: dict[str, Any] = self._required("header")
        return found

    def identity(self, claims: dict[str, Any]) -> Any:
        """The identity that this request's token was made for, where these are its claims."""
        admission = self.admission()
        if admission is not None and admission.claims is claims:
            return admission.identity
        # The application put its own claims into `g`.
        return self.signet().identity_in(claims)

    def location(self) -> str | None:
        """Where this request's token was; None where there is none. Never raises."""
        value = self._read("location")
        return None if value is mirror.MISSING else value

    def user(self) -> Any:
        """What the ``user_lookup_loader`` returned for this request's token.

        :raises RuntimeError: if no guard has run, or there is no ``user_lookup_loader``.
        """
        self.claims()  # raises if no guard has run
        loaded = self._read("user")
        if loaded is mirror.MISSING or loaded is None:
            raise RuntimeError(_NO_LOOKUP)
        return loaded["loaded_user"]

    def user_or_none(self) -> Any:
        """The same for a template: None where no guard has run."""
        loaded = self._read("user")
        return loaded["loaded_user"] if isinstance(loaded, dict) else None

    def _read(self, attribute: str) -> Any:
        """A part of the current token, or ``mirror.MISSING``."""
        admission = self.admission()
        if self._is_unnamed:
            return mirror.read(attribute, admission)
        return mirror.part(attribute, admission)

    def _required(self, attribute: str) -> Any:
        value = self._read(attribute)
        if value is mirror.MISSING or value is None:
            raise RuntimeError(_NOT_VERIFIED)
        return value
