"""What a vote on an approval does, and what many of them decide (R34)."""

from __future__ import annotations

from collections.abc import Iterable

import sequencectl.events as e
from sequencectl._sequence.draft import SequenceDraft
from sequencectl.commands import ReportTaskFinished
from sequencectl.outcomes import (
    APPLIED,
    Outcome,
    Rejected,
    RejectedCode,
    Result,
    Status,
    Unchanged,
    UnchangedCode,
    worst,
)
from sequencectl.shipyard.definitions import Approval, OnExpiry
from sequencectl.task_run import TaskRun, Vote

Verdict = tuple[Result, Status, str]
"""The result, status and message of a task that votes have decided."""


def vote(
    sequence: SequenceDraft, run: TaskRun, approval: Approval, command: ReportTaskFinished
) -> Outcome:
    """Count a vote on the approval in flight, or say why it is none."""
    result = command.result if command.status is Status.SUCCEEDED else Result.FAIL
    refused = _refused(sequence, run, approval, command, result)
    if refused is not None:
        return refused
    sequence.apply(
        e.TaskFinishReported,
        task_id=run.task_id,
        task=run.name,
        source=command.source,
        result=result,
        status=command.status,
        message=command.message,
        report_id=command.report_id,
        actor=command.actor,
    )
    return APPLIED


def verdict(votes: Iterable[Vote]) -> Verdict:
    """Return what these votes of one side decide: the worst of their results."""
    status, message, results = Status.SUCCEEDED, "", [Result.PASS]
    for each in votes:
        results.append(each.result)
        message = each.message or message
        if status is Status.SUCCEEDED:
            status = each.status
    return worst(*results), status, message


def consent(run: TaskRun) -> Verdict | None:
    """Return what an approval comes to at its completion limit; None if it just runs out of time.

    Silence is consent where its definition says so, unless a vote that rejects stands.
    """
    approval = run.triggered.approval
    if approval is None or approval.on_expiry is not OnExpiry.APPROVE or run.rejecting:
        return None
    return verdict(run.approving)


def no_actor(what: str) -> Rejected:
    """Return the refusal of a trigger or a vote that does not say who it comes from."""
    message = f"Who triggers this may not approve it: {what} must name its actor."
    return Rejected(RejectedCode.NO_ACTOR, message)


def _refused(
    sequence: SequenceDraft,
    run: TaskRun,
    approval: Approval,
    command: ReportTaskFinished,
    result: Result,
) -> Outcome | None:
    """Return why a report is no vote; None if it is one."""
    bounds, voter = sequence.bounds, command.actor or command.source
    size = len(command.message.encode())
    if size > bounds.payload_size:
        message = f"The reason has {size} bytes, at most {bounds.payload_size} are accepted."
        return Rejected(RejectedCode.PAYLOAD_TOO_LARGE, message)
    if command.report_id is not None and len(run.report_ids) >= bounds.reports:
        return Unchanged(UnchangedCode.TOO_MANY_REPORTS)
    before = next((each for each in run.votes if each.voter == voter), None)
    if before is None and len(run.votes) >= bounds.sources:
        return Unchanged(UnchangedCode.TOO_MANY_SOURCES)
    if not approval.initiator:
        if not command.actor:
            return no_actor("a vote")
        if voter in sequence.live.initiators:
            message = f"{voter} triggered this sequence and may not decide {run.name}."
            return Rejected(RejectedCode.OWN_APPROVAL, message)
    if before is not None and before.result is result:
        return Unchanged(UnchangedCode.ALREADY_VOTED)
    return None
