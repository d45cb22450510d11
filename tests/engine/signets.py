"""Engines to test, without any framework, and what a client does with one, each in a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_signet.engine.admission import Admission, Credentials
from flask_signet.engine.callbacks import Callbacks
from flask_signet.engine.events import Tell
from flask_signet.engine.issuers import Issuer, make_issuer
from flask_signet.engine.mint import Wanted
from flask_signet.engine.pair import Wish
from flask_signet.engine.rule import Rule
from flask_signet.engine.setup import Clock
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import StoreUnavailableError
from flask_signet.jwt.token import TokenPair
from flask_signet.sessions.session import Revocation
from flask_signet.sessions.store import SessionStore, Synced
from flask_signet.stores.memory import MemoryStore
from tests.issuers import ISSUER, JWKS_URL, Web, jwks, pair, token
from tests.jose import keys

SECRET: Final = keys.SECRET.decode()
ANY_ACCESS: Final = Rule()
NO_WISH: Final = Wish()

Event = tuple[str, dict[str, Any]]
"""A signal's name, and what its listeners were told."""

Make = Callable[..., Signet]
"""Makes a Signet of what ``make_signet`` takes."""


def make_signet(clock: Clock, tell: Tell, **given: Any) -> Signet:
    """A Signet with a good secret, unless another key is given.

    :param given: in capitals an option without its prefix, ``SESSION_STORE="memory://"``; the name
        of a callback, ``user_lookup=find``; or another part of a Signet, ``issuers={}``.
    """
    options = {f"JWT_{name}": value for name, value in given.items() if name.isupper()}
    if not {"JWT_SECRET_KEY", "JWT_PRIVATE_KEY", "JWT_KEYS"} & set(options):
        options["JWT_SECRET_KEY"] = SECRET
    names = Callbacks.__dataclass_fields__
    callbacks = Callbacks(**{name: value for name, value in given.items() if name in names})
    parts = {
        name: value for name, value in given.items() if not name.isupper() and name not in names
    }
    return Signet.of(options, clock=clock, tell=tell, callbacks=callbacks, **parts)


# ── what a client does ───────────────────────────────────────────────────────────────────


def claims(signet: Signet, text: str) -> dict[str, Any]:
    """The claims of a token of ours, which may have expired."""
    return dict(signet.verify(text, allow_expired=True).claims)


def header(signet: Signet, text: str) -> dict[str, Any]:
    return dict(signet.verify(text, allow_expired=True).header)


def check(signet: Signet, text: str, rule: Rule = ANY_ACCESS, **more: Any) -> Admission:
    """What a guard makes of a token before anything is asked."""
    return signet.check(Credentials(text, "headers", **more), rule)


def confirm(signet: Signet, text: str, rule: Rule = ANY_ACCESS) -> None:
    """Ask whether a token that follows the rule is still good."""
    signet.confirm(check(signet, text, rule), rule)


def admit(signet: Signet, text: str, rule: Rule = ANY_ACCESS) -> Admission:
    return signet.admit(Credentials(text, "headers"), rule)


def refresh(signet: Signet, text: str, wish: Wish = NO_WISH) -> TokenPair:
    """The next two tokens for a refresh token."""
    return signet.rotate(signet.admit_to_rotate(Credentials(text, "headers")), wish)


def use(signet: Signet, text: str) -> None:
    """What a guard does with a token that it takes."""
    admission = check(signet, text)
    signet.confirm(admission, ANY_ACCESS)
    signet.note_in_use(admission.claims)


def loose(signet: Signet, identity: Any = "ada", kind: Any = "access", **wanted: Any) -> str:
    """A token without a session."""
    return signet.issue(identity, Wanted(kind=kind, **wanted))


# ── another issuer ───────────────────────────────────────────────────────────────────────

THEIRS: Final = pair("theirs")


def other_issuers(clock: Clock, **terms: Any) -> dict[str, Issuer]:
    """One other issuer, whose keys need no network."""
    web = Web()
    web.pages[JWKS_URL] = jwks(THEIRS)
    given = {"jwks_url": JWKS_URL, "fetch": web, **terms}
    return {ISSUER: make_issuer(ISSUER, "api", given, clock=clock)}  # type: ignore[arg-type]  # given by name


def their_token(clock: Clock, **changes: Any) -> str:
    """A token of the other issuer; a claim of ``...`` is left out."""
    now = int(clock())
    made = {"iss": ISSUER, "aud": "api", "sub": "ada", "iat": now, "exp": now + 600, "jti": "j"}
    made |= changes
    return token(THEIRS, {name: value for name, value in made.items() if value is not ...})


# ── a store that is looked at ────────────────────────────────────────────────────────────


@dataclass
class Watched:
    """A store that notes what it is asked, and fails while it is told to.

    :ivar born_at: when its memory begins, see :class:`.Synced`.
    :ivar asked: the names of the methods that the engine called, ``sync`` of a follower too. Its
        ``poll`` asks the server nothing, so it is not noted.
    """

    inner: SessionStore = field(default_factory=MemoryStore)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False
    born_at: float = 0.0

    def ask(self, name: str) -> None:
        self.asked.append(name)
        if self.is_down:
            raise StoreUnavailableError

    def follow(self) -> WatchedFollower:
        return WatchedFollower(self)

    def close(self) -> None:
        self.inner.close()


def _noting(name: str) -> Callable[..., Any]:
    def method(store: Watched, *arguments: Any, **named: Any) -> Any:
        store.ask(name)
        return getattr(store.inner, name)(*arguments, **named)

    return method


for _name in vars(SessionStore):
    if not _name.startswith("_") and _name not in vars(Watched):
        setattr(Watched, _name, _noting(_name))


class WatchedFollower:
    """The follower of such a store."""

    def __init__(self, store: Watched) -> None:
        self._store = store
        self._of = store.inner  # a test may exchange it
        self._inner = self._of.follow()

    def poll(self) -> Sequence[Revocation]:
        if self._store.is_down:
            raise StoreUnavailableError
        return self._inner.poll()

    def sync(self, *, limit: int = 10_000) -> Synced:
        self._store.ask("sync")
        if self._of is not self._store.inner:
            self._of = self._store.inner
            self._inner = self._of.follow()
        return self._inner.sync(limit=limit)._replace(born_at=self._store.born_at)

    def close(self) -> None:
        self._inner.close()
