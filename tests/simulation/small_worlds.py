"""Small worlds whose schedules can be counted: what is on the bus, and how much may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ControlPlane,
    ExemptSequence,
    FreezeStage,
    PauseSequence,
    ReportTaskFinished,
    ResumeSequence,
    Shipyard,
    TaskTriggered,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.testing import ClosedTimes
from sequencectl.testing._walk import START

PLANE: Final = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy"]}}))
A, B = (TriggerSequence(each, stage="dev", sequence="delivery") for each in "ab")
PAUSE: Final = PauseSequence("a", request_id="pause")
FORCE: Final = AbortSequence("a", force=True, request_id="abort")
CHECK: Final = CheckDeadlines()


def world(
    *commands: Any, crashes: int = 0, errors: int = 0, duplicates: int = 0, **more: Any
) -> Any:
    """The arguments of `explore` for a world."""
    bounds = {"crashes": crashes, "errors": errors, "duplicates": duplicates}
    return {"plane": PLANE, "commands": commands, **bounds, **more}


# ---------------------------------------------------------------- people who decide


def approved(**approval: Any) -> ControlPlane:
    """A plane whose only task is an approval, which is open for an hour."""
    task = {"name": "sign-off", "approval": approval, "timeouts": {"completion": "1h"}}
    return ControlPlane(Shipyard.of({"dev": {"delivery": [task]}}))


ONE: Final = approved()
TWO: Final = approved(approve=2, reject=2)
YIELDING: Final = approved(newcomer="supersede")
CONSENT: Final = approved(onExpiry="approve", reject=2)


def opened(plane: ControlPlane, before: tuple[Command, ...] = (A,)) -> TaskTriggered:
    """The approval that is open after these commands, in every world that begins with them."""
    state = plane.initial("p")
    for command in before:
        state = plane.decide(state, command, START).state
    (task,) = plane.open_tasks(state)
    return task.triggered


def vote(
    plane: ControlPlane, voter: str, result: str = "pass", before: tuple[Command, ...] = (A,)
) -> ReportTaskFinished:
    """A vote on that approval, with an id that tells a repeat from a vote that is cast again."""
    task_id, report_id = opened(plane, before).task_id, f"{voter} says {result}"
    return ReportTaskFinished(
        task_id, source=voter, actor=voter, result=result, report_id=report_id
    )


def voting(plane: ControlPlane, *commands: Command, **more: Any) -> Any:
    """A world in which an approval is open."""
    return world(*commands, plane=plane, **{"before": (A,), **more})


# ---------------------------------------------------------------- stages that are closed

RESUME: Final = ResumeSequence("b", request_id="resume")
OLDER: Final = (
    FreezeStage("dev"), B, PauseSequence("b"), UnfreezeStage("dev"), A,
)  # fmt: skip
"""`B` was accepted first, and is held in line; the approval of `A` is open."""

HOUR: Final = timedelta(hours=1)
FREEZE: Final = FreezeStage("dev", until=START + HOUR, request_id="freeze")
UNFREEZE, AGAIN = (UnfreezeStage("dev", request_id=each) for each in ("unfreeze", "again"))
EXEMPT: Final = ExemptSequence("a", request_id="exempt")


def closed(until: datetime | None, name: str) -> ClosedTimes:
    """A calendar that closes the stage from the beginning."""
    return ClosedTimes({"dev": [(START, until, name)]})


def frozen(*commands: Command, **more: Any) -> Any:
    """A world in which a stage is frozen, one waits in it, and the freeze ends just now."""
    return world(*commands, **{"before": (FREEZE, A), "after": HOUR, **more})


def two_calendars(*commands: Command, **more: Any) -> Any:
    """A world in which the old calendar closed a stage for good, and one replica has the new one.

    One waits, and the new calendar says open.
    """
    old, new = closed(None, "for good"), closed(START + HOUR, "night")
    return world(*commands, before=(A,), after=HOUR, calendars=(old, new), **more)


QUICK: Final[Mapping[str, Any]] = {
    "two commands": world(A, B),
    "two commands, one crash": world(A, B, crashes=1),
    "two commands, one error": world(A, B, errors=1),
    "two commands, two repeated": world(A, B, duplicates=2),
    "three commands": world(A, B, PAUSE),
    "a task, one error": world(A, errors=1, executors=True),
    "a task, one crash": world(A, crashes=1, executors=True),
    "a vote, and the same without an id": voting(
        TWO, vote(TWO, "ann"), opened(TWO).approve("ann"), duplicates=1
    ),
    "a voter of two minds": voting(TWO, vote(TWO, "ann"), vote(TWO, "ann", "fail"), errors=1),
    "two votes of which one decides": voting(ONE, vote(ONE, "ann"), vote(ONE, "ben", "fail")),
    "two votes that decide together": voting(TWO, vote(TWO, "ann"), vote(TWO, "ben"), errors=1),
    "a vote and an abort": voting(ONE, vote(ONE, "ann"), FORCE, errors=1),
    "a vote and the limit": voting(ONE, vote(ONE, "ann"), CHECK, after=HOUR, errors=1),
    "a rejecting vote and consent": voting(
        CONSENT, vote(CONSENT, "ann", "fail"), CHECK, after=HOUR
    ),
    "a vote and a newer delivery": voting(YIELDING, vote(YIELDING, "ann"), B, errors=1),
    "a vote and the resume of an older delivery": voting(
        YIELDING, vote(YIELDING, "ann", before=OLDER), RESUME, before=OLDER
    ),
    "an unfreeze and the end of a freeze": frozen(UNFREEZE, CHECK, errors=1),
    "two checks at the end of a freeze": frozen(CHECK, CHECK),
    "a check before the end of a freeze": frozen(
        UNFREEZE, CHECK, after=HOUR - timedelta(microseconds=1)
    ),
    "an exemption and the end of a freeze": frozen(EXEMPT, CHECK, errors=1),
    "two calendars": two_calendars(UNFREEZE, AGAIN),
}
"""For every run of the tests: a few seconds."""

THOROUGH: Final[Mapping[str, Any]] = {
    "two commands, two crashes": world(A, B, crashes=2),
    "two commands, two errors": world(A, B, errors=2),
    "two commands, a crash, an error, one repeated": world(A, B, crashes=1, errors=1, duplicates=1),
    "three commands, an error, one repeated": world(A, B, PAUSE, errors=1, duplicates=1),
    "three commands, one crash": world(A, B, PAUSE, crashes=1),
    "a task and its abort, an error, one repeated": world(
        A, FORCE, errors=1, duplicates=1, executors=True
    ),
    "a task and its pause, one crash": world(A, PAUSE, crashes=1, executors=True),
    "a voter of two minds, one crash": voting(
        TWO, vote(TWO, "ann"), vote(TWO, "ann", "fail"), crashes=1
    ),
    "two votes of which one decides, a crash, one repeated": voting(
        ONE, vote(ONE, "ann"), vote(ONE, "ben", "fail"), crashes=1, duplicates=1
    ),
    "two votes that decide together, an error, one repeated": voting(
        TWO, vote(TWO, "ann"), vote(TWO, "ben"), errors=1, duplicates=1
    ),
    "a vote and an abort, one crash": voting(ONE, vote(ONE, "ann"), FORCE, crashes=1),
    "a vote and the limit, one crash": voting(ONE, vote(ONE, "ann"), CHECK, after=HOUR, crashes=1),
    "a vote and a newer delivery, one crash": voting(YIELDING, vote(YIELDING, "ann"), B, crashes=1),
    "two votes and a newer delivery, one repeated": voting(
        YIELDING, vote(YIELDING, "ann"), vote(YIELDING, "ben", "fail"), B, duplicates=1
    ),
    "an unfreeze and the end of a freeze, one crash": frozen(UNFREEZE, CHECK, crashes=1),
    "an exemption and the end of a freeze, one crash": frozen(EXEMPT, CHECK, crashes=1),
    "two calendars and a newer delivery, one error": two_calendars(UNFREEZE, AGAIN, B, errors=1),
}
"""For `dev.py simulate`: about a minute."""
