"""What goes wrong in a simulated world, how often, and what a set of seeds must have met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from random import Random
from typing import Final, final

import attrs

from sequencectl._protocol import (
    Acknowledge,
    AcknowledgeMany,
    Call,
    Commit,
    CommitMany,
    Emit,
    Load,
    LoadMany,
    Now,
    Pending,
    PendingMany,
    ReadAgenda,
)
from sequencectl.errors import InvalidValue

_MANY: Final = (LoadMany, CommitMany, PendingMany, AcknowledgeMany)
CALLS: Final[tuple[type[Call], ...]] = (
    Now, Load, Commit, Pending, Emit, Acknowledge, ReadAgenda, *_MANY,
)  # fmt: skip
"""The calls of the protocol, in the order in which they are shown."""


class Fault(Enum):
    """What goes wrong with a call of a port."""

    CRASH_BEFORE = "crash before it"
    CRASH_AFTER = "crash after it"
    FAILS = "fails, not done"
    AMBIGUOUS = "fails, but is done"
    PARTLY = "fails, partly done"


class Mishap(Enum):
    """What happens besides: with other replicas, the bus, the clocks, the executors."""

    OVERTAKEN = "another replica commits first"
    CONFLICT = "conflict"
    KNOWN = "what is known is the newest"
    STALE = "what is known is old"
    ALONE = "nothing else is unsent"
    REPEATED = "its message came before"
    BORN_AGAIN = "first run after a crash"
    JUMP = "clock jumps"
    MUTE = "executor is mute"
    DYING = "executor dies after its start"
    TWICE = "executor answers twice"
    SLOW = "executor is slow"
    FAILING = "executor fails"
    PROGRESS = "executor reports progress"
    SILENT = "executor falls silent"
    OLD_ATTEMPT = "report is about an old attempt"
    RETRIED = "task is retried by itself"
    RETRIED_BY_PERSON = "person retries a task"
    SKIPPED = "person skips a task"
    AT_ONCE = "two decide about a parked one"
    PARKED = "sequence is parked"
    PARKED_PAUSED = "parked one is paused"
    PARKED_OUT = "parked until its limit"
    PARKED_ABORTED = "parked one is aborted"
    PARKED_LIMIT = "decision at the parked limit"
    REDRIVEN = "sequence is redriven"
    REDRIVEN_AT_ONCE = "several redrive it at once"
    VOTES_AGAIN = "voter votes again"
    MIND_CHANGED = "voter changes their mind"
    BARRED = "initiator tries to vote"
    AT_LIMIT = "vote at the very limit"
    UNDECIDED = "approval runs out of time"
    CONSENT = "silence is consent"
    VOID = "approval is void"
    FREEZE_OVER = "freeze ends by itself"
    CLOSED = "calendar closes a stage"
    OPINIONS = "replicas have two calendars"
    LET_THROUGH = "one is let through"
    EDGE = "a microsecond off an instant"
    REORDERED = "message overtakes another"
    HEARD_AGAIN = "executor hears of a task again"
    OUTAGE = "every replica is down"
    CONTENTION = "gives up after conflicts"
    REFUSED = "command is refused"
    BATCH = "several are handled as one"
    REFUSED_AMONG = "some of them are refused"


_WRITES: Final = (Commit, Emit, Acknowledge, CommitMany, AcknowledgeMany)
_FALLIBLE: Final = CALLS[1:]
WHERE: Final[Mapping[Fault | Mishap, tuple[type[Call], ...]]] = {
    Fault.CRASH_BEFORE: CALLS,
    Fault.CRASH_AFTER: CALLS,
    Fault.FAILS: _FALLIBLE,
    Fault.AMBIGUOUS: _WRITES,
    Fault.PARTLY: (Emit,),
    Mishap.OVERTAKEN: CALLS,
    Mishap.CONFLICT: (Commit, CommitMany),
    Mishap.KNOWN: (Load, LoadMany),
    Mishap.STALE: (Load, LoadMany),
    Mishap.ALONE: (Commit, CommitMany),
    Mishap.REPEATED: (Now, Load, Commit, Pending, Emit, Acknowledge),
    Mishap.BORN_AGAIN: CALLS,
    Mishap.JUMP: (Now,),
}
"""The calls at which each can happen; other mishaps happen outside of the protocol."""

Pair = tuple[Fault | Mishap, str]
"""What happened, and the name of the call at which it happened; empty outside of the protocol."""

PAIRS: Final[tuple[Pair, ...]] = tuple(
    (fault, call)
    for fault in (*Fault, *Mishap)
    for call in ([kind.__name__ for kind in WHERE[fault]] if fault in WHERE else [""])
)
"""Everything that must have happened in a set of seeds, or it has shown nothing."""


@final
class Dice(Random):
    """Chance by a seed, the same every time."""

    def happens(self, often: float) -> bool:
        """Draw whether something happens; `often` is its chance, from 0 to 1."""
        return often > 0 and self.random() < often

    def span(self, longest: timedelta) -> timedelta:
        """Draw a duration, in whole seconds."""
        return timedelta(seconds=int(self.random() * longest.total_seconds()))


@final
@attrs.frozen(kw_only=True)
class Faults:
    """How often something goes wrong: chances from 0 to 1, nothing by default.

    At each call, or only at those named in `at` (``Load``, ``Commit``, ``Pending``, ``Emit``,
    ``Acknowledge``, ``ReadAgenda``, ``Now``, and ``LoadMany``, ``CommitMany``, ``PendingMany``,
    ``AcknowledgeMany`` for several projects): `crash`, `failure`, `ambiguity` (the call is made,
    and an error is raised). After each call: `preemption` (another replica goes on). For each
    message: `duplicate`, `reorder`. For each event of a task: `repeat`. For each executor or voter
    and task: `mute`, `dying`, `twice`, `slow`, `failing` (it fails, cannot do its work or was
    aborted), `progress` (it says how far it is). For each replica: `skew` (its clock is wrong from
    the start); each time it reads its clock: `jump`. Whenever time passes: `outage`, of all
    replicas, for hours, `edge` (a replica wakes a microsecond before or after the next instant) and
    `burst` (some minutes pass at once, so that messages pile up); as often as `burst` a replica
    takes several messages of one project and handles them as one. For a world whose plane has no
    calendar: `calendar` (all replicas get one that closes stages, and later another one, each at an
    instant of its own). Raises `InvalidValue` for any other chance or name.
    """

    crash: float = 0.0
    failure: float = 0.0
    ambiguity: float = 0.0
    preemption: float = 0.3
    duplicate: float = 0.0
    reorder: float = 0.0
    repeat: float = 0.0
    mute: float = 0.0
    dying: float = 0.0
    twice: float = 0.0
    slow: float = 0.0
    failing: float = 0.0
    progress: float = 0.0
    skew: float = 0.0
    jump: float = 0.0
    outage: float = 0.0
    edge: float = 0.0
    burst: float = 0.0
    calendar: float = 0.0
    at: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        at: object = self.at
        permitted = [kind.__name__ for kind in CALLS]
        if not isinstance(at, tuple) or any(name not in permitted for name in at):
            raise InvalidValue("at", at, f"must be a tuple of {', '.join(permitted)}")
        chances = attrs.asdict(self, recurse=False, filter=lambda field, _: field.name != "at")
        for where, chance in chances.items():
            if type(chance) not in (int, float) or not 0 <= chance <= 1:
                raise InvalidValue(where, chance, "must be a number from 0 to 1")

    def of_call(self, call: Call, chance: Dice) -> Fault | None:
        """Draw what goes wrong with a call, or None."""
        roll = chance.random()
        if self.at and type(call).__name__ not in self.at:
            return None
        if roll < self.crash:
            return Fault.CRASH_BEFORE if chance.random() < 0.5 else Fault.CRASH_AFTER
        roll -= self.crash
        if roll < self.failure and isinstance(call, _FALLIBLE):
            is_half = isinstance(call, Emit) and chance.random() < 0.3
            return Fault.PARTLY if is_half else Fault.FAILS
        roll -= self.failure
        return Fault.AMBIGUOUS if 0 <= roll < self.ambiguity and isinstance(call, _WRITES) else None


NASTY: Final[Mapping[str, Faults]] = {
    "calm": Faults(),
    "race": Faults(preemption=1.0, duplicate=0.5),
    "crash-at-commit": Faults(crash=0.3, burst=0.3, at=("Commit", "CommitMany")),
    "crash-before-publishing": Faults(
        crash=0.3,
        at=("Pending", "Emit", "Acknowledge", "PendingMany", "AcknowledgeMany"),
    ),
    "crash-at-several": Faults(
        crash=0.4,
        preemption=0.9,
        burst=0.8,
        at=("LoadMany", "CommitMany", "PendingMany", "AcknowledgeMany"),
    ),
    "crash-on-start": Faults(crash=0.1, at=("ReadAgenda", "Now", "Load", "LoadMany")),
    "lost-answers": Faults(ambiguity=0.5, preemption=0.6),
    "sink-down": Faults(failure=0.8, at=("Emit",)),
    "store-down": Faults(
        failure=0.4,
        at=("Load", "Commit", "Pending", "ReadAgenda", "LoadMany", "CommitMany", "PendingMany"),
    ),
    "bursts": Faults(burst=0.8, preemption=0.9, duplicate=0.3, reorder=0.3),
    "flood": Faults(duplicate=0.5, reorder=0.6, repeat=0.6, twice=0.5),
    "outages": Faults(outage=0.2, crash=0.01, slow=0.3),
    "wild-clocks": Faults(skew=1.0, jump=0.1, mute=0.2),
    "nobody-answers": Faults(mute=0.6, dying=0.6),
    "all-fails": Faults(preemption=0.6, failing=0.6, dying=0.1, slow=0.2, progress=0.3, edge=0.1),
    "two-minds": Faults(preemption=0.9, duplicate=0.3, twice=0.8, edge=0.2),
    "two-calendars": Faults(calendar=1.0, edge=0.2, skew=0.5, preemption=0.6),
}
"""Nasty mixes by name; a seed may draw one of them."""


def faults_of(seed: int) -> tuple[str, Faults]:
    """Return the name and the mix of a seed: a nasty one, or a swarm (half of all faults are off).

    A fault that is always there hides what shows only without it, so each seed leaves many out.
    """
    chance = Dice(f"faults of {seed}")
    if chance.random() < 0.25:
        name = chance.choice(list(NASTY))
        return name, NASTY[name]

    def some(*often: float) -> float:
        return chance.choice(often) if chance.random() < 0.5 else 0.0

    return "swarm", Faults(
        crash=some(0.005, 0.02, 0.05),
        failure=some(0.01, 0.05, 0.2),
        ambiguity=some(0.05, 0.2),
        preemption=chance.choice((0.05, 0.3, 0.9)),
        duplicate=some(0.1, 0.4),
        reorder=some(0.3),
        repeat=some(0.3),
        mute=some(0.1, 0.4),
        dying=some(0.1, 0.4),
        twice=some(0.2),
        slow=some(0.2),
        failing=some(0.1, 0.5),
        progress=some(0.3, 0.9),
        skew=some(0.5),
        jump=some(0.01, 0.05),
        outage=some(0.02),
        edge=some(0.05, 0.3),
        burst=some(0.1, 0.5, 0.9),
        calendar=some(1.0),
    )


def table(hits: Counter[Pair]) -> str:
    """Return how often what happened at which call, as a table to print."""
    names = [kind.__name__ for kind in CALLS]
    rows = [["", *names]]
    for fault in (*Fault, *Mishap):
        if fault in WHERE:
            cells = ["" if (fault, name) not in PAIRS else str(hits[fault, name]) for name in names]
            rows.append([fault.value, *cells])
    outside = [fault for fault in Mishap if fault not in WHERE]
    widths = [max(12, len(name) + 1) for name in names]
    shown = [
        f"{row[0]:30}"
        + "".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
        for row in rows
    ]
    shown += [f"{fault.value:30}{hits[fault, '']:>12}" for fault in outside]
    return "\n".join(row.rstrip() for row in shown) + "\n"
