"""What the async PostgreSQL store promises beyond the port: cancelled calls, new connections."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from examples.postgres.async_store import AsyncPostgresStore
from examples.postgres.server import PrivateServer
from examples.stores.errors import StoreUnusable
from sequencectl.errors import Conflict
from tests.examples.postgres.faults import end_all_others
from tests.examples.postgres.proxy import Proxy
from tests.examples.postgres.test_store import Recorder, host_of, until_somebody_waits


def with_store(url: str, use: Callable[[AsyncPostgresStore], Awaitable[None]]) -> None:
    """Use a store in an event loop of its own."""

    async def run() -> None:
        async with await AsyncPostgresStore.open(url) as store:
            await use(store)

    asyncio.run(run())


def test_a_cancelled_commit_happened_or_not(url: str) -> None:
    """Its turn is given back at once; whoever sends it again finds out."""
    host = host_of("p", 2)
    first, second = host.decisions

    async def use(store: AsyncPostgresStore) -> None:
        await store.commit(first)
        with psycopg.connect(url) as other:
            other.execute("SELECT FROM sequencectl.project FOR UPDATE")
            commit = asyncio.create_task(store.commit(second))
            await asyncio.to_thread(until_somebody_waits, url)
            waiting = asyncio.create_task(store.serials())
            commit.cancel()
            with pytest.raises(asyncio.CancelledError):
                await commit

            assert {"p": first.state.serial} == await waiting
        await store.commit(second)
        assert host.state == await store.load("p", known=first.state)

    with_store(url, use)


def test_calls_at_once_take_turns(url: str) -> None:
    """Of commits on one serial one wins; those of other projects all do."""
    hosts = [Recorder(f"p{number}") for number in range(6)]
    rivals = [Recorder("rival") for _ in range(6)]
    decisions = [host.trigger(f"c{number}") for number, host in enumerate((*hosts, *rivals))]

    async def use(store: AsyncPostgresStore) -> None:
        commits = [store.commit(decision) for decision in decisions]
        answers = await asyncio.gather(*commits, return_exceptions=True)

        assert [True] * 7 == [each for each in answers if each is True]
        assert 5 == sum(isinstance(each, Conflict) for each in answers)

    with_store(url, use)


def test_a_lost_connection_is_made_anew(alone: PrivateServer) -> None:
    """Noticed before it is used, or by a call that fails."""
    host = host_of("p", 3)
    first, second, third = host.decisions

    async def use(store: AsyncPostgresStore) -> None:
        await store.commit(first)
        end_all_others(alone.url())
        await store.commit(second)
        alone.crash()
        with pytest.raises(StoreUnusable, match="cannot be reached"):
            await store.commit(third)
        alone.start()
        await store.commit(third)

        assert host.state == await store.load("p")
        assert {"p": host.state.serial} == await store.serials()
        assert 3 == len(await store.events("p", limit=3))

    with_store(alone.url(), use)


def test_what_may_be_asked_twice_is_asked_again(way: str, proxy: Proxy) -> None:
    """A commit may have taken effect, and says that nobody knows."""
    host = host_of("p", 2)
    first, second = host.decisions

    async def use(store: AsyncPostgresStore) -> None:
        await store.commit(first)
        with proxy.losing_an_answer():
            assert first.state == await store.load("p")
        with proxy.losing_an_answer(), pytest.raises(StoreUnusable, match="cannot be reached"):
            await store.commit(second)

        assert host.state == await store.load("p", known=first.state)

    with_store(way, use)


def test_one_that_was_closed_stays_so(url: str) -> None:
    """To close it again is no error."""

    async def use(store: AsyncPostgresStore) -> None:
        await store.close()
        await store.close()
        for call in (store.serials, lambda: store.commit(host_of("p", 1).decisions[0])):
            with pytest.raises(StoreUnusable, match="was closed"):
                await call()

    with_store(url, use)
