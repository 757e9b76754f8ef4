"""The fold of one sequence's events into its record: pure, and reads nothing but its arguments.

Every change of phase goes through the rulebook's `next_phase`; an event that has no row there
raises `IllegalTransition`, one that names another task or sequence `ReplayError`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, assert_never

import attrs

import sequencectl.events as e
from sequencectl._scratch import scratch_of
from sequencectl._sequence import rulebook
from sequencectl.errors import ReplayError
from sequencectl.outcomes import Result, Status, worst
from sequencectl.payload import FrozenMap, merge
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import Failure
from sequencectl.task_run import (
    Executor,
    FailedAttempt,
    ParkedTask,
    Progress,
    TaskOutcome,
    TaskRun,
    Vote,
    failure_of,
)

_OVER: Final = e.TaskEnd.OVER
_scratch: Final = scratch_of(LiveSequence)
_scratch_run: Final = scratch_of(TaskRun)


def fold(record: SequenceRecord | None, event: e.SequenceEvent) -> SequenceRecord:
    """Return the record after `event`; `record` is None before a sequence is triggered."""
    if isinstance(event, e.SequenceTriggered):
        if record is not None:
            raise ReplayError(f"sequence {event.subject.sequence_id!r} was triggered before")
        return _born(event)
    if record is None or (record.subject is not event.subject and record.subject != event.subject):
        raise ReplayError(f"{event!r} is about another sequence than {record!r}")
    phase = rulebook.next_phase(record.phase, type(event))
    assert isinstance(record, LiveSequence)  # no row of the rulebook leaves an ended phase
    if phase.has_ended:
        return _ended(record, event, phase)  # type: ignore[arg-type] # the rulebook says so
    return _gone_on(record, event, phase)  # type: ignore[arg-type] # the rulebook says so


def _gone_on(record: LiveSequence, event: e.SequenceMove, phase: Phase) -> LiveSequence:
    """Return the record after an event that does not end it."""
    new = _scratch(record)
    new.serial, new.at = event.serial, event.at
    if phase is not record.phase:
        new.phase, new.since = phase, event.at
    match event:
        case e.TaskTriggered():
            new.due_at, new.task = None, _triggered(record, event)
        case e.TaskStartReported():
            new.task = _with_start(_in_flight(record, event.task_id), event)
        case e.TaskFinishReported():
            new.task = _with_finish(_in_flight(record, event.task_id), event, record.data)
        case e.TaskFinished() | e.TaskTimedOut():
            new.task, new.message = None, event.message
            _take_in(new, record, event)
        case e.TaskProgressReported():
            new.task = _with_progress(_in_flight(record, event.task_id), event)
        case e.SequenceParked() | e.TaskRetried() | e.TaskSkipped():
            new.timeout, new.deadline = event.timeout, event.deadline
            _park_or_leave(new, record, event)
        case e.TaskScheduled():
            new.due_at = event.due_at
        case e.SequenceStarted():
            new.started_at, new.timeout, new.deadline = event.at, event.timeout, event.deadline
        case e.SequencePaused():
            if phase is Phase.HELD:
                new.deadline, new.time_left = None, event.time_left
            elif record.parked is not None:
                new.parked = attrs.evolve(record.parked, is_paused=True)
        case e.SequenceDrained():
            new.deadline, new.time_left = None, event.time_left
        case e.SequenceResumed():
            if record.parked is None:
                new.deadline, new.time_left = event.deadline, None
            else:  # its limit runs, paused or not
                new.parked = attrs.evolve(record.parked, is_paused=False)
        case e.SequenceExempted():
            new.exempted = event.control
        case e.SequenceAbortRequested():
            new.abort, new.timeout, new.deadline = event.control, event.timeout, event.deadline
        case _:
            assert_never(event)
    new.__class__ = LiveSequence
    made: LiveSequence = new
    return made


def _born(event: e.SequenceTriggered) -> LiveSequence:
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
        initiators=event.initiators,
        redrive=event.redrive,
        result=Result.PASS if event.redrive is None else _carried_result(event.redrive),
    )


def _carried_result(redrive: e.Redrive) -> Result:
    """Return the result that a redrive begins with: a carried fail does not count (R41)."""
    has_warning = any(task.result is Result.WARNING for task in redrive.carried)
    return Result.WARNING if has_warning else Result.PASS


def _in_flight(record: LiveSequence, task_id: str) -> TaskRun:
    if record.task is None or record.task.task_id != task_id:
        raise ReplayError(f"task {task_id!r} of {record.sequence_id!r} is not in flight")
    return record.task


def _triggered(record: LiveSequence, event: e.TaskTriggered) -> TaskRun:
    if record.task is not None:
        raise ReplayError(f"task {record.task.task_id!r} is in flight, {event!r} comes too early")
    return TaskRun(event)


def _with_start(run: TaskRun, event: e.TaskStartReported) -> TaskRun:
    new = _scratch_run(run)
    new.executors = _heard(run.executors, event.source, event.at, starts=1)
    if event.report_id is not None:
        new.report_ids = (*run.report_ids, event.report_id)
    new.__class__ = TaskRun
    made: TaskRun = new
    return made


def _with_progress(run: TaskRun, event: e.TaskProgressReported) -> TaskRun:
    progress = Progress(event.at, event.message, event.percent)
    executors = _heard(run.executors, event.source, event.at, progress=progress)
    return attrs.evolve(run, executors=executors)


def _with_finish(run: TaskRun, event: e.TaskFinishReported, data: FrozenMap) -> TaskRun:
    """Return the run after a finish; `data` is what the sequence had before the run."""
    new = _scratch_run(run)
    if event.report_id is not None:
        new.report_ids = (*run.report_ids, event.report_id)
    if run.triggered.approval is not None:
        new.votes = _voted(run.votes, event)
    else:
        if event.counted:
            new.executors = _heard(run.executors, event.source, event.at, finishes=1)
        if event.data._items:  # a call of its length takes as long as the rest
            new.data = merge(data if run.data is None else run.data, event.data)
        new.result = event.result if run.result is None else worst(run.result, event.result)
        if run.status is Status.SUCCEEDED:
            new.status = event.status
        if event.message:
            new.message = event.message
    new.__class__ = TaskRun
    made: TaskRun = new
    return made


def _voted(votes: tuple[Vote, ...], event: e.TaskFinishReported) -> tuple[Vote, ...]:
    """Return the votes that stand: the last one of each voter, in the order they were cast."""
    others = [vote for vote in votes if vote.voter != event.voter]
    return (*others, Vote(event.voter, event.source, event.result, event.status, event.message))


def _heard(
    executors: tuple[Executor, ...],
    source: str,
    now: datetime,
    *,
    starts: int = 0,
    finishes: int = 0,
    progress: Progress | None = None,
) -> tuple[Executor, ...]:
    """Return the executors after one of them was heard of."""
    for at, known in enumerate(executors):
        if known.source == source:
            starts, finishes = known.starts + starts, known.finishes + finishes
            heard = Executor(source, starts, finishes, now, progress or known.progress)
            return (*executors[:at], heard, *executors[at + 1 :])
    return (*executors, Executor(source, starts, finishes, now, progress))


def _take_in(new: Any, record: LiveSequence, event: e.TaskFinished | e.TaskTimedOut) -> None:
    """Put what the run in flight came to into a scratch copy, if its task is over (R12, R14).

    A run that is retried or parked is set aside, and nothing of it counts (R39, R40).
    """
    run = _in_flight(record, event.task_id)
    if event.end is _OVER:
        if run.data is not None:
            new.data = run.data
        new.runs = (*record.runs, TaskOutcome(run.task_id, run.name, event.result))
        new.result, new.status = worst(record.result, event.result), event.status
        return
    is_late = isinstance(event, e.TaskTimedOut)
    failure = Failure.TIMED_OUT if is_late else failure_of(event.status)
    if event.end is e.TaskEnd.RETRIED:
        attempt = FailedAttempt(run.task_id, record.next_index, failure)
        new.retried = (*record.retried, attempt)
    else:
        new.parked = ParkedTask(
            run.task_id, run.name, run.triggered.attempt, failure,
            event.status, event.message, event.explanation, run.data,
        )  # fmt: skip


def _park_or_leave(
    new: Any, record: LiveSequence, event: e.SequenceParked | e.TaskRetried | e.TaskSkipped
) -> None:
    """Say in a scratch copy that parking begins, or what becomes of the parked run (R40)."""
    parked = record.parked
    if parked is None or parked.task_id != event.task_id:
        raise ReplayError(f"{record.sequence_id!r} is not parked with task {event.task_id!r}")
    new.parked = new.time_left = None
    match event:
        case e.SequenceParked():
            is_paused = record.phase is Phase.PAUSING
            new.parked = attrs.evolve(parked, total=record.timeout, is_paused=is_paused)
            new.time_left = event.time_left
        case e.TaskRetried():
            index = record.next_index
            attempt = FailedAttempt(parked.task_id, index, parked.failure, by_person=True)
            new.retried = (*record.retried, attempt)
        case e.TaskSkipped():
            run = TaskOutcome(parked.task_id, parked.name, event.result, is_skipped=True)
            new.runs, new.message = (*record.runs, run), event.message
            new.result, new.status = worst(record.result, event.result), Status.SUCCEEDED
        case _:
            assert_never(event)


def _ended(record: LiveSequence, event: e.Ending, phase: Phase) -> EndedSequence:
    """Return what stays of `record`: everything about tasks and data but the outcomes goes."""
    runs, last = record.runs, record.task or record.parked
    if last is not None:  # abandoned, or it failed: it has an outcome for selectors
        runs = (*runs, TaskOutcome(last.task_id, last.name, Result.FAIL))
    result, status = Result.FAIL, Status.ABORTED
    explanation = control = superseded_by = abandoned = None
    match event:
        case e.SequenceFinished():
            result, status = event.result, event.status
        case e.SequenceTimedOut():
            status, explanation, abandoned = Status.ERRORED, event.explanation, event.abandoned_task
        case e.SequenceAborted():
            control, abandoned = event.control, event.abandoned_task
        case e.SequenceSuperseded():
            superseded_by, abandoned = event.superseded_by, event.abandoned_task
        case e.SequenceExpired():
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
        initiators=record.initiators,
        exempted=record.exempted,
        redrive=record.redrive,
        retried=record.retried,
        next_task=_next_name(record, last is not None),
    )


def _next_name(record: LiveSequence, has_last: bool) -> str | None:
    """Return the name of the first task that was not run; None if there is none (R41)."""
    index, tasks = record.next_index + has_last, record.definition.tasks
    return tasks[index].name if index < len(tasks) else None
