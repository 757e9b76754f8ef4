"""Events that recur: rules, further dates, exceptions, and starts that were moved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.examples.controller.calendars.files import OPEN_TIMES, at, calendar, changes, event

BERLIN = ";TZID=Europe/Berlin:"


def test_a_rule_repeats_a_window() -> None:
    """Every weekend here, in the time of its zone, for ever."""
    asked = calendar(
        event(
            f"{BERLIN}20260102T180000",
            f"DTEND{BERLIN}20260105T060000",
            "RRULE:FREQ=WEEKLY;BYDAY=FR",
            "SUMMARY:weekend",
        )
    )

    assert [
        "closed 2026-01-02 17:00 weekend", "open 2026-01-05 05:00 weekend",
        "closed 2026-01-09 17:00 weekend", "open 2026-01-12 05:00 weekend",
    ] == changes(asked, "2026-01-02 17:00", "2026-01-13 00:00")  # fmt: skip
    assert [
        "open 2726-07-16 00:00 weekend", "closed 2726-07-16 16:00 weekend",
        "open 2726-07-19 04:00 weekend",
    ] == changes(asked, "2726-07-16 00:00", "2726-07-20 00:00")  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;COUNT=3", "05 06 07"),
        ("FREQ=DAILY;INTERVAL=2;COUNT=3", "05 07 09"),
        ("FREQ=DAILY;UNTIL=20260107T100000Z", "05 06 07"),
        ("FREQ=DAILY;UNTIL=20260107T095959Z", "05 06"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=4", "05 07 09 12"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=MO;COUNT=3", "05 11 19"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;COUNT=3", "05 18 19"),
        ("FREQ=MONTHLY;BYDAY=1MO;UNTIL=20260201T000000Z", "05"),
        ("FREQ=MONTHLY;BYMONTHDAY=5,-1;COUNT=2", "05 31"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=3,-1;COUNT=2", "05 30"),
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=MO;COUNT=3", "05 12 19"),
        ("FREQ=YEARLY;BYWEEKNO=2,3;BYDAY=MO;COUNT=2", "05 12"),
        ("FREQ=YEARLY;BYYEARDAY=5,6,7;COUNT=3;", "05 06 07"),
        ("freq=daily;count=2", "05 06"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z;BYMONTHDAY=5,6,7;BYMONTH=1", "05 06 07"),
    ],
)
def test_rules_mean_what_rfc_5545_says(rule: str, days: str) -> None:
    """Seen over the January in which they begin."""
    asked = calendar(event("20260105T100000Z", "DURATION:PT1H", f"RRULE:{rule}"))
    seen = changes(asked, "2026-01-05 00:00", "2026-02-01 00:00")

    assert days.split() == [each.split()[1][-2:] for each in seen if each.startswith("closed")]


def test_the_end_of_a_rule_is_an_instant() -> None:
    """In UTC, whatever is on the wall then."""
    rule = "RRULE:FREQ=DAILY;UNTIL=20260106T173000Z"
    asked = calendar(event(f"{BERLIN}20260105T180000", "DURATION:PT1H", rule))

    assert [
        "closed 2026-01-05 17:00", "open 2026-01-05 18:00",
        "closed 2026-01-06 17:00", "open 2026-01-06 18:00",
    ] == changes(asked, "2026-01-05 17:00", "2027-01-01 00:00")  # fmt: skip


def test_a_series_keeps_to_the_wall_where_its_first_end_cannot_say_so() -> None:
    """Its first window ends in the hour that comes twice; the second one is none of that."""
    rule = "RRULE:FREQ=DAILY;COUNT=2"
    asked = calendar(event(f"{BERLIN}20261024T180000", "DTEND:20261025T013000Z", rule))

    assert [
        "closed 2026-10-24 16:00", "open 2026-10-25 00:30",
        "closed 2026-10-25 17:00", "open 2026-10-26 01:30",
    ] == changes(asked, "2026-10-24 16:00", "2027-01-01 00:00")  # fmt: skip


def test_a_rule_of_days_ends_with_a_day() -> None:
    """That day is the last one."""
    rule = "RRULE:FREQ=DAILY;UNTIL=20260107"
    asked = calendar("X-WR-TIMEZONE:America/New_York", event(";VALUE=DATE:20260105", rule))

    assert [
        "closed 2026-01-05 05:00", "open 2026-01-08 05:00",
    ] == changes(asked, "2026-01-05 05:00", "2027-01-01 00:00")  # fmt: skip


def test_further_dates_are_added_and_exceptions_taken_away() -> None:
    """In whatever zone they are written; a period has a length of its own."""
    asked = calendar(
        event(
            f"{BERLIN}20260105T100000",
            f"DTEND{BERLIN}20260105T110000",
            "RRULE:FREQ=DAILY;COUNT=4",
            f"EXDATE{BERLIN}20260106T100000",
            "EXDATE:20260107T090000Z,20260101T000000Z",
            "RDATE:20260110T090000Z",
            "RDATE;VALUE=PERIOD:20260112T090000Z/PT4H,20260114T090000Z/20260115T100000Z",
        )
    )

    assert [
        "closed 2026-01-05 09:00", "open 2026-01-05 10:00",
        "closed 2026-01-08 09:00", "open 2026-01-08 10:00",
        "closed 2026-01-10 09:00", "open 2026-01-10 10:00",
        "closed 2026-01-12 09:00", "open 2026-01-12 13:00",
        "closed 2026-01-14 09:00", "open 2026-01-15 10:00",
    ] == changes(asked, "2026-01-05 09:00", "2027-01-01 00:00")  # fmt: skip
    assert not asked("dev", at("2026-01-15 09:59")).is_open


def test_an_exception_takes_only_the_start_it_names() -> None:
    """Of several on a day, also where one is written in UTC as the other is on the wall."""
    asked = calendar(
        event(
            f"{BERLIN}20260706T180000",
            "DURATION:PT30M",
            "RRULE:FREQ=DAILY;BYHOUR=18,20;COUNT=4",
            "EXDATE:20260706T180000Z",
        )
    )

    assert [
        "closed 2026-07-06 16:00", "open 2026-07-06 16:30",
        "closed 2026-07-07 16:00", "open 2026-07-07 16:30",
        "closed 2026-07-07 18:00", "open 2026-07-07 18:30",
    ] == changes(asked, "2026-07-06 16:00", "2027-01-01 00:00")  # fmt: skip


def test_a_start_of_a_series_is_replaced() -> None:
    """It is moved, renamed, given to another stage, made longer or cancelled; the others stay."""
    moved = ("UID:s", "RECURRENCE-ID:20260106T090000Z", "DURATION:PT3H", "SUMMARY:moved")
    cancelled = ("UID:s", f"RECURRENCE-ID{BERLIN}20260107T100000", "DURATION:PT1H")
    asked = calendar(
        event(f"{BERLIN}20260105T100000", "DURATION:PT1H", "UID:s", "RRULE:FREQ=DAILY;COUNT=4"),
        event("20260620T230000Z", *moved, "CATEGORIES:prod"),
        event(f"{BERLIN}20260107T100000", *cancelled, "STATUS:CANCELLED"),
    )
    own = [
        "closed 2026-01-05 09:00", "open 2026-01-05 10:00",
        "closed 2026-01-08 09:00", "open 2026-01-08 10:00",
    ]  # fmt: skip

    assert own == changes(asked, "2026-01-05 09:00", "2027-01-01 00:00")
    assert [
        *own[:3], "open 2026-01-08 10:00 moved",
        "closed 2026-06-20 23:00 moved", "open 2026-06-21 02:00",
    ] == changes(asked, "2026-01-05 09:00", "2027-01-01 00:00", stage="prod")  # fmt: skip


def test_a_start_of_a_single_event_is_replaced() -> None:
    """As programs write it that forget the rule."""
    asked = calendar(
        event("20260105T100000Z", "DURATION:PT1H", "UID:s"),
        event("20260106T100000Z", "DURATION:PT1H", "UID:s", "RECURRENCE-ID:20260105T100000Z"),
    )

    assert [
        "open 2026-01-05 00:00", "closed 2026-01-06 10:00", "open 2026-01-06 11:00",
    ] == changes(asked, "2026-01-05 00:00", "2027-01-01 00:00")  # fmt: skip


def test_a_replacement_without_its_series_is_a_window_of_its_own() -> None:
    """Programs export such parts of a series."""
    asked = calendar(
        event("20260106T100000Z", "DURATION:PT1H", "UID:s", "RECURRENCE-ID:20260105T100000Z")
    )

    assert not asked("dev", at("2026-01-06 10:30")).is_open


def test_a_replacement_may_move_all_that_comes_later() -> None:
    """By as much as it is moved itself, with its length and its name."""
    onwards = "RECURRENCE-ID;RANGE=THISANDFUTURE:20260107T100000Z"
    asked = calendar(
        event("20260105T100000Z", "DURATION:PT1H", "UID:s", "RRULE:FREQ=DAILY", "SUMMARY:old"),
        event("20260107T140000Z", "DURATION:PT2H", "UID:s", onwards, "SUMMARY:new"),
    )

    assert [
        "closed 2026-01-06 10:00 old", "open 2026-01-06 11:00 new",
        "closed 2026-01-07 14:00 new", "open 2026-01-07 16:00 new",
        "closed 2026-01-08 14:00 new", "open 2026-01-08 16:00 new",
    ] == changes(asked, "2026-01-06 10:00", "2026-01-09 00:00")  # fmt: skip
    assert [
        "open 2031-05-08 00:00 new", "closed 2031-05-08 14:00 new", "open 2031-05-08 16:00 new",
    ] == changes(asked, "2031-05-08 00:00", "2031-05-09 00:00")  # fmt: skip


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY", "FREQ=DAILY;BYDAY=MO"])
def test_a_long_window_is_seen_from_its_start_to_its_end(rule: str) -> None:
    """At every hour of half a year, wherever the file is expanded from; the weekend is open."""
    asked = calendar(event("20240101T000000Z", "DURATION:P5D", f"RRULE:{rule}"))
    hours = [at("2026-01-01 00:00") + number * timedelta(hours=1) for number in range(24 * 180)]

    assert [hour.weekday() > 4 for hour in hours] == [asked("dev", hour).is_open for hour in hours]


def test_a_period_much_longer_than_its_event_is_seen_to_its_end() -> None:
    """Days after its start too, and whatever was asked before."""
    period = "RDATE;VALUE=PERIOD:20260301T000000Z/P90D"
    asked = calendar(event("20260105T100000Z", "DURATION:PT1H", period))

    assert [False, False, True] == [
        asked("dev", at(f"{day} 12:00")).is_open
        for day in ("2026-05-29", "2026-03-20", "2026-05-30")
    ]


def test_a_date_before_the_start_of_a_series_counts() -> None:
    """And one long after its rule is over."""
    dates = "RDATE:20240105T100000Z,20290105T100000Z"
    asked = calendar(event("20260105T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2", dates))

    assert ["2024", "2026", "2026", "2029"] == [
        each.split()[1][:4] for each in changes(asked, "2023-01-01 00:00", "2030-01-01 00:00")
        if each.startswith("closed")
    ]  # fmt: skip


def test_a_replacement_keeps_the_instant_it_is_written_with() -> None:
    """In the hour that comes twice in the zone of its series."""
    moved = ("DURATION:PT10M", "UID:s", f"RECURRENCE-ID{BERLIN}20261025T120000")
    asked = calendar(
        event(f"{BERLIN}20261025T120000", "DURATION:PT1H", "UID:s", "RRULE:FREQ=DAILY;COUNT=1"),
        event("20261025T013000Z", *moved),
    )

    assert [
        "open 2026-10-01 00:00", "closed 2026-10-25 01:30", "open 2026-10-25 01:40",
    ] == changes(asked, "2026-10-01 00:00", "2027-01-01 00:00")  # fmt: skip


def test_a_window_longer_than_its_period_never_opens() -> None:
    """Until then is said how far was looked; from there on it is the same."""
    asked = calendar(event("20260105T100000Z", "DURATION:P2D", "RRULE:FREQ=DAILY"))
    first = asked("dev", at("2026-03-05 10:00"))
    assert first.until is not None
    second = asked("dev", first.until)

    assert (False, False) == (first.is_open, second.is_open)
    assert first.until > at("2026-05-28 10:00")
    assert second.until is not None
    assert second.until > first.until


def test_the_next_window_is_found_however_late_it_is() -> None:
    """Years away, behind windows of other stages, and none at all."""
    asked = calendar(
        OPEN_TIMES,
        event("20240229T100000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY", "CATEGORIES:prod"),
        event("20350101T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "CATEGORIES:qa"),
        event("20240101T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=9", "CATEGORIES:dev"),
    )
    now = at("2096-03-01 00:00")

    assert at("2104-02-29 10:00") == asked("prod", now).until
    assert at("2096-03-01 10:00") == asked("qa", now).until
    assert at("2035-01-01 10:00") == asked("qa", at("1999-01-01 00:00")).until
    assert (False, None) == (asked("dev", now).is_open, asked("dev", now).until)
