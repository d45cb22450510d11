"""The options of the current application, by Flask-JWT-Extended's `config`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_signet import Key
from flask_signet.config import config
from flask_signet.exceptions import ConfigurationError
from flask_signet.options.table import OPTIONS
from tests.applications import SECRET, application


@pytest.fixture
def app() -> Iterator[Flask]:
    app = application(
        ACCESS_TOKEN_EXPIRES=60, TOKEN_LOCATION="cookies", DECODE_ALGORITHMS=["HS512"]
    )
    with app.app_context():
        yield app


def test_the_algorithms_of_a_key_ring() -> None:
    """With JWT_KEYS a list of algorithms is the whole list."""
    key = Key.generate("ES256")
    app = application(SECRET_KEY=None, KEYS=[key], DECODE_ALGORITHMS=["ES256"])
    with app.app_context():
        assert config.decode_algorithms == ["ES256"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("access_expires", timedelta(seconds=60)),
        ("refresh_expires", timedelta(days=30)),
        ("algorithm", "HS256"),
        ("decode_algorithms", ["HS512", "HS256"]),
        ("token_location", ("cookies",)),
        ("jwt_in_cookies", True),
        ("jwt_in_headers", False),
        ("jwt_in_json", False),
        ("jwt_in_query_string", False),
        ("cookie_max_age", None),
        ("exempt_methods", {"OPTIONS"}),
        ("is_asymmetric", False),
        ("csrf_request_methods", ["POST", "PUT", "PATCH", "DELETE"]),
        ("encode_key", SECRET),
        ("decode_key", SECRET),
        ("identity_claim_key", "sub"),
        ("error_msg_key", "msg"),
    ],
)
def test_config_gives_the_options(app: Flask, attribute: str, value: Any) -> None:
    """Flask-JWT-Extended's config has the options of the application in which it is asked."""
    assert getattr(config, attribute) == value


def test_config_follows_and_does_not_write(app: Flask) -> None:
    """It follows app.config, checks as it reads, and can't be written."""
    app.config.update(JWT_SESSION_COOKIE=False, JWT_ALGORITHM="RS256")
    assert config.cookie_max_age == 31540000
    assert config.is_asymmetric
    with pytest.raises(ConfigurationError, match="JWT_PRIVATE_KEY must be set"):
        assert config.encode_key
    with pytest.raises(ConfigurationError, match="JWT_PUBLIC_KEY must be set"):
        assert config.decode_key
    app.config["JWT_HEADER_NAME"] = 5
    with pytest.raises(ConfigurationError, match=r"^JWT_HEADER_NAME takes a non-empty text"):
        assert config.header_name
    with pytest.raises(AttributeError):
        config.header_name = "X-Token"


def test_config_has_every_option(app: Flask) -> None:
    """Every option can be read by the name that the settings give it."""
    for attribute in OPTIONS:
        getattr(config, attribute.removeprefix("_"))
