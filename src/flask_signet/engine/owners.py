"""Owners: under whose name a store keeps a subject, a ``jti`` and a session.

Several managers, applications and tenants may share one store. Each of them is an owner, and equal
ids of two owners never meet:

- ``42`` of the unnamed manager is kept as ``42``,
- ``42`` of the manager ``partner`` as ``//partner//42``,
- ``42`` of its tenant ``a.example.com`` as ``//partner/a.example.com/42``,
- ``42`` of another issuer as ``https://idp.example.com 42``.

Nobody can choose an id that is kept under another owner's name: an id of ours that looks like one
of the last three is kept with ``//=`` before it.

A token says whose it is, in two claims. So a guard, a refresh and a log-out find what is kept
about it, whichever manager or tenant the request belongs to. A token of the unnamed manager
without tenants has neither claim, nor has a token from before there were owners.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

OWNER_CLAIM: Final = "signet_owner"
"""The claim of a token that names its manager in the store."""

TENANT_CLAIM: Final = "signet_tenant"
"""The claim of a token that names its tenant."""

_ESCAPE: Final = "//="
_NULL: Final = "//null"
_LIKE_AN_ISSUERS: Final = re.compile(r"https?://[^ ]* ", re.IGNORECASE)
_TAG_END: Final = "."


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose ids are meant.

    :param name: the manager's name in the store; empty for the unnamed manager.
    :param tenant: the tenant's name; empty where there are no tenants.
    """

    name: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Owner:
        """The owner of one of our tokens, by its claims."""
        if OWNER_CLAIM not in claims and TENANT_CLAIM not in claims:
            return NOBODY
        name, tenant = claims.get(OWNER_CLAIM), claims.get(TENANT_CLAIM)
        return cls(
            name if isinstance(name, str) else "",
            tenant if isinstance(tenant, str) else "",
        )

    @property
    def claims(self) -> dict[str, str]:
        """The claims by which a token says that it is this owner's."""
        named = {OWNER_CLAIM: self.name, TENANT_CLAIM: self.tenant}
        return {claim: value for claim, value in named.items() if value}

    # ── subjects and jtis ────────────────────────────────────────────────────────────────

    def filed(self, text: str) -> str:
        """The name under which the store keeps an id of ours; empty for an empty text."""
        if "//" in text and (text.startswith("//") or _LIKE_AN_ISSUERS.match(text)):
            text = _ESCAPE + text
        if text and (self.name or self.tenant):  # seldom; each guard asks
            return self._within(text)
        return text

    def filed_subject(self, subject: Any) -> str:
        """The same for a subject as it stands in a token: a text, an int, or None.

        ``1`` and ``"1"`` are one subject.
        """
        return self._within(_NULL) if subject is None else self.filed(str(subject))

    def filed_of(self, issuer: str | None, text: str) -> str:
        """The same for an id that another issuer gave out; None is our own.

        An issuer's ids have no tenant of ours.
        """
        if issuer is None or not text:
            return self.filed(text)
        return Owner(self.name)._within(f"{issuer} {text}")

    def _within(self, text: str) -> str:
        if self.name or self.tenant:
            return _path(self.name, self.tenant) + text
        return text

    # ── sessions ─────────────────────────────────────────────────────────────────────────

    def tagged(self, sid: str) -> str:
        """A new session's id, with the owner's tag in it.

        The first character stays: a store that is spread over several machines goes by it.
        """
        tag = _tag(self.name, self.tenant)
        return f"{sid[:1]}{tag}{_TAG_END}{sid[1:]}" if tag else sid

    def has(self, sid: str) -> bool:
        """Whether a session's id has this owner's tag. The store is not asked."""
        tag, end, _ = sid[1:].partition(_TAG_END)
        return (tag if end else "") == _tag(self.name, self.tenant)


NOBODY: Final = Owner()
"""The unnamed manager, where there are no tenants: ids are kept as they are."""


@lru_cache(maxsize=1024)
def _path(name: str, tenant: str) -> str:
    """What stands before each id of an owner. Neither part has a slash in it."""
    return f"//{_quoted(name)}/{_quoted(tenant)}/"


def _quoted(part: str) -> str:
    return quote(part, safe="", errors="surrogatepass")


@lru_cache(maxsize=1024)
def _tag(name: str, tenant: str) -> str:
    """Eight characters of an owner's digest; empty for the unnamed manager without tenants.

    Owners with one tag are no danger: a session's id has 128 random bits besides.
    """
    if not name and not tenant:
        return ""
    return urlsafe_b64encode(sha256(_path(name, tenant).encode()).digest()).decode()[:8]
