"""The newest states that questions are asked of, beside the store that commands are decided on."""

from __future__ import annotations

from pathlib import Path

from examples.controller.storage.newest import NewestStates
from examples.stores.sqlite import SqliteStore
from tests.support import Host


def test_a_project_in_which_nothing_happened_has_its_first_state(tmp_path: Path) -> None:
    """It is that of its plane, for this project."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    states = NewestStates(SqliteStore(tmp_path / "sequences.db"))

    assert host.plane.initial("shop") == states.of("shop", host.plane)
    states.close()


def test_a_state_is_read_once_and_caught_up_then(tmp_path: Path) -> None:
    """The same value is returned until something happens, and then the newest."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    path = tmp_path / "sequences.db"
    with SqliteStore(path) as store:
        store.commit(host.trigger("a"))
        project = host.state.project
        states = NewestStates(SqliteStore(path))
        first, again = (states.of(project, host.plane) for _ in range(2))
        store.commit(host.trigger("b"))
        newest = states.of(project, host.plane)
        states.close()

    assert first is again
    assert host.state == newest
    assert first.sequence("a") is newest.sequence("a")
