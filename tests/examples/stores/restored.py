"""What must hold of a store that was restored from a backup, taken in the middle of work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pytest

from examples.stores.restoring import roll_forward
from sequencectl import (
    Event,
    LiveSequence,
    SequenceController,
    TaskTriggered,
    TriggerSequence,
    evolve,
)
from sequencectl.errors import ReplayError
from sequencectl.testing import ManualClock, RecordingSink
from tests.examples.stores.contender import PLANE, PROJECT
from tests.examples.stores.contention import (
    Contender,
    Opened,
    ending,
    has_acknowledged,
    published,
    until,
)


def work(opened: Opened, back_up: Callable[[], None], folder: Path) -> list[Event]:
    """Have two processes work on one project, back it up meanwhile, and let them go on for a while.

    Return everything that has happened, by serial.
    """
    contenders = [Contender(opened, folder, name) for name in ("one", "other")]
    with ending(contenders):
        for act in (back_up, (folder / "stop").touch):
            for each in contenders:
                enough = len(each.acknowledged) + 5
                until(partial(has_acknowledged, each, enough), contenders)
            act()
        assert [0, 0] == [each.wait() for each in contenders]
    with opened() as store:
        return history_of(store, folder)


def history_of(store: Any, folder: Path) -> list[Event]:
    """What was published, and what was still to be."""
    events = [*published(folder), *store.pending(PROJECT, limit=1_000)]
    return [event for _, event in sorted({event.serial: event for event in events}.items())]


def check_restored(store: Any, history: list[Event]) -> None:
    """Assert that a restored store is what the other one was at some moment, outbox included."""
    state, pending = store.load(PROJECT), tuple(store.pending(PROJECT, limit=1_000))

    assert 0 < state.serial < len(history)  # work went on after the backup
    assert reduce(evolve, history[: state.serial], PLANE.initial(PROJECT)) == state
    assert tuple(history[state.serial - len(pending) : state.serial]) == pending


def check_it_goes_on(store: Any) -> None:
    """Assert that hosts go on with it: deadlines fire, each lane is free in the end.

    What is published joins what was acknowledged before the backup, without a gap.
    """
    state = store.load(PROJECT)
    begin = state.serial - len(store.pending(PROJECT, limit=1_000))
    clock, sink = ManualClock(state.ledger.at), RecordingSink()
    controller = SequenceController(PLANE, store=store, clock=clock, sink=sink, settle="0s")
    arm = controller.check_deadlines().arm
    while arm is not None:
        clock.turn_to(arm)
        arm = controller.check_deadlines().arm

    assert not any(
        isinstance(record, LiveSequence) for record in controller.state(PROJECT).sequences.values()
    )
    told = controller.handle(PROJECT, TriggerSequence("after", stage="dev", sequence="delivery"))
    assert isinstance(told.decision.events[-1], TaskTriggered)
    serials = [event.serial for event in sink.emitted]
    assert list(range(begin + 1, serials[-1] + 1)) == serials


def check_it_is_rolled_forward(store: Any, history: list[Event]) -> None:
    """Assert that the events that were published bring a restored store to the state before."""
    backup = store.load(PROJECT)
    with pytest.raises(ReplayError):
        roll_forward(store, PLANE, PROJECT, history[backup.serial + 1 :])
    assert backup == store.load(PROJECT)

    lacked = roll_forward(store, PLANE, PROJECT, history)
    assert len(history) - backup.serial == lacked
    assert reduce(evolve, history, PLANE.initial(PROJECT)) == store.load(PROJECT)
    assert not store.pending(PROJECT, limit=1)
    assert 0 == roll_forward(store, PLANE, PROJECT, history)
