"""Checks whether a host's store, event sink or clock does what its port promises.

Each check is a function that takes a factory and raises `BrokenPromise` with the sentence that does
not hold. Each is also a class to derive a test class from: add the fixture that its docstring
names, and every promise of a store becomes a test of its own::

    class TestMyStore(StoreContract):
        capabilities = StoreCapabilities(reopens=True)

        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda place: MyStore(tmp_path / place)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar, cast

from sequencectl.events import Event
from sequencectl.ports import Clock, EventSink, Store
from sequencectl.testing.conformance.awaited import (
    AwaitedStore,
    MakeAsyncStore,
    overlapping_calls,
)
from sequencectl.testing.conformance.batch_races import BATCH_RACES
from sequencectl.testing.conformance.batches import BATCH_CHECKS
from sequencectl.testing.conformance.promises import Check
from sequencectl.testing.conformance.sink import CLOCK_CHECKS, SINK_CHECKS, SinkTrial
from sequencectl.testing.conformance.store import STORE_CHECKS
from sequencectl.testing.conformance.trial import StoreCapabilities, StoreTrial, check_make

if TYPE_CHECKING:
    import pytest

SinkT = TypeVar("SinkT", bound=EventSink)
MakeStore = Callable[[str], Store]
SinkFault = Callable[[SinkT], AbstractContextManager[object]]
_NOTHING_MORE: Final = StoreCapabilities()


def check_store(make: MakeStore, capabilities: StoreCapabilities = _NOTHING_MORE) -> None:
    """Raise `BrokenPromise` unless the stores that `make` opens keep every promise of `Store`.

    `make` takes a place, a word of small letters and hyphens, and opens the store there: in a file,
    a schema or a prefix of that name. A new place must be empty. If a store has a `close`, it is
    called after use, in the thread that opened the store. Each store is used in that thread only.
    A store without places is checked by ``lambda place: MyStore()``.
    """
    for check in _of_store(capabilities):
        check(StoreTrial(make, capabilities, str(check)))


def check_async_store(
    make: MakeAsyncStore, capabilities: StoreCapabilities = _NOTHING_MORE
) -> None:
    """Raise `BrokenPromise` unless an async store keeps every promise; see `check_store`.

    Besides, calls overlap on one store: at every await of each call another call is made. `make`
    is awaited. Each store gets an event loop of its own, so call this where no loop runs.
    """
    check_make(make, "place")
    check_store(lambda place: cast("Store", AwaitedStore(make, place)), capabilities)
    check = Check(overlapping_calls)
    check(partial(AwaitedStore, make, str(check)))


def check_event_sink(
    make: Callable[[], SinkT],
    received: Callable[[SinkT, str], Sequence[object]],
    *,
    form: Callable[[Event], object] | None = None,
    faults: Mapping[str, SinkFault[SinkT]] | None = None,
) -> None:
    """Raise `BrokenPromise` unless the sinks that `make` opens keep every promise of `EventSink`.

    `received` returns what receivers got of a project so far, oldest first; it may have repeats.
    This is compared with the events, or with the `form` that the sink gives each event; an event
    whose form is None is not published. While a fault is entered, the sink cannot publish.
    """
    check_make(make)
    for check in SINK_CHECKS if faults else SINK_CHECKS[:-1]:
        sink = make()
        bound = {name: partial(fault, sink) for name, fault in (faults or {}).items()}
        check(SinkTrial(sink.emit, partial(received, sink), form or _as_it_is, bound))


def _as_it_is(event: Event) -> object:
    return event


def check_clock(make: Callable[[], Clock]) -> None:
    """Raise `BrokenPromise` unless the clocks that `make` returns keep every promise of `Clock`."""
    check_make(make)
    for check in CLOCK_CHECKS:
        check(make())


class StoreContract:
    """Tests of a store; needs `capabilities` and a fixture `make_store`, as for `check_store`."""

    capabilities: ClassVar[StoreCapabilities] = _NOTHING_MORE

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test for each promise."""
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", _of_store(self.capabilities), ids=str)

    def test_promise(self, check: Check[StoreTrial], make_store: MakeStore) -> None:
        """The store keeps a promise of its port."""
        check(StoreTrial(make_store, self.capabilities, str(check)))


class EventSinkContract(ABC, Generic[SinkT]):
    """A test of a sink; needs a fixture `make_sink` and the other arguments of
    `check_event_sink` as attributes and methods.
    """

    faults: ClassVar[Mapping[str, SinkFault[SinkT]]] = {}

    @abstractmethod
    def received(self, sink: SinkT, project: str) -> Sequence[object]:
        """Return what receivers got of a project so far, oldest first."""

    def form(self, event: Event) -> object:
        """Return the form in which an event arrives, None if it is not published."""
        return event

    def test_promises(self, make_sink: Callable[[], SinkT]) -> None:
        """The sink keeps every promise of its port."""
        check_event_sink(make_sink, self.received, form=self.form, faults=self.faults)


class ClockContract:
    """A test of a clock; needs a fixture `make_clock`."""

    def test_promises(self, make_clock: Callable[[], Clock]) -> None:
        """The clock keeps every promise of its port."""
        check_clock(make_clock)


def _of_store(capabilities: StoreCapabilities) -> list[Check[StoreTrial]]:
    every = (*STORE_CHECKS, *BATCH_CHECKS, *BATCH_RACES)
    return [each for each in every if all(getattr(capabilities, need) for need in each.needs)]
