"""The events of the floor: the names and fields of ours, without anything that guards them.

Results, statuses and causes are texts, payloads plain dicts, a definition the names of its tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(slots=True)
class Subject:
    project: str
    context: str = ""
    stage: str = ""
    sequence: str = ""
    service: str = ""
    sequence_id: str = ""
    revision: str | None = None


@dataclass(slots=True)
class Control:
    actor: str = ""
    reason: str = ""
    request_id: str | None = None
    requests_remembered: int = 64


@dataclass(slots=True)
class Fact:
    serial: int
    at: datetime
    subject: Subject


@dataclass(slots=True)
class SequenceTriggered(Fact):
    lane: str
    place: int
    priority: int
    definition: tuple[str, ...]
    data: dict[str, Any]
    timeout: timedelta | None = None
    deadline: datetime | None = None
    parent: str | None = None
    depth: int = 0


@dataclass(slots=True)
class SequenceStarted(Fact):
    timeout: timedelta | None = None
    deadline: datetime | None = None


@dataclass(slots=True)
class TaskTriggered(Fact):
    task_id: str
    task: str
    index: int
    input: dict[str, Any]
    expects: int | None
    reaction_timeout: timedelta
    reaction_deadline: datetime
    completion_timeout: timedelta
    completion_deadline: datetime


@dataclass(slots=True)
class TaskStartReported(Fact):
    task_id: str
    task: str
    source: str
    report_id: str | None = None


@dataclass(slots=True)
class TaskFinishReported(Fact):
    task_id: str
    task: str
    source: str
    result: str
    status: str
    message: str
    data: dict[str, Any]
    report_id: str | None = None
    counted: bool = True


@dataclass(slots=True)
class TaskFinished(Fact):
    task_id: str
    task: str
    result: str
    status: str
    message: str = ""


@dataclass(slots=True)
class ContextPaused(Fact):
    control: Control


@dataclass(slots=True)
class ContextResumed(Fact):
    control: Control
    cause: str = "requested"


@dataclass(slots=True)
class SequencePaused(Fact):
    time_left: timedelta | None = None


@dataclass(slots=True)
class SequenceDrained(Fact):
    time_left: timedelta | None = None


@dataclass(slots=True)
class SequenceResumed(Fact):
    deadline: datetime | None = None


@dataclass(slots=True)
class SequenceFinished(Fact):
    result: str
    status: str
    message: str
    labels: dict[str, Any]
