"""Verbs that trigger a sequence, as Keptn's command line does it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Final

import attrs
import click

from examples.controller.cli.answers import Refused
from examples.controller.cli.client import Json
from examples.controller.cli.completing import service_names, stage_names
from examples.controller.cli.printing import hint, option
from examples.controller.cli.session import Session, Verb, verb
from examples.controller.cli.verbs_projects import in_project
from examples.controller.cli.watching import follow_context

SPEC_VERSION: Final = "0.2.4"
SOURCE: Final = "sequencectl-cli"
IGNORED: Final = "ignored"


@attrs.frozen
class Scope:
    """Which sequence of which stage, for which service of which project."""

    project: str
    service: str
    stage: str
    sequence: str


class Labels(click.ParamType[dict[str, str]]):
    """Labels as Keptn's users write them: ``a=1,b=2``."""

    name = "a=1,b=2"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        """Return the labels; the last value of a label that is there twice wins."""
        if isinstance(value, dict):
            return value
        parts = [part.partition("=") for part in str(value).split(",") if part.strip()]
        if any(not sign or not label.strip() for label, sign, _ in parts):
            self.fail(f"labels are written a=1,b=2, got {value!r}", param, ctx)
        return {label.strip(): text.strip() for label, _, text in parts}


class Data(click.ParamType[Json]):
    """A JSON object, or a file with one: ``@FILE``."""

    name = "JSON|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Json:
        """Return the object."""
        if isinstance(value, dict):
            return value
        text = str(value)
        try:
            data = json.loads(Path(text[1:]).read_bytes() if text.startswith("@") else text)
        except OSError as error:
            self.fail(f"{text[1:]}: {error.strerror}", param, ctx)
        except ValueError as error:  # both of wrong JSON and of wrong UTF-8
            self.fail(f"no JSON: {error}", param, ctx)
        if not isinstance(data, dict):
            self.fail("no JSON object", param, ctx)
        return data


def triggering(function: Verb) -> Verb:
    """Give a command the options of every trigger."""
    for decorate in (
        click.option("--actor", help="Who triggers it; by default you."),
        click.option("--watch", is_flag=True, help="Follow it until it is over."),
        click.option("--labels", type=Labels(), default="", help="Labels, as a=1,b=2."),
        click.option("--service", required=True, shell_complete=service_names, help="The service."),
        in_project,
    ):
        function = decorate(function)
    return function


@click.command("delivery")
@triggering
@click.option("--image", required=True, help="The image, with or without its tag.")
@click.option("--tag", default="", help="The tag of the image.")
@click.option("--stage", shell_complete=stage_names, help="The stage; by default the first.")
@click.option("--sequence", default="delivery", show_default=True, help="The sequence.")
@verb
def delivery(
    session: Session,
    *,
    project: str,
    service: str,
    labels: dict[str, str],
    actor: str | None,
    watch: bool,
    image: str,
    tag: str,
    stage: str | None,
    sequence: str,
) -> None:
    """Deliver a service in a version: trigger the delivery in the first stage, or in another."""
    if tag and ":" in image.rpartition("/")[2]:
        raise click.UsageError(f"The image {image} has its tag already: leave out --tag.")
    version = f"{image}:{tag}" if tag else image
    scope = _checked(session, Scope(project, service, stage or "", sequence))
    data = {"labels": labels, "configurationChange": {"values": {"image": version}}}
    said = f"Starting to deliver the service {service} in project {project} in version {version}"
    _trigger(session, scope, data, said, actor=actor, watch=watch)


@click.command("sequence")
@click.argument("name")
@triggering
@click.option("--stage", required=True, shell_complete=stage_names, help="The stage.")
@click.option("--data", type=Data(), default="{}", help="More of the event's data.")
@verb
def sequence(
    session: Session,
    *,
    name: str,
    project: str,
    service: str,
    labels: dict[str, str],
    actor: str | None,
    watch: bool,
    stage: str,
    data: Json,
) -> None:
    """Trigger any sequence of a stage."""
    scope = _checked(session, Scope(project, service, stage, name))
    given = data.get("labels")
    both = (given if isinstance(given, dict) else {}) | labels
    said = f"Starting the sequence {name} for the service {service} in stage {stage} of {project}"
    _trigger(session, scope, data | {"labels": both}, said, actor=actor, watch=watch)


def _checked(session: Session, scope: Scope) -> Scope:
    """Return the scope with its stage; refuse a service that nobody created, as Keptn does."""
    stages = session.client.all("stages", "v1", "project", scope.project, "stage")
    known = [stage for stage in stages if stage.get("stageName") == scope.stage or not scope.stage]
    if not known:
        raise Refused(f"The project {scope.project} has no stage {scope.stage}.".replace(" .", "."))
    services = {str(each.get("serviceName")) for each in known[0].get("services") or ()}
    if scope.service not in services:
        create = hint(
            "create", "service", shlex.quote(scope.service), option("project", scope.project)
        )
        raise Refused(
            f"The project {scope.project} has no service {scope.service}; to create it, "
            f"execute: {create}"
        )
    return attrs.evolve(scope, stage=str(known[0].get("stageName")))


def _trigger(
    session: Session, scope: Scope, data: Json, said: str, *, actor: str | None, watch: bool
) -> None:
    """Send the event under ids of ours: sent twice, it triggers one sequence (R8)."""
    context = session.around.new_id()
    actor = session.around.user() if actor is None else actor
    event = {
        "specversion": "1.0",
        "id": session.around.new_id(),
        "source": SOURCE,
        "type": f"sh.keptn.event.{scope.stage}.{scope.sequence}.triggered",
        "datacontenttype": "application/json",
        "shkeptncontext": context,
        "shkeptnspecversion": SPEC_VERSION,
        **({"actor": actor} if actor else {}),
        "data": data | {"project": scope.project, "stage": scope.stage, "service": scope.service},
    }
    answer = session.client.insist("v1", "event", body=event).body
    if answer.get("outcome") == IGNORED:
        raise Refused(f"The controller does not know what to do with {event['type']}.")
    context = str(answer.get("keptnContext") or context)
    session.answer({"keptnContext": context}, said, f"ID of Keptn context: {context}")
    if watch:
        tell = (lambda _: None) if session.is_json else session.printer.line
        follow_context(session.client, scope.project, context, tell)
