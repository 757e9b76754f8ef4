"""Replicas as processes on one database, killed, restarted, and without it for a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from examples.postgres.server import PrivateServer
from tests.e2e.controller.process import Client, Controller, until
from tests.e2e.controller.test_crash import Writer, until_acknowledged
from tests.e2e.controller.test_webhooks import SIGNING, Receiver, served

SIZE = 3
BETWEEN = 10
"""So many commands are acknowledged between one kill and the next."""


@contextmanager
def replicas(database: PrivateServer, *arguments: str) -> Iterator[list[Controller]]:
    """Controllers on a database, of which the first has made a project."""
    with ExitStack() as running:
        controllers = [
            running.enter_context(Controller(None, *arguments, store=database.url()))
            for _ in range(SIZE)
        ]
        with controllers[0].client() as client:
            client.create()
        yield controllers


@contextmanager
def clients(controllers: list[Controller]) -> Iterator[list[Client]]:
    """A client of each."""
    with ExitStack() as opened:
        yield [opened.enter_context(controller.client()) for controller in controllers]


def test_a_deadline_of_a_killed_replica_is_acted_on_by_another(database: PrivateServer) -> None:
    """It had the timer, and nobody else; the others look from time to time."""
    limits = ("--reaction", "1s", "--poll", "200ms")
    with replicas(database, *limits) as controllers, clients(controllers) as (first, *others):
        first.trigger("one").raise_for_status()
        controllers[0].kill()

        def phases() -> list[str]:
            return [each.state("one")["sequences"][0]["phase"] for each in others]

        until(lambda: phases() == ["timed_out"] * 2)


def test_a_stream_of_one_shows_what_another_does(database: PrivateServer) -> None:
    """Soon after it was answered there; and what was answered can be read everywhere at once."""
    with replicas(database, "--reaction", "1h") as controllers, clients(controllers) as each:
        first, second, _ = each
        with second.stream("GET", "/v1/stream/sockshop") as stream:
            lines = stream.iter_lines()
            assert "hello" in next(line for line in lines if line.startswith("event"))
            for number in range(5):
                each[number % 2 * 2].trigger(f"c{number}").raise_for_status()
                assert "delivery" in first.state(f"c{number}")["statusLine"]
            told = ""
            while not all(f"c{number}" in told for number in range(5)):
                told += next(lines)


def test_a_task_is_posted_by_one_of_three(
    database: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told of it: nobody gets it twice as long as all are well."""
    monkeypatch.setenv("SEQUENCECTL_WEBHOOK_SECRET", SIGNING)
    receiver = Receiver([])
    size = 12
    with served(receiver) as url:
        arguments = ("--reaction", "1h", "--scope", "service", "--webhook", f"deployment={url}")
        with replicas(database, *arguments) as controllers, clients(controllers) as each:
            for number in range(size):
                client = each[number % SIZE]
                client.trigger(f"c{number}", service=f"s{number}").raise_for_status()
            until(lambda: len(receiver.ids) >= size)
            for task in each[0].open_tasks("deployment"):
                each[1].finish(task).raise_for_status()

    assert {1} == set(Counter(receiver.ids).values())
    assert size == len(receiver.ids)


def test_nothing_acknowledged_is_lost_when_replicas_and_the_database_are_killed(
    database: PrivateServer, tmp_path: Path
) -> None:
    """Every command that was answered is in the history once, whoever had taken it."""
    with (
        replicas(database, "--reaction", "1h", "--poll", "500ms") as controllers,
        clients(controllers) as each,
        ThreadPoolExecutor() as pool,
    ):
        writers = [
            Writer(number, tmp_path / f"{number}.txt", controller.url)
            for number, controller in enumerate(controllers)
        ]
        running = [pool.submit(writer.write) for writer in writers]
        try:
            for number, controller in enumerate(controllers):
                until_acknowledged(writers, (number + 1) * BETWEEN)
                controller.kill()
                controller.start()
            for _ in range(2):
                before = [writer.acknowledged for writer in writers]
                database.crash()
                database.start()
                for writer, acknowledged in zip(writers, before, strict=True):
                    until_acknowledged([writer], acknowledged + 2)
        finally:
            for writer in writers:
                writer.is_stopped.set()
        for work in running:
            work.result()
        ids = [known for path in tmp_path.glob("*.txt") for known in path.read_text().split()]
        triggered = Counter(event["id"] for event in _triggers(each[1]))
        well = [client.get("/healthz").status_code for client in each]

    assert len(ids) >= SIZE * BETWEEN
    assert [] == [known for known in ids if triggered[known] != 1]
    assert {1} == set(triggered.values())
    assert [200] * SIZE == well


def _triggers(client: Client) -> Iterator[dict[str, str]]:
    """The triggers in the history of the project, page by page."""
    query = {"type": "sh.keptn.event.dev.delivery.triggered", "pageSize": "100"}
    key = ""
    while True:
        page = client.get("/v1/project/sockshop/history", params={**query, "nextPageKey": key})
        yield from page.raise_for_status().json()["events"]
        key = page.json()["nextPageKey"]
        if not key:
            return
