"""What the store of events promises beyond the port: how much it folds, and from where."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.stores.errors import StoreUnusable
from examples.stores.event_log import EventLogStore
from sequencectl.serialization import load_project
from tests.support import Host

EVERY = 7


@contextmanager
def statements(store: EventLogStore) -> Iterator[list[str]]:
    """The SQL that runs meanwhile."""
    seen: list[str] = []
    store._database.connection.set_trace_callback(seen.append)
    yield seen
    store._database.connection.set_trace_callback(None)


def snapshot_of(store: EventLogStore) -> int | None:
    """The serial of the snapshot that is kept; None if there is none."""
    row = store._database.connection.execute("SELECT state FROM snapshot").fetchone()
    return None if row is None else load_project(row[0]).serial


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventLogStore]:
    """An empty store that makes a snapshot each seven events."""
    with EventLogStore(tmp_path / "events.db", every=EVERY) as store:
        yield store


def host_with(store: EventLogStore, deliveries: int) -> Host:
    """A host that told the store about so many deliveries: three events, then one for each."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    for number in range(deliveries):
        store.commit(host.trigger(f"c{number}"))
    return host


def test_a_snapshot_is_kept_of_each_seventh_event(store: EventLogStore) -> None:
    """It is written with the commit that gets there, and by no other."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    seen = []
    for number in range(13):
        store.commit(host.trigger(f"c{number}"))
        seen.append((host.state.serial, snapshot_of(store)))

    assert [(serial, serial // EVERY * EVERY or None) for serial, _ in seen] == seen
    assert {None, 7, 14} == {snapshot for _, snapshot in seen}


def test_so_many_events_as_asked_for_pass_between_two_snapshots(tmp_path: Path) -> None:
    """Five hundred if nothing was asked for."""
    with EventLogStore(tmp_path / "x.db") as store:
        host = host_with(store, 497)
        assert (499, None) == (host.state.serial, snapshot_of(store))
        store.commit(host.trigger("last"))

        assert 500 == snapshot_of(store)


@pytest.mark.parametrize(
    ("known", "reads"),
    [
        pytest.param(20, False, id="the newest"),
        pytest.param(13, False, id="as far behind as may be"),
        pytest.param(12, True, id="farther behind"),
        pytest.param(21, True, id="ahead: of another history"),
    ],
)
def test_what_is_known_is_caught_up_unless_it_is_too_old(
    store: EventLogStore, known: int, *, reads: bool
) -> None:
    """Else the last snapshot is; either way the state is the newest."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    states = {}
    for number in range(19):
        decision = host.trigger(f"c{number}")
        states[decision.state.serial] = decision.state
        if number < 18:
            store.commit(decision)
    with statements(store) as seen:
        loaded = store.load("sockshop", known=states[known])

    assert states[20] == loaded
    assert reads is any("FROM snapshot" in text for text in seen)


def test_without_a_snapshot_all_is_folded(store: EventLogStore) -> None:
    """The log alone is enough: snapshots save time, and say nothing."""
    host = host_with(store, 20)
    store._database.connection.execute("DELETE FROM snapshot")

    assert host.state == store.load("sockshop")


def test_acknowledged_events_stay_in_the_log(store: EventLogStore) -> None:
    """Only the position moves."""
    host = host_with(store, 20)
    store.acknowledge("sockshop", through=host.state.serial)
    (count,) = store._database.connection.execute("SELECT count(*) FROM event").fetchone()

    assert () == tuple(store.pending("sockshop", limit=100))
    assert host.state.serial == count


@pytest.mark.parametrize(
    "statement", ["UPDATE event SET event = ?", "UPDATE snapshot SET state = ?"]
)
def test_a_value_that_is_not_ours_is_noticed(store: EventLogStore, statement: str) -> None:
    """Reading stops with what is wrong."""
    host_with(store, 20)
    store._database.connection.execute(statement, (b"{}",))

    with pytest.raises(StoreUnusable, match="holds what is not ours"):
        store.load("sockshop")


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1)])
def test_commits_are_as_durable_as_was_asked_for(
    tmp_path: Path, synchronous: str, level: int
) -> None:
    """FULL if nothing was asked for; an acknowledgement changes nothing about it."""
    options = {} if synchronous == "FULL" else {"synchronous": synchronous}
    with EventLogStore(tmp_path / "x.db", **options) as store:  # type: ignore[arg-type] # a word
        host = host_with(store, 1)
        store.acknowledge("sockshop", through=host.state.serial)

        assert (level,) == store._database.connection.execute("PRAGMA synchronous").fetchone()
