"""Bytes that were ours and were damaged: `DecodeError`, or a value that means what they say."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl.errors import DecodeError
from tests import strategies
from tests.wire.documents import PARTS, WHOLES, Document, chosen
from tests.wire.trees import at, canonical, paths, tree_of, with_value, without

GOLDEN: Final = {name: one.dump(one.value) for name, one in {**PARTS, **WHOLES}.items()}
TREES: Final = {name: tree_of(one) for name, one in chosen().items()}
TOKENS: Final = [b"", b"0", b"null", b"-", b'"', b"{", b"]", b",", b"e9", b"\\u0000", b"\\ud800"]
PATHS: Final = {name: list(paths(tree)) for name, tree in TREES.items()}


def check(document: Document, data: bytes) -> None:
    """Read damaged bytes: what comes out, if anything does, is written and read again."""
    try:
        value = document.load(data)
    except DecodeError:
        return
    assert type(value) in {type(document.value), *map(type, (one.value for one in PARTS.values()))}
    assert value == document.load(document.dump(value))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Document, bytes]:
    """A document, flipped, cut, doubled or mixed with another one at a few places."""
    name = draw(st.sampled_from(sorted(GOLDEN)))
    data = bytearray(GOLDEN[name])
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, max(len(data) - 1, 0)))
        end = min(len(data), begin + draw(st.sampled_from([0, 1, 1, 2, 8, 100])))
        other = GOLDEN[draw(st.sampled_from(sorted(GOLDEN)))]
        parts = [*TOKENS, bytes(data[begin:end]) * 2, other[begin:end]]
        data[begin:end] = draw(st.binary(max_size=3) | st.sampled_from(parts))
    return {**PARTS, **WHOLES}[name], bytes(data)


@settings(max_examples=300)
@given(damaged())
def test_damaged_bytes_are_refused_or_are_a_value(given_: tuple[Document, bytes]) -> None:
    """Whatever a disk, a proxy or a person did to them."""
    document, data = given_
    check(document, data)


@st.composite
def changed(draw: st.DrawFn) -> tuple[Document, Any]:
    """A document of which a few values are replaced, taken away, or taken from elsewhere."""
    name = draw(st.sampled_from(sorted(TREES)))
    tree = TREES[name]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(paths(tree))))
        elsewhere = draw(st.sampled_from(sorted(TREES)))
        match draw(st.sampled_from(["replace", "replace", "remove", "transplant"])):
            case "replace":
                tree = with_value(
                    tree, path, draw(strategies.json_scalars() | st.just({}) | st.just([]))
                )
            case "remove" if path:
                tree = without(tree, path)
            case _:
                tree = with_value(
                    tree, path, at(TREES[elsewhere], draw(st.sampled_from(PATHS[elsewhere])))
                )
    return chosen()[name], tree


@settings(max_examples=200)
@given(changed())
def test_changed_documents_are_refused_or_are_a_value(given_: tuple[Document, Any]) -> None:
    """Whatever another program wrote in their place."""
    document, tree = given_
    check(document, canonical(tree))


@settings(max_examples=100)
@given(st.sampled_from(sorted(GOLDEN)), st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_a_value(name: str, data: bytes) -> None:
    """Bytes that never were ours."""
    check({**PARTS, **WHOLES}[name], data)
