"""Hosts with one classic mistake each, so that the simulation can be seen to fail.

Most rewrite the calls of the shipped protocol. Each does what a host does that embeds the core by
hand and skips one duty.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast, final

import attrs

from sequencectl._protocol import (
    Acknowledge,
    AcknowledgeMany,
    Call,
    Commit,
    CommitMany,
    Conversation,
    Emit,
    Handled,
    Hosting,
    Load,
    Now,
    Pending,
    PendingMany,
    ReadAgenda,
    Reply,
    TakeTurn,
    handle_many,
)
from sequencectl.commands import Command, CommandRejected
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict, InvalidValue
from sequencectl.ports import Appointment
from sequencectl.state import ProjectState

T = TypeVar("T")
Rewrite = Callable[[Call], Generator[Call, Reply, Reply]]
"""A function that makes one call of the protocol in another way."""
Handle = Callable[[Hosting, str, Sequence[Command]], Conversation[tuple[Handled | Exception, ...]]]
"""What handles commands as `handle_many` does, or in another way."""


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
    for decision in _decisions(call):
        yield Emit(decision.project, decision.events)
    return (yield call)


def no_outbox(call: Call) -> Generator[Call, Reply, Reply]:
    """Publish a host's own events after its commit, and never those of others (against duty 6)."""
    reply: Any
    match call:
        case Commit() | CommitMany():
            reply = yield call
            answers = reply if isinstance(reply, Mapping) else {}
            is_lost = {name for name, each in answers.items() if isinstance(each, Conflict)}
            for decision in [each for each in _decisions(call) if each.project not in is_lost]:
                yield Emit(decision.project, decision.events)
                yield Acknowledge(decision.project, decision.state.serial)
            return _answers(call, answers, None)
        case Pending():
            return ()
        case PendingMany():
            return {}
        case ReadAgenda():
            entries = cast("Sequence[Appointment]", (yield call))
            return tuple(entry for entry in entries if entry.at is not None)
    return (yield call)


def no_serial_check(call: Call) -> Generator[Call, Reply, Reply]:
    """Commit on the state that is stored by then, whatever it is (against duty 4)."""
    decisions: list[Decision] = []
    for decision in _decisions(call):
        stored = yield Load(decision.project, None)
        is_there = isinstance(stored, ProjectState)
        decisions.append(attrs.evolve(decision, before=stored) if is_there else decision)
    match call:
        case Commit():
            return (yield Commit(*decisions))
        case CommitMany():
            return (yield CommitMany(tuple(decisions)))
    return (yield call)


def answer_first(call: Call) -> Generator[Call, Reply, Reply]:
    """Tell the sender that it is done, whatever becomes of the commit (against duty 4)."""
    try:
        reply = yield call
    except Exception:
        if isinstance(call, Commit | CommitMany):
            return _answers(call, {}, None)
        raise
    return _answers(call, {}, None) if isinstance(call, CommitMany) else reply


def own_events(call: Call) -> Generator[Call, Reply, Reply]:
    """Publish a host's own events, though others before them may be unsent (against duty 6)."""
    reply = yield call
    if isinstance(call, Commit | CommitMany):
        return _answers(call, reply if isinstance(reply, Mapping) else {}, True)
    return reply


def trust_known(call: Call) -> Generator[Call, Reply, Reply]:
    """Answer from the state that is known, however old it is (against duty 2)."""
    if isinstance(call, Load) and call.known is not None:
        return call.known
    return (yield call)


def acknowledge_ahead(call: Call) -> Generator[Call, Reply, Reply]:
    """Drop more from the outbox than was published (against duty 6)."""
    match call:
        case Acknowledge():
            return (yield Acknowledge(call.project, call.through + 1_000))
        case AcknowledgeMany():
            through = {project: serial + 1_000 for project, serial in call.through.items()}
            return (yield AcknowledgeMany(through))
    return (yield call)


def one_turn(call: Call) -> Generator[Call, Reply, Reply]:
    """Work on several projects in the turn of one of them (against duty 9)."""
    return (yield TakeTurn(call.projects[:1]) if isinstance(call, TakeTurn) else call)


def refuse_first(
    hosting: Hosting, project: str, commands: Sequence[Command]
) -> Conversation[tuple[Handled | Exception, ...]]:
    """Refuse at once what is refused, whatever state the others are committed on (duty 4)."""
    with (yield TakeTurn((project,))):
        plane = hosting.plane_of(project)
        state = (yield Load(project, None)) or plane.initial(project)
        now = yield Now()
    refused: dict[int, Exception] = {}
    for number, command in enumerate(commands):
        try:
            decision = plane.decide(state, command, now)
            decision.raise_if_rejected()
        except CommandRejected as error:
            refused[number] = error
        else:
            state = decision.state
    others = [command for number, command in enumerate(commands) if number not in refused]
    answers = iter((yield from handle_many(hosting, project, others)))
    return tuple([refused.get(number) or next(answers) for number in range(len(commands))])


def one_by_one(
    hosting: Hosting, project: str, commands: Sequence[Command]
) -> Conversation[tuple[Handled | Exception, ...]]:
    """Commit one by one what is handled as one: half of it may be there (against duty 3)."""
    answers: list[Handled | Exception] = []
    for command in commands:
        answers += yield from handle_many(hosting, project, (command,))
    return tuple(answers)


def _decisions(call: Call) -> tuple[Decision, ...]:
    """Return what a call commits."""
    match call:
        case Commit():
            return (call.decision,)
        case CommitMany():
            return call.decisions
    return ()


def _answers(
    call: Commit | CommitMany, answers: Mapping[str, object], answer: bool | None
) -> object:
    """Return `answer` as that to all that a call commits, except to what met a conflict."""
    if isinstance(call, Commit):
        return answer
    conflicts = {known: each for known, each in answers.items() if isinstance(each, Conflict)}
    return dict.fromkeys((each.project for each in call.decisions), answer) | conflicts


@final
@attrs.frozen
class Mistake:
    """What a host does wrong: the calls it makes, how it handles commands, or its calendar.

    One that `reads_own_clock` answers for the instant its own clock shows, and not for the one it
    is asked for. It is no pure function, and a clock that is behind opens a stage too late (R37).
    """

    rewrite: Rewrite | None = None
    handle_many: Handle | None = None
    reads_own_clock: bool = False


RIGHT: Final = Mistake()
MISTAKES: Final[Mapping[str, Mistake]] = {
    "publish-first": Mistake(publish_first),
    "no-outbox": Mistake(no_outbox),
    "no-serial-check": Mistake(no_serial_check),
    "answer-first": Mistake(answer_first),
    "own-events": Mistake(own_events),
    "trust-known": Mistake(trust_known),
    "acknowledge-ahead": Mistake(acknowledge_ahead),
    "one-turn": Mistake(one_turn),
    "refuse-first": Mistake(handle_many=refuse_first),
    "one-by-one": Mistake(handle_many=one_by_one),
    "own-clock": Mistake(reads_own_clock=True),
}


def mistake_of(mistake: object) -> Mistake:
    """Return the mistake of this name, `RIGHT` for None; raise `InvalidValue` for another name."""
    if mistake is None:
        return RIGHT
    if not isinstance(mistake, str) or mistake not in MISTAKES:
        raise InvalidValue("mistake", mistake, f"must be one of {', '.join(MISTAKES)}")
    return MISTAKES[mistake]
