"""Whom a token is for: the identity as an application has it, and as it stands in the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..exceptions import ConfigurationError, InvalidSubjectError, JWTDecodeError
from ..jwt.claims import check_subject
from .setup import Setup

_NO_IDENTITY: Final = (
    "the identity is of type {0}, which is no subject of a token: return a string from a "
    "user_identity_loader (or set {1}VERIFY_SUB = False, against RFC 7519 section 4.1.2)"
)

_OTHER_IDENTITY: Final = (
    "the identity is of type {0}, and {1}IDENTITY_TYPE can't read it back from its text: give one "
    "of that type, or return one from a user_identity_loader"
)


class Identifying(Setup):
    """From an identity to its claim, and back."""

    __slots__ = ()

    def wire_identity(self, identity: Any) -> Any:
        """The identity as it stands in the token: what the ``user_identity_loader`` makes of it.

        :raises TypeError: if ``JWT_IDENTITY_TYPE`` does not read it back.
        """
        if self.callbacks.user_identity is not None:
            identity = self.ask(self.callbacks.user_identity, identity)
        identity_type = self.settings.identity_type
        if identity_type is None:
            return self._plain(identity)
        kind = type(identity).__name__
        if identity is None or isinstance(identity, bool | float | dict | list | tuple):
            raise TypeError(_NO_IDENTITY.format(kind, self.prefix))
        try:
            text = str(self._plain(identity))
            identity_type(text)
        except Exception:  # noqa: BLE001 - an application's type may raise anything
            raise TypeError(_OTHER_IDENTITY.format(kind, self.prefix)) from None
        return text

    def seen_by_loaders(self, identity: Any, wire_identity: Any, *found: Any) -> Any:
        """The identity that the loaders get at a refresh: as far as possible, that of the log-in.

        A token has the identity as it stands in it. Where the ``user_identity_loader`` makes that
        of an object, the loaders get such an object again: one that the application found.

        :param found: what the ``user_lookup_loader`` and the ``user_state_loader`` returned.
        :return: the first of these of which the ``user_identity_loader`` makes the very identity
            in the token; else the identity of the token.
        """
        if self.callbacks.user_identity is not None and self._has_loaders_for_an_identity():
            for each in found:
                if each is not None and self._is_made_of(each, wire_identity):
                    return each
        return identity

    def _is_made_of(self, found: Any, wire_identity: Any) -> bool:
        try:
            return str(self.wire_identity(found)) == str(wire_identity)
        except (AttributeError, LookupError, TypeError, ValueError):
            return False  # the loader takes ids, not what was found

    def _has_loaders_for_an_identity(self) -> bool:
        callbacks = self.callbacks
        asked = (callbacks.additional_claims, callbacks.additional_headers, callbacks.encode_key)
        return any(asked)

    def refuse_to_forget(self, identity: Any) -> None:
        """Refuse to open a session for an object that no refresh could give to the loaders.

        :raises ConfigurationError: if there is neither a ``user_lookup_loader`` nor a
            ``user_state_loader`` to find it.
        """
        callbacks = self.callbacks
        if callbacks.user_identity is None or not self._has_loaders_for_an_identity():
            return
        if callbacks.user_lookup is not None or callbacks.user_state is not None:
            return
        if identity is not None and not isinstance(self._plain(identity), str | int):
            raise ConfigurationError(
                f"the loaders get a {type(identity).__name__} at the log-in, but a refresh has its "
                "id alone: register a user_lookup_loader, or a user_state_loader that returns the "
                "user"
            )

    def _plain(self, identity: Any) -> Any:
        """An identity that JSON has as a text or an int, as just that: a UUID, an enum's member."""
        if type(identity) in (str, int) or identity is None:
            return identity
        if isinstance(identity, str):
            return str.__str__(identity)
        if isinstance(identity, bool | float | dict | list | tuple):
            return identity
        if isinstance(identity, int):
            return int(identity)
        try:
            made = self.to_json(identity)
        except TypeError:
            return identity
        return made if isinstance(made, str) else identity

    def subject_of(self, identity: Any) -> Any:
        """A subject as it stands in the tokens, for an identity that an application names.

        It is what the ``user_identity_loader`` makes of it, as at a log-in. A text, an int or None
        that the loader does not take is the subject itself.

        :raises TypeError: if the identity can't be in a token.
        """
        is_plain = identity is None or type(identity) in (str, int)
        try:
            subject = self.wire_identity(identity)
        except (AttributeError, LookupError, TypeError, ValueError):
            if not is_plain:
                raise
            return identity
        return identity if subject is None and is_plain else subject

    def identity_in(self, claims: Mapping[str, Any]) -> Any:
        """The identity in some claims, of ``JWT_IDENTITY_TYPE`` where that is set.

        :raises ValueError: or any error of that type, if it can't read the text.
        """
        value = claims.get(self.settings.identity_claim_key)
        identity_type = self.settings.identity_type
        return value if identity_type is None or value is None else identity_type(value)

    def checked_identity_in(self, claims: Mapping[str, Any]) -> Any:
        """The same, of a token of ours.

        :raises JWTDecodeError: if the type can't read it: the token is from before the option.
        """
        try:
            return self.identity_in(claims)
        except Exception:  # noqa: BLE001 - an application's type may raise anything
            claim = self.settings.identity_claim_key
            raise JWTDecodeError(f"Invalid claim: {claim}") from None

    def refuse_bad_ids(self, claims: Mapping[str, Any]) -> None:
        """Refuse to make a token whose ``sub`` or ``jti`` we would refuse to take.

        :raises TypeError: if ``sub`` is of a kind that the options don't take.
        :raises ValueError: if one of them is too long or empty.
        """
        jti = claims["jti"]
        if self.settings.bounded_ids and isinstance(jti, str) and not 0 < len(jti) <= 64:
            raise ValueError(
                f"the claim jti has {len(jti)} characters; {self.prefix}BOUNDED_IDS asks for 1 to "
                "64"
            )
        if "sub" in claims:
            self._refuse_bad_subject(claims["sub"])

    def _refuse_bad_subject(self, subject: object) -> None:
        rules = self.settings.rules
        try:
            check_subject(subject, rules.subject)
        except InvalidSubjectError:
            if type(subject) is int:
                raise TypeError(
                    f"the identity is an int, and {self.prefix}VERIFY_SUB = True asks for a "
                    f"string: set {self.prefix}IDENTITY_TYPE = int, and get_jwt_identity() gives "
                    "the int back"
                ) from None
            kind = type(subject).__name__
            raise TypeError(_NO_IDENTITY.format(kind, self.prefix)) from None
        if rules.bounded_ids and type(subject) is str and not 0 < len(subject) <= 255:
            raise ValueError(
                f"the identity has {len(subject)} characters; {self.prefix}BOUNDED_IDS asks for 1 "
                "to 255"
            )
