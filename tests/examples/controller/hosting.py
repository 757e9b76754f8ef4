"""A host on a folder, for tests that start, stop and start it again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from examples.controller.deciding import Decider
from examples.controller.host import Host
from examples.controller.settings import Settings
from sequencectl import ControlPlane, TimeoutPolicy, TriggerSequence
from sequencectl.serialization import SCHEMA
from sequencectl.testing import ManualClock

T = TypeVar("T")
SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: p}
spec:
  stages: [{name: dev, sequences: [{name: delivery, tasks: [{name: deploy}]}]}]
"""
HOUR = timedelta(hours=1)


class Hosting:
    """A host on a folder, with a clock that is turned by hand."""

    def __init__(
        self, data: Path | None, *, store: str = "", wire: int = SCHEMA, **policies: Any
    ) -> None:
        limits = TimeoutPolicy(**{"reaction": HOUR, **policies})
        self.settings = Settings(
            data=data, store=store, wire=wire, timeouts=limits, settle=timedelta(0)
        )
        self.clock = ManualClock()
        self.told: list[tuple[str, int]] = []
        self.host = Host(self.settings, lambda *told: self.told.append(told), clock=self.clock)

    @property
    def decider(self) -> Decider:
        """The one thread that decides."""
        (decider,) = self.host._deciders
        return decider

    def plane_of(self, project: str) -> ControlPlane:
        """The plane of a project of the host, which may have been stopped."""
        return self.decider.projects.plane_of(project)

    def run(self, program: Coroutine[Any, Any, T]) -> T:
        """Start the host, run a program beside it and stop it."""

        async def whole() -> T:
            await self.host.start()
            await self.host.at_rest()
            try:
                return await program
            finally:
                await self.host.stop()

        return asyncio.run(whole())


def trigger(known: str) -> TriggerSequence:
    """A delivery into dev."""
    return TriggerSequence(known, stage="dev", sequence="delivery", service="carts")


def counted(host: Host, name: str) -> float:
    """What a counter of the host has come to."""
    rows = host.metrics.text().decode().split("\n")
    found = dict(row.rsplit(" ", 1) for row in rows if row and not row.startswith("#"))
    return float(found[f"sequencectl_{name}"])
