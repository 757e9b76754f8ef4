"""Turns: the threads or tasks of one controller work on a project one at a time, in FIFO order.

A thread or task joins the line of a project, waits until it is first there, and leaves the line
when its work is done or its wait is broken off. A line is kept only while it is not empty. Who
works on several projects joins their lines one after another, in the order of their names, and is
in no other line: so turns cannot wait for each other in a circle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from threading import Lock, get_ident
from typing import final

from sequencectl.errors import ReentrantCall


@final
class Turn:
    """A place in the line of each of some projects; it ends with its ``with`` block.

    `owner` is the thread or task, and `begin` wakes it up when it is first in a line.
    """

    def __init__(self, turns: Turns, owner: Hashable, begin: Callable[[], object]) -> None:
        self._turns = turns
        self.owner = owner
        self.begin = begin
        self.projects: list[str] = []

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

    def take(self, *projects: str) -> Turn:
        """Block this thread until it has the turn of all these projects.

        Raises `ReentrantCall` if the thread already has a turn.
        """
        closed = Lock()
        closed.acquire()
        order = sorted(projects)
        turn = self._begin(order[0], get_ident(), closed.release)
        try:
            for project in order:
                self._join(turn, project)
                closed.acquire()
        except BaseException:
            self.end(turn)
            raise
        return turn

    async def take_awaiting(self, *projects: str) -> Turn:
        """Wait until this asyncio task has the turn of all; a cancelled one gives them back.

        Raises `ReentrantCall` if the task already has a turn.
        """
        import asyncio  # noqa: PLC0415 - a host that awaits has loaded it already

        opened = asyncio.Event()
        order = sorted(projects)
        turn = self._begin(order[0], asyncio.current_task(), opened.set)
        try:
            for project in order:
                opened.clear()
                self._join(turn, project)
                await opened.wait()
        except BaseException:
            self.end(turn)
            raise
        return turn

    def end(self, turn: Turn) -> None:
        """Leave all lines; where the turn was first, the next one begins."""
        with self.lock:
            self._owners.remove(turn.owner)
            for project in turn.projects:
                line = self._lines[project]
                was_first = line[0] is turn
                line.remove(turn)
                if not line:
                    del self._lines[project]
                elif was_first:
                    line[0].begin()

    def _begin(self, project: str, owner: Hashable, begin: Callable[[], object]) -> Turn:
        """Return a turn that is in no line yet."""
        with self.lock:
            if owner in self._owners:
                raise ReentrantCall(project)
            self._owners.add(owner)
        return Turn(self, owner, begin)

    def _join(self, turn: Turn, project: str) -> None:
        """Go to the end of the line of `project`; who is alone there begins."""
        with self.lock:
            turn.projects.append(project)
            line = self._lines.setdefault(project, deque())
            line.append(turn)
            if line[0] is turn:
                turn.begin()
