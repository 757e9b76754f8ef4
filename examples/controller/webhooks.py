"""Webhooks: an open task is posted to the URL given for its name, until it is taken.

Shows: signed posts in the form of Standard Webhooks, tried again with growing pauses. What is
posted follows from the open tasks alone: they are looked at after every change, and from time to
time in case a change was missed. So a task that is over is posted no more, and after a restart
open tasks are posted again, under the same id. A receiver that is slow or dead holds up
nobody but itself.
Leaves out: several receivers for one name, a secret for each, and ``Retry-After``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Final, final

import attrs
import httpx

from examples.controller.metrics import Metrics
from sequencectl import InvalidValue, OpenTask, SequencectlError, UnknownProject
from sequencectl.cloudevents import to_cloudevent
from sequencectl.events import TaskTriggered
from sequencectl.ports import Clock

SECRET: Final = "SEQUENCECTL_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
"""The environment variable with the secret: ``whsec_`` and the key in base64."""

AT_ONCE: Final = 8
"""So many posts to one URL may be under way."""

TIMEOUT: Final = 15.0
LOOK: Final = 30.0
"""So many seconds lie between two looks at all projects."""

SHORTEST: Final = 0.5
LONGEST: Final = 60.0
"""Between these, in seconds, the pause before the next attempt grows."""

_PREFIX: Final = "whsec_"
_KEY_SIZES: Final = range(24, 65)
_TASK: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")

Sleep = Callable[[float], Awaitable[object]]
OpenTasks = Callable[[str], Awaitable[Iterable[OpenTask]]]
"""Return the open tasks of a project."""

Claim = Callable[[str], Awaitable[bool]]
"""Return whether this replica is the one that posts for a project, for some time from now on."""


@final
@attrs.frozen
class Receivers:
    """Whom webhooks go to: a URL for each name of a task, and the key that signs."""

    urls: Mapping[str, str] = MappingProxyType({})
    key: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def of(cls, pairs: Iterable[str], secret: str) -> Receivers:
        """Read ``TASK=URL`` pairs and a secret; raise `InvalidValue`, which never shows the secret.

        Without pairs the secret may be missing.
        """
        urls: dict[str, str] = {}
        for pair in pairs:
            task, _, url = pair.partition("=")
            if _TASK.fullmatch(task) is None or not _is_address(url):
                raise InvalidValue("webhook", pair, "must be TASK=URL with an http or https URL")
            if task in urls:
                raise InvalidValue("webhook", pair, f"must be the only one of task {task}")
            urls[task] = url
        return cls(urls, _key(secret)) if urls else cls()


@final
class Webhooks:
    """Posts the open tasks of some names; made, started and closed on one event loop.

    Without receivers it does nothing.
    """

    def __init__(
        self,
        receivers: Receivers,
        open_tasks: OpenTasks,
        projects: Callable[[], Awaitable[Iterable[str]]],
        metrics: Metrics,
        *,
        claim: Claim,
        source: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._receivers = receivers
        self._open_tasks = open_tasks
        self._projects = projects
        self._metrics = metrics
        self._claim = claim
        self._source = source
        self._clock = clock
        self._transport = transport
        self._sleep = sleep
        self._slots = {url: asyncio.Semaphore(AT_ONCE) for url in receivers.urls.values()}
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        self._posts: dict[str, dict[str, asyncio.Task[None]]] = {}
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Look at all projects, and post what is open from now on."""
        if self._receivers.urls:
            limits = httpx.Limits(max_connections=None)  # bounded for each URL
            self._http = httpx.AsyncClient(
                transport=self._transport, timeout=TIMEOUT, limits=limits, follow_redirects=False
            )
            self._watching = [asyncio.create_task(self._tick()), asyncio.create_task(self._watch())]

    def changed(self, project: str) -> None:
        """Hear that something happened in a project."""
        if self._receivers.urls:
            self._changed.add(project)
            self._news.set()

    async def close(self) -> None:
        """Stop posting; what was not taken is posted again after the next start."""
        if not self._watching:
            return
        posts = [post for of_project in self._posts.values() for post in of_project.values()]
        for each in (*self._watching, *posts):
            each.cancel()
        await asyncio.gather(*self._watching, *posts, return_exceptions=True)
        await self._http.aclose()

    # ------------------------------------------------------------------ what is open

    async def _tick(self) -> None:
        """Look at every project at once, and again from time to time."""
        while True:
            with suppress(Exception):  # as when the store is out of reach: look again later
                for project in {*await self._projects(), *self._posts}:
                    self.changed(project)
            await self._sleep(LOOK)

    async def _watch(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._changed:
                await self._look(self._changed.pop())

    async def _look(self, project: str) -> None:
        """Begin to post what is open and new, and stop posting what is over."""
        try:
            tasks = [each.triggered for each in await self._open_tasks(project)]
        except UnknownProject:
            tasks = []
        except SequencectlError:  # such as `StoreUnusable`
            return  # the next look will tell
        found = {task.task_id: task for task in tasks if task.task in self._receivers.urls}
        if found and not await self._is_ours(project):
            found = {}
        posts = self._posts.setdefault(project, {})
        for task_id in posts.keys() - found.keys():
            posts.pop(task_id).cancel()
        for task_id, task in found.items():
            if task_id not in posts:
                posts[task_id] = asyncio.create_task(self._post(task))
        if not posts:
            del self._posts[project]

    async def _is_ours(self, project: str) -> bool:
        """Whether this replica posts for a project; who cannot learn it does not."""
        try:
            return await self._claim(project)
        except Exception:  # noqa: BLE001 - as when the store is out of reach: the next look will tell
            return False

    # ------------------------------------------------------------------ posting

    async def _post(self, task: TaskTriggered) -> None:
        """Post a task until it is taken; cancelled when it is over."""
        url = self._receivers.urls[task.task]
        event = to_cloudevent(task, source=self._source)
        body = json.dumps(event, separators=(",", ":")).encode()
        failures = 0
        while not await self._is_taken(task, url, body):
            failures += 1
            await self._sleep(pause_after(failures))

    async def _is_taken(self, task: TaskTriggered, url: str, body: bytes) -> bool:
        """Post once; whatever a receiver says with a 2xx, nothing of its answer is read."""
        async with self._slots[url]:
            headers = signed(task.task_id, self._clock.now(), body, self._receivers.key)
            post = self._http.stream("POST", url, content=body, headers=headers)
            try:
                async with asyncio.timeout(TIMEOUT), post as response:
                    answer = "taken" if response.is_success else "refused"
            except (httpx.HTTPError, TimeoutError):
                answer = "lost"
        self._metrics.posts.labels(task.task, answer).inc()
        return answer == "taken"


def signed(message_id: str, now: datetime, body: bytes, key: bytes) -> dict[str, str]:
    """Return the headers of a post: Standard Webhooks, version 1 of the signature."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def pause_after(failures: int) -> float:
    """Return how many seconds to wait after so many failures, of which this is the last."""
    return min(SHORTEST * 2.0 ** min(failures - 1, 10), LONGEST)


def _is_address(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def _key(secret: str) -> bytes:
    """Return the key in a secret; raise `InvalidValue`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_SIZES:
        given = f"{len(secret)} characters"
        raise InvalidValue(SECRET, given, "must be whsec_ and 24 to 64 random bytes in base64")
    return key
