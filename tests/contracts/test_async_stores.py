"""Async stores are tried call by call, as sync ones are, and in calls that overlap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pytest

from sequencectl.ports import AsyncStore
from sequencectl.testing import BrokenPromise, check_async_store
from sequencectl.testing.conformance.awaited import AwaitedStore, overlapping_calls
from sequencectl.testing.conformance.broken import (
    BROKEN_ASYNC_STORES,
    BROKEN_STORES,
    AsyncDiskStore,
    Disk,
)
from sequencectl.testing.conformance.promises import Check
from sequencectl.testing.conformance.trial import StoreCapabilities

T = TypeVar("T")
OVERLAPS = Check(overlapping_calls)
SEEN_OF = {
    "a cursor is kept across awaits": "load at its await 2 met load of another project: answers"
    " and content[0].project should be 'p 4', is 'p 4 q'",
    "a transaction is kept across awaits": "commit at its await 1 met commit of the same project:"
    " answers and content[0] should be 'a Conflict', is None",
    "a conflict undoes what others wrote": "commit at its await 1 met commit of the same project:"
    " answers and content[2][0].ledger.serial should be 4, is 3",
    "a second call is an error": "load at its await 1 met load of the same project:"
    " it raised RuntimeError('another call is in progress')",
}


def opened(kind: Callable[..., AsyncStore], disk: Disk) -> Callable[[str], Awaitable[AsyncStore]]:
    """A factory of stores on a disk."""

    async def make(place: str) -> AsyncStore:
        return kind(disk.open(place))

    return make


class OneAfterTheOther(AsyncDiskStore):
    """A store in which every call waits for those that came before it."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # handed on as it is
        self._lock = asyncio.Lock()

    async def _awaited(self, work: Callable[[], T]) -> T:
        async with self._lock:
            return await super()._awaited(work)


class Reconnecting(AsyncDiskStore):
    """A store that deals with an error of what it awaits."""

    async def _awaited(self, work: Callable[[], T]) -> T:
        with suppress(OSError):
            await asyncio.create_task(self._disconnected())
        return await super()._awaited(work)

    async def _disconnected(self) -> None:
        raise OSError("connection reset")


class Prompt(AsyncDiskStore):
    """A store that never gives way."""

    async def _awaited(self, work: Callable[[], T]) -> T:
        return work()


@pytest.mark.parametrize("kind", [AsyncDiskStore, OneAfterTheOther, Reconnecting, Prompt])
def test_calls_of_a_sound_store_may_overlap(kind: type[AsyncDiskStore]) -> None:
    """Whether it locks itself, deals with errors or never gives way."""
    OVERLAPS(partial(AwaitedStore, opened(kind, Disk()), "place"))


def test_an_async_store_is_checked_as_a_sync_one() -> None:
    """A sound one passes with everything it can do, and what has a `close` is closed."""
    disk = Disk()
    stores: list[AsyncDiskStore] = []
    closed: list[AsyncDiskStore] = []

    class Closing(AsyncDiskStore):
        def __init__(self, *given: object) -> None:
            super().__init__(*given)  # type: ignore[arg-type]  # handed on as it is
            stores.append(self)

        async def close(self) -> None:
            closed.append(self)

    check_async_store(opened(Closing, disk), disk.capabilities)

    assert Counter(stores) == Counter(closed)


@pytest.mark.parametrize("flaw", BROKEN_ASYNC_STORES)
def test_what_is_kept_across_awaits_breaks_calls_that_overlap(flaw: str) -> None:
    """The error says which call met which, at which await, and what came of it."""
    make = opened(BROKEN_ASYNC_STORES[flaw], Disk())

    with pytest.raises(BrokenPromise) as broken:
        check_async_store(make)

    assert (overlapping_calls.__doc__, SEEN_OF[flaw]) == (broken.value.promise, broken.value.seen)


def test_a_broken_async_store_fails_as_a_sync_one() -> None:
    """It fails with the promise it breaks, and one that cannot be opened with what it raised."""

    async def locked(_place: str) -> AsyncStore:
        raise OSError("locked")

    with pytest.raises(BrokenPromise, match="A load returns the newest state, whichever state"):
        check_async_store(opened(AsyncDiskStore, Disk(BROKEN_STORES["known is trusted"])))
    with pytest.raises(BrokenPromise, match=r"it raised OSError\('locked'\)"):
        check_async_store(locked, StoreCapabilities())
