"""What may be told a project in a state: the moves of an exploration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, final

import attrs

import sequencectl.commands as c
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import InvalidValue
from sequencectl.outcomes import Result
from sequencectl.policies import QueuePolicy
from sequencectl.sequence import LiveSequence, SequenceRecord
from sequencectl.state import ProjectState
from sequencectl.testing.exploration.projection import Arranged, Projector
from sequencectl.testing.exploration.transition import next_limit

PROJECT: Final = "sockshop"
"""The project that is explored."""
START: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""What the clock shows in the initial state."""
LETTERS: Final = (
    "trigger", "again", "start", "finish", "stray", "pause", "resume", "abort", "force", "freeze",
    "unfreeze", "check", "wait", "slow", "change",
)  # fmt: skip
"""The kinds of moves.

`again`: a sequence id that is known. `stray`: reports for a task that is over and for an unknown
id. `check`: `CheckDeadlines` as the clock stands. `wait`: the clock goes on to the next deadline,
and nobody is told; whatever follows is decided while that deadline is due. `slow`: whatever may be
told is told by a host whose clock is behind the event that was the last just now. `change`: from
now on the plane has another queue policy.
"""
_DATA: Final = {"stage": "elsewhere", "service": "other", "project": "foreign", "kept": None}
"""What every finish brings along: nothing of it may change what a task is told (R14)."""


@final
@attrs.frozen
class Move:
    """One letter: a command told at an instant, or only time that passes."""

    letter: str
    command: c.Command | None
    at: datetime
    behind: timedelta = timedelta(0)
    """How far the clock of the host that decides is behind `at`."""


def _results(words: Iterable[Result | str]) -> tuple[Result, ...]:
    return tuple(map(Result, words))


def _known_letters(value: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(value)
    for letter in wanted:
        if letter not in LETTERS:
            raise InvalidValue("letters", letter, f"must be of {', '.join(LETTERS)}")
    return wanted


@final
@attrs.frozen(kw_only=True)
class Alphabet:
    """The commands that an exploration tells a project, as far as they make sense in a state.

    `triggers` are patterns: each may be told as long as fewer than `most` sequences are known, with
    the ids s1, s2, …. A pattern whose context is its own id begins a context of its own; any other
    context is shared. `executors` report, each at most once that it started and once with each
    of the `results` (a repeat carries the same report id). Controls concern the `scopes`: None is a
    whole context. With `request_ids` every control has one, so that the same again is a repeat, but
    for those that let go; then every context must be shared. A `tick` lets time pass in steps, so
    that limits begin at different instants. For the letter `slow` say how far a clock is `behind`,
    and for `change` what queue policy there is `then`. Only certain `letters` may be wanted.
    """

    triggers: tuple[c.TriggerSequence, ...] = attrs.field(converter=tuple)
    most: int = 2
    executors: tuple[str, ...] = ("x",)
    results: tuple[Result, ...] = attrs.field(
        default=(Result.PASS, Result.FAIL), converter=_results
    )
    scopes: tuple[str | None, ...] = (None,)
    stages: tuple[str, ...] = ()
    letters: tuple[str, ...] = attrs.field(default=LETTERS, converter=_known_letters)
    request_ids: bool = False
    tick: timedelta | None = None
    behind: timedelta | None = None
    then: QueuePolicy | None = None

    def __attrs_post_init__(self) -> None:
        own = [each for each in self.triggers if each.context == each.sequence_id]
        if self.request_ids and own:
            # a request id names its context, and a context that is renamed would leave it behind
            raise InvalidValue("request_ids", own[0], "must come with contexts that are shared")

    @property
    def can_answer(self) -> bool:
        """Whether executors can let everything end, once it is let go."""
        return self._lets_go and "finish" in self.letters and Result.PASS in self.results

    @property
    def can_wait(self) -> bool:
        """Whether deadlines can let everything end, once it is let go."""
        return self._lets_go and {"check", "wait"} <= set(self.letters)

    @property
    def _lets_go(self) -> bool:
        """Whether all that can be paused or frozen can also be resumed and unfrozen."""
        pairs = (("pause", "resume"), ("freeze", "unfreeze"))
        return all(one not in self.letters or other in self.letters for one, other in pairs)

    @property
    def ids(self) -> tuple[str, ...]:
        """The sequence ids that a host may use."""
        return tuple(f"s{number}" for number in range(1, self.most + 1))

    @property
    def named_contexts(self) -> frozenset[str]:
        """The contexts that newcomers may join."""
        return frozenset(each.context for each in self.triggers if each.context != each.sequence_id)

    def projector(self, plane: ControlPlane) -> Projector:
        """Return what projects the states that this alphabet leads to on a plane."""
        forgets = plane.bounds.retain < self.most
        is_slow = self.behind is not None and "slow" in self.letters
        changes = len(self.planes(plane)) > 1
        return Projector(self.named_contexts, self.ids, forgets, is_slow, changes)

    def planes(self, plane: ControlPlane) -> tuple[ControlPlane, ...]:
        """Return the planes that decide, one after the other."""
        if self.then is None or "change" not in self.letters:
            return (plane,)
        return (plane, attrs.evolve(plane, queueing=self.then))

    def moves(self, state: ProjectState, now: datetime, projector: Projector) -> Iterator[Move]:
        """Yield every move in `state`, in an order that states with equal projections share."""
        known = projector.arrange(state)
        told = [
            (letter, command) for letter in self.letters
            for command in self._commands(letter, state, known)
        ]  # fmt: skip
        yield from (Move(letter, command, now) for letter, command in told)
        if "wait" in self.letters:
            yield from self._waits(known.live, now)
        if projector.is_slow and self.behind is not None and state.ledger.at == now:
            yield from (Move("slow", command, now, self.behind) for _, command in told)

    def _commands(self, letter: str, state: ProjectState, known: Arranged) -> Iterator[c.Command]:
        contexts = [context for context, _, _ in known.contexts]
        match letter:
            case "trigger":
                yield from self._newcomers(state)
            case "again":
                yield from self._repeats(state, known)
            case "start" | "finish":
                for record in known.live:
                    if record.task is not None:
                        yield from self._reports(letter, record.task.task_id)
            case "stray":
                yield from self._strays(known)
            case "pause" | "resume" | "abort" | "force":
                for context in contexts:
                    for scope in self.scopes:
                        yield self._control(letter, context, scope)
            case "freeze" | "unfreeze":
                kind = c.FreezeStage if letter == "freeze" else c.UnfreezeStage
                for stage in self.stages:
                    request_id = self._request(letter, stage) if letter == "freeze" else None
                    yield kind(stage, request_id=request_id)
            case "check":
                yield c.CheckDeadlines()
                if len(known.live) > 1:
                    yield c.CheckDeadlines(limit=1)
            case _:
                pass  # time, clocks and planes: nothing of its own is told

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

    def _reports(self, letter: str, task_id: str) -> Iterator[c.Command]:
        for source in self.executors:
            if letter == "start":
                yield c.ReportTaskStarted(task_id, source=source, report_id=f"{source} started")
            else:
                yield from (self._finish(task_id, source, result) for result in self.results)

    def _finish(self, task_id: str, source: str, result: Result) -> c.Command:
        report_id = f"{source} finished, {result.value}"
        return c.ReportTaskFinished(
            task_id, source=source, result=result, data=_DATA, report_id=report_id
        )

    def _strays(self, known: Arranged) -> Iterator[c.Command]:
        records: list[SequenceRecord] = list(known.live)
        records += [record for _, _, group in known.contexts for record in group]
        over = [record.runs[-1].task_id for record in records if record.runs]
        for task_id in (*over, "unknown"):
            yield c.ReportTaskStarted(task_id, source=self.executors[0])
            yield c.ReportTaskFinished(task_id, source=self.executors[0], result=Result.FAIL)

    def _control(self, letter: str, context: str, scope: str | None) -> c.Command:
        if letter == "resume":
            return c.ResumeSequence(context, stage=scope)
        request_id = self._request(letter, context, scope)
        if letter == "pause":
            return c.PauseSequence(context, stage=scope, request_id=request_id)
        force = letter == "force"
        return c.AbortSequence(context, stage=scope, force=force, request_id=request_id)

    def _request(self, *words: str | None) -> str | None:
        return " ".join(word for word in words if word) if self.request_ids else None

    def _waits(self, live: Sequence[LiveSequence], now: datetime) -> Iterator[Move]:
        limits = (at for record in live if (at := next_limit(record)) is not None)
        later = min((at for at in limits if at > now), default=None)
        if later is not None:
            tick = later if self.tick is None else now + self.tick
            yield Move("wait", None, min(later, tick))


def _is_known(state: ProjectState, sequence_id: str) -> bool:
    return state.sequence(sequence_id) is not None or state.remembered(sequence_id) is not None


def _trigger(
    sequence_id: str, stage: str, sequence: str, service: str, context: str
) -> c.TriggerSequence:
    return c.TriggerSequence(
        sequence_id, stage=stage, sequence=sequence, service=service, context=context
    )
