"""What must hold for controls after each transition: rules R18 to R25."""

from __future__ import annotations

from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.outcomes import Applied
from sequencectl.sequence import EndedSequence, LiveSequence, Phase
from sequencectl.testing.exploration.transition import PAUSED, Check, Transition


def pauses_hold_back(t: Transition) -> str:
    """Nothing in a paused scope starts or is triggered (R18, R19)."""
    for event in t.events:
        if isinstance(event, e.TaskTriggered | e.SequenceStarted):
            pauses = t.after.context(event.subject.context).pauses
            if any(pause.stage in {None, event.subject.stage} for pause in pauses):
                return f"{type(event).__name__} of {event.subject.sequence_id} under a pause"
    return ""


def phases_follow_the_pauses(t: Transition) -> str:
    """A sequence is held, pausing or paused if a pause covers it, and only then; a parked one stays
    so and says it (R18, R20, R40).
    """
    for record in t.live:
        says = record.phase in PAUSED or (record.parked is not None and record.parked.is_paused)
        as_covered = t.covered(record) is says
        if record.phase is not Phase.ABORTING and not as_covered:
            return f"{record.sequence_id} is {record.phase.value}, which does not fit its pauses"
    return ""


def pauses_end_with_their_context(t: Transition) -> str:
    """A context without a live sequence is not paused (R19)."""
    over = {x for x, known in t.after.contexts.items() if known.pauses}
    over -= {record.context for record in t.live}
    return f"{min(over)} is paused and has no live sequence" if over else ""


def phases_fit_the_task(t: Transition) -> str:
    """A pausing or aborting sequence has a task in flight, a running one has a task in flight or
    scheduled, and one in line, parked or paused has none (R18, R20, R22, R40).
    """
    for record in t.live:
        busy = record.task is not None
        match record.phase:
            case Phase.RUNNING:
                fits = busy is (record.due_at is None)
            case Phase.PAUSING | Phase.ABORTING:
                fits = busy
            case _:
                fits = not busy
        if not fits:
            return f"{record.sequence_id} is {record.phase.value} with task {record.task}"
    return ""


def aborts_do_what_they_should(t: Transition) -> str:
    """An abort ends a sequence at once if it has no task in flight, or an approval, or by force;
    otherwise it waits for the task (R22, R23). An aborting sequence ends as aborted, no other way.
    """
    command = t.command if isinstance(t.decision.outcome, Applied) else None
    for known, was in t.was.items():
        record = t.records.get(known)
        if not isinstance(was, LiveSequence) or record is None:
            continue
        if was.phase is Phase.ABORTING and record.phase not in {Phase.ABORTING, Phase.ABORTED}:
            return f"{known} was aborting and is now {record.phase.value}"
        if (
            isinstance(command, c.AbortSequence)
            and was.context == command.context
            and command.stage in {None, was.stage}
        ):
            works = was.task is not None and was.task.triggered.approval is None
            ends = not works or command.force
            wanted = Phase.ABORTED if ends else Phase.ABORTING
            if record.phase is not wanted:
                return f"{known} is {record.phase.value}, not {wanted.value}"
    return ""


def endings_are_final(t: Transition) -> str:
    """A sequence has one ending event, no event after it, and stays as it is, redriven or not (R24,
    R41).
    """
    over = {known for known, was in t.was.items() if isinstance(was, EndedSequence)}
    for event in t.events:
        known = event.subject.sequence_id
        if isinstance(event, e.SequenceEvent) and known in over:
            return f"{type(event).__name__} of {known} after its end"
        if isinstance(event, e.Ending):
            over.add(known)
    for known, was in t.was.items():
        if isinstance(was, EndedSequence) and t.records.get(known, was) is not was:
            return f"{known} changed after its end"
    return ""


def requests_are_remembered(t: Transition) -> str:
    """The ids of the last applied requests are remembered, each once, in their order (R25)."""
    wanted, most = t.before.ledger.request_ids, t.plane.bounds.request_ids
    request = getattr(t.command, "request_id", None)
    if request is not None and isinstance(t.decision.outcome, Applied):
        wanted = (*wanted, request)[-most:] if most else ()
    seen = t.after.ledger.request_ids
    return "" if seen == wanted else f"remembers {seen}, expected {wanted}"


OF_CONTROLS: Final[tuple[Check, ...]] = (
    pauses_hold_back,
    phases_follow_the_pauses,
    pauses_end_with_their_context,
    phases_fit_the_task,
    aborts_do_what_they_should,
    endings_are_final,
    requests_are_remembered,
)
"""The predicates for pauses, aborts, ends and requests."""
