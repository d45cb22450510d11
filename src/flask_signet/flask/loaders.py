"""The loaders: decorators by which an application registers its own functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..engine.callbacks import Callbacks

Loader = TypeVar("Loader", bound=Callable[..., Any])


class Loaders:
    """Each registers a function and returns it unchanged. A function may be ``async``."""

    callbacks: Callbacks

    def additional_claims_loader(self, callback: Loader) -> Loader:
        """``(identity) -> dict``: claims for every new token.

        At a refresh it gets the user that the ``user_lookup_loader`` or the ``user_state_loader``
        returned, if the ``user_identity_loader`` makes the token's identity of it; else what
        ``get_jwt_identity()`` gives. The ``additional_headers_loader`` and the
        ``encode_key_loader`` get the same.
        """
        return self._register("additional_claims", callback)

    def additional_headers_loader(self, callback: Loader) -> Loader:
        """``(identity) -> dict``: header members for every new token."""
        return self._register("additional_headers", callback)

    def decode_key_loader(self, callback: Loader) -> Loader:
        """``(unverified header, unverified payload) -> key``: the key that verifies this token.

        Nothing of what the loader is given has been verified. It returns what a key option takes,
        or None if there is no key for this token.
        """
        return self._register("decode_key", callback)

    def device_loader(self, callback: Loader) -> Loader:
        """``(device) -> device or None``: what is kept of a client whose session opens.

        The :class:`~flask_signet.sessions.session.Device` has ``user_agent``, ``address`` and
        ``label``; ``device._replace(address="")`` is one without an address. None keeps neither
        the user agent nor the address.
        """
        return self._register("device", callback)

    def encode_key_loader(self, callback: Loader) -> Loader:
        """``(identity) -> key``: the key that signs this identity's tokens."""
        return self._register("encode_key", callback)

    def expired_token_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> response`` to an expired token."""
        return self._register("expired_token", callback)

    def invalid_token_loader(self, callback: Loader) -> Loader:
        """``(reason) -> response`` to a token that is not acceptable."""
        return self._register("invalid_token", callback)

    def needs_fresh_token_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> response`` to a token that is not fresh."""
        return self._register("needs_fresh_token", callback)

    def revoked_token_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> response`` to a revoked token."""
        return self._register("revoked_token", callback)

    def tenant_loader(self, callback: Loader) -> Loader:
        """``() -> str or None``: the tenant of this request, by its host or its path, say.

        It is asked once for each request. Each new token is the tenant's, and a token of another
        tenant is refused. An empty text: no tenant. None: the request does not say, and the tenant
        of its token counts.
        """
        return self._register("tenant", callback)

    def token_in_blocklist_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> bool``: True if the token was revoked.

        If it raises because its database did not answer, the request is answered 503: see
        docs/revoke.md for what counts. Any other error is the application's own.
        """
        return self._register("token_in_blocklist", callback)

    def token_verification_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> bool``: False refuses a token that is good otherwise."""
        return self._register("token_verification", callback)

    def token_verification_failed_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> response`` where the ``token_verification_loader`` refused."""
        return self._register("token_verification_failed", callback)

    def unauthorized_loader(self, callback: Loader) -> Loader:
        """``(reason) -> response`` to a request without a token, or without its CSRF value."""
        return self._register("unauthorized", callback)

    def user_identity_loader(self, callback: Loader) -> Loader:
        """``(identity) -> str or int``: the identity as it stands in the token."""
        return self._register("user_identity", callback)

    def user_lookup_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> user or None``: the user of a token; None refuses the token."""
        return self._register("user_lookup", callback)

    def user_state_loader(self, callback: Loader) -> Loader:
        """``(identity) -> bool or user``: asked at each refresh; False or None ends the session.

        For users who were disabled or deleted since they logged in. The user that it returns is
        given to the loaders that make the new tokens, see :meth:`additional_claims_loader`.
        """
        return self._register("user_state", callback)

    def user_lookup_error_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> response`` where the ``user_lookup_loader`` found nobody."""
        return self._register("user_lookup_error", callback)

    def _register(self, field: str, callback: Loader) -> Loader:
        setattr(self.callbacks, field, callback)
        return callback
