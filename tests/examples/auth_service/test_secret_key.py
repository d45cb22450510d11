"""The secret of an installation."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from examples.auth_service.config import instance_folder
from examples.auth_service.secret_key import load_or_create_secret
from flask_signet.exceptions import ConfigurationError
from tests.examples.auth_service.accounts import MakeApp, log_in, register


def test_the_first_run_makes_a_secret(tmp_path: Path) -> None:
    """32 random bytes, in a file that its owner alone may read."""
    path = tmp_path / "secret_key"
    secret = load_or_create_secret(path)
    assert len(bytes.fromhex(secret)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_secret_stays(tmp_path: Path) -> None:
    """The next run has the same secret, another installation has another."""
    secret = load_or_create_secret(tmp_path / "secret_key")
    assert load_or_create_secret(tmp_path / "secret_key") == secret
    assert load_or_create_secret(tmp_path / "other") != secret


def test_workers_that_start_together_share_one_secret(tmp_path: Path) -> None:
    """Whoever is first writes it, and all read that one, whole."""
    path = tmp_path / "secret_key"
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: load_or_create_secret(path), range(64)))
    assert len(secrets) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A file with a loose mode stops the start, with words and without the secret."""
    path = tmp_path / "secret_key"
    secret = load_or_create_secret(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600") as refused:
        load_or_create_secret(path)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"x" * 31, b"x" * 31 + b" \n", b"\xff" * 32, "é".encode() * 32]
)
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file with fewer than 32 ASCII characters stops the start; the message says what to do."""
    path = tmp_path / "secret_key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="32 ASCII characters: delete it") as refused:
        load_or_create_secret(path)
    assert str(refused.value).startswith(f"{path} ")
    assert "x" * 31 not in str(refused.value)


def test_a_secret_of_32_characters_is_taken(tmp_path: Path) -> None:
    """An operator's own secret is taken as it stands, without the white space around it."""
    path = tmp_path / "secret_key"
    path.touch(0o600)
    path.write_text(f" {'x' * 32}\n")
    assert load_or_create_secret(path) == "x" * 32


def test_another_user_s_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns the secret or its folder could replace it: it must be the service's user."""
    path = tmp_path / "secret_key"
    load_or_create_secret(path)
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)
    with pytest.raises(PermissionError, match="chown"):
        load_or_create_secret(path)
    with pytest.raises(PermissionError, match="chown"):
        instance_folder({"AUTH_SERVICE_INSTANCE": tmp_path})


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_folder_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    """An instance folder with a loose mode stops the start, with the command that mends it."""
    folder = tmp_path / "an instance"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(PermissionError, match=f"chmod 700 '{folder}'"):
        instance_folder({"AUTH_SERVICE_INSTANCE": folder})


def test_a_weak_key_is_refused(make_app: MakeApp) -> None:
    """A short JWT_SECRET_KEY in the mapping signs nothing either."""
    with pytest.raises(ConfigurationError, match="JWT_SECRET_KEY"):
        log_in(make_app(JWT_SECRET_KEY="short").test_client())


def test_a_loose_database_is_left_alone(make_app: MakeApp, tmp_path: Path) -> None:
    """A database that was there keeps its mode, which is the operator's choice."""
    path = tmp_path / "users.sqlite3"
    path.touch()
    path.chmod(0o640)
    make_app(AUTH_SERVICE_DATABASE=f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_database_is_its_owner_s(make_app: MakeApp, tmp_path: Path) -> None:
    """The database is made with mode 0600, and so is what SQLite lays beside it."""
    before = os.umask(0)
    try:
        register(make_app().test_client())
    finally:
        os.umask(before)
    files = [file for file in (tmp_path / "instance").iterdir() if file.name != "secret_key"]
    assert {file.suffix for file in files} == {".sqlite3", ".sqlite3-wal", ".sqlite3-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_folder_is_its_owner_s(tmp_path: Path) -> None:
    """The instance folder is made with mode 0700, whatever the umask."""
    before = os.umask(0)
    try:
        folder = instance_folder({"AUTH_SERVICE_INSTANCE": tmp_path / "instance"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_tokens_outlive_a_restart(make_app: MakeApp) -> None:
    """A second application on the same instance folder takes the tokens of the first."""
    client = make_app().test_client()
    register(client)
    token = log_in(client)["access_token"]
    answer = (
        make_app()
        .test_client()
        .get("/api/v1/auth/users", headers={"Authorization": f"Bearer {token}"})
    )
    assert answer.status_code == 200
