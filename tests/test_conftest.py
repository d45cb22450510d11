"""A skipped test is announced, and a failure where FLASK_SIGNET_NO_SKIP=1 says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATH = os.pathsep.join(map(str, (ROOT, ROOT / "src")))

TESTS = {
    "test_call.py": "import pytest\n\ndef test_it():\n    pytest.skip('no call')\n",
    "test_mark.py": "import pytest\n\n@pytest.mark.skip('no mark')\ndef test_it():\n    pass\n",
    "test_file.py": "import pytest\n\npytest.skip('no file', allow_module_level=True)\n",
    "test_xfail.py": "import pytest\n\n@pytest.mark.xfail\ndef test_it():\n    assert False\n",
    "pytest.ini": "[pytest]\n",  # so that the settings of the project stay out
}


@pytest.fixture(params=[[], ["-n", "2"]], ids=["one process", "workers"])
def run(request, tmp_path):
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)

    def run(no_skip: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", *request.param]
        return subprocess.run(
            [*command, "--continue-on-collection-errors", tmp_path],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": PATH, "FLASK_SIGNET_NO_SKIP": no_skip},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_skipped_test_is_announced_with_its_reason(run):
    done = run(no_skip="")
    assert done.returncode == 0
    assert "NOT TESTED" in done.stdout
    for reason in ("no call", "no mark", "no file"):
        assert f"1 x Skipped: {reason}" in done.stdout
    assert "3 skipped, 1 xfailed" in done.stdout


def test_skipping_fails_where_it_is_forbidden_and_an_expected_failure_does_not(run):
    done = run(no_skip="1")
    assert done.returncode == 1
    for reason in ("no call", "no mark", "no file"):
        assert f"forbids skipping. Skipped: {reason}" in done.stdout
    assert "1 failed, 1 xfailed, 2 errors" in done.stdout


def test_the_clock_moves_only_when_told(clock):
    before = clock()
    assert clock() == before
    assert clock.tick(5) == clock() == before + 5
