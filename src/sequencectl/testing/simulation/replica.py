"""A replica of a host in a simulated world, the calls it made, and the messages it gets."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, final

import attrs

from sequencectl._protocol import Call, Hosting, Reply
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.testing._walk import START
from sequencectl.testing.simulation.faults import Fault
from sequencectl.testing.simulation.onlooker import Violation

Deserved = tuple[Decision | Exception, ...]
"""What commands lead to: a decision, or the error of a calendar."""


@final
@attrs.frozen
class MadeCall:
    """A call that a replica made at an instant of the world, and what went wrong with it."""

    at: datetime
    replica: int
    call: str
    fault: Fault | None

    def __str__(self) -> str:
        ending = "" if self.fault is None else f": {self.fault.value}"
        return f"{self.at:%d %H:%M:%S} replica {self.replica} {self.call}{ending}"


@final
@attrs.define(eq=False)
class Message:
    """A command on the bus until it is acknowledged; its copies have the same `number`."""

    number: int
    topic: str
    project: str
    command: Command
    is_taken: bool = False


@final
class Replica:
    """A replica of a host: its conversation, the call that it makes next, its clock and timer.

    It decides by `plane`, with `calendar`, from its next conversation on. The one that it holds now
    goes on by `decides_by`, which `follows` a calendar that may be older. `messages` are what it
    handles as one. What they deserve is known when it has committed; before that, only `since`
    which of the newest states it may answer. In the projects that are `overtaken` it met a conflict
    and has not looked since.
    """

    hosting: Hosting
    """What its conversations share; the world makes it anew whenever the replica starts."""

    def __init__(self, number: int, plane: ControlPlane) -> None:
        self.number = number
        self.plane = plane
        self.calendar = plane.calendar
        self.decides_by, self.follows = plane, plane.calendar
        self.is_down = True
        self.skew = timedelta(0)
        self.arm: datetime | None = None
        self.due: datetime | None = None
        self.conversation: Generator[Call, Reply, Any] | None = None
        self.call: Call | None = None
        self.messages: tuple[Message, ...] = ()
        self.since = 0
        self.deserved: Deserved | None = None
        self.turn: tuple[str, ...] = ()
        self.overtaken: set[str] = set()
        self.heard: list[object] = []
        self.is_back = False
        self.has_settled = False
        self.decided_at = START
        self.commits_seen = 0

    @property
    def armed(self) -> datetime | None:
        """When its timer rings, by its own clock; None while it is busy or down."""
        is_idle = self.conversation is None and not self.is_down
        return self.arm if is_idle else None

    def answered(self, at: datetime | None) -> None:
        """Hear when a project must be worked on; raise `Violation` if the timer rings later.

        `due` is the earliest such instant since the last check, of all projects.
        """
        instants = [each for each in (self.due, at) if each is not None]
        self.due = min(instants, default=None)
        if self.due is not None and (self.arm is None or self.arm > self.due):
            raise Violation(f"the timer rings at {self.arm}, and must ring by {self.due}")
