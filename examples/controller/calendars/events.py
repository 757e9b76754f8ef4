"""The events of an iCalendar file, checked, each as what it means for stages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from datetime import datetime
from typing import Final, final

import attrs

from examples.controller.calendars.lines import CalendarFileError, Component, Property, taken_apart
from examples.controller.calendars.rules import Recurrence, recurrence
from examples.controller.calendars.times import (
    LONGEST,
    Length,
    Times,
    duration_of,
    is_day,
    length_between,
    zone_of,
)

MAX_EVENTS: Final = 1_000
"""No file has more events."""

MAX_STARTS: Final = 100
"""All recurring events of a file together start no more often on one day."""

MAX_DATES: Final = 2_000
"""All RDATE and EXDATE of a file together have no more values."""

_OPEN: Final = "X-SEQUENCECTL-OPEN"
_STAGE: Final = re.compile("[A-Za-z0-9_-]{1,63}")
_ESCAPED: Final = re.compile(r"\\(.)")
_STATUSES: Final = frozenset({"TENTATIVE", "CONFIRMED", "CANCELLED"})
_NUMBER: Final = re.compile("[0-9]{1,9}")


@final
@attrs.frozen
class Event:
    """One VEVENT: which window it is, of which stages (none: of all), when, and how it recurs.

    `start`, `dates` (of RDATE), `without` (of EXDATE) and `replaces` (of RECURRENCE-ID) are aware;
    `start` is in the zone of the event. `lengths` are those of dates that have one of their own,
    by the clock on the wall. `onwards`: what replaces one start moves all later ones with it.
    """

    line: int
    uid: str
    window: str
    stages: frozenset[str]
    is_cancelled: bool
    start: datetime
    length: Length
    rule: Recurrence | None = None
    dates: tuple[datetime, ...] = ()
    lengths: Mapping[datetime, Length] = attrs.field(factory=dict)
    without: tuple[datetime, ...] = ()
    replaces: datetime | None = None
    onwards: bool = False

    @property
    def recurs(self) -> bool:
        """Whether it may come more than once."""
        return self.rule is not None or bool(self.dates) or bool(self.without)


def events_of(text: str) -> tuple[tuple[Event, ...], bool]:
    """Return the events of a file, and whether they are opening times; raise `CalendarFileError`.

    Cancelled ones are among them.
    """
    calendar, components = taken_apart(text)
    if (scale := calendar.one("CALSCALE")) is not None and scale.value.upper() != "GREGORIAN":
        raise scale.wrong("must be GREGORIAN")
    zone = calendar.one("X-WR-TIMEZONE")
    times = Times(None if zone is None else zone_of(zone.value, zone))
    _check_number(components, "events", MAX_EVENTS)
    events = tuple(_event(each, times) for each in components)
    _check_apart(events)
    dates = [date for each in events for date in each.dates + each.without]
    _check_number(dates, "values of RDATE and EXDATE", MAX_DATES)
    starts = [each.rule.starts_a_day if each.rule else 1 for each in events if each.recurs]
    _check_number(range(sum(starts)), "starts of recurring events on one day", MAX_STARTS)
    return events, _is_open(calendar)


def _is_open(calendar: Component) -> bool:
    read = calendar.one(_OPEN)
    if read is None:
        return False
    if read.value.upper() not in {"TRUE", "FALSE"}:
        raise read.wrong("must be TRUE or FALSE")
    return read.value.upper() == "TRUE"


def _event(read: Component, times: Times) -> Event:
    start = read.one("DTSTART")
    if start is None:
        raise read.wrong("must have a DTSTART")
    of_a_day, at = is_day(start.value), times.of(start)
    length = times.length(read, at, of_a_day=of_a_day)
    rule = read.one("RRULE")
    dates, lengths = _dates(read.all("RDATE"), at, times, of_a_day=of_a_day)
    without, _ = _dates(read.all("EXDATE"), at, times, of_a_day=of_a_day, may_last=False)
    replaces, onwards = _replaced(read, at, times, of_a_day=of_a_day)
    for wrong in read.all("EXRULE"):
        raise wrong.wrong("must be written as EXDATE")
    event = Event(
        line=read.line,
        uid=_of_text(read.one("UID")) or f"line {read.line}",
        window=_window(read.one("SUMMARY")),
        stages=_stages(read.all("CATEGORIES")),
        is_cancelled=_is_cancelled(read.one("STATUS")),
        start=at,
        length=length,
        rule=None if rule is None else recurrence(rule, at, times, of_a_day=of_a_day),
        dates=dates,
        lengths=lengths,
        without=without,
        replaces=replaces,
        onwards=onwards,
    )
    if event.recurs and replaces is not None:
        raise read.wrong("must not have RRULE, RDATE or EXDATE beside RECURRENCE-ID")
    if event.is_cancelled and onwards:
        raise read.wrong(
            "must end its RRULE with UNTIL, not with STATUS:CANCELLED", "THISANDFUTURE"
        )
    # a change of the clocks in the first of them is none of the others
    if event.recurs and read.one("DTEND") is not None:
        return attrs.evolve(event, length=Length(length.on_the_wall))
    return event


def _dates(
    given: list[Property], start: datetime, times: Times, *, of_a_day: bool, may_last: bool = True
) -> tuple[tuple[datetime, ...], Mapping[datetime, Length]]:
    """Return the times of RDATE or EXDATE, and the lengths of those that are periods."""
    found, lengths = list[datetime](), dict[datetime, Length]()
    for read in given:
        for value in read.value.split(","):
            written, mark, end = value.partition("/")
            if is_day(written) != of_a_day or (mark and not may_last):
                raise read.wrong("must have days where DTSTART is one, else times")
            at = times.of(read, written).astimezone(start.tzinfo)
            if end[:1] in {"P", "+"}:
                lengths[at.replace(tzinfo=None)] = duration_of(read, end, of_a_day=of_a_day)
            elif mark:
                length = length_between(read, at, times.of(read, end))
                lengths[at.replace(tzinfo=None)] = length
            found.append(at)
    return tuple(found), lengths


def _replaced(
    event: Component, start: datetime, times: Times, *, of_a_day: bool
) -> tuple[datetime | None, bool]:
    """Return which start of its series an event replaces, and whether all later ones too."""
    read = event.one("RECURRENCE-ID")
    if read is None:
        return None, False
    if event.one("UID") is None:
        raise read.wrong("must stand beside the UID of what it changes")
    if is_day(read.value) != of_a_day:
        raise read.wrong("must be a day where DTSTART is one, else a time")
    onwards = read.parameters.get("RANGE", "").upper()
    if onwards not in {"", "THISANDFUTURE"}:
        raise read.wrong(f"must have no RANGE but THISANDFUTURE, not {onwards!r}")
    replaced = times.of(read)
    if abs(replaced - start) > LONGEST:
        raise read.wrong(f"must be at most {LONGEST.days} days from DTSTART")
    return replaced, bool(onwards)


def _window(read: Property | None) -> str:
    name = _of_text(read)
    if read is not None and (len(name) > 200 or not name.isprintable()):
        raise read.wrong("must be at most 200 printable characters, on one line")
    return name


def _of_text(read: Property | None) -> str:
    """Return a text without the marks of RFC 5545; empty if there is none."""
    if read is None:
        return ""
    return _ESCAPED.sub(lambda each: "\n" if each[1] in "nN" else each[1], read.value)


def _stages(given: list[Property]) -> frozenset[str]:
    found = set[str]()
    for read in given:
        for value in read.value.split(","):
            name = value.strip()
            if _STAGE.fullmatch(name) is None:
                raise read.wrong(f"must name stages (letters, digits, '-', '_'), not {name!r}")
            found.add(name)
    return frozenset(found)


def _is_cancelled(read: Property | None) -> bool:
    if read is not None and read.value.upper() not in _STATUSES:
        raise read.wrong(f"must be one of {', '.join(sorted(_STATUSES))}")
    return read is not None and read.value.upper() == "CANCELLED"


def _check_number(given: Sized, what: str, most: int) -> None:
    if len(given) > most:
        raise CalendarFileError("", len(given), f"must have at most {most} {what}")


def _check_apart(events: tuple[Event, ...]) -> None:
    """Raise if two events are one by their ids: which of them counts would be anybody's guess."""
    seen = dict[tuple[str, datetime | None], Event]()
    for event in events:
        first = seen.setdefault((event.uid, event.replaces), event)
        if first is not event:
            problem = f"must have an id of its own; line {first.line} has the same"
            raise CalendarFileError("UID", event.uid, problem, line=event.line)
