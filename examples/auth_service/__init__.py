"""The reference service: users, sessions, tokens, and pages to log in and to log out everywhere.

``create_app()`` makes the Flask application; ``python -m examples.auth_service`` serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import api, commands, docs, errors, headers, pages, token_docs
from .accounts import Accounts
from .config import Config, instance_folder, settings
from .database import Database
from .https import behind_https
from .openapi import make_api
from .passwords import Passwords
from .secret_key import load_or_create_secret
from .service import Service
from .session_store import prepared_store
from .tokens import jwt

__all__ = ["create_app"]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the application.

    :param config: settings with precedence over the environment and the defaults (``config.py``).
    :raises PermissionError: if other users may read the secret or its folder.
    :raises ValueError: if the file of the secret holds no usable secret.
    :raises StoreSettingError: if the session store can't be used.
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
    store = prepared_store(app.config["JWT_SESSION_STORE"], database)
    app.config["JWT_SESSION_STORE"] = store
    app.extensions["auth_service"] = Service(
        accounts=Accounts(database, passwords),
        database=database,
        store=store,
    )

    jwt.init_app(app)
    documented = make_api(app)
    documented.register_blueprint(api.users)
    app.register_blueprint(api.tokens())
    token_docs.describe(documented, app)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(pages.index)
    errors.init_app(app)
    headers.init_app(app)
    app.cli.add_command(commands.users)
    if app.config["AUTH_SERVICE_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, app.config["AUTH_SERVICE_PROXIES"], 0)  # type: ignore[method-assign]  # Flask's own idiom
    if app.config["AUTH_SERVICE_HTTPS"]:
        app.wsgi_app = behind_https(app.wsgi_app)  # type: ignore[assignment,method-assign]  # Flask's own idiom
    return app
