"""The fold of events into the state of a project.

`evolve` is total over `Event` and reads nothing but its arguments, so
``state == reduce(evolve, events, initial)`` across policies and versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, assert_never, get_args

import sequencectl.events as e
from sequencectl._persistent import Map
from sequencectl._scratch import scratch_of
from sequencectl._sequence.fold import fold
from sequencectl.errors import InvalidValue, ReplayError, check_type
from sequencectl.sequence import EndedSequence, SequenceRecord
from sequencectl.state import ContextRecord, Freeze, Ledger, Pause, ProjectState, Remembered

_NOBODY: Final = e.Control()
_NO_CONTEXT: Final = ContextRecord()
_FAR_REACHING: Final = frozenset(
    {
        e.TaskFinished,
        e.TaskTimedOut,
        e.TaskRetried,
        e.TaskSkipped,
        e.SequenceExempted,
        e.SequenceAbortRequested,
        *get_args(e.Ending),
    }
)
"""The events about a sequence that change more than its record."""
_CONTROLLED: Final = (
    e.SequenceAborted, e.SequenceAbortRequested, e.SequenceExempted, e.TaskRetried, e.TaskSkipped,
    e.ContextPaused, e.ContextResumed, e.StageFrozen, e.StageUnfrozen,
)  # fmt: skip
"""The events that have a control."""
_AT_ONCE: Final = frozenset({e.Cause.REQUESTED, e.Cause.FORCED})
_scratch: Final = scratch_of(ProjectState)


def evolve(state: ProjectState, event: e.Event) -> ProjectState:
    """Return the state after `event`, which must be the next one of its project.

    Raises `ReplayError` or `IllegalTransition` if it does not follow `state`; then nothing changed.
    """
    check_type("state", state, ProjectState)
    if not isinstance(event, e.Event):
        raise InvalidValue("event", event, "must be one of the events of sequencectl")
    if event.subject.project != state.project or event.serial != state.serial + 1:
        expected = f"event {state.serial + 1} of project {state.project!r}"
        raise ReplayError(f"expected {expected}, got {event.serial} of {event.subject.project!r}")
    if not isinstance(event, e.ProjectEvent):
        before = state._records.get(event.subject.sequence_id)
        return advanced(state, (event,), ((before, fold(before, event)),))
    new = _scratch(state)
    request_ids = _remembered(state.ledger.request_ids, _control_of(event))
    new.ledger = Ledger(event.serial, event.at, request_ids)
    match event:
        case e.ContextPaused():
            new._contexts = _with_context(state, event, _paused(state, event))
        case e.ContextResumed():
            new._contexts = _with_context(state, event, _resumed(state, event))
        case e.StageFrozen():
            _freeze(new, event)
        case e.StageUnfrozen():
            stage = event.subject.stage
            known = state._freezes.get(stage)
            if known is None:
                raise ReplayError(f"stage {stage!r} is not frozen")
            new._freezes = state._freezes.remove(stage)
            new.index = state.index.refrozen(stage, known.until, None)
        case e.FollowUpRefused():
            pass
        case e.SequencesForgotten():
            _forget(new, event)
        case _:
            assert_never(event)
    new.__class__ = ProjectState
    made: ProjectState = new
    return made


def advanced(
    state: ProjectState,
    events: Sequence[e.SequenceEvent],
    changes: Iterable[tuple[SequenceRecord | None, SequenceRecord]],
) -> ProjectState:
    """Return the state after `events` in a row, each about a sequence, folded into `changes`.

    A change is a record as it is in `state`, None if it is not, and as these events leave it. One
    event after the other or all at once: what comes of it is the same.
    """
    request_ids, contexts = state.ledger.request_ids, state._contexts
    for event in events:
        if type(event) in _FAR_REACHING:
            request_ids = _remembered(request_ids, _control_of(event))
            contexts = _settled(contexts, event)
    records, index = state._records, state.index
    for before, after in changes:
        records = records.insert(after.subject.sequence_id, after)
        index = index.replaced(before, after)
    new = _scratch(state)
    new.ledger = Ledger(events[-1].serial, events[-1].at, request_ids)
    new._records, new._contexts, new.index = records, contexts, index
    new.__class__ = ProjectState
    made: ProjectState = new
    return made


def _remembered(request_ids: tuple[str, ...], control: e.Control) -> tuple[str, ...]:
    """Return the request ids with that of a control, the last ones that are kept (R25)."""
    if control.request_id is None or control.request_id in request_ids:
        return request_ids
    ids = (*request_ids, control.request_id)
    return ids[max(len(ids) - control.requests_remembered, 0) :]


def _control_of(event: e.Event) -> e.Control:
    """Return the control that an event applies; an abort that only waited was noted before."""
    if isinstance(event, e.TaskFinished) or not isinstance(event, _CONTROLLED):
        return _NOBODY  # the first is by far the most
    if isinstance(event, e.SequenceAborted) and event.cause not in _AT_ONCE:
        return _NOBODY
    return event.control


def _freeze(new: Any, event: e.StageFrozen) -> None:
    """Freeze a stage in a scratch copy; a freeze of the same cause just takes the new end."""
    stage, at = event.subject.stage, event.at
    known = new._freezes.get(stage)
    if known is not None and known.cause is event.cause:
        at = known.at
    freeze = Freeze(event.control, at, event.until, event.cause, event.window)
    new._freezes = new._freezes.insert(stage, freeze)
    new.index = new.index.refrozen(stage, None if known is None else known.until, event.until)


def _with_context(
    state: ProjectState, event: e.ContextPaused | e.ContextResumed, record: ContextRecord
) -> Map[str, ContextRecord]:
    context = event.subject.context
    if record == _NO_CONTEXT:
        return state._contexts.discard(context)
    return state._contexts.insert(context, record)


def _paused(state: ProjectState, event: e.ContextPaused) -> ContextRecord:
    before = state.context(event.subject.context)
    pause = Pause(event.subject.stage or None, event.control, event.at)
    resumed = before.resumed
    if resumed is not None and pause.stage in {None, resumed.stage}:
        resumed = None
    return ContextRecord((*before.pauses, pause), resumed)


def _resumed(state: ProjectState, event: e.ContextResumed) -> ContextRecord:
    before, stage = state.context(event.subject.context), event.subject.stage
    kept = tuple(pause for pause in before.pauses if stage and pause.stage != stage)
    if event.cause is e.Cause.ENDED:
        return ContextRecord(kept)
    if stage and before.resumed is not None and before.resumed.stage is None:
        return ContextRecord(kept, before.resumed)  # the wider one says it already
    return ContextRecord(kept, Pause(stage or None, event.control, event.at))


def _settled(contexts: Map[str, ContextRecord], event: e.SequenceEvent) -> Map[str, ContextRecord]:
    """Return the contexts; one is "resumed" no more after a task in that scope is over (R32).

    A task is over when it finishes, when it runs out of time, or when it is abandoned.
    """
    match event:
        case e.TaskFinished() | e.TaskTimedOut():
            pass
        case e.SequenceTimedOut() | e.SequenceAborted() | e.SequenceSuperseded() if (
            event.abandoned_task is not None
        ):
            pass
        case _:
            return contexts
    context = event.subject.context
    record = contexts.get(context, _NO_CONTEXT)
    if record.resumed is None or not record.resumed.covers(event.subject.stage):
        return contexts
    if not record.pauses:
        return contexts.remove(context)
    return contexts.insert(context, ContextRecord(record.pauses))


def _forget(new: Any, event: e.SequencesForgotten) -> None:
    """Take ended sequences out of a scratch copy, and remember or release their ids (R33)."""
    for context in event.contexts:
        new._contexts = new._contexts.discard(context)
    for position, sequence_id in enumerate(event.sequence_ids):
        record = new._records.get(sequence_id)
        if not isinstance(record, EndedSequence):
            raise ReplayError(f"{sequence_id!r} has not ended and cannot be forgotten")
        number = (event.serial, position)
        known = Remembered(record.context, record.stage, record.name, record.service, number)
        new._records = new._records.remove(sequence_id)
        new.index = new.index.replaced(record, None)
        new._remembered = new._remembered.insert(sequence_id, known)
        new._remembered_order = new._remembered_order.add((number, sequence_id))
    for sequence_id in event.released:
        known = new._remembered.get(sequence_id)
        if known is None:
            raise ReplayError(f"{sequence_id!r} is not remembered and cannot be released")
        new._remembered = new._remembered.remove(sequence_id)
        new._remembered_order = new._remembered_order.remove((known.number, sequence_id))
