"""Keys in files: who may read and write them, and what is no file."""

import logging
import os
import socket
from pathlib import Path

import pytest

from flask_signet import Key
from flask_signet.exceptions import InvalidKeyError
from flask_signet.keys import files
from flask_signet.keys.reading import KeyRules
from flask_signet.keys.schedule import KeySchedule, TimedKey
from flask_signet.keys.sources import KeySource, key_source

KEY = Key.generate("ES256")
RULES = KeyRules("ES256", ("ES256",))

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="modes, FIFOs and devices are of POSIX"),
    pytest.mark.timeout(30),  # who opens a FIFO waits for ever
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a key."""
    path = tmp_path / "keys"
    path.mkdir(mode=0o755)
    source_of(path).save(KeySchedule([TimedKey(KEY)]), KeySchedule())
    return path


def source_of(path: Path) -> KeySource:
    return key_source(path, RULES, lambda: None)


def kids(source: KeySource) -> list[str | None]:
    return [each.key.kid for each in source.load()]


def make_fifo(path: Path) -> str:
    os.mkfifo(path, 0o600)
    return "a FIFO"


def make_device(path: Path) -> str:
    path.symlink_to("/dev/zero")
    return "a device"


def make_socket(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return "a socket"


def make_folder(path: Path) -> str:
    path.mkdir()
    return "a folder"


THINGS = [make_fifo, make_device, make_socket, make_folder]


@pytest.mark.parametrize("make", THINGS)
def test_a18_what_is_no_file_is_skipped_with_its_name(make, folder, monkeypatch, caplog):
    """It is named once, not at each reading, and the keys beside it serve."""
    caplog.set_level(logging.WARNING, "flask_signet")
    monkeypatch.chdir(folder)  # the path of a socket is short
    kind = make(Path("zz.pem"))
    source = source_of(folder)
    assert [kids(source) for _ in range(3)] == [[KEY.kid]] * 3
    assert caplog.messages == [f"{folder / 'zz.pem'} is {kind}, not a file: it is skipped"]


@pytest.mark.parametrize("make", [make_fifo, make_device, make_socket])
def test_a18_a_path_of_keys_that_is_no_file_is_refused_with_its_name(make, folder, monkeypatch):
    """Where one file has all the keys, nothing is left without it."""
    monkeypatch.chdir(folder)
    kind = make(Path("keys.json"))
    with pytest.raises(InvalidKeyError) as caught:
        kids(source_of(folder / "keys.json"))
    assert str(caught.value) == f"{folder / 'keys.json'} is {kind}, not a file"


def test_a18_a_fifo_that_takes_the_place_of_a_file_is_not_waited_for(folder, monkeypatch):
    """Between the look at a name and its opening, it may become another thing."""
    path = folder / "zz.pem"
    path.write_text("")
    as_file = path.stat()
    path.unlink()
    make_fifo(path)
    monkeypatch.setattr(Path, "stat", lambda _path, **_options: as_file)
    with pytest.raises(files.NoFileError, match="is a FIFO"):
        files.read_text(path)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777])
def test_a18_a_folder_that_others_may_write_is_refused(mode, folder):
    """They could bring back a key that was retired, or take one away."""
    folder.chmod(mode)
    with pytest.raises(InvalidKeyError, match="can be written by other users: chmod go-w"):
        kids(source_of(folder))


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_a_folder_that_others_may_read_is_taken(mode, folder):
    """Its files are what they may not read."""
    folder.chmod(mode)
    assert kids(source_of(folder)) == [KEY.kid]


def test_a18_a_folder_of_another_user_is_refused(folder, monkeypatch):
    """Its owner may write to it; the superuser may anyway."""
    another = folder.stat().st_uid + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    if folder.stat().st_uid == 0:
        os.chown(folder, another + 1, -1)
    with pytest.raises(InvalidKeyError, match=f"belongs to another user: chown {another} "):
        kids(source_of(folder))


def test_a_folder_that_is_mounted_read_only_is_taken_with_any_mode(folder, monkeypatch):
    """So Kubernetes mounts a secret: mode 1777, and nobody can write to it."""
    folder.chmod(0o1777)
    status = os.statvfs(folder)
    values = [*status[:8], status.f_flag | os.ST_RDONLY, *status[9:]]
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(values))
    assert kids(source_of(folder)) == [KEY.kid]
