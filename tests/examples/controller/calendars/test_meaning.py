"""What an iCalendar file means: when a stage is closed, until when, and by which window."""

from __future__ import annotations

import pytest

from examples.controller.calendars import FileCalendar
from sequencectl import ControlPlane, Opening, Shipyard
from tests.examples.controller.calendars.files import (
    OPEN_TIMES,
    at,
    calendar,
    changes,
    event,
    file,
)

NIGHT = event("20260105T180000Z", "DTEND:20260106T060000Z", "SUMMARY:night")


def test_an_event_is_closed_time() -> None:
    """It is closed from its start to its end, the end not included; the window is its summary."""
    asked = calendar(NIGHT)
    night = Opening(is_open=False, until=at("2026-01-06 06:00"), name="night")
    before = Opening(is_open=True, until=at("2026-01-05 18:00"), name="night")

    assert before == asked("dev", at("2026-01-05 17:59:59"))
    assert night == asked("dev", at("2026-01-05 18:00"))
    assert night == asked("dev", at("2026-01-06 05:59:59.999999"))
    assert Opening(is_open=True) == asked("dev", at("2026-01-06 06:00"))


def test_a_file_without_events_closes_nothing() -> None:
    """And as opening times, it says nothing of any stage."""
    assert Opening(is_open=True) == calendar()("dev", at("2026-01-05 18:00"))
    assert Opening(is_open=True) == calendar(OPEN_TIMES)("dev", at("2026-01-05 18:00"))


def test_categories_name_stages() -> None:
    """All that an event names, over several lines too; one that names none is of all stages."""
    asked = calendar(
        event("20260105T080000Z", "DURATION:PT1H", "CATEGORIES:qa, prod", "CATEGORIES:canary"),
        event("20260105T100000Z", "DURATION:PT1H"),
    )
    morning = {
        stage: asked(stage, at("2026-01-05 08:30")).is_open
        for stage in ("dev", "qa", "prod", "canary", "never-heard-of")
    }

    assert {"dev": True, "qa": False, "prod": False, "canary": False, "never-heard-of": True} == (
        morning
    )
    assert not asked("dev", at("2026-01-05 10:30")).is_open
    assert not asked("qa", at("2026-01-05 10:30")).is_open
    assert {"qa", "prod", "canary"} == asked.stages


@pytest.mark.parametrize("word", ["TRUE", "true"])
def test_a_file_of_opening_times_is_closed_outside_of_them(word: str) -> None:
    """It says which window opens next, and when; after the last one it is closed for good."""
    asked = calendar(
        f"X-SEQUENCECTL-OPEN:{word}",
        event("20260105T080000Z", "DURATION:PT8H", "SUMMARY:monday"),
        event("20260106T080000Z", "DURATION:PT8H", "SUMMARY:tuesday"),
    )

    assert [
        "closed 2026-01-05 00:00 monday",
        "open 2026-01-05 08:00 monday",
        "closed 2026-01-05 16:00 tuesday",
        "open 2026-01-06 08:00 tuesday",
        "closed 2026-01-06 16:00",
    ] == changes(asked, "2026-01-05 00:00", "2027-01-01 00:00")
    assert Opening(is_open=False) == asked("dev", at("2026-01-06 16:00"))


def test_opening_times_of_some_stages_leave_the_others_open() -> None:
    """A stage that no event names is none of the file's business; a cancelled one names it too."""
    cancelled = ("DURATION:PT8H", "CATEGORIES:qa", "STATUS:CANCELLED")
    asked = calendar(
        OPEN_TIMES,
        event("20260105T080000Z", "DURATION:PT8H", "CATEGORIES:prod"),
        event("20260105T080000Z", *cancelled),
    )
    stages = ("dev", "qa", "prod")

    assert [True, False, False] == [asked(each, at("2026-01-04 12:00")).is_open for each in stages]
    assert [True, False, True] == [asked(each, at("2026-01-05 12:00")).is_open for each in stages]


def test_false_is_closing_times() -> None:
    """The property may be there and say no."""
    asked = calendar("X-SEQUENCECTL-OPEN:FALSE", NIGHT)

    assert not asked("dev", at("2026-01-06 00:00")).is_open


def test_windows_that_touch_are_one_closed_time() -> None:
    """Next to each other, one in another, and one over another: it opens when the last is over."""
    asked = calendar(
        NIGHT,
        event("20260106T060000Z", "DURATION:PT2H", "SUMMARY:backup"),
        event("20260106T070000Z", "DURATION:PT10M", "SUMMARY:inside"),
        event("20260106T074500Z", "DURATION:PT1H", "SUMMARY:audit"),
        event("20260106T084501Z", "DURATION:PT1H", "SUMMARY:a second late"),
    )

    assert Opening(is_open=False, until=at("2026-01-06 08:45"), name="night") == asked(
        "dev", at("2026-01-05 20:00")
    )
    assert asked("dev", at("2026-01-06 08:45")).is_open


def test_the_window_is_the_one_that_began_first() -> None:
    """Of those that are on; of two that began together the longer one, then the first by name."""
    asked = calendar(
        event("20260105T080000Z", "DURATION:PT1H", "SUMMARY:a short one"),
        event("20260105T080000Z", "DURATION:PT3H", "SUMMARY:long b"),
        event("20260105T080000Z", "DURATION:PT3H", "SUMMARY:long a"),
        event("20260105T090000Z", "DURATION:PT9H", "SUMMARY:later"),
    )
    names = [asked("dev", at(f"2026-01-05 {hour}:30")).name for hour in ("08", "10", "11")]

    assert ["long a", "long a", "later"] == names


def test_windows_of_another_stage_do_not_prolong() -> None:
    """What touches is of the same stage."""
    asked = calendar(
        NIGHT, event("20260106T060000Z", "DURATION:PT2H", "SUMMARY:backup", "CATEGORIES:prod")
    )

    assert at("2026-01-06 06:00") == asked("dev", at("2026-01-05 20:00")).until
    assert at("2026-01-06 08:00") == asked("prod", at("2026-01-05 20:00")).until


def test_what_is_cancelled_does_not_count() -> None:
    """Neither alone, nor as a series with all that changes it."""
    series = ("DURATION:PT1H", "RRULE:FREQ=DAILY", "UID:s", "STATUS:CANCELLED")
    asked = calendar(
        event("20260105T180000Z", "DURATION:PT1H", "STATUS:CANCELLED"),
        event("20260105T200000Z", *series),
        event("20260106T210000Z", "DURATION:PT1H", "UID:s", "RECURRENCE-ID:20260106T200000Z"),
    )

    assert Opening(is_open=True) == asked("dev", at("2026-01-05 18:30"))


@pytest.mark.parametrize("word", ["TRANSPARENT", "OPAQUE"])
def test_whether_somebody_counts_as_busy_says_nothing(word: str) -> None:
    """Calendar programs mark all-day events as free; a closed day is one all the same."""
    asked = calendar(event("20260105T180000Z", "DURATION:PT1H", f"TRANSP:{word}"))

    assert not asked("dev", at("2026-01-05 18:30")).is_open


def test_a_day_is_one_of_the_calendar_s_own_zone() -> None:
    """From midnight to midnight there; without an end it is one day."""
    zone = "X-WR-TIMEZONE:Europe/Berlin"
    one = calendar(zone, event(";VALUE=DATE:20260501", "SUMMARY:May Day"))
    two = calendar(zone, event("20261224", "DTEND;VALUE=DATE:20261227"))

    assert [
        "closed 2026-04-30 22:00 May Day", "open 2026-05-01 22:00",
    ] == changes(one, "2026-04-30 22:00", "2027-01-01 00:00")  # fmt: skip
    assert [
        "closed 2026-12-23 23:00", "open 2026-12-26 23:00",
    ] == changes(two, "2026-12-23 23:00", "2027-01-01 00:00")  # fmt: skip


def test_a_time_without_a_zone_is_one_of_the_calendar_s_own() -> None:
    """A TZID and a Z come before it."""
    asked = calendar(
        "X-WR-TIMEZONE:America/New_York",
        event("20260105T080000", "DTEND:20260105T090000", "SUMMARY:of the calendar"),
        event(";TZID=Europe/Berlin:20260106T080000", "DURATION:PT1H", "SUMMARY:of its own"),
        event("20260107T080000Z", "DURATION:PT1H", "SUMMARY:of UTC"),
    )

    assert [
        "open 2026-01-05 00:00 of the calendar", "closed 2026-01-05 13:00 of the calendar",
        "open 2026-01-05 14:00 of its own", "closed 2026-01-06 07:00 of its own",
        "open 2026-01-06 08:00 of UTC", "closed 2026-01-07 08:00 of UTC", "open 2026-01-07 09:00",
    ] == changes(asked, "2026-01-05 00:00", "2027-01-01 00:00")  # fmt: skip


def test_windows_own_names_of_zones_are_known() -> None:
    """Outlook writes them, and defines them in the file, which needs not be read."""
    zone = "\r\n".join([
        "BEGIN:VTIMEZONE", "TZID:W. Europe Standard Time", "BEGIN:STANDARD",
        "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100",
        "RRULE:FREQ=SECONDLY", "END:STANDARD", "END:VTIMEZONE",
    ])  # fmt: skip
    asked = calendar(zone, event(";TZID=W. Europe Standard Time:20260701T080000", "DURATION:PT1H"))

    assert at("2026-07-01 06:00") == asked("dev", at("2026-06-30 12:00")).until


def test_start_and_end_may_be_in_different_zones() -> None:
    """Each is the instant it says, also where the clocks change between them."""
    asked = calendar(
        event(";TZID=Europe/Berlin:20261024T180000", "DTEND:20261025T013000Z"),
        event(";TZID=Europe/Berlin:20261101T180000", "DTEND;TZID=America/New_York:20261101T180000"),
    )

    assert [
        "closed 2026-10-24 16:00", "open 2026-10-25 01:30",
        "closed 2026-11-01 17:00", "open 2026-11-01 23:00",
    ] == changes(asked, "2026-10-24 16:00", "2027-01-01 00:00")  # fmt: skip


def test_a_summary_is_read_without_its_marks() -> None:
    """Commas and semicolons are marked in the file, and a long line is folded."""
    asked = calendar(event("20260105T180000Z", "DURATION:PT1H", "SUMMARY:Fr", " eeze\\, all\\; é"))

    assert "Freeze, all; é" == asked("dev", at("2026-01-05 18:30")).name


def test_a_file_may_be_written_as_editors_do() -> None:
    """With the line ends of any system, a byte order mark, blank lines and small letters."""
    text = file(NIGHT, event("20260107T100000Z", "dtend:20260107T110000Z", "summary:s", "\tmall"))
    written = {text, text.replace("\r\n", "\n"), text.replace("\r\n", "\r"), "\ufeff" + text}
    written |= {text.replace("\r\n", "\n\n").replace("\n\n\t", "\n\t"), text + "\r\n\r\n"}

    assert {"small"} == {FileCalendar(each)("dev", at("2026-01-07 10:30")).name for each in written}


def test_what_is_none_of_ours_is_passed_over() -> None:
    """Tasks, journals, alarms and what programs add of their own."""
    alarm = ("BEGIN:VALARM", "TRIGGER:-PT15M", "ACTION:DISPLAY", "END:VALARM")
    asked = calendar(
        "BEGIN:VTODO", "DUE:20260105T000000Z", "END:VTODO",
        "BEGIN:X-OTHER", "DTSTART:20260105T000000Z", "END:X-OTHER",
        event("20260105T180000Z", "DURATION:PT1H", "X-OF-ITS-OWN;A=b:c", *alarm),
    )  # fmt: skip

    assert [
        "open 2026-01-01 00:00", "closed 2026-01-05 18:00", "open 2026-01-05 19:00",
    ] == changes(asked, "2026-01-01 00:00", "2027-01-01 00:00")  # fmt: skip


def test_calendars_of_one_text_are_equal() -> None:
    """So are the planes that have them."""
    shipyard = Shipyard.of({"dev": {"delivery": ["deploy"]}})
    one, same, other = calendar(NIGHT), calendar(NIGHT), calendar()

    assert (one, hash(one)) == (same, hash(same))
    assert one != other
    assert one != file(NIGHT)
    assert "FileCalendar('BEGIN:VCALENDAR" in repr(one)
    assert ControlPlane(shipyard) == ControlPlane(shipyard)
