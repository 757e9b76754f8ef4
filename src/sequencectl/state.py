"""The state of a project, as a value.

`ProjectState` is frozen: a ledger (serial, last instant, remembered ids), the records of sequences,
contexts with their pauses, and stage freezes. Everything else is an index derived from these.
`sequencectl.evolve` is the only way from one state to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, final

import attrs

from sequencectl._index import Index, index_of
from sequencectl._persistent import Map, OrderedSet
from sequencectl._scalars import Count, Id, Name, Text
from sequencectl.errors import InvalidValue, UnknownSequence, check_type
from sequencectl.events import Cause, Control, derived_id
from sequencectl.sequence import LiveSequence, SequenceRecord


@final
@attrs.frozen
class Pause:
    """A paused scope of a context, all of it or one `stage`, with control and instant (R18)."""

    stage: Name | None
    control: Control
    at: datetime

    def covers(self, stage: str) -> bool:
        """Whether a sequence of the context in `stage` is paused by it."""
        return self.stage is None or self.stage == stage


@final
@attrs.frozen
class ContextRecord:
    """What a project knows of a context besides its sequences.

    `resumed` is the scope of the last resume, as long as no task in it has been over since and no
    pause covers it again: a delivery is called resumed until then (R32).
    """

    pauses: tuple[Pause, ...] = ()
    resumed: Pause | None = None

    def pause_over(self, stage: str | None) -> Pause | None:
        """Return the pause that covers `stage`, or the whole context for None; the widest first."""
        for pause in sorted(self.pauses, key=lambda pause: pause.stage is not None):
            if pause.stage is None or pause.stage == stage:
                return pause
        return None


@final
@attrs.frozen
class Freeze:
    """A frozen stage: the control, the instant it froze, and when that ends (R7, R36, R37).

    `until` is None for good. `cause` is ``requested`` where a person froze it and ``calendar``
    where a calendar did; `window` is what the calendar calls that time. `control` is that of the
    person who gave it its `until`.
    """

    control: Control
    at: datetime
    until: datetime | None = None
    cause: Cause = Cause.REQUESTED
    window: Text = ""


@final
@attrs.frozen
class Remembered:
    """What stays of a forgotten sequence: enough to tell a repeat from a conflict (R8)."""

    context: Id
    stage: Name
    sequence: Name
    service: Text
    number: tuple[Count, Count]


@final
@attrs.frozen(weakref_slot=False)
class Ledger:
    """What a project counts: number and instant of its last event, and the last requests."""

    serial: Count = 0
    at: datetime | None = None
    request_ids: tuple[Id, ...] = ()


_NO_CONTEXT: Final = ContextRecord()


@final
@attrs.frozen(weakref_slot=False)
class ProjectState:
    """Everything a project's decisions depend on; compared by value, its index left out.

    Begin with ``ControlPlane.initial`` and take the next one from a decision or from `evolve`;
    never make one by hand.
    """

    project: str
    ledger: Ledger
    _records: Map[str, SequenceRecord]
    _contexts: Map[str, ContextRecord]
    _freezes: Map[str, Freeze]
    _remembered: Map[str, Remembered]
    index: Index = attrs.field(eq=False, repr=False)
    _remembered_order: OrderedSet[tuple[tuple[int, int], str]] = attrs.field(eq=False, repr=False)

    @property
    def serial(self) -> int:
        """The serial of the project's last event, its version; 0 before the first."""
        return self.ledger.serial

    @property
    def sequences(self) -> Mapping[str, SequenceRecord]:
        """All sequences by id, in the order of their acceptance; made afresh at each call."""
        records = sorted(self._records.values(), key=lambda record: record.accepted_serial)
        return {record.sequence_id: record for record in records}

    @property
    def contexts(self) -> Mapping[str, ContextRecord]:
        """The contexts that are paused or were just resumed, by name."""
        return dict(sorted(self._contexts.items()))

    @property
    def freezes(self) -> Mapping[str, Freeze]:
        """The frozen stages by name."""
        return dict(sorted(self._freezes.items()))

    @property
    def next_deadline(self) -> datetime | None:
        """The first instant at which a `CheckDeadlines` has something to do; arm a timer for it."""
        first = self.index.deadlines.first
        return None if first is None else first[0]

    def sequence(self, sequence_id: str) -> SequenceRecord | None:
        """Return the record of a sequence; None if it was never seen or is forgotten."""
        if not isinstance(sequence_id, str):
            raise InvalidValue("sequence_id", sequence_id, "must be a str")
        return self._records.get(sequence_id)

    def live(self, sequence_id: str) -> LiveSequence | None:
        """Return the record of a live sequence; None if there is none."""
        record = self.sequence(sequence_id)
        return record if isinstance(record, LiveSequence) else None

    def of_context(self, context: str) -> tuple[SequenceRecord, ...]:
        """Return the sequences of a context in the order of their acceptance."""
        check_type("context", context, str)
        members = self.index.members(context)
        entries = sorted((*members.live, *members.ended))
        return tuple(self._records[sequence_id] for _, sequence_id in entries)

    def live_of_context(self, context: str) -> tuple[LiveSequence, ...]:
        """Return the live sequences of a context in the order of their acceptance."""
        check_type("context", context, str)
        found = (self.live(sequence_id) for _, sequence_id in self.index.members(context).live)
        return tuple(record for record in found if record is not None)

    def family(self, sequence_id: str) -> tuple[str, ...]:
        """Return the ids of a sequence's family in the order of acceptance (R41).

        That is the first one, which redrives none, and all that redrive it directly or through
        others; just its own id if there are none. It is empty for an unknown one.
        """
        record = self.sequence(sequence_id)
        if record is None:
            return ()
        first = record.family
        return (first, *[known for _, known in reversed(tuple(self.index.family(first)))])

    def redrive_id(self, sequence_id: str) -> str:
        """Return the id to give to a sequence that redrives this one (R41).

        It is derived from this id and the size of its family: two hosts that redrive it at once get
        the same id, and the second trigger is a duplicate (R8). Raises `UnknownSequence` for an id
        that was never seen or is forgotten.
        """
        record = self.sequence(sequence_id)
        if record is None:
            raise UnknownSequence(self.project, sequence_id)
        size = 1 + len(self.index.family(record.family))
        return derived_id(self.project, size, f"redrive of {sequence_id}")

    def context(self, context: str) -> ContextRecord:
        """Return the pauses of a context; an empty record for an unknown one."""
        if type(context) is not str:
            check_type("context", context, str)
        return self._contexts.get(context, _NO_CONTEXT)

    def pause_of(self, context: str, stage: str) -> Pause | None:
        """Return the pause that covers a context in a stage (R18)."""
        if type(stage) is not str:
            check_type("stage", stage, str)
        return self.context(context).pause_over(stage)

    def freeze_of(self, stage: str) -> Freeze | None:
        """Return the freeze of a stage (R7)."""
        if type(stage) is not str:
            check_type("stage", stage, str)
        return self._freezes.get(stage)

    def lanes(self, stage: str) -> tuple[str, ...]:
        """Return the lanes of a stage that have a waiting or running sequence, by name (R1)."""
        check_type("stage", stage, str)
        return tuple(self.index.lanes_of(stage).lanes)

    def line(self, lane: str) -> tuple[str, ...]:
        """Return the ids in line for a lane, in order, held ones at their place (R2)."""
        check_type("lane", lane, str)
        return tuple(ticket.sequence_id for ticket in self.index.queue(lane))

    def holders(self, lane: str) -> tuple[str, ...]:
        """Return the ids of the holders of a lane (R5)."""
        check_type("lane", lane, str)
        return tuple(ticket.sequence_id for ticket in self.index.queue(lane).holders)

    def remembered(self, sequence_id: str) -> Remembered | None:
        """Return what stays of a forgotten sequence (R8)."""
        check_type("sequence_id", sequence_id, str)
        return self._remembered.get(sequence_id)

    @property
    def remembered_count(self) -> int:
        """How many forgotten sequences are remembered (R33)."""
        return len(self._remembered)

    def oldest_remembered(self, count: int) -> tuple[str, ...]:
        """Return the ids that were remembered first, `count` of them at most."""
        check_type("count", count, int)
        order = iter(self._remembered_order)
        return tuple(entry[1] for _, entry in zip(range(count), order, strict=False))

    def __repr__(self) -> str:
        named = f"project={self.project!r}, serial={self.serial}"
        return f"ProjectState({named}, sequences={len(self._records)})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Print the repr: Hypothesis and IPython would print every field of a frozen value."""
        printer.text(repr(self))

    def rebuilt(self) -> ProjectState:
        """Return the same state with every index made anew from the records."""
        return restore(
            self.project,
            self.ledger,
            self._records.values(),
            contexts=self.contexts,
            freezes=self.freezes,
            remembered=dict(self._remembered),
        )


def initial(project: str) -> ProjectState:
    """Return the state of a project in which nothing has happened."""
    return restore(project, Ledger(), ())


def restore(
    project: str,
    ledger: Ledger,
    records: Iterable[SequenceRecord],
    *,
    contexts: Mapping[str, ContextRecord] | None = None,
    freezes: Mapping[str, Freeze] | None = None,
    remembered: Mapping[str, Remembered] | None = None,
) -> ProjectState:
    """Return the state these records make up, with its indexes; the inverse of reading them."""
    check_type("project", project, str)
    check_type("ledger", ledger, Ledger)
    check_type("records", records, Iterable)
    contexts, freezes, known = contexts or {}, freezes or {}, remembered or {}
    check_type("contexts", contexts, Mapping)
    check_type("freezes", freezes, Mapping)
    check_type("remembered", known, Mapping)
    kept = tuple(records)
    for record in kept:
        if not isinstance(record, SequenceRecord):
            raise InvalidValue("records", record, "must be records of sequences")
    return ProjectState(
        project,
        ledger,
        Map((record.sequence_id, record) for record in kept),
        Map(contexts),
        Map(freezes),
        Map(known),
        index_of(kept, {stage: freeze.until for stage, freeze in freezes.items()}),
        OrderedSet((each.number, sequence_id) for sequence_id, each in known.items()),
    )
