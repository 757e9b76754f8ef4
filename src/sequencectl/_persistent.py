"""The two persistent structures behind a project's state; the one place that knows rpds.

`Map` is rpds' hash trie map under a name of ours. Its order of iteration follows the hash seed, so
nothing may be decided in it. `OrderedSet` is what rpds has not: a persistent set in sorted order.
It is a B+ tree of tuples: leaves hold up to `_WIDTH` items, inner nodes as many children. A whole
set is sorted once and cut into leaves; an insertion or removal copies one path, so the cost grows
with the logarithm of the size and old versions stay valid.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final, Generic, Protocol, TypeVar, final

from rpds import HashTrieMap as Map

__all__ = ["Map", "OrderedSet"]

_WIDTH: Final = 32
_new: Final = object.__new__


class _Sortable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


T = TypeVar("T", bound=_Sortable)


class _Node(Generic[T]):
    """Children in order, with the first item and the number of items of each."""

    __slots__ = ("children", "firsts", "size")

    def __init__(self, children: tuple[_Tree[T], ...]) -> None:
        self.children = children
        self.firsts = tuple(_first(child) for child in children)
        self.size = sum(map(_size, children))

    def with_child(self, at: int, child: _Tree[T]) -> _Node[T]:
        """Return the node with another child at this place; no other one is looked at."""
        new: _Node[T] = _new(_Node)
        new.children = (*self.children[:at], child, *self.children[at + 1 :])
        new.firsts = (*self.firsts[:at], _first(child), *self.firsts[at + 1 :])
        new.size = self.size + _size(child) - _size(self.children[at])
        return new


_Tree = tuple[T, ...] | _Node[T]
"""A leaf, which is a plain sorted tuple of items, or an inner node."""


def _first(tree: _Tree[T]) -> T:
    return tree[0] if isinstance(tree, tuple) else tree.firsts[0]


def _size(tree: _Tree[T]) -> int:
    return len(tree) if isinstance(tree, tuple) else tree.size


def _split(parts: tuple[Any, ...], at_end: bool) -> tuple[tuple[Any, ...], ...]:
    """Return `parts` as one or two tuples of at most `_WIDTH`; growth at the end fills the left."""
    if len(parts) <= _WIDTH:
        return (parts,)
    middle = _WIDTH if at_end else len(parts) // 2
    return parts[:middle], parts[middle:]


def _inserted(tree: _Tree[T], item: T) -> tuple[_Tree[T], ...]:
    """Return the one or two trees that hold the items of `tree` and `item`; `tree` if it has it."""
    if isinstance(tree, tuple):
        at = bisect_left(tree, item)
        if at < len(tree) and tree[at] == item:
            return (tree,)
        return _split((*tree[:at], item, *tree[at:]), at == len(tree))
    at = max(bisect_right(tree.firsts, item) - 1, 0)
    grown = _inserted(tree.children[at], item)
    if len(grown) == 1:
        return (tree if grown[0] is tree.children[at] else tree.with_child(at, grown[0]),)
    children = (*tree.children[:at], *grown, *tree.children[at + 1 :])
    at_end = at == len(tree.children) - 1
    return tuple(_Node(part) for part in _split(children, at_end))


def _removed(tree: _Tree[T], item: T) -> _Tree[T]:
    """Return `tree` without `item`, `tree` itself if it lacks it; a child that became small joins
    its neighbour.
    """
    if isinstance(tree, tuple):
        at = bisect_left(tree, item)
        has_it = at < len(tree) and tree[at] == item
        return tree[:at] + tree[at + 1 :] if has_it else tree
    at = max(bisect_right(tree.firsts, item) - 1, 0)
    child, others = _removed(tree.children[at], item), tree.children
    if child is others[at]:
        return tree
    if not _size(child):  # if it was the only one, the node above drops this one likewise
        return _Node(others[:at] + others[at + 1 :])
    changed = tree.with_child(at, child)
    left = min(at, len(others) - 2)  # the child and its neighbour
    joined = _joined(*changed.children[left : left + 2]) if left >= 0 else None
    if joined is None:
        return changed
    return _Node((*others[:left], joined, *others[left + 2 :]))


def _joined(left: _Tree[T], right: _Tree[T]) -> _Tree[T] | None:
    """Return two neighbours as one tree if that is not too wide; None if it would be."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return left + right if len(left) + len(right) <= _WIDTH else None
    assert isinstance(left, _Node)
    assert isinstance(right, _Node)  # neighbours are of one height
    if len(left.children) + len(right.children) > _WIDTH:
        return None
    return _Node(left.children + right.children)


def _built(items: tuple[T, ...]) -> _Tree[T]:
    """Return the tree of items that ascend: the one that adding them in this order makes."""
    trees: tuple[_Tree[T], ...] = _cut(items)
    while len(trees) > 1:
        trees = tuple(map(_Node, _cut(trees)))
    return trees[0]


def _cut(parts: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """Return `parts` as tuples of `_WIDTH`, the last one of what is left; one even of nothing."""
    if len(parts) <= _WIDTH:
        return (parts,)
    return tuple([parts[at : at + _WIDTH] for at in range(0, len(parts), _WIDTH)])


def _iterate(tree: _Tree[T]) -> Iterator[T]:
    if isinstance(tree, tuple):
        yield from tree
    else:
        for child in tree.children:
            yield from _iterate(child)


@final
class OrderedSet(Generic[T]):
    """A persistent set in ascending order; its items must be hashable and totally ordered."""

    __slots__ = ("_tree",)

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._tree: _Tree[T] = _built(tuple([item for item, _ in groupby(sorted(items))]))

    @classmethod
    def _of(cls, tree: _Tree[T]) -> OrderedSet[T]:
        made = _new(cls)
        made._tree = tree
        return made

    def add(self, item: T) -> OrderedSet[T]:
        """Return the set with `item`; the same set if it has it."""
        tree = self._tree
        if isinstance(tree, tuple) and len(tree) < _WIDTH:  # most sets are this small
            at = bisect_left(tree, item)
            if at < len(tree) and tree[at] == item:
                return self
            return self._of((*tree[:at], item, *tree[at:]))
        grown = _inserted(tree, item)
        if len(grown) > 1:
            return self._of(_Node(grown))
        return self if grown[0] is tree else self._of(grown[0])

    def exchange(self, old: T | None, new: T | None) -> OrderedSet[T]:
        """Return the set without `old` and with `new`; None stands for nothing."""
        if old is None:
            return self if new is None else self.add(new)
        if new is None:
            return self.remove(old)
        if old == new:
            return self
        tree = self._tree
        if not isinstance(tree, tuple):
            return self.remove(old).add(new)
        items = list(tree)  # one leaf, as most sets are: both at once
        at = bisect_left(items, old)
        if items[at : at + 1] == [old]:
            del items[at]
        at = bisect_left(items, new)
        if items[at : at + 1] != [new]:
            items.insert(at, new)
        return self._of(tuple(items)) if len(items) <= _WIDTH else self.add(new)

    def remove(self, item: T) -> OrderedSet[T]:
        """Return the set without `item`; the same set if it lacks it."""
        tree = _removed(self._tree, item)
        if tree is self._tree:
            return self
        while isinstance(tree, _Node) and len(tree.children) == 1:
            tree = tree.children[0]
        return self._of(tree)

    @property
    def first(self) -> T | None:
        """The smallest item; None if there is none."""
        tree = self._tree
        if isinstance(tree, _Node):
            return tree.firsts[0]
        return tree[0] if tree else None

    def rank(self, item: T) -> int:
        """Return how many items are smaller than `item`."""
        tree, before = self._tree, 0
        while isinstance(tree, _Node):
            at = max(bisect_right(tree.firsts, item) - 1, 0)
            before += sum(map(_size, tree.children[:at]))
            tree = tree.children[at]
        return before + bisect_left(tree, item)

    def find(self, item: T) -> T | None:
        """Return the item of the set that equals `item`, the object it has; None if it has none."""
        found: T | None = _found(self._tree, item)
        return found

    def __contains__(self, item: object) -> bool:
        return _found(self._tree, item) is not None

    def __iter__(self) -> Iterator[T]:
        return _iterate(self._tree)

    def __len__(self) -> int:
        tree = self._tree
        return len(tree) if isinstance(tree, tuple) else tree.size

    def __bool__(self) -> bool:
        return self._tree != ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OrderedSet):
            return NotImplemented
        return len(self) == len(other) and all(map(_same, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"OrderedSet({list(self)!r})"


def _found(tree: Any, item: Any) -> Any:
    """Return the item of `tree` that equals `item`; None if it lacks it."""
    while isinstance(tree, _Node):
        tree = tree.children[max(bisect_right(tree.firsts, item) - 1, 0)]
    at = bisect_left(tree, item)
    return tree[at] if at < len(tree) and tree[at] == item else None


def _same(left: object, right: object) -> bool:
    return left == right
