"""What the kit promises to type checkers and hands out; both read it, and it runs as a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, assert_type

import pytest
from hypothesis.strategies import SearchStrategy

from sequencectl import (
    Approval,
    Calendar,
    Command,
    ControlPlane,
    Decision,
    Event,
    Explanation,
    Opening,
    OpenTask,
    ProjectState,
    Result,
    SequenceController,
    Shipyard,
    TaskDefinition,
    TriggerSequence,
    testing,
)
from sequencectl.ports import AsyncStore
from sequencectl.testing import (
    BrokenPromise,
    ClockContract,
    ClosedTimes,
    EventSinkContract,
    InMemoryStore,
    ManualClock,
    Play,
    RecordingSink,
    StoreCapabilities,
    StoreContract,
    check_async_store,
    check_clock,
    check_event_sink,
    check_store,
    strategies,
)
from sequencectl.testing.conformance.broken import BROKEN_STORES, AsyncDiskStore, Disk

TASK = TaskDefinition("sign-off", approval=Approval())
PLANE = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy"]}}))


class MyStoreTests(StoreContract):
    """Tests of a store, as a host writes them."""

    capabilities = StoreCapabilities(reopens=True, shares=True)


class MySinkTests(EventSinkContract[RecordingSink]):
    """Tests of a sink, as a host writes them."""

    def received(self, sink: RecordingSink, project: str) -> Sequence[object]:
        """Return what the sink has of a project."""
        return [event for event in sink.emitted if event.subject.project == project]


class MyClockTests(ClockContract):
    """Tests of a clock, as a host writes them."""


def test_a_play_has_the_types_it_promises() -> None:
    """What it answers is what the plane answers; enums and durations may be texts."""
    play = Play(PLANE)

    assert_type(play.trigger("c1", stage="dev", sequence="delivery", data={"x": [1]}), Decision)
    assert_type(play.start("deploy", source="x"), Decision)
    assert_type(play.open_tasks(), tuple[OpenTask, ...])
    assert_type(play.finish("deploy", result="warning", status="succeeded"), Decision)
    play.wait("3m")
    play.wait(timedelta(minutes=3))
    assert_type(play.now, datetime)
    assert_type(play.state, ProjectState)
    assert_type(play.events, tuple[Event, ...])
    assert_type(play.status("c1"), str)
    assert_type(play.explain("c1"), Explanation)
    assert_type(play.transcript(), str)
    assert Result.WARNING is play.explain("c1").result


def test_people_decide_in_a_play() -> None:
    """Votes, exemptions and freezes are decisions; a calendar of the kit is one for a plane."""
    calendar: Calendar = ClosedTimes({"dev": [(datetime(2026, 1, 2, tzinfo=UTC), None, "holiday")]})
    play = Play(ControlPlane(Shipyard.of({"dev": {"delivery": [TASK]}}), calendar=calendar))
    play.trigger("c1", stage="dev", sequence="delivery", actor="dora")
    play.trigger("c2", stage="dev", sequence="delivery", actor="dora")

    assert_type(play.freeze("dev", until="2h"), Decision)
    assert_type(play.freeze("dev", until=play.now + timedelta(hours=3)), Decision)
    assert_type(play.exempt("c2", actor="ann", reason="hotfix"), Decision)
    assert_type(play.approve("sign-off", "ann", reason="fine", context="c1"), Decision)
    assert_type(play.reject("sign-off", "ben", context="c2"), Decision)
    play.use_calendar(None)

    assert_type(ClosedTimes({})("dev", play.now), Opening)
    assert "delivery failed" == play.status("c2")


def test_fakes_are_what_the_ports_ask_for() -> None:
    """A controller takes them."""
    store, sink, clock = InMemoryStore(), RecordingSink(), ManualClock()
    controller = SequenceController(PLANE, store=store, clock=clock, sink=sink)
    assert_type(sink.emitted, list[Event])

    controller.handle("p", TriggerSequence("c1", stage="dev", sequence="delivery"))

    assert [1, 2, 3] == [event.serial for event in sink.emitted]


def test_checks_take_factories() -> None:
    """Of stores by place, sync and async, of sinks and of clocks."""

    async def opened(place: str) -> AsyncStore:
        return AsyncDiskStore(Disk().open(place))

    check_clock(ManualClock)
    check_event_sink(RecordingSink, MySinkTests().received)
    check_async_store(opened)
    with pytest.raises(BrokenPromise) as broken:
        check_store(Disk(BROKEN_STORES["known is trusted"]).open, MyStoreTests.capabilities)

    assert_type(broken.value.promise, str)
    assert broken.value.promise.startswith("A load returns the newest state")


def test_strategies_have_the_types_they_promise() -> None:
    """What is drawn is typed."""
    assert_type(strategies.payloads(), SearchStrategy[dict[str, object]])
    assert_type(strategies.shipyards(), SearchStrategy[Shipyard])
    assert_type(strategies.planes(), SearchStrategy[ControlPlane])
    assert_type(strategies.commands(PLANE, PLANE.initial("p")), SearchStrategy[Command])
    assert_type(strategies.histories(plane=PLANE), SearchStrategy[tuple[Decision, ...]])
    assert_type(strategies.projects(most=3), SearchStrategy[ProjectState])


def test_the_kit_is_its_own_list() -> None:
    """Exactly the public names are handed out, and they are sorted."""
    names: Mapping[str, Any] = vars(testing)
    gathered = {
        name
        for name, value in names.items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert sorted(testing.__all__) == testing.__all__
    assert gathered == set(testing.__all__)
