"""What is read of task runs from events alone: each thing that must not be there is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from sequencectl import ControlPlane, Event, Result, Shipyard, TimeoutPolicy
from sequencectl.events import (
    Carried,
    DeadlineKind,
    SequenceFinished,
    SequenceParked,
    SequenceSuperseded,
    SequenceTimedOut,
    SequenceTriggered,
    TaskEnd,
    TaskFinished,
    TaskFinishReported,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskStartReported,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.testing import Play
from sequencectl.testing.simulation.attempts import Attempts
from sequencectl.testing.simulation.course import MARK
from sequencectl.testing.simulation.faults import Mishap
from sequencectl.testing.simulation.onlooker import Violation
from tests.simulation.told import instead, last_of, twice

SECOND: Final = timedelta(seconds=1)
PLANE: Final = ControlPlane(
    Shipyard.of({
        "dev": {"delivery": [
            {"name": "deploy", "retry": {"times": 2, "backoff": "30s"}},
            {"name": "test", "onFailure": "park", "timeouts": {"silence": "1m"}},
            {"name": "check", "expects": ["x"], "timeouts": {"silence": "1m"}},
            {"name": "sign-off", "approval": {"initiator": False}},
        ]},
        "qa": {"delivery": {"tasks": ["try"], "triggeredOn": [
            {"event": "dev.delivery.finished", "selector": {"match": {"result": "fail"}}},
        ]}},
    }),
    timeouts=TimeoutPolicy(total="50m"),
)  # fmt: skip


class Story(Play):  # type: ignore[misc] # final, but a story is a play whose executors leave marks
    """A play in which executors leave the ids of their tasks in their data."""

    def fail(self, task: str, **more: Any) -> Story:
        """Let a task fail."""
        return self.end(task, result="fail", **more)

    def end(self, *tasks: str, **more: Any) -> Story:
        """Let tasks finish."""
        for task in tasks:
            (run,) = [each for each in self.open_tasks() if each.triggered.task == task]
            mark = {run.triggered.task_id: "x"}
            self.finish(task, data={MARK: mark}, **more)
        return self

    def passes(self, duration: timedelta | str) -> Story:
        """Let time pass."""
        self.wait(duration)
        return self


def begun(*tasks: str) -> Story:
    """A story in which `c1` runs, and these tasks are over."""
    story = Story(PLANE)
    story.trigger("c1", stage="dev", sequence="delivery", service="carts", actor="ann")
    return story.end(*tasks)


def parked() -> Story:
    """A story in which `c1` is parked with its test."""
    return begun("deploy").fail("test", message="red")


def retried() -> Story:
    """A story in which `c1` was retried by a person."""
    story = parked()
    story.retry("c1")
    return story


def skipped() -> Story:
    """A story in which a person has skipped the test of `c1`."""
    story = parked()
    story.skip("c1", result="warning")
    return story


def silent(task: str = "test") -> Story:
    """A story in which an executor of `c1` falls silent."""
    story = begun(*("deploy", "test")[: 1 if task == "test" else 2])
    story.start(task, source="x")
    story.wait("20s")
    story.progress(task, source="x", percent=50)
    story.wait("1m")
    return story


def redriven() -> Story:
    """A story in which `c1` has failed, and is redriven."""
    story = begun("deploy", "test").fail("check")
    story.end("try")
    story.redrive("c1", actor="ben")
    return story


def timed_out() -> Story:
    """A story in which `c1` was parked as it ran out of time, until that was over."""
    return silent().passes("24h")


def seen_in(events: Sequence[Event]) -> Attempts:
    """What is read of these events."""
    attempts = Attempts(PLANE)
    for event in events:
        attempts.see(event)
    return attempts


def aborted(story: Story) -> Story:
    """The story, in which everything is aborted at last."""
    story.abort("c1", force=True)
    return story


@pytest.mark.parametrize(
    ("story", "met"),
    [
        (begun().fail("deploy").passes("30s").fail("deploy", status="errored").passes("30s"),
         [Mishap.RETRIED] * 2),
        (begun().fail("deploy", status="aborted"), []),
        (retried().fail("test"), [Mishap.PARKED, Mishap.RETRIED_BY_PERSON, Mishap.PARKED]),
        (skipped().end("check"), [Mishap.PARKED, Mishap.SKIPPED]),
        (aborted(parked()), [Mishap.PARKED, Mishap.PARKED_ABORTED]),
        (parked().passes("24h"), [Mishap.PARKED, Mishap.PARKED_OUT]),
        (timed_out(), [Mishap.PROGRESS, Mishap.SILENT, Mishap.PARKED, Mishap.PARKED_OUT]),
        (silent("check"), [Mishap.PROGRESS, Mishap.SILENT]),
        (redriven(), [Mishap.REDRIVEN]),
    ],
)  # fmt: skip
def test_what_is_as_it_must_be_is_counted(story: Story, met: list[Mishap]) -> None:
    """Whatever is decided is what is expected; what is worth seeing is counted."""
    seen = seen_in(story.events)

    assert sorted(met, key=lambda each: each.name) == sorted(
        seen.met.elements(), key=lambda each: each.name
    )


def test_the_runs_that_others_followed_are_known() -> None:
    """Those that are retried by themselves and by people, but not the one that is skipped."""
    story = begun().fail("deploy").passes("30s").end("deploy").fail("test")
    first, _, third = [each.task_id for each in story.events if isinstance(each, TaskTriggered)]
    story.retry("c1")

    assert {first, third} == seen_in(story.events).retried


AGAIN: Final = begun().fail("deploy").passes("30s")
PARKED, RETRIED, SKIPPED, SILENT = parked(), retried(), skipped(), silent()
REDRIVEN, TIMED_OUT, OUT = redriven(), timed_out(), parked().passes("24h")
FAILED: Final = begun("deploy", "test").fail("check")
NEXT: Final = begun("deploy")
BUSY: Final = begun()
BUSY.trigger("c2", stage="dev", sequence="delivery", actor="ben")
BUSY.abort("c1", force=True)
PAUSED: Final = parked()
PAUSED.pause("c1")
PAUSED.retry("c1")
LAST: Final = last_of(NEXT.events, TaskTriggered)
DROPPED: Final = {MARK: {last_of(RETRIED.events, TaskRetried).task_id: "x"}}
LOST: Final = attrs.evolve(last_of(SILENT.events, TaskTimedOut).explanation, awaited="somebody")


BLIND: Final = attrs.evolve(
    LOST, kind=DeadlineKind.COMPLETION, deadline=LOST.deadline + SECOND, awaited="x"
)


def of(event: Event, sequence_id: str, **changes: Any) -> Any:
    """The event about another sequence."""
    return attrs.evolve(
        event, subject=attrs.evolve(event.subject, sequence_id=sequence_id), **changes
    )


def carried(*results: Result | None) -> Any:
    """The redrive of `c1` that carries its first tasks with these results."""
    redrive = last_of(REDRIVEN.events, SequenceTriggered).redrive
    names = zip(("deploy", "test"), results, strict=True)
    return attrs.evolve(redrive, carried=tuple(Carried(*each) for each in names))


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        (twice(NEXT.events, TaskTriggered), "TaskTriggered .* is in flight beside TaskTriggered"),
        ([*PARKED.events, LAST], "triggers while it is parked"),
        ([*instead(FAILED.events, SequenceFinished)[:-1], LAST], "goes on after a failure"),
        ([*PAUSED.events, last_of(RETRIED.events, TaskTriggered)], "triggers while it is paused"),
        (instead(AGAIN.events, TaskScheduled, attempt=3), r"the turn is of .* \(0, 2\), not of"),
        (instead(AGAIN.events, TaskTriggered, attempt=1), r"the turn is of .* \(0, 2\), not of"),
        (instead(AGAIN.events, TaskTriggered, attempt=3), r"the turn is of .* \(0, 2\), not of"),
        (instead(NEXT.events, TaskTriggered, index=2), r"the turn is of .* \(1, 1\), not of"),
        (instead(AGAIN.events, TaskTriggered, attempts=9), "3 attempts, and this is .* 2 of 9"),
        (instead(AGAIN.events, TaskScheduled), "triggered before None: TaskTriggered"),
        (instead(AGAIN.events, TaskTriggered, at=AGAIN.now - SECOND), "triggered before 2026"),
        (instead(AGAIN.events, TaskScheduled, due_at=AGAIN.now + SECOND), "not after 0:00:30"),
        (instead(RETRIED.events, TaskTriggered, attempts=3), "2 attempts, and this is .* 2 of 3"),
        (instead(AGAIN.events, TaskTriggered, task_id=AGAIN.events[2].task_id),  # type: ignore[union-attr]
         "an attempt is given out twice"),
        (instead(RETRIED.events, TaskTriggered, input=DROPPED), "has too much or too little of "),
        (instead(NEXT.events, TaskTriggered, input={}), "has too much or too little of "),
        (instead(FAILED.events, SequenceTriggered, data={}), "follows with other data than"),
        (twice(PARKED.events, TaskFinished), "failed to be parked, and is not: TaskFinished"),
        (instead(PARKED.events, TaskFinished, end=TaskEnd.OVER), "TaskEnd.OVER, and not .*PARKED"),
        (instead(AGAIN.events, TaskFinished, end=TaskEnd.OVER), "TaskEnd.OVER, and not .*RETRIED"),
        (instead(NEXT.events, TaskFinished, end=TaskEnd.PARKED), "PARKED, and not TaskEnd.OVER"),
        (instead(SILENT.events, TaskTimedOut, end=TaskEnd.RETRIED), "RETRIED, and not .*PARKED"),
        (instead(NEXT.events, TaskFinished, task_id="other"), "an attempt that is not in flight"),
        (twice(NEXT.events, TaskFinished), "about an attempt that is not in flight"),
        (twice(PARKED.events, SequenceParked), "parked, and nothing has failed"),
        (instead(PARKED.events, SequenceParked, task_id="other"), "parked, and nothing has failed"),
        (instead(PARKED.events, SequenceParked, deadline=None), "parked until None, for 1 day"),
        (instead(RETRIED.events, SequenceParked), "failed to be parked, and is not: TaskRetried"),
        (twice(RETRIED.events, TaskRetried), "is not parked with that run: TaskRetried"),
        (instead(PARKED.events, SequenceParked, time_left=None), "0:50:00 of its total is left"),
        (instead(RETRIED.events, TaskRetried, deadline=None), "its total ends at 2026.*, not None"),
        (instead(SKIPPED.events, TaskSkipped, task_id="other"), "is not parked with that run"),
        (instead(FAILED.events[:-3], SequenceFinished, result=Result.PASS), "result is .*FAIL"),
        (instead(OUT.events, SequenceFinished, at=OUT.events[0].at), "parked until .*, and over"),
        (instead(TIMED_OUT.events, SequenceTimedOut, explanation=LOST), "ends otherwise than"),
        (instead(OUT.events, SequenceFinished, last_of(TIMED_OUT.events, SequenceTimedOut)),
         "ends otherwise than without parking"),
        (instead(SILENT.events, TaskTimedOut, explanation=LOST), "silent are x, not somebody"),
        (instead(SILENT.events, TaskStartReported), "is silent by None, not yet"),
        (instead(SILENT.events, TaskTimedOut, at=last_of(SILENT.events, TaskTimedOut).at - SECOND),
         "an executor is silent by .*, not yet"),
        (instead(SILENT.events, TaskProgressReported,
                 at=last_of(SILENT.events, TaskProgressReported).at + SECOND),
         "an executor is silent by .*, not yet"),
        (instead(SILENT.events, TaskTimedOut, explanation=BLIND), "an executor was silent by 2026"),
        (twice(SILENT.events, TaskProgressReported), "progress of x comes too soon"),
        ([*BUSY.events[:4], of(BUSY.events[1], "c2")], "starts beside 1 others"),
        (instead(REDRIVEN.events, SequenceTriggered, redrive=carried(Result.PASS, None)),
         "carries None, which was Result.PASS"),
        (instead(REDRIVEN.events, SequenceTriggered, initiators=("ben",)), "forgets who may not"),
        (instead([*NEXT.events, last_of(REDRIVEN.events, SequenceTriggered)], SequenceTriggered,
                 initiators=("ann", "ben")), "redrives what has not failed"),
        ([*REDRIVEN.events, of(last_of(REDRIVEN.events, SequenceTriggered), "r2")],
         "two of a family live"),
    ],
)  # fmt: skip
def test_what_must_not_be_there_is_found(events: list[Event], seen: str) -> None:
    """Each by one event that is left out, told twice or told otherwise."""
    with pytest.raises(Violation, match=seen):
        seen_in(events)


def test_a_redrive_is_of_one_that_is_known() -> None:
    """What redrives a sequence that was never accepted is found."""
    redrive = last_of(REDRIVEN.events, SequenceTriggered)

    with pytest.raises(Violation, match="redrives what has not failed"):
        seen_in([redrive])


def test_a_parked_one_is_not_superseded() -> None:
    """It ends at its limit, or because a person aborts it."""
    last = PARKED.events[-1]
    void = SequenceSuperseded(last.serial + 1, last.at, last.subject, superseded_by="c2")

    with pytest.raises(Violation, match="parked, and neither decided nor aborted"):
        seen_in([*PARKED.events, void])


@pytest.mark.parametrize("expects", [None, 1, frozenset({"x"})])
def test_who_has_finished_is_not_at_work(expects: Any) -> None:
    """But a finish beyond a bound, which is not counted for its source, leaves it at work (R33)."""
    *before, timed_out, parked_after = SILENT.events
    trigger = last_of(before, TaskTriggered)
    before[before.index(trigger)] = attrs.evolve(trigger, expects=expects)
    finish = TaskFinishReported(
        0, timed_out.at, timed_out.subject, trigger.task_id, "test", "x", Result.FAIL
    )

    uncounted = attrs.evolve(finish, counted=False)
    seen = seen_in([*before, uncounted, timed_out, parked_after])

    assert 1 == seen.met[Mishap.SILENT]
    with pytest.raises(Violation, match="an executor is silent by None, not yet"):
        seen_in([*before, finish, timed_out, parked_after])
