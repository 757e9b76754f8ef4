"""The routes of deliveries: lists, how one stands and why, its controls, the live stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from examples.controller.api.projects import ProjectsApi
from examples.controller.api.reading import (
    Fields,
    Refusal,
    actor_of,
    asker_of,
    fields_of,
    id_of,
    instant_of,
    page_of,
    serial_of,
)
from examples.controller.api.stream import FROM_NOW_ON, Broadcaster, Message
from examples.controller.host import Host
from examples.controller.storage.deliveries import Document
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.states import (
    detail_of,
    drained_for,
    has_live,
    permitted_of,
    state_of,
)
from sequencectl import (
    AbortSequence,
    PauseSequence,
    ResumeSequence,
    UnknownContext,
)

MOST_CHANGED: Final = 500
"""A client that missed changes of more deliveries than this is told to load them again."""

MOST_LOGGED: Final = 50
"""So many entries of the log are shown beside a delivery, the newest."""

_CONTROLS: Final = ("pause", "resume", "abort")


@final
class SequencesApi:
    """Deliveries are listed, explained, paused, resumed and aborted."""

    def __init__(
        self,
        host: Host,
        projects: ProjectsApi,
        broadcaster: Broadcaster,
        *,
        actor_header: str = "",
    ) -> None:
        self._host = host
        self._actor_header = actor_header
        self._projects = projects
        self._broadcaster = broadcaster

    async def list_sequences(self, request: Request) -> Response:
        """List the deliveries of a project, the newest first."""
        project = await self._host.project(request.path_params["project"])
        query, (size, before) = request.query_params, page_of(request)
        names = {key: query[key] for key in ("name", "state", "service") if query.get(key)}
        contexts = [each for each in query.get("keptnContext", "").split(",") if each]
        page = await self._host.read(
            partial(
                JournalReader.deliveries,
                project=project.name,
                size=size,
                before=before,
                names=names,
                contexts=contexts,
                stage=query.get("stage", ""),
                since=instant_of(request, "fromTime"),
                until=instant_of(request, "beforeTime"),
            )
        )
        actor = asker_of(request, self._actor_header)
        return JSONResponse(
            {
                "states": await _shown(self._host, project.name, page.entries, actor),
                "totalCount": page.total,
                "pageSize": size,
                "nextPageKey": page.following,
            }
        )

    async def get_sequence(self, request: Request) -> Response:
        """Return a delivery with an explanation of each sequence, its controls and its log."""
        project, context = await self._about(request)
        document = await self._host.read(lambda journal: journal.delivery(project, context))
        if document is None:
            raise UnknownContext(project, context)
        actor = asker_of(request, self._actor_header)
        detail = await self._host.ask(project, partial(detail_of, document, actor=actor))
        page = await self._host.uniform(
            lambda uniform: uniform.logs(size=MOST_LOGGED, context=context)
        )
        return JSONResponse({**detail, "logs": page.entries})

    async def control_sequence(self, request: Request) -> Response:
        """Pause, resume or abort a delivery, or its part in a stage.

        The message says which task a pause or an abort waits for, and until when an abort does.
        """
        project, context = await self._about(request)
        fields = await fields_of(request)
        command = _control(context, actor_of(request, fields, self._actor_header), fields)
        outcome = await self._host.handle(project, command)
        message = await self._host.ask(project, partial(drained_for, context))
        return JSONResponse({"outcome": outcome, "message": message})

    async def stream(self, request: Request) -> Response:
        """Follow what changes in a project, as server-sent events."""
        project = (await self._host.project(request.path_params["project"])).name
        # an error that comes later can only cut the stream off
        await self._host.read(lambda journal: journal.told(project))
        since, quiet = serial_of(request), {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=quiet)
        following = self._broadcaster.follow(project, since)
        return StreamingResponse(following, media_type="text/event-stream", headers=quiet)

    async def _about(self, request: Request) -> tuple[str, str]:
        project = (await self._host.project(request.path_params["project"])).name
        return project, id_of(request.path_params["context"], "keptnContext")


async def changes(
    host: Host, api: ProjectsApi, project: str, after: int
) -> tuple[int, Message | None]:
    """Return the serial of a project and what changed after another; None if that is too much."""

    def read(journal: JournalReader) -> tuple[int, list[Document] | None]:
        serial = journal.told(project)
        if after >= FROM_NOW_ON:
            return serial, []
        if after > serial:  # of another history: everything must be loaded again
            return serial, None
        found = journal.changed(project, after=after, most=MOST_CHANGED + 1)
        return serial, None if len(found) > MOST_CHANGED else found

    serial, found = await host.read(read)
    if found is None:
        return serial, None
    if after >= FROM_NOW_ON:
        return serial, {}
    states = await _shown(host, project, found, actor="")  # the same for all who follow
    return serial, {"states": states, "stages": await api.stages_of(await host.project(project))}


async def _shown(
    host: Host, project: str, documents: Sequence[Document], actor: str
) -> list[Document]:
    """Return the states of deliveries; the library is asked only about live ones."""
    permitted: dict[str, Document] = {}
    if any(map(has_live, documents)):
        permitted = await host.ask(project, partial(permitted_of, documents, actor=actor))
    return [state_of(each, permitted.get(each["context"], {})) for each in documents]


def _control(
    context: str, actor: str, fields: Fields
) -> PauseSequence | ResumeSequence | AbortSequence:
    """Return the command that the body of a control asks for."""
    word, stage = fields.text("state"), fields.text("stage", default="") or None
    request_id = fields.text("requestId", default="") or None
    reason = fields.text("reason", default="")
    force, own = fields.flag("force"), fields.text("sequenceId", default="") or None
    fields.end()
    if word not in _CONTROLS:
        raise Refusal(400, f"state: must be one of {', '.join(_CONTROLS)}, got {word!r}")
    if word != "abort" and (force or own):
        raise Refusal(400, f"force, sequenceId: belong to an abort, not to a {word}")
    if word == "pause":
        return PauseSequence(
            context, stage=stage, actor=actor, reason=reason, request_id=request_id
        )
    if word == "resume":
        return ResumeSequence(
            context, stage=stage, actor=actor, reason=reason, request_id=request_id
        )
    return AbortSequence(
        None if own else context,
        sequence_id=own,
        stage=stage,
        force=force,
        actor=actor,
        reason=reason,
        request_id=request_id,
    )
