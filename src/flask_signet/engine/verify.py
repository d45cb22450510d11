"""Verify: from a text to a :class:`~flask_signet.jwt.token.Token`, or to the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..exceptions import (
    DecodeError,
    ExpiredSignatureError,
    InvalidAlgorithmError,
    InvalidIssuerError,
    InvalidSignatureError,
)
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..jose.jws import UnverifiedJWS, algorithm_message, parse, parse_payload
from ..jwt.claims import check_csrf
from ..jwt.token import Token
from ..jwt.verify import verify_parsed
from .issuers import find_issuer
from .setup import Setup


class Verifying(Setup):
    """The verb ``verify``: signature, times, issuer, audience, by our keys or another issuer's."""

    __slots__ = ()

    def verify(
        self,
        text: Any,
        *,
        csrf: str | None = None,
        allow_expired: bool = False,
        foreign: bool = False,
    ) -> Token:
        """Verify a token.

        It does not ask what kind of token it is, whether it was revoked, or for its user.

        :param csrf: the value that must be the token's ``csrf`` claim; None asks for none. An empty
            text is a wrong value.
        :param allow_expired: take a token whose only fault is that it has expired.
        :param foreign: take the tokens of the other issuers too.
        :raises SignetError: one of its classes, by what is wrong.
        :raises ConfigurationError: if there is no key to verify with.
        """
        if not isinstance(text, str | bytes):
            raise DecodeError(f"Invalid token type. Token must be a {bytes}")
        settings = self.settings
        by_issuers = foreign and bool(self.issuers)
        try:
            if by_issuers or self.callbacks.decode_key is not None:
                token = self._verified(text, by_issuers=by_issuers, allow_expired=allow_expired)
            else:
                token = self.cache.verify(
                    text,
                    self.keys.ring(),
                    settings.rules,
                    self.clock(),
                    max_length=settings.max_token_length,
                    allow_padding=settings.allow_base64_padding,
                    allow_expired=allow_expired,
                )
        except ExpiredSignatureError as error:
            if csrf is not None:  # a wrong value counts before the expiry
                check_csrf(error.jwt_data, csrf)
            raise
        if csrf is not None:
            check_csrf(token.claims, csrf)
        return token

    def _verified(self, text: str | bytes, *, by_issuers: bool, allow_expired: bool) -> Token:
        """The token, where its own text decides by whose keys, or by which."""
        jws, settings = self.parse(text), self.settings
        issuer = find_issuer(self.issuers, settings, jws) if by_issuers else None
        now = self.clock()
        if issuer is not None:
            return issuer.verify(jws, now, settings.leeway, allow_expired=allow_expired)
        keys = self._own_keys_for(jws)
        return verify_parsed(jws, keys, settings.rules, now, allow_expired=allow_expired)

    def _own_keys_for(self, jws: UnverifiedJWS) -> Sequence[Key]:
        """The keys that a token of ours may be signed with."""
        if self.callbacks.decode_key is not None:
            return self._chosen_keys(jws)
        if not self.keys.are_given:
            # An application may take the tokens of others alone: then we have no key.
            raise InvalidIssuerError("Invalid issuer")
        return self.keys.ring().candidates(jws.header)

    def _chosen_keys(self, jws: UnverifiedJWS) -> Sequence[Key]:
        """The keys that the application's ``decode_key_loader`` chooses.

        The loader sees the header and the payload before anything is verified: that is its
        purpose.
        """
        callback = self.callbacks.decode_key
        assert callback is not None  # noqa: S101 - asked by the only caller; narrows the type
        value = self.ask(callback, dict(jws.header), parse_payload(jws.payload))
        allowed = [name for name in self.settings.decode_algorithms if name in ALGORITHMS]
        if jws.header.get("alg") not in allowed:
            # Before the key is looked at: a loader that goes by `alg` may have chosen a key of a
            # kind that this application does not take, and that is the token's fault.
            raise InvalidAlgorithmError(algorithm_message(jws.header))
        if value is None:
            raise InvalidSignatureError("Signature verification failed")
        return self.loaded.ring(value, allowed, "decode_key_loader").candidates(jws.header)

    def parse(self, text: str | bytes) -> UnverifiedJWS:
        """A token taken apart, not verified.

        :raises DecodeError: if it is not well-formed, or too long.
        """
        return parse(
            text,
            max_length=self.settings.max_token_length,
            allow_padding=self.settings.allow_base64_padding,
        )
