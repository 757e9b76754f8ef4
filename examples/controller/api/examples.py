"""What bodies look like, by example: one delivery of a small shop, told by every route.

Each fits its schema (a test sees to that); a reader sees what to send.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

Document = dict[str, Any]

_BEGUN, _LATER = "2026-03-02T09:30:00.000Z", "2026-03-02T09:31:12.250Z"
_SHIPYARD: Final = """\
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: dev
      sequences: [{name: delivery, tasks: [{name: deployment}, {name: test}]}]
"""
_CALENDAR: Final = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Sock Shop//Windows//EN
BEGIN:VEVENT
UID:weekends
SUMMARY:weekend
DTSTART;TZID=Europe/Berlin:20260306T180000
DTEND;TZID=Europe/Berlin:20260309T060000
RRULE:FREQ=WEEKLY
END:VEVENT
END:VCALENDAR
"""
_SCOPE: Final = {"project": "sockshop", "stage": "dev", "service": "carts"}
_BY: Final = {"actor": "ada", "reason": "the weekend begins"}
_APPLIED: Final = {"outcome": "applied", "code": None, "message": ""}
_EVENT: Final = {
    "specversion": "1.0",
    "id": "5e0f",
    "source": "sequencectl-controller",
    "type": "sh.keptn.event.deployment.triggered",
    "time": _BEGUN,
    "datacontenttype": "application/json",
    "shkeptncontext": "c1",
    "shkeptnspecversion": "0.2.4",
    "data": {**_SCOPE, "deployment": {"deploymentstrategy": "direct"}},
}
_LATEST: Final = {key: _EVENT[key] for key in ("id", "type", "time")}
_CREATED: Final = "1772443800000000000"
_OPEN_APPROVAL: Final = {"eventId": "a77e", "keptnContext": "c0", "time": _BEGUN}
_SERVICE: Final = {
    "serviceName": "carts",
    "creationDate": _CREATED,
    "openApprovals": [_OPEN_APPROVAL],
}
_FROZEN: Final = {
    **_BY,
    "since": _LATER,
    "until": "2026-03-04T06:00:00.000Z",
    "cause": "requested",
    "window": "",
}
_STAGE: Final = {
    "stageName": "dev",
    "services": [_SERVICE],
    "frozen": _FROZEN,
    "calendar": {"open": True, "until": "2026-03-06T17:00:00.000Z", "name": ""},
    "waiting": 0,
    "holders": [
        {
            "sequenceId": "c1",
            "keptnContext": "c1",
            "name": "delivery",
            "service": "carts",
            "phase": "pausing",
        }
    ],
}
_PROJECT: Final = {
    "projectName": "sockshop",
    "creationDate": _CREATED,
    "shipyard": _SHIPYARD,
    "shipyardVersion": "spec.keptn.sh/0.2.3",
    "calendar": _CALENDAR,
    "stages": [_STAGE],
}
_TASK: Final = {
    "id": "5e0f",
    "name": "deployment",
    "index": 0,
    "attempt": 2,
    "attempts": 3,
    "triggeredAt": _BEGUN,
    "finishedAt": None,
    "result": None,
    "message": "",
    "end": None,
    "skipped": None,
    "progress": [{"source": "helm-service", "percent": 40, "message": "2 of 5 pods", "at": _LATER}],
    "deadline": "2026-03-02T09:32:00.000Z",
    "executors": [
        {"source": "helm-service", "startedAt": _BEGUN, "finishedAt": None, "result": None}
    ],
    "approval": None,
    "votes": [],
    "timedOut": None,
}
_SEQUENCE: Final = {
    "id": "c1",
    "name": "delivery",
    "stage": "dev",
    "service": "carts",
    "phase": "pausing",
    "result": None,
    "status": None,
    "message": "",
    "priority": 0,
    "planned": ["deployment", "test"],
    "parent": None,
    "redrives": None,
    "redrivenBy": None,
    "carried": [],
    "parked": None,
    "initiators": ["ada"],
    "exempted": None,
    "triggeredAt": _BEGUN,
    "startedAt": _BEGUN,
    "endedAt": None,
    "dueAt": None,
    "tasks": [_TASK],
    "pauses": [{"from": _LATER, "to": None}],
    "abandonedTask": None,
    "supersededBy": None,
}
_PERMITTED: Final = {
    "pause": {"outcome": "unchanged", "code": "already_paused", "message": ""},
    "resume": _APPLIED,
    "abort": _APPLIED,
    "force": _APPLIED,
    "exempt": {"outcome": "unchanged", "code": "already_started", "message": ""},
    "retry": {"outcome": "unchanged", "code": "not_parked", "message": ""},
    "skip": {"outcome": "unchanged", "code": "not_parked", "message": ""},
    "redrive": {
        "outcome": "rejected",
        "code": "not_ended",
        "message": "Sequence c1 is live: only what has ended can be redriven.",
    },
}
_STATE: Final = {
    "name": "delivery",
    "project": "sockshop",
    "service": "carts",
    "shkeptncontext": "c1",
    "state": "paused",
    "time": _BEGUN,
    "problemTitle": "",
    "stages": [
        {
            "name": "dev",
            "state": "paused",
            "image": "docker.io/shop/carts:1.2",
            "latestEvent": _LATEST,
            "latestFailedEvent": None,
            "latestEvaluation": {"result": "pass", "score": 100},
        }
    ],
    "statusLine": "delivery paused",
    "draining": True,
    "live": True,
    "first": 1,
    "serial": 7,
    "permitted": _PERMITTED,
    "paused": [{**_BY, "stage": None, "at": _LATER}],
    "sequences": [_SEQUENCE],
}
_EXPLANATION: Final = {
    "text": "delivery of carts in dev is pausing since 09:31, until its task deployment is over.",
    "phase": "pausing",
    "since": _LATER,
    "ahead": 0,
    "aheadIds": [],
    "holders": [{"sequenceId": "c1", "phase": "pausing"}],
    "waitsFor": None,
    "canForce": True,
    "deadline": _TASK["deadline"],
    "deadlineKind": "reaction",
    "waitsUntil": None,
    "drainLine": "The pause waits for task deployment.",
    "attempt": 2,
    "attempts": 3,
    "attemptLine": "Task deployment is in attempt 2 of 3; the one before failed: no such chart.",
    "lastFailure": "failed: no such chart",
    "progress": _TASK["progress"],
    "parkedLine": "",
    "parkedUntil": None,
    "redrives": None,
    "redrivenBy": None,
    "redriveId": "7d1e",
    "permitted": {name: _PERMITTED[name] for name in ("exempt", "retry", "skip", "redrive")},
    "pause": {**_BY, "since": _LATER},
    "freeze": None,
    "exempted": None,
    "approval": None,
}
_APPROVAL: Final = {
    "taskId": _OPEN_APPROVAL["eventId"],
    "task": "approval",
    "keptnContext": "c0",
    "sequenceId": "c0",
    "sequence": "delivery",
    "stage": "prod",
    "service": "carts",
    "since": _BEGUN,
    "deadline": "2026-03-03T09:30:00.000Z",
    "deadlineKind": "completion",
    "approve": 2,
    "reject": 1,
    "initiator": False,
    "onExpiry": "time_out",
    "newcomer": "wait",
    "votes": [{"voter": "bob", "result": "pass", "message": "tested on staging"}],
    "barred": ["ada"],
    "line": "Task approval has 1 of 2 approving votes (by bob); ada may not vote.",
    "vote": _APPLIED,
}
_NOTE: Final = {**_BY, "kind": "pause", "stage": None, "sequence": None, "at": _LATER}

_WANTED: Final = {
    "event": _EVENT["type"],
    "filter": {"projects": ["sockshop"], "stages": [], "services": []},
}
_SUBSCRIPTION: Final = {**_WANTED, "id": "9c27"}
_REGISTRATION: Final = {
    "id": "f3a1",
    "name": "helm-service",
    "metadata": {
        "hostname": "node-1",
        "integrationversion": "0.18.1",
        "distributorversion": "",
        "location": "control-plane",
        "kubernetesmetadata": {
            "namespace": "keptn",
            "podname": "helm-service-0",
            "deploymentname": "helm-service",
        },
        "lastseen": _LATER,
    },
    "subscriptions": [_SUBSCRIPTION],
}
_ENTRY: Final = {
    "integrationid": "f3a1",
    "message": "no such chart",
    "shkeptncontext": "c1",
    "task": "deployment",
    "triggeredid": "5e0f",
    "gitcommitid": "",
    "time": _LATER,
}


def _page(name: str, entry: Document) -> Document:
    return {name: [entry], "totalCount": 1, "pageSize": 10, "nextPageKey": ""}


EXAMPLES: Final[Mapping[str, Any]] = {
    "Nothing": {},
    "Health": {"status": "ok"},
    "Metadata": {
        "keptnversion": "1.4.5", "shipyardversion": "0.2.0", "keptnlabel": "sequencectl",
        "bridgeversion": "", "namespace": "", "automaticprovisioning": True,
        "sequencectlversion": "0.1.0",
    },
    "Counters": "# HELP sequencectl_streams Clients that follow the stream.\n",
    "Message": {"id": "7", "event": "hello", "data": '{"project":"sockshop","serial":7}'},
    "OpenApi": {"openapi": "3.1.0", "info": {}, "paths": {}, "components": {}},
    "Outcome": {"outcome": "applied"},
    "Controlled": {"outcome": "applied", "message": "The pause waits for task deployment."},
    "CloudEvent": {
        "specversion": "1.0", "source": "keptn-cli",
        "type": "sh.keptn.event.dev.delivery.triggered", "id": "c2", "shkeptncontext": "c2",
        "actor": "ada",
        "data": {**_SCOPE, "configurationChange": {"values": {"image": "shop/carts:1.3"}}},
    },
    "EventTaken": {"keptnContext": "c2", "outcome": "applied"},
    "Events": _page("events", _EVENT),
    "NewProject": {
        "name": "sockshop", "shipyard": base64.b64encode(_SHIPYARD.encode()).decode(),
    },
    "ChangedProject": {
        "name": "sockshop", "shipyard": None,
        "calendar": base64.b64encode(_CALENDAR.encode()).decode(),
    },
    "Project": _PROJECT,
    "Projects": _page("projects", _PROJECT),
    "Stage": _STAGE,
    "Stages": _page("stages", _STAGE),
    "StageControl": {"state": "freeze", "until": _FROZEN["until"], **_BY},
    "Approvals": _page("approvals", _APPROVAL),
    "NewVote": {"result": "pass", "taskId": "a77e", "actor": "eve", "requestId": "r2"},
    "Voted": {
        "outcome": "applied", "taskId": "a77e",
        "message": "Task approval is over with result pass.",
    },
    "Exemption": {"stage": "prod", "actor": "eve", "reason": "a hotfix"},
    "OneControlled": {
        "outcome": "applied",
        "message": "delivery of carts in stage dev is running since 09:31, in task deployment.",
        "sequenceId": "c1",
    },
    "NewAttempt": {"actor": "eve", "reason": "the registry is back", "requestId": "r3"},
    "Skip": {"result": "warning", "actor": "eve", "reason": "tested by hand"},
    "NewRedrive": {"sequenceId": "c1", "startAt": "deployment", "redriveId": "7d1e"},
    "NewService": {"serviceName": "orders"},
    "Service": _SERVICE,
    "Services": _page("services", _SERVICE),
    "NewEvaluation": {"timeframe": "5m", "labels": {"build": "17"}},
    "Made": {"id": "f3a1"},
    "NewRegistration": {"name": "helm-service", "subscriptions": [_WANTED]},
    "Registration": _REGISTRATION,
    "Registrations": [_REGISTRATION],
    "NewSubscription": _WANTED,
    "Subscription": _SUBSCRIPTION,
    "Subscriptions": [_SUBSCRIPTION],
    "NewLog": {"logs": [{"message": "no such chart", "shkeptncontext": "c1"}]},
    "Log": {**_page("logs", _ENTRY), "nextPageKey": 0},
    "States": {**_page("states", _STATE), "nextPageKey": 0},
    "Control": {"state": "pause", "stage": "dev", "requestId": "r1", **_BY},
    "Detail": {
        **_STATE, "controls": [_NOTE], "logs": [_ENTRY], "explanations": {"c1": _EXPLANATION},
    },
}  # fmt: skip
"""By the name of its schema, a body."""
