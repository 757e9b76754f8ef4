"""``bench … --against REV``: the arithmetic, the other revision's folder, bad arguments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.bench.against import (
    ROOT,
    IncomparableError,
    deliverer,
    handler,
    take_turns,
    work_tree,
)
from tests.bench.measure import Ratio

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


@pytest.fixture
def repository(tmp_path: Path, require_or_skip: Callable[[str], NoReturn]) -> Path:
    """A repository with two commits, `first` and `second`, that say so in a file."""
    folder = tmp_path / "repository"
    folder.mkdir()
    try:
        subprocess.run([*GIT, "init", "--quiet"], cwd=folder, check=True)
        for name in ("first", "second"):
            (folder / "says").write_text(name, encoding="utf-8")
            for command in (["add", "says"], ["commit", "-qm", name], ["tag", name]):
                subprocess.run([*GIT, *command], cwd=folder, check=True)
    except FileNotFoundError:
        require_or_skip("another revision needs git")
    return folder


def work_trees(repository: Path) -> int:
    """Return how many work trees git knows of."""
    listing = [*GIT, "worktree", "list", "--porcelain"]
    done = subprocess.run(listing, cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.count("worktree ")


def bench(*arguments: str) -> tuple[int, str]:
    """Run the bench with these arguments; return its exit status and the end of what it said."""
    command = [sys.executable, "-m", "tests.bench", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip().rpartition("error: ")[2]


def test_the_ratio_is_taken_round_by_round() -> None:
    """A machine that is slow for a while slows both, and the ratio stays what it is."""
    speed = iter([1.0, 1.0, 9.0, 9.0, 2.0, 2.0, 1.0, 1.0])

    this, other = take_turns(lambda: 45 * next(speed), lambda: 50 * next(speed), rounds=4)

    assert (45.0, 405.0, 90.0, 45.0) == this.samples
    assert (50.0, 450.0, 100.0, 50.0) == other.samples
    assert Ratio(median=0.9, low=0.9, high=0.9) == this.over(other)


def test_who_goes_first_changes() -> None:
    """Whatever comes of going first, of two rounds each has one."""
    order: list[str] = []

    def turn(name: str) -> float:
        order.append(name)
        return 1.0

    take_turns(lambda: turn("this"), lambda: turn("other"), rounds=2)

    assert ["this", "other", "other", "this"] == order


def test_the_other_revision_has_a_folder_for_a_while(repository: Path) -> None:
    """It has the files of that revision, and git knows nothing of it afterwards."""
    with work_tree(repository, "first") as folder:
        said, during = (folder / "says").read_text(encoding="utf-8"), work_trees(repository)

    assert ("first", 2) == (said, during)
    assert (False, 1) == (folder.exists(), work_trees(repository))


@pytest.mark.parametrize("revision", ["third", ""])
def test_a_revision_that_there_is_not(repository: Path, revision: str) -> None:
    """It is refused by name, before anything is made."""
    with (
        pytest.raises(IncomparableError, match=f"cannot check out revision '{revision}': fatal"),
        work_tree(repository, revision),
    ):
        pass


def test_this_version_delivers() -> None:
    """The process answers with the microseconds of a delivery."""
    with deliverer(ROOT) as measure:
        microseconds = measure()

    assert 10 < microseconds < 1e6


@pytest.mark.parametrize("where", ["memory", "NORMAL", "FULL"])
def test_this_version_handles(where: str) -> None:
    """The process answers with the microseconds of a delivery through a controller."""
    with handler(ROOT, where) as measure:
        microseconds = measure()

    assert 10 < microseconds < 1e9


def test_a_revision_that_cannot_deliver(tmp_path: Path) -> None:
    """One whose package lacks the names of the delivery is refused with what Python said."""
    (tmp_path / "src" / "sequencectl").mkdir(parents=True)
    (tmp_path / "src" / "sequencectl" / "__init__.py").touch()

    with (
        pytest.raises(IncomparableError, match="cannot deliver: ImportError: cannot import name"),
        deliverer(tmp_path),
    ):
        pass


def test_a_bad_revision_ends_the_bench_with_status_2() -> None:
    """One line says which revision it is."""
    status, said = bench("delivery", "--against", "no/such/revision")

    assert 2 == status
    assert said.startswith("cannot check out revision 'no/such/revision': fatal")


@pytest.mark.parametrize(
    "arguments", [["growth"], [], ["delivery", "durable"], ["delivery", "--write"]], ids=str
)
def test_only_the_delivery_is_compared(arguments: list[str]) -> None:
    """Other sections, and the page of figures, know no second revision."""
    status, said = bench(*arguments, "--against", "HEAD")

    expected = "--against goes with delivery or durable alone, and without --write"
    assert (2, expected) == (status, said)
