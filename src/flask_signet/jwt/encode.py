"""Claims and a key to the text of a token: what a log-in does."""

from __future__ import annotations

import json
import secrets
import uuid
from calendar import timegm
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..jose.jwk import Key
from ..jose.jws import MAX_PAYLOAD_DEPTH, header_segment, sign_with_segment
from ..jose.strict_json import loads_object
from .claims import LAST_SECOND, refuse_odd_claims


def new_id(*, as_uuid: bool) -> str:
    """A new ``jti``, ``sid`` or CSRF value from the system's random source.

    :param as_uuid: a version 4 UUID, as in Flask-JWT-Extended's tokens, with 122 random bits; else
        22 characters with 128 random bits.
    """
    return str(uuid.uuid4()) if as_uuid else secrets.token_urlsafe(16)


def expiry(now: float, lifetime: float) -> int:
    """The ``exp`` of a token that is issued now, in whole seconds since 1970.

    A lifetime under one second ends a second after it began.

    :param lifetime: seconds; below zero for a token that has expired already.
    :raises ValueError: if the lifetime is zero ("no lifetime" and "for ever" look alike), or
        ends after the year 9999.
    """
    if lifetime == 0:
        raise ValueError("a lifetime of zero seconds")
    if now + lifetime > LAST_SECOND:
        raise ValueError("a lifetime beyond the year 9999")
    expires = int(now + lifetime)
    return expires if lifetime < 0 else max(expires, int(now) + 1)


def encode(
    header: Mapping[str, Any],
    claims: dict[str, Any],
    key: Key,
    *,
    default: Callable[[Any], Any] | None = None,
) -> str:
    """The signed text of a token.

    :param header: its members besides ``alg``.
    :param claims: JSON values, and values that ``default`` makes JSON values of. ``exp``, ``iat``
        and ``nbf`` may be aware or UTC ``datetime`` objects; these are replaced by seconds.
    :raises TypeError: if a claim is not JSON, or ``iss`` is not a text.
    :raises ValueError: if a claim is NaN or infinite, or nested too deep.
    """
    for name in ("exp", "iat", "nbf"):
        if isinstance(claims.get(name), datetime):
            claims[name] = timegm(claims[name].utctimetuple())
    if "iss" in claims and not isinstance(claims["iss"], str):
        raise TypeError("Issuer (iss) must be a string.")
    refuse_odd_claims(claims)
    payload = json.dumps(claims, separators=(",", ":"), default=default, allow_nan=False)
    data = payload.encode("utf-8")
    if not _is_plain(claims, payload):
        # Only such claims could be refused by our own verifier: then no token is made.
        try:
            loads_object(data, max_depth=MAX_PAYLOAD_DEPTH)
        except ValueError as error:
            raise ValueError(f"these claims make no acceptable token: {error}") from None
    return sign_with_segment(_header_segment(header, key), data, key)


_SAFE_INTEGER = 10**19
_PLAIN_TYPES = frozenset((str, int, float, bool, type(None)))


def _is_plain(claims: dict[str, Any], payload: str) -> bool:
    """Whether the claims are plain, as most are: short, flat, named by texts, without huge numbers.

    JSON makes one name of 1 and "1". Nested claims may have such names, too, so they are not plain.
    """
    return (
        len(payload) <= 1024
        and payload.count("{") == 1
        and "[" not in payload
        and "\\ud" not in payload
        and set(map(type, claims)) == {str}
        and _PLAIN_TYPES.issuperset(map(type, claims.values()))
        and not any(
            type(value) is int and not -_SAFE_INTEGER < value < _SAFE_INTEGER
            for value in claims.values()
        )
    )


_MAX_SEGMENTS = 64
_segments: dict[tuple[Any, ...], str] = {}


def _header_segment(header: Mapping[str, Any], key: Key) -> str:
    """The header's segment. The segments are kept: an application has a handful of headers."""
    if not all(type(value) is str for value in header.values()):
        return header_segment(header, key)  # 1 and True would be one key below
    cache_key = (key.algorithm, *header.items())
    found = _segments.get(cache_key)
    if found is None:
        found = header_segment(header, key)
        if len(_segments) >= _MAX_SEGMENTS:
            _segments.clear()
        _segments[cache_key] = found
    return found
