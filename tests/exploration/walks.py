"""Walks through the slices, for tests of what an exploration is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

import attrs

from sequencectl import CalendarError, ControlPlane, ProjectState
from sequencectl.testing.exploration.alphabet import START, Move
from sequencectl.testing.exploration.projection import Projector
from sequencectl.testing.exploration.transition import Transition
from tests.exploration.slices import SLICES, Slice

STEPS: Final = 40


@attrs.frozen
class Stop:
    """Where a walk has come to, and where it may go on to."""

    place: Slice
    plane: ControlPlane
    state: ProjectState
    now: datetime
    moves: tuple[Move, ...]


def projector_of(place: Slice) -> Projector:
    """What projects the states of a slice."""
    return place.alphabet.projector(place.plane)


def tell(stop: Stop, move: Move) -> Transition | None:
    """Tell one move where a walk has come to; None if nobody is told anything, or if that asks a
    calendar again that fails.
    """
    if move.command is None:
        return None
    told_at = move.at - move.behind
    try:
        decision = stop.plane.decide(stop.state, move.command, told_at)
    except CalendarError:
        return None
    return Transition(stop.plane, stop.state, move.command, told_at, decision)


def walk(name: str, seed: int) -> Iterator[Stop]:
    """Yield the stops of a walk that begins some time after the epoch; it ends where no move is
    left.
    """
    place, choice = SLICES[name], Random(f"{name} {seed}")
    projector, planes = projector_of(place), place.alphabet.planes(place.plane)
    state, now = place.plane.initial(f"project {seed}"), START + timedelta(hours=seed)
    change_at = choice.randrange(STEPS) if len(planes) > 1 else STEPS
    for step in range(STEPS):
        plane = planes[-1] if step > change_at else planes[0]
        stop = Stop(place, plane, state, now, tuple(place.alphabet.moves(state, now, projector)))
        yield stop
        if not stop.moves:
            return
        move = choice.choice(stop.moves)
        seen, now = tell(stop, move), move.at
        state = state if seen is None else seen.after
