"""Each reader by itself: what it takes, and what it says about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sequencectl import Result
from sequencectl._wire import decoding
from sequencectl._wire.decoding import structured
from sequencectl._wire.grammar import SELECTOR, StoredRecord
from sequencectl.commands import CheckDeadlines
from sequencectl.errors import DecodeError
from sequencectl.events import Control, Subject
from sequencectl.payload import FrozenMap, freeze
from sequencectl.policies import TaskTimeouts
from sequencectl.shipyard.definitions import Failure, TaskDefinition, TriggeredOn
from sequencectl.state import Ledger
from tests.wire.documents import chosen

IDS: Any = Mapping[str, str]
SOURCES = frozenset[str]
FAILURES = tuple[Failure, ...]
CONTROL = {"actor": "", "reason": "", "request_id": None, "requests_remembered": 0}
SUBJECT = {
    "context": "c", "project": "p", "revision": None, "sequence": "s", "sequence_id": "s1",
    "service": "", "stage": "dev",
}  # fmt: skip
TASK = {
    "approval": None, "expects": None, "name": "t", "on_failure": None, "properties": {},
    "retry": None, "timeouts": None, "triggered_after": 0,
}  # fmt: skip
LEDGER = {"at": None, "request_ids": [], "serial": 0}


@pytest.fixture(autouse=True)
def _decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers are made once and kept: each test makes its own."""
    decoding._instant.cache_clear()
    monkeypatch.setattr(decoding, "_CONVERTER", decoding._configured())


@pytest.mark.parametrize("name", chosen())
def test_every_document_is_read_by_a_reader_that_was_just_made(name: str) -> None:
    """No document depends on what was read before it."""
    document = chosen()[name]

    assert document.value == document.load(document.dump(document.value))


@pytest.mark.parametrize(
    ("tree", "kind", "value"),
    [
        (None, str | None, None),
        ("", str, ""),
        ("Zoë", str, "Zoë"),
        (0, int, 0),
        (False, bool, False),
        ("2026-01-01T09:00:00.000001Z", datetime, datetime(2026, 1, 1, 9, 0, 0, 1, UTC)),
        (0, timedelta, timedelta(0)),
        (2**63 - 1, timedelta, timedelta(microseconds=2**63 - 1)),
        ("warning", Result, Result.WARNING),
        ({"a": [1, None]}, FrozenMap, freeze({"a": [1, None]})),
        ({"result": "pass", "t.result": "fail"}, SELECTOR,
         (("result", "pass"), ("t.result", "fail"))),
        ({}, SELECTOR, ()),
        (["a", "b"], SOURCES, frozenset({"a", "b"})),
        (["fail", "timed_out"], FAILURES, (Failure.FAIL, Failure.TIMED_OUT)),
        ([], tuple[int, ...], ()),
        ([1, 2, 3], tuple[int, ...], (1, 2, 3)),
        ([1, 2], tuple[int, int], (1, 2)),
        ({"a b": "c"}, IDS, {"a b": "c"}),
        (CONTROL, Control, Control()),
        (CONTROL | {"requests_remembered": 2**63 - 1, "actor": "x" * 200}, Control,
         Control("x" * 200, requests_remembered=2**63 - 1)),
        (SUBJECT, Subject, Subject("p", "c", "dev", "s", "", "s1")),
        (SUBJECT | {"sequence_id": ""}, Subject, Subject("p", "c", "dev", "s", "", "")),
        (TASK, TaskDefinition, TaskDefinition("t")),
        (LEDGER, Ledger, Ledger()),
        ({"limit": 2**63}, CheckDeadlines, CheckDeadlines(2**63)),
    ],
)  # fmt: skip
def test_a_tree_is_read_as_what_it_says(tree: Any, kind: Any, value: object) -> None:
    """Each JSON type has its reader, and what is read twice is the same."""
    actual = [structured(tree, kind, "x") for _ in range(2)]

    assert [value, value] == actual
    assert {type(value)} == set(map(type, actual))


@pytest.mark.parametrize(
    ("tree", "kind", "said"),
    [
        (5, str, "x: must be a text, got 5"),
        (True, int, "x: must be an integer, got True"),
        (1, bool, "x: must be true or false, got 1"),
        ({}, str | None, "x: must be a text or null, got {}"),
        ([], FrozenMap, "x: must be an object, got []"),
        ({}, tuple[int, ...], "x: must be an array, got {}"),
        ({}, SOURCES | int | None, "x: must be an array or an integer or null, got {}"),
        (1.0, datetime | None, "x: must be a text or null, got 1.0"),
        ("now", datetime,
         "x: must be an instant such as '2026-01-01T09:00:00.000000Z', got 'now'"),
        (-1, timedelta, "x: must be a duration in microseconds, not negative, got -1"),
        (2**63, timedelta,
         "x: must be a duration in microseconds, not negative, got 9223372036854775808"),
        ("\ud800", str, "x: must not hold lone surrogates, got '\\ud800'"),
        ("PASS", Result, "x: must be one of pass, warning, fail, got 'PASS'"),
        ({"a b": "failed"}, SELECTOR,
         "x['a b']: must be one of pass, warning, fail, got 'failed'"),
        ({"result": ["pass"]}, SELECTOR,
         "x.result: must be one of pass, warning, fail, got ['pass']"),
        ([], SOURCES, "x: must be sources in order, each once, at least one, got []"),
        (["a", "a"], SOURCES,
         "x: must be sources in order, each once, at least one, got ['a', 'a']"),
        (["a", 1], SOURCES, "x: must be 1 to 200 printable ASCII characters, got 1"),
        (["é"], SOURCES, "x: must be 1 to 200 printable ASCII characters, got 'é'"),
        ([], FAILURES,
         "x: must be some of fail, errored, timed_out, in this order, each once, got []"),
        (["timed_out", "fail"], FAILURES, "x: must be some of fail, errored, timed_out, in this"
         " order, each once, got ['timed_out', 'fail']"),
        (["fail", "fail"], FAILURES, "x: must be some of fail, errored, timed_out, in this order,"
         " each once, got ['fail', 'fail']"),
        ([[]], FAILURES,
         "x: must be some of fail, errored, timed_out, in this order, each once, got [[]]"),
        ([1], tuple[int, int], "x: must have 2 entries, got [1]"),
        ([1, 2, "3"], tuple[int, ...], "x[2]: must be an integer, got '3'"),
        ({"a": "", "a b": 1}, IDS, "x['a b']: must be a text, got 1"),
        ({"a": [float("nan")]}, FrozenMap, "x.a[0]: must be a finite number, got nan"),
        (CONTROL | {"actor": "\n"}, Control,
         "x.actor: must be at most 200 printable characters, got '\\n'"),
        (CONTROL | {"request_id": ""}, Control,
         "x.request_id: must be 1 to 200 printable ASCII characters, got ''"),
        (CONTROL | {"request_id": False}, Control,
         "x.request_id: must be a text or null, got False"),
        (CONTROL | {"requests_remembered": True}, Control,
         "x.requests_remembered: must be an integer, got True"),
        (LEDGER | {"request_ids": ["a", ""]}, Ledger,
         "x.request_ids[1]: must be 1 to 200 printable ASCII characters, got ''"),
        (LEDGER | {"request_ids": ["a", 1]}, Ledger, "x.request_ids[1]: must be a text, got 1"),
        (LEDGER | {"serial": 1}, Ledger,
         "x.at: must be null before the first event, and only then, got None"),
        (LEDGER | {"request_ids": ["a", "a"]}, Ledger,
         "x.request_ids: must not name a request twice, got ('a', 'a')"),
        ({"serial": 1, "b": 2, "a": 3}, Ledger,
         "x: must have the keys of Ledger; missing: ['at', 'request_ids'], unknown: ['a', 'b'],"
         " got {'serial': 1, 'b': 2, 'a': 3}"),
        ({"type": "ended", "a": 1}, StoredRecord,
         "x: must have the keys of EndedSequence; missing: ["),
        ({"type": "dead"}, StoredRecord,
         "x.type: must be one of ended, forgotten, live, got 'dead'"),
        ({"type": ["live"]}, StoredRecord,
         "x.type: must be one of ended, forgotten, live, got ['live']"),
        ([], StoredRecord, "x: must be an object, got []"),
        ({"stage": "a", "sequence": "b", "match": {"result": "x"}}, TriggeredOn,
         "x.match.result: must be one of pass, warning, fail, got 'x'"),
        ({"reaction": 0, "completion": None, "silence": None}, TaskTimeouts,
         "x.reaction: must be more than zero and at most 36500 days; None means no limit, got d"),
        (TASK | {"properties": {"a": {"b": "\ud800"}}}, TaskDefinition,
         "x.properties.a.b: must not hold lone surrogates, got '\\ud800'"),
    ],
)  # fmt: skip
def test_a_tree_that_says_something_else_is_refused(tree: Any, kind: Any, said: str) -> None:
    """One sentence: the path, what would be read, and what is there."""
    with pytest.raises(DecodeError) as caught:
        structured(tree, kind, "x")

    assert str(caught.value).startswith(said)
    assert said.endswith("[") or "got" in said


def test_a_type_that_nobody_reads_is_a_mistake_of_the_program() -> None:
    """It shows as soon as the type is used, whatever is read."""
    with pytest.raises(AssertionError, match="no reader for"):
        structured([], list[str], "x")
