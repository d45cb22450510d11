"""Check: whether the token of a request follows a guard's rule. It computes, and never waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import SignetError, WrongTenantError
from ..jwt.token import Token
from .admission import Admission, Credentials
from .owners import Owner
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
        :raises WrongTenantError: if it is of another tenant.
        """
        admission = Admission(token.header.copy(), token.claims.copy(), location)
        admission.issuer = token.issuer
        try:
            rule.check(admission, self.settings, self.clock)
        except SignetError as error:
            raise error.about(admission.claims) from None
        if token.issuer is None and self.callbacks.tenant is not None:
            self.refuse_other_tenant(admission.header, admission.claims)
        return admission

    def refuse_other_tenant(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
        """Refuse a token of ours where the ``tenant_loader`` names another tenant than the token.

        :raises WrongTenantError: also if the token names none, and the loader one, or the reverse.
        """
        tenant = self.tenant()
        if tenant is not None and tenant != Owner.of(claims).tenant:
            raise WrongTenantError(header, claims)
