"""A PostgreSQL database that any number of replicas of a controller share.

Shows: what a folder of SQLite files is to one process, in schemas of one database. A backup of the
database has everything at one instant. The journal has a schema for each version of its tables, so
that replicas of an older version go on with theirs beside newer ones. Leaves out: dropping the
journal of an older version (``DROP SCHEMA … CASCADE``, once nobody of that version runs).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import final

from examples.controller.storage.backend import ControllerStore, Heard, make_up
from examples.controller.storage.claims import SCHEMA as CLAIMS
from examples.controller.storage.claims import SharedClaims
from examples.controller.storage.journal import SCHEMA as JOURNAL
from examples.controller.storage.journal import Journal
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.newest import NewestStates
from examples.controller.storage.projects import SCHEMA as PROJECTS
from examples.controller.storage.projects import MakePlane, Projects, since_of
from examples.controller.storage.uniform import Uniform
from examples.postgres.database import Database
from examples.postgres.listening import Listener
from examples.postgres.opening import Address
from examples.postgres.statements import SCHEMA as STATES
from examples.postgres.store import PostgresStore
from examples.stores.database import Schema, Synchronous
from examples.stores.sqlite import ALL
from sequencectl.ports import Clock
from sequencectl.serialization import SCHEMA


@final
class PostgresBackend:
    """A database; its schemas, whose names begin with `schema`, are made if they are missing.

    `url` is a libpq URL. `wire` is the schema that states are written in. Nothing is opened until
    a method is called.
    """

    is_shared = True
    lost = None

    def __init__(self, url: str, *, schema: str = "sequencectl", wire: int = SCHEMA) -> None:
        self._url = url
        self._wire = wire
        self._schema = schema
        self._channel = f"{schema}_told"

    def store(self) -> PostgresStore:
        """Open the store of the states."""
        return PostgresStore(self._url, schema=self._schema, kept=ALL, wire=self._wire)

    def projects(self, make_plane: MakePlane) -> Projects:
        """Open the projects."""
        return Projects(self._projects("FULL"), make_plane)

    def journal(self) -> Journal:
        """Open the journal for writing."""
        return Journal(self._journal(), make_up=self._make_up)

    def journal_reader(self) -> JournalReader:
        """Open the journal for reading."""
        return JournalReader(self._journal())

    def states(self) -> NewestStates:
        """Open the newest states for reading."""
        return NewestStates(self.store())

    def uniform(self, clock: Clock) -> Uniform:
        """Open the registrations and the log."""
        return Uniform(self._projects("NORMAL"), clock)

    def claims(self) -> SharedClaims:
        """Open the claims."""
        return SharedClaims(self._tables(CLAIMS, f"{self._schema}_claims", "NORMAL"))

    def look(self) -> None:
        """Return at once: what is gone is noticed when it is used."""

    def compare(self, store: ControllerStore, projects: Projects, journal: Journal) -> None:
        """Return at once: a database is of one time, also where a backup of it was restored.

        A crash of the server may take the end of the journal, and with it that it was acknowledged.
        """

    def catch_up(
        self, store: ControllerStore, journal: Journal, project: str, *, since: int
    ) -> None:
        """Tell the journal what it lacks; other replicas may tell the same meanwhile."""
        where = str(Address(self._url, self._schema, STATES))
        make_up(store, journal, project, since=since, where=where)

    @contextmanager
    def follow(self, heard: Heard) -> Iterator[None]:
        """Call `heard`, from another thread, for what any replica does, this one too."""
        with Listener(self._url, heard, channel=self._channel):
            yield

    def close(self) -> None:
        """Return at once: nothing is open but what was opened."""

    def _make_up(self, journal: Journal, project: str) -> None:
        """Tell the journal what it lacks, as a new one does beside replicas that are at work."""
        with closing(self.store()) as store, closing(self._projects("NORMAL")) as projects:
            since = since_of(projects, project)
            if since is None:  # it was deleted: what is told late is no news
                journal.forget(project, serial=store.serials()[project])
            else:
                self.catch_up(store, journal, project, since=since)

    def _projects(self, synchronous: Synchronous) -> Database:
        return self._tables(PROJECTS, f"{self._schema}_projects", synchronous)

    def _journal(self) -> Database:
        # one log has all that is written, in order: what is lost of its end, is lost of all
        return self._tables(JOURNAL, f"{self._schema}_journal_{JOURNAL.version}", "NORMAL")

    def _tables(self, tables: Schema, schema: str, synchronous: Synchronous) -> Database:
        return Database(
            self._url, tables, schema=schema, synchronous=synchronous, channel=self._channel
        )
