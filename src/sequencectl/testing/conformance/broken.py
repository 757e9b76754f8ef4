"""Adapters that break one promise each. They show that the checks can fail.

Without a flaw they are sound. A `Disk` keeps stores in memory by place, also while they are closed,
and it can be full. An `AsyncDiskStore` is a store on a disk for hosts that await. A `Topic` is a
sink that can be down.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from threading import Barrier, BrokenBarrierError, Lock, current_thread, main_thread
from threading import Event as Signal
from typing import Any, Final, TypeVar, cast, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.events import Event
from sequencectl.ports import Appointment, Clock
from sequencectl.state import ProjectState, initial
from sequencectl.testing.conformance.trial import ALL, Fault, StoreCapabilities, does_batches
from sequencectl.testing.fakes import InMemoryStore

T = TypeVar("T")
_State = ProjectState | None
_Agenda = Sequence[Appointment]
_NEW: Final = initial("p").index


@final
class _Place:
    """The content of a `Disk` at one place, shared by all stores that are open there."""

    def __init__(self) -> None:
        self.kept = InMemoryStore()
        self.lock = Lock()
        self.locks: dict[str, Lock] = {}
        self.lockers = Barrier(4)
        self.is_full = False
        self.is_full_for = ""
        """Projects whose names begin like this find no space."""
        self.first_deadlines: dict[str, datetime | None] = {}
        self.acknowledged: dict[str, int] = {}
        self.rivals = Barrier(2)
        self.was_read = Signal()

    def commit(self, decision: Decision) -> bool:
        with self.lock:
            self.check_space(decision)
            return self.kept.commit(decision)

    def write(self, decision: Decision) -> None:
        self.kept._states[decision.project] = decision.state
        self.kept._outboxes.setdefault(decision.project, []).extend(decision.events)

    def check_space(self, *decisions: Decision) -> None:
        for decision in decisions:
            if self.is_full and decision.project.startswith(self.is_full_for):
                raise OSError("no space left on device")


@final
@attrs.frozen(kw_only=True)
class Flaw:
    """How a store differs from a sound one."""

    opened: Callable[[_Place], None] = lambda _place: None
    commit: Callable[[_Place, Decision], bool | None] = _Place.commit
    answer: Callable[[_Place, Decision, bool | None], bool | None] = lambda _, _its, told: told
    loaded: Callable[[_State, _State, _State], _State] = lambda stored, _known, _own: stored
    outbox: Callable[[str], str] = str
    head: Callable[[Sequence[Event], int], Sequence[Event]] = lambda events, limit: events[:limit]
    through: Callable[[int], int] = int
    listed: Callable[[_Place, _Agenda], _Agenda] = lambda _place, entries: entries


class DiskStore:
    """A store on a `Disk`."""

    def __init__(self, place: _Place, flaw: Flaw) -> None:
        self._place = place
        self._flaw = flaw
        self._own: dict[str, ProjectState] = {}
        flaw.opened(place)

    def load(self, project: str, *, known: _State = None) -> _State:
        """Return the newest state."""
        self._place.was_read.set()
        return self._flaw.loaded(self._place.kept.load(project), known, self._own.get(project))

    def commit(self, decision: Decision) -> bool | None:
        """Keep state and events, or raise `Conflict`."""
        answer = self._flaw.commit(self._place, decision)
        self._own[decision.project] = decision.state
        self._place.first_deadlines.setdefault(decision.project, decision.next_deadline)
        return self._flaw.answer(self._place, decision, answer)

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest events that were not acknowledged."""
        events = self._place.kept.pending(self._flaw.outbox(project), limit=ALL)
        return self._flaw.head(events, limit)

    def acknowledge(self, project: str, *, through: int) -> None:
        """Drop pending events."""
        self._place.kept.acknowledge(project, through=self._flaw.through(through))
        self._place.acknowledged[project] = max(through, self._place.acknowledged.get(project, 0))

    def agenda(self, *, limit: int) -> _Agenda:
        """Return which projects need attention."""
        return self._flaw.listed(self._place, self._place.kept.agenda(limit=ALL))[:limit]


@final
class Disk:
    """Opens stores in memory by place, with all of `StoreCapabilities` but `batches`.

    Stores of the kind `BatchDiskStore`, or a broken one of that, have that as well.
    """

    def __init__(self, flaw: Flaw | None = None, kind: type[DiskStore] = DiskStore) -> None:
        self._flaw = flaw or Flaw()
        self._kind = kind
        self._places: dict[str, _Place] = {}
        for_one = partial(self.full, project="q")
        faults: dict[str, Fault] = {"disk full": self.full, "full for one": for_one}
        self.capabilities = StoreCapabilities(True, True, True, faults, does_batches(kind))

    def open(self, place: str) -> DiskStore:
        """Open the store at a place; a new place is empty."""
        return self._kind(self._places.setdefault(place, _Place()), self._flaw)

    @contextmanager
    def full(self, place: str, project: str = "") -> Iterator[None]:
        """Make commits at this place fail while the context is entered.

        Only those of projects whose names begin with `project` do.
        """
        found = self._places[place]
        found.is_full, found.is_full_for = True, project
        yield
        found.is_full = False


def _keep_events_of_conflicts(place: _Place, decision: Decision) -> bool:
    try:
        return place.commit(decision)
    except Conflict:
        place.kept._outboxes.setdefault(decision.project, []).extend(decision.events)
        raise


def _commit_two_halves(place: _Place, decision: Decision) -> None:
    place.kept.commit(attrs.evolve(decision, events=()))
    place.check_space(decision)
    place.write(decision)


def _swallow_errors(place: _Place, decision: Decision) -> None:
    with suppress(OSError):
        place.commit(decision)


def _acknowledge_ahead(place: _Place, decision: Decision) -> None:
    place.commit(decision)
    through = place.acknowledged.get(decision.project, 0)
    place.kept.acknowledge(decision.project, through=through)


def _check_then_write(place: _Place, decision: Decision) -> None:
    stored = place.kept.load(decision.project)
    place.check_space(decision)
    if decision.base != (stored.serial if stored else 0):
        raise Conflict(decision.project, base=decision.base)
    if current_thread() is not main_thread():
        with suppress(BrokenBarrierError):
            place.rivals.wait(timeout=1)  # for a rival that has checked as well
    place.write(decision)


def _show_half(place: _Place, decision: Decision) -> None:
    half = attrs.evolve(decision.before, ledger=decision.state.ledger)
    place.commit(attrs.evolve(decision, state=half))
    if current_thread() is not main_thread():
        place.was_read.clear()
        place.was_read.wait(timeout=0.01)  # for a reader
    place.kept._states[decision.project] = decision.state


def _without_microseconds(state: _State) -> _State:
    if state is None or state.ledger.at is None:
        return state
    at = state.ledger.at.replace(microsecond=0)
    return attrs.evolve(state, ledger=attrs.evolve(state.ledger, at=at))


def _with_old_deadlines(place: _Place, them: _Agenda) -> _Agenda:
    first = place.first_deadlines
    return [attrs.evolve(each, at=each.at and first[each.project]) for each in them]


BROKEN_STORES: Final[Mapping[str, Flaw]] = {
    "an absent project is an initial one": Flaw(loaded=lambda it, _known, _own: it or initial("p")),
    "instants lose their microseconds": Flaw(loaded=lambda it, *_: _without_microseconds(it)),
    "the index is stale": Flaw(loaded=lambda it, *_: it and attrs.evolve(it, index=_NEW)),
    "known is trusted": Flaw(loaded=lambda it, known, _own: it and (known or it)),
    "an instance has a cache of its own": Flaw(loaded=lambda it, _known, own: own or it),
    "no serial is checked": Flaw(commit=_Place.write),
    "events stay after a conflict": Flaw(commit=_keep_events_of_conflicts),
    "a commit has two halves": Flaw(commit=_commit_two_halves),
    "errors are swallowed": Flaw(commit=_swallow_errors),
    "a rival may write after the check": Flaw(commit=_check_then_write),
    "half a commit can be read": Flaw(commit=_show_half),
    "what comes later is acknowledged": Flaw(commit=_acknowledge_ahead),
    "every outbox was empty": Flaw(answer=lambda *_: True),
    "an outbox read in part was empty": Flaw(
        answer=lambda place, its, _: its.project in place.acknowledged
    ),
    "a commit returns a number": Flaw(answer=lambda _, its, _told: cast("bool", len(its.events))),
    "all is acknowledged": Flaw(through=lambda through: through and ALL),
    "nothing is acknowledged": Flaw(through=lambda _through: 0),
    "the newest event is first": Flaw(head=lambda events, limit: events[::-1][:limit]),
    "the outbox is cut": Flaw(head=lambda events, limit: events[: min(limit, 256)]),
    "the limit is ignored": Flaw(head=lambda events, _limit: events),
    "projects are mixed": Flaw(outbox=str.strip),
    "a restart loses the outbox": Flaw(opened=lambda place: place.kept._outboxes.clear()),
    "the agenda has nothing unsent": Flaw(
        listed=lambda _, them: [each for each in them if each.at]
    ),
    "the agenda is sorted by name": Flaw(
        listed=lambda _, them: sorted(them, key=lambda each: (bool(each.at), each.project))
    ),
    "the agenda keeps old deadlines": Flaw(listed=_with_old_deadlines),
}
"""Flaws for the stores of a `Disk`, by what is wrong."""


@final
class Topic:
    """A sink in memory. Give it one of `BROKEN_SINKS` and it is broken."""

    def __init__(self, emit: Callable[[Topic, Sequence[Event]], None] | None = None) -> None:
        self._emit = emit or Topic.publish
        self.events: list[Event] = []
        self.is_down = False

    def emit(self, _project: str, events: Sequence[Event]) -> None:
        """Publish the events in their order."""
        self._emit(self, events)

    def publish(self, events: Sequence[Event]) -> None:
        """Publish the events; while down, publish the first one and raise `OSError`."""
        self.events.extend(events[:1] if self.is_down else events)
        if self.is_down:
            raise OSError("no route to host")

    def received(self, project: str) -> Sequence[Event]:
        """Return the published events of a project, repeats included."""
        return [event for event in self.events if event.subject.project == project]

    @contextmanager
    def down(self) -> Iterator[None]:
        """Make the sink unreachable while the context is entered."""
        self.is_down = True
        yield
        self.is_down = False


def _drop_batches_with_repeats(topic: Topic, events: Sequence[Event]) -> None:
    topic.publish(() if set(events) & set(topic.events) else events)


def _tell_repeats_by_serial(topic: Topic, events: Sequence[Event]) -> None:
    known = {event.serial for event in topic.events}
    topic.publish([event for event in events if event.serial not in known])


def _swallow(topic: Topic, events: Sequence[Event]) -> None:
    with suppress(OSError):
        topic.publish(events)


def _go_on_after_an_error(topic: Topic, events: Sequence[Event]) -> None:
    topic.events.extend(events[1:] if topic.is_down else ())
    topic.publish(() if topic.is_down else events)


BROKEN_SINKS: Final[Mapping[str, Callable[[Topic, Sequence[Event]], None]]] = {
    "events are reordered": lambda topic, events: topic.publish(events[::-1]),
    "what comes with a repeat is dropped": _drop_batches_with_repeats,
    "repeats are told by serial alone": _tell_repeats_by_serial,
    "errors are swallowed": _swallow,
    "it goes on after an error": _go_on_after_an_error,
}
"""Ways to emit for a `Topic`, by what is wrong with them."""


@final
@attrs.frozen
class _Stopped:
    """A clock that shows what it was given, right or wrong."""

    shown: datetime

    def now(self) -> datetime:
        return self.shown


_CET: Final = timezone(timedelta(hours=1))
BROKEN_CLOCKS: Final[Mapping[str, Callable[[], Clock]]] = {
    "it is naive": lambda: _Stopped(datetime(2026, 1, 1, 9)),  # noqa: DTZ001 - the flaw
    "it shows local time": lambda: _Stopped(datetime(2026, 1, 1, 9, tzinfo=_CET)),
    "it counts seconds": lambda: _Stopped(cast("datetime", 1_767_258_000.0)),
}
"""Broken clocks, by what is wrong."""


class AsyncDiskStore:
    """A store on a `Disk` for hosts that await: each call has an await before and after its work.

    Calls that overlap do not disturb each other; the broken ones of `BROKEN_ASYNC_STORES` do.
    """

    def __init__(self, store: DiskStore) -> None:
        self._store = store

    async def load(self, project: str, *, known: _State = None) -> _State:
        """Return the newest state."""
        return await self._awaited(partial(self._store.load, project, known=known))

    async def commit(self, decision: Decision) -> bool | None:
        """Keep state and events, or raise `Conflict`."""
        return await self._awaited(partial(self._store.commit, decision))

    async def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest events that were not acknowledged."""
        return await self._awaited(partial(self._store.pending, project, limit=limit))

    async def acknowledge(self, project: str, *, through: int) -> None:
        """Drop pending events."""
        await self._awaited(partial(self._store.acknowledge, project, through=through))

    async def agenda(self, *, limit: int) -> _Agenda:
        """Return which projects need attention."""
        return await self._awaited(partial(self._store.agenda, limit=limit))

    async def _awaited(self, work: Callable[[], T]) -> T:
        await sleep(0)
        answer = work()
        await sleep(0)
        return answer


@final
class _OneCursor(AsyncDiskStore):
    _cursor: Any

    async def _awaited(self, work: Callable[[], T]) -> T:
        await sleep(0)
        self._cursor = work()
        await sleep(0)
        return cast("T", self._cursor)


@final
class _OneTransaction(AsyncDiskStore):
    _found: _State

    async def commit(self, decision: Decision) -> None:
        self._found = self._store.load(decision.project)
        await sleep(0)
        if decision.base != (self._found.serial if self._found else 0):
            raise Conflict(decision.project, base=decision.base)
        self._store._place.check_space(decision)
        self._store._place.write(decision)


@final
class _OneSavepoint(AsyncDiskStore):
    _saved: dict[str, ProjectState]

    async def commit(self, decision: Decision) -> bool | None:
        kept = self._store._place.kept
        self._saved = dict(kept._states)
        await sleep(0)
        try:
            return self._store.commit(decision)
        except Conflict:
            kept._states = self._saved
            raise


@final
class _OneCallAtATime(AsyncDiskStore):
    _is_busy = False

    async def _awaited(self, work: Callable[[], T]) -> T:
        if self._is_busy:
            raise RuntimeError("another call is in progress")
        self._is_busy = True
        try:
            return await super()._awaited(work)
        finally:
            self._is_busy = False


BROKEN_ASYNC_STORES: Final[Mapping[str, Callable[[DiskStore], AsyncDiskStore]]] = {
    "a cursor is kept across awaits": _OneCursor,
    "a transaction is kept across awaits": _OneTransaction,
    "a conflict undoes what others wrote": _OneSavepoint,
    "a second call is an error": _OneCallAtATime,
}
"""Async stores that only calls that overlap break, by what is wrong."""
