"""What is written or read again and again is kept, within bounds, and shared within one load."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

import sequencectl as s
from sequencectl import serialization as z
from sequencectl._wire import decoding, encoding
from sequencectl.errors import DecodeError
from sequencectl.events import SequenceTriggered
from tests.wire.documents import PARTS
from tests.wire.plain import plainly
from tests.wire.trees import canonical, tree_of, with_value

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)


def triggered(definition: s.SequenceDefinition, data: Any = None) -> SequenceTriggered:
    """The acceptance of a sequence of this definition."""
    subject = s.Subject("p", "c", "dev", definition.name, "carts", "c")
    return SequenceTriggered(1, AT, subject, "dev", 1, 0, definition, s.freeze(data))


def defined(number: int, text: str = "") -> s.SequenceDefinition:
    """One of many definitions."""
    task = s.TaskDefinition("deploy", properties={"number": number, "text": text})
    return s.SequenceDefinition("delivery", (task,))


def test_many_definitions_are_written_and_read_as_if_nothing_were_kept() -> None:
    """More than are kept, short ones and long ones, each twice, and others at the same address."""
    for text in ("", "x" * encoding.LONGEST):
        events = [triggered(defined(number, text)) for number in range(encoding.KEPT + 10)]
        for event in (*events, *events, events[0]):
            data = z.dump_event(event)
            assert plainly("event", event) == data
            assert event == z.load_event(data)
    for number in range(1_000):
        event = triggered(defined(number), {"number": number})
        assert plainly("event", event) == z.dump_event(event)


class Value:
    def __init__(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("event-TaskTriggered-1", True),
        ("event-TaskFinished-1", False),
    ],
)
def test_what_is_written_often_is_kept(name: str, *, is_kept: bool) -> None:
    """The text of a task in flight is the one of before; that of what is said once is made anew."""
    event = PARTS[name].value
    write = encoding._configured().get_unstructure_hook(type(event))

    assert write(event) == write(event)
    assert is_kept == (write(event) is write(event))


def test_a_writer_keeps_short_texts_and_few_of_them() -> None:
    """Nothing stays for ever: what is kept is let go when there is more, what is long at once."""
    write = encoding._kept(lambda value: str(value.text))
    long, short = Value("x" * (encoding.LONGEST + 1)), Value("x")
    gone = [weakref.ref(long), weakref.ref(short)]
    assert [long.text, "x", "x"] == [write(long), write(short), write(short)]
    del long, short
    gc.collect()

    assert [True, False] == [ref() is None for ref in gone]
    for number in range(encoding.KEPT):
        write(Value(str(number)))
    gc.collect()
    assert gone[1]() is None


def test_a_reader_keeps_short_values_and_few_of_them() -> None:
    """The same tree gives the same value, until there are too many; a long one is made again."""
    read: Callable[[Any], object] = encoding.kept(
        lambda tree: [tree], repr, lambda said, _value: len(said)
    )
    first = read({"a": 1})

    assert read({"a": 1}) is first
    assert [{"a": True}] == read({"a": True})
    assert [{"a": 1.0}] == read({"a": 1.0})
    assert read("x" * encoding.LONGEST) is not read("x" * encoding.LONGEST)
    for number in range(encoding.KEPT):
        read(number)
    assert read({"a": 1}) is not first


def test_what_is_far_too_long_to_be_kept_is_not_even_compared() -> None:
    """To compare it would take longer than to read it, of a definition of very many tasks."""
    short, long = ({"tasks": [{}] * number} for number in (encoding.LONGEST, encoding.LONGEST + 1))
    asked: list[object] = []
    read = encoding.kept(asked.append, decoding._definition_key, lambda _said, _value: 0)
    for tree in (short, long, short, long):
        read(tree)

    assert [short, long, long] == asked
    assert repr(7) == decoding._definition_key(7)
    assert repr({"tasks": 7}) == decoding._definition_key({"tasks": 7})


@pytest.mark.parametrize("other", [True, 1.0, "1"])
def test_what_was_read_before_excuses_nothing(other: object) -> None:
    """A definition whose priority is true is refused although one with 1 was read just before."""
    document = PARTS["record-waiting"]
    path = ("record", "definition", "priority")
    document.load(canonical(with_value(tree_of(document), path, 1)))

    with pytest.raises(DecodeError, match=r"^record\.definition\.priority: must be an integer"):
        document.load(canonical(with_value(tree_of(document), path, other)))


def test_one_load_shares_what_is_equal() -> None:
    """Rows that were read one by one become a project that shares like one that was decided."""
    plane = s.ControlPlane(s.Shipyard.of({"dev": {"delivery": ["deploy", "test"]}}))
    state = plane.initial("sockshop")
    for name in ("a", "b", "c"):
        command = s.TriggerSequence(name, stage="dev", sequence="delivery", service="carts")
        state = plane.decide(state, command, AT).state
    rows = [z.dump_record(record) for record in state.sequences.values()]
    read = [attrs.evolve(z.load_record(row), definition=definition()) for row in rows]  # type: ignore[arg-type, call-arg] # live ones
    restored = z.restore_project(z.load_header(z.dump_header(state)), read)
    _, one, two = restored.sequences.values()

    assert state == restored
    assert isinstance(one, s.LiveSequence)
    assert isinstance(two, s.LiveSequence)
    assert one.definition is two.definition
    assert one.lane is two.lane
    assert one.accepted_at is two.accepted_at is two.at
    assert one.subject.service is two.subject.service
    assert one.subject.context is one.subject.sequence_id
    assert [z.dump_record(record) for record in restored.sequences.values()] == rows


def definition() -> s.SequenceDefinition:
    """Another object each time, as each row has its own."""
    return s.SequenceDefinition("delivery", (s.TaskDefinition("deploy"), s.TaskDefinition("test")))
