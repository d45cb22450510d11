"""What a guard asks of a token: one value, made when a view is decorated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from ..exceptions import FreshTokenRequired, RecentLoginRequired, WrongTokenError
from ..options.table import Settings
from ..sessions.session import was_adopted
from .admission import Admission

Kind = Literal["access", "refresh"]
Locations = str | Sequence[str] | None

EXPLICIT_TYP: Final = {"access": "at+jwt", "refresh": "rt+jwt"}
"""The ``typ`` of our tokens' headers where ``JWT_EXPLICIT_TYP`` is on (RFC 8725 section 3.11; the
first is RFC 9068's)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a guard asks of a token. ``view.rule`` gives the rule of a guarded view.

    :param optional: a request without any token passes; a bad token is refused all the same.
    :param kind: the kind of token that the guard looks for. It has a cookie, a JSON member and a
        CSRF header of its own.
    :param either: a token of the other kind is taken as well.
    :param fresh: the token was made by a log-in, not by a refresh.
    :param within: the owner logged in so recently, see :func:`logged_in_at`; None asks nothing.
    :param locations: where to look, in this order; None: where ``JWT_TOKEN_LOCATION`` says.
    :param revocation: a revoked token is refused.
    :param asks_store: the store is asked whether the token is revoked. A rotation does not: its
        one write decides.
    :param current: a refresh token is the one that its session takes next, and one that was used
        before ends the session. Introspection asks that last, and ends nothing.
    """

    optional: bool = False
    kind: Kind = "access"
    either: bool = False
    fresh: bool = False
    locations: str | tuple[str, ...] | None = None
    revocation: bool = True
    asks_store: bool = True
    current: bool = True
    within: timedelta | None = None

    @classmethod
    def of(
        cls,
        optional: object = False,
        fresh: bool = False,
        refresh: bool = False,
        locations: Locations = None,
        verify_type: bool = True,
        skip_revocation_check: bool = False,
        *,
        within: timedelta | None = None,
    ) -> Rule:
        """The rule of a guard's arguments, in Flask-JWT-Extended's names and order.

        :param optional: whether a request without a token passes; see :func:`flag` for guards that
            are made once.
        :raises TypeError: if ``within`` is no ``timedelta``.
        :raises ValueError: if ``within`` is not above zero.
        """
        if within is not None:
            if not isinstance(within, timedelta):
                raise TypeError("within takes a timedelta, e.g. timedelta(minutes=5)")
            if within <= timedelta(0):
                raise ValueError("within is not above zero: no log-in is that recent")
        if locations is not None and not isinstance(locations, str):
            locations = tuple(locations)  # a generator would be empty at the second request
        return cls(
            optional=bool(optional),
            kind="refresh" if refresh else "access",
            either=not verify_type,
            fresh=fresh,
            locations=locations,
            revocation=not skip_revocation_check,
            within=within,
        )

    def as_arguments(self) -> tuple[Any, ...]:
        """The rule in Flask-JWT-Extended's arguments of a guard, in their order."""
        return (
            self.optional,
            self.fresh,
            self.kind == "refresh",
            self.locations,
            not self.either,
            not self.revocation,
        )

    def as_keywords(self) -> dict[str, Any]:
        """What the rule asks beyond Flask-JWT-Extended's arguments, by keyword."""
        return {} if self.within is None else {"within": self.within}

    def check(self, admission: Admission, settings: Settings, clock: Callable[[], float]) -> None:
        """Refuse a verified token that does not follow the rule. This computes; it never waits.

        :param clock: gives the seconds since 1970; it is read where the rule asks for freshness.
        :raises WrongTokenError: if the token is of another kind, is a refresh token where none may
            be, or is bound to a key.
        :raises FreshTokenRequired: if it is not fresh.
        :raises RecentLoginRequired: if its owner logged in too long ago.
        """
        header, claims = admission.header, admission.claims
        if admission.issuer is not None:
            # A token of another issuer is good for access alone, whatever it says of itself.
            refuse_refresh(claims)
            claims.update(type="access", fresh=False)
        if not self.either:
            check_kind(claims, self.kind, strictly=settings.require_type)
        elif settings.require_type and claims["type"] not in ("access", "refresh"):
            raise WrongTokenError("Only access and refresh tokens are allowed")
        if not settings.allow_bound_tokens:
            refuse_bound(claims)
        if settings.explicit_typ and admission.issuer is None:
            check_typ(header, claims)
        if settings.query_string_protect and admission.location == "query_string":
            refuse_refresh(claims)
        if self.fresh:
            check_fresh(header, claims, clock())
        if self.within is not None:
            check_recent(header, claims, self.within, clock())


def flag(optional: object) -> bool:
    """The first argument of a guard.

    :raises TypeError: if it is not True or False: ``jwt_required("cookies")`` would let every
        request in.
    """
    if isinstance(optional, bool):
        return optional
    raise TypeError("optional takes True or False; locations are given by name: locations=...")


def check_kind(claims: Mapping[str, Any], kind: Kind, *, strictly: bool) -> None:
    """Refuse a refresh token for access and the other way round.

    :param strictly: an access token must say ``type: access``; else every type but ``refresh``
        is one.
    :raises WrongTokenError: if the token is of the other kind.
    """
    found = claims["type"]
    if kind == "refresh":
        if found != "refresh":
            raise WrongTokenError("Only refresh tokens are allowed")
    elif found == "refresh" or (strictly and found != "access"):
        raise WrongTokenError("Only non-refresh tokens are allowed")


def check_typ(header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Refuse a token whose header does not say the type that its payload has.

    :raises WrongTokenError: if they differ.
    """
    kind, typ = claims["type"], header.get("typ")
    expected = EXPLICIT_TYP.get(kind) if isinstance(kind, str) else None
    # RFC 7515 section 4.1.9: a media type, compared without case, "application/" left out.
    named = typ.lower().removeprefix("application/") if isinstance(typ, str) else None
    if expected is None or named != expected:
        raise WrongTokenError("The token's typ is not that of its type")


def refuse_bound(claims: Mapping[str, Any]) -> None:
    """Refuse a token that is bound to its client's key (``cnf``, RFC 7800 section 3.1).

    The client proves that it has the key: by a DPoP proof, or by its TLS certificate. No guard asks
    for the proof, so whoever has stolen the token would be let in (RFC 9449 section 7.2).

    :raises WrongTokenError: if the token is bound.
    """
    if "cnf" in claims:
        raise WrongTokenError("The token is bound to a key, and no proof of the key is checked")


def refuse_refresh(claims: Mapping[str, Any]) -> None:
    """Refuse a refresh token where none may be: in a URL, which logs keep, or of another issuer.

    :raises WrongTokenError: if the token is one.
    """
    if claims["type"] == "refresh":
        raise WrongTokenError("Only non-refresh tokens are allowed")


def check_fresh(header: Mapping[str, Any], claims: Mapping[str, Any], now: float) -> None:
    """Refuse a token that its owner got without logging in just before.

    :param now: seconds since 1970.
    :raises FreshTokenRequired: if the token is not fresh, or is so no more.
    """
    if not is_fresh(claims, now):
        raise FreshTokenRequired("Fresh token required", header, claims)


def is_fresh(claims: Mapping[str, Any], now: float) -> bool:
    """Whether a token was made by a log-in, and is fresh still."""
    fresh = claims.get("fresh") or False  # None, of another issuer, is no
    return fresh is True or (fresh is not False and fresh >= now)


def check_recent(
    header: Mapping[str, Any], claims: Mapping[str, Any], within: timedelta, now: float
) -> None:
    """Refuse a token whose owner logged in too long ago (RFC 9470).

    :param now: seconds since 1970.
    :raises RecentLoginRequired: if the log-in was longer ago, or nothing tells when it was.
    """
    most, moment = within.total_seconds(), logged_in_at(claims, now)
    # In both directions: a moment far ahead, by another clock, would be recent for ever.
    if moment is None or abs(now - moment) > most:
        raise RecentLoginRequired(header, claims, int(most))


def logged_in_at(claims: Mapping[str, Any], now: float) -> float | None:
    """When the owner of a token last logged in, in seconds since 1970; None: nothing tells it.

    A fresh token was made at that moment: by a log-in, or when the password was asked for once
    more. For any other token it is ``auth_time``, when the session was opened. A session that was
    opened by a token from before there was a store was opened by no log-in.
    """
    moment: Any = None
    if is_fresh(claims, now):
        moment = claims.get("iat")
    elif not was_adopted(str(claims.get("sid"))):
        moment = claims.get("auth_time")
    return float(moment) if type(moment) in (int, float) else None
