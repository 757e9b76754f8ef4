"""Completion of names, by asking the controller; whatever goes wrong, there is nothing to offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import click

from examples.controller.cli.answers import Trouble
from examples.controller.cli.client import Client, Json
from examples.controller.cli.session import ENDPOINT, Surroundings
from examples.controller.cli.text import visible

PATIENCE: Final = 1.0
"""Nobody waits longer for a completion."""

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[str]]


def completer(names: Callable[[Client, dict[str, Any]], list[str]]) -> Completer:
    """Return a completer of click from what lists all names, given the options so far."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        root = context.find_root()
        around = root.obj if isinstance(root.obj, Surroundings) else Surroundings()
        endpoint = root.params.get("endpoint") or ENDPOINT
        token = root.params.get("token") or ""
        try:
            with Client(
                endpoint,
                token,
                transport=around.transport,
                sleep=lambda _seconds: None,
                timeout=PATIENCE,
            ) as client:
                found = names(client, context.params)
        except (Trouble, UnicodeError):
            return []
        return [name for name in found if name.startswith(begun) and name == visible(name)]

    return complete


def _stages(client: Client, options: dict[str, Any]) -> list[Json]:
    project = options.get("project")
    return client.all("stages", "v1", "project", project, "stage") if project else []


def _projects(client: Client, _options: dict[str, Any]) -> list[str]:
    return [str(each.get("projectName")) for each in client.all("projects", "v1", "project")]


def _stage_names(client: Client, options: dict[str, Any]) -> list[str]:
    return [str(stage.get("stageName")) for stage in _stages(client, options)]


def _services(client: Client, options: dict[str, Any]) -> list[str]:
    stages = _stages(client, options)
    services = [each for stage in stages for each in stage.get("services") or ()]
    return sorted({str(each.get("serviceName")) for each in services})


project_names = completer(_projects)
stage_names = completer(_stage_names)
service_names = completer(_services)
