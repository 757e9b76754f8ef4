"""Answers to "how does it stand, and why", for people (R32).

`Explanation` and `OpenTask` print as plain sentences, `DeliveryView` as its status line. Each is
computed from a state when it is asked for, and never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, final

import attrs

from sequencectl.durations import format_duration
from sequencectl.events import (
    Cause,
    Control,
    DeadlineKind,
    Subject,
    TaskTriggered,
    TimeoutExplanation,
)
from sequencectl.outcomes import Result
from sequencectl.sequence import Phase
from sequencectl.shipyard.definitions import Approval, Failure
from sequencectl.state import Freeze, Pause
from sequencectl.task_run import Executor, ParkedTask, Progress, Vote

STATUS_WORDS: Final = {
    Phase.WAITING: "waiting",
    Phase.HELD: "paused",
    Phase.RUNNING: "running",
    Phase.PARKED: "parked",
    Phase.PAUSING: "paused",
    Phase.PAUSED: "paused",
    Phase.ABORTING: "aborted",
    Phase.FINISHED: "finished",
    Phase.TIMED_OUT: "timed out",
    Phase.ABORTED: "aborted",
    Phase.SUPERSEDED: "superseded",
    Phase.EXPIRED: "expired",
}
"""What a status line calls a phase."""
_STANDING_WORDS: Final = {
    **STATUS_WORDS,
    Phase.PAUSING: "pausing",
    Phase.ABORTING: "being aborted",
}
"""A status line says "paused" at once; a sentence says that a task is still in flight."""
_FAILED: Final = {
    Failure.FAIL: "failed",
    Failure.ERRORED: "errored",
    Failure.TIMED_OUT: "ran out of time",
}


@final
@attrs.frozen
class OpenTask:
    """A task in flight, for executors that poll: the event that triggered it, and who reacted.

    `reacted` are the sources of all reports so far, in the order of their first ones. If it is an
    approval, `votes` are those that stand (R34). `progress` has the last progress of each source
    that reported any (R42).
    """

    triggered: TaskTriggered
    reacted: tuple[str, ...]
    votes: tuple[Vote, ...] = ()
    progress: tuple[tuple[str, Progress], ...] = ()

    def __str__(self) -> str:
        task = self.triggered
        if task.approval is not None:
            since = f"is open since {task.at.isoformat()}"
            counted = _counted(task.approval, self.votes)
            return f"Task {task.task} of {_named(task.subject)} {since}; {counted}."
        heard = f"heard of: {', '.join(self.reacted)}" if self.reacted else "nobody has reacted"
        number = f" (attempt {task.attempt} of {task.attempts})" if task.attempts > 1 else ""
        limit = ""
        if task.silence_timeout is not None:
            silence = format_duration(task.silence_timeout)
            limit = f"; an executor at work is given up after {silence} of silence"
        said = f"Task {task.task} of {_named(task.subject)} was triggered at {task.at.isoformat()}"
        return " ".join((f"{said}{number}; {heard}{limit}.", *_progress_lines(self.progress)))


@final
@attrs.frozen
class Explanation:
    """How one sequence stands and why; ``str`` gives it in plain sentences.

    For a sequence in line, `ahead` says how many start before it and `ahead_ids` names the first
    ten of these; `holders` are the sequences that hold the lane, each with its phase. `pause` and
    `freeze` keep it back, and say by whom, or by which window of the calendar and until when;
    `exempted` says who let it through in spite of that (R38). If an `approval` is open, `votes` are
    those that stand, and `barred` may not vote (R34). `unfinished` are the executors that its task
    waits for since they have started more often than they have finished (R11). `waits_for` is the
    task that an abort waits for, and `waits_until` the instant at which that wait ends at the
    latest, None without a limit; `can_force` says that a task is in flight and that force would end
    the sequence now. The task in flight, or the next one, is at attempt number `attempt` of
    `attempts`, and `last_failure` says how the attempt before failed (R39). `progress` has the last
    progress of each source that reported any (R42). `parked` is the run that the sequence is parked
    with: a retry, a skip or an abort gets it out before the deadline (R40). `redrives` is the
    sequence that it redrives, and `redriven_by` the newest one that redrives it (R41). `deadline`
    is the next instant at which it changes by itself, and
    `deadline_kind` says what happens then.
    For a sequence that has ended, `control`, `limit` or `superseded_by` is the cause, and `message`
    tells it in a sentence.
    """

    subject: Subject
    phase: Phase
    since: datetime
    result: Result
    ahead: int = 0
    ahead_ids: tuple[str, ...] = ()
    holders: tuple[tuple[str, Phase], ...] = ()
    pause: Pause | None = None
    freeze: Freeze | None = None
    task: str | None = None
    unfinished: tuple[Executor, ...] = ()
    waits_for: str | None = None
    waits_until: datetime | None = None
    can_force: bool = False
    deadline: datetime | None = None
    deadline_kind: DeadlineKind | None = None
    control: Control | None = None
    limit: TimeoutExplanation | None = None
    superseded_by: str | None = None
    message: str = ""
    approval: Approval | None = None
    votes: tuple[Vote, ...] = ()
    barred: tuple[str, ...] = ()
    exempted: Control | None = None
    attempt: int = 1
    attempts: int = 1
    last_failure: str = ""
    progress: tuple[tuple[str, Progress], ...] = ()
    parked: ParkedTask | None = None
    redrives: str | None = None
    redriven_by: str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in (self._standing(), *self._reasons()) if part)

    @property
    def drain_line(self) -> str:
        """What a pause or an abort waits for, as a sentence; empty if it waits for nothing.

        That of an abort says until when it waits, and whether force ends it now (R22, R23).
        """
        if self.phase is Phase.PAUSING and self.pause is not None:
            return f"The pause{_by(self.pause.control)} waits for task {self.task}."
        if self.waits_for is None or self.control is None:
            return ""
        forced = "; force ends it at once" if self.can_force else ""
        waits = f"The abort{_by(self.control)} waits for task {self.waits_for}"
        return f"{waits} {self._how_long()}{forced}."

    @property
    def approval_line(self) -> str:
        """How many votes of how many an open approval has, and whose, as a sentence; else empty."""
        if self.approval is None:
            return ""
        barred = f"; {_listed(self.barred)} may not vote" if self.barred else ""
        counted = _counted(self.approval, self.votes)
        return f"Task {self.task} has {counted}{barred}."

    @property
    def attempt_line(self) -> str:
        """Which attempt at its task this is, and how the one before failed, as a sentence; empty
        for a first one (R39).
        """
        if self.attempt == 1 or self.parked is not None or self.phase.has_ended:
            return ""
        failed = f"the one before {self.last_failure}" if self.last_failure else ""
        which = f"attempt {self.attempt} of {self.attempts}"
        standing = f"Task {self.task} is in {which}" if self.task else f"Next is {which}"
        return f"{standing}; {failed}."

    @property
    def parked_line(self) -> str:
        """Why it is parked, and what gets it out, as a sentence; empty if it is not (R40)."""
        parked = self.parked
        if parked is None:
            return ""
        said = f": {parked.message.rstrip('.')}" if parked.message else ""
        failed = f"{how_failed(parked.failure)} in attempt {parked.attempt}{said}"
        limit = "there is no limit"
        if self.deadline is not None:
            limit = f"at {self.deadline.isoformat()} it ends with that failure"
        way_out = "Retry the task, skip it or abort the sequence"
        return f"Task {parked.name} {failed}. {way_out}; {limit}."

    def _how_long(self) -> str:
        last = None if self.waits_until is None else f"until {self.waits_until.isoformat()} at most"
        if self.deadline is None or self.deadline_kind is not DeadlineKind.REACTION:
            return last or "without a limit"
        # an executor that takes the task in time may work on it until the later limit
        taken = f"if executors take it by then, {last or 'until they finish'}"
        return f"until {self.deadline.isoformat()}; {taken}"

    def _standing(self) -> str:
        since = self.since.isoformat()
        said = f"{_named(self.subject)} is {_STANDING_WORDS[self.phase]} since {since}"
        if self.parked is not None:
            return f"{said}, with task {self.parked.name}."
        if self.phase.is_in_line:
            return f"{said}, with {self.ahead} waiting ahead of it."
        if self.phase.has_ended:
            return f"{said}, with result {self.result.value}."
        return f"{said}, in task {self.task}." if self.task else f"{said}, between tasks."

    def _reasons(self) -> tuple[str, ...]:
        holders = ", ".join(f"{known} ({phase.value})" for known, phase in self.holders)
        pause = None if self.phase is Phase.PAUSING else self.pause
        return (
            f"The lane is held by {holders}." if holders else "",
            f"Paused{_by(pause.control)}." if pause is not None else "",
            _kept_back(self.freeze) if self.freeze is not None else "",
            f"It is exempted{_by(self.exempted)}." if self.exempted is not None else "",
            self.approval_line,
            self.attempt_line,
            self.parked_line,
            *_progress_lines(self.progress),
            *[
                f"{each.finishes} of {each.starts} starts by {each.source} are finished."
                for each in self.unfinished
                if each.starts > 1
            ],
            self.drain_line,
            f"Its {self.deadline_kind.value} deadline is at {self.deadline.isoformat()}."
            if self.deadline is not None
            and self.deadline_kind is not None
            and not self.waits_for
            and self.parked is None
            else "",
            f"It redrives {self.redrives}." if self.redrives is not None else "",
            f"It is redriven by {self.redriven_by}." if self.redriven_by is not None else "",
            self.message,
        )


@final
@attrs.frozen
class SequenceStatus:
    """One sequence of a delivery, with its status line: ``delivery paused``."""

    sequence_id: str
    stage: str
    service: str
    phase: Phase
    result: Result
    status_line: str
    task: str | None


@final
@attrs.frozen
class DeliveryView:
    """How a delivery stands across stages: its sequences in the order of their acceptance.

    `status_line` is that of the live sequence accepted last; if none is live, of the last one.
    `is_draining` says that a pause or an abort waits for a task in flight.
    """

    context: str
    sequences: tuple[SequenceStatus, ...]
    pauses: tuple[Pause, ...]
    status_line: str
    is_draining: bool

    def __str__(self) -> str:
        draining = " (waits for the task in flight)" if self.is_draining else ""
        return f"{self.context}: {self.status_line}{draining}"


def how_failed(failure: Failure | None) -> str:
    """Return how a run failed, as the end of a sentence."""
    return "was aborted" if failure is None else _FAILED[failure]


def _progress_lines(progress: Iterable[tuple[str, Progress]]) -> Iterator[str]:
    """Yield for each source how far it said that it was, and when, as a sentence."""
    for source, last in progress:
        percent = "progress" if last.percent is None else f"{last.percent} %"
        said = f" ({last.message.rstrip('.')})" if last.message else ""
        yield f"{source} reported {percent}{said} at {last.at.isoformat()}."


def _kept_back(freeze: Freeze) -> str:
    """Return who or what froze a stage, and until when, as a sentence (R36, R37)."""
    until = "" if freeze.until is None else f" until {freeze.until.isoformat()}"
    if freeze.cause is not Cause.CALENDAR:
        return f"The stage is frozen{until}{_by(freeze.control)}."
    named = f" ({freeze.window})" if freeze.window else ""
    return f"The calendar closes the stage{until or ' for good'}{named}."


def _counted(approval: Approval, votes: tuple[Vote, ...]) -> str:
    """Return how many votes of how many stand on either side, and whose (R34)."""
    sides = (
        ("approving", approval.approve, [vote.voter for vote in votes if vote.approves]),
        ("rejecting", approval.reject, [vote.voter for vote in votes if not vote.approves]),
    )
    return " and ".join(
        f"{len(voters)} of {needed} {side} votes" + (f" (by {_listed(voters)})" if voters else "")
        for side, needed, voters in sides
        if voters or side == "approving"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _named(subject: Subject) -> str:
    service = f" of {subject.service}" if subject.service else ""
    return f"{subject.sequence}{service} in stage {subject.stage}"


def _by(control: Control) -> str:
    actor = f" by {control.actor}" if control.actor else ""
    return f"{actor} ({control.reason})" if control.reason else actor
