"""The data folder of a controller: who uses it, and whether its files are all there.

Shows: a lock that ends with the process that has it, however that ends. A lost file is noticed
before an empty one takes its place, and so is one that is deleted while in use; files that were
restored one by one and do not belong together are refused. Leaves out: Windows (`fcntl` locks).
"""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol, final

from examples.controller.storage.journal import Journal
from examples.controller.storage.projects import Projects
from examples.stores.errors import StoreUnusable
from sequencectl import ProjectState
from sequencectl.ports import Store


class CountedStore(Store, Protocol):
    """A store that says how far each project is."""

    def serials(self) -> dict[str, int]:
        """Return every project with its serial."""
        ...


@final
class Folder:
    """A data folder, made if there is none; nobody else can have it until it is closed.

    Raises `StoreUnusable` if another controller has it, if it cannot be written to, or if a file is
    missing that cannot be made up, while there is something in the others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sequences, self.projects = path / "sequences.db", path / "projects.db"
        self.journal = path / "journal.db"
        self._in_use: dict[Path, tuple[int, int] | None] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "controller.lock").open("ab")
        except OSError as error:
            problem = f"must be a folder that can be written to ({error.strerror})"
            raise StoreUnusable(path, problem) from error
        try:
            self._take()
            self._refuse_to_begin_anew()
        except BaseException:
            self.close()
            raise

    def keep_watch(self) -> None:
        """Expect the files that are there now, from now on."""
        files = [self.sequences, self.projects, self.journal]
        files += [*map(_log_of, files), Path(self._lock.name)]
        self._in_use = {path: _identity(path) for path in files if path.exists()}

    @property
    def lost(self) -> Path | None:
        """A file that was deleted or replaced while in use; None if all are in their place."""
        changed = (path for path, known in self._in_use.items() if _identity(path) != known)
        return next(changed, None)

    def look(self) -> None:
        """Raise `StoreUnusable` if a file is no longer there: what is written to it is lost."""
        if (lost := self.lost) is not None:
            problem = "was deleted or replaced while in use: stop the controller and put it back"
            raise StoreUnusable(lost, problem)

    def compare(self, store: CountedStore, projects: Projects, journal: Journal) -> None:
        """Raise `StoreUnusable` if one of the files is of another time than the rest."""
        serials, known = store.serials(), {project.name: project for project in projects.all()}
        for name, project in known.items():
            if project.since > serials.get(name, 0):
                raise _is_older(self.sequences, self.projects, f"project {name} begins later")
        for name in serials.keys() - known.keys():
            state = store.load(name)
            if state is not None and _is_at_work(state):
                raise _is_older(self.projects, self.sequences, f"project {name} is at work")
        for name, told in journal.serials().items():
            if told > serials.get(name, 0):
                why = f"project {name} is at {told} there and at {serials.get(name, 0)} here"
                raise _is_older(self.sequences, self.journal, why)

    def close(self) -> None:
        """Give the folder back."""
        self._lock.close()

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system ends it with us
        except BlockingIOError:
            raise StoreUnusable(self.path, "is used by another controller") from None
        except OSError as error:
            raise StoreUnusable(self.path, f"cannot be locked ({error.strerror})") from error

    def _refuse_to_begin_anew(self) -> None:
        """Raise `StoreUnusable` if what only a missing file has would be forgotten silently."""
        missing = [path for path in (self.sequences, self.projects) if not path.exists()]
        for path in (self.sequences, self.projects, self.journal) if missing else ():
            if _has_content(path):
                problem = f"is missing, and there is something in {path.name}"
                ways = "restore the folder from a backup, or empty it to begin anew"
                raise StoreUnusable(missing[0], f"{problem}: {ways}")


def _has_content(path: Path) -> bool:
    """Whether a file has a row, or cannot be read; a log without its file is what is left of it."""
    if not path.exists():
        return _log_of(path).exists()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            rows = (f'SELECT 1 FROM "{name}" LIMIT 1' for (name,) in tables.fetchall())  # noqa: S608
            return any(database.execute(row).fetchone() for row in rows)
    except sqlite3.Error:
        return True


def _is_older(path: Path, other: Path, why: str) -> StoreUnusable:
    ways = "restore both from one backup"
    if other.name == "journal.db":
        ways = f"restore the newer one, or delete {other.name} to have it made up from this one"
    return StoreUnusable(path, f"is older than {other.name}, where {why}: {ways}")


def _is_at_work(state: ProjectState) -> bool:
    live = (not each.phase.has_ended for each in state.sequences.values())
    return bool(state.freezes) or any(live)


def _log_of(path: Path) -> Path:
    """Return the write-ahead log of a database: the newest of what it holds."""
    return path.with_name(f"{path.name}-wal")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is to the system, whatever its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
