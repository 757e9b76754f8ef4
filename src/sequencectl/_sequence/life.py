"""What a sequence does next: start, pause, resume, abort, retry, skip, and act on a deadline.

This module, ``reports`` and what is below them are the only code that decides the events of one
sequence. `SequenceStateMachine` calls it for one sequence, `ControlPlane` for each sequence of a
project.
Each function reads the record as it is, applies events one by one, and goes on from the record
that results.
"""

from __future__ import annotations

from datetime import datetime

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft, after, time_left
from sequencectl._sequence.endings import (
    end_aborted,
    end_expired,
    end_finished,
    end_timed_out,
    explained,
)
from sequencectl._sequence.failures import end_parked
from sequencectl._sequence.tasks import drain, finish_task, go_on, terminate_task, trigger_task
from sequencectl._sequence.votes import consent
from sequencectl.durations import format_duration
from sequencectl.outcomes import Result
from sequencectl.sequence import Phase
from sequencectl.task_run import ParkedTask, TaskRun


def start(sequence: SequenceDraft) -> None:
    """Give a waiting sequence its lane and trigger, or schedule, its first task (R1, R10)."""
    total = sequence.timeouts.total_for(sequence.live.definition.timeouts)
    sequence.apply(e.SequenceStarted, timeout=total, deadline=after(sequence.now, total))
    go_on(sequence)


def pause(sequence: SequenceDraft) -> None:
    """Pause a sequence, unless it is paused or being aborted (R18, R30, R40)."""
    record = sequence.live
    if record.is_paused or record.phase is Phase.ABORTING:
        return
    left = time_left(sequence) if record.phase is Phase.WAITING else None
    sequence.apply(e.SequencePaused, time_left=left)
    if record.phase is Phase.RUNNING and record.task is None:
        drain(sequence)


def resume(sequence: SequenceDraft) -> bool:
    """Let a paused sequence go on where its pause began (R10, R20).

    Return True if its next task is due: `trigger_task` must follow in this decision.
    """
    record = sequence.live
    if not record.is_paused:
        return False
    deadline = record.deadline
    if record.time_left is not None and record.parked is None:
        deadline = sequence.now + record.time_left
    sequence.apply(e.SequenceResumed, deadline=deadline)
    is_due = record.due_at is None or record.due_at <= sequence.now
    return record.phase is Phase.PAUSED and is_due


def abort(sequence: SequenceDraft, control: e.Control, *, force: bool) -> bool:
    """End a sequence, after its task in flight unless by force (R22, R23).

    Nobody works on an approval, so it is not waited for. Return False if it is being aborted
    already and nothing changes.
    """
    record = sequence.live
    if record.task is None or record.task.triggered.approval is not None:
        end_aborted(sequence, control, e.Cause.REQUESTED)
    elif force:
        end_aborted(sequence, control, e.Cause.FORCED)
    elif record.phase is Phase.ABORTING:
        return False
    else:
        grace = sequence.timeouts.abort_grace
        sequence.apply(
            e.SequenceAbortRequested,
            task_id=record.task.task_id,
            control=control,
            timeout=grace,
            deadline=after(sequence.now, grace),
        )
    return True


def retry(sequence: SequenceDraft, control: e.Control) -> bool:
    """Run the task again that a sequence is parked with, or after the pause that covers it (R40).

    Return False if it was run as often as a task may be: then nothing changes.
    """
    parked = _parked(sequence)
    if parked.attempt >= sequence.bounds.attempts:
        return False
    sequence.apply(
        e.TaskRetried,
        task_id=parked.task_id,
        task=parked.name,
        control=control,
        timeout=parked.total,
        deadline=_total_deadline(sequence),
    )
    if parked.is_paused:
        pause(sequence)
    else:
        trigger_task(sequence)
    return True


def skip(sequence: SequenceDraft, control: e.Control, result: Result) -> None:
    """Let a parked sequence go on as if its failed task had come to `result` (R40)."""
    parked = _parked(sequence)
    by = f" by {control.actor}" if control.actor else ""
    why = f": {control.reason}" if control.reason else "."
    sequence.apply(
        e.TaskSkipped,
        task_id=parked.task_id,
        task=parked.name,
        result=result,
        control=control,
        message=f"Task {parked.name} in stage {sequence.live.stage} was skipped{by}{why}",
        timeout=parked.total,
        deadline=_total_deadline(sequence),
    )
    if result is Result.FAIL or sequence.live.next_task is None:
        end_finished(sequence)
        return
    if parked.is_paused:
        sequence.apply(e.SequencePaused)
    go_on(sequence)


def _parked(sequence: SequenceDraft) -> ParkedTask:
    parked = sequence.live.parked
    assert parked is not None
    return parked


def _total_deadline(sequence: SequenceDraft) -> datetime | None:
    """Return when the total of a parked sequence passes if its clock runs from now on (R30)."""
    return after(sequence.now, sequence.live.time_left)


def fire(sequence: SequenceDraft) -> None:
    """Act on the first deadline of a sequence, which has passed (R10, R22, R27, R30)."""
    record = sequence.live
    assert record.next_deadline is not None
    deadline, kind = record.next_deadline
    match kind:
        case e.DeadlineKind.DELAY:
            trigger_task(sequence)
        case e.DeadlineKind.ABORT_GRACE:
            assert record.abort is not None
            end_aborted(sequence, record.abort, e.Cause.GRACE_OVER)
        case e.DeadlineKind.WAITING:
            end_expired(sequence, explained(record, kind, deadline))
        case e.DeadlineKind.TOTAL:
            end_timed_out(sequence, explained(record, kind, deadline))
        case e.DeadlineKind.PARKED:
            end_parked(sequence)
        case _:
            assert record.task is not None
            _close_task(sequence, record.task, explained(record, kind, deadline))


def _close_task(sequence: SequenceDraft, run: TaskRun, why: e.TimeoutExplanation) -> None:
    """Terminate the task in flight at a limit of its own, or take silence for consent (R34)."""
    agreed = consent(run) if why.kind is e.DeadlineKind.COMPLETION else None
    if agreed is not None:
        result, status, message = agreed
        within = f"within {format_duration(why.timeout)}"
        said = f"Nobody rejected {run.name} in stage {why.stage} {within}; it counts as approved."
        decided = result, status, f"{said} {message}".rstrip()
        finish_task(sequence, run, decided, explanation=why)
        return
    terminate_task(sequence, run, why)
