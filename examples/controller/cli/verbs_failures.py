"""Verbs for what has failed: run a parked task again, skip it, redrive what is over.

Nothing is guessed: where several sequences of a context could be meant, the user has to say which.
"""

from __future__ import annotations

from typing import Any, Final

import click

from examples.controller.cli.client import Answer, Json
from examples.controller.cli.finding import find
from examples.controller.cli.session import Session, Verb, verb
from examples.controller.cli.standing import has_failed, is_parked
from examples.controller.cli.verbs_controls import (
    By,
    addressing,
    controlling,
    one_of,
    send,
    send_once,
    unchanged,
)

SAID: Final = {
    "pass": "The task counts as passed.",
    "warning": "The task counts as passed with a warning.",
    "fail": "The task counts as failed: the sequence ends.",
}
"""What a skip says of the task."""

DUPLICATE: Final = "duplicate"


def choosing(function: Verb) -> Verb:
    """Give a command the option that says which sequence, where there are several."""
    what = click.option("--id", "sequence", help="The sequence of this ID, if there are several.")
    return what(function)


@click.command("sequence")
@addressing
@choosing
@controlling
@verb
def retry(session: Session, *, sequence: str | None, **about: Any) -> None:
    """Run the task that a sequence is parked with again, once."""
    place, context, body, by = _parked(session, sequence, **about)
    answer = send(session, ("v1", "sequence", place, context, "retry"), body, by)
    _say(session, answer, unchanged(answer) or "The task runs again.")


@click.command("sequence")
@addressing
@choosing
@click.option(
    "--result",
    required=True,
    type=click.Choice(tuple(SAID)),
    help="What the task counts as; with fail the sequence ends.",
)
@controlling
@verb
def skip(session: Session, *, sequence: str | None, result: str, **about: Any) -> None:
    """Let a parked sequence go on as if its task had come to this result."""
    place, context, body, by = _parked(session, sequence, **about)
    body |= {"result": result}
    answer = send(session, ("v1", "sequence", place, context, "skip"), body, by)
    _say(session, answer, unchanged(answer) or SAID[result])


@click.command("sequence")
@addressing
@choosing
@click.option("--from", "start_at", metavar="TASK", help="The task to begin with.")
@click.option("--actor", help="Who asks for it; by default you.")
@verb
def redrive(
    session: Session,
    *,
    project: str | None,
    context: str,
    stage: str,
    sequence: str | None,
    start_at: str | None,
    actor: str | None,
) -> None:
    """Go on where a sequence failed that is over, in a new one, or with another task of it.

    The task gets what it got when it ran last in that sequence, or in one that redrives it or that
    it redrives; if it never ran there, what the sequence had come to.
    """
    found = find(session.client, context, project)
    known = sequence or one_of(found, stage, has_failed, "Several sequences have failed")
    explanation = (found.detail.get("explanations") or {}).get(known) or {}
    body: Json = {
        "sequenceId": known,
        "stage": stage,
        "startAt": start_at or "",
        "redriveId": str(explanation.get("redriveId") or ""),
        "actor": session.around.user() if actor is None else actor,
    }
    path = ("v1", "sequence", found.project, context, "redrive")
    again = "It may have taken effect; the same command asks for the same again."
    answer = send_once(session, path, body, again)
    new = answer.body.get("sequenceId")
    said = f"Sequence {new} goes on where {known or 'it'} failed."
    if answer.body.get("outcome") == DUPLICATE and not answer.may_be_second:
        said = f"Sequence {new} redrives it already; nothing has changed."
    _say(session, answer, said)


def _parked(
    session: Session, sequence: str | None, *, project: str | None, context: str, stage: str,
    **by: Any,
) -> tuple[str, str, Json, By]:  # fmt: skip
    """Return where the parked sequence is that is meant, and who asks."""
    found = find(session.client, context, project)
    known = sequence or one_of(found, stage, is_parked, "Several sequences are parked")
    return found.project, context, {"sequenceId": known, "stage": stage}, By(**by)


def _say(session: Session, answer: Answer, said: str) -> None:
    session.answer(answer.body, said, str(answer.body.get("message")))
