"""The delivery of 13 commands again, now through `SequenceController` on SQLite.

How many commands a second with `synchronous` FULL and NORMAL, where the time goes, and the same
while 10 000 others wait: neither a load nor a commit may depend on the size of a project.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar
from unittest.mock import patch

import attrs

from examples.stores import sqlite
from examples.stores.database import Synchronous
from examples.stores.sqlite import SqliteStore
from sequencectl import (
    Bounds,
    Command,
    ControlPlane,
    Event,
    PauseSequence,
    ProjectState,
    ResumeSequence,
    TaskTriggered,
    TriggerSequence,
    combine,
    evolve,
)
from sequencectl.controller import SequenceController
from sequencectl.testing import ManualClock
from tests.bench.measure import interleaved
from tests.bench.programs import NOW, PLANE, TASKS

T = TypeVar("T")

_PROJECT = "bench"
_COMMANDS = 13
DURABLE = attrs.evolve(PLANE, bounds=Bounds(retain=10))  # forgetting takes part, as it does in time
_MODES: tuple[Synchronous, ...] = ("FULL", "NORMAL")
_PARTS = ("core", "codec", "SQLite", "the rest")
_CODEC = ("dump_changes", "dump_event", "dump_header", "load_event", "load_header", "load_record")


def durable(rounds: int = 10, sizes: Sequence[int] = (10, 10_000)) -> None:
    """Measure and print."""
    print(
        f"\nDurable: the same delivery through SequenceController on SQLite, {_COMMANDS} commands"
    )
    with TemporaryDirectory(prefix="sequencectl-bench-") as folder, ExitStack() as stack:
        stores: dict[tuple[Synchronous, int], SqliteStore] = {}
        for size in sizes:
            crowd = Path(folder) / f"{size}.db"
            _gather(crowd, size)
            for mode in _MODES:
                path = Path(folder) / f"{mode}-{size}.db"
                shutil.copy(crowd, path)
                stores[mode, size] = stack.enter_context(SqliteStore(path, synchronous=mode))
        programs = {key: deliveries(DURABLE, store) for key, store in stores.items()}
        _print_speed(programs, rounds)
        for mode in _MODES:
            _print_shares(mode, stores[mode, sizes[0]])


def _print_speed(programs: dict[tuple[Synchronous, int], Callable[[], int]], rounds: int) -> None:
    names = {key: f"{key[0]:7}{key[1]:>7,} waiting" for key in programs}
    figures = interleaved(
        {names[key]: program for key, program in programs.items()}, rounds=rounds, runs=1
    )
    first: dict[Synchronous, float] = {}
    for mode, size in sorted(programs):
        figure = figures[names[mode, size]]
        per_second = [1e6 * _COMMANDS / each for each in (figure.median, figure.high, figure.low)]
        ratio = figure.median / first.setdefault(mode, figure.median)
        median, low, high = (f"{each:,.0f}" for each in per_second)
        speed = f"{median:>8} commands/s  ({low} to {high})"
        print(f"  {names[mode, size]:36}{speed}   {ratio:5.2f} x")


def _print_shares(mode: str, store: SqliteStore) -> None:
    spent = _Spent()
    with spent.measuring(store):
        deliver = deliveries(_Timed(DURABLE, spent), store, name="timed")
        deliver()
        spent.seconds.clear()
        for _ in range(10):
            deliver()
    whole = sum(spent.seconds.values())
    shares = ", ".join(f"{part} {spent.seconds[part] / whole:.0%}" for part in _PARTS)
    print(f"  where the time goes, {mode}: {shares}")


def _gather(path: Path, size: int) -> None:
    """Make a file of a project in which so many wait, in ten lanes that are all held."""
    state, decisions = DURABLE.initial(_PROJECT), []
    for number in range(size + 10):
        command = TriggerSequence(
            f"w{number}", stage="busy", sequence="delivery", service=f"s{number % 10}"
        )
        decisions.append(DURABLE.decide(state, command, NOW))
        state = decisions[-1].state
    with SqliteStore(path, synchronous="NORMAL") as store:
        store.commit(combine(*decisions))
        store.acknowledge(_PROJECT, through=state.serial)


def deliveries(
    plane: ControlPlane | _Timed, store: SqliteStore, *, name: str = "c"
) -> Callable[[], int]:
    """Return the delivery, each time another one, through one controller."""
    controller = SequenceController(
        lambda _project: plane,  # type: ignore[arg-type, return-value] # a _Timed decides as well
        store=store,
        clock=ManualClock(NOW),
        sink=Nowhere(),
    )
    numbers = count()

    def run() -> int:
        context, commands = f"{name}{next(numbers)}", 0

        def tell(command: Command) -> list[TaskTriggered]:
            nonlocal commands
            commands += 1
            events = controller.handle(_PROJECT, command).decision.events
            return [event for event in events if isinstance(event, TaskTriggered)]

        triggered = tell(
            TriggerSequence(context, stage="dev", sequence="delivery", service="carts")
        )
        for task in TASKS:
            (each,) = triggered
            tell(each.started(source="x"))
            if task == TASKS[1]:
                tell(PauseSequence(context))
            triggered = tell(each.finished(source="x", result="pass"))
            if task == TASKS[1]:
                triggered = tell(ResumeSequence(context))
        assert (_COMMANDS, []) == (commands, triggered)
        return commands

    return run


class Nowhere:
    """A sink that costs nothing."""

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Forget the events."""


class _Spent:
    """Seconds by part: what one part calls is charged to the other, not to both."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._parts = ["the rest"]
        self._since = perf_counter()

    def timed(self, part: str, function: Callable[..., T]) -> Callable[..., T]:
        """Return a function that charges a part with its time."""

        def call(*arguments: Any, **named: Any) -> T:
            self._charge()
            self._parts.append(part)
            try:
                return function(*arguments, **named)
            finally:
                self._charge()
                self._parts.pop()

        return call

    @contextmanager
    def measuring(self, store: SqliteStore) -> Iterator[None]:
        """Charge what this store calls to its parts."""
        with ExitStack() as stack:
            for name in _CODEC:
                call = self.timed("codec", getattr(sqlite, name))
                stack.enter_context(patch.object(sqlite, name, call))
            call = self.timed("core", evolve)
            stack.enter_context(patch.object(sqlite, "evolve", call))
            timed = _TimedConnection(store._database.connection, self)
            stack.enter_context(patch.object(store._database, "connection", timed))
            yield

    def _charge(self) -> None:
        now = perf_counter()
        self.seconds[self._parts[-1]] += now - self._since
        self._since = now


class _Timed:
    """A plane whose decisions are charged to the core."""

    def __init__(self, plane: ControlPlane, spent: _Spent) -> None:
        self._initial = plane.initial
        self.decide = spent.timed("core", plane.decide)

    def initial(self, project: str) -> ProjectState:
        """Return what the plane returns."""
        return self._initial(project)


class _TimedConnection:
    """A connection whose statements are charged to SQLite."""

    def __init__(self, connection: Any, spent: _Spent) -> None:
        self._connection = connection
        self.execute = spent.timed("SQLite", connection.execute)
        self.executemany = spent.timed("SQLite", connection.executemany)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._connection.in_transaction)
