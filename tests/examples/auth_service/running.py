"""The service in a process of its own, as ``python -m examples.auth_service`` starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Running:
    """The service in a process of its own."""

    url: str
    printed: str
    instance: Path


def service_environment(instance: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"HOST", "PORT", "REDIS_URL"} and not name.startswith("AUTH_SERVICE_")
    }
    # The package under test: where this process has it from, else the source beside the tests.
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT / "src")]))
    return {**kept, "PYTHONPATH": path, "AUTH_SERVICE_INSTANCE": str(instance), **more}


@contextmanager
def serving(instance: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """The service on a free port, until the block ends; it must then stop by itself, in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.auth_service", "--port", "0", *arguments],
        cwd=ROOT,
        env=service_environment(instance, **environment),
        stdout=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore SIGINT, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread here
    )
    with process:
        try:
            yield _wait_until_it_serves(process, instance)
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=30)
    assert code == 0


def _wait_until_it_serves(process: subprocess.Popen[str], instance: Path) -> Running:
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if found := re.match(r"Serving (http://\S+?)/ ", line):
            return Running(found[1], printed, instance)
    pytest.fail(f"the service stopped with {process.wait()} before it served: {printed}")
