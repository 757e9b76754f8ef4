"""One decision while it is being made: the only mutable object of the package.

A `Draft` holds the state so far and the events so far. `record` folds an event in and is the only
way to advance; what is decided next reads the state that results. A draft never leaves the call
that made it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, final

from sequencectl._project.fold import advanced, evolve
from sequencectl._sequence.draft import checked_instant, effective_instant
from sequencectl._sequence.fold import fold
from sequencectl.events import (
    Event,
    ProjectEvent,
    SequenceEvent,
    SequenceResumed,
    SequenceTriggered,
    Subject,
)
from sequencectl.policies import Bounds, QueuePolicy, TimeoutPolicy
from sequencectl.sequence import EndedSequence, LiveSequence, SequenceRecord
from sequencectl.shipyard import Shipyard
from sequencectl.state import ProjectState

_TOUCHING: Final = frozenset({SequenceTriggered, SequenceResumed})
"""The events after which their own sequence may be admissible."""


@final
class Draft:
    """The state so far and the events so far of one decision on a project."""

    __slots__ = (
        "_changes", "_recorded", "_state", "bounds", "ended", "events", "now", "project",
        "queueing", "shipyard", "timeouts", "touched",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - the parts of a plane; by keyword they cost more
        self,
        state: ProjectState,
        now: datetime,
        shipyard: Shipyard,
        timeouts: TimeoutPolicy,
        queueing: QueuePolicy,
        bounds: Bounds,
    ) -> None:
        self._state = state
        self._recorded: list[SequenceEvent] = []
        self._changes: dict[str, tuple[SequenceRecord | None, SequenceRecord]] = {}
        self.project = state.project
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

    @property
    def state(self) -> ProjectState:
        """The state so far.

        Records are folded as events come, the rest of the state when somebody asks for it: most
        commands lead to several events about one sequence.
        """
        if self._recorded:
            self._state = advanced(self._state, self._recorded, self._changes.values())
            self._recorded, self._changes = [], {}
        return self._state

    def stamp(self, subject: Subject) -> tuple[int, datetime, Subject]:
        """Return what the next event begins with: its serial, its instant, its subject."""
        return self._state.ledger.serial + len(self._recorded) + 1, self.now, subject

    def live(self, sequence_id: str) -> LiveSequence:
        """Return the record of a live sequence as it is now."""
        change = self._changes.get(sequence_id)
        record = self._state.sequence(sequence_id) if change is None else change[1]
        assert isinstance(record, LiveSequence), f"{sequence_id!r} is not live"
        return record

    def record(self, event: Event) -> None:
        """Fold `event` in and note what it touches."""
        self.events.append(event)
        if isinstance(event, ProjectEvent):
            self._state = evolve(self.state, event)
            return
        sequence_id = event.subject.sequence_id
        change = self._changes.get(sequence_id)
        if change is None:
            first = before = self._state.sequence(sequence_id)
        else:
            first, before = change
        after = fold(before, event)
        self._changes[sequence_id] = first, after
        self._recorded.append(event)
        if isinstance(after, EndedSequence):
            assert isinstance(before, LiveSequence)
            self.ended.append(before)
            self.touched[before.lane] = None
        elif type(event) in _TOUCHING:
            self.touched[after.lane] = None
