"""Streams: what clients are sent, how often, and what they get who were away; in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from examples.controller.api.stream import FROM_NOW_ON, Broadcaster, Message
from examples.controller.metrics import Metrics
from tests.examples.controller.api.virtual_time import run

INTERVAL = 0.25
KEEP_ALIVE = 15.0


class Project:
    """A project whose serial rises by hand; counts how often it is looked at."""

    def __init__(self, serial: int = 10, *, slowness: float = 0.0) -> None:
        self.serial = serial
        self.slowness = slowness
        self.is_broken = False
        self.looks = 0
        self.metrics = Metrics()
        self.broadcaster = Broadcaster(
            self.gather, self.metrics, interval=INTERVAL, keep_alive=KEEP_ALIVE
        )

    async def gather(self, project: str, after: int) -> tuple[int, Message | None]:
        """What changed: every serial after one; more than a hundred are too many."""
        assert project == "p"
        if self.is_broken:
            raise OSError("cannot be read")
        if after == FROM_NOW_ON:
            return self.serial, {}
        self.looks += 1
        serial = self.serial
        await asyncio.sleep(self.slowness)  # what happens meanwhile is not in the answer
        if after > serial or serial - after > 100:
            return serial, None
        return serial, {"states": list(range(after + 1, serial + 1))}

    def change(self) -> None:
        """Let something happen."""
        self.serial += 1
        self.broadcaster.changed("p", self.serial)


class Client:
    """Reads a stream until it ends; knows what it heard, and when."""

    def __init__(self, project: Project, since: int | None = None) -> None:
        self.heard: list[tuple[float, int, str, Any]] = []
        self.alive = 0
        self._reading = asyncio.ensure_future(self._read(project.broadcaster.follow("p", since)))

    async def _read(self, stream: AsyncIterator[bytes]) -> None:
        async for text in stream:
            if text.startswith(b":"):
                self.alive += 1
                continue
            number, event, data = (
                line.partition(": ")[2] for line in text.decode().split("\n")[:3]
            )
            at = asyncio.get_running_loop().time()
            self.heard.append((at, int(number), event, json.loads(data)))

    def seen(self) -> set[int]:
        """Every serial it was told of."""
        return {each for *_, data in self.heard for each in data.get("states", ())}

    async def leave(self) -> None:
        """Close the connection."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def ended(self) -> None:
        """Wait for the other side to end the stream."""
        await self._reading


def test_a_new_client_is_told_where_it_begins_and_then_what_changes() -> None:
    """Whatever it loads after the greeting is at least as new as that."""

    async def program() -> list[tuple[int, str, Any]]:
        project = Project()
        client = Client(project)
        await asyncio.sleep(1)
        project.change()
        await asyncio.sleep(1)
        await client.leave()
        return [(number, event, data) for _, number, event, data in client.heard]

    about = {"project": "p", "serial": 11, "states": [11]}
    assert [(10, "hello", {"project": "p", "serial": 10}), (11, "changed", about)] == run(program())


def test_a_busy_project_is_told_in_a_few_messages_a_second() -> None:
    """A thousand changes in ten seconds are forty messages, and none of them is lost."""

    async def program() -> tuple[Project, Client]:
        project = Project()
        client = Client(project)
        for _ in range(1_000):
            await asyncio.sleep(0.01)
            project.change()
        await asyncio.sleep(1)
        await client.leave()
        return project, client

    project, client = run(program())
    times = [at for at, *_ in client.heard]
    gaps = [later - at for at, later in pairwise(times)]

    assert set(range(11, 1_011)) == client.seen()
    assert len(client.heard) <= 42
    assert min(gaps) >= INTERVAL * 0.999
    assert project.serial == client.heard[-1][1]


@pytest.mark.parametrize("slowness", [0.01, 0.2, 0.7])
def test_what_happens_while_a_project_is_looked_at_is_not_lost(slowness: float) -> None:
    """Also the very last change is told, whenever it comes, and each once to who is up to date."""

    async def program() -> tuple[Project, Client]:
        project = Project(slowness=slowness)
        client = Client(project)
        await asyncio.sleep(1)
        for number in range(60):
            project.change()
            await asyncio.sleep(0.03 * (number % 7))
        await asyncio.sleep(3)
        await client.leave()
        return project, client

    project, client = run(program())
    told = [each for *_, data in client.heard for each in data.get("states", ())]

    assert list(range(11, project.serial + 1)) == told


def test_many_clients_cost_one_look_each_time() -> None:
    """Five hundred clients hear the same bytes: the project is not looked at for each of them."""

    async def program() -> tuple[Project, list[Client]]:
        project = Project()
        clients = []
        for _ in range(500):
            clients.append(Client(project))
            await asyncio.sleep(0.003)
        project.looks = 0
        for _ in range(20):
            project.change()
            await asyncio.sleep(0.5)
        await asyncio.gather(*(client.leave() for client in clients))
        return project, clients

    project, clients = run(program())

    assert 20 == project.looks
    assert all(set(range(11, 31)) == client.seen() for client in clients)


@pytest.mark.parametrize(
    ("since", "event", "states"),
    [
        pytest.param(7, "changed", [8, 9, 10], id="missed some"),
        pytest.param(10, "changed", [], id="missed nothing"),
        pytest.param(11, "reset", None, id="of another history"),
        pytest.param(-200, "reset", None, id="missed too much"),
    ],
)
def test_who_was_away_gets_what_it_missed(since: int, event: str, states: list[int] | None) -> None:
    """In one message; where that is too much, or makes no sense, it must load everything again."""

    async def program() -> tuple[str, Any]:
        client = Client(Project(), since)
        await asyncio.sleep(0.1)
        await client.leave()
        ((_, _, seen, data),) = client.heard
        return seen, data.get("states")

    assert (event, states) == run(program())


def test_a_slow_client_gets_one_message_for_all_it_missed() -> None:
    """Who reads nothing for a minute holds nothing back, and is sent what changed meanwhile."""

    async def program() -> tuple[list[str], set[int]]:
        project = Project()
        stream = project.broadcaster.follow("p", None)
        assert b"hello" in await anext(stream)
        for _ in range(60):
            project.change()
            await asyncio.sleep(1)
        texts = [(await anext(stream)).decode()]
        await stream.aclose()
        return texts, set(json.loads(texts[0].split("data: ")[1])["states"])

    quick = Project()
    texts, states = run(program())

    assert quick.looks == 0
    assert "id: 70" in texts[0]
    assert set(range(11, 71)) == states


def test_a_quiet_stream_says_that_it_is_there() -> None:
    """Else a proxy would close it, and a client could not tell silence from a broken line."""

    async def program() -> int:
        client = Client(Project())
        await asyncio.sleep(KEEP_ALIVE * 4.5)
        await client.leave()
        return client.alive

    assert 4 == run(program())


def test_closing_ends_every_stream() -> None:
    """Also those that wait, and those that just got something."""

    async def program() -> tuple[int, int]:
        project = Project()
        clients = [Client(project), Client(project, 5)]
        await asyncio.sleep(1)
        clients.append(Client(project))
        await asyncio.sleep(0)
        await project.broadcaster.close()
        await asyncio.gather(*(client.ended() for client in clients))
        return len(clients), len(asyncio.all_tasks())

    assert (3, 1) == run(program())


def test_the_streams_of_a_project_that_cannot_be_looked_at_end() -> None:
    """Its clients come back, and miss nothing once it can be: nobody waits for ever."""

    async def program() -> list[list[tuple[str, Any]]]:
        project = Project()
        clients = [Client(project), Client(project)]
        await asyncio.sleep(1)
        project.is_broken = True
        project.change()
        async with asyncio.timeout(60):
            await asyncio.gather(*(client.ended() for client in clients))
        project.is_broken = False
        clients = [Client(project, 10), Client(project)]
        await asyncio.sleep(1)
        project.change()
        await asyncio.sleep(1)
        await asyncio.gather(*(client.leave() for client in clients))
        return [[(event, data.get("states")) for *_, event, data in c.heard] for c in clients]

    assert [
        [("changed", [11]), ("changed", [12])],
        [("hello", None), ("changed", [12])],
    ] == run(program())


def test_whoever_comes_while_others_are_sent_away_is_served() -> None:
    """A stream that is about to end holds no newer one back."""

    async def program() -> list[str]:
        project = Project()
        slow = project.broadcaster.follow("p", None)
        await anext(slow)
        project.is_broken = True
        project.change()
        await asyncio.sleep(1)
        project.is_broken = False
        client = Client(project)
        await asyncio.sleep(1)
        async with asyncio.timeout(60):
            assert [] == [text async for text in slow]
        project.change()
        await asyncio.sleep(1)
        await client.leave()
        return [event for *_, event, _ in client.heard]

    assert ["hello", "changed"] == run(program())


@pytest.mark.parametrize(
    ("since", "first"),
    [
        pytest.param(None, b'id: 10\nevent: hello\ndata: {"project":"p","serial":10}\n\n',
                     id="a new client"),
        pytest.param(9, b'id: 10\nevent: changed\n'
                     b'data: {"project":"p","serial":10,"states":[10]}\n\n',
                     id="one that was away"),
    ],
)  # fmt: skip
def test_what_changes_right_after_the_first_message_is_told(
    since: int | None, first: bytes
) -> None:
    """In three lines, as server-sent events are, without a blank that says nothing."""

    async def program() -> list[bytes]:
        project = Project()
        stream = project.broadcaster.follow("p", since)
        texts = [await anext(stream)]
        project.change()
        texts.append(await anext(stream))
        await stream.aclose()
        return texts

    changed = b'id: 11\nevent: changed\ndata: {"project":"p","serial":11,"states":[11]}\n\n'
    assert [first, changed] == run(program())


def test_what_changes_while_a_client_is_told_what_it_missed_is_told_next() -> None:
    """Whatever was heard of before it was there: it need not wait for the next change."""

    async def program() -> list[Any]:
        project = Project(slowness=0.2)
        client = Client(project, 9)
        await asyncio.sleep(0.1)
        project.change()
        await asyncio.sleep(2)
        await client.leave()
        return [data["states"] for *_, data in client.heard]

    assert [[10], [11]] == run(program())


def test_nothing_is_sent_beside_what_changes() -> None:
    """No sign of life with a message, and nothing for a serial that everybody has seen."""

    async def program() -> tuple[int, list[str]]:
        project = Project()
        client = Client(project)
        await asyncio.sleep(1)
        project.broadcaster.changed("p", project.serial)
        for _ in range(3):
            await asyncio.sleep(1)
            project.change()
        await asyncio.sleep(1)
        await client.leave()
        return client.alive, [event for *_, event, _ in client.heard]

    assert (0, ["hello", "changed", "changed", "changed"]) == run(program())


def test_a_project_is_looked_at_until_its_last_client_has_gone() -> None:
    """Then nothing of it is left, and it begins anew with the next one."""

    async def program() -> list[tuple[int, int, float]]:
        project = Project()
        clients = [Client(project) for _ in range(3)]
        seen = []
        while clients:
            await asyncio.sleep(1)
            project.change()
            await asyncio.sleep(1)
            tasks = len(asyncio.all_tasks()) - 1 - len(clients)
            heard = {project.serial in client.seen() for client in clients}
            seen.append((tasks, heard, len(project.broadcaster._rooms)))
            await clients.pop().leave()
        await asyncio.sleep(0)
        seen.append((len(asyncio.all_tasks()) - 1, set(), len(project.broadcaster._rooms)))
        return seen

    assert [(1, {True}, 1)] * 3 + [(0, set(), 0)] == run(program())


def test_clients_and_messages_are_counted() -> None:
    """How many follow now, and each message to each of them."""

    def counted(project: Project) -> tuple[float, float]:
        rows = project.metrics.text().decode().split("\n")
        found = dict(row.rsplit(" ", 1) for row in rows if row and not row.startswith("#"))
        names = ("sequencectl_streams", "sequencectl_stream_messages_total")
        streams, messages = (float(found[name]) for name in names)
        return streams, messages

    async def program() -> list[tuple[float, float]]:
        project = Project()
        clients = [Client(project), Client(project, 8)]
        seen = []
        for _ in range(2):
            await asyncio.sleep(1)
            seen.append(counted(project))
            project.change()
        await asyncio.sleep(1)
        for client in clients:
            await client.leave()
        return [*seen, counted(project)]

    assert [(2, 2), (2, 4), (0, 6)] == run(program())


def test_what_nobody_was_told_of_is_seen_when_changes_may_have_been_missed() -> None:
    """By all who follow, once; where nothing was missed nothing is sent."""

    async def program() -> list[list[tuple[int, str]]]:
        project = Project()
        early, late = Client(project), Client(project, since=8)
        await asyncio.sleep(1)
        project.serial += 2  # unheard
        await asyncio.sleep(1)
        for _ in range(2):
            project.broadcaster.missed()
            await asyncio.sleep(1)
        for client in (early, late):
            await client.leave()
        return [[(number, event) for _, number, event, _ in each.heard] for each in (early, late)]

    early, late = run(program())

    assert [(10, "hello"), (12, "changed")] == early
    assert [(10, "changed"), (12, "changed")] == late


def test_what_was_missed_before_there_was_a_client_is_no_news() -> None:
    """A stream that begins at that moment begins with what it is greeted with."""

    async def program() -> list[tuple[int, str]]:
        project = Project(slowness=0.1)
        client = Client(project)
        await asyncio.sleep(0)
        project.broadcaster.missed()
        await asyncio.sleep(1)
        await client.leave()
        return [(number, event) for _, number, event, _ in client.heard]

    assert [(10, "hello")] == run(program())
