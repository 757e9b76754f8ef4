"""A history of events with the questions the verdict asks of it."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import attrs

from examples.demo.cast import Cast, Spot
from sequencectl import Ending, Event, TaskTriggered
from sequencectl.events import (
    Cause,
    ContextPaused,
    ContextResumed,
    SequenceExpired,
    SequenceTimedOut,
    TaskFinished,
    TaskTimedOut,
)

_EventT = TypeVar("_EventT", bound=Event)


@attrs.frozen(slots=False)
class History:
    """Events in the order of their publication, and who was meant to play what."""

    events: tuple[Event, ...]
    cast: Cast

    @cached_property
    def _places(self) -> dict[int, int]:
        return {id(event): place for place, event in enumerate(self.events)}

    def of(self, kind: type[_EventT], context: str | None = None) -> list[_EventT]:
        """Return all events of a kind, perhaps of one context only."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and context in (None, event.subject.context)
        ]

    def first(self, kind: type[_EventT], context: str, spot: Spot | None = None) -> _EventT | None:
        """Return the first event of a kind in a context, perhaps of one sequence only."""
        found = self.of(kind, context)
        return next((e for e in found if spot is None or spot.is_of(e.subject)), None)

    def end(self, context: str, spot: Spot) -> Event | None:
        """Return the first end of this sequence in a context."""
        found = (e for e in self.events if isinstance(e, Ending) and spot.is_of(e.subject))
        return next((event for event in found if event.subject.context == context), None)

    def after(self, event: Event) -> Event | None:
        """Return the event after this one."""
        place = self._places[id(event)] + 1
        return self.events[place] if place < len(self.events) else None

    def between(self, first: Event, last: Event | None, *kinds: type[Event]) -> list[Event]:
        """Return what lies between two events of a context, or after the first, of these kinds."""
        end = len(self.events) if last is None else self._places[id(last)]
        inner = self.events[self._places[id(first)] + 1 : end]
        context = first.subject.context
        return [e for e in inner if isinstance(e, kinds) and e.subject.context == context]

    def pause(self) -> tuple[ContextPaused, ContextResumed] | None:
        """Return pause and resume of the controlled delivery; None unless there were both."""
        context = self.cast.contexts[3]
        paused = self.first(ContextPaused, context)
        resumed = [e for e in self.of(ContextResumed, context) if e.cause is Cause.REQUESTED]
        return (paused, resumed[0]) if paused and resumed else None

    def task_in_flight(self, at: Event) -> TaskTriggered | None:
        """Return the task of the event's context that was in flight when it came."""
        context, place = at.subject.context, self._places[id(at)]
        task: TaskTriggered | None = None
        for event in self.events[:place]:
            if event.subject.context == context:
                if isinstance(event, TaskTriggered):
                    task = event
                elif isinstance(event, TaskFinished | TaskTimedOut):
                    task = None
        return task

    def is_cut_short(self, context: str) -> bool:
        """Whether a limit of the shipyard's own ended a sequence of the context before its time."""
        limits = [*self.of(SequenceTimedOut, context), *self.of(SequenceExpired, context)]
        return self.cast.has_limits and bool(limits)
