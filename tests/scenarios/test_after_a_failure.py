"""Retries, parking, redrives and silence as stories: what runs again, and who says so (R39–R42)."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from sequencectl import EndedSequence, Event, Phase, RejectedCode, Result, TaskTriggered
from sequencectl.events import (
    SequenceFinished,
    SequenceStarted,
    TaskFinished,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskTimedOut,
)
from sequencectl.testing import Play
from tests.scenarios.stories import (
    dead_executor,
    flaky_test,
    redriven_next_morning,
    repaired_deployment,
    skipped_with_a_reason,
)

EventT = TypeVar("EventT", bound=Event)


def of(play: Play, kind: type[EventT], context: str = "") -> list[EventT]:
    """The events of a kind, perhaps of one context only."""
    events = [event for event in play.events if isinstance(event, kind)]
    return [event for event in events if context in ("", event.subject.context)]


def runs(play: Play, context: str) -> list[str]:
    """The tasks that were triggered for a context, in order, each with its attempt."""
    return [f"{event.task} {event.attempt}" for event in of(play, TaskTriggered, context)]


def ended(play: Play, sequence_id: str) -> EndedSequence:
    """The record of a sequence that has ended."""
    record = play.state.sequence(sequence_id)
    assert isinstance(record, EndedSequence)
    return record


def test_a_flaky_test_passes_at_the_third_attempt() -> None:
    """The delays are 30 s and a minute, the lane is kept, and the result is pass (R39)."""
    play = flaky_test()

    assert ["build 1", "test 1", "test 2", "test 3"] == runs(play, "0.12.1")
    delays = [event.due_at - event.at for event in of(play, TaskScheduled)]
    assert [timedelta(seconds=30), timedelta(minutes=1)] == delays
    assert ["over", "retried", "retried", "over"] == [e.end.value for e in of(play, TaskFinished)]
    (end,) = of(play, SequenceFinished)
    assert (Result.PASS, 1) == (end.result, len(of(play, SequenceStarted)))


def test_a_repaired_deployment_keeps_production_until_it_is_over() -> None:
    """The next delivery starts when the first one has ended, and not while it is parked (R40)."""
    play = repaired_deployment()

    assert ["deployment 1", "deployment 2", "smoke-test 1"] == runs(play, "0.12.1")
    (retried,) = of(play, TaskRetried)
    assert ("ann", "the registry is up again") == (retried.control.actor, retried.control.reason)
    (first,) = of(play, SequenceFinished)
    (_, second) = of(play, SequenceStarted)
    assert ("0.12.1", Result.PASS) == (first.subject.context, first.result)
    assert ("0.12.2", first.serial + 1) == (second.subject.context, second.serial)


def test_a_skipped_task_leaves_a_warning_and_a_reason() -> None:
    """The end says who skipped it and why; the task counts as a warning (R12, R40)."""
    play = skipped_with_a_reason()

    (skipped,) = of(play, TaskSkipped)
    record = ended(play, "0.12.1")
    assert ("smoke-test", "bob") == (skipped.task, skipped.control.actor)
    assert (Phase.FINISHED, Result.WARNING) == (record.phase, record.result)
    assert [("deployment", Result.PASS, False), ("smoke-test", Result.WARNING, True)] == [
        (run.name, run.result, run.is_skipped) for run in record.runs
    ]
    assert "the page was removed on purpose" in record.message


def test_a_redrive_runs_only_what_had_failed() -> None:
    """It begins at the test with the image that was built; the evening's end stays (R24, R41)."""
    play = redriven_next_morning()
    old, new = play.state.of_context("0.12.1")

    assert ["build 1", "deployment 1", "test 1", "test 1"] == runs(play, "0.12.1")
    again = of(play, TaskTriggered, "0.12.1")[-1]
    assert (new.sequence_id, "carts:0.12.1") == (again.subject.sequence_id, again.input["image"])
    assert (Result.FAIL, Result.PASS) == (old.result, new.result)
    assert old.sequence_id in str(play.explain(new.sequence_id))
    assert new.sequence_id in str(play.explain(old.sequence_id))


def test_of_two_who_redrive_one_delivery_the_second_is_told_so() -> None:
    """Bob's redrive is refused as long as ann's is live, and nothing is run twice (R41)."""
    transcript = redriven_next_morning().transcript()

    assert 1 == transcript.count(f"rejected: {RejectedCode.ALREADY_REDRIVEN.value}, ")


def test_a_dead_executor_is_noticed_within_a_minute() -> None:
    """A minute after its last word the task is given out again, and its late word is late (R42)."""
    play = dead_executor()
    (timed_out,) = of(play, TaskTimedOut)
    heard = of(play, TaskProgressReported)[1]

    assert (50, "k6-a", timedelta(minutes=1)) == (
        heard.percent,
        heard.source,
        timed_out.at - heard.at,
    )
    assert "k6-a" == timed_out.explanation.awaited
    assert ["load-test 1", "load-test 2"] == runs(play, "nightly")
    assert 1 == play.transcript().count("unchanged: late")
    assert Result.PASS is ended(play, "nightly").result
