"""What comes of a task that failed: its sequence ends, it is tried again, or it is parked (R39,
R40).
"""

from __future__ import annotations

from datetime import timedelta

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft, after, time_left
from sequencectl._sequence.endings import end_timed_out, labels
from sequencectl.outcomes import Rejected, RejectedCode, Result
from sequencectl.policies import Bounds
from sequencectl.sequence import LiveSequence
from sequencectl.shipyard.definitions import Failure, OnFailure, TaskDefinition
from sequencectl.task_run import TaskRun


def end_of_failed(record: LiveSequence, run: TaskRun, failure: Failure | None) -> e.TaskEnd:
    """Return what comes of the run in flight of a task, which has failed in this way."""
    task, triggered = record.next_task, run.triggered
    assert task is not None
    if record.abort is not None or task.approval is not None:
        return e.TaskEnd.OVER
    retry = task.retry
    if retry is not None and failure in retry.on and triggered.attempt < triggered.attempts:
        return e.TaskEnd.RETRIED
    on_failure = task.on_failure or record.definition.on_failure
    return e.TaskEnd.PARKED if on_failure is OnFailure.PARK else e.TaskEnd.OVER


def attempts_of(record: LiveSequence, task: TaskDefinition, bounds: Bounds) -> tuple[int, int]:
    """Return the number of the next attempt at the next task, and how many there may be.

    One that a person asked for is the last.
    """
    attempt = record.next_attempt
    if attempt > 1 and record.retried[-1].by_person:
        return attempt, attempt
    most = 1 if task.retry is None else min(1 + task.retry.times, bounds.attempts)
    return attempt, max(attempt, most)


def delay_of(record: LiveSequence, task: TaskDefinition) -> timedelta:
    """Return what has to pass before the next attempt at the next task (R10, R39)."""
    attempt = record.next_attempt
    if attempt == 1:
        return task.triggered_after
    assert task.retry is not None  # none else is tried again by itself
    return task.retry.delay(attempt - 1)


def too_many_attempts(bounds: Bounds) -> Rejected:
    """Return the refusal of a retry of a task that was run as often as a task may be (R40)."""
    message = f"The task was run {bounds.attempts} times, which is as often as a task may be."
    return Rejected(RejectedCode.TOO_MANY_ATTEMPTS, message)


def park(sequence: SequenceDraft) -> None:
    """Park a sequence with the task that has just failed (R40)."""
    record, timeout = sequence.live, sequence.timeouts.parked
    parked = record.parked
    assert parked is not None
    sequence.apply(
        e.SequenceParked,
        task_id=parked.task_id,
        task=parked.name,
        message=parked.message or f"Task {parked.name} in stage {record.stage} failed.",
        explanation=parked.explanation,
        timeout=timeout,
        deadline=after(sequence.now, timeout),
        time_left=time_left(sequence),
    )


def end_parked(sequence: SequenceDraft) -> None:
    """End a sequence that nobody got out of its parking, as its failure would have (R40)."""
    record = sequence.live
    parked = record.parked
    assert parked is not None
    if parked.explanation is not None:
        end_timed_out(sequence, parked.explanation)
        return
    sequence.apply(
        e.SequenceFinished,
        result=Result.FAIL,
        status=parked.status,
        message=parked.message,
        labels=labels(record.data_if_over),
    )
