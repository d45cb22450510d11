"""A name for a device, from what its browser says of itself: for its owner to recognize."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request

# The first that is named counts: most browsers also name those that they descend from.
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
    """E.g. ``Firefox on Windows``; empty where nothing is recognized."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    return " on ".join(filter(None, (browser, system)))


def requesting_device() -> str:
    """The name of the device that sends this request."""
    return device_name(request.headers.get("User-Agent", ""))


def _first(names: dict[str, str], text: str) -> str:
    return next((name for mark, name in names.items() if mark.lower() in text.lower()), "")


def moment(seconds: float) -> datetime:
    """A time of a session, in UTC, for the pages."""
    return datetime.fromtimestamp(seconds, UTC)
