"""Writes the table of the options into config.md: ``python docs/options.py``.

The table is in the source, in options/table.py. A test fails while the page differs from it.
"""

import re
from pathlib import Path

from flask_signet.options.table import OPTIONS

PAGE = Path(__file__).parent / "config.md"
BETWEEN = re.compile(r"(?<=<!-- options -->\n\n).*?(?=\n\n<!-- end of options -->)", re.DOTALL)
READABLE = {
    "ACCESS_TOKEN_EXPIRES": "15 minutes",
    "REFRESH_TOKEN_EXPIRES": "30 days",
    "REFRESH_ABSOLUTE_EXPIRES": "90 days",
}


def table() -> str:
    """The options, a row each."""
    rows = ["| option | default | strict | |", "|---|---|---|---|"]
    for option in OPTIONS.values():
        strict = option.default_in("strict")
        changed = f"`{strict!r}`" if strict != option.default_in("compatible") else ""
        default = READABLE.get(option.name, f"`{option.default!r}`")
        star = "\\*" if option.new else ""
        rows.append(f"| `JWT_{option.name}`{star} | {default} | {changed} | {option.about} |")
    return "\n".join(rows)


def page() -> str:
    """The page with the table as it should be."""
    return BETWEEN.sub(lambda _: table(), PAGE.read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
