"""Sessions on the application's own connections: Flask-SQLAlchemy's ``db``, or an engine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy
from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy

from flask_signet import JWTManager, create_token_pair, get_jwt_identity, jwt_required
from flask_signet.cli import jwt_cli
from flask_signet.flask.endpoints import token_blueprint
from tests.scenarios.service import SECRET, bearer
from tests.stores.databases import own_database


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request, tmp_path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/application.sqlite3"
        return
    with own_database(request.getfixturevalue(f"{request.param}_url")) as url:
        yield url


Make = Callable[..., Flask]


@pytest.fixture
def db() -> SQLAlchemy:
    """One for all applications, as in a module of models."""
    db = SQLAlchemy()

    class User(db.Model):  # type: ignore[name-defined]  # made at run time
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(80), unique=True, nullable=False)

    db.User = User
    return db


@pytest.fixture(params=["jwt first", "db first"])
def make(request, db) -> Iterator[Make]:
    made: list[Flask] = []

    def application(url: str) -> Flask:
        app = Flask("application")
        app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=db, SQLALCHEMY_DATABASE_URI=url)
        if request.param == "db first":
            db.init_app(app)
        JWTManager(app)
        if request.param == "jwt first":
            db.init_app(app)
        app.register_blueprint(token_blueprint(_known(db)))
        app.add_url_rule("/protected", view_func=jwt_required()(_protected))
        app.add_url_rule("/join", view_func=_joining(db), methods=["POST"])
        with app.app_context():
            db.create_all()
            db.session.add(db.User(name="ada"))
            db.session.commit()
        made.append(app)
        result = app.test_cli_runner().invoke(jwt_cli, ["store", "upgrade"])
        assert result.exit_code == 0, result.output
        return app

    yield application
    for app in made:
        app.extensions["flask-signet"][""].close()
        with app.app_context():
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()


def _known(db: SQLAlchemy) -> Callable[[Any], str | None]:
    def authenticate(form: Any) -> str | None:
        user = db.session.scalar(sqlalchemy.select(db.User).filter_by(name=form.get("user")))
        return user.name if user else None

    return authenticate


def _joining(db: SQLAlchemy) -> Callable[[], Any]:
    def join() -> Any:
        """Make a user and log in, then find that the user must not be."""
        pair = create_token_pair(request.json["user"])
        db.session.add(db.User(name=request.json["user"]))
        db.session.flush()
        db.session.rollback()
        return jsonify(pair._asdict())

    return join


def _protected() -> Any:
    return jsonify(id=get_jwt_identity())


def names(app: Flask, db: SQLAlchemy) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(sqlalchemy.select(db.User.name)))


def test_a_session_lives_and_ends_on_the_connections_of_db(make, url):
    client = make(url).test_client()

    def refresh(pair: Any) -> Any:
        return client.patch("/auth/tokens", headers=bearer(pair["refresh_token"]))

    def get(pair: Any) -> int:
        return client.get("/protected", headers=bearer(pair["access_token"])).status_code

    assert client.post("/auth/tokens", json={"user": "nobody"}).status_code == 401
    first = client.post("/auth/tokens", json={"user": "ada"}).json
    other = client.post("/auth/tokens", json={"user": "ada"}).json
    assert get(first) == get(other) == 200
    second = refresh(first).json
    assert refresh(first).json["refresh_token"] == second["refresh_token"]  # within the grace
    third = refresh(second).json
    client.application.config["JWT_REFRESH_REUSE_GRACE"] = 1e-6  # as if the grace were over
    assert refresh(first).status_code == 401  # reuse
    assert get(third) == refresh(third).status_code == 401
    assert get(other) == 200
    assert client.delete("/auth/tokens", headers=bearer(other["access_token"])).status_code == 204
    assert get(other) == refresh(other).status_code == 401


def test_the_application_s_transaction_and_the_session_are_no_concern_of_each_other(make, db, url):
    app = make(url)
    pair = app.test_client().post("/join", json={"user": "eve"}).json
    assert names(app, db) == ["ada"]  # rolled back
    answer = app.test_client().get("/protected", headers=bearer(pair["access_token"]))
    assert answer.json == {"id": "eve"}  # the session is kept


def test_one_db_in_two_applications_is_two_stores(make, url, tmp_path):
    here, there = make(url), make(f"sqlite:///{tmp_path}/there.sqlite3")
    pair = here.test_client().post("/auth/tokens", json={"user": "ada"}).json
    refresh = bearer(pair["refresh_token"])
    assert there.test_client().patch("/auth/tokens", headers=refresh).status_code == 401
    assert here.test_client().patch("/auth/tokens", headers=refresh).status_code == 201


def test_an_engine_is_a_store_as_well(url):
    engine = sqlalchemy.create_engine(url)
    app = Flask("application")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=engine)
    JWTManager(app)
    app.register_blueprint(token_blueprint(lambda form: form["user"]))
    app.add_url_rule("/protected", view_func=jwt_required()(_protected))
    assert app.test_cli_runner().invoke(jwt_cli, ["store", "upgrade"]).exit_code == 0
    client = app.test_client()
    pair = client.post("/auth/tokens", json={"user": "ada"}).json
    access, refresh = bearer(pair["access_token"]), bearer(pair["refresh_token"])
    assert client.get("/protected", headers=access).status_code == 200
    assert client.patch("/auth/tokens", headers=refresh).status_code == 201
    assert client.delete("/auth/tokens", headers=access).status_code == 204
    assert client.get("/protected", headers=access).status_code == 401
    app.extensions["flask-signet"][""].close()
    engine.dispose()
