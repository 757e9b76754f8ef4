"""The storage of a controller on PostgreSQL: what replicas hear, what a start makes up, plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count
from queue import Queue
from typing import Any, NoReturn

import psycopg
import pytest

from examples.controller.storage.journal import SCHEMA as JOURNAL
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.projects import CHANGED
from examples.controller.storage.shared import PostgresBackend
from examples.postgres.database import _Statements
from examples.postgres.server import CannotServe, PrivateServer
from examples.stores.errors import StoreUnusable
from examples.stores.portable import Rows, Values
from sequencectl import ControlPlane
from sequencectl.testing import ManualClock
from tests.examples.controller.storage.test_projects import shipyard
from tests.support import Host

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOK_AT_EVERYTHING = ("", 0)


@pytest.fixture
def backend(url: str) -> PostgresBackend:
    """A database with nothing in it."""
    return PostgresBackend(url)


def lived(backend: PostgresBackend, *contexts: str) -> Host:
    """A project in whose contexts something happened, which nobody has published."""
    host = Host({"dev": {"delivery": ["deploy"]}}, project="shop")
    with closing(backend.store()) as store:
        for context in contexts:
            store.commit(host.trigger(context, context=context, service="carts"))
    return host


def test_everything_is_in_one_database(backend: PostgresBackend, url: str) -> None:
    """Each part in a schema; those of two controllers are told apart by their names."""
    other = PostgresBackend(url, schema="other")
    with ExitStack() as stack:
        for each in (backend, other):
            assert (each.is_shared, each.lost) == (True, None)
            each.look()
            store, journal = (
                stack.enter_context(closing(p)) for p in (each.store(), each.journal())
            )
            projects = stack.enter_context(closing(each.projects(ControlPlane)))
            stack.enter_context(closing(each.uniform(ManualClock())))
            stack.enter_context(closing(each.states()))
            stack.enter_context(closing(each.journal_reader()))
            each.compare(store, projects, journal)
            each.close()
        projects.create("shop", shipyard("dev"), now=NOON, since=0)
        with closing(backend.projects(ControlPlane)) as first:
            assert () == first.all()
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(seq|oth)'")
        found = {name for (name,) in rows}

    parts = ("", "_projects", f"_journal_{JOURNAL.version}")
    assert {f"{name}{part}" for name in ("sequencectl", "other") for part in parts} == found


def test_a_replica_hears_what_any_replica_does(backend: PostgresBackend) -> None:
    """What was told, up to which serial; and that a project was created, changed or deleted."""
    heard: Queue[tuple[str, int]] = Queue()
    host = lived(backend, "a", "b")
    last = host.events[-1].serial
    with backend.follow(lambda *said: heard.put(said)):
        assert LOOK_AT_EVERYTHING == heard.get(timeout=60)
        with (
            closing(backend.journal()) as journal,
            closing(backend.projects(ControlPlane)) as projects,
        ):
            projects.create("shop", shipyard("dev"), now=NOON, since=0)
            journal.tell("shop", host.events[:2])
            journal.tell("shop", host.events)
            journal.tell("shop", host.events)  # no news
            projects.update("shop", shipyard("dev", "prod"))
            projects.add_service("shop", "carts", now=NOON)
            projects.remove_service("shop", "carts")
            projects.delete("shop")
            journal.tell(
                "end", Host({"dev": {"delivery": ["x"]}}, project="end").trigger("x").events
            )
        found = []
        while not found or found[-1][0] != "end":
            found.append(heard.get(timeout=60))

    changed = ("shop", CHANGED)
    assert [changed, ("shop", 2), ("shop", last), *[changed] * 4] == found[:-1]


def told(backend: PostgresBackend) -> list[Any]:
    """How far the project shop is told, and its contexts."""
    with closing(backend.journal_reader()) as reader:
        page = reader.deliveries("shop", size=9, names={})
        return [reader.told("shop"), *sorted(each["context"] for each in page.entries)]


def test_a_start_makes_up_what_the_journal_lacks(backend: PostgresBackend) -> None:
    """From the store; of a project that was created a second time, what came since."""
    host = lived(backend, "a", "b")
    with closing(backend.store()) as store, closing(backend.journal()) as journal:
        for _ in range(2):
            backend.catch_up(store, journal, "shop", since=begin_of(host, "b"))

    assert [host.state.serial, "b"] == told(backend)


def begin_of(host: Host, context: str) -> int:
    """The serial before the first event of a context."""
    return next(e.serial for e in host.events if e.subject.context == context) - 1


def test_a_journal_that_is_new_beside_others_makes_up_what_it_lacks(
    backend: PostgresBackend,
) -> None:
    """When it is told of what comes next: those of another version did not tell it."""
    host = lived(backend, "a", "b", "c")
    with (
        closing(backend.journal()) as journal,
        closing(backend.projects(ControlPlane)) as projects,
    ):
        since = begin_of(host, "b")
        projects.create("shop", shipyard("dev"), now=NOON, since=since)
        journal.tell("shop", host.events[-1:])

    assert [host.state.serial, "b", "c"] == told(backend)


def test_a_new_journal_makes_up_nothing_of_a_deleted_project(backend: PostgresBackend) -> None:
    """Even if a replica publishes late what was committed before the deletion."""
    host = lived(backend, "a", "b")
    with closing(backend.journal()) as journal:
        journal.tell("shop", host.events[-1:])

    assert [host.state.serial] == told(backend)


def test_a_store_that_cannot_make_up_the_journal_is_said(backend: PostgresBackend) -> None:
    """Somebody dropped events that were acknowledged; where that is, is said without a password."""
    host = lived(backend, "a")

    class Short:
        """A store that lacks the first event."""

        def events(self, *_: Any, **__: Any) -> Any:
            return host.events[1:]

    with (
        closing(backend.journal()) as journal,
        pytest.raises(StoreUnusable, match=r"^PostgreSQL .*: lacks events of project shop after 0"),
    ):
        backend.catch_up(Short(), journal, "shop", since=0)  # type: ignore[arg-type] # a fake


def test_the_newest_state_is_that_of_any_replica(backend: PostgresBackend) -> None:
    """And one is read once."""
    host = Host({"dev": {"delivery": ["deploy"]}}, project="shop")
    with closing(backend.states()) as states, closing(backend.store()) as store:
        first = states.of("shop", host.plane)
        store.commit(host.trigger("a"))

        assert host.plane.initial("shop") == first
        assert host.state == states.of("shop", host.plane)
        assert states.of("shop", host.plane) is states.of("shop", host.plane)


# ---------------------------------------------------------------- plans

MANY = 20_000


_NUMBERS = count(1)


@pytest.fixture(scope="module")
def crowded(
    _server_or_reason: PrivateServer | CannotServe,
) -> Iterator[JournalReader | CannotServe]:
    """A journal of 20 projects, read: 1 000 events and deliveries each, 40 contexts."""
    if isinstance(_server_or_reason, CannotServe):
        yield _server_or_reason
        return
    url = _server_or_reason.create(f"crowded_{next(_NUMBERS)}")
    backend = PostgresBackend(url)
    backend.journal().close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET search_path = sequencectl_journal_{JOURNAL.version}".encode())
        connection.execute(
            """INSERT INTO history SELECT 'p' || n % 20, n, 'c' || n % 800, 'i' || n,
               CASE WHEN n <= 200 THEN 'rare' ELSE 't' || n % 7 END, 's', 'dev', 'carts',
               to_char(n, '000000'), (n <= 800)::int, 'a' || n % 3, '{}'
               FROM generate_series(1, 20000) AS n"""
        )
        connection.execute(
            """INSERT INTO delivery SELECT 'p' || n % 20, 'c' || n, n, n, 'd', 's',
               to_char(n, '000000'), 'finished', '"dev"', '{}'
               FROM generate_series(1, 20000) AS n"""
        )
        connection.execute("ANALYZE")
    with closing(backend.journal_reader()) as reader:
        yield reader


QUESTIONS: dict[str, Callable[[JournalReader], Any]] = {
    "a delivery": lambda it: it.delivery("p7", "c7"),
    "deliveries": lambda it: it.deliveries("p7", size=5, names={}),
    "deliveries on a later page": lambda it: it.deliveries("p7", size=5, before=9_000, names={}),
    "deliveries that changed": lambda it: it.changed("p7", after=MANY - 100, most=5),
    "history": lambda it: it.history("p7", size=5, names={}),
    "history on a later page": lambda it: it.history("p7", size=5, after=9_000, names={}),
    "history of a context": lambda it: it.history("p7", size=5, names={"context": "c7"}),
    "newest": lambda it: it.newest(size=5, names={"project": "p7"}),
    "newest of a type": lambda it: it.newest(size=5, names={"project": "p7", "type": "t3"}),
    "newest of a rare type": lambda it: it.newest(size=5, names={"project": "p7", "type": "rare"}),
    "newest of a context": lambda it: it.newest(size=5, names={"context": "c7"}),
    "roots": lambda it: it.newest(size=5, names={"project": "p7"}, is_root=True),
    "an event": lambda it: it.event("p7", "c7", known="i7", kind="t0"),
    "answers": lambda it: it.answers("p7", "c7", to="a1", kind="t0"),
    "services": lambda it: it.services("p7"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_page_is_read_by_an_index(
    crowded: JournalReader | CannotServe,
    question: str,
    require_or_skip: Callable[[str], NoReturn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So few rows are looked at for it, of so many, whether they fit or not."""
    if isinstance(crowded, CannotServe):
        require_or_skip(str(crowded))
    plans, execute = [], _Statements.execute

    def explaining(self: _Statements, statement: str, values: Values = (), /) -> Rows:
        if statement.startswith("SELECT") and not statement.startswith("SELECT count"):
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            plans.append(execute(self, explain, values).fetchone()[0][0]["Plan"])
        return execute(self, statement, values)

    monkeypatch.setattr(_Statements, "execute", explaining)
    QUESTIONS[question](crowded)

    assert plans
    assert [each for each in map(looked_at, plans) if each > MANY / 200] == []


def looked_at(node: dict[str, Any]) -> float:
    """How many rows the scans of a plan have found, or found not to fit."""
    parts = sum(map(looked_at, node.get("Plans", ())))
    if "Relation Name" not in node:
        return parts
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return parts + each * node["Actual Loops"]
