"""What must hold for time limits and bounds after each transition: rules R26 to R33, and R36."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.control_plane import ControlPlane
from sequencectl.policies import INHERIT
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.shipyard.definitions import TaskDefinition
from sequencectl.testing.exploration.transition import (
    IN_LINE,
    Check,
    Transition,
    beside_a_free_place,
    definition_of,
    just_before,
    limits_of,
    live_ones,
    next_limit,
    of,
)


def events_are_numbered(t: Transition) -> str:
    """Events are numbered without a gap (R29)."""
    seen = [event.serial for event in t.events]
    wanted = list(range(t.before.serial + 1, t.before.serial + 1 + len(seen)))
    return "" if seen == wanted else f"the serials are {seen}, not {wanted}"


def instants_never_go_back(t: Transition) -> str:
    """Events have the instant of the clock, or that of the last event if the clock is a little
    behind it (R29).
    """
    for event in t.events:
        if event.at != t.at or t.after.ledger.at != t.at:
            return f"event {event.serial} at {event.at}, expected {t.at}"
    return ""


def tasks_have_their_limits(t: Transition) -> str:
    """A task has the limits of its definition or of the policy, counted from its trigger (R26,
    R27); the default limit of a reaction is not for approvals (R34).
    """
    for event in of(t, e.TaskTriggered):
        task = definition_of(t, event.subject.sequence_id).tasks[event.index]
        limits = t.plane.timeouts.for_task(task.name, task.timeouts)
        reaction = limits.reaction if task.approval is None else _own_reaction(t.plane, task)
        seen = (event.reaction_deadline, event.completion_deadline)
        if seen != (_later(t.at, reaction), _later(t.at, limits.completion)):
            return f"task {event.task} has the deadlines {seen}"
    return ""


def the_next_deadline_is_the_first_limit(t: Transition) -> str:
    """The next deadline of the project is the first instant at which a limit or delay of a sequence
    ends, or a freeze; a task in flight has such an instant (R10, R22, R27, R30, R36).
    """
    first = min(limits_of(t.after, t.live), default=None)
    if first != t.after.next_deadline:
        return f"the next deadline is {t.after.next_deadline}, not {first}"
    for record in t.live:
        if (
            next_limit(record) is None
            and record.task is not None
            and not t.plane.timeouts.is_unbounded
        ):
            return f"nothing ends task {record.task.name} of {record.sequence_id}"
    return ""


def limits_end_at_their_deadline(t: Transition) -> str:
    """A limit ends a task, sequence or freeze only in a check, when it is due, and says why; a
    `total` that has passed also ends what would trigger a task (R10, R27–R29, R36).
    """
    order: list[tuple[datetime, int]] = []
    finished = {event.subject.sequence_id for event in of(t, e.TaskFinished)}
    for event in t.events:
        known, why = event.subject.sequence_id, getattr(event, "explanation", None)
        if why is not None:
            late = isinstance(event, e.SequenceTimedOut) and event.abandoned_task is None
            late = late and why.kind is e.DeadlineKind.TOTAL
            is_check = isinstance(t.command, c.CheckDeadlines)
            if not (is_check or late) or why.deadline > t.at:
                return f"{known} ran out of time before {why.deadline}"
            if why.since + why.timeout != why.deadline or not str(why).endswith("terminated."):
                return f"{known} is explained by {why}"
            was = t.was.get(known)
            if late and (known in finished or not is_check):
                continue  # it ended where it would have gone on, whenever its total had passed
            due = was.due_at if late and isinstance(was, LiveSequence) else None
            place = was.place if was is not None else event.serial
            order.append((min(why.deadline, due or why.deadline), place))
        elif isinstance(event, e.StageUnfrozen) and event.cause is e.Cause.FREEZE_OVER:
            freeze = t.before.freeze_of(event.subject.stage)
            if freeze is None or freeze.until is None or freeze.until > t.at:
                return f"the freeze of {event.subject.stage} ended before its end"
            order.append((freeze.until, 0))
    return "" if order == sorted(order) else "deadlines were taken out of order"


def totals_that_passed_trigger_nothing(t: Transition) -> str:
    """No task is triggered once the `total` of its sequence has passed (R10, R29)."""
    for event in of(t, e.TaskTriggered):
        record = just_before(t, event).live(event.subject.sequence_id)
        if record is not None and record.deadline is not None and record.deadline <= t.at:
            return f"task {event.task} was triggered after {record.deadline}"
    return ""


def checks_leave_nothing_due(t: Transition) -> str:
    """After a check that is not cut short by its limit nothing is due, no end of a freeze either
    (R29, R31, R36).
    """
    most = len(t.was) + len(t.before.freezes) + 1
    if not isinstance(t.command, c.CheckDeadlines) or t.command.limit <= most:
        return ""
    first = min((at for at in limits_of(t.after, t.live) if at <= t.at), default=None)
    return "" if first is None else f"due since {first}"


def nobody_expires_beside_a_free_place(t: Transition) -> str:
    """No sequence expires beside a free place: a check fills lanes first and after each deadline
    (R29).
    """
    for event in of(t, e.SequenceExpired):
        state = just_before(t, event)
        live = live_ones(state.sequences)
        found = [record.sequence_id for record in beside_a_free_place(t.plane, state, live)]
        if event.subject.sequence_id in found:
            return f"{event.subject.sequence_id} expired although its lane has a free place"
    return ""


def clocks_stand_while_paused(t: Transition) -> str:
    """The waiting limit of a held sequence and the total limit of a paused one stand still, and go
    on later with what was left; neither applies to an aborting sequence (R30).
    """
    for record in t.live:
        known, timeouts, own = record.sequence_id, t.plane.timeouts, record.definition.timeouts
        total = timeouts.total if own.total is INHERIT else own.total
        waiting = timeouts.waiting if own.waiting is INHERIT else own.waiting
        limit = waiting if record.phase in IN_LINE else total
        limit = timeouts.abort_grace if record.phase is Phase.ABORTING else limit
        stands = record.phase in {Phase.HELD, Phase.PAUSED}
        if (record.deadline is None) is not (stands or limit is None):
            return f"{known} is {record.phase.value} with deadline {record.deadline}"
        if (record.time_left is None) is not (limit is None or not stands):
            return f"{known} is {record.phase.value} with {record.time_left} left"
        was = t.was.get(known)
        if not isinstance(was, LiveSequence) or Phase.ABORTING in {was.phase, record.phase}:
            continue
        goes_on = (was.phase in IN_LINE) is (record.phase in IN_LINE)
        if goes_on and _left(was, t.at) != _left(record, t.at):
            return f"{known} has {_left(record, t.at)} left, and had {_left(was, t.at)}"
    return ""


def bounds_are_kept(t: Transition) -> str:
    """The project keeps no more ended contexts and ids, and has no longer chain of follow-ups, than
    its bounds allow (R17, R33).
    """
    bounds, live = t.plane.bounds, {record.context for record in t.live}
    kept = {record.context for record in t.records.values()} - live
    deepest = max((record.depth for record in t.live), default=0)
    seen = (len(kept), t.after.remembered_count, deepest)
    most = (bounds.retain, bounds.remember, bounds.max_depth)
    fits = all(number <= bound for number, bound in zip(seen, most, strict=True))
    return "" if fits else f"keeps {seen[0]} contexts, {seen[1]} ids, depth {seen[2]}"


# ---------------------------------------------------------------- worked out once more


def _later(now: datetime, limit: timedelta | None) -> datetime | None:
    return None if limit is None else now + limit


def _own_reaction(plane: ControlPlane, task: TaskDefinition) -> timedelta | None:
    """Return the limit of a reaction of the task's own, else the one for its name (R34)."""
    named = dict(plane.timeouts.tasks).get(task.name)
    for limits in (task.timeouts, named):
        if limits is not None and limits.reaction is not INHERIT:
            return limits.reaction
    return None


def _left(record: LiveSequence, now: datetime) -> timedelta | None:
    """Return how much of its limit a sequence has left, whether the limit stands still or not."""
    if record.deadline is None:
        return record.time_left
    return max(record.deadline - now, timedelta(0))


OF_LIMITS: Final[tuple[Check, ...]] = (
    events_are_numbered,
    instants_never_go_back,
    tasks_have_their_limits,
    the_next_deadline_is_the_first_limit,
    limits_end_at_their_deadline,
    totals_that_passed_trigger_nothing,
    checks_leave_nothing_due,
    nobody_expires_beside_a_free_place,
    clocks_stand_while_paused,
    bounds_are_kept,
)
"""The predicates for instants, limits and bounds."""
