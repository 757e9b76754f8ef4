"""Reading the journal: lists with filters, page by page, and what changed since a serial.

Shows: pages by key, so that what is added meanwhile neither repeats nor hides an entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, final

import attrs

from examples.controller.storage.deliveries import Document
from examples.controller.storage.journal import SCHEMA, told_of
from examples.stores.database import Database


@final
@attrs.frozen
class _Table:
    """How a table is read page by page; the conditions have values apart from them."""

    count: str
    select: str
    after: str


_DELIVERIES: Final = _Table(
    "SELECT count(*) FROM delivery WHERE {where}",
    "SELECT document, first FROM delivery WHERE {where} ORDER BY first DESC LIMIT ?",
    "first < ?",
)
_HISTORY: Final = _Table(
    "SELECT count(*) FROM history WHERE {where}",
    "SELECT event, serial FROM history WHERE {where} ORDER BY serial LIMIT ?",
    "serial > ?",
)
_IN_STAGE: Final = "EXISTS (SELECT 1 FROM json_each(document, '$.stages') WHERE key = ?)"


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

    def __init__(self, project: str) -> None:
        self.where = "project = ?"
        self.values: list[Any] = [project]

    def add(self, condition: str, *values: object) -> None:
        """Add a condition with its values."""
        self.where += f" AND {condition}"
        self.values.extend(values)


@final
class JournalReader:
    """Reads the journal beside its writer; for one thread."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA, synchronous="NORMAL", busy_timeout=5.0)

    def delivery(self, project: str, context: str) -> Document | None:
        """Return the document of a context; None if nobody knows it."""
        with self._database.statement() as database:
            row = database.execute(
                "SELECT document FROM delivery WHERE project = ? AND context = ?",
                (project, context),
            ).fetchone()
        return None if row is None else json.loads(row[0])

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
        wanted = _Wanted(project)
        for column, value in names.items():
            wanted.add(f"{column} = ?", value)
        if contexts:
            wanted.add(f"context IN ({', '.join('?' * len(contexts))})", *contexts)
        if stage:
            wanted.add(_IN_STAGE, stage)
        if since:
            wanted.add("time > ?", since)
        if until:
            wanted.add("time < ?", until)
        return self._page(_DELIVERIES, wanted, size, before)

    def history(
        self,
        project: str,
        *,
        size: int,
        after: int = 0,
        context: str = "",
        kind: str = "",
        since: str = "",
    ) -> Page:
        """Return what happened as CloudEvents, the oldest first."""
        wanted = _Wanted(project)
        if context:
            wanted.add("context = ?", context)
        if kind:
            wanted.add("type = ?", kind)
        if since:
            wanted.add("time > ?", since)
        return self._page(_HISTORY, wanted, size, after)

    def changed(self, project: str, *, after: int, most: int) -> list[Document]:
        """Return the deliveries about which something was told after a serial, `most` at most."""
        with self._database.statement() as database:
            rows = database.execute(
                """SELECT document FROM delivery WHERE project = ? AND last > ?
                   ORDER BY last LIMIT ?""",
                (project, after, most),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

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
        """Close the file."""
        self._database.close()

    def _page(self, table: _Table, wanted: _Wanted, size: int, beside: int) -> Page:
        """Return the part of a table after a key."""
        where, values = wanted.where, wanted.values
        with self._database.transaction(writes=False) as database:
            (total,) = database.execute(table.count.format(where=where), values).fetchone()
            if beside:
                where, values = f"{where} AND {table.after}", [*values, beside]
            rows = database.execute(
                table.select.format(where=where), [*values, size + 1]
            ).fetchall()
        following = rows[size - 1][1] if len(rows) > size else 0
        return Page(tuple(json.loads(row[0]) for row in rows[:size]), total, following)
