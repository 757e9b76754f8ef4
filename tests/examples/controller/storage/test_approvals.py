"""What documents and history say of approvals, and of those who were let through."""

from __future__ import annotations

from typing import Any

import pytest

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.deliveries import MOST_VOTES, Document
from sequencectl import ExemptSequence, TimeoutPolicy
from sequencectl.events import SequenceTriggered, TaskFinishReported
from tests.examples.controller.storage.folding import folded
from tests.examples.controller.storage.test_documents import at, by
from tests.support import Host


def gated(**approval: Any) -> Host:
    """A delivery of ann's in context c with an open approval, and a deployment behind it."""
    tasks = [{"name": "sign-off", "approval": approval}, "deploy"]
    host = Host({"dev": {"delivery": {"tasks": tasks}}}, timeouts=TimeoutPolicy(completion="30m"))
    host.trigger("a", context="c", actor="ann")
    return host


def sequence_of(host: Host) -> Document:
    """The first sequence of context c."""
    found: Document = folded(host.events)["c"]["sequences"][0]
    return found


def test_an_approval_says_what_decides_it() -> None:
    """Until when, by how many votes, and who began it."""
    sequence = sequence_of(gated(approve=2, initiator=False, onExpiry="approve"))
    (task,) = sequence["tasks"]

    assert ["ann"] == sequence["initiators"]
    assert {
        "approve": 2, "reject": 1, "initiator": False, "onExpiry": "approve", "newcomer": "wait",
    } == task["approval"]  # fmt: skip
    assert (at(1800), []) == (task["deadline"], task["votes"])


def test_votes_stand_beside_starts() -> None:
    """Those of persons of whom one source brings several; a start is that of its source."""
    host = gated(approve=3)
    host.at(1).start("a", source="approval-service")
    host.at(2).finish("a", source="cli", actor="bob", message="fine")
    host.at(3).finish("a", "warning", source="cli", actor="eve")
    host.at(4).finish("a", source="approval-service")
    (task, _) = sequence_of(host)["tasks"]

    assert [
        {"voter": "bob", "at": at(2), "result": "pass", "message": "fine"},
        {"voter": "eve", "at": at(3), "result": "warning", "message": ""},
        {"voter": "approval-service", "at": at(4), "result": "pass", "message": ""},
    ] == task["votes"]
    assert [
        {"source": "approval-service", "startedAt": at(1), "finishedAt": None, "result": None}
    ] == task["executors"]
    assert ("warning", "fine") == (task["result"], task["message"])


def test_the_newest_votes_are_kept() -> None:
    """However often somebody changes their mind."""
    host = gated(approve=2, reject=2)
    for number in range(MOST_VOTES + 1):
        host.finish("a", ("pass", "fail")[number % 2], source="cli", message=str(number))
    (task,) = sequence_of(host)["tasks"]

    assert [str(number) for number in range(1, MOST_VOTES + 1)] == [
        vote["message"] for vote in task["votes"]
    ]


def test_a_finish_of_an_executor_is_no_vote() -> None:
    """The task behind the approval is one of theirs."""
    host = gated()
    host.finish("a", source="cli")
    host.finish("a", source="helm", actor="bob")
    (_, deploy) = sequence_of(host)["tasks"]

    assert (None, [], ["helm"]) == (
        deploy["approval"], deploy["votes"], [each["source"] for each in deploy["executors"]],
    )  # fmt: skip


def test_silence_that_approved_is_said() -> None:
    """It is no time that ran out: the delivery goes on."""
    host = gated(onExpiry="approve")
    host.until(1800)
    (task, _) = sequence_of(host)["tasks"]

    said = "Nobody rejected sign-off in stage dev within 30m0s; it counts as approved."
    assert ("pass", None, said) == (task["result"], task["timedOut"], task["message"])


def test_an_approval_that_a_newer_delivery_made_void_is_abandoned() -> None:
    """The sequence names it, and which one took its place."""
    host = gated(newcomer="supersede")
    host.at(5).trigger("b")
    sequence = sequence_of(host)
    (task,) = sequence["tasks"]

    assert ("superseded", "b", task["id"]) == (
        sequence["phase"], sequence["supersededBy"], sequence["abandonedTask"],
    )  # fmt: skip
    assert (at(5), "abandoned") == (task["finishedAt"], task["result"])


def test_who_let_a_sequence_through_is_kept() -> None:
    """With the sequence, and among the controls of its delivery."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    host.freeze("dev")
    host.trigger("a", context="c")
    before = sequence_of(host)["exempted"]
    host.at(3).tell(ExemptSequence("a", actor="eve", reason="a hotfix"))
    document = folded(host.events)["c"]
    exempted = by(3, "eve", "a hotfix")

    assert (None, exempted) == (before, document["sequences"][0]["exempted"])
    assert [{"kind": "exempt", "stage": "dev", "sequence": "a", **exempted}] == document["controls"]


@pytest.mark.parametrize(("actor", "kept"), [("bob", {"actor": "bob"}), ("", {})])
def test_the_history_has_who_voted_and_who_triggered(actor: str, kept: dict[str, str]) -> None:
    """As they were sent: an attribute that nobody gave is not there."""
    host = gated()
    host.trigger("b", actor=actor)
    host.finish("a", source="cli", actor=actor)
    trigger = history_of(host.of(SequenceTriggered)[1])
    vote = history_of(host.of(TaskFinishReported)[0])

    for event in (trigger, vote):
        assert event is not None
        assert kept == {key: value for key, value in event.items() if key == "actor"}
