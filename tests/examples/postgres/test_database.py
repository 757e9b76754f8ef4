"""Tables in PostgreSQL under SQLite's statements: their texts, locks, and lost connections."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest

from examples.postgres.database import Database, _text
from examples.stores.database import Schema
from examples.stores.errors import StoreUnusable

TABLES = Schema(
    application_id=7,
    version=1,
    statements=(
        """CREATE TABLE entry (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
           size INTEGER NOT NULL)""",
        "CREATE TABLE mark (name TEXT PRIMARY KEY) WITHOUT ROWID",
    ),
)
ADD = "INSERT INTO entry (name, size) VALUES (:name, :size)"


def opened(url: str, **options: Any) -> Database:
    """The tables."""
    settings: dict[str, Any] = {"schema": "tables", "synchronous": "NORMAL", **options}
    return Database(url, TABLES, **settings)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The tables, in a new database."""
    with closing(opened(url)) as found:
        yield found


def names(database: Database) -> list[str]:
    """The names of the entries, in order."""
    with database.statement() as asked:
        return [name for (name,) in asked.execute("SELECT name FROM entry ORDER BY name")]


def add(database: Database, *added: str) -> None:
    """Add entries in one transaction."""
    with database.transaction(writes=True) as asked:
        asked.executemany(ADD, [{"name": name, "size": 2**40} for name in added])


def end_sessions(url: str) -> None:
    """End every other session, as an administrator does, and wait until they are gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )


@pytest.mark.parametrize(
    ("portable", "own"),
    [
        ("SELECT ? + ?", "SELECT %s + %s"),
        ("SELECT :a, :name", "SELECT %(a)s, %(name)s"),
        ("SELECT 'what? :a ''b'' 5%', ?", "SELECT 'what? :a ''b'' 5%%', %s"),
        ("SELECT 7 % ?", "SELECT 7 %% %s"),
        ("SELECT ?::bigint", "SELECT %s::bigint"),
        ("FROM a INDEXED BY of_b WHERE", "FROM a  WHERE"),
    ],
)
def test_a_portable_statement_is_translated(portable: str, own: str) -> None:
    """What stands in quotes is left as it is."""
    assert own.encode() == _text(portable)


def test_texts_are_sorted_and_kept_as_in_sqlite(database: Database) -> None:
    """By code point, whatever the locale of the database; a NUL has no place in them."""
    add(database, "b", "B", "a_c", "ab", "ä", "50%?", "\0")

    assert ["50%?", "B", "a_c", "ab", "b", "ä", "�"] == names(database)


def test_a_transaction_is_done_as_a_whole_or_not_at_all(database: Database) -> None:
    """Also where a statement fails of which nobody looks at the answer."""
    add(database, "a")

    def half() -> None:
        with database.transaction(writes=True) as asked:
            asked.execute(ADD, {"name": "b", "size": 1})
            raise LookupError

    def contradicts() -> None:
        with database.transaction(writes=True) as asked:
            asked.execute("INSERT INTO mark VALUES (?)", ("x",))
            asked.execute("INSERT INTO mark VALUES (?)", ("x",))
            asked.execute(ADD, {"name": "c", "size": 1})

    with pytest.raises(LookupError):
        half()
    with pytest.raises(StoreUnusable, match="schema tables: contradicts itself"):
        contradicts()
    add(database, "d")

    assert ["a", "d"] == names(database)


def test_who_reads_sees_one_instant(url: str, database: Database) -> None:
    """Whatever is committed meanwhile."""
    count = "SELECT count(*) FROM entry"
    with closing(opened(url)) as other, database.transaction(writes=False) as asked:
        before = asked.execute(count).fetchone()
        add(other, "a")
        assert before == asked.execute(count).fetchone()

    assert ["a"] == names(database)


def test_who_writes_waits_for_who_writes(url: str, database: Database) -> None:
    """What is read inside is still so at the end: the lock is taken before anything is read."""

    def count_up() -> None:
        with closing(opened(url)) as other, other.transaction(writes=True) as asked:
            (count,) = asked.execute("SELECT count(*) FROM entry").fetchone()
            asked.execute(ADD, {"name": f"n{count}", "size": 1})

    with ThreadPoolExecutor(1) as threads:
        with database.transaction(writes=True) as asked:
            asked.execute(ADD, {"name": "n0", "size": 1})
            waiting = threads.submit(count_up)
            waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            for _ in range(10_000):
                if asked.execute(waits).fetchone() == (1,):
                    break
        waiting.result()

    assert ["n0", "n1"] == names(database)


def test_who_waits_too_long_is_told_so(url: str, database: Database) -> None:
    """And may go on when the other one is ready."""
    with closing(opened(url, lock_timeout=0.01)) as other:
        with database.transaction(writes=True) as asked:
            asked.execute("SELECT 1").fetchone()  # by now the lock is held
            with pytest.raises(StoreUnusable, match=r"is locked by somebody else; waited"):
                add(other, "a")
            with other.transaction(writes=True, about="something else"):
                pass
        add(other, "b")

    assert ["b"] == names(database)


def test_a_connection_that_was_lost_while_nobody_used_it_is_no_loss(
    url: str, database: Database
) -> None:
    """The next transaction has a new one."""
    add(database, "a")
    end_sessions(url)
    add(database, "b")
    end_sessions(url)

    assert ["a", "b"] == names(database)


def test_a_connection_that_is_lost_in_a_transaction_is_an_error(
    url: str, database: Database
) -> None:
    """Nothing of it is left, and the next one works."""

    def cut_off() -> None:
        with database.transaction(writes=True) as asked:
            asked.execute(ADD, {"name": "lost", "size": 1})
            asked.execute("SELECT 1").fetchone()
            end_sessions(url)

    with pytest.raises(StoreUnusable):
        cut_off()
    add(database, "a")

    assert ["a"] == names(database)


def test_who_listens_hears_of_what_was_committed(url: str, database: Database) -> None:
    """And of nothing else."""
    with psycopg.connect(url, autocommit=True) as listening:
        listening.execute("LISTEN tables")
        with suppress(LookupError), database.transaction(writes=True):
            database.notify("shop", 3)
            raise LookupError
        with database.transaction(writes=True):
            database.notify("a shop", 4)
        heard = [notice.payload for notice in listening.notifies(timeout=60, stop_after=1)]

    assert ["4 a shop"] == heard


def test_what_a_transaction_costs_does_not_depend_on_how_much_it_writes(
    database: Database, tmp_path: Path
) -> None:
    """One round trip, and one for each answer that is looked at: turns of speech are counted."""
    add(database, "warm")
    costs = []
    for size in (1, 300):
        traced = tmp_path / f"{size}.txt"
        with database.statement() as asked:
            connection = asked._connection.pgconn
        with traced.open("wb") as trace:
            connection.trace(trace.fileno())
            add(database, *map(str, range(size)))
            with database.transaction(writes=True) as asked:
                asked.execute("SELECT count(*) FROM entry").fetchone()
                asked.execute(ADD, {"name": "last", "size": 1})
            connection.untrace()
        said = [row.split("\t")[1] for row in traced.read_text().splitlines()]
        costs.append(sum(turn == ("F", "B") for turn in pairwise(said)))

    assert [3, 3] == costs


def test_newer_tables_are_left_alone(url: str, database: Database) -> None:
    """Whoever made them understands them."""
    newer = attrs.evolve(TABLES, version=2, upgrades={1: ("ALTER TABLE mark ADD size INTEGER",)})
    Database(url, newer, schema="tables", synchronous="FULL").close()
    with pytest.raises(StoreUnusable, match="has schema 2, only up to 1 is understood here"):
        opened(url)


def test_a_closed_database_says_so(database: Database) -> None:
    """Whoever closes it again is not told off."""
    database.close()
    database.close()

    with pytest.raises(StoreUnusable, match="was closed"):
        names(database)


@pytest.mark.parametrize(("synchronous", "found"), [("FULL", "on"), ("NORMAL", "off")])
def test_only_what_may_be_lost_does_not_wait_for_the_disk(
    url: str, synchronous: str, found: str
) -> None:
    """As in SQLite."""
    with closing(opened(url, synchronous=synchronous)) as database, database.statement() as asked:
        assert (found,) == asked.execute("SHOW synchronous_commit").fetchone()
