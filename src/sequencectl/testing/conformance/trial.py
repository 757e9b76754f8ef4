"""A place where a check opens its stores, and what the checks expect of a store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from inspect import signature
from typing import Any, Final, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict, InvalidValue
from sequencectl.events import Event
from sequencectl.ports import Store
from sequencectl.state import ProjectState
from sequencectl.testing.conformance.promises import Seen, expect, expect_same

ALL: Final = 10_000

Fault = Callable[[str], AbstractContextManager[object]]
"""Takes a place. While the returned context is entered, commits at that place fail."""


@final
@attrs.frozen
class StoreCapabilities:
    """What a store and its factory can do besides opening an empty store; each adds checks.

    `reopens`: a place that was closed can be opened again with its content, as after a restart.
    `shares`: a place can be open twice at the same time, as in two processes. `races`: stores at
    one place can be used in several threads at the same time, each in the thread that opened it.
    `faults`, by name: ways to make commits fail.
    """

    reopens: bool = False
    shares: bool = False
    races: bool = False
    faults: Mapping[str, Fault] = attrs.field(factory=dict)


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
        self, make: Callable[[str], Store], faults: Mapping[str, Fault], name: str
    ) -> None:
        check_make(make, name)
        self._make = make
        self._is_new = True
        self.place = name
        self.faults = faults

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store at this place, and close it if it has a `close`."""
        store = self._make(self.place)
        try:
            if self._is_new and store.agenda(limit=1):
                raise Seen(f"the place {self.place!r} was not empty when it was opened first")
            self._is_new = False
            yield store
        finally:
            getattr(store, "close", lambda: None)()


def commit_all(store: Store, decisions: Sequence[Decision]) -> None:
    """Commit decisions in their order."""
    for decision in decisions:
        store.commit(decision)


def expect_state(
    store: Store, state: ProjectState, what: str, *, known: ProjectState | None = None
) -> None:
    """Expect that this state loads, with the index that its records give."""
    loaded = store.load(state.project, known=known)
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
    found = 0 if before[0] is None else before[0].serial
    said = conflict.project, conflict.base, found if conflict.found is None else conflict.found
    expect_same((decision.project, decision.base, found), said, f"{what}: what the Conflict says")


def _everything(store: Store, project: str) -> tuple[ProjectState | None, object, object]:
    outbox = tuple(store.pending(project, limit=ALL))
    return store.load(project), outbox, {(each.at, each.project) for each in store.agenda(limit=9)}
