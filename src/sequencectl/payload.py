"""Frozen JSON: what a task receives and what executors hand back (R14).

`freeze` checks data and makes it immutable, `merge` combines two maps, and `thaw` returns plain
dicts and lists. Objects become `FrozenMap`, arrays become tuples; texts, numbers, booleans and null
stay what they are.

Values are compared as JSON: the order of keys does not matter, ``1`` equals ``1.0``, and ``true``
is no number. A `FrozenMap` equals only another `FrozenMap`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sized
from functools import reduce
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, Final, NoReturn, TypeAlias, final

from sequencectl._scalars import NAME
from sequencectl.errors import PayloadError, check_type, shown

HARD_DEPTH: Final = 200
"""No payload nests deeper, whatever the configuration, so that no recursion runs out of stack."""

HARD_VALUES: Final = 1_000_000
"""No payload holds more values; otherwise a few shared lists could stand for endless data."""

_INT_LIMIT: Final = 10**4300  # Python neither prints nor reads longer ones
_ARRAYS: Final = (list, tuple)

FrozenJson: TypeAlias = "FrozenMap | tuple[FrozenJson, ...] | str | int | float | bool | None"
"""Any frozen JSON value."""

_Trail: TypeAlias = "tuple[_Trail, object] | None"


@final
class FrozenMap(Mapping[str, FrozenJson]):
    """An immutable JSON object: ordered as it was given, hashable, compared by value.

    `size` is the number of bytes of its compact JSON text in UTF-8, and `depth` the number of
    levels of maps and arrays, 1 for a map of scalars. They and the hash are computed at first use.
    """

    __slots__ = ("_hash", "_items", "_measured")

    _items: dict[str, FrozenJson]
    _measured: tuple[int, int] | None
    _hash: int | None

    def __new__(cls, value: Mapping[str, object] | None = None, /) -> FrozenMap:
        """Return ``freeze(value)``."""
        return freeze(value)

    def __getitem__(self, key: str) -> FrozenJson:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, FrozenMap):
            return NotImplemented
        return self._items == other._items and all(
            _is_same(value, other._items[key]) for key, value in self._items.items()
        )

    def __hash__(self) -> int:
        if self._hash is not None:
            return self._hash
        value = hash(frozenset(self._items.items()))
        object.__setattr__(self, "_hash", value)
        return value

    def __repr__(self) -> str:
        return f"FrozenMap({thaw(self)!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a FrozenMap is immutable, cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a FrozenMap is immutable, cannot delete {name!r}")

    def __copy__(self) -> FrozenMap:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenMap:
        return self

    def __reduce__(self) -> tuple[object, tuple[object]]:
        # never the cached hash: another process hashes texts differently
        return freeze, (thaw(self),)

    @property
    def size(self) -> int:
        """The number of bytes of its compact JSON text in UTF-8."""
        return _measure(self)[0]

    @property
    def depth(self) -> int:
        """The number of levels of maps and arrays, itself included."""
        return _measure(self)[1]


def freeze(value: Mapping[str, object] | None, *, where: str = "data") -> FrozenMap:
    """Return the JSON object `value` as an immutable map; None gives an empty one.

    Any mapping, list or tuple is accepted, and subclasses of the scalars are reduced to the plain
    type. A `FrozenMap` is returned as it is. Raises `PayloadError` with a path that begins with
    `where` for what is not JSON: other types, keys that are no texts, NaN and infinities, lone
    surrogates, integers of more than 4 300 digits, nesting beyond `HARD_DEPTH` (cycles among it)
    and more than `HARD_VALUES` values.
    """
    if value is None:
        return EMPTY
    if type(value) is FrozenMap:
        return value
    check_type("where", where, str)
    if not isinstance(value, Mapping):
        raise PayloadError(where, value, "must be an object (a mapping)")
    return _Freezer(where).mapping(value, None, 1)


def thaw(frozen: FrozenMap) -> dict[str, Any]:
    """Return `frozen` as plain dicts and lists, fresh ones each time and free to change."""
    check_type("frozen", frozen, FrozenMap)
    thawed: dict[str, Any] = _thawed(frozen)
    return thawed


def merge(base: FrozenMap, later: FrozenMap) -> FrozenMap:
    """Return `base` with `later` merged into it, as Keptn merges (R14).

    Maps merge key by key, deep. Lists join, the later entries first. Otherwise the later value
    wins, except that a later null erases nothing; where there is nothing yet, null is stored. Keys
    keep the order of `base`, new ones follow. Merging with an empty map returns the other one.
    """
    if not later._items:
        return base
    if not base._items:
        return later
    items = dict(base._items)
    for key, new in later._items.items():
        old = items.get(key)
        if type(new) is FrozenMap and type(old) is FrozenMap:
            items[key] = merge(old, new)
        elif type(new) is tuple and type(old) is tuple:
            items[key] = new + old
        elif new is not None or old is None:
            items[key] = new
    return _of(items)


def without(base: FrozenMap, keys: Collection[str]) -> FrozenMap:
    """Return `base` without these keys."""
    items = {key: value for key, value in base._items.items() if key not in keys}
    return _of(items) if items else EMPTY


def with_scalars(base: FrozenMap, scalars: Mapping[str, str | None]) -> FrozenMap:
    """Return `base` with these texts and nulls under their keys; they are not checked."""
    return _of({**base._items, **scalars})


def path_to(where: str, key: object) -> str:
    """Return the path to `key`, a key or an index, below the path `where`."""
    if isinstance(key, str) and NAME.fits(key):
        return f"{where}.{key}" if where else key
    return f"{where}[{shown(key)}]"


@final
class _Freezer:
    """One run of `freeze`: where it began and how many values it has met."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._values = 0

    def mapping(self, value: Mapping[Any, object], trail: _Trail, depth: int) -> FrozenMap:
        self._enter(value, trail, depth)
        items: dict[str, FrozenJson] = {}
        for key, inner in value.items():
            here = (trail, key)
            if not isinstance(key, str):
                raise self._refused(here, key, "must have a text for a key")
            known = key if type(key) is str and key.isascii() else self._text(key, here)
            items[known] = self._value(inner, here, depth)
        return _of(items) if items else EMPTY

    def _value(self, value: object, trail: _Trail, depth: int) -> FrozenJson:
        if value is None or value is True or value is False:
            return value
        if type(value) is dict:  # the most frequent types go first
            return self.mapping(value, trail, depth + 1)
        if type(value) is str and value.isascii():
            return value
        if isinstance(value, str):
            return self._text(value, trail)
        if isinstance(value, int):
            if not -_INT_LIMIT < value < _INT_LIMIT:
                raise self._refused(trail, value, "must have at most 4300 digits")
            return int.__int__(value)
        if isinstance(value, float):
            if not isfinite(value):
                raise self._refused(trail, value, "must be a finite number")
            return float.__float__(value)
        if isinstance(value, FrozenMap):
            self._enter(value, trail, depth + value.depth)
            return value
        if isinstance(value, _ARRAYS):
            self._enter(value, trail, depth + 1)
            array: list[FrozenJson] = []
            for index, inner in enumerate(value):
                array.append(self._value(inner, (trail, index), depth + 1))
            return tuple(array)
        if isinstance(value, Mapping):
            return self.mapping(value, trail, depth + 1)
        raise self._refused(trail, value, "must be JSON: an object, array, text, number or null")

    def _text(self, value: str, trail: _Trail) -> str:
        text = str.__str__(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self._refused(trail, value, "must not hold lone surrogates") from None
        return text

    def _enter(self, value: Sized, trail: _Trail, depth: int) -> None:
        self._values += len(value)
        if depth > HARD_DEPTH:
            raise self._refused(trail, value, f"must nest at most {HARD_DEPTH} levels deep")
        if self._values > HARD_VALUES:
            raise self._refused(trail, value, f"must hold at most {HARD_VALUES} values in all")

    def _refused(self, trail: _Trail, value: object, problem: str) -> PayloadError:
        keys: list[object] = []
        while trail is not None:
            trail, key = trail
            keys.append(key)
        return PayloadError(reduce(path_to, reversed(keys), self._where), value, problem)


def _of(items: dict[str, FrozenJson]) -> FrozenMap:
    """Return a map that owns `items`; the caller must not keep them."""
    new = object.__new__(FrozenMap)
    _set_items(new, items)
    _set_measured(new, None)
    _set_hash(new, None)
    return new


# a third faster than looking the slots up by name each time
_set_items: Final = FrozenMap.__dict__["_items"].__set__
_set_measured: Final = FrozenMap.__dict__["_measured"].__set__
_set_hash: Final = FrozenMap.__dict__["_hash"].__set__


def _thawed(value: FrozenJson) -> Any:
    if isinstance(value, FrozenMap):
        return {key: _thawed(inner) for key, inner in value._items.items()}
    return [_thawed(inner) for inner in value] if isinstance(value, tuple) else value


def _is_same(one: FrozenJson, other: FrozenJson) -> bool:
    """Return whether two values that are equal in Python are the same JSON: ``True`` is not 1."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(map(_is_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool)


def _measure(value: FrozenJson) -> tuple[int, int]:
    """Return the bytes of the JSON text of a value, and its levels; a map keeps them."""
    if type(value) is str:
        return len(encode_basestring(value).encode()), 0
    if type(value) is FrozenMap:
        if value._measured is not None:
            return value._measured
        size = depth = 0
        for key, inner in value._items.items():
            inner_size, inner_depth = _measure(inner)
            size += _measure(key)[0] + inner_size + 2  # a colon, and a comma or the last brace
            depth = max(depth, inner_depth)
        measured = max(size, 1) + 1, depth + 1
        object.__setattr__(value, "_measured", measured)
        return measured
    if isinstance(value, tuple):
        size = depth = 0
        for inner in value:
            inner_size, inner_depth = _measure(inner)
            size += inner_size + 1
            depth = max(depth, inner_depth)
        return max(size, 1) + 1, depth + 1
    return len(repr(value)), 0  # None, True and False are as long as null, true and false


EMPTY: Final = _of({})
"""The one empty map."""
