"""How much time and memory it takes to read a document, beside `json.loads` of the same bytes.

A ratio within one run says more than a time: both take turns, and the best of five turns is what
neither the collector nor another program had a part in. Memory is the peak that Python's own
allocations reach above where they began, so that it is the same at each run.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from math import inf
from typing import Any, Final

import attrs

MOST_TIME: Final = 20.0
"""So many times as long as `json.loads` may reading take, from `LARGE_ENOUGH` bytes on."""

MOST_MEMORY: Final = 40.0
"""So many times as much memory as `json.loads` may it take at its peak."""

LARGE_ENOUGH: Final = 100_000
_FLOOR: Final = 1_024  # an exception takes as much, and a small document little more
_TURNS: Final = 5
_MORE_TURNS: Final = 40  # before it is said to be too long

Read = Callable[[bytes], Any]


@attrs.frozen(order=True)
class Ratio:
    """How many times as much as `json.loads` something takes, and what made it so."""

    value: float
    name: str = ""
    data: bytes = b""

    def __str__(self) -> str:
        start = self.data[:48].hex()
        cut = f"... ({len(self.data):,} bytes)" if len(self.data) > 48 else ""
        return f"{self.value:6.1f} x  {self.name}: {start}{cut}"


def _read(read: Read, data: bytes) -> None:
    try:
        read(data)
    except Exception:  # noqa: BLE001 - verdicts say which ones may come
        return


def time_ratio(read: Read, data: bytes) -> float:
    """How many times as long as `json.loads` a reader takes; two turns do if that is not long."""
    readers, best, ratio = (json.loads, read), [inf, inf], 0.0
    for turn in range(1, _MORE_TURNS + 1):
        for at, each in enumerate(readers):
            begin = time.perf_counter()
            _read(each, data)
            best[at] = min(best[at], time.perf_counter() - begin)
        ratio = best[1] / best[0]
        if (turn > 1 and ratio < MOST_TIME / 2) or (turn >= _TURNS and ratio <= MOST_TIME):
            break
    return ratio


def memory_ratio(read: Read, data: bytes) -> float:
    """How many times as much memory as `json.loads` a reader takes; `tracemalloc` must be on."""
    _read(read, data)  # what is made once, such as the code that reads a type, is no part of it
    return _peak(read, data) / max(_peak(json.loads, data), _FLOOR)


def _peak(read: Read, data: bytes) -> int:
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    _read(read, data)
    _, peak = tracemalloc.get_traced_memory()
    return peak - before


class Tracing:
    """Within it, Python notes what it allocates."""

    def __enter__(self) -> None:
        tracemalloc.start()

    def __exit__(self, *_error: object) -> None:
        tracemalloc.stop()
