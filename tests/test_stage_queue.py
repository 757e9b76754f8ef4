"""The queue of one lane, against a naive model (R1–R3, R5, R18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sequencectl import InvalidValue, StageQueue, Ticket

TICKETS = [
    Ticket.of(f"s{number}", place=number * 7 % 12, priority=number % 3 - 1) for number in range(12)
]
ANY = st.sampled_from(TICKETS)
A, B, C = (Ticket.of(name, place=place) for place, name in enumerate("abc", start=1))


def queue_of(*tickets: Ticket) -> StageQueue:
    """A queue that these tickets have entered, in this order."""
    queue = StageQueue()
    for ticket in tickets:
        queue = queue.enter(ticket)
    return queue


def shown(queue: StageQueue) -> dict[str, Any]:
    """Everything that can be asked of a queue as a whole."""
    return {
        "line": tuple(queue),
        "waiting": tuple(queue.waiting),
        "holders": queue.holders,
        "head": queue.head,
        "counts": (len(queue), queue.holding, queue.is_empty),
        "starts": [queue.admissible(limit=limit, elsewhere=1) for limit in range(1, 5)],
        "default": queue.admissible(),
        "in line": [ticket in queue for ticket in TICKETS],
    }


class Naive:
    """A queue as a mapping of tickets to where they are."""

    def __init__(self) -> None:
        self.parts: dict[Ticket, str] = {}

    def in_parts(self, *parts: str) -> tuple[Ticket, ...]:
        found = (ticket for ticket, part in self.parts.items() if part in parts)
        return tuple(sorted(found, key=lambda ticket: (-ticket.priority, ticket.place)))

    def shown(self) -> dict[str, Any]:
        line, waiting = self.in_parts("waiting", "held"), self.in_parts("waiting")
        holders = self.in_parts("holding")
        first = waiting[0] if waiting else None
        return {
            "line": line,
            "waiting": waiting,
            "holders": holders,
            "head": first,
            "counts": (len(line), len(holders), not self.parts),
            "starts": [first if len(holders) + 1 < limit else None for limit in range(1, 5)],
            "default": None if holders else first,
            "in line": [ticket in line for ticket in TICKETS],
        }


class QueueAgainstModel(RuleBasedStateMachine):
    """Random moves, allowed or not, on a queue and on the naive one."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.naive = StageQueue(), Naive()
        self.versions: list[tuple[StageQueue, dict[str, Any]]] = []

    def moved(
        self, ticket: Ticket, move: Callable[[Ticket], StageQueue], was: set[str | None], to: str
    ) -> None:
        if len(self.versions) < 5:
            self.versions.append((self.queue, self.naive.shown()))
        if self.naive.parts.get(ticket) not in was:
            with pytest.raises(InvalidValue, match=f"^ticket: must .*'{ticket.sequence_id}'"):
                move(ticket)
            return
        self.queue = move(ticket)
        self.naive.parts[ticket] = to
        if to == "gone":
            del self.naive.parts[ticket]

    @rule(ticket=ANY)
    def enter(self, ticket: Ticket) -> None:
        self.moved(ticket, self.queue.enter, {None}, "waiting")

    @rule(ticket=ANY)
    def hold(self, ticket: Ticket) -> None:
        self.moved(ticket, self.queue.hold, {"waiting"}, "held")

    @rule(ticket=ANY)
    def release(self, ticket: Ticket) -> None:
        self.moved(ticket, self.queue.release, {"held"}, "waiting")

    @rule(ticket=ANY)
    def start(self, ticket: Ticket) -> None:
        self.moved(ticket, self.queue.start, {"waiting"}, "holding")

    @rule(ticket=ANY)
    def leave(self, ticket: Ticket) -> None:
        self.moved(ticket, self.queue.leave, {"waiting", "held", "holding"}, "gone")

    @invariant()
    def answers_like_the_model(self) -> None:
        assert shown(self.queue) == self.naive.shown()
        waiting = self.naive.in_parts("waiting")
        for ticket in self.naive.in_parts("waiting", "held"):
            ahead = sum(
                1
                for other in waiting
                if (-other.priority, other.place) < (-ticket.priority, ticket.place)
            )
            assert self.queue.ahead(ticket) == ahead

    def teardown(self) -> None:
        for queue, expected in self.versions:
            assert shown(queue) == expected


TestQueueAgainstModel = QueueAgainstModel.TestCase


def test_higher_priority_is_before_an_earlier_place() -> None:
    """The order is by priority, higher first, then by place (R2)."""
    first, second = Ticket.of("first", place=1), Ticket.of("second", place=2)
    urgent = Ticket.of("urgent", place=3, priority=5)
    never = Ticket.of("never", place=0, priority=-1)

    assert [urgent, first, second, never] == list(queue_of(first, urgent, second, never))
    assert [urgent, first, second, never] == sorted([never, first, second, urgent])
    assert (5, 3, "urgent") == (urgent.priority, urgent.place, urgent.sequence_id)
    assert 0 == first.priority


def test_a_held_one_is_passed_and_keeps_its_place() -> None:
    """A held one stays in the line at its place and does not start (R18)."""
    queue = queue_of(A, B).hold(A)

    assert ((A, B), B, 0) == (tuple(queue), queue.admissible(), queue.ahead(B))
    assert A == queue.release(A).admissible()


@pytest.mark.parametrize(
    ("limit", "elsewhere", "expected"), [(1, 0, None), (2, 0, B), (2, 1, None), (3, 1, B)]
)
def test_holders_and_those_of_overlapping_lanes_use_the_limit(
    limit: int, elsewhere: int, expected: Ticket | None
) -> None:
    """Nobody starts unless fewer hold the lane, and those that overlap it, than may (R1)."""
    queue = queue_of(A, B).start(A)

    assert expected == queue.admissible(limit=limit, elsewhere=elsewhere)


@pytest.mark.parametrize(
    ("move", "where"),
    [
        (lambda queue: queue.enter(B), "ticket: must not be in the queue already"),
        (lambda queue: queue.enter(A), "ticket: must not be in the queue already"),
        (lambda queue: queue.enter(C), "ticket: must not be in the queue already"),
        (lambda queue: queue.hold(C), "ticket: must be waiting"),
        (lambda queue: queue.hold(A), "ticket: must be waiting"),
        (lambda queue: queue.release(B), "ticket: must be held"),
        (lambda queue: queue.release(A), "ticket: must be held"),
        (lambda queue: queue.start(C), "ticket: must be waiting"),
        (lambda queue: queue.start(A), "ticket: must be waiting"),
        (lambda queue: queue.start(Ticket.of("b", place=9)), "ticket: must be waiting"),
        (lambda queue: queue.leave(Ticket.of("b", place=9)), "ticket: must be in the queue"),
        (lambda queue: queue.ahead(A), "ticket: must be in line"),
        (lambda queue: queue.ahead("b"), "ticket: must be in line, got 'b'"),
        (lambda queue: queue.enter("b"), "ticket: must be a Ticket, got 'b'"),
        (lambda queue: queue.start((0, 2, "b")), "ticket: must be waiting"),
        (lambda queue: queue.leave(None), "ticket: must be in the queue, got None"),
        (lambda queue: queue.admissible(limit="2"), "limit: must be an int"),
        (lambda queue: queue.has_free_place(elsewhere=None), "elsewhere: must be an int"),
        (lambda _: Ticket.of(7, place=1), "sequence_id: must be a text, got 7"),  # type: ignore[arg-type]
        (lambda _: Ticket.of("a", place="1"), "place: must be an int, got '1'"),  # type: ignore[arg-type]
        (lambda _: Ticket.of("a", place=1, priority=True), "priority: must be an int, got True"),
    ],
)
def test_misuse_is_named_and_changes_nothing(
    move: Callable[[StageQueue], object], where: str
) -> None:
    """A ticket enters once, starts once, leaves once; anything else is an `InvalidValue`."""
    queue = queue_of(A, B, C).start(A).hold(C)
    before = shown(queue)

    with pytest.raises(InvalidValue, match=f"^{where}"):
        move(queue)
    assert before == shown(queue)


def test_nothing_but_a_ticket_is_in_a_queue() -> None:
    """``in`` answers for any value; a holder is not in line."""
    queue = queue_of(A, B).start(A)

    assert [False, True, False, False] == [each in queue for each in (A, B, C, "b")]


def test_what_is_not_given_is_plain() -> None:
    """Priority 0, one place in the lane, no holder in lanes that overlap it (R1, R2)."""
    queue = StageQueue().enter(Ticket.of("a", place=1))

    assert A == queue.head
    assert queue.has_free_place()
    assert not queue.start(A).has_free_place()


def test_queues_are_equal_by_who_stands_where() -> None:
    """Equality is by value: the way that led to a queue leaves no trace in it."""
    there_and_back = queue_of(B, A).hold(A).release(A)

    assert there_and_back == queue_of(A, B)
    assert there_and_back != there_and_back.start(A)
    assert queue_of(A).leave(A) == StageQueue()
