"""Files that cannot be used: each is refused with one sentence that says where and why."""

from __future__ import annotations

import pytest

from examples.controller.calendars import FileCalendar
from examples.controller.calendars.lines import MAX_BYTES, CalendarFileError
from sequencectl import InvalidValue
from tests.examples.controller.calendars.files import event, file

START = "20260105T180000Z"
HOUR = "DURATION:PT1H"
ZONE = "X-WR-TIMEZONE:Europe/Berlin"


def refusal(text: str) -> CalendarFileError:
    """What is said of a file."""
    with pytest.raises(InvalidValue) as refused:
        FileCalendar(text)
    assert isinstance(refused.value, CalendarFileError)
    return refused.value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "calendar: must begin with BEGIN:VCALENDAR, got ''"),
        ("spec: 1", "calendar: line 1: SPEC: must stand between BEGIN:VCALENDAR and "
                    "END:VCALENDAR, got ' 1'"),
        ("PK\x03\x04", "calendar: line 1: must be a line of iCalendar (RFC 5545), NAME:VALUE, "
                       "got 'PK\\x03\\x04'"),
        (event(START, HOUR), "calendar: line 1: VEVENT: must be one VCALENDAR, got 'BEGIN:VEVENT'"),
        (file() + file(), "calendar: line 5: VCALENDAR: must be one VCALENDAR, "
                          "got 'BEGIN:VCALENDAR'"),
        (file() + "X-COMMENT:1", "calendar: line 5: X-COMMENT: must stand between BEGIN:VCALENDAR "
                                 "and END:VCALENDAR, got '1'"),
        (file()[:-len("END:VCALENDAR\r\n")], "calendar: line 1: VCALENDAR: must end with "
                                             "END:VCALENDAR, got 'nothing'"),
        (file("BEGIN:VEVENT"), "calendar: line 5: END: must end what was begun last, "
                               "got 'VCALENDAR'"),
        (file("END:VEVENT"), "calendar: line 4: END: must end what was begun last, got 'VEVENT'"),
        ("x" * (MAX_BYTES + 1), "calendar: must have at most 1048576 bytes, got 1048577"),
        (file("CALSCALE:CHINESE"), "calendar: line 4: CALSCALE: must be GREGORIAN, got 'CHINESE'"),
        (file("X-SEQUENCECTL-OPEN:YES"), "calendar: line 4: X-SEQUENCECTL-OPEN: must be TRUE or "
                                         "FALSE, got 'YES'"),
        (file("X-WR-TIMEZONE:Berlin"), "calendar: line 4: X-WR-TIMEZONE: must have a zone of the "
                                       "IANA database, there is no 'Berlin', got 'Berlin'"),
        (file("BEGIN:VFREEBUSY", "END:VFREEBUSY"), "calendar: line 4: VFREEBUSY: must be written "
                                                   "as a VEVENT, got 'BEGIN:VFREEBUSY'"),
        (file("BEGIN:X-A", event(START, HOUR), "END:X-A"), "calendar: line 5: VEVENT: must stand "
         "in the calendar itself, got 'BEGIN:VEVENT in X-A'"),
        (file(*["BEGIN:X-A"] * 9), "calendar: line 11: X-A: must be in at most 8 others, got "
                                   "'BEGIN:X-A'"),
        (file("BEGIN: X"), "calendar: line 4: BEGIN: must name a component, got ' X'"),
        (file("NÄME:1"), "calendar: line 4: must be a line of iCalendar (RFC 5545), NAME:VALUE, "
                         "got 'NÄME:1'"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_calendar(text: str, sentence: str) -> None:
    """Its error names the line, if there is one to name."""
    error = refusal(text)

    assert sentence == str(error)
    assert (f"line {error.line}:" in sentence) == (error.line is not None)


@pytest.mark.parametrize(
    ("lines", "where", "sentence"),
    [
        # times
        ([], 4, "VEVENT: must have a DTSTART"),
        ([f"DTSTART:{START}"], 4, "VEVENT: must have a DTEND or a DURATION"),
        ([f"DTSTART:{START}", HOUR, f"DTSTART:{START}"], 7, "DTSTART: must be there once"),
        ([f"DTSTART:{START}", "DTEND:20260105T180000Z"], 6, "DTEND: must be later than its start"),
        ([f"DTSTART:{START}", "DTEND:20260105T170000Z"], 6, "DTEND: must be later than its start"),
        ([f"DTSTART:{START}", "DTEND;VALUE=DATE:20260107"], 6, "DTEND: must be a day where"),
        ([f"DTSTART:{START}", "DTEND:20260106T000000Z", HOUR], 7, "DURATION: must not stand"),
        ([f"DTSTART:{START}", "DTEND:21260106T000000Z"], 6, "DTEND: must be at most 36500 days"),
        ([f"DTSTART:{START}", "DURATION:P99999999W"], 6, "DURATION: must be at most 36500 days"),
        ([f"DTSTART:{START}", "DURATION:-PT1H"], 6, "DURATION: must be a duration"),
        ([f"DTSTART:{START}", "DURATION:PT0S"], 6, "DURATION: must be longer than nothing"),
        ([f"DTSTART:{START}", "DURATION:1h"], 6, "DURATION: must be a duration"),
        (["DTSTART:20260105T180000", HOUR], 5, "DTSTART: must have a zone"),
        (["DTSTART;VALUE=DATE:20260105"], 5, "DTSTART: must have a zone"),
        (["DTSTART;TZID=Mars/Base:20260105T180000", HOUR], 5,
         "DTSTART: must have a zone of the IANA database, there is no 'Mars/Base'"),
        (["DTSTART;TZID=../../etc/passwd:20260105T180000", HOUR], 5, "DTSTART: must have a zone"),
        (["DTSTART;TZID=Europe:20260105T180000", HOUR], 5, "DTSTART: must have a zone of"),
        (["DTSTART;TZID=Europe/Berlin:20260105T180000Z", HOUR], 5, "DTSTART: must have either"),
        (["DTSTART:20260230T180000Z", HOUR], 5, "DTSTART: must be a day or a time that there is"),
        (["DTSTART:tomorrow", HOUR], 5, "DTSTART: must be a day (20261224) or a time"),
        (["DTSTART:18991231T235959Z", HOUR], 5, "DTSTART: must be from 1900 to 8999"),
        (["DTSTART:90000101T000000Z", HOUR], 5, "DTSTART: must be from 1900 to 8999"),
        # what it says
        ([f"DTSTART:{START}", HOUR, "SUMMARY:" + "x" * 201], 7, "SUMMARY: must be at most 200"),
        ([f"DTSTART:{START}", HOUR, "SUMMARY:two\\nlines"], 7, "SUMMARY: must be at most 200"),
        ([f"DTSTART:{START}", HOUR, "SUMMARY:one", "SUMMARY:two"], 8, "SUMMARY: must be there"),
        ([f"DTSTART:{START}", HOUR, "CATEGORIES:prod,no stage"], 7, "CATEGORIES: must name stages"),
        ([f"DTSTART:{START}", HOUR, "CATEGORIES:"], 7, "CATEGORIES: must name stages"),
        ([f"DTSTART:{START}", HOUR, "CATEGORIES:" + "x" * 64], 7, "CATEGORIES: must name stages"),
        ([f"DTSTART:{START}", HOUR, "STATUS:DONE"], 7, "STATUS: must be one of CANCELLED, "),
        # series
        ([f"DTSTART:{START}", HOUR, "EXRULE:FREQ=DAILY"], 7, "EXRULE: must be written as EXDATE"),
        ([f"DTSTART:{START}", HOUR, "RDATE;VALUE=DATE:20260107"], 7, "RDATE: must have days where"),
        ([f"DTSTART:{START}", HOUR, "RDATE:20260107T180000Z/20260107T180000Z"], 7,
         "RDATE: must be later than its start"),
        ([f"DTSTART:{START}", HOUR, "RDATE:20260107T180000Z/PT"], 7, "RDATE: must be longer than"),
        ([f"DTSTART:{START}", HOUR, "EXDATE:20260107T180000Z/PT1H"], 7, "EXDATE: must have days"),
        ([f"DTSTART:{START}", HOUR, f"RECURRENCE-ID:{START}"], 7, "RECURRENCE-ID: must stand"),
        ([f"DTSTART:{START}", HOUR, "UID:a", "RECURRENCE-ID;VALUE=DATE:20260105"], 8,
         "RECURRENCE-ID: must be a day where DTSTART is one"),
        ([f"DTSTART:{START}", HOUR, "UID:a", f"RECURRENCE-ID;RANGE=THISANDPRIOR:{START}"], 8,
         "RECURRENCE-ID: must have no RANGE but THISANDFUTURE, not 'THISANDPRIOR'"),
        ([f"DTSTART:{START}", HOUR, "UID:a", "RECURRENCE-ID:19000105T180000Z"], 8,
         "RECURRENCE-ID: must be at most 36500 days from DTSTART"),
        ([f"DTSTART:{START}", HOUR, "UID:a", f"RECURRENCE-ID:{START}", "RRULE:FREQ=DAILY"], 4,
         "VEVENT: must not have RRULE, RDATE or EXDATE beside RECURRENCE-ID"),
        ([f"DTSTART:{START}", HOUR, "UID:a", f"RECURRENCE-ID;RANGE=THISANDFUTURE:{START}",
          "STATUS:CANCELLED"], 4, "VEVENT: must end its RRULE with UNTIL"),
    ],
)  # fmt: skip
def test_an_event_that_says_nothing_sensible(lines: list[str], where: int, sentence: str) -> None:
    """The line and the property are named, and what would do."""
    error = refusal(file("BEGIN:VEVENT", *lines, "END:VEVENT"))

    assert where == error.line
    assert str(error).startswith(f"calendar: line {where}: {sentence}")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "must have each part once, as NAME=VALUE, not ''"),
        ("DAILY", "must have each part once, as NAME=VALUE, not 'DAILY'"),
        ("INTERVAL=2", "must have a FREQ"),
        ("FREQ=DAILY;FREQ=DAILY", "must have each part once"),
        ("FREQ=DAILY,WEEKLY", "must have one FREQ"),
        ("FREQ=HOURLY", "must have one of DAILY, WEEKLY, MONTHLY, YEARLY: windows come no more"),
        ("FREQ=MINUTELY", "must have one of DAILY"),
        ("FREQ=SECONDLY", "must have one of DAILY"),
        ("FREQ=FORTNIGHTLY", "must have one of DAILY"),
        ("FREQ=DAILY;INTERVAL=0", "must have INTERVAL from 1 to 1000, not '0'"),
        ("FREQ=DAILY;INTERVAL=-1", "must have INTERVAL from 1 to 1000, not '-1'"),
        ("FREQ=DAILY;INTERVAL=1001", "must have INTERVAL from 1 to 1000, not '1001'"),
        ("FREQ=DAILY;COUNT=0", "must have COUNT from 1 to 1000, not '0'"),
        ("FREQ=DAILY;COUNT=1001", "must have COUNT from 1 to 1000, not '1001'"),
        ("FREQ=DAILY;COUNT=one", "must have COUNT from 1 to 1000, not 'ONE'"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260601T000000Z", "must not have both COUNT and UNTIL"),
        ("FREQ=DAILY;UNTIL=20260601", "must have an UNTIL that is a day where DTSTART is one"),
        ("FREQ=DAILY;UNTIL=20260601T000000", "must have an UNTIL that is a day"),
        ("FREQ=DAILY;UNTIL=20260231T000000Z", "must be a day or a time that there is"),
        ("FREQ=DAILY;UNTIL=soon", "must have UNTIL as RFC 5545 has it, not 'SOON'"),
        ("FREQ=DAILY;UNTIL=20250101T000000Z", "must give DTSTART first (2026-01-05 18:00:00): it"),
        ("FREQ=DAILY;BYMONTHDAY=0", "must have BYMONTHDAY from 1 to 31 (or as much from the end"),
        ("FREQ=DAILY;BYMONTHDAY=-32", "must have BYMONTHDAY from 1 to 31"),
        ("FREQ=DAILY;BYHOUR=-1", "must have BYHOUR from 0 to 23, not '-1'"),
        ("FREQ=DAILY;BYSECOND=60", "must have BYSECOND from 0 to 59, not '60'"),
        ("FREQ=DAILY;BYDAY=XX", "must have BYDAY as RFC 5545 has it, not 'XX'"),
        ("FREQ=DAILY;BYDAY=1MO", "must have plain weekdays here, without a number"),
        ("FREQ=WEEKLY;BYDAY=-1MO", "must have plain weekdays here, without a number"),
        ("FREQ=YEARLY;BYWEEKNO=2;BYDAY=1MO", "must have plain weekdays here, without a number"),
        ("FREQ=YEARLY;BYWEEKNO=2", "must have BYDAY with BYWEEKNO"),
        ("FREQ=WEEKLY;BYMONTHDAY=5", "must not have BYMONTHDAY with WEEKLY"),
        ("FREQ=MONTHLY;BYYEARDAY=5", "must not have BYYEARDAY with MONTHLY"),
        ("FREQ=DAILY;BYWEEKNO=2", "must not have BYWEEKNO with DAILY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "must have another BY part with BYSETPOS"),
        ("FREQ=DAILY;BYEASTER=0", "must have parts of RFC 5545 alone, not 'BYEASTER'"),
        ("FREQ=DAILY;RSCALE=CHINESE", "must have parts of RFC 5545 alone, not 'RSCALE'"),
        ("FREQ=WEEKLY;BYDAY=TU", "must give DTSTART first (2026-01-05 18:00:00), so have its day "
                                 "in BYDAY"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "must give DTSTART first (2026-01-05 18:00:00), so "
                                               "have its day in BYMONTH"),
        ("FREQ=MONTHLY;BYMONTHDAY=-26,6", "must give DTSTART first (2026-01-05 18:00:00), so have "
                                          "its day in BYMONTHDAY"),
        ("FREQ=DAILY;BYHOUR=17,19", "must give DTSTART first (2026-01-05 18:00:00): its first "
                                    "start is 2026-01-05 19:00:00"),
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=6MO", "must give DTSTART first (2026-01-05 18:00:00): it "
                                            "never comes"),
        ("FREQ=DAILY;BYHOUR=18,19;BYSETPOS=3", "must have BYSETPOS up to 2, as many as it gives"),
        ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=-3", "must have BYSETPOS up to 2, as many as it gives"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_followed(rule: str, sentence: str) -> None:
    """Nothing of a rule is left out in silence."""
    error = refusal(file(event(START, HOUR, f"RRULE:{rule}")))

    assert 7 == error.line
    assert str(error).startswith(f"calendar: line 7: RRULE: {sentence}")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["DURATION:PT24H"], "DURATION: must be of whole days where DTSTART is a day"),
        (["RRULE:FREQ=DAILY;BYHOUR=8"], "RRULE: must not have BYHOUR where DTSTART is a day"),
        (["RRULE:FREQ=DAILY;UNTIL=20260601T000000Z"], "RRULE: must have an UNTIL that is a day"),
        (["RDATE:20260107T180000Z"], "RDATE: must have days where DTSTART is one"),
        (["EXDATE:20260107T180000Z"], "EXDATE: must have days where DTSTART is one"),
        (["DTEND:20260106T180000Z"], "DTEND: must be a day where DTSTART is one"),
    ],
)
def test_days_and_times_do_not_mix(lines: list[str], sentence: str) -> None:
    """In an event of days all are days."""
    error = refusal(file(ZONE, event("20260105", *lines)))

    assert str(error).startswith(f"calendar: line 7: {sentence}")


def test_two_events_of_one_id_are_refused() -> None:
    """Which of them counts would be a guess; the same goes for two that replace one start."""
    one = event(START, HOUR, "UID:a")
    changed = event(START, HOUR, "UID:a", f"RECURRENCE-ID:{START}")
    again = event(START, HOUR, "UID:a", "RECURRENCE-ID;TZID=Europe/Berlin:20260105T190000")
    sentence = "UID: must have an id of its own; line {} has the same, got 'a'"

    assert f"calendar: line 9: {sentence.format(4)}" == str(refusal(file(one, one)))
    assert f"calendar: line 15: {sentence.format(9)}" == str(refusal(file(one, changed, again)))


def test_a_file_that_makes_too_much_work_is_refused() -> None:
    """Too many events, starts on a day, or dates."""
    hours = ",".join(str(hour) for hour in range(24))
    often = event("20260105T000000Z", HOUR, f"RRULE:FREQ=DAILY;BYHOUR={hours};BYMINUTE=0,15,30,45")
    dates = ",".join(f"20260105T{n // 60:02}{n % 60:02}00Z" for n in range(1_001))
    listed = event(START, HOUR, f"RDATE:{dates}", f"EXDATE:{dates}")
    many, recurring = [event(START, HOUR)] * 1_001, [event(START, HOUR, f"RDATE:{START}")] * 5
    sentences = [str(refusal(file(*given))) for given in (many, [often, *recurring], [listed])]

    assert [
        "calendar: must have at most 1000 events, got 1001",
        "calendar: must have at most 100 starts of recurring events on one day, got 101",
        "calendar: must have at most 2000 values of RDATE and EXDATE, got 2002",
    ] == sentences
