"""The index: made at once or record by record, and what its parts share."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl import ProjectState, QueuePolicy, SequenceRecord
from sequencectl._index import Index, index_of
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS
from tests.support import Host


def one_by_one(records: Iterable[SequenceRecord]) -> Index:
    """The index after these records were born, each as it is now."""
    index = Index()
    for record in records:
        index = index.replaced(None, record)
    return index


def ends_of_freezes(state: ProjectState) -> dict[str, datetime | None]:
    """When the freeze of each frozen stage ends by itself."""
    return {stage: freeze.until for stage, freeze in state.freezes.items()}


@settings(max_examples=30)
@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 10_000))
def test_made_at_once_it_is_as_if_made_record_by_record(name: str, seed: int) -> None:
    """The index of many records is that of one after the other, in whatever order they come."""
    twin, choice = Twin(WORLDS[name]), random.Random(seed)
    walk(twin, choice)
    records = list(twin.state.sequences.values())
    expected = one_by_one(records)
    ends = ends_of_freezes(twin.state)
    for stage, until in ends.items():
        expected = expected.refrozen(stage, None, until)
    choice.shuffle(records)

    assert index_of(records, ends) == expected
    assert twin.state.index == expected


@settings(max_examples=30)
@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 10_000))
def test_what_is_made_at_once_can_be_taken_apart(name: str, seed: int) -> None:
    """Context by context, in any order, the index goes back to that of nothing."""
    twin, choice = Twin(WORLDS[name]), random.Random(seed)
    walk(twin, choice)
    records = list(twin.state.sequences.values())
    index, contexts = index_of(records, {}), sorted({record.context for record in records})
    choice.shuffle(contexts)
    for number, context in enumerate(contexts, start=1):
        for record in records:
            if record.context == context:
                index = index.replaced(record, None)
        left = [record for record in records if record.context in contexts[number:]]
        assert index == index_of(left, {})

    assert index == Index()


def test_those_of_one_lane_share_its_name() -> None:
    """The name of a lane is one object, however many stand in it."""
    host = Host({"dev": {"delivery": ["deploy"]}}, queueing=QueuePolicy(scope="service"))
    for number in range(3):
        host.trigger(f"a{number}", service="carts")
    records = [host.state.live(f"a{number}") for number in range(3)]

    assert ["dev/carts"] * 3 == [record.lane for record in records if record is not None]
    assert len({id(record.lane) for record in records if record is not None}) == 1


def test_namesakes_are_told_in_the_order_of_the_line() -> None:
    """By priority, higher first, then by place (R2)."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    host.trigger("holder")
    for sequence_id, priority in (("c", 0), ("a", 5), ("b", -1)):
        host.trigger(sequence_id, priority=priority)

    assert ["a", "c", "b"] == list(host.state.index.in_line("dev", "carts", "delivery"))


def test_an_entry_is_one_object_wherever_it_stands() -> None:
    """Who waits has the same entry in the line of the lane and among the namesakes."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    host.trigger("a")
    host.trigger("b")

    for index in (host.state.index, host.state.rebuilt().index):
        (among,) = [line.first for line in index.namesakes.values()]
        assert index.queue("dev").head is among
