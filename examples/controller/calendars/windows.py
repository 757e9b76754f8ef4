"""The windows of a calendar file as spans of time, from any instant on.

Shows: `recurring-ical-events` kept to what it does well. It gets one series of events at a time, by
the clock on the wall and without a time zone: so it never compares a time of one zone with one of
another. Of what it finds, only the start is believed; the end is counted from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Final, final

import attrs
import recurring_ical_events
from icalendar import Calendar
from icalendar import Event as Vevent
from icalendar.prop import vRecur

from examples.controller.calendars.events import Event
from examples.controller.calendars.times import Length, in_utc

LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""What comes later is not looked for."""

_EARLIEST: Final = datetime(1899, 1, 1, tzinfo=UTC)
_PART: Final = timedelta(days=28)
_MARGIN: Final = timedelta(days=3)
"""More than a day, than any two zones differ, and than any change of clocks moves; together."""

_MOST_SEEN: Final = 1_000
"""After so many windows of other stages the search for one of a stage is given up."""

_PLACE: Final = "X-SEQUENCECTL-PLACE"


@final
@attrs.frozen
class Window:
    """One span of time [start, end), in UTC, of which stages (none: of all) and by which name."""

    start: datetime
    end: datetime
    name: str
    stages: frozenset[str]

    def concerns(self, stage: str) -> bool:
        """Return True if it is one of the stage."""
        return not self.stages or stage in self.stages


@final
class Windows:
    """All windows of some events; what was found out is kept for the next question.

    Events of one id belong together: a series, and what replaces a start of it. If the series is
    cancelled, all of them are.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        by_id = dict[str, list[Event]]()
        for event in events:
            by_id.setdefault(event.uid, []).append(event)
        single, series = list[Event](), list[_Series]()
        for group in by_id.values():
            core = next((event for event in group if event.replaces is None), None)
            if core is None or (len(group) == 1 and not core.recurs):
                single += (event for event in group if not event.is_cancelled)
            elif not core.is_cancelled:
                series.append(_Series(core, group))
        self._series = tuple(series)
        self._single = [_window(each, each.start, each.length) for each in single]
        self._part = lru_cache(128)(self._counted)
        self._later = lru_cache(128)(self._searched)

    def around(self, stage: str, at: datetime) -> list[Window]:
        """Return the windows of a stage that are on at an instant or soon after it, by start."""
        return [each for each in self._part(_number(at)) if each.end > at and each.concerns(stage)]

    def next(self, stage: str, at: datetime) -> Window | None:
        """Return the window of a stage that starts next, later than an instant; None: none does.

        One without a name and a length says that until then none starts: that far was looked.
        """
        found = (each for each in self.around(stage, at) if each.start > at)
        return next(found, None) or self._later(stage, _number(at) + 1)

    def _counted(self, number: int) -> tuple[Window, ...]:
        return _between(_begin(number), _begin(number + 1), self._single, self._series)

    def _searched(self, stage: str, number: int) -> Window | None:
        """Return the first window of a stage that starts in a part of this number, or later.

        What is looked at grows as long as nothing is found, since windows are rare there. It ends
        where a series begins, which may be the opposite.
        """
        series = [each for each in self._series if each.concerns(stage)]
        others = (each.replacements for each in self._series if each not in series)
        single = [*self._single, *chain.from_iterable(others)]
        begin, span, seen = _begin(number), _PART, 0
        while begin < LATEST and seen < _MOST_SEEN:
            begins = (each.first - begin for each in series if each.first > begin)
            step = min(span, LATEST - begin, *begins)
            found = _between(begin, begin + step, single, series)
            for window in found:
                if window.start >= begin and window.concerns(stage):
                    return window
            begin, seen = begin + step, seen + len(found)
            span = span * 2 if step == span and not found else _PART
        return Window(begin, begin, "", frozenset()) if begin < LATEST else None


@final
class _Series:
    """Events of one id: one that recurs, and those that replace a start of it.

    None of their windows is on before `first`, nor from `last` on. `replacements` are those of
    single starts that were replaced.
    """

    def __init__(self, core: Event, events: list[Event]) -> None:
        self._zone = core.start.tzinfo
        self._events = events
        self._regular = [event for event in events if event is core or event.onwards]
        self.replacements = [
            _window(event, event.start, event.length)
            for event in events if event not in self._regular and not event.is_cancelled
        ]  # fmt: skip
        starts = [event.start for event in events]
        self.first = min((*starts, *core.dates)).astimezone(UTC)
        lengths = [event.length for event in events] + list(core.lengths.values())
        self._longest = max(length.most for length in lengths)
        moves = (abs(each.start - each.replaces) for each in events if each.replaces)
        self._before = self._longest + max(moves, default=timedelta(0))
        self.last = LATEST
        last = None if core.rule is None else core.rule.last
        if core.rule is None or last is not None:
            ends = [] if last is None else [last.replace(tzinfo=self._zone)]
            self.last = max((*starts, *core.dates, *ends)).astimezone(UTC) + self._before

    def concerns(self, stage: str) -> bool:
        """Return True if any of its windows but `replacements` may be one of the stage."""
        return any(not event.stages or stage in event.stages for event in self._regular)

    def near(self, begin: datetime, end: datetime) -> Iterator[Window]:
        """Yield the windows that are on between two instants, and perhaps some beside them."""
        lower, upper = self._wall(begin) - _MARGIN, self._wall(end) + _MARGIN
        query = recurring_ical_events.of(self._calendar(lower))
        for found in query.between(lower, upper):
            event = self._events[int(found[_PLACE])]
            if event.is_cancelled:
                continue
            start = found["DTSTART"].dt
            if event.replaces is not None and not event.onwards:
                yield _window(event, event.start, event.length)
            else:
                length = event.lengths.get(start, event.length)
                yield _window(event, start.replace(tzinfo=self._zone), length)

    def _calendar(self, lower: datetime) -> Calendar:
        calendar = Calendar()
        for place, event in enumerate(self._events):
            start = self._wall(event.start)
            if event.rule is not None:
                start = event.rule.moved(start, lower - self._before)
            read = Vevent()
            read.add("UID", event.uid)
            read.add("DTSTART", start)
            read.add("DTEND", start + self._longest)
            read.add(_PLACE, str(place))
            if event.rule is not None:
                read.add("RRULE", vRecur.from_ical(event.rule.text))
            for name, dates in (("RDATE", event.dates), ("EXDATE", event.without)):
                if dates:
                    read.add(name, [self._wall(each) for each in dates])
            if event.replaces is not None:
                onwards = {"RANGE": "THISANDFUTURE"} if event.onwards else {}
                read.add("RECURRENCE-ID", self._wall(event.replaces), parameters=onwards)
            calendar.add_component(read)
        return calendar

    def _wall(self, at: datetime) -> datetime:
        """Return an instant by the clock on the wall of this series."""
        return at.astimezone(self._zone).replace(tzinfo=None, fold=0)


def _between(
    begin: datetime, end: datetime, single: Iterable[Window], series: Iterable[_Series]
) -> tuple[Window, ...]:
    """Return what is on between two instants, in order."""
    on = (each for each in series if each.first < end and begin < each.last)
    near = chain(single, *(each.near(begin, end) for each in on))
    # in the hour that does not come, a window may end before it starts: then there is none
    there = (each for each in near if each.start < each.end)
    return tuple(
        sorted((each for each in there if each.start < end and each.end > begin), key=_order)
    )


def _window(event: Event, start: datetime, length: Length) -> Window:
    return Window(in_utc(start), length.end(start), event.window, event.stages)


def _order(window: Window) -> tuple[datetime, timedelta, str]:
    """Windows are taken by start; of those that start together the longest first, then by name."""
    return window.start, LATEST - window.end, window.name


def _number(at: datetime) -> int:
    return (max(at, _EARLIEST) - _EARLIEST) // _PART


def _begin(number: int) -> datetime:
    return _EARLIEST + number * _PART
