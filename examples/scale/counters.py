"""What the replicas count, summed over all of them, those that were killed too as far as known."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, final

from examples.scale.clients import Clients
from examples.scale.http import NoAnswer
from examples.scale.replicas import Replica

_SAMPLE: Final = re.compile(rb"^(\w+?)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')

Key = tuple[str, str]
"""The name of a counter, and its label `answer`; without one it is empty."""


@final
class Counters:
    """The last counts of every life of every replica; what a killed one did since is not known."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lives: dict[tuple[int, int], Mapping[Key, float]] = {}

    @property
    def lives(self) -> int:
        """How many lives are known of."""
        return len(self._lives)

    async def look(self) -> None:
        """Ask every replica that is up."""
        for replica in self._clients.replicas:
            await self._ask(replica)

    def total(self, name: str, answer: str | None = None) -> float:
        """Return a sum over all lives, of one answer or of all."""
        return sum(
            value
            for life in self._lives.values()
            for (each, label), value in life.items()
            if each == name and answer in {None, label}
        )

    async def _ask(self, replica: Replica) -> None:
        address, life = replica.address, (replica.number, replica.starts)
        if address is None:
            return
        try:
            status, text = await self._clients.http.ask(address, "/metrics")
        except NoAnswer:
            return
        if status == 200:
            self._lives[life] = counted(text)


def counted(text: bytes) -> Mapping[Key, float]:
    """Read Prometheus' text format, summed over all labels but `answer`."""
    found: defaultdict[Key, float] = defaultdict(float)
    for name, labels, value in _SAMPLE.findall(text):
        named: Mapping[str, str] = dict(_LABEL.findall(labels.decode()))
        if "le" not in named:  # buckets are sums already
            found[name.decode().removeprefix("sequencectl_"), named.get("answer", "")] += float(
                value
            )
    return found
