"""What many projects need on PostgreSQL: ``python3 dev.py bench capacity [--largest N]``.

10, 100, 1 000 … projects in a database each, of one server: each project has had a delivery, and
has another one whose task is in flight and has a limit. Most of them are idle. Measured are what a
project takes on disk and in the memory of a controller that knows it, and how fast the rest is.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from examples.postgres.server import CannotServe, PrivateServer
from sequencectl import (
    Decision,
    PauseSequence,
    ResumeSequence,
    TaskTriggered,
    TriggerSequence,
    combine,
)
from sequencectl.controller import SequenceController
from sequencectl.testing import ManualClock
from tests.bench.abreast import COMMANDS, deliveries, one_by_one
from tests.bench.durable import DURABLE, Nowhere
from tests.bench.measure import Figure, interleaved
from tests.bench.memory import resident
from tests.bench.programs import NOW
from tests.bench.replica import opened

ROOT: Final = Path(__file__).resolve().parents[2]
SMALLEST: Final = 10
_SOME: Final = 10
_DUE: Final = 50
_AT_ONCE: Final = 200
_SAMPLE: Final = 1_000
"""So many states a controller keeps unless it is told otherwise."""


def capacity(rounds: int, largest: int) -> None:
    """Measure and print; nothing without PostgreSQL on this machine."""
    print("\nCapacity: projects in one PostgreSQL, each with a delivery that is over, and another")
    try:
        with PrivateServer() as server, ExitStack() as stack:
            _measure(server, list(_sizes(largest)), rounds, stack)
    except CannotServe as error:
        print(f"  not measured: {error}")


def _sizes(largest: int) -> Iterator[int]:
    size = SMALLEST
    while size <= largest:
        yield size
        size *= 10


def _measure(server: PrivateServer, sizes: list[int], rounds: int, stack: ExitStack) -> None:
    where = {size: server.create(f"of{size}") for size in sizes}
    stores = {size: stack.enter_context(opened(url)) for size, url in where.items()}
    print("  a project on disk, and in the memory of a controller")
    for size, store in stores.items():
        before = _on_disk(where[size])
        fill(store, size)
        on_disk = (_on_disk(where[size]) - before) / size
        known = min(size, _SAMPLE)
        in_memory = _in_memory(where[size], known) / known if size >= _SAMPLE else None
        told = "" if in_memory is None else f"{in_memory:12,.0f} bytes"
        print(f"    {size:7,} projects {on_disk:12,.0f} bytes{told}")
    _compare("read the agenda", {size: _agenda(each) for size, each in stores.items()}, 20 * rounds)
    _compare(
        "load a project", {size: _load(each, size) for size, each in stores.items()}, 20 * rounds
    )
    programs = {
        size: deliveries(store, "busy", abreast=4, by=one_by_one) for size, store in stores.items()
    }
    _compare("a command to one project, the others idle", programs, rounds, per=COMMANDS * 4)
    programs = {size: _due(store) for size, store in stores.items() if size >= _SAMPLE}
    if programs:
        _compare(f"check a project, {_DUE} are due at once", programs, rounds, per=_DUE)
    programs = {size: _strangers(store, size) for size, store in stores.items()}
    _compare("a command to a project that the host does not know", programs, rounds, per=2 * _SOME)


def _compare(
    title: str, programs: Mapping[int, Callable[[], int]], rounds: int, *, per: int = 1
) -> None:
    named = {f"{size:,} projects": program for size, program in programs.items()}
    figures = [each.per(per) for each in interleaved(named, rounds=rounds, runs=1).values()]
    _print(title, dict(zip(named, figures, strict=True)))


def _print(title: str, figures: Mapping[str, Figure]) -> None:
    print(f"  {title}")
    first = next(iter(figures.values()))
    for name, figure in figures.items():
        print(f"    {name:>16}{figure!s:38}{figure.over(first)}")


# ---------------------------------------------------------------- projects


def name_of(number: int) -> str:
    """The name of a project."""
    return f"project-{number:06}"


def decided(number: int) -> Decision:
    """Return all that has happened in a project so far: one delivery, and the begin of another."""
    name, at = name_of(number), NOW + timedelta(seconds=number)
    decisions = [
        DURABLE.decide(
            DURABLE.initial(name),
            TriggerSequence("first", stage="dev", sequence="delivery", service="carts"),
            at,
        )
    ]
    while tasks := [each for each in decisions[-1].events if isinstance(each, TaskTriggered)]:
        report = tasks[0].finished(source="x", result="pass")
        decisions.append(DURABLE.decide(decisions[-1].state, report, at))
    second = TriggerSequence("second", stage="dev", sequence="delivery", service="carts")
    decisions.append(DURABLE.decide(decisions[-1].state, second, at))
    return combine(*decisions)


def fill(store: Any, size: int) -> None:
    """Put so many projects into a store, many in a transaction, all of them published."""
    numbers = iter(range(size))
    while some := list(islice(numbers, _AT_ONCE)):
        decisions = [decided(number) for number in some]
        answers = store.commit_many(decisions)
        assert all(answer is True for answer in answers.values())
        store.acknowledge_many({each.project: each.state.serial for each in decisions})


def _on_disk(url: str) -> int:
    import psycopg  # whoever measures something else may have no PostgreSQL

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def _in_memory(url: str, size: int) -> int:
    """Return by how much a fresh process grows when it loads so many projects."""
    command = [sys.executable, "-m", "tests.bench.capacity", url, str(size)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return int(json.loads(done.stdout))


# ---------------------------------------------------------------- programs


def _agenda(store: Any) -> Callable[[], int]:
    return lambda: len(store.agenda(limit=500))


def _load(store: Any, size: int) -> Callable[[], int]:
    source = random.Random(1)

    def run() -> int:
        name = name_of(source.randrange(size))
        state = store.load(name)
        assert state.project == name
        return 1

    return run


def _strangers(store: Any, size: int) -> Callable[[], int]:
    """Return what pauses and resumes in some projects, each time by a host that knows none."""
    source, some = random.Random(2), range(size - max(_SOME, size // 10), size)

    def run() -> int:
        chosen = [name_of(number) for number in source.sample(some, _SOME)]
        for command in (PauseSequence("second"), ResumeSequence("second")):
            controller = _controller(store, ManualClock(NOW))
            for name in chosen:
                assert controller.handle(name, command).decision.events
        return 2 * _SOME

    return run


def _due(store: Any) -> Callable[[], int]:
    """Return what checks deadlines when those of the next few projects have passed."""
    clock = ManualClock(store.agenda(limit=1)[0].at - timedelta(seconds=1))
    controller = _controller(store, clock)

    def run() -> int:
        clock.advance(timedelta(seconds=_DUE))
        checked = controller.check_deadlines()
        assert (_DUE, {}) == (len(checked.projects), checked.skipped)
        return _DUE

    return run


def _controller(store: Any, clock: ManualClock) -> SequenceController:
    return SequenceController(DURABLE, store=store, clock=clock, sink=Nowhere(), settle="0s")


def main(url: str, size: str) -> None:
    """Load so many projects and write by how much this process grows, as JSON."""
    with opened(url) as store:
        first = store.load(name_of(0))  # what is made only once
        gc.collect()
        before = resident()
        states = [store.load(name_of(number)) for number in range(int(size))]
        gc.collect()
        assert first == states[0]
        print(json.dumps(resident() - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
