"""The people and the executors of a simulated world: what they want, and how they answer."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Final, final

import attrs

from sequencectl.commands import (
    AbortSequence,
    Command,
    ExemptSequence,
    FreezeStage,
    PauseSequence,
    ReportTaskFinished,
    ResumeSequence,
    RetryTask,
    SkipTask,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.control_plane import ControlPlane
from sequencectl.events import Cause, Event, TaskTriggered
from sequencectl.policies import Calendar, Opening
from sequencectl.shipyard.definitions import Approval
from sequencectl.testing._walk import START
from sequencectl.testing.fakes import ClosedTimes
from sequencectl.testing.simulation.course import MARK
from sequencectl.testing.simulation.faults import Dice, Faults, Mishap, Pair
from sequencectl.testing.simulation.replica import Replica
from sequencectl.testing.simulation.rescue import Rescue
from sequencectl.testing.simulation.world import Answers, World

_MINUTE: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_Window = tuple[datetime, datetime | None, str]
_VOTERS: Final = ("ann", "ben", "cleo", "dan", "eve")
_INITIATORS: Final = (*_VOTERS[:2] * 4, "")
"""Who triggers; one in nine does not say who they are."""


@final
class Crowd:
    """People and executors; they do what is drawn, and `faults` says how often it is bad."""

    def __init__(self, plane: ControlPlane, dice: Dice, faults: Faults) -> None:
        self.plane = plane
        self.dice = dice
        self.faults = faults
        self.hits: Counter[Pair] = Counter()
        self.requests = 0
        self.calendar: Calendar | None = None
        self._initiators: dict[str, str] = {}
        self._rescue = Rescue(dice, self.hits, self._request, self._initiators)

    def plan(self, world: World) -> None:
        """Draw what people want, and when."""
        dice, plane = self.dice, self.plane
        sequences = [(s.name, each.name) for s in plane.shipyard.stages for each in s.sequences]
        sequences = sequences or [(s.name, "evaluation") for s in plane.shipyard.stages]
        self._plan_calendars(world)
        for project in ("p", "q")[: dice.choice((1, 2))]:
            contexts = [f"c{number}" for number in range(dice.randint(2, 4))]
            for context in contexts:
                stage, sequence = dice.choice(sequences)
                service, actor = dice.choice(("carts", "orders")), dice.choice(_INITIATORS)
                self._initiators[f"{project}/{context}"] = actor
                self._want(world, project, TriggerSequence(
                    f"{project}-{context}", stage=stage, sequence=sequence, service=service,
                    context=context, priority=dice.choice((None, None, 0, 3)), actor=actor,
                ), topic="triggers")  # fmt: skip
            for _ in range(dice.choice((0, 1, 2, 4))):
                self._control(world, project, dice.choice(contexts))

    def _control(self, world: World, project: str, context: str) -> None:
        """Draw what a person does to a delivery or a stage, and perhaps takes back later."""
        stage = self.dice.choice(self.plane.shipyard.stages).name
        scope = self.dice.choice((None, None, stage))
        wants = ("pause", "pause", "freeze", "freeze until", "exempt", "abort", "force", "retry")
        match self.dice.choice(wants):
            case "pause":
                paused = PauseSequence(context, stage=scope, request_id=self._request())
                resumed = ResumeSequence(context, stage=scope, request_id=self._request())
                self._want(world, project, paused, resumed)
            case "freeze":
                frozen = FreezeStage(stage, request_id=self._request())
                self._want(world, project, frozen, self._unfreeze(stage))
            case "freeze until":
                self._freeze_until(world, project, stage)
            case "exempt":
                at = self.dice.span(40 * _MINUTE)
                world.later(at, partial(self._exempt, world, project))
            case "retry":
                retried = RetryTask(context, request_id=self._request())
                skipped = SkipTask(context, result="pass", request_id=self._request())
                self._want(world, project, retried, skipped)
            case how:
                force = how == "force"
                aborted = AbortSequence(context, force=force, request_id=self._request())
                self._want(world, project, aborted)

    def _freeze_until(self, world: World, project: str, stage: str) -> None:
        """Freeze a stage for a while; what else is done to it comes at the edges of that time."""
        dice, at = self.dice, self.dice.span(15 * _MINUTE)
        lasts = dice.choice((0, 1, 1, 1)) * dice.span(40 * _MINUTE) + _nearly(dice)
        frozen = FreezeStage(stage, until=world.now + at + lasts, request_id=self._request())
        world.later(at, partial(world.send, project, frozen, "controls"))
        match dice.choice(("nothing", "unfreeze", "longer", "exempt", "exempt")):
            case "unfreeze":
                end = at + lasts + _nearly(dice)
                world.later(end, partial(world.send, project, self._unfreeze(stage), "controls"))
            case "longer":
                until = world.now + at + lasts + dice.span(20 * _MINUTE) - 5 * _MINUTE
                longer = FreezeStage(stage, until=until, request_id=self._request())
                world.later(at + lasts / 2, partial(world.send, project, longer, "controls"))
            case "exempt":
                world.later(at + lasts / 2, partial(self._exempt, world, project))
            case _:
                pass

    def _exempt(self, world: World, project: str) -> None:
        """Let a person exempt all that waits in frozen stages."""
        state = world.stored(project)
        for sequence_id in sorted(state.sequences):
            record = state.live(sequence_id)
            if record is not None and record.stage in state.freezes and record.phase.is_in_line:
                world.send(project, ExemptSequence(sequence_id, request_id=self._request()))

    def _unfreeze(self, stage: str) -> UnfreezeStage:
        return UnfreezeStage(stage, request_id=self._request())

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
                world.send(project, self._unfreeze(stage))

    # ------------------------------------------------------------------ calendars

    def _plan_calendars(self, world: World) -> None:
        """Give all replicas one calendar, and each another one later, at an instant of its own."""
        if self.plane.calendar is not None or not self.dice.happens(self.faults.calendar):
            return
        first, self.calendar = self._draw_calendar(may_fail=True), self._draw_calendar()
        change = self.dice.span(60 * _MINUTE)
        for replica in world.replicas:
            world.give(replica, first)
            at = change + self.dice.span(30 * _MINUTE)
            world.later(at, partial(self._replace, world, replica, self.calendar))

    def _draw_calendar(self, *, may_fail: bool = False) -> Calendar:
        """Draw when stages are closed; with `may_fail` perhaps for good, or by an error."""
        dice, windows = self.dice, {}
        for stage in self.plane.shipyard.stages:
            begin, closed = START + dice.span(20 * _MINUTE), list[_Window]()
            for name in ("night", "lunch")[: dice.choice((0, 1, 2))]:
                end = begin + dice.span(30 * _MINUTE) + _MICROSECOND
                is_for_good = may_fail and dice.happens(0.2)
                closed.append((begin, None if is_for_good else end, name))
                begin = end + dice.choice((0, 1)) * dice.span(30 * _MINUTE)
            windows[stage.name] = closed
        table = ClosedTimes(windows)
        failing = dice.choice(self.plane.shipyard.stages).name
        if not may_fail or not dice.happens(0.2):
            return table

        def fails(stage: str, at: datetime) -> Opening:
            opening = table(stage, at)
            if stage == failing and not opening.is_open:
                raise LookupError(stage)
            return opening

        return fails

    def _replace(self, world: World, replica: Replica, calendar: Calendar) -> None:
        """Give a replica its new calendar, and ask it where the old one has closed a stage.

        That is the duty of a host: what the old one has closed stays closed as long as it said.
        """
        world.give(replica, calendar)
        for project in world.witness.histories:
            for stage, freeze in sorted(world.stored(project).freezes.items()):
                if freeze.cause is Cause.CALENDAR:
                    world.send(project, self._unfreeze(stage))

    def agree(self, world: World) -> None:
        """Give every replica the calendar that is the newest."""
        if self.calendar is not None:
            for replica in world.replicas:
                world.give(replica, self.calendar)

    # ------------------------------------------------------------------ executors and voters

    def react(self, world: World, event: Event) -> None:
        """Let people do something about what is parked or has failed."""
        self._rescue.react(world, event)

    def answers(self, event: TaskTriggered, source: str) -> Answers:
        """Draw what an executor, or all voters, answer to a task they get for the first time."""
        mix, hits = self.faults, self.hits
        if event.approval is not None:
            return self._votes(event, event.approval)
        never = self.plane.timeouts.is_unbounded  # then nothing but an answer ends a task
        name = f"{event.task_id[:8]}-{source}"
        results = self.dice.choices(("pass", "warning", "fail"), (8, 1, 1), k=2)
        starts, status = self.dice.span(_MINUTE), "succeeded"
        if not never and self.dice.happens(mix.mute):
            hits[Mishap.MUTE, ""] += 1
            return []
        answers: list[tuple[timedelta, Command]] = [
            (starts, event.started(source=source, report_id=f"{name}-start"))
        ]
        if self.dice.happens(mix.progress):
            answers += self._progress(event, source, starts)
        if self.dice.happens(mix.failing):
            hits[Mishap.FAILING, ""] += 1
            status = self.dice.choice(("succeeded", "succeeded", "errored", "aborted", "unknown"))
            results = ["fail", *results]
        if not never and self.dice.happens(mix.dying):
            hits[Mishap.DYING, ""] += 1
            return answers
        if self.dice.happens(mix.slow):
            hits[Mishap.SLOW, ""] += 1
            starts += self.dice.span(timedelta(hours=1))
        ends = starts + self.dice.span(5 * _MINUTE)
        data = {MARK: {event.task_id: source}}
        finish = partial(event.finished, source=source, status=status, data=data)
        answers.append((ends, finish(result=results[0], report_id=f"{name}-finish")))
        if self.dice.happens(mix.twice):
            hits[Mishap.TWICE, ""] += 1
            answers.append((ends, finish(result=results[0], report_id=f"{name}-finish")))
            ends += self.dice.span(5 * _MINUTE)
            answers.append((ends, finish(result=results[1], report_id=f"{name}-again")))
        return answers

    def _progress(self, event: TaskTriggered, source: str, at: timedelta) -> Answers:
        """Draw when an executor says how far it is: too soon, before it falls silent, or then."""
        answers: list[tuple[timedelta, Command]] = []
        for number in range(self.dice.choice((1, 2, 5, 20))):
            answers.append((at, event.progress(source=source, percent=5 * number)))
            silence = event.silence_timeout
            if silence is not None and self.dice.happens(0.2):
                at += silence + _nearly(self.dice)
            else:
                at += self.dice.span(_MINUTE)
        return answers

    def _votes(self, event: TaskTriggered, approval: Approval) -> Answers:
        """Draw who votes how, and when: on two replicas at once, twice, late, at the very limit."""
        dice, subject = self.dice, event.subject
        never = self.plane.timeouts.is_unbounded  # then nothing but votes end an approval
        initiator = self._initiators.get(f"{subject.project}/{subject.context}", "")
        name = event.task_id[:8]
        answers: list[tuple[timedelta, Command]] = []
        if dice.happens(0.5):  # Keptn's approval service starts, and others decide
            report_id = dice.choice((None, f"{name}-start"))
            answers.append((dice.span(_MINUTE), event.started(source="a", report_id=report_id)))
        if not approval.initiator and initiator:
            self.hits[Mishap.BARRED, ""] += 1
            actor = "" if dice.happens(0.3) else initiator  # or does not say who they are
            vote = attrs.evolve(event.approve(initiator), source="browser", actor=actor)
            answers.append((dice.span(5 * _MINUTE), vote))
        if not never and dice.happens(self.faults.mute):
            self.hits[Mishap.MUTE, ""] += 1
            return answers
        barred = () if approval.initiator else (initiator,)
        invented = (f"voter-{each}" for each in range(approval.most_voters))
        voters = [voter for voter in (*_VOTERS, *invented) if voter not in barred]
        together = dice.span(5 * _MINUTE)
        for voter in voters[: approval.most_voters + dice.choice((0, 1))]:
            at = dice.choice((together, dice.span(10 * _MINUTE)))
            answers += self._votes_of(voter, event, at)
        if never:  # whatever they said before: enough of them approve at last
            last = [event.approve(voter) for voter in voters[: approval.approve]]
            answers += [(timedelta(hours=2), vote) for vote in last]
        return answers

    def _votes_of(self, voter: str, event: TaskTriggered, at: timedelta) -> Answers:
        """Draw what one voter says, and whether they say it again or change their mind."""
        dice, mix, hits = self.dice, self.faults, self.hits
        limit = event.completion_timeout
        if limit is not None and dice.happens(0.05):
            hits[Mishap.AT_LIMIT, ""] += 1
            at = limit + dice.choice((-1, 0, 1)) * _MICROSECOND
        elif dice.happens(mix.slow):
            hits[Mishap.SLOW, ""] += 1
            at += dice.span(timedelta(hours=1))
        name = f"{event.task_id[:8]}-{voter}"
        cast = partial(ReportTaskFinished, event.task_id, source=voter, actor=voter)
        first, second = dice.choices(("pass", "warning", "fail"), (6, 1, 4), k=2)
        again = at + dice.choice((timedelta(0), dice.span(5 * _MINUTE)))
        if first != second and dice.happens(0.3):
            return [  # only the ids tell a repeat of the first from a third one
                (at, cast(result=first, report_id=f"{name}-1")),
                (again, cast(result=second, report_id=f"{name}-2")),
            ]
        if dice.happens(mix.twice):
            hits[Mishap.VOTES_AGAIN, ""] += 1
            return [(at, cast(result=first)), (again, cast(result=first))]
        return [(at, cast(result=first, report_id=dice.choice((None, f"{name}-1"))))]


def _nearly(dice: Dice) -> timedelta:
    """Draw nothing, or a microsecond before or after."""
    return dice.choice((-1, 0, 1)) * _MICROSECOND
