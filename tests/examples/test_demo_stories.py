"""The demo's stories in memory: the same seed, other seeds, a stopped actor, the pace."""

from datetime import timedelta

import pytest

from examples.demo.__main__ import SPEED
from examples.demo.actors import Actor
from examples.demo.host import LONGEST, Host, Pace
from examples.demo.performance import actors_for, plane_for
from examples.demo.stories import Say, Story, Until, is_over, trigger
from examples.demo.verdict import verdict
from examples.demo.view import BEGIN
from sequencectl import Command, Shipyard, TaskTriggered, TriggerSequence, evolve
from sequencectl.events import TaskTimedOut
from sequencectl.testing import InMemoryStore
from tests.examples.performance import FakeTime, Spectator, default_performance, failed, play


def test_the_same_seed_plays_the_same_events() -> None:
    """Two performances of one seed have the same events and the same lines."""
    again = play()

    assert default_performance().events == again.events
    assert default_performance().lines == again.lines


@pytest.mark.parametrize("seed", [0, 2, 3, 7, 1_000, -5])
def test_every_clause_holds_with_another_seed(seed: int) -> None:
    """The stories do not depend on how long tasks take; the events do."""
    performance = play(seed=seed)

    assert failed(verdict(performance.events, performance.cast)) == []
    assert performance.events != default_performance().events


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_default_speed_takes_half_a_minute(seed: int) -> None:
    """At the default speed the sleeps add up to 20 to 40 seconds."""
    performance = play(seed=seed, speed=SPEED)

    virtual = (performance.events[-1].at - BEGIN).total_seconds()
    assert 20 <= performance.seconds <= 40
    assert performance.seconds == pytest.approx(virtual / SPEED, rel=0.02)


def test_without_a_speed_nobody_sleeps() -> None:
    """``--speed max`` jumps from one instant to the next."""
    assert default_performance().seconds == 0


@pytest.mark.parametrize("task", ["release", "deployment", "rollback"])
def test_exactly_the_tasks_of_a_stopped_actor_time_out(task: str) -> None:
    """Who is stopped answers nothing: all its tasks time out, and no others but the mute one."""

    def stop(actors: dict[str, Actor]) -> None:
        actors[task].is_stopped = True

    performance = play(change=stop)
    timed_out = {event.task_id for event in performance.events if isinstance(event, TaskTimedOut)}
    mute = {
        event.task_id
        for event in performance.events
        if isinstance(event, TaskTimedOut) and event.task == performance.cast.mute.task
    }

    assert timed_out - mute == performance.triggered(task)
    assert performance.triggered(task)
    assert "nobody else" in failed(verdict(performance.events, performance.cast))


def answers(actor: Actor, *others: Actor) -> list[timedelta]:
    """How long an actor takes for the tasks of a performance, while others work too."""
    delays = []
    for event in default_performance().events:
        if isinstance(event, TaskTriggered):
            delays += [delay for delay, _ in actor.hear(event)]
            for other in others:
                other.hear(event)
    return delays


def test_an_actor_draws_from_its_own_dice() -> None:
    """How long an actor takes does not depend on who else works, only on seed and task name."""
    alone = answers(Actor("action", seed=1))

    assert alone == answers(Actor("action", seed=1), Actor("test", seed=1))
    assert alone != answers(Actor("action", seed=2))
    assert alone != answers(Actor("evaluation", seed=1))


def test_an_actor_answers_for_everybody_that_is_expected() -> None:
    """With `expects` there is a start and a finish from each of so many sources, or of these."""
    tasks = [{"name": "a", "expects": 2}, {"name": "b", "expects": ["x", "y"]}, "c"]
    plane = plane_for(Shipyard.of({"dev": {"delivery": tasks}}))
    state, heard = plane.initial("sockshop"), {}
    commands: list[Command] = [TriggerSequence("one", stage="dev", sequence="delivery")]
    while commands:
        decision = plane.decide(state, commands.pop(0), BEGIN)
        state = decision.state
        for event in decision.events:
            if isinstance(event, TaskTriggered):
                answered = Actor(event.task, seed=1).hear(event)
                heard[event.task] = [report.source for _, report in answered]
                commands += [report for _, report in answered]

    assert {
        "a": ["a-service-1"] * 2 + ["a-service-2"] * 2,
        "b": ["x", "x", "y", "y"],
        "c": ["c-service"] * 2,
    } == heard
    assert plane.delivery(state, "one").status_line == "delivery finished"


def test_the_events_fold_into_the_state() -> None:
    """The history replays: its last event is the state's serial, and nothing is live (R24)."""
    performance = default_performance()
    state = plane_for(Shipyard.of({"dev": None})).initial(performance.cast.project)
    for event in performance.events:
        state = evolve(state, event)

    assert state.serial == len(performance.events)
    assert all(record.phase.has_ended for record in state.sequences.values())


def host_on(shipyard: Shipyard, **options: int) -> tuple[Host, Spectator, Story]:
    """A host with a delivery that is about to be triggered."""
    plane, cast, view = plane_for(shipyard), default_performance().cast, Spectator()
    time = FakeTime()
    host = Host(
        plane,
        "sockshop",
        actors=actors_for(plane, cast, seed=1),
        names=cast.names,
        view=view,
        pace=Pace(None, time.sleep, time.monotonic),
        store=InMemoryStore(),
        **options,
    )
    return host, view, trigger(cast, cast.contexts[0])


def test_a_shipyard_that_goes_on_and_on_is_stopped() -> None:
    """Over so many events the host aborts by force what is live, and the demo ends."""
    again = {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}
    host, view, story = host_on(Shipyard.of({"dev": {"delivery": again}}), most_events=10)

    host.run([story])

    assert type(host.history[-1]).__name__ == "SequenceAborted"
    assert [line.text for line in view.lines][-1] == "This goes on and on: stopped after 11 events."


def test_a_delay_of_centuries_is_stopped() -> None:
    """Delays that would leave the calendar are not waited for."""
    late = {"name": "deploy", "triggeredAfter": timedelta(days=36_500)}
    host, _, story = host_on(Shipyard.of({"dev": {"delivery": {"tasks": [late] * 100}}}))

    host.run([story])

    assert LONGEST < host.now - BEGIN < LONGEST + timedelta(days=36_501)


def test_a_story_waits_until_its_time_is_up_at_most() -> None:
    """`Until` with a limit lets the story go on once, whether or not what it waits for comes."""
    host, view, story = host_on(Shipyard.of({"dev": {"delivery": ["deploy"]}}))
    context = default_performance().cast.contexts[0]

    def impatient() -> Story:
        yield from story
        yield Until(context, is_over, 1)
        yield Say("one second")
        yield Until(context, is_over, 3_600)
        yield Say("over")

    host.run([impatient()])

    texts = [line.text for line in view.lines[-2:]]
    seconds = [(line.at - BEGIN).total_seconds() for line in view.lines[-2:]]
    assert ["one second", "over"] == texts
    assert seconds[0] == 1
    assert 30 < seconds[1] < 60
