"""Replicas on one database: each shows what all do, and any does what another has left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
import pytest

from examples.controller import host as module
from examples.controller.host import Host
from examples.postgres.server import PrivateServer
from examples.postgres.store import PostgresStore
from examples.stores.errors import StoreUnusable
from sequencectl import AbortSequence, ControlPlane, ProjectState, TriggerSequence, UnknownProject
from sequencectl.errors import Contention, SequencectlError
from tests.examples.controller.hosting import HOUR, SHIPYARD, Hosting, counted, trigger
from tests.examples.controller.served import SHIPYARD as SHOP
from tests.examples.controller.served import Served

T = TypeVar("T")
PATIENCE = 60.0
"""So many seconds a test waits for what must come."""


async def until(look: Callable[[], Awaitable[T]]) -> T:
    """Look again and again until what is seen is true."""
    async with asyncio.timeout(PATIENCE):
        while not (seen := await look()):
            await asyncio.sleep(0.01)
    return seen


class Replicas:
    """Some hosts on one database, on one loop."""

    def __init__(self, url: str, size: int = 2) -> None:
        self.hostings = [Hosting(None, store=url) for _ in range(size)]
        self.hosts = [hosting.host for hosting in self.hostings]

    def run(self, program: Coroutine[Any, Any, T]) -> T:
        """Start them one after the other, run a program beside them and stop them."""

        async def whole() -> T:
            async with AsyncExitStack() as running:
                for host in self.hosts:
                    await host.start()
                    running.push_async_callback(host.stop)
                    await host.at_rest()
                return await program

        return asyncio.run(whole())

    def counted(self, name: str) -> float:
        """What a counter of all has come to."""
        return sum(counted(host, name) for host in self.hosts)


def phases(_plane: ControlPlane, state: ProjectState) -> dict[str, str]:
    """The phase of each sequence, as a question."""
    return {known: each.phase.value for known, each in state.sequences.items()}


async def triggered(host: Host, project: str = "p") -> list[str]:
    """The deliveries that the journal has of a project, the newest first."""
    page = await host.read(lambda journal: journal.deliveries(project, size=100, names={}))
    return [each["context"] for each in page.entries]


# ---------------------------------------------------------------- one shows what all do


@pytest.fixture
def pair(url: str) -> Iterator[tuple[Served, Served]]:
    """Two controllers on one database, of which the first has made a project."""
    with Served(None, store=url) as one, Served(None, store=url) as other:
        one.create()
        yield one, other


def test_what_one_has_answered_is_seen_at_the_other_at_once(pair: tuple[Served, Served]) -> None:
    """In lists, in open tasks and in details, and each may go on where the other was."""
    one, other = pair
    for number in range(5):
        one.trigger(f"c{number}")
        listed = other.get("/v1/sequence/shop")
        assert number + 1 == listed["totalCount"]
        assert f"c{number}" == listed["states"][0]["shkeptncontext"]
    (task,) = other.open_tasks()
    other.finish(task)

    assert [task["shkeptncontext"]] == [each["shkeptncontext"] for each in one.open_tasks("test")]


def test_a_project_is_everybodys_at_once(pair: tuple[Served, Served]) -> None:
    """One that was made, changed, or deleted; so are its services."""
    one, other = pair
    names = [
        [project["projectName"] for project in each.get("/v1/project")["projects"]] for each in pair
    ]
    other.ask("POST", "/v1/project/shop/service", json={"serviceName": "carts"})
    again = one.ask("POST", "/v1/project/shop/service", json={"serviceName": "carts"})
    one.ask("DELETE", "/v1/project/shop").raise_for_status()
    gone = other.ask("GET", "/v1/project/shop")
    late = other.event(
        "dev.delivery.triggered", {"project": "shop", "stage": "dev", "service": "s"}
    )
    other.create(shipyard=SHOP.replace("dev", "qa"))
    one.trigger("new", stage="qa")

    assert [["shop"]] * 2 == names
    assert [409, 404, 404] == [again.status_code, gone.status_code, late.status_code]
    assert ["new"] == [each["shkeptncontext"] for each in other.open_tasks()]


def test_a_shipyard_is_in_force_everywhere_at_once(pair: tuple[Served, Served]) -> None:
    """Whoever decides next does so by it, also if it has decided by the old one before."""
    one, other = pair
    other.trigger("before")
    for number, stage in enumerate(("qa", "dev", "qa")):
        changer, user = (one, other) if number % 2 == 0 else (other, one)
        body = {"name": "shop", "shipyard": _base64(SHOP.replace("dev", stage))}
        changer.ask("PUT", "/v1/project", json=body).raise_for_status()
        scope = {"project": "shop", "stage": "dev", "service": "carts"}
        answer = user.event("dev.delivery.triggered", scope)

        assert (200 if stage == "dev" else 400) == answer.status_code


def _base64(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode()).decode()


def test_what_one_does_is_told_at_the_other(url: str) -> None:
    """With the project and a serial up to which it can be read there."""
    replicas = Replicas(url)
    one, other = replicas.hosts

    async def program() -> int:
        await one.create("p", SHIPYARD)
        await one.handle("p", trigger("a"))
        told = replicas.hostings[1].told

        async def heard() -> bool:
            return ("p", 3) in told

        await until(heard)
        return await other.read(lambda journal: journal.told("p"))

    assert 3 == replicas.run(program())


def test_who_could_not_hear_is_told_to_look_at_everything(url: str) -> None:
    """When it listens for the first time, and after each break."""
    replicas = Replicas(url, 1)
    (hosting,) = replicas.hostings

    async def program() -> float:
        async def begun() -> bool:
            return hosting.told.count(("", 0)) > 0

        async def anew() -> bool:
            return hosting.told.count(("", 0)) > 1

        await until(begun)
        await asyncio.to_thread(_cut_off, url)
        await until(anew)
        return counted(hosting.host, "listens_total")

    assert 2 == replicas.run(program())


def _cut_off(url: str) -> None:
    """End every other connection to a database."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# ---------------------------------------------------------------- any does what another has left


def test_a_deadline_belongs_to_who_committed_it(url: str) -> None:
    """It alone has set a timer to it; all others look from time to time."""
    replicas = Replicas(url)

    async def program() -> list[timedelta | None]:
        one, other = replicas.hosts
        await one.create("p", SHIPYARD)
        for hosting in replicas.hostings:
            hosting.clock.advance(HOUR)
        await one.handle("p", trigger("a"))
        for host in replicas.hosts:
            host._next_look = host.now() + 9 * HOUR
            host._arm(None)
        return [host.armed_at and host.armed_at - host.now() for host in (one, other)]

    assert [HOUR, 9 * HOUR] == replicas.run(program())


def test_a_deadline_of_one_that_is_gone_is_acted_on_by_another(url: str) -> None:
    """At its next look; nobody does it a second time, and who comes late comes back as usual."""
    replicas = Replicas(url, 3)

    async def program() -> list[Any]:
        gone, one, other = replicas.hosts
        await gone.create("p", SHIPYARD)
        await gone.handle("p", trigger("a"))
        gone._timer and gone._timer.cancel()
        for hosting in replicas.hostings:
            hosting.clock.advance(2 * HOUR)
        commits = replicas.counted("commits_total")
        for host in (one, other):
            host._ring()
        for host in (one, other):
            await host.at_rest()
        gone._ring()
        await gone.at_rest()
        left = gone.armed_at and gone.armed_at - gone.now()
        return [await gone.ask("p", phases), replicas.counted("commits_total") - commits, left]

    assert [{"a": "timed_out"}, 1, timedelta(seconds=5)] == replicas.run(program())


def test_a_replica_looks_again_and_again(url: str) -> None:
    """Each check sets the timer for the next one, also where nothing is due; failures too."""
    replicas = Replicas(url, 1)

    async def program() -> list[Any]:
        (host,) = replicas.hosts
        ahead = [host.armed_at and host.armed_at - host.now()]
        replicas.hostings[0].clock.advance(HOUR)
        host._ring()
        await host.at_rest()
        return [*ahead, host.armed_at and host.armed_at - host.now()]

    assert [timedelta(seconds=5)] * 2 == replicas.run(program())


def test_what_one_could_not_publish_another_does(url: str) -> None:
    """The command is answered, and seen everywhere when somebody has looked."""
    replicas = Replicas(url)

    async def program() -> list[Any]:
        one, other = replicas.hosts
        await one.create("p", SHIPYARD)
        decider = one._decider_of("p")
        tell = decider.journal.tell
        decider.journal.tell = _fails  # type: ignore[method-assign] # a fake of the table
        word = await one.handle("p", trigger("a"))
        decider.journal.tell = tell  # type: ignore[method-assign]
        before = await triggered(other)
        other._ring()
        await other.at_rest()
        return [word, before, await triggered(other), counted(other, "unsent_projects")]

    assert ["applied", [], ["a"], 0] == replicas.run(program())


def _fails(*_: object) -> None:
    raise StoreUnusable("somewhere", "is locked")


def test_a_start_beside_others_at_work_disturbs_nobody(url: str) -> None:
    """What is told meanwhile is in the journal once, in order and without a gap."""
    replicas = Replicas(url, 1)
    late = [Hosting(None, store=url) for _ in range(3)]

    async def program() -> list[Any]:
        (host,) = replicas.hosts
        await host.create("p", SHIPYARD)

        async def work() -> None:
            for number in range(40):
                await host.handle("p", trigger(f"c{number:02}"))

        working = asyncio.create_task(work())
        for hosting in late:
            await hosting.host.start()
            await hosting.host.at_rest()
        await working
        found = await triggered(late[-1].host)
        for hosting in late:
            await hosting.host.stop()
        return found

    assert [f"c{number:02}" for number in reversed(range(40))] == replicas.run(program())


# ---------------------------------------------------------------- together


def test_all_may_decide_for_one_project(url: str) -> None:
    """Every command takes effect once, and conflicts are rare."""
    replicas = Replicas(url, 3)
    size = 60

    async def program() -> list[Any]:
        await replicas.hosts[0].create("p", SHIPYARD)
        asked = [
            host.handle("p", trigger(f"{name}{number}"))
            for number in range(size)
            for name, host in zip("abc", replicas.hosts, strict=True)
        ]
        words = await asyncio.gather(*asked)
        page = await replicas.hosts[0].read(
            lambda journal: journal.deliveries("p", size=1, names={})
        )
        serials = [await host.ask("p", lambda _, state: state.serial) for host in replicas.hosts]
        return [set(words), page.total, len(set(serials))]

    assert [{"applied"}, 3 * size, 1] == replicas.run(program())
    assert replicas.counted("conflicts_total") < 0.2 * 3 * size


def test_who_does_not_have_the_lock_waits_and_gathers(url: str) -> None:
    """What comes meanwhile is decided together once the lock is free."""
    replicas = Replicas(url, 1)

    async def program() -> list[Any]:
        (host,) = replicas.hosts
        await host.create("p", SHIPYARD)
        before = counted(host, "commits_total")

        async def waits() -> bool:
            return await asyncio.to_thread(_waiting_for_locks, url) > 0

        with closing(PostgresStore(url)) as store:
            with store.holding("p"):
                asked = [asyncio.create_task(host.handle("p", trigger("first")))]
                await until(waits)
                asked += [asyncio.create_task(host.handle("p", trigger(each))) for each in "abc"]
                await asyncio.sleep(0)
            words = await asyncio.gather(*asked)
        return [words, counted(host, "commits_total") - before]

    assert [["applied"] * 4, 1] == replicas.run(program())


def _waiting_for_locks(url: str) -> int:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        select = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        row = connection.execute(select).fetchone()
    assert row is not None
    return int(row[0])


def test_projects_are_spread_over_the_threads(url: str) -> None:
    """Each has one that decides for it here, and all are used."""
    replicas = Replicas(url, 1)

    async def program() -> list[Any]:
        (host,) = replicas.hosts
        names = [f"p{number}" for number in range(16)]
        for name in names:
            await host.create(name, SHIPYARD)
        await asyncio.gather(*(host.handle(name, trigger("a")) for name in names))
        deciders = {id(host._decider_of(name)) for name in names}
        same = all(host._decider_of(name) is host._decider_of(name) for name in names)
        return [same, len(deciders), [await triggered(host, name) for name in names]]

    assert [True, module.DECIDERS, [["a"]] * 16] == replicas.run(program())


def test_a_project_that_is_deleted_is_unknown_to_who_used_it_last(url: str) -> None:
    """Nothing is decided for it any more, whoever is asked."""
    replicas = Replicas(url)

    async def program() -> None:
        one, other = replicas.hosts
        await one.create("p", SHIPYARD)
        await other.handle("p", trigger("a"))
        await one.handle("p", AbortSequence("a", force=True))
        await one.delete("p")
        with pytest.raises(UnknownProject):
            await other.handle("p", trigger("b"))
        await other.create("p", SHIPYARD.replace("dev", "qa"))
        await one.handle("p", TriggerSequence("c", stage="qa", sequence="delivery"))

    replicas.run(program())


# ---------------------------------------------------------------- claims


def test_one_replica_has_the_claim_of_a_project(url: str) -> None:
    """Until it runs out, or its owner ends in order; it may be renewed as often as one likes."""
    replicas = Replicas(url, 2)

    async def program() -> list[list[bool]]:
        (one, third), other = replicas.hosts, Hosting(None, store=url).host
        await other.start()

        async def asked() -> list[bool]:
            return [await host.claim("p") for host in (one, other, third)]

        seen = [await asked(), await asked(), [await other.claim("q"), await one.claim("q")]]
        await asyncio.to_thread(_run_out, url)
        seen.append([await other.claim("p"), await one.claim("p")])
        await other.stop()
        return [*seen, [await third.claim("p"), await one.claim("p")]]

    first = [True, False, False]
    assert [first, first, [True, False], [True, False], [True, False]] == replicas.run(program())


def _run_out(url: str) -> None:
    """Let every claim end, as time does."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(
            "UPDATE sequencectl_claims.claim SET until = now() - interval '1 second'"
        )


# ---------------------------------------------------------------- without the database


async def handled(host: Host, known: str) -> bool:
    """Trigger a delivery; return whether that was answered."""
    try:
        await host.handle("p", trigger(known))
    except (StoreUnusable, Contention):
        return False
    return True


@pytest.mark.parametrize("way", ["stop", "crash"])
def test_a_database_that_was_away_is_used_again(server: PrivateServer, way: str) -> None:
    """Meanwhile nothing is answered as done; what was answered is there afterwards, once."""
    with PrivateServer(settings={"fsync": "off"}) as own:
        replicas = Replicas(own.url(), 2)

        async def program() -> list[Any]:
            one, other = replicas.hosts
            await one.create("p", SHIPYARD)
            answered = [known for known in "ab" if await handled(one, known)]
            await asyncio.to_thread(getattr(own, way))
            away = [await handled(host, "c") for host in replicas.hosts]
            with pytest.raises(StoreUnusable):
                await other.ask("p", phases)
            well = [host.is_well for host in replicas.hosts]
            await asyncio.to_thread(own.start)

            async def again() -> bool:
                return await handled(other, "c") and await handled(one, "c")

            await until(again)
            well += [host.is_well for host in replicas.hosts]
            return [answered, away, well, sorted(await triggered(one))]

        found = replicas.run(program())

    away = [False, False]
    assert [["a", "b"], away, [*away, True, True], ["a", "b", "c"]] == found


def test_without_a_database_nothing_starts(server: PrivateServer) -> None:
    """The sentence says where it was looked for."""
    hosting = Hosting(None, store=f"postgresql://ann:tiger@/nowhere?host={server.folder}")

    async def program() -> None:
        with pytest.raises(SequencectlError, match="does not exist") as caught:
            await hosting.host.start()
        assert "tiger" not in str(caught.value)

    asyncio.run(program())
