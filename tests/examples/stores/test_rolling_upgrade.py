"""A rolling upgrade on one SQLite file: hosts held at schema 1 beside hosts that are not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from examples.stores.sqlite import SqliteStore
from tests.examples.stores import rolling


def opened(path: Path, schema: int) -> SqliteStore:
    """A store that writes this schema."""
    return SqliteStore(path, synchronous="NORMAL", busy_timeout=60, wire=schema)


def documents(path: Path, column: str) -> list[bytes]:
    """What a column has, in order."""
    with closing(sqlite3.connect(path)) as connection:
        return [data for (data,) in connection.execute(rolling.COLUMNS[column]).fetchall()]


@pytest.mark.parametrize("seed", range(3))
def test_hosts_of_both_schemas_take_turns(seed: int, tmp_path: Path) -> None:
    """Whoever decides, the events are those of a model, and all of them read one state."""
    path = tmp_path / "x.db"
    rolling.play(partial(opened, path), partial(documents, path), seed)


def test_hosts_of_both_schemas_race(tmp_path: Path) -> None:
    """Nothing is lost or doubled while they are released one after the other."""
    path = tmp_path / "x.db"
    rolling.race(partial(opened, path), partial(documents, path), tmp_path)


def test_what_is_new_is_used_too_early(tmp_path: Path) -> None:
    """A held writer refuses it, loses nothing, and goes on once it is released."""
    path = tmp_path / "x.db"
    rolling.use_what_is_new_too_early(partial(opened, path), partial(documents, path))
