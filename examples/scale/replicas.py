"""The replicas: each a process that is started again whenever it ends, however that happens."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, final

from examples.controller import lifeline
from examples.scale.http import Address, address_of

OPTIONS: Final = ("--port", "0", "--scope", "service", "--settle", "0s", lifeline.OPTION)
PAUSE: Final = 0.3
"""So many seconds pass before a replica is started again."""

_SERVING: Final = "Serving on "


@final
class Replica:
    """One replica; `address` is where it is served, None while it is down."""

    def __init__(self, number: int, store: Sequence[str], log: Path) -> None:
        self.number = number
        self.address: Address | None = None
        self.starts = self.kills = self.ends = 0
        """How often it was started, was killed, and has ended without that."""
        self._store, self._log = store, log
        self._process: Process | None = None
        self._is_killed = False

    async def keep(self) -> None:
        """Have it run, again and again, until this is cancelled."""
        try:
            while True:
                await self._live()
                self.ends += not self._is_killed
                self._is_killed = False
                await asyncio.sleep(PAUSE)
        finally:
            await self._end()

    def kill(self) -> bool:
        """Kill it as a power cut does; return whether it was serving."""
        if self._process is None or self.address is None:
            return False
        self._is_killed, self.address = True, None
        self.kills += 1
        self._process.kill()
        return True

    def said(self) -> str:
        """Return the last words of its log."""
        return self._log.read_text(errors="replace").strip()[-500:]

    async def _live(self) -> None:
        with self._log.open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "examples.controller", *self._store, *OPTIONS,
                stdin=PIPE, stdout=PIPE, stderr=log,
            )  # fmt: skip
        self.starts += 1
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode().strip()
        if line.startswith(_SERVING):
            self.address = address_of(line)
        await process.wait()
        self.address = None

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def until(holds: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Look again and again until something holds; return False if it does not for so long."""
    time = asyncio.get_running_loop().time
    give_up_at = time() + seconds
    while not holds():
        if time() > give_up_at:
            return False
        await asyncio.sleep(every)
    return True
