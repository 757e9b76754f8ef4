"""What a host may ask for: frozen commands, checked when they are made.

A command is imperative and may be refused. Constructing one raises `InvalidValue` (or its kinds)
if a value could never be accepted; whether it can be accepted *now* is what ``decide`` answers.

Ids (`sequence_id`, `context`, `task_id`, `source`, `report_id`, `request_id`) are 1 to 200
printable ASCII characters; `service`, `actor` and `revision` are up to 200 printable characters,
`reason` up to 1 000.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, final

import attrs

from sequencectl._scalars import (
    Id,
    Limit,
    Message,
    Name,
    Percent,
    Priority,
    Reason,
    Text,
    checked,
    checked_instant,
)
from sequencectl.errors import InvalidValue, SequencectlError, required
from sequencectl.outcomes import RejectedCode, Result, Status
from sequencectl.payload import FrozenMap, freeze

_EnumT = TypeVar("_EnumT", bound=Enum)
_checked = checked(InvalidValue)


def _read(kind: type[_EnumT], where: str, value: object) -> _EnumT:
    if type(value) is kind:
        return value
    try:
        return kind(value)
    except ValueError:
        permitted = ", ".join(str(member.value) for member in kind)
        raise InvalidValue(where, value, f"must be one of {permitted}") from None


def _result(value: Result | str) -> Result:
    return _read(Result, "result", value)


def _status(value: Status | str) -> Status:
    return _read(Status, "status", value)


def _data(value: Mapping[str, object] | None) -> FrozenMap:
    return freeze(value)


def _until(value: datetime | None) -> datetime | None:
    return None if value is None else checked_instant(value, "until")


def _context_or_own_id(value: str | None, command: Any) -> str:
    own_id: str = command.sequence_id
    return own_id if value is None else value


if TYPE_CHECKING:  # type checkers read plain functions only

    def _context(value: str | None) -> str: ...

else:
    _context = attrs.Converter(_context_or_own_id, takes_self=True)


@final
@attrs.frozen(field_transformer=_checked)
class TriggerSequence:
    """Run a sequence of a stage for a service (R2, R6, R8, R34).

    `context` names the delivery this belongs to and defaults to the sequence id. `data` is the
    payload the first task receives. `priority` overrides the definition's; higher goes first.
    `revision` names the version of the configuration (Keptn's ``gitcommitid``). `actor` is the
    person behind it, who may be barred from approving it. `redrives` is the id of an ended one that
    failed: this one goes on where that one stopped, or at the task `start_at` (R41).
    """

    sequence_id: Id
    stage: Name = attrs.field(kw_only=True)
    sequence: Name = attrs.field(kw_only=True)
    service: Text = attrs.field(default="", kw_only=True)
    context: Id = attrs.field(default=None, kw_only=True, converter=_context)
    data: FrozenMap = attrs.field(default=None, kw_only=True, converter=_data)
    priority: Priority | None = attrs.field(default=None, kw_only=True)
    revision: Text | None = attrs.field(default=None, kw_only=True)
    actor: Text = attrs.field(default="", kw_only=True)
    redrives: Id | None = attrs.field(default=None, kw_only=True)
    start_at: Name | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.start_at is not None and self.redrives is None:
            problem = "says where a redrive begins and must not be given without 'redrives'"
            raise InvalidValue("start_at", self.start_at, problem)


@final
@attrs.frozen(field_transformer=_checked)
class ReportTaskStarted:
    """An executor, known by its `source`, has begun to work on a task (R11, R13).

    A `report_id` makes the report safe to send again.
    """

    task_id: Id
    source: Id = attrs.field(kw_only=True)
    report_id: Id | None = attrs.field(default=None, kw_only=True)


@final
@attrs.frozen(field_transformer=_checked)
class ReportTaskFinished:
    """An executor's last word on a task: its result, and data for the tasks after it (R11–R14).

    On a task with an approval it is a vote: pass and warning approve, anything else rejects, and
    `message` is the reason. The voter is the `actor`, or the `source` if that is empty (R34). Other
    tasks ignore the `actor`.
    """

    task_id: Id
    source: Id = attrs.field(kw_only=True)
    result: Result = attrs.field(kw_only=True, converter=_result)
    status: Status = attrs.field(default=Status.SUCCEEDED, kw_only=True, converter=_status)
    message: Message = attrs.field(default="", kw_only=True)
    data: FrozenMap = attrs.field(default=None, kw_only=True, converter=_data)
    report_id: Id | None = attrs.field(default=None, kw_only=True)
    actor: Text = attrs.field(default="", kw_only=True)


@final
@attrs.frozen(field_transformer=_checked)
class ReportTaskProgress:
    """An executor is still at work on a task, and may say how far it is (R13, R42).

    `percent` is a whole number from 0 to 100. It is a sign of life: it says neither that the
    executor has started, nor that it has finished.
    """

    task_id: Id
    source: Id = attrs.field(kw_only=True)
    message: Message = attrs.field(default="", kw_only=True)
    percent: Percent | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(field_transformer=_checked)
class _Control:
    """A person's command: who gives it, why, and an id that makes it safe to send again (R25)."""

    actor: Text = attrs.field(default="", kw_only=True)
    reason: Reason = attrs.field(default="", kw_only=True)
    request_id: Id | None = attrs.field(default=None, kw_only=True)


@final
@attrs.frozen(field_transformer=_checked)
class PauseSequence(_Control):
    """Let the task in flight finish and trigger nothing after it, in a scope (R18, R19).

    The scope is a whole context, or a context in one `stage`, reached or not.
    """

    context: Id
    stage: Name | None = attrs.field(default=None, kw_only=True)


@final
@attrs.frozen(field_transformer=_checked)
class ResumeSequence(_Control):
    """Take back the pause of a scope and of the scopes inside it (R20)."""

    context: Id
    stage: Name | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(field_transformer=_checked)
class _Addressed(_Control):
    """A control of what is live in a context, in one stage of it, or of one sequence."""

    context: Id | None = None
    sequence_id: Id | None = attrs.field(default=None, kw_only=True)
    stage: Name | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.context is None) == (self.sequence_id is None):
            given = (self.context, self.sequence_id)
            raise InvalidValue(
                "context, sequence_id", given, "exactly one of the two must be given"
            )
        if self.context is None and self.stage is not None:
            raise InvalidValue("stage", self.stage, "narrows a context and must not be given here")


@final
@attrs.frozen(field_transformer=_checked)
class AbortSequence(_Addressed):
    """End what is live in a context, in one stage of it, or one sequence (R22, R23).

    Give either `context` (and perhaps `stage`) or `sequence_id`. A task in flight finishes first
    unless `force` is true, which abandons it and frees the lane at once.
    """

    force: bool = attrs.field(default=False, kw_only=True, validator=required(bool))


@final
@attrs.frozen(field_transformer=_checked)
class RetryTask(_Addressed):
    """Run the failed task of what is parked again, once (R40).

    Give either `context` (and perhaps `stage`) or `sequence_id`.
    """


@final
@attrs.frozen(field_transformer=_checked)
class SkipTask(_Addressed):
    """Let what is parked go on as if its failed task had come to `result` (R40).

    Give either `context` (and perhaps `stage`) or `sequence_id`. With ``fail`` the sequence ends.
    """

    result: Result = attrs.field(kw_only=True, converter=_result)


@final
@attrs.frozen(field_transformer=_checked)
class FreezeStage(_Control):
    """Let no sequence start in a stage; a running one goes on to its end (R7, R36).

    `until` is the instant at which the freeze ends by itself, aware; None is for good.
    """

    stage: Name
    until: datetime | None = attrs.field(default=None, kw_only=True, converter=_until)


@final
@attrs.frozen(field_transformer=_checked)
class UnfreezeStage(_Control):
    """Let sequences start in a stage again, at once, unless the calendar says closed (R7, R37)."""

    stage: Name


@final
@attrs.frozen(field_transformer=_checked)
class ExemptSequence(_Control):
    """Let one sequence start in spite of freeze and calendar, as soon as its lane is free (R38)."""

    sequence_id: Id


@final
@attrs.frozen(field_transformer=_checked)
class CheckDeadlines:
    """Act on what has become due, at most `limit` deadlines in one decision (R29)."""

    limit: Limit = 500


Report = ReportTaskStarted | ReportTaskProgress | ReportTaskFinished
"""A command that carries an executor's word."""

ContextControl = PauseSequence | ResumeSequence | AbortSequence | RetryTask | SkipTask
"""A person's control of a delivery."""

StageControl = FreezeStage | UnfreezeStage
"""A person's control of a stage."""

SequenceCommand = Report | ContextControl | CheckDeadlines
"""Everything a single sequence that has been accepted can be told."""

Command = TriggerSequence | SequenceCommand | StageControl | ExemptSequence
"""Everything a project can be told."""


class CommandRejected(SequencectlError):
    """A command was refused; raised by ``Decision.raise_if_rejected``.

    `code` is for programs, `message` is a sentence for people and `command` is what was refused.
    """

    def __init__(self, code: RejectedCode, message: str, command: Command) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.command = command
