"""What people do about what is parked or has failed: each is told once, and at their own time."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from sequencectl import ControlPlane, Event, ProjectState, TaskTriggered
from sequencectl.commands import RetryTask, SkipTask, TriggerSequence
from sequencectl.policies import TimeoutPolicy
from sequencectl.testing import InMemoryStore
from sequencectl.testing.simulation.faults import Dice, Mishap
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.rescue import Rescue
from sequencectl.testing.simulation.world import World
from tests.simulation.small_worlds import ENDING, PARKING, A
from tests.simulation.test_world import finish, handle


def world_of(plane: ControlPlane, seed: int) -> tuple[World, Rescue]:
    """A world whose only task has failed, and the people who have read of it."""
    requests, asked = count(), list[TaskTriggered]()
    rescue = Rescue(Dice(seed), Counter(), lambda: f"request-{next(requests)}", {})

    def people(world: World, event: Event) -> None:
        asked.extend([event] if isinstance(event, TaskTriggered) else [])
        rescue.react(world, event)

    world = World(plane, InMemoryStore(), lambda *_: (), people=people, replicas=1)
    world.start(world.replicas[0])
    finish(world)
    handle(world, A)
    handle(world, asked[0].finished(source="x", result="fail"))
    return world, rescue


def sent(world: World) -> list[object]:
    """What people send in the end."""
    while world._coming:
        at = world.next_instant()
        assert at is not None
        world.pass_time(max(at, world._coming[0][0]))
    return [message.command for message in world.inbox]


def test_without_a_limit_a_parked_one_is_skipped_at_last() -> None:
    """Nothing else would get it out: whatever people do before, the last command is a skip."""
    unbounded = ControlPlane(PARKING.shipyard, timeouts=TimeoutPolicy.unbounded())

    for seed in range(20):
        world, _ = world_of(unbounded, seed)
        assert isinstance(sent(world)[-1], SkipTask)


def test_two_may_decide_at_once() -> None:
    """Each with a request id of their own."""
    several = [world_of(PARKING, seed) for seed in range(60)]

    both = [sent(world) for world, rescue in several if rescue.hits[Mishap.AT_ONCE, ""]]

    assert both
    for first, second in both:
        assert isinstance(first, RetryTask)
        assert isinstance(second, RetryTask | SkipTask)
        assert first.request_id != second.request_id


def test_several_redrive_one_with_the_same_id() -> None:
    """A third one has an id of their own, and later one of them comes again."""
    several = [sent(world_of(ENDING, seed)[0]) for seed in range(60)]

    assert {0, 2, 3, 4} == {len(commands) for commands in several}
    first, second, other, again = next(commands for commands in several if len(commands) == 4)
    assert isinstance(first, TriggerSequence)
    assert isinstance(other, TriggerSequence)
    assert isinstance(again, TriggerSequence)
    assert first == second
    assert f"{first.sequence_id}-other" == other.sequence_id
    assert again.sequence_id in {first.sequence_id, "a"}


def test_a_derived_id_that_was_given_before_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make every further redrive a duplicate (R41)."""
    (world, _), *_ = [
        each for each in (world_of(ENDING, seed) for seed in range(9)) if each[0]._coming
    ]
    monkeypatch.setattr(ProjectState, "redrive_id", lambda _state, sequence_id: sequence_id)

    with pytest.raises(Violation, match="the id of a redrive was given before: a"):
        sent(world)
