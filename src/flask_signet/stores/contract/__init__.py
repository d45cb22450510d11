"""The promises of :class:`flask_signet.sessions.store.SessionStore`, one test for each.

The stores of this package are tested by it. To test your own, write a subclass in a file that
pytest collects, and give it a ``store`` fixture::

    from flask_signet.stores.contract import SessionStoreContract

    class TestMyStore(SessionStoreContract):
        @pytest.fixture
        def store(self):
            return MyStore()

The tests use subjects of their own, so the store need not be empty. They never sleep: the time is
an argument. They need pytest. For a failure to show the values that it compared, write
``pytest.register_assert_rewrite("flask_signet.stores.contract")`` in your ``conftest.py``.
"""

from __future__ import annotations

from .adopting import Adopting
from .ending import Ending
from .hands import DAY, GRACE, HOUR, MINUTE, NOW, ODD_TEXTS, TICK, live_until, new
from .opening import Opening
from .operating import Operating
from .revoking import Revoking
from .rotating import Rotating

__all__ = [
    "DAY",
    "GRACE",
    "HOUR",
    "MINUTE",
    "NOW",
    "ODD_TEXTS",
    "TICK",
    "SessionStoreContract",
    "live_until",
    "new",
]


class SessionStoreContract(Opening, Rotating, Adopting, Ending, Revoking, Operating):
    """All promises. Needs a fixture ``store``."""
