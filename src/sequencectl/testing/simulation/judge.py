"""Whether a host answers what its commands deserve, each on the state that those before it lead to.

A `Judge` knows every state that was ever the newest of its project, and decides the commands of a
replica once more, one by one: those that change something when they are committed, which must be
in one commit, and the others when they are answered. An answer that needs no commit must be true of
a state that was the newest at some moment of the call: one from a state that is older is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from sequencectl._protocol import Handled
from sequencectl.commands import Command, CommandRejected
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import CalendarError
from sequencectl.outcomes import Rejected
from sequencectl.state import ProjectState
from sequencectl.testing.simulation.onlooker import Violation, named
from sequencectl.testing.simulation.replica import Deserved, Replica


@final
class Judge:
    """Knows the states that were the newest of each project, oldest first."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._newest: dict[str, list[ProjectState]] = {}

    def begin(self, replica: Replica) -> None:
        """Note where a project stands when a replica begins to handle messages."""
        replica.deserved = None
        replica.since = len(self._states(replica.messages[0].project)) - 1

    def committed(self, replica: Replica, decision: Decision) -> list[tuple[int | None, Decision]]:
        """Return what a commit consists of: decisions, each with the number of its message.

        That of a check has no message. Raise `Violation` unless it is all that the messages lead
        to, in their order.
        """
        self.check_known(decision.before)
        self._states(decision.project).append(decision.state)
        if not replica.messages:
            return [(None, decision)]
        if replica.deserved is not None:
            raise Violation(f"commits in two parts what is handled as one: {decision}")
        replica.deserved = deserved = self._deserved(replica, decision)
        parts: list[tuple[int | None, Decision]] = [
            (message.number, each)
            for message, each in zip(replica.messages, deserved, strict=True)
            if isinstance(each, Decision) and each.events
        ]
        if [event for _, part in parts for event in part.events] != [*decision.events]:
            raise Violation(
                f"commits what its commands do not lead to: {named(decision.events[0])}"
            )
        return parts

    def answered(self, replica: Replica, answers: Sequence[Handled | Exception]) -> Deserved:
        """Return what the commands of a replica lead to, if that is what it answers.

        Raises `Violation` if it is not.
        """
        if len(answers) != len(replica.messages):
            raise Violation(f"{len(replica.messages)} commands get {len(answers)} answers")
        states = self.possible(replica)
        possible = [_decided(replica, state) for state in states]
        if replica.deserved is not None:
            possible = [replica.deserved]
        for deserved in possible:
            if all(map(_is_said, answers, deserved)):
                return deserved
        wrong = next(
            answer for answer, each in zip(answers, possible[-1], strict=True)
            if not _is_said(answer, each)
        )  # fmt: skip
        raise Violation(f"answers what is not true: {wrong!r}")

    def check_known(self, state: ProjectState) -> None:
        """Check that a state, which a replica knows or has decided on, was the newest once."""
        newest_first = reversed(self._states(state.project))
        found = next(each for each in newest_first if each.serial <= state.serial)
        if found is not state and found != state:
            what = f"serial {state.serial} of {state.project!r}"
            raise Violation(f"knows {what}, which never was there")

    def unchanging(self, replica: Replica) -> list[ProjectState]:
        """Return those of the possible states in which its commands would change nothing."""
        states = [(state, _decided(replica, state)) for state in self.possible(replica)]
        return [state for state, deserved in states if not any(map(_changes, deserved))]

    def possible(self, replica: Replica) -> Sequence[ProjectState]:
        """Return the states of which one must be behind its answers, unless it has committed."""
        if not replica.messages or replica.deserved is not None:
            return ()
        return self._states(replica.messages[0].project)[replica.since :]

    def _states(self, project: str) -> list[ProjectState]:
        if project not in self._newest:
            self._newest[project] = [self._plane.initial(project)]
        return self._newest[project]

    def _deserved(self, replica: Replica, decision: Decision) -> Deserved:
        """Return what the messages lead to on the state of a commit; one needs no second look."""
        if len(replica.messages) == 1:
            return (decision,)
        return _decided(replica, decision.before)


def _decided(replica: Replica, state: ProjectState) -> Deserved:
    """Return what the messages of a replica lead to, decided one by one from a state."""
    found: list[Decision | Exception] = []
    for message in replica.messages:
        try:
            decision = replica.decides_by.decide(state, message.command, replica.decided_at)
        except CalendarError as error:
            found.append(error)
        else:
            found.append(decision)
            state = decision.state
    return tuple(found)


def _changes(deserved: Decision | Exception) -> bool:
    return isinstance(deserved, Decision) and bool(deserved.events)


def _is_said(answer: Handled | Exception, deserved: Decision | Exception) -> bool:
    """Return whether an answer says what a command deserves."""
    if isinstance(deserved, Exception):
        return type(answer) is type(deserved) and str(answer) == str(deserved)
    outcome, command = deserved.outcome, deserved.command
    if isinstance(outcome, Rejected):
        said = CommandRejected(outcome.code, outcome.message, command)
        return isinstance(answer, CommandRejected) and _said(answer) == _said(said)
    if not isinstance(answer, Handled):
        return False
    return answer.decision is deserved or _told(answer.decision) == _told(deserved)


def _said(error: CommandRejected) -> tuple[object, ...]:
    return error.code, str(error), error.command


def _told(decision: Decision) -> tuple[Command, object, int, object]:
    return decision.command, decision.outcome, decision.base, decision.events
