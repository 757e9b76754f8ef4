"""The routes after a failure: another run, a task that is skipped, a sequence that is redriven."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, final

import httpx
import pytest

from examples.controller.settings import Settings
from sequencectl import (
    Bounds,
    Calendar,
    ControlPlane,
    QueuePolicy,
    Shipyard,
    TimeoutPolicy,
    TriggerSequence,
)
from tests.examples.controller.api.described import Described
from tests.examples.controller.served import Served

SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: shop}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks:
            - {name: build, properties: {of: image}}
            - {name: deployment, onFailure: park, retry: {times: 1, backoff: 1m}}
            - {name: test}
        - name: check
          tasks: [{name: probe, onFailure: park}]
    - name: prod
      sequences:
        - name: delivery
          onFailure: park
          tasks: [{name: deployment}]
        - name: signed
          tasks: [{name: sign-off, approval: {initiator: false}}, {name: deployment}]
"""
HEADER = "X-User"
HEADER_ADA = (HEADER, "ada")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    """A controller of a shop whose deployments are tried again once, and parked then."""
    with Served(tmp_path) as served:
        served.create(shipyard=SHIPYARD)
        yield served


def begin(
    served: Served, context: str = "c1", sequence: str = "dev.delivery", **about: Any
) -> None:
    """Trigger a sequence of carts in ada's name."""
    stage = sequence.partition(".")[0]
    scope = {"project": "shop", "stage": stage, "service": "carts", **about.pop("data", {})}
    given = {"id": context, "shkeptncontext": context, "actor": "ada", **about}
    served.event(f"{sequence}.triggered", scope, **given).raise_for_status()


def finish(served: Served, task: str, result: str = "pass", **data: Any) -> dict[str, Any]:
    """Finish the one open task of a name, and return it."""
    (opened,) = served.open_tasks(task)
    served.finish(opened, result=result, **data)
    return opened


def park(served: Served) -> None:
    """Begin the delivery c1, and let both runs of its deployment fail."""
    begin(served, data={"image": "carts:1"})
    finish(served, "build", built="carts@1")
    finish(served, "deployment", "fail", message="no such chart")
    served.clock.advance(timedelta(minutes=1))
    check(served)
    finish(served, "deployment", "fail", message="still no such chart")


def fail(served: Served) -> dict[str, Any]:
    """Begin the delivery c1, let it fail in its last task, and return that."""
    begin(served, data={"image": "carts:1"})
    finish(served, "build", built="carts@1")
    finish(served, "deployment", deployed="carts@1")
    return finish(served, "test", "fail", message="slow", report="r1")


def check(served: Served) -> None:
    """Let the controller look at its deadlines."""
    served.run(served.controller.host._check())


def update(served: Served, shipyard: str) -> None:
    """Give the shop another shipyard."""
    body = {"name": "shop", "shipyard": b64encode(shipyard.encode()).decode()}
    served.ask("PUT", "/v1/project", json=body).raise_for_status()


def post(
    served: Served, control: str, context: str = "c1", *headers: tuple[str, str], **body: Any
) -> httpx.Response:
    """Control one sequence of a delivery; the document describes whatever comes back."""
    path = "/v1/sequence/{project}/{context}/" + control
    asked = path.format(project="shop", context=context)
    answer = served.ask("POST", asked, json=body, headers=list(headers))
    described = Described(served.get("/openapi.json"))
    schema = described.of_answer(path, "POST", answer.status_code)
    assert [] == described.misfits(schema, answer.json())
    return answer


def detail(served: Served, context: str = "c1", **query: str) -> dict[str, Any]:
    """A delivery in detail."""
    return served.get(f"/v1/sequence/shop/{context}", **query)


def one(served: Served, known: str = "c1", context: str = "c1") -> dict[str, Any]:
    """A sequence of a delivery."""
    found = detail(served, context)["sequences"]
    return next(each for each in found if each["id"] == known)


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status of an answer, and its outcome or the code of a refusal."""
    body = answer.json()
    return answer.status_code, body.get("outcome") or body.get("reason", "")


def data_of(served: Served, task: str) -> dict[str, Any]:
    """The input of the one open task of a name."""
    (opened,) = served.open_tasks(task)
    data: dict[str, Any] = opened["data"]
    return data


# ---------------------------------------------------------------- parked


def test_a_parked_delivery_is_shown_with_what_gets_it_out(shop: Served) -> None:
    """With which task, why and until when; and each run of it, with how many there may be."""
    park(shop)
    shown = detail(shop)
    (sequence,), why = shown["sequences"], shown["explanations"]["c1"]
    until = f"{shop.clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000Z"
    runs = [(run["name"], run["attempt"], run["attempts"], run["end"], run["result"])
            for run in sequence["tasks"]]  # fmt: skip

    assert ("delivery parked", "started", "parked") == (
        shown["statusLine"], shown["state"], sequence["phase"],
    )  # fmt: skip
    assert runs == [
        ("build", 1, 1, "over", "pass"),
        ("deployment", 1, 2, "retried", "fail"),
        ("deployment", 2, 2, "parked", "fail"),
    ]
    assert ("deployment", until, "still no such chart") == tuple(
        sequence["parked"][key] for key in ("task", "until", "message")
    )
    assert (until, 2, 2) == (why["parkedUntil"], why["attempt"], why["attempts"])
    assert why["parkedLine"].startswith("Task deployment failed in attempt 2: still no such chart.")
    assert ["applied", "applied", "rejected"] == [
        why["permitted"][name]["outcome"] for name in ("retry", "skip", "redrive")
    ]
    assert "parked" == shop.get("/v1/project/shop/stage/dev")["holders"][0]["phase"]


def test_between_two_runs_it_is_said_which_comes_next_and_why(shop: Served) -> None:
    """And when it is due."""
    begin(shop)
    finish(shop, "build")
    finish(shop, "deployment", "fail", message="no such chart")
    why = detail(shop)["explanations"]["c1"]

    assert "Next is attempt 2 of 2; the one before failed: no such chart." == why["attemptLine"]
    assert (2, 2, "failed: no such chart", "delay") == (
        why["attempt"], why["attempts"], why["lastFailure"], why["deadlineKind"],
    )  # fmt: skip
    assert one(shop)["dueAt"] == why["deadline"]


@pytest.mark.parametrize("result", ["pass", "warning"])
def test_a_task_that_is_skipped_counts_with_the_result_that_was_said(
    shop: Served, result: str
) -> None:
    """The next one is triggered, and has nothing of the run that failed; who skipped it is kept."""
    park(shop)
    answer = post(shop, "skip", result=result, actor="eve", reason="tested by hand")
    (*_, skipped, _test), at = one(shop)["tasks"], f"{shop.clock.now():%Y-%m-%dT%H:%M:%S}.000Z"
    by = {"at": at, "actor": "eve", "reason": "tested by hand"}

    assert (200, "applied") == said(answer)
    assert "c1" == answer.json()["sequenceId"]
    assert "is running since" in answer.json()["message"]
    assert (result, "over", by, "still no such chart") == tuple(
        skipped[key] for key in ("result", "end", "skipped", "message")
    )
    assert {"kind": "skip", "stage": "dev", "sequence": "c1", **by} == detail(shop)["controls"][-1]
    assert result == data_of(shop, "test")["result"]
    assert "message" not in data_of(shop, "test")


def test_a_task_that_is_skipped_with_fail_ends_its_sequence(shop: Served) -> None:
    """The sentence says by whom."""
    park(shop)
    answer = post(shop, "skip", result="fail", actor="eve")

    assert (200, "applied") == said(answer)
    assert "eve" in answer.json()["message"]
    assert ("finished", "fail", None) == tuple(
        one(shop)[key] for key in ("phase", "result", "parked")
    )


def test_a_retry_runs_the_task_once_more(shop: Served) -> None:
    """It is one attempt, which nothing follows by itself: when it fails, the sequence is parked."""
    park(shop)
    answer = post(shop, "retry", actor="eve", reason="the registry is back")
    running = one(shop)
    finish(shop, "deployment", "fail", message="gone again")
    parked = one(shop)

    assert (200, "applied", "c1") == (*said(answer), answer.json()["sequenceId"])
    assert "Task deployment is in attempt 3 of 3" in answer.json()["message"]
    assert ("running", None) == (running["phase"], running["parked"])
    assert ["over", "retried", "retried", None] == [run["end"] for run in running["tasks"]]
    assert ("parked", "gone again") == (parked["phase"], parked["parked"]["message"])
    assert [("retry", "eve", "the registry is back")] == [
        (each["kind"], each["actor"], each["reason"]) for each in detail(shop)["controls"]
    ]


@pytest.mark.parametrize(("control", "body"), [("retry", {}), ("skip", {"result": "fail"})])
def test_a_control_that_comes_again_is_done_once(
    shop: Served, control: str, body: dict[str, str]
) -> None:
    """By its request id; without one there is nothing parked any more."""
    park(shop)
    answers = [post(shop, control, requestId="r1", **body) for _ in range(2)]

    assert [(200, "applied"), (200, "repeated")] == [*map(said, answers)]


def test_what_is_not_parked_stays_as_it_is(shop: Served) -> None:
    """Nothing has changed while it runs; when it is over it is refused."""
    begin(shop, sequence="dev.check")
    live = [post(shop, "retry"), post(shop, "skip", result="pass")]
    finish(shop, "probe")
    over = [post(shop, "retry"), post(shop, "skip", result="pass")]

    assert [(200, "not_parked")] * 2 == [*map(said, live)]
    assert [(400, "already_ended")] * 2 == [*map(said, over)]


def test_under_a_pause_a_retry_waits_for_the_resume(shop: Served) -> None:
    """A pause of what is parked leaves it so, in Keptn's words paused; its limit runs on."""
    park(shop)
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "pause"})
    parked = detail(shop)
    post(shop, "retry")
    waiting = detail(shop)
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "resume"})

    assert ("delivery paused", "paused", "parked") == (
        parked["statusLine"], parked["state"], parked["sequences"][0]["phase"],
    )  # fmt: skip
    assert ("delivery paused", "paused", 1) == (
        waiting["statusLine"], waiting["sequences"][0]["phase"],
        len(waiting["sequences"][0]["pauses"]),
    )  # fmt: skip
    assert 3 == one(shop)["tasks"][-1]["attempt"]


def two_parked(served: Served) -> None:
    """In one delivery a sequence is parked in each of two stages."""
    begin(served, "c1", "dev.check")
    begin(served, "c2", "prod.delivery", shkeptncontext="c1")
    finish(served, "probe", "fail")
    finish(served, "deployment", "fail")


def test_nothing_is_guessed_where_several_are_parked(shop: Served) -> None:
    """The refusal names them; a stage or an id says which."""
    two_parked(shop)
    refused = post(shop, "retry")
    answers = [
        post(shop, "retry", stage="prod"),
        post(shop, "skip", sequenceId="c1", result="fail"),
    ]

    assert (400, "sequenceId: must say which sequence of context c1: "
            "check in stage dev, delivery in stage prod") == (
        refused.status_code, refused.json()["message"])  # fmt: skip
    assert [(200, "applied", "c2"), (200, "applied", "c1")] == [
        (*said(each), each.json()["sequenceId"]) for each in answers
    ]


def test_where_one_is_parked_it_is_meant(shop: Served) -> None:
    """Whatever runs beside it in the delivery."""
    two_parked(shop)
    first = post(shop, "retry", sequenceId="c1")
    second = post(shop, "retry")

    assert ["c1", "c2"] == [each.json()["sequenceId"] for each in (first, second)]


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("none/retry", {}, 404, None),
        ("c1/retry", {"sequenceId": "c2"}, 404, "context c1 has no sequence 'c2'"),
        ("c1/skip", {"stage": "prod", "result": "pass"}, 404,
         "context c1 has no sequence in stage 'prod'"),
        ("c1/redrive", {"sequenceId": "x"}, 404, "context c1 has no sequence 'x'"),
        ("none/redrive", {}, 404, None),
        ("c1/skip", {}, 400, "result: must be a text, got None"),
        ("c1/skip", {"result": "good"}, 400,
         "result: must be one of pass, warning, fail, got 'good'"),
        ("c1/retry", {"result": "pass"}, 400, "'result': no such field, got 'pass'"),
        ("c1/retry", {"reason": 1}, 400, "reason: must be a text, got 1"),
        ("c1/redrive", {"reason": "why"}, 400, "'reason': no such field, got 'why'"),
        ("c1/redrive", {"redriveId": "\n"}, 400, None),
        ("c1/redrive", {"startAt": "no task!"}, 400, None),
    ],
)  # fmt: skip
def test_what_cannot_be_read_changes_nothing(
    shop: Served, path: str, body: dict[str, Any], status: int, message: str | None
) -> None:
    """404 for what nobody knows, 400 for what makes no sense."""
    park(shop)
    before = detail(shop)
    context, _, control = path.partition("/")
    answer = post(shop, control, context, **body)

    assert status == answer.status_code
    assert message in {None, answer.json()["message"]}
    assert before == detail(shop)


# ---------------------------------------------------------------- redriven


def test_a_redrive_goes_on_where_the_old_one_failed(shop: Served) -> None:
    """With what its failed task was given; the tasks before are carried, and both say so."""
    failed = fail(shop)
    answer = post(shop, "redrive", actor="bob")
    new = answer.json()["sequenceId"]
    (old, redrive), whys = detail(shop)["sequences"], detail(shop)["explanations"]

    assert (200, "applied") == said(answer)
    assert "It redrives c1." in answer.json()["message"]
    assert failed["data"] == data_of(shop, "test")
    assert ("fail", new, new) == (old["result"], old["redrivenBy"], whys["c1"]["redrivenBy"])
    assert (new, "c1", "c1") == (redrive["id"], redrive["redrives"], whys[new]["redrives"])
    assert [
        {"name": "build", "result": "pass"}, {"name": "deployment", "result": "pass"},
    ] == redrive["carried"]  # fmt: skip
    assert [("test", 2)] == [(run["name"], run["index"]) for run in redrive["tasks"]]


def test_two_clicks_are_one(shop: Served) -> None:
    """As long as the new one is live, whoever clicks; it is a success with the same id."""
    fail(shop)
    answers = [post(shop, "redrive", actor=actor) for actor in ("bob", "bob", "eve")]

    assert [(200, "applied"), (200, "duplicate"), (200, "duplicate")] == [*map(said, answers)]
    assert 1 == len({each.json()["sequenceId"] for each in answers})
    assert 2 == len(detail(shop)["sequences"])


def test_what_was_seen_before_is_redriven_once(shop: Served) -> None:
    """The id that is shown beside a failure makes it the same request, also when the new one has
    failed in between; without it that is redriven in its turn.
    """
    fail(shop)
    shown = detail(shop)["explanations"]["c1"]["redriveId"]
    first = post(shop, "redrive", redriveId=shown)
    finish(shop, "test", "fail")
    again = post(shop, "redrive", sequenceId="c1", redriveId=shown)
    third = post(shop, "redrive")

    assert [(200, "applied"), (200, "duplicate"), (200, "applied")] == [
        *map(said, (first, again, third))
    ]
    assert [shown, shown] == [each.json()["sequenceId"] for each in (first, again)]
    assert [None, "c1", shown] == [each["redrives"] for each in detail(shop)["sequences"]]


def test_what_is_redriven_now_shows_the_id_of_what_does_it(shop: Served) -> None:
    """So a page that was loaded after the first click sends the same request."""
    fail(shop)
    new = post(shop, "redrive").json()["sequenceId"]

    assert new == detail(shop)["explanations"]["c1"]["redriveId"]
    assert new != detail(shop)["explanations"][new]["redriveId"]


def test_a_redrive_may_begin_earlier(shop: Served) -> None:
    """With what that task was given, and not with what came of it then."""
    fail(shop)
    answer = post(shop, "redrive", startAt="build")

    assert (200, "applied") == said(answer)
    assert {"of": "image"} == data_of(shop, "build")["build"]
    assert "carts:1" == data_of(shop, "build")["image"]
    assert {"built", "deployed"}.isdisjoint(data_of(shop, "build"))


def test_a_redrive_may_begin_later(shop: Served) -> None:
    """Where the task never ran, with what the one that failed was given."""
    begin(shop)
    failed = finish(shop, "build", "fail")
    answer = post(shop, "redrive", startAt="test")

    assert (200, "applied") == said(answer)
    assert failed["data"].items() <= data_of(shop, "test").items()
    assert [("build", "fail"), ("deployment", None)] == [
        (each["name"], each["result"]) for each in detail(shop)["sequences"][-1]["carried"]
    ]


def test_a_task_that_another_one_of_the_family_ran_has_its_input_from_there(shop: Served) -> None:
    """A redrive of a redrive that begins where only the first one has been."""
    fail(shop)
    post(shop, "redrive")
    finish(shop, "test", "fail", slower="still")
    post(shop, "redrive", startAt="deployment")
    data = data_of(shop, "deployment")

    assert "carts@1" == data["built"]
    assert {"deployed", "slower"}.isdisjoint(data)


def test_of_several_runs_of_a_task_the_last_one_counts(shop: Served) -> None:
    """The own one before one of the family."""
    fail(shop)
    post(shop, "redrive", startAt="build")
    finish(shop, "build", built="carts@2")
    finish(shop, "deployment", deployed="carts@2")
    finish(shop, "test", "fail")
    first, second = detail(shop)["sequences"]
    post(shop, "redrive", sequenceId=first["id"])
    of_first = data_of(shop, "test")["built"]
    finish(shop, "test", "fail")
    post(shop, "redrive", sequenceId=second["id"])

    assert ("carts@1", "carts@2") == (of_first, data_of(shop, "test")["built"])


def test_what_was_stopped_between_two_tasks_goes_on_with_all_that_it_had(shop: Served) -> None:
    """The results of the task before are there, as the next one would have had them."""
    begin(shop, data={"image": "carts:1"})
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "pause"})
    finish(shop, "build", "warning", built="carts@1", log=["b"], message="slow disk")
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort"})
    answer = post(shop, "redrive")
    data = data_of(shop, "deployment")

    assert (200, "applied") == said(answer)
    assert ("carts:1", "carts@1", ["b"], "warning", "succeeded") == tuple(
        data[key] for key in ("image", "built", "log", "result", "status")
    )
    assert "message" not in data


def test_what_was_stopped_after_a_skip_goes_on_without_what_had_failed(shop: Served) -> None:
    """What a skipped run has brought counts as little as in the old one."""
    begin(shop, data={"image": "carts:1"})
    finish(shop, "build")
    finish(shop, "deployment", "fail")
    shop.clock.advance(timedelta(minutes=1))
    check(shop)
    finish(shop, "deployment", "fail", broken="carts@1")
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "pause"})
    post(shop, "skip", result="warning")
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort"})
    answer = post(shop, "redrive")
    data = data_of(shop, "test")

    assert (200, "applied") == said(answer)
    assert ("carts:1", "warning") == (data["image"], data["result"])
    assert "broken" not in data


def test_what_was_stopped_before_another_run_goes_on_with_that_task(shop: Served) -> None:
    """With what the run that failed was given."""
    begin(shop)
    finish(shop, "build", built="carts@1")
    failed = finish(shop, "deployment", "fail", broken="carts@1")
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort"})
    post(shop, "redrive")

    assert failed["data"] == data_of(shop, "deployment")


def test_what_never_ran_goes_on_with_what_it_was_triggered_with(shop: Served) -> None:
    """It was aborted while it stood in line; with its configuration and its priority."""
    begin(shop, "other", data={"service": "orders"})
    begin(shop, data={"image": "carts:1"}, gitcommitid="4711")
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort"})
    shop.ask("POST", "/v1/sequence/shop/other/control", json={"state": "abort", "force": True})
    answer = post(shop, "redrive")
    (opened,) = shop.open_tasks("build")

    assert (200, "applied") == said(answer)
    assert ("carts:1", "4711") == (opened["data"]["image"], opened["gitcommitid"])


def test_a_redrive_has_the_priority_of_the_old_one(shop: Served) -> None:
    """Whatever its definition says today."""
    about = {"stage": "dev", "sequence": "delivery", "service": "carts"}
    command = TriggerSequence("c1", priority=7, **about)
    shop.run(shop.controller.host.handle("shop", command))
    shop.ask("POST", "/v1/sequence/shop/c1/control", json={"state": "abort", "force": True})
    post(shop, "redrive")

    assert [7, 7] == [each["priority"] for each in detail(shop)["sequences"]]


def test_a_redrive_in_line_waits_for_its_stage_as_everybody_does(shop: Served) -> None:
    """The message says who is ahead."""
    fail(shop)
    begin(shop, "c2")
    answer = post(shop, "redrive")

    assert (200, "applied") == said(answer)
    assert "is waiting since" in answer.json()["message"]


def test_nothing_is_guessed_where_several_have_failed(shop: Served) -> None:
    """One that was redriven is not meant, unless its id says so."""
    begin(shop, "c1", "dev.check")
    begin(shop, "c2", "prod.delivery", shkeptncontext="c1")
    for stage in ("dev", "prod"):
        body = {"state": "abort", "stage": stage, "force": True}
        shop.ask("POST", "/v1/sequence/shop/c1/control", json=body)
    refused = post(shop, "redrive")
    first = post(shop, "redrive", stage="prod")
    second = post(shop, "redrive", sequenceId="c1")

    assert (400, "sequenceId: must say which sequence of context c1: "
            "check in stage dev, delivery in stage prod") == (
        refused.status_code, refused.json()["message"])  # fmt: skip
    assert [(200, "applied")] * 2 == [*map(said, (first, second))]


@pytest.mark.parametrize(
    ("task", "data"),
    [
        pytest.param("test", {}, id="the input of the run that failed"),
        pytest.param("build", {"startAt": "build"}, id="that of the one to begin with"),
    ],
)
def test_a_redrive_whose_data_is_not_kept_is_refused(
    shop: Served, tmp_path: Path, task: str, data: dict[str, str]
) -> None:
    """With 409 and a sentence: nothing is made up in its place."""
    fail(shop)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as journal:
        journal.execute("DELETE FROM history WHERE type LIKE ?", (f"%.{task}.triggered",))
    answer = post(shop, "redrive", **data)

    assert (409, "the data of sequence 'c1' is not kept any more") == (
        answer.status_code, answer.json()["message"],
    )  # fmt: skip
    assert 1 == len(detail(shop)["sequences"])


# ---------------------------------------------------------------- what the library refuses


def running(served: Served) -> None:
    """The delivery runs."""
    begin(served)


def passed(served: Served) -> None:
    """All tasks of the delivery have passed."""
    begin(served, sequence="dev.check")
    finish(served, "probe")


def redriven_twice(served: Served) -> None:
    """The redrive of the delivery has failed, and is redriven."""
    fail(served)
    post(served, "redrive")
    finish(served, "test", "fail")
    post(served, "redrive")


def rejected(served: Served) -> None:
    """An approval was rejected."""
    begin(served, sequence="prod.signed")
    served.ask("POST", "/v1/sequence/shop/c1/vote", json={"result": "fail", "actor": "bob"})


def another_has_the_id(served: Served) -> None:
    """The delivery has failed, and another one has the id that its redrive would have."""
    fail(served)
    begin(served, detail(served)["explanations"]["c1"]["redriveId"], "prod.delivery")


def task_gone(served: Served) -> None:
    """The delivery has failed, and today's shipyard does not have its task any more."""
    fail(served)
    update(served, SHIPYARD.replace("- {name: test}", "- {name: probe}"))


def sequence_gone(served: Served) -> None:
    """The delivery has failed, and today's shipyard does not have its sequence any more."""
    fail(served)
    update(served, SHIPYARD.replace("name: delivery", "name: shipping"))


@pytest.mark.parametrize(
    ("story", "body", "code"),
    [
        (running, {}, "not_ended"),
        (passed, {}, "not_failed"),
        (redriven_twice, {"sequenceId": "c1"}, "already_redriven"),
        (fail, {"startAt": "none"}, "unknown_task"),
        (task_gone, {}, "unknown_task"),
        (sequence_gone, {}, "unknown_sequence"),
        (rejected, {"startAt": "deployment", "actor": "bob"}, "not_approved"),
        (rejected, {}, "no_actor"),
        (another_has_the_id, {}, "id_conflict"),
        (fail, {"redriveId": "c1"}, ""),
    ],
)
def test_what_cannot_be_redriven_is_refused(
    shop: Served, story: Any, body: dict[str, str], code: str
) -> None:
    """With 400, the code of the library as its reason and its sentence; nothing has changed."""
    story(shop)
    before = detail(shop)
    answer = post(shop, "redrive", **body)

    assert (400, code) == said(answer)
    assert answer.json()["message"]
    assert before == detail(shop)


@final
class Strict(Settings):
    """Settings of planes with small bounds."""

    def plane(self, shipyard: Shipyard, *, calendar: Calendar | None = None) -> ControlPlane:
        """Return a plane that permits two attempts at a task and small payloads."""
        bounds = Bounds(attempts=2, payload_size=400)
        limits = TimeoutPolicy(reaction="1h")
        return ControlPlane(shipyard, bounds=bounds, timeouts=limits, calendar=calendar)


def test_a_task_that_ran_as_often_as_it_may_is_not_retried(tmp_path: Path) -> None:
    """It can still be skipped."""
    with Served(tmp_path, kind=Strict) as strict:
        strict.create(shipyard=SHIPYARD)
        park(strict)
        answers = [post(strict, "retry"), post(strict, "skip", result="pass")]

    assert [(400, "too_many_attempts"), (200, "applied")] == [*map(said, answers)]


def test_a_redrive_may_have_more_data_than_a_trigger(tmp_path: Path) -> None:
    """What the tasks of a sequence have made of its data is no more than they may make of it."""
    with Served(tmp_path, kind=Strict) as strict:
        strict.create(shipyard=SHIPYARD)
        begin(strict, data={"image": "i" * 250})
        for task, result in (("build", "pass"), ("deployment", "pass"), ("test", "fail")):
            (opened,) = strict.open_tasks(task)
            data = {"project": "shop", "result": result, task: "x" * 250}
            strict.event(f"{task}.finished", data, id=task, triggeredid=opened["id"])
        answer = post(strict, "redrive")

    assert (200, "applied") == said(answer)


def test_a_busy_stage_takes_no_redrive_where_it_takes_no_newcomer(tmp_path: Path) -> None:
    """The mode of its queue is the same for all."""
    with Served(tmp_path, queueing=QueuePolicy(mode="reject_when_busy")) as busy:
        busy.create(shipyard=SHIPYARD)
        fail(busy)
        begin(busy, "c2")
        answer = post(busy, "redrive")

    assert (400, "stage_busy") == said(answer)


# ---------------------------------------------------------------- who acts


def test_who_redrives_may_not_approve_where_who_triggers_may_not(shop: Served) -> None:
    """Nor may who triggered the one before."""
    rejected(shop)
    post(shop, "redrive", actor="bob")
    vote = "/v1/sequence/shop/c1/vote"
    answers = [
        shop.ask("POST", vote, json={"result": "pass", "actor": actor})
        for actor in ("ada", "bob", "eve")
    ]

    assert [(400, "own_approval"), (400, "own_approval"), (200, "applied")] == [*map(said, answers)]
    assert ["bob", "ada"] == one(shop, detail(shop)["sequences"][-1]["id"])["initiators"]


def test_what_is_permitted_depends_on_who_asks(shop: Served) -> None:
    """A redrive that leads to such an approval needs a name; of what is over nothing else is."""
    rejected(shop)
    asked = [
        {name: each["outcome"] for name, each in shown["permitted"].items()}
        for query in ({}, {"actor": "bob"})
        for shown in detail(shop, **query)["explanations"].values()
    ]
    over = dict.fromkeys(("exempt", "retry", "skip"), "rejected")

    assert [{**over, "redrive": "rejected"}, {**over, "redrive": "applied"}] == asked
    assert {} == detail(shop)["permitted"]


@pytest.mark.parametrize(
    ("control", "body"), [("retry", {}), ("skip", {"result": "pass"}), ("redrive", {})]
)
def test_who_acts_is_whom_the_proxy_names(
    tmp_path: Path, control: str, body: dict[str, str]
) -> None:
    """Whatever the body claims; nobody acts without it."""
    with Served(tmp_path, actor_header=HEADER) as guarded:
        guarded.create(shipyard=SHIPYARD)
        if control == "redrive":
            fail(guarded)
        else:
            park(guarded)
        nobody = post(guarded, control, actor="eve", **body)
        answer = post(guarded, control, "c1", HEADER_ADA, actor="eve", **body)
        shown = detail(guarded)
        controls = [each["actor"] for each in shown["controls"]]
        actors = controls or shown["sequences"][-1]["initiators"]

    assert (400, f"the header {HEADER} must be there once and say who acts") == (
        nobody.status_code, nobody.json()["message"],
    )  # fmt: skip
    assert ((200, "applied"), ["ada"]) == (said(answer), actors)
