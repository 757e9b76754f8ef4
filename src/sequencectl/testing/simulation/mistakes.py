"""Protocols with one classic mistake each, so that the simulation can be seen to fail.

Each rewrites the calls of the shipped protocol. It does what a host does that embeds the core by
hand and skips one duty.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final, TypeVar, cast

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


MISTAKES: Final[Mapping[str, Rewrite]] = {
    "publish-first": publish_first,
    "no-outbox": no_outbox,
    "no-serial-check": no_serial_check,
}


def rewrite_of(mistake: object) -> Rewrite | None:
    """Return the rewrite of this name, or None for none; raise `InvalidValue` for another name."""
    if mistake is None:
        return None
    if not isinstance(mistake, str) or mistake not in MISTAKES:
        raise InvalidValue("mistake", mistake, f"must be one of {', '.join(MISTAKES)}")
    return MISTAKES[mistake]
