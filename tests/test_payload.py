"""Frozen JSON: freezing, thawing and merging (R14)."""

from __future__ import annotations

import copy
import json
import pickle
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Mapping
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencectl.errors import PayloadError
from sequencectl.payload import (
    EMPTY,
    HARD_DEPTH,
    HARD_VALUES,
    FrozenMap,
    freeze,
    merge,
    path_to,
    thaw,
    with_scalars,
    without,
)
from sequencectl.testing.strategies import payloads
from tests.strategies import json_keys, json_scalars


def as_text(value: object) -> str:
    """The canonical JSON text: equal for two values if and only if they are the same JSON.

    Whole floats are written as integers because JSON has one kind of number.
    """

    def whole(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: whole(inner) for key, inner in part.items()}
        if isinstance(part, list):
            return [whole(inner) for inner in part]
        return int(part) if isinstance(part, float) and part.is_integer() else part

    return json.dumps(whole(value), sort_keys=True)


def nested(levels: int, *, kind: type = dict) -> Any:
    """That many levels of maps or lists around a number."""
    value: Any = 1
    for _ in range(levels):
        value = {"k": value} if kind is dict else [value]
    return value


@given(payloads())
def test_what_is_frozen_thaws_to_an_equal_value(data: dict[str, Any]) -> None:
    """Freezing and thawing loses nothing, not even a type or the order of keys."""
    actual = thaw(freeze(data))

    assert repr(data) == repr(actual)


@given(payloads())
def test_freezing_what_is_frozen_returns_it(data: dict[str, Any]) -> None:
    """Freezing is idempotent, and the second time costs nothing."""
    frozen = freeze(data)

    assert frozen is freeze(frozen)


@given(payloads(), payloads())
def test_values_are_equal_if_they_are_the_same_json(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Equality is that of the JSON, whatever the order of keys; equal values hash alike."""
    actual = freeze(one) == freeze(other)

    assert (as_text(one) == as_text(other)) is actual
    assert not actual or hash(freeze(one)) == hash(freeze(other))


@given(payloads())
def test_the_order_of_keys_does_not_matter(data: dict[str, Any]) -> None:
    """A map with its keys the other way round is equal and hashes alike."""
    frozen = freeze(data)
    actual = freeze(dict(reversed(data.items())))

    assert frozen == actual
    assert hash(frozen) == hash(actual)


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 0.0}, {"a": -0.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": 1.0}, {"a": True}, False),
        ({"a": [1, [0]]}, {"a": [1, [False]]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": True}]}, False),
        ({"a": {"b": 1}}, {"a": {"b": True}}, False),
        ({"a": True}, {"a": True}, True),
        ({"a": [True, 1]}, {"a": [True, 1]}, True),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {}, False),
        ({"a": []}, {"a": {}}, False),
    ],
)
def test_a_boolean_is_no_number(
    one: dict[str, Any], other: dict[str, Any], *, is_equal: bool
) -> None:
    """Python holds True and 1 to be equal; JSON does not, at any depth."""
    actual = freeze(one) == freeze(other)

    assert is_equal is actual


def test_a_frozen_map_equals_only_a_frozen_map() -> None:
    """A dict of the same content is something else: thaw or freeze one of them."""
    frozen = freeze({"a": 1})

    assert frozen != {"a": 1}
    assert frozen == FrozenMap({"a": 1})


@given(payloads())
def test_the_size_is_that_of_the_json_text(data: dict[str, Any]) -> None:
    """The size is exact to the byte, for every map inside as well."""
    frozen = freeze(data)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    assert len(text.encode()) == frozen.size
    for value in frozen.values():
        if isinstance(value, FrozenMap):
            inner = json.dumps(thaw(value), ensure_ascii=False, separators=(",", ":"))
            assert len(inner.encode()) == value.size


@pytest.mark.parametrize(
    ("data", "depth"),
    [
        ({}, 1),
        ({"a": 1}, 1),
        ({"a": "text"}, 1),
        ({"a": {}}, 2),
        ({"a": []}, 2),
        ({"a": [[1], 2]}, 3),
        ({"a": 1, "b": {"c": [{"d": None}]}, "e": []}, 4),
    ],
)
def test_the_depth_counts_maps_and_lists(data: dict[str, Any], depth: int) -> None:
    """A map of scalars has depth 1; every map or list inside is one more."""
    actual = freeze(data).depth

    assert depth == actual


@given(payloads(), payloads())
def test_a_merged_value_knows_its_size_and_depth(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """What a merge returns is measured as if it had been frozen."""
    merged = merge(freeze(one), freeze(other))
    again = freeze(thaw(merged))

    assert (again.size, again.depth) == (merged.size, merged.depth)


def test_hash_and_measures_are_kept() -> None:
    """A value that is a key in many tables, or is merged again and again, is gone through once."""
    frozen = freeze({"a": [1, {"b": "text"}]})
    found = hash(frozen), (frozen.size, frozen.depth)

    assert found == (frozen._hash, frozen._measured)
    assert 100 == len({hash(freeze({"a": number})) for number in range(100)})


@pytest.mark.parametrize("data", [None, {}, EMPTY, MappingProxyType({})])
def test_nothing_is_the_one_empty_map(data: Mapping[str, object] | None) -> None:
    """Neither None nor an empty object makes a new value."""
    actual = freeze(data)

    assert EMPTY is actual
    assert FrozenMap() is actual
    assert (actual.size, actual.depth) == (2, 1)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Score(float):
    """A number with a type of its own."""


class Point(NamedTuple):
    x: int
    y: int


def test_subclasses_are_reduced_to_plain_types() -> None:
    """Nobody's methods stay in frozen data: types are exactly those of JSON."""
    data = {Colour.RED: Colour.RED, "level": Level.HIGH, "score": Score(1.5), "point": Point(1, 2)}
    actual = thaw(freeze(data))

    assert actual == {"red": "red", "level": 3, "score": 1.5, "point": [1, 2]}
    assert [str, int, float, list] == [type(value) for value in actual.values()]
    assert {str} == {type(key) for key in actual}


@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict, ChainMap, MappingProxyType])
def test_any_mapping_and_any_tuple_is_accepted(kind: Any) -> None:
    """Objects need not be dicts, nor arrays lists; FrozenMaps fit in between."""
    frozen = freeze({"inner": 1})
    actual = freeze(kind({"a": kind({"b": (1, [2], frozen)})}))

    assert freeze({"a": {"b": [1, [2], {"inner": 1}]}}) == actual


CYCLE: dict[str, Any] = {}
CYCLE["self"] = [CYCLE]


@pytest.mark.parametrize(
    ("data", "where", "why"),
    [
        ({"a": float("nan")}, "data.a", "finite"),
        ({"a": [0, float("inf")]}, "data.a[1]", "finite"),
        ({"a": {"b c": -float("inf")}}, "data.a['b c']", "finite"),
        ({"a": {1: 2}}, "data.a[1]", "a text for a key"),
        ({None: 2}, "data[None]", "a text for a key"),
        ({"a": [{"b": {1, 2}}]}, "data.a[0].b", "must be JSON"),
        ({"a": b"bytes"}, "data.a", "must be JSON"),
        ({"a": range(3)}, "data.a", "must be JSON"),
        ({"a": 1j}, "data.a", "must be JSON"),
        ({"a": Enum("Word", "ONE").ONE}, "data.a", "must be JSON"),  # type: ignore[attr-defined] # made here
        ({"a": object}, "data.a", "must be JSON"),
        ({"a": "\ud800"}, "data.a", "surrogates"),
        ({"\udfff": 1}, "data['\\udfff']", "surrogates"),
        ({"a": 10**4300}, "data.a", "at most 4300 digits"),
        ({"a": -(10**4300)}, "data.a", "at most 4300 digits"),
        (CYCLE, "data" + ".self[0]" * (HARD_DEPTH // 2), "at most 200 levels"),
        ({"a" * 64: [None, object()]}, f"data['{'a' * 64}'][1]", "must be JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_its_path(
    data: dict[str, Any], where: str, why: str
) -> None:
    """The error says where the offending value is and shows it."""
    with pytest.raises(PayloadError, match=why) as caught:
        freeze(data)

    assert where == caught.value.where


LONE: Any = "\ud800"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"a": LONE}, "data.a: must not hold lone surrogates, got '\\ud800'"),
        ({LONE: 1}, "data['\\ud800']: must not hold lone surrogates, got '\\ud800'"),
        ({1: 2}, "data[1]: must have a text for a key, got 1"),
        ({"a": float("nan")}, "data.a: must be a finite number, got nan"),
        ({"a": [10**4300]}, "data.a[0]: must have at most 4300 digits, got <int: repr raised"),
        (
            {"a": UserDict({"b": {None}})},
            "data.a.b: must be JSON: an object, array, text, number or null, got {None}",
        ),
        ({"k": nested(HARD_DEPTH)}, "must nest at most 200 levels deep, got {'k': 1}"),
        ({"a": range(2)}, "data.a: must be JSON: an object, array, text, number or null, got r"),
        ({"a": [[0] * HARD_VALUES]}, "data.a[0]: must hold at most 1000000 values in all, got [0,"),
    ],
)
def test_the_error_shows_the_value_and_says_what_would_be_permitted(data: Any, said: str) -> None:
    """Whoever reads it need not look for the data: path, problem and value are in one line."""
    with pytest.raises(PayloadError) as caught:
        freeze(data)

    assert said in str(caught.value)


@pytest.mark.parametrize("value", [[1], "text", 1, True, [("a", 1)]])
def test_only_an_object_is_a_payload(value: object) -> None:
    """The outermost value has names for its parts; the path starts where the caller says."""
    with pytest.raises(
        PayloadError, match=r"^labels: must be an object \(a mapping\), got"
    ) as caught:
        freeze(value, where="labels")  # type: ignore[arg-type] # the mistake under test

    assert value is caught.value.value


def test_the_largest_integers_can_be_printed() -> None:
    """What is accepted can be written as JSON and measured."""
    frozen = freeze({"a": 10**4300 - 1})

    assert len('{"a":}') + 4300 == frozen.size


@pytest.mark.parametrize("kind", [dict, list])
def test_nesting_has_a_hard_limit_and_everything_works_below_it(kind: type) -> None:
    """At the limit no operation runs out of stack; one level more is refused."""
    deepest = {"k": nested(HARD_DEPTH - 1, kind=kind)}
    one, other = freeze(deepest), freeze(deepest)

    assert one.depth == HARD_DEPTH
    assert one == other
    assert hash(one) == hash(other)
    assert f"FrozenMap({deepest!r})" == repr(one)
    assert deepest == thaw(pickle.loads(pickle.dumps(one)))  # noqa: S301 - our own bytes
    assert {**deepest, "later": 1} == thaw(merge(one, freeze({"later": 1})))
    assert (deepest if kind is dict else HARD_DEPTH) == (
        thaw(merge(one, other)) if kind is dict else merge(one, other).depth
    )
    with pytest.raises(PayloadError, match="at most 200 levels"):
        freeze({"k": nested(HARD_DEPTH, kind=kind)})


@pytest.mark.parametrize("kind", [UserDict, freeze])
def test_levels_count_whatever_they_are_made_of(kind: Any) -> None:
    """Wrapping what is frozen already, or what is no dict, does not get around the limit."""
    deepest = kind({"k": nested(HARD_DEPTH - 2)})
    just = freeze({"wrapped": deepest})

    assert HARD_DEPTH == just.depth
    with pytest.raises(PayloadError, match="at most 200 levels") as caught:
        freeze({"wrapped": [deepest]})
    assert caught.value.where.startswith("data.wrapped[0]")


@pytest.mark.parametrize("kind", [list, UserDict])
def test_the_path_leads_to_what_is_too_deep(kind: Any) -> None:
    """It names every level that was passed."""
    value: Any = 1
    for _ in range(HARD_DEPTH):
        value = kind({"k": value} if kind is UserDict else [value])
    key = ".k" if kind is UserDict else "[0]"

    with pytest.raises(PayloadError, match="at most 200 levels") as caught:
        freeze({"a": value})
    assert "data.a" + key * (HARD_DEPTH - 1) == caught.value.where


def test_shared_lists_cannot_stand_for_endless_data() -> None:
    """A few lists that hold each other twice are refused instead of being unrolled."""
    shared: list[Any] = [0] * 1000
    for _ in range(40):
        shared = [shared, shared]

    with pytest.raises(PayloadError, match=f"at most {HARD_VALUES} values"):
        freeze({"a": shared})


@pytest.mark.parametrize(
    ("data", "is_too_much"),
    [
        ({"a": [0] * (HARD_VALUES - 1)}, False),
        ({"a": [0] * HARD_VALUES}, True),
        ({"a": [0] * 500_000, "b": [0] * (HARD_VALUES - 500_001)}, True),
        ({"a": [0] * 500_000, "b": freeze({"a": [0] * 500_000})}, False),
    ],
)
def test_values_are_counted_over_the_whole_payload(data: Any, is_too_much: bool) -> None:
    """Keys and entries at any place; of what is frozen already, which is shared, the outermost."""
    if is_too_much:
        with pytest.raises(PayloadError, match=f"at most {HARD_VALUES} values"):
            freeze(data)
    else:
        assert data.keys() == freeze(data).keys()


@given(payloads())
def test_changing_the_input_does_not_reach_the_frozen_value(data: dict[str, Any]) -> None:
    """Nothing mutable is shared with the caller, neither on the way in nor on the way out."""
    frozen = freeze(data)
    text = as_text(data)

    for copied in (data, thaw(frozen)):
        ruin(copied)

    assert text == as_text(thaw(frozen))


def ruin(value: Any) -> None:
    """Change every dict and list within."""
    parts = value.values() if isinstance(value, dict) else value
    for part in [part for part in parts if isinstance(part, dict | list)]:
        ruin(part)
    value.clear()
    if isinstance(value, dict):
        value["ruined"] = True


def test_a_frozen_map_cannot_be_changed() -> None:
    """It has no way in: no items, no attributes, no new ones."""
    frozen: Any = freeze({"a": 1})

    with pytest.raises(TypeError):
        frozen["a"] = 2
    with pytest.raises(TypeError):
        del frozen["a"]
    with pytest.raises(AttributeError, match="immutable, cannot set '_items'"):
        frozen._items = {}
    with pytest.raises(AttributeError, match="immutable, cannot set 'new'"):
        frozen.new = 1
    with pytest.raises(AttributeError, match="immutable, cannot delete '_items'"):
        del frozen._items
    assert freeze({"a": 1}) == frozen


def test_a_frozen_map_is_a_mapping() -> None:
    """It reads like a dict, in the order it was given."""
    frozen = freeze({"b": [1, {}], "a": None})

    assert list(frozen) == ["b", "a"]
    assert list(frozen.items()) == [("b", (1, EMPTY)), ("a", None)]
    assert len(frozen) == 2
    assert "a" in frozen
    assert frozen.get("c") is None
    assert repr(frozen) == "FrozenMap({'b': [1, {}], 'a': None})"
    with pytest.raises(KeyError):
        frozen["c"]


@given(payloads())
def test_copies_and_pickles_are_equal(data: dict[str, Any]) -> None:
    """A copy is the value itself; a pickle carries no hash, which differs between processes."""
    frozen = freeze(data)
    hash(frozen)

    assert copy.copy(frozen) is frozen
    assert copy.deepcopy([frozen])[0] is frozen
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(frozen, protocol)
        assert frozen == pickle.loads(pickled)  # noqa: S301 - our own bytes
        assert b"_hash" not in pickled


MERGES = [
    ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    ({"a": 1}, {"a": 2}, {"a": 2}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}, {"a": {"b": 1, "c": 3, "d": 4}}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3, 1, 2]}),
    ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, {"a": [{"b": 2}, {"b": 1}]}),
    ({"a": {"b": [1]}}, {"a": {"b": [2]}}, {"a": {"b": [2, 1]}}),
    ({"a": 1}, {"a": None}, {"a": 1}),
    ({"a": {"b": 1}}, {"a": None}, {"a": {"b": 1}}),
    ({"a": [1]}, {"a": None}, {"a": [1]}),
    ({}, {"a": None}, {"a": None}),
    ({"a": None}, {"a": None}, {"a": None}),
    ({"a": None}, {"a": 1}, {"a": 1}),
    ({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}),
    ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"a": {"b": 1}}, {"a": 0}, {"a": 0}),
    ({"a": 1}, {"a": ""}, {"a": ""}),
    ({"a": 1}, {"a": False}, {"a": False}),
    ({"a": [1]}, {"a": []}, {"a": [1]}),
    ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
]


@pytest.mark.parametrize(("base", "later", "expected"), MERGES)
def test_a_merge_goes_by_the_rule(
    base: dict[str, Any], later: dict[str, Any], expected: dict[str, Any]
) -> None:
    """R14: maps deep, lists newest first, later scalars win, a later null erases nothing."""
    actual = merge(freeze(base), freeze(later))

    assert expected == thaw(actual)
    assert freeze(expected) == actual


@given(payloads())
def test_merging_with_nothing_changes_nothing(data: dict[str, Any]) -> None:
    """The empty map is neutral on both sides, and no copy is made."""
    frozen = freeze(data)

    assert frozen is merge(frozen, EMPTY)
    assert frozen is merge(EMPTY, frozen)


@given(payloads(), payloads())
def test_a_merge_keeps_every_key_in_order(base: dict[str, Any], later: dict[str, Any]) -> None:
    """The keys of the base come first, in their order; nothing is lost or invented."""
    merged = merge(freeze(base), freeze(later))

    assert list(base | later) == list(merged)


@given(payloads(), payloads())
def test_a_later_null_erases_nothing(base: dict[str, Any], later: dict[str, Any]) -> None:
    """A key is null afterwards only if neither side had anything there."""
    merged = merge(freeze(base), freeze(later | dict.fromkeys(base)))

    assert {key: as_text(base[key]) for key in base} == {
        key: as_text(thaw(merged)[key]) for key in base
    }


@given(payloads(), payloads())
def test_a_merge_leaves_its_arguments_alone(base: dict[str, Any], later: dict[str, Any]) -> None:
    """Both sides are values and stay what they were."""
    one, other = freeze(base), freeze(later)
    merge(one, other)

    assert repr((base, later)) == repr((thaw(one), thaw(other)))


@given(st.lists(st.lists(json_scalars(), max_size=3), max_size=5))
def test_lists_join_newest_first(reports: list[list[Any]]) -> None:
    """After many merges the latest entries are at the front."""
    merged = EMPTY
    for entries in reports:
        merged = merge(merged, freeze({"uris": entries}))

    newest_first = [entry for entries in reversed(reports) for entry in entries]
    assert repr(newest_first) == repr(thaw(merged).get("uris", []))


def well_typed_payloads() -> st.SearchStrategy[dict[str, Any]]:
    """Payloads whose key says what kind of value it has, as where executors agree on a schema."""
    scalars = json_scalars()
    leaves = st.fixed_dictionaries(
        {},
        optional={
            "list": st.none() | st.lists(scalars, max_size=2),
            "scalar": scalars,
            "other": scalars,
        },
    )
    return st.recursive(
        leaves,
        lambda inner: st.fixed_dictionaries(
            {}, optional={"map": st.none() | inner, "scalar": scalars, "deep": inner}
        ),
    )


@given(well_typed_payloads(), well_typed_payloads(), well_typed_payloads())
def test_merging_is_associative_where_kinds_agree(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    """If a key always holds maps, always lists or always scalars, or null, grouping is free."""
    one, two, three = freeze(first), freeze(second), freeze(third)

    assert merge(merge(one, two), three) == merge(one, merge(two, three))


def test_merging_is_not_associative_where_kinds_differ() -> None:
    """A scalar between two maps separates them only if it is merged into the first."""
    one, two, three = freeze({"a": {"b": 1}}), freeze({"a": 0}), freeze({"a": {"c": 2}})

    assert freeze({"a": {"c": 2}}) == merge(merge(one, two), three)
    assert freeze({"a": {"b": 1, "c": 2}}) == merge(one, merge(two, three))


@given(json_keys(), payloads())
def test_what_is_not_merged_is_shared(key: str, data: dict[str, Any]) -> None:
    """A merge copies one level only where both sides have something."""
    inner = freeze({"kept": data})
    merged = merge(freeze({"untouched": inner}), freeze({"new": {key: 1}}))

    assert inner is merged["untouched"]


@pytest.mark.parametrize(
    ("where", "key", "path"),
    [
        ("spec", "stages", "spec.stages"),
        ("", "spec", "spec"),
        ("tasks", 3, "tasks[3]"),
        ("match", "evaluation.result", "match['evaluation.result']"),
        ("", "a b", "['a b']"),
        ("a", "", "a['']"),
        ("a", None, "a[None]"),
        ("a", "k" * 100, f"a['{'k' * 79}… (102 characters)]"),
    ],
)
def test_paths_are_unambiguous(where: str, key: object, path: str) -> None:
    """A key that could be read in another way is quoted; a long one is cut."""
    actual = path_to(where, key)

    assert path == actual


def test_a_payload_without_some_keys() -> None:
    """What stays keeps its order; if nothing does, it is the one empty map."""
    data = freeze({"b": [1], "result": "pass", "a": {}})

    assert ["b", "a"] == list(without(data, {"result", "status"}))
    assert data == without(data, ())
    assert EMPTY is without(data, data.keys())


def test_texts_take_the_places_of_keys() -> None:
    """Whatever stood there, in the order of the base; without any, the base stays as it was."""
    base = freeze({"b": [1], "stage": {"deep": 1}, "a": 2})
    actual = with_scalars(base, {"stage": "dev", "message": None})

    assert [("b", (1,)), ("stage", "dev"), ("a", 2), ("message", None)] == list(actual.items())
    assert freeze(thaw(actual)) == actual
    assert base == with_scalars(base, {})
    assert (2, 1) == (with_scalars(EMPTY, {}).size, with_scalars(EMPTY, {}).depth)
