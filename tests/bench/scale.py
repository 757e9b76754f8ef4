"""Past one command at a time and past one process: ``python3 dev.py bench scale``.

Whole rounds of deliveries, their events published and acknowledged, on SQLite and on a PostgreSQL
server of our own, both of which wait for the disk at each commit: one command a commit or many,
one process or several, a project each or one for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, final

from examples.postgres.server import CannotServe, PrivateServer
from sequencectl import Decision
from tests.bench.abreast import COMMANDS, deliveries, in_batches, one_by_one
from tests.bench.measure import Figure, interleaved
from tests.bench.replica import ABREAST, Replica, Tally, opened, replicas

_BATCHES: Final = (8, 64, 256)
_TOGETHER: Final = 3


def scale(rounds: int) -> None:
    """Measure and print; without PostgreSQL on this machine, SQLite alone.

    The server has PostgreSQL's own settings, with which what is committed survives a power cut.
    """
    print("\nScale: deliveries of 13 commands, published and acknowledged; every commit is synced")
    with TemporaryDirectory(prefix="sequencectl-bench-") as folder:
        _sync(Path(folder) / "synced")
        _batches("SQLite, FULL", _files(Path(folder)), rounds)
        try:
            with PrivateServer() as server:
                _on_postgres(server, rounds)
        except CannotServe as error:
            print(f"  not measured: {error}")
        _processes(
            "SQLite, a file each", [str(Path(folder) / f"own-{n}.db") for n in range(2)], rounds
        )
        _processes("SQLite, one file", [str(Path(folder) / "shared.db")] * 2, rounds)


def _sync(path: Path) -> None:
    """Print what a commit cannot do without: some bytes are written and synced."""
    with path.open("wb", buffering=0) as file:

        def run() -> int:
            file.write(bytes(8_192))
            os.fsync(file.fileno())
            return 1

        figure = interleaved({"": run}, rounds=100, runs=1)[""]
    print(f"  {'a write of 8 KiB, and its sync':34}{figure}")


def _on_postgres(server: PrivateServer, rounds: int) -> None:
    numbers = iter(range(1_000))

    def new() -> str:
        return server.create(f"bench{next(numbers)}")

    _batches("PostgreSQL", new, rounds)
    _read_back(new, rounds)
    _processes("PostgreSQL, one database", [new()] * 2, rounds)
    _one_project(new(), rounds)


def _files(folder: Path) -> Callable[[], str]:
    numbers = iter(range(1_000))
    return lambda: str(folder / f"{next(numbers)}.db")


# ---------------------------------------------------------------- batches


def _batches(where: str, new: Callable[[], str], rounds: int) -> None:
    """One by one, and so many in a batch; as many deliveries side by side as are in a batch."""
    with ExitStack() as stack:

        def store() -> Any:
            return stack.enter_context(opened(new()))

        programs = {1: deliveries(store(), "p", abreast=ABREAST, by=one_by_one)}
        for size in _BATCHES:
            programs[size] = deliveries(store(), "p", abreast=size, by=in_batches)
        counts = {size: COMMANDS * (ABREAST if size == 1 else size) for size in programs}
        _print(f"{where}, commands in a commit", programs, counts, rounds)


def _print(
    title: str,
    programs: Mapping[int, Callable[[], int]],
    counts: Mapping[int, int],
    rounds: int,
) -> None:
    print(f"  {title}")
    named = {f"{size:,}": program for size, program in programs.items()}
    figures = interleaved(named, rounds=rounds, runs=1)
    each = {size: figures[f"{size:,}"].per(counts[size]) for size in programs}
    for size, figure in each.items():
        print(f"    {size:<32,}{figure.rate(1):40}{each[1].over(figure)}")


@final
class _ReadsBack:
    """A store as all were before: each command loads first, and reads back what it has to publish.

    `load` is asked what the store has at the very place where a controller would ask: before it
    commits. So it costs what it cost.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self.load, self.pending = store.load, store.pending
        self.acknowledge, self.agenda = store.acknowledge, store.agenda

    def commit(self, decision: Decision) -> None:
        """Load, commit, and say nothing of the outbox."""
        assert self._store.load(decision.project, known=decision.before) is not None or (
            decision.base == 0
        )
        self._store.commit(decision)


def _read_back(new: Callable[[], str], rounds: int) -> None:
    with opened(new()) as plain, opened(new()) as other:
        programs = {
            "loads and reads back": deliveries(
                _ReadsBack(other), "p", abreast=ABREAST, by=one_by_one
            ),
            "knows": deliveries(plain, "p", abreast=ABREAST, by=one_by_one),
        }
        figures = interleaved(programs, rounds=rounds, runs=1)
    print("  PostgreSQL, one by one")
    slow = figures["loads and reads back"]
    for name, figure in figures.items():
        print(f"    {name:<32}{figure.rate(COMMANDS * ABREAST):40}{slow.over(figure)}")


# ---------------------------------------------------------------- processes


def _processes(where: str, places: Sequence[str], rounds: int) -> None:
    """One process with a project, and two at once with a project each; one by one, and batches."""
    with replicas([(place, f"p{number}") for number, place in enumerate(places)]) as processes:
        for batch in (1, 16):
            team = _Team(processes, batch=batch, holding=False)
            programs = {"1": lambda team=team: team.work(1), "2": lambda team=team: team.work(2)}
            figures = interleaved(programs, rounds=rounds, runs=1)
            title = "one by one" if batch == 1 else f"{batch} in a commit"
            print(f"  {where}: a process for each project, {title}")
            one = figures["1"].per(COMMANDS * ABREAST)
            for name in programs:
                each = figures[name].per(COMMANDS * ABREAST * int(name))
                print(f"    {name:<32}{each.rate(1):40}{one.over(each)}")


def _one_project(place: str, rounds: int) -> None:
    """Several processes on one project: who decides holds its lock, or everybody tries."""
    with replicas([(place, "p")] * _TOGETHER) as processes:
        teams = {
            ("holding", 1): _Team(processes, batch=1, holding=True),
            ("holding", 16): _Team(processes, batch=16, holding=True),
            ("not holding", 1): _Team(processes, batch=1, holding=False),
            ("not holding", 16): _Team(processes, batch=16, holding=False),
        }
        programs = {
            f"{held}, {batch} in a commit": lambda team=team: team.work(_TOGETHER)
            for (held, batch), team in teams.items()
        }
        figures = interleaved(programs, rounds=rounds, runs=1)
    print(f"  PostgreSQL: one project, {_TOGETHER} processes")
    for (name, figure), team in zip(figures.items(), teams.values(), strict=True):
        print(f"    {name:<32}{_told(figure, team.tally)}")


def _told(figure: Figure, tally: Tally) -> str:
    conflicts = tally.conflicts / tally.commands
    return (
        f"{figure.rate(COMMANDS * ABREAST * _TOGETHER):40}{conflicts:6.3f} conflicts a command, "
        f"{tally.gave_up} Contention"
    )


@final
class _Team:
    """Processes that work at once, and what came of it."""

    def __init__(self, processes: Sequence[Replica], *, batch: int, holding: bool) -> None:
        self._processes = processes
        self._batch, self._holding = batch, holding
        self.tally = Tally(0, 0, 0)

    def work(self, count: int) -> int:
        """Have so many of them deliver at once; wait for all."""
        team = self._processes[:count]
        for each in team:
            each.ask(batch=self._batch, holding=self._holding)
        for each in team:
            self.tally += each.answer()
        return self.tally.commands
