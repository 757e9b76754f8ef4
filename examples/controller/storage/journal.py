"""The journal: every delivery as a document and every event as a CloudEvent, in a SQLite file.

Shows: a read model written by the `EventSink`. It is told each event at least once and takes it in
once, by serial; it is derived, so that a file that is lost, or behind after a power cut, is made up
from the events that the store keeps. It grows with what happens, and not with how often executors
say that they are at work: of that the newest is kept. Leaves out: forgetting the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final, final

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.deliveries import Document, begin, instant, mention, tell
from examples.controller.storage.states import keptn_state
from examples.stores.database import Database, Schema
from sequencectl import Event
from sequencectl.events import SequenceTriggered, Subject, TaskProgressReported

SCHEMA: Final = Schema(
    application_id=0x7365716A,  # "seqj"
    version=4,
    is_derived=True,
    statements=(
        "CREATE TABLE told (project TEXT PRIMARY KEY, serial INTEGER NOT NULL) WITHOUT ROWID",
        # first: the serial of its first event, its place in lists; last: of its newest one
        """CREATE TABLE delivery (project TEXT, context TEXT, first INTEGER NOT NULL,
           last INTEGER NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL, time TEXT NOT NULL,
           state TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (project, context))""",
        "CREATE INDEX listed ON delivery (project, first)",
        "CREATE INDEX changed ON delivery (project, last)",
        # is_root: the first event of its context
        """CREATE TABLE history (project TEXT, serial INTEGER, context TEXT NOT NULL,
           id TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, stage TEXT NOT NULL,
           service TEXT NOT NULL, time TEXT NOT NULL, is_root INTEGER NOT NULL,
           event TEXT NOT NULL, PRIMARY KEY (project, serial)) WITHOUT ROWID""",
        "CREATE INDEX of_context ON history (context, time)",
        "CREATE INDEX of_type ON history (project, type, time)",
        "CREATE INDEX of_project ON history (project, time)",
        "CREATE INDEX roots ON history (project, time) WHERE is_root",
        """CREATE TABLE service (project TEXT, name TEXT, time TEXT NOT NULL,
           PRIMARY KEY (project, name)) WITHOUT ROWID""",
    ),
)

MOST_PROGRESS: Final = 20
"""So many of the newest reports of progress are kept of an executor on a task."""

_FORGET_PROGRESS: Final = """DELETE FROM history WHERE project = :project AND serial IN (
    SELECT serial FROM history INDEXED BY of_context WHERE context = :context
    AND project = :project AND type = :type AND source = :source
    AND json_extract(event, '$.triggeredid') = :task ORDER BY serial DESC LIMIT -1 OFFSET :most)"""


@final
class Journal:
    """Writes the journal; for one thread. Raises `StoreUnusable` if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA, synchronous="NORMAL", busy_timeout=5.0)

    def told(self, project: str) -> int:
        """Return the serial of the last event of a project that was told."""
        with self._database.statement() as database:
            return told_of(database, project)

    def serials(self) -> dict[str, int]:
        """Return every project that was ever told, with the serial of its last event."""
        with self._database.statement() as database:
            return dict(database.execute("SELECT project, serial FROM told").fetchall())

    def tell(self, project: str, events: Sequence[Event]) -> None:
        """Take in events, those that are known already left out."""
        with self._database.transaction(writes=True) as database:
            last = told_of(database, project)
            documents: dict[str, Document] = {}
            for event in events:
                if event.serial > last:
                    last = event.serial
                    _take_in(database, documents, event)
            for document in documents.values():
                _write(database, document)
            database.execute("REPLACE INTO told VALUES (?, ?)", (project, last))

    def forget(self, project: str, *, serial: int) -> None:
        """Drop all of a project up to a serial, which counts as told."""
        with self._database.transaction(writes=True) as database:
            for table in ("delivery", "history", "service"):
                database.execute(f"DELETE FROM {table} WHERE project = ?", (project,))  # noqa: S608
            database.execute("REPLACE INTO told VALUES (?, ?)", (project, serial))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def told_of(database: Connection, project: str) -> int:
    """Return the serial of the last event of a project that was told, read from a journal."""
    row = database.execute("SELECT serial FROM told WHERE project = ?", (project,)).fetchone()
    return 0 if row is None else int(row[0])


def _take_in(database: Connection, documents: dict[str, Document], event: Event) -> None:
    """Tell one event to the document of its context, and write it to the history."""
    subject, written = event.subject, history_of(event)
    document = _document(database, documents, event)
    if document is not None:
        tell(document, event)
        if written is not None:
            mention(document, written)
    if written is not None:
        about = {key: written[key] for key in ("id", "type", "source", "time")}
        scope = {key: getattr(subject, key) for key in ("project", "context", "stage", "service")}
        is_root = document is not None and document["first"] == event.serial
        database.execute(
            """INSERT INTO history VALUES (:project, :serial, :context, :id, :type, :source,
               :stage, :service, :time, :is_root, :event)""",
            {
                **about,
                **scope,
                "serial": event.serial,
                "is_root": is_root,
                "event": json.dumps(written),
            },
        )
        if isinstance(event, TaskProgressReported):
            task = {"task": event.task_id, "most": MOST_PROGRESS}
            database.execute(_FORGET_PROGRESS, {**about, **scope, **task})
    if isinstance(event, SequenceTriggered) and subject.service:
        database.execute(
            "INSERT OR IGNORE INTO service VALUES (?, ?, ?)",
            (subject.project, subject.service, instant(event.at)),
        )


def _document(
    database: Connection, documents: dict[str, Document], event: Event
) -> Document | None:
    """Return the document an event is about, begun if there is none; None if it is about none."""
    subject: Subject = event.subject
    if not subject.context:
        return None
    document = documents.get(subject.context)
    if document is None:
        key = (subject.project, subject.context)
        select = "SELECT document FROM delivery WHERE project = ? AND context = ?"
        row = database.execute(select, key).fetchone()
        document = None if row is None else json.loads(row[0])
    if document is None and isinstance(event, SequenceTriggered):
        document = begin(event)
    if document is not None:
        documents[subject.context] = document
    return document


def _write(database: Connection, document: Document) -> None:
    keys = ("project", "context", "first", "serial", "name", "service", "time")
    row = {key: document[key] for key in keys}
    row |= {"state": keptn_state(document), "document": json.dumps(document)}
    database.execute(
        """INSERT INTO delivery VALUES
           (:project, :context, :first, :serial, :name, :service, :time, :state, :document)
           ON CONFLICT (project, context) DO UPDATE SET last = excluded.last,
           state = excluded.state, document = excluded.document""",
        row,
    )
