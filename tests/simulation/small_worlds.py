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
    RetryTask,
    Shipyard,
    SkipTask,
    TaskTriggered,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.testing import ClosedTimes
from sequencectl.testing._walk import START
from sequencectl.testing.simulation.course import MARK

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
    """The task that is open after these commands, in every world that begins with them."""
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


def two_projects(*commands: Command, **more: Any) -> Any:
    """A world in which an approval is open in each of two projects, and its time is just over.

    `checks` look at both of them in one turn; the commands are about one of them.
    """
    return voting(ONE, *commands, after=HOUR, projects=2, **more)


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


# ---------------------------------------------------------------- tasks that fail


def failing(**task: Any) -> ControlPlane:
    """A plane whose first task fails; another one follows."""
    return ControlPlane(Shipyard.of({"dev": {"delivery": [{"name": "deploy", **task}, "test"]}}))


ENDING: Final = failing()
PARKING: Final = failing(onFailure="park")
RETRYING: Final = failing(retry={"times": 2, "backoff": "30s"})
IMPATIENT: Final = failing(
    retry={"on": ["timed_out"]}, timeouts={"reaction": None, "completion": "1h"}
)
LISTENING: Final = failing(timeouts={"silence": "1m"})
BACKOFF, SILENCE, LIMIT = timedelta(seconds=30), timedelta(minutes=1), timedelta(hours=24)


def finished(plane: ControlPlane, result: str = "fail", source: str = "x") -> ReportTaskFinished:
    """The finish of the first attempt at the first task, with an id and with data."""
    task, report_id = opened(plane), f"{source} says {result}"
    data = {MARK: {task.task_id: source}}
    return task.finished(source=source, result=result, data=data, report_id=report_id)


def redrive(sequence_id: str = "", **more: Any) -> TriggerSequence:
    """The redrive of `A`, which has failed; with the derived id unless another one is given."""
    state = ENDING.initial("p")
    for command in (A, finished(ENDING)):
        state = ENDING.decide(state, command, START).state
    known = sequence_id or state.redrive_id("a")
    return TriggerSequence(
        known, stage="dev", sequence="delivery", context="a", redrives="a", **more
    )


RETRY, RETRY_TOO = (RetryTask("a", request_id=each) for each in ("retry", "retry too"))
SKIP: Final = SkipTask("a", result="pass", request_id="skip")
STARTED: Final = opened(LISTENING).started(source="x", report_id="x starts")
PROGRESS: Final = opened(LISTENING).progress(source="x", percent=50)


def parked(*commands: Command, **more: Any) -> Any:
    """A world in which `A` is parked and `B` waits for its lane."""
    before = (A, B, finished(PARKING))
    return world(*commands, **{"plane": PARKING, "before": before, **more})


def retried(*commands: Command, **more: Any) -> Any:
    """A world in which the second attempt of `A` is due just now."""
    before = (A, finished(RETRYING))
    return world(*commands, **{"plane": RETRYING, "before": before, "after": BACKOFF, **more})


def failed(*commands: Command, **more: Any) -> Any:
    """A world in which `A` has failed."""
    return world(*commands, **{"plane": ENDING, "before": (A, finished(ENDING)), **more})


def silent(*commands: Command, **more: Any) -> Any:
    """A world in which an executor has started, and must say a word just now."""
    more = {"plane": LISTENING, "before": (A, STARTED), "after": SILENCE, **more}
    return world(*commands, **more)


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
    "two retries of a parked task": parked(RETRY, RETRY_TOO, errors=1),
    "a retry and a skip": parked(RETRY, SKIP, duplicates=1),
    "a retry and the limit of parking": parked(RETRY, CHECK, after=LIMIT, errors=1),
    "a late report and the second attempt": retried(
        finished(RETRYING, "pass", "y"), CHECK, errors=1
    ),
    "a finish and the limit that retries": world(
        finished(IMPATIENT, "pass"), CHECK, plane=IMPATIENT, before=(A,), after=HOUR
    ),
    "two redrives with one id": failed(redrive(), redrive(), errors=1),
    "two redrives with two ids": failed(redrive(), redrive("r"), errors=1),
    "progress and silence": silent(PROGRESS, CHECK, errors=1),
    "three at once, one of them refused": world(B, PAUSE, A, batch=3),
    "a vote and a check of two projects, one error": two_projects(
        vote(ONE, "ann"), checks=1, errors=1
    ),
    "two checks of two projects, one error": two_projects(checks=2, errors=1),
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
    "two retries of a parked task, one crash": parked(RETRY, RETRY_TOO, crashes=1),
    "two retries and a skip": parked(RETRY, RETRY_TOO, SKIP),
    "a retry and an abort, one crash": parked(RETRY, FORCE, crashes=1),
    "a retry and the limit of parking, one crash": parked(RETRY, CHECK, after=LIMIT, crashes=1),
    "a late report and the second attempt, one crash, one repeated": retried(
        finished(RETRYING, "pass", "y"), CHECK, crashes=1, duplicates=1
    ),
    "a finish and the limit that retries, one crash": world(
        finished(IMPATIENT, "pass"), CHECK, plane=IMPATIENT, before=(A,), after=HOUR, crashes=1
    ),
    "three redrives": failed(redrive(), redrive(), redrive("r")),
    "two redrives with two ids, one crash": failed(redrive(), redrive("r"), crashes=1),
    "a redrive and a newer delivery, an error, one repeated": failed(
        redrive(), B, errors=1, duplicates=1
    ),
    "progress and silence, a crash, one repeated": silent(PROGRESS, CHECK, crashes=1, duplicates=1),
    "three at once, one error": world(B, PAUSE, A, batch=3, errors=1),
    "three at once, one repeated": world(B, PAUSE, A, batch=3, duplicates=1),
    "three at once, one crash": world(B, PAUSE, A, batch=3, crashes=1),
    "three votes, two at once": voting(
        TWO, vote(TWO, "ann"), vote(TWO, "ann", "fail"), vote(TWO, "ben"), batch=2
    ),
    "a vote and a check of two projects, one crash": two_projects(
        vote(ONE, "ann"), checks=1, crashes=1
    ),
    "two checks of two projects, one crash": two_projects(checks=2, crashes=1),
}
"""For `dev.py simulate`: less than two minutes."""
