"""The routes of projects, stages and services: how a stage stands, and what is refused."""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.examples.controller.served import SHIPYARD, Served


def stage_of(served: Served, name: str = "dev") -> dict[str, Any]:
    """How a stage stands."""
    return served.get(f"/v1/project/shop/stage/{name}")


def control(served: Served, stage: str = "dev", **body: Any) -> httpx.Response:
    """Send a control of a stage."""
    return served.ask("POST", f"/v1/project/shop/stage/{stage}/control", json=body)


def refused(answer: httpx.Response, status: int) -> str:
    """The sentence of an answer that is no success."""
    assert (status, status) == (answer.status_code, answer.json()["code"])
    message: str = answer.json()["message"]
    return message


# ---------------------------------------------------------------- stages


def test_a_stage_shows_who_holds_it_and_how_many_wait(served: Served) -> None:
    """With the context, name, service and phase of each holder."""
    for context in ("c1", "c2", "c3"):
        served.trigger(context, service=f"service of {context}")
    served.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "pause"})

    assert ("dev", 2, None) == tuple(
        stage_of(served)[key] for key in ("stageName", "waiting", "frozen")
    )
    assert [
        {
            "sequenceId": "c1", "keptnContext": "c1", "name": "delivery",
            "service": "service of c1", "phase": "pausing",
        },
    ] == stage_of(served)["holders"]  # fmt: skip
    assert (0, []) == (stage_of(served, "prod")["waiting"], stage_of(served, "prod")["holders"])


def test_stages_are_listed_in_the_order_of_the_shipyard(served: Served) -> None:
    """Page by page; each as it is shown by itself and with its project."""
    first = served.get("/v1/project/shop/stage", pageSize="1")
    second = served.get("/v1/project/shop/stage", pageSize="1", nextPageKey=first["nextPageKey"])

    assert [stage_of(served, "dev")] == first["stages"]
    assert [stage_of(served, "prod")] == second["stages"]
    assert (2, 1, 2, "") == (
        first["totalCount"], first["pageSize"], second["totalCount"], second["nextPageKey"],
    )  # fmt: skip
    assert [*first["stages"], *second["stages"]] == served.get("/v1/project/shop")["stages"]


def test_a_frozen_stage_says_by_whom_and_since_when(served: Served) -> None:
    """Whoever freezes it again, or another stage, changes nothing."""
    answers = [
        control(served, state="freeze", actor="eve", reason="holidays"),
        control(served, state="freeze"),
        control(served, "prod", state="unfreeze"),
    ]
    since = f"{served.clock.now():%Y-%m-%dT%H:%M:%S}.000Z"

    assert ["applied", "already_frozen", "not_frozen"] == [
        answer.json()["outcome"] for answer in answers
    ]
    assert {
        "actor": "eve", "reason": "holidays", "since": since, "until": None, "cause": "requested",
        "window": "",
    } == stage_of(served)["frozen"]  # fmt: skip
    assert stage_of(served, "prod")["frozen"] is None


def test_a_freeze_may_be_nobodys_and_for_no_reason(served: Served) -> None:
    """Both are empty then."""
    control(served, state="freeze")

    assert ("", "") == (stage_of(served)["frozen"]["actor"], stage_of(served)["frozen"]["reason"])


def test_a_stage_is_unfrozen(served: Served) -> None:
    """And what waited goes on."""
    control(served, state="freeze")
    served.trigger("c1")
    before = stage_of(served)
    answer = control(served, state="unfreeze", actor="eve", reason="over")
    after = stage_of(served)

    assert {"outcome": "applied"} == answer.json()
    assert [(True, 1, 0), (False, 0, 1)] == [
        (bool(each["frozen"]), each["waiting"], len(each["holders"])) for each in (before, after)
    ]


@pytest.mark.parametrize("word", ["freeze", "unfreeze"])
def test_a_control_with_a_request_id_is_done_once(served: Served, word: str) -> None:
    """Who sends it again learns that it was done."""
    other = {"freeze": "unfreeze", "unfreeze": "freeze"}[word]
    control(served, state=other)
    words = [(word, "r1"), (other, ""), (word, "r1")]
    answers = [control(served, state=state, requestId=known) for state, known in words]

    assert ["applied", "applied", "repeated"] == [each.json()["outcome"] for each in answers]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "state: must be a text, got None"),
        ({"state": "melt"}, "state: must be freeze or unfreeze, got 'melt'"),
        ({"state": "freeze", "actor": 1}, "actor: must be a text, got 1"),
        ({"state": "freeze", "reason": []}, "reason: must be a text, got []"),
        ({"state": "freeze", "requestId": {}}, "requestId: must be a text, got {}"),
        ({"state": "freeze", "unheard": "of"}, "'unheard': no such field, got 'of'"),
    ],
)
def test_a_control_that_cannot_be_read_changes_nothing(
    served: Served, body: dict[str, Any], message: str
) -> None:
    """It is answered with what is wrong, in a sentence."""
    assert message == refused(control(served, **body), 400)
    assert stage_of(served)["frozen"] is None


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        ("2026-12-24T18:00:00+01:00", "2026-12-24T17:00:00.000Z"),
        ("2026-12-24t18:00:00.5z", "2026-12-24T18:00:00.500Z"),
        ("2026-12-24T18:00:00.123456789-00:30", "2026-12-24T18:30:00.123Z"),
        ("", None),
        (None, None),
    ],
)
def test_a_freeze_says_until_when_it_lasts(
    served: Served, until: str | None, shown: str | None
) -> None:
    """In UTC, wherever the machine is; without an instant it is for good."""
    answer = control(served, state="freeze", until=until)

    assert {"outcome": "applied"} == answer.json()
    assert shown == stage_of(served)["frozen"]["until"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no such setting")
def test_an_instant_without_a_zone_is_nobody_s(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read in the zone of the machine, whose clock nobody has asked for."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "IST-5:30")
        time.tzset()
        answer = control(served, state="freeze", until="2026-12-24T18:00:00")
    time.tzset()

    sentence = "until: must be an instant with its zone, such as 2026-12-24T18:00:00+01:00, got "
    assert sentence + "'2026-12-24T18:00:00'" == refused(answer, 400)
    assert stage_of(served)["frozen"] is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"until": "2026-12-24"}, None),
        ({"until": "2026-12-24T18:00:00+01"}, None),
        ({"until": "2026-02-31T18:00:00Z"}, None),
        ({"until": "9999-12-31T23:59:59-14:00"}, None),
        ({"until": "in 2h"}, None),
        ({"until": 7}, "until: must be a text, got 7"),
        ({"state": "unfreeze", "until": "2026-12-24T18:00:00Z"},
         "until: belongs to a freeze, not to an unfreeze"),
    ],
)  # fmt: skip
def test_an_end_that_cannot_be_read_is_refused(
    served: Served, body: dict[str, Any], message: str | None
) -> None:
    """Nothing is frozen until something that was not meant."""
    said = refused(control(served, **{"state": "freeze", **body}), 400)

    assert said.startswith("until: ") if message is None else message == said
    assert stage_of(served)["frozen"] is None


def test_a_freeze_that_would_be_over_is_refused(served: Served) -> None:
    """With the code of the library."""
    now = f"{served.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    answer = control(served, state="freeze", until=now)

    assert (400, "in_the_past") == (answer.status_code, answer.json()["reason"])


def test_a_freeze_ends_by_itself(served: Served) -> None:
    """The timer rings for it, and what waited starts; a later end moves it, an earlier does not."""
    begun = served.clock.now()
    hours = [f"{begun + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ}" for n in (2, 1, 3)]
    answers = [control(served, state="freeze", until=hour) for hour in hours]
    served.trigger("c1")
    armed_at = served.controller.host.armed_at
    served.clock.advance(timedelta(hours=3))
    served.run(served.controller.host._check())

    assert ["applied", "already_frozen", "applied"] == [
        answer.json()["outcome"] for answer in answers
    ]
    assert armed_at is not None
    assert begun < armed_at <= begun + timedelta(hours=3)
    assert (None, 1) == (stage_of(served)["frozen"], len(stage_of(served)["holders"]))


# ---------------------------------------------------------------- services


def test_services_are_those_that_were_made_and_those_that_were_triggered_for(
    served: Served,
) -> None:
    """By name, in every stage; one that is both is there once."""
    for name in ("orders", "carts"):
        made = served.ask("POST", "/v1/project/shop/service", json={"serviceName": name})
        assert (200, {}) == (made.status_code, made.json())
    served.trigger("c1", service="carts")
    served.trigger("c2", service="a/b")
    answers = [served.get(f"/v1/project/shop/stage/{stage}/service") for stage in ("dev", "prod")]
    alone = [
        served.get(f"/v1/project/shop/stage/dev/service/{name}")
        for name in ("a/b", "carts", "orders")
    ]

    assert ["a/b", "carts", "orders"] == [each["serviceName"] for each in answers[0]["services"]]
    assert answers[0] == answers[1]
    assert alone == answers[0]["services"] == stage_of(served)["services"]


def test_a_service_is_removed_as_long_as_it_was_made(served: Served) -> None:
    """One that something was triggered for stays in the list."""
    served.ask("POST", "/v1/project/shop/service", json={"serviceName": "orders"})
    served.trigger("c1", service="carts")
    removed = served.ask("DELETE", "/v1/project/shop/service/orders")
    again = served.ask("DELETE", "/v1/project/shop/service/orders")
    triggered = served.ask("DELETE", "/v1/project/shop/service/carts")

    assert (200, {}) == (removed.status_code, removed.json())
    for name, answer in (("orders", again), ("carts", triggered)):
        wanted = f"project shop has no service '{name}' that was created"
        assert wanted == refused(answer, 404)
    assert ["carts"] == [each["serviceName"] for each in stage_of(served)["services"]]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "serviceName: must be a text, got None"),
        ({"serviceName": ""}, 400, "serviceName: must not be empty"),
        ({"serviceName": 1}, 400, "serviceName: must be a text, got 1"),
        ({"serviceName": "a\nb"}, 400, "service"),
        ({"serviceName": "x" * 201}, 400, "service"),
        ({"serviceName": "x", "unheard": "of"}, 400, "'unheard': no such field, got 'of'"),
        ({"serviceName": "carts"}, 409, "service carts exists already in project shop"),
    ],
)
def test_a_service_that_cannot_be_is_refused(
    served: Served, body: dict[str, Any], status: int, message: str
) -> None:
    """As strictly as the library is with the service of a trigger."""
    served.ask("POST", "/v1/project/shop/service", json={"serviceName": "carts"})
    answer = served.ask("POST", "/v1/project/shop/service", json=body)

    assert refused(answer, status).startswith(message)
    assert ["carts"] == [each["serviceName"] for each in stage_of(served)["services"]]


# ---------------------------------------------------------------- what nobody knows


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "/v1/project/none", None, "none"),
        ("DELETE", "/v1/project/none", None, "none"),
        ("GET", "/v1/project/none/stage", None, "none"),
        ("GET", "/v1/project/none/stage/dev", None, "none"),
        ("GET", "/v1/project/none/stage/dev/service", None, "none"),
        ("POST", "/v1/project/none/stage/dev/control", {"state": "freeze"}, "none"),
        ("POST", "/v1/project/none/service", {"serviceName": "x"}, "none"),
        ("DELETE", "/v1/project/none/service/x", None, "none"),
        ("GET", "/v1/project/shop/stage/qa", None, "project shop has no stage 'qa'"),
        ("GET", "/v1/project/shop/stage/qa/service", None, "project shop has no stage 'qa'"),
        ("GET", "/v1/project/shop/stage/dev/service/x", None, "project shop has no service 'x'"),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_not_found(
    served: Served, method: str, path: str, body: dict[str, Any] | None, message: str
) -> None:
    """And the sentence names it."""
    answer = served.ask(method, path, **({} if body is None else {"json": body}))

    assert message in refused(answer, 404)


def test_a_freeze_of_a_stage_that_is_not_in_the_shipyard_is_refused_by_the_library(
    served: Served,
) -> None:
    """With its reason."""
    answer = control(served, "qa", state="freeze")

    refused(answer, 400)
    assert "unknown_stage" == answer.json()["reason"]


# ---------------------------------------------------------------- projects


@pytest.mark.parametrize(("method", "name"), [("POST", "new"), ("PUT", "shop")])
def test_a_project_that_was_written_is_answered_with_an_empty_object(
    served: Served, method: str, name: str
) -> None:
    """Not with nothing, which Keptn's clients cannot read."""
    body = {"name": name, "shipyard": b64encode(SHIPYARD.encode()).decode()}
    answer = served.ask(method, "/v1/project", json=body)

    assert (200, {}) == (answer.status_code, answer.json())


def test_projects_are_listed_by_name_as_each_is_shown(served: Served) -> None:
    """With its shipyard, stages and services."""
    served.create("able")
    listed = served.get("/v1/project")["projects"]

    assert ["able", "shop"] == [each["projectName"] for each in listed]
    assert [served.get(f"/v1/project/{name}") for name in ("able", "shop")] == listed
    assert SHIPYARD == listed[0]["shipyard"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"name": "shop"}, 409, "project shop exists already"),
        ({"name": "../x"}, 400, "name: must be 1 to 63 letters, digits, '-' or '_'"),
        ({"name": None}, 400, "name: must be a text, got None"),
        ({"shipyard": None}, 400, "shipyard: must be a text, got None"),
        ({"shipyard": "no base64"}, 400, "shipyard: must be a text of UTF-8 in base64"),
        ({"shipyard": "/w=="}, 400, "shipyard: must be a text of UTF-8 in base64"),
        ({"shipyard": b64encode(b"spec: 1").decode()}, 400, "line 1: "),
        ({"unheard": "of"}, 400, "'unheard': no such field, got 'of'"),
    ],
)
def test_a_project_that_cannot_be_is_refused(
    served: Served, change: dict[str, Any], status: int, message: str
) -> None:
    """And none is made."""
    body = {"name": "new", "shipyard": b64encode(SHIPYARD.encode()).decode(), **change}
    answer = served.ask("POST", "/v1/project", json=body)

    assert refused(answer, status).startswith(message)
    assert ["shop"] == [each["projectName"] for each in served.get("/v1/project")["projects"]]


def test_a_project_in_which_something_is_live_is_not_deleted(served: Served) -> None:
    """It is once that is over, with its freezes, its deliveries and its services."""
    served.trigger("c1")
    control(served, "prod", state="freeze")
    live = served.ask("DELETE", "/v1/project/shop")
    served.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort", "force": True})
    deleted = served.ask("DELETE", "/v1/project/shop")
    gone = served.ask("GET", "/v1/project/shop")
    served.create()

    assert "project shop has 1 live sequences: abort them first" == refused(live, 409)
    assert (200, {}) == (deleted.status_code, deleted.json())
    refused(gone, 404)
    assert ([], None) == (stage_of(served)["services"], stage_of(served, "prod")["frozen"])
    assert [] == served.get("/v1/sequence/shop")["states"]


def test_a_deleted_project_that_is_made_again_is_a_new_one(served: Served) -> None:
    """Its serials go on, so that no id comes twice; nothing else of the old one is there."""
    served.trigger("c1")
    control(served, "prod", state="freeze")
    served.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort", "force": True})
    last = served.get("/v1/sequence/shop")["states"][0]["serial"]
    served.ask("DELETE", "/v1/project/shop").raise_for_status()
    triggered = served.event("dev.delivery.triggered", {"project": "shop", "stage": "dev"}, id="c2")
    served.restart()
    served.create()
    served.trigger("c3")
    served.restart()
    (state,) = served.get("/v1/sequence/shop")["states"]
    stages = served.get("/v1/project/shop/stage")["stages"]

    assert 404 == triggered.status_code
    assert "c3" == state["shkeptncontext"]
    assert state["first"] > last
    assert [None, None] == [stage["frozen"] for stage in stages]
    assert ["carts"] == [each["serviceName"] for each in stages[0]["services"]]
