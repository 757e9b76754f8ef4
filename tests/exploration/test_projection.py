"""States with equal projections have the same future: deciding commutes with the projection."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from random import Random
from typing import Any, Final

import attrs
import pytest

from sequencectl.testing.exploration import projection
from sequencectl.testing.exploration.answers import word
from sequencectl.testing.exploration.projection import Projector
from tests.exploration.slices import SLICES
from tests.exploration.walks import Stop, projector_of, tell, walk

STATES: Final = 10_000
KEPT: Final = (
    "stage", "sequence", "service", "priority", "depth", "phase", "results", "due at", "deadline",
    "time left", "exempted", "initiators", "attempts", "parked",
)  # fmt: skip
IMPLIED: Final = {"sequence", "depth", "deadline", "parked"}
"""In the walks taken here nothing shows that they are needed."""
TELLING: Final = {
    "stage": "context over two stages",
    "service": "freeze and force",
    "priority": "priorities",
    "phase": "delays",
    "results": "limits",
    "due at": "delays",
    "time left": "limits",
    "exempted": "exempted ones",
    "initiators": "barred voters",
    "attempts": "attempts",
}
"""A slice in which a part is needed."""


def future(stop: Stop, number: int, projector: Projector) -> Hashable:
    """What one of the moves of a state leads to, as far as a projection can tell."""
    move = stop.moves[number]
    seen = tell(stop, move)
    if seen is None:
        return move.letter, projector.project(stop.state, move.at)
    return move.letter, word(seen.decision.outcome), projector.project(seen.after, move.at)


def compare(name: str, states: int, most: int, moves: int) -> tuple[int, str]:
    """Walk, and compare each state with the first one that had the same projection.

    Return how many could be compared, and how two differ.
    """
    known: dict[Hashable, Stop] = {}
    compared, projector = 0, projector_of(SLICES[name])
    choice = Random(name)
    for seed in range(most):
        for stop in walk(name, seed):
            key = (stop.plane, projector.project(stop.state, stop.now))
            first = known.setdefault(key, stop)
            if first.state == stop.state:
                continue
            compared += 1
            if len(first.moves) != len(stop.moves):
                return compared, f"{len(first.moves)} and {len(stop.moves)} moves"
            for number in choice.sample(range(len(stop.moves)), min(moves, len(stop.moves))):
                one, other = future(first, number, projector), future(stop, number, projector)
                if one != other:
                    return compared, f"{stop.moves[number]}: {one} and {other}"
        if compared >= states:
            break
    return compared, ""


@pytest.mark.parametrize("name", SLICES)
def test_deciding_commutes_with_the_projection(name: str) -> None:
    """Of 10 000 random states in all, each goes on as the first one with its projection does."""
    share = -(-STATES // len(SLICES))

    compared, difference = compare(name, share, most=2_000, moves=2)

    assert "" == difference
    assert share <= compared


def forgetful(number: int, keep: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """A projection of live sequences that drops one more part."""

    def kept(*arguments: Any) -> tuple[Any, ...]:
        parts = list(keep(*arguments))
        parts[number] = None
        return tuple(parts)

    return kept


@pytest.mark.parametrize("part", [part for part in KEPT if part not in IMPLIED])
def test_no_part_of_the_projection_can_be_left_out(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any of its parts, states that go on differently would pass for one."""
    monkeypatch.setattr(projection, "_live", forgetful(KEPT.index(part), projection._live))

    assert compare(TELLING[part], 10_000, most=200, moves=8)[1]


@pytest.mark.parametrize(
    ("part", "name", "most"),
    [
        ("changes", "a changed scope", 250),
        ("is_slow", "a slow clock", 100),
        ("period", "opening hours", 100),
    ],
)
def test_what_depends_on_an_alphabet_is_kept_there(
    part: str, name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lanes a change of scope would be missed, and so would a clock that is behind, and
    what a calendar says.
    """
    less = attrs.evolve(projector_of(SLICES[name]), **{part: None})
    monkeypatch.setattr("tests.exploration.test_projection.projector_of", lambda _: less)

    assert compare(name, 10_000, most=most, moves=20)[1]


@pytest.mark.parametrize(
    ("part", "name"),
    [("_run", "limits"), ("_run", "progress"), ("_redriven", "redrives"), ("_ended", "redrives")],
)
def test_tasks_and_families_are_kept(part: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what was said of a task in flight, or what is redriven, states would be mixed up."""
    monkeypatch.setattr(Projector, part, lambda *_: ())

    assert compare(name, 10_000, most=200, moves=8)[1]


@pytest.mark.parametrize("name", ["freezes that end", "opening hours"])
def test_freezes_are_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them a frozen stage would pass for one that is not."""
    monkeypatch.setattr(projection, "_freezes", lambda *_: ())

    assert compare(name, 10_000, most=40, moves=4)[1]


def test_the_order_of_deadlines_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where instants ahead are kept by rank, states with different futures are taken for one."""

    def ranks(_state: Any, live: Any, now: Any) -> Callable[[Any], Any]:
        known = sorted({at for record in live for at in projection._instants(record)} | {now})
        return lambda at: None if at is None else known.index(at) - known.index(now)

    monkeypatch.setattr(projection, "_distances", ranks)

    found = (compare(name, 10_000, most=150, moves=5)[1] for name in ("delays", "limits"))

    assert any(found)
