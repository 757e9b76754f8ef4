"""The routes that control one sequence of a delivery, whatever the others do.

Shows: nothing is guessed where several could be meant, and what is sent twice is done once. A
redrive takes its data from the journal (R41), which another thread reads than the one that decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, final

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.reading import Fields, Refusal, actor_of, fields_of, id_of, wrong
from examples.controller.host import Host
from examples.controller.storage.redrives import beginning_of, has_failed
from examples.controller.storage.states import explanation_for, redrive_id_of
from sequencectl import (
    Command,
    ControlPlane,
    ExemptSequence,
    Phase,
    ProjectState,
    Result,
    RetryTask,
    SequenceRecord,
    SkipTask,
    TriggerSequence,
    UnknownContext,
    UnknownSequence,
)
from sequencectl.errors import shown
from sequencectl.events import Subject

RESULTS: Final = tuple(result.value for result in Result)
"""What a skipped task may count as; with fail its sequence ends."""

_Wanted: TypeAlias = Callable[[ProjectState, SequenceRecord], bool]
"""Whether a sequence is one that a request is about which does not say which one."""


@final
@attrs.frozen
class _Which:
    """Which sequence of a context a request is about; an empty text is any."""

    context: str
    sequence_id: str
    stage: str

    @classmethod
    def of(cls, context: str, fields: Fields) -> _Which:
        """Take what says so from the body of a request."""
        return cls(context, fields.text("sequenceId", default=""), fields.text("stage", default=""))


@final
class ControlsApi:
    """A sequence is let through; one that has failed is retried, skipped or redriven."""

    def __init__(self, host: Host, *, actor_header: str = "") -> None:
        self._host = host
        self._actor_header = actor_header

    async def exempt(self, request: Request) -> Response:
        """Let a sequence start in spite of freeze and calendar.

        Where several of a delivery stand in line, `sequenceId` or `stage` must say which. The
        message says how it stands then.
        """
        project, which, fields = await self._asked(request)
        by = self._by(request, fields)
        fields.end()
        known = await self._one(project, which, _is_in_line)
        return await self._done(project, known, ExemptSequence(known, **by))

    async def retry(self, request: Request) -> Response:
        """Run the failed task of a parked sequence again, once.

        Where several of a delivery are parked, `sequenceId` or `stage` must say which. The message
        says how it stands then.
        """
        project, which, fields = await self._asked(request)
        by = self._by(request, fields)
        fields.end()
        known = await self._one(project, which, _is_parked)
        return await self._done(project, known, RetryTask(sequence_id=known, **by))

    async def skip(self, request: Request) -> Response:
        """Let a parked sequence go on as if its failed task had come to a result.

        With `fail` it ends. Where several of a delivery are parked, `sequenceId` or `stage` must
        say which. The message says how it stands then.
        """
        project, which, fields = await self._asked(request)
        by, result = self._by(request, fields), fields.text("result")
        fields.end()
        if result not in RESULTS:
            raise wrong("result", result, f"one of {', '.join(RESULTS)}")
        known = await self._one(project, which, _is_parked)
        return await self._done(project, known, SkipTask(sequence_id=known, result=result, **by))

    async def redrive(self, request: Request) -> Response:
        """Go on, in a new sequence, where one that is over has failed.

        Where several of a delivery have failed, `sequenceId` or `stage` must say which. The new one
        begins with the task that failed, or with `startAt`, and with the input of the last run of
        that task. Its id is in the answer. The same `redriveId`, which the explanation of the old
        one has, makes it the same request; without it, it is the same as long as the new one lives.
        """
        project, which, fields = await self._asked(request)
        actor = actor_of(request, fields, self._actor_header)
        start_at, given = fields.text("startAt", default="") or None, fields.name("redriveId")
        fields.end()
        known = await self._one(project, which, has_failed)
        subject, new = await self._host.ask(project, partial(_redriven, known, given))
        found = await self._host.read(
            partial(
                beginning_of, project=project, context=which.context, known=known, start_at=start_at
            )
        )
        if found is None:
            raise Refusal(409, f"the data of sequence {shown(known)} is not kept any more")
        command = TriggerSequence(
            new,
            stage=subject.stage,
            sequence=subject.sequence,
            service=subject.service,
            context=subject.context,
            data=found.data,
            priority=found.priority,
            revision=subject.revision,
            actor=actor,
            redrives=known,
            start_at=start_at,
        )
        return await self._done(project, new, command)

    async def _asked(self, request: Request) -> tuple[str, _Which, Fields]:
        """Return the project of a request, the sequence it is about, and what else it says."""
        project = (await self._host.project(request.path_params["project"])).name
        context = id_of(request.path_params["context"], "keptnContext")
        fields = await fields_of(request)
        return project, _Which.of(context, fields), fields

    def _by(self, request: Request, fields: Fields) -> dict[str, Any]:
        """Take who asks, why, and under which id."""
        return {
            "actor": actor_of(request, fields, self._actor_header),
            "reason": fields.text("reason", default=""),
            "request_id": fields.text("requestId", default="") or None,
        }

    async def _one(self, project: str, which: _Which, wanted: _Wanted) -> str:
        return await self._host.ask(project, partial(_addressed, which, wanted))

    async def _done(self, project: str, known: str, command: Command) -> Response:
        """Carry out a command and say how a sequence stands then."""
        outcome = await self._host.handle(project, command)
        message = await self._host.ask(project, partial(explanation_for, known))
        return JSONResponse({"outcome": outcome, "message": message, "sequenceId": known})


def _addressed(which: _Which, wanted: _Wanted, _plane: ControlPlane, state: ProjectState) -> str:
    """Return the id of the sequence that a request is about; nothing is guessed."""
    context, own, stage = which.context, which.sequence_id, which.stage
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
    fitting = [each for each in found if wanted(state, each)]
    if len(fitting) > 1:
        names = ", ".join(f"{each.name} in stage {each.stage}" for each in fitting)
        raise Refusal(400, f"sequenceId: must say which sequence of context {context}: {names}")
    return (fitting or found)[-1].sequence_id


def _is_in_line(_state: ProjectState, record: SequenceRecord) -> bool:
    return record.phase.is_in_line


def _is_parked(_state: ProjectState, record: SequenceRecord) -> bool:
    return record.phase is Phase.PARKED


def _redriven(
    known: str, given: str, _plane: ControlPlane, state: ProjectState
) -> tuple[Subject, str]:
    """Return what a sequence is about, and the id of what redrives it: the one that is given."""
    record, other = state.sequence(known), state.sequence(given)
    if record is None:  # it was forgotten a moment ago
        raise UnknownSequence(state.project, known)
    if other is not None and (other.redrive is None or other.redrive.sequence_id != known):
        raise Refusal(400, f"redriveId: {shown(given)} is no sequence that redrives {shown(known)}")
    return record.subject, given or redrive_id_of(state, known)
