"""How a stage stands, what keeps it closed and what its calendar says; and its controls."""

from __future__ import annotations

from datetime import datetime

from examples.controller.api.reading import Fields, Refusal, wrong
from examples.controller.storage.deliveries import Document, instant
from examples.controller.storage.states import frozen_of
from sequencectl import (
    CalendarError,
    ControlPlane,
    FreezeStage,
    LiveSequence,
    Opening,
    ProjectState,
    UnfreezeStage,
)


def stages_of(now: datetime, plane: ControlPlane, state: ProjectState) -> list[Document]:
    """Return how the stages of a project stand at this instant, in the order of its shipyard.

    A calendar freezes a stage when a sequence could start there, and not before (R37): so what it
    says of the stage now stands beside the freeze.
    """
    return [_stage(each.name, now, plane, state) for each in plane.shipyard.stages]


def _stage(name: str, now: datetime, plane: ControlPlane, state: ProjectState) -> Document:
    freeze, lanes = state.freeze_of(name), state.lanes(name)
    holders = [state.live(known) for lane in lanes for known in state.holders(lane)]
    opening = None if plane.calendar is None else _opening(plane, name, now)
    return {
        "stageName": name,
        "frozen": None if freeze is None else frozen_of(freeze),
        "calendar": None if opening is None else _window(opening),
        "waiting": sum(len(state.line(lane)) for lane in lanes),
        "holders": [_holder(each) for each in holders if each is not None],
    }


def stage_control(stage: str, actor: str, fields: Fields) -> FreezeStage | UnfreezeStage:
    """Return the command that the body of a control of a stage asks for."""
    word, until = fields.text("state"), fields.until("until")
    reason = fields.text("reason", default="")
    request_id = fields.text("requestId", default="") or None
    fields.end()
    if word == "freeze":
        return FreezeStage(stage, until=until, actor=actor, reason=reason, request_id=request_id)
    if word != "unfreeze":
        raise wrong("state", word, "freeze or unfreeze")
    if until is not None:
        raise Refusal(400, "until: belongs to a freeze, not to an unfreeze")
    return UnfreezeStage(stage, actor=actor, reason=reason, request_id=request_id)


def _opening(plane: ControlPlane, stage: str, now: datetime) -> Opening:
    """Return what the calendar says; closed for good if it cannot say it, as a decision has it."""
    assert plane.calendar is not None
    try:
        found: object = plane.calendar(stage, now)
    except Exception as error:  # noqa: BLE001 - what it stands for is shown, whatever it is
        return _failed(stage, error)
    if not isinstance(found, Opening):
        return _failed(stage, found)
    if not found.is_open and found.until is not None and found.until <= now:
        return _failed(stage, found)
    return found


def _failed(stage: str, value: object) -> Opening:
    said = str(CalendarError(stage, value))
    return Opening(False, name="".join(each for each in said if each.isprintable())[:200])


def _window(opening: Opening) -> Document:
    until = None if opening.until is None else instant(opening.until)
    return {"open": opening.is_open, "until": until, "name": opening.name}


def _holder(record: LiveSequence) -> Document:
    return {
        "sequenceId": record.sequence_id,
        "keptnContext": record.context,
        "name": record.name,
        "service": record.service,
        "phase": record.phase.value,
    }
