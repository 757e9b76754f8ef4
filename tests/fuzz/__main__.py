"""Read damaged documents and CloudEvents: ``python3 dev.py fuzz [--seed N] [--count N]``.

Nothing but the typed refusals may come out; what is read is written and read again equal. Reading
takes at most 20 times as long and 40 times as much memory as `json.loads` of the same bytes, and
the reference controller takes at most 10 times as long to read a body. A failure is one line that
says how to see it again: by ``--index`` for a mutant, which is then printed in full, or by
``--shape`` for a large document.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from tests.bench import door
from tests.fuzz.corpus import TARGETS, Target
from tests.fuzz.mutants import Mutant, mutant
from tests.fuzz.ratios import (
    LARGE_ENOUGH,
    MOST_MEMORY,
    MOST_TIME,
    Ratio,
    Tracing,
    memory_ratio,
    time_ratio,
)
from tests.fuzz.shapes import Shape, shapes
from tests.fuzz.verdicts import DECODED, Verdict, judged

COUNT = 100_000
LEAST_JSON = 0.10
LEAST_DECODED = 0.01
SAMPLED = 1_000
MOST_LINES = 20
RATIOS = {"time": MOST_TIME, "memory": MOST_MEMORY}


@attrs.define
class Tally:
    """What came of the mutants of one target."""

    outcomes: Counter[str] = attrs.Factory(Counter)
    valid: int = 0

    def add(self, verdict: Verdict) -> None:
        """Count one more."""
        self.outcomes[verdict.outcome] += 1
        self.valid += verdict.is_json

    def line(self, name: str) -> str:
        """One line of the table."""
        total = self.outcomes.total()
        parts = ", ".join(f"{word} {count:,}" for word, count in self.outcomes.most_common())
        valid, decoded = self.valid / total, self.outcomes[DECODED] / total
        return f"{name:12}{total:9,}{valid:12.1%}{decoded:11.1%}   {parts}"

    def problem(self) -> str:
        """Why these mutants show little; empty if they show enough."""
        total = self.outcomes.total()
        if self.valid < LEAST_JSON * total:
            return f"only {self.valid} of {total} mutants are JSON"
        if self.outcomes[DECODED] < LEAST_DECODED * total:
            return f"only {self.outcomes[DECODED]} of {total} mutants are read"
        return ""


def fuzz(seed: int, count: int, targets: Mapping[str, Target] = TARGETS) -> list[str]:
    """Read so many mutants, print the table, and return a line for each failure."""
    tallies = {name: Tally() for name in targets}
    failures = []
    for index in range(count):
        made = mutant(seed, index)
        verdict = judged(made, targets)
        tallies[made.target].add(verdict)
        if verdict.problem:
            failures.append(replay_line(made, verdict.problem))
    print(f"{'corpus':12}{'mutants':>9}{'valid JSON':>12}{'decode':>11}   outcomes")
    every = Tally()
    for name, tally in tallies.items():
        if tally.outcomes:
            print(tally.line(name))
            failures += [f"{name}: {tally.problem()}"] if tally.problem() else []
        every.outcomes += tally.outcomes
        every.valid += tally.valid
    print(every.line("all"))
    return failures


def replay_line(made: Mutant, problem: str) -> str:
    """The line that shows a mutant again, and what is wrong with it."""
    return f"python3 dev.py fuzz --seed {made.seed} --index {made.index}: {made.name} {problem}"


def measure(
    seed: int,
    count: int,
    large: Iterable[Shape],
    targets: Mapping[str, Target] = TARGETS,
) -> list[str]:
    """Measure a sample of mutants and the large shapes, print the worst, and return the failures.

    Time is measured of large documents alone: of small ones one would see the constants.
    """
    worst = {"time": Ratio(0.0), "memory of a mutant": Ratio(0.0), "memory of a shape": Ratio(0.0)}
    failures = []

    def note(what: str, found: Ratio, again: str) -> None:
        worst[what] = max(worst[what], found)
        limit = RATIOS[what.partition(" ")[0]]
        if found.value > limit:
            failures.append(f"{again}: {what} is {found.value:.1f} x json.loads, more than {limit}")

    with Tracing():
        for index in range(0, count, max(1, count // SAMPLED)):
            made = mutant(seed, index)
            if made.target == "compact":
                continue  # to inflate takes some 80 kB, however little there is
            ratio = memory_ratio(targets[made.target].read, made.data)
            found = Ratio(ratio, f"{made.name} --index {index}", made.data)
            note("memory of a mutant", found, replay_line(made, ""))
    for shape in large:
        read, again = targets[shape.target].read, f'python3 dev.py fuzz --shape "{shape.name}"'
        if len(shape.data) >= LARGE_ENOUGH:
            note("time", Ratio(time_ratio(read, shape.data), shape.name, shape.data), again)
        with Tracing():
            ratio = memory_ratio(read, shape.data)
        note("memory of a shape", Ratio(ratio, shape.name, shape.data), again)
    for what, most in worst.items():
        print(f"most {what:20}{most}")
    return failures


def show(seed: int, index: int) -> list[str]:
    """Print one mutant and what comes of it."""
    made = mutant(seed, index)
    print(f"{made.name}, {len(made.data)} bytes: {made.data.hex()}\n{made.data!r}")
    verdict = judged(made)
    print(verdict)
    if verdict.problem:
        TARGETS[made.target].check(made.data, TARGETS[made.target].read(made.data))
    return [verdict.problem] if verdict.problem else []


def measure_shapes(name: str) -> list[str]:
    """Measure the large shapes of which the name holds this text, each by itself."""
    failures = []
    for shape in shapes():
        if name in shape.name:
            read = TARGETS[shape.target].read
            seconds = time_ratio(read, shape.data)
            with Tracing():
                ratio = memory_ratio(read, shape.data)
            print(f"time {seconds:6.1f} x, memory {ratio:6.1f} x  {shape.target}: {shape.name}")
            failures += [shape.name] if seconds > MOST_TIME or ratio > MOST_MEMORY else []
    return failures


def measure_bodies(size: int = 400_000) -> list[str]:
    """Measure how long the reference controller takes to read the bodies that cost most."""
    ratios = [
        Ratio(time_ratio(door.read, body), name, body) for name, body in door.bodies(size).items()
    ]
    print(f"most time of a body     {max(ratios, key=lambda each: each.value)}")
    return [f"a body: {ratio}" for ratio in ratios if ratio.value > door.MOST]


def main(arguments: Sequence[str]) -> int:
    """Run the command line and give the exit status: 1 if anything failed."""
    parser = argparse.ArgumentParser("dev.py fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other mutants")
    parser.add_argument("--count", type=int, default=COUNT, help="how many mutants")
    parser.add_argument("--index", type=int, help="show this mutant alone")
    parser.add_argument("--shape", metavar="NAME", help="measure these large documents alone")
    options = parser.parse_args(arguments)
    begin = time.perf_counter()
    if options.index is not None:
        failures = show(options.seed, options.index)
    elif options.shape is not None:
        failures = measure_shapes(options.shape)
    else:
        failures = fuzz(options.seed, options.count)
        print(f"{options.count:,} mutants of seed {options.seed}", end=" ")
        print(f"in {time.perf_counter() - begin:.0f} s", flush=True)
        failures += measure(options.seed, options.count, shapes())
        failures += measure_bodies()
    for line in failures[:MOST_LINES]:
        print(f"FAILED: {line}")
    if len(failures) > MOST_LINES:
        print(f"and {len(failures) - MOST_LINES} more")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
