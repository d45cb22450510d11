"""A verified token: having a :class:`Token` is the proof that it was verified."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, NamedTuple


class Token:
    """The header and the claims of a token whose signature and claims were verified.

    Only :mod:`flask_signet.jwt.verify` makes one, and :mod:`.cache` of one that it made:
    verification is the only way from a text to a ``Token``. It does not change, and its repr has no
    claim in it.

    ``issuer`` is the other issuer whose key verified the token; None: a key of ours did.
    """

    __slots__ = ("claims", "header", "issuer")

    header: MappingProxyType[str, Any]
    claims: MappingProxyType[str, Any]
    issuer: str | None

    def __init__(self) -> None:
        raise TypeError("a Token is made by verifying one, see flask_signet.jwt.verify")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Token does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Token does not change")

    def __repr__(self) -> str:
        return f"<Token {self.header.get('alg')} of {len(self.claims)} claims>"

    def __reduce__(self) -> Any:
        raise TypeError("a Token is not pickled: what is read back was not verified")


_set_header = Token.__dict__["header"].__set__
_set_claims = Token.__dict__["claims"].__set__
_set_issuer = Token.__dict__["issuer"].__set__


def _checked(
    header: MappingProxyType[str, Any], claims: dict[str, Any], issuer: str | None = None
) -> Token:
    """The Token of a header and claims that were verified; for :mod:`.verify` and :mod:`.cache`."""
    token = object.__new__(Token)
    _set_header(token, header)
    _set_claims(token, MappingProxyType(claims))
    _set_issuer(token, issuer)
    return token


class TokenPair(NamedTuple):
    """What a log-in gives: both tokens of one session, as texts, and the session's ``sid``."""

    access_token: str
    refresh_token: str
    sid: str

    def __repr__(self) -> str:
        return f"<TokenPair sid={self.sid!r}>"
