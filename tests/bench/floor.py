"""A hand-written floor: the least a program that knows only this host's needs would do.

Plain dicts, a deque per lane and classes with slots, all changed in place. In the delivery of 13
commands it makes the same 28 events as `ControlPlane.decide`, field by field, in 13 decisions with
the same fields but the state before (``floor_check.py`` compares them). It does the line of each
lane, the pauses of contexts, the merge of payloads and inputs, the worst result, reports of several
executors, deadlines, and answers to what it knows already or comes too late.

It does not do: checks of names, types, payloads or sizes; frozen values; old states (a decision's
`state` goes on changing, and an exception leaves half a command behind); replay from the events;
aborts, freezes, supersession, priorities, overlapping scopes, follow-ups, delayed or expected
executors, limits that end anything, limits of sequences, request and report ids, forgetting, clocks
that run backwards, explanations; and it hands out task ids that mean nothing to another project.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from tests.bench.floor_events import (
    ContextPaused,
    ContextResumed,
    Control,
    Fact,
    SequenceDrained,
    SequenceFinished,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceTriggered,
    Subject,
    TaskFinished,
    TaskFinishReported,
    TaskStartReported,
    TaskTriggered,
)
from tests.bench.programs import NOW, TASKS

_REACTION: Final = timedelta(minutes=3)
_COMPLETION: Final = timedelta(days=1)
_WORST: Final = {"pass": 0, "warning": 1, "fail": 2}
_NOTHING: Final[dict[str, Any]] = {}


@dataclass(slots=True)
class Decision:
    """What a command led to; `base` is the serial it was decided on."""

    base: int
    state: Floor
    events: list[Fact]
    outcome: str
    command: tuple[str, ...]

    @property
    def next_deadline(self) -> datetime | None:
        """The first instant at which a task in flight runs out of time."""
        open_tasks = (each.task for each in self.state.by_task.values() if each.task is not None)
        return min((task.deadline for task in open_tasks), default=None)


@dataclass(slots=True)
class _Task:
    triggered: TaskTriggered
    executors: dict[str, list[int]] = field(default_factory=dict)
    result: str = "pass"
    status: str = "succeeded"
    message: str = ""

    @property
    def deadline(self) -> datetime:
        """What counts now: somebody has to react, or the task to be over."""
        event = self.triggered
        return event.completion_deadline if self.executors else event.reaction_deadline


@dataclass(slots=True)
class _Sequence:
    subject: Subject
    lane: str
    data: dict[str, Any]
    phase: str = "waiting"
    task: _Task | None = None
    runs: list[tuple[str, str, str]] = field(default_factory=list)
    result: str = "pass"
    status: str = "succeeded"
    message: str = ""


def _merged(base: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    items = dict(base)
    for key, new in later.items():
        old = items.get(key)
        if isinstance(new, dict) and isinstance(old, dict):
            items[key] = _merged(old, new)
        elif isinstance(new, list) and isinstance(old, list):
            items[key] = new + old
        elif new is not None or old is None:
            items[key] = new
    return items


class Floor:
    """A project: what is known by id, who waits and who runs in each lane, who is paused."""

    __slots__ = ("by_task", "contexts", "events", "holders", "lines", "now", "paused",
                 "project", "sequences", "serial", "task_ids")  # fmt: skip

    def __init__(self, project: str) -> None:
        self.project, self.serial, self.task_ids = project, 0, count(1)
        self.sequences: dict[str, _Sequence] = {}
        self.by_task: dict[str, _Sequence] = {}
        self.contexts: dict[str, list[_Sequence]] = {}
        self.lines: dict[str, deque[_Sequence]] = {}
        self.holders: dict[str, _Sequence] = {}
        self.paused: set[str] = set()

    def trigger(self, sequence_id: str, stage: str, service: str, now: datetime) -> Decision:
        """Put a delivery in line, and start it if the lane of its service is free."""
        base, command = self._begin(now), ("trigger", sequence_id, stage, service)
        if sequence_id in self.sequences:
            return Decision(base, self, self.events, "duplicate", command)
        subject = Subject(self.project, sequence_id, stage, "delivery", service, sequence_id)
        lane = f"{stage}/{service}"
        sequence = _Sequence(subject, lane, _NOTHING)
        self.sequences[sequence_id] = sequence
        self.contexts.setdefault(sequence_id, []).append(sequence)
        self.lines.setdefault(lane, deque()).append(sequence)
        serial = self._next()
        event = SequenceTriggered(serial, now, subject, lane, serial, 0, TASKS, _NOTHING)
        self.events.append(event)
        if sequence_id in self.paused:
            self._pause(sequence)
        self._admit(lane)
        return Decision(base, self, self.events, "applied", command)

    def started(self, task_id: str, source: str, now: datetime) -> Decision:
        """Count the report that somebody works on a task."""
        base, command = self._begin(now), ("started", task_id, source)
        sequence = self.by_task.get(task_id)
        if sequence is None or sequence.task is None:
            return Decision(base, self, self.events, "late", command)
        task = sequence.task
        task.executors.setdefault(source, [0, 0])[0] += 1
        name = task.triggered.task
        self.events.append(
            TaskStartReported(self._next(), now, sequence.subject, task_id, name, source)
        )
        return Decision(base, self, self.events, "applied", command)

    def finished(
        self, task_id: str, source: str, result: str, now: datetime, data: dict[str, Any] = _NOTHING
    ) -> Decision:
        """Count the report that somebody is done with a task, and do what follows from it."""
        base, command = self._begin(now), ("finished", task_id, source, result)
        sequence = self.by_task.get(task_id)
        if sequence is None or sequence.task is None:
            return Decision(base, self, self.events, "late", command)
        task, subject = sequence.task, sequence.subject
        task.executors.setdefault(source, [0, 0])[1] += 1
        task.result = max(task.result, result, key=_WORST.__getitem__)
        sequence.data = _merged(sequence.data, data)
        name = task.triggered.task
        self.events.append(
            TaskFinishReported(
                self._next(), now, subject, task_id, name, source, result, "succeeded", "", data
            )
        )
        if all(starts <= finishes for starts, finishes in task.executors.values()):
            self._finish(sequence, task)
        return Decision(base, self, self.events, "applied", command)

    def pause(self, context: str, now: datetime) -> Decision:
        """Let nothing of a context start or go on to its next task."""
        base, command = self._begin(now), ("pause", context)
        if context in self.paused or context not in self.contexts:
            outcome = "already paused" if context in self.paused else "unknown"
            return Decision(base, self, self.events, outcome, command)
        self.paused.add(context)
        subject = Subject(self.project, context)
        self.events.append(ContextPaused(self._next(), now, subject, Control()))
        for sequence in self.contexts[context]:
            self._pause(sequence)
        return Decision(base, self, self.events, "applied", command)

    def resume(self, context: str, now: datetime) -> Decision:
        """Let a context go on where its pause began."""
        base, command = self._begin(now), ("resume", context)
        if context not in self.paused:
            return Decision(base, self, self.events, "not paused", command)
        self.paused.discard(context)
        subject = Subject(self.project, context)
        self.events.append(ContextResumed(self._next(), now, subject, Control()))
        for sequence in self.contexts[context]:
            before = sequence.phase
            self.events.append(SequenceResumed(self._next(), now, sequence.subject))
            sequence.phase = "waiting" if before == "held" else "running"
            if before == "held":
                self._admit(sequence.lane)
            elif before == "paused":
                self._trigger_task(sequence)
        return Decision(base, self, self.events, "applied", command)

    def _begin(self, now: datetime) -> int:
        self.now, self.events = now, list[Fact]()
        return self.serial

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def _pause(self, sequence: _Sequence) -> None:
        sequence.phase = "held" if sequence.phase == "waiting" else "pausing"
        self.events.append(SequencePaused(self._next(), self.now, sequence.subject))

    def _admit(self, lane: str) -> None:
        line = self.lines[lane]
        if lane in self.holders or not line:
            return
        sequence = next((each for each in line if each.phase == "waiting"), None)
        if sequence is not None:
            line.remove(sequence)
            self.holders[lane] = sequence
            sequence.phase = "running"
            self.events.append(SequenceStarted(self._next(), self.now, sequence.subject))
            self._trigger_task(sequence)

    def _trigger_task(self, sequence: _Sequence) -> None:
        subject, runs, now = sequence.subject, sequence.runs, self.now
        name = TASKS[len(runs)]
        task_input = _merged(sequence.data, {name: None})
        if runs:
            task_input["result"], task_input["status"] = runs[-1][2], sequence.status
        if "message" in task_input:
            task_input["message"] = ""
        task_input["project"] = subject.project
        task_input["stage"] = subject.stage
        task_input["service"] = subject.service
        task_id = f"{subject.project}-{next(self.task_ids)}"
        event = TaskTriggered(
            self._next(), now, subject, task_id, name, len(runs), task_input, None,
            _REACTION, now + _REACTION, _COMPLETION, now + _COMPLETION,
        )  # fmt: skip
        sequence.task = _Task(event)
        self.by_task[task_id] = sequence
        self.events.append(event)

    def _finish(self, sequence: _Sequence, task: _Task) -> None:
        subject, now, event = sequence.subject, self.now, task.triggered
        self.events.append(
            TaskFinished(
                self._next(), now, subject, event.task_id, event.task,
                task.result, task.status, task.message,
            )
        )  # fmt: skip
        sequence.task = None
        del self.by_task[event.task_id]
        sequence.runs.append((event.task_id, event.task, task.result))
        sequence.result = max(sequence.result, task.result, key=_WORST.__getitem__)
        sequence.status, sequence.message = task.status, task.message
        if task.result == "fail" or len(sequence.runs) == len(TASKS):
            self._end(sequence)
        elif sequence.phase == "pausing":
            sequence.phase = "paused"
            self.events.append(SequenceDrained(self._next(), now, subject))
        else:
            self._trigger_task(sequence)

    def _end(self, sequence: _Sequence) -> None:
        subject, labels = sequence.subject, sequence.data.get("labels", _NOTHING)
        sequence.phase = "finished"
        self.events.append(
            SequenceFinished(
                self._next(), self.now, subject,
                sequence.result, sequence.status, sequence.message, labels,
            )
        )  # fmt: skip
        live = self.contexts[subject.context]
        live.remove(sequence)
        if not live:
            del self.contexts[subject.context]
            if subject.context in self.paused:
                self.paused.discard(subject.context)
                over = Subject(self.project, subject.context)
                by = Control(requests_remembered=0)
                self.events.append(ContextResumed(self._next(), self.now, over, by, "ended"))
        del self.holders[sequence.lane]
        self._admit(sequence.lane)


def floor(size: int, *, lanes: int = 10) -> Callable[[], int]:
    """Return the delivery on a project in which so many wait, each time another one."""
    project, numbers = Floor("bench"), count()
    for number in range(size + lanes):
        project.trigger(f"w{number}", "busy", f"s{number % lanes}", NOW)

    def run() -> int:
        decisions = list(deliver(project, f"c{next(numbers)}"))
        events = sum(len(decision.events) for decision in decisions)
        last = decisions[-1].events[-1]
        assert isinstance(last, SequenceFinished)
        assert (13, 28, "pass") == (len(decisions), events, last.result)
        return len(decisions)

    return run


def deliver(project: Floor, context: str) -> Iterator[Decision]:
    """Make the 13 decisions of the delivery, one after the other, each when it is asked for."""
    decision = project.trigger(context, "dev", "carts", NOW)
    for name in TASKS:
        yield decision
        task_id = next(each.task_id for each in decision.events if isinstance(each, TaskTriggered))
        yield project.started(task_id, "x", NOW)
        if name == TASKS[1]:
            yield project.pause(context, NOW)
        decision = project.finished(task_id, "x", "pass", NOW)
        if name == TASKS[1]:
            assert not any(isinstance(each, TaskTriggered) for each in decision.events)
            yield decision
            decision = project.resume(context, NOW)
    yield decision
