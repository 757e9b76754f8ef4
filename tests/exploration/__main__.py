"""Command line of the exploration: ``python3 dev.py explore [--deep] [--limit N] [SLICE ...]``.

Explores each slice to its end and prints its figures as ``figures.toml`` has them. The exit status
is 1 if a rule is broken, if a figure is another one, or if the end was not reached.
"""

import argparse
import sys
import time
import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sequencectl.testing.exploration import Counterexample, Exploration, Progress
from sequencectl.testing.exploration.progress import Row
from tests.exploration.slices import SLICES

FIGURES = Path(__file__).with_name("figures.toml")


def entry(name: str, found: Exploration) -> str:
    """The figures of a slice as a line of ``figures.toml``."""
    figures = f"states = {found.states}, transitions = {found.transitions}"
    return f'"{name}" = {{ {figures}, diameter = {found.diameter} }}'


def show(row: Row, name: str, known: int, progress: Progress) -> None:
    """Show how many of the states that are known from other runs are visited."""
    visited = progress.states - progress.waiting
    text = f"{name}: {progress.states} states, {progress.transitions} transitions"
    row.show(min(visited, known), known, f"{text}, {progress.waiting} waiting")


def main(arguments: Sequence[str], *, figures: Path = FIGURES) -> int:
    """Run the command line and give the exit status."""
    parser = argparse.ArgumentParser("dev.py explore", description="Explore what can happen.")
    parser.add_argument("--deep", action="store_true", help="more sequences or executors in each")
    parser.add_argument("--limit", type=int, default=1_000_000, help="so many states at most")
    parser.add_argument("names", nargs="*", metavar="SLICE", help=", ".join(SLICES))
    options = parser.parse_args(arguments)
    unknown = set(options.names) - SLICES.keys()
    if unknown:
        parser.error(f"no such slice: {', '.join(sorted(unknown))}")
    wanted = tomllib.loads(figures.read_text(encoding="utf-8"))
    wanted = wanted["deep"] if options.deep else wanted
    failed, row = 0, Row(sys.stderr)
    for name in options.names or SLICES:
        begin = time.perf_counter()
        place = SLICES[name].deep if options.deep else SLICES[name]
        known = wanted.get(name, {}).get("states", options.limit)
        try:
            found = place.explore(limit=options.limit, progress=partial(show, row, name, known))
        except Counterexample as broken:
            row.clear()
            print(f"{name}: {broken}", flush=True)
            failed += 1
            continue
        row.clear()
        seconds = time.perf_counter() - begin
        seen, said = tomllib.loads(entry(name, found))[name], ""
        if not found.is_complete:
            said = f"; BOUND REACHED: there are more than {options.limit} states"
        elif seen != wanted.get(name):
            said = f"; figures.toml says {wanted.get(name)}"
        failed += bool(said)
        print(f"{entry(name, found)}  # {seconds:.1f} s{said}", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
