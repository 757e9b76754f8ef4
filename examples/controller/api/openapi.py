"""The OpenAPI document: made from the table of routes, and what each of them takes and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

Document = dict[str, Any]

_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
_TEXT: Final[Document] = {"type": "string"}
_TEXT_OR_NULL: Final[Document] = {"type": ["string", "null"]}
_WHOLE: Final[Document] = {"type": "integer"}
_FLAG: Final[Document] = {"type": "boolean"}
_INSTANT: Final[Document] = {"type": "string", "format": "date-time"}
_NANOSECONDS: Final[Document] = {"type": "string", "pattern": "^-?[0-9]+$"}
_BYTES: Final[Document] = {"type": "string", "format": "byte"}
_ANY: Final[Document] = {"type": "object"}
_ANY_OR_NULL: Final[Document] = {"type": ["object", "null"]}


def _object(required: Mapping[str, Document], **optional: Document) -> Document:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(of: Document) -> Document:
    return {"type": "array", "items": of}


def _page(name: str, of: Document, *, key: Document = _TEXT) -> Document:
    counts = {"totalCount": _WHOLE, "pageSize": _WHOLE, "nextPageKey": key}
    return _object({name: _list(of), **counts})


_CONTROL: Final = {"actor": _TEXT, "reason": _TEXT, "requestId": _TEXT}
_BY: Final = _object({"actor": _TEXT, "reason": _TEXT, "since": _INSTANT})
_LATEST: Final = {
    "oneOf": [_object({"id": _TEXT, "type": _TEXT, "time": _INSTANT}), {"type": "null"}]
}
_NAMES: Final = _list(_TEXT)
_FILTER: Final = _object({}, projects=_NAMES, stages=_NAMES, services=_NAMES)
_METADATA: Final = _object(
    {}, hostname=_TEXT, integrationversion=_TEXT, distributorversion=_TEXT, location=_TEXT,
    kubernetesmetadata=_object({}, namespace=_TEXT, podname=_TEXT, deploymentname=_TEXT),
    lastseen=_INSTANT,
)  # fmt: skip

SCHEMAS: Final[Mapping[str, Document]] = {
    "Error": _object({"code": _WHOLE, "message": _TEXT}, reason=_TEXT),
    "Nothing": _object({}),
    "Outcome": _object({"outcome": _TEXT}, message=_TEXT),
    "CloudEvent": _object(
        {"specversion": _TEXT, "type": _TEXT, "source": _TEXT},
        id=_TEXT, shkeptncontext=_TEXT, triggeredid=_TEXT, gitcommitid=_TEXT, data=_ANY,
    ),
    "EventTaken": _object({"keptnContext": _TEXT, "outcome": _TEXT}),
    "NewProject": _object({"name": _TEXT, "shipyard": _BYTES}, gitCredentials=_ANY_OR_NULL),
    "ChangedProject": _object(
        {"name": _TEXT},
        shipyard={**_BYTES, "type": ["string", "null"]}, gitCredentials=_ANY_OR_NULL,
    ),
    "Service": _object(
        {"serviceName": _TEXT, "creationDate": _NANOSECONDS, "openApprovals": _list(_ANY)}
    ),
    "NewService": _object({"serviceName": _TEXT}),
    "NewEvaluation": _object(
        {}, start=_TEXT_OR_NULL, end=_TEXT_OR_NULL, timeframe=_TEXT_OR_NULL,
        gitcommitid=_TEXT_OR_NULL,
        labels={"type": ["object", "null"], "additionalProperties": _TEXT},
    ),
    "StageControl": _object({"state": {"enum": ["freeze", "unfreeze"]}}, **_CONTROL),
    "Stage": _object({
        "stageName": _TEXT,
        "services": _list(_ref("Service")),
        "frozen": {"oneOf": [_BY, {"type": "null"}]},
        "waiting": _WHOLE,
        "holders": _list(_ANY),
    }),
    "Project": _object({
        "projectName": _TEXT, "creationDate": _NANOSECONDS, "shipyard": _TEXT,
        "shipyardVersion": _TEXT, "stages": _list(_ref("Stage")),
    }),
    "Control": _object(
        {"state": {"enum": ["pause", "resume", "abort"]}},
        stage=_TEXT, force=_FLAG, sequenceId=_TEXT, **_CONTROL,
    ),
    "Permitted": _object({
        "outcome": {"enum": ["applied", "unchanged", "rejected"]},
        "code": _TEXT_OR_NULL, "message": _TEXT,
    }),
    "Sequence": _object({
        "id": _TEXT, "name": _TEXT, "stage": _TEXT, "service": _TEXT, "phase": _TEXT,
        "result": _TEXT_OR_NULL, "status": _TEXT_OR_NULL, "message": _TEXT,
        "planned": _list(_TEXT), "tasks": _list(_ANY), "pauses": _list(_ANY),
    }),
    "State": _object({
        "name": _TEXT, "project": _TEXT, "service": _TEXT, "shkeptncontext": _TEXT,
        "state": {"enum": ["waiting", "started", "paused", "finished", "timedOut", "aborted"]},
        "time": _INSTANT, "problemTitle": _TEXT,
        "stages": _list(_object({
            "name": _TEXT, "state": _TEXT, "image": _TEXT, "latestEvent": _LATEST,
            "latestFailedEvent": _LATEST, "latestEvaluation": {"type": ["object", "null"]},
        })),
        "statusLine": _TEXT, "draining": _FLAG, "live": _FLAG, "first": _WHOLE, "serial": _WHOLE,
        "permitted": {"type": "object", "additionalProperties": _ref("Permitted")},
        "paused": _list(_ANY), "sequences": _list(_ref("Sequence")),
    }),
    "Detail": {"allOf": [
        _ref("State"),
        _object({"controls": _list(_ANY), "explanations": _ANY, "logs": _list(_ref("LogEntry"))}),
    ]},
    "Made": _object({"id": _TEXT}),
    "NewSubscription": _object({"event": _TEXT}, filter=_FILTER),
    "Subscription": _object({"id": _TEXT, "event": _TEXT, "filter": _FILTER}),
    "NewRegistration": _object(
        {"name": _TEXT}, metadata=_METADATA, subscriptions=_list(_ref("NewSubscription"))
    ),
    "Registration": _object({
        "id": _TEXT, "name": _TEXT, "metadata": _METADATA,
        "subscriptions": _list(_ref("Subscription")),
    }),
    "Registrations": _list(_ref("Registration")),
    "Subscriptions": _list(_ref("Subscription")),
    "LogEntry": _object({}, time=_INSTANT, **dict.fromkeys(
        ("integrationid", "message", "shkeptncontext", "task", "triggeredid", "gitcommitid"), _TEXT
    )),
    "NewLog": _object({"logs": _list(_ref("LogEntry"))}),
    "Log": _page("logs", _ref("LogEntry")),
    "Projects": _page("projects", _ref("Project")),
    "Stages": _page("stages", _ref("Stage")),
    "Services": _page("services", _ref("Service")),
    "States": _page("states", _ref("State"), key=_WHOLE),
    "Events": _page("events", _ref("CloudEvent")),
}  # fmt: skip
"""What bodies look like."""

_PAGED: Final = ("pageSize", "nextPageKey")
_OPERATIONS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "health": ("", "Nothing", ()),
    "metrics": ("", "", ()),
    "openapi": ("", "Nothing", ()),
    "auth": ("", "Nothing", ()),
    "metadata": ("", "Nothing", ()),
    "post_event": ("CloudEvent", "EventTaken", ()),
    "list_triggered": ("", "Events", ("project", "stage", "service", "eventID", *_PAGED)),
    "list_events": (
        "", "Events",
        ("project", "stage", "service", "keptnContext", "eventID", "type", "source", "root",
         "fromTime", "beforeTime", *_PAGED),
    ),
    "list_history": ("", "Events", ("keptnContext", "type", "fromTime", *_PAGED)),
    "list_projects": ("", "Projects", _PAGED),
    "create_project": ("NewProject", "Nothing", ()),
    "update_project": ("ChangedProject", "Nothing", ()),
    "get_project": ("", "Project", ()),
    "delete_project": ("", "Nothing", ()),
    "list_stages": ("", "Stages", _PAGED),
    "get_stage": ("", "Stage", ()),
    "control_stage": ("StageControl", "Outcome", ()),
    "list_services": ("", "Services", _PAGED),
    "get_service": ("", "Service", ()),
    "trigger_evaluation": ("NewEvaluation", "EventTaken", ()),
    "create_service": ("NewService", "Nothing", ()),
    "delete_service": ("", "Nothing", ()),
    "register": ("NewRegistration", "Made", ()),
    "list_registrations": (
        "", "Registrations",
        ("id", "name", "namespace", "hostname", "project", "stage", "service"),
    ),
    "ping": ("", "Registration", ()),
    "unregister": ("", "Nothing", ()),
    "list_subscriptions": ("", "Subscriptions", ()),
    "subscribe": ("NewSubscription", "Made", ()),
    "get_subscription": ("", "Subscription", ()),
    "change_subscription": ("NewSubscription", "Made", ()),
    "unsubscribe": ("", "Nothing", ()),
    "write_log": ("NewLog", "Nothing", ()),
    "list_log": ("", "Log", ("integrationId", "fromTime", "beforeTime", *_PAGED)),
    "stream": ("", "", ("since",)),
    "list_sequences": (
        "", "States",
        ("name", "state", "stage", "service", "keptnContext", "fromTime", "beforeTime", *_PAGED),
    ),
    "control_sequence": ("Control", "Outcome", ()),
    "get_sequence": ("", "Detail", ()),
}  # fmt: skip
"""By operation: the schema of its body, that of its answer (none: it is a text), its query."""

_CREATED: Final = frozenset({"register", "subscribe"})
"""What is answered with 201 where something is new."""


def document(routes: Iterable[tuple[str, str, str, str]], version: str) -> Document:
    """Return the document of routes: method, path, name and what each does."""
    paths: Document = {}
    for method, path, name, summary in routes:
        shown = _PARAMETER.sub(r"{\1}", path)
        paths.setdefault(shown, {})[method.lower()] = _operation(path, name, summary)
    errors = {"description": "What is wrong, in one sentence.", **_json("Error")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "sequencectl reference controller", "version": version},
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "responses": {"Error": errors},
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "x-token"}},
        },
        "security": [{"token": []}],
    }


def _operation(path: str, name: str, summary: str) -> Document:
    body, answer, query = _OPERATIONS[name]
    parameters = [
        *({"name": each, "in": "path", "required": True} for each in _PARAMETER.findall(path)),
        *({"name": each, "in": "query"} for each in query),
    ]
    content = _json(answer) if answer else {"content": {"text/plain": {"schema": _TEXT}}}
    done = {"description": "Done.", **content}
    operation: Document = {
        "operationId": name,
        "summary": summary,
        "parameters": [{**each, "schema": _TEXT} for each in parameters],
        "responses": {
            "200": done,
            **({"201": done} if name in _CREATED else {}),
            "default": {"$ref": "#/components/responses/Error"},
        },
    }
    if body:
        operation["requestBody"] = {"required": True, **_json(body)}
    return operation


def _json(schema: str) -> Document:
    return {"content": {"application/json": {"schema": _ref(schema)}}}
