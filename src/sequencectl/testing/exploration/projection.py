"""The part of a state that matters for its future: states with equal projections behave alike.

A projection keeps what decisions read and drops what only people and adapters read:

* *ids*: live sequences are known by the order of their acceptance, contexts by the first of their
  live sequences. Contexts that the alphabet names keep their names, since a newcomer may join them.
  Task ids are dropped: a task in flight belongs to its sequence, and its index is the number of
  results before it.
* *serials* are dropped; of places the order among live sequences is kept.
* *instants* ahead become distances from the clock: decisions do not change when everything moves in
  time together. Of those that have passed only the order is kept, since all of them are due. (The
  order alone would not do for those ahead: a limit that begins later falls between them or behind
  them, and that depends on the distance.)
* *actors, reasons, messages, payloads* are dropped: only bounds on their size decide anything.
* *votes* keep voter and result, each once: their order decides nothing but a message.
* *executors* keep how often they started and finished, how long they may be silent, and how long
  their next progress would be too soon.
* *attempts* that were retried are counted for the next task; of a parked one it is kept whether a
  limit parked it, and whether it is paused.
* *freezes* keep who froze the stage (a person or the calendar), the window, and how far away their
  end is. Where there is a calendar, the clock counts by where it is in the calendar's period.
* *ended sequences* keep phase, result, stage and how many tasks they ran, by context, and whether
  one was retried. The order in which contexts ended is kept only where some may be forgotten (R33).
  Where they may be redriven, they keep their order in the context, their names, the outcomes of
  their tasks, who is barred, and which of them they redrive (R41).

Definitions and limits do not appear, since the plane has them. Where its queue policy may change,
the search adds which plane decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final, final

import attrs

from sequencectl.sequence import EndedSequence, LiveSequence, SequenceRecord
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun

_AN_INSTANT: Final = timedelta(microseconds=1)
_ORIGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_BY_ACCEPTANCE: Final = attrgetter("accepted_serial")
EndedKey = tuple[str, str, str, int, bool]


@final
@attrs.frozen
class Arranged:
    """The sequences of a state in the order that its projection and its moves use."""

    live: tuple[LiveSequence, ...]
    contexts: tuple[tuple[str, Hashable, tuple[EndedSequence, ...]], ...]
    """Name, name in the projection, and ended sequences of each context, live contexts first."""


def ended_key(record: EndedSequence) -> EndedKey:
    """Return what a projection keeps of any ended sequence."""
    said = (record.phase.value, record.result.value, record.stage)
    return (*said, len(record.runs), bool(record.retried))


@final
@attrs.frozen
class Projector:
    """Projects the states of one exploration.

    `named` are the contexts that keep their names, `ids` the sequence ids that newcomers may have.
    With `forgets` the order of ends is kept, with `is_slow` whether the last event was just now,
    with `changes` the lanes, with a `period` where in it the clock is, and with `redrives` what
    they depend on. `progress_every` is how long the next progress of an executor is too soon.
    """

    named: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    forgets: bool = False
    is_slow: bool = False
    changes: bool = False
    period: timedelta | None = None
    redrives: bool = False
    progress_every: timedelta = timedelta(0)

    def arrange(self, state: ProjectState) -> Arranged:
        """Return the sequences of `state`, live ones by acceptance, ended ones by `ended_key`, or
        by acceptance where they may be redriven.
        """
        live: list[LiveSequence] = []
        ended: defaultdict[str, list[EndedSequence]] = defaultdict(list)
        for record in state._records.values():
            if isinstance(record, LiveSequence):
                live.append(record)
            else:
                ended[record.subject.context].append(record)
        live.sort(key=_BY_ACCEPTANCE)
        for group in ended.values():
            group.sort(key=_BY_ACCEPTANCE if self.redrives else ended_key)
        contexts: list[tuple[str, Hashable, tuple[EndedSequence, ...]]] = []
        for number, context in enumerate(dict.fromkeys(each.subject.context for each in live)):
            called = context if context in self.named else number
            contexts.append((context, called, tuple(ended.pop(context, ()))))
        over = [
            (context, context if context in self.named else "", tuple(group))
            for context, group in ended.items()
        ]
        over.sort(key=self._order_of_ends)
        return Arranged(tuple(live), (*contexts, *over))

    def project(
        self, state: ProjectState, now: datetime, arranged: Arranged | None = None
    ) -> Hashable:
        """Return the projection of `state` at the instant of the clock."""
        known = self.arrange(state) if arranged is None else arranged
        called = {context: name for context, name, _ in known.contexts}
        over = {context: group for context, _, group in known.contexts}
        places = sorted([each.place for each in known.live])
        distance = _distances(state, known.live, now)
        live = tuple([
            (
                called[each.subject.context], places.index(each.place),
                each.lane if self.changes else None, *_live(each, distance),
                self._run(each.task, now, distance),
                self._redriven(each, over[each.subject.context]),
            )
            for each in known.live
        ])  # fmt: skip
        contexts = tuple([
            (name, _pauses(state, context), self._ended(group))
            for context, name, group in known.contexts
        ])  # fmt: skip
        just_now = self.is_slow and state.ledger.at == now
        in_period = None if self.period is None else (now - _ORIGIN) % self.period
        return (live, contexts, just_now, in_period, _freezes(state, distance), *self._rest(state))

    def _order_of_ends(self, group: tuple[str, Hashable, tuple[EndedSequence, ...]]) -> Any:
        _, called, ended = group
        if self.forgets:
            return max(record.serial for record in ended)
        return (called, self._ended(ended))

    def _ended(self, group: tuple[EndedSequence, ...]) -> tuple[tuple[Any, ...], ...]:
        """Return what a projection keeps of the ended sequences of a context."""
        if not self.redrives:
            return tuple([ended_key(record) for record in group])
        return tuple([
            (
                *ended_key(record), record.name, record.service, record.initiators,
                tuple([(run.name, run.result.value) for run in record.runs]),
                record.next_task or "", self._redriven(record, group),
            )
            for record in group
        ])  # fmt: skip

    def _redriven(
        self, record: SequenceRecord, ended: tuple[EndedSequence, ...]
    ) -> tuple[Any, ...]:
        """Return which of the ended sequences of its context the first one of the family of
        `record` is, and what it carries; nothing of one that redrives none.
        """
        if record.redrive is None:
            return ()
        first = [each.sequence_id for each in ended].index(record.redrive.family)
        carried = [
            (each.name, each.result.value if each.result else "")
            for each in record.redrive.carried
        ]  # fmt: skip
        return (first, *carried)

    def _run(
        self, task: TaskRun | None, now: datetime, distance: Callable[[datetime | None], Hashable]
    ) -> Hashable:
        """Return what a projection keeps of a task in flight."""
        if task is None:
            return None
        reaction = None if task.is_reacted_to else distance(task.triggered.reaction_deadline)
        silent = {source: distance(at) for source, at in _silences(task).items()}
        heard = []
        for each in task.executors:
            again = None if each.progress is None else each.progress.at + self.progress_every
            wait = None if again is None or again <= now else again - now
            heard.append((each.source, each.starts, each.finishes, silent.get(each.source), wait))
        return (
            frozenset(heard), tuple(sorted(task.report_ids)), task.result, task.status,
            reaction, distance(task.triggered.completion_deadline),
            frozenset([(vote.voter, vote.result) for vote in task.votes]),
        )  # fmt: skip

    def _rest(self, state: ProjectState) -> tuple[Hashable, ...]:
        if not self.forgets:
            return (state.ledger.request_ids,)
        remembered = state.oldest_remembered(state.remembered_count)
        used = [known for known in self.ids if state.sequence(known) is not None]
        remembers = tuple([known in self.ids for known in remembered])
        return (state.ledger.request_ids, len(used), remembers)


def _freezes(
    state: ProjectState, distance: Callable[[datetime | None], Hashable]
) -> tuple[Hashable, ...]:
    """Return what a projection keeps of the frozen stages."""
    return tuple([
        (stage, freeze.cause, freeze.window, distance(freeze.until))
        for stage, freeze in state.freezes.items()
    ])  # fmt: skip


def _pauses(state: ProjectState, context: str) -> frozenset[str | None]:
    return frozenset([pause.stage for pause in state.context(context).pauses])


def _live(record: LiveSequence, distance: Callable[[datetime | None], Hashable]) -> tuple[Any, ...]:
    """Return what a projection keeps of a live sequence besides context, place, task and family."""
    subject, parked = record.subject, record.parked
    index = record.next_index
    attempts = [each.by_person for each in record.retried if each.index == index]
    return (
        subject.stage, subject.sequence, subject.service, record.priority, record.depth,
        record.phase, tuple([over.result for over in record.runs]),
        distance(record.due_at), distance(record.deadline), record.time_left,
        record.exempted is not None, record.initiators, (bool(record.retried), *attempts),
        None if parked is None else (parked.explanation is None, parked.is_paused),
    )  # fmt: skip


def _distances(
    state: ProjectState, live: tuple[LiveSequence, ...], now: datetime
) -> Callable[[datetime | None], Hashable]:
    """Return a function that maps an instant to its distance, or to its rank if it has passed."""
    instants = {at for record in live for at in _instants(record)}
    instants |= {freeze.until for freeze in state.freezes.values() if freeze.until is not None}
    passed = sorted(at for at in instants if at < now)

    def distance(at: datetime | None) -> Hashable:
        if at is None:
            return None
        return at - now if at >= now else (passed.index(at) - len(passed)) * _AN_INSTANT

    return distance


def _instants(record: LiveSequence) -> list[datetime]:
    found = [record.due_at, record.deadline]
    if record.task is not None:
        triggered = record.task.triggered
        found.append(None if record.task.is_reacted_to else triggered.reaction_deadline)
        found.append(triggered.completion_deadline)
        found += _silences(record.task).values()
    return [at for at in found if at is not None]


def _silences(task: TaskRun) -> dict[str, datetime]:
    """Return until when each executor at work may be silent (R42)."""
    timeout = task.triggered.silence_timeout
    if timeout is None:
        return {}
    return {each.source: task.heard_at(each) + timeout for each in task.at_work}
