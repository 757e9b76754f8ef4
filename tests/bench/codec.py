"""What it takes to write and to read what a store keeps: records, events and headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sequencectl import (
    Command,
    Event,
    PauseSequence,
    ProjectState,
    SequenceRecord,
    TaskTriggered,
    TriggerSequence,
)
from sequencectl.serialization import (
    dump_event,
    dump_header,
    dump_record,
    load_event,
    load_header,
    load_record,
)
from tests.bench.crowd import ROOMY, crowd, uuid_name
from tests.bench.measure import interleaved
from tests.bench.programs import NOW

_PAUSED = 100
_DATA = {"labels": {"build": "4711"}, "deployment": {"uri": "http://carts.dev.svc:80", "tries": 1}}
T = TypeVar("T")


def codec(rounds: int) -> None:
    """Measure and print."""
    print("\nCodec: µs to write one, µs to read it; median (quartiles)")
    programs: dict[str, Callable[[], int]] = {}
    counts: dict[str, tuple[int, int]] = {}

    def add(
        name: str, values: Sequence[T], dump: Callable[[T], bytes], load: Callable[[bytes], T]
    ) -> None:
        texts = [dump(value) for value in values]
        assert [load(text) for text in texts] == list(values)
        counts[name] = len(values), sum(map(len, texts)) // len(texts)
        programs[f"write {name}"] = partial(_all, dump, values)
        programs[f"read {name}"] = partial(_all, load, texts)

    records, events = _delivery()
    for name, record in records.items():
        add(name, [record], dump_record, load_record)  # type: ignore[arg-type]
    add(f"an event (mean of {len(events)})", events, dump_event, load_event)
    for name, state in _projects().items():
        head = load_header(dump_header(state))
        add(name, [head], partial(_header, state), load_header)
    figures = interleaved(programs, rounds=rounds, runs=5)
    for name, (count, size) in counts.items():
        write, read = (figures[f"{verb} {name}"].per(count) for verb in ("write", "read"))
        print(f"  {name:32}{write!s:34}{read!s:34}{size:7,} bytes")


def _all(act: Callable[[T], object], values: Sequence[T]) -> int:
    for value in values:
        act(value)
    return len(values)


def _header(state: ProjectState, _head: object) -> bytes:
    return dump_header(state)


def _delivery() -> tuple[dict[str, SequenceRecord], list[Event]]:
    """Return records of all kinds, and every event of a delivery whose tasks report data."""
    state = crowd(1, lanes=1, name=uuid_name)
    records = {"a record that waits": state.sequence(uuid_name(1))}
    known = uuid_name(2)
    events: list[Event] = []

    def tell(command: Command) -> tuple[Event, ...]:
        nonlocal state
        decision = ROOMY.decide(state, command, NOW)
        events.extend(decision.events)
        state = decision.state
        return decision.events

    said = tell(
        TriggerSequence(known, stage="dev", sequence="delivery", service="carts", data=_DATA)
    )
    while asked := [event for event in said if isinstance(event, TaskTriggered)]:
        tell(asked[0].started(source="helm"))
        if asked[0].index == 1:
            records["a record in its second task"] = state.sequence(known)
        said = tell(asked[0].finished(source="helm", result="pass", data=_DATA))
    records["a record that has ended"] = state.sequence(known)
    return {name: record for name, record in records.items() if record is not None}, events


def _projects() -> dict[str, ProjectState]:
    """Return projects whose headers are read and written: with nothing paused, and with much."""
    none = some = crowd(_PAUSED, lanes=1, name=uuid_name)
    for number in range(1, _PAUSED + 1):
        some = ROOMY.decide(some, PauseSequence(uuid_name(number), actor="ann"), NOW).state
    return {"a header": none, f"a header, {_PAUSED} contexts paused": some}
