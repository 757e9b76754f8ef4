"""Whether a stage is open: what the calendar says, and what is recorded when it says closed (R37).

The calendar is the host's code, and a decision must not fail because of it: a calendar that raises
or answers nonsense counts as closed for good.
"""

from __future__ import annotations

from typing import Final

import sequencectl.events as e
from sequencectl._project.draft import CalendarAnswer, Draft
from sequencectl._scalars import LONGEST_TEXT
from sequencectl.errors import CalendarError
from sequencectl.policies import Opening
from sequencectl.sequence import LiveSequence

_OPEN: Final = Opening(True)
_NOBODY: Final = e.Control()


def asked(draft: Draft, stage: str) -> CalendarAnswer:
    """Return what the calendar says of a stage now; it is asked once in a decision."""
    known = draft.answers.get(stage)
    if known is None:
        known = draft.answers[stage] = _asked(draft, stage)
    return known


def closes(draft: Draft, record: LiveSequence) -> bool:
    """Freeze the stage of a sequence that could start, if the calendar says closed (R37, R38).

    Return False if nothing keeps the sequence back: one that is exempted is not asked for.
    """
    if record.exempted is not None:
        return False
    opening, _ = asked(draft, record.stage)
    if opening.is_open:
        return False
    freeze_by_calendar(draft, record.stage, opening, _NOBODY)
    return True


def freeze_by_calendar(draft: Draft, stage: str, opening: Opening, control: e.Control) -> None:
    """Record that the calendar says closed; `control` is that of a person who asked it again."""
    draft.apply(
        e.StageFrozen,
        e.Subject(draft.project, stage=stage),
        control=control,
        until=opening.until,
        cause=e.Cause.CALENDAR,
        window=opening.name,
    )


def _asked(draft: Draft, stage: str) -> CalendarAnswer:
    if draft.calendar is None:
        return _OPEN, None
    try:
        found: object = draft.calendar(stage, draft.now)
    except Exception as error:  # noqa: BLE001 - a host's mistake must not fail others' commands
        return _failed(stage, error)
    if not isinstance(found, Opening):
        return _failed(stage, found)
    if not found.is_open and found.until is not None and found.until <= draft.now:
        return _failed(stage, found)
    return found, None


def _failed(stage: str, value: object) -> CalendarAnswer:
    error = CalendarError(stage, value)
    said = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return Opening(False, name=said[:LONGEST_TEXT]), error
