"""The line of one lane, against a naive model (R1–R3, R5, R18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sequencectl import InvalidValue, StageQueue
from sequencectl._line import EMPTY_LINE, Line, Part, entry_at

IDS = st.sampled_from([f"s{number}" for number in range(12)])


def line_of(*entries: tuple[str, int, int]) -> StageQueue:
    """A queue that these (id, place, priority) have entered, in this order."""
    queue = StageQueue()
    for sequence_id, place, priority in entries:
        queue = queue.enter(sequence_id, place=place, priority=priority)
    return queue


def shown(queue: StageQueue) -> dict[str, Any]:
    """Everything that can be asked of a queue as a whole."""
    return {
        "line": queue.line,
        "waiting": tuple(queue.waiting),
        "holders": queue.holders,
        "head": queue.head,
        "counts": (queue.in_line, queue.held, queue.holding, len(queue)),
        "starts": [queue.admissible(limit=limit, elsewhere=1) for limit in range(1, 5)],
        "default": queue.admissible(),
    }


class Naive:
    """A queue as a list of everybody: (-priority, place, id) and where they stand."""

    def __init__(self) -> None:
        self.parts: dict[tuple[int, int, str], str] = {}

    def entry(self, sequence_id: str) -> tuple[int, int, str] | None:
        return next((entry for entry in self.parts if entry[2] == sequence_id), None)

    def ids(self, *parts: str) -> tuple[str, ...]:
        return tuple(entry[2] for entry in sorted(self.parts) if self.parts[entry] in parts)

    def shown(self) -> dict[str, Any]:
        waiting, held = self.ids("waiting"), self.ids("held")
        holders = self.ids("holding")
        head = self.entry(waiting[0]) if waiting else None
        first = waiting[0] if waiting else None
        return {
            "line": self.ids("waiting", "held"),
            "waiting": waiting,
            "holders": holders,
            "head": head,
            "counts": (len(waiting) + len(held), len(held), len(holders), len(self.parts)),
            "starts": [first if len(holders) + 1 < limit else None for limit in range(1, 5)],
            "default": None if holders else first,
        }


class QueueAgainstModel(RuleBasedStateMachine):
    """Random moves, allowed or not, on a queue and on the naive one."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.naive, self.places = StageQueue(), Naive(), 0
        self.versions: list[tuple[StageQueue, dict[str, Any]]] = []

    def moved(
        self,
        sequence_id: str,
        allowed: bool,
        move: Callable[[], StageQueue],
        to: str,
        entry: tuple[int, int, str] | None = None,
    ) -> None:
        if len(self.versions) < 5:
            self.versions.append((self.queue, self.naive.shown()))
        if not allowed:
            with pytest.raises(InvalidValue, match=f"must .*'{sequence_id}'"):
                move()
            return
        self.queue = move()
        entry = entry or self.naive.entry(sequence_id)
        assert entry is not None
        self.naive.parts[entry] = to
        if to == "gone":
            del self.naive.parts[entry]

    def part(self, sequence_id: str) -> str | None:
        entry = self.naive.entry(sequence_id)
        return None if entry is None else self.naive.parts[entry]

    @rule(sequence_id=IDS, priority=st.integers(-1, 1), step=st.integers(1, 3))
    def enter(self, sequence_id: str, priority: int, step: int) -> None:
        allowed = self.part(sequence_id) is None
        self.places += step
        # Places may be inherited (R6): now and then it is one before those in line.
        place = self.places if step < 3 else -self.places
        self.moved(
            sequence_id,
            allowed,
            lambda: self.queue.enter(sequence_id, place=place, priority=priority),
            "waiting",
            (-priority, place, sequence_id),
        )

    @rule(sequence_id=IDS)
    def hold(self, sequence_id: str) -> None:
        allowed = self.part(sequence_id) == "waiting"
        self.moved(sequence_id, allowed, lambda: self.queue.hold(sequence_id), "held")

    @rule(sequence_id=IDS)
    def release(self, sequence_id: str) -> None:
        allowed = self.part(sequence_id) == "held"
        self.moved(sequence_id, allowed, lambda: self.queue.release(sequence_id), "waiting")

    @rule(sequence_id=IDS)
    def start(self, sequence_id: str) -> None:
        allowed = self.part(sequence_id) == "waiting"
        self.moved(sequence_id, allowed, lambda: self.queue.start(sequence_id), "holding")

    @rule(sequence_id=IDS)
    def leave(self, sequence_id: str) -> None:
        allowed = self.part(sequence_id) is not None
        self.moved(sequence_id, allowed, lambda: self.queue.leave(sequence_id), "gone")

    @invariant()
    def answers_like_the_model(self) -> None:
        assert shown(self.queue) == self.naive.shown()
        waiting = [self.naive.entry(sequence_id) for sequence_id in self.naive.ids("waiting")]
        for sequence_id in self.naive.ids("waiting", "held"):
            entry = self.naive.entry(sequence_id)
            expected = sum(1 for other in waiting if other and entry and other < entry)
            assert self.queue.ahead(sequence_id) == expected
        assert [f"s{n}" in self.queue for n in range(12)] == [
            self.naive.entry(f"s{n}") is not None for n in range(12)
        ]

    def teardown(self) -> None:
        for queue, expected in self.versions:
            assert shown(queue) == expected


TestQueueAgainstModel = QueueAgainstModel.TestCase


def test_higher_priority_is_before_an_earlier_place() -> None:
    """The order is by priority, higher first, then by place (R2)."""
    queue = line_of(("first", 1, 0), ("urgent", 3, 5), ("second", 2, 0), ("never", 0, -1))

    assert queue.line == ("urgent", "first", "second", "never")


def test_a_held_one_is_passed_and_keeps_its_place() -> None:
    """A held one stays in the line at its place and does not start (R18)."""
    queue = line_of(("a", 1, 0), ("b", 2, 0)).hold("a")

    assert (queue.line, queue.admissible(), queue.ahead("b")) == (("a", "b"), "b", 0)
    assert queue.release("a").admissible() == "a"


@pytest.mark.parametrize(
    ("limit", "elsewhere", "expected"), [(1, 0, None), (2, 0, "b"), (2, 1, None), (3, 1, "b")]
)
def test_holders_and_those_of_overlapping_lanes_use_the_limit(
    limit: int, elsewhere: int, expected: str | None
) -> None:
    """Nobody starts unless fewer hold the lane, and those that overlap it, than may (R1)."""
    queue = line_of(("a", 1, 0), ("b", 2, 0)).start("a")

    assert queue.admissible(limit=limit, elsewhere=elsewhere) == expected


@pytest.mark.parametrize(
    ("move", "where"),
    [
        (lambda queue: queue.enter("waiting", place=9), "must not be in the queue already"),
        (lambda queue: queue.enter("holder", place=9), "must not be in the queue already"),
        (lambda queue: queue.hold("held"), "must be waiting"),
        (lambda queue: queue.hold("holder"), "must be waiting"),
        (lambda queue: queue.release("waiting"), "must be held"),
        (lambda queue: queue.release("holder"), "must be held"),
        (lambda queue: queue.start("held"), "must be waiting"),
        (lambda queue: queue.start("holder"), "must be waiting"),
        (lambda queue: queue.start("nobody"), "must be waiting"),
        (lambda queue: queue.leave("nobody"), "must be in the queue"),
        (lambda queue: queue.ahead("nobody"), "must be in"),
        (lambda queue: queue.ahead("holder"), "must be in line"),
    ],
)
def test_misuse_is_named_and_changes_nothing(
    move: Callable[[StageQueue], object], where: str
) -> None:
    """An id enters once, starts once, leaves once; anything else is an `InvalidValue`."""
    queue = line_of(("holder", 1, 0), ("waiting", 2, 0), ("held", 3, 0))
    queue = queue.start("holder").hold("held")
    before = shown(queue)

    with pytest.raises(InvalidValue, match=where):
        move(queue)
    assert shown(queue) == before


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (lambda queue: queue.enter("a", place=9), "must not be in the queue already"),
        (lambda queue: queue.release("a"), "must be held"),
        (lambda queue: queue.leave("b"), "must be in the queue"),
    ],
)
def test_misuse_says_what_would_be_permitted(
    move: Callable[[StageQueue], object], said: str
) -> None:
    """The error names the argument and shows the id."""
    with pytest.raises(InvalidValue, match=rf"^sequence_id: {said}, got '[ab]'$"):
        move(line_of(("a", 1, 0)))


def test_what_is_not_said_is_plain() -> None:
    """Priority 0, one place in the lane, nobody in lanes that overlap it (R1, R2)."""
    queue = StageQueue().enter("a", place=1)

    assert (0, 1, "a") == queue.head
    assert queue.has_free_place()
    assert not queue.start("a").has_free_place()


def test_a_line_tells_where_an_entry_stands() -> None:
    """Every part can be told from the others, and from outside (R5, R18)."""
    entries = [entry_at(name, place, 0) for place, name in enumerate("abcd")]
    line = Line.of({part: [entry] for part, entry in zip(Part, entries, strict=False)})

    assert [*Part, None] == [line.part_of(entry) for entry in entries]
    assert EMPTY_LINE == Line.of(dict.fromkeys(Part, ()))


def test_queues_are_equal_by_who_stands_where() -> None:
    """Equality is by value: the way that led to a queue leaves no trace in it."""
    there_and_back = line_of(("b", 2, 0), ("a", 1, 0)).hold("a").release("a")

    assert there_and_back == line_of(("a", 1, 0), ("b", 2, 0))
    assert there_and_back != there_and_back.start("a")
    assert line_of(("a", 1, 0)).leave("a") == StageQueue()
