"""The PostgreSQL store for hosts that await; it asks what ``store.py`` asks.

Shows: one connection whose calls take turns, so that they may overlap at every await; a call that
is cancelled gives its turn back, and whether its commit took effect is then unknown, as after an
error. Leaves out: several connections (open several stores), and advisory locks, which are a
session's and so would be every task's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast, final

import psycopg

from examples.postgres import statements as ask
from examples.postgres.opening import ADAPTERS, Address, has_news
from examples.postgres.statements import Steps
from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import ALL, KEPT
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.serialization import SCHEMA
from sequencectl.state import ProjectState

T = TypeVar("T")


@final
class AsyncPostgresStore:
    """An `AsyncBatchStore` in a schema of a database; `open` makes one. See `PostgresStore`."""

    def __init__(self, address: Address, *, kept: int, wire: int) -> None:
        self._address = address
        self._kept = max(kept, KEPT)
        self._wire = wire
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._is_closed = False
        self._turn = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        schema: str = "sequencectl",
        kept: int = KEPT,
        wire: int = SCHEMA,
        lock_timeout: float = 5.0,
        statement_timeout: float = 60.0,
    ) -> AsyncPostgresStore:
        """Return a store that is connected."""
        address = Address(url, schema, ask.SCHEMA, lock_timeout, statement_timeout)
        store = cls(address, kept=kept, wire=wire)
        await store._connected(makes=True)
        return store

    async def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return `known` if it is the newest, or caught up; else read all rows of the project."""
        return await self._read(partial(ask.load, project, known))

    async def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Return the newest state of each project that has one."""
        return await self._read(partial(ask.load_many, projects, known))

    async def commit(self, decision: Decision) -> bool:
        """Write header, changed rows and events in one statement, or raise `Conflict`."""
        return await self._write(ask.commit(decision, self._wire))

    async def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict]:
        """Commit several projects in one statement; those with a conflict write nothing."""
        return await self._write(ask.commit_many(decisions, self._wire))

    async def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the events after the last acknowledged one."""
        return await self._read(partial(ask.pending, project, limit))

    async def pending_many(
        self, projects: Sequence[str], *, limit: int
    ) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox that is not empty."""
        return await self._read(partial(ask.pending_many, projects, limit))

    async def acknowledge(self, project: str, *, through: int) -> None:
        """Move the mark, never back; drop what is neither unsent nor needed to catch up."""
        await self.acknowledge_many({project: through})

    async def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Move the mark of each project."""
        await self._read(partial(ask.acknowledge, through, self._kept))

    async def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return projects with unsent events, then deadlines by instant."""
        return await self._read(partial(ask.agenda, limit))

    async def events(self, project: str, *, after: int = 0, limit: int = ALL) -> Sequence[Event]:
        """Return the events of a project that are kept, by serial, those after one alone."""
        return await self._read(partial(ask.events, project, after, limit))

    async def serials(self) -> dict[str, int]:
        """Return every project with its serial."""
        return await self._read(ask.serials)

    async def close(self) -> None:
        """End the connection; the store is of no use afterwards."""
        self._is_closed = True
        await self._drop()

    async def _write(self, steps: Steps[T]) -> T:
        async with self._turn:
            return await self._run(steps)

    async def _read(self, steps: Callable[[], Steps[T]]) -> T:
        """Ask what may be asked twice; do so once more if the connection was found to be lost."""
        async with self._turn:
            before = self._connection
            try:
                return await self._run(steps())
            except StoreUnusable:
                if before is None or not before.closed or self._is_closed:
                    raise
            return await self._run(steps())

    async def _run(self, steps: Steps[T]) -> T:
        with self._address.sentences():
            return await self._asked(await self._connected(), steps)

    async def _asked(
        self, connection: psycopg.AsyncConnection[Any], steps: Steps[T], *, is_repeated: bool = True
    ) -> T:
        try:
            asked = next(steps)
            while True:
                cursor = await connection.execute(
                    asked.statement,
                    asked.parameters,
                    prepare=is_repeated,
                    binary=True,
                )
                rows = await cursor.fetchall() if cursor.description is not None else []
                asked = steps.send(rows)
        except StopIteration as done:
            return cast("T", done.value)

    async def _connected(self, *, makes: bool = False) -> psycopg.AsyncConnection[Any]:
        if self._is_closed:
            raise StoreUnusable(str(self._address), "was closed")
        if self._connection is not None and has_news(self._connection):
            await self._drop()  # it broke, or was ended while nobody used it
        if self._connection is None:
            parameters = self._address.parameters()
            with self._address.sentences():
                connection = await psycopg.AsyncConnection.connect(
                    **parameters, autocommit=True, context=ADAPTERS
                )
                try:
                    opening = self._address.opening(makes=makes)
                    await self._asked(connection, opening, is_repeated=False)
                except BaseException:
                    await connection.close()
                    raise
            self._connection = connection
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def __aenter__(self) -> AsyncPostgresStore:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
