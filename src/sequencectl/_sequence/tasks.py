"""The tasks of one sequence: trigger them, finish them, and do what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft, after
from sequencectl._sequence.endings import (
    end_aborted,
    end_superseded,
    end_timed_out,
    explained,
    labels,
)
from sequencectl._sequence.votes import Verdict
from sequencectl.commands import TriggerSequence
from sequencectl.outcomes import Result
from sequencectl.payload import FrozenMap, freeze, merge, with_scalars
from sequencectl.policies import ResolvedTimeouts, TaskTimeouts, TimeoutPolicy
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.shipyard.definitions import Newcomer, SequenceDefinition, TaskDefinition
from sequencectl.task_run import TaskRun

_NO_TIME: Final = timedelta(0)


def go_on(sequence: SequenceDraft) -> None:
    """Trigger the next task, or schedule it if it is delayed."""
    if not _schedule(sequence):
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
    # machines driven one by one number their events from 1 each: the sequence tells them apart
    made_for = f"task of {subject.sequence_id}"
    sequence.apply(
        e.TaskTriggered,
        task_id=e.derived_id(subject.project, sequence.next_serial, made_for),
        task=task.name,
        index=len(record.runs),
        input=next_input(record, task),
        expects=task.expects,
        reaction_timeout=limits.reaction,
        reaction_deadline=after(now, limits.reaction),
        completion_timeout=limits.completion,
        completion_deadline=after(now, limits.completion),
        approval=task.approval,
    )


def next_input(record: LiveSequence, task: TaskDefinition | None) -> FrozenMap:
    """Return the input `task` gets, or with None what a task without a name would get (R14).

    A task without properties adds null under its name, as Keptn does: it erases nothing.
    """
    data = record.data
    added: dict[str, str | None] = {}
    if task is not None and task.properties:
        data = merge(data, freeze({task.name: task.properties}))
    elif task is not None and task.name not in data:
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


def time_left(sequence: SequenceDraft) -> timedelta | None:
    """Return what is left of the limit of the sequence as a whole; None without one (R30)."""
    deadline = sequence.live.deadline
    return None if deadline is None else max(deadline - sequence.now, _NO_TIME)


def _schedule(sequence: SequenceDraft) -> bool:
    """Schedule the next task if it is delayed, counted from now, paused or not (R10)."""
    record = sequence.live
    task = record.next_task
    assert task is not None
    if not task.triggered_after:
        return False
    due_at = sequence.now + task.triggered_after
    sequence.apply(e.TaskScheduled, task=task.name, index=len(record.runs), due_at=due_at)
    return True


def _limits(timeouts: TimeoutPolicy, task: TaskDefinition) -> ResolvedTimeouts:
    """Return the limits of `task`, with the policy's completion limit if it has none of its own.

    It has none only if an earlier, unbounded policy accepted the definition: a task that is
    triggered today has a deadline by today's policy (R27). Its own reaction limit stays (R26).
    """
    own = task.timeouts
    if own is not None and own.completion is None and not timeouts.is_unbounded:
        own = TaskTimeouts(own.reaction)
    return timeouts.for_task(task.name, own, is_approval=task.approval is not None)


def finish_task(
    sequence: SequenceDraft,
    run: TaskRun,
    decided: Verdict,
    *,
    explanation: e.TimeoutExplanation | None = None,
) -> None:
    """Record that the task in flight is over, and do what follows from it (R12, R21, R22)."""
    result, status, message = decided
    sequence.apply(
        e.TaskFinished,
        task_id=run.task_id,
        task=run.name,
        result=result,
        status=status,
        message=message,
        explanation=explanation,
    )
    record = sequence.live
    if record.abort is not None:
        end_aborted(sequence, record.abort, e.Cause.TASK_OVER)
    elif result is Result.FAIL or record.next_task is None:
        sequence.apply(
            e.SequenceFinished,
            result=record.result,
            status=record.status,
            message=record.message,
            labels=labels(record),
        )
    elif record.phase is Phase.PAUSING:
        _schedule(sequence)
        drain(sequence)
    else:
        go_on(sequence)


def drain(sequence: SequenceDraft) -> None:
    """Record that a pausing sequence has nothing in flight any more (R18, R30)."""
    sequence.apply(e.SequenceDrained, time_left=time_left(sequence))
