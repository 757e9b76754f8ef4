"""Opening a file of an older schema: it is brought up to date as a whole, or refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from examples.stores.database import Database, Schema
from examples.stores.errors import StoreUnusable

OURS = 0x74657374
FIRST = Schema(OURS, 1, ("CREATE TABLE project (name TEXT)",))
SECOND = Schema(
    OURS,
    2,
    ("CREATE TABLE project (name TEXT, at TEXT NOT NULL DEFAULT '')",),
    upgrades={1: ("ALTER TABLE project ADD COLUMN at TEXT NOT NULL DEFAULT ''",)},
)
THIRD = Schema(
    OURS,
    3,
    (*SECOND.statements, "CREATE TABLE service (name TEXT)"),
    upgrades={
        **SECOND.upgrades,
        2: (
            "CREATE TABLE service (name TEXT)",
            "INSERT INTO service SELECT name || at FROM project",
        ),
    },
)
DERIVED = Schema(OURS, 3, ("CREATE TABLE made_up (name TEXT)",), is_derived=True)


def opened(path: Path, schema: Schema) -> Database:
    """The file, opened by a program of this schema."""
    return Database(path, schema, synchronous="NORMAL", busy_timeout=0.05)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a file with its rows, and its version."""
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        found = {name: database.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}  # noqa: S608
        return {**found, "version": database.execute("PRAGMA user_version").fetchall()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the first schema with one row."""
    path = tmp_path / "file.db"
    database = opened(path, FIRST)
    database.connection.execute("INSERT INTO project VALUES ('sockshop')")
    database.close()
    return path


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        pytest.param(SECOND, {"project": [("sockshop", "")], "version": [(2,)]}, id="one step"),
        pytest.param(
            THIRD,
            {"project": [("sockshop", "")], "service": [("sockshop",)], "version": [(3,)]},
            id="two steps",
        ),
        pytest.param(DERIVED, {"made_up": [], "version": [(3,)]}, id="derived"),
    ],
)
def test_an_older_file_is_brought_up_to_date(
    path: Path, schema: Schema, wanted: dict[str, list[tuple[object, ...]]]
) -> None:
    """Step by step with its content; what is derived is made anew. Once: then it is as it is."""
    for _ in range(2):
        opened(path, schema).close()

        assert wanted == contents(path)


def test_a_new_file_has_the_tables_of_an_upgraded_one(path: Path, tmp_path: Path) -> None:
    """The statements of a version and the way to it lead to the same tables."""

    def tables(file: Path) -> list[tuple[str, ...]]:
        opened(file, THIRD).close()
        with closing(sqlite3.connect(file)) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
            columns = "SELECT ?, name, type, dflt_value FROM pragma_table_info(?)"
            return [row for name in names for row in database.execute(columns, (name, name))]

    assert tables(tmp_path / "new.db") == tables(path)


def test_an_upgrade_that_fails_changes_nothing(path: Path) -> None:
    """All its steps are one transaction; the older program can still use the file."""
    broken = attrs.evolve(THIRD, upgrades={**SECOND.upgrades, 2: ("DROP TABLE absent",)})
    before = contents(path)

    with pytest.raises(StoreUnusable, match="no such table: absent"):
        opened(path, broken)

    assert before == contents(path)
    opened(path, FIRST).close()


@pytest.mark.parametrize("upgrades", [{}, {2: ()}, {1: ()}], ids=["none", "second", "first"])
def test_an_older_file_to_which_no_way_leads_is_refused(
    path: Path, upgrades: dict[int, tuple[str, ...]]
) -> None:
    """Not a byte is changed."""
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match=r"has schema 1, no way leads to 3 here; nothing was"):
        opened(path, attrs.evolve(THIRD, upgrades=upgrades))

    assert before == path.read_bytes()


def test_whoever_is_second_finds_the_file_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a look at an older file and its upgrade somebody else may have upgraded it."""
    look = Database._write_ahead

    def somebody_is_faster(database: Database) -> None:
        monkeypatch.undo()
        opened(path, THIRD).close()
        look(database)

    monkeypatch.setattr(Database, "_write_ahead", somebody_is_faster)
    opened(path, THIRD).close()

    assert [("sockshop",)] == contents(path)["service"]
