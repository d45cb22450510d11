"""Tokens as texts: make them, check them.

The public functions serve the unnamed manager; those that take an :class:`AppState` any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from flask import current_app, has_app_context
from flask.json.provider import DefaultJSONProvider

from ..engine.callbacks import call
from ..engine.issuers import Issuer, find_issuer
from ..exceptions import (
    ConfigurationError,
    DecodeError,
    ExpiredSignatureError,
    InvalidAlgorithmError,
    InvalidIssuerError,
    InvalidSignatureError,
    InvalidSubjectError,
    SignetError,
)
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..jose.jws import UnverifiedJWS, algorithm_message, parse, parse_payload
from ..jwt.claims import check_csrf, check_subject
from ..jwt.encode import encode, expiry, new_id
from ..jwt.token import Token
from ..jwt.verify import verify, verify_parsed
from ..options.lifetime import lifetime_seconds
from ..options.table import Settings
from .answers import bind
from .app_state import EXTENSION, AppState, Configured, current_state

TokenType = Literal["access", "refresh"]
Fresh = bool | float | timedelta
ExpiresDelta = Literal[False] | timedelta

#: The `typ` of our tokens' headers where `JWT_EXPLICIT_TYP` is on (RFC 8725 section 3.11; the
#: first is RFC 9068's).
EXPLICIT_TYP: Final = {"access": "at+jwt", "refresh": "rt+jwt"}

now: Callable[[], float] = time.time
"""The clock, in seconds since 1970. Everything below it takes the time as an argument."""


# ── make ─────────────────────────────────────────────────────────────────────────────────


def create_access_token(
    identity: Any,
    fresh: Fresh = False,
    expires_delta: ExpiresDelta | None = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> str:
    """An access token for somebody.

    :param identity: who it is for: a string or an int, or what ``user_identity_loader`` makes
        one of.
    :param fresh: whether its owner has just logged in; a ``timedelta`` is for how long that
        holds, a float until when.
    :param expires_delta: how long it lives, a ``timedelta`` or seconds; False for ever; None
        as ``JWT_ACCESS_TOKEN_EXPIRES`` says.
    :param additional_claims: for the payload; they win over every other.
    :param additional_headers: for the header; ``alg`` is the key's.
    :raises TypeError: if the identity, or a claim, can't be in a token.
    :raises ValueError: if the lifetime is zero, or the token too long.
    :raises ConfigurationError: if there is no key to sign with, or an option is wrong.
    """
    return create_token(
        current_state(),
        "access",
        identity,
        fresh=fresh,
        expires_delta=expires_delta,
        claims=additional_claims,
        headers=additional_headers,
    )


def create_refresh_token(
    identity: Any,
    expires_delta: ExpiresDelta | None = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> str:
    """A refresh token for somebody: it is good for new access tokens, never for access.

    The parameters and errors are those of :func:`create_access_token`.
    """
    return create_token(
        current_state(),
        "refresh",
        identity,
        expires_delta=expires_delta,
        claims=additional_claims,
        headers=additional_headers,
    )


def create_token(
    state: AppState,
    kind: TokenType,
    identity: Any,
    *,
    fresh: Fresh = False,
    expires_delta: Any = None,
    claims: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    session: Mapping[str, Any] | None = None,
    wire_identity: Any = None,
) -> str:
    """A token of either type.

    :param session: the claims of the session that it belongs to; no loader can change them.
    :param wire_identity: the identity as it stands in the token, where that is known; else the
        ``user_identity_loader`` is asked.
    """
    configured, callbacks = state.configured(), state.callbacks
    settings = configured.settings
    moment = now()
    strict = settings.profile == "strict"

    header: dict[str, Any] = {"typ": EXPLICIT_TYP[kind] if settings.explicit_typ else "JWT"}
    if callbacks.additional_headers is not None:
        header.update(_members("additional_headers", callbacks.additional_headers, identity))
    if headers is not None:
        header.update(headers)
    if not header["typ"]:
        del header["typ"]

    # The loaders are asked in the order in which Flask-JWT-Extended asks them.
    more_claims: dict[str, Any] = {}
    if callbacks.additional_claims is not None:
        more_claims.update(_members("additional_claims", callbacks.additional_claims, identity))
    if claims is not None:
        more_claims.update(claims)
    if wire_identity is None:
        wire_identity = make_wire_identity(state, settings, identity)
    key = _signing_key(state, configured, identity)
    if key.kid is not None and header.get("kid") is None:
        header["kid"] = key.kid

    expires = _expiry(settings, state.prefix, kind, expires_delta, moment)
    payload: dict[str, Any] = {
        "fresh": _freshness(fresh, moment, expires if settings.bounded_ids else None),
        "iat": int(moment),
        "jti": new_id(as_uuid=not strict),
        "type": kind,
        settings.identity_claim_key: wire_identity,
    }
    if settings.encode_nbf:
        payload["nbf"] = int(moment)
    if settings.puts_csrf:
        payload["csrf"] = new_id(as_uuid=not strict)
    if settings.encode_audience:
        payload["aud"] = settings.encode_audience
    if settings.encode_issuer:
        payload["iss"] = settings.encode_issuer
    if expires is not None:
        payload["exp"] = expires
    payload.update(more_claims)
    payload.update(session or {})
    _check_identity(settings, state.prefix, payload)

    text = encode(header, payload, key, default=_json_default(state))
    if len(text) > settings.max_token_length:
        raise ValueError(
            f"the token has {len(text)} characters, {state.prefix}MAX_TOKEN_LENGTH is "
            f"{settings.max_token_length}: put less into its claims"
        )
    return text


def _members(loader: str, callback: Callable[[Any], Any], identity: Any) -> Mapping[str, Any]:
    """What a loader adds to a token; None adds nothing."""
    members = call(callback, identity)
    if members is None:
        return {}
    if not isinstance(members, Mapping):
        raise TypeError(f"the {loader}_loader returns a dict, not {type(members).__name__}")
    return members


def _signing_key(state: AppState, configured: Configured, identity: Any) -> Key:
    settings = configured.settings
    if state.callbacks.encode_key is not None:
        value = call(state.callbacks.encode_key, identity)
        algorithm = value.algorithm if isinstance(value, Key) else settings.algorithm
        ring = configured.loaded.ring(value, (algorithm,), "encode_key_loader")
        if ring.signing_key is None:
            raise ConfigurationError("what the encode_key_loader returned is a public key")
        return ring.signing_key
    return configured.keys.signing_key()


def make_wire_identity(state: AppState, settings: Settings, identity: Any) -> Any:
    """The identity as it stands in the token: what the ``user_identity_loader`` makes of it.

    :raises TypeError: if ``JWT_IDENTITY_TYPE`` does not read it back.
    """
    if state.callbacks.user_identity is not None:
        identity = call(state.callbacks.user_identity, identity)
    identity_type = settings.identity_type
    if identity_type is None:
        return _plain(state, identity)
    kind = type(identity).__name__
    if identity is None or isinstance(identity, bool | float | dict | list | tuple):
        raise TypeError(_NO_IDENTITY.format(kind, state.prefix))
    try:
        text = str(_plain(state, identity))
        identity_type(text)
    except Exception:  # noqa: BLE001 - whatever the application's type raises
        raise TypeError(_OTHER_IDENTITY.format(kind, state.prefix)) from None
    return text


def _plain(state: AppState, identity: Any) -> Any:
    """An identity that JSON has as a text or an int, as just that: a UUID, a member of an enum."""
    if type(identity) in (str, int) or identity is None:
        return identity
    if isinstance(identity, str):
        return str.__str__(identity)
    if isinstance(identity, bool | float | dict | list | tuple):
        return identity
    if isinstance(identity, int):
        return int(identity)
    try:
        made = _json_default(state)(identity)
    except TypeError:
        return identity
    return made if isinstance(made, str) else identity


_NO_IDENTITY: Final = (
    "the identity is of type {0}, which is no subject of a token: return a string from a "
    "user_identity_loader (or set {1}VERIFY_SUB = False, against RFC 7519 section 4.1.2)"
)

_OTHER_IDENTITY: Final = (
    "the identity is of type {0}, and {1}IDENTITY_TYPE can't read it back from its text: give one "
    "of that type, or return one from a user_identity_loader"
)


def _check_identity(settings: Settings, prefix: str, payload: Mapping[str, Any]) -> None:
    """Refuse to make a token that we would refuse to take."""
    jti = payload["jti"]
    if settings.bounded_ids and isinstance(jti, str) and not 0 < len(jti) <= 64:
        raise ValueError(
            f"the claim jti has {len(jti)} characters; {prefix}BOUNDED_IDS asks for 1 to 64"
        )
    if "sub" not in payload:
        return
    subject, rules = payload["sub"], settings.rules
    try:
        check_subject(subject, rules.subject)
    except InvalidSubjectError:
        kind = type(subject).__name__
        if type(subject) is int:
            raise TypeError(
                f"the identity is an int, and {prefix}VERIFY_SUB = True asks for a string: "
                f"set {prefix}IDENTITY_TYPE = int, and get_jwt_identity() gives the int back"
            ) from None
        raise TypeError(_NO_IDENTITY.format(kind, prefix)) from None
    if rules.bounded_ids and type(subject) is str and not 0 < len(subject) <= 255:
        raise ValueError(
            f"the identity has {len(subject)} characters; {prefix}BOUNDED_IDS asks for 1 to 255"
        )


def _expiry(
    settings: Settings, prefix: str, kind: TokenType, delta: Any, moment: float
) -> int | None:
    named = "expires_delta"
    if delta is None:
        delta = settings.access_expires if kind == "access" else settings.refresh_expires
        named = f"{prefix}{kind.upper()}_TOKEN_EXPIRES"
    seconds = lifetime_seconds(delta, moment)
    if seconds is None:
        if settings.require_exp:
            raise ValueError(f"{named} is False, but {prefix}REQUIRE_EXP asks for an expiry")
        return None
    if seconds == 0 or (seconds < 0 and settings.profile == "strict"):
        # Flask-JWT-Extended takes zero for "never expires". A negative lifetime makes a token
        # that has expired already, which tests want.
        raise ValueError(
            f"{named} is {'zero' if seconds == 0 else 'negative'}: give a lifetime above zero, "
            "or False for a token that never expires"
        )
    return expiry(moment, seconds)


def _freshness(fresh: Fresh, moment: float, latest: int | None) -> bool | float:
    """The ``fresh`` claim; a time is not after ``latest``, when the token is good for nothing."""
    if isinstance(fresh, timedelta):
        fresh = moment + fresh.total_seconds()
    if latest is not None and type(fresh) in (int, float):
        return min(fresh, latest)
    return fresh


def _json_default(state: AppState) -> Callable[[Any], Any]:
    provider = state.app.json_provider_class
    default: Callable[[Any], Any] = getattr(provider, "default", DefaultJSONProvider.default)
    return default


# ── check ────────────────────────────────────────────────────────────────────────────────


def decode_token(
    encoded_token: str, csrf_value: str | None = None, allow_expired: bool = False
) -> dict[str, Any]:
    """The claims of a token, if it is one of ours: signature, times, issuer, audience.

    It does not ask what kind of token it is, whether it was revoked, or for its user.

    :param csrf_value: the value that must be the token's ``csrf`` claim.
    :param allow_expired: take a token whose only fault is that it has expired.
    :raises SignetError: one of its classes, by what is wrong.
    :raises ConfigurationError: if there is no key to verify with, or an option is wrong.
    """
    token = check_token(
        current_state(), encoded_token, csrf_value=csrf_value, allow_expired=allow_expired
    )
    return token.claims.copy()


def get_jti(encoded_token: str) -> str | None:
    """The ``jti`` of a token, which is verified as by :func:`decode_token`.

    :return: its id; None if it has none, as a token of another issuer may.
    :raises SignetError: as :func:`decode_token`, also if it has expired.
    """
    return decode_token(encoded_token).get("jti")


def get_csrf_token(encoded_token: str) -> str:
    """The CSRF value of a token, which is verified as by :func:`decode_token`.

    :raises KeyError: if the token has none.
    :raises SignetError: as :func:`decode_token`, also if it has expired.
    """
    value: str = decode_token(encoded_token)["csrf"]
    return value


def get_unverified_jwt_headers(encoded_token: str) -> dict[str, Any]:
    """The header of a token **that nobody has verified**: anyone can write one.

    :raises SignetError: if it is not well-formed.
    """
    # It needs no manager: without one, the limits are the defaults.
    state = current_app.extensions.get(EXTENSION, {}).get("") if has_app_context() else None
    if not isinstance(encoded_token, str | bytes):
        raise DecodeError(f"Invalid token type. Token must be a {bytes}")
    if state is None:
        return dict(parse(encoded_token).header)
    try:
        return dict(_parse(state.settings, encoded_token).header)
    except SignetError as error:
        bind(error, state)
        raise


def check_token(
    state: AppState,
    text: Any,
    configured: Configured | None = None,
    *,
    csrf_value: str | None = None,
    allow_expired: bool = False,
    foreign: bool = False,
) -> Token:
    """Verify a token by a manager's keys and options (those of now, or ``configured``).

    :param foreign: take those of the manager's other issuers too.
    """
    configured = configured or state.configured()
    settings = configured.settings
    try:
        if not isinstance(text, str | bytes):
            raise DecodeError(f"Invalid token type. Token must be a {bytes}")
        jws = issuer = None
        if foreign and state.manager.issuers:
            jws = _parse(settings, text)
            issuer = _issuer_of(state, configured, jws)
        if jws is not None and issuer is not None:
            token = issuer.verify(jws, now(), settings.leeway, allow_expired=allow_expired)
        elif state.callbacks.decode_key is None:
            token = verify(
                text,
                configured.ring,
                settings.rules,
                now(),
                max_length=settings.max_token_length,
                allow_padding=settings.allow_base64_padding,
                allow_expired=allow_expired,
            )
        else:
            jws = jws or _parse(settings, text)
            keys = _decode_keys(state, configured, jws)
            token = verify_parsed(jws, keys, settings.rules, now(), allow_expired=allow_expired)
        if csrf_value:
            check_csrf(token.claims, csrf_value)
    except ExpiredSignatureError as error:
        bind(error, state)
        if csrf_value:  # a wrong value counts before the expiry
            _check_expired_csrf(state, error, csrf_value)
        raise
    except SignetError as error:
        bind(error, state)
        raise
    return token


def _check_expired_csrf(state: AppState, error: ExpiredSignatureError, csrf_value: str) -> None:
    try:
        check_csrf(error.jwt_data, csrf_value)
    except SignetError as csrf_error:
        raise bind(csrf_error, state) from None


def _issuer_of(state: AppState, configured: Configured, jws: UnverifiedJWS) -> Issuer | None:
    """The other issuer that a token says it is of; None: it is for our own keys to verify.

    :raises InvalidIssuerError: if it is of neither, since we have no keys: an application may
        take others' tokens alone.
    """
    issuer = find_issuer(state.manager.issuers, configured.settings, jws)
    if issuer is None and state.callbacks.decode_key is None and not state.has_keys(configured):
        raise InvalidIssuerError("Invalid issuer")
    return issuer


def _parse(settings: Settings, text: str | bytes) -> UnverifiedJWS:
    return parse(
        text,
        max_length=settings.max_token_length,
        allow_padding=settings.allow_base64_padding,
    )


def _decode_keys(state: AppState, configured: Configured, jws: UnverifiedJWS) -> Sequence[Key]:
    """The keys that the application's ``decode_key_loader`` chooses.

    It sees the header and the payload before anything is verified: that is what it is for.
    """
    callback = state.callbacks.decode_key
    assert callback is not None  # noqa: S101 - asked by the only caller; narrows the type
    value = call(callback, dict(jws.header), parse_payload(jws.payload))
    allowed = [name for name in configured.settings.decode_algorithms if name in ALGORITHMS]
    if jws.header.get("alg") not in allowed:
        # Before the key is looked at: a loader that goes by `alg` may have chosen one of a kind
        # that this application does not take, and that is the token's fault.
        raise InvalidAlgorithmError(algorithm_message(jws.header))
    if value is None:
        raise InvalidSignatureError("Signature verification failed")
    return configured.loaded.ring(value, allowed, "decode_key_loader").candidates(jws.header)
