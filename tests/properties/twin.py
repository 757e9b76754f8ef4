"""The core and the naive model side by side: one step of both, and what must hold after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import attrs
import pytest

from sequencectl import (
    CalendarError,
    Command,
    ControlPlane,
    Decision,
    LiveSequence,
    Opening,
    ProjectState,
    UnfreezeStage,
    evolve,
    thaw,
)
from sequencectl import events as e
from sequencectl.sequence import SequenceRecord
from sequencectl.task_run import FailedAttempt, ParkedTask, TaskRun
from tests.properties.naive import NO_ANSWER, Model
from tests.properties.naive_sequence import Asked, Attempt, Done, Freeze, Over, Vote
from tests.properties.worlds import at, calendar_of, micros, plane_of
from tests.support import word


class Twin:
    """A plane with its state, and the model of the same world.

    `script` has what they were told, and what the host changed in between.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.plane = self._plane()
        self.model = Model(config)
        self.state = self.plane.initial("sockshop")
        self.folds = [self.state]
        self.now = 0
        self.script: list[tuple[Command | dict[str, Any], int]] = []
        self.events: list[e.Event] = []
        self.kept: list[tuple[ProjectState, int]] = []
        self.pauses: set[tuple[str, str | None]] = set()
        self.frozen: set[str] = set()
        self.over: set[str] = set()
        self.asked: list[str] = []

    @property
    def told(self) -> list[tuple[Command, int]]:
        """The commands, each with its instant."""
        return [(each, now) for each, now in self.script if not isinstance(each, dict)]

    def tell(self, command: Command) -> Decision | None:
        """Give both the command, now, and compare all there is to see; None if there is no answer.

        Only a calendar that cannot be asked keeps a command from its answer (R37).
        """
        before, now = self.state, self.now
        self.script.append((command, now))
        self.asked.clear()
        frozen = set(self.frozen)
        expected = self.model.apply(command, now)
        if expected == NO_ANSWER:
            with pytest.raises(CalendarError):
                self.plane.decide(before, command, at(now))
            return None
        decision = self.plane.decide(before, command, at(now))
        assert expected == word(decision.outcome)
        assert decision.before is before
        self._check_calendar(command, frozen, decision.events)
        if expected != "applied":
            assert decision.events == ()
            assert decision.state == before
            return decision
        self.state = decision.state
        for event in decision.events:
            self._heed(event)
        self._learn(decision.events)
        self._compare(decision.events)
        self._check_lanes()
        if len(self.events) % 7 == 0:
            self.kept.append((self.state, len(self.events)))
        return decision

    def change(self, change: dict[str, Any]) -> None:
        """Let the host decide by another calendar, shipyard or bound from now on."""
        self.script.append((change, self.now))
        self.config = self.model.config = self.config | change
        self.plane = self._plane()

    def _plane(self) -> ControlPlane:
        return attrs.evolve(plane_of(self.config), calendar=self._ask)

    def _ask(self, stage: str, instant: datetime) -> Opening:
        self.asked.append(stage)
        return calendar_of(self.config["calendar"])(stage, instant)

    def _check_calendar(
        self, command: Command, frozen: set[str], events: tuple[e.Event, ...]
    ) -> None:
        """Check that the calendar was asked once a stage, and about none that is frozen (R37)."""
        released = {x.subject.stage for x in events if isinstance(x, e.StageUnfrozen)}
        if isinstance(command, UnfreezeStage):
            released.add(command.stage)
        assert len(self.asked) == len(set(self.asked)), "R37: asked twice"
        assert not set(self.asked) & (frozen - released), "R37: asked although it is frozen"

    def check_history(self) -> None:
        """Check the replay law, and that no state that was kept has changed since (R31)."""
        assert self.folds[-1] == self.state
        assert self.state.index == self.state.rebuilt().index
        for state, serial in self.kept:
            assert self.folds[serial] == state

    def _heed(self, event: e.Event) -> None:
        """Check what an event may be, given all events before it."""
        subject = event.subject
        scope = (subject.context, subject.stage or None)
        covering = {(subject.context, None), scope} & self.pauses
        assert event.serial == len(self.events) + 1
        assert event.at == at(self.model.now)
        self.events.append(event)
        self.folds.append(evolve(self.folds[-1], event))
        if isinstance(event, e.SequenceEvent) and not isinstance(event, e.SequenceTriggered):
            assert subject.sequence_id not in self.over, "R24: something happened after the end"
        match event:
            case e.TaskTriggered() | e.SequenceStarted():
                assert not covering, "R19: triggered or started under a pause"
            case e.ContextPaused():
                self.pauses.add(scope)
            case e.ContextResumed():
                context, stage = scope
                self.pauses -= {p for p in self.pauses if p[0] == context and stage in {None, p[1]}}
            case e.TaskFinishReported():
                sequence, index, _ = self.model.real_tasks[event.task_id]
                is_vote = "approval" in sequence.definition["tasks"][index]
                assert not (is_vote and event.data), "R34: a vote brought data"
            case e.SequenceResumed():
                record = self.folds[-1].sequence(subject.sequence_id)
                assert isinstance(record, LiveSequence)
                assert event.deadline == record.deadline, "R30: another limit is said than runs"
            case e.StageFrozen():
                self.frozen.add(subject.stage)
            case e.StageUnfrozen():
                self.frozen.remove(subject.stage)
            case e.SequenceTriggered():
                self.over.discard(subject.sequence_id)
            case _ if isinstance(event, e.Ending):
                self.over.add(subject.sequence_id)

    def name(self, real_id: str) -> str:
        """Return what the model calls a sequence."""
        return self.model.real_sequences.get(real_id, real_id)

    def _learn(self, events: tuple[e.Event, ...]) -> None:
        """Tell the model which real ids its follow-ups and task runs have."""
        accepted = [event for event in events if isinstance(event, e.SequenceTriggered)]
        follow_ups = [event.subject for event in accepted if event.parent is not None]
        for subject, born in zip(follow_ups, self.model.born, strict=True):
            assert (subject.stage, subject.sequence) == (born.stage, born.name)
            self.model.real_sequences[subject.sequence_id] = born.id
        for event in events:
            if isinstance(event, e.TaskTriggered):
                sequence = self.model.sequences[self.name(event.subject.sequence_id)]
                which = (sequence, event.index, event.attempt)
                assert which not in self.model.real_tasks.values(), "R39: an attempt once more"
                self.model.real_tasks[event.task_id] = which

    def _compare(self, events: tuple[e.Event, ...]) -> None:
        """Compare every sequence, line, pause, freeze and deadline with the model (R1–R42)."""
        model, state = self.model, self.state
        deadline = model.next_deadline()
        looks = {self.name(real): self._look(record) for real, record in state.sequences.items()}
        assert model.look() == looks
        assert state.next_deadline == (None if deadline is None else at(deadline))
        for lane in {s.lane for s in model.sequences.values()}:
            assert model.line(lane) == [self.name(one) for one in state.line(lane)]
            assert sorted(model.holders(lane)) == sorted(map(self.name, state.holders(lane)))
        assert set(model.pauses) == self.pauses
        assert model.freezes.keys() == self.frozen
        assert {**model.freezes} == {stage: self._freeze(stage) for stage in state.freezes}
        assert tuple(model.requests) == state.ledger.request_ids
        asked = [self._asked(event) for event in events if isinstance(event, e.TaskTriggered)]
        assert sorted(model.asked, key=itemgetter(0)) == sorted(asked, key=itemgetter(0))
        for event in events:
            ended = model.sequences.get(self.name(event.subject.sequence_id))
            if isinstance(event, e.Ending) and ended is not None:
                labels = ended.data.get("labels", {})
                assert labels == thaw(event.labels), "R14: an end brings what was taken in"
        skipped = [event for event in events if isinstance(event, e.TaskSkipped)]
        assert model.skipped == [
            (self.name(event.subject.sequence_id), event.task, event.result.value)
            for event in skipped
        ]
        over = [self._over(x) for x in events if isinstance(x, e.TaskFinished | e.TaskTimedOut)]
        assert len(model.tasks_over) == len(over)
        for expected, seen in zip(model.tasks_over, over, strict=True):
            said = expected.message
            if said is None or (expected.limit and str(seen.message).endswith(said)):
                said = seen.message  # nothing is said of it, or how it is introduced is not
            assert expected._replace(message=said) == seen

    def _look(self, record: SequenceRecord) -> tuple[Any, ...]:
        """Return of a record what the model shows of a sequence."""
        task: tuple[str, list[Vote], dict[str, int]] | None = None
        parked: tuple[Any, ...] | None = None
        superseded_by: str | None = None
        abandoned: tuple[int, int] | None = None
        clocks: tuple[Any, ...] = (False, None, None, None)
        if isinstance(record, LiveSequence):
            task = None if record.task is None else self._in_flight(record.task)
            parked = None if record.parked is None else self._parked(record.parked)
            clocks = (
                record.is_paused,
                None if record.due_at is None else micros(record.due_at),
                None if record.deadline is None else micros(record.deadline),
                None if record.time_left is None else record.time_left // timedelta(microseconds=1),
            )
        else:
            superseded_by = record.superseded_by and self.name(record.superseded_by)
            if record.abandoned_task is not None:
                _, *which = self.model.real_tasks[record.abandoned_task]
                abandoned = (which[0], which[1])
        redrive = record.redrive
        return (
            record.phase.value, record.result.value, record.status.value,
            [Done(one.name, one.result.value, one.is_skipped) for one in record.runs],
            [self._attempt(one) for one in record.retried],
            None if redrive is None else (
                self.name(redrive.sequence_id), self.name(redrive.family),
                [Done(one.name, one.result and one.result.value) for one in redrive.carried],
            ),
            task, parked, *clocks,
            sorted(record.initiators), record.exempted and record.exempted.actor, superseded_by,
            abandoned,
        )  # fmt: skip

    def _in_flight(self, run: TaskRun) -> tuple[str, list[Vote], dict[str, int]]:
        progress = {x.source: micros(x.progress.at) for x in run.executors if x.progress}
        return run.name, votes_of(run), progress

    def _parked(self, run: ParkedTask) -> tuple[Any, ...]:
        failure = run.failure and run.failure.value
        limit = run.explanation and run.explanation.kind.value
        return run.name, run.attempt, failure, run.status.value, limit

    def _attempt(self, attempt: FailedAttempt) -> Attempt:
        return Attempt(attempt.index, attempt.failure and attempt.failure.value, attempt.by_person)

    def _asked(self, event: e.TaskTriggered) -> Asked:
        """Return what a task is triggered with as the model has it."""
        limits = (event.reaction_timeout, event.completion_timeout, event.silence_timeout)
        return Asked(
            self.name(event.subject.sequence_id), event.task, event.index, event.attempt,
            event.attempts, [limit and limit // timedelta(seconds=1) for limit in limits],
            thaw(event.input),
        )  # fmt: skip

    def _freeze(self, stage: str) -> Freeze:
        """Return a freeze as the model has it, which calls a broken calendar by how it broke."""
        freeze, expected = self.state.freezes[stage], self.model.freezes[stage]
        is_broken = expected.window.startswith("!") and freeze.window
        window = expected.window if is_broken else freeze.window
        until = None if freeze.until is None else micros(freeze.until)
        return Freeze(micros(freeze.at), until, freeze.cause.value, window, freeze.control.actor)

    def _over(self, event: e.TaskFinished | e.TaskTimedOut) -> Over:
        """Return how a task run came to its end as the model has it."""
        why, silent = event.explanation, list[str]()
        if why is not None and why.kind is e.DeadlineKind.SILENCE:
            silent = sorted(why.awaited.split(", "))
        how = ("fail", "errored", None)
        if isinstance(event, e.TaskFinished):
            how = (event.result.value, event.status.value, event.message)
        limit = why and why.kind.value
        name = self.name(event.subject.sequence_id)
        return Over(name, event.task, *how, limit, silent, event.end.value)

    def _check_lanes(self) -> None:
        """Check the laws that need no model: holders and limit, idle lanes, unarmed tasks."""
        for record in self.state.sequences.values():
            if isinstance(record, LiveSequence):
                limit = self.config["queues"][record.stage]["limit"]
                holders = len(self.state.holders(record.lane))
                may_start = record.exempted is not None or record.stage not in self.frozen
                is_eligible = record.phase.value == "waiting" and may_start
                assert holders <= limit, "R1: too many hold a lane"
                assert not (is_eligible and holders < limit), "R3: a free place and somebody waits"
                assert record.task is None or record.next_deadline, "R27: nothing ends the task"


def votes_of(run: TaskRun) -> list[Vote]:
    """Return the votes that stand, as the model has them."""
    return [Vote(v.voter, v.source, v.result.value, v.status.value, v.message) for v in run.votes]
