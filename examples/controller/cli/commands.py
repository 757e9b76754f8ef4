"""The tree of verbs, and the options before them."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from examples.controller.cli import (
    verbs_approvals,
    verbs_controls,
    verbs_events,
    verbs_failures,
    verbs_program,
    verbs_projects,
    verbs_sequences,
    verbs_trigger,
)
from examples.controller.cli.client import Client
from examples.controller.cli.printing import PROGRAM, Printer
from examples.controller.cli.session import ENDPOINT, FORMATS, Session, Surroundings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--endpoint",
    envvar="SEQUENCECTL_ENDPOINT",
    default=ENDPOINT,
    show_default=True,
    show_envvar=True,
    help="Where the controller is.",
)
@click.option(
    "--token", envvar="SEQUENCECTL_TOKEN", default="", show_envvar=True, help="Its token."
)
@click.option("--output", type=click.Choice(FORMATS), default="text", show_default=True)
@click.version_option(version("sequencectl"), prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context, endpoint: str, token: str, output: str) -> None:
    """Deliver services, approve, pause, abort, retry and explain what runs, by a controller's API.

    Exit status: 0 if it is done, 1 if the controller refuses it, 2 for wrong usage, 3 if there is
    no answer, 4 for a wrong token, 5 if what was watched ended with other than pass or warning.
    """
    if not token.isascii() or not token.isprintable():
        raise click.UsageError("The token has characters that no header can carry.")
    around = context.obj if isinstance(context.obj, Surroundings) else Surroundings()
    client = Client(endpoint, token, transport=around.transport, sleep=around.sleep)
    context.with_resource(client)
    context.obj = Session(client, Printer(sys.stdout, sys.stderr), around, is_json=output == "json")


def _group(name: str, sentence: str, *commands: click.Command) -> click.Group:
    return click.Group(name, commands=commands, help=sentence)


for command in (
    verbs_program.auth,
    verbs_program.status,
    _group(
        "create",
        "Create a project or a service.",
        verbs_projects.create_project,
        verbs_projects.create_service,
    ),
    _group("update", "Give a project another shipyard.", verbs_projects.update_project),
    _group(
        "delete",
        "Delete a project or a service.",
        verbs_projects.delete_project,
        verbs_projects.delete_service,
    ),
    _group(
        "get",
        "Show projects, stages, services, sequences, approvals, windows or open events.",
        verbs_projects.get_project,
        verbs_projects.get_stage,
        verbs_projects.get_service,
        verbs_sequences.get_sequence,
        verbs_approvals.get_approvals,
        verbs_projects.get_windows,
        verbs_events.get_event,
    ),
    _group(
        "trigger",
        "Trigger a delivery or a sequence.",
        verbs_trigger.delivery,
        verbs_trigger.sequence,
    ),
    _group("pause", "Pause a sequence.", verbs_controls.pause),
    _group("resume", "Resume a sequence.", verbs_controls.resume),
    _group("abort", "Abort a sequence.", verbs_controls.abort),
    _group(
        "approve",
        "Vote for what waits for it.",
        verbs_approvals.approve_sequence,
        verbs_approvals.approve_service,
    ),
    _group(
        "reject",
        "Vote against what waits for it.",
        verbs_approvals.reject_sequence,
        verbs_approvals.reject_service,
    ),
    _group("exempt", "Let a sequence start in spite of freezes.", verbs_controls.exempt),
    _group("retry", "Run the task of a parked sequence again.", verbs_failures.retry),
    _group("skip", "Skip the task of a parked sequence.", verbs_failures.skip),
    _group("redrive", "Go on where a sequence failed.", verbs_failures.redrive),
    _group("freeze", "Freeze a stage.", verbs_controls.freeze),
    _group("unfreeze", "Unfreeze a stage.", verbs_controls.unfreeze),
    verbs_sequences.explain,
    _group("send", "Send an event.", verbs_events.send_event),
    verbs_program.completion,
):
    program.add_command(command)
