"""Verbs that show what runs, and why it does not: the list of contexts, and explanations."""

from __future__ import annotations

import sys
from typing import Final

import click

from examples.controller.cli.answers import Refused
from examples.controller.cli.client import Json
from examples.controller.cli.completing import project_names, service_names, stage_names
from examples.controller.cli.finding import Found, find, find_sequence, only_project
from examples.controller.cli.session import Session, verb
from examples.controller.cli.standing import is_parked, notes, ways_out
from examples.controller.cli.story import sequences
from examples.controller.cli.text import clock
from examples.controller.cli.watching import HEADINGS, Watch, rows_of

STATES: Final = ("triggered", "waiting", "started", "paused", "finished", "timedOut", "aborted")


@click.command("sequence")
@click.option("--project", "-p", shell_complete=project_names, help="The project.")
@click.option("--keptn-context", "-c", "keptnContext", help="These contexts: one, or C1,C2.")
@click.option("--name", help="Sequences of this name.")
@click.option("--state", type=click.Choice(STATES), help="Contexts in this state.")
@click.option("--stage", shell_complete=stage_names, help="What has come to this stage.")
@click.option("--service", shell_complete=service_names, help="Deliveries of this service.")
@click.option("--page-size", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--all", "is_all", is_flag=True, help="All pages, and not only the newest.")
@click.option("--watch", is_flag=True, help="Follow them until all of them are over.")
@verb
def get_sequence(
    session: Session,
    *,
    project: str | None,
    page_size: int,
    is_all: bool,
    watch: bool,
    **filters: str | None,
) -> None:
    """Show what was triggered in a project, the newest first.

    Below stands what there is to say of runs that failed, of progress, and of what is parked; of
    sequences that are over, too, if --keptn-context names them.
    """
    path = ("v1", "sequence", project or only_project(session.client))

    def read() -> Json:
        pages = session.client.pages(*path, pageSize=page_size, **filters)
        page = next(pages)
        for another in pages if is_all else ():
            page = another | {"states": [*page["states"], *another["states"]]}
        return page

    if not watch:
        page = read()
        states = page.get("states") or []
        session.answer_table(page, HEADINGS, rows_of(states))
        if not session.is_json:
            is_all = bool(filters["keptnContext"])
            for state in states:
                _tell_more(session, path[-1], state, is_all=is_all)
        return
    watching = Watch(
        client=session.client,
        project=path[-1],
        read=lambda: list(read().get("states") or ()),
        printer=session.printer,
        room=sys.maxsize if is_all else page_size,
        is_silent=session.is_json,
    )
    states = watching.run()
    if session.is_json:
        session.printer.json({"states": states, "totalCount": len(states)})
    watching.judge()


@click.command("explain")
@click.argument("known", metavar="[ID]", required=False)
@click.option("--project", "-p", shell_complete=project_names, help="Its project.")
@click.option("--keptn-context", "-c", "context", help="The Keptn context.")
@click.option("--stage", "-s", shell_complete=stage_names, help="In this stage alone.")
@verb
def explain(
    session: Session,
    *,
    known: str | None,
    project: str | None,
    context: str | None,
    stage: str | None,
) -> None:
    """Say how the sequences of a context stand and why, or the one sequence of this ID."""
    if (known is None) == (context is None):
        raise click.UsageError("Give either an ID or --keptn-context.")
    found = _found(session, known or context or "", project, is_context=context is not None)
    lines = [
        line
        for each in sequences(found.detail)
        if stage in {None, each.get("stage")} and known in {None, found.context, each.get("id")}
        for line in (_explanation(found.detail, each), *ways_out(found.detail, each))
    ]
    controls = found.detail.get("controls") or ()
    logged = reversed(found.detail.get("logs") or ())
    session.answer(found.detail, *lines, *map(_control, controls), *map(_logged, logged))


def _tell_more(session: Session, project: str, state: Json, *, is_all: bool) -> None:
    """Print what a list has no room for; what can be done about it stands in the detail."""
    if is_all or any(is_parked(state, each) for each in sequences(state)):
        state = session.client.get("v1", "sequence", project, str(state.get("shkeptncontext")))
    session.printer.lines(notes(state, session.around.now(), is_all=is_all))


def _found(session: Session, known: str, project: str | None, *, is_context: bool) -> Found:
    """Return the context of this id or, unless a context is asked for, that of this sequence."""
    try:
        return find(session.client, known, project)
    except Refused:
        if is_context:
            raise
    return find_sequence(session.client, known, project)


def _explanation(detail: Json, sequence: Json) -> str:
    """Return the explanation of a sequence; one that is forgotten has but its end."""
    explanations = detail.get("explanations") or {}
    if explanation := explanations.get(sequence.get("id")):
        return str(explanation.get("text"))
    named = f"{sequence.get('name')} in stage {sequence.get('stage')}"
    ended = f"{sequence.get('phase')} with result {sequence.get('result')}"
    return f"{named}: {ended}. {sequence.get('message') or ''}".rstrip()


def _control(control: Json) -> str:
    """Return who controlled the context, how, when and why."""
    stage = f" in stage {control['stage']}" if control.get("stage") else ""
    actor = f" by {control['actor']}" if control.get("actor") else ""
    reason = f" ({control['reason']})" if control.get("reason") else ""
    when = clock(control.get("at"), with_date=True)
    return f"{when} UTC: {control.get('kind')}{stage}{actor}{reason}"


def _logged(entry: Json) -> str:
    """Return what an executor logged about the context, and when."""
    task = f" by {entry['task']}" if entry.get("task") else ""
    when = clock(entry.get("time"), with_date=True)
    return f"{when} UTC: logged{task}: {entry.get('message')}"
