"""On Werkzeug before 2.3, a test client that keeps cookies as it does since.

Its jar sends every cookie everywhere, and it has no `get_cookie`. The tests say which cookie goes
where, so there the client gets the jar of the standard library, and the methods of Werkzeug 2.3.
"""

from http.cookiejar import Cookie, CookieJar
from typing import Any

import werkzeug.test
from werkzeug.test import Client
from werkzeug.wsgi import get_current_url

WANTED = not hasattr(Client, "get_cookie")


def mend() -> None:
    """Give the test client the cookies of Werkzeug 2.3."""
    old: Any = werkzeug.test
    old._TestCookieJar.inject_wsgi = _inject
    old_set: Any = Client.set_cookie

    def set_cookie(
        self: Any, key: str, value: str = "", *, domain: str = "localhost", **options: Any
    ) -> None:
        old_set(self, domain, key, value, **options)

    def delete_cookie(
        self: Any, key: str, *, domain: str = "localhost", path: str = "/", **_options: Any
    ) -> None:
        self.set_cookie(key, domain=domain, path=path, max_age=0, expires=0)

    def get_cookie(
        self: Any, key: str, domain: str = "localhost", path: str = "/"
    ) -> Cookie | None:
        found = (each for each in self.cookie_jar if (each.name, each.path) == (key, path))
        return next((each for each in found if _is_of(each, domain)), None)

    client: Any = Client
    client.set_cookie, client.delete_cookie = set_cookie, delete_cookie
    client.get_cookie = get_cookie


def _is_of(cookie: Cookie, domain: str) -> bool:
    """Whether a jar keeps a cookie for this domain; it calls a machine by a name with a dot."""
    return cookie.domain.lstrip(".") in (domain, f"{domain}.local")


def _inject(jar: CookieJar, environ: dict[str, Any]) -> None:
    """Send the cookies that belong to this address, and no others."""
    old: Any = werkzeug.test
    asked = old._UrllibRequest(get_current_url(environ))
    environ.pop("HTTP_COOKIE", None)
    found = jar._cookies_for_request(asked)  # type: ignore[attr-defined] # has no public name
    if found:
        environ["HTTP_COOKIE"] = "; ".join(f"{each.name}={each.value}" for each in found)
