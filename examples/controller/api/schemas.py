"""The schemas of the OpenAPI document: what the bodies of requests and answers look like.

Bounds and words come from the routes and the library, which check them. The body of a command is
closed: a field that is not described is refused. Answers are open: more fields may come.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from examples.controller.api.projects import GIT
from examples.controller.api.reading import ID, MAX_LIST, MAX_REASON, MAX_TEXT
from examples.controller.metrics import APPLIED
from examples.controller.storage.deliveries import MOST_CONTROLS, MOST_VOTES
from examples.controller.storage.projects import NAME as PROJECT_NAME
from sequencectl import Phase, RejectedCode, Result, Status, UnchangedCode
from sequencectl.cloudevents import state_word
from sequencectl.events import Cause, DeadlineKind, TaskEnd
from sequencectl.shipyard.definitions import Newcomer, OnExpiry

Document = dict[str, Any]
JSON: Final = "application/json"

# ---------------------------------------------------------------- values


def text(**bounds: Any) -> Document:
    """Return the schema of a text."""
    return {"type": "string", **bounds}


def matching(pattern: re.Pattern[str], **more: Any) -> Document:
    """Return the schema of a text that fits a pattern as a whole."""
    return text(pattern=f"^{pattern.pattern}$", **more)


def words(*given: str | type[Enum]) -> Document:
    """Return the schema of a text that is one of these words, or the value of one of these."""
    parts = ([one] if isinstance(one, str) else [each.value for each in one] for one in given)
    return text(enum=[word for part in parts for word in part])


def whole(**bounds: int) -> Document:
    """Return the schema of a number that counts something."""
    return {"type": "integer", "minimum": 0, **bounds}


def listed(of: Document, **bounds: int) -> Document:
    """Return the schema of a list."""
    return {"type": "array", "items": of, **bounds}


def ref(name: str) -> Document:
    """Return a reference to a schema of this module."""
    return {"$ref": f"#/components/schemas/{name}"}


def printable(most: int) -> Document:
    """Return the schema of a text for people: neither control characters nor line breaks."""
    return text(maxLength=most, format="printable")


def _or_null(schema: Document) -> Document:
    return {"oneOf": [schema, {"type": "null"}]}


def _may_be_null(schema: Document) -> Document:
    """Return the schema of a text that may be left out, or given as null."""
    return {**schema, "type": ["string", "null"]}


def _object(required: Mapping[str, Document], **optional: Document) -> Document:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def _closed(required: Mapping[str, Document], **optional: Document) -> Document:
    return {**_object(required, **optional), "additionalProperties": False}


def _open(required: Mapping[str, Document], **optional: Document) -> Document:
    return {**_object(required, **optional), "additionalProperties": True}


def _page(name: str, of: str, key: Document | None = None) -> Document:
    return _object({
        name: listed(ref(of)), "totalCount": whole(), "pageSize": whole(minimum=1),
        "nextPageKey": key or text(
            pattern="^[0-9]{0,18}$",
            description="Where the next page begins; empty: this is the last.",
        ),
    })  # fmt: skip


TEXT: Final = text()
FLAG: Final[Document] = {"type": "boolean"}
INSTANT: Final = text(format="date-time")
IDENTITY: Final = matching(ID)
NAME: Final = text(pattern="^[A-Za-z0-9_-]{1,63}$")
"""The name of a stage, a sequence or a task."""
PROJECT: Final = matching(PROJECT_NAME)
SERVICE: Final = printable(MAX_TEXT)
STATES: Final = words(*sorted({state_word(phase) for phase in Phase}))
ACTOR: Final = printable(MAX_TEXT)
_REASON: Final = printable(MAX_REASON)
_ANY: Final[Document] = {"type": "object"}
_PHASE, _RESULT = ref("Phase"), ref("Result")
_SHORT: Final = _may_be_null(text(pattern=f"^({ID.pattern})?$"))
_CONTROL: Final = {
    "actor": _may_be_null({**ACTOR, "description": "Who asks."}),
    "reason": _may_be_null({**_REASON, "description": "Why, in the words of who asks."}),
    "requestId": {
        **_SHORT,
        "description": "The same id makes it the same request: it can be sent again.",
    },
}
_STAGE_OR_ANY: Final = _may_be_null(text(pattern="^[A-Za-z0-9_-]{0,63}$"))
_PARKED_ONE: Final = {**_SHORT, "description": "The sequence, if several are parked."}
_GIT: Final = {name: {"description": "Anything; it is not kept."} for name in GIT}
_CREATED: Final = text(pattern="^[0-9]+$", description="Nanoseconds since 1970, as a text.")
_CALENDAR: Final = _may_be_null(text(
    format="byte",
    description="An iCalendar file (RFC 5545), in base64; empty: the project has no calendar.",
))  # fmt: skip
_SHIPYARD: Final = text(format="byte", description="The YAML of a shipyard, in base64.")

# ---------------------------------------------------------------- deliveries

_LATEST: Final = _object({"id": TEXT, "type": TEXT, "time": INSTANT})
_EXECUTOR: Final = _object({
    "source": IDENTITY, "startedAt": _or_null(INSTANT), "finishedAt": _or_null(INSTANT),
    "result": _or_null(_RESULT),
})  # fmt: skip
_TASK: Final = _object({
    "id": IDENTITY, "name": NAME,
    "index": {**whole(), "description": "The place of the task in its sequence, from 0."},
    "attempt": {**whole(minimum=1), "description": "Which run of the task this is."},
    "attempts": {**whole(minimum=1), "description": "After so many a failure is not retried."},
    "triggeredAt": INSTANT, "finishedAt": _or_null(INSTANT),
    "result": _or_null(words(Result, "abandoned")), "message": TEXT,
    "end": {
        **_or_null(words(TaskEnd)),
        "description": "What came of it: its result counts, another run followed, or it is parked.",
    },
    "skipped": {**_or_null(ref("Skipped")), "description": "Its result is what a person said."},
    "progress": {**listed(ref("Progress")), "description": "What each source has said last."},
    "deadline": _or_null(INSTANT), "executors": listed(ref("TaskExecutor")),
    "timedOut": {**_or_null(TEXT), "description": "Why it ran out of time, in a sentence."},
    "approval": {**_or_null(ref("Approval")), "description": "People decide it, by these votes."},
    "votes": listed(ref("CastVote"), maxItems=MOST_VOTES),
})  # fmt: skip
_SEQUENCE: Final = _object({
    "id": IDENTITY, "name": NAME, "stage": NAME, "service": SERVICE, "phase": _PHASE,
    "result": _or_null(_RESULT), "status": _or_null(ref("Status")), "message": TEXT,
    "priority": {"type": "integer"}, "planned": listed(NAME), "parent": _or_null(IDENTITY),
    "redrives": {**_or_null(IDENTITY), "description": "It goes on where this one failed."},
    "redrivenBy": {**_or_null(IDENTITY), "description": "The last one that redrives it."},
    "carried": {**listed(ref("Carried")), "description": "Tasks that a redrive does not run."},
    "parked": {
        **_or_null(ref("Parked")),
        "description": "The failed task it is parked with, until a person decides.",
    },
    "initiators": listed(ACTOR), "exempted": _or_null(ref("Exempted")),
    "triggeredAt": INSTANT, "startedAt": _or_null(INSTANT), "endedAt": _or_null(INSTANT),
    "dueAt": {**_or_null(INSTANT), "description": "When its next task is triggered."},
    "tasks": listed(ref("Task")), "pauses": listed(ref("Pause"), maxItems=MOST_CONTROLS),
    "abandonedTask": _or_null(TEXT), "supersededBy": _or_null(IDENTITY),
})  # fmt: skip
_STAGE_STATE: Final = _object({
    "name": NAME, "state": words(*STATES["enum"], "succeeded"), "image": TEXT,
    "latestEvent": _or_null(ref("LatestEvent")),
    "latestFailedEvent": _or_null(ref("LatestEvent")),
    "latestEvaluation": _or_null(ref("Evaluation")),
})  # fmt: skip
_STATE: Final[Mapping[str, Document]] = {
    "name": NAME, "project": TEXT, "service": SERVICE, "shkeptncontext": IDENTITY,
    "state": STATES, "time": INSTANT, "problemTitle": TEXT, "stages": listed(ref("StageState")),
    "statusLine": {**TEXT, "description": "The name and how it stands: `delivery paused`."},
    "draining": {**FLAG, "description": "It is being paused or aborted; its task runs still."},
    "live": FLAG,
    "first": {**whole(), "description": "The serial of its first event: the order of the list."},
    "serial": {**whole(), "description": "The serial of its last event: the newer state."},
    "permitted": {
        "type": "object", "additionalProperties": ref("Permitted"),
        "description": "By control, what it would get now; empty if the delivery is over.",
    },
    "paused": listed(ref("PausedScope")), "sequences": listed(ref("Sequence")),
}  # fmt: skip
_EXPLANATION: Final = _object({
    "text": {**TEXT, "description": "All of it, in sentences."}, "phase": _PHASE,
    "since": INSTANT, "ahead": whole(), "aheadIds": listed(IDENTITY),
    "holders": listed(ref("LaneHolder")),
    "waitsFor": {**_or_null(NAME), "description": "The task that an abort waits for."},
    "canForce": FLAG, "deadline": _or_null(INSTANT),
    "deadlineKind": _or_null(words(DeadlineKind)), "waitsUntil": _or_null(INSTANT),
    "drainLine": text(description="What a pause or an abort waits for, in a sentence."),
    "attempt": {**whole(minimum=1), "description": "Which run of its task it is at."},
    "attempts": {**whole(minimum=1), "description": "After so many a failure is not retried."},
    "attemptLine": text(description="The same in a sentence; empty for a first run."),
    "lastFailure": text(description="How the run before failed; empty if none did."),
    "progress": listed(ref("Progress")),
    "parkedLine": text(description="Why it is parked, and what gets it out; empty if it is not."),
    "parkedUntil": _or_null(INSTANT),
    "redrives": _or_null(IDENTITY), "redrivenBy": _or_null(IDENTITY),
    "redriveId": {
        **IDENTITY, "description": "Send it with a redrive: however often, it is done once.",
    },
    "permitted": {
        "type": "object", "additionalProperties": ref("Permitted"),
        "description": "What the controls of this sequence alone would get now.",
    },
    "pause": _or_null(ref("KeptBack")), "freeze": _or_null(ref("Frozen")),
    "exempted": _or_null(_object({"actor": ACTOR, "reason": _REASON})),
    "approval": {
        **_or_null(ref("StandingApproval")), "description": "That it waits for, as it stands.",
    },
})  # fmt: skip

_APPROVAL: Final[Mapping[str, Document]] = {
    "approve": whole(minimum=1), "reject": whole(minimum=1),
    "initiator": {**FLAG, "description": "Whether who triggered it may vote, too."},
    "onExpiry": words(OnExpiry), "newcomer": words(Newcomer),
}  # fmt: skip
_VOTE: Final[Mapping[str, Document]] = {"voter": ACTOR, "result": _RESULT, "message": TEXT}
_STANDING: Final[Mapping[str, Document]] = {
    **_APPROVAL, "votes": listed(ref("Vote")),
    "barred": {**listed(ACTOR), "description": "Who may not vote."},
    "line": text(description="How many votes of how many it has, and whose, in a sentence."),
}  # fmt: skip
_STAGE: Final[Mapping[str, Document]] = {
    "stageName": NAME, "frozen": _or_null(ref("Frozen")), "calendar": _or_null(ref("Window")),
    "waiting": whole(),
    "holders": listed(ref("Holder")),
}  # fmt: skip

# ---------------------------------------------------------------- executors

_MOST: Final = {"maxItems": MAX_LIST}
_OF_EXECUTOR: Final = ("hostname", "integrationversion", "distributorversion", "location")
_IN_CLUSTER: Final = ("namespace", "podname", "deploymentname")
_FILTERS: Final = ("projects", "stages", "services")
_OF_LOG: Final = ("integrationid", "shkeptncontext", "task", "triggeredid", "gitcommitid")

# ---------------------------------------------------------------- the components

SCHEMAS: Final[Mapping[str, Document]] = {
    "Error": _object({"code": whole(minimum=400, maximum=599), "message": TEXT},
                     reason={**words(RejectedCode), "description": "What the library refused."}),
    "Nothing": _closed({}),
    "Health": _object({"status": words("ok")}),
    "Metadata": _object({
        "keptnversion": TEXT, "shipyardversion": TEXT, "keptnlabel": TEXT, "bridgeversion": TEXT,
        "namespace": TEXT, "automaticprovisioning": FLAG, "sequencectlversion": TEXT,
    }),
    "Counters": text(description="Prometheus' text format, version 0.0.4."),
    "Message": {
        **_object({
            "id": text(pattern="^[0-9]{1,18}$"), "event": words("hello", "changed", "reset"),
            "data": text(contentMediaType=JSON, contentSchema=ref("Changes")),
        }),
        "description": "One of the server-sent events of the stream.",
    },
    "Changes": _object(
        {"project": PROJECT, "serial": whole()},
        states=listed(ref("State")), stages=listed(ref("StageStanding")),
    ),
    "OpenApi": _open({"openapi": TEXT, "info": _ANY, "paths": _ANY, "components": _ANY}),
    "Outcome": _object({"outcome": words(APPLIED, UnchangedCode)}),
    "Controlled": _object({
        "outcome": words(APPLIED, UnchangedCode),
        "message": text(description="What it waits for, and until when; empty if for nothing."),
    }),
    "OneControlled": _object({
        "outcome": words(APPLIED, UnchangedCode),
        "message": text(description="How the sequence stands then, and why, in sentences."),
        "sequenceId": {**IDENTITY, "description": "The sequence; of a redrive, the new one."},
    }),
    # events
    "CloudEvent": _open(
        {
            "specversion": words("1.0"), "source": text(minLength=1),
            "type": {**text(minLength=1), "description": "`sh.keptn.event.<stage>.<sequence>"
                     ".triggered`, or `sh.keptn.event.<task>.started|finished`"},
        },
        id={**_SHORT, "description": "One is made if there is none."},
        time=INSTANT, datacontenttype=TEXT, shkeptncontext=IDENTITY, shkeptnspecversion=TEXT,
        triggeredid=IDENTITY, gitcommitid=SERVICE, data=ref("CloudEventData"),
        actor={**_may_be_null(ACTOR), "description": "Who triggers, or votes; else nobody."},
    ),
    "CloudEventData": _open(
        {"project": PROJECT}, stage=NAME, service=SERVICE, message=TEXT,
        labels=_or_null({**_ANY, "additionalProperties": True}),
        result=_RESULT, status=ref("Status"),
    ),
    "EventTaken": _object({
        "keptnContext": TEXT, "outcome": words(APPLIED, UnchangedCode, "ignored"),
    }),
    "Event": _object(
        {
            "specversion": words("1.0"), "id": TEXT, "source": TEXT, "type": TEXT,
            "time": INSTANT, "datacontenttype": TEXT, "shkeptncontext": TEXT,
            "shkeptnspecversion": TEXT, "data": ref("EventData"),
        },
        triggeredid=TEXT, gitcommitid=TEXT, abandonedtask=TEXT, actor=TEXT,
    ),
    "EventData": _open({"project": TEXT, "stage": TEXT, "service": TEXT}),
    "Events": _page("events", "Event"),
    # projects
    "NewProject": _closed(
        {"name": PROJECT, "shipyard": _SHIPYARD}, calendar=_CALENDAR, **_GIT
    ),
    "ChangedProject": _closed(
        {"name": PROJECT}, shipyard=_may_be_null(_SHIPYARD), calendar=_CALENDAR, **_GIT
    ),
    "Project": _object({
        "projectName": PROJECT, "creationDate": _CREATED, "shipyard": TEXT,
        "shipyardVersion": TEXT, "stages": listed(ref("Stage")),
        "calendar": {**TEXT, "description": "The iCalendar file; empty if there is none."},
    }),
    "Projects": _page("projects", "Project"),
    "Stage": _object({**_STAGE, "services": listed(ref("Service"))}),
    "StageStanding": _object(_STAGE),
    "Stages": _page("stages", "Stage"),
    "Holder": _object({
        "sequenceId": IDENTITY, "keptnContext": IDENTITY, "name": NAME, "service": SERVICE,
        "phase": _PHASE,
    }),
    "StageControl": _closed(
        {"state": words("freeze", "unfreeze")}, **_CONTROL, until={
            "anyOf": [INSTANT, {"type": ["string", "null"], "maxLength": 0}],
            "description": "When a freeze ends by itself, with its zone; else it does not.",
        },
    ),
    "Frozen": {
        **_object({
            "actor": ACTOR, "reason": _REASON, "since": INSTANT, "until": _or_null(INSTANT),
            "cause": words(Cause.REQUESTED.value, Cause.CALENDAR.value),
            "window": {**SERVICE, "description": "What the calendar calls the time."},
        }),
        "description": "By whom or by what a stage is frozen, since when and until when.",
    },
    "Window": {
        **_object({"open": FLAG, "until": _or_null(INSTANT), "name": SERVICE}),
        "description": "What the calendar says of a stage now, and how long it says so.",
    },
    "NewService": _closed({"serviceName": {**SERVICE, "minLength": 1}}),
    "Service": _object({
        "serviceName": SERVICE, "creationDate": _CREATED,
        "openApprovals": listed(ref("OpenApproval")),
    }),
    "OpenApproval": _object({"eventId": IDENTITY, "keptnContext": IDENTITY, "time": INSTANT}),
    "Services": _page("services", "Service"),
    "NewEvaluation": _closed(
        {}, start=_may_be_null(TEXT), end=_may_be_null(TEXT), timeframe=_may_be_null(TEXT),
        gitcommitid=_may_be_null(SERVICE),
        labels={"type": ["object", "null"], "additionalProperties": TEXT},
    ),
    # executors
    "Made": _object({"id": IDENTITY}),
    "NewRegistration": _open(
        {"name": IDENTITY}, metadata=_or_null(_open(
            {}, **dict.fromkeys(_OF_EXECUTOR, _SHORT),
            kubernetesmetadata=_or_null(_open({}, **dict.fromkeys(_IN_CLUSTER, _SHORT))),
        )),
        subscriptions=_or_null(listed(ref("NewSubscription"), **_MOST)),
    ),
    "Registration": _object({
        "id": IDENTITY, "name": IDENTITY, "metadata": ref("RegistrationMetadata"),
        "subscriptions": listed(ref("Subscription")),
    }),
    "RegistrationMetadata": _object({
        **dict.fromkeys(_OF_EXECUTOR, TEXT), "kubernetesmetadata": ref("InCluster"),
        "lastseen": INSTANT,
    }),
    "InCluster": _object(dict.fromkeys(_IN_CLUSTER, TEXT)),
    "Registrations": listed(ref("Registration")),
    "NewSubscription": _open(
        {"event": IDENTITY},
        filter=_or_null(_open({}, **dict.fromkeys(_FILTERS, _or_null(listed(_SHORT, **_MOST))))),
    ),
    "Subscription": _object({
        "id": IDENTITY, "event": TEXT, "filter": ref("SubscriptionFilter"),
    }),
    "SubscriptionFilter": _object(dict.fromkeys(_FILTERS, listed(TEXT))),
    "Subscriptions": listed(ref("Subscription")),
    "NewLog": _open({}, logs=_or_null(listed(_or_null(ref("NewLogEntry")), **_MOST))),
    "NewLogEntry": _open(
        {}, **dict.fromkeys(_OF_LOG, _SHORT), message=_may_be_null(TEXT),
        time={"anyOf": [INSTANT, {"type": ["string", "null"], "maxLength": 0}]},
    ),
    "LogEntry": _object({**dict.fromkeys(_OF_LOG, TEXT), "message": TEXT, "time": INSTANT}),
    "Log": _page("logs", "LogEntry", key=whole()),
    # deliveries
    "State": _object(_STATE),
    "States": _page("states", "State", key=whole()),
    "Detail": _object({
        **_STATE, "controls": listed(ref("ControlNote"), maxItems=MOST_CONTROLS),
        "logs": listed(ref("LogEntry")),
        "explanations": {"type": "object", "additionalProperties": ref("Explanation")},
    }),
    "Control": _closed(
        {"state": words("pause", "resume", "abort")},
        stage=_STAGE_OR_ANY,
        force={**FLAG, "description": "Of an abort: do not wait for the task in flight."},
        sequenceId={**_CONTROL["requestId"], "description": "Of an abort: this sequence alone."},
        **_CONTROL,
    ),
    "NewVote": _closed(
        {"result": {**_RESULT, "description": "`pass` and `warning` approve, `fail` rejects."}},
        taskId={**_SHORT, "description": "The approval, if several are open."},
        stage=_STAGE_OR_ANY, **_CONTROL,
    ),
    "Voted": _object({
        "outcome": words(APPLIED, UnchangedCode), "taskId": IDENTITY,
        "message": text(description="How many votes there are then, or what was decided."),
    }),
    "Exemption": _closed(
        {}, sequenceId={**_SHORT, "description": "The sequence, if several stand in line."},
        stage=_STAGE_OR_ANY, **_CONTROL,
    ),
    "NewAttempt": _closed({}, sequenceId=_PARKED_ONE, stage=_STAGE_OR_ANY, **_CONTROL),
    "Skip": _closed(
        {"result": {**_RESULT, "description": "What its failed task counts as; `fail` ends it."}},
        sequenceId=_PARKED_ONE, stage=_STAGE_OR_ANY, **_CONTROL,
    ),
    "NewRedrive": _closed(
        {}, sequenceId={**_SHORT, "description": "The sequence, if several have failed."},
        stage=_STAGE_OR_ANY, actor=_CONTROL["actor"],
        startAt={
            **_STAGE_OR_ANY,
            "description": "The task to begin with; by default the one that failed.",
        },
        redriveId={
            **_SHORT,
            "description": "What the explanation says; the same id makes it the same request.",
        },
    ),
    "Approval": _object(_APPROVAL),
    "StandingApproval": _object(_STANDING),
    "Vote": _object(_VOTE),
    "CastVote": _object({**_VOTE, "at": INSTANT}),
    "Exempted": _object({"at": INSTANT, "actor": ACTOR, "reason": _REASON}),
    "WaitingApproval": _object({
        "taskId": IDENTITY, "task": NAME, "keptnContext": IDENTITY, "sequenceId": IDENTITY,
        "sequence": NAME, "stage": NAME, "service": SERVICE, "since": INSTANT,
        "deadline": _or_null(INSTANT), "deadlineKind": _or_null(words(DeadlineKind)), **_STANDING,
        "vote": {**ref("Permitted"), "description": "What a vote of who asks would get."},
    }),
    "Approvals": _page("approvals", "WaitingApproval"),
    "Permitted": _object({
        "outcome": words(APPLIED, "unchanged", "rejected"),
        "code": _or_null(words(UnchangedCode, RejectedCode)), "message": TEXT,
    }),
    "Sequence": _SEQUENCE,
    "Phase": words(Phase),
    "Result": words(Result),
    "Status": words(Status),
    "Task": _TASK,
    "TaskExecutor": _EXECUTOR,
    "Skipped": _object({"at": INSTANT, "actor": ACTOR, "reason": _REASON}),
    "Progress": _object({
        "source": IDENTITY, "percent": _or_null(whole(maximum=100)), "message": TEXT, "at": INSTANT,
    }),
    "Parked": _object({
        "taskId": IDENTITY, "task": NAME, "at": INSTANT,
        "until": {**_or_null(INSTANT), "description": "Then it ends as it would have at once."},
        "message": {**TEXT, "description": "Why, in a sentence."},
    }),
    "Carried": _object({
        "name": NAME,
        "result": {**_or_null(_RESULT), "description": "What the old one had for it, if anything."},
    }),
    "Pause": _object({"from": INSTANT, "to": _or_null(INSTANT)}),
    "PausedScope": _object({
        "stage": _or_null(NAME), "at": INSTANT, "actor": ACTOR, "reason": _REASON,
    }),
    "StageState": _STAGE_STATE,
    "LatestEvent": _LATEST,
    "Evaluation": _object({"result": TEXT, "score": _or_null({"type": "number"})}),
    "ControlNote": _object({
        "kind": words(
            "pause", "resume", "abort", "force", "exempt", "retry", "skip"
        ), "stage": _or_null(NAME),
        "sequence": _or_null(IDENTITY), "at": INSTANT, "actor": ACTOR, "reason": _REASON,
    }),
    "Explanation": _EXPLANATION,
    "LaneHolder": _object({"sequenceId": IDENTITY, "phase": _PHASE}),
    "KeptBack": {
        **_object({"actor": ACTOR, "reason": _REASON, "since": INSTANT}),
        "description": "By whom and since when a delivery is paused.",
    },
}  # fmt: skip
"""By name, what bodies and their parts look like."""
