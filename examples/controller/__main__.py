"""The command line of the controller: ``python -m examples.controller --data FOLDER``.

With ``--store postgresql://USER@HOST/DATABASE`` in place of the folder it is one of any number of
replicas.

Exit status: 0 after SIGTERM or Ctrl-C, 1 if the data cannot be used or the address not be served,
2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import uvicorn

from examples.controller import lifeline
from examples.controller.app import Controller
from examples.controller.server import AddressUnusable, Server
from examples.controller.settings import Settings
from examples.controller.webhooks import SECRET, Receivers
from examples.stores.errors import StoreUnusable
from sequencectl import Bounds, InvalidValue, QueuePolicy, TimeoutPolicy, parse_duration
from sequencectl.serialization import SCHEMA

_NEVER = "never"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        settings = _settings(options)
    except InvalidValue as error:
        parser.error(str(error))
    if options.until_stdin_closes:
        lifeline.end_when_stdin_closes()
    try:
        with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
            runner.run(Server.run_controller(Controller(settings)))
    except (AddressUnusable, StoreUnusable, OSError) as error:
        return _complain(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sequencectl-controller", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, metavar="FOLDER", help="where the databases are, if in a folder")
    store = "the database in PostgreSQL that replicas share (default: SEQUENCECTL_STORE)"
    add("--store", default=os.environ.get("SEQUENCECTL_STORE", ""), metavar="URL", help=store)
    add("--host", default="127.0.0.1", help="the address to serve (default: %(default)s)")
    add("--port", type=int, default=8080, help="the port, 0 for any (default: %(default)s)")
    token = "what clients send as x-token (default: SEQUENCECTL_TOKEN)"  # noqa: S105 - a help text
    add(
        "--allowed-host", action="append", default=[], metavar="NAME",
        help="a further name it is served under, as behind a proxy; needs a token; repeatable",
    )  # fmt: skip
    add("--actor-header", default="", metavar="NAME", help="in which a proxy says who acts")
    add("--token", default=os.environ.get("SEQUENCECTL_TOKEN", ""), help=token)
    for name, limit in (
        ("reaction", "3m"),
        ("completion", "24h"),
        ("parked", "24h"),
        ("settle", "3m"),
    ):
        add(f"--{name}", type=_duration, default=limit, help=f"a duration (default: {limit})")
    poll = "how often a replica looks for what others have left (default: %(default)s)"
    add("--poll", type=_duration, default="5s", metavar="DURATION", help=poll)
    wire = "the schema to write, during a rolling upgrade (default: %(default)s, the newest)"
    add("--wire", type=int, default=SCHEMA, metavar="NUMBER", help=wire)
    for name, limit in (("request-timeout", "30s"), ("idle-timeout", "1m")):
        add(f"--{name}", type=_duration, default=limit, help=f"of clients (default: {limit})")
    add("--connections", type=int, default=900, help="the most at once (default: %(default)s)")
    for name in ("silence", "total", "waiting", "abort-grace"):
        add(f"--{name}", type=_duration, default=None, help="a duration (default: no limit)")
    every = "what an executor says sooner of its progress is passed over (default: %(default)s)"
    add("--progress-every", default="10s", metavar="DURATION", help=every)
    add("--scope", choices=("stage", "service"), default="stage", help="what runs one at a time")
    add("--mode", choices=("queue", "latest_only", "reject_when_busy"), default="queue")
    add(lifeline.OPTION, action="store_true", help=lifeline.HELP)
    webhook = "post open tasks of this name there, signed (may be repeated; needs a secret in %s)"
    add("--webhook", action="append", default=[], metavar="TASK=URL", help=webhook % SECRET)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    names = ("reaction", "completion", "silence", "parked", "total", "waiting", "abort_grace")
    limits = {name: getattr(options, name) for name in names}
    return Settings(
        data=options.data,
        store=options.store,
        host=options.host,
        port=options.port,
        allowed_hosts=tuple(options.allowed_host),
        actor_header=options.actor_header,
        token=options.token,
        connections=options.connections,
        request_timeout=options.request_timeout,
        idle_timeout=options.idle_timeout,
        timeouts=TimeoutPolicy(**limits),
        queueing=QueuePolicy(scope=options.scope, mode=options.mode),
        bounds=Bounds(progress_every=options.progress_every),
        settle=options.settle or timedelta(0),
        poll=options.poll,
        wire=options.wire,
        receivers=Receivers.of(options.webhook, os.environ.get(SECRET, "")),
    )


def _duration(text: str) -> timedelta | None:
    """Return a duration; None for ``never``."""
    try:
        return None if text == _NEVER else parse_duration(text)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _complain(sentence: str) -> int:
    print(f"sequencectl-controller: {sentence}", file=sys.stderr)
    return 1


def run() -> NoReturn:
    """Be the program ``sequencectl-controller``."""
    sys.exit(main())


if __name__ == "__main__":
    run()
