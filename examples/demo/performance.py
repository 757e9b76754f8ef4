"""Puts a performance together: the control plane, the actors, their scripts, the stories.

Shows the configuration a host chooses: time limits, and bounds that fit its shipyard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from examples.demo.actors import Actor
from examples.demo.cast import Cast
from examples.demo.host import Host, Pace
from examples.demo.stories import Story, main_script, remediation
from examples.demo.view import BEGIN, Kind, Line, View
from sequencectl import Bounds, ControlPlane, Event, Result, Shipyard, TimeoutPolicy
from sequencectl.ports import Store


def plane_for(shipyard: Shipyard) -> ControlPlane:
    """Return a plane for a shipyard; raises `InvalidValue` if it cannot be played.

    No line of follow-ups without a circle is longer than there are sequences, so that a circle is
    broken soon (R17).
    """
    sequences = sum(len(stage.sequences) for stage in shipyard.stages)
    return ControlPlane(
        shipyard,
        timeouts=TimeoutPolicy(reaction="3m", completion="1h"),
        bounds=Bounds(max_depth=sequences + 3),
    )


def actors_for(plane: ControlPlane, cast: Cast, *, seed: int) -> dict[str, Actor]:
    """Return an actor for each task name of the shipyard, with its part in the stories."""
    names = {task.name for s in plane.shipyard.stages for q in s.sequences for task in q.tasks}
    actors = {}
    for task in sorted(names | {"evaluation"}):
        script: dict[tuple[str, str], tuple[Result | None, ...]] = {}
        if task == cast.mute.task:
            script[cast.contexts[2], cast.mute.stage] = (None,)
        if cast.remediation is not None and task == cast.remediation.task:
            script[cast.troubled, cast.remediation.stage] = (Result.FAIL, Result.PASS)
        actors[task] = Actor(task, seed=seed, script=script)
    return actors


class Roles(Protocol):
    """Who is in a performance: the project, and a name for each context that occurs in it."""

    @property
    def project(self) -> str:
        """The name of the project."""
        ...

    @property
    def names(self) -> Mapping[str, str]:
        """What spectators read, by context."""
        ...


def perform(
    plane: ControlPlane,
    cast: Cast,
    *,
    actors: dict[str, Actor],
    view: View,
    pace: Pace,
    store: Store,
    recorded: Sequence[Event] = (),
) -> tuple[Event, ...]:
    """Play everything, say at the end how each delivery stands, and return the events."""
    for finding in () if recorded else plane.findings():
        view.line(Line(Kind.NOTE, BEGIN, f"Note: {finding}"))
    definition = plane.shipyard.sequence(cast.start.stage, cast.start.sequence)
    assert definition is not None
    stories: list[Story] = [main_script(cast, definition.tasks[-1].name)]
    if cast.remediation is not None:
        stories.append(remediation(cast, cast.remediation))
    return play_stories(
        plane, cast, stories, actors=actors, view=view, pace=pace, store=store, recorded=recorded
    )


def play_stories(
    plane: ControlPlane,
    roles: Roles,
    stories: Sequence[Story],
    *,
    actors: Mapping[str, Actor],
    view: View,
    pace: Pace,
    store: Store,
    recorded: Sequence[Event] = (),
) -> tuple[Event, ...]:
    """Play stories side by side and return the events.

    With events on record it goes on after the last of them; raises `OtherPerformance` if they are
    not of this shipyard, these roles and actors.
    """
    if recorded:
        view.recall(recorded)
    host = Host(
        plane,
        roles.project,
        actors=actors,
        names=roles.names,
        view=view,
        pace=pace,
        store=store,
        recorded=recorded,
    )
    host.run(stories)
    return host.history
