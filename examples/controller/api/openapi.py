"""The OpenAPI document: made from the table of routes, and what each of them takes and answers.

Shows: a document from which clients can be made, and that a fuzzer can hold the program to. What
every route may answer before it is looked at stands once; of the rest, each route says its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final, final

import attrs

from examples.controller.api.door import SAFE
from examples.controller.api.examples import EXAMPLES
from examples.controller.api.reading import MAX_BODY, MAX_PAGE, PAGE
from examples.controller.api.schemas import (
    ACTOR,
    IDENTITY,
    INSTANT,
    JSON,
    NAME,
    PROJECT,
    SCHEMAS,
    SERVICE,
    STATES,
    TEXT,
    Document,
    ref,
    whole,
)

CLOUD_EVENT: Final = "application/cloudevents+json"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")


@final
@attrs.frozen
class Operation:
    """What a route takes and answers; method, path, name and summary are those of its row.

    `body` and `answer` name schemas, `accepts` and `media` are their media types; `successes` are
    the statuses of the answer, and `refusals` those of its own with which it refuses. `links` are
    operations that may follow, and where the parts of their paths are found.
    """

    tag: str
    answer: str = attrs.field(kw_only=True)
    media: str = attrs.field(default=JSON, kw_only=True)
    body: str = attrs.field(default="", kw_only=True)
    accepts: tuple[str, ...] = attrs.field(default=(JSON,), kw_only=True)
    query: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    successes: tuple[int, ...] = attrs.field(default=(200,), kw_only=True)
    refusals: tuple[int, ...] = attrs.field(default=(), kw_only=True)
    links: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict, kw_only=True)
    is_open: bool = attrs.field(default=False, kw_only=True)


TAGS: Final[Mapping[str, str]] = {
    "program": "For those who run it.",
    "events": "CloudEvents: triggers, the reports of executors, what they poll, the history.",
    "projects": "Projects, their stages and services.",
    "executors": "Executors that registered themselves, what they want to hear of, what they log.",
    "deliveries": "How deliveries stand and why, controls, approvals, and the stream of changes.",
}
ANY: Final = (400, 408, 415, 431, 503)
"""The statuses with which any request may be refused; `_refusals_of` knows the others."""

_PAGED: Final = ("pageSize", "nextPageKey")
_SCOPE: Final = ("stage", "service")
_BETWEEN: Final = ("fromTime", "beforeTime")
_REGISTERED: Final = {"registration": "$response.body#/id"}
_SUBSCRIBED: Final = {
    "registration": "$request.path.registration", "subscription": "$response.body#/id",
}  # fmt: skip
OPERATIONS: Final[Mapping[str, Operation]] = {
    "health": Operation("program", answer="Health", is_open=True),
    "metrics": Operation("program", answer="Counters", media="text/plain"),
    "openapi": Operation("program", answer="OpenApi"),
    "auth": Operation("program", answer="Nothing"),
    "metadata": Operation("program", answer="Metadata"),
    "post_event": Operation(
        "events", body="CloudEvent", accepts=(JSON, CLOUD_EVENT), answer="EventTaken",
        refusals=(404,),
    ),
    "list_triggered": Operation(
        "events", answer="Events", query=("project", *_SCOPE, "eventID", *_PAGED)
    ),
    "list_events": Operation(
        "events", answer="Events",
        query=("project", "keptnContext", *_SCOPE, "type", "source", "eventID", "root", *_BETWEEN,
               *_PAGED),
    ),
    "list_history": Operation(
        "events", answer="Events", query=("keptnContext", "type", "fromTime", *_PAGED)
    ),
    "list_approvals": Operation(
        "deliveries", answer="Approvals", query=(*_SCOPE, "keptnContext", "actor", *_PAGED)
    ),
    "trigger_evaluation": Operation("events", body="NewEvaluation", answer="EventTaken"),
    "list_projects": Operation("projects", answer="Projects", query=_PAGED),
    "create_project": Operation("projects", body="NewProject", answer="Nothing", refusals=(409,)),
    "update_project": Operation(
        "projects", body="ChangedProject", answer="Nothing", refusals=(404,)
    ),
    "get_project": Operation("projects", answer="Project"),
    "delete_project": Operation("projects", answer="Nothing", refusals=(409,)),
    "list_stages": Operation("projects", answer="Stages", query=_PAGED),
    "get_stage": Operation("projects", answer="Stage"),
    "control_stage": Operation("projects", body="StageControl", answer="Outcome"),
    "list_services": Operation("projects", answer="Services", query=_PAGED),
    "get_service": Operation("projects", answer="Service"),
    "create_service": Operation("projects", body="NewService", answer="Nothing", refusals=(409,)),
    "delete_service": Operation("projects", answer="Nothing"),
    "register": Operation(
        "executors", body="NewRegistration", answer="Made", successes=(200, 201),
        links=dict.fromkeys(("ping", "subscribe", "list_subscriptions"), _REGISTERED),
    ),
    "list_registrations": Operation(
        "executors", answer="Registrations",
        query=("id", "name", "namespace", "hostname", "project", *_SCOPE),
    ),
    "ping": Operation("executors", answer="Registration"),
    "unregister": Operation("executors", answer="Nothing"),
    "list_subscriptions": Operation("executors", answer="Subscriptions"),
    "subscribe": Operation(
        "executors", body="NewSubscription", answer="Made", successes=(201,),
        links=dict.fromkeys(
            ("get_subscription", "change_subscription", "unsubscribe"), _SUBSCRIBED
        ),
    ),
    "get_subscription": Operation("executors", answer="Subscription"),
    "change_subscription": Operation("executors", body="NewSubscription", answer="Made"),
    "unsubscribe": Operation("executors", answer="Nothing"),
    "write_log": Operation("executors", body="NewLog", answer="Nothing"),
    "list_log": Operation("executors", answer="Log", query=("integrationId", *_BETWEEN, *_PAGED)),
    "stream": Operation(
        "deliveries", answer="Message", media="text/event-stream", query=("since",)
    ),
    "list_sequences": Operation(
        "deliveries", answer="States",
        query=("name", "state", *_SCOPE, "keptnContext", "actor", *_BETWEEN, *_PAGED),
    ),
    "control_sequence": Operation("deliveries", body="Control", answer="Controlled"),
    "vote": Operation("deliveries", body="NewVote", answer="Voted"),
    "exempt": Operation("deliveries", body="Exemption", answer="OneControlled"),
    "retry": Operation("deliveries", body="NewAttempt", answer="OneControlled"),
    "skip": Operation("deliveries", body="Skip", answer="OneControlled"),
    "redrive": Operation("deliveries", body="NewRedrive", answer="OneControlled", refusals=(409,)),
    "get_sequence": Operation("deliveries", answer="Detail", query=("actor",)),
}  # fmt: skip
"""By the name of the method that serves a route."""

_QUERY: Final[Document] = {**TEXT, "pattern": r"^[^\x00]*$"}
_PART: Final[Document] = {**_QUERY, "minLength": 1}
_IN_PATHS: Final[Mapping[str, Document]] = {
    "project": {"schema": PROJECT, "example": "sockshop"},
    "stage": {"schema": NAME, "example": "dev"},
    "service": {"schema": {**SERVICE, "minLength": 1}, "example": "carts"},
    "context": {
        "schema": IDENTITY, "example": "c1", "description": "A delivery, by its `shkeptncontext`.",
    },
    "type": {"schema": _PART, "example": "sh.keptn.event.deployment.triggered"},
    "registration": {"schema": _PART, "example": "f3a1"},
    "subscription": {"schema": _PART, "example": "9c27"},
}  # fmt: skip
_TIME: Final = {"anyOf": [INSTANT, {**TEXT, "maxLength": 0}]}
_IN_QUERIES: Final[Mapping[str, Document]] = {
    "project": {"schema": _QUERY, "example": "sockshop"},
    "stage": {"schema": _QUERY, "example": "dev"},
    "service": {"schema": _QUERY, "example": "carts"},
    "name": {"schema": _QUERY, "example": "delivery"},
    "state": {
        "schema": _QUERY, "example": "paused",
        "description": f"One of {', '.join(STATES['enum'])}.",
    },
    "type": {"schema": _QUERY, "example": "sh.keptn.event.deployment.triggered"},
    "source": {"schema": _QUERY, "description": "The source of an event."},
    "eventID": {"schema": _QUERY, "description": "The `id` of an event."},
    "root": {"schema": _QUERY, "description": "`true`: the first event of each context alone."},
    "id": {"schema": _QUERY, "description": "That of a registration."},
    "integrationId": {"schema": _QUERY, "description": "The id of a registration."},
    "namespace": {"schema": _QUERY},
    "hostname": {"schema": _QUERY},
    "keptnContext": {
        "schema": _QUERY, "example": "c1", "description": "A delivery; of a list, some: `c1,c2`.",
    },
    "fromTime": {"schema": _TIME, "description": "What is later than this instant."},
    "beforeTime": {"schema": _TIME, "description": "What is earlier than this instant."},
    "pageSize": {
        "schema": {**whole(maximum=MAX_PAGE), "default": PAGE},
        "description": "How many entries at most.",
    },
    "nextPageKey": {
        "schema": {**TEXT, "pattern": "^[0-9]{0,18}$"},
        "description": "What the page before said; `0` or nothing for the first page.",
    },
    "actor": {
        "schema": ACTOR, "example": "ada",
        "description": "Who asks, for what is permitted; where a proxy says who it is, that holds.",
    },
    "since": {
        "schema": whole(maximum=10**18 - 1),
        "description": "The id of the last message that was seen, as `Last-Event-ID` says it.",
    },
}  # fmt: skip
_WRONG: Final[Mapping[int, str]] = {
    400: "The request is malformed, or was refused; `reason` is then the library's code.",
    401: "The header `x-token` must have the token of this controller.",
    403: "A page of another origin may change nothing here.",
    404: "Nobody knows what the path or the body names.",
    408: "The request did not come to its end in time.",
    409: "It is there already, still in use, or not kept any more.",
    413: f"The body has more than {MAX_BODY} bytes.",
    415: "The body must be JSON, as the header `Content-Type` must say.",
    421: "The host of the request is not one that is served here.",
    431: "The head of the request is too long.",
    503: "Others kept committing first, the store cannot be used, the calendar of a project fails, "
    "or connections are too many.",
}


def document(routes: Iterable[tuple[str, str, str, str]], version: str) -> Document:
    """Return the document of routes: method, path, name and what each does."""
    paths: Document = {}
    for method, path, name, summary in routes:
        shown = _PARAMETER.sub(r"{\1}", path)
        paths.setdefault(shown, {})[method.lower()] = _operation(method, path, name, summary)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sequencectl reference controller",
            "version": version,
            "description": "Deliveries run through the stages of projects, one after the other.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": "/"},
            {"url": "/api", "description": "As Keptn's clients write it."},
            {"url": "/api/controlPlane", "description": "As Keptn's clients write it."},
        ],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "responses": {_name(status): _refusal(status) for status in _WRONG},
            "securitySchemes": {"token": {
                "type": "apiKey", "in": "header", "name": "x-token",
                "description": "A controller that was started without a token asks for none.",
            }},
        },
        "security": [{"token": []}],
    }  # fmt: skip


def _operation(method: str, path: str, name: str, summary: str) -> Document:
    row, (short, _, more) = OPERATIONS[name], summary.partition("\n\n")
    operation: Document = {
        "operationId": name,
        "summary": " ".join(short.split()),
        **({"description": " ".join(more.split())} if more else {}),
        "tags": [row.tag],
        "parameters": [
            *({"name": each, "in": "path", "required": True, **_IN_PATHS[each]}
              for each in _PARAMETER.findall(path)),
            *({"name": each, "in": "query", **_IN_QUERIES[each]} for each in row.query),
        ],
        "responses": {
            **{str(status): {
                "description": "Done.",
                "content": _content(row.answer, row.media),
                "links": {each: {"operationId": each, "parameters": dict(parameters)}
                          for each, parameters in row.links.items()},
            } for status in row.successes},
            **{str(status): {"$ref": f"#/components/responses/{_name(status)}"}
               for status in _refusals_of(row, method, path)},
        },
    }  # fmt: skip
    if row.body:
        operation["requestBody"] = {"required": True, "content": _content(row.body, *row.accepts)}
    if row.is_open:
        operation["security"] = []
    return operation


def _refusals_of(row: Operation, method: str, path: str) -> list[int]:
    """Return the statuses with which a request of a route may be refused."""
    found = {*ANY, *row.refusals}
    found |= {404} if "{" in path else set()
    found |= {413} if row.body else set()
    found |= set() if row.is_open else {401, 421}
    found |= set() if method in SAFE else {403}
    return sorted(found)


def _content(schema: str, *kinds: str) -> Document:
    return {kind: {"schema": ref(schema), "example": EXAMPLES[schema]} for kind in kinds}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _refusal(status: int) -> Document:
    """Return the answer with a status that is no success."""
    found: Document = {
        "description": _WRONG[status],
        "content": {JSON: {"schema": ref("Error")}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        found["headers"] = {"Retry-After": {"schema": whole(), "description": "In seconds."}}
    return found
