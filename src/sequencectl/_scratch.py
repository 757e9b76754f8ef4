"""Scratch copies: how a frozen value becomes the next one without a call of its constructor.

A record is copied at every event, and that is where a fold would spend its time: `attrs.evolve`
looks up each field by name, and a frozen class sets each through ``object.__setattr__``. A scratch
copy is an object of a twin class that has the same slots and is not frozen. It is filled by plain
assignments, its fields are set like those of any object, and in the end its class becomes the
frozen one: ``new.__class__ = LiveSequence``. It must not leave the function that made it before
that. Tests compare it with `attrs.evolve` for every class it is used for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

T = TypeVar("T", bound=attrs.AttrsInstance)


def scratch_of(cls: type[T]) -> Callable[[T], Any]:
    """Return a function that makes a scratch copy of a value of this class.

    The class must have slots, but none for weak references: its objects could not change class.
    """
    twin = type(
        f"_{cls.__name__}Scratch",
        cls.__bases__,
        {
            "__slots__": vars(cls)["__slots__"],
            "__setattr__": object.__setattr__,  # the bases may be frozen
            "__delattr__": object.__delattr__,
        },
    )
    copies = [f"    new.{field.name} = old.{field.name}" for field in attrs.fields(cls)]
    source = "\n".join(("def scratch(old):", "    new = _new(_twin)", *copies, "    return new"))
    scope: dict[str, Any] = {"_new": object.__new__, "_twin": twin}
    exec(source, scope)  # noqa: S102 - of field names alone, as attrs makes constructors
    made: Callable[[T], Any] = scope["scratch"]
    return made
