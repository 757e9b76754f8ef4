"""What an onlooker reads from events alone: each thing that must not be there is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import pytest

from sequencectl import (
    Calendar,
    CheckDeadlines,
    Command,
    ControlPlane,
    Event,
    ExemptSequence,
    FreezeStage,
    Opening,
    Result,
    Shipyard,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.events import (
    SequenceExempted,
    SequenceFinished,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTriggered,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
    TaskFinishReported,
    TaskStartReported,
    TaskTimedOut,
)
from sequencectl.testing import ClosedTimes
from sequencectl.testing._walk import START
from sequencectl.testing.simulation.faults import Mishap
from sequencectl.testing.simulation.onlooker import Onlooker, Violation
from tests.simulation.told import instead, last_of, twice

HOUR: Final = timedelta(hours=1)
NIGHT: Final = ClosedTimes({"dev": [(START, START + HOUR, "night")]})


class Told:
    """A project whose events can be told otherwise than they were."""

    def __init__(self, approval: Any = None, calendar: Calendar | None = None) -> None:
        task = {"name": "sign-off", "approval": approval or {}, "timeouts": {"completion": "1h"}}
        self.plane = ControlPlane(
            Shipyard.of({
                "dev": {"delivery": [task]},
                "qa": {"delivery": {"tasks": [task], "triggeredOn": ["dev.delivery.finished"]}},
            }),
            calendar=calendar,
        )  # fmt: skip
        self.state = self.plane.initial("p")
        self.now = START
        self.events: list[Event] = []

    def tell(self, *commands: Command) -> Told:
        """Decide commands, one after the other."""
        for command in commands:
            decision = self.plane.decide(self.state, command, self.now)
            decision.raise_if_rejected()
            self.state = decision.state
            self.events += decision.events
        return self

    def wait(self, duration: timedelta = HOUR) -> Told:
        """Let time pass, and check deadlines at its end."""
        self.now += duration
        return self.tell(CheckDeadlines())

    def vote(self, voter: str, result: str = "pass") -> Told:
        """Vote on the open approval, with a report id."""
        (task,) = self.plane.open_tasks(self.state)
        cast = task.triggered.approve(voter) if result == "pass" else task.triggered.reject(voter)
        return self.tell(attrs.evolve(cast, report_id=f"{voter} says {result}"))

    def of(self, kind: type[Event]) -> Any:
        """Return the last event of a kind."""
        return last_of(self.events, kind)

    def instead(self, kind: type[Event], *others: Event, **changes: Any) -> list[Event]:
        """Return the events with others in place of the last one of a kind, or with it changed."""
        return instead(self.events, kind, *others, **changes)

    def twice(self, kind: type[Event]) -> list[Event]:
        """Return the events with the last one of a kind told twice."""
        return twice(self.events, kind)


def delivery(sequence_id: str, **more: Any) -> TriggerSequence:
    """Trigger a delivery of the only service."""
    return TriggerSequence(sequence_id, stage="dev", sequence="delivery", **more)


A: Final = delivery("a", actor="ann")
B: Final = delivery("b", actor="ben")
FREEZE: Final = FreezeStage("dev", until=START + HOUR)


def onlooker(events: Sequence[Event], calendar: Calendar | None = None) -> Onlooker:
    """One that has seen these events."""
    one = Onlooker()
    for event in events:
        one.see(event, calendar)
    return one


def raises(_stage: str, _at: datetime) -> Opening:
    """A calendar that never answers."""
    raise LookupError


def answers_nonsense(_stage: str, _at: datetime) -> Any:
    """A calendar that answers what is no opening."""
    return "closed"


def has_passed(_stage: str, at: datetime) -> Opening:
    """A calendar that closes until an instant that has passed."""
    return Opening(False, until=at)


@pytest.mark.parametrize(
    ("told", "met"),
    [
        (Told({"approve": 2}).tell(A).vote("ben", "fail"), []),
        (Told({"approve": 2, "reject": 2}).tell(A).vote("ben", "fail").vote("ben"),
         [Mishap.MIND_CHANGED]),
        (Told({"initiator": False}).tell(A).vote("ben"), []),
        (Told().tell(A).vote("ben").vote("cleo"), []),
        (Told().tell(A).wait(), [Mishap.UNDECIDED]),
        (Told({"onExpiry": "approve", "approve": 2}).tell(A).vote("ben").wait(), [Mishap.CONSENT]),
        (Told({"onExpiry": "approve", "reject": 2}).tell(A).vote("ben", "fail").wait(),
         [Mishap.UNDECIDED]),
        (Told({"newcomer": "supersede"}).tell(A, B), [Mishap.VOID]),
        (Told().tell(FREEZE, A, ExemptSequence("a")), [Mishap.LET_THROUGH]),
        (Told().tell(FREEZE, A).wait(), [Mishap.FREEZE_OVER]),
        (Told().tell(FREEZE, FreezeStage("dev", until=START + 2 * HOUR), FreezeStage("dev")), []),
        (Told().tell(FREEZE, UnfreezeStage("dev"), A, delivery("c"), delivery("d")), []),
    ],
)  # fmt: skip
def test_what_is_as_it_must_be_is_counted(told: Told, met: list[Mishap]) -> None:
    """Whatever is decided is what an onlooker expects; what is worth seeing is counted."""
    seen = onlooker(told.events)

    assert met == [*seen.met.elements()]


@pytest.mark.parametrize("calendar", [NIGHT, raises, answers_nonsense, has_passed])
def test_a_calendar_is_asked_as_the_plane_asks_it(calendar: Calendar) -> None:
    """What it says is told; one that fails closes for good, and a person's freeze replaces it."""
    told = Told(calendar=calendar).tell(A, ExemptSequence("a"), FreezeStage("dev"))

    seen = onlooker(told.events, calendar)

    assert [Mishap.CLOSED, Mishap.LET_THROUGH] == [*seen.met.elements()]


def test_a_calendar_that_opens_lets_a_stage_be_unfrozen() -> None:
    """What another calendar has closed, this one opens."""
    closed = Told(calendar=NIGHT).tell(A)
    onlooking = onlooker(closed.events, NIGHT)
    closed.plane = attrs.evolve(closed.plane, calendar=None)
    seen = len(closed.events)

    for event in closed.tell(UnfreezeStage("dev")).events[seen:]:
        onlooking.see(event, None)

    assert isinstance(closed.of(SequenceStarted), SequenceStarted)


VOTED: Final = Told({"approve": 2, "initiator": False}).tell(A).vote("ben")
OVER: Final = Told().tell(A).vote("ben")
LATE: Final = Told({"onExpiry": "approve"}).tell(A).wait()
VOID: Final = Told({"newcomer": "supersede"}).tell(A, B)
THAWED: Final = Told().tell(FREEZE, A).wait()
PROMOTED: Final = Told().tell(A).vote("ben")
EXEMPTED: Final = Told().tell(FREEZE, A, ExemptSequence("a"))
MOVED: Final = Told().tell(FREEZE, FreezeStage("dev", until=START + 2 * HOUR))
BEGUN: Final = Told().tell(A)
BEGUN.tell(BEGUN.plane.open_tasks(BEGUN.state)[0].triggered.started(source="x", report_id="r"))
OLDER: Final = VOID.of(SequenceTriggered)


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        (VOTED.twice(TaskFinishReported), "a report is counted twice: ben says pass"),
        ([*VOTED.events, attrs.evolve(VOTED.of(TaskFinishReported), report_id=None)],
         "a vote is counted twice: ben says pass"),
        (VOTED.instead(TaskFinishReported, actor="ann"), "somebody votes who may not: ann"),
        (VOTED.instead(TaskFinishReported, actor=""), "somebody votes who may not: ben"),
        (BEGUN.twice(TaskStartReported), "a start takes room from votes"),
        (BEGUN.instead(TaskStartReported, task_id="other"), "about a task that is not open"),
        (OVER.instead(TaskFinished), "decided by its votes, and not over: TaskTriggered"),
        (OVER.instead(TaskFinished, task_id="other"), "decided by its votes, and not over"),
        (OVER.twice(TaskFinished), "about a task that is not open: TaskFinished"),
        (OVER.instead(TaskFinished, result=Result.FAIL), "over, and its votes say Result.PASS"),
        (OVER.instead(TaskFinishReported), "over, and its votes say None"),
        (OVER.twice(SequenceFinished), "about a sequence that is not live: SequenceFinished"),
        (OVER.events[1:], "about a sequence that is not live: SequenceStarted"),
        (LATE.instead(TaskFinished, at=START), "an approval ends before its limit"),
        (LATE.instead(TaskFinished, explanation=None), "over, and its votes say None"),
        (LATE.instead(TaskFinished, result=Result.WARNING), "silence is taken for Result.PASS"),
        (Told().tell(A).wait().instead(TaskTimedOut, *LATE.events[-5:-4]),
         "silence is taken for None"),
        (VOID.instead(SequenceSuperseded, superseded_by="c"), "superseded at work by c"),
        (VOID.instead(SequenceSuperseded, abandoned_task=None), "superseded at work by b"),
        (VOID.instead(SequenceTriggered, attrs.evolve(OLDER, priority=-1)), "superseded at work"),
        (VOID.instead(SequenceTriggered, attrs.evolve(OLDER, serial=0)), "superseded at work"),
        (VOID.instead(SequenceTriggered, attrs.evolve(
            OLDER, subject=attrs.evolve(OLDER.subject, service="carts"))), "superseded at work"),
        (VOID.instead(SequenceTriggered, OLDER, attrs.evolve(
            VOID.of(SequenceStarted), subject=OLDER.subject)), "superseded at work"),
        (Told().tell(A).events + VOID.events[3:], "superseded at work by b"),
        (THAWED.instead(StageUnfrozen), "started in a frozen stage"),
        (THAWED.instead(StageUnfrozen, at=START), "frozen until 2026-03-29 01:59:59.*, and over"),
        (THAWED.instead(StageFrozen, until=None), "frozen until None, and over"),
        (THAWED.twice(StageUnfrozen), "not frozen: StageUnfrozen 3 of dev"),
        (THAWED.instead(StageFrozen, until=START), "frozen until .*, which has passed"),
        (MOVED.twice(StageFrozen), "a freeze until .* is shortened"),
        (MOVED.twice(StageFrozen)[::-1], "a freeze until .* is shortened"),
        (Told().tell(FreezeStage("dev")).events + MOVED.events, "a freeze until None is shortened"),
        (EXEMPTED.twice(SequenceExempted), "exempted twice, or too late"),
        ([*EXEMPTED.events, EXEMPTED.of(SequenceExempted)], "exempted twice, or too late"),
        (EXEMPTED.instead(SequenceExempted), "started in a frozen stage"),
        (PROMOTED.instead(SequenceTriggered, initiators=("ben",)), "forgets who triggered what"),
    ],
)  # fmt: skip
def test_what_must_not_be_there_is_found(events: list[Event], seen: str) -> None:
    """Each by one event that is left out, told twice or told otherwise."""
    with pytest.raises(Violation, match=seen):
        onlooker(events)


@pytest.mark.parametrize(
    ("events", "calendar", "seen"),
    [
        (Told().tell(A).events, NIGHT, "started in a stage that the calendar closes"),
        (Told(calendar=NIGHT).tell(A).events, None, "the calendar says .*True.*, not what is told"),
        (Told(calendar=NIGHT).tell(A).instead(StageFrozen, until=START + 2 * HOUR), NIGHT,
         "the calendar says .*False.*, not what is told"),
    ],
)  # fmt: skip
def test_a_calendar_that_is_not_obeyed_is_found(
    events: list[Event], calendar: Calendar | None, seen: str
) -> None:
    """Who starts, and what is told of a freeze, is as the calendar says at that very instant."""
    with pytest.raises(Violation, match=seen):
        onlooker(events, calendar)


def test_a_stage_that_the_calendar_closes_is_not_unfrozen() -> None:
    """A person may not end what the calendar still says."""
    closed = Told(calendar=NIGHT).tell(A)
    opened = Told().tell(FreezeStage("dev"), UnfreezeStage("dev")).of(StageUnfrozen)

    with pytest.raises(Violation, match="unfrozen though the calendar closes it"):
        onlooker([*closed.events, opened], NIGHT)
