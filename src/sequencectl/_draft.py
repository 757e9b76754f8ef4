"""One decision while it is being made: the only mutable object of the package.

A `Draft` holds the state so far and the events so far. `record` folds an event in and is the only
way to advance; what is decided next reads the state that results. A draft never leaves the call
that made it.
"""

from __future__ import annotations

from datetime import datetime
from typing import final

from sequencectl._recorder import checked_instant, effective_instant
from sequencectl.events import (
    Ending,
    Event,
    SequenceResumed,
    SequenceTriggered,
    StageUnfrozen,
)
from sequencectl.facts import Subject
from sequencectl.policies import Bounds, QueuePolicy, TimeoutPolicy
from sequencectl.sequence import LiveSequence
from sequencectl.shipyard import Shipyard
from sequencectl.state import ProjectState, evolve


@final
class Draft:
    """The state so far and the events so far of one decision on a project."""

    __slots__ = (
        "bounds", "ended", "events", "now", "queueing", "shipyard", "state", "timeouts", "touched",
    )  # fmt: skip

    def __init__(
        self,
        state: ProjectState,
        now: datetime,
        *,
        shipyard: Shipyard,
        timeouts: TimeoutPolicy,
        queueing: QueuePolicy,
        bounds: Bounds,
    ) -> None:
        self.state = state
        self.now = effective_instant(checked_instant(now), state.ledger.at, timeouts)
        self.shipyard = shipyard
        self.timeouts = timeouts
        self.queueing = queueing
        self.bounds = bounds
        self.events: list[Event] = []
        self.ended: list[LiveSequence] = []
        """The records, as they were before their ends, of what ended in this step."""
        self.touched: dict[str, None] = {}
        """The lanes in which somebody may have become admissible in this step, in order."""

    def stamp(self, subject: Subject) -> tuple[int, datetime, Subject]:
        """Return what the next event begins with: its serial, its instant, its subject."""
        return self.state.serial + 1, self.now, subject

    def live(self, sequence_id: str) -> LiveSequence:
        """Return the record of a live sequence as it is now."""
        record = self.state.live(sequence_id)
        assert record is not None, f"{sequence_id!r} is not live"
        return record

    def record(self, event: Event) -> None:
        """Fold `event` in and note what it touches."""
        before = self.state.live(event.subject.sequence_id)
        self.state = evolve(self.state, event)
        self.events.append(event)
        if isinstance(event, Ending) and before is not None:
            self.ended.append(before)
            self.touched[before.lane] = None
        elif isinstance(event, SequenceTriggered | SequenceResumed):
            self.touched[self.live(event.subject.sequence_id).lane] = None
        elif isinstance(event, StageUnfrozen):
            self.touched.update(dict.fromkeys(self.state.index.lanes_of(event.subject.stage).lanes))
