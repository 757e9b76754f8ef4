"""A store in PostgreSQL: what ``examples/stores/sqlite.py`` is for one machine, for any number.

Shows: one statement and one round trip for a commit, rows written only where something changed, an
outbox, states caught up by folding the events they lack, several projects in one transaction, and
a connection that is made anew when it is lost. Leaves out: deleting projects, several threads (each
opens its own store), and sharding. README.md beside this file says what is promised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from typing import Any, Final, TypeVar, cast, final

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
_LOCK: Final = "SELECT pg_advisory_lock(%s::bigint)"
_UNLOCK: Final = "SELECT pg_advisory_unlock(%s::bigint)"


@final
class PostgresStore:
    """A `BatchStore` in a schema of a database, made if there is none; for one thread, and any
    number of processes.

    `url` is a libpq URL. So many events of a project as `kept` says stay after they are
    acknowledged, at least KEPT. `wire` is the serialization schema to write, for a rolling upgrade.
    Raises `StoreUnusable` whenever the database cannot be used; the next call connects anew.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "sequencectl",
        kept: int = KEPT,
        wire: int = SCHEMA,
        lock_timeout: float = 5.0,
        statement_timeout: float = 60.0,
    ) -> None:
        self._kept = max(kept, KEPT)
        self._wire = wire
        self._address = Address(url, schema, ask.SCHEMA, lock_timeout, statement_timeout)
        self._connection: psycopg.Connection[Any] | None = None
        self._is_closed = False
        self._connected(makes=True)

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return `known` if it is the newest, or caught up; else read all rows of the project."""
        return self._read(partial(ask.load, project, known))

    def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Return the newest state of each project that has one."""
        return self._read(partial(ask.load_many, projects, known))

    def commit(self, decision: Decision) -> bool:
        """Write header, changed rows and events in one statement, or raise `Conflict`."""
        return self._run(ask.commit(decision, self._wire))

    def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict]:
        """Commit several projects in one statement; those with a conflict write nothing."""
        return self._run(ask.commit_many(decisions, self._wire))

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the events after the last acknowledged one."""
        return self._read(partial(ask.pending, project, limit))

    def pending_many(self, projects: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox that is not empty."""
        return self._read(partial(ask.pending_many, projects, limit))

    def acknowledge(self, project: str, *, through: int) -> None:
        """Move the mark, never back; drop what is neither unsent nor needed to catch up."""
        self.acknowledge_many({project: through})

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Move the mark of each project."""
        self._read(partial(ask.acknowledge, through, self._kept))

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return projects with unsent events, then deadlines by instant."""
        return self._read(partial(ask.agenda, limit))

    def events(self, project: str, *, after: int = 0, limit: int = ALL) -> Sequence[Event]:
        """Return the events of a project that are kept, by serial, those after one alone."""
        return self._read(partial(ask.events, project, after, limit))

    def serials(self) -> dict[str, int]:
        """Return every project with its serial."""
        return self._read(ask.serials)

    @contextmanager
    def holding(self, project: str) -> Iterator[None]:
        """Hold the project's advisory lock, which all processes share: one at a time decides there.

        It spares conflicts and is no guard: that is the serial. Whoever waited for `lock_timeout`
        goes on without it, since its holder may have been stopped; and it is gone with the
        connection, whose end the next call inside notices.
        """
        held = self._lock(self._key(project))
        try:
            yield
        finally:
            self._unlock(held, self._key(project))

    def close(self) -> None:
        """End the connection; the store is of no use afterwards."""
        self._is_closed = True
        self._drop()

    def _key(self, project: str) -> int:
        digest = blake2b(f"{self._address.schema}\0{project}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    def _lock(self, key: int) -> psycopg.Connection[Any] | None:
        """Return the connection that has the lock, None if another one did not give it back."""
        try:
            self._read(partial(_asking, _LOCK, key))
        except StoreUnusable as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                return None
            raise
        except BaseException:  # an interrupt: the lock may have been given a moment ago
            self._drop()
            raise
        return self._connection

    def _unlock(self, held: psycopg.Connection[Any] | None, key: int) -> None:
        if held is None or held.closed or held is not self._connection:
            return  # a lock ends with its connection
        try:
            self._run(_asking(_UNLOCK, key))
        except StoreUnusable:
            self._drop()

    def _read(self, steps: Callable[[], Steps[T]]) -> T:
        """Ask what may be asked twice; do so once more if the connection was found to be lost."""
        before = self._connection
        try:
            return self._run(steps())
        except StoreUnusable:
            if before is None or not before.closed or self._is_closed:
                raise
        return self._run(steps())

    def _run(self, steps: Steps[T]) -> T:
        with self._address.sentences():
            return self._asked(self._connected(), steps)

    def _asked(
        self, connection: psycopg.Connection[Any], steps: Steps[T], *, is_repeated: bool = True
    ) -> T:
        try:
            asked = next(steps)
            while True:
                cursor = connection.execute(
                    asked.statement,
                    asked.parameters,
                    prepare=is_repeated,
                    binary=True,
                )
                asked = steps.send(cursor.fetchall() if cursor.description is not None else [])
        except StopIteration as done:
            return cast("T", done.value)

    def _connected(self, *, makes: bool = False) -> psycopg.Connection[Any]:
        if self._is_closed:
            raise StoreUnusable(str(self._address), "was closed")
        if self._connection is not None and has_news(self._connection):
            self._drop()  # it broke, or was ended while nobody used it
        if self._connection is None:
            parameters = self._address.parameters()
            with self._address.sentences():
                connection = psycopg.connect(**parameters, autocommit=True, context=ADAPTERS)
                try:
                    opening = self._address.opening(makes=makes)
                    self._asked(connection, opening, is_repeated=False)
                except BaseException:
                    connection.close()
                    raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> PostgresStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _asking(statement: str, key: int) -> Steps[None]:
    yield ask.Ask(statement, (key,))
