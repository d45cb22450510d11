"""Compact JWS: sign, parse, verify (RFC 7515).

:func:`parse` and then :func:`verify` check, in this order: length, three segments, canonical
base64url, the header, the key's own algorithm, the signature. The JSON of the payload is read
after that, so an attacker without a key can't make us parse it.
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
"""Bytes of a header's JSON."""

MAX_HEADER_DEPTH: Final = 8
"""How deep the arrays and objects of a header may nest."""

MAX_PAYLOAD_DEPTH: Final = 32
"""How deep the arrays and objects of a payload may nest."""

FORBIDDEN_HEADERS: Final = frozenset({"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"})
"""Header members that change how a token is read, or bring a key. A token with one is refused.

We understand no extension, so ``crit`` and ``b64`` are refused (RFC 7515 section 4.1.11, RFC 7797
section 7). A token never brings its own key (RFC 8725 section 3.10). Any other unknown member is
ignored (RFC 7515 section 4).
"""


_MEDIA_TYPES: Final = {"typ": "Type", "cty": "Content type"}
"""Header members that are media types: texts (RFC 7515 sections 4.1.9 and 4.1.10)."""


class UnverifiedJWS(NamedTuple):
    """The parts of a token. Nothing in it has been verified."""

    header: MappingProxyType[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes
    header_segment: bytes

    def __repr__(self) -> str:
        return f"<UnverifiedJWS of {len(self.payload)} bytes>"


# The parsed headers of tokens whose signature was right, by segment. In practice there are a few:
# one for each key and kind of token. The bound is for an issuer whose headers vary.
_MAX_KNOWN_HEADERS: Final = 64
_known_headers: dict[bytes, MappingProxyType[str, Any]] = {}


def sign(header: Mapping[str, Any], payload: bytes, key: Key) -> str:
    """A compact JWS.

    :param header: JSON members. ``alg`` may be left out; if it is there, it must be the key's.
    :raises InvalidKeyError: if the key is public, or ``alg`` is not its algorithm.
    :raises ValueError: if the header has a member of :data:`FORBIDDEN_HEADERS`, or is longer
        than :data:`MAX_HEADER_BYTES`.
    """
    return sign_with_segment(header_segment(header, key), payload, key)


def header_segment(header: Mapping[str, Any], key: Key) -> str:
    """The first segment of a token: the base64url text of the header's JSON.

    :raises InvalidKeyError: if ``alg`` is not the key's algorithm.
    :raises ValueError: if :func:`parse` would refuse the header.
    """
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
    """A compact JWS with a first segment that :func:`header_segment` made before."""
    signing_input = f"{segment}.{base64url.encode(payload)}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def parse(
    token: str | bytes, *, max_length: int = MAX_TOKEN_LENGTH, allow_padding: bool = False
) -> UnverifiedJWS:
    """The parts of a compact JWS. Nothing is verified.

    :param max_length: characters; a longer token is refused unread.
    :param allow_padding: accept segments padded with ``=``, as some load balancers send them.
    :raises DecodeError: if it is not three canonical base64url segments with a JSON header.
    :raises InvalidTokenError: if the header has a forbidden member, a bad ``kid``, or a ``typ`` or
        ``cty`` that is no text.
    """
    if len(token) > max_length:
        raise DecodeError("Token is too long")
    # A character outside ASCII becomes "?", which is outside the base64url alphabet.
    raw = token.encode("ascii", "replace") if isinstance(token, str) else token
    signing_input, dot, signature_segment = raw.rpartition(b".")
    segment, another, payload_segment = signing_input.partition(b".")
    if not (dot and another):
        raise DecodeError("Not enough segments")
    header = _known_headers.get(segment)
    if header is None:
        header = MappingProxyType(_parse_header(_segment(segment, "header", allow_padding)))
        _check_header(header)
    # A fourth segment would be part of the payload's. It is refused: it has a dot.
    payload = _segment(payload_segment, "payload", allow_padding)
    signature = _segment(signature_segment, "crypto", allow_padding)
    return UnverifiedJWS(header, payload, signing_input, signature, segment)


def _segment(segment: bytes, name: str, allow_padding: bool) -> bytes:
    if allow_padding and len(segment) % 4 == 0:
        # At most two characters of padding (RFC 4648 section 4).
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
    """The message of a JSON error: it has positions, never the text."""
    return JSONDecodeError.__str__(error) if isinstance(error, JSONDecodeError) else str(error)


def _check_header(header: Mapping[str, Any]) -> None:
    kid = header.get("kid")
    if "kid" in header and not isinstance(kid, str):
        raise InvalidTokenError("Key ID header parameter must be a string")
    if kid is not None and (
        not 0 < len(kid) <= MAX_KID_LENGTH or not kid.isascii() or not kid.isprintable()
    ):
        raise InvalidTokenError("Key ID header parameter must be short printable text")
    for name, meaning in _MEDIA_TYPES.items():
        if name in header and not isinstance(header[name], str):
            raise InvalidTokenError(f"{meaning} header parameter must be a string")
    forbidden = FORBIDDEN_HEADERS.intersection(header)
    if forbidden:
        raise InvalidTokenError(f"Unsupported header parameter: {min(forbidden)}")


def check_algorithm(jws: UnverifiedJWS, key: Key) -> None:
    """Refuse a token whose ``alg`` is not the key's algorithm (RFC 8725 section 3.1).

    The names are compared exactly, letter case included.

    :raises InvalidAlgorithmError: if they differ.
    """
    if jws.header.get("alg") != key.algorithm:
        raise InvalidAlgorithmError(algorithm_message(jws.header))


def algorithm_message(header: Mapping[str, Any]) -> str:
    """Why no key fits the ``alg`` of this header."""
    if "alg" not in header:
        return "Algorithm not specified"
    return "The specified alg value is not allowed"


def verify(jws: UnverifiedJWS, key: Key) -> bytes:
    """The bytes of the payload, after the check that ``key`` signed them.

    :raises InvalidAlgorithmError: if ``alg`` is not the key's.
    :raises InvalidSignatureError: if the signature is not the key's.
    """
    check_algorithm(jws, key)
    if not key.verify(jws.signing_input, jws.signature):
        raise InvalidSignatureError("Signature verification failed")
    remember_header(jws)
    return jws.payload


def remember_header(jws: UnverifiedJWS) -> None:
    """Keep the parsed header of a token that was accepted, for the next token that has it.

    Only headers whose values are all texts are kept, because nobody can change a text; and only
    in the canonical form, without padding.
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

    :raises DecodeError: if the payload is anything else.
    """
    try:
        return loads_object(payload, max_depth=MAX_PAYLOAD_DEPTH)
    except ValueError as error:
        raise DecodeError(f"Invalid payload string: {_why(error)}") from None
