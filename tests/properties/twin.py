"""The core and the naive model side by side: one step of both, and what must hold after it."""

from __future__ import annotations

from typing import Any

from sequencectl import Command, Decision, LiveSequence, ProjectState, evolve
from sequencectl import events as e
from tests.properties.naive import Model
from tests.properties.worlds import at, plane_of
from tests.support import word


class Twin:
    """A plane with its state, and the model of the same world; `told` is what they were told."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.plane = plane_of(config)
        self.model = Model(config)
        self.state = self.plane.initial("sockshop")
        self.folds = [self.state]
        self.now = 0
        self.told: list[tuple[Command, int]] = []
        self.events: list[e.Event] = []
        self.kept: list[tuple[ProjectState, int]] = []
        self.pauses: set[tuple[str, str | None]] = set()
        self.frozen: set[str] = set()
        self.over: set[str] = set()

    def tell(self, command: Command) -> Decision:
        """Give both the command, now, and compare all there is to see."""
        before, now = self.state, self.now
        self.told.append((command, now))
        expected = self.model.apply(command, now)
        decision = self.plane.decide(before, command, at(now))
        assert expected == word(decision.outcome)
        assert decision.before is before
        if expected != "applied":
            assert decision.events == ()
            assert decision.state == before
            return decision
        self.state = decision.state
        for event in decision.events:
            self._heed(event)
        self._learn(decision.events)
        self._compare()
        self._check_lanes()
        if len(self.events) % 7 == 0:
            self.kept.append((self.state, len(self.events)))
        return decision

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
                self.model.real_tasks[event.task_id] = (sequence, event.index)

    def _compare(self) -> None:
        """Compare every sequence, line, pause and deadline with the model (R1–R30)."""
        model, state = self.model, self.state
        seen = {}
        for real_id, record in state.sequences.items():
            task = record.task if isinstance(record, LiveSequence) else None
            shown = (record.phase.value, record.result.value, task and task.name, len(record.runs))
            seen[self.name(real_id)] = shown
        deadline = model.next_deadline()
        assert model.look() == seen
        assert state.next_deadline == (None if deadline is None else at(deadline))
        for lane in {s.lane for s in model.sequences.values()}:
            assert model.line(lane) == [self.name(one) for one in state.line(lane)]
            assert sorted(model.holders(lane)) == sorted(map(self.name, state.holders(lane)))
        assert set(model.pauses) == self.pauses
        assert model.frozen == self.frozen
        assert tuple(model.requests) == state.ledger.request_ids

    def _check_lanes(self) -> None:
        """Check the laws that need no model: holders and limit, idle lanes, unarmed tasks."""
        for record in self.state.sequences.values():
            if isinstance(record, LiveSequence):
                limit = self.config["queues"][record.stage]["limit"]
                holders = len(self.state.holders(record.lane))
                is_eligible = record.phase.value == "waiting" and record.stage not in self.frozen
                assert holders <= limit, "R1: too many hold a lane"
                assert not (is_eligible and holders < limit), "R3: a free place and somebody waits"
                assert record.task is None or record.next_deadline, "R27: nothing ends the task"
