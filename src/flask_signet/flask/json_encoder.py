"""An encoder for claims that are not JSON by themselves, in Flask-JWT-Extended's form."""

from __future__ import annotations

import json
from typing import Any

from flask import current_app
from flask.json.provider import DefaultJSONProvider


class JSONEncoder(json.JSONEncoder):
    """An encoder that does with other types what the application's JSON provider does."""

    def default(self, o: Any) -> Any:
        """What the application's provider makes of a value that is not JSON."""
        provider = current_app.json_provider_class
        return getattr(provider, "default", DefaultJSONProvider.default)(o)
