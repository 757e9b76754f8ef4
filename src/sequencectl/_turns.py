"""Turns: the threads or tasks of one controller work on a project one at a time, in FIFO order.

A thread or task joins the line of a project, waits until it is first there, and leaves the line
when its work is done or its wait is broken off. A line is kept only while it is not empty. No
thread or task is in two lines, so turns cannot wait for each other in a circle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from threading import Lock, get_ident
from typing import final

from sequencectl.errors import ReentrantCall


@final
class Turn:
    """A place in the line of a project; it ends with its ``with`` block.

    `owner` is the thread or task, and `begin` wakes it up.
    """

    def __init__(
        self, turns: Turns, project: str, owner: Hashable, begin: Callable[[], object]
    ) -> None:
        self._turns = turns
        self.project = project
        self.owner = owner
        self.begin = begin

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._turns.end(self)


@final
class Turns:
    """The lines of one controller, by project. `lock` guards them, and what else threads share."""

    def __init__(self) -> None:
        self.lock: Lock = Lock()
        self._lines: dict[str, deque[Turn]] = {}
        self._owners: set[Hashable] = set()

    def take(self, project: str) -> Turn:
        """Block this thread until it has the turn of `project`.

        Raises `ReentrantCall` if the thread already has a turn.
        """
        closed = Lock()
        closed.acquire()
        turn = self._join(project, get_ident(), closed.release)
        try:
            closed.acquire()
        except BaseException:
            self.end(turn)
            raise
        return turn

    async def take_awaiting(self, project: str) -> Turn:
        """Wait until this asyncio task has the turn of `project`; a cancelled one gives it back.

        Raises `ReentrantCall` if the task already has a turn.
        """
        import asyncio  # noqa: PLC0415 - a host that awaits has loaded it already

        opened = asyncio.Event()
        turn = self._join(project, asyncio.current_task(), opened.set)
        try:
            await opened.wait()
        except BaseException:
            self.end(turn)
            raise
        return turn

    def end(self, turn: Turn) -> None:
        """Leave the line; if the turn was first there, the next one begins."""
        with self.lock:
            line = self._lines[turn.project]
            was_first = line[0] is turn
            line.remove(turn)
            self._owners.remove(turn.owner)
            if not line:
                del self._lines[turn.project]
            elif was_first:
                line[0].begin()

    def _join(self, project: str, owner: Hashable, begin: Callable[[], object]) -> Turn:
        """Go to the end of the line of `project`; who is alone there begins."""
        turn = Turn(self, project, owner, begin)
        with self.lock:
            if owner in self._owners:
                raise ReentrantCall(project)
            self._owners.add(owner)
            line = self._lines.setdefault(project, deque())
            line.append(turn)
            if line[0] is turn:
                begin()
        return turn
