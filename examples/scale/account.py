"""What the clients saw, as they saw it: the half of the evidence that no store can make up."""

from __future__ import annotations

from enum import Enum
from typing import final

import attrs


class Said(Enum):
    """What a client says, by what the event that must come of it keeps of it."""

    TRIGGER = "trigger"
    """A sequence id."""
    START = "start"
    """The id of a report."""
    FINISH = "finish"
    """The id of a report, or of a vote."""
    CONTROL = "control"
    """The id of a request."""


@final
@attrs.frozen
class Run:
    """Which run of a task somebody worked on."""

    sequence_id: str
    index: int
    attempt: int


@final
@attrs.define
class Account:
    """What clients know of one project."""

    triggered: list[str] = attrs.field(factory=list)
    """The contexts of the deliveries, in the order in which they were acknowledged."""
    acknowledged: set[tuple[Said, str]] = attrs.field(factory=set)
    """What was answered with success, by its id."""
    worked: dict[str, Run] = attrs.field(factory=dict)
    """The tasks on which an executor or a voter has begun, by id."""
    heard: dict[str, int] = attrs.field(factory=dict)
    """The last serial that any stream told of a context."""
    journal: list[tuple[str, str]] = attrs.field(factory=list)
    """Id and source of each CloudEvent, as the history of the replicas has them."""
    refused: list[str] = attrs.field(factory=list)
    """What was answered with a refusal, which nothing in this world deserves."""
