"""A promise that an adapter may break, and how a check shows what it saw."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Final, Generic, TypeVar, final

import attrs

from sequencectl.errors import shown

T = TypeVar("T")


@final
class BrokenPromise(AssertionError):
    """An adapter does not do what its port promises.

    `promise` is the sentence that does not hold, `seen` says what the check saw instead.
    """

    def __init__(self, promise: str, seen: str) -> None:
        super().__init__(f"{promise}\n  {seen}")
        self.promise = promise
        self.seen = seen


@final
@attrs.frozen
class Check(Generic[T]):
    """A function that checks one promise; its docstring is the promise.

    `needs` names the capabilities it takes; it is empty if every adapter can be checked.
    """

    run: Callable[[T], None]
    needs: Collection[str] = ()

    def __str__(self) -> str:
        return self.run.__name__.replace("_", "-")

    def __call__(self, trial: T) -> None:
        """Raise `BrokenPromise` if the promise is broken or the adapter raises an error."""
        try:
            self.run(trial)
        except Exception as error:
            seen = str(error) if isinstance(error, Seen) else f"it raised {error!r}"
            raise BrokenPromise(self.run.__doc__ or str(self), seen) from error


class Seen(Exception):
    """The check saw something else than what is promised."""


def expect(holds: bool, seen: str) -> None:
    """Raise `Seen` with this sentence unless `holds` is true."""
    if not holds:
        raise Seen(seen)


def expect_same(expected: object, seen: object, what: str) -> None:
    """Raise `Seen` unless both are equal; it shows the path to the first difference."""
    if expected != seen:
        raise Seen(f"{what}{_difference(expected, seen)}")


def attempt(
    action: Callable[[], T], fault: AbstractContextManager[object]
) -> tuple[T, None] | tuple[None, Exception]:
    """Return what `action` returns while the fault lasts, and None; or None and its error."""
    with fault:
        try:
            return action(), None
        except Exception as error:  # noqa: BLE001 - an adapter may raise any error
            return None, error


def _difference(expected: object, seen: object) -> str:
    for path, one, other in _parts(expected, seen) if type(expected) is type(seen) else ():
        if one != other:
            return path + _difference(one, other)
    return f" should be {shown(expected)}, is {shown(seen)}"


def _parts(expected: object, seen: object) -> list[tuple[str, object, object]]:
    """Return the parts of two values of one type, side by side, each with its path."""
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
