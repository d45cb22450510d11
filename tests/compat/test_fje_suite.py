"""FJE's own published test suite, run against Flask-Signet under FJE's name.

The suite is taken from FJE's source distribution, of the version installed, when this test runs;
it is kept in pytest's cache folder and never in this repository. It runs in a process of its own
where `flask_jwt_extended` and each submodule are Flask-Signet's, under pytest's default settings
(its tests use short secrets and deprecated functions, so warnings are no errors there).
"""

import importlib.metadata
import importlib.util
import os
import pkgutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from tests.compat.harness import REFERENCE, SELF_CHECK, SUBJECT

# MIGRATION.md: an int `sub` is accepted by default, where FJE (since PyJWT 2.10) refuses the token
# that it has just issued. These two tests of FJE's say that it must be refused.
DEVIATIONS = {
    "test_view_decorators::test_non_string_identity": "an int identity works",
    "test_decode_tokens::test_invalid_sub_values[123]": "an int subject is accepted by default",
}
# The kinds of sub that FJE's suite refuses beside the int, so that the deviation stays this narrow.
STILL_REFUSED = {f"test_decode_tokens::test_invalid_sub_values[token_sub{n}]" for n in (1, 2)} | {
    "test_decode_tokens::test_invalid_sub_values[False]"
}
# What FJE itself skips, for the version of Flask.
SKIPPED = {"test_config::test_config_json_encoder_flask21"}

ALIAS = '''"""{subject} under the name of flask_jwt_extended."""
import importlib
import sys

for name in {submodules!r}:
    sys.modules["flask_jwt_extended." + name] = importlib.import_module("{subject}." + name)
sys.modules["flask_jwt_extended"] = importlib.import_module("{subject}")
'''

# Collected with the suite: it shows that the alias is what the suite has imported.
WITNESS = """
import importlib
import pytest

@pytest.mark.parametrize("name", ["", *{submodules!r}])
def test_the_alias(name):
    path = ("flask_jwt_extended." + name).rstrip(".")
    meant = path.replace("flask_jwt_extended", "{subject}", 1)
    assert importlib.import_module(path).__name__ == meant

def test_the_public_names_are_the_subjects():
    from flask_jwt_extended import JWTManager, jwt_required
    assert JWTManager.__module__.startswith("{subject}")
    assert jwt_required.__module__.startswith("{subject}")
"""


def submodules() -> list[str]:
    """FJE's submodules, as far as the subject has them (test_private_surface.py misses none)."""
    names = [module.name for module in pkgutil.iter_modules(REFERENCE.__path__)]
    return [name for name in names if importlib.util.find_spec(f"{SUBJECT.__name__}.{name}")]


def download(folder: Path) -> Path:
    """The source distribution of the installed FJE, from the cache or by pip."""
    version = importlib.metadata.version("flask-jwt-extended")

    def found() -> list[Path]:
        return sorted(folder.glob(f"*{version}.tar.gz"))

    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    wanted = ["--no-deps", "--no-binary", "flask-jwt-extended", f"flask-jwt-extended=={version}"]
    problem = ""
    # pip asks a source distribution for its metadata, and for that wants setuptools: from the
    # registry or, failing that, from this environment.
    for isolation in ([], ["--no-build-isolation"]):
        if found():
            break
        done = subprocess.run(
            [*pip, *isolation, *wanted, "--dest", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        problem = done.stderr.strip()[-500:]
    if not found():
        pytest.skip(f"FJE's source distribution is not to be had here: {problem}")
    return found()[0]


@pytest.fixture(scope="module")
def suite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with FJE's tests in it, and nothing else of FJE's."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("fje-sdist") if cache else tmp_path_factory.mktemp("sdist")
    root = tmp_path_factory.mktemp("fje")
    with tarfile.open(download(Path(folder))) as archive:
        for member in archive.getmembers():
            parts = Path(member.name).parts
            source = archive.extractfile(member) if member.isfile() else None
            if source and len(parts) == 3 and parts[1] == "tests" and parts[2].endswith(".py"):
                target = root / "tests" / parts[2]
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(source.read())
    return root


@pytest.fixture(scope="module")
def outcomes(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Test id -> passed, failed or skipped."""
    paths = [str(Path(str(SUBJECT.__file__)).parent.parent)]
    if not SELF_CHECK:
        alias = tmp_path_factory.mktemp("alias")
        package = alias / "flask_jwt_extended"
        package.mkdir()
        names = submodules()
        (package / "__init__.py").write_text(
            ALIAS.format(subject=SUBJECT.__name__, submodules=names)
        )
        paths.insert(0, str(alias))
        (suite / "tests" / "test_alias_witness.py").write_text(
            WITNESS.format(subject=SUBJECT.__name__, submodules=names)
        )
    report = suite / "report.xml"
    inherited = os.environ.get("PYTHONPATH")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHONWARNINGS"))},
        "PYTHONPATH": os.pathsep.join([*paths, *([inherited] if inherited else [])]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (suite / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "junit_family=xunit1",
            f"--junitxml={report}",
            "--tb=short",
        ],
        cwd=suite,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    found = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 # pytest wrote it a moment ago
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "passed"
        name = f"{str(case.get('classname')).removeprefix('tests.')}::{case.get('name')}"
        found[name] = "skipped" if "skipped" in kinds else outcome
    print(done.stdout[-20000:])  # noqa: T201 # shown only if one of the tests below fails
    return found


def test_fjes_suite_passes(outcomes: dict[str, str]) -> None:
    """All of it, except exactly the deviations listed above."""
    failed = {name for name, outcome in outcomes.items() if outcome == "failed"}
    assert failed == (set() if SELF_CHECK else set(DEVIATIONS))


def test_the_suite_was_run(suite: Path, outcomes: dict[str, str]) -> None:
    """Each of FJE's files ran, 180 tests, and none was skipped but what FJE itself skips."""
    ran = Counter(name.partition("::")[0] for name, one in outcomes.items() if one != "skipped")
    ran.pop("test_alias_witness", None)
    files = {path.stem for path in (suite / "tests").glob("test_*.py")} - {"test_alias_witness"}
    assert set(ran) == files
    assert ran.total() >= 180
    assert {name for name, outcome in outcomes.items() if outcome == "skipped"} == SKIPPED


def test_the_deviation_is_no_wider(outcomes: dict[str, str]) -> None:
    """A list, an object or False as `sub` is refused, as FJE's suite demands."""
    assert {outcomes[name] for name in STILL_REFUSED} == {"passed"}


@pytest.mark.skipif(SELF_CHECK, reason="without an alias there is nothing to witness")
def test_the_suite_saw_flask_signet(outcomes: dict[str, str]) -> None:
    """The name `flask_jwt_extended` meant Flask-Signet in that process, submodules included."""
    witnessed = {name: o for name, o in outcomes.items() if name.startswith("test_alias_witness")}
    assert len(witnessed) == len(submodules()) + 2
    assert set(witnessed.values()) == {"passed"}
