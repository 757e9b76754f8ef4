"""The golden documents by name: what each holds, and how it is written and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from sequencectl import ControlPlane, ProjectState
from sequencectl import serialization as z
from sequencectl._wire.grammar import Plane
from tests.wire import story_2
from tests.wire.story import COMMANDS, EVENTS, STATE
from tests.wire.story_planes import CALENDARS, OFFICE, OUTCOMES, PLANES

GOLDEN: Final = Path(__file__).with_name("golden")


class Document(NamedTuple):
    """A value with its way to bytes and back, and the first schema that has golden files of it."""

    value: Any
    dump: Callable[..., bytes]
    load: Callable[..., Any]
    since: int = 1


def rows(state: ProjectState = STATE) -> dict[str, z.StoredRecord]:
    """Every row of a project, by id."""
    remembered = {
        known: z.ForgottenSequence(known, kept)
        for known in state.oldest_remembered(state.remembered_count)
        if (kept := state.remembered(known)) is not None
    }
    return {**state.sequences, **remembered}


def _named(
    kind: str, values: Any, dump: Callable[..., bytes], load: Any, since: int = 1
) -> dict[str, Document]:
    """The documents of one kind, numbered within the name of each type."""
    found: dict[str, Document] = {}
    for value in values:
        number = sum(type(value) is type(other.value) for other in found.values()) + 1
        found[f"{kind}-{type(value).__name__}-{number}"] = Document(value, dump, load, since)
    return found


def _rows(state: ProjectState, since: int = 1) -> dict[str, Document]:
    return {
        f"record-{name.replace(' ', '-')}": Document(row, z.dump_record, z.load_record, since)
        for name, row in rows(state).items()
    }


def dump_header(header: z.Header, **more: Any) -> bytes:
    """The bytes of a header by itself."""
    return z.dump_header(z.restore_project(header, ()), **more)


def dump_plane(plane: ControlPlane, **more: Any) -> bytes:
    """The bytes of a plane that has the calendar of the story, or none."""
    return z.dump_plane(plane, calendar="" if plane.calendar is None else OFFICE, **more)


def stored_plane(plane: ControlPlane) -> Plane:
    """What is stored of a plane of the story."""
    name = "" if plane.calendar is None else OFFICE
    return Plane(plane.shipyard, plane.timeouts, plane.queueing, plane.bounds, name)


def load_plane(data: Any, **more: Any) -> ControlPlane:
    """The plane of the story again."""
    return z.load_plane(data, calendars=CALENDARS, **more)


DUMPS: Final[dict[str, tuple[Callable[..., bytes], Callable[..., Any]]]] = {
    "record": (z.dump_record, z.load_record),
    "header": (dump_header, z.load_header),
    "project": (z.dump_project, z.load_project),
    "event": (z.dump_event, z.load_event),
    "events": (z.dump_events, z.load_events),
    "command": (z.dump_command, z.load_command),
    "outcome": (z.dump_outcome, z.load_outcome),
    "plane": (dump_plane, load_plane),
}
"""How a document of each kind is written and read."""


def header_of(state: ProjectState) -> z.Header:
    """What is in no row of a project."""
    return z.Header(state.project, state.ledger, state.contexts, state.freezes)


HEADER: Final = header_of(STATE)
PARTS: Final = {
    **_rows(STATE),
    **_named("event", EVENTS, z.dump_event, z.load_event),
    **_named("command", COMMANDS, z.dump_command, z.load_command),
    **_rows(story_2.STATE, since=2),
    **_named("event-2", story_2.EVENTS, z.dump_event, z.load_event, since=2),
    **_named("command-2", story_2.COMMANDS, z.dump_command, z.load_command, since=2),
    **_named("outcome", OUTCOMES, z.dump_outcome, z.load_outcome, since=2),
    **_named("plane", PLANES, dump_plane, load_plane, since=2),
}
"""A document for each row, event, command, outcome and plane.

The kind is what stands before the first hyphen.
"""

WHOLES: Final = {
    "project": Document(STATE, z.dump_project, z.load_project),
    "events": Document(EVENTS, z.dump_events, z.load_events),
    "header": Document(HEADER, dump_header, z.load_header),
    "project-2": Document(story_2.STATE, z.dump_project, z.load_project, since=2),
    "events-2": Document(story_2.EVENTS, z.dump_events, z.load_events, since=2),
    "header-2": Document(header_of(story_2.STATE), dump_header, z.load_header, since=2),
}
"""The documents that hold many things."""


def compact_documents() -> dict[str, ProjectState]:
    """The projects that have golden files of their compact form, which schema 1 does not have."""
    return {"project": STATE, "project-2": story_2.STATE}


def chosen(schema: int = z.SCHEMA) -> dict[str, Document]:
    """The golden documents of a schema: the wholes, all rows, commands, outcomes and planes, one
    event of each type of each story.
    """
    few = {name: one for name, one in PARTS.items() if "event-" not in name or name[-2:] == "-1"}
    return {name: one for name, one in {**WHOLES, **few}.items() if one.since <= schema}
