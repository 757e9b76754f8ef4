"""What must hold for redrives after each transition: rule R41."""

from __future__ import annotations

from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.outcomes import Result
from sequencectl.sequence import EndedSequence
from sequencectl.testing.exploration.answers import carried_by, family_of
from sequencectl.testing.exploration.transition import Check, Transition, of


def one_of_a_family_lives(t: Transition) -> str:
    """Of a sequence and all that redrive it, directly or through others, one at a time lives
    (R41).
    """
    seen: dict[str, str] = {}
    for record in t.live:
        other = seen.setdefault(family_of(record), record.sequence_id)
        if other != record.sequence_id:
            return f"{record.sequence_id} and {other} of one family live"
    return ""


def redrives_begin_where_they_should(t: Transition) -> str:
    """A redrive names an ended one that failed, and its family; it carries the tasks before the one
    that failed, or that it was told to begin with, with the results they had (R41).
    """
    for event in of(t, e.SequenceTriggered):
        known, redrives, start_at = event.subject.sequence_id, None, None
        if isinstance(t.command, c.TriggerSequence) and t.command.sequence_id == known:
            redrives, start_at = t.command.redrives, t.command.start_at
        if event.redrive is None or redrives is None:
            if event.redrive is not None or redrives is not None:
                return f"{known} redrives {event.redrive}, and {redrives} was asked for"
            continue
        old = t.was.get(event.redrive.sequence_id)
        if not isinstance(old, EndedSequence) or old.result is not Result.FAIL:
            return f"{known} redrives {event.redrive.sequence_id}, which did not fail"
        if (old.sequence_id, family_of(old)) != (redrives, event.redrive.family):
            return f"{known} redrives {old.sequence_id} of the family {event.redrive.family}"
        wanted = carried_by(event.definition, old, start_at)
        carried = [(each.name, each.result) for each in event.redrive.carried]
        if carried != wanted:
            return f"{known} carries {carried}, not {wanted}"
    return ""


def redrives_are_kept(t: Transition) -> str:
    """A record keeps what it redrives from its acceptance to its end (R41)."""
    for known, record in t.records.items():
        was = t.was.get(known)
        if was is not None and was.redrive != record.redrive:
            return f"{known} redrives {record.redrive}, and redrove {was.redrive}"
    return ""


def redrives_supersede_nobody(t: Transition) -> str:
    """A redrive joins the line at its end and supersedes nobody, neither in line nor with an open
    approval (R6, R35, R41).
    """
    for event in of(t, e.SequenceTriggered):
        if event.redrive is not None and event.place != event.serial:
            return f"{event.subject.sequence_id} has the place {event.place}"
    for ended in of(t, e.SequenceSuperseded):
        by = t.records.get(ended.superseded_by)
        if by is not None and by.redrive is not None:
            return f"{ended.subject.sequence_id} was superseded by the redrive {by.sequence_id}"
    return ""


def redrives_pass_what_was_approved(t: Transition) -> str:
    """An approval that a redrive does not run again was given: it is carried with pass or warning
    (R34, R41).
    """
    for record in t.live:
        if record.redrive is None:
            continue
        for task, had in zip(record.definition.tasks, record.redrive.carried, strict=False):
            is_given = had.result is Result.PASS or had.result is Result.WARNING
            if task.approval is not None and not is_given:
                return f"{record.sequence_id} passes the approval {task.name}"
    return ""


OF_REDRIVES: Final[tuple[Check, ...]] = (
    one_of_a_family_lives,
    redrives_begin_where_they_should,
    redrives_are_kept,
    redrives_supersede_nobody,
    redrives_pass_what_was_approved,
)
"""The predicates for redrives."""
