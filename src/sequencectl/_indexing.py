"""The index of many records at once, as `Index.replaced` makes it of one after the other.

The records are sorted once and gathered; then each part of the index is made as a whole. What is
gathered goes straight into the structures that stay, as far as possible: a project that is loaded
should not leave a process with twice the memory it needs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from sequencectl._index import (
    IN_LINE,
    NOTHING,
    Index,
    Members,
    Names,
    Numbered,
    StageLanes,
    deadline_of,
    entry_of,
    names_of,
    number_of,
    part_of,
    task_ids_of,
    waiting_line,
)
from sequencectl._line import Entry, Line, Part
from sequencectl._persistent import Map, OrderedSet
from sequencectl.sequence import EndedSequence, LiveSequence, SequenceRecord

_Key = TypeVar("_Key")
_Item = TypeVar("_Item", tuple[int, str], Entry)


def index_of(records: Iterable[SequenceRecord]) -> Index:
    """Return the index of these records, in whatever order they come."""
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
        tasks=Map((task, record.sequence_id) for record in kept for task in task_ids_of(record)),
        deadlines=OrderedSet(at for at in map(deadline_of, live) if at is not None),
        namesakes=namesakes,
    )


def _queues(
    records: Iterable[LiveSequence],
) -> tuple[Map[str, Line], Map[Names, OrderedSet[Entry]]]:
    """Return the lines by lane, and those in line by their names."""
    parts: defaultdict[str, dict[Part, list[Entry]]]
    parts = defaultdict(lambda: {part: [] for part in Part})
    namesakes: defaultdict[Names, list[Entry]] = defaultdict(list)
    for record in records:
        entry, part = entry_of(record), part_of(record)
        assert part is not None  # a live one takes part in a lane
        parts[record.lane][part].append(entry)
        if part in IN_LINE:
            namesakes[names_of(record)].append(entry)
    return Map((lane, Line.of(each)) for lane, each in parts.items()), _sets(namesakes)


def _stages(
    queues: Map[str, Line], stage_of: Mapping[str, str]
) -> tuple[Map[str, StageLanes], Map[str, Numbered]]:
    """Return the lanes by stage, and those of them in which somebody waits."""
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
) -> tuple[Map[str, Numbered | Members], Numbered]:
    """Return the members by context, and the contexts with nothing live."""
    live: dict[str, Numbered] = {}
    ended: defaultdict[str, list[EndedSequence]] = defaultdict(list)
    for record in records:
        context = record.context
        if isinstance(record, LiveSequence):  # nearly always the only one
            live[context] = live.get(context, NOTHING).add(number_of(record))
        else:
            ended[context].append(record)
    members = {
        context: Members(
            live.get(context, NOTHING),
            OrderedSet(map(number_of, each)),
            max(record.serial for record in each),
        )
        for context, each in ended.items()
    }
    over = ((each.last_ended, context) for context, each in members.items() if not each.live)
    return Map(chain(live.items(), members.items())), OrderedSet(over)


def _sets(found: Mapping[_Key, Iterable[_Item]]) -> Map[_Key, OrderedSet[_Item]]:
    return Map((key, OrderedSet(items)) for key, items in found.items())
