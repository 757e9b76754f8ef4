"""Verbs about projects, stages and services: create, update, delete, freeze, unfreeze and show."""

from __future__ import annotations

from base64 import b64encode
from io import BufferedReader
from typing import Final

import click

from examples.controller.cli.client import Json
from examples.controller.cli.completing import project_names, service_names, stage_names
from examples.controller.cli.finding import only_project
from examples.controller.cli.session import Session, verb
from examples.controller.cli.text import clock, created

WINDOWS: Final = ("STAGE", "STATE", "SINCE (UTC)", "UNTIL (UTC)", "BY", "WINDOW")

in_project = click.option(
    "--project",
    "-p",
    required=True,
    metavar="PROJECT",
    shell_complete=project_names,
    help="The project.",
)
shipyard = click.option(
    "--shipyard",
    "-s",
    "file",
    required=True,
    type=click.File("rb"),
    help="The file with the shipyard.",
)


@click.command("project")
@click.argument("name")
@shipyard
@verb
def create_project(session: Session, *, name: str, file: BufferedReader) -> None:
    """Create a project with the stages and sequences of a shipyard."""
    body = session.client.send("POST", "v1", "project", body=_project(name, file))
    session.answer(body, f"Project {name} created.")


@click.command("project")
@click.argument("name", shell_complete=project_names)
@shipyard
@verb
def update_project(session: Session, *, name: str, file: BufferedReader) -> None:
    """Give a project another shipyard, for what is triggered from now on."""
    body = session.client.send("PUT", "v1", "project", body=_project(name, file))
    session.answer(body, f"Project {name} updated, for what is triggered from now on.")


@click.command("project")
@click.argument("name", shell_complete=project_names)
@verb
def delete_project(session: Session, *, name: str) -> None:
    """Delete a project in which nothing is live."""
    body = session.client.send("DELETE", "v1", "project", name)
    session.answer(body, f"Project {name} deleted.")


@click.command("service")
@click.argument("name")
@in_project
@verb
def create_service(session: Session, *, name: str, project: str) -> None:
    """Create a service in every stage of a project."""
    path = ("v1", "project", project, "service")
    body = session.client.send("POST", *path, body={"serviceName": name})
    session.answer(body, f"Service {name} created in project {project}.")


@click.command("service")
@click.argument("name", shell_complete=service_names)
@in_project
@verb
def delete_service(session: Session, *, name: str, project: str) -> None:
    """Delete a service of a project."""
    body = session.client.send("DELETE", "v1", "project", project, "service", name)
    session.answer(body, f"Service {name} deleted from project {project}.")


@click.command("project")
@click.argument("name", required=False, shell_complete=project_names)
@verb
def get_project(session: Session, *, name: str | None) -> None:
    """Show all projects, or one; with --output json its shipyard as well."""
    if name is None:
        found = session.client.all("projects", "v1", "project")
        body: Json = {"projects": found, "totalCount": len(found)}
    else:
        body = session.client.get("v1", "project", name)
        found = [body]
    rows = [
        [
            str(each.get("projectName")),
            ", ".join(str(stage.get("stageName")) for stage in each.get("stages") or ()),
            created(each.get("creationDate")),
        ]
        for each in found
    ]
    session.answer_table(body, ("PROJECT", "STAGES", "CREATED (UTC)"), rows)


@click.command("stage")
@click.argument("name", required=False, shell_complete=stage_names)
@in_project
@verb
def get_stage(session: Session, *, name: str | None, project: str) -> None:
    """Show the stages of a project: who holds them, how many wait, and whether they are frozen."""
    if name is None:
        found = session.client.all("stages", "v1", "project", project, "stage")
        body: Json = {"stages": found, "totalCount": len(found)}
    else:
        body = session.client.get("v1", "project", project, "stage", name)
        found = body["stages"] if isinstance(body.get("stages"), list) else [body]
    rows = [
        [
            str(stage.get("stageName")),
            ", ".join(map(_holder, stage.get("holders") or ())),
            str(stage.get("waiting")),
            _frozen(stage.get("frozen")),
        ]
        for stage in found
    ]
    session.answer_table(body, ("STAGE", "HELD BY", "WAITING", "FROZEN"), rows)


@click.command("windows")
@click.option("--project", "-p", shell_complete=project_names, help="The project.")
@verb
def get_windows(session: Session, *, project: str | None) -> None:
    """Show which stages are open, closed by the calendar or frozen, until when and by whom."""
    place = project or only_project(session.client)
    found = session.client.all("stages", "v1", "project", place, "stage")
    body: Json = {"stages": found, "totalCount": len(found)}
    rows = [[str(each.get("stageName")), *_window(each)] for each in found]
    session.answer_table(body, WINDOWS, rows)


@click.command("service")
@in_project
@click.option("--stage", shell_complete=stage_names, help="This stage alone.")
@verb
def get_service(session: Session, *, project: str, stage: str | None) -> None:
    """Show the services of a project, stage by stage."""
    path = ("v1", "project", project, "stage")
    if stage is None:
        stages = session.client.all("stages", *path)
        body: Json = {"stages": stages, "totalCount": len(stages)}
    else:
        services = session.client.all("services", *path, stage, "service")
        body = {"services": services, "totalCount": len(services)}
        stages = [{"stageName": stage, "services": services}]
    rows = [
        [
            str(service.get("serviceName")),
            str(each.get("stageName")),
            created(service.get("creationDate")),
        ]
        for each in stages
        for service in each.get("services") or ()
    ]
    session.answer_table(body, ("SERVICE", "STAGE", "CREATED (UTC)"), rows)


def _project(name: str, file: BufferedReader) -> Json:
    return {"name": name, "shipyard": b64encode(file.read()).decode("ascii")}


def _holder(holder: Json) -> str:
    service = f" of {holder['service']}" if holder.get("service") else ""
    named = f"{holder.get('name')}{service} {holder.get('phase')}"
    return f"{named} ({holder.get('keptnContext')})"


def _frozen(freeze: Json | None) -> str:
    if not freeze:
        return ""
    actor = f" by {freeze['actor']}" if freeze.get("actor") else ""
    window = f" by {freeze.get('window') or 'the calendar'}" if _is_calendar_s(freeze) else ""
    reason = f" ({freeze['reason']})" if freeze.get("reason") else ""
    until = f" until {clock(freeze['until'], with_date=True)}" if freeze.get("until") else ""
    return f"since {clock(freeze.get('since'), with_date=True)}{until}{actor}{window}{reason}"


def _window(stage: Json) -> list[str]:
    """Return how a stage stands, since when and until when, by whom, and in which window."""
    freeze, window = stage.get("frozen") or {}, stage.get("calendar") or {}
    is_closed = window.get("open") is False
    name = str(window.get("name") or "") if is_closed else ""
    if freeze and not _is_calendar_s(freeze):
        return ["frozen", *_times(freeze), str(freeze.get("actor") or ""), name]
    if freeze:
        return ["closed", *_times(freeze), "calendar", str(freeze.get("window") or "")]
    if is_closed:
        return ["closed", *_times(window), "calendar", name]
    return ["open", "", clock(window.get("until"), with_date=True), "", ""]


def _times(of: Json) -> tuple[str, str]:
    until = of.get("until")
    return clock(of.get("since"), with_date=True), clock(until or "for good", with_date=True)


def _is_calendar_s(freeze: Json) -> bool:
    return freeze.get("cause") == "calendar"
