"""The fakes of the ports: what they do besides what the conformance kit asks of them."""

from __future__ import annotations

from datetime import timedelta

from sequencectl.testing import InMemoryStore, ManualClock, RecordingSink
from sequencectl.testing._walk import tour
from tests.support import T0, instant


def test_a_clock_stands_until_it_is_turned() -> None:
    """It goes on and back by durations, and to any instant."""
    clock = ManualClock(T0)

    seen = [clock.now(), clock.now()]
    clock.advance(timedelta(seconds=5))
    seen.append(clock.now())
    clock.advance(timedelta(seconds=-7))
    seen.append(clock.now())
    clock.turn_to(instant(60))
    seen.append(clock.now())

    assert [T0, T0, instant(5), instant(-2), instant(60)] == seen


def test_a_clock_starts_in_utc() -> None:
    """Without a start it shows some fixed instant, the same each time."""
    assert ManualClock().now() == ManualClock().now()
    assert timedelta(0) == ManualClock().now().utcoffset()


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
