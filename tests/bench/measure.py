"""Measuring: programs take turns in one process, so that whatever slows one slows the others."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

import attrs


@attrs.frozen
class Figure:
    """Microseconds per run: the median, and the quartiles around it."""

    median: float
    low: float
    high: float

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
    gc.disable()
    try:
        for _ in range(rounds):
            for name, program in programs.items():
                begin = time.perf_counter()
                for _ in range(runs):
                    program()
                samples[name].append((time.perf_counter() - begin) / runs * 1e6)
            gc.collect()
    finally:
        gc.enable()
    return {name: _figure(taken) for name, taken in samples.items()}


def _figure(taken: list[float]) -> Figure:
    low, median, high = statistics.quantiles(taken, n=4)
    return Figure(median, low, high)
