"""Every schedule of the small worlds: part of ``python3 dev.py simulate``; prints how many."""

from __future__ import annotations

import sys
import time

from sequencectl.testing.simulation.schedules import ScheduleFailed, explore
from tests.simulation.small_worlds import PLANE, QUICK, THOROUGH


def main() -> int:
    """Go through all of them, and give the exit status."""
    begin = time.perf_counter()
    for name, world in {**QUICK, **THOROUGH}.items():
        try:
            explored = explore(PLANE, **world)
        except ScheduleFailed as failure:
            print(*failure.calls, f"{name}: {failure}", sep="\n")
            return 1
        print(f"{name}: {explored.states} states, {explored.schedules} schedules", flush=True)
    print(f"every schedule keeps every promise ({time.perf_counter() - begin:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
