"""A store as the host watches it: commits and conflicts are counted, own deadlines are kept."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import pytest

from examples.controller.metrics import Metrics
from examples.controller.watched import OwnDeadlines, WatchedBatchStore, watched
from sequencectl import ControlPlane, Shipyard
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.testing import InMemoryStore, ManualClock, StoreCapabilities, check_store
from tests.examples.controller.hosting import trigger

NOW = ManualClock().now()
MINUTE = timedelta(minutes=1)


def decided(project: str, known: str = "a") -> Decision:
    """A first decision on a project."""
    plane = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy"]}}))
    return plane.decide(plane.initial(project), trigger(known), NOW)


def counted(metrics: Metrics) -> tuple[float, float, float]:
    """Commits, conflicts, and projects with unsent events."""
    rows = metrics.text().decode().split("\n")
    found = dict(row.rsplit(" ", 1) for row in rows if row and not row.startswith("#"))
    names = ("commits_total", "conflicts_total", "unsent_projects")
    commits, conflicts, unsent = (float(found[f"sequencectl_{name}"]) for name in names)
    return commits, conflicts, unsent


class OneAtATime:
    """A store without a method for several projects."""

    def __init__(self) -> None:
        store = InMemoryStore()
        self.load, self.commit, self.agenda = store.load, store.commit, store.agenda
        self.pending, self.acknowledge = store.pending, store.acknowledge


def test_a_watched_store_is_a_store() -> None:
    """It keeps the contract as the store within it does."""
    places: defaultdict[str, InMemoryStore] = defaultdict(InMemoryStore)
    capabilities = StoreCapabilities(batches=True)
    check_store(lambda place: watched(places[place], Metrics(), OwnDeadlines()), capabilities)


def test_what_is_committed_and_refused_is_counted() -> None:
    """And what the agenda says is unsent."""
    metrics, deadlines = Metrics(), OwnDeadlines()
    store = watched(InMemoryStore(), metrics, deadlines)
    store.commit(decided("p"))
    with pytest.raises(Conflict):
        store.commit(decided("p", "b"))
    store.agenda(limit=9)

    assert (1, 1, 1) == counted(metrics)
    assert decided("p").next_deadline == deadlines.next()


def test_what_is_done_at_once_is_counted_one_by_one() -> None:
    """The abilities of the store are those of the watched one."""
    metrics, deadlines = Metrics(), OwnDeadlines()
    store = watched(InMemoryStore(), metrics, deadlines)
    assert isinstance(store, WatchedBatchStore)
    store.commit(decided("p"))
    answers = store.commit_many([decided("p", "b"), decided("q")])
    names = ["p", "q"]
    store.agenda(limit=9)
    unsent = counted(metrics)
    pending = store.pending_many(names, limit=9)
    store.acknowledge_many({name: events[-1].serial for name, events in pending.items()})
    store.agenda(limit=9)
    loaded = store.load_many(names, known={})

    assert isinstance(answers["p"], Conflict)
    assert ((2, 1, 2), (2, 1, 0)) == (unsent, counted(metrics))
    assert [3, 3] == [loaded[name].serial for name in names]


def test_a_store_that_can_do_one_thing_at_a_time_stays_one() -> None:
    """No ability is claimed that is not there."""
    assert not hasattr(watched(OneAtATime(), Metrics(), OwnDeadlines()), "commit_many")


# ---------------------------------------------------------------- own deadlines


def put(deadlines: OwnDeadlines, **minutes: int | None) -> datetime | None:
    """Set deadlines, in minutes from now; return the next one."""
    for project, after in minutes.items():
        deadlines.put(project, None if after is None else NOW + after * MINUTE)
    return deadlines.next()


def test_the_next_deadline_is_the_earliest_that_still_holds() -> None:
    """Of each project the one that was set last counts, also if it is later, or none."""
    deadlines = OwnDeadlines()
    seen = [
        deadlines.next(),
        put(deadlines, p=3, q=2, r=4),
        put(deadlines, q=None),
        put(deadlines, p=5),
        put(deadlines, p=3),
    ]

    assert [None, *(NOW + each * MINUTE for each in (2, 3, 4, 3))] == seen


def test_what_is_due_is_forgotten_once_it_is_acted_on() -> None:
    """What comes later is not; and what is set anew is kept."""
    deadlines = OwnDeadlines()
    put(deadlines, p=1, q=2, r=3)
    deadlines.forget(NOW + 2 * MINUTE)
    rest = deadlines.next()

    assert [NOW + 3 * MINUTE, NOW + MINUTE] == [rest, put(deadlines, p=1)]


def test_deadlines_that_are_over_take_no_room() -> None:
    """However often one is moved behind an earlier one that stays."""
    deadlines = OwnDeadlines()
    for number in range(5_000):
        put(deadlines, first=1, p=2 + number % 7)

    assert len(deadlines._line) < 500
    assert NOW + MINUTE == deadlines.next()
