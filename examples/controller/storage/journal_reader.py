"""Reading the journal: lists with filters, page by page, and what changed since a serial.

Shows: pages by key, so that what is added meanwhile neither repeats nor hides an entry. Keptn's
list of the history alone goes by offset, as its clients read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import attrs

from examples.controller.storage.deliveries import Document
from examples.controller.storage.journal import told_of
from examples.stores.errors import StoreUnusable
from examples.stores.portable import PortableDatabase

MOST_COUNTED: Final = 10_000
"""The total of a page of history counts so many entries past the page, and no more."""

_HISTORY: Final = "history"
_OF_CONTEXT: Final = "history INDEXED BY of_context"
_ROOTS: Final = "history INDEXED BY roots"
"""SQLite itself would prefer an index of the whole project."""

_BEFORE: Final = """SELECT document, first FROM {table} WHERE {where} AND first < ?
    ORDER BY first DESC LIMIT ?"""
_AFTER: Final = """SELECT event, serial FROM {table} WHERE {where} AND serial > ?
    ORDER BY serial LIMIT ?"""
_PAST: Final = """SELECT event FROM {table} WHERE {where}
    ORDER BY time DESC, project DESC, serial DESC LIMIT ? OFFSET ?"""
_COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where} LIMIT ?) AS found"
_ALL: Final = 2**63 - 1
_FIRST: Final = 2**63 - 1
_IN_STAGE: Final = "replace(stages, ?, '') <> stages"  # it is among them


@final
@attrs.frozen
class Page:
    """Part of a list: its entries, how many there are in all, and where the next page begins."""

    entries: tuple[Document, ...]
    total: int
    following: int


@final
class _Wanted:
    """The conditions of a query: texts of ours, values from outside."""

    def __init__(self, table: str, names: Mapping[str, str]) -> None:
        self.table = table
        self.where = " AND ".join(f"{column} = ?" for column in names)
        self.values: list[Any] = [*names.values()]

    def add(self, condition: str, *values: object) -> None:
        """Add a condition with its values."""
        self.where += f" AND {condition}"
        self.values.extend(values)

    def between(self, since: str, until: str) -> None:
        """Add bounds of the instant, which they leave out; an empty one is none."""
        if since:
            self.add("time > ?", since)
        if until:
            self.add("time < ?", until)


@final
class JournalReader:
    """Reads the journal beside its writer; for one thread. Raises `StoreUnusable`."""

    def __init__(self, database: PortableDatabase) -> None:
        self._database = database

    def delivery(self, project: str, context: str) -> Document | None:
        """Return the document of a context; None if nobody knows it."""
        with self._database.statement() as database:
            row = database.execute(
                "SELECT document FROM delivery WHERE project = ? AND context = ?",
                (project, context),
            ).fetchone()
        return None if row is None else self._read(row[0])

    def deliveries(
        self,
        project: str,
        *,
        size: int,
        before: int = 0,
        names: Mapping[str, str],
        contexts: Sequence[str] = (),
        stage: str = "",
        since: str = "",
        until: str = "",
    ) -> Page:
        """Return deliveries, the newest first, that fit every filter that is given.

        `before` is what the page before said; `names` are columns and what they must be; `since`
        and `until` bound the instant of the first trigger.
        """
        wanted = _Wanted("delivery", {"project": project, **names})
        if contexts:
            wanted.add(f"context IN ({', '.join('?' * len(contexts))})", *contexts)
        if stage:
            wanted.add(_IN_STAGE, json.dumps(stage))
        wanted.between(since, until)
        rows, total = self._page(_BEFORE, wanted, before or _FIRST, size + 1, most=_ALL)
        return self._by_key(rows, total, size)

    def history(
        self,
        project: str,
        *,
        size: int,
        after: int = 0,
        names: Mapping[str, str],
        since: str = "",
    ) -> Page:
        """Return what happened in a project as CloudEvents, the oldest first.

        `after` is what the page before said, a serial; `names` are columns and what they must be.
        """
        table = _OF_CONTEXT if "context" in names else _HISTORY
        wanted = _Wanted(table, {"project": project, **names})
        wanted.between(since, "")
        rows, total = self._page(_AFTER, wanted, after, size + 1, most=MOST_COUNTED + size)
        return self._by_key(rows, total, size)

    def newest(
        self,
        *,
        size: int,
        skip: int = 0,
        names: Mapping[str, str],
        is_root: bool = False,
        since: str = "",
        until: str = "",
    ) -> Page:
        """Return what happened as CloudEvents, the newest first, as Keptn lists it.

        `skip` is what the page before said, so many entries; `names` are columns and what they must
        be, the project or the context among them; `since` and `until` bound the instant of an
        event. With `is_root` only the first event of each context is returned.
        """
        table = _OF_CONTEXT if "context" in names else _ROOTS if is_root else _HISTORY
        wanted = _Wanted(table, names)
        if is_root:
            wanted.add("is_root = 1")
        wanted.between(since, until)
        most = skip + size + MOST_COUNTED
        rows, total = self._page(_PAST, wanted, size + 1, skip, most=most)
        entries = tuple(self._read(event) for (event,) in rows[:size])
        return Page(entries, total, skip + size if len(rows) > size else 0)

    def event(self, project: str, context: str, *, known: str, kind: str) -> Document | None:
        """Return the newest CloudEvent of a context with this id and type, None without one."""
        with self._database.statement() as database:
            row = database.execute(
                f"""SELECT event FROM {_OF_CONTEXT} WHERE context = ? AND project = ? AND id = ?
                    AND type = ? ORDER BY serial DESC LIMIT 1""",  # noqa: S608 - a name of ours
                (context, project, known, kind),
            ).fetchone()
        return None if row is None else self._read(row[0])

    def answers(self, project: str, context: str, *, to: str, kind: str) -> list[Document]:
        """Return the CloudEvents of a type that answer another one of the context, in order."""
        with self._database.statement() as database:
            rows = database.execute(
                f"""SELECT event FROM {_OF_CONTEXT} WHERE context = ? AND project = ? AND type = ?
                    AND answers = ? ORDER BY serial""",  # noqa: S608 - a name of ours
                (context, project, kind, to),
            ).fetchall()
        return [self._read(row[0]) for row in rows]

    def changed(self, project: str, *, after: int, most: int) -> list[Document]:
        """Return the deliveries about which something was told after a serial, `most` at most."""
        with self._database.statement() as database:
            rows = database.execute(
                """SELECT document FROM delivery WHERE project = ? AND last > ?
                   ORDER BY last LIMIT ?""",
                (project, after, most),
            ).fetchall()
        return [self._read(row[0]) for row in rows]

    def told(self, project: str) -> int:
        """Return the serial of the last event of a project that was told."""
        with self._database.statement() as database:
            return told_of(database, project)

    def services(self, project: str) -> dict[str, str]:
        """Return the services for which something was triggered, with the first instant."""
        with self._database.statement() as database:
            select = "SELECT name, time FROM service WHERE project = ? ORDER BY name"
            return dict(database.execute(select, (project,)).fetchall())

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def _page(
        self, select: str, wanted: _Wanted, *bounds: int, most: int
    ) -> tuple[list[tuple[Any, ...]], int]:
        """Return rows of a query, and how many there are in all, counted up to `most`."""
        query = {"table": wanted.table, "where": wanted.where}
        with self._database.transaction(writes=False) as database:
            rows = database.execute(select.format(**query), [*wanted.values, *bounds]).fetchall()
            counted = database.execute(_COUNT.format(**query), [*wanted.values, most])
            (total,) = counted.fetchone()
        return rows, total

    def _by_key(self, rows: Sequence[tuple[Any, ...]], total: int, size: int) -> Page:
        """Return a page of rows, one more than it has, each with its own key."""
        following = rows[size - 1][1] if len(rows) > size else 0
        return Page(tuple(self._read(row[0]) for row in rows[:size]), total, following)

    def _read(self, text: str) -> Document:
        try:
            document: Document = json.loads(text)
        except json.JSONDecodeError as error:
            problem = f"holds what is not ours ({error}): delete it to have it made up again"
            raise StoreUnusable(self._database.path, problem) from error
        return document
