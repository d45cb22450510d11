"""The engine: everything that this library does with tokens and sessions, on plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..jwt.cache import TokenCache
from ..keys.loaded import LoadedKeys
from ..options.names import check_names
from ..options.reader import OptionReader, set_defaults
from .admission import Admission, Credentials
from .open import Opening
from .own_keys import key_rules, own_keys
from .renew import Renewing
from .rule import Rule
from .setup import SYSTEM_CLOCK
from .storage import Storage
from .update import Updating


class Signet(Opening, Renewing, Updating):
    """Tokens and sessions by one set of options. It knows no framework.

    =========================================  ====================================================
    :meth:`~.mint.Minting.issue`               an identity to the text of a token
    :meth:`~.verify.Verifying.verify`          a text to a verified token
    :meth:`~.check.Checking.check`             what a request brings, against a :class:`.Rule`
    :meth:`~.confirm.Confirming.confirm`       whether the token is still good
    :meth:`admit`                              both, and the user
    :meth:`~.open.Opening.open`                a log-in to the two tokens of a session
    :meth:`~.rotate.Rotating.rotate`           a refresh token to the next two
    :meth:`~.renew.Renewing.renew`             a refresh token to the next access token alone
    :meth:`~.update.Updating.update`           the claims that a session keeps
    :meth:`~.end.Ending.end`, ``end_all``      one session, or all of a subject's
    :meth:`~.end.Ending.sessions_of`           a subject's live sessions
    :meth:`~.end.Ending.revoke`                one token
    =========================================  ====================================================

    It belongs to one moment: a changed option makes another Signet.
    """

    __slots__ = ()

    @classmethod
    def of(cls, options: Mapping[str, Any], *, prefix: str = "JWT_", **parts: Any) -> Self:
        """A Signet by options, as in an application's configuration.

        :param options: those that differ from the defaults; the dictionary stays as it is.
        :param parts: other fields of :class:`.setup.Setup`, such as ``callbacks`` or ``clock``.
        :raises ConfigurationError: if an option's name or value is wrong.
        """
        config = dict(options)
        set_defaults(config, prefix)
        check_names(config, prefix, strict=config[f"{prefix}PROFILE"] == "strict")
        reader = OptionReader(prefix)
        settings = reader.check(reader.freeze(reader.snapshot(config)))
        storage = None
        if settings.session_store is not None:
            storage = Storage(
                settings.session_store,
                timeout=settings.store_timeout,
                option=f"{prefix}SESSION_STORE",
            )
        keys = own_keys(
            settings,
            prefix,
            flask_keys=(None, None),
            store=lambda: None if storage is None else storage.store,
            clock=parts.get("clock", SYSTEM_CLOCK),
            name=parts.get("name", ""),
        )
        return cls(
            settings=settings,
            keys=keys,
            loaded=LoadedKeys(key_rules(settings)),
            cache=TokenCache(settings.token_cache, settings.rules),
            prefix=prefix,
            storage=storage,
            **parts,
        )

    def admit(self, credentials: Credentials, rule: Rule) -> Admission:
        """What a guard finds in a request: a good token, and its user.

        :raises SignetError: one of its classes, by what is wrong.
        """
        admission = self.check(credentials, rule)
        self.confirm(admission, rule)
        self.look_up(admission)
        is_ours = self.storage is not None and admission.issuer is None
        if is_ours and rule.asks_store and not credentials.is_new:
            self.note_in_use(admission.claims)
        return admission
