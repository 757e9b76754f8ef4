"""Who starts when, and who never does (R1–R6)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sequencectl import LiveSequence, QueuePolicy
from sequencectl.events import SequenceStarted, SequenceSuperseded
from tests.support import Host

PRIORITIES = st.lists(st.integers(-2, 2), min_size=1, max_size=8)
ONE_TASK = {"dev": {"delivery": ["deploy"]}}


def a_line(priorities: list[int], world: Any = ONE_TASK, **queueing: Any) -> Host:
    """Return a host with a holder, `first`, and behind it `0`, `1` … with these priorities."""
    host = Host(world, queueing=QueuePolicy(**queueing))
    host.trigger("first")
    for number, priority in enumerate(priorities):
        host.trigger(str(number), priority=priority)
    return host


def started(host: Host) -> list[str]:
    """Return who started so far, in order."""
    return [event.subject.sequence_id for event in host.of(SequenceStarted)]


@given(PRIORITIES, st.sets(st.integers(0, 7)))
def test_the_order_is_priority_then_place_and_who_is_held_is_passed(
    priorities: list[int], held: set[int]
) -> None:
    """R2, R18: they start by priority, then by place; the held ones do so when they are resumed."""
    host = a_line(priorities)
    order = sorted(range(len(priorities)), key=lambda number: (-priorities[number], number))
    passed = [str(number) for number in order if number in held]
    expected = ["first", *(str(number) for number in order if number not in held)]
    for sequence in passed:
        host.pause(sequence)
    for sequence in expected:
        host.finish(sequence)
    host.freeze()
    for sequence in sorted(passed):
        host.resume(sequence)
    host.unfreeze()
    for sequence in passed:
        host.finish(sequence)

    assert [*expected, *passed] == started(host)


@given(st.integers(1, 4), st.lists(st.integers(0, 99), max_size=12))
def test_each_end_of_a_holder_admits_one(limit: int, picks: list[int]) -> None:
    """R1, R3: as many hold the lane as may, whoever of them ends first."""
    host = a_line([0] * len(picks), limit=limit)
    for pick in picks:
        holders = host.state.holders("dev")
        assert min(limit, len(holders) + len(host.state.line("dev"))) == len(holders)
        host.finish(holders[pick % len(holders)])

    assert ["first", *map(str, range(len(picks)))][: len(started(host))] == started(host)


@given(PRIORITIES, st.data())
def test_nobody_is_admitted_for_one_that_leaves_the_line(
    priorities: list[int], data: st.DataObject
) -> None:
    """R5: neither who is taken out of the line nor a holder that is paused frees the lane."""
    host = a_line(priorities, {"dev": {"delivery": ["deploy", "test"]}})
    for control in data.draw(st.permutations(["pause", "abort", "drain the holder"])):
        someone = data.draw(st.sampled_from(host.state.line("dev") or ("first",)))
        if control == "drain the holder":
            host.pause("first")
            host.finish("first")
        elif someone != "first":
            host.pause(someone) if control == "pause" else host.abort(someone)

    assert ["first"] == started(host)
    assert ("first",) == host.state.holders("dev")


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_a_delivery_leaves_a_stage_before_it_queues_for_the_next(services: list[str]) -> None:
    """R4: nobody is in two stages, and each stage takes them in the order they came to it."""
    on = {"tasks": ["test"], "triggeredOn": ["dev.delivery.finished"]}
    host = Host({**ONE_TASK, "staging": {"delivery": on}})
    numbers = [str(number) for number in range(len(services))]
    for number, service in zip(numbers, services, strict=True):
        host.trigger(number, service=service)
    for number in numbers:
        host.finish(number)
        live = [r.context for r in host.state.sequences.values() if isinstance(r, LiveSequence)]
        assert len(set(live)) == len(live)

    standing = (*host.state.holders("staging"), *host.state.line("staging"))
    assert numbers == [host.record(sequence).context for sequence in standing]


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_the_latest_stands_where_the_first_stood(services: list[str]) -> None:
    """R6: one of each service is left in line, the newest, in the order of the first of each."""
    host = Host(ONE_TASK, queueing=QueuePolicy(mode="latest_only"))
    host.trigger("first", service="z")
    for number, service in enumerate(services):
        host.trigger(str(number), service=service)
    newest = {service: str(number) for number, service in enumerate(services)}

    assert [newest[service] for service in dict.fromkeys(services)] == [*host.state.line("dev")]
    assert len(services) - len(newest) == len(host.of(SequenceSuperseded))
