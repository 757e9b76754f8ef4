"""Configuration of time limits, queues and bounds: immutable values, checked when they are made.

A time limit is a `timedelta` or a text in Go's notation (``"3m"``); None means that there is no
limit, and `INHERIT` that the next one further out applies: the definition of the task or sequence
in the shipyard first, then the policy's entry for the task's name, then the policy's default (R26).
Every mistake is a `PolicyError` that names the argument. Here too: what a calendar answers (R37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, final

import attrs

from sequencectl._scalars import (
    AMOUNT,
    LIMIT,
    TEXT,
    Amount,
    Levels,
    Limit,
    Message,
    Rule,
    checked,
    checked_instant,
)
from sequencectl.durations import format_duration, parse_duration
from sequencectl.errors import DurationError, InvalidValue, PolicyError, check_type, required

LONGEST_TIMEOUT: Final = timedelta(days=36_500)
"""No limit is longer, so that a deadline is always an instant a datetime can hold."""


class Inherit(Enum):
    """The type of `INHERIT`, so that a type checker can tell it from None."""

    INHERIT = "inherit"

    def __repr__(self) -> str:
        return self.name


INHERIT: Final = Inherit.INHERIT
"""The limit that is configured further out applies."""

Timeout: TypeAlias = timedelta | None
"""A time limit that is decided: a positive duration, or None for no limit."""

_GivenTimeout: TypeAlias = timedelta | str | None
_EnumT = TypeVar("_EnumT", bound=Enum)
_ValueT = TypeVar("_ValueT")


def _limit(value: object) -> timedelta:
    limit = parse_duration(value) if isinstance(value, str) else value
    if not isinstance(limit, timedelta):
        raise DurationError(value, "must be a timedelta or a text such as '90s'")
    if not timedelta(0) < limit <= LONGEST_TIMEOUT:
        permitted = f"must be more than zero and at most {LONGEST_TIMEOUT.days} days"
        raise DurationError(value, f"{permitted}; None means no limit")
    return limit


def _read(value: _GivenTimeout) -> Any:
    """Read a limit; what is none is left to the validator, which knows the argument."""
    try:
        return _limit(value)
    except DurationError:
        return value


def _check(_policy: object, field: attrs.Attribute[Any], value: object) -> None:
    try:
        if value is not None:
            _limit(value)
    except DurationError as error:
        raise PolicyError(field.name, value, error.problem) from None


def _read_own(value: _GivenTimeout | Inherit) -> Any:
    return value if isinstance(value, Inherit) else _read(value)


def _check_own(policy: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not INHERIT:
        _check(policy, field, value)


def _duration(value: timedelta | str, where: str) -> timedelta:
    try:
        duration: object = parse_duration(value) if isinstance(value, str) else value
    except DurationError as error:
        raise PolicyError(where, value, error.problem) from None
    if not isinstance(duration, timedelta) or not timedelta(0) <= duration <= LONGEST_TIMEOUT:
        raise PolicyError(where, value, "must be a duration of zero or more")
    return duration


def _read_skew(value: timedelta | str) -> timedelta:
    return _duration(value, "clock_skew")


def _read_progress_every(value: timedelta | str) -> timedelta:
    return _duration(value, "progress_every")


def _check_flag(_policy: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise PolicyError(field.name, value, "must be True or False")


def _pairs(value: object, where: str, kind: type[_ValueT]) -> tuple[tuple[str, _ValueT], ...]:
    """Return a mapping of names to values of type `kind` as pairs, sorted by name."""
    if not isinstance(value, Mapping | tuple):
        raise PolicyError(where, value, f"must map names to {kind.__name__}")
    pairs: Iterable[object] = value.items() if isinstance(value, Mapping) else value
    read: dict[str, _ValueT] = {}
    for pair in pairs:
        match pair:
            case (str() as name, entry) if isinstance(entry, kind):
                read[name] = entry
            case (str() as name, entry):
                raise PolicyError(f"{where}[{name!r}]", entry, f"must be a {kind.__name__}")
            case _:
                raise PolicyError(where, pair, f"must map names to {kind.__name__}")
    return tuple(sorted(read.items()))


def _word(value: object, where: str, kind: type[_EnumT]) -> _EnumT:
    try:
        return kind(value)
    except ValueError:
        words = ", ".join(str(member.value) for member in kind)
        raise PolicyError(where, value, f"must be one of {words}") from None


@final
@attrs.frozen
class TaskTimeouts:
    """The limits of one task (R26, R27, R42).

    `reaction`: how long until an executor reports. `completion`: how long until the task is over.
    Both are counted from its `TaskTriggered`. `silence`: how long an executor that has started may
    say nothing before it has finished.
    """

    reaction: Timeout | Inherit = attrs.field(
        default=INHERIT, converter=_read_own, validator=_check_own
    )
    completion: Timeout | Inherit = attrs.field(
        default=INHERIT, converter=_read_own, validator=_check_own
    )
    silence: Timeout | Inherit = attrs.field(
        default=INHERIT, converter=_read_own, validator=_check_own
    )

    def over(self, outer: TaskTimeouts) -> TaskTimeouts:
        """Return these limits with `outer` in the places that inherit."""
        check_type("outer", outer, TaskTimeouts)
        return TaskTimeouts(
            outer.reaction if self.reaction is INHERIT else self.reaction,
            outer.completion if self.completion is INHERIT else self.completion,
            outer.silence if self.silence is INHERIT else self.silence,
        )


@final
@attrs.frozen
class SequenceTimeouts:
    """The limits of one sequence (R26, R30).

    `total`: how long it may run, pauses not counted. `waiting`: how long it may wait for its lane,
    unless it is held.
    """

    total: Timeout | Inherit = attrs.field(
        default=INHERIT, converter=_read_own, validator=_check_own
    )
    waiting: Timeout | Inherit = attrs.field(
        default=INHERIT, converter=_read_own, validator=_check_own
    )


@final
@attrs.frozen
class ResolvedTimeouts:
    """The limits that hold for a task, as its `TaskTriggered` carries them; None is no limit."""

    reaction: Timeout
    completion: Timeout
    silence: Timeout = None


_GivenTasks: TypeAlias = Mapping[str, TaskTimeouts] | tuple[tuple[str, TaskTimeouts], ...]
_CLOCK_SKEW: Final = timedelta(minutes=5)


def _read_tasks(value: _GivenTasks) -> tuple[tuple[str, TaskTimeouts], ...]:
    return _pairs(value, "tasks", TaskTimeouts)


@final
@attrs.frozen(kw_only=True)
class TimeoutPolicy:
    """How long things may take in a project (R26).

    `reaction`, `completion` and `silence` hold for every task that has none of its own; `tasks` has
    a `TaskTimeouts` for each task name that differs. `total` and `waiting` hold for every sequence
    that has none of its own. `abort_grace` is how long an abort waits for the task in flight (R22),
    and `parked` how long a parked sequence waits for a person (R40).
    `clock_skew` is how far the host's clock may lag behind the last event and still be corrected
    (R29); with zero it never is.

    Every task must have a completion limit, and what is parked a limit too. The reaction limit ends
    with the first reaction, and after that only the completion limit, or one on silence, ends a
    task whose executor died (R27, R42). Only `unbounded` makes a policy without that guarantee.
    """

    reaction: Timeout = attrs.field(default=timedelta(minutes=3), converter=_read, validator=_check)
    completion: Timeout = attrs.field(
        default=timedelta(hours=24), converter=_read, validator=_check
    )
    total: Timeout = attrs.field(default=None, converter=_read, validator=_check)
    waiting: Timeout = attrs.field(default=None, converter=_read, validator=_check)
    abort_grace: Timeout = attrs.field(default=None, converter=_read, validator=_check)
    silence: Timeout = attrs.field(default=None, converter=_read, validator=_check)
    parked: Timeout = attrs.field(default=timedelta(hours=24), converter=_read, validator=_check)
    clock_skew: timedelta = attrs.field(default=_CLOCK_SKEW, converter=_read_skew)
    tasks: tuple[tuple[Message, TaskTimeouts], ...] = attrs.field(default=(), converter=_read_tasks)
    is_unbounded: bool = attrs.field(default=False, validator=_check_flag)
    _by_name: dict[str, TaskTimeouts] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_by_name", dict(self.tasks))
        if self.parked is None and not self.is_unbounded:
            raise PolicyError("parked", None, _ONLY_UNBOUNDED)
        self.for_task("")
        for name, _ in self.tasks:
            self.for_task(name)

    @classmethod
    def unbounded(
        cls,
        *,
        reaction: _GivenTimeout = None,
        completion: _GivenTimeout = None,
        total: _GivenTimeout = None,
        waiting: _GivenTimeout = None,
        abort_grace: _GivenTimeout = None,
        silence: _GivenTimeout = None,
        parked: _GivenTimeout = None,
        clock_skew: timedelta | str = _CLOCK_SKEW,
        tasks: _GivenTasks = (),
    ) -> TimeoutPolicy:
        """Return a policy that limits nothing but what is given.

        A task whose executor dies then stays in flight, and holds its lane, until it is aborted.
        """
        return cls(
            reaction=reaction,
            completion=completion,
            total=total,
            waiting=waiting,
            abort_grace=abort_grace,
            silence=silence,
            parked=parked,
            clock_skew=clock_skew,
            tasks=tasks,
            is_unbounded=True,
        )

    def for_task(
        self, name: str, own: TaskTimeouts | None = None, *, is_approval: bool = False
    ) -> ResolvedTimeouts:
        """Return the limits of a task: its `own`, else those for its `name`, else the default.

        The default limit of a reaction does not hold for an approval, and none of silence does:
        people take their time (R34).
        Raises `PolicyError` if that leaves the task without a completion limit and the policy is
        not `unbounded`.
        """
        if not isinstance(name, str):
            raise InvalidValue("name", name, "must be a str")
        if not isinstance(is_approval, bool):
            raise InvalidValue("is_approval", is_approval, "must be True or False")
        limits = self._by_name.get(name, _INHERITED)
        if own is not None:
            if not isinstance(own, TaskTimeouts):
                raise InvalidValue("own", own, "must be a TaskTimeouts")
            limits = own.over(limits)
        default = None if is_approval else self.reaction
        reaction = default if limits.reaction is INHERIT else limits.reaction
        completion = self.completion if limits.completion is INHERIT else limits.completion
        if completion is None and not self.is_unbounded:
            raise PolicyError(
                f"completion of task {name}" if name else "completion",
                None,
                _ONLY_UNBOUNDED,
            )
        silence = self.silence if limits.silence is INHERIT else limits.silence
        return ResolvedTimeouts(reaction, completion, None if is_approval else silence)

    def total_for(self, own: SequenceTimeouts) -> Timeout:
        """Return how long a sequence with these limits of its own may run."""
        check_type("own", own, SequenceTimeouts)
        return self.total if own.total is INHERIT else own.total

    def waiting_for(self, own: SequenceTimeouts) -> Timeout:
        """Return how long a sequence with these limits of its own may wait for its lane."""
        check_type("own", own, SequenceTimeouts)
        return self.waiting if own.waiting is INHERIT else own.waiting

    def check(self, bounds: Bounds) -> None:
        """Raise `PolicyError` for a limit of silence that progress reports cannot keep (R42)."""
        check_type("bounds", bounds, Bounds)
        own = [(f"tasks[{name!r}].silence", limits.silence) for name, limits in self.tasks]
        for where, silence in [("silence", self.silence), *own]:
            problem = bounds._too_short(silence)
            if problem is not None:
                raise PolicyError(where, silence, problem)


_INHERITED: Final = TaskTimeouts()
_ONLY_UNBOUNDED: Final = "must be a limit; only TimeoutPolicy.unbounded() may do without"


class QueueMode(Enum):
    """What happens to a newcomer that finds others in its lane (R6)."""

    QUEUE = "queue"
    """It waits in line."""
    LATEST_ONLY = "latest_only"
    """It supersedes those waiting for the same stage, service and sequence."""
    REJECT_WHEN_BUSY = "reject_when_busy"
    """It is rejected unless it can start at once."""


class LaneScope(Enum):
    """What excludes what (R1)."""

    STAGE = "stage"
    """Everything in a stage."""
    SERVICE = "service"
    """What concerns the same service in a stage."""


def _read_mode(value: QueueMode | str) -> QueueMode:
    return _word(value, "mode", QueueMode)


def _read_scope(value: LaneScope | str) -> LaneScope:
    return _word(value, "scope", LaneScope)


def _read_stages(
    value: Mapping[str, QueuePolicy] | tuple[tuple[str, QueuePolicy], ...],
) -> tuple[tuple[str, QueuePolicy], ...]:
    stages = _pairs(value, "stages", QueuePolicy)
    for name, policy in stages:
        if policy.stages:
            raise PolicyError(f"stages[{name!r}]", policy, "must not have stages of its own")
    return stages


def _obey(rule: Rule, _policy: object, field: attrs.Attribute[Any], value: object) -> None:
    if not rule.permits(value):
        raise PolicyError(field.name, value, rule.problem)


@final
@attrs.frozen(kw_only=True)
class QueuePolicy:
    """How many sequences run side by side, and what happens to the others (R1, R6).

    `limit` sequences hold a lane at a time; `scope` says what shares a lane, `mode` what happens to
    a newcomer, and `max_waiting` how many may wait in one, held ones included. `stages` has whole
    policies for single stages; such a one replaces this one there and has no `stages` itself.
    """

    limit: Limit = attrs.field(default=1, validator=partial(_obey, LIMIT))
    mode: QueueMode = attrs.field(default=QueueMode.QUEUE, converter=_read_mode)
    scope: LaneScope = attrs.field(default=LaneScope.STAGE, converter=_read_scope)
    max_waiting: Amount = attrs.field(default=10_000, validator=partial(_obey, AMOUNT))
    stages: tuple[tuple[Message, QueuePolicy], ...] = attrs.field(
        default=(), converter=_read_stages
    )
    _by_stage: dict[str, QueuePolicy] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_by_stage", dict(self.stages))

    def for_stage(self, name: str) -> QueuePolicy:
        """Return the policy that holds in a stage: its own, else this one."""
        if not isinstance(name, str):
            raise InvalidValue("name", name, "must be a str")
        return self._by_stage.get(name, self)

    def lane(self, stage: str, service: str) -> str:
        """Return the name of the lane of a service in a stage: ``stage`` or ``stage/service``."""
        if not isinstance(service, str):
            raise InvalidValue("service", service, "must be a str")
        if not isinstance(stage, str):
            raise InvalidValue("stage", stage, "must be a str")
        is_shared = self._by_stage.get(stage, self).scope is LaneScope.STAGE
        return stage if is_shared else f"{stage}/{service}"


@final
@attrs.frozen(field_transformer=checked(PolicyError), kw_only=True)
class Bounds:
    """How much a project keeps and accepts (R33).

    What comes in: `payload_size` bytes of JSON text and `payload_depth` levels in the data of one
    command; `input_size` bytes of JSON text in what has been merged for the next task; `tasks` in a
    sequence; `sources` that work on one task, and `reports` about it; `attempts` at one task (R39,
    R40); `max_depth` follow-ups in a chain, each triggered by the one before. Of the progress of a
    source what comes sooner than `progress_every` after the last is passed over (R42). What is
    kept: `retain` ended contexts, the ids of the last `remember` ended sequences, and the last
    `request_ids` of controls.
    """

    payload_size: Limit = 65_536
    payload_depth: Levels = 32
    input_size: Limit = 1_048_576
    retain: Amount = 200
    remember: Amount = 10_000
    request_ids: Amount = 64
    tasks: Limit = 100
    sources: Limit = 32
    reports: Limit = 1_000
    max_depth: Limit = 100
    attempts: Limit = 100
    progress_every: timedelta = attrs.field(
        default=timedelta(seconds=10), converter=_read_progress_every
    )

    def _too_short(self, silence: Timeout | Inherit) -> str | None:
        """Return why progress reports cannot keep this limit of silence; None if they can (R42).

        An executor must be able to miss a few of them.
        """
        least = 4 * self.progress_every
        if silence is None or silence is INHERIT or silence >= least:
            return None
        said = format_duration(least) if least <= LONGEST_TIMEOUT else f"{least.days} days"
        return f"must be at least {said}, four times progress_every"


def _until(value: datetime | None) -> datetime | None:
    return None if value is None else checked_instant(value, "until")


def _check_window(_opening: object, _field: object, value: object) -> None:
    if not TEXT.permits(value):
        raise InvalidValue("name", value, TEXT.problem)


@final
@attrs.frozen
class Opening:
    """How a calendar says a stage stands at an instant (R37).

    `is_open` holds from that instant until `until`, aware and not included; None is for good.
    `name` says which window it is, in up to 200 printable characters: people read it where a stage
    is closed.
    """

    is_open: bool = attrs.field(validator=required(bool))
    until: datetime | None = attrs.field(default=None, kw_only=True, converter=_until)
    name: str = attrs.field(default="", kw_only=True, validator=_check_window)


Calendar: TypeAlias = Callable[[str, datetime], Opening]
"""Says how a stage, given by name, stands at an instant (UTC): a pure function that never raises.

It may be asked for any instant, and answers the same question with the same `Opening`. Time zones
and recurrence are its own business.
"""
