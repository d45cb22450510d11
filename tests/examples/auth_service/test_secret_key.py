"""The secret of an installation."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from examples.auth_service.config import instance_folder
from examples.auth_service.secret_key import load_or_create_secret
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
