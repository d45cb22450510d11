"""Update: the claims that a session keeps are changed; its next refresh puts them into tokens."""

from __future__ import annotations

from ..sessions.kept import Kept
from .mint import Claims
from .owners import Owner
from .pair import Pairing


class Updating(Pairing):
    """The verb ``update``."""

    __slots__ = ()

    def update(self, sid: str, claims: Claims, owner: Owner | None = None) -> bool:
        """Replace the claims that a session keeps, all of them.

        :param owner: only if the session is this owner's; None: any owner's.
        :return: whether the session is live.
        :raises TypeError: if a claim is not JSON.
        :raises ValueError: if they are too long.
        """
        store = self.store
        if owner is not None and not owner.has(sid):
            return False
        while True:
            now = self.clock()
            session = store.find_session(sid, now=now)
            if session is None:
                return False
            before = Kept.read(session.memo)
            memo = self.kept(claims, before.csrf, before.remember).memo
            # The write compares what was read. If another request was first, it is read again.
            if store.change_memo(sid, now=now, before=session.memo, memo=memo):
                return True
