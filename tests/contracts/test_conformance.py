"""Sound adapters pass the kit; each broken one fails it with the sentence it breaks."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain
from typing import Any

import attrs
import pytest

from sequencectl import (
    Decision,
    Event,
    InvalidValue,
    Phase,
    ProjectState,
    TaskTriggered,
    events,
    freeze,
)
from sequencectl.errors import Conflict
from sequencectl.ports import Clock, EventSink, Store
from sequencectl.testing import (
    BrokenPromise,
    ClockContract,
    EventSinkContract,
    InMemoryStore,
    ManualClock,
    RecordingSink,
    StoreCapabilities,
    StoreContract,
    check_async_store,
    check_clock,
    check_event_sink,
    check_store,
)
from sequencectl.testing._walk import burst, tour
from sequencectl.testing.conformance.broken import (
    BROKEN_CLOCKS,
    BROKEN_SINKS,
    BROKEN_STORES,
    Disk,
    Flaw,
    Topic,
    _Place,
)
from sequencectl.testing.conformance.promises import Seen, expect_same
from sequencectl.testing.conformance.sink import SINK_CHECKS
from sequencectl.testing.conformance.store import STORE_CHECKS
from sequencectl.testing.conformance.trial import StoreTrial

DOWN = {"down": Topic.down}
PROMISES = {
    **{str(check): check.run.__doc__ for check in STORE_CHECKS},
    **{str(check): check.run.__doc__ for check in SINK_CHECKS},
}
CAUGHT_BY = {
    "an absent project is an initial one": "absent-projects",
    "instants lose their microseconds": "states",
    "the index is stale": "states",
    "known is trusted": "known-states",
    "an instance has a cache of its own": "shared-places",
    "no serial is checked": "conflicts",
    "events stay after a conflict": "conflicts",
    "a commit has two halves": "failed-commits",
    "errors are swallowed": "failed-commits",
    "a rival may write after the check": "racing-commits",
    "half a commit can be read": "racing-readers",
    "what comes later is acknowledged": "acknowledging",
    "every outbox was empty": "answers",
    "an outbox read in part was empty": "answers",
    "a commit returns a number": "answers",
    "all is acknowledged": "pending-events",
    "nothing is acknowledged": "pending-events",
    "the newest event is first": "pending-events",
    "the outbox is cut": "large-states",
    "the limit is ignored": "pending-events",
    "projects are mixed": "project-names",
    "a restart loses the outbox": "restarts",
    "the agenda has nothing unsent": "agenda-order",
    "the agenda is sorted by name": "agenda-order",
    "the agenda keeps old deadlines": "agenda-changes",
}
"""The first promise that each broken store breaks."""
SINKS_CAUGHT_BY = {
    "events are reordered": "arrival",
    "what comes with a repeat is dropped": "repeats",
    "repeats are told by serial alone": "several-projects",
    "errors are swallowed": "failed-emits",
    "it goes on after an error": "failed-emits",
}


def of_project(sink: RecordingSink, project: str) -> Sequence[Event]:
    """What a recording sink was given of a project."""
    return [event for event in sink.emitted if event.subject.project == project]


# ---------------------------------------------------------------- what passes


class TestInMemoryStore(StoreContract):
    capabilities = StoreCapabilities(batches=True)

    @pytest.fixture
    def make_store(self) -> Callable[[str], Store]:
        return lambda _place: InMemoryStore()

    def test_a_subclass_may_have_tests_of_its_own(self, make_store: Callable[[str], Store]) -> None:
        """A test that asks for no promise is collected once, as it is."""
        assert None is make_store("place").load("p")


class TestDisk(StoreContract):
    disk = Disk()
    capabilities = disk.capabilities

    @pytest.fixture
    def make_store(self) -> Callable[[str], Store]:
        return self.disk.open


class TestRecordingSink(EventSinkContract[RecordingSink]):
    def received(self, sink: RecordingSink, project: str) -> Sequence[object]:
        return of_project(sink, project)

    @pytest.fixture
    def make_sink(self) -> Callable[[], EventSink]:
        return RecordingSink


class TestTopic(EventSinkContract[Topic]):
    faults = DOWN

    def received(self, sink: Topic, project: str) -> Sequence[object]:
        return sink.received(project)

    @pytest.fixture
    def make_sink(self) -> Callable[[], EventSink]:
        return Topic


class TestManualClock(ClockContract):
    @pytest.fixture
    def make_clock(self) -> Callable[[], Clock]:
        return ManualClock


def test_the_functions_pass_what_the_classes_pass() -> None:
    """Each function tries the same promises in one go."""
    disk = Disk()

    check_store(lambda _place: InMemoryStore(), StoreCapabilities(batches=True))
    check_store(disk.open, disk.capabilities)
    check_event_sink(RecordingSink, of_project)
    check_event_sink(Topic, Topic.received, faults=DOWN)
    check_clock(ManualClock)


def test_a_sink_may_give_events_a_form_and_leave_some_out() -> None:
    """What is received is compared with the form; an event without one is not published."""

    def form(event: Event) -> object:
        return {"id": event.serial} if isinstance(event, TaskTriggered) else None

    def received(sink: RecordingSink, project: str) -> list[object]:
        return [shape for shape in map(form, of_project(sink, project)) if shape is not None]

    check_event_sink(RecordingSink, received, form=form)


# ---------------------------------------------------------------- what fails


@pytest.mark.parametrize("flaw", BROKEN_STORES)
def test_a_broken_store_fails_with_the_promise_it_breaks(flaw: str) -> None:
    """The error begins with the sentence of the port that does not hold, and says what was seen."""
    disk = Disk(BROKEN_STORES[flaw])

    with pytest.raises(BrokenPromise) as broken:
        check_store(disk.open, disk.capabilities)

    assert PROMISES[CAUGHT_BY[flaw]] == broken.value.promise
    assert f"{broken.value.promise}\n  {broken.value.seen}" == str(broken.value)


@pytest.mark.parametrize("flaw", BROKEN_SINKS)
def test_a_broken_sink_fails_with_the_promise_it_breaks(flaw: str) -> None:
    """The error begins with the sentence of the port that does not hold."""
    with pytest.raises(BrokenPromise) as broken:
        check_event_sink(partial(Topic, BROKEN_SINKS[flaw]), Topic.received, faults=DOWN)

    assert PROMISES[SINKS_CAUGHT_BY[flaw]] == broken.value.promise


@pytest.mark.parametrize("flaw", BROKEN_CLOCKS)
def test_a_broken_clock_fails(flaw: str) -> None:
    """A naive instant, a local one, a number: each is shown as it was returned."""
    with pytest.raises(BrokenPromise, match=r"an aware datetime in UTC.*\n  now\(\) returned"):
        check_clock(BROKEN_CLOCKS[flaw])


def test_every_promise_of_a_store_is_broken_by_some_store() -> None:
    """No check is one that cannot fail: without the others, some broken store fails it."""
    unbroken = {str(check) for check in STORE_CHECKS}
    for flaw in BROKEN_STORES.values():
        disk = Disk(flaw)
        for check in STORE_CHECKS:
            if str(check) in unbroken:
                try:
                    check(StoreTrial(disk.open, disk.capabilities, str(check)))
                except BrokenPromise:
                    unbroken.remove(str(check))

    assert set() == unbroken


def test_the_class_fails_as_the_function_does() -> None:
    """The one test of the class, called for the promise that is broken, raises it."""
    disk = Disk(BROKEN_STORES["known is trusted"])
    (check,) = (check for check in STORE_CHECKS if str(check) == "known-states")

    with pytest.raises(BrokenPromise, match="A load returns the newest state, whichever state"):
        StoreContract().test_promise(check, disk.open)


# ---------------------------------------------------------------- odd adapters


def test_a_store_with_a_close_is_closed() -> None:
    """Whatever was opened is closed, once each, also where a check fails."""
    opened: list[Store] = []
    closed: list[Store] = []

    def make(_place: str) -> Store:
        store = InMemoryStore()
        store.close = partial(closed.append, store)  # type: ignore[attr-defined]  # that is the point
        opened.append(store)
        return store

    check_store(make, StoreCapabilities(batches=True))
    with pytest.raises(BrokenPromise):
        check_store(make, StoreCapabilities(batches=True, reopens=True))

    assert opened == closed


def test_an_error_of_the_adapter_breaks_the_promise_that_was_tried() -> None:
    """What the adapter raised is shown, and is the cause."""

    def unreadable(*_given: object) -> ProjectState | None:
        raise OSError("cannot read")

    with pytest.raises(BrokenPromise, match=r"it raised OSError\('cannot read'\)") as broken:
        check_store(Disk(Flaw(loaded=unreadable)).open)

    assert isinstance(broken.value.__cause__, OSError)


def test_who_loses_a_race_may_meet_another_error() -> None:
    """A database that was locked cannot tell who won: that is no broken promise."""

    def commit(place: _Place, decision: Decision) -> None:
        try:
            place.commit(decision)
        except Conflict:
            raise TimeoutError("locked") from None

    disk = Disk(Flaw(commit=commit))
    (race,) = (check for check in STORE_CHECKS if str(check) == "racing-commits")

    race(StoreTrial(disk.open, disk.capabilities, "place"))

    stored = disk.open("place").load("p")
    assert stored is not None
    assert 5 == len(stored.sequences)


def test_a_place_that_is_not_empty_is_told() -> None:
    """A factory that opens the same store at every place is a mistake of the test."""
    store = InMemoryStore()

    with pytest.raises(BrokenPromise, match="was not empty when it was opened first"):
        check_store(lambda _place: store, StoreCapabilities(batches=True))


def test_a_fault_that_lets_everything_through_shows_nothing() -> None:
    """A fault that never keeps a commit or an emit from working is a mistake of the test."""
    faults = StoreCapabilities(faults={"none": lambda _place: nullcontext()}, batches=True)

    with pytest.raises(BrokenPromise, match="the fault 'none' let every commit through"):
        check_store(lambda _place: InMemoryStore(), faults)
    with pytest.raises(BrokenPromise, match="the fault 'none' let everything through"):
        check_event_sink(Topic, Topic.received, faults={"none": lambda _sink: nullcontext()})


@attrs.frozen
class Part:
    name: str
    note: str = attrs.field(default="", eq=False)
    more: object = None


@attrs.frozen(eq=False)
class Itself:
    name: str


@pytest.mark.parametrize(
    ("expected", "seen", "said"),
    [
        (1, 2, " should be 1, is 2"),
        ("ab", "ac", " should be 'ab', is 'ac'"),
        (1, "1", " should be 1, is '1'"),
        ({"a": 1, "b": 2}, {"a": 1}, "['b'] should be 2, is nothing"),
        ([1], [1, 3], "[1] should be nothing, is 3"),
        (Part("x", "1", (1, 2)), Part("x", "2", (1, 3)), ".more[1] should be 2, is 3"),
        (freeze({"a": True}), freeze({"a": 1}), " should be FrozenMap({'a': True}), is FrozenMap"),
        (Itself("x"), Itself("x"), " should be Itself(name='x'), is Itself(name='x')"),
    ],
)
def test_what_differs_is_shown_with_the_path_to_it(
    expected: object, seen: object, said: str
) -> None:
    """Only the first part that differs is shown, however large the whole is."""
    with pytest.raises(Seen) as difference:
        expect_same(expected, seen, "it")

    assert str(difference.value).startswith(f"it{said}")


# ---------------------------------------------------------------- what they are driven with


def test_the_tour_meets_everything() -> None:
    """Every kind of event, every phase, ids that are released, and live sequences at the end."""
    decisions = tour("p")
    said = list(chain.from_iterable(decision.events for decision in decisions))
    records = [record for each in decisions for record in each.state.sequences.values()]
    released = [one.released for one in said if isinstance(one, events.SequencesForgotten)]

    assert {*typing.get_args(Event)} == {type(event) for event in said}
    assert {*Phase} == {record.phase for record in records}
    assert any(released)
    assert decisions[-1].next_deadline is not None
    assert decisions[-1].state.contexts
    assert list(range(1, len(said) + 1)) == [event.serial for event in said]


def test_the_tour_meets_people_who_decide() -> None:
    """An approval with votes of a person in flight, freezes that end, windows, who triggered."""
    decisions = tour("p")
    said = list(chain.from_iterable(decision.events for decision in decisions))
    live = [each.state.live(one) for each in decisions for one in each.state.sequences]
    standing = [one.task.votes for one in live if one is not None and one.task is not None]
    frozen = [one for one in said if isinstance(one, events.StageFrozen)]
    accepted = [one for one in said if isinstance(one, events.SequenceTriggered)]

    assert max(map(len, standing)) > 1
    assert {events.Cause.REQUESTED, events.Cause.CALENDAR} == {one.cause for one in frozen}
    assert any(one.until is not None and one.control.actor for one in frozen)
    assert any(one.window for one in frozen)
    assert any(one.initiators for one in accepted)


def test_the_tour_meets_failures() -> None:
    """Every end of a run, further attempts, a redrive that carries, progress, parked data."""
    decisions = tour("p")
    said = list(chain.from_iterable(decision.events for decision in decisions))
    records = [each.state.live(one) for each in decisions for one in each.state.sequences]
    live = [record for record in records if record is not None]
    executors = [each for one in live if one.task is not None for each in one.task.executors]

    assert {*events.TaskEnd} == {getattr(one, "end", events.TaskEnd.OVER) for one in said}
    assert any(getattr(one, "attempt", 1) > 1 for one in said)
    assert any(one.redrive is not None and one.redrive.carried for one in live)
    assert {False, True} == {each.by_person for one in live for each in one.retried}
    assert any(each.progress is not None and each.progress.percent for each in executors)
    assert any(one.task is not None and one.task.silence_deadline is not None for one in live)
    assert any(one.task is not None and one.task.data is not None for one in live)
    assert any(one.parked is not None and one.parked.data is not None for one in live)
    assert any(one.parked is not None and one.parked.explanation is not None for one in live)


def test_the_tour_is_the_same_every_time() -> None:
    """What a host sees fail today fails tomorrow, and in another project alike."""
    assert tour("p") == tour("p")
    assert [len(each.events) for each in tour("p")] == [len(each.events) for each in tour("q")]
    assert 300 == len(burst("p", 300).state.sequences)


@pytest.mark.parametrize("make", [InMemoryStore(), InMemoryStore, None])
def test_a_store_that_is_no_function_of_a_place_breaks_no_promise(make: Any) -> None:
    """It is a mistake of the test: the error names the argument and shows the value."""
    problem = "^make: must be a function that takes a place, got "
    for tried in (
        check_store,
        check_async_store,
        partial(StoreContract().test_promise, STORE_CHECKS[0]),
    ):
        with pytest.raises(InvalidValue, match=problem) as caught:
            tried(make)

        assert make is caught.value.value


def test_a_sink_and_a_clock_are_made_without_an_argument() -> None:
    """An instance, or a function of a place, is a mistake of the test."""
    problem = "^make: must be a function that takes no argument, got "
    for wrong in (RecordingSink(), lambda place: place):
        with pytest.raises(InvalidValue, match=problem):
            check_event_sink(wrong, of_project)  # type: ignore[arg-type]  # that is the mistake
        with pytest.raises(InvalidValue, match=problem):
            check_clock(wrong)  # type: ignore[arg-type]  # that is the mistake


def test_a_function_in_c_may_not_tell_what_it_takes() -> None:
    """It is called, and what it makes is judged."""
    with pytest.raises(BrokenPromise, match="has no attribute 'now'"):
        check_clock(dict)  # type: ignore[arg-type]  # that is the mistake
