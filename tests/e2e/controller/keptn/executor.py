"""An executor made with Keptn's SDK: registers, pings, polls its subscriptions, works, logs.

The tick of its clocks is a call here: `ping` every 5 s and `poll` every second. What ends the Go
program after some attempts is raised at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, final
from uuid import uuid4

from tests.e2e.controller.keptn import models
from tests.e2e.controller.keptn.client import Answer, Keptn
from tests.e2e.controller.keptn.go import decoded, encoded

Work = Callable[[Answer], Answer]
"""What a task handler makes of an event: the data of its finish."""


@final
class Executor:
    """A service with handlers by the types of events; it subscribes to these, or to `topics`.

    A `project` is what its subscriptions are filtered by.
    """

    def __init__(
        self,
        keptn: Keptn,
        name: str,
        handlers: Mapping[str, Work],
        *topics: str,
        project: str = "",
    ) -> None:
        self.id = ""
        self._keptn = keptn
        self._name = name
        self._handlers = handlers
        self._topics = topics or tuple(handlers)
        self._projects = [project] if project else None
        self._subscriptions: list[Answer] = []
        self._seen: set[tuple[str, str]] = set()

    def start(self) -> None:
        """Register and ask for the subscriptions for the first time."""
        wanted = {"projects": self._projects, "stages": None, "services": None}
        self.id = self._keptn.register(
            {
                "id": "",
                "name": self._name,
                "metadata": {
                    "hostname": "node-1",
                    "integrationversion": "0.1.0",
                    "distributorversion": "0.15.0",
                    "location": "remote-execution-plane",
                    "kubernetesmetadata": {
                        "namespace": "keptn-exec",
                        "podname": f"{self._name}-1",
                        "deploymentname": self._name,
                    },
                    "lastseen": "0001-01-01T00:00:00Z",
                },
                "subscriptions": [
                    {"id": "", "event": topic, "filter": wanted} for topic in self._topics
                ],
            }
        )
        self.ping()

    def ping(self) -> Answer:
        """Show that it lives; the subscriptions are those of the answer."""
        integration = self._keptn.ping(self.id)
        self._subscriptions = integration["subscriptions"] or []
        return integration

    def poll(self) -> list[str]:
        """Ask for all subscriptions in one pass and work; return the tasks that were done.

        The first error ends the pass: what stands after it is not asked for.
        """
        done = []
        for subscription in self._subscriptions:
            for event in self._keptn.open_triggered(
                subscription["event"], **_only(subscription["filter"])
            ):
                if (subscription["id"], event["id"]) not in self._seen:
                    self._seen.add((subscription["id"], event["id"]))
                    if self._handle(event, subscription["id"]):
                        done.append(event["type"].split(".")[3])
        return done

    def _handle(self, event: Answer, subscription: str) -> bool:
        handler = self._handlers.get(event["type"])
        if handler is None:
            return False
        distributor = {"distributor": {"subscriptionID": subscription}}
        event = {**event, "data": {**event["data"], "temporaryData": distributor}}
        self._send(event, "started", _common(event))
        result = handler(event)
        finish = {**result, "status": result.get("status") or "succeeded"}
        finish["result"] = finish.get("result") or "pass"
        self._send(event, "finished", {name: finish[name] for name in sorted(finish)})
        return True

    def _send(self, event: Answer, kind: str, data: Answer) -> None:
        task = event["type"].rpartition(".")[0]
        if kind == "finished" and data["status"] == "errored":
            self._forward(event, task.rpartition(".")[2], data.get("message", ""))
        self._keptn.send_event(
            {
                "contenttype": "application/json",
                "data": data,
                "id": str(uuid4()),
                "shkeptncontext": event["shkeptncontext"],
                "shkeptnspecversion": "0.2.4",
                "source": self._name,
                "specversion": "1.0",
                "time": now(),
                "triggeredid": event["id"],
                "type": f"{task}.{kind}",
            }
        )

    def _forward(self, event: Answer, task: str, message: str) -> None:
        """Log what went wrong before the finish is sent."""
        self._keptn.log(
            [
                {
                    "integrationid": self.id,
                    "message": message,
                    "time": "0001-01-01T00:00:00Z",
                    "shkeptncontext": event["shkeptncontext"],
                    "task": task,
                    "triggeredid": event["id"],
                    "gitcommitid": "",
                }
            ]
        )


def now() -> str:
    """Return the present instant as Go writes it: with nanoseconds, without zeros at the end."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{at}.{nanoseconds:09}".rstrip("0").rstrip(".") + "Z"


def _common(event: Answer) -> Answer:
    """Return the part of an event's data that every service reads, without what is empty."""
    data = decoded(models.EVENT_DATA, encoded(event["data"]))
    return {name: value for name, value in data.items() if value}


def _only(filters: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters of a subscription that are sent: those that name one thing."""
    parts = {"project": "projects", "stage": "stages", "service": "services"}
    named = {one: filters[several] or [] for one, several in parts.items()}
    return {one: names[0] for one, names in named.items() if len(names) == 1}
