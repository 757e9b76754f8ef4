"""Configuration of Sphinx; the build treats warnings as errors (``python3 dev.py docs``)."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, get_type_hints

import attrs

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import bridge_pictures
from sequencectl import commands, events, sequence, state
from sequencectl._wire import grammar
from sequencectl.shipyard import definitions

project = "sequencectl"
author = "the sequencectl authors"
release = installed_version("sequencectl")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.rule_links"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"sequencectl {release}"

# `Name` in a docstring links to what it names, and is plain code where that has no entry.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}


# Signatures call an `Id` what it is to a caller: a str.
stored = [*vars(commands).values(), *vars(events).values(), *vars(sequence).values()]
stored += [*vars(definitions).values(), *vars(grammar).values(), state.Pause]
for cls in {kind for kind in stored if isinstance(kind, type) and attrs.has(kind)}:
    for documented in (cls, cls.__init__):
        plain = get_type_hints(documented)
        said = documented.__annotations__
        documented.__annotations__ = {name: plain[name] for name in said}


def setup(app: Any) -> None:
    """Make the pictures of the Bridge before the pages are read."""
    app.connect("builder-inited", lambda _app: bridge_pictures.make_pictures())
