"""What a host answers: each command what it deserves, on a state that was the newest meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sequencectl import (
    CalendarError,
    Command,
    CommandRejected,
    Conflict,
    ControlPlane,
    Opening,
    PauseSequence,
    ResumeSequence,
    TaskTriggered,
    UnfreezeStage,
)
from sequencectl._protocol import (
    Acknowledge,
    AcknowledgeMany,
    Commit,
    Conversation,
    Handled,
    Hosting,
    Load,
    LoadMany,
    PendingMany,
    handle_many,
)
from sequencectl.testing import InMemoryStore
from sequencectl.testing.simulation.faults import Fault, Mishap
from sequencectl.testing.simulation.mistakes import MISTAKES, RIGHT, Mistake
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.world import World
from tests.simulation.small_worlds import FORCE, PAUSE, PLANE, A, B

Answers = tuple[Handled | Exception, ...]


def world_of(
    mistake: Mistake = RIGHT, plane: ControlPlane = PLANE, asked: list[TaskTriggered] | None = None
) -> World:
    """A world of two replicas that have started; its executors never answer."""

    def stay_silent(event: TaskTriggered, source: str) -> Any:
        if asked is not None:
            asked.append(event)
        return ()

    world = World(plane, InMemoryStore(), stay_silent, replicas=2, mistake=mistake)
    for number, replica in enumerate(world.replicas):
        world.start(replica)
        finish(world, number)
    return world


def finish(world: World, number: int = 0) -> None:
    """Let a replica hold its conversation to the end."""
    while world.replicas[number].call is not None:
        world.make_call(world.replicas[number])


def handle(world: World, *commands: Command, number: int = 0) -> None:
    """Let a replica take commands from the bus as one, and handle them."""
    take(world, *commands, number=number)
    finish(world, number)


def take(world: World, *commands: Command, number: int = 0) -> None:
    """Let a replica take commands from the bus as one."""
    for command in commands:
        world.send("p", command)
    world.take(world.replicas[number], *world.waiting()[-len(commands) :])


def until(world: World, kind: type, number: int = 0) -> None:
    """Let a replica make its calls until it is about to make one of this kind."""
    while not isinstance(world.replicas[number].call, kind):
        world.make_call(world.replicas[number])


def answered_by(answer: Any) -> Mistake:
    """A host that changes the answers of `handle_many`."""

    def handles(
        hosting: Hosting, project: str, commands: Sequence[Command]
    ) -> Conversation[Answers]:
        answers = yield from handle_many(hosting, project, commands)
        changed: Answers = answer(answers)
        return changed

    return Mistake(handle_many=handles)


def test_what_is_handled_as_one_is_applied_in_its_order() -> None:
    """A pause before its trigger is refused, and one after it is not; all is one commit."""
    world = world_of()

    handle(world, PAUSE, A, PauseSequence("a", request_id="later"), B)

    assert [] == world.inbox
    assert 1 == world.hits[Mishap.BATCH, ""] == world.hits[Mishap.REFUSED, ""]
    assert 1 == world.hits[Mishap.REFUSED_AMONG, ""]
    assert 1 == [made.call for made in world.calls()].count("Commit")
    assert world.stored("p").context("a").pauses


@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.AMBIGUOUS, Fault.CRASH_AFTER])
def test_no_message_is_acknowledged_if_the_commit_has_no_answer(fault: Fault) -> None:
    """Whether it took effect or not: all of them stay on the bus, and can be taken again."""
    world = world_of()
    take(world, A, PauseSequence("x"), B)
    world.make_call(world.replicas[0])
    world.make_call(world.replicas[0])

    world.make_call(world.replicas[0], fault)

    assert [A, PauseSequence("x"), B] == [message.command for message in world.waiting()]


def test_the_error_of_a_calendar_is_the_answer_to_one_command() -> None:
    """The others take effect."""

    def fails(_stage: str, _at: object) -> Opening:
        raise LookupError("no such stage")

    world = world_of(plane=ControlPlane(PLANE.shipyard, calendar=fails))

    handle(world, A, UnfreezeStage("dev"), FORCE)

    assert [] == world.inbox
    assert 1 == world.hits[Mishap.REFUSED, ""]
    assert world.stored("p").live("a") is None


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (lambda answers: answers[:-1], "3 commands get 2 answers"),
        (lambda answers: (answers[0], answers[0], *answers[2:]), "answers what is not true: Hand"),
        (lambda answers: answers[::-1], "answers what is not true: Handled"),
        (lambda answers: (answers[1], *answers[1:]), "answers what is not true: CommandRejected"),
        (
            lambda answers: (*answers[:2], Handled(answers[2].decision, None)),
            "is to be gone on with at two times",
        ),
        (
            lambda answers: (answers[0], CommandRejected("NO", "No.", PAUSE), answers[2]),
            "answers what is not true: CommandRejected",
        ),
        (
            lambda answers: (answers[0], CalendarError("dev", "No."), answers[2]),
            "answers what is not true: CalendarError",
        ),
    ],
)
def test_an_answer_to_another_command_is_found(answer: Any, seen: str) -> None:
    """Each command has an answer of its own, and all say when to come back."""
    world = world_of(answered_by(answer))

    with pytest.raises(Violation, match=seen):
        handle(world, A, PauseSequence("x", request_id="x"), B)


def test_a_commit_of_half_of_them_is_found() -> None:
    """A crash after it would leave the other half undone."""

    def halves(
        hosting: Hosting, project: str, commands: Sequence[Command]
    ) -> Conversation[Answers]:
        first = yield from handle_many(hosting, project, commands[:1])
        return (*first, *(yield from handle_many(hosting, project, commands[1:])))

    world = world_of(Mistake(handle_many=halves))

    with pytest.raises(Violation, match="commits what its commands do not lead to: SequenceTrig"):
        handle(world, A, B)


def test_a_second_commit_is_found() -> None:
    """Progress has no id, so nothing else would tell that it was handled twice."""

    def twice(hosting: Hosting, project: str, commands: Sequence[Command]) -> Conversation[Answers]:
        yield from handle_many(hosting, project, commands)
        return (yield from handle_many(hosting, project, commands))

    asked: list[TaskTriggered] = []
    world = world_of(asked=asked)
    handle(world, A)
    handle(world, asked[0].started(source="x"))
    world._mistake = Mistake(handle_many=twice)
    take(world, ResumeSequence("x"), asked[0].progress(source="x"))
    until(world, Acknowledge)
    world.now += PLANE.bounds.progress_every

    with pytest.raises(Violation, match="commits in two parts what is handled as one"):
        finish(world)


def test_an_answer_may_be_true_of_any_state_since_it_was_asked_for() -> None:
    """While it loads, another replica makes it untrue: that is no lie."""
    world = world_of()
    take(world, PauseSequence("a", request_id="first"))
    world.make_call(world.replicas[0])
    handle(world, A, number=1)

    finish(world)

    assert 1 == world.hits[Mishap.REFUSED, ""]


@pytest.mark.parametrize(
    ("command", "seen"), [(PAUSE, "CommandRejected"), (B, "Handled.*Unchanged, base=3, serial=3")]
)
def test_an_answer_from_what_was_known_before_is_found(command: Command, seen: str) -> None:
    """Another replica had committed before it was asked: no state since then stands behind it."""
    world = world_of(MISTAKES["trust-known"])
    handle(world, B)
    handle(world, A, number=1)

    with pytest.raises(Violation, match=f"answers what is not true: {seen}"):
        handle(world, command)


def test_a_state_that_never_was_there_is_found() -> None:
    """It has a serial that another state has: a store that compares serials would return it."""
    world = world_of()
    handle(world, A)
    never = PLANE.decide(PLANE.initial("p"), B, world.now).state
    world.judge.check_known(PLANE.initial("p"))
    world.judge.check_known(world.stored("p"))

    with pytest.raises(Violation, match=f"knows serial {never.serial} of 'p', which never was"):
        world.judge.check_known(never)


def test_a_second_conflict_on_one_state_is_found() -> None:
    """It will meet that conflict for ever: it must look at what was faster."""

    def blind(call: Any) -> Any:
        if not isinstance(call, Commit):
            return (yield call)
        try:
            return (yield call)
        except Conflict:
            return (yield call)

    world = world_of(Mistake(blind))
    take(world, A)
    until(world, Commit)
    handle(world, B, number=1)

    with pytest.raises(Violation, match="commits again on the state that met a conflict: Decision"):
        finish(world)


@pytest.mark.parametrize("call", [LoadMany(("p", "p"), {}), PendingMany(("q", "p", "q"), 5)])
def test_a_project_that_is_named_twice_is_found(call: Any) -> None:
    """A store need not expect it."""
    world = world_of()

    with pytest.raises(Violation, match="names a project twice: "):
        world._made(world.replicas[0], call)


@pytest.mark.parametrize(
    "call", [Load("p", None), LoadMany(("p", "q"), {}), AcknowledgeMany({"p": 1})]
)
def test_work_out_of_turn_is_found(call: Any) -> None:
    """A replica has threads, too: each project is worked on by one of them at a time."""
    world = world_of()

    with pytest.raises(Violation, match=r"has the turn of \(\) and makes "):
        world._made(world.replicas[0], call)
