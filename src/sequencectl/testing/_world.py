"""A world in memory: replicas that hold the shipped conversation, a store, a bus, executors.

Nothing runs by itself. A driver says what happens next: a replica takes a message or hears its
timer (`take`, `ring`), makes the call its conversation waits at (`step`, perhaps with a `Fault`),
is started; or time passes. Whatever is promised is checked at once, and `Violation` tells what was
seen instead; `check_rest` says what must hold when nothing is left to do.

Calls are atomic, as ports promise; what the outside of the protocol does is as bad as ports allow.
The bus keeps a command until it is acknowledged, which is when `handle` has returned or refused it.
Executors tell repeats by the id of the task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from functools import partial, reduce
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, Protocol, assert_never, final

import attrs

from sequencectl import _protocol
from sequencectl._evolution import evolve
from sequencectl._protocol import (
    Acknowledge,
    Call,
    Checked,
    Commit,
    Emit,
    Handled,
    Hosting,
    KnownStates,
    Load,
    Now,
    Pending,
    ReadAgenda,
    Reply,
)
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import CommandRejected, Conflict, Contention
from sequencectl.events import Event, TaskTriggered
from sequencectl.ports import Store
from sequencectl.state import ProjectState
from sequencectl.testing._faults import Fault, Mishap, Pair
from sequencectl.testing._mistakes import Rewrite, rewritten
from sequencectl.testing._walk import START

_RETRY: Final = timedelta(seconds=5)
_COMMANDS: Final = 64
"""More than the people of a world send: who remembers as many never forgets one in a run."""


class Violation(Exception):
    """What was seen instead of what is promised."""


class Trouble(Exception):
    """A port could not do its work, or says so."""


@final
@attrs.frozen
class Step:
    """A call that a replica made at an instant of the world, and what happened to it."""

    at: datetime
    replica: int
    call: str
    fault: Fault | None

    def __str__(self) -> str:
        ending = "" if self.fault is None else f": {self.fault.value}"
        return f"{self.at:%d %H:%M:%S} replica {self.replica} {self.call}{ending}"


@final
@attrs.define(eq=False)
class Message:
    """A command on its way, kept until it is acknowledged; `number` is that of its first copy."""

    number: int
    topic: str
    project: str
    command: Command
    is_taken: bool = False


Answers = Sequence[tuple[timedelta, Command]]
"""What an executor sends, and how long after it has heard of the task."""


class Executors(Protocol):
    """How the world outside works on tasks."""

    def __call__(self, event: TaskTriggered, source: str) -> Answers:
        """Return what an executor answers to a task of which it hears for the first time."""
        ...


@final
class Replica:
    """A host: the conversation it holds, the call that waits to be made, its clock and timer."""

    def __init__(self, number: int, hosting: Hosting) -> None:
        self.number = number
        self.hosting = hosting
        self.is_down = True
        self.skew = timedelta(0)
        self.started_at = START
        self.arm: datetime | None = None
        self.conversation: Generator[Call, Reply, Any] | None = None
        self.call: Call | None = None
        self.message: Message | None = None
        self.heard: list[object] = []
        self.is_back = False
        self.has_settled = False
        self.commits_seen = 0


@final
class _Line:
    """What is true of a project: all that was ever committed, and how much of it is published."""

    def __init__(self) -> None:
        self.committed: list[Event] = []
        self.published = 0
        self.tasks: dict[tuple[str, int], str] = {}


@final
class World:
    """Replicas on one store, at one bus."""

    def __init__(
        self,
        plane: ControlPlane,
        store: Store,
        executors: Executors,
        *,
        replicas: int,
        settle: timedelta = timedelta(minutes=3),
        attempts: int = 3,
        rewrite: Rewrite | None = None,
    ) -> None:
        self.plane = plane
        self.now = START
        self.hits: Counter[Pair] = Counter()
        self._trail: list[tuple[datetime, int, str, Fault | None]] = []
        self.inbox: list[Message] = []
        self.lines: dict[str, _Line] = {}
        self.store = store
        self._executors = executors
        self._settle = settle
        self._attempts = attempts
        self._rewrite = rewrite
        bounds = plane.bounds
        self._remembers = min(bounds.request_ids, bounds.retain + bounds.remember) >= _COMMANDS
        self._numbers = count(1)
        self._coming: list[tuple[datetime, int, Callable[[], None]]] = []
        self._heard: set[tuple[str, str]] = set()
        self._applied: set[int] = set()
        self._seen: set[int] = set()
        self._commits = 0
        self.replicas = [Replica(number, self._hosting()) for number in range(replicas)]

    # ------------------------------------------------------------------ outside of the replicas

    def send(self, project: str, command: Command, topic: str = "controls") -> None:
        """Put a command on the bus."""
        self.inbox.append(Message(next(self._numbers), topic, project, command))

    def later(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Let something happen after a while."""
        heappush(self._coming, (self.now + delay, next(self._numbers), action))

    def next_instant(self) -> datetime | None:
        """Return when something will happen by itself if no replica does anything."""
        instants = [at - replica.skew for replica in self.replicas if (at := _armed(replica))]
        instants += [self._coming[0][0]] if self._coming else []
        return max(self.now, min(instants)) if instants else None

    def pass_time(self, until: datetime) -> None:
        """Let time pass to an instant, and happen what comes by then."""
        self.now = until
        while self._coming and self._coming[0][0] <= until:
            heappop(self._coming)[2]()

    def waiting(self) -> list[Message]:
        """Return the messages that somebody may take, oldest first."""
        return [message for message in self.inbox if not message.is_taken]

    # ------------------------------------------------------------------ what replicas do

    def start(self, replica: Replica) -> None:
        """Start a replica; it relays before anything else (duty 8)."""
        replica.is_down = False
        replica.started_at = self._clock(replica)
        replica.has_settled = False
        self.ring(replica)

    def is_rung(self, replica: Replica) -> bool:
        """Whether a replica has nothing to do and its timer rings."""
        at = _armed(replica)
        return at is not None and at <= self._clock(replica)

    def ring(self, replica: Replica) -> None:
        """Begin to check deadlines."""
        replica.arm = None
        self._begin(replica, _protocol.check_deadlines(replica.hosting, replica.started_at))

    def take(self, replica: Replica, message: Message, *, leaves_copy: bool = False) -> None:
        """Begin to handle a message; the bus may deliver it once more, whatever becomes of it."""
        if leaves_copy:
            self.inbox.append(attrs.evolve(message, is_taken=False))
        message.is_taken = True
        replica.message = message
        self._begin(replica, _protocol.handle(replica.hosting, message.project, message.command))

    def crash(self, replica: Replica) -> None:
        """End a replica where it is: what it knew is gone, its message is delivered again."""
        if replica.conversation is not None:
            replica.conversation.close()
        self._end(replica)
        replica.hosting, replica.arm, replica.is_down = self._hosting(), None, True
        replica.is_back = True

    def step(self, replica: Replica, fault: Fault | None = None) -> None:
        """Make the call a replica waits at, and let it go on to the next one."""
        call, conversation = replica.call, replica.conversation
        assert call is not None
        assert conversation is not None
        self._note(replica, fault, call)
        if fault is Fault.CRASH_BEFORE:
            self.crash(replica)
            return
        try:
            reply = self._answer(replica, call, fault)
        except (Trouble, Conflict) as error:
            if isinstance(error, Conflict):
                self._hit(Mishap.CONFLICT, call)
            if fault is Fault.CRASH_AFTER:
                self.crash(replica)
                return
            replica.heard.append(type(error).__name__)
            self._go_on(replica, partial(conversation.throw, error))
            return
        if fault is Fault.CRASH_AFTER:
            self.crash(replica)
            return
        replica.heard.append(reply)
        self._go_on(replica, partial(conversation.send, reply))

    # ------------------------------------------------------------------ what must hold

    def steps(self) -> tuple[Step, ...]:
        """Return the calls that were made so far, oldest first."""
        return tuple(Step(*each) for each in self._trail)

    def check_rest(self, *, all_ended: bool) -> None:
        """Raise `Violation` unless published is committed, and all of it is what is stored."""
        if self.inbox:
            raise Violation(f"a command is left: {self.inbox[0].command}")
        for project, line in self.lines.items():
            if self.store.pending(project, limit=1):
                raise Violation(f"the outbox of {project!r} is not empty and nobody comes")
            if line.published != len(line.committed):
                seen = f"{line.published} of {len(line.committed)} events are published"
                raise Violation(f"not everything committed is published: {seen}")
            stored = self.stored(project)
            if stored != reduce(evolve, line.committed, self.plane.initial(project)):
                raise Violation(f"what is stored of {project!r} is not what its events lead to")
            live = [each for each in sorted(stored.sequences) if stored.live(each) is not None]
            if all_ended and live:
                raise Violation(f"never ends: {self.plane.explain(stored, live[0])}")

    def stored(self, project: str) -> ProjectState:
        """Return what is stored of a project."""
        stored = self.store.load(project)
        return self.plane.initial(project) if stored is None else stored

    # ------------------------------------------------------------------ conversations

    def _hosting(self) -> Hosting:
        known = KnownStates(10)
        return Hosting(lambda _: self.plane, known, self._attempts, self._settle, _RETRY)

    def _clock(self, replica: Replica) -> datetime:
        return self.now + replica.skew

    def _begin(self, replica: Replica, conversation: Generator[Call, Reply, Any]) -> None:
        if self._rewrite is not None:
            conversation = rewritten(conversation, self._rewrite)
        replica.conversation = conversation
        self._go_on(replica, partial(next, conversation))

    def _go_on(self, replica: Replica, resume: Callable[[], Call]) -> None:
        replica.commits_seen = self._commits
        try:
            replica.call = resume()
        except StopIteration as stop:
            self._finished(replica, stop.value)
        except CommandRejected:
            self.hits[Mishap.REFUSED, ""] += 1
            self._acknowledge(replica)
        except (Trouble, Contention) as error:
            if isinstance(error, Contention):
                self.hits[Mishap.CONTENTION, ""] += 1
            _arm(replica, self._clock(replica) + _RETRY)
            self._end(replica)

    def _finished(self, replica: Replica, result: Handled | Checked) -> None:
        if isinstance(result, Handled):
            decision = result.decision
            committed = self._line(decision.project).committed
            if tuple(committed[decision.base : decision.state.serial]) != decision.events:
                raise Violation(f"acknowledged, and its effects are lost: {decision.command}")
            self._acknowledge(replica)
        else:
            self._end(replica)
        if result.arm is not None:
            _arm(replica, result.arm)

    def _acknowledge(self, replica: Replica) -> None:
        message = replica.message
        assert message is not None
        self._end(replica)
        self.inbox.remove(message)

    def _end(self, replica: Replica) -> None:
        """End a conversation; a message that is not acknowledged is there to be taken again."""
        if replica.message is not None:
            self._seen.add(replica.message.number)
            replica.message.is_taken = False
        replica.is_back = False
        replica.conversation = replica.call = replica.message = None
        replica.heard.clear()

    # ------------------------------------------------------------------ calls

    def _answer(self, replica: Replica, call: Call, fault: Fault | None) -> Reply:
        if fault is Fault.FAILS:
            raise Trouble
        if fault is Fault.PARTLY and isinstance(call, Emit):
            self._publish(call.project, call.events[: len(call.events) // 2])
            raise Trouble
        reply = self._made(replica, call)
        if fault is Fault.AMBIGUOUS:
            raise Trouble
        return reply

    def _made(self, replica: Replica, call: Call) -> Reply:
        match call:
            case Now():
                now = self._clock(replica)
                replica.has_settled |= now >= replica.started_at + self._settle
                return now
            case Load():
                return self._load(call)
            case Commit():
                self.store.commit(call.decision)
                self._check_commit(replica, call)
            case Pending():
                return tuple(self.store.pending(call.project, limit=min(call.limit, 4)))
            case Emit():
                self._publish(call.project, call.events)
            case Acknowledge():
                self.store.acknowledge(call.project, through=call.through)
            case ReadAgenda():
                return tuple(self.store.agenda(limit=call.limit))
            case _:
                assert_never(call)
        return None

    def _load(self, call: Load) -> ProjectState | None:
        """Load; a store that looks at nothing but serials returns what is known."""
        stored = self.store.load(call.project, known=call.known)
        newest = len(self._line(call.project).committed)
        if stored is not None and stored.serial != newest:
            raise Violation(f"loaded serial {stored.serial}, the newest is {newest}")
        if call.known is not None and call.known.serial == newest:
            self._hit(Mishap.KNOWN, call)
            return call.known
        return stored

    def _check_commit(self, replica: Replica, call: Commit) -> None:
        events, line = call.decision.events, self._line(call.decision.project)
        self._commits += 1
        if events[0].serial != len(line.committed) + 1:
            there = f"{len(line.committed)} events are there"
            raise Violation(f"committed over others, {there}: {_named(events[0])}")
        line.committed.extend(events)
        if replica.message is None:
            if not replica.has_settled:
                raise Violation(f"a deadline is acted on before settle: {_named(events[0])}")
        elif replica.message.number in self._applied and self._remembers:
            raise Violation(f"took effect twice: {replica.message.command}")
        else:
            self._applied.add(replica.message.number)

    def _publish(self, project: str, events: Sequence[Event]) -> None:
        line = self._line(project)
        for event in events:
            if event.serial > line.published + 1:
                before = f"event {line.published + 1} is not published"
                raise Violation(f"published too early, {before}: {_named(event)}")
            if line.committed[event.serial - 1 : event.serial] != [event]:
                raise Violation(f"published and not committed: {_named(event)}")
            line.published = max(line.published, event.serial)
            if isinstance(event, TaskTriggered):
                self._ask(line, event)

    def _ask(self, line: _Line, event: TaskTriggered) -> None:
        """Tell the executors of a task, each of them whenever it is published."""
        task = (event.subject.sequence_id, event.index)
        if self._remembers and line.tasks.setdefault(task, event.task_id) != event.task_id:
            raise Violation(f"a task runs twice, also as {line.tasks[task]}: {_named(event)}")
        match event.expects:
            case frozenset() as sources:
                for source in sorted(sources):
                    self._hear(event, source)
            case number:
                for each in range(number or 1):
                    self._hear(event, f"executor-{each}")

    def _hear(self, event: TaskTriggered, source: str) -> None:
        if (event.task_id, source) in self._heard:
            self.hits[Mishap.HEARD_AGAIN, ""] += 1
            return
        self._heard.add((event.task_id, source))
        for delay, report in self._executors(event, source):
            self.later(delay, partial(self.send, event.subject.project, report, "reports"))

    # ------------------------------------------------------------------ bookkeeping

    def _line(self, project: str) -> _Line:
        return self.lines.setdefault(project, _Line())

    def _hit(self, what: Fault | Mishap, call: Call) -> None:
        self.hits[what, type(call).__name__] += 1

    def _note(self, replica: Replica, fault: Fault | None, call: Call) -> None:
        name = type(call).__name__
        self._trail.append((self.now, replica.number, name, fault))
        if fault is not None:
            self.hits[fault, name] += 1
        if replica.commits_seen != self._commits:
            self.hits[Mishap.OVERTAKEN, name] += 1
        if replica.is_back:
            self.hits[Mishap.BORN_AGAIN, name] += 1
        if replica.message is not None and replica.message.number in self._seen:
            self.hits[Mishap.REPEATED, name] += 1


def _armed(replica: Replica) -> datetime | None:
    is_idle = replica.conversation is None and not replica.is_down
    return replica.arm if is_idle else None


def _arm(replica: Replica, at: datetime) -> None:
    replica.arm = at if replica.arm is None else min(at, replica.arm)


def _named(event: Event) -> str:
    return f"{type(event).__name__} {event.serial} of {event.subject.sequence_id or 'a context'}"
