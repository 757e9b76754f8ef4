"""The journal: every delivery as a document and every event as a CloudEvent, in tables.

Shows: a read model written by the `EventSink`. It is told each event at least once, perhaps by
several replicas at the same moment, and takes it in once, by serial; it is derived, so that one
that is lost, or behind after a power cut, is made up from the events that the store keeps. It grows
with what happens, and not with how often executors say that they are at work: of that the newest is
kept. Leaves out: forgetting the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, final

import attrs

from examples.controller.storage.cloudevents import CloudEvent, history_of
from examples.controller.storage.deliveries import Document, begin, instant, mention, tell
from examples.controller.storage.states import keptn_state
from examples.stores.database import Schema
from examples.stores.portable import PortableDatabase, Statements
from sequencectl import Event
from sequencectl.events import SequenceTriggered, TaskProgressReported

SCHEMA: Final = Schema(
    application_id=0x7365716A,  # "seqj"
    version=5,
    is_derived=True,
    statements=(
        "CREATE TABLE told (project TEXT PRIMARY KEY, serial INTEGER NOT NULL) WITHOUT ROWID",
        # first: the serial of its first event, its place in lists; last: of its newest one;
        # stages: their names, as texts of JSON
        """CREATE TABLE delivery (project TEXT, context TEXT, first INTEGER NOT NULL,
           last INTEGER NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL, time TEXT NOT NULL,
           state TEXT NOT NULL, stages TEXT NOT NULL, document TEXT NOT NULL,
           PRIMARY KEY (project, context))""",
        "CREATE INDEX listed ON delivery (project, first)",
        "CREATE INDEX changed ON delivery (project, last)",
        # is_root: 1 for the first event of its context; answers: the id of the one it answers
        """CREATE TABLE history (project TEXT, serial INTEGER, context TEXT NOT NULL,
           id TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, stage TEXT NOT NULL,
           service TEXT NOT NULL, time TEXT NOT NULL, is_root INTEGER NOT NULL,
           answers TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (project, serial))
           WITHOUT ROWID""",
        "CREATE INDEX of_context ON history (context, time)",
        "CREATE INDEX of_type ON history (project, type, time)",
        "CREATE INDEX of_project ON history (project, time)",
        "CREATE INDEX roots ON history (project, time) WHERE is_root = 1",
        """CREATE TABLE service (project TEXT, name TEXT, time TEXT NOT NULL,
           first INTEGER NOT NULL, PRIMARY KEY (project, name)) WITHOUT ROWID""",
    ),
)

MOST_PROGRESS: Final = 20
"""So many of the newest reports of progress are kept of an executor on a task."""

_TOLD: Final = """INSERT INTO told VALUES (?, ?) ON CONFLICT (project)
    DO UPDATE SET serial = excluded.serial WHERE told.serial < excluded.serial"""
_DELIVERY: Final = """INSERT INTO delivery VALUES
    (:project, :context, :first, :serial, :name, :service, :time, :state, :stages, :document)
    ON CONFLICT (project, context) DO UPDATE SET last = excluded.last, state = excluded.state,
    stages = excluded.stages, document = excluded.document"""
_HISTORY: Final = """INSERT INTO history VALUES (:project, :serial, :context, :id, :type, :source,
    :stage, :service, :time, :root, :answers, :event)"""
_SERVICE: Final = "INSERT INTO service VALUES (?, ?, ?, ?) ON CONFLICT (project, name) DO NOTHING"
_FORGET_PROGRESS: Final = """DELETE FROM history WHERE project = :project AND serial IN (
    SELECT serial FROM history INDEXED BY of_context WHERE context = :context
    AND project = :project AND type = :type AND source = :source AND answers = :answers
    ORDER BY serial DESC LIMIT :all OFFSET :most)"""
_ALL: Final = 2**63 - 1


class Behind(Exception):
    """The journal lacks events before those that it was told; the message says which."""


@final
class Journal:
    """Writes the journal; for one thread. Raises `StoreUnusable` if it cannot be used.

    `make_up`, called with the journal and a project, tells it what it lacks.
    """

    def __init__(
        self,
        database: PortableDatabase,
        *,
        make_up: Callable[[Journal, str], None] | None = None,
    ) -> None:
        self._database = database
        self._make_up = make_up

    def told(self, project: str) -> int:
        """Return the serial of the last event of a project that was told."""
        with self._database.statement() as database:
            return told_of(database, project)

    def serials(self) -> dict[str, int]:
        """Return every project that was ever told, with the serial of its last event."""
        with self._database.statement() as database:
            return dict(database.execute("SELECT project, serial FROM told").fetchall())

    def tell(self, project: str, events: Sequence[Event]) -> None:
        """Take in events, those that are known already left out.

        If it lacks some before them, these are made up first; it raises `Behind` where nobody does
        that. Whoever listens hears the serial of the last one, unless it was known.
        """
        try:
            self._tell(project, events)
        except Behind:
            if self._make_up is None:
                raise
            self._make_up(self, project)
            self._tell(project, events)

    def forget(self, project: str, *, serial: int) -> None:
        """Drop all of a project up to a serial, which counts as told.

        What is newer stays, and what is older stays forgotten: whoever tells it late, as another
        replica may, tells nothing new.
        """
        with self._database.transaction(writes=True, about=project) as database:
            gone = (project, serial)
            database.execute("DELETE FROM delivery WHERE project = ? AND first <= ?", gone)
            database.execute("DELETE FROM history WHERE project = ? AND serial <= ?", gone)
            database.execute("DELETE FROM service WHERE project = ? AND first <= ?", gone)
            database.execute(_TOLD, gone)

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def _tell(self, project: str, events: Sequence[Event]) -> None:
        with self._database.transaction(writes=True, about=project) as database:
            told = told_of(database, project)
            new = [event for event in events if event.serial > told]
            if not new:
                return
            if new[0].serial != told + 1:
                raise Behind(f"project {project} is told up to {told}, not to {new[0].serial - 1}")
            taken = _Taken(_documents(database, project, new))
            for event in new:
                taken.take_in(event)
            database.executemany(_HISTORY, taken.history)
            database.executemany(_FORGET_PROGRESS, taken.progress.values())
            database.executemany(_SERVICE, taken.services)
            database.executemany(_DELIVERY, map(_row, taken.documents.values()))
            database.execute(_TOLD, (project, new[-1].serial))
            self._database.notify(project, new[-1].serial)


def told_of(database: Statements, project: str) -> int:
    """Return the serial of the last event of a project that was told, read from a journal."""
    row = database.execute("SELECT serial FROM told WHERE project = ?", (project,)).fetchone()
    return 0 if row is None else int(row[0])


@final
@attrs.define
class _Taken:
    """What events change: the documents of their contexts, and rows to be written."""

    documents: dict[str, Document]
    history: list[dict[str, Any]] = attrs.field(factory=list)
    progress: dict[tuple[str, ...], dict[str, Any]] = attrs.field(factory=dict)
    services: list[tuple[Any, ...]] = attrs.field(factory=list)

    def take_in(self, event: Event) -> None:
        """Tell one event to the document of its context, and add it to the history."""
        subject, written = event.subject, history_of(event)
        document = self.documents.get(subject.context)
        if document is None and isinstance(event, SequenceTriggered):
            document = self.documents[subject.context] = begin(event)
        if document is not None:
            tell(document, event)
            if written is not None:
                mention(document, written)
        if written is not None:
            is_root = document is not None and document["first"] == event.serial
            self._add(event, written, is_root=is_root)
        if isinstance(event, SequenceTriggered) and subject.service:
            service = (subject.project, subject.service, instant(event.at), event.serial)
            self.services.append(service)

    def _add(self, event: Event, written: CloudEvent, *, is_root: bool) -> None:
        subject = event.subject
        row = {key: written[key] for key in ("id", "type", "source", "time")}
        row |= {key: getattr(subject, key) for key in ("project", "context", "stage", "service")}
        row |= {"serial": event.serial, "root": int(is_root), "event": json.dumps(written)}
        row["answers"] = written.get("triggeredid", "")
        self.history.append(row)
        if isinstance(event, TaskProgressReported):
            keys = ("project", "context", "type", "source", "answers")
            known = {key: row[key] for key in keys}
            bounds = {"most": MOST_PROGRESS, "all": _ALL}
            self.progress[(*known.values(),)] = {**known, **bounds}


def _documents(database: Statements, project: str, events: Sequence[Event]) -> dict[str, Document]:
    """Return the documents of the contexts that events are about, as far as there are any."""
    contexts = list(dict.fromkeys(filter(None, (event.subject.context for event in events))))
    marks = ", ".join("?" * len(contexts))
    select = f"SELECT context, document FROM delivery WHERE project = ? AND context IN ({marks})"  # noqa: S608 - marks
    rows = database.execute(select, (project, *contexts)).fetchall() if contexts else ()
    return {context: json.loads(document) for context, document in rows}


def _row(document: Document) -> dict[str, Any]:
    keys = ("project", "context", "first", "serial", "name", "service", "time")
    row = {key: document[key] for key in keys}
    stages = "".join(map(json.dumps, document["stages"]))
    return row | {
        "state": keptn_state(document), "stages": stages, "document": json.dumps(document)
    }  # fmt: skip
