"""The store of a simulated world, as replicas call it: what it answers is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Final, cast, final

from sequencectl._protocol import (
    Acknowledge,
    AcknowledgeMany,
    Call,
    Commit,
    CommitMany,
    Load,
    LoadMany,
    Now,
    Pending,
    PendingMany,
    ReadAgenda,
    Reply,
    TakeTurn,
)
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.ports import BatchStore, Store
from sequencectl.state import ProjectState
from sequencectl.testing.simulation.faults import Mishap, Pair
from sequencectl.testing.simulation.judge import Judge
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.replica import Replica
from sequencectl.testing.simulation.witness import Witness

_MOST: Final = 4
"""So few events are read from an outbox at once: then several rounds are needed."""


def can_do_many(store: Store) -> bool:
    """Return whether a store is a `BatchStore`."""
    names = ("load_many", "commit_many", "pending_many", "acknowledge_many")
    return all(callable(getattr(store, name, None)) for name in names)


@final
class StorePort:
    """Makes the calls of replicas on a store; `committed` hears of each decision that it took."""

    def __init__(
        self,
        store: Store,
        witness: Witness,
        judge: Judge,
        hits: Counter[Pair],
        committed: Callable[[Replica, Decision], None],
    ) -> None:
        self._store = store
        self._witness = witness
        self._judge = judge
        self._hits = hits
        self._committed = committed

    def make(self, replica: Replica, call: Call) -> Reply:
        """Return what the store answers."""
        match call:
            case Load():
                stored = self._store.load(call.project, known=call.known)
                return self._loaded(replica, call, call.project, stored, call.known)
            case LoadMany():
                found = self._many.load_many(call.projects, known=call.known)
                known = call.known.get
                loaded = {
                    each: self._loaded(replica, call, each, found.get(each), known(each))
                    for each in call.projects
                }
                return {each: state for each, state in loaded.items() if state is not None}
            case Commit():
                try:
                    answer: bool | Conflict | None = self._store.commit(call.decision)
                except Conflict as conflict:
                    self._answered(replica, call, call.decision, conflict)
                    raise
                self._answered(replica, call, call.decision, answer)
                return answer
            case CommitMany():
                answers = self._many.commit_many(call.decisions)
                for decision in call.decisions:
                    self._answered(replica, call, decision, answers[decision.project])
                return answers
            case Pending():
                return tuple(self._store.pending(call.project, limit=min(call.limit, _MOST)))
            case PendingMany():
                return self._many.pending_many(call.projects, limit=min(call.limit, _MOST))
            case Acknowledge():
                self._store.acknowledge(call.project, through=call.through)
            case AcknowledgeMany():
                self._many.acknowledge_many(call.through)
            case _:
                assert isinstance(call, ReadAgenda)
                return tuple(self._store.agenda(limit=call.limit))
        return None

    @property
    def _many(self) -> BatchStore:
        return cast("BatchStore", self._store)  # only such a store is asked, see `can_do_many`

    def _answered(
        self, replica: Replica, call: Call, decision: Decision, answer: bool | Conflict | None
    ) -> None:
        """Let a decision that was taken be checked; count what the store said of it."""
        project = decision.project
        if not isinstance(answer, Conflict):
            if answer is True:
                self._hit(Mishap.ALONE, call)
            self._committed(replica, decision)
            return
        self._hit(Mishap.CONFLICT, call)
        if project in replica.overtaken:
            raise Violation(f"commits again on the state that met a conflict: {decision}")
        replica.overtaken.add(project)

    def _loaded(
        self,
        replica: Replica,
        call: Call,
        project: str,
        stored: ProjectState | None,
        known: ProjectState | None,
    ) -> ProjectState | None:
        """Load as a store does that compares serials alone: it returns the state that is known."""
        replica.overtaken.discard(project)
        self._witness.loaded(project, stored)
        if known is not None:
            self._judge.check_known(known)
        if self._witness.is_newest(project, known):
            self._hit(Mishap.KNOWN, call)
            return known
        if known is not None:
            self._hit(Mishap.STALE, call)
        return stored

    def _hit(self, what: Mishap, call: Call) -> None:
        self._hits[what, type(call).__name__] += 1


def check_turn(replica: Replica, call: Call) -> None:
    """Check that a replica has the turn of each project it works on; each is named once."""
    projects = _projects_of(call)
    if len({*projects}) < len(projects):
        raise Violation(f"names a project twice: {call}")
    if not isinstance(call, TakeTurn) and not {*projects} <= {*replica.turn}:
        raise Violation(f"has the turn of {replica.turn} and makes {call}")


def _projects_of(call: Call) -> Collection[str]:
    """Return the projects that a call is about."""
    match call:
        case TakeTurn() | LoadMany() | PendingMany():
            return call.projects
        case CommitMany():
            return [decision.project for decision in call.decisions]
        case AcknowledgeMany():
            return call.through
        case Commit():
            return (call.decision.project,)
        case Now() | ReadAgenda():
            return ()
        case _:
            return (call.project,)
