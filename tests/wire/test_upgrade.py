"""From schema 1 to schema 2: what was stored there comes to the same end (R14, R24)."""

from __future__ import annotations

import random
from datetime import datetime
from functools import reduce
from typing import Any, Final

import attrs
import pytest

import sequencectl as s
from sequencectl import events as e
from sequencectl import serialization as z
from sequencectl.errors import InvalidValue
from sequencectl.state import initial
from sequencectl.testing._walk import START, next_command, next_instant
from tests.wire.documents import GOLDEN
from tests.wire.older import read_again
from tests.wire.story import PROJECT

RECORDED: Final = GOLDEN / "schema-1"
EVENTS: Final = z.load_events((RECORDED / "events.json").read_bytes())
LAST: Final = (RECORDED / "project.json").read_bytes()
PLANE: Final = s.ControlPlane(
    s.Shipyard.of({
        "dev": {"delivery": {"tasks": [
            {"name": "deploy", "expects": 2}, {"name": "test", "expects": ["x", "it's y"]}, "late",
        ]}},
        "qa": {"delivery": {
            "tasks": [{"name": "check", "triggeredAfter": "30s"}, "approval"],
            "triggeredOn": ["dev.delivery.finished"],
        }},
    }),
    timeouts=s.TimeoutPolicy(
        reaction="2m", completion="4m", total="20m", waiting="5m", abort_grace="1m"
    ),
    bounds=s.Bounds(retain=3, remember=1, request_ids=2),
)  # fmt: skip
"""A plane that schema 1 has words for, as long as nobody uses new commands."""
DATA: Final = [
    {}, {"labels": {"owner": "ben"}, "list": [1]}, {"list": [2], "labels": {"team": "é"}},
]  # fmt: skip


def taken_up(state: s.ProjectState) -> s.ProjectState:
    """What a reader of schema 2 makes of a state in schema 1."""
    return z.load_project(z.dump_project(state, schema=1))


def folded(state: s.ProjectState, events: Any) -> s.ProjectState:
    """The state after these events."""
    return reduce(s.evolve, events, state)


# ---------------------------------------------------------------- recorded by schema 1


def test_the_recorded_events_of_schema_1_fold_to_the_recorded_state() -> None:
    """Both were written by the version that had no other schema: it merged reports at once."""
    state = folded(initial(PROJECT), EVENTS)

    assert LAST == z.dump_project(state, schema=1)
    assert read_again(state) == z.load_project(LAST)


@pytest.mark.parametrize("count", range(len(EVENTS)))
def test_from_any_recorded_state_the_rest_folds_to_the_same_end(count: int) -> None:
    """An event store of schema 1 took its snapshot anywhere, also while a task was in flight."""
    before = folded(initial(PROJECT), EVENTS[:count])
    again = taken_up(before)

    assert read_again(before) == again
    assert LAST == z.dump_project(folded(again, EVENTS[count:]), schema=1)


# ---------------------------------------------------------------- whatever schema 1 can say


def is_old(command: s.Command) -> bool:
    """Whether schema 1 has words for a command."""
    try:
        z.dump_command(command, schema=1)
    except InvalidValue:
        return False
    return True


def history(seed: int, steps: int = 60) -> list[tuple[s.Decision, datetime]]:
    """Decisions about commands of schema 1, one after the other, each with its instant."""
    choice = random.Random(f"schema 1, {seed}")
    state, now = PLANE.initial(PROJECT), START
    decisions: list[tuple[s.Decision, datetime]] = []

    def pick(*options: Any) -> Any:
        return choice.choice(options)

    while len(decisions) < steps:
        now = next_instant(state, now, pick)
        command = next_command(PLANE, state, pick, lambda: choice.choice(DATA))
        if is_old(command):
            decisions.append((PLANE.decide(state, command, now), now))
            state = decisions[-1][0].state
    return decisions


def told(decision: s.Decision) -> tuple[Any, ...]:
    """Outcome and events of a decision, without the labels of what was aborted: those that a report
    of the task in flight had brought were in the data of its sequence in schema 1.
    """
    events = (
        attrs.evolve(event, labels=s.freeze({})) if isinstance(event, e.SequenceAborted) else event
        for event in decision.events
    )
    return (decision.outcome, *events)


@pytest.mark.parametrize("seed", range(8))
def test_a_store_of_schema_1_goes_on_as_if_it_had_been_in_schema_2(seed: int) -> None:
    """The same decisions, whether the state was read from schema 1 once, each time, or never."""
    decisions = history(seed)
    half = len(decisions) // 2
    once, each = taken_up(decisions[half][0].before), initial(PROJECT)
    for number, (decision, at) in enumerate(decisions):
        again = PLANE.decide(each, decision.command, at)
        each = taken_up(again.state)
        assert told(decision) == told(again)
        assert read_again(decision.state) == each
        assert z.dump_project(decision.state, schema=1) == z.dump_project(each, schema=1)
        if number >= half:
            later = PLANE.decide(once, decision.command, at)
            assert told(decision) == told(later)
            once = later.state
            assert read_again(decision.state) == read_again(once)


@pytest.mark.parametrize("seed", range(4))
def test_events_of_schema_1_fold_to_the_same_end_from_anywhere(seed: int) -> None:
    """From the beginning, and from each state between two decisions as schema 1 has it."""
    decisions = [decision for decision, _ in history(seed)]
    last, events = decisions[-1].state, [x for each in decisions for x in each.events]
    old = [z.load_event(z.dump_event(event, schema=1)) for event in events]

    assert events == old
    assert last == folded(initial(PROJECT), old)
    for decision in decisions:
        rest = old[decision.before.serial :]
        assert read_again(last) == read_again(folded(taken_up(decision.before), rest))


def test_the_histories_have_what_is_at_stake() -> None:
    """Runs with data in flight when they are read, and that end in every way."""
    decisions = [decision for seed in range(8) for decision, _ in history(seed)]
    live = [
        record
        for decision in decisions
        for record in decision.state.sequences.values()
        if isinstance(record, s.LiveSequence) and record.task is not None
    ]
    kinds = {type(event) for decision in decisions for event in decision.events}

    assert any(record.task.data is not None for record in live if record.task is not None)
    assert {
        e.TaskTimedOut, e.SequenceAborted, e.SequenceTimedOut, e.SequenceFinished, e.TaskScheduled,
        e.SequencesForgotten, e.SequenceExpired,
    } <= kinds  # fmt: skip
