"""Who is let in, and how every answer leaves: the head of a request, byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.controller.api.door import Door, Prefixes
from examples.controller.bridge.page import FILES, HEADERS, PATHS
from examples.controller.settings import Settings
from sequencectl import InvalidValue
from tests.examples.controller.api.asking import HOST, Pairs, ask

TOKEN = "open.sesame"  # noqa: S105 - nobody else has it
NAME = "sequences.example.org"
JSON = ("content-type", "application/json")


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    """Say which path was let in; read nothing."""
    own = [(b"Cache-Control", b"no-cache")] if scope["path"] == "/own" else []
    start: Message = {"type": "http.response.start", "status": 200, "headers": own}
    await send(start)
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def door(**settings: Any) -> ASGIApp:
    """A door before nothing."""
    return Prefixes(Door(inside, Settings(data=Path(), **settings)))


GUARDED = {"host": "10.0.0.7", "allowed_hosts": (NAME,), "token": TOKEN}


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:1", "127.0.0.1", "127.9.9.9:65535", "[::1]", "[::1]:8080", "[0::1]"],
)
def test_the_names_of_this_machine_are_served(host: str) -> None:
    """Whatever the port: a proxy, or a tunnel, may have another."""
    assert 200 == ask(door(), "GET", "/v1/project", [("host", host)]).status


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
        "localhost@evil.example", "evil.example#localhost", "", ":8080", "localhost:8080:1",
        "localhost:a", "[::1", "::1", "10.0.0.7", "10.0.0.70", "2130706433", "localhost\xad",
        "localhost, evil.example", NAME,
    ],
)  # fmt: skip
def test_a_host_that_nobody_named_is_not_served(host: str) -> None:
    """The page of a name that was led here by DNS gets neither data nor the Bridge."""
    for path in ("/v1/project", "/", "/bridge/", "/api/v1/project", "/openapi.json"):
        answer = ask(door(), "GET", path, [("host", host)])
        assert 421 == answer.status
        assert "--allowed-host" in answer.message


@pytest.mark.parametrize("host", [NAME, NAME.upper(), f"{NAME}:443", "10.0.0.7", "localhost"])
def test_hosts_that_were_named_are_served(host: str) -> None:
    """The address that is served, and what a proxy passes on."""
    pairs = [("host", host), ("x-token", TOKEN)]

    assert 200 == ask(door(**GUARDED), "GET", "/v1/project", pairs).status
    assert 421 == ask(door(**GUARDED), "GET", "/v1/project", [("host", f"x.{NAME}")]).status


@pytest.mark.parametrize("times", [0, 2])
def test_a_request_is_for_one_host(times: int) -> None:
    """None, or two, may be read in two ways."""
    assert "Host" in ask(door(), "GET", "/v1/project", HOST * times).message
    assert 400 == ask(door(), "GET", "/v1/project", HOST * times).status


@pytest.mark.parametrize("pairs", [(), HOST * 2, [("host", "evil.example")]])
def test_whoever_watches_over_the_process_is_answered(pairs: Pairs) -> None:
    """Health has nothing of anybody: any host, no token."""
    assert 200 == ask(door(**GUARDED), "GET", "/healthz", pairs).status
    assert 200 == ask(door(**GUARDED), "GET", "/api/healthz", pairs).status


@pytest.mark.parametrize(
    "tokens",
    [
        (), ("",), (TOKEN[:-1],), (TOKEN[:1],), (f"{TOKEN}s",), (f"{TOKEN} ",), (TOKEN.upper(),),
        ("öpen",), ("\x00",), (TOKEN, TOKEN), (TOKEN, "wrong"), ("wrong", TOKEN), ("", TOKEN),
        (f"{TOKEN}, {TOKEN}",), ("x" * 10_000,),
    ],
)  # fmt: skip
def test_the_token_is_whole_and_there_once(tokens: tuple[str, ...]) -> None:
    """No part of it will do, nor will two headers, of which somebody else may read the other."""
    pairs = [*HOST, *(("x-token", token) for token in tokens)]
    answer = ask(door(**GUARDED), "GET", "/v1/project", pairs)

    assert 401 == answer.status
    assert "x-token" in answer.message
    assert TOKEN not in answer.message


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/nowhere", ()),
        ("BREW", "/v1/project", ()),
        ("GET", "/healthz/", ()),
        ("GET", "/healthz\n", ()),
        ("GET", "/bridge/secret.js", ()),
        ("GET", "/v1/project/%ff", ()),
        ("POST", "/v1/event", [("content-length", "9"), ("content-type", "text/plain")]),
        ("POST", "/v1/event", [("origin", "http://evil.example")]),
        ("GET", f"/v1/project?token={TOKEN}&x-token={TOKEN}", ()),
        ("GET", "/v1/project", [("authorization", f"Bearer {TOKEN}")]),
        ("GET", "/v1/project", [("cookie", f"x-token={TOKEN}")]),
    ],
)
def test_the_token_comes_first_and_in_its_header_alone(method: str, path: str, more: Pairs) -> None:
    """Without it nobody learns which paths, methods or types there are."""
    assert 401 == ask(door(**GUARDED), method, path, [*HOST, *more]).status


@pytest.mark.parametrize("path", sorted(PATHS))
def test_the_files_of_the_page_are_open(path: str) -> None:
    """They ask for the token."""
    assert 200 == ask(door(**GUARDED), "GET", path).status


@pytest.mark.parametrize(
    "more",
    [
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("origin", "")],
        [("origin", "https://localhost:8080")],
        [("origin", "http://localhost:8081")],
        [("origin", "http://localhost")],
        [("origin", "http://127.0.0.1:8080")],
        [("origin", "http://localhost:8080.evil.example")],
        [("origin", "http://localhost:8080"), ("origin", "http://evil.example")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "")],
        [("origin", "http://localhost:8080"), ("sec-fetch-site", "same-site")],
        [("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")],
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_pages_of_others_change_nothing(method: str, more: Pairs) -> None:
    """Scheme, host and port must be the same; either header is enough to be refused."""
    answer = ask(door(), method, "/v1/auth", [*HOST, *more])

    assert 403 == answer.status
    assert "origin" in answer.message
    assert 200 == ask(door(), "GET", "/v1/project", [*HOST, *more]).status
    assert 200 == ask(door(), "HEAD", "/v1/project", [*HOST, *more]).status


@pytest.mark.parametrize(
    ("scheme", "host", "more"),
    [
        ("http", "localhost:8080", [("origin", "http://localhost:8080")]),
        ("http", "localhost:8080", [("origin", "HTTP://LOCALHOST:8080")]),
        ("http", "localhost:80", [("origin", "http://localhost")]),
        ("http", "localhost", [("origin", "http://localhost:80")]),
        ("http", "[::1]:8080", [("origin", "http://[::1]:8080")]),
        ("https", NAME, [("origin", f"https://{NAME}")]),
        ("https", f"{NAME}:443", [("origin", f"https://{NAME}"), ("sec-fetch-site", "none")]),
        ("https", NAME, [("sec-fetch-site", "same-origin")]),
        ("http", NAME, []),
    ],
)
def test_the_page_and_programs_may_change_things(scheme: str, host: str, more: Pairs) -> None:
    """Behind a proxy the origin is what it says of the host and of the scheme."""
    pairs = [("host", host), ("x-token", TOKEN), *more]

    assert 200 == ask(door(**GUARDED), "POST", "/v1/auth", pairs, scheme=scheme).status


@pytest.mark.parametrize(
    "kinds",
    [
        (), ("text/plain",), ("application/x-www-form-urlencoded",), ("multipart/form-data",),
        ("",), ("application/jsonx",), ("text/plain; application/json",), ("application",),
        ("application/cloudevents-batch+json",), ("application/json", "text/plain"),
        ("application/json, text/plain",),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [("content-length", "2"), ("transfer-encoding", "chunked")])
def test_a_body_says_that_it_is_json(kinds: tuple[str, ...], size: tuple[str, str]) -> None:
    """What a form can send is of another type."""
    pairs = [*HOST, size, *(("content-type", kind) for kind in kinds)]
    answer = ask(door(), "POST", "/v1/event", pairs, b"{}")

    assert 415 == answer.status
    assert "application/json" in answer.message


@pytest.mark.parametrize(
    "pairs",
    [
        [("content-length", "2"), ("content-type", "application/json")],
        [("content-length", "2"), ("content-type", "Application/JSON ; charset=utf-8")],
        [("content-length", "2"), ("content-type", "application/cloudevents+json;a=b")],
        [("content-length", "0")],
        [("content-length", "0"), ("content-type", "text/plain")],
        [],
    ],
)
def test_json_is_let_in_and_so_is_no_body(pairs: Pairs) -> None:
    """The page's and Keptn's requests without a body say this or nothing about its type."""
    assert 200 == ask(door(), "POST", "/v1/event", [*HOST, *pairs]).status
    assert 200 == ask(door(), "GET", "/v1/project", [*HOST, JSON]).status


@pytest.mark.parametrize(
    "path",
    [
        "/v1/project/%ff", "/v1/project/%ED%A0%80", "/v1/project/a%00", "/v1/project?name=%C3",
        "/v1/project?name=%ED%A0%80", "/v1/project?%00=1", "/api/v1/project/%ff", "/bridge/%ff",
    ],
)  # fmt: skip
def test_an_address_is_a_text(path: str) -> None:
    """Bytes that are none would be replaced, and half of a character kept, on the way inside."""
    assert 400 == ask(door(), "GET", path).status
    assert ask(door(), "GET", path).message.startswith("the path and the query must")


@pytest.mark.parametrize("path", ["/v1/project/%25ff", "/v1/project/%E2%82%AC?a=%zz&b=%"])
def test_other_addresses_are_let_in(path: str) -> None:
    """A percent sign that encodes nothing is one."""
    assert 200 == ask(door(), "GET", path).status


def test_every_answer_is_sealed_unless_it_says_otherwise() -> None:
    """A refusal of the door as well as what was let in; the files of the page may be kept."""
    kept = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    for path in ("/v1/project", "/healthz", "/v1/project/%ff"):
        assert kept.items() <= ask(door(), "GET", path).headers.items()
    assert kept.items() <= ask(door(), "GET", "/", [("host", "evil.example")]).headers.items()
    assert kept.items() <= ask(door(**GUARDED), "GET", "/v1/auth").headers.items()
    own = {"Cache-Control": "no-cache", "x-content-type-options": "nosniff"}
    assert own == ask(door(), "GET", "/own").headers


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"allowed_hosts": (NAME,)}, "loopback name without a token"),
        *(
            ({"token": TOKEN, "allowed_hosts": (name,)}, "must be a name or an address")
            for name in ("", "a:80", "http://a", "*", "a/b", "a b", "-", "ä.example", "[::1]")
        ),
        ({"token": "töken"}, "printable ASCII"),
        ({"token": " token"}, "printable ASCII"),
        ({"token": "to\nken"}, "printable ASCII"),
        ({"actor_header": "X User"}, "name of a header"),
        ({"actor_header": "X-User:"}, "name of a header"),
        ({"port": -1}, "0 to 65535"),
        ({"port": 65_536}, "0 to 65535"),
        ({"connections": 0}, "at least 1"),
        ({"wire": 0}, "1 to 2"),
        ({"wire": 3}, "1 to 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], problem: str) -> None:
    """The sentence says which, and shows no token."""
    with pytest.raises(InvalidValue, match=problem) as refused:
        Settings(data=Path(), **settings)
    assert settings.get("token", "?") not in str(refused.value)


def test_the_policy_of_the_page_permits_its_own_files_alone() -> None:
    """No inline script, no frame around it, no address of it told to others."""
    policy = dict(
        part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";")
    )
    assert "'none'" == policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"]
    assert {"'self'"} == {policy[f"{kind}-src"] for kind in ("script", "style", "connect", "img")}
    wanted = {
        "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }  # fmt: skip
    assert wanted.items() <= HEADERS.items()
    assert set(FILES) < PATHS
