"""The API under ``/api/v1/auth``: users, and the ready-made tokens and sessions of Flask-Signet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from flask import Blueprint, Response, request
from flask.views import MethodView
from marshmallow import ValidationError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Conflict, Unauthorized, UnprocessableEntity

from flask_signet import current_user, jwt_required, token_blueprint

from .accounts import EmailTakenError
from .database import User
from .devices import requesting_device
from .openapi import BEARER, make_blueprint
from .schemas import CredentialsSchema, ErrorSchema, RegistrationSchema, UserSchema
from .service import current_service

URL_PREFIX = "/api/v1/auth"

users = make_blueprint("auth", __name__, url_prefix=URL_PREFIX, description="Tokens and users")


class Credentials(TypedDict):
    """The values that ``CredentialsSchema`` loads."""

    email: str
    password: str


class WrongCredentials(Unauthorized):
    """The one answer for an unknown user and for a wrong password."""

    def __init__(self) -> None:
        super().__init__(
            "Wrong e-mail address or password.", www_authenticate=WWWAuthenticate("bearer")
        )


class BadFields(UnprocessableEntity):
    """A body whose fields do not fit. ``data`` holds the messages, as in flask-smorest's errors."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__("The fields do not fit.")
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]  # marshmallow's
        self.data = {"messages": {"json": messages}}


def tokens() -> Blueprint:
    """The routes to log in, refresh, log out, list sessions and end them (``token_docs.py``)."""
    blueprint = token_blueprint(
        authenticate, name="tokens", url_prefix=URL_PREFIX, label=lambda _: requesting_device()
    )
    blueprint.before_request(refuse_bad_json)
    return blueprint


def authenticate(members: Mapping[str, Any]) -> int:
    """The identity of the user with these credentials: the user's primary key.

    :raises BadFields: if the members are not an address and a password.
    :raises WrongCredentials: if the address is unknown, or the password is wrong.
    """
    try:
        credentials = cast(Credentials, CredentialsSchema().load(members))
    except ValidationError as error:
        raise BadFields(error) from error
    user = current_service().accounts.authenticate(**credentials)
    if user is None:
        raise WrongCredentials
    return user.id


@users.route("/users")
class Users(MethodView):
    """Register a user, and show the user of a token."""

    @jwt_required()
    @users.doc(security=BEARER)
    @users.response(200, UserSchema, description="The user of the token")
    @users.alt_response(401, schema=ErrorSchema, description="No token, or no good one")
    @users.alt_response(422, schema=ErrorSchema, description="Not an access token of this service")
    def get(self) -> User:
        """See who one is.

        Send the access token.
        """
        user: User = current_user
        return user

    @users.arguments(RegistrationSchema)
    @users.response(201, UserSchema, description="Registered")
    @users.alt_response(409, schema=ErrorSchema, description="The address is taken")
    def post(self, registration: Credentials) -> User:
        """Register."""
        try:
            return current_service().accounts.register(**registration)
        except EmailTakenError as error:
            raise Conflict("This e-mail address is taken.") from error


@users.before_request
def refuse_bad_json() -> None:
    """Check the syntax first: webargs fails on numbers of 5000 digits and on deep nesting."""
    if request.method == "POST":
        try:
            body = request.get_json()
        except (BadRequest, RecursionError) as error:
            raise BadRequest("The body is not JSON, or is nested too deeply.") from error
        if not isinstance(body, dict):
            raise BadFields(ValidationError("Invalid input type.", "_schema"))


@users.after_request
def keep_out_of_caches(response: Response) -> Response:
    """Only the client that asked may keep tokens and users (RFC 6749 section 5.1)."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
