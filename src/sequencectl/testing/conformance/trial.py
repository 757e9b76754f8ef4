"""A place where a check opens its stores, and what the checks expect of a store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from inspect import signature
from typing import Any, Final, cast, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict, InvalidValue
from sequencectl.events import Event
from sequencectl.ports import BatchStore, Store
from sequencectl.state import ProjectState
from sequencectl.testing.conformance.promises import Seen, expect, expect_same

ALL: Final = 10_000
PROJECTS: Final = (
    "a", "A", "a ", " a", "a b", "a/b", "a\\b", "../a", "..", ".", "a.", "a%2Fb", "a%", "a_b",
    "axb", "it's", '"a"', "`a`", "a;--", "a:b", "*", "?", "$a", "{a}", "<a>", "~", "#", "-a", "0",
    "00", "1e1", "None", "null", "CON", "x" * 200, "x" * 199, "x" * 199 + "y",
)  # fmt: skip
"""Names that a store might mix up."""

_OF_BATCHES: Final = ("load_many", "commit_many", "pending_many", "acknowledge_many")
_UNTRIED: Final = (
    f"it has {', '.join(_OF_BATCHES)}: controllers use them, so declare batches=True and have them"
    " tried"
)

Fault = Callable[[str], AbstractContextManager[object]]
"""Takes a place. While the returned context is entered, commits at that place fail."""


@final
@attrs.frozen
class StoreCapabilities:
    """What a store and its factory can do besides opening an empty store; each adds checks.

    `reopens`: a place that was closed can be opened again with its content, as after a restart.
    `shares`: a place can be open twice at the same time, as in two processes. `races`: stores at
    one place can be used in several threads at the same time, each in the thread that opened it.
    `faults`, by name: ways to make commits fail. `batches`: it is a `BatchStore`. A store that has
    the four methods must say so, since controllers use them.
    """

    reopens: bool = False
    shares: bool = False
    races: bool = False
    faults: Mapping[str, Fault] = attrs.field(factory=dict)
    batches: bool = False


def check_make(make: Any, *place: str) -> None:
    """Raise `InvalidValue` unless `make` can be called, with the place if one is given."""
    try:
        with suppress(ValueError):  # a function in C may not tell what it takes
            signature(make).bind(*place)
    except TypeError:
        takes = "a place" if place else "no argument"
        raise InvalidValue("make", make, f"must be a function that takes {takes}") from None


@final
class StoreTrial:
    """The place of one check, where it can open stores."""

    def __init__(
        self, make: Callable[[str], Store], capabilities: StoreCapabilities, name: str
    ) -> None:
        check_make(make, name)
        self._make = make
        self._capabilities = capabilities
        self._is_new = True
        self.place = name

    @property
    def faults(self) -> Mapping[str, Fault]:
        """Ways to make commits fail, by name."""
        return self._capabilities.faults

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store at this place, and close it if it has a `close`."""
        store = self._make(self.place)
        try:
            if does_batches(store) and not self._capabilities.batches:
                raise Seen(_UNTRIED)
            if self._is_new and store.agenda(limit=1):
                raise Seen(f"the place {self.place!r} was not empty when it was opened first")
            self._is_new = False
            yield store
        finally:
            getattr(store, "close", lambda: None)()

    @contextmanager
    def batch_store(self) -> Iterator[BatchStore]:
        """Open the store as one that has the methods for several projects."""
        with self.store() as store:
            yield cast("BatchStore", store)


def does_batches(store: object) -> bool:
    """Return whether a store has all methods of `BatchStore`, sync or async."""
    return all(hasattr(store, name) for name in _OF_BATCHES)


def commit(store: Store, *decisions: Decision) -> None:
    """Commit decisions in their order, and expect answers that a store may give."""
    for decision in decisions:
        expect_answer(store, decision, store.commit(decision))


def expect_answer(store: Store, decision: Decision, answer: object) -> None:
    """Expect an answer that a commit may give: True only if nothing was pending before it."""
    is_known = answer is None or answer is True or answer is False
    expect(is_known, f"a commit was answered by {answer!r}, not True, False or None")
    if answer is True:
        older = [each.serial for each in store.pending(decision.project, limit=1)]
        is_right = not older or older[0] > decision.base
        expect(is_right, f"a commit was answered by True, but serial {older} was pending before")


def expect_state(
    store: Store, state: ProjectState, what: str, *, known: ProjectState | None = None
) -> None:
    """Expect that this state loads, with the index that its records give."""
    expect_loaded(state, store.load(state.project, known=known), what)


def expect_loaded(state: ProjectState, loaded: ProjectState | None, what: str) -> None:
    """Expect that this state was loaded, with the index that its records give."""
    expect_same(state, loaded, f"{what}: the loaded state")
    assert loaded is not None
    rebuilt = loaded.rebuilt()
    is_fresh = loaded.index == rebuilt.index
    is_fresh &= loaded.oldest_remembered(ALL) == rebuilt.oldest_remembered(ALL)
    expect(is_fresh, f"{what}: the index of the loaded state is not that of its records")


def expect_outbox(store: Store, project: str, events: Sequence[Event], what: str) -> None:
    """Expect that exactly these events are pending."""
    pending = tuple(store.pending(project, limit=ALL))
    expect_same(tuple(events), pending, f"{what}: the pending events")


def expect_stored(store: Store, decisions: Sequence[Decision], what: str, *, sent: int = 0) -> None:
    """Expect the state of the last decision, and all events after the serial `sent` pending."""
    events = [each for decision in decisions for each in decision.events if each.serial > sent]
    expect_state(store, decisions[-1].state, what)
    expect_outbox(store, decisions[-1].project, events, what)


def expect_agenda(
    store: Store, unsent: Collection[str], deadlines: Mapping[str, datetime | None]
) -> None:
    """Expect the unsent projects and the deadlines; those of unsent projects may be missing."""
    entries = [(entry.at, entry.project) for entry in store.agenda(limit=ALL)]
    instants = [at for at, _ in entries]
    now = sorted(project for at, project in entries if at is None)
    expect_same(sorted(unsent), now, "the unsent projects of the agenda")
    coming = [(at, project) for at, project in entries[len(now) :] if at is not None]
    expect(len(now) + len(coming) == len(entries), "a deadline is ahead of an unsent project")
    expect_same(sorted(at for at, _ in coming), instants[len(now) :], "the agenda's instants")
    known = [(at, project) for project, at in deadlines.items() if at is not None]
    due = [each for each in known if each in coming or each[1] not in unsent]
    expect_same(sorted(due), sorted(coming), "the deadlines of the agenda")
    for limit in range(1, len(entries) + 1):
        some = [entry.at for entry in store.agenda(limit=limit)]
        expect_same(instants[:limit], some, f"the agenda of limit {limit}")


def expect_conflict(store: Store, decision: Decision, what: str) -> None:
    """Expect a `Conflict` that names the right serials and leaves everything unchanged."""
    before = _everything(store, decision.project)
    try:
        store.commit(decision)
    except Conflict as error:
        conflict = error
    else:
        raise Seen(f"{what}: there was no Conflict")
    after = _everything(store, decision.project)
    expect_same(before, after, f"{what}: state, pending events and agenda after the conflict")
    expect_refusal(decision, conflict, before[0], what)


def expect_refusal(
    decision: Decision, conflict: Conflict, state: ProjectState | None, what: str
) -> None:
    """Expect a `Conflict` that names the decision's serial and that of the stored state, if any."""
    found = 0 if state is None else state.serial
    said = conflict.project, conflict.base, found if conflict.found is None else conflict.found
    expect_same((decision.project, decision.base, found), said, f"{what}: what the Conflict says")


def _everything(store: Store, project: str) -> tuple[ProjectState | None, object, object]:
    outbox = tuple(store.pending(project, limit=ALL))
    return store.load(project), outbox, {(each.at, each.project) for each in store.agenda(limit=9)}
