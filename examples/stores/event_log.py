"""A store that keeps nothing but what happened: an append-only log of events for each project.

Shows: appending at an expected version, as event stores do; a state as the fold of its events, from
the last snapshot or from what the caller knows; the outbox as a position in the log. The log is a
table in SQLite, whose primary key is the expected version: of two that append at once, one fails.
Leaves out: an event store whose log and positions are not written in one transaction; there, write
the log first and make the agenda, which is derived from it, catch up before it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from sqlite3 import Connection
from typing import Final, final

from examples.stores.database import Database, Schema, Synchronous
from sequencectl import evolve
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.serialization import dump_event, dump_project, load_event, load_project
from sequencectl.state import ProjectState, initial

SCHEMA: Final = Schema(
    application_id=0x7365716C,  # "seql"
    version=1,
    statements=(
        """CREATE TABLE event (project TEXT, serial INTEGER, event BLOB NOT NULL,
           PRIMARY KEY (project, serial)) WITHOUT ROWID""",
        "CREATE TABLE snapshot (project TEXT PRIMARY KEY, state BLOB NOT NULL)",
        # positions in the log, and what the agenda needs of its end
        """CREATE TABLE project (name TEXT PRIMARY KEY, sent INTEGER NOT NULL,
           serial INTEGER NOT NULL, next_deadline TEXT)""",
    ),
)


@final
class EventLogStore:
    """A `Store` that appends events and folds them; for one thread, and any number of processes.

    `every` is how many events may pass between two snapshots: so many are folded at most. Raises
    `StoreUnusable` whenever the file cannot be used.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        every: int = 500,
        synchronous: Synchronous = "FULL",
        busy_timeout: float = 5.0,
    ) -> None:
        self._every = every
        self._database = Database(
            Path(path), SCHEMA, synchronous=synchronous, busy_timeout=busy_timeout
        )

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Fold the tail of the log onto what is known, or onto the last snapshot."""
        with self._database.transaction(writes=False) as database:
            serial = _serial(database, project)
            if not serial:
                return None
            if known is None or not 0 <= serial - known.serial <= self._every:
                known = _snapshot(database, project)
            return reduce(evolve, _events(database, project, known.serial, serial), known)

    def commit(self, decision: Decision) -> bool:
        """Append the events at the expected version, or raise `Conflict`.

        The statement that moves the end of the log tells whether all before it was sent.
        """
        project, state, at = decision.project, decision.state, decision.next_deadline
        rows = [(project, event.serial, dump_event(event)) for event in decision.events]
        next_deadline = (
            None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")
        )
        with self._database.transaction(writes=True) as database:
            found = _serial(database, project)
            if found != decision.base:
                raise Conflict(project, base=decision.base, found=found)
            database.executemany("INSERT INTO event VALUES (?, ?, ?)", rows)
            (sent,) = database.execute(
                """INSERT INTO project VALUES (?, 0, ?, ?) ON CONFLICT (name) DO UPDATE
                   SET serial = excluded.serial, next_deadline = excluded.next_deadline
                   RETURNING sent""",
                (project, state.serial, next_deadline),
            ).fetchone()
            if state.serial // self._every > decision.base // self._every:
                row = (project, dump_project(state))
                database.execute("REPLACE INTO snapshot VALUES (?, ?)", row)
        return bool(sent == decision.base)

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the log from the last acknowledged position on."""
        with self._database.transaction(writes=False) as database:
            found = database.execute("SELECT sent FROM project WHERE name = ?", (project,))
            (sent,) = found.fetchone() or (0,)
            return _events(database, project, sent, sent + limit)

    def acknowledge(self, project: str, *, through: int) -> None:
        """Move the position, never back; the log itself keeps everything."""
        with self._database.may_be_lost(), self._database.transaction(writes=True) as database:
            database.execute(
                "UPDATE project SET sent = max(sent, min(?, serial)) WHERE name = ?",
                (through, project),
            )

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return projects with a log longer than what was sent, then deadlines by instant."""
        with self._database.transaction(writes=False) as database:
            rows = database.execute(
                """SELECT name, NULL AS at FROM project WHERE sent < serial UNION ALL
                   SELECT name, next_deadline FROM project WHERE next_deadline IS NOT NULL
                   ORDER BY at LIMIT ?""",  # NULL comes first
                (limit,),
            )
            return [
                Appointment(name, None if at is None else datetime.fromisoformat(at))
                for name, at in rows
            ]

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        self._database.close()

    def __enter__(self) -> EventLogStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serial(database: Connection, project: str) -> int:
    (serial,) = database.execute(
        "SELECT max(serial) FROM event WHERE project = ?", (project,)
    ).fetchone()
    return int(serial or 0)


def _events(database: Connection, project: str, after: int, through: int) -> tuple[Event, ...]:
    rows = database.execute(
        "SELECT event FROM event WHERE project = ? AND serial > ? AND serial <= ? ORDER BY serial",
        (project, after, through),
    )
    return tuple(load_event(data) for (data,) in rows)


def _snapshot(database: Connection, project: str) -> ProjectState:
    found = database.execute("SELECT state FROM snapshot WHERE project = ?", (project,)).fetchone()
    return initial(project) if found is None else load_project(found[0])
