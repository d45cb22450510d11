"""What a user's type checker sees. Never run: mypy and pyright read it.

The signatures are those of Flask-JWT-Extended, so that a typed application stays typed.
"""

from datetime import timedelta
from typing import Any, assert_type

from flask import Flask, Response

from flask_signet import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
    get_csrf_token,
    get_jti,
    get_jwt,
    get_jwt_header,
    get_jwt_request_location,
    get_unverified_jwt_headers,
    jwt_required,
    set_access_cookies,
    set_refresh_cookies,
    unset_access_cookies,
    unset_jwt_cookies,
    unset_refresh_cookies,
    verify_jwt_in_request,
)

app = Flask(__name__)
jwt = JWTManager(app)
JWTManager().init_app(app, add_context_processor=True)

# Issuing

assert_type(create_access_token("ada"), str)
assert_type(create_access_token(7, fresh=True, expires_delta=False), str)
assert_type(create_access_token("ada", fresh=timedelta(minutes=5)), str)
assert_type(create_refresh_token("ada", expires_delta=timedelta(days=1)), str)
assert_type(create_access_token("ada", additional_claims={"a": 1}), str)

# Reading

token = create_access_token("ada")
assert_type(decode_token(token), dict[str, Any])
assert_type(get_csrf_token(token), str)
assert_type(get_jti(token), str | None)
assert_type(get_unverified_jwt_headers(token), dict[str, Any])
assert_type(get_jwt(), dict[str, Any])
assert_type(get_jwt_header(), dict[str, Any])
assert_type(get_jwt_request_location(), str | None)
assert_type(verify_jwt_in_request(), tuple[dict[str, Any], dict[str, Any]] | None)

# A guarded view keeps its type, with and without parentheses


@jwt_required()
def with_parentheses(number: int, *, word: str) -> list[str]:
    return [word] * number


@jwt_required
def without_parentheses(number: int) -> str:
    return str(number)


@jwt_required(optional=True, fresh=True, locations=["headers", "cookies"])
async def with_options() -> str:
    return ""


assert_type(with_parentheses(1, word="a"), list[str])
assert_type(without_parentheses(1), str)

# A loader returns the callback unchanged


@jwt.user_identity_loader
def user_identity(user: Any) -> str:
    return str(user)


@jwt.token_in_blocklist_loader
def is_revoked(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> bool:
    return bool(jwt_header or jwt_data)


assert_type(user_identity("ada"), str)
assert_type(is_revoked({}, {}), bool)

# Cookies


def cookies(response: Response) -> None:
    set_access_cookies(response, token, max_age=60)
    set_refresh_cookies(response, token, domain="example.com")
    unset_access_cookies(response)
    unset_refresh_cookies(response)
    unset_jwt_cookies(response, domain="example.com")
