"""One decision on a project while it is being made: the only mutable objects of the package.

A `Draft` holds the state so far and the events so far. Its `apply`, and that of the sequences it
hands out, make an event and fold it in; there is no other way to advance, and what is decided next
reads the state that results. A draft never leaves the call that made it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ParamSpec, TypeAlias, final

import sequencectl.events as e
from sequencectl._project.fold import advanced, evolve
from sequencectl._scalars import checked_instant
from sequencectl._sequence.draft import EventType, effective_instant
from sequencectl._sequence.fold import fold
from sequencectl.errors import CalendarError
from sequencectl.policies import Bounds, Calendar, Opening, QueuePolicy, TimeoutPolicy
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard import Shipyard
from sequencectl.state import ProjectState

P = ParamSpec("P")
CalendarAnswer: TypeAlias = tuple[Opening, CalendarError | None]
"""What a calendar said of a stage, and what was wrong with that."""


@final
class ProjectSequence:
    """One sequence of a project in the middle of a decision; see `SequenceDraft`.

    `record` is its record as it is now, None before it is triggered, and `base` its record in the
    draft's state.
    """

    __slots__ = ("_draft", "_subject", "base", "bounds", "now", "record", "timeouts")

    def __init__(self, draft: Draft, subject: e.Subject, record: SequenceRecord | None) -> None:
        self._draft = draft
        self._subject = subject
        self.base = self.record = record
        self.now = draft.now
        self.timeouts = draft.timeouts
        self.bounds = draft.bounds

    @property
    def next_serial(self) -> int:
        """The serial of the event that is applied next."""
        return self._draft.next_serial

    @property
    def live(self) -> LiveSequence:
        """The record as it is now; the sequence must not have ended."""
        record = self.record
        assert isinstance(record, LiveSequence)
        return record

    def apply(
        self, event: EventType[P, e.SequenceEvent], *fields: P.args, **named: P.kwargs
    ) -> None:
        """Make an event about this sequence, fold it in and note what it touches."""
        draft, before = self._draft, self.record
        made = event(draft.next_serial, self.now, self._subject, *fields, **named)
        self.record = after = fold(before, made)
        if before is self.base:  # the first event since the state was brought up to date
            draft.changed.append(self)
        draft.recorded.append(made)
        draft.events.append(made)
        draft.next_serial += 1
        if isinstance(after, EndedSequence):
            assert isinstance(before, LiveSequence)
            draft.ended.append(before)
            draft.touched[before.lane] = None
        elif (
            before is None
            or (isinstance(made, e.SequenceResumed) and before.phase is Phase.HELD)
            or isinstance(made, e.SequenceExempted)
        ):
            draft.touched[after.lane] = None

    def newer_in_line(self) -> str | None:
        """Return the id of the first in line that makes an approval of this sequence void (R35)."""
        state, record = self._draft.state, self.live
        for sequence_id in state.index.in_line(record.stage, record.service, record.name):
            other = state._records[sequence_id]
            assert isinstance(other, LiveSequence)
            if other.priority < record.priority:
                return None
            is_newer = other.accepted_serial > record.accepted_serial and other.redrive is None
            if other.phase is Phase.WAITING and is_newer:
                return sequence_id
        return None


@final
class Draft:
    """The state so far and the events so far of one decision on a project."""

    __slots__ = (
        "_state", "answers", "bounds", "calendar", "changed", "ended", "events", "next_serial",
        "now", "project", "queueing", "recorded", "shipyard", "timeouts", "touched",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - the parts of a plane; by keyword they cost more
        self,
        state: ProjectState,
        now: datetime,
        shipyard: Shipyard,
        timeouts: TimeoutPolicy,
        queueing: QueuePolicy,
        bounds: Bounds,
        calendar: Calendar | None,
    ) -> None:
        self._state = state
        self.recorded: list[e.SequenceEvent] = []
        """The events about sequences since the state was brought up to date."""
        self.changed: list[ProjectSequence] = []
        """The sequences that these events are about."""
        self.project = state.project
        self.next_serial = state.ledger.serial + 1
        self.now = effective_instant(checked_instant(now), state.ledger.at, timeouts)
        self.shipyard = shipyard
        self.timeouts = timeouts
        self.queueing = queueing
        self.bounds = bounds
        self.calendar = calendar
        self.answers: dict[str, CalendarAnswer] = {}
        """What the calendar has said in this decision, by stage."""
        self.events: list[e.Event] = []
        self.ended: list[LiveSequence] = []
        """The records, as they were before their ends, of what ended in this step."""
        self.touched: dict[str, None] = {}
        """The lanes in which a sequence may have become admissible in this step, in order."""

    @property
    def state(self) -> ProjectState:
        """The state so far.

        Records are folded as events come, the rest of the state when it is asked for: most commands
        lead to several events about one sequence.
        """
        if self.recorded:
            changed = self.changed
            changes = [(each.base, each.record) for each in changed if each.record is not None]
            self._state = advanced(self._state, self.recorded, changes)
            for each in changed:
                each.base = each.record
            self.recorded, self.changed = [], []  # no circle stays for the garbage collector
        return self._state

    def sequence(self, sequence_id: str) -> ProjectSequence:
        """Return a sequence to work with, as it is in the state so far."""
        record = self.state._records[sequence_id]
        return ProjectSequence(self, record.subject, record)

    def apply(
        self,
        event: EventType[P, e.ProjectEvent],
        subject: e.Subject,
        *fields: P.args,
        **named: P.kwargs,
    ) -> None:
        """Make an event about a context, a stage or the project, and fold it in."""
        made = event(self.next_serial, self.now, subject, *fields, **named)
        self._state = evolve(self.state, made)
        self.events.append(made)
        self.next_serial += 1
