"""Pages, docstrings and comments name only files, modules, classes and functions that exist.

A file that was moved or a function that was renamed shows here, in each text that still has its
old name.
"""

import ast
import importlib
import inspect
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import flask_signet

ROOT: Final = Path(__file__).parent.parent
FOLDERS: Final = ("src", "tests", "examples", "benchmarks", "docs")
PAGES: Final = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "MIGRATION", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]
SOURCES: Final = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "__pycache__" not in path.parts
]

NOT_OURS: Final = {
    "flask/source/config.py": "of a tutorial that a test follows",
    "my_app/__init__.py": "of the same",
    "my_app/api/v1/auth.py": "of the same",
    "instance/": "a folder of an application that runs",
    "application/": "the beginning of a media type",
}

# `tests/jose/keys.py`, conftest.py, `docs/`; one part of it may not be a pattern with a star.
FILE: Final = re.compile(r"(?<![\w/.:~*<>{}-])(?:[\w-]+/)*[\w-]+\.(?:py|md|mjs|toml)\b(?!\.\w)")
FOLDER: Final = re.compile(r"(?<=`)(?:[\w.-]+/)+(?=`)")
DOTTED: Final = re.compile(r"(?<![\w./])(?:flask_signet|tests|examples|benchmarks)(?:\.\w+)+")
ROLE: Final = re.compile(
    r"(?::(?:py:)?(?:func|class|meth|attr|mod|data|exc|obj|const):|\{py:\w+\})`([^`]+)`"
)
FENCE: Final = re.compile(r"^( *)(```|~~~).*?^\1\2$", re.MULTILINE | re.DOTALL)


# ── what there is ────────────────────────────────────────────────────────────────────────


@cache
def paths() -> set[str]:
    """Every file, and with a slash at its end every folder that has one; each end of its path."""
    found = {path.name for path in ROOT.iterdir() if path.is_file()}
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and "__pycache__" not in parts:
            for begin in range(len(parts)):
                found.add("/".join(parts[begin:]))
                found |= {"/".join(parts[begin:end]) + "/" for end in range(begin + 1, len(parts))}
    return found


@cache
def names() -> set[str]:
    """Every dotted name in the package, and each end of it: `jose.jwk.Key.sign`, `Key.sign`."""
    found: set[str] = set()
    modules = pkgutil.walk_packages(flask_signet.__path__, "flask_signet.")
    for name in ("flask_signet", *(module.name for module in modules)):
        found.add(name)
        for attribute, value in vars(importlib.import_module(name)).items():
            found.add(f"{name}.{attribute}")
            if inspect.isclass(value) and value.__module__.startswith("flask_signet"):
                found |= {f"{name}.{attribute}.{member}" for member in members(value)}
    return {part for name in found for part in ends(name)}


@cache
def members(of: type) -> set[str]:
    """The attributes of a class and, as its source has them, of its instances."""
    found = set(dir(of))
    for each in of.__mro__:
        found |= set(vars(each).get("__annotations__", {}))
        if each.__module__.startswith("flask_signet"):
            found |= set(re.findall(r"\bself\.(\w+)", inspect.getsource(each)))
    return found


def ends(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    return (".".join(parts[n:]) for n in range(len(parts)))


@cache
def loggers() -> set[str]:
    """The names of the package's loggers, which need not be modules."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        found |= set(re.findall(r'getLogger\("([\w.]+)"\)', path.read_text("utf-8")))
    return found


def is_a_file(path: str) -> bool:
    return path in paths() or path in NOT_OURS


def is_a_name(dotted: str) -> bool:
    if dotted.startswith("flask_signet."):
        return dotted in names() or dotted in loggers()
    return is_a_name_beside_the_package(dotted)


def is_a_name_beside_the_package(dotted: str) -> bool:
    """A module of the tests, the examples or the benchmarks; or a name that is defined in one."""
    path, parts = ROOT, dotted.split(".")
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    if not parts:
        return True
    path = path / f"{parts[0]}.py" if (path / f"{parts[0]}.py").is_file() else path / "__init__.py"
    if path.stem == parts[0]:
        parts = parts[1:]
    if not path.is_file():
        return False
    text = path.read_text("utf-8")
    return all(re.search(rf"^\s*(?:def |class )?{name}\b", text, re.MULTILINE) for name in parts)


def is_a_target(role: str, module: str = "") -> bool:
    """What a Sphinx role may say: a name, with a dot or a tilde before it, or `words <name>`.

    :param module: where it is said. There a name without a dot before it is a name of the module,
        of one of its classes, or a public one.
    """
    target = re.sub(r".*<(.+)>", r"\1", role).removeprefix("~").removesuffix("()")
    if target.startswith((".", "flask_signet.")):
        return target.removeprefix(".") in names()
    if is_of_a_library(target):
        return True
    return target in names() and (not module or target.split(".")[0] in names_in(module))


@cache
def names_in(module: str) -> set[str]:
    """What is named without a dot in a module of the package."""
    found = vars(importlib.import_module(module))
    classes = [each for each in found.values() if inspect.isclass(each)]
    return {*found, *flask_signet.__all__}.union(*map(members, classes))


def is_of_a_library(dotted: str) -> bool:
    module, *attributes = dotted.split(".")
    if not attributes:
        return False
    try:
        value = importlib.import_module(module)
        for attribute in attributes:
            value = getattr(value, attribute)
    except (ImportError, AttributeError):
        return False
    return True


# ── what the texts say ───────────────────────────────────────────────────────────────────


def untrue(text: str, module: str = "") -> Iterator[str]:
    """The names in a text that name nothing; the text is of this module of the package."""
    yield from (path for path in FILE.findall(text) if not is_a_file(path))
    yield from (path for path in FOLDER.findall(text) if not is_a_file(path))
    yield from (
        name for name in DOTTED.findall(FILE.sub("", text)) if not is_a_name(name.rstrip("."))
    )
    yield from (role for role in ROLE.findall(text) if not is_a_target(role, module))


def prose(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings and comments of a module, each with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(ast.Constant(str(docstring))):  # of an attribute as well
                yield node.lineno, docstring
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def untrue_in_a_page(text: str) -> Iterator[tuple[int, str]]:
    """In a page, but for its examples of code, which are run by tests of their own."""
    without_code = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for number, line in enumerate(without_code.splitlines(), 1):
        yield from ((number, name) for name in untrue(line))


def untrue_in_a_source(text: str, module: str = "") -> Iterator[tuple[int, str]]:
    for number, said in prose(text):
        for offset, line in enumerate(said.splitlines()):
            yield from ((number + offset, name) for name in untrue(line, module))


def module_of_the_package(path: Path) -> str:
    """`flask_signet.jose.jwk` for its file; nothing for a file that is not of the package."""
    if not path.is_relative_to(ROOT / "src"):
        return ""
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_what_exists(page: Path) -> None:
    """Files, folders and dotted names in the text of a page exist."""
    assert list(untrue_in_a_page(page.read_text("utf-8"))) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_docstrings_and_comments_name_what_exists(source: Path) -> None:
    """The same in docstrings and comments, where Sphinx's roles name something as well."""
    module = module_of_the_package(source)
    assert list(untrue_in_a_source(source.read_text("utf-8"), module)) == []


# ── the check itself ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "`tests/jose/keys.py`, tests/conftest.py and conftest.py; not test_*.py",
        "`src/flask_signet/jose/`, ``stores/`` and https://example.com/no/such.py",
        "flask_signet.exceptions.SignetError, tests.jose.keys.private and tests.conftest",
        ":class:`~flask_signet.sessions.store.SessionStore` and {py:class}`flask_signet.Key`",
        ":meth:`.SessionStore.end_session`, :func:`create_access_token`, :class:`flask.Flask`",
        ":meth:`the end <flask_signet.sessions.store.SessionStore.end_session>`",
    ],
)
def test_what_exists_is_let_alone(text: str) -> None:
    """The check takes files, folders and names in each of their spellings."""
    assert list(untrue(text)) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("`tests/jose/no_such.py`", "tests/jose/no_such.py"),
        ("see no_such.md", "no_such.md"),
        ("``no_such/``", "no_such/"),
        ("flask_signet.no_such.thing is", "flask_signet.no_such.thing"),
        ("flask_signet.Key.no_such", "flask_signet.Key.no_such"),
        ("tests.jose.keys.no_such", "tests.jose.keys.no_such"),
        ("tests.no_such", "tests.no_such"),
        (":func:`.no_such.encode`", ".no_such.encode"),
        (":meth:`~flask_signet.Key.no_such`", "~flask_signet.Key.no_such"),
        (":class:`flask.NoSuch`", "flask.NoSuch"),
        ("{py:func}`no_such`", "no_such"),
    ],
)
def test_a_made_up_name_is_found(text: str, name: str) -> None:
    """The check finds a file, a folder, a module, a class or a method that does not exist."""
    assert name in list(untrue(text))


def test_a_name_of_another_module_needs_a_dot() -> None:
    """In a module a bare name is one of its own, or a public one."""
    text = ":class:`SessionStore`, :class:`.SessionStore`, :class:`Key`, :func:`logout`"
    assert list(untrue(text, "flask_signet.jose.jwk")) == ["SessionStore"]


def test_comments_and_docstrings_are_read_and_code_is_not() -> None:
    """A name in a docstring or a comment is found with its line, a name in a string is not."""
    source = '"""\nno_such.py\n"""\nx = "no_such.md"  # no_such.toml\n'
    assert sorted(untrue_in_a_source(source)) == [(2, "no_such.py"), (4, "no_such.toml")]


def test_the_code_in_a_page_is_not_read() -> None:
    """A page's example may name the files of its readers."""
    page = "see\n```python\nno_such.py\n```\nno_such.md\n"
    assert list(untrue_in_a_page(page)) == [(5, "no_such.md")]
