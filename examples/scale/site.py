"""The machinery: a private PostgreSQL, replicas on it, a line that can be cut, and its end.

Shows: nothing is left behind, however this program ends. Replicas and server end when their stdin
closes, which the system sees to, and a keeper removes the folders when its own does.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar, final

import attrs

from examples.postgres.server import PrivateServer
from examples.scale.proxy import Proxy
from examples.scale.replicas import Replica, until

T = TypeVar("T")
DATABASE: Final = "scale"
PATIENCE: Final = 120.0
"""A replica must serve within so many seconds."""

_KEEPER: Final = 'read -r _; until rm -rf "$@" 2>/dev/null; do sleep 0.2; done'


class CannotRun(Exception):
    """Something could not be started; the message says what."""


@final
@attrs.frozen
class Site:
    """What runs: `url` leads to the database, past the line of the replica that may be cut off."""

    server: PrivateServer
    url: str
    proxy: Proxy
    replicas: list[Replica]

    def said(self) -> list[str]:
        """Return where everything is, for who wants to look."""
        pages = [
            "http://{}:{}/bridge/".format(*each.address) for each in self.replicas if each.address
        ]
        return [f"The database: {self.url}", *(f"The Bridge: {page}" for page in pages)]


@asynccontextmanager
async def site(count: int) -> AsyncIterator[Site]:
    """Start a server and so many replicas, and end them; raise `CannotRun` or `CannotServe`."""
    async with AsyncExitStack() as opened:
        server = await in_thread(PrivateServer)
        opened.callback(server.close)
        folder = Path(tempfile.mkdtemp(prefix="scale-"))  # a short name: it has sockets
        opened.enter_context(_removed(folder, server.folder))
        await in_thread(server.start)
        url = server.create(DATABASE)
        proxy = Proxy(folder, server.folder)
        await proxy.start()
        opened.push_async_callback(proxy.close)
        cut_off = url.replace(str(server.folder), str(folder))
        replicas = [
            Replica(
                number, ("--store", url if number else cut_off), folder / f"replica-{number}.log"
            )
            for number in range(count)
        ]
        keeping = [asyncio.create_task(replica.keep()) for replica in replicas]
        opened.push_async_callback(_end, keeping)
        if not await until(lambda: all(each.address for each in replicas), seconds=PATIENCE):
            said = " ".join(replica.said() for replica in replicas if not replica.address)
            raise CannotRun(f"replicas do not serve within {PATIENCE:.0f} s: {said}")
        yield Site(server, url, proxy, replicas)


async def in_thread(work: Callable[[], T]) -> T:
    """Do some work in a thread; who is cancelled meanwhile waits for its end all the same."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _removed(*folders: Path) -> ExitStack:
    """Have folders removed when this is left, or when this program is killed."""
    keeper = subprocess.Popen(  # noqa: S603 - the system's own shell
        ["/bin/sh", "-c", _KEEPER, "sh", *map(str, folders)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is for us alone
    )
    stack = ExitStack()
    stack.callback(keeper.wait)
    assert keeper.stdin is not None
    stack.callback(keeper.stdin.close)
    return stack
