"""The tasks of one sequence: trigger them, finish them, and do what follows."""

from __future__ import annotations

from typing import Final

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft, after, time_left
from sequencectl._sequence.endings import (
    end_aborted,
    end_finished,
    end_superseded,
    end_timed_out,
    explained,
)
from sequencectl._sequence.failures import attempts_of, delay_of, end_of_failed, park
from sequencectl._sequence.votes import Verdict
from sequencectl.commands import TriggerSequence
from sequencectl.outcomes import Result
from sequencectl.payload import FrozenMap, freeze, merge, with_scalars
from sequencectl.policies import ResolvedTimeouts, TaskTimeouts, TimeoutPolicy
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.shipyard.definitions import (
    Failure,
    Newcomer,
    SequenceDefinition,
    TaskDefinition,
)
from sequencectl.task_run import TaskRun, failure_of

_OVER: Final = e.TaskEnd.OVER  # an attribute of an Enum takes 120 ns on Python 3.11


def go_on(sequence: SequenceDraft) -> None:
    """Trigger the next task or attempt, or schedule it if it is delayed, counted from now.

    One that is pausing is drained instead of triggering anything (R10, R18, R39).
    """
    record = sequence.live
    task = record.next_task
    assert task is not None
    delay = delay_of(record, task) if record.retried else task.triggered_after
    if delay:
        sequence.apply(
            e.TaskScheduled,
            task=task.name,
            index=record.next_index,
            due_at=sequence.now + delay,
            attempt=record.next_attempt,
        )
    if record.phase is Phase.PAUSING:
        drain(sequence)
    elif not delay:
        trigger_task(sequence)


def trigger_task(sequence: SequenceDraft) -> None:
    """Trigger the next task of a running sequence, with limits that count from now (R14, R26).

    The sequence ends instead if its `total` has passed, or if the task is an approval that a newer
    delivery makes void (R10, R35).
    """
    record, now = sequence.live, sequence.now
    task, subject = record.next_task, record.subject
    assert task is not None
    if record.deadline is not None and record.deadline <= now:
        end_timed_out(sequence, explained(record, e.DeadlineKind.TOTAL, record.deadline))
        return
    if task.approval is not None and task.approval.newcomer is Newcomer.SUPERSEDE:
        newcomer = sequence.newer_in_line()
        if newcomer is not None:
            end_superseded(sequence, newcomer, is_void=task.name)
            return
    limits = _limits(sequence.timeouts, task)
    attempt, attempts = 1, 1
    if record.retried or task.retry is not None:
        attempt, attempts = attempts_of(record, task, sequence.bounds)
    # machines driven one by one number their events from 1 each: the sequence tells them apart
    made_for = f"task of {subject.sequence_id}"
    sequence.apply(
        e.TaskTriggered,
        task_id=e.derived_id(subject.project, sequence.next_serial, made_for),
        task=task.name,
        index=len(record.runs) if record.redrive is None else record.next_index,
        input=next_input(record, task),
        expects=task.expects,
        reaction_timeout=limits.reaction,
        reaction_deadline=after(now, limits.reaction),
        completion_timeout=limits.completion,
        completion_deadline=after(now, limits.completion),
        approval=task.approval,
        silence_timeout=limits.silence,
        attempt=attempt,
        attempts=attempts,
    )


def next_input(record: LiveSequence, task: TaskDefinition) -> FrozenMap:
    """Return the input that `task` gets (R14).

    A task without properties adds null under its name, as Keptn does: it erases nothing.
    """
    data = record.data
    added: dict[str, str | None] = {}
    if task.properties:
        data = merge(data, freeze({task.name: task.properties}))
    elif task.name not in data:
        added[task.name] = None
    if record.runs:
        added["result"] = record.runs[-1].result.value
        added["status"] = record.status.value
    if "message" in data or "message" in added:
        added["message"] = ""
    subject = record.subject
    added["project"], added["stage"] = subject.project, subject.stage
    added["service"] = subject.service
    return with_scalars(data, added)


def priority_of(command: TriggerSequence, definition: SequenceDefinition) -> int:
    """Return the priority of a newcomer: the command's, else the definition's, else 0 (R2)."""
    return (definition.priority or 0) if command.priority is None else command.priority


def _limits(timeouts: TimeoutPolicy, task: TaskDefinition) -> ResolvedTimeouts:
    """Return the limits of `task`, with the policy's completion limit if it has none of its own.

    It has none only if an earlier, unbounded policy accepted the definition: a task that is
    triggered today has a deadline by today's policy (R27). Its own reaction limit stays (R26).
    """
    own = task.timeouts
    if own is not None and own.completion is None and not timeouts.is_unbounded:
        own = TaskTimeouts(own.reaction, silence=own.silence)
    return timeouts.for_task(task.name, own, is_approval=task.approval is not None)


def finish_task(
    sequence: SequenceDraft,
    run: TaskRun,
    decided: Verdict,
    *,
    explanation: e.TimeoutExplanation | None = None,
) -> None:
    """Record that the run in flight has finished, and do what follows from it (R12, R21, R22)."""
    result, status, message = decided
    has_failed = result is Result.FAIL
    end = end_of_failed(sequence.live, run, failure_of(status)) if has_failed else _OVER
    sequence.apply(
        e.TaskFinished,
        task_id=run.task_id,
        task=run.name,
        result=result,
        status=status,
        message=message,
        explanation=explanation,
        end=end,
    )
    record = sequence.live
    if end is not _OVER:
        _try_again_or_park(sequence, end)
    elif record.abort is not None:
        end_aborted(sequence, record.abort, e.Cause.TASK_OVER)
    elif has_failed or record.next_task is None:
        end_finished(sequence)
    else:
        go_on(sequence)


def terminate_task(sequence: SequenceDraft, run: TaskRun, why: e.TimeoutExplanation) -> None:
    """Record that the run in flight ran out of time, and do what follows (R22, R27, R39, R40)."""
    end = end_of_failed(sequence.live, run, Failure.TIMED_OUT)
    sequence.apply(e.TaskTimedOut, task_id=run.task_id, task=run.name, explanation=why, end=end)
    record = sequence.live
    if end is not _OVER:
        _try_again_or_park(sequence, end)
    elif record.abort is not None:
        end_aborted(sequence, record.abort, e.Cause.TASK_TIMED_OUT)
    else:
        end_timed_out(sequence, why)


def _try_again_or_park(sequence: SequenceDraft, end: e.TaskEnd) -> None:
    """Go on after a run that failed and is not the last word (R39, R40)."""
    if end is e.TaskEnd.PARKED:
        park(sequence)
    else:
        go_on(sequence)


def drain(sequence: SequenceDraft) -> None:
    """Record that a pausing sequence has nothing in flight any more (R18, R30)."""
    sequence.apply(e.SequenceDrained, time_left=time_left(sequence))
