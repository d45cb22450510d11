"""The store in memory keeps the contract."""

import pytest

from flask_signet.stores.memory import MemoryStore

from .contract import SessionStoreContract


class TestMemory(SessionStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


def test_it_says_that_it_is_for_one_process_alone():
    assert [finding.code for finding in MemoryStore().check()] == ["not_shared"]


def test_it_does_not_print_what_it_holds():
    assert repr(MemoryStore()) == "<MemoryStore of 0 sessions>"
