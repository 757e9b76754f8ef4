"""The controllers: they hold the host protocol over a host's ports, one for sync, one for async.

A host embeds a controller if it does not want to write the loop itself. A controller keeps a
bounded number of states it has seen, and the instant to come back at; all else is in the store. So
any number of processes may work on one store, each with a controller of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import Any, Final, TypeVar, assert_never, final

from sequencectl import _protocol
from sequencectl._protocol import (
    Acknowledge,
    AcknowledgeMany,
    Call,
    Checked,
    Commit,
    CommitMany,
    Conversation,
    Emit,
    Handled,
    Hosting,
    Load,
    LoadMany,
    Now,
    Pending,
    PendingMany,
    ReadAgenda,
    Relayed,
    Reply,
    TakeTurn,
)
from sequencectl._scalars import checked_instant
from sequencectl._turns import Turn
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane
from sequencectl.durations import parse_duration
from sequencectl.errors import DurationError, InvalidValue
from sequencectl.outcomes import Outcome
from sequencectl.policies import LONGEST_TIMEOUT
from sequencectl.ports import AsyncEventSink, AsyncStore, Clock, EventSink, Store
from sequencectl.state import ProjectState
from sequencectl.views import DeliveryView, Explanation, OpenTask

T = TypeVar("T")

Planes = ControlPlane | Callable[[str], ControlPlane]
"""One plane for all projects, or a function of the project that raises `UnknownProject`."""

_OF_A_STORE: Final = ("load", "commit", "pending", "acknowledge", "agenda")
_OF_MANY: Final = ("load_many", "commit_many", "pending_many", "acknowledge_many")
_AT_ONCE: Final = 20
"""So many projects are checked or published in one turn, if the store can; others wait for it."""


@final
class SequenceController:
    """Decides commands, commits and publishes what they lead to, and acts on deadlines.

    `planes` is one `ControlPlane`, or a function of the project. No deadline is checked before
    `settle` has passed since the start (R31). `attempts` bounds how often a command is decided anew
    after a conflict, before `Contention`. `known` is how many projects' states are kept.
    `retry_after` is how soon to come back where something failed. Durations are a `timedelta` or a
    text such as ``"3m"``. Raises `InvalidValue` for an argument that is wrong, a store or sink with
    async methods among them.

    `handle`, `check_deadlines` and `relay` return in `arm` when to come back, for all projects
    together: set one timer to it, in place of the one before, and call `check_deadlines` when it
    rings. To come too early does no harm.

    Several threads may use one controller, if its ports permit that. They work on a project one at
    a time, in the order in which they came, from the decision until its events are published. A
    port that calls one of these methods again gets `ReentrantCall`; questions are permitted. Where
    the store is a `BatchStore`, a check or a relay works on several projects in one transaction.
    """

    def __init__(
        self,
        planes: Planes,
        *,
        store: Store,
        clock: Clock,
        sink: EventSink,
        settle: timedelta | str = "3m",
        attempts: int = 10,
        known: int = 1_000,
        retry_after: timedelta | str = "5s",
    ) -> None:
        self._hosting = _hosting(
            planes, store, clock,
            settle=settle, attempts=attempts, known=known, retry_after=retry_after,
        )  # fmt: skip
        take_turn = self._hosting.turns.take
        self._ports = _Ports(store, clock, sink, take_turn, may_await=False)

    def handle(self, project: str, command: Command) -> Handled:
        """Decide a command, commit the decision, and publish what is unsent.

        Acknowledge the inbound message when this returns, or when it raises `CommandRejected`.
        Raises `Contention`, `UnknownProject`, or the store's own error: then send the command
        again.
        """
        return self._drive(_protocol.handle(self._hosting, project, command))

    def handle_many(
        self, project: str, commands: Sequence[Command]
    ) -> tuple[Handled | Exception, ...]:
        """Decide commands one after another, commit all at once, and publish what is unsent.

        Return for each what `handle` would have returned, or the error that it would have raised:
        that command alone changed nothing. All wait for one commit, which is what a command mostly
        costs, and no answer is known before it. Raises `Contention`, `UnknownProject`, or the
        store's own error: then send all of them again.
        """
        return self._drive(_protocol.handle_many(self._hosting, project, _checked(commands)))

    def check_deadlines(self) -> Checked:
        """Publish what is unsent, then act on every deadline that has passed, in every project."""
        return self._drive(_protocol.check_deadlines(self._hosting))

    def relay(self) -> Relayed:
        """Publish everything that is committed and unsent, in every project."""
        return self._drive(_protocol.relay(self._hosting))

    def state(self, project: str) -> ProjectState:
        """Return the newest state of a project, for questions to its plane."""
        return self._drive(_protocol.load(self._hosting, project))

    def explain(self, project: str, sequence_id: str) -> Explanation:
        """Return how a sequence stands and why; raise `UnknownSequence` (R32)."""
        return self._hosting.plane_of(project).explain(self.state(project), sequence_id)

    def delivery(self, project: str, context: str) -> DeliveryView:
        """Return how a delivery stands across stages; raise `UnknownContext` (R32)."""
        return self._hosting.plane_of(project).delivery(self.state(project), context)

    def open_tasks(self, project: str) -> tuple[OpenTask, ...]:
        """Return the tasks in flight, by trigger, for executors that poll."""
        return self._hosting.plane_of(project).open_tasks(self.state(project))

    def permitted(
        self, project: str, sequence_id: str, *, actor: str = ""
    ) -> Mapping[str, Outcome]:
        """Return what each control of a sequence would get now; see `ControlPlane.permitted`."""
        plane = self._hosting.plane_of(project)
        return plane.permitted(self.state(project), sequence_id, actor=actor)

    def _drive(self, conversation: Conversation[T]) -> T:
        with closing(conversation):
            try:
                call = next(conversation)
                while True:
                    try:
                        reply = _checked_reply(call, self._ports.make(call))
                    except BaseException as error:  # noqa: BLE001 - the conversation decides about it
                        call = conversation.throw(error)
                    else:
                        call = conversation.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result


@final
class AsyncSequenceController:
    """`SequenceController` for hosts that await: the same protocol, arguments and answers.

    It is made for one asyncio loop. Its store and its sink may await, each by itself: a `Store` or
    an `EventSink` will do, as long as the loop can wait for it. Its clock does not await. Tasks
    take turns as threads do, and a cancelled task gives its turn back.
    """

    def __init__(
        self,
        planes: Planes,
        *,
        store: Store | AsyncStore,
        clock: Clock,
        sink: EventSink | AsyncEventSink,
        settle: timedelta | str = "3m",
        attempts: int = 10,
        known: int = 1_000,
        retry_after: timedelta | str = "5s",
    ) -> None:
        self._hosting = _hosting(
            planes, store, clock,
            settle=settle, attempts=attempts, known=known, retry_after=retry_after,
        )  # fmt: skip
        take_turn = self._hosting.turns.take_awaiting
        self._ports = _Ports(store, clock, sink, take_turn, may_await=True)

    async def handle(self, project: str, command: Command) -> Handled:
        """Decide a command, commit the decision, and publish what is unsent."""
        return await self._drive(_protocol.handle(self._hosting, project, command))

    async def handle_many(
        self, project: str, commands: Sequence[Command]
    ) -> tuple[Handled | Exception, ...]:
        """Decide commands one after another, commit all at once, and publish what is unsent."""
        return await self._drive(_protocol.handle_many(self._hosting, project, _checked(commands)))

    async def check_deadlines(self) -> Checked:
        """Publish what is unsent, then act on every deadline that has passed, in every project."""
        return await self._drive(_protocol.check_deadlines(self._hosting))

    async def relay(self) -> Relayed:
        """Publish everything that is committed and unsent, in every project."""
        return await self._drive(_protocol.relay(self._hosting))

    async def state(self, project: str) -> ProjectState:
        """Return the newest state of a project, for questions to its plane."""
        return await self._drive(_protocol.load(self._hosting, project))

    async def explain(self, project: str, sequence_id: str) -> Explanation:
        """Return how a sequence stands and why; raise `UnknownSequence` (R32)."""
        return self._hosting.plane_of(project).explain(await self.state(project), sequence_id)

    async def delivery(self, project: str, context: str) -> DeliveryView:
        """Return how a delivery stands across stages; raise `UnknownContext` (R32)."""
        return self._hosting.plane_of(project).delivery(await self.state(project), context)

    async def open_tasks(self, project: str) -> tuple[OpenTask, ...]:
        """Return the tasks in flight, by trigger, for executors that poll."""
        return self._hosting.plane_of(project).open_tasks(await self.state(project))

    async def permitted(
        self, project: str, sequence_id: str, *, actor: str = ""
    ) -> Mapping[str, Outcome]:
        """Return what each control of a sequence would get now; see `ControlPlane.permitted`."""
        plane = self._hosting.plane_of(project)
        return plane.permitted(await self.state(project), sequence_id, actor=actor)

    async def _drive(self, conversation: Conversation[T]) -> T:
        with closing(conversation):
            try:
                call = next(conversation)
                while True:
                    try:
                        made = self._ports.make(call)
                        reply = _checked_reply(call, await made if isawaitable(made) else made)
                    except BaseException as error:  # noqa: BLE001 - the conversation decides about it
                        call = conversation.throw(error)
                    else:
                        call = conversation.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result


@final
class _Ports:
    """What a controller calls: its ports, and whatever waits for a turn."""

    def __init__(
        self,
        store: Store | AsyncStore,
        clock: Clock,
        sink: EventSink | AsyncEventSink,
        take_turn: Callable[..., Turn | Awaitable[Turn]],
        *,
        may_await: bool,
    ) -> None:
        _check_port("store", store, _OF_A_STORE, may_await=may_await)
        _check_port("sink", sink, ("emit",), may_await=may_await)
        self._store = store
        self._many: Any = store  # asked only for what it can, see `_hosting`
        self._clock = clock
        self._sink = sink
        self._take_turn = take_turn

    def make(self, call: Call) -> Reply | Awaitable[Reply]:
        """Make a call and return what the port returns."""
        match call:
            case TakeTurn():
                return self._take_turn(*call.projects)
            case Now():
                return self._clock.now()
            case Load():
                return self._store.load(call.project, known=call.known)
            case Commit():
                return self._store.commit(call.decision)
            case Pending():
                return self._store.pending(call.project, limit=call.limit)
            case Emit():
                return self._sink.emit(call.project, call.events)
            case Acknowledge():
                return self._store.acknowledge(call.project, through=call.through)
            case ReadAgenda():
                return self._store.agenda(limit=call.limit)
            case LoadMany():
                return self._many.load_many(call.projects, known=call.known)
            case CommitMany():
                return self._many.commit_many(call.decisions)
            case PendingMany():
                return self._many.pending_many(call.projects, limit=call.limit)
            case AcknowledgeMany():
                return self._many.acknowledge_many(call.through)
            case _:
                assert_never(call)


def _checked_reply(call: Call, reply: Reply | Awaitable[Reply]) -> Reply:
    """Return a reply; raise `InvalidValue` for an awaitable, which would never be awaited."""
    if reply is None or not isawaitable(reply):
        return reply
    if iscoroutine(reply):
        reply.close()
    where = {Now: "clock", Emit: "sink"}.get(type(call), "store")
    raise InvalidValue(where, reply, "must not return what is still to be awaited")


def _check_port(where: str, port: object, methods: tuple[str, ...], *, may_await: bool) -> None:
    if isinstance(port, type):
        raise InvalidValue(where, port, "must be an instance, not a class")
    for name in methods:
        method = getattr(port, name, None)
        if not callable(method):
            raise InvalidValue(where, port, f"must have a method {name}")
        if iscoroutinefunction(method) and not may_await:
            problem = f"must have a method {name} that is not async (see AsyncSequenceController)"
            raise InvalidValue(where, port, problem)


def _hosting(
    planes: Planes,
    store: object,
    clock: Clock,
    *,
    settle: timedelta | str,
    attempts: int,
    known: int,
    retry_after: timedelta | str,
) -> Hosting:
    _check_port("clock", clock, ("now",), may_await=False)
    settle = _duration("settle", settle)
    retry_after = _duration("retry_after", retry_after)
    if not retry_after:
        raise InvalidValue("retry_after", retry_after, "must be more than zero")
    return Hosting.of(
        _plane_of(planes),
        attempts=_whole("attempts", attempts, at_least=1),
        settled_at=checked_instant(clock.now()) + settle,
        retry_after=retry_after,
        known=_whole("known", known, at_least=0),
        at_once=_AT_ONCE if all(callable(getattr(store, name, None)) for name in _OF_MANY) else 1,
    )


def _checked(commands: Sequence[Command]) -> tuple[Command, ...]:
    given: object = commands
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise InvalidValue("commands", given, "must be a sequence of commands")
    return tuple(commands)


def _plane_of(planes: Planes) -> Callable[[str], ControlPlane]:
    if isinstance(planes, ControlPlane):
        return lambda _project: planes
    if not callable(planes):
        raise InvalidValue("planes", planes, "must be a ControlPlane or a function of the project")

    def plane_of(project: str) -> ControlPlane:
        plane = planes(project)
        if not isinstance(plane, ControlPlane):
            raise InvalidValue(
                "planes", plane, "must return a ControlPlane or raise UnknownProject"
            )
        return plane

    return plane_of


def _duration(where: str, value: timedelta | str) -> timedelta:
    try:
        duration: object = parse_duration(value) if isinstance(value, str) else value
    except DurationError as error:
        raise InvalidValue(where, value, error.problem) from None
    if not isinstance(duration, timedelta):
        raise InvalidValue(where, value, "must be a timedelta or a text such as '3m'")
    if not timedelta(0) <= duration <= LONGEST_TIMEOUT:
        problem = f"must be from zero to {LONGEST_TIMEOUT.days} days"
        raise InvalidValue(where, value, problem)
    return duration


def _whole(where: str, value: int, *, at_least: int) -> int:
    if type(value) is not int or value < at_least:
        raise InvalidValue(where, value, f"must be an int of at least {at_least}")
    return value
