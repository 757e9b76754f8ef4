"""When deadlines fire and which clocks stand still (R10, R26–R31)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl import CheckDeadlines, Decision, Phase, TimeoutPolicy
from sequencectl.events import SequenceExpired, SequenceTimedOut
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS
from tests.support import Host, instant

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5_000)), max_size=6)
names = st.sampled_from(sorted(WORLDS))
seeds = st.integers(0, 10_000)


def check(name: str, seed: int) -> tuple[Twin, datetime, Decision]:
    """Return what a walk comes to, a later instant with much due, and the check that meets it."""
    twin = Twin(WORLDS[name])
    walk(twin, random.Random(seed), steps=30)
    latest = [event.at for event in twin.events[-1:]] or [instant(0)]
    now = latest[0] + timedelta(seconds=seed % 400)
    return twin, now, twin.plane.decide(twin.state, CheckDeadlines(), now)


@settings(max_examples=60)
@given(names, seeds, st.sampled_from([1, 2, 500]))
def test_many_checks_at_one_instant_equal_one(name: str, seed: int, limit: int) -> None:
    """R29, R31: a limit leaves the rest due, in the same order, and nothing fires twice."""
    twin, now, whole = check(name, seed)
    part = twin.plane.decide(twin.state, CheckDeadlines(limit=limit), now)
    events = part.events
    while part.events:
        part = twin.plane.decide(part.state, CheckDeadlines(limit=limit), now)
        events += part.events

    assert whole.events == events
    assert whole.next_deadline is None or whole.next_deadline > now


@settings(max_examples=40)
@given(names, seeds)
def test_what_is_due_is_taken_by_instant_and_place(name: str, seed: int) -> None:
    """R29: the earlier deadline first, and at one instant whoever stood in line earlier."""
    _, _, decision = check(name, seed)
    known = decision.before.sequences
    order = [
        (event.explanation.deadline, known[event.subject.sequence_id].place)
        for event in decision.events
        if isinstance(event, SequenceTimedOut | SequenceExpired)
    ]

    assert sorted(order) == order


@given(SPANS, st.sampled_from(["total", "waiting"]))
def test_a_limit_stands_in_every_pause(spans: list[tuple[int, int]], limit: str) -> None:
    """R30: however many there are; a delay of a task, or a freeze, does not stop it."""
    slow = {"tasks": [{"name": "test", "triggeredAfter": "10h"}]}
    policy: Any = {limit: timedelta(hours=1)}
    host = Host({"dev": {"delivery": slow}}, timeouts=TimeoutPolicy(**policy))
    if limit == "waiting":
        host.freeze()
    host.trigger("c")
    for runs, stands in spans:
        host.now += timedelta(seconds=runs)
        host.pause("c")
        host.now += timedelta(seconds=stands)
        host.resume("c")
    end = 3_600 + sum(stands for _, stands in spans)
    deadline = host.state.next_deadline
    host.until(end)

    assert instant(end) == deadline
    assert host.phase("c") is (Phase.TIMED_OUT if limit == "total" else Phase.EXPIRED)


@given(st.lists(st.integers(-700, 400), max_size=12))
def test_a_slow_clock_is_corrected_and_a_wrong_one_believed(steps: list[int]) -> None:
    """R29: behind by no more than the skew, the last event's instant holds; beyond, the clock."""
    host = Host({"dev": {"delivery": ["test"]}})
    last, now, expected = None, 0, []
    for number, step in enumerate(steps):
        now += step
        last = last if last is not None and 0 < last - now <= 300 else now
        expected.append(instant(last))
        host.at(now).trigger(str(number))

    assert expected == [host.record(str(number)).accepted_at for number in range(len(steps))]
