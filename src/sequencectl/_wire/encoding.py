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
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, get_args, get_origin

import attrs
from cattrs import Converter

from sequencectl._wire.grammar import ForgottenSequence
from sequencectl.events import Subject, TaskTriggered
from sequencectl.payload import FrozenJson, FrozenMap
from sequencectl.sequence import EndedSequence, LiveSequence
from sequencectl.shipyard.definitions import SequenceDefinition

TYPE: Final = "type"
"""The key of a tag."""

SELECTOR: Final = tuple[tuple[str, str], ...]
"""The type of a selector, which is written as an object."""

Write: TypeAlias = Callable[[Any], str]

_TAGS: Final = {LiveSequence: "live", EndedSequence: "ended", ForgottenSequence: "forgotten"}
_MICROSECOND: Final = timedelta(microseconds=1)
_DIGITS: Final = 10**21  # from here on ECMAScript, too, writes integral numbers with an exponent
_OFTEN: Final = frozenset({Subject, SequenceDefinition, TaskTriggered})
_KEPT: Final = 256  # so many texts of each of them
_LONGEST: Final = 4_096  # of so many characters at most


def writer_of(kind: Any) -> Write:
    """Return what writes values of type `kind` as canonical JSON text."""
    write: Write = _CONVERTER.get_unstructure_hook(kind)
    return write


def is_tagged(kind: Any) -> bool:
    """Whether a type is a union of classes, whose members are told apart by a tag."""
    return isinstance(kind, UnionType) and all(attrs.has(member) for member in get_args(kind))


def tag(cls: type) -> str:
    """Return what a class is called where several may stand."""
    return _TAGS.get(cls, cls.__name__)


def instant_text(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, with microseconds and ``Z``."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"


# ---------------------------------------------------------------- single values


@lru_cache(maxsize=_KEPT)  # most instants of a decision are one; equal ones have one text
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


def _kept(write: Write) -> Write:
    """Return a writer that keeps what it wrote, for the very objects it wrote it for.

    It holds on to these objects, so that an id cannot come to stand for another one. When it is
    full it begins anew, and what is long is not kept: all of them hold a few megabytes at most.
    """
    texts: dict[int, tuple[object, str]] = {}

    def kept(value: object) -> str:
        found = texts.get(id(value))
        if found is not None:
            return found[1]
        text = write(value)
        if len(text) <= _LONGEST:
            if len(texts) >= _KEPT:
                texts.clear()
            texts[id(value)] = value, text
        return text

    return kept


def _object_writer(cls: type[attrs.AttrsInstance], converter: Converter, called: str = "") -> Write:
    """Return the writer of a class: its fields in the order of their names, a tag among them.

    It is made as a function of one template, as attrs and cattrs make theirs.
    """
    parts = {TYPE: f'"{called}"'} if called else {}
    scope: dict[str, Any] = {}
    for field in attrs.fields(attrs.resolve_types(cls)):
        name = field.name
        scope[f"write_{name}"] = converter.get_unstructure_hook(field.type)
        may_be_null = NoneType in get_args(field.type)
        unless = f'"null" if value.{name} is None else ' if may_be_null else ""
        parts[name] = f"{{{unless}write_{name}(value.{name})}}"
    template = ",".join(f'"{key}":{parts[key]}' for key in sorted(parts))
    exec(f"def write(value):\n    return f'{{{{{template}}}}}'", scope)  # noqa: S102 - of names alone
    write: Write = scope["write"]
    return write


def _class_writer(cls: type[attrs.AttrsInstance], converter: Converter) -> Write:
    write = _object_writer(cls, converter)
    return _kept(write) if cls in _OFTEN else write


def _composed_writer(kind: Any, converter: Converter) -> Write:
    """Return the writer of a union, a mapping by texts, or a tuple with entries of one type."""
    members = [member for member in get_args(kind) if member is not NoneType]
    if is_tagged(kind):
        writers = {member: _object_writer(member, converter, tag(member)) for member in members}
        return lambda value: writers[type(value)](value)
    if kind == SELECTOR:
        return lambda pairs: _object({key: encode_basestring(wanted) for key, wanted in pairs})
    if isinstance(kind, UnionType) and len(members) > 1:
        return converter.unstructure  # by the class of the value
    if get_origin(kind) is Mapping:
        write = converter.get_unstructure_hook(members[1])
        return lambda parts: _object({key: write(part) for key, part in parts.items()})
    write = converter.get_unstructure_hook(members[0])
    return write if isinstance(kind, UnionType) else lambda parts: _array(map(write, parts))


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
    converter.register_unstructure_hook_factory(lambda kind: get_args(kind) != (), _composed_writer)
    return converter


_CONVERTER: Final = _configured()
