"""What the checks share: a promise that can be broken, and how what was seen is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Final, Generic, TypeVar, final

import attrs

from sequencectl.errors import shown

T = TypeVar("T")


@final
class BrokenPromise(AssertionError):
    """An adapter does not do what its port promises; `promise` is the sentence it breaks."""

    def __init__(self, promise: str, seen: str) -> None:
        super().__init__(f"{promise}\n  {seen}")
        self.promise = promise
        self.seen = seen


@final
@attrs.frozen
class Check(Generic[T]):
    """A function that tries whether a promise is kept; its docstring is the promise.

    `needs` names the capability without which it cannot be tried; empty if it always can.
    """

    run: Callable[[T], None]
    needs: str = ""

    def __str__(self) -> str:
        return self.run.__name__.replace("_", "-")

    def __call__(self, trial: T) -> None:
        """Raise `BrokenPromise` if it is not kept, or if the adapter raises an error."""
        try:
            self.run(trial)
        except Exception as error:
            seen = str(error) if isinstance(error, Seen) else f"it raised {error!r}"
            raise BrokenPromise(self.run.__doc__ or str(self), seen) from error


class Seen(Exception):
    """What was seen instead of what is promised."""


def expect(holds: bool, seen: str) -> None:
    """Raise `Seen` unless it holds."""
    if not holds:
        raise Seen(seen)


def expect_same(expected: object, seen: object, what: str) -> None:
    """Raise `Seen`, with the path to the first difference, unless the two are equal."""
    if expected != seen:
        raise Seen(f"{what}{_difference(expected, seen)}")


def error_of(action: Callable[[], None], fault: AbstractContextManager[object]) -> Exception | None:
    """Return what an action raises while a fault lasts; any error may come: it is the adapter's."""
    with fault:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - see above
            return error
    return None


def _difference(expected: object, seen: object) -> str:
    for path, one, other in _parts(expected, seen) if type(expected) is type(seen) else ():
        if one != other:
            return path + _difference(one, other)
    return f" should be {shown(expected)}, is {shown(seen)}"


def _parts(expected: object, seen: object) -> list[tuple[str, object, object]]:
    """Return what two values of one type are made of, side by side."""
    kind = type(expected)
    if attrs.has(kind):
        names = [field.name for field in attrs.fields(kind) if field.eq]
        return [(f".{name}", getattr(expected, name), getattr(seen, name)) for name in names]
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        keys = sorted({*expected, *seen})
        return [(f"[{key!r}]", expected.get(key, _NIL), seen.get(key, _NIL)) for key in keys]
    if isinstance(expected, tuple | list) and isinstance(seen, tuple | list):
        pairs = enumerate(zip_longest(expected, seen, fillvalue=_NIL))
        return [(f"[{index}]", one, other) for index, (one, other) in pairs]
    return []


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NIL: Final = _Nothing()
