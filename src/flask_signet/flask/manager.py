"""The extension: what an application asks of this package, once, as methods of a manager.

The functions of the package are the methods of the unnamed manager (:mod:`.unnamed`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, overload

from flask import Response

from ..engine.admission import Admission
from ..engine.mint import ExpiresDelta, Fresh, Wanted
from ..engine.rule import Locations, Rule, flag
from .boundaries import answered
from .cookies import TokenCookies
from .guards import Guard, admit_request, guarding
from .installation import current as current_of
from .installation import installation
from .managed_sessions import ManagedSessions
from .presented import end_replaced

Claims = Mapping[str, Any]
V = TypeVar("V", bound=Callable[..., Any])


class Manager(ManagedSessions):
    """Tokens for a Flask application: the options, the keys, the loaders.

    ``JWTManager(app)``, or ``JWTManager()`` and ``init_app(app)`` in a factory. Every option is
    a ``JWT_...`` key of ``app.config``, see :class:`flask_signet.options.table.Settings`.

    A second manager, for tokens with keys and an audience of their own, has a name and a
    prefix: ``JWTManager(name="partner", config_prefix="PARTNER_JWT_")``. It guards by its own
    methods (``@partner.jwt_required()``); the functions of the package are the unnamed one's.

    :param add_context_processor: put ``current_user`` into templates.
    :param name: of a manager beside the unnamed one.
    :param config_prefix: of its options; needed with a name, and ending in an underscore.
    :raises ConfigurationError: if an option is wrong, see :meth:`init_app`.
    """

    # ── guards ───────────────────────────────────────────────────────────────────────────

    @overload
    def jwt_required(self, optional: V, /) -> V: ...
    @overload
    def jwt_required(
        self,
        optional: bool = False,
        fresh: bool = False,
        refresh: bool = False,
        locations: Locations = None,
        verify_type: bool = True,
        skip_revocation_check: bool = False,
        *,
        within: timedelta | None = None,
    ) -> Guard: ...
    def jwt_required(
        self,
        optional: Any = False,
        fresh: bool = False,
        refresh: bool = False,
        locations: Locations = None,
        verify_type: bool = True,
        skip_revocation_check: bool = False,
        *,
        within: timedelta | None = None,
    ) -> Any:
        """Guard a view: it runs only for a request with an acceptable token.

        The parameters are those of :meth:`verify_jwt_in_request`, and so are the errors, which the
        manager's loaders answer. ``@jwt_required`` without parentheses is ``@jwt_required()``. The
        view may be ``async``. Its attribute ``rule`` says what the guard asks.

        :raises TypeError: if ``optional`` is not True or False, or ``within`` no ``timedelta``.
        """
        if callable(optional):
            return self.jwt_required()(optional)
        flags = (flag(optional), fresh, refresh, locations, verify_type, skip_revocation_check)
        rule = Rule.of(*flags, within=within)

        def check() -> object:
            # A subclass, or a test, may have a method of its own in this one's place.
            verify = self.verify_jwt_in_request
            if getattr(verify, "__func__", None) is Manager.verify_jwt_in_request:
                return admit(self, rule)
            return verify(*rule.as_arguments(), **rule.as_keywords())

        return guarding(rule, check, self.name)

    def verify_jwt_in_request(
        self,
        optional: bool = False,
        fresh: bool = False,
        refresh: bool = False,
        locations: Locations = None,
        verify_type: bool = True,
        skip_revocation_check: bool = False,
        *,
        within: timedelta | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Verify the token of this request, or refuse the request.

        :param optional: let a request without any token pass; a bad token is refused all the same.
        :param fresh: ask for a token made by a log-in, not by a refresh.
        :param refresh: ask for a refresh token; else an access token.
        :param locations: where to look, instead of ``JWT_TOKEN_LOCATION``.
        :param verify_type: False takes access and refresh tokens alike.
        :param skip_revocation_check: take a revoked token too.
        :param within: how long ago the log-in may be at most (RFC 9470): it was when the session
            was opened, or when a fresh token was made. None asks nothing.
        :return: the header and the payload; None for an OPTIONS request, or if there is no token
            and ``optional`` is set.
        :raises SignetError: one of its classes, by what is wrong.
        :raises RuntimeError: if a location's name is wrong.
        """
        rule = Rule.of(
            optional,
            fresh,
            refresh,
            locations,
            verify_type,
            skip_revocation_check,
            within=within,
        )
        found = admit(self, rule)
        return None if found is None else (found.header, found.claims)

    # ── make and check tokens ────────────────────────────────────────────────────────────

    @answered
    def create_access_token(
        self,
        identity: Any,
        fresh: Fresh = False,
        expires_delta: ExpiresDelta | None = None,
        additional_claims: Claims | None = None,
        additional_headers: Claims | None = None,
        *,
        session: bool = True,
    ) -> str:
        """An access token for an identity.

        If this request's token is of a session and for the same identity, the new token belongs to
        the session: it has its ``sid`` and ``auth_time``, and is refused once the session has
        ended. Another identity's token belongs to no session.

        :param identity: whom it is for: a string or an int, or what ``user_identity_loader`` makes
            one of.
        :param fresh: whether its owner has just logged in; a ``timedelta`` is for how long that
            holds, a float until when.
        :param expires_delta: how long it lives, a ``timedelta`` or seconds; False for ever; None
            as ``JWT_ACCESS_TOKEN_EXPIRES`` says.
        :param additional_claims: for the payload; they win over every other.
        :param additional_headers: for the header; ``alg`` is the key's.
        :param session: False makes a token that belongs to no session and outlives this one.
        :raises TypeError: if the identity, or a claim, can't be in a token.
        :raises ValueError: if the lifetime is zero, or the token too long; or if it belongs to a
            session and ``expires_delta`` is longer than ``JWT_ACCESS_TOKEN_EXPIRES``.
        :raises ConfigurationError: if there is no key to sign with, or an option is wrong.
        """
        here = self._here()
        wanted = Wanted(
            kind="access",
            fresh=fresh,
            expires_delta=expires_delta,
            claims=additional_claims,
            headers=additional_headers,
            made_by=here.current.own_claims() if session else None,
        )
        return here.signet().issue(identity, wanted)

    @answered
    def create_refresh_token(
        self,
        identity: Any,
        expires_delta: ExpiresDelta | None = None,
        additional_claims: Claims | None = None,
        additional_headers: Claims | None = None,
    ) -> str:
        """A refresh token for an identity: it is good for new access tokens, never for access.

        It belongs to no session, also while a session's token is in use: the refresh token of a
        session is the one that ``create_token_pair`` or ``rotate_refresh_token`` made last. The
        parameters and errors are those of :meth:`create_access_token`.
        """
        wanted = Wanted(
            kind="refresh",
            expires_delta=expires_delta,
            claims=additional_claims,
            headers=additional_headers,
        )
        return self._here().signet().issue(identity, wanted)

    @answered
    def decode_token(
        self, encoded_token: str, csrf_value: str | None = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        """The claims of a token, if it is one of ours: signature, times, issuer, audience.

        It does not ask what kind of token it is, whether it was revoked, or for its user.

        :param csrf_value: the value that must be the token's ``csrf`` claim.
        :param allow_expired: take a token whose only fault is that it has expired.
        :raises SignetError: one of its classes, by what is wrong.
        :raises ConfigurationError: if there is no key to verify with, or an option is wrong.
        """
        csrf = csrf_value or None  # an empty value asks nothing, as in Flask-JWT-Extended
        token = self._here().signet().verify(encoded_token, csrf=csrf, allow_expired=allow_expired)
        return token.claims.copy()

    def get_jti(self, encoded_token: str) -> str | None:
        """The ``jti`` of a token, which is verified as by :meth:`decode_token`.

        :return: its id; None if it has none, as a token of another issuer may.
        :raises SignetError: as :meth:`decode_token`, also if it has expired.
        """
        return self.decode_token(encoded_token).get("jti")

    def get_csrf_token(self, encoded_token: str) -> str:
        """The CSRF value of a token, which is verified as by :meth:`decode_token`.

        :raises KeyError: if the token has none.
        :raises SignetError: as :meth:`decode_token`, also if it has expired.
        """
        value: str = self.decode_token(encoded_token)["csrf"]
        return value

    # ── the token of this request ────────────────────────────────────────────────────────

    def get_jwt(self) -> dict[str, Any]:
        """The payload of this request's token: its claims.

        :return: a dictionary; empty where ``jwt_required(optional=True)`` found no token.
        :raises RuntimeError: if no guard has run in this request.
        """
        return current_of(self.name).claims()

    def get_jwt_header(self) -> dict[str, Any]:
        """The header of this request's token.

        :return: a dictionary; empty where ``jwt_required(optional=True)`` found no token.
        :raises RuntimeError: if no guard has run in this request.
        """
        return current_of(self.name).header()

    def get_jwt_identity(self) -> Any:
        """The identity that this request's token was made for.

        It is the claim ``JWT_IDENTITY_CLAIM`` (``sub``), of ``JWT_IDENTITY_TYPE`` where that is
        set; None where ``jwt_required(optional=True)`` found no token.

        :raises RuntimeError: if no guard has run in this request.
        """
        return self._here().current.identity(self.get_jwt())

    def get_jwt_request_location(self) -> str | None:
        """Where this request's token was. Never raises.

        :return: ``"headers"``, ``"cookies"``, ``"query_string"``, ``"json"``, or None.
        """
        return current_of(self.name).location()

    def get_current_user(self) -> Any:
        """What the ``user_lookup_loader`` returned for this request's token.

        :return: the user; None where ``jwt_required(optional=True)`` found no token.
        :raises RuntimeError: if no guard has run, or there is no ``user_lookup_loader``.
        """
        return current_of(self.name).user()

    # ── cookies ──────────────────────────────────────────────────────────────────────────

    @answered
    def set_access_cookies(
        self,
        response: Response,
        encoded_access_token: str,
        max_age: int | None = None,
        domain: str | None = None,
    ) -> None:
        """Put an access token into its cookie, and its CSRF value into another.

        If the request came with the cookie of another session, that session ends: it was replaced
        by a second log-in.

        :param max_age: seconds that the browser keeps them; None as ``JWT_SESSION_COOKIE`` says.
        :param domain: instead of ``JWT_COOKIE_DOMAIN``.
        :raises ValueError: if browsers would drop the cookie: it is over 4,096 bytes, or has a
            domain and a name with ``__Host-``. Or if ``JWT_CSRF_CLAIM`` left the CSRF value out.
        :raises KeyError: if the token of another issuer has none.
        :raises SignetError: if the token is not acceptable, where its CSRF value is to be read.
        :raises StoreUnavailableError: if a session is to end, and the store does not answer.
        """
        signet = self._here().current.maker_of(encoded_access_token)
        TokenCookies(signet, "access", domain).set(response, encoded_access_token, max_age)
        end_replaced(signet, "access", encoded_access_token)

    @answered
    def set_refresh_cookies(
        self,
        response: Response,
        encoded_refresh_token: str,
        max_age: int | None = None,
        domain: str | None = None,
    ) -> None:
        """Put a refresh token into its cookie, and its CSRF value into another.

        The parameters and errors are those of :meth:`set_access_cookies`.
        """
        signet = self._here().current.maker_of(encoded_refresh_token)
        TokenCookies(signet, "refresh", domain).set(response, encoded_refresh_token, max_age)
        end_replaced(signet, "refresh", encoded_refresh_token)

    def unset_access_cookies(self, response: Response, domain: str | None = None) -> None:
        """Have the browser forget the access token and its CSRF value.

        :param domain: the one that they were set with, if not ``JWT_COOKIE_DOMAIN``.
        :raises ValueError: if it is given for a cookie whose name begins with ``__Host-``.
        """
        TokenCookies(self._here().current.signet(), "access", domain).unset(response)

    def unset_refresh_cookies(self, response: Response, domain: str | None = None) -> None:
        """Have the browser forget the refresh token and its CSRF value.

        The parameter and errors are those of :meth:`unset_access_cookies`.
        """
        TokenCookies(self._here().current.signet(), "refresh", domain).unset(response)

    def unset_jwt_cookies(self, response: Response, domain: str | None = None) -> None:
        """Have the browser forget both tokens and their CSRF values.

        The parameter and errors are those of :meth:`unset_access_cookies`.
        """
        self.unset_access_cookies(response, domain)
        self.unset_refresh_cookies(response, domain)


@answered
def admit(manager: Manager, rule: Rule) -> Admission | None:
    """Admit this request by a manager's rule, or refuse it.

    :return: what was found; None for an OPTIONS request that needs no token, and where there is no
        token and the rule is ``optional``.
    :raises SignetError: one of its classes, by what is wrong.
    """
    return admit_request(manager, installation(manager.name), rule)
