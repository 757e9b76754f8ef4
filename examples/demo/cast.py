"""Who plays what: read off the shipyard before anything happens.

Shows how a program finds its way through a shipyard: what follows a pass, what a failure, and where
a sequence repeats itself. It decides nothing; it only chooses where the stories are played.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from random import Random

import attrs

from sequencectl import Result, SequenceDefinition, Shipyard, Subject, TriggeredOn
from sequencectl.policies import INHERIT

SERVICE = "carts"
IMAGE = "docker.io/keptnexamples/carts"
VERSIONS = ("0.11.1", "0.11.2", "0.11.3", "0.11.4")


@attrs.frozen
class Spot:
    """One sequence of one stage, and perhaps one of its tasks."""

    stage: str
    sequence: str
    task: str = ""

    def __str__(self) -> str:
        return f"{self.stage}.{self.sequence}"

    def is_of(self, subject: Subject) -> bool:
        """Whether an event with this subject is about a run of this sequence."""
        return (subject.stage, subject.sequence) == (self.stage, self.sequence)


@attrs.frozen
class Cast:
    """The places and the deliveries of the stories; None where the shipyard has no such place.

    `names` gives the short name of each context, in the order of their entrance; `must_wait_again`
    says that the second delivery is known to meet the first one at `next` as well, and `has_limits`
    that the shipyard itself may end a sequence before its time.
    """

    project: str
    start: Spot
    tasks: int
    next: Spot | None
    mute: Spot
    rollbacks: tuple[Spot, ...]
    remediation: Spot | None
    names: dict[str, str]
    must_wait_again: bool = False
    has_limits: bool = False

    @property
    def contexts(self) -> tuple[str, str, str, str]:
        """The contexts of the four deliveries."""
        first, second, muted, controlled, *_ = self.names
        return first, second, muted, controlled

    @property
    def troubled(self) -> str:
        """The context of the remediation."""
        return list(self.names)[-1]


def cast_for(shipyard: Shipyard, *, seed: int, is_own: bool = False) -> Cast:
    """Return where the stories are played in this shipyard; the seed gives the contexts' ids."""
    dice = Random(f"{seed} contexts")
    ids = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in (*VERSIONS, "problem")]
    start = _start(shipyard)
    way = _way(shipyard, start)
    mute, rollbacks = _mute(shipyard, way)
    return Cast(
        project=shipyard.name if _is_id(shipyard.name) else "demo",
        start=start,
        tasks=len(_definition(shipyard, start).tasks),
        next=next((spot for spot in way if spot.stage != start.stage), None),
        mute=mute,
        rollbacks=rollbacks,
        remediation=_remediation(shipyard, start),
        names=dict(zip(ids, (*VERSIONS, "problem"), strict=True)),
        must_wait_again=not is_own,
        has_limits=any(
            limit is not INHERIT
            for stage in shipyard.stages
            for sequence in stage.sequences
            for limit in (sequence.timeouts.total, sequence.timeouts.waiting)
        ),
    )


def _is_id(name: str) -> bool:
    return bool(name) and name.isascii() and name.isprintable()


def _start(shipyard: Shipyard) -> Spot:
    """Return the first sequence of the first stage that has any, else the built-in evaluation."""
    for stage in shipyard.stages:
        if stage.sequences:
            return Spot(stage.name, stage.sequences[0].name)
    return Spot(shipyard.stages[0].name, "evaluation")


def _definition(shipyard: Shipyard, spot: Spot) -> SequenceDefinition:
    found = shipyard.sequence(spot.stage, spot.sequence)
    assert found is not None
    return found


def _way(shipyard: Shipyard, start: Spot) -> list[Spot]:
    """Return where a delivery comes through if everything passes, each place once."""
    way = [start]
    for spot in way:  # grows while it is read
        tasks = {task.name: Result.PASS for task in _definition(shipyard, spot).tasks}
        for follow_up in shipyard.follow_ups(spot.stage, spot.sequence):
            following = Spot(follow_up.stage, follow_up.definition.name)
            if follow_up.matches(Result.PASS, tasks) and following not in way:
                way.append(following)
    return way


def _mute(shipyard: Shipyard, way: list[Spot]) -> tuple[Spot, tuple[Spot, ...]]:
    """Return the task that stays mute, if possible one that is rolled back, and what follows it."""
    for place in way:
        for spot in _tasks(shipyard, place):
            if following := _after_timeout(shipyard, spot):
                return spot, following
    return next(_tasks(shipyard, way[min(1, len(way) - 1)])), ()


def _tasks(shipyard: Shipyard, place: Spot) -> Iterator[Spot]:
    """Yield the tasks of a sequence, a test before all others."""
    names = [task.name for task in _definition(shipyard, place).tasks]
    for name in sorted(names, key=lambda name: name != "test"):
        yield attrs.evolve(place, task=name)


def _after_timeout(shipyard: Shipyard, spot: Spot) -> tuple[Spot, ...]:
    """Return what follows when this task, and none before it, has timed out."""
    results: dict[str, Result] = {}
    for task in _definition(shipyard, spot).tasks:
        results[task.name] = Result.FAIL if task.name == spot.task else Result.PASS
        if task.name == spot.task:
            break
    return tuple(
        Spot(follow_up.stage, follow_up.definition.name)
        for follow_up in shipyard.follow_ups(spot.stage, spot.sequence)
        if follow_up.matches(Result.FAIL, results)
    )


def _remediation(shipyard: Shipyard, start: Spot) -> Spot | None:
    """Return the first sequence, but not `start`, that begins again when it, or a task, fails."""
    for stage in shipyard.stages:
        for sequence in stage.sequences:
            spot = Spot(stage.name, sequence.name)
            for trigger in sequence.triggered_on if spot != start else ():
                is_own = Spot(trigger.stage, trigger.sequence) == spot
                if is_own and (task := _what_must_fail(sequence, trigger)):
                    return attrs.evolve(spot, task=task)
    return None


def _what_must_fail(sequence: SequenceDefinition, trigger: TriggeredOn) -> str:
    """Return the task whose failure alone makes this trigger match; empty if there is none."""
    passed = {task.name: Result.PASS for task in sequence.tasks}
    for task in sequence.tasks[::-1]:
        fails = trigger.matches(Result.FAIL, {**passed, task.name: Result.FAIL})
        if fails and not trigger.matches(Result.PASS, passed):
            return task.name
    return ""
