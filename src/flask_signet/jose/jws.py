"""Compact JWS: sign, parse, verify (RFC 7515).

Verification reads from top to bottom in :func:`parse` and :func:`verify`: length, three
segments, canonical base64url, the header, the key's own algorithm, the signature. The payload's
JSON comes after the signature, so nobody without a key has us parse it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from json import JSONDecodeError
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ..exceptions import (
    DecodeError,
    InvalidAlgorithmError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidTokenError,
)
from . import base64url
from .base64url import decode
from .jwk import MAX_KID_LENGTH, Key
from .strict_json import loads_object

MAX_TOKEN_LENGTH: Final = 16 * 1024
"""Characters of a token, unless the caller says otherwise."""

MAX_HEADER_BYTES: Final = 1024
MAX_HEADER_DEPTH: Final = 8
MAX_PAYLOAD_DEPTH: Final = 32

FORBIDDEN_HEADERS: Final = frozenset({"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"})
"""Members that would change how a token is read, or bring a key along.

We understand no extension, so ``crit`` and ``b64`` refuse the token (RFC 7515 section 4.1.11,
RFC 7797 section 7); a token never chooses its key (RFC 8725 section 3.10). Any other unknown
member is ignored, as RFC 7515 section 4 says.
"""


class UnverifiedJWS(NamedTuple):
    """A token taken apart. Nothing in it has been verified."""

    header: MappingProxyType[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes
    header_segment: bytes

    def __repr__(self) -> str:
        return f"<UnverifiedJWS of {len(self.payload)} bytes>"


# Parsed headers of tokens whose signature held, by their segment. There are a handful in
# practice (one per key and kind of token); the bound is for an issuer that varies them.
_MAX_KNOWN_HEADERS: Final = 64
_known_headers: dict[bytes, MappingProxyType[str, Any]] = {}


def sign(header: Mapping[str, Any], payload: bytes, key: Key) -> str:
    """A compact JWS.

    :param header: JSON members; ``alg`` is the key's and must not say otherwise.
    :raises InvalidKeyError: if the key is public, or ``alg`` is not its algorithm.
    :raises ValueError: if the header has a member of :data:`FORBIDDEN_HEADERS`, or is longer
        than :data:`MAX_HEADER_BYTES`.
    """
    return sign_with_segment(header_segment(header, key), payload, key)


def header_segment(header: Mapping[str, Any], key: Key) -> str:
    """The first segment of a token: the header as JSON, as base64url."""
    if header.get("alg", key.algorithm) != key.algorithm:
        raise InvalidKeyError(f"the header's alg is not the key's, {key.algorithm}")
    text = json.dumps(
        {**header, "alg": key.algorithm}, separators=(",", ":"), sort_keys=True, allow_nan=False
    ).encode()
    try:
        _check_header(_parse_header(text))
    except InvalidTokenError as error:
        raise ValueError(f"no verifier of ours would take this header: {error}") from None
    return base64url.encode(text)


def sign_with_segment(segment: str, payload: bytes, key: Key) -> str:
    """As :func:`sign`, with a header segment made before by :func:`header_segment`."""
    signing_input = f"{segment}.{base64url.encode(payload)}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def parse(
    token: str | bytes, *, max_length: int = MAX_TOKEN_LENGTH, allow_padding: bool = False
) -> UnverifiedJWS:
    """Take a compact JWS apart. Nothing is verified.

    :param max_length: characters; a longer token is refused unread.
    :param allow_padding: take segments padded with ``=``, as some load balancers send them.
    :raises DecodeError: if it is not three canonical base64url segments with a JSON header.
    :raises InvalidTokenError: if the header has a member that refuses it.
    """
    if len(token) > max_length:
        raise DecodeError("Token is too long")
    # What isn't ASCII becomes "?", which is in no segment's alphabet.
    raw = token.encode("ascii", "replace") if isinstance(token, str) else token
    signing_input, dot, signature_segment = raw.rpartition(b".")
    segment, another, payload_segment = signing_input.partition(b".")
    if not (dot and another):
        raise DecodeError("Not enough segments")
    header = _known_headers.get(segment)
    if header is None:
        header = MappingProxyType(_parse_header(_segment(segment, "header", allow_padding)))
        _check_header(header)
    # A fourth segment would hide in the payload's: a dot is outside its alphabet.
    payload = _segment(payload_segment, "payload", allow_padding)
    signature = _segment(signature_segment, "crypto", allow_padding)
    return UnverifiedJWS(header, payload, signing_input, signature, segment)


def _segment(segment: bytes, name: str, allow_padding: bool) -> bytes:
    if allow_padding and len(segment) % 4 == 0:
        # Two at the most (RFC 4648 section 4).
        segment = segment.removesuffix(b"=").removesuffix(b"=")
    try:
        return decode(segment)
    except ValueError:
        raise DecodeError(f"Invalid {name} padding") from None


def _parse_header(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_HEADER_BYTES:
        raise DecodeError(f"Invalid header string: longer than {MAX_HEADER_BYTES} bytes")
    try:
        return loads_object(data, max_depth=MAX_HEADER_DEPTH)
    except ValueError as error:
        raise DecodeError(f"Invalid header string: {_why(error)}") from None


def _why(error: ValueError) -> str:
    """The message of a JSON error; it has positions in it, never the text."""
    return JSONDecodeError.__str__(error) if isinstance(error, JSONDecodeError) else str(error)


def _check_header(header: Mapping[str, Any]) -> None:
    kid = header.get("kid")
    if "kid" in header and not isinstance(kid, str):
        raise InvalidTokenError("Key ID header parameter must be a string")
    if kid is not None and (
        not 0 < len(kid) <= MAX_KID_LENGTH or not kid.isascii() or not kid.isprintable()
    ):
        raise InvalidTokenError("Key ID header parameter must be short printable text")
    forbidden = FORBIDDEN_HEADERS.intersection(header)
    if forbidden:
        raise InvalidTokenError(f"Unsupported header parameter: {min(forbidden)}")


def check_algorithm(jws: UnverifiedJWS, key: Key) -> None:
    """Refuse a token whose ``alg`` is not, byte for byte, the key's (RFC 8725 section 3.1).

    :raises InvalidAlgorithmError: if so.
    """
    if jws.header.get("alg") != key.algorithm:
        raise InvalidAlgorithmError(algorithm_message(jws.header))


def algorithm_message(header: Mapping[str, Any]) -> str:
    """Why no key was found for a header's ``alg``."""
    if "alg" not in header:
        return "Algorithm not specified"
    return "The specified alg value is not allowed"


def verify(jws: UnverifiedJWS, key: Key) -> bytes:
    """The payload's bytes, once ``key`` is shown to have signed them.

    :raises InvalidAlgorithmError: if ``alg`` is not the key's.
    :raises InvalidSignatureError: if the signature is not the key's.
    """
    check_algorithm(jws, key)
    if not key.verify(jws.signing_input, jws.signature):
        raise InvalidSignatureError("Signature verification failed")
    remember_header(jws)
    return jws.payload


def remember_header(jws: UnverifiedJWS) -> None:
    """Keep the parsed header of a token that was accepted.

    Only one of plain texts, which nobody can change, and in its one canonical form.
    """
    segment = jws.header_segment
    if segment in _known_headers or segment.endswith(b"="):
        return
    if all(type(value) is str for value in jws.header.values()):
        if len(_known_headers) >= _MAX_KNOWN_HEADERS:
            _known_headers.clear()
        _known_headers[jws.header_segment] = jws.header


def parse_payload(payload: bytes) -> dict[str, Any]:
    """The claims of a payload: a JSON object, read strictly.

    :raises DecodeError: if it is none.
    """
    try:
        return loads_object(payload, max_depth=MAX_PAYLOAD_DEPTH)
    except ValueError as error:
        raise DecodeError(f"Invalid payload string: {_why(error)}") from None
