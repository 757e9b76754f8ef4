"""Bytes ⇄ plain JSON trees: one document is one JSON object with its schema number.

Theory of operation. A *document* is ``{"<kind>": <tree>, "schema": <number>}`` and nothing else. It
is written in one way: keys in the order of their code points, no spaces, UTF-8 without escapes that
JSON does not demand. It is read from any JSON text in UTF-8 that says the same, unless two readers
could understand it differently: a key twice in an object, a byte order mark.

Between two schemas stands a `SchemaStep`, which changes trees and knows no values. A reader takes
an old document up step by step to its own schema; a writer that is told an older one takes its tree
down. A newer document is refused before anything else in it is looked at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, final

import attrs

from sequencectl.errors import DecodeError, InvalidValue, SchemaTooNew

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A plain JSON tree."""

Bytes: TypeAlias = bytes | bytearray | memoryview
"""What documents are read from: databases hand out all three."""


Convert: TypeAlias = Callable[[str, Json], Json]
"""Returns the tree of a ``record``, ``header``, ``event`` or ``command`` in another schema.

It may change the tree it is given. A snapshot and a list of events are handed over part by part.
"""


@final
@attrs.frozen
class SchemaStep:
    """What lies between one schema and the next: `up` for readers, `down` for writers.

    `up` meets trees that nobody has checked; whatever it raises is a `DecodeError`. `down` raises
    `InvalidValue` for what the older schema cannot say.
    """

    up: Convert
    down: Convert


STEPS: Final[tuple[SchemaStep, ...]] = ()
"""The steps from schema 1 on; the first leads to schema 2."""

SCHEMA: Final = 1 + len(STEPS)
"""The schema that is written unless told otherwise, and the newest that is read."""


def write(kind: str, text: str, *, schema: int, steps: Sequence[SchemaStep] = STEPS) -> bytes:
    """Return the document in `schema` of this canonical text; `InvalidValue` for an unknown one."""
    newest = 1 + len(steps)
    if type(schema) is not int or not 1 <= schema <= newest:
        raise InvalidValue("schema", schema, f"must be an int from 1 to {newest}")
    if schema < newest:
        tree = json.loads(text)
        for step in reversed(steps[schema - 1 :]):
            tree = _converted(kind, tree, step.down)
        text = canonical(tree)
    return f'{{"{kind}":{text},"schema":{schema}}}'.encode()


def canonical(tree: Json) -> str:
    """Return the one text that a tree is written as."""
    return json.dumps(
        tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    )


def read(kind: str, data: Bytes, *, limit: int, steps: Sequence[SchemaStep] = STEPS) -> Json:
    """Return the tree of a document of this kind as the newest schema has it.

    Raises `DecodeError` for anything else, `SchemaTooNew` if only a newer reader knows it.
    """
    document, newest = _parsed(data, limit), 1 + len(steps)
    if type(document) is not dict:
        raise DecodeError("document", document, "must be an object")
    schema = document.get("schema")
    if type(schema) is not int or schema < 1:
        raise DecodeError("schema", schema, "must be the number of a schema, 1 or more")
    if schema > newest:
        raise SchemaTooNew(schema, newest)
    if document.keys() != {kind, "schema"}:
        raise DecodeError("document", sorted(document), f"must have the keys '{kind}' and 'schema'")
    tree = document[kind]
    for number, step in enumerate(steps[schema - 1 :], start=schema):
        try:
            tree = _converted(kind, tree, step.up)
        except Exception as error:  # it meets whatever tree the bytes hold
            problem = f"must be of schema {number}, which it is not: {type(error).__name__}"
            raise DecodeError(kind, tree, problem) from error
    return tree


def _converted(kind: str, tree: Json, convert: Convert) -> Json:
    match kind, tree:
        case "events", list():
            return [convert("event", event) for event in tree]
        case "project", dict():
            header, records = tree.get("header"), tree.get("records")
            if header is not None and isinstance(records, list):
                rows: list[Json] = [convert("record", record) for record in records]
                tree = {**tree, "header": convert("header", header), "records": rows}
            return tree
        case "events" | "project", _:
            return tree  # its type will say that it is not what it should be
        case _:
            return convert(kind, tree)


def _parsed(data: Bytes, limit: int) -> Json:
    if not isinstance(data, Bytes):
        raise DecodeError("document", data, "must be bytes")
    raw = bytes(data)
    if len(raw) > limit:
        raise DecodeError("document", len(raw), f"must have at most {limit} bytes")
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
    except ValueError:  # of int(): Python reads no longer ones
        raise DecodeError("document", raw[:40], "must hold shorter integers") from None
    except RecursionError:
        raise DecodeError("document", raw[:40], "must nest less deep") from None


class _KeyTwice(Exception):
    """A key stands twice in one object: two readers could take different values."""


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        counted = Counter(name for name, _ in pairs)
        raise _KeyTwice(next(name for name, count in counted.items() if count > 1))
    return tree


_decode: Final[Callable[[str], Json]] = json.JSONDecoder(object_pairs_hook=_object).decode
