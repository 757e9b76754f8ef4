"""The controller at work: it is served, executors work, and the user stories are played on it.

    python3 dev.py demo --serve

Shows: what a person sees who has a controller, executors and the command line, each a process of
its own. Every line after a ``$`` is a command that was really run, with what it printed. Then it
serves until Ctrl-C. The other processes end when it ends, by whatever. Exit status: 0, or 1 if
something could not be started or a story went wrong.
"""

from __future__ import annotations

import argparse
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, final

from examples.controller import lifeline

SHIPYARD: Final = Path(__file__).parents[1] / "demo" / "sockshop.yaml"
TASKS: Final = ("deployment", "test", "release", "rollback", "evaluation")
MUTE: Final = "get-action"
"""The first task of the remediation has no executor: nobody ever reacts to it."""

REACTION: Final = "8s"
PATIENCE: Final = 60.0
IMAGE: Final = "--image=docker.io/keptnexamples/carts"
CARTS: Final = ("--project=sockshop", "--service=carts")


class WentWrong(Exception):
    """Something could not be started, or did not do what it should; the message says what."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve, play the stories, and go on serving until a signal."""
    parser = argparse.ArgumentParser("dev.py demo --serve", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="0 for any that is free")
    parser.add_argument("--data", type=Path, help="a folder that is kept (default: a new one)")
    parser.add_argument("--duration", default="1.5", help="seconds that executors need for a task")
    parser.add_argument("--no-stories", action="store_true", help="only serve")
    parser.add_argument("--exit", action="store_true", help="end after the stories")
    parser.add_argument(lifeline.OPTION, action="store_true", help=lifeline.HELP)
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _end)
    if options.until_stdin_closes:
        lifeline.end_when_stdin_closes()
    try:
        with ExitStack() as opened:
            data = options.data or Path(opened.enter_context(TemporaryDirectory()))
            url = opened.enter_context(controller(data, options.port))
            for task in TASKS:
                opened.enter_context(executor(task, url, options.duration))
            stories = Stories(url)
            stories.prepare()
            if not options.no_stories:
                stories.play()
            _say_what_to_try(url)
            if not options.exit:
                threading.Event().wait()
    except WentWrong as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


@contextmanager
def controller(data: Path, port: int) -> Iterator[str]:
    """Serve a controller and give its address."""
    arguments = ("--data", str(data), "--port", str(port), "--reaction", REACTION, "--settle", "0s")
    with process("examples.controller", *arguments) as started:
        assert started.stdout is not None
        is_there, _, _ = select.select([started.stdout], [], [], PATIENCE)
        line = started.stdout.readline().strip() if is_there else ""
        if not line.startswith("Serving on "):
            raise WentWrong("the controller could not be started")
        url = line.removeprefix("Serving on ")
        print(f"The Bridge: {url}/bridge/\n{line}", flush=True)
        yield url


@contextmanager
def executor(task: str, url: str, duration: str) -> Iterator[None]:
    """Let an executor work on the tasks of one name."""
    with process("examples.executor", task, "--endpoint", url, "--duration", duration):
        yield


@contextmanager
def process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program of these examples in a process of its own, ended at the end, also by our own."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments, lifeline.OPTION],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if module == "examples.controller" else subprocess.DEVNULL,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.terminate()
            started.wait(PATIENCE)


@final
class Stories:
    """The user stories of the proposal, by way of the command line."""

    def __init__(self, url: str) -> None:
        self._environment = {**os.environ, "SEQUENCECTL_ENDPOINT": url}

    def prepare(self) -> None:
        """Create the project, unless the folder has it."""
        if self._run("get", "project", "sockshop", is_shown=False, may_fail=True) is None:
            self._run("create", "project", "sockshop", f"--shipyard={SHIPYARD}", is_shown=False)
            self._run("create", "service", "carts", "--project=sockshop", is_shown=False)

    def play(self) -> None:
        """Play all three."""
        _tell("A second delivery waits as long as the first is in the stage.")
        first = self._deliver("0.11.1")
        second = self._deliver("0.11.2")
        self._run("explain", f"--keptn-context={second}")
        self._watch(first)
        _tell("A task to which nobody reacts is terminated, and the sequence fails.")
        trigger = ("trigger", "sequence", "remediation", "--stage=production", *CARTS)
        context = _context(self._run(*trigger))
        self._watch(context, may_fail=True)
        self._run("explain", f"--keptn-context={context}")
        _tell("A delivery is paused, resumed and aborted.")
        third = self._deliver("0.11.3")
        self._wait_until(third, "running")
        self._control("pause", third, "--reason=lunch")
        self._wait_until(third, "paused")
        self._control("resume", third)
        self._control("abort", third)
        self._watch(third, may_fail=True)
        _tell("How everything stands.")
        self._run("get", "sequence", "--project=sockshop")

    def _deliver(self, tag: str) -> str:
        return _context(self._run("trigger", "delivery", *CARTS, IMAGE, f"--tag={tag}"))

    def _control(self, word: str, context: str, *more: str) -> None:
        self._run(word, "sequence", f"--keptn-context={context}", *more)

    def _watch(self, context: str, *, may_fail: bool = False) -> None:
        """Follow a delivery until all of it is over."""
        about = ("get", "sequence", "--project=sockshop", f"--keptn-context={context}", "--watch")
        self._run(*about, may_fail=may_fail)

    def _wait_until(self, context: str, word: str) -> None:
        """Wait until a delivery stands so; nothing is shown."""
        about = ("get", "sequence", "--project=sockshop", f"--keptn-context={context}")
        give_up_at = time.monotonic() + PATIENCE
        while word not in (self._run(*about, is_shown=False) or ""):
            if time.monotonic() > give_up_at:
                raise WentWrong(f"delivery {context} is not {word} within {PATIENCE:.0f} s")
            time.sleep(0.1)

    def _run(self, *words: str, is_shown: bool = True, may_fail: bool = False) -> str | None:
        """Run the command line and return what it printed; None if it failed and may."""
        if is_shown:
            print(f"$ sequencectl-cli {shlex.join(words)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "examples.controller.cli", *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
        )
        if is_shown:
            print(done.stdout, end="", flush=True)
        if done.returncode and not may_fail:
            raise WentWrong(f"{shlex.join(words)}: exit status {done.returncode}: {done.stdout}")
        return None if done.returncode else done.stdout


def _context(said: str | None) -> str:
    """Return the context that a trigger printed."""
    assert said is not None
    return said.rpartition("ID of Keptn context: ")[2].strip()


def _tell(sentence: str) -> None:
    print(f"\n# {sentence}", flush=True)


def _say_what_to_try(url: str) -> None:
    print(f"""
The Bridge: {url}/bridge/

Serving on {url} until Ctrl-C. To try, in another terminal:

  export SEQUENCECTL_ENDPOINT={url}
  python3 dev.py cli trigger delivery --project=sockshop --service=carts --image=carts:2 --watch
  python3 dev.py cli get sequence --project=sockshop --watch
  python3 dev.py cli freeze stage staging --project=sockshop --reason="release night"
  curl {url}/v1/sequence/sockshop
  curl -N {url}/v1/stream/sockshop
""", flush=True)  # fmt: skip


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
