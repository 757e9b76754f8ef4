"""The PostgreSQL stores keep every promise of the port, also where commits fail halfway."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import pytest

from examples.postgres.async_store import AsyncPostgresStore
from examples.postgres.store import PostgresStore
from sequencectl.ports import Store
from sequencectl.testing import Fault, StoreCapabilities, StoreContract, check_async_store
from tests.examples.postgres.faults import faults
from tests.examples.postgres.proxy import Proxy

SHORT: Final = {"lock_timeout": 0.2, "statement_timeout": 0.5}
HERE: dict[str, Fault] = {}
"""The faults of the database of the test that runs; capabilities are older than that."""


def ways(url: str, proxy: Proxy) -> Mapping[str, Fault]:
    """How commits through a proxy fail: before, in the statement, at COMMIT, or after it, when the
    answer is lost.
    """
    return {
        **faults(url),
        "answer lost": lambda _: proxy.losing_an_answer(),
        "cut off": lambda _: proxy.cut(),
    }


def happening(name: str, place: str) -> AbstractContextManager[object]:
    """The fault of this name, in the database of the test that runs."""
    return HERE[name](place)


NAMES: Final = (*faults(""), "answer lost", "cut off")
CAPABILITIES: Final = StoreCapabilities(
    reopens=True,
    shares=True,
    races=True,
    batches=True,
    faults={name: partial(happening, name) for name in NAMES},
)


@pytest.fixture(autouse=True)
def _here(url: str, proxy: Proxy) -> None:
    HERE.update(ways(url, proxy))


class TestPostgresStore(StoreContract):
    """The store, promise by promise."""

    capabilities = CAPABILITIES

    @pytest.fixture
    def make_store(self, way: str) -> Callable[[str], Store]:
        return lambda place: PostgresStore(way, schema=place, **limits_at(place))


def test_the_async_store_conforms(way: str) -> None:
    """Call by call, in calls that overlap, and where commits fail."""
    check_async_store(
        lambda place: AsyncPostgresStore.open(way, schema=place, **limits_at(place)), CAPABILITIES
    )


def limits_at(place: str) -> dict[str, float]:
    """Short ones where somebody is in the way until they are over."""
    return SHORT if "failed" in place else {}
