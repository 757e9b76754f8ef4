"""The shipyard of a project: what may run in which stage, and what follows what (R15, R17).

It is made in one of three ways: from a short form in plain Python (`Shipyard.of`), from Keptn's
``shipyard.yaml`` as a mapping or a text (`Shipyard.from_mapping`, `Shipyard.from_yaml`), or from
the values of `definitions`. All of them refuse the same mistakes with one `DefinitionError` that
has path and value. `Shipyard.findings` returns what is legal but looks like a mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import partial
from typing import Any, Final, TypeAlias, final

import attrs

from sequencectl._scalars import TEXT, Text
from sequencectl.errors import DefinitionError, PolicyError, check_type
from sequencectl.outcomes import Result
from sequencectl.payload import path_to
from sequencectl.policies import Bounds, QueuePolicy, TimeoutPolicy
from sequencectl.shipyard.definitions import (
    SequenceDefinition,
    StageDefinition,
    TaskDefinition,
    TriggeredOn,
    check_each,
)
from sequencectl.shipyard.mapping import read_keptn, read_plain

__all__ = ["Finding", "FindingCode", "FollowUp", "Shipyard"]

_Address: TypeAlias = tuple[str, str]

_EVALUATION: Final = SequenceDefinition("evaluation", (TaskDefinition("evaluation"),))


class FindingCode(Enum):
    """What looks like a mistake in a legal shipyard, or in the policies beside it."""

    UNKNOWN_STAGE = "unknown_stage"
    """A trigger or a policy names a stage that does not exist: it never applies."""
    UNKNOWN_SEQUENCE = "unknown_sequence"
    """A trigger names a sequence that its stage does not have: it never fires."""
    UNKNOWN_TASK = "unknown_task"
    """A selector names a task that the sequence does not have, or a policy one that no sequence
    has: it never applies.
    """
    REPEATED_TASK = "repeated_task"
    """A selector names a task that the sequence runs more than once: the last run decides."""
    ENDLESS_LOOP = "endless_loop"
    """Sequences trigger each other in a circle without any selector to break it."""


@final
@attrs.frozen
class Finding:
    """One thing that is legal and looks like a mistake; ``str`` gives the sentence.

    `path` leads to it: in a shipyard as in Keptn's file
    (``spec.stages[1].sequences[0].triggeredOn[0].event``), in a policy from the argument of the
    plane (``queueing.stages['pord']``).
    """

    code: FindingCode
    path: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@final
@attrs.frozen
class FollowUp:
    """A sequence that the end of another may trigger, and its triggers that name the other."""

    stage: str
    definition: SequenceDefinition
    triggers: tuple[TriggeredOn, ...]

    def matches(self, result: Result, task_results: Mapping[str, Result]) -> bool:
        """Return whether any of the triggers matches; it is triggered once all the same (R15)."""
        return any(trigger.matches(result, task_results) for trigger in self.triggers)


def _check_title(_shipyard: object, _field: attrs.Attribute[Any], value: object) -> None:
    if not TEXT.permits(value):
        raise DefinitionError("metadata.name", value, TEXT.problem)


@final
@attrs.frozen
class Shipyard:
    """The stages of a project in their order, at least one; raises `DefinitionError` (R17)."""

    stages: tuple[StageDefinition, ...] = attrs.field(
        validator=partial(
            check_each, kind=StageDefinition, where="spec.stages", least=1, is_named=True
        ),
    )
    name: Text = attrs.field(default="", kw_only=True, validator=_check_title)
    _stages: dict[str, StageDefinition] = attrs.field(init=False, eq=False, repr=False)
    _sequences: dict[_Address, SequenceDefinition] = attrs.field(init=False, eq=False, repr=False)
    _follow_ups: dict[_Address, tuple[FollowUp, ...]] = attrs.field(
        init=False, eq=False, repr=False
    )
    _with_initiators: frozenset[_Address] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        sequences: dict[_Address, SequenceDefinition] = {}
        follow_ups: dict[_Address, list[FollowUp]] = {}
        for stage in self.stages:
            sequences[stage.name, _EVALUATION.name] = _EVALUATION
            for sequence in stage.sequences:
                sequences[stage.name, sequence.name] = sequence
                triggers: dict[_Address, list[TriggeredOn]] = {}
                for trigger in sequence.triggered_on:
                    triggers.setdefault((trigger.stage, trigger.sequence), []).append(trigger)
                for address, named in triggers.items():
                    follow_up = FollowUp(stage.name, sequence, tuple(named))
                    follow_ups.setdefault(address, []).append(follow_up)
        object.__setattr__(self, "_stages", {stage.name: stage for stage in self.stages})
        object.__setattr__(self, "_sequences", sequences)
        object.__setattr__(self, "_with_initiators", _with_initiators(sequences))
        object.__setattr__(
            self, "_follow_ups", {address: tuple(named) for address, named in follow_ups.items()}
        )

    @classmethod
    def of(cls, stages: Mapping[str, Mapping[str, Any] | None], *, name: str = "") -> Shipyard:
        """Return a shipyard from plain Python: stages, in them sequences, in them tasks.

        A sequence is a list of tasks, a mapping with the keys of Keptn's shipyard (``tasks``,
        ``triggeredOn``, ``priority``, ``timeouts``, ``onFailure``) or a `SequenceDefinition`. A
        task is its name, a mapping with Keptn's keys or a `TaskDefinition`; a trigger is the name
        of its event, a mapping or a `TriggeredOn`. Raises `DefinitionError`.
        """
        return cls(read_plain(stages), name=name)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Shipyard:
        """Return the shipyard that a mapping in the shape of Keptn's ``shipyard.yaml`` describes.

        Besides Keptn's keys there are ours: ``priority``, ``timeouts: {total, waiting}`` and
        ``onFailure`` on a sequence, ``timeouts: {reaction, completion, silence}``, ``expects``,
        ``approval``, ``retry`` and ``onFailure`` on a task, and ``x-…`` for anybody's own. A task
        named ``approval`` is decided by votes unless it says
        ``approval: false`` (R34). Raises `DefinitionError` with path and value for every other key,
        wrong type, duplicate or invalid name, empty sequence or unreadable duration.
        """
        stages, name = read_keptn(mapping)
        return cls(stages, name=name)

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Shipyard:
        """Return the shipyard that the text of a ``shipyard.yaml`` describes (extra ``yaml``).

        Bytes are read as UTF-8. It is YAML 1.2, one document of at most 1 MiB, without anchors,
        aliases, merge keys, tags and duplicate keys. Raises `DefinitionError`, and nothing else,
        for whatever is wrong with the text; its `line` is the line of the key or list entry.
        """
        from sequencectl.shipyard import yaml  # noqa: PLC0415 - it needs the extra

        document = yaml.read(text)
        try:
            return cls.from_mapping(document.mapping)
        except DefinitionError as error:
            line = document.line_of(error.where)
            raise DefinitionError(error.where, error.value, error.problem, line=line) from None

    def __repr__(self) -> str:
        return f"Shipyard({'; '.join(map(_stage_named, self.stages))})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Print the repr: Hypothesis and IPython would print every field of a frozen value."""
        printer.text(repr(self))

    def stage(self, name: str) -> StageDefinition | None:
        """Return the stage of this name, or None."""
        check_type("name", name, str)
        return self._stages.get(name)

    def sequence(self, stage: str, name: str) -> SequenceDefinition | None:
        """Return the sequence of this name in this stage, or None.

        Every stage that defines no ``evaluation`` has a built-in one, with one task of that name.
        """
        check_type("stage", stage, str)
        check_type("name", name, str)
        return self._sequences.get((stage, name))

    def follow_ups(self, stage: str, sequence: str) -> tuple[FollowUp, ...]:
        """Return what the end of this sequence may trigger, in shipyard order (R15)."""
        check_type("stage", stage, str)
        check_type("sequence", sequence, str)
        return self._follow_ups.get((stage, sequence), ())

    def needs_actor(self, stage: str, sequence: str) -> bool:
        """Return True if this sequence, or one that may follow it, has an approval that its
        initiators may not decide: then its trigger must say who it comes from (R34).
        """
        check_type("stage", stage, str)
        check_type("sequence", sequence, str)
        return (stage, sequence) in self._with_initiators

    def check(self, timeouts: TimeoutPolicy, bounds: Bounds) -> None:
        """Raise `DefinitionError` for a sequence or task that these policies do not permit.

        That is one with more tasks, expected sources, voters or attempts than the bounds allow, a
        task that would be left without a completion limit, or one with a limit of silence that
        progress reports cannot keep (R26, R33, R34, R39, R42).
        """
        check_type("timeouts", timeouts, TimeoutPolicy)
        check_type("bounds", bounds, Bounds)
        for stage in self.stages:
            for sequence in stage.sequences:
                where = f"{stage.name}.{sequence.name}"
                number = len(sequence.tasks)
                if number > bounds.tasks:
                    problem = f"must be at most {bounds.tasks} tasks"
                    raise DefinitionError(f"{where}.tasks", number, problem)
                for task in sequence.tasks:
                    _check_task(f"{where}.{task.name}", task, timeouts, bounds)

    def findings(
        self, *, queueing: QueuePolicy | None = None, timeouts: TimeoutPolicy | None = None
    ) -> tuple[Finding, ...]:
        """Return what is legal and looks like a mistake, in shipyard order.

        With policies, the stages and tasks that they name and the shipyard does not have come last:
        first those of `queueing`, then those of `timeouts`.
        """
        if queueing is not None:
            check_type("queueing", queueing, QueuePolicy)
        if timeouts is not None:
            check_type("timeouts", timeouts, TimeoutPolicy)
        return (
            *self._trigger_findings(),
            *self._loop_findings(),
            *self._queueing_findings(queueing),
            *self._timeout_findings(timeouts),
        )

    def _queueing_findings(self, queueing: QueuePolicy | None) -> Iterator[Finding]:
        for name, _ in queueing.stages if queueing is not None else ():
            if name not in self._stages:
                said = f"stages[{name!r}] names no stage{did_you_mean(name, self._stages)}"
                yield Finding(FindingCode.UNKNOWN_STAGE, f"queueing.stages[{name!r}]", said)

    def _timeout_findings(self, timeouts: TimeoutPolicy | None) -> Iterator[Finding]:
        tasks = {task.name for each in self._sequences.values() for task in each.tasks}
        for name, _ in timeouts.tasks if timeouts is not None else ():
            if name not in tasks:
                said = f"tasks[{name!r}] names no task{did_you_mean(name, tasks)}"
                yield Finding(FindingCode.UNKNOWN_TASK, f"timeouts.tasks[{name!r}]", said)

    def _triggers(self) -> Iterator[tuple[str, _Address, TriggeredOn]]:
        """Yield every trigger after its path and the sequence that has it."""
        for at_stage, stage in enumerate(self.stages):
            for at_sequence, sequence in enumerate(stage.sequences):
                path = f"spec.stages[{at_stage}].sequences[{at_sequence}].triggeredOn"
                for index, trigger in enumerate(sequence.triggered_on):
                    yield f"{path}[{index}]", (stage.name, sequence.name), trigger

    def _trigger_findings(self) -> Iterator[Finding]:
        counted: dict[_Address, Counter[str]] = {}
        for path, (stage, sequence), trigger in self._triggers():
            address = trigger.stage, trigger.sequence
            awaited = f"{stage}.{sequence} waits for {trigger.stage}.{trigger.sequence}"
            if trigger.stage not in self._stages:
                near = did_you_mean(trigger.stage, self._stages)
                said = f"{awaited}, but there is no stage {trigger.stage}{near}"
                yield Finding(FindingCode.UNKNOWN_STAGE, f"{path}.event", said)
            elif address not in self._sequences:
                known = (name for at, name in self._sequences if at == trigger.stage)
                near = did_you_mean(trigger.sequence, known)
                said = f"{awaited}, but that stage has no such sequence{near}"
                yield Finding(FindingCode.UNKNOWN_SEQUENCE, f"{path}.event", said)
            else:
                if address not in counted:
                    counted[address] = Counter(task.name for task in self._sequences[address].tasks)
                for key, _ in trigger.match:
                    task = key.rpartition(".")[0]
                    here = path_to(f"{path}.selector.match", key)
                    if task and not counted[address][task]:
                        near = did_you_mean(task, counted[address])
                        said = f"{awaited} and its task {task}, but that has no such task{near}"
                        yield Finding(FindingCode.UNKNOWN_TASK, here, said)
                    elif task and counted[address][task] > 1:
                        said = f"{awaited} and its task {task}, which runs more than once there."
                        yield Finding(
                            FindingCode.REPEATED_TASK, here, f"{said} The last run counts."
                        )

    def _loop_findings(self) -> Iterator[Finding]:
        after: dict[_Address, list[tuple[_Address, str]]] = {}
        for path, address, trigger in self._triggers():
            if not trigger.match:
                before = trigger.stage, trigger.sequence
                after.setdefault(before, []).append((address, f"{path}.event"))
        is_on_trail: dict[_Address, bool] = {}
        for start, following in after.items():
            trail = [] if start in is_on_trail else [(start, iter(following))]
            is_on_trail.setdefault(start, True)
            while trail:
                for address, path in trail[-1][1]:
                    if address not in is_on_trail:
                        is_on_trail[address] = True
                        trail.append((address, iter(after.get(address, ()))))
                        break
                    if is_on_trail[address]:
                        yield _loop([entry for entry, _ in trail], address, path)
                else:
                    is_on_trail[trail.pop()[0]] = False


def _with_initiators(sequences: Mapping[_Address, SequenceDefinition]) -> frozenset[_Address]:
    """Return the sequences that have an approval which bars initiators, or may lead to one."""
    before = {
        address: [(each.stage, each.sequence) for each in sequence.triggered_on]
        for address, sequence in sequences.items()
    }
    open_ends = [address for address, sequence in sequences.items() if sequence.bars_initiators]
    found: set[_Address] = set()
    while open_ends:
        address = open_ends.pop()
        if address not in found:
            found.add(address)
            open_ends.extend(before.get(address, ()))
    return frozenset(found)


def _stage_named(stage: StageDefinition) -> str:
    named = [f"{each.name} {[task.name for task in each.tasks]}" for each in stage.sequences]
    return f"{stage.name}: {', '.join(named)}"


def _check_task(where: str, task: TaskDefinition, timeouts: TimeoutPolicy, bounds: Bounds) -> None:
    try:
        timeouts.for_task(task.name, task.timeouts, is_approval=task.approval is not None)
    except PolicyError as error:
        path = f"{where}.timeouts.completion"
        raise DefinitionError(path, error.value, error.problem) from error
    own = None if task.timeouts is None else task.timeouts.silence
    too_short = bounds._too_short(own)
    if too_short is not None:
        raise DefinitionError(f"{where}.timeouts.silence", own, too_short)
    if task.retry is not None and task.retry.times >= bounds.attempts:
        problem = f"must leave at most {bounds.attempts} attempts, the first included"
        raise DefinitionError(f"{where}.retry.times", task.retry.times, problem)
    expects, most = task.expects, bounds.sources
    if task.approval is not None and task.approval.most_voters > most:
        number = task.approval.most_voters
        problem = f"must take at most {most} voters to decide it"
        raise DefinitionError(f"{where}.approval", number, problem)
    if expects is None:
        return
    number = expects if isinstance(expects, int) else len(expects)
    if number > most:
        raise DefinitionError(f"{where}.expects", number, f"must be at most {most} sources")


def _loop(trail: list[_Address], address: _Address, path: str) -> Finding:
    names = [f"{stage}.{name}" for stage, name in trail[trail.index(address) :]]
    through = ", ".join(names[1:4]) + (" and others" if len(names) > 4 else "")
    said = f"{names[0]} triggers itself again" + (f" through {through}" if through else "")
    return Finding(FindingCode.ENDLESS_LOOP, path, f"{said}, and no selector ends that.")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the nearest of `names` if one is near."""
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
