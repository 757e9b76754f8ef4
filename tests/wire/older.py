"""Files of stores as the version that wrote schema 1 left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.wire.documents import DUMPS


def taken_down(data: bytes) -> bytes:
    """The same document as schema 1 has it."""
    kind = data[2 : data.index(b'"', 2)].decode()
    dump, load = DUMPS[kind]
    return dump(load(data), schema=1)


def take_down(path: Path) -> int:
    """Write every document of a SQLite file, or of a file of lines, in schema 1; count them."""
    if path.read_bytes()[:6] != b"SQLite":
        lines = path.read_bytes().split(b"\n")
        older = [taken_down(line) if line.endswith(b'"schema":2}') else line for line in lines]
        path.write_bytes(b"\n".join(older))
        return sum(line != before for line, before in zip(older, lines, strict=True))
    found = 0
    with closing(sqlite3.connect(path)) as database, database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for column in database.execute(f"PRAGMA table_info({table})").fetchall():
                found += _take_down(database, table, column[1])
    return found


def _take_down(database: sqlite3.Connection, table: str, column: str) -> int:
    found = 0
    rows = database.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()  # noqa: S608 - names of ours
    for (data,) in rows:
        if isinstance(data, bytes) and data.endswith(b'"schema":2}'):
            change = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"  # noqa: S608 - as above
            found += database.execute(change, (taken_down(data), data)).rowcount
    return found
