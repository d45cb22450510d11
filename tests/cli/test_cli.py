"""``flask jwt``: sessions and their store, from the command line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask, request
from flask.cli import FlaskGroup

from flask_signet import JWTManager, create_token_pair, decode_token
from flask_signet.cli import jwt_cli
from flask_signet.flask.installation import installation
from tests.applications import NOW, set_clock

SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"


def application(store: object) -> Flask:
    app = Flask("cli")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=store)
    JWTManager(app)
    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = application(f"sqlite:///{tmp_path / 'sessions.db'}")
    assert run(app, "store", "upgrade").exit_code == 0
    return app


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(jwt_cli, words)


def login(app: Flask, user: Any = "ada") -> str:
    with app.test_request_context(headers={"User-Agent": "a browser"}):
        return create_token_pair(user, label="laptop").sid


def test_the_command_is_flasks() -> None:
    """`flask jwt` is there wherever the package is installed."""
    group = FlaskGroup(create_app=lambda: application("memory://"))
    result = CliRunner().invoke(group, ["jwt", "--help"])
    assert result.exit_code == 0
    assert {"sessions", "store"} <= set(result.output.split())


def test_sessions_are_listed(app: Flask) -> None:
    """The list has a line for each session, and as JSON an object."""
    sids = {login(app), login(app)}
    login(app, "somebody else")
    text = run(app, "sessions", "list", "ada")
    assert text.exit_code == 0
    assert {line.split()[0] for line in text.output.splitlines()[1:]} == sids
    found = json.loads(run(app, "sessions", "list", "ada", "--json").output)
    assert {session["sid"] for session in found} == sids
    assert {(session["label"], session["user_agent"]) for session in found} == {
        ("laptop", "a browser")
    }


def test_nobody_has_no_session(app: Flask) -> None:
    """An unknown subject is no error: it has no session."""
    assert run(app, "sessions", "list", "nobody").output == "nobody has no session\n"
    assert json.loads(run(app, "sessions", "list", "nobody", "--json").output) == []


def test_one_session_is_ended(app: Flask) -> None:
    """`sessions end SID` ends that one; a second time it says that it was over."""
    ended, other = login(app), login(app)
    assert run(app, "sessions", "end", ended).output == f"{ended} has ended\n"
    assert "was no live session" in run(app, "sessions", "end", ended).output
    [left] = json.loads(run(app, "sessions", "list", "ada", "--json").output)
    assert left["sid"] == other


@pytest.mark.parametrize("sid", ["-KjR3vQ", "--KjR3vQ", "-json"])
def test_a_session_whose_id_looks_like_an_option_is_ended(app: Flask, sid: str) -> None:
    """An id is base64url, so one in 64 begins with a hyphen."""
    result = run(app, "sessions", "end", sid, "--json")
    assert json.loads(result.output) == {"sid": sid, "was_live": False}


def test_every_command_speaks_json(app: Flask) -> None:
    """What a sentence says to people, an object says to programs."""
    sid = login(app)
    words = {
        ("sessions", "end", sid): {"sid": sid, "was_live": True},
        ("sessions", "end", "nothing"): {"sid": "nothing", "was_live": False},
        ("sessions", "end", "--subject", "ada"): {"subject": "ada"},
        ("store", "prune"): {"sessions": 0, "revocations": 0},
    }
    for command, expected in words.items():
        assert json.loads(run(app, *command, "--json").output) == expected
    versions = json.loads(run(app, "store", "upgrade", "--json").output)
    assert versions["before"] == versions["after"] > 0


def test_all_sessions_are_ended(app: Flask) -> None:
    """`sessions end --subject` ends all of that subject's."""
    login(app), login(app)
    assert run(app, "sessions", "end", "--subject", "ada").exit_code == 0
    assert json.loads(run(app, "sessions", "list", "ada", "--json").output) == []


@pytest.mark.parametrize("words", [[], ["a-sid", "--subject", "ada"]])
def test_what_to_end_is_said_once(app: Flask, words: list[str]) -> None:
    """Neither or both of SID and --subject is exit code 2."""
    result = run(app, "sessions", "end", *words)
    assert result.exit_code == 2
    assert "either a SID or --subject" in result.output


def test_upgrade_may_be_repeated(app: Flask) -> None:
    """A second upgrade says that there is nothing to do."""
    result = run(app, "store", "upgrade")
    assert result.exit_code == 0
    assert "up to date" in result.output


def test_a_store_without_tables_is_told_how_to_get_them(tmp_path: Path) -> None:
    """Before `store upgrade`, `check` fails and names the command."""
    app = application(f"sqlite:///{tmp_path / 'new.db'}")
    result = run(app, "store", "check")
    assert result.exit_code == 1
    assert "flask jwt store upgrade" in result.output


def test_a_store_in_order_is_said_to_be(app: Flask) -> None:
    """`check` of an upgraded SQLite file finds no error."""
    result = run(app, "store", "check", "--json")
    assert result.exit_code == 0
    assert [finding for finding in json.loads(result.output) if finding["level"] == "error"] == []


def test_prune_removes_what_has_expired(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """`prune` counts what it removed, in batches however small."""
    long_ago = time.time() - 400 * 86_400
    set_clock(monkeypatch, lambda: long_ago)
    for _ in range(3):
        login(app)
    assert json.loads(run(app, "store", "prune", "--json").output)["sessions"] == 0
    set_clock(monkeypatch, time.time)
    result = run(app, "store", "prune", "--batch", "1", "--json")
    assert json.loads(result.output)["sessions"] == 3
    assert run(app, "store", "prune", "--batch", "0").exit_code == 2


def test_prune_is_an_hour_late(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that runs ahead by less than that removes nothing that could still be asked for."""
    with app.app_context():
        store = installation().store()
        assert store is not None
        store.revoke_token("stolen", now=NOW, expires_at=NOW + 600)
    set_clock(monkeypatch, lambda: NOW + 3_600)
    assert json.loads(run(app, "store", "prune", "--json").output)["revocations"] == 0
    set_clock(monkeypatch, lambda: NOW + 3_600 + 601)
    assert json.loads(run(app, "store", "prune", "--json").output)["revocations"] == 1


def test_without_a_store_the_option_is_named() -> None:
    """Every command of an application without a store names the option that is missing."""
    app = Flask("cli")
    app.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(app)
    for words in (["sessions", "list", "ada"], ["store", "check"], ["store", "prune"]):
        result = run(app, *words)
        assert result.exit_code == 1
        assert "JWT_SESSION_STORE is not set" in result.output


def test_a_store_that_is_down_is_one_line() -> None:
    """A server that does not answer is exit code 1 and one line, not a traceback."""
    result = run(application("redis://127.0.0.1:1/0"), "sessions", "list", "ada")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1


def test_no_token_is_printed(app: Flask) -> None:
    """Nothing that the commands print has a token, or the secret, in it."""
    with app.test_request_context():
        pair = create_token_pair("ada")
        jti = decode_token(pair.refresh_token)["jti"]
    printed = "".join(
        run(app, *words).output
        for words in (
            ["sessions", "list", "ada"],
            ["sessions", "list", "ada", "--json"],
            ["store", "check"],
        )
    )
    assert pair.sid in printed
    for secret in (pair.access_token, pair.refresh_token, jti, SECRET):
        assert secret not in printed


def test_the_sessions_of_a_tenant(app: Flask) -> None:
    """Where there are tenants, `--tenant` says which; another tenant's session is none."""
    jwt = app.extensions["flask-signet"][""].manager
    jwt.tenant_loader(lambda: request.host)
    with app.test_request_context(base_url="https://a.test"):
        sid = create_token_pair("ada").sid
    listed = run(app, "sessions", "list", "ada", "--tenant", "a.test", "--json")
    assert [each["sid"] for each in json.loads(listed.output)] == [sid]
    assert json.loads(run(app, "sessions", "list", "ada", "--tenant", "b", "--json").output) == []
    for words in (("list", "ada"), ("end", sid), ("end", "--subject", "ada")):
        result = run(app, "sessions", *words)
        assert (result.exit_code, "give --tenant" in result.output) == (2, True)
    wrong = run(app, "sessions", "end", sid, "--tenant", "b")
    assert wrong.exit_code == 1
    assert "no session of this manager and tenant" in wrong.output
    run(app, "sessions", "end", "--subject", "ada", "--tenant", "b")
    ended = run(app, "sessions", "end", sid, "--tenant", "a.test")
    assert ended.output == f"{sid} has ended\n"


def test_the_sessions_of_a_named_manager(app: Flask) -> None:
    """`--manager` names the manager; an unknown one is exit code 2."""
    app.config["PARTNER_JWT_SECRET_KEY"] = SECRET[::-1]
    app.config["PARTNER_JWT_SESSION_STORE"] = app.config["JWT_SESSION_STORE"]
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    with app.app_context():
        sid = partner.create_token_pair("ada").sid
    assert run(app, "sessions", "list", "ada").output == "ada has no session\n"
    assert sid in run(app, "sessions", "list", "ada", "--manager", "partner").output
    assert run(app, "sessions", "end", sid).exit_code == 1
    assert run(app, "sessions", "end", sid, "--manager", "partner").exit_code == 0
    assert run(app, "sessions", "list", "ada", "--manager", "nobody").exit_code == 2


def test_a_subject_is_as_in_the_tokens(app: Flask) -> None:
    """The command's SUBJECT goes through no identity loader."""
    jwt = app.extensions["flask-signet"][""].manager
    jwt.user_identity_loader(lambda user: f"user:{user}")
    sid = login(app, "ada")
    assert sid in run(app, "sessions", "list", "user:ada").output
    run(app, "sessions", "end", "--subject", "user:ada")
    assert run(app, "sessions", "list", "user:ada").output == "user:ada has no session\n"


# ── what clients choose ──────────────────────────────────────────────────────────────────

EVIL = "a\x1b[2Jb\r\nc\x07\x7f\x9b\u202ed\u2028e"


def test_a_terminal_obeys_no_client(app: Flask) -> None:
    """Control characters of labels, user agents and subjects are printed as escapes."""
    environ = {"HTTP_USER_AGENT": "Fire\x1b]0;fox\x07"}
    with app.test_request_context(environ_overrides=environ):
        sid = create_token_pair(EVIL, label=EVIL).sid
    listed = run(app, "sessions", "list", EVIL)
    assert len(listed.output.splitlines()) == 2
    assert listed.output.split("\n")[1].startswith(sid)
    assert r"a\x1b[2Jb\r\nc\x07\x7f\x9b\u202ed\u2028e" in listed.output
    assert r"Fire\x1b]0;fox\x07" in listed.output
    said = [
        listed,
        run(app, "sessions", "list", EVIL, "--json"),
        run(app, "sessions", "list", f"{EVIL}2"),
        run(app, "sessions", "end", f"{EVIL}3"),
        run(app, "sessions", "end", "--subject", EVIL),
        run(app, "sessions", "end", "--subject", EVIL, "--json"),
        run(app, "keys", "list", "--manager", EVIL),
        run(app, "keys", "retire", EVIL),
    ]
    for each in said:
        assert each.output.isascii()
        assert each.output.replace("\n", "").isprintable()
    [session] = json.loads(said[1].output) or [None]
    assert (session["label"], session["user_agent"]) == (EVIL, environ["HTTP_USER_AGENT"])
