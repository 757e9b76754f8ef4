"""The compact form of a project: small, the same in every process, and bounded when it is read."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from functools import cache
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sequencectl as s
from sequencectl import serialization as z
from sequencectl.errors import DecodeError, InvalidValue, SchemaTooNew
from sequencectl.state import Remembered, initial
from sequencectl.testing.strategies import projects
from tests.wire import story_2
from tests.wire.documents import GOLDEN, HEADER, compact_documents
from tests.wire.story import PROJECT, STATE
from tests.wire.trees import canonical, with_value, without

DATA: Final = z.dump_project(STATE, compact=True)
TREE: Final = json.loads(zlib.decompress(DATA))
IDS: Final = ("project", "forgotten", "sequence_id")


def refused(data: bytes, **more: Any) -> DecodeError:
    """The error of a project that is not read."""
    with pytest.raises(DecodeError) as caught:
        z.load_project(data, **more)
    return caught.value


def deflated(tree: Any) -> bytes:
    """A changed tree as whoever wrote it would compress it."""
    return zlib.compress(canonical(tree), 1)


@cache
def ledger(count: int = 12_000) -> s.ProjectState:
    """A project that remembers so many ids as people write them."""
    stages, services = ("dev", "staging", "prod"), ("carts", "orders", "payment", "user")
    rows = []
    for number in range(3, count + 3):
        delivery, at = divmod(number, 3)
        noise = zlib.crc32(b"%d" % number)
        first = f"carts-1.4.{delivery}"
        known = first if at == 0 else f"{first}-{stages[at]}"
        place = (6 * number + noise % 5, 0)
        kept = Remembered(first, stages[at], "delivery", services[noise % 4], place)
        rows.append(z.ForgottenSequence(known, kept))
    head = attrs.evolve(HEADER.ledger, serial=6 * count + 30)
    return z.restore_project(z.Header(PROJECT, head, {}, {}), rows)


# ---------------------------------------------------------------- written and read


@settings(max_examples=50)
@given(projects())
def test_every_project_is_read_back_from_its_compact_form(state: s.ProjectState) -> None:
    """The reader finds out by itself; the state is that of the plain form."""
    data = z.dump_project(state, compact=True)

    assert state == z.load_project(data) == z.load_project(memoryview(data))
    assert data == z.dump_project(z.load_project(data), compact=True)
    assert z.dump_project(state) == z.dump_project(z.load_project(data))


@pytest.mark.parametrize("state", [STATE, story_2.STATE, initial(PROJECT), ledger(3)])
def test_the_stories_are_read_back(state: s.ProjectState) -> None:
    """With and without forgotten sequences, live and ended ones, pauses and freezes."""
    data = z.dump_project(state, compact=True)
    inside = zlib.decompress(data)

    assert state == z.load_project(data)
    assert state.index == z.load_project(data).index
    assert canonical(json.loads(inside)) == inside


def test_what_is_forgotten_stands_in_columns() -> None:
    """A context that is the id of its first sequence is not written twice."""
    said = json.loads(zlib.decompress(z.dump_project(ledger(3), compact=True)))["project"]

    assert [] == said["records"]
    assert {
        "sequence_id": ["carts-1.4.1", "carts-1.4.1-staging", "carts-1.4.1-prod"],
        "context": [None, "carts-1.4.1", "carts-1.4.1"],
        "stage": ["dev", "staging", "prod"],
        "sequence": ["delivery"] * 3,
    } == {key: said["forgotten"][key] for key in ("sequence_id", "context", "stage", "sequence")}
    assert {"sequence_id", *(field.name for field in attrs.fields(Remembered))} == said[
        "forgotten"
    ].keys()


def test_remembered_ids_shrink() -> None:
    """Ids that people write some 24 times, a little less with another zlib."""
    plain, compact = (z.dump_project(ledger(), compact=compact) for compact in (False, True))

    assert len(plain) > 2_000_000
    assert 20 * len(compact) < len(plain)
    assert ledger() == z.load_project(compact)


@pytest.mark.parametrize("name", compact_documents())
def test_a_golden_file_is_read_as_ever(name: str) -> None:
    """What is compressed is the same to the byte; how, another zlib may do otherwise."""
    data, state = (GOLDEN / "schema-2" / f"{name}.zlib").read_bytes(), compact_documents()[name]

    assert state == z.load_project(data)
    assert zlib.decompress(data) == zlib.decompress(z.dump_project(state, compact=True))


def test_the_stream_has_the_header_of_zlib_and_nothing_of_its_time() -> None:
    """So the same zlib makes the same bytes in every process."""
    assert b"\x78\xda" == DATA[:2]
    assert zlib.compress(zlib.decompress(DATA), 9) == DATA


def test_schema_1_has_no_compact_form() -> None:
    """Its readers would not know what it is."""
    said = "must be at least 2 for a compact project, which older schemas do not have"
    with pytest.raises(InvalidValue) as caught:
        z.dump_project(STATE, schema=1, compact=True)

    assert said == caught.value.problem == refused(deflated({**TREE, "schema": 1})).problem
    assert isinstance(refused(deflated({**TREE, "schema": 3})), SchemaTooNew)


@pytest.mark.parametrize("compact", [None, 1, "yes"])
def test_compact_is_true_or_false(compact: Any) -> None:
    """Anything else is a mistake of the program."""
    with pytest.raises(InvalidValue, match=r"^compact: must be a bool"):
        z.dump_project(STATE, compact=compact)


def test_nothing_else_has_a_compact_form() -> None:
    """A stream of zlib is no record, event, command, header, plane or outcome."""
    for load in (z.load_record, z.load_event, z.load_events, z.load_command, z.load_header):
        with pytest.raises(DecodeError, match="must be"):
            load(DATA)


# ---------------------------------------------------------------- streams


def test_a_stream_is_read_whole_and_alone() -> None:
    """Wherever it is cut off, and whatever follows it, it is refused."""
    for length in range(1, len(DATA)):
        assert "document" == refused(DATA[:length]).where
    for more in (b"\0", DATA, b"\n"):
        assert "document: must end with its zlib stream" in str(refused(DATA + more))
    assert "must be a whole zlib stream: its end is missing" in str(refused(DATA[:-1]))
    assert "must be a sound zlib stream: " in str(refused(DATA[:-1] + b"\0"))
    assert "must be a sound zlib stream: " in str(refused(b"\x78\xbb\1\2\3\4" + DATA[2:]))


@settings(max_examples=150)
@given(st.integers(1, len(DATA) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_stream_is_refused(at: int, other: bytes) -> None:
    """Its sum is checked, so that no byte of it changes unseen but those that mean nothing."""
    damaged = DATA[:at] + other + DATA[at + len(other) :]
    try:
        state = z.load_project(damaged)
    except DecodeError:
        return
    assert STATE == state
    assert zlib.decompress(DATA) == zlib.decompress(damaged)


def test_no_more_is_inflated_than_the_limit() -> None:
    """A stream of a few bytes that would become a gigabyte takes no memory to speak of."""
    exact = len(zlib.decompress(DATA))
    bomb = zlib.compress(b" " * 50_000_000, 9)
    tracemalloc.start()
    try:
        error = refused(bomb, limit=100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(bomb) < 100_000
    assert "document: must inflate to at most 100000 bytes" in str(error)
    assert peak < 2_000_000
    assert STATE == z.load_project(DATA, limit=exact)
    assert f"must inflate to at most {exact - 1} bytes" in str(refused(DATA, limit=exact - 1))
    assert "must have at most 9 bytes" in str(refused(DATA, limit=9))
    assert f"must inflate to at most {len(DATA)} bytes" in str(refused(DATA, limit=len(DATA)))


# ---------------------------------------------------------------- what is in them


def test_a_plain_document_that_was_compressed_is_none() -> None:
    """There is one compact form."""
    error = refused(zlib.compress(z.dump_project(STATE)))

    assert "project.forgotten: must be an object of columns, of which sequence_id is" in str(error)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("project", "forgotten"), [], "project.forgotten: must be an object of columns, of"),
        (IDS, None, "project.forgotten: must be an object of columns, of"),
        ((*IDS, 0), 7, "project.forgotten: must be an object of columns, of which"),
        ((*IDS, 0), "", "project.records[0].sequence_id: must be 1 to 200"),
        ((*IDS, 1), "old", "records[1].sequence_id: must be that of one record only"),
        (IDS, ["a"], "project.forgotten.context: must be an array of 1 entries"),
        (("project", "forgotten", "stage"), {}, "project.forgotten.stage: must be an array of"),
        (("project", "forgotten", "stage", 1), "a b", "project.records[1].remembered.stage: must"),
        (("project", "forgotten", "number", 0), [1], "project.records[0].remembered.number: must"),
        (("project", "forgotten", "more"), [1, 2], "project.records[0].remembered: must have"),
        (("project", "more"), 1, "project: must have the keys of Snapshot"),
        (("project", "records"), None, "project: must have the keys of Snapshot"),
        (("project",), None, "project: must be an object, got None"),
        (("more",), 1, "document: must have the keys 'project' and 'schema'"),
    ],
)  # fmt: skip
def test_columns_are_read_strictly(path: Any, value: Any, said: str) -> None:
    """As rows are, which they become first; columns that are no rows are refused as such."""
    assert str(refused(deflated(with_value(TREE, path, value)))).startswith(said)


def test_no_column_may_be_missing() -> None:
    """Nothing is filled in."""
    for key in TREE["project"]["forgotten"]:
        assert "project." in refused(deflated(without(TREE, ("project", "forgotten", key)))).where
    assert "document: must be JSON" in str(refused(zlib.compress(b"{")))
    assert "document: must be an object" in str(refused(zlib.compress(b"[]")))
