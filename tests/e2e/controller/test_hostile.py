"""What a client must not get away with: names, bodies, tokens and words that mean harm."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.controller.process import SHIPYARD, Client, Controller

NAMES = {
    "markup": "<img src=x onerror=alert(1)>",
    "long": "x" * 200,
    "too long": "x" * 201,
    "right to left": "a\u202eb",
    "emoji": "🚀",
    "parent folder": "../../etc/passwd",
    "encoded dots": "%2e%2e",
    "newline": "a\nb",
    "zero byte": "a\x00b",
    "quotes": "'; DROP TABLE project; --",
    "surrogate": "\ud800",
    "empty": "",
}
SECRET = "open sesame"  # noqa: S105 - nobody else has it
EVERYWHERE = ["0.0.0.0", "::", "192.0.2.1", "example.invalid"]  # noqa: S104 - they are refused
IN_A_NAME = [name for name in NAMES.values() if name != NAMES["long"]]


def stored(client: Client) -> list[Any]:
    """Everything there is: projects, deliveries, history, services."""
    paths = (
        "/v1/project?pageSize=100",
        "/v1/sequence/sockshop?pageSize=100",
        "/mongodb-datastore/event?project=sockshop&pageSize=100",
    )
    return [client.get(path).raise_for_status().json() for path in paths]


@pytest.fixture
def unchanged(client: Client) -> Iterator[Client]:
    """A client after whose requests everything is as it was, and the controller well."""
    before = stored(client)
    yield client
    assert before == stored(client)
    assert {"status": "ok"} == client.get("/healthz").json()


def refused(answer: Any, *statuses: int) -> str:
    """The sentence of a refusal: one line, and nothing of how the program is made."""
    assert answer.status_code in (statuses or (400,)), answer.text
    body = answer.json()
    assert set(body) <= {"code", "message", "reason"}
    message: str = body["message"]
    assert message.isprintable()
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_project_has_a_plain_name(unchanged: Client, name: str) -> None:
    """Letters, digits, ``-`` and ``_``, 63 at most."""
    shipyard = base64.b64encode(SHIPYARD.encode()).decode()
    body = json.dumps({"name": name, "shipyard": shipyard})

    problem = "half a character" if name == NAMES["surrogate"] else "name"
    assert problem in refused(unchanged.post("/v1/project", content=body))


@pytest.mark.parametrize("name", IN_A_NAME, ids=[*map(ascii, IN_A_NAME)])
def test_a_path_leads_to_nothing_else(unchanged: Client, name: str) -> None:
    """Whatever stands in a path is a name, encoded or not, and nobody knows it."""
    if "\ud800" in name or not name:
        return
    part = quote(name, safe="")

    refused(unchanged.get(f"/v1/project/{part}"), 400, 404)
    refused(unchanged.get(f"/v1/sequence/sockshop/{part}"), 400, 404)
    refused(unchanged.get(f"/v1/project/sockshop/stage/{part}"), 400, 404)
    refused(unchanged.get(f"/v1/stream/{part}"), 400, 404)
    answer = unchanged.post(f"/v1/sequence/sockshop/{part}/control", json={"state": "pause"})
    refused(answer, 400, 404)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        *(("id", name) for name in ("right to left", "emoji", "newline", "zero byte")),
        *((each, "too long") for each in ("id", "shkeptncontext", "triggeredid", "source")),
    ],
)
def test_ids_are_printable_ascii(unchanged: Client, attribute: str, name: str) -> None:
    """The refusal names the attribute and shows the value so that it can do no harm."""
    kind = (
        "deployment.finished"
        if attribute in {"triggeredid", "source"}
        else "dev.delivery.triggered"
    )
    about: dict[str, Any] = {"triggeredid": "t", attribute: NAMES[name]}
    message = refused(unchanged.event(kind, **about))

    assert attribute in message
    assert len(message) < 300


def test_hostile_names_that_are_permitted_are_kept_as_they_are(client: Client) -> None:
    """A context may be any printable ASCII, a service any text: both come back as they came."""
    context, service = NAMES["markup"], NAMES["markup"] + NAMES["emoji"]
    about = {"id": context, "shkeptncontext": context}
    client.event("dev.delivery.triggered", {"service": service}, **about).raise_for_status()
    answer = client.get(f"/v1/sequence/sockshop/{quote(context, safe='')}")

    assert "application/json" == answer.headers["content-type"]
    assert (context, service) == tuple(answer.json()[key] for key in ("shkeptncontext", "service"))
    done = client.post(
        f"/v1/sequence/sockshop/{quote(context, safe='')}/control",
        json={"state": "abort", "force": True},
    )
    assert "applied" == done.json()["outcome"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"1e999", id="a number"),
        pytest.param(b'{"state": NaN}', id="NaN"),
        pytest.param(b'{"state": "pause", "state": "abort"}', id="a key twice"),
        pytest.param(b'{"state": ["pause"]}', id="a list for a text"),
        pytest.param(b'{"state": "pause", "stage": 1}', id="a number for a text"),
        pytest.param(b'{"state": "abort", "force": "yes"}', id="a text for a flag"),
        pytest.param(b'{"state": "pause", "__proto__": {}}', id="a field of no use"),
        pytest.param(b'{"state": "pause", "reason": "a\\nb"}', id="a newline in a reason"),
        pytest.param(b'{"state": "pause", "actor": "\\u202e"}', id="an actor from right to left"),
        pytest.param(b'{"state": "pause", "reason": "\\ud800"}', id="half a character"),
        pytest.param(b'{"state": "pause", "requestId": "\\u00e9"}', id="an id that is no ASCII"),
    ],
)
def test_a_malformed_control_changes_nothing(client: Client, body: bytes) -> None:
    """Each field is checked; what cannot be read, or is not known, is refused in a sentence."""
    client.trigger("malformed")
    before = client.state("malformed")
    answer = client.post("/v1/sequence/sockshop/malformed/control", content=body)

    refused(answer)
    assert before == client.state("malformed")


def test_an_oversized_body_is_not_read_to_its_end(unchanged: Client) -> None:
    """With a length or without one: 413, whatever is in it."""

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    assert "bytes" in refused(unchanged.post("/v1/event", content=b" " * 3_000_000), 413)
    assert "bytes" in refused(unchanged.post("/v1/event", content=endless()), 413)


def test_a_payload_over_the_bound_is_refused(unchanged: Client) -> None:
    """64 KiB is what a payload may have (R33): more is refused, not cut."""
    message = refused(unchanged.event("dev.delivery.triggered", {"log": "x" * 70_000}))

    assert "data" in message or "bytes" in message


@pytest.mark.parametrize("value", ["NaN", "1e999", "-Infinity"])
def test_numbers_that_are_none_are_refused(unchanged: Client, value: str) -> None:
    """JSON has none of them, and nothing that is kept may."""
    scope = '"project": "sockshop", "stage": "dev", "service": "carts"'
    kind = "sh.keptn.event.dev.delivery.triggered"
    data = f'{{{scope}, "score": {value}}}'
    body = f'{{"specversion": "1.0", "id": "n", "source": "t", "type": "{kind}", "data": {data}}}'

    refused(unchanged.post("/v1/event", content=body.encode()))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"ce-specversion": "1.0"}, id="no type"),
        pytest.param({"ce-type": "x"}, id="no version"),
        pytest.param({"ce-specversion": "9", "ce-type": "x", "ce-source": "s"}, id="version 9"),
        pytest.param(
            {"ce-specversion": "1.0", "ce-type": "x", "ce-source": "s", "ce-time": "noon"},
            id="no instant",
        ),
    ],
)
def test_headers_that_are_no_cloudevent_are_refused(
    unchanged: Client, headers: dict[str, str]
) -> None:
    """In binary mode the attributes are headers: they are checked as those of a body are."""
    refused(unchanged.post("/v1/event", headers=headers, content=b"{}"))


def test_a_binary_cloudevent_is_read(client: Client) -> None:
    """The same trigger in both modes is the same trigger."""
    headers = {
        "ce-specversion": "1.0", "ce-id": "binary", "ce-source": "test",
        "ce-type": "sh.keptn.event.dev.delivery.triggered", "ce-shkeptncontext": "binary",
        "content-type": "application/json",
    }  # fmt: skip
    data = {"project": "sockshop", "stage": "dev", "service": "carts"}
    first = client.post("/v1/event", headers=headers, content=json.dumps(data).encode())
    second = client.trigger("binary")

    assert ["applied", "duplicate"] == [each.json()["outcome"] for each in (first, second)]


@pytest.mark.parametrize(
    ("path", "token"),
    [
        *(("/v1/project", token) for token in ("", "open sesames", "öpen sesame", "x" * 10_000)),
        *((path, "wrong") for path in ("/v1/event", "/v1/stream/sockshop", "/metrics")),
    ],
)
def test_without_the_token_nothing_is_served(guarded: Controller, path: str, token: str) -> None:
    """Not even a body is read, and the answer does not say how wrong the token is."""
    with guarded.client() as client:
        answer = client.get(path, headers=[(b"x-token", token.encode())])

    assert "x-token" in refused(answer, 401)


def test_with_the_token_it_is_served_and_health_always(guarded: Controller) -> None:
    """Who watches over the process needs no token to ask whether it is well."""
    with guarded.client() as client:
        assert 200 == client.post("/v1/auth").status_code
        assert 200 == client.get("/healthz", headers={"x-token": ""}).status_code


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller with a token."""
    with Controller(tmp_path_factory.mktemp("guarded"), token=SECRET) as controller:
        yield controller


@pytest.mark.parametrize("host", EVERYWHERE)
def test_an_open_door_to_the_network_is_refused(tmp_path: Path, host: str) -> None:
    """Without a token a controller serves its own machine alone."""
    with pytest.raises(AssertionError, match="must be a loopback address without a token"):
        Controller(tmp_path, "--host", host).start()


def test_broken_http_does_not_stop_the_service(unchanged: Client) -> None:
    """Whatever comes over the line, the next request is answered."""
    port = unchanged.base_url.port
    for junk in (b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/event HTTP/1.1\r\nA" * 500):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(junk)
            line.shutdown(socket.SHUT_WR)
            line.recv(1_000)
