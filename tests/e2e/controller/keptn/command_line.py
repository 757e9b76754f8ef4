"""Keptn's command line: what each verb sends, in its order, and what it does with the answers.

Leaves out what never reaches the server: files, flags, colours, the check of an image's registry.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from tests.e2e.controller.keptn import models
from tests.e2e.controller.keptn.client import Answer, Keptn, milliseconds
from tests.e2e.controller.keptn.go import decoded, encoded

VERSION: Final = "1.4.5"
SOURCE: Final = "https://github.com/keptn/keptn/cli#"
ZERO: Final = "0001-01-01T00:00:00Z"


class NotDone(Exception):
    """What a verb refuses to do after it has looked at the server's answers."""


def version_warning(keptn: Keptn) -> str:
    """Return what each verb but ``auth`` warns of first, if the versions differ."""
    version = keptn.metadata()["keptnversion"]
    return "" if version == VERSION else f"CLI {VERSION} and cluster {version} don't match"


def create_project(keptn: Keptn, name: str, shipyard: str) -> None:
    """``create project NAME --shipyard FILE``, which asks whether it needs a Git repository."""
    if not _followed(keptn.metadata()["automaticprovisioning"]):
        raise NotDone("GIT remote URL must be set")
    keptn.create_project(name, base64.b64encode(shipyard.encode()).decode())


def get_projects(keptn: Keptn, name: str = "") -> list[tuple[str, str, str]]:
    """``get project [NAME]``: its rows, filtered here."""
    return [
        (each["projectName"], creation_date(each["creationDate"]), each["shipyardVersion"])
        for each in keptn.projects()
        if name in {"", each["projectName"]}
    ]


def get_stages(keptn: Keptn, project: str) -> list[str]:
    """``get stage --project P``."""
    return [each["stageName"] for each in keptn.stages(project)]


def get_services(keptn: Keptn, project: str, name: str = "") -> list[tuple[str, str, str, str]]:
    """``get service [NAME] --project P``: by each stage of the list of projects."""
    return [
        (
            service["serviceName"],
            project,
            stage["stageName"],
            creation_date(service["creationDate"]),
        )
        for each in keptn.projects()
        if each["projectName"] == project
        for stage in each["stages"]
        for service in keptn.services(project, stage["stageName"])
        if name in {"", service["serviceName"]}
    ]


def trigger_delivery(
    keptn: Keptn,
    project: str,
    service: str,
    image: str,
    *,
    stage: str = "",
    sequence: str = "delivery",
    labels: dict[str, str] | None = None,
    values: Answer | None = None,
) -> str:
    """``trigger delivery``: returns the id of the Keptn context."""
    stage = stage or keptn.project(project)["stages"][0]["stageName"]
    _must_have(keptn, project, stage, service)
    data = {
        "project": project,
        "stage": stage,
        "service": service,
        **({"labels": labels} if labels else {}),
        "configurationChange": {"values": {"image": image, **(values or {})}},
        "deployment": {"deploymentURIsLocal": None, "deploymentstrategy": ""},
    }
    return keptn.send_event(_event(f"{stage}.{sequence}.triggered", "configuration-change", data))


def trigger_sequence(
    keptn: Keptn, name: str, project: str, service: str, stage: str, **data: Any
) -> str:
    """``trigger sequence NAME``; the command line shows nothing of the answer."""
    _must_have(keptn, project, stage, service)
    data = {**data, "project": project, "stage": stage, "service": service, "labels": None}
    return keptn.send_event(_event(f"{stage}.{name}.triggered", "configuration-change", data))


def trigger_evaluation(
    keptn: Keptn,
    project: str,
    stage: str,
    service: str,
    *,
    start: datetime,
    end: datetime,
    labels: dict[str, str] | None = None,
) -> str:
    """``trigger evaluation``, which works out both instants itself; the context is followed."""
    labelled = {"labels": labels} if labels else {}
    evaluation = {"start": milliseconds(start), **labelled, "end": milliseconds(end)}
    context = keptn.trigger_evaluation(project, stage, service, evaluation)["keptnContext"]
    return str(_followed(context))


def send_event(keptn: Keptn, file: Answer) -> str:
    """``send event --file``: what has no field in Keptn's type is lost on the way."""
    return keptn.send_event(_as_sent(file))


def get_event(keptn: Keptn, kind: str, project: str, **wanted: str) -> list[Answer]:
    """``get event TYPE --project P``: one page unless more are asked for."""
    return keptn.events(1, type=kind, project=project, **wanted)


def get_evaluations(keptn: Keptn, context: str) -> list[Answer]:
    """``get event evaluation.finished``, which names no project."""
    return keptn.events(keptnContext=context, type="sh.keptn.event.evaluation.finished")


def get_approvals(keptn: Keptn, project: str, stage: str, service: str = "") -> list[Answer]:
    """``get event approval.triggered``."""
    kind = "sh.keptn.event.approval.triggered"
    return keptn.open_triggered(kind, project=project, stage=stage, service=service)


def approve(keptn: Keptn, project: str, stage: str, known: str) -> str:
    """``send event approval.finished --id ID``: looks the approval up and votes for it."""
    kind = "sh.keptn.event.approval.triggered"
    found = keptn.events(project=project, stage=stage, type=kind, eventID=known)
    if not found:
        raise NotDone(f"No open approval.triggered event with the ID {known} has been found")
    asked = decoded(models.APPROVAL_TRIGGERED_DATA, encoded(found[0]["data"]))
    labels = {"labels": asked["labels"]} if asked["labels"] else {}
    scope = {name: asked[name] for name in ("project", "stage", "service")}
    data = {**scope, **labels, "status": "succeeded", "result": "pass"}
    finished = "sh.keptn.event.approval.finished"
    about = {"shkeptncontext": found[0]["shkeptncontext"], "triggeredid": found[0]["id"]}
    event = {**_event("approval.finished", finished, data), **about}
    return keptn.send_event(_as_sent(event))


def creation_date(nanoseconds: str) -> str:
    """Return how a creation date is shown: ``n/a`` for what is no number of nanoseconds."""
    try:
        at = datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC)
    except ValueError:
        return "n/a"
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _must_have(keptn: Keptn, project: str, stage: str, service: str) -> None:
    """Refuse a service that is not listed."""
    if not any(each["serviceName"] == service for each in keptn.services(project, stage)):
        raise NotDone(f"service {service} has not been found in project {project}")


def _event(kind: str, of: str, data: Answer) -> Answer:
    """Return a new CloudEvent as it goes out: through Keptn's type, which has no content type."""
    return _as_sent(
        {
            "data": data,
            "id": str(uuid4()),
            "source": SOURCE + of,
            "specversion": "1.0",
            "type": f"sh.keptn.event.{kind}",
        }
    )


def _as_sent(event: Answer) -> Answer:
    """Return an event in the order of Keptn's type: data by name, no empty texts, a zero time."""
    known = decoded(models.EVENT, encoded(event))
    sent = {
        name: _by_name(value) if name == "data" else value
        for name, value in known.items()
        if name in {"data", "source", "type", "time"} or value
    }
    return {**sent, "time": event.get("time", ZERO)}


def _by_name(value: Any) -> Any:
    """Return free data as a Go map writes it: its keys by name."""
    if isinstance(value, dict):
        return {key: _by_name(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_by_name(each) for each in value]
    return value


def _followed(pointer: Any) -> Any:
    """Follow a pointer as Go does: unchecked; there is no program left where it is nil."""
    assert pointer is not None, "the command line crashes: a nil pointer"
    return pointer
