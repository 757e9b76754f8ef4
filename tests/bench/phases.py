"""The delivery of `programs` on a `transitions.Machine` that only moves through phases."""

from __future__ import annotations

from collections.abc import Callable

from transitions import Machine

from sequencectl import Phase
from sequencectl._sequence.rulebook import TRANSITIONS
from tests.bench.programs import TASKS

_ROWS = [
    {"trigger": event.__name__, "source": before, "dest": after}
    for event, before, after in TRANSITIONS
]


class _Sequence:
    """A model for `transitions`: the machine keeps its phase, and triggers are its methods."""

    state: Phase


def machine_per_sequence(*, auto_transitions: bool = True) -> Callable[[], int]:
    """Return the same steps on a `transitions.Machine` per sequence, otherwise default arguments.

    It moves through phases and nothing else: no line, payload, events, deadlines, or old states.
    """

    def run() -> int:
        model, commands, triggered = _Sequence(), 0, 0
        Machine(
            model,
            states=Phase,
            initial=Phase.WAITING,
            transitions=_ROWS,
            auto_transitions=auto_transitions,
        )

        def fire(*triggers: str) -> None:
            nonlocal commands
            commands += 1
            for trigger in triggers:
                getattr(model, trigger)()

        fire("SequenceStarted", "TaskTriggered")
        for number, name in enumerate(TASKS, start=1):
            triggered += 1
            fire("TaskStartReported")
            over = ("TaskFinishReported", "TaskFinished")
            if name == TASKS[1]:
                fire("SequencePaused")
                fire(*over, "SequenceDrained")
                assert model.state is Phase.PAUSED
                fire("SequenceResumed", "TaskTriggered")
            elif number < len(TASKS):
                fire(*over, "TaskTriggered")
            else:
                fire(*over, "SequenceFinished")
        assert (13, 5, Phase.FINISHED) == (commands, triggered, model.state)
        return commands

    return run
