"""What is read of a request: texts that are none, limits at their edges, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from examples.controller.api import reading
from examples.controller.api.reading import MAX_BODY, Refusal
from tests.examples.controller.api.virtual_time import run

HALF = "\\ud800"


def request(
    body: bytes = b"", query: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()
) -> Request:
    """A request as a route gets it."""
    about = {"type": "http", "method": "POST", "path": "/", "query_string": query}
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return parts.pop()

    return Request({**about, "headers": list(headers)}, receive)


def fields_of(body: bytes) -> reading.Fields:
    """The fields of a body."""
    return run(reading.fields_of(request(body)))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"name": "{HALF}"}}',
        f'{{"{HALF}": 1}}',
        f'{{"a": [{{"b": ["c{HALF}d"]}}]}}',
        f'{{"a": [{{"x{HALF}": null}}]}}',
        '{"a": "\\uDFFF"}',
        '{"a": "\\udc00\\ud800"}',
        '{"a": "\\ud83d \\ude00"}',
    ],
    ids=["text", "key", "deep", "deep key", "upper case", "the wrong way round", "apart"],
)
def test_half_a_character_is_refused_wherever_it_is(body: str) -> None:
    """JSON can say it, and nothing that is kept can: in any text or key, however deep."""
    with pytest.raises(Refusal, match=r"is half a character") as refused:
        fields_of(body.encode())

    assert 400 == refused.value.status
    assert refused.value.message.isprintable()


def test_whole_characters_and_what_looks_like_half_of_one_are_read() -> None:
    """Two halves make a character, and a backslash that is written out is none of JSON's."""
    fields = fields_of(b'{"name": "\\ud83d\\ude00", "reason": "\\\\ud800", "more": "\xc3\xbc"}')

    assert ["\U0001f600", "\\ud800", "\xfc"] == [
        fields.text(name) for name in ("name", "reason", "more")
    ]
    assert "x" == fields_of(b'\xef\xbb\xbf{"name": "x"}').text("name")


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"1" * 4_301 + b"}",
        b'{"a":' * 200_000,
        b"[" * MAX_BODY,
    ],
    ids=["UTF-16", "half a character as bytes", "no UTF-8", "a long number", "deep", "deeper"],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    """In one short sentence."""
    with pytest.raises(Refusal, match=r"the body must be JSON: ") as refused:
        fields_of(body)

    assert len(refused.value.message) < 300


class Counted(str):
    """A key that counts how often it is compared with another."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)  # type: ignore[arg-type] # keys alone are compared

    __hash__ = str.__hash__


@pytest.mark.parametrize("count", [500, 5_000])
def test_finding_a_repeated_key_costs_a_comparison_for_each_key(count: int) -> None:
    """However many there are; equal hashes cost a few more."""
    keys = [Counted(f"key {number}") for number in range(count)]
    Counted.compared = 0
    with pytest.raises(ValueError, match=f"'key {count - 1}' is there twice"):
        reading._no_repeats([(key, 1) for key in (*keys, Counted(keys[-1]))])

    assert Counted.compared < 3 * count


@pytest.mark.parametrize(
    ("body", "twice"),
    [
        (b'{"a": 1, "b": 2, "a": 3, "b": 4}', "a"),
        (b'{"b": 1, "a": 2, "a": 3}', "a"),
        (b'{"x": {"c": null, "c": null}}', "c"),
        (b'{"a": [], "\\u0061": 1}', "a"),
    ],
)
def test_the_first_key_that_is_there_twice_is_shown(body: bytes, twice: str) -> None:
    """Escapes make no other key, and a value of null is one."""
    with pytest.raises(Refusal, match=f"the key '{twice}' is there twice"):
        fields_of(body)


@pytest.mark.parametrize(
    "given",
    [
        "0001-01-01T00:00:00%2B00:01", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z",
        "0000-01-01", "2026-02-30", "now", "9" * 5_000, "2026-01-01T00:00:00%2B99:00",
        "2026-01-01T00:00:00+01:00", "%00", "%F0%9F%9A%80", "-1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["fromTime", "beforeTime"])
def test_an_instant_outside_the_calendar_is_refused(given: str, name: str) -> None:
    """An offset may lead out of the years 1 to 9999, and a bare plus sign is a blank."""
    with pytest.raises(Refusal, match=name) as refused:
        reading.instant_of(request(query=f"{name}={given}".encode()), name)

    assert 400 == refused.value.status
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("2026-01-01T00:00:00%2B01:00", "2025-12-31T23:00:00.000Z"),
        ("", ""),
    ],
)
def test_an_instant_at_the_edge_of_the_calendar_is_read(given: str, instant: str) -> None:
    """Keptn's command line begins to watch in the year 1."""
    assert instant == reading.instant_of(request(query=f"t={given}".encode()), "t")


@pytest.mark.parametrize(
    "query",
    [
        f"{name}={value}"
        for name in ("pageSize", "nextPageKey")
        for value in (
            "-1", "%2B1", "1.0", "1e3", "0x1", " 1", "9" * 19, "9" * 10_000, "%D9%A1", "%00", "NaN",
            "true", "%EF%BC%91",
        )
    ]
    + ["pageSize=101", "pageSize="],
)  # fmt: skip
def test_a_page_is_asked_for_in_whole_numbers(query: str) -> None:
    """In digits of ASCII, up to what there can be."""
    with pytest.raises(Refusal, match=r"must be a whole number up to") as refused:
        reading.page_of(request(query=query.encode()))

    assert 400 == refused.value.status


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", (10, 0)),
        ("pageSize=0&nextPageKey=", (10, 0)),
        (f"pageSize=100&nextPageKey={'9' * 18}", (100, 10**18 - 1)),
        ("pageSize=1&pageSize=2", (2, 0)),
    ],
)
def test_pages_have_edges(query: str, page: tuple[int, int]) -> None:
    """No size is that of Keptn's; the last of two counts."""
    assert page == reading.page_of(request(query=query.encode()))


@pytest.mark.parametrize("given", ["-1", "a", "9" * 19, "1.5"])
def test_a_serial_is_a_whole_number(given: str) -> None:
    """Of a header that clients repeat as they heard it."""
    with pytest.raises(Refusal, match="Last-Event-ID"):
        reading.serial_of(request(headers=[(b"last-event-id", given.encode())]))


@pytest.mark.parametrize("kind", ["declared", "chunked"])
def test_a_body_has_a_limit(kind: str) -> None:
    """What is declared is refused before anything is read, and what is not where it gets longer."""
    read: list[int] = []

    async def receive() -> Message:
        read.append(65_536)
        return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

    length = {"declared": [(b"content-length", str(MAX_BODY + 1).encode())], "chunked": []}
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": length[kind]}
    with pytest.raises(Refusal, match=f"at most {MAX_BODY} bytes") as refused:
        run(reading.body_of(Request(scope, receive)))

    assert 413 == refused.value.status
    assert sum(read) == {"declared": 0, "chunked": MAX_BODY + 65_536}[kind]


def test_a_body_may_be_as_long_as_the_limit() -> None:
    """Not a byte less."""
    body = json.dumps({"name": "x" * (MAX_BODY - 12)}).encode()
    assert MAX_BODY == len(body)

    assert MAX_BODY - 12 == len(fields_of(body).text("name"))


@pytest.mark.parametrize(
    ("header", "claim", "given", "actor"),
    [
        ("", "ann", [], "ann"),
        ("", None, [("x-user", "bob")], ""),
        ("X-User", "ann", [("x-user", "bob")], "bob"),
        ("X-User", None, [("x-user", "bob")], "bob"),
        ("X-User", "ann", [("x-user", "J\u00f6rg".encode().decode("latin-1"))], "J\u00f6rg"),
    ],
)
def test_an_actor_is_whom_the_proxy_names(
    header: str, claim: str | None, given: list[tuple[str, str]], actor: str
) -> None:
    """With a header to trust, what a body claims does not count; without one it is all there is."""
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in given]
    fields = reading.Fields({} if claim is None else {"actor": claim})

    assert actor == reading.actor_of(request(headers=pairs), fields, header)
    fields.end()


@pytest.mark.parametrize("given", [(), (b"",), (b"bob", b"eve"), (b"bob", b"bob"), (b"\xff",)])
def test_without_the_proxys_word_nobody_acts(given: tuple[bytes, ...]) -> None:
    """What did not come through the proxy, or names two, is refused: no claim counts."""
    pairs = [(b"x-user", value) for value in given]
    with pytest.raises(Refusal, match="the header X-User must be there once") as refused:
        reading.actor_of(request(headers=pairs), reading.Fields({"actor": "ann"}), "X-User")

    assert 400 == refused.value.status
