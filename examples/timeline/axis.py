"""The axis of time: where an instant lies, and the times that are written on it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final, final

import attrs

STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400
)  # fmt: skip
"""So many seconds may lie between two ticks, or whole days."""

DAY: Final = 86_400
SHORTEST: Final = timedelta(seconds=5)
"""An axis is not shorter, so that what took no time has one."""


@final
@attrs.frozen
class Axis:
    """Instants from `begin` on over so much `span`, from `left` to `right`."""

    begin: datetime
    span: timedelta
    left: float
    right: float

    def x(self, at: datetime) -> float:
        """Return where an instant lies; what is outside lies on the edge."""
        part = min(max((at - self.begin) / self.span, 0.0), 1.0)
        return self.left + part * (self.right - self.left)

    def ticks(self, room: float) -> list[tuple[float, str]]:
        """Return where there are ticks, at least `room` apart, and what is written there."""
        seconds = self.span.total_seconds()
        least = seconds * room / (self.right - self.left)
        step = next((step for step in STEPS if step >= least), math.ceil(least / DAY) * DAY)
        midnight = self.begin.replace(hour=0, minute=0, second=0, microsecond=0)
        since = (self.begin - midnight).total_seconds()
        offsets = range(math.ceil(since / step) * step, math.floor(since + seconds) + 1, step)
        return [self._tick(midnight, offset, step) for offset in offsets]

    def _tick(self, midnight: datetime, offset: int, step: int) -> tuple[float, str]:
        at = midnight + timedelta(seconds=offset)
        if offset % DAY == 0 and (offset or step >= DAY):
            return self.x(at), f"{at:%m-%d}" if step < DAY else f"{at:%Y-%m-%d}"
        return self.x(at), f"{at:%H:%M}" if step % 60 == 0 else f"{at:%H:%M:%S}"


def axis_over(begin: datetime, end: datetime, left: float, right: float) -> Axis:
    """Return an axis in UTC between two instants, and not too short a one."""
    return Axis(begin.astimezone(UTC), max(end - begin, SHORTEST), left, right)


def clock(at: datetime) -> str:
    """Return an instant as a time of day."""
    return f"{at.astimezone(UTC):%H:%M:%S}"


def lasting(span: timedelta) -> str:
    """Return how long something took, in the two largest units."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    parts = ((whole // DAY, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "min"))
    said = [f"{count} {unit}" for count, unit in (*parts, (whole % 60, "s")) if count]
    return " ".join(said[:2])
