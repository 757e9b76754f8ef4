"""The client of Keptn's command line and SDK: `keptn/go-utils`, request by request.

Headers, bodies, how lists are read page by page, which statuses are a success and into which type
an answer is decoded are those of the Go program. An error of the server is a `Failed`, an answer
that the Go program cannot read a `CannotDecode`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, final
from urllib.parse import quote

import httpx

from tests.e2e.controller.keptn import models
from tests.e2e.controller.keptn.go import ZERO_TIME, Struct, decoded, encoded
from tests.e2e.controller.process import PATIENCE

CONTROL_PLANE = "/controlPlane"
Answer = dict[str, Any]


class Failed(Exception):
    """An answer that is no success: its status, and the sentence that the user reads."""

    def __init__(self, code: int, message: str | None) -> None:
        assert message, "the command line follows this pointer unchecked"
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@final
class GoClient:
    """Sends what Go's ``net/http`` sends; `seen` has the requests as they went out."""

    def __init__(self, url: str, token: str) -> None:
        self.seen: list[httpx.Request] = []
        self._http = httpx.Client(
            base_url=f"{url}/api", timeout=PATIENCE, event_hooks={"request": [self.seen.append]}
        )
        self._http.headers = httpx.Headers(
            {
                "User-Agent": "Go-http-client/1.1",
                "Content-Type": "application/json",
                "X-Token": token,
                "Accept-Encoding": "gzip",
            }
        )
        del self._http.headers["Accept"]

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **query: str) -> bytes:
        """Return the body of an answer; 2xx is a success."""
        answer = self._http.get(path, params=_in_order(query))
        return _body(answer, well=answer.is_success)

    def get_ok(self, path: str, **query: str) -> bytes:
        """Return the body of an answer; 200 alone is a success."""
        answer = self._http.get(path, params=_in_order(query))
        return _body(answer, well=answer.status_code == 200)

    def pages(self, path: str, of: Struct, **query: str) -> Iterator[Answer]:
        """Yield the pages of a list, until the key of the next is empty or ``0``."""
        page = decoded(of, self.get_ok(path, **query))
        yield page
        seen = {"", "0"}
        while (key := page["nextPageKey"]) not in seen:
            seen.add(key)
            page = decoded(of, self.get_ok(path, **query, nextPageKey=key))
            yield page
        assert key in {"", "0"}, f"{path} leads back to page {key}"

    def entries(self, path: str, of: Struct, name: str, **query: str) -> list[Answer]:
        """Return all entries of a list."""
        return [each for page in self.pages(path, of, **query) for each in page[name] or ()]

    def post(self, path: str, body: Answer | None = None) -> bytes:
        """Send a body; 200 to 204 is a success."""
        return self._sent("POST", path, body)

    def put(self, path: str, body: Answer | None = None) -> bytes:
        """Send a body; 200 to 204 is a success."""
        return self._sent("PUT", path, body)

    def delete(self, path: str) -> bytes:
        """Delete; 2xx is a success."""
        answer = self._http.delete(path)
        return _body(answer, well=answer.is_success)

    def _sent(self, method: str, path: str, body: Answer | None) -> bytes:
        content = b"" if body is None else encoded(body)
        answer = self._http.request(method, path, content=content)
        return _body(answer, well=200 <= answer.status_code <= 204)


def _body(answer: httpx.Response, *, well: bool) -> bytes:
    """Return the body of a success; an error has a code and a message."""
    if not well:
        error = decoded(models.ERROR, answer.content)
        assert answer.status_code == error["code"], answer.content
        raise Failed(error["code"], error["message"])
    return answer.content


def _in_order(query: Mapping[str, str]) -> dict[str, str]:
    """Return a query as ``url.Values.Encode`` writes it: by name, without empty values."""
    return {name: query[name] for name in sorted(query) if query[name]}


@final
class Keptn:
    """The handlers of go-utils: one method for each call."""

    def __init__(self, url: str, token: str = "") -> None:
        self.http = GoClient(url, token)

    def close(self) -> None:
        """Close its connections."""
        self.http.close()

    # ------------------------------------------------------------ the API service
    def authenticate(self) -> Answer:
        """``AuthHandler.Authenticate``: an empty body."""
        return decoded(models.EVENT_CONTEXT, self.http.post("/v1/auth"))

    def metadata(self) -> Answer:
        """``APIHandler.GetMetadata``."""
        return decoded(models.METADATA, self.http.get("/v1/metadata"))

    def send_event(self, event: Answer) -> str:
        """``APIHandler.SendEvent``; the context is a pointer that is followed unchecked."""
        context = decoded(models.EVENT_CONTEXT, self.http.post("/v1/event", event))["keptnContext"]
        assert isinstance(context, str), "the answer has no keptnContext"
        return context

    # ------------------------------------------------------------ projects, stages, services
    def create_project(self, name: str, shipyard: str | None) -> None:
        """``APIHandler.CreateProject``; the shipyard is base64."""
        self.http.post(f"{CONTROL_PLANE}/v1/project", {"name": name, "shipyard": shipyard})

    def update_project(self, name: str, git: Answer | None = None) -> None:
        """``APIHandler.UpdateProject``: the command line never sends a shipyard."""
        more = {"gitCredentials": git} if git else {}
        body = {"name": name, "shipyard": None, **more}
        self.http.put(f"{CONTROL_PLANE}/v1/project", body)

    def delete_project(self, name: str) -> Answer:
        """``APIHandler.DeleteProject``."""
        path = f"{CONTROL_PLANE}/v1/project/{name}"
        return decoded(models.DELETED, self.http.delete(path))

    def projects(self) -> list[Answer]:
        """``ProjectHandler.GetAllProjects``."""
        return self.http.entries(f"{CONTROL_PLANE}/v1/project", models.PROJECTS, "projects")

    def project(self, name: str) -> Answer:
        """``ProjectHandler.GetProject``."""
        path = f"{CONTROL_PLANE}/v1/project/{name}"
        return decoded(models.PROJECT, self.http.get(path))

    def stages(self, project: str) -> list[Answer]:
        """``StageHandler.GetAllStages``."""
        path = f"{CONTROL_PLANE}/v1/project/{project}/stage"
        return self.http.entries(path, models.STAGES, "stages")

    def create_service(self, project: str, service: str) -> None:
        """``APIHandler.CreateService``."""
        path = f"{CONTROL_PLANE}/v1/project/{project}/service"
        self.http.post(path, {"serviceName": service})

    def delete_service(self, project: str, service: str) -> Answer:
        """``APIHandler.DeleteService``."""
        path = f"{CONTROL_PLANE}/v1/project/{project}/service/{service}"
        return decoded(models.DELETED, self.http.delete(path))

    def services(self, project: str, stage: str) -> list[Answer]:
        """``ServiceHandler.GetAllServices``."""
        path = f"{CONTROL_PLANE}/v1/project/{project}/stage/{stage}/service"
        return self.http.entries(path, models.SERVICES, "services")

    def service(self, project: str, stage: str, service: str) -> Answer:
        """``ServiceHandler.GetService``."""
        path = f"{CONTROL_PLANE}/v1/project/{project}/stage/{stage}/service/{service}"
        return decoded(models.SERVICE, self.http.get_ok(path))

    def trigger_evaluation(
        self, project: str, stage: str, service: str, evaluation: Answer
    ) -> Answer:
        """``APIHandler.TriggerEvaluation``."""
        path = f"{CONTROL_PLANE}/v1/project/{project}/stage/{stage}/service/{service}/evaluation"
        return decoded(models.EVENT_CONTEXT, self.http.post(path, evaluation))

    # ------------------------------------------------------------ sequences and events
    def control(self, project: str, context: str, state: str, stage: str = "") -> None:
        """``SequenceControlHandler.ControlSequence``."""
        path = f"{CONTROL_PLANE}/v1/sequence/{project}/{context}/control"
        self.http.post(path, {"stage": stage, "state": state})

    def state(self, project: str, context: str) -> Answer:
        """Return how a delivery stands, as the Bridge asks for it; go-utils has the type alone."""
        path = f"{CONTROL_PLANE}/v1/sequence/{project}"
        [state] = decoded(models.STATES, self.http.get_ok(path, keptnContext=context))["states"]
        found: Answer = state
        return found

    def events(self, pages: int = 0, /, **wanted: str) -> list[Answer]:
        """``EventHandler.GetEvents``; a number of pages is compared with the key of the next."""
        found: list[Answer] = []
        for page in self.http.pages("/mongodb-datastore/event", models.EVENTS, **wanted):
            found += page["events"] or []
            if 0 < pages <= int(page["nextPageKey"] or "0"):
                break
        return found

    def open_triggered(self, kind: str, **wanted: str) -> list[Answer]:
        """``ShipyardControllerHandler.GetOpenTriggeredEvents``."""
        path = f"{CONTROL_PLANE}/v1/event/triggered/{quote(kind, safe='*>')}"
        return self.http.entries(path, models.EVENTS, "events", **wanted)

    # ------------------------------------------------------------ registrations and logs
    def register(self, integration: Answer) -> str:
        """``UniformHandler.RegisterIntegration``."""
        path = f"{CONTROL_PLANE}/v1/uniform/registration"
        return str(decoded(models.MADE, self.http.post(path, integration))["id"])

    def ping(self, registration: str) -> Answer:
        """``UniformHandler.Ping``: an empty body."""
        path = f"{CONTROL_PLANE}/v1/uniform/registration/{registration}/ping"
        return decoded(models.INTEGRATION, self.http.put(path))

    def registrations(self, **wanted: str) -> list[Answer]:
        """``UniformHandler.GetRegistrations``; the Bridge gives filters."""
        path = f"{CONTROL_PLANE}/v1/uniform/registration"
        return decoded(models.INTEGRATIONS, self.http.get_ok(path, **wanted))

    def unregister(self, registration: str) -> None:
        """``UniformHandler.UnregisterIntegration``."""
        answer = self.http.delete(f"{CONTROL_PLANE}/v1/uniform/registration/{registration}")
        assert answer, "the answer is empty"

    def subscribe(self, registration: str, subscription: Answer) -> str:
        """``UniformHandler.CreateSubscription``."""
        path = f"{CONTROL_PLANE}/v1/uniform/registration/{registration}/subscription"
        return str(decoded(models.MADE, self.http.post(path, subscription))["id"])

    def log(self, entries: list[Answer]) -> None:
        """``LogHandler.Flush``."""
        self.http.post(f"{CONTROL_PLANE}/v1/log", {"logs": entries})

    def logs(self, **wanted: str) -> Answer:
        """``LogHandler.GetLogs``: one page."""
        path = f"{CONTROL_PLANE}/v1/log"
        return decoded(models.LOGS, self.http.get_ok(path, **wanted))


@final
class Watcher:
    """``EventWatcher``: polls from the newest instant it has seen; from the first one on."""

    def __init__(self, keptn: Keptn, **wanted: str) -> None:
        self._keptn = keptn
        self._wanted = wanted
        self._since = ZERO_TIME

    def poll(self) -> list[Answer]:
        """Return what is new, the oldest first; the newest that was seen may come again."""
        since = milliseconds(self._since)
        events = self._keptn.events(**self._wanted, fromTime=since)
        events.sort(key=lambda event: event["time"])
        if events:
            self._since = max(self._since, events[-1]["time"])
        return events


def milliseconds(at: datetime) -> str:
    """Return an instant in Keptn's format, as Go does: cut, and its zone not looked at."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
