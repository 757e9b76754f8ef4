"""The scale demo: its ledger is clean, and it leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from examples.postgres.server import CannotServe, programs
from tests.e2e.controller.process import until

ROOT = Path(__file__).parents[2]
PATIENCE = 300
"""So many seconds a test waits for what must come."""

SMALL = ("--deliveries", "300", "--projects", "10")


@pytest.fixture
def folder(require_or_skip: Callable[[str], NoReturn]) -> Iterator[Path]:
    """A folder for temporary files, which the user of the server may enter."""
    try:
        programs()
    except CannotServe as error:
        require_or_skip(str(error))
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the demo with plain output."""
    return subprocess.Popen(
        [sys.executable, "-m", "examples.scale", "--plain", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def left_behind(folder: Path) -> list[str]:
    """Return the files in a folder, and the processes that were told of it."""
    files = [path.name for path in folder.iterdir()]
    return files + [told for told in _command_lines() if str(folder) in told]


def test_the_ledger_is_clean(folder: Path) -> None:
    """Replicas are killed, one is cut off, and PostgreSQL crashes: nothing is lost or doubled."""
    with start(folder, *SMALL, "--seed", "11") as demo:
        said, _ = demo.communicate(timeout=PATIENCE)

    faults = ("is killed", "is cut off", "PostgreSQL crashes", "PostgreSQL is stopped")
    assert (0, [], []) == (
        demo.returncode,
        [fault for fault in faults if fault not in said],
        left_behind(folder),
    ), said
    assert said.endswith("# the ledger is clean\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(folder: Path, number: signal.Signals) -> None:
    """However the demo is ended, its processes end and its folders are removed."""
    with start(folder, *SMALL) as demo:
        assert demo.stdout is not None
        while "deliveries over" not in (line := demo.stdout.readline()):
            assert line, "the demo has ended"
        demo.send_signal(number)
        demo.communicate(timeout=PATIENCE)

    until(lambda: not left_behind(folder))


def _command_lines() -> Iterator[str]:
    """Yield what each process was started with, where the system tells."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield path.read_text(errors="replace")
