"""The state of a project, and the fold of events into it.

`ProjectState` is a frozen value: a ledger (serial, last instant, remembered ids), the records of
sequences, contexts with their pauses, and stage freezes. Everything else is an index derived from
these. `evolve` is total over `Event` and reads nothing but its arguments, so
``state == reduce(evolve, events, initial)`` across policies and versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never, final, get_args

import attrs

from sequencectl._fold import fold
from sequencectl._index import Index
from sequencectl._indexing import index_of
from sequencectl._persistent import Map, OrderedSet
from sequencectl._scratch import maker_of, scratch_of
from sequencectl.errors import InvalidValue, ReplayError
from sequencectl.events import (
    Cause,
    ContextPaused,
    ContextResumed,
    Ending,
    Event,
    FollowUpRefused,
    ProjectEvent,
    SequenceAborted,
    SequenceAbortRequested,
    SequenceEvent,
    SequencesForgotten,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
)
from sequencectl.facts import Control
from sequencectl.sequence import EndedSequence, LiveSequence, SequenceRecord


@final
@attrs.frozen
class Pause:
    """A paused scope of a context, all of it or one `stage`; who paused it, why, when (R18)."""

    stage: str | None
    control: Control
    at: datetime

    def covers(self, stage: str) -> bool:
        """Whether a sequence of the context in `stage` is paused by it."""
        return self.stage is None or self.stage == stage


@final
@attrs.frozen
class ContextRecord:
    """What a project knows of a context besides its sequences.

    `resumed` is the scope of the last resume as long as no task in it has been over since: a
    delivery is called resumed until then (R32).
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
    """A frozen stage: who froze it, why, when (R7)."""

    control: Control
    at: datetime


@final
@attrs.frozen
class Remembered:
    """What stays of a forgotten sequence: enough to tell a repeat from a conflict (R8)."""

    context: str
    stage: str
    sequence: str
    service: str
    number: tuple[int, int]


@final
@attrs.frozen(weakref_slot=False)
class Ledger:
    """What a project counts: number and instant of its last event, and the last requests."""

    serial: int = 0
    at: datetime | None = None
    request_ids: tuple[str, ...] = ()


_NO_CONTEXT: Final = ContextRecord()
_NOBODY: Final = Control()
_FAR_REACHING: Final = frozenset({TaskFinished, SequenceAbortRequested, *get_args(Ending)})
"""The events about a sequence that change more than its record."""


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
        return self._records.get(sequence_id)

    def live(self, sequence_id: str) -> LiveSequence | None:
        """Return the record of a live sequence; None if there is none."""
        record = self._records.get(sequence_id)
        return record if isinstance(record, LiveSequence) else None

    def of_context(self, context: str) -> tuple[SequenceRecord, ...]:
        """Return the sequences of a context in the order of their acceptance."""
        members = self.index.members(context)
        entries = sorted((*members.live, *members.ended))
        return tuple(self._records[sequence_id] for _, sequence_id in entries)

    def live_of_context(self, context: str) -> tuple[LiveSequence, ...]:
        """Return the live sequences of a context in the order of their acceptance."""
        found = (self.live(sequence_id) for _, sequence_id in self.index.members(context).live)
        return tuple(record for record in found if record is not None)

    def context(self, context: str) -> ContextRecord:
        """Return the pauses of a context; none for one that nobody knows."""
        return self._contexts.get(context, _NO_CONTEXT)

    def pause_of(self, context: str, stage: str) -> Pause | None:
        """Return the pause that covers a context in a stage (R18)."""
        return self.context(context).pause_over(stage)

    def freeze_of(self, stage: str) -> Freeze | None:
        """Return the freeze of a stage (R7)."""
        return self._freezes.get(stage)

    def line(self, lane: str) -> tuple[str, ...]:
        """Return the ids of those in line for a lane, held ones at their place, in order (R2)."""
        return self.index.queue(lane).line

    def holders(self, lane: str) -> tuple[str, ...]:
        """Return the ids of those that hold a lane (R5)."""
        return self.index.queue(lane).holders

    def remembered(self, sequence_id: str) -> Remembered | None:
        """Return what stays of a forgotten sequence (R8)."""
        return self._remembered.get(sequence_id)

    @property
    def remembered_count(self) -> int:
        """How many forgotten sequences are remembered (R33)."""
        return len(self._remembered)

    def oldest_remembered(self, count: int) -> tuple[str, ...]:
        """Return the ids that were remembered first, `count` of them at most."""
        order = iter(self._remembered_order)
        return tuple(entry[1] for _, entry in zip(range(count), order, strict=False))

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


_scratch: Final = scratch_of(ProjectState)
_ledger: Final = maker_of(Ledger)


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
    kept, known = tuple(records), remembered or {}
    return ProjectState(
        project,
        ledger,
        Map((record.sequence_id, record) for record in kept),
        Map(contexts or {}),
        Map(freezes or {}),
        Map(known),
        index_of(kept),
        OrderedSet((each.number, sequence_id) for sequence_id, each in known.items()),
    )


def evolve(state: ProjectState, event: Event) -> ProjectState:
    """Return the state after `event`, which must be the next one of its project.

    Raises `ReplayError` or `IllegalTransition` if it does not follow `state`; then nothing changed.
    """
    if not isinstance(event, Event):
        raise InvalidValue("event", event, "must be one of the events of sequencectl")
    if event.subject.project != state.project or event.serial != state.serial + 1:
        expected = f"event {state.serial + 1} of project {state.project!r}"
        raise ReplayError(f"expected {expected}, got {event.serial} of {event.subject.project!r}")
    if not isinstance(event, ProjectEvent):
        before = state._records.get(event.subject.sequence_id)
        return advanced(state, (event,), ((before, fold(before, event)),))
    ledger = _ledger(event.serial, event.at, state.ledger.request_ids)
    match event:
        case ContextPaused():
            return _with_context(state, ledger, event, _paused(state, event))
        case ContextResumed():
            return _with_context(state, ledger, event, _resumed(state, event))
        case StageFrozen():
            freezes = state._freezes.insert(event.subject.stage, Freeze(event.control, event.at))
            return _advanced(state, _noted(ledger, event.control), freezes=freezes)
        case StageUnfrozen():
            if event.subject.stage not in state._freezes:
                raise ReplayError(f"stage {event.subject.stage!r} is not frozen")
            freezes = state._freezes.remove(event.subject.stage)
            return _advanced(state, _noted(ledger, event.control), freezes=freezes)
        case FollowUpRefused():
            return _advanced(state, ledger)
        case SequencesForgotten():
            return _forgotten(state, ledger, event)
        case _:
            assert_never(event)


def advanced(
    state: ProjectState,
    events: Sequence[SequenceEvent],
    changes: Iterable[tuple[SequenceRecord | None, SequenceRecord]],
) -> ProjectState:
    """Return the state after `events` in a row, each about a sequence, folded into `changes`.

    A change is a record as it is in `state`, None if it is not, and as these events leave it. One
    event after the other or all at once: what comes of it is the same.
    """
    ledger, contexts = (
        Ledger(events[-1].serial, events[-1].at, state.ledger.request_ids),
        state._contexts,
    )
    for event in events:
        if type(event) in _FAR_REACHING:
            ledger = _noted(ledger, _control_of(event))
            contexts = _settled(contexts, event)
    records, index = state._records, state.index
    for before, after in changes:
        records = records.insert(after.subject.sequence_id, after)
        index = index.replaced(before, after)
    new = _scratch(state)
    new.ledger, new._records, new._contexts, new.index = ledger, records, contexts, index
    new.__class__ = ProjectState
    made: ProjectState = new
    return made


def _advanced(
    state: ProjectState,
    ledger: Ledger,
    *,
    records: Map[str, SequenceRecord] | None = None,
    contexts: Map[str, ContextRecord] | None = None,
    freezes: Map[str, Freeze] | None = None,
    remembered: Map[str, Remembered] | None = None,
    index: Index | None = None,
    remembered_order: OrderedSet[tuple[tuple[int, int], str]] | None = None,
) -> ProjectState:
    return ProjectState(
        state.project,
        ledger,
        state._records if records is None else records,
        state._contexts if contexts is None else contexts,
        state._freezes if freezes is None else freezes,
        state._remembered if remembered is None else remembered,
        state.index if index is None else index,
        state._remembered_order if remembered_order is None else remembered_order,
    )


def _noted(ledger: Ledger, control: Control) -> Ledger:
    """Return the ledger that remembers the request of a control (R25)."""
    request_id = control.request_id
    if request_id is None or request_id in ledger.request_ids:
        return ledger
    ids = (*ledger.request_ids, request_id)
    return attrs.evolve(ledger, request_ids=ids[max(len(ids) - control.requests_remembered, 0) :])


def _control_of(event: Event) -> Control:
    """Return the control that an event applies; an abort that only waited was noted before."""
    if isinstance(event, SequenceAborted):
        return event.control if event.cause in {Cause.REQUESTED, Cause.FORCED} else _NOBODY
    return event.control if isinstance(event, SequenceAbortRequested) else _NOBODY


def _with_context(
    state: ProjectState,
    ledger: Ledger,
    event: ContextPaused | ContextResumed,
    record: ContextRecord,
) -> ProjectState:
    context = event.subject.context
    contexts = state._contexts
    if record == _NO_CONTEXT:
        contexts = contexts.discard(context)
    else:
        contexts = contexts.insert(context, record)
    return _advanced(state, _noted(ledger, event.control), contexts=contexts)


def _paused(state: ProjectState, event: ContextPaused) -> ContextRecord:
    before = state.context(event.subject.context)
    pause = Pause(event.subject.stage or None, event.control, event.at)
    return ContextRecord((*before.pauses, pause))


def _resumed(state: ProjectState, event: ContextResumed) -> ContextRecord:
    before, stage = state.context(event.subject.context), event.subject.stage
    kept = tuple(pause for pause in before.pauses if stage and pause.stage != stage)
    if event.cause is Cause.ENDED:
        return ContextRecord(kept)
    return ContextRecord(kept, Pause(stage or None, event.control, event.at))


def _settled(contexts: Map[str, ContextRecord], event: SequenceEvent) -> Map[str, ContextRecord]:
    """Return the contexts, "resumed" no more once a task or a sequence is over (R32)."""
    context = event.subject.context
    record = contexts.get(context)
    if record is None or record.resumed is None or isinstance(event, SequenceAbortRequested):
        return contexts
    if not record.resumed.covers(event.subject.stage):
        return contexts
    if not record.pauses:
        return contexts.remove(context)
    return contexts.insert(context, ContextRecord(record.pauses))


def _forgotten(state: ProjectState, ledger: Ledger, event: SequencesForgotten) -> ProjectState:
    records, contexts, index = state._records, state._contexts, state.index
    remembered, order = state._remembered, state._remembered_order
    for context in event.contexts:
        contexts = contexts.discard(context)
    for position, sequence_id in enumerate(event.sequence_ids):
        record = records.get(sequence_id)
        if not isinstance(record, EndedSequence):
            raise ReplayError(f"{sequence_id!r} has not ended and cannot be forgotten")
        records, index = records.remove(sequence_id), index.replaced(record, None)
        number = (event.serial, position)
        known = Remembered(record.context, record.stage, record.name, record.service, number)
        remembered, order = remembered.insert(sequence_id, known), order.add((number, sequence_id))
    for sequence_id in event.released:
        if sequence_id not in remembered:
            raise ReplayError(f"{sequence_id!r} is not remembered and cannot be released")
        known = remembered[sequence_id]
        remembered, order = (
            remembered.remove(sequence_id),
            order.remove((known.number, sequence_id)),
        )
    return _advanced(
        state,
        ledger,
        records=records,
        contexts=contexts,
        remembered=remembered,
        index=index,
        remembered_order=order,
    )
