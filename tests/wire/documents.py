"""The golden documents by name: what each holds, and how it is written and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from sequencectl import serialization as z
from tests.wire.story import COMMANDS, EVENTS, STATE

GOLDEN: Final = Path(__file__).with_name("golden")


class Document(NamedTuple):
    """A value with its way to bytes and back."""

    value: Any
    dump: Callable[..., bytes]
    load: Callable[..., Any]


def rows() -> dict[str, z.StoredRecord]:
    """Every row of the story's project, by id."""
    remembered = {
        known: z.ForgottenSequence(known, kept)
        for known in STATE.oldest_remembered(10)
        if (kept := STATE.remembered(known)) is not None
    }
    return {**STATE.sequences, **remembered}


def _named(kind: str, values: Any, dump: Callable[..., bytes], load: Any) -> dict[str, Document]:
    """The documents of one kind, numbered within the name of each type."""
    found: dict[str, Document] = {}
    for value in values:
        number = sum(type(value) is type(other.value) for other in found.values()) + 1
        found[f"{kind}-{type(value).__name__}-{number}"] = Document(value, dump, load)
    return found


def dump_header(header: z.Header, **more: Any) -> bytes:
    """The bytes of a header by itself."""
    return z.dump_header(z.restore_project(header, ()), **more)


HEADER: Final = z.Header(STATE.project, STATE.ledger, STATE.contexts, STATE.freezes)
PARTS: Final = {
    **{
        f"record-{name.replace(' ', '-')}": Document(row, z.dump_record, z.load_record)
        for name, row in rows().items()
    },
    **_named("event", EVENTS, z.dump_event, z.load_event),
    **_named("command", COMMANDS, z.dump_command, z.load_command),
}
"""A document for each row, event and command."""

WHOLES: Final = {
    "project": Document(STATE, z.dump_project, z.load_project),
    "events": Document(EVENTS, z.dump_events, z.load_events),
    "header": Document(HEADER, dump_header, z.load_header),
}
"""The documents that hold many things."""


def chosen() -> dict[str, Document]:
    """The golden documents: the wholes, all rows and commands, one event of each type."""
    few = {name: one for name, one in PARTS.items() if "event-" not in name or name[-2:] == "-1"}
    return {**WHOLES, **few}
