"""Plays the demo in memory, without sleeping, for the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import attrs

from examples.demo.__main__ import SOCKSHOP
from examples.demo.actors import Actor
from examples.demo.cast import Cast, cast_for
from examples.demo.host import Pace
from examples.demo.performance import Roles, actors_for, perform, plane_for, play_stories
from examples.demo.stories import Story
from examples.demo.view import Clause, Line
from sequencectl import ControlPlane, Event, Shipyard, Store, TaskTriggered
from sequencectl.testing import InMemoryStore

SHIPYARDS = Path(__file__).parent / "shipyards"


@attrs.define
class Spectator:
    """A view that remembers what it was shown."""

    events: list[Event] = attrs.field(factory=list)
    lines: list[Line] = attrs.field(factory=list)
    seconds: float = 0

    def recall(self, events: Sequence[Event]) -> None:
        pass

    def event(self, event: Event) -> None:
        self.events.append(event)

    def line(self, line: Line) -> None:
        self.lines.append(line)

    def tick(self, now: object) -> None:
        pass

    def judge(self, clauses: object) -> None:
        pass


@attrs.define
class FakeTime:
    """A clock that moves only when somebody sleeps."""

    now: float = 1_000.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


class Record(Store, Protocol):
    """A store that remembers the events that were published."""

    events: list[Event]


def watched(
    record: Record,
    plane: ControlPlane,
    roles: Roles,
    story: Story,
    *,
    actors: Mapping[str, Actor],
    speed: float | None,
    longest: float,
) -> Spectator:
    """What spectators see when a story is played on this store, or goes on there."""
    view, time = Spectator(), FakeTime()
    play_stories(
        plane,
        roles,
        [story],
        actors=actors,
        view=view,
        pace=Pace(speed, time.sleep, time.monotonic, longest=longest),
        store=record,
        recorded=tuple(record.events),
    )
    view.seconds = time.now - FakeTime().now
    return view


@attrs.frozen
class Performance:
    """What was played: by whom, what happened, what the spectators were told."""

    cast: Cast
    actors: dict[str, Actor]
    events: tuple[Event, ...]
    lines: tuple[Line, ...]
    seconds: float

    @property
    def texts(self) -> list[str]:
        """The text of the lines."""
        return [line.text for line in self.lines]

    def triggered(self, task: str) -> set[str]:
        """The ids of all runs of the tasks of this name."""
        found = (event for event in self.events if isinstance(event, TaskTriggered))
        return {event.task_id for event in found if event.task == task}


def play(
    path: Path = SOCKSHOP,
    *,
    seed: int = 1,
    speed: float | None = None,
    change: Callable[[dict[str, Actor]], None] = lambda _: None,
) -> Performance:
    """Play the stories on a shipyard; `change` may do something to the actors before."""
    plane = plane_for(Shipyard.from_yaml(path.read_bytes()))
    cast = cast_for(plane.shipyard, seed=seed, is_own=path != SOCKSHOP)
    actors, view, time = actors_for(plane, cast, seed=seed), Spectator(), FakeTime()
    change(actors)
    began = time.now
    pace = Pace(speed, time.sleep, time.monotonic)
    store = InMemoryStore()
    events = perform(plane, cast, actors=actors, view=view, pace=pace, store=store)
    assert list(events) == view.events
    return Performance(cast, actors, events, tuple(view.lines), time.now - began)


@cache
def default_performance() -> Performance:
    """The performance of the default seed; nobody changes it."""
    return play()


def failed(clauses: tuple[Clause, ...]) -> list[str]:
    """The names of the clauses that do not hold."""
    return [clause.name for clause in clauses if not clause.holds]
