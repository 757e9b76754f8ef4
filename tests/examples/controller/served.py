"""A controller served in this process: its routes without a socket, its clock turned by hand."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from examples.controller.app import Controller
from examples.controller.settings import Settings
from sequencectl import TimeoutPolicy
from sequencectl.testing import ManualClock

T = TypeVar("T")
SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: shop}
spec:
  stages:
    - name: dev
      sequences: [{name: delivery, tasks: [{name: deployment}, {name: test}]}]
    - name: prod
      sequences: [{name: delivery, tasks: [{name: deployment}]}]
"""
JSON = {"Content-Type": "application/json"}
"""Keptn's clients say this with every request."""

TASK = "sh.keptn.event.deployment.triggered"


class Served:
    """One controller on a folder or a store, to be entered; every request is one call.

    `kind` is what its settings are made of: a test may give some that make other planes.
    """

    def __init__(
        self, data: Path | None, *, kind: type[Settings] = Settings, **settings: Any
    ) -> None:
        limits = TimeoutPolicy(reaction="1h")
        about = {"timeouts": limits, "settle": timedelta(0), **settings}
        self._settings = kind(data=data, **about)
        self.clock = ManualClock()
        self.controller = Controller(self._settings, clock=self.clock)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Served:
        self._runner.run(self.controller.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self.controller.__aexit__())
        self._runner.close()

    def restart(self) -> None:
        """Stop the controller in order, and serve the same folder again."""
        self._runner.run(self.controller.__aexit__())
        self.controller = Controller(self._settings, clock=self.clock)
        self._runner.run(self.controller.__aenter__())

    def run(self, program: Coroutine[Any, Any, T]) -> T:
        """Run something beside the controller, on its loop."""
        return self._runner.run(program)

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and return the answer."""
        return self._runner.run(self._asked(method, path, **request))

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return the body of what must be answered with 200."""
        answer = self.ask("GET", path, params=query)
        assert 200 == answer.status_code, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def create(self, name: str = "shop", shipyard: str = SHIPYARD, calendar: str = "") -> None:
        """Create a project, perhaps with a calendar."""
        files = {"shipyard": shipyard, "calendar": calendar}
        body = {key: b64encode(text.encode()).decode() for key, text in files.items()}
        body["name"] = name
        self.ask("POST", "/v1/project", json=body).raise_for_status()

    def event(
        self, kind: str, data: dict[str, Any], *headers: tuple[str, str], **about: Any
    ) -> httpx.Response:
        """Send a CloudEvent of a type after ``sh.keptn.event.``, perhaps with more headers."""
        event = {"specversion": "1.0", "source": "test", "type": f"sh.keptn.event.{kind}"}
        body = {**event, "data": data, **about}
        return self.ask("POST", "/v1/event", json=body, headers=list(headers))

    def trigger(
        self, context: str, *, project: str = "shop", stage: str = "dev", service: str = "carts"
    ) -> None:
        """Trigger a delivery a second after what was before; its id is that of its context."""
        self.clock.advance(timedelta(seconds=1))
        scope = {"project": project, "stage": stage, "service": service}
        about = {"id": context, "shkeptncontext": context}
        self.event(f"{stage}.delivery.triggered", scope, **about).raise_for_status()

    def open_tasks(self, task: str = "deployment", **query: str) -> list[dict[str, Any]]:
        """Return the open tasks of a name."""
        path = f"/v1/event/triggered/sh.keptn.event.{task}.triggered"
        events: list[dict[str, Any]] = self.get(path, **query)["events"]
        return events

    def finish(self, task: dict[str, Any], **data: Any) -> None:
        """Finish a task, a second after what was before."""
        self.clock.advance(timedelta(seconds=1))
        about = {"triggeredid": task["id"], "shkeptncontext": task["shkeptncontext"]}
        kind = task["type"].removeprefix("sh.keptn.event.").removesuffix(".triggered")
        report = {"id": f"{task['id']}-finished", "source": f"{kind}-service"}
        passed = {"result": "pass", "status": "succeeded"}
        self.event(f"{kind}.finished", {**task["data"], **passed, **data}, **about, **report)

    async def _asked(self, method: str, path: str, **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.controller.app)
        about: dict[str, Any] = {"headers": JSON, "base_url": "http://127.0.0.1"}
        async with httpx.AsyncClient(transport=transport, **about) as client:
            return await client.request(method, path, **request)
