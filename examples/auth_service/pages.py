"""The pages for a browser: log in, register, see oneself, log out."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import Forbidden

from flask_signet import current_user, get_jwt, jwt_required
from flask_signet.csrf import refuse_cross_site
from flask_signet.exceptions import CSRFError

from .accounts import EmailTakenError
from .api import Credentials
from .browser_session import end_session, renew_access, start_session
from .errors import answer
from .local_path import local_path
from .schemas import (
    PASSWORD_MAX,
    PASSWORD_MIN,
    CredentialsSchema,
    RegistrationSchema,
    first_messages,
)
from .service import current_service

index = Blueprint("index", __name__)


@index.before_request
def refuse_cross_site_posts() -> None:
    """Only our own pages may send our forms, the login form too (login CSRF)."""
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        refuse_cross_site()


@index.errorhandler(CSRFError)
def refuse_foreign_form(error: CSRFError) -> Response:
    """A form of another site, or one without the CSRF value: it must not look like a success."""
    return answer(
        Forbidden(
            "Nothing was changed: the form came from another site, or from a page that is out of "
            "date. If you were logged in, you still are."
        )
    )


@index.after_request
def keep_out_of_caches(response: Response) -> Response:
    """The button "back" must not show a page of somebody who has logged out."""
    response.headers["Cache-Control"] = "no-store"
    return response


@index.get("/")
@jwt_required(locations="cookies")
def home() -> str:
    """The page that needs a login."""
    # The form that logs out may be sent when only one of the two tokens is left.
    csrf_cookie = current_app.config["JWT_REFRESH_CSRF_COOKIE_NAME"]
    csrf_values = [request.cookies.get(csrf_cookie, ""), get_jwt().get("csrf", "")]
    return render_template("home.html", user=current_user, csrf_values=csrf_values)


@index.get("/login")
def login() -> Response:
    """The form to log in with."""
    return _form("login.html", 200, values=request.args)


@index.post("/login")
def log_in() -> Response:
    """Log in, and go back to the page that asked for it."""
    credentials, errors = _load(CredentialsSchema)
    if errors:
        return _form("login.html", 422, values=request.form, errors=errors)
    user = current_service().accounts.authenticate(**credentials)
    if user is None:
        errors = {"form": "Wrong e-mail address or password."}
        response = _form("login.html", 401, values=request.form, errors=errors)
        response.headers["WWW-Authenticate"] = "Bearer"  # a 401 must name a scheme: RFC 9110 11.6.1
        return response
    return start_session(user, then=local_path(request.form.get("next"), url_for("index.home")))


@index.get("/register")
def register() -> Response:
    """The form to register with."""
    return _form("register.html", 200, values=request.args)


@index.post("/register")
def sign_up() -> Response:
    """Register, and log in at once."""
    registration, errors = _load(RegistrationSchema)
    if errors:
        return _form("register.html", 422, values=request.form, errors=errors)
    try:
        user = current_service().accounts.register(**registration)
    except EmailTakenError:
        errors = {"email": "This e-mail address is taken."}
        return _form("register.html", 409, values=request.form, errors=errors)
    return start_session(user, then=local_path(request.form.get("next"), url_for("index.home")))


@index.get("/renew")
@jwt_required(refresh=True, locations="cookies")
def renew() -> Response:
    """Get the next access token with the refresh token, and go back to the page."""
    return renew_access(then=local_path(request.args.get("next"), url_for("index.home")))


@index.post("/logout")
def logout() -> Response:
    """Revoke both tokens and drop the cookies.

    It needs no good token: whoever wants to log out must not be kept in by one that has expired
    or was revoked.
    """
    return end_session(then=url_for("index.login"))


def _load(schema: type[Schema]) -> tuple[Credentials, dict[str, str]]:
    """The fields of the form, and what is wrong with them."""
    fields: Credentials = {
        "email": request.form.get("email", ""),
        "password": request.form.get("password", ""),
    }
    try:
        schema().load(fields)
    except ValidationError as error:
        return fields, first_messages(error.messages_dict)
    return fields, {}


def _form(
    template: str, status: int, *, values: dict[str, str], errors: dict[str, str] | None = None
) -> Response:
    page = render_template(
        template,
        email=values.get("email", "") if request.method == "POST" else "",
        next=local_path(values.get("next"), ""),
        errors=errors or {},
        password_min=PASSWORD_MIN,
        password_max=PASSWORD_MAX,
    )
    return make_response(page, status)
