"""The delivery every peer is measured with, and what is asked of a program that takes part.

A peer's module says how one sequence is made and what each command does to it; what the commands
are, in which order they come and what must be true at the end is said here alone, for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Protocol

import attrs

from tests.bench.programs import TASKS

PASS = "pass"  # noqa: S105 # a result
PAUSED_AT = TASKS[1]
COMMANDS = 13


class Sequence(Protocol):
    """One sequence of five tasks, on whatever library; a new one is made for each delivery.

    The lists grow in place: `triggered` by the name of each task that was asked for, `results` by
    what each of them ended with.
    """

    triggered: list[str]
    results: list[str]

    @property
    def is_finished(self) -> bool:
        """Whether the sequence ran to its end."""
        ...

    def trigger(self) -> None:
        """Begin, and ask for the first task."""
        ...

    def start(self, task: str) -> None:
        """Take the report that somebody works on the task in flight."""
        ...

    def finish(self, task: str, result: str) -> None:
        """Take the report that the task in flight is over; ask for the next one unless paused."""
        ...

    def pause(self) -> None:
        """Ask for no further task; the one in flight goes on."""
        ...

    def resume(self) -> None:
        """Go on where the pause began."""
        ...


@attrs.frozen
class Peer:
    """A program to measure: its name, its library, how a sequence is made, what it does not do."""

    name: str
    distribution: str
    make: Callable[[], Sequence]
    lacks: str

    @property
    def version(self) -> str:
        """The version of the library that is installed."""
        return version(self.distribution)


def delivery(make: Callable[[], Sequence]) -> Callable[[], int]:
    """Return the delivery of 13 commands on a sequence that is made anew each time."""

    def run() -> int:
        sequence, commands = make(), 0
        triggered = sequence.triggered

        def tell(command: Callable[..., None], *arguments: str) -> None:
            nonlocal commands
            commands += 1
            command(*arguments)

        tell(sequence.trigger)
        for number, task in enumerate(TASKS, start=1):
            assert TASKS[:number] == tuple(triggered)
            tell(sequence.start, task)
            if task == PAUSED_AT:
                tell(sequence.pause)
            tell(sequence.finish, task, PASS)
            if task == PAUSED_AT:
                assert TASKS[:number] == tuple(triggered)
                tell(sequence.resume)
        assert (COMMANDS, TASKS, True) == (commands, tuple(triggered), sequence.is_finished)
        assert [PASS] * len(TASKS) == sequence.results
        return commands

    return run
