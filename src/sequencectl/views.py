"""Answers to "how does it stand, and why", for people (R32).

`Explanation` and `OpenTask` print as plain sentences, `DeliveryView` as its status line. Each is
computed from a state on request, and never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, final

import attrs

from sequencectl.errors import UnknownContext
from sequencectl.events import (
    Cause,
    Control,
    DeadlineKind,
    Subject,
    TaskTriggered,
    TimeoutExplanation,
)
from sequencectl.outcomes import Applied, Outcome, Result
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import Approval
from sequencectl.state import Freeze, Pause, ProjectState
from sequencectl.task_run import Executor, TaskRun, Vote

_SHOWN_AHEAD: Final = 10
_STATUS_WORDS: Final = {
    Phase.WAITING: "waiting",
    Phase.HELD: "paused",
    Phase.RUNNING: "running",
    Phase.PAUSING: "paused",
    Phase.PAUSED: "paused",
    Phase.ABORTING: "aborted",
    Phase.FINISHED: "finished",
    Phase.TIMED_OUT: "timed out",
    Phase.ABORTED: "aborted",
    Phase.SUPERSEDED: "superseded",
    Phase.EXPIRED: "expired",
}
_STANDING_WORDS: Final = {
    **_STATUS_WORDS,
    Phase.PAUSING: "pausing",
    Phase.ABORTING: "being aborted",
}
"""A status line says "paused" at once; a sentence says that a task is still in flight."""


@final
@attrs.frozen
class OpenTask:
    """A task in flight, for executors that poll: the event that triggered it, and who reacted.

    `reacted` are the sources of all reports so far, in the order of their first ones. If it is an
    approval, `votes` are those that stand (R34).
    """

    triggered: TaskTriggered
    reacted: tuple[str, ...]
    votes: tuple[Vote, ...] = ()

    def __str__(self) -> str:
        task = self.triggered
        if task.approval is not None:
            since = f"is open since {task.at.isoformat()}"
            counted = _counted(task.approval, self.votes)
            return f"Task {task.task} of {_named(task.subject)} {since}; {counted}."
        heard = f"heard of: {', '.join(self.reacted)}" if self.reacted else "nobody has reacted"
        return (
            f"Task {task.task} of {_named(task.subject)} was triggered at "
            f"{task.at.isoformat()}; {heard}."
        )


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
    the sequence now. `deadline` is the next instant at which it changes by itself, and
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
            *[
                f"{each.finishes} of {each.starts} starts by {each.source} are finished."
                for each in self.unfinished
                if each.starts > 1
            ],
            self.drain_line,
            f"Its {self.deadline_kind.value} deadline is at {self.deadline.isoformat()}."
            if self.deadline is not None and self.deadline_kind is not None and not self.waits_for
            else "",
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


def explain(
    state: ProjectState, record: SequenceRecord, permitted: Callable[[], Mapping[str, Outcome]]
) -> Explanation:
    """Return how a sequence of `state` stands and why.

    `permitted` returns what ``ControlPlane.permitted`` answers for the sequence; it is called only
    if a task is in flight.
    """
    if isinstance(record, LiveSequence):
        return _explain_live(state, record, permitted)
    return _explain(record)


def delivery(state: ProjectState, context: str) -> DeliveryView:
    """Return how the sequences of a context stand; raise `UnknownContext` if it has none."""
    records = state.of_context(context)
    if not records:
        raise UnknownContext(state.project, context)
    shown = [record for record in records if isinstance(record, LiveSequence)] or records
    return DeliveryView(
        context,
        tuple(_status(state, record) for record in records),
        state.context(context).pauses,
        status_line(state, shown[-1]),
        any(record.phase in {Phase.PAUSING, Phase.ABORTING} for record in shown),
    )


def status_line(state: ProjectState, record: SequenceRecord) -> str:
    """Return the words of the proposal for a sequence, such as ``delivery paused``."""
    word = _STATUS_WORDS[record.phase]
    resumed = state.context(record.context).resumed
    if record.phase is Phase.RUNNING and resumed is not None and resumed.covers(record.stage):
        word = "resumed"
    elif record.phase is Phase.FINISHED and record.result is Result.FAIL:
        word = "failed"
    return f"{record.name} {word}"


def open_tasks(state: ProjectState) -> tuple[OpenTask, ...]:
    """Return every task in flight, in the order of the acceptance of their sequences."""
    lanes = (lane for stage in state.index.stages.values() for lane in stage.lanes)
    holders = (state.live(holder) for lane in lanes for holder in state.holders(lane))
    records = (record for record in holders if record is not None)
    return tuple(
        OpenTask(record.task.triggered, record.task.sources, record.task.votes)
        for record in sorted(records, key=lambda record: record.accepted_serial)
        if record.task is not None
    )


def _explain_live(
    state: ProjectState, record: LiveSequence, permitted: Callable[[], Mapping[str, Outcome]]
) -> Explanation:
    queue = state.index.queue(record.lane)
    is_in_line = record.phase.is_in_line
    ahead = queue.ahead(record.ticket) if is_in_line else 0
    holders = (state.live(holder) for holder in _holders(state, record)) if is_in_line else ()
    first = islice(queue.waiting, min(ahead, _SHOWN_AHEAD))
    deadline, kind = record.next_deadline or (None, None)
    return Explanation(
        record.subject,
        record.phase,
        record.since,
        record.result,
        ahead=ahead,
        ahead_ids=tuple(each.sequence_id for each in first),
        holders=tuple((each.sequence_id, each.phase) for each in holders if each is not None),
        pause=state.pause_of(record.context, record.stage) if record.phase.is_paused else None,
        freeze=state.freeze_of(record.stage) if is_in_line else None,
        task=None if record.task is None else record.task.name,
        unfinished=() if record.task is None else record.task.unfinished,
        waits_for=record.task.name if record.abort is not None and record.task else None,
        waits_until=_waits_until(record),
        can_force=record.task is not None and isinstance(permitted()["force"], Applied),
        deadline=deadline,
        deadline_kind=kind,
        control=record.abort,
        exempted=record.exempted,
        **_approval_of(record, record.task),
    )


def _approval_of(record: LiveSequence, run: TaskRun | None) -> dict[str, Any]:
    approval = None if run is None else run.triggered.approval
    if run is None or approval is None:
        return {}
    barred = () if approval.initiator else record.initiators
    return {"approval": approval, "votes": run.votes, "barred": barred}


def _waits_until(record: LiveSequence) -> datetime | None:
    """Return when an abort has waited for its task at the latest: even if executors take it."""
    if record.abort is None or record.task is None:
        return None
    limits = (record.task.triggered.completion_deadline, record.deadline)
    return min((limit for limit in limits if limit is not None), default=None)


def _holders(state: ProjectState, record: LiveSequence) -> tuple[str, ...]:
    """Return the holders of the lane of a sequence and of the lanes that overlap it (R1)."""
    lanes = state.index.lanes_of(record.stage).lanes
    if record.lane == record.stage:
        return tuple(holder for lane in lanes for holder in state.holders(lane))
    return (*state.holders(record.stage), *state.holders(record.lane))


def _explain(record: EndedSequence) -> Explanation:
    return Explanation(
        record.subject,
        record.phase,
        record.ended_at,
        record.result,
        control=record.control,
        limit=record.explanation,
        superseded_by=record.superseded_by,
        message=record.message,
        exempted=record.exempted,
    )


def _status(state: ProjectState, record: SequenceRecord) -> SequenceStatus:
    task = record.task if isinstance(record, LiveSequence) else None
    return SequenceStatus(
        record.sequence_id,
        record.stage,
        record.service,
        record.phase,
        record.result,
        status_line(state, record),
        None if task is None else task.name,
    )


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
