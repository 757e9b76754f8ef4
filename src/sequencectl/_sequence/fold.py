"""The fold of one sequence's events into its record: pure, and reads nothing but its arguments.

Every change of phase goes through the rulebook's `next_phase`; an event that has no row there
raises `IllegalTransition`, one that names another task or sequence `ReplayError`.
"""

from __future__ import annotations

from typing import Final, assert_never

import sequencectl.events as e
from sequencectl._scratch import scratch_of
from sequencectl._sequence import rulebook
from sequencectl.errors import ReplayError
from sequencectl.outcomes import Result, Status, worst
from sequencectl.payload import merge
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.task_run import Executor, TaskOutcome, TaskRun, Vote

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
            new.task = _with_finish(_in_flight(record, event.task_id), event)
            new.data = merge(record.data, event.data)
        case e.TaskFinished():
            new.task, new.runs = None, _over(record, event.task_id, event.result)
            new.result, new.status = worst(record.result, event.result), event.status
            new.message = event.message
        case e.TaskTimedOut():
            new.task, new.runs = None, _over(record, event.task_id, Result.FAIL)
            new.result, new.status = Result.FAIL, Status.ERRORED
            new.message = str(event.explanation)
        case e.TaskScheduled():
            new.due_at = event.due_at
        case e.SequenceStarted():
            new.started_at, new.timeout, new.deadline = event.at, event.timeout, event.deadline
        case e.SequencePaused():
            if phase is Phase.HELD:
                new.deadline, new.time_left = None, event.time_left
        case e.SequenceDrained():
            new.deadline, new.time_left = None, event.time_left
        case e.SequenceResumed():
            new.deadline, new.time_left = event.deadline, None
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
    )


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
    new.executors = _heard(run.executors, event.source, starts=1)
    if event.report_id is not None:
        new.report_ids = (*run.report_ids, event.report_id)
    new.__class__ = TaskRun
    made: TaskRun = new
    return made


def _with_finish(run: TaskRun, event: e.TaskFinishReported) -> TaskRun:
    new = _scratch_run(run)
    if event.report_id is not None:
        new.report_ids = (*run.report_ids, event.report_id)
    if run.triggered.approval is not None:
        new.votes = _voted(run.votes, event)
    else:
        if event.counted:
            new.executors = _heard(run.executors, event.source, finishes=1)
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
    executors: tuple[Executor, ...], source: str, *, starts: int = 0, finishes: int = 0
) -> tuple[Executor, ...]:
    for at, known in enumerate(executors):
        if known.source == source:
            heard = Executor(source, known.starts + starts, known.finishes + finishes)
            return (*executors[:at], heard, *executors[at + 1 :])
    return (*executors, Executor(source, starts, finishes))


def _over(record: LiveSequence, task_id: str, result: Result) -> tuple[TaskOutcome, ...]:
    """Return the outcomes with that of the task in flight, which is over."""
    run = _in_flight(record, task_id)
    return (*record.runs, TaskOutcome(run.task_id, run.name, result))


def _ended(record: LiveSequence, event: e.Ending, phase: Phase) -> EndedSequence:
    """Return what stays of `record`: everything about tasks and data but the outcomes goes."""
    runs = record.runs
    if record.task is not None:  # abandoned: it has an outcome for selectors and late reports
        runs = (*runs, TaskOutcome(record.task.task_id, record.task.name, Result.FAIL))
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
    )
