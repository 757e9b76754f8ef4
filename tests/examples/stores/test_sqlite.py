"""What the store in SQLite promises beyond the port: how durable it is, how little it reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from examples.stores.sqlite import ALL, KEPT, SqliteStore
from sequencectl import Command, ControlPlane, Decision, ProjectState, Shipyard, TriggerSequence
from sequencectl.control_plane import combine
from tests.support import T0

PLANE = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy"]}}))


def burst(state: ProjectState, count: int) -> Decision:
    """One decision after which so many more are in line."""
    decisions: list[Decision] = []
    for number in range(count):
        command: Command = TriggerSequence(
            f"c{state.serial}-{number}", stage="dev", sequence="delivery"
        )
        before = decisions[-1].state if decisions else state
        decisions.append(PLANE.decide(before, command, T0))
    return combine(*decisions)


@contextmanager
def statements(store: SqliteStore) -> Iterator[list[str]]:
    """The SQL that runs meanwhile, without values."""
    seen: list[str] = []
    store._database.connection.set_trace_callback(lambda text: seen.append(text[:30]))
    yield seen
    store._database.connection.set_trace_callback(None)


def test_whatever_is_done_to_many_projects_is_one_transaction(tmp_path: Path) -> None:
    """Also where some decisions meet a conflict: a batch waits for the disk once."""
    firsts = [burst(PLANE.initial(f"p{number}"), 2) for number in range(20)]
    projects = [each.project for each in firsts]
    with SqliteStore(tmp_path / "x.db") as store:
        store.commit(firsts[7])
        with statements(store) as seen:
            store.commit_many(firsts)
            store.load_many(projects, known={})
            store.pending_many(projects, limit=100)
            store.acknowledge_many(dict.fromkeys(projects, 100))
        ends = [text for text in seen if text.startswith(("BEGIN", "COMMIT"))]

    writes, reads = ["BEGIN IMMEDIATE", "COMMIT"], ["BEGIN", "COMMIT"]
    assert [*writes, *reads, *reads, *writes] == ends


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1)])
def test_commits_are_as_durable_as_was_asked_for(
    tmp_path: Path, synchronous: Literal["FULL", "NORMAL"], level: int
) -> None:
    """An acknowledgement may be lost in a power cut; the commits around it may not."""
    decision = burst(PLANE.initial("p"), 1)
    with SqliteStore(tmp_path / "x.db", synchronous=synchronous) as store:
        for _ in range(2):
            found = store._database.connection.execute("PRAGMA synchronous").fetchone()
            assert (level,) == found
            store.acknowledge("p", through=decision.state.serial)
        (mode,) = store._database.connection.execute("PRAGMA journal_mode").fetchone()

    assert "wal" == mode


def test_neither_load_nor_commit_depends_on_the_size_of_a_project(tmp_path: Path) -> None:
    """With ten in line or five hundred the same statements run; none reads a sequence's row."""
    seen: dict[int, list[str]] = {}
    for size in (10, 500):
        with SqliteStore(tmp_path / f"{size}.db") as store:
            crowd = burst(PLANE.initial("p"), size)
            store.commit(crowd)
            store.acknowledge("p", through=crowd.state.serial)
            with statements(store) as seen[size]:
                store.commit(burst(crowd.state, 1))
                store.load("p", known=crowd.state)
                store.pending("p", limit=500)
                store.acknowledge("p", through=crowd.state.serial + 1)

    assert seen[10] == seen[500]
    assert any(text.startswith("REPLACE INTO sequence") for text in seen[500])
    assert not any("FROM sequence" in text for text in seen[500])


def test_whoever_knows_the_newest_state_pays_one_look(tmp_path: Path) -> None:
    """And what was committed a moment ago is published without being decoded."""
    crowd = burst(PLANE.initial("p"), 3)
    with SqliteStore(tmp_path / "x.db") as store:
        store.commit(crowd)
        with statements(store) as seen:
            loaded = store.load("p", known=crowd.state)
        pending = store.pending("p", limit=10)

    assert loaded is crowd.state
    assert 1 == len(seen)
    assert [True] * len(crowd.events) == [
        one is other for one, other in zip(crowd.events, pending, strict=True)
    ]


def test_a_state_from_long_ago_is_caught_up_or_read_afresh(tmp_path: Path) -> None:
    """As many events stay as `KEPT` says; whoever knows less reads the rows."""
    states = [PLANE.initial("p")]
    with SqliteStore(tmp_path / "x.db") as store:
        for _ in range(4):
            decision = burst(states[-1], KEPT // 3)
            store.commit(decision)
            store.acknowledge("p", through=decision.state.serial)
            states.append(decision.state)
        kept = store._database.connection.execute("SELECT count(*) FROM event").fetchone()
        loaded = [store.load("p", known=known) for known in (None, *states)]

    assert (KEPT,) == kept
    assert [states[-1]] * 6 == loaded


@pytest.mark.parametrize("behind", [KEPT, KEPT + 1])
def test_as_many_events_as_are_kept_are_caught_up(tmp_path: Path, behind: int) -> None:
    """One more, and the rows are read, also where the events are all there."""
    old = burst(PLANE.initial("p"), 3)
    new = burst(old.state, behind)
    with SqliteStore(tmp_path / "x.db", kept=ALL) as store:
        store.commit(old)
        store.commit(new)
        with statements(store) as seen:
            loaded = store.load("p", known=old.state)

    assert behind == new.state.serial - old.state.serial
    assert (new.state, behind > KEPT) == (loaded, any("FROM sequence" in text for text in seen))


def test_a_host_may_keep_every_event(tmp_path: Path) -> None:
    """With `kept` at ALL acknowledged events stay as an audit log, across a restart too."""
    crowd = burst(PLANE.initial("p"), KEPT)
    with SqliteStore(tmp_path / "x.db", kept=ALL) as store:
        store.commit(crowd)
        store.acknowledge("p", through=crowd.state.serial)
        assert store.pending("p", limit=1) == ()
    with SqliteStore(tmp_path / "x.db", kept=ALL) as store:
        kept, others = store.events("p"), store.events("q")

    assert len(crowd.events) > KEPT
    assert crowd.events == kept
    assert others == ()


def test_with_an_event_missing_nothing_is_caught_up(tmp_path: Path) -> None:
    """Another version of this store may keep fewer events: then the rows are read."""
    first = burst(PLANE.initial("p"), 2)
    second = burst(first.state, 2)
    with SqliteStore(tmp_path / "x.db") as store:
        store.commit(first)
        store.commit(second)
        for serial in (second.state.serial, first.state.serial + 1):
            store._database.connection.execute("DELETE FROM event WHERE serial = ?", (serial,))
            assert second.state == store.load("p", known=first.state)


def test_unsent_events_outlast_any_number_of_others(tmp_path: Path) -> None:
    """What nobody acknowledged is not dropped, however old."""
    many = burst(PLANE.initial("p"), 2 * KEPT)
    with SqliteStore(tmp_path / "x.db") as store:
        store.commit(many)
        store.acknowledge("p", through=3)
        pending = store.pending("p", limit=10 * KEPT)

    assert many.events[3:] == pending
