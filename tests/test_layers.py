"""The house: rooms stand on floors, and nothing looks up.

A folder of ``flask_signet`` is a room, a file at its top is a face: names that applications import.
These tests read the source as a syntax tree, and nothing is imported. Every import counts, those
under TYPE_CHECKING and inside functions too.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
SERVICE = ROOT / "examples" / "auth_service"
PACKAGE = "flask_signet"

# From the ground up. A room imports rooms of the floors below, itself, and rooms of its own floor.
FLOORS = (
    ("callers", "exceptions", "forks"),
    ("jose",),
    ("jwt", "keys", "sessions"),
    ("stores", "options"),
    ("engine",),
    ("flask",),
    (
        "config",
        "csrf",
        "default_callbacks",
        "internal_utils",
        "jwt_manager",
        "signals",
        "tokens",
        "typing",
        "utils",
        "view_decorators",
    ),
    ("cli",),
)
FACES = FLOORS[6]

# A store knows what a session is, and nothing of tokens and keys.
ALONE = {
    "sessions": ("sessions", "exceptions", "forks"),
    "stores": ("stores", "sessions", "exceptions", "forks"),
}

# What a room may import besides this package and the standard library.
LIBRARIES = {
    "callers": (),
    "exceptions": ("werkzeug",),
    "forks": (),
    "jose": ("cryptography",),
    "jwt": (),
    "keys": ("urllib3",),  # the extra `issuers`, inside a function
    "sessions": (),
    "stores.contract": ("pytest",),  # the tests that a store must pass, for those who write one
    "stores": ("sqlalchemy", "psycopg", "redis", "pymysql", "gevent"),  # each an extra
    "options": (),
    "engine": ("blinker",),  # Flask's signals, which know no Flask
    "flask": ("flask", "werkzeug", "click"),
    "cli": ("flask", "click"),
    **dict.fromkeys(FACES, ("flask", "werkzeug")),
}
PEERS = ("flask_jwt_extended", "jwt", "joserfc")
PRIVATE_MODULES = ("flask_signet.utils", "flask_signet.internal_utils")  # FJE's import paths
VAGUE = {"base", "common", "core", "helpers", "misc"}

UNSAFE_MODULES = {
    "dill": "runs code that is in the data",
    "marshal": "runs code that is in the data",
    "pickle": "runs code that is in the data",
    "random": "is predictable; use secrets",
    "shelve": "is pickle",
}
UNSAFE_CALLS = {"eval", "exec", "os.popen", "os.system", "yaml.load"}
BROKEN_HASHES = {"md5", "sha1"}

Check = Callable[..., Iterator[str]]


# ── the checks: each takes a source text and yields what is wrong with it ────────────────


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that is imported, wherever in the file, relative names resolved.

    ``from a import b`` is ``a.b``: whether ``b`` is a module can't be seen from here.
    """
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            prefix = ".".join([*above, node.module or ""]).strip(".") if node.level else node.module
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in {"__import__", "import_module"}:
            # A name that is put together at run time can't be checked, so it is not allowed.
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else "?"
            yield node.lineno, str(name)


def called(node: ast.Call) -> str:
    """``eval`` for eval(x), ``os.system`` for os.system(x), without ``importlib.``."""
    return ast.unparse(node.func).removeprefix("importlib.")


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def room_of(module: str) -> str:
    """``jose`` for ``flask_signet.jose.jwk``; empty for the package itself."""
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def floor_of(room: str) -> int:
    return next((number for number, floor in enumerate(FLOORS) if room in floor), len(FLOORS))


def layer_faults(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    room = room_of(module)
    for line, name in imports(source, module, is_package=is_package):
        if within(name, *PEERS):
            yield f"{module}:{line} imports {name}, a peer"
        elif within(name, PACKAGE):
            yield from upward_faults(module, line, name)
        elif room and name.partition(".")[0] not in (*sys.stdlib_module_names, *libraries(module)):
            yield f"{module}:{line} imports {name}, which {room} may not"


def upward_faults(module: str, line: int, name: str) -> Iterator[str]:
    room, other = room_of(module), room_of(name)
    if room and floor_of(other) > floor_of(room):
        yield f"{module}:{line} imports {name}, from a floor above"
    if other not in ALONE.get(room, (other,)):
        yield f"{module}:{line} imports {name}, which {room} has no use for"
    if other in FACES and room not in (*FACES, "cli", "testing", ""):
        yield f"{module}:{line} imports {name}, a face"
    if room == "engine" and within(name, f"{PACKAGE}.engine.signet"):
        yield f"{module}:{line} imports {name}, the whole that it is a part of"


def libraries(module: str) -> tuple[str, ...]:
    inner = module.removeprefix(f"{PACKAGE}.")
    return next((found for room, found in LIBRARIES.items() if within(inner, room)), ())


def service_faults(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    for line, name in imports(source, module, is_package=is_package):
        if not within(name, "flask_signet"):
            continue
        private = any(part.startswith("_") for part in name.split("."))
        if private or within(name, *PRIVATE_MODULES):
            yield f"{module}:{line} imports {name}, which is not public"


def unsafe_faults(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    for line, name in imports(source, module, is_package=is_package):
        reason = UNSAFE_MODULES.get(name.partition(".")[0])
        if reason:
            yield f"{module}:{line} imports {name}, which {reason}"
    # A hash that only names something may be broken: it says so itself.
    names = {
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and any(
            word.arg == "usedforsecurity" and ast.unparse(word.value) == "False"
            for word in node.keywords
        )
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            if called(node) in UNSAFE_CALLS:
                yield f"{module}:{node.lineno} calls {called(node)}"
            if any(
                word.arg == "shell" and ast.unparse(word.value) != "False" for word in node.keywords
            ):
                yield f"{module}:{node.lineno} calls {called(node)} with a shell"
        for word in (getattr(node, field, None) for field in ("id", "attr", "name", "value")):
            if not isinstance(word, str) or node.lineno in names:
                continue
            if word.lower().replace("-", "") in BROKEN_HASHES:
                yield f"{module}:{node.lineno} names {word}, a broken hash"


def arrows(root: Path) -> dict[str, set[str]]:
    """Each module with the modules of the package that it imports from."""
    sources = {module_name(path, root): path for path in files(root)}
    return {
        module: {
            target
            for _, name in imports(
                path.read_text("utf-8"), module, is_package=path.name == "__init__.py"
            )
            for target in (longest_known(name, sources),)
            if target and target != module
        }
        for module, path in sources.items()
    }


def longest_known(name: str, modules: dict[str, Path]) -> str:
    """The module that a dotted name is of, or in; empty where it is of no module here."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import one another in a circle; empty where there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


# ── the package and the service are clean ────────────────────────────────────────────────


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def faults(check: Check, folder: Path, root: Path) -> list[str]:
    return [
        fault
        for path in files(folder)
        for fault in check(
            path.read_text("utf-8"),
            module_name(path, root),
            is_package=path.name == "__init__.py",
        )
    ]


def test_nothing_looks_up_and_no_room_uses_a_library_that_is_not_its_own():
    assert faults(layer_faults, SRC, SRC) == []


def test_every_file_is_on_a_floor_and_every_floor_is_there():
    rooms = {room_of(module_name(path, SRC)) for path in files(SRC)} - {""}
    assert rooms == {room for floor in FLOORS for room in floor}


def test_there_is_no_cycle():
    assert cycle(arrows(SRC)) == []


def test_the_reference_service_uses_only_public_names():
    assert files(SERVICE)
    assert faults(service_faults, SERVICE, ROOT) == []


@pytest.mark.parametrize("folder", [SRC, SERVICE], ids=["package", "service"])
def test_nothing_runs_data_as_code_or_takes_secrets_from_a_weak_source(folder):
    assert faults(unsafe_faults, folder, ROOT) == []


@pytest.mark.parametrize("folder", [SRC, SERVICE], ids=["package", "service"])
def test_no_file_or_folder_has_a_vague_name(folder):
    names = {name for path in files(folder) for name in module_name(path, ROOT).split(".")}
    assert names & VAGUE == set()


# ── the checks can fail ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("flask_signet.jose.jws", "import flask"),
        ("flask_signet.jose.jws", "from ..config import options"),
        ("flask_signet.jose.jws", "from .. import config"),
        ("flask_signet.jose.jws", "from ..jwt.token import Token"),
        ("flask_signet.jose.jws", "import flask_signet"),
        ("flask_signet.jose.jws", "def later():\n    from werkzeug import http"),
        ("flask_signet.jose.jws", "import importlib\nimportlib.import_module('flask')"),
        ("flask_signet.jose.jws", "__import__('fla' + 'sk')"),
        ("flask_signet.jwt.verify", "from flask import g"),
        ("flask_signet.jwt.verify", "import cryptography.x509"),
        ("flask_signet.jwt.verify", "from ..stores.memory import MemoryStore"),
        ("flask_signet.stores.sql", "from ..tokens.verify import verify"),
        ("flask_signet.stores.sql", "from ..jose import jws"),
        ("flask_signet.stores.sql", "import flask_sqlalchemy"),
        ("flask_signet.exceptions", "from .jose import jws"),
        ("flask_signet.exceptions", "import flask"),
        ("flask_signet.keys.given", "from ..options.table import Settings"),
        ("flask_signet.keys.given", "if TYPE_CHECKING:\n    from ..engine.signet import Signet"),
        ("flask_signet.options.table", "def later():\n    from ..engine import rule"),
        ("flask_signet.engine.rotate", "from flask import g"),
        ("flask_signet.engine.rotate", "import werkzeug"),
        ("flask_signet.engine.rotate", "from ..flask.current import keep"),
        ("flask_signet.engine.rotate", "from .signet import Signet"),
        ("flask_signet.engine.rotate", "from .. import signals"),
        ("flask_signet.flask.guards", "from ..utils import get_jwt"),
        ("flask_signet.flask.guards", "from ..cli import jwt_cli"),
        ("flask_signet.utils", "from .cli import jwt_cli"),
        ("flask_signet.flask.cookies", "import jwt"),
        ("flask_signet.flask.cookies", "from joserfc.jwk import OctKey"),
        ("flask_signet.flask.cookies", "import flask_jwt_extended.config as theirs"),
    ],
)
def test_an_import_across_the_layers_is_found(module, source):
    assert list(layer_faults(source, module))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("flask_signet.jose.jws", "import hmac\nfrom cryptography.hazmat.primitives import hashes"),
        ("flask_signet.jose.jws", "from ..exceptions import DecodeError\nfrom . import base64url"),
        ("flask_signet.jwt.verify", "from ..jose import jws\nfrom .token import Token"),
        (
            "flask_signet.stores.sql",
            "from ..sessions.session import Session\nimport sqlalchemy.exc",
        ),
        ("flask_signet.flask.cookies", "from flask import g\nfrom ..jwt.token import Token"),
        ("flask_signet.keys.sources", "from ..sessions.store import KeyStore"),
        ("flask_signet.cli.keys", "from ..signals import token_revoked"),
        ("flask_signet", "from .utils import get_jwt"),
    ],
)
def test_an_import_down_the_layers_is_allowed(module, source):
    assert list(layer_faults(source, module)) == []


def test_a_cycle_is_found():
    """Also one of three, and one that begins in a function."""
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert cycle({"a": {"b"}, "b": set()}) == []


def test_a_name_in_a_module_is_an_arrow_to_the_module():
    assert longest_known("flask_signet.jose.jwk.Key", {"flask_signet.jose.jwk": SRC}) == (
        "flask_signet.jose.jwk"
    )


def test_a_relative_import_in_a_package_starts_at_that_package():
    assert list(imports("from . import jws", "flask_signet.jose", is_package=True)) == [
        (1, "flask_signet.jose.jws")
    ]


@pytest.mark.parametrize(
    "source",
    [
        "from flask_signet import _private",
        "from flask_signet.options.table import _options",
        "import flask_signet._private",
        "from flask_signet.internal_utils import get_jwt_manager",
    ],
)
def test_a_private_name_in_the_service_is_found(source):
    assert list(service_faults(source, "examples.auth_service.views"))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def later():\n    from pickle import loads",
        "import random",
        "from random import choice",
        "yaml.load(text)",
        "eval(text)",
        "exec(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "hashlib.md5(secret)",
        "from hashlib import sha1",
        "hashlib.new('sha1')",
        "hashes.SHA1()",
        "hmac.new(key, text, 'MD5')",
    ],
)
def test_an_unsafe_construct_is_found(source):
    assert list(unsafe_faults(source, "module"))


def test_a_safe_construct_is_left_alone():
    source = (
        "import re, secrets\nre.compile(secrets.token_hex())\nclient.eval(script)\n'about sha1'"
    )
    assert list(unsafe_faults(source, "module")) == []
