"""What goes wrong, and when: in the order of a seed, spread over the deliveries.

Shows: faults by progress instead of by the clock, so that a slow machine sees as many of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final, final

from examples.scale.site import Site, in_thread

OUTAGE: Final = (0.3, 2.0)
"""The line to the database is cut for so many seconds: between these."""

FIRST, LAST = 0.05, 0.9
"""Faults begin and end with these parts of the deliveries being over."""

KILL_EACH, CUT_EACH = 250, 800
"""For each so many deliveries a replica is killed, or cut off in two ways; each at least once."""


@final
class Faults:
    """Kills replicas, cuts one off, ends the server in order and as a crash does."""

    def __init__(
        self, seed: int, site: Site, say: Callable[[str], None], *, deliveries: int
    ) -> None:
        self.cuts = self.crashes = self.stops = 0
        self._random = Random(seed)
        self._replicas, self._proxy, self._server = site.replicas, site.proxy, site.server
        self._say = say
        self._kills, self._cuts = (max(deliveries // each, 1) for each in (KILL_EACH, CUT_EACH))

    async def run(self, progress: Callable[[], float]) -> None:
        """Do all of it, each when so much of the deliveries is over."""
        row = (
            [self._kill] * self._kills
            + [self._cut, self._stall] * self._cuts
            + [self._crash, self._end]
        )
        self._random.shuffle(row)
        for number, fault in enumerate(row):
            due = FIRST + (LAST - FIRST) * number / len(row)
            while progress() < due:
                await asyncio.sleep(0.05)
            await fault()

    async def _kill(self) -> None:
        for replica in self._random.sample(self._replicas, len(self._replicas)):
            if replica.kill():
                self._say(f"replica {replica.number} is killed")
                return

    async def _cut(self) -> None:
        self.cuts += 1
        self._say("replica 0 is cut off from the database")
        self._proxy.cut()
        await self._mend()

    async def _stall(self) -> None:
        self.cuts += 1
        self._say("nothing comes through between replica 0 and the database")
        self._proxy.stop()
        await self._mend()

    async def _mend(self) -> None:
        await asyncio.sleep(self._random.uniform(*OUTAGE))
        self._proxy.mend()
        self._say("replica 0 reaches the database again")

    async def _crash(self) -> None:
        self.crashes += 1
        self._say("PostgreSQL crashes")
        await in_thread(self._server.crash)
        await in_thread(self._server.start)
        self._say("PostgreSQL is there again")

    async def _end(self) -> None:
        self.stops += 1
        self._say("PostgreSQL is stopped")
        await in_thread(self._server.stop)
        await in_thread(self._server.start)
        self._say("PostgreSQL is there again")
