"""The verdict on the stories in which a person decides, judged by the events alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

from examples.demo.people import FIRST, FRIDAY, HOTFIX, LATE, MONDAY_AT_SIX, NEW, OLD
from examples.demo.view import Clause, clock
from sequencectl import Ending, Event, Result
from sequencectl.events import (
    Cause,
    SequenceExempted,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTriggered,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
    TaskFinishReported,
)

Finding: TypeAlias = tuple[bool, str]
_EventT = TypeVar("_EventT", bound=Event)


def people_verdict(events: Iterable[Event]) -> tuple[Clause, ...]:
    """Return what holds and what does not of everything these stories promise."""
    history = tuple(events)
    clauses = {
        "one ending": one_ending,
        "own vote": _own_vote,
        "changed mind": _changed_mind,
        "void": _void,
        "window": _window,
        "weekend": _weekend,
        "hotfix": _hotfix,
    }
    return tuple(Clause(name, *judge(history)) for name, judge in clauses.items())


def of(
    events: Sequence[Event], kind: type[_EventT], context: str = "", stage: str = ""
) -> list[_EventT]:
    """Return the events of a kind, perhaps of one context and one stage only."""
    return [
        event
        for event in events
        if isinstance(event, kind)
        and context in ("", event.subject.context)
        and stage in ("", event.subject.stage)
    ]


def one_ending(events: Sequence[Event]) -> Finding:
    """R24: every sequence ends exactly once."""
    triggered = [event.subject.sequence_id for event in of(events, SequenceTriggered)]
    ended = [event.subject.sequence_id for event in events if isinstance(event, Ending)]
    said = f"{len(triggered)} sequences were triggered, {len(ended)} endings came"
    return sorted(triggered) == sorted(ended), said


def _own_vote(events: Sequence[Event]) -> Finding:
    """R34: no vote counts of whoever triggered the sequence."""
    asked = {e.subject.context: e.initiators for e in of(events, SequenceTriggered, stage="gate")}
    votes = of(events, TaskFinishReported, stage="gate")
    own = [vote for vote in votes if vote.voter in asked[vote.subject.context]]
    return not own, f"{len(votes)} votes counted, {len(own)} of them by who had triggered it"


def _changed_mind(events: Sequence[Event]) -> Finding:
    """R34: the last vote of a voter counts, and the second voter who approves decides."""
    votes = of(events, TaskFinishReported, FIRST, "gate")
    decided = of(events, TaskFinished, FIRST, "gate")
    said = ", ".join(f"{vote.voter} {vote.result.value}" for vote in votes)
    cast = ["ann pass", "ann fail", "bob pass", "ann pass"]
    holds = [f"{vote.voter} {vote.result.value}" for vote in votes] == cast
    last = [(vote.serial + 1, vote.at, Result.PASS) for vote in votes[-1:]]
    return holds and last == [(e.serial, e.at, e.result) for e in decided], f"{said}: approved"


def _void(events: Sequence[Event]) -> Finding:
    """R35: the newer delivery supersedes the older one in the decision that accepts it."""
    ended = [
        event for event in events if isinstance(event, Ending) and event.subject.context == OLD
    ]
    came = of(events, SequenceTriggered, NEW, "gate")
    holds = [(type(e), e.at, e.serial) for e in ended] == [
        (SequenceSuperseded, e.at, e.serial + 1) for e in came
    ]
    return holds, " ".join(
        event.message for event in ended if isinstance(event, SequenceSuperseded)
    )


def _window(events: Sequence[Event]) -> Finding:
    """R36, R37: what waits starts in the very check that opens the window."""
    opened = of(events, StageUnfrozen, stage="production")[:1]
    started = of(events, SequenceStarted, LATE, "production")
    holds = [(e.serial + 1, e.at, (6, 0)) for e in opened if e.cause is Cause.FREEZE_OVER] == [
        (e.serial, e.at, (e.at.hour, e.at.minute)) for e in started
    ]
    return bool(started) and holds, f"{LATE} started at {_clocks(started)}, when production opened"


def _weekend(events: Sequence[Event]) -> Finding:
    """R36: nothing starts in a frozen stage before its freeze is over, and then at once."""
    started = of(events, SequenceStarted, FRIDAY, "production")
    opened = [event for event in of(events, StageUnfrozen) if event.at == MONDAY_AT_SIX]
    asked = [event for event in of(events, StageFrozen) if event.control.actor]
    holds = [(event.serial + 1, event.at) for event in opened] == [
        (event.serial, event.at) for event in started
    ]
    said = f"{FRIDAY} waited from {_clocks(asked)} to {_clocks(started)}"
    return len(asked) == len(started) == 1 and holds, said


def _hotfix(events: Sequence[Event]) -> Finding:
    """R38: only the one that was let through starts while the stage is frozen, and at once."""
    exempted = of(events, SequenceExempted)
    began = of(events, StageFrozen)[-1:]
    inside = [
        event
        for event in of(events, SequenceStarted, stage="production")
        if any(each.at <= event.at < MONDAY_AT_SIX for each in began)
    ]
    holds = [(e.subject.context, e.serial + 1) for e in exempted] == [
        (e.subject.context, e.serial) for e in inside
    ]
    by = "".join(f"{e.control.actor} ({e.control.reason})" for e in exempted)
    return [e.subject.context for e in inside] == [HOTFIX] and holds, f"let through by {by}"


def _clocks(events: Sequence[Event]) -> str:
    return ", ".join(clock(event.at) for event in events) or "no time"
