"""The newest state of each project, for questions that must not wait for commands, nor they for it.

Shows: a second store on the same file. SQLite lets one reader see what is committed while another
writes, and a state that is known is caught up by the events it lacks. What was answered to a
command is committed by then, so that a client that asks after its command sees its effect.
"""

from __future__ import annotations

from pathlib import Path
from typing import final

from examples.stores.sqlite import SqliteStore
from sequencectl import ControlPlane, ProjectState


@final
class NewestStates:
    """Reads the states that another store writes; for one thread."""

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path)
        self._known: dict[str, ProjectState] = {}

    def of(self, project: str, plane: ControlPlane) -> ProjectState:
        """Return the newest state of a project; raise `StoreUnusable` if it cannot be read."""
        state = self._store.load(project, known=self._known.get(project))
        if state is None:
            return plane.initial(project)
        self._known[project] = state
        return state

    def close(self) -> None:
        """Close the file."""
        self._store.close()
