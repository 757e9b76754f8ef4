"""What must hold for lanes and lines after each transition: rules R1 to R8."""

from __future__ import annotations

from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.policies import QueueMode
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.testing.exploration.transition import (
    IN_LINE,
    Check,
    Transition,
    beside_a_free_place,
    holding,
    live_ones,
    of,
    overlap,
)


def lanes_keep_their_limit(t: Transition) -> str:
    """No sequence starts in a full lane, or beside a full lane that overlaps it; running, pausing,
    paused and aborting sequences hold a lane (R1, R5).
    """
    for event in of(t, e.SequenceStarted):
        started = t.records[event.subject.sequence_id]
        assert isinstance(started, LiveSequence), "nothing ends in the decision it starts in"
        for other in t.live:
            if other.phase in IN_LINE or not overlap(other.lane, started.lane):
                continue
            number = holding(t.live, other.lane)
            if number > t.limit(other.stage):
                return f"{number} hold lane {other.lane}"
    return ""


def the_best_starts_first(t: Transition) -> str:
    """No sequence starts while one before it waits in its lane, by priority, then place (R2)."""
    last = {event.subject.sequence_id: event.serial for event in t.events}
    for event in of(t, e.SequenceStarted):
        started = t.records[event.subject.sequence_id]
        assert isinstance(started, LiveSequence), "nothing ends in the decision it starts in"
        for other in t.live:
            waited = other.phase is Phase.WAITING and other.lane == started.lane
            waited = waited and last.get(other.sequence_id, 0) < event.serial
            if waited and (-other.priority, other.place) < (-started.priority, started.place):
                return f"{started.sequence_id} started before {other.sequence_id}"
    return ""


def nobody_overtakes_across_lanes(t: Transition) -> str:
    """Nobody starts while a better one waits that could have started instead, in a lane that
    overlaps (R1, R2).
    """
    for event in of(t, e.SequenceStarted):
        started = t.records[event.subject.sequence_id]
        assert isinstance(started, LiveSequence), "nothing ends in the decision it starts in"
        without = [record for record in t.live if record is not started]
        for other in beside_a_free_place(t.plane, t.after, without):
            is_better = (-other.priority, other.place) < (-started.priority, started.place)
            if is_better and overlap(other.lane, started.lane):
                return f"{started.sequence_id} started before {other.sequence_id}"
    return ""


def priority_is_that_of_the_command(t: Transition) -> str:
    """A sequence has the priority of its command, else of its definition, else that of its parent,
    or 0 if it has none (R2, R15).
    """
    for event in of(t, e.SequenceTriggered):
        wanted = event.definition.priority
        if event.parent is not None:
            parent = t.was.get(event.parent)
            if wanted is None and isinstance(parent, LiveSequence):
                wanted = parent.priority
        elif isinstance(t.command, c.TriggerSequence) and t.command.priority is not None:
            wanted = t.command.priority
        if event.priority != (wanted or 0):
            return f"{event.subject.sequence_id} has priority {event.priority}, not {wanted or 0}"
    return ""


def no_lane_idles(t: Transition) -> str:
    """No sequence waits beside a free place in a lane that was touched, after a check in no lane at
    all; frozen stages are left out (R3, R7).
    """
    for record in beside_a_free_place(t.plane, t.after, t.live):
        if isinstance(t.command, c.CheckDeadlines) or not _was_let_wait(t, record):
            return f"{record.sequence_id} waits for {record.lane}, which has a free place"
    return ""


def frozen_stages_admit_nobody(t: Transition) -> str:
    """No sequence starts in a frozen stage (R7)."""
    started = [event.subject.stage for event in of(t, e.SequenceStarted)]
    frozen = [stage for stage in started if t.after.freeze_of(stage) is not None]
    return f"a sequence started in {frozen[0]}, which is frozen" if frozen else ""


def newcomers_supersede_as_they_may(t: Transition) -> str:
    """With `latest_only` a newcomer supersedes those in line for the same stage, service and
    sequence whose priority is not higher, and takes their place (R6).
    """
    superseded = [t.was.get(x.subject.sequence_id) for x in of(t, e.SequenceSuperseded)]
    if not isinstance(t.command, c.TriggerSequence) or not t.events:
        return "a sequence was superseded without a newcomer" if superseded else ""
    accepted = next(event for event in t.events if isinstance(event, e.SequenceTriggered))
    mode = t.plane.queueing.for_stage(t.command.stage).mode
    pauses = t.before.context(t.command.context).pauses
    born_held = any(pause.stage in {None, t.command.stage} for pause in pauses)
    wanted = [
        each for each in t.was.values()
        if mode is QueueMode.LATEST_ONLY and isinstance(each, LiveSequence)
        and each.phase in IN_LINE and each.priority <= accepted.priority
        and (each.stage, each.service, each.name)
        == (t.command.stage, t.command.service, t.command.sequence)
        and (each.phase is Phase.HELD or not born_held)
    ]  # fmt: skip
    if sorted(map(id, wanted)) != sorted(map(id, superseded)):
        return f"{len(superseded)} superseded, expected {len(wanted)}"
    place = min((each.place for each in wanted), default=accepted.serial)
    return "" if accepted.place == place else f"the place is {accepted.place}, not {place}"


def _was_let_wait(t: Transition, record: LiveSequence) -> bool:
    """Return whether a sequence waited beside a free place before, and nothing touched its lane.

    That is right: a changed policy takes effect in a check at the latest.
    """
    before = live_ones(t.was)
    waited = {x.sequence_id for x in beside_a_free_place(t.plane, t.before, before)}
    lanes = {x.sequence_id: x.lane for x in (*before, *t.live)}
    return record.sequence_id in waited and not any(
        event.subject.stage == record.stage
        if isinstance(event, e.StageUnfrozen)
        else overlap(lanes.get(event.subject.sequence_id, ""), record.lane)
        for event in t.events
        if isinstance(event, e.Ending | e.SequenceTriggered | e.StageUnfrozen)
        or (isinstance(event, e.SequenceResumed) and _was_held(t, event))
    )


def _was_held(t: Transition, event: e.SequenceResumed) -> bool:
    """Return True if the sequence was resumed in line; a holder gives back no place."""
    was = t.was.get(event.subject.sequence_id)
    return isinstance(was, LiveSequence) and was.phase is Phase.HELD


OF_THE_QUEUE: Final[tuple[Check, ...]] = (
    lanes_keep_their_limit,
    the_best_starts_first,
    nobody_overtakes_across_lanes,
    priority_is_that_of_the_command,
    no_lane_idles,
    frozen_stages_admit_nobody,
    newcomers_supersede_as_they_may,
)
"""The predicates for lanes and lines."""
