"""The demo after a crash: what is recorded is played again, the rest goes on to the same end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest

from examples.demo.__main__ import SOCKSHOP
from examples.demo.cast import cast_for
from examples.demo.durable import DurableProject, OtherPerformance, VirtualClock
from examples.demo.host import Pace
from examples.demo.performance import actors_for, perform, plane_for
from examples.demo.view import BEGIN
from sequencectl import Decision, Event, PauseSequence, Shipyard, TriggerSequence
from sequencectl.ports import Store
from sequencectl.testing import InMemoryStore
from tests.examples.performance import FakeTime, Spectator, default_performance

PLANE = plane_for(Shipyard.from_yaml(SOCKSHOP.read_bytes()))
CAST = default_performance().cast
FIRST = TriggerSequence("first", stage="dev", sequence="delivery")


class Crash(BaseException):
    """The power fails; nobody catches it."""


@attrs.define
class Keeper:
    """A store that keeps every event, and before or after its `last` call the power fails."""

    last: int | None = None
    is_done_first: bool = False
    inner: InMemoryStore = attrs.field(factory=InMemoryStore)
    events: list[Event] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            if self.last == len(self.calls) and not self.is_done_first:
                raise Crash
            result = getattr(self.inner, name)(*arguments, **options)
            if name == "commit":
                self.events += arguments[0].events
            if self.last == len(self.calls):
                raise Crash
            return result

        return call


def performed(keeper: Keeper, *, seed: int = 1, speed: float | None = None) -> Spectator:
    """What spectators see when the stories are played on this store, or go on there."""
    view, time = Spectator(), FakeTime()
    cast = cast_for(PLANE.shipyard, seed=seed)
    perform(
        PLANE,
        cast,
        actors=actors_for(PLANE, cast, seed=seed),
        view=view,
        pace=Pace(speed, time.sleep, time.monotonic),
        store=keeper,
        recorded=tuple(keeper.events),
    )
    view.seconds = time.now - FakeTime().now
    return view


def calls() -> list[str]:
    """The calls of the store in an undisturbed performance."""
    keeper = Keeper()
    performed(keeper)
    return keeper.calls


def crashes() -> Iterator[Any]:
    """A few calls of each kind, spread over the performance, to crash before and after."""
    every = calls()
    for kind in sorted(set(every)):
        numbers = [number for number, name in enumerate(every, 1) if name == kind]
        for number in sorted({numbers[0], numbers[len(numbers) // 2], numbers[-1]}):
            for is_done_first in (False, True):
                when = "after" if is_done_first else "before"
                yield pytest.param(number, is_done_first, id=f"{when}-{kind}-{number}")


@pytest.mark.parametrize(("number", "is_done_first"), list(crashes()))
def test_a_crash_at_any_call_changes_nothing(number: int, is_done_first: bool) -> None:
    """Whichever call of the store is the last, the next host goes on to the same history."""
    keeper = Keeper(number, is_done_first)
    with pytest.raises(Crash):
        performed(keeper)
    shown_again = performed(keeper).events

    whole = default_performance().events
    assert whole == tuple(keeper.events)
    assert keeper.inner.pending("sockshop", limit=1) == ()
    assert whole[len(whole) - len(shown_again) :] == tuple(shown_again)


def test_what_was_never_published_is_shown_once_the_host_is_back() -> None:
    """Events whose commit was the last thing to work are the first thing to be seen (duty 8)."""
    commits = [number for number, name in enumerate(calls(), 1) if name == "commit"]
    keeper = Keeper(commits[20], is_done_first=True)
    with pytest.raises(Crash):
        performed(keeper)
    committed, published = len(keeper.events), keeper.inner.pending("sockshop", limit=1)

    shown = performed(keeper).events

    assert published[0].serial <= committed
    assert shown[0] == published[0]


def test_no_time_passes_while_the_record_is_played() -> None:
    """The pace begins where the record ends, so that the rest takes no longer than it took."""
    keeper = Keeper(len(calls()) // 2)
    with pytest.raises(Crash):
        performed(keeper)
    until = keeper.events[-1].at

    rest = performed(keeper, speed=40).seconds

    whole = default_performance().events[-1].at
    assert rest == pytest.approx((whole - until).total_seconds() / 40, rel=0.05)


def test_nothing_on_record_is_told_again() -> None:
    """After the end there is nothing left to tell but the last look."""
    keeper = Keeper()
    first = performed(keeper)
    again = performed(keeper)

    assert again.events == []
    assert again.lines == first.lines[-1:]


def test_the_record_of_another_seed_is_refused() -> None:
    """What this shipyard and seed do not lead to is not taken for theirs, and stays as it is."""
    keeper = Keeper()
    performed(keeper, seed=2)
    before = list(keeper.events)

    with pytest.raises(OtherPerformance) as caught:
        performed(keeper)

    assert str(caught.value) == (
        "event 1 on record, SequenceTriggered at 09:01:30, is not the one that this shipyard and "
        "seed lead to"
    )
    assert before == keeper.events


def test_a_record_that_goes_on_after_the_end_is_refused() -> None:
    """Events this performance would never have come to are noticed when it is over."""
    keeper = Keeper()
    performed(keeper)
    last = keeper.events[-1]
    keeper.events.append(attrs.evolve(last, serial=last.serial + 1))

    with pytest.raises(OtherPerformance, match=f"event {last.serial + 1} on record"):
        performed(keeper)


def project_on(store: Store, recorded: Sequence[Event] = (), name: str = "shop") -> DurableProject:
    """A project nobody watches or works for."""
    return DurableProject(
        PLANE,
        name,
        store=store,
        recorded=recorded,
        clock=VirtualClock(),
        show=lambda _: None,
        hear=lambda _: None,
    )


def test_two_hosts_on_one_store_are_told_apart() -> None:
    """Who finds a state that is not its own stops instead of telling a mixture."""
    store = InMemoryStore()
    one, other = project_on(store), project_on(store)
    one.decide(FIRST)

    with pytest.raises(OtherPerformance, match="somebody else is playing on the same store"):
        other.decide(TriggerSequence("second", stage="dev", sequence="delivery"))


def test_a_record_with_a_piece_missing_is_refused() -> None:
    """The record must lead to the very state that is kept, or somebody has lost something."""
    store = InMemoryStore()
    project = project_on(store)
    project.decide(FIRST)
    recorded = tuple(project.history)
    project.decide(TriggerSequence("second", stage="dev", sequence="delivery"))
    again = project_on(store, recorded)

    with pytest.raises(OtherPerformance, match="does not lead to the state that is kept"):
        again.decide(FIRST)


def test_the_events_of_another_project_stay_where_they_are() -> None:
    """A store with unsent events of somebody else is no obstacle, and they stay unsent."""
    store = InMemoryStore()
    decision: Decision = PLANE.decide(PLANE.initial("other"), FIRST, BEGIN)
    store.commit(decision)

    project_on(store).decide(FIRST)

    assert decision.events == tuple(store.pending("other", limit=10))
    assert store.pending("shop", limit=10) == ()


def test_a_refusal_is_the_same_from_the_controller_and_from_the_record() -> None:
    """A command that was refused leaves no trace; decided once more it is refused once more."""
    pause = PauseSequence("nobody")
    store = InMemoryStore()
    project = project_on(store)
    refusals = [project.decide(pause)]
    project.decide(FIRST)
    again = project_on(store, project.history)
    refusals.append(again.decide(pause))

    assert refusals[0] == refusals[1]
    assert refusals[0] is not None
    assert "nobody" in refusals[0]


def test_a_sink_that_fails_stops_the_host() -> None:
    """Whoever cannot show an event does not go on as if it had; the event stays in the outbox."""
    store = InMemoryStore()

    def fail(_: Event) -> None:
        raise BrokenPipeError

    project = DurableProject(
        PLANE,
        "shop",
        store=store,
        recorded=(),
        clock=VirtualClock(BEGIN + timedelta(hours=1)),
        show=fail,
        hear=lambda _: None,
    )
    with pytest.raises(BrokenPipeError):
        project.decide(FIRST)

    assert [event.serial for event in store.pending("shop", limit=10)] == [1, 2, 3]
