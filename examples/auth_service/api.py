"""The API: tokens and users, under ``/api/v1/auth``."""

from __future__ import annotations

from typing import TypedDict

from flask import Response, request
from flask.views import MethodView
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Conflict, Unauthorized

from flask_signet import (
    create_access_token,
    create_refresh_token,
    current_user,
    get_jwt,
    get_jwt_identity,
    jwt_required,
)

from .accounts import EmailTakenError
from .database import User
from .openapi import BEARER, make_blueprint
from .schemas import (
    AccessTokenSchema,
    CredentialsSchema,
    ErrorSchema,
    RegistrationSchema,
    TokenPairSchema,
    UserSchema,
)
from .service import current_service
from .tokens import revoke

blueprint = make_blueprint(
    "auth", __name__, url_prefix="/api/v1/auth", description="Tokens and users"
)


class Credentials(TypedDict):
    """What the credentials' schema loads."""

    email: str
    password: str


class WrongCredentials(Unauthorized):
    """The one answer for an unknown user and for a wrong password."""

    def __init__(self) -> None:
        super().__init__(
            "Wrong e-mail address or password.", www_authenticate=WWWAuthenticate("bearer")
        )


@blueprint.route("/tokens")
class Tokens(MethodView):
    """Log in, refresh, log out."""

    @blueprint.arguments(CredentialsSchema)
    @blueprint.response(201, TokenPairSchema, description="Both tokens")
    @blueprint.alt_response(401, schema=ErrorSchema, description="Wrong address or password")
    def post(self, credentials: Credentials) -> dict[str, str]:
        """Log in.

        The access token opens what needs a login, for 15 minutes. The refresh token gets the
        next one, for 7 days.
        """
        user = current_service().accounts.authenticate(**credentials)
        if user is None:
            raise WrongCredentials
        return {
            "access_token": create_access_token(identity=user.id),
            "refresh_token": create_refresh_token(identity=user.id),
        }

    @jwt_required(refresh=True)
    @blueprint.doc(security=BEARER)
    @blueprint.response(201, AccessTokenSchema, description="The next access token")
    @blueprint.alt_response(401, schema=ErrorSchema, description="No token, or no good one")
    def patch(self) -> dict[str, str]:
        """Refresh.

        Send the refresh token.
        """
        return {"access_token": create_access_token(identity=get_jwt_identity())}

    @jwt_required(verify_type=False)
    @blueprint.doc(security=BEARER)
    @blueprint.response(204, description="Revoked")
    @blueprint.alt_response(401, schema=ErrorSchema, description="No token, or no good one")
    def delete(self) -> None:
        """Revoke.

        Send the token that is to be refused from now on: access or refresh. To log out, send
        both, one after the other.
        """
        revoke(get_jwt())


@blueprint.route("/users")
class Users(MethodView):
    """Register, and see oneself."""

    @jwt_required()
    @blueprint.doc(security=BEARER)
    @blueprint.response(200, UserSchema, description="The user whose token it is")
    @blueprint.alt_response(401, schema=ErrorSchema, description="No token, or no good one")
    def get(self) -> User:
        """See who one is.

        Send the access token.
        """
        user: User = current_user
        return user

    @blueprint.arguments(RegistrationSchema)
    @blueprint.response(201, UserSchema, description="Registered")
    @blueprint.alt_response(409, schema=ErrorSchema, description="The address is taken")
    def post(self, registration: Credentials) -> User:
        """Register."""
        try:
            return current_service().accounts.register(**registration)
        except EmailTakenError as error:
            raise Conflict("This e-mail address is taken.") from error


@blueprint.before_request
def refuse_bad_json() -> None:
    """Check the syntax first: webargs fails on numbers of 5000 digits and on deep nesting."""
    if request.method == "POST":
        try:
            request.get_json()
        except (BadRequest, RecursionError) as error:
            raise BadRequest("The body is not JSON, or is nested too deeply.") from error


@blueprint.after_request
def keep_out_of_caches(response: Response) -> Response:
    """Tokens and users are for the client that asked (RFC 6749 section 5.1)."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
