"""The decoder of the contract: it must refuse what Go refuses, and take what Go takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.e2e.controller.keptn import models
from tests.e2e.controller.keptn.go import (
    ANYTHING,
    BOOL,
    FLOAT64,
    INT64,
    STRING,
    TIME,
    ZERO_TIME,
    CannotDecode,
    Map,
    Pointer,
    Slice,
    Struct,
    Type,
    decoded,
    encoded,
)

INNER = Struct("Inner", name=STRING, nextPageKey=INT64)
OUTER = Struct(
    "Outer",
    INNER,
    inner=INNER,
    pointer=Pointer(INNER),
    slice=Slice(STRING),
    map=Map(FLOAT64),
    anything=ANYTHING,
    time=TIME,
    flag=BOOL,
)
EMPTY = {
    "name": "", "nextPageKey": 0, "inner": {"name": "", "nextPageKey": 0}, "pointer": None,
    "slice": None, "map": None, "anything": None, "time": ZERO_TIME, "flag": False,
}  # fmt: skip
IN_TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        (STRING, b'"carts"', "carts"),
        (STRING, b"null", ""),
        (STRING, b'"\xff"', "\ufffd"),
        (INT64, b"-9223372036854775808", -(2**63)),
        (INT64, b"null", 0),
        (FLOAT64, b"20", 20.0),
        (FLOAT64, b"2e1", 20.0),
        (BOOL, b"true", True),
        (Pointer(STRING), b'""', ""),
        (Pointer(STRING), b"null", None),
        (Slice(STRING), b"[]", []),
        (Slice(STRING), b'["a", null]', ["a", ""]),
        (Slice(STRING), b"null", None),
        (Map(STRING), b'{"A": "b", "c": null}', {"A": "b", "c": ""}),
        (ANYTHING, b'{"any": [1, null]}', {"any": [1, None]}),
        (TIME, b'"2022-03-04T05:06:07Z"', datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)),
        (TIME, b'"2022-03-04T05:06:07.123456789Z"',
         datetime(2022, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)),
        (TIME, b'"2022-03-04T05:06:07.5+09:00"',
         datetime(2022, 3, 4, 5, 6, 7, 500_000, tzinfo=IN_TOKYO)),
        (TIME, b'"0001-01-01T00:00:00Z"', ZERO_TIME),
        (TIME, b"null", ZERO_TIME),
        (OUTER, b"{}", EMPTY),
        (OUTER, b"null", EMPTY),
        (OUTER, b'{"name": "a", "NAME": "b", "unknown": 1}', {**EMPTY, "name": "b"}),
        (OUTER, b'{"NextpageKEY": 7, "inner": {"nextPageKey": null}}', {**EMPTY, "nextPageKey": 7}),
        (OUTER, b'{"pointer": {"name": "a"}}',
         {**EMPTY, "pointer": {"name": "a", "nextPageKey": 0}}),
    ],
)  # fmt: skip
def test_what_go_takes(kind: Type[Any], body: bytes, value: Any) -> None:
    """Null leaves the zero value, the case of a key does not matter, unknown keys are lost."""
    assert value == decoded(kind, body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (STRING, b""),
        (STRING, b"1"),
        (STRING, b"carts"),
        (STRING, b'["carts"]'),
        (STRING, b'"a" "b"'),
        (INT64, b'"1"'),
        (INT64, b"1.0"),
        (INT64, b"1e3"),
        (INT64, b"true"),
        (INT64, b"9223372036854775808"),
        (FLOAT64, b'"20"'),
        (FLOAT64, b"NaN"),
        (BOOL, b"1"),
        (BOOL, b'"true"'),
        (Pointer(BOOL), b'"true"'),
        (Slice(STRING), b'"carts"'),
        (Slice(STRING), b"{}"),
        (Slice(STRING), b"[1]"),
        (Map(STRING), b"[]"),
        (Map(STRING), b'{"a": 1}'),
        (TIME, b"1646370367"),
        (TIME, b'""'),
        (TIME, b'"2022-03-04"'),
        (TIME, b'"2022-03-04T05:06:07"'),
        (TIME, b'"2022-03-04 05:06:07Z"'),
        (TIME, b'"2022-03-04T05:06:07z"'),
        (TIME, b'"2022-03-04T05:06:07,5Z"'),
        (TIME, b'"2022-03-04T05:06:07+0900"'),
        (TIME, b'"2022-02-30T05:06:07Z"'),
        (TIME, b'"2022-03-04T05:06:60Z"'),
        (OUTER, b"[]"),
        (OUTER, b'{"inner": []}'),
        (OUTER, b'{"NAME": 1}'),
        (OUTER, b'{"pointer": {"nextPageKey": "0"}}'),
    ],
)
def test_what_go_refuses(kind: Type[Any], body: bytes) -> None:
    """One wrong type, however deep, and the program has nothing at all."""
    with pytest.raises(CannotDecode):
        decoded(kind, body)


def test_a_refusal_says_where_and_what() -> None:
    """As Go's does: the value, the field, the type."""
    body = b'{"projects": [{"stages": [{"services": [{"creationDate": 1646370367}]}]}]}'

    with pytest.raises(CannotDecode) as refused:
        decoded(models.PROJECTS, body)

    where = "Projects.projects[0].stages[0].services[0].creationDate"
    assert f"cannot unmarshal 1646370367 into {where} of type string" == str(refused.value)


def test_texts_are_written_as_go_writes_them() -> None:
    """What HTML might take for its own is escaped, other signs are not, and there is no space."""
    written = encoded({"b": "<ü & \u2028>", "a": None})

    assert '{"b":"\\u003cü \\u0026 \\u2028\\u003e","a":null}'.encode() == written
