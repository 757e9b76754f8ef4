"""What a sequence does next: start, pause, resume, abort, and act on a deadline.

This module, ``reports`` and what is below them are the only code that decides the events of one
sequence. `SequenceStateMachine` calls it for one sequence, `ControlPlane` for each sequence of a
project.
Each function reads the record as it is, applies events one by one, and goes on from the record
that results.
"""

from __future__ import annotations

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft, after
from sequencectl._sequence.endings import end_aborted, end_expired, end_timed_out, explained
from sequencectl._sequence.tasks import drain, finish_task, go_on, time_left, trigger_task
from sequencectl._sequence.votes import consent
from sequencectl.durations import format_duration
from sequencectl.sequence import Phase
from sequencectl.task_run import TaskRun


def start(sequence: SequenceDraft) -> None:
    """Give a waiting sequence its lane and trigger, or schedule, its first task (R1, R10)."""
    total = sequence.timeouts.total_for(sequence.live.definition.timeouts)
    sequence.apply(e.SequenceStarted, timeout=total, deadline=after(sequence.now, total))
    go_on(sequence)


def pause(sequence: SequenceDraft) -> None:
    """Pause a sequence, unless it is paused or being aborted (R18, R30)."""
    record = sequence.live
    if record.phase not in {Phase.WAITING, Phase.RUNNING}:
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
    if not record.phase.is_paused:
        return False
    deadline = record.deadline
    if record.time_left is not None:
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
    sequence.apply(e.TaskTimedOut, task_id=run.task_id, task=run.name, explanation=why)
    record = sequence.live
    if record.abort is not None:
        end_aborted(sequence, record.abort, e.Cause.TASK_TIMED_OUT)
    else:
        end_timed_out(sequence, why)
