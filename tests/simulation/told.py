"""Events that are told otherwise than they were: left out, told twice, changed or replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from sequencectl import Event


def last_of(events: Sequence[Event], kind: type[Event]) -> Any:
    """The last event of a kind."""
    return [event for event in events if type(event) is kind][-1]


def instead(
    events: Sequence[Event], kind: type[Event], *others: Event, **changes: Any
) -> list[Event]:
    """The events with others in place of the last one of a kind, or with it changed."""
    event = last_of(events, kind)
    at = [*events].index(event)
    told = others or (attrs.evolve(event, **changes),) if changes or others else ()
    return [*events[:at], *told, *events[at + 1 :]]


def twice(events: Sequence[Event], kind: type[Event]) -> list[Event]:
    """The events with the last one of a kind told twice."""
    event = last_of(events, kind)
    return instead(events, kind, event, event)
