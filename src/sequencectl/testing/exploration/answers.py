"""The answer that a command must get, worked out from the rules by looking at every record."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import sequencectl.commands as c
from sequencectl.control_plane import ControlPlane
from sequencectl.outcomes import Applied, Outcome, Rejected
from sequencectl.policies import QueueMode
from sequencectl.sequence import LiveSequence, SequenceRecord
from sequencectl.state import ProjectState
from sequencectl.testing.exploration.transition import beside_a_free_place, next_limit


def word(outcome: Outcome) -> str:
    """Return an outcome in the words of ``docs/rules.md``, such as ``rejected aborting``."""
    if isinstance(outcome, Applied):
        return "applied"
    code = outcome.code.value
    return f"rejected {code}" if isinstance(outcome, Rejected) else code


def expected(plane: ControlPlane, state: ProjectState, command: c.Command, now: datetime) -> str:
    """Return the answer to `command`; empty if it depends on free room (R6) or a bound (R33)."""
    records = tuple(state.sequences.values())
    request = getattr(command, "request_id", None)
    if request is not None and request in state.ledger.request_ids:
        return "repeated"
    match command:
        case c.TriggerSequence():
            return _trigger(plane, state, command)
        case c.ReportTaskStarted() | c.ReportTaskFinished():
            return _report(plane, records, command)
        case c.PauseSequence() | c.ResumeSequence():
            return _pause(state, records, command)
        case c.AbortSequence():
            return _abort(records, command)
        case c.FreezeStage() | c.UnfreezeStage():
            wants = isinstance(command, c.FreezeStage)
            if wants is not (state.freeze_of(command.stage) is not None):
                return "applied"
            return "already_frozen" if wants else "not_frozen"
        case c.CheckDeadlines():
            return _check(plane, state, records, now)
        case _:
            assert_never(command)


def _check(
    plane: ControlPlane, state: ProjectState, records: tuple[SequenceRecord, ...], now: datetime
) -> str:
    """Return the answer to a check: applied if something is due or a limit was raised (R3, R29)."""
    live = [record for record in records if isinstance(record, LiveSequence)]
    if any((at := next_limit(record)) is not None and at <= now for record in live):
        return "applied"
    return "applied" if any(beside_a_free_place(plane, state, live)) else "nothing_due"


def _trigger(plane: ControlPlane, state: ProjectState, command: c.TriggerSequence) -> str:
    """Return the answer to a trigger: duplicate if the id is known (R8), else by free room."""
    known = state.sequence(command.sequence_id)
    if known is not None or state.remembered(command.sequence_id) is not None:
        return "duplicate"
    policy = plane.queueing.for_stage(command.stage)
    has_room = policy.mode is QueueMode.QUEUE and policy.max_waiting > len(state.sequences)
    return "applied" if has_room else ""


def _report(plane: ControlPlane, records: tuple[SequenceRecord, ...], command: c.Report) -> str:
    """Return the answer to a report; it counts once, for a task in flight (R11, R13)."""
    task_id = command.task_id
    for record in records:
        task = record.task if isinstance(record, LiveSequence) else None
        if task is not None and task.task_id == task_id:
            if command.report_id is not None and command.report_id in task.report_ids:
                return "duplicate"
            bounds, heard = plane.bounds, task.executors
            return "applied" if len(heard) < min(bounds.sources, bounds.reports) else ""
        if any(run.task_id == task_id for run in record.runs):
            return "late"
    return "unknown_task"


def _refusal(records: tuple[SequenceRecord, ...], context: str | None) -> str:
    known = [record for record in records if record.context == context]
    if any(isinstance(record, LiveSequence) for record in known):
        return ""
    return "rejected already_ended" if known else "rejected unknown_context"


def _pause(
    state: ProjectState,
    records: tuple[SequenceRecord, ...],
    command: c.PauseSequence | c.ResumeSequence,
) -> str:
    """Return the answer to a pause or a resume (R18–R20)."""
    context, stage = command.context, command.stage
    if refusal := _refusal(records, context):
        return refusal
    live = [each for each in records if isinstance(each, LiveSequence) and each.context == context]
    scope = [each for each in live if stage in {None, each.stage}]
    if scope and all(each.phase.value == "aborting" for each in scope):
        return "rejected aborting"
    paused = [pause.stage for pause in state.context(context).pauses]
    if isinstance(command, c.PauseSequence):
        return "already_paused" if None in paused or stage in paused else "applied"
    if stage is not None and None in paused:
        return "rejected paused_with_context"
    return "applied" if any(stage in {None, inside} for inside in paused) else "not_paused"


def _abort(records: tuple[SequenceRecord, ...], command: c.AbortSequence) -> str:
    """Return the answer to an abort of a context, or of a stage of it (R22, R23)."""
    context, stage = command.context, command.stage
    if refusal := _refusal(records, context):
        return refusal
    there = [each for each in records if each.context == context and stage in {None, each.stage}]
    live = [each for each in there if isinstance(each, LiveSequence)]
    if not live:
        return "rejected already_ended" if there else "rejected not_reached"
    waits = not command.force and all(each.phase.value == "aborting" for each in live)
    return "already_aborting" if waits else "applied"
