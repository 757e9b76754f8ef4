"""What a spectator sees: live counters in a terminal, or a line of them now and then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Protocol, TextIO, final

import attrs
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PLAIN_EVERY: Final = 5.0
"""So many seconds lie between two plain lines of counters."""

FEW: Final = 3
"""So many counters are in a plain line."""

NEWEST: Final = 8
"""So many of the newest faults are shown."""


@final
@attrs.frozen
class Glance:
    """How it stands: `figures` are names and what they are, in the order in which to show them."""

    over: int
    count: int
    seconds: float
    replicas: str
    figures: Sequence[tuple[str, str]]


class View(Protocol):
    """What shows it."""

    def glance(self, glance: Glance) -> None:
        """Show how it stands."""

    def say(self, sentence: str) -> None:
        """Show that something has happened."""

    def __enter__(self) -> View:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End, and leave the terminal as it was."""


@final
class PlainView:
    """Writes lines, for a pipe, a file or a terminal that can do no more."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._begin, self._next_at = time.monotonic(), 0.0

    def glance(self, glance: Glance) -> None:
        """Write a line of counters, if the last one was some time ago."""
        if glance.seconds >= self._next_at:
            self._next_at = glance.seconds + PLAIN_EVERY
            figures = ", ".join(f"{value} {name}" for name, value in glance.figures[:FEW])
            self.say(f"{glance.over} of {glance.count} deliveries over, {figures}")

    def say(self, sentence: str) -> None:
        """Write a line."""
        print(f"{time.monotonic() - self._begin:6.1f} s  {sentence}", file=self._out, flush=True)

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave everything as it is."""


@final
class LiveView:
    """Draws counters and the newest faults, again and again in the same place."""

    def __init__(self, out: TextIO) -> None:
        self._live = Live(console=Console(file=out), auto_refresh=False)
        self._said: list[str] = []
        self._glance: Glance | None = None

    def glance(self, glance: Glance) -> None:
        """Draw how it stands."""
        self._glance = glance
        self._live.update(self._drawn(glance), refresh=True)

    def say(self, sentence: str) -> None:
        """Draw that something has happened."""
        seconds = self._glance.seconds if self._glance is not None else 0.0
        self._said.append(f"{seconds:6.1f} s  {sentence}")
        if self._glance is not None:
            self.glance(self._glance)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last picture."""
        self._live.stop()

    def _drawn(self, glance: Glance) -> Group:
        figures = Table.grid(padding=(0, 2))
        for name, value in glance.figures:
            figures.add_row(Text(value, justify="right", style="bold"), name)
        head = Table.grid(padding=(0, 2))
        head.add_row(
            f"{glance.seconds:5.1f} s",
            ProgressBar(total=glance.count, completed=glance.over, width=40),
            f"{glance.over} of {glance.count} deliveries over",
        )
        said = [Text(line, style="yellow") for line in self._said[-NEWEST:]]
        return Group(head, Text(f"replicas  {glance.replicas}"), figures, *said)


def view_for(out: TextIO, *, is_plain: bool) -> View:
    """Return the view for where it is written to."""
    return PlainView(out) if is_plain or not out.isatty() else LiveView(out)
