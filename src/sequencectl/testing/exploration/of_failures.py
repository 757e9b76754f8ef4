"""What must hold after a failure, after each transition: rules R39 and R40."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl.outcomes import Applied, Result, Status, worst
from sequencectl.payload import FrozenMap
from sequencectl.policies import Bounds
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import Failure, TaskDefinition
from sequencectl.task_run import FailedAttempt, TaskOutcome
from sequencectl.testing.exploration.answers import attempts_of
from sequencectl.testing.exploration.transition import (
    Check,
    Transition,
    approval_of,
    definition_of,
    of,
    outcomes_of,
    parks,
    was_live,
)


def failures_lead_where_they_should(t: Transition) -> str:
    """A failed run is followed by another attempt if it failed in a way that is retried and there
    are attempts left, else its sequence is parked if it says so, else the task is over; while
    aborting it is over in any case (R12, R39, R40).
    """
    for event in t.events:
        if not isinstance(event, e.TaskFinished | e.TaskTimedOut):
            continue
        was = was_live(t, event.subject.sequence_id)
        if was is None:
            return f"task {event.task} was over before it could be"
        wanted = _end(t.plane.bounds, was, event)
        if event.end is not wanted:
            return f"task {event.task} is {event.end.value}, not {wanted.value}"
    return ""


def failed_runs_are_followed_up(t: Transition) -> str:
    """A run that is retried is followed by another attempt, now, later, or after the pause, unless
    the total has passed; one that is parked leads to a sequence that is parked with it, for the
    same reason, and is paused if a pause covers it (R10, R39, R40).
    """
    for event in t.events:
        if not isinstance(event, e.TaskFinished | e.TaskTimedOut) or event.end is e.TaskEnd.OVER:
            continue
        record = t.records.get(event.subject.sequence_id)
        if event.end is e.TaskEnd.RETRIED:
            is_late = isinstance(record, EndedSequence) and record.phase is Phase.TIMED_OUT
            is_next = isinstance(record, LiveSequence) and _goes_on(record)
            if not is_late and not is_next:
                return f"nothing follows the attempt at {event.task}"
            continue
        parked = record.parked if isinstance(record, LiveSequence) else None
        if parked is None or parked.task_id != event.task_id:
            return f"{event.subject.sequence_id} is not parked with {event.task}"
        if parked.explanation != event.explanation:
            return f"{event.subject.sequence_id} is parked because of {parked.explanation}"
        said = [x for x in of(t, e.SequenceParked) if x.task_id == event.task_id]
        if [x.explanation for x in said] != [event.explanation]:
            return f"{len(said)} events say why {event.subject.sequence_id} is parked"
    return ""


def attempts_are_numbered(t: Transition) -> str:
    """The attempts at a task are numbered from 1 without gaps, and there are never more than its
    definition, a person and the bounds allow (R33, R39, R40).
    """
    for event in t.events:
        if not isinstance(event, e.TaskTriggered | e.TaskScheduled):
            continue
        tried = [x for x in _tried_before(t, event) if x.index == event.index]
        if event.attempt != len(tried) + 1:
            return f"attempt {event.attempt} at {event.task} comes after {len(tried)}"
        if event.attempt > t.plane.bounds.attempts:
            return f"attempt {event.attempt} at {event.task} is one too many"
        if isinstance(event, e.TaskTriggered):
            task = definition_of(t, event.subject.sequence_id).tasks[event.index]
            asked = bool(tried) and tried[-1].by_person
            most = event.attempt if asked else _most(t.plane.bounds, task)
            if event.attempts != most:
                return f"attempt {event.attempt} at {event.task} is one of {event.attempts}"
    return ""


def one_task_is_in_flight_or_parked(t: Transition) -> str:
    """A sequence has at most one task in flight or parked, it is parked exactly in the phase of
    that, and no two of its task runs have one id (R9, R40).
    """
    for record in t.live:
        known = record.sequence_id
        if record.task is not None and record.parked is not None:
            return f"{known} has a task in flight and one that is parked"
        if (record.parked is not None) is not (record.phase is Phase.PARKED):
            return f"{known} is {record.phase.value} with the parked task {record.parked}"
        ids = record.task_ids
        if len(set(ids)) != len(ids):
            return f"two task runs of {known} have one id"
    return ""


def nothing_of_a_failed_attempt_counts(t: Transition) -> str:
    """A task run counts when it is over or skipped, and only then: nothing of one that is retried
    or parked is in data, outcomes, result or status (R12, R14, R39, R40).
    """
    ended = {x.subject.sequence_id for x in t.events if _counts(x)}
    for record in t.live:
        known, was = record.sequence_id, was_live(t, record.sequence_id)
        if {run.task_id for run in record.runs} & {run.task_id for run in record.retried}:
            return f"an attempt of {known} that was retried has an outcome"
        if was is None or known in ended:
            continue
        seen = (record.data, record.runs, record.result, record.status)
        if seen != (was.data, was.runs, was.result, was.status):
            return f"something of {known} changed, and no task of it was over"
    return ""


def data_is_taken_in_with_its_run(t: Transition) -> str:
    """What reports bring is in the data of a sequence, and of its follow-ups, once their run is
    over: with its end, or with that of the parking; nothing of what is retried, skipped or aborted
    ever is (R14, R15, R39, R40).
    """
    for known, record in t.records.items():
        was = was_live(t, known)
        if was is not None and isinstance(record, LiveSequence):
            wanted = _told(was.data) | _taken_in(t, was)
            if _told(record.data) != wanted:
                return f"the data of {known} is of {_told(record.data)}, not of {wanted}"
    for event in of(t, e.SequenceTriggered):
        parent = None if event.parent is None else was_live(t, event.parent)
        if parent is not None:
            wanted = _told(parent.data) | _taken_in(t, parent)
            if _told(event.data) != wanted:
                return f"a follow-up has the data of {_told(event.data)}, not of {wanted}"
    return ""


def results_are_those_of_what_counts(t: Transition) -> str:
    """A live sequence has the worst result of what it has behind it; one that finishes has the
    status of its last task, be it run, skipped or parked (R12, R40, R41).
    """
    for record in t.live:
        behind = [run.result for run in record.runs]
        behind += [x for _, x in outcomes_of(record) if x is Result.WARNING]
        wanted = worst(Result.PASS, *behind)
        if record.result is not wanted:
            return f"{record.sequence_id} has {record.result.value}, not {wanted.value}"
    for event in of(t, e.SequenceFinished):
        status = _last_status(t, event)
        if event.status is not status:
            said = None if status is None else status.value
            return f"{event.subject.sequence_id} ended {event.status.value}, not {said}"
    return ""


def attempts_are_kept(t: Transition) -> str:
    """Every run that was retried stays with its record, also when that ends; so its reports are
    late (R13, R39, R40).
    """
    for known, record in t.records.items():
        was = was_live(t, known)
        if was is None:
            continue
        new = [
            event.task_id for event in t.events
            if isinstance(event, e.TaskRetried | e.TaskFinished | e.TaskTimedOut)
            and event.subject.sequence_id == known
            and getattr(event, "end", e.TaskEnd.RETRIED) is e.TaskEnd.RETRIED
        ]  # fmt: skip
        kept = [each.task_id for each in record.retried]
        if kept != [each.task_id for each in was.retried] + new:
            return f"{known} keeps the attempts {kept}"
    return ""


def parked_ones_hold_their_lane(t: Transition) -> str:
    """A parked sequence holds its lane, and a limit ends it unless the policy is unbounded (R5,
    R26, R40).
    """
    for record in t.live:
        if record.phase is Phase.PARKED:
            if record.sequence_id not in t.after.holders(record.lane):
                return f"{record.sequence_id} is parked and does not hold {record.lane}"
            if record.deadline is None and not t.plane.timeouts.is_unbounded:
                return f"nothing ends the parking of {record.sequence_id}"
    return ""


def parking_ends_as_it_should(t: Transition) -> str:
    """A parked sequence goes on by a retry or a skip, ends by an abort as requested, and by its
    limit as its failure would have ended it; anything else leaves it parked as it is (R40).
    """
    for known, was in t.was.items():
        record = t.records.get(known)
        if not isinstance(was, LiveSequence) or was.parked is None or record is None:
            continue
        match t.command if isinstance(t.decision.outcome, Applied) else None:
            case c.RetryTask() as command if _addresses(command, was) and _may_run(t, was):
                problem = _not_retried(t, was, record)
            case c.SkipTask() as command if _addresses(command, was):
                problem = _not_skipped(was, record, command.result)
            case c.AbortSequence() as command if _addresses(command, was):
                problem = _not_aborted(t, was, record)
            case _ if isinstance(record, LiveSequence):
                stays = record.parked is not None and record.parked.task_id == was.parked.task_id
                problem = "" if stays else "is not parked any more"
            case _:
                problem = _not_ended(was, record)
        if problem:
            return f"{known} {problem}"
    return ""


# ---------------------------------------------------------------- worked out once more


def _most(bounds: Bounds, task: TaskDefinition) -> int:
    """Return how many attempts at a task there are if no person asks for more (R33, R39)."""
    return 1 if task.retry is None else min(1 + task.retry.times, bounds.attempts)


def _end(bounds: Bounds, was: LiveSequence, event: e.TaskFinished | e.TaskTimedOut) -> e.TaskEnd:
    """Return what must come of a run that was in flight before the decision."""
    is_late = isinstance(event, e.TaskTimedOut)
    failed = is_late or event.result is Result.FAIL
    if not failed or was.phase is Phase.ABORTING:
        return e.TaskEnd.OVER
    index = len(outcomes_of(was))
    task = was.definition.tasks[index]
    tried = [each for each in was.retried if each.index == index]
    failure = Failure.TIMED_OUT if is_late else _kind_of(event)
    is_retried = task.retry is not None and failure in task.retry.on
    asked = bool(tried) and tried[-1].by_person
    if is_retried and not asked and len(tried) + 1 < _most(bounds, task):
        return e.TaskEnd.RETRIED
    return e.TaskEnd.PARKED if parks(was.definition, task) else e.TaskEnd.OVER


def _kind_of(event: e.TaskFinished | e.TaskTimedOut) -> Failure | None:
    """Return the kind of failure that the status of a failed task says (R39)."""
    match event:
        case e.TaskFinished(status=Status.SUCCEEDED):
            return Failure.FAIL
        case e.TaskFinished(status=Status.ERRORED | Status.UNKNOWN):
            return Failure.ERRORED
        case _:
            return None


def _goes_on(record: LiveSequence) -> bool:
    """Return whether the next attempt is in flight, scheduled, or waits for the end of a pause."""
    return record.phase is Phase.PAUSED or record.task is not None or record.due_at is not None


def _tried_before(
    t: Transition, event: e.TaskTriggered | e.TaskScheduled
) -> Iterator[FailedAttempt]:
    """Yield the attempts of a sequence that were retried before an event of the decision."""
    was = was_live(t, event.subject.sequence_id)
    if was is not None:
        yield from was.retried
    for each in t.events:
        if each.serial < event.serial and each.subject.sequence_id == event.subject.sequence_id:
            if getattr(each, "end", None) is e.TaskEnd.RETRIED:
                yield FailedAttempt("", event.index, None)
            elif isinstance(each, e.TaskRetried):
                yield FailedAttempt("", event.index, None, by_person=True)


def _counts(event: e.Event) -> bool:
    """Return whether a task run counts from an event on."""
    return isinstance(event, e.TaskSkipped) or getattr(event, "end", None) is e.TaskEnd.OVER


def _told(data: FrozenMap) -> set[object]:
    """Return the ids of the task runs whose reports are in some data (``alphabet``)."""
    told = data.get("told")
    return set(told) if isinstance(told, tuple) else set()


def _taken_in(t: Transition, was: LiveSequence) -> set[object]:
    """Return the ids of the runs whose data is taken in with the decision, if they brought any."""
    found: set[object] = set()
    for event in t.events:
        if event.subject.sequence_id != was.sequence_id:
            continue
        if isinstance(event, e.TaskSkipped | e.TaskRetried):
            return found  # what was parked is dropped, and nothing else was in flight
        if _counts(event) or (
            isinstance(event, e.SequenceTimedOut) and event.abandoned_task is not None
        ):
            found |= _brought(t, was)
        elif isinstance(event, e.SequenceFinished | e.SequenceTimedOut) and was.parked is not None:
            found |= set() if was.parked.data is None else {was.parked.task_id}
    return found


def _brought(t: Transition, was: LiveSequence) -> set[object]:
    """Return the id of the task in flight if one of its finishes brought data."""
    if was.task is None or approval_of(was) is not None:
        return set()
    came = [x for x in of(t, e.TaskFinishReported) if x.task_id == was.task.task_id]
    return {was.task.task_id} if came or any(x.finishes for x in was.task.executors) else set()


def _last_status(t: Transition, event: e.SequenceFinished) -> Status | None:
    """Return the status of the last task of a sequence that finishes."""
    was = was_live(t, event.subject.sequence_id)
    for each in t.events:
        if each.subject.sequence_id == event.subject.sequence_id:
            if isinstance(each, e.TaskFinished):
                return each.status
            if isinstance(each, e.TaskSkipped):
                return Status.SUCCEEDED
    return None if was is None or was.parked is None else was.parked.status


def _addresses(command: c.RetryTask | c.SkipTask | c.AbortSequence, record: LiveSequence) -> bool:
    return command.context == record.context and command.stage in {None, record.stage}


def _may_run(t: Transition, was: LiveSequence) -> bool:
    return attempts_of(was) < t.plane.bounds.attempts


def _not_retried(t: Transition, was: LiveSequence, record: SequenceRecord) -> str:
    """Return what is wrong after a retry: the task runs again, after the pause if there is one."""
    if not isinstance(record, LiveSequence):
        is_late = record.phase is Phase.TIMED_OUT and was.time_left is not None
        return "" if is_late and not was.time_left else "ended although it was to run again"
    if t.covered(record):
        waits = record.phase is Phase.PAUSED and record.due_at is None
        return "" if waits else f"is {record.phase.value}, retried under a pause"
    runs = record.task is not None and record.task.triggered.index == len(outcomes_of(was))
    return "" if runs else f"is {record.phase.value}, retried"


def _not_skipped(was: LiveSequence, record: SequenceRecord, result: Result) -> str:
    """Return what is wrong after a skip: one outcome more, of this result, and the next task."""
    assert was.parked is not None
    skipped = TaskOutcome(was.parked.task_id, was.parked.name, result, is_skipped=True)
    if record.runs != (*was.runs, skipped):
        return f"has the outcomes {record.runs} after a skip"
    is_last = len(outcomes_of(record)) == len(was.definition.tasks)
    ends = result is Result.FAIL or is_last
    if isinstance(record, EndedSequence):
        is_late = record.phase is Phase.TIMED_OUT and was.time_left is not None
        is_late = is_late and not was.time_left
        fits = record.phase is Phase.FINISHED if ends else is_late or _is_void(record)
        return "" if fits else f"is {record.phase.value}, skipped"
    return "is still there" if ends or not _goes_on(record) else ""


def _is_void(record: EndedSequence) -> bool:
    """Return whether a newer delivery made the approval void that would come next (R35)."""
    return record.phase is Phase.SUPERSEDED


def _not_aborted(t: Transition, was: LiveSequence, record: SequenceRecord) -> str:
    """Return what is wrong after an abort: nothing is in flight, so nothing is abandoned."""
    assert was.parked is not None
    said = [x for x in of(t, e.SequenceAborted) if x.subject.sequence_id == was.sequence_id]
    if [(x.cause, x.abandoned_task) for x in said] != [(e.Cause.REQUESTED, None)]:
        return "was not aborted as requested"
    return _last_run(was, record)


def _not_ended(was: LiveSequence, record: SequenceRecord) -> str:
    """Return what is wrong after the limit: it ends as it would have without parking."""
    assert was.parked is not None
    assert isinstance(record, EndedSequence)
    why = was.parked.explanation
    phase = Phase.FINISHED if why is None else Phase.TIMED_OUT
    if (record.phase, record.explanation) != (phase, why):
        return f"is {record.phase.value} because of {record.explanation}"
    return _last_run(was, record)


def _last_run(was: LiveSequence, record: SequenceRecord) -> str:
    """Return what is wrong if the run that was parked does not count as failed."""
    assert was.parked is not None
    failed = TaskOutcome(was.parked.task_id, was.parked.name, Result.FAIL)
    return "" if record.runs == (*was.runs, failed) else f"has the outcomes {record.runs}"


OF_FAILURES: Final[tuple[Check, ...]] = (
    failures_lead_where_they_should,
    failed_runs_are_followed_up,
    attempts_are_numbered,
    one_task_is_in_flight_or_parked,
    nothing_of_a_failed_attempt_counts,
    data_is_taken_in_with_its_run,
    results_are_those_of_what_counts,
    attempts_are_kept,
    parked_ones_hold_their_lane,
    parking_ends_as_it_should,
)
"""The predicates for attempts and for what is parked."""
