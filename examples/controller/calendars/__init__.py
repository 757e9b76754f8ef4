"""Calendars of projects: the text of an iCalendar file (RFC 5545) as what the library asks (R37).

Shows: a calendar for a `ControlPlane` that is pure and total, from what people draw in their
calendar programs. A broken file is refused when it is read, so that nothing can go wrong when it is
asked. Leaves out: calendars that are fetched from elsewhere, and files per stage.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, final

from examples.controller.calendars.events import events_of
from examples.controller.calendars.windows import LATEST, Windows
from sequencectl import Opening

_LOOKS: Final = 4
"""So often is looked whether one closed time leads into the next: over 12 weeks at least."""


@final
class FileCalendar:
    """The calendar that the text of an iCalendar file says; two of one text are equal.

    Called with a stage and an instant it answers with an `Opening`: the same one to the same
    question. Raises `CalendarFileError`, an `InvalidValue`, if the text cannot be used; asking
    raises nothing. `stages` are those that the file names.
    """

    def __init__(self, text: str) -> None:
        events, self.is_of_openings = events_of(text)
        self.text = text
        self.stages: frozenset[str] = frozenset().union(*(event.stages for event in events))
        self._is_of_all = any(not event.stages for event in events)
        self._windows = Windows(events)

    def __call__(self, stage: str, at: datetime) -> Opening:
        """Say how a stage stands at an instant.

        `until` is the end of the closed or open time, windows that touch being one. Of very long
        ones it may be earlier: it is then asked again.
        """
        at, named = at.astimezone(UTC), stage if stage in self.stages else ""
        if (self.is_of_openings and not named and not self._is_of_all) or at >= LATEST:
            return Opening(is_open=True)
        on = next(iter(self._windows.around(named, at)), None)
        if on is not None and on.start <= at:
            return _opening(self.is_of_openings, self._end(named, at), on.name)
        coming = self._windows.next(named, at)
        if coming is None:
            return Opening(is_open=not self.is_of_openings)
        return _opening(not self.is_of_openings, coming.start, coming.name)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, FileCalendar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"FileCalendar({self.text[:40]!r})"

    def _end(self, stage: str, at: datetime) -> datetime:
        """Return when the windows that are on at an instant end, with those they lead into."""
        reached = at
        for _ in range(_LOOKS):
            before = reached
            for window in self._windows.around(stage, reached):
                if window.start > reached:
                    return reached
                reached = max(reached, window.end)
            if reached == before:
                break
        return reached


def _opening(is_open: bool, until: datetime, name: str) -> Opening:
    return Opening(is_open, until=until if until < LATEST else None, name=name)
