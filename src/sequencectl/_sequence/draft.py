"""What the code of one sequence works with: the sequence in the middle of a decision.

Also here: how the name of a project is checked, and which instant a decision is taken at.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, Final, ParamSpec, Protocol, TypeAlias, TypeVar

from sequencectl._scalars import ID
from sequencectl.errors import InvalidValue
from sequencectl.events import Ending, Event, SequenceMove, Subject
from sequencectl.policies import Bounds, TimeoutPolicy
from sequencectl.sequence import LiveSequence

P = ParamSpec("P")
_NO_TIME: Final = timedelta(0)
EventT = TypeVar("EventT", bound=Event)
EventType: TypeAlias = Callable[Concatenate[int, datetime, Subject, P], EventT]
"""A class of events, which is called with serial, instant, subject and fields of its own."""


def checked_project(name: object) -> str:
    """Return the name of a project; raise `InvalidValue` unless it is printable ASCII."""
    if not isinstance(name, str) or not ID.fits(name):
        raise InvalidValue("project", name, ID.problem)
    return name


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


def time_left(sequence: SequenceDraft) -> timedelta | None:
    """Return what is left of the limit of the sequence as a whole; None without one (R30)."""
    deadline = sequence.live.deadline
    return None if deadline is None else max(deadline - sequence.now, _NO_TIME)


class SequenceDraft(Protocol):
    """A live sequence in the middle of a decision: its record so far, and the way to advance."""

    now: datetime
    """The effective instant of the decision, aware UTC."""
    timeouts: TimeoutPolicy
    """The limits that are read when a task or a sequence begins."""
    bounds: Bounds
    """How much is kept and accepted."""

    @property
    def next_serial(self) -> int:
        """The serial of the event that is applied next."""
        ...

    @property
    def live(self) -> LiveSequence:
        """The record as it is now; the sequence must not have ended."""
        ...

    def newer_in_line(self) -> str | None:
        """Return the id of the newer delivery that makes an approval void here; None if there is
        none (R35).
        """
        ...

    def apply(
        self,
        event: EventType[P, SequenceMove | Ending],
        *fields: P.args,
        **named: P.kwargs,
    ) -> None:
        """Make an event of this type about the sequence and fold it in: the only way to advance.

        Serial, instant and subject are the draft's; the other fields are given.
        """
        ...
