"""The contract is the package's, so that users can run it; the tests here share its hands."""

from flask_signet.stores.contract import (
    DAY,
    GRACE,
    HOUR,
    NOW,
    SessionStoreContract,
    live_until,
    new,
)

__all__ = ["DAY", "GRACE", "HOUR", "NOW", "SessionStoreContract", "live_until", "new"]
