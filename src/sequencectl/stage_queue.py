"""The line of one lane: who holds it, who waits in which order, who is held.

`StageQueue` knows ids, priorities and places, and nothing else: no clock, no stage, no payload. A
host that keeps sequences elsewhere can use it alone; a project's state keeps one for each lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Final, final

import attrs

from sequencectl._persistent import Map, OrderedSet
from sequencectl.errors import InvalidValue

_Entry = tuple[int, int, str]
_NOBODY: Final[OrderedSet[_Entry]] = OrderedSet()
_NO_ENTRIES: Final[Map[str, _Entry]] = Map()


@final
@attrs.frozen(weakref_slot=False)
class StageQueue:
    """A line in the order (priority, higher first; then place), and the holders of its lane (R1–R3,
    R5).

    A frozen value: each method returns the queue that results. An id enters once, starts once and
    leaves once; a held one keeps its place and is passed (R18). Misuse is an `InvalidValue` and
    changes nothing.
    """

    _waiting: OrderedSet[_Entry] = _NOBODY
    _held: OrderedSet[_Entry] = _NOBODY
    _holding: OrderedSet[_Entry] = _NOBODY
    _entries: Map[str, _Entry] = attrs.field(default=_NO_ENTRIES, eq=False, repr=False)

    def enter(self, sequence_id: str, *, place: int, priority: int = 0) -> StageQueue:
        """Return the queue with `sequence_id` waiting at `place`, which nobody else may have."""
        if sequence_id in self._entries:
            raise InvalidValue("sequence_id", sequence_id, "must not be in the queue already")
        entry = (-priority, place, sequence_id)
        return StageQueue(
            self._waiting.add(entry),
            self._held,
            self._holding,
            self._entries.insert(sequence_id, entry),
        )

    def hold(self, sequence_id: str) -> StageQueue:
        """Return the queue in which a waiting `sequence_id` keeps its place and is passed."""
        entry = self._entry(sequence_id, self._waiting, "waiting")
        return StageQueue(
            self._waiting.remove(entry), self._held.add(entry), self._holding, self._entries
        )

    def release(self, sequence_id: str) -> StageQueue:
        """Return the queue in which a held `sequence_id` waits again, at its old place."""
        entry = self._entry(sequence_id, self._held, "held")
        return StageQueue(
            self._waiting.add(entry), self._held.remove(entry), self._holding, self._entries
        )

    def start(self, sequence_id: str) -> StageQueue:
        """Return the queue in which a waiting `sequence_id` holds the lane."""
        entry = self._entry(sequence_id, self._waiting, "waiting")
        return StageQueue(
            self._waiting.remove(entry), self._held, self._holding.add(entry), self._entries
        )

    def leave(self, sequence_id: str) -> StageQueue:
        """Return the queue without `sequence_id`, wherever it stood."""
        entry = self._entry(sequence_id)
        return StageQueue(
            self._waiting.remove(entry),
            self._held.remove(entry),
            self._holding.remove(entry),
            self._entries.remove(sequence_id),
        )

    def admissible(self, *, limit: int = 1, elsewhere: int = 0) -> str | None:
        """Return who starts next if the lane has a free place, else None (R1–R3).

        `elsewhere` counts the holders of lanes that overlap this one.
        """
        is_free = self.has_free_place(limit=limit, elsewhere=elsewhere)
        head = self.head if is_free else None
        return None if head is None else head[2]

    def has_free_place(self, *, limit: int = 1, elsewhere: int = 0) -> bool:
        """Whether fewer hold the lane, and those that overlap it, than may (R1)."""
        return len(self._holding) + elsewhere < limit

    @property
    def head(self) -> _Entry | None:
        """The first of those that wait, as a sort key that ends in its id; None if nobody does."""
        return self._waiting.first

    @property
    def line(self) -> tuple[str, ...]:
        """Everybody in line, held ones at their place, in order."""
        return tuple(entry[2] for entry in merge(self._waiting, self._held))

    @property
    def waiting(self) -> Iterator[str]:
        """Those that wait and are not held, in order."""
        return (entry[2] for entry in self._waiting)

    @property
    def holders(self) -> tuple[str, ...]:
        """Those that hold the lane, by priority and place."""
        return tuple(entry[2] for entry in self._holding)

    @property
    def in_line(self) -> int:
        """How many stand in line, held ones included."""
        return len(self._waiting) + len(self._held)

    @property
    def held(self) -> int:
        """How many of those in line are held."""
        return len(self._held)

    @property
    def holding(self) -> int:
        """How many hold the lane."""
        return len(self._holding)

    def ahead(self, sequence_id: str) -> int:
        """Return how many that wait would start before `sequence_id`, which is in line."""
        entry = self._entry(sequence_id, where="in line")
        if entry in self._holding:
            raise InvalidValue("sequence_id", sequence_id, "must be in line, and holds the lane")
        return self._waiting.rank(entry)

    def __contains__(self, sequence_id: object) -> bool:
        return sequence_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _entry(
        self,
        sequence_id: str,
        among: OrderedSet[_Entry] | None = None,
        where: str = "in the queue",
    ) -> _Entry:
        entry = self._entries.get(sequence_id)
        if entry is None or (among is not None and entry not in among):
            raise InvalidValue("sequence_id", sequence_id, f"must be {where}")
        return entry


EMPTY_QUEUE: Final = StageQueue()
