"""The bounds of a connection, on a transport that is none and in time that does not pass."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from examples.controller.connection import MAX_HEAD, MAX_HEADERS, MAX_REQUEST, Config, Connection
from examples.controller.settings import Settings
from tests.examples.controller.api.virtual_time import run

HEAD = b"GET /now HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how many headers there are: at once, after the body, or bit by bit for an hour."""
    request = Request(scope, receive)
    if scope["path"] == "/body":
        try:
            await request.body()
        except ClientDisconnect:
            return
    if scope["path"] == "/stream":
        await StreamingResponse(beats(), media_type="text/plain")(scope, receive, send)
    else:
        await PlainTextResponse(str(len(request.headers)))(scope, receive, send)


async def beats() -> Any:
    """Say something every ten minutes, six times."""
    for _ in range(6):
        yield b"beat"
        await asyncio.sleep(600)


class Line(asyncio.Transport):
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed_at: float | None = None
        self.protocol: Connection

    def write(self, data: Any) -> None:
        """Remember."""
        assert self.closed_at is None
        self.written += bytes(data)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed_at is not None

    def close(self) -> None:
        """Remember when, and tell the protocol in a moment, as transports do."""
        if self.closed_at is None:
            loop = asyncio.get_running_loop()
            self.closed_at = loop.time()
            loop.call_soon(self.protocol.connection_lost, None)

    def pause_reading(self) -> None:
        """Do nothing: the test decides what is read."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def get_write_buffer_size(self) -> int:
        """Nothing is ever left."""
        return 0

    async def send(self, data: bytes) -> None:
        """Have the other side send bytes, and let everybody act on them."""
        if not self.is_closing():
            self.protocol.data_received(data)
        await asyncio.sleep(0.001)

    @property
    def statuses(self) -> list[int]:
        """The statuses of the answers that were written."""
        parts = self.written.split(b"HTTP/1.1 ")[1:]
        return [int(part[:3]) for part in parts]

    @property
    def refusal(self) -> tuple[int, str]:
        """The answer that the protocol gave by itself, and that it was sealed and the last."""
        head, _, body = self.written.rpartition(b"\r\n\r\n")
        found = json.loads(body)
        lines = head.lower().split(b"\r\n")
        assert b"content-length: %d" % len(body) in lines
        assert {b"connection: close", b"cache-control: no-store"} < set(lines)
        assert {b"x-content-type-options: nosniff", b"content-type: application/json"} < set(lines)
        assert self.is_closing()
        assert {"code", "message"} == set(found)
        assert self.statuses[-1] == found["code"]
        return found["code"], found["message"]


class Server:
    """Makes connections to one server."""

    def __init__(self, **settings: Any) -> None:
        times = {"request_timeout": timedelta(seconds=30), "idle_timeout": timedelta(seconds=60)}
        about = Settings(data=Path(), **{**times, **settings})
        self._config = Config(serve, about, log_level="error", access_log=False)
        self._state = ServerState()

    def connect(self) -> Line:
        """Return the server's side of a new connection."""
        line = Line()
        line.protocol = Connection(self._config, self._state, {})
        line.protocol.connection_made(line)
        return line


def played(program: Callable[[Line], Any], **settings: Any) -> Line:
    """Return a connection after a program and two hours."""

    async def play() -> Line:
        line = Server(**settings).connect()
        await program(line)
        await asyncio.sleep(7_200)
        return line

    return run(play())


def close_to(seconds: float | None) -> Any:
    """So many seconds, or a few thousandths more, which a test takes for each part it sends."""
    return pytest.approx(seconds, abs=1)


def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    """Without an answer, since nothing was asked."""

    async def nothing(_: Line) -> None: ...

    line = played(nothing)

    assert (b"", 60.0) == (line.written, line.closed_at)


@pytest.mark.parametrize(
    "beginning",
    [b"G", b"\r\n", HEAD, HEAD + b"x-a: ", POST, POST + b"12", POST.replace(b"4\r\n\r", b"4\r")],
)
def test_a_request_that_does_not_come_in_full_is_given_up(beginning: bytes) -> None:
    """Half a line, half a head, half a body: 408 after the time of a request, from its start."""

    async def half(line: Line) -> None:
        await asyncio.sleep(10)
        await line.send(beginning)

    line = played(half)

    assert (408, "a request must come within 30 s") == line.refusal
    assert 40 == line.closed_at


def test_a_request_that_comes_byte_by_byte_is_given_up_all_the_same() -> None:
    """Each byte on its own in time does not help: the first one started the clock."""

    async def trickle(line: Line) -> None:
        for byte in HEAD * 10:
            await line.send(bytes([byte]))
            await asyncio.sleep(1)

    line = played(trickle)

    assert 408 == line.refusal[0]
    assert 30 == line.closed_at


def test_half_a_request_behind_a_whole_one_is_given_up() -> None:
    """In one piece with it: the first is answered, the second has its own time."""

    async def send(line: Line) -> None:
        await line.send(HEAD + b"\r\n" + HEAD)

    line = played(send)

    assert [200, 408] == line.statuses
    assert 30 == line.closed_at


def test_a_client_that_has_gone_is_not_waited_for() -> None:
    """Its timer is stopped, in the middle of a request too."""

    async def go(line: Line) -> None:
        await line.send(HEAD)
        line.protocol.connection_lost(ConnectionResetError())

    line = played(go)

    assert (b"", None) == (line.written, line.closed_at)


def test_between_requests_a_connection_may_rest() -> None:
    """Each answer starts the time of an idle connection anew; a late body is none of it."""

    async def rest(line: Line) -> None:
        for _ in range(5):
            await asyncio.sleep(59)
            await line.send(HEAD + b"\r\n")
        await asyncio.sleep(59)
        await line.send(POST)
        await asyncio.sleep(29)
        await line.send(b"1234")

    line = played(rest)

    assert [200] * 6 == line.statuses
    assert 6 * 59 + 29 + 60 == close_to(line.closed_at)


def test_what_is_answered_may_take_as_long_as_it_likes() -> None:
    """A stream is neither idle nor a request that does not come."""

    async def follow(line: Line) -> None:
        await line.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.sleep(3_000)
        assert not line.is_closing()

    line = played(follow)

    assert 6 == line.written.count(b"beat")
    assert line.written.endswith(b"0\r\n\r\n")
    assert 3_660 == close_to(line.closed_at)


def test_a_body_that_nobody_reads_has_to_come_as_well() -> None:
    """An early answer is the only one, and keeps no connection open for a body without an end."""

    async def late(line: Line) -> None:
        await line.send(POST.replace(b"/body", b"/now"))

    async def in_time(line: Line) -> None:
        await line.send(POST.replace(b"/body", b"/now"))
        await asyncio.sleep(20)
        await line.send(b"1234")

    async def again(line: Line) -> None:
        await in_time(line)
        await asyncio.sleep(59)
        await line.send(HEAD + b"\r\n")

    ends = [(line.statuses, line.closed_at) for line in map(played, (late, in_time, again))]

    assert [([200], 30), ([200], close_to(80)), ([200, 200], close_to(139))] == ends


def test_a_body_without_an_end_is_cut() -> None:
    """It was refused long before; and what follows a refusal is not read for ever."""

    async def flood(line: Line) -> None:
        head = b"POST /now HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        await line.send(head)
        sent = 0
        while not line.is_closing():
            sent += 65_536
            assert sent <= MAX_REQUEST + 65_536
            line.protocol.data_received(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    assert [200] == played(flood).statuses


@pytest.mark.parametrize("lines", [MAX_HEADERS, MAX_HEADERS + 1])
def test_headers_are_counted(lines: int) -> None:
    """One more than there may be is 431, however short they are."""

    async def many(line: Line) -> None:
        await line.send(HEAD + b"a:\r\n" * (lines - 1) + b"\r\n")

    line = played(many)

    if lines > MAX_HEADERS:
        assert (431, "there must be at most 100 lines of headers") == line.refusal
        assert [431] == line.statuses
    else:
        assert [200] == line.statuses
        assert line.written.endswith(b"\r\n\r\n100")


@pytest.mark.parametrize("surplus", [0, 1])
@pytest.mark.parametrize("where", ["address", "header", "blank lines"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_head_has_a_limit(surplus: int, where: str, *, at_once: bool) -> None:
    """In one long line or in many parts: a byte more than may be is 431."""
    head = {
        "address": b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "header": HEAD + b"x-a: %b\r\n\r\n",
        "blank lines": b"%b" + HEAD + b"\r\n",
    }[where]
    room = MAX_HEAD - len(head % b"") + surplus
    filled = head % {"blank lines": b"\n" * room}.get(where, b"x" * room)
    assert MAX_HEAD + surplus == len(filled)

    async def long(line: Line) -> None:
        if at_once:
            await line.send(filled)
        else:
            for begin in range(0, len(filled), 1_000):
                await line.send(filled[begin : begin + 1_000])

    line = played(long)

    if surplus:
        assert (431, f"the head must have at most {MAX_HEAD} bytes") == line.refusal
    assert [431 if surplus else 200] == line.statuses


def test_a_long_body_is_no_long_head() -> None:
    """What comes in one piece is told apart; and the next head begins to count at zero."""
    body = b"x" * 200_000
    post = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def much(line: Line) -> None:
        for _ in range(3):
            await line.send(post + body)
        await line.send((HEAD + b"x-a: " + b"x" * 40_000 + b"\r\n\r\n") * 3)

    assert [200] * 6 == played(much).statuses


def test_headers_behind_a_body_are_dropped() -> None:
    """They would join those that were checked, and be as many as they like."""
    post = (
        b"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\n" + b"x-token: late\r\n" * 200 + b"\r\n"
    )

    async def late(line: Line) -> None:
        await line.send(post)

    line = played(late)

    assert [200] == line.statuses
    assert b"\r\n\r\n2" in line.written


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x01\x02", b"GET / HTTP/9.9\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n", b"GET\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nA\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)  # fmt: skip
def test_what_is_no_http_is_refused_in_a_sentence(
    junk: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """As any other mistake is; it is not worth a line in the log."""

    async def send(line: Line) -> None:
        await line.send(junk)

    line = played(send)

    assert (400, "the request must be HTTP") == line.refusal
    assert [400] == line.statuses
    assert ("", "") == capfd.readouterr()


def test_a_stream_is_not_mixed_with_an_answer_to_something_else() -> None:
    """Junk behind a request ends the connection; half a request beside a stream, after a while."""

    async def junk(line: Line) -> None:
        await line.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await line.send(b"\x00")

    async def half(line: Line) -> None:
        await line.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await line.send(b"GET")

    for program in (junk, half):
        line = played(program)
        assert [200] == line.statuses
        assert 1 == line.written.count(b"beat")


def test_an_upgrade_is_not_taken_up() -> None:
    """There are no sockets of the web here: the request is answered as it is."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"

    async def ask(line: Line) -> None:
        await line.send(HEAD + upgrade)

    line = played(ask)

    assert [200] == line.statuses


def test_connections_have_a_limit() -> None:
    """One too many is told so and closed; when one has gone there is room again."""

    async def play() -> tuple[list[Line], Line, Line]:
        server = Server(connections=2)
        there = [server.connect(), server.connect()]
        third = server.connect()
        there[0].close()
        await asyncio.sleep(1)
        fourth = server.connect()
        await fourth.send(HEAD + b"\r\n")
        return there, third, fourth

    there, third, fourth = run(play())

    assert (503, "there are 2 connections already") == third.refusal
    assert b"retry-after: 1" in third.written
    assert not there[1].is_closing()
    assert [200] == fourth.statuses


def test_without_limits_of_time_nothing_is_closed() -> None:
    """Whoever wants none has none."""

    async def half(line: Line) -> None:
        await line.send(POST)

    async def nothing(_: Line) -> None: ...

    for program in (half, nothing):
        line = played(program, request_timeout=None, idle_timeout=None)
        assert line.closed_at is None or line.closed_at >= 7_200  # when the loop ends
