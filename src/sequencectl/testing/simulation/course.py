"""A sequence by its task runs, as `Attempts` reads it from events: which one is its turn, and what
its data has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, final

import attrs

from sequencectl.events import SequenceParked, SequenceTriggered, TaskTriggered
from sequencectl.outcomes import Result, worst
from sequencectl.policies import LONGEST_TIMEOUT
from sequencectl.shipyard.definitions import TaskDefinition

MARK: Final = "reported by"
"""Where executors leave the id of their task in their data; no task can have this name."""


@final
@attrs.define(eq=False)
class Run:
    """An attempt in flight, or one that failed and is parked."""

    triggered: TaskTriggered
    marks: frozenset[str] = frozenset()
    starts: Counter[str] = attrs.field(factory=Counter)
    finishes: Counter[str] = attrs.field(factory=Counter)
    heard: dict[str, datetime] = attrs.field(factory=dict)
    progress: dict[str, datetime] = attrs.field(factory=dict)

    @property
    def at_work(self) -> set[str]:
        """Who has started and not finished, as far as the task waits for them (R11, R42)."""
        match self.triggered.expects:
            case None:
                return {each for each in self.starts if self.starts[each] > self.finishes[each]}
            case int():
                return {each for each in self.starts if not self.finishes[each]}
            case sources:
                return {each for each in sources if self.starts[each] and not self.finishes[each]}


@final
@attrs.define(eq=False)
class Course:
    """A sequence by its runs: at which task it is, how often that was tried, what its data has.

    `results` are those of the tasks that are carried or over, and `result` is the worst of them,
    where a carried fail does not count (R41). `failed` is the run that is parked.
    `total` is when its own limit ends, as long as that clock runs.
    """

    triggered: SequenceTriggered
    marks: frozenset[str]
    results: list[Result | None]
    result: Result
    attempt: int = 0
    is_by_person: bool = False
    is_aborting: bool = False
    has_started: bool = False
    is_paused: bool = False
    has_ended: bool = False
    has_failed: bool = False
    run: Run | None = None
    due_at: datetime | None = None
    failed: Run | None = None
    parked: SequenceParked | None = None
    total: datetime | None = None

    @property
    def family(self) -> str:
        """The id of the first one of its family (R41)."""
        redrive = self.triggered.redrive
        return self.triggered.subject.sequence_id if redrive is None else redrive.family

    @property
    def task(self) -> TaskDefinition:
        """The task that is in flight, parked or next."""
        return self.triggered.definition.tasks[len(self.results)]

    @property
    def delay(self) -> timedelta:
        """What has to pass before the next attempt (R10, R39)."""
        task = self.task
        if not self.attempt:
            return task.triggered_after
        if task.retry is None or self.is_by_person:
            return timedelta(0)
        factor: int = task.retry.factor ** (self.attempt - 1)
        return min(task.retry.backoff * factor, LONGEST_TIMEOUT)

    def take_in(self, run: Run | None, result: Result) -> None:
        """Let a task be over, with what its last run brought."""
        self.results.append(result)
        self.marks |= frozenset() if run is None else run.marks
        self.attempt, self.is_by_person = 0, False
        self.result = worst(self.result, result)


def marks_of(data: Mapping[str, object]) -> frozenset[str]:
    """Return the ids of the runs whose reports are in data."""
    found = data.get(MARK)
    return frozenset(found) if isinstance(found, Mapping) else frozenset()
