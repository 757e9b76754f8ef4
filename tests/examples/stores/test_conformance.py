"""Every store of the examples keeps every promise of the port, also where commits fail halfway."""

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve

from examples.stores.event_log import EventLogStore
from examples.stores.snapshot_file import SnapshotStore
from examples.stores.sqlite import SqliteStore
from sequencectl.ports import Store
from sequencectl.testing import Fault, StoreCapabilities, StoreContract

BUSY = 0.05
"""Seconds to wait for other writers where one of them will never be done."""


@contextmanager
def locked(place: str) -> Iterator[None]:
    """Somebody else is writing and does not stop."""
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def refused(table: str, place: str, when: str = "true") -> Iterator[None]:
    """Whatever is written to this table fails, the rest of the transaction does not."""
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        for verb in ("INSERT", "UPDATE"):
            other.execute(
                f"CREATE TRIGGER fault_{verb} BEFORE {verb} ON {table} WHEN {when} "
                "BEGIN SELECT RAISE(FAIL, 'made up'); END"
            )
        yield
        for verb in ("INSERT", "UPDATE"):
            other.execute(f"DROP TRIGGER fault_{verb}")


@contextmanager
def full(size: int) -> Iterator[None]:
    """No file may grow beyond this size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def failing(module: object, name: str, *, after: int) -> Iterator[None]:
    """A function of the operating system fails, after it worked so many times."""
    works, calls = getattr(module, name), 0

    def fails(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(errno.EIO, "made up")
        return works(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, fails)
        yield


def database(*tables: str) -> StoreCapabilities:
    """What a store in SQLite can do; its commits fail at the lock, on disk, and in each table."""
    faults: dict[str, Fault] = {
        "locked": locked,
        "full": lambda place: full(Path(f"{place}-wal").stat().st_size),
    }
    for table in tables:
        faults[f"table {table}"] = partial(refused, table)
    return StoreCapabilities(reopens=True, shares=True, races=True, faults=faults)


SQLITE = database("project", "sequence", "event")
SQLITE = evolve(
    SQLITE,
    batches=True,
    faults={**SQLITE.faults, "half way": partial(refused, "event", when="NEW.project > 'q'")},
)
ALONE = evolve(SQLITE, races=False)
EVENT_LOG = database("project", "snapshot", "event")
FOLDER = StoreCapabilities(
    reopens=True,
    shares=True,
    races=True,
    faults={
        "full": lambda _: full(100),
        "before the file is durable": lambda _: failing(os, "fsync", after=0),
        "before the new file replaces the old one": lambda _: failing(Path, "replace", after=0),
        "after that": lambda _: failing(os, "fsync", after=1),
    },
)


def sqlite_store(place: str) -> SqliteStore:
    """A store in the file of this name."""
    return SqliteStore(place, busy_timeout=BUSY if "failed" in place else 5)


def event_log_store(place: str) -> EventLogStore:
    """A store in the file of this name, with snapshots after a handful of events."""
    return EventLogStore(place, every=7, busy_timeout=BUSY if "failed" in place else 5)


def snapshot_store(place: str) -> SnapshotStore:
    """A store in the folder of this name."""
    Path(place).mkdir(exist_ok=True)
    return SnapshotStore(place)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestSqliteStore(StoreContract):
    """The store in SQLite, promise by promise."""

    capabilities = SQLITE

    @pytest.fixture
    def make_store(self) -> Callable[[str], Store]:
        return sqlite_store


class TestEventLogStore(StoreContract):
    """The store of events, promise by promise."""

    capabilities = EVENT_LOG

    @pytest.fixture
    def make_store(self) -> Callable[[str], Store]:
        return event_log_store


class TestSnapshotStore(StoreContract):
    """The store of whole projects, promise by promise."""

    capabilities = FOLDER

    @pytest.fixture
    def make_store(self) -> Callable[[str], Store]:
        return snapshot_store
