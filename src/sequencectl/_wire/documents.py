"""Turn plain JSON trees into bytes and back: a document is a JSON object with its schema number.

A *document* is ``{"<kind>": <tree>, "schema": <number>}`` and nothing else. It is written in one
way: keys in the order of their code points, no spaces, UTF-8, no escapes that JSON does not demand.
The reader accepts any JSON text in UTF-8 with the same meaning. It refuses a key that occurs twice
in an object and a byte order mark, since another reader could take these differently.

Between two schemas stands an `Upgrade`, which changes trees and knows no values. A reader takes an
old document up, one schema after the other, to its own. A writer that was asked for an older schema
takes its tree down. A document of a newer schema is refused before the rest of it is looked at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, final

import attrs

from sequencectl._wire import schema_2
from sequencectl._wire.compact import deflated, in_columns, in_rows, inflated, is_compact
from sequencectl._wire.grammar import Json
from sequencectl.errors import DecodeError, InvalidValue, SchemaTooNew

Bytes: TypeAlias = bytes | bytearray | memoryview
"""What documents are read from; databases return all three."""


Convert: TypeAlias = Callable[[str, Json], Json]
"""Returns the tree of a ``record``, ``header``, ``event`` or ``command`` in another schema.

It may change the tree it is given. It gets the parts of a snapshot and of a list one by one, and
the paths in its errors begin inside of the part.
"""


@final
@attrs.frozen
class Upgrade:
    """The way from one schema to the next and back: readers use `up`, writers `down`.

    `up` gets trees that nobody has checked; whatever it raises becomes a `DecodeError`, and an
    `InvalidValue` one that shows its value. `down` raises `InvalidValue` for what the older schema
    has no form for.
    """

    up: Convert
    down: Convert


UPGRADES: Final[tuple[Upgrade, ...]] = (Upgrade(up=schema_2.up, down=schema_2.down),)
"""All upgrades in order; the first leads from schema 1 to schema 2."""

SCHEMA: Final = 1 + len(UPGRADES)
"""The schema that is written by default, and the newest that can be read."""


_SINCE: Final[Mapping[str, int]] = {"outcome": 2, "plane": 2, "compact project": 2}
"""The first schema of what schema 1 does not have."""


def write(
    kind: str,
    text: str,
    *,
    schema: int,
    compact: bool = False,
    upgrades: Sequence[Upgrade] = UPGRADES,
) -> bytes:
    """Return a canonical text as a document, or in the compact form, which projects have.

    Raises `InvalidValue` for an unknown schema, and for what an older one has no form for.
    """
    newest = 1 + len(upgrades)
    if type(schema) is not int or not 1 <= schema <= newest:
        raise InvalidValue("schema", schema, f"must be an int from 1 to {newest}")
    _check_since(kind, schema, InvalidValue, is_compact=compact)
    if schema < newest or compact:
        tree = json.loads(text)
        for upgrade in reversed(upgrades[schema - 1 :]):
            tree = _converted(kind, tree, upgrade.down)
        text = canonical(in_columns(tree) if compact else tree)
    document = f'{{"{kind}":{text},"schema":{schema}}}'.encode()
    return deflated(document) if compact else document


def _check_since(kind: str, schema: int, error: type[InvalidValue], *, is_compact: bool) -> None:
    called = f"compact {kind}" if is_compact else kind
    since = _SINCE.get(called, 1)
    if schema < since:
        problem = f"must be at least {since} for a {called}, which older schemas do not have"
        raise error("schema", schema, problem)


def canonical(tree: Json) -> str:
    """Return the canonical JSON text of a tree."""
    return json.dumps(
        tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    )


def read(kind: str, data: Bytes, *, limit: int, upgrades: Sequence[Upgrade] = UPGRADES) -> Json:
    """Return the tree of a document of this kind, taken up to the newest schema.

    A project may be in the compact form; then `limit` is for what it inflates to. Raises
    `DecodeError` for anything else, `SchemaTooNew` for a document of a newer schema.
    """
    raw, newest = _raw(data, limit), 1 + len(upgrades)
    compact = kind == "project" and is_compact(raw)
    document = _parsed(inflated(raw, limit) if compact else raw)
    if type(document) is not dict:
        raise DecodeError("document", document, "must be an object")
    schema = document.get("schema")
    if type(schema) is not int or schema < 1:
        raise DecodeError("schema", schema, "must be the number of a schema, 1 or more")
    if schema > newest:
        raise SchemaTooNew(schema, newest)
    if document.keys() != {kind, "schema"}:
        raise DecodeError("document", sorted(document), f"must have the keys '{kind}' and 'schema'")
    _check_since(kind, schema, DecodeError, is_compact=compact)
    tree = in_rows(document[kind]) if compact else document[kind]
    for number, upgrade in enumerate(upgrades[schema - 1 :], start=schema):
        try:
            tree = _converted(kind, tree, upgrade.up)
        except InvalidValue as error:
            raise DecodeError(error.where, error.value, error.problem) from error
        except Exception as error:  # the tree may be anything
            problem = f"must be of schema {number}, which it is not: {type(error).__name__}"
            raise DecodeError(kind, tree, problem) from error
    return tree


def _converted(kind: str, tree: Json, convert: Convert) -> Json:
    match kind, tree:
        case "events", list():
            return [
                _part("event", event, convert, f"events[{at}]") for at, event in enumerate(tree)
            ]
        case "project", dict():
            header, records = tree.get("header"), tree.get("records")
            if header is not None and isinstance(records, list):
                header = _part("header", header, convert, "project.header")
                rows: list[Json] = [
                    _part("record", record, convert, f"project.records[{at}]")
                    for at, record in enumerate(records)
                ]
                tree = {**tree, "header": header, "records": rows}
            return tree
        case "events" | "project", _:
            return tree  # the reader of its type refuses it
        case _:
            return _part(kind, tree, convert, kind)


def _part(kind: str, tree: Json, convert: Convert, where: str) -> Json:
    """Convert one part; an `InvalidValue` gets the path to the part before its own."""
    try:
        return convert(kind, tree)
    except InvalidValue as error:
        raise InvalidValue(f"{where}.{error.where}", error.value, error.problem) from None


def _raw(data: Bytes, limit: int) -> bytes:
    if not isinstance(data, Bytes):
        raise DecodeError("document", data, "must be bytes")
    raw = bytes(data)
    if len(raw) > limit:
        raise DecodeError("document", len(raw), f"must have at most {limit} bytes")
    return raw


def _parsed(raw: bytes) -> Json:
    try:
        return _decode(raw.decode())
    except _KeyTwice as error:
        raise DecodeError("document", error.args[0], "must not be a key twice") from None
    except UnicodeDecodeError as error:
        part = raw[max(error.start - 20, 0) : error.start + 20]
        raise DecodeError("document", part, f"must be UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        near = error.doc[max(error.pos - 20, 0) : error.pos + 20]
        raise DecodeError("document", near, f"must be JSON: {error.msg} at {error.pos}") from None
    except ValueError:  # int() refuses texts of more than 4 300 digits
        raise DecodeError("document", raw[:40], "must hold shorter integers") from None
    except RecursionError:
        raise DecodeError("document", raw[:40], "must nest less deep") from None


class _KeyTwice(Exception):
    """A key occurs twice in one object: readers could take either value."""


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        counted = Counter(name for name, _ in pairs)
        raise _KeyTwice(next(name for name, count in counted.items() if count > 1))
    return tree


_decode: Final[Callable[[str], Json]] = json.JSONDecoder(object_pairs_hook=_object).decode
