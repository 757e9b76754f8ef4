"""A controller for the tests of its routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.controller.served import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A controller with a project, gone when the test is over."""
    with Served(tmp_path) as controller:
        controller.create()
        yield controller
