"""The reference service: users, sessions, tokens, and pages to log in and to log out everywhere.

``create_app()`` makes the Flask application; ``python -m examples.auth_service`` serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.stores import SessionStore

from . import api, commands, devices, docs, errors, headers, pages, token_docs
from .accounts import Accounts
from .config import Config, instance_folder, settings
from .database import Database
from .https import behind_https
from .openapi import make_api
from .passwords import Passwords
from .secret_key import load_or_create_secret
from .service import Service
from .session_store import place, prepared_store
from .tokens import jwt

__all__ = ["create_app"]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the application.

    :param config: settings that win over the environment and the defaults (see ``config.py``).
    :raises PermissionError: if others may read the secret or its folder.
    :raises ValueError: if the secret's file holds none.
    :raises ConnectionError: if the session store does not answer.
    """
    instance = instance_folder(config)
    app = Flask(__name__, instance_path=str(instance))
    app.config.from_object(Config)
    app.config.update(settings(instance, config))
    if not app.config.get("JWT_SECRET_KEY"):
        app.config["JWT_SECRET_KEY"] = load_or_create_secret(instance / "secret_key")

    database = Database(app.config["AUTH_SERVICE_DATABASE"])
    database.create_tables()
    passwords = Passwords(app.config["AUTH_SERVICE_PASSWORD_HASHER"])
    app.extensions["auth_service"] = Service(
        accounts=Accounts(database, passwords),
        database=database,
        store=_store(app),
    )

    jwt.init_app(app)
    documented = make_api(app)
    documented.register_blueprint(api.users)
    app.register_blueprint(api.tokens())
    token_docs.describe(documented, app)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(pages.index)
    app.add_template_global(devices.moment)
    errors.init_app(app)
    headers.init_app(app)
    app.cli.add_command(commands.users)
    if app.config["AUTH_SERVICE_HTTPS"]:
        app.wsgi_app = behind_https(app.wsgi_app)  # type: ignore[assignment,method-assign]  # Flask's own idiom
    return app


def _store(app: Flask) -> SessionStore:
    """The store of ``JWT_SESSION_STORE``, which the configuration has as a URL."""
    url = app.config["JWT_SESSION_STORE"]
    try:
        store = app.config["JWT_SESSION_STORE"] = prepared_store(url)
    except StoreUnavailableError as error:
        raise ConnectionError(
            f"the session store at {place(url)} does not answer"
            f" ({type(error.__cause__ or error).__name__}). Start it, or set AUTH_SERVICE_STORE."
        ) from error
    return store
