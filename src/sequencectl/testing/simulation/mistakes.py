"""Hosts with one classic mistake each, so that the simulation can be seen to fail.

Most rewrite the calls of the shipped protocol. Each does what a host does that embeds the core by
hand and skips one duty.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final, TypeVar, cast, final

import attrs

from sequencectl._protocol import (
    Acknowledge,
    Call,
    Commit,
    Conversation,
    Emit,
    Load,
    Pending,
    ReadAgenda,
    Reply,
)
from sequencectl.errors import InvalidValue
from sequencectl.ports import Appointment
from sequencectl.state import ProjectState

T = TypeVar("T")
Rewrite = Callable[[Call], Generator[Call, Reply, Reply]]
"""A function that makes one call of the protocol in another way."""


def rewritten(conversation: Conversation[T], rewrite: Rewrite) -> Conversation[T]:
    """Run a conversation with every call made in another way."""
    try:
        call = next(conversation)
        while True:
            try:
                reply = yield from rewrite(call)
            except BaseException as error:  # noqa: BLE001 - the conversation decides about it
                call = conversation.throw(error)
            else:
                call = conversation.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result


def publish_first(call: Call) -> Generator[Call, Reply, Reply]:
    """Publish events before they are committed (against duty 4)."""
    if isinstance(call, Commit):
        yield Emit(call.decision.project, call.decision.events)
    return (yield call)


def no_outbox(call: Call) -> Generator[Call, Reply, Reply]:
    """Publish a host's own events after its commit, and never those of others (against duty 6)."""
    match call:
        case Commit():
            yield call
            yield Emit(call.decision.project, call.decision.events)
            yield Acknowledge(call.decision.project, call.decision.state.serial)
            return None
        case Pending():
            return ()
        case ReadAgenda():
            entries = cast("Sequence[Appointment]", (yield call))
            return tuple(entry for entry in entries if entry.at is not None)
    return (yield call)


def no_serial_check(call: Call) -> Generator[Call, Reply, Reply]:
    """Commit on the state that is stored by then, whatever it is (against duty 4)."""
    if isinstance(call, Commit):
        stored = yield Load(call.decision.project, None)
        if isinstance(stored, ProjectState):
            call = Commit(attrs.evolve(call.decision, before=stored))
    return (yield call)


def answer_first(call: Call) -> Generator[Call, Reply, Reply]:
    """Tell the sender that it is done, whatever becomes of the commit (against duty 4)."""
    try:
        return (yield call)
    except Exception:
        if isinstance(call, Commit):
            return None
        raise


@final
@attrs.frozen
class Mistake:
    """What a host does wrong: the calls it makes, or that its calendar `reads_own_clock`.

    Such a calendar answers for the instant its own clock shows, and not for the one it is asked
    for. It is no pure function, and a clock that is behind opens a stage too late (R37).
    """

    rewrite: Rewrite | None = None
    reads_own_clock: bool = False


RIGHT: Final = Mistake()
MISTAKES: Final[Mapping[str, Mistake]] = {
    "publish-first": Mistake(publish_first),
    "no-outbox": Mistake(no_outbox),
    "no-serial-check": Mistake(no_serial_check),
    "answer-first": Mistake(answer_first),
    "own-clock": Mistake(reads_own_clock=True),
}


def mistake_of(mistake: object) -> Mistake:
    """Return the mistake of this name, `RIGHT` for None; raise `InvalidValue` for another name."""
    if mistake is None:
        return RIGHT
    if not isinstance(mistake, str) or mistake not in MISTAKES:
        raise InvalidValue("mistake", mistake, f"must be one of {', '.join(MISTAKES)}")
    return MISTAKES[mistake]
