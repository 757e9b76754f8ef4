"""A private PostgreSQL for all tests of a process, and a new database in it for each test."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import NoReturn
from urllib.parse import quote

import psycopg
import pytest

from examples.postgres.server import CannotServe, PrivateServer
from tests.examples.postgres.proxy import Proxy

QUICK = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "50"}
"""Settings for tests: a crash of the server loses nothing, and a power cut is not tested."""

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def _server_or_reason() -> Iterator[PrivateServer | CannotServe]:
    try:
        server = PrivateServer(settings=QUICK)
    except CannotServe as error:
        yield error
        return
    with server:
        yield server
        server.crash()  # it has nothing to keep


@pytest.fixture
def server(
    _server_or_reason: PrivateServer | CannotServe, require_or_skip: Callable[[str], NoReturn]
) -> PrivateServer:
    """The server that the tests of this process share; a test that ends it uses another."""
    if isinstance(_server_or_reason, CannotServe):
        require_or_skip(str(_server_or_reason))
    return _server_or_reason


@pytest.fixture
def url(server: PrivateServer) -> Iterator[str]:
    """The address of a new database."""
    name = f"test_{next(_NUMBERS)}"
    yield server.create(name)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def proxy(server: PrivateServer) -> Iterator[Proxy]:
    """A way to the server that can be cut."""
    with Proxy(server.folder) as proxy:
        yield proxy


@pytest.fixture
def way(server: PrivateServer, url: str, proxy: Proxy) -> str:
    """The address of the new database through the proxy."""
    return url.replace(str(server.folder), quote(str(proxy.folder)))


@pytest.fixture
def alone(
    server: PrivateServer,
) -> Iterator[PrivateServer]:
    """A server that the test may end."""
    with PrivateServer(settings=QUICK) as alone:
        yield alone


@pytest.fixture
def url_of_all(server: PrivateServer) -> str:
    """The address of a database that is there anyway, for tests with a schema of their own."""
    return server.url()
