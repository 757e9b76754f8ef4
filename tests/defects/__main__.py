"""Command line of the defect runner: ``python3 dev.py defects [--naive] [NAME ...]``."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.defects.runner import (
    NAIVE_MODEL,
    Defect,
    MalformedDefectError,
    Verdict,
    baseline_problem,
    read_defect,
    seed,
)

ROOT = Path(__file__).resolve().parents[2]
FEWEST_CAUGHT_BY_NAIVE_MODEL = 10
AT_ONCE = 2


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


def seed_all(root: Path, defects: Iterable[Defect], *, naive: bool) -> Iterator[Verdict]:
    """Seed them, two at a time, and give the verdicts in order."""
    with ThreadPoolExecutor(AT_ONCE) as executor:
        yield from executor.map(
            lambda defect: seed(root, defect, [NAIVE_MODEL] if naive else defect.tests), defects
        )


def check_named_tests(root: Path, defects: Sequence[Defect]) -> bool:
    """Whether each defect makes each test it names fail."""
    caught = 0
    for verdict in seed_all(root, defects, naive=False):
        caught += verdict.is_caught
        print(line_of(verdict), flush=True)
        if not verdict.is_caught:
            print(f"    {verdict.reason}\n{verdict.output}", flush=True)
    print(f"{caught} of {len(defects)} defects caught")
    return caught == len(defects)


def check_naive_model(root: Path, defects: Sequence[Defect], *, fewest: int) -> bool:
    """Whether the naive model alone catches enough of them, and those its files say it does."""
    caught = surprises = 0
    for verdict in seed_all(root, defects, naive=True):
        caught += verdict.is_caught
        claimed = verdict.defect.naive_model
        is_surprise = claimed is not None and claimed != verdict.is_caught
        surprises += is_surprise
        note = f"; {verdict.defect.name}.toml says otherwise" if is_surprise else ""
        print(line_of(verdict) + note, flush=True)
    print(f"{caught} of {len(defects)} defects caught by the naive model alone")
    return caught >= fewest and not surprises


def main(arguments: Sequence[str], *, root: Path = ROOT) -> int:
    """Run the command line and give the exit status: 1 for a defect not caught, 2 for bad usage."""
    parser = argparse.ArgumentParser("dev.py defects", description="Seed known defects.")
    parser.add_argument(
        "--naive",
        action="store_true",
        help="run the naive model alone, on what is said to be caught by it",
    )
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
    named = sorted({test for defect in defects for test in defect.tests})
    problem = baseline_problem(root, [NAIVE_MODEL] if options.naive else named)
    if problem:
        print(problem)
        return 1
    if options.naive and not options.names:
        defects = [defect for defect in defects if defect.naive_model]
    if options.naive:
        fewest = 0 if options.names else FEWEST_CAUGHT_BY_NAIVE_MODEL
        return 0 if check_naive_model(root, defects, fewest=fewest) else 1
    return 0 if check_named_tests(root, defects) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
