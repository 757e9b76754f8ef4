"""Turn plain JSON trees into values, strictly.

cattrs walks through the classes by their types (`grammar`). By itself it would make text of null
and an integer of 1.9, ignore unknown keys and fill in missing ones. So every type has a hook of
ours, which first checks the JSON type it is given; an object must have exactly the keys of its
class.

Reading stops at the first mistake: a megabyte of garbage would otherwise take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache, reduce
from types import NoneType
from typing import Annotated, Any, Final, NoReturn, TypeAlias, get_args

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from sequencectl._scalars import ID, MESSAGE, alternatives, rule_of
from sequencectl._wire import grammar
from sequencectl._wire.encoding import KEPT, LONGEST, instant_text, kept
from sequencectl._wire.faults import FAULTS
from sequencectl._wire.grammar import Json
from sequencectl.errors import DecodeError, InvalidValue, shown
from sequencectl.events import Subject
from sequencectl.outcomes import Result
from sequencectl.payload import FrozenMap, freeze, path_to
from sequencectl.policies import TaskTimeouts
from sequencectl.shipyard.definitions import Failure, SequenceDefinition

_Read: TypeAlias = Callable[[Any], object]
_Hook: TypeAlias = Callable[[Any, Any], Any]


def _definition_key(tree: Json) -> str | None:
    """Return the repr of a definition; None, and soon, for one of far too many tasks."""
    tasks = tree.get("tasks") if type(tree) is dict else None
    return None if type(tasks) is list and len(tasks) > LONGEST else repr(tree)


# by repr, since True equals 1
_OFTEN: Final[Mapping[type, Callable[[Any], str | None]]] = {
    Subject: repr,
    SequenceDefinition: _definition_key,
    TaskTimeouts: repr,
}


def structured(tree: Json, kind: Any, where: str) -> object:
    """Return the value of type `kind` that `tree` stands for; raise `DecodeError` if none."""
    try:
        return _CONVERTER.structure(tree, kind)
    except _Refused as refused:
        raise refused.below(where) from None
    except RecursionError:
        raise DecodeError(where, tree, "must nest less deep") from None


class _Refused(Exception):
    """A tree is wrong at the path `where` in it; the trail to the tree grows on the way out."""

    def __init__(self, value: object, problem: str, where: str = "") -> None:
        self.value = value
        self.problem = problem
        self.where = where
        self.trail: list[str | int] = []

    def below(self, where: str) -> DecodeError:
        path = reduce(path_to, reversed(self.trail), where)
        inner = f".{self.where}" if self.where and not self.where.startswith("[") else self.where
        return DecodeError(path + inner, self.value, self.problem)


# ---------------------------------------------------------------- single values


def _text(text: str) -> str:
    if not MESSAGE.fits(text):
        raise _Refused(text, "must not hold lone surrogates")
    return text


@lru_cache(maxsize=KEPT)  # most instants of a row are the same
def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is not UTC or instant_text(instant) != text:
        raise _Refused(text, "must be an instant such as '2026-01-01T09:00:00.000000Z'")
    return instant


def _duration(microseconds: int) -> timedelta:
    if not 0 <= microseconds < 2**63:
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
            raise _Refused(wanted, f"must be one of {', '.join(_RESULTS)}", path_to("", key))
    return tuple(tree.items())


_RESULTS: Final = [result.value for result in Result]


def _sources(tree: list[Any]) -> frozenset[str]:
    for source in tree:
        if type(source) is not str or not ID.fits(source):
            raise _Refused(source, ID.problem)
    if not tree or tree != sorted(set(tree)):
        raise _Refused(tree, "must be sources in order, each once, at least one")
    return frozenset(tree)


def _failures(tree: list[Any]) -> tuple[Failure, ...]:
    known = [failure.value for failure in Failure]
    if not tree or tree != [word for word in known if word in tree]:
        raise _Refused(tree, f"must be some of {', '.join(known)}, in this order, each once")
    return tuple(map(Failure, tree))


_READERS: Final[Mapping[Any, _Read]] = {
    NoneType: lambda null: null,
    bool: bool,
    int: int,
    str: _text,
    datetime: _instant,
    timedelta: _duration,
    FrozenMap: _payload,
}


# ---------------------------------------------------------------- hooks made from types

_WORDS: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    int: "an integer",
    bool: "true or false",
    NoneType: "null",
}


def _hook(expected: type, read: _Read) -> _Hook:
    """Return a hook that calls `read` with trees of a JSON type and refuses all others."""
    problem = f"must be {_WORDS[expected]}"

    def hook(tree: Json, _kind: object) -> object:
        if type(tree) is not expected:
            raise _Refused(tree, problem)
        return read(tree)

    return hook


def _limited_hook(kind: Any, converter: Converter) -> _Hook:
    rule: Any = rule_of(kind)
    plain, fits, problem = rule
    read = converter.get_structure_hook(plain)

    def hook(tree: Json, kind: object) -> object:
        if type(tree) is plain and fits(tree):
            return tree
        raise _Refused(read(tree, kind), problem)

    return hook


def _enum_hook(kind: type[Enum], _converter: Converter) -> _Hook:
    members = {member.value: member for member in kind}

    def read(text: str) -> Enum:
        if text not in members:
            raise _Refused(text, f"must be one of {', '.join(members)}")
        return members[text]

    return _hook(str, read)


def _array_hook(kind: Any, converter: Converter) -> _Hook:
    arguments = get_args(kind)
    read_part = converter.get_structure_hook(arguments[0])
    length = None if arguments[-1] is Ellipsis else len(arguments)

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

    return _hook(list, read)


def _mapping_hook(kind: Any, converter: Converter) -> _Hook:
    return _by_name(*map(converter.get_structure_hook, get_args(kind)))


def _pairs_hook(kind: Any, converter: Converter) -> _Hook:
    """Return the hook of pairs: it gives their class a mapping, as a host may.

    That of the values is asked for when it is used, since a policy holds policies.
    """
    key, part = get_args(get_args(kind)[0])

    def read_part(tree: Json, of: object) -> object:
        read: _Hook = converter.get_structure_hook(part)
        return read(tree, of)

    return _by_name(converter.get_structure_hook(key), read_part)


def _by_name(read_key: _Hook, read_part: _Hook) -> _Hook:
    def read(tree: dict[str, Json]) -> dict[str, object]:
        parts: dict[str, object] = {}
        for key, part in tree.items():
            read_key(key, None)
            try:
                parts[key] = read_part(part, None)
            except _Refused as refused:
                refused.trail.append(key)
                raise
        return parts

    return _hook(dict, read)


def _union_hook(kind: Any, converter: Converter) -> _Hook:
    """Return the hook of a union, whose members differ in their JSON types."""
    hooks = {
        grammar.json_type(member): converter.get_structure_hook(member)
        for member in alternatives(kind)
    }
    problem = f"must be {' or '.join(_WORDS[expected] for expected in hooks)}"

    def hook(tree: Json, kind: object) -> object:
        read = hooks.get(type(tree))
        if read is None:
            raise _Refused(tree, problem)
        return read(tree, kind)

    return hook


def _tagged_hook(kind: Any, converter: Converter) -> _Hook:
    readers = {
        grammar.tag(cls): _class_hook(cls, converter, grammar.TYPE) for cls in alternatives(kind)
    }

    def read(tree: dict[str, Json]) -> object:
        called = tree.get(grammar.TYPE)
        if type(called) is not str or called not in readers:
            raise _Refused(called, f"must be one of {', '.join(sorted(readers))}", grammar.TYPE)
        return readers[called](tree, None)

    return _hook(dict, read)


def _class_hook(cls: type[attrs.AttrsInstance], converter: Converter, *tags: str) -> _Hook:
    """Return the hook of a class: an object with exactly its keys, and a tag's key if any."""
    kinds, faults = grammar.fields_of(cls), FAULTS.get(cls)
    names = set(kinds)
    keys = names.union(tags)
    hooks: dict[str, Any] = {
        name: override(struct_hook=_field_hook(name, kind, converter))
        for name, kind in kinds.items()
    }
    build = make_dict_structure_fn(cls, converter, **hooks)

    def hook(tree: Any, _kind: object = None) -> object:
        if type(tree) is not dict:
            raise _Refused(tree, f"must be {_WORDS[dict]}")
        if tree.keys() != keys:
            given = {key: tree[key] for key in tree if key not in tags}
            missing = shown(sorted(names - given.keys()))
            unknown = shown(sorted(given.keys() - names))
            said = f"must have the keys of {cls.__name__}; missing: {missing}, unknown: {unknown}"
            raise _Refused(given, said)
        try:
            value = build(tree, cls)
        except InvalidValue as error:
            where = error.where.removeprefix("spec.")  # in a shipyard it is that of Keptn's file
            raise _Refused(error.value, error.problem, where) from None
        for fault in faults(value) if faults is not None else ():
            raise _Refused(fault.value, fault.problem, fault.where)
        return value

    key_of = _OFTEN.get(cls)
    return hook if key_of is None else kept(hook, key_of, lambda said, _value: len(said))


def _field_hook(name: str, kind: Any, converter: Converter) -> _Hook:
    """Return the hook of a field: the hook of its type, with the field's name for the trail."""
    read, rule = converter.get_structure_hook(kind), rule_of(kind)
    plain, fits = (rule.kind, rule.fits) if rule is not None else (None, bool)
    may_be_null = NoneType in alternatives(kind)

    def hook(tree: Json, kind: object) -> object:
        if (tree is None and may_be_null) or (type(tree) is plain and fits(tree)):
            return tree  # a shortcut: the hook of the type would return the same
        try:
            return read(tree, kind)
        except _Refused as refused:
            refused.trail.append(name)
            raise

    return hook


def _no_hook(kind: Any, _converter: Converter) -> NoReturn:
    raise AssertionError(f"no reader for {kind}")  # cattrs would coerce it


def _configured() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook_factory(lambda _kind: True, _no_hook)
    for kind, read in _READERS.items():
        converter.register_structure_hook(kind, _hook(grammar.json_type(kind), read))
    converter.register_structure_hook_factory(grammar.made_with(Annotated), _limited_hook)
    converter.register_structure_hook_func(grammar.made_with(frozenset), _hook(list, _sources))
    converter.register_structure_hook_factory(grammar.made_with(tuple), _array_hook)
    failures = tuple[Failure, ...]
    converter.register_structure_hook_func(lambda kind: kind == failures, _hook(list, _failures))
    converter.register_structure_hook_factory(grammar.made_with(Mapping), _mapping_hook)
    converter.register_structure_hook_factory(grammar.is_pairs, _pairs_hook)
    converter.register_structure_hook_func(grammar.is_selector, _hook(dict, _selector))
    converter.register_structure_hook_factory(grammar.is_enum, _enum_hook)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_structure_hook_factory(grammar.is_union, _union_hook)
    converter.register_structure_hook_factory(grammar.is_tagged, _tagged_hook)
    return converter


_CONVERTER: Final = _configured()
for _kind in grammar.DOCUMENTS.values():
    _CONVERTER.get_structure_hook(_kind)  # made now, since a sandbox may refuse to compile later
