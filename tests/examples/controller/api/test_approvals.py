"""The routes of approvals: what is open, who may vote, and what a vote is answered with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.controller.api.approvals import _standing
from tests.examples.controller.api.described import Described
from tests.examples.controller.served import Served
from tests.support import Host

SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: gated}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks:
            - {name: approval, properties: {pass: manual, warning: manual}}
            - {name: deployment}
    - name: prod
      sequences:
        - name: delivery
          tasks:
            - name: sign-off
              timeouts: {completion: 2h}
              approval: {approve: 2, reject: 1, initiator: false, onExpiry: approve,
                         newcomer: supersede}
            - {name: deployment}
"""
HEADER = "X-User"
HEADER_ADA = (HEADER, "ada")


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Served]:
    """A controller whose stages have an approval each: one that one decides, one that two do."""
    with Served(tmp_path) as served:
        served.create(shipyard=SHIPYARD)
        yield served


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Served]:
    """The same behind a proxy that says who acts."""
    with Served(tmp_path, actor_header=HEADER) as served:
        served.create(shipyard=SHIPYARD)
        yield served


def begin(
    served: Served,
    *headers: tuple[str, str],
    context: str = "c1",
    stage: str = "dev",
    **about: Any,
) -> dict[str, Any]:
    """Trigger a delivery of carts in ada's name, and return the approval that is open then."""
    scope = {"project": "shop", "stage": stage, "service": "carts"}
    given = {"id": context, "shkeptncontext": context, "actor": "ada", **about}
    served.event(f"{stage}.delivery.triggered", scope, *headers, **given).raise_for_status()
    return next(each for each in approvals(served) if each["sequenceId"] == given["id"])


def voted(
    served: Served, opened: dict[str, Any], *headers: tuple[str, str], **about: Any
) -> httpx.Response:
    """Approve by a CloudEvent, as Keptn's command line does."""
    scope = {key: opened[key] for key in ("stage", "service")} | {"project": "shop"}
    data = {**scope, "result": "pass", "status": "succeeded", **about.pop("data", {})}
    given = {"id": "vote", "source": "keptn-cli", "triggeredid": opened["taskId"], **about}
    kind = f"{opened['task']}.finished"
    return served.event(kind, data, *headers, shkeptncontext=opened["keptnContext"], **given)


def approvals(served: Served, **query: str) -> list[dict[str, Any]]:
    """The open approvals that are listed."""
    page = served.get("/v1/project/shop/approval", **query)
    found: list[dict[str, Any]] = page["approvals"]
    assert len(found) == page["totalCount"]
    return found


def vote(
    served: Served, context: str = "c1", *headers: tuple[str, str], **body: Any
) -> httpx.Response:
    """Vote in a delivery."""
    path = f"/v1/sequence/shop/{context}/vote"
    return served.ask("POST", path, json=body, headers=list(headers))


def said(answer: httpx.Response) -> tuple[int, str, str]:
    """The status of an answer, its outcome or the code of a refusal, and its sentence."""
    body = answer.json()
    return answer.status_code, body.get("outcome") or body.get("reason", ""), body["message"]


# ---------------------------------------------------------------- what is open


def test_an_open_approval_is_listed_with_all_that_decides_it(gated: Served) -> None:
    """Who may not vote, since when and until when it is open, and what it waits for."""
    since = f"{gated.clock.now():%Y-%m-%dT%H:%M:%S}.000Z"
    until = f"{gated.clock.now() + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}.000Z"
    opened = begin(gated, stage="prod")
    task = opened.pop("taskId")
    vote(gated, result="pass", actor="bob", reason="tested")
    (listed,) = approvals(gated)

    assert [task] == [each["id"] for each in gated.open_tasks("sign-off")]
    assert {
        "taskId": task, "task": "sign-off", "keptnContext": "c1", "sequenceId": "c1",
        "sequence": "delivery", "stage": "prod", "service": "carts", "since": since,
        "deadline": until, "deadlineKind": "completion", "approve": 2, "reject": 1,
        "initiator": False, "onExpiry": "approve", "newcomer": "supersede",
        "votes": [{"voter": "bob", "result": "pass", "message": "tested"}], "barred": ["ada"],
        "line": "Task sign-off has 1 of 2 approving votes (by bob); ada may not vote.",
        "vote": {
            "outcome": "rejected", "code": "no_actor",
            "message": "Who triggers this may not approve it: a vote must name its actor.",
        },
    } == listed  # fmt: skip


@pytest.mark.parametrize(
    ("query", "contexts"),
    [
        ({}, ["c1", "c2"]),
        ({"stage": "prod"}, ["c2"]),
        ({"keptnContext": "c1"}, ["c1"]),
        ({"service": "carts", "stage": ""}, ["c1", "c2"]),
        ({"service": "orders"}, []),
    ],
)
def test_approvals_are_filtered(gated: Served, query: dict[str, str], contexts: list[str]) -> None:
    """By stage, service and delivery; an empty filter lets everything through."""
    begin(gated)
    begin(gated, context="c2", stage="prod")

    assert contexts == [each["keptnContext"] for each in approvals(gated, **query)]


def test_approvals_are_listed_page_by_page(gated: Served) -> None:
    """As all lists are."""
    begin(gated)
    begin(gated, context="c2", stage="prod")
    first = gated.get("/v1/project/shop/approval", pageSize="1")
    second = gated.get("/v1/project/shop/approval", pageSize="1", nextPageKey="1")

    assert (2, "1", ["c1"]) == (
        first["totalCount"], first["nextPageKey"],
        [each["keptnContext"] for each in first["approvals"]],
    )  # fmt: skip
    assert ("", ["c2"]) == (
        second["nextPageKey"], [each["keptnContext"] for each in second["approvals"]]
    )  # fmt: skip


def test_a_task_that_is_no_approval_is_not_listed(gated: Served) -> None:
    """Nor is an approval that was decided: it is gone from all lists."""
    begin(gated)
    vote(gated, result="pass", actor="bob")

    assert [] == approvals(gated)
    assert [] == gated.open_tasks("approval")
    assert 1 == len(gated.open_tasks())


def test_an_open_approval_stays_open_for_who_polls(gated: Served) -> None:
    """Whoever has started it, and whatever votes do not suffice."""
    opened = begin(gated, stage="prod")
    (before,) = gated.open_tasks("sign-off")
    scope = before["data"]
    about = {"triggeredid": opened["taskId"], "shkeptncontext": "c1"}
    gated.event("sign-off.started", scope, id="s", **about)
    vote(gated, result="pass", actor="bob")

    assert [before] == gated.open_tasks("sign-off")


def test_a_service_shows_the_approvals_that_wait_for_it_in_a_stage(gated: Served) -> None:
    """In Keptn's form; the same service has none in another stage."""
    since = f"{gated.clock.now():%Y-%m-%dT%H:%M:%S}.000Z"
    opened = begin(gated, stage="prod")
    gated.ask("POST", "/v1/project/shop/service", json={"serviceName": "orders"})
    shown = [
        gated.get(f"/v1/project/shop/stage/{stage}/service/{service}")["openApprovals"]
        for stage, service in (("prod", "carts"), ("dev", "carts"), ("prod", "orders"))
    ]

    waiting = {"eventId": opened["taskId"], "keptnContext": "c1", "time": since}
    assert [[waiting], [], []] == shown
    vote(gated, result="fail", actor="bob")
    assert [] == gated.get("/v1/project/shop/stage/prod/service/carts")["openApprovals"]


# ---------------------------------------------------------------- votes


def test_enough_votes_decide(gated: Served) -> None:
    """Each is answered with how many there are, the last one with what was decided."""
    task = begin(gated, stage="prod")["taskId"]
    answers = [vote(gated, result="pass", actor=name) for name in ("bob", "eve")]

    assert [
        (200, "applied",
         "Task sign-off has 1 of 2 approving votes (by bob); ada may not vote."),
        (200, "applied", "Task sign-off is over with result pass."),
    ] == [*map(said, answers)]  # fmt: skip
    assert {task} == {answer.json()["taskId"] for answer in answers}
    assert 1 == len(gated.open_tasks())


@pytest.mark.parametrize(("result", "verdict"), [("warning", "warning"), ("fail", "fail")])
def test_the_result_of_a_vote_is_that_of_the_approval(
    gated: Served, result: str, verdict: str
) -> None:
    """A warning approves, a fail ends the sequence."""
    begin(gated)
    answer = vote(gated, result=result, actor="bob", reason="because")
    state = gated.get("/v1/sequence/shop/c1")
    (task, *rest) = state["sequences"][0]["tasks"]

    assert f"Task approval is over with result {verdict}." == answer.json()["message"]
    assert (verdict, "because") == (task["result"], task["message"])
    assert (result == "warning") == bool(rest)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"result": "pass", "actor": "bob"}, 200, "already_voted"),
        ({"result": "pass", "actor": "bob", "requestId": "r1"}, 200, "duplicate"),
        ({"result": "pass", "actor": "ada"}, 400, "own_approval"),
        ({"result": "warning", "actor": "bob"}, 200, "applied"),
    ],
)
def test_a_vote_that_is_none_says_why(
    gated: Served, body: dict[str, Any], status: int, code: str
) -> None:
    """What changes nothing is a success; what is refused has the library's code."""
    begin(gated, stage="prod")
    vote(gated, result="pass", actor="bob", requestId="r1")
    answer = said(vote(gated, **body))

    assert (status, code) == answer[:2]
    assert answer[2]


def test_a_vote_on_what_is_decided_is_late(gated: Served) -> None:
    """It names the approval: nobody takes it for one of the next one."""
    task = begin(gated)["taskId"]
    vote(gated, result="pass", actor="bob")
    answer = vote(gated, result="fail", actor="eve", taskId=task)

    assert (200, "late", "Task approval is over with result pass.") == said(answer)


def test_a_vote_on_what_is_void_says_so(gated: Served) -> None:
    """A newer delivery has taken its place, and has an approval of its own (R35)."""
    task = begin(gated, stage="prod")["taskId"]
    newer = begin(gated, context="c2", stage="prod")["taskId"]
    answer = vote(gated, "c1", result="pass", actor="bob", taskId=task)

    assert (200, "late", "A newer delivery of carts waits: sign-off is void.") == said(answer)
    assert [newer] == [each["taskId"] for each in approvals(gated)]


def test_nothing_is_guessed_where_several_approvals_are_open(gated: Served) -> None:
    """The sentence names them, and a stage or a task says which."""
    first = begin(gated)["taskId"]
    second = begin(gated, stage="prod", id="s2")["taskId"]
    which = vote(gated, result="pass", actor="bob")
    by_stage = vote(gated, result="pass", actor="bob", stage="prod")
    by_task = vote(gated, result="pass", actor="bob", taskId=first)

    assert (400, "", "taskId: must say which approval of context c1: "
            f"approval in stage dev ({first}), sign-off in stage prod ({second})",
    ) == said(which)  # fmt: skip
    assert [second, first] == [each.json()["taskId"] for each in (by_stage, by_task)]


@pytest.mark.parametrize(
    ("context", "body", "status", "sentence"),
    [
        ("c1", {"actor": "bob"}, 400, "result: must be a text, got None"),
        ("c1", {"result": "yes", "actor": "bob"}, 400,
         "result: must be one of pass, warning, fail, got 'yes'"),
        ("c1", {"result": "pass"}, 400, "actor: must say who votes"),
        ("c1", {"result": "pass", "actor": ""}, 400, "actor: must say who votes"),
        ("c1", {"result": "pass", "actor": "two\nlines"}, 400, None),
        ("c1", {"result": "pass", "actor": "bob", "reason": "two\nlines"}, 400,
         "reason: must be up to 1000 printable characters, got 'two\\nlines'"),
        ("c1", {"result": "pass", "actor": "bob", "reason": "x" * 1_001}, 400, None),
        ("c1", {"result": "pass", "actor": "bob", "unheard": "of"}, 400,
         "'unheard': no such field, got 'of'"),
        ("c1", {"result": "pass", "actor": "bob", "stage": "prod"}, 400,
         "no approval of context c1 in stage prod is open"),
        ("c1", {"result": "pass", "actor": "bob", "taskId": "none"}, 404,
         "context c1 has no task 'none'"),
        ("none", {"result": "pass", "actor": "bob"}, 404, None),
    ],
)  # fmt: skip
def test_a_vote_that_cannot_be_read_changes_nothing(
    gated: Served, context: str, body: dict[str, Any], status: int, sentence: str | None
) -> None:
    """It is answered with what is wrong, in a sentence."""
    before = begin(gated)
    answer = vote(gated, context, **body)

    assert status == answer.status_code
    assert sentence in {None, answer.json()["message"]}
    assert [before] == approvals(gated)


def test_nobody_votes_on_a_task_of_an_executor(gated: Served) -> None:
    """Whoever named it would finish it."""
    begin(gated)
    vote(gated, result="pass", actor="bob")
    (task,) = gated.open_tasks()
    named = vote(gated, result="pass", actor="bob", taskId=task["id"])
    unnamed = vote(gated, result="pass", actor="bob")

    assert (400, "", "taskId: deployment is no approval: nobody votes on it") == said(named)
    assert (400, "", "no approval of context c1 is open") == said(unnamed)
    assert [task] == gated.open_tasks()


def test_a_vote_belongs_to_its_own_delivery(gated: Served) -> None:
    """The approval of another one is none of its tasks."""
    begin(gated)
    other = begin(gated, context="c2", stage="prod")["taskId"]
    answer = vote(gated, "c1", result="pass", actor="bob", taskId=other)

    assert (404, "", f"context c1 has no task '{other}'") == said(answer)


def test_of_what_is_forgotten_nothing_is_said() -> None:
    """A vote may have decided the last of a delivery that is forgotten at once (R33)."""
    host = Host({"dev": {"delivery": ["deploy"]}})

    assert "" == _standing("c1", "t1", host.plane, host.state)


# ---------------------------------------------------------------- who


def test_who_triggers_may_stand_in_a_header_of_the_event(gated: Served) -> None:
    """In binary mode, where attributes are headers."""
    kind = "sh.keptn.event.prod.delivery.triggered"
    headers = {
        "ce-specversion": "1.0", "ce-id": "b1", "ce-source": "s", "ce-type": kind,
        "ce-shkeptncontext": "b1", "ce-actor": "ann",
    }  # fmt: skip
    scope = {"project": "shop", "stage": "prod", "service": "carts"}
    answer = gated.ask("POST", "/v1/event", headers=headers, json=scope)

    assert "applied" == answer.json()["outcome"]
    assert [["ann"]] == [each["barred"] for each in approvals(gated)]


def test_who_asks_is_told_what_they_may(gated: Served) -> None:
    """Of approvals, of a delivery and in the list of deliveries."""
    begin(gated, stage="prod")
    asked = [
        [
            approvals(gated, actor=actor)[0]["vote"]["outcome"],
            gated.get("/v1/sequence/shop/c1", actor=actor)["permitted"]["vote"]["outcome"],
            gated.get("/v1/sequence/shop", actor=actor)["states"][0]["permitted"]["vote"][
                "outcome"
            ],
        ]
        for actor in ("ada", "bob")
    ]

    assert [["rejected"] * 3, ["applied"] * 3] == asked


def test_whom_the_proxy_names_is_told_what_they_may(guarded: Served) -> None:
    """What the query claims counts for nothing there, and nobody is named by nothing."""
    begin(guarded, HEADER_ADA, stage="prod")
    paths = ("/v1/project/shop/approval", "/v1/sequence/shop/c1", "/v1/sequence/shop")
    claims = {"actor": "bob"}
    answers = [
        [guarded.ask("GET", path, params=claims, headers=given).json() for path in paths]
        for given in ([HEADER_ADA], [(HEADER, "bob")], [])
    ]
    seen = [
        [
            listed["approvals"][0]["vote"]["code"],
            detail["permitted"]["vote"]["code"],
            states["states"][0]["permitted"]["vote"]["code"],
        ]
        for listed, detail, states in answers
    ]

    assert [["own_approval"] * 3, [None] * 3, ["no_actor"] * 3] == seen


@pytest.mark.parametrize("actor", ["x" * 201, "two\nlines"])
@pytest.mark.parametrize(
    "path", ["/v1/project/shop/approval", "/v1/sequence/shop", "/v1/sequence/shop/c1"]
)
def test_nobody_is_called_so(gated: Served, path: str, actor: str) -> None:
    """Whether there is anything to ask about or not."""
    begin(gated)
    answer = gated.ask("GET", path, params={"actor": actor})

    assert 400 == answer.status_code
    said = "actor: must be up to 200 printable characters, got "
    assert answer.json()["message"].startswith(said)


def test_a_stream_tells_what_nobody_in_particular_may(gated: Served) -> None:
    """Its messages are the same for all who follow."""
    begin(gated, stage="prod")
    serial, message = gated.run(gated.controller._gather("shop", 0))

    assert serial
    assert message is not None
    assert "no_actor" == message["states"][0]["permitted"]["vote"]["code"]


@pytest.mark.parametrize(
    ("given", "claim", "voter"),
    [
        ([(HEADER, "bob")], "eve", "bob"),
        ([(HEADER, "bob")], "", "bob"),
        ([], "eve", None),
        ([(HEADER, "bob"), (HEADER, "eve")], "eve", None),
        ([(HEADER, "")], "eve", None),
    ],
    ids=["the proxy", "the proxy alone", "no proxy", "twice", "nobody"],
)
@pytest.mark.parametrize("way", ["route", "event"])
def test_the_voter_is_whom_the_proxy_names(
    guarded: Served, way: str, given: list[tuple[str, str]], claim: str, voter: str | None
) -> None:
    """A claim counts for nothing, and a vote that names nobody is refused."""
    opened = begin(guarded, HEADER_ADA, stage="prod")
    if way == "route":
        answer = vote(guarded, "c1", *given, result="pass", actor=claim)
    else:
        answer = voted(guarded, opened, *given, actor=claim)
    (after,) = approvals(guarded)

    if voter is None:
        sentence = f"the header {HEADER} must be there once and say who acts"
        assert (400, "", sentence) == said(answer)
        assert [] == after["votes"]
    else:
        assert 200 == answer.status_code
        assert [voter] == [each["voter"] for each in after["votes"]]


@pytest.mark.parametrize(
    ("actor", "voter"), [("bob", "bob"), (None, "keptn-cli"), ("", "keptn-cli")]
)
def test_the_voter_of_an_event_is_its_actor_or_its_source(
    gated: Served, actor: str | None, voter: str
) -> None:
    """As Keptn's command line sends it, without an actor, it is the source."""
    opened = begin(gated)
    voted(gated, opened, actor=actor, data={"message": "fine"})
    (task, _) = gated.get("/v1/sequence/shop/c1")["sequences"][0]["tasks"]

    assert [(voter, "pass", "fine")] == [
        (each["voter"], each["result"], each["message"]) for each in task["votes"]
    ]


def test_a_vote_by_event_that_is_refused_has_the_code_of_the_library(gated: Served) -> None:
    """And one that changes nothing is a success that says so."""
    opened = begin(gated, stage="prod")
    answers = [
        voted(gated, opened, id="1", actor="ada"),
        voted(gated, opened, id="2"),
        voted(gated, opened, id="3", actor="bob"),
        voted(gated, opened, id="4", actor="bob"),
    ]

    assert [(400, "own_approval"), (400, "no_actor"), (200, "applied"), (200, "already_voted")] == [
        (answer.status_code, answer.json().get("reason") or answer.json()["outcome"])
        for answer in answers
    ]


def test_programs_beside_the_proxy_trigger_and_report_in_nobody_s_name(guarded: Served) -> None:
    """Their claims count for nothing, so a delivery that needs an initiator is refused."""
    unnamed = {"id": "c2", "shkeptncontext": "c2", "actor": "mallory"}
    prod = {"project": "shop", "stage": "prod", "service": "carts"}
    refused = guarded.event("prod.delivery.triggered", prod, **unnamed)
    begin(guarded, actor="mallory")
    vote(guarded, "c1", HEADER_ADA, result="pass")
    (task,) = guarded.open_tasks()
    about = {"triggeredid": task["id"], "shkeptncontext": "c1", "actor": "mallory"}
    scope = {**task["data"], "result": "pass", "status": "succeeded"}
    reports = [
        guarded.event(f"deployment.{word}", scope, id=word, **about)
        for word in ("started", "finished")
    ]
    state = guarded.get("/v1/sequence/shop/c1")
    history = guarded.get("/v1/project/shop/history", pageSize="100")["events"]

    assert (400, "no_actor") == (refused.status_code, refused.json()["reason"])
    assert ["applied"] * 2 == [each.json()["outcome"] for each in reports]
    assert [] == state["sequences"][0]["initiators"]
    assert {"ada"} == {each["actor"] for each in history if "actor" in each}


def test_a_trigger_through_the_proxy_is_in_the_name_of_a_person(guarded: Served) -> None:
    """Also that of an evaluation, which is no CloudEvent."""
    begin(guarded, HEADER_ADA, actor="mallory")
    path = "/v1/project/shop/stage/dev/service/carts/evaluation"
    given = {"json": {"timeframe": "5m"}, "headers": [(HEADER, "eve")]}
    context = guarded.ask("POST", path, **given).json()["keptnContext"]

    assert [["ada"], ["eve"]] == [
        guarded.get(f"/v1/sequence/shop/{each}")["sequences"][0]["initiators"]
        for each in ("c1", context)
    ]


@pytest.mark.parametrize("kind", ["dev.delivery.triggered", "deployment.finished"])
def test_an_event_that_names_its_sender_twice_is_refused(guarded: Served, kind: str) -> None:
    """It did not come through the proxy as it should."""
    scope = {"project": "shop", "stage": "dev", "service": "carts", "result": "pass"}
    about = {"id": "c1", "triggeredid": "t1"}
    answer = guarded.event(kind, scope, HEADER_ADA, (HEADER, "eve"), **about)

    assert (400, "") == said(answer)[:2]
    assert 0 == guarded.get("/v1/sequence/shop")["totalCount"]


def test_a_vote_that_is_late_needs_no_name(guarded: Served) -> None:
    """Nothing can come of it."""
    opened = begin(guarded)
    vote(guarded, "c1", HEADER_ADA, result="pass")

    assert (200, "late") == (
        (answer := voted(guarded, opened)).status_code, answer.json()["outcome"]
    )  # fmt: skip


def test_everything_that_is_answered_is_as_the_document_says(gated: Served) -> None:
    """Lists of approvals, votes, and a delivery with votes of its own."""
    described = Described(gated.get("/openapi.json"))
    begin(gated, stage="prod")
    answer = vote(gated, result="pass", actor="bob").json()
    bodies = {
        "Voted": answer,
        "Approvals": gated.get("/v1/project/shop/approval"),
        "Detail": gated.get("/v1/sequence/shop/c1"),
        "Events": gated.get("/v1/project/shop/history", pageSize="100"),
        "Stages": gated.get("/v1/project/shop/stage"),
    }

    assert {} == {name: found for name, body in bodies.items()
                  if (found := described.misfits(name, body))}  # fmt: skip


# ---------------------------------------------------------------- how it goes on


def test_two_approvers_of_whom_one_changes_their_mind(gated: Served) -> None:
    """Every vote is kept; the last one of each counts."""
    begin(gated, stage="prod")
    for name, result in (("bob", "pass"), ("bob", "warning"), ("eve", "pass")):
        gated.clock.advance(timedelta(minutes=1))
        vote(gated, result=result, actor=name)
    (task, _) = gated.get("/v1/sequence/shop/c1")["sequences"][0]["tasks"]

    assert [("bob", "pass"), ("bob", "warning"), ("eve", "pass")] == [
        (each["voter"], each["result"]) for each in task["votes"]
    ]
    assert "warning" == task["result"]


def test_silence_approves_where_the_shipyard_says_so(gated: Served) -> None:
    """The task says so, and it is in the history as the finish of the approval."""
    task = begin(gated, stage="prod")["taskId"]
    gated.clock.advance(timedelta(hours=2))
    gated.run(gated.controller.host._check())
    events = gated.get("/mongodb-datastore/event", project="shop",
                       type="sh.keptn.event.sign-off.finished")["events"]  # fmt: skip
    over = gated.get("/v1/sequence/shop/c1")["sequences"][0]["tasks"][0]

    assert [(task, "pass")] == [(each["triggeredid"], each["data"]["result"]) for each in events]
    assert ("pass", events[0]["data"]["message"]) == (over["result"], over["message"])


def test_what_was_open_is_open_after_a_restart(gated: Served) -> None:
    """With its votes, in the library as in the documents."""
    begin(gated, stage="prod")
    vote(gated, result="pass", actor="bob")
    before = approvals(gated), gated.get("/v1/sequence/shop/c1")
    gated.restart()

    assert before == (approvals(gated), gated.get("/v1/sequence/shop/c1"))
    vote(gated, result="pass", actor="eve")
    assert [] == approvals(gated)
