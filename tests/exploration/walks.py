"""Walks through the slices, for tests of what an exploration is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

import attrs

from sequencectl import ProjectState
from sequencectl.testing._alphabet import Move
from sequencectl.testing._invariants import Transition
from sequencectl.testing._projection import Projector
from sequencectl.testing.exploration import START
from tests.exploration.slices import SLICES, Slice

STEPS: Final = 40


@attrs.frozen
class Stop:
    """Where a walk has come to, and where it may go on to."""

    place: Slice
    state: ProjectState
    now: datetime
    moves: tuple[Move, ...]


def projector_of(place: Slice) -> Projector:
    """What projects the states of a slice."""
    alphabet = place.alphabet
    forgets = place.plane.bounds.retain < alphabet.most
    return Projector(alphabet.named_contexts, alphabet.ids, forgets)


def tell(place: Slice, state: ProjectState, move: Move) -> Transition | None:
    """Tell a slice's plane one move; None if only time passes."""
    if move.command is None:
        return None
    decision = place.plane.decide(state, move.command, move.at)
    return Transition(place.plane, state, move.command, move.at, decision)


def walk(name: str, seed: int) -> Iterator[Stop]:
    """Yield the stops of a walk that begins some time after the epoch."""
    place, choice = SLICES[name], Random(f"{name} {seed}")
    projector = projector_of(place)
    state, now = place.plane.initial(f"project {seed}"), START + timedelta(hours=seed)
    for _ in range(STEPS):
        moves = tuple(place.alphabet.moves(state, now, projector))
        yield Stop(place, state, now, moves)
        move = choice.choice(moves)
        seen, now = tell(place, state, move), move.at
        state = state if seen is None else seen.after
