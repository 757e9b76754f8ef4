"""Every state that a shipyard can get into, within a small world: a breadth-first search.

`explore` gives the real `ControlPlane` every command of an `Alphabet` in every state it reaches.
States that behave alike count as one (``projection``). After each transition it checks the rules R1
to R42 as named predicates (``invariants``), then the invariants of the host. When it has seen all
states, it checks that each of them can still come to an end. Explore your own shipyard::

    found = explore(plane, Alphabet(triggers=[TriggerSequence("a", stage="dev", ...)], most=2))

A rule that does not hold is a `Counterexample`. Its text is a program with the fewest commands that
show it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta
from typing import Final, final

import attrs

from sequencectl.commands import UnfreezeStage
from sequencectl.control_plane import ControlPlane
from sequencectl.errors import CalendarError, InvalidValue
from sequencectl.shipyard import Shipyard
from sequencectl.state import ProjectState
from sequencectl.testing.exploration.alphabet import LETTERS, PROJECT, START, Alphabet, Move
from sequencectl.testing.exploration.ends import ENDS, SILENT, Ends, way, ways_to_end
from sequencectl.testing.exploration.invariants import ALWAYS, WHEN_APPLIED
from sequencectl.testing.exploration.program import Program
from sequencectl.testing.exploration.progress import (
    Progress,
    Watcher,
    checked_limit,
    checked_watcher,
)
from sequencectl.testing.exploration.transition import (
    Break,
    Invariant,
    Transition,
    check,
    invariants_of,
    name_of,
)

__all__ = [
    "LETTERS",
    "Alphabet",
    "Counterexample",
    "Exploration",
    "Invariant",
    "Progress",
    "Transition",
    "explore",
]

_STATES_PER_REPORT: Final = 100


@final
@attrs.frozen
class Exploration:
    """How much there was to see; `diameter` is how many moves the farthest state is away.

    `is_complete` is false if the search came to its limit of states. Then nothing is known about
    what can still end.
    """

    states: int
    transitions: int
    diameter: int
    is_complete: bool = True


@final
class Counterexample(AssertionError):
    """An invariant does not hold.

    `invariant` is its name and `problem` says what is wrong. `moves` are the fewest that lead there
    and `program` is Python that makes them: it raises an `AssertionError` as long as the invariant
    does not hold, and ends in silence once it does.
    """

    def __init__(self, invariant: str, problem: str, moves: tuple[Move, ...], program: str) -> None:
        super().__init__(invariant, problem, moves, program)
        self.invariant = invariant
        self.problem = problem
        self.moves = moves
        self.program = program

    def __str__(self) -> str:
        return f"{self.invariant}: {self.problem}\n\n{self.program}"


@attrs.define(eq=False)
class _Node:
    """A state that was reached: from which one, by which move; `state` until it is visited.

    `plane` is the number of the plane that decides in it.
    """

    parent: int
    move: Move | None
    depth: int
    state: ProjectState | None
    now: datetime
    plane: int
    is_over: bool
    is_paused: bool
    ways: list[tuple[int, int]] = attrs.field(factory=list)
    """The states from which it is reached by moves meant to lead to an end, and by which way."""


def explore(
    plane: ControlPlane,
    alphabet: Alphabet,
    *,
    invariants: Iterable[Invariant] = (),
    limit: int = 100_000,
    progress: Watcher | None = None,
) -> Exploration:
    """Visit every state that the alphabet leads to; raise `Counterexample` for what does not hold.

    Each of the `invariants` is called with the `Transition` of every decision, refused commands
    included. It returns None or an empty text if it holds, and a sentence if it does not; an
    `AssertionError` says so, too. `limit` is how many states are visited at most. `progress` is
    called with a `Progress` after every 100 states, and at the end.

    Raises `InvalidValue` for a wrong argument, for a stage or sequence that the shipyard does not
    have, for an invariant that returns anything else, for a clock that is `behind` by more than the
    clock skew of the plane (R29), and for a calendar without a `period`. Nothing here depends on
    chance or time: all runs agree on every figure.
    """
    search = _Search(plane, alphabet, invariants_of(invariants), checked_limit(limit))
    watcher = checked_watcher(progress)
    while search.queue:
        search.visit(search.queue.popleft())
        states, waiting = len(search.nodes), len(search.queue)
        if (states - waiting) % _STATES_PER_REPORT == 0 or not waiting:
            watcher(Progress(states, search.transitions, waiting))
    if search.is_complete:
        search.check_ends()
    diameter = max(node.depth for node in search.nodes)
    return Exploration(len(search.nodes), search.transitions, diameter, search.is_complete)


def _check_names(alphabet: Alphabet, shipyard: Shipyard) -> None:
    """Raise `InvalidValue` for a stage or sequence of the alphabet that the shipyard lacks."""
    stages = {stage.name: [each.name for each in stage.sequences] for stage in shipyard.stages}
    named: list[tuple[str, object, str]]
    named = [("triggers", each, each.stage) for each in alphabet.triggers]
    named += [("stages", each, each) for each in alphabet.stages]
    named += [("scopes", each, each) for each in alphabet.scopes if each is not None]
    for where, value, stage in named:
        if stage not in stages:
            problem = f"the shipyard has no stage {stage!r}; it has: {', '.join(stages)}"
            raise InvalidValue(where, value, problem)
    for each in alphabet.triggers:
        if each.sequence not in stages[each.stage]:
            has = ", ".join(stages[each.stage]) or "none"
            problem = f"stage {each.stage!r} has no sequence {each.sequence!r}; it has: {has}"
            raise InvalidValue("triggers", each, problem)


class _Search:
    def __init__(
        self,
        plane: ControlPlane,
        alphabet: Alphabet,
        invariants: tuple[Invariant, ...],
        limit: int,
    ) -> None:
        if not isinstance(plane, ControlPlane):
            raise InvalidValue("plane", plane, "must be a ControlPlane")
        if not isinstance(alphabet, Alphabet):
            raise InvalidValue("alphabet", alphabet, "must be an Alphabet")
        behind, skew = alphabet.behind, plane.timeouts.clock_skew
        if behind is not None and not timedelta(0) < behind <= skew:
            raise InvalidValue("behind", behind, f"must be more than zero and at most {skew}")
        if plane.calendar is not None and alphabet.period is None:
            problem = "must say after how long the calendar of the plane repeats itself"
            raise InvalidValue("period", None, problem)
        _check_names(alphabet, plane.shipyard)
        self.plane, self.alphabet, self.limit = plane, alphabet, limit
        self.invariants = invariants
        self.planes = alphabet.planes(plane)
        self.projector = alphabet.projector(plane)
        self.known: dict[Hashable, int] = {}
        self.nodes: list[_Node] = []
        self.queue: deque[int] = deque()
        self.transitions = 0
        self.is_complete = True
        self.reach(-1, None, plane.initial(PROJECT), START)

    def visit(self, number: int) -> None:
        """Make every move that the alphabet has in a state."""
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
                ways = way(move, state)
                if ways and reached is not None and reached != number:
                    self.nodes[reached].ways.append((number, ways))

    def decide(self, number: int, state: ProjectState, move: Move) -> ProjectState:
        """Return the state that a command leads to; check everything that must hold then."""
        assert move.command is not None
        plane, told_at = self.planes[self.nodes[number].plane], move.at - move.behind
        try:
            decision = plane.decide(state, move.command, told_at)
        except Exception as error:
            if isinstance(error, CalendarError) and isinstance(move.command, UnfreezeStage):
                return state  # it says that the host's calendar fails (R37)
            moves = (*self.path(number), move)
            program = Program(self.planes, moves).raising()
            raise Counterexample("decisions_never_raise", repr(error), moves, program) from error
        seen = Transition(plane, state, move.command, told_at, decision)
        try:
            check(ALWAYS, seen)
            if seen.events:
                check(WHEN_APPLIED, seen)
            check(self.invariants, seen)
        except Break as broken:
            moves = (*self.path(number), move)
            program = Program(self.planes, moves).breaking(broken.invariant)
            name = name_of(broken.invariant)
            raise Counterexample(name, broken.problem, moves, program) from broken.__cause__
        return decision.state

    def reach(
        self, parent: int, move: Move | None, state: ProjectState, now: datetime
    ) -> int | None:
        """Return the number of a state, a new one if its projection is new; None at the limit."""
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
        is_paused = any(context.pauses for context in state.contexts.values())
        self.nodes.append(_Node(parent, move, depth, state, now, plane, is_over, is_paused))
        self.queue.append(number)
        return number

    def path(self, number: int) -> tuple[Move, ...]:
        """Return the moves that lead to a state, the fewest there are."""
        moves: list[Move] = []
        while (node := self.nodes[number]).move is not None:
            moves.append(node.move)
            number = node.parent
        return tuple(reversed(moves))

    def state_of(self, number: int) -> ProjectState:
        """Return a state that was visited, by making all moves to it once more."""
        state, plane = self.plane.initial(PROJECT), 0
        for move in self.path(number):
            plane += move.letter == "change"
            if move.command is not None:
                state = self.planes[plane].decide(state, move.command, move.at - move.behind).state
        return state

    def check_ends(self) -> None:
        """Check that each state leads to one in which nothing lives, backwards from those."""
        possible = ways_to_end(self.plane, self.alphabet)
        for wanted, ends in ENDS:
            if not possible & wanted:
                continue
            lasting = (each for each in enumerate(self.nodes) if not each[1].is_over)
            left = {
                number for number, node in lasting if wanted is not SILENT or not node.is_paused
            }
            ended: Iterable[int] = [n for n, node in enumerate(self.nodes) if node.is_over]
            while ended:
                ways = (each for number in ended for each in self.nodes[number].ways)
                ended = left & {source for source, how in ways if how & wanted}
                left -= ended
            if left:
                raise self.without_end(min(left), ends)

    def without_end(self, number: int, ends: Ends) -> Counterexample:
        """Return what shows that a state leads to no end; it names who is stuck there."""
        node, moves = self.nodes[number], self.path(number)
        problem = ends(self.planes[node.plane], self.alphabet, self.state_of(number), node.now)
        program = Program(self.planes, moves).ending(ends, self.alphabet)
        return Counterexample(name_of(ends), problem, moves, program)
