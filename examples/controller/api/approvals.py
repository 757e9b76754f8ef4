"""The routes of approvals: which are open, and the votes of people on them (R34).

Shows: a vote is a report as any other, sent on behalf of a person. Who that is comes from the
header that a proxy sets, where there is one; nobody votes without a name. Leaves out: groups of
people and what they may approve, which are a proxy's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final, final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.pages import page, part_of
from examples.controller.api.reading import (
    MAX_REASON,
    Refusal,
    actor_of,
    asker_of,
    fields_of,
    id_of,
    wrong,
)
from examples.controller.host import Host
from examples.controller.settings import SOURCE
from examples.controller.storage.deliveries import Document, approval_of, instant
from examples.controller.storage.states import outcome_of, votes_of
from sequencectl import (
    ControlPlane,
    EndedSequence,
    OpenTask,
    ProjectState,
    ReportTaskFinished,
    Result,
    SequenceRecord,
    UnknownContext,
)
from sequencectl.errors import shown
from sequencectl.events import TaskTriggered

RESULTS: Final = tuple(result.value for result in Result)
"""What a vote may say: pass and warning approve, fail rejects."""


@final
class ApprovalsApi:
    """Open approvals are listed, and people vote on them."""

    def __init__(self, host: Host, *, actor_header: str = "") -> None:
        self._host = host
        self._actor_header = actor_header

    async def list_approvals(self, request: Request) -> Response:
        """List the open approvals of a project, and what a vote of who asks would get."""
        project = (await self._host.project(request.path_params["project"])).name
        names = {"stage": "stage", "service": "service", "keptnContext": "context"}
        query = request.query_params
        wanted = {names[key]: query[key] for key in names if query.get(key)}
        actor = asker_of(request, self._actor_header)
        found = await self._host.ask(project, partial(_listed, wanted))
        part, following = part_of(request, found)
        shown = await self._host.ask(project, partial(_shown, part, actor))
        return page(request, "approvals", shown, total=len(found), following=following)

    async def vote(self, request: Request) -> Response:
        """Vote on an approval that is open in a delivery.

        The message says how many votes of how many there are then, or what was decided. Where
        several are open, `taskId` or `stage` must say which.
        """
        project = (await self._host.project(request.path_params["project"])).name
        context = id_of(request.path_params["context"], "keptnContext")
        fields = await fields_of(request)
        actor = actor_of(request, fields, self._actor_header)
        result, reason = fields.text("result"), fields.words("reason", most=MAX_REASON)
        stage, task = fields.text("stage", default=""), fields.text("taskId", default="")
        report_id = fields.text("requestId", default="") or None
        fields.end()
        if result not in RESULTS:
            raise wrong("result", result, f"one of {', '.join(RESULTS)}")
        if not actor:
            raise Refusal(400, "actor: must say who votes")
        known = await self._host.ask(project, partial(_addressed, context, stage, task))
        command = ReportTaskFinished(
            known, source=SOURCE, result=result, message=reason, report_id=report_id, actor=actor
        )
        outcome = await self._host.handle(project, command)
        message = await self._host.ask(project, partial(_standing, context, known))
        return JSONResponse({"outcome": outcome, "message": message, "taskId": known})


def is_approval(task_id: str, plane: ControlPlane, state: ProjectState) -> bool:
    """Return whether a task is an open approval."""
    return any(each.triggered.task_id == task_id for each in open_approvals(plane, state))


def open_approvals(plane: ControlPlane, state: ProjectState) -> Iterator[OpenTask]:
    """Yield the tasks in flight that people decide, in the order of acceptance."""
    return (each for each in plane.open_tasks(state) if each.triggered.approval is not None)


def approvals_of(plane: ControlPlane, state: ProjectState) -> dict[tuple[str, str], list[Document]]:
    """Return the open approvals by stage and service, each as Keptn shows it at a service."""
    found: dict[tuple[str, str], list[Document]] = {}
    for each in open_approvals(plane, state):
        subject = each.triggered.subject
        found.setdefault((subject.stage, subject.service), []).append(
            {
                "eventId": each.triggered.task_id,
                "keptnContext": subject.context,
                "time": instant(each.triggered.at),
            }
        )
    return found


def _listed(
    wanted: Mapping[str, str], plane: ControlPlane, state: ProjectState
) -> list[TaskTriggered]:
    """Return the open approvals whose subjects have these texts."""
    return [
        each.triggered
        for each in open_approvals(plane, state)
        if all(getattr(each.triggered.subject, name) == text for name, text in wanted.items())
    ]


def _shown(
    approvals: Iterable[TaskTriggered], actor: str, plane: ControlPlane, state: ProjectState
) -> list[Document]:
    """Return how approvals stand; one that was decided a moment ago is left out."""
    standing = {each.triggered.task_id: each for each in open_approvals(plane, state)}
    found = (standing[each.task_id] for each in approvals if each.task_id in standing)
    return [_approval(each, actor, plane, state) for each in found]


def _approval(each: OpenTask, actor: str, plane: ControlPlane, state: ProjectState) -> Document:
    triggered, subject = each.triggered, each.triggered.subject
    assert triggered.approval is not None
    why = plane.explain(state, subject.sequence_id)
    vote = plane.permitted(state, subject.sequence_id, actor=actor)["vote"]
    return {
        "taskId": triggered.task_id,
        "task": triggered.task,
        "keptnContext": subject.context,
        "sequenceId": subject.sequence_id,
        "sequence": subject.sequence,
        "stage": subject.stage,
        "service": subject.service,
        "since": instant(triggered.at),
        "deadline": None if why.deadline is None else instant(why.deadline),
        "deadlineKind": None if why.deadline_kind is None else why.deadline_kind.value,
        **approval_of(triggered.approval),
        "votes": votes_of(each.votes),
        "barred": list(why.barred),
        "line": why.approval_line,
        "vote": outcome_of(vote),
    }


def _addressed(
    context: str, stage: str, task: str, plane: ControlPlane, state: ProjectState
) -> str:
    """Return the id of the task that a vote in a context is for; nothing is guessed."""
    records = state.of_context(context)
    if not records:
        raise UnknownContext(state.project, context)
    tasks = [each for each in plane.open_tasks(state) if each.triggered.subject.context == context]
    if task:
        _check(context, task, records, tasks)
        return task
    found = [
        each.triggered
        for each in tasks
        if each.triggered.approval is not None and stage in {"", each.triggered.subject.stage}
    ]
    if len(found) == 1:
        return found[0].task_id
    where = f"context {context}" + (f" in stage {stage}" if stage else "")
    if not found:
        raise Refusal(400, f"no approval of {where} is open")
    names = ", ".join(
        f"{each.task} in stage {each.subject.stage} ({each.task_id})" for each in found
    )
    raise Refusal(400, f"taskId: must say which approval of {where}: {names}")


def _check(
    context: str, task: str, records: Iterable[SequenceRecord], tasks: Iterable[OpenTask]
) -> None:
    """Refuse a task that is none of a context, or on which nobody votes; an old one is late."""
    if not any(task in record.task_ids for record in records):
        raise Refusal(404, f"context {context} has no task {shown(task)}")
    for each in tasks:
        if each.triggered.task_id == task and each.triggered.approval is None:
            raise Refusal(400, f"taskId: {each.triggered.task} is no approval: nobody votes on it")


def _standing(context: str, task: str, plane: ControlPlane, state: ProjectState) -> str:
    """Return how an approval stands after a vote, in a sentence; empty if it is forgotten."""
    records = (each for each in state.of_context(context) if task in each.task_ids)
    return " ".join(_sentence(record, task, plane, state) for record in records)


def _sentence(record: SequenceRecord, task: str, plane: ControlPlane, state: ProjectState) -> str:
    run = next((run for run in record.runs if run.task_id == task), None)
    if run is None:  # it is still in flight
        return plane.explain(state, record.sequence_id).approval_line
    if isinstance(record, EndedSequence) and record.abandoned_task == task:
        return record.message
    return f"Task {run.name} is over with result {run.result.value}."
