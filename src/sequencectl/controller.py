"""The controllers: thin drivers of the host protocol over a host's ports, sync and async.

A controller is what a host embeds when it does not want to write the loop itself. It keeps nothing
but a bounded number of states it has seen, so any number of replicas may work on one store. It is
not made for several threads at once: give each its own, or take turns; commands of one project are
best taken in turn anyway (duty 9).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar, assert_never, final

from sequencectl import _protocol
from sequencectl._protocol import (
    Acknowledge,
    Call,
    Checked,
    Commit,
    Conversation,
    Emit,
    Handled,
    Hosting,
    KnownStates,
    Load,
    Now,
    Pending,
    ReadAgenda,
    Relayed,
    Reply,
)
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import InvalidValue
from sequencectl.ports import AsyncEventSink, AsyncStore, Clock, EventSink, Store
from sequencectl.state import ProjectState
from sequencectl.views import Explanation

T = TypeVar("T")

_SETTLE: Final = timedelta(minutes=3)
_RETRY: Final = timedelta(seconds=5)

Planes = ControlPlane | Callable[[str], ControlPlane]
"""One plane for all projects, or a function of the project that raises `UnknownProject`."""


@final
class SequenceController:
    """Drives decisions over a store, a clock and a sink.

    `planes` is one `ControlPlane` or a function of the project. `settle` is how long after the
    start nothing is checked (R31). `attempts` bounds how often a conflict is retried before
    `Contention`, `known` how many projects' states are kept, `retry_after` when to come back where
    something failed. Each of `handle`, `check_deadlines` and `relay` returns in `arm` the instant
    to come back at.
    """

    def __init__(
        self,
        planes: Planes,
        *,
        store: Store,
        clock: Clock,
        sink: EventSink,
        settle: timedelta = _SETTLE,
        attempts: int = 10,
        known: int = 1_000,
        retry_after: timedelta = _RETRY,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sink = sink
        self._hosting = _hosting(planes, settle, attempts, known, retry_after)
        self._started_at = clock.now()

    def handle(self, project: str, command: Command) -> Handled:
        """Decide a command, commit what it leads to, publish what waits.

        Acknowledge the inbound message when this returns, or when it raises `CommandRejected`.
        Raises `Contention`, `UnknownProject`, or the store's own error: then send the command
        again.
        """
        return self._drive(_protocol.handle(self._hosting, project, command))

    def check_deadlines(self) -> Checked:
        """Publish what is unsent, then act on all that is due, in every project (R29, R31)."""
        return self._drive(_protocol.check_deadlines(self._hosting, self._started_at))

    def relay(self) -> Relayed:
        """Publish everything that is committed and unsent."""
        return self._drive(_protocol.relay(self._hosting))

    def state(self, project: str) -> ProjectState:
        """Return the newest state of a project, for questions to its plane."""
        return self._drive(_protocol.load(self._hosting, project))

    def explain(self, project: str, sequence_id: str) -> Explanation:
        """Return how a sequence stands and why; raise `UnknownSequence` (R32)."""
        return self._hosting.plane_of(project).explain(self.state(project), sequence_id)

    def _drive(self, conversation: Conversation[T]) -> T:
        try:
            call = next(conversation)
            while True:
                try:
                    reply = self._made(call)
                except BaseException as error:  # noqa: BLE001 - the conversation decides about it
                    call = conversation.throw(error)
                else:
                    call = conversation.send(reply)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _made(self, call: Call) -> Reply:
        match call:
            case Now():
                return self._clock.now()
            case Load():
                return self._store.load(call.project, known=call.known)
            case Commit():
                self._store.commit(call.decision)
            case Pending():
                return self._store.pending(call.project, limit=call.limit)
            case Emit():
                self._sink.emit(call.project, call.events)
            case Acknowledge():
                self._store.acknowledge(call.project, through=call.through)
            case ReadAgenda():
                return self._store.agenda(limit=call.limit)
            case _:
                assert_never(call)
        return None


@final
class AsyncSequenceController:
    """`SequenceController` for hosts that await: the same protocol, arguments and answers."""

    def __init__(
        self,
        planes: Planes,
        *,
        store: AsyncStore,
        clock: Clock,
        sink: AsyncEventSink,
        settle: timedelta = _SETTLE,
        attempts: int = 10,
        known: int = 1_000,
        retry_after: timedelta = _RETRY,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sink = sink
        self._hosting = _hosting(planes, settle, attempts, known, retry_after)
        self._started_at = clock.now()

    async def handle(self, project: str, command: Command) -> Handled:
        """Decide a command, commit what it leads to, publish what waits."""
        return await self._drive(_protocol.handle(self._hosting, project, command))

    async def check_deadlines(self) -> Checked:
        """Publish what is unsent, then act on all that is due, in every project (R29, R31)."""
        return await self._drive(_protocol.check_deadlines(self._hosting, self._started_at))

    async def relay(self) -> Relayed:
        """Publish everything that is committed and unsent."""
        return await self._drive(_protocol.relay(self._hosting))

    async def state(self, project: str) -> ProjectState:
        """Return the newest state of a project, for questions to its plane."""
        return await self._drive(_protocol.load(self._hosting, project))

    async def explain(self, project: str, sequence_id: str) -> Explanation:
        """Return how a sequence stands and why; raise `UnknownSequence` (R32)."""
        return self._hosting.plane_of(project).explain(await self.state(project), sequence_id)

    async def _drive(self, conversation: Conversation[T]) -> T:
        try:
            call = next(conversation)
            while True:
                try:
                    reply = await self._made(call)
                except BaseException as error:  # noqa: BLE001 - the conversation decides about it
                    call = conversation.throw(error)
                else:
                    call = conversation.send(reply)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _made(self, call: Call) -> Reply:
        match call:
            case Now():
                return self._clock.now()
            case Load():
                return await self._store.load(call.project, known=call.known)
            case Commit():
                await self._store.commit(call.decision)
            case Pending():
                return await self._store.pending(call.project, limit=call.limit)
            case Emit():
                await self._sink.emit(call.project, call.events)
            case Acknowledge():
                await self._store.acknowledge(call.project, through=call.through)
            case ReadAgenda():
                return await self._store.agenda(limit=call.limit)
            case _:
                assert_never(call)
        return None


def _hosting(
    planes: Planes, settle: timedelta, attempts: int, known: int, retry_after: timedelta
) -> Hosting:
    if settle < timedelta(0):
        raise InvalidValue("settle", settle, "must not be negative")
    if attempts < 1:
        raise InvalidValue("attempts", attempts, "must be at least 1")
    if known < 0:
        raise InvalidValue("known", known, "must not be negative")
    if retry_after <= timedelta(0):
        raise InvalidValue("retry_after", retry_after, "must be positive")
    plane_of = (lambda _project: planes) if isinstance(planes, ControlPlane) else planes
    return Hosting(plane_of, KnownStates(known), attempts, settle, retry_after)
