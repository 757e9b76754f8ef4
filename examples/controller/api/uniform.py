"""The routes by which Keptn's SDK registers an executor, shows that it lives, and logs errors.

Keys that are not known here are ignored, as Keptn ignores them: executors of all versions come.
"""

from __future__ import annotations

from typing import Final, final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.reading import Fields, fields_of, instant_of, page_of, wrong
from examples.controller.host import Host
from examples.controller.storage.deliveries import Document

MOST_OF_A_MESSAGE: Final = 4_096
"""A longer message is cut: the SDK would send what is refused again and again."""

_ZERO: Final = "0001-01-01T00:00:00.000Z"
"""Go's instant that is none."""


@final
class UniformApi:
    """Executors register, are listed with what they subscribe to, and log."""

    def __init__(self, host: Host) -> None:
        self._host = host

    # ------------------------------------------------------------------ registrations

    async def register(self, request: Request) -> Response:
        """Register an executor; the id is the same for the same name, namespace and hostname."""
        fields = await fields_of(request)
        name, metadata = _given(fields, "name"), _metadata(fields.part("metadata"))
        subscriptions = [_subscription(each) for each in fields.parts("subscriptions")]
        known, is_new = await self._host.uniform(
            lambda uniform: uniform.register(name, metadata, subscriptions)
        )
        return JSONResponse({"id": known}, 201 if is_new else 200)

    async def list_registrations(self, request: Request) -> Response:
        """List the registrations, filtered by their own texts and by what a subscription names."""
        found = await self._host.uniform(lambda uniform: uniform.all())
        return JSONResponse([each for each in found if _fits(each, request.query_params)])

    async def ping(self, request: Request) -> Response:
        """Note that an executor lives; return its registration."""
        known = request.path_params["registration"]
        return JSONResponse(await self._host.uniform(lambda uniform: uniform.ping(known)))

    async def unregister(self, request: Request) -> Response:
        """Forget a registration."""
        known = request.path_params["registration"]
        await self._host.uniform(lambda uniform: uniform.remove(known))
        return JSONResponse({})

    # ------------------------------------------------------------------ subscriptions

    async def list_subscriptions(self, request: Request) -> Response:
        """List the subscriptions of a registration."""
        known = request.path_params["registration"]
        registration = await self._host.uniform(lambda uniform: uniform.get(known))
        return JSONResponse(registration["subscriptions"])

    async def subscribe(self, request: Request) -> Response:
        """Add a subscription to a registration."""
        known, added = request.path_params["registration"], _subscription(await fields_of(request))
        own = await self._host.uniform(lambda uniform: uniform.subscribe(known, added))
        return JSONResponse({"id": own}, 201)

    async def get_subscription(self, request: Request) -> Response:
        """Return a subscription of a registration."""
        known, own = _names(request)
        found = await self._host.uniform(lambda uniform: uniform.subscription(known, own))
        return JSONResponse(found)

    async def change_subscription(self, request: Request) -> Response:
        """Write a subscription of a registration anew."""
        known, own = _names(request)
        changed = {**_subscription(await fields_of(request)), "id": own}
        await self._host.uniform(lambda uniform: uniform.change(known, changed))
        return JSONResponse({"id": own})

    async def unsubscribe(self, request: Request) -> Response:
        """Remove a subscription from a registration."""
        known, own = _names(request)
        await self._host.uniform(lambda uniform: uniform.unsubscribe(known, own))
        return JSONResponse({})

    # ------------------------------------------------------------------ the log

    async def write_log(self, request: Request) -> Response:
        """Keep entries of the log: what executors say went wrong."""
        entries = [_entry(each) for each in (await fields_of(request)).parts("logs")]
        await self._host.uniform(lambda uniform: uniform.log(entries))
        return JSONResponse({})

    async def list_log(self, request: Request) -> Response:
        """List the entries of the log, the newest first; the bounds of time are included."""
        size, begin = page_of(request)
        since, until = instant_of(request, "fromTime"), instant_of(request, "beforeTime")
        integration = request.query_params.get("integrationId", "")
        page = await self._host.uniform(
            lambda uniform: uniform.logs(
                size=size, begin=begin, integration=integration, since=since, until=until
            )
        )
        counted = {"totalCount": page.total, "pageSize": size, "nextPageKey": page.following}
        return JSONResponse({"logs": page.entries, **counted})


def _names(request: Request) -> tuple[str, str]:
    return request.path_params["registration"], request.path_params["subscription"]


def _given(fields: Fields, name: str) -> str:
    """Take a short text that must not be empty."""
    value = fields.name(name)
    if not value:
        raise wrong(name, value, "1 to 200 printable ASCII characters")
    return value


def _metadata(fields: Fields) -> Document:
    cluster = fields.part("kubernetesmetadata")
    own = ("hostname", "integrationversion", "distributorversion", "location")
    placed = ("namespace", "podname", "deploymentname")
    return {
        **{name: fields.name(name) for name in own},
        "kubernetesmetadata": {name: cluster.name(name) for name in placed},
    }


def _subscription(fields: Fields) -> Document:
    filters = fields.part("filter")
    parts = ("projects", "stages", "services")
    wanted = {name: filters.names(name) for name in parts}
    return {"event": _given(fields, "event"), "filter": wanted}


def _entry(fields: Fields) -> Document:
    ids = ("integrationid", "shkeptncontext", "task", "triggeredid", "gitcommitid")
    at = fields.instant("time")
    return {
        **{name: fields.name(name) for name in ids},
        "message": fields.text("message", default="")[:MOST_OF_A_MESSAGE],
        "time": "" if at == _ZERO else at,
    }


def _fits(registration: Document, query: QueryParams) -> bool:
    """Whether a registration is what a query asks for; what it does not name does not matter."""
    metadata = registration["metadata"]
    own = {
        "id": registration["id"],
        "name": registration["name"],
        "namespace": metadata["kubernetesmetadata"]["namespace"],
        "hostname": metadata["hostname"],
    }
    filters = [each["filter"] for each in registration["subscriptions"]]
    return all(query.get(name, "") in {"", value} for name, value in own.items()) and all(
        not query.get(name) or any(query[name] in each[name + "s"] for each in filters)
        for name in ("project", "stage", "service")
    )
