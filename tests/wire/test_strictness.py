"""Nothing is coerced, filled in or passed over, and nothing but `DecodeError` comes out (R8)."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import pytest

import sequencectl as s
from sequencectl import serialization as z
from sequencectl.errors import DecodeError
from tests.wire.documents import PARTS, WHOLES, Document, chosen, load_plane
from tests.wire.trees import (
    Path,
    at,
    canonical,
    is_free,
    paths,
    read_or_refused,
    tree_of,
    with_value,
    without,
)

LOADERS: Final = [
    z.load_command, z.load_event, z.load_events, z.load_header, z.load_outcome, load_plane,
    z.load_project, z.load_record,
]  # fmt: skip
LARGE: Final = {"project", "events"}
SMALL: Final = {name: one for name, one in chosen().items() if name.partition("-")[0] not in LARGE}
OLDER: Final = {
    f"{name} of schema 1": one._replace(dump=partial(one.dump, schema=1))
    for name, one in SMALL.items()
    if one.since == 1
}
BOTH: Final = {**SMALL, **OLDER}
"""The documents that have few parts, as they are written today and as they were in schema 1."""
OTHERS: Final[list[Any]] = [
    None, True, False, 0, -1, 1.9, 2**63, 10**400, "", "x", "1", "false", "null", "a b", "é",
    "x" * 201, "\ud800", "\n", "2026-01-01T09:00:00Z", [], [None], ["b", "a"], {}, {"a": 1},
]  # fmt: skip


@cache
def told_apart() -> dict[str, list[Path]]:
    """The paths of each document, without those in objects that an earlier document has as well.

    The subject of an event is read alike in all of them.
    """
    seen: set[tuple[object, str]] = set()
    found: dict[str, list[Path]] = {}
    for name, document in BOTH.items():
        tree = tree_of(document)
        found[name] = []
        for path in paths(tree):
            whole = json.dumps(at(tree, path[:-1]), sort_keys=True) if len(path) > 1 else name
            if (key := (path[-1:], whole)) not in seen:
                seen.add(key)
                found[name].append(path)
    return found


@pytest.mark.parametrize("name", BOTH)
def test_any_other_value_anywhere_is_refused_or_means_what_it_says(name: str) -> None:
    """Every value of every document, in turn, is replaced by values of all JSON types."""
    document, refused = BOTH[name], 0
    tree = tree_of(document)
    told = told_apart()[name]
    for path in told:
        for other in OTHERS[:: 5 if is_free(path) else 3 if name in OLDER else 1]:
            changed = with_value(tree, path, other)
            refused += read_or_refused(document, changed) is not None

    assert refused > len(told)


@pytest.mark.parametrize("name", BOTH)
def test_no_key_may_be_missing_or_unknown(name: str) -> None:
    """Not even one with a default: each is refused, and the path says in which object."""
    document = BOTH[name]
    tree = tree_of(document)
    for path in paths(tree):
        if not isinstance(at(tree, path), dict) or is_free(path):
            continue
        for key in at(tree, path):
            error = read_or_refused(document, without(tree, (*path, key)))
            assert error is not None, (path, key)
        error = read_or_refused(document, with_value(tree, (*path, "extra"), None))
        assert error is not None, path
        assert "extra" in str(error)


# ---------------------------------------------------------------- bytes

RECORD: Final = PARTS["record-running"].dump(PARTS["record-running"].value)
NOT_OURS: Final[dict[str, Any]] = {
    "nothing": b"",
    "a space": b" ",
    "a null": b"null",
    "a number": b"1",
    "a text": b'"record"',
    "an array": b"[]",
    "an empty object": b"{}",
    "no schema": b'{"record":{}}',
    "schema 0": b'{"record":{},"schema":0}',
    "schema true": b'{"record":{},"schema":true}',
    "schema 1.0": b'{"record":{},"schema":1.0}',
    "schema '1'": b'{"record":{},"schema":"1"}',
    "no tree": b'{"schema":1}',
    "two trees": b'{"event":{},"record":{},"schema":1}',
    "no JSON": b"{record:1}",
    "single quotes": b"{'schema':1}",
    "a comma too many": b'{"schema":1,}',
    "two documents": RECORD + RECORD,
    "a byte after the end": RECORD + b"\x00",
    "half a document": RECORD[: len(RECORD) // 2],
    "a duplicate key": RECORD.replace(b'"schema":2', b'"schema":2,"schema":2'),
    "a duplicate key inside": RECORD.replace(b'"depth":0', b'"depth":0,"depth":0'),
    "the same key escaped": RECORD.replace(b'"depth":0', b'"depth":0,"d\\u0065pth":0'),
    "a byte order mark": b"\xef\xbb\xbf" + RECORD,
    "UTF-16": RECORD.decode().encode("utf-16"),
    "UTF-32": RECORD.decode().encode("utf-32-le"),
    "Latin-1": RECORD.decode().encode("latin-1", "replace") + b"\xe9",
    "an overlong character": RECORD.replace(b"carts", b"cart\xc0\xb3"),
    "an encoded surrogate": RECORD.replace(b"Disk", b"\xed\xa0\x80"),
    "an escaped surrogate": RECORD.replace(b"Disk", b"\\ud800"),
    "an escaped surrogate in a payload": RECORD.replace(b"anna", b"\\ud800"),
    "an escaped surrogate in a key": RECORD.replace(b'"owner"', b'"\\udfff"'),
    "a control character": RECORD.replace(b"Disk", b"\n"),
    "NaN": RECORD.replace(b"-1.5", b"NaN"),
    "Infinity": RECORD.replace(b"-1.5", b"Infinity"),
    "-Infinity": RECORD.replace(b"-1.5", b"-Infinity"),
    "a float beyond all floats": RECORD.replace(b"-1.5", b"1e400"),
    "an integer too long": RECORD.replace(b"-1.5", b"9" * 5_000),
    "an integer as float": RECORD.replace(b'"depth":0', b'"depth":0.0'),
    "an integer as -0.0": RECORD.replace(b'"depth":0', b'"depth":-0.0'),
    "an integer with exponent": RECORD.replace(b'"depth":0', b'"depth":0e0'),
    "a comment": RECORD + b"// ours",
    "many arrays": b"[" * 100_000,
    "many objects": b'{"a":' * 100_000,
    "many arrays in a payload": RECORD.replace(b"-1.5", b"[" * 300 + b"]" * 300),
    "a pickle": b"\x80\x04N.",
    "a text of Python": RECORD.decode(),
    "None": None,
    "a dict": json.loads(RECORD),
    "an int": 5,
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_OURS)
def test_bytes_that_are_not_ours_are_refused(what: str) -> None:
    """By every loader, with one kind of error that names a place and shows what is there."""
    for load in LOADERS:
        with pytest.raises(DecodeError) as caught:
            load(NOT_OURS[what])
        assert caught.value.where
        assert len(str(caught.value)) < 1_000


def test_a_document_of_another_kind_is_refused() -> None:
    """A record is no event, whoever mixed up the columns."""
    for document in chosen().values():
        data = document.dump(document.value)
        for load in LOADERS:
            if load is not document.load:
                with pytest.raises(DecodeError):
                    load(data)


def test_spaces_and_the_order_of_keys_do_not_matter() -> None:
    """A person may have edited the text: JSON that says the same is read."""
    for document in chosen().values():
        data = document.dump(document.value)
        said = json.loads(data, object_pairs_hook=lambda pairs: dict(reversed(pairs)))

        assert document.value == document.load(json.dumps(said, indent=2).encode())


# ---------------------------------------------------------------- places

WRONG: Final = [
    ("record-running", b'"starts":1', b'"starts":"1"', "record.task.executors[0].starts", "1"),
    ("record-running", b'"due_at":null', b'"due_at":""', "record.due_at", ""),
    ("record-running", b'["r 1"', b'["r 1",null', "record.task.report_ids[1]", None),
    ("record-running", b'"phase":"running"', b'"phase":"RUNNING"', "record.phase", "RUNNING"),
    ("record-running", b'"type":"live"', b'"type":"dead"', "record.type", "dead"),
    ("record-running", b'"result":"pass"', b'"result":["pass"]', "record.result", ["pass"]),
    (
        "record-running",
        b'{"deploy.result":"warning"',
        b'{"deploy.result":"failed"',
        "record.definition.triggered_on[1].match['deploy.result']",
        "failed",
    ),
    (
        "record-running",
        b'"triggered_after":90000000',
        b'"triggered_after":-1',
        "record.definition.tasks[0].triggered_after",
        -1,
    ),
    (
        "record-running",
        b'"completion":3600000000',
        b'"completion":0',
        "record.definition.tasks[0].timeouts.completion",
        None,
    ),
    ("record-running", b'["helm","jmeter"],"name"', b'["jmeter","helm"],"name"',
     "record.definition.tasks[0].expects", ["jmeter", "helm"]),
    ("record-running", b'["helm","jmeter"],"name"', b'["helm","\xc3\xa9"],"name"',
     "record.definition.tasks[0].expects", "é"),
    ("record-running", b'["helm","jmeter"],"index"', b'[],"index"',
     "record.task.triggered.expects", []),
    ("record-running", b'"name":"test"', b'"name":"te st"', "record.definition.tasks[1].name",
     "te st"),
    ("header", b'"of held"', b'"of h\xc3\xa9ld"', "header.contexts", "of héld"),
    ("header", b'"prod":{', b'"prod/1":{', "header.freezes", "prod/1"),
    ("header", b'"stage":"qa"', b'"stage":1', "header.contexts['of waiting'].resumed.stage", 1),
    ("event-SequencesForgotten-1", b'["of old",', b'["",', "event.contexts[0]", ""),
    ("event-TaskTriggered-1", b'"index":0', b'"index":-1', "event.index", -1),
    ("command-TriggerSequence-1", b"-1.5", b"-1e400", "command.data.numbers[3]", float("-inf")),
    ("record-old", b'"number":[67,0]', b'"number":[67]', "record.remembered.number", [67]),
    ("events", b'"sequence_id":"held"', b'"sequence_id":7', "events[1].subject.sequence_id", 7),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ours", "theirs", "where", "value"), WRONG)
def test_the_error_says_where_and_shows_what(
    name: str, ours: bytes, theirs: bytes, where: str, value: Any
) -> None:
    """The path leads to the first offending part."""
    document = chosen()[name]
    data = document.dump(document.value)
    assert ours in data
    with pytest.raises(DecodeError) as caught:
        document.load(data.replace(ours, theirs, 1))

    assert caught.value.where.startswith(where)
    assert value is None or value == caught.value.value


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("a dict", "must be bytes, got {"),
        ("nothing", "must be JSON: Expecting value at 0"),
        ("half a document", "must be JSON: "),
        ("Latin-1", "must be UTF-8 at byte "),
        ("a duplicate key", "must not be a key twice, got 'schema'"),
        ("an integer too long", "must hold shorter integers"),
        ("many arrays", "must nest less deep, got b'[[[["),
        ("two trees", "must have the keys 'event' and 'schema', got ['event', 'record', 'schema']"),
    ],
)
def test_the_error_says_what_is_wrong_with_the_bytes(what: str, problem: str) -> None:
    """Somebody has to find out whether a column, a disk or a program is to blame."""
    with pytest.raises(DecodeError) as caught:
        z.load_event(NOT_OURS[what])

    assert f"document: {problem}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T00:59:55.000006+00:00", "2026-03-01T00:59:55.000006", "2026-03-01T00:59:55Z",
        "2026-03-01T00:59:55.000006z", "2026-03-01 00:59:55.000006Z", "20260301T005955.000006Z",
        "2026-02-29T00:59:55.000006Z", "2026-03-01T24:00:00.000000Z", "2026-03-01T00:59:60.000000Z",
        "2026-W09-7T00:59:55.000006Z", "2026-03-01T06:29:55.000006+05:30", "1772326795",
        "0001-01-01T00:00:00.000000+23:59", "0001-01-01T00:00:00.000000",
        "2026-03-01T00:59:55.0000060Z", "２０26-03-01T00:59:55.000006Z", "", "Z", "now",
    ],
)  # fmt: skip
def test_an_instant_has_one_notation(text: str) -> None:
    """UTC, six digits, ``Z``: what is naive, elsewhere or shorter is refused."""
    document = PARTS["record-waiting"]
    tree = with_value(tree_of(document), ("record", "deadline"), text)
    error = read_or_refused(document, tree)

    assert error is not None
    assert "record.deadline" == error.where


@pytest.mark.parametrize("field", ["sequence_id", "context", "stage", "sequence"])
def test_an_event_of_a_sequence_says_of_which(field: str) -> None:
    """Parts of a subject may be empty only where they do not apply."""
    document = PARTS["event-SequenceStarted-1"]
    error = read_or_refused(
        document, with_value(tree_of(document), ("event", "subject", field), "")
    )

    assert error is not None
    assert f"event.subject.{field}" == error.where


# ---------------------------------------------------------------- how much


def nested(depth: int, load: Callable[[], Any]) -> Any:
    """Call `load` so many frames further down."""
    return nested(depth - 1, load) if depth else load()


def test_a_document_that_is_too_large_is_not_begun() -> None:
    """The limit is an argument of every loader, and counts bytes."""
    for document in chosen().values():
        data = document.dump(document.value)
        load: Any = document.load
        with pytest.raises(DecodeError, match=r"^document: must have at most") as caught:
            load(data, limit=len(data) - 1)
        assert len(data) == caught.value.value
        assert document.value == load(data, limit=len(data))


def test_garbage_is_refused_at_the_first_mistake() -> None:
    """However many there are: a list of a million wrong events ends at the first."""
    data = b'{"events":[' + b"{}," * 1_000_000 + b'{}],"schema":1}'
    with pytest.raises(DecodeError) as caught:
        z.load_events(data)

    assert "events[0].type" == caught.value.where


def test_a_stack_that_is_nearly_full_is_no_other_error() -> None:
    """A deep payload read by a host that is deep in calls itself: read, or refused as too deep."""
    data: Any = {}
    for _ in range(190):
        data = {"a": data}
    raw = z.dump_command(s.TriggerSequence("c", stage="dev", sequence="s", data=data))
    free = sys.getrecursionlimit() - len(inspect.stack())
    answers = set()
    for left in range(100, 700, 20):
        try:
            nested(free - left, lambda: z.load_command(raw))
        except DecodeError as error:
            answers.add((error.where, error.problem, error.value is None))

    assert ("command", "must nest less deep", False) in answers


# ---------------------------------------------------------------- rules

IDS: Final = ["", "é", "x" * 201, "a\nb", "a\x7f"]
NAMES: Final = ["", "é", "x" * 64, "a b", "a/b", "a\n"]
TEXTS: Final = ["x" * 201, "a\nb", "\u2028"]
COUNTS: Final = [-1, 2**63]
LONE: Final = ["\ud800"]
FORBIDDEN: Final[dict[str, list[Any]]] = {
    "abandoned_task": IDS, "accepted_serial": COUNTS, "actor": TEXTS, "approve": [-1, 0],
    "attempt": [*COUNTS, 0], "attempts": [*COUNTS, 0], "awaited": LONE, "context": IDS,
    "contexts": IDS, "depth": COUNTS, "expects": [*IDS, 0, -1], "factor": [-1, 0], "family": IDS,
    "finishes": COUNTS, "index": COUNTS, "initiators": [*TEXTS, ""], "limit": [-1, 0],
    "message": LONE, "name": NAMES, "next_task": NAMES, "number": COUNTS, "parent": IDS,
    "percent": [-1, 101], "place": COUNTS, "priority": [1_000_001, -1_000_001], "project": IDS,
    "reacted": IDS, "reason": ["x" * 1_001, "a\nb"], "redrives": IDS, "reject": [-1, 0],
    "released": IDS, "report_id": IDS, "report_ids": IDS, "request_id": IDS, "request_ids": IDS,
    "requests_remembered": COUNTS, "revision": TEXTS, "sequence": NAMES, "sequence_id": IDS,
    "sequence_ids": IDS, "serial": COUNTS, "service": TEXTS, "source": IDS, "stage": NAMES,
    "start_at": NAMES, "starts": COUNTS, "superseded_by": IDS, "task": NAMES, "task_id": IDS,
    "times": [-1, 0], "voter": [*TEXTS, ""], "window": TEXTS,
}  # fmt: skip


AT_LEAST_1: Final = [-1, 0]
AT_LEAST_0: Final = [-1]
TOO_LONG: Final = [-1, 36_500 * 86_400 * 10**6 + 1, 2**63]
OF_PLANES: Final[dict[tuple[int | str, ...], list[Any]]] = {
    ("shipyard", "name"): TEXTS,
    ("plane", "calendar"): [*TEXTS, "unknown"],
    ("queueing", "limit"): AT_LEAST_1,
    ("queueing", "max_waiting"): AT_LEAST_0,
    ("bounds", "payload_depth"): [0, 101],
    ("bounds", "progress_every"): TOO_LONG,
    ("timeouts", "clock_skew"): TOO_LONG,
    ("timeouts", "reaction"): [0, *TOO_LONG],
    ("timeouts", "total"): [0, *TOO_LONG],
    **{
        ("bounds", name): AT_LEAST_1
        for name in (
            "payload_size", "input_size", "tasks", "sources", "reports", "max_depth", "attempts",
        )
    },
    **{("bounds", name): AT_LEAST_0 for name in ("retain", "remember", "request_ids")},
}  # fmt: skip
"""The same for fields of planes whose names mean something else elsewhere, by path."""


def test_a_field_holds_only_what_its_type_permits() -> None:
    """Ids, names, texts, counts: everywhere, whatever the class; a subject may have empty parts."""
    met = set()
    for document in SMALL.values():
        tree = tree_of(document)
        for path in paths(tree):
            name = next((key for key in reversed(path) if isinstance(key, str)), "")
            value = at(tree, path)
            if is_free(path[:-2]) or isinstance(value, dict | list | None):
                continue
            forbidden = OF_PLANES.get(path[-2:]) or FORBIDDEN.get(name, ())
            met |= {path[-2:], name} if forbidden else set()
            for other in forbidden:
                error = read_or_refused(document, with_value(tree, path, other))
                assert error is not None or (other == "" and "subject" in path), (path, other)

    assert FORBIDDEN.keys() | OF_PLANES.keys() <= met


@pytest.mark.parametrize(
    "name",
    ["project", "header", "record", "event", "events", "command", "outcome", "plane"],
)
def test_only_its_own_values_are_written(name: str) -> None:
    """A mistake of the program is an `InvalidValue` at once, not a row that nobody can read."""
    dump = getattr(z, f"dump_{name}")
    for value in (None, "x", {}, [1], object()):
        with pytest.raises(s.InvalidValue) as caught:
            dump(value)

        assert {"header": "state", "project": "state"}.get(name, name) == caught.value.where
        assert (1 if name == "events" and value == [1] else value) == caught.value.value
        assert "must be a value of sequencectl, of the type written here" == caught.value.problem


def test_documents_are_what_the_tests_take_them_for() -> None:
    """The helpers above do change documents, and canonical text is what is written."""
    for document in (*SMALL.values(), *WHOLES.values()):
        assert canonical(tree_of(document)) == document.dump(document.value)
    assert isinstance(SMALL["header"], Document)
