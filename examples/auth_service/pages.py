"""The pages for a browser: log in, register, see one's account and sessions, log out."""

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
from werkzeug.exceptions import Forbidden, ServiceUnavailable

from flask_signet import (
    current_user,
    end_session,
    end_sessions,
    get_jwt,
    get_jwt_identity,
    jwt_required,
    list_sessions,
)
from flask_signet.exceptions import CSRFError, StoreUnavailableError
from flask_signet.flask.csrf import refuse_cross_site

from .accounts import EmailTakenError
from .api import Credentials
from .browser_session import end_session as log_browser_out
from .browser_session import go, renew_session, start_session
from .devices import device_name, moment, printable
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
    """Only our own pages may send our forms. That includes the login form (login CSRF)."""
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        refuse_cross_site()


@index.errorhandler(CSRFError)
def refuse_foreign_form(error: CSRFError) -> Response:
    """A form of another site, or without the CSRF value: the answer must not look like success."""
    return answer(
        Forbidden(
            "Nothing was changed: the form came from another site, or from a page that is out of "
            "date. If you were logged in, you still are."
        )
    )


@index.errorhandler(StoreUnavailableError)
def say_that_the_store_is_down(error: StoreUnavailableError) -> Response:
    """Answer with a page; the library would answer with JSON."""
    return answer(
        ServiceUnavailable(
            "The service can't check now who is logged in. Try again.",
            retry_after=error.retry_after,
        )
    )


@index.after_request
def keep_out_of_caches(response: Response) -> Response:
    """The browser's "back" button must not show a page of a user who has logged out."""
    response.headers["Cache-Control"] = "no-store"
    return response


@index.get("/")
@jwt_required(locations="cookies")
def home() -> str:
    """The page that needs a login."""
    return render_template("home.html", user=current_user, csrf_values=_csrf_values())


@index.get("/sessions")
@jwt_required(locations="cookies")
def sessions() -> str:
    """The sessions of the user."""
    return render_template(
        "sessions.html",
        sessions=list_sessions(get_jwt_identity()),
        device_name=device_name,
        moment=moment,
        printable=printable,
        csrf_values=_csrf_values(),
    )


@index.post("/sessions/<sid>/end")
@jwt_required(locations="cookies")
def end_one(sid: str) -> Response:
    """End one session of the user. If it has ended already, that is no error."""
    end_session(sid, subject=get_jwt_identity())
    return go(url_for("index.sessions"))


@index.post("/sessions/end-others")
@jwt_required(locations="cookies")
def end_others() -> Response:
    """End all sessions of the user but this one."""
    end_sessions(get_jwt_identity(), except_sid=get_jwt().get("sid"))
    return go(url_for("index.sessions"))


@index.get("/login")
def login() -> Response:
    """The form to log in with."""
    return _form("login.html", 200, values=request.args)


@index.post("/login")
def log_in() -> Response:
    """Log in, and go back to the page that needed the login."""
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
def renew() -> Response:
    """Get the next two tokens with the refresh token, and go back to the page.

    There is no guard: the rotation verifies the token, and ends the session of a user who is
    disabled.
    """
    return renew_session(then=local_path(request.args.get("next"), url_for("index.home")))


@index.post("/logout")
def logout() -> Response:
    """End the session and drop the cookies.

    There is no guard: a user must be able to log out with a token that has expired or was revoked.
    """
    return log_browser_out(then=url_for("index.login"))


def _csrf_values() -> list[str]:
    """The values for the forms of a page: a form may be sent when only one token is left."""
    csrf_cookie = current_app.config["JWT_REFRESH_CSRF_COOKIE_NAME"]
    return list({request.cookies.get(csrf_cookie, ""): "", get_jwt().get("csrf", ""): ""})


def _load(schema: type[Schema]) -> tuple[Credentials, dict[str, str]]:
    """The fields of the form, and a message for each field that does not fit."""
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
