"""What is stored as JSON: the documents and their parts.

The classes themselves are the grammar. The type of a field says which JSON types it may have, and
the rule that the type carries (`_scalars`) says what a text or a number in it must obey. The
writers in `encoding` and the readers in `decoding` are made from this; `faults` says what must hold
besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from types import NoneType
from typing import Any, Final, TypeAlias, final, get_args, get_origin

import attrs

from sequencectl._scalars import Id, Name, Text, alternatives, rule_of
from sequencectl.commands import Command
from sequencectl.events import Event
from sequencectl.outcomes import Outcome
from sequencectl.payload import FrozenMap
from sequencectl.policies import Bounds, QueuePolicy, TimeoutPolicy
from sequencectl.sequence import EndedSequence, LiveSequence, SequenceRecord
from sequencectl.shipyard import Shipyard
from sequencectl.state import ContextRecord, Freeze, Ledger, Remembered

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A plain JSON tree."""


@final
@attrs.frozen
class Header:
    """The part of a project that belongs to no single sequence; it stays small (R33)."""

    project: Id
    ledger: Ledger
    contexts: Mapping[Id, ContextRecord]
    freezes: Mapping[Name, Freeze]


@final
@attrs.frozen
class ForgottenSequence:
    """A forgotten sequence: its id and what is remembered of it (R8, R33)."""

    sequence_id: Id
    remembered: Remembered


StoredRecord = SequenceRecord | ForgottenSequence
"""What a store keeps in one row: a sequence, or the memory of a forgotten one."""


@final
@attrs.frozen
class Snapshot:
    """A whole project."""

    header: Header
    records: tuple[StoredRecord, ...]


@final
@attrs.frozen
class Plane:
    """What a control plane is made of; its calendar is code, so only its name is stored."""

    shipyard: Shipyard
    timeouts: TimeoutPolicy
    queueing: QueuePolicy
    bounds: Bounds
    calendar: Text


DOCUMENTS: Final[Mapping[str, Any]] = {
    "record": StoredRecord,
    "header": Header,
    "project": Snapshot,
    "event": Event,
    "events": tuple[Event, ...],
    "command": Command,
    "outcome": Outcome,
    "plane": Plane,
}
"""The type of what a document of each kind holds."""


# ---------------------------------------------------------------- types

TYPE: Final = "type"
"""The key of a tag, which says which of several classes an object is."""
SELECTOR: Final = tuple[tuple[str, str], ...]
"""The type of a selector, which is an object as in the shipyard."""

_TAGS: Final = {LiveSequence: "live", EndedSequence: "ended", ForgottenSequence: "forgotten"}
_JSON_TYPES: Final[Mapping[Any, type]] = {
    **{kind: kind for kind in (NoneType, bool, int, str)},
    timedelta: int,
    datetime: str,
    FrozenMap: dict,
}


def tag(cls: type) -> str:
    """Return the tag of a class, for where one of several classes may stand."""
    return _TAGS.get(cls, cls.__name__)


def fields_of(cls: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """Return the types of the fields of a class; their names are the keys of its object."""
    fields = attrs.fields(attrs.resolve_types(cls))
    return {field.name: field.type for field in fields if field.init}


def made_with(origin: object) -> Callable[[Any], bool]:
    """Return a function that tells whether a type is made with `origin`, such as tuple."""
    return lambda kind: get_origin(kind) is origin


def is_enum(kind: Any) -> bool:
    """Return True for an enum, whose members are texts."""
    return isinstance(kind, type) and issubclass(kind, Enum)


def is_selector(kind: Any) -> bool:
    """Return True for `SELECTOR`, which is a tuple of pairs as well."""
    return bool(kind == SELECTOR)


def is_pairs(kind: Any) -> bool:
    """Return True for a tuple of pairs, each of a text and a value: it is written as an object."""
    return get_origin(kind) is tuple and get_origin(get_args(kind)[0]) is tuple


def is_union(kind: Any) -> bool:
    """Return True for a union."""
    return len(alternatives(kind)) > 1


def is_tagged(kind: Any) -> bool:
    """Return True for a union of classes, whose members are told apart by a tag."""
    return is_union(kind) and all(map(attrs.has, alternatives(kind)))


def json_type(kind: Any) -> type:
    """Return the JSON type of the values of a type that is no union."""
    if is_enum(kind):
        return str
    rule, made_with = rule_of(kind), get_origin(kind)
    made = list if made_with in {tuple, frozenset} and not is_pairs(kind) else dict
    return _JSON_TYPES.get(kind, made) if rule is None else rule.kind
