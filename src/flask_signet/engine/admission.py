"""What a request brings, and what a guard finds in it. Plain values, of no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Credentials(NamedTuple):
    """What a request brings: the token's text, its location, and the CSRF value if one must come.

    It does not print them.

    :param is_new: the token was made in this very request, so its client does not have it yet:
        that it counts here is no use of it.
    """

    text: str
    location: str
    csrf: str | None = None
    is_new: bool = False

    def __repr__(self) -> str:
        return f"<Credentials in {self.location}>"


@dataclass(slots=True, eq=False)
class Admission:
    """What a guard found in one request.

    :param header: the token's header; empty where a request passed without a token.
    :param claims: the token's payload; empty likewise.
    :param location: where the token was: ``"headers"``, ``"cookies"``, ``"query_string"``,
        ``"json"``, or None.
    :param identity: whom the token was made for, of ``JWT_IDENTITY_TYPE``.
    :param issuer: the other issuer that the token is of; None for one of ours.
    :param user: what the ``user_lookup_loader`` returned.
    :param has_user: whether there is an answer to "who is the user?", which may be None: a
        ``user_lookup_loader`` was asked, or the request passed without a token.
    """

    header: dict[str, Any] = field(repr=False)
    claims: dict[str, Any] = field(repr=False)
    location: str | None = None
    identity: Any = field(default=None, repr=False)
    issuer: str | None = None
    user: Any = field(default=None, repr=False)
    has_user: bool = False

    @classmethod
    def without_token(cls) -> Admission:
        """The admission of a request that a guard let pass without a token."""
        return cls({}, {}, has_user=True)
