"""What a host gives to a controller: the contracts of clock, store and event sink.

An adapter is right if it passes ``sequencectl.testing``'s checks. Every method may raise anything
of its own where it cannot do its work; what the controller makes of that is said at each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.events import Event
from sequencectl.state import ProjectState


@final
@attrs.frozen
class Appointment:
    """When a project needs somebody: at an instant, or now, for it has unsent events (None)."""

    project: str
    at: datetime | None


class Clock(Protocol):
    """The host's clock."""

    def now(self) -> datetime:
        """Return the present as an aware instant in UTC; it may go back (R29)."""
        ...


class EventSink(Protocol):
    """Where events go: a bus, a topic, a table."""

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Publish `events` in this order and return when they are durable there.

        Their serials ascend without a gap. The same events may come again, after a crash or an
        error: receivers tell repeats by project and serial. An error means that none, some or all
        of them were published; they will come again.
        """
        ...


class Store(Protocol):
    """Where states and unsent events are kept; the one place that decides who was first."""

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return the newest state of `project`; None if there never was one.

        `known` is a state of this project the caller has committed or loaded: it may be returned as
        it is if it is the newest, or caught up; a store may also ignore it. What comes back is one
        whole committed state, as new as what had been committed when the call began.
        """
        ...

    def commit(self, decision: Decision) -> None:
        """Write the decision's state and put its events into the outbox, all or nothing.

        Only if the stored serial is ``decision.base`` (0 for a project that never was), otherwise
        raise `Conflict` and write nothing. It returns when the write is durable. Any other error
        leaves it unknown whether it took effect.
        """
        ...

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest committed events nobody acknowledged, `limit` at most, by serial."""
        ...

    def acknowledge(self, project: str, *, through: int) -> None:
        """Drop the pending events up to and with serial `through`; doing so again is no error.

        A lower serial brings nothing back, and one that is not reached yet drops nothing that is
        committed later.
        """
        ...

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return which projects need somebody and when, the most urgent first, `limit` at most.

        First those with pending events (``at=None``), in any order; then those with a deadline, by
        instant. The first that lies in the future is the timer to arm. A project with both may be
        listed twice.
        """
        ...


class AsyncEventSink(Protocol):
    """`EventSink` for hosts that await; the same contract."""

    async def emit(self, project: str, events: Sequence[Event]) -> None:
        """Publish `events` in this order and return when they are durable there."""
        ...


class AsyncStore(Protocol):
    """`Store` for hosts that await; the same contract, method by method.

    Calls on one object may overlap at every await. They must do what they would do one after the
    other.
    """

    async def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return the newest state of `project`; None if there never was one."""
        ...

    async def commit(self, decision: Decision) -> None:
        """Write state and outbox, all or nothing; raise `Conflict` on another serial."""
        ...

    async def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest committed events nobody acknowledged, by serial."""
        ...

    async def acknowledge(self, project: str, *, through: int) -> None:
        """Drop the pending events up to and with this serial."""
        ...

    async def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return which projects need somebody and when, the most urgent first."""
        ...
