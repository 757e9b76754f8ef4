"""Plain JSON trees → values, strictly: what cattrs is told so that nothing is coerced.

cattrs takes the types of our classes and writes the code that goes through their fields. Left to
itself it would make text of null and an integer of 1.9, pass over unknown keys and fill in missing
ones; so every type is read here by a reader of ours, which first looks at what JSON type it is
given. A class is an object with exactly its fields for keys.

The first thing that is wrong ends the reading: to go on would let a megabyte of garbage cost
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache, reduce
from types import NoneType, UnionType
from typing import Any, Final, NoReturn, TypeAlias, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from sequencectl._wire.documents import Json
from sequencectl._wire.encoding import SELECTOR, TYPE, instant_text, is_tagged, tag
from sequencectl._wire.grammar import FAULTS, ID, Rule, rule_of
from sequencectl.errors import DecodeError, InvalidValue, shown
from sequencectl.events import Subject
from sequencectl.outcomes import Result
from sequencectl.payload import FrozenMap, freeze, step
from sequencectl.shipyard.definitions import SequenceDefinition

_Read: TypeAlias = Callable[[Any], object]
_Hook: TypeAlias = Callable[[Any, Any], Any]

_INT64: Final = 2**63
_OFTEN: Final = frozenset({Subject, SequenceDefinition})
_KEPT: Final = 256  # so many of each of them, and of instants
_LONGEST: Final = 4_096  # of so many characters at most


def structured(tree: Json, kind: Any, where: str) -> object:
    """Return the value of type `kind` that `tree` says; raise `DecodeError` if it says none."""
    try:
        return _CONVERTER.structure(tree, kind)
    except _Refused as refused:
        raise refused.below(where) from None
    except RecursionError:
        raise DecodeError(where, tree, "must nest less deep") from None


class _Refused(Exception):
    """A tree is not what it should be: `where` in it; the trail to it grows on the way out."""

    def __init__(self, value: object, problem: str, where: str = "") -> None:
        self.value = value
        self.problem = problem
        self.where = where
        self.trail: list[str | int] = []

    def below(self, where: str) -> DecodeError:
        path = reduce(step, reversed(self.trail), where)
        inner = f".{self.where}" if self.where and not self.where.startswith("[") else self.where
        return DecodeError(path + inner, self.value, self.problem)


# ---------------------------------------------------------------- readers


def _hook_for(kind: Any, converter: Converter) -> _Hook:
    """Return what reads a type, whatever it is given."""
    readers, refuse = _readers(kind, converter)

    def hook(tree: Json, _kind: object) -> object:
        return readers.get(type(tree), refuse)(tree)

    return hook


def _field_hook(cls: type, field: attrs.Attribute[Any], converter: Converter) -> _Hook:
    """Return what reads one field: it keeps the field's rule and adds its name to the trail."""
    readers, refuse = _readers(field.type, converter)
    rule, name = rule_of(field), field.name
    may_be_empty = cls is Subject  # the parts that do not apply are
    fits = None if rule is None else rule.fits
    scalar = next((kind for kind in (str, int) if kind in readers), None)

    def hook(tree: Json, _kind: object) -> object:
        if fits is not None and type(tree) is scalar and fits(tree):
            return tree  # as most are: what obeys a rule is as its reader wants it
        try:
            value = readers.get(type(tree), refuse)(tree)
            if rule is not None and value is not None and not (may_be_empty and value == ""):
                _obey(rule, value)
        except _Refused as refused:
            refused.trail.append(name)
            raise
        return value

    return hook


def _obey(rule: Rule, value: Any) -> None:
    """Refuse a text or a number, an entry of an array, or a key of a mapping."""
    is_array = isinstance(value, tuple)
    for at, part in enumerate(value if is_array or isinstance(value, dict) else (value,)):
        if not rule.fits(part):
            raise _Refused(part, rule.problem, f"[{at}]" if is_array else "")


def _readers(kind: Any, converter: Converter) -> tuple[Mapping[type, _Read], _Read]:
    """Return one reader for each JSON type a type may be given, and what refuses the others."""
    members = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    readers: dict[type, _Read]
    if is_tagged(kind):
        readers = {dict: _tagged_reader(members, converter)}
    else:
        readers = {_json_type(member): _reader(member, converter) for member in members}
    problem = f"must be {' or '.join(_WORDS[json_type] for json_type in readers)}"

    def refuse(tree: Json) -> NoReturn:
        raise _Refused(tree, problem)

    return readers, refuse


_WORDS: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    int: "an integer",
    bool: "true or false",
    NoneType: "null",
}


def _json_type(kind: Any) -> type:
    if kind in {NoneType, bool, int, str}:
        json_type: type = kind
        return json_type
    if kind is timedelta:
        return int
    if kind is datetime or (isinstance(kind, type) and issubclass(kind, Enum)):
        return str
    return list if get_origin(kind) in {tuple, frozenset} and kind != SELECTOR else dict


@cache
def _reader(kind: Any, converter: Converter) -> _Read:
    """Return the reader of one type for trees of its JSON type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_reader(kind)
    if attrs.has(kind):
        read = _class_reader(kind, converter)
        return _kept(read) if kind in _OFTEN else read
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is frozenset:
        return _sources
    if origin is tuple:
        parts = converter.get_structure_hook(arguments[0])
        return _array_reader(parts, None if arguments[-1] is Ellipsis else len(arguments))
    key, inner = arguments
    assert (origin, key) == (Mapping, str), f"no reader for {kind}"
    return _mapping_reader(converter.get_structure_hook(inner))


def _same(value: object) -> object:
    return value


def _text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _Refused(text, "must not hold lone surrogates") from None
    return text


@lru_cache(maxsize=_KEPT)  # most instants of a row are one
def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is not UTC or instant_text(instant) != text:
        raise _Refused(text, "must be an instant such as '2026-01-01T09:00:00.000000Z'")
    return instant


def _duration(microseconds: int) -> timedelta:
    if not 0 <= microseconds < _INT64:
        raise _Refused(microseconds, "must be a duration in microseconds, not negative")
    return timedelta(microseconds=microseconds)


def _payload(tree: dict[str, Json]) -> FrozenMap:
    try:
        return freeze(tree, where="")
    except InvalidValue as error:
        raise _Refused(error.value, error.problem, error.where) from None


def _selector(tree: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    for key, wanted in tree.items():
        if type(wanted) is not str or wanted not in _RESULTS:
            raise _Refused(wanted, f"must be one of {', '.join(_RESULTS)}", step("", key))
    return tuple(tree.items())


_RESULTS: Final = [result.value for result in Result]


def _sources(tree: list[Any]) -> frozenset[str]:
    for source in tree:
        if type(source) is not str or not ID.fits(source):
            raise _Refused(source, ID.problem)
    if not tree or tree != sorted(set(tree)):
        raise _Refused(tree, "must be sources in order, each once, at least one")
    return frozenset(tree)


_SCALARS: Final[Mapping[Any, _Read]] = {
    NoneType: _same,
    bool: _same,
    int: _same,
    str: _text,
    datetime: _instant,
    timedelta: _duration,
    FrozenMap: _payload,
    SELECTOR: _selector,
}


def _enum_reader(kind: type[Enum]) -> _Read:
    members = {member.value: member for member in kind}

    def read(text: str) -> Enum:
        if text not in members:
            raise _Refused(text, f"must be one of {', '.join(members)}")
        return members[text]

    return read


def _array_reader(read_part: _Hook, length: int | None) -> _Read:
    def read(tree: list[Json]) -> tuple[object, ...]:
        if length is not None and len(tree) != length:
            raise _Refused(tree, f"must have {length} entries")
        parts: list[object] = []
        try:
            for part in tree:
                parts.append(read_part(part, None))  # noqa: PERF401 - says how far it came
        except _Refused as refused:
            refused.trail.append(len(parts))
            raise
        return tuple(parts)

    return read


def _mapping_reader(read_part: _Hook) -> _Read:
    def read(tree: dict[str, Json]) -> dict[str, object]:
        parts: dict[str, object] = {}
        for key, part in tree.items():
            try:
                parts[key] = read_part(part, None)
            except _Refused as refused:
                refused.trail.append(key)
                raise
        return parts

    return read


def _class_reader(cls: type[attrs.AttrsInstance], converter: Converter, *tags: str) -> _Read:
    fields = [field for field in attrs.fields(attrs.resolve_types(cls)) if field.init]
    names, faults = {field.name for field in fields}, FAULTS.get(cls)
    keys = names.union(tags)
    hooks: dict[str, Any] = {
        field.name: override(struct_hook=_field_hook(cls, field, converter)) for field in fields
    }
    build = make_dict_structure_fn(cls, converter, **hooks)

    def read(tree: dict[str, Json]) -> object:
        if tree.keys() != keys:
            given = {key: tree[key] for key in tree if key not in tags}
            missing = shown(sorted(names - given.keys()))
            unknown = shown(sorted(given.keys() - names))
            said = f"must have the keys of {cls.__name__}; missing: {missing}, unknown: {unknown}"
            raise _Refused(given, said)
        try:
            value = build(tree, cls)
        except InvalidValue as error:
            raise _Refused(error.value, error.problem, error.where) from None
        for fault in faults(value) if faults is not None else ():
            raise _Refused(fault.value, fault.problem, fault.where)
        return value

    return read


def _tagged_reader(members: tuple[type, ...], converter: Converter) -> _Read:
    readers = {tag(member): _class_reader(member, converter, TYPE) for member in members}

    def read(tree: dict[str, Json]) -> object:
        called = tree.get(TYPE)
        if type(called) is not str or called not in readers:
            raise _Refused(called, f"must be one of {', '.join(sorted(readers))}", TYPE)
        return readers[called](tree)

    return read


def _kept(read: _Read) -> _Read:
    """Return a reader that gives the same value again for a tree that says the very same.

    It is not asked whether trees are equal, since ``True`` equals 1. When it is full it begins
    anew, and what is long is not kept.
    """
    values: dict[str, object] = {}

    def kept(tree: Json) -> object:
        said = repr(tree)
        value = values.get(said)
        if value is None:
            value = read(tree)
            if len(values) >= _KEPT:
                values.clear()
            if len(said) <= _LONGEST:
                values[said] = value
        return value

    return kept


def _configured() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook_factory(lambda _kind: True, _hook_for)
    for kind in (str, int, bool):  # for which cattrs has hooks that go first, and coerce
        converter.register_structure_hook(kind, _hook_for(kind, converter))
    return converter


_CONVERTER: Final = _configured()
