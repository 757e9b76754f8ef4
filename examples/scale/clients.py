"""How anybody speaks to several replicas: to one after the other, until one answers.

Shows: what a client has to do. It asks any replica; what got no answer it repeats at another one,
under the same id, since nobody knows what came of it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, final

import attrs

from examples.scale.http import Http, NoAnswer
from examples.scale.replicas import Replica
from examples.scale.world import Json

REPEAT_AFTER: Final = 0.1
"""What got no answer is sent again after so many seconds."""

_OK: Final = range(200, 300)
_PASSING: Final = range(500, 600)


class Refused(Exception):
    """A replica says no, where nobody should; the message says what and why."""

    def __init__(self, path: str, status: int, content: bytes) -> None:
        super().__init__(f"{path}: {status} {content.decode(errors='replace')}")
        self.status = status


@final
@attrs.define
class Clients:
    """What all clients share: the replicas, connections to them, and counts."""

    replicas: Sequence[Replica]
    http: Http = attrs.field(factory=Http)
    counts: Counter[str] = attrs.field(factory=Counter)
    _turn: int = 0

    async def send(self, path: str, body: Any = None) -> Json:
        """Send a request to one replica after the other until one answers; raise `Refused`."""
        while True:
            if (address := self.next().address) is not None:
                try:
                    status, content = await self.http.ask(address, path, body)
                except NoAnswer:
                    self.counts["unanswered"] += 1
                else:
                    if status in _OK:
                        return dict(json.loads(content))
                    if status not in _PASSING:
                        raise Refused(path, status, content)
                    self.counts["unavailable"] += 1
            await asyncio.sleep(REPEAT_AFTER)

    def next(self) -> Replica:
        """Return the replica whose turn it is, passing those that are down."""
        self._turn += 1
        begin = self._turn % len(self.replicas)
        row = [*self.replicas[begin:], *self.replicas[:begin]]
        return next((replica for replica in row if replica.address is not None), row[0])
