"""Every state that a shipyard can get into, within a small world: a breadth-first search.

`explore` tells the real `ControlPlane` every command of an `Alphabet` in every state it reaches;
states that behave alike are one (``_projection``). After each transition the rules R1 to R31 are
checked as named predicates (``_invariants``), and when everything has been seen, that from each
state all can still come to an end. Explore your own shipyard::

    found = explore(plane, Alphabet(triggers=[TriggerSequence("a", stage="dev", ...)], most=2))

A broken rule is a `Counterexample`, whose text is a program of the fewest commands that shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, final

import attrs

from sequencectl.commands import CheckDeadlines, ReportTaskFinished
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import InvalidValue
from sequencectl.outcomes import Result
from sequencectl.payload import FrozenMap, thaw
from sequencectl.state import ProjectState
from sequencectl.testing.exploration.alphabet import LETTERS, Alphabet, Move
from sequencectl.testing.exploration.invariants import ALWAYS, WHEN_APPLIED
from sequencectl.testing.exploration.transition import Transition

__all__ = ["LETTERS", "Alphabet", "Counterexample", "Exploration", "explore"]

START: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""What the clock shows in the initial state."""

PROJECT: Final = "sockshop"
_LETS_GO: Final = ("resume", "unfreeze")
_ANSWERED, _WAITED = 1, 2
_ENDS: Final = (
    (_ANSWERED, "everything_ends_if_all_answer", "no answer, resume or unfreeze leads to an end"),
    (_WAITED, "everything_ends_by_deadlines", "no deadline, resume or unfreeze leads to an end"),
)


@final
@attrs.frozen
class Exploration:
    """How much there was to see; `diameter` is how many moves the farthest state is away.

    `is_complete` is false if the search stopped at its limit of states; then nothing is known of
    what can still end.
    """

    states: int
    transitions: int
    diameter: int
    is_complete: bool = True


@final
class Counterexample(AssertionError):
    """A rule does not hold; `moves` are the fewest that show it, `invariant` names what they break.

    As text it is a program: paste it into a test that knows the `plane`, and, if its queue policy
    changes on the way, the plane that is `changed`.
    """

    def __init__(self, invariant: str, problem: str, moves: tuple[Move, ...]) -> None:
        super().__init__(invariant, problem, moves)
        self.invariant = invariant
        self.problem = problem
        self.moves = moves

    @property
    def program(self) -> str:
        """The moves as Python; the imports are those of ``from sequencectl import *``."""
        lines, plane = [], "plane"
        for move in self.moves:
            if move.letter == "change":
                plane = "changed"
            elif move.command is not None:
                seconds = (move.at - move.behind - START).total_seconds()
                lines.append(f"    ({seconds:g}, {plane}, {_call(move.command)}),")
        return "\n".join([
            f'state, start = plane.initial("{PROJECT}"), datetime.fromisoformat("{START}")',
            "for seconds, decider, command in [", *lines, "]:",
            "    decision = decider.decide(state, command, start + timedelta(seconds=seconds))",
            "    state = decision.state",
        ])  # fmt: skip

    def __str__(self) -> str:
        return f"{self.invariant}: {self.problem}\n\n{self.program}"


@attrs.define(eq=False)
class _Node:
    """A state that was reached: from which one, by which move; `state` until it is explored.

    `plane` is the number of the one that decides.
    """

    parent: int
    move: Move | None
    depth: int
    state: ProjectState | None
    now: datetime
    plane: int
    is_over: bool
    ways: list[tuple[int, int]] = attrs.field(factory=list)
    """From where it is reached by a way that is meant to lead to an end, and by which."""


def explore(plane: ControlPlane, alphabet: Alphabet, *, limit: int = 100_000) -> Exploration:
    """Visit every state that the alphabet leads to, `limit` at most; raise `Counterexample`.

    Raises `InvalidValue` if a clock is further `behind` than the plane's clock skew (R29).
    The planes of two processes agree on every figure: nothing here depends on chance or time.
    """
    search = _Search(plane, alphabet, limit)
    while search.queue:
        search.visit(search.queue.popleft())
    if search.is_complete:
        search.check_ends()
    diameter = max(node.depth for node in search.nodes)
    return Exploration(len(search.nodes), search.transitions, diameter, search.is_complete)


class _Search:
    def __init__(self, plane: ControlPlane, alphabet: Alphabet, limit: int) -> None:
        behind, skew = alphabet.behind, plane.timeouts.clock_skew
        if behind is not None and not timedelta(0) < behind <= skew:
            raise InvalidValue("behind", behind, f"must be more than zero and at most {skew}")
        self.plane, self.alphabet, self.limit = plane, alphabet, limit
        self.planes = alphabet.planes(plane)
        self.projector = alphabet.projector(plane)
        self.known: dict[Hashable, int] = {}
        self.nodes: list[_Node] = []
        self.queue: deque[int] = deque()
        self.transitions = 0
        self.is_complete = True
        self.reach(-1, None, plane.initial(PROJECT), START)

    def visit(self, number: int) -> None:
        """Tell a state everything there is to tell it."""
        node = self.nodes[number]
        state, node.state = node.state, None
        assert state is not None, "each is visited once"
        moves = self.alphabet.moves(state, node.now, self.projector)
        changes = [Move("change", None, node.now)] * (node.plane + 1 < len(self.planes))
        for move in (*moves, *changes):
            self.transitions += 1
            after = state if move.command is None else self.decide(number, state, move)
            if after is not state or move.command is None:
                reached = self.reach(number, move, after, move.at)
                way = _way(move, state)
                if way and reached not in {None, number}:
                    self.nodes[reached].ways.append((number, way))

    def decide(self, number: int, state: ProjectState, move: Move) -> ProjectState:
        """Return the state a command leads to, once every predicate was content with it."""
        assert move.command is not None
        plane, told_at = self.planes[self.nodes[number].plane], move.at - move.behind
        try:
            decision = plane.decide(state, move.command, told_at)
            seen = Transition(plane, state, move.command, told_at, decision)
            name, problem = _broken(seen)
        except Exception as error:
            moves = (*self.path(number), move)
            raise Counterexample("decisions_never_raise", repr(error), moves) from error
        if problem:
            raise Counterexample(name, problem, (*self.path(number), move))
        return decision.state

    def reach(
        self, parent: int, move: Move | None, state: ProjectState, now: datetime
    ) -> int | None:
        """Return the number of a state, a new one if its projection is; None beyond the limit."""
        plane = self.nodes[parent].plane if move else 0
        plane += move is not None and move.letter == "change"
        key = (plane, self.projector.project(state, now))
        number = self.known.get(key)
        if number is not None:
            return number
        if len(self.nodes) >= self.limit:
            self.is_complete = False
            return None
        number = self.known[key] = len(self.nodes)
        depth = self.nodes[parent].depth + 1 if move else 0
        is_over = all(record.phase.has_ended for record in state.sequences.values())
        self.nodes.append(_Node(parent, move, depth, state, now, plane, is_over))
        self.queue.append(number)
        return number

    def path(self, number: int) -> tuple[Move, ...]:
        """Return the moves that lead to a state, the fewest there are."""
        moves: list[Move] = []
        while (node := self.nodes[number]).move is not None:
            moves.append(node.move)
            number = node.parent
        return tuple(reversed(moves))

    def check_ends(self) -> None:
        """Check that each state leads to one in which nothing lives, backwards from those."""
        possible = _ANSWERED * self.alphabet.can_answer
        possible |= _WAITED * (self.alphabet.can_wait and not self.plane.timeouts.is_unbounded)
        for wanted, name, problem in _ENDS:
            if not possible & wanted:
                continue
            left = {number for number, node in enumerate(self.nodes) if not node.is_over}
            ended: Iterable[int] = [n for n, node in enumerate(self.nodes) if node.is_over]
            while ended:
                ways = (way for number in ended for way in self.nodes[number].ways)
                ended = left & {source for source, way in ways if way & wanted}
                left -= ended
            if left:
                raise Counterexample(name, problem, self.path(min(left)))


def _broken(seen: Transition) -> tuple[str, str]:
    """Return the first predicate that is not content, and what it says."""
    for checks in (ALWAYS, WHEN_APPLIED if seen.events else ()):
        for check in checks:
            problem = check(seen)
            if problem:
                return check.__name__, problem
    return "", ""


def _way(move: Move, state: ProjectState) -> int:
    """Return by which ways to the end a move is meant to lead.

    Time passes for a project that is answered only as long as nobody works: for a delay.
    """
    if move.letter in _LETS_GO:
        return _ANSWERED | _WAITED
    if move.letter == "change":
        return 0
    match move.command:
        case ReportTaskFinished(result=Result.PASS):
            return _ANSWERED
        case None | CheckDeadlines():
            idle = not any(getattr(each, "task", None) for each in state.sequences.values())
            return _WAITED | (_ANSWERED if idle else 0)
        case _:
            return 0


def _call(value: Any) -> str:
    """Return the Python that makes a command, without what it leaves at its default."""
    said: list[str] = []
    for field in sorted(attrs.fields(type(value)), key=lambda field: field.kw_only):
        given = getattr(value, field.name)
        if given in {None, field.default} or (field.name == "data" and not given):
            continue
        if field.name == "context" and given == getattr(value, "sequence_id", None):
            continue
        text = repr(_plain(given))
        said.append(f"{field.name}={text}" if field.kw_only else text)
    return f"{type(value).__name__}({', '.join(said)})"


def _plain(value: Any) -> Any:
    if isinstance(value, FrozenMap):
        return thaw(value)
    return value.value if isinstance(value, Enum) else value
