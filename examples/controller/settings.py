"""What a controller is started with: where its data is, whom it listens to, how patient it is."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import final

import attrs

from examples.controller.webhooks import Receivers
from sequencectl import ControlPlane, InvalidValue, QueuePolicy, Shipyard, TimeoutPolicy

SOURCE = "sequencectl-controller"
"""The source of every CloudEvent that the controller itself writes."""


@final
@attrs.frozen(kw_only=True)
class Settings:
    """How a controller runs.

    `data` is the folder of its databases. An empty `token` lets everybody in, which is permitted on
    this machine's own addresses alone; anything else raises `InvalidValue`. `settle` is how long
    after its start no deadline is acted on (R31), `keep_alive` how often a silent stream says that
    it is alive, `per_second` how many messages a stream's client gets at most, and `receivers` are
    those that open tasks are posted to.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    token: str = attrs.field(default="", repr=False)
    timeouts: TimeoutPolicy = attrs.field(factory=TimeoutPolicy)
    queueing: QueuePolicy = attrs.field(factory=QueuePolicy)
    settle: timedelta = timedelta(minutes=3)
    keep_alive: timedelta = timedelta(seconds=15)
    per_second: float = 4.0
    receivers: Receivers = attrs.field(factory=Receivers)

    def __attrs_post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise InvalidValue("host", self.host, "must be a loopback address without a token")

    def plane(self, shipyard: Shipyard) -> ControlPlane:
        """Return the plane of a project with this shipyard."""
        return ControlPlane(shipyard, timeouts=self.timeouts, queueing=self.queueing)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone; a name may mean anything."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
