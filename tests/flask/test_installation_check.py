"""What ``init_app`` says of a session store that is not as it should be."""

import logging
import sqlite3

import click
import pytest
from flask import Flask
from flask.cli import with_appcontext

from flask_signet import JWTManager
from flask_signet.exceptions import ConfigurationError
from flask_signet.stores import open_store
from tests.stores.databases import own_database
from tests.stores.redis_servers import Server, free_port

SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"


def start(url, **options):
    app = Flask("application")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=url)
    app.config.update(options)
    JWTManager(app)
    return app


@pytest.fixture
def said(caplog):
    """The lines that were logged, each with its level."""
    caplog.set_level(logging.INFO, "flask_signet")
    return lambda: [(each.levelname, each.getMessage()) for each in caplog.records]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "sessions.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade(first=True)
    store.close()
    return path


@pytest.mark.parametrize("url", ["mongodb://host/sessions", "sqlite://"])
def test_a_url_that_names_no_store_is_an_error_of_the_option(url):
    with pytest.raises(ConfigurationError, match=r"^JWT_SESSION_STORE: "):
        start(url)


def test_a_store_in_order_is_no_word(said, path):
    start(f"sqlite:///{path}")
    assert said() == []


def test_a_store_that_is_not_set_up_is_told_with_the_mend(said, tmp_path):
    start(f"sqlite:///{tmp_path}/sessions.sqlite3")
    [(level, message)] = said()
    assert level == "ERROR"
    assert message.startswith("JWT_SESSION_STORE: ")
    assert "flask jwt store upgrade" in message
    assert not (tmp_path / "sessions.sqlite3").exists()


def test_a_database_without_the_tables_is_told_with_the_mend(said, postgresql_url):
    with own_database(postgresql_url) as url:
        start(url)
    [(level, message)] = said()
    assert level == "ERROR"
    assert "flask jwt store upgrade" in message


def test_fault_sqlite_corrupt_does_not_start(path):
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(ConfigurationError, match=r"JWT_SESSION_STORE: .*damaged.*backup"):
        start(f"sqlite:///{path}")
    assert path.read_bytes() == b"this is no database" * 1000


def test_fault_sqlite_truncated_does_not_start(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigurationError, match=r"JWT_SESSION_STORE: .*damaged"):
        start(f"sqlite:///{path}")


@pytest.mark.parametrize(("version", "starts"), [(0, True), (99, False)])
def test_a_schema_of_another_version_is_told_with_the_mend(said, path, version, starts):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE signet_store SET version = ?", (version,))
    connection.close()
    if starts:
        start(f"sqlite:///{path}")
        [(level, message)] = said()
        assert level == "ERROR"
        assert "flask jwt store upgrade" in message
    else:
        with pytest.raises(ConfigurationError, match=r"version 99.*upgrade Flask-Signet"):
            start(f"sqlite:///{path}")


def test_a_read_only_file_is_told_with_the_mend(said, path):
    start(f"sqlite:///file:{path}?mode=ro&uri=true")
    [(level, message)] = said()
    assert level == "ERROR"
    assert "can't be written" in message
    assert "right to write" in message


@pytest.mark.parametrize(
    "scheme",
    ["redis://:word@127.0.0.1", "postgresql://me:word@127.0.0.1", "mysql://me:word@127.0.0.1"],
)
def test_a_store_that_is_down_is_told_without_its_password(said, scheme):
    app = start(f"{scheme}:{free_port()}/0", JWT_STORE_TIMEOUT=1)
    [(level, message)] = said()
    assert level == "ERROR"
    assert message.startswith("JWT_SESSION_STORE does not answer")
    assert "word" not in message
    assert "\n" not in message
    app.extensions["flask-signet"][""].close()


def test_fault_redis_evict_is_told_loudly(said, tmp_path):
    server = Server(tmp_path, "maxmemory-policy", "allkeys-lru", "appendonly", "yes")
    url = f"redis://127.0.0.1:{server.port}/0"
    store = open_store(url)
    store.upgrade(first=True)
    store.close()
    start(url)
    server.stop()
    [(level, message)] = said()
    assert level == "ERROR"
    assert "maxmemory-policy noeviction" in message


def test_nothing_stays_open_that_a_fork_would_share(path):
    app = start(f"sqlite:///{path}")
    store = app.extensions["flask-signet"][""].store()
    assert store.engine.pool.checkedin() == 0


def test_an_engine_is_not_asked_before_its_time(said, path):
    store = open_store(f"sqlite:///{path}.missing")
    start(store.engine)
    assert said() == []


def test_flask_jwt_says_by_itself_what_is_wrong(said, tmp_path):
    @click.group("jwt")
    def ours():
        pass

    @ours.command()
    @with_appcontext
    def check():
        start(f"sqlite:///{tmp_path}/sessions.sqlite3")

    app = start("memory://")
    said_before = said()
    app.cli.add_command(ours)
    assert app.test_cli_runner().invoke(args=["jwt", "check"]).exit_code == 0
    assert said() == said_before
