"""The scenarios' application as a module, for servers: ``gunicorn tests.scenarios.served:app``.

``STORE_URL`` names the store. With ``USE_BEFORE_FORK=1`` the application is used as soon as it is
imported: a server that preloads it forks a process with connections, a view, and a line to the
store.
"""

import os
from typing import Any

from tests.scenarios.service import Scenario

scenario = Scenario(
    os.environ["STORE_URL"],
    refresh_reuse_grace=float(os.environ.get("GRACE", "10")),
    store_timeout=float(os.environ.get("STORE_TIMEOUT", "2")),
)
app = scenario.app


@app.after_request
def name_the_process(response: Any) -> Any:
    response.headers["X-Process"] = str(os.getpid())
    return response


if os.environ.get("USE_BEFORE_FORK") == "1":
    assert scenario.get(scenario.login()) == 200
    # A client keeps cookies and contexts; the workers have no use for them.
    scenario.client = app.test_client()
