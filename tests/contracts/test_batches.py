"""What stores do for several projects: sound ones pass, a broken one fails with the sentence."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from sequencectl import Conflict, Decision
from sequencectl.ports import AsyncStore, Store
from sequencectl.testing import (
    BrokenPromise,
    InMemoryStore,
    StoreCapabilities,
    StoreContract,
    check_async_store,
    check_store,
)
from sequencectl.testing.conformance.awaited import AwaitedStore, overlapping_calls
from sequencectl.testing.conformance.batch_races import BATCH_RACES
from sequencectl.testing.conformance.batches import BATCH_CHECKS
from sequencectl.testing.conformance.broken import Disk
from sequencectl.testing.conformance.broken_batches import (
    BROKEN_BATCH_STORES,
    AsyncBatchDiskStore,
    BatchDiskStore,
)
from sequencectl.testing.conformance.promises import Check
from sequencectl.testing.conformance.trial import StoreTrial

CHECKS = (*BATCH_CHECKS, *BATCH_RACES)
PROMISES = {str(check): check.run.__doc__ for check in CHECKS}
CAUGHT_BY = {
    "absent projects are None": "absent-from-batches",
    "known states are trusted": "absent-from-batches",
    "states from the future are trusted": "batch-loads",
    "one limit is for all outboxes": "batch-outboxes",
    "empty outboxes are there": "absent-from-batches",
    "names are compared in small letters": "batch-names",
    "a conflict is raised": "batch-commits",
    "nothing is written after a conflict": "batch-commits",
    "conflicts are left out": "batch-commits",
    "events of conflicts are written": "batch-commits",
    "the first conflict is told for all": "batch-commits",
    "every outbox of a batch was empty": "batch-commits",
    "each project is written by itself": "failed-batches",
    "errors of batches are swallowed": "failed-batches",
    "all are acknowledged through the same serial": "batch-acknowledgements",
    "one outbox is acknowledged": "batch-acknowledgements",
    "a restart loses what batches wrote": "batch-restarts",
    "an instance has a cache of its batches": "shared-batches",
    "projects are locked as they are asked for": "racing-batches",
    "a rival may write after the check of a batch": "racing-batches",
    "half a batch can be read": "racing-batch-readers",
}
"""The first promise that each broken store breaks."""


def try_all(disk: Disk) -> None:
    """Try every promise about several projects."""
    for check in CHECKS:
        check(StoreTrial(disk.open, disk.capabilities, str(check)))


class TestBatchDisk(StoreContract):
    disk = Disk(kind=BatchDiskStore)
    capabilities = disk.capabilities

    @pytest.fixture
    def make_store(self) -> Callable[[str], Store]:
        return self.disk.open


@pytest.mark.parametrize("flaw", BROKEN_BATCH_STORES)
def test_a_broken_store_fails_with_the_promise_it_breaks(flaw: str) -> None:
    """It keeps every promise that is tried before."""
    disk = Disk(kind=BROKEN_BATCH_STORES[flaw])

    with pytest.raises(BrokenPromise) as broken:
        try_all(disk)

    assert PROMISES[CAUGHT_BY[flaw]] == broken.value.promise


def test_every_promise_about_batches_is_broken_by_some_store() -> None:
    """No check is one that cannot fail."""
    assert {*PROMISES} == {*CAUGHT_BY.values()}


def test_a_store_that_does_batches_must_declare_them() -> None:
    """A controller would use what nobody has tried."""
    disk = Disk(kind=BatchDiskStore)
    undeclared = StoreCapabilities()

    with pytest.raises(BrokenPromise, match=r"it has load_many, .*declare batches=True"):
        check_store(disk.open, undeclared)
    with pytest.raises(BrokenPromise, match=r"it has load_many, .*declare batches=True"):
        check_async_store(opened(AsyncBatchDiskStore, disk), undeclared)


def test_a_store_that_declares_batches_must_do_them() -> None:
    """What is missing is named."""
    with pytest.raises(BrokenPromise, match="has no attribute 'load_many'"):
        check_store(Disk().open, StoreCapabilities(batches=True))


def test_a_batch_never_raises_a_conflict() -> None:
    """Also where a fault is met: then nobody could tell which of them was meant."""

    class Raising(BatchDiskStore):
        def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, Any]:
            try:
                return super().commit_many(decisions)
            except OSError:
                raise Conflict(decisions[0].project, base=decisions[0].base) from None

    disk = Disk(kind=Raising)

    with pytest.raises(BrokenPromise, match="a Conflict is an answer here"):
        try_all(disk)


def test_a_fault_that_lets_every_batch_through_shows_nothing() -> None:
    """A fault that commits alone meet is a mistake of the test."""

    class Careless(BatchDiskStore):
        def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, Any]:
            return self._place.kept.commit_many(decisions)

    disk = Disk(kind=Careless)

    with pytest.raises(BrokenPromise, match="the fault 'disk full' let every commit through"):
        try_all(disk)


# ---------------------------------------------------------------- stores that await


def opened(kind: Callable[..., AsyncStore], disk: Disk) -> Any:
    """A factory of stores on a disk."""

    async def make(place: str) -> AsyncStore:
        return kind(disk.open(place))

    return make


class KeepsAnswers(AsyncBatchDiskStore):
    """A store that keeps what a batch is answered on itself, across an await."""

    _answers: Mapping[str, Any]

    async def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, Any]:
        self._answers = self._batches.commit_many(decisions)
        await sleep(0)
        return self._answers


def test_an_async_store_is_checked_as_a_sync_one() -> None:
    """A sound one passes with everything it can do, and where calls overlap."""
    disk = Disk(kind=BatchDiskStore)

    check_async_store(opened(AsyncBatchDiskStore, disk), disk.capabilities)


def test_batches_that_overlap_are_tried() -> None:
    """The error says which call met which."""
    overlaps = Check(overlapping_calls)
    make = opened(KeepsAnswers, Disk(kind=BatchDiskStore))

    with pytest.raises(BrokenPromise, match="commit_many at its await 1 met commit_many"):
        overlaps(partial(AwaitedStore, make, "place"))


def test_an_async_store_need_not_tell_that_an_outbox_was_empty() -> None:
    """And it must not tell it of one that was not."""

    class Silent(AsyncBatchDiskStore):
        async def commit(self, decision: Decision) -> bool | None:
            await super().commit(decision)
            return None

    class Wrong(AsyncBatchDiskStore):
        async def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, Any]:
            answers = await super().commit_many(decisions)
            return {each: told or True for each, told in answers.items()}

    overlaps = Check(overlapping_calls)

    overlaps(partial(AwaitedStore, opened(Silent, Disk(kind=BatchDiskStore)), "place"))
    with pytest.raises(BrokenPromise, match="should be False, is True"):
        overlaps(partial(AwaitedStore, opened(Wrong, Disk(kind=BatchDiskStore)), "place"))


def test_a_store_in_memory_does_what_its_subclass_does() -> None:
    """Batches go through the methods for one project: a test that overrides one needs no more."""

    class Down(InMemoryStore):  # type: ignore[misc] # final, but this is the shortest
        def acknowledge(self, project: str, *, through: int) -> None:
            raise OSError(project, through)

    with pytest.raises(OSError, match="p"):
        Down().acknowledge_many({"p": 1})
