"""Tables in PostgreSQL that are written as those in SQLite are: with the same statements.

Shows: what ``examples/stores/database.py`` does for a file, for a schema of a database. Statements
are translated once. Those of a transaction are sent without waiting for each other, so that it
costs a round trip for each answer that is looked at, and one. Who writes takes an advisory lock
first, as SQLite takes the file's. A connection that was lost is made anew. Leaves out: sharing a
connection between threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, final

import attrs
import psycopg

from examples.postgres.opening import ADAPTERS, Address, has_news
from examples.postgres.statements import Steps
from examples.stores.database import Schema, Synchronous
from examples.stores.errors import StoreUnusable
from examples.stores.portable import Rows, Values

_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|\?|(?<!:):[a-z]+|%|\bINDEXED BY [a-z_]+")
_TYPES: Final[Mapping[str, str]] = {
    "INTEGER PRIMARY KEY": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "INTEGER": "bigint",
    "TEXT": 'text COLLATE "C"',  # texts sort as they do in SQLite, whatever the database's locale
    "WITHOUT ROWID": "",
}
_TYPE: Final = re.compile("|".join(_TYPES))
_BEGIN: Final = {
    False: b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    True: b"BEGIN ISOLATION LEVEL READ COMMITTED",
}
_LOCK: Final = b"SELECT pg_advisory_xact_lock(%s::bigint)"
_NOTIFY: Final = b"SELECT pg_notify(%s::text, %s::text)"
_SETTINGS: Final = b"""SELECT set_config('plan_cache_mode', 'auto', false),
    set_config('synchronous_commit', %s::text, false)"""
_NUL, _NO_NUL = "\0", "\N{REPLACEMENT CHARACTER}"


@final
class Database:
    """Tables of a known schema in a schema of PostgreSQL, made if there are none; for one thread.

    `synchronous` NORMAL lets transactions return before they are durable. Whoever listens on
    `channel` hears what `notify` says. Raises `StoreUnusable` whenever the database cannot be used;
    the next transaction connects anew.
    """

    def __init__(
        self,
        url: str,
        tables: Schema,
        *,
        schema: str,
        synchronous: Synchronous,
        channel: str = "",
        lock_timeout: float = 5.0,
    ) -> None:
        self._address = Address(url, schema, _translated(tables), lock_timeout)
        self._synchronous = "on" if synchronous == "FULL" else "off"
        self._channel = channel or schema
        self._connection: psycopg.Connection[Any] | None = None
        self._is_closed = False
        self._connected(makes=True)

    @property
    def path(self) -> str:
        """Where it is, for people; without user and password."""
        return str(self._address)

    @contextmanager
    def transaction(self, *, writes: bool, about: str = "") -> Iterator[_Statements]:
        """Do what is inside all or nothing; see `PortableDatabase`.

        The lock is held before the first statement inside is done, though not before it is sent.
        """
        with self._connection_in_use() as connection:
            try:
                with connection.pipeline():
                    connection.execute(_BEGIN[writes])
                    if writes:
                        connection.execute(_LOCK, (self._key(about),))
                    yield _Statements(connection)
                    connection.execute(b"COMMIT")
            except BaseException:
                if not connection.closed:
                    connection.execute(b"ROLLBACK")
                raise

    @contextmanager
    def statement(self) -> Iterator[_Statements]:
        """Do one statement that reads."""
        with self._connection_in_use() as connection:
            yield _Statements(connection)

    def notify(self, project: str, serial: int) -> None:
        """Tell whoever listens, once the transaction that this is called in is committed."""
        self._connected().execute(_NOTIFY, (self._channel, f"{serial} {project}"))

    def close(self) -> None:
        """End the connection."""
        self._is_closed = True
        self._drop()

    def _key(self, about: str) -> int:
        digest = blake2b(f"{self._address.schema}\0{about}\0write".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    @contextmanager
    def _connection_in_use(self) -> Iterator[psycopg.Connection[Any]]:
        if self._connection is not None and has_news(self._connection):
            self._drop()  # most likely it was ended while nobody used it
        connection = self._connected()
        with self._address.sentences():
            yield connection

    def _connected(self, *, makes: bool = False) -> psycopg.Connection[Any]:
        if self._is_closed:
            raise StoreUnusable(self.path, "was closed")
        if self._connection is None:
            parameters = self._address.parameters()
            with self._address.sentences():
                connection = psycopg.connect(**parameters, autocommit=True, context=ADAPTERS)
                try:
                    _take(connection, self._address.opening(makes=makes))
                    connection.execute(_SETTINGS, (self._synchronous,))
                except BaseException:
                    connection.close()
                    raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@final
@attrs.frozen
class _Statements:
    """Runs portable statements on a connection."""

    _connection: psycopg.Connection[Any]

    def execute(self, statement: str, values: Values = (), /) -> Rows:
        """Run a statement; return what it found."""
        return self._connection.execute(_text(statement), _sendable(values))

    def executemany(self, statement: str, values: Iterable[Values], /) -> None:
        """Run a statement that writes once for each of the values, in few round trips."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_text(statement), [_sendable(each) for each in values])


def _take(connection: psycopg.Connection[Any], steps: Steps[None]) -> None:
    rows: list[tuple[Any, ...]] | None = None
    while True:
        try:
            asked = next(steps) if rows is None else steps.send(rows)
        except StopIteration:
            return
        cursor = connection.execute(asked.statement.encode(), asked.parameters, prepare=False)
        rows = cursor.fetchall() if cursor.description is not None else []


def _translated(tables: Schema) -> Schema:
    """Return tables as PostgreSQL makes them."""

    def each(statements: Iterable[str]) -> tuple[str, ...]:
        return tuple(_TYPE.sub(lambda found: _TYPES[found[0]], one) for one in statements)

    upgrades = {version: each(statements) for version, statements in tables.upgrades.items()}
    return attrs.evolve(tables, statements=each(tables.statements), upgrades=upgrades)


@lru_cache(256)
def _text(statement: str) -> bytes:
    """Return a portable statement as psycopg wants it."""
    return _TOKEN.sub(_token, statement).encode()


def _token(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] == ":":
        return f"%({token[1:]})s"
    return {"?": "%s", "%": "%%", "I": "", "'": token.replace("%", "%%")}[token[0]]


def _sendable(values: Values) -> Values:
    """Return values without NUL, for which a text has no room in PostgreSQL."""
    if isinstance(values, Mapping):
        return {name: _without_nul(value) for name, value in values.items()}
    return [_without_nul(value) for value in values]


def _without_nul(value: object) -> object:
    return value.replace(_NUL, _NO_NUL) if isinstance(value, str) and _NUL in value else value
