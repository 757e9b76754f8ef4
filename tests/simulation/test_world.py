"""The world of a simulation, led by hand: each promise can be seen to be broken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from sequencectl import (
    ControlPlane,
    PauseSequence,
    ReportTaskStarted,
    ResumeSequence,
    TaskTriggered,
)
from sequencectl._protocol import Checked
from sequencectl.events import TaskProgressReported
from sequencectl.testing import InMemoryStore
from sequencectl.testing.simulation.faults import Fault, Mishap
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.replica import Replica
from sequencectl.testing.simulation.world import Trouble, World
from tests.simulation.small_worlds import PLANE, RETRYING, A

SECOND = timedelta(seconds=1)


def world_of(
    asked: list[TaskTriggered] | None = None, plane: ControlPlane = PLANE
) -> tuple[World, Replica]:
    """A world of one replica that has started; its executors never answer."""

    def stay_silent(event: TaskTriggered, source: str) -> Any:
        if asked is not None:
            asked.append(event)
        return ()

    world = World(plane, InMemoryStore(), stay_silent, replicas=1)
    world.start(world.replicas[0])
    finish(world)
    return world, world.replicas[0]


def finish(world: World) -> None:
    """Let the replica hold its conversation to the end."""
    while world.replicas[0].call is not None:
        world.make_call(world.replicas[0])


def handle(world: World, command: Any, *, leaves_copy: bool = False) -> None:
    """Send a command, and let the replica take it and do it."""
    world.send("p", command)
    message = world.waiting()[-1]
    if leaves_copy:
        world.repeat(message)
    world.take(world.replicas[0], message)
    finish(world)


def test_a_command_that_is_left_is_found() -> None:
    """At rest the bus is empty."""
    world, _ = world_of()
    world.send("p", A)

    with pytest.raises(Violation, match="a command is left: TriggerSequence"):
        world.check_rest(all_ended=False)


def test_a_deadline_that_nobody_acts_on_is_found() -> None:
    """At rest nothing is due, to the microsecond."""
    world, _ = world_of()
    handle(world, A)
    due = world.stored("p").next_deadline
    assert due is not None
    world.now = due - timedelta(microseconds=1)
    world.check_rest(all_ended=False)

    world.now = due
    with pytest.raises(Violation, match=r"something of 'p' is due at .*, and nobody acts on it"):
        world.check_rest(all_ended=False)


def test_a_sequence_that_never_ends_is_found() -> None:
    """At rest everything has ended, if that is asked for."""
    world, _ = world_of()
    handle(world, A)
    world.check_rest(all_ended=False)

    with pytest.raises(Violation, match="never ends: "):
        world.check_rest(all_ended=True)


def test_a_command_without_an_id_takes_effect_twice() -> None:
    """A pause that can be told again only by a `request_id` it does not have (R25)."""
    world, replica = world_of()
    handle(world, A)
    handle(world, PauseSequence("a"), leaves_copy=True)
    handle(world, ResumeSequence("a"))
    world.take(replica, world.waiting()[0])

    with pytest.raises(Violation, match="took effect twice: PauseSequence"):
        finish(world)


def test_a_task_under_a_second_id_is_found() -> None:
    """Executors tell repeats by the id of a task, so that a second id would run it again."""
    asked: list[TaskTriggered] = []
    world, _ = world_of(asked)
    handle(world, A)
    another = attrs.evolve(asked[0], task_id="another")
    world.witness.histories["p"].committed[another.serial - 1] = another

    with pytest.raises(Violation, match="a task runs twice, also as "):
        world.witness.published("p", another)


def test_a_report_that_counts_for_another_task_is_found() -> None:
    """An executor that answers late is not heard for the attempt that followed."""
    asked: list[TaskTriggered] = []
    world, _ = world_of(asked)
    handle(world, A)
    decision = PLANE.decide(world.stored("p"), asked[0].started(source="x"), world.now)
    other = attrs.evolve(decision, command=ReportTaskStarted("other", source="x"))

    with pytest.raises(Violation, match=r"counts for the task .*: ReportTaskStarted.*'other'"):
        world.witness.committed(other, message=None, has_settled=True)


def test_progress_that_is_repeated_later_is_one_more_sign_of_life() -> None:
    """It has no report id, so that nothing tells the repeat from a new word (R42)."""
    asked: list[TaskTriggered] = []
    world, replica = world_of(asked)
    handle(world, A)
    handle(world, asked[0].progress(source="x"), leaves_copy=True)
    world.now += 10 * SECOND
    world.take(replica, world.waiting()[0])

    finish(world)

    told = world.witness.histories["p"].committed
    assert 2 == sum(isinstance(event, TaskProgressReported) for event in told)


def test_a_late_report_about_an_old_attempt_is_counted() -> None:
    """So that a set of seeds can tell that it has met one."""
    asked: list[TaskTriggered] = []
    world, _ = world_of(asked, RETRYING)
    handle(world, A)
    handle(world, asked[0].finished(source="x", result="fail"))
    handle(world, asked[0].finished(source="y", result="pass"))

    assert 1 == world.hits[Mishap.OLD_ATTEMPT, ""]


def test_what_is_stored_must_be_what_its_events_lead_to() -> None:
    """The replay law, at rest."""
    world, _ = world_of()
    handle(world, A)
    first = world.witness.histories["p"].committed[0]
    world.witness.histories["p"].committed[0] = attrs.evolve(first, at=first.at - SECOND)

    with pytest.raises(Violation, match="what is stored of 'p' is not what its events lead to"):
        world.check_rest(all_ended=False)


def test_what_is_not_published_is_found() -> None:
    """At rest, though nothing is left in the outbox."""
    world, _ = world_of()
    handle(world, A)
    world.witness.histories["p"].published = 0

    with pytest.raises(Violation, match="not everything committed is published: 0 of 3 events"):
        world.check_rest(all_ended=False)


def test_a_crash_after_a_call_that_fails_loses_the_error() -> None:
    """A commit that meets a conflict and a crash at once: the message is delivered again."""
    world, replica = world_of()
    world.send("p", A)
    world.take(replica, world.waiting()[0])
    world.make_call(replica)
    world.make_call(replica)
    world.store.commit(PLANE.decide(PLANE.initial("p"), A, world.now))

    world.make_call(replica, Fault.CRASH_AFTER)

    assert replica.is_down
    assert [A] == [message.command for message in world.waiting()]


def test_a_timer_that_rings_too_late_is_found() -> None:
    """What a replica was answered of one project counts when it is answered of another."""
    world, replica = world_of()
    handle(world, A)
    replica.hosting.timer.clear()
    world.now += SECOND
    world.send("q", A)
    world.take(replica, world.waiting()[0])

    with pytest.raises(Violation, match=r"the timer rings at .* 01:03:00.* ring by .* 01:02:59"):
        finish(world)


def test_what_is_left_to_do_needs_a_timer() -> None:
    """A check that could not publish says when to come back."""
    world, replica = world_of()

    with pytest.raises(Violation, match="something is left to do, and no timer rings"):
        world._finished(replica, Checked((), {"p": Trouble()}, None))


def test_a_crashed_replica_is_told_by_its_calls() -> None:
    """A call prints as one row."""
    world, replica = world_of()
    world.send("p", A)
    world.take(replica, world.waiting()[0])
    world.make_call(replica, Fault.FAILS)

    assert "29 00:59:59 replica 0 Load: fails, not done" == str(world.calls()[-1])
    assert world.now + 5 * SECOND == replica.arm
