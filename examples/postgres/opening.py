"""Connecting with care: where, with which limits, whose tables these are, and how it fails.

Shows: settings of a session on which the statements rely, whatever the server's are; tables made by
one of several that open a new schema at once; a version looked at before anything is written; and
every failure as one typed error with a sentence. Leaves out: making databases, users and privileges
(an administrator does), and poolers that give each statement another session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from select import POLLIN, poll
from typing import TYPE_CHECKING, Any, Final, final

import attrs
import psycopg
from psycopg import conninfo
from psycopg.adapt import AdaptersMap
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper

from examples.postgres.statements import Ask, Blobs, Instants, Numbers, Steps, Texts
from examples.stores.database import Schema
from examples.stores.errors import StoreUnusable
from sequencectl.errors import DecodeError, IllegalTransition, InvalidValue, ReplayError

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

_DEFAULTS: Final[Mapping[str, Any]] = {
    "application_name": "sequencectl",
    "client_encoding": "utf-8",
    "connect_timeout": 10,
    # Somebody who has gone without a word, at either end, is noticed after 25 s.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_SETTINGS: Final = """
SELECT set_config(name, setting, false) FROM (VALUES
    ('search_path', quote_ident(%s::text)),
    ('lock_timeout', %s::text),
    ('statement_timeout', %s::text),
    ('idle_in_transaction_session_timeout', %s::text),
    ('TimeZone', 'UTC'),
    ('default_transaction_isolation', 'read committed'),
    ('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END),
    ('plan_cache_mode', 'force_generic_plan'),
    ('enable_seqscan', 'off'), ('jit', 'off'),
    ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')
) AS s (name, setting)"""
_LOOK: Final = """
SELECT to_regclass(quote_ident(n) || '.sequencectl_schema') IS NOT NULL,
    EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(n))),
    to_regnamespace(quote_ident(n)) IS NOT NULL
FROM (VALUES (%s::text)) AS s (n)"""
_VERSION: Final = "SELECT version FROM sequencectl_schema WHERE application_id = %s::bigint"
_NOTED: Final = """
INSERT INTO sequencectl_schema VALUES (%s::bigint, %s::bigint)
ON CONFLICT (application_id) DO UPDATE SET version = excluded.version"""
_VERSIONS: Final = """
CREATE TABLE IF NOT EXISTS sequencectl_schema (application_id bigint PRIMARY KEY, version bigint)"""
_MAKING: Final = 0x73657163  # an advisory lock: one at a time makes tables in a database

_LOST: Final = "cannot be reached, or the connection broke"
_SENTENCES: Final[Mapping[str, str]] = {
    "08": _LOST,
    "22": "holds what is not ours",
    "23": "contradicts itself; restore a backup",
    "25006": "cannot be written to: it is a standby, or read-only",
    "28": "refuses this user",
    "3D": "does not exist",
    "3F": "does not have its schema any more; restore a backup",
    "40": "gave up in favour of another transaction",
    "42501": "does not give this user the privileges it needs",
    "42": "does not have its tables any more; restore a backup",
    "53100": "cannot grow: the disk is full",
    "53": "has too much to do: no connections or no memory left",
    "55P03": "is locked by somebody else; waited for {lock:g} s",
    "57014": "gave no answer within {statement:g} s",
    "57": "is shutting down, or ended the connection",
    "58": "cannot be read or written: the disk reports an error",
    "XX": "is damaged; restore a backup",
}


class _TextsDumper(ListBinaryDumper):
    oid, element_oid = 1009, 25


class _NumbersDumper(ListBinaryDumper):
    oid, element_oid = 1016, 20


class _BlobsDumper(ListBinaryDumper):
    oid, element_oid = 1001, 17


class _InstantsDumper(ListBinaryDumper):
    oid, element_oid = 1185, 1184


def _adapters() -> AdaptersMap:
    """Return how values are sent: each kind as one type, so that a statement is prepared once."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(int, Int8BinaryDumper)
    adapters.register_dumper(Texts, _TextsDumper)
    adapters.register_dumper(Numbers, _NumbersDumper)
    adapters.register_dumper(Blobs, _BlobsDumper)
    adapters.register_dumper(Instants, _InstantsDumper)
    return adapters


ADAPTERS: Final = _adapters()


def has_news(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Return True if a server said something unasked, as it does before it ends a connection."""
    if connection.closed:
        return True
    watched = poll()
    watched.register(connection.fileno(), POLLIN)
    return bool(watched.poll(0))


@final
@attrs.frozen
class Address:
    """A schema in a database, and how long to wait there: for locks, and for any statement."""

    url: str = attrs.field(repr=False)
    schema: str
    tables: Schema
    lock_timeout: float = 5.0
    statement_timeout: float = 60.0

    def __attrs_post_init__(self) -> None:
        if not 1 <= len(self.schema.encode()) <= 63:
            raise InvalidValue("schema", self.schema, "must be a name of 1 to 63 bytes")

    def __str__(self) -> str:
        try:
            parts = conninfo.conninfo_to_dict(self.url)
        except psycopg.Error:
            return "PostgreSQL"
        where = [f"{name} {parts[name]}" for name in ("dbname", "host", "port") if name in parts]
        return ", ".join([f"PostgreSQL {' '.join(where)}", f"schema {self.schema}"])

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a connection; what the URL says goes before our defaults."""
        try:
            return {**_DEFAULTS, **conninfo.conninfo_to_dict(self.url)}
        except psycopg.Error:  # it may show a password
            raise StoreUnusable(str(self), "has no address of the form postgresql://…") from None

    def opening(self, *, makes: bool = True) -> Steps[None]:
        """Ready a new connection: its settings, and the tables, made if there are none.

        Whoever connects anew `makes` none: then tables that are gone are an accident.
        """
        locks, statements = (f"{s * 1000:.0f}" for s in (self.lock_timeout, self.statement_timeout))
        yield Ask(_SETTINGS, (self.schema, locks, statements, statements))
        if (yield from self._version()) == self.tables.version:
            return
        if not makes:
            raise StoreUnusable(str(self), "does not have its tables any more; restore a backup")
        yield Ask("BEGIN")
        yield Ask("SELECT pg_advisory_xact_lock(%s::bigint)", (_MAKING,))
        # By now another one may have been faster.
        (look,) = yield Ask(_LOOK, (self.schema,))
        if not look[2]:
            # Its name is quoted by the server, as search_path is.
            ((create,),) = yield Ask("SELECT format('CREATE SCHEMA %%I', %s::text)", (self.schema,))
            yield Ask(create)
        version = yield from self._version()
        if version != self.tables.version:
            yield Ask(_VERSIONS)
            for statement in self.tables.way_from(version) or ():
                yield Ask(statement)
            yield Ask(_NOTED, (self.tables.application_id, self.tables.version))
        yield Ask("COMMIT")

    def _version(self) -> Steps[int]:
        """Return the version of the tables, 0 if there are none; raise if they cannot be used."""
        ((is_ours, has_tables, _),) = yield Ask(_LOOK, (self.schema,))
        if not is_ours and has_tables:
            raise StoreUnusable(str(self), "holds the tables of another program")
        rows = (yield Ask(_VERSION, (self.tables.application_id,))) if is_ours else []
        version: int = rows[0][0] if rows else 0
        if version > self.tables.version:
            known = f"only up to {self.tables.version} is understood here"
            raise StoreUnusable(str(self), f"has schema {version}, {known}; nothing was changed")
        if self.tables.way_from(version) is None:
            known = f"no way leads to {self.tables.version} here"
            raise StoreUnusable(str(self), f"has schema {version}, {known}; nothing was changed")
        return version

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Say what went wrong as `StoreUnusable`; a mistake of the program goes through."""
        try:
            yield
        except psycopg.Error as error:
            raise StoreUnusable(str(self), self._sentence(error)) from error
        except (ValueError, TypeError, ReplayError, IllegalTransition) as error:
            if isinstance(error, InvalidValue) and not isinstance(error, DecodeError):
                raise  # it was not read, but given to be written
            raise StoreUnusable(str(self), f"holds what is not ours: {error}") from error

    def _sentence(self, error: psycopg.Error) -> str:
        code = error.sqlstate
        said = " ".join(str(error).split())
        if code is None:
            known = _LOST if isinstance(error, psycopg.OperationalError) else None
        else:
            known = _SENTENCES.get(code) or _SENTENCES.get(code[:2])
        sentence = known or "cannot be used"
        limits = {"lock": self.lock_timeout, "statement": self.statement_timeout}
        return f"{sentence.format(**limits)} ({said})"
