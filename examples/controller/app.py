"""The application: every route as a row of one table, and what stands before all of them."""

from __future__ import annotations

import inspect
from typing import Final, Protocol, final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.controller.api import openapi
from examples.controller.api.answers import HANDLERS, error
from examples.controller.api.approvals import ApprovalsApi
from examples.controller.api.controls import ControlsApi
from examples.controller.api.door import Door, Prefixes
from examples.controller.api.evaluations import EvaluationsApi
from examples.controller.api.events import EventsApi
from examples.controller.api.projects import ProjectsApi
from examples.controller.api.sequences import SequencesApi, changes
from examples.controller.api.stream import Broadcaster, Message
from examples.controller.api.uniform import UniformApi
from examples.controller.bridge.page import Page
from examples.controller.host import ANY, Host, SystemClock
from examples.controller.settings import SOURCE, Settings
from examples.controller.webhooks import Webhooks
from sequencectl import ControlPlane, OpenTask
from sequencectl.ports import Clock

VERSION: Final = "0.1.0"
METADATA: Final = {
    "keptnversion": "1.4.5",  # whose routes these are: its command line warns of any other
    "shipyardversion": "0.2.0",  # and the oldest one understood
    "automaticprovisioning": True,  # a project needs no Git repository
    "keptnlabel": "sequencectl",
    "sequencectlversion": VERSION,
    "bridgeversion": "",
    "namespace": "",
}
"""What Keptn's clients ask first."""


class Serve(Protocol):
    """What serves a route: a method whose name and docstring tell what it does."""

    __name__: str

    async def __call__(self, request: Request, /) -> Response:
        """Return the answer to a request."""
        ...


@final
class Controller:
    """One controller: its host, its streams and its routes; enter it, serve `app`, leave it."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        clock = SystemClock() if clock is None else clock
        self.host = Host(settings, self._changed, clock=clock)
        self.broadcaster = Broadcaster(
            self._gather,
            self.host.metrics,
            interval=1 / settings.per_second,
            keep_alive=settings.keep_alive.total_seconds(),
        )
        self._webhooks = Webhooks(
            settings.receivers,
            self._open_tasks,
            self._names,
            self.host.metrics,
            claim=self.host.claim,
            source=SOURCE,
            clock=clock,
        )
        self._projects = ProjectsApi(self.host, actor_header=settings.actor_header)
        self._sequences = SequencesApi(
            self.host, self._projects, self.broadcaster, actor_header=settings.actor_header
        )
        self._events = EventsApi(self.host, actor_header=settings.actor_header)
        self._approvals = ApprovalsApi(self.host, actor_header=settings.actor_header)
        self._controls = ControlsApi(self.host, actor_header=settings.actor_header)
        self._evaluations = EvaluationsApi(
            self.host, self._projects, actor_header=settings.actor_header
        )
        self._uniform = UniformApi(self.host)
        app = Starlette(
            routes=[
                *(Route(path, serve, methods=[method]) for method, path, serve in self._table()),
                *Page().routes(),
            ],
            exception_handlers=HANDLERS,
        )
        app.router.redirect_slashes = False  # it would repeat the host that a client names
        self.app = Prefixes(Door(app, settings))

    def _table(self) -> list[tuple[str, str, Serve]]:
        projects, sequences, events = self._projects, self._sequences, self._events
        project = "/v1/project/{project}"
        stage, sequence = project + "/stage/{stage}", "/v1/sequence/{project}"
        service = stage + "/service/{service:path}"
        controls = self._controls
        uniform, registrations = self._uniform, "/v1/uniform/registration"
        registration = registrations + "/{registration}"
        subscriptions = registration + "/subscription"
        subscription = subscriptions + "/{subscription}"
        return [
            ("GET", "/healthz", self.health),
            ("GET", "/metrics", self.metrics),
            ("GET", "/openapi.json", self.openapi),
            ("POST", "/v1/auth", self.auth),
            ("GET", "/v1/metadata", self.metadata),
            ("POST", "/v1/event", events.post_event),
            ("GET", "/v1/event/triggered/{type:path}", events.list_triggered),
            ("GET", "/mongodb-datastore/event", events.list_events),
            ("GET", "/v1/project", projects.list_projects),
            ("POST", "/v1/project", projects.create_project),
            ("PUT", "/v1/project", projects.update_project),
            ("GET", project, projects.get_project),
            ("DELETE", project, projects.delete_project),
            ("GET", project + "/history", events.list_history),
            ("GET", project + "/approval", self._approvals.list_approvals),
            ("GET", project + "/stage", projects.list_stages),
            ("GET", stage, projects.get_stage),
            ("POST", stage + "/control", projects.control_stage),
            ("GET", stage + "/service", projects.list_services),
            ("GET", service, projects.get_service),
            ("POST", service + "/evaluation", self._evaluations.trigger_evaluation),
            ("POST", project + "/service", projects.create_service),
            ("DELETE", project + "/service/{service:path}", projects.delete_service),
            ("POST", registrations, uniform.register),
            ("GET", registrations, uniform.list_registrations),
            ("PUT", registration + "/ping", uniform.ping),
            ("DELETE", registration, uniform.unregister),
            ("GET", subscriptions, uniform.list_subscriptions),
            ("POST", subscriptions, uniform.subscribe),
            ("GET", subscription, uniform.get_subscription),
            ("PUT", subscription, uniform.change_subscription),
            ("DELETE", subscription, uniform.unsubscribe),
            ("POST", "/v1/log", uniform.write_log),
            ("GET", "/v1/log", uniform.list_log),
            ("GET", "/v1/stream/{project}", sequences.stream),
            ("GET", sequence, sequences.list_sequences),
            ("POST", sequence + "/{context:path}/control", sequences.control_sequence),
            ("POST", sequence + "/{context:path}/vote", self._approvals.vote),
            ("POST", sequence + "/{context:path}/exempt", controls.exempt),
            ("POST", sequence + "/{context:path}/retry", controls.retry),
            ("POST", sequence + "/{context:path}/skip", controls.skip),
            ("POST", sequence + "/{context:path}/redrive", controls.redrive),
            ("GET", sequence + "/{context:path}", sequences.get_sequence),
        ]

    async def health(self, _: Request) -> Response:
        """Say whether the controller can work."""
        if not self.host.is_well:
            return error(503, "the store cannot be used")
        return JSONResponse({"status": "ok"})

    async def metrics(self, _: Request) -> Response:
        """Return what is counted, in Prometheus' text format."""
        return Response(self.host.metrics.text(), media_type="text/plain; version=0.0.4")

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document of these routes."""
        rows = [
            (method, path, serve.__name__, inspect.getdoc(serve) or "")
            for method, path, serve in self._table()
        ]
        return JSONResponse(openapi.document(rows, VERSION))

    async def auth(self, _: Request) -> Response:
        """Say that the token is right."""
        return JSONResponse({})

    async def metadata(self, _: Request) -> Response:
        """Say what this is, in Keptn's words."""
        return JSONResponse(METADATA)

    def _changed(self, project: str, serial: int) -> None:
        if project == ANY:
            self.broadcaster.missed()
        else:
            self.broadcaster.changed(project, serial)
            self._webhooks.changed(project)

    async def _gather(self, project: str, after: int) -> tuple[int, Message | None]:
        return await changes(self.host, self._projects, project, after)

    async def _names(self) -> list[str]:
        return [project.name for project in await self.host.all_projects()]

    async def _open_tasks(self, project: str) -> tuple[OpenTask, ...]:
        return await self.host.ask(project, ControlPlane.open_tasks)

    async def __aenter__(self) -> Controller:
        await self.host.start()
        await self._webhooks.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.broadcaster.close()
        await self._webhooks.close()
        await self.host.stop()
