"""Whether every layer earns its time: ``python3 dev.py deep budget [--together] [LAYER ...]``.

Runs every layer on the unchanged tree, then on each layer's own defect (its file says ``only``),
and prints who catches what. The exit status is 0 if exactly the diagonal is caught.

With ``--together`` a layer is run on its own defect, and then once on all the others' at the same
time, which it must pass: two runs for each layer instead of one for each pair.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs

from tests.defects.layers import LAYERS, PYTEST, Layer
from tests.defects.runner import (
    NO_END,
    TESTS_FAILED,
    Defect,
    copy_of,
    environment_of,
    read_defect,
)

ROOT = Path(__file__).resolve().parents[2]
SECONDS_PER_RUN = 900
CAUGHT, PASSED, BROKEN = "caught", "-", "?"
UNCHANGED, OWN, OTHERS = "the unchanged tree", "its own", "all the others at once"


@attrs.frozen
class Look:
    """What a layer says of a tree, after how long, and what it printed."""

    word: str
    seconds: float
    output: str = ""


Seen: TypeAlias = dict[tuple[str, str], Look]
"""What layers said, by their name and that of the tree."""


@contextmanager
def tree_with(root: Path, *defects: Defect) -> Iterator[tuple[Path, str]]:
    """A copy with these defects, and a Python that imports the copy's library, however started.

    A virtual environment of its own: a path in the environment is not seen by ``python -I``.
    """
    with copy_of(root, *defects) as copy:
        home = copy / ".venv"
        venv.create(home, symlinks=os.name != "nt", with_pip=False)
        places = {"base": str(home), "platbase": str(home)}
        site = Path(sysconfig.get_path("purelib", "venv", places))
        paths = (copy / "src", sysconfig.get_path("purelib"))
        (site / "tree.pth").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        yield copy, str(Path(sysconfig.get_path("scripts", "venv", places)) / "python")


def look(layer: Layer, copy: Path, python: str) -> Look:
    """Run a layer in a copy, up to the first of its commands that fails.

    Of pytest only status 1 counts: tests that cannot be collected show nothing.
    """
    begin, word, said = time.perf_counter(), PASSED, ""
    for run in layer.runs:
        try:
            done = subprocess.run(
                [python, *run],
                cwd=copy,
                env=environment_of(copy, HYPOTHESIS_PROFILE="ci"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS_PER_RUN,
                check=False,
            )
            status, said = done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            status = NO_END
        if status:
            is_odd = status == NO_END or (run[:2] == PYTEST[:2] and status != TESTS_FAILED)
            word = BROKEN if is_odd else CAUGHT
            break
    return Look(word, time.perf_counter() - begin, said)


def own_defects(root: Path) -> dict[str, Defect]:
    """The defect of each layer, by the layer's name."""
    defects = [read_defect(path, root) for path in sorted((root / "tests/defects").glob("*.toml"))]
    return {defect.only: defect for defect in defects if defect.only is not None}


def looks(root: Path, layers: Iterable[Layer], tree: str, *defects: Defect) -> Seen:
    """Run layers on trees that are alike, a copy for each, and say what came of it."""
    seen = {}
    for layer in layers:
        with tree_with(root, *defects) as (copy, python):
            found = look(layer, copy, python)
        print(f"{layer.name:18}{found.word:8}{found.seconds:6.0f} s   {tree}", flush=True)
        seen[layer.name, tree] = found
    return seen


def show(seen: Seen) -> None:
    """Print the matrix: a row for each layer, a column for each tree."""
    trees = list(dict.fromkeys(tree for _, tree in seen))
    print("\n" + "\n".join(f"{number:2}  {tree}" for number, tree in enumerate(trees, 1)))
    print(f"\n{'layer':18}" + "".join(f"{number:>8}" for number in range(1, len(trees) + 1)))
    for name in dict.fromkeys(name for name, _ in seen):
        words = (seen[name, tree].word if (name, tree) in seen else "" for tree in trees)
        print(f"{name:18}" + "".join(f"{word:>8}" for word in words))


def main(arguments: Sequence[str], *, root: Path = ROOT, layers: Sequence[Layer] = LAYERS) -> int:
    """Run the command line and give the exit status: 1 unless each catches its own alone."""
    parser = argparse.ArgumentParser("dev.py deep budget", description=__doc__)
    parser.add_argument("--together", action="store_true", help="the others' defects all at once")
    parser.add_argument("names", nargs="*", metavar="LAYER", help="whose defects; all by default")
    options = parser.parse_args(arguments)
    owned = own_defects(root)
    running = {layer.name: layer for layer in layers if layer.is_in_ci}
    if unknown := set(options.names) - owned.keys():
        parser.error(f"no layer with a defect of its own: {', '.join(sorted(unknown))}")
    chosen = [name for name in running if name in owned and name in (options.names or owned)]
    seen: Seen = {}
    if options.together:
        for name in chosen:
            others = [defect for other, defect in owned.items() if other != name]
            seen |= looks(root, [running[name]], OWN, owned[name])
            seen |= looks(root, [running[name]], OTHERS, *others)
    else:
        seen |= looks(root, running.values(), UNCHANGED)
        for name in chosen:
            seen |= looks(root, running.values(), owned[name].name, owned[name])
    show(seen)
    wrong = [
        f"\n{name} on {tree}: {found.word}\n{found.output[-2_000:]}"
        for (name, tree), found in seen.items()
        if found.word != (CAUGHT if tree in {OWN, owned[name].name} else PASSED)
    ]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
