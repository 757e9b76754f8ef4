"""The routes of registrations and the log: what comes in, what goes out, what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from examples.controller.api.sequences import MOST_LOGGED
from examples.controller.api.uniform import MOST_OF_A_MESSAGE
from examples.controller.app import Controller
from examples.controller.settings import Settings
from examples.controller.storage.deliveries import instant
from sequencectl.testing import ManualClock
from tests.examples.controller.served import Served

REGISTRATION, LOG = "/v1/uniform/registration", "/v1/log"
FILTER = {"projects": ["sockshop"], "stages": ["dev"], "services": None}
HELM = {
    "name": "helm-service",
    "metadata": {"hostname": "node-1", "kubernetesmetadata": {"namespace": "keptn"}},
    "subscriptions": [{"event": "sh.keptn.event.deployment.triggered", "filter": FILTER}],
}
JMETER = {**HELM, "name": "jmeter-service", "subscriptions": None}
SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: sockshop}
spec: {stages: [{name: dev, sequences: [{name: delivery, tasks: [{name: deployment}]}]}]}
"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answers(data: Path, *requests: tuple[str, str, Any]) -> list[tuple[int, Any]]:
    """What a controller answers to requests: method, path and body, {0} being the first id."""

    async def play() -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = []
        async with Controller(Settings(data=data), clock=ManualClock(NOW)) as controller:
            transport = httpx.ASGITransport(controller.app)
            async with httpx.AsyncClient(
                transport=transport,
                base_url="http://localhost:8080",
                headers={"Content-Type": "application/json"},
            ) as client:
                for method, path, body in requests:
                    known = found[0][1].get("id") if found else ""
                    content = b"" if body is None else json.dumps(body).encode()
                    answer = await client.request(method, path.format(known), content=content)
                    found.append((answer.status_code, answer.json()))
        return found

    return asyncio.run(play())


def test_what_a_registration_does_not_say_is_empty(tmp_path: Path) -> None:
    """The answer has every key that Keptn's has; keys nobody knows are not kept."""
    minimal = {"name": "helm-service", "metadata": {"status": "?"}, "id": "mine", "new": {}}
    _, (_, [registration]) = answers(
        tmp_path, ("POST", REGISTRATION, minimal), ("GET", REGISTRATION, None)
    )
    own = registration.pop("id")

    assert own != "mine"
    assert {
        "name": "helm-service",
        "metadata": {
            "hostname": "",
            "integrationversion": "",
            "distributorversion": "",
            "location": "",
            "kubernetesmetadata": {"namespace": "", "podname": "", "deploymentname": ""},
            "lastseen": instant(NOW),
        },
        "subscriptions": [],
    } == registration
    assert {"journal.db", "projects.db", "sequences.db"} == {
        path.name for path in tmp_path.glob("*.db")
    }


def test_registrations_are_filtered(tmp_path: Path) -> None:
    """By their own texts, and by what one of their subscriptions names."""
    helm, jmeter, none = {"helm-service"}, {"jmeter-service"}, set[str]()
    both = helm | jmeter
    queries = {
        "": both,
        "?id={0}": helm,
        "?id=nobody": none,
        "?name=jmeter-service": jmeter,
        "?namespace=keptn&hostname=node-1": both,
        "?namespace=other": none,
        "?hostname=other": none,
        "?project=sockshop&stage=dev": helm,
        "?project=sock": none,
        "?stage=prod": none,
        "?service=carts": none,
        "?unheard=of&name=": both,
    }
    _, _, *played = answers(
        tmp_path,
        ("POST", REGISTRATION, HELM),
        ("POST", REGISTRATION, JMETER),
        *(("GET", REGISTRATION + query, None) for query in queries),
    )

    assert {200} == {status for status, _ in played}
    assert queries == {
        query: {each["name"] for each in found}
        for query, (_, found) in zip(queries, played, strict=True)
    }


def test_subscriptions_are_kept_one_by_one(tmp_path: Path) -> None:
    """Added, read, written anew and removed; the id in a body does not matter."""
    own = REGISTRATION + "/{0}/subscription"
    played = answers(
        tmp_path,
        ("POST", REGISTRATION, JMETER),
        ("POST", own, {"id": "x", "event": "a"}),
        ("GET", own, None),
    )
    sub = played[1][1]["id"]
    (_, found), (_, changed), (_, listed), (_, removed), (_, left) = answers(
        tmp_path,
        ("POST", REGISTRATION, JMETER),
        ("GET", f"{own}/{sub}", None),
        ("PUT", f"{own}/{sub}", {"event": "b", "filter": FILTER}),
        ("GET", own, None),
        ("DELETE", f"{own}/{sub}", None),
        ("GET", own, None),
    )[1:]

    nothing: dict[str, list[str]] = {"projects": [], "stages": [], "services": []}
    assert [(201, {"id": played[0][1]["id"]}), (201, {"id": sub})] == played[:2]
    assert [found] == played[2][1] == [{"id": sub, "event": "a", "filter": nothing}]
    assert {"id": sub} == changed
    assert [{"id": sub, "event": "b", "filter": {**FILTER, "services": []}}] == listed
    assert ({}, []) == (removed, left)


def test_an_entry_of_the_log_is_kept_as_it_came(tmp_path: Path) -> None:
    """But a message that is too long is cut, and who says no instant gets the present one."""
    long, zero = "ü" * (MOST_OF_A_MESSAGE + 1), "0001-01-01T00:00:00Z"
    entries = [
        {"message": "failed\n", "shkeptncontext": "c1", "time": "2025-06-01T12:00:00.123456789Z"},
        {"message": long, "time": zero, "task": "test", "unheard": ["of"]},
        {"message": None, "time": None},
    ]
    *_, (status, page) = answers(tmp_path, ("POST", LOG, {"logs": entries}), ("GET", LOG, None))
    kept = [(each["message"], each["time"], each["task"]) for each in page["logs"]]

    assert 200 == status
    assert [
        ("", instant(NOW), ""),
        (long[:-1], instant(NOW), "test"),
        ("failed\n", "2025-06-01T12:00:00.123Z", ""),
    ] == kept


def test_the_log_is_read_in_pages_and_filtered(tmp_path: Path) -> None:
    """With Keptn's words; the key of the next page is a number, 0 at the end."""
    entries = [
        {"message": str(day), "integrationid": "i1", "time": f"2025-06-0{day}T00:00:00Z"}
        for day in range(1, 5)
    ]
    bounds = "fromTime=2025-06-02T00:00:00.000Z&beforeTime=2025-06-04T00:00:00.000Z"
    _, *pages = answers(
        tmp_path,
        ("POST", LOG, {"logs": entries}),
        ("GET", f"{LOG}?integrationId=i1&pageSize=2&{bounds}", None),
        ("GET", f"{LOG}?integrationId=i1&pageSize=2&nextPageKey=2&{bounds}", None),
        ("GET", f"{LOG}?integrationId=i2", None),
    )
    read = [([each["message"] for each in page.pop("logs")], page) for _, page in pages]

    assert [
        (["4", "3"], {"totalCount": 3, "pageSize": 2, "nextPageKey": 2}),
        (["2"], {"totalCount": 3, "pageSize": 2, "nextPageKey": 0}),
        ([], {"totalCount": 0, "pageSize": 10, "nextPageKey": 0}),
    ] == read


def test_a_delivery_shows_the_newest_entries_of_its_context(tmp_path: Path) -> None:
    """So many of them, and none of another delivery."""
    shipyard = {"name": "sockshop", "shipyard": base64.b64encode(SHIPYARD.encode()).decode()}
    scope = {"project": "sockshop", "stage": "dev", "service": "carts"}
    trigger = {
        "specversion": "1.0", "id": "c1", "source": "test", "shkeptncontext": "c1",
        "type": "sh.keptn.event.dev.delivery.triggered", "data": scope,
    }  # fmt: skip
    own = [{"message": str(number), "shkeptncontext": "c1"} for number in range(MOST_LOGGED + 1)]
    other = {"message": "other", "shkeptncontext": "c2"}
    *_, (status, detail) = answers(
        tmp_path,
        ("POST", "/v1/project", shipyard),
        ("POST", "/v1/event", trigger),
        ("POST", LOG, {"logs": [*own, other]}),
        ("GET", "/v1/sequence/sockshop/c1", None),
    )

    assert 200 == status
    assert [each["message"] for each in own[:0:-1]] == [each["message"] for each in detail["logs"]]


MALFORMED: list[tuple[str, Any, str]] = [
    (REGISTRATION, {}, "name: must be 1 to 200 printable ASCII characters, got ''"),
    (REGISTRATION, {"name": 7}, "name: must be a text, got 7"),
    (REGISTRATION, {"name": "a\nb"}, "name: must be at most 200 printable ASCII"),
    (REGISTRATION, {"name": "x" * 201}, "name: must be at most 200 printable ASCII"),
    (REGISTRATION, {**HELM, "metadata": []}, "metadata: must be a JSON object, got []"),
    (REGISTRATION, {**HELM, "metadata": {"hostname": {}}}, "hostname: must be a text, got {}"),
    (REGISTRATION, {**HELM, "metadata": {"kubernetesmetadata": "k"}}, "must be a JSON object"),
    (REGISTRATION, {**HELM, "subscriptions": {}}, "subscriptions: must be a list, got {}"),
    (REGISTRATION, {**HELM, "subscriptions": ["s"]}, "subscriptions: must be a JSON object"),
    (REGISTRATION, {**HELM, "subscriptions": [{}]}, "event: must be 1 to 200 printable ASCII"),
    (REGISTRATION, {**HELM, "subscriptions": [{"event": "e", "filter": {"stages": "dev"}}]},
     "stages: must be a list, got 'dev'"),
    (REGISTRATION, {**HELM, "subscriptions": [{"event": "e", "filter": {"stages": [1]}}]},
     "stages: must be a text, got 1"),
    (REGISTRATION, {**HELM, "subscriptions": [{"event": "e"}] * 51}, "at most 50 subscriptions"),
    (REGISTRATION, [], "the body: must be a JSON object, got []"),
    (LOG, {"logs": "failed"}, "logs: must be a list, got 'failed'"),
    (LOG, {"logs": [{}] * 10_001}, "logs: must have at most 10000 entries, got 10001"),
    (LOG, {"logs": [7]}, "logs: must be a JSON object, got 7"),
    (LOG, {"logs": [{"message": 7}]}, "message: must be a text, got 7"),
    (LOG, {"logs": [{"message": "\ud800"}]}, "is half a character"),
    (LOG, {"logs": [{"task": "t" * 201}]}, "task: must be at most 200 printable ASCII"),
    (LOG, {"logs": [{"time": "soon"}]}, "time: must be an instant of ISO 8601, got 'soon'"),
    (LOG, {"logs": [{"time": "0001-01-01T00:00:00+09:00"}]}, "time: must be an instant"),
]  # fmt: skip
UNKNOWN: list[tuple[str, str, Any]] = [
    ("PUT", "/nobody/ping", None),
    ("DELETE", "/nobody", None),
    ("GET", "/nobody/subscription", None),
    ("POST", "/nobody/subscription", {"event": "e"}),
    ("GET", "/{0}/subscription/nothing", None),
    ("PUT", "/{0}/subscription/nothing", {"event": "e"}),
    ("DELETE", "/{0}/subscription/nothing", None),
]


def test_what_is_malformed_is_refused(tmp_path: Path) -> None:
    """With one sentence that shows the value, and nothing is kept."""
    *played, (_, registrations), (_, log) = answers(
        tmp_path,
        *(("POST", path, body) for path, body, _ in MALFORMED),
        ("GET", REGISTRATION, None),
        ("GET", LOG, None),
    )

    for (path, body, sentence), (status, refusal) in zip(MALFORMED, played, strict=True):
        assert (400, 400) == (status, refusal["code"]), (path, body)
        assert sentence in refusal["message"]
    assert ([], []) == (registrations, log["logs"])


def test_what_nobody_registered_is_not_found(tmp_path: Path) -> None:
    """The sentence names it."""
    _, *played = answers(
        tmp_path,
        ("POST", REGISTRATION, HELM),
        *((method, REGISTRATION + path, body) for method, path, body in UNKNOWN),
    )

    for asked, (status, refusal) in zip(UNKNOWN, played, strict=True):
        assert (404, 404) == (status, refusal["code"]), asked
        assert "'nobody'" in refusal["message"] or "'nothing'" in refusal["message"]


def test_an_entry_of_the_log_is_read_as_it_was_written(served: Served) -> None:
    """With every id of what it is about; the bounds that are asked for are included."""
    entries = [
        {
            "message": f"m{hour}", "time": f"2026-01-01T0{hour}:00:00.000Z", "integrationid": "i",
            "shkeptncontext": "c", "task": "t", "triggeredid": "x", "gitcommitid": "g",
        }
        for hour in (1, 2, 3)
    ]  # fmt: skip
    served.ask("POST", LOG, json={"logs": entries}).raise_for_status()
    query = {"fromTime": "2026-01-01T02:00:00Z", "beforeTime": "2026-01-01T02:00:00Z"}

    assert entries[::-1] == served.get(LOG)["logs"]
    assert [entries[1]] == served.get(LOG, **query)["logs"]
