"""The face of a project's decisions: `ControlPlane` answers a command with a `Decision`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, Final, final

import attrs

import sequencectl.commands as c
from sequencectl._project.admission import admit, touch_open_lines, trigger
from sequencectl._project.controls import control
from sequencectl._project.draft import Draft
from sequencectl._project.follow_ups import close_step
from sequencectl._project.freezes import end_freeze
from sequencectl._questions import controls_of, delivery, explain, open_tasks
from sequencectl._sequence import life, reports
from sequencectl._sequence.draft import checked_project
from sequencectl.errors import InvalidValue, UnknownSequence, check_type, required
from sequencectl.events import Event, SequencesForgotten
from sequencectl.outcomes import (
    APPLIED,
    Applied,
    Outcome,
    Rejected,
    Unchanged,
    UnchangedCode,
)
from sequencectl.policies import Bounds, Calendar, QueuePolicy, TimeoutPolicy
from sequencectl.sequence import LiveSequence, SequenceRecord
from sequencectl.shipyard import Finding, Shipyard
from sequencectl.state import ProjectState
from sequencectl.state import initial as _initial
from sequencectl.views import DeliveryView, Explanation, OpenTask


@final
@attrs.frozen(weakref_slot=False)
class Decision:
    """What a command leads to: the state before, the state after, the events between, the answer.

    Commit `state` and `events` together if there are events, then publish them; without events
    there is nothing to do. For a combined decision `command` is the one its `outcome` answers.
    """

    before: ProjectState
    state: ProjectState
    events: tuple[Event, ...]
    outcome: Outcome
    command: c.Command

    @property
    def project(self) -> str:
        """The project it is about."""
        return self.before.project

    @property
    def base(self) -> int:
        """The serial it was decided on: it may be committed only if the project is still there."""
        return self.before.serial

    @property
    def next_deadline(self) -> datetime | None:
        """The first instant at which the project has something to do by itself."""
        return self.state.next_deadline

    @property
    def changed(self) -> Mapping[str, SequenceRecord]:
        """The records to write: every sequence the events were about, as it is now, by id."""
        ids = dict.fromkeys(event.subject.sequence_id for event in self.events)
        found = {sequence_id: self.state.sequence(sequence_id) for sequence_id in ids}
        return {known: record for known, record in found.items() if record is not None}

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of the sequences that were forgotten; some stay remembered as ids."""
        return tuple(
            sequence_id
            for event in self.events
            if isinstance(event, SequencesForgotten)
            for sequence_id in event.sequence_ids
        )

    def __repr__(self) -> str:
        kind, answer = type(self.command).__name__, type(self.outcome).__name__
        return f"Decision({kind}, {answer}, base={self.base}, serial={self.state.serial})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Print the repr: Hypothesis and IPython would print every field of a frozen value."""
        printer.text(repr(self))

    def raise_if_rejected(self) -> None:
        """Raise `CommandRejected` if the command was refused."""
        if isinstance(self.outcome, Rejected):
            raise c.CommandRejected(self.outcome.code, self.outcome.message, self.command)


def combine(*decisions: Decision) -> Decision:
    """Return decisions taken in a row, each on the state of the one before, as one (R7).

    The outcome is `Applied` if any is, else `Unchanged` if any is, else `Rejected`. Raises
    `InvalidValue` if they do not follow each other.
    """
    if not decisions:
        raise InvalidValue("decisions", decisions, "must be at least one")
    for decision in decisions:
        check_type("decisions", decision, Decision)
    for earlier, later in pairwise(decisions):
        if later.before is not earlier.state and later.before != earlier.state:
            given = (earlier.state.serial, later.base)
            raise InvalidValue(
                "decisions", given, "each must be taken on the state of the one before"
            )
    told = min(decisions, key=lambda decision: _WEIGHT[type(decision.outcome)])
    return Decision(
        decisions[0].before,
        decisions[-1].state,
        tuple(event for decision in decisions for event in decision.events),
        told.outcome,
        told.command,
    )


_WEIGHT: Final[Mapping[type, int]] = {Applied: 0, Unchanged: 1, Rejected: 2}


def _check_calendar(_plane: object, _field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        problem = "must be a function of stage and instant that returns an Opening, or None"
        raise InvalidValue("calendar", value, problem)


@final
@attrs.frozen
class ControlPlane:
    """Decides for projects that share a shipyard and policies: immutable, without state of its own.

    A `calendar` says when sequences may start in a stage; without one they always may (R37).

    Raises `DefinitionError` if a sequence or task has more than the bounds allow, if a task would
    be left without a limit (R26, R33), or if its limit of silence is too short for the bounds, and
    `PolicyError` if one in the policy is (R42).
    """

    shipyard: Shipyard = attrs.field(validator=required(Shipyard))
    timeouts: TimeoutPolicy = attrs.field(
        factory=TimeoutPolicy, kw_only=True, validator=required(TimeoutPolicy)
    )
    queueing: QueuePolicy = attrs.field(
        factory=QueuePolicy, kw_only=True, validator=required(QueuePolicy)
    )
    bounds: Bounds = attrs.field(factory=Bounds, kw_only=True, validator=required(Bounds))
    calendar: Calendar | None = attrs.field(default=None, kw_only=True, validator=_check_calendar)

    def __attrs_post_init__(self) -> None:
        self.timeouts.check(self.bounds)
        self.shipyard.check(self.timeouts, self.bounds)

    def findings(self) -> tuple[Finding, ...]:
        """Return what is legal and looks like a mistake, in the shipyard and in the policies.

        Print it when the host starts. `Shipyard.findings` says in which order.
        """
        return self.shipyard.findings(queueing=self.queueing, timeouts=self.timeouts)

    def initial(self, project: str) -> ProjectState:
        """Return the state of a project in which nothing has happened; ASCII names only."""
        return _initial(checked_project(project))

    def decide(self, state: ProjectState, command: c.Command, now: datetime) -> Decision:
        """Return what `command` leads to; never raises for a race.

        `now` is the host's clock, aware; see R29 for what it is taken for. Raises `InvalidValue`
        for a mistake of the program: a naive instant, a wrong type. Raises `CalendarError` if
        `UnfreezeStage` asks a calendar that fails (R37).
        """
        if not isinstance(state, ProjectState):
            raise InvalidValue("state", state, "must be a ProjectState")
        draft = Draft(
            state, now, self.shipyard, self.timeouts, self.queueing, self.bounds, self.calendar
        )
        outcome = _decide(draft, command)
        return Decision(state, draft.state, tuple(draft.events), outcome, command)

    def permitted(
        self, state: ProjectState, sequence_id: str, *, actor: str = ""
    ) -> Mapping[str, Outcome]:
        """Return what each control of a sequence would get now, by the name of the control (R32).

        ``pause``, ``resume``, ``abort`` and ``force`` (an abort with force) address the whole
        context of the sequence; ``exempt``, ``retry``, ``skip`` and ``redrive`` (one that begins
        where the sequence failed, without data) address the sequence alone. ``vote`` is there only
        while an approval of it is open: it is what a vote would get that says something else than
        the vote of `actor` that stands.

        Each outcome is the one that `decide` gives to `actor` at the instant of the project's last
        event. Offer what is `Applied`; of the others the code or the message says why not. Later
        versions may add names. It costs what these decisions cost, so ask for what you show. Raises
        `UnknownSequence` for an id that was never seen or is forgotten: nothing is permitted there.
        """
        record, now = _known(state, sequence_id), state.ledger.at
        assert now is not None  # a sequence with a record was accepted by an event
        return {
            name: self.decide(state, command, now).outcome
            for name, command in controls_of(state, record, actor).items()
        }

    def explain(self, state: ProjectState, sequence_id: str) -> Explanation:
        """Return how a sequence stands and why; raise `UnknownSequence` for an unknown id (R32)."""
        record = _known(state, sequence_id)
        return explain(state, record, partial(self.permitted, state, sequence_id))

    def delivery(self, state: ProjectState, context: str) -> DeliveryView:
        """Return how a delivery stands across stages; raise `UnknownContext` (R32)."""
        check_type("state", state, ProjectState)
        check_type("context", context, str)
        return delivery(state, context)

    def open_tasks(self, state: ProjectState) -> tuple[OpenTask, ...]:
        """Return the tasks in flight, by trigger, for executors that poll."""
        check_type("state", state, ProjectState)
        return open_tasks(state)


def _known(state: ProjectState, sequence_id: str) -> SequenceRecord:
    check_type("state", state, ProjectState)
    check_type("sequence_id", sequence_id, str)
    record = state.sequence(sequence_id)
    if record is None:
        raise UnknownSequence(state.project, sequence_id)
    return record


def _decide(draft: Draft, command: c.Command) -> Outcome:
    match command:
        case c.TriggerSequence():
            outcome = trigger(draft, command)
        case c.ReportTaskStarted() | c.ReportTaskFinished() | c.ReportTaskProgress():
            outcome = _report(draft, command)
        case c.PauseSequence() | c.ResumeSequence() | c.AbortSequence():
            outcome = control(draft, command)
        case c.RetryTask() | c.SkipTask() | c.ExemptSequence():
            outcome = control(draft, command)
        case c.FreezeStage() | c.UnfreezeStage():
            outcome = control(draft, command)
        case c.CheckDeadlines():
            return _check(draft, command)
        case _:
            raise InvalidValue("command", command, "must be one of the commands of sequencectl")
    if draft.events:
        close_step(draft)
    return outcome


def _report(draft: Draft, command: c.Report) -> Outcome:
    """Count a report for the task in flight it names; anything else changes nothing (R13)."""
    sequence_id = draft.state.index.tasks.get(command.task_id)
    if sequence_id is None:
        return Unchanged(UnchangedCode.UNKNOWN_TASK)
    sequence = draft.sequence(sequence_id)
    if not isinstance(sequence.record, LiveSequence):
        return Unchanged(UnchangedCode.LATE)
    return reports.report(sequence, command)


def _check(draft: Draft, command: c.CheckDeadlines) -> Outcome:
    """Admit in every lane, then act on what is due, in order of (instant, place) (R3, R29, R36)."""
    touch_open_lines(draft, draft.state.index.lines)
    admit(draft)
    if draft.ended:
        close_step(draft)
    for _ in range(command.limit):
        first = draft.state.index.deadlines.first
        if first is None or first[0] > draft.now:
            break
        _, place, name = first
        if place == 0:
            end_freeze(draft, name)
        else:
            life.fire(draft.sequence(name))
        close_step(draft)
    return APPLIED if draft.events else Unchanged(UnchangedCode.NOTHING_DUE)
