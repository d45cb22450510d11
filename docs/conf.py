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
