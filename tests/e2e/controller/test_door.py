"""The door of the program as strangers meet it: hosts, origins, limits, half requests, a start."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.controller.process import PATIENCE, ROOT, Controller, until

SECRET = "open.sesame"  # noqa: S105 - nobody else has it
NAME = "sequences.example.org"
HURRY = ("--request-timeout", "300ms", "--idle-timeout", "300ms", "--connections", "8")
GUARD = ("--allowed-host", NAME, "--actor-header", "X-User", *HURRY)
SOON = 20.0
"""So many seconds a test waits for what comes late, or never, with other limits than those."""

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller as behind a proxy, in a hurry; what clients do leaves no line in its log."""
    folder = tmp_path_factory.mktemp("guarded")
    with Controller(folder, *GUARD, token=SECRET) as controller:
        with controller.client() as client:
            client.create()
            client.trigger("one")
        yield controller
        assert (0, "") == controller.stop()


@contextmanager
def line(controller: Controller) -> Iterator[socket.socket]:
    """A connection to it."""
    address = ("127.0.0.1", httpx.URL(controller.url).port)
    with socket.create_connection(address, timeout=SOON) as opened:
        yield opened


def everything(opened: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    while part := opened.recv(65_536):
        found += part
    return found


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and sentence of an answer as it came over the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"no-store" in head
    found = json.loads(body)
    assert int(head[9:12]) == found["code"]
    return found["code"], found["message"]


def test_strangers_are_refused(guarded: Controller) -> None:
    """Another host, no token, another origin, another type: each with its status, in a sentence."""
    whole = {"host": NAME, "x-token": SECRET, "content-type": "application/json"}
    cases: list[tuple[int, dict[str, str]]] = [
        (421, {"host": "evil.example"}),
        (401, {"x-token": SECRET[:-1]}),
        (403, {"origin": "http://evil.example"}),
        (403, {"sec-fetch-site": "cross-site"}),
        (415, {"content-type": "text/plain"}),
        (400, {}),  # half an event
    ]
    with httpx.Client(base_url=guarded.url) as client:
        answers = [
            client.post("/api/v1/event", headers={**whole, **change}, content=b"{")
            for _, change in cases
        ]
        health = client.get("/healthz", headers={"host": "evil.example"})

    assert [status for status, _ in cases] == [answer.status_code for answer in answers]
    assert [status for status, _ in cases] == [answer.json()["code"] for answer in answers]
    assert all("no-store" == answer.headers["cache-control"] for answer in answers)
    assert 200 == health.status_code


def test_behind_a_proxy_the_scheme_is_the_proxys(guarded: Controller) -> None:
    """The page came by TLS: the proxy says so, and passes the host on."""
    told = {"host": NAME, "x-token": SECRET, "origin": f"https://{NAME}"}
    with httpx.Client(base_url=guarded.url) as client:
        proxied = client.post("/v1/auth", headers={**told, "x-forwarded-proto": "https"})
        silent = client.post("/v1/auth", headers=told)

    assert (200, 403) == (proxied.status_code, silent.status_code)
    assert f"it must be http://{NAME}" in silent.json()["message"]


def test_who_acts_is_whom_the_proxy_names(guarded: Controller) -> None:
    """A claim in the body does not count, and alone is refused."""
    with guarded.client() as client:
        refused = client.control("one", "pause", actor="ann")
        client.headers["x-user"] = "bob"
        client.control("one", "pause", actor="ann").raise_for_status()
        paused = client.state("one")["paused"]

    assert 400 == refused.status_code
    assert ["bob"] == [each["actor"] for each in paused]


def test_limits_of_a_request(guarded: Controller) -> None:
    """Long heads, many headers, long bodies: refused before they are read."""
    answers = []
    for request in (
        HEAD + b"a: b\r\n" * 100 + b"\r\n",
        HEAD + b"a: " + b"b" * 65_536,
        b"GET /" + b"a" * 65_536,
        b"POST /v1/event HTTP/1.1\r\nHost: localhost\r\nx-token: open.sesame\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2097153\r\n\r\n",
    ):
        with line(guarded) as opened:
            opened.sendall(request)
            answers.append(refusal(everything(opened)))

    assert [431, 431, 431, 413] == [status for status, _ in answers]


@pytest.mark.parametrize(
    "half", [b"GET", HEAD, b"POST /v1/event HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
)
def test_half_a_request_is_given_up(guarded: Controller, half: bytes) -> None:
    """By the controller, when its time is over."""
    with line(guarded) as opened:
        opened.sendall(half)
        answer = everything(opened)

    assert refusal(answer)[0] in {400, 408}


def test_an_idle_connection_is_closed(guarded: Controller) -> None:
    """Before anything was asked, and after."""
    with line(guarded) as opened:
        assert b"" == everything(opened)
    with line(guarded) as opened:
        opened.sendall(HEAD + b"\r\n")
        assert everything(opened).endswith(b'{"status":"ok"}')


def test_connections_have_a_limit(guarded: Controller) -> None:
    """Streams count, and are not closed for being long; one too many is told so."""
    about = f"Host: localhost\r\nx-token: {SECRET}\r\n\r\n".encode()
    with guarded.client() as client:
        until(lambda: client.get("/healthz").status_code == 200)
    streams = [
        socket.create_connection(("127.0.0.1", httpx.URL(guarded.url).port)) for _ in range(8)
    ]
    try:
        for stream in streams:
            stream.settimeout(PATIENCE)
            stream.sendall(b"GET /v1/stream/sockshop HTTP/1.1\r\n" + about)
            assert stream.recv(15) == b"HTTP/1.1 200 OK"
        with line(guarded) as opened:
            assert 503 == refusal(everything(opened))[0]
    finally:
        for stream in streams:
            stream.close()


def test_clients_that_go_leave_nothing_behind(guarded: Controller) -> None:
    """In a head, in a body, before an answer, in a stream: no line in the log, as its end shows."""
    about = f"Host: localhost\r\nx-token: {SECRET}\r\nContent-Type: application/json\r\n".encode()
    for request in (
        HEAD,
        b"POST /v1/event HTTP/1.1\r\n" + about + b"Content-Length: 900000\r\n\r\n{",
        b"GET /v1/project HTTP/1.1\r\n" + about + b"\r\n",
        b"GET /v1/stream/sockshop HTTP/1.1\r\n" + about + b"\r\n",
        b"GET /v1/stream/sockshop HTTP/1.1\r\n" + about + b"Upgrade: websocket\r\n"
        b"Connection: upgrade\r\n\r\n",
    ):
        for resets in (False, True):
            with line(guarded) as opened:
                opened.sendall(request)
                if resets:  # without a word, as a process that is killed
                    linger = b"\x01\0\0\0\0\0\0\0"
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def started(*arguments: str) -> tuple[int, str]:
    """The exit status of a start, and what it said."""
    command = [sys.executable, "-m", "examples.controller", "--port", "0", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--host", "192.0.2.1"], 1, "192.0.2.1, port 0: no address of this machine\n"),
        (["--host", "host.invalid"], 1, "host.invalid, port 0: no address of this machine\n"),
        (["--port", "70000"], 2, "port: must be 0 to 65535, got 70000\n"),
        (
            ["--allowed-host", "http://a/"],
            2,
            "must be a name or an address, no more, got 'http://a/'\n",
        ),
        (["--allowed-host", ""], 2, "must be a name or an address, no more, got ''\n"),
        (["--actor-header", "X User"], 2, "must be the name of a header, got 'X User'\n"),
        (["--connections", "0"], 2, "connections: must be at least 1, got 0\n"),
        (["--request-timeout", "soon"], 2, "needs a number before each unit, got 'soon'\n"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_a_start_that_makes_no_sense_says_why(
    tmp_path: Path, arguments: list[str], status: int, sentence: Any
) -> None:
    """In one sentence that has what was given."""
    ended, said = started("--data", str(tmp_path), "--token", SECRET, *arguments)

    assert (status, True) == (ended, sentence in said), said
    assert "Traceback" not in said
    assert SECRET not in said


def test_a_further_name_needs_a_token(tmp_path: Path) -> None:
    """Whoever comes by a name that is not this machine's own may be anybody."""
    status, said = started("--data", str(tmp_path), "--token", "", "--allowed-host", NAME)

    assert 2 == status
    assert "must be a loopback name without a token" in said
