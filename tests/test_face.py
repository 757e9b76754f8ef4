"""The face of the package: what it hands out."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from sys import modules
from types import ModuleType, SimpleNamespace
from typing import Any

import attrs

import sequencectl
from sequencectl._index import Index

FOREIGN = {"builtins", "collections.abc", "datetime", "types", "typing"}


def names_used(path: Path) -> set[str]:
    """Return the names that a program uses, of itself and of the package, imports left out."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def test_the_host_of_the_type_checkers_uses_every_public_name() -> None:
    """Both checkers read a program in which each name of the face is used."""
    used = names_used(Path(__file__).parent / "typing" / "test_host.py")

    assert [] == [name for name in sequencectl.__all__ if name not in used]


def types_in(annotation: Any) -> Iterator[type]:
    """Yield the classes that an annotation consists of."""
    if inspect.isclass(annotation):
        yield annotation
    for part in typing.get_args(annotation):
        for each in part if isinstance(part, list) else [part]:
            yield from types_in(each)


def own_fields(cls: type) -> Iterator[Any]:
    """Yield what stands for the public fields of a class and its bases, for `get_type_hints`."""
    for base in cls.__mro__:
        if base.__module__.startswith("sequencectl"):
            fields = vars(base).get("__annotations__", {}).items()
            public = {name: hint for name, hint in fields if not name.startswith("_")}
            yield SimpleNamespace(
                __annotations__=public, __globals__=vars(modules[base.__module__])
            )


def own_functions(cls: type) -> Iterator[Any]:
    """Yield the public methods and properties of a class, and a constructor that is written out."""
    for name, attribute in inspect.getmembers_static(cls):
        found = getattr(attribute, "__func__", getattr(attribute, "fget", attribute))
        is_public = not name.startswith("_") or (name == "__init__" and not attrs.has(cls))
        is_own = inspect.isfunction(found) and found.__module__.startswith("sequencectl")
        if is_public and is_own:
            yield found


def types_shown(public: Any) -> set[type]:
    """Return the classes in the annotations of a function, of a union, or of a class."""
    if inspect.isclass(public):
        annotated = [*own_fields(public), *own_functions(public)]
    elif inspect.isfunction(public):
        annotated = [public]
    else:
        return set(types_in(public))
    hints = [hint for each in annotated for hint in hints_of(each)]
    return {found for hint in hints for found in types_in(hint)}


def hints_of(annotated: Any) -> list[Any]:
    """Return what the annotations of a function, or of such a namespace, stand for."""
    return list(typing.get_type_hints(annotated, globalns=annotated.__globals__).values())


def test_no_type_of_a_private_module_is_shown() -> None:
    """A type that an annotation shows is in the face, or in a public module that the docs name."""
    pages = (Path(__file__).parents[1] / "docs" / "api").glob("*.md")
    page = "".join(each.read_text(encoding="utf-8") for each in pages)
    named = set(re.findall(r"automodule:: (\S+)", page))
    handed_out = [getattr(sequencectl, name) for name in sequencectl.__all__]
    waiting, seen = list(handed_out), set()
    while waiting:
        for found in types_shown(waiting.pop()) - seen:
            seen.add(found)
            waiting += [found] if found.__module__ in named else []

    hidden = {found for found in seen if found.__module__ not in named | FOREIGN}
    assert "Phase" in {found.__name__ for found in seen}
    assert {Index} == hidden - {value for value in handed_out if inspect.isclass(value)}


def test_the_face_is_its_own_list() -> None:
    """Exactly the public names are handed out; they are sorted, and all that is gathered is."""
    gathered = {
        name
        for name, value in vars(sequencectl).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert sorted(sequencectl.__all__) == sequencectl.__all__
    assert {*gathered, "__version__"} == set(sequencectl.__all__)
