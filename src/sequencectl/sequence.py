"""One sequence as a value: its phase, its data, and what is left of it when it ended.

`LiveSequence` and `EndedSequence` are records: frozen, compared by value, made only by the fold of
events. Both answer to `sequence_id`, `context`, `stage`, `name`, `service`, `place`, `phase` and
`result`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import final

import attrs

from sequencectl._scalars import Count, Id, Lane, Message, Name, Priority, Text
from sequencectl.events import Control, DeadlineKind, Redrive, Subject, TimeoutExplanation
from sequencectl.outcomes import Result, Status
from sequencectl.payload import FrozenMap
from sequencectl.shipyard.definitions import SequenceDefinition, TaskDefinition
from sequencectl.stage_queue import Ticket
from sequencectl.task_run import FailedAttempt, ParkedTask, TaskOutcome, TaskRun


class Phase(Enum):
    """The finite control state of a sequence; its moves are the rows of the rulebook."""

    WAITING = "waiting"
    """In line for its lane."""
    HELD = "held"
    """In line, paused: keeps its place and is passed."""
    RUNNING = "running"
    """Holds its lane; a task is in flight or scheduled."""
    PARKED = "parked"
    """A task failed; holds its lane with nothing in flight until a person decides."""
    PAUSING = "pausing"
    """Paused while a task is in flight; holds its lane."""
    PAUSED = "paused"
    """Paused with nothing in flight; holds its lane."""
    ABORTING = "aborting"
    """Abort requested while a task is in flight; holds its lane."""
    FINISHED = "finished"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"

    # Members are singletons, and Enum's own hashes the name each time; mypy wants a method.
    __hash__: Callable[[Phase], int] = object.__hash__  # type: ignore[assignment]

    @property
    def is_in_line(self) -> bool:
        """Whether it waits for its lane, held or not."""
        return self in _IN_LINE

    @property
    def holds_lane(self) -> bool:
        """Whether it occupies its lane (R5)."""
        return self in _HOLDING

    @property
    def has_ended(self) -> bool:
        """Whether it is over for good (R24)."""
        return self in _ENDED

    @property
    def is_paused(self) -> bool:
        """Whether a pause keeps it from its next task or from starting (R18)."""
        return self in _PAUSED


_IN_LINE = frozenset({Phase.WAITING, Phase.HELD})
_HOLDING = frozenset({Phase.RUNNING, Phase.PARKED, Phase.PAUSING, Phase.PAUSED, Phase.ABORTING})
_PAUSED = frozenset({Phase.HELD, Phase.PAUSING, Phase.PAUSED})
_ENDED = frozenset(Phase) - _IN_LINE - _HOLDING


@attrs.frozen(weakref_slot=False)
class _Record:
    subject: Subject
    place: Count
    accepted_serial: Count

    @property
    def sequence_id(self) -> str:
        """Its id."""
        return self.subject.sequence_id

    @property
    def context(self) -> str:
        """The delivery it belongs to."""
        return self.subject.context

    @property
    def stage(self) -> str:
        """The stage it runs in."""
        return self.subject.stage

    @property
    def name(self) -> str:
        """The name of its definition."""
        return self.subject.sequence

    @property
    def service(self) -> str:
        """What is delivered."""
        return self.subject.service

    @property
    def family(self) -> str:
        """The id of the first one of its family: its own, unless it redrives another one (R41)."""
        redrive: Redrive | None = self.redrive  # type: ignore[attr-defined] # records have it
        return self.subject.sequence_id if redrive is None else redrive.family


@final
@attrs.frozen(weakref_slot=False)
class LiveSequence(_Record):
    """A sequence from its acceptance to its end.

    `place` is its position in the line's order and `accepted_serial` the serial of its acceptance;
    they differ only for one that took over the place of those it superseded (R6). `initiators` may
    not decide an approval that bars them (R34), and `exempted` is the control that lets it start in
    spite of freeze and calendar (R38). `redrive` says which sequence it redrives (R41), `retried`
    are the task runs that failed and that others followed (R39), `parked` is the one it is parked
    with (R40). `timeout`,
    `deadline` and `time_left` belong to the limit of the sequence as a whole: `waiting` before it
    starts, `total` after that, `parked` while it is parked, the grace of an abort while it is
    aborting. `deadline` is None while that clock stands; `time_left` is what remains then, and
    while it is parked what remains of its total. `serial` and `at` are
    the serial and the instant of the last event about it.
    """

    lane: Lane
    priority: Priority
    definition: SequenceDefinition
    depth: Count
    data: FrozenMap
    accepted_at: datetime
    serial: Count
    at: datetime
    phase: Phase = Phase.WAITING
    since: datetime = attrs.field(default=attrs.Factory(lambda self: self.accepted_at, True))
    started_at: datetime | None = None
    runs: tuple[TaskOutcome, ...] = ()
    task: TaskRun | None = None
    due_at: datetime | None = None
    timeout: timedelta | None = None
    deadline: datetime | None = None
    time_left: timedelta | None = None
    result: Result = Result.PASS
    status: Status = Status.SUCCEEDED
    message: Message = ""
    abort: Control | None = None
    initiators: tuple[Text, ...] = ()
    exempted: Control | None = None
    redrive: Redrive | None = None
    retried: tuple[FailedAttempt, ...] = ()
    parked: ParkedTask | None = None

    @property
    def ticket(self) -> Ticket:
        """Its position in the queue of its lane, the same from its acceptance to its end (R2)."""
        return Ticket(-self.priority, self.place, self.subject.sequence_id)

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids of its task runs: first of failed attempts, then of runs that are over, last of
        the run that is in flight or parked.
        """
        over: tuple[FailedAttempt | TaskOutcome, ...] = self.runs
        if self.retried:
            over = (*self.retried, *over)
        ids = tuple([run.task_id for run in over])
        last = self.task or self.parked
        return ids if last is None else (*ids, last.task_id)

    @property
    def next_index(self) -> int:
        """The position of the task after the last one that is over or carried; the number of tasks
        when all are.
        """
        return (
            len(self.runs) if self.redrive is None else len(self.redrive.carried) + len(self.runs)
        )

    @property
    def next_task(self) -> TaskDefinition | None:
        """The task after the last one that is over or carried; None when all are."""
        index, tasks = len(self.runs), self.definition.tasks
        if self.redrive is not None:
            index = self.next_index
        return tasks[index] if index < len(tasks) else None

    @property
    def next_attempt(self) -> int:
        """The number of the next attempt at the next task, 1 for the first."""
        if not self.retried:
            return 1
        index = self.next_index
        return 1 + sum(each.index == index for each in self.retried)

    @property
    def data_if_over(self) -> FrozenMap:
        """Its data with what the task in flight, or the one it is parked with, has brought: that is
        what an end leaves which takes it in (R14, R40).
        """
        run = self.task or self.parked
        return self.data if run is None or run.data is None else run.data

    @property
    def is_paused(self) -> bool:
        """Whether a pause covers it: in phase or, while it is parked, beside it (R18, R40)."""
        return self.phase.is_paused or (self.parked is not None and self.parked.is_paused)

    @property
    def next_deadline(self) -> tuple[datetime, DeadlineKind] | None:
        """The first instant at which it changes by itself, and what happens then; None if nothing
        but a command can change it (R10, R27, R30).

        Of several at one instant the one that stands first in `DeadlineKind` is taken.
        """
        at: datetime | None = None
        kind = _REACTION
        if self.task is not None:
            triggered = self.task.triggered
            if triggered.reaction_deadline is not None and not self.task.is_reacted_to:
                at = triggered.reaction_deadline
            if triggered.silence_timeout is not None:
                silent = self.task.silence_deadline
                if silent is not None and (at is None or silent < at):
                    at, kind = silent, _SILENCE
            limit = triggered.completion_deadline
            if limit is not None and (at is None or limit < at):
                at, kind = limit, _COMPLETION
        if self.deadline is not None and (at is None or self.deadline < at):
            at, kind = self.deadline, _OWN_LIMIT[self.phase]
        due_at = self.due_at
        if due_at is not None and self.phase is Phase.RUNNING and (at is None or due_at < at):
            at, kind = due_at, DeadlineKind.DELAY
        return None if at is None else (at, kind)


# An attribute of an Enum takes 120 ns on Python 3.11, and this is asked twice for each command.
_REACTION, _SILENCE, _COMPLETION = (
    DeadlineKind.REACTION,
    DeadlineKind.SILENCE,
    DeadlineKind.COMPLETION,
)
_OWN_LIMIT = {
    Phase.WAITING: DeadlineKind.WAITING,
    Phase.RUNNING: DeadlineKind.TOTAL,
    Phase.PARKED: DeadlineKind.PARKED,
    Phase.PAUSING: DeadlineKind.TOTAL,
    Phase.ABORTING: DeadlineKind.ABORT_GRACE,
}


@final
@attrs.frozen(weakref_slot=False)
class EndedSequence(_Record):
    """What stays of a sequence that is over: how it ended, when, and why (R24, R32, R34, R38).

    `explanation` is set when a time limit ended it, `control` when a person did, `abort` keeps a
    graceful abort that came before; `superseded_by` is the id of the newcomer that took its place
    and `abandoned_task` the id of a task that was in flight. `initiators`, `exempted`, `redrive`
    and `retried` are those of the live one. `next_task` is the name of the first task that was not
    run, None if all were: a redrive may begin there (R41).
    """

    accepted_at: datetime
    ended_at: datetime
    serial: Count
    phase: Phase
    result: Result
    status: Status
    started_at: datetime | None = None
    runs: tuple[TaskOutcome, ...] = ()
    message: Message = ""
    explanation: TimeoutExplanation | None = None
    control: Control | None = None
    abort: Control | None = None
    superseded_by: Id | None = None
    abandoned_task: Id | None = None
    initiators: tuple[Text, ...] = ()
    exempted: Control | None = None
    redrive: Redrive | None = None
    retried: tuple[FailedAttempt, ...] = ()
    next_task: Name | None = None

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids of its task runs: first of failed attempts, then of runs that are over."""
        over: tuple[FailedAttempt | TaskOutcome, ...] = (*self.retried, *self.runs)
        return tuple([run.task_id for run in over])

    @property
    def outcomes(self) -> tuple[tuple[str, Result | None], ...]:
        """The names and results of its tasks: first of the carried tasks, then of those that ran.

        A carried task may have no result, which is None (R15, R41).
        """
        carried = () if self.redrive is None else self.redrive.carried
        before = [(task.name, task.result) for task in carried]
        return (*before, *[(run.name, run.result) for run in self.runs])


SequenceRecord = LiveSequence | EndedSequence
"""A sequence that a project knows."""
