"""A store as the host watches it: what is refused is counted, and which deadlines are its own.

Shows: a store around a store. Whoever committed a deadline comes for it at its instant; of the
deadlines of others, which may be gone, it hears when it looks at the agenda from time to time. So
not every process wakes up for every deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush
from threading import Lock
from typing import Final, cast, final

from examples.controller.metrics import Metrics
from sequencectl import Event, ProjectState
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.ports import Appointment, BatchStore, Store

_SPARE: Final = 100
_OF_MANY: Final = ("load_many", "commit_many", "pending_many", "acknowledge_many")


@final
class OwnDeadlines:
    """The next deadline of each project that was committed here; for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: dict[str, datetime] = {}
        self._line: list[tuple[datetime, str]] = []
        """Every one that was set, a heap. What is not the newest of its project is over."""

    def put(self, project: str, at: datetime | None) -> None:
        """Set the deadline of a project in place of the one before; None: it has none."""
        with self._lock:
            if at is None:
                self._newest.pop(project, None)
            elif self._newest.get(project) != at:
                self._newest[project] = at
                heappush(self._line, (at, project))
                if len(self._line) > 2 * len(self._newest) + _SPARE:
                    self._line = sorted((each, name) for name, each in self._newest.items())

    def next(self) -> datetime | None:
        """Return the earliest one."""
        with self._lock:
            while self._line and not self._is_newest(*self._line[0]):
                heappop(self._line)
            return self._line[0][0] if self._line else None

    def forget(self, now: datetime) -> None:
        """Forget what is due: it is acted on now, or by whoever looks at the agenda next."""
        with self._lock:
            while self._line and self._line[0][0] <= now:
                at, project = heappop(self._line)
                if self._is_newest(at, project):
                    del self._newest[project]

    def _is_newest(self, at: datetime, project: str) -> bool:
        return self._newest.get(project) == at


def watched(store: Store, metrics: Metrics, deadlines: OwnDeadlines) -> WatchedStore:
    """Return a store that does what another does, and counts; what it can do at once it can too."""
    if all(hasattr(store, name) for name in _OF_MANY):
        return WatchedBatchStore(cast("BatchStore", store), metrics, deadlines)
    return WatchedStore(store, metrics, deadlines)


class WatchedStore:
    """A `Store` that counts its commits, its conflicts, and what its agenda says is unsent."""

    def __init__(self, store: Store, metrics: Metrics, deadlines: OwnDeadlines) -> None:
        self._store = store
        self._metrics = metrics
        self._deadlines = deadlines

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return the newest state of a project."""
        return self._store.load(project, known=known)

    def commit(self, decision: Decision) -> bool | None:
        """Commit a decision, and count it."""
        try:
            was_empty = self._store.commit(decision)
        except Conflict as conflict:
            self._count(decision, conflict)
            raise
        self._count(decision, was_empty)
        return was_empty

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the head of a project's outbox."""
        return self._store.pending(project, limit=limit)

    def acknowledge(self, project: str, *, through: int) -> None:
        """Drop what was published."""
        self._store.acknowledge(project, through=through)

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return what is to be done, and note how many projects have unsent events."""
        entries = self._store.agenda(limit=limit)
        self._metrics.unsent_projects.set(sum(entry.at is None for entry in entries))
        return entries

    def _count(self, decision: Decision, answer: bool | Conflict | None) -> None:
        if isinstance(answer, Conflict):
            self._metrics.conflicts.inc()
        else:
            self._metrics.commits.inc()
            self._deadlines.put(decision.project, decision.next_deadline)


@final
class WatchedBatchStore(WatchedStore):
    """The same of a `BatchStore`."""

    def __init__(self, store: BatchStore, metrics: Metrics, deadlines: OwnDeadlines) -> None:
        super().__init__(store, metrics, deadlines)
        self._batches = store

    def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Return the newest state of each project."""
        return self._batches.load_many(projects, known=known)

    def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict | None]:
        """Commit decisions, and count them."""
        answers = self._batches.commit_many(decisions)
        for decision in decisions:
            self._count(decision, answers[decision.project])
        return answers

    def pending_many(self, projects: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox."""
        return self._batches.pending_many(projects, limit=limit)

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Drop what was published, of each project."""
        self._batches.acknowledge_many(through)
