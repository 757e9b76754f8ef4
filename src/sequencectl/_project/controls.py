"""What people do to deliveries and stages: pause, abort, freeze, exempt … (R7, R18–R25, R38)."""

from __future__ import annotations

from typing import assert_never

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl._project.admission import unknown_stage, void_approvals
from sequencectl._project.draft import Draft
from sequencectl._project.freezes import freeze, unfreeze
from sequencectl._sequence import life
from sequencectl._sequence.failures import too_many_attempts
from sequencectl._sequence.tasks import trigger_task
from sequencectl.outcomes import APPLIED, Outcome, Rejected, RejectedCode, Unchanged, UnchangedCode
from sequencectl.sequence import LiveSequence, Phase

_Control = c.ContextControl | c.StageControl | c.ExemptSequence


def control(draft: Draft, command: _Control) -> Outcome:
    """Apply a control, unless its request was applied before (R25)."""
    if command.request_id is not None and command.request_id in draft.state.ledger.request_ids:
        return Unchanged(UnchangedCode.REPEATED)
    match command:
        case c.PauseSequence():
            return _pause(draft, command)
        case c.ResumeSequence():
            return _resume(draft, command)
        case c.AbortSequence():
            return _abort(draft, command)
        case c.RetryTask() | c.SkipTask():
            return _get_out(draft, command)
        case c.FreezeStage():
            return freeze(draft, command, _by(draft, command))
        case c.UnfreezeStage():
            return unfreeze(draft, command, _by(draft, command))
        case c.ExemptSequence():
            return _exempt(draft, command)
        case _:
            assert_never(command)


def _pause(draft: Draft, command: c.PauseSequence) -> Outcome:
    scope = _scope(draft, command)
    if isinstance(scope, Rejected):
        return scope
    context, stage = command.context, command.stage
    if draft.state.context(context).pause_over(stage) is not None:
        return Unchanged(UnchangedCode.ALREADY_PAUSED)
    subject = e.Subject(draft.project, context, stage or "")
    draft.apply(e.ContextPaused, subject, control=_by(draft, command))
    for record in scope:
        life.pause(draft.sequence(record.sequence_id))
    return APPLIED


def _resume(draft: Draft, command: c.ResumeSequence) -> Outcome:
    scope = _scope(draft, command)
    if isinstance(scope, Rejected):
        return scope
    context, stage = command.context, command.stage
    pauses = draft.state.context(context).pauses
    if stage is not None and any(pause.stage is None for pause in pauses):
        message = f"The whole context {context!r} is paused; resume it without a stage."
        return Rejected(RejectedCode.PAUSED_WITH_CONTEXT, message)
    if not any(stage is None or pause.stage == stage for pause in pauses):
        return Unchanged(UnchangedCode.NOT_PAUSED)
    subject = e.Subject(draft.project, context, stage or "")
    draft.apply(e.ContextResumed, subject, control=_by(draft, command))
    sequences = [draft.sequence(record.sequence_id) for record in scope]
    due = [sequence for sequence in sequences if life.resume(sequence)]
    for record in scope:
        if record.phase is Phase.HELD or record.task is not None:  # it stands in line, or is open
            void_approvals(draft, record)
    for sequence in due:
        trigger_task(sequence)
    return APPLIED


def _scope(
    draft: Draft, command: c.PauseSequence | c.ResumeSequence
) -> tuple[LiveSequence, ...] | Rejected:
    """Return what is live in the scope of a pause or resume, or why it is refused (R18–R20)."""
    state, context, stage = draft.state, command.context, command.stage
    refused = _nothing_live(draft, context)
    if refused is not None:
        return refused
    if stage is not None and not _knows_stage(draft, context, stage):
        return unknown_stage(draft, stage)
    live = state.live_of_context(context)
    scope = tuple(record for record in live if stage is None or record.stage == stage)
    if scope and all(record.phase is Phase.ABORTING for record in scope):
        message = f"What is live of context {context!r} there is being aborted."
        return Rejected(RejectedCode.ABORTING, message)
    return scope


def _abort(draft: Draft, command: c.AbortSequence) -> Outcome:
    targets = _targets(draft, command)
    if isinstance(targets, Rejected):
        return targets
    control, force = _by(draft, command), command.force
    sequences = [draft.sequence(target.sequence_id) for target in targets]
    changed = [life.abort(sequence, control, force=force) for sequence in sequences]
    return APPLIED if any(changed) else Unchanged(UnchangedCode.ALREADY_ABORTING)


def _get_out(draft: Draft, command: c.RetryTask | c.SkipTask) -> Outcome:
    """Retry or skip the task of all that is parked and addressed (R40)."""
    targets = _targets(draft, command)
    if isinstance(targets, Rejected):
        return targets
    parked = [target for target in targets if target.phase is Phase.PARKED]
    if not parked:
        return Unchanged(UnchangedCode.NOT_PARKED)
    by = _by(draft, command)
    sequences = [draft.sequence(target.sequence_id) for target in parked]
    if isinstance(command, c.SkipTask):
        for sequence in sequences:
            life.skip(sequence, by, command.result)
        return APPLIED
    is_retried = [life.retry(sequence, by) for sequence in sequences]
    return APPLIED if any(is_retried) else too_many_attempts(draft.bounds)


def _targets(
    draft: Draft, command: c.AbortSequence | c.RetryTask | c.SkipTask
) -> tuple[LiveSequence, ...] | Rejected:
    """Return what an abort, a retry or a skip addresses, at least one, or why it is refused."""
    if command.sequence_id is not None:
        return _target(draft, command.sequence_id)
    context, stage = command.context, command.stage
    assert context is not None
    refused = _nothing_live(draft, context)
    if refused is not None:
        return refused
    live = draft.state.live_of_context(context)
    found = tuple(record for record in live if stage is None or record.stage == stage)
    if found or stage is None:
        return found
    if any(record.stage == stage for record in draft.state.of_context(context)):
        message = f"Nothing of context {context!r} is live in stage {stage} any more."
        return Rejected(RejectedCode.ALREADY_ENDED, message)
    if not _knows_stage(draft, context, stage):
        return unknown_stage(draft, stage)
    message = f"Context {context!r} has not reached stage {stage}."
    return Rejected(RejectedCode.NOT_REACHED, message)


def _target(draft: Draft, sequence_id: str) -> tuple[LiveSequence, ...] | Rejected:
    record = draft.state.live(sequence_id)
    if record is not None:
        return (record,)
    state = draft.state
    if state.sequence(sequence_id) is None and state.remembered(sequence_id) is None:
        message = f"No sequence {sequence_id!r} is known in project {state.project!r}."
        return Rejected(RejectedCode.UNKNOWN_SEQUENCE, message)
    message = f"Sequence {sequence_id!r} has ended."
    return Rejected(RejectedCode.ALREADY_ENDED, message)


def _nothing_live(draft: Draft, context: str) -> Rejected | None:
    members = draft.state.index.members(context)
    if members.live:
        return None
    if members.ended:
        message = f"Everything of context {context!r} has ended."
        return Rejected(RejectedCode.ALREADY_ENDED, message)
    message = f"No context {context!r} is known in project {draft.project!r}."
    return Rejected(RejectedCode.UNKNOWN_CONTEXT, message)


def _knows_stage(draft: Draft, context: str, stage: str) -> bool:
    """Return True if the shipyard has the stage, or the context was or is paused there (R18)."""
    if draft.shipyard.stage(stage) is not None:
        return True
    pauses = draft.state.context(context).pauses
    return any(pause.stage == stage for pause in pauses) or any(
        record.stage == stage for record in draft.state.of_context(context)
    )


def _exempt(draft: Draft, command: c.ExemptSequence) -> Outcome:
    targets = _target(draft, command.sequence_id)
    if isinstance(targets, Rejected):
        return targets
    (record,) = targets
    if not record.phase.is_in_line:
        return Unchanged(UnchangedCode.ALREADY_STARTED)
    if record.exempted is not None:
        return Unchanged(UnchangedCode.ALREADY_EXEMPT)
    draft.sequence(record.sequence_id).apply(e.SequenceExempted, control=_by(draft, command))
    return APPLIED


def _by(draft: Draft, command: _Control) -> e.Control:
    return e.Control(command.actor, command.reason, command.request_id, draft.bounds.request_ids)
