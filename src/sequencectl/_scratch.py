"""Frozen values made quickly: as copies of others with some fields changed, and anew.

A record is copied at every event, and an event is made for everything that happens, so this is
where a decision would spend its time: `attrs.evolve` looks up each field by name, and the
constructor of a frozen class sets each through ``object.__setattr__``. What is made here begins as
an object of a twin class that has the same slots and is not frozen. It is filled by plain
assignments, and in the end its class becomes the frozen one. Tests compare both with what attrs
makes, for every class they are used for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

T = TypeVar("T", bound=attrs.AttrsInstance)


def scratch_of(cls: type[T]) -> Callable[[T], Any]:
    """Return a function that makes a scratch copy of a value of this class.

    Its fields can be set like those of any object. It must not leave the function that made it
    before ``new.__class__ = cls``.
    """
    copies = [f"    new.{field.name} = old.{field.name}" for field in attrs.fields(cls)]
    lines = ["def made(old):", "    new = _new(_twin)", *copies, "    return new"]
    made: Callable[[T], Any] = _compiled(lines, {"_twin": _twin_of(cls)})
    return made


def maker_of(cls: type[T]) -> type[T]:
    """Return a function that makes what this class makes of the same arguments.

    The class must have no factories, converters or validators. Nothing but calling is possible.
    """
    fields = attrs.fields(cls)
    assert all(field.converter is field.validator is None and field.init for field in fields)
    defaults = {f"_{f.name}": f.default for f in fields if f.default is not attrs.NOTHING}
    assert not any(isinstance(value, attrs.Factory) for value in defaults.values())  # type: ignore[arg-type] # a class
    parameters = [f"{f.name}=_{f.name}" if f"_{f.name}" in defaults else f.name for f in fields]
    lines = [
        f"def made({', '.join(parameters)}):",
        "    new = _new(_twin)",
        *(f"    new.{field.name} = {field.name}" for field in fields),
        "    new.__class__ = _cls",
        "    return new",
    ]
    made: type[T] = _compiled(lines, {"_twin": _twin_of(cls), "_cls": cls, **defaults})
    return made


def _twin_of(cls: type) -> type:
    """Return a class whose objects can become objects of `cls`, and whose fields can be set.

    It must have slots, but none for weak references: else its objects could not change class.
    """
    body = {
        "__slots__": vars(cls)["__slots__"],
        "__setattr__": object.__setattr__,  # the bases may be frozen
    }
    return type(f"_{cls.__name__}Twin", cls.__bases__, body)


def _compiled(lines: list[str], scope: dict[str, Any]) -> Any:
    scope["_new"] = object.__new__
    exec("\n".join(lines), scope)  # noqa: S102 - of field names alone, as attrs makes constructors
    return scope["made"]
