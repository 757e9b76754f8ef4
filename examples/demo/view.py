"""What every view is told: events, lines of text, the time, and at the end the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Protocol

import attrs

from sequencectl import Event

BEGIN: Final = datetime(2026, 3, 2, 9, 1, 30, tzinfo=UTC)
"""Where the simulated clock starts."""


class Kind(Enum):
    """What a line is."""

    STORY = "story"
    """A story begins."""
    NOTE = "note"
    """What a spectator should know."""
    COMMAND = "command"
    """What a person types."""
    REPLY = "reply"
    """What the command line prints."""
    STATUS = "status"
    """How a delivery stands, as a user interface shows it."""


@attrs.frozen
class Line:
    """One line of text."""

    kind: Kind
    at: datetime
    text: str


@attrs.frozen
class Clause:
    """One promise of the verdict: its name, whether it holds, and what was seen."""

    name: str
    holds: bool
    sentence: str


class Bill(Protocol):
    """What a view must know of who plays: the project, and the short name of each context."""

    @property
    def project(self) -> str:
        """The name of the project."""

    @property
    def names(self) -> Mapping[str, str]:
        """The short names, by context."""


class View(Protocol):
    """What spectators look at."""

    def recall(self, events: Sequence[Event]) -> None:
        """Take in what is on record; it was, at least in part, shown by an earlier program."""

    def event(self, event: Event) -> None:
        """Show what has happened; it may come again, and may be among what was on record."""

    def line(self, line: Line) -> None:
        """Show a line of text."""

    def tick(self, now: datetime) -> None:
        """Show that it is so late."""

    def judge(self, clauses: Sequence[Clause]) -> None:
        """Show the verdict."""


def clock(at: datetime) -> str:
    """Return the time of day, after the first day with the number of days that have passed."""
    days = (at.date() - BEGIN.date()).days
    return f"{days}d+{at:%H:%M:%S}" if days else f"{at:%H:%M:%S}"


def verdict_lines(clauses: Sequence[Clause]) -> list[str]:
    """Return the verdict as text: a title, a line for each clause, the sum."""
    width = max(len(clause.name) for clause in clauses)
    failed = sum(not clause.holds for clause in clauses)
    number = len(clauses)
    return [
        "# Verdict",
        *(f"{'ok  ' if c.holds else 'FAIL'} {c.name:<{width}} {c.sentence}" for c in clauses),
        f"# {failed} of {number} clauses fail" if failed else f"# all {number} clauses hold",
    ]
