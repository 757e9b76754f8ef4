"""The moves of an exploration: the commands that make sense in a state, and time that passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any, Final, TypeVar, final

import attrs

import sequencectl.commands as c
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import InvalidValue, required
from sequencectl.outcomes import Result, Status
from sequencectl.policies import QueuePolicy
from sequencectl.sequence import EndedSequence, LiveSequence, SequenceRecord
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun
from sequencectl.testing.exploration.projection import Arranged, Projector
from sequencectl.testing.exploration.transition import limits_of

PROJECT: Final = "sockshop"
"""The project that is explored."""
START: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""What the clock shows in the initial state."""
LETTERS: Final = (
    "trigger", "again", "redrive", "start", "progress", "finish", "vote", "stray", "pause",
    "resume", "abort", "force", "retry", "skip", "freeze", "unfreeze", "exempt", "check", "wait",
    "slow", "change",
)  # fmt: skip
"""The kinds of moves.

`again` triggers a sequence id that is known. `redrive` triggers one that redrives another.
`progress` is reported for approvals and for tasks with a limit of silence. `vote` answers an
approval, and `finish` any other task. `stray` reports about task runs that are over, that were
retried or that are parked, and about an unknown one. `skip` comes with each result. `check` sends
`CheckDeadlines` as the clock stands. `wait` sends nothing and lets the clock go on to the next
deadline, so that the next command is decided while it is due. `slow` sends each command from a host
whose clock is behind the last event. `change` gives the plane another queue policy.
"""
_DATA: Final = {"stage": "elsewhere", "service": "other", "project": "foreign", "kept": None}
"""The data of every finish; it must not change stage, service or project of a task (R14).

With it comes a list ``told`` of the one task id. So ``told`` in the data of a sequence names the
task runs whose data was taken in.
"""


@final
@attrs.frozen
class Move:
    """One letter: a command at an instant, or only time that passes."""

    letter: str
    command: c.Command | None
    at: datetime
    behind: timedelta = timedelta(0)
    """How far the clock of the deciding host is behind `at`."""


_optional: Final = attrs.validators.optional
_EnumT = TypeVar("_EnumT", bound=Enum)


def _tuple(value: Any) -> Any:
    """Return the values as a tuple; leave a text, or what is no list, to the validator."""
    is_list = isinstance(value, Iterable) and not isinstance(value, str)
    return tuple(value) if is_list else value


# mypy's plugin for attrs reads the types of named functions only


def _patterns(value: Iterable[c.TriggerSequence]) -> tuple[c.TriggerSequence, ...]:
    return _tuple(value)  # type: ignore[no-any-return] # or what the validator refuses


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return _tuple(value)  # type: ignore[no-any-return] # as above


def _scopes(value: Iterable[str | None]) -> tuple[str | None, ...]:
    return _tuple(value)  # type: ignore[no-any-return] # as above


def _durations(value: Iterable[timedelta | None]) -> tuple[timedelta | None, ...]:
    return _tuple(value)  # type: ignore[no-any-return] # as above


def _each(kind: Any, _alphabet: object, field: attrs.Attribute[Any], values: object) -> None:
    if not isinstance(values, tuple):
        raise InvalidValue(field.name, values, "must be a list")
    for value in values:
        if not isinstance(value, kind):
            name = getattr(kind, "__name__", kind)
            raise InvalidValue(field.name, value, f"must be a list of {name}")


def _not_empty(_alphabet: object, field: attrs.Attribute[Any], values: tuple[object, ...]) -> None:
    if not values:
        raise InvalidValue(field.name, values, "must not be empty")


def _at_least_1(_alphabet: object, field: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise InvalidValue(field.name, value, "must be an int of at least 1")


def _words(kind: type[_EnumT], where: str, words: Iterable[_EnumT | str]) -> tuple[_EnumT, ...]:
    try:
        return tuple([kind(word) for word in words])
    except (TypeError, ValueError):
        permitted = ", ".join(str(each.value) for each in kind)
        raise InvalidValue(where, words, f"must be a list of {permitted}") from None


def _results(words: Iterable[Result | str]) -> tuple[Result, ...]:
    return _words(Result, "results", words)


def _statuses(words: Iterable[Status | str]) -> tuple[Status, ...]:
    return _words(Status, "statuses", words)


def _known(_alphabet: object, field: attrs.Attribute[Any], letters: tuple[str, ...]) -> None:
    for letter in letters:
        if letter not in LETTERS:
            raise InvalidValue(field.name, letter, f"must be of {', '.join(LETTERS)}")


@final
@attrs.frozen(kw_only=True)
class Alphabet:
    """The commands of an exploration that make sense in a state.

    `triggers` are patterns. Each is used as long as fewer than `most` sequences are known, with the
    ids s1, s2, …. A pattern whose context is its own id begins a context of its own; any other
    context is shared. Each of the `executors` reports at most once that it started, and once with
    each of the `results`, and with each of the `statuses` by which it fails; a repeat has the same
    report id. It reports its progress as often as may be. Each of the `voters` votes on approvals
    with each of the `results`, as often as may be; the empty text votes without an actor. Controls
    address the `scopes`; None is a whole context. Redrives begin at each of the tasks in
    `start_at`; None is where the old one failed. With `request_ids` every control but resume, skip,
    unfreeze and exempt has one, so that the same control again is a repeat; then every context must
    be shared. `freezes` says how long a freeze lasts; None is for good. With a `tick` the clock
    goes on by so much at most, so that limits begin at different instants. A plane with a calendar
    needs a `period`, after which the calendar repeats itself, and a `tick`: then time may always
    pass. The letter `slow` needs `behind`, how far a clock is behind; the letter `change` needs
    `then`, the next queue policy. Name the `letters` to leave some out. Raises `InvalidValue` for
    anything else.
    """

    triggers: tuple[c.TriggerSequence, ...] = attrs.field(
        converter=_patterns, validator=partial(_each, c.TriggerSequence)
    )
    most: int = attrs.field(default=2, validator=_at_least_1)
    executors: tuple[str, ...] = attrs.field(
        default=("x",), converter=_texts, validator=[partial(_each, str), _not_empty]
    )
    results: tuple[Result, ...] = attrs.field(
        default=(Result.PASS, Result.FAIL), converter=_results
    )
    statuses: tuple[Status, ...] = attrs.field(default=(), converter=_statuses)
    scopes: tuple[str | None, ...] = attrs.field(
        default=(None,), converter=_scopes, validator=partial(_each, str | None)
    )
    start_at: tuple[str | None, ...] = attrs.field(
        default=(None,), converter=_scopes, validator=partial(_each, str | None)
    )
    stages: tuple[str, ...] = attrs.field(
        default=(), converter=_texts, validator=partial(_each, str)
    )
    voters: tuple[str, ...] = attrs.field(
        default=("voter",), converter=_texts, validator=partial(_each, str)
    )
    freezes: tuple[timedelta | None, ...] = attrs.field(
        default=(None,), converter=_durations, validator=partial(_each, timedelta | None)
    )
    letters: tuple[str, ...] = attrs.field(
        default=LETTERS, converter=_texts, validator=[partial(_each, str), _known]
    )
    request_ids: bool = attrs.field(default=False, validator=required(bool))
    tick: timedelta | None = attrs.field(default=None, validator=_optional(required(timedelta)))
    behind: timedelta | None = attrs.field(default=None, validator=_optional(required(timedelta)))
    period: timedelta | None = attrs.field(default=None, validator=_optional(required(timedelta)))
    then: QueuePolicy | None = attrs.field(default=None, validator=_optional(required(QueuePolicy)))

    def __attrs_post_init__(self) -> None:
        own = [each for each in self.triggers if each.context == each.sequence_id]
        if self.request_ids and own:
            # a request id names its context, and would keep the name when a context is renamed
            raise InvalidValue("request_ids", own[0], "must come with contexts that are shared")
        if self.period is not None and (self.tick is None or self.period <= timedelta(0)):
            raise InvalidValue("period", self.period, "must be more than zero and come with a tick")

    @property
    def can_answer(self) -> bool:
        """Whether answers of executors can end everything that is not held back."""
        return self._lets_go and "finish" in self.letters and Result.PASS in self.results

    @property
    def can_wait(self) -> bool:
        """Whether deadlines can end everything that is not held back."""
        return self._lets_go and {"check", "wait"} <= set(self.letters)

    @property
    def _lets_go(self) -> bool:
        """Whether the letters can resume what they pause and unfreeze what they freeze."""
        pairs = (("pause", "resume"), ("freeze", "unfreeze"))
        return all(one not in self.letters or other in self.letters for one, other in pairs)

    @property
    def ids(self) -> tuple[str, ...]:
        """The sequence ids that newcomers may have."""
        return tuple(f"s{number}" for number in range(1, self.most + 1))

    @property
    def named_contexts(self) -> frozenset[str]:
        """The contexts that newcomers may join."""
        return frozenset(each.context for each in self.triggers if each.context != each.sequence_id)

    def projector(self, plane: ControlPlane) -> Projector:
        """Return the projector for the states that this alphabet leads to on a plane."""
        forgets = plane.bounds.retain < self.most
        is_slow = self.behind is not None and "slow" in self.letters
        changes = len(self.planes(plane)) > 1
        period = None if plane.calendar is None else self.period
        return Projector(
            self.named_contexts, self.ids, forgets, is_slow, changes, period,
            redrives="redrive" in self.letters, progress_every=plane.bounds.progress_every,
        )  # fmt: skip

    def planes(self, plane: ControlPlane) -> tuple[ControlPlane, ...]:
        """Return the planes in the order in which they decide."""
        if self.then is None or "change" not in self.letters:
            return (plane,)
        return (plane, attrs.evolve(plane, queueing=self.then))

    def moves(self, state: ProjectState, now: datetime, projector: Projector) -> Iterator[Move]:
        """Yield every move in `state`; states with equal projections have the same order."""
        known = projector.arrange(state)
        commands = [
            (letter, command) for letter in self.letters
            for command in self._commands(letter, state, known, now)
        ]  # fmt: skip
        yield from (Move(letter, command, now) for letter, command in commands)
        if "wait" in self.letters:
            yield from self._waits(state, known.live, now, projector.period is not None)
        if projector.is_slow and self.behind is not None and state.ledger.at == now:
            yield from (Move("slow", command, now, self.behind) for _, command in commands)

    def _commands(
        self, letter: str, state: ProjectState, known: Arranged, now: datetime
    ) -> Iterator[c.Command]:
        contexts = [context for context, _, _ in known.contexts]
        match letter:
            case "trigger":
                yield from self._newcomers(state)
            case "again":
                yield from self._repeats(state, known)
            case "redrive":
                yield from self._redrives(state, known)
            case "start" | "progress" | "finish":
                for record in known.live:
                    if record.task is not None:
                        yield from self._reports(letter, record.task)
            case "vote":
                for record in known.live:
                    if record.task is not None and _is_approval(record.task):
                        yield from self._votes(record.task.task_id)
            case "stray":
                yield from self._strays(known)
            case "pause" | "resume" | "abort" | "force" | "retry" | "skip":
                for context in contexts:
                    for scope in self.scopes:
                        yield from self._controls(letter, context, scope)
            case "freeze" | "unfreeze":
                for stage in self.stages:
                    yield from self._stage_controls(letter, stage, now)
            case "exempt" if self.stages or self.period is not None:
                ended = [record for _, _, group in known.contexts for record in group]
                for sequence_id in [*(x.sequence_id for x in (*known.live, *ended)), "unknown"]:
                    yield c.ExemptSequence(sequence_id)
            case "check":
                yield c.CheckDeadlines()
                if len(known.live) > 1:
                    yield c.CheckDeadlines(limit=1)
            case _:
                pass  # time, clocks and planes have no commands of their own

    def _newcomers(self, state: ProjectState) -> Iterator[c.Command]:
        free = [known for known in self.ids if not _is_known(state, known)]
        for pattern in self.triggers if free else ():
            own = pattern.context == pattern.sequence_id
            context = free[0] if own else pattern.context
            yield attrs.evolve(pattern, sequence_id=free[0], context=context)

    def _repeats(self, state: ProjectState, known: Arranged) -> Iterator[c.Command]:
        ended = (record for _, _, group in known.contexts for record in group)
        for record in (*known.live, *ended):
            subject = record.subject
            said = (subject.stage, subject.sequence, subject.service, subject.context)
            yield _trigger(record.sequence_id, *said)
        for sequence_id in state.oldest_remembered(state.remembered_count):
            was = state.remembered(sequence_id)
            assert was is not None
            yield _trigger(sequence_id, was.stage, was.sequence, was.service, was.context)

    def _redrives(self, state: ProjectState, known: Arranged) -> Iterator[c.Command]:
        """Yield what redrives each ended one, and what is refused: a live one, and an unknown one.

        A newcomer that may be triggered without redriving anything lends its priority and actor.
        """
        free = [each for each in self.ids if not _is_known(state, each)]
        if not free:
            return
        records: list[SequenceRecord] = list(known.live)
        records += [record for _, _, group in known.contexts for record in group]
        for record in records:
            for newcomer in self._namesakes(record):
                for start_at in self.start_at if isinstance(record, EndedSequence) else (None,):
                    yield attrs.evolve(
                        newcomer, sequence_id=free[0], context=record.context,
                        redrives=record.sequence_id, start_at=start_at,
                    )  # fmt: skip
        for pattern in self.triggers[:1]:
            yield attrs.evolve(pattern, sequence_id=free[0], context="own", redrives="unknown")

    def _namesakes(self, record: SequenceRecord) -> Sequence[c.TriggerSequence]:
        """Return the patterns for the sequence of a record; a plain one for a mere follow-up."""
        subject = record.subject
        named = (subject.stage, subject.sequence, subject.service)
        found = [x for x in self.triggers if (x.stage, x.sequence, x.service) == named]
        return found or [_trigger(record.sequence_id, *named, record.context)]

    def _reports(self, letter: str, task: TaskRun) -> Iterator[c.Command]:
        task_id, is_approval = task.task_id, _is_approval(task)
        for source in self.executors:
            if letter == "start":
                report_id = None if is_approval else f"{source} started"
                yield c.ReportTaskStarted(task_id, source=source, report_id=report_id)
            elif letter == "progress":
                if is_approval or task.triggered.silence_timeout is not None:
                    yield c.ReportTaskProgress(task_id, source=source)
            elif not is_approval:
                yield from self._finishes(task_id, source)

    def _finishes(self, task_id: str, source: str) -> Iterator[c.Command]:
        said = [(result, Status.SUCCEEDED, result.value) for result in self.results]
        said += [(Result.PASS, status, status.value) for status in self.statuses]
        for result, status, word in said:
            yield c.ReportTaskFinished(
                task_id, source=source, result=result, status=status,
                data={**_DATA, "told": [task_id]}, report_id=f"{source} finished, {word}",
            )  # fmt: skip

    def _votes(self, task_id: str) -> Iterator[c.Command]:
        for voter in self.voters:
            for result in self.results:
                yield c.ReportTaskFinished(
                    task_id, source="poll", result=result, data=_DATA, actor=voter
                )

    def _stage_controls(self, letter: str, stage: str, now: datetime) -> Iterator[c.Command]:
        if letter == "unfreeze":
            yield c.UnfreezeStage(stage)
            return
        for lasts in self.freezes:
            until = None if lasts is None else now + lasts
            request_id = self._request(letter, stage, None if lasts is None else str(lasts))
            yield c.FreezeStage(stage, until=until, request_id=request_id)

    def _strays(self, known: Arranged) -> Iterator[c.Command]:
        records: list[SequenceRecord] = list(known.live)
        records += [record for _, _, group in known.contexts for record in group]
        over = [task_id for record in records for task_id in _over(record)]
        for task_id in (*over, "unknown"):
            yield c.ReportTaskStarted(task_id, source=self.executors[0])
            yield c.ReportTaskFinished(task_id, source=self.executors[0], result=Result.FAIL)
            if "progress" in self.letters:
                yield c.ReportTaskProgress(task_id, source=self.executors[0])

    def _controls(self, letter: str, context: str, scope: str | None) -> Iterator[c.Command]:
        request_id = self._request(letter, context, scope)
        match letter:
            case "pause":
                yield c.PauseSequence(context, stage=scope, request_id=request_id)
            case "resume":
                yield c.ResumeSequence(context, stage=scope)
            case "retry":
                yield c.RetryTask(context, stage=scope, request_id=request_id)
            case "skip":
                yield from (c.SkipTask(context, stage=scope, result=each) for each in Result)
            case _:
                force = letter == "force"
                yield c.AbortSequence(context, stage=scope, force=force, request_id=request_id)

    def _request(self, *words: str | None) -> str | None:
        return " ".join(word for word in words if word) if self.request_ids else None

    def _waits(
        self, state: ProjectState, live: Sequence[LiveSequence], now: datetime, always: bool
    ) -> Iterator[Move]:
        tick = [] if self.tick is None else [now + self.tick]
        later = [at for at in limits_of(state, live) if at > now]
        if later or always:
            yield Move("wait", None, min(later + tick))


def _over(record: SequenceRecord) -> Iterator[str]:
    """Yield the ids of the task runs of which a report is late: of each kind the last one."""
    yield from [run.task_id for run in record.runs[-1:]]
    yield from [attempt.task_id for attempt in record.retried[-1:]]
    if isinstance(record, LiveSequence) and record.parked is not None:
        yield record.parked.task_id


def _is_approval(task: TaskRun) -> bool:
    return task.triggered.approval is not None


def _is_known(state: ProjectState, sequence_id: str) -> bool:
    return state.sequence(sequence_id) is not None or state.remembered(sequence_id) is not None


def _trigger(
    sequence_id: str, stage: str, sequence: str, service: str, context: str
) -> c.TriggerSequence:
    return c.TriggerSequence(
        sequence_id, stage=stage, sequence=sequence, service=service, context=context
    )
