"""Files that a version wrote before schema 2 are opened, and go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from examples.stores.event_log import EventLogStore
from examples.stores.snapshot_file import SnapshotStore
from examples.stores.sqlite import SqliteStore
from sequencectl import ControlPlane, Shipyard, TriggerSequence
from sequencectl.events import TaskTriggered
from tests.support import T0
from tests.wire.older import read_again, take_down

PLANE: Final = ControlPlane(
    Shipyard.of({"dev": {"delivery": [{"name": "deploy", "expects": 2}, "approval"]}})
)
STORES: Final[dict[str, Callable[[Path], Any]]] = {
    "SQLite": lambda folder: SqliteStore(folder / "x.db"),
    "an event log": lambda folder: EventLogStore(folder / "x.db"),
    "an event log with snapshots": lambda folder: EventLogStore(folder / "x.db", every=2),
    "a snapshot file": SnapshotStore,
}


@pytest.mark.parametrize("kind", STORES)
def test_an_older_file_is_opened_and_goes_on(kind: str, tmp_path: Path) -> None:
    """State and outbox are those of before; the next commit writes schema 2 beside them.

    What a task in flight has brought comes in once, wherever the store has it (R14).
    """
    store = STORES[kind](tmp_path)
    first = PLANE.decide(
        PLANE.initial("p"), TriggerSequence("a", stage="dev", sequence="delivery"), T0
    )
    second = PLANE.decide(first.state, TriggerSequence("b", stage="dev", sequence="delivery"), T0)
    (task,) = [event for event in first.events if isinstance(event, TaskTriggered)]
    about = {"result": "pass", "data": {"list": [1]}}
    third = PLANE.decide(second.state, task.finished(source="helm", **about), T0)
    for decision in (first, second, third):
        store.commit(decision)
    close(store)
    files = [path for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".lock"]
    assert 0 < sum(map(take_down, files))

    store = STORES[kind](tmp_path)
    state, unsent = store.load("p"), store.pending("p", limit=100)
    assert read_again(third.state) == read_again(state)
    assert (*first.events, *second.events, *third.events) == unsent

    command = task.finished(source="argo", **about)
    fourth = PLANE.decide(state, command, T0)
    assert PLANE.decide(third.state, command, T0).events == fourth.events
    store.commit(fourth)
    close(store)
    store = STORES[kind](tmp_path)
    assert read_again(fourth.state) == read_again(store.load("p"))
    assert (*unsent, *fourth.events) == store.pending("p", limit=100)
    close(store)


def close(store: Any) -> None:
    """Close a store that has anything to close."""
    if hasattr(store, "close"):
        store.close()
