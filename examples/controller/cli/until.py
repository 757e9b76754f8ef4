"""When something ends, as people say it: after a duration, at a time of day, or at an instant.

A time of day is that of the zone of the machine: the next instant at which its clocks show it. When
they are put forward, a time that is left out is that of the day after; when they are put back, a
time comes twice, and the first one that is still to come is meant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

FORMS: Final = "2h, 18:00 or 2026-12-24T18:00+01:00"
_DURATION: Final = re.compile(
    r"((?P<days>[0-9]{1,6})d)?((?P<hours>[0-9]{1,6})h)?((?P<minutes>[0-9]{1,6})m)?"
    r"((?P<seconds>[0-9]{1,6})s)?"
)
_TIME_OF_DAY: Final = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_DAYS: Final = 3
"""Clocks show every time of day within so many days, whatever is done to them."""


def until_of(said: str, now: datetime) -> datetime:
    """Return the instant that is meant, in UTC; raise `ValueError` with what is wrong."""
    if _TIME_OF_DAY.fullmatch(said) is not None:
        hour, _, minute = said.partition(":")
        return _next(time(int(hour), int(minute)), now)
    found = _INSTANT.fullmatch(said)
    if found is not None and not found["zone"]:
        raise ValueError(f"{said} has no zone: write {said}+01:00, or Z for UTC")
    length = _DURATION.fullmatch(said)
    if found is None and (length is None or not said):
        raise ValueError(f"must be written {FORMS}, got {said!r}")
    try:
        if length is not None:
            parts = {unit: int(number) for unit, number in length.groupdict("0").items()}
            return now + timedelta(**parts)
        return datetime.fromisoformat(said.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February, or a year beyond 9999
        raise ValueError(f"{said} is no instant that there is") from None


def _next(wanted: time, now: datetime) -> datetime:
    """Return the next instant at which the clocks of this machine show a time of day."""
    today = now.astimezone().date()
    found = (
        datetime.combine(today + timedelta(days), wanted.replace(fold=fold)).astimezone(UTC)
        for days in range(_DAYS)
        for fold in (0, 1)
    )
    return min(at for at in found if at > now and at.astimezone().time() == wanted)
