"""The line between one replica and the database, which can be cut, stopped and mended."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Final, final

SOCKET: Final = ".s.PGSQL.5432"
"""What PostgreSQL calls its socket in a folder, and where clients look for it."""


@final
class Proxy:
    """Passes on what comes in at a socket in one folder to that in another; for one event loop."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.is_cut = False
        self._own, self._target = folder / SOCKET, target / SOCKET
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take connections from now on."""
        self._server = await asyncio.start_unix_server(self._begin, self._own)

    def cut(self) -> None:
        """Break every connection, and each new one at once."""
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def stop(self) -> None:
        """Pass on nothing, and break nothing: neither end is told."""
        self._flows.clear()

    def mend(self) -> None:
        """Let connections, and what they hold back, through again."""
        self.is_cut = False
        self._flows.set()

    @property
    def is_mended(self) -> bool:
        """Whether it passes on what comes in."""
        return self._flows.is_set() and not self.is_cut

    async def close(self) -> None:
        """Break every connection, and take none any more."""
        self.cut()
        self._flows.set()
        self._server.close()
        await asyncio.gather(*self._passing)

    def _begin(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self.is_cut:
                there, back = await asyncio.open_unix_connection(self._target)
                self._open.add(back)
                try:
                    await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
                finally:
                    self._open.discard(back)
                    back.close()
        except OSError:
            pass  # either end is gone: so is the other
        finally:
            self._open.discard(writer)
            writer.close()

    async def _copy(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Copy until the end, and then break the other direction too."""
        try:
            while data := await reader.read(2**16):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()
