"""The people and the executors of a simulated world: what they want, and how they answer."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Final, final

from sequencectl.commands import (
    AbortSequence,
    Command,
    FreezeStage,
    PauseSequence,
    ResumeSequence,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.control_plane import ControlPlane
from sequencectl.events import TaskTriggered
from sequencectl.testing.simulation.faults import Dice, Faults, Mishap, Pair
from sequencectl.testing.simulation.world import Answers, World

_MINUTE: Final = timedelta(minutes=1)


@final
class Crowd:
    """People and executors; they do what is drawn, and `faults` says how often it is bad."""

    def __init__(self, plane: ControlPlane, dice: Dice, faults: Faults) -> None:
        self.plane = plane
        self.dice = dice
        self.faults = faults
        self.hits: Counter[Pair] = Counter()
        self.requests = 0

    def plan(self, world: World) -> None:
        """Draw what people want, and when."""
        dice, plane = self.dice, self.plane
        sequences = [(s.name, each.name) for s in plane.shipyard.stages for each in s.sequences]
        sequences = sequences or [(s.name, "evaluation") for s in plane.shipyard.stages]
        for project in ("p", "q")[: dice.choice((1, 1, 2))]:
            contexts = [f"c{number}" for number in range(dice.randint(2, 4))]
            for context in contexts:
                stage, sequence = dice.choice(sequences)
                service = dice.choice(("carts", "orders"))
                self._want(world, project, TriggerSequence(
                    f"{project}-{context}", stage=stage, sequence=sequence, service=service,
                    context=context, priority=dice.choice((None, None, 0, 3)),
                ), topic="triggers")  # fmt: skip
            for _ in range(dice.choice((0, 1, 2, 4))):
                self._want(world, project, *self._control(dice.choice(contexts)))

    def _control(self, context: str) -> tuple[Command, ...]:
        """Draw what a person does to a delivery or a stage, and perhaps takes back later."""
        stage = self.dice.choice(self.plane.shipyard.stages).name
        scope = self.dice.choice((None, None, stage))
        match self.dice.choice(("pause", "pause", "freeze", "abort", "force")):
            case "pause":
                paused = PauseSequence(context, stage=scope, request_id=self._request())
                return paused, ResumeSequence(context, stage=scope, request_id=self._request())
            case "freeze":
                frozen = FreezeStage(stage, request_id=self._request())
                return frozen, UnfreezeStage(stage, request_id=self._request())
            case how:
                force = how == "force"
                return (AbortSequence(context, force=force, request_id=self._request()),)

    def _request(self) -> str:
        self.requests += 1
        return f"request-{self.requests}"

    def _want(
        self, world: World, project: str, *commands: Command, topic: str = "controls"
    ) -> None:
        """Let a person send commands, one after the other."""
        delay = timedelta(0)
        for command in commands:
            delay += self.dice.span(15 * _MINUTE)
            world.later(delay, partial(world.send, project, command, topic))

    def release(self, world: World) -> None:
        """Let people take back every pause and freeze that is left."""
        for project in world.witness.histories:
            state = world.stored(project)
            for context in sorted(state.contexts):
                for pause in state.context(context).pauses:
                    command = ResumeSequence(context, stage=pause.stage, request_id=self._request())
                    world.send(project, command)
            for stage in sorted(state.freezes):
                world.send(project, UnfreezeStage(stage, request_id=self._request()))

    def answers(self, event: TaskTriggered, source: str) -> Answers:
        """Draw what an executor answers to a task that it gets for the first time."""
        mix, hits = self.faults, self.hits
        never = self.plane.timeouts.is_unbounded  # then nothing but an answer ends a task
        name = f"{event.task_id[:8]}-{source}"
        results = self.dice.choices(("pass", "warning", "fail"), (8, 1, 1), k=2)
        starts = self.dice.span(_MINUTE)
        if not never and self.dice.happens(mix.mute):
            hits[Mishap.MUTE, ""] += 1
            return []
        answers: list[tuple[timedelta, Command]] = [
            (starts, event.started(source=source, report_id=f"{name}-start"))
        ]
        if not never and self.dice.happens(mix.dying):
            hits[Mishap.DYING, ""] += 1
            return answers
        if self.dice.happens(mix.slow):
            hits[Mishap.SLOW, ""] += 1
            starts += self.dice.span(timedelta(hours=1))
        ends = starts + self.dice.span(5 * _MINUTE)
        finish = partial(event.finished, source=source)
        answers.append((ends, finish(result=results[0], report_id=f"{name}-finish")))
        if self.dice.happens(mix.twice):
            hits[Mishap.TWICE, ""] += 1
            answers.append((ends, finish(result=results[0], report_id=f"{name}-finish")))
            ends += self.dice.span(5 * _MINUTE)
            answers.append((ends, finish(result=results[1], report_id=f"{name}-again")))
        return answers
