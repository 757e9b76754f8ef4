"""`SequenceStateMachine`: one sequence by itself, for hosts that keep the line themselves.

It decides with the very code a `ControlPlane` uses for each of its sequences. It knows no contexts,
lanes, follow-ups or remembered requests: a pause is one pause of this sequence, whatever its scope,
and the host says when the sequence starts.
"""

from __future__ import annotations

from datetime import datetime
from typing import ParamSpec, assert_never, final

import attrs

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl._scalars import checked_instant
from sequencectl._sequence import life
from sequencectl._sequence.draft import (
    EventType,
    after,
    checked_project,
    effective_instant,
)
from sequencectl._sequence.failures import too_many_attempts
from sequencectl._sequence.fold import fold
from sequencectl._sequence.reports import payload_refusal, report
from sequencectl._sequence.rulebook import next_phase
from sequencectl._sequence.tasks import priority_of, trigger_task
from sequencectl._sequence.votes import no_actor
from sequencectl.errors import InvalidValue, required
from sequencectl.outcomes import APPLIED, Outcome, Rejected, RejectedCode, Unchanged, UnchangedCode
from sequencectl.policies import Bounds, TimeoutPolicy
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import SequenceDefinition

P = ParamSpec("P")


@final
@attrs.frozen
class SequenceDecision:
    """What a command leads to for one sequence; `state` is None if it was not accepted."""

    before: SequenceRecord | None
    state: SequenceRecord | None
    events: tuple[e.SequenceEvent, ...]
    outcome: Outcome
    command: c.TriggerSequence | c.SequenceCommand | None

    @property
    def next_deadline(self) -> datetime | None:
        """The first instant at which the sequence has something to do by itself."""
        if not isinstance(self.state, LiveSequence) or self.state.next_deadline is None:
            return None
        return self.state.next_deadline[0]

    def raise_if_rejected(self) -> None:
        """Raise `CommandRejected` if the command was refused."""
        if isinstance(self.outcome, Rejected) and self.command is not None:
            raise c.CommandRejected(self.outcome.code, self.outcome.message, self.command)


@final
@attrs.frozen
class SequenceStateMachine:
    """Decides for single sequences of one definition: immutable, without state of its own.

    The way of a sequence: `accept` it, `start` it when the host's line says so, `decide` on every
    report and control, and on `CheckDeadlines` at the decision's `next_deadline`. Keep the state
    that each decision returns. Phases move along the rulebook (``docs/state-machine.md``) and
    nowhere else.
    """

    definition: SequenceDefinition = attrs.field(validator=required(SequenceDefinition))
    timeouts: TimeoutPolicy = attrs.field(
        factory=TimeoutPolicy, kw_only=True, validator=required(TimeoutPolicy)
    )
    bounds: Bounds = attrs.field(factory=Bounds, kw_only=True, validator=required(Bounds))

    def __attrs_post_init__(self) -> None:
        self.timeouts.check(self.bounds)
        for task in self.definition.tasks:
            is_approval = task.approval is not None
            self.timeouts.for_task(task.name, task.timeouts, is_approval=is_approval)

    def accept(
        self, command: c.TriggerSequence, now: datetime, *, project: str = ""
    ) -> SequenceDecision:
        """Return the decision that puts a sequence in the host's line, waiting (R8, R26)."""
        if not isinstance(command, c.TriggerSequence):
            raise InvalidValue("command", command, "must be a TriggerSequence")
        now = checked_instant(now)
        if project != "":
            checked_project(project)
        if command.sequence != self.definition.name:
            message = f"This machine runs {self.definition.name!r}, not {command.sequence!r}."
            refusal = Rejected(RejectedCode.UNKNOWN_SEQUENCE, message)
            return SequenceDecision(None, None, (), refusal, command)
        too_large = payload_refusal(command, self.bounds)
        if too_large is not None:
            return SequenceDecision(None, None, (), too_large, command)
        if command.redrives is not None:
            message = f"This machine knows no other sequence, and not {command.redrives!r}."
            refusal = Rejected(RejectedCode.UNKNOWN_SEQUENCE, message)
            return SequenceDecision(None, None, (), refusal, command)
        if not command.actor and self.definition.bars_initiators:
            return SequenceDecision(None, None, (), no_actor("a trigger"), command)
        waiting = self.timeouts.waiting_for(self.definition.timeouts)
        subject = e.Subject(
            project, command.context, command.stage, command.sequence, command.service,
            command.sequence_id, command.revision,
        )  # fmt: skip
        event = e.SequenceTriggered(
            1,
            now,
            subject,
            lane=command.stage,
            place=1,
            priority=priority_of(command, self.definition),
            definition=self.definition,
            data=command.data,
            timeout=waiting,
            deadline=after(now, waiting),
            initiators=(command.actor,) if command.actor else (),
        )
        return SequenceDecision(None, fold(None, event), (event,), APPLIED, command)

    def start(self, state: SequenceRecord, now: datetime) -> SequenceDecision:
        """Return the decision that gives a waiting sequence its lane and triggers its first task.

        Raises `IllegalTransition` if it does not wait: the host's line says when it starts.
        """
        sequence = self._draft(state, now)
        next_phase(state.phase, e.SequenceStarted)
        life.start(sequence)
        return sequence.decision(APPLIED, None)

    def decide(
        self, state: SequenceRecord, command: c.SequenceCommand, now: datetime
    ) -> SequenceDecision:
        """Return what `command` leads to; never raises for a race.

        Raises `InvalidValue` for a mistake of the program: a naive instant, a wrong type.
        """
        if not isinstance(command, c.SequenceCommand):
            raise InvalidValue("command", command, "must be a command for one sequence")
        sequence = self._draft(state, now)
        return sequence.decision(_decide(sequence, state, command), command)

    @staticmethod
    def evolve(state: SequenceRecord | None, event: e.SequenceEvent) -> SequenceRecord:
        """Return the state after `event`; `state` is None before the sequence was triggered.

        Raises `ReplayError` or `IllegalTransition` if the event does not follow, and `InvalidValue`
        for values of another type.
        """
        if state is not None and not isinstance(state, SequenceRecord):
            raise InvalidValue("state", state, "must be the record of a sequence, or None")
        if not isinstance(event, e.SequenceEvent):
            raise InvalidValue("event", event, "must be an event about one sequence")
        return fold(state, event)

    def _draft(self, state: SequenceRecord, now: datetime) -> _SequenceDraft:
        if not isinstance(state, SequenceRecord):
            raise InvalidValue("state", state, "must be the record of a sequence")
        last = state.at if isinstance(state, LiveSequence) else state.ended_at
        instant = effective_instant(checked_instant(now), last, self.timeouts)
        return _SequenceDraft(state, instant, self.timeouts, self.bounds)


@final
class _SequenceDraft:
    """One sequence without a project in the middle of a decision; see `SequenceDraft`."""

    __slots__ = ("_before", "_events", "bounds", "now", "state", "timeouts")

    def __init__(
        self, state: SequenceRecord, now: datetime, timeouts: TimeoutPolicy, bounds: Bounds
    ) -> None:
        self._before = self.state = state
        self._events: list[e.SequenceEvent] = []
        self.now = now
        self.timeouts = timeouts
        self.bounds = bounds

    @property
    def next_serial(self) -> int:
        return self.state.serial + 1

    @property
    def live(self) -> LiveSequence:
        assert isinstance(self.state, LiveSequence)
        return self.state

    def newer_in_line(self) -> str | None:
        return None  # the host keeps the line

    def apply(
        self,
        event: EventType[P, e.SequenceMove | e.Ending],
        *fields: P.args,
        **named: P.kwargs,
    ) -> None:
        made = event(self.next_serial, self.now, self.state.subject, *fields, **named)
        self.state = fold(self.state, made)
        self._events.append(made)

    def decision(self, outcome: Outcome, command: c.SequenceCommand | None) -> SequenceDecision:
        return SequenceDecision(self._before, self.state, tuple(self._events), outcome, command)


def _decide(
    sequence: _SequenceDraft, record: SequenceRecord, command: c.SequenceCommand
) -> Outcome:
    """Apply a command; a sequence that is over absorbs everything (R24)."""
    match command:
        case c.ReportTaskStarted() | c.ReportTaskProgress() | c.ReportTaskFinished():
            if command.task_id not in record.task_ids:
                return Unchanged(UnchangedCode.UNKNOWN_TASK)
            if isinstance(record, EndedSequence):
                return Unchanged(UnchangedCode.LATE)
            return report(sequence, command)
        case (
            c.PauseSequence() | c.ResumeSequence()
            | c.AbortSequence() | c.RetryTask() | c.SkipTask()
        ):  # fmt: skip
            if isinstance(record, EndedSequence):
                message = f"Sequence {record.sequence_id!r} has ended."
                return Rejected(RejectedCode.ALREADY_ENDED, message)
            return _not_addressed(record, command) or _control(sequence, record, command)
        case c.CheckDeadlines():
            return _check(sequence)
        case _:
            assert_never(command)


def _control(sequence: _SequenceDraft, record: LiveSequence, command: c.ContextControl) -> Outcome:
    sequence_id, phase = record.sequence_id, record.phase
    by = e.Control(command.actor, command.reason, command.request_id)
    if isinstance(command, c.AbortSequence):
        is_changed = life.abort(sequence, by, force=command.force)
        return APPLIED if is_changed else Unchanged(UnchangedCode.ALREADY_ABORTING)
    if isinstance(command, c.RetryTask | c.SkipTask) and phase is not Phase.PARKED:
        return Unchanged(UnchangedCode.NOT_PARKED)
    if isinstance(command, c.SkipTask):
        life.skip(sequence, by, command.result)
        return APPLIED
    if isinstance(command, c.RetryTask):
        return APPLIED if life.retry(sequence, by) else too_many_attempts(sequence.bounds)
    if phase is Phase.ABORTING:
        return Rejected(RejectedCode.ABORTING, f"Sequence {sequence_id!r} is being aborted.")
    if isinstance(command, c.PauseSequence):
        life.pause(sequence)
        return Unchanged(UnchangedCode.ALREADY_PAUSED) if record.is_paused else APPLIED
    if life.resume(sequence):
        trigger_task(sequence)
    return APPLIED if record.is_paused else Unchanged(UnchangedCode.NOT_PAUSED)


def _check(sequence: _SequenceDraft) -> Outcome:
    """Act on what is due: what follows from it is not due before now has passed."""
    record = sequence.state
    first = record.next_deadline if isinstance(record, LiveSequence) else None
    if first is None or first[0] > sequence.now:
        return Unchanged(UnchangedCode.NOTHING_DUE)
    life.fire(sequence)
    return APPLIED


def _not_addressed(record: LiveSequence, command: c.ContextControl) -> Rejected | None:
    """Return the refusal of a control that is for another sequence."""
    sequence_id = None
    if isinstance(command, c.AbortSequence | c.RetryTask | c.SkipTask):
        sequence_id = command.sequence_id
    if sequence_id is not None:
        if sequence_id == record.sequence_id:
            return None
        message = f"This is sequence {record.sequence_id!r}, not {sequence_id!r}."
        return Rejected(RejectedCode.UNKNOWN_SEQUENCE, message)
    if command.context != record.context:
        message = f"This is a sequence of context {record.context!r}, not {command.context!r}."
        return Rejected(RejectedCode.UNKNOWN_CONTEXT, message)
    if command.stage not in {None, record.stage}:
        message = f"This sequence is in stage {record.stage}, not {command.stage}."
        return Rejected(RejectedCode.NOT_REACHED, message)
    return None
