"""The two tokens of a session, made from its row: at the log-in, and at each refresh."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..jwt.encode import new_id
from ..jwt.token import TokenPair
from ..sessions.kept import RESERVED, Kept
from ..sessions.session import NEVER, UNKNOWN_DEVICE, Device, Session
from . import events
from .mint import Claims, Fresh, Minting, Wanted
from .owners import Owner


@dataclass(frozen=True, slots=True)
class Wish:
    """What an application wants of the two tokens that it asks for.

    :param claims: for both payloads; they win over those of the loaders. Those of a log-in are kept
        by every refresh.
    :param headers: for both headers.
    :param access_expires_delta: how long the access token lives; None: as the option says.
    :param device: what is known of the client.
    :param remember: at a log-in: whether the cookies outlive the browser.
    """

    claims: Claims | None = None
    headers: Claims | None = None
    access_expires_delta: Any = None
    device: Device = UNKNOWN_DEVICE
    remember: bool | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom the tokens are.

    :param wire_identity: the identity as it stands in the tokens.
    :param owner: the manager and the tenant whose tokens they are.
    """

    identity: Any
    wire_identity: Any
    owner: Owner

    @property
    def subject(self) -> str:
        """The subject, as listeners are told it."""
        return str(self.wire_identity)

    @property
    def filed_subject(self) -> str:
        """The subject under which the store keeps the session."""
        return self.owner.filed_subject(self.wire_identity)


class Pairing(Minting):
    """Makes pairs of tokens."""

    __slots__ = ()

    def begun(self, holder: Holder, kept: Kept, *, lifetime: float, device: Device) -> Session:
        """A session that begins now, as it will be in the store.

        :param lifetime: seconds until it ends without a refresh.
        """
        now = self.clock()
        session = Session.begin(
            holder.filed_subject,
            new_id(as_uuid=False),
            now=now,
            expires_at=now + lifetime,
            absolute_expires_at=self.absolute_end(now),
            memo=kept.memo,
            device=self.kept_of(device),
        )
        return replace(session, sid=holder.owner.tagged(session.sid))

    def kept_of(self, device: Device) -> Device:
        """What the ``device_loader`` has the store keep of a client's facts.

        :raises TypeError: if it returns neither a device nor None.
        """
        callback = self.callbacks.device
        if callback is None:
            return device
        kept = self.ask(callback, device)
        if kept is None:  # the label is the application's own word
            return Device(label=device.label)
        if not isinstance(kept, Device):
            raise TypeError(
                f"the device_loader returns a Device or None, not {type(kept).__name__}"
            )
        return kept

    def kept(self, given: Claims | None, csrf: str = "", remember: bool | None = None) -> Kept:
        """What a session keeps.

        :param given: claims; those that belong to one token are left out.
        :param csrf: the CSRF value; empty: a new one, where tokens have one.
        :raises TypeError: if a claim is not JSON.
        """
        identity_claim = self.settings.identity_claim_key
        lasting = {
            name: value
            for name, value in (given or {}).items()
            if name not in RESERVED and name != identity_claim
        }
        if not self.settings.puts_csrf:
            csrf = ""
        elif not csrf:
            csrf = new_id(as_uuid=False)
        return Kept(csrf, self._as_json(lasting), remember)

    def _as_json(self, claims: Claims) -> Any:
        """Claims as a token has them: as JSON values."""
        return json.loads(json.dumps(dict(claims), default=self.to_json, allow_nan=False))

    def pair(
        self, holder: Holder, session: Session, wish: Wish, *, fresh: Fresh = False
    ) -> TokenPair:
        """Both tokens of a session as its row says; the refresh token is the same each time."""
        kept = Kept.read(session.memo)
        given = {**kept.claims, **(wish.claims or {})}
        wish = replace(wish, claims=given)
        named = self._of_both(holder, session, kept)
        # A log-in's tokens have nobody before them. Where nothing is forgiven nobody asks.
        proves_use = session.previous_jti != "" and self.settings.refresh_reuse_grace > 0
        made_with = {"refresh_jti": session.jti} if proves_use else {}
        access = self._access(holder, wish, named | made_with, fresh)
        row = named | self._of_refresh(session)
        if kept.claims:
            # Their names; the values are in the token. None: this token has another value.
            same = kept.claims == self._as_json({name: given[name] for name in kept.claims})
            row["kept"] = [*kept.claims] if same else None
        refresh = self._refresh(holder, wish, row, None if "exp" in row else False)
        return TokenPair(access, refresh, session.sid)

    def _of_both(self, holder: Holder, session: Session, kept: Kept) -> dict[str, Any]:
        """The claims that both tokens have of their session."""
        named: dict[str, Any] = {
            self.settings.identity_claim_key: holder.wire_identity,
            "sid": session.sid,
            "auth_time": session.created_at,
        }
        if self.settings.puts_csrf:
            # One value for both: a page that logs out proves itself for both cookies at once. And
            # one for the whole session: a form that is open in another tab outlives a refresh.
            named["csrf"] = kept.csrf or new_id(as_uuid=False)
        if kept.remember is not None:
            named["remembered"] = kept.remember
        return named

    def _of_refresh(self, session: Session) -> dict[str, Any]:
        """The claims of the refresh token that are in the row."""
        issued = int(session.rotated_at)
        row: dict[str, Any] = {"jti": session.jti, "iat": issued}
        if self.settings.encode_nbf:
            row["nbf"] = issued
        if session.expires_at != NEVER:
            row["exp"] = int(session.expires_at)
        return row

    def loose_pair(
        self, holder: Holder, sid: str, wish: Wish, *, fresh: Fresh, refresh_expires_delta: Any
    ) -> TokenPair:
        """Both tokens of a session that no store keeps."""
        named: dict[str, Any] = {"sid": sid}
        if wish.remember is not None:
            named["remembered"] = wish.remember
        access = self._access(holder, wish, named, fresh)
        refresh = self._refresh(holder, wish, named, refresh_expires_delta)
        return TokenPair(access, refresh, sid)

    def tell_ended(self, sessions: Iterable[Session]) -> None:
        """Tell listeners of sessions that were ended for a new one."""
        for session in sessions:
            self.doubt()
            self.tell(events.token_revoked, kind="sid", value=session.sid)

    def _access(self, holder: Holder, wish: Wish, session: Mapping[str, Any], fresh: Fresh) -> str:
        wanted = Wanted(
            kind="access",
            fresh=fresh,
            expires_delta=wish.access_expires_delta,
            claims=wish.claims,
            headers=wish.headers,
            session=session,
            wire_identity=holder.wire_identity,
            owner=holder.owner,
        )
        return self.issue(holder.identity, wanted)

    def _refresh(
        self, holder: Holder, wish: Wish, session: Mapping[str, Any], expires_delta: Any
    ) -> str:
        wanted = Wanted(
            kind="refresh",
            expires_delta=expires_delta,
            claims=wish.claims,
            headers=wish.headers,
            session=session,
            wire_identity=holder.wire_identity,
            owner=holder.owner,
        )
        return self.issue(holder.identity, wanted)
