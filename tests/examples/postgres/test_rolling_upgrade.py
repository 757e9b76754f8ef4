"""A rolling upgrade on one PostgreSQL: replicas held at schema 1 beside those that are not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg
import pytest

from examples.postgres.store import PostgresStore
from tests.examples.stores import rolling


def opened(url: str, schema: int) -> PostgresStore:
    """A store that writes this schema."""
    return PostgresStore(url, wire=schema)


def documents(url: str, column: str) -> list[bytes]:
    """What a column has, in order."""
    with psycopg.connect(url, options="-csearch_path=sequencectl") as connection:
        return [data for (data,) in connection.execute(rolling.COLUMNS[column].encode()).fetchall()]


@pytest.mark.parametrize("seed", range(3))
def test_replicas_of_both_schemas_take_turns(seed: int, url: str) -> None:
    """Whoever decides, the events are those of a model, and all of them read one state."""
    rolling.play(partial(opened, url), partial(documents, url), seed)


def test_replicas_of_both_schemas_race(url: str, tmp_path: Path) -> None:
    """Nothing is lost or doubled while they are released one after the other."""
    rolling.race(partial(opened, url), partial(documents, url), tmp_path)


def test_what_is_new_is_used_too_early(url: str) -> None:
    """A held writer refuses it, loses nothing, and goes on once it is released."""
    rolling.use_what_is_new_too_early(partial(opened, url), partial(documents, url))
