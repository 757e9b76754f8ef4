"""The answer that a command must get, worked out from the rules by looking at every record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

import sequencectl.commands as c
from sequencectl.control_plane import ControlPlane
from sequencectl.events import Cause
from sequencectl.outcomes import Applied, Outcome, Rejected, Result, Status
from sequencectl.policies import Bounds, QueueMode
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import Approval, SequenceDefinition
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun
from sequencectl.testing.exploration.transition import (
    IN_LINE,
    bars_its_actor,
    beside_a_free_place,
    has_a_free_place,
    limits_of,
    live_ones,
    opening_of,
    outcomes_of,
    superseded_by,
)


def word(outcome: Outcome) -> str:
    """Return an outcome in the words of ``docs/rules.md``, such as ``rejected aborting``."""
    if isinstance(outcome, Applied):
        return "applied"
    code = outcome.code.value
    return f"rejected {code}" if isinstance(outcome, Rejected) else code


def expected(plane: ControlPlane, state: ProjectState, command: c.Command, now: datetime) -> str:
    """Return the answer to `command`; empty if it depends on a bound (R33)."""
    records = tuple(state.sequences.values())
    request = getattr(command, "request_id", None)
    if request is not None and request in state.ledger.request_ids:
        return "repeated"
    match command:
        case c.TriggerSequence():
            return _trigger(plane, state, command, now)
        case c.ReportTaskStarted() | c.ReportTaskProgress() | c.ReportTaskFinished():
            return _report(plane, records, command, now)
        case c.PauseSequence() | c.ResumeSequence():
            return _pause(state, records, command)
        case c.AbortSequence():
            return _abort(records, command)
        case c.RetryTask() | c.SkipTask():
            return _of_parked(plane, records, command)
        case c.FreezeStage():
            return _freeze(state, command, now)
        case c.UnfreezeStage():
            return _unfreeze(plane, state, command, now)
        case c.ExemptSequence():
            return _exempt(state, command)
        case c.CheckDeadlines():
            return _check(plane, state, records, now)
        case _:
            assert_never(command)


def _check(
    plane: ControlPlane, state: ProjectState, records: tuple[SequenceRecord, ...], now: datetime
) -> str:
    """Return the answer to a check: applied if something is due or a limit was raised (R3, R29)."""
    live = [record for record in records if isinstance(record, LiveSequence)]
    if any(at <= now for at in limits_of(state, live)):
        return "applied"
    return "applied" if any(beside_a_free_place(plane, state, live)) else "nothing_due"


def _trigger(
    plane: ControlPlane, state: ProjectState, command: c.TriggerSequence, now: datetime
) -> str:
    """Return the answer to a trigger: known ids, whether an actor is missing, what a redrive needs,
    free room (R8, R41).
    """
    known = state.sequence(command.sequence_id)
    if known is not None or state.remembered(command.sequence_id) is not None:
        return "duplicate"
    if not command.actor and bars_its_actor(plane.shipyard, command.stage, command.sequence):
        return "rejected no_actor"
    if refusal := _redrive(plane, state, command):
        return refusal
    policy = plane.queueing.for_stage(command.stage)
    lane, live = plane.queueing.lane(command.stage, command.service), live_ones(state.sequences)
    gone = superseded_by(plane, state, command)
    line = [each for each in live if each.lane == lane and each.phase in IN_LINE]
    left = [each for each in line if each not in gone]
    is_free = has_a_free_place(plane, live, command.stage, lane)
    is_busy = any(each.phase is Phase.WAITING for each in left) or not is_free
    if policy.mode is QueueMode.REJECT_WHEN_BUSY and is_busy:
        return "rejected stage_busy"
    if len(left) < policy.max_waiting:
        return "applied"
    opening = opening_of(plane, command.stage, now)
    is_open = opening is not None and opening.is_open and state.freeze_of(command.stage) is None
    is_born_held = state.pause_of(command.context, command.stage) is not None
    starts = is_open and not is_born_held and not is_busy
    return "applied" if starts else "rejected queue_full"


def _redrive(plane: ControlPlane, state: ProjectState, command: c.TriggerSequence) -> str:
    """Return why one may not be redriven; empty if it may, or if nothing is (R41)."""
    if command.redrives is None:
        return ""
    old = state.sequence(command.redrives)
    if old is None:
        return "rejected unknown_sequence"
    said = (command.stage, command.sequence, command.service, command.context)
    if said != (old.stage, old.name, old.service, old.context):
        return "rejected id_conflict"
    if not isinstance(old, EndedSequence):
        return "rejected not_ended"
    if old.result is not Result.FAIL:
        return "rejected not_failed"
    if any(family_of(each) == family_of(old) for each in live_ones(state.sequences)):
        return "rejected already_redriven"
    definition = plane.shipyard.sequence(command.stage, command.sequence)
    assert definition is not None, "an alphabet names sequences of the shipyard"
    carried = carried_by(definition, old, command.start_at)
    if carried is None:
        return "rejected unknown_task"
    for task, (_, result) in zip(definition.tasks, carried, strict=False):
        if task.approval is not None and result not in {Result.PASS, Result.WARNING}:
            return "rejected not_approved"
    return ""


def family_of(record: SequenceRecord) -> str:
    """Return the id of the first one of a family: what all others of it redrive (R41)."""
    return record.sequence_id if record.redrive is None else record.redrive.family


def carried_by(
    definition: SequenceDefinition, old: EndedSequence, start_at: str | None
) -> list[tuple[str, Result | None]] | None:
    """Return the tasks before the one that a redrive of `old` begins with, and the results that
    `old` had for them; None if there is no task to begin with (R41).
    """
    outcomes, names = outcomes_of(old), [task.name for task in definition.tasks]
    begin, first = 0, start_at
    if start_at is None:
        good = (Result.PASS, Result.WARNING)
        bad = [number for number, (_, result) in enumerate(outcomes) if result not in good]
        begin = bad[0] if bad else len(outcomes)
        # if all were run it goes on where today's definition is longer
        first = outcomes[begin][0] if bad else old.next_task or next(iter(names[begin:]), None)
    if start_at is not None or names[begin : begin + 1] != [first]:
        if first not in names:
            return None
        begin = names.index(first)
    return [(names[at], _had(outcomes, names[: at + 1])) for at in range(begin)]


def _had(outcomes: list[tuple[str, Result | None]], names: list[str]) -> Result | None:
    """Return the result that there was for the last of these tasks: at its position if it has the
    name, else the worst of the name; none if one is missing, or if there were fewer (R41).
    """
    name = names[-1]
    if outcomes[len(names) - 1 : len(names)] and outcomes[len(names) - 1][0] == name:
        return outcomes[len(names) - 1][1]
    found = [result for known, result in outcomes if known == name]
    ranked = (None, Result.FAIL, Result.WARNING, Result.PASS)
    is_whole = len(found) >= names.count(name)
    return next(each for each in ranked if each in found) if is_whole else None


def _report(
    plane: ControlPlane, records: tuple[SequenceRecord, ...], command: c.Report, now: datetime
) -> str:
    """Return the answer to a report; it counts once, for a task in flight (R11, R13, R42)."""
    task_id = command.task_id
    for record in records:
        task = record.task if isinstance(record, LiveSequence) else None
        if isinstance(record, LiveSequence) and task is not None and task.task_id == task_id:
            if isinstance(command, c.ReportTaskProgress):
                return _progress(plane.bounds, task, command, now)
            if command.report_id is not None and command.report_id in task.report_ids:
                return "duplicate"
            approval = task.triggered.approval
            if approval is not None:
                return _on_approval(plane.bounds, record, task, approval, command)
            bounds, heard = plane.bounds, task.executors
            return "applied" if len(heard) < min(bounds.sources, bounds.reports) else ""
        over = [run.task_id for run in record.runs] + [each.task_id for each in record.retried]
        if task_id in over:
            return "late"
        parked = record.parked if isinstance(record, LiveSequence) else None
        if parked is not None and parked.task_id == task_id:
            return "late"
    return "unknown_task"


def _progress(bounds: Bounds, task: TaskRun, command: c.ReportTaskProgress, now: datetime) -> str:
    """Return the answer to the progress of a task in flight (R42)."""
    known = [each for each in task.executors if each.source == command.source]
    if not known:
        return "applied" if len(task.executors) < bounds.sources else "too_many_sources"
    if task.triggered.approval is not None:
        return "duplicate"
    last = known[0].progress
    is_soon = last is not None and timedelta(0) <= now - last.at < bounds.progress_every
    return "too_soon" if is_soon else "applied"


def _on_approval(
    bounds: Bounds,
    record: LiveSequence,
    task: TaskRun,
    approval: Approval,
    command: c.ReportTaskStarted | c.ReportTaskFinished,
) -> str:
    """Return the answer to a start or a vote on an open approval (R34)."""
    has_room = command.report_id is None or len(task.report_ids) < bounds.reports
    if isinstance(command, c.ReportTaskStarted):
        heard = {each.source for each in task.executors}
        if command.source in heard:
            return "duplicate"
        if len(heard) >= bounds.sources:
            return "too_many_sources"
        return "applied" if has_room else "too_many_reports"
    if not has_room:
        return "too_many_reports"
    stands = {each.voter: each.result for each in task.votes}
    voter = command.actor or command.source
    if voter not in stands and len(stands) >= bounds.sources:
        return "too_many_sources"
    if not approval.initiator and not command.actor:
        return "rejected no_actor"
    if not approval.initiator and command.actor in record.initiators:
        return "rejected own_approval"
    result = command.result if command.status is Status.SUCCEEDED else Result.FAIL
    return "already_voted" if stands.get(voter) is result else "applied"


def _freeze(state: ProjectState, command: c.FreezeStage, now: datetime) -> str:
    """Return the answer to a freeze: a person's that lasts as long or longer stays (R7, R36)."""
    if command.until is not None and command.until <= now:
        return "rejected in_the_past"
    known = state.freeze_of(command.stage)
    if known is None or known.cause is Cause.CALENDAR:
        return "applied"
    lasts = known.until is None or (command.until is not None and command.until <= known.until)
    return "already_frozen" if lasts else "applied"


def _unfreeze(
    plane: ControlPlane, state: ProjectState, command: c.UnfreezeStage, now: datetime
) -> str:
    """Return the answer to the end of a freeze; the calendar may insist on its own (R7, R37)."""
    known = state.freeze_of(command.stage)
    if known is None:
        return "not_frozen"
    opening = opening_of(plane, command.stage, now)
    if known.cause is not Cause.CALENDAR or opening is None or opening.is_open:
        return "applied"
    same = (opening.until, opening.name) == (known.until, known.window)
    return "rejected closed_by_calendar" if same else "applied"


def _exempt(state: ProjectState, command: c.ExemptSequence) -> str:
    """Return the answer to an exemption: it is of use to one in line (R38)."""
    record = state.sequence(command.sequence_id)
    if record is None:
        is_over = state.remembered(command.sequence_id) is not None
        return "rejected already_ended" if is_over else "rejected unknown_sequence"
    if not isinstance(record, LiveSequence):
        return "rejected already_ended"
    if record.phase not in IN_LINE:
        return "already_started"
    return "applied" if record.exempted is None else "already_exempt"


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
    live, refusal = _addressed(records, command)
    if refusal:
        return refusal
    waits = not command.force and all(each.phase.value == "aborting" for each in live)
    return "already_aborting" if waits else "applied"


def _of_parked(
    plane: ControlPlane, records: tuple[SequenceRecord, ...], command: c.RetryTask | c.SkipTask
) -> str:
    """Return the answer to the retry or the skip of what is parked in a context (R40)."""
    live, refusal = _addressed(records, command)
    if refusal:
        return refusal
    parked = [each for each in live if each.phase is Phase.PARKED]
    if not parked:
        return "not_parked"
    most, is_retry = plane.bounds.attempts, isinstance(command, c.RetryTask)
    is_too_often = is_retry and all(attempts_of(each) >= most for each in parked)
    return "rejected too_many_attempts" if is_too_often else "applied"


def attempts_of(record: LiveSequence) -> int:
    """Return how often the task was triggered that is in flight, scheduled, parked or next (R39,
    R40).
    """
    index, last = len(outcomes_of(record)), record.task or record.parked
    return sum(each.index == index for each in record.retried) + (last is not None)


def _addressed(
    records: tuple[SequenceRecord, ...], command: c.AbortSequence | c.RetryTask | c.SkipTask
) -> tuple[list[LiveSequence], str]:
    """Return the live sequences of a context, or of a stage of it, and why there are none."""
    context, stage = command.context, command.stage
    if refusal := _refusal(records, context):
        return [], refusal
    there = [each for each in records if each.context == context and stage in {None, each.stage}]
    live = [each for each in there if isinstance(each, LiveSequence)]
    if not live:
        return [], "rejected already_ended" if there else "rejected not_reached"
    return live, ""
