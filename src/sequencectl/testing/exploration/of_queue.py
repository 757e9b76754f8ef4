"""What must hold for lanes and lines after each transition: rules R1 to R6, and R8."""

from __future__ import annotations

from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.testing.exploration.transition import (
    IN_LINE,
    Check,
    Transition,
    beside_a_free_place,
    holding,
    is_kept_back,
    live_ones,
    of,
    overlap,
    superseded_by,
)


def lanes_keep_their_limit(t: Transition) -> str:
    """No sequence starts in a full lane, or beside a full lane that overlaps it; running, parked,
    pausing, paused and aborting sequences hold a lane (R1, R5).
    """
    for event in of(t, e.SequenceStarted):
        started = t.records.get(event.subject.sequence_id)
        if not isinstance(started, LiveSequence):
            continue  # a newer delivery made its first task void (R35)
        for other in t.live:
            if other.phase in IN_LINE or not overlap(other.lane, started.lane):
                continue
            number = holding(t.live, other.lane)
            if number > t.limit(other.stage):
                return f"{number} hold lane {other.lane}"
    return ""


def the_best_starts_first(t: Transition) -> str:
    """No sequence starts while one before it waits in its lane, by priority, then place; in a
    frozen stage the exempted ones keep this order among themselves (R2, R38).
    """
    last = {event.subject.sequence_id: event.serial for event in t.events}
    for event in of(t, e.SequenceStarted):
        started = t.records.get(event.subject.sequence_id)
        if not isinstance(started, LiveSequence):
            continue  # a newer delivery made its first task void (R35)
        for other in t.live:
            waited = other.phase is Phase.WAITING and other.lane == started.lane
            waited = waited and last.get(other.sequence_id, 0) < event.serial
            is_better = (-other.priority, other.place) < (-started.priority, started.place)
            if waited and is_better and not is_kept_back(t, event, other):
                return f"{started.sequence_id} started before {other.sequence_id}"
    return ""


def nobody_overtakes_across_lanes(t: Transition) -> str:
    """Nobody starts while a better one waits that could have started instead, in a lane that
    overlaps (R1, R2).
    """
    for event in of(t, e.SequenceStarted):
        started = t.records.get(event.subject.sequence_id)
        if not isinstance(started, LiveSequence):
            continue  # a newer delivery made its first task void (R35)
        without = [record for record in t.live if record is not started]
        for other in beside_a_free_place(t.plane, t.after, without):
            is_better = (-other.priority, other.place) < (-started.priority, started.place)
            is_better = is_better and not is_kept_back(t, event, other)
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
    all; in a frozen stage this is said of the exempted ones (R3, R7, R38).
    """
    for record in beside_a_free_place(t.plane, t.after, t.live):
        if isinstance(t.command, c.CheckDeadlines) or not _was_let_wait(t, record):
            return f"{record.sequence_id} waits for {record.lane}, which has a free place"
    return ""


def newcomers_supersede_as_they_may(t: Transition) -> str:
    """With `latest_only` a newcomer supersedes those in line for the same stage, service and
    sequence whose priority is not higher and who are not exempted, and takes their place; a redrive
    supersedes none and joins the line at its end (R6, R38, R41).
    """
    started = {event.subject.sequence_id for event in of(t, e.SequenceStarted)}
    superseded = sorted(
        known for event in of(t, e.SequenceSuperseded)
        if (known := event.subject.sequence_id) not in started
        and isinstance(was := t.was.get(known), LiveSequence) and was.phase in IN_LINE
    )  # fmt: skip
    if not isinstance(t.command, c.TriggerSequence) or not t.events:
        return "a sequence was superseded without a newcomer" if superseded else ""
    accepted = next(event for event in t.events if isinstance(event, e.SequenceTriggered))
    wanted = superseded_by(t.plane, t.before, t.command)
    if sorted(each.sequence_id for each in wanted) != superseded:
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
        if isinstance(event, e.Ending | e.SequenceTriggered | e.SequenceExempted | e.StageUnfrozen)
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
    newcomers_supersede_as_they_may,
)
"""The predicates for lanes and lines."""
