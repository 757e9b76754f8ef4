"""Where a redrive begins, what it carries, and why one is refused (R41)."""

from __future__ import annotations

from collections.abc import Sequence

from sequencectl._project.draft import Draft
from sequencectl.commands import TriggerSequence
from sequencectl.events import Carried, Redrive
from sequencectl.outcomes import Rejected, RejectedCode, Result, worst
from sequencectl.sequence import EndedSequence, LiveSequence
from sequencectl.shipyard.definitions import SequenceDefinition

_Outcomes = Sequence[tuple[str, Result | None]]
"""The names of tasks with the results that a sequence had for them."""


def redrive_of(
    draft: Draft, command: TriggerSequence, old_id: str, definition: SequenceDefinition
) -> Redrive | Rejected:
    """Return what a command carries that redrives this sequence, or why it may not."""
    old = _redriven(draft, command, old_id)
    return old if isinstance(old, Rejected) else _begin(command, old, definition)


def _redriven(draft: Draft, command: TriggerSequence, old_id: str) -> EndedSequence | Rejected:
    """Return the failed sequence that a command redrives, or why it may not."""
    old = draft.state.sequence(old_id)
    if old is None:
        message = f"No sequence {old_id!r} is known in project {draft.project!r}."
        return Rejected(RejectedCode.UNKNOWN_SEQUENCE, message)
    about = (old.stage, old.name, old.service, old.context)
    if about != (command.stage, command.sequence, command.service, command.context):
        message = (
            f"Sequence {old_id!r} is {old.name} of {old.service!r} in stage {old.stage}, context "
            f"{old.context!r}: a redrive must be the same."
        )
        return Rejected(RejectedCode.ID_CONFLICT, message)
    if isinstance(old, LiveSequence):
        return Rejected(RejectedCode.NOT_ENDED, f"Sequence {old_id!r} has not ended.")
    if old.result is not Result.FAIL:
        message = f"Sequence {old_id!r} ended with {old.result.value}."
        return Rejected(RejectedCode.NOT_FAILED, message)
    newest = draft.state.index.family(old.family).first  # the only one that may be live
    if newest is not None and draft.state.live(newest[1]) is not None:
        message = f"It is being redriven already, by sequence {newest[1]!r}."
        return Rejected(RejectedCode.ALREADY_REDRIVEN, message)
    return old


def _begin(
    command: TriggerSequence, old: EndedSequence, definition: SequenceDefinition
) -> Redrive | Rejected:
    """Return what a redrive of `old` carries, or why it cannot begin in today's definition."""
    outcomes: _Outcomes = old.outcomes
    index = _start(command.start_at, old, outcomes, definition)
    if index is None:
        wanted = command.start_at or "to go on with"
        message = f"Sequence {definition.name} in stage {command.stage} has no task {wanted}."
        return Rejected(RejectedCode.UNKNOWN_TASK, message)
    names = [task.name for task in definition.tasks]
    carried = [_carried(names[: at + 1], outcomes) for at in range(index)]
    for task, kept in zip(definition.tasks, carried, strict=False):
        if task.approval is not None and kept.result in {None, Result.FAIL}:
            message = f"Sequence {old.sequence_id!r} was not approved in task {task.name}."
            return Rejected(RejectedCode.NOT_APPROVED, message)
    return Redrive(old.sequence_id, old.family, tuple(carried))


def _start(
    start_at: str | None, old: EndedSequence, outcomes: _Outcomes, definition: SequenceDefinition
) -> int | None:
    """Return the position of the task that a redrive begins with; None if there is none."""
    names = [task.name for task in definition.tasks]
    if start_at is not None:
        return names.index(start_at) if start_at in names else None
    failed = (at for at, (_, result) in enumerate(outcomes) if result in {None, Result.FAIL})
    index = next(failed, len(outcomes))
    name = outcomes[index][0] if index < len(outcomes) else old.next_task
    if index < len(names) and name in {None, names[index]}:
        return index
    return names.index(name) if name in names else None


def _carried(names: Sequence[str], outcomes: _Outcomes) -> Carried:
    """Return what an old sequence had for the last of these tasks, which is not run.

    That is the outcome at its position, else the worst of its name: none if one of them is missing,
    or if there are fewer than today.
    """
    index, name = len(names) - 1, names[-1]
    if index < len(outcomes) and outcomes[index][0] == name:
        return Carried(name, outcomes[index][1])
    results = [result for known, result in outcomes if known == name]
    found = [result for result in results if result is not None]
    is_complete = len(found) == len(results) >= names.count(name)
    return Carried(name, worst(*found) if is_complete else None)
