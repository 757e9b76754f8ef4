"""Windows in the nights in which the clocks change, in two time zones, by two other ways.

What is on the wall at an instant is looked up with `zoneinfo`; what begins or ends in the hour that
does not come, or comes twice, is worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.examples.controller.calendars.files import at, calendar, changes, event

MINUTE = timedelta(minutes=1)
CHANGES = [
    pytest.param("Europe/Berlin", "2026-03-29 01:00", id="Berlin, an hour does not come"),
    pytest.param("Europe/Berlin", "2026-10-25 01:00", id="Berlin, an hour comes twice"),
    pytest.param("America/New_York", "2026-03-08 07:00", id="New York, an hour does not come"),
    pytest.param("America/New_York", "2026-11-01 06:00", id="New York, an hour comes twice"),
]


def over_night(wall: datetime) -> bool:
    """From 18:00 to 06:00."""
    return wall.time() >= time(18) or wall.time() < time(6)


def at_weekends(wall: datetime) -> bool:
    """From Friday 20:00 to Monday 05:00."""
    return (
        wall.weekday() in {5, 6}
        or (wall.weekday() == 4 and wall.time() >= time(20))
        or (wall.weekday() == 0 and wall.time() < time(5))
    )


def on_sundays(wall: datetime) -> bool:
    """All day long."""
    return wall.weekday() == 6


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize(
    ("lines", "is_closed"),
    [
        (("20260101T180000", "DTEND:20260102T060000", "RRULE:FREQ=DAILY"), over_night),
        (("20260102T200000", "DTEND:20260105T050000", "RRULE:FREQ=WEEKLY"), at_weekends),
        (("20260104", "DTEND:20260105", "RRULE:FREQ=WEEKLY"), on_sundays),
    ],
)
def test_a_window_is_by_the_clock_on_the_wall(
    zone: str, change: str, lines: tuple[str, str, str], is_closed: Callable[[datetime], bool]
) -> None:
    """Minute by minute for two days on either side of a change; each answer holds until it ends."""
    asked = calendar(f"X-WR-TIMEZONE:{zone}", event(*lines))
    begin, local = at(change) - timedelta(days=2), ZoneInfo(zone)
    minutes = [begin + MINUTE * number for number in range(4 * 24 * 60)]
    expected = [not is_closed(each.astimezone(local)) for each in minutes]
    answers = [asked("dev", each) for each in minutes]

    assert expected == [answer.is_open for answer in answers]
    turns = {
        minutes[number]: expected[number] for number in range(1, len(minutes))
        if expected[number] != expected[number - 1]
    }  # fmt: skip
    promised = {answer.until: not answer.is_open for answer in answers if answer.until}
    assert turns == {until: word for until, word in promised.items() if until <= minutes[-1]}


BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("zone", "start", "end", "closed"),
    [
        # Berlin, 29 March: 01:59:59 is followed by 03:00:00, at 01:00 UTC
        pytest.param(BERLIN, "20260328T023000", "DTEND:20260328T024500",
                     ("2026-03-29 01:30", "2026-03-29 01:45"), id="in the hour that is not"),
        pytest.param(BERLIN, "20260328T023000", "DTEND:20260328T040000",
                     ("2026-03-29 01:30", "2026-03-29 02:00"), id="from the hour that is not"),
        pytest.param(BERLIN, "20260328T013000", "DTEND:20260328T023000",
                     ("2026-03-29 00:30", "2026-03-29 01:30"), id="into the hour that is not"),
        pytest.param(BERLIN, "20260328T023000", "DTEND:20260328T030000", None,
                     id="over before it begins"),
        pytest.param(BERLIN, "20260328T013000", "DTEND:20260328T033000",
                     ("2026-03-29 00:30", "2026-03-29 01:30"), id="over the hour that is not"),
        pytest.param(BERLIN, "20260328T013000", "DURATION:PT2H",
                     ("2026-03-29 00:30", "2026-03-29 02:30"), id="two hours as they pass"),
        pytest.param(BERLIN, "20260327T120000", "DURATION:P1DT2H",
                     ("2026-03-28 11:00", "2026-03-29 12:00"), id="a day and two hours"),
        # Berlin, 25 October: 02:59:59 is followed by 02:00:00, at 01:00 UTC
        pytest.param(BERLIN, "20261024T023000", "DTEND:20261024T024500",
                     ("2026-10-25 00:30", "2026-10-25 00:45"), id="in the hour that is twice"),
        pytest.param(BERLIN, "20261024T023000", "DTEND:20261024T030000",
                     ("2026-10-25 00:30", "2026-10-25 02:00"), id="from the hour that is twice"),
        pytest.param(BERLIN, "20261024T013000", "DTEND:20261024T023000",
                     ("2026-10-24 23:30", "2026-10-25 00:30"), id="into the hour that is twice"),
        pytest.param(BERLIN, "20261024T013000", "DURATION:PT2H",
                     ("2026-10-24 23:30", "2026-10-25 01:30"), id="two hours, one of them twice"),
        pytest.param(BERLIN, "20261023T120000", "DURATION:P1DT2H",
                     ("2026-10-24 10:00", "2026-10-25 13:00"), id="a longer day and two hours"),
        # New York, 8 March: 01:59:59 is followed by 03:00:00, at 07:00 UTC
        pytest.param(NEW_YORK, "20260307T023000", "DTEND:20260307T040000",
                     ("2026-03-08 07:30", "2026-03-08 08:00"), id="New York, from no hour"),
        # New York, 1 November: 01:59:59 is followed by 01:00:00, at 06:00 UTC
        pytest.param(NEW_YORK, "20261031T013000", "DTEND:20261031T023000",
                     ("2026-11-01 05:30", "2026-11-01 07:30"), id="New York, from the hour twice"),
    ],
)  # fmt: skip
def test_an_hour_that_does_not_come_and_one_that_comes_twice(
    zone: str, start: str, end: str, closed: tuple[str, str] | None
) -> None:
    """The series begins the day before; the night of the change is that of its second window."""
    until = (
        f"EXDATE;TZID={zone}:{start}",  # only the second one counts
        "RRULE:FREQ=DAILY;COUNT=2",
    )
    asked = calendar(
        f"X-WR-TIMEZONE:{zone}",
        event(start, end, *until),
    )
    seen = changes(asked, "2026-01-01 00:00", "2027-01-01 00:00")

    if closed is None:
        assert ["open 2026-01-01 00:00"] == seen
    else:
        begin, finish = closed
        assert ["open 2026-01-01 00:00", f"closed {begin}", f"open {finish}"] == seen


def test_an_instant_is_asked_about_in_any_zone() -> None:
    """What is asked is the instant, in the hour that comes twice too."""
    asked = calendar(event("20261025T003000Z", "DTEND:20261025T004500Z"))
    first = datetime(2026, 10, 25, 2, 40, tzinfo=ZoneInfo(BERLIN))
    second = first.replace(fold=1)

    assert [False, True] == [asked("dev", each).is_open for each in (first, second)]
    assert asked("dev", first) == asked("dev", first.astimezone(UTC))
