"""The verdict on the stories after a failure, judged by the events alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from examples.demo.failures import FLAKY, NEXT, NIGHTLY, REDRIVEN, REPAIRED, SKIPPED
from examples.demo.people_verdict import Finding, of, one_ending
from examples.demo.view import Clause, clock
from sequencectl import Event, Result, TaskTriggered
from sequencectl.events import (
    SequenceFinished,
    SequenceParked,
    SequenceStarted,
    SequenceTriggered,
    TaskEnd,
    TaskFinished,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskTimedOut,
)


def failures_verdict(events: Iterable[Event]) -> tuple[Clause, ...]:
    """Return what holds and what does not of everything these stories promise."""
    history = tuple(events)
    clauses = {
        "one ending": one_ending,
        "third attempt": _third_attempt,
        "backoff": _backoff,
        "lane kept": _lane_kept,
        "repaired": _repaired,
        "skipped": _skipped,
        "redriven": _redriven,
        "old end": _old_end,
        "noticed": _noticed,
        "taken over": _taken_over,
    }
    return tuple(Clause(name, *judge(history)) for name, judge in clauses.items())


def _third_attempt(events: Sequence[Event]) -> Finding:
    """R39: of the flaky test two attempts are retried, and the third one counts."""
    ends = [e for e in of(events, TaskFinished, FLAKY) if e.task == "test"]
    over = [e.result for e in of(events, SequenceFinished, FLAKY)]
    holds = [e.end for e in ends] == [TaskEnd.RETRIED, TaskEnd.RETRIED, TaskEnd.OVER]
    said = ", ".join(f"{e.status.value} {e.result.value}" for e in ends)
    return holds and over == [Result.PASS], said


def _backoff(events: Sequence[Event]) -> Finding:
    """R39: the attempts begin 30 seconds and a minute after the ones before have ended."""
    failed = [e.at for e in of(events, TaskFinished, FLAKY) if e.end is TaskEnd.RETRIED]
    begun = [e.at for e in of(events, TaskTriggered, FLAKY) if e.attempt > 1]
    waits = [later - before for before, later in zip(failed, begun, strict=False)]
    planned = [e.due_at for e in of(events, TaskScheduled, FLAKY)]
    holds = waits == [timedelta(seconds=30), timedelta(minutes=1)] and planned == begun
    return holds, f"attempts began after {', '.join(str(wait) for wait in waits) or 'nothing'}"


def _lane_kept(events: Sequence[Event]) -> Finding:
    """R5, R40: the next delivery starts in the decision that ends the parked one."""
    ended = of(events, SequenceFinished, REPAIRED)
    started = of(events, SequenceStarted, NEXT)
    holds = [(e.serial + 1, e.at) for e in ended] == [(e.serial, e.at) for e in started]
    return bool(ended) and holds, f"{NEXT} started at {_clocks(started)}"


def _repaired(events: Sequence[Event]) -> Finding:
    """R40: a person has the parked task run again, and it passes."""
    retried = of(events, TaskRetried, REPAIRED)
    parked = of(events, SequenceParked, REPAIRED)
    after = [
        e.result
        for e in of(events, TaskFinished, REPAIRED)
        if any(e.task == each.task and e.serial > each.serial for each in retried)
    ]
    said = f"parked at {_clocks(parked)}, retried at {_clocks(retried)}"
    return len(parked) == len(retried) == 1 and after == [Result.PASS], said


def _skipped(events: Sequence[Event]) -> Finding:
    """R12, R40: the skipped task counts as a warning, and who skipped it stays on record."""
    skips = of(events, TaskSkipped, SKIPPED)
    over = [e.result for e in of(events, SequenceFinished, SKIPPED)]
    by = "".join(f"{e.control.actor} ({e.control.reason})" for e in skips)
    holds = over == [e.result for e in skips] == [Result.WARNING]
    return holds and all(e.control.reason for e in skips), f"skipped by {by}"


def _redriven(events: Sequence[Event]) -> Finding:
    """R41: the redrive runs the test and nothing else, and only one of two is accepted."""
    accepted = [e for e in of(events, SequenceTriggered, REDRIVEN) if e.redrive is not None]
    again = {e.subject.sequence_id for e in accepted}
    run = [e.task for e in of(events, TaskTriggered, REDRIVEN) if e.subject.sequence_id in again]
    carried = [each.name for e in accepted if e.redrive for each in e.redrive.carried]
    holds = run == ["test"] and carried == ["build", "deployment"]
    return len(accepted) == 1 and holds, f"ran {', '.join(run)}, carried {', '.join(carried)}"


def _old_end(events: Sequence[Event]) -> Finding:
    """R24, R41: the delivery failed in the evening and passed in the morning; both ends stay."""
    ends = of(events, SequenceFinished, REDRIVEN)
    said = ", ".join(f"{e.result.value} at {clock(e.at)}" for e in ends)
    return [e.result for e in ends] == [Result.FAIL, Result.PASS], said


def _noticed(events: Sequence[Event]) -> Finding:
    """R42: the task is taken from a dead executor a minute after its last word."""
    timed_out = of(events, TaskTimedOut, NIGHTLY)
    words = [
        max(
            (e.at for e in of(events, TaskProgressReported, NIGHTLY) if e.at < end.at), default=None
        )
        for end in timed_out
    ]
    after = [end.at - word for end, word in zip(timed_out, words, strict=True) if word is not None]
    said = f"noticed {', '.join(str(each) for each in after) or 'never'} after its last word"
    return after == [timedelta(minutes=1)], said


def _taken_over(events: Sequence[Event]) -> Finding:
    """R39, R42: the next attempt begins in that decision, and passes."""
    ends = [(e.serial + 1, e.at) for e in of(events, TaskTimedOut, NIGHTLY)]
    again = [(e.serial, e.at) for e in of(events, TaskTriggered, NIGHTLY) if e.attempt == 2]
    over = [e.result for e in of(events, SequenceFinished, NIGHTLY)]
    said = f"{len(again)} more attempt, {', '.join(each.value for each in over) or 'no end'}"
    return bool(ends) and ends == again and over == [Result.PASS], said


def _clocks(events: Sequence[Event]) -> str:
    return ", ".join(clock(event.at) for event in events) or "no time"
