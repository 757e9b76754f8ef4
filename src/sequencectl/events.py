"""What has happened: frozen events, past tense, numbered without gaps in a project.

Every event carries `serial` (the number of this event in its project), `at` (the effective instant
of the decision, aware UTC) and a `subject`. Whatever a later reader needs to fold it, or to act on
it, is in the event: deadlines, limits, the copied definition, the place, the forgotten ids. So
``state == reduce(evolve, events, initial)`` whatever shipyard, policy or version decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import final

import attrs

from sequencectl._scalars import (
    ID,
    MESSAGE,
    Count,
    Id,
    IdOrEmpty,
    Lane,
    Message,
    Name,
    NameOrEmpty,
    Percent,
    Priority,
    Reason,
    Text,
)
from sequencectl.commands import ReportTaskFinished, ReportTaskProgress, ReportTaskStarted
from sequencectl.durations import format_duration
from sequencectl.errors import InvalidValue
from sequencectl.outcomes import Result, Status
from sequencectl.payload import EMPTY, FrozenMap
from sequencectl.shipyard.definitions import Approval, SequenceDefinition


class DeadlineKind(Enum):
    """What happens at a deadline; at one instant the earlier member is taken first."""

    REACTION = "reaction"
    """No executor, or fewer than expected, reacted to the task in flight (R27)."""
    SILENCE = "silence"
    """An executor at work on the task in flight was not heard of for too long (R42)."""
    COMPLETION = "completion"
    """The task in flight is not over (R27)."""
    TOTAL = "total"
    """The sequence has run for too long, pauses not counted (R30)."""
    PARKED = "parked"
    """The sequence was parked, and it was neither retried nor skipped (R40)."""
    WAITING = "waiting"
    """The sequence has waited for too long (R30)."""
    ABORT_GRACE = "abort_grace"
    """An abort has waited long enough for the task in flight (R22)."""
    DELAY = "delay"
    """Not a limit: the next task, or the next attempt of one, is due (R10, R39)."""


class TaskEnd(Enum):
    """What comes of a task run that has finished or has run out of time."""

    OVER = "over"
    """The task is over: its result and data count (R12, R14)."""
    RETRIED = "retried"
    """It failed and another attempt follows: nothing of it counts (R39)."""
    PARKED = "parked"
    """It failed and the sequence is parked: it counts when parking ends without a retry or a skip
    (R40).
    """


@final
@attrs.frozen(weakref_slot=False)
class Subject:
    """What an event is about; one object shared by a record and all its events.

    Parts that do not apply are empty: an event about a stage has neither context nor sequence id.
    """

    project: IdOrEmpty
    context: IdOrEmpty = ""
    stage: NameOrEmpty = ""
    sequence: NameOrEmpty = ""
    service: Text = ""
    sequence_id: IdOrEmpty = ""
    revision: Text | None = None


@final
@attrs.frozen
class Control:
    """The person behind a control, and the reason, as the command gave them."""

    actor: Text = ""
    reason: Reason = ""
    request_id: Id | None = None
    requests_remembered: Count = 0
    """How many request ids the project keeps from here on (R25, R33)."""


@final
@attrs.frozen
class TimeoutExplanation:
    """Why a time limit ended something: structured, and as a sentence by ``str`` (R28).

    `since` is the instant the limit counts from; `reacted` are the sources that were heard of and
    `awaited` names the sources that were missing; it is empty if none in particular was expected.
    Of the kind ``silence``, `awaited` names the executors that fell silent (R42).
    """

    kind: DeadlineKind
    stage: Name
    sequence: Name
    task: Name | None
    timeout: timedelta
    since: datetime
    deadline: datetime
    reacted: tuple[Id, ...] = ()
    awaited: Message = ""

    def __str__(self) -> str:
        limit = format_duration(self.timeout)
        heard = f" (heard of: {', '.join(self.reacted)})" if self.reacted else ""
        awaited = f"; still awaited: {self.awaited}" if self.awaited else ""
        where = f"in stage {self.stage}"
        match self.kind:
            case DeadlineKind.REACTION if not self.reacted and not self.awaited:
                said = f"Nobody reacted to task {self.task} {where} within {limit}"
            case DeadlineKind.REACTION:
                said = f"Too few reacted to task {self.task} {where} within {limit}{heard}{awaited}"
            case DeadlineKind.SILENCE:
                said = f"Nothing was heard of {self.awaited} within {limit}, at work on task "
                return f"{said}{self.task} {where}; it was terminated."
            case DeadlineKind.COMPLETION:
                said = f"Task {self.task} {where} was not over within {limit}{heard}{awaited}"
            case DeadlineKind.WAITING:
                said = f"Sequence {self.sequence} {where} could not start within {limit}"
            case _:
                said = f"Sequence {self.sequence} {where} was not over within {limit}"
        return f"{said}; it was terminated."


@final
@attrs.frozen(weakref_slot=False)
class Carried:
    """A task that a redrive does not run: the result that the sequence it redrives had for it.

    None says that it had none: a start in the middle may pass tasks that were never run (R41).
    """

    name: Name
    result: Result | None


@final
@attrs.frozen(weakref_slot=False)
class Redrive:
    """What a sequence redrives: an ended one that failed (R41).

    `family` is the id of the first one, which that one redrives directly or through others, or
    which it is. `carried` are the tasks before the one it begins with.
    """

    sequence_id: Id
    family: Id
    carried: tuple[Carried, ...] = ()


class Cause(Enum):
    """Why a freeze began or ended, or a pause or an aborting sequence came to its end."""

    REQUESTED = "requested"
    """A person asked, and nothing stood in the way."""
    CALENDAR = "calendar"
    """The calendar said that the stage is closed (R37)."""
    FREEZE_OVER = "freeze_over"
    """The instant came until which the stage was frozen (R36)."""
    ENDED = "ended"
    """The last live sequence of the context ended, and its pauses with it (R19)."""
    TASK_OVER = "task_over"
    """The task an abort waited for is over (R22)."""
    TASK_TIMED_OUT = "task_timed_out"
    """The task an abort waited for ran out of time (R22)."""
    GRACE_OVER = "grace_over"
    """The abort waited for its grace and abandoned the task in flight (R22)."""
    FORCED = "forced"
    """A person forced it and the task in flight was abandoned (R23)."""


@attrs.frozen(weakref_slot=False)
class _Event:
    serial: Count
    at: datetime
    subject: Subject


@final
@attrs.frozen(weakref_slot=False)
class SequenceTriggered(_Event):
    """A sequence was accepted and stands in line.

    `parent` is the id of the sequence it follows up on, and `depth` counts how many follow-ups
    stand before it in that chain (R15, R17). `deadline` ends its waiting, `timeout` is that limit.
    `initiators` may not decide an approval that bars them: the actor of its trigger, those of all
    that it redrives, and as a follow-up those of what it follows (R34). `redrive` says what it
    redrives, and which tasks it does not run again (R41).
    """

    lane: Lane
    place: Count
    priority: Priority
    definition: SequenceDefinition
    data: FrozenMap
    timeout: timedelta | None = None
    deadline: datetime | None = None
    parent: Id | None = None
    depth: Count = 0
    initiators: tuple[Text, ...] = ()
    redrive: Redrive | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceStarted(_Event):
    """A sequence holds its lane; `deadline` ends its running, `timeout` is that limit (R1, R30)."""

    timeout: timedelta | None = None
    deadline: datetime | None = None


@final
@attrs.frozen(weakref_slot=False)
class TaskScheduled(_Event):
    """The next task waits for its `triggeredAfter`, or another `attempt` of a task for its backoff,
    and is due at `due_at` (R10, R39).
    """

    task: Name
    index: Count
    due_at: datetime
    attempt: Count = 1


@final
@attrs.frozen(weakref_slot=False)
class TaskTriggered(_Event):
    """The request to run a task: publish it, executors answer with reports (R9, R14, R26).

    `input` is the payload; the limits and the deadlines they give count from `at`; `expects` says
    whose finishes end the task (R11). `silence_timeout` is how long an executor at work may say
    nothing (R42). With an `approval` people decide it: show it to them, and answer with `approve`
    or `reject` (R34). It is attempt number `attempt` at this task, and no failure of an attempt
    before number `attempts` has to be the last word (R39).
    """

    task_id: Id
    task: Name
    index: Count
    input: FrozenMap
    expects: int | frozenset[Id] | None = None
    reaction_timeout: timedelta | None = None
    reaction_deadline: datetime | None = None
    completion_timeout: timedelta | None = None
    completion_deadline: datetime | None = None
    approval: Approval | None = None
    silence_timeout: timedelta | None = None
    attempt: Count = 1
    attempts: Count = 1

    def started(self, *, source: str, report_id: str | None = None) -> ReportTaskStarted:
        """Return the report that `source` has begun to work on this task."""
        return ReportTaskStarted(self.task_id, source=source, report_id=report_id)

    def progress(
        self, *, source: str, message: str = "", percent: int | None = None
    ) -> ReportTaskProgress:
        """Return the report that `source` is still at work on this task, and how far it is (R42).

        `percent` is a whole number from 0 to 100.
        """
        return ReportTaskProgress(self.task_id, source=source, message=message, percent=percent)

    def finished(
        self,
        *,
        source: str,
        result: Result | str,
        status: Status | str = Status.SUCCEEDED,
        message: str = "",
        data: Mapping[str, object] | None = None,
        report_id: str | None = None,
        actor: str = "",
    ) -> ReportTaskFinished:
        """Return the report that `source` is done with this task.

        Of an approval it is a vote, that of `actor` if one is given (R34).
        """
        return ReportTaskFinished(
            self.task_id,
            source=source,
            result=result,
            status=status,
            message=message,
            data=data,
            report_id=report_id,
            actor=actor,
        )

    def approve(self, voter: str, reason: str = "") -> ReportTaskFinished:
        """Return the vote by which `voter`, known by an id, approves (R34).

        Raises `InvalidValue` if this task is no approval.
        """
        return self._vote(voter, Result.PASS, reason)

    def reject(self, voter: str, reason: str = "") -> ReportTaskFinished:
        """Return the vote by which `voter`, known by an id, rejects (R34).

        Raises `InvalidValue` if this task is no approval.
        """
        return self._vote(voter, Result.FAIL, reason)

    def _vote(self, voter: str, result: Result, reason: str) -> ReportTaskFinished:
        if self.approval is None:
            raise InvalidValue("task", self.task, "must be a task with an approval")
        if not ID.permits(voter):
            raise InvalidValue("voter", voter, ID.problem)
        if not MESSAGE.permits(reason):
            raise InvalidValue("reason", reason, MESSAGE.problem)
        return ReportTaskFinished(
            self.task_id, source=voter, actor=voter, result=result, message=reason
        )


@final
@attrs.frozen(weakref_slot=False)
class TaskStartReported(_Event):
    """An executor has begun to work on the task in flight (R11)."""

    task_id: Id
    task: Name
    source: Id
    report_id: Id | None = None


@final
@attrs.frozen(weakref_slot=False)
class TaskProgressReported(_Event):
    """An executor is still at work on the task in flight, and says how far it is (R42)."""

    task_id: Id
    task: Name
    source: Id
    message: Message = ""
    percent: Percent | None = None


@final
@attrs.frozen(weakref_slot=False)
class TaskFinishReported(_Event):
    """An executor is done with the task in flight, or a person has voted (R11, R12, R34).

    `result` is what counts: fail unless the status is succeeded. A report over a bound counts as
    errored, without its data, and `message` names the bound; where the bound is the number of
    sources its source is not `counted` (R33). In an approval the `actor` is the voter, or the
    `source` if that is empty.
    """

    task_id: Id
    task: Name
    source: Id
    result: Result
    status: Status = Status.SUCCEEDED
    message: Message = ""
    data: FrozenMap = EMPTY
    report_id: Id | None = None
    counted: bool = True
    actor: Text = ""

    @property
    def voter(self) -> str:
        """Who votes, if the task is an approval: the actor, else the source (R34)."""
        return self.actor or self.source


@final
@attrs.frozen(weakref_slot=False)
class TaskFinished(_Event):
    """A task run has finished, with the worst result of its reports (R11, R12, R34).

    An approval is over with the votes of the side that decided it; `explanation` is set if nobody
    did, and the limit in it approved it: `message` says so. `end` says what comes of the run: a
    failed attempt may be retried, or the sequence parked (R39, R40).
    """

    task_id: Id
    task: Name
    result: Result
    status: Status
    message: Message = ""
    explanation: TimeoutExplanation | None = None
    end: TaskEnd = TaskEnd.OVER


@final
@attrs.frozen(weakref_slot=False)
class TaskTimedOut(_Event):
    """A task run ran out of time and was terminated (R27, R28, R42).

    `end` says what comes of it: another attempt may follow, or the sequence is parked (R39, R40).
    """

    task_id: Id
    task: Name
    explanation: TimeoutExplanation
    end: TaskEnd = TaskEnd.OVER

    @property
    def result(self) -> Result:
        """The result of the run: one that was terminated has failed (R15)."""
        return Result.FAIL

    @property
    def status(self) -> Status:
        """The status of the run: it could not be done."""
        return Status.ERRORED

    @property
    def message(self) -> str:
        """The explanation as a sentence."""
        return str(self.explanation)


@final
@attrs.frozen(weakref_slot=False)
class SequenceParked(_Event):
    """A task failed, and the sequence keeps its lane until a person decides (R40).

    It ends at `deadline` unless it is retried or skipped before; `timeout` is that limit, and
    `time_left` of its total is kept. Ending it means what it would have meant at once: timed out
    with this `explanation` if there is one, else finished with result fail. `message` says why.
    """

    task_id: Id
    task: Name
    message: Message = ""
    explanation: TimeoutExplanation | None = None
    timeout: timedelta | None = None
    deadline: datetime | None = None
    time_left: timedelta | None = None


@final
@attrs.frozen(weakref_slot=False)
class TaskRetried(_Event):
    """A person had a parked task run again; nothing of the run that failed counts (R40).

    The total of the sequence, `timeout`, ends at `deadline` again.
    """

    task_id: Id
    task: Name
    control: Control
    timeout: timedelta | None = None
    deadline: datetime | None = None


@final
@attrs.frozen(weakref_slot=False)
class TaskSkipped(_Event):
    """A person had a parked task count as run, with this result and status succeeded (R40).

    Nothing else of the run that failed counts. The total of the sequence, `timeout`, ends at
    `deadline` again. `message` says who skipped it, and why.
    """

    task_id: Id
    task: Name
    result: Result
    control: Control
    message: Message = ""
    timeout: timedelta | None = None
    deadline: datetime | None = None


@final
@attrs.frozen(weakref_slot=False)
class ContextPaused(_Event):
    """A scope is paused: the context, or the context in the subject's stage (R18)."""

    control: Control


@final
@attrs.frozen(weakref_slot=False)
class ContextResumed(_Event):
    """A scope, and every scope inside it, is not paused any more (R19, R20)."""

    control: Control
    cause: Cause = Cause.REQUESTED


@final
@attrs.frozen(weakref_slot=False)
class SequencePaused(_Event):
    """A pause reached a sequence; `time_left` of its waiting limit is kept (R18, R30).

    One that is parked stays so (R40).
    """

    time_left: timedelta | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceDrained(_Event):
    """A paused sequence has nothing in flight any more; `time_left` of its total is kept (R30)."""

    time_left: timedelta | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceResumed(_Event):
    """No pause covers the sequence any more; its limit ends at `deadline` again (R20, R30).

    One that is parked stays so, and so does its limit (R40).
    """

    deadline: datetime | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceExempted(_Event):
    """A sequence in line may start in spite of freeze and calendar (R38)."""

    control: Control


@final
@attrs.frozen(weakref_slot=False)
class SequenceAbortRequested(_Event):
    """A sequence ends as soon as `task_id` is over, or at `deadline` (R22)."""

    task_id: Id
    control: Control
    timeout: timedelta | None = None
    deadline: datetime | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceFinished(_Event):
    """A sequence ran to its end, or to its first failed task (R12)."""

    result: Result
    status: Status
    message: Message = ""
    labels: FrozenMap = EMPTY


@final
@attrs.frozen(weakref_slot=False)
class SequenceTimedOut(_Event):
    """A sequence ran out of time; `abandoned_task` was in flight when its total did (R24, R27)."""

    explanation: TimeoutExplanation
    message: Message = ""
    labels: FrozenMap = EMPTY
    abandoned_task: Id | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceAborted(_Event):
    """A sequence ended because a person wanted it to; a force names who forced (R22, R23).

    `abandoned_task` is the task that was in flight and not waited for.
    """

    control: Control
    cause: Cause
    message: Message = ""
    labels: FrozenMap = EMPTY
    abandoned_task: Id | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceSuperseded(_Event):
    """A newcomer, `superseded_by`, took the place of one that waited, or of one that was to be
    approved (R6, R35).

    `abandoned_task` is the approval that was open and is void now.
    """

    superseded_by: Id
    message: Message = ""
    labels: FrozenMap = EMPTY
    abandoned_task: Id | None = None


@final
@attrs.frozen(weakref_slot=False)
class SequenceExpired(_Event):
    """A sequence waited for longer than it may (R30)."""

    explanation: TimeoutExplanation
    message: Message = ""
    labels: FrozenMap = EMPTY


@final
@attrs.frozen(weakref_slot=False)
class StageFrozen(_Event):
    """The stage of the subject admits no sequence, but those that are exempted (R7, R36–R38).

    `until` is the instant at which that ends by itself; None is for good. With the cause
    ``calendar``, `window` names what the calendar says is closed. A stage that was frozen takes the
    new `until`.
    """

    control: Control
    until: datetime | None = None
    cause: Cause = Cause.REQUESTED
    window: Text = ""


@final
@attrs.frozen(weakref_slot=False)
class StageUnfrozen(_Event):
    """The subject's stage admits again: a person wanted it, or the freeze is over (R7, R36)."""

    control: Control
    cause: Cause = Cause.REQUESTED


@final
@attrs.frozen(weakref_slot=False)
class FollowUpRefused(_Event):
    """A sequence that should have followed was not triggered: the chain is `depth` long (R17).

    The subject is the sequence that ended: this alone names a sequence after its ending. `stage`
    and `sequence` say what was refused.
    """

    stage: Name
    sequence: Name
    depth: Count


@final
@attrs.frozen(weakref_slot=False)
class SequencesForgotten(_Event):
    """Ended contexts were forgotten, oldest first, with their sequences (R33).

    The `sequence_ids` stay known as ids; the ids in `released` are not known any more.
    """

    contexts: tuple[Id, ...]
    sequence_ids: tuple[Id, ...]
    released: tuple[Id, ...] = ()


Ending = (
    SequenceFinished | SequenceTimedOut | SequenceAborted | SequenceSuperseded | SequenceExpired
)
"""An event that ends its sequence: exactly one per sequence, ever (R24)."""

SequenceMove = (
    SequenceStarted
    | TaskScheduled
    | TaskTriggered
    | TaskStartReported
    | TaskProgressReported
    | TaskFinishReported
    | TaskFinished
    | TaskTimedOut
    | SequenceParked
    | TaskRetried
    | TaskSkipped
    | SequencePaused
    | SequenceDrained
    | SequenceResumed
    | SequenceExempted
    | SequenceAbortRequested
)
"""An event between the acceptance of a sequence and its end: a row of the rulebook."""

SequenceEvent = SequenceTriggered | SequenceMove | Ending
"""An event about one sequence."""

ProjectEvent = (
    ContextPaused
    | ContextResumed
    | StageFrozen
    | StageUnfrozen
    | FollowUpRefused
    | SequencesForgotten
)
"""An event about more than one sequence, or none."""

Event = SequenceEvent | ProjectEvent
"""Everything that can happen in a project."""


def derived_id(project: str, serial: int, kind: str) -> str:
    """Return the id of what the event with this serial makes: the same one at each emission.

    It is 32 hexadecimal digits of SHA-256 over project, serial and kind, written like a UUID.
    """
    digest = hashlib.sha256(f"{project}\n{serial}\n{kind}".encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
