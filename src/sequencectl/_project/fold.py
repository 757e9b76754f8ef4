"""The fold of events into the state of a project.

`evolve` is total over `Event` and reads nothing but its arguments, so
``state == reduce(evolve, events, initial)`` across policies and versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, assert_never, get_args

from sequencectl._index import Index
from sequencectl._persistent import Map, OrderedSet
from sequencectl._scratch import scratch_of
from sequencectl._sequence.fold import fold
from sequencectl.errors import InvalidValue, ReplayError
from sequencectl.events import (
    Cause,
    ContextPaused,
    ContextResumed,
    Control,
    Ending,
    Event,
    FollowUpRefused,
    ProjectEvent,
    SequenceAborted,
    SequenceAbortRequested,
    SequenceEvent,
    SequencesForgotten,
    SequenceTimedOut,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
    TaskTimedOut,
)
from sequencectl.sequence import EndedSequence, SequenceRecord
from sequencectl.state import ContextRecord, Freeze, Ledger, Pause, ProjectState, Remembered

_NOBODY: Final = Control()
_FAR_REACHING: Final = frozenset(
    {TaskFinished, TaskTimedOut, SequenceAbortRequested, *get_args(Ending)}
)
"""The events about a sequence that change more than its record."""
_scratch: Final = scratch_of(ProjectState)


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
    ledger = Ledger(event.serial, event.at, state.ledger.request_ids)
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
    kept = ids[max(len(ids) - control.requests_remembered, 0) :]
    return Ledger(ledger.serial, ledger.at, kept)


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
    if record == ContextRecord():
        contexts = contexts.discard(context)
    else:
        contexts = contexts.insert(context, record)
    return _advanced(state, _noted(ledger, event.control), contexts=contexts)


def _paused(state: ProjectState, event: ContextPaused) -> ContextRecord:
    before = state.context(event.subject.context)
    pause = Pause(event.subject.stage or None, event.control, event.at)
    resumed = before.resumed
    if resumed is not None and pause.stage in {None, resumed.stage}:
        resumed = None
    return ContextRecord((*before.pauses, pause), resumed)


def _resumed(state: ProjectState, event: ContextResumed) -> ContextRecord:
    before, stage = state.context(event.subject.context), event.subject.stage
    kept = tuple(pause for pause in before.pauses if stage and pause.stage != stage)
    if event.cause is Cause.ENDED:
        return ContextRecord(kept)
    if stage and before.resumed is not None and before.resumed.stage is None:
        return ContextRecord(kept, before.resumed)  # the wider one says it already
    return ContextRecord(kept, Pause(stage or None, event.control, event.at))


def _settled(contexts: Map[str, ContextRecord], event: SequenceEvent) -> Map[str, ContextRecord]:
    """Return the contexts; one is "resumed" no more after a task in that scope is over (R32).

    A task is over when it finishes, when it runs out of time, or when it is abandoned.
    """
    match event:
        case TaskFinished() | TaskTimedOut():
            pass
        case SequenceTimedOut() | SequenceAborted() if event.abandoned_task is not None:
            pass
        case _:
            return contexts
    context = event.subject.context
    record = contexts.get(context)
    if record is None or record.resumed is None:
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
