"""What one sequence does next: start, pause, resume, abort, and act on a deadline.

With ``tasks`` this is the only code that decides a sequence's own events. Each function
decides by the record as it is now and records what happens, event by event; the record that results
is the basis of what it decides next. `SequenceStateMachine` calls these functions for one sequence,
`ControlPlane` for each sequence of a project.
"""

from __future__ import annotations

from datetime import datetime

from sequencectl._sequence.draft import Recorder, after
from sequencectl._sequence.tasks import drain, end_aborted, go_on, labels, time_left, trigger_task
from sequencectl.events import (
    Cause,
    Control,
    DeadlineKind,
    SequenceAbortRequested,
    SequenceExpired,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceTimedOut,
    TaskTimedOut,
    TimeoutExplanation,
)
from sequencectl.sequence import LiveSequence, Phase


def start(draft: Recorder, sequence_id: str) -> None:
    """Give a waiting sequence its lane and trigger, or schedule, its first task (R1, R10)."""
    record = draft.live(sequence_id)
    total = draft.timeouts.total_for(record.definition.timeouts)
    draft.record(
        SequenceStarted(
            *draft.stamp(record.subject), timeout=total, deadline=after(draft.now, total)
        )
    )
    go_on(draft, sequence_id)


def pause(draft: Recorder, sequence_id: str) -> None:
    """Let a pause reach a sequence; nothing if one has, or if it is being aborted (R18, R30)."""
    record = draft.live(sequence_id)
    if record.phase not in {Phase.WAITING, Phase.RUNNING}:
        return
    left = time_left(draft, record) if record.phase is Phase.WAITING else None
    draft.record(SequencePaused(*draft.stamp(record.subject), time_left=left))
    if record.phase is Phase.RUNNING and record.task is None:
        drain(draft, sequence_id)


def resume(draft: Recorder, sequence_id: str) -> None:
    """Let a sequence go on where its pause began, and trigger what is due (R10, R20)."""
    record = draft.live(sequence_id)
    if not record.phase.is_paused:
        return
    deadline = record.deadline
    if record.time_left is not None:
        deadline = draft.now + record.time_left
    draft.record(SequenceResumed(*draft.stamp(record.subject), deadline=deadline))
    if record.phase is Phase.PAUSED and (record.due_at is None or record.due_at <= draft.now):
        trigger_task(draft, sequence_id)


def abort(draft: Recorder, sequence_id: str, control: Control, *, force: bool) -> bool:
    """End a sequence, after its task in flight unless by force; False if it waits already (R22,
    R23).
    """
    record = draft.live(sequence_id)
    if record.task is None:
        end_aborted(draft, sequence_id, control, Cause.REQUESTED)
    elif force:
        end_aborted(draft, sequence_id, control, Cause.FORCED)
    elif record.phase is Phase.ABORTING:
        return False
    else:
        grace = draft.timeouts.abort_grace
        draft.record(
            SequenceAbortRequested(
                *draft.stamp(record.subject),
                task_id=record.task.task_id,
                control=control,
                timeout=grace,
                deadline=after(draft.now, grace),
            )
        )
    return True


def fire(draft: Recorder, sequence_id: str) -> None:
    """Act on the first deadline of a sequence, which has passed (R10, R22, R27, R30)."""
    record = draft.live(sequence_id)
    assert record.next_deadline is not None
    deadline, kind = record.next_deadline
    match kind:
        case DeadlineKind.DELAY:
            trigger_task(draft, sequence_id)
        case DeadlineKind.ABORT_GRACE:
            assert record.abort is not None
            end_aborted(draft, sequence_id, record.abort, Cause.GRACE_OVER)
        case DeadlineKind.WAITING:
            explanation = _explanation(record, kind, deadline)
            draft.record(
                SequenceExpired(
                    *draft.stamp(record.subject),
                    explanation=explanation,
                    message=str(explanation),
                    labels=labels(record),
                )
            )
        case DeadlineKind.TOTAL:
            _time_out(draft, sequence_id, _explanation(record, kind, deadline))
        case _:
            _time_out_task(draft, record, _explanation(record, kind, deadline))


def _time_out_task(draft: Recorder, record: LiveSequence, explanation: TimeoutExplanation) -> None:
    assert record.task is not None
    draft.record(
        TaskTimedOut(
            *draft.stamp(record.subject),
            task_id=record.task.task_id,
            task=record.task.name,
            explanation=explanation,
        )
    )
    if record.abort is not None:
        end_aborted(draft, record.sequence_id, record.abort, Cause.TASK_TIMED_OUT)
    else:
        _time_out(draft, record.sequence_id, explanation)


def _time_out(draft: Recorder, sequence_id: str, explanation: TimeoutExplanation) -> None:
    record = draft.live(sequence_id)
    draft.record(
        SequenceTimedOut(
            *draft.stamp(record.subject),
            explanation=explanation,
            message=str(explanation),
            labels=labels(record),
            abandoned_task=None if record.task is None else record.task.task_id,
        )
    )


def _explanation(
    record: LiveSequence, kind: DeadlineKind, deadline: datetime
) -> TimeoutExplanation:
    """Return why this limit ends something, in a form programs can read (R28)."""
    run = record.task
    timeout = record.timeout
    if run is not None and kind is DeadlineKind.REACTION:
        timeout = run.triggered.reaction_timeout
    elif run is not None and kind is DeadlineKind.COMPLETION:
        timeout = run.triggered.completion_timeout
    assert timeout is not None
    return TimeoutExplanation(
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
