"""Values → plain JSON trees, in one way only: equal values give equal trees, in every process.

cattrs goes through the classes by their types. What it is told here: an instant is RFC 3339 in UTC
with microseconds and ``Z``; a duration is a number of microseconds; a set is an array in order; an
enum is its value; a class is an object of all its fields, and where one of several classes may
stand it says which as ``type``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, Final, cast, get_args

import attrs
from cattrs import Converter

from sequencectl._documents import Json
from sequencectl._stored import ForgottenSequence
from sequencectl.payload import FrozenJson, FrozenMap
from sequencectl.sequence import EndedSequence, LiveSequence

TYPE: Final = "type"
"""The key of a tag."""

SELECTOR: Final = tuple[tuple[str, str], ...]
"""The type of a selector, which is written as an object."""

_TAGS: Final = {LiveSequence: "live", EndedSequence: "ended", ForgottenSequence: "forgotten"}
_MICROSECOND: Final = timedelta(microseconds=1)
_DIGITS: Final = 10**21  # from here on ECMAScript, too, writes integral numbers with an exponent


def plain(value: object, kind: Any) -> Json:
    """Return `value`, which is of type `kind`, as a plain JSON tree; the order of keys is free."""
    return cast("Json", _CONVERTER.unstructure(value, unstructure_as=kind))


def is_tagged(kind: Any) -> bool:
    """Whether a type is a union of classes, whose members are told apart by a tag."""
    return isinstance(kind, UnionType) and all(attrs.has(member) for member in get_args(kind))


def tag(cls: type) -> str:
    """Return what a class is called where several may stand."""
    return _TAGS.get(cls, cls.__name__)


def instant_text(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, with microseconds and ``Z``."""
    return f"{instant.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def _microseconds(duration: timedelta) -> int:
    return duration // _MICROSECOND


def _plain_payload(value: FrozenJson) -> Json:
    if isinstance(value, str):
        return value
    if isinstance(value, FrozenMap):
        return {key: _plain_payload(value[key]) for key in value}
    if isinstance(value, tuple):
        return [_plain_payload(part) for part in value]
    return value if value is None or isinstance(value, bool) else _number(value)


def _number(value: float) -> float:
    """Return the one number that stands for all that are equal to it: 1 for 1.0, 0 for -0.0."""
    if abs(value) < _DIGITS:
        return int(value) if value == int(value) else value
    try:
        nearest = float(value)
    except OverflowError:
        return value
    return nearest if nearest == value else value


def _tagged_writer(_kind: Any, converter: Converter) -> Callable[[Any], dict[str, Json]]:
    def write(value: Any) -> dict[str, Json]:
        tree: dict[str, Json] = converter.unstructure(value, unstructure_as=type(value))
        return {TYPE: tag(type(value)), **tree}

    return write


def _configured() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, instant_text)
    converter.register_unstructure_hook(timedelta, _microseconds)
    converter.register_unstructure_hook(frozenset, sorted)
    converter.register_unstructure_hook(FrozenMap, _plain_payload)
    converter.register_unstructure_hook_func(lambda kind: kind == SELECTOR, dict)
    converter.register_unstructure_hook_factory(is_tagged, _tagged_writer)
    return converter


_CONVERTER: Final = _configured()
