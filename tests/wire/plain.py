"""Documents written the long way round: plain JSON trees that cattrs makes and `json` writes.

This is what the writers of `_wire.encoding` are compared with. It keeps nothing, sorts at the end,
and knows nothing of texts; what is written must be the same to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, Final, get_args, get_origin

import attrs
from cattrs import Converter

from sequencectl._wire.grammar import ForgottenSequence, Header, Plane, Snapshot, StoredRecord
from sequencectl.commands import Command
from sequencectl.events import Event
from sequencectl.outcomes import Outcome
from sequencectl.payload import FrozenMap, thaw
from sequencectl.sequence import EndedSequence, LiveSequence
from sequencectl.serialization import SCHEMA

KINDS: Final[dict[str, Any]] = {
    "record": StoredRecord,
    "header": Header,
    "project": Snapshot,
    "event": Event,
    "events": tuple[Event, ...],
    "command": Command,
    "outcome": Outcome,
    "plane": Plane,
}
TAGS: Final = {LiveSequence: "live", EndedSequence: "ended", ForgottenSequence: "forgotten"}


def plainly(kind: str, value: object) -> bytes:
    """The document of a value, by way of its tree."""
    tree = CONVERTER.unstructure(value, unstructure_as=KINDS[kind])
    document = {kind: tree, "schema": SCHEMA}
    text = json.dumps(
        document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    )
    return text.encode()


def instant(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def payload(value: Any) -> Any:
    """A payload with the one number for all that are equal."""
    if isinstance(value, dict):
        return {key: payload(part) for key, part in value.items()}
    if isinstance(value, list):
        return [payload(part) for part in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if abs(value) < 10**21:
        return int(value) if value == int(value) else value
    try:
        return float(value) if float(value) == value else value
    except OverflowError:
        return value


def tagged(_kind: Any, converter: Converter) -> Callable[[Any], dict[str, Any]]:
    """What writes one of several classes."""

    def write(value: Any) -> dict[str, Any]:
        tree: dict[str, Any] = converter.unstructure(value, unstructure_as=type(value))
        return {"type": TAGS.get(type(value), type(value).__name__), **tree}

    return write


def is_pairs(kind: Any) -> bool:
    """Whether a type is a tuple of pairs."""
    return get_origin(kind) is tuple and get_origin(get_args(kind)[0]) is tuple


def pairs(kind: Any, converter: Converter) -> Callable[[Any], dict[str, Any]]:
    """What writes pairs as an object."""
    part = get_args(get_args(kind)[0])[1]
    return lambda value: {key: converter.unstructure(each, part) for key, each in value}


def configured() -> Converter:
    """What cattrs is told."""
    converter = Converter()
    converter.register_unstructure_hook(datetime, instant)
    converter.register_unstructure_hook(timedelta, lambda limit: limit // timedelta(microseconds=1))
    converter.register_unstructure_hook(frozenset, sorted)
    converter.register_unstructure_hook(FrozenMap, lambda value: payload(thaw(value)))
    converter.register_unstructure_hook_factory(is_pairs, pairs)
    converter.register_unstructure_hook_factory(
        lambda kind: isinstance(kind, UnionType) and all(map(attrs.has, get_args(kind))), tagged
    )
    return converter


CONVERTER: Final = configured()
