"""The demo as a program: pipes, encodings, terminals, signals, exit statuses.

A test that waits for something waits long enough for a slow machine; none asserts how long it took.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "examples.demo"]
GOLDEN = ROOT / "tests" / "examples" / "golden" / "demo.txt"
PATIENCE = 60
"""So many seconds a test waits for what must come."""

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
COLOR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7])m")
UNSET = (
    *("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"),
    "PYTHONUNBUFFERED",  # with which a closed pipe leaves nothing behind
)


def environment(**settings: str) -> dict[str, str]:
    """The environment of this process with these settings, and none that concerns its output."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **settings}


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run the demo with a pipe for its output."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@attrs.define
class Terminal:
    """The demo on a pseudo-terminal, and what it has written there."""

    process: subprocess.Popen[bytes]
    master: int
    written: bytes = b""

    def read_until(self, text: bytes | None) -> None:
        """Read until this text has come, or with None until the demo is gone."""
        limit = time.monotonic() + PATIENCE
        while text is None or text not in self.written:
            assert time.monotonic() < limit, self.written[-2_000:]
            if not select.select([self.master], [], [], 0.5)[0]:
                continue
            try:
                part = os.read(self.master, 65_536)
            except OSError:  # Linux: the other side is closed
                part = b""
            if not part:
                assert text is None, self.written[-2_000:]
                return
            self.written += part

    def status(self) -> int:
        """Read what is left and return the exit status."""
        self.read_until(None)
        return self.process.wait(PATIENCE)


@contextmanager
def on_terminal(
    *arguments: str, size: tuple[int, int] = (24, 80), settings: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run the demo on a pseudo-terminal of so many lines and columns, its controlling one."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment(**(settings or {})),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


# A pipe.


def test_a_pipe_gets_the_golden_lines() -> None:
    """With a pipe the demo needs no ``--plain``, ends by itself, and says nothing on stderr."""
    done = run("--speed", "max")

    assert (0, b"") == (done.returncode, done.stderr)
    assert GOLDEN.read_bytes() == done.stdout


def test_the_stories_of_people_are_told_to_a_pipe() -> None:
    """With ``--people`` the stories in which a person decides come instead, and no others."""
    done = run("--people", "--speed", "max", TZ="Asia/Kathmandu")

    assert (0, b"") == (done.returncode, done.stderr)
    assert GOLDEN.with_name("demo-people.txt").read_bytes() == done.stdout


def test_the_stories_after_a_failure_are_told_to_a_pipe() -> None:
    """With ``--failures`` the stories after a failure come instead, and no others."""
    done = run("--failures", "--speed", "max", PYTHONHASHSEED="7")

    assert (0, b"") == (done.returncode, done.stderr)
    assert GOLDEN.with_name("demo-failures.txt").read_bytes() == done.stdout


def test_hash_seed_and_time_zone_change_nothing() -> None:
    """The same seed gives the same lines in another process, zone and hash order."""
    done = run("--plain", "--speed=max", PYTHONHASHSEED="7", TZ="Asia/Kathmandu")

    assert GOLDEN.read_bytes() == done.stdout


def test_a_seed_gives_lines_of_its_own() -> None:
    """Another seed gives other lines, and the verdict is the same."""
    done = run("--plain", "--speed=max", "--seed=2")

    assert done.returncode == 0
    assert GOLDEN.read_bytes() != done.stdout
    assert done.stdout.endswith(b"# all 15 clauses hold\n")


def test_an_ascii_output_does_not_crash() -> None:
    """Where stdout knows ASCII only, everything is told in ASCII."""
    done = run("--speed", "max", PYTHONIOENCODING="ascii")

    assert (0, b"") == (done.returncode, done.stderr)
    assert done.stdout.isascii()


def test_the_c_locale_does_not_crash() -> None:
    """Nor where the locale is C and Python is told not to help."""
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run("--speed", "max", "--shipyard", "caf\xe9.yaml", PYTHONIOENCODING="", **settings)

    assert done.returncode == 2
    assert done.stderr.endswith(b".yaml: No such file or directory\n")
    assert done.stderr.startswith(b"demo: caf")


def test_a_closed_pipe_ends_it_quietly() -> None:
    """Whoever has read enough may close the pipe: no traceback, status 141."""
    with subprocess.Popen(
        [*COMMAND, "--speed=max"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert (141, b"") == (process.returncode, said)


def test_no_output_at_all_is_no_reason_to_fail() -> None:
    """With stdout closed from the start the demo plays to its end."""
    shell = '"$0" -m examples.demo --speed max >&-'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, sys.executable],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_a_sentence() -> None:
    """What cannot be written ends the demo with one sentence."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "--speed=max"],
            cwd=ROOT,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )

    assert done.returncode == 2
    assert done.stderr == b"demo: output: No space left on device\n"


def test_bad_input_leaves_no_traceback(tmp_path: Path) -> None:
    """As a program too, a wrong shipyard is one sentence on stderr and status 2."""
    path = tmp_path / "shipyard.yaml"
    path.write_text("spec: [")

    done = run("--shipyard", str(path))

    assert (2, b"") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"demo: {path}: line 1: shipyard: must be YAML".encode())
    assert done.stderr.count(b"\n") == 1


# A terminal.


@pytest.mark.parametrize("size", [(24, 80), (40, 140)], ids=["small", "large"])
def test_a_terminal_sees_the_live_view(size: tuple[int, int]) -> None:
    """On a terminal there are rows, a log and at the end the verdict, and the cursor is back."""
    with on_terminal("--speed", "max", size=size) as terminal:
        status = terminal.status()

    assert status == 0
    assert terminal.written.rindex(HIDE) < terminal.written.rindex(SHOW)
    assert "▐█".encode() in terminal.written
    assert "✔ abort".encode() in terminal.written
    assert b"all 15 clauses hold" in terminal.written
    assert COLOR.search(terminal.written)


def test_a_terminal_sees_people_decide() -> None:
    """A week fits on the axis, an approval that is void has its word, and the verdict follows."""
    with on_terminal("--people", "--speed", "max", size=(40, 140)) as terminal:
        status = terminal.status()

    assert status == 0
    assert b"superseded" in terminal.written
    assert "\u2714 hotfix".encode() in terminal.written
    assert b"all 7 clauses hold" in terminal.written


def test_a_terminal_sees_what_failed_and_goes_on() -> None:
    """A day fits on the axis, what was skipped ends with a warning, and the verdict follows."""
    with on_terminal("--failures", "--speed", "max", size=(40, 140)) as terminal:
        status = terminal.status()

    assert status == 0
    assert "\u2714 warning".encode() in terminal.written
    assert b"all 10 clauses hold" in terminal.written


def test_the_live_view_moves_while_time_passes() -> None:
    """With a speed the view is drawn again and again: later frames show later times."""
    with on_terminal("--speed", "40") as terminal:
        terminal.read_until(b"09:01:4")
        terminal.read_until(b"09:02:2")

    assert terminal.written.index(b"09:01:4") < terminal.written.index(b"09:02:2")
    assert terminal.written.count(b"waits") > 5


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_gives_the_cursor_back(number: signal.Signals, expected: int) -> None:
    """Ctrl-C and a termination end it with the cursor shown, no traceback, 128 + the signal."""
    with on_terminal("--speed", "1") as terminal:
        terminal.read_until(HIDE)
        terminal.read_until(b"deployment")
        terminal.process.send_signal(number)
        status = terminal.status()

    assert status == expected
    assert terminal.written.rindex(HIDE) < terminal.written.rindex(SHOW)
    assert b"Traceback" not in terminal.written


def test_a_signal_ends_plain_lines_as_well() -> None:
    """Ctrl-C while lines go to a pipe: status 130, nothing on stderr."""
    with subprocess.Popen(
        [*COMMAND, "--speed=1"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        has_line = bool(select.select([process.stdout], [], [], PATIENCE)[0])
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()

    assert has_line
    assert (130, b"") == (process.returncode, said)


@pytest.mark.parametrize(
    ("arguments", "settings", "size"),
    [
        ((), {"TERM": "dumb"}, (24, 80)),
        (("--plain",), {}, (24, 80)),
        ((), {}, (24, 50)),
        ((), {}, (8, 80)),
    ],
    ids=["dumb", "plain", "narrow", "low"],
)
def test_some_terminals_get_plain_lines(
    arguments: tuple[str, ...], settings: dict[str, str], size: tuple[int, int]
) -> None:
    """A dumb or small terminal, and ``--plain``, get the golden lines without any control code."""
    with on_terminal("--speed=max", *arguments, size=size, settings=settings) as terminal:
        status = terminal.status()

    assert status == 0
    assert GOLDEN.read_bytes() == terminal.written.replace(b"\r\n", b"\n")


def test_no_color_is_respected() -> None:
    """With NO_COLOR the live view comes without colors."""
    with on_terminal("--speed=max", settings={"NO_COLOR": "1"}) as terminal:
        status = terminal.status()

    assert status == 0
    assert HIDE in terminal.written
    assert not COLOR.search(terminal.written)


def test_an_ascii_terminal_sees_ascii_rows() -> None:
    """Where the terminal's encoding is ASCII the live view is drawn with ASCII."""
    with on_terminal("--speed=max", settings={"PYTHONIOENCODING": "ascii"}) as terminal:
        status = terminal.status()

    assert status == 0
    assert HIDE in terminal.written
    assert terminal.written.isascii()
    assert b"+ abort" in terminal.written
