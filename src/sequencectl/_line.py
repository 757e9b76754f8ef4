"""The line of one lane by its entries: who holds it, who waits in which order, who is held.

A `Line` keeps nothing by which an id could be found. A project has one for each lane and need not
search: the record of a sequence tells its entry, and the part it takes. `StageQueue` is a line for
hosts without such records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from heapq import merge
from typing import Final, final

import attrs

from sequencectl._persistent import OrderedSet

Entry = tuple[int, int, str]
"""(-priority, place, id): of two that wait, the one whose entry is smaller starts first (R2)."""

_NOBODY: Final[OrderedSet[Entry]] = OrderedSet()


class Part(IntEnum):
    """Where one stands in a line."""

    WAITING = 0
    HELD = 1
    HOLDING = 2


def entry_at(sequence_id: str, place: int, priority: int) -> Entry:
    """Return the entry of a sequence, the same wherever it stands."""
    return (-priority, place, sequence_id)


@final
@attrs.frozen(weakref_slot=False)
class Line:
    """Those that wait, those that are held and those that hold the lane, each in the order of the
    line (R1–R3, R5).
    """

    _waiting: OrderedSet[Entry] = _NOBODY
    _held: OrderedSet[Entry] = _NOBODY
    _holding: OrderedSet[Entry] = _NOBODY

    @classmethod
    def of(cls, parts: Mapping[Part, Collection[Entry]]) -> Line:
        """Return the line of these entries, by part."""
        return cls(*[OrderedSet(parts[part]) if parts[part] else _NOBODY for part in Part])

    def moved(self, entry: Entry, was: Part | None, now: Part | None) -> Line:
        """Return the line in which an entry has gone from `was` to `now`; None is outside of it."""
        parts = [self._waiting, self._held, self._holding]
        if was is not None:
            parts[was] = parts[was].remove(entry)
        if now is not None:
            parts[now] = parts[now].add(entry)
        return Line(*parts)

    def part_of(self, entry: Entry) -> Part | None:
        """Return where an entry stands; None if it is not in this line."""
        parts = (self._waiting, self._held, self._holding)
        return next((part for part in Part if entry in parts[part]), None)

    def has_free_place(self, *, limit: int, elsewhere: int) -> bool:
        """Whether fewer hold the lane, and those that overlap it, than may (R1)."""
        return len(self._holding) + elsewhere < limit

    @property
    def head(self) -> Entry | None:
        """The entry of who starts next; None if nobody waits."""
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

    def ahead(self, entry: Entry) -> int:
        """Return how many that wait would start before this entry."""
        return self._waiting.rank(entry)

    def __bool__(self) -> bool:
        return bool(self._waiting or self._held or self._holding)


EMPTY_LINE: Final = Line()
