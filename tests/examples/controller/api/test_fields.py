"""Fields of bodies, CloudEvents in both modes, ids and serials: what is taken, and what is said."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.types import Message

from examples.controller.api import reading
from examples.controller.api.reading import Fields, Refusal
from sequencectl.errors import shown
from tests.examples.controller.api.virtual_time import run


def request(
    body: bytes = b"", query: str = "", headers: Mapping[str, str] | None = None
) -> Request:
    """A request as a route gets it, with its body in two parts."""
    parts = [
        {"type": "http.request", "body": body[:5], "more_body": True},
        {"type": "http.request", "body": body[5:], "more_body": False},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    given = {"content-length": str(len(body)), **(headers or {})}
    about = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode()}
    pairs = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request({**about, "headers": pairs}, receive)


def refused(call: Callable[[], object], status: int = 400) -> str:
    """The sentence of a refusal."""
    with pytest.raises(Refusal) as caught:
        call()
    assert (status, str(caught.value)) == (caught.value.status, caught.value.message)
    return caught.value.message


# ---------------------------------------------------------------- fields


def test_each_field_is_taken_once_and_none_may_be_left() -> None:
    """What is there besides is shown; some of it may be ignored."""
    fields = run(reading.fields_of(request(b'{"a": "x", "b": true, "c": 1, "d": null}')))

    assert ("x", True) == (fields.text("a"), fields.flag("b"))
    assert "'c': no such field, got 1" == refused(lambda: fields.end("d"))
    assert "'d': no such field, got None" == refused(lambda: fields.end("c"))
    fields.end("c", "d")


@pytest.mark.parametrize("value", [None, 1, True, [], {}, b"x"])
def test_a_text_must_be_one(value: object) -> None:
    """A text that is missing must be there, unless there is a default."""
    fields = Fields({"name": value})

    assert f"name: must be a text, got {value!r}" == refused(lambda: fields.text("name"))
    assert "name: must be a text, got None" == refused(lambda: fields.text("name"))


@pytest.mark.parametrize("body", [{}, {"name": None}])
def test_a_text_may_have_a_default(body: dict[str, object]) -> None:
    """It stands for null as well; an empty text is one, and a number is none."""
    assert "x" == Fields(body).text("name", default="x")
    assert "" == Fields({"name": ""}).text("name", default="x")
    message = refused(lambda: Fields({"name": 1}).text("name", default="x"))
    assert "name: must be a text, got 1" == message


@pytest.mark.parametrize(
    ("body", "flag"), [({}, False), ({"f": False}, False), ({"f": True}, True)]
)
def test_a_flag_is_false_if_it_is_missing(body: dict[str, object], *, flag: bool) -> None:
    """And true if it is said to be."""
    assert flag is Fields(body).flag("f")


@pytest.mark.parametrize("value", [None, 0, 1, "true", ""])
def test_a_flag_must_be_one(value: object) -> None:
    """What other languages take for true or false is neither."""
    message = refused(lambda: Fields({"f": value}).flag("f"))

    assert f"f: must be true or false, got {value!r}" == message


def test_base64_is_read_as_utf8() -> None:
    """With its padding, and in the alphabet of the standard."""
    text = "größe? >~"

    assert text == Fields({"s": b64encode(text.encode()).decode()}).base64("s")


@pytest.mark.parametrize("value", ["x", "!!!!", "eA", "eA==\n", "_w==", "/w==", "é"])
def test_what_is_no_base64_of_a_text_is_refused(value: str) -> None:
    """Nothing is passed over, and no byte is guessed."""
    message = refused(lambda: Fields({"s": value}).base64("s"))

    assert f"s: must be a text of UTF-8 in base64, got {value!r}" == message


TAKEN = {
    "texts": (Fields.texts, {}, {"a": "b"}, "an object of texts", [[], "x", {"a": 1}, {"a": None}]),
    "name": (Fields.name, "", "x y", "at most 200 printable ASCII characters", ["é", "~" * 201]),
    "names": (Fields.names, [], ["x", ""], "a list", ["x", {}, 7]),
    "instant": (Fields.instant, "", "2026-01-01T09:00:00.000Z", "an instant of ISO 8601", ["noon"]),
}
"""What is there if nothing is given, what is taken, and what is refused how."""


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_missing_null_or_given_is_taken(kind: str) -> None:
    """Once: a second time it is missing."""
    take, nothing, given, _, _ = TAKEN[kind]
    fields = Fields({"f": given, "g": None})

    assert [given, nothing, nothing, nothing] == [
        take(fields, name) for name in ("f", "f", "g", "missing")
    ]
    fields.end()


@pytest.mark.parametrize(
    ("kind", "index"), [(k, i) for k in TAKEN for i in range(len(TAKEN[k][4]))]
)
def test_what_is_of_another_kind_is_refused(kind: str, index: int) -> None:
    """With where it is, what was given and what is permitted."""
    take, _, _, permitted, wrong = TAKEN[kind]
    message = refused(lambda: take(Fields({"f": wrong[index]}), "f"))

    assert message == f"f: must be {permitted}, got {shown(wrong[index])}"


def test_an_instant_of_a_body_is_written_as_the_journal_writes_it() -> None:
    """In UTC, unless it says more."""
    fields = Fields({"a": "2026-01-01T09:00:00", "b": "2026-01-01T09:00:00+02:00", "c": ""})

    assert ["2026-01-01T09:00:00.000Z", "2026-01-01T07:00:00.000Z", ""] == [
        fields.instant(name) for name in "abc"
    ]


def test_a_text_of_base64_may_have_a_default() -> None:
    """Which is in base64 itself."""
    assert ["x", "", "y"] == [
        Fields(body).base64("s", default=default)
        for body, default in (({}, "eA=="), ({"s": None}, ""), ({"s": "eQ=="}, "eA=="))
    ]


def test_a_part_has_fields_of_its_own() -> None:
    """None if it is missing or null; a list has several parts."""
    fields = Fields({"p": {"a": "x"}, "n": None, "l": [{"a": "y"}, {"a": "z"}]})

    assert "x" == fields.part("p").text("a")
    for empty in (fields.part("p"), fields.part("n"), fields.part("missing")):
        empty.end()
    assert ["y", "z"] == [part.text("a") for part in fields.parts("l")]
    assert [] == fields.parts("l") == fields.parts("missing")
    fields.end()
    message = refused(lambda: Fields({"p": [1]}).part("p"))
    assert "p: must be a JSON object, got [1]" == message
    assert "l: must be a JSON object, got 7" == refused(lambda: Fields({"l": [7]}).parts("l"))
    assert "l: must be a text, got 7" == refused(lambda: Fields({"l": [7]}).names("l"))


def test_a_list_has_an_end() -> None:
    """As many entries as may be are taken, one more is not."""
    most = ["x"] * reading.MAX_LIST

    assert most == Fields({"l": most}).names("l")
    message = refused(lambda: Fields({"l": [*most, "x"]}).names("l"))
    assert "l: must have at most 10000 entries, got 10001" == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "the body: must be a JSON object, got []"),
        (b"null", "the body: must be a JSON object, got None"),
        (b"", "the body must be JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"a": NaN}', "the body must be JSON: NaN is no number of JSON"),
        (b'{"a": -Infinity}', "the body must be JSON: -Infinity is no number of JSON"),
        (b'{"b": 1, "a": 1, "a": 2}', "the body must be JSON: the key 'a' is there twice"),
    ],
)
def test_a_body_must_be_an_object_of_json(body: bytes, message: str) -> None:
    """As strict as the standard: no numbers that are none, and no key twice."""
    assert message == refused(lambda: run(reading.fields_of(request(body))))


def test_half_a_character_is_shown() -> None:
    """As JSON writes it."""
    message = refused(lambda: run(reading.fields_of(request(rb'{"a": "x\ud800"}'))))

    assert r"the body must be JSON: '\ud800' is half a character" == message


# ---------------------------------------------------------------- CloudEvents

HEAD = {"ce-specversion": "1.0", "ce-type": "a.b", "ce-source": "s", "ce-id": "1"}


def cloudevent(body: bytes = b"", **headers: str) -> dict[str, Any]:
    """The CloudEvent of a request; headers have underscores here."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return run(reading.cloudevent_of(request(body, headers=given)))


def binary(body: bytes = b"", **more: str) -> dict[str, Any]:
    """The CloudEvent of a request whose attributes are headers."""
    return run(reading.cloudevent_of(request(body, headers={**HEAD, **more})))


def test_a_structured_cloudevent_is_its_body() -> None:
    """Attributes, extensions and data are as they were sent."""
    event = {"specversion": "1.0", "type": "a.b", "source": "s", "id": "1", "data": {"x": [1]}}

    assert event == cloudevent(json.dumps(event).encode())


def test_a_binary_cloudevent_is_the_structured_one() -> None:
    """Its attributes are headers, its data is the body; an instant is written as it was."""
    read = binary(b'{"x": [1]}', **{"ce-shkeptncontext": "c", "ce-time": "2026-01-01T09:00:00Z"})

    assert read == {
        "specversion": "1.0", "type": "a.b", "source": "s", "id": "1", "shkeptncontext": "c",
        "time": "2026-01-01T09:00:00+00:00", "data": {"x": [1]},
    }  # fmt: skip


def test_a_binary_cloudevent_without_a_body_has_no_data() -> None:
    """A trigger may have none."""
    assert {} == binary()["data"]


@pytest.mark.parametrize("given", ["", None])
def test_an_event_without_an_id_gets_one(given: str | None) -> None:
    """Each its own: nobody can send it again."""
    body = json.dumps({"type": "a.b"} if given is None else {"type": "a.b", "id": given}).encode()
    made = {cloudevent(body)["id"] for _ in range(3)}
    headers = {name: value for name, value in HEAD.items() if name != "ce-id"}
    made |= {run(reading.cloudevent_of(request(headers=headers)))["id"] for _ in range(3)}

    assert 6 == len({UUID(each) for each in made})


def test_headers_that_are_no_cloudevent_are_refused() -> None:
    """In a sentence that says why."""
    message = refused(lambda: binary(**{"ce-specversion": "9"}))

    assert message.startswith("the headers of the CloudEvent cannot be read: ")
    assert "specversion" in message


def test_the_data_of_a_binary_cloudevent_must_be_an_object() -> None:
    """As that of a structured one."""
    assert "the body: must be a JSON object, got [1]" == refused(lambda: binary(b"[1]"))


# ---------------------------------------------------------------- the path and the query


@pytest.mark.parametrize(
    ("query", "header", "serial"),
    [
        ("", None, None),
        ("since=7", None, 7),
        ("since=999999999999999999", None, 10**18 - 1),
        ("since=7", "9", 9),
        ("", "0", 0),
        ("since=", "9", 9),
        ("since=7", "", 7),
    ],
)
def test_a_stream_goes_on_after_the_serial_that_was_seen(
    query: str, header: str | None, serial: int | None
) -> None:
    """What a browser sends by itself counts more than the address."""
    headers = {} if header is None else {"last-event-id": header}

    assert serial == reading.serial_of(request(query=query, headers=headers))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reading.serial_of(request(query="since=x")),
         "Last-Event-ID: must be a whole number up to 1000000000000000000, got 'x'"),
        (lambda: reading.page_of(request(query="pageSize=101")),
         "pageSize: must be a whole number up to 100, got '101'"),
        (lambda: reading.page_of(request(query="nextPageKey=x")),
         "nextPageKey: must be a whole number up to 1000000000000000000, got 'x'"),
        (lambda: reading.instant_of(request(query="at=noon"), "at"),
         "at: must be an instant of ISO 8601, got 'noon'"),
        (lambda: reading.id_of("é", "keptnContext"),
         "keptnContext: must be 1 to 200 printable ASCII characters, got 'é'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_shown(call: Callable[[], object], message: str) -> None:
    """With where it is, and what is permitted there."""
    assert message == refused(call)


@pytest.mark.parametrize("value", ["a", " ", "~" * 200, "a/b c"])
def test_an_id_is_printable_ascii(value: str) -> None:
    """From one character to 200."""
    assert value == reading.id_of(value, "x")


@pytest.mark.parametrize("value", ["", "a\n", "~" * 201, "\x7f", "é"])
def test_anything_else_is_no_id(value: str) -> None:
    """It is refused before anybody is asked about it."""
    assert not reading.is_id(value)


@pytest.mark.parametrize(
    ("query", "instant"),
    [
        ("", ""),
        ("at=", ""),
        ("at=2026-01-01T09:00:00", "2026-01-01T09:00:00.000Z"),
        ("at=2026-01-01T09:00:00.1234567Z", "2026-01-01T09:00:00.123Z"),
        ("at=2026-01-01T09:00:00%2B02:00", "2026-01-01T07:00:00.000Z"),
    ],
)
def test_an_instant_is_in_utc_unless_it_says_more(query: str, instant: str) -> None:
    """And written as the journal writes it."""
    assert instant == reading.instant_of(request(query=query), "at")


@pytest.mark.parametrize("length", ["-1", "²", "x", ""])
def test_a_length_that_is_none_is_passed_over(length: str) -> None:
    """The body is measured while it is read."""
    body = run(reading.body_of(request(b"0123456789", headers={"content-length": length})))

    assert b"0123456789" == body


@pytest.mark.parametrize("spare", [0, 1])
def test_a_body_is_measured_while_it_is_read(spare: int) -> None:
    """In parts, whatever its length is said to be; nothing is read beyond the limit."""
    sizes = [reading.MAX_BODY - 7, 6, 1 + spare, 10]
    parts = [{"type": "http.request", "body": b" " * size, "more_body": True} for size in sizes]
    left = parts if spare else [*parts[:2], {**parts[2], "more_body": False}]

    async def receive() -> Message:
        return left.pop(0)

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    if spare:
        refused(lambda: run(reading.body_of(request)), 413)
        assert [10] == [len(part["body"]) for part in left]  # type: ignore[arg-type] # bytes
    else:
        assert reading.MAX_BODY == len(run(reading.body_of(request)))


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", (10, 0)),
        ("pageSize=0", (10, 0)),
        ("pageSize=100&nextPageKey=7", (100, 7)),
        ("pageSize=1&nextPageKey=", (1, 0)),
    ],
)
def test_a_page_has_a_size_and_a_key(query: str, page: tuple[int, int]) -> None:
    """Ten entries from the beginning if nothing is said."""
    assert page == reading.page_of(request(query=query))


@pytest.mark.parametrize("length", [reading.MAX_BODY + 1, 10**40])
def test_a_length_beyond_the_limit_is_refused_unread(length: int) -> None:
    """However many digits it has; one at the limit is not."""
    too_long = request(b"{}", headers={"content-length": str(length)})
    just = request(b"{}", headers={"content-length": str(reading.MAX_BODY)})

    message = refused(lambda: run(reading.body_of(too_long)), 413)
    assert f"the body must have at most {2 * 1024 * 1024} bytes" == message
    assert b"{}" == run(reading.body_of(just))
