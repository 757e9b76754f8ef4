"""JSON trees as the tests change them, and what must hold when changed bytes are read."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from sequencectl.errors import DecodeError
from tests.wire.documents import Document

FREE = {"data", "input", "labels", "properties", "match", "contexts", "freezes"}
"""The fields whose keys are not ours: payloads, selectors, maps by name."""

BY_NAME = {("queueing", "stages"), ("timeouts", "tasks")}
"""The fields of policies that have others by name; of a shipyard such a field has an array."""

Path = tuple[str | int, ...]


def canonical(tree: Any) -> bytes:
    """The one way to write a tree."""
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode(errors="surrogatepass")


def tree_of(document: Document) -> Any:
    """The JSON tree of a document."""
    return json.loads(document.dump(document.value))


def paths(tree: Any, above: Path = ()) -> Iterator[Path]:
    """The path to every value of a tree, itself included."""
    yield above
    parts = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, part in parts:
        yield from paths(part, (*above, key))


def at(tree: Any, path: Path) -> Any:
    """The value at a path."""
    for key in path:
        tree = tree[key]
    return tree


def with_value(tree: Any, path: Path, value: Any) -> Any:
    """A copy of a tree with another value at a path."""
    if not path:
        return value
    changed = copy.deepcopy(tree)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def without(tree: Any, path: Path) -> Any:
    """A copy of a tree without what is at a path."""
    changed = copy.deepcopy(tree)
    del at(changed, path[:-1])[path[-1]]
    return changed


def is_free(path: Path) -> bool:
    """Whether a path leads into a field whose keys are not ours."""
    return not FREE.isdisjoint(path) or path[-2:] in BY_NAME


def read_or_refused(document: Document, tree: Any) -> DecodeError | None:
    """Read a changed tree: it is refused, or means exactly what it says.

    A decoder that coerced, dropped or filled in anything would write something else again.
    """
    data = canonical(tree)
    try:
        value = document.load(data)
    except DecodeError as error:
        return error
    assert data == document.dump(value)
    assert value == document.load(data)
    return None
