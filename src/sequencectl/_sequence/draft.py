"""What the steps of a sequence are given to work with, and the instant a decision is taken at."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from sequencectl.errors import InvalidValue
from sequencectl.events import Event, Subject
from sequencectl.policies import Bounds, TimeoutPolicy
from sequencectl.sequence import LiveSequence

LATEST_INSTANT: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Later instants are refused: adding a timeout to them could leave the calendar."""

_EARLIEST_INSTANT: Final = datetime(1, 1, 3, tzinfo=UTC)
_PROJECT: Final = re.compile(r"[ -~]{1,200}")


def checked_project(name: object) -> str:
    """Return the name of a project; raise `InvalidValue` if it is no printable ASCII."""
    if not isinstance(name, str) or _PROJECT.fullmatch(name) is None:
        raise InvalidValue("project", name, "must be 1 to 200 printable ASCII characters")
    return name


def checked_instant(now: object) -> datetime:
    """Return `now` in UTC; raise `InvalidValue` if it is naive, no datetime, or too far away."""
    if not isinstance(now, datetime):
        raise InvalidValue("now", now, "must be an aware datetime")
    if now.tzinfo is None or now.utcoffset() is None:
        raise InvalidValue("now", now, "must be aware: give it a time zone, best UTC")
    if not _EARLIEST_INSTANT < now < LATEST_INSTANT:
        raise InvalidValue("now", now, f"must be before {LATEST_INSTANT:%Y-%m-%d}")
    return now if now.tzinfo is UTC else now.astimezone(UTC)


def effective_instant(now: datetime, last: datetime | None, timeouts: TimeoutPolicy) -> datetime:
    """Return the instant a decision is taken at (R29).

    It is `now`, or the instant of the last event where the host's clock is behind it by no more
    than the clock skew: replicas disagree. Beyond that the host's clock is believed.
    """
    if last is None or now >= last or last - now > timeouts.clock_skew:
        return now
    return last


def after(instant: datetime, timeout: timedelta | None) -> datetime | None:
    """Return the deadline of a limit that counts from `instant`; None without a limit."""
    return None if timeout is None else instant + timeout


class Recorder(Protocol):
    """What a step needs: the policies, the effective now, and a way to advance."""

    @property
    def now(self) -> datetime:
        """The effective instant of this decision, aware UTC."""
        ...

    @property
    def timeouts(self) -> TimeoutPolicy:
        """The limits that are read when something begins."""
        ...

    @property
    def bounds(self) -> Bounds:
        """How much is kept."""
        ...

    def stamp(self, subject: Subject) -> tuple[int, datetime, Subject]:
        """Return what the next event begins with: its serial, its instant, its subject."""
        ...

    def live(self, sequence_id: str) -> LiveSequence:
        """Return the record of a live sequence as it is now."""
        ...

    def record(self, event: Event) -> None:
        """Fold `event` in; the only way to advance."""
        ...
