"""The plain view: one line per event, in a fixed format, made of the event alone, in ASCII.

Shows what an event says by itself, without the state: who, where, which task, until when, why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TextIO, assert_never

from examples.demo.view import Clause, Kind, Line, clock, verdict_lines
from sequencectl import Event, TaskTriggered, format_duration
from sequencectl.events import (
    Cause,
    ContextPaused,
    ContextResumed,
    Control,
    FollowUpRefused,
    SequenceAborted,
    SequenceAbortRequested,
    SequenceDrained,
    SequenceExempted,
    SequenceExpired,
    SequenceFinished,
    SequenceParked,
    SequencePaused,
    SequenceResumed,
    SequencesForgotten,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTimedOut,
    SequenceTriggered,
    StageFrozen,
    StageUnfrozen,
    TaskEnd,
    TaskFinished,
    TaskFinishReported,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskStartReported,
    TaskTimedOut,
)


class PlainView:
    """Writes every line at once, for a pipe, a file or a terminal that can do no more."""

    def __init__(self, out: TextIO, names: Mapping[str, str]) -> None:
        self._out = out
        self._names = names

    def recall(self, events: Sequence[Event]) -> None:
        """Write how much is on record, and not a line for each."""
        last = events[-1]
        self._write(f"# {last.serial} events are on record, the last of {clock(last.at)}")

    def event(self, event: Event) -> None:
        """Write an event's line."""
        self._write(event_line(event, self._names))

    def line(self, line: Line) -> None:
        """Write a line of text."""
        self._write(text_line(line))

    def tick(self, now: datetime) -> None:
        """Write nothing: only what happens is worth a line."""

    def judge(self, clauses: Sequence[Clause]) -> None:
        """Write the verdict."""
        self._write("\n".join(("", *verdict_lines(clauses))))

    def _write(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def text_line(line: Line) -> str:
    """Return a line of text as the plain view shows it."""
    match line.kind:
        case Kind.STORY:
            return f"\n# {line.text}"
        case Kind.NOTE:
            return f"# {line.text}"
        case Kind.COMMAND:
            return f"{clock(line.at)} - {line.text}"
        case Kind.REPLY:
            return f"> {line.text}"
        case Kind.STATUS:
            return f"{clock(line.at)} = {line.text}"


def event_line(event: Event, names: Mapping[str, str]) -> str:
    """Return time, serial, event, stage, sequence, service, short context and what else it says."""
    subject = event.subject
    context = names.get(subject.context, subject.context[:8])
    columns = (
        clock(event.at),
        f"{event.serial:4}",
        f"{type(event).__name__:<22}",
        f"{subject.stage or '-':<10}",
        f"{subject.sequence or '-':<11}",
        f"{subject.service or '-':<5}",
        f"{context or '-':<7}",
        detail(event),
    )
    return " ".join(columns).rstrip()


def detail(event: Event) -> str:
    """Return what an event says beyond its subject."""
    match event:
        case SequenceTriggered():
            follows = f", follow-up {event.depth}" if event.parent is not None else ""
            ends = f", to be started by {clock(event.deadline)}" if event.deadline else ""
            again = f", redrives {event.redrive.sequence_id}" if event.redrive else ""
            return f"place {event.place}, priority {event.priority}{follows}{again}{ends}"
        case SequenceStarted():
            return f"to be over by {clock(event.deadline)}" if event.deadline else ""
        case TaskScheduled():
            number = f" {event.attempt}" if event.attempt > 1 else ""
            return f"{event.task}{number}: due at {clock(event.due_at)}"
        case TaskTriggered():
            deadline = event.reaction_deadline
            number = f" {event.attempt} of {event.attempts}" if event.attempts > 1 else ""
            due = f": reaction due by {clock(deadline)}" if deadline else ""
            return f"{event.task}{number}{due}"
        case TaskStartReported():
            return f"{event.task}: by {event.source}"
        case TaskProgressReported():
            return f"{event.task}: {event.percent} % by {event.source}"
        case TaskFinishReported():
            why = f" ({event.message})" if event.message else ""
            return f"{event.task}: {event.result.value} by {event.voter}{why}"
        case TaskFinished():
            return f"{event.task}: {event.result.value}{_end(event.end)}"
        case TaskTimedOut():
            return f"{event.task}{_end(event.end)}: {event.explanation}"
        case SequenceParked():
            until = f", until {clock(event.deadline)}" if event.deadline else ""
            return f"{event.task}{until}"
        case TaskRetried():
            return f"{event.task}: {by(event.control)}"
        case TaskSkipped():
            return f"{event.task}: {event.result.value} {by(event.control)}"
        case StageFrozen():
            until = f"until {clock(event.until)}" if event.until else ""
            return " ".join(part for part in (event.window, until, by(event.control)) if part)
        case StageUnfrozen(cause=Cause.FREEZE_OVER):
            return "the freeze is over"
        case ContextPaused() | StageUnfrozen() | SequenceExempted():
            return by(event.control)
        case ContextResumed():
            return f"{event.cause.value} {by(event.control)}".rstrip()
        case SequencePaused() | SequenceDrained():
            return f"{format_duration(event.time_left)} left" if event.time_left else ""
        case SequenceResumed():
            return f"to be over by {clock(event.deadline)}" if event.deadline else ""
        case SequenceAbortRequested():
            return f"waits for its task in flight, {by(event.control)}"
        case SequenceFinished():
            return f"{event.result.value}"
        case SequenceTimedOut() | SequenceSuperseded() | SequenceExpired():
            return event.message
        case SequenceAborted():
            return f"{event.cause.value}, {by(event.control)}"
        case FollowUpRefused():
            return f"{event.stage}.{event.sequence} would be follow-up {event.depth + 1}"
        case SequencesForgotten():
            return f"{len(event.sequence_ids)} sequences of {len(event.contexts)} contexts"
        case _:
            assert_never(event)


def _end(end: TaskEnd) -> str:
    """Return what comes of a task run, if that is not its end."""
    return "" if end is TaskEnd.OVER else f", {end.value}"


def by(control: Control) -> str:
    """Return who controlled something, and why."""
    reason = f" ({control.reason})" if control.reason else ""
    return f"by {control.actor}{reason}" if control.actor else reason.strip()
