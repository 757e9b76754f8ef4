"""Executors' reports: find the sequence they are for (R13)."""

from __future__ import annotations

from sequencectl._project.draft import Draft
from sequencectl._sequence import tasks
from sequencectl.commands import Report
from sequencectl.outcomes import Outcome, Unchanged, UnchangedCode


def report(draft: Draft, command: Report) -> Outcome:
    """Count a report for the task in flight it names; anything else changes nothing (R13)."""
    sequence_id = draft.state.index.tasks.get(command.task_id)
    if sequence_id is None:
        return Unchanged(UnchangedCode.UNKNOWN_TASK)
    if draft.state.live(sequence_id) is None:
        return Unchanged(UnchangedCode.LATE)
    return tasks.report(draft, sequence_id, command)
