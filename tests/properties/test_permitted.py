"""What a control would get is what it gets (R25, R32)."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl import (
    AbortSequence,
    Command,
    ControlPlane,
    Decision,
    ExemptSequence,
    LiveSequence,
    PauseSequence,
    ProjectState,
    ReportTaskFinished,
    ResumeSequence,
    RetryTask,
    SequenceRecord,
    SkipTask,
    TriggerSequence,
)
from sequencectl.testing.strategies import histories, planes
from tests.properties.commands_strategy import PEOPLE
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS

PLAYED = planes().flatmap(
    lambda plane: histories(plane=plane).filter(bool).map(lambda past: (plane, past))
)
VOTING = [name for name, world in WORLDS.items() if "'approval'" in repr(world["stages"])]


def controls_of(state: ProjectState, record: SequenceRecord, actor: str) -> dict[str, Command]:
    """Return each control of a sequence by its name, as this person gives it."""
    context = record.context
    controls: dict[str, Command] = {
        "pause": PauseSequence(context, actor=actor),
        "resume": ResumeSequence(context, actor=actor),
        "abort": AbortSequence(context, actor=actor),
        "force": AbortSequence(context, force=True, actor=actor),
        "exempt": ExemptSequence(record.sequence_id, actor=actor),
        "retry": RetryTask(sequence_id=record.sequence_id, actor=actor),
        "skip": SkipTask(sequence_id=record.sequence_id, result="pass", actor=actor),
        "redrive": TriggerSequence(
            state.redrive_id(record.sequence_id),
            stage=record.stage,
            sequence=record.name,
            service=record.service,
            context=context,
            redrives=record.sequence_id,
            actor=actor,
        ),
    }
    run = record.task if isinstance(record, LiveSequence) else None
    if run is not None and run.triggered.approval is not None:
        standing = {vote.voter: vote.result.value for vote in run.votes}
        result = "pass" if standing.get(actor, "fail") == "fail" else "fail"
        controls["vote"] = ReportTaskFinished(
            run.task_id, source="chat", actor=actor, result=result
        )
    return controls


@given(PLAYED)
def test_permitted_is_what_decide_answers(
    played: tuple[ControlPlane, tuple[Decision, ...]],
) -> None:
    """Every control of every sequence that is known, at the instant of the last event."""
    plane, past = played
    state, now = past[-1].state, past[-1].events[-1].at

    for sequence_id, record in state.sequences.items():
        commands = controls_of(state, record, "")
        expected = {name: plane.decide(state, each, now).outcome for name, each in commands.items()}
        assert expected == plane.permitted(state, sequence_id)


@settings(max_examples=30)
@given(st.sampled_from(VOTING), st.integers(0, 10_000), st.sampled_from(PEOPLE))
def test_permitted_knows_who_asks(name: str, seed: int, actor: str) -> None:
    """R34: the same of a person who has voted, or is barred, where people decide."""
    twin = Twin(WORLDS[name])
    walk(twin, random.Random(seed), steps=25)
    plane, state = twin.plane, twin.state

    for sequence_id, record in state.sequences.items():
        commands, now = controls_of(state, record, actor), twin.events[-1].at
        expected = {name: plane.decide(state, each, now).outcome for name, each in commands.items()}
        assert expected == plane.permitted(state, sequence_id, actor=actor)
