"""A store in SQLite: a row per sequence, a header per project, and the events not yet dropped.

Shows: one transaction for state and outbox, compare-and-swap on the serial, rows written only where
something changed, and states caught up by folding the events they lack, so that neither a commit
nor a load depends on how many sequences a project has. Leaves out: deleting projects, several
threads (each opens its own store) and backups (``sqlite3 FILE .backup``, while hosts are stopped).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from sqlite3 import Connection
from typing import Final, final

import attrs

from examples.stores.database import Database, Schema, Synchronous
from sequencectl import evolve
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict, DecodeError
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.serialization import SCHEMA as WIRE
from sequencectl.serialization import (
    Change,
    dump_changes,
    dump_event,
    dump_header,
    load_event,
    load_header,
    load_record,
    restore_project,
)
from sequencectl.state import ProjectState

SCHEMA: Final = Schema(
    application_id=0x73657163,  # "seqc"
    version=1,
    statements=(
        # sent: the events up to this serial are acknowledged; those after it are the outbox
        # rows: how many rows of sequences there are, so that a lost one is noticed
        """CREATE TABLE project (name TEXT PRIMARY KEY, serial INTEGER NOT NULL, sent INTEGER
           NOT NULL, rows INTEGER NOT NULL, next_deadline TEXT, header BLOB NOT NULL)""",
        "CREATE INDEX unsent ON project (name) WHERE sent < serial",
        "CREATE INDEX deadline ON project (next_deadline) WHERE next_deadline IS NOT NULL",
        """CREATE TABLE sequence (project TEXT, sequence_id TEXT, record BLOB NOT NULL,
           PRIMARY KEY (project, sequence_id)) WITHOUT ROWID""",
        """CREATE TABLE event (project TEXT, serial INTEGER, event BLOB NOT NULL,
           PRIMARY KEY (project, serial)) WITHOUT ROWID""",
    ),
)

KEPT: Final = 500
"""So many events of a project stay after they are acknowledged, to catch up what hosts know."""

ALL: Final = 2**63 - 1
"""`kept` for a host that wants to keep every event, as an audit log."""


@final
class SqliteStore:
    """A `BatchStore` in one file, made if there is none; for one thread, any number of processes.

    `synchronous` is FULL (what was committed survives a power cut) or NORMAL (it survives a crash
    of the program); `busy_timeout` is how many seconds to wait for other writers; so many events of
    a project as `kept` says stay after they are acknowledged, at least KEPT. `wire` is the
    serialization schema to write, for a rolling upgrade. Raises `StoreUnusable` whenever the file
    cannot be used.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        synchronous: Synchronous = "FULL",
        busy_timeout: float = 5.0,
        kept: int = KEPT,
        wire: int = WIRE,
    ) -> None:
        self._kept = max(kept, KEPT)
        self._wire = wire
        self._written: dict[bytes, Event] = {}
        """What the last commit wrote as events: the same bytes need not be decoded again."""
        self._database = Database(
            Path(path), SCHEMA, synchronous=synchronous, busy_timeout=busy_timeout
        )

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return `known` if it is the newest, or caught up; else read all rows of the project."""
        if known is not None:
            with self._database.statement() as database:
                if _serial(database, project) == known.serial:
                    return known  # most often: one look is enough
        with self._database.transaction(writes=False) as database:
            return self._newest(database, project, known)

    def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Load each project, all on one view of the file."""
        with self._database.transaction(writes=False) as database:
            found = {each: self._newest(database, each, known.get(each)) for each in projects}
        return {project: state for project, state in found.items() if state is not None}

    def commit(self, decision: Decision) -> bool:
        """Write header, changed rows and events in one transaction, or raise `Conflict`."""
        (answer,) = self.commit_many((decision,)).values()
        if isinstance(answer, Conflict):
            raise answer
        return answer

    def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict]:
        """Write all decisions on the stored serials in one transaction, so with one wait."""
        dumped = {decision.project: _Dumped.of(decision, self._wire) for decision in decisions}
        self._written = {
            data: event for each in dumped.values() for data, event in each.events.items()
        }
        with self._database.transaction(writes=True) as database:
            return {project: each.write(database) for project, each in dumped.items()}

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the events after the last acknowledged one."""
        with self._database.statement() as database:
            return self._outbox(database, project, limit)

    def pending_many(self, projects: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox that is not empty, all on one view of the file."""
        with self._database.transaction(writes=False) as database:
            found = {project: self._outbox(database, project, limit) for project in projects}
        return {project: events for project, events in found.items() if events}

    def acknowledge(self, project: str, *, through: int) -> None:
        """Move the mark, never back; drop what is neither unsent nor needed to catch up.

        If a power cut undoes it, events are published again, which receivers must bear anyway.
        """
        self.acknowledge_many({project: through})

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Move the mark of each project, all in one transaction."""
        with self._database.may_be_lost(), self._database.transaction(writes=True) as database:
            for project, serial in through.items():
                database.execute(
                    """UPDATE project SET sent = min(?, serial)
                       WHERE name = ? AND sent < min(?, serial)""",
                    (serial, project, serial),
                )
                database.execute(
                    """DELETE FROM event WHERE project = ? AND serial <=
                       (SELECT min(sent, serial - ?) FROM project WHERE name = ?)""",
                    (project, self._kept, project),
                )

    def events(self, project: str, *, after: int = 0, limit: int = ALL) -> Sequence[Event]:
        """Return the events of a project that are kept, by serial, those after one alone."""
        with self._database.statement() as database:
            return self._events(database, project, after, limit)

    def serials(self) -> dict[str, int]:
        """Return every project with its serial."""
        with self._database.statement() as database:
            return dict(database.execute("SELECT name, serial FROM project").fetchall())

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return projects with unsent events, then deadlines by instant."""
        with self._database.transaction(writes=False) as database:
            unsent = database.execute(
                "SELECT name FROM project WHERE sent < serial ORDER BY name LIMIT ?", (limit,)
            ).fetchall()
            deadlines = database.execute(
                """SELECT name, next_deadline FROM project WHERE next_deadline IS NOT NULL
                   ORDER BY next_deadline, name LIMIT ?""",
                (limit - len(unsent),),
            )
            coming = [Appointment(name, datetime.fromisoformat(at)) for name, at in deadlines]
        return (*(Appointment(name, None) for (name,) in unsent), *coming)

    @contextmanager
    def holding(self, project: str) -> Iterator[None]:  # noqa: ARG002 - nobody is kept out
        """Do what is inside: the file has one writer at a time, and the serial does the rest."""
        yield

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        self._database.close()

    def _newest(
        self, database: Connection, project: str, known: ProjectState | None
    ) -> ProjectState | None:
        serial = _serial(database, project)
        if serial is None:
            return None
        if known is not None and 0 <= (behind := serial - known.serial) <= KEPT:
            missed = self._events(database, project, known.serial, behind)
            if len(missed) == behind:
                return reduce(evolve, missed, known)
        return _whole(database, project, serial)

    def _outbox(self, database: Connection, project: str, limit: int) -> tuple[Event, ...]:
        rows = database.execute(
            """SELECT event FROM event WHERE project = ? AND serial >
               (SELECT sent FROM project WHERE name = ?) ORDER BY serial LIMIT ?""",
            (project, project, limit),
        )
        return self._decoded(rows.fetchall())

    def _events(
        self, database: Connection, project: str, after: int, limit: int
    ) -> tuple[Event, ...]:
        rows = database.execute(
            "SELECT event FROM event WHERE project = ? AND serial > ? ORDER BY serial LIMIT ?",
            (project, after, limit),
        )
        return self._decoded(rows.fetchall())

    def _decoded(self, rows: Iterable[tuple[bytes]]) -> tuple[Event, ...]:
        return tuple([self._written.get(data) or load_event(data) for (data,) in rows])

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@final
@attrs.frozen
class _Dumped:
    """A decision as rows, and the events by their encoded form.

    All decisions are encoded before the write lock is taken: so it is held for a short time only.
    """

    project: str
    base: int
    head: tuple[int, int, str | None, bytes]
    records: Sequence[Change]
    events: Mapping[bytes, Event]

    @classmethod
    def of(cls, decision: Decision, wire: int) -> _Dumped:
        state, changes = decision.state, dump_changes(decision, schema=wire)
        added = sum(change.added for change in changes)
        head = (state.serial, added, _text(state.next_deadline), dump_header(state, schema=wire))
        events = {dump_event(event, schema=wire): event for event in decision.events}
        return cls(decision.project, decision.base, head, changes, events)

    def write(self, database: Connection) -> bool | Conflict:
        """Write it if the base is the stored serial; return whether the outbox was empty."""
        project = self.project
        row = database.execute("SELECT serial, sent FROM project WHERE name = ?", (project,))
        serial, sent = row.fetchone() or (0, 0)
        if serial != self.base:
            return Conflict(project, base=self.base, found=serial)
        database.execute(
            """INSERT INTO project (name, sent, serial, rows, next_deadline, header)
               VALUES (?, 0, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET
               serial = excluded.serial, rows = rows + excluded.rows,
               next_deadline = excluded.next_deadline, header = excluded.header""",
            (project, *self.head),
        )
        for sequence_id, data, _ in self.records:
            key = (project, sequence_id)
            if data is None:
                database.execute("DELETE FROM sequence WHERE project = ? AND sequence_id = ?", key)
            else:
                database.execute("REPLACE INTO sequence VALUES (?, ?, ?)", (*key, data))
        events = [(project, event.serial, data) for data, event in self.events.items()]
        database.executemany("INSERT INTO event VALUES (?, ?, ?)", events)
        return bool(sent == serial)


def _serial(database: Connection, project: str) -> int | None:
    row = database.execute("SELECT serial FROM project WHERE name = ?", (project,)).fetchone()
    return None if row is None else int(row[0])


def _whole(database: Connection, project: str, serial: int) -> ProjectState:
    found = database.execute("SELECT rows, header FROM project WHERE name = ?", (project,))
    (count, header), where = found.fetchone(), "SELECT record FROM sequence WHERE project = ?"
    records = [load_record(data) for (data,) in database.execute(where, (project,))]
    state = restore_project(load_header(header), records)
    if (state.project, state.serial, len(records)) != (project, serial, count):
        problem = f"must be of {project!r}, at serial {serial}, with {count} rows"
        raise DecodeError("project", (state.project, state.serial, len(records)), problem)
    return state


def _text(instant: datetime | None) -> str | None:
    """Return an instant as a text that sorts as instants do."""
    return None if instant is None else instant.astimezone(UTC).isoformat(timespec="microseconds")
