"""Checks of a host's adapters: whether a store, an event sink or a clock keeps what its port says.

Each is a function with a factory argument that raises `BrokenPromise` with the sentence that does
not hold, and a class to derive a test class from: give it the fixture its docstring names, and
every promise of a store becomes a test of its own::

    class TestMyStore(StoreContract):
        capabilities = StoreCapabilities(reopens=True)

        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda place: MyStore(tmp_path / place)
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar, cast, final

from sequencectl.events import Event
from sequencectl.ports import AsyncStore, Clock, EventSink, Store
from sequencectl.testing.conformance.promises import Check
from sequencectl.testing.conformance.sink import CLOCK_CHECKS, SINK_CHECKS, SinkTrial
from sequencectl.testing.conformance.store import STORE_CHECKS
from sequencectl.testing.conformance.trial import StoreCapabilities, StoreTrial

if TYPE_CHECKING:
    import pytest

T = TypeVar("T")
SinkT = TypeVar("SinkT", bound=EventSink)
MakeStore = Callable[[str], Store]
MakeAsyncStore = Callable[[str], Awaitable[AsyncStore]]
SinkFault = Callable[[SinkT], AbstractContextManager[object]]
_NOTHING_MORE: Final = StoreCapabilities()


def check_store(make: MakeStore, capabilities: StoreCapabilities = _NOTHING_MORE) -> None:
    """Raise `BrokenPromise` unless the stores that `make` opens keep every promise of `Store`.

    `make` takes a place, a word of small letters and hyphens, and opens the store there: a file, a
    schema, a prefix. A place that is named for the first time must be empty. A store with a `close`
    is closed after use, in the thread that opened it.
    """
    for check in _of_store(capabilities):
        check(StoreTrial(make, capabilities.faults, str(check)))


def check_async_store(
    make: MakeAsyncStore, capabilities: StoreCapabilities = _NOTHING_MORE
) -> None:
    """Raise `BrokenPromise` unless an async store keeps every promise; see `check_store`.

    `make` is awaited. Each store has an event loop of its own, so call this where none runs.
    """
    check_store(lambda place: cast("Store", _Awaited(make, place)), capabilities)


def check_event_sink(
    make: Callable[[], SinkT],
    received: Callable[[SinkT, str], Sequence[object]],
    *,
    form: Callable[[Event], object] | None = None,
    faults: Mapping[str, SinkFault[SinkT]] | None = None,
) -> None:
    """Raise `BrokenPromise` unless the sinks that `make` opens keep every promise of `EventSink`.

    `received` returns what receivers have got of a project so far, oldest first; repeats may be
    among it. That is compared with the events themselves or with the `form` the sink gives them;
    an event whose form is None is not published. While a fault is entered the sink cannot publish.
    """
    for check in SINK_CHECKS if faults else SINK_CHECKS[:-1]:
        sink = make()
        bound = {name: partial(fault, sink) for name, fault in (faults or {}).items()}
        check(SinkTrial(sink.emit, partial(received, sink), form or _as_it_is, bound))


def _as_it_is(event: Event) -> object:
    return event


def check_clock(make: Callable[[], Clock]) -> None:
    """Raise `BrokenPromise` unless the clocks that `make` returns keep every promise of `Clock`."""
    for check in CLOCK_CHECKS:
        check(make())


class StoreContract:
    """Tests of a store: `capabilities`, and a fixture `make_store` as `check_store` takes it."""

    capabilities: ClassVar[StoreCapabilities] = _NOTHING_MORE

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each promise."""
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", _of_store(self.capabilities), ids=str)

    def test_promise(self, check: Check[StoreTrial], make_store: MakeStore) -> None:
        """The store keeps a promise of its port."""
        check(StoreTrial(make_store, self.capabilities.faults, str(check)))


class EventSinkContract(ABC, Generic[SinkT]):
    """A test of a sink: a fixture `make_sink`, and what `check_event_sink` takes besides it."""

    faults: ClassVar[Mapping[str, SinkFault[SinkT]]] = {}

    @abstractmethod
    def received(self, sink: SinkT, project: str) -> Sequence[object]:
        """Return what receivers have got of a project so far, oldest first."""

    def form(self, event: Event) -> object:
        """Return what an event is received as, None if it is not published; itself by default."""
        return event

    def test_promises(self, make_sink: Callable[[], SinkT]) -> None:
        """The sink keeps every promise of its port."""
        check_event_sink(make_sink, self.received, form=self.form, faults=self.faults)


class ClockContract:
    """A test of a clock: a fixture `make_clock`."""

    def test_promises(self, make_clock: Callable[[], Clock]) -> None:
        """The clock keeps every promise of its port."""
        check_clock(make_clock)


def _of_store(capabilities: StoreCapabilities) -> list[Check[StoreTrial]]:
    return [each for each in STORE_CHECKS if not each.needs or getattr(capabilities, each.needs)]


@final
class _Awaited:
    """An async store as a sync one: each call is awaited, in an event loop of its own."""

    def __init__(self, make: MakeAsyncStore, place: str) -> None:
        self._runner = asyncio.Runner()
        try:
            self._store = self._get(make(place))
        except BaseException:
            self._runner.close()
            raise

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._store, name)
        return lambda *given, **named: self._get(method(*given, **named))

    def close(self) -> None:
        with self._runner:
            self._get(_closed(self._store))

    def _get(self, answer: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await answer

        return self._runner.run(awaited())


async def _closed(store: AsyncStore) -> None:
    answer = store.close() if hasattr(store, "close") else None
    if isawaitable(answer):
        await answer
