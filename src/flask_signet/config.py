"""The import path ``flask_jwt_extended.config``, under this package's name.

``config`` gives the options of the current application by Flask-JWT-Extended's names for them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import current_app

from .jose.algorithms import ALGORITHMS
from .keys.given import missing_key, missing_secret
from .options.checks import LOCATIONS
from .options.names import UnknownOptionWarning as UnknownOptionWarning
from .options.reader import refusal
from .options.table import ONE_YEAR, OPTIONS
from .options.table import Settings as Settings

if TYPE_CHECKING:
    import json


class _Config:
    """``flask_jwt_extended.config.config``: the options of the current application.

    Its properties are named like the attributes of :class:`.Settings`, and give the values as the
    application wrote them. Read-only: options are changed in ``app.config``.
    """

    __slots__ = ()

    def _raw(self, attribute: str) -> Any:
        option = OPTIONS[attribute]
        raw = current_app.config[f"JWT_{option.name}"]
        try:
            option.check(raw)
        except ValueError as error:
            raise refusal(f"JWT_{option.name}", option, raw, str(error)) from None
        return raw

    @property
    def is_asymmetric(self) -> bool:
        return not ALGORITHMS[self._raw("algorithm")].is_symmetric

    @property
    def encode_key(self) -> Any:
        return self._private_key if self.is_asymmetric else self._secret_key

    @property
    def decode_key(self) -> Any:
        return self._public_key if self.is_asymmetric else self._secret_key

    @property
    def _secret_key(self) -> Any:
        key = current_app.config["JWT_SECRET_KEY"] or current_app.config.get("SECRET_KEY")
        if not key:
            raise missing_secret(self._raw("algorithm"), "JWT_")
        return key

    @property
    def _private_key(self) -> Any:
        return self._asymmetric_key("private_key")

    @property
    def _public_key(self) -> Any:
        return self._asymmetric_key("public_key")

    def _asymmetric_key(self, which: str) -> Any:
        key = self._raw(which)
        if not key:
            raise missing_key(f"JWT_{which.upper()}", self._raw("algorithm"))
        return key

    @property
    def decode_algorithms(self) -> list[str]:
        names, own = [*(self._raw("_decode_algorithms") or ())], self._raw("algorithm")
        is_whole = own in names or (names and self._raw("keys") is not None)
        return names if is_whole else [*names, own]

    @property
    def token_location(self) -> Any:
        raw = self._raw("token_location")
        return (raw,) if isinstance(raw, str) else raw

    @property
    def access_expires(self) -> Any:
        return _as_delta(self._raw("access_expires"))

    @property
    def refresh_expires(self) -> Any:
        return _as_delta(self._raw("refresh_expires"))

    @property
    def cookie_max_age(self) -> int | None:
        return None if self._raw("session_cookie") else ONE_YEAR

    @property
    def exempt_methods(self) -> set[str]:
        return {"OPTIONS"}

    @property
    def json_encoder(self) -> type[json.JSONEncoder]:
        from .flask.json_encoder import JSONEncoder

        return JSONEncoder


def _as_delta(value: Any) -> Any:
    return timedelta(seconds=value) if type(value) is int else value


def _define_properties() -> None:
    def give(attribute: str) -> property:
        return property(lambda self: self._raw(attribute))

    def has(location: str) -> property:
        return property(lambda self: location in self.token_location)

    for attribute in OPTIONS:
        if not hasattr(_Config, attribute):
            setattr(_Config, attribute, give(attribute))
    for location in LOCATIONS:
        setattr(_Config, f"jwt_in_{location}", has(location))


_define_properties()

config: Any = _Config()
"""The options of the current application, by the names that Flask-JWT-Extended gives them."""
