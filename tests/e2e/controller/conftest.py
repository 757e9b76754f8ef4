"""Controllers that are gone when their test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from examples.postgres.server import CannotServe, PrivateServer
from tests.e2e.controller.process import Client, Controller


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """One controller for the tests of a module, which name their own projects or contexts."""
    data: Path = tmp_path_factory.mktemp("controller")
    with Controller(data, "--reaction", "1h") as started:
        yield started


@pytest.fixture
def client(controller: Controller) -> Iterator[Client]:
    """A client of the module's controller, with a project."""
    with controller.client() as client:
        if client.get("/v1/project/sockshop").status_code == 404:
            client.create()
        yield client


@pytest.fixture
def database(require_or_skip: Callable[[str], NoReturn]) -> Iterator[PrivateServer]:
    """A PostgreSQL of the test's own, which it may crash and start again."""
    try:
        server = PrivateServer(settings={"fsync": "off", "shared_buffers": "16MB"})
    except CannotServe as error:
        require_or_skip(str(error))
    with server:
        yield server
