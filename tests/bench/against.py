"""Measure the same delivery on this version and on another revision of the repository.

Each version has a process of its own, which imports it from its own folder; the other revision's is
a temporary work tree of git. The two take turns within one run, so that whatever slows the machine
slows both, and the ratio is taken round by round.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.measure import Figure, figure_of

ROOT: Final = Path(__file__).resolve().parents[2]
_DELIVERIES: Final = 20  # in each turn


class IncomparableError(Exception):
    """The other revision cannot be measured; the message says why."""


def against(revision: str, rounds: int) -> None:
    """Measure and print; raise `IncomparableError` if the revision cannot be measured."""
    with (
        work_tree(ROOT, revision) as folder,
        deliverer(folder) as theirs,
        deliverer(ROOT) as ours,
    ):
        this, other = take_turns(ours, theirs, rounds)
    print(f"\nThe delivery of 13 commands, 1 000 waiting, on this version and on {revision}")
    print(f"  {revision:36}{other!s:34}{other.over(other)}")
    print(f"  {'this version':36}{this!s:34}{this.over(other)}")


def durable_against(revision: str, rounds: int) -> None:
    """Measure the same through a controller, on each store, each revision with its own stores."""
    with work_tree(ROOT, revision) as folder:
        print(f"\nThe delivery by SequenceController.handle, on this version and on {revision}")
        for where in ("memory", "NORMAL", "FULL"):
            with handler(folder, where) as theirs, handler(ROOT, where) as ours:
                this, other = take_turns(ours, theirs, rounds)
            print(f"  {where + ', ' + revision:36}{other!s:34}{other.over(other)}")
            print(f"  {where + ', this version':36}{this!s:34}{this.over(other)}")


def take_turns(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[Figure, Figure]:
    """Return the figures of both; who goes first changes from round to round."""
    samples: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        pairs = [(ours, samples[0]), (theirs, samples[1])]
        for measured, taken in pairs if number % 2 == 0 else reversed(pairs):
            taken.append(measured())
    return figure_of(samples[0]), figure_of(samples[1])


@contextmanager
def work_tree(repository: Path, revision: str) -> Iterator[Path]:
    """Check a revision out into a temporary folder; raise `IncomparableError` if there is none."""
    name = ["rev-parse", "--verify", f"{revision}^{{commit}}"]
    commit = _git(repository, revision, *name)
    with TemporaryDirectory(prefix="sequencectl-against-") as parent:
        folder = str(Path(parent) / "revision")
        _git(repository, revision, "worktree", "add", "--quiet", "--detach", folder, commit)
        try:
            yield Path(folder)
        finally:
            _git(repository, revision, "worktree", "remove", "--force", folder)


def _git(repository: Path, revision: str, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", *arguments]
    try:
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise IncomparableError("to measure against another revision needs git") from None
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip()
        raise IncomparableError(f"cannot check out revision {revision!r}: {said}") from None
    return done.stdout.strip()


@contextmanager
def deliverer(folder: Path) -> Iterator[Callable[[], float]]:
    """Start the process that measures the package of this folder.

    What is called then delivers for one turn, and returns the microseconds of each delivery.
    """
    command = ["-m", "tests.bench.deliverer"]
    with _child(folder, command, [folder / "src"]) as measure:
        yield measure


@contextmanager
def handler(folder: Path, where: str) -> Iterator[Callable[[], float]]:
    """Start the process that measures the controller of this folder, with its stores."""
    command = ["-P", str(ROOT / "tests" / "bench" / "handler.py"), where]
    with _child(folder, command, [folder / "src", folder]) as measure:
        yield measure


@contextmanager
def _child(folder: Path, command: list[str], path: list[Path]) -> Iterator[Callable[[], float]]:
    child = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONHASHSEED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        measured = child.stdout.readline().strip()
        if not measured:
            said = child.stderr.read().strip().splitlines()[-1:]
            raise IncomparableError(f"{folder} cannot deliver: {' '.join(said)}")
        assert Path(measured).is_relative_to(folder), measured
        requests, answers = child.stdin, child.stdout

        def measure() -> float:
            requests.write(f"{_DELIVERIES}\n")
            requests.flush()
            return float(answers.readline())

        yield measure  # in the end the pipe is closed, and the child goes
