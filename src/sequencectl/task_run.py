"""One run of a task as a value: who was heard of, what they said, and when it is over.

`TaskRun` is the task in flight, `ParkedTask` one that failed and waits for a person,
`FailedAttempt` and `TaskOutcome` are what is left of a run: one that does not count, and one that
does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never, final

import attrs

from sequencectl._scalars import Count, Id, Message, Name, Percent, Text
from sequencectl.events import TaskTriggered, TimeoutExplanation
from sequencectl.outcomes import Result, Status
from sequencectl.payload import FrozenMap
from sequencectl.shipyard.definitions import Failure


@final
@attrs.frozen(weakref_slot=False)
class Progress:
    """How far an executor said that it was, and when (R42)."""

    at: datetime
    message: Message = ""
    percent: Percent | None = None


@final
@attrs.frozen(weakref_slot=False)
class Executor:
    """What one source has said about the task in flight: how often it started and finished, its
    last progress, and when it was heard of last.

    `heard_at` is None only in states of schema 1, which does not have it.
    """

    source: Id
    starts: Count = 0
    finishes: Count = 0
    heard_at: datetime | None = None
    progress: Progress | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether it has started more often than it has finished: what keeps a task without
        `expects` from being over (R11).
        """
        return self.starts > self.finishes


@final
@attrs.frozen(weakref_slot=False)
class TaskOutcome:
    """A task run that is over, and its result.

    Of one that `is_skipped` the result is what a person said, and `task_id` that of the run which
    had failed (R40).
    """

    task_id: Id
    name: Name
    result: Result
    is_skipped: bool = False


def failure_of(status: Status) -> Failure | None:
    """Return how a run with result fail and this status failed; None if it was aborted (R39)."""
    match status:
        case Status.SUCCEEDED:
            return Failure.FAIL
        case Status.ABORTED:
            return None
        case Status.ERRORED | Status.UNKNOWN:
            return Failure.ERRORED
        case _:
            assert_never(status)


@final
@attrs.frozen(weakref_slot=False)
class FailedAttempt:
    """A run of a task that failed and that another attempt follows: nothing of it counts (R39).

    `index` is the position of the task in its sequence. `by_person` says that a person asked for
    the next attempt, which is the last one then (R40).
    """

    task_id: Id
    index: Count
    failure: Failure | None
    by_person: bool = False


@final
@attrs.frozen(weakref_slot=False)
class ParkedTask:
    """The run of a task whose failure parked its sequence: kept beside the data of that (R40).

    Ending the sequence takes it in: it is timed out with the `explanation` then if there is one,
    else finished, with result fail. `data` is what the data of the sequence becomes then, None if
    the run brought none. `total` is the limit of the sequence as a whole, which stands meanwhile.
    `is_paused` says that a pause covers the sequence: what follows a retry or a skip waits for its
    end.
    """

    task_id: Id
    name: Name
    attempt: Count
    failure: Failure | None
    status: Status
    message: Message = ""
    explanation: TimeoutExplanation | None = None
    data: FrozenMap | None = None
    total: timedelta | None = None
    is_paused: bool = False


@final
@attrs.frozen(weakref_slot=False)
class Vote:
    """What one voter has said last about the approval in flight, and which source brought it.

    `message` is the reason (R34).
    """

    voter: Text
    source: Id
    result: Result
    status: Status = Status.SUCCEEDED
    message: Message = ""

    @property
    def approves(self) -> bool:
        """Whether it is for the approval: pass and warning are."""
        return self.result is not Result.FAIL


@final
@attrs.frozen(weakref_slot=False)
class TaskRun:
    """The task in flight: the event that triggered it, and what was heard of since.

    `data` is what the data of the sequence becomes when this run is over, None as long as no report
    brought any. Of an approval, `executors` have only started, and `votes` are those that stand,
    one a voter, the newest last.
    """

    triggered: TaskTriggered
    executors: tuple[Executor, ...] = ()
    report_ids: tuple[Id, ...] = ()
    result: Result | None = None
    status: Status = Status.SUCCEEDED
    message: Message = ""
    votes: tuple[Vote, ...] = ()
    data: FrozenMap | None = None

    @property
    def task_id(self) -> str:
        """The id that reports name."""
        return self.triggered.task_id

    @property
    def name(self) -> str:
        """The name of the task."""
        return self.triggered.task

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that have reported, in the order of their first reports."""
        heard = tuple([executor.source for executor in self.executors])
        if not self.votes:
            return heard
        return tuple(dict.fromkeys((*heard, *[vote.source for vote in self.votes])))

    @property
    def is_reacted_to(self) -> bool:
        """Whether the reaction limit is met: a source has reported, or all that are expected have
        (R27).
        """
        match self.triggered.expects:
            case None:
                return bool(self.executors or self.votes)
            case int() as number:
                return len(self.executors) >= number
            case sources:
                return sources.issubset(self.sources)

    @property
    def is_over(self) -> bool:
        """Whether all it has to wait for have finished, or votes have decided it (R11, R34)."""
        if self.triggered.approval is not None:
            return bool(self.deciding)
        match self.triggered.expects:
            case None:
                has_finished = False
                for each in self.executors:
                    if each.starts > each.finishes:
                        return False
                    has_finished = has_finished or each.finishes > 0
                return has_finished
            case int() as number:
                return len(self._finished) >= number
            case sources:
                return sources.issubset(self._finished)

    @property
    def approving(self) -> tuple[Vote, ...]:
        """The votes that stand for the approval (R34)."""
        return tuple([vote for vote in self.votes if vote.approves])

    @property
    def rejecting(self) -> tuple[Vote, ...]:
        """The votes that stand against the approval (R34)."""
        return tuple([vote for vote in self.votes if not vote.approves])

    @property
    def deciding(self) -> tuple[Vote, ...]:
        """The votes of the side that has enough of them; none while an approval is open (R34)."""
        approval = self.triggered.approval
        if approval is None:
            return ()
        if len(self.approving) >= approval.approve:
            return self.approving
        return self.rejecting if len(self.rejecting) >= approval.reject else ()

    @property
    def awaited(self) -> str:
        """The sources still to finish, as words; empty if none in particular is awaited."""
        if self.triggered.approval is not None:
            missing = self.triggered.approval.approve - len(self.approving)
            return f"{missing} more approving vote{'s' if missing > 1 else ''}"
        match self.triggered.expects:
            case None:
                return ", ".join(executor.source for executor in self.unfinished)
            case int() as number:
                missing = number - len(self._finished)
                return f"{missing} more executor{'s' if missing > 1 else ''}"
            case sources:
                return ", ".join(sorted(sources.difference(self._finished)))

    @property
    def unfinished(self) -> tuple[Executor, ...]:
        """The executors whose starts keep a task without `expects` from being over (R11)."""
        if self.triggered.expects is not None or self.triggered.approval is not None:
            return ()
        return tuple([each for each in self.executors if each.is_at_work])

    @property
    def at_work(self) -> tuple[Executor, ...]:
        """The executors that have started and not finished, as far as the task waits for them: of
        these nothing may be heard for only so long (R42).
        """
        match self.triggered.expects:
            case None:
                return self.unfinished
            case int():
                return tuple([each for each in self.executors if each.starts > 0 == each.finishes])
            case sources:
                return tuple(
                    each
                    for each in self.executors
                    if each.starts > 0 == each.finishes and each.source in sources
                )

    def heard_at(self, executor: Executor) -> datetime:
        """Return when an executor was heard of last; schema 1 does not say: the trigger then."""
        return self.triggered.at if executor.heard_at is None else executor.heard_at

    @property
    def silence_deadline(self) -> datetime | None:
        """The first instant at which an executor at work has been silent for too long (R42)."""
        timeout = self.triggered.silence_timeout
        if timeout is None:
            return None
        last = min(map(self.heard_at, self.at_work), default=None)
        return None if last is None else last + timeout

    @property
    def _finished(self) -> list[str]:
        """The sources that have finished at least once: starts do not matter with `expects`."""
        return [executor.source for executor in self.executors if executor.finishes]
