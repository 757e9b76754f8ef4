"""The times of an iCalendar file: in which zone they are, and how long a window lasts.

A time has a zone, or it is refused: nothing is guessed. Ends follow the clock on the wall, as
calendar programs draw them: a window from 18:00 to 06:00 ends at 06:00 in the night in which the
clocks change too. A `DURATION` follows RFC 5545: weeks and days by the clock on the wall, then
hours, minutes and seconds as they pass.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, final
from zoneinfo import ZoneInfo

import attrs
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from examples.controller.calendars.lines import Component, Property

LONGEST: Final = timedelta(days=36_500)
"""No window lasts longer."""

_DATE: Final = re.compile(r"[0-9]{8}")
_TIME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z?")
_NUMBER: Final = "([0-9]{1,8})"
_DURATION: Final = re.compile(
    rf"\+?P(?:{_NUMBER}W|(?:{_NUMBER}D)?(T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)"
)
_YEARS: Final = range(1900, 9000)
_DAY: Final = timedelta(days=1)


@final
@attrs.frozen
class Length:
    """How long a window lasts: first by the clock on the wall, then as time passes."""

    on_the_wall: timedelta
    passing: timedelta = timedelta(0)

    def end(self, start: datetime) -> datetime:
        """Return when a window that starts then ends, in UTC."""
        return in_utc(start + self.on_the_wall) + self.passing

    @property
    def most(self) -> timedelta:
        """At most so much lies between start and end on the wall, changes of clocks aside."""
        return self.on_the_wall + self.passing


@final
@attrs.frozen
class Times:
    """Reads the times of a file, whose own zone is that of days and of times without a zone."""

    zone: tzinfo | None

    def of(self, read: Property, value: str | None = None) -> datetime:
        """Return the time of a property, or of one value in its list; a day is its midnight."""
        written = read.value if value is None else value
        zone = self.zone
        if is_day(written):
            pass
        elif _TIME.fullmatch(written) is None:
            raise read.wrong("must be a day (20261224) or a time (20261224T180000)")
        elif written.endswith("Z"):
            zone = UTC
            if "TZID" in read.parameters:
                raise read.wrong("must have either a TZID or a Z at its end")
        elif "TZID" in read.parameters:
            zone = zone_of(read.parameters["TZID"], read)
        if zone is None:
            raise read.wrong(
                "must have a zone: a TZID, a Z at its end, or X-WR-TIMEZONE in the calendar"
            )
        form = "%Y%m%d" if is_day(written) else "%Y%m%dT%H%M%S"
        try:
            at = datetime.strptime(written.removesuffix("Z"), form).replace(tzinfo=zone)
        except ValueError:
            raise read.wrong("must be a day or a time that there is") from None
        if at.year not in _YEARS:
            raise read.wrong(f"must be from {_YEARS[0]} to {_YEARS[-1]}")
        return at

    def length(self, event: Component, start: datetime, *, of_a_day: bool) -> Length:
        """Return how long an event lasts by its DTEND or DURATION."""
        end, duration = event.one("DTEND"), event.one("DURATION")
        if end is not None and duration is not None:
            raise duration.wrong("must not stand beside a DTEND")
        if duration is not None:
            return duration_of(duration, duration.value, of_a_day=of_a_day)
        if end is None and of_a_day:
            return Length(_DAY)
        if end is None:
            raise event.wrong("must have a DTEND or a DURATION")
        if is_day(end.value) != of_a_day:
            raise end.wrong("must be a day where DTSTART is one, else a time")
        return length_between(end, start, self.of(end))


def is_day(written: str) -> bool:
    """Return True if a value is a day and not a time."""
    return _DATE.fullmatch(written) is not None


def length_between(read: Property, start: datetime, end: datetime) -> Length:
    """Return the length from start to end; raise `CalendarFileError` if it is none."""
    if end.astimezone(UTC) <= start.astimezone(UTC):
        raise read.wrong("must be later than its start")
    wall = end.astimezone(start.tzinfo).replace(tzinfo=None, fold=0) - start.replace(tzinfo=None)
    # what is left where the end is in the hour that comes twice, or that does not come
    return _checked(read, Length(wall, end.astimezone(UTC) - in_utc(start + wall)))


def duration_of(read: Property, value: str, *, of_a_day: bool) -> Length:
    """Return the length that a DURATION, or a part of a PERIOD, says."""
    found = _DURATION.fullmatch(value)
    if found is None:
        raise read.wrong("must be a duration (PT12H)")
    weeks, days, time, hours, minutes, seconds = found.groups("0")
    if time != "0" and of_a_day:
        raise read.wrong("must be of whole days where DTSTART is a day")
    by_the_day = timedelta(weeks=int(weeks), days=int(days))
    passing = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    if not by_the_day + passing:
        raise read.wrong("must be longer than nothing")
    return _checked(read, Length(by_the_day, passing))


def zone_of(name: str, read: Property) -> tzinfo:
    """Return the time zone of this name in the IANA database, or of Windows' name for it."""
    zone = _zone(name)
    if zone is None:
        raise read.wrong(f"must have a zone of the IANA database, there is no {name!r}")
    return zone


def in_utc(at: datetime) -> datetime:
    """Return an instant in UTC.

    As RFC 5545 has it, a time that comes twice is the first one, and one that does not come is
    counted on from before the change: 02:30 is then 03:30.
    """
    return at.replace(fold=0).astimezone(UTC)


def _checked(read: Property, length: Length) -> Length:
    if length.most > LONGEST:
        raise read.wrong(f"must be at most {LONGEST.days} days after its start")
    return length


@lru_cache(1_000)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(WINDOWS_TO_OLSON.get(name, name))
    except (LookupError, OSError, ValueError):  # not there, a folder, no path
        return None
