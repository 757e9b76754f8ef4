"""Whether the floor does in the delivery what `ControlPlane.decide` does.

Every field of every event is compared but two, ids of tasks and definitions; of each decision its
base and its next deadline.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import attrs

from sequencectl import Command, PauseSequence, ResumeSequence, TaskTriggered, TriggerSequence
from sequencectl.payload import FrozenMap, thaw
from tests.bench.floor import Floor, deliver
from tests.bench.programs import NOW, PLANE, TASKS

_OWN: Final = frozenset({"task_id", "definition"})


def check() -> None:
    """Raise `AssertionError` unless both make the same events, in the same decisions."""
    state, decided = PLANE.initial("bench"), 0
    told: deque[Command] = deque(
        [TriggerSequence("c1", stage="dev", sequence="delivery", service="carts")]
    )
    for floored in deliver(Floor("bench"), "c1"):
        decision = PLANE.decide(state, told.popleft(), NOW)
        assert _plain(decision.events) == _plain(floored.events)
        assert (decision.base, decision.next_deadline) == (floored.base, floored.next_deadline)
        state, decided = decision.state, decided + len(decision.events)
        for event in decision.events:
            if isinstance(event, TaskTriggered):
                told.extend(_reports(event))
    assert (28, deque()) == (decided, told)


def _reports(event: TaskTriggered) -> list[Command]:
    started, finished = event.started(source="x"), event.finished(source="x", result="pass")
    if event.task == TASKS[1]:
        return [started, PauseSequence("c1"), finished, ResumeSequence("c1")]
    return [started, finished]


def _plain(events: Iterable[Any]) -> list[tuple[str, Any]]:
    return [(type(event).__name__, _fields(event)) for event in events]


def _fields(value: Any) -> Any:
    """Return what both sides mean by a value: plain texts, dicts, and dicts of fields."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, FrozenMap):
        return thaw(value)
    if attrs.has(type(value)):
        names = [each.name for each in attrs.fields(type(value))]
    elif dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value)]
    else:
        return value
    return {name: _fields(getattr(value, name)) for name in names if name not in _OWN}
