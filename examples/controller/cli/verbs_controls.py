"""Verbs that control what runs: pause, resume and abort a sequence, freeze and unfreeze a stage.

What is printed is what the proposal shows. An answer that nothing has changed is no error: it is
said as it is, and the exit status is 0.
"""

from __future__ import annotations

import shlex
from typing import Any, Final

import attrs
import click

from examples.controller.cli.answers import Unanswered
from examples.controller.cli.client import Answer, Json
from examples.controller.cli.completing import project_names, stage_names
from examples.controller.cli.finding import find
from examples.controller.cli.printing import hint, option
from examples.controller.cli.session import Session, Verb, verb
from examples.controller.cli.verbs_projects import in_project

APPLIED: Final = "applied"
REPEATED: Final = "repeated"
SAID: Final = {
    "pause": "The current sequence execution is paused.",
    "resume": "The sequence execution resumes.",
    "abort": "The sequence execution is aborted.",
}
UNCHANGED: Final = {
    "already_paused": "It was paused already; nothing has changed.",
    "not_paused": "It is not paused; nothing has changed.",
    "already_aborting": "It is being aborted already; --force ends it now.",
    "already_frozen": "It was frozen already; nothing has changed.",
    "not_frozen": "It is not frozen; nothing has changed.",
    REPEATED: "This request was carried out before; nothing has changed.",
}


@attrs.frozen
class By:
    """Who asks, why, and the id by which the request is known when it comes again."""

    actor: str | None
    reason: str
    request_id: str | None


def controlling(function: Verb) -> Verb:
    """Give a command the options that say who asks, and why."""
    for decorate in (
        click.option("--request-id", help="An id of the request; by default a new one."),
        click.option("--actor", help="Who asks for it; by default you."),
        click.option("--reason", default="", help="Why."),
    ):
        function = decorate(function)
    return function


def addressing(function: Verb) -> Verb:
    """Give a command the options that say what it controls."""
    for decorate in (
        click.option("--stage", "-s", default="", help="In this stage alone."),
        click.option("--keptn-context", "-c", "context", required=True, help="The Keptn context."),
        click.option("--project", "-p", shell_complete=project_names, help="Its project."),
    ):
        function = decorate(function)
    return function


@click.command("sequence")
@addressing
@controlling
@verb
def pause(session: Session, *, project: str | None, context: str, stage: str, **by: Any) -> None:
    """Let the task in flight finish and trigger no other until it is resumed."""
    words = [option("keptn-context", context)] + ([option("stage", stage)] if stage else [])
    resume_it = hint("resume", "sequence", *words)
    then = f"To resume the sequence execution, execute: {resume_it}"
    body = {"state": "pause", "stage": stage}
    _control(session, project=project, context=context, body=body, by=By(**by), then=then)


@click.command("sequence")
@addressing
@controlling
@verb
def resume(session: Session, *, project: str | None, context: str, stage: str, **by: Any) -> None:
    """Go on with the next task."""
    body = {"state": "resume", "stage": stage}
    _control(session, project=project, context=context, body=body, by=By(**by))


@click.command("sequence")
@addressing
@controlling
@click.option("--force", is_flag=True, help="End it now, whatever its task in flight does.")
@verb
def abort(
    session: Session, *, project: str | None, context: str, stage: str, force: bool, **by: Any
) -> None:
    """Let the task in flight finish, trigger no other, and end it as aborted."""
    body: Json = {"state": "abort", "stage": stage, "force": force}

    end_it = hint("abort", "sequence", option("keptn-context", context), "--force")
    then = f"To end it now, execute: {end_it}"
    _control(session, project=project, context=context, body=body, by=By(**by), then=then)


@click.command("stage")
@click.argument("name", shell_complete=stage_names)
@in_project
@controlling
@verb
def freeze(session: Session, *, name: str, project: str, **by: Any) -> None:
    """Let nothing new start in a stage; what runs there goes on to its end."""
    said = f"The stage {name} of project {project} is frozen: nothing new starts there."
    thaw = hint("unfreeze", "stage", shlex.quote(name), option("project", project))
    then = f"To unfreeze the stage, execute: {thaw}"
    path = ("v1", "project", project, "stage", name)
    _control_stage(session, path, "freeze", By(**by), (said, then))


@click.command("stage")
@click.argument("name", shell_complete=stage_names)
@in_project
@controlling
@verb
def unfreeze(session: Session, *, name: str, project: str, **by: Any) -> None:
    """Let what waits for a stage start again."""
    said = f"The stage {name} of project {project} is open again."
    path = ("v1", "project", project, "stage", name)
    _control_stage(session, path, "unfreeze", By(**by), (said,))


def _control(
    session: Session,
    *,
    project: str | None,
    context: str,
    body: Json,
    by: By,
    then: str = "",
) -> None:
    """Send a control and say what came of it, and what can be done `then`."""
    place = find(session.client, context, project).project
    answer = _send(session, ("v1", "sequence", place, context, "control"), body, by)
    unchanged = _unchanged(answer)
    said = [unchanged or SAID[body["state"]]]
    if body["state"] == "abort":  # it waits for something, unless this is empty
        drained = str(answer.body.get("message") or "")
        said.append(drained)
        then = then if drained else ""
    session.answer(answer.body, *filter(None, [*said, then if unchanged is None else ""]))


def _control_stage(
    session: Session, path: tuple[str, ...], state: str, by: By, said: tuple[str, ...]
) -> None:
    answer = _send(session, (*path, "control"), {"state": state}, by)
    unchanged = _unchanged(answer)
    session.answer(answer.body, *(said if unchanged is None else (unchanged,)))


def _send(session: Session, path: tuple[str, ...], body: Json, by: By) -> Answer:
    """Send a control under an id, so that it can be sent again when its answer is lost (R25)."""
    request_id = by.request_id or session.around.new_id()
    actor = session.around.user() if by.actor is None else by.actor
    body = body | {"actor": actor, "reason": by.reason, "requestId": request_id}
    try:
        return session.client.insist(*path, body=body)
    except Unanswered as error:
        again = f"It may have taken effect; --request-id={request_id} makes it safe to ask again."
        raise Unanswered(f"{error} {again}") from error


def _unchanged(answer: Answer) -> str | None:
    """Return the sentence for an answer that nothing has changed; None if something has.

    If an earlier attempt of ours was carried out and its answer lost, something has.
    """
    outcome = str(answer.body.get("outcome"))
    if outcome == APPLIED or (outcome == REPEATED and answer.may_be_second):
        return None
    return UNCHANGED.get(outcome, f"Nothing has changed: {outcome}.")
