"""What a log-in decides for its whole session, and every refresh keeps.

It is the session's ``memo``: a text in its row. Its refresh tokens say the same, so a refresh knows
it from the verified token, and reads nothing before its one write. The write compares the memo: if
``update_session`` changed the row meanwhile, nothing is written, and the row's memo is told. So the
row decides, on every store, also on those that can't return a row from an UPDATE (MariaDB, MySQL).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from .session import MAX_MEMO

UNKNOWN_MEMO: Final = "?"
"""No session has this memo: it stands for one that a token does not tell."""

RESERVED: Final = frozenset(
    (
        "auth_time",
        "csrf",
        "exp",
        "fresh",
        "iat",
        "jti",
        "kept",
        "nbf",
        "refresh_jti",
        "remembered",
        "sid",
        "signet_iat",
        "signet_owner",
        "signet_tenant",
        "type",
    )
)
"""Claims of one token, or of the session itself: a refresh makes them anew."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a session keeps.

    :param csrf: the one CSRF value of its tokens; empty where they have none.
    :param claims: those given at the log-in, as JSON values.
    :param remember: whether its cookies outlive the browser; None: as the options say.
    """

    csrf: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    remember: bool | None = None

    @property
    def memo(self) -> str:
        """The text in the session's row; the same values always make the same text.

        :raises ValueError: if the claims are too long.
        """
        if not self.claims and self.remember is None and not self.csrf.startswith("{"):
            return self.csrf
        members = {"claims": self.claims, "csrf": self.csrf, "remember": self.remember}
        text = json.dumps(members, separators=(",", ":"), sort_keys=True, allow_nan=False)
        if len(text) > MAX_MEMO:
            most = MAX_MEMO - len(text) + len(json.dumps(self.claims, separators=(",", ":")))
            raise ValueError(
                f"the claims that a session keeps have at most {most} characters as JSON: put "
                "less into them, or add them by an additional_claims_loader"
            )
        return text

    @classmethod
    def read(cls, memo: str) -> Self:
        """What the memo of a row says."""
        if not memo.startswith("{"):
            return cls(memo)
        members = json.loads(memo)
        return cls(members["csrf"], members["claims"], members["remember"])
