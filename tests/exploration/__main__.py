"""Command line of the exploration: ``python3 dev.py explore [--more N] [--limit N] [SLICE ...]``.

Explores each slice to its end and prints its figures as ``figures.toml`` has them. The exit status
is 1 if a rule is broken or a figure is another one; with ``--more`` there is nothing to compare.
"""

import argparse
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from sequencectl.testing.exploration import Counterexample, Exploration
from tests.exploration.slices import SLICES

FIGURES = Path(__file__).with_name("figures.toml")


def entry(name: str, found: Exploration) -> str:
    """The figures of a slice as a line of ``figures.toml``."""
    figures = f"states = {found.states}, transitions = {found.transitions}"
    return f'"{name}" = {{ {figures}, diameter = {found.diameter} }}'


def main(arguments: Sequence[str], *, figures: Path = FIGURES) -> int:
    """Run the command line and give the exit status."""
    parser = argparse.ArgumentParser("dev.py explore", description="Explore what can happen.")
    parser.add_argument("--more", type=int, default=0, help="so many sequences more than usual")
    parser.add_argument("--limit", type=int, default=1_000_000, help="so many states at most")
    parser.add_argument("names", nargs="*", metavar="SLICE", help=", ".join(SLICES))
    options = parser.parse_args(arguments)
    unknown = set(options.names) - SLICES.keys()
    if unknown:
        parser.error(f"no such slice: {', '.join(sorted(unknown))}")
    wanted = tomllib.loads(figures.read_text(encoding="utf-8"))
    failed = 0
    for name in options.names or SLICES:
        begin = time.perf_counter()
        try:
            found = SLICES[name].explore(more=options.more, limit=options.limit)
        except Counterexample as broken:
            print(f"{name}: {broken}", flush=True)
            failed += 1
            continue
        seconds = time.perf_counter() - begin
        stopped = "" if found.is_complete else "; stopped at the limit"
        seen = tomllib.loads(entry(name, found))[name]
        if not options.more and found.is_complete and seen != wanted.get(name):
            stopped += f"; figures.toml says {wanted.get(name)}"
            failed += 1
        print(f"{entry(name, found)}  # {seconds:.1f} s{stopped}", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
