"""A project that survives its host: a `SequenceController` on a store, taken up where it was left.

Shows what a host does after a crash: it publishes what is committed and unsent, and finds out what
its executors and its people were about. In a real host they know that themselves; here all of them
live in the program that died, so that they have to do it all again: what is recorded is played once
more, in memory. That works because nothing in it depends on anything but shipyard and seed: neither
the decisions, which are pure, nor the executors and scripts. Each event is compared with the
record, and the state that comes of it with the one in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import attrs

from examples.demo.view import BEGIN
from sequencectl import (
    Command,
    CommandRejected,
    ControlPlane,
    Event,
    Rejected,
    SequenceController,
    SequencectlError,
)
from sequencectl.ports import Store


class OtherPerformance(SequencectlError):
    """What a store keeps was not played on this shipyard with this seed, or is being played."""


@attrs.define
class VirtualClock:
    """A clock that shows what the host sets it to."""

    instant: datetime = BEGIN

    def now(self) -> datetime:
        """Return the present of the performance."""
        return self.instant


class DurableProject:
    """One project: `decide` is answered from the record first, and then by the controller.

    `show` is called with each event that is published, perhaps again after a crash, and `hear`
    once with every event, recorded or new. `history` has all of them.
    """

    def __init__(
        self,
        plane: ControlPlane,
        project: str,
        *,
        store: Store,
        recorded: Sequence[Event],
        clock: VirtualClock,
        show: Callable[[Event], None],
        hear: Callable[[Event], None],
    ) -> None:
        self.history: list[Event] = []
        self.state = plane.initial(project)
        self._plane, self._name, self._clock = plane, project, clock
        self._recorded = tuple(recorded)
        self._show, self._hear = show, hear
        self._controller = SequenceController(
            plane,
            store=store,
            clock=clock,
            sink=self,
            settle=timedelta(0),  # no message waits on a bus while the host is down
        )
        if not self.is_recalling:
            self._take_over()

    @property
    def is_recalling(self) -> bool:
        """Whether there is more on record than has been played again."""
        return len(self.history) < len(self._recorded)

    def decide(self, command: Command) -> str | None:
        """Take in one command, publish what it leads to, and return why it was refused."""
        return self._recall(command) if self.is_recalling else self._handle(command)

    def end(self) -> None:
        """Say that nothing more will be decided; raise if there is more on record."""
        if self.is_recalling:
            left = self._recorded[len(self.history)]
            raise OtherPerformance(f"{_said(left)} that this shipyard and seed lead to")

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Publish events: show them, and let those be heard that are new (`EventSink`)."""
        if project != self._name:
            raise OtherPerformance(f"the events of {project!r} belong to another performance")
        for event in events:
            self._show(event)
            if event.serial > len(self.history):
                self._take_in(event)

    def _take_in(self, event: Event) -> None:
        self.history.append(event)
        self._hear(event)

    def _handle(self, command: Command) -> str | None:
        try:
            handled = self._controller.handle(self._name, command)
        except CommandRejected as error:
            return error.message
        if handled.unsent is not None:
            raise handled.unsent
        if handled.decision.base != self.state.serial:
            raise OtherPerformance("somebody else is playing on the same store")
        self.state = handled.decision.state
        return None

    def _recall(self, command: Command) -> str | None:
        """Decide once more what was decided in an earlier life of this program."""
        decision = self._plane.decide(self.state, command, self._clock.now())
        known = self._recorded[len(self.history) :]
        for event, recorded in zip(decision.events, known, strict=False):
            if event != recorded:
                raise OtherPerformance(f"{_said(recorded)} that this shipyard and seed lead to")
        self.state = decision.state
        for event in decision.events:
            self._take_in(event)
        if not self.is_recalling:
            self._take_over()
        return decision.outcome.message if isinstance(decision.outcome, Rejected) else None

    def _take_over(self) -> None:
        """Go on for real: what was committed is the state, and what is unsent is published."""
        if self._controller.state(self._name) != self.state:
            raise OtherPerformance("what is on record does not lead to the state that is kept")
        unsent = self._controller.relay().unsent.get(self._name)
        if unsent is not None:
            raise unsent


def _said(event: Event) -> str:
    what = f"{type(event).__name__} at {event.at:%H:%M:%S}"
    return f"event {event.serial} on record, {what}, is not the one"
