"""The table of one sequence's life, and the theory behind it.

Theory of operation
-------------------

A sequence is born WAITING. Admission, and nothing else, takes it out of the line: SequenceStarted
makes it a holder of its lane (R1). From then on exactly one of three things is true until it ends:
a task is in flight, the next task is scheduled for a later instant (R10), or it is PAUSED or
PARKED.

*Pausing* never interrupts a task. A sequence in line becomes HELD and goes back to WAITING. A
running one becomes PAUSING; when its task is over and another one would follow, it is drained and
PAUSED. If nothing is in flight, both happen in one decision, so that every pause of a running
sequence passes PAUSING. SequenceResumed leads back to where the pause began: from HELD to WAITING,
otherwise to RUNNING (R18–R21).

*Aborting* with a task in flight waits for it: ABORTING keeps the lane, so that no sequence runs
beside a task that is not over. There is no way from ABORTING but to ABORTED, and no pause holds it
up (R22). Without a task in flight, and by force, ABORTED is reached at once from every live phase
(R23).

*Failing* need not be the end. A failed attempt may be followed by another one, and no phase changes
(R39). Or the sequence is parked: PARKED keeps the lane with nothing in flight, and waits for a
person, who has the task run again or counts it as run (TaskRetried, TaskSkipped: back to RUNNING),
or for its limit, which ends it as the failure would have. A pause changes nothing there; what
follows a retry or a skip under a pause goes the way of every pause, through PAUSING (R40).

*Exempting* changes no phase: it says of a sequence in line that it may start in spite of a freeze
(R38).

*Ending* is possible from every phase: in line by abort, by a newcomer that supersedes, or by
waiting for too long (WAITING only: the clock of a HELD one stands); as a holder by the last or a
failed result, by a time limit, by abort, or (RUNNING only) by a newcomer that makes its approval
void (R35). A PARKED one ends as its failure would have ended it, or by abort. A PAUSED one can only
be resumed or aborted: nothing is in flight, its clocks stand (R30). No row leaves an ended phase
(R24).

The table has no guards and no birth row. *Whether* an event happens is decided elsewhere
(``life.py``); *that* it may happen in this phase, and where it leads, is decided here alone. The
rows are those of one ``transitions.Machine`` without a model, callbacks or automatic transitions,
and `next_phase` reads them from it.
"""

from __future__ import annotations

from typing import Final

from transitions import Machine

import sequencectl.events as e
from sequencectl.errors import IllegalTransition
from sequencectl.sequence import Phase

Row = tuple[type, Phase, Phase]

TRANSITIONS: Final[tuple[Row, ...]] = (
    # in line
    (e.SequenceStarted, Phase.WAITING, Phase.RUNNING),
    (e.SequencePaused, Phase.WAITING, Phase.HELD),
    (e.SequenceExempted, Phase.WAITING, Phase.WAITING),
    (e.SequenceAborted, Phase.WAITING, Phase.ABORTED),
    (e.SequenceSuperseded, Phase.WAITING, Phase.SUPERSEDED),
    (e.SequenceExpired, Phase.WAITING, Phase.EXPIRED),
    (e.SequenceResumed, Phase.HELD, Phase.WAITING),
    (e.SequenceExempted, Phase.HELD, Phase.HELD),
    (e.SequenceAborted, Phase.HELD, Phase.ABORTED),
    (e.SequenceSuperseded, Phase.HELD, Phase.SUPERSEDED),
    # holding the lane
    (e.TaskScheduled, Phase.RUNNING, Phase.RUNNING),
    (e.TaskTriggered, Phase.RUNNING, Phase.RUNNING),
    (e.TaskStartReported, Phase.RUNNING, Phase.RUNNING),
    (e.TaskProgressReported, Phase.RUNNING, Phase.RUNNING),
    (e.TaskFinishReported, Phase.RUNNING, Phase.RUNNING),
    (e.TaskFinished, Phase.RUNNING, Phase.RUNNING),
    (e.TaskTimedOut, Phase.RUNNING, Phase.RUNNING),
    (e.SequenceParked, Phase.RUNNING, Phase.PARKED),
    (e.SequencePaused, Phase.RUNNING, Phase.PAUSING),
    (e.SequenceAbortRequested, Phase.RUNNING, Phase.ABORTING),
    (e.SequenceFinished, Phase.RUNNING, Phase.FINISHED),
    (e.SequenceTimedOut, Phase.RUNNING, Phase.TIMED_OUT),
    (e.SequenceAborted, Phase.RUNNING, Phase.ABORTED),
    (e.SequenceSuperseded, Phase.RUNNING, Phase.SUPERSEDED),
    # parked: a task failed, and a person decides
    (e.TaskRetried, Phase.PARKED, Phase.RUNNING),
    (e.TaskSkipped, Phase.PARKED, Phase.RUNNING),
    (e.SequencePaused, Phase.PARKED, Phase.PARKED),
    (e.SequenceResumed, Phase.PARKED, Phase.PARKED),
    (e.SequenceFinished, Phase.PARKED, Phase.FINISHED),
    (e.SequenceTimedOut, Phase.PARKED, Phase.TIMED_OUT),
    (e.SequenceAborted, Phase.PARKED, Phase.ABORTED),
    # pausing: the task in flight goes on
    (e.TaskScheduled, Phase.PAUSING, Phase.PAUSING),
    (e.TaskStartReported, Phase.PAUSING, Phase.PAUSING),
    (e.TaskProgressReported, Phase.PAUSING, Phase.PAUSING),
    (e.TaskFinishReported, Phase.PAUSING, Phase.PAUSING),
    (e.TaskFinished, Phase.PAUSING, Phase.PAUSING),
    (e.TaskTimedOut, Phase.PAUSING, Phase.PAUSING),
    (e.SequenceParked, Phase.PAUSING, Phase.PARKED),
    (e.SequenceDrained, Phase.PAUSING, Phase.PAUSED),
    (e.SequenceResumed, Phase.PAUSING, Phase.RUNNING),
    (e.SequenceAbortRequested, Phase.PAUSING, Phase.ABORTING),
    (e.SequenceFinished, Phase.PAUSING, Phase.FINISHED),
    (e.SequenceTimedOut, Phase.PAUSING, Phase.TIMED_OUT),
    (e.SequenceAborted, Phase.PAUSING, Phase.ABORTED),
    # paused: nothing in flight
    (e.SequenceResumed, Phase.PAUSED, Phase.RUNNING),
    (e.SequenceAborted, Phase.PAUSED, Phase.ABORTED),
    # aborting: waits for the task in flight
    (e.TaskStartReported, Phase.ABORTING, Phase.ABORTING),
    (e.TaskProgressReported, Phase.ABORTING, Phase.ABORTING),
    (e.TaskFinishReported, Phase.ABORTING, Phase.ABORTING),
    (e.TaskFinished, Phase.ABORTING, Phase.ABORTING),
    (e.TaskTimedOut, Phase.ABORTING, Phase.ABORTING),
    (e.SequenceAborted, Phase.ABORTING, Phase.ABORTED),
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
