"""The routes of projects, stages and services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.approvals import approvals_of
from examples.controller.api.pages import page, part_of
from examples.controller.api.reading import Refusal, actor_of, fields_of
from examples.controller.api.stages import stage_control, stages_of
from examples.controller.host import Host
from examples.controller.storage.deliveries import Document
from examples.controller.storage.projects import Project
from sequencectl import ControlPlane, ProjectState, TriggerSequence

GIT: Final = (
    *("gitCredentials", "gitUser", "gitToken", "gitRemoteURL", "gitPrivateKey"),
    *("gitPrivateKeyPass", "gitPemCertificate", "gitProxyUrl", "gitProxyScheme", "gitProxyUser"),
    *("gitProxyPassword", "gitProxyInsecure", "insecureSkipTLS"),
)
"""Fields for a repository in Git, which a project has no need of: nothing of them is kept."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@final
class ProjectsApi:
    """Projects are created, changed and deleted; their stages are frozen and unfrozen."""

    def __init__(self, host: Host, *, actor_header: str = "") -> None:
        self._host = host
        self._actor_header = actor_header

    async def list_projects(self, request: Request) -> Response:
        """List the projects by name."""
        projects = await self._host.all_projects()
        part, following = part_of(request, projects)
        shown = [await self._shown(project) for project in part]
        return page(request, "projects", shown, total=len(projects), following=following)

    async def create_project(self, request: Request) -> Response:
        """Create a project with a shipyard, and with a calendar if it is to have one."""
        fields = await fields_of(request)
        name, shipyard = fields.text("name"), fields.base64("shipyard")
        calendar = fields.base64("calendar", default="")
        fields.end(*GIT)
        await self._host.create(name, shipyard, calendar)
        return JSONResponse({})

    async def update_project(self, request: Request) -> Response:
        """Give a project another shipyard, for what is accepted from now on, or another calendar.

        What is not given stays as it is: Keptn's command line sends credentials for Git alone. An
        empty calendar takes the one there is away.
        """
        fields = await fields_of(request)
        name, shipyard = fields.text("name"), fields.base64("shipyard", default="") or None
        calendar = fields.base64_if_given("calendar")
        fields.end(*GIT)
        if shipyard is None and calendar is None:
            await self._host.project(name)
        else:
            await self._host.update(name, shipyard, calendar)
        return JSONResponse({})

    async def get_project(self, request: Request) -> Response:
        """Return a project with its stages and services."""
        return JSONResponse(await self._shown(await self._project(request)))

    async def delete_project(self, request: Request) -> Response:
        """Delete a project in which nothing is live."""
        await self._host.delete((await self._project(request)).name)
        return JSONResponse({})

    async def list_stages(self, request: Request) -> Response:
        """List the stages of a project in the order of its shipyard."""
        project = await self._shown(await self._project(request))
        return _paged(request, "stages", project["stages"])

    async def get_stage(self, request: Request) -> Response:
        """Return a stage: who holds it, how many wait, whether it is frozen."""
        return JSONResponse(await self._stage(request))

    async def control_stage(self, request: Request) -> Response:
        """Freeze or unfreeze a stage."""
        project, fields = await self._project(request), await fields_of(request)
        actor = actor_of(request, fields, self._actor_header)
        command = stage_control(request.path_params["stage"], actor, fields)
        return JSONResponse({"outcome": await self._host.handle(project.name, command)})

    async def list_services(self, request: Request) -> Response:
        """List the services of a stage: those of its project."""
        return _paged(request, "services", (await self._stage(request))["services"])

    async def get_service(self, request: Request) -> Response:
        """Return a service that was created, or for which something was triggered."""
        return JSONResponse(await self._service(request))

    async def create_service(self, request: Request) -> Response:
        """Create a service."""
        project, fields = await self._project(request), await fields_of(request)
        name = fields.text("serviceName")
        fields.end()
        if not name:
            raise Refusal(400, "serviceName: must not be empty")
        # as strict as the library is with a service
        TriggerSequence("s", stage="s", sequence="s", service=name)
        await self._host.add_service(project.name, name)
        return JSONResponse({})

    async def delete_service(self, request: Request) -> Response:
        """Delete a service that was created."""
        project, name = await self._project(request), request.path_params["service"]
        if not await self._host.remove_service(project.name, name):
            raise Refusal(404, f"project {project.name} has no service {name!r} that was created")
        return JSONResponse({})

    async def service_of(self, request: Request) -> tuple[str, str, str]:
        """Return the project, stage and service of a path; 404 if any of them is unknown."""
        service = await self._service(request)
        path = request.path_params
        return path["project"], path["stage"], service["serviceName"]

    async def stages_of(self, project: Project) -> list[Document]:
        """Return how the stages of a project stand."""
        return await self._host.ask(project.name, partial(stages_of, self._host.now()))

    async def _with_services(self, project: Project) -> list[Document]:
        """Return the stages of a project with its services, which are those of each stage."""
        triggered = await self._host.read(lambda journal: journal.services(project.name))
        known = {name: datetime.fromisoformat(at) for name, at in triggered.items()}
        services = {
            name: {"serviceName": name, "creationDate": nanoseconds(at)}
            for name, at in sorted({**known, **project.services}.items())
        }
        now = self._host.now()

        def asked(plane: ControlPlane, state: ProjectState) -> list[Document]:
            waiting = approvals_of(plane, state)
            return [
                {
                    **stage,
                    "services": [
                        {**shown, "openApprovals": waiting.get((stage["stageName"], name), [])}
                        for name, shown in services.items()
                    ],
                }
                for stage in stages_of(now, plane, state)
            ]

        return await self._host.ask(project.name, asked)

    async def _project(self, request: Request) -> Project:
        return await self._host.project(request.path_params["project"])

    async def _stage(self, request: Request) -> Document:
        project, name = await self._project(request), request.path_params["stage"]
        stages = await self._with_services(project)
        found = next((stage for stage in stages if stage["stageName"] == name), None)
        if found is None:
            raise Refusal(404, f"project {project.name} has no stage {name!r}")
        return found

    async def _service(self, request: Request) -> Document:
        name = request.path_params["service"]
        services = (await self._stage(request))["services"]
        named = (each for each in services if each["serviceName"] == name)
        found: Document | None = next(named, None)
        if found is None:
            where = f"project {request.path_params['project']}"
            raise Refusal(404, f"{where} has no service {name!r}")
        return found

    async def _shown(self, project: Project) -> Document:
        return {
            "projectName": project.name,
            "creationDate": nanoseconds(project.created_at),
            "shipyard": project.shipyard,
            "shipyardVersion": project.version,
            "calendar": "" if project.calendar is None else project.calendar.text,
            "stages": await self._with_services(project),
        }


def nanoseconds(at: datetime) -> str:
    """Return an instant as Keptn writes that of a creation: nanoseconds since 1970, as a text."""
    return str((at - _EPOCH) // timedelta(milliseconds=1) * 1_000_000)


def _paged(request: Request, name: str, entries: Sequence[Document]) -> Response:
    """Answer with the part of a short list that was asked for."""
    part, following = part_of(request, entries)
    return page(request, name, part, total=len(entries), following=following)
