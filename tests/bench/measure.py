"""Measuring: programs take turns in one process, so that whatever slows one slows the others.

The garbage collector runs, as it does in a host, and what was there before the first round is none
of its business: a program that leaves cycles behind pays for them, and nobody for another's set-up.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

import attrs


@attrs.frozen
class Ratio:
    """How many times as long: the median over the rounds, and the quartiles around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:6.2f} x  ({self.low:.2f} to {self.high:.2f})"


@attrs.frozen
class Figure:
    """Microseconds per run: the median, and the quartiles around it; and each round's own."""

    median: float
    low: float
    high: float
    samples: tuple[float, ...] = attrs.field(default=(), repr=False)

    def per(self, count: int) -> Figure:
        """Return what each of so many things takes that a run does."""
        return figure_of([taken / count for taken in self.samples])

    def less(self, other: Figure) -> Figure:
        """Return by how much this takes longer than another, round by round."""
        pairs = zip(self.samples, other.samples, strict=True)
        return figure_of([mine - theirs for mine, theirs in pairs])

    def over(self, other: Figure) -> Ratio:
        """Return how many times as long as another this takes, round by round."""
        pairs = zip(self.samples, other.samples, strict=True)
        low, median, high = statistics.quantiles([mine / theirs for mine, theirs in pairs], n=4)
        return Ratio(median, low, high)

    def rate(self, count: int) -> str:
        """Say how many a second that is, if a run does so many."""
        median, low, high = (1e6 * count / each for each in (self.median, self.high, self.low))
        return f"{median:8,.0f}/s  ({low:,.0f} to {high:,.0f})"

    def __str__(self) -> str:
        return f"{self.median:8.1f} µs  ({self.low:.1f} to {self.high:.1f})"


def interleaved(
    programs: Mapping[str, Callable[[], int]], *, rounds: int, runs: int
) -> dict[str, Figure]:
    """Return what each program takes; they take turns, each with `runs` runs in each round."""
    samples: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        program()
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for name, program in programs.items():
                begin = time.perf_counter()
                for _ in range(runs):
                    program()
                samples[name].append((time.perf_counter() - begin) / runs * 1e6)
    finally:
        gc.unfreeze()
    return {name: figure_of(taken) for name, taken in samples.items()}


def figure_of(taken: list[float]) -> Figure:
    """Return the median and the quartiles of what each round took."""
    low, median, high = statistics.quantiles(taken, n=4)
    return Figure(median, low, high, tuple(taken))
