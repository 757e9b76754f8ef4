"""The demo's stories in which a person decides: their transcript, their verdict, their pace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from examples.demo.__main__ import SPEED, main
from examples.demo.actors import Actor
from examples.demo.host import Pace
from examples.demo.people import (
    FIRST,
    FRIDAY,
    HOTFIX,
    LATE,
    LONGEST_WAIT,
    NEW,
    OLD,
    People,
    at,
    closed_at_night,
    people_script,
    plane_for_people,
)
from examples.demo.people_verdict import people_verdict
from sequencectl import Event, Opening, Result
from sequencectl.events import (
    SequenceExempted,
    SequenceFinished,
    SequenceStarted,
    SequenceSuperseded,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
    TaskFinishReported,
)
from tests.examples.performance import FakeTime, Spectator, failed, watched
from tests.examples.test_demo_durable import Crash, Keeper

GOLDEN = Path(__file__).parent / "golden" / "demo-people.txt"
REWRITE = (
    "\nThe transcript has changed. If every difference is meant, write it anew:"
    "\n  python3 dev.py demo --people --plain --speed max > tests/examples/golden/demo-people.txt\n"
)
Events = list[Event]
EventT = TypeVar("EventT", bound=Event)


def play(keeper: Keeper, *, seed: int = 1, speed: float | None = None) -> Spectator:
    """What spectators see when the stories are played on this store, or go on there."""
    return watched(
        keeper,
        plane_for_people(),
        People(),
        people_script(),
        actors={"deployment": Actor("deployment", seed=seed)},
        speed=speed,
        longest=LONGEST_WAIT,
    )


@cache
def played() -> tuple[Event, ...]:
    """The events of the default seed."""
    return tuple(play(Keeper()).events)


def test_the_transcript_is_the_golden_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The stories are printed line by line as in golden/demo-people.txt."""
    status = main(["--people", "--plain", "--speed", "max"])

    out = capsys.readouterr().out
    assert GOLDEN.read_text("utf-8").splitlines() == out.splitlines(), REWRITE
    assert status == 0


@pytest.mark.parametrize("seed", [0, 2, 7, -5])
def test_every_clause_holds_with_another_seed(seed: int) -> None:
    """However long a deployment takes, the stories go as promised."""
    events = tuple(play(Keeper(), seed=seed).events)

    assert failed(people_verdict(events)) == []
    assert events != played()


def test_a_week_passes_in_a_few_seconds() -> None:
    """At the default speed the sleeps add up to less than 20 seconds, with every story in it."""
    seconds = play(Keeper(), speed=SPEED).seconds

    assert played()[-1].at - played()[0].at > timedelta(days=6)
    assert 5 < seconds < 20


def test_only_what_would_take_too_long_passes_faster() -> None:
    """A stretch shorter than the longest one takes as long as its speed says."""
    time, ticks = FakeTime(), list[object]()
    pace = Pace(10.0, time.sleep, time.monotonic, longest=2.0)
    pace.pass_time(at(0, 10), at(0, 10) + timedelta(seconds=15), ticks.append)
    short = time.now - FakeTime().now
    pace.pass_time(at(0, 10), at(3, 10), ticks.append)

    assert pytest.approx(1.5, abs=0.01) == short
    assert pytest.approx(2.0, abs=0.01) == time.now - FakeTime().now - short
    assert at(3, 10) == ticks[-1]


def test_after_a_crash_at_any_call_the_stories_go_on_to_the_same_end() -> None:
    """Votes, freezes and windows are played again from the record, whatever the store had done."""
    calls = len((whole := Keeper(), play(whole))[0].calls)
    for last in range(1, calls, 3):
        keeper = Keeper(last=last, is_done_first=last % 2 == 0)
        with pytest.raises(Crash):
            play(keeper)
        play(again := Keeper(inner=keeper.inner, events=keeper.events))

        assert list(played()) == again.events


def test_a_finished_performance_prints_its_verdict_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in the database is not played once more."""
    arguments = ["--people", "--plain", "--speed", "max", "--db", str(tmp_path / "demo.db")]
    main(arguments)
    first = capsys.readouterr().out
    status = main(arguments)

    again = capsys.readouterr().out
    assert status == 0
    assert again.startswith(f"# {len(played())} events are on record, the last of 7d+06:00:")
    assert again.endswith(first[first.index("# Verdict") :])


def test_the_stories_of_people_have_a_shipyard_of_their_own() -> None:
    """A shipyard beside them is a mistake in the arguments."""
    with pytest.raises(SystemExit) as refused:
        main(["--people", "--shipyard", "mine.yaml"])

    assert refused.value.code == 2


@pytest.mark.parametrize(
    ("stage", "hour", "opening"),
    [
        ("production", 5, Opening(False, until=at(0, 6), name="night")),
        ("production", 6, Opening(True)),
        ("production", 17, Opening(True)),
        ("production", 18, Opening(False, until=at(1, 6), name="night")),
        ("gate", 18, Opening(True)),
    ],
)
def test_production_is_closed_at_night(stage: str, hour: int, opening: Opening) -> None:
    """From 18:00 to 06:00, both of them to the instant; the gate never."""
    assert opening == closed_at_night(stage, at(0, hour))


# ------------------------------------------------------------------ the verdict


def pick(events: Events, kind: type[EventT], context: str = "", stage: str = "") -> EventT:
    """The first event of a kind, perhaps of one context and one stage only."""
    return next(
        event
        for event in events
        if isinstance(event, kind)
        and context in ("", event.subject.context)
        and stage in ("", event.subject.stage)
    )


def changed(events: Events, event: Event, **values: Any) -> Events:
    """The events with one of them changed."""
    return [attrs.evolve(e, **values) if e is event else e for e in events]


def without(events: Events, event: Event) -> Events:
    """The events without one of them."""
    return [other for other in events if other is not event]


def an_end_is_missing(events: Events) -> Events:
    """The first delivery never ends."""
    return without(events, pick(events, SequenceFinished, FIRST, "production"))


def a_vote_of_ones_own(events: Events) -> Events:
    """Bob's vote is that of cora, who triggered the delivery."""
    return changed(events, pick(events, TaskFinishReported, NEW, "gate"), actor="cora")


def a_vote_counted_twice(events: Events) -> Events:
    """The rejection is still there when ann has approved."""
    return changed(events, pick(events, TaskFinished, FIRST, "gate"), result=Result.FAIL)


def another_voter(events: Events) -> Events:
    """Somebody else rejects at first."""
    return changed(events, pick(events, TaskFinishReported, FIRST, "gate"), actor="dave")


def an_old_approval_that_stays(events: Events) -> Events:
    """The older delivery is not superseded."""
    return without(events, pick(events, SequenceSuperseded, OLD))


def superseded_later(events: Events) -> Events:
    """Another decision supersedes the older delivery."""
    ended = pick(events, SequenceSuperseded, OLD)
    return changed(events, ended, at=ended.at + timedelta(minutes=1))


def a_missed_edge(events: Events) -> Events:
    """What waits for the window starts a minute after it opens."""
    started = pick(events, SequenceStarted, LATE, "production")
    return changed(events, started, at=started.at + timedelta(minutes=1))


def nobody_at_the_window(events: Events) -> Events:
    """The window opens, and nobody starts."""
    return without(events, pick(events, SequenceStarted, LATE, "production"))


def a_weekend_without_a_freeze(events: Events) -> Events:
    """Ann has frozen nothing."""
    return without(events, [e for e in events if isinstance(e, StageFrozen)][-1])


def a_freeze_that_ends_late(events: Events) -> Events:
    """The freeze is over an hour too late."""
    ended = [e for e in events if isinstance(e, StageUnfrozen)][-1]
    return changed(events, ended, at=ended.at + timedelta(hours=1))


def one_who_slips_through(events: Events) -> Events:
    """Another delivery starts while production is frozen."""
    started = pick(events, SequenceStarted, FRIDAY, "production")
    return changed(events, started, at=pick(events, SequenceExempted, HOTFIX).at)


def an_unexempted_hotfix(events: Events) -> Events:
    """Nobody has let the hotfix through."""
    return without(events, pick(events, SequenceExempted, HOTFIX))


SPOILT = [
    ("one ending", an_end_is_missing),
    ("own vote", a_vote_of_ones_own),
    ("changed mind", a_vote_counted_twice),
    ("changed mind", another_voter),
    ("void", an_old_approval_that_stays),
    ("void", superseded_later),
    ("window", a_missed_edge),
    ("window", nobody_at_the_window),
    ("weekend", a_weekend_without_a_freeze),
    ("weekend", a_freeze_that_ends_late),
    ("hotfix", one_who_slips_through),
    ("hotfix", an_unexempted_hotfix),
]


def test_every_clause_has_a_spoilt_history() -> None:
    """No clause is without a history that makes it fail, and nothing fails unspoilt."""
    clauses = people_verdict(played())

    assert [] == failed(clauses)
    assert {clause.name for clause in clauses} == {name for name, _ in SPOILT}


@pytest.mark.parametrize(
    ("name", "spoil"), SPOILT, ids=lambda part: getattr(part, "__name__", None)
)
def test_a_spoilt_history_fails(name: str, spoil: Callable[[Events], Events]) -> None:
    """A history spoilt for a clause fails it."""
    assert name in failed(people_verdict(spoil(list(played()))))


def test_a_history_that_tells_nothing_fails() -> None:
    """Where nothing happened no story was played, and no clause raises."""
    clauses = people_verdict(())

    assert {"changed mind", "window", "weekend", "hotfix"} <= set(failed(clauses))
