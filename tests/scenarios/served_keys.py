"""The scenarios' application with a key ring in a file, for gunicorn, as ``served.py`` is.

``flask --app tests.scenarios.served_keys jwt keys rotate`` rotates its keys.
"""

import os
from typing import Any

from tests.scenarios.service import Scenario

app = Scenario(
    os.environ["STORE_URL"],
    secret_key=None,
    keys=os.environ["KEYS"],
    keys_refresh=0.3,
    store_timeout=20,  # the keys are tested here: a busy disk is no fault of theirs
).app


@app.after_request
def name_the_process(response: Any) -> Any:
    response.headers["X-Process"] = str(os.getpid())
    return response
