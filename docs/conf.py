"""Configuration of Sphinx; the build treats warnings as errors (``python3 dev.py docs``)."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import bridge_pictures

project = "sequencectl"
author = "the sequencectl authors"
release = installed_version("sequencectl")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.public_names", "docs.rule_links"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"sequencectl {release}"

# `Name` in a docstring links to what it names, and is plain code where that has no entry.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
add_module_names = False
python_maximum_signature_line_length = 90


def setup(app: Any) -> None:
    """Make the pictures of the Bridge before the pages are read."""
    app.connect("builder-inited", lambda _app: bridge_pictures.make_pictures())
