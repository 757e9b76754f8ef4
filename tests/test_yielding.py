"""Approvals that yield to a newer delivery of the same service (R35), and the total (R10)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from sequencectl import Approval, LiveSequence, Phase, QueuePolicy, TaskDefinition, TimeoutPolicy
from sequencectl.events import SequenceStarted, SequenceSuperseded, SequenceTimedOut, TaskTriggered
from tests.support import Host

SIGN = TaskDefinition("sign", approval=Approval(approve=2, newcomer="supersede"))
YIELDS: dict[str, Any] = {"prod": {"delivery": [SIGN, "deploy"], "other": [SIGN]}}


def yielding(world: dict[str, Any] = YIELDS, **policies: Any) -> Host:
    """A host in which `a` waits for an approval that yields."""
    host = Host(world, **policies)
    host.trigger("a", "prod")
    return host


def test_a_newer_delivery_makes_an_open_approval_void() -> None:
    """The newer one starts in that decision, and votes on the other are late."""
    host = yielding()
    void = host.task_id("a")
    host.vote("a", "bob")
    host.trigger("b", "prod")
    said = host.said
    host.vote("a", "carol")

    (superseded,) = host.of(SequenceSuperseded)
    assert (Phase.SUPERSEDED, "sign", "late") == (host.phase("a"), host.task("b"), host.code)
    assert ("b", void) == (superseded.superseded_by, superseded.abandoned_task)
    assert superseded.message == "A newer delivery of carts waits: sign is void."
    assert (
        "SequenceTriggered", "SequenceSuperseded", "SequenceStarted", "TaskTriggered",
    ) == said  # fmt: skip


@pytest.mark.parametrize(
    "newer",
    [
        {"service": "orders"},
        {"sequence": "other"},
        {"priority": -1},
        {"context": "paused"},
    ],
)
def test_others_wait(newer: dict[str, Any]) -> None:
    """Another service or sequence, one of lower priority, and one that is held supersede nobody."""
    host = yielding(queueing=QueuePolicy(stages={"dev": QueuePolicy()}))
    host.trigger("p", "prod", context="paused", service="other")
    host.pause("paused")
    host.trigger("b", "prod", **newer)

    assert Phase.RUNNING is host.phase("a")
    assert host.phase("b").is_in_line


def test_by_default_a_newer_delivery_waits() -> None:
    """Then the approval is decided first."""
    host = yielding({"prod": {"delivery": [{"name": "sign", "approval": True}]}})
    host.trigger("b", "prod")

    assert (Phase.RUNNING, Phase.WAITING) == (host.phase("a"), host.phase("b"))


def test_a_task_that_is_no_approval_does_not_yield() -> None:
    """Once it is approved the delivery goes on, whoever waits."""
    host = yielding()
    host.vote("a", "bob")
    host.vote("a", "carol")
    host.trigger("b", "prod")

    assert ("deploy", Phase.WAITING) == (host.task("a"), host.phase("b"))


def test_it_yields_although_another_place_is_free() -> None:
    """Two may run: the newer one does not need the place, and takes part alone (R35)."""
    host = yielding(queueing=QueuePolicy(limit=2))
    host.trigger("b", "prod")

    assert (Phase.SUPERSEDED, Phase.RUNNING) == (host.phase("a"), host.phase("b"))


def test_it_yields_in_a_frozen_stage_as_well() -> None:
    """What waits there stands in line, and what is to be approved is out of date."""
    host = yielding()
    host.freeze("prod")
    host.trigger("b", "prod")

    assert (Phase.SUPERSEDED, Phase.WAITING) == (host.phase("a"), host.phase("b"))


def test_an_older_one_in_line_supersedes_nobody() -> None:
    """It was accepted before, and waits since it was held when the other started."""
    host = Host(YIELDS)
    host.trigger("holder", "prod", "other")
    host.trigger("old", "prod")
    host.pause("old")
    host.trigger("new", "prod")
    host.vote("holder", "bob", "fail")
    host.resume("old")

    assert (Phase.RUNNING, Phase.WAITING) == (host.phase("new"), host.phase("old"))
    assert host.task("new") == "sign"


def test_one_that_is_held_is_passed() -> None:
    """The first that waits does it, not the first in line (R35)."""
    host = yielding()
    host.trigger("p", "prod", service="orders", context="ctx")
    host.pause("ctx")
    host.trigger("held", "prod", context="ctx")
    host.trigger("b", "prod")

    assert ["b"] == [event.superseded_by for event in host.of(SequenceSuperseded)]


def test_a_raised_limit_may_start_what_yields_at_once() -> None:
    """A check admits first, and closes what it has ended before it looks at deadlines (R29)."""
    host = Host(YIELDS, timeouts=TimeoutPolicy(reaction="60s"))
    host.trigger("holder", "prod", "other", service="orders")
    host.trigger("a", "prod")
    host.trigger("b", "prod")
    host.plane = attrs.evolve(host.plane, queueing=QueuePolicy(limit=2))
    host.check()

    assert (Phase.SUPERSEDED, Phase.RUNNING) == (host.phase("a"), host.phase("b"))


def test_acceptance_counts_and_not_the_place() -> None:
    """One that took a place before that of the open one is newer all the same (R6)."""
    host = Host(YIELDS)
    host.trigger("holder", "prod", service="orders")
    host.trigger("held", "prod")
    host.pause("held")
    host.trigger("open", "prod")
    host.abort("holder")
    host.plane = attrs.evolve(host.plane, queueing=QueuePolicy(mode="latest_only"))
    host.trigger("newest", "prod")  # in the place of the held one

    places = host.record("newest").place, host.record("open").place
    assert places[0] < places[1]
    assert (Phase.SUPERSEDED, Phase.RUNNING) == (host.phase("open"), host.phase("newest"))


def test_a_newer_one_that_waits_already_takes_its_turn_before_the_approval() -> None:
    """Nothing is asked of anybody for a delivery that is out of date."""
    host = Host({"prod": {"delivery": ["deploy", SIGN]}})
    host.trigger("a", "prod")
    host.trigger("b", "prod")
    host.trigger("c", "prod")
    host.finish("a")

    (superseded,) = host.of(SequenceSuperseded)
    assert (Phase.SUPERSEDED, Phase.RUNNING) == (host.phase("a"), host.phase("b"))
    assert ("b", None) == (superseded.superseded_by, superseded.abandoned_task)
    assert superseded.message == "A newer delivery of carts waits: sign is void."
    assert ["deploy", "deploy"] == [event.task for event in host.of(TaskTriggered)]


def test_of_many_that_wait_the_newest_is_asked_for() -> None:
    """Where the approval is first, those before it start and yield at once, each in its turn."""
    host = Host(YIELDS)
    host.trigger("holder", "prod", service="orders")
    for name in "abc":
        host.trigger(name, "prod")
    host.abort("holder")

    assert ["a", "b"] == [event.subject.sequence_id for event in host.of(SequenceSuperseded)]
    assert ["b", "c"] == [event.superseded_by for event in host.of(SequenceSuperseded)]
    assert host.task("c") == "sign"
    assert 4 == len(host.of(SequenceStarted))
    assert ["holder", "c"] == [event.subject.sequence_id for event in host.of(TaskTriggered)]


def test_a_context_ends_with_a_start_that_yields() -> None:
    """A pause of it elsewhere ends with its last sequence, in the middle of an admission (R19)."""
    host = Host({**YIELDS, "qa": {"delivery": ["deploy"]}})
    host.trigger("holder", "prod", service="orders")
    host.trigger("a", "prod")
    host.pause("a", stage="qa")
    host.trigger("b", "prod")
    host.abort("holder")

    assert Phase.SUPERSEDED is host.phase("a")
    assert {} == host.state.contexts


def test_a_pause_puts_the_question_off() -> None:
    """While it is pausing it does not yield; the resume finds the newer one (R18)."""
    host = yielding()
    host.pause("a")
    host.trigger("b", "prod")
    before = host.phase("a")
    host.resume("a")

    assert (Phase.PAUSING, Phase.SUPERSEDED) == (before, host.phase("a"))
    assert Phase.RUNNING is host.phase("b")


def test_a_newer_one_that_is_resumed_makes_it_void() -> None:
    """It was held, and stands in line now."""
    host = yielding()
    host.trigger("p", "prod", service="orders", context="ctx")
    host.pause("ctx")
    host.trigger("b", "prod", context="ctx")
    before = host.phase("a")
    host.resume("ctx")

    assert (Phase.RUNNING, Phase.SUPERSEDED) == (before, host.phase("a"))


def test_a_resume_resumes_all_before_it_asks_anybody() -> None:
    """No approval is given out and void in the same decision."""
    host = Host({"prod": {"delivery": ["build", SIGN]}})
    host.trigger("a", "prod", context="ctx")
    host.trigger("b", "prod", context="ctx")
    host.pause("ctx")
    host.finish("a")
    before = (host.phase("a"), host.phase("b"))
    host.resume("ctx")

    assert (Phase.PAUSED, Phase.HELD) == before
    assert (Phase.SUPERSEDED, Phase.RUNNING) == (host.phase("a"), host.phase("b"))
    assert ["build", "build"] == [event.task for event in host.of(TaskTriggered)]


def test_the_context_of_what_a_follow_up_supersedes_is_over_before_admission() -> None:
    """Its pauses elsewhere end first, as with every end (R19)."""
    world = {
        "dev": {"delivery": ["deploy"]},
        "prod": {"delivery": {"tasks": [SIGN], "triggeredOn": ["dev.delivery.finished"]}},
    }
    host = Host(world)
    for name in "ab":
        host.trigger(name, "dev")
        host.finish(name) if name == "a" else host.pause("a", stage="dev")
    host.finish("b")

    ends = [name for name in host.said if name in {"ContextResumed", "SequenceStarted"}]
    assert ["ContextResumed", "SequenceStarted"] == ends
    assert {} == host.state.contexts


def test_a_follow_up_is_a_newcomer_too() -> None:
    """What is promoted makes the older approval in the next stage void (R15)."""
    world = {
        "dev": {"delivery": ["deploy"]},
        "prod": {"delivery": {"tasks": [SIGN], "triggeredOn": ["dev.delivery.finished"]}},
    }
    host = Host(world)
    for name in "ab":
        host.trigger(name, "dev")
        host.finish(name)
    (first, second) = [record for record in host.state.sequences.values() if record.stage == "prod"]

    assert (Phase.SUPERSEDED, Phase.RUNNING) == (first.phase, second.phase)
    assert isinstance(second, LiveSequence)


# ---------------------------------------------------------------- the total


def test_a_total_that_has_passed_is_looked_at_before_a_newer_delivery() -> None:
    """It ran out of time first, whoever waits (R10, R35)."""
    host = Host({"prod": {"delivery": ["deploy", SIGN]}}, timeouts=TimeoutPolicy(total="1m"))
    host.trigger("a", "prod")
    host.trigger("b", "prod")
    host.at(60).finish("a")

    assert Phase.TIMED_OUT is host.phase("a")


@pytest.mark.parametrize(("seconds", "phase"), [(59.999999, Phase.RUNNING), (60, Phase.TIMED_OUT)])
def test_no_task_is_triggered_once_the_total_has_passed(seconds: float, phase: Phase) -> None:
    """Not even by a report that came before the check (R10, R29)."""
    host = Host({"prod": {"delivery": ["deploy", "test"]}}, timeouts=TimeoutPolicy(total="1m"))
    host.trigger("a", "prod")
    host.at(seconds).finish("a")

    assert phase is host.phase("a")
    assert len(host.of(TaskTriggered)) == (2 if phase is Phase.RUNNING else 1)
    said = "Sequence delivery in stage prod was not over within 1m0s; it was terminated."
    assert [said] * (phase is Phase.TIMED_OUT) == [
        str(event.explanation) for event in host.of(SequenceTimedOut)
    ]
    assert [None] * (phase is Phase.TIMED_OUT) == [
        event.abandoned_task for event in host.of(SequenceTimedOut)
    ]


def test_a_resume_triggers_nothing_once_the_total_has_passed() -> None:
    """Its clock stood while it was paused, and nothing is left (R30)."""
    host = Host({"prod": {"delivery": ["deploy", "test"]}}, timeouts=TimeoutPolicy(total="1m"))
    host.trigger("a", "prod")
    host.pause("a")
    host.at(60).finish("a")
    paused = host.phase("a")
    host.at(90).resume("a")

    assert (Phase.PAUSED, Phase.TIMED_OUT) == (paused, host.phase("a"))
    assert ("ContextResumed", "SequenceResumed", "SequenceTimedOut") == host.said


def test_the_last_result_counts_although_the_total_has_passed() -> None:
    """A report that is decided before the check counts; nothing more is to be triggered (R29)."""
    host = Host({"prod": {"delivery": ["deploy"]}}, timeouts=TimeoutPolicy(total="1m"))
    host.trigger("a", "prod")
    host.at(61).finish("a")

    assert Phase.FINISHED is host.phase("a")


def test_a_definition_that_changed_does_not_change_what_is_open() -> None:
    """The approval in flight is as it was when it was triggered."""
    host = yielding()
    waits = attrs.evolve(SIGN, approval=Approval())
    host.plane = Host({"prod": {"delivery": [waits]}}).plane
    host.trigger("b", "prod")

    assert Phase.SUPERSEDED is host.phase("a")
