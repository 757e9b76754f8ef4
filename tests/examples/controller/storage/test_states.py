"""What is served of a delivery: Keptn's words for it, and what we add, story by story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from examples.controller.storage.deliveries import Document
from examples.controller.storage.states import detail_of, drained_for, permitted_of, state_of
from sequencectl import QueuePolicy, TimeoutPolicy
from sequencectl.events import TaskTriggered
from tests.examples.controller.storage.folding import folded
from tests.support import Host

Story = Callable[[Host], object]
WORLD = {
    "dev": {"delivery": ["deploy"], "other": ["deploy"]},
    "prod": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
}
LIMITS = TimeoutPolicy(reaction="1m", completion="10m", waiting="5m")


def at(seconds: int) -> str:
    """An instant as it is served: so many seconds after the begin."""
    return f"2026-01-01T09:{seconds // 60:02}:{seconds % 60:02}.000Z"


def host_after(*stories: Story, **policies: Any) -> Host:
    """A host after these stories, one after the other."""
    host = Host(WORLD, **{"timeouts": LIMITS, **policies})
    for story in stories:
        story(host)
    return host


def state_after(*stories: Story, **policies: Any) -> Document:
    """What is served of context c, without what is permitted."""
    return state_of(folded(host_after(*stories, **policies).events)["c"], {})


def begun(host: Host) -> None:
    """The first task is in flight."""
    host.trigger("a", context="c")


def behind(host: Host) -> None:
    """The delivery is the second in line of its stage."""
    host.trigger("first", sequence="other", service="orders")
    host.at(1).trigger("second", sequence="other", service="orders")
    host.at(2).trigger("a", context="c", service="payments")


def test_a_state_has_the_fields_of_keptn_and_ours() -> None:
    """All of a delivery that failed in dev."""
    image = {"configurationChange": {"values": {"image": "carts:1"}}}
    data = {"problem": {"ProblemTitle": "checkout is slow"}, **image}
    host = host_after()
    host.trigger("a", context="c", data=data)
    host.at(5).finish("a", result="fail")
    document = folded(host.events)["c"]
    latest = document["stages"]["dev"]["latest"]

    assert state_of(document, {"pause": "as it was given"}) == {
        "name": "delivery", "project": "sockshop", "service": "carts", "shkeptncontext": "c",
        "state": "finished", "time": at(0), "problemTitle": "checkout is slow",
        "stages": [
            {"name": "dev", "state": "finished", "image": "carts:1", "latestEvent": latest,
             "latestFailedEvent": latest, "latestEvaluation": None},
        ],
        "statusLine": "delivery failed", "draining": False, "first": 1,
        "serial": host.state.serial, "live": False, "permitted": {"pause": "as it was given"},
        "paused": [], "sequences": document["sequences"],
    }  # fmt: skip


def evaluated(host: Host) -> None:
    """A pause of one stage, and an evaluation that had a score."""
    host.trigger("a", sequence="check", context="c")
    host.pause("c", stage="dev", actor="bob", reason="lunch")
    host.finish("a", data={"evaluation": {"score": 81}})


def test_a_state_has_the_pauses_and_evaluations_of_its_document() -> None:
    """As the document has them."""
    host = Host({"dev": {"check": ["evaluation"]}})
    evaluated(host)
    document = folded(host.events)["c"]
    (stage,) = state_of(document, {})["stages"]

    assert {"result": "pass", "score": 81} == stage["latestEvaluation"]
    assert document["paused"] == state_of(document, {})["paused"]


@pytest.mark.parametrize(
    ("stories", "line", "state", "stage", "draining"),
    [
        pytest.param([behind], "delivery waiting", "waiting", "waiting", False, id="waiting"),
        pytest.param([behind, lambda host: host.pause("c")],
                     "delivery paused", "paused", "paused", False, id="held"),
        pytest.param([begun], "delivery running", "started", "started", False, id="running"),
        pytest.param([begun, lambda host: host.pause("c")],
                     "delivery paused", "paused", "paused", True, id="pausing"),
        pytest.param([begun, lambda host: (host.pause("c"), host.finish("a", result="fail"))],
                     "delivery failed", "finished", "finished", False, id="over while pausing"),
        pytest.param([begun, lambda host: (host.pause("c"), host.resume("c"))],
                     "delivery resumed", "started", "started", False, id="resumed"),
        pytest.param(
            [begun, lambda host: (host.pause("c", stage="dev"), host.resume("c", stage="dev"))],
            "delivery resumed", "started", "started", False, id="the stage resumed"),
        pytest.param(
            [begun, lambda host: (host.pause("c", stage="prod"), host.resume("c", stage="prod"))],
            "delivery running", "started", "started", False, id="another stage resumed"),
        pytest.param([behind, lambda host: (host.pause("c"), host.resume("c"))],
                     "delivery waiting", "waiting", "waiting", False, id="resumed in line"),
        pytest.param([begun, lambda host: host.abort("c")],
                     "delivery aborted", "aborted", "aborted", True, id="aborting"),
        pytest.param([begun, lambda host: host.abort("c", force=True)],
                     "delivery aborted", "aborted", "aborted", False, id="aborted"),
        pytest.param([begun, lambda host: host.until(60)],
                     "delivery timed out", "timedOut", "timedOut", False, id="timed out"),
        pytest.param([behind, lambda host: (host.start("first"), host.until(302))],
                     "delivery expired", "timedOut", "timedOut", False, id="expired"),
        pytest.param([begun, lambda host: host.finish("a", result="fail")],
                     "delivery failed", "finished", "finished", False, id="failed"),
    ],
)  # fmt: skip
def test_a_delivery_is_shown_in_keptns_words_and_in_ours(
    stories: list[Story], line: str, state: str, stage: str, *, draining: bool
) -> None:
    """The status line is that of the proposal, the states of delivery and stage are Keptn's."""
    shown = state_after(*stories)

    assert (line, state, stage, draining) == (
        shown["statusLine"], shown["state"], shown["stages"][0]["state"], shown["draining"],
    )  # fmt: skip


def test_a_delivery_that_a_newer_one_replaced_is_superseded() -> None:
    """Keptn has no word for it but aborted."""
    shown = state_after(
        behind,
        lambda host: host.trigger("newer", service="payments"),
        queueing=QueuePolicy(mode="latest_only"),
    )

    assert ("delivery superseded", "aborted") == (shown["statusLine"], shown["state"])


@pytest.mark.parametrize(
    ("result", "stages", "line"),
    [
        pytest.param("pass", [("dev", "succeeded"), ("prod", "started")], "delivery running",
                     id="passed"),
        pytest.param("warning", [("dev", "succeeded"), ("prod", "started")], "delivery running",
                     id="with a warning"),
        pytest.param("fail", [("dev", "finished")], "delivery failed", id="failed"),
    ],
)  # fmt: skip
def test_a_stage_that_did_not_fail_has_succeeded(
    result: str, stages: list[tuple[str, str]], line: str
) -> None:
    """And the delivery stands as its follow-up does."""
    shown = state_after(begun, lambda host: host.finish("a", result=result))

    assert stages == [(each["name"], each["state"]) for each in shown["stages"]]
    assert (line, len(stages) == 2) == (shown["statusLine"], shown["live"])


def test_a_live_sequence_stands_for_its_delivery_and_its_stage() -> None:
    """Whatever ended later beside it; where all have ended, the last one does."""
    shown = []

    def stories(host: Host) -> None:
        host.trigger("a", context="c")
        host.trigger("b", sequence="other", context="c")
        host.finish("a", result="fail")
        shown.append(state_of(folded(host.events)["c"], {}))
        host.finish("b", result="pass")
        shown.append(state_of(folded(host.events)["c"], {}))

    host_after(stories)

    assert [("other running", "started"), ("other finished", "succeeded")] == [
        (each["statusLine"], each["stages"][0]["state"]) for each in shown
    ]


def test_of_two_live_sequences_the_last_stands_for_the_delivery() -> None:
    """It is the one that is about to happen."""
    shown = state_after(
        begun,
        lambda host: host.trigger("b", sequence="other", context="c"),
    )

    assert ("other waiting", "waiting") == (shown["statusLine"], shown["stages"][0]["state"])


# ---------------------------------------------------------------- explained


def explanation_after(*stories: Story, known: str = "a") -> Document:
    """The explanation of a sequence of context c."""
    host = host_after(*stories)
    document = folded(host.events)["c"]
    explanation: Document = detail_of(document, host.plane, host.state)["explanations"][known]
    return explanation


def test_an_explanation_has_why_a_sequence_waits() -> None:
    """Who is ahead, who holds the stage, what keeps it back and by whom, and until when."""
    explanation = explanation_after(
        behind,
        lambda host: host.at(3).freeze("dev", actor="eve", reason="holidays"),
    )
    text, permitted = explanation.pop("text"), explanation.pop("permitted")
    redrive_id = explanation.pop("redriveId")

    assert text.startswith("delivery of payments in stage dev is waiting since")
    assert redrive_id
    assert ["applied", "unchanged", "unchanged", "rejected"] == [
        permitted[name]["outcome"] for name in ("exempt", "retry", "skip", "redrive")
    ]
    assert explanation == {
        "phase": "waiting", "since": at(2), "ahead": 1, "aheadIds": ["second"],
        "holders": [{"sequenceId": "first", "phase": "running"}], "waitsFor": None,
        "waitsUntil": None, "drainLine": "", "canForce": False, "deadline": at(302),
        "deadlineKind": "waiting", "pause": None,
        "freeze": {
            "actor": "eve", "reason": "holidays", "since": at(3), "until": None,
            "cause": "requested", "window": "",
        },
        "exempted": None, "approval": None, "attempt": 1, "attempts": 1, "attemptLine": "",
        "lastFailure": "", "progress": [], "parkedLine": "", "parkedUntil": None,
        "redrives": None, "redrivenBy": None,
    }  # fmt: skip


def test_an_explanation_has_who_paused() -> None:
    """And that a task is in flight that force would abandon."""
    explanation = explanation_after(
        begun, lambda host: host.at(7).pause("c", actor="bob", reason="lunch")
    )

    assert {"actor": "bob", "reason": "lunch", "since": at(7)} == explanation["pause"]
    assert (True, at(60), "reaction") == (
        explanation["canForce"], explanation["deadline"], explanation["deadlineKind"],
    )  # fmt: skip


def test_an_explanation_has_what_an_abort_waits_for() -> None:
    """The task that is in flight."""
    explanation = explanation_after(begun, lambda host: host.at(7).abort("c"))

    assert ("aborting", "deploy", at(600), None) == (
        explanation["phase"], explanation["waitsFor"], explanation["waitsUntil"],
        explanation["pause"],
    )  # fmt: skip
    assert explanation["drainLine"].startswith("The abort waits for task deploy")


def test_an_explanation_of_what_has_no_deadline_has_none() -> None:
    """It has ended."""
    explanation = explanation_after(begun, lambda host: host.finish("a", result="fail"))

    assert ("finished", None, None) == (
        explanation["phase"], explanation["deadline"], explanation["deadlineKind"],
    )  # fmt: skip


def test_a_detail_has_controls_and_what_is_permitted_beside_the_state() -> None:
    """It is the state, and more."""
    host = host_after(begun, lambda host: host.at(7).abort("c", actor="eve", reason="no"))
    document = folded(host.events)["c"]
    (task,) = host.of(TaskTriggered)
    detail = detail_of(document, host.plane, host.state)
    permitted = permitted_of([document], host.plane, host.state)["c"]

    assert state_of(document, permitted).items() <= detail.items()
    assert task.subject.sequence_id == detail["controls"][0]["sequence"]
    assert permitted.keys() == {
        "abort", "exempt", "force", "pause", "redrive", "resume", "retry", "skip",
    }  # fmt: skip
    assert {"outcome": "unchanged", "code": "already_aborting", "message": ""} == permitted["abort"]
    assert ("rejected", "aborting") == (
        permitted["pause"]["outcome"], permitted["pause"]["code"],
    )  # fmt: skip
    assert permitted["pause"]["message"]


def test_what_a_control_waits_for_is_said_of_each_sequence() -> None:
    """Of the delivery alone, one sentence after the other; nothing where nothing is in flight."""
    host = host_after(
        begun,
        lambda host: host.trigger("b", "prod", context="c"),
        lambda host: host.trigger("other", sequence="other"),
        lambda host: host.at(7).abort("c"),
    )
    lines = [host.plane.explain(host.state, known).drain_line for known in ("a", "b")]
    said = drained_for("c", host.plane, host.state)

    assert all(lines)
    assert " ".join(lines) == said
    assert ["", ""] == [drained_for(known, host.plane, host.state) for known in ("other", "none")]


def test_a_forgotten_sequence_is_passed_over_and_the_next_one_explained() -> None:
    """A delivery may have both: its document outlives what the library keeps."""
    host = host_after(begun)
    document = folded(host.events)["c"]
    forgotten = {**document["sequences"][0], "id": "forgotten", "phase": "finished"}
    detail = detail_of(
        {**document, "sequences": [forgotten, *document["sequences"]]}, host.plane, host.state
    )

    assert ["a"] == list(detail["explanations"])
