"""The name of a device, made from its User-Agent header, so that its owner recognizes it."""

from __future__ import annotations

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


def device_name(user_agent: str) -> str:
    """E.g. ``Firefox on Windows``; empty if neither browser nor system is recognized."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    return " on ".join(filter(None, (browser, system)))


def requesting_device() -> str:
    """The name of the device that sends this request."""
    return device_name(request.headers.get("User-Agent", ""))


def _first(names: dict[str, str], text: str) -> str:
    return next((name for mark, name in names.items() if mark.lower() in text.lower()), "")


def moment(seconds: float) -> datetime:
    """The time of a session (seconds since 1970) as a moment in UTC, for the pages."""
    return datetime.fromtimestamp(seconds, UTC)
