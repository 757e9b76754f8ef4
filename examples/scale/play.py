"""One performance: everybody at work while faults come, and the evidence for the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final, final

import attrs

from examples.postgres.store import PostgresStore
from examples.scale.account import Account
from examples.scale.clients import Clients
from examples.scale.counters import Counters
from examples.scale.crowd import Crowd
from examples.scale.faults import Faults
from examples.scale.ledger import Record
from examples.scale.replicas import until
from examples.scale.site import PATIENCE, Site
from examples.scale.view import Glance, View
from examples.scale.world import Plan

LOOK: Final = 0.5
"""So many seconds lie between two looks at the counters."""

STALLED: Final = 120.0
"""After so many seconds in which nothing came to its end nobody waits any longer."""

REPEATED: Final = ("duplicate", "late", "repeated", "already_voted")
"""How a command is answered that had taken effect before."""


@final
@attrs.frozen
class Evidence:
    """What there is in the end."""

    pairs: Sequence[tuple[Record, Account]]
    """Of each project what the database has, and what clients know."""
    figures: Sequence[tuple[str, str]]
    """Names and what they are."""
    complaints: Sequence[str]
    """What stopped it before its end."""


@final
class Performance:
    """Plays so many deliveries over so many projects on a site; for one event loop."""

    def __init__(
        self, site: Site, view: View, *, seed: int, deliveries: int, projects: int
    ) -> None:
        self._site, self._view = site, view
        self._deliveries = deliveries
        self._clients = Clients(site.replicas)
        self._counters = Counters(self._clients)
        self._faults = Faults(seed, site, view.say, deliveries=deliveries)
        self._accounts = {f"project-{number:02}": Account() for number in range(projects)}
        share = [len(range(number, deliveries, projects)) for number in range(projects)]
        self._crowds = [
            Crowd(name, count, plan=Plan(seed), clients=self._clients, account=account)
            for (name, account), count in zip(self._accounts.items(), share, strict=True)
        ]
        self._time = asyncio.get_running_loop().time
        self._begin = self._time()

    async def run(self) -> Evidence:
        """Play it, and return what there is in the end."""
        complaints = []
        try:
            async with AsyncExitStack() as opened:
                playing = [asyncio.create_task(crowd.run()) for crowd in self._crowds]
                faults = asyncio.create_task(self._faults.run(self._progress))
                opened.push_async_callback(_cancelled, [*playing, faults])
                complaints += await self._watch(playing, faults)
            seconds = self._time() - self._begin
            complaints += await self._look_back()
            return Evidence(self._pairs(), self.figures(seconds), complaints)
        finally:
            self._clients.http.close()

    def figures(self, seconds: float) -> list[tuple[str, str]]:
        """Return what was counted in so many seconds."""
        total, counts = self._counters.total, self._clients.counts
        batches = total("batch_commands_count")
        size = total("batch_commands_sum") / batches if batches else 0.0
        replicas = self._site.replicas
        repeated = sum(total("commands_total", answer) for answer in REPEATED)
        again = total("listens_total") - self._counters.lives  # once in a life is no reconnect
        return [
            ("commands a second", f"{counts['acknowledged'] / seconds:.0f}"),
            ("commands acknowledged", f"{counts['acknowledged']}"),
            ("commands a batch", f"{size:.2f}"),
            ("commits", f"{total('commits_total'):.0f}"),
            ("conflicts", f"{total('conflicts_total'):.0f}"),
            ("requests without an answer, sent again", f"{counts['unanswered']}"),
            ("requests answered with 503, sent again", f"{counts['unavailable']}"),
            ("commands that came again after they had taken effect", f"{repeated:.0f}"),
            ("states told again by a stream", f"{counts['told again']}"),
            ("streams followed anew", f"{max(counts['streams'] - len(self._crowds), 0)}"),
            ("times that replicas began again to hear others", f"{max(again, 0):.0f}"),
            ("replicas killed", f"{sum(each.kills for each in replicas)}"),
            ("replicas ended by themselves", f"{sum(each.ends for each in replicas)}"),
            ("cuts of the line to the database", f"{self._faults.cuts}"),
            ("crashes and stops of PostgreSQL", f"{self._faults.crashes + self._faults.stops}"),
        ]

    def _progress(self) -> float:
        return self._over() / self._deliveries

    def _over(self) -> int:
        return sum(len(crowd.over) for crowd in self._crowds)

    async def _watch(
        self, playing: list[asyncio.Task[None]], faults: asyncio.Task[None]
    ) -> list[str]:
        """Show how it stands until everybody is done; return what stopped it before."""
        most, changed_at = -1, self._time()
        while not all(task.done() for task in playing):
            await asyncio.wait([*playing], timeout=LOOK, return_when=asyncio.ALL_COMPLETED)
            await self._counters.look()
            self._show()
            now, over = self._time(), self._over()
            if over > most:
                most, changed_at = over, now
            if now - changed_at > STALLED:
                return [f"nothing came to its end for {STALLED:.0f} s"]
            failed = [task.exception() for task in (*playing, faults) if task.done()]
            if errors := [repr(error) for error in failed if error is not None]:
                return errors
        return []

    def _show(self) -> None:
        seconds = self._time() - self._begin
        states = ("up" if each.address else "down" for each in self._site.replicas)
        glance = Glance(
            over=self._over(),
            count=self._deliveries,
            seconds=seconds,
            replicas=" ".join(states) + ("" if self._site.proxy.is_mended else ", 0 is cut off"),
            figures=self.figures(seconds),
        )
        self._view.glance(glance)

    async def _look_back(self) -> list[str]:
        """Read the journal once all replicas are up again; return what stood in the way."""
        self._site.proxy.mend()
        replicas = self._site.replicas
        if not await until(lambda: all(each.address for each in replicas), seconds=PATIENCE):
            return ["not all replicas came back"]
        try:
            async with asyncio.timeout(PATIENCE):
                for crowd in self._crowds:
                    await crowd.read_journal()
                await self._counters.look()
        except Exception as error:  # noqa: BLE001 - whatever it is, the ledger says so
            return [f"the journal cannot be read: {error!r}"]
        return []

    def _pairs(self) -> list[tuple[Record, Account]]:
        with PostgresStore(self._site.url) as store:
            return [
                (_record(store, project), account) for project, account in self._accounts.items()
            ]


def _record(store: PostgresStore, project: str) -> Record:
    state = store.load(project)
    assert state is not None
    return Record(project, store.events(project), state)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
