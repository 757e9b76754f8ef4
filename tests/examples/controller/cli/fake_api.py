"""A small controller in memory behind the HTTP API of the reference controller.

A test reads its state. `faults` are what goes wrong with the next requests; `script` is what
happens while somebody listens to a stream.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import attrs
import httpx

from tests.examples.controller.cli.fake_world import Json, Project, Refusal, World


@attrs.frozen
class Lost:
    """The request is carried out, and its answer does not arrive."""

    error: httpx.TransportError


Fault = httpx.TransportError | httpx.Response | Lost | None


@attrs.define
class FakeApi:
    """The whole controller."""

    token: str = ""
    has_stream: bool = True
    world: World = attrs.field(factory=World)
    faults: list[Fault] = attrs.field(factory=list)
    script: list[Callable[[], object]] = attrs.field(factory=list)
    received: list[Json] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    followed: list[str | None] = attrs.field(factory=list)
    """From which serial on streams were asked for."""
    query: Json = attrs.field(factory=dict)
    body: Json = attrs.field(factory=dict)

    def transport(self) -> httpx.MockTransport:
        """Return what a synchronous client sends its requests to."""
        return httpx.MockTransport(lambda request: self.answer(request, self._stream))

    def async_transport(self) -> httpx.MockTransport:
        """Return what an asynchronous client sends its requests to."""
        return httpx.MockTransport(lambda request: self.answer(request, self._async_stream))

    def answer(self, request: httpx.Request, stream: Callable[..., Any]) -> httpx.Response:
        """Answer a request, unless something goes wrong with it."""
        fault = self.faults.pop(0) if self.faults else None
        self.asked.append(f"{request.method} {request.url.raw_path.decode('ascii')}")
        if isinstance(fault, httpx.Response):
            return fault
        if isinstance(fault, httpx.TransportError):
            raise fault
        try:
            response = self._route(request, stream)
        except Refusal as refusal:
            response = refusal.response
        if isinstance(fault, Lost):
            raise fault.error
        return response

    def _route(self, request: httpx.Request, stream: Callable[..., Any]) -> httpx.Response:
        path = request.url.path
        if path == "/healthz":
            return httpx.Response(200, json={"status": "ok"})
        if self.token and request.headers.get("x-token") != self.token:
            raise Refusal(401, "The token is wrong.")
        if found := re.fullmatch(r"/v1/stream/([^/]+)", path):
            self.world.find(found[1])
            if not self.has_stream:
                raise Refusal(404, "There is no such resource.")
            self.followed.append(request.headers.get("last-event-id"))
            content = stream(self.world.projects[found[1]], self.followed[-1])
            return httpx.Response(
                200, headers={"content-type": "text/event-stream"}, content=content
            )
        self.query = dict(request.url.params)
        self.body = json.loads(request.content) if request.content else {}
        for method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                return httpx.Response(200, text=json.dumps(handler(self, *found.groups())))
        raise Refusal(404, "There is no such resource.")

    # ------------------------------------------------------------ projects

    def metadata(self) -> Json:
        version = {"keptnversion": "1.4.5", "sequencectlversion": "0.1.0"}
        return {"keptnlabel": "sequencectl", **version, "shipyardversion": "0.2.0"}

    def nothing(self, *_: str) -> Json:
        return {}

    def list_projects(self) -> Json:
        return _paged(
            "projects", [self.world.shown(p) for p in self.world.projects.values()], self.query
        )

    def create_project(self) -> Json:
        if self.body["name"] in self.world.projects:
            raise Refusal(409, f"The project {self.body['name']} exists already.")
        shipyard = b64decode(self.body["shipyard"]).decode("utf-8")
        if "Shipyard" not in shipyard:
            raise Refusal(400, "line 1: kind must be Shipyard")
        self.world.project(self.body["name"], shipyard=shipyard)
        return {}

    def update_project(self) -> Json:
        shipyard = b64decode(self.body["shipyard"]).decode("utf-8")
        self.world.find(self.body["name"]).shipyard = shipyard
        return {}

    def get_project(self, name: str) -> Json:
        return self.world.shown(self.world.find(name))

    def delete_project(self, name: str) -> Json:
        project = self.world.find(name)
        if any(each.shown["endedAt"] is None for each in project.sequences.values()):
            raise Refusal(409, f"The project {name} has live sequences.")
        del self.world.projects[name]
        return {}

    def list_stages(self, name: str) -> Json:
        return _paged("stages", self.world.shown(self.world.find(name))["stages"], self.query)

    def get_stage(self, name: str, stage: str) -> Json:
        return self.world.stage(name, stage)

    def list_services(self, name: str, stage: str) -> Json:
        return _paged("services", self.world.stage(name, stage)["services"], self.query)

    def create_service(self, name: str) -> Json:
        if self.body["serviceName"] in self.world.find(name).services:
            raise Refusal(409, f"The service {self.body['serviceName']} exists already.")
        self.world.find(name).services.append(self.body["serviceName"])
        return {}

    def delete_service(self, name: str, service: str) -> Json:
        if service not in self.world.find(name).services:
            raise Refusal(404, f"There is no service {service}.")
        self.world.find(name).services.remove(service)
        return {}

    def control_stage(self, name: str, stage: str) -> Json:
        self.world.stage(name, stage)
        self.received.append(self.body)
        frozen, freezes = self.world.find(name).frozen, self.body["state"] == "freeze"
        if (stage in frozen) == freezes:
            return {"outcome": "already_frozen" if freezes else "not_frozen"}
        if freezes:
            frozen[stage] = {
                "actor": self.body["actor"],
                "reason": self.body["reason"],
                "since": self.world.tick(),
            }
        else:
            del frozen[stage]
        return {"outcome": "applied"}

    # ----------------------------------------------------------- sequences

    def list_states(self, name: str) -> Json:
        found = [_state(context) for context in reversed(self.world.find(name).contexts.values())]
        wanted = self.query.get("keptnContext", "").split(",")
        for key in ("name", "state", "service"):
            found = [state for state in found if self.query.get(key) in {None, state[key]}]
        found = [state for state in found if wanted == [""] or state["shkeptncontext"] in wanted]
        return _paged("states", found, self.query)

    def get_context(self, name: str, context: str) -> Json:
        return self.world.context(name, context)

    def control(self, name: str, context: str) -> Json:
        self.world.context(name, context)
        self.received.append(self.body)
        return self.world.control(name, context, self.body)

    # -------------------------------------------------------------- events

    def take_event(self) -> Json:
        self.received.append(self.body)
        word = str(self.body.get("type")).rpartition(".")[2]
        project = self.world.find(str(self.body.get("data", {}).get("project")))
        context = str(self.body.get("shkeptncontext") or "made-by-the-controller")
        if word == "triggered":
            outcome = self.world.take_trigger(project, context, self.body)
        elif word in {"started", "finished"}:
            outcome = self.world.report(project, self.body, word)
        else:
            outcome = "ignored"
        return {"keptnContext": context, "outcome": outcome}

    def open_events(self, event_type: str) -> Json:
        events = self.world.open_tasks(self.query["project"], event_type.split(".")[-2])
        wanted = self.query.get("eventID")
        return _paged("events", [e for e in events if wanted in {None, e["id"]}], self.query)

    # -------------------------------------------------------------- stream

    def _messages(self, project: Project, last: str | None) -> Iterator[bytes]:
        if last is None:
            yield _message("hello", project.serial, {"project": project.name})
        while self.script:
            self.script.pop(0)()
            states = [_state(context) for context in project.contexts.values()]
            yield b": still here\n\n"
            yield _message("changed", project.serial, {"states": states, "gone": [], "stages": []})

    def _stream(self, project: Project, last: str | None) -> Iterator[bytes]:
        yield from self._messages(project, last)

    async def _async_stream(self, project: Project, last: str | None) -> AsyncIterator[bytes]:
        for message in self._messages(project, last):
            yield message


def _state(detail: Json) -> Json:
    """A context as the list shows it."""
    return {key: value for key, value in detail.items() if key not in {"explanations", "controls"}}


def _paged(items: str, found: list[Json], query: Json) -> Json:
    begin, size = int(query.get("nextPageKey", 0)), int(query.get("pageSize", 10))
    key = begin + size if begin + size < len(found) else 0
    page = {items: found[begin : begin + size], "totalCount": len(found), "pageSize": size}
    return page | {"nextPageKey": str(key) if key else ""}


def _message(event: str, serial: int, data: Json) -> bytes:
    data = data | {"serial": serial}
    return f"id: {serial}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()


P, S = "/v1/project/([^/]+)", "/v1/project/([^/]+)/stage/([^/]+)"
Q = "/v1/sequence/([^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Json]]] = [
    ("POST", "/v1/auth", FakeApi.nothing),
    ("GET", "/v1/metadata", FakeApi.metadata),
    ("POST", "/v1/event", FakeApi.take_event),
    ("GET", "/v1/event/triggered/([^/]+)", FakeApi.open_events),
    ("GET", "/v1/project", FakeApi.list_projects),
    ("POST", "/v1/project", FakeApi.create_project),
    ("PUT", "/v1/project", FakeApi.update_project),
    ("GET", P, FakeApi.get_project),
    ("DELETE", P, FakeApi.delete_project),
    ("GET", f"{P}/stage", FakeApi.list_stages),
    ("GET", S, FakeApi.get_stage),
    ("POST", f"{S}/control", FakeApi.control_stage),
    ("GET", f"{S}/service", FakeApi.list_services),
    ("POST", f"{P}/service", FakeApi.create_service),
    ("DELETE", f"{P}/service/([^/]+)", FakeApi.delete_service),
    ("GET", Q, FakeApi.list_states),
    ("GET", f"{Q}/([^/]+)", FakeApi.get_context),
    ("POST", f"{Q}/([^/]+)/control", FakeApi.control),
]
