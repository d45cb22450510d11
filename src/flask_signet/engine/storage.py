"""The store of ``JWT_SESSION_STORE`` while a process has it open.

It outlives a change of other options. The connections stay, and so do this process's view of the
revocations and its notes of sessions in use.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from ..exceptions import ConfigurationError, StoreUnavailableError
from ..forks import own_lock
from ..options.table import Settings
from ..sessions.last_seen import Noted
from ..sessions.revocations import Absence, RevocationView
from ..sessions.session import Lives
from ..sessions.store import SessionStore
from .moments import Moments

log: logging.Logger = logging.getLogger("flask_signet")

_PAUSE: Final = 0.5
"""Seconds in which a store that failed is not asked again for what can wait."""

_HOPELESS: Final = frozenset({"corrupt", "newer_schema"})
"""Findings that no command of ours mends: with them an application does not start."""


class Storage:
    """A store, opened at its first use, and this process's view of what it refuses.

    :param wanted: the option's value: a URL, an engine, or a store.
    :param timeout: seconds after which a store that does not answer has failed.
    :param option: the option's name, for messages.
    """

    __slots__ = (
        "_absence",
        "_covered",
        "_lock",
        "_pause_until",
        "_store",
        "_view",
        "moments",
        "noted",
        "option",
        "timeout",
        "wanted",
    )

    def __init__(
        self, wanted: Any, *, timeout: float = 2.0, option: str = "JWT_SESSION_STORE"
    ) -> None:
        self.wanted: Any = wanted
        self.timeout: float = timeout
        self.option: str = option
        self.noted: Noted = Noted()
        self.moments: Moments = Moments()
        self._absence = Absence()
        self._covered = Lives()
        self._pause_until = float("-inf")
        self._lock = own_lock()
        self._store: SessionStore | None = None
        self._view: tuple[float, RevocationView] | None = None

    def serves(self, settings: Settings) -> bool:
        """Whether these options mean this very store."""
        return self.wanted is settings.session_store and self.timeout == settings.store_timeout

    @property
    def store(self) -> SessionStore:
        """The store.

        :raises ConfigurationError: if the option's value is no store, or names none.
        """
        if self._store is None:
            with self._lock():
                if self._store is None:
                    self._store = self._open()
        return self._store

    def _open(self) -> SessionStore:
        if isinstance(self.wanted, SessionStore):
            return self.wanted
        from ..stores import open_store  # here: SQLAlchemy and redis-py are loaded on demand

        try:
            return open_store(self.wanted, timeout=self.timeout)
        except (ValueError, ConfigurationError) as error:
            raise ConfigurationError(f"{self.option}: {error}") from None

    def view(self, max_staleness: float) -> RevocationView:
        """What is revoked, as this process knows it.

        :param max_staleness: seconds by which it may lag behind the store.
        :raises ConfigurationError: if the option's value is no store.
        """
        view = self._view
        if view is None or view[0] != max_staleness:
            store = self.store
            with self._lock():
                view = self._view
                if view is None or view[0] != max_staleness:
                    # A store that announces nothing is asked at each check: one indexed read.
                    bound = max_staleness if getattr(store, "announces", True) else 0
                    view = (
                        max_staleness,
                        RevocationView(
                            store,
                            max_staleness=bound,
                            absence=self._absence,
                            on_another_epoch=self._uncover,
                        ),
                    )
                    self._view = view
        return view[1]

    @property
    def is_failing(self) -> bool:
        """Whether the store failed when it was last asked about a token."""
        return self._view is not None and self._view[1].is_failing

    def doubt(self) -> None:
        """Have the next check ask the store: this process has just revoked something."""
        if self._view is not None:
            self._view[1].doubt()

    # ── the longest life of a token ──────────────────────────────────────────────────────

    def covers(self, life: float, *, of_session: bool) -> bool:
        """Whether the store remembers what ends for as long as a token lives.

        :param life: seconds, the leeway included.
        :param of_session: whether it is the access token of a session.
        """
        covered = self._covered
        return life <= (covered.of_session if of_session else covered.of_token)

    def cover(self, life: float, now: float, *, of_session: bool, is_usual: bool) -> None:
        """Have the store remember what ends for so long: see :meth:`.SessionStore.cover`.

        :param life: seconds.
        :param now: seconds since 1970.
        :param is_usual: whether the entries live as long by the options of now. Then the store's
            note counts only once the options are shorter: a log-in without a session does not fail
            for it, and it is written later.
        :raises StoreUnavailableError: if the store does not answer, unless it is usual.
        """
        if is_usual and (self.is_failing or time.monotonic() < self._pause_until):
            return
        lives = Lives(of_session=life if of_session else 0.0, of_token=life)
        try:
            self.store.cover(lives)
        except StoreUnavailableError:
            self._pause_until = time.monotonic() + _PAUSE
            self._absence.note(now)
            if not is_usual:
                raise
        else:
            self._covered = self._covered.longest(lives)

    def _uncover(self) -> None:
        """The store was emptied: it knows no longer how long tokens live."""
        self._covered = Lives()

    def note_use(self, sid: str, *, now: float, issued_at: float, refresh_jti: str = "") -> None:
        """Note that a session is in use. Never raises; most calls write nothing."""
        # While the store is in trouble, no request waits for it a second time.
        if self.noted.is_due(sid, now, issued_at, refresh_jti) and not self.is_failing:
            self.noted.note(self.store, sid, now, issued_at, refresh_jti)

    def check(self, now: float) -> None:
        """Look at the set-up of a store that is given by its URL, and close it again.

        What is wrong should not wait for the first log-in. What an operator can mend while the
        application runs is logged, with the mend; until then requests that need the store are
        answered 503. Nothing stays open: a process that forks has no connection to share. An
        engine of the application's is not looked at: it may not be ready yet.

        :param now: seconds since 1970.
        :raises ConfigurationError: if the option is wrong, or the store is damaged or of a newer
            version than this one.
        """
        try:
            store = self.store  # the transactions of an engine are followed from now on
        except ConfigurationError:
            raise
        except RuntimeError:
            return  # Flask-SQLAlchemy's `db` has no engine outside the application's context
        if not isinstance(self.wanted, str):
            return
        try:
            findings = store.check()
        except StoreUnavailableError as error:
            self._absence.note(now)
            why = str(error.__cause__ or error).partition("\n")[0]
            log.error("%s does not answer: no token is taken until it does (%s)", self.option, why)
            return
        finally:
            store.close()
        if any(finding.code == "not_set_up" for finding in findings):
            self._absence.note(now)
        for finding in findings:
            if finding.code in _HOPELESS:
                raise ConfigurationError(f"{self.option}: {finding.message}: {finding.mend}")
            level = logging.ERROR if finding.level == "error" else logging.WARNING
            log.log(level, "%s: %s: %s", self.option, finding.message, finding.mend)

    def close(self) -> None:
        """Give back the connections to the store. They are opened again if they are needed."""
        with self._lock():
            if self._view is not None:
                self._view[1].close()
            if self._store is not None:
                self._store.close()
            self._view = self._store = None
