"""Many clients of one stream in one process: ``python -m tests.bench.load.followers HOST PORT N``.

Prints ``ready`` when all of them have been greeted. Then reads a serial from stdin, waits until
each of them has been told of it, and prints what they heard as JSON. The ids of messages are read
by every client, their contents by the first few.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

READERS = 3
"""So many clients read what they are told; for the others the ids are enough."""

LINES = b"GET /v1/stream/load HTTP/1.1\r\nHost: localhost\r\nx-token: \r\n\r\n"


class Follower:
    """One client: which message it saw last, how many there were, which deliveries it saw."""

    def __init__(self, *, reads: bool) -> None:
        self.serial = -1
        self.messages = 0
        self.size = 0
        self.contexts: set[str] = set()
        self._reads = reads

    async def follow(self, host: str, port: int) -> None:
        """Read the stream until it ends."""
        reader, writer = await asyncio.open_connection(host, port, limit=2**24)
        writer.write(LINES)
        status = await reader.readline()
        if not status.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"a client is not served: {status.decode().strip()}")
        while line := await reader.readline():
            self.size += len(line)
            if line.startswith(b"id: "):
                self.messages += 1
                self.serial = int(line[4:])
            elif self._reads and line.startswith(b"data: "):
                states = json.loads(line[6:]).get("states", ())
                self.contexts.update(state["shkeptncontext"] for state in states)
        writer.close()


async def follow(host: str, port: int, count: int) -> None:
    """Follow with so many clients, and print what they heard."""
    followers = [Follower(reads=number < READERS) for number in range(count)]
    tasks = [asyncio.create_task(follower.follow(host, port)) for follower in followers]
    await until(tasks, lambda: all(follower.serial >= 0 for follower in followers))
    print("ready", flush=True)
    begin = time.monotonic()
    loop = asyncio.get_running_loop()
    serial = int(await loop.run_in_executor(None, sys.stdin.readline))
    seconds = time.monotonic() - begin
    await until(tasks, lambda: all(follower.serial >= serial for follower in followers))
    print(json.dumps(heard(followers, seconds)), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(tasks: list[asyncio.Task[None]], holds: Callable[[], bool]) -> None:
    """Look again and again until something holds; raise what ended a client's stream."""
    while not holds():
        for task in tasks:
            if task.done():
                task.result()
                raise ConnectionError("a stream has come to its end")
        await asyncio.sleep(0.05)


def heard(followers: list[Follower], seconds: float) -> dict[str, Any]:
    """What the clients heard, and what that cost them."""
    messages = sorted(follower.messages - 1 for follower in followers)
    return {
        "clients": len(followers),
        "messages per client and second": round(messages[len(messages) // 2] / seconds, 2),
        "most messages per second": round(messages[-1] / seconds, 2),
        "megabytes per second": round(sum(each.size for each in followers) / seconds / 1e6, 1),
        "cpu": round(time.process_time() / seconds, 3),
        "contexts": [len(follower.contexts) for follower in followers[:READERS]],
    }


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
