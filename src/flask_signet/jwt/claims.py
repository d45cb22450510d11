"""The claims of a payload, a function for each (RFC 7519 section 4.1).

Times are seconds since 1970; ``now`` is an argument. The messages are those that applications
know from Flask-JWT-Extended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from math import inf, isfinite
from typing import Any, Final, Literal

from ..exceptions import (
    CSRFError,
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidSubjectError,
    JWTDecodeError,
    MissingRequiredClaimError,
    WrongTokenError,
)

LAST_SECOND: Final = 253402300799
"""Seconds: the end of the year 9999. No calendar knows a later time."""

SubjectRule = Literal["string", "string_or_int", "anything"]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a payload must say. The defaults are those of Flask-JWT-Extended.

    :param identity_claim: the claim that must be there. The rules of ``sub`` are for ``sub`` alone.
    :param issuers: ``iss`` must be one of them, exactly; None asks nothing.
    :param audiences: ``aud`` must name one of them, exactly; None asks nothing.
    :param refuses_audience: without ``audiences``, refuse a token that has one: it is for others.
    :param audience_claim: the claim that names the audience; some issuers have one of their own.
    :param type_claim: a claim and the value that it must have, exactly: it tells an issuer's access
        tokens from its other tokens.
    :param leeway: seconds by which clocks may differ.
    :param subject: what ``sub`` may be.
    :param require_exp: refuse a token that never expires.
    :param require_type: refuse a token that does not say its ``type``.
    :param bounded_ids: ``sub`` of 1 to 255 and ``jti`` of 1 to 64 characters, both required, and
        no ``fresh`` beyond ``exp``.
    """

    identity_claim: str = "sub"
    issuers: frozenset[str] | None = None
    audiences: frozenset[str] | None = None
    leeway: float = 0
    subject: SubjectRule = "string_or_int"
    require_exp: bool = False
    require_type: bool = False
    bounded_ids: bool = False
    audience_claim: str = "aud"
    type_claim: tuple[str, str] | None = None
    refuses_audience: bool = False


def check_claims(claims: Mapping[str, Any], rules: ClaimRules, now: float) -> None:
    """Refuse a payload that does not follow the rules.

    Expiry comes last: an expired token that is wrong in no other way is one that a client may
    renew, and its claims may be given to a callback.

    :param now: seconds since 1970.
    :raises ExpiredSignatureError: if its only fault is that ``exp`` has come.
    :raises SignetError: one of its classes, by the claim at fault.
    """
    latest = now + rules.leeway
    if "iat" in claims:
        _check_issued_at(claims["iat"], latest)
    if "nbf" in claims:
        _check_not_before(claims["nbf"], latest)
    expires = _expiry(claims, rules)
    if rules.issuers is not None:
        _check_issuer(claims, rules.issuers)
    if rules.audiences is not None or rules.refuses_audience:
        _check_audience(claims, rules)
    if "sub" in claims:
        check_subject(claims["sub"], rules.subject)
    if "jti" in claims:
        _check_id(claims["jti"])
    if rules.identity_claim not in claims:
        raise JWTDecodeError(f"Missing claim: {rules.identity_claim}")
    _check_fresh(claims.get("fresh", False))
    _check_type(claims, rules)
    if rules.bounded_ids:
        _check_bounds(claims)
    if expires <= now - rules.leeway:  # good while now < exp
        raise ExpiredSignatureError("Signature has expired")


# ── a function a claim ───────────────────────────────────────────────────────────────────


def _check_issued_at(issued: Any, latest: float) -> None:
    """``iat``: not in the future, in whole seconds (section 4.1.6)."""
    kind = type(issued)
    if (kind is not int and kind is not float) or not 0 <= issued <= LAST_SECOND:
        raise InvalidIssuedAtError("Issued At claim (iat) must be an integer.")
    if int(issued) > latest:
        raise ImmatureSignatureError("The token is not yet valid (iat)")


def _check_not_before(not_before: Any, latest: float) -> None:
    """``nbf``: good from this second on (section 4.1.5)."""
    kind = type(not_before)
    if (kind is not int and kind is not float) or not 0 <= not_before <= LAST_SECOND:
        raise DecodeError("Not Before claim (nbf) must be an integer.")
    if int(not_before) > latest:
        raise ImmatureSignatureError("The token is not yet valid (nbf)")


def _expiry(claims: Mapping[str, Any], rules: ClaimRules) -> float:
    """``exp``: the moment at which it is good no more; infinity for none (section 4.1.4)."""
    if "exp" in claims:
        expires: float = claims["exp"]
        if not _is_time(expires):
            raise DecodeError("Expiration Time claim (exp) must be an integer.")
        return expires
    if rules.require_exp:
        raise MissingRequiredClaimError("exp")
    return inf


def _is_time(value: object) -> bool:
    """A finite number of seconds, to the year 9999; True and False are no numbers here.

    A time below zero is long ago: ``exp`` may be one.
    """
    kind = type(value)
    return (kind is int or kind is float) and -LAST_SECOND <= value <= LAST_SECOND  # type: ignore[operator]  # a number, by its type


def _check_issuer(claims: Mapping[str, Any], issuers: frozenset[str]) -> None:
    """``iss``: one of these, exactly; never a part of a text (section 4.1.1)."""
    if "iss" not in claims:
        raise MissingRequiredClaimError("iss")
    issuer = claims["iss"]
    if type(issuer) is not str:
        raise InvalidIssuerError("Payload Issuer (iss) must be a string")
    if issuer not in issuers:
        raise InvalidIssuerError("Invalid issuer")


def _check_audience(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    """``aud``, a text or a list of texts: one of them is ours (section 4.1.3)."""
    claim = rules.audience_claim
    if rules.audiences is None:
        if claim in claims:
            raise InvalidAudienceError("Invalid audience")
        return
    audience = claims.get(claim)
    if not audience:
        raise MissingRequiredClaimError(claim)
    named = [audience] if type(audience) is str else audience
    if type(named) is not list or not all(type(name) is str for name in named):
        raise InvalidAudienceError("Invalid claim format in token")
    if rules.audiences.isdisjoint(named):
        raise InvalidAudienceError("Audience doesn't match")


def check_subject(subject: object, rule: SubjectRule) -> None:
    """``sub``: a text (section 4.1.2), or what the rule takes in its place.

    :raises InvalidSubjectError: if it is of another kind.
    """
    kind = type(subject)
    if kind is str or (kind is int and rule == "string_or_int"):
        return
    if rule != "anything":
        raise InvalidSubjectError("Subject must be a string")


def _check_id(value: object) -> None:
    """``jti``: a text (section 4.1.7)."""
    if type(value) is not str:
        raise InvalidJTIError("JWT ID must be a string")


def _check_fresh(value: object) -> None:
    """``fresh``: True, False, or until when, in seconds since 1970."""
    if type(value) is not bool and not is_fresh_claim(value):
        raise JWTDecodeError("Invalid claim: fresh")


def _check_type(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    """``type``, where a token must have it; of another issuer, the claim that it uses for it."""
    if rules.require_type and "type" not in claims:
        raise MissingRequiredClaimError("type")
    if rules.type_claim is not None and claims.get(rules.type_claim[0]) != rules.type_claim[1]:
        raise WrongTokenError("Only access tokens are allowed")


def _check_bounds(claims: Mapping[str, Any]) -> None:
    """``jti`` and ``sub`` have a length that a store takes, ``fresh`` does not outlive ``exp``."""
    fresh = claims.get("fresh")
    if type(fresh) in (int, float) and fresh > claims.get("exp", LAST_SECOND):
        raise JWTDecodeError("Invalid claim: fresh")
    if not 0 < len(claims.get("jti", "")) <= 64:
        raise InvalidJTIError("JWT ID must have 1 to 64 characters")
    subject = claims.get("sub")
    if type(subject) is str and not 0 < len(subject) <= 255:
        raise InvalidSubjectError("Subject must have 1 to 255 characters")


def is_fresh_claim(value: object) -> bool:
    """Whether a value can be a ``fresh`` claim: True, False, or a number of seconds since 1970."""
    if type(value) is bool:
        return True
    return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]  # a number


def refuse_odd_claims(claims: Mapping[str, Any]) -> None:
    """Refuse to make a token that no verification would take, because of a claim's type.

    :raises TypeError: naming the claim.
    :raises ValueError: if a time is no number, or after the year 9999.
    """
    for name in ("exp", "iat", "nbf"):
        if name in claims and not _is_time(claims[name]):
            if type(claims[name]) in (int, float):
                raise ValueError(f"the claim {name} is no time up to the year 9999")
            raise TypeError(f"the claim {name} is a number of seconds, or a datetime")
    if not isinstance(claims.get("jti", ""), str):
        raise TypeError("the claim jti is a string")
    if not is_fresh_claim(claims.get("fresh", False)):
        raise TypeError("the claim fresh is True, False or a number of seconds")


def check_csrf(claims: Mapping[str, Any], value: str) -> None:
    """Refuse a CSRF value that is not the token's own.

    :raises JWTDecodeError: if the token has no ``csrf`` claim.
    :raises CSRFError: if the values differ.
    """
    if "csrf" not in claims:
        raise JWTDecodeError("Missing claim: csrf")
    claim = claims["csrf"]
    # As bytes: compare_digest raises for texts that are not ASCII.
    if type(claim) is not str or not compare_digest(_bytes(claim), _bytes(value)):
        raise CSRFError("CSRF double submit tokens do not match")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
