"""What a store keeps of a project, and what must hold in it and between its parts.

Types say what a field may hold; a `Fault` says what cannot be although every field is well. It
finds what would make the fold, an index or a decision stumble later. A state in the middle of a
decision is as good as one between two, since an event store may take its snapshot there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import UnionType
from typing import Any, Final, NamedTuple, TypeAlias, final, get_args

import attrs

from sequencectl.events import (
    ContextPaused,
    ContextResumed,
    Event,
    SequenceAbortRequested,
    SequencesForgotten,
    SequenceStarted,
    SequenceTriggered,
    StageFrozen,
    StageUnfrozen,
    Subject,
    TaskTriggered,
)
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.state import ContextRecord, Freeze, Ledger, Remembered


@final
@attrs.frozen
class Header:
    """Everything of a project that belongs to no single sequence; it stays small (R33)."""

    project: str
    ledger: Ledger
    contexts: Mapping[str, ContextRecord]
    freezes: Mapping[str, Freeze]


@final
@attrs.frozen
class ForgottenSequence:
    """The id of a sequence that was forgotten, and what is remembered of it (R8, R33)."""

    sequence_id: str
    remembered: Remembered


StoredRecord = SequenceRecord | ForgottenSequence
"""What a store keeps in one row: a sequence, or what is remembered of a forgotten one."""


@final
@attrs.frozen
class Snapshot:
    """A whole project."""

    header: Header
    records: tuple[StoredRecord, ...]


class Fault(NamedTuple):
    """Something that cannot be: where, what is there, and what would have to be."""

    where: str
    value: object
    problem: str


_Faults: TypeAlias = Iterator[Fault]


# ---------------------------------------------------------------- one field


class Rule(NamedTuple):
    """What every text and number in a field must obey."""

    fits: Callable[[Any], object]
    problem: str


def _is_printable(longest: int, text: str) -> bool:
    return len(text) <= longest and text.isprintable()


ID: Final = Rule(
    re.compile(r"[ -~]{1,200}").fullmatch, "must be 1 to 200 printable ASCII characters"
)
_NAME: Final = Rule(
    re.compile(r"[A-Za-z0-9_-]{1,63}").fullmatch, "must be 1 to 63 letters, digits, '-' or '_'"
)
_TEXT: Final = Rule(partial(_is_printable, 200), "must be at most 200 printable characters")
_REASON: Final = Rule(partial(_is_printable, 1_000), "must be at most 1000 printable characters")
_LANE: Final = Rule(partial(_is_printable, 264), "must be at most 264 printable characters")
_COUNT: Final = Rule(
    lambda number: 0 <= number < 2**63, "must not be negative, nor have more than 63 bits"
)
_PRIORITY: Final = Rule(lambda number: abs(number) <= 1_000_000, "must be from -1000000 to 1000000")
_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("project", "context", "contexts", "sequence_id", "sequence_ids"), ID),
    **dict.fromkeys(("parent", "superseded_by", "released", "task_id", "abandoned_task"), ID),
    **dict.fromkeys(("source", "reacted", "report_id", "report_ids"), ID),
    **dict.fromkeys(("request_id", "request_ids"), ID),
    **dict.fromkeys(("stage", "freezes", "sequence", "task", "name"), _NAME),
    **dict.fromkeys(("service", "actor", "revision"), _TEXT),
    "reason": _REASON,
    "lane": _LANE,
    **dict.fromkeys(("serial", "accepted_serial", "place", "number", "index", "depth"), _COUNT),
    **dict.fromkeys(("starts", "finishes", "requests_remembered", "limit"), _COUNT),
    "priority": _PRIORITY,
}


def rule_of(field: attrs.Attribute[Any]) -> Rule | None:
    """Return what every text and number in a field must obey, by the field's name."""
    kind: Any = field.type
    members = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return None if any(map(attrs.has, members)) else _RULES.get(field.name)


# ---------------------------------------------------------------- one value

_OF_A_SEQUENCE: Final = ("context", "stage", "sequence", "sequence_id")
_PARTS: Final[Mapping[type, tuple[str, ...]]] = {
    ContextPaused: ("context",),
    ContextResumed: ("context",),
    StageFrozen: ("stage",),
    StageUnfrozen: ("stage",),
    SequencesForgotten: (),
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


def _of_event(event: Event) -> _Faults:
    if event.serial < 1:
        yield Fault("serial", event.serial, "must be at least 1")
    yield from _of_subject(event.subject, _PARTS.get(type(event), _OF_A_SEQUENCE))
    match event:
        case SequenceTriggered():
            yield from _of_numbers(event.place, event.serial, event.serial)
            yield from _of_lane(event.lane, event.subject)
            yield from _of_limit("", event.timeout, event.deadline)
        case SequenceStarted() | SequenceAbortRequested():
            yield from _of_limit("", event.timeout, event.deadline)
        case TaskTriggered():
            if isinstance(event.expects, int) and event.expects < 1:
                yield Fault("expects", event.expects, "must be at least 1")
            yield from _of_limit("reaction_", event.reaction_timeout, event.reaction_deadline)
            yield from _of_limit("completion_", event.completion_timeout, event.completion_deadline)


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


def _of_ended(record: EndedSequence) -> _Faults:
    if not record.phase.has_ended:
        yield Fault("phase", record.phase.value, "must be a phase of an ended sequence")
    yield from _of_subject(record.subject)
    yield from _of_numbers(record.place, record.accepted_serial, record.serial)


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
}
"""What finds the faults of a value of a type; types that are not named have none."""


# ---------------------------------------------------------------- the parts together


def faults_between(header: Header, records: Iterable[StoredRecord]) -> _Faults:
    """Find what cannot be in a project although each part of it is well."""
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
    """Find what no other record of the project may have as well."""
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
