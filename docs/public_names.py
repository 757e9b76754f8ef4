"""Keeps private names out of the pages of ``docs/api``, which Sphinx writes from the docstrings.

A name that is public at a door but defined in a room with an underscore is documented at the door.
Types in signatures are shown by the names that a host imports, and links lead there.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace
from typing import Annotated, Any, Final, get_args, get_origin

from sequencectl import _scalars, cloudevents, commands, events, serialization
from sequencectl.testing import strategies
from sequencectl.testing.simulation import PLANE, schedules

PRIVATE: Final = re.compile(r"(^|\.)_(?!_)")

UNIONS: Final = {
    "commands": ("Command", "ContextControl", "Report", "SequenceCommand", "StageControl"),
    "events": ("Ending", "Event", "ProjectEvent", "SequenceEvent", "SequenceMove"),
    "outcomes": ("Outcome",),
    "payload": ("FrozenJson",),
    "policies": ("Timeout",),
    "sequence": ("SequenceRecord",),
    "testing.exploration": ("Invariant",),
}
"""By module, what is shown by its name, not by its parts."""

IMPORTED_BY_THEMSELVES: Final = (cloudevents, serialization, strategies, schedules)
"""With these, every module that has a page is loaded."""

NOT_MADE_BY_HOSTS: Final = re.compile(r"\._|\b(Index|Map|OrderedSet)\b")
"""Types of arguments that no host can make: private ones, and those of private rooms."""

CLASS: Final = re.compile(r"<class '(?:\w+\.)*(\w+)'>")
"""A default that is a class, as it prints; Sphinx cannot read that."""


def name_types() -> None:
    """Replace each annotation by what a page shows: unions by their names, an `Id` as a str."""
    inspect = import_module("sphinx.util.inspect")
    inspect.TypeAliasForwardRef.__repr__ = lambda alias: alias.name  # so it is shown within others
    shown: dict[str, Any] = {
        name: inspect.TypeAliasForwardRef(f"~sequencectl.{module}.{name}")
        for module, names in UNIONS.items()
        for name in names
    }
    limited = {name: get_args(value)[0] for name, value in vars(_scalars).items()
               if get_origin(value) is Annotated}  # fmt: skip
    shown |= limited
    shown["c"] = SimpleNamespace(**{**vars(commands), **shown})
    shown["e"] = SimpleNamespace(**{**vars(events), **shown})
    for module in [found for name, found in sys.modules.items() if name.startswith("sequencectl")]:
        for value in [value for value in vars(module).values() if hasattr(value, "__module__")]:
            if value.__module__ == module.__name__:
                parts = vars(value).values() if isinstance(value, type) else ()
                for part in (value, *parts):
                    _name_types_of(part, {**vars(module), **shown})


def _name_types_of(value: Any, names: dict[str, Any]) -> None:
    value = getattr(value, "fget", getattr(value, "__func__", value))
    annotations = getattr(value, "__annotations__", {})
    for name, text in annotations.items():
        if isinstance(text, str):
            with suppress(NameError, TypeError):  # what only type checkers know stays as it is
                annotations[name] = eval(text, names)  # noqa: S307 - our own annotations


def drop_private_bases(_app: Any, _name: str, _cls: type, _options: Any, bases: list[Any]) -> None:
    """Leave out base classes that no host imports; what they define is shown in each class."""
    bases[:] = [base for base in bases if not PRIVATE.search(base.__name__)] or [object]


def shorten_signatures(
    _app: Any,
    what: str,
    _name: str,
    _obj: Any,
    _options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show no arguments of a class that only the library makes, and defaults by their names."""
    if what == "class" and signature and NOT_MADE_BY_HOSTS.search(signature):
        return "", returns
    if signature:
        signature = CLASS.sub(r"\1", signature.replace(repr(PLANE), "PLANE"))
    return signature, returns


def find_text(_app: Any, what: str, name: str, value: Any, _options: Any, lines: list[str]) -> None:
    """Give a value the text that stands below it where it is defined, not that of its type."""
    if what != "data":
        return
    analyzer = import_module("sphinx.pycode").ModuleAnalyzer
    attribute = name.rpartition(".")[2]
    lines.clear()
    for module in [found for found in sys.modules if found.startswith("sequencectl.")]:
        if getattr(sys.modules[module], attribute, None) is value:
            lines += analyzer.for_module(module).find_attr_docs().get(("", attribute), [])


def take_private_names_out(_app: Any, env: Any) -> None:
    """Take the second names, those by room, out of the index; keep what they stand for."""
    objects = env.get_domain("py").objects
    public = {(entry.docname, entry.node_id): name for name, entry in objects.items()
              if not entry.aliased}  # fmt: skip
    env.homes = getattr(env, "homes", {})  # kept with the environment, as the objects are
    for name in [name for name in objects if PRIVATE.search(name)]:
        entry = objects.pop(name)
        env.homes[name] = public[entry.docname, entry.node_id]


def lead_home(app: Any, env: Any, node: Any, shown: Any) -> Any:
    """Resolve a reference by room to the public name."""
    home = env.homes.get(node.get("reftarget"))
    if home is None:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], home, node, shown)


def setup(app: Any) -> dict[str, bool]:
    """Hear what autodoc finds, and look after the references."""
    name_types()
    app.connect("autodoc-process-bases", drop_private_bases)
    app.connect("autodoc-process-docstring", find_text)
    app.connect("autodoc-process-signature", shorten_signatures)
    app.connect("env-updated", take_private_names_out)
    app.connect("missing-reference", lead_home)
    return {"parallel_read_safe": True}
