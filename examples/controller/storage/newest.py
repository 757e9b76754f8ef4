"""The newest state of each project, for questions that must not wait for commands, nor they for it.

Shows: a second store on the same file or database. One reader sees what is committed while another
writes, and a state that is known is caught up by the events it lacks. What was answered to a
command is committed by then, so that a client that asks after its command sees its effect.
"""

from __future__ import annotations

from typing import Protocol, final

from sequencectl import ControlPlane, ProjectState
from sequencectl.ports import Store


class ClosableStore(Store, Protocol):
    """A store that can be closed."""

    def close(self) -> None:
        """Close it."""
        ...


@final
class NewestStates:
    """Reads the states that another store writes; for one thread."""

    def __init__(self, store: ClosableStore) -> None:
        self._store = store
        self._known: dict[str, ProjectState] = {}

    def of(self, project: str, plane: ControlPlane) -> ProjectState:
        """Return the newest state of a project; raise `StoreUnusable` if it cannot be read."""
        state = self._store.load(project, known=self._known.get(project))
        if state is None:
            return plane.initial(project)
        self._known[project] = state
        return state

    def close(self) -> None:
        """Close the store."""
        self._store.close()
