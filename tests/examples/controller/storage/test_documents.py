"""What a document says after each story: a table of stories, and one told to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from examples.controller.storage.deliveries import (
    MOST_CONTROLS,
    Document,
    instant,
    is_live,
    mention,
)
from sequencectl import Bounds, Phase, QueuePolicy, TimeoutPolicy
from sequencectl.events import SequenceTriggered, TaskTriggered
from tests.examples.controller.storage.folding import folded
from tests.support import Host

Story = Callable[[Host], object]
WORLD = {
    "dev": {"delivery": ["deploy", "test"]},
    "prod": {
        "delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]},
        "soak": {"tasks": [{"name": "wait", "triggeredAfter": "2m"}]},
    },
}
LIMITS = TimeoutPolicy(reaction="1m", completion="10m", total="1h")


def at(seconds: int) -> str:
    """An instant as a document has it: so many seconds after the begin."""
    return f"2026-01-01T09:{seconds // 60:02}:{seconds % 60:02}.000Z"


def by(seconds: int, actor: str = "", reason: str = "") -> Document:
    """Who did something, and when."""
    return {"at": at(seconds), "actor": actor, "reason": reason}


def told(story: Story, **policies: Any) -> Document:
    """The document of context c after a story."""
    host = Host(WORLD, **{"timeouts": LIMITS, **policies})
    story(host)
    return folded(host.events)["c"]


def two_executors(host: Host) -> None:
    """Two executors work on the first task; the second is in flight and the delivery pausing."""
    data = {
        "problem": {"ProblemTitle": "checkout is slow"},
        "configurationChange": {"values": {"image": "carts:1"}},
    }
    host.trigger("a", context="c", data=data, priority=3, actor="ann")
    host.at(5).start("a", source="s1")
    host.at(6).start("a", source="s2")
    host.at(7).finish("a", source="s1")
    host.at(8).finish("a", source="s2", result="warning", message="slow disk")
    host.at(9).pause("c", actor="bob", reason="lunch")


def test_a_document_has_all_that_happened() -> None:
    """Every field, after two executors, one task and a pause."""
    host = Host(WORLD, timeouts=LIMITS)
    two_executors(host)
    first, second = (event.task_id for event in host.of(TaskTriggered))
    document = folded(host.events)["c"]
    pause = document["stages"]["dev"]["latest"]["id"]
    executors = [
        {"source": "s1", "startedAt": at(5), "finishedAt": at(7), "result": "pass"},
        {"source": "s2", "startedAt": at(6), "finishedAt": at(8), "result": "warning"},
    ]
    once = {"attempt": 1, "attempts": 1, "skipped": None, "progress": [], "timedOut": None}
    over = {
        "finishedAt": at(8), "result": "warning", "message": "slow disk", "end": "over", **once,
    }  # fmt: skip
    in_flight = {"finishedAt": None, "result": None, "message": "", "end": None, **once}
    sequence = {
        "id": "a", "name": "delivery", "stage": "dev", "service": "carts", "phase": "pausing",
        "result": None, "status": None, "message": "", "priority": 3,
        "planned": ["deploy", "test"], "parent": None, "redrives": None, "redrivenBy": None,
        "carried": [], "parked": None, "initiators": ["ann"], "exempted": None,
        "triggeredAt": at(0), "startedAt": at(0),
        "endedAt": None, "dueAt": None,
        "tasks": [
            {"id": first, "name": "deploy", "index": 0, "triggeredAt": at(0),
             "deadline": at(60), **over, "executors": executors, "approval": None, "votes": []},
            {"id": second, "name": "test", "index": 1, "triggeredAt": at(8),
             "deadline": at(68), **in_flight, "executors": [], "approval": None, "votes": []},
        ],
        "pauses": [{"from": at(9), "to": None}], "abandonedTask": None, "supersededBy": None,
    }  # fmt: skip
    latest = {"id": pause, "type": "sh.keptn.event.dev.delivery.paused", "time": at(9)}

    assert document == {
        "project": "sockshop", "context": "c", "name": "delivery", "service": "carts",
        "time": at(0), "problemTitle": "checkout is slow", "first": 1, "serial": 11,
        "resumed": None, "paused": [{"stage": None, **by(9, "bob", "lunch")}],
        "controls": [{"kind": "pause", "stage": None, "sequence": None, **by(9, "bob", "lunch")}],
        "stages": {
            "dev": {"image": "carts:1", "latest": latest, "failed": None, "evaluation": None}
        },
        "sequences": [sequence],
    }  # fmt: skip


def waiting(host: Host) -> None:
    """Another delivery has the stage; the one that is told of waits."""
    host.trigger("other")
    host.at(1).trigger("a", context="c")


def held(host: Host) -> None:
    """The delivery that waits is paused."""
    waiting(host)
    host.at(2).pause("c")


def drained(host: Host) -> None:
    """The delivery is paused, and its task is over."""
    host.trigger("a", context="c")
    host.at(2).pause("c")
    host.at(3).finish("a")


def aborting(host: Host) -> None:
    """The delivery is aborted in the middle of a pause, while its task is in flight."""
    host.trigger("a", context="c")
    host.at(2).pause("c")
    host.at(4).abort("c", actor="eve", reason="wrong version")


def finished(host: Host, *, result: str = "pass") -> None:
    """Both tasks of the delivery are over."""
    host.trigger("a", context="c")
    host.at(2).finish("a")
    host.at(3).finish("a", result=result, message="as it is")


def afterwards(story: Story, *later: Callable[[Host], object]) -> Story:
    """A story, and what comes then."""

    def whole(host: Host) -> None:
        for each in (story, *later):
            each(host)

    return whole


def soaking(host: Host) -> None:
    """The only task of the sequence is to be triggered later."""
    host.trigger("a", "prod", "soak", context="c")


@pytest.mark.parametrize("phase", list(Phase))
def test_a_sequence_is_live_until_it_has_ended(phase: Phase) -> None:
    """In every phase the document says what the library says."""
    assert is_live({"phase": phase.value}) is not phase.has_ended


ENDED = {"result": "fail", "status": "aborted"}
LIVE = {"result": None, "status": None, "endedAt": None}


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(waiting, {**LIVE, "phase": "waiting", "startedAt": None}, id="waiting"),
        pytest.param(
            held,
            {**LIVE, "phase": "held", "startedAt": None, "pauses": [{"from": at(2), "to": None}]},
            id="held",
        ),
        pytest.param(
            afterwards(held, lambda host: host.at(5).resume("c")),
            {**LIVE, "phase": "waiting", "pauses": [{"from": at(2), "to": at(5)}]},
            id="held and resumed",
        ),
        pytest.param(
            afterwards(waiting, lambda host: host.at(7).abort("other", force=True)),
            {**LIVE, "phase": "running", "triggeredAt": at(1), "startedAt": at(7)},
            id="running",
        ),
        pytest.param(soaking, {**LIVE, "phase": "running", "dueAt": at(120)}, id="due"),
        pytest.param(
            afterwards(soaking, lambda host: host.until(121)),
            {**LIVE, "phase": "running", "dueAt": None},
            id="no more due",
        ),
        pytest.param(
            afterwards(soaking, lambda host: host.at(5).abort("c")),
            {**ENDED, "phase": "aborted", "endedAt": at(5), "dueAt": None, "abandonedTask": None},
            id="aborted while due",
        ),
        pytest.param(drained, {**LIVE, "phase": "paused"}, id="paused"),
        pytest.param(
            afterwards(drained, lambda host: host.at(9).resume("c")),
            {**LIVE, "phase": "running", "pauses": [{"from": at(2), "to": at(9)}]},
            id="paused and resumed",
        ),
        pytest.param(
            aborting,
            {**LIVE, "phase": "aborting", "pauses": [{"from": at(2), "to": at(4)}]},
            id="aborting",
        ),
        pytest.param(
            finished,
            {"result": "pass", "status": "succeeded", "phase": "finished", "endedAt": at(3),
             "message": "as it is"},
            id="finished",
        ),
        pytest.param(
            lambda host: finished(host, result="fail"),
            {"result": "fail", "status": "succeeded", "phase": "finished", "message": "as it is"},
            id="failed",
        ),
        pytest.param(
            afterwards(drained, lambda host: host.at(8).abort("c", actor="eve")),
            {**ENDED, "phase": "aborted", "pauses": [{"from": at(2), "to": at(8)}],
             "message": "Sequence delivery in stage dev was aborted by eve."},
            id="aborted",
        ),
        pytest.param(
            lambda host: (host.trigger("a", context="c"), host.until(60)),
            {"result": "fail", "status": "errored", "phase": "timed_out", "endedAt": at(60),
             "abandonedTask": None,
             "message": "Nobody reacted to task deploy in stage dev within 1m0s;"
                        " it was terminated."},
            id="timed out",
        ),
    ],
)  # fmt: skip
def test_a_sequence_has_the_facts_of_its_story(story: Story, expected: Document) -> None:
    """Its phase, when it moved, its pauses, and how it ended."""
    sequence = told(story)["sequences"][0]

    assert expected == {key: sequence[key] for key in expected}


@pytest.mark.parametrize(
    ("mode", "policies", "expected"),
    [
        pytest.param(
            lambda host: host.at(5).trigger("b"),
            {"queueing": QueuePolicy(mode="latest_only")},
            {**ENDED, "phase": "superseded", "endedAt": at(5), "supersededBy": "b",
             "message": "A newer delivery of carts took its place."},
            id="superseded",
        ),
        pytest.param(
            lambda host: host.until(31),
            {"timeouts": TimeoutPolicy(reaction="1m", waiting="30s")},
            {**ENDED, "phase": "expired", "endedAt": at(31), "supersededBy": None,
             "message": "Sequence delivery in stage dev could not start within 30s;"
                        " it was terminated."},
            id="expired",
        ),
    ],
)  # fmt: skip
def test_a_sequence_may_end_before_it_starts(
    mode: Story, policies: dict[str, Any], expected: Document
) -> None:
    """It never had a task, and says why it will have none."""
    sequence = told(afterwards(waiting, mode), **policies)["sequences"][0]

    assert expected == {key: sequence[key] for key in expected}
    assert (None, []) == (sequence["startedAt"], sequence["tasks"])


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(
            lambda host: (host.trigger("a", context="c"), host.at(2).finish("a", result="fail")),
            {"finishedAt": at(2), "result": "fail", "timedOut": None},
            id="failed",
        ),
        pytest.param(
            lambda host: (host.trigger("a", context="c"), host.until(60)),
            {"name": "deploy", "finishedAt": at(60), "result": "fail",
             "timedOut": "Nobody reacted to task deploy in stage dev within 1m0s;"
                         " it was terminated."},
            id="timed out",
        ),
        pytest.param(
            lambda host: (host.trigger("a", context="c"), host.at(3).abort("c", force=True)),
            {"finishedAt": at(3), "result": "abandoned", "timedOut": None},
            id="abandoned by force",
        ),
        pytest.param(
            lambda host: (
                host.trigger("a", context="c"),
                host.at(3).start("a"),
                host.until(90),
                host.abort("c"),
                host.at(95).finish("a"),
            ),
            {"finishedAt": at(95), "result": "pass", "timedOut": None},
            id="over after an abort",
        ),
    ],
)  # fmt: skip
def test_a_task_says_how_it_was_over(story: Story, expected: Document) -> None:
    """And when; one that ran out of time says so in a sentence."""
    (task,) = told(story)["sequences"][0]["tasks"]

    assert expected == {key: task[key] for key in expected}


def test_a_task_in_flight_when_the_time_of_its_sequence_is_over_is_abandoned() -> None:
    """The sequence names it."""
    limits = TimeoutPolicy(reaction="1h", completion="2h", total="30s")
    document = told(lambda host: (host.trigger("a", context="c"), host.until(40)), timeouts=limits)
    (sequence,) = document["sequences"]
    (task,) = sequence["tasks"]

    assert ("timed_out", "errored", task["id"]) == (
        sequence["phase"], sequence["status"], sequence["abandonedTask"],
    )  # fmt: skip
    assert (at(30), "abandoned") == (task["finishedAt"], task["result"])


@pytest.mark.parametrize(
    ("limits", "deadline"),
    [
        pytest.param(TimeoutPolicy(reaction="1m", completion="2m"), at(60), id="reaction"),
        pytest.param(TimeoutPolicy(reaction="2m", completion="1m"), at(60), id="completion"),
        pytest.param(TimeoutPolicy.unbounded(), None, id="none"),
    ],
)
def test_a_task_has_the_first_of_its_deadlines(limits: TimeoutPolicy, deadline: str | None) -> None:
    """None if there is no limit."""
    document = told(lambda host: host.trigger("a", context="c"), timeouts=limits)

    assert deadline == document["sequences"][0]["tasks"][0]["deadline"]


def test_an_executor_that_reports_twice_is_one_executor() -> None:
    """Its first start counts, its last finish, and a finish without a start too."""

    def story(host: Host) -> None:
        host.trigger("a", context="c")
        host.at(1).start("a", source="s1", report_id="r1")
        host.at(2).start("a", source="s1", report_id="r2")
        host.at(3).start("a", source="s2")
        host.at(4).finish("a", source="s3", result="warning")

    (task,) = told(story)["sequences"][0]["tasks"]

    assert [
        {"source": "s1", "startedAt": at(1), "finishedAt": None, "result": None},
        {"source": "s2", "startedAt": at(3), "finishedAt": None, "result": None},
        {"source": "s3", "startedAt": None, "finishedAt": at(4), "result": "warning"},
    ] == task["executors"]


EVALUATION = {"dev": {"check": ["evaluation"]}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({"evaluation": {"result": "warning", "score": 82.5}}, ("warning", 82.5),
                     id="result and score"),
        pytest.param({"evaluation": {"score": 7}}, ("pass", 7), id="the result of the task"),
        pytest.param({"evaluation": {"result": 1, "score": "high"}}, ("pass", None), id="neither"),
        pytest.param({"evaluation": "good"}, None, id="no map"),
        pytest.param({}, None, id="nothing"),
    ],
)  # fmt: skip
def test_an_evaluation_is_kept_of_its_stage(
    data: dict[str, Any], expected: tuple[str, float | None] | None
) -> None:
    """Result and score, if they are what they should be."""
    host = Host(EVALUATION)
    host.trigger("a", sequence="check", context="c")
    host.finish("a", data=data)
    evaluation = folded(host.events)["c"]["stages"]["dev"]["evaluation"]

    assert expected == (evaluation and (evaluation["result"], evaluation["score"]))


def test_another_task_is_no_evaluation_whatever_it_says() -> None:
    """Payloads are merged: the next task may hand on the evaluation before."""
    host = Host({"dev": {"check": ["evaluation", "release"]}})
    host.trigger("a", sequence="check", context="c")
    host.finish("a", data={"evaluation": {"score": 1}})
    host.finish("a", data={"evaluation": {"score": 2}})

    assert 1 == folded(host.events)["c"]["stages"]["dev"]["evaluation"]["score"]


@pytest.mark.parametrize(
    ("data", "title", "image"),
    [
        pytest.param({}, "", "", id="no data"),
        pytest.param({"problem": "disk"}, "", "", id="a text where a map should be"),
        pytest.param({"problem": {"ProblemTitle": 7}}, "", "", id="no text"),
        pytest.param({"problem": {"ProblemTitle": "disk"}}, "disk", "", id="a problem"),
        pytest.param({"configurationChange": {"values": {"image": "x:2"}}}, "", "x:2", id="image"),
        pytest.param({"configurationChange": {"image": "x:2"}}, "", "", id="elsewhere"),
    ],
)
def test_title_and_image_come_from_the_data(data: dict[str, Any], title: str, image: str) -> None:
    """They are empty where the data has no text."""
    document = told(lambda host: host.trigger("a", context="c", data=data))

    assert (title, image) == (document["problemTitle"], document["stages"]["dev"]["image"])


def test_an_image_stays_until_another_one_comes() -> None:
    """A second trigger of the same stage without an image has that of the first."""

    def story(host: Host, *images: str) -> None:
        for number, image in enumerate(images):
            data = {"configurationChange": {"values": {"image": image}}} if image else {}
            host.trigger(f"a{number}", context="c", data=data)

    stages = [
        told(lambda host, given=given: story(host, *given))["stages"]["dev"]["image"]  # type: ignore[misc]
        for given in (("x:1", ""), ("x:1", "x:2"))
    ]

    assert ["x:1", "x:2"] == stages


def test_a_follow_up_is_a_sequence_of_its_delivery() -> None:
    """It has its parent, and a stage of its own."""

    def story(host: Host) -> None:
        host.trigger("a", context="c")
        host.finish("a")
        host.at(4).finish("a")

    document = told(story)
    (_, second) = document["sequences"]

    assert ["dev", "prod"] == list(document["stages"])
    assert ("a", "prod", at(4)) == (second["parent"], second["stage"], second["triggeredAt"])
    assert document["serial"] > document["first"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param("", "", id="without a message of its own"),
        pytest.param("slow disk", "slow disk ", id="after its own"),
    ],
)
def test_a_follow_up_that_was_refused_is_said(message: str, said: str) -> None:
    """By the sequence whose end would have triggered it."""
    after = "{}.delivery.finished".format
    host = Host(
        {
            "dev": {"delivery": ["deploy"]},
            "prod": {"delivery": {"tasks": ["deploy"], "triggeredOn": [after("dev")]}},
            "live": {"delivery": {"tasks": ["deploy"], "triggeredOn": [after("prod")]}},
        },
        bounds=Bounds(max_depth=1),
    )
    host.trigger("a", context="c")
    host.finish("a")
    _, follow_up = host.of(SequenceTriggered)
    host.finish(follow_up.subject.sequence_id, message=message)
    last = folded(host.events)["c"]["sequences"][-1]

    assert f"{said}live.delivery was not triggered: 1 in a chain" == last["message"]


# ---------------------------------------------------------------- controls and pauses


@pytest.mark.parametrize(
    ("story", "kinds"),
    [
        pytest.param(lambda host: host.pause("c", actor="a", reason="r"),
                     [("pause", None, None, "a", "r")], id="pause"),
        pytest.param(lambda host: (host.pause("c", stage="dev"), host.resume("c", stage="dev")),
                     [("pause", "dev", None, "", ""), ("resume", "dev", None, "", "")],
                     id="resume of a stage"),
        pytest.param(lambda host: host.abort("c", actor="eve", reason="no"),
                     [("abort", "dev", "a", "eve", "no")], id="abort of a running task"),
        pytest.param(lambda host: host.abort("c", force=True), [("force", "dev", "a", "", "")],
                     id="force"),
        pytest.param(lambda host: (host.abort("c"), host.finish("a")),
                     [("abort", "dev", "a", "", "")], id="an abort is told once"),
        pytest.param(lambda host: (host.pause("c"), host.abort("c", force=True)),
                     [("pause", None, None, "", ""), ("force", "dev", "a", "", "")],
                     id="a pause that ends with its delivery"),
        pytest.param(lambda host: (host.pause("c"), host.finish("a"), host.abort("c")),
                     [("pause", None, None, "", ""), ("abort", "dev", "a", "", "")],
                     id="abort while paused"),
    ],
)  # fmt: skip
def test_who_controlled_a_delivery_is_kept_in_order(
    story: Story, kinds: list[tuple[Any, ...]]
) -> None:
    """What it was, of which stage and sequence, by whom and why; nothing is told twice."""
    document = told(afterwards(lambda host: host.trigger("a", context="c"), story))
    keys = ("kind", "stage", "sequence", "actor", "reason")

    assert kinds == [tuple(each[key] for key in keys) for each in document["controls"]]


@pytest.mark.parametrize(
    ("scopes", "resumed", "left"),
    [
        pytest.param([None, "dev"], None, [], id="everything"),
        pytest.param(["dev", "prod"], "dev", ["prod"], id="one of two stages"),
        pytest.param(["dev", "prod"], "prod", ["dev"], id="the other"),
    ],
)
def test_a_resume_takes_back_the_pauses_of_its_scope(
    scopes: list[str | None], resumed: str | None, left: list[str | None]
) -> None:
    """That of a stage its own; that of a delivery all."""

    def story(host: Host) -> None:
        host.trigger("a", context="c")
        for scope in scopes:
            host.pause("c", stage=scope)
        host.resume("c", stage=resumed)

    document = told(story)

    assert left == [scope["stage"] for scope in document["paused"]]
    assert {"stage": resumed} == document["resumed"]


@pytest.mark.parametrize(
    ("stage", "story", "resumed"),
    [
        pytest.param(None, lambda host: host.finish("a"), None, id="a task is over"),
        pytest.param("dev", lambda host: host.finish("a"), None, id="a task of the stage"),
        pytest.param("prod", lambda host: host.finish("a"), {"stage": "prod"}, id="of another"),
        pytest.param("dev", lambda host: host.start("a"), {"stage": "dev"}, id="only started"),
        pytest.param(None, lambda host: host.until(60), None, id="it ran out of time"),
        pytest.param(None, lambda host: host.abort("c", force=True), None, id="all is over"),
    ],
)
def test_resumed_is_said_until_something_of_the_scope_is_over(
    stage: str | None, story: Story, resumed: Document | None
) -> None:
    """A task or a sequence (R32)."""

    def begin(host: Host) -> None:
        host.trigger("a", context="c")
        host.pause("c", stage=stage)
        host.resume("c", stage=stage)

    assert resumed == told(afterwards(begin, story))["resumed"]


def test_the_end_of_a_delivery_ends_its_pauses() -> None:
    """Nobody resumed it: no control is told, and nothing says that it was."""
    document = told(lambda host: (
        host.trigger("a", context="c"), host.pause("c"), host.abort("c", force=True),
    ))  # fmt: skip

    assert ([], None) == (document["paused"], document["resumed"])
    assert ["pause", "force"] == [each["kind"] for each in document["controls"]]


def test_the_end_of_a_delivery_takes_back_that_a_stage_was_resumed() -> None:
    """Also that of a stage in which nothing was over."""

    def story(host: Host) -> None:
        host.trigger("a", context="c")
        host.pause("c", stage="prod")
        host.resume("c", stage="prod")
        host.pause("c", stage="dev")
        host.abort("c", force=True)

    assert told(story)["resumed"] is None


def test_only_the_newest_controls_and_pauses_are_kept() -> None:
    """A document does not grow with what is done to it again and again."""

    def story(host: Host) -> None:
        host.trigger("a", context="c")
        for number in range(MOST_CONTROLS):
            host.at(number).pause("c", reason=f"pause {number}")
            host.resume("c", reason=f"resume {number}")
        host.pause("c", reason="last")

    document = told(story)
    pauses = document["sequences"][0]["pauses"]

    assert (MOST_CONTROLS, MOST_CONTROLS) == (len(document["controls"]), len(pauses))
    assert "last" == document["controls"][-1]["reason"]
    assert f"resume {MOST_CONTROLS // 2 - 1}" != document["controls"][0]["reason"]
    assert {"from": at(1), "to": at(1)} == pauses[0]


# ---------------------------------------------------------------- what is mentioned


def test_the_last_cloudevent_of_a_stage_is_mentioned() -> None:
    """And the last one that failed; one of a stage that nobody reached is left out."""
    document = told(lambda host: host.trigger("a", context="c"))

    def event(number: int, stage: str, **data: Any) -> Document:
        about = {"id": str(number), "type": f"type {number}", "time": at(number)}
        return {**about, "source": "x", "data": {"stage": stage, **data}}

    for each in (event(1, "dev", result="fail"), event(2, "dev", result="pass"), event(3, "prod")):
        mention(document, each)

    assert {"dev"} == document["stages"].keys()
    assert [
        {"id": str(number), "type": f"type {number}", "time": at(number)} for number in (2, 1)
    ] == [document["stages"]["dev"][key] for key in ("latest", "failed")]


def test_an_id_that_is_used_again_is_of_the_newest_sequence() -> None:
    """The library forgets ids; whoever uses one again begins another sequence of the delivery."""

    def story(host: Host) -> None:
        host.trigger("a", context="c")
        host.abort("c", force=True)
        host.at(1).trigger("b", context="other")
        host.at(2).abort("other", force=True)
        host.at(5).trigger("a", context="c")

    document = told(story, bounds=Bounds(retain=0, remember=0))

    assert ["aborted", "running"] == [each["phase"] for each in document["sequences"]]


def test_an_instant_is_shown_in_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With milliseconds, whatever zone it was given in."""
    tokyo = timezone(timedelta(hours=9))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        shown = instant(datetime(2026, 1, 1, 9, 0, 5, 678_900, tokyo))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert "2026-01-01T00:00:05.678Z" == shown
