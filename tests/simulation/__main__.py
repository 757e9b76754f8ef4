"""Every schedule of the small worlds: part of ``python3 dev.py simulate``; prints how many."""

from __future__ import annotations

import sys
import time
from functools import partial

from sequencectl.testing.exploration import Progress
from sequencectl.testing.exploration.progress import Row
from sequencectl.testing.simulation.schedules import ScheduleFailed, explore
from tests.simulation.small_worlds import QUICK, THOROUGH

WORLDS = {**QUICK, **THOROUGH}


def show(row: Row, number: int, name: str, progress: Progress) -> None:
    """Show which of the worlds is searched, and how far the search has come."""
    row.show(number, len(WORLDS), f"{name}: {progress.states} states, {progress.waiting} waiting")


def main() -> int:
    """Go through all of them, and give the exit status."""
    begin, row = time.perf_counter(), Row(sys.stderr)
    for number, (name, world) in enumerate(WORLDS.items()):
        try:
            explored = explore(**world, progress=partial(show, row, number, name))
        except ScheduleFailed as failure:
            row.clear()
            print(*failure.calls, f"{name}: {failure}", sep="\n")
            return 1
        row.clear()
        print(f"{name}: {explored.states} states, {explored.schedules} schedules", flush=True)
        if not explored.is_complete:
            print(f"{name}: there are more states than the limit")
            return 1
    print(f"every schedule keeps every promise ({time.perf_counter() - begin:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
