"""Asks an ASGI application without a server: every byte of the head is the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import attrs
from starlette.types import ASGIApp, Message

Pairs = Sequence[tuple[str, str]]
HOST: Pairs = (("host", "localhost:8080"),)


@attrs.frozen
class Answer:
    """What came back: its status, its headers by name, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The sentence of a refusal, which has its own status in it and nothing else."""
        found: dict[str, Any] = json.loads(self.body)
        assert {"code", "message"} == set(found)
        assert self.status == found["code"]
        return str(found["message"])


def ask(
    app: ASGIApp,
    method: str,
    path: str,
    headers: Pairs = HOST,
    body: bytes = b"",
    *,
    scheme: str = "http",
    parts: Sequence[Message] = (),
) -> Answer:
    """Return the answer to one request; `parts` are what is received, in place of the body."""
    return asyncio.run(asking(app, method, path, headers, body, scheme=scheme, parts=parts))


async def asking(
    app: ASGIApp,
    method: str,
    path: str,
    headers: Pairs = HOST,
    body: bytes = b"",
    *,
    scheme: str = "http",
    parts: Sequence[Message] = (),
) -> Answer:
    """Do what `ask` does, within a loop; the path is as it would go over the wire."""
    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method, "scheme": scheme, "path": unquote(raw_path),
        "raw_path": raw_path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "state": {},
    }  # fmt: skip
    left = list(parts) or [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *more = sent
    found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    assert len(found) == len(start["headers"])
    return Answer(start["status"], found, b"".join(each.get("body", b"") for each in more))
