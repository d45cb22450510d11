"""The name of a device, made from its User-Agent header, so that its owner recognizes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from flask import request

# The first match counts: most browsers also name the browsers that they descend from.
_BROWSERS = {
    "Edg/": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
    "python": "Python",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
# What no line of a page may have: it would hide, or turn round, what stands beside it.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def device_name(user_agent: str) -> str:
    """E.g. ``Firefox on Windows``; empty if neither browser nor system is recognized."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    return " on ".join(filter(None, (browser, system)))


def printable(text: str) -> str:
    """A text that a client sent, for a page: control characters and turns of direction escaped."""
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)


def requesting_device() -> str:
    """The name of the device that sends this request."""
    return device_name(request.headers.get("User-Agent", ""))


def _first(names: dict[str, str], text: str) -> str:
    return next((name for mark, name in names.items() if mark.lower() in text.lower()), "")


def moment(seconds: float) -> datetime:
    """The time of a session (seconds since 1970) as a moment in UTC, for the pages."""
    return datetime.fromtimestamp(seconds, UTC)
