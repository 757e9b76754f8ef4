"""Verbs about the program and its controller: is it there, does it take the token, completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from examples.controller.cli.answers import Unreachable
from examples.controller.cli.printing import PROGRAM
from examples.controller.cli.session import Session, verb

SHELLS = ("bash", "zsh", "fish")


@click.command("auth")
@verb
def auth(session: Session) -> None:
    """Check the endpoint and the token."""
    body = session.client.send("POST", "v1", "auth")
    session.answer(body, f"The controller at {session.client.endpoint} takes the token.")


@click.command("status")
@verb
def status(session: Session) -> None:
    """Show whether the controller is well, and its version."""
    health = session.client.get("healthz")
    if health.get("status") != "ok":
        raise Unreachable(f"The controller at {session.client.endpoint} is not well.")
    body = session.client.get("v1", "metadata")
    label, version = body.get("keptnlabel"), body.get("sequencectlversion")
    session.answer(body, f"The controller at {session.client.endpoint} is well: {label} {version}.")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete the program's words."""
    session: Session = context.obj
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    root = context.find_root().command
    complete = completion_class(root, {}, PROGRAM, complete_variable())
    session.printer.verbatim(complete.source_template % complete.source_vars() + "\n")


def complete_variable() -> str:
    """Return the variable in which a shell says what it wants to know."""
    return f"_{PROGRAM}_COMPLETE".replace("-", "_").upper()
