"""The service in a process of its own, as ``python -m examples.auth_service`` starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
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
    process: subprocess.Popen[str]


def service_environment(instance: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"HOST", "PORT", "REDIS_URL", "AUTH_SERVICE_DATABASE"}
    }
    # The package under test, wherever this process has it from.
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, **kept, "AUTH_SERVICE_INSTANCE": str(instance), **more}


def start(instance: Path, *arguments: str, **environment: str) -> Running:
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.auth_service", "--port", "0", *arguments],
        cwd=ROOT,
        env=service_environment(instance, **environment),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if found := re.match(r"Serving (http://\S+?)/ ", line):
            return Running(found[1], printed, instance, process)
    pytest.fail(f"the service stopped with {process.wait()} before it served: {printed}")


def stop(service: Running) -> int:
    service.process.send_signal(signal.SIGINT)
    code = service.process.wait(timeout=30)
    assert service.process.stdout is not None
    service.process.stdout.close()
    return code
