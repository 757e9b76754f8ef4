"""The line of one lane: who holds it, who waits in which order, who is held.

`StageQueue` knows ids, priorities and places, and nothing else: no clock, no stage, no payload. A
host that keeps sequences elsewhere can use it alone. A project's state keeps the same lines without
the ids, since its records know their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

import attrs

from sequencectl._line import EMPTY_LINE, Entry, Line, Part, entry_at
from sequencectl._persistent import Map
from sequencectl.errors import InvalidValue

_NO_ENTRIES: Final[Map[str, Entry]] = Map()


@final
@attrs.frozen
class StageQueue:
    """A line in the order (priority, higher first; then place), and the holders of its lane (R1–R3,
    R5).

    A frozen value: each method returns the queue that results. An id enters once, starts once and
    leaves once; a held one keeps its place and is passed (R18). Misuse is an `InvalidValue` and
    changes nothing.
    """

    _line: Line = EMPTY_LINE
    _entries: Map[str, Entry] = attrs.field(default=_NO_ENTRIES, eq=False, repr=False)

    def enter(self, sequence_id: str, *, place: int, priority: int = 0) -> StageQueue:
        """Return the queue with `sequence_id` waiting at `place`, which nobody else may have."""
        if sequence_id in self._entries:
            raise InvalidValue("sequence_id", sequence_id, "must not be in the queue already")
        entry = entry_at(sequence_id, place, priority)
        entries = self._entries.insert(sequence_id, entry)
        return StageQueue(self._line.moved(entry, None, Part.WAITING), entries)

    def hold(self, sequence_id: str) -> StageQueue:
        """Return the queue in which a waiting `sequence_id` keeps its place and is passed."""
        return self._moved(sequence_id, Part.WAITING, Part.HELD)

    def release(self, sequence_id: str) -> StageQueue:
        """Return the queue in which a held `sequence_id` waits again, at its old place."""
        return self._moved(sequence_id, Part.HELD, Part.WAITING)

    def start(self, sequence_id: str) -> StageQueue:
        """Return the queue in which a waiting `sequence_id` holds the lane."""
        return self._moved(sequence_id, Part.WAITING, Part.HOLDING)

    def leave(self, sequence_id: str) -> StageQueue:
        """Return the queue without `sequence_id`, wherever it stood."""
        entry, part = self._found(sequence_id, set(Part), "in the queue")
        return StageQueue(self._line.moved(entry, part, None), self._entries.remove(sequence_id))

    def admissible(self, *, limit: int = 1, elsewhere: int = 0) -> str | None:
        """Return who starts next if the lane has a free place, else None (R1–R3).

        `elsewhere` counts the holders of lanes that overlap this one.
        """
        is_free = self.has_free_place(limit=limit, elsewhere=elsewhere)
        head = self.head if is_free else None
        return None if head is None else head[2]

    def has_free_place(self, *, limit: int = 1, elsewhere: int = 0) -> bool:
        """Whether fewer hold the lane, and those that overlap it, than may (R1)."""
        return self._line.has_free_place(limit=limit, elsewhere=elsewhere)

    @property
    def head(self) -> tuple[int, int, str] | None:
        """The first of those that wait, as a sort key that ends in its id; None if nobody does."""
        return self._line.head

    @property
    def line(self) -> tuple[str, ...]:
        """Everybody in line, held ones at their place, in order."""
        return self._line.line

    @property
    def waiting(self) -> Iterator[str]:
        """Those that wait and are not held, in order."""
        return self._line.waiting

    @property
    def holders(self) -> tuple[str, ...]:
        """Those that hold the lane, by priority and place."""
        return self._line.holders

    @property
    def in_line(self) -> int:
        """How many stand in line, held ones included."""
        return self._line.in_line

    @property
    def held(self) -> int:
        """How many of those in line are held."""
        return self._line.held

    @property
    def holding(self) -> int:
        """How many hold the lane."""
        return self._line.holding

    def ahead(self, sequence_id: str) -> int:
        """Return how many that wait would start before `sequence_id`, which is in line."""
        entry, _ = self._found(sequence_id, {Part.WAITING, Part.HELD}, "in line")
        return self._line.ahead(entry)

    def __contains__(self, sequence_id: object) -> bool:
        return sequence_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _moved(self, sequence_id: str, was: Part, now: Part) -> StageQueue:
        entry, _ = self._found(sequence_id, {was}, was.name.lower())
        return StageQueue(self._line.moved(entry, was, now), self._entries)

    def _found(self, sequence_id: str, parts: set[Part], where: str) -> tuple[Entry, Part]:
        """Return the entry of an id and where it stands, which must be in one of these parts."""
        entry = self._entries.get(sequence_id)
        part = None if entry is None else self._line.part_of(entry)
        if entry is None or part not in parts:
            raise InvalidValue("sequence_id", sequence_id, f"must be {where}")
        return entry, part
