"""What must hold for approvals after each transition: rules R34 and R35."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.outcomes import Result, Status, worst
from sequencectl.payload import EMPTY
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.shipyard.definitions import Approval, Newcomer, OnExpiry
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun
from sequencectl.testing.exploration.transition import (
    Check,
    Transition,
    approval_of,
    bars_its_actor,
    just_before,
    live_ones,
    names_of,
    of,
    outcomes_of,
)


def votes_count_once(t: Transition) -> str:
    """A vote counts once for its voter, the last one counts, and its data is dropped (R34)."""
    for record in t.live:
        task, was = record.task, t.was.get(record.sequence_id)
        before = was.task if isinstance(was, LiveSequence) else None
        if task is None or not approval_of(record):
            continue
        stands = [each.voter for each in task.votes]
        if len(stands) != len(set(stands)):
            return f"a voter stands twice in {stands}"
        wanted = {} if before is None or before.task_id != task.task_id else _cast(t, before)
        seen = {each.voter: each.result for each in task.votes}
        if seen != wanted:
            return f"the votes on {task.name} are {seen}, expected {wanted}"
    for event in of(t, e.TaskFinishReported):
        was = t.was.get(event.subject.sequence_id)
        if isinstance(was, LiveSequence) and approval_of(was) and event.data != EMPTY:
            return f"a vote on {event.task} has data"
    return ""


def barred_voters_never_stand(t: Transition) -> str:
    """Where whoever triggered a sequence may not approve it, neither their vote stands nor one
    without an actor (R34).
    """
    for record in t.live:
        approval = approval_of(record)
        if record.task is None or approval is None or approval.initiator:
            continue
        barred = [x.voter for x in record.task.votes if x.voter in record.initiators]
        if barred:
            return f"the vote of {barred[0]} stands, who triggered {record.sequence_id}"
    for event in of(t, e.TaskFinishReported):
        was = t.was.get(event.subject.sequence_id)
        approval = approval_of(was) if isinstance(was, LiveSequence) else None
        if approval is not None and not approval.initiator and not event.actor:
            return f"a vote on {event.task} has no actor"
    return ""


def initiators_are_kept(t: Transition) -> str:
    """A sequence keeps the actor of its trigger, a follow-up all of what it follows, and a redrive
    all of what it redrives besides; one that has or leads to an approval that bars them has at
    least one (R34, R41).
    """
    for event in of(t, e.SequenceTriggered):
        known = event.subject.sequence_id
        wanted: tuple[str, ...] = ()
        if event.parent is not None:
            wanted = t.was[event.parent].initiators
        elif isinstance(t.command, c.TriggerSequence) and t.command.actor:
            wanted = (t.command.actor,)
        if event.redrive is not None:
            wanted = (*t.was[event.redrive.sequence_id].initiators, *wanted)
            wanted = tuple(dict.fromkeys(wanted))
        if sorted(event.initiators) != sorted(wanted):
            return f"{known} was triggered by {event.initiators}, not {wanted}"
        is_barring = bars_its_actor(t.plane.shipyard, event.subject.stage, event.subject.sequence)
        if is_barring and not event.initiators:
            return f"{known} leads to an approval and names nobody who is barred"
    for known, record in t.records.items():
        was = t.was.get(known)
        if was is not None and was.initiators != record.initiators:
            return f"{known} was triggered by {was.initiators}, now by {record.initiators}"
    return ""


def approvals_are_decided_by_votes(t: Transition) -> str:
    """An approval is over when enough voters approve, with the worst of their results, or reject,
    with fail; its limit approves it only where silence is consent and nobody rejects (R34).
    """
    for record in t.live:
        approval = approval_of(record)
        if record.task is not None and approval and _decision(approval, _results(record.task)):
            return f"approval {record.task.name} of {record.sequence_id} should be over"
    for event in t.events:
        was = t.was.get(event.subject.sequence_id)
        approval = approval_of(was) if isinstance(was, LiveSequence) else None
        if not isinstance(was, LiveSequence) or was.task is None or approval is None:
            continue
        silent = Result.FAIL not in _results(was.task) and approval.on_expiry is OnExpiry.APPROVE
        if isinstance(event, e.TaskTimedOut) and event.task_id == was.task.task_id:
            if silent and event.explanation.kind is e.DeadlineKind.COMPLETION:
                return f"approval {event.task} ran out of time, and nobody had rejected it"
        elif isinstance(event, e.TaskFinished) and event.task_id == was.task.task_id:
            by_limit = event.explanation is not None
            result = _decision(approval, _cast(t, was.task).values())
            if by_limit:
                result = worst(Result.PASS, *_results(was.task)) if silent else None
            if event.result is not result:
                wanted = "open" if result is None else result.value
                return f"approval {event.task} is over with {event.result.value}, not {wanted}"
    return ""


def open_approvals_yield(t: Transition) -> str:
    """An open approval that yields to newer deliveries never stands beside one in line (R35)."""
    for record in t.live:
        approval = approval_of(record)
        if approval and approval.newcomer is Newcomer.SUPERSEDE and record.phase is Phase.RUNNING:
            newer = _first_newer(t.after, record)
            if newer is not None:
                return f"the approval of {record.sequence_id} is open, and {newer} waits"
    return ""


def only_newer_deliveries_make_void(t: Transition) -> str:
    """What has started is superseded only where an approval yields that is open, or would be
    triggered, and by the first in line of those that were accepted later, have no lower priority,
    redrive nothing and are not held (R35, R41).
    """
    for event in of(t, e.SequenceSuperseded):
        state = just_before(t, event)
        record = state.live(event.subject.sequence_id)
        if record is None or record.phase in {Phase.WAITING, Phase.HELD}:
            continue
        task, approval = record.task, approval_of(record)
        if task is None:
            following = record.definition.tasks[len(outcomes_of(record)) :]
            approval = following[0].approval if following else None
        if record.phase is not Phase.RUNNING or approval is None:
            return f"{record.sequence_id} was superseded, and no approval of it is open"
        newer = _first_newer(state, record)
        if approval.newcomer is not Newcomer.SUPERSEDE or newer != event.superseded_by:
            return f"{record.sequence_id} was superseded by {event.superseded_by}, not {newer}"
        if event.abandoned_task != (None if task is None else task.task_id):
            return f"the end of {record.sequence_id} names {event.abandoned_task} as void"
    return ""


# ---------------------------------------------------------------- worked out once more


def _cast(t: Transition, task: TaskRun) -> dict[str, Result]:
    """Return the result of each voter after the command: the last one counts."""
    stands, command = {each.voter: each.result for each in task.votes}, t.command
    if isinstance(command, c.ReportTaskFinished) and command.task_id == task.task_id:
        counts = command.status is Status.SUCCEEDED
        stands[command.actor or command.source] = command.result if counts else Result.FAIL
    return stands


def _results(task: TaskRun) -> list[Result]:
    return [each.result for each in task.votes]


def _decision(approval: Approval, results: Iterable[Result]) -> Result | None:
    """Return what so many votes decide; None while there are too few on each side."""
    approving, rejecting = [], 0
    for result in results:
        if result is Result.FAIL:
            rejecting += 1
        else:
            approving.append(result)
    if len(approving) >= approval.approve:
        return worst(*approving)
    return Result.FAIL if rejecting >= approval.reject else None


def _first_newer(state: ProjectState, record: LiveSequence) -> str | None:
    """Return the first in line of the namesakes that make an approval of `record` void."""
    newer = [
        (-each.priority, each.place, each.sequence_id) for each in live_ones(state.sequences)
        if names_of(each) == names_of(record) and each.phase is Phase.WAITING
        and each.redrive is None
        and each.accepted_serial > record.accepted_serial and each.priority >= record.priority
    ]  # fmt: skip
    return min(newer)[2] if newer else None


OF_APPROVALS: Final[tuple[Check, ...]] = (
    votes_count_once,
    barred_voters_never_stand,
    initiators_are_kept,
    approvals_are_decided_by_votes,
    open_approvals_yield,
    only_newer_deliveries_make_void,
)
"""The predicates for votes and for approvals that yield."""
