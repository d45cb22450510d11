"""The Redis store keeps the contract."""

import pytest

from .contract import SessionStoreContract


class TestRedis(SessionStoreContract):
    @pytest.fixture
    def store(self, redis_store):
        return redis_store
