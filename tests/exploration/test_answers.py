"""The answer that a command must get is worked out apart from what decides, and agrees with it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from sequencectl import (
    AbortSequence,
    Bounds,
    ControlPlane,
    ExemptSequence,
    ProjectState,
    ReportTaskFinished,
    ReportTaskStarted,
)
from sequencectl.commands import Command
from sequencectl.testing.exploration.alphabet import START
from sequencectl.testing.exploration.answers import expected, word
from tests.exploration.slices import approval, plane, trigger

PLANE = plane({"dev": {"delivery": [approval(approve=2, reject=3)]}})
DELIVERY = attrs.evolve(trigger(), sequence_id="s1", context="s1")


def told(decider: ControlPlane, *commands: Command) -> ProjectState:
    """The state after these commands."""
    state = decider.initial("p")
    for command in commands:
        state = decider.decide(state, command, START).state
    return state


def open_approval() -> tuple[ProjectState, str]:
    """An approval that one has rejected and one has started to look at, and its id."""
    state = told(PLANE, DELIVERY)
    (task,) = PLANE.open_tasks(state)
    known = task.triggered.task_id
    for command in (
        ReportTaskStarted(known, source="bot", report_id="r1"),
        ReportTaskFinished(known, source="poll", actor="alice", result="fail", report_id="r2"),
    ):
        state = PLANE.decide(state, command, START).state
    return state, known


def started(known: str) -> Command:
    """Another source looks at it."""
    return ReportTaskStarted(known, source="page")


def started_with_an_id(known: str) -> Command:
    """The same, and it may be sent again."""
    return ReportTaskStarted(known, source="page", report_id="r3")


def voted(known: str) -> Command:
    """Another voter."""
    return ReportTaskFinished(known, source="poll", actor="bob", result="pass")


def voted_with_an_id(known: str) -> Command:
    """The same, and it may be sent again."""
    return ReportTaskFinished(known, source="poll", actor="bob", result="pass", report_id="r3")


def changed(known: str) -> Command:
    """The one who rejected thinks better of it."""
    return ReportTaskFinished(known, source="poll", actor="alice", result="pass")


def errored(known: str) -> Command:
    """What is no success rejects, whatever its result says."""
    return ReportTaskFinished(known, source="poll", actor="alice", result="pass", status="errored")


@pytest.mark.parametrize(
    ("command", "bounds", "answer"),
    [
        (started, Bounds(sources=1), "too_many_sources"),
        (started, Bounds(reports=2), "applied"),
        (started_with_an_id, Bounds(reports=2), "too_many_reports"),
        (voted, Bounds(sources=1), "too_many_sources"),
        (voted_with_an_id, Bounds(reports=2), "too_many_reports"),
        (changed, Bounds(sources=1), "applied"),
        (errored, Bounds(), "already_voted"),
    ],
)
def test_the_answer_on_an_approval_within_smaller_bounds(
    command: Callable[[str], Command], bounds: Bounds, answer: str
) -> None:
    """Bounds that became smaller take effect when something is added next (R33, R34)."""
    state, known = open_approval()
    smaller = attrs.evolve(plane({"dev": {"delivery": ["deploy"]}}), bounds=bounds)
    seen = smaller.decide(state, command(known), START)

    assert answer == expected(smaller, state, command(known), START)
    assert answer == word(seen.outcome)


@pytest.mark.parametrize(
    ("bounds", "answer"),
    [
        (Bounds(), "rejected already_ended"),
        (Bounds(retain=0), "rejected already_ended"),
        (Bounds(retain=0, remember=0), "rejected unknown_sequence"),
    ],
)
def test_the_answer_to_an_exemption_of_what_is_over(bounds: Bounds, answer: str) -> None:
    """Whether it is kept, remembered or forgotten (R33, R38)."""
    decider = attrs.evolve(PLANE, bounds=bounds)
    state = told(decider, DELIVERY, AbortSequence("s1"))
    command = ExemptSequence("s1")
    seen = decider.decide(state, command, START)

    assert answer == expected(decider, state, command, START)
    assert answer == word(seen.outcome)
