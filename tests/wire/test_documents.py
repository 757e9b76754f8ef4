"""The text of a document, and the sentences about bytes that are none."""

from __future__ import annotations

from typing import Any

import pytest

from sequencectl._wire.documents import Upgrade, canonical, read, write
from sequencectl.errors import DecodeError

LIMIT = 200_000
A, B = b"a" * 30, b"b" * 30


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (5, "document: must be bytes, got 5"),
        ("{}", "document: must be bytes, got '{}'"),
        (b" " * (LIMIT + 1), "document: must have at most 200000 bytes, got 200001"),
        (b"[]", "document: must be an object, got []"),
        (b'{"event":1}', "schema: must be the number of a schema, 1 or more, got None"),
        (b'{"schema":0}', "schema: must be the number of a schema, 1 or more, got 0"),
        (b'{"schema":1.0}', "schema: must be the number of a schema, 1 or more, got 1.0"),
        (
            b'{"schema":1,"row":1}',
            "document: must have the keys 'event' and 'schema', got ['row', 'schema']",
        ),
        (b'{"a":1,"b":2,"c":3,"b":4}', "document: must not be a key twice, got 'b'"),
        (b'"\xff"', "document: must be UTF-8 at byte 1, got b'\"\\xff\"'"),
        (
            A + b"\xff" + B,
            f"document: must be UTF-8 at byte 30, got b'{'a' * 20}\\xff{'b' * 19}'",
        ),
        (b"?", "document: must be JSON: Expecting value at 0, got '?'"),
        (
            b'"' + A + b'"?"' + B + b'"',
            f"document: must be JSON: Extra data at 32, got '{'a' * 19}\"?\"{'b' * 18}'",
        ),
        (b"[" + b"9" * 5_000, f"document: must hold shorter integers, got b'[{'9' * 39}'"),
        (b"[" * LIMIT, f"document: must nest less deep, got b'{'[' * 40}'"),
    ],
)
def test_the_error_shows_the_place_in_the_bytes(data: Any, said: str) -> None:
    """Of a large document only what is around the mistake."""
    with pytest.raises(DecodeError) as caught:
        read("event", data, limit=LIMIT)

    assert said == str(caught.value)


def test_an_upgrade_that_stumbles_shows_what_it_was_given() -> None:
    """The error names the schema that the document does not keep, and what the upgrade said."""
    upgrades = tuple(Upgrade(up=up, down=up) for up in (lambda _kind, tree: tree, int))
    with pytest.raises(DecodeError) as caught:
        read("event", b'{"event":[7],"schema":1}', limit=LIMIT, upgrades=upgrades)

    assert "event: must be of schema 2, which it is not: TypeError, got [7]" == str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)


def test_bytes_of_any_kind_are_read() -> None:
    """As databases hand them out, up to the limit and not beyond."""
    data = b'{"event":[1],"schema":1}'

    for given in (data, bytearray(data), memoryview(data)):
        assert [1] == read("event", given, limit=len(data))


def test_there_is_one_text_for_a_tree() -> None:
    """Keys in order, no spaces, no escapes that JSON does not demand, and nothing but JSON."""
    tree: Any = {"é": [1, 2.5, None], "a": {"c": True, "b": '"'}}
    text = '{"a":{"b":"\\"","c":true},"é":[1,2.5,null]}'

    assert text == canonical(tree)
    assert b'{"event":%b,"schema":1}' % text.encode() == write("event", text, schema=1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))
