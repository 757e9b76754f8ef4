"""The demo's stories after a failure: their transcript, their verdict, their pace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from examples.demo.__main__ import SPEED, main
from examples.demo.failures import (
    FLAKY,
    LONGEST_WAIT,
    NEXT,
    NIGHTLY,
    REDRIVEN,
    REPAIRED,
    SKIPPED,
    Failures,
    actors_for_failures,
    failures_script,
    plane_for_failures,
)
from examples.demo.failures_verdict import failures_verdict
from examples.demo.tracks import Look, Tracks
from sequencectl import Event, Result, TaskTriggered
from sequencectl.events import (
    Control,
    SequenceFinished,
    SequenceStarted,
    SequenceTriggered,
    TaskEnd,
    TaskFinished,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskStartReported,
    TaskTimedOut,
)
from tests.examples.performance import Spectator, failed, watched
from tests.examples.test_demo_durable import Crash, Keeper

GOLDEN = Path(__file__).parent / "golden" / "demo-failures.txt"
REWRITE = (
    "\nThe transcript has changed. If every difference is meant, write it anew:\n  python3 dev.py"
    " demo --failures --plain --speed max > tests/examples/golden/demo-failures.txt\n"
)
Events = list[Event]
EventT = TypeVar("EventT", bound=Event)


def play(keeper: Keeper, *, seed: int = 1, speed: float | None = None) -> Spectator:
    """What spectators see when the stories are played on this store, or go on there."""
    return watched(
        keeper,
        plane_for_failures(),
        Failures(),
        failures_script(),
        actors=actors_for_failures(seed=seed),
        speed=speed,
        longest=LONGEST_WAIT,
    )


@cache
def played() -> tuple[Event, ...]:
    """The events of the default seed."""
    return tuple(play(Keeper()).events)


def test_the_transcript_is_the_golden_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The stories are printed line by line as in golden/demo-failures.txt."""
    status = main(["--failures", "--plain", "--speed", "max"])

    out = capsys.readouterr().out
    assert GOLDEN.read_text("utf-8").splitlines() == out.splitlines(), REWRITE
    assert status == 0


@pytest.mark.parametrize("seed", [0, 2, 7, -5])
def test_every_clause_holds_with_another_seed(seed: int) -> None:
    """However long the tasks take, the stories go as promised."""
    events = tuple(play(Keeper(), seed=seed).events)

    assert failed(failures_verdict(events)) == []
    assert events != played()


def test_a_day_passes_in_a_few_seconds() -> None:
    """At the default speed the sleeps add up to less than 15 seconds, with every story in it."""
    seconds = play(Keeper(), speed=SPEED).seconds

    assert played()[-1].at - played()[0].at > timedelta(hours=23)
    assert 5 < seconds < 15


def test_after_a_crash_at_any_call_the_stories_go_on_to_the_same_end() -> None:
    """Attempts, retries and redrives are played again from the record, ids included."""
    calls = len((whole := Keeper(), play(whole))[0].calls)
    for last in range(1, calls, 5):
        keeper = Keeper(last=last, is_done_first=last % 2 == 0)
        with pytest.raises(Crash):
            play(keeper)
        play(again := Keeper(inner=keeper.inner, events=keeper.events))

        assert list(played()) == again.events


def test_the_stories_after_a_failure_have_shipyards_of_their_own() -> None:
    """A shipyard, or the stories of people, beside them are a mistake in the arguments."""
    for other in (["--shipyard", "mine.yaml"], ["--people"]):
        with pytest.raises(SystemExit) as refused:
            main(["--failures", *other])

        assert refused.value.code == 2


def test_the_second_who_redrives_is_told_so() -> None:
    """Ann's redrive is accepted; bob's is refused in a sentence, and typed under his name."""
    texts = [line.text for line in play(Keeper()).lines]
    typed = [text for text in texts if text.startswith("sequencectl-cli redrive")]

    assert [f"--actor={name}" for name in ("ann", "bob")] == [text.split()[-1] for text in typed]
    assert texts[texts.index(typed[1]) + 1].startswith("Error: ")
    assert 1 == sum(text.startswith("Error: ") for text in texts)


def test_people_read_what_failed_and_who_waits() -> None:
    """The explanations say why a task failed, which attempt is next and who holds the stage."""
    text = "\n".join(line.text for line in play(Keeper()).lines)

    for said in (
        "attempt 2 of 3",
        "the login took 9 s",
        "the registry does not answer",
        f"{REPAIRED} (parked)",
        "skipped by bob: the page was removed on purpose",
        f"redrives {REDRIVEN}",
    ):
        assert said in text


def test_a_track_shows_what_is_parked_and_who_is_heard_of() -> None:
    """Parked time has a look of its own, a delay between attempts is one, and words follow."""
    tracks, words = Tracks(), list[str]()
    for event in played():
        tracks.take_in(event)
        words += [track.word for track in tracks.grouped() if track.context == REPAIRED]
    spans = {track.context: track.spans for track in tracks.grouped()}

    assert ["failed", "failed", "parked", "done", "done"] == [
        span.look.value for span in spans[REPAIRED] if span.begin != span.end
    ][:5]
    assert 2 == sum(s.look is Look.DELAY and s.begin != s.end for s in spans[FLAKY])
    assert ["running", "deployment", "parked", "deployment"] == [
        word for word, _ in groupby(words)
    ][1:5]


def test_a_first_sign_of_progress_is_work() -> None:
    """A task whose executor was only heard of by its progress is shown as worked on."""
    tracks = Tracks()
    start = pick(list(played()), TaskStartReported, NIGHTLY)
    for event in played()[: played().index(pick(list(played()), TaskTimedOut, NIGHTLY))]:
        if event is not start:
            tracks.take_in(event)

    (track,) = (track for track in tracks.grouped() if track.context == NIGHTLY)
    assert Look.WORK is track.spans[-1].look


# ------------------------------------------------------------------ the verdict


def pick(events: Events, kind: type[EventT], context: str, number: int = 0) -> EventT:
    """The event of a kind and a context with this number."""
    found = [e for e in events if isinstance(e, kind) and e.subject.context == context]
    return found[number]


def changed(events: Events, event: Event, **values: Any) -> Events:
    """The events with one of them changed."""
    return [attrs.evolve(e, **values) if e is event else e for e in events]


def later(events: Events, event: Event, seconds: int = 1) -> Events:
    """The events with one of them a little later."""
    return changed(events, event, at=event.at + timedelta(seconds=seconds))


def without(events: Events, event: Event) -> Events:
    """The events without one of them."""
    return [other for other in events if other is not event]


def an_end_is_missing(events: Events) -> Events:
    """The parked delivery never ends."""
    return without(events, pick(events, SequenceFinished, REPAIRED))


def the_first_failure_is_the_last_word(events: Events) -> Events:
    """The first attempt at the test counts."""
    return changed(events, pick(events, TaskFinished, FLAKY, 1), end=TaskEnd.OVER)


def the_third_attempt_fails(events: Events) -> Events:
    """The flaky test ends its delivery."""
    return changed(events, pick(events, SequenceFinished, FLAKY), result=Result.FAIL)


def an_attempt_without_its_delay(events: Events) -> Events:
    """The third attempt begins as soon as the second one is over."""
    over = pick(events, TaskFinished, FLAKY, 2)
    return changed(events, pick(events, TaskTriggered, FLAKY, 3), at=over.at)


def an_unplanned_attempt(events: Events) -> Events:
    """Nobody was told when the second attempt would begin."""
    return without(events, pick(events, TaskScheduled, FLAKY))


def one_who_does_not_wait(events: Events) -> Events:
    """The next delivery starts while the first one is parked."""
    at = pick(events, TaskRetried, REPAIRED).at
    return changed(events, pick(events, SequenceStarted, NEXT), at=at)


def a_lane_that_stays_free(events: Events) -> Events:
    """The next delivery starts in another decision."""
    started = pick(events, SequenceStarted, NEXT)
    return changed(events, started, serial=started.serial + 1)


def nobody_retries(events: Events) -> Events:
    """The deployment runs again by itself."""
    return without(events, pick(events, TaskRetried, REPAIRED))


def retried_in_vain(events: Events) -> Events:
    """The deployment fails once more."""
    return changed(events, pick(events, TaskFinished, REPAIRED, 1), result=Result.FAIL)


def skipped_as_passed(events: Events) -> Events:
    """Of the warning nothing is left in the end."""
    return changed(events, pick(events, SequenceFinished, SKIPPED), result=Result.PASS)


def skipped_without_a_reason(events: Events) -> Events:
    """Bob does not say why."""
    return changed(events, pick(events, TaskSkipped, SKIPPED), control=Control(actor="bob"))


def everything_runs_again(events: Events) -> Events:
    """The redrive begins with the build."""
    return changed(events, pick(events, TaskTriggered, REDRIVEN, 3), task="build")


def two_redrives(events: Events) -> Events:
    """Bob's redrive is accepted as well."""
    again = pick(events, SequenceTriggered, REDRIVEN, 1)
    return [*events, attrs.evolve(again, serial=len(events) + 1)]


def a_redrive_that_carries_nothing(events: Events) -> Events:
    """The new record does not say what passed in the old one."""
    again = pick(events, SequenceTriggered, REDRIVEN, 1)
    assert again.redrive is not None
    return changed(events, again, redrive=attrs.evolve(again.redrive, carried=()))


def a_failure_forgotten(events: Events) -> Events:
    """The evening's delivery has passed after all."""
    return changed(events, pick(events, SequenceFinished, REDRIVEN), result=Result.PASS)


def noticed_too_late(events: Events) -> Events:
    """The dead executor is noticed a second too late."""
    return later(events, pick(events, TaskTimedOut, NIGHTLY))


def noticed_too_soon(events: Events) -> Events:
    """An executor that has just said something is taken for dead."""
    return later(events, pick(events, TaskProgressReported, NIGHTLY, 1))


def never_noticed(events: Events) -> Events:
    """The dead executor is waited for."""
    return without(events, pick(events, TaskTimedOut, NIGHTLY))


def nobody_takes_over(events: Events) -> Events:
    """No other attempt begins."""
    return without(events, pick(events, TaskTriggered, NIGHTLY, 1))


def taken_over_in_vain(events: Events) -> Events:
    """The second attempt fails."""
    return changed(events, pick(events, SequenceFinished, NIGHTLY), result=Result.FAIL)


SPOILT = [
    ("one ending", an_end_is_missing),
    ("third attempt", the_first_failure_is_the_last_word),
    ("third attempt", the_third_attempt_fails),
    ("backoff", an_attempt_without_its_delay),
    ("backoff", an_unplanned_attempt),
    ("lane kept", one_who_does_not_wait),
    ("lane kept", a_lane_that_stays_free),
    ("repaired", nobody_retries),
    ("repaired", retried_in_vain),
    ("skipped", skipped_as_passed),
    ("skipped", skipped_without_a_reason),
    ("redriven", everything_runs_again),
    ("redriven", two_redrives),
    ("redriven", a_redrive_that_carries_nothing),
    ("old end", a_failure_forgotten),
    ("noticed", noticed_too_late),
    ("noticed", noticed_too_soon),
    ("noticed", never_noticed),
    ("taken over", nobody_takes_over),
    ("taken over", taken_over_in_vain),
]


def test_every_clause_has_a_spoilt_history() -> None:
    """No clause is without a history that makes it fail, and nothing fails unspoilt."""
    clauses = failures_verdict(played())

    assert [] == failed(clauses)
    assert {clause.name for clause in clauses} == {name for name, _ in SPOILT}


@pytest.mark.parametrize(
    ("name", "spoil"), SPOILT, ids=lambda part: getattr(part, "__name__", None)
)
def test_a_spoilt_history_fails(name: str, spoil: Callable[[Events], Events]) -> None:
    """A history spoilt for a clause fails it."""
    assert name in failed(failures_verdict(spoil(list(played()))))


def test_a_history_that_tells_nothing_fails() -> None:
    """Where nothing happened no story was played, and no clause raises."""
    clauses = failures_verdict(())

    assert set(failed(clauses)) == {clause.name for clause in clauses} - {"one ending"}
