"""What a shipyard is made of: stages, their sequences, the tasks of these, and what triggers them.

Every value checks itself when it is made, so none that breaks R17 can exist. A `DefinitionError`
says where in the value the mistake is, in the words of Keptn's shipyard (``tasks[0].name``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any, Final, TypeVar, final

import attrs

from sequencectl._scalars import (
    ID,
    ID_WORDS,
    LIMIT,
    NAME_PATTERN,
    Id,
    Limit,
    Name,
    Priority,
    checked,
)
from sequencectl.durations import parse_duration
from sequencectl.errors import (
    DefinitionError,
    DurationError,
    InvalidValue,
    PayloadError,
    check_type,
    required,
)
from sequencectl.outcomes import Result
from sequencectl.payload import EMPTY, FrozenMap, freeze, path_to
from sequencectl.policies import LONGEST_TIMEOUT, SequenceTimeouts, TaskTimeouts

_SELECTOR_KEY: Final = re.compile(rf"({NAME_PATTERN}\.)?result")
_RESULTS: Final = {"pass": "pass", "warning": "warning", "fail": "fail", "failed": "fail"}
_checked = checked(DefinitionError)
_EnumT = TypeVar("_EnumT", bound=Enum)


def check_each(
    _definition: object,
    _field: attrs.Attribute[Any],
    value: object,
    *,
    kind: type[Any],
    where: str,
    least: int = 0,
    is_named: bool = False,
) -> None:
    """Validate a tuple of values of type `kind`: at least `least`, and each name only once."""
    if not isinstance(value, tuple):
        raise DefinitionError(where, value, "must be a tuple")
    if len(value) < least:
        raise DefinitionError(where, value, "must not be empty")
    names: set[str] = set()
    for index, entry in enumerate(value):
        if not isinstance(entry, kind):
            raise DefinitionError(f"{where}[{index}]", entry, f"must be a {kind.__name__}")
        if is_named:
            if entry.name in names:
                raise DefinitionError(f"{where}[{index}].name", entry.name, "must not occur twice")
            names.add(entry.name)


def _read_delay(value: timedelta | str, where: str = "triggeredAfter") -> timedelta:
    try:
        delay = parse_duration(value) if isinstance(value, str) else value
    except DurationError as error:
        raise DefinitionError(where, value, error.problem) from None
    if not isinstance(delay, timedelta):
        raise DefinitionError(where, value, "must be a duration such as '90s'")
    if not timedelta(0) <= delay <= LONGEST_TIMEOUT:
        longest = f"{LONGEST_TIMEOUT.days} days"
        raise DefinitionError(where, value, f"must lie between zero and {longest}")
    return delay


_DEEPEST_PROPERTIES: Final = 100  # they go one level deeper into a task's input


def _read_properties(value: Mapping[str, object] | None) -> FrozenMap:
    try:
        properties = freeze(value, where="properties")
    except PayloadError as error:
        raise DefinitionError(error.where, error.value, error.problem) from None
    if properties.depth > _DEEPEST_PROPERTIES:
        problem = f"must have at most {_DEEPEST_PROPERTIES} levels"
        raise DefinitionError("properties", value, problem)
    return properties


def _read_expects(value: int | Collection[str] | None) -> int | frozenset[str] | None:
    if value is None or (type(value) is int and value >= 1):
        return value
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        permitted = "must be an int of at least 1, or a list of the sources that must finish"
        raise DefinitionError("expects", value, permitted)
    for index, source in enumerate(value):
        if not ID.permits(source):
            problem = f"must be a source: {ID_WORDS}"
            raise DefinitionError(f"expects[{index}]", source, problem)
    if len(set(value)) < len(value):
        raise DefinitionError("expects", value, "must not name a source twice")
    return frozenset(value)


def _read_match(
    value: Mapping[str, str] | tuple[tuple[str, str], ...],
) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping | tuple):
        raise DefinitionError("match", value, "must map 'result' or '<task>.result' to a result")
    pairs: tuple[Any, ...] = tuple(value.items()) if isinstance(value, Mapping) else value
    match: dict[str, str] = {}
    for key, wanted in pairs:
        if not isinstance(key, str) or not _SELECTOR_KEY.fullmatch(key):
            raise DefinitionError(path_to("match", key), key, "must be 'result' or '<task>.result'")
        if not isinstance(wanted, str) or wanted not in _RESULTS:
            raise DefinitionError(path_to("match", key), wanted, "must be pass, warning or fail")
        if key in match:
            raise DefinitionError(path_to("match", key), wanted, "must not occur twice")
        match[key] = _RESULTS[wanted]
    return tuple(sorted(match.items()))


_NOT_OF_AN_APPROVAL: Final = (
    "must not be given: votes decide an approval ('approval: false' makes it none)"
)


class OnExpiry(Enum):
    """What comes of an approval that is still open at its completion limit (R34)."""

    TIME_OUT = "time_out"
    """It ends its sequence as any task does that runs out of time (R27)."""
    APPROVE = "approve"
    """Silence is consent: it is approved, unless a vote that rejects stands."""


class Newcomer(Enum):
    """What a newer delivery of the same service does to an approval that is open (R35)."""

    WAIT = "wait"
    """It waits in line."""
    SUPERSEDE = "supersede"
    """It supersedes the sequence, and the approval is void."""


class Failure(Enum):
    """How a task run failed: what an automatic retry is for (R39)."""

    FAIL = "fail"
    """Executors did their work, and its result is fail."""
    ERRORED = "errored"
    """Executors could not do their work: their status is neither succeeded nor aborted."""
    TIMED_OUT = "timed_out"
    """It ran out of time, silence included; its executor may still be at work."""


class OnFailure(Enum):
    """What comes of a sequence whose task has failed for good (R40)."""

    END = "end"
    """It ends."""
    PARK = "park"
    """It keeps its lane until a person retries or skips the task, or ends it."""


def _word(kind: type[_EnumT], where: str, value: object) -> _EnumT:
    try:
        return kind(value)
    except ValueError:
        permitted = ", ".join(str(member.value) for member in kind)
        raise DefinitionError(where, value, f"must be one of {permitted}") from None


def _read_expiry(value: OnExpiry | str) -> OnExpiry:
    return _word(OnExpiry, "onExpiry", value)


def _read_newcomer(value: Newcomer | str) -> Newcomer:
    return _word(Newcomer, "newcomer", value)


@final
@attrs.frozen(field_transformer=_checked, kw_only=True)
class Approval:
    """How people decide a task by their votes (R34, R35).

    It is approved once `approve` voters approve, and rejected once `reject` voters reject. With
    `initiator` false, whoever triggered the sequence, or the one it follows up on, may not vote.
    `on_expiry` says what comes of it at its completion limit, `newcomer` what a newer delivery does
    to it.
    """

    approve: Limit = 1
    reject: Limit = 1
    initiator: bool = attrs.field(default=True, validator=required(bool, DefinitionError))
    on_expiry: OnExpiry = attrs.field(default=OnExpiry.TIME_OUT, converter=_read_expiry)
    newcomer: Newcomer = attrs.field(default=Newcomer.WAIT, converter=_read_newcomer)

    @property
    def most_voters(self) -> int:
        """How many may have voted when it is decided at last."""
        return self.approve + self.reject - 1


def _read_backoff(value: timedelta | str) -> timedelta:
    return _read_delay(value, "backoff")


def _read_failures(value: Collection[Failure | str]) -> tuple[Failure, ...]:
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        permitted = ", ".join(failure.value for failure in Failure)
        raise DefinitionError("on", value, f"must be a list of some of {permitted}")
    kinds = [_word(Failure, f"on[{index}]", each) for index, each in enumerate(value)]
    if len(set(kinds)) < len(kinds):
        raise DefinitionError("on", value, "must not name a kind of failure twice")
    return tuple(failure for failure in Failure if failure in kinds)


@final
@attrs.frozen(field_transformer=_checked, kw_only=True)
class Retry:
    """How often a failed task is run again by itself, and after which delay (R39).

    `times` counts further attempts. Before the first of them passes `backoff`, before each later
    one `factor` times as much as before the one before; a text is read as a duration in Go's
    notation. `on` has the kinds of failure that are retried.
    """

    times: Limit = 1
    backoff: timedelta = attrs.field(default=timedelta(0), converter=_read_backoff)
    factor: Limit = 1
    on: tuple[Failure, ...] = attrs.field(
        default=(Failure.FAIL, Failure.ERRORED), converter=_read_failures
    )

    def delay(self, number: int) -> timedelta:
        """Return what passes before the further attempt of this number, counted from 1.

        It is at most the longest timeout.
        """
        if not LIMIT.permits(number):
            raise InvalidValue("number", number, LIMIT.problem)
        delay = self.backoff
        for _ in range(number - 1):
            if not delay or self.factor == 1:
                break
            if self.factor > LONGEST_TIMEOUT // delay:
                return LONGEST_TIMEOUT
            delay *= self.factor
        return delay


def _read_on_failure(value: OnFailure | str | None) -> OnFailure | None:
    return None if value is None else _word(OnFailure, "onFailure", value)


@final
@attrs.frozen(field_transformer=_checked)
class TaskDefinition:
    """One task of a sequence (R10, R11, R14, R34, R39, R40).

    `triggered_after` delays it, counted from the end of the task before; a text is read as a
    duration in Go's notation. `properties` go into its input under its name. `timeouts` win over
    the policy. `expects` says when it is over: when that many sources, or these, have finished.
    `retry` says when it is run again by itself. `on_failure` says what comes of the sequence if it
    fails for good; None is what the sequence says. With an `approval` it is decided by votes, and
    then `expects`, `retry` and `on_failure` have no place.
    """

    name: Name
    triggered_after: timedelta = attrs.field(
        default=timedelta(0), kw_only=True, converter=_read_delay
    )
    properties: FrozenMap = attrs.field(default=EMPTY, kw_only=True, converter=_read_properties)
    timeouts: TaskTimeouts | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(required(TaskTimeouts, DefinitionError)),
    )
    expects: int | frozenset[Id] | None = attrs.field(
        default=None, kw_only=True, converter=_read_expects
    )
    approval: Approval | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(required(Approval, DefinitionError)),
    )
    retry: Retry | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(required(Retry, DefinitionError)),
    )
    on_failure: OnFailure | None = attrs.field(
        default=None, kw_only=True, converter=_read_on_failure
    )

    def __attrs_post_init__(self) -> None:
        if self.approval is None:
            return
        failing = {"expects": self.expects, "retry": self.retry, "onFailure": self.on_failure}
        for where, value in failing.items():
            if value is not None:
                raise DefinitionError(where, value, _NOT_OF_AN_APPROVAL)


@final
@attrs.frozen(field_transformer=_checked)
class TriggeredOn:
    """The end of another sequence that triggers this one: ``<stage>.<sequence>.finished`` (R15).

    `match` is the selector: pairs of ``result`` or ``<task>.result`` and the result it must have,
    all of them at once. A mapping is accepted; ``failed`` is read as ``fail``.
    """

    stage: Name
    sequence: Name
    match: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_read_match)

    def matches(self, result: Result, task_results: Mapping[str, Result]) -> bool:
        """Return whether the end of the named sequence with this result triggers (R15).

        `task_results` has the result of the last run of each task that ran. Without a selector,
        pass and warning trigger; a task that never ran matches nothing.
        """
        check_type("result", result, Result)
        check_type("task_results", task_results, Mapping)
        if not self.match:
            return result is not Result.FAIL
        for key, wanted in self.match:
            task, _, _ = key.rpartition(".")
            actual = task_results.get(task) if task else result
            if actual is None or actual.value != wanted:
                return False
        return True


def _read_own_failure(value: OnFailure | str) -> OnFailure:
    return _word(OnFailure, "onFailure", value)


@final
@attrs.frozen(field_transformer=_checked)
class SequenceDefinition:
    """One sequence of a stage: its tasks in their order, and what triggers it (R9, R15, R17).

    `priority`, higher first, is that of a run whose command names none; None is 0, or for a
    follow-up the priority of what triggered it (R2). `on_failure` holds for each of its tasks that
    is no approval and says nothing else (R40).
    """

    name: Name
    tasks: tuple[TaskDefinition, ...] = attrs.field(
        validator=partial(check_each, kind=TaskDefinition, where="tasks", least=1)
    )
    triggered_on: tuple[TriggeredOn, ...] = attrs.field(
        default=(),
        kw_only=True,
        validator=partial(check_each, kind=TriggeredOn, where="triggeredOn"),
    )
    priority: Priority | None = attrs.field(default=None, kw_only=True)
    timeouts: SequenceTimeouts = attrs.field(
        default=SequenceTimeouts(),
        kw_only=True,
        validator=required(SequenceTimeouts, DefinitionError),
    )
    on_failure: OnFailure = attrs.field(
        default=OnFailure.END, kw_only=True, converter=_read_own_failure
    )

    @property
    def bars_initiators(self) -> bool:
        """Whether it has an approval that whoever triggered it may not decide (R34)."""
        approvals = [task.approval for task in self.tasks if task.approval is not None]
        return not all(approval.initiator for approval in approvals)


@final
@attrs.frozen(field_transformer=_checked)
class StageDefinition:
    """One stage: its sequences, of which there may be none."""

    name: Name
    sequences: tuple[SequenceDefinition, ...] = attrs.field(
        default=(),
        validator=partial(check_each, kind=SequenceDefinition, where="sequences", is_named=True),
    )
