"""The store in memory keeps the contract."""

import pytest

from flask_signet.sessions.session import Session
from flask_signet.stores.memory import MemoryStore

from .contract import SessionStoreContract

NOW = 1_700_000_000.25


class TestMemory(SessionStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


def test_it_says_that_it_is_for_one_process_alone():
    findings = [(finding.level, finding.code) for finding in MemoryStore().check()]
    assert findings == [("warning", "not_shared")]


@pytest.mark.parametrize("kind", ["sessions", "tokens"])
def test_it_knows_whether_there_is_more_to_prune(kind):
    """A batch that is just full was the last one."""
    store = MemoryStore()
    for number in range(3):
        if kind == "sessions":
            session = Session.begin("ada", f"j{number}", now=NOW, expires_at=NOW + 1)
            store.open_session(session, refuse_until=NOW)
        else:
            store.revoke_token(f"j{number}", now=NOW, expires_at=NOW + 1)
    counts = (2, 0) if kind == "sessions" else (0, 2)
    assert store.prune(now=NOW + 1, batch=2) == (*counts, True)
    assert store.prune(now=NOW + 1, batch=1) == (*(count // 2 for count in counts), False)


def test_it_does_not_print_what_it_holds():
    assert repr(MemoryStore()) == "<MemoryStore of 0 sessions>"
