"""What a control would get is what it gets (R25, R32)."""

from __future__ import annotations

from hypothesis import given

from sequencectl import (
    AbortSequence,
    ControlPlane,
    Decision,
    PauseSequence,
    ResumeSequence,
)
from sequencectl.testing.strategies import histories, planes

PLAYED = planes().flatmap(
    lambda plane: histories(plane=plane).filter(bool).map(lambda past: (plane, past))
)


@given(PLAYED)
def test_permitted_is_what_decide_answers(
    played: tuple[ControlPlane, tuple[Decision, ...]],
) -> None:
    """Every control of every sequence that is known, at the instant of the last event."""
    plane, past = played
    state, now = past[-1].state, past[-1].events[-1].at

    for sequence_id, record in state.sequences.items():
        commands = {
            "pause": PauseSequence(record.context),
            "resume": ResumeSequence(record.context),
            "abort": AbortSequence(record.context),
            "force": AbortSequence(record.context, force=True),
        }
        expected = {name: plane.decide(state, each, now).outcome for name, each in commands.items()}
        assert expected == plane.permitted(state, sequence_id)
