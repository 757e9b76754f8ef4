"""What executors say of the task in flight: count it, and finish the task when that is enough."""

from __future__ import annotations

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft
from sequencectl._sequence.tasks import finish_task
from sequencectl._sequence.votes import Verdict, verdict, vote
from sequencectl.commands import (
    Report,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    TriggerSequence,
)
from sequencectl.outcomes import (
    APPLIED,
    Outcome,
    Rejected,
    RejectedCode,
    Result,
    Status,
    Unchanged,
    UnchangedCode,
)
from sequencectl.payload import EMPTY, FrozenMap, merge
from sequencectl.policies import Bounds
from sequencectl.sequence import LiveSequence
from sequencectl.task_run import TaskRun


def report(sequence: SequenceDraft, command: Report) -> Outcome:
    """Count an executor's report, or a vote, for the task in flight (R11–R13, R33, R34, R42)."""
    run = sequence.live.task
    if run is None or run.task_id != command.task_id:
        return Unchanged(UnchangedCode.LATE)
    if isinstance(command, ReportTaskProgress):
        return _report_progress(sequence, run, command)
    if command.report_id is not None and command.report_id in run.report_ids:
        return Unchanged(UnchangedCode.DUPLICATE)
    if isinstance(command, ReportTaskStarted):
        return _report_start(sequence, run, command)
    outcome: Outcome = APPLIED
    if run.triggered.approval is not None:
        outcome = vote(sequence, run, run.triggered.approval, command)
    else:
        _report_finish(sequence, run, command)
    task = sequence.live.task
    if task is not None and task.is_over:
        finish_task(sequence, task, _verdict(task))
    return outcome


def payload_refusal(command: TriggerSequence, bounds: Bounds) -> Rejected | None:
    """Return why the data of a trigger is too large; None if it is not (R33).

    That of a redrive may be as large as the input of a task, which it is (R41).
    """
    data, most = command.data, bounds.payload_size
    if command.redrives is not None:
        most = max(most, bounds.input_size)
    exceeded = _payload_exceeded(data, data.size, most, bounds)
    return None if exceeded is None else Rejected(RejectedCode.PAYLOAD_TOO_LARGE, exceeded)


def _report_start(sequence: SequenceDraft, run: TaskRun, command: ReportTaskStarted) -> Outcome:
    bounds, known = sequence.bounds, [executor.source for executor in run.executors]
    if command.source in known:
        if run.triggered.approval is not None:  # votes need the room for reports
            return Unchanged(UnchangedCode.DUPLICATE)
    elif len(known) >= bounds.sources:
        return Unchanged(UnchangedCode.TOO_MANY_SOURCES)
    if command.report_id is not None and len(run.report_ids) >= bounds.reports:
        return Unchanged(UnchangedCode.TOO_MANY_REPORTS)
    sequence.apply(
        e.TaskStartReported,
        task_id=run.task_id,
        task=run.name,
        source=command.source,
        report_id=command.report_id,
    )
    return APPLIED


def _report_progress(sequence: SequenceDraft, run: TaskRun, command: ReportTaskProgress) -> Outcome:
    """Record a sign of life, unless the last one of its source came just before (R42)."""
    bounds = sequence.bounds
    size = len(command.message.encode())
    if size > bounds.payload_size:
        message = f"The message has {size} bytes, at most {bounds.payload_size} are accepted."
        return Rejected(RejectedCode.PAYLOAD_TOO_LARGE, message)
    known = next((each for each in run.executors if each.source == command.source), None)
    if known is None and len(run.executors) >= bounds.sources:
        return Unchanged(UnchangedCode.TOO_MANY_SOURCES)
    if known is not None and run.triggered.approval is not None:
        return Unchanged(UnchangedCode.DUPLICATE)
    last = None if known is None else known.progress
    if last is not None and last.at <= sequence.now < last.at + bounds.progress_every:
        return Unchanged(UnchangedCode.TOO_SOON)
    sequence.apply(
        e.TaskProgressReported,
        task_id=run.task_id,
        task=run.name,
        source=command.source,
        message=command.message,
        percent=command.percent,
    )
    return APPLIED


def _report_finish(sequence: SequenceDraft, run: TaskRun, command: ReportTaskFinished) -> None:
    bounds = sequence.bounds
    counted = command.source in run.sources or len(run.executors) < bounds.sources
    remembered = len(run.report_ids) < bounds.reports or command.report_id is None
    over = _bound_exceeded(sequence.live, run, command, bounds)
    status = command.status if over is None else Status.ERRORED
    sequence.apply(
        e.TaskFinishReported,
        task_id=run.task_id,
        task=run.name,
        source=command.source,
        result=command.result if status is Status.SUCCEEDED else Result.FAIL,
        status=status,
        message=command.message if over is None else over,
        data=command.data if over is None else EMPTY,
        report_id=command.report_id if remembered else None,
        counted=counted,
    )


def _bound_exceeded(
    record: LiveSequence, run: TaskRun, command: ReportTaskFinished, bounds: Bounds
) -> str | None:
    """Return a sentence that names the bound a finish exceeds; None if it exceeds none (R33)."""
    if command.source not in run.sources and len(run.executors) >= bounds.sources:
        return f"More than {bounds.sources} sources reported on task {run.name}."
    if command.report_id is not None and len(run.report_ids) >= bounds.reports:
        return f"More than {bounds.reports} reports came for task {run.name}."
    size = command.data.size + len(command.message.encode())
    exceeded = _payload_exceeded(command.data, size, bounds.payload_size, bounds)
    if exceeded is not None:
        return exceeded
    data = record.data if run.data is None else run.data
    if data.size + command.data.size > bounds.input_size:
        merged = merge(data, command.data).size
        if merged > bounds.input_size:
            return (
                f"All results together have {merged} bytes, at most {bounds.input_size} are kept."
            )
    return None


def _payload_exceeded(data: FrozenMap, size: int, most: int, bounds: Bounds) -> str | None:
    if size > most:
        return f"The payload has {size} bytes, at most {most} are accepted."
    if data.depth > bounds.payload_depth:
        return f"The data has {data.depth} levels, at most {bounds.payload_depth} are accepted."
    return None


def _verdict(run: TaskRun) -> Verdict:
    """Return what comes of a task that is over."""
    if run.triggered.approval is not None:
        return verdict(run.deciding)
    assert run.result is not None
    return run.result, run.status, run.message
