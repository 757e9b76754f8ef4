"""Async stores: tried like sync ones, call by call, and in calls that overlap on one object.

Two calls overlap like this: when the first one comes to its n-th await, the second one begins; the
first goes on when the second is over, or after some time, for the second may wait for the first.
Every await of every call is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from inspect import isawaitable
from itertools import count, product, takewhile
from operator import methodcaller
from types import coroutine
from typing import Any, Final, TypeVar, cast, final

import attrs

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.ports import AsyncStore, Store
from sequencectl.testing._walk import Teller
from sequencectl.testing.conformance.promises import Seen, expect_same
from sequencectl.testing.conformance.trial import ALL, does_batches
from sequencectl.testing.fakes import InMemoryStore

T = TypeVar("T")
MakeAsyncStore = Callable[[str], Awaitable[AsyncStore]]
Call = Callable[[Any], Any]
"""Makes one call of a store, sync or async, and returns what that returns."""

_PATIENCE: Final = 300
"""Turns of the event loop after which the second call is taken to wait for the first one."""


@final
class AwaitedStore:
    """An async store as a sync one: each call is awaited, in an event loop of its own."""

    def __init__(self, make: MakeAsyncStore, place: str) -> None:
        self._runner = asyncio.Runner()
        try:
            self._store = self._get(make(place))
        except BaseException:
            self._runner.close()
            raise

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._store, name)
        return lambda *given, **named: self._get(method(*given, **named))

    def overlap(self, first: Call, second: Call, point: int) -> tuple[object, object] | None:
        """Return the answers of two calls; None if the first has no await of this number.

        An error is an answer as well.
        """
        return self._get(_Overlap(self._store, second, point).answers(first))

    def close(self) -> None:
        """Close the store if it has a `close`, and its event loop."""
        with self._runner:
            self._get(_closed(self._store))

    def _get(self, answer: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await answer

        return self._runner.run(awaited())


async def _closed(store: AsyncStore) -> None:
    answer = store.close() if hasattr(store, "close") else None
    if isawaitable(answer):
        await answer


@final
class _Overlap:
    """A call of a store that begins at one await of another one."""

    def __init__(self, store: AsyncStore, second: Call, point: int) -> None:
        self._store = store
        self._second = second
        self._point = point
        self._awaits = 0
        self._task: asyncio.Task[object] | None = None

    async def answers(self, first: Call) -> tuple[object, object] | None:
        answer = await _answer(_giving_way(first(self._store), self._at_await))
        return None if self._task is None else (answer, await self._task)

    def _at_await(self) -> Iterable[None]:
        self._awaits += 1
        if self._awaits != self._point:
            return ()
        self._task = asyncio.create_task(_answer(self._second(self._store)))
        return self._until_it_is_over(self._task)

    @staticmethod
    def _until_it_is_over(task: asyncio.Task[object]) -> Iterator[None]:
        for _ in takewhile(lambda _: not task.done(), range(_PATIENCE)):
            yield


@coroutine
def _giving_way(
    work: Awaitable[object], at_await: Callable[[], Iterable[None]]
) -> Generator[Any, None, object]:
    """Await `work`; at each of its awaits call `at_await` and take the turns it returns."""
    running = work.__await__()
    go_on = partial(running.send, None)
    while True:
        try:
            awaited = go_on()
        except StopIteration as done:
            return done.value
        turns = at_await()
        try:
            yield awaited
        except Exception as error:  # noqa: BLE001 - whatever it awaits may raise; it is handed on
            go_on = partial(running.throw, error)
        else:
            go_on = partial(running.send, None)
        yield from turns


async def _answer(work: Awaitable[object]) -> object:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - it is judged with the other answers
        return error


@final
@attrs.frozen
class _Side:
    """A project whose first commit is made before two calls overlap, and whose second may be one of
    them.
    """

    first: Decision
    second: Decision
    beside: Decision
    """What is committed together with the second one, to a project that is new."""

    @classmethod
    def of(cls, project: str, sequence_id: str) -> _Side:
        """Return the side whose second commit triggers a sequence of this id."""
        host, new = Teller(project), Teller(f"{project} new")
        return cls(host.trigger("first"), host.trigger(sequence_id), new.trigger(sequence_id))

    @property
    def project(self) -> str:
        """The name of the project."""
        return self.first.project

    @property
    def projects(self) -> tuple[str, str]:
        """The names of both projects."""
        return self.beside.project, self.project


_CALLS: Final[Mapping[str, Callable[[_Side], Call]]] = {
    "load": lambda side: methodcaller("load", side.project),
    "load of what is known": lambda side: methodcaller(
        "load", side.project, known=side.first.state
    ),
    "commit": lambda side: methodcaller("commit", side.second),
    "pending": lambda side: methodcaller("pending", side.project, limit=ALL),
    "acknowledge": lambda side: methodcaller(
        "acknowledge", side.project, through=side.first.state.serial
    ),
    "agenda": lambda _side: methodcaller("agenda", limit=ALL),
}
"""A call of each kind, by the words an error message has for it."""
_BATCH_CALLS: Final[Mapping[str, Callable[[_Side], Call]]] = {
    "load_many": lambda side: methodcaller("load_many", side.projects, known={}),
    "commit_many": lambda side: methodcaller("commit_many", (side.beside, side.second)),
    "pending_many": lambda side: methodcaller("pending_many", side.projects, limit=ALL),
    "acknowledge_many": lambda side: methodcaller(
        "acknowledge_many", dict.fromkeys(side.projects, side.first.state.serial)
    ),
}


@final
@attrs.frozen
class _Pair:
    """Two calls, each of a kind and on a side; both sides may be of one project."""

    kinds: tuple[str, str]
    sides: tuple[_Side, _Side]

    @property
    def calls(self) -> tuple[Call, Call]:
        """The two calls."""
        calls = {**_CALLS, **_BATCH_CALLS}
        one, other = (calls[kind](side) for side, kind in zip(self.sides, self.kinds, strict=True))
        return one, other

    def prepare(self, store: Store) -> None:
        """Make the first commit of each project."""
        for decision in {side.project: side.first for side in self.sides}.values():
            store.commit(decision)

    def in_order(self, first: int, seen: Sequence[object]) -> list[object]:
        """Return what would be seen if the call of this index were made and then the other one."""
        fake = InMemoryStore()
        self.prepare(fake)
        answers: list[object] = [None, None]
        for index in (first, 1 - first):
            try:
                answers[index] = self.calls[index](fake)
            except Conflict as conflict:
                answers[index] = conflict
        return [_as_said(*each) for each in zip(self.seen(fake, answers), seen, strict=True)]

    def seen(self, store: Store, answers: Iterable[object]) -> list[object]:
        """Return the answers, and what the store has afterwards, in a form that can be compared."""
        projects = {project for side in self.sides for project in side.projects}
        read = [_readable(*each, projects) for each in zip(self.kinds, answers, strict=True)]
        has = [(store.load(one), tuple(store.pending(one, limit=ALL))) for one in sorted(projects)]
        return [*read, *has]


def _readable(kind: str, answer: Any, projects: set[str]) -> object:
    if isinstance(answer, Conflict):
        return "a Conflict"
    if isinstance(answer, Exception):
        raise answer
    match kind:
        case "pending":
            return tuple(answer)
        case "load_many":
            return dict(answer)
        case "commit_many":
            return {one: _readable("commit", each, projects) for one, each in answer.items()}
        case "pending_many":
            return {one: tuple(events) for one, events in answer.items()}
        case "agenda":
            return {each.project for each in answer} & projects
        case _:
            return answer


def _as_said(expected: object, seen: object) -> object:
    """Return what is expected; a commit need not say that nothing was pending before it."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        return {key: _as_said(each, seen.get(key)) for key, each in expected.items()}
    return seen if isinstance(expected, bool) and (seen is None or seen is False) else expected


def overlapping_calls(opened: Callable[[], AwaitedStore]) -> None:
    """Calls that overlap on one store answer and write as if made one after the other."""
    projects = (f"p {number}" for number in count())
    with closing(opened()) as store:
        calls = [*_CALLS, *(_BATCH_CALLS if does_batches(store) else ())]
        for one, other, is_same in product(calls, calls, (True, False)):
            whose = "the same project" if is_same else "another project"
            point, has_more = 0, True
            while has_more:
                point += 1
                project = next(projects)
                second = _Side.of(project if is_same else f"{project} q", "b")
                pair = _Pair((one, other), (_Side.of(project, "a"), second))
                what = f"{one} at its await {point} met {other} of {whose}"
                has_more = _overlap(store, pair, point, what)


def _overlap(awaited: AwaitedStore, pair: _Pair, point: int, what: str) -> bool:
    """Return False if the first call has no await of this number; raise `Seen` if the store does
    what it does in neither order of the calls.
    """
    store = cast("Store", awaited)
    pair.prepare(store)
    answers = awaited.overlap(*pair.calls, point)
    if answers is None:
        return False
    try:
        seen = pair.seen(store, answers)
    except Exception as error:
        raise Seen(f"{what}: it raised {error!r}") from error
    if seen != pair.in_order(0, seen):
        expect_same(pair.in_order(1, seen), seen, f"{what}: answers and content")
    return True
