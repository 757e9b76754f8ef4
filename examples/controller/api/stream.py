"""Live streams: what changed in a project since a client's last id, some times a second.

Shows: server-sent events that scale with clients, not with events. A project in which something
happens is looked at at most once in an interval; the change is made into one message, and all who
are up to date get the same bytes. Whoever was away, or reads slowly, says which id it saw last and
gets what changed since in one message. What is told twice is the same state again, which harms
nobody. Leaves out: filters, which are the client's business.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, final

import attrs

from examples.controller.metrics import Metrics

Message = dict[str, Any]
Gather = Callable[[str, int], Awaitable[tuple[int, Message | None]]]
"""Return the newest serial of a project and what changed after one; None if that is too much."""

FROM_NOW_ON: Final = 2**62
"""A serial after which nothing changed."""

_ALIVE: Final = b": still here\n\n"


@final
@attrs.frozen
class _Tick:
    """What changed in a project from one serial to another, as it is sent."""

    after: int
    serial: int
    text: bytes


@final
class Broadcaster:
    """Tells the clients of each project what changes; for one event loop.

    `interval` is the least time between two messages to a client, in seconds, and `keep_alive` how
    long a stream is silent before it says that it is there.
    """

    def __init__(
        self, gather: Gather, metrics: Metrics, *, interval: float, keep_alive: float
    ) -> None:
        self._gather = gather
        self._metrics = metrics
        self._interval = interval
        self._keep_alive = keep_alive
        self._rooms: dict[str, _Room] = {}
        self._closing = asyncio.Event()

    def changed(self, project: str, serial: int) -> None:
        """Hear that a project has come to a serial."""
        room = self._rooms.get(project)
        if room is not None:
            room.newest = max(room.newest, serial)
            room.news.set()

    def missed(self) -> None:
        """Hear that changes may have been missed: look at every project that has clients."""
        for room in self._rooms.values():
            room.has_missed = True
            room.news.set()

    async def close(self) -> None:
        """End every stream, now."""
        self._closing.set()
        for room in self._rooms.values():
            room.ring()

    async def follow(self, project: str, since: int | None) -> AsyncIterator[bytes]:
        """Yield what a client is sent, from the serial it saw last, until it goes or all ends."""
        room, time = self._enter(project), asyncio.get_running_loop().time
        try:
            seen, text = await self._first(project, since)
            room.welcome(seen)
            next_at = time() + self._interval
            self._metrics.messages.inc()
            yield text
            while not (self._closing.is_set() or room.is_over):
                tick = room.tick
                if tick is None or tick.serial <= seen:
                    if not await room.wait(self._keep_alive):
                        yield _ALIVE
                elif (early := next_at - time()) > 0:
                    await self._pause(early)
                else:
                    if tick.after <= seen:
                        seen, text = tick.serial, tick.text
                    else:
                        seen, text = await self._since(project, seen)
                    next_at = time() + self._interval
                    self._metrics.messages.inc()
                    yield text
        finally:
            self._leave(project, room)

    def _enter(self, project: str) -> _Room:
        room = self._rooms.get(project)
        if room is None:
            room = self._rooms[project] = _Room()
            room.ticking = asyncio.create_task(self._look(project, room))
        room.clients += 1
        self._metrics.streams.inc()
        return room

    def _leave(self, project: str, room: _Room) -> None:
        self._metrics.streams.dec()
        room.clients -= 1
        if not room.clients:
            self._forget(project, room)
            if room.ticking is not None:
                room.ticking.cancel()

    def _forget(self, project: str, room: _Room) -> None:
        if self._rooms.get(project) is room:
            del self._rooms[project]

    async def _look(self, project: str, room: _Room) -> None:
        """Make messages while there are clients; end their streams if the project fails to answer.

        A client that comes back gets an error, or what it missed.
        """
        try:
            await self._tick(project, room)
        except Exception:  # noqa: BLE001 - whatever the store says, nobody may wait for ever
            room.is_over = True
            self._forget(project, room)
            room.ring()

    async def _tick(self, project: str, room: _Room) -> None:
        """Make one message of all that happened, as often as may be, while there are clients."""
        while not self._closing.is_set():
            await room.news.wait()
            room.news.clear()
            last = room.seen if room.tick is None else room.tick.serial
            if room.newest > last or (room.has_missed and last < FROM_NOW_ON):
                room.has_missed = False
                serial, text = await self._since(project, last)
                if serial != last:
                    room.tick = _Tick(last, serial, text)
                    room.ring()
                await self._pause(self._interval)

    async def _first(self, project: str, since: int | None) -> tuple[int, bytes]:
        """Return what a client is sent at once: where it begins, or what it missed."""
        if since is not None:
            return await self._since(project, since)
        serial, _ = await self._gather(project, FROM_NOW_ON)
        return serial, _written("hello", serial, {"project": project, "serial": serial})

    async def _since(self, project: str, seen: int) -> tuple[int, bytes]:
        serial, message = await self._gather(project, seen)
        about = {"project": project, "serial": serial}
        if message is None:
            return serial, _written("reset", serial, about)
        return serial, _written("changed", serial, {**about, **message})

    async def _pause(self, seconds: float) -> None:
        """Let time pass, unless everything ends."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


@final
class _Room:
    """The clients of one project, and the newest message to those who are up to date."""

    def __init__(self) -> None:
        self.clients = 0
        self.is_over = False
        self.has_missed = False
        self.newest = 0
        self.seen = FROM_NOW_ON
        """The lowest serial that a client has seen: where the first message begins."""
        self.news = asyncio.Event()
        self.tick: _Tick | None = None
        self.ticking: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()

    def welcome(self, seen: int) -> None:
        """Take in a client: what happened since is news, also if it did so a moment ago."""
        self.seen = min(self.seen, seen)
        self.news.set()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait to be woken; return False if nothing happened for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return False
        return True


def _written(event: str, serial: int, data: Message) -> bytes:
    text = json.dumps(data, separators=(",", ":"))
    return f"id: {serial}\nevent: {event}\ndata: {text}\n\n".encode()
