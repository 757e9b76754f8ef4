"""The tasks of one sequence: trigger them, count reports, finish, and do what follows."""

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
from sequencectl._sequence.votes import Verdict, verdict, vote
from sequencectl.commands import Report, ReportTaskFinished, ReportTaskStarted, TriggerSequence
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
from sequencectl.payload import EMPTY, FrozenMap, freeze, merge, with_scalars
from sequencectl.policies import Bounds, ResolvedTimeouts, TaskTimeouts, TimeoutPolicy
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


def report(sequence: SequenceDraft, command: Report) -> Outcome:
    """Count an executor's report, or a vote, for the task in flight (R11–R13, R33, R34)."""
    run = sequence.live.task
    if run is None or run.task_id != command.task_id:
        return Unchanged(UnchangedCode.LATE)
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


def payload_refusal(data: FrozenMap, bounds: Bounds) -> Rejected | None:
    """Return why the data of a trigger is too large; None if it is not (R33)."""
    exceeded = _payload_exceeded(data, data.size, bounds)
    return None if exceeded is None else Rejected(RejectedCode.PAYLOAD_TOO_LARGE, exceeded)


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
    exceeded = _payload_exceeded(command.data, size, bounds)
    if exceeded is not None:
        return exceeded
    if record.data.size + command.data.size > bounds.input_size:
        merged = merge(record.data, command.data).size
        if merged > bounds.input_size:
            return (
                f"All results together have {merged} bytes, at most {bounds.input_size} are kept."
            )
    return None


def _payload_exceeded(data: FrozenMap, size: int, bounds: Bounds) -> str | None:
    if size > bounds.payload_size:
        return f"The payload has {size} bytes, at most {bounds.payload_size} are accepted."
    if data.depth > bounds.payload_depth:
        return f"The data has {data.depth} levels, at most {bounds.payload_depth} are accepted."
    return None


def _verdict(run: TaskRun) -> Verdict:
    """Return what comes of a task that is over."""
    if run.triggered.approval is not None:
        return verdict(run.deciding)
    assert run.result is not None
    return run.result, run.status, run.message


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
