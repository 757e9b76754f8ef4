"""Finding a context when nobody says in which project it is, as the proposal's commands do not."""

from __future__ import annotations

from typing import Final, final

import attrs
import click

from examples.controller.cli.answers import Refused
from examples.controller.cli.client import Client, Json

NOT_FOUND: Final = 404


@final
@attrs.frozen
class Found:
    """A context with its project, and all that the controller says of it."""

    project: str
    context: str
    detail: Json


def projects_of(client: Client) -> list[str]:
    """Return the names of all projects."""
    return [str(each.get("projectName")) for each in client.all("projects", "v1", "project")]


def only_project(client: Client) -> str:
    """Return the name of the project, if there is one alone; else the user has to say which."""
    projects = projects_of(client)
    if len(projects) != 1:
        raise click.UsageError("Say with --project which project.")
    return projects[0]


def detail_of(client: Client, project: str, context: str) -> Json | None:
    """Return what is known of a context; None if the project does not know it."""
    try:
        return client.get("v1", "sequence", project, context)
    except Refused as error:
        if error.status != NOT_FOUND:
            raise
        return None


def find(client: Client, context: str, project: str | None) -> Found:
    """Return a context of this project, or of the only project that has one of this name."""
    places = [project] if project else projects_of(client)
    details = [(place, detail_of(client, place, context)) for place in places]
    found = [Found(place, context, detail) for place, detail in details if detail is not None]
    if not found:
        where = f"The project {project}" if project else "No project"
        knows = "does not know" if project else "knows"
        raise Refused(f"{where} {knows} the Keptn context {context}.", status=NOT_FOUND)
    if len(found) > 1:
        names = ", ".join(each.project for each in found)
        raise click.UsageError(f"Several projects have it ({names}): say which with --project.")
    return found[0]


def find_sequence(client: Client, sequence: str, project: str | None) -> Found:
    """Return the context that has a sequence of this id, of all that are kept."""
    for place in [project] if project else projects_of(client):
        for state in client.all("states", "v1", "sequence", place):
            if any(each.get("id") == sequence for each in state.get("sequences") or ()):
                return find(client, str(state.get("shkeptncontext")), place)
    raise Refused(f"There is neither a context nor a sequence {sequence}.", status=NOT_FOUND)
