"""What the people of a simulated world do about a sequence that is parked, or that has failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final, final

from sequencectl.commands import (
    AbortSequence,
    Command,
    PauseSequence,
    ResumeSequence,
    RetryTask,
    SkipTask,
    TriggerSequence,
)
from sequencectl.events import (
    Event,
    SequenceAborted,
    SequenceFinished,
    SequenceParked,
    SequenceTimedOut,
    Subject,
    TaskTriggered,
)
from sequencectl.outcomes import Result
from sequencectl.sequence import SequenceRecord
from sequencectl.testing.simulation.faults import Dice, Mishap, Pair
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.world import World

_MINUTE: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_REDRIVES: Final = 3
"""So often somebody redrives something in a world: each may fail again."""


@final
class Rescue:
    """People who retry and skip, abort and pause what is parked, and redrive what has failed.

    `request` makes an id for a control, and `initiators` has who triggered the sequences of a
    context, by ``project/context``.
    """

    def __init__(
        self,
        dice: Dice,
        hits: Counter[Pair],
        request: Callable[[], str],
        initiators: Mapping[str, str],
    ) -> None:
        self.dice = dice
        self.hits = hits
        self.request = request
        self.initiators = initiators
        self.redrives = 0

    def react(self, world: World, event: Event) -> None:
        """Draw what people do about an event that they read for the first time."""
        match event:
            case SequenceParked():
                self._decide(world, event)
            case SequenceFinished(result=Result.FAIL) | SequenceTimedOut() | SequenceAborted():
                self._redrive(world, event.subject)
            case _:
                pass

    def _decide(self, world: World, event: SequenceParked) -> None:
        """Draw who does what about a parked one, and when: perhaps two at once."""
        dice, project, context = self.dice, event.subject.project, event.subject.context
        at = dice.span(20 * _MINUTE)
        wants = ("nothing", "retry", "retry", "skip", "skip", "at once", "pause", "abort", "limit")
        match dice.choice(wants):
            case "nothing":
                commands = list[Command]()
            case "at once":
                self.hits[Mishap.AT_ONCE, ""] += 1
                commands = [self._retry(event), dice.choice((self._retry, self._skip))(event)]
            case "pause":
                self.hits[Mishap.PARKED_PAUSED, ""] += 1
                commands = [PauseSequence(context, request_id=self.request())]
                decided = dice.choice((self._retry, self._skip))(event)
                resumed = ResumeSequence(context, request_id=self.request())
                self._send(world, project, decided, at + dice.span(5 * _MINUTE))
                self._send(world, project, resumed, at + dice.span(5 * _MINUTE))
            case "abort":
                commands = [AbortSequence(context, request_id=self.request())]
            case "limit" if event.timeout is not None:
                self.hits[Mishap.PARKED_LIMIT, ""] += 1
                at = event.timeout + dice.choice((-1, 0, 1)) * _MICROSECOND
                commands = [dice.choice((self._retry, self._skip))(event)]
            case "retry":
                commands = [self._retry(event)]
            case _:
                commands = [self._skip(event)]
        for command in commands:
            self._send(world, project, command, at)
        if event.deadline is None:  # nothing else gets it out
            self._send(world, project, self._skip(event), timedelta(hours=2))

    def _send(self, world: World, project: str, command: Command, after: timedelta) -> None:
        world.later(after, partial(world.send, project, command))

    def _retry(self, event: SequenceParked) -> RetryTask:
        """Retry this sequence, or all that is parked in its context or in its stage."""
        subject, request_id = event.subject, self.request()
        match self.dice.choice(("sequence", "context", "stage")):
            case "sequence":
                return RetryTask(sequence_id=subject.sequence_id, request_id=request_id)
            case "stage":
                return RetryTask(subject.context, stage=subject.stage, request_id=request_id)
            case _:
                return RetryTask(subject.context, request_id=request_id)

    def _skip(self, event: SequenceParked) -> SkipTask:
        result = self.dice.choice(("pass", "pass", "warning", "fail"))
        sequence_id, request_id = event.subject.sequence_id, self.request()
        return SkipTask(sequence_id=sequence_id, result=result, request_id=request_id)

    # ------------------------------------------------------------------ redrives

    def _redrive(self, world: World, subject: Subject) -> None:
        """Draw how many people redrive a failed one at once, if anybody does."""
        dice = self.dice
        people = dice.choice((0, 0, 1, 2, 3))
        if not people or self.redrives >= _MOST_REDRIVES:
            return
        self.redrives += 1
        self.hits[Mishap.REDRIVEN_AT_ONCE, ""] += people > 1
        world.later(dice.span(10 * _MINUTE), partial(self._send_redrives, world, subject, people))

    def _send_redrives(self, world: World, subject: Subject, people: int) -> None:
        """Let people redrive one of a family: with the derived id, the third one with one of their
        own.

        Later the first of them sends theirs again, or the old one is triggered again.
        """
        state = world.stored(subject.project)
        known = [each for each in state.family(subject.sequence_id) if each in state.sequences]
        if not known:
            return  # they are forgotten
        old = state.sequences[self.dice.choice(known)]
        redrive_id = state.redrive_id(old.sequence_id)
        if redrive_id in state.sequences:
            raise Violation(f"the id of a redrive was given before: {redrive_id}")
        derived = self._trigger(world, subject.project, redrive_id, old)
        other = self._trigger(world, subject.project, f"{redrive_id}-other", old)
        for command in (derived, derived, other)[:people]:
            world.send(subject.project, command, "triggers")
        again = (
            derived if self.dice.happens(0.7) else self._trigger(world, subject.project, "", old)
        )
        self._send(world, subject.project, again, self.dice.span(30 * _MINUTE))

    def _trigger(
        self, world: World, project: str, redrive_id: str, old: SequenceRecord
    ) -> TriggerSequence:
        """Return a redrive under this id; without an id, the trigger of the old one again."""
        told = world.witness.histories[project].committed
        about = [each for each in told if each.subject.sequence_id == old.sequence_id]
        inputs = [each.input for each in about if isinstance(each, TaskTriggered)]
        tasks = [run.name for run in old.runs]
        return TriggerSequence(
            redrive_id or old.sequence_id,
            stage=old.stage,
            sequence=old.name,
            service=old.service,
            context=old.context,
            data=inputs[-1] if inputs else None,
            actor=self.dice.choice((self.initiators.get(f"{project}/{old.context}", ""), "zoe")),
            redrives=old.sequence_id if redrive_id else None,
            start_at=self.dice.choice((None, None, *tasks)) if redrive_id else None,
        )
