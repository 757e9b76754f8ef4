"""What must hold in and between the parts of what is stored, besides their types.

A `Fault` is a contradiction between fields that are all well by themselves. It would break the
fold, an index or a decision later. A state in the middle of a decision has no faults, since an
event store may take its snapshot there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, get_args

import sequencectl.events as e
from sequencectl._wire.grammar import ForgottenSequence, Header, StoredRecord
from sequencectl.events import Cause, Event, Redrive, Subject, TaskEnd
from sequencectl.outcomes import Result
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import Failure, SequenceDefinition
from sequencectl.state import ContextRecord, Freeze, Ledger
from sequencectl.task_run import Executor, ParkedTask, TaskRun

# ---------------------------------------------------------------- one value


class Fault(NamedTuple):
    """A contradiction: its path, the value there, and what would be right."""

    where: str
    value: object
    problem: str


_Faults: TypeAlias = Iterator[Fault]


_OF_A_SEQUENCE: Final = ("context", "stage", "sequence", "sequence_id")
_PARTS: Final[Mapping[type, tuple[str, ...]]] = {
    e.ContextPaused: ("context",),
    e.ContextResumed: ("context",),
    e.StageFrozen: ("stage",),
    e.StageUnfrozen: ("stage",),
    e.SequencesForgotten: (),
}


def _of_subject(subject: Subject, parts: tuple[str, ...] = _OF_A_SEQUENCE) -> _Faults:
    for name in parts:
        if not getattr(subject, name):
            yield Fault(f"subject.{name}", "", "must not be empty here")


def _of_numbers(place: int, accepted_serial: int, serial: int) -> _Faults:
    if not 1 <= place <= accepted_serial <= serial:
        numbers = (place, accepted_serial, serial)
        yield Fault("place", numbers, "place, accepted serial and serial must rise from 1 on")


def _of_lane(lane: str, subject: Subject) -> _Faults:
    if lane not in {subject.stage, f"{subject.stage}/{subject.service}"}:
        yield Fault("lane", lane, "must be '<stage>' or '<stage>/<service>'")


def _of_limit(limit: str, timeout: object, deadline: object) -> _Faults:
    if (timeout is None) is not (deadline is None):
        yield Fault(f"{limit}deadline", deadline, "must be there with its timeout, and only then")


def _of_initiators(initiators: tuple[str, ...]) -> _Faults:
    if initiators and ("" in initiators or len(set(initiators)) < len(initiators)):
        yield Fault("initiators", initiators, "must be actors, each once")


def _of_cause(cause: Cause, *permitted: Cause) -> _Faults:
    if cause not in permitted:
        words = " or ".join(each.value for each in permitted)
        yield Fault("cause", cause.value, f"must be {words} here")


def _of_freeze(freeze: e.StageFrozen | Freeze) -> _Faults:
    yield from _of_cause(freeze.cause, Cause.REQUESTED, Cause.CALENDAR)
    if freeze.window and freeze.cause is not Cause.CALENDAR:
        yield Fault("window", freeze.window, "must be empty unless a calendar froze the stage")


def _of_attempt(attempt: int, attempts: int | None = None) -> _Faults:
    if attempt < 1:
        yield Fault("attempt", attempt, "must be at least 1")
    if attempts is not None and attempts < attempt:
        yield Fault("attempts", attempts, f"must be at least {attempt}, the number of this one")


def _of_end(event: e.TaskFinished) -> _Faults:
    fails = event.result is Result.FAIL and event.explanation is None
    if event.end is not TaskEnd.OVER and not fails:
        yield Fault("end", event.end.value, "must be over unless reports made the task fail")


def _of_redrive(
    redrive: Redrive | None, sequence_id: str, definition: SequenceDefinition | None = None
) -> _Faults:
    if redrive is None:
        return
    if sequence_id in {redrive.sequence_id, redrive.family}:
        yield Fault("redrive", sequence_id, "must name other sequences than this one")
    if definition is not None:
        carried = [task.name for task in redrive.carried]
        names = [task.name for task in definition.tasks]
        if carried != names[: len(carried)] or len(carried) == len(names):
            problem = f"must be the first of the definition's tasks, and not all of {names}"
            yield Fault("redrive.carried", carried, problem)


def _of_event(event: Event) -> _Faults:
    if event.serial < 1:
        yield Fault("serial", event.serial, "must be at least 1")
    yield from _of_subject(event.subject, _PARTS.get(type(event), _OF_A_SEQUENCE))
    match event:
        case e.SequenceTriggered():
            yield from _of_numbers(event.place, event.serial, event.serial)
            yield from _of_lane(event.lane, event.subject)
            yield from _of_limit("", event.timeout, event.deadline)
            yield from _of_initiators(event.initiators)
            yield from _of_redrive(event.redrive, event.subject.sequence_id, event.definition)
        case (
            e.SequenceStarted() | e.SequenceAbortRequested() | e.SequenceParked()
            | e.TaskRetried() | e.TaskSkipped()
        ):  # fmt: skip
            yield from _of_limit("", event.timeout, event.deadline)
        case e.TaskScheduled():
            yield from _of_attempt(event.attempt)
        case e.TaskFinished():
            yield from _of_end(event)
        case e.TaskTriggered():
            if isinstance(event.expects, int) and event.expects < 1:
                yield Fault("expects", event.expects, "must be at least 1")
            if event.approval is not None and event.expects is not None:
                yield Fault("expects", event.expects, "must be null: votes decide an approval")
            yield from _of_attempt(event.attempt, event.attempts)
            yield from _of_limit("reaction_", event.reaction_timeout, event.reaction_deadline)
            yield from _of_limit("completion_", event.completion_timeout, event.completion_deadline)
        case e.StageFrozen():
            yield from _of_freeze(event)
        case e.StageUnfrozen():
            yield from _of_cause(event.cause, Cause.REQUESTED, Cause.FREEZE_OVER)


def _of_live(record: LiveSequence) -> _Faults:
    phase, is_in_line = record.phase, record.phase.is_in_line
    if phase.has_ended:
        yield Fault("phase", phase.value, "must be a phase of a live sequence")
    yield from _of_subject(record.subject)
    yield from _of_numbers(record.place, record.accepted_serial, record.serial)
    yield from _of_lane(record.lane, record.subject)
    if record.definition.name != record.name:
        yield Fault("definition.name", record.definition.name, f"must be {record.name!r}")
    if (record.started_at is None) is not is_in_line:
        yield Fault("started_at", record.started_at, f"does not go with phase {phase.value}")
    if record.due_at is not None and (is_in_line or record.task or record.parked):
        problem = "must be null in line, while a task is in flight and while it is parked"
        yield Fault("due_at", record.due_at, problem)
    if record.deadline is not None and (record.timeout is None or phase in _CLOCK_STANDS):
        yield Fault("deadline", record.deadline, f"does not go with phase {phase.value} or timeout")
    if record.time_left is not None and phase not in _TIME_IS_LEFT:
        yield Fault("time_left", record.time_left, f"does not go with phase {phase.value}")
    if (record.abort is None) is (phase is Phase.ABORTING):
        yield Fault("abort", record.abort, f"does not go with phase {phase.value}")
    yield from _of_initiators(record.initiators)
    yield from _of_redrive(record.redrive, record.sequence_id, record.definition)
    yield from _of_runs(record)
    yield from _of_failures(record)


_CLOCK_STANDS: Final = frozenset({Phase.HELD, Phase.PAUSED})
_TIME_IS_LEFT: Final = _CLOCK_STANDS | {Phase.PARKED}
_NOTHING_IN_FLIGHT: Final = frozenset({Phase.WAITING, Phase.HELD, Phase.PAUSED, Phase.PARKED})
_MAY_BE_PARKED: Final = frozenset({Phase.RUNNING, Phase.PAUSING, Phase.PARKED})
"""In the first two between the end of the task and the event that parks the sequence."""


def _of_runs(record: LiveSequence) -> _Faults:
    names = [task.name for task in record.definition.tasks]
    ran = [run.name for run in record.runs]
    if record.task is not None:
        triggered = record.task.triggered
        if record.phase in _NOTHING_IN_FLIGHT:
            yield Fault("task", triggered.task, f"must be null in phase {record.phase.value}")
        if triggered.subject != record.subject:
            yield Fault("task.triggered.subject", triggered.subject, "must be the record's")
        if triggered.index != record.next_index:
            yield Fault("task.triggered.index", triggered.index, f"must be {record.next_index}")
        if triggered.attempt != record.next_attempt:
            problem = f"must be {record.next_attempt}, one more than were retried"
            yield Fault("task.triggered.attempt", triggered.attempt, problem)
        ran.append(triggered.task)
    if record.parked is not None:
        ran.append(record.parked.name)
    if (ran or record.retried) and record.phase.is_in_line:
        yield Fault("runs", ran, "must be empty in line")
    carried = 0 if record.redrive is None else len(record.redrive.carried)
    if ran != names[carried : carried + len(ran)]:
        yield Fault("runs", ran, f"must be the first of the definition's tasks, {names[carried:]}")


def _of_failures(record: LiveSequence) -> _Faults:
    parked, phase = record.parked, record.phase
    if parked is None:
        if phase is Phase.PARKED:
            yield Fault("parked", None, "must be there in phase parked")
    elif phase not in _MAY_BE_PARKED or record.task is not None:
        yield Fault("parked", parked.name, f"does not go with phase {phase.value} or a task")
    elif parked.attempt != record.next_attempt:
        problem = f"must be {record.next_attempt}, one more than were retried"
        yield Fault("parked.attempt", parked.attempt, problem)
    first = 0 if record.redrive is None else len(record.redrive.carried)
    last = min(record.next_index, len(record.definition.tasks) - 1)
    for at, failed in enumerate(record.retried):
        if not first <= failed.index <= last:
            problem = f"must be that of a task that was run, from {first} to {last}"
            yield Fault(f"retried[{at}].index", failed.index, problem)
        first = failed.index


def _of_parked(parked: ParkedTask) -> _Faults:
    if (parked.explanation is None) is (parked.failure is Failure.TIMED_OUT):
        failure = None if parked.failure is None else parked.failure.value
        yield Fault("explanation", failure, "must be there if it is timed_out, and only then")


def _of_executor(executor: Executor) -> _Faults:
    if executor.progress is not None and executor.heard_at is None:
        yield Fault("heard_at", None, "must be there, as the executor has reported its progress")


def _of_run(run: TaskRun) -> _Faults:
    if run.data is not None and (run.result is None or not run.data):
        yield Fault("data", run.data, "must be null unless a report brought any")
    if run.triggered.approval is None:
        if run.votes:
            yield Fault("votes", len(run.votes), "must be empty unless the task has an approval")
        return
    voters = [vote.voter for vote in run.votes]
    if "" in voters or len(set(voters)) < len(voters):
        yield Fault("votes", voters, "must be of voters, each once")
    if any(executor.finishes for executor in run.executors):
        yield Fault(
            "executors", run.sources, "must not finish: what finishes an approval is a vote"
        )
    if run.result is not None:
        yield Fault("result", run.result.value, "must be null while votes decide the task")


def _of_ended(record: EndedSequence) -> _Faults:
    if not record.phase.has_ended:
        yield Fault("phase", record.phase.value, "must be a phase of an ended sequence")
    yield from _of_subject(record.subject)
    yield from _of_numbers(record.place, record.accepted_serial, record.serial)
    yield from _of_initiators(record.initiators)
    yield from _of_redrive(record.redrive, record.sequence_id)


def _of_ledger(ledger: Ledger) -> _Faults:
    if (ledger.at is None) is not (ledger.serial == 0):
        yield Fault("at", ledger.at, "must be null before the first event, and only then")
    if len(set(ledger.request_ids)) < len(ledger.request_ids):
        yield Fault("request_ids", ledger.request_ids, "must not name a request twice")


def _of_context(context: ContextRecord) -> _Faults:
    scopes = [pause.stage for pause in context.pauses]
    if len(set(scopes)) < len(scopes):
        yield Fault("pauses", scopes, "must not pause a scope twice")
    if not scopes and context.resumed is None:
        yield Fault("pauses", scopes, "must not be empty unless the context was just resumed")


FAULTS: Final[Mapping[type, Callable[[Any], _Faults]]] = {
    **dict.fromkeys(get_args(Event), _of_event),
    LiveSequence: _of_live,
    EndedSequence: _of_ended,
    Ledger: _of_ledger,
    ContextRecord: _of_context,
    Freeze: _of_freeze,
    TaskRun: _of_run,
    Executor: _of_executor,
    ParkedTask: _of_parked,
}
"""Finds the faults of a value by its type; other types have none."""


# ---------------------------------------------------------------- the parts together


def faults_between(header: Header, records: Sequence[StoredRecord]) -> _Faults:
    """Find contradictions between the parts of a project."""
    serial = header.ledger.serial
    if serial == 0 and (header.contexts or header.freezes):
        yield Fault("header", serial, "must have no pause and no freeze before the first event")
    seen: set[tuple[str, object]] = set()
    for at, record in enumerate(records):
        if isinstance(record, ForgottenSequence):
            latest, where = record.remembered.number[0], "remembered.number"
        else:
            latest, where = record.serial, "serial"
            if record.subject.project != header.project:
                project = record.subject.project
                problem = f"must be {header.project!r}, as in the header"
                yield Fault(f"records[{at}].subject.project", project, problem)
        if not 1 <= latest <= serial:
            problem = f"must be from 1 to {serial}, the serial of the project"
            yield Fault(f"records[{at}].{where}", latest, problem)
        for key in _unique_in(record):
            if key in seen:
                problem = "must be that of one record only"
                yield Fault(f"records[{at}].{key[0]}", key[1], problem)
            seen.add(key)
    yield from _of_families(records)


def _of_families(records: Sequence[StoredRecord]) -> _Faults:
    """Find redrives of what cannot be redriven, and live ones that were redriven (R41)."""
    redriving = [
        (at, record, record.redrive)
        for at, record in enumerate(records)
        if not isinstance(record, ForgottenSequence) and record.redrive is not None
    ]
    if not redriving:
        return
    rows = {record.sequence_id: record for record in records}
    newest: dict[str, int] = {}
    for at, record, redrive in redriving:
        old = rows.get(redrive.sequence_id)
        if old is not None and _names_of(old) != _names_of(record):
            problem = "must be a sequence of the same context, stage, name and service"
            yield Fault(f"records[{at}].redrive.sequence_id", redrive.sequence_id, problem)
        if isinstance(old, SequenceRecord) and old.family != redrive.family:
            problem = f"must be {old.family!r}, that of {old.sequence_id!r}"
            yield Fault(f"records[{at}].redrive.family", redrive.family, problem)
        newest[redrive.family] = max(newest.get(redrive.family, 0), record.accepted_serial)
    for at, each in enumerate(records):
        if isinstance(each, LiveSequence) and each.accepted_serial < newest.get(each.family, 0):
            problem = "must be one of an end: a newer sequence of the same family is there"
            yield Fault(f"records[{at}].phase", each.phase.value, problem)


def _names_of(record: StoredRecord) -> tuple[str, str, str, str]:
    if isinstance(record, ForgottenSequence):
        kept = record.remembered
        return kept.context, kept.stage, kept.sequence, kept.service
    return record.context, record.stage, record.name, record.service


def _unique_in(record: StoredRecord) -> Iterator[tuple[str, object]]:
    """Yield what no other record of the project may have."""
    yield "sequence_id", record.sequence_id
    if isinstance(record, ForgottenSequence):
        yield "remembered.number", record.remembered.number
        return
    yield "accepted_serial", record.accepted_serial
    for task_id in record.task_ids:
        yield "task_id", task_id
    if isinstance(record, LiveSequence):
        yield "place", record.place
