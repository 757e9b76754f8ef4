"""From every state that a walk reaches, everything can still come to an end (R3, R22, R27, R40)."""

from __future__ import annotations

import random

import attrs
import pytest

from sequencectl import ControlPlane, LiveSequence, Outcome, ProjectState
from sequencectl import commands as c
from sequencectl.task_run import TaskRun
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS, at
from tests.support import word

ROUNDS = 300
SEEDS = 3


class Ending:
    """A state to be brought to its end, with the instant that the clock shows."""

    def __init__(self, plane: ControlPlane, state: ProjectState, now: int) -> None:
        self.plane, self.state, self.now = attrs.evolve(plane, calendar=None), state, at(now)

    def tell(self, command: c.Command) -> Outcome:
        decision = self.plane.decide(self.state, command, self.now)
        self.state = decision.state
        return decision.outcome

    def live(self) -> list[LiveSequence]:
        records = [r for r in self.state.sequences.values() if isinstance(r, LiveSequence)]
        return sorted(records, key=lambda record: record.accepted_serial)

    def let_go(self) -> None:
        """Take back every freeze, every pause and the calendar."""
        for stage in sorted(self.state.freezes):
            self.tell(c.UnfreezeStage(stage))
        for context in sorted({record.context for record in self.live()}):
            self.tell(c.ResumeSequence(context))

    def decide(self) -> bool:
        """Retry what is parked, or skip what cannot be retried; return whether anything was."""
        parked = [record for record in self.live() if record.parked is not None]
        for record in parked:
            told = c.RetryTask(sequence_id=record.sequence_id)
            if word(self.tell(told)) == "rejected too_many_attempts":
                told_again = c.SkipTask(sequence_id=record.sequence_id, result="warning")
                assert "applied" == word(self.tell(told_again))
        return bool(parked)

    def in_flight(self) -> list[TaskRun]:
        return [record.task for record in self.live() if record.task is not None]

    def answer(self) -> bool:
        """Let everybody who must report that it went well; return whether a task is over by it."""
        asked = self.in_flight()
        for task in asked:
            for source in everybody(task):
                report = c.ReportTaskFinished(
                    task.task_id, source=source, actor=source, result="pass"
                )
                self.tell(report)
        left = {task.task_id: len(task.votes or task.executors) for task in self.in_flight()}
        heard = [left[task.task_id] for task in asked if task.task_id in left]
        # a task that as many strangers reported or voted on as may is deaf to those that it needs
        assert all(number >= self.plane.bounds.sources for number in heard)
        return len(heard) < len(asked)

    def wait(self) -> None:
        """Let time pass to the next deadline; there must be one while anything is live."""
        assert self.state.next_deadline is not None
        self.now = self.state.next_deadline
        self.tell(c.CheckDeadlines())


def everybody(task: TaskRun) -> list[str]:
    """Return who must finish, or vote, for a task to be over."""
    approval = task.triggered.approval
    if approval is not None:
        return [
            *(vote.voter for vote in task.votes),
            *(f"voter-{n}" for n in range(approval.approve)),
        ]
    working = [x.source for x in task.executors for _ in range(x.starts - x.finishes)]
    expects = task.triggered.expects
    if isinstance(expects, frozenset):
        return [*working, *sorted(expects)]
    return working + [f"new-{n}" for n in range(expects or not working)]


@pytest.mark.parametrize("answers", [True, False], ids=["all answer", "nobody answers"])
@pytest.mark.parametrize("name", WORLDS)
def test_everything_can_end(name: str, answers: bool) -> None:
    """Unfrozen and resumed, everything ends: with answers alone, and with deadlines alone.

    What is parked is retried, or else skipped, where people answer; it runs out of time where
    nobody does.
    """
    for seed in range(SEEDS):
        twin = Twin(WORLDS[name])
        choice = random.Random(f"liveness {name} {seed}")
        for _ in range(12):
            walk(twin, choice, steps=3)
            end = Ending(twin.plane, twin.state, twin.now)
            before = end.live()
            end.let_go()
            for _ in range(ROUNDS):
                if not end.live():
                    break
                if not answers or not (end.decide() or end.answer()):
                    end.wait()

            assert [] == end.live()
            assert None is end.state.next_deadline
            for lane in {record.lane for record in before}:
                assert () == end.state.line(lane) == end.state.holders(lane)


@pytest.mark.parametrize("name", WORLDS)
def test_only_pauses_and_freezes_last(name: str) -> None:
    """Where nobody does anything, all that has started and is not paused ends, parked or not."""
    for seed in range(SEEDS):
        twin = Twin(WORLDS[name])
        choice = random.Random(f"neglect {name} {seed}")
        for _ in range(12):
            walk(twin, choice, steps=3)
            end = Ending(twin.plane, twin.state, twin.now)
            while end.state.next_deadline is not None:
                end.wait()

            assert {record.phase.value for record in end.live()} <= {"waiting", "held", "paused"}
