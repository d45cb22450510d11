"""Check: whether the token of a request follows a guard's rule. It computes, and never waits."""

from __future__ import annotations

from ..jwt.token import Token
from .admission import Admission, Credentials
from .rule import Rule
from .verify import Verifying


class Checking(Verifying):
    """The verb ``check``."""

    __slots__ = ()

    def check(self, credentials: Credentials, rule: Rule) -> Admission:
        """Verify what a request brings, and hold it against a rule.

        :raises SignetError: one of its classes, by what is wrong.
        """
        token = self.verify(credentials.text, csrf=credentials.csrf, foreign=True)
        return self.examine(token, rule, credentials.location)

    def examine(self, token: Token, rule: Rule, location: str | None = None) -> Admission:
        """Hold a verified token against a rule.

        :raises WrongTokenError: if it is of another kind.
        :raises FreshTokenRequired: if it is not fresh.
        """
        admission = Admission(token.header.copy(), token.claims.copy(), location)
        admission.issuer = token.issuer
        rule.check(admission, self.settings, self.clock)
        return admission
