"""Verbs that control what runs: pause, resume, abort and exempt a sequence, freeze a stage.

What is printed is what the proposal shows. An answer that nothing has changed is no error: it is
said as it is, and the exit status is 0.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, Final

import attrs
import click

from examples.controller.cli.answers import Unanswered
from examples.controller.cli.client import Answer, Json
from examples.controller.cli.completing import project_names, stage_names
from examples.controller.cli.finding import Found, find
from examples.controller.cli.printing import hint, option
from examples.controller.cli.session import Session, Verb, verb
from examples.controller.cli.story import sequences
from examples.controller.cli.text import clock
from examples.controller.cli.until import FORMS, until_of
from examples.controller.cli.verbs_projects import in_project

APPLIED: Final = "applied"
REPEATED: Final = "repeated"
SAID: Final = {
    "pause": "The current sequence execution is paused.",
    "resume": "The sequence execution resumes.",
    "abort": "The sequence execution is aborted.",
}
IN_LINE: Final = frozenset({"waiting", "held"})
UNCHANGED: Final = {
    "already_paused": "It was paused already; nothing has changed.",
    "not_paused": "It is not paused; nothing has changed.",
    "already_aborting": "It is being aborted already; --force ends it now.",
    "already_frozen": "It was frozen already; nothing has changed.",
    "not_frozen": "It is not frozen; nothing has changed.",
    "already_exempt": "It may start already; nothing has changed.",
    "already_started": "It has started already; nothing has changed.",
    "not_parked": "It is not parked; nothing has changed.",
    "already_voted": "You have said so already; nothing has changed.",
    "late": "It is over already; nothing has changed.",
    "duplicate": "This vote was counted before; nothing has changed.",
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


@click.command("sequence")
@addressing
@click.option("--id", "sequence", help="The sequence of this ID, if several are in line.")
@controlling
@verb
def exempt(
    session: Session,
    *,
    project: str | None,
    context: str,
    stage: str,
    sequence: str | None,
    **by: Any,
) -> None:
    """Let one sequence start in spite of a freeze or the calendar, as soon as its lane is free."""
    found = find(session.client, context, project)
    known = sequence or one_of(found, stage, _is_in_line, "Several sequences are in line")
    body: Json = {"sequenceId": known, "stage": stage}
    answer = send(session, ("v1", "sequence", found.project, context, "exempt"), body, By(**by))
    nothing = unchanged(answer)
    said = "The sequence may start in spite of freeze and calendar." if nothing is None else nothing
    session.answer(answer.body, said, str(answer.body.get("message")))


@click.command("stage")
@click.argument("name", shell_complete=stage_names)
@in_project
@click.option("--until", "said", metavar="WHEN", help=f"When it ends by itself: {FORMS}.")
@controlling
@verb
def freeze(session: Session, *, name: str, project: str, said: str | None, **by: Any) -> None:
    """Let nothing new start in a stage; what runs there goes on to its end."""
    until = None if said is None else _until(session, said)
    end = "" if until is None else f" until {clock(until, with_date=True)} UTC"
    done = f"The stage {name} of project {project} is frozen{end}: nothing new starts there."
    thaw = hint("unfreeze", "stage", shlex.quote(name), option("project", project))
    then = f"To unfreeze the stage, execute: {thaw}"
    path = ("v1", "project", project, "stage", name)
    body = {"state": "freeze"} | ({} if until is None else {"until": until})
    _control_stage(session, path, body, By(**by), (done, then))


@click.command("stage")
@click.argument("name", shell_complete=stage_names)
@in_project
@controlling
@verb
def unfreeze(session: Session, *, name: str, project: str, **by: Any) -> None:
    """Let what waits for a stage start again."""
    said = f"The stage {name} of project {project} is open again."
    path = ("v1", "project", project, "stage", name)
    _control_stage(session, path, {"state": "unfreeze"}, By(**by), (said,))


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
    answer = send(session, ("v1", "sequence", place, context, "control"), body, by)
    nothing = unchanged(answer)
    said = [nothing or SAID[body["state"]]]
    if body["state"] == "abort":  # it waits for something, unless this is empty
        drained = str(answer.body.get("message") or "")
        said.append(drained)
        then = then if drained else ""
    session.answer(answer.body, *filter(None, [*said, then if nothing is None else ""]))


def _control_stage(
    session: Session, path: tuple[str, ...], body: Json, by: By, said: tuple[str, ...]
) -> None:
    answer = send(session, (*path, "control"), body, by)
    nothing = unchanged(answer)
    session.answer(answer.body, *(said if nothing is None else (nothing,)))


def _until(session: Session, said: str) -> str:
    """Return when a freeze ends, as the controller reads it."""
    try:
        return until_of(said, session.around.now()).isoformat()
    except ValueError as error:
        raise click.UsageError(f"--until: {error}.") from None


def _is_in_line(_state: Json, sequence: Json) -> bool:
    return sequence.get("phase") in IN_LINE


def one_of(found: Found, stage: str, is_meant: Callable[[Json, Json], bool], several: str) -> str:
    """Return the id of the one sequence that is meant; empty if none is: the controller says why.

    `is_meant` is asked about the state of the context and each of its sequences in the stage.
    """
    meant = [
        each
        for each in sequences(found.detail)
        if stage in {"", each.get("stage")} and is_meant(found.detail, each)
    ]
    if len(meant) > 1:
        named = "; ".join(
            f"{each.get('name')} in stage {each.get('stage')}: {option('id', str(each.get('id')))}"
            for each in meant
        )
        raise click.UsageError(f"{several}, say which. {named}")
    return str(meant[0].get("id")) if meant else ""


def send(session: Session, path: tuple[str, ...], body: Json, by: By) -> Answer:
    """Send what a person wants under an id: it may be sent again if its answer is lost (R25)."""
    request_id = by.request_id or session.around.new_id()
    actor = session.around.user() if by.actor is None else by.actor
    body = body | {"actor": actor, "reason": by.reason, "requestId": request_id}
    again = f"It may have taken effect; --request-id={request_id} makes it safe to ask again."
    return send_once(session, path, body, again)


def send_once(session: Session, path: tuple[str, ...], body: Json, again: str) -> Answer:
    """Send what has an id; `again` says how to ask once more if its answer stays lost."""
    try:
        return session.client.insist(*path, body=body)
    except Unanswered as error:
        raise Unanswered(f"{error} {again}") from error


def unchanged(answer: Answer, *, repeated: str = REPEATED) -> str | None:
    """Return the sentence for an answer that nothing has changed; None if something has.

    If an earlier attempt of ours was carried out and its answer lost, something has: then the
    outcome is `repeated`.
    """
    outcome = str(answer.body.get("outcome"))
    if outcome == APPLIED or (outcome == repeated and answer.may_be_second):
        return None
    return UNCHANGED.get(outcome, f"Nothing has changed: {outcome}.")
