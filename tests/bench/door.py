"""What the door of the reference controller costs, and what it costs to read a body.

A request is a trigger that takes effect, through every route and into SQLite, in this process; the
door is what it takes before an application that answers at once. Bodies are those that cost most
for their size: each is read as a control is, and by `json.loads`.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.controller.api.door import Door
from examples.controller.api.reading import MAX_BODY, Refusal, fields_of
from examples.controller.app import Controller
from examples.controller.settings import Settings
from sequencectl import QueuePolicy
from tests.bench.measure import interleaved

MOST: Final = 10.0
"""So many times as long as `json.loads` may reading a body take."""

TOKEN: Final = "open.sesame"  # noqa: S105 - nobody else has it
_SHIPYARD: Final = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: bench}
spec: {stages: [{name: dev, sequences: [{name: delivery, tasks: [{name: test}]}]}]}
"""
_KIND: Final = "sh.keptn.event.dev.delivery.triggered"
_EVENT: Final = {
    "specversion": "1.0", "source": "bench", "type": _KIND, "time": "2026-01-01T00:00:00Z",
    "data": {"project": "bench", "stage": "dev", "service": "carts", "labels": {"build": "4711"}},
}  # fmt: skip
_STARTED: Final[Message] = {"type": "http.response.start", "status": 200, "headers": []}
_BODY: Final[Message] = {"type": "http.response.body", "body": b"{}"}


def door(rounds: int) -> None:
    """Measure and print."""
    print("\nDoor: a trigger that takes effect, over ASGI and SQLite; the door before nothing")
    with TemporaryDirectory(prefix="sequencectl-bench-") as folder, asyncio.Runner() as runner:
        settings = Settings(
            data=Path(folder), token=TOKEN, queueing=QueuePolicy(mode="latest_only")
        )
        controller = Controller(settings)
        runner.run(controller.__aenter__())
        shipyard = {"name": "bench", "shipyard": b64encode(_SHIPYARD.encode()).decode()}
        runner.run(_ask(controller.app, "/v1/project", shipyard))
        numbers = count()
        programs: dict[str, Callable[[], int]] = {
            "a request": lambda: _trigger(runner, controller.app, next(numbers)),
            "nothing": lambda: _trigger(runner, _nothing, 0),
            "the door before nothing": partial(_trigger, runner, Door(_nothing, settings), 0),
        }
        figures = interleaved(programs, rounds=rounds, runs=20)
        runner.run(controller.__aexit__())
    request = figures["a request"]
    cost = figures["the door before nothing"].less(figures["nothing"])
    print(f"  {'a request':32}{request}")
    share = cost.over(request).median
    print(f"  {'all checks of the door':32}{cost!s:34}{share:6.2%} of it")
    print(f"  bodies of {MAX_BODY:,} bytes, and by how much longer than json.loads they take")
    for name, body in bodies(MAX_BODY).items():
        readers = {"ours": partial(_read, body), "json": partial(_load, body)}
        both = interleaved(readers, rounds=max(2, rounds // 5), runs=1)
        print(f"  {name:32}{both['ours']!s:34}{both['ours'].over(both['json'])}")


def bodies(size: int) -> Mapping[str, bytes]:
    """Return bodies of about a size that cost most for it, by what is special in them."""

    def many(part: bytes, begin: bytes = b'{"a":[', end: bytes = b"0]}") -> bytes:
        return begin + part * ((size - len(begin) - len(end)) // len(part)) + end

    keys = b",".join(b'"%x":0' % number for number in range(size // 12))
    text = (b'{"actor":"', b'"}')
    return {
        "a text": many(b"x", *text),
        "a text beyond Latin-1": many("\u200b".encode(), *text),
        "escapes": many(b"\\u0000", *text),
        "pairs of halves of characters": many(b"\\ud83d\\ude00", *text),
        "halves of characters": many(b"\\ud800", *text),
        "keys": b"{" + keys + b"}",
        "keys, the last one twice": b"{" + keys + b',"%x":0}' % (size // 12 - 1),
        "one key, again and again": many(b'"a":0,', b"{", b'"a":0}'),
        "empty objects": many(b"{},"),
        "small objects": many(b'{"a":0},'),
        "small objects, halves in them": many(b'{"\\udfff":0},'),
        "numbers": many(b"0,"),
        "long numbers": many(b"1" * 4_300 + b","),
        "one long number": many(b"1", b"", b""),
        "numbers without a limit": many(b"1e999,"),
        "deep lists": many(b"[" * 900 + b"]" * 900 + b","),
        "too deep": many(b"[", b"", b""),
        "too deep, as objects": many(b'{"a":', b"", b""),
        "no UTF-8": many(b"\xff", *text),
    }


def read(body: bytes) -> None:
    """Read a body as that of a control; a refusal of it is part of the cost."""
    try:
        _fields(body).send(None)  # there is nothing to wait for
    except (Refusal, StopIteration):
        return


async def _fields(body: bytes) -> None:
    fields = await fields_of(_request(body))
    fields.text("actor", default="")
    fields.end()


def _request(body: bytes) -> Request:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def _read(body: bytes) -> int:
    read(body)
    return len(body)


def _load(body: bytes) -> int:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return 0
    return len(body)


def _trigger(runner: asyncio.Runner, app: ASGIApp, number: int) -> int:
    runner.run(_ask(app, "/v1/event", {**_EVENT, "id": f"e{number}", "shkeptncontext": "c"}))
    return 1


async def _ask(app: ASGIApp, path: str, content: object) -> None:
    """Send a request as a browser does from the page, with as many headers, and be answered."""
    body = json.dumps(content).encode()
    given = {
        "host": "localhost:8080", "connection": "keep-alive", "content-length": str(len(body)),
        "user-agent": "Mozilla/5.0", "x-token": TOKEN, "content-type": "application/json",
        "accept": "*/*", "origin": "http://localhost:8080", "sec-fetch-site": "same-origin",
        "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "accept-language": "en",
        "accept-encoding": "gzip, deflate, br",
    }  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": path, "root_path": "",
        "raw_path": path.encode(), "query_string": b"", "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    statuses = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    assert [200] == statuses


async def _nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({**_STARTED})
    await send(_BODY)
