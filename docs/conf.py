"""Configuration of Sphinx; the build treats warnings as errors (``python3 dev.py docs``)."""

from importlib.metadata import version as installed_version

project = "sequencectl"
author = "the sequencectl authors"
release = installed_version("sequencectl")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"sequencectl {release}"

# `Name` in a docstring links to what it names, and is plain code where that has no entry.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
