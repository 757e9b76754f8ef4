"""The PostgreSQL stores keep every promise of the port, also where commits fail halfway."""

from collections.abc import Callable

import pytest

from examples.postgres.store import PostgresStore
from sequencectl.ports import Store
from sequencectl.testing import StoreCapabilities, StoreContract


class TestPostgresStore(StoreContract):
    """The store, promise by promise."""

    capabilities = StoreCapabilities(reopens=True, shares=True, races=True)

    @pytest.fixture
    def make_store(self, url: str) -> Callable[[str], Store]:
        return lambda place: PostgresStore(url, schema=place)
