"""What the stores promise beside one another: locks, conflicts, and machines in any time zone."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from examples.stores.errors import StoreUnusable
from examples.stores.event_log import EventLogStore
from examples.stores.snapshot_file import SnapshotStore
from examples.stores.sqlite import SqliteStore
from sequencectl import TimeoutPolicy
from sequencectl.errors import Conflict
from tests.support import Host

BUSY = 0.05
IN_SQLITE = {
    "sqlite": lambda path: SqliteStore(path / "x.db", busy_timeout=BUSY),
    "event log": lambda path: EventLogStore(path / "x.db", busy_timeout=BUSY),
}
EVERY = {**IN_SQLITE, "snapshot file": SnapshotStore}
WORLD = {"dev": {"delivery": ["deploy"]}}
Make = Callable[[Path], SqliteStore | EventLogStore]
MakeAny = Callable[[Path], SqliteStore | EventLogStore | SnapshotStore]
in_sqlite = pytest.mark.parametrize("make", IN_SQLITE.values(), ids=IN_SQLITE)
every_store = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Somebody else is writing and does not stop."""
    with closing(sqlite3.connect(path / "x.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@in_sqlite
def test_whoever_writes_keeps_no_reader_out(make: Make, tmp_path: Path) -> None:
    """Every question is answered from what was committed last."""
    host = Host(WORLD)
    with make(tmp_path) as store:
        first = host.trigger("c1")
        store.commit(first)
        with writing(tmp_path):
            assert first.state == store.load("sockshop")
            assert first.state == store.load("sockshop", known=host.plane.initial("sockshop"))
            assert first.events == tuple(store.pending("sockshop", limit=10))
            assert [None, first.state.next_deadline] == [each.at for each in store.agenda(limit=10)]


@in_sqlite
def test_a_commit_looks_once_it_has_the_lock(make: Make, tmp_path: Path) -> None:
    """Before that even a conflict is no answer: what it read might not be so any more."""
    host = Host(WORLD)
    with make(tmp_path) as store:
        stale = host.trigger("c1")
        store.commit(stale)
        with writing(tmp_path), pytest.raises(StoreUnusable, match="locked by somebody else"):
            store.commit(stale)
        with pytest.raises(Conflict):
            store.commit(stale)


@every_store
def test_a_conflict_says_what_was_expected_and_found(make: MakeAny, tmp_path: Path) -> None:
    """And of which project."""
    host = Host(WORLD)
    store = make(tmp_path)
    first, second = host.trigger("c1"), host.trigger("c2")
    with pytest.raises(Conflict) as unexpected:
        store.commit(second)
    store.commit(first)
    with pytest.raises(Conflict) as again:
        store.commit(first)

    assert [("sockshop", 3, 0), ("sockshop", 0, 3)] == [
        (each.value.project, each.value.base, each.value.found) for each in (unexpected, again)
    ]


@every_store
def test_a_commit_says_whether_the_outbox_was_empty(make: MakeAny, tmp_path: Path) -> None:
    """It was at first, and where all was acknowledged; where a part was, it was not."""
    host = Host(WORLD)
    store = make(tmp_path)
    answers: list[bool] = []
    for number, unsent in enumerate((0, 9, 1, 0)):
        decision = host.trigger(f"c{number}")
        store.acknowledge("sockshop", through=decision.base - unsent)
        answers.append(store.commit(decision))

    assert [True, False, False, True] == answers


@every_store
def test_deadlines_are_in_order_wherever_the_machine_is(
    make: MakeAny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the hour that a night in autumn has twice."""
    store = make(tmp_path)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        begin = 304 * 86_400 - 9 * 3_600  # midnight in UTC of 2026-11-01
        for project, minutes in (("early", 5 * 60 + 45), ("late", 6 * 60 + 15)):
            host = Host(WORLD, project=project, timeouts=TimeoutPolicy(reaction="1m"))
            decision = host.at(begin + (minutes - 1) * 60).trigger("c1")
            store.commit(decision)
            store.acknowledge(project, through=decision.state.serial)
        agenda = store.agenda(limit=10)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert [("early", "2026-11-01T05:45:00+00:00"), ("late", "2026-11-01T06:15:00+00:00")] == [
        (each.project, each.at and each.at.isoformat()) for each in agenda
    ]
