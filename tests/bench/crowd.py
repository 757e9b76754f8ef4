"""A project in which many wait, made quickly: what ``decide`` would make, command by command.

The holders of the lanes and one that waits are decided. Everybody else is that one under another
name, number and lane, and sits in strings and integers shared just as ``decide`` shares them;
``tests/test_growth.py`` compares the whole state, its index and its size with the decided one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import chain

import attrs

from sequencectl import (
    ControlPlane,
    LiveSequence,
    ProjectState,
    QueuePolicy,
    SequenceRecord,
    TriggerSequence,
)
from sequencectl.serialization import Header, restore_project
from sequencectl.state import restore
from tests.bench.programs import NOW, PLANE

ROOMY = attrs.evolve(PLANE, queueing=QueuePolicy(scope="service", max_waiting=10_000_000))
"""The plane of the other benches, with lines in which everybody finds room (R6)."""

Names = Callable[[int], str]


def short_name(number: int) -> str:
    """Return an id as the other benches use them."""
    return f"w{number}"


def uuid_name(number: int) -> str:
    """Return an id of 36 characters, as Keptn's contexts are."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def crowd(
    size: int,
    *,
    lanes: int,
    plane: ControlPlane = ROOMY,
    name: Names = short_name,
    stored: Callable[[SequenceRecord], SequenceRecord] | None = None,
) -> ProjectState:
    """Return a state in which `size` wait, evenly in so many lanes, each with one that holds it.

    `stored` writes and reads each record: then the state is restored from them as a store does it.
    """
    holding = decided(0, lanes=lanes, plane=plane, name=name)
    state = plane.decide(holding, arrival(lanes, lanes, name), NOW).state
    first = state.live(name(lanes))
    assert first is not None
    assert first.phase.is_in_line
    last = first.serial + size - 1
    ledger = attrs.evolve(state.ledger, serial=last)
    serials = chain(range(first.serial + 1, last), [last] if size > 1 else [])
    likewise = _likewise(state, first, serials, lanes=lanes, name=name)
    records = chain(state.sequences.values(), likewise)
    if stored is None:
        return restore(state.project, ledger, records)
    return restore_project(Header(state.project, ledger, {}, {}), map(stored, records))


def decided(
    size: int, *, lanes: int, plane: ControlPlane = ROOMY, name: Names = short_name
) -> ProjectState:
    """Return the same state, decided command by command."""
    state = plane.initial("bench")
    for number in range(lanes + size):
        state = plane.decide(state, arrival(number, lanes, name), NOW).state
    return state


def arrival(number: int, lanes: int, name: Names = short_name) -> TriggerSequence:
    """Return the command that brings this one to its lane."""
    service = _service(number, lanes)
    return TriggerSequence(name(number), stage="busy", sequence="delivery", service=service)


def _service(number: int, lanes: int) -> str:
    """Return a name that sorts by its number, so that lanes come in their order."""
    return f"s{number % lanes:05}"


def _likewise(
    state: ProjectState, first: LiveSequence, serials: Iterable[int], *, lanes: int, name: Names
) -> Iterator[LiveSequence]:
    for number, serial in enumerate(serials, start=lanes + 1):
        known, service = name(number), _service(number, lanes)
        subject = attrs.evolve(first.subject, context=known, service=service, sequence_id=known)
        yield attrs.evolve(
            first,
            subject=subject,
            place=serial,
            accepted_serial=serial,
            serial=serial,
            lane=state.index.lane(subject.stage, f"{subject.stage}/{service}"),
            deadline=None if first.deadline is None else first.deadline + timedelta(0),
        )
