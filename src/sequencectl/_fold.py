"""The fold of one sequence's events into its record: pure, and reads nothing but its arguments.

Every change of phase goes through the rulebook's `next_phase`; an event that has no row there
raises `IllegalTransition`, one that names another task or sequence `ReplayError`.
"""

from __future__ import annotations

from typing import Any, assert_never

import attrs

from sequencectl import _rulebook
from sequencectl.errors import ReplayError
from sequencectl.events import (
    Ending,
    SequenceAborted,
    SequenceAbortRequested,
    SequenceDrained,
    SequenceEvent,
    SequenceExpired,
    SequenceFinished,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTimedOut,
    SequenceTriggered,
    TaskFinished,
    TaskFinishReported,
    TaskScheduled,
    TaskStartReported,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.payload import merge
from sequencectl.results import Result, Status, worst
from sequencectl.sequence import (
    EndedSequence,
    Executor,
    LiveSequence,
    Phase,
    SequenceRecord,
    TaskOutcome,
    TaskRun,
)


def fold(record: SequenceRecord | None, event: SequenceEvent) -> SequenceRecord:
    """Return the record after `event`; `record` is None before a sequence is triggered."""
    if isinstance(event, SequenceTriggered):
        if record is not None:
            raise ReplayError(f"sequence {event.subject.sequence_id!r} was triggered before")
        return _born(event)
    if record is None or record.subject != event.subject:
        raise ReplayError(f"{event!r} is about another sequence than {record!r}")
    phase = _rulebook.next_phase(record.phase, type(event))
    assert isinstance(record, LiveSequence), "no row of the rulebook leaves an ended phase"
    if isinstance(event, Ending):
        return _ended(record, event, phase)
    since = record.since if phase is record.phase else event.at
    changes = _changes(record, event, phase)
    return attrs.evolve(
        record, phase=phase, since=since, serial=event.serial, at=event.at, **changes
    )


def _born(event: SequenceTriggered) -> LiveSequence:
    return LiveSequence(
        subject=event.subject,
        place=event.place,
        accepted_serial=event.serial,
        lane=event.lane,
        priority=event.priority,
        definition=event.definition,
        depth=event.depth,
        data=event.data,
        accepted_at=event.at,
        serial=event.serial,
        at=event.at,
        timeout=event.timeout,
        deadline=event.deadline,
    )


def _changes(record: LiveSequence, event: Any, phase: Phase) -> dict[str, Any]:
    """Return the fields `event` changes besides phase, since and serial."""
    match event:
        case SequenceStarted():
            return {
                "started_at": event.at,
                "timeout": event.timeout,
                "deadline": event.deadline,
            }
        case SequencePaused() if phase is Phase.HELD:
            return {"deadline": None, "time_left": event.time_left}
        case SequencePaused():
            return {}
        case SequenceDrained():
            return {"deadline": None, "time_left": event.time_left}
        case SequenceResumed():
            return {"deadline": event.deadline, "time_left": None}
        case SequenceAbortRequested():
            return {"abort": event.control, "timeout": event.timeout, "deadline": event.deadline}
        case TaskScheduled():
            return {"due_at": event.due_at}
        case TaskTriggered():
            return {"due_at": None, "task": _task_run(record, event)}
        case TaskStartReported():
            return {"task": _with_start(_in_flight(record, event.task_id), event)}
        case TaskFinishReported():
            run = _in_flight(record, event.task_id)
            return {"task": _with_finish(run, event), "data": merge(record.data, event.data)}
        case TaskFinished():
            return _over(record, event.task_id, event.result, event.status, event.message)
        case TaskTimedOut():
            said = str(event.explanation)
            return _over(record, event.task_id, Result.FAIL, Status.ERRORED, said)
        case _:
            assert_never(event)


def _in_flight(record: LiveSequence, task_id: str) -> TaskRun:
    if record.task is None or record.task.task_id != task_id:
        raise ReplayError(f"task {task_id!r} of {record.sequence_id!r} is not in flight")
    return record.task


def _task_run(record: LiveSequence, event: TaskTriggered) -> TaskRun:
    if record.task is not None:
        raise ReplayError(f"task {record.task.task_id!r} is in flight, {event!r} comes too early")
    return TaskRun(event)


def _with_start(run: TaskRun, event: TaskStartReported) -> TaskRun:
    return attrs.evolve(
        run,
        executors=_heard(run.executors, event.source, starts=1),
        report_ids=_with_id(run, event.report_id),
    )


def _with_finish(run: TaskRun, event: TaskFinishReported) -> TaskRun:
    return attrs.evolve(
        run,
        executors=_heard(run.executors, event.source, finishes=1)
        if event.counted
        else run.executors,
        report_ids=_with_id(run, event.report_id),
        result=event.result if run.result is None else worst(run.result, event.result),
        status=event.status if run.status is Status.SUCCEEDED else run.status,
        message=event.message or run.message,
    )


def _with_id(run: TaskRun, report_id: str | None) -> tuple[str, ...]:
    return run.report_ids if report_id is None else (*run.report_ids, report_id)


def _heard(
    executors: tuple[Executor, ...], source: str, *, starts: int = 0, finishes: int = 0
) -> tuple[Executor, ...]:
    for at, known in enumerate(executors):
        if known.source == source:
            heard = Executor(source, known.starts + starts, known.finishes + finishes)
            return (*executors[:at], heard, *executors[at + 1 :])
    return (*executors, Executor(source, starts, finishes))


def _over(
    record: LiveSequence, task_id: str, result: Result, status: Status, message: str
) -> dict[str, Any]:
    run = _in_flight(record, task_id)
    return {
        "task": None,
        "runs": (*record.runs, TaskOutcome(run.task_id, run.name, result)),
        "result": worst(record.result, result),
        "status": status,
        "message": message,
    }


def _ended(record: LiveSequence, event: Ending, phase: Phase) -> EndedSequence:
    """Return what stays of `record`: everything about tasks and data but the outcomes goes."""
    runs = record.runs
    if record.task is not None:  # abandoned: it has an outcome for selectors and late reports
        runs = (*runs, TaskOutcome(record.task.task_id, record.task.name, Result.FAIL))
    result, status = Result.FAIL, Status.ABORTED
    explanation = control = superseded_by = abandoned = None
    match event:
        case SequenceFinished():
            result, status = event.result, event.status
        case SequenceTimedOut():
            status, explanation, abandoned = Status.ERRORED, event.explanation, event.abandoned_task
        case SequenceAborted():
            control, abandoned = event.control, event.abandoned_task
        case SequenceSuperseded():
            superseded_by = event.superseded_by
        case SequenceExpired():
            explanation = event.explanation
        case _:
            assert_never(event)
    return EndedSequence(
        subject=record.subject,
        place=record.place,
        accepted_serial=record.accepted_serial,
        accepted_at=record.accepted_at,
        ended_at=event.at,
        serial=event.serial,
        phase=phase,
        result=result,
        status=status,
        started_at=record.started_at,
        runs=runs,
        message=event.message,
        explanation=explanation,
        control=control,
        abort=record.abort,
        superseded_by=superseded_by,
        abandoned_task=abandoned,
    )
