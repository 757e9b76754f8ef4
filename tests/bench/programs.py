"""The programs that are measured against each other: one delivery of five tasks, 13 commands.

Trigger; for each of the five tasks a start and a finish; a pause while the second task is in flight
and a resume after it. Every program ends by asserting the same facts: all commands went in, the
results came out, and nothing was triggered between pause and resume.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sequencectl import (
    ControlPlane,
    PauseSequence,
    Phase,
    ProjectState,
    QueuePolicy,
    Result,
    ResumeSequence,
    SequenceStateMachine,
    Shipyard,
    TaskTriggered,
    TriggerSequence,
)
from sequencectl.commands import Command, SequenceCommand
from sequencectl.events import Event, SequenceFinished
from sequencectl.machine import SequenceDecision

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
TASKS = ("deploy", "test", "evaluate", "approve", "release")
_DELIVERY = {"delivery": list(TASKS)}
PLANE = ControlPlane(
    Shipyard.of({"dev": _DELIVERY, "busy": _DELIVERY}), queueing=QueuePolicy(scope="service")
)


def waiting(count: int, *, lanes: int = 10) -> ProjectState:
    """Return a state in which so many sequences wait, spread over lanes that are all held."""
    state = PLANE.initial("bench")
    for number in range(count + lanes):
        command = TriggerSequence(
            f"w{number}", stage="busy", sequence="delivery", service=f"s{number % lanes}"
        )
        state = PLANE.decide(state, command, NOW).state
    return state


def control_plane(state: ProjectState) -> Callable[[], int]:
    """Return the delivery through `ControlPlane.decide`, each time from this state."""

    def run() -> int:
        now, commands = state, 0
        events: list[Event] = []

        def tell(command: Command) -> tuple[Event, ...]:
            nonlocal now, commands
            decision = PLANE.decide(now, command, NOW)
            now, commands = decision.state, commands + 1
            events.extend(decision.events)
            return decision.events

        def triggered(said: tuple[Event, ...]) -> TaskTriggered | None:
            found = [event for event in said if isinstance(event, TaskTriggered)]
            return found[0] if found else None

        said = tell(TriggerSequence("c1", stage="dev", sequence="delivery", service="carts"))
        for name in TASKS:
            task = triggered(said)
            assert task is not None
            tell(task.started(source="x"))
            if name == TASKS[1]:
                tell(PauseSequence("c1"))
            said = tell(task.finished(source="x", result="pass"))
            if name == TASKS[1]:
                assert triggered(said) is None
                said = tell(ResumeSequence("c1"))
        last = events[-1]
        assert isinstance(last, SequenceFinished)
        assert (13, 28, Result.PASS) == (commands, len(events), last.result)
        return commands

    return run


def state_machine() -> Callable[[], int]:
    """Return the same steps on a `SequenceStateMachine`, whose host keeps the line and the ids.

    The trigger is `accept` and `start`; a pause is of this sequence, so that no event tells of a
    context: 26 events, not 28.
    """
    definition = PLANE.shipyard.sequence("dev", "delivery")
    assert definition is not None
    machine = SequenceStateMachine(definition)

    def run() -> int:
        command = TriggerSequence("c1", stage="dev", sequence="delivery", service="carts")
        accepted = machine.accept(command, NOW, project="bench")
        state, commands, events = accepted.state, 1, 0

        def taken(decision: SequenceDecision) -> TaskTriggered | None:
            nonlocal state, events
            assert decision.state is not None
            state, events = decision.state, events + len(decision.events)
            found = [event for event in decision.events if isinstance(event, TaskTriggered)]
            return found[0] if found else None

        def tell(command: SequenceCommand) -> TaskTriggered | None:
            nonlocal commands
            commands += 1
            assert state is not None
            return taken(machine.decide(state, command, NOW))

        taken(accepted)
        assert state is not None
        task = taken(machine.start(state, NOW))
        for name in TASKS:
            assert task is not None
            tell(task.started(source="x"))
            if name == TASKS[1]:
                tell(PauseSequence("c1"))
            task = tell(task.finished(source="x", result="pass"))
            if name == TASKS[1]:
                assert task is None
                task = tell(ResumeSequence("c1"))
        assert (13, 26) == (commands, events)
        assert (Phase.FINISHED, Result.PASS) == (state.phase, state.result)
        assert [Result.PASS] * len(TASKS) == [each.result for each in state.runs]
        return commands

    return run
