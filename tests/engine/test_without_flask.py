"""The engine serves a log-in, a guard, a refresh and a log-out where Flask can't be imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_signet.engine import signet
from tests.engine.signets import SECRET

PACKAGE = Path(signet.__file__).parent.parent

# Without the package's face: flask_signet/__init__.py is for applications of Flask.
WITHOUT_FLASK = """
import sys
import types


class NoFlask:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in FORBIDDEN):
            raise ImportError(f"{name} is not here")
        return None


FORBIDDEN = ("flask", "flask_signet.flask")
sys.meta_path.insert(0, NoFlask())
package = types.ModuleType("flask_signet")
package.__path__ = [sys.argv[1]]
sys.modules["flask_signet"] = package
"""

EVERY_MODULE = """
import importlib
import json
import pkgutil

ROOMS = ("engine", "jwt", "keys", "sessions", "stores", "jose", "options")
imported = []
for room in ROOMS:
    name = f"flask_signet.{room}"
    found = importlib.import_module(name)
    for module in pkgutil.walk_packages(found.__path__, f"{name}."):
        if not module.name.startswith("flask_signet.stores.contract"):
            importlib.import_module(module.name)
            imported.append(module.name)
refused = []
for name in ("flask", "flask.json.provider", "flask_signet.flask", "flask_signet.flask.manager"):
    try:
        importlib.import_module(name)
    except ImportError:
        refused.append(name)
loaded = [name for name in sys.modules if name == "flask" or name.startswith("flask.")]
print(json.dumps({"imported": imported, "refused": refused, "loaded": loaded}))
"""

A_SESSION = """
import json

from flask_signet.engine.admission import Credentials
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import SignetError

told = []
signet = Signet.of(
    {"JWT_SECRET_KEY": sys.argv[2], "JWT_SESSION_STORE": sys.argv[3], "JWT_REFRESH_REUSE_GRACE": 0},
    tell=lambda signal, **about: told.append(signal.name),
)


def upgrade():
    return signet.store.upgrade(first=True).after


def guard(text, **asked):
    return signet.admit(Credentials(text, "headers"), Rule(**asked)).identity


def refresh(text):
    return signet.rotate(signet.admit_to_rotate(Credentials(text, "headers")))


def answer(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except SignetError as error:
        return error.error_code


upgrade()
first = signet.open("ada")
answers = {
    "guard": answer(guard, first.access_token),
    "fresh": answer(guard, first.access_token, fresh=True),
    "wrong kind": answer(guard, first.refresh_token),
    "no token": answer(guard, "no token"),
}
second = refresh(first.refresh_token)
answers["after a refresh"] = answer(guard, second.access_token)
answers["not fresh"] = answer(guard, second.access_token, fresh=True)
answers["replay"] = answer(refresh, first.refresh_token)
answers["after the replay"] = answer(guard, second.access_token)
third = signet.open("ada")
answers["log-out"] = answer(signet.end, third.sid)
answers["after the log-out"] = answer(guard, third.access_token)
answers["refresh after it"] = answer(lambda: refresh(third.refresh_token).sid)
answers["told"] = told
signet.storage.close()
print(json.dumps(answers))
"""


def run(script: str, *arguments: str) -> Any:
    """What a script prints as JSON, in a process that has no Flask."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_FLASK + script, str(PACKAGE), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def imports() -> Any:
    return run(EVERY_MODULE)


def test_every_module_below_flask_is_imported_without_it(imports: Any) -> None:
    """Each module of the rooms below flask/ and cli/ is imported, and none of them loads Flask."""
    rooms = ("engine", "jwt", "keys", "sessions", "stores", "jose", "options")
    expected = {
        ".".join(("flask_signet", *path.relative_to(PACKAGE).with_suffix("").parts))
        for room in rooms
        for path in (PACKAGE / room).rglob("*.py")
        if "contract" not in path.parts
    }
    in_rooms = {name.removesuffix(".__init__") for name in expected}
    assert set(imports["imported"]) == in_rooms - {f"flask_signet.{room}" for room in rooms}
    assert imports["loaded"] == []


def test_the_block_blocks(imports: Any) -> None:
    """Flask, and the room that knows it, could not be imported there: the tests here tell."""
    assert imports["refused"] == [
        "flask",
        "flask.json.provider",
        "flask_signet.flask",
        "flask_signet.flask.manager",
    ]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_session_without_flask(kind: str, tmp_path: Path) -> None:
    """Log-in, guard, refresh, replay and log-out are what they are in an application."""
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/sessions.sqlite3"
    assert run(A_SESSION, SECRET, url) == {
        "guard": "ada",
        "fresh": "ada",
        "wrong kind": "wrong_token_type",
        "no token": "malformed_token",
        "after a refresh": "ada",
        "not fresh": "fresh_token_required",
        "replay": "token_reused",
        "after the replay": "token_revoked",
        "log-out": True,
        "after the log-out": "token_revoked",
        "refresh after it": "token_revoked",
        "told": [
            "token-issued",
            "token-rotated",
            "token-reused",
            "token-issued",
            "token-revoked",
        ],
    }
