"""What must hold for progress and silence after each transition: rule R42."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.sequence import LiveSequence
from sequencectl.task_run import Progress, TaskRun
from sequencectl.testing.exploration.transition import (
    Check,
    Transition,
    approval_of,
    of,
    silences,
    was_live,
)


def progress_makes_nobody_awaited(t: Transition) -> str:
    """Progress is recorded, and changes nothing else of a task than who was heard of: no start, no
    finish and no report id (R42).
    """
    command = t.command
    if not isinstance(command, c.ReportTaskProgress):
        return ""
    kinds = [type(event).__name__ for event in t.events]
    if kinds != ["TaskProgressReported"]:
        return f"progress leads to {kinds}"
    runs = [record.task for record in t.live if record.task is not None]
    for run in [each for each in runs if each.task_id == command.task_id]:
        before = _run_before(t, command.task_id)
        known = {each.source: (each.starts, each.finishes) for each in before.executors}
        known.setdefault(command.source, (0, 0))
        seen = {each.source: (each.starts, each.finishes) for each in run.executors}
        kept = (before.report_ids, before.votes, before.result, before.data)
        has = (run.report_ids, run.votes, run.result, run.data)
        if seen != known or has != kept:
            return f"task {run.name} heard {seen} after progress, not {known}"
        last = {each.source: each.progress for each in run.executors}[command.source]
        said = None if last is None else (last.at, last.message, last.percent)
        if said != (t.at, command.message, command.percent):
            return f"the last progress of {command.source} is {said}"
    return ""


def _run_before(t: Transition, task_id: str) -> TaskRun:
    """Return the run of a task in flight as it was before."""
    live = [record for record in t.before.sequences.values() if isinstance(record, LiveSequence)]
    runs = [record.task for record in live if record.task is not None]
    return next(run for run in runs if run.task_id == task_id)


def progress_is_not_recorded_too_often(t: Transition) -> str:
    """Of one source no progress is recorded sooner than `progress_every` after its last (R42)."""
    for event in of(t, e.TaskProgressReported):
        was = was_live(t, event.subject.sequence_id)
        for each in () if was is None or was.task is None else was.task.executors:
            if each.source == event.source and each.progress is not None:
                passed = event.at - each.progress.at
                if passed < t.plane.bounds.progress_every:
                    return f"{event.source} reports progress {passed} after its last"
    return ""


def executors_are_heard_when_they_report(t: Transition) -> str:
    """An executor was heard of when it last started, finished or made progress, and at no other
    time; its last progress stays (R42).
    """
    for record in t.live:
        was = was_live(t, record.sequence_id)
        if record.task is None:
            continue
        before = None if was is None else was.task
        known: dict[str, tuple[datetime | None, Progress | None]] = {}
        if before is not None and before.task_id == record.task.task_id:
            known = {each.source: (each.heard_at, each.progress) for each in before.executors}
        for event in t.events:
            if not isinstance(
                event, e.TaskStartReported | e.TaskProgressReported | e.TaskFinishReported
            ):
                continue
            is_vote = isinstance(event, e.TaskFinishReported) and approval_of(record) is not None
            if not is_vote and event.task_id == record.task.task_id:
                _, last = known.get(event.source, (None, None))
                if isinstance(event, e.TaskProgressReported):
                    last = Progress(event.at, event.message, event.percent)
                known[event.source] = (event.at, last)
        seen = {each.source: (each.heard_at, each.progress) for each in record.task.executors}
        if seen != known:
            return f"task {record.task.name} heard of {seen}, expected {known}"
    return ""


def silence_is_charged_to_those_at_work(t: Transition) -> str:
    """A limit of silence ends a task only if an executor that has started, has not finished and is
    expected was not heard of for so long; all that fell silent at that instant are named (R42).
    """
    for event in of(t, e.TaskTimedOut):
        why, was = event.explanation, was_live(t, event.subject.sequence_id)
        if why.kind is not e.DeadlineKind.SILENCE or was is None or was.task is None:
            continue
        at_work = silences(was.task)
        silent = [source for source, until in at_work.items() if until == why.deadline]
        if not silent or why.deadline != min(at_work.values()):
            return f"task {event.task} fell silent at {why.deadline}, expected {at_work}"
        if why.awaited != ", ".join(silent):
            return f"task {event.task} fell silent because of {why.awaited}, not of {silent}"
    return ""


OF_SILENCE: Final[tuple[Check, ...]] = (
    progress_makes_nobody_awaited,
    progress_is_not_recorded_too_often,
    executors_are_heard_when_they_report,
    silence_is_charged_to_those_at_work,
)
"""The predicates for progress and silence."""
