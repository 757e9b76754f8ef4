"""The routes that control one sequence of a delivery, whatever the others do."""

from __future__ import annotations

from functools import partial
from typing import final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.reading import Refusal, actor_of, fields_of, id_of
from examples.controller.host import Host
from examples.controller.storage.states import explanation_for
from sequencectl import ControlPlane, ExemptSequence, ProjectState, UnknownContext
from sequencectl.errors import shown


@final
class ControlsApi:
    """A sequence is let through."""

    def __init__(self, host: Host, *, actor_header: str = "") -> None:
        self._host = host
        self._actor_header = actor_header

    async def exempt(self, request: Request) -> Response:
        """Let a sequence start in spite of freeze and calendar.

        Where several of a delivery stand in line, `sequenceId` or `stage` must say which. The
        message says how it stands then.
        """
        project, context = self._about(request)
        fields = await fields_of(request)
        actor = actor_of(request, fields, self._actor_header)
        own, stage = fields.text("sequenceId", default=""), fields.text("stage", default="")
        reason = fields.text("reason", default="")
        request_id = fields.text("requestId", default="") or None
        fields.end()
        known = await self._host.ask(project, partial(_in_line, context, stage, own))
        command = ExemptSequence(known, actor=actor, reason=reason, request_id=request_id)
        outcome = await self._host.handle(project, command)
        message = await self._host.ask(project, partial(explanation_for, known))
        return JSONResponse({"outcome": outcome, "message": message})

    def _about(self, request: Request) -> tuple[str, str]:
        project = self._host.projects.get(request.path_params["project"]).name
        return project, id_of(request.path_params["context"], "keptnContext")


def _in_line(context: str, stage: str, own: str, _plane: ControlPlane, state: ProjectState) -> str:
    """Return the id of the sequence of a context that a request is about; nothing is guessed."""
    records = state.of_context(context)
    if not records:
        raise UnknownContext(state.project, context)
    found = [
        each for each in records if own in {"", each.sequence_id} and stage in {"", each.stage}
    ]
    if not found:
        what = f"no sequence {shown(own)}" if own else "no sequence"
        where = f" in stage {shown(stage)}" if stage else ""
        raise Refusal(404, f"context {context} has {what}{where}")
    waiting = [each for each in found if each.phase.is_in_line]
    if len(waiting) > 1:
        names = ", ".join(f"{each.name} in stage {each.stage}" for each in waiting)
        raise Refusal(400, f"sequenceId: must say which sequence of context {context}: {names}")
    return (waiting or found)[-1].sequence_id
