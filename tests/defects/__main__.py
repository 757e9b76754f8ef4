"""Command line of the defect runner: ``dev.py defects [--naive | --exploration] [NAME ...]``."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from tests.defects.runner import (
    EXPLORATION,
    NAIVE_MODEL,
    Defect,
    MalformedDefectError,
    Verdict,
    baseline_problem,
    read_defect,
    seed,
)

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2


@attrs.frozen
class Oracle:
    """What catches defects without having been written for one; `claim` is its key in the files."""

    name: str
    claim: str
    test: str
    fewest: int

    def says(self, defect: Defect) -> bool | None:
        """What the defect's file says of it, None if nothing."""
        said: bool | None = getattr(defect, self.claim)
        return said


NAIVE = Oracle("the naive model", "naive_model", NAIVE_MODEL, 10)
EXPLORING = Oracle("exploration", "exploration", EXPLORATION, 15)


def select(folder: Path, root: Path, names: Sequence[str]) -> list[Defect]:
    """The defects of a folder, or those with these names or rules.

    Raises MalformedDefectError for a file that cannot be run, LookupError if nothing is selected.
    """
    defects = [read_defect(path, root) for path in sorted(folder.glob("*.toml"))]
    known = {key for defect in defects for key in (defect.name, defect.rule)}
    for name in names:
        if name not in known:
            raise LookupError(f"no defect has the name or rule {name!r}; known: {sorted(known)}")
    if not defects:
        raise LookupError(f"there is no defect in {folder.relative_to(root)}")
    return [d for d in defects if not names or d.name in names or d.rule in names]


def line_of(verdict: Verdict) -> str:
    """One line about one defect."""
    word = "caught" if verdict.is_caught else "NOT CAUGHT"
    defect = verdict.defect
    return f"{word:10} {defect.rule:4} {defect.title} ({verdict.seconds:.1f} s)"


def seed_all(
    root: Path, defects: Iterable[Defect], *, oracle: Oracle | None = None
) -> Iterator[Verdict]:
    """Seed them, two at a time, and give the verdicts in order."""
    with ThreadPoolExecutor(AT_ONCE) as executor:
        yield from executor.map(
            lambda defect: seed(root, defect, [oracle.test] if oracle else defect.tests), defects
        )


def check_named_tests(root: Path, defects: Sequence[Defect]) -> bool:
    """Whether each defect makes each test it names fail."""
    caught = 0
    for verdict in seed_all(root, defects):
        caught += verdict.is_caught
        print(line_of(verdict), flush=True)
        if not verdict.is_caught:
            print(f"    {verdict.reason}\n{verdict.output}", flush=True)
    print(f"{caught} of {len(defects)} defects caught")
    return caught == len(defects)


def check_alone(root: Path, defects: Sequence[Defect], oracle: Oracle, *, fewest: int) -> bool:
    """Whether one oracle alone catches enough of them, and those its files say it does."""
    caught = surprises = 0
    for verdict in seed_all(root, defects, oracle=oracle):
        caught += verdict.is_caught
        claimed = oracle.says(verdict.defect)
        is_surprise = claimed is not None and claimed != verdict.is_caught
        surprises += is_surprise
        note = f"; {verdict.defect.name}.toml says otherwise" if is_surprise else ""
        print(line_of(verdict) + note, flush=True)
    print(f"{caught} of {len(defects)} defects caught by {oracle.name} alone")
    return caught >= fewest and not surprises


def main(arguments: Sequence[str], *, root: Path = ROOT) -> int:
    """Run the command line and give the exit status: 1 for a defect not caught, 2 for bad usage."""
    parser = argparse.ArgumentParser("dev.py defects", description="Seed known defects.")
    alone = parser.add_mutually_exclusive_group()
    for flag, each in (("--naive", NAIVE), ("--exploration", EXPLORING)):
        said = f"run {each.name} alone, on what is said to be caught by it"
        alone.add_argument(flag, dest="oracle", action="store_const", const=each, help=said)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a defect's file name or rule")
    options = parser.parse_args(arguments)
    try:
        defects = select(root / "tests" / "defects", root, options.names)
    except MalformedDefectError as error:
        print(f"malformed defect: {error}")
        return 1
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    oracle: Oracle | None = options.oracle
    named = sorted({test for defect in defects for test in defect.tests})
    runs = dict.fromkeys(defect.run for defect in defects if defect.run)
    problem = (
        baseline_problem(root, [oracle.test]) if oracle else baseline_problem(root, named, runs)
    )
    if problem:
        print(problem)
        return 1
    if oracle is None:
        return 0 if check_named_tests(root, defects) else 1
    if not options.names:
        defects = [defect for defect in defects if oracle.says(defect)]
    fewest = 0 if options.names else oracle.fewest
    return 0 if check_alone(root, defects, oracle, fewest=fewest) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
