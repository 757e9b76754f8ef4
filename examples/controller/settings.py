"""What a controller is started with: where its data is, whom it listens to, how patient it is."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, final

import attrs

from examples.controller.webhooks import Receivers
from sequencectl import (
    Bounds,
    Calendar,
    ControlPlane,
    InvalidValue,
    QueuePolicy,
    Shipyard,
    TimeoutPolicy,
)
from sequencectl.serialization import SCHEMA

SOURCE = "sequencectl-controller"
"""The source of every CloudEvent that the controller itself writes."""

_TOKEN: Final = re.compile(r"[!-~]([ -~]*[!-~])?")
_HOST_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?")
_STORE: Final = re.compile(r"postgres(ql)?://")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_PORTS: Final = range(65_536)


@final
@attrs.frozen(kw_only=True)
class Settings:
    """How a controller runs; `InvalidValue` if it makes no sense or is not safe.

    `data` is the folder of its databases, or `store` the address of a database in PostgreSQL that
    any number of replicas share; one of them must be given. An address may have a password, so that
    it is never shown. An empty `token` lets everybody in, which is permitted on
    this machine's own addresses alone, and under its own names. `allowed_hosts` are the other names
    it is served under, as a proxy passes them on, and `actor_header` is the header in which that
    proxy says who acts: with it, no client can claim to be another person. `settle` is how long
    after its start no deadline is acted on (R31), `keep_alive` how often a silent stream says that
    it is alive, `per_second` how many messages a stream's client gets at most, and `receivers` are
    the receivers of open tasks. `poll` is how often a replica looks for what the others have left
    undone; without others it never does. `wire` is the schema that states are written in: the
    newest one that every running replica reads, during a rolling upgrade.

    There are at most so many `connections`. One that asks for nothing is closed after
    `idle_timeout`, and a request must come in full within `request_timeout`; None: never.
    """

    data: Path | None = None
    store: str = attrs.field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    token: str = attrs.field(default="", repr=False)
    actor_header: str = ""
    timeouts: TimeoutPolicy = attrs.field(factory=TimeoutPolicy)
    queueing: QueuePolicy = attrs.field(factory=QueuePolicy)
    bounds: Bounds = attrs.field(factory=Bounds)
    settle: timedelta = timedelta(minutes=3)
    keep_alive: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=5)
    wire: int = SCHEMA
    per_second: float = 4.0
    receivers: Receivers = attrs.field(factory=Receivers)
    connections: int = 900
    request_timeout: timedelta | None = timedelta(seconds=30)
    idle_timeout: timedelta | None = timedelta(seconds=60)

    def __attrs_post_init__(self) -> None:
        if (self.data is None) == (not self.store):
            given = "both" if self.store else "neither"
            raise InvalidValue("data, store", given, "must be one of the two")
        if self.store and _STORE.match(self.store) is None:
            given = f"{len(self.store)} characters"
            raise InvalidValue("store", given, "must be postgresql://USER@HOST/DATABASE")
        if self.wire not in range(1, SCHEMA + 1):
            raise InvalidValue("wire", self.wire, f"must be 1 to {SCHEMA}")
        if not self.token and not is_loopback(self.host):
            raise InvalidValue("host", self.host, "must be a loopback address without a token")
        if self.port not in _PORTS:
            raise InvalidValue("port", self.port, "must be 0 to 65535")
        if self.token and _TOKEN.fullmatch(self.token) is None:
            what = "must be printable ASCII without a blank at its ends"
            raise InvalidValue("token", f"{len(self.token)} characters", what)
        for name in self.allowed_hosts:
            if not _is_address(name) and _HOST_NAME.fullmatch(name.lower()) is None:
                raise InvalidValue("allowed_hosts", name, "must be a name or an address, no more")
            if not self.token and not is_loopback(name):
                raise InvalidValue("allowed_hosts", name, "must be a loopback name without a token")
        if self.actor_header and _HEADER.fullmatch(self.actor_header) is None:
            raise InvalidValue("actor_header", self.actor_header, "must be the name of a header")
        if self.connections < 1:
            raise InvalidValue("connections", self.connections, "must be at least 1")
        self.timeouts.check(self.bounds)

    def plane(self, shipyard: Shipyard, *, calendar: Calendar | None = None) -> ControlPlane:
        """Return the plane of a project with this shipyard and calendar."""
        return ControlPlane(
            shipyard,
            timeouts=self.timeouts,
            queueing=self.queueing,
            bounds=self.bounds,
            calendar=calendar,
        )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone; a name may mean anything."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
