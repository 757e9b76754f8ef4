"""Where a controller keeps what it knows: states, projects, registrations, the journal.

Shows: one description of it for the host, so that the host runs on a folder of SQLite files, which
it has to itself, and on a database that several replicas share. Each method opens something for the
thread that calls it, which closes it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, Protocol, final

from examples.controller.storage.claims import Alone, Claims
from examples.controller.storage.folder import Folder
from examples.controller.storage.journal import SCHEMA as JOURNAL
from examples.controller.storage.journal import Journal
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.newest import NewestStates
from examples.controller.storage.projects import SCHEMA as PROJECTS
from examples.controller.storage.projects import MakePlane, Projects
from examples.controller.storage.uniform import Uniform
from examples.stores.database import Database, Synchronous
from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import ALL, SqliteStore
from sequencectl import Event
from sequencectl.ports import Clock, Store
from sequencectl.serialization import SCHEMA

Heard = Callable[[str, int], None]
"""Called with a project and the serial of the last event that was told of it, or `CHANGED`.

With an empty project it means: look at everything, for something may have been missed.
"""

_CATCH_UP: Final = 1_000
_PATIENCE: Final = 5.0


class ControllerStore(Store, Protocol):
    """What a controller here needs of its store besides the port: it keeps every event."""

    def events(self, project: str, *, after: int = 0, limit: int = ALL) -> Sequence[Event]:
        """Return the events of a project by serial, those after one alone."""
        ...

    def serials(self) -> dict[str, int]:
        """Return every project with its serial."""
        ...

    def holding(self, project: str) -> AbstractContextManager[None]:
        """Do what is inside while no other replica is inside for this project."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class Backend(Protocol):
    """Opens everything that a controller keeps. Raises `StoreUnusable` if something cannot be used.

    A method may be called by any thread; what it returns is for that thread alone.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other replicas may write there too."""
        ...

    @property
    def lost(self) -> Path | None:
        """A file that was deleted or replaced while in use; None if nothing is amiss."""
        ...

    def store(self) -> ControllerStore:
        """Open the store of the states."""
        ...

    def projects(self, make_plane: MakePlane) -> Projects:
        """Open the projects."""
        ...

    def journal(self) -> Journal:
        """Open the journal for writing."""
        ...

    def journal_reader(self) -> JournalReader:
        """Open the journal for reading."""
        ...

    def states(self) -> NewestStates:
        """Open the newest states for reading."""
        ...

    def uniform(self, clock: Clock) -> Uniform:
        """Open the registrations and the log."""
        ...

    def claims(self) -> Claims:
        """Open the claims."""
        ...

    def look(self) -> None:
        """Raise `StoreUnusable` if a file is no longer there: what is written to it is lost."""
        ...

    def compare(self, store: ControllerStore, projects: Projects, journal: Journal) -> None:
        """Raise `StoreUnusable` if one of the parts is of another time than the rest.

        Call it once all is open. From then on `look` misses what was there.
        """
        ...

    def catch_up(
        self, store: ControllerStore, journal: Journal, project: str, *, since: int
    ) -> None:
        """Tell the journal what it lacks of a project that was created at the serial `since`."""
        ...

    def follow(self, heard: Heard) -> AbstractContextManager[None]:
        """Call `heard`, from another thread, for what any replica does, while this is open."""
        ...

    def close(self) -> None:
        """Give everything back; what was opened is closed by then."""
        ...


@final
class FolderBackend:
    """A folder of SQLite files, which nobody else can have until it is closed.

    `wire` is the schema that states are written in.
    """

    is_shared = False

    def __init__(self, path: Path, *, wire: int = SCHEMA) -> None:
        self._folder = Folder(path)
        self._wire = wire

    @property
    def lost(self) -> Path | None:
        """A file that was deleted or replaced while in use; None if all are in their place."""
        return self._folder.lost

    def store(self) -> SqliteStore:
        """Open the file of the states."""
        return SqliteStore(self._folder.sequences, kept=ALL, wire=self._wire)

    def projects(self, make_plane: MakePlane) -> Projects:
        """Open the file of the projects."""
        return Projects(self._projects("FULL"), make_plane)

    def journal(self) -> Journal:
        """Open the file of the journal for writing."""
        return Journal(self._journal())

    def journal_reader(self) -> JournalReader:
        """Open the file of the journal for reading."""
        return JournalReader(self._journal())

    def states(self) -> NewestStates:
        """Open the file of the states for reading."""
        return NewestStates(SqliteStore(self._folder.sequences))

    def uniform(self, clock: Clock) -> Uniform:
        """Open the registrations and the log, which are in the file of the projects."""
        # nothing there is worth a wait for the disk: who is forgotten registers again
        return Uniform(self._projects("NORMAL"), clock)

    def claims(self) -> Alone:
        """Return claims that are all its own."""
        return Alone()

    def look(self) -> None:
        """Raise `StoreUnusable` if a file is no longer in its place."""
        self._folder.look()

    def compare(self, store: ControllerStore, projects: Projects, journal: Journal) -> None:
        """Raise `StoreUnusable` if one of the files is of another time than the rest."""
        self._folder.keep_watch()
        self._folder.compare(store, projects, journal)

    def catch_up(
        self, store: ControllerStore, journal: Journal, project: str, *, since: int
    ) -> None:
        """Tell the journal what it lacks: all that was committed and not acknowledged, or lost."""
        make_up(store, journal, project, since=since, where=self._folder.sequences)

    def follow(self, heard: Heard) -> AbstractContextManager[None]:  # noqa: ARG002 - nobody else
        """Return at once: nobody else writes here."""
        return nullcontext()

    def close(self) -> None:
        """Give the folder back."""
        self._folder.close()

    def _projects(self, synchronous: Synchronous) -> Database:
        path = self._folder.projects
        return Database(path, PROJECTS, synchronous=synchronous, busy_timeout=_PATIENCE)

    def _journal(self) -> Database:
        path = self._folder.journal
        return Database(path, JOURNAL, synchronous="NORMAL", busy_timeout=_PATIENCE)


def make_up(
    store: ControllerStore, journal: Journal, project: str, *, since: int, where: Path | str
) -> None:
    """Tell a journal the events of a project that only the store has, which is at `where`."""
    told = journal.told(project)
    if told <= since:  # of this project it knows nothing yet, perhaps of one before it
        journal.forget(project, serial=since)
        told = since
    while events := store.events(project, after=told, limit=_CATCH_UP):
        if events[0].serial != told + 1:
            problem = f"lacks events of project {project} after {told}: restore the journal too"
            raise StoreUnusable(where, problem)
        journal.tell(project, events)
        told = events[-1].serial
