"""The reference service: users, tokens, a login page, and revocation that survives a restart.

``create_app()`` makes the Flask application; ``python -m examples.auth_service`` serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from redis import Redis

from . import api, docs, errors, headers, pages
from .accounts import Accounts
from .config import Config, instance_folder, settings
from .database import Database
from .https import behind_https
from .openapi import make_api
from .passwords import Passwords
from .revoked_tokens import RedisRevokedTokens, RevokedTokens, SqlRevokedTokens, connect
from .secret_key import load_or_create_secret
from .service import Service
from .tokens import jwt

__all__ = ["create_app"]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the application.

    :param config: settings that win over the environment and the defaults (see ``config.py``).
    :raises PermissionError: if others may read the secret or its folder.
    :raises ValueError: if the secret's file holds none.
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
        revoked_tokens=_revoked_tokens(app.config["REDIS_URL"], database),
        database=database,
    )

    jwt.init_app(app)
    documented = make_api(app)
    documented.register_blueprint(api.blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(pages.index)
    errors.init_app(app)
    headers.init_app(app)
    if app.config["AUTH_SERVICE_HTTPS"]:
        app.wsgi_app = behind_https(app.wsgi_app)  # type: ignore[assignment,method-assign]  # Flask's own idiom
    return app


def _revoked_tokens(redis_url: str | None, database: Database) -> RevokedTokens:
    if redis_url:
        client: Redis = connect(redis_url)
        return RedisRevokedTokens(client)
    return SqlRevokedTokens(database)
