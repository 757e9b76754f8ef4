"""What changes in a project, as the controller streams it; without a stream it is polled.

What is watched is read first, after every gap, and whenever the controller does not tell what has
changed. Between these the messages of the stream bring the contexts that changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final, final

import attrs
import httpx
from httpx_sse import SSEError, connect_sse

from examples.controller.cli.answers import Refused, Unreachable, trouble_of
from examples.controller.cli.client import TIMEOUT, Client, Json, message_of, unreachable

POLL: Final = 1.0
"""So many seconds lie between two looks at a controller without a stream."""

SILENCE: Final = 60.0
"""A stream that sends nothing for so many seconds, not even a comment, is broken."""

PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0)
"""So many seconds lie between attempts to connect; after a message they begin anew."""


@final
@attrs.frozen
class Change:
    """States of contexts, and the contexts that are gone; `is_whole`: they were read again."""

    states: tuple[Json, ...]
    gone: frozenset[str] = frozenset()
    is_whole: bool = False


@final
@attrs.frozen
class Message:
    """One message of a stream: what changed, if it says so, and where it goes on from."""

    change: Change | None
    serial: str


class NoStream(Exception):
    """The controller has no stream for this, or no such project: polling will tell."""


def changes(client: Client, project: str, read: Callable[[], list[Json]]) -> Iterator[Change]:
    """Yield what changes, without end; raise `Unreachable` when no connection lasts.

    `read` reads again what is of interest: at first, whenever the controller does not tell what has
    changed, and as often as `POLL` says if it has no stream at all.
    """
    yield Change(tuple(read()), is_whole=True)
    serial, failures = "", 0
    while True:
        pause = PAUSES[0]
        try:
            for message in _messages(client, project, serial):
                change = message.change or Change(tuple(read()), is_whole=True)
                serial, failures = message.serial or serial, 0
                yield change
        except NoStream:
            yield Change(tuple(read()), is_whole=True)
            pause = POLL
        except Unreachable:
            if failures == len(PAUSES):
                raise
            pause = PAUSES[failures]
            failures += 1
        client.sleep(pause)


def _messages(client: Client, project: str, serial: str) -> Iterator[Message]:
    """Yield what one connection brings, until it ends."""
    headers = {"last-event-id": serial} if serial else {}
    timeout = httpx.Timeout(TIMEOUT, read=SILENCE)
    url = client.url("v1", "stream", project)
    try:
        with connect_sse(client.http, "GET", url, headers=headers, timeout=timeout) as source:
            if not source.response.is_success:
                source.response.read()
                raise trouble_of(source.response.status_code, message_of(source.response))
            for message in source.iter_sse():
                yield _message(message.event, message.id, message.data)
    except (Refused, SSEError) as error:
        raise NoStream from error
    except httpx.RequestError as error:
        raise unreachable(client.endpoint, error) from error


def _message(event: str, serial: str, data: str) -> Message:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Message(None, serial)
    serial = serial or str(body.get("serial") or "")
    if event != "changed" or not isinstance(body.get("states"), list):
        return Message(None, serial)
    gone = frozenset(str(context) for context in body.get("gone") or ())
    return Message(Change(tuple(body["states"]), gone), serial)
