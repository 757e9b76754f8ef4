"""One run of a task as a value: who was heard of, what they said, and when it is over.

`TaskRun` is the task in flight, `TaskOutcome` what is left of one that is over.
"""

from __future__ import annotations

from typing import final

import attrs

from sequencectl._scalars import Count, Id, Message, Name, Text
from sequencectl.events import TaskTriggered
from sequencectl.outcomes import Result, Status


@final
@attrs.frozen(weakref_slot=False)
class Executor:
    """What one source has said about the task in flight: how often it started and finished."""

    source: Id
    starts: Count = 0
    finishes: Count = 0

    @property
    def has_finished(self) -> bool:
        """Whether it finished at least once and as often as it started: what a task without
        `expects` waits for (R11).
        """
        return self.finishes > 0 and self.starts <= self.finishes


@final
@attrs.frozen(weakref_slot=False)
class TaskOutcome:
    """A task run that is over."""

    task_id: Id
    name: Name
    result: Result


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

    Of an approval, `executors` have only started, and `votes` are those that stand, one a voter,
    the newest last.
    """

    triggered: TaskTriggered
    executors: tuple[Executor, ...] = ()
    report_ids: tuple[Id, ...] = ()
    result: Result | None = None
    status: Status = Status.SUCCEEDED
    message: Message = ""
    votes: tuple[Vote, ...] = ()

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
                return bool(self.executors) and all(each.has_finished for each in self.executors)
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
        return tuple([each for each in self.executors if not each.has_finished])

    @property
    def _finished(self) -> list[str]:
        """The sources that have finished at least once: starts do not matter with `expects`."""
        return [executor.source for executor in self.executors if executor.finishes]
