"""Simulation: replicas, a store, a bus, executors and people, and everything that can go wrong.

`simulate` plays one seed in a world of its own. It draws what people want, how executors work and
voters vote, lets replicas make the calls of the shipped protocol one by one, and lets ports fail,
replicas crash, messages repeat, clocks jump and calendars change. Then the world heals, and
everything must end. After every call it checks what is promised: nothing that was committed or
acknowledged is lost, events are published in order and only what was committed, no command takes
effect twice, each gets the answer that it deserves, no attempt at a task runs twice, no vote counts
twice, nothing starts in a closed stage unless it is exempted. After every commit it checks the
invariants of the host.

The message of a seed that fails ends with what plays it again::

    python -m sequencectl.testing.simulation --seed 123

Provisional until 1.0; it needs nothing that is not installed with the package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, final

import attrs

from sequencectl._protocol import Now
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import InvalidValue
from sequencectl.policies import QueuePolicy, TimeoutPolicy
from sequencectl.ports import Store
from sequencectl.shipyard import Shipyard
from sequencectl.testing.exploration.transition import (
    Break,
    Invariant,
    Misuse,
    invariants_of,
    name_of,
)
from sequencectl.testing.fakes import InMemoryStore
from sequencectl.testing.simulation.crowd import Crowd
from sequencectl.testing.simulation.faults import (
    NASTY,
    Dice,
    Faults,
    Mishap,
    Pair,
    faults_of,
    table,
)
from sequencectl.testing.simulation.mistakes import Mistake, mistake_of
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.replica import MadeCall, Message, Replica
from sequencectl.testing.simulation.store_port import can_do_many
from sequencectl.testing.simulation.world import World

__all__ = ["NASTY", "PLANE", "Faults", "Report", "SimulationFailed", "simulate", "table"]

PLANE: Final = ControlPlane(
    Shipyard.of({
        "dev": {"delivery": [
            {"name": "deploy", "retry": {"times": 2, "backoff": "20s", "factor": 3}},
            {
                "name": "test", "expects": 2, "timeouts": {"silence": "2m"},
                "retry": {"on": ["fail", "errored", "timed_out"]},
            },
        ]},
        "qa": {
            "delivery": {
                "tasks": [
                    {
                        "name": "check", "triggeredAfter": "30s", "expects": ["x", "y"],
                        "timeouts": {"silence": "90s"}, "onFailure": "park",
                    },
                    {"name": "review", "approval": {
                        "approve": 2, "reject": 2, "initiator": False,
                    }},
                ],
                "triggeredOn": ["dev.delivery.finished"],
            },
            "rollback": {"tasks": ["undo"], "priority": 5, "triggeredOn": [
                {"event": "qa.delivery.finished", "selector": {"match": {"result": "fail"}}},
            ]},
        },
        "prod": {"delivery": {
            "tasks": [
                {"name": "sign-off", "approval": {
                    "reject": 2, "onExpiry": "approve", "newcomer": "supersede",
                }},
                {"name": "release", "retry": {"on": ["errored"]}},
            ],
            "onFailure": "park",
            "triggeredOn": ["qa.delivery.finished"],
        }},
    }),
    timeouts=TimeoutPolicy(
        reaction="2m", completion="20m", total="1h", waiting="3h", abort_grace="5m", parked="30m"
    ),
    queueing=QueuePolicy(stages={"qa": QueuePolicy(limit=2, scope="service")}),
)  # fmt: skip
"""The plane that is simulated unless a host gives its own."""

_ROUNDS_WITH_FAULTS: Final = 800
_ROUNDS_TO_HEAL: Final = 20_000
_MINUTE: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)


@final
class SimulationFailed(AssertionError):
    """A promise or an invariant does not hold; the message ends with what plays the seed again.

    `seen` says what was seen instead, `replay` plays the seed again, and `calls` are the calls of
    ports that led there.
    """

    def __init__(self, seen: str, replay: str, calls: tuple[MadeCall, ...]) -> None:
        super().__init__(f"{' '.join(seen.split())}; replay: {replay}")
        self.seen = seen
        self.replay = replay
        self.calls = calls


@final
@attrs.frozen
class Report:
    """What happened in a run: its mix of faults by name, its calls, and how often which fault."""

    seed: int
    faults: str
    events: int
    calls: tuple[MadeCall, ...] = attrs.field(repr=False)
    hits: Counter[Pair] = attrs.field(eq=False, repr=False)


def simulate(
    plane: ControlPlane = PLANE,
    *,
    seed: int,
    faults: Faults | str | None = None,
    make_store: Callable[[], Store] = InMemoryStore,
    invariants: Iterable[Invariant] = (),
    mistake: str | None = None,
) -> Report:
    """Play one seed to its end; raise `SimulationFailed` if something promised does not hold.

    `faults` is a mix or the name of a nasty one; without it the seed draws its own. `make_store`
    opens an empty store for all replicas, which is closed at the end if it has a `close`. Each of
    the `invariants` is called with the `Transition` of every command that is committed. It
    returns None or an empty text if it holds, and a sentence if it does not; an `AssertionError`
    says so, too. `mistake` names a host that is wrong on purpose.

    Raises `InvalidValue` for a wrong argument, and for an invariant that returns anything else.
    """
    if not isinstance(plane, ControlPlane):
        raise InvalidValue("plane", plane, "must be a ControlPlane")
    if type(seed) is not int:
        raise InvalidValue("seed", seed, "must be an int")
    if not callable(make_store):
        raise InvalidValue("make_store", make_store, "must be a function that opens a store")
    name, mix = _mix(seed, faults)
    wrong, wanted = mistake_of(mistake), invariants_of(invariants)
    store = make_store()
    run = _Run(plane, Dice(seed), mix, store, invariants=wanted, mistake=wrong)
    try:
        run.play()
    except Misuse:
        raise
    except Exception as error:
        is_promised = isinstance(error, Violation | Break)
        seen = str(error) if is_promised else f"it raised {error!r}"
        replay = _replay(
            plane, seed, faults, make_store=make_store, invariants=wanted, mistake=mistake
        )
        raise SimulationFailed(seen, replay, run.world.calls()) from error
    finally:
        close = getattr(store, "close", None)
        if close is not None:
            close()
    events = sum(len(history.committed) for history in run.world.witness.histories.values())
    hits = run.world.hits + run.crowd.hits + run.world.witness.hits
    return Report(seed, name, events, run.world.calls(), hits)


def _mix(seed: int, faults: Faults | str | None) -> tuple[str, Faults]:
    match faults:
        case None:
            return faults_of(seed)
        case Faults():
            return "given", faults
        case str() if faults in NASTY:
            return faults, NASTY[faults]
    raise InvalidValue("faults", faults, f"must be Faults or one of {', '.join(NASTY)}")


def _replay(
    plane: ControlPlane,
    seed: int,
    faults: Faults | str | None,
    *,
    make_store: Callable[[], Store],
    invariants: tuple[Invariant, ...],
    mistake: str | None,
) -> str:
    """Return what plays a seed again: a command, or a call of `simulate` where that says more."""
    is_ours = plane is PLANE and make_store is InMemoryStore and not invariants
    if is_ours and not isinstance(faults, Faults):
        options = [("--seed", str(seed)), ("--faults", faults), ("--mistake", mistake)]
        given = " ".join(f"{name} {value}" for name, value in options if value is not None)
        return f"python -m sequencectl.testing.simulation {given}"
    given = "" if plane is PLANE else "plane, "
    given += f"seed={seed}"
    given += "" if faults is None else f", faults={faults!r}"
    given += "" if make_store is InMemoryStore else ", make_store=make_store"
    given += f", invariants=[{', '.join(map(name_of, invariants))}]" if invariants else ""
    given += "" if mistake is None else f", mistake={mistake!r}"
    return f"simulate({given})"


@final
class _Run:
    """One seed: what people and executors do, what goes wrong, and which replica goes on."""

    def __init__(
        self,
        plane: ControlPlane,
        dice: Dice,
        faults: Faults,
        store: Store,
        *,
        invariants: tuple[Invariant, ...],
        mistake: Mistake,
    ) -> None:
        self.dice = dice
        self.faults = faults
        self.crowd = Crowd(plane, dice, faults)
        self.is_healing = False
        self.world = World(
            plane,
            store,
            self.crowd.answers,
            people=self.crowd.react,
            replicas=dice.choice((2, 2, 3, 4)),
            settle=dice.choice((0, 1, 3)) * _MINUTE,
            attempts=dice.choice((1, 2, 5)),
            at_once=dice.choice((1, 2, 20)) if can_do_many(store) else 1,
            known=dice.choice((0, 10, 10, 10)),
            mistake=mistake,
            invariants=invariants,
        )

    def play(self) -> None:
        """Let everything go wrong for a while, then let the world heal and check it at rest."""
        self.crowd.plan(self.world)
        for replica in self.world.replicas:
            if self.dice.happens(self.faults.skew):
                replica.skew = self.dice.span(10 * _MINUTE) - 5 * _MINUTE
            self.world.start(replica)
        turn = self.world.replicas[0]
        for _ in range(_ROUNDS_WITH_FAULTS):
            ready = self._let_time_pass(every=0.05)
            if not ready:
                break
            turn = self._turn(ready, turn)
        self._heal(turn)

    def _heal(self, turn: Replica) -> None:
        """Let nothing go wrong until nothing is left to do, then check the world."""
        world = self.world
        self.faults = self.crowd.faults = Faults(preemption=min(0.2, self.faults.preemption))
        self.is_healing = True
        self.crowd.agree(world)
        for replica in world.replicas:
            replica.skew = timedelta(0)
            if replica.is_down:
                world.start(replica)
        for _ in range(_ROUNDS_TO_HEAL):
            ready = self._let_time_pass()
            if not ready:
                world.check_rest(all_ended=True)
                return
            turn = self._turn(ready, turn)
        raise Violation(f"does not come to rest within {_ROUNDS_TO_HEAL} rounds")

    # ------------------------------------------------------------------ which replica goes on

    def _let_time_pass(self, every: float = 0.0) -> list[Replica]:
        """Let time pass if no replica has work, or by chance; return the replicas that have work.

        If there are none, nothing will ever happen again.
        """
        ready = self._ready()
        while not ready or self.dice.happens(every):
            if self.is_healing and not self.world.inbox:
                self.crowd.release(self.world)
            instant = self.world.next_instant()
            if instant is None:
                return self._ready()
            if self.dice.happens(self.faults.edge):
                self._pass_by(instant)
            elif self.dice.happens(self.faults.burst):
                self.world.pass_time(instant + self.dice.span(10 * _MINUTE))
            else:
                self.world.pass_time(instant)
            every = 0.0
            if self.dice.happens(self.faults.outage):
                self._black_out()
            ready = self._ready()
        return ready

    def _pass_by(self, instant: datetime) -> None:
        """Let time pass to a microsecond before or after an instant, and wake a replica."""
        world, dice = self.world, self.dice
        world.hits[Mishap.EDGE, ""] += 1
        world.pass_time(max(world.now, instant + dice.choice((-1, 1)) * _MICROSECOND))
        idle = [each for each in world.replicas if each.conversation is None and not each.is_down]
        if idle:
            world.wake(dice.choice(idle))

    def _ready(self) -> list[Replica]:
        """Return the replicas that have work now."""
        world, has_message = self.world, bool(self.world.waiting())
        return [
            replica
            for replica in world.replicas
            if replica.call is not None
            or (not replica.is_down and (has_message or world.is_rung(replica)))
        ]

    def _turn(self, ready: list[Replica], last: Replica) -> Replica:
        """Let one replica do one thing: the same as before, or by chance another; return it."""
        world, dice = self.world, self.dice
        if last not in ready or self.dice.happens(self.faults.preemption):
            last = dice.choice(ready)
        if last.call is not None:
            if isinstance(last.call, Now) and self.dice.happens(self.faults.jump):
                world.hits[Mishap.JUMP, "Now"] += 1
                span = self.dice.span(timedelta(hours=1) * dice.choice((0.1, 2, 48)))
                last.skew = span * dice.choice((-1, 1))
            world.make_call(last, self.faults.of_call(last.call, dice))
            if last.is_down:
                self._come_back(last, self.dice.span(dice.choice((0, 1, 10)) * _MINUTE))
        elif world.is_rung(last):
            world.ring(last)
        else:
            for message in (messages := self._next_messages(world.waiting())):
                if dice.happens(self.faults.duplicate):
                    world.repeat(message)
            world.take(last, *messages)
        return last

    def _next_messages(self, waiting: list[Message]) -> list[Message]:
        """Return the next message, or by chance several of its project."""
        first = self._next_message(waiting)
        if not self.dice.happens(self.faults.burst):
            return [first]
        others = [each for each in waiting if each.project == first.project and each is not first]
        return [first, *others[: self.dice.choice((1, 2, 8))]]

    def _next_message(self, waiting: list[Message]) -> Message:
        """Return the oldest message, or by chance the oldest of another topic."""
        first = waiting[0]
        others = [message for message in waiting if message.topic != first.topic]
        if others and self.dice.happens(self.faults.reorder):
            self.world.hits[Mishap.REORDERED, ""] += 1
            return others[0]
        return first

    def _black_out(self) -> None:
        """Let every replica crash, and start again after hours."""
        self.world.hits[Mishap.OUTAGE, ""] += 1
        hours = self.dice.span(timedelta(hours=4))
        for replica in self.world.replicas:
            if not replica.is_down:
                self.world.crash(replica)
                self._come_back(replica, hours)

    def _come_back(self, replica: Replica, after: timedelta) -> None:
        def start() -> None:
            if replica.is_down:
                self.world.start(replica)

        self.world.later(after, start)
