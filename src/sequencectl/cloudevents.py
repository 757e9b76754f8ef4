"""Translate CloudEvents of Keptn into commands, and events into CloudEvents.

A CloudEvent is a plain mapping here. `from_cloudevent` reads triggers of sequences and the reports
of executors. `to_cloudevent` writes one CloudEvent for an event, or none where Keptn has no form
for it. `refusal` writes the answer to a trigger that was refused. The types are
``sh.keptn.event.<stage>.<sequence>.<word>`` for a sequence and ``sh.keptn.event.<task>.<word>`` for
a task; names have no dots, so the number of parts tells the two apart.

A host may read its own stream back: the trigger of a follow-up is a duplicate then (R8), and the
finish of a task that ran out of time is late (R13).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, assert_never

import sequencectl.events as e
from sequencectl._scalars import ID, MESSAGE, NAME, PERCENT, checked_instant
from sequencectl.commands import (
    Report,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    TriggerSequence,
)
from sequencectl.errors import InvalidValue, PayloadError
from sequencectl.events import Subject, derived_id
from sequencectl.outcomes import Rejected, RejectedCode, Result, Status
from sequencectl.payload import FrozenJson, FrozenMap, freeze, thaw, without
from sequencectl.sequence import Phase

CONVERSATIONS: Final = frozenset({"get-sli", "problem", "webhook"})
"""Names in events between Keptn's services that look like the names of tasks."""

SPEC_VERSION: Final = "0.2.4"
"""The version of Keptn's specification that CloudEvents are written in."""

_TYPE: Final = re.compile(
    r"sh\.keptn\.event\.(?:([^.]*)\.)?([^.]*)\.(triggered|started|status\.changed|finished)"
)
_RESULTS: Final[Mapping[object, Result]] = {result.value: result for result in Result}
_STATUSES: Final[Mapping[object, Status]] = {status.value: status for status in Status}
_KINDS: Final[Mapping[type, str]] = {tuple: "a list", FrozenMap: "an object"}
"""How a message shows what is no word at all: it may be as large as an event."""

_NOT_DATA: Final = frozenset({"project", "stage", "service", "result", "status", "message"})
_ATTRIBUTES: Final = {
    "sequence_id": "id",
    "report_id": "id",
    "task_id": "triggeredid",
    "context": "shkeptncontext",
    "revision": "gitcommitid",
    "service": "data.service",
    "stage": "type",
    "sequence": "type",
}
_STATE_WORDS: Final[Mapping[Phase, str]] = {
    Phase.WAITING: "waiting",
    Phase.HELD: "paused",
    Phase.RUNNING: "started",
    Phase.PARKED: "started",
    Phase.PAUSING: "paused",
    Phase.PAUSED: "paused",
    Phase.ABORTING: "aborted",
    Phase.FINISHED: "finished",
    Phase.TIMED_OUT: "timedOut",
    Phase.ABORTED: "aborted",
    Phase.SUPERSEDED: "aborted",
    Phase.EXPIRED: "timedOut",
}


def state_word(phase: Phase) -> str:
    """Return Keptn's word for the state of a sequence in this phase."""
    return _STATE_WORDS[phase]


def project_of(event: object) -> str | None:
    """Return the project a CloudEvent is about, from its data; None if it names none."""
    data = event.get("data") if isinstance(event, Mapping) else None
    project = data.get("project") if isinstance(data, Mapping) else None
    return project if isinstance(project, str) and ID.fits(project) else None


def from_cloudevent(
    event: Mapping[str, Any],
    *,
    conversations: Collection[str] = CONVERSATIONS,
    strict: bool = False,
) -> TriggerSequence | Report | None:
    """Return the command a CloudEvent stands for; None if it stands for none.

    It reads the trigger of a sequence and the started, status.changed and finished of a task,
    except of the tasks named in `conversations`: pass that without the names that your shipyard has
    for tasks. A finish whose data cannot be used counts as errored, without the data, and its
    message says why (R33). One whose result or status is not a word of Keptn's is a failure whose
    message shows the value (R12); with `strict` it is a mistake, for a host that can tell the
    sender. A status.changed is a sign of life whatever its data: of that only the message and the
    percent are read, and one that cannot be used is shown in the message (R42). The extension
    attribute ``actor`` of a trigger or a finish is its actor (R34); it is a claim, which a host
    that knows who sends the event replaces. Any other mistake in such an event raises
    `InvalidValue` with the path in the event as `where` (``triggeredid``, ``data.service``).
    """
    if not isinstance(event, Mapping):
        raise InvalidValue("event", event, "must be a CloudEvent (a mapping)")
    given = event.get("type")
    found = _TYPE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        return None
    stage, name, word = found.groups()
    if (stage is None) is (word == "triggered") or (stage is None and name in conversations):
        return None  # a trigger must be of a sequence, the rest of a task
    if event.get("specversion") != "1.0":
        raise InvalidValue("specversion", event.get("specversion"), "must be '1.0'")
    if event.get("id") is None:
        raise InvalidValue("id", None, ID.problem)
    try:
        if stage is not None:
            return _trigger(event, stage, name)
        return _report(event, name, word, strict=strict)
    except InvalidValue as error:
        where = _ATTRIBUTES.get(error.where, error.where)
        raise InvalidValue(where, error.value, error.problem) from None


def to_cloudevent(event: e.Event, *, source: str) -> dict[str, Any] | None:
    """Return the CloudEvent to publish for an event; None if Keptn has no form for it.

    `source` names the publisher. The same event always gives the same CloudEvent, with the same id.
    """
    if not isinstance(event, e.Event):
        raise InvalidValue("event", event, "must be one of the events of sequencectl")
    form = _form(event)
    if form is None:
        return None
    kind, event_id, data, extensions = form
    subject = event.subject
    return _written(subject, kind, event_id, source, at=event.at, data=data, **extensions)


def refusal(
    command: TriggerSequence, rejected: Rejected, *, project: str, source: str, now: datetime
) -> dict[str, Any]:
    """Return the finished CloudEvent that says why a triggered sequence does not run (R8).

    The same refusal always has the same id. If the sequence's id belongs to another sequence there
    is no ``triggeredid``, which would end that other one for all who watch it.
    """
    names = (command.context, command.stage, command.sequence, command.service)
    subject = Subject(project, *names, command.sequence_id, command.revision)
    kind = "\n".join(("refusal", rejected.code.value, command.sequence_id, *names))
    is_own = rejected.code is not RejectedCode.ID_CONFLICT
    labels = command.data.get("labels")
    return _written(
        subject,
        f"{subject.stage}.{subject.sequence}.finished",
        derived_id(project, 0, kind),
        source,
        at=checked_instant(now),
        data=_ended(Result.FAIL, Status.ERRORED, rejected.message, labels),
        triggeredid=subject.sequence_id if is_own else None,
    )


# ---------------------------------------------------------------- reading


def _trigger(event: Mapping[str, Any], stage: str, sequence: str) -> TriggerSequence:
    data = freeze(event.get("data"))
    service: Any = _given(data.get("service"))
    return TriggerSequence(
        event["id"],
        stage=stage,
        sequence=sequence,
        service="" if service is None else service,
        context=_given(event.get("shkeptncontext")),
        data=data,
        revision=_given(event.get("gitcommitid")),
        actor=_actor(event),
    )


def _report(event: Mapping[str, Any], task: str, word: str, *, strict: bool) -> Report:
    if not NAME.fits(task):
        raise InvalidValue("type", task, NAME.problem)
    about: Any = {"source": event.get("source")}
    task_id: Any = event.get("triggeredid")
    if word == "status.changed":
        return ReportTaskProgress(task_id, **about, **_progress(event.get("data")))
    about["report_id"] = event["id"]
    if word == "started":
        return ReportTaskStarted(task_id, **about)
    about["actor"] = _actor(event)
    try:
        about |= _heard(freeze(event.get("data")), strict=strict)
    except PayloadError as error:
        said = f"The result cannot be used: {error}".encode(errors="replace").decode()
        about |= {"result": Result.FAIL, "status": Status.ERRORED, "message": said}
    return ReportTaskFinished(task_id, **about)


def _progress(data: object) -> dict[str, Any]:
    """Return the message and the percent of a status.changed; what is wrong with them is said in
    the message.
    """
    if not isinstance(data, Mapping):
        return {}
    percent, problems = _given(data.get("percent")), []
    if percent is not None and not PERCENT.permits(percent):
        problems.append(InvalidValue("data.percent", percent, PERCENT.problem))
        percent = None
    message = data.get("message")
    if message is not None and not MESSAGE.permits(message):
        problems.append(InvalidValue("data.message", message, MESSAGE.problem))
        message = None
    said = "; ".join(str(each) for each in (*problems, message) if each)
    return {"message": said.encode(errors="replace").decode(), "percent": percent}


def _heard(data: FrozenMap, *, strict: bool) -> dict[str, Any]:
    """Return the result, status, message and remaining data of a finish (R12)."""
    message = data.get("message")
    if message is not None and not isinstance(message, str):
        raise PayloadError("data.message", message, "must be a text")
    result, status = _given(data.get("result")), _given(data.get("status"))
    unknown = _unknown_word(data, "result", _RESULTS) or _unknown_word(data, "status", _STATUSES)
    if unknown is not None and strict:
        raise unknown
    if status is None and result in _RESULTS:
        status = Status.SUCCEEDED.value
    if result is None:
        result = Result.PASS.value
    known = _STATUSES.get(status, Status.UNKNOWN)
    return {
        "result": _RESULTS.get(result, Result.FAIL) if known is Status.SUCCEEDED else Result.FAIL,
        "status": known,
        "message": "; ".join(str(each) for each in (unknown, message) if each),
        "data": without(data, _NOT_DATA),
    }


def _unknown_word(data: FrozenMap, name: str, known: Mapping[object, Any]) -> InvalidValue | None:
    """Return what is wrong with a word of a finish; None if it is known or missing."""
    word = _given(data.get(name))
    if word is None or (isinstance(word, str) and word in known):
        return None
    permitted = f"must be one of {', '.join(map(str, known))}"
    return InvalidValue(f"data.{name}", _KINDS.get(type(word), word), permitted)


def _actor(event: Mapping[str, Any]) -> Any:
    """Return the person behind an event, from its extension attribute ``actor`` (R34)."""
    actor = event.get("actor")
    return "" if actor is None else actor


def _given(value: Any) -> Any:
    """Return an optional value; an empty text is None, since Go writes that for none."""
    return None if isinstance(value, str) and not value else value


# ---------------------------------------------------------------- writing


_Form: TypeAlias = tuple[str, str, dict[str, Any], dict[str, str | None]]


def _form(event: e.Event) -> _Form | None:
    """Return the type without its prefix, the id, the data and the extensions of a CloudEvent."""
    subject = event.subject
    of = f"{subject.stage}.{subject.sequence}"
    # sequences driven one by one all number their events from 1: their ids tell these apart
    own_id = derived_id(subject.project, event.serial, f"cloudevent of {subject.sequence_id}")
    about: dict[str, str | None] = {"triggeredid": subject.sequence_id}
    match event:
        case e.SequenceTriggered() if event.parent is not None:
            return f"{of}.triggered", subject.sequence_id, thaw(event.data), {}
        case e.TaskTriggered():
            return f"{event.task}.triggered", event.task_id, thaw(event.input), {}
        case e.TaskTimedOut():
            data = _ended(Result.FAIL, Status.ERRORED, str(event.explanation))
            return f"{event.task}.finished", own_id, data, {"triggeredid": event.task_id}
        case e.TaskFinished() if event.explanation is not None:  # no vote that is on the bus
            data = _ended(event.result, event.status, event.message)
            return f"{event.task}.finished", own_id, data, {"triggeredid": event.task_id}
        case e.SequenceStarted():
            return f"{of}.started", own_id, {}, about
        case e.SequencePaused():
            return f"{of}.paused", own_id, {}, about
        case e.SequenceResumed():
            return f"{of}.resumed", own_id, {}, about
        case e.SequenceFinished():
            data = _ended(event.result, event.status, event.message, event.labels)
            return f"{of}.finished", own_id, data, about
        case e.SequenceTimedOut() | e.SequenceAborted():
            status = Status.ABORTED if isinstance(event, e.SequenceAborted) else Status.ERRORED
            data = _ended(Result.FAIL, status, event.message, event.labels)
            return f"{of}.finished", own_id, data, about | {"abandonedtask": event.abandoned_task}
        case e.SequenceSuperseded():
            data = _ended(Result.FAIL, Status.ABORTED, event.message, event.labels)
            return f"{of}.finished", own_id, data, about | {"abandonedtask": event.abandoned_task}
        case e.SequenceExpired():
            data = _ended(Result.FAIL, Status.ABORTED, event.message, event.labels)
            return f"{of}.finished", own_id, data, about
        case (
            # triggers and reports are on the bus already; the rest has no form in Keptn
            e.SequenceTriggered() | e.TaskStartReported() | e.TaskProgressReported()
            | e.TaskFinishReported() | e.TaskScheduled() | e.TaskFinished() | e.SequenceParked()
            | e.TaskRetried() | e.TaskSkipped() | e.SequenceDrained() | e.SequenceExempted()
            | e.SequenceAbortRequested() | e.ContextPaused() | e.ContextResumed()
            | e.StageFrozen() | e.StageUnfrozen() | e.FollowUpRefused() | e.SequencesForgotten()
        ):  # fmt: skip
            return None
        case _:
            assert_never(event)


def _ended(
    result: Result, status: Status, message: str, labels: FrozenJson = None
) -> dict[str, Any]:
    data: dict[str, Any] = {"result": result.value, "status": status.value}
    if message:
        data["message"] = message
    if isinstance(labels, FrozenMap) and labels:
        data["labels"] = thaw(labels)
    return data


def _written(
    subject: Subject,
    kind: str,
    event_id: str,
    source: Any,
    *,
    at: datetime,
    data: Mapping[str, Any],
    **extensions: str | None,
) -> dict[str, Any]:
    if not ID.permits(source):
        raise InvalidValue("source", source, ID.problem)
    time = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    optional = {**extensions, "gitcommitid": subject.revision}
    scope = {"project": subject.project, "stage": subject.stage, "service": subject.service}
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": f"sh.keptn.event.{kind}",
        "time": f"{time}Z",
        "datacontenttype": "application/json",
        "shkeptncontext": subject.context,
        "shkeptnspecversion": SPEC_VERSION,
        **{name: value for name, value in optional.items() if value},
        "data": {**data, **scope},
    }
