"""The scenarios' application as a module, for servers: ``gunicorn tests.scenarios.served:app``.

``STORE_URL`` names the store. With ``USE_BEFORE_FORK=1`` the application is used as soon as it is
imported: a server that preloads it forks a process with connections, a view, and a line to the
store. The header ``X-Grace`` of a request is the grace of this process from then on.
"""

import os
from typing import Any

from flask import request

from tests.scenarios.service import Scenario

scenario = Scenario(
    os.environ["STORE_URL"], store_timeout=float(os.environ.get("STORE_TIMEOUT", "2"))
)
app = scenario.app


@app.before_request
def take_the_grace() -> None:
    if "X-Grace" in request.headers:
        app.config["JWT_REFRESH_REUSE_GRACE"] = float(request.headers["X-Grace"])


@app.after_request
def name_the_process(response: Any) -> Any:
    response.headers["X-Process"] = str(os.getpid())
    return response


if os.environ.get("USE_BEFORE_FORK") == "1":
    assert scenario.get(scenario.login()) == 200
    # A client keeps cookies and contexts; the workers have no use for them.
    scenario.client = app.test_client()
