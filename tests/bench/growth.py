"""How what a host asks for grows with how many wait: in one line, and spread over many lanes.

Four things are measured on one and the same project: a command of the delivery of `programs.py`
beside those that wait, a command of a newcomer to one of their lines, a `CheckDeadlines` when
nothing is due, and `explain` of the last in line. Nothing of it may grow with a project; a tree
that is a level higher may cost a little.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    Decision,
    PauseSequence,
    ProjectState,
    ResumeSequence,
)
from tests.bench.crowd import ROOMY, arrival, crowd, decided, short_name
from tests.bench.measure import Figure, Ratio, interleaved
from tests.bench.programs import NOW, control_plane

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PER_LANE = 100
_SAMPLE = 0.002  # seconds; what is quicker is repeated until it takes this long
_Program = Callable[[], int]
_SPREADS = ("one lane", f"a lane for {PER_LANE}")


@attrs.frozen
class Curve:
    """What one thing takes, by how many wait."""

    name: str
    spread: str
    points: tuple[tuple[int, Figure], ...]

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        """How many times as long as with the fewest each one takes."""
        _, fewest = self.points[0]
        return tuple(figure.over(fewest) for _, figure in self.points)


def growth(rounds: int, largest: int) -> list[Curve]:
    """Measure, print, and return the curves."""
    sizes = [size for size in SIZES if size <= largest] or [largest]
    print("\nGrowth: a project in which others wait; µs, and ratio to the smallest")
    _check_builder()
    programs: dict[tuple[str, str, int], _Program] = {}
    for size in sizes:
        for spread, lanes in zip(_SPREADS, (1, max(size // PER_LANE, 1)), strict=True):
            begin = time.perf_counter()
            state = crowd(size, lanes=lanes)
            each = (time.perf_counter() - begin) / size * 1e6
            print(f"  built {size:>9,} in {lanes:>6,} lanes, {each:.0f} µs each")
            for name, program in _programs(state, size, lanes).items():
                programs[name, spread, size] = program
    with _left_alone():
        figures = _measured(programs, rounds)
    curves = [
        Curve(name, spread, tuple((size, figures[name, spread, size]) for size in sizes))
        for name, spread in dict.fromkeys((name, spread) for name, spread, _ in programs)
    ]
    for curve in curves:
        _print(curve)
    return curves


def _print(curve: Curve) -> None:
    print(f"  {curve.name}, {curve.spread}")
    for (size, figure), ratio in zip(curve.points, curve.ratios, strict=True):
        print(f"    {size:>9,} waiting  {figure!s:34}{ratio}")


def _programs(state: ProjectState, size: int, lanes: int) -> dict[str, _Program]:
    """Return what is measured on a state; each gives how many times it did it."""
    last = short_name(size + lanes - 1)

    def check() -> int:
        decision = ROOMY.decide(state, CheckDeadlines(), NOW)
        assert decision.state is state
        return 1

    def explain() -> int:
        assert ROOMY.explain(state, last).ahead == (size - 1) // lanes
        return 1

    return {
        "a command of a delivery beside them": control_plane(state),
        "a command of a newcomer in their line": _newcomer(state, size + lanes, lanes),
        "an idle CheckDeadlines": check,
        "explain of the last in line": explain,
    }


def _newcomer(state: ProjectState, number: int, lanes: int) -> _Program:
    """Return how one comes to a line, is paused, resumed and aborted."""
    known = short_name(number)
    commands: Sequence[Command] = (
        arrival(number, lanes),
        PauseSequence(known),
        ResumeSequence(known),
        AbortSequence(known),
    )

    def run() -> int:
        now, decision = state, None
        for command in commands:
            decision = ROOMY.decide(now, command, NOW)
            assert decision.events
            now = decision.state
        assert isinstance(decision, Decision)
        return len(commands)

    return run


def _check_builder() -> None:
    """Assert that the project is what deciding command by command makes."""
    for lanes in (1, 7):
        quick, slow = crowd(200, lanes=lanes), decided(200, lanes=lanes)
        assert quick == slow
        assert quick.index == slow.index


@contextmanager
def _left_alone() -> Iterator[None]:
    """Keep the collector from going through millions of objects between the rounds."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _measured(
    programs: dict[tuple[str, str, int], _Program], rounds: int
) -> dict[tuple[str, str, int], Figure]:
    """Return what each program takes for each of the things it does."""
    repeated, times = {}, {}
    for key, program in programs.items():
        often = _times(program)
        times[key] = often * program()
        repeated[str(key)] = _repeated(program, often)
    figures = interleaved(repeated, rounds=rounds, runs=1)
    return {key: figures[str(key)].per(times[key]) for key in programs}


def _times(program: _Program) -> int:
    """Return how often a program must run to take as long as a sample should."""
    program()
    begin = time.perf_counter()
    program()
    return max(round(_SAMPLE / (time.perf_counter() - begin)), 1)


def _repeated(program: _Program, times: int) -> _Program:
    def run() -> int:
        for _ in range(times):
            program()
        return times

    return run
