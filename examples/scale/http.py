"""As much of HTTP as the crowd needs: requests with JSON on kept connections, and a live stream.

Leaves out: everything else. Whoever shares two processors with three controllers and a database
should not spend them on a general client.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, final

Address = tuple[str, int]

TIMEOUT: Final = 5.0
"""An answer that takes more seconds is none."""

_LIMIT: Final = 2**24
_LOST: Final = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError)


class NoAnswer(Exception):
    """Nobody knows what came of a request: send it again."""


@final
class Http:
    """Connections to the replicas, kept as long as they last."""

    def __init__(self) -> None:
        self._idle: defaultdict[Address, list[tuple[StreamReader, StreamWriter]]]
        self._idle = defaultdict(list)

    async def ask(
        self, address: Address, path: str, body: Any = None, *, method: str = ""
    ) -> tuple[int, bytes]:
        """Return status and body of an answer; raise `NoAnswer`."""
        content = b"" if body is None else json.dumps(body).encode()
        head = _head(method or ("GET" if body is None else "POST"), path, len(content))
        try:
            async with asyncio.timeout(TIMEOUT), self._connected(address) as (reader, writer):
                writer.write(head + content)
                status, length = await _status(reader)
                return status, await reader.readexactly(length)
        except _LOST as error:
            raise NoAnswer(repr(error)) from None

    async def stream(self, address: Address, path: str, *, since: int) -> AsyncGenerator[Any, None]:
        """Yield the messages of a stream from a serial on; None where too much was missed.

        Ends when the stream ends, or says nothing for `TIMEOUT`.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                reader, writer = await asyncio.open_connection(*address, limit=_LIMIT)
        except _LOST:
            return
        try:
            writer.write(_head("GET", path, 0, f"Last-Event-ID: {since}"))
            status, _ = await _status(reader)
            kind = b""
            while status == 200:
                async with asyncio.timeout(TIMEOUT):
                    line = await reader.readuntil(b"\n")
                name, _, value = line.rstrip().partition(b": ")
                if name == b"event":
                    kind = value
                elif name == b"data":
                    yield None if kind == b"reset" else json.loads(value)
        except _LOST:
            return
        finally:
            writer.close()

    def close(self) -> None:
        """Close every connection that is kept."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()
        self._idle.clear()

    @asynccontextmanager
    async def _connected(
        self, address: Address
    ) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        """Give a connection for one request; keep it if that is answered in full."""
        if idle := self._idle[address]:
            reader, writer = idle.pop()
        else:
            reader, writer = await asyncio.open_connection(*address, limit=_LIMIT)
        try:
            yield reader, writer
        except BaseException:
            with suppress(OSError):
                writer.close()
            raise
        self._idle[address].append((reader, writer))


def address_of(url: str) -> Address:
    """Return host and port of ``http://HOST:PORT``."""
    host, _, port = url.rpartition("/")[2].rpartition(":")
    return host, int(port)


def _head(method: str, path: str, length: int, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *more]
    if length:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _status(reader: StreamReader) -> tuple[int, int]:
    """Read the head of an answer; return its status and the length of its body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines if line)
    return int(first.split(" ", 2)[1]), int(fields.get("content-length", 0))
