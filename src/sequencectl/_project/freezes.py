"""What closes a stage and what opens it: freezes by people and by the calendar (R7, R36, R37)."""

from __future__ import annotations

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl._project.admission import touch_open_lines, unknown_stage
from sequencectl._project.draft import Draft
from sequencectl._project.openings import asked, freeze_by_calendar
from sequencectl.outcomes import APPLIED, Outcome, Rejected, RejectedCode, Unchanged, UnchangedCode
from sequencectl.state import Freeze


def freeze(draft: Draft, command: c.FreezeStage, by: e.Control) -> Outcome:
    """Freeze a stage, or move the end of a freeze to a later instant (R36)."""
    stage, until = command.stage, command.until
    if draft.shipyard.stage(stage) is None:
        return unknown_stage(draft, stage)
    if until is not None and until <= draft.now:
        message = f"The freeze would have ended at {until.isoformat()} already."
        return Rejected(RejectedCode.IN_THE_PAST, message)
    if _stays(draft.state.freeze_of(stage), command):
        return Unchanged(UnchangedCode.ALREADY_FROZEN)
    subject = e.Subject(draft.project, stage=stage)
    draft.apply(e.StageFrozen, subject, control=by, until=until)
    return APPLIED


def unfreeze(draft: Draft, command: c.UnfreezeStage, by: e.Control) -> Outcome:
    """Let a stage admit again, unless the calendar that froze it still says closed (R37)."""
    stage = command.stage
    known = draft.state.freeze_of(stage)
    if known is None:
        if draft.shipyard.stage(stage) is None:
            return unknown_stage(draft, stage)
        return Unchanged(UnchangedCode.NOT_FROZEN)
    if known.cause is e.Cause.CALENDAR:
        opening, error = asked(draft, stage)
        if error is not None:
            raise error
        if not opening.is_open and (opening.until, opening.name) == (known.until, known.window):
            return Rejected(RejectedCode.CLOSED_BY_CALENDAR, _closed(stage, known))
        if not opening.is_open:
            freeze_by_calendar(draft, stage, opening, by)
            return APPLIED
    _end(draft, stage, by, e.Cause.REQUESTED)
    return APPLIED


def end_freeze(draft: Draft, stage: str) -> None:
    """End a freeze at the instant until which it was to last (R36)."""
    _end(draft, stage, e.Control(), e.Cause.FREEZE_OVER)


def _end(draft: Draft, stage: str, by: e.Control, cause: e.Cause) -> None:
    draft.apply(e.StageUnfrozen, e.Subject(draft.project, stage=stage), control=by, cause=cause)
    touch_open_lines(draft, (stage,))


def _stays(known: Freeze | None, command: c.FreezeStage) -> bool:
    """Return True if a person has frozen the stage for as long as this command says, or longer."""
    if known is None or known.cause is e.Cause.CALENDAR:
        return False
    return known.until is None or (command.until is not None and command.until <= known.until)


def _closed(stage: str, freeze: Freeze) -> str:
    name = f" ({freeze.window})" if freeze.window else ""
    until = f" until {freeze.until.isoformat()}" if freeze.until is not None else " for good"
    return f"The calendar closes stage {stage}{until}{name}."
