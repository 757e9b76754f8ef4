"""What must hold for freezes, calendars and exemptions after each transition: R7, R36 to R38."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Final

import attrs

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.policies import Opening
from sequencectl.state import Freeze
from sequencectl.testing.exploration.transition import (
    Check,
    Transition,
    beside_a_free_place,
    just_before,
    live_ones,
    of,
    opening_of,
)

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def closed_stages_admit_nobody(t: Transition) -> str:
    """No sequence starts in a stage that is frozen, or that the calendar closes, unless it is
    exempted (R7, R37, R38).
    """
    frozen = set(t.before.freezes)
    exempted = {known for known, was in t.was.items() if was.exempted is not None}
    for event in t.events:
        stage, known = event.subject.stage, event.subject.sequence_id
        match event:
            case e.StageFrozen():
                frozen.add(stage)
            case e.StageUnfrozen():
                frozen.discard(stage)
            case e.SequenceExempted():
                exempted.add(known)
            case e.SequenceStarted() if known not in exempted:
                opening = opening_of(t.plane, stage, t.at)
                if stage in frozen:
                    return f"a sequence started in {stage}, which is frozen"
                if opening is None or not opening.is_open:
                    return f"a sequence started in {stage}, which the calendar closes"
            case _:
                pass
    return ""


def freezes_change_as_they_may(t: Transition) -> str:
    """A stage is frozen by a person for as long as they say, never for less than another one said,
    or by the calendar until the instant it says; it keeps its first instant (R36, R37).
    """
    freezes = dict(t.before.freezes)
    for event in t.events:
        stage = event.subject.stage
        known = freezes.get(stage)
        if isinstance(event, e.StageUnfrozen):
            if known is None:
                return f"{stage} was not frozen"
            del freezes[stage]
        elif isinstance(event, e.StageFrozen):
            if not _may_freeze(t, event, known):
                return f"{stage} is frozen by {event.cause.value} until {event.until}"
            is_same = known is not None and known.cause is event.cause
            until = (known.until or _NEVER) if known is not None else t.at
            is_by_person = event.cause is e.Cause.REQUESTED
            if is_same and is_by_person and (event.until or _NEVER) <= until:
                return f"the freeze of {stage} ends at {event.until}, not later than {until}"
            since = known.at if known is not None and is_same else t.at
            freezes[stage] = Freeze(event.control, since, event.until, event.cause, event.window)
    seen = dict(t.after.freezes)
    return "" if seen == freezes else f"the freezes are {seen}, expected {freezes}"


def freezes_end_when_they_should(t: Transition) -> str:
    """A freeze ends in a check once its instant has come, or because a person wants it to, and if
    the calendar made it, only if that says open (R36, R37).
    """
    for event in of(t, e.StageUnfrozen):
        stage = event.subject.stage
        known = t.before.freeze_of(stage)
        if isinstance(t.command, c.CheckDeadlines):
            if known is None or known.until is None or known.until > t.at:
                return f"the freeze of {stage} ended too early"
        elif not isinstance(t.command, c.UnfreezeStage):
            return f"{type(t.command).__name__} ended the freeze of {stage}"
        elif known is not None and known.cause is e.Cause.CALENDAR:
            opening = opening_of(t.plane, stage, t.at)
            if opening is None or not opening.is_open:
                return f"the freeze of {stage} ended, and the calendar says closed"
    return ""


def exemptions_are_kept(t: Transition) -> str:
    """A sequence is exempted by a person's command alone, and keeps who said so and why (R38)."""
    for known, record in t.records.items():
        was, command = t.was.get(known), t.command
        wanted = None if was is None else was.exempted
        if isinstance(command, c.ExemptSequence) and command.sequence_id == known:
            kept = t.plane.bounds.request_ids
            wanted = e.Control(command.actor, command.reason, command.request_id, kept)
        if record.exempted != wanted:
            return f"{known} is exempted by {record.exempted}, not {wanted}"
    return ""


def the_calendar_is_asked_once(t: Transition) -> str:
    """A decision asks the calendar at most once a stage, about its own instant (R37)."""
    if t.plane.calendar is None:
        return ""
    calendar, asked = t.plane.calendar, list[tuple[str, datetime]]()

    def counting(stage: str, at: datetime) -> Opening:
        asked.append((stage, at))
        return calendar(stage, at)

    plane = attrs.evolve(t.plane, calendar=counting)
    decision = plane.decide(t.before, t.command, t.now)
    often = [stage for (stage, _), times in Counter(asked).items() if times > 1]
    if often or any(at != t.at for _, at in asked):
        return f"the calendar was asked about {asked} at {t.at}"
    same = decision.events == t.events
    return "" if same else "the same command on the same state has other events"


# ---------------------------------------------------------------- worked out once more


def _may_freeze(t: Transition, event: e.StageFrozen, known: Freeze | None) -> bool:
    """Return whether a stage may be frozen like this: by command, or because the calendar says so.

    The calendar is asked when a sequence that is not exempted could start in a stage that is not
    frozen, or because a person ends its freeze.
    """
    command, stage = t.command, event.subject.stage
    if isinstance(command, c.FreezeStage) and command.stage == stage:
        wanted = (e.Cause.REQUESTED, command.until, "")
        return (event.cause, event.until, event.window) == wanted
    if event.cause is not e.Cause.CALENDAR:
        return False
    if not isinstance(command, c.UnfreezeStage) or known is None:
        state = just_before(t, event)
        could_start = beside_a_free_place(t.plane, state, live_ones(state.sequences))
        if known is not None or all(x.exempted or x.stage != stage for x in could_start):
            return False
    opening = opening_of(t.plane, stage, t.at)
    if opening is None:
        return event.until is None and bool(event.window)
    return not opening.is_open and (event.until, event.window) == (opening.until, opening.name)


OF_OPENINGS: Final[tuple[Check, ...]] = (
    closed_stages_admit_nobody,
    freezes_change_as_they_may,
    freezes_end_when_they_should,
    exemptions_are_kept,
    the_calendar_is_asked_once,
)
"""The predicates for freezes, calendars and exemptions."""
