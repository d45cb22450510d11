"""The real service, as ``python -m examples.auth_service`` starts it, over a socket."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.examples.auth_service.accounts import PASSWORD, bearer
from tests.examples.auth_service.running import ROOT, Running, service_environment, serving


def request(
    service: Running, method: str, path: str, body: object = None, token: str | None = None
) -> tuple[int, Any]:
    sent = urllib.request.Request(  # noqa: S310  # the URL is the fixture's own
        service.url + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json", **(bearer(token) if token else {})},
    )
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310  # as above
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def run(instance: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "examples.auth_service", *arguments],
        cwd=ROOT,
        env=service_environment(instance, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_whole_life_of_a_token(service: Running) -> None:
    """Register, log in, use, refresh, revoke, be refused: with the real hash and server."""
    tokens, users = "/api/v1/auth/tokens", "/api/v1/auth/users"
    credentials = {"email": f"{uuid.uuid4()}@example.org", "password": PASSWORD}
    status, user = request(service, "POST", users, credentials)
    assert (status, user["roles"]) == (201, ["user"])
    assert request(service, "POST", users, credentials)[0] == 409
    assert request(service, "POST", tokens, {**credentials, "password": "wrong"})[0] == 401
    status, pair = request(service, "POST", tokens, credentials)
    assert status == 201
    assert request(service, "GET", users, token=pair["access_token"]) == (200, user)
    status, renewed = request(service, "PATCH", tokens, token=pair["refresh_token"])
    assert status == 201
    assert request(service, "GET", users, token=renewed["access_token"]) == (200, user)
    status, other = request(service, "POST", tokens, credentials)
    assert status == 201
    assert request(service, "DELETE", tokens, token=renewed["access_token"]) == (204, None)
    # Both workers know it: each of these may be answered by either.
    for token in (pair["access_token"], renewed["access_token"]) * 10:
        refused = request(service, "GET", users, token=token)
        assert refused == (401, {"msg": "Token has been revoked"})
    assert request(service, "PATCH", tokens, token=renewed["refresh_token"])[0] == 401
    assert request(service, "GET", users, token=other["access_token"]) == (200, user)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl to run the printed lines with")
def test_the_printed_lines_work_as_they_are(service: Running) -> None:
    """Pasted into bash one after the other, the lines go from the registration to the 401."""
    lines = service.printed.partition("terminal:\n")[2].partition("Serving ")[0]
    shell = subprocess.run(
        ["bash", "-eu"], input=lines, capture_output=True, text=True, timeout=60, check=False
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    output = shell.stdout
    assert output.count('"roles":["user"]') == 3
    assert re.search(r"^204$", output, re.MULTILINE)
    assert output.endswith('{"msg":"Token has been revoked"}\n401\n')


def test_nothing_secret_is_printed(service: Running) -> None:
    """Neither the secret nor a password stands in what the service prints."""
    secret = (service.instance / "secret_key").read_text().strip()
    assert secret not in service.printed
    assert "$PASSWORD" in service.printed


def test_the_files_are_their_owner_s(service: Running) -> None:
    """The folder is 0700; the secret and the database are 0600."""
    assert stat.S_IMODE(service.instance.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in service.instance.iterdir()}
    assert {"secret_key", "auth_service.sqlite3", "sessions.sqlite3"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_users_and_revocations_outlive_a_restart(tmp_path: Path) -> None:
    """The second run has the users, the secret and the revocations of the first."""
    credentials = {"email": "ada@example.org", "password": PASSWORD}
    with serving(tmp_path / "instance") as first:
        assert request(first, "POST", "/api/v1/auth/users", credentials)[0] == 201
        kept, revoked = (
            request(first, "POST", "/api/v1/auth/tokens", credentials)[1]["access_token"]
            for _ in range(2)
        )
        assert request(first, "DELETE", "/api/v1/auth/tokens", token=revoked)[0] == 204
    with serving(tmp_path / "instance") as second:
        assert request(second, "GET", "/api/v1/auth/users", token=kept)[0] == 200
        assert request(second, "GET", "/api/v1/auth/users", token=revoked)[0] == 401


def test_it_runs_on_flask_s_own_server(tmp_path: Path) -> None:
    """With --dev the same service runs in one process."""
    with serving(tmp_path / "instance", "--dev") as running:
        status, body = request(running, "GET", "/api/v1/auth/users")
    assert status == 401
    assert "msg" in body


@pytest.mark.parametrize("arguments", [[], ["--dev"]])
def test_a_port_in_use_is_said_clearly(tmp_path: Path, arguments: list[str]) -> None:
    """The message names the address and the reason, in one line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = run(tmp_path / "instance", "--port", port, *arguments)
    assert result.returncode == 1
    assert result.stderr == f"Can't listen on 127.0.0.1 port {port}: Address already in use.\n"


@pytest.mark.parametrize("port", ["80000", "-1", "http", "", "\uff18\uff10"])
def test_a_bad_port_is_said_clearly(tmp_path: Path, port: str) -> None:
    """The message says what a port is; nothing is made on the disk."""
    by_option = run(tmp_path / "instance", f"--port={port}")
    by_environment = run(tmp_path / "instance", PORT=port)
    for result in (by_option, by_environment):
        assert result.returncode == 2
        assert "is not a port: a number from 0 to 65535" in result.stderr
    assert not (tmp_path / "instance").exists()


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_a_bad_host_is_said_clearly(tmp_path: Path, host: str) -> None:
    """A host that is not here, or nowhere, is one line too."""
    result = run(tmp_path / "instance", "--host", host, "--port", "0")
    assert result.returncode == 1
    assert re.fullmatch(rf"Can't listen on {host} port 0: [\w ,]+\.\n", result.stderr)


@pytest.mark.parametrize("secret", ["", "short", "change-me-change-me-change-me-change-me"])
def test_a_bad_secret_is_said_clearly(tmp_path: Path, secret: str) -> None:
    """A secret that anybody could guess stops the start in one line, without the secret in it."""
    file = tmp_path / "secret_key"
    file.touch(0o600)
    file.write_text(secret)
    result = run(tmp_path, "--port", "0")
    assert result.returncode == 1
    assert result.stderr.startswith("Can't start: ")
    assert len(result.stderr.splitlines()) == 1
    assert not secret or secret not in result.stderr


@pytest.mark.parametrize(
    "setting",
    [
        {"AUTH_SERVICE_DATABASE": "nonsense"},
        {"AUTH_SERVICE_DATABASE": "sqlite:////nowhere/users.sqlite3"},
        {"AUTH_SERVICE_DATABASE": "nonsense://user:word@localhost/users"},
        {"REDIS_URL": "redis//user:word@localhost"},
        {"REDIS_URL": "redis://user:word@127.0.0.1:1/0"},
        {"AUTH_SERVICE_STORE": "nonsense://user:word@localhost"},
        {"AUTH_SERVICE_STORE": "postgresql://user:word@127.0.0.1:1/sessions"},
        {"AUTH_SERVICE_STORE": "mysql://user:word@127.0.0.1:1/sessions"},
        {"AUTH_SERVICE_STORE": "sqlite:////nowhere/sessions.sqlite3"},
        {"AUTH_SERVICE_STORE": "redis+sentinel://user:word@127.0.0.1:1/mymaster"},
        {"AUTH_SERVICE_STORE": "redis://user:word@["},
        {"AUTH_SERVICE_STORE": "memory://"},
        {"AUTH_SERVICE_PROXIES": "many"},
    ],
    ids=str,
)
def test_a_bad_setting_is_said_clearly(tmp_path: Path, setting: dict[str, str]) -> None:
    """A setting that leads nowhere stops the start in one line, without the password in it."""
    result = run(tmp_path / "instance", "--port", "0", **setting)
    assert result.returncode == 1
    assert result.stderr.startswith("Can't start: ")
    assert len(result.stderr.splitlines()) == 1
    assert "word" not in result.stderr


@pytest.mark.parametrize(
    ("package", "url", "extra"),
    [
        ("redis", "redis://127.0.0.1/0", "redis"),
        ("psycopg", "postgresql://127.0.0.1/sessions", "postgresql"),
        ("pymysql", "mysql://127.0.0.1/sessions", "mysql"),
    ],
)
def test_a_missing_extra_is_said_clearly(
    tmp_path: Path, package: str, url: str, extra: str
) -> None:
    """A store whose driver is not installed stops the start, and says what to install."""
    missing = f"raise ModuleNotFoundError('No module named {package}', name='{package}')"
    (tmp_path / f"{package}.py").write_text(missing)
    path = service_environment(tmp_path)["PYTHONPATH"]
    result = run(
        *(tmp_path / "instance", "--port", "0"),
        PYTHONPATH=os.pathsep.join([str(tmp_path), path]),
        AUTH_SERVICE_STORE=url,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"Can't start: the session store {url} (AUTH_SERVICE_STORE")
    assert result.stderr.endswith(f"pip install 'Flask-Signet[{extra}]'\n")
    assert len(result.stderr.splitlines()) == 1
