"""Durations in the notation of Go, as in Keptn's shipyards: ``90s``, ``1h30m``, ``1.5h``.

The grammar is exactly that of Go's ``time.ParseDuration``: an optional sign, then ``0`` alone or
one or more decimal numbers, each with its unit (``ns``, ``us`` or ``µs``, ``ms``, ``s``, ``m``,
``h``), and no spaces. The range is Go's, an int64 of nanoseconds: about 292 years.

A `timedelta` counts microseconds. A finer text is rounded to the nearest microsecond, half to even.
One exception: no other duration becomes zero, so a limit of ``1ns`` is a limit of one microsecond.
`parse_duration` reads exactly what `format_duration` writes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from sequencectl.errors import DurationError

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # the micro sign
    "\u03bcs": 1_000,  # the Greek letter mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_UNIT_NAMES: Final = "ns, us, µs, ms, s, m, h"
_INT64: Final = 1 << 63
_LONGEST: Final = (_INT64 - 1) // 1_000
_MICROSECOND: Final = timedelta(microseconds=1)
_TERM: Final = re.compile(r"(?!\Z)(?P<whole>[0-9]*)(\.(?P<part>[0-9]*))?(?P<unit>[^0-9.]*)")


def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` stands for in Go's notation.

    It is exact to the microsecond; finer parts are rounded as described above. Raises
    `DurationError` if `text` is not a string, not in the grammar, or beyond an int64 of
    nanoseconds.
    """
    if not isinstance(text, str):
        raise DurationError(text, "must be a text such as '90s' or '1h30m'")
    is_negative = text.startswith("-")
    rest = text[1:] if text.startswith(("-", "+")) else text
    if rest == "0":
        return timedelta(0)
    if not rest:
        raise DurationError(text, "is empty; must be a text such as '90s' or '1h30m'")
    nanoseconds = _sum_of_terms(rest, text)
    if nanoseconds > _INT64 - (not is_negative):
        raise _too_long(text)
    microseconds = min(round(nanoseconds, -3) // 1_000 or bool(nanoseconds), _LONGEST)
    return timedelta(microseconds=-microseconds if is_negative else microseconds)


def format_duration(duration: timedelta) -> str:
    """Return `duration` as Go prints it: ``1h0m0s``, ``1.5s``, ``100ms``, ``1µs``, ``0s``.

    ``parse_duration`` reads the text back to the same value. Raises `DurationError` for a duration
    beyond an int64 of nanoseconds and for anything that is not a `timedelta`.
    """
    if not isinstance(duration, timedelta):
        raise DurationError(duration, "must be a timedelta")
    microseconds = abs(duration) // _MICROSECOND
    if microseconds > _LONGEST:
        raise _too_long(duration)
    sign = "-" if duration < timedelta(0) else ""
    if microseconds == 0:
        return "0s"
    if microseconds < 1_000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{_decimal(microseconds, 3)}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 6)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _sum_of_terms(rest: str, text: str) -> int:
    """Return the nanoseconds of one or more numbers with their units."""
    total = 0
    for term in _TERM.finditer(rest):
        whole, part, unit = term["whole"], term["part"] or "", term["unit"]
        if not whole and not part:
            raise DurationError(text, "needs a number before each unit")
        if not unit:
            raise DurationError(text, f"has a number without a unit; the units are {_UNIT_NAMES}")
        if unit not in _UNITS:
            raise DurationError(text, f"has the unknown unit {unit!r}; the units are {_UNIT_NAMES}")
        digits = whole.lstrip("0")
        if len(digits) > len(str(_INT64)):  # int() of a very long text would raise or take long
            raise _too_long(text)
        total += int(digits or "0") * _UNITS[unit] + _fraction(part, _UNITS[unit])
    return total


def _fraction(digits: str, unit: int) -> int:
    """Return the nanoseconds of ``.digits`` of a unit, computed in floats as Go computes it."""
    value, scale = 0, 1.0
    for digit in digits:
        longer = value * 10 + int(digit)
        if longer > _INT64:
            break
        value, scale = longer, scale * 10
    return int(value * (unit / scale))


def _decimal(value: int, places: int) -> str:
    """Return value / 10**places without trailing zeros."""
    whole, part = divmod(value, 10**places)
    return f"{whole}.{part:0{places}}".rstrip("0").rstrip(".")


def _too_long(value: object) -> DurationError:
    return DurationError(value, "must lie within 292 years (an int64 of nanoseconds)")
