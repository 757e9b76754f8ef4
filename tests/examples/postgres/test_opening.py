"""Opening a schema in PostgreSQL: who makes its tables, whose they are, and what is said."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import attrs
import psycopg
import pytest

from examples.postgres import statements
from examples.postgres.server import PrivateServer
from examples.postgres.store import PostgresStore
from examples.stores.database import Schema
from examples.stores.errors import StoreUnusable
from tests.examples.postgres.test_store import host_of, value

TABLES = """SELECT string_agg(relname || ' ' || relkind::text, ',' ORDER BY relname) FROM pg_class
    WHERE relnamespace = to_regnamespace('sequencectl')"""


def open_and_commit(url: str, project: str) -> None:
    """What each replica does first."""
    with PostgresStore(url) as store:
        host_of(project, 1, store)


def test_any_number_may_make_the_tables_at_once(url: str) -> None:
    """Threads and processes; each can write at once."""
    forks = multiprocessing.get_context("forkserver")
    processes = [forks.Process(target=open_and_commit, args=(url, f"p{n}")) for n in range(3)]
    for process in processes:
        process.start()
    barrier = Barrier(6)

    def open_it(number: int) -> None:
        barrier.wait(timeout=60)
        open_and_commit(url, f"t{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_it, range(6)))
    for process in processes:
        process.join(timeout=60)

    assert [0] * 3 == [process.exitcode for process in processes]
    with PostgresStore(url) as store:
        assert {f"p{n}" for n in range(3)} | {f"t{n}" for n in range(6)} == store.serials().keys()


def test_tables_that_are_newer_are_left_alone(url: str) -> None:
    """A newer program made them."""
    open_and_commit(url, "p")
    value(url, "UPDATE sequencectl.sequencectl_schema SET version = 2")

    with pytest.raises(StoreUnusable, match=r"has schema 2, only up to 1 is .*; nothing was"):
        PostgresStore(url)

    value(url, "UPDATE sequencectl.sequencectl_schema SET version = 1")
    open_and_commit(url, "q")


@pytest.mark.parametrize(
    ("upgrades", "said"),
    [
        ({1: ("ALTER TABLE project ADD COLUMN at text",)}, ""),
        ({}, r"has schema 1, no way leads to 2 here; nothing was changed"),
        ({1: ("ALTER TABLE project ADD COLUMN at text", "DROP TABLE absent")}, r"restore a backup"),
    ],
    ids=["a way", "no way", "a way that fails"],
)
def test_older_tables_are_brought_up_to_date_as_a_whole(
    url: str, monkeypatch: pytest.MonkeyPatch, upgrades: dict[int, tuple[str, ...]], said: str
) -> None:
    """Or not at all."""
    open_and_commit(url, "p")
    monkeypatch.setattr(
        statements, "SCHEMA", attrs.evolve(statements.SCHEMA, version=2, upgrades=upgrades)
    )
    if said:
        with pytest.raises(StoreUnusable, match=said):
            PostgresStore(url)
    else:
        open_and_commit(url, "q")
        PostgresStore(url).close()

    column = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'at'"
    version = "SELECT version FROM sequencectl.sequencectl_schema"
    assert ((0, 1) if said else (1, 2)) == (value(url, column), value(url, version))


def test_tables_of_another_program_are_left_alone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sets of our own tables may be in one schema."""
    value(url, "CREATE TABLE project (name text)")
    with pytest.raises(StoreUnusable, match="holds the tables of another program"):
        PostgresStore(url, schema="public")
    assert value(url, "SELECT to_regclass('public.sequencectl_schema')") is None

    open_and_commit(url, "p")
    more = Schema(0x6D6F7265, 1, ("CREATE TABLE more (name text)",))
    monkeypatch.setattr(statements, "SCHEMA", more)
    PostgresStore(url).close()
    monkeypatch.undo()

    assert "more r" in value(url, TABLES)
    open_and_commit(url, "q")


class TestSentences:
    """Each failure is one error with a sentence."""

    def test_no_such_database(self, server: PrivateServer) -> None:
        """The server has none of this name."""
        with pytest.raises(StoreUnusable, match=r"dbname absent .*does not exist"):
            PostgresStore(server.url("absent"))

    def test_no_server(self) -> None:
        """Nobody is there; the password is not shown."""
        with pytest.raises(StoreUnusable, match="host /absent") as caught:
            PostgresStore("postgresql://u:secret@/d?host=/absent")

        assert "secret" not in str(caught.value)

    def test_no_address(self) -> None:
        """Nor is it where the address cannot be read."""
        with pytest.raises(StoreUnusable, match="has no address of the form") as caught:
            PostgresStore("postgres:secret@")

        assert "secret" not in str(caught.value)

    def test_no_privileges(self, url: str) -> None:
        """Neither to make the tables nor, once they are there, to use them."""
        value(url, "DROP ROLE IF EXISTS nobody_special")
        value(url, "CREATE ROLE nobody_special LOGIN")
        poor = url.replace("sequencectl@", "nobody_special@")
        with pytest.raises(StoreUnusable, match="does not give this user the privileges"):
            PostgresStore(poor)
        open_and_commit(url, "p")
        with pytest.raises(StoreUnusable, match="does not give this user the privileges"):
            PostgresStore(poor)
        value(url, "GRANT USAGE ON SCHEMA sequencectl TO nobody_special")
        value(url, "GRANT SELECT ON ALL TABLES IN SCHEMA sequencectl TO nobody_special")
        with PostgresStore(poor) as store:
            assert {"p": 3} == store.serials()
            with pytest.raises(StoreUnusable, match="does not give this user the privileges"):
                host_of("q", 1, store)

    def test_read_only(self, url: str) -> None:
        """As a standby is."""
        open_and_commit(url, "p")
        name = value(url, "SELECT current_database()")
        value(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with PostgresStore(url) as store:
            assert {"p": 3} == store.serials()
            with pytest.raises(StoreUnusable, match="cannot be written to: it is a standby"):
                host_of("q", 1, store)
        with pytest.raises(StoreUnusable, match="cannot be written to: it is a standby"):
            PostgresStore(url, schema="another")

    def test_too_many_connections(self, alone: PrivateServer) -> None:
        """The server takes no more."""
        url = alone.url("few")
        alone.create("few")
        value(alone.url(), "ALTER DATABASE few CONNECTION LIMIT 1")
        value(alone.url(), "CREATE ROLE plain LOGIN")
        value(alone.url(), "GRANT CREATE ON DATABASE few TO plain")
        plain = url.replace("sequencectl@", "plain@")
        with PostgresStore(plain), pytest.raises(StoreUnusable, match="too many connections"):
            PostgresStore(plain)

    def test_a_lock_and_a_slow_answer(self, url: str) -> None:
        """Both name the limit."""
        open_and_commit(url, "p")
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE sequencectl.project")
            for limit, said in (
                ("lock_timeout", r"is locked by somebody else; waited for 0.1 s"),
                ("statement_timeout", r"gave no answer within 0.1 s"),
            ):
                with (
                    PostgresStore(url, **{limit: 0.1}) as store,
                    pytest.raises(StoreUnusable, match=said),
                ):
                    store.serials()
