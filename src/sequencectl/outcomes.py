"""How things went: the results executors report, and what a decision answers to a command.

`Result` and `Status` are the words of Keptn, with the order between results (R12). `Applied`,
`Unchanged` and `Rejected` are the answers to a command, with a closed set of codes; the table of
every command in every phase is in ``docs/rules.md`` (R25).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, final

import attrs

from sequencectl._scalars import Message


class Result(Enum):
    """How good something is; the words of Keptn."""

    PASS = "pass"  # noqa: S105 - a result, no password
    WARNING = "warning"
    FAIL = "fail"


class Status(Enum):
    """Whether the work itself could be done; only `SUCCEEDED` lets the result stand (R12)."""

    SUCCEEDED = "succeeded"
    ERRORED = "errored"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


_SEVERITY: Final = {Result.PASS: 0, Result.WARNING: 1, Result.FAIL: 2}


def worst(first: Result, *more: Result) -> Result:
    """Return the worst of the results: fail before warning before pass (R12)."""
    found = first
    for result in more:
        if result is not found and _SEVERITY[result] > _SEVERITY[found]:
            found = result
    return found


class UnchangedCode(Enum):
    """Why a command changed nothing although it was legitimate."""

    DUPLICATE = "duplicate"
    """The sequence or the report is known already (R8, R11)."""
    REPEATED = "repeated"
    """A control with this request id was applied before (R25)."""
    LATE = "late"
    """The task of this report is over (R13)."""
    UNKNOWN_TASK = "unknown_task"
    """No sequence that is known has a task with this id (R13)."""
    TOO_MANY_SOURCES = "too_many_sources"
    """A start or progress from one source, or a vote of one voter, more than a task may have (R33,
    R34, R42).
    """
    TOO_MANY_REPORTS = "too_many_reports"
    """A start or a vote beyond the number of reports a task may have (R33, R34)."""
    ALREADY_PAUSED = "already_paused"
    """The scope, or a wider one, is paused (R18)."""
    NOT_PAUSED = "not_paused"
    """Nothing in the scope is paused (R20)."""
    ALREADY_ABORTING = "already_aborting"
    """The abort was requested before and waits for the task in flight (R22)."""
    ALREADY_FROZEN = "already_frozen"
    """A person has frozen the stage until then or longer (R7, R36)."""
    NOT_FROZEN = "not_frozen"
    """The stage is not frozen (R7)."""
    ALREADY_VOTED = "already_voted"
    """The last vote of this voter says the same (R34)."""
    ALREADY_EXEMPT = "already_exempt"
    """The sequence may start in spite of freeze and calendar already (R38)."""
    ALREADY_STARTED = "already_started"
    """The sequence has started: nothing can keep it back any more (R38)."""
    NOT_PARKED = "not_parked"
    """Nothing that the control addresses is parked (R40)."""
    TOO_SOON = "too_soon"
    """This source has reported its progress just before (R42)."""
    NOTHING_DUE = "nothing_due"
    """No deadline has passed and no sequence could start (R29)."""


class RejectedCode(Enum):
    """Why a command was refused."""

    UNKNOWN_STAGE = "unknown_stage"
    """The shipyard has no such stage (R7, R8)."""
    UNKNOWN_SEQUENCE = "unknown_sequence"
    """The stage defines no such sequence, or the project knows no such sequence id (R8, R41)."""
    UNKNOWN_CONTEXT = "unknown_context"
    """No sequence of this context was ever seen, or all are forgotten (R19)."""
    ID_CONFLICT = "id_conflict"
    """The sequence id belongs to another sequence (R8), or the one to redrive is of another stage,
    name, service or context (R41).
    """
    QUEUE_FULL = "queue_full"
    """As many sequences wait for the lane as may (R6)."""
    STAGE_BUSY = "stage_busy"
    """The lane takes a newcomer only when it can start at once (R6)."""
    PAYLOAD_TOO_LARGE = "payload_too_large"
    """The data has more bytes or more levels than a payload may have, or the reason of a vote or
    the message of a progress report has (R33, R34, R42).
    """
    ALREADY_ENDED = "already_ended"
    """Everything the control addresses has ended (R19)."""
    NOT_REACHED = "not_reached"
    """The context has had no sequence in this stage (R22)."""
    ABORTING = "aborting"
    """Everything the control addresses is being aborted (R20)."""
    PAUSED_WITH_CONTEXT = "paused_with_context"
    """The whole context is paused: resume that (R20)."""
    NO_ACTOR = "no_actor"
    """Who triggered the sequence may not approve it, so this must say who it comes from (R34)."""
    OWN_APPROVAL = "own_approval"
    """The voter triggered the sequence, and may not decide this approval (R34)."""
    IN_THE_PAST = "in_the_past"
    """The freeze would have ended already (R36)."""
    CLOSED_BY_CALENDAR = "closed_by_calendar"
    """The calendar says that the stage is closed, as it did before (R37)."""
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    """The parked task was run as often as a task may be (R33, R40)."""
    NOT_ENDED = "not_ended"
    """The sequence to redrive is live (R41)."""
    NOT_FAILED = "not_failed"
    """The sequence to redrive ended with pass or warning (R41)."""
    ALREADY_REDRIVEN = "already_redriven"
    """A sequence that redrives the same failed one is live (R41)."""
    UNKNOWN_TASK = "unknown_task"
    """The sequence has no task to begin with, today (R41)."""
    NOT_APPROVED = "not_approved"
    """An approval that a redrive would pass was not approved (R41)."""


@final
@attrs.frozen
class Applied:
    """The command took effect: commit the decision, then publish its events."""


@final
@attrs.frozen
class Unchanged:
    """The command was legitimate and changed nothing; there is nothing to commit."""

    code: UnchangedCode


@final
@attrs.frozen
class Rejected:
    """The command was refused and changed nothing; `message` is a sentence for its sender."""

    code: RejectedCode
    message: Message


Outcome = Applied | Unchanged | Rejected
"""The answer to one command."""

APPLIED = Applied()
