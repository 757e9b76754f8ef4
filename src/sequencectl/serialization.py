"""Encode and decode what is kept and sent: states, records, events, commands, outcomes, planes.

Import it explicitly: ``from sequencectl import serialization``. The core does not need it.

A store with a row for each sequence writes `dump_header` and the rows of `dump_changes`; it reads
them with `load_header`, `load_record` and `restore_project`. A store that keeps a project as one
value uses `dump_project` and `load_project`. Outboxes and event stores use `dump_event`, hosts that
queue commands `dump_command`. A host that decides elsewhere than it keeps, such as a workflow,
sends the plane by `dump_plane` and the answer by `dump_outcome`.

* ``load_x(dump_x(value)) == value``, and equal values give equal bytes, in every process.
* No bytes make a ``load_`` raise anything but `DecodeError`. Its kind `SchemaTooNew` means that a
  newer version wrote them: leave them untouched.
* Every ``dump_`` takes `schema`. During a rolling upgrade, pass the newest schema that the oldest
  running reader understands. What that has no form for is an `InvalidValue`, and is not written.
* Every ``load_`` takes `limit`; it refuses more bytes than that unread.
* All code is made at import, which takes some 30 ms: later calls import and compile nothing, so
  that they run in a sandbox too.

``docs/wire.md`` has the grammar of what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

import attrs

from sequencectl._scalars import TEXT
from sequencectl._wire.decoding import structured
from sequencectl._wire.documents import SCHEMA, Bytes, read, write
from sequencectl._wire.encoding import writer_of
from sequencectl._wire.faults import faults_between
from sequencectl._wire.grammar import (
    DOCUMENTS,
    ForgottenSequence,
    Header,
    Plane,
    Snapshot,
    StoredRecord,
)
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import (
    DecodeError,
    InvalidValue,
    PolicyError,
    UnknownCalendar,
    check_type,
)
from sequencectl.events import Event, SequencesForgotten
from sequencectl.outcomes import Outcome
from sequencectl.policies import Calendar
from sequencectl.shipyard.definitions import Approval, SequenceDefinition
from sequencectl.state import ProjectState, restore

__all__ = [
    "LIMIT",
    "LIMIT_OF_MANY",
    "SCHEMA",
    "Change",
    "ForgottenSequence",
    "Header",
    "StoredRecord",
    "dump_changes",
    "dump_command",
    "dump_event",
    "dump_events",
    "dump_header",
    "dump_outcome",
    "dump_plane",
    "dump_project",
    "dump_record",
    "load_command",
    "load_event",
    "load_events",
    "load_header",
    "load_outcome",
    "load_plane",
    "load_project",
    "load_record",
    "restore_project",
]

LIMIT: Final = 16 * 2**20
"""How many bytes one record, event, command, outcome or plane may have by default: 16 MiB."""

LIMIT_OF_MANY: Final = 2**30
"""How many bytes a header, a project or a list of events may have by default: 1 GiB."""


class Change(NamedTuple):
    """A write to the row of a sequence: replace it by `data`, or delete it if `data` is None.

    `added` is by how much the number of rows changes: 1 for a new row, 0, or -1.
    """

    sequence_id: str
    data: bytes | None
    added: int


# ---------------------------------------------------------------- rows and headers


def dump_record(record: StoredRecord, *, schema: int = SCHEMA) -> bytes:
    """Return the bytes of one row: a sequence, or the memory of a forgotten one."""
    _check_type("record", record, StoredRecord)
    return _dump("record", record, schema)


def load_record(data: Bytes, *, limit: int = LIMIT) -> StoredRecord:
    """Return the record that `dump_record` wrote."""
    return cast("StoredRecord", _load("record", data, limit))


def dump_changes(decision: Decision, *, schema: int = SCHEMA) -> tuple[Change, ...]:
    """Return the writes of a decision to the rows of a project, one for each row it touches.

    The row of a forgotten sequence is not deleted. It becomes a `ForgottenSequence` until the id is
    released.
    """
    touched: dict[str, None] = {}
    for event in decision.events:
        touched[event.subject.sequence_id] = None
        if isinstance(event, SequencesForgotten):
            touched.update(dict.fromkeys((*event.sequence_ids, *event.released)))
    touched.pop("", None)
    changes = []
    for sequence_id in touched:
        record = _row(decision.state, sequence_id)
        data = None if record is None else dump_record(record, schema=schema)
        was_there = _row(decision.before, sequence_id) is not None
        changes.append(Change(sequence_id, data, (data is not None) - was_there))
    return tuple(changes)


def dump_header(state: ProjectState, *, schema: int = SCHEMA) -> bytes:
    """Return the bytes of what is in no row of a project; write them at each commit."""
    return _dump("header", _header(state), schema)


def load_header(data: Bytes, *, limit: int = LIMIT_OF_MANY) -> Header:
    """Return the header that `dump_header` wrote."""
    return cast("Header", _load("header", data, limit))


def restore_project(header: Header, records: Iterable[StoredRecord]) -> ProjectState:
    """Return the project that consists of a header and all its rows, in any order.

    Rows share equal definitions, texts and instants, so that a loaded project takes about as little
    memory as one that was decided.

    Raises `DecodeError` if the parts do not belong together: rows of another project or of a later
    commit, one sequence, place or task run in two rows, or a live sequence that was redriven.
    """
    seen: dict[object, object] = {}
    rows: tuple[StoredRecord, ...] = tuple([_shared(record, seen) for record in records])
    for fault in faults_between(header, rows):
        raise DecodeError(fault.where, fault.value, fault.problem)
    return restore(
        header.project,
        header.ledger,
        (row for row in rows if not isinstance(row, ForgottenSequence)),
        contexts=header.contexts,
        freezes=header.freezes,
        remembered={
            row.sequence_id: row.remembered for row in rows if isinstance(row, ForgottenSequence)
        },
    )


_ALIKE: Final = frozenset({str, int, datetime, timedelta, Approval, SequenceDefinition})
"""Types whose equal values are shared; not bool, since True equals 1."""


@cache
def _parts_of(cls: type) -> Callable[[object], tuple[object, ...]] | None:
    return attrgetter(*(field.name for field in attrs.fields(cls))) if attrs.has(cls) else None


def _shared(part: Any, seen: dict[object, object]) -> Any:
    """Return an equal value that reuses the parts already in `seen`."""
    cls: Any = type(part)
    if cls in _ALIKE:
        return seen.setdefault(part, part)
    if cls is tuple:
        return tuple([_shared(inner, seen) for inner in part])
    parts_of = _parts_of(cls)
    return part if parts_of is None else cls(*[_shared(inner, seen) for inner in parts_of(part)])


# ---------------------------------------------------------------- whole projects


def dump_project(state: ProjectState, *, schema: int = SCHEMA, compact: bool = False) -> bytes:
    """Return the bytes of a whole project.

    If `compact`, they are compressed, for brokers and workflows that limit the size of a message:
    2 MB of remembered ids become some 75 kB, or 250 kB if the ids are random.
    """
    check_type("compact", compact, bool)
    header = _header(state)
    forgotten = state.oldest_remembered(state.remembered_count)
    ids = (*forgotten, *state.sequences)
    rows = tuple(row for row in (_row(state, known) for known in ids) if row is not None)
    return _dump("project", Snapshot(header, rows), schema, compact=compact)


def load_project(data: Bytes, *, limit: int = LIMIT_OF_MANY) -> ProjectState:
    """Return the project that `dump_project` wrote, compact or not.

    `limit` holds for what compact bytes inflate to as well; give a smaller one for bytes that
    others may have made.
    """
    snapshot: Snapshot = _load("project", data, limit)
    return restore_project(snapshot.header, snapshot.records)


# ---------------------------------------------------------------- events and commands


def dump_event(event: Event, *, schema: int = SCHEMA) -> bytes:
    """Return the bytes of one event."""
    _check_type("event", event, Event)
    return _dump("event", event, schema)


def load_event(data: Bytes, *, limit: int = LIMIT) -> Event:
    """Return the event that `dump_event` wrote."""
    return cast("Event", _load("event", data, limit))


def dump_events(events: Sequence[Event], *, schema: int = SCHEMA) -> bytes:
    """Return the bytes of events in their order."""
    _check_type("events", events, Sequence)
    for event in events:
        _check_type("events", event, Event)
    return _dump("events", tuple(events), schema)


def load_events(data: Bytes, *, limit: int = LIMIT_OF_MANY) -> tuple[Event, ...]:
    """Return the events that `dump_events` wrote."""
    return cast("tuple[Event, ...]", _load("events", data, limit))


def dump_command(command: Command, *, schema: int = SCHEMA) -> bytes:
    """Return the bytes of one command."""
    _check_type("command", command, Command)
    return _dump("command", command, schema)


def load_command(data: Bytes, *, limit: int = LIMIT) -> Command:
    """Return the command that `dump_command` wrote."""
    return cast("Command", _load("command", data, limit))


# ---------------------------------------------------------------- planes and outcomes


def dump_plane(plane: ControlPlane, *, calendar: str = "", schema: int = SCHEMA) -> bytes:
    """Return the bytes of a plane: its shipyard, policies and bounds.

    A calendar is code, so it is not stored. `calendar` is a name for that of the plane, in up to
    200 printable characters; `load_plane` looks it up. Raises `InvalidValue` for a plane with a
    calendar and no name for it, and the other way round.
    """
    _check_type("plane", plane, ControlPlane)
    if not TEXT.permits(calendar):
        raise InvalidValue("calendar", calendar, TEXT.problem)
    if plane.calendar is not None and not calendar:
        problem = "must be a name: the calendar of this plane is code, and found again by its name"
        raise InvalidValue("calendar", calendar, problem)
    if plane.calendar is None and calendar:
        raise InvalidValue("calendar", calendar, "must be left out: this plane has no calendar")
    stored = Plane(plane.shipyard, plane.timeouts, plane.queueing, plane.bounds, calendar)
    return _dump("plane", stored, schema)


def load_plane(
    data: Bytes, *, calendars: Mapping[str, Calendar] | None = None, limit: int = LIMIT
) -> ControlPlane:
    """Return the plane that `dump_plane` wrote, with the one of `calendars` that it names.

    Raises `UnknownCalendar`, which is a `DecodeError`, for a name that is not among them, and
    `DecodeError` for what no plane can be made of, too.
    """
    known = {} if calendars is None else calendars
    _check_calendars(known)
    stored: Plane = _load("plane", data, limit)
    if stored.calendar and stored.calendar not in known:
        raise UnknownCalendar(stored.calendar, known)
    try:
        return ControlPlane(
            stored.shipyard,
            timeouts=stored.timeouts,
            queueing=stored.queueing,
            bounds=stored.bounds,
            calendar=known[stored.calendar] if stored.calendar else None,
        )
    except InvalidValue as error:
        part = "timeouts" if isinstance(error, PolicyError) else "shipyard"
        raise DecodeError(f"plane.{part}.{error.where}", error.value, error.problem) from error


def _check_calendars(calendars: Mapping[str, object]) -> None:
    check_type("calendars", calendars, Mapping)
    for name, calendar in calendars.items():
        if not callable(calendar):
            problem = "must be a function of stage and instant that returns an Opening"
            raise InvalidValue(f"calendars[{name!r}]", calendar, problem)


def dump_outcome(outcome: Outcome, *, schema: int = SCHEMA) -> bytes:
    """Return the bytes of the answer to a command."""
    _check_type("outcome", outcome, Outcome)
    return _dump("outcome", outcome, schema)


def load_outcome(data: Bytes, *, limit: int = LIMIT) -> Outcome:
    """Return the outcome that `dump_outcome` wrote."""
    return cast("Outcome", _load("outcome", data, limit))


# ---------------------------------------------------------------- documents


def _dump(kind: str, value: object, schema: int, *, compact: bool = False) -> bytes:
    try:
        return write(kind, writer_of(DOCUMENTS[kind])(value), schema=schema, compact=compact)
    except InvalidValue:
        raise
    except ValueError as error:  # a policy may name a task by anything
        problem = "must hold texts that UTF-8 can carry, and integers of at most 4300 digits"
        raise InvalidValue(kind, value, problem) from error


def _load(kind: str, data: Bytes, limit: int) -> Any:
    return structured(read(kind, data, limit=limit), DOCUMENTS[kind], kind)


def _check_type(where: str, value: object, of: Any) -> None:
    if not isinstance(value, of):
        raise InvalidValue(where, value, "must be a value of sequencectl, of the type written here")


def _header(state: ProjectState) -> Header:
    _check_type("state", state, ProjectState)
    return Header(state.project, state.ledger, state.contexts, state.freezes)


def _row(state: ProjectState, sequence_id: str) -> StoredRecord | None:
    record, remembered = state.sequence(sequence_id), state.remembered(sequence_id)
    if record is None and remembered is not None:
        return ForgottenSequence(sequence_id, remembered)
    return record
