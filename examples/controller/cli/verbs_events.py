"""Verbs about events: the tasks that wait for an executor, and any event sent as it stands."""

from __future__ import annotations

import json
from io import BufferedReader
from typing import Final

import click

from examples.controller.cli.client import Json
from examples.controller.cli.completing import stage_names
from examples.controller.cli.session import Session, verb
from examples.controller.cli.text import clock
from examples.controller.cli.verbs_projects import in_project

PREFIX: Final = "sh.keptn.event."
HEADINGS: Final = ("ID", "TYPE", "STAGE", "SERVICE", "CONTEXT", "TIME (UTC)")
DONE: Final = "applied"


@click.command("event")
@click.argument("event_type")
@in_project
@click.option("--stage", shell_complete=stage_names, help="In this stage alone.")
@verb
def get_event(session: Session, *, event_type: str, project: str, stage: str | None) -> None:
    """Show the open events of a type, such as sh.keptn.event.deployment.triggered."""
    known = event_type if event_type.startswith(PREFIX) else PREFIX + event_type
    path = ("v1", "event", "triggered", known)
    events = session.client.all("events", *path, project=project, stage=stage)
    body: Json = {"events": events, "totalCount": len(events)}
    session.answer_table(body, HEADINGS, [_row(event) for event in events])


@click.command("event")
@click.option("--file", "-f", required=True, type=click.File("rb"), help="Its JSON; - is stdin.")
@verb
def send_event(session: Session, *, file: BufferedReader) -> None:
    """Send a CloudEvent as it stands in a file."""
    try:
        event = json.loads(file.read())
    except ValueError as error:
        raise click.UsageError(f"{file.name}: no JSON: {error}.") from error
    if not isinstance(event, dict):
        raise click.UsageError(f"{file.name}: no JSON object.")
    has_id = bool(event.get("id"))
    body = (
        session.client.insist("v1", "event", body=event).body if has_id else _once(session, event)
    )
    outcome = body.get("outcome")
    unchanged = [] if outcome == DONE else [f"Nothing has changed: {outcome}."]
    session.answer(body, f"ID of Keptn context: {body.get('keptnContext')}", *unchanged)


def _once(session: Session, event: Json) -> Json:
    """Send an event without an id, which would count anew each time it comes."""
    return session.client.send("POST", "v1", "event", body=event)


def _row(event: Json) -> list[str]:
    data = event.get("data")
    scope = data if isinstance(data, dict) else {}
    return [
        str(event.get("id")),
        str(event.get("type")).removeprefix(PREFIX),
        str(scope.get("stage")),
        str(scope.get("service")),
        str(event.get("shkeptncontext")),
        clock(event.get("time"), with_date=True),
    ]
