"""What is written is read back: every state, event and command that walks reach."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sequencectl as s
from sequencectl import serialization as z
from sequencectl._wire.encoding import instant_text
from sequencectl.events import SequenceTriggered
from sequencectl.state import initial
from sequencectl.testing.strategies import histories, payloads
from tests import strategies
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS
from tests.wire.documents import PARTS, WHOLES, rows, stored_plane
from tests.wire.plain import plainly

T0: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Stored(Twin):
    """A twin beside a store of rows, which is written by `dump_changes` alone."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.rows: dict[str, bytes] = {}
        self.kinds: set[type] = set()
        self.added: set[int] = set()

    def tell(self, command: s.Command) -> s.Decision:
        decision = super().tell(command)
        changes = z.dump_changes(decision)
        count = len(self.rows)
        for sequence_id, data, _ in changes:
            if data is None:
                del self.rows[sequence_id]
            else:
                self.rows[sequence_id] = data
                row = z.load_record(data)
                self.kinds.add(type(row))
                assert plainly("record", row) == data
        self.added.update(change.added for change in changes)
        assert len(self.rows) - count == sum(change.added for change in changes)
        header = z.load_header(z.dump_header(decision.state))
        restored = z.restore_project(header, map(z.load_record, self.rows.values()))
        assert plainly("header", header) == z.dump_header(decision.state)
        assert len({change.sequence_id for change in changes}) == len(changes)
        assert decision.state == restored
        assert decision.state.index == restored.index
        return decision


@pytest.mark.parametrize("name", WORLDS)
def test_every_state_of_a_walk_is_restored_from_rows_and_as_a_whole(name: str) -> None:
    """Rows, snapshots, events and commands say again what they were written from."""
    for seed in range(2):
        stored = Stored(WORLDS[name])
        walk(stored, random.Random(f"wire {name} {seed}"))
        for state in stored.folds:  # also in the middle of decisions
            data = z.dump_project(state)
            restored = z.load_project(data)
            assert state == restored
            assert state.index == restored.index
            assert data == z.dump_project(restored)
        for command, _ in stored.told:
            assert command == z.load_command(z.dump_command(command))
            assert plainly("command", command) == z.dump_command(command)
        data = z.dump_events(stored.events)
        events = z.load_events(data)
        assert tuple(stored.events) == events
        assert data == z.dump_events(events) == plainly("events", events)
        assert events == tuple(z.load_event(z.dump_event(event)) for event in events)
        assert stored.state == reduce(s.evolve, events, initial("sockshop"))


@settings(max_examples=50)
@given(histories(most=20))
def test_whatever_is_decided_is_read_back(decisions: tuple[s.Decision, ...]) -> None:
    """By any plane: commands, events, and states, those in the middle of a decision too."""
    for decision in decisions:
        state = decision.before
        for event in decision.events:
            state = s.evolve(state, event)
            assert event == z.load_event(z.dump_event(event))
            assert state == z.load_project(z.dump_project(state))
        assert decision.command == z.load_command(z.dump_command(decision.command))


@settings(max_examples=50)
@given(histories(most=30))
def test_the_changes_of_a_decision_count_the_rows(decisions: tuple[s.Decision, ...]) -> None:
    """Also of one that forgets sequences and releases ids, and of several that were combined."""
    for at, decision in enumerate(decisions):
        for several in (decision, s.combine(*decisions[: at + 1])):
            before, after = len(rows(several.before)), len(rows(several.state))

            assert after - before == sum(change.added for change in z.dump_changes(several))


def test_every_part_of_the_story_is_written_as_the_plain_writer_does() -> None:
    """Also what no walk reaches: odd texts, odd numbers, every optional field."""
    for name, document in PARTS.items():
        kind, value = name.partition("-")[0], document.value
        stored = stored_plane(value) if kind == "plane" else value
        assert plainly(kind, stored) == document.dump(value)


def test_bytes_may_come_in_any_kind_of_buffer() -> None:
    """A driver that hands out a bytearray or a memoryview needs no copy."""
    for document in WHOLES.values():
        data = document.dump(document.value)

        assert document.value == document.load(bytearray(data)) == document.load(memoryview(data))


def test_a_sequence_that_is_driven_alone_is_read_back() -> None:
    """A host of single sequences keeps records and events without a project."""
    machine = s.SequenceStateMachine(s.SequenceDefinition("build", (s.TaskDefinition("make"),)))
    accepted = machine.accept(s.TriggerSequence("b1", stage="dev", sequence="build"), T0)
    assert accepted.state is not None
    started = machine.start(accepted.state, T0)
    assert started.state is not None
    aborted = machine.decide(started.state, s.AbortSequence("b1", force=True), T0)

    for decision in (accepted, started, aborted):
        assert decision.state is not None
        assert decision.state == z.load_record(z.dump_record(decision.state))
        assert decision.events == z.load_events(z.dump_events(decision.events))


@given(strategies.sequence_definitions(), payloads(), st.datetimes())
def test_whatever_a_shipyard_and_a_trigger_may_say_is_read_back(
    definition: s.SequenceDefinition, data: dict[str, Any], naive: datetime
) -> None:
    """Every definition, every payload, every instant of the calendar."""
    at = naive.replace(tzinfo=UTC)
    subject = s.Subject("p", "c", "dev", definition.name, "carts", "c")
    more = {"place": 1, "priority": 0, "definition": definition, "data": s.freeze(data)}
    event = SequenceTriggered(1, at, subject, lane="dev", **more)  # type: ignore[arg-type] # mixed

    assert event == z.load_event(z.dump_event(event))
    assert plainly("event", event) == z.dump_event(event)


# ---------------------------------------------------------------- one way to write it


def respelled(value: Any, choice: random.Random) -> Any:
    """The same JSON written otherwise: other order of keys, 1.0 for 1."""
    if isinstance(value, dict):
        items = [(key, respelled(part, choice)) for key, part in value.items()]
        choice.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [respelled(part, choice) for part in value]
    if type(value) is int and abs(value) < 10**308 and float(value) == value:
        return float(value)
    return int(value) if type(value) is float and value == int(value) else value


NUMBERS: Final = [
    0,
    -0.0,
    1.0,
    -7,
    2**53,
    2.0**53,
    10**21,
    1e21,
    10**22,
    2**70,
    1e300,
    0.5,
    10**400,
]


@given(payloads(), st.lists(st.sampled_from(NUMBERS)), st.randoms())
def test_equal_payloads_have_equal_bytes(
    data: dict[str, Any], numbers: list[Any], choice: random.Random
) -> None:
    """Neither the order of keys nor the notation of a number is part of a value."""
    one = s.freeze({**data, "numbers": numbers})
    other = s.freeze(respelled({**data, "numbers": numbers}, choice))
    commands = [s.TriggerSequence("c", stage="dev", sequence="s", data=x) for x in (one, other)]
    written = {z.dump_command(command) for command in commands}

    assert one == other
    assert {plainly("command", command) for command in commands} == written
    assert 1 == len(written)
    assert commands[0] == z.load_command(written.pop())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, b"1"),
        (True, b"true"),
        (-0.0, b"0"),
        (2**63, b"9223372036854775808"),
        (1e20, b"100000000000000000000"),
        (1e21, b"1e+21"),
        (10**21, b"1e+21"),
        (10**21 + 1, b"1000000000000000000001"),
        (-1.5, b"-1.5"),
    ],
)
def test_a_number_has_one_notation(value: float, text: bytes) -> None:
    """Integral numbers below 10^21 have digits only; true is no number."""
    command = s.TriggerSequence("c", stage="dev", sequence="s", data={"n": value})

    assert plainly("command", command) == z.dump_command(command)
    assert b'"data":{"n":' + text + b"}" in z.dump_command(command)


def test_large_numbers_do_not_blow_up_a_payload() -> None:
    """A payload of many short numbers such as 1e300 stays about as long as it was."""
    command = s.TriggerSequence("c", stage="dev", sequence="s", data={"n": [1e300, 1e16] * 1_000})

    assert len(z.dump_command(command)) < 5 * command.data.size


def test_an_instant_is_written_in_utc_whatever_its_zone() -> None:
    """The same instant in two time zones is one value and has one text."""
    frozen = PARTS["event-StageFrozen-1"].value
    east = frozen.at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    moved = type(frozen)(frozen.serial, east, frozen.subject, frozen.control)

    assert z.dump_event(frozen) == z.dump_event(moved)
    assert instant_text(frozen.at) == instant_text(east)


def test_a_payload_of_every_permitted_depth_is_read_back() -> None:
    """What may be frozen may be stored."""
    data: Any = {}
    for _ in range(198):
        data = {"a": data}
    command = s.TriggerSequence("c", stage="dev", sequence="s", data={"a": data})

    assert 200 == command.data.depth
    assert command == z.load_command(z.dump_command(command))


def test_what_a_decision_does_not_touch_is_not_written() -> None:
    """A command that changed nothing changes no row; one on a stage changes none either."""
    plane = s.ControlPlane(s.Shipyard.of({"dev": {"delivery": ["deploy"]}}))
    state = plane.initial("sockshop")
    nothing = plane.decide(state, s.CheckDeadlines(), T0)
    frozen = plane.decide(state, s.FreezeStage("dev"), T0)

    assert () == z.dump_changes(nothing)
    assert () == z.dump_changes(frozen)


def test_the_walks_reach_forgotten_and_released_rows() -> None:
    """The walks above write rows of all three kinds and delete some."""
    stored = Stored(WORLDS["small"])
    walk(stored, random.Random("wire small 0"), steps=120)

    assert {s.LiveSequence, s.EndedSequence, z.ForgottenSequence} == stored.kinds
    assert {-1, 0, 1} == stored.added
    assert any(getattr(event, "released", ()) for event in stored.events)
