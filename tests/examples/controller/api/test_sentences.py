"""What the door says to whom it keeps out, to the letter, and what it hands on to the routes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from examples.controller.api.door import Door, Prefixes
from examples.controller.settings import Settings
from tests.examples.controller.api.asking import HOST, Pairs, ask

SEEN: list[tuple[Scope, Receive, Send]] = []
TOKEN = "open.sesame"  # noqa: S105 - nobody else has it


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Note what came, and answer with the body of the request."""
    SEEN.append((scope, receive, send))
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": (await receive())["body"]})


def door(**settings: Any) -> Prefixes:
    """A door before that."""
    return Prefixes(Door(behind, Settings(data=Path(), **settings)))


ORIGIN = "may change nothing here: it must be http://localhost:8080"
REFUSED: list[tuple[str, Pairs, int, str]] = [
    ("/", [("host", "evil.example")], 421,
     "the host 'evil.example' is not served here: see --allowed-host"),
    ("/", [], 400, "the header Host must be there once, not 0 times"),
    ("/x", HOST, 401, "the header x-token must have the token of this controller"),
    ("/x", [*HOST, ("x-token", TOKEN), ("sec-fetch-site", "cross-site")], 403,
     "a page of another origin may change nothing here"),
    ("/x", [*HOST, ("x-token", TOKEN), ("origin", "http://evil.example")], 403,
     f"the origin 'http://evil.example' {ORIGIN}"),
    ("/x", [*HOST, ("x-token", TOKEN), ("origin", "a://b://localhost:8080")], 403,
     f"the origin 'a://b://localhost:8080' {ORIGIN}"),
    ("/x?%ff", [*HOST, ("x-token", TOKEN)], 400, "the path and the query must be UTF-8"),
    ("/x?%00", [*HOST, ("x-token", TOKEN)], 400,
     "the path and the query must not have the character NUL"),
    ("/x", [*HOST, ("x-token", TOKEN), ("content-length", "2")], 415,
     "the body must be application/json, as the header Content-Type says"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(REFUSED)))
def test_a_refusal_is_one_sentence(index: int) -> None:
    """It shows what was given, and says what is permitted."""
    path, headers, status, message = REFUSED[index]
    answer = ask(door(token=TOKEN), "POST", path, headers)

    assert (status, message) == (answer.status, answer.message)


def test_what_is_let_in_is_read_behind_the_door() -> None:
    """Its body is handed on, whatever prefix it was sent to."""
    headers = [*HOST, ("content-type", "application/json"), ("content-length", "2")]

    assert b"{}" == ask(door(), "POST", "/api/controlPlane/v1/event", headers, b"{}").body
    assert "/v1/event" == SEEN[-1][0]["path"]


def test_what_is_no_request_is_handed_on_as_it_is() -> None:
    """The life of the server, for example."""

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    scope: Scope = {"type": "lifespan"}
    asyncio.run(door()(scope, receive, send))

    assert (scope, receive, send) == SEEN[-1]
