"""One decision as the invariants see it, and what they count for themselves.

Nothing here asks an index or a property of the core: lanes, free places and limits are made out
from the records, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar, final

import attrs

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.sequence import LiveSequence, Phase, SequenceRecord, TaskRun
from sequencectl.shipyard.definitions import SequenceDefinition
from sequencectl.state import ProjectState

IN_LINE: Final = (Phase.WAITING, Phase.HELD)
PAUSED: Final = (Phase.HELD, Phase.PAUSING, Phase.PAUSED)
_EventT = TypeVar("_EventT")


@final
@attrs.frozen(eq=False)
class Transition:
    """A decision, and the records before and after it."""

    plane: ControlPlane
    before: ProjectState
    command: c.Command
    now: datetime
    decision: Decision
    was: Mapping[str, SequenceRecord] = attrs.field(init=False)
    records: Mapping[str, SequenceRecord] = attrs.field(init=False)
    live: tuple[LiveSequence, ...] = attrs.field(init=False)
    events: tuple[e.Event, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        records = self.decision.state.sequences
        derived = {
            "was": self.before.sequences, "records": records, "live": live_ones(records),
            "events": self.decision.events,
        }  # fmt: skip
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def after(self) -> ProjectState:
        """The state it leads to."""
        return self.decision.state

    @property
    def at(self) -> datetime:
        """The instant it is taken at: a clock that is a little behind has stood still (R29)."""
        last = self.before.ledger.at
        if last is not None and self.now < last <= self.now + self.plane.timeouts.clock_skew:
            return last
        return self.now

    def covered(self, record: LiveSequence) -> bool:
        """Whether a pause covers a sequence afterwards (R18)."""
        pauses = self.after.context(record.context).pauses
        return any(pause.stage in {None, record.stage} for pause in pauses)

    def limit(self, stage: str) -> int:
        """Return how many may hold a lane of a stage."""
        return self.plane.queueing.for_stage(stage).limit


Check = Callable[[Transition], str]
"""An invariant: it returns what is wrong, or nothing."""


def live_ones(records: Mapping[str, SequenceRecord]) -> tuple[LiveSequence, ...]:
    """Return the live ones of some records."""
    return tuple([each for each in records.values() if isinstance(each, LiveSequence)])


def of(t: Transition, kinds: type[_EventT]) -> list[_EventT]:
    """Return the events of one type."""
    return [event for event in t.events if isinstance(event, kinds)]


def definition_of(t: Transition, known: str) -> SequenceDefinition:
    """Return the definition a sequence was accepted with."""
    record = t.was.get(known, t.records.get(known))
    assert isinstance(record, LiveSequence), "whatever has tasks was live before or is so after"
    return record.definition


def overlap(one: str, other: str) -> bool:
    """Whether who holds one lane counts for the other: a stage's for its services' (R1)."""
    return one == other or one.partition("/")[0] == other or other.partition("/")[0] == one


def holding(live: Sequence[LiveSequence], lane: str) -> int:
    """Return how many hold a lane or one that overlaps it (R1, R5)."""
    return sum(each.phase not in IN_LINE and overlap(each.lane, lane) for each in live)


def beside_a_free_place(
    plane: ControlPlane, state: ProjectState, live: Sequence[LiveSequence]
) -> Iterator[LiveSequence]:
    """Yield those that wait and could start: whose lane has a place, and would leave no lane that
    somebody holds with more than its limit (R1, R3, R7).
    """
    for record in live:
        if record.phase is not Phase.WAITING or state.freeze_of(record.stage) is not None:
            continue
        limit = plane.queueing.for_stage(record.stage).limit
        lanes = {x.lane for x in live if x.phase not in IN_LINE and overlap(x.lane, record.lane)}
        if all(holding(live, lane) < limit for lane in {record.lane, *lanes}):
            yield record


def next_limit(record: LiveSequence) -> datetime | None:
    """Return when a sequence changes by itself, counted from what began then; None for never."""
    instants = [record.deadline] if record.deadline is not None else []
    if record.due_at is not None and record.phase is Phase.RUNNING:
        instants.append(record.due_at)
    if record.task is not None:
        begun = record.task.triggered
        if begun.reaction_timeout is not None and not _is_reacted_to(record.task):
            instants.append(begun.at + begun.reaction_timeout)
        if begun.completion_timeout is not None:
            instants.append(begun.at + begun.completion_timeout)
    return min(instants, default=None)


def _is_reacted_to(task: TaskRun) -> bool:
    """Whether all who are expected were heard of, or anybody if nobody is (R27)."""
    heard, expects = {each.source for each in task.executors}, task.triggered.expects
    if isinstance(expects, frozenset):
        return expects <= heard
    return len(heard) >= (1 if expects is None else expects)
