"""The table of one sequence's life, and the theory behind it.

Theory of operation
-------------------

A sequence is born WAITING. Admission, and nothing else, takes it out of the line: SequenceStarted
makes it a holder of its lane (R1). From then on exactly one of three things is true until it ends:
a task is in flight, the next task is scheduled for a later instant (R10), or it is PAUSED.

*Pausing* never interrupts a task. A sequence in line becomes HELD and goes back to WAITING. A
running one becomes PAUSING; when its task is over and another one would follow, it is drained and
PAUSED. If nothing is in flight, both happen in one decision, so that every pause of a running
sequence passes PAUSING. SequenceResumed leads back to where the pause began: from HELD to WAITING,
otherwise to RUNNING (R18–R21).

*Aborting* with a task in flight waits for it: ABORTING keeps the lane, so nobody runs beside a task
that is not over. There is no way from ABORTING but to ABORTED, and no pause holds it up (R22).
Without a task in flight, and by force, ABORTED is reached at once from every live phase (R23).

*Ending* is possible from every phase: in line by abort, by a newcomer that supersedes, or by
waiting for too long (WAITING only: the clock of a HELD one stands); as a holder by the last or a
failed result, by a time limit, or by abort. A PAUSED one can only be resumed or aborted: nothing is
in flight, its clocks stand (R30). No row leaves an ended phase (R24).

The table has no guards and no birth row. *Whether* an event happens is decided elsewhere
(``life.py``); *that* it may happen in this phase, and where it leads, is decided here alone. The
rows are those of one ``transitions.Machine`` without a model, callbacks or automatic transitions,
and `next_phase` reads them from it.
"""

from __future__ import annotations

from typing import Final

from transitions import Machine

from sequencectl.errors import IllegalTransition
from sequencectl.events import (
    SequenceAborted,
    SequenceAbortRequested,
    SequenceDrained,
    SequenceExpired,
    SequenceFinished,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTimedOut,
    TaskFinished,
    TaskFinishReported,
    TaskScheduled,
    TaskStartReported,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.sequence import Phase

Row = tuple[type, Phase, Phase]

TRANSITIONS: Final[tuple[Row, ...]] = (
    # in line
    (SequenceStarted, Phase.WAITING, Phase.RUNNING),
    (SequencePaused, Phase.WAITING, Phase.HELD),
    (SequenceAborted, Phase.WAITING, Phase.ABORTED),
    (SequenceSuperseded, Phase.WAITING, Phase.SUPERSEDED),
    (SequenceExpired, Phase.WAITING, Phase.EXPIRED),
    (SequenceResumed, Phase.HELD, Phase.WAITING),
    (SequenceAborted, Phase.HELD, Phase.ABORTED),
    (SequenceSuperseded, Phase.HELD, Phase.SUPERSEDED),
    # holding the lane
    (TaskScheduled, Phase.RUNNING, Phase.RUNNING),
    (TaskTriggered, Phase.RUNNING, Phase.RUNNING),
    (TaskStartReported, Phase.RUNNING, Phase.RUNNING),
    (TaskFinishReported, Phase.RUNNING, Phase.RUNNING),
    (TaskFinished, Phase.RUNNING, Phase.RUNNING),
    (TaskTimedOut, Phase.RUNNING, Phase.RUNNING),
    (SequencePaused, Phase.RUNNING, Phase.PAUSING),
    (SequenceAbortRequested, Phase.RUNNING, Phase.ABORTING),
    (SequenceFinished, Phase.RUNNING, Phase.FINISHED),
    (SequenceTimedOut, Phase.RUNNING, Phase.TIMED_OUT),
    (SequenceAborted, Phase.RUNNING, Phase.ABORTED),
    # pausing: the task in flight goes on
    (TaskScheduled, Phase.PAUSING, Phase.PAUSING),
    (TaskStartReported, Phase.PAUSING, Phase.PAUSING),
    (TaskFinishReported, Phase.PAUSING, Phase.PAUSING),
    (TaskFinished, Phase.PAUSING, Phase.PAUSING),
    (TaskTimedOut, Phase.PAUSING, Phase.PAUSING),
    (SequenceDrained, Phase.PAUSING, Phase.PAUSED),
    (SequenceResumed, Phase.PAUSING, Phase.RUNNING),
    (SequenceAbortRequested, Phase.PAUSING, Phase.ABORTING),
    (SequenceFinished, Phase.PAUSING, Phase.FINISHED),
    (SequenceTimedOut, Phase.PAUSING, Phase.TIMED_OUT),
    (SequenceAborted, Phase.PAUSING, Phase.ABORTED),
    # paused: nothing in flight
    (SequenceResumed, Phase.PAUSED, Phase.RUNNING),
    (SequenceAborted, Phase.PAUSED, Phase.ABORTED),
    # aborting: waits for the task in flight
    (TaskStartReported, Phase.ABORTING, Phase.ABORTING),
    (TaskFinishReported, Phase.ABORTING, Phase.ABORTING),
    (TaskFinished, Phase.ABORTING, Phase.ABORTING),
    (TaskTimedOut, Phase.ABORTING, Phase.ABORTING),
    (SequenceAborted, Phase.ABORTING, Phase.ABORTED),
)
"""Every move a sequence can make: event, phase before, phase after."""

MACHINE: Final = Machine(
    model=None,
    states=Phase,
    initial=None,
    transitions=[
        {"trigger": event.__name__, "source": before, "dest": after}
        for event, before, after in TRANSITIONS
    ],
    auto_transitions=False,
)


_NAMES: Final = {phase: phase.name for phase in Phase}
_PHASES: Final = {phase.name: phase for phase in Phase}


def next_phase(phase: Phase, event: type) -> Phase:
    """Return the phase an event of this type leads to; raise `IllegalTransition` if there is no
    row.
    """
    trigger = MACHINE.events.get(event.__name__)
    rows = trigger.transitions.get(_NAMES[phase]) if trigger is not None else None
    if not rows or rows[0].dest is None:
        raise IllegalTransition(phase.name, event.__name__)
    return _PHASES[rows[0].dest]
