"""The fakes of the ports: what they do besides what the conformance kit asks of them."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from sequencectl import InvalidValue, Opening
from sequencectl.testing import ClosedTimes, InMemoryStore, ManualClock, RecordingSink
from sequencectl.testing._walk import tour
from tests.support import T0, instant


def test_a_clock_stands_until_it_is_turned() -> None:
    """It goes on and back by durations, and to any instant."""
    clock = ManualClock(T0)

    seen = [clock.now(), clock.now()]
    clock.advance(timedelta(seconds=5))
    seen.append(clock.now())
    clock.advance("-7s")
    seen.append(clock.now())
    clock.turn_to(instant(60))
    seen.append(clock.now())

    assert [T0, T0, instant(5), instant(-2), instant(60)] == seen


def test_a_clock_starts_in_utc() -> None:
    """Without a start it shows some fixed instant, the same each time."""
    assert ManualClock().now() == ManualClock().now()
    assert timedelta(0) == ManualClock().now().utcoffset()


@pytest.mark.parametrize("wrong", [datetime(2026, 1, 1), None, "2026-01-01", 0])  # noqa: DTZ001 - that is the mistake
def test_a_clock_shows_aware_instants(wrong: Any) -> None:
    """A naive one would be refused only where a command is decided, far from the mistake."""
    with pytest.raises(InvalidValue, match=r"^start: must be an aware datetime.*, got ") as start:
        ManualClock(wrong)
    with pytest.raises(InvalidValue, match=r"^instant: must be an aware datetime") as turned:
        ManualClock().turn_to(wrong)

    assert [wrong, wrong] == [start.value.value, turned.value.value]


@pytest.mark.parametrize(
    ("wrong", "problem"), [(180, "must be a timedelta or a text"), ("3", "has a number without")]
)
def test_a_clock_goes_on_by_durations_only(wrong: Any, problem: str) -> None:
    """A number has no unit; the clock stands where it stood."""
    clock = ManualClock(T0)

    with pytest.raises(InvalidValue, match=f"^duration: {problem}"):
        clock.advance(wrong)

    assert T0 == clock.now()


def test_a_sink_keeps_repeats() -> None:
    """A test can see how often an event was published, and in which order."""
    first, second, *_ = tour("p")
    sink = RecordingSink()

    sink.emit("p", first.events)
    sink.emit("p", second.events)
    sink.emit("p", first.events)

    assert [*first.events, *second.events, *first.events] == sink.emitted


def test_what_a_store_gave_out_does_not_change() -> None:
    """Pending events and the agenda are what they were when they were asked for."""
    first, *_ = tour("p")
    store = InMemoryStore()
    store.commit(first)

    pending, agenda = store.pending("p", limit=9), store.agenda(limit=9)
    store.acknowledge("p", through=first.state.serial)

    assert first.events == tuple(pending)
    assert [None, first.next_deadline] == [entry.at for entry in agenda]


def test_new_projects_may_come_while_the_agenda_is_read() -> None:
    """As from another thread: here each function that reading calls commits one more."""
    store = InMemoryStore()
    for project in ("p", "q"):
        store.commit(tour(project)[0])
    coming = iter([tour(f"new {number}")[0] for number in range(100)])

    def commit_one(_frame: object, event: str, _arg: object) -> None:
        if event == "call":
            store.commit(next(coming))

    before = sys.getprofile()
    sys.setprofile(commit_one)
    try:
        agenda = store.agenda(limit=100)
    finally:
        sys.setprofile(before)

    assert {"p", "q"} <= {entry.project for entry in agenda}
    assert store.load("new 2") is not None


def test_a_table_closes_a_stage_from_its_beginnings_to_its_ends() -> None:
    """An end is not included; the windows may come in any order; another stage is open."""
    closed = ClosedTimes(
        {"prod": [(instant(60), None, "for good"), (instant(10), instant(20), "night")]}
    )

    seen = [closed("prod", instant(second)) for second in (9, 10, 19, 20, 60, 99)]

    night, for_good = (
        Opening(False, until=instant(20), name="night"),
        Opening(False, name="for good"),
    )
    assert [
        Opening(True, until=instant(10)), night, night,
        Opening(True, until=instant(60)), for_good, for_good,
    ] == seen  # fmt: skip
    assert Opening(True) == closed("dev", instant(10))
    assert Opening(True) == ClosedTimes({"prod": [(T0, instant(1), "")]})("prod", instant(1))


def test_windows_may_overlap() -> None:
    """The one that begins first says until when; at its end the other one still closes."""
    closed = ClosedTimes({"prod": [(instant(5), instant(20), "b"), (instant(0), instant(10), "a")]})

    assert [("a", instant(10)), ("b", instant(20))] == [
        (opening.name, opening.until)
        for opening in (closed("prod", instant(7)), closed("prod", instant(10)))
    ]


@pytest.mark.parametrize(
    ("windows", "problem"),
    [
        (None, "windows: must be a mapping"),
        ({"prod": None}, "windows: must be tuples of begin, end and name, got None"),
        ({"prod": [(T0, None)]}, "windows: must be tuples of begin"),
        ({"prod": ["for good"]}, "windows: must be tuples of begin"),
        ({"prod": [(datetime(2026, 1, 1), None, "night")]}, "windows: must be an aware datetime"),  # noqa: DTZ001 - that is the mistake
        ({"prod": [(T0, "18:00", "night")]}, "windows: must be an aware datetime.*'18:00'"),
        ({"prod": [(T0, T0, "night")]}, "windows: must end after they begin"),
        ({"prod": [(T0, None, 7)]}, "name: must be "),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(windows: Any, problem: str) -> None:
    """When it is made: a calendar that fails closes a stage for good."""
    with pytest.raises(InvalidValue, match=f"^{problem}"):
        ClosedTimes(windows)
