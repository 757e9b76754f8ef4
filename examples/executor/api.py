"""What an executor needs of the controller: open tasks, a place for its reports, and a wake-up.

Reading fails with `Away` or `Refused`; a report is sent until it has an answer, or mentioned once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, final
from urllib.parse import quote

import httpx
from httpx_sse import SSEError, aconnect_sse

from examples.executor.behaviour import Json

TIMEOUT: Final = 10.0
SILENCE: Final = 60.0
"""A stream that sends nothing for so many seconds, not even a comment, is broken."""

SHORTEST: Final = 0.2
LONGEST: Final = 5.0
"""Between these, in seconds, the pause grows after every failure."""

NOT_FOUND: Final = 404
UNAUTHORIZED: Final = (401, 403)
PASSING: Final = (408, 429)
"""What a proxy may answer now and not later."""

MOST_PAGES: Final = 1_000
LAST_PAGE: Final = ("", "0", 0, None)

Sleep = Callable[[float], Awaitable[object]]


class Away(Exception):
    """The controller gives no answer; ``str`` says why."""


class Refused(Exception):
    """The controller says no; ``str`` is its sentence."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def pause_after(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row, of which this is one."""
    return min(SHORTEST * 2.0 ** min(failures - 1, 10), LONGEST)


@final
class Api:
    """One controller; an asynchronous context manager that closes its connections."""

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.sleep = sleep
        self._root = endpoint.rstrip("/")
        headers = {"x-token": token} if token else {}
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=TIMEOUT,
            headers=headers,
            limits=httpx.Limits(max_connections=None),  # each project's stream keeps one
        )

    async def __aenter__(self) -> Api:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def projects(self) -> list[str]:
        """Return the names of all projects."""
        found = await self._all("/v1/project", "projects")
        return [str(project.get("projectName")) for project in found]

    async def find(self, project: str) -> None:
        """Raise `Refused` if there is no such project: it would seem to have no tasks."""
        await self._ask("GET", f"/v1/project/{quote(project, safe='')}")

    async def open_tasks(self, event_type: str, project: str) -> list[Json]:
        """Return the open tasks of a type in a project, none of a project that is gone."""
        path = f"/v1/event/triggered/{quote(event_type, safe='')}"
        try:
            return await self._all(path, "events", project=project)
        except Refused as error:
            if error.status == NOT_FOUND:
                return []
            raise

    async def is_open(self, event_type: str, project: str, task_id: str) -> bool:
        """Whether a task is open: asked for it alone, since a list may change between its pages."""
        path = f"/v1/event/triggered/{quote(event_type, safe='')}"
        try:
            return bool(await self._all(path, "events", project=project, eventID=task_id))
        except Refused as error:
            if error.status == NOT_FOUND:
                return False
            raise

    async def report(self, event: Json) -> str:
        """Send a report until there is an answer, and return it: `applied` or what came of it."""
        failures = 0
        while True:
            try:
                return await self.mention(event)
            except Away:
                failures += 1
                await self.sleep(pause_after(failures))

    async def mention(self, event: Json) -> str:
        """Send a report once, and return its answer."""
        return str((await self._ask("POST", "/v1/event", json=event)).get("outcome"))

    async def messages(self, project: str) -> AsyncIterator[Json]:
        """Yield what the stream of a project says has changed, as long as it lasts."""
        url = f"{self._root}/v1/stream/{quote(project, safe='')}"
        timeout = httpx.Timeout(TIMEOUT, read=SILENCE)
        try:
            async with aconnect_sse(self._http, "GET", url, timeout=timeout) as source:
                async for message in source.aiter_sse():
                    yield message.json()
        except (httpx.RequestError, SSEError, ValueError) as error:
            raise Away(_why(error)) from error

    async def _all(self, path: str, items: str, **query: str) -> list[Json]:
        found: list[Json] = []
        parameters: dict[str, Any] = {"pageSize": 100, **query}
        for _ in range(MOST_PAGES):
            page = await self._ask("GET", path, params=parameters)
            found += page.get(items) or ()
            key = page.get("nextPageKey")
            if key in LAST_PAGE or key == parameters.get("nextPageKey"):
                break
            parameters["nextPageKey"] = key
        return found

    async def _ask(self, method: str, path: str, **request: Any) -> Json:
        try:
            response = await self._http.request(method, self._root + path, **request)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise Away(_why(error)) from error
        try:
            body = response.json()
        except ValueError:
            body = None
        known: Json = body if isinstance(body, dict) else {}
        if 400 <= response.status_code < 500 and response.status_code not in PASSING:
            raise Refused(str(known.get("message") or response.status_code), response.status_code)
        if not response.is_success or not isinstance(body, dict):
            raise Away(str(known.get("message") or f"it answered {response.status_code}"))
        return known


def _why(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
