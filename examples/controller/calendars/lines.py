"""The lines of an iCalendar file: unfolded, numbered, and put under the component they belong to.

Shows: errors that name a line. The libraries read values well, but say of a wrong one neither where
it is nor, with an event, that it is wrong at all. So a file is taken apart here, and each value is
read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, final

import attrs
from icalendar.parser import Contentline, Parameters

from sequencectl import InvalidValue

MAX_BYTES: Final = 1024 * 1024
"""No file has more bytes."""

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_NAME: Final = re.compile("[A-Za-z0-9-]{1,64}")
_DEPTH: Final = 8
_UNREAD: Final = frozenset({"VAVAILABILITY", "VFREEBUSY"})
"""Components that say when somebody is busy, in a way that is not read here: never passed over."""


@final
class CalendarFileError(InvalidValue):
    """An iCalendar file cannot be used as it is.

    `line` is the line it is about, counted from 1; None if it is about the file.
    """

    def __init__(self, where: str, value: object, problem: str, *, line: int | None = None) -> None:
        place = "calendar" if line is None else f"calendar: line {line}"
        super().__init__(f"{place}: {where}" if where else place, value, problem)
        self.line = line


@final
@attrs.frozen
class Property:
    """A property of a component: its name, in capitals, and its value as it is written."""

    line: int
    name: str
    parameters: Mapping[str, str]
    value: str

    def wrong(self, problem: str) -> CalendarFileError:
        """Return the error that this value is not as it must be."""
        return CalendarFileError(self.name, self.value, problem, line=self.line)


@final
@attrs.frozen
class Component:
    """The calendar, or an event: the line it begins at, and its properties by their names."""

    line: int
    name: str
    properties: dict[str, list[Property]] = attrs.field(factory=dict)

    def all(self, name: str) -> list[Property]:
        """Return the properties of a name."""
        return self.properties.get(name, [])

    def one(self, name: str) -> Property | None:
        """Return the property of a name; raise `CalendarFileError` if it is there twice."""
        found = self.all(name)
        if len(found) > 1:
            raise found[1].wrong("must be there once")
        return found[0] if found else None

    def wrong(self, problem: str, value: object = "nothing") -> CalendarFileError:
        """Return the error that this component is not as it must be."""
        return CalendarFileError(self.name, value, problem, line=self.line)


def taken_apart(text: str) -> tuple[Component, list[Component]]:
    """Return the calendar of a file and its events; raise `CalendarFileError`.

    Time zones, tasks, journals, alarms and what a program has added of its own are passed over.
    """
    if (size := len(text.encode(errors="replace"))) > MAX_BYTES:
        raise CalendarFileError("", size, f"must have at most {MAX_BYTES} bytes")
    calendars, events, inside = list[Component](), list[Component](), list[Component]()
    for line, written in _unfolded(text):
        read = _property(line, written.rstrip())
        if read.name == "BEGIN":
            if _NAME.fullmatch(read.value) is None:
                raise read.wrong("must name a component")
            inside.append(Component(line, read.value.upper()))
            _put(inside, calendars, events)
        elif not inside:
            raise read.wrong("must stand between BEGIN:VCALENDAR and END:VCALENDAR")
        elif read.name == "END":
            if inside.pop().name != read.value.upper():
                raise read.wrong("must end what was begun last")
        else:
            inside[-1].properties.setdefault(read.name, []).append(read)
    if inside:
        raise inside[-1].wrong(f"must end with END:{inside[-1].name}")
    if not calendars:
        raise CalendarFileError("", text[:40], "must begin with BEGIN:VCALENDAR")
    return calendars[0], events


def _put(inside: list[Component], calendars: list[Component], events: list[Component]) -> None:
    """Put a component where it is looked for, by where in the file it begins."""
    begun = inside[-1]
    if len(inside) == 1:
        calendars.append(begun)
        if begun.name != "VCALENDAR" or len(calendars) > 1:
            raise begun.wrong("must be one VCALENDAR", f"BEGIN:{begun.name}")
    elif len(inside) > _DEPTH:
        raise begun.wrong(f"must be in at most {_DEPTH} others", f"BEGIN:{begun.name}")
    elif begun.name == "VEVENT":
        events.append(begun)
        if len(inside) > 2:
            raise begun.wrong(
                "must stand in the calendar itself", f"BEGIN:VEVENT in {inside[-2].name}"
            )
    elif begun.name in _UNREAD:
        raise begun.wrong("must be written as a VEVENT", f"BEGIN:{begun.name}")


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Return the lines with their numbers; one that begins with a blank goes on with the last."""
    line, parts = 0, list[str]()
    for number, written in enumerate(_BREAK.split(text.removeprefix("\ufeff")), start=1):
        if written[:1] in {" ", "\t"} and parts:
            parts.append(written[1:])
        elif written:
            if parts:
                yield line, "".join(parts)
            line, parts = number, [written]
    if parts:
        yield line, "".join(parts)


def _property(line: int, written: str) -> Property:
    try:
        # the library has types for most of what it offers, and none here
        name, parameters, value = Contentline(written).raw_parts()  # type: ignore[no-untyped-call]
    except ValueError:
        name, parameters, value = "", Parameters(), ""
    if _NAME.fullmatch(name) is None:
        problem = "must be a line of iCalendar (RFC 5545), NAME:VALUE"
        raise CalendarFileError("", written, problem, line=line)
    texts = {str(key).upper(): str(each) for key, each in parameters.items()}
    return Property(line, str(name).upper(), texts, str(value))
