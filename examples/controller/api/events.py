"""The routes of CloudEvents: what comes in, the open tasks for who polls, the history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, final
from uuid import NAMESPACE_URL, uuid5

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.approvals import is_approval
from examples.controller.api.pages import page, part_of
from examples.controller.api.reading import (
    Refusal,
    cloudevent_of,
    instant_of,
    is_id,
    nobody,
    page_of,
    sender_of,
    wrong,
)
from examples.controller.host import Host
from examples.controller.settings import SOURCE
from examples.controller.storage.journal_reader import JournalReader, Page
from sequencectl import (
    ControlPlane,
    OpenTask,
    ProjectState,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    TriggerSequence,
    UnknownProject,
)
from sequencectl.cloudevents import from_cloudevent, project_of, to_cloudevent
from sequencectl.commands import Report

IGNORED: Final = "ignored"
"""The answer to an event that is none of ours."""

_COLUMNS: Final = {
    "project": "project",
    "stage": "stage",
    "service": "service",
    "keptnContext": "context",
    "eventID": "id",
    "type": "type",
    "source": "source",
}
"""Filters of Keptn's by which events are found, and the columns that they are about."""

_OF_SEQUENCE: Final = re.compile(r"sh\.keptn\.event\.[^.]+\.[^.]+\.triggered")


@final
class EventsApi:
    """Sequences are triggered and tasks reported on by CloudEvents; open tasks are listed."""

    def __init__(self, host: Host, *, actor_header: str = "") -> None:
        self._host = host
        self._actor_header = actor_header

    async def post_event(self, request: Request) -> Response:
        """Take in a CloudEvent: a trigger of a sequence, an executor's report, or a vote.

        In binary mode its attributes are headers such as ``ce-type``, and the body is its data.
        Who triggers or votes stands in its attribute ``actor``, unless a proxy says it.
        """
        event = await cloudevent_of(request)
        _complete(event)
        command, project = from_cloudevent(event, strict=True), project_of(event)
        context = _context_of(event)
        if command is None:
            return JSONResponse({"keptnContext": context, "outcome": IGNORED})
        if project is None:
            data = event.get("data")
            given = data.get("project") if isinstance(data, dict) else None
            raise wrong("data.project", given, "1 to 200 printable ASCII characters")
        if self._actor_header:
            command = await self._sent(request, project, command)
        outcome = await self._host.handle(project, command)
        return JSONResponse({"keptnContext": context, "outcome": outcome})

    async def _sent(
        self, request: Request, project: str, command: TriggerSequence | Report
    ) -> TriggerSequence | Report:
        """Return a command with the sender whom the proxy names, whatever it claims itself.

        Programs beside the proxy may trigger and report, in nobody's name; a vote is somebody's,
        and its source would stand for a person.
        """
        if isinstance(command, ReportTaskStarted | ReportTaskProgress):
            return command
        sender = sender_of(request, self._actor_header)
        if not sender and isinstance(command, ReportTaskFinished):
            is_vote = await self._host.ask(project, partial(is_approval, command.task_id))
            if is_vote:
                raise nobody(self._actor_header)
        return attrs.evolve(command, actor=sender)

    async def list_triggered(self, request: Request) -> Response:
        """List the open tasks of a type, in the order of the acceptance of their sequences.

        A type, a project or anything else that nobody has is an empty list: an executor asks for
        all that it works on in turn, and would stop at the first refusal.
        """
        kind, query = request.path_params["type"], request.query_params
        named = query.get("project")
        projects = (
            [named] if named else [project.name for project in await self._host.all_projects()]
        )
        wanted = {key: query[key] for key in ("stage", "service") if query.get(key)}
        known = query.get("eventID")
        found = [
            each.triggered
            for project in projects
            for each in await self._open_tasks(project)
            if kind == f"sh.keptn.event.{each.triggered.task}.triggered"
            and all(getattr(each.triggered.subject, key) == wanted[key] for key in wanted)
            and known in {None, "", each.triggered.task_id}
        ]
        part, following = part_of(request, found)
        events = [to_cloudevent(task, source=SOURCE) for task in part]
        return page(request, "events", events, total=len(found), following=following)

    async def list_events(self, request: Request) -> Response:
        """List what happened in a project or in a context, the newest first, as Keptn does."""
        query, (size, skip) = request.query_params, page_of(request)
        names = {column: query[key] for key, column in _COLUMNS.items() if query.get(key)}
        if names.keys().isdisjoint({"project", "context"}):
            raise Refusal(400, "project, keptnContext: one of them must be given")
        found = await self._host.read(
            partial(
                JournalReader.newest,
                size=size,
                skip=skip,
                names=names,
                is_root=query.get("root", "") not in {"", "false"},
                since=instant_of(request, "fromTime"),
                until=instant_of(request, "beforeTime"),
            )
        )
        return _events(request, found)

    async def list_history(self, request: Request) -> Response:
        """List what happened in a project, the oldest first; no page moves when more happens."""
        query, (size, after) = request.query_params, page_of(request)
        columns = {"keptnContext": "context", "type": "type"}
        found = await self._host.read(
            partial(
                JournalReader.history,
                project=(await self._host.project(request.path_params["project"])).name,
                size=size,
                after=after,
                names={column: query[key] for key, column in columns.items() if query.get(key)},
                since=instant_of(request, "fromTime"),
            )
        )
        return _events(request, found)

    async def _open_tasks(self, project: str) -> Sequence[OpenTask]:
        """Return the open tasks of a project; none if there is no such project, or no more."""
        try:
            return await self._host.ask(project, _open_tasks)
        except UnknownProject:
            return ()


def _events(request: Request, found: Page) -> Response:
    return page(request, "events", found.entries, total=found.total, following=found.following)


def _complete(event: dict[str, Any]) -> None:
    """Give a trigger without a context one of its own."""
    kind = event.get("type")
    if isinstance(kind, str) and _OF_SEQUENCE.fullmatch(kind):
        event["shkeptncontext"] = event.get("shkeptncontext") or _new_context(event)


def _context_of(event: dict[str, Any]) -> str:
    """Return the context of an event, or a new one: Keptn's clients need a text in any case."""
    given = event.get("shkeptncontext")
    return given if isinstance(given, str) and is_id(given) else _new_context(event)


def _new_context(event: dict[str, Any]) -> str:
    """Return a context for an event that has none; the same for the same event."""
    about = f"{project_of(event) or ''}\n{event['id']}"
    return str(uuid5(NAMESPACE_URL, about.encode(errors="backslashreplace").decode()))


def _open_tasks(plane: ControlPlane, state: ProjectState) -> tuple[OpenTask, ...]:
    return plane.open_tasks(state)
