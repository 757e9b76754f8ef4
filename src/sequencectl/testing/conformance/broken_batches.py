"""Stores that break one promise about several projects each.

`BatchDiskStore` is sound: a store on a `Disk` with all methods of `BatchStore`. The broken ones do
everything with one project right. `AsyncBatchDiskStore` is for hosts that await.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from threading import BrokenBarrierError, Lock, current_thread, main_thread
from typing import Final, cast, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.events import Event
from sequencectl.state import ProjectState
from sequencectl.testing.conformance.broken import AsyncDiskStore, DiskStore

_Answers = Mapping[str, bool | Conflict | None]
_States = Mapping[str, ProjectState]
_Outboxes = Mapping[str, Sequence[Event]]


class BatchDiskStore(DiskStore):
    """A store on a `Disk` that does batches."""

    def load_many(self, projects: Sequence[str], *, known: _States) -> _States:
        """Return the newest state of each project that has one."""
        found = {project: self.load(project, known=known.get(project)) for project in projects}
        return {project: state for project, state in found.items() if state is not None}

    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        """Keep those that meet no conflict, all or nothing."""
        with self._place.lock:
            self._place.check_space(*decisions)
            return self._place.kept.commit_many(decisions)

    def pending_many(self, projects: Sequence[str], *, limit: int) -> _Outboxes:
        """Return the head of each outbox that is not empty."""
        return self._place.kept.pending_many(projects, limit=limit)

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Drop pending events."""
        self._place.kept.acknowledge_many(through)


# ---------------------------------------------------------------- reading


@final
class _AbsentIsNone(BatchDiskStore):
    def load_many(self, projects: Sequence[str], *, known: _States) -> _States:
        return cast("_States", {each: self.load(each, known=known.get(each)) for each in projects})


@final
class _KnownIsTrusted(BatchDiskStore):
    def load_many(self, projects: Sequence[str], *, known: _States) -> _States:
        return {**super().load_many(projects, known=known), **known}


@final
class _KnownIsNewestOfAll(BatchDiskStore):
    def load_many(self, projects: Sequence[str], *, known: _States) -> _States:
        found = super().load_many(projects, known=known)
        are_known = all(
            each in known and known[each].serial >= found[each].serial for each in found
        )
        return {each: known[each] for each in found} if are_known else found


@final
class _OneLimitForAll(BatchDiskStore):
    def pending_many(self, projects: Sequence[str], *, limit: int) -> _Outboxes:
        found: dict[str, Sequence[Event]] = {}
        for project, events in super().pending_many(projects, limit=limit).items():
            found[project] = events[: limit - sum(map(len, found.values()))]
        return {project: events for project, events in found.items() if events}


@final
class _EmptyOutboxes(BatchDiskStore):
    def pending_many(self, projects: Sequence[str], *, limit: int) -> _Outboxes:
        return {each: self._place.kept.pending(each, limit=limit) for each in projects}


@final
class _NamesInSmallLetters(BatchDiskStore):
    def pending_many(self, projects: Sequence[str], *, limit: int) -> _Outboxes:
        found = super().pending_many(projects, limit=limit)
        small = {project.lower(): project for project in found}
        return {project: found[small[project.lower()]] for project in found}


# ---------------------------------------------------------------- writing


@final
class _RaisesConflicts(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        return {decision.project: self.commit(decision) for decision in decisions}


@final
class _StopsAtConflicts(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers: dict[str, bool | Conflict | None] = {}
        for decision in decisions:
            if not any(isinstance(answer, Conflict) for answer in answers.values()):
                answers |= super().commit_many((decision,))
            else:
                answers[decision.project] = Conflict(decision.project, base=decision.base)
        return answers


@final
class _LeavesOutConflicts(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers = super().commit_many(decisions)
        return {each: told for each, told in answers.items() if not isinstance(told, Conflict)}


@final
class _WritesConflicts(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers = super().commit_many(decisions)
        for decision in decisions:
            if isinstance(answers[decision.project], Conflict):
                self._place.kept._outboxes.setdefault(decision.project, []).extend(decision.events)
        return answers


@final
class _OneConflictForAll(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        conflict: Conflict | None = None
        answers: dict[str, bool | Conflict | None] = {}
        for project, answer in super().commit_many(decisions).items():
            conflict = conflict or (answer if isinstance(answer, Conflict) else None)
            answers[project] = conflict if isinstance(answer, Conflict) else answer
        return answers


@final
class _EveryOutboxWasEmpty(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers = super().commit_many(decisions)
        conflicts = {each: one for each, one in answers.items() if isinstance(one, Conflict)}
        return {**dict.fromkeys(answers, True), **conflicts}


@final
class _OneAfterTheOther(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers: dict[str, bool | Conflict | None] = {}
        for decision in decisions:
            answers |= super().commit_many((decision,))
        return answers


@final
class _SwallowsErrors(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        with suppress(OSError):
            return super().commit_many(decisions)
        return dict.fromkeys(each.project for each in decisions)


@final
class _AcknowledgesAlike(BatchDiskStore):
    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        super().acknowledge_many(dict.fromkeys(through, max(through.values(), default=0)))


@final
class _AcknowledgesOne(BatchDiskStore):
    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        super().acknowledge_many(dict([*through.items()][:1]))


# ---------------------------------------------------------------- restarts, instances, races


@final
class _KeepsBatchesForItself(BatchDiskStore):
    """What is committed in a batch lasts as long as the store that committed it."""

    _mine: list[Decision]

    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers = super().commit_many(decisions)
        self._mine = [*getattr(self, "_mine", ()), *decisions]
        return answers

    def close(self) -> None:
        for decision in getattr(self, "_mine", ()):
            self._place.kept._states.pop(decision.project, None)


@final
class _HasACache(BatchDiskStore):
    def load_many(self, projects: Sequence[str], *, known: _States) -> _States:
        return {**super().load_many(projects, known=known), **self._cached(projects)}

    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        answers = super().commit_many(decisions)
        for decision in decisions:
            if not isinstance(answers[decision.project], Conflict):
                self._own[decision.project] = decision.state
        return answers

    def _cached(self, projects: Sequence[str]) -> _States:
        return {project: self._own[project] for project in projects if project in self._own}


@final
class _LocksAsAsked(BatchDiskStore):
    """Each project has a lock, and they are taken in the order of the call."""

    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        with self._locks([each.project for each in decisions]):
            return super().commit_many(decisions)

    def _locks(self, projects: Sequence[str]) -> ExitStack:
        with ExitStack() as taken:
            for number, project in enumerate(projects):
                lock = self._place.locks.setdefault(project, Lock())
                if not lock.acquire(timeout=3):
                    raise TimeoutError("deadlock detected")
                taken.callback(lock.release)
                if number == 0 and current_thread() is not main_thread():
                    with suppress(BrokenBarrierError):
                        self._place.lockers.wait(timeout=0.3)  # for others that have one each
            return taken.pop_all()


@final
class _ChecksThenWrites(BatchDiskStore):
    """Others may write between the check of the serials and the write."""

    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        stored = {each.project: self._place.kept.load(each.project) for each in decisions}
        self._place.check_space(*decisions)
        if current_thread() is not main_thread():
            with suppress(BrokenBarrierError):
                self._place.rivals.wait(timeout=1)
        return {each.project: self._write(each, stored[each.project]) for each in decisions}

    def _write(self, decision: Decision, stored: ProjectState | None) -> Conflict | None:
        found = stored.serial if stored else 0
        if found != decision.base:
            return Conflict(decision.project, base=decision.base, found=found)
        self._place.write(decision)
        return None


@final
class _ShowsHalf(BatchDiskStore):
    def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        halves = [
            attrs.evolve(one, state=attrs.evolve(one.before, ledger=one.state.ledger))
            for one in decisions
        ]
        answers = super().commit_many(halves)
        if current_thread() is not main_thread():
            self._place.was_read.clear()
            self._place.was_read.wait(timeout=0.01)  # for a reader
        for decision in decisions:
            if not isinstance(answers[decision.project], Conflict):
                self._place.kept._states[decision.project] = decision.state
        return answers


BROKEN_BATCH_STORES: Final[Mapping[str, type[BatchDiskStore]]] = {
    "absent projects are None": _AbsentIsNone,
    "known states are trusted": _KnownIsTrusted,
    "states from the future are trusted": _KnownIsNewestOfAll,
    "one limit is for all outboxes": _OneLimitForAll,
    "empty outboxes are there": _EmptyOutboxes,
    "names are compared in small letters": _NamesInSmallLetters,
    "a conflict is raised": _RaisesConflicts,
    "nothing is written after a conflict": _StopsAtConflicts,
    "conflicts are left out": _LeavesOutConflicts,
    "events of conflicts are written": _WritesConflicts,
    "the first conflict is told for all": _OneConflictForAll,
    "every outbox of a batch was empty": _EveryOutboxWasEmpty,
    "each project is written by itself": _OneAfterTheOther,
    "errors of batches are swallowed": _SwallowsErrors,
    "all are acknowledged through the same serial": _AcknowledgesAlike,
    "one outbox is acknowledged": _AcknowledgesOne,
    "a restart loses what batches wrote": _KeepsBatchesForItself,
    "an instance has a cache of its batches": _HasACache,
    "projects are locked as they are asked for": _LocksAsAsked,
    "a rival may write after the check of a batch": _ChecksThenWrites,
    "half a batch can be read": _ShowsHalf,
}
"""Kinds of stores for a `Disk`, by what is wrong with them."""


class AsyncBatchDiskStore(AsyncDiskStore):
    """A `BatchDiskStore` for hosts that await."""

    def __init__(self, store: BatchDiskStore) -> None:
        super().__init__(store)
        self._batches = store

    async def load_many(self, projects: Sequence[str], *, known: _States) -> _States:
        """Return the newest state of each project that has one."""
        return await self._awaited(partial(self._batches.load_many, projects, known=known))

    async def commit_many(self, decisions: Sequence[Decision]) -> _Answers:
        """Keep those that meet no conflict, all or nothing."""
        return await self._awaited(partial(self._batches.commit_many, decisions))

    async def pending_many(self, projects: Sequence[str], *, limit: int) -> _Outboxes:
        """Return the head of each outbox that is not empty."""
        return await self._awaited(partial(self._batches.pending_many, projects, limit=limit))

    async def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Drop pending events."""
        await self._awaited(partial(self._batches.acknowledge_many, through))
