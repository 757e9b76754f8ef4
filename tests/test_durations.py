"""Durations in Go's notation."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencectl.durations import format_duration, parse_duration
from sequencectl.errors import DurationError
from tests.strategies import LONGEST_IN_GO, durations

HOUR = 3_600_000_000_000
MINUTE = 60_000_000_000
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
MICROSECOND = 1_000

# what Go's own tests of time.ParseDuration accept, with the nanoseconds they want
READ_BY_GO = [
    ("0", 0),
    ("5s", 5 * SECOND),
    ("30s", 30 * SECOND),
    ("1478s", 1478 * SECOND),
    ("-5s", -5 * SECOND),
    ("+5s", 5 * SECOND),
    ("-0", 0),
    ("+0", 0),
    ("5.0s", 5 * SECOND),
    ("5.6s", 5 * SECOND + 600 * MILLISECOND),
    ("5.s", 5 * SECOND),
    (".5s", 500 * MILLISECOND),
    ("1.0s", SECOND),
    ("1.00s", SECOND),
    ("1.004s", SECOND + 4 * MILLISECOND),
    ("1.0040s", SECOND + 4 * MILLISECOND),
    ("100.00100s", 100 * SECOND + MILLISECOND),
    ("10ns", 10),
    ("11us", 11 * MICROSECOND),
    ("12\u00b5s", 12 * MICROSECOND),
    ("12\u03bcs", 12 * MICROSECOND),
    ("13ms", 13 * MILLISECOND),
    ("14s", 14 * SECOND),
    ("15m", 15 * MINUTE),
    ("16h", 16 * HOUR),
    ("3h30m", 3 * HOUR + 30 * MINUTE),
    ("10.5s4m", 4 * MINUTE + 10 * SECOND + 500 * MILLISECOND),
    ("-2m3.4s", -(2 * MINUTE + 3 * SECOND + 400 * MILLISECOND)),
    (
        "1h2m3s4ms5us6ns",
        HOUR + 2 * MINUTE + 3 * SECOND + 4 * MILLISECOND + 5 * MICROSECOND + 6,
    ),
    ("39h9m14.425s", 39 * HOUR + 9 * MINUTE + 14 * SECOND + 425 * MILLISECOND),
    ("52763797000ns", 52_763_797_000),
    ("0.3333333333333333333h", 20 * MINUTE),
    ("9007199254740993ns", 2**53 + 1),
    ("9223372036854775807ns", 2**63 - 1),
    ("9223372036854775.807us", 2**63 - 1),
    ("9223372036s854ms775us807ns", 2**63 - 1),
    ("-9223372036854775808ns", -(2**63)),
    ("-9223372036854775.808us", -(2**63)),
    ("-2562047h47m16.854775808s", -(2**63)),
    ("0.100000000000000000000h", 6 * MINUTE),
    ("0.830103483285477580700h", 49 * MINUTE + 48 * SECOND + 372_539_827),
]

# what Go's own tests want to be an error, and why it is one here
REFUSED_BY_GO = [
    ("", "is empty"),
    ("3", "without a unit"),
    ("-", "is empty"),
    ("s", "a number before each unit"),
    (".", "a number before each unit"),
    ("-.", "a number before each unit"),
    (".s", "a number before each unit"),
    ("+.s", "a number before each unit"),
    ("1d", "unknown unit 'd'"),
    ("3000000h", "within 292 years"),
    ("9223372036854775808ns", "within 292 years"),
    ("9223372036854775.808us", "within 292 years"),
    ("9223372036854ms775us808ns", "within 292 years"),
    ("-9223372036854775809ns", "within 292 years"),
]

# what Go's Duration.String prints
PRINTED_BY_GO = [
    ("0s", 0),
    ("1µs", MICROSECOND),
    ("999µs", 999 * MICROSECOND),
    ("100ms", 100 * MILLISECOND),
    ("2.2ms", 2200 * MICROSECOND),
    ("3.3s", 3300 * MILLISECOND),
    ("59.999999s", MINUTE - MICROSECOND),
    ("1m0s", MINUTE),
    ("4m5s", 4 * MINUTE + 5 * SECOND),
    ("4m5.001s", 4 * MINUTE + 5001 * MILLISECOND),
    ("1h0m0s", HOUR),
    ("5h6m7.001s", 5 * HOUR + 6 * MINUTE + 7001 * MILLISECOND),
    ("24h0m0s", 24 * HOUR),
    ("2562047h47m16.854775s", 2**63 - 1 - 807),
    ("-1µs", -MICROSECOND),
    ("-1m30s", -90 * SECOND),
    ("-2562047h47m16.854775s", -(2**63 - 1 - 807)),
]


def rounded(nanoseconds: int) -> timedelta:
    """The documented rounding, in exact fractions: half to even, never to zero, within range."""
    microseconds = round(Fraction(nanoseconds, 1000))
    if nanoseconds and not microseconds:
        microseconds = 1 if nanoseconds > 0 else -1
    limit = LONGEST_IN_GO // timedelta(microseconds=1)
    return timedelta(microseconds=max(-limit, min(microseconds, limit)))


@pytest.mark.parametrize(("text", "nanoseconds"), READ_BY_GO)
def test_what_go_reads_is_read_alike(text: str, nanoseconds: int) -> None:
    """Go's own examples give Go's own values, rounded to the microsecond."""
    actual = parse_duration(text)

    assert rounded(nanoseconds) == actual


@pytest.mark.parametrize(("text", "why"), REFUSED_BY_GO)
def test_what_go_refuses_is_refused(text: str, why: str) -> None:
    """Go's own errors are errors here, each with its reason and the text."""
    with pytest.raises(DurationError, match=why) as caught:
        parse_duration(text)

    assert text == caught.value.value


@pytest.mark.parametrize(
    "text",
    [
        " 1s",
        "1s ",
        "1 s",
        "1h 5m",
        "1s\n",
        "\n",
        "1S",
        "1sec",
        "--1s",
        "1s-1s",
        "+-1s",
        "1e3s",
        "1,5s",
        "0x1s",
        "1_0s",
        "00",
        "0.0",
        "1..5s",
        "٣s",
        "²s",
        "∞s",
        "1\x00s",
        "P1D",
        "null",
        "9" * 5000 + "s",
        "1" * 20 + "ns",
    ],
)
def test_other_notations_are_refused(text: str) -> None:
    """Spaces, capitals, exponents, other digits and other notations are not Go's grammar."""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)

    assert text == caught.value.value


@pytest.mark.parametrize("value", [None, 5, 1.5, True, b"5s", timedelta(1), ["5s"]])
def test_only_a_text_is_parsed(value: object) -> None:
    """Anything but a text is an error of the same type, never a crash."""
    with pytest.raises(DurationError) as caught:
        parse_duration(value)  # type: ignore[arg-type] # the mistake under test

    assert value is caught.value.value


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1ns", 1),
        ("-1ns", -1),
        ("499ns", 1),
        ("500ns", 1),
        ("1500ns", 2),
        ("2500ns", 2),
        ("2501ns", 3),
        ("-2500ns", -2),
        ("1h0.0000005s", 3_600_000_000),
        ("0.0000000001s", 0),
        ("." + "0" * 400 + "1s", 0),
        ("0" * 6000 + "1us", 1),
    ],
)
def test_finer_parts_are_rounded_but_never_to_zero(text: str, microseconds: int) -> None:
    """Nanoseconds are rounded half to even; what Go holds to be more than zero stays so."""
    actual = parse_duration(text)

    assert timedelta(microseconds=microseconds) == actual


@pytest.mark.parametrize(("text", "nanoseconds"), PRINTED_BY_GO)
def test_durations_print_as_in_go(text: str, nanoseconds: int) -> None:
    """The text is the one Go's String gives."""
    actual = format_duration(timedelta(microseconds=nanoseconds // MICROSECOND))

    assert text == actual


@given(durations())
def test_what_is_printed_is_read_back(duration: timedelta) -> None:
    """Every duration in Go's range survives printing and reading."""
    actual = parse_duration(format_duration(duration))

    assert duration == actual


@given(durations(timedelta(microseconds=1)))
def test_a_negative_duration_prints_as_the_positive_one_with_a_sign(duration: timedelta) -> None:
    """The sign is all that differs."""
    actual = format_duration(-duration)

    assert f"-{format_duration(duration)}" == actual


@pytest.mark.parametrize(
    "duration",
    [LONGEST_IN_GO + timedelta(microseconds=1), -LONGEST_IN_GO - timedelta(microseconds=1)],
)
def test_a_duration_beyond_go_is_not_printed(duration: timedelta) -> None:
    """A text that nobody could read back is never written."""
    with pytest.raises(DurationError, match="292 years") as caught:
        format_duration(duration)

    assert duration == caught.value.value


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(999, "999µs"), (1_000, "1ms"), (999_999, "999.999ms"), (1_000_000, "1s")],
)
def test_a_unit_ends_where_the_next_begins(microseconds: int, text: str) -> None:
    """A thousand of one are one of the next."""
    assert text == format_duration(timedelta(microseconds=microseconds))


def test_long_durations_are_exact() -> None:
    """To the microsecond, also where a float would no longer tell two of them apart."""
    assert timedelta(microseconds=2**53 + 1) == parse_duration(f"{2**53 + 1}us")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (5, "duration: must be a text such as '90s' or '1h30m', got 5"),
        ("", "duration: is empty; must be a text such as '90s' or '1h30m', got ''"),
        (".s", "duration: needs a number before each unit, got '.s'"),
        ("300000000h", "duration: must lie within 292 years (an int64 of nanoseconds), got "),
    ],
)
def test_a_refusal_is_a_sentence(text: Any, said: str) -> None:
    """It says what is wrong and shows what was given."""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)

    assert str(caught.value).startswith(said)


def test_only_a_timedelta_is_printed() -> None:
    """Anything but a timedelta is an error of the same type."""
    with pytest.raises(DurationError, match="must be a timedelta, got '5s'"):
        format_duration("5s")  # type: ignore[arg-type] # the mistake under test


@given(
    st.one_of(
        st.text(st.sampled_from("0123456789.+-nuµmsh"), max_size=30),
        st.from_regex(
            r"[-+]?([0-9]{0,22}(\.[0-9]{0,22})?(ns|us|µs|ms|s|m|h)){1,3}", fullmatch=True
        ),
    )
)
def test_any_text_gives_a_duration_or_the_one_error(text: str) -> None:
    """Nothing else comes out, whatever the text; what comes out can be printed."""
    try:
        duration = parse_duration(text)
    except DurationError:
        return

    assert duration == parse_duration(format_duration(duration))
