"""What is derived from the records of a project so that decisions need not search.

An index holds nothing of its own: it is never stored, is no part of a state's equality, and can be
rebuilt from the records at any time: `index_of` does so. `Index.replaced` is the only way it
changes: it compares what a record was with what it became.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import reduce
from itertools import chain
from operator import attrgetter
from typing import Any, Final, TypeVar, final

import attrs

from sequencectl._persistent import Map, OrderedSet
from sequencectl._scratch import scratch_of
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard.definitions import Newcomer
from sequencectl.stage_queue import EMPTY_QUEUE, Part, StageQueue, Ticket

_Key = TypeVar("_Key")
_Item = TypeVar("_Item", tuple[int, str], Ticket)
Number = tuple[int, str]
Numbered = OrderedSet[Number]
NOTHING: Final[Numbered] = OrderedSet()
_NO_LANES: Final[OrderedSet[str]] = OrderedSet()
_NO_TICKETS: Final[OrderedSet[Ticket]] = OrderedSet()


@final
@attrs.frozen(weakref_slot=False)
class Members:
    """The sequences of one context, by the order of their acceptance."""

    live: Numbered = NOTHING
    ended: Numbered = NOTHING
    last_ended: int = 0
    """The serial of the last ending in this context; 0 if nothing has ended."""


@final
@attrs.frozen(weakref_slot=False)
class StageLanes:
    """The lanes of one stage that are not empty, and how many hold any of them."""

    lanes: OrderedSet[str] = _NO_LANES
    holding: int = 0


_NO_MEMBERS: Final = Members()


def _members(found: Number | Members | None) -> Members:
    """Return the members that a context is kept as: all of them, or the number of the only one."""
    if found is None or isinstance(found, Members):
        return found or _NO_MEMBERS
    return Members(NOTHING.add(found))


_NO_STAGE: Final = StageLanes()
Names = tuple[str, str, str]
Deadline = tuple[datetime, int, str]


@final
@attrs.frozen(weakref_slot=False)
class Index:
    """All indexes of a project.

    `queues` by lane; `stages` by stage; `lines`, by stage, are the lanes with a waiting sequence
    and the number of their holders, the fewest first; `contexts` by context, often just the number
    of its only sequence; `ended_contexts` are those with nothing live by the serial of their last
    ending; `tasks` leads from a task id to the sequence that ran it; `deadlines` has one entry for
    each sequence that changes by itself, and with the place 0, which no sequence has, one for each
    stage whose freeze ends by itself. `namesakes` are the tickets in line by (stage, service,
    sequence), for `latest_only` and for approvals that yield; `yielding` are the sequences with
    such an open approval, by the same names (R35). `exempted`, by lane, are the tickets of those
    that wait and may start in spite of freeze and calendar (R38). `families` are the sequences that
    redrive others, by the first one of their family, the newest first (R41).

    Many may wait, so memory per sequence counts: its ticket is one object in `queues` and
    `namesakes`, and all sequences of a lane share one name of it.
    """

    queues: Map[str, StageQueue] = attrs.field(factory=Map)
    stages: Map[str, StageLanes] = attrs.field(factory=Map)
    lines: Map[str, Numbered] = attrs.field(factory=Map)
    contexts: Map[str, Number | Members] = attrs.field(factory=Map)
    ended_contexts: Numbered = NOTHING
    tasks: Map[str, str] = attrs.field(factory=Map)
    deadlines: OrderedSet[Deadline] = attrs.field(factory=OrderedSet)
    namesakes: Map[Names, OrderedSet[Ticket]] = attrs.field(factory=Map)
    yielding: Map[Names, Numbered] = attrs.field(factory=Map)
    exempted: Map[str, OrderedSet[Ticket]] = attrs.field(factory=Map)
    families: Map[str, Numbered] = attrs.field(factory=Map)

    def replaced(self, before: SequenceRecord | None, after: SequenceRecord | None) -> Index:
        """Return the index after a record became `after`; None stands for no record.

        What lies between the two need not be one event: only how they differ counts.
        """
        new = _scratch(self)
        if before is None or after is None or before.phase is not after.phase:
            self._change_part(new, before, after)
        new.tasks = self._tasks(before, after)
        new.deadlines = self.deadlines.exchange(deadline_of(before), deadline_of(after))
        if self.yielding or self.exempted or _is_special(after):
            new.yielding = _exchanged(self.yielding, yielding_of(before), yielding_of(after))
            new.exempted = _exchanged(self.exempted, exempted_of(before), exempted_of(after))
        new.__class__ = Index
        made: Index = new
        return made

    def refrozen(self, stage: str, before: datetime | None, after: datetime | None) -> Index:
        """Return the index after the freeze of a stage ends at `after`; None is never by itself."""
        new = _scratch(self)
        new.deadlines = self.deadlines.exchange(
            freeze_deadline(stage, before), freeze_deadline(stage, after)
        )
        new.__class__ = Index
        made: Index = new
        return made

    def queue(self, lane: str) -> StageQueue:
        """Return the queue of a lane; an empty one for a lane without sequences."""
        return self.queues.get(lane, EMPTY_QUEUE)

    def lane(self, stage: str, lane: str) -> str:
        """Return the name of a lane as its sequences have it: one object, however many they are."""
        return self.lanes_of(stage).lanes.find(lane) or lane

    def members(self, context: str) -> Members:
        """Return the sequences of a context."""
        return _members(self.contexts.get(context))

    def lanes_of(self, stage: str) -> StageLanes:
        """Return the lanes of a stage that are not empty."""
        return self.stages.get(stage, _NO_STAGE)

    def in_line(self, stage: str, service: str, sequence: str) -> Iterator[str]:
        """Yield the ids in line with these names, in the order of the line."""
        found = self.namesakes.get((stage, service, sequence), _NO_TICKETS)
        return (ticket.sequence_id for ticket in found)

    def first_exempted(self, lane: str) -> Ticket | None:
        """Return the first in a lane's line that may start in spite of a freeze; None if none."""
        found = self.exempted.get(lane)
        return None if found is None else found.first

    def family(self, first: str) -> Numbered:
        """Return the sequences that redrive one, directly or through others, the newest first."""
        return self.families.get(first, NOTHING)

    def _change_part(
        self, new: Any, before: SequenceRecord | None, after: SequenceRecord | None
    ) -> None:
        """Set what changes in the scratch copy `new` if a record takes another part."""
        was, now = part_of(before), part_of(after)
        if was is not now:
            record = before if isinstance(before, LiveSequence) else after
            assert isinstance(record, LiveSequence)  # only a live one takes part in a lane
            ticket = record.ticket
            new.queues, new.stages, new.lines = self._moved(record, ticket, was, now)
            new.namesakes = self._namesakes(record, ticket, was, now)
        if type(before) is not type(after):
            if after is None or after.redrive is not None:
                relation = relative_of(before), relative_of(after)
                new.families = _exchanged(self.families, *relation)
            new.contexts, new.ended_contexts = self._contexts(before, after)

    def _moved(
        self, record: LiveSequence, ticket: Ticket, was: Part | None, now: Part | None
    ) -> tuple[Map[str, StageQueue], Map[str, StageLanes], Map[str, Numbered]]:
        """Return queues, stages and lines after a record took another part in its lane."""
        lane, stage = record.lane, record.stage
        before, counted = self.queue(lane), self.lanes_of(stage)
        queue = before._moved(ticket, was, now)
        lines = _relined(self.lines, stage, waiting_line(lane, before), waiting_line(lane, queue))
        holding = counted.holding + queue.holding - before.holding
        if not queue.is_empty:
            lanes = StageLanes(counted.lanes.add(lane), holding)
            return self.queues.insert(lane, queue), self.stages.insert(stage, lanes), lines
        lanes = StageLanes(counted.lanes.remove(lane), holding)
        stages = self.stages.insert(stage, lanes) if lanes.lanes else self.stages.remove(stage)
        return self.queues.remove(lane), stages, lines

    def _contexts(
        self, before: SequenceRecord | None, after: SequenceRecord | None
    ) -> tuple[Map[str, Number | Members], Numbered]:
        """Return contexts and ended contexts after a record was born, ended or was forgotten."""
        record = before if after is None else after
        assert record is not None
        entry, context = number_of(record), record.context
        members, over = self.members(context), self.ended_contexts
        live, ended, last_ended = members.live, members.ended, members.last_ended
        if not live:
            over = over.remove((last_ended, context))
        if isinstance(before, LiveSequence):
            live = live.remove(entry)
        elif before is not None:
            ended = ended.remove(entry)
        if isinstance(after, LiveSequence):
            live = live.add(entry)
        elif after is not None:
            ended, last_ended = ended.add(entry), max(last_ended, after.serial)
        if not live and not ended:
            return self.contexts.remove(context), over
        if not live:
            over = over.add((last_ended, context))
        only = live.first if len(live) == 1 and not ended else None
        kept = Members(live, ended, last_ended) if only is None else only
        return self.contexts.insert(context, kept), over

    def _tasks(self, before: SequenceRecord | None, after: SequenceRecord | None) -> Map[str, str]:
        if isinstance(before, LiveSequence) and isinstance(after, LiveSequence):
            was, now = before.task, after.task
            if was is not None and now is not None and was.triggered is now.triggered:
                return self.tasks
        known, tasks = () if before is None else before.task_ids, self.tasks
        if after is None:
            return reduce(Map.remove, known, tasks)
        for task_id in after.task_ids[len(known) :]:
            tasks = tasks.insert(task_id, after.subject.sequence_id)
        return tasks

    def _namesakes(
        self, record: LiveSequence, ticket: Ticket, was: Part | None, now: Part | None
    ) -> Map[Names, OrderedSet[Ticket]]:
        was_in_line, is_in_line = was in IN_LINE, now in IN_LINE
        if was_in_line is is_in_line:
            return self.namesakes
        key = names_of(record)
        line = self.namesakes.get(key, _NO_TICKETS)
        line = line.add(ticket) if is_in_line else line.remove(ticket)
        return _put(self.namesakes, key, line)


_scratch: Final = scratch_of(Index)
_PARTS: Final = {
    phase: Part.HOLDING if phase.holds_lane else Part[phase.name]
    for phase in Phase
    if not phase.has_ended
}
IN_LINE: Final = (Part.WAITING, Part.HELD)


# ---------------------------------------------------------------- what changes


def waiting_line(lane: str, queue: StageQueue) -> tuple[int, str] | None:
    """Return the entry of a lane among the lines of its stage; None if its line is empty."""
    return None if queue.head is None else (queue.holding, lane)


def _relined(
    lines: Map[str, Numbered], stage: str, was: tuple[int, str] | None, now: tuple[int, str] | None
) -> Map[str, Numbered]:
    """Return the lines after one of a stage changed from `was` to `now`."""
    if was == now:
        return lines
    return _put(lines, stage, lines.get(stage, NOTHING).exchange(was, now))


def _exchanged(
    parts: Map[_Key, OrderedSet[_Item]],
    was: tuple[_Key, _Item] | None,
    now: tuple[_Key, _Item] | None,
) -> Map[_Key, OrderedSet[_Item]]:
    """Return the map without the item `was` under its key, and with `now` under its own."""
    if was == now:
        return parts
    if was is not None:
        parts = _put(parts, was[0], parts[was[0]].remove(was[1]))
    if now is not None:
        key, item = now
        parts = parts.insert(key, parts.get(key, OrderedSet()).add(item))
    return parts


def _put(
    parts: Map[_Key, OrderedSet[_Item]], key: _Key, part: OrderedSet[_Item]
) -> Map[_Key, OrderedSet[_Item]]:
    """Return the map with `part` under `key`, or without the key if the part is empty."""
    return parts.insert(key, part) if part else parts.remove(key)


# ---------------------------------------------------------------- what a record contributes


def part_of(record: SequenceRecord | None) -> Part | None:
    """Return the part a record takes in its lane; None if it takes none."""
    return None if record is None else _PARTS.get(record.phase)


def number_of(record: SequenceRecord) -> tuple[int, str]:
    """Return the entry of a record among the sequences of its context."""
    return (record.accepted_serial, record.sequence_id)


def names_of(record: LiveSequence) -> Names:
    """Return what a record has in common with its namesakes."""
    return (record.stage, record.service, record.name)


def deadline_of(record: SequenceRecord | None) -> Deadline | None:
    """Return when a record changes by itself; None if it does not."""
    if not isinstance(record, LiveSequence) or (first := record.next_deadline) is None:
        return None
    return first[0], record.place, record.subject.sequence_id


def freeze_deadline(stage: str, until: datetime | None) -> Deadline | None:
    """Return when a freeze ends by itself: before what sequences do at that instant (R29)."""
    return None if until is None else (until, 0, stage)


def _is_special(record: SequenceRecord | None) -> bool:
    """Return True if a record may have a part in what only few have: an approval, an exemption."""
    if type(record) is not LiveSequence:
        return False
    run = record.task
    return record.exempted is not None or (run is not None and run.triggered.approval is not None)


def yielding_of(record: SequenceRecord | None) -> tuple[Names, Number] | None:
    """Return the entry of a record whose open approval yields to a newer delivery (R35)."""
    if type(record) is not LiveSequence or (run := record.task) is None:
        return None
    approval = run.triggered.approval
    if approval is None or approval.newcomer is not Newcomer.SUPERSEDE:
        return None
    return (names_of(record), number_of(record)) if record.phase is Phase.RUNNING else None


def exempted_of(record: SequenceRecord | None) -> tuple[str, Ticket] | None:
    """Return the entry of a record that waits and may start in spite of a freeze (R38)."""
    if type(record) is not LiveSequence or record.exempted is None:
        return None
    return (record.lane, record.ticket) if record.phase is Phase.WAITING else None


def relative_of(record: SequenceRecord | None) -> tuple[str, Number] | None:
    """Return the entry of a record that redrives another one (R41)."""
    if record is None or record.redrive is None:
        return None
    return record.redrive.family, (-record.accepted_serial, record.sequence_id)


# ---------------------------------------------------------------- many records at once


def index_of(
    records: Iterable[SequenceRecord], ends_of_freezes: Mapping[str, datetime | None]
) -> Index:
    """Return the index of these records, in whatever order they come, and of the frozen stages.

    They are sorted once and gathered, then each part of the index is made as a whole. What is
    gathered goes straight into the structures that stay: loading a project should not leave a
    process with twice the memory it needs.
    """
    kept = sorted(records, key=attrgetter("accepted_serial"))
    live = [record for record in kept if isinstance(record, LiveSequence)]
    queues, namesakes = _queues(live)
    stages, lines = _stages(queues, {record.lane: record.stage for record in live})
    contexts, ended_contexts = _contexts(kept)
    return Index(
        queues=queues,
        stages=stages,
        lines=lines,
        contexts=contexts,
        ended_contexts=ended_contexts,
        tasks=Map((task, record.sequence_id) for record in kept for task in record.task_ids),
        deadlines=OrderedSet(
            at
            for at in chain(
                map(deadline_of, live),
                (freeze_deadline(stage, until) for stage, until in ends_of_freezes.items()),
            )
            if at is not None
        ),
        namesakes=namesakes,
        yielding=_by_key(map(yielding_of, live)),
        exempted=_by_key(map(exempted_of, live)),
        families=_by_key(map(relative_of, kept)),
    )


def _by_key(
    entries: Iterable[tuple[_Key, _Item] | None],
) -> Map[_Key, OrderedSet[_Item]]:
    """Return the items under their keys."""
    found: defaultdict[_Key, list[_Item]] = defaultdict(list)
    for entry in entries:
        if entry is not None:
            found[entry[0]].append(entry[1])
    return _sets(found)


def _queues(
    records: Iterable[LiveSequence],
) -> tuple[Map[str, StageQueue], Map[Names, OrderedSet[Ticket]]]:
    """Return the queues by lane, and the tickets in line by names."""
    parts: defaultdict[str, dict[Part, list[Ticket]]]
    parts = defaultdict(lambda: {part: [] for part in Part})
    namesakes: defaultdict[Names, list[Ticket]] = defaultdict(list)
    for record in records:
        ticket, part = record.ticket, part_of(record)
        assert part is not None  # a live one takes part in a lane
        parts[record.lane][part].append(ticket)
        if part in IN_LINE:
            namesakes[names_of(record)].append(ticket)
    return Map((lane, StageQueue._of(each)) for lane, each in parts.items()), _sets(namesakes)


def _stages(
    queues: Map[str, StageQueue], stage_of: Mapping[str, str]
) -> tuple[Map[str, StageLanes], Map[str, Numbered]]:
    """Return the lanes by stage, and the lanes with a waiting sequence by stage."""
    lanes: defaultdict[str, list[str]] = defaultdict(list)
    lines: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for lane, stage in stage_of.items():
        lanes[stage].append(lane)
        line = waiting_line(lane, queues[lane])
        if line is not None:
            lines[stage].append(line)
    stages = (
        (stage, StageLanes(OrderedSet(known), sum(queues[lane].holding for lane in known)))
        for stage, known in lanes.items()
    )
    return Map(stages), _sets(lines)


def _contexts(
    records: Iterable[SequenceRecord],
) -> tuple[Map[str, Number | Members], Numbered]:
    """Return the members by context, and the contexts with nothing live."""
    live: dict[str, Number | Members] = {}
    ended: defaultdict[str, list[EndedSequence]] = defaultdict(list)
    for record in records:
        context = record.context
        if isinstance(record, LiveSequence):  # nearly always the only one
            number, others = number_of(record), live.get(context)
            live[context] = Members(_members(others).live.add(number)) if others else number
        else:
            ended[context].append(record)
    members = {
        context: Members(
            _members(live.get(context)).live,
            OrderedSet(map(number_of, each)),
            max(record.serial for record in each),
        )
        for context, each in ended.items()
    }
    over = ((each.last_ended, context) for context, each in members.items() if not each.live)
    return Map(chain(live.items(), members.items())), OrderedSet(over)


def _sets(found: Mapping[_Key, Iterable[_Item]]) -> Map[_Key, OrderedSet[_Item]]:
    return Map((key, OrderedSet(items)) for key, items in found.items())
