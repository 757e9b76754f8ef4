"""CloudEvents as they come: with what Go writes for nothing, and from services unknown here."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests.examples.controller.served import Served

SCOPE = {"project": "shop", "stage": "dev", "service": "carts"}
NONE_OF_OURS = ["com.example.x", "sh.keptn.event.get-sli.started", "sh.keptn.event.approval.x"]


def shown(value: object) -> str:
    """A value as part of a test's id: without backslashes, which mutmut does not find again."""
    return ascii(value).replace("\\", "")


def sent(served: Served, **about: Any) -> dict[str, Any]:
    """What an event is answered with, which must be a success."""
    event = {"specversion": "1.0", "source": "s", "data": SCOPE, **about}
    answer = served.ask("POST", "/v1/event", content=json.dumps(event))
    assert 200 == answer.status_code, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("kind", NONE_OF_OURS)
def test_an_event_that_is_none_of_ours_keeps_its_context(served: Served, kind: str) -> None:
    """It changes nothing, and is answered as any other."""
    answer = {"keptnContext": "c9", "outcome": "ignored"}

    assert answer == sent(served, type=kind, shkeptncontext="c9", id="e")


@pytest.mark.parametrize("context", [None, "", 5, [], "🚀", "a\nb", "x" * 201], ids=shown)
def test_an_event_without_a_context_gets_one(served: Served, context: object) -> None:
    """A text, since Keptn's command line reads nothing else; the same for the same event."""
    about = {"type": "com.example.x", "shkeptncontext": context}
    one, again, other = (sent(served, **about, id=known)["keptnContext"] for known in "aab")

    assert one == again != other
    assert {5} == {UUID(each).version for each in (one, other)}


@pytest.mark.parametrize("known", [5, {}, "🚀"], ids=shown)
def test_an_event_of_somebody_else_may_have_any_id(served: Served, known: object) -> None:
    """Nothing of it is kept."""
    assert "ignored" == sent(served, type="com.example.x", id=known)["outcome"]


def test_a_trigger_may_not_have_any_id(served: Served) -> None:
    """It is kept, and compared."""
    kind = "sh.keptn.event.dev.delivery.triggered"
    event = {"specversion": "1.0", "source": "s", "data": SCOPE, "type": kind, "id": "🚀"}
    answer = served.ask("POST", "/v1/event", content=json.dumps(event))

    assert (400, True) == (answer.status_code, answer.json()["message"].startswith("id: "))


def test_a_report_without_a_context_is_answered_with_one(served: Served) -> None:
    """The task that it is about is found by its id alone."""
    served.trigger("c")
    (task,) = served.open_tasks()
    kind = "sh.keptn.event.deployment.started"
    answer = sent(served, type=kind, id="r", triggeredid=task["id"])

    assert "applied" == answer["outcome"]
    assert UUID(answer["keptnContext"])


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"time": "0001-01-01T00:00:00Z"}, id="an instant that is none"),
        pytest.param({"time": "2022-03-01T08:00:00.123456789Z"}, id="nanoseconds"),
        pytest.param({"data": {**SCOPE, "labels": None}}, id="labels that are null"),
        pytest.param({"shkeptncontext": "", "gitcommitid": "", "triggeredid": ""}, id="empty"),
        pytest.param({"contenttype": "application/json", "extensions": None}, id="Go's own keys"),
        pytest.param({"shkeptnspecversion": "0.2.4"}, id="a version of the specification"),
    ],
)
def test_what_go_writes_for_nothing_is_nothing(served: Served, about: dict[str, Any]) -> None:
    """A trigger as Keptn's command line sends it starts a delivery."""
    answer = sent(served, type="sh.keptn.event.dev.delivery.triggered", id="t", **about)
    (task,) = served.open_tasks()

    assert "applied" == answer["outcome"]
    assert answer["keptnContext"] == task["shkeptncontext"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "2022-03-01T08:00:00.123456789Z"])
def test_instants_in_headers_are_taken_as_those_in_a_body(served: Served, time: str) -> None:
    """In binary mode the attributes are headers."""
    kind = "sh.keptn.event.dev.delivery.triggered"
    headers = {
        "ce-specversion": "1.0", "ce-id": "t", "ce-source": "s", "ce-type": kind, "ce-time": time,
    }  # fmt: skip
    answer = served.ask("POST", "/v1/event", headers=headers, content=json.dumps(SCOPE))

    assert "applied" == answer.json().get("outcome"), answer.text


@pytest.mark.parametrize(
    "path",
    ["/v1/project", "/v1/metadata", "/v1/sequence/shop", "/mongodb-datastore/event?project=shop"],
)
def test_a_get_may_say_what_its_body_would_be(served: Served, path: str) -> None:
    """Go's client sets the header on every request."""
    headers = {"Content-Type": "application/json"}

    assert 200 == served.ask("GET", f"/api/controlPlane{path}", headers=headers).status_code
