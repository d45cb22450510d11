"""How hard the randomised tests try. SIGNET_TEST_EFFORT=20 makes them try twenty times as long."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

EFFORT: Final = max(1, int(os.environ.get("SIGNET_TEST_EFFORT", "1")))


def examples(count: int) -> settings:
    """Hypothesis settings: the same examples in every ordinary run, new ones in a long run."""
    return settings(
        max_examples=count * EFFORT,
        deadline=None,
        database=None,
        derandomize=EFFORT == 1,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
