"""What the whole application answers to requests that make no sense, and who acts in others."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.controller.app import Controller
from examples.controller.settings import Settings
from tests.examples.controller.api.asking import HOST, Answer, Pairs, ask, asking

SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: p}
spec: {stages: [{name: dev, sequences: [{name: delivery, tasks: [{name: test}]}]}]}
"""
EVENT = {
    "specversion": "1.0", "id": "e", "source": "s", "type": "sh.keptn.event.dev.delivery.triggered",
    "shkeptncontext": "c", "data": {"project": "p", "stage": "dev", "service": "carts"},
}  # fmt: skip
T = TypeVar("T")
EXTREMES = [
    "", "0", "-1", "1e9", "9" * 18, "9" * 19, "9" * 5_000, "%00", "a%00b", "%ED%A0%80", "%ff", "%",
    "%F0%9F%9A%80", "%E2%80%AE", "a" * 5_000, "a," * 20_000, "'", "%25", "..", "%2F", "%0A", "*",
    "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59.999999-14:00", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "24:00", "2026-W01", "2026-01-01T00:00:00%2B23:59:59.999999",
]  # fmt: skip


class Clock:
    """A clock that can break."""

    is_broken = False

    def now(self) -> datetime:
        """Return the same instant, or nothing any more."""
        if self.is_broken:
            raise RuntimeError("/secret/path of the clock")
        return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path) -> ASGIApp:
    """The application without what is behind it: enough for what is refused before."""
    return Controller(Settings(data=tmp_path)).app


def posted(path: str, body: object, *more: tuple[str, str]) -> tuple[str, str, Pairs, bytes]:
    """A request with a body of JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(content)))]
    return "POST", path, [*HOST, *headers, *more], content


def with_project(folder: Path, program: Callable[[Controller], Awaitable[T]], **settings: Any) -> T:
    """Return what a program makes of a controller with a project, in which one delivery runs."""

    async def play() -> T:
        clock = settings.pop("clock", Clock())
        async with Controller(Settings(data=folder, **settings), clock=clock) as controller:
            about = {"name": "p", "shipyard": base64.b64encode(SHIPYARD.encode()).decode()}
            for path, body in (("/v1/project", about), ("/v1/event", EVENT)):
                assert 200 == (await asking(controller.app, *posted(path, body))).status
            return await program(controller)

    return asyncio.run(play())


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere", "/v1", "/v1/", "/v1/project/", "/v1/project/p/", "/api", "/api/v2/project",
        "/healthz/", "//v1/project", "/bridge/bridge.py",
        "/bridge/../app.py", "/V1/project", "/*",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_not_there_is_not_found(app: ASGIApp, path: str, method: str) -> None:
    """A slash more is another path, and leads nowhere: nothing repeats the host of a client."""
    answer = ask(app, method, path)

    assert "location" not in answer.headers
    assert 404 == answer.status
    assert "not found: see /openapi.json" == answer.message


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/healthz", "GET, HEAD"),
        ("/bridge/", "GET, HEAD"),
        ("/v1/auth", "POST"),
        ("/v1/project", "GET, HEAD, POST, PUT"),
        ("/v1/project/p", "DELETE, GET, HEAD"),
        ("/v1/project/p/stage/s", "GET, HEAD"),
        ("/v1/project/p/stage/s/control", "POST"),
        ("/v1/project/p/service/v", "DELETE"),
        ("/v1/sequence/p", "GET, HEAD"),
        ("/v1/sequence/p/c", "GET, HEAD"),
        ("/v1/sequence/p/c/control", "GET, HEAD, POST"),
        ("/v1/sequence/p/c/vote", "GET, HEAD, POST"),
        ("/v1/sequence/p/c/exempt", "GET, HEAD, POST"),
        ("/v1/project/p/approval", "GET, HEAD"),
        ("/api/controlPlane/v1/project", "GET, HEAD, POST, PUT"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_is_not_there_is_told_which_are(
    app: ASGIApp, path: str, methods: str, method: str
) -> None:
    """All of the path, whichever route of it has them."""
    answer = ask(app, method, path)

    assert (405, methods) == (answer.status, answer.headers.get("allow"))
    assert "method not allowed: see /openapi.json" == answer.message


def test_the_page_is_found_by_relative_addresses(app: ASGIApp) -> None:
    """So that it is found below a prefix, and no host is repeated."""
    for path in ("/", "/bridge"):
        answer = ask(app, "GET", path, [("host", "localhost:1")])
        assert (307, "bridge/") == (answer.status, answer.headers["location"])
        assert "nosniff" == answer.headers["x-content-type-options"]


def test_an_event_of_texts_that_are_none_is_refused(tmp_path: Path) -> None:
    """Whatever is wrong with it, wherever: 400 in a sentence, and never a mistake of ours."""
    data: dict[str, Any] = EVENT["data"]  # type: ignore[assignment] # as it is above
    changes: list[dict[str, Any]] = [
        *({name: "\ud800"} for name in (*EVENT, "gitcommitid", "time", "triggeredid", "\ud800")),
        *({"data": {**data, name: "\udfff"}} for name in (*data, "labels", "result", "\udfff")),
        {"data": {**data, "a": [{"b": ["\ud800"]}]}}, {"type": "sh.keptn.event.d.\ud800.triggered"},
        {"id": ["a"]}, {"id": {}}, {"id": 1}, {"id": True}, {"data": 1}, {"specversion": None},
        {"shkeptncontext": ["a"]}, {"shkeptncontext": 1},
    ]  # fmt: skip

    async def program(controller: Controller) -> list[Answer]:
        events = [{**EVENT, "id": "other", **change} for change in changes]
        return [await asking(controller.app, *posted("/v1/event", event)) for event in events]

    answers = with_project(tmp_path, program)

    wrongs = [change for change, each in zip(changes, answers, strict=True) if each.status != 400]
    assert [] == wrongs
    assert all(answer.message for answer in answers)


def test_parameters_at_their_extremes_are_answered(tmp_path: Path) -> None:
    """Whatever stands in a path or a query of the document of routes: no mistake of ours."""

    async def program(controller: Controller) -> list[tuple[str, str, int]]:
        document = json.loads((await asking(controller.app, "GET", "/openapi.json")).body)
        found = []
        for path, methods in document["paths"].items():
            method = "HEAD" if "stream" in path else "GET" if "get" in methods else "DELETE"
            about = methods.get(method.lower()) or methods.get("get") or {"parameters": ()}
            for parameter, value in product(about["parameters"], EXTREMES):
                for whole in asked(path, parameter, value):
                    answer = await asking(controller.app, method, whole)
                    found.append((method, whole, answer.status))
        return found

    answers = with_project(tmp_path, program)

    assert len(answers) > 1_000
    assert [] == [each for each in answers if each[2] not in {200, 400, 404, 405}]
    assert {400} == {status for _, path, status in answers if "%ED%A0%80" in path or "%00" in path}


def asked(path: str, parameter: dict[str, str], value: str) -> Iterator[str]:
    """The address of a route with an extreme value for one of its parameters."""
    known = {"project": "p", "stage": "dev", "service": "carts", "context": "c"}
    known["type"] = "sh.keptn.event.test.triggered"
    if parameter["in"] == "path":
        known[parameter["name"]] = value
    address = re.sub(r"\{(\w+)\}", lambda match: known.get(match.group(1), "x"), path)
    if parameter["in"] == "path":
        yield address
    elif parameter["in"] == "query":
        yield f"{address}?{parameter['name']}={value}"
        yield f"{address}?project=p&{parameter['name']}={value}"


def test_an_event_in_headers_is_read_or_refused(tmp_path: Path) -> None:
    """They are decoded as the binding to HTTP says, which lets other texts in than JSON does."""
    whole = {
        "ce-id": "i", "ce-type": str(EVENT["type"]), "ce-source": "s", "ce-specversion": "1.0",
        "ce-time": "2026-01-01T00:00:00Z", "ce-shkeptncontext": "i",
    }  # fmt: skip
    values = ("%ED%A0%80", "%ed%a0%80", "\xff", "%00", "x" * 5_000, "\x7f", "", "%", "0001-01-01")
    given = [{**whole, name: value} for name in whole for value in values]

    async def program(controller: Controller) -> list[int]:
        heads = [posted("/v1/event", EVENT["data"], *each.items()) for each in given]
        return [(await asking(controller.app, *head)).status for head in heads]

    assert {200, 400} == set(with_project(tmp_path, program))


def test_a_body_that_ends_too_early_is_no_mistake_of_ours(tmp_path: Path) -> None:
    """Its client has gone: nothing is raised, which would be written to the log."""
    parts: list[Message] = [{"type": "http.request", "body": b'{"sta', "more_body": True}]

    async def program(controller: Controller) -> Answer:
        head = posted("/v1/sequence/p/c/control", b'{"state": "pause"}')
        return await asking(controller.app, *head, parts=parts)

    answer = with_project(tmp_path, program)

    assert (400, "the request ended too early") == (answer.status, answer.message)


def test_a_mistake_of_ours_tells_nothing_of_how_the_program_is_made(tmp_path: Path) -> None:
    """The server hears of it, once, and writes it to its log."""
    clock, raised = Clock(), list[Exception]()

    async def program(controller: Controller) -> Answer:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await controller.app(scope, receive, send)
            except RuntimeError as error:
                raised.append(error)

        clock.is_broken = True
        answer = await asking(guarded, *posted("/v1/project/p/service", {"serviceName": "v"}))
        clock.is_broken = False
        return answer

    answer = with_project(tmp_path, program, clock=clock)

    assert "the controller has made a mistake: its log says which" == answer.message
    assert (500, "no-store") == (answer.status, answer.headers["cache-control"])
    assert ["/secret/path of the clock"] == [str(error) for error in raised]


@pytest.mark.parametrize("query", ["", "?since=0"])
def test_the_head_of_a_stream_ends(tmp_path: Path, query: str) -> None:
    """HEAD says what GET would, and does not follow."""

    async def program(controller: Controller) -> Answer:
        return await asking(controller.app, "HEAD", f"/v1/stream/p{query}")

    answer = with_project(tmp_path, program)

    assert (200, b"", "0") == (answer.status, answer.body, answer.headers.get("content-length"))
    assert answer.headers["content-type"].startswith("text/event-stream")


SEQUENCE, STAGE = "/v1/sequence/p/c", "/v1/project/p/stage/dev"
CONTROLS = [
    (f"{SEQUENCE}/control", {"state": "pause"}, SEQUENCE, ("paused", 0, "actor")),
    (f"{SEQUENCE}/control", {"state": "abort"}, SEQUENCE, ("controls", -1, "actor")),
    (f"{STAGE}/control", {"state": "freeze"}, STAGE, ("frozen", "actor")),
]
USER = ("x-user", "bob")


@attrs.frozen
class Case:
    """Who a request says acts, in its body and in its headers, and who does; None: nobody may."""

    header: str
    claim: str
    given: Pairs
    actor: str | None


@pytest.mark.parametrize(
    "case",
    [
        Case("", "ann", [USER], "ann"),
        Case("X-User", "ann", [USER], "bob"),
        Case("X-User", "", [USER], "bob"),
        Case("X-User", "ann", [], None),
        Case("X-User", "ann", [USER, USER], None),
    ],
    ids=["a claim", "the proxy", "the proxy alone", "no proxy", "twice"],
)
@pytest.mark.parametrize("control", CONTROLS, ids=["pause", "abort", "freeze"])
def test_who_acts_is_kept(tmp_path: Path, control: Any, case: Case) -> None:
    """What the proxy says where there is one, else the claim; without its word nothing is done."""
    path, body, shown, where = control

    async def program(controller: Controller) -> tuple[Answer, Answer]:
        claimed = {**body, "actor": case.claim}
        answer = await asking(controller.app, *posted(path, claimed, *case.given))
        return answer, await asking(controller.app, "GET", shown)

    answer, after = with_project(tmp_path, program, actor_header=case.header)

    if case.actor is None:
        assert 400 == answer.status
        assert "X-User" in answer.message
        return
    found = json.loads(after.body)
    for key in where:
        found = found[key]
    assert (200, case.actor) == (answer.status, found)
