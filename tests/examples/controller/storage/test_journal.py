"""The journal: what it is told, how often whatever it is told, and what is found in it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.controller.storage.journal_reader import JournalReader
from sequencectl import (
    AbortSequence,
    ControlPlane,
    Decision,
    Event,
    PauseSequence,
    Shipyard,
    TriggerSequence,
)
from sequencectl.testing import ManualClock
from sequencectl.testing.strategies import histories
from tests.examples.controller.storage.places import Place, in_file, journal_at, reader_at

PLANE = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy"], "hotfix": ["deploy"]}}))


def events_of(decisions: tuple[Decision, ...]) -> list[Event]:
    """All events of these decisions."""
    return [event for decision in decisions for event in decision.events]


def contents(path: Path, project: str = "sockshop") -> tuple[Any, ...]:
    """Everything that is in a journal in a file."""
    reader = reader_at(in_file(path))
    try:
        pages = (
            reader.deliveries(project, size=1_000, names={}),
            reader.history(project, size=1_000, names={}),
            reader.newest(size=1_000, names={"project": project}),
            reader.newest(size=1_000, names={"project": project}, is_root=True),
        )
        found = [(page.entries, page.total, page.following) for page in pages]
        return (*found, reader.told(project), reader.services(project))
    finally:
        reader.close()


@given(histories(most=15).filter(bool), st.data())
@settings(max_examples=25)
def test_events_are_taken_in_once_however_often_they_are_told(
    decisions: tuple[Decision, ...], data: st.DataObject
) -> None:
    """In any portions, each told again from any point before: the journal is the same."""
    events = events_of(decisions)
    with TemporaryDirectory() as folder:
        once, often = Path(folder) / "once.db", Path(folder) / "often.db"
        journal = journal_at(in_file(once))
        journal.tell("sockshop", events)
        journal.close()
        again, told = journal_at(in_file(often)), 0
        while told < len(events):
            begin = data.draw(st.integers(0, told))
            end = data.draw(st.integers(told + 1, len(events)))
            again.tell("sockshop", events[begin:end])
            told = end
        again.close()

        assert contents(once) == contents(often)


@pytest.fixture
def reader(place: Place) -> Any:
    """A journal of five deliveries, read."""
    clock, state, told = ManualClock(), PLANE.initial("p"), []
    for number, (sequence, service) in enumerate(
        [("delivery", "carts"), ("delivery", "orders"), ("hotfix", "carts")] + [("hotfix", "x")] * 2
    ):
        command = TriggerSequence(f"c{number}", stage="dev", sequence=sequence, service=service)
        told.append(PLANE.decide(state, command, clock.now()))
        state = told[-1].state
        clock.advance(timedelta(minutes=1))
    for control in (PauseSequence("c1"), AbortSequence("c2")):
        told.append(PLANE.decide(state, control, clock.now()))
        state = told[-1].state
    journal = journal_at(place)
    journal.tell("p", events_of(tuple(told)))
    journal.close()
    reading = reader_at(place)
    yield reading
    reading.close()


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param({}, ["c4", "c3", "c2", "c1", "c0"], id="none"),
        pytest.param({"names": {"name": "delivery"}}, ["c1", "c0"], id="name"),
        pytest.param({"names": {"service": "carts"}}, ["c2", "c0"], id="service"),
        pytest.param({"names": {"state": "paused"}}, ["c1"], id="state"),
        pytest.param({"names": {"state": "waiting", "service": "x"}}, ["c4", "c3"], id="two"),
        pytest.param({"contexts": ["c3", "c0", "none"]}, ["c3", "c0"], id="contexts"),
        pytest.param({"stage": "dev"}, ["c4", "c3", "c2", "c1", "c0"], id="stage"),
        pytest.param({"stage": "prod"}, [], id="stage that nobody reached"),
        pytest.param({"stage": "de"}, [], id="part of a stage"),
    ],
)
def test_a_filter_leaves_out_what_does_not_fit(
    reader: JournalReader, filters: dict[str, Any], found: list[str]
) -> None:
    """The newest first; the total is that of what fits."""
    page = reader.deliveries("p", size=10, **{"names": {}, **filters})

    assert (found, len(found)) == ([each["context"] for each in page.entries], page.total)


def test_instants_bound_what_is_found(reader: JournalReader) -> None:
    """By the first trigger of a delivery; both ends are left out."""
    times = {
        each["context"]: each["time"] for each in reader.deliveries("p", size=9, names={}).entries
    }
    page = reader.deliveries("p", size=9, names={}, since=times["c0"], until=times["c3"])

    assert ["c2", "c1"] == [each["context"] for each in page.entries]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_pages_follow_one_another(reader: JournalReader, size: int) -> None:
    """Each entry is on one page, whatever their size, and the last one says that it is the last."""
    found, key = [], 0
    while True:
        page = reader.deliveries("p", size=size, before=key, names={})
        found += [each["context"] for each in page.entries]
        key = page.following
        if not key:
            break

    assert ["c4", "c3", "c2", "c1", "c0"] == found


def test_what_changed_since_a_serial_is_found(reader: JournalReader) -> None:
    """The deliveries about which something was told later, the most recently told last."""

    def changed(after: int, most: int = 9) -> list[str]:
        return [each["context"] for each in reader.changed("p", after=after, most=most)]

    newest = reader.deliveries("p", size=1, names={}).entries[0]

    assert ["c1", "c2"] == changed(newest["serial"])
    assert [] == changed(reader.told("p"))
    assert 2 == len(changed(0, most=2))
