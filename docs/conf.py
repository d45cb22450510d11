"""Settings of the documentation: Markdown pages, and an API reference from the docstrings."""

import flask_signet

project = "Flask-Signet"
author = "Flask-Signet contributors"
copyright = f"2026, {author}"
release = version = flask_signet.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

# The order of the list in the source is the order of the thought.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"Flask-Signet {release}"


def _options_table() -> str:
    """The table of options, from the one in the source."""
    from flask_signet.config import OPTIONS

    rows = ["| option | default | strict | |", "|---|---|---|---|"]
    for option in OPTIONS.values():
        default, strict = option.default, option.default_in("strict")
        changed = f"`{strict!r}`" if strict != option.default_in("compatible") else ""
        shown = "15 minutes" if option.name == "ACCESS_TOKEN_EXPIRES" else f"`{default!r}`"
        shown = "30 days" if option.name == "REFRESH_TOKEN_EXPIRES" else shown
        star = "\\*" if option.new else ""
        rows.append(f"| `JWT_{option.name}`{star} | {shown} | {changed} | {option.about} |")
    return "\n".join(rows)


def _fill_in(app: object, page: str, source: list[str]) -> None:
    source[0] = source[0].replace("{{ options }}", _options_table())


def setup(app: object) -> None:
    """Sphinx calls this."""
    app.connect("source-read", _fill_in)  # type: ignore[attr-defined]  # Sphinx is untyped here
