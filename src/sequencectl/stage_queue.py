"""The queue of one lane: its holders, and the sequences in line in their order, held ones too.

`StageQueue` knows tickets and nothing else: no clock, no stage, no payload. A project keeps one for
each of its lanes, and a host that keeps its sequences elsewhere can use it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from heapq import merge
from typing import Final, NamedTuple, final

import attrs

from sequencectl._persistent import OrderedSet
from sequencectl.errors import InvalidValue

__all__ = ["StageQueue", "Ticket"]


class Ticket(NamedTuple):
    """A position in a queue; make it with `Ticket.of` and keep it as long as its sequence lives.

    Tickets sort as their sequences start: higher priority first, then lower place (R2). That is why
    the priority is kept negated.
    """

    negated_priority: int
    place: int
    sequence_id: str

    @classmethod
    def of(cls, sequence_id: str, *, place: int, priority: int = 0) -> Ticket:
        """Return the ticket of a sequence; raise `InvalidValue` for a value of a wrong type.

        No two sequences of a queue may have the same place.
        """
        if not isinstance(sequence_id, str):
            raise InvalidValue("sequence_id", sequence_id, "must be a text")
        for name, number in (("place", place), ("priority", priority)):
            if type(number) is not int:
                raise InvalidValue(name, number, "must be an int")
        return cls(-priority, place, sequence_id)

    @property
    def priority(self) -> int:
        """The priority; higher starts first."""
        return -self.negated_priority


class Part(IntEnum):
    """Where in a queue a ticket is."""

    WAITING = 0
    """In line, and may start."""
    HELD = 1
    """In line, and passed by those behind it (R18)."""
    HOLDING = 2
    """Out of the line: its sequence occupies the lane (R5)."""


_NOBODY: Final[OrderedSet[Ticket]] = OrderedSet()


@final
@attrs.frozen(weakref_slot=False)
class StageQueue:
    """The line of a lane and the holders of that lane, by ticket (R1–R3, R5).

    A frozen value: each method returns the queue that results. A ticket enters once, starts once
    and leaves once; a held one keeps its place. ``len``, ``in`` and iteration are about the tickets
    in line, held ones included, in order. A move that is not possible raises `InvalidValue` and
    changes nothing.
    """

    _waiting: OrderedSet[Ticket] = _NOBODY
    _held: OrderedSet[Ticket] = _NOBODY
    _holding: OrderedSet[Ticket] = _NOBODY

    @classmethod
    def _of(cls, parts: Mapping[Part, Collection[Ticket]]) -> StageQueue:
        """Return the queue with these tickets in its parts; the quick way to make a long one."""
        return cls(*[OrderedSet(parts.get(part, ())) or _NOBODY for part in Part])

    def enter(self, ticket: Ticket) -> StageQueue:
        """Return the queue in which a new ticket waits."""
        if not isinstance(ticket, Ticket):
            raise InvalidValue("ticket", ticket, "must be a Ticket")
        if self._part_of(ticket) is not None:
            raise InvalidValue("ticket", ticket, "must not be in the queue already")
        return self._moved(ticket, None, Part.WAITING)

    def hold(self, ticket: Ticket) -> StageQueue:
        """Return the queue in which a waiting ticket is held: it keeps its place and is passed."""
        return self._checked(ticket, Part.WAITING)._moved(ticket, Part.WAITING, Part.HELD)

    def release(self, ticket: Ticket) -> StageQueue:
        """Return the queue in which a held ticket waits again, at its old place."""
        return self._checked(ticket, Part.HELD)._moved(ticket, Part.HELD, Part.WAITING)

    def start(self, ticket: Ticket) -> StageQueue:
        """Return the queue in which a waiting ticket has left the line and holds the lane."""
        return self._checked(ticket, Part.WAITING)._moved(ticket, Part.WAITING, Part.HOLDING)

    def leave(self, ticket: Ticket) -> StageQueue:
        """Return the queue without a ticket, wherever it was."""
        was = self._part_of(ticket)
        if was is None:
            raise InvalidValue("ticket", ticket, "must be in the queue")
        return self._moved(ticket, was, None)

    def _checked(self, ticket: Ticket, part: Part) -> StageQueue:
        """Return this queue if the ticket is in this part of it."""
        if self._part_of(ticket) is not part:
            raise InvalidValue("ticket", ticket, f"must be {part.name.lower()}")
        return self

    def _moved(self, ticket: Ticket, was: Part | None, now: Part | None) -> StageQueue:
        """Return the queue in which a ticket has gone from one part to another; None is outside.

        A project knows from its records that the ticket is there, so it does without the check of
        the public methods, which would cost 1 % of a delivery.
        """
        parts = [self._waiting, self._held, self._holding]
        if was is not None:
            parts[was] = parts[was].remove(ticket)
        if now is not None:
            parts[now] = parts[now].add(ticket)
        return StageQueue(*parts)

    def _part_of(self, ticket: object) -> Part | None:
        """Return where a ticket is; None if it is not in the queue."""
        if not isinstance(ticket, Ticket):
            return None
        if ticket in self._waiting:
            return Part.WAITING
        if ticket in self._held:
            return Part.HELD
        return Part.HOLDING if ticket in self._holding else None

    def has_free_place(self, *, limit: int = 1, elsewhere: int = 0) -> bool:
        """Return True if the lane has a free place (R1).

        `elsewhere` is the number of holders of lanes that overlap this one: they count as well.
        """
        if not isinstance(limit, int):
            raise InvalidValue("limit", limit, "must be an int")
        if not isinstance(elsewhere, int):
            raise InvalidValue("elsewhere", elsewhere, "must be an int")
        return len(self._holding) + elsewhere < limit

    def admissible(self, *, limit: int = 1, elsewhere: int = 0) -> Ticket | None:
        """Return the ticket that starts next if the lane has a free place, else None (R1–R3)."""
        return self.head if self.has_free_place(limit=limit, elsewhere=elsewhere) else None

    @property
    def head(self) -> Ticket | None:
        """The first of the waiting tickets; None if none waits."""
        return self._waiting.first

    @property
    def waiting(self) -> Iterator[Ticket]:
        """The tickets in line that are not held, in order."""
        return iter(self._waiting)

    @property
    def holders(self) -> tuple[Ticket, ...]:
        """The tickets that hold the lane, in order."""
        return tuple(self._holding)

    @property
    def holding(self) -> int:
        """The number of tickets that hold the lane."""
        return len(self._holding)

    @property
    def is_empty(self) -> bool:
        """Whether there is no ticket at all, neither in line nor holding."""
        return not (self._waiting or self._held or self._holding)

    def ahead(self, ticket: Ticket) -> int:
        """Return how many waiting tickets start before this one, which must be in line."""
        if ticket not in self:
            raise InvalidValue("ticket", ticket, "must be in line")
        return self._waiting.rank(ticket)

    def __iter__(self) -> Iterator[Ticket]:
        return merge(self._waiting, self._held)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._held)

    def __contains__(self, ticket: object) -> bool:
        return self._part_of(ticket) in {Part.WAITING, Part.HELD}


EMPTY_QUEUE: Final = StageQueue()
