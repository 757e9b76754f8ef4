"""When a freeze ends, as people say it: in a fixed zone, by a fixed clock, whatever DST does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from examples.controller.cli.until import until_of

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no such setting")

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""Clocks show 03:00 after 01:59 on 29 March 2026, and 02:00 to 02:59 twice on 25 October."""


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone of the machine, for the length of a test."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", BERLIN)
        time.tzset()
        yield
    time.tzset()


def utc(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "said", "until"),
    [
        pytest.param("2026-03-02 09:30", "2h", "2026-03-02 11:30", id="a duration"),
        pytest.param("2026-03-02 09:30", "1h30m", "2026-03-02 11:00", id="hours and minutes"),
        pytest.param("2026-03-28 09:30", "2d12h5s", "2026-03-30 21:30:05", id="days, none shorter"),
        pytest.param("2026-03-02 09:30", "18:00", "2026-03-02 17:00", id="today, in winter"),
        pytest.param("2026-07-02 09:30", "18:00", "2026-07-02 16:00", id="today, in summer"),
        pytest.param("2026-03-02 17:00", "18:00", "2026-03-03 17:00", id="now is tomorrow"),
        pytest.param("2026-03-02 17:01", "18:00", "2026-03-03 17:00", id="passed is tomorrow"),
        pytest.param(
            "2026-03-02 23:30", "00:15", "2026-03-03 23:15", id="the day is the local one"
        ),
        pytest.param("2026-03-02 23:10", "0:15", "2026-03-02 23:15", id="one digit"),
        pytest.param("2026-03-28 17:30", "18:00", "2026-03-29 16:00", id="put forward overnight"),
        pytest.param("2026-10-24 16:30", "18:00", "2026-10-25 17:00", id="put back overnight"),
        pytest.param("2026-03-29 00:30", "02:30", "2026-03-30 00:30", id="left out"),
        pytest.param("2026-03-28 02:00", "02:30", "2026-03-30 00:30", id="left out tomorrow"),
        pytest.param("2026-10-25 00:10", "02:30", "2026-10-25 00:30", id="twice, before both"),
        pytest.param("2026-10-25 00:40", "02:30", "2026-10-25 01:30", id="twice, between them"),
        pytest.param("2026-10-25 01:40", "02:30", "2026-10-26 01:30", id="twice, after both"),
        pytest.param(
            "2026-03-02 09:30", "2026-12-24T18:00+01:00", "2026-12-24 17:00", id="instant"
        ),
        pytest.param("2026-03-02 09:30", "2026-12-24 18:00:30Z", "2026-12-24 18:00:30", id="Z"),
        pytest.param("2026-03-02 09:30", "2026-12-24t18:00z", "2026-12-24 18:00", id="small"),
        pytest.param("2026-03-02 09:30", "2020-12-24T18:00Z", "2020-12-24 18:00", id="in the past"),
    ],
)
def test_an_end_is_the_next_such_instant(now: str, said: str, until: str) -> None:
    """Whether it is over is for the controller to say."""
    assert utc(until) == until_of(said, utc(now))


def test_the_day_is_that_of_a_zone_west_of_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it is evening still when in UTC the next day has begun."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "PST8PDT,M3.2.0,M11.1.0")
        time.tzset()
        until = until_of("19:00", utc("2026-03-03 02:00"))
    time.tzset()

    assert utc("2026-03-03 03:00") == until


def test_a_time_of_day_leaves_no_seconds_behind() -> None:
    """It ends as the minute begins."""
    now = datetime(2026, 3, 2, 16, 59, 59, 999_999, tzinfo=UTC)

    assert utc("2026-03-02 17:00") == until_of("18:00", now)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("24:00", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got '24:00'"),
        ("18", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got '18'"),
        ("tomorrow", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got 'tomorrow'"),
        ("", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got ''"),
        ("2026-12-24", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got '2026-12-24'"),
        ("2026-12-24T18:00", "2026-12-24T18:00 has no zone: write 2026-12-24T18:00+01:00, or Z for "
                             "UTC"),
        ("2026-02-31T18:00Z", "2026-02-31T18:00Z is no instant that there is"),
        ("9999-12-31T23:59-14:00", "9999-12-31T23:59-14:00 is no instant that there is"),
        ("999999d", "999999d is no instant that there is"),
        ("1000000h", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got '1000000h'"),
        ("-2h", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got '-2h'"),
        ("5m2h", "must be written 2h, 18:00 or 2026-12-24T18:00+01:00, got '5m2h'"),
    ],
)  # fmt: skip
def test_what_is_no_end_is_said_to_be_none(said: str, problem: str) -> None:
    """A date and time without a zone is never read as local: it may be meant for somewhere else."""
    late = datetime(9800, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match=r"must be|has no zone|is no instant") as caught:
        until_of(said, late)

    assert problem == str(caught.value)
