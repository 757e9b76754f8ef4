"""The executors: one for each task name, each an island.

Shows the whole contract of an executor: it hears the `TaskTriggered` of its own task and answers
with reports, nothing else. It knows neither the sequence, nor the state, nor the other executors.
Leaves out doing any work: it only takes its time, in whole seconds drawn from its own seeded dice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import TypeAlias

import attrs

from sequencectl import (
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    Result,
    Status,
    TaskTriggered,
)

Answer: TypeAlias = tuple[timedelta, ReportTaskStarted | ReportTaskProgress | ReportTaskFinished]
"""A report, and how long after the trigger it is sent."""


@attrs.frozen
class Mishap:
    """A run that fails: what its executor says, or that it `dies` in the middle of its work."""

    message: str = ""
    status: Status = Status.SUCCEEDED
    dies: bool = False


Script: TypeAlias = Mapping[tuple[str, str], tuple[Result | Mishap | None, ...]]
"""What becomes of the first runs in a context and a stage; None: no answer. The rest passes."""

REACTION = (2, 6)
DURATION = {
    "deployment": (40, 50),
    "test": (40, 50),
    "evaluation": (30, 40),
    "release": (20, 30),
    "rollback": (25, 35),
    "get-action": (10, 20),
    "action": (30, 40),
    "build": (20, 30),
    "smoke-test": (20, 30),
    "load-test": (200, 220),
}
ANY_DURATION = (30, 40)
SLOW = 2
"""A performance test takes so many times as long as another one."""


class Actor:
    """The executor of one task name; mute once it is stopped."""

    def __init__(self, task: str, *, seed: int, script: Script | None = None) -> None:
        self.task = task
        self.is_stopped = False
        self._script = {where: list(results) for where, results in (script or {}).items()}
        self._dice = Random(f"{seed} {task}")

    def hear(self, event: TaskTriggered) -> tuple[Answer, ...]:
        """Return the reports on a task, each with its delay: from every source that is expected."""
        results = self._script.get((event.subject.context, event.subject.stage), [])
        result = results.pop(0) if results else Result.PASS
        if self.is_stopped or result is None:
            return ()
        return tuple(
            answer
            for source in self._sources(event)
            for answer in self._work(event, source, result)
        )

    def _sources(self, event: TaskTriggered) -> tuple[str, ...]:
        match event.expects:
            case None:
                return (f"{self.task}-service",)
            case int() as number:
                return tuple(f"{self.task}-service-{n + 1}" for n in range(number))
            case sources:
                return tuple(sorted(sources))

    def _work(
        self, event: TaskTriggered, source: str, result: Result | Mishap
    ) -> tuple[Answer, ...]:
        """Return what one source says, from start to finish, well within the limits of the event.

        Where silence has a limit it says every now and then how far it is.
        """
        limits = [event.reaction_timeout, event.completion_timeout]
        shortest = min((limit for limit in limits if limit is not None), default=None)
        reaction = self._seconds(REACTION, shortest)
        duration = self._seconds(DURATION.get(self.task, ANY_DURATION), event.completion_timeout)
        if _is_slow(event):
            duration *= SLOW
        begun = (reaction, event.started(source=source))
        signs = tuple(
            (reaction + after, event.progress(source=source, percent=int(100 * (after / duration))))
            for after in _signs_of_life(event, duration)
        )
        if isinstance(result, Result):
            last = event.finished(source=source, result=result)
        elif result.dies:
            return (begun, *signs[: len(signs) // 2])
        else:
            last = event.finished(
                source=source, result="fail", status=result.status, message=result.message
            )
        return (begun, *signs, (reaction + duration, last))

    def _seconds(self, between: tuple[int, int], limit: timedelta | None) -> timedelta:
        drawn = timedelta(seconds=self._dice.randint(*between))
        return drawn if limit is None else min(drawn, limit / 4)


def _signs_of_life(event: TaskTriggered, duration: timedelta) -> list[timedelta]:
    """Return when an executor that works for so long says that it is still at work."""
    if event.silence_timeout is None:
        return []
    every = event.silence_timeout * 3 / 4
    return [every * number for number in range(1, math.ceil(duration / every))]


def _is_slow(event: TaskTriggered) -> bool:
    """Whether the task's own properties, which are in its input, ask for a performance test."""
    properties = event.input.get(event.task)
    return isinstance(properties, Mapping) and properties.get("teststrategy") == "performance"
