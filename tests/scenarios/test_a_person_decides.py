"""Approvals, freezes, calendars and exemptions as stories: who starts when, and why (R34–R38)."""

from __future__ import annotations

from sequencectl import Phase, Result
from sequencectl.events import (
    SequenceExempted,
    SequenceStarted,
    StageUnfrozen,
    TaskFinished,
    TaskFinishReported,
)
from sequencectl.testing import Play
from tests.scenarios.stories import (
    GATE,
    IN_THE_SEQUENCE,
    deliver,
    first_approved_first,
    first_triggered_first,
    opens_at_six,
    two_approvers,
    void_approval,
    weekend,
)


def starts(play: Play) -> list[str]:
    """The stage and context of each sequence that started, in order."""
    events = [event for event in play.events if isinstance(event, SequenceStarted)]
    return [f"{event.subject.stage} {event.subject.context}" for event in events]


def phases(play: Play) -> dict[str, Phase]:
    """The phase of each sequence of stage prod, by context."""
    return {
        record.context: record.phase
        for record in play.state.sequences.values()
        if record.stage == "prod"
    }


# ------------------------------------------------------------------ approvals


def test_a_voter_who_changes_their_mind_counts_once() -> None:
    """Of ann's three votes only the last one counts: bob's does not decide it beside them (R34)."""
    play = two_approvers()

    votes = [event for event in play.events if isinstance(event, TaskFinishReported)]
    assert ["ann pass", "ann fail", "bob pass", "ann pass"] == [
        f"{vote.voter} {vote.result.value}" for vote in votes
    ]
    decided = play.events[votes[-1].serial]
    assert isinstance(decided, TaskFinished)
    assert (Result.PASS, "green now") == (decided.result, decided.message)
    assert ["deployment"] == [task.triggered.task for task in play.open_tasks()]


def test_a_newer_delivery_makes_an_open_approval_void() -> None:
    """What waited for its approval is superseded by name, and a vote comes too late (R35)."""
    play = void_approval()

    assert {"0.11.1": Phase.SUPERSEDED, "0.11.2": Phase.RUNNING} == phases(play)
    assert "0.11.2" == play.explain("0.11.1").superseded_by
    assert "approval is void" in str(play.explain("0.11.1"))


def test_with_the_approval_in_the_sequence_the_first_triggered_goes_first() -> None:
    """While the first approval is open production is taken, and no other approval is open."""
    play = Play(IN_THE_SEQUENCE)
    deliver(play, "0.11.1")
    deliver(play, "0.11.2")

    assert ["0.11.1"] == [task.triggered.subject.context for task in play.open_tasks()]
    assert (("0.11.1", Phase.RUNNING),) == play.explain("0.11.2").holders
    assert ["prod 0.11.1", "prod 0.11.2"] == starts(first_triggered_first())


def test_with_a_gate_stage_the_first_approved_goes_first() -> None:
    """Both approvals are open, production is free meanwhile, and its line has the order of
    approval.
    """
    play = Play(GATE)
    deliver(play, "0.11.1", stage="prod-gate")
    deliver(play, "0.11.2", stage="prod-gate")

    assert ["0.11.1", "0.11.2"] == [task.triggered.subject.context for task in play.open_tasks()]
    assert () == play.state.holders("prod")
    in_prod = [start for start in starts(first_approved_first()) if start.startswith("prod ")]
    assert ["prod 0.11.3", "prod 0.11.2", "prod 0.11.1"] == in_prod


def test_a_rejection_at_the_gate_is_the_end() -> None:
    """What is rejected in the gate stage never stands in the line of production."""
    play = Play(GATE)
    deliver(play, "0.11.1", stage="prod-gate")
    play.reject("approval", voter="ann", reason="not on a Friday")

    assert {} == phases(play)
    assert "delivery failed" == play.status("0.11.1")


# ------------------------------------------------------------------ freezes and windows


def test_one_hotfix_starts_in_a_frozen_stage_and_the_others_when_the_freeze_ends() -> None:
    """Bob lets the hotfix through; those ahead of it start on Monday, in their order (R38)."""
    play = weekend()

    assert ["prod hotfix", "prod 0.11.1", "prod 0.11.2"] == starts(play)
    (exempted,) = [event for event in play.events if isinstance(event, SequenceExempted)]
    assert ("bob", "payments are down") == (exempted.control.actor, exempted.control.reason)


def test_a_window_admits_in_the_check_that_opens_it() -> None:
    """At 06:00 one decision unfreezes the stage and starts what waits (R36, R37)."""
    play = opens_at_six()
    (opened,) = [event for event in play.events if isinstance(event, StageUnfrozen)]
    after = play.events[opened.serial]

    assert (6, 0) == (opened.at.hour, opened.at.minute)
    assert isinstance(after, SequenceStarted)
    assert opened.at == after.at
