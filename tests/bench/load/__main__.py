"""Put the reference controller under load: ``python3 dev.py load [--seconds N]``.

Four writers send commands at a steady pace while many clients follow the stream. Printed are how
long an answer takes and what the processes need; it fails if a command that was answered is not in
the history, is there twice, or was not told to a client. Then deliveries are triggered beside a
thousand tasks whose executors report progress: see `progress`, which has the bounds. Every process
runs on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.load import progress
from tests.bench.load.writers import STEPS, Writer
from tests.e2e.controller.process import ROOT, SHIPYARD, Client, Controller

TICKS = os.sysconf("SC_CLK_TCK")
PAGES = 10
"""So many clients follow the stream while executors report their progress."""


def main() -> int:
    """Run the load and print what came of it; 1 if something was lost."""
    parser = argparse.ArgumentParser("dev.py load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200, help="commands a second in all")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--clients", type=int, default=500, help="clients that follow the stream")
    parser.add_argument("--tasks", type=int, default=1_000, help="tasks in flight that progress")
    options = parser.parse_args()
    with served() as (controller, client):
        lost = run(controller, client, options)
    with served() as (controller, _):
        port = int(controller.url.rpartition(":")[2])
        with followers(port, PAGES):
            problems = progress.run(port, tasks=options.tasks, seconds=options.seconds)
    for problem in problems:
        print(f"SLOW: {problem}")
    return 1 if lost or problems else 0


@contextmanager
def served() -> Iterator[tuple[Controller, Client]]:
    """A controller on a new folder with a project, and a client of it."""
    arguments = ("--scope", "service", "--reaction", "1h")
    with (
        TemporaryDirectory() as folder,
        Controller(Path(folder), *arguments) as controller,
        controller.client() as client,
    ):
        client.create("load", SHIPYARD)
        yield controller, client


def run(controller: Controller, client: Client, options: argparse.Namespace) -> int:
    """Let everybody work, and look at what is there afterwards."""
    port, rate = int(controller.url.rpartition(":")[2]), options.rate / options.writers
    writers = [
        Writer(number, port, rate=rate, seconds=options.seconds)
        for number in range(options.writers)
    ]
    with followers(port, options.clients) as process:
        begin, cpu = time.monotonic(), _cpu(controller.pid)
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        seconds = time.monotonic() - begin
        used = (_cpu(controller.pid) - cpu) / seconds
        serial = client.get("/v1/sequence/load", params={"pageSize": "1"}).json()
        heard = _told(process, serial["states"][0]["serial"])
        problems = [*_lost(client, writers), *_untold(writers, heard.pop("contexts"))]
        begin = time.monotonic()
        status, _ = controller.stop()
        ended = time.monotonic() - begin
    latencies = sorted(each for writer in writers for each in writer.latencies)
    print(f"{len(latencies)} commands in {seconds:.1f} s, {len(latencies) / seconds:.0f} a second")
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("worst", 1.0)):
        at = min(int(len(latencies) * share), len(latencies) - 1)
        print(f"  answered within {latencies[at] * 1e3:7.1f} ms ({name})")
    print(f"controller: {used:.0%} of a processor; clients: {heard.pop('cpu'):.0%}")
    print("streams: " + ", ".join(f"{value} {name}" for name, value in heard.items()))
    print(f"ended with status {status} in {ended:.2f} s, its streams being open")
    for problem in problems[:10]:
        print(f"LOST: {problem}")
    print("nothing lost" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


@contextmanager
def followers(port: int, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process of so many clients that have been greeted."""
    command = [sys.executable, "-m", "tests.bench.load.followers", "127.0.0.1", str(port)]
    with subprocess.Popen(
        [*command, str(count)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            sys.exit("the clients cannot follow")
        try:
            yield process
        finally:
            process.kill()


def _told(process: subprocess.Popen[str], serial: int) -> dict[str, Any]:
    """Let the clients wait for a serial, and return what they heard."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{serial}\n")
    process.stdin.flush()
    heard: dict[str, Any] = json.loads(process.stdout.readline())
    return heard


def _lost(client: Client, writers: list[Writer]) -> Iterator[str]:
    """Yield what was answered and is not in the history exactly once, and what was not answered."""
    words = dict(zip(STEPS, ("triggered", "paused", "resumed", "finished"), strict=True))
    seen: Counter[tuple[str, str]] = Counter()
    key = 0
    while True:
        query = {"pageSize": "100", "nextPageKey": str(key)}
        page = client.get("/v1/project/load/history", params=query).json()
        for event in page["events"]:
            seen[event["shkeptncontext"], event["type"]] += 1
        key = page["nextPageKey"]
        if not key:
            break
    for writer in writers:
        yield from writer.failed
        for context, step in writer.acknowledged:
            kind = f"sh.keptn.event.dev.delivery.{words[step]}"
            if seen[context, kind] != 1:
                yield f"{context} {step}: {seen[context, kind]} times in the history"


def _untold(writers: list[Writer], contexts: list[int]) -> Iterator[str]:
    """Yield the clients that were not told of every delivery."""
    triggered = {context for writer in writers for context, _ in writer.acknowledged}
    for number, told in enumerate(contexts):
        if told != len(triggered):
            yield f"client {number} was told of {told} deliveries, not of {len(triggered)}"


def _cpu(pid: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    sys.exit(main())
