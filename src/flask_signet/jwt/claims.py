"""The claims of a payload, each comparison stated (RFC 7519 section 4.1).

Times are seconds since 1970, ``now`` is an argument. The messages are those that applications
on Flask-JWT-Extended know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from math import isfinite
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
"""The end of the year 9999: what lies beyond is no time that a calendar knows."""

SubjectRule = Literal["string", "string_or_int", "anything"]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a payload must say. The defaults are the drop-in's.

    :param identity_claim: the claim that must be there; ``sub`` rules apply to ``sub`` alone.
    :param issuers: ``iss`` must be one of them, exactly; None asks nothing.
    :param audiences: ``aud`` must name one of them, exactly; None asks nothing.
    :param audience_claim: the claim that names them, where an issuer has another one for it.
    :param type_claim: a claim and the value that it must have, exactly: what tells an issuer's
        access tokens from its other ones.
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


def check_claims(claims: Mapping[str, Any], rules: ClaimRules, now: float) -> None:
    """Refuse a payload that does not follow the rules.

    Expiry comes last: an expired token that is wrong in no other way is what a client may
    renew, and its claims are fit to be handed to a callback.

    :raises ExpiredSignatureError: if its only fault is that ``exp`` has come.
    :raises SignetError: one of its classes, by the claim at fault.
    """
    latest = now + rules.leeway
    if "iat" in claims:
        issued = claims["iat"]
        if not _is_time(issued) or issued < 0:
            raise InvalidIssuedAtError("Issued At claim (iat) must be an integer.")
        if int(issued) > latest:
            raise ImmatureSignatureError("The token is not yet valid (iat)")
    if "nbf" in claims:
        not_before = claims["nbf"]
        if not _is_time(not_before) or not_before < 0:
            raise DecodeError("Not Before claim (nbf) must be an integer.")
        if int(not_before) > latest:  # succeeds if nbf <= now, in whole seconds
            raise ImmatureSignatureError("The token is not yet valid (nbf)")
    if "exp" in claims:
        expires = claims["exp"]
        if not _is_time(expires):
            raise DecodeError("Expiration Time claim (exp) must be an integer.")
    else:
        if rules.require_exp:
            raise MissingRequiredClaimError("exp")
        expires = None
    if rules.issuers is not None:
        _check_issuer(claims, rules.issuers)
    if rules.audiences is not None:
        _check_audience(claims, rules.audiences, rules.audience_claim)
    _check_names(claims, rules)
    if expires is not None and expires <= now - rules.leeway:  # succeeds if now < exp
        raise ExpiredSignatureError("Signature has expired")


def _is_time(value: object) -> bool:
    """A finite number of seconds, to the year 9999; True and False are no numbers here.

    Below zero it is for ``exp`` alone, which then was long ago.
    """
    kind = type(value)
    return (kind is int or kind is float) and -LAST_SECOND <= value <= LAST_SECOND  # type: ignore[operator]  # a number, by its type


def _check_issuer(claims: Mapping[str, Any], issuers: frozenset[str]) -> None:
    if "iss" not in claims:
        raise MissingRequiredClaimError("iss")
    issuer = claims["iss"]
    if type(issuer) is not str:
        raise InvalidIssuerError("Payload Issuer (iss) must be a string")
    if issuer not in issuers:  # equality, never a part of a text
        raise InvalidIssuerError("Invalid issuer")


def _check_audience(claims: Mapping[str, Any], audiences: frozenset[str], claim: str) -> None:
    audience = claims.get(claim)
    if not audience:
        raise MissingRequiredClaimError(claim)
    named = [audience] if type(audience) is str else audience
    if type(named) is not list or not all(type(name) is str for name in named):
        raise InvalidAudienceError("Invalid claim format in token")
    if audiences.isdisjoint(named):
        raise InvalidAudienceError("Audience doesn't match")


def _check_names(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    if "sub" in claims and rules.subject != "anything":
        check_subject(claims["sub"], rules.subject)
    if "jti" in claims and type(claims["jti"]) is not str:
        raise InvalidJTIError("JWT ID must be a string")
    if rules.identity_claim not in claims:
        raise JWTDecodeError(f"Missing claim: {rules.identity_claim}")
    fresh = claims.get("fresh", False)
    if not is_fresh_claim(fresh):
        raise JWTDecodeError("Invalid claim: fresh")
    if rules.require_type and "type" not in claims:
        raise MissingRequiredClaimError("type")
    if rules.type_claim is not None and claims.get(rules.type_claim[0]) != rules.type_claim[1]:
        raise WrongTokenError("Only access tokens are allowed")
    if rules.bounded_ids:
        if type(fresh) in (int, float) and fresh > claims.get("exp", LAST_SECOND):
            raise JWTDecodeError("Invalid claim: fresh")
        if not 0 < len(claims.get("jti", "")) <= 64:
            raise InvalidJTIError("JWT ID must have 1 to 64 characters")
        subject = claims.get("sub")
        if type(subject) is str and not 0 < len(subject) <= 255:
            raise InvalidSubjectError("Subject must have 1 to 255 characters")


def is_fresh_claim(value: object) -> bool:
    """Whether a value can be a ``fresh`` claim: yes, no, or until when."""
    if type(value) is bool:
        return True
    return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]  # a number


def refuse_odd_claims(claims: Mapping[str, Any]) -> None:
    """Refuse to make a token whose claims are of a kind that no verification takes.

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

    :raises JWTDecodeError: if the token has none.
    :raises CSRFError: if they differ.
    """
    if "csrf" not in claims:
        raise JWTDecodeError("Missing claim: csrf")
    claim = claims["csrf"]
    # As bytes: compare_digest raises for texts that are not ASCII.
    if type(claim) is not str or not compare_digest(_bytes(claim), _bytes(value)):
        raise CSRFError("CSRF double submit tokens do not match")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def check_subject(subject: object, rule: SubjectRule) -> None:
    """Refuse a ``sub`` of another kind than the rule's.

    :raises InvalidSubjectError: if so.
    """
    kind = type(subject)
    if kind is str or (kind is int and rule == "string_or_int"):
        return
    if rule != "anything":
        raise InvalidSubjectError("Subject must be a string")
