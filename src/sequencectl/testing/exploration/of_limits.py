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
    was_live,
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
    R27); the default limit of a reaction is not for approvals, nor is any on silence (R34, R42).
    """
    for event in of(t, e.TaskTriggered):
        task = definition_of(t, event.subject.sequence_id).tasks[event.index]
        limits = t.plane.timeouts.for_task(task.name, task.timeouts)
        reaction = limits.reaction if task.approval is None else _own_reaction(t.plane, task)
        seen = (event.reaction_deadline, event.completion_deadline)
        if seen != (_later(t.at, reaction), _later(t.at, limits.completion)):
            return f"task {event.task} has the deadlines {seen}"
        if event.silence_timeout != (None if task.approval else limits.silence):
            return f"task {event.task} may be silent for {event.silence_timeout}"
    return ""


def the_next_deadline_is_the_first_limit(t: Transition) -> str:
    """The next deadline of the project is the first instant at which a limit or delay of a sequence
    ends, or a freeze; what has a task in flight or scheduled, or is parked, has such an instant
    (R10, R22, R27, R30, R36, R40, R42).
    """
    first = min(limits_of(t.after, t.live), default=None)
    if first != t.after.next_deadline:
        return f"the next deadline is {t.after.next_deadline}, not {first}"
    for record in t.live:
        goes_on = record.phase in {Phase.RUNNING, Phase.PARKED, Phase.PAUSING, Phase.ABORTING}
        if goes_on and next_limit(record) is None and not t.plane.timeouts.is_unbounded:
            return f"nothing ends the {record.phase.value} {record.sequence_id}"
    return ""


def limits_end_at_their_deadline(t: Transition) -> str:
    """A limit ends a task, sequence, freeze or parking only in a check, when it is due, and says
    why; a `total` that has passed also ends what would trigger a task (R10, R27–R29, R36, R40).
    """
    order: list[tuple[datetime, int]] = []
    over = (e.TaskFinished, e.TaskTimedOut)
    finished = {x.subject.sequence_id for x in t.events if isinstance(x, over)}
    for event in t.events:
        known, why = event.subject.sequence_id, getattr(event, "explanation", None)
        is_check, parked = isinstance(t.command, c.CheckDeadlines), _ended_by_itself(t, event)
        if parked is not None:
            if parked.deadline is None or parked.deadline > t.at or not is_check:
                return f"the parking of {known} ended before {parked.deadline}"
            order.append((parked.deadline, parked.place))
        elif why is not None and not isinstance(event, e.SequenceParked):
            late = isinstance(event, e.SequenceTimedOut) and event.abandoned_task is None
            late = late and why.kind is e.DeadlineKind.TOTAL
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
    """The waiting limit of a held sequence and the total limit of a paused or parked one stand
    still, and go on later with what was left; the limit of a parked one runs instead, paused or
    not; none of these applies to an aborting sequence (R30, R40).
    """
    for record in t.live:
        known, phase, was = record.sequence_id, record.phase.value, was_live(t, record.sequence_id)
        limit, stands = _limit(t.plane, record), record.phase in {Phase.HELD, Phase.PAUSED}
        if (record.deadline is None) is not (stands or limit is None):
            return f"{known} is {phase} with deadline {record.deadline}"
        kept = limit
        if record.phase is Phase.PARKED:
            kept, stands = _total(t.plane, record), True
            is_new = was is None or was.phase is not Phase.PARKED
            wanted = _later(t.at, limit) if is_new or was is None else was.deadline
            if record.deadline != wanted:
                return f"{known} is parked until {record.deadline}, not {wanted}"
        if (record.time_left is None) is not (kept is None or not stands):
            return f"{known} is {phase} with {record.time_left} left"
        if record.timeout != limit:
            return f"{known} is {phase} and limited by {record.timeout}, not {limit}"
        if was is None or Phase.ABORTING in {was.phase, record.phase}:
            continue
        goes_on = (was.phase in IN_LINE) is (record.phase in IN_LINE)
        if goes_on and _left(was, t.at) != _left(record, t.at):
            return f"{known} has {_left(record, t.at)} left, and had {_left(was, t.at)}"
    for event in of(t, e.SequenceResumed):
        was = was_live(t, event.subject.sequence_id)
        if was is not None and was.parked is not None and event.deadline != was.deadline:
            return f"{was.sequence_id} is parked until {was.deadline}, resumed {event.deadline}"
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


def _ended_by_itself(t: Transition, event: e.Event) -> LiveSequence | None:
    """Return the sequence, as it was, that ends parked in a way that only its limit can end it."""
    was = was_live(t, event.subject.sequence_id)
    if was is None or not isinstance(event, e.SequenceFinished | e.SequenceTimedOut):
        return None
    by_person = isinstance(t.command, c.RetryTask | c.SkipTask)
    return was if was.phase is Phase.PARKED and not by_person else None


def _total(plane: ControlPlane, record: LiveSequence) -> timedelta | None:
    own = record.definition.timeouts.total
    return plane.timeouts.total if own is INHERIT else own


def _limit(plane: ControlPlane, record: LiveSequence) -> timedelta | None:
    """Return the limit of a sequence as a whole, which depends on its phase (R26)."""
    match record.phase:
        case Phase.WAITING | Phase.HELD:
            own = record.definition.timeouts.waiting
            return plane.timeouts.waiting if own is INHERIT else own
        case Phase.ABORTING:
            return plane.timeouts.abort_grace
        case Phase.PARKED:
            return plane.timeouts.parked
        case _:
            return _total(plane, record)


def _left(record: LiveSequence, now: datetime) -> timedelta | None:
    """Return how much of its waiting, or of its total, a sequence has left, whether that stands
    still or not.
    """
    if record.deadline is None or record.phase is Phase.PARKED:
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
