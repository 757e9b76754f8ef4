"""Print how fast decisions are: ``python3 dev.py bench [--rounds N] [--largest N]``.

First a delivery of 13 commands through `ControlPlane.decide`, with 1 000 others waiting, beside the
same steps on a `transitions.Machine` made for each sequence; then how `decide` grows with what
waits. Ratios within this run are what counts; a time by itself says more about the machine.
"""

from __future__ import annotations

import argparse
import platform

from tests.bench.durable import durable
from tests.bench.measure import interleaved
from tests.bench.programs import control_plane, machine_per_sequence, waiting

_SIZES = (1_000, 10_000, 100_000)
_OURS = "ControlPlane.decide, 1 000 waiting"
_MACHINE = "transitions.Machine per sequence"
_QUIET = "the same, auto_transitions=False"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="rounds of taking turns")
    parser.add_argument("--largest", type=int, default=_SIZES[-1], help="the most that wait")
    arguments = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, median (quartiles)")
    _delivery(arguments.rounds)
    _growth(arguments.rounds, [size for size in _SIZES if size <= arguments.largest])
    durable(min(arguments.rounds, 10))


def _delivery(rounds: int) -> None:
    print("\nA delivery: 13 commands, 28 events")
    programs = {
        _OURS: control_plane(waiting(1_000)),
        _MACHINE: machine_per_sequence(),
        _QUIET: machine_per_sequence(auto_transitions=False),
    }
    figures = interleaved(programs, rounds=rounds, runs=5)
    for name, figure in figures.items():
        ratio = figure.median / figures[_OURS].median
        print(f"  {name:36}{figure}   {ratio:5.2f} x")
    print("  A Machine only moves through phases; it keeps no line, payload, event or old state.")


def _growth(rounds: int, sizes: list[int]) -> None:
    print("\nGrowth: the same delivery while others wait in ten other lanes")
    programs = {f"{size:>9,} waiting": control_plane(waiting(size)) for size in sizes}
    figures = interleaved(programs, rounds=rounds, runs=5)
    first = next(iter(figures.values())).median
    for name, figure in figures.items():
        print(f"  {name:36}{figure}   {figure.median / first:5.2f} x")


if __name__ == "__main__":
    main()
