"""What a sequence does next: start, pause, resume, abort, and act on a deadline.

This module and ``tasks`` are the only code that decides the events of one sequence.
`SequenceStateMachine` calls it for one sequence, `ControlPlane` for each sequence of a project.
Each function reads the record as it is, applies events one by one, and goes on from the record
that results.
"""

from __future__ import annotations

from datetime import datetime

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft, after
from sequencectl._sequence.tasks import drain, end_aborted, go_on, labels, time_left, trigger_task
from sequencectl.sequence import LiveSequence, Phase


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


def resume(sequence: SequenceDraft) -> None:
    """Let a paused sequence go on where its pause began, and trigger what is due (R10, R20)."""
    record = sequence.live
    if not record.phase.is_paused:
        return
    deadline = record.deadline
    if record.time_left is not None:
        deadline = sequence.now + record.time_left
    sequence.apply(e.SequenceResumed, deadline=deadline)
    if record.phase is Phase.PAUSED and (record.due_at is None or record.due_at <= sequence.now):
        trigger_task(sequence)


def abort(sequence: SequenceDraft, control: e.Control, *, force: bool) -> bool:
    """End a sequence, after its task in flight unless by force (R22, R23).

    Return False if it is being aborted already and nothing changes.
    """
    record = sequence.live
    if record.task is None:
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
            explanation = _explanation(record, kind, deadline)
            sequence.apply(
                e.SequenceExpired,
                explanation=explanation,
                message=str(explanation),
                labels=labels(record),
            )
        case e.DeadlineKind.TOTAL:
            _time_out(sequence, _explanation(record, kind, deadline))
        case _:
            _time_out_task(sequence, _explanation(record, kind, deadline))


def _time_out_task(sequence: SequenceDraft, explanation: e.TimeoutExplanation) -> None:
    record = sequence.live
    assert record.task is not None
    sequence.apply(
        e.TaskTimedOut,
        task_id=record.task.task_id,
        task=record.task.name,
        explanation=explanation,
    )
    if record.abort is not None:
        end_aborted(sequence, record.abort, e.Cause.TASK_TIMED_OUT)
    else:
        _time_out(sequence, explanation)


def _time_out(sequence: SequenceDraft, explanation: e.TimeoutExplanation) -> None:
    record = sequence.live
    sequence.apply(
        e.SequenceTimedOut,
        explanation=explanation,
        message=str(explanation),
        labels=labels(record),
        abandoned_task=None if record.task is None else record.task.task_id,
    )


def _explanation(
    record: LiveSequence, kind: e.DeadlineKind, deadline: datetime
) -> e.TimeoutExplanation:
    """Return why this limit ends something, in a form programs can read (R28)."""
    run = record.task
    timeout = record.timeout
    if run is not None and kind is e.DeadlineKind.REACTION:
        timeout = run.triggered.reaction_timeout
    elif run is not None and kind is e.DeadlineKind.COMPLETION:
        timeout = run.triggered.completion_timeout
    assert timeout is not None
    return e.TimeoutExplanation(
        kind=kind,
        stage=record.stage,
        sequence=record.name,
        task=None if run is None else run.name,
        timeout=timeout,
        since=deadline - timeout,
        deadline=deadline,
        reacted=() if run is None else run.sources,
        awaited="" if run is None else run.awaited,
    )
