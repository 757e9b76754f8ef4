"""Turn values into canonical JSON text: equal values give equal texts, in every process.

cattrs walks through the classes by their types (`grammar`). A *writer* is what cattrs calls an
unstructure hook, but it returns text instead of a tree. The keys of our classes are known, so they
are sorted and quoted once, when a writer is made; a value is written by filling in a template.
``tests/wire/plain.py`` does the same the long way, with trees that ``json`` writes, and the tests
compare the two.

Many values are written again and again: a definition with its record and its acceptance, a task in
flight with each report, a subject with each event. Values never change: `kept` keeps short texts.
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
_DIGITS: Final = 10**21  # ECMAScript writes larger integral numbers with an exponent
_OFTEN: Final = frozenset({Subject, SequenceDefinition, TaskTriggered})
KEPT: Final = 256  # texts of each class
LONGEST: Final = 4_096  # characters of one of them


def writer_of(kind: Any) -> Write:
    """Return the function that writes values of type `kind` as canonical JSON text."""
    write: Write = _CONVERTER.get_unstructure_hook(kind)
    return write


def instant_text(instant: datetime) -> str:
    """Return an instant in RFC 3339: UTC, microseconds, ``Z``."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"


# ---------------------------------------------------------------- single values


@lru_cache(maxsize=KEPT)  # most events of a decision have the same instant
def _instant(instant: datetime) -> str:
    return f'"{instant_text(instant)}"'


def _duration(duration: timedelta) -> str:
    return str(duration // _MICROSECOND)


def _truth(value: object) -> str:
    return "true" if value else "false"


def _enum(member: Enum) -> str:
    return f'"{member._value_}"'  # faster than `value`; none of our values needs escapes


def _array(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _object(texts: Mapping[str, str]) -> str:
    parts = [f"{encode_basestring(key)}:{texts[key]}" for key in sorted(texts)]
    return f"{{{','.join(parts)}}}"


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
    """Return the number to write for all that are equal: 1 for 1.0, 0 for -0.0."""
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
    """Return `make` with a memory: for a key it has seen it returns the same result again.

    It keeps each argument as well, so that no other object can get its id. It never keeps a result
    larger than `LONGEST`, or what has None for a key, and drops all when there are `KEPT`: a few
    megabytes at most.
    """
    found: dict[object, tuple[object, T]] = {}

    def keeping(given: object, _kind: object = None) -> T:
        key = key_of(given)
        if key is None:
            return make(given)
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
    """Return the writer of a class, which writes its fields in order and the tag among them.

    It is compiled from a template, as attrs and cattrs compile theirs.
    """
    parts = {grammar.TYPE: f'"{called}"'} if called else {}
    scope: dict[str, Any] = {}
    for name, kind in grammar.fields_of(cls).items():
        members = [member for member in alternatives(kind) if member is not NoneType]
        scope[f"write_{name}"] = converter.get_unstructure_hook(
            members[0] if len(members) == 1 else kind
        )
        unless = f'"null" if value.{name} is None else ' if NoneType in alternatives(kind) else ""
        if grammar.made_with(tuple)(kind) and not grammar.is_pairs(kind):
            unless = f'"[]" if not value.{name} else '  # most are: a sixth of a row's time
        parts[name] = f"{{{unless}write_{name}(value.{name})}}"
    template = ",".join(f'"{key}":{parts[key]}' for key in sorted(parts))
    exec(f"def write(value):\n    return f'{{{{{template}}}}}'", scope)  # noqa: S102 - of names alone
    return _kept(scope["write"]) if cls in _OFTEN and not called else scope["write"]


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


def _pairs_writer(kind: Any, converter: Converter) -> Write:
    """Return the writer of pairs; that of the values is asked for when it is used.

    A policy holds policies.
    """
    part = get_args(get_args(kind)[0])[1]

    def write(pairs: Iterable[tuple[str, object]]) -> str:
        write_part = converter.get_unstructure_hook(part)
        return _object({key: write_part(value) for key, value in pairs})

    return write


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
    converter.register_unstructure_hook_factory(attrs.has, _object_writer)
    converter.register_unstructure_hook_factory(grammar.made_with(tuple), _array_writer)
    converter.register_unstructure_hook_factory(grammar.is_pairs, _pairs_writer)
    converter.register_unstructure_hook_factory(grammar.made_with(Mapping), _mapping_writer)
    converter.register_unstructure_hook_factory(grammar.is_tagged, _tagged_writer)
    return converter


_CONVERTER: Final = _configured()
for _kind in grammar.DOCUMENTS.values():
    writer_of(_kind)  # made now, since a sandbox may refuse to compile later
