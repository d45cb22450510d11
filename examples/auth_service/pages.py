"""The pages for a browser: log in, register, see oneself, log out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)
from marshmallow import Schema, ValidationError

from flask_signet import current_user, jwt_required

from .accounts import EmailTakenError
from .api import Credentials
from .browser_session import end_session, renew_access, start_session
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
    """Only our own pages may send our forms, the login form too (login CSRF).

    A browser says where a form comes from: in ``Sec-Fetch-Site``, and in ``Origin`` where that
    is missing (plain HTTP). A client that sends neither is not a browser, and has no cookies
    of somebody else to send.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = origin is None or urlsplit(origin).netloc == request.host
    if not ours:
        abort(403, "This form was sent by another site.")


@index.after_request
def keep_out_of_caches(response: Response) -> Response:
    """The button "back" must not show a page of somebody who has logged out."""
    response.headers["Cache-Control"] = "no-store"
    return response


@index.get("/")
@jwt_required(locations="cookies")
def home() -> str:
    """The page that needs a login."""
    # The logout form asks for the refresh token, so it carries that one's CSRF value.
    csrf_cookie = current_app.config["JWT_REFRESH_CSRF_COOKIE_NAME"]
    csrf_token = request.cookies.get(csrf_cookie, "")
    return render_template("home.html", user=current_user, csrf_token=csrf_token)


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
@jwt_required(refresh=True, locations="cookies")
def logout() -> Response:
    """Revoke both tokens and drop the cookies.

    It asks for the refresh token, as the access token may have expired while the page lay open.
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
