"""What the routes answer, written from Keptn's: request, status and the shape of the body."""

from __future__ import annotations

import base64
import re
from typing import Any

import attrs
import pytest

from tests.e2e.controller.process import SHIPYARD, Client, Controller
from tests.examples.controller.api.described import Described

SHIPYARD_64 = base64.b64encode(SHIPYARD.encode()).decode()
CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tests//EN\r\nEND:VCALENDAR\r\n"
CALENDAR_64 = base64.b64encode(CALENDAR.encode()).decode()
PAGE = {"totalCount": int, "pageSize": int, "nextPageKey": ""}
ERROR = {"code": int, "message": str}
STAGE = {"stageName": str, "services": list, "frozen": (dict, type(None)), "waiting": int}
NANOSECONDS = re.compile("[0-9]{13}000000")
PROJECT = {
    "projectName": str, "creationDate": NANOSECONDS, "shipyard": str,
    "shipyardVersion": "spec.keptn.sh/0.2.2", "calendar": str, "stages": list,
}  # fmt: skip
SERVICE = {"serviceName": str, "creationDate": NANOSECONDS, "openApprovals": []}
STATE = {
    "name": str, "project": str, "service": str, "shkeptncontext": str, "state": str,
    "time": str, "problemTitle": str, "stages": list, "statusLine": str, "sequences": list,
    "permitted": dict,
}  # fmt: skip
APPLIED = {"outcome": "applied", "code": None, "message": ""}
PERMITTED = {
    "pause": APPLIED, "abort": APPLIED, "force": APPLIED,
    "resume": {"outcome": "unchanged", "code": "not_paused", "message": ""},
    "exempt": {"outcome": "unchanged", "code": "already_started", "message": ""},
    "retry": {"outcome": "unchanged", "code": "not_parked", "message": ""},
    "skip": {"outcome": "unchanged", "code": "not_parked", "message": ""},
    "redrive": {"outcome": "rejected", "code": "not_ended", "message": str},
}  # fmt: skip
ABORTING = {
    "pause": {"outcome": "rejected", "code": "aborting", "message": str},
    "abort": {"outcome": "unchanged", "code": "already_aborting", "message": ""},
    "force": APPLIED,
    "exempt": {"outcome": "unchanged", "code": "already_started", "message": ""},
}
DRAINS = re.compile(
    "The abort waits for task deployment until .*; if executors take it by then, until .* at most; "
    "force ends it at once."
)
EVENT = {"specversion": str, "id": str, "source": str, "type": str, "shkeptncontext": str}
NO_EVENTS = {"events": [], "totalCount": 0, "pageSize": int, "nextPageKey": ""}
LATEST = {"id": str, "type": str, "time": str}


@attrs.frozen
class Row:
    """A request, and what it must be answered with."""

    method: str
    path: str
    status: int
    shape: Any
    body: Any = None

    def __str__(self) -> str:
        body = "" if self.body is None else f" {str(self.body)[:60]}"
        return f"{self.method} {self.path}{body} is {self.status}"


NEW = {"name": "other", "shipyard": SHIPYARD_64}
GIT: dict[str, Any] = {
    "gitCredentials": {
        "remoteURL": "https://example.invalid/x.git", "user": "me",
        "https": {"token": "secret", "insecureSkipTLS": False},
    }
}  # fmt: skip
TRIGGERED = "/v1/event/triggered/sh.keptn.event.deployment.triggered"
EVALUATION = "/v1/project/sockshop/stage/dev/service/carts/evaluation"
EVENTS = "/mongodb-datastore/event"
CONTROL = "/v1/sequence/sockshop/c1/control"
FREEZE = "/v1/project/sockshop/stage/dev/control"
REGISTRATION, HELM = "/v1/uniform/registration", {"name": "helm-service"}
TRIGGER: dict[str, Any] = {
    "specversion": "1.0", "source": "keptn-cli", "type": "sh.keptn.event.dev.delivery.triggered",
    "data": {"project": "sockshop", "stage": "dev", "service": "carts"},
}  # fmt: skip
FINISH = {**TRIGGER, "type": "sh.keptn.event.test.finished", "triggeredid": "none"}
GATED = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: gated}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks: [{name: approval, approval: {approve: 2, initiator: false}}]
"""
GATED_64 = base64.b64encode(GATED.encode()).decode()
GATED_TRIGGER: dict[str, Any] = {
    **TRIGGER, "data": {"project": "gated", "stage": "dev", "service": "carts"},
}  # fmt: skip
APPROVALS, VOTE = "/v1/project/gated/approval", "/v1/sequence/gated/g1/vote"
EXEMPT = "/v1/sequence/gated/g2/exempt"
RETRY, SKIP, REDRIVE = (f"/v1/sequence/fragile/f1/{word}" for word in ("retry", "skip", "redrive"))
FRAGILE_TRIGGER: dict[str, Any] = {
    **TRIGGER, "id": "f1", "shkeptncontext": "f1",
    "data": {"project": "fragile", "stage": "dev", "service": "carts"},
}  # fmt: skip
APPROVAL = {
    "taskId": str, "task": "approval", "keptnContext": "g1", "sequenceId": "g1", "stage": "dev",
    "sequence": "delivery", "service": "carts", "since": str, "deadline": str, "approve": 2,
    "reject": 1, "initiator": False, "onExpiry": "time_out", "newcomer": "wait",
    "barred": ["ada"], "deadlineKind": "completion", "line": str,
}  # fmt: skip
FROZEN = {
    "actor": "", "reason": "release", "since": str, "until": "2900-12-24T17:00:00.000Z",
    "cause": "requested", "window": "",
}  # fmt: skip
CONTRACT = [
    Row("GET", "/healthz", 200, {"status": str}),
    Row("POST", "/v1/auth", 200, {}),
    Row("GET", "/v1/metadata", 200,
        {"keptnversion": "1.4.5", "automaticprovisioning": True, "shipyardversion": "0.2.0",
         "sequencectlversion": str}),
    Row("GET", "/openapi.json", 200, {"openapi": str, "paths": dict}),
    # projects
    Row("POST", "/v1/project", 200, {}, NEW),
    Row("POST", "/v1/project", 409, ERROR, NEW),
    Row("POST", "/v1/project", 400, ERROR, {**NEW, "name": "../x"}),
    Row("POST", "/v1/project", 400, ERROR, {**NEW, "name": "third", "shipyard": "no base64"}),
    Row("POST", "/v1/project", 400, ERROR, {"name": "third", "shipyard": "c3BlYzogMQ=="}),
    Row("POST", "/v1/project", 400, ERROR, {"name": "third"}),
    Row("POST", "/v1/project", 400, ERROR, {**NEW, "name": 1}),
    Row("POST", "/v1/project", 400, ERROR, {**NEW, "unheard": "of"}),
    Row("POST", "/v1/project", 400, ERROR, []),
    Row("PUT", "/v1/project", 200, {}, NEW),
    Row("PUT", "/v1/project", 200, {}, {"name": "other", "shipyard": None, **GIT}),
    Row("PUT", "/v1/project", 200, {}, {"name": "other"}),
    Row("PUT", "/v1/project", 404, ERROR, {**NEW, "name": "nobody"}),
    Row("PUT", "/v1/project", 404, ERROR, {"name": "nobody", "shipyard": None}),
    Row("PUT", "/v1/project", 400, ERROR, {"name": "other", "shipyard": 1}),
    Row("PUT", "/v1/project", 400, ERROR, {"name": "other", "shipyard": "c3BlYzogMQ=="}),
    Row("PUT", "/v1/project", 200, {}, {"name": "other", "calendar": CALENDAR_64}),
    Row("PUT", "/v1/project", 200, {}, {"name": "other", "calendar": None}),
    Row("PUT", "/v1/project", 400, {"message": re.compile("calendar: line 1: must be a line .*")},
        {"name": "other", "calendar": "c3BlYw=="}),
    Row("PUT", "/v1/project", 400, ERROR, {"name": "other", "calendar": "no base64"}),
    Row("POST", "/v1/project", 400, ERROR, {**NEW, "name": "third", "calendar": "c3BlYw=="}),
    Row("PUT", "/v1/project", 404, ERROR, {"name": "nobody", "calendar": ""}),
    Row("GET", "/v1/project", 200, {"projects": [PROJECT], **PAGE}),
    Row("GET", "/v1/project?pageSize=1", 200,
        {"totalCount": 2, "pageSize": 1, "nextPageKey": "1"}),
    Row("GET", "/v1/project?pageSize=1&nextPageKey=1", 200, PAGE),
    Row("GET", "/v1/project/other", 200, {**PROJECT, "calendar": CALENDAR}),
    Row("GET", "/v1/project/nobody", 404, ERROR),
    Row("DELETE", "/v1/project/other", 200, {}),
    Row("DELETE", "/v1/project/other", 404, ERROR),
    # stages and services
    Row("GET", "/v1/project/sockshop/stage", 200, {"stages": [STAGE], **PAGE}),
    Row("GET", "/v1/project/sockshop/stage?pageSize=1", 200, {"nextPageKey": "1"}),
    Row("GET", "/v1/project/sockshop/stage/dev", 200, STAGE),
    Row("GET", "/v1/project/sockshop/stage/nowhere", 404, ERROR),
    Row("POST", "/v1/project/sockshop/service", 200, {}, {"serviceName": "carts"}),
    Row("POST", "/v1/project/sockshop/service", 409, ERROR, {"serviceName": "carts"}),
    Row("POST", "/v1/project/sockshop/service", 400, ERROR, {"serviceName": ""}),
    Row("POST", "/v1/project/nobody/service", 404, ERROR, {"serviceName": "carts"}),
    Row("GET", "/v1/project/sockshop/stage/dev/service", 200,
        {"services": [SERVICE], **PAGE}),
    Row("GET", "/v1/project/sockshop/stage/dev/service/carts", 200, SERVICE),
    Row("GET", "/v1/project/sockshop/stage/dev/service/nothing", 404, ERROR),
    Row("POST", FREEZE, 200, {"outcome": "applied"}, {"state": "freeze", "reason": "release"}),
    Row("POST", FREEZE, 200, {"outcome": "already_frozen"}, {"state": "freeze"}),
    Row("POST", FREEZE, 200, {"outcome": "applied"}, {"state": "unfreeze"}),
    Row("POST", FREEZE, 400, ERROR, {"state": "melt"}),
    Row("POST", FREEZE, 200, {"outcome": "applied"},
        {"state": "freeze", "reason": "release", "until": "2900-12-24T18:00:00+01:00"}),
    Row("GET", "/v1/project/sockshop/stage/dev", 200,
        {**STAGE, "frozen": FROZEN, "calendar": None}),
    Row("POST", FREEZE, 400, {**ERROR, "reason": "in_the_past"},
        {"state": "freeze", "until": "2020-12-24T18:00:00Z"}),
    *(Row("POST", FREEZE, 400, ERROR, {"state": "freeze", "until": until})
      for until in ("2026-12-24T18:00:00", "2h", "9000-12-24T18:00:00Z")),
    Row("POST", FREEZE, 400, ERROR, {"state": "unfreeze", "until": "2900-12-24T18:00:00Z"}),
    Row("POST", FREEZE, 200, {"outcome": "applied"}, {"state": "unfreeze"}),
    Row("POST", "/v1/project/sockshop/stage/nowhere/control", 400,
        {**ERROR, "reason": "unknown_stage"}, {"state": "freeze"}),
    # events
    Row("POST", "/v1/event", 200, {"keptnContext": "c1", "outcome": "applied"},
        {**TRIGGER, "id": "c1", "shkeptncontext": "c1"}),
    Row("POST", "/v1/event", 200, {"keptnContext": "c1", "outcome": "duplicate"},
        {**TRIGGER, "id": "c1", "shkeptncontext": "c1"}),
    Row("POST", "/v1/event", 200, {"keptnContext": str, "outcome": "applied"}, TRIGGER),
    Row("POST", "/v1/event", 200, {"keptnContext": str, "outcome": "ignored"},
        {**TRIGGER, "type": "com.example.x"}),
    Row("POST", "/v1/event", 200, {"keptnContext": "c9", "outcome": "ignored"},
        {**TRIGGER, "type": "com.example.x", "shkeptncontext": "c9"}),
    Row("POST", "/v1/event", 200, {"keptnContext": str, "outcome": "unknown_task"},
        {**TRIGGER, "type": "sh.keptn.event.test.started", "triggeredid": "none"}),
    Row("POST", "/v1/event", 400, {"message": re.compile("data.result: must be one of pass, .*")},
        {**FINISH, "data": {**TRIGGER["data"], "result": "failed"}}),
    Row("POST", "/v1/event", 400, {"message": re.compile("data.result: must be one of pass, .*")},
        {**FINISH, "data": {**TRIGGER["data"], "result": "failed", "status": "errored"}}),
    Row("POST", "/v1/event", 400, {"message": re.compile("data.status: must be one of .*'done'")},
        {**FINISH, "data": {**TRIGGER["data"], "result": "pass", "status": "done"}}),
    Row("POST", "/v1/event", 400, ERROR, {**TRIGGER, "specversion": "0.3"}),
    Row("POST", "/v1/event", 400, ERROR, {**TRIGGER, "data": {}}),
    Row("POST", "/v1/event", 404, ERROR, {**TRIGGER, "data": {"project": "nobody"}}),
    Row("POST", "/v1/event", 400, {**ERROR, "reason": "unknown_stage"},
        {**TRIGGER, "type": "sh.keptn.event.nowhere.delivery.triggered"}),
    Row("POST", "/v1/event", 400, {**ERROR, "reason": "id_conflict"},
        {**TRIGGER, "id": "c1", "shkeptncontext": "another"}),
    Row("GET", TRIGGERED, 200, {"events": [EVENT], **PAGE}),
    Row("GET", f"{TRIGGERED}?project=sockshop&service=carts", 200, {"events": [EVENT]}),
    Row("GET", f"{TRIGGERED}?project=nobody", 200, NO_EVENTS),
    Row("GET", f"{TRIGGERED}?project=sockshop&stage=prod", 200, NO_EVENTS),
    Row("GET", f"{TRIGGERED}?service=nothing", 200, NO_EVENTS),
    Row("GET", f"{TRIGGERED}?eventID=unknown", 200, NO_EVENTS),
    Row("GET", "/v1/event/triggered/deployment", 200, NO_EVENTS),
    Row("GET", "/v1/event/triggered/sh.keptn.event.none.triggered", 200, NO_EVENTS),
    Row("GET", "/v1/event/triggered/a%2Fb%20%F0%9F%9A%80", 200, NO_EVENTS),
    Row("GET", f"{EVENTS}?project=sockshop&keptnContext=c1", 200, {"events": [EVENT], **PAGE}),
    Row("GET", f"{EVENTS}?keptnContext=c1&type={TRIGGER['type']}&root=true", 200,
        {"events": [{**EVENT, "id": "c1"}], **PAGE, "totalCount": 1}),
    Row("GET", f"{EVENTS}?project=sockshop&pageSize=1", 200, {"nextPageKey": "1"}),
    Row("GET", f"{EVENTS}?project=sockshop&fromTime=0001-01-01T00:00:00.000Z", 200,
        {"events": [EVENT], **PAGE}),
    Row("GET", f"{EVENTS}?project=sockshop&beforeTime=0001-01-01T00:00:00.000Z", 200, NO_EVENTS),
    Row("GET", f"{EVENTS}?project=sockshop&fromTime=yesterday", 400, ERROR),
    Row("GET", f"{EVENTS}?project=sockshop&fromTime=0001-01-01T00:00:00%2B02:00", 400, ERROR),
    Row("GET", f"{EVENTS}?project=sockshop&eventID=c1", 200, {"totalCount": 1}),
    *(Row("GET", f"{EVENTS}?project=sockshop&{each}=none", 200, NO_EVENTS)
      for each in ("stage", "service", "keptnContext", "eventID", "type", "source")),
    Row("GET", f"{EVENTS}?project=nobody", 200, NO_EVENTS),
    Row("GET", f"{EVENTS}?keptnContext=nobody", 200, NO_EVENTS),
    Row("GET", EVENTS, 400, ERROR),
    Row("GET", "/v1/project/sockshop/history?keptnContext=c1", 200, {"events": [EVENT], **PAGE}),
    Row("GET", "/v1/project/sockshop/history?pageSize=1", 200, {"nextPageKey": "5"}),
    Row("GET", "/v1/project/nobody/history", 404, ERROR),
    # evaluations
    Row("POST", EVALUATION, 200, {"keptnContext": str, "outcome": "applied"},
        {"start": "2022-03-01T08:00:00.000Z", "end": "2022-03-01T08:10:00.000Z",
         "labels": {"build": "1"}, "gitcommitid": "asdf"}),
    Row("POST", EVALUATION, 200, {"keptnContext": str}, {"timeframe": "5m", "labels": None}),
    Row("POST", EVALUATION, 400, ERROR, {"start": "2022-03-01T08:00:00"}),
    Row("POST", EVALUATION, 400, ERROR, {"timeframe": "soon"}),
    Row("POST", EVALUATION, 400, ERROR, {"labels": {"build": 1}}),
    Row("POST", EVALUATION.replace("carts", "nothing"), 404, ERROR, {"timeframe": "5m"}),
    Row("POST", EVALUATION.replace("dev", "nowhere"), 404, ERROR, {"timeframe": "5m"}),
    Row("POST", EVALUATION.replace("sockshop", "nobody"), 404, ERROR, {"timeframe": "5m"}),
    # sequences
    Row("GET", "/v1/sequence/sockshop", 200, {"states": [STATE], **PAGE, "nextPageKey": int}),
    Row("GET", "/v1/sequence/nobody", 404, ERROR),
    Row("GET", "/v1/sequence/sockshop?pageSize=101", 400, ERROR),
    Row("GET", "/v1/sequence/sockshop?nextPageKey=x", 400, ERROR),
    Row("GET", "/v1/sequence/sockshop?fromTime=yesterday", 400, ERROR),
    Row("GET", "/v1/sequence/sockshop/c1", 200,
        {**STATE, "explanations": dict, "controls": list, "permitted": PERMITTED}),
    Row("GET", "/v1/sequence/sockshop/nobody", 404, ERROR),
    Row("POST", CONTROL, 200, {"outcome": "applied"}, {"state": "pause", "stage": ""}),
    Row("POST", CONTROL, 200, {"outcome": "already_paused"}, {"state": "pause", "stage": ""}),
    Row("POST", CONTROL, 400, {**ERROR, "reason": "paused_with_context"},
        {"state": "resume", "stage": "dev"}),
    Row("POST", CONTROL, 200, {"outcome": "applied"}, {"state": "resume", "stage": ""}),
    Row("POST", CONTROL, 200, {"outcome": "applied", "message": DRAINS},
        {"state": "abort", "requestId": "r1"}),
    Row("POST", CONTROL, 200, {"outcome": "repeated"}, {"state": "abort", "requestId": "r1"}),
    Row("POST", CONTROL, 400, {**ERROR, "reason": "aborting"}, {"state": "pause"}),
    Row("GET", "/v1/sequence/sockshop?keptnContext=c1", 200,
        {"states": [{**STATE, "permitted": ABORTING}]}),
    Row("POST", CONTROL, 200, {"outcome": "applied"}, {"state": "abort", "force": True}),
    Row("POST", CONTROL, 400, {**ERROR, "reason": "already_ended"}, {"state": "pause"}),
    Row("POST", CONTROL, 400, ERROR, {"state": "stop"}),
    Row("POST", CONTROL, 400, ERROR, {"state": "pause", "force": True}),
    Row("POST", CONTROL, 400, ERROR, {"state": "pause", "reason": "two\nlines"}),
    Row("POST", "/v1/sequence/sockshop/nobody/control", 404, ERROR, {"state": "pause"}),
    Row("POST", "/v1/sequence/nobody/c1/control", 404, ERROR, {"state": "pause"}),
    # approvals and exemptions
    Row("POST", "/v1/project", 200, {}, {"name": "gated", "shipyard": GATED_64}),
    Row("GET", APPROVALS, 200, {"approvals": [], **PAGE}),
    Row("POST", "/v1/event", 400, {**ERROR, "reason": "no_actor"}, {**GATED_TRIGGER, "id": "g1"}),
    Row("POST", "/v1/event", 400, ERROR, {**GATED_TRIGGER, "id": "g1", "actor": 7}),
    *(Row("POST", "/v1/event", 200, {"outcome": "applied"},
          {**GATED_TRIGGER, "id": known, "shkeptncontext": known, "actor": "ada"})
      for known in ("g1", "g2")),
    Row("GET", APPROVALS, 200,
        {"approvals": [{**APPROVAL, "votes": [], "vote": {"code": "no_actor"}}], **PAGE}),
    Row("GET", f"{APPROVALS}?actor=ada", 200,
        {"approvals": [{"vote": {"outcome": "rejected", "code": "own_approval"}}]}),
    Row("GET", f"{APPROVALS}?actor=bob&stage=dev&service=carts&keptnContext=g1", 200,
        {"approvals": [{"vote": APPLIED}]}),
    Row("GET", f"{APPROVALS}?stage=prod", 200, {"approvals": [], **PAGE}),
    Row("GET", "/v1/project/nobody/approval", 404, ERROR),
    Row("GET", "/v1/event/triggered/sh.keptn.event.approval.triggered?project=gated", 200,
        {"events": [{**EVENT, "shkeptncontext": "g1"}], "totalCount": 1}),
    Row("GET", "/v1/project/gated/stage/dev/service/carts", 200,
        {**SERVICE, "openApprovals": [{"eventId": str, "keptnContext": "g1", "time": str}]}),
    Row("POST", VOTE, 400, ERROR, {"result": "pass"}),
    Row("POST", VOTE, 400, ERROR, {"result": "yes", "actor": "bob"}),
    Row("POST", VOTE, 404, ERROR, {"result": "pass", "actor": "bob", "taskId": "none"}),
    Row("POST", VOTE, 400, {**ERROR, "reason": "own_approval"}, {"result": "pass", "actor": "ada"}),
    Row("POST", VOTE, 200,
        {"outcome": "applied", "taskId": str,
         "message": "Task approval has 1 of 2 approving votes (by bob); ada may not vote."},
        {"result": "pass", "actor": "bob", "reason": "tested", "requestId": "v1"}),
    Row("POST", VOTE, 200, {"outcome": "duplicate"},
        {"result": "pass", "actor": "bob", "requestId": "v1"}),
    Row("POST", VOTE, 200, {"outcome": "already_voted"}, {"result": "pass", "actor": "bob"}),
    Row("GET", APPROVALS, 200,
        {"approvals": [
            {"votes": [{"voter": "bob", "result": "pass", "message": "tested"}]}
        ]}),
    Row("POST", "/v1/sequence/gated/nobody/vote", 404, ERROR, {"result": "pass", "actor": "bob"}),
    Row("POST", "/v1/sequence/nobody/g1/vote", 404, ERROR, {"result": "pass", "actor": "bob"}),
    Row("POST", EXEMPT, 200, {"outcome": "applied", "message": str},
        {"actor": "ada", "reason": "a hotfix", "requestId": "e1"}),
    Row("POST", EXEMPT, 200, {"outcome": "repeated"}, {"requestId": "e1"}),
    Row("POST", EXEMPT, 200, {"outcome": "already_exempt"}, {"sequenceId": "g2", "stage": "dev"}),
    Row("POST", EXEMPT, 404, ERROR, {"sequenceId": "g1"}),
    Row("POST", "/v1/sequence/gated/nobody/exempt", 404, ERROR, {}),
    Row("POST", VOTE, 200, {"message": "Task approval is over with result fail."},
        {"result": "fail", "actor": "eve"}),
    Row("POST", VOTE, 400, ERROR, {"result": "fail", "actor": "eve"}),
    Row("POST", EXEMPT, 200, {"outcome": "already_started"}, {}),
    Row("GET", "/v1/sequence/gated/g2", 200,
        {"controls": [{"kind": "exempt", "actor": "ada", "reason": "a hotfix"}]}),
    Row("GET", "/v1/project/gated/stage/dev/service/carts", 200,
        {**SERVICE, "openApprovals": [{"keptnContext": "g2"}]}),
    # after a failure
    Row("POST", "/v1/project", 200, {}, {"name": "fragile", "shipyard": SHIPYARD_64}),
    Row("POST", "/v1/event", 200, {"outcome": "applied"}, FRAGILE_TRIGGER),
    Row("POST", RETRY, 200, {"outcome": "not_parked", "message": str, "sequenceId": "f1"},
        {"actor": "ada", "reason": "again", "requestId": "f1"}),
    Row("POST", SKIP, 200, {"outcome": "not_parked", "sequenceId": "f1"}, {"result": "pass"}),
    Row("POST", SKIP, 400, ERROR, {"result": "skipped"}),
    Row("POST", SKIP, 400, ERROR, {}),
    Row("POST", RETRY, 404, ERROR, {"sequenceId": "c1"}),
    Row("POST", RETRY, 404, ERROR, {"stage": "prod"}),
    Row("POST", REDRIVE, 400, {**ERROR, "reason": "not_ended"}, {}),
    Row("POST", REDRIVE, 400, ERROR, {"reason": "why"}),
    Row("POST", "/v1/sequence/fragile/f1/control", 200, {"outcome": "applied"},
        {"state": "abort", "force": True}),
    Row("POST", RETRY, 400, {**ERROR, "reason": "already_ended"}, {}),
    Row("POST", SKIP, 400, {**ERROR, "reason": "already_ended"}, {"result": "pass"}),
    Row("POST", REDRIVE, 400, {**ERROR, "reason": "unknown_task"}, {"startAt": "none"}),
    Row("POST", REDRIVE, 400, ERROR, {"redriveId": "f1"}),
    Row("POST", REDRIVE, 200, {"outcome": "applied", "message": str, "sequenceId": "f2"},
        {"startAt": "test", "redriveId": "f2", "actor": "ada"}),
    Row("POST", REDRIVE, 200, {"outcome": "duplicate", "sequenceId": "f2"}, {}),
    Row("GET", "/v1/sequence/fragile/f1", 200,
        {"explanations": {"f1": {"redriveId": "f2", "redrivenBy": "f2"},
                          "f2": {"redrives": "f1", "permitted": {"redrive": dict}}}}),
    *(Row("POST", f"/v1/sequence/{where}/{word}", 404, ERROR, {"result": "pass"} if word == "skip"
          else {})
      for where in ("fragile/nobody", "nobody/f1") for word in ("retry", "skip", "redrive")),
    # registrations and the log
    Row("POST", REGISTRATION, 201, {"id": str}, HELM),
    Row("POST", REGISTRATION, 200, {"id": str}, HELM),
    Row("POST", REGISTRATION, 400, ERROR, {"name": ""}),
    Row("GET", REGISTRATION, 200, [{**HELM, "id": str, "metadata": dict, "subscriptions": list}]),
    Row("PUT", f"{REGISTRATION}/nobody/ping", 404, ERROR),
    Row("DELETE", f"{REGISTRATION}/nobody", 404, ERROR),
    Row("GET", f"{REGISTRATION}/nobody/subscription", 404, ERROR),
    Row("POST", f"{REGISTRATION}/nobody/subscription", 404, ERROR, {"event": "e"}),
    Row("GET", f"{REGISTRATION}/nobody/subscription/s", 404, ERROR),
    Row("PUT", f"{REGISTRATION}/nobody/subscription/s", 404, ERROR, {"event": "e"}),
    Row("DELETE", f"{REGISTRATION}/nobody/subscription/s", 404, ERROR),
    Row("POST", "/v1/log", 200, {}, {"logs": [{"message": "failed", "shkeptncontext": "c1"}]}),
    Row("POST", "/v1/log", 400, ERROR, {"logs": {}}),
    Row("GET", "/v1/log", 200,
        {"logs": [{"message": "failed", "time": str}], **PAGE, "nextPageKey": 0}),
    Row("GET", "/v1/log?fromTime=yesterday", 400, ERROR),
    Row("GET", "/v1/sequence/sockshop/c1", 200, {"logs": [{"message": "failed"}]}),
    # what there is not
    Row("GET", "/v1/nothing", 404, ERROR),
    Row("DELETE", "/v1/event", 405, ERROR),
    Row("DELETE", "/v1/project/sockshop", 409, ERROR),
]  # fmt: skip


def differs(shape: Any, seen: Any, where: str = "body") -> str:
    """What of a body is not as it must be: a type, a value, the keys of a part; empty if all is."""
    if isinstance(shape, dict):
        wrong = [
            differs(part, seen.get(key, KeyError), f"{where}.{key}") for key, part in shape.items()
        ]
        return "; ".join(filter(None, wrong))
    if isinstance(shape, list) and shape:
        if not seen:
            return f"{where} is empty"
        return "; ".join(filter(None, (differs(shape[0], each, where) for each in seen)))
    if isinstance(shape, re.Pattern):
        return "" if shape.fullmatch(str(seen)) else f"{where} is {seen!r}"
    fits = isinstance(seen, shape) if isinstance(shape, type | tuple) else seen == shape
    return "" if fits else f"{where} is {seen!r}"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, Any]]:
    """What a fresh controller answers to the rows, one after the other."""
    answers = []
    with Controller(tmp_path_factory.mktemp("api")) as controller, controller.client() as client:
        client.create()
        for row in CONTRACT:
            given = {} if row.body is None else {"json": row.body}
            answer = client.request(row.method, row.path, **given)
            answers.append((answer.status_code, answer.json()))
    return answers


@pytest.mark.parametrize(("place", "row"), [*enumerate(CONTRACT)], ids=[*map(str, CONTRACT)])
def test_a_row_of_the_contract(played: list[tuple[int, Any]], place: int, row: Row) -> None:
    """Status and body are those of the table."""
    status, body = played[place]

    assert row.status == status, body
    assert not differs(row.shape, body), body
    assert row.status < 300 or body["code"] == status


def test_every_answer_is_as_the_document_says(
    client: Client, played: list[tuple[int, Any]]
) -> None:
    """Its status is one of its route, and its body has what is described and nothing else."""
    described = Described(client.get("/openapi.json").json())
    paths, compared = described.document["paths"], []
    for row, (status, body) in zip(CONTRACT, played, strict=True):
        for path, methods in paths.items():
            if fits(path, row.path) and row.method.lower() in methods:
                schema = described.of_answer(path, row.method, status)
                compared.append((str(row), described.misfits(schema, body)))

    assert len(CONTRACT) - 3 < len(compared)
    assert [] == [(row, problems) for row, problems in compared if problems]


def test_nothing_is_permitted_to_what_is_over(client: Client) -> None:
    """In the list as in the detail; what is live beside it is asked about."""
    client.trigger("over")
    client.trigger("live")
    client.control("over", "abort", force=True)
    page = client.get("/v1/sequence/sockshop?keptnContext=over,live").json()
    listed = {state["shkeptncontext"]: state["permitted"] for state in page["states"]}

    for shown in (listed, {each: client.state(each)["permitted"] for each in ("over", "live")}):
        assert {} == shown["over"]
        assert PERMITTED.keys() == shown["live"].keys()
        assert not differs(PERMITTED, shown["live"])


@pytest.mark.parametrize(
    "path", ["/v1/project/sockshop", "/v1/metadata", f"{EVENTS}?project=sockshop"]
)
@pytest.mark.parametrize("prefix", ["/api", "/controlPlane", "/api/controlPlane"])
def test_a_prefix_of_keptn_s_leads_to_the_same_route(
    client: Client, prefix: str, path: str
) -> None:
    """It is taken off in one place, before any route is looked for."""
    assert client.get(path).json() == client.get(prefix + path).json()
    assert 404 == client.get(prefix + "x" + path).status_code


def test_every_route_is_in_the_contract(client: Client) -> None:
    """Also those that OpenAPI describes; a route without a row would be nobody's promise."""
    paths = client.get("/openapi.json").json()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    apart = {("GET", "/metrics"), ("GET", "/v1/stream/{project}")}
    apart.add(("DELETE", "/v1/project/{project}/service/{service}"))

    assert set() == {
        (method, path)
        for method, path in routes - apart
        if not any(row.method == method and fits(path, row.path) for row in CONTRACT)
    }


def fits(route: str, path: str) -> bool:
    """Whether a path is one of a route."""
    parts, given = route.split("/"), path.partition("?")[0].split("/")
    pairs = zip(parts, given, strict=False)
    return len(parts) == len(given) and all(a == b or a.startswith("{") for a, b in pairs)


def test_counters_are_served_as_prometheus_reads_them(client: Client) -> None:
    """Commands by kind and answer, what was published, who follows."""
    client.trigger("counted")
    answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    counted = 'sequencectl_commands_total{answer="applied",kind="TriggerSequence"}'
    assert any(line.startswith(counted) for line in answer.text.splitlines())
    assert "sequencectl_streams 0.0" in answer.text
