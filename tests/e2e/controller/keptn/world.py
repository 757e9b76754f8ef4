"""What the tests of the contract need to be there: projects, deliveries, a finished task."""

from __future__ import annotations

import base64
from uuid import uuid4

from tests.e2e.controller.keptn import command_line
from tests.e2e.controller.keptn.client import Keptn
from tests.e2e.controller.process import SHIPYARD

IMAGE = "docker.io/keptnexamples/carts:0.11.1"
DEPLOYMENT, TEST = "sh.keptn.event.deployment.triggered", "sh.keptn.event.test.triggered"


def project(keptn: Keptn, name: str, *services: str, shipyard: str = SHIPYARD) -> str:
    """Create a project with services; return its name."""
    keptn.create_project(name, base64.b64encode(shipyard.encode()).decode())
    for service in services or ("carts",):
        keptn.create_service(name, service)
    return name


def deliver(keptn: Keptn, name: str, service: str = "carts", stage: str = "dev") -> str:
    """Trigger a delivery; return its context."""
    image = {"configurationChange": {"values": {"image": IMAGE}}}
    data = {**image, "project": name, "service": service, "stage": stage}
    return keptn.send_event(
        {
            "data": data,
            "id": str(uuid4()),
            "source": "test",
            "specversion": "1.0",
            "time": command_line.ZERO,
            "type": f"sh.keptn.event.{stage}.delivery.triggered",
        }
    )


def finish(keptn: Keptn, name: str, task: str) -> None:
    """Finish an open task, whoever it is for."""
    [event] = keptn.open_triggered(f"sh.keptn.event.{task}.triggered", project=name)
    report = {
        "data": {**event["data"], "status": "succeeded", "result": "pass"},
        "shkeptncontext": event["shkeptncontext"],
        "source": task,
        "specversion": "1.0",
        "time": "2022-01-01T10:00:00.123456789Z",
        "triggeredid": event["id"],
    }
    for kind in ("started", "finished"):
        own = {"id": f"{event['id']}-{kind}", "type": f"sh.keptn.event.{task}.{kind}"}
        keptn.send_event({**report, **own})
