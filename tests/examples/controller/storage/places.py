"""Where the tables of a test are: in a new file, or in a new schema of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from examples.controller.storage.journal import SCHEMA as JOURNAL
from examples.controller.storage.journal import Journal
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.projects import SCHEMA as PROJECTS
from examples.controller.storage.projects import MakePlane, Projects
from examples.controller.storage.uniform import Uniform
from examples.postgres.database import Database as PostgresDatabase
from examples.stores.database import Database, Schema
from examples.stores.portable import PortableDatabase
from sequencectl.ports import Clock

Place = Callable[[Schema], PortableDatabase]
"""Opens tables there; as often as one likes, so that several are at work on them."""


def in_file(path: Path) -> Place:
    """A SQLite file."""
    return lambda tables: Database(path, tables, synchronous="NORMAL", busy_timeout=5.0)


def in_postgres(url: str, schema: str) -> Place:
    """A schema of a database of PostgreSQL."""
    return lambda tables: PostgresDatabase(url, tables, schema=schema, synchronous="NORMAL")


def journal_at(place: Place) -> Journal:
    """Open a journal for writing."""
    return Journal(place(JOURNAL))


def reader_at(place: Place) -> JournalReader:
    """Open a journal for reading."""
    return JournalReader(place(JOURNAL))


def projects_at(place: Place, make_plane: MakePlane) -> Projects:
    """Open projects."""
    return Projects(place(PROJECTS), make_plane)


def uniform_at(place: Place, clock: Clock) -> Uniform:
    """Open registrations and the log."""
    return Uniform(place(PROJECTS), clock)
