"""iCalendar files for tests, and instants to ask them about."""

from __future__ import annotations

from datetime import UTC, datetime

from examples.controller.calendars import FileCalendar

OPEN_TIMES = "X-SEQUENCECTL-OPEN:TRUE"


def file(*parts: str) -> str:
    """The text of a file of these events, and of properties of the calendar before them."""
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN")
    return "\r\n".join([*head, *parts, "END:VCALENDAR", ""])


def event(start: str, *more: str) -> str:
    """An event; of its start the parameters are written too (``;TZID=Europe/Berlin:20260101…``)."""
    mark = "" if start.startswith(";") else ":"
    return "\r\n".join(["BEGIN:VEVENT", f"DTSTART{mark}{start}", *more, "END:VEVENT"])


def calendar(*parts: str) -> FileCalendar:
    """The calendar of a file of these parts."""
    return FileCalendar(file(*parts))


def at(text: str) -> datetime:
    """An instant, in UTC: ``2026-03-29 01:30``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def changes(asked: FileCalendar, begin: str, end: str, *, stage: str = "dev") -> list[str]:
    """When a stage opens or closes between two instants, as the calendar itself says it.

    Each entry is ``open`` or ``closed``, since when, and the name of the window.
    """
    now, seen = at(begin), list[str]()
    while now < at(end):
        said = asked(stage, now)
        word = "open" if said.is_open else "closed"
        seen.append(f"{word} {now:%Y-%m-%d %H:%M} {said.name}".rstrip())
        if said.until is None:
            break
        now = said.until
    return seen
