"""What must hold in and between the parts of what is stored, besides their types.

A `Fault` is a contradiction between fields that are all well by themselves. It would break the
fold, an index or a decision later. A state in the middle of a decision has no faults, since an
event store may take its snapshot there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, get_args

import sequencectl.events as e
from sequencectl._wire.grammar import ForgottenSequence, Header, StoredRecord
from sequencectl.events import Cause, Event, Subject
from sequencectl.sequence import EndedSequence, LiveSequence, Phase
from sequencectl.state import ContextRecord, Freeze, Ledger
from sequencectl.task_run import TaskRun

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
        case e.SequenceStarted() | e.SequenceAbortRequested():
            yield from _of_limit("", event.timeout, event.deadline)
        case e.TaskTriggered():
            if isinstance(event.expects, int) and event.expects < 1:
                yield Fault("expects", event.expects, "must be at least 1")
            if event.approval is not None and event.expects is not None:
                yield Fault("expects", event.expects, "must be null: votes decide an approval")
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
    if record.due_at is not None and (is_in_line or record.task is not None):
        yield Fault("due_at", record.due_at, "must be null in line and while a task is in flight")
    if record.deadline is not None and (record.timeout is None or phase in _CLOCK_STANDS):
        yield Fault("deadline", record.deadline, f"does not go with phase {phase.value} or timeout")
    if record.time_left is not None and phase not in _CLOCK_STANDS:
        yield Fault("time_left", record.time_left, f"does not go with phase {phase.value}")
    if (record.abort is None) is (phase is Phase.ABORTING):
        yield Fault("abort", record.abort, f"does not go with phase {phase.value}")
    yield from _of_initiators(record.initiators)
    yield from _of_runs(record)


_CLOCK_STANDS: Final = frozenset({Phase.HELD, Phase.PAUSED})


def _of_runs(record: LiveSequence) -> _Faults:
    names = [task.name for task in record.definition.tasks]
    ran = [run.name for run in record.runs]
    if record.task is not None:
        triggered = record.task.triggered
        if record.phase.is_in_line or record.phase is Phase.PAUSED:
            yield Fault("task", triggered.task, f"must be null in phase {record.phase.value}")
        if triggered.subject != record.subject:
            yield Fault("task.triggered.subject", triggered.subject, "must be the record's")
        if triggered.index != len(ran):
            yield Fault("task.triggered.index", triggered.index, f"must be {len(ran)}")
        ran.append(triggered.task)
    if ran and record.phase.is_in_line:
        yield Fault("runs", ran, "must be empty in line")
    if ran != names[: len(ran)]:
        yield Fault("runs", ran, f"must be the first of the definition's tasks, {names}")


def _of_run(run: TaskRun) -> _Faults:
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
}
"""Finds the faults of a value by its type; other types have none."""


# ---------------------------------------------------------------- the parts together


def faults_between(header: Header, records: Iterable[StoredRecord]) -> _Faults:
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


def _unique_in(record: StoredRecord) -> Iterator[tuple[str, object]]:
    """Yield what no other record of the project may have."""
    yield "sequence_id", record.sequence_id
    if isinstance(record, ForgottenSequence):
        yield "remembered.number", record.remembered.number
        return
    yield "accepted_serial", record.accepted_serial
    for run in record.runs:
        yield "task_id", run.task_id
    if isinstance(record, LiveSequence):
        yield "place", record.place
        if record.task is not None:
            yield "task_id", record.task.task_id
