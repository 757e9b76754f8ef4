"""What an onlooker learns of a project from its events alone, and what must be true of it.

An `Onlooker` sees every event once, in order. It counts votes, keeps which stages are closed, and
knows who was let through: from the events, never from a state, and by code of its own. It raises
`Violation` at an event that must not be there.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final, final

import attrs

from sequencectl.events import (
    Cause,
    DeadlineKind,
    Event,
    SequenceAborted,
    SequenceExempted,
    SequenceExpired,
    SequenceFinished,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTimedOut,
    SequenceTriggered,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
    TaskFinishReported,
    TaskStartReported,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.outcomes import Result, worst
from sequencectl.policies import Calendar, Opening
from sequencectl.shipyard.definitions import Newcomer, OnExpiry
from sequencectl.testing.simulation.faults import Mishap

_OPEN: Final = Opening(True)


class Violation(Exception):
    """A promise is broken; the message says what was seen instead."""


@final
@attrs.define(eq=False)
class _Task:
    """A task in flight; of an approval, the votes that stand, by voter."""

    triggered: TaskTriggered
    votes: dict[str, Result] = attrs.field(factory=dict)
    started: set[str] = attrs.field(factory=set)
    report_ids: set[str] = attrs.field(factory=set)

    @property
    def is_rejected(self) -> bool:
        """Whether a vote stands that rejects."""
        return Result.FAIL in self.votes.values()

    @property
    def verdict(self) -> Result | None:
        """What the votes decide; None while the approval is open (R34)."""
        approval = self.triggered.approval
        assert approval is not None
        approving = [each for each in self.votes.values() if each is not Result.FAIL]
        if len(approving) >= approval.approve:
            return worst(*approving)
        rejecting = len(self.votes) - len(approving)
        return Result.FAIL if rejecting >= approval.reject else None


@final
@attrs.define(eq=False)
class _Sequence:
    """A sequence, by what its events have said."""

    triggered: SequenceTriggered
    is_exempted: bool = False
    has_started: bool = False
    has_ended: bool = False
    task: _Task | None = None


@final
class Onlooker:
    """Reads the events of one project; `met` counts what was worth seeing."""

    def __init__(self) -> None:
        self.met: Counter[Mishap] = Counter()
        self._sequences: dict[str, _Sequence] = {}
        self._freezes: dict[str, StageFrozen] = {}
        self._decided: _Task | None = None

    def see(self, event: Event, calendar: Calendar | None) -> None:
        """Check the next event; `calendar` is that of the replica that decided it."""
        decided, self._decided = self._decided, None
        if decided is not None and not (
            isinstance(event, TaskFinished) and event.task_id == decided.triggered.task_id
        ):
            raise Violation(f"decided by its votes, and not over: {named(decided.triggered)}")
        match event:
            case SequenceTriggered():
                self._accept(event)
            case SequenceStarted():
                self._start(event, calendar)
            case SequenceExempted():
                self._exempt(event)
            case TaskTriggered():
                self._sequence(event).task = _Task(event)
            case TaskStartReported():
                self._begin(event)
            case TaskFinishReported():
                self._vote(event)
            case TaskFinished() | TaskTimedOut():
                self._close(event)
            case StageFrozen():
                self._freeze(event, calendar)
            case StageUnfrozen():
                self._unfreeze(event, calendar)
            case SequenceSuperseded():
                self._supersede(event)
            case SequenceFinished() | SequenceTimedOut() | SequenceAborted() | SequenceExpired():
                self._end(event)
            case _:
                pass

    def _sequence(self, event: Event) -> _Sequence:
        found = self._sequences.get(event.subject.sequence_id)
        if found is None or found.has_ended:
            raise Violation(f"about a sequence that is not live: {named(event)}")
        return found

    # ------------------------------------------------------------------ one sequence

    def _accept(self, event: SequenceTriggered) -> None:
        parent = None if event.parent is None else self._sequences.get(event.parent)
        if parent is not None and parent.triggered.initiators != event.initiators:
            raise Violation(f"forgets who triggered what it follows: {named(event)}")
        self._sequences[event.subject.sequence_id] = _Sequence(event)

    def _start(self, event: SequenceStarted, calendar: Calendar | None) -> None:
        """Check that nothing keeps back one that starts, or that it is exempted (R37, R38)."""
        sequence, stage = self._sequence(event), event.subject.stage
        sequence.has_started = True
        closed = not _asked(calendar, stage, event.at).is_open
        if sequence.is_exempted:
            self.met[Mishap.LET_THROUGH] += stage in self._freezes or closed
        elif stage in self._freezes:
            raise Violation(f"started in a frozen stage: {named(event)}")
        elif closed:
            raise Violation(f"started in a stage that the calendar closes: {named(event)}")

    def _exempt(self, event: SequenceExempted) -> None:
        sequence = self._sequence(event)
        if sequence.is_exempted or sequence.has_started:
            raise Violation(f"exempted twice, or too late: {named(event)}")
        sequence.is_exempted = True

    def _end(self, event: Event) -> None:
        self._sequence(event).has_ended = True

    def _supersede(self, event: SequenceSuperseded) -> None:
        """Check who makes an approval void: a newer one of the same kind, in line (R35)."""
        sequence, newcomer = self._sequence(event), self._sequences.get(event.superseded_by)
        run = sequence.task
        if run is not None:
            approval, subject = run.triggered.approval, event.subject
            is_void = (
                approval is not None
                and approval.newcomer is Newcomer.SUPERSEDE
                and newcomer is not None
                and not (newcomer.has_started or newcomer.has_ended)
                and newcomer.triggered.serial > sequence.triggered.serial
                and newcomer.triggered.priority >= sequence.triggered.priority
                and _names(newcomer.triggered) == (subject.stage, subject.service, subject.sequence)
            )
            if not is_void or event.abandoned_task != run.triggered.task_id:
                raise Violation(f"superseded at work by {event.superseded_by}: {named(event)}")
            self.met[Mishap.VOID] += 1
        self._end(event)

    # ------------------------------------------------------------------ tasks and votes

    def _run(
        self, event: TaskStartReported | TaskFinishReported | TaskFinished | TaskTimedOut
    ) -> _Task:
        run = self._sequence(event).task
        if run is None or run.triggered.task_id != event.task_id:
            raise Violation(f"about a task that is not open: {named(event)}")
        return run

    def _begin(self, event: TaskStartReported) -> None:
        run = self._run(event)
        if run.triggered.approval is not None and event.source in run.started:
            raise Violation(f"a start takes room from votes: {named(event)}")
        run.started.add(event.source)
        self._remember(run, event)

    def _vote(self, event: TaskFinishReported) -> None:
        """Count a vote: the last one of each voter stands, and nobody barred has one (R34)."""
        run, voter = self._run(event), event.actor or event.source
        self._remember(run, event)
        approval = run.triggered.approval
        if approval is None:
            return
        said = f"{voter} says {event.result.value}, {named(event)}"
        before = run.votes.get(voter)
        if before is event.result:
            raise Violation(f"a vote is counted twice: {said}")
        initiators = self._sequence(event).triggered.initiators
        if not approval.initiator and (not event.actor or voter in initiators):
            raise Violation(f"somebody votes who may not: {said}")
        self.met[Mishap.MIND_CHANGED] += before is not None
        run.votes[voter] = event.result
        if run.verdict is not None:
            self._decided = run

    def _remember(self, run: _Task, event: TaskStartReported | TaskFinishReported) -> None:
        if event.report_id is not None and event.report_id in run.report_ids:
            raise Violation(f"a report is counted twice: {event.report_id}, {named(event)}")
        if event.report_id is not None:
            run.report_ids.add(event.report_id)

    def _close(self, event: TaskFinished | TaskTimedOut) -> None:
        run, sequence = self._run(event), self._sequence(event)
        sequence.task = None
        if run.triggered.approval is not None:
            self._judge(event, run)

    def _judge(self, event: TaskFinished | TaskTimedOut, run: _Task) -> None:
        """Check how an approval is over: by its votes, by consent, or out of time (R34)."""
        approval, why = run.triggered.approval, event.explanation
        assert approval is not None
        if why is None:
            if not isinstance(event, TaskFinished) or event.result is not run.verdict:
                raise Violation(f"over, and its votes say {run.verdict}: {named(event)}")
            return
        if why.deadline > event.at or run.verdict is not None:
            raise Violation(f"an approval ends before its limit: {named(event)}")
        consents = (
            why.kind is DeadlineKind.COMPLETION
            and approval.on_expiry is OnExpiry.APPROVE
            and not run.is_rejected
        )
        expected = worst(Result.PASS, *run.votes.values()) if consents else None
        if expected is not (event.result if isinstance(event, TaskFinished) else None):
            raise Violation(f"silence is taken for {expected}: {named(event)}")
        self.met[Mishap.CONSENT if consents else Mishap.UNDECIDED] += 1

    # ------------------------------------------------------------------ stages

    def _freeze(self, event: StageFrozen, calendar: Calendar | None) -> None:
        """Check a freeze, or that the end of one is moved to a later instant (R36, R37)."""
        stage, before = event.subject.stage, self._freezes.get(event.subject.stage)
        if event.until is not None and event.until <= event.at:
            raise Violation(f"frozen until {event.until}, which has passed: {named(event)}")
        if event.cause is Cause.CALENDAR:
            opening = _asked(calendar, stage, event.at)
            if opening.is_open or opening.until != event.until:
                raise Violation(f"the calendar says {opening}, not what is told: {named(event)}")
            self.met[Mishap.CLOSED] += 1
        elif before is not None and not _is_later(event, before):
            raise Violation(f"a freeze until {before.until} is shortened: {named(event)}")
        self._freezes[stage] = event

    def _unfreeze(self, event: StageUnfrozen, calendar: Calendar | None) -> None:
        """Check that a freeze ends once, at its instant or because a person may end it."""
        freeze = self._freezes.pop(event.subject.stage, None)
        if freeze is None:
            raise Violation(f"not frozen: {named(event)}")
        if event.cause is Cause.FREEZE_OVER:
            if freeze.until is None or event.at < freeze.until:
                raise Violation(f"frozen until {freeze.until}, and over: {named(event)}")
            self.met[Mishap.FREEZE_OVER] += 1
        elif (
            freeze.cause is Cause.CALENDAR
            and not _asked(calendar, event.subject.stage, event.at).is_open
        ):
            raise Violation(f"unfrozen though the calendar closes it: {named(event)}")


def named(event: Event) -> str:
    """Return a few words that tell an event from others."""
    subject = event.subject
    about = subject.sequence_id or subject.context or subject.stage or "a context"
    return f"{type(event).__name__} {event.serial} of {about}"


def _names(event: SequenceTriggered) -> tuple[str, str, str]:
    subject = event.subject
    return subject.stage, subject.service, subject.sequence


def _is_later(event: StageFrozen, before: StageFrozen) -> bool:
    """Return whether a person may replace a freeze: one that ends sooner, or a calendar's."""
    if before.cause is Cause.CALENDAR:
        return True
    return before.until is not None and (event.until is None or event.until > before.until)


def _asked(calendar: Calendar | None, stage: str, at: datetime) -> Opening:
    """Return what a calendar says; one that raises, or answers nonsense, closes for good (R37)."""
    if calendar is None:
        return _OPEN
    try:
        found: object = calendar(stage, at)
    except Exception:  # noqa: BLE001 - as the core takes it
        return Opening(False)
    if not isinstance(found, Opening):
        return Opening(False)
    if not found.is_open and found.until is not None and found.until <= at:
        return Opening(False)
    return found
