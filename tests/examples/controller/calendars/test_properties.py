"""Calendars of any files, beside a naive expansion; and that asking never fails or changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
from dateutil.rrule import rrulestr
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from examples.controller.calendars import FileCalendar
from examples.controller.calendars.lines import CalendarFileError, Component, Property
from examples.controller.calendars.rules import recurrence
from examples.controller.calendars.times import Times
from tests.examples.controller.calendars.files import OPEN_TIMES, event, file

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo")
SEEN = timedelta(days=150)
"""So long after its first start a drawn series is looked at."""

LOOKED = timedelta(weeks=12)
"""So far is looked at least for the end of windows that lead into each other."""


@attrs.frozen
class Drawn:
    """A series as a person draws it: on which days of a zone, from when, and how long."""

    zone: str
    start: datetime
    length: timedelta
    is_weekly: bool
    interval: int
    weekdays: frozenset[int]
    most: int | None
    without: frozenset[int]

    def text(self) -> str:
        """The event of a file that says so."""
        named = ",".join(WEEKDAYS[each] for each in sorted(self.weekdays))
        rule = [f"FREQ={'WEEKLY' if self.is_weekly else 'DAILY'}", f"INTERVAL={self.interval}"]
        rule += [f"BYDAY={named}"] + ([] if self.most is None else [f"COUNT={self.most}"])
        left_out = [f"EXDATE;TZID={self.zone}:{wall:%Y%m%dT%H%M%S}" for wall in self.left_out()]
        return event(
            f";TZID={self.zone}:{self.start:%Y%m%dT%H%M%S}",
            f"DTEND;TZID={self.zone}:{self.start + self.length:%Y%m%dT%H%M%S}",
            f"RRULE:{';'.join(rule)}",
            *left_out,
        )

    def starts(self) -> Iterator[datetime]:
        """Day by day, on the wall."""
        monday = self.start.date() - timedelta(days=self.start.weekday())
        found = 0
        for number in range(SEEN.days + 250):
            wall = self.start + number * DAY
            weeks = (wall.date() - monday).days // 7
            is_due = (weeks if self.is_weekly else number) % self.interval == 0
            if is_due and wall.weekday() in self.weekdays and found != self.most:
                found += 1
                yield wall

    def left_out(self) -> list[datetime]:
        """The starts that are exceptions."""
        return [wall for place, wall in enumerate(self.starts()) if place in self.without]

    def closed(self) -> list[tuple[datetime, datetime]]:
        """When it is closed, in UTC."""
        local, left_out = ZoneInfo(self.zone), self.left_out()
        spans = [
            (wall.replace(tzinfo=local).astimezone(UTC),
             (wall + self.length).replace(tzinfo=local).astimezone(UTC))
            for wall in self.starts() if wall not in left_out
        ]  # fmt: skip
        return [(begin, end) for begin, end in spans if begin < end]


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """A series of one or of two years; its start is one that its rule gives."""
    days = st.dates(date(2026, 1, 1), date(2027, 3, 31))
    start = datetime.combine(draw(days), datetime.min.time()) + draw(
        st.integers(0, 24 * 12 - 1).map(lambda number: number * 5 * MINUTE)
    )
    weekdays = draw(st.frozensets(st.integers(0, 6))) | {start.weekday()}
    return Drawn(
        zone=draw(st.sampled_from(ZONES)),
        start=start,
        length=draw(st.integers(1, 60 * 72)) * MINUTE,
        is_weekly=draw(st.booleans()),
        interval=draw(st.integers(1, 3)),
        weekdays=weekdays,
        most=draw(st.none() | st.integers(1, 40)),
        without=draw(st.frozensets(st.integers(0, 8), max_size=3)),
    )


@given(series=st.lists(drawn(), min_size=1, max_size=3), data=st.data())
def test_a_calendar_says_what_a_naive_expansion_says(series: list[Drawn], data: Any) -> None:
    """Whether it is closed, and until when: the next instant at which that changes."""
    asked = FileCalendar(file(*(each.text() for each in series)))
    spans = [span for each in series for span in each.closed()]
    edges = sorted({instant for span in spans for instant in span})
    near = st.builds(lambda edge, off: edge + off * MINUTE, st.sampled_from(edges or [NOON]),
                     st.sampled_from([-1, 0, 1, 300]))  # fmt: skip
    now = data.draw(near)
    said = asked("dev", now)

    def is_open(instant: datetime) -> bool:
        return not any(begin <= instant < end for begin, end in spans)

    assert is_open(now) == said.is_open
    if now < min(each.start for each in series).replace(tzinfo=UTC) + SEEN:
        turns = [edge for edge in edges if edge > now and is_open(edge) != is_open(now)]
        expected = turns[0] if turns else None
        if said.is_open or expected is None or expected - now < LOOKED:
            assert expected == said.until
        else:
            assert said.until is not None
            assert now + LOOKED <= said.until <= expected


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARTS = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
     "INTERVAL": st.integers(1, 5).map(str)},
    optional={
        "BYDAY": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3).map(",".join),
        "BYMONTH": st.lists(st.integers(1, 12).map(str), min_size=1, max_size=4).map(",".join),
        "BYHOUR": st.lists(st.integers(0, 23).map(str), min_size=1, max_size=2).map(",".join),
        "BYSETPOS": st.sampled_from(["1", "-1"]),
        "WKST": st.sampled_from(WEEKDAYS),
    },
)  # fmt: skip


@settings(max_examples=40)
@given(parts=PARTS, day=st.dates(date(1900, 1, 1), date(1904, 12, 31)), years=st.integers(0, 850))
def test_a_rule_that_was_moved_on_gives_the_same(
    parts: dict[str, str], day: date, years: int
) -> None:
    """However far it was moved: the same starts as from its beginning, counted through."""
    if parts["FREQ"] in {"DAILY", "WEEKLY"}:
        years = min(years, 8)
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    first = next(iter(rrulestr(text, dtstart=datetime.combine(day, datetime.min.time()))), None)
    assume(first is not None)
    assert first is not None
    try:
        rule = recurrence(
            Property(1, "RRULE", {}, text), first.replace(tzinfo=UTC), Times(UTC), of_a_day=False
        )
    except CalendarFileError:  # its first start is another one if it starts there
        reject()
    begin = first + years * timedelta(days=367)
    moved = rule.moved(first, begin)
    seen_from = begin if moved == first else max(begin, moved + DAY)
    expected, seen = (
        rrulestr(rule.text, dtstart=start).between(seen_from, begin + 800 * DAY, inc=True)
        for start in (first, moved)
    )

    assert expected == seen
    assert first <= moved <= max(first, begin)
    spans = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 62, "YEARLY": 800}
    assert moved == first or begin - moved <= DAY * rule.interval * spans[rule.frequency]


FIRST, SOON = datetime.fromisoformat("0001-01-03"), datetime.fromisoformat("2025-11-01")
LAST, LATER = datetime.fromisoformat("8999-12-31"), datetime.fromisoformat("2027-12-31")
ANY_INSTANT = st.one_of(
    st.datetimes(begin, end, timezones=st.just(UTC))
    for begin, end in ((FIRST, LAST), (SOON, LATER))
)
STAGES = st.sampled_from(["dev", "qa", "prod"]) | st.text()


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file with a little of everything."""
    events = list[str]()
    for number in range(draw(st.integers(1, 4))):
        series = draw(drawn())
        stage = draw(st.sampled_from(["", "qa", "prod"]))
        more = [f"CATEGORIES:{stage}"] if stage else []
        more += draw(st.sampled_from([[], ["STATUS:CANCELLED"], ["SUMMARY:freeze"]]))
        events.append(
            series.text().replace("END:VEVENT", "\r\n".join([f"UID:{number}", *more, "END:VEVENT"]))
        )
        if draw(st.booleans()):
            moved = series.start + draw(st.integers(-3, 3)) * DAY
            onwards = draw(st.sampled_from(["", ";RANGE=THISANDFUTURE"]))
            events.append(event(
                f";TZID={series.zone}:{moved:%Y%m%dT%H%M%S}", "DURATION:PT90M", f"UID:{number}",
                f"RECURRENCE-ID;TZID={series.zone}{onwards}:{series.start:%Y%m%dT%H%M%S}",
            ))  # fmt: skip
    return file(*([OPEN_TIMES] if draw(st.booleans()) else []), *events)


@given(text=files(), stage=STAGES, now=ANY_INSTANT, part=st.floats(0, 1))
def test_every_question_has_one_answer(text: str, stage: str, now: datetime, part: float) -> None:
    """The same one however often, and in whatever order; it holds for as long as it says."""
    asked, other = FileCalendar(text), FileCalendar(text)
    said = asked(stage, now)
    until = said.until or datetime(9000, 1, 1, tzinfo=UTC)
    between = now + (until - now) * part
    later = other(stage, min(between, until - timedelta(microseconds=1)))

    assert said == asked(stage, now) == other(stage, now)
    assert said.until is None or now < said.until
    assert said.is_open == later.is_open


BROKEN = file(
    OPEN_TIMES,
    "X-WR-TIMEZONE:Europe/Berlin",
    event(";TZID=Europe/Berlin:20260105T180000", "DTEND:20260106T060000Z", "SUMMARY:night",
          "RRULE:FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20270101T000000Z", "UID:a", "CATEGORIES:prod,qa",
          "EXDATE:20260109T170000Z", "RDATE;VALUE=PERIOD:20260107T090000Z/PT1H"),
    event(";VALUE=DATE:20260501", "UID:b", "RRULE:FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=5"),
    event("20260112T180000", "DURATION:P1DT2H", "UID:a", "RECURRENCE-ID:20260112T180000"),
)  # fmt: skip


@given(
    begin=st.integers(0, len(BROKEN)),
    length=st.integers(0, 40),
    put=st.text(max_size=20)
    | st.sampled_from([*BROKEN.split("\r\n"), ";", ":", ",", "\r\n", "\r\n ", "=", "Z", "0"]),
)
def test_a_damaged_file_is_refused_or_read(begin: int, length: int, put: str) -> None:
    """Nothing else comes out than the one error; what is read can be asked."""
    asked = read(BROKEN[:begin] + put + BROKEN[begin + length :])
    if isinstance(asked, FileCalendar):
        assert asked("prod", NOON) == asked("prod", NOON)
    else:
        assert re.match(r"calendar: (line [1-9]\d*: )?([A-Z0-9-]+: )?must .*, got ", str(asked))


def read(text: str) -> FileCalendar | CalendarFileError:
    """The calendar of a text, or why there is none."""
    try:
        return FileCalendar(text)
    except CalendarFileError as error:
        return error


@given(text=st.text(st.characters()))
def test_any_text_is_refused(text: str) -> None:
    """It is no calendar."""
    assert isinstance(read(text), CalendarFileError)


def test_a_component_shows_where_it_is() -> None:
    """An error of one names its first line."""
    error = Component(7, "VEVENT").wrong("must be better")

    assert (7, "calendar: line 7: VEVENT: must be better, got 'nothing'") == (
        error.line,
        str(error),
    )
