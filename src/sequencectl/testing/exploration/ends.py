"""That everything can still end: which moves are meant to lead to an end, and who never gets there.

There are three ways. All that was paused or frozen is let go, or exempted, what is parked is
retried or skipped, and every task is answered. Or it is let go and time passes until every deadline
was acted on. Or nobody does anything but act on deadlines: then all ends that is not paused, if
there is a limit on waiting, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeAlias

from sequencectl.commands import CheckDeadlines, ReportTaskFinished, RetryTask, SkipTask
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import CalendarError
from sequencectl.outcomes import Result, Status
from sequencectl.sequence import LiveSequence
from sequencectl.state import ProjectState
from sequencectl.testing.exploration.alphabet import Alphabet, Move
from sequencectl.testing.exploration.transition import live_ones, parks

ANSWERED, WAITED, SILENT = 1, 2, 4
_LETS_GO: Final = ("resume", "unfreeze")
_ROUNDS: Final = 1_000
"""More than any small world needs to come to rest."""

Ends: TypeAlias = Callable[[ControlPlane, Alphabet, ProjectState, datetime], str]
"""Follows one way from a state, and returns who still lives at its end."""


def everything_ends_if_all_answer(
    plane: ControlPlane, alphabet: Alphabet, state: ProjectState, now: datetime
) -> str:
    """Let everything go, retry or skip what is parked, and let all executors answer; return who
    never ends, and at which task.
    """
    return _left(plane, alphabet, state, now, ANSWERED)


def everything_ends_by_deadlines(
    plane: ControlPlane, alphabet: Alphabet, state: ProjectState, now: datetime
) -> str:
    """Let everything go and let time pass; return who never ends, and at which task."""
    return _left(plane, alphabet, state, now, WAITED)


def everything_ends_in_silence(
    plane: ControlPlane, alphabet: Alphabet, state: ProjectState, now: datetime
) -> str:
    """Let time pass and do nothing else; return who never ends, and at which task."""
    return _left(plane, alphabet, state, now, SILENT)


ENDS: Final[tuple[tuple[int, Ends], ...]] = (
    (ANSWERED, everything_ends_if_all_answer),
    (WAITED, everything_ends_by_deadlines),
    (SILENT, everything_ends_in_silence),
)
"""The three ways, and what follows each."""


def ways_to_end(plane: ControlPlane, alphabet: Alphabet) -> int:
    """Return the ways that an alphabet has all letters for, and the limits of a plane."""
    stages = plane.shipyard.stages
    definitions = [each for stage in stages for each in stage.sequences]
    has_votes = any(task.approval is not None for each in definitions for task in each.tasks)
    found = ANSWERED if alphabet.can_answer else 0
    if has_votes and "vote" not in alphabet.letters:
        found = 0
    is_parked = any(parks(each, task) for each in definitions for task in each.tasks)
    if is_parked and "skip" not in alphabet.letters and not alphabet.can_wait:
        found = 0
    if plane.timeouts.is_unbounded or not {"check", "wait"} <= set(alphabet.letters):
        return found
    limits = [plane.timeouts.waiting_for(each.timeouts) for each in definitions]
    return found | WAITED * alphabet.can_wait | SILENT * (None not in limits)


def way(move: Move, state: ProjectState) -> int:
    """Return the ways that a move belongs to.

    Among the answers, time passes only while no task is in flight: for a delay, or for the limit
    of what is parked.
    """
    if move.letter in _LETS_GO:
        return ANSWERED | WAITED
    if move.letter == "exempt":
        return ANSWERED
    if move.letter == "change":
        return 0
    match move.command:
        case (
            ReportTaskFinished(result=Result.PASS, status=Status.SUCCEEDED)
            | SkipTask(result=Result.PASS)
            | RetryTask()
        ):
            return ANSWERED
        case None | CheckDeadlines():
            idle = not any(getattr(each, "task", None) for each in state.sequences.values())
            return WAITED | SILENT | (ANSWERED if idle else 0)
        case _:
            return 0


def _left(
    plane: ControlPlane, alphabet: Alphabet, state: ProjectState, now: datetime, wanted: int
) -> str:
    """Make all moves of one way until nothing changes any more; return who still lives then."""
    projector = alphabet.projector(plane)
    for _ in range(_ROUNDS):
        was, then = state, now
        for move in alphabet.moves(was, then, projector):
            if move.behind or not way(move, state) & wanted:
                continue
            now = max(now, move.at)
            if move.command is not None:
                with suppress(CalendarError):
                    state = plane.decide(state, move.command, now).state
        if state is was and now == then:
            break
    return "; ".join(map(_stuck, live_ones(state.sequences)))


def _stuck(record: LiveSequence) -> str:
    task = record.task
    why = f"is {record.phase.value}" if task is None else f"waits for its task {task.name}"
    return f"{record.sequence_id} never ends, it {why}"
