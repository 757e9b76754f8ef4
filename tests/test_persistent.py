"""The persistent ordered set, against Python's own sorted sets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import chain
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sequencectl._persistent import OrderedSet

MANY = 2_000
ORDERS: dict[str, Callable[[], list[int]]] = {
    "ascending": lambda: list(range(MANY)),
    "descending": lambda: list(range(MANY - 1, -1, -1)),
    "random": lambda: random.Random(1).sample(range(MANY), MANY),
    "from both ends": lambda: [at for pair in zip(range(MANY), range(MANY - 1, -1, -1), strict=True)
                               for at in pair][:MANY],
}  # fmt: skip
NUMBERS = st.integers(0, 150)


def height(found: OrderedSet[int]) -> int:
    """How many nodes lie on the way to an item; the way is equally long to each."""
    trees: list[Any] = [found._tree]
    levels = 1
    while not isinstance(trees[0], tuple):
        assert all(len(tree.children) <= 32 for tree in trees)
        trees = [child for tree in trees for child in tree.children]
        levels += 1
    assert all(isinstance(tree, tuple) and len(tree) <= 32 for tree in trees)
    return levels


def most_levels(size: int) -> int:
    """How high a tree may be that had this many items at most: its nodes were half full."""
    return 2 + int(log(max(size, 1), 16))


def all_of(found: OrderedSet[int]) -> tuple[list[int], int, int | None, bool]:
    """What a set holds, how many, the first one, and whether it is true."""
    return list(found), len(found), found.first, bool(found)


def expected_of(numbers: Iterable[int]) -> tuple[list[int], int, int | None, bool]:
    """The same by plain Python."""
    items = sorted(set(numbers))
    return items, len(items), (items[0] if items else None), bool(items)


def one_by_one(items: Iterable[int]) -> OrderedSet[int]:
    """The set of these items, each added by itself."""
    found: OrderedSet[int] = OrderedSet()
    for item in items:
        found = found.add(item)
    return found


class SetAgainstModel(RuleBasedStateMachine):
    """Random additions and removals, on runs of numbers too, so that nodes split and join."""

    def __init__(self) -> None:
        super().__init__()
        self.found: OrderedSet[int] = OrderedSet()
        self.model: set[int] = set()
        self.versions: list[tuple[OrderedSet[int], frozenset[int]]] = []

    @rule(low=NUMBERS, count=st.sampled_from([1, 1, 1, 40]), step=st.integers(-2, 3))
    def add(self, low: int, count: int, step: int) -> None:
        self.versions = [*self.versions[-4:], (self.found, frozenset(self.model))]
        for number in range(low, low + count * step, step) if step else [low]:
            self.found = self.found.add(number)
            self.model.add(number)

    @rule(low=NUMBERS, count=st.sampled_from([1, 1, 1, 40]), step=st.integers(-2, 3))
    def remove(self, low: int, count: int, step: int) -> None:
        self.versions = [*self.versions[-4:], (self.found, frozenset(self.model))]
        for number in range(low, low + count * step, step) if step else [low]:
            self.found = self.found.remove(number)
            self.model.discard(number)

    @invariant()
    def is_like_the_model(self) -> None:
        assert all_of(self.found) == expected_of(self.model)

    @rule(number=NUMBERS)
    def ask(self, number: int) -> None:
        assert (number in self.found) is (number in self.model)
        assert self.found.rank(number) == sum(1 for known in self.model if known < number)

    def teardown(self) -> None:
        for found, expected in self.versions:
            assert all_of(found) == expected_of(expected)
        assert height(self.found) <= most_levels(1_000)


TestSetAgainstModel = SetAgainstModel.TestCase


@pytest.mark.parametrize("removed", ORDERS)
@pytest.mark.parametrize("added", ["ascending", "descending", "random"])
def test_thousands_come_and_go_in_any_order(added: str, removed: str) -> None:
    """However items come and go, the set is that of Python, and no way in it is long."""
    coming, going = ORDERS[added](), ORDERS[removed]()

    found = one_by_one(coming)
    full = found
    halfway = going[: len(going) // 2]
    for number in halfway:
        found = found.remove(number)

    left = set(coming) - set(halfway)
    assert all_of(full) == expected_of(coming)
    assert all_of(found) == expected_of(left)
    assert [found.rank(at) for at in sorted(left)[::97]] == list(range(0, len(left), 97))
    assert max(height(full), height(found)) <= most_levels(MANY)
    for number in going[len(halfway) : -1]:
        found = found.remove(number)
    assert found._tree == (going[-1],)
    assert found.remove(going[-1])._tree == ()
    assert all_of(full) == expected_of(coming)


@pytest.mark.parametrize("make", [OrderedSet, one_by_one])
@pytest.mark.parametrize("size", [0, 1, 32, 33, 1_024, 1_025, 5_000, 20_000])
def test_the_height_grows_with_the_logarithm(
    size: int, make: Callable[[Iterable[int]], OrderedSet[int]]
) -> None:
    """Items that come in order, or all at once, fill their nodes: 32 for each level."""
    found = make(range(size))

    assert height(found) == next(levels for levels in range(1, 9) if size <= 32**levels)


@pytest.mark.parametrize("is_left_first", [True, False])
@pytest.mark.parametrize("size", [64, 2_048])
def test_neighbours_that_fit_into_one_are_joined(size: int, is_left_first: bool) -> None:
    """Two full halves that are emptied to a half are as flat as a set made of what is left."""
    quarter = size // 4
    ends = [range(quarter), range(3 * quarter, size)]
    found = OrderedSet(range(size))
    for number in chain(*(ends if is_left_first else reversed(ends))):
        assert height(found) == height(OrderedSet(range(size)))
        found = found.remove(number)

    assert height(OrderedSet(range(size // 2))) == height(found)
    assert list(range(quarter, 3 * quarter)) == list(found)


def test_what_is_full_and_grows_inside_becomes_two_halves() -> None:
    """Both then have room for as many again."""
    tree: Any = OrderedSet(range(0, 64, 2)).add(1)._tree

    assert [16, 17] == [len(leaf) for leaf in tree.children]


@given(st.data(), st.integers(0, 3 * MANY), st.integers(1, 5))
def test_made_at_once_it_is_as_if_added_one_by_one(
    data: st.DataObject, size: int, repeats: int
) -> None:
    """In any order, with items that come twice, it is the same set and every operation works."""
    items = random.Random(size).choices(range(max(size // repeats, 1)), k=size)
    found, expected = OrderedSet(items), one_by_one(items)
    item = data.draw(st.integers(-1, size))

    assert found == expected
    assert all_of(found) == expected_of(items)
    assert height(found) <= most_levels(size)
    assert found.rank(item) == expected.rank(item)
    assert found.find(item) == expected.find(item) == (item if item in set(items) else None)
    assert all_of(found.add(item)) == expected_of([*items, item])
    assert all_of(found.remove(item)) == expected_of(set(items) - {item})
    assert all_of(found.exchange(item, -2)) == expected_of((set(items) - {item}) | {-2})


@pytest.mark.parametrize("size", [0, 3, 32, 33, 100])
@pytest.mark.parametrize("old", [None, 0, 1])
@pytest.mark.parametrize("new", [None, 2, 3])
def test_an_exchange_is_a_removal_and_an_addition(
    size: int, old: int | None, new: int | None
) -> None:
    """Both at once leave what one after the other leaves, also of what is not or is there."""
    items = set(range(0, 2 * size, 2))
    actual = OrderedSet(items).exchange(old, new)

    assert expected_of((items - {old}) | ({new} if new is not None else set())) == all_of(actual)
    assert height(actual) <= most_levels(size)


def test_an_item_is_found_as_the_object_the_set_has() -> None:
    """Of equal objects the one that came first is kept, and can be asked for."""
    kept, equal = "".join(["lane", "/1"]), "".join(["lane", "/1"])
    found = OrderedSet([kept]).add(equal)

    assert found.find(equal) is kept
    assert found.find("lane") is None


@given(st.lists(st.integers(), unique=True), st.sets(st.integers()))
def test_equality_is_by_items(items: list[int], guests: set[int]) -> None:
    """Sets with the same items are equal and hash alike, whatever came and went before."""
    expected, found = OrderedSet(sorted(items)), OrderedSet(guests - set(items))
    for item in items:
        found = found.add(item)
    for guest in guests - set(items):
        found = found.remove(guest)

    assert found == expected
    assert hash(found) == hash(expected)
    assert repr(found) == f"OrderedSet({sorted(items)})"
    assert found.add(max(items, default=0) + 1) != expected


def test_sets_of_other_items_hash_otherwise() -> None:
    """A table of sets does not become a list."""
    hashes = {hash(OrderedSet(range(size))) for size in range(100)}

    assert 100 == len(hashes)


@pytest.mark.parametrize("size", [1, 2, 32, 33, 1_000])
def test_what_changes_nothing_returns_the_same_set(size: int) -> None:
    """Adding what is there and removing what is not costs no copy."""
    found = OrderedSet(range(0, 2 * size, 2))

    assert found.add(2 * size - 2) is found
    assert found.remove(2 * size - 1) is found
    assert found.exchange(1, 1) is found
    assert found.exchange(None, None) is found
    assert OrderedSet[int]().remove(2) == OrderedSet()


def test_a_set_equals_only_sets() -> None:
    """An ordered set is not equal to a list or a plain set of its items."""
    found = OrderedSet([1, 2])

    assert found != [1, 2]
    assert found != {1, 2}
    assert found != OrderedSet([1, 3])
