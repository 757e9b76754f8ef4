"""Both databases, for the tests of what is kept in either."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.examples.controller.storage.places import Place, in_file, in_postgres

_NUMBERS = count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where nothing is yet."""
    if request.param == "sqlite":
        return in_file(tmp_path / "some.db")
    return request.getfixturevalue("postgres")


@pytest.fixture
def postgres(url_of_all: str) -> Place:
    """A schema of PostgreSQL where nothing is yet."""
    return in_postgres(url_of_all, f"place_{next(_NUMBERS)}")
