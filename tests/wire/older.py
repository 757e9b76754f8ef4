"""Files of stores as the version that wrote schema 1 left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs

from sequencectl import EndedSequence, LiveSequence, ProjectState
from sequencectl import serialization as z
from tests.wire.documents import DUMPS, header_of, rows


def read_again(value: Any) -> Any:
    """What comes back of a value that was written in schema 1: what a task in flight has brought
    is in the data of its sequence, and two things are forgotten (docs/wire.md).
    """
    match value:
        case LiveSequence(task=task) if task is not None:
            executors = tuple(attrs.evolve(each, heard_at=None) for each in task.executors)
            data = value.data if task.data is None else task.data
            run = attrs.evolve(task, executors=executors, data=None)
            return attrs.evolve(value, task=run, data=data)
        case EndedSequence():
            return attrs.evolve(value, next_task=None)
        case ProjectState():
            return z.restore_project(header_of(value), map(read_again, rows(value).values()))
        case _:
            return value


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
