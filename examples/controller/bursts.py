"""Bursts: commands that wait for one project are decided together and share a commit.

Shows: a line of commands for each project. Whoever decides takes all that wait when it gets there,
and never waits for more: a command that comes alone is decided alone, at once. While one commit is
written the next commands gather, so that they share the next one. Projects take turns. A line is
bounded, and so is the wait: who cannot be served is told so, and nothing piles up.
Leaves out: priorities among commands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, final

import attrs

from examples.controller.metrics import Metrics
from sequencectl import Command, Handled

MOST_WAITING: Final = 1_000
"""So many commands may wait for one project."""

MOST_TOGETHER: Final = 128
"""So many commands share a commit at most."""

Answer = Handled | Exception
Decide = Callable[[str, Callable[[], Sequence[Command]]], Awaitable[Sequence[Answer]]]
"""Decide commands of a project. The second argument is called once, and takes those that wait then.

The answers are in the order of the commands. What it raises is the answer to all of them.
"""


class TooManyWaiting(Exception):
    """A project has so many commands in its line that no more are taken; the message says so."""


@final
@attrs.frozen(eq=False)
class _Waiting:
    """A command in line, and its answer to come."""

    command: Command
    answer: asyncio.Future[Handled]


@final
class Bursts:
    """The lines of all projects; for one event loop."""

    def __init__(self, decide: Decide, metrics: Metrics) -> None:
        self._decide = decide
        self._metrics = metrics
        self._lines: dict[str, deque[_Waiting]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def ask(self, project: str, command: Command) -> Handled:
        """Put a command in line and return what came of it, or raise why nothing did.

        Raises `TooManyWaiting` too. A command whose wait is broken off before its turn is left out.
        """
        line = self._lines.get(project)
        if line is None:
            line = self._lines[project] = deque()
            serving = asyncio.create_task(self._serve(project, line))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)
        if len(line) >= MOST_WAITING:
            raise TooManyWaiting(f"{MOST_WAITING} commands wait for project {project}: send again")
        waiting = _Waiting(command, asyncio.get_running_loop().create_future())
        line.append(waiting)
        with self._metrics.waiting.track_inprogress():
            return await waiting.answer

    async def close(self) -> None:
        """Wait until nobody is in line; new commands must not come."""
        await asyncio.gather(*self._serving)

    async def _serve(self, project: str, line: deque[_Waiting]) -> None:
        """Have the line of a project decided, part by part, until it is empty."""
        while line:
            taken: list[_Waiting] = []

            def take(taken: list[_Waiting] = taken) -> list[Command]:
                # by another thread, which alone takes; here alone is appended
                while line and len(taken) < MOST_TOGETHER:
                    waiting = line.popleft()
                    if not waiting.answer.done():
                        taken.append(waiting)
                return [waiting.command for waiting in taken]

            try:
                answers = await self._decide(project, take)
            except Exception as error:  # noqa: BLE001 - each who waits is told, this task goes on
                if not taken:  # it was not even their turn
                    take()
                answers = [error] * len(taken)
            for waiting, answer in zip(taken, answers, strict=True):
                _give(waiting.answer, answer)
        del self._lines[project]


def _give(future: asyncio.Future[Handled], answer: Answer) -> None:
    if future.done():  # nobody waits any more
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
