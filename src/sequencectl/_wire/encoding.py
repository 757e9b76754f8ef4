"""Values → canonical JSON text, in one way only: equal values give equal texts, in every process.

cattrs goes through the classes by their types. What it is told here: an instant is RFC 3339 in UTC
with microseconds and ``Z``; a duration is a number of microseconds; a set is an array in order; an
enum is its value; a class is an object of all its fields, and where one of several classes may
stand it says which as ``type``.

Theory of operation. A *writer* is what cattrs calls an unstructure hook, but it returns text where
others return trees: the keys of our classes are known, so they are sorted and quoted once, when a
writer is made, and a value is written by filling in a template. ``tests/wire/plain.py`` says the
same the long way round, as trees that ``json`` writes; the tests compare the two.

Much is written again and again: a definition with each record and its acceptance, a task in flight
with each report, a subject with each event, a payload with both. Such values never change, and a
text says nothing but its value, so short texts are kept, few of them: `_kept` says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from json.encoder import encode_basestring
from types import NoneType
from typing import Any, Final, TypeAlias, TypeVar, get_args

import attrs
from cattrs import Converter

from sequencectl._scalars import alternatives
from sequencectl._wire import grammar
from sequencectl.events import Subject, TaskTriggered
from sequencectl.payload import FrozenJson, FrozenMap
from sequencectl.shipyard.definitions import SequenceDefinition

T = TypeVar("T")
Write: TypeAlias = Callable[[Any], str]

_MICROSECOND: Final = timedelta(microseconds=1)
_DIGITS: Final = 10**21  # from here on ECMAScript, too, writes integral numbers with an exponent
_OFTEN: Final = frozenset({Subject, SequenceDefinition, TaskTriggered})
KEPT: Final = 256  # so many texts of each of them
LONGEST: Final = 4_096  # of so many characters at most


def writer_of(kind: Any) -> Write:
    """Return what writes values of type `kind` as canonical JSON text."""
    write: Write = _CONVERTER.get_unstructure_hook(kind)
    return write


def instant_text(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, with microseconds and ``Z``."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"


# ---------------------------------------------------------------- single values


@lru_cache(maxsize=KEPT)  # most instants of a decision are one; equal ones have one text
def _instant(instant: datetime) -> str:
    return f'"{instant_text(instant)}"'


def _duration(duration: timedelta) -> str:
    return str(duration // _MICROSECOND)


def _truth(value: object) -> str:
    return "true" if value else "false"


def _enum(member: Enum) -> str:
    return f'"{member._value_}"'  # without the detour of `value`; no value of ours needs escapes


def _array(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _object(texts: Mapping[str, str]) -> str:
    parts = [f"{encode_basestring(key)}:{texts[key]}" for key in sorted(texts)]
    return f"{{{','.join(parts)}}}"


def _selector(pairs: Iterable[tuple[str, str]]) -> str:
    return _object({key: encode_basestring(wanted) for key, wanted in pairs})


def _sources(sources: frozenset[str]) -> str:
    return _array(map(encode_basestring, sorted(sources)))


def _payload(value: FrozenJson) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, FrozenMap):
        items = value._items
        return _object({key: _payload(items[key]) for key in items})
    if isinstance(value, tuple):
        return _array(map(_payload, value))
    if value is None:
        return "null"
    return _truth(value) if isinstance(value, bool) else repr(_number(value))


def _number(value: float) -> float:
    """Return the one number that stands for all that are equal to it: 1 for 1.0, 0 for -0.0."""
    if abs(value) < _DIGITS:
        return int(value) if value == int(value) else value
    try:
        nearest = float(value)
    except OverflowError:
        return value
    return nearest if nearest == value else value


# ---------------------------------------------------------------- writers made from types


def kept(
    make: Callable[[Any], T], key_of: Callable[[Any], object], size_of: Callable[[Any, T], int]
) -> Callable[..., T]:
    """Return a function that keeps what `make` made, and returns it again for the same key.

    It holds on to what it was given as well, so that an id stays that of the same object. Nothing
    larger than `LONGEST` is kept, and all is let go when there is more than `KEPT`: that is a few
    megabytes at most.
    """
    found: dict[object, tuple[object, T]] = {}

    def keeping(given: object, _kind: object = None) -> T:
        key = key_of(given)
        known = found.get(key)
        if known is not None:
            return known[1]
        made = make(given)
        if size_of(key, made) <= LONGEST:
            if len(found) >= KEPT:
                found.clear()
            found[key] = given, made
        return made

    return keeping


def _kept(write: Write) -> Write:
    return kept(write, id, lambda _id, text: len(text))


def _object_writer(cls: type[attrs.AttrsInstance], converter: Converter, called: str = "") -> Write:
    """Return the writer of a class: its fields in the order of their names, a tag among them.

    It is made as a function of one template, as attrs and cattrs make theirs.
    """
    parts = {grammar.TYPE: f'"{called}"'} if called else {}
    scope: dict[str, Any] = {}
    for name, kind in grammar.fields_of(cls).items():
        members = [member for member in alternatives(kind) if member is not NoneType]
        scope[f"write_{name}"] = converter.get_unstructure_hook(
            members[0] if len(members) == 1 else kind
        )
        unless = f'"null" if value.{name} is None else ' if NoneType in alternatives(kind) else ""
        parts[name] = f"{{{unless}write_{name}(value.{name})}}"
    template = ",".join(f'"{key}":{parts[key]}' for key in sorted(parts))
    exec(f"def write(value):\n    return f'{{{{{template}}}}}'", scope)  # noqa: S102 - of names alone
    write: Write = scope["write"]
    return write


def _class_writer(cls: type[attrs.AttrsInstance], converter: Converter) -> Write:
    write = _object_writer(cls, converter)
    return _kept(write) if cls in _OFTEN else write


def _tagged_writer(kind: Any, converter: Converter) -> Write:
    members = alternatives(kind)
    writers = {member: _object_writer(member, converter, grammar.tag(member)) for member in members}
    return lambda value: writers[type(value)](value)


def _array_writer(kind: Any, converter: Converter) -> Write:
    write = converter.get_unstructure_hook(get_args(kind)[0])
    return lambda parts: _array(map(write, parts))


def _mapping_writer(kind: Any, converter: Converter) -> Write:
    write = converter.get_unstructure_hook(get_args(kind)[1])
    return lambda parts: _object({key: write(part) for key, part in parts.items()})


def _configured() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(str, encode_basestring)
    converter.register_unstructure_hook(int, repr)
    converter.register_unstructure_hook(bool, _truth)
    converter.register_unstructure_hook(datetime, _instant)
    converter.register_unstructure_hook(timedelta, _duration)
    converter.register_unstructure_hook(Enum, _enum)
    converter.register_unstructure_hook(frozenset, _sources)
    converter.register_unstructure_hook(FrozenMap, _kept(_payload))
    converter.register_unstructure_hook_factory(attrs.has, _class_writer)
    converter.register_unstructure_hook_factory(grammar.made_with(tuple), _array_writer)
    converter.register_unstructure_hook_func(grammar.is_selector, _selector)
    converter.register_unstructure_hook_factory(grammar.made_with(Mapping), _mapping_writer)
    converter.register_unstructure_hook_factory(grammar.is_tagged, _tagged_writer)
    return converter


_CONVERTER: Final = _configured()
