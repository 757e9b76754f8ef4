"""What is derived from the records of a project so that decisions need not search.

An index holds nothing of its own: it is never stored, is no part of a state's equality, and can be
rebuilt from the records at any time. `Index.replaced` is the only way it changes: it compares what
a record was with what it became.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, final

import attrs

from sequencectl._persistent import Map, OrderedSet
from sequencectl._scratch import scratch_of
from sequencectl.sequence import LiveSequence, Phase, SequenceRecord
from sequencectl.stage_queue import EMPTY_QUEUE, StageQueue

_Numbered = OrderedSet[tuple[int, str]]
_NOTHING: Final[_Numbered] = OrderedSet()
_NO_LANES: Final[OrderedSet[str]] = OrderedSet()
_NO_LINES: Final[OrderedSet[tuple[int, str]]] = OrderedSet()


@final
@attrs.frozen(weakref_slot=False)
class Members:
    """The sequences of one context, by the order of their acceptance."""

    live: _Numbered = _NOTHING
    ended: _Numbered = _NOTHING
    last_ended: int = 0
    """The serial of the last ending in this context; 0 if nothing has ended."""


@final
@attrs.frozen(weakref_slot=False)
class StageLanes:
    """The lanes of one stage that are not empty, and how many hold any of them."""

    lanes: OrderedSet[str] = _NO_LANES
    holding: int = 0


_NO_MEMBERS: Final = Members()
_NO_STAGE: Final = StageLanes()
_Namesakes = tuple[str, str, str]


@final
@attrs.frozen(weakref_slot=False)
class Index:
    """All indexes of a project.

    `queues` by lane; `stages` by stage; `lines`, by stage, are the lanes in which somebody waits
    with the number of their holders, the fewest first; `contexts` by context, `ended_contexts`
    those with nothing live by the serial of their last ending; `tasks`
    leads from a task id to the sequence that ran it; `deadlines` has one entry for each sequence
    that changes by itself: (instant, place, id); `namesakes` are those in line by (stage, service,
    sequence), for `latest_only`.
    """

    queues: Map[str, StageQueue] = attrs.field(factory=Map)
    stages: Map[str, StageLanes] = attrs.field(factory=Map)
    lines: Map[str, OrderedSet[tuple[int, str]]] = attrs.field(factory=Map)
    contexts: Map[str, Members] = attrs.field(factory=Map)
    ended_contexts: _Numbered = _NOTHING
    tasks: Map[str, str] = attrs.field(factory=Map)
    deadlines: OrderedSet[tuple[datetime, int, str]] = attrs.field(factory=OrderedSet)
    namesakes: Map[_Namesakes, _Numbered] = attrs.field(factory=Map)

    @classmethod
    def of(cls, records: Iterable[SequenceRecord]) -> Index:
        """Return the index of these records."""
        index = cls()
        for record in sorted(records, key=lambda record: record.accepted_serial):
            index = index.replaced(None, record)
        return index

    def replaced(self, before: SequenceRecord | None, after: SequenceRecord | None) -> Index:
        """Return the index after a record became `after`; None stands for no record.

        What lies between the two need not be one event: only how they differ counts.
        """
        new = _scratch(self)
        if before is None or after is None or before.phase is not after.phase:
            self._change_part(new, before, after)
        new.tasks = self._tasks(before, after)
        new.deadlines = self.deadlines.exchange(_deadline(before), _deadline(after))
        new.__class__ = Index
        made: Index = new
        return made

    def queue(self, lane: str) -> StageQueue:
        """Return the line of a lane; an empty one if nobody is there."""
        return self.queues.get(lane, EMPTY_QUEUE)

    def members(self, context: str) -> Members:
        """Return the sequences of a context."""
        return self.contexts.get(context, _NO_MEMBERS)

    def lanes_of(self, stage: str) -> StageLanes:
        """Return the lanes of a stage that are not empty."""
        return self.stages.get(stage, _NO_STAGE)

    def in_line(self, stage: str, service: str, sequence: str) -> _Numbered:
        """Return those in line with these names, by place."""
        return self.namesakes.get((stage, service, sequence), _NOTHING)

    def _change_part(
        self, new: Any, before: SequenceRecord | None, after: SequenceRecord | None
    ) -> None:
        """Set what changes in the scratch copy `new` if a record takes another part."""
        was, now = _part(before), _part(after)
        if was is not now:
            record = before if isinstance(before, LiveSequence) else after
            assert isinstance(record, LiveSequence), "only a live one takes part in a lane"
            new.queues, new.stages, new.lines = self._moved(record, was, now)
            new.namesakes = self._namesakes(record, was, now)
        if type(before) is not type(after):
            new.contexts, new.ended_contexts = self._contexts(before, after)

    def _moved(
        self, record: LiveSequence, was: Phase | None, now: Phase | None
    ) -> tuple[Map[str, StageQueue], Map[str, StageLanes], Map[str, OrderedSet[tuple[int, str]]]]:
        """Return queues, stages and lines after a record took another part in its lane."""
        lane, stage = record.lane, record.stage
        before, counted = self.queue(lane), self.lanes_of(stage)
        queue = _moved(before, record, was, now)
        lines = _relined(self.lines, stage, _waiting_line(lane, before), _waiting_line(lane, queue))
        holding = counted.holding + queue.holding - before.holding
        if len(queue):
            lanes = StageLanes(counted.lanes.add(lane), holding)
            return self.queues.insert(lane, queue), self.stages.insert(stage, lanes), lines
        lanes = StageLanes(counted.lanes.remove(lane), holding)
        stages = self.stages.insert(stage, lanes) if lanes.lanes else self.stages.remove(stage)
        return self.queues.remove(lane), stages, lines

    def _contexts(
        self, before: SequenceRecord | None, after: SequenceRecord | None
    ) -> tuple[Map[str, Members], _Numbered]:
        """Return contexts and ended contexts after a record was born, ended or was forgotten."""
        record = before if after is None else after
        assert record is not None
        entry, context = (record.accepted_serial, record.sequence_id), record.context
        members, over = self.members(context), self.ended_contexts
        if not members.live:
            over = over.remove((members.last_ended, context))
        live, ended = members.live.remove(entry), members.ended.remove(entry)
        last_ended = members.last_ended
        if isinstance(after, LiveSequence):
            live = live.add(entry)
        elif after is not None:
            ended, last_ended = ended.add(entry), max(last_ended, after.serial)
        if not live and not ended:
            return self.contexts.remove(context), over
        if not live:
            over = over.add((last_ended, context))
        return self.contexts.insert(context, Members(live, ended, last_ended)), over

    def _tasks(self, before: SequenceRecord | None, after: SequenceRecord | None) -> Map[str, str]:
        if isinstance(before, LiveSequence) and isinstance(after, LiveSequence):
            was, now = before.task, after.task
            if was is not None and now is not None and was.triggered is now.triggered:
                return self.tasks
        old, new, tasks = _task_ids(before), _task_ids(after), self.tasks
        if after is None:
            for task_id in old:
                tasks = tasks.remove(task_id)
        else:
            for task_id in new[len(old) :]:
                tasks = tasks.insert(task_id, after.subject.sequence_id)
        return tasks

    def _namesakes(
        self, record: LiveSequence, was: Phase | None, now: Phase | None
    ) -> Map[_Namesakes, _Numbered]:
        was_in_line, is_in_line = was in _IN_LINE, now in _IN_LINE
        if was_in_line is is_in_line:
            return self.namesakes
        key = (record.stage, record.service, record.name)
        entry, line = (record.place, record.sequence_id), self.namesakes.get(key, _NOTHING)
        line = line.add(entry) if is_in_line else line.remove(entry)
        return self.namesakes.insert(key, line) if line else self.namesakes.remove(key)


_scratch: Final = scratch_of(Index)
_IN_LINE: Final = frozenset({Phase.WAITING, Phase.HELD})


def _waiting_line(lane: str, queue: StageQueue) -> tuple[int, str] | None:
    """Return how a lane stands among the lines of its stage; None if nobody waits there."""
    return None if queue.head is None else (queue.holding, lane)


def _relined(
    lines: Map[str, OrderedSet[tuple[int, str]]],
    stage: str,
    was: tuple[int, str] | None,
    now: tuple[int, str] | None,
) -> Map[str, OrderedSet[tuple[int, str]]]:
    """Return the lines after one of a stage changed from `was` to `now`."""
    if was == now:
        return lines
    line = lines.get(stage, _NO_LINES).exchange(was, now)
    return lines.insert(stage, line) if line else lines.remove(stage)


def _part(record: SequenceRecord | None) -> Phase | None:
    """Return the part a record takes in its lane: WAITING, HELD, RUNNING (holds it), or none."""
    if record is None or record.phase.has_ended:
        return None
    return Phase.RUNNING if record.phase.holds_lane else record.phase


def _moved(
    queue: StageQueue, record: LiveSequence, was: Phase | None, now: Phase | None
) -> StageQueue:
    """Return the queue after a record went from one part to another, through the parts between."""
    sequence_id = record.sequence_id
    if was is None:
        queue = queue.enter(sequence_id, place=record.place, priority=record.priority)
    if now is None:
        return queue.leave(sequence_id)
    if was is Phase.HELD:
        queue = queue.release(sequence_id)
    if now is Phase.HELD:
        return queue.hold(sequence_id)
    return queue.start(sequence_id) if now is Phase.RUNNING else queue


def _deadline(record: SequenceRecord | None) -> tuple[datetime, int, str] | None:
    if not isinstance(record, LiveSequence) or (first := record.next_deadline) is None:
        return None
    return first[0], record.place, record.subject.sequence_id


def _task_ids(record: SequenceRecord | None) -> tuple[str, ...]:
    """Return the ids of a record's tasks in order, the one in flight last; none goes away again."""
    if record is None:
        return ()
    over = tuple([run.task_id for run in record.runs])
    in_flight = record.task if isinstance(record, LiveSequence) else None
    return over if in_flight is None else (*over, in_flight.task_id)
