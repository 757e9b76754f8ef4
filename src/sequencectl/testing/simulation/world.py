"""A world in memory: replicas that hold the shipped conversation, a store, a bus, executors.

Nothing runs by itself. A driver says what happens next: a replica takes a message (`take`), hears
its timer (`ring`), makes the next call of its conversation (`make_call`, perhaps with a `Fault`) or
is started; or time passes. A `Witness` checks all promises at once and raises `Violation`;
`check_rest` checks what must hold when nothing is left to do.

Calls are atomic, as ports promise; all else is as bad as ports allow. The bus keeps a command until
it is acknowledged, which is when `handle_many` has returned an answer to it. Executors know repeats
by the id of the task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, Protocol, final

import attrs

from sequencectl import _protocol
from sequencectl._protocol import (
    Call,
    Checked,
    Emit,
    Handled,
    Hosting,
    Now,
    Reply,
    TakeTurn,
)
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import Conflict, Contention
from sequencectl.events import Event, TaskTriggered
from sequencectl.outcomes import Rejected
from sequencectl.policies import Calendar, Opening
from sequencectl.ports import Store
from sequencectl.state import ProjectState
from sequencectl.testing._walk import START
from sequencectl.testing.exploration.transition import Invariant, Transition, check
from sequencectl.testing.simulation.faults import Fault, Mishap, Pair
from sequencectl.testing.simulation.judge import Judge
from sequencectl.testing.simulation.mistakes import RIGHT, Mistake, rewritten
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.replica import Deserved, MadeCall, Message, Replica
from sequencectl.testing.simulation.store_port import StorePort, check_turn
from sequencectl.testing.simulation.witness import REPORTS, Witness

_RETRY: Final = timedelta(seconds=5)


class Trouble(Exception):
    """A port failed, or seems to have failed."""


Answers = Sequence[tuple[timedelta, Command]]
"""What an executor sends, each with its delay after the executor has heard of the task."""


class Executors(Protocol):
    """How executors work on tasks, and how people vote on approvals."""

    def __call__(self, event: TaskTriggered, source: str) -> Answers:
        """Return what an executor, or all voters, answer to a task they see for the first time."""
        ...


class People(Protocol):
    """What people do about what they read."""

    def __call__(self, world: World, event: Event) -> None:
        """Let people send commands, at once or later, when they see an event for the first time."""
        ...


def _stay_calm(world: World, event: Event) -> None:
    """Let people do nothing about it."""


@final
class World:
    """Replicas that share a store and a bus."""

    def __init__(
        self,
        plane: ControlPlane,
        store: Store,
        executors: Executors,
        *,
        people: People = _stay_calm,
        replicas: int,
        settle: timedelta = timedelta(minutes=3),
        attempts: int = 3,
        at_once: int = 1,
        known: int = 10,
        mistake: Mistake = RIGHT,
        invariants: Sequence[Invariant] = (),
    ) -> None:
        self.plane = plane
        self._invariants = invariants
        self.now = START
        self.hits: Counter[Pair] = Counter()
        self._trail: list[tuple[datetime, int, str, Fault | None]] = []
        self.inbox: list[Message] = []
        self.witness = Witness(plane)
        self.judge = Judge(plane)
        self.store = store
        self._stored = StorePort(store, self.witness, self.judge, self.hits, self._committed)
        self._executors = executors
        self._people = people
        self._settle = settle
        self._attempts = attempts
        self._at_once = at_once
        self._known = known
        self._mistake = mistake
        self._numbers = count(1)
        self._coming: list[tuple[datetime, int, Callable[[], None]]] = []
        self._heard: set[tuple[str, str]] = set()
        self._seen: set[int] = set()
        self.replicas = [Replica(number, plane) for number in range(replicas)]
        for replica in self.replicas:
            replica.hosting = self._hosting(replica, START)

    # ------------------------------------------------------------------ outside of the replicas

    def send(self, project: str, command: Command, topic: str = "controls") -> None:
        """Put a command on the bus."""
        self.inbox.append(Message(next(self._numbers), topic, project, command))

    def later(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Let something happen after a delay."""
        heappush(self._coming, (self.now + delay, next(self._numbers), action))

    def next_instant(self) -> datetime | None:
        """Return when the next thing happens if no replica does anything; None for never."""
        instants = [at - replica.skew for replica in self.replicas if (at := replica.armed)]
        instants += [self._coming[0][0]] if self._coming else []
        return max(self.now, min(instants)) if instants else None

    def pass_time(self, until: datetime) -> None:
        """Let time pass to an instant, and let everything happen that is due by then."""
        self.now = until
        while self._coming and self._coming[0][0] <= until:
            heappop(self._coming)[2]()

    def waiting(self) -> list[Message]:
        """Return the messages that a replica may take, oldest first."""
        return [message for message in self.inbox if not message.is_taken]

    def give(self, replica: Replica, calendar: Calendar) -> None:
        """Give a replica another calendar, by which it decides from its next conversation on."""
        replica.calendar = read = calendar
        if self._mistake.reads_own_clock:

            def read(stage: str, _at: datetime) -> Opening:
                return calendar(stage, self._clock(replica))

        replica.plane = attrs.evolve(self.plane, calendar=read)

    def wake(self, replica: Replica) -> None:
        """Let the timer of a replica ring now, which is earlier than it need."""
        replica.arm = self._clock(replica)

    # ------------------------------------------------------------------ what replicas do

    def start(self, replica: Replica) -> None:
        """Start a replica; first of all it relays (duty 8)."""
        replica.is_down = False
        replica.hosting = self._hosting(replica, self._clock(replica))
        replica.has_settled, replica.due = False, None
        self.ring(replica)

    def is_rung(self, replica: Replica) -> bool:
        """Return whether a replica is idle and its timer rings."""
        at = replica.armed
        return at is not None and at <= self._clock(replica)

    def ring(self, replica: Replica) -> None:
        """Let a replica begin to check deadlines."""
        replica.arm = None
        self._begin(replica, _protocol.check_deadlines(replica.hosting))

    def repeat(self, message: Message) -> None:
        """Put a copy of a message on the bus."""
        self.inbox.append(attrs.evolve(message, is_taken=False))

    def take(self, replica: Replica, *messages: Message) -> None:
        """Let a replica begin to handle messages of one project as one."""
        for message in messages:
            message.is_taken = True
        replica.messages = messages
        self.judge.begin(replica)
        self.hits[Mishap.BATCH, ""] += len(messages) > 1
        handle = self._mistake.handle_many or _protocol.handle_many
        commands = tuple([message.command for message in messages])
        self._begin(replica, handle(replica.hosting, messages[0].project, commands))

    def crash(self, replica: Replica) -> None:
        """Stop a replica where it is; it forgets all, and its messages are delivered again."""
        if replica.conversation is not None:
            replica.conversation.close()
        self._end(replica)
        replica.arm, replica.is_down = None, True
        replica.is_back = True

    def make_call(self, replica: Replica, fault: Fault | None = None) -> None:
        """Make the next call of a replica, and let it go on to the call after that."""
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

    def calls(self) -> tuple[MadeCall, ...]:
        """Return the calls that were made so far, oldest first."""
        return tuple(MadeCall(*each) for each in self._trail)

    def check_rest(self, *, all_ended: bool) -> None:
        """Check that the bus is empty, nothing is due, and all is published and stored."""
        if self.inbox:
            raise Violation(f"a command is left: {self.inbox[0].command}")
        for project in self.witness.histories:
            due = self.stored(project).next_deadline
            if due is not None and due <= self.now:
                raise Violation(f"something of {project!r} is due at {due}, and nobody acts on it")
        self.witness.check_rest(self.store, all_ended=all_ended)

    def stored(self, project: str) -> ProjectState:
        """Return the stored state of a project, or its initial state."""
        stored = self.store.load(project)
        return self.plane.initial(project) if stored is None else stored

    # ------------------------------------------------------------------ conversations

    def _hosting(self, replica: Replica, started_at: datetime) -> Hosting:
        return Hosting.of(
            lambda _: replica.decides_by,
            attempts=self._attempts,
            settled_at=started_at + self._settle,
            retry_after=_RETRY,
            known=self._known,
            at_once=self._at_once,
        )

    def _clock(self, replica: Replica) -> datetime:
        return self.now + replica.skew

    def _begin(self, replica: Replica, conversation: Generator[Call, Reply, Any]) -> None:
        replica.decides_by, replica.follows = replica.plane, replica.calendar
        if self._mistake.rewrite is not None:
            conversation = rewritten(conversation, self._mistake.rewrite)
        replica.conversation = conversation
        self._go_on(replica, partial(next, conversation))

    def _go_on(self, replica: Replica, resume: Callable[[], Call]) -> None:
        replica.commits_seen = self.witness.commits
        try:
            call = resume()
            while isinstance(call, TakeTurn):  # a replica does one thing at a time: nobody waits
                assert replica.conversation is not None
                call = replica.conversation.send(self._made(replica, call))
            replica.call = call
        except StopIteration as stop:
            self._finished(replica, stop.value)
        except (Trouble, Contention) as error:
            if isinstance(error, Contention):
                self.hits[Mishap.CONTENTION, ""] += 1
            at = self._clock(replica) + _RETRY
            replica.arm = at if replica.arm is None else min(at, replica.arm)
            self._end(replica)

    def _finished(
        self, replica: Replica, result: Checked | tuple[Handled | Exception, ...]
    ) -> None:
        if isinstance(result, Checked):
            replica.arm, replica.due = result.arm, None
            self._end(replica)
            if result.skipped and result.arm is None:
                raise Violation(f"something is left to do, and no timer rings: {result}")
            return
        handled = [answer for answer in result if isinstance(answer, Handled)]
        for answer in handled:
            self.witness.acknowledged(answer.decision, is_sent=answer.unsent is None)
            self._note_late(answer.decision)
        self._note_refused(self.judge.answered(replica, result))
        self._acknowledge(replica)
        if len({(answer.arm, answer.unsent) for answer in handled}) > 1:
            raise Violation(f"what is handled as one is to be gone on with at two times: {handled}")
        for answer in handled[-1:]:
            replica.arm = answer.arm
            if answer.unsent is not None:
                replica.answered(replica.decided_at + _RETRY)
            replica.answered(answer.decision.next_deadline)

    def _note_refused(self, deserved: Deserved) -> None:
        """Count what was refused, and where others took effect with it."""
        refused = [
            isinstance(each, Exception) or isinstance(each.outcome, Rejected) for each in deserved
        ]
        self.hits[Mishap.REFUSED, ""] += sum(refused)
        self.hits[Mishap.REFUSED_AMONG, ""] += any(refused) and not all(refused)

    def _note_late(self, decision: Decision) -> None:
        """Count a report about an attempt that another one followed."""
        command, history = decision.command, self.witness.histories.get(decision.project)
        if history is not None and isinstance(command, REPORTS) and not decision.events:
            self.hits[Mishap.OLD_ATTEMPT, ""] += command.task_id in history.attempts.retried

    def _acknowledge(self, replica: Replica) -> None:
        messages = replica.messages
        self._end(replica)
        for message in messages:
            self.inbox.remove(message)

    def _end(self, replica: Replica) -> None:
        """End a conversation; messages that are not acknowledged can be taken again."""
        for message in replica.messages:
            self._seen.add(message.number)
            message.is_taken = False
        replica.is_back = False
        replica.conversation = replica.call = None
        replica.messages, replica.turn = (), ()
        replica.overtaken.clear()
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
        check_turn(replica, call)
        match call:
            case TakeTurn():
                replica.turn = call.projects
                return replica.hosting.turns.take(*call.projects)
            case Now():
                replica.decided_at = now = self._clock(replica)
                replica.has_settled |= now >= replica.hosting.settled_at
                return now
            case Emit():
                self._publish(call.project, call.events)
                return None
            case _:
                return self._stored.make(replica, call)

    def _committed(self, replica: Replica, decision: Decision) -> None:
        """Check what a store took: each command by itself, in the order of their messages."""
        for message, part in self.judge.committed(replica, decision):
            self.witness.committed(
                part, message=message, has_settled=replica.has_settled, calendar=replica.follows
            )
            self.hits[Mishap.OPINIONS, ""] += not self._is_of_one_mind()
            self._check_invariants(replica, part)

    def _is_of_one_mind(self) -> bool:
        first = self.replicas[0].calendar
        return all(replica.calendar is first for replica in self.replicas)

    def _check_invariants(self, replica: Replica, decision: Decision) -> None:
        """Raise `Break` if a commit breaks an invariant of the host."""
        if self._invariants:
            plane, now = replica.decides_by, replica.decided_at
            seen = Transition(plane, decision.before, decision.command, now, decision)
            check(self._invariants, seen)

    def _publish(self, project: str, events: Sequence[Event]) -> None:
        for event in events:
            is_new = self.witness.published(project, event)
            if is_new:
                self._people(self, event)
            if isinstance(event, TaskTriggered):
                self._ask(event)

    def _ask(self, event: TaskTriggered) -> None:
        """Send a task to its executors, or show it to its voters, each time it is published."""
        if event.approval is not None:
            self._hear(event, "approvers")
            return
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

    def _note(self, replica: Replica, fault: Fault | None, call: Call) -> None:
        name = type(call).__name__
        self._trail.append((self.now, replica.number, name, fault))
        if fault is not None:
            self.hits[fault, name] += 1
        if replica.commits_seen != self.witness.commits:
            self.hits[Mishap.OVERTAKEN, name] += 1
        if replica.is_back:
            self.hits[Mishap.BORN_AGAIN, name] += 1
        if any(message.number in self._seen for message in replica.messages):
            self.hits[Mishap.REPEATED, name] += 1
