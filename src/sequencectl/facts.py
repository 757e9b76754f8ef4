"""What events and records share: whom something is about, who wanted it, which limit ended it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import final

import attrs

from sequencectl.durations import format_duration


class DeadlineKind(Enum):
    """What happens at a deadline; at one instant the earlier member is taken first."""

    REACTION = "reaction"
    """Nobody, or fewer than expected, reacted to the task in flight (R27)."""
    COMPLETION = "completion"
    """The task in flight is not over (R27)."""
    TOTAL = "total"
    """The sequence has run for too long, pauses not counted (R30)."""
    WAITING = "waiting"
    """The sequence has waited for too long (R30)."""
    ABORT_GRACE = "abort_grace"
    """An abort has waited long enough for the task in flight (R22)."""
    DELAY = "delay"
    """Not a limit: the next task is due (R10)."""


@final
@attrs.frozen(weakref_slot=False)
class Subject:
    """What an event is about; one object shared by a record and all its events.

    Parts that do not apply are empty: an event about a stage has neither context nor sequence id.
    """

    project: str
    context: str = ""
    stage: str = ""
    sequence: str = ""
    service: str = ""
    sequence_id: str = ""
    revision: str | None = None


@final
@attrs.frozen
class Control:
    """Who controlled something, and why, as the command said it."""

    actor: str = ""
    reason: str = ""
    request_id: str | None = None
    requests_remembered: int = 0
    """How many request ids the project keeps from here on (R25, R33)."""


@final
@attrs.frozen
class TimeoutExplanation:
    """Why a time limit ended something: structured, and as a sentence by ``str`` (R28).

    `since` is the instant the limit counts from; `reacted` are the sources that were heard of and
    `awaited` says who was still missing, empty if nobody in particular was expected.
    """

    kind: DeadlineKind
    stage: str
    sequence: str
    task: str | None
    timeout: timedelta
    since: datetime
    deadline: datetime
    reacted: tuple[str, ...] = ()
    awaited: str = ""

    def __str__(self) -> str:
        limit = format_duration(self.timeout)
        heard = f" (heard of: {', '.join(self.reacted)})" if self.reacted else ""
        awaited = f"; still awaited: {self.awaited}" if self.awaited else ""
        where = f"in stage {self.stage}"
        match self.kind:
            case DeadlineKind.REACTION if not self.reacted and not self.awaited:
                said = f"Nobody reacted to task {self.task} {where} within {limit}"
            case DeadlineKind.REACTION:
                said = f"Too few reacted to task {self.task} {where} within {limit}{heard}{awaited}"
            case DeadlineKind.COMPLETION:
                said = f"Task {self.task} {where} was not over within {limit}{heard}{awaited}"
            case DeadlineKind.WAITING:
                said = f"Sequence {self.sequence} {where} could not start within {limit}"
            case _:
                said = f"Sequence {self.sequence} {where} was not over within {limit}"
        return f"{said}; it was terminated."
