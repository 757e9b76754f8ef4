"""Play seeds from the command line: ``python -m sequencectl.testing.simulation --help``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from functools import partial

from sequencectl.testing.exploration.progress import Row
from sequencectl.testing.simulation import NASTY, SimulationFailed, simulate
from sequencectl.testing.simulation.faults import PAIRS, Pair, table
from sequencectl.testing.simulation.mistakes import MISTAKES


def main(arguments: Sequence[str]) -> int:
    """Play seeds as the command line says; print the table, or the first seed that fails."""
    parser = ArgumentParser("sequencectl.testing.simulation", description="Play seeds.")
    parser.add_argument("--seed", type=int, help="play this seed alone and print its calls")
    parser.add_argument("--seeds", type=int, default=5_000, help="play so many")
    parser.add_argument("--first", type=int, default=0, help="begin with this one")
    parser.add_argument("--faults", choices=list(NASTY), help="what goes wrong")
    parser.add_argument("--mistake", choices=list(MISTAKES), help="play a wrong protocol")
    parser.add_argument("--fewest", type=int, default=10, help="of each cell of the table")
    given = parser.parse_args(arguments)
    play = partial(simulate, faults=given.faults, mistake=given.mistake)
    hits: Counter[Pair] = Counter()
    several = range(given.first, given.first + given.seeds)
    seeds = several if given.seed is None else [given.seed]
    made = events = 0
    row = Row(sys.stderr)
    for done, seed in enumerate(seeds):
        row.show(done, len(seeds), f"{done} of {len(seeds)} seeds, {made} calls")
        try:
            report = play(seed=seed)
        except SimulationFailed as failure:
            row.clear()
            shown = () if given.seed is None else failure.calls
            _say(*map(str, shown), str(failure))
            return 1
        if given.seed is not None:
            row.clear()
            _say(*map(str, report.calls), str(report))
            return 0
        hits += report.hits
        made += len(report.calls)
        events += report.events
    row.clear()
    _say(table(hits), f"{len(seeds)} seeds, {made} calls, {events} events: nothing broken")
    rare = [pair for pair in PAIRS if hits[pair] < given.fewest]
    for what, call in rare:
        _say(f"met less than {given.fewest} times: {what.value}{call and ' at ' + call}")
    return 1 if rare else 0


def _say(*rows: str) -> None:
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
