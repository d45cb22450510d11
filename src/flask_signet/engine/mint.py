"""Issue: from an identity to the text of a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from ..exceptions import ConfigurationError
from ..jose.jwk import Key
from ..jwt.encode import encode, expiry, new_id
from ..options.lifetime import lifetime_seconds
from .identity import Identifying
from .lifetimes import Lifetimes, is_of_session
from .moments import ISSUED_CLAIM
from .owners import OWNER_CLAIM, TENANT_CLAIM, Owner
from .rule import EXPLICIT_TYP, Kind

Fresh = bool | float | timedelta
ExpiresDelta = Literal[False] | timedelta
Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token is to be, as far as the options leave it open.

    :param fresh: whether its owner has just logged in; a ``timedelta``: for how long that holds; a
        float: until when.
    :param expires_delta: how long it lives, a ``timedelta`` or seconds; False: for ever; None: as
        the options say.
    :param claims: for the payload; they win over those of the loaders.
    :param headers: for the header; ``alg`` is the key's.
    :param session: the claims of the session that it belongs to; nothing changes them.
    :param made_by: the claims of the token in use while it is made. If that token is of a session
        and for the same identity, the new token belongs to the session. None: to no session.
    :param wire_identity: the identity as it stands in the token, where that is known already; else
        the ``user_identity_loader`` is asked.
    :param owner: whose token it is; None: the manager's, and the tenant's of now.
    """

    kind: Kind = "access"
    fresh: Fresh = False
    expires_delta: Any = None
    claims: Claims | None = None
    headers: Claims | None = None
    session: Claims = field(default_factory=dict)
    made_by: Claims | None = None
    wire_identity: Any = None
    owner: Owner | None = None


class Minting(Identifying, Lifetimes):
    """The verb ``issue``."""

    __slots__ = ()

    def issue(self, identity: Any, wanted: Wanted) -> str:
        """The signed text of a token.

        The loaders are asked in the order in which Flask-JWT-Extended asks them.

        :raises TypeError: if the identity, or a claim, can't be in a token.
        :raises ValueError: if the lifetime is zero, or the token too long.
        :raises ConfigurationError: if there is no key to sign with.
        :raises StoreUnavailableError: if it lives longer than any token before it, and the store,
            which has to know that, does not answer.
        """
        header = self._header(identity, wanted)
        added = self._added("additional_claims", identity, wanted.claims)
        subject = wanted.wire_identity
        if subject is None:
            subject = self.wire_identity(identity)
        key = self._signing_key(identity)
        if key.kid is not None and header.get("kid") is None:
            header["kid"] = key.kid
        claims = self._payload(subject, wanted, added)
        self.refuse_bad_ids(claims)
        text = encode(header, claims, key, default=self.to_json)
        if len(text) > self.settings.max_token_length:
            raise ValueError(
                f"the token has {len(text)} characters, {self.prefix}MAX_TOKEN_LENGTH is "
                f"{self.settings.max_token_length}: put less into its claims"
            )
        if self.storage is not None:
            self.cover(claims, self.clock())
        return text

    def _payload(self, subject: Any, wanted: Wanted, added: dict[str, Any]) -> dict[str, Any]:
        """All claims; those of the store can't be added, but by this library."""
        for name in (OWNER_CLAIM, TENANT_CLAIM, ISSUED_CLAIM):
            added.pop(name, None)
        inherited = {} if wanted.session else self._inherited(subject, wanted)
        if inherited and wanted.made_by is not None:
            # The owner of the session, also where it is from before there were owners.
            wanted = replace(wanted, session=inherited, owner=Owner.of(wanted.made_by))
        owner = self.owner() if wanted.owner is None else wanted.owner
        return {**self._claims(subject, wanted), **added, **wanted.session, **owner.claims}

    def _inherited(self, subject: Any, wanted: Wanted) -> dict[str, Any]:
        """The claims of the session whose token is in use, if it is the same identity's."""
        made_by, claim = wanted.made_by, self.settings.identity_claim_key
        if made_by is None or not is_of_session(made_by):
            return {}
        if str(made_by.get(claim)) != str(subject):
            return {}
        names = ["sid", "auth_time"]
        if self.settings.puts_csrf and isinstance(made_by.get("csrf"), str):
            names.append("csrf")  # a page that has the session's value goes on with it
        if isinstance(made_by.get("remembered"), bool):
            names.append("remembered")
        # Its use shows that the refresh token that it was made with has arrived.
        made_with = made_by.get("jti" if made_by.get("type") == "refresh" else "refresh_jti")
        proof = {}
        if self.settings.refresh_reuse_grace and isinstance(made_with, str):
            proof["refresh_jti"] = made_with
        return {name: made_by[name] for name in names} | proof

    def _header(self, identity: Any, wanted: Wanted) -> dict[str, Any]:
        typ = EXPLICIT_TYP[wanted.kind] if self.settings.explicit_typ else "JWT"
        header = {"typ": typ, **self._added("additional_headers", identity, wanted.headers)}
        if not header["typ"]:
            del header["typ"]
        return header

    def _added(self, loader: str, identity: Any, given: Claims | None) -> dict[str, Any]:
        """What a loader adds to a token, and over it what the caller gave."""
        callback: Callable[[Any], Any] | None = getattr(self.callbacks, loader)
        added: dict[str, Any] = {}
        if callback is not None:
            members = self.ask(callback, identity)
            if members is not None and not isinstance(members, Mapping):
                kind = type(members).__name__
                raise TypeError(f"the {loader}_loader returns a dict, not {kind}")
            added.update(members or {})
        if given is not None:
            added.update(given)
        return added

    def _signing_key(self, identity: Any) -> Key:
        if self.callbacks.encode_key is None:
            return self.keys.signing_key()
        value = self.ask(self.callbacks.encode_key, identity)
        algorithm = value.algorithm if isinstance(value, Key) else self.settings.algorithm
        ring = self.loaded.ring(value, (algorithm,), "encode_key_loader")
        if ring.signing_key is None:
            raise ConfigurationError("what the encode_key_loader returned is a public key")
        return ring.signing_key

    def _claims(self, subject: Any, wanted: Wanted) -> dict[str, Any]:
        """The claims that the options ask for."""
        settings, moment = self.settings, self.clock()
        is_uuid = settings.profile != "strict"
        expires = self._expiry(wanted, moment)
        claims: dict[str, Any] = {
            "fresh": self._freshness(wanted.fresh, moment, expires),
            "iat": int(moment),
            "jti": new_id(as_uuid=is_uuid),
            "type": wanted.kind,
            settings.identity_claim_key: subject,
        }
        if self.storage is not None and not wanted.session:
            claims[ISSUED_CLAIM] = self.storage.moments.issued(moment)
        if settings.encode_nbf:
            claims["nbf"] = int(moment)
        if settings.puts_csrf:
            claims["csrf"] = new_id(as_uuid=is_uuid)
        if settings.encode_audience:
            claims["aud"] = settings.encode_audience
        if settings.encode_issuer:
            claims["iss"] = settings.encode_issuer
        if expires is not None:
            claims["exp"] = expires
        return claims

    def _freshness(self, fresh: Fresh, moment: float, expires: int | None) -> bool | float:
        """The ``fresh`` claim: yes, no, or until when."""
        if isinstance(fresh, timedelta):
            fresh = moment + fresh.total_seconds()
        if self.settings.bounded_ids and expires is not None and type(fresh) in (int, float):
            return min(fresh, expires)  # not after `exp`, when the token is good for nothing
        return fresh

    def _expiry(self, wanted: Wanted, moment: float) -> int | None:
        """The ``exp`` claim; None for a token that never expires."""
        settings, delta, named = self.settings, wanted.expires_delta, "expires_delta"
        if delta is None:
            named = f"{self.prefix}{wanted.kind.upper()}_TOKEN_EXPIRES"
            is_access = wanted.kind == "access"
            delta = settings.access_expires if is_access else settings.refresh_expires
        seconds = lifetime_seconds(delta, moment)
        if seconds is None:
            if settings.require_exp:
                raise ValueError(
                    f"{named} is False, but {self.prefix}REQUIRE_EXP asks for an expiry"
                )
            return None
        if seconds == 0 or (seconds < 0 and settings.profile == "strict"):
            # Flask-JWT-Extended takes zero for "never expires". A negative lifetime makes a token
            # that has expired already, which tests want.
            raise ValueError(
                f"{named} is {'zero' if seconds == 0 else 'negative'}: give a lifetime above zero, "
                "or False for a token that never expires"
            )
        return expiry(moment, seconds)
