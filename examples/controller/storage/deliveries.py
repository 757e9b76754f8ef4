"""What happened in a context, folded into one JSON document.

Shows: a read model that is a function of the events alone, as `evolve` is of the library's state:
it can be thrown away and made again, and it outlives what the library forgets (R33). A document has
the sequences of the context with their task runs, executors, votes and pauses, the scopes that are
paused, and who controlled it; `states` makes of it what is served. Leaves out: payloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sequencectl.events as e
from sequencectl import Approval, FrozenMap, Phase
from sequencectl.events import Control

Document = dict[str, Any]
"""A delivery as JSON; made by `begin`, changed by `tell` and nothing else."""

MOST_CONTROLS: Final = 100
"""So many of the newest controls of a context are kept, and of the pauses of a sequence."""

MOST_VOTES: Final = 100
"""So many of the newest votes on an approval are kept."""

_PAUSED: Final = {Phase.WAITING: Phase.HELD, Phase.PARKED: Phase.PARKED}
_RESUMED: Final = {Phase.HELD: Phase.WAITING, Phase.PARKED: Phase.PARKED}
_ENDED: Final[Mapping[type, Phase]] = {
    e.SequenceFinished: Phase.FINISHED,
    e.SequenceTimedOut: Phase.TIMED_OUT,
    e.SequenceAborted: Phase.ABORTED,
    e.SequenceSuperseded: Phase.SUPERSEDED,
    e.SequenceExpired: Phase.EXPIRED,
}


def begin(event: e.SequenceTriggered) -> Document:
    """Return the document of a context before its first sequence is told."""
    subject, data = event.subject, event.data
    return {
        "project": subject.project,
        "context": subject.context,
        "name": subject.sequence,
        "service": subject.service,
        "time": instant(event.at),
        "problemTitle": _text_at(data, "problem", "ProblemTitle"),
        "first": event.serial,
        "serial": event.serial,
        "resumed": None,
        "paused": [],
        "controls": [],
        "stages": {},
        "sequences": [],
    }


def tell(document: Document, event: e.Event) -> None:
    """Change a document to what an event of its context leads to."""
    document["serial"] = event.serial
    match event:
        case e.SequenceTriggered():
            if event.redrive is not None:
                _tell_redrive(document, event.redrive.sequence_id, event.subject.sequence_id)
            document["sequences"].append(_sequence(event))
            image = _text_at(event.data, "configurationChange", "values", "image")
            stage = document["stages"].setdefault(event.subject.stage, _stage())
            stage["image"] = image or stage["image"]
        case e.ContextPaused():
            _tell_pause(document, event)
        case e.ContextResumed():
            _tell_resume(document, event)
        case e.FollowUpRefused():
            refused = f"{event.stage}.{event.sequence} was not triggered: {event.depth} in a chain"
            sequence = _of(document, event)
            sequence["message"] = " ".join(filter(None, (sequence["message"], refused)))
        case _ if isinstance(event, e.Ending):
            _end(document, _of(document, event), event)
        case _ if isinstance(event, e.SequenceMove):
            _step(document, _of(document, event), event)


def mention(document: Document, event: Mapping[str, Any]) -> None:
    """Change a document so that a CloudEvent is the last one of its stage."""
    data = event["data"]
    stage = document["stages"].get(data["stage"])
    if stage is not None:
        stage["latest"] = {key: event[key] for key in ("id", "type", "time")}
        if data.get("result") == "fail":
            stage["failed"] = stage["latest"]


def is_live(sequence: Mapping[str, Any]) -> bool:
    """Whether a sequence of a document has not ended."""
    return not Phase(sequence["phase"]).has_ended


def is_paused(sequence: Mapping[str, Any]) -> bool:
    """Whether a pause covers a sequence of a document: in phase, or while it is parked."""
    pauses = sequence["pauses"]
    return bool(pauses) and pauses[-1]["to"] is None


def instant(at: datetime) -> str:
    """Return an instant as it is shown: UTC, with milliseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


# ---------------------------------------------------------------- one sequence


def _sequence(event: e.SequenceTriggered) -> Document:
    subject = event.subject
    return {
        "id": subject.sequence_id,
        "name": subject.sequence,
        "stage": subject.stage,
        "service": subject.service,
        "phase": Phase.WAITING.value,
        "result": None,
        "status": None,
        "message": "",
        "priority": event.priority,
        "planned": [task.name for task in event.definition.tasks],
        "parent": event.parent,
        "redrives": None if event.redrive is None else event.redrive.sequence_id,
        "redrivenBy": None,
        "carried": [] if event.redrive is None else [*map(_carried, event.redrive.carried)],
        "initiators": list(event.initiators),
        "exempted": None,
        "triggeredAt": instant(event.at),
        "startedAt": None,
        "endedAt": None,
        "dueAt": None,
        "parked": None,
        "tasks": [],
        "pauses": [],
        "abandonedTask": None,
        "supersededBy": None,
    }


def _step(document: Document, sequence: Document, event: e.Event) -> None:
    """Tell what happens between the acceptance of a sequence and its end."""
    at, phase = instant(event.at), Phase(sequence["phase"])
    match event:
        case e.SequenceStarted():
            sequence["phase"], sequence["startedAt"] = Phase.RUNNING.value, at
        case e.TaskScheduled():
            sequence["dueAt"] = instant(event.due_at)
        case e.TaskTriggered():
            sequence["dueAt"] = None
            sequence["tasks"].append(_task(event))
        case e.TaskStartReported() | e.TaskFinishReported():
            _report(document, sequence["tasks"][-1], event)
        case e.TaskProgressReported():
            _tell_progress(sequence["tasks"][-1], event)
        case e.TaskFinished():
            sequence["tasks"][-1] |= {"finishedAt": at, "result": event.result.value}
            sequence["tasks"][-1] |= {"message": event.message, "end": event.end.value}
            _settle(document, event)
        case e.TaskTimedOut():
            why = str(event.explanation)
            sequence["tasks"][-1] |= {"finishedAt": at, "result": "fail", "timedOut": why}
            sequence["tasks"][-1]["end"] = event.end.value
            _settle(document, event)
        case e.SequenceParked():
            sequence["phase"], sequence["parked"] = Phase.PARKED.value, _parked(event)
        case e.TaskRetried() | e.TaskSkipped():
            _unpark(document, sequence, event)
        case e.SequencePaused():
            sequence["phase"] = _PAUSED.get(phase, Phase.PAUSING).value
            if not is_paused(sequence):  # else it was parked, and the pause reached it before
                sequence["pauses"].append({"from": at, "to": None})
                del sequence["pauses"][:-MOST_CONTROLS]
        case e.SequenceDrained():
            sequence["phase"] = Phase.PAUSED.value
        case e.SequenceResumed():
            sequence["phase"] = _RESUMED.get(phase, Phase.RUNNING).value
            sequence["pauses"][-1]["to"] = at
        case e.SequenceExempted():
            sequence["exempted"] = _by(event, event.control)
            _note(document, "exempt", event, event.control, sequence["id"])
        case e.SequenceAbortRequested():
            sequence["phase"] = Phase.ABORTING.value
            _close_pause(sequence, at)
            _note(document, "abort", event, event.control, sequence["id"])


def _end(document: Document, sequence: Document, event: e.Ending) -> None:
    """Tell how a sequence ended."""
    at = instant(event.at)
    sequence["phase"], sequence["endedAt"] = _ENDED[type(event)].value, at
    sequence["result"], sequence["status"] = "fail", "aborted"
    sequence["message"], sequence["dueAt"] = event.message, None
    if sequence["parked"] is not None:  # the run that had failed is taken in
        sequence["parked"], sequence["tasks"][-1]["end"] = None, e.TaskEnd.OVER.value
    _close_pause(sequence, at)
    match event:
        case e.SequenceFinished():
            sequence["result"], sequence["status"] = event.result.value, event.status.value
        case e.SequenceTimedOut():
            sequence["status"] = "errored"
            sequence["abandonedTask"] = event.abandoned_task
        case e.SequenceAborted():
            sequence["abandonedTask"] = event.abandoned_task
            if event.cause in {e.Cause.REQUESTED, e.Cause.FORCED}:
                kind = "force" if event.cause is e.Cause.FORCED else "abort"
                _note(document, kind, event, event.control, sequence["id"])
        case e.SequenceSuperseded():
            sequence["supersededBy"] = event.superseded_by
            sequence["abandonedTask"] = event.abandoned_task
    if sequence["abandonedTask"] and sequence["tasks"]:
        over = {"finishedAt": at, "result": "abandoned", "end": e.TaskEnd.OVER.value}
        sequence["tasks"][-1] |= over
        _settle(document, event)


def _close_pause(sequence: Document, at: str) -> None:
    if is_paused(sequence):
        sequence["pauses"][-1]["to"] = at


def _of(document: Document, event: e.Event) -> Document:
    """Return the sequence an event is about, the newest if an id was used again."""
    known = event.subject.sequence_id
    found: Document = next(s for s in reversed(document["sequences"]) if s["id"] == known)
    return found


def _unpark(document: Document, sequence: Document, event: e.TaskRetried | e.TaskSkipped) -> None:
    """Tell what a person has made of the run that a sequence is parked with."""
    sequence["phase"], sequence["parked"] = Phase.RUNNING.value, None
    run: Document = sequence["tasks"][-1]
    if isinstance(event, e.TaskRetried):
        run["end"] = e.TaskEnd.RETRIED.value
        _note(document, "retry", event, event.control, sequence["id"])
    else:
        run |= {"end": e.TaskEnd.OVER.value, "result": event.result.value}
        run["skipped"] = _by(event, event.control)
        _note(document, "skip", event, event.control, sequence["id"])


def _parked(event: e.SequenceParked) -> Document:
    return {
        "taskId": event.task_id,
        "task": event.task,
        "at": instant(event.at),
        "until": None if event.deadline is None else instant(event.deadline),
        "message": event.message,
    }


def _carried(carried: e.Carried) -> Document:
    return {
        "name": carried.name,
        "result": None if carried.result is None else carried.result.value,
    }


def _tell_redrive(document: Document, old: str, new: str) -> None:
    """Say of the newest sequence of an id which one redrives it."""
    for sequence in reversed(document["sequences"]):
        if sequence["id"] == old:
            sequence["redrivenBy"] = new
            return


# ---------------------------------------------------------------- one task


def _task(event: e.TaskTriggered) -> Document:
    deadline = min(filter(None, (event.reaction_deadline, event.completion_deadline)), default=None)
    return {
        "id": event.task_id,
        "name": event.task,
        "index": event.index,
        "attempt": event.attempt,
        "attempts": event.attempts,
        "triggeredAt": instant(event.at),
        "finishedAt": None,
        "result": None,
        "message": "",
        "deadline": None if deadline is None else instant(deadline),
        "end": None,
        "skipped": None,
        "executors": [],
        "progress": [],
        "approval": None if event.approval is None else approval_of(event.approval),
        "votes": [],
        "timedOut": None,
    }


def approval_of(approval: Approval) -> Document:
    """Return what decides an approval, in the words of a shipyard."""
    return {
        "approve": approval.approve,
        "reject": approval.reject,
        "initiator": approval.initiator,
        "onExpiry": approval.on_expiry.value,
        "newcomer": approval.newcomer.value,
    }


def _vote(task: Document, event: e.TaskFinishReported) -> None:
    """Tell a vote; one that another of the same voter replaces later stays there before it."""
    vote = {"voter": event.voter, "at": instant(event.at), "result": event.result.value}
    task["votes"].append({**vote, "message": event.message})
    del task["votes"][:-MOST_VOTES]


def _tell_progress(task: Document, event: e.TaskProgressReported) -> None:
    """Tell how far a source is: what it said last replaces what it said before."""
    said = {"percent": event.percent, "message": event.message, "at": instant(event.at)}
    known = next((each for each in task["progress"] if each["source"] == event.source), None)
    if known is None:
        task["progress"].append({"source": event.source, **said})
    else:
        known |= said


def _report(
    document: Document, task: Document, event: e.TaskStartReported | e.TaskFinishReported
) -> None:
    if task["approval"] is not None and isinstance(event, e.TaskFinishReported):
        _vote(task, event)
        return
    known = (each for each in task["executors"] if each["source"] == event.source)
    executor = next(known, None)
    if executor is None:
        executor = {"source": event.source, "startedAt": None, "finishedAt": None, "result": None}
        task["executors"].append(executor)
    if isinstance(event, e.TaskStartReported):
        executor["startedAt"] = executor["startedAt"] or instant(event.at)
        return
    executor |= {"finishedAt": instant(event.at), "result": event.result.value}
    evaluation = event.data.get("evaluation")
    if event.task == "evaluation" and isinstance(evaluation, FrozenMap):
        result, score = evaluation.get("result"), evaluation.get("score")
        document["stages"][event.subject.stage]["evaluation"] = {
            "result": result if isinstance(result, str) else event.result.value,
            "score": score if isinstance(score, int | float) else None,
        }


# ---------------------------------------------------------------- the context


def _stage() -> Document:
    return {"image": "", "latest": None, "failed": None, "evaluation": None}


def _tell_pause(document: Document, event: e.ContextPaused) -> None:
    scope = {"stage": event.subject.stage or None, **_by(event, event.control)}
    document["paused"].append(scope)
    _note(document, "pause", event, event.control)


def _tell_resume(document: Document, event: e.ContextResumed) -> None:
    stage = event.subject.stage
    document["paused"] = [
        scope for scope in document["paused"] if stage and scope["stage"] != stage
    ]
    if event.cause is e.Cause.ENDED:
        document["resumed"] = None
        return
    if not stage or document["resumed"] != {"stage": None}:  # else the wider one says it already
        document["resumed"] = {"stage": stage or None}
    _note(document, "resume", event, event.control)


def _settle(document: Document, event: e.Event) -> None:
    """Take back "resumed" once a task in its scope is over, or abandoned (R32)."""
    resumed = document["resumed"]
    if resumed is not None and resumed["stage"] in {None, event.subject.stage}:
        document["resumed"] = None


def _note(
    document: Document, kind: str, event: e.Event, control: Control, sequence: str | None = None
) -> None:
    """Keep who controlled the context, in the order in which it happened."""
    stage = event.subject.stage or None
    about = {"kind": kind, "stage": stage, "sequence": sequence, **_by(event, control)}
    document["controls"].append(about)
    del document["controls"][:-MOST_CONTROLS]


def _by(event: e.Event, control: Control) -> Document:
    return {"at": instant(event.at), "actor": control.actor, "reason": control.reason}


def _text_at(data: object, *path: str) -> str:
    """Return the text at a path in a payload; empty if there is none."""
    for key in path:
        data = data.get(key) if isinstance(data, FrozenMap) else None
    return data if isinstance(data, str) else ""
