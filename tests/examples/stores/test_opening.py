"""Opening a SQLite file that others use at the same time: how long it waits, and what it says."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, repeat
from pathlib import Path

import pytest

from examples.stores import database
from examples.stores.database import Database, Schema
from examples.stores.errors import StoreUnusable
from sequencectl.errors import InvalidValue

SCHEMA = Schema(0x74657374, 1, ("CREATE TABLE project (name TEXT)",))
PATIENCE = 0.25
Make = Callable[[], Database]


@pytest.fixture
def open_it(tmp_path: Path) -> Make:
    """Opens a file, each time the same."""
    return lambda: Database(tmp_path / "x.db", SCHEMA, synchronous="NORMAL", busy_timeout=PATIENCE)


def failing(monkeypatch: pytest.MonkeyPatch, codes: Iterator[int]) -> list[float]:
    """Have the wish for a write-ahead log fail so often, on a clock that moves by itself."""
    clock, tries = count(0, 0.1), list[float]()

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
            if statement.startswith("PRAGMA journal_mode"):
                tries.append(0)
                for code in codes:
                    error = sqlite3.OperationalError("made up")
                    error.sqlite_errorcode = code
                    raise error
            return super().execute(statement, *values)  # type: ignore[arg-type] # as it was given

    def connect(path: Path, timeout: float, isolation_level: None) -> sqlite3.Connection:
        return real(path, timeout=timeout, isolation_level=isolation_level, factory=Connection)

    real = sqlite3.connect
    monkeypatch.setattr(database.sqlite3, "connect", connect)
    monkeypatch.setattr(database, "monotonic", lambda: next(clock))
    return tries


def test_an_opener_waits_for_others_that_open_the_file(
    monkeypatch: pytest.MonkeyPatch, open_it: Make
) -> None:
    """SQLite itself does not wait there: two that wait for each other would do so for ever."""
    busy, extended = sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT
    tries = failing(monkeypatch, iter([busy, extended]))
    opened = open_it()

    assert 3 == len(tries)
    assert ("wal",) == opened.connection.execute("PRAGMA  journal_mode").fetchone()
    opened.close()


def test_an_opener_gives_up_after_its_patience(
    monkeypatch: pytest.MonkeyPatch, open_it: Make
) -> None:
    """And says so; with a look each 0.1 s that is the third one."""
    tries = failing(monkeypatch, repeat(sqlite3.SQLITE_BUSY))

    with pytest.raises(StoreUnusable) as caught:
        open_it()

    assert "is locked by somebody else; waited for 0.25 s (made up)" == caught.value.problem
    assert 3 == len(tries)


def test_an_opener_does_not_wait_where_nobody_is_in_its_way(
    monkeypatch: pytest.MonkeyPatch, open_it: Make
) -> None:
    """A disk that cannot be read will not get better."""
    tries = failing(monkeypatch, repeat(sqlite3.SQLITE_IOERR))

    with pytest.raises(StoreUnusable, match="the disk reports an error"):
        open_it()

    assert 1 == len(tries)


def test_whoever_writes_keeps_nobody_from_opening(open_it: Make, tmp_path: Path) -> None:
    """A file that is ours is looked at, and not written to."""
    open_it().close()
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        opened = open_it()

    assert (250,) == opened.connection.execute("PRAGMA busy_timeout").fetchone()
    opened.close()


def test_what_is_refused_is_told_by_its_name(tmp_path: Path) -> None:
    """With what was given, and what is permitted."""
    with pytest.raises(InvalidValue) as refused:
        Database(tmp_path / "x.db", SCHEMA, synchronous="OFF", busy_timeout=1)  # type: ignore[arg-type] # the mistake

    assert ("synchronous", "OFF", "must be FULL or NORMAL") == (
        refused.value.where, refused.value.value, refused.value.problem,
    )  # fmt: skip


def made(path: Path, statement: str) -> None:
    """A file that another program made."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(statement)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("PRAGMA application_id = 42", "is the database of another program"),
        ("CREATE TABLE bookmark (url TEXT)", "is the database of another program"),
    ],
)
def test_a_file_of_another_program_is_named(
    open_it: Make, tmp_path: Path, statement: str, problem: str
) -> None:
    """In one sentence."""
    made(tmp_path / "x.db", statement)
    with pytest.raises(StoreUnusable) as caught:
        open_it()

    assert (tmp_path / "x.db", problem) == (caught.value.path, caught.value.problem)


def test_a_file_of_a_newer_program_is_named(open_it: Make, tmp_path: Path) -> None:
    """With its schema and the newest that is understood."""
    open_it().close()
    made(tmp_path / "x.db", "PRAGMA user_version = 2")
    with pytest.raises(StoreUnusable) as caught:
        open_it()

    assert (
        tmp_path / "x.db",
        "has schema 2, only up to 1 is understood here; nothing was changed",
    ) == (caught.value.path, caught.value.problem)


def test_a_file_that_can_have_no_log_is_named() -> None:
    """In memory there is no file at all."""
    with pytest.raises(StoreUnusable) as caught:
        Database(Path(":memory:"), SCHEMA, synchronous="NORMAL", busy_timeout=PATIENCE)

    assert (Path(":memory:"), "cannot have a write-ahead log; it must be a local file") == (
        caught.value.path, caught.value.problem,
    )  # fmt: skip
