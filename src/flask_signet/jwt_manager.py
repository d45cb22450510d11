"""The extension: :class:`JWTManager`, its options, its loaders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, Unpack
from weakref import WeakSet

import click
from flask import Blueprint, Flask, Response

from . import default_callbacks
from .engine.callbacks import Callbacks
from .engine.issuers import Issuer, IssuerTerms, is_our_name, make_issuer
from .exceptions import (
    ConfigurationError,
    CSRFError,
    DecodeError,
    ExpiredSignatureError,
    FreshTokenRequired,
    InvalidAudienceError,
    InvalidHeaderError,
    InvalidIssuerError,
    InvalidQueryParamError,
    InvalidTokenError,
    JWTDecodeError,
    MissingRequiredClaimError,
    NoAuthorizationError,
    RevokedTokenError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
    adopt_pyjwt,
)
from .flask import answers as error_handlers
from .flask import cookies, sessions
from .flask import current as current_token
from .flask.app_state import EXTENSION, AppState, current_state
from .flask.encoded_tokens import ExpiresDelta, Fresh, check_token, create_token
from .flask.sessions import SessionInfo
from .jwt.token import TokenPair
from .options.reader import check_names, set_defaults
from .view_decorators import Guard, Locations, checked_arguments, guard, guard_with

Loader = TypeVar("Loader", bound=Callable[..., Any])

FJE_EXTENSION: Final = "flask-jwt-extended"
"""Where Flask-JWT-Extended puts its manager; other extensions look for it there."""

# Applications import these from Flask-JWT-Extended's module of this name, too.
_ERRORS: Final = (
    *(CSRFError, DecodeError, ExpiredSignatureError, FreshTokenRequired, InvalidAudienceError),
    *(InvalidHeaderError, InvalidIssuerError, InvalidQueryParamError, InvalidTokenError),
    *(JWTDecodeError, MissingRequiredClaimError, NoAuthorizationError, RevokedTokenError),
    *(UserClaimsVerificationError, UserLookupError, WrongTokenError),
)


class JWTManager:
    """Tokens for a Flask application: the options, the keys, the loaders.

    ``JWTManager(app)``, or ``JWTManager()`` and ``init_app(app)`` in a factory. Every option is
    a ``JWT_...`` key of ``app.config``, see :class:`flask_signet.config.Settings`.

    A second manager, for tokens with keys and an audience of their own, has a name and a
    prefix: ``JWTManager(name="partner", config_prefix="PARTNER_JWT_")``. It guards by its own
    methods (``@partner.jwt_required()``); the functions of the package are the unnamed one's.

    :param add_context_processor: put ``current_user`` into templates.
    :param name: of a manager beside the unnamed one.
    :param config_prefix: of its options; needed with a name, and ending in an underscore.
    :raises ConfigurationError: if an option is wrong, see :meth:`init_app`.
    """

    #: A clock that never steps, in seconds: it tells how old other issuers' keys are.
    monotonic: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(
        self,
        app: Flask | None = None,
        add_context_processor: bool = False,
        *,
        name: str = "",
        config_prefix: str = "JWT_",
    ) -> None:
        if bool(name) != (config_prefix != "JWT_") or not config_prefix.endswith("_"):
            raise ConfigurationError(
                "a second JWTManager takes both a name and a config_prefix of its own, e.g. "
                'JWTManager(name="partner", config_prefix="PARTNER_JWT_")'
            )
        self.name: str = name
        self.config_prefix: str = config_prefix
        self.callbacks: Callbacks = Callbacks()
        #: The other issuers whose access tokens are taken, see :meth:`add_issuer`.
        self.issuers: dict[str, Issuer] = {}
        self._apps: WeakSet[Flask] = WeakSet()
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Serve an application.

        Its options are checked now, and again when they change. A secret may come later: it is
        needed by the first token. A session store that is given by its URL is looked at too; what
        is wrong with it is logged, with the mend.

        :raises ConfigurationError: if an option's name or value is wrong; it says which, what
            the option takes, and the nearest right name. Or if the session store is damaged.
        """
        managers: dict[str, AppState] = app.extensions.get(EXTENSION, {})
        known = managers.get(self.name)
        if known is not None and known.manager is not self:
            raise ConfigurationError(
                "this application has a JWTManager already: give the second one a name and a "
                'config_prefix, e.g. JWTManager(name="partner", config_prefix="PARTNER_JWT_")'
            )
        if any(
            state.prefix == self.config_prefix
            for name, state in managers.items()
            if name != self.name
        ):
            raise ConfigurationError(
                f"another JWTManager of this application has the config_prefix "
                f"{self.config_prefix!r}: each needs its own"
            )
        if known is not None:
            if app.config[f"{self.config_prefix}PROFILE"] != known.settings.profile:
                raise ConfigurationError(f"{self.config_prefix}PROFILE can't change any more")
            self._add_context_processor(app, wanted=add_context_processor)
            return
        added = set_defaults(app.config, self.config_prefix)
        try:
            strict = app.config[f"{self.config_prefix}PROFILE"] == "strict"
            check_names(app.config, self.config_prefix, strict=strict, unset=added)
            state = AppState(app, self, self.config_prefix)
            if not _is_our_command():
                state.check_keys()
            self._check_issuers(state)
            if not _is_our_command():
                state.check_store()
        except ConfigurationError:
            for name in added:  # nothing half-written remains: the mended start begins afresh
                del app.config[name]
            raise

        # Only now, with nothing left that can fail, does the application see the manager.
        adopt_pyjwt()
        app.extensions.setdefault(EXTENSION, {})[self.name] = state
        self._apps.add(app)
        if not self.name:
            app.extensions[FJE_EXTENSION] = self
        self._set_error_handler_callbacks(app)
        self._add_context_processor(app, wanted=add_context_processor)

    def _add_context_processor(self, app: Flask, *, wanted: bool) -> None:
        processor = current_token.current_user_context_processor
        if wanted and processor not in app.template_context_processors[None]:
            app.context_processor(processor)

    def _set_error_handler_callbacks(self, app: Any) -> None:
        """Register the handler with a Flask application, or with an API extension's object."""
        for error in error_handlers.HANDLED:
            if isinstance(app, Flask | Blueprint):
                app.register_error_handler(error, error_handlers.handle)
            else:
                app.errorhandler(error)(error_handlers.handle_for_api)

    def _state(self) -> AppState:
        return current_state(self.name)

    # ── other issuers ────────────────────────────────────────────────────────────────────

    def add_issuer(
        self, issuer: str, *, audience: str | Iterable[str], **terms: Unpack[IssuerTerms]
    ) -> None:
        """Take the access tokens of another issuer too, wherever this manager guards.

        A token whose ``iss`` is exactly this issuer is verified by the issuer's keys, which are
        fetched when the first such token comes. Every other token is verified as before. A token
        of another issuer is good for access only: it is never fresh, and never refreshes. Needs the
        extra ``issuers``.

        :param issuer: its URL, letter for letter as its tokens say it.
        :param audience: the audience that the tokens for this application have; one of several is
            enough.
        :param terms: what else there is to say of it, by keyword: see :class:`.IssuerTerms`.
        :raises ConfigurationError: if one of these can't be right; it says what to give.
        """
        if issuer in self.issuers:
            raise ConfigurationError(
                f"add_issuer: {issuer!r} is there already: call it once, with all of its audiences "
                "in a list"
            )
        made = make_issuer(issuer, audience, terms, clock=self.monotonic)
        before = self.issuers
        self.issuers = {**before, issuer: made}  # another one: requests may be at the old
        try:
            for app in self._apps:
                self._check_issuers(app.extensions[EXTENSION][self.name])
        except ConfigurationError:
            self.issuers = before
            raise

    def _check_issuers(self, state: AppState) -> None:
        settings = state.settings
        for name in self.issuers:
            if is_our_name(settings, name):
                raise ConfigurationError(
                    f"add_issuer: {name!r} is the issuer of our own tokens, by "
                    f"{self.config_prefix}ENCODE_ISSUER or {self.config_prefix}DECODE_ISSUER: "
                    "take it out of one of them"
                )

    # ── loaders: each registers a function and returns it unchanged ──────────────────────

    def additional_claims_loader(self, callback: Loader) -> Loader:
        """``(identity) -> dict``: claims for every new token."""
        return self._register("additional_claims", callback)

    def additional_headers_loader(self, callback: Loader) -> Loader:
        """``(identity) -> dict``: header members for every new token."""
        return self._register("additional_headers", callback)

    def decode_key_loader(self, callback: Loader) -> Loader:
        """``(unverified header, unverified payload) -> key``: what verifies this token.

        Nothing of what it is given has been verified. It returns what a key option takes, or
        None if there is no key for this token.
        """
        return self._register("decode_key", callback)

    def encode_key_loader(self, callback: Loader) -> Loader:
        """``(identity) -> key``: what signs this identity's tokens."""
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

    def token_in_blocklist_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> bool``: True if the token was revoked."""
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
        """``(identity) -> str or int``: what stands in the token for an identity."""
        return self._register("user_identity", callback)

    def user_lookup_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> user or None``: who a token's identity is; None refuses it."""
        return self._register("user_lookup", callback)

    def user_state_loader(self, callback: Loader) -> Loader:
        """``(identity) -> bool``: asked at each refresh; False ends the session.

        For users who were disabled or deleted since they logged in.
        """
        return self._register("user_state", callback)

    def user_lookup_error_loader(self, callback: Loader) -> Loader:
        """``(header, payload) -> response`` where the ``user_lookup_loader`` found nobody."""
        return self._register("user_lookup_error", callback)

    def _register(self, field: str, callback: Loader) -> Loader:
        setattr(self.callbacks, field, callback)
        return callback

    # ── a named manager's own functions ──────────────────────────────────────────────────

    def jwt_required(
        self,
        optional: Any = False,
        fresh: bool = False,
        refresh: bool = False,
        locations: Locations = None,
        verify_type: bool = True,
        skip_revocation_check: bool = False,
    ) -> Guard:
        """:func:`flask_signet.jwt_required` for this manager's tokens."""
        if callable(optional):
            return self.jwt_required()(optional)  # type: ignore[no-any-return]  # a view
        locations = checked_arguments(optional, locations)
        return guard_with(
            lambda: self.verify_jwt_in_request(
                optional, fresh, refresh, locations, verify_type, skip_revocation_check
            )
        )

    def verify_jwt_in_request(
        self,
        optional: bool = False,
        fresh: bool = False,
        refresh: bool = False,
        locations: Locations = None,
        verify_type: bool = True,
        skip_revocation_check: bool = False,
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """:func:`flask_signet.verify_jwt_in_request` for this manager's tokens."""
        return guard(
            self._state(), optional, fresh, refresh, locations, verify_type, skip_revocation_check
        )

    def create_access_token(
        self,
        identity: Any,
        fresh: Fresh = False,
        expires_delta: ExpiresDelta | None = None,
        additional_claims: dict[str, Any] | None = None,
        additional_headers: dict[str, Any] | None = None,
    ) -> str:
        """:func:`flask_signet.create_access_token` with this manager's key and options."""
        return create_token(
            self._state(),
            "access",
            identity,
            fresh=fresh,
            expires_delta=expires_delta,
            claims=additional_claims,
            headers=additional_headers,
        )

    def create_refresh_token(
        self,
        identity: Any,
        expires_delta: ExpiresDelta | None = None,
        additional_claims: dict[str, Any] | None = None,
        additional_headers: dict[str, Any] | None = None,
    ) -> str:
        """:func:`flask_signet.create_refresh_token` with this manager's key and options."""
        return create_token(
            self._state(),
            "refresh",
            identity,
            expires_delta=expires_delta,
            claims=additional_claims,
            headers=additional_headers,
        )

    def create_token_pair(self, identity: Any, fresh: Fresh = True, **options: Any) -> TokenPair:
        """:func:`flask_signet.create_token_pair` with this manager's key and options."""
        return sessions.open_pair(self._state(), identity, fresh=fresh, **options)

    def rotate_refresh_token(self, **options: Any) -> TokenPair:
        """:func:`flask_signet.rotate_refresh_token` for this manager's tokens."""
        return sessions.rotate(self._state(), **options)

    def end_session(self, sid: str | None = None, subject: Any = None) -> bool:
        """:func:`flask_signet.end_session` in this manager's store."""
        return sessions.end_one(self._state(), sid, subject)

    def end_sessions(
        self, subject: Any, except_sid: str | None = None, issuer: str | None = None
    ) -> None:
        """:func:`flask_signet.end_sessions` in this manager's store."""
        sessions.end_all(self._state(), subject, except_sid, issuer)

    def list_sessions(self, subject: Any) -> list[SessionInfo]:
        """:func:`flask_signet.list_sessions` in this manager's store."""
        return sessions.list_all(self._state(), subject)

    def revoke_token(self, token_or_jti: str, issuer: str | None = None) -> None:
        """:func:`flask_signet.revoke_token` in this manager's store."""
        sessions.revoke(self._state(), token_or_jti, issuer)

    def logout(self) -> bool:
        """:func:`flask_signet.logout` for this manager's tokens."""
        return sessions.log_out(self._state())

    def decode_token(
        self, encoded_token: str, csrf_value: str | None = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        """:func:`flask_signet.decode_token` with this manager's keys and options."""
        token = check_token(
            self._state(), encoded_token, csrf_value=csrf_value, allow_expired=allow_expired
        )
        return dict(token.claims)

    def get_jti(self, encoded_token: str) -> str | None:
        """:func:`flask_signet.get_jti` with this manager's keys and options."""
        return self.decode_token(encoded_token).get("jti")

    def get_csrf_token(self, encoded_token: str) -> str:
        """:func:`flask_signet.get_csrf_token` with this manager's keys and options."""
        value: str = self.decode_token(encoded_token)["csrf"]
        return value

    def get_jwt(self) -> dict[str, Any]:
        """The payload of this manager's token in this request."""
        return current_token.payload(self._state())

    def get_jwt_header(self) -> dict[str, Any]:
        """The header of this manager's token in this request."""
        return current_token.header(self._state())

    def get_jwt_identity(self) -> Any:
        """The identity of this manager's token in this request."""
        return current_token.identity(self._state())

    def get_jwt_request_location(self) -> str | None:
        """Where this manager's token was in this request."""
        return current_token.location(self._state())

    def get_current_user(self) -> Any:
        """What this manager's ``user_lookup_loader`` returned in this request."""
        return current_token.user(self._state())

    def set_access_cookies(
        self,
        response: Response,
        encoded_access_token: str,
        max_age: int | None = None,
        domain: str | None = None,
    ) -> None:
        """:func:`flask_signet.set_access_cookies` with this manager's options."""
        state = self._state()
        cookies.set_cookies(state, "access", response, encoded_access_token, max_age, domain)

    def set_refresh_cookies(
        self,
        response: Response,
        encoded_refresh_token: str,
        max_age: int | None = None,
        domain: str | None = None,
    ) -> None:
        """:func:`flask_signet.set_refresh_cookies` with this manager's options."""
        state = self._state()
        cookies.set_cookies(state, "refresh", response, encoded_refresh_token, max_age, domain)

    def unset_access_cookies(self, response: Response, domain: str | None = None) -> None:
        """:func:`flask_signet.unset_access_cookies` with this manager's options."""
        cookies.unset_cookies(self._state(), "access", response, domain)

    def unset_refresh_cookies(self, response: Response, domain: str | None = None) -> None:
        """:func:`flask_signet.unset_refresh_cookies` with this manager's options."""
        cookies.unset_cookies(self._state(), "refresh", response, domain)

    def unset_jwt_cookies(self, response: Response, domain: str | None = None) -> None:
        """:func:`flask_signet.unset_jwt_cookies` with this manager's options."""
        self.unset_access_cookies(response, domain)
        self.unset_refresh_cookies(response, domain)

    # ── Flask-JWT-Extended's private names, which public code uses ───────────────────────

    def _encode_jwt_from_config(
        self,
        identity: Any,
        token_type: str,
        claims: dict[str, Any] | None = None,
        fresh: Fresh = False,
        expires_delta: ExpiresDelta | None = None,
        headers: dict[str, Any] | None = None,
    ) -> str:
        return create_token(
            self._state(),
            "access" if token_type != "refresh" else "refresh",  # noqa: S105 - no password
            identity,
            fresh=fresh,
            expires_delta=expires_delta,
            claims={"type": token_type, **(claims or {})},
            headers=headers,
        )

    def _decode_jwt_from_config(
        self, encoded_token: str, csrf_value: str | None = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        return self.decode_token(encoded_token, csrf_value, allow_expired)

    def __setattr__(self, name: str, value: Any) -> None:
        field = _PRIVATE_CALLBACKS.get(name)
        if field is None:
            super().__setattr__(name, value)
        else:
            setattr(self.callbacks, field, value)

    def __getattr__(self, name: str) -> Any:
        field = _PRIVATE_CALLBACKS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        callback = getattr(self.callbacks, field)
        return _DEFAULTS.get(field) if callback is None else callback


_PRIVATE_CALLBACKS: Final = {
    "_decode_key_callback": "decode_key",
    "_encode_key_callback": "encode_key",
    "_expired_token_callback": "expired_token",
    "_invalid_token_callback": "invalid_token",
    "_jwt_additional_header_callback": "additional_headers",
    "_needs_fresh_token_callback": "needs_fresh_token",
    "_revoked_token_callback": "revoked_token",
    "_token_in_blocklist_callback": "token_in_blocklist",
    "_token_verification_callback": "token_verification",
    "_token_verification_failed_callback": "token_verification_failed",
    "_unauthorized_callback": "unauthorized",
    "_user_claims_callback": "additional_claims",
    "_user_identity_callback": "user_identity",
    "_user_lookup_callback": "user_lookup",
    "_user_lookup_error_callback": "user_lookup_error",
}

# What those names are where the application set nothing.
_DEFAULTS: Final[dict[str, Callable[..., Any]]] = {
    **error_handlers.DEFAULT_ANSWERS,
    "additional_claims": default_callbacks.default_additional_claims_callback,
    "additional_headers": default_callbacks.default_jwt_headers_callback,
    "decode_key": default_callbacks.default_decode_key_callback,
    "encode_key": default_callbacks.default_encode_key_callback,
    "token_in_blocklist": default_callbacks.default_blocklist_callback,
    "token_verification": default_callbacks.default_token_verification_callback,
    "user_identity": default_callbacks.default_user_identity_callback,
}


def _is_our_command() -> bool:
    """Whether ``flask jwt ...`` makes the application: it says by itself what a store lacks."""
    context = click.get_current_context(silent=True)
    while context is not None:
        if context.info_name == "jwt":
            return True
        context = context.parent
    return False
