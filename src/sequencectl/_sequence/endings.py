"""How one sequence ends: by its last task, aborted, superseded or out of time."""

from __future__ import annotations

from datetime import datetime

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft
from sequencectl.payload import EMPTY, FrozenMap
from sequencectl.sequence import LiveSequence
from sequencectl.task_run import TaskRun


def end_finished(sequence: SequenceDraft) -> None:
    """End a sequence with its last task, or with one that failed (R12)."""
    record = sequence.live
    sequence.apply(
        e.SequenceFinished,
        result=record.result,
        status=record.status,
        message=record.message,
        labels=labels(record.data),
    )


def end_aborted(sequence: SequenceDraft, control: e.Control, cause: e.Cause) -> None:
    """End a sequence as aborted; a task in flight is abandoned and named (R22–R24)."""
    record = sequence.live
    by = f" by {control.actor}" if control.actor else ""
    why = f": {control.reason}" if control.reason else "."
    sequence.apply(
        e.SequenceAborted,
        control=control,
        cause=cause,
        message=f"Sequence {record.name} in stage {record.stage} was aborted{by}{why}",
        labels=labels(record.data if record.parked is None else record.data_if_over),
        abandoned_task=_in_flight(record),
    )


def end_superseded(sequence: SequenceDraft, newcomer: str, *, is_void: str = "") -> None:
    """End a sequence: `newcomer` takes its place, or makes its approval `is_void` (R6, R35)."""
    record = sequence.live
    newer = f"A newer {record.name} of {record.service or 'this service'}"
    sequence.apply(
        e.SequenceSuperseded,
        superseded_by=newcomer,
        message=f"{newer} waits: {is_void} is void." if is_void else f"{newer} took its place.",
        labels=labels(record.data),
        abandoned_task=_in_flight(record),
    )


def end_expired(sequence: SequenceDraft, explanation: e.TimeoutExplanation) -> None:
    """End a sequence that has waited for too long (R30)."""
    sequence.apply(
        e.SequenceExpired,
        explanation=explanation,
        message=str(explanation),
        labels=labels(sequence.live.data),
    )


def end_timed_out(sequence: SequenceDraft, explanation: e.TimeoutExplanation) -> None:
    """End a sequence that, or whose task, has taken too long (R27, R30)."""
    record = sequence.live
    sequence.apply(
        e.SequenceTimedOut,
        explanation=explanation,
        message=str(explanation),
        labels=labels(record.data_if_over),
        abandoned_task=_in_flight(record),
    )


def labels(data: FrozenMap) -> FrozenMap:
    """Return the labels that a sequence has gathered in its data; empty if there are none."""
    found = data.get("labels")
    return found if isinstance(found, FrozenMap) else EMPTY


def explained(
    record: LiveSequence, kind: e.DeadlineKind, deadline: datetime
) -> e.TimeoutExplanation:
    """Return why this limit ends something, in a form programs can read (R28)."""
    run = record.task
    timeout = record.timeout
    if run is not None and kind is e.DeadlineKind.REACTION:
        timeout = run.triggered.reaction_timeout
    elif run is not None and kind is e.DeadlineKind.SILENCE:
        timeout = run.triggered.silence_timeout
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
        awaited="" if run is None else _awaited(run, kind),
    )


def _awaited(run: TaskRun, kind: e.DeadlineKind) -> str:
    """Return what the task in flight waits for; at a limit of silence who has fallen silent."""
    if kind is not e.DeadlineKind.SILENCE:
        return run.awaited
    first = min(map(run.heard_at, run.at_work))
    silent = [executor.source for executor in run.at_work if run.heard_at(executor) == first]
    return ", ".join(silent)


def _in_flight(record: LiveSequence) -> str | None:
    return None if record.task is None else record.task.task_id
