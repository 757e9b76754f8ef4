"""What a workflow needs: everything is decided elsewhere, and only bytes go there and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from hypothesis import given, settings

import sequencectl as s
from sequencectl import serialization as z
from sequencectl.testing._walk import opening
from sequencectl.testing.strategies import histories, planes
from tests.support import T0

CALENDARS = {"the walk's": opening}


def decided_elsewhere(
    plane: bytes, project: bytes, command: bytes, now: datetime
) -> tuple[bytes, bytes, bytes]:
    """What an activity, or a process behind a broker, makes of bytes: all that is left is bytes."""
    decider = z.load_plane(plane, calendars=CALENDARS)
    decision = decider.decide(z.load_project(project), z.load_command(command), now)
    after = z.dump_project(decision.state, compact=True)
    return z.dump_events(decision.events), z.dump_outcome(decision.outcome), after


def check(plane: s.ControlPlane, decision: s.Decision, now: datetime) -> None:
    """Decide it again elsewhere, on the compact and on the plain form of the project."""
    name = "" if plane.calendar is None else "the walk's"
    told = z.dump_plane(plane, calendar=name), z.dump_command(decision.command)
    for compact in (False, True):
        before = z.dump_project(decision.before, compact=compact)
        events, outcome, after = decided_elsewhere(told[0], before, told[1], now)

        assert decision.events == z.load_events(events)
        assert decision.outcome == z.load_outcome(outcome)
        assert decision.state == z.load_project(after)
        assert decision.state == reduce(s.evolve, z.load_events(events), z.load_project(before))


@settings(max_examples=30)
@given(planes().flatmap(lambda plane: histories(plane=plane, most=12).map(lambda h: (plane, h))))
def test_a_decision_is_the_same_elsewhere(
    drawn: tuple[s.ControlPlane, tuple[s.Decision, ...]],
) -> None:
    """By a plane with or without a calendar, on any state, whatever was told."""
    plane, decisions = drawn
    for decision in decisions:
        check(plane, decision, decision.events[0].at)


def test_what_is_refused_or_changes_nothing_is_the_same_elsewhere() -> None:
    """Such a decision has no events: the outcome is all there is to send back."""
    plane = s.ControlPlane(s.Shipyard.of({"dev": {"delivery": ["deploy"]}}))
    trigger = s.TriggerSequence("c1", stage="dev", sequence="delivery")
    state = plane.decide(plane.initial("sockshop"), trigger, T0).state
    told: list[tuple[s.Command, Any]] = [
        (trigger, s.Unchanged),
        (s.TriggerSequence("c2", stage="prod", sequence="delivery"), s.Rejected),
        (s.CheckDeadlines(), s.Unchanged),
        (s.FreezeStage("dev", actor="anna", until=T0 + timedelta(hours=1)), s.Applied),
    ]
    for command, kind in told:
        decision = plane.decide(state, command, T0)

        assert kind is type(decision.outcome)
        check(plane, decision, T0)
