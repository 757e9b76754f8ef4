"""The demo killed with SIGKILL after one line or another: its history is that of a quiet run."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = (ROOT / "tests" / "examples" / "golden" / "demo.txt").read_text()
LINES = GOLDEN.count("\n")
PATIENCE = 60
"""So many seconds a test waits for what must come."""

DEADLY = """
import os, signal, sys
from examples.demo.__main__ import main

class Output:
    def __init__(self, out, lines):
        self.out, self.lines = out, lines
    def write(self, text):
        for line in text.splitlines(keepends=True):
            self.out.write(line)
            self.lines -= line.endswith("\\n")
            if self.lines == 0:
                self.out.flush()
                os.kill(os.getpid(), signal.SIGKILL)
    def __getattr__(self, name):
        return getattr(self.out, name)

sys.stdout = Output(sys.stdout, int(sys.argv.pop(1)))
sys.exit(main())
"""
"""The demo, but after so many lines it is killed by a signal nobody can catch."""

EVENT = re.compile(r"^(?:\d+d\+)?\d\d:\d\d:\d\d +(\d+) ", re.MULTILINE)


def start(path: Path, *, kill_after: int | None = None) -> subprocess.CompletedProcess[str]:
    """Play on this database, as fast as can be, until the end or the kill."""
    program = ["-m", "examples.demo"] if kill_after is None else ["-c", DEADLY, str(kill_after)]
    return subprocess.run(
        [sys.executable, *program, "--plain", "--speed", "max", "--db", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def history(path: Path) -> list[tuple[int, bytes]]:
    """Every event in a database, as it is stored."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT serial, event FROM event ORDER BY serial").fetchall()
    finally:
        connection.close()


def told(*outputs: str) -> list[int]:
    """The serials of the events that were told, in the order they were."""
    return [int(serial) for output in outputs for serial in EVENT.findall(output)]


def verdict(output: str) -> str:
    """What comes at the end."""
    return output[output.index("# Verdict") :]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, bytes]]:
    """The history of a run nobody disturbs."""
    path = tmp_path_factory.mktemp("undisturbed") / "demo.db"
    assert start(path).stdout == GOLDEN
    return history(path)


@pytest.mark.parametrize("line", [1 + (LINES - 1) * n // 19 for n in range(20)])
def test_killed_after_a_line_it_goes_on(
    tmp_path: Path, undisturbed: list[tuple[int, bytes]], line: int
) -> None:
    """Started again it ends with the same history and verdict, and no event remains untold."""
    path = tmp_path / "demo.db"
    killed = start(path, kill_after=line)
    again = start(path)

    assert (killed.returncode, killed.stdout.count("\n")) == (-signal.SIGKILL, line)
    assert (again.returncode, again.stderr) == (0, "")
    assert history(path) == undisturbed
    assert verdict(again.stdout) == verdict(GOLDEN)
    assert list(dict.fromkeys(told(killed.stdout, again.stdout))) == told(GOLDEN)


def test_killed_again_and_again_it_still_ends(
    tmp_path: Path, undisturbed: list[tuple[int, bytes]]
) -> None:
    """However often it dies, each start goes a little further."""
    path = tmp_path / "demo.db"
    outputs = []
    while (run := start(path, kill_after=30)).returncode == -signal.SIGKILL:
        outputs.append(run.stdout)

    assert run.returncode == 0
    assert 5 < len(outputs) < LINES
    assert history(path) == undisturbed
    assert list(dict.fromkeys(told(*outputs, run.stdout))) == told(GOLDEN)


def test_a_finished_run_prints_its_verdict_again(
    tmp_path: Path, undisturbed: list[tuple[int, bytes]]
) -> None:
    """There is nothing left to play: the verdict is read off what is kept, which stays as it is."""
    path = tmp_path / "demo.db"
    first, again = start(path), start(path)

    assert first.stdout == GOLDEN
    assert again.returncode == 0
    assert verdict(again.stdout) == verdict(GOLDEN)
    assert again.stdout.startswith(f"# {len(undisturbed)} events are on record, the last of 09:2")
    assert told(again.stdout) == []
    assert history(path) == undisturbed


def test_a_database_of_something_else_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Another seed's database, and what is none at all: status 2, one sentence, nothing changed."""
    path, text = tmp_path / "demo.db", tmp_path / "notes.txt"
    start(path, kill_after=20)
    before = history(path)
    text.write_text("These are notes, and no database of anybody's.\n" * 100)
    other = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--speed=max", "--seed=2", f"--db={path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    none = start(text)

    assert other.returncode == 2
    assert other.stderr.startswith(f"demo: {path}: event 1 on record, SequenceTriggered")
    assert other.stderr.count("\n") == 1
    assert history(path) == before
    assert (none.returncode, none.stdout) == (2, "")
    assert none.stderr.startswith(f"demo: {text}: is no SQLite database")
    assert text.read_text().startswith("These are notes")
