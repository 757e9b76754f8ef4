"""The face of the package: what it hands out."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import sequencectl


def names_used(path: Path) -> set[str]:
    """Return the names that a program uses, of itself and of the package, imports left out."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def test_the_host_of_the_type_checkers_uses_every_public_name() -> None:
    """Both checkers read a program in which each name of the face is used."""
    used = names_used(Path(__file__).parent / "typing" / "test_host.py")

    assert [] == [name for name in sequencectl.__all__ if name not in used]


def test_the_face_is_its_own_list() -> None:
    """Exactly the public names are handed out; they are sorted, and all that is gathered is."""
    gathered = {
        name
        for name, value in vars(sequencectl).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert sorted(sequencectl.__all__) == sequencectl.__all__
    assert {*gathered, "__version__"} == set(sequencectl.__all__)
