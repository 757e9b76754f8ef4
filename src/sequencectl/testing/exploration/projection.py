"""What of a state matters for its future: states with equal projections behave alike.

A projection keeps what decisions read and drops what only people and adapters do:

* *ids*: the live ones are known by the order of their acceptance, contexts by the first of them;
  contexts that the alphabet names itself keep their names, since a newcomer may join them. Task ids
  go: a task in flight belongs to its sequence, and its index is the number of results before it.
* *serials* go; of places there remains the order among those that live.
* *instants* become distances from the clock as long as they lie ahead: decisions do not change when
  everything moves in time together. Those that have passed are due, and only their order is kept.
  (The mere order of those ahead would not do: a limit that begins later falls between them or
  behind them, and that depends on the distance.)
* *actors, reasons, messages, payloads* go: only bounds on their size decide anything.
* of *ended ones* stay phase, result, stage and how many tasks they ran, by context. The order in
  which contexts ended is kept only where some may be forgotten (R33).

Definitions and limits do not appear: the plane gives them, and where its queue policy may change,
the search adds which one is in force.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, final

import attrs

from sequencectl.sequence import EndedSequence, LiveSequence
from sequencectl.state import ProjectState

_AN_INSTANT: Final = timedelta(microseconds=1)
_BY_ACCEPTANCE: Final = attrgetter("accepted_serial")
EndedKey = tuple[str, str, str, int]


@final
@attrs.frozen
class Arranged:
    """The sequences of a state in the order in which its projection and its moves name them."""

    live: tuple[LiveSequence, ...]
    contexts: tuple[tuple[str, Hashable, tuple[EndedSequence, ...]], ...]
    """Name, what the projection calls it, and its ended sequences; those that live on first."""


def ended_key(record: EndedSequence) -> EndedKey:
    """Return what is kept of a sequence that is over: its phase and result, where it was."""
    return (record.phase.value, record.result.value, record.stage, len(record.runs))


@final
@attrs.frozen
class Projector:
    """Projects the states of one exploration.

    `named` are the contexts that keep their names, `ids` the sequence ids that a host may use. Kept
    where something depends on it: the order of ends with `forgets`, whether the last event is just
    now with `is_slow`, the lanes with `changes`.
    """

    named: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    forgets: bool = False
    is_slow: bool = False
    changes: bool = False

    def arrange(self, state: ProjectState) -> Arranged:
        """Return the sequences of `state`, live ones by acceptance, ended ones by what is kept."""
        live: list[LiveSequence] = []
        ended: defaultdict[str, list[EndedSequence]] = defaultdict(list)
        for record in state._records.values():
            if isinstance(record, LiveSequence):
                live.append(record)
            else:
                ended[record.subject.context].append(record)
        live.sort(key=_BY_ACCEPTANCE)
        for group in ended.values():
            group.sort(key=ended_key)
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
        """Return the projection of `state` at the instant the clock shows."""
        known = self.arrange(state) if arranged is None else arranged
        called = {context: name for context, name, _ in known.contexts}
        places = sorted([each.place for each in known.live])
        distance = _distances(known.live, now)
        live = tuple([
            (
                called[each.subject.context], places.index(each.place),
                each.lane if self.changes else None, *_live(each, distance),
            )
            for each in known.live
        ])  # fmt: skip
        contexts = tuple([
            (name, _pauses(state, context), tuple([ended_key(record) for record in group]))
            for context, name, group in known.contexts
        ])  # fmt: skip
        just_now = self.is_slow and state.ledger.at == now
        return (live, contexts, just_now, *self._rest(state))

    def _order_of_ends(self, group: tuple[str, Hashable, tuple[EndedSequence, ...]]) -> Any:
        _, called, ended = group
        if self.forgets:
            return max(record.serial for record in ended)
        return (called, [ended_key(record) for record in ended])

    def _rest(self, state: ProjectState) -> tuple[Hashable, ...]:
        freezes = frozenset(state.freezes)
        if not self.forgets:
            return (freezes, state.ledger.request_ids)
        remembered = state.oldest_remembered(state.remembered_count)
        used = [known for known in self.ids if state.sequence(known) is not None]
        return (
            freezes, state.ledger.request_ids, len(used),
            tuple([known in self.ids for known in remembered]),
        )  # fmt: skip


def _pauses(state: ProjectState, context: str) -> frozenset[str | None]:
    return frozenset([pause.stage for pause in state.context(context).pauses])


def _live(record: LiveSequence, distance: Callable[[datetime | None], Hashable]) -> tuple[Any, ...]:
    """Return what is kept of a live sequence besides its context and place."""
    task, subject = record.task, record.subject
    run: Hashable = None
    if task is not None:
        reaction = None if task.is_reacted_to else distance(task.triggered.reaction_deadline)
        heard = [(each.source, each.starts, each.finishes) for each in task.executors]
        run = (
            tuple(sorted(heard)), tuple(sorted(task.report_ids)), task.result,
            reaction, distance(task.triggered.completion_deadline),
        )  # fmt: skip
    return (
        subject.stage, subject.sequence, subject.service, record.priority, record.depth,
        record.phase, tuple([over.result for over in record.runs]), run,
        distance(record.due_at), distance(record.deadline), record.time_left,
    )  # fmt: skip


def _distances(
    live: tuple[LiveSequence, ...], now: datetime
) -> Callable[[datetime | None], Hashable]:
    """Return the function from an instant to its distance, or to its rank if it has passed."""
    passed = sorted({at for record in live for at in _instants(record) if at < now})

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
    return [at for at in found if at is not None]
