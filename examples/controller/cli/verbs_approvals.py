"""Verbs about approvals: what waits for whom, and the votes of people.

A vote is for one approval. Where several are open, the user has to say which: nothing is guessed,
and a vote that comes too late is not taken for one on the next approval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from examples.controller.cli.answers import Refused
from examples.controller.cli.client import Json
from examples.controller.cli.completing import project_names, service_names, stage_names
from examples.controller.cli.finding import find, only_project
from examples.controller.cli.printing import option
from examples.controller.cli.session import Session, Verb, verb
from examples.controller.cli.text import clock
from examples.controller.cli.verbs_controls import By, controlling, send, unchanged
from examples.controller.cli.verbs_projects import in_project

HEADINGS: Final = (
    *("APPROVAL", "SERVICE", "CONTEXT", "VOTES", "WAITS FOR", "SINCE (UTC)", "UNTIL (UTC)", "ID"),
)
SAID: Final = {"pass": "You approve {}.", "warning": "You approve {}, with a warning.",
               "fail": "You reject {}."}  # fmt: skip
"""What a vote says of what it is about."""

LATE: Final = "late"
_AT_THE_END: Final = {"approve": "approved", "time_out": "timed out"}


def choosing(function: Verb) -> Verb:
    """Give a command the options that say which approval, where several are open."""
    for decorate in (
        click.option("--id", "task", help="The approval of this ID."),
        click.option("--stage", "-s", shell_complete=stage_names, help="In this stage alone."),
    ):
        function = decorate(function)
    return function


of_context = click.option(
    "--keptn-context", "-c", "context", required=True, help="The Keptn context."
)
in_any_project = click.option("--project", "-p", shell_complete=project_names, help="Its project.")
with_warning = click.option(
    "--warning", "result", flag_value="warning", default="pass", help="With the result warning."
)


@click.command("sequence")
@in_any_project
@of_context
@choosing
@with_warning
@controlling
@verb
def approve_sequence(session: Session, *, result: str, **about: Any) -> None:
    """Vote for the approval that is open in a Keptn context."""
    _of_sequence(session, result, **about)


@click.command("sequence")
@in_any_project
@of_context
@choosing
@controlling
@verb
def reject_sequence(session: Session, **about: Any) -> None:
    """Vote against the approval that is open in a Keptn context."""
    _of_sequence(session, "fail", **about)


@click.command("service")
@click.argument("name", shell_complete=service_names)
@in_project
@choosing
@with_warning
@controlling
@verb
def approve_service(session: Session, *, result: str, **about: Any) -> None:
    """Vote for the approval that is open for a service."""
    _of_service(session, result, **about)


@click.command("service")
@click.argument("name", shell_complete=service_names)
@in_project
@choosing
@controlling
@verb
def reject_service(session: Session, **about: Any) -> None:
    """Vote against the approval that is open for a service."""
    _of_service(session, "fail", **about)


@click.command("approvals")
@in_any_project
@click.option("--stage", "-s", shell_complete=stage_names, help="In this stage alone.")
@click.option("--service", shell_complete=service_names, help="For this service alone.")
@verb
def get_approvals(
    session: Session, *, project: str | None, stage: str | None, service: str | None
) -> None:
    """Show the open approvals: what waits for whom, since when and until when."""
    place = project or only_project(session.client)
    actor = session.around.user()
    found = _listed(session, place, stage=stage, service=service, actor=actor)
    body: Json = {"approvals": found, "totalCount": len(found)}
    session.answer_table(body, HEADINGS, [*map(_row, found)])


def _of_sequence(
    session: Session,
    result: str,
    *,
    project: str | None,
    context: str,
    stage: str | None,
    task: str | None,
    **by: Any,
) -> None:
    place = find(session.client, context, project).project
    found = _listed(session, place, keptnContext=context, stage=stage)
    approval = _one(found, task, f"the Keptn context {context}")
    if approval is None:  # it is over, or none at all: the controller says which
        approval = {"keptnContext": context, "taskId": task}
    _vote(session, place, approval, result, By(**by))


def _of_service(
    session: Session,
    result: str,
    *,
    project: str,
    name: str,
    stage: str | None,
    task: str | None,
    **by: Any,
) -> None:
    found = _listed(session, project, service=name, stage=stage)
    what = f"the service {name} in project {project}"
    approval = _one(found, task, what)
    if approval is None:
        raise Refused(f"No approval of {what} that is open has the ID {task}.")
    _vote(session, project, approval, result, By(**by))


def _listed(session: Session, project: str, **query: str | None) -> list[Json]:
    return session.client.all("approvals", "v1", "project", project, "approval", **query)


def _one(found: Sequence[Json], task: str | None, what: str) -> Json | None:
    """Return the one approval that is meant; None if that of the ID is not open."""
    if task is not None:
        return next((each for each in found if each.get("taskId") == task), None)
    if not found:
        raise Refused(f"No approval of {what} is open.")
    if len(found) > 1:
        named = "; ".join(f"{_named(each)}: {option('id', str(each['taskId']))}" for each in found)
        raise click.UsageError(f"Several approvals of {what} are open, say which. {named}")
    return found[0]


def _vote(session: Session, project: str, approval: Json, result: str, by: By) -> None:
    """Send a vote under an id, so that it counts once when its answer is lost."""
    path = ("v1", "sequence", project, str(approval["keptnContext"]), "vote")
    body = {"result": result, "taskId": approval["taskId"]}
    answer = send(session, path, body, by)
    nothing = unchanged(answer, repeated="duplicate")
    if answer.may_be_second and answer.body.get("outcome") == LATE:
        nothing = "It is over, perhaps by this vote, whose first answer was lost."
    said = nothing or SAID[result].format(_named(approval))
    message = str(answer.body.get("message") or "")
    session.answer(answer.body, *filter(None, (said, message)))


def _named(approval: Json) -> str:
    service = f" of {approval['service']}" if approval.get("service") else ""
    where = f" in stage {approval.get('stage')} ({approval.get('keptnContext')})"
    return f"{approval.get('task')}{service}{where}"


def _row(approval: Json) -> list[str]:
    return [
        f"{approval.get('stage')}.{approval.get('sequence')}: {approval.get('task')}",
        str(approval.get("service")),
        str(approval.get("keptnContext")),
        _votes(approval),
        _waits_for(approval),
        clock(approval.get("since"), with_date=True),
        _until(approval),
        str(approval.get("taskId")),
    ]


def _votes(approval: Json) -> str:
    """Return how many votes of how many there are, and whose; those against, if there are any."""
    voters = {
        is_against: [
            str(vote.get("voter"))
            for vote in approval.get("votes") or ()
            if (vote.get("result") == "fail") is is_against
        ]
        for is_against in (False, True)
    }
    said = [f"{len(voters[False])} of {approval.get('approve')}{_by(voters[False])}"]
    if voters[True]:
        said.append(f"{len(voters[True])} of {approval.get('reject')} against{_by(voters[True])}")
    return ", ".join(said)


def _by(voters: Sequence[str]) -> str:
    return f" ({', '.join(voters)})" if voters else ""


def _waits_for(approval: Json) -> str:
    """Return whose vote could bring it forward: of those who approve already none counts again."""
    votes = approval.get("votes") or ()
    done = [str(vote.get("voter")) for vote in votes if vote.get("result") != "fail"]
    others = [*map(str, approval.get("barred") or ()), *done]
    return f"anybody but {', '.join(dict.fromkeys(others))}" if others else "anybody"


def _until(approval: Json) -> str:
    """Return when it ends without more votes, and as what; it never does without a limit."""
    if not approval.get("deadline"):
        return ""
    is_own = approval.get("deadlineKind") == "completion"
    then = _AT_THE_END.get(str(approval.get("onExpiry")) if is_own else "time_out", "over")
    return f"{clock(approval['deadline'], with_date=True)} (then {then})"
