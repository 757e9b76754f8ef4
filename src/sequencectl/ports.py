"""What a host gives to a controller: a clock, a store and an event sink.

The docstrings here are the contracts. An adapter that passes the checks of ``sequencectl.testing``
keeps them. A method that cannot do its work raises whatever it likes; each docstring says what the
controller concludes. A method of a sync port returns when its work is done, and never an awaitable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.events import Event
from sequencectl.state import ProjectState


@final
@attrs.frozen
class Appointment:
    """When a host must work on a project: at its next deadline, or now (None), to publish."""

    project: str
    at: datetime | None


class Clock(Protocol):
    """The host's clock."""

    def now(self) -> datetime:
        """Return the present as an aware datetime, best in UTC. It may go back (R29)."""
        ...


class EventSink(Protocol):
    """Where events are published: a bus, a topic, a table."""

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Publish `events` in this order and return when they are durable there.

        Their serials ascend without a gap. After a crash or an error the same events come again, so
        receivers must tell repeats, by project and serial. An error means that none, some or all of
        them were published: the controller will send them again.
        """
        ...


class Store(Protocol):
    """Where states and unsent events are kept. It alone decides which of two commits was first."""

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return the newest state of `project`; None if nothing was ever committed.

        `known` is a state of this project that the caller has committed or loaded. A store may
        return it if it is still the newest, bring it up to date, or ignore it. The answer is one
        whole committed state, and contains every commit that was over when the call began.
        """
        ...

    def commit(self, decision: Decision) -> bool | None:
        """Write the decision's state and put its events into the outbox, all or nothing.

        Do so only if the stored serial is ``decision.base`` (0 for a new project); otherwise write
        nothing and raise `Conflict`. Return when the write is durable. After any other error the
        controller takes it that the write may have happened or not.

        Return True if the outbox was empty before this commit, so that the decision's events are
        all that is in it: then the controller need not read them back. None or False says nothing.
        """
        ...

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest committed events that are not acknowledged, `limit` at most, by serial.

        These events are the project's outbox.
        """
        ...

    def acknowledge(self, project: str, *, through: int) -> None:
        """Drop the pending events up to and including serial `through`.

        To repeat it is no error. A lower serial brings nothing back. A serial that is not reached
        yet drops nothing that is committed later.
        """
        ...

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return which projects must be worked on and when, most urgent first, `limit` at most.

        First come the projects with pending events (``at=None``), in any order; then those with a
        deadline, by instant. A project with both may be listed twice. A commit that is over is
        seen here.
        """
        ...


class BatchStore(Store, Protocol):
    """A `Store` that can also do one thing to several projects in one transaction.

    That costs one wait for the disk, and one round trip, where each by itself costs one a project.
    No project is named twice in a call. A store locks the projects in the order of their names, so
    that two calls never wait for each other in a circle. Controllers use these methods where a
    store has all four.
    """

    def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Return the newest state of each project that has one; see `load`.

        `known` has a state of some of them. The answer need not be of one instant.
        """
        ...

    def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict | None]:
        """Commit decisions, each of another project; return what `commit` would, by project.

        One that would raise `Conflict` has that for its answer, and writes nothing; the others are
        written. All of that happens, or nothing. After any error each of them may have happened.
        """
        ...

    def pending_many(self, projects: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox that is not empty, `limit` events of each at most."""
        ...

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Drop the pending events of each project up to and including its serial."""
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
        """Return the newest state of `project`; None if nothing was ever committed."""
        ...

    async def commit(self, decision: Decision) -> bool | None:
        """Write state and outbox, all or nothing; raise `Conflict` on another serial.

        True: the outbox was empty before.
        """
        ...

    async def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest committed events that are not acknowledged, by serial."""
        ...

    async def acknowledge(self, project: str, *, through: int) -> None:
        """Drop the pending events up to and including serial `through`."""
        ...

    async def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return which projects must be worked on and when, the most urgent first."""
        ...


class AsyncBatchStore(AsyncStore, Protocol):
    """`BatchStore` for hosts that await; the same contract, method by method."""

    async def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Return the newest state of each project that has one."""
        ...

    async def commit_many(
        self, decisions: Sequence[Decision]
    ) -> Mapping[str, bool | Conflict | None]:
        """Commit the decisions, each of another project; return what `commit` would, by project."""
        ...

    async def pending_many(
        self, projects: Sequence[str], *, limit: int
    ) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox that is not empty, `limit` events of each at most."""
        ...

    async def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Drop the pending events of each project up to and including its serial."""
        ...
