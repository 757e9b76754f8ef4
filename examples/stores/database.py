"""Opening a SQLite file with care: whose it is, which schema it has, how it fails.

Shows: application id and schema number checked before anything is written, an older file brought
up to date in one transaction, a write-ahead log, transactions that take the write lock first, and
every failure as one typed error with a sentence. Leaves out: sharing a connection between threads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final, Literal, final

import attrs

from examples.stores.errors import StoreUnusable
from sequencectl.errors import IllegalTransition, InvalidValue, ReplayError

Synchronous = Literal["FULL", "NORMAL"]
"""FULL: a commit survives a power cut. NORMAL: only a crash of the program."""

_SYNCHRONOUS: Final = frozenset({"FULL", "NORMAL"})
_SENTENCES: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: "is locked by somebody else; waited for {busy_timeout:g} s",
    sqlite3.SQLITE_LOCKED: "is locked by somebody else; waited for {busy_timeout:g} s",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; its folder must exist and it must be a file",
    sqlite3.SQLITE_READONLY: "cannot be written to",
    sqlite3.SQLITE_PERM: "cannot be written to",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a backup",
    sqlite3.SQLITE_CONSTRAINT: "contradicts itself; restore a backup",
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
}


@final
@attrs.frozen
class Schema:
    """What a file must be: whose (a SQLite application id), in which version, with which tables.

    `statements` make a new file of this version. `upgrades` has the statements that lead from a
    version to the next one, by the older of the two. What `is_derived` can be made again from
    elsewhere: an older file is emptied, and needs no upgrades.
    """

    application_id: int
    version: int
    statements: Sequence[str]
    upgrades: Mapping[int, Sequence[str]] = attrs.field(factory=dict, kw_only=True)
    is_derived: bool = attrs.field(default=False, kw_only=True)

    def way_from(self, version: int) -> Sequence[str] | None:
        """Return the statements that lead here from a version, 0 for no tables; None: no way."""
        if version == 0:
            return self.statements
        older = range(version, self.version)
        if any(each not in self.upgrades for each in older):
            return None
        return [statement for each in older for statement in self.upgrades[each]]


@final
class Database:
    """A SQLite file of a known schema, made if there is none; for one thread.

    Raises `StoreUnusable` if it is another program's, newer than `schema`, too old, damaged or out
    of reach. A file that is not ours is left as it is.
    """

    def __init__(
        self, path: Path, schema: Schema, *, synchronous: Synchronous, busy_timeout: float
    ) -> None:
        if synchronous not in _SYNCHRONOUS:
            raise InvalidValue("synchronous", synchronous, "must be FULL or NORMAL")
        self.path = path
        self._synchronous: Synchronous = synchronous
        self._busy_timeout = busy_timeout
        with self._sentences():
            # No isolation level: transactions begin where this class says.
            self.connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)
        try:
            with self._sentences():
                self._open(schema)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file; doing so again is no error."""
        self.connection.close()

    @contextmanager
    def transaction(
        self,
        *,
        writes: bool,
        about: str = "",  # noqa: ARG002 - a file has one lock for all
    ) -> Iterator[sqlite3.Connection]:
        """Do what is inside all or nothing, on one view of the file.

        With `writes` the write lock is taken first: what is read inside is still so at the end.
        """
        with self._sentences():
            self.connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    @contextmanager
    def statement(self) -> Iterator[sqlite3.Connection]:
        """Do one statement that reads; it has one view of the file without a transaction."""
        with self._sentences():
            yield self.connection

    def notify(self, project: str, serial: int) -> None:
        """Tell nobody: who reads a file is not told of what is written to it."""

    @contextmanager
    def may_be_lost(self) -> Iterator[None]:
        """Let the transactions inside return before they are durable: a power cut may undo them."""
        self._set_synchronous("NORMAL")
        try:
            yield
        finally:
            self._set_synchronous(self._synchronous)

    def _set_synchronous(self, synchronous: Synchronous) -> None:
        with self._sentences():
            self.connection.execute(f"PRAGMA synchronous = {synchronous}")

    def _open(self, schema: Schema) -> None:
        with self.transaction(writes=False):
            version = self._version(schema)
        self._write_ahead()
        self._set_synchronous(self._synchronous)
        if version != schema.version:
            with self.transaction(writes=True):
                self._bring_up_to_date(schema)

    def _version(self, schema: Schema) -> int:
        """Return the version of the file, 0 if nothing is in it; raise if it cannot be used."""
        found = self._number("PRAGMA application_id")
        version = self._number("PRAGMA user_version")
        tables = self._number("SELECT count(*) FROM sqlite_master")
        if (found, version, tables) == (0, 0, 0):
            return 0
        if found != schema.application_id:
            raise StoreUnusable(self.path, "is the database of another program")
        if version > schema.version:
            known = f"only up to {schema.version} is understood here"
            raise StoreUnusable(self.path, f"has schema {version}, {known}; nothing was changed")
        if version < 1 or (schema.way_from(version) is None and not schema.is_derived):
            known = f"no way leads to {schema.version} here"
            raise StoreUnusable(self.path, f"has schema {version}, {known}; nothing was changed")
        return version

    def _bring_up_to_date(self, schema: Schema) -> None:
        version = self._version(schema)  # another process may have been faster
        if version != schema.version and schema.is_derived:
            self._empty()
            version = 0
        for statement in schema.way_from(version) or ():
            self.connection.execute(statement)
        self.connection.execute(f"PRAGMA application_id = {schema.application_id}")
        self.connection.execute(f"PRAGMA user_version = {schema.version}")

    def _empty(self) -> None:
        """Drop every table."""
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        for (name,) in self.connection.execute(names).fetchall():
            self.connection.execute(f'DROP TABLE "{name}"')

    def _write_ahead(self) -> None:
        """Have a write-ahead log, for good: readers and a writer do not wait for each other."""
        give_up_at = monotonic() + self._busy_timeout
        mode = None
        while mode is None:
            try:
                (mode,) = self.connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                # Where several open a new file at once SQLite itself does not wait: two that wait
                # for each other would do so for ever.
                if _code(error) != sqlite3.SQLITE_BUSY or monotonic() > give_up_at:
                    raise
        if mode != "wal":
            raise StoreUnusable(self.path, "cannot have a write-ahead log; it must be a local file")

    def _number(self, statement: str) -> int:
        (number,) = self.connection.execute(statement).fetchone()
        assert isinstance(number, int)
        return number

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Say what went wrong as `StoreUnusable`; a mistake of the program goes through."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.Error as error:
            sentence = _SENTENCES.get(_code(error), "cannot be used").format(
                busy_timeout=self._busy_timeout
            )
            raise StoreUnusable(self.path, f"{sentence} ({error})") from error
        except (ValueError, TypeError, ReplayError, IllegalTransition) as error:
            raise StoreUnusable(self.path, f"holds what is not ours: {error}") from error


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 if the error is not SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
