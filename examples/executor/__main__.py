"""The arguments of an executor, and its end: SIGTERM or Ctrl-C, at once and with status 0.

Other exit statuses are those of the command line: 1 if the controller refuses what it is asked,
such as the tasks of a project that does not exist, 2 for wrong arguments, 4 for a wrong token.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import httpx

from examples.controller import lifeline
from examples.controller.cli.text import visible
from examples.executor.api import UNAUTHORIZED, Api, Refused
from examples.executor.behaviour import RESULTS, Behaviour
from examples.executor.executor import Executor

ENDPOINT = "http://127.0.0.1:8080"


def main(
    argv: Sequence[str] | None = None, *, transport: httpx.AsyncBaseTransport | None = None
) -> int:
    """Work as the arguments say and return the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.until_stdin_closes:
        lifeline.end_when_stdin_closes()
    try:
        with suppress(asyncio.CancelledError, KeyboardInterrupt):
            asyncio.run(_work(arguments, transport))
    except Refused as error:
        is_stranger = error.status in UNAUTHORIZED
        what = "takes no such token" if is_stranger else "gives no tasks"
        _complain(f"the controller {what}: {error}")
        return 4 if is_stranger else 1
    return 0


async def _work(arguments: argparse.Namespace, transport: httpx.AsyncBaseTransport | None) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    assert work is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows has no handlers in a loop
            loop.add_signal_handler(number, work.cancel)
    async with Api(arguments.endpoint, arguments.token, transport=transport) as api:
        executor = Executor(
            api,
            behaviour_of(arguments),
            say=_say,
            complain=_complain,
            projects=tuple(arguments.project),
            interval=arguments.poll,
            is_once=arguments.once,
        )
        await executor.run()


def behaviour_of(arguments: argparse.Namespace) -> Behaviour:
    """Return the behaviour that the arguments describe."""
    return Behaviour(
        task=arguments.task,
        source=arguments.source or f"{arguments.task}-service",
        result=arguments.result,
        duration=arguments.duration,
        progress=arguments.progress,
        slow=arguments.slow,
        is_silent=arguments.silent,
        never_finishes=arguments.mute_finish,
        message=arguments.message,
        data=arguments.data,
        fail_every=arguments.fail_every,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "sequencectl-executor", description="Work on the tasks of one name.", allow_abbrev=False
    )
    add = parser.add_argument
    add("task", help="the name of the tasks, such as deployment")
    add("--endpoint", type=_address, default=os.environ.get("SEQUENCECTL_ENDPOINT") or ENDPOINT)
    add("--token", type=_header, default=os.environ.get("SEQUENCECTL_TOKEN", ""))
    add("--project", action="append", default=[], help="may be repeated (default: all)")
    add("--source", help="its own name (default: TASK-service)")
    add("--poll", type=_seconds, metavar="SECONDS", help="look so often, follow no stream")
    add("--duration", type=_seconds, default=1.0, metavar="SECONDS", help="a task takes so long")
    every = "say so often how far it is, 0: never (default: %(default)s)"
    add("--progress", type=_seconds, default=10.0, metavar="SECONDS", help=every)
    add("--result", choices=RESULTS, default="pass")
    add("--message", default="")
    add("--data", type=_object, default={}, metavar="JSON", help="more data of a finished task")
    add("--fail-every", type=_count, default=0, metavar="N", help="each task of this number fails")
    add("--slow", type=_seconds, default=0.0, metavar="SECONDS", help="start so late")
    add("--silent", action="store_true", help="never say anything")
    add("--mute-finish", "--dying", action="store_true", help="start, and say nothing more")
    add("--once", action="store_true", help="end when one is done and none is open")
    add(lifeline.OPTION, action="store_true", help=lifeline.HELP)
    return parser


def _address(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no address: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} is no address: http://HOST:PORT is one")
    return text


def _header(text: str) -> str:
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise argparse.ArgumentTypeError("no header can carry it")
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 1_000_000:
        raise ValueError(text)
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("no JSON object")
    return value


def _say(text: str) -> None:
    try:
        print(visible(text, encoding=sys.stdout.encoding or "utf-8"), flush=True)
    except BrokenPipeError:  # the work goes on when nobody reads about it any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str) -> None:
    line = f"sequencectl-executor: {visible(text, encoding=sys.stderr.encoding or 'utf-8')}"
    print(line, file=sys.stderr, flush=True)


def run() -> NoReturn:
    """Be the program ``sequencectl-executor``."""
    sys.exit(main())


if __name__ == "__main__":
    run()
