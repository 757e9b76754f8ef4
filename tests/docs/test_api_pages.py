"""Everything public has one home in the pages of ``docs/api``, and nothing private has one."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import sequencectl

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))]
DIRECTIVE = re.compile(r"^\.\. auto(\w+):: (\S+)\n((?:   :.*\n)*)", re.MULTILINE)
ROOMS = ("shipyard.definitions", "testing.exploration", "testing.simulation", "testing.strategies")
MACHINERY = {
    "sequencectl.errors.check_type",
    "sequencectl.errors.required",
    "sequencectl.errors.shown",
    "sequencectl.payload.step",
    "sequencectl.shipyard.definitions.check_each",
}
"""What several modules of the package use and no host does, public as it may look."""


def is_private(name: str) -> bool:
    """Return True if a part of a dotted name begins with an underscore."""
    return any(part.startswith("_") and part != "__version__" for part in name.split("."))


def described_values(module: Any) -> set[str]:
    """Return the constants and the aliases of a module that have a text below them."""
    body = ast.parse(inspect.getsource(module)).body
    values = zip(body, [*body[1:], None], strict=True)
    targets = {
        node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        for node, text in values
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
    return {target.id for target in targets if isinstance(target, ast.Name)}


def full_name(module: Any, name: str) -> str:
    """Return the name of an object by the module that defines it, wherever it is handed out."""
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__}"
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and name in [each.name for each in node.names]:
            return full_name(import_module(str(node.module)), name)
    return f"{module.__name__}.{name}"


def members(module: Any) -> dict[str, str]:
    """Return the public names of a module, and the full name of each."""
    if hasattr(module, "__all__"):
        return {name: full_name(module, name) for name in module.__all__}
    own = [
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]
    found = [*own, *described_values(module)]
    return {name: full_name(module, name) for name in found if not name.startswith("_")}


def entries(page: str) -> Iterator[tuple[str, str]]:
    """Yield what autodoc writes into a page: the name as it is shown, and the full name."""
    for kind, target, options in DIRECTIVE.findall(page):
        if kind == "module":
            module = import_module(target)
            left_out = re.search(r":exclude-members: (.*)", options)
            names = set(left_out[1].split(", ")) if left_out else set()
            for name, full in members(module).items():
                value = getattr(module, name)
                is_shown = inspect.isclass(value) or inspect.isfunction(value)
                if name not in names and (is_shown or name in described_values(module)):
                    yield f"{target}.{name}", full
        else:
            home, _, name = target.rpartition(".")
            yield target, full_name(import_module(home), name)


ENTRIES = [entry for page in PAGES for entry in entries(page)]


def public_modules() -> list[str]:
    """Return every module at the top of the package, and those of the rooms that hosts open."""
    top = [module.name for module in iter_modules(sequencectl.__path__)]
    return [f"sequencectl.{name}" for name in (*top, *ROOMS) if not name.startswith("_")]


def test_everything_public_has_one_home() -> None:
    """Each name of the face and of each public module has exactly one entry."""
    modules = [sequencectl, *map(import_module, public_modules())]
    public = {full for module in modules for full in members(module).values()} - MACHINERY
    written = Counter(full for _, full in ENTRIES)

    assert {} == {name: written[name] for name in public if written[name] != 1}


def test_nothing_private_has_an_entry() -> None:
    """No entry is shown under the name of a private room, and machinery has no entry."""
    assert [] == [shown for shown, _ in ENTRIES if is_private(shown)]
    assert set() == MACHINERY & {full for _, full in ENTRIES}


def test_the_overview_links_each_name_of_the_face_to_its_home() -> None:
    """Once, by the name under which the entry is."""
    links = re.findall(r"\{py:obj\}`~([\w.]+)`", (DOCS / "api.md").read_text(encoding="utf-8"))
    homes = {full: shown for shown, full in ENTRIES}

    expected = [homes[full_name(sequencectl, name)] for name in sequencectl.__all__]
    assert sorted(expected) == sorted(links)
