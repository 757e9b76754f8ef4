"""What must hold for tasks and follow-ups after each transition: rules R9 to R17."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.control_plane import ControlPlane
from sequencectl.outcomes import Result, Status, worst
from sequencectl.policies import LONGEST_TIMEOUT
from sequencectl.sequence import LiveSequence, Phase, SequenceRecord
from sequencectl.task_run import TaskRun
from sequencectl.testing.exploration.transition import (
    Check,
    Transition,
    approval_of,
    definition_of,
    of,
    outcomes_of,
    was_live,
)

_ENDINGS: Final[Mapping[Phase, tuple[type, Status | None]]] = {
    Phase.FINISHED: (e.SequenceFinished, None),
    Phase.TIMED_OUT: (e.SequenceTimedOut, Status.ERRORED),
    Phase.ABORTED: (e.SequenceAborted, Status.ABORTED),
    Phase.SUPERSEDED: (e.SequenceSuperseded, Status.ABORTED),
    Phase.EXPIRED: (e.SequenceExpired, Status.ABORTED),
}


def tasks_run_in_order(t: Transition) -> str:
    """Tasks run in declared order, one at a time; one that is retried or parked is not over, one
    that is carried or skipped is (R9, R39–R41).
    """
    over = {known: len(outcomes_of(was)) for known, was in t.was.items()}
    for event in t.events:
        known = event.subject.sequence_id
        match event:
            case e.SequenceTriggered():
                over[known] = 0 if event.redrive is None else len(event.redrive.carried)
            case e.TaskFinished(end=e.TaskEnd.OVER) | e.TaskTimedOut(end=e.TaskEnd.OVER):
                over[known] += 1
            case e.TaskSkipped():
                over[known] += 1
            case e.TaskTriggered() | e.TaskScheduled() if event.index != over[known]:
                return f"task {event.index} was triggered after {over[known]}"
            case _:
                pass
    return ""


def delays_are_kept(t: Transition) -> str:
    """A delayed task is scheduled when the task before it is over, another attempt when the one
    before it has failed, and each is triggered when due (R10, R39).
    """
    due = {key: each.due_at for key, each in t.was.items() if isinstance(each, LiveSequence)}
    for event in t.events:
        known = event.subject.sequence_id
        if not isinstance(event, e.TaskScheduled | e.TaskTriggered):
            continue
        delay = _delay(t, event)
        if isinstance(event, e.TaskScheduled):
            due[known] = event.due_at
            if event.due_at != t.at + delay:
                return f"{known} is due at {event.due_at}, not {delay} from now"
        else:
            at = due.get(known)
            if delay and (at is None or at > t.at):
                return f"{event.task} of {known} was triggered, due at {at}"
    return ""


def tasks_are_over_when_they_should(t: Transition) -> str:
    """A task is over when all sources it waits for have finished, and not before (R11, R12).

    What is decided by votes is looked at elsewhere.
    """
    for record in t.live:
        if record.task is not None and not approval_of(record) and _is_over(record.task):
            return f"task {record.task.name} of {record.sequence_id} should be over"
    for event in of(t, e.TaskFinished):
        was, report = t.was.get(event.subject.sequence_id), t.command
        if isinstance(was, LiveSequence) and approval_of(was):
            continue
        task = was.task if isinstance(was, LiveSequence) else None
        if task is None or not isinstance(report, c.ReportTaskFinished):
            return f"task {event.task} is over without a report"
        if not _is_over(task, report.source):
            return f"task {event.task} is over too early"
        said = report.result if report.status is Status.SUCCEEDED else Result.FAIL
        result = said if task.result is None else worst(task.result, said)
        if event.result is not result:
            return f"task {event.task} has {event.result.value}, not {result.value}"
    return ""


def reports_count_once(t: Transition) -> str:
    """An applied report counts once, for its source and its task; the task remembers the report id
    as long as it is in flight (R11, R13). A vote counts for no source (R34).
    """
    command = t.command
    if not isinstance(command, c.ReportTaskStarted | c.ReportTaskFinished):
        return ""
    bounds = t.plane.bounds
    for record in t.live:
        was = t.was.get(record.sequence_id)
        before = was.task if isinstance(was, LiveSequence) else None
        if before is None or record.task is None or record.task.task_id != before.task_id:
            continue
        sources = {each.source for each in before.executors}
        ids, counts = before.report_ids, _counts(before)
        if command.task_id == before.task_id:
            is_kept = len(ids) < bounds.reports
            ids += (command.report_id,) if is_kept and command.report_id is not None else ()
            is_heard = command.source in sources or len(sources) < bounds.sources
            is_vote = bool(approval_of(record)) and isinstance(command, c.ReportTaskFinished)
            counts[type(command), command.source] += is_heard and not is_vote
        if record.task.report_ids != ids:
            return f"task {record.task.name} remembers {record.task.report_ids}, expected {ids}"
        if _counts(record.task) != counts:
            return f"task {record.task.name} heard {record.task.executors} after {command}"
    return ""


def results_end_what_they_should(t: Transition) -> str:
    """A failed task that is neither retried nor parked, or the last one, ends the sequence with the
    worst result; a carried warning counts, a carried fail does not (R12, R21, R24, R39–R41).
    """
    for known, record in t.records.items():
        over = outcomes_of(record)
        results = [run.result for run in record.runs]
        failed = Result.FAIL in results
        results += [result for _, result in over if result is Result.WARNING]
        if isinstance(record, LiveSequence):
            if failed or len(over) >= len(record.definition.tasks):
                return f"{known} should have ended"
        elif known in t.was and isinstance(was := t.was[known], LiveSequence):
            by, status = _ENDINGS[record.phase]
            result = worst(Result.PASS, *results) if status is None else Result.FAIL
            if record.result is not result or status not in {None, record.status}:
                return f"{known} ended with {record.result.value}, {record.status.value}"
            early = not failed and len(over) < len(was.definition.tasks)
            if by is e.SequenceFinished and early:
                return f"{known} ended before its last task"
    return ""


def inputs_belong_to_their_stage(t: Transition) -> str:
    """No report changes project, stage or service in an input, and no null erases (R14)."""
    for event in of(t, e.TaskTriggered):
        subject, data = event.subject, event.input
        about = (subject.project, subject.stage, subject.service)
        if (data.get("project"), data.get("stage"), data.get("service")) != about:
            return f"task {event.task} in {subject.stage} has the input of {data.get('stage')!r}"
        was = t.was.get(subject.sequence_id)
        for key, value in was.data.items() if isinstance(was, LiveSequence) else ():
            if value is not None and data.get(key) is None:
                return f"{key} of task {event.task} was erased"
    return ""


def ends_trigger_their_follow_ups(t: Transition) -> str:
    """The end of a sequence that finished or timed out triggers each follow-up that its results
    match, once; nothing else triggers follow-ups (R4, R15, R16).
    """
    refused = Counter(
        (x.subject.sequence_id, x.stage, x.sequence) for x in of(t, e.FollowUpRefused)
    )
    seen = Counter(
        (x.parent, x.subject.stage, x.subject.sequence)
        for x in of(t, e.SequenceTriggered) if x.parent is not None
    )  # fmt: skip
    wanted: Counter[tuple[str | None, str, str]] = Counter()
    for event in t.events:
        known = event.subject.sequence_id
        record = t.records.get(known)
        if isinstance(event, e.SequenceFinished | e.SequenceTimedOut) and record is not None:
            wanted.update((known, *name) for name in _follow_ups(t.plane, record))
        elif isinstance(event, e.SequenceFinished | e.SequenceTimedOut):
            return ""  # forgotten in the same decision: nothing is left to compare with
    if seen + refused != wanted:
        return f"triggered {sorted(map(str, seen))}, expected {sorted(map(str, wanted))}"
    return ""


def nothing_is_given_out_in_vain(t: Transition) -> str:
    """No task is triggered in the decision in which it is over, abandoned or void, or in which its
    sequence ends (R10, R35, R40).
    """
    given = {event.task_id for event in of(t, e.TaskTriggered)}
    at_work = {event.subject.sequence_id for event in of(t, e.TaskTriggered)}
    for event in t.events:
        taken = getattr(event, "abandoned_task", None)
        if isinstance(event, e.TaskFinished | e.TaskTimedOut):
            taken = event.task_id
        ends = isinstance(event, e.Ending) and event.subject.sequence_id in at_work
        if taken in given or ends:
            return f"{type(event).__name__} takes back what was given out in the same decision"
    return ""


def _delay(t: Transition, event: e.TaskScheduled | e.TaskTriggered) -> timedelta:
    """Return what has to pass before an attempt at a task: `triggeredAfter` before the first, the
    backoff before any other one, and nothing if a person asked for it (R10, R39, R40).
    """
    known = event.subject.sequence_id
    task, number = definition_of(t, known).tasks[event.index], event.attempt - 1
    if not number:
        return task.triggered_after
    was = was_live(t, known)
    earlier = () if was is None else was.retried
    asked = any(each.by_person for each in earlier if each.index == event.index)
    asked = asked or any(each.subject.sequence_id == known for each in of(t, e.TaskRetried))
    if asked or task.retry is None:
        return timedelta(0)
    return min(task.retry.backoff * int(task.retry.factor ** (number - 1)), LONGEST_TIMEOUT)


def _is_over(task: TaskRun, finishing: str | None = None) -> bool:
    """Return whether a task is over, or would be after one more source has finished (R11)."""
    starts = {each.source: each.starts for each in task.executors}
    finishes = {each.source: each.finishes for each in task.executors}
    if finishing is not None:
        finishes[finishing] = finishes.get(finishing, 0) + 1
    done = {x for x, number in finishes.items() if number}
    expects = task.triggered.expects
    if isinstance(expects, frozenset):
        return expects <= done
    if expects is not None:
        return len(done) >= expects
    return bool(done) and all(finishes.get(x, 0) >= number for x, number in starts.items())


def _counts(task: TaskRun) -> Counter[tuple[type, str]]:
    """Return how often each source has started and finished."""
    counts: Counter[tuple[type, str]] = Counter()
    for each in task.executors:
        counts[c.ReportTaskStarted, each.source] = each.starts
        counts[c.ReportTaskFinished, each.source] = each.finishes
    return counts


def _follow_ups(plane: ControlPlane, ended: SequenceRecord) -> Iterator[tuple[str, str]]:
    """Yield stage and name of each follow-up that the results of an end match: the last outcome of
    a task, run, skipped or carried (R15, R40, R41).
    """
    found = {f"{name}.result": result.value for name, result in outcomes_of(ended) if result}
    found["result"] = ended.result.value
    for stage in plane.shipyard.stages:
        for definition in stage.sequences:
            for on in definition.triggered_on:
                named = (on.stage, on.sequence) == (ended.stage, ended.name)
                matches = all(found.get(key) == wanted for key, wanted in on.match)
                if named and matches and (on.match or found["result"] != "fail"):
                    yield stage.name, definition.name
                    break


OF_TASKS: Final[tuple[Check, ...]] = (
    tasks_run_in_order,
    delays_are_kept,
    tasks_are_over_when_they_should,
    reports_count_once,
    results_end_what_they_should,
    inputs_belong_to_their_stage,
    ends_trigger_their_follow_ups,
    nothing_is_given_out_in_vain,
)
"""The predicates for tasks, results and follow-ups."""
