"""Each process has locks of its own: none that the parent's threads held stops a child."""

import ast
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from flask_signet.forks import PerProcess, own_lock

SRC = Path(__file__).parent.parent / "src" / "flask_signet"


def test_a_process_keeps_its_value() -> None:
    """It is made once, at its first use."""
    numbers = count()
    value = PerProcess(lambda: next(numbers))
    assert [value(), value(), value()] == [0, 0, 0]


def test_a_child_has_a_value_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's is there again in the parent."""
    lock = own_lock()
    parents = lock()
    parents.acquire()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert lock() is not parents
    assert lock().acquire(blocking=False)
    monkeypatch.undo()
    assert lock() is parents


def test_threads_that_come_at_once_get_one_value() -> None:
    """Also where each of them has made one."""
    both = Barrier(2)

    def make() -> object:
        both.wait(20)
        return object()

    value = PerProcess(make)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: value(), range(2))
    assert first is second


# ── the locks of the package ─────────────────────────────────────────────────────────────

STORE = "from flask_signet.stores.memory import MemoryStore\nstore = MemoryStore()\n"
NOW = "from flask_signet.sessions.session import Presented\nimport time\n"
HOLDERS = {
    "flask/refusals.py": """
import logging
from flask import Flask
from flask_signet import JWTManager
from flask_signet.exceptions import SignetError
from flask_signet.flask.refusals import Refusals
app = Flask("forked")
app.config["JWT_SECRET_KEY"] = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"
JWTManager(app)
signet = app.extensions["flask-signet"][""].signet()
logging.getLogger("flask_signet.audit").setLevel(logging.INFO)
refusals = Refusals(app)
lock, use = refusals._lock, lambda: refusals.tell(signet, SignetError("x"))
""",
    "keys/live.py": """
from flask_signet import Key
from flask_signet.keys.live import LiveKeys
from flask_signet.keys.schedule import KeySchedule, TimedKey
class Source:
    changes = True
    def load(self):
        return KeySchedule([TimedKey(key)])
key = Key.generate("HS256")
keys = LiveKeys(Source(), "JWT_KEYS", refresh=0)
lock, use = keys._lock, keys.ring
""",
    "keys/remote.py": """
import json
from flask_signet import Key
from flask_signet.keys.fetch import Fetched
from flask_signet.keys.remote import RemoteKeys
key = Key.generate("ES256")
body = json.dumps({"keys": [key.to_public_jwk()]}).encode()
keys = RemoteKeys("https://a.example", lambda url, seconds: Fetched(body), algorithms=["ES256"],
                  jwks_url="https://a.example/jwks")
lock, use = keys._lock, lambda: keys.candidates({"alg": "ES256", "kid": key.kid})
""",
    "engine/storage.py, where it is opened": """
from flask_signet.engine.storage import Storage
storage = Storage("memory://")
lock, use = storage._lock, lambda: storage.store
""",
    "engine/storage.py, where it is closed": """
from flask_signet.engine.storage import Storage
storage = Storage("memory://")
storage.view(2)
lock, use = storage._lock, storage.close
""",
    "flask/installation.py": """
from flask import Flask
from flask_signet import JWTManager
app = Flask("fork")
app.config["JWT_SECRET_KEY"] = "an-hour-of-rain-on-a-tin-roof-12"
JWTManager(app)
here = app.extensions["flask-signet"][""]
def use():
    app.config["JWT_SESSION_STORE"] = "memory://"
    here.signet()
lock = here._lock
""",
    "stores/memory.py": STORE + "lock, use = store._lock, store.load_keys\n",
    "stores/sql/joining.py": """
from sqlalchemy import create_engine
from flask_signet.stores.sql import joining
lock, use = joining._lock, lambda: joining.transactions_on(create_engine("sqlite://"))
""",
    "sessions/revocations.py, where it is asked": STORE
    + NOW
    + """
from flask_signet.sessions.revocations import RevocationView
view = RevocationView(store)
lock, use = view._lock, lambda: view.refuses(Presented(jti="a"), now=time.time())
""",
    "sessions/revocations.py, where it is closed": STORE
    + """
from flask_signet.sessions.revocations import RevocationView
view = RevocationView(store)
lock, use = view._lock, view.close
""",
}
FORK = """
import os, signal, threading
held, over = threading.Event(), threading.Event()
def hold():
    with lock():
        held.set()
        over.wait(60)
threading.Thread(target=hold, daemon=True).start()
assert held.wait(30)
child = os.fork()
if child == 0:
    signal.alarm(20)
    use()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_fork_while_another_thread_holds_the_lock_stops_no_child(holder: str) -> None:
    """The thread that would release the lock is not in the child."""
    command = [sys.executable, "-W", "ignore", "-c", HOLDERS[holder] + FORK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_package_has_no_other_lock() -> None:
    """Each lock is made in ``forks``, and each holder of one is tried above."""
    makers = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Barrier"}
    made, holders = [], set()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in makers:
                made.append(path.name)
            elif name in {"own_lock", "own_rlock"}:
                holders.add(str(path.relative_to(SRC)))
    assert made == ["forks.py"] * 2
    assert holders == {name.partition(",")[0] for name in HOLDERS}
