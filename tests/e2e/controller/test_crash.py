"""Killed with SIGKILL under load and at each step of the stories: nothing is lost or done twice."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.controller.process import PATIENCE, PROGRAM, Client, Controller, until

KILLS = 20
BETWEEN = 6
"""So many commands are acknowledged between one kill and the next."""

POINTS = {
    "accepted": "Host.handle",
    "committed, not emitted": "SqliteStore.commit",
    "emitted, not acknowledged": "Journal.tell",
}
DEADLY = """
import functools, inspect, os, signal, sys
from examples.controller.__main__ import main
from examples.controller.host import Host
from examples.controller.storage.journal import Journal
from examples.stores.sqlite import SqliteStore

where, left = sys.argv.pop(1), int(sys.argv.pop(1))
kind, name = where.split(".")
whole = {each.__name__: each for each in (Host, Journal, SqliteStore)}[kind]
before = getattr(whole, name)

def die():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if inspect.iscoroutinefunction(before):
    @functools.wraps(before)
    async def after(*arguments):
        result = await before(*arguments)
        die()
        return result
else:
    @functools.wraps(before)
    def after(*arguments):
        result = before(*arguments)
        die()
        return result

setattr(whole, name, after)
sys.exit(main())
"""
"""The controller, killed by a signal nobody can catch once something has been done so often."""


Body = dict[str, Any]


class Stubborn:
    """Does a request until it is answered, and starts the controller again if it has died."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._client = controller.client()
        self.restarts = 0

    def __enter__(self) -> Stubborn:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def __call__(self, request: Callable[[Client], httpx.Response]) -> Body:
        """Return the body of an answer that is no error."""
        while True:
            try:
                return _body(request(self._client))
            except httpx.TransportError:
                self._controller.await_death()
                self.restarts += 1
                self._controller.program = PROGRAM
                self._controller.start()

    def get(self, path: str, **query: str) -> Body:
        """Ask for something."""
        return self(lambda client: client.get(path, params=query))

    def trigger(self, context: str) -> None:
        """Trigger a delivery."""
        self(lambda client: client.trigger(context))

    def status(self, context: str) -> str:
        """The status line of a delivery."""
        line: str = self.get(f"/v1/sequence/sockshop/{context}")["statusLine"]
        return line

    def control(self, context: str, word: str, **more: Any) -> None:
        """Control a delivery; a repeat has the same request id."""
        about = {"requestId": f"{context}-{word}-{len(more)}", **more}
        self(lambda client: client.control(context, word, **about))

    def work(self) -> int:
        """Finish each open task once; return how many there were."""
        done = 0
        for name in ("deployment", "test"):
            kind = f"sh.keptn.event.{name}.triggered"
            for task in self.get(f"/v1/event/triggered/{kind}", pageSize="100")["events"]:
                self.finish(task)
                done += 1
        return done

    def finish(self, task: Body) -> None:
        """Finish a task, as the executor that it is for."""
        self(lambda client: client.finish(task))

    def work_until_over(self) -> None:
        """Finish tasks until there is none."""
        until(lambda: not self.work(), seconds=4 * PATIENCE)


def _body(answer: httpx.Response) -> Body:
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    return body


# ---------------------------------------------------------------- the stories


def queueing(do: Stubborn, pause: Callable[[str], None]) -> dict[str, str]:
    """Two deliveries into one stage: the second waits for the first."""
    for context in ("first", "second"):
        do.trigger(context)
    assert "delivery waiting" == do.status("second")
    pause("in flight")
    do.work_until_over()
    return {each: do.status(each) for each in ("first", "second")}


def timing_out(do: Stubborn, pause: Callable[[str], None]) -> dict[str, str]:
    """Nobody reacts: the task is terminated, its sequence fails, and the next one starts."""
    for context in ("mute", "second"):
        do.trigger(context)
    pause("in flight")
    until(lambda: do.status("second") == "delivery timed out")
    return {each: do.status(each) for each in ("mute", "second")}


def controlling(do: Stubborn, pause: Callable[[str], None]) -> dict[str, str]:
    """A delivery is paused and resumed, another one aborted."""
    do.trigger("first")
    do.control("first", "pause")
    pause("in flight")
    do.work()
    assert "delivery paused" == do.status("first")
    pause("paused")
    do.control("first", "resume")
    do.work_until_over()
    do.trigger("second")
    do.control("second", "abort")
    do.work_until_over()
    return {each: do.status(each) for each in ("first", "second")}


Story = Callable[[Stubborn, Callable[[str], None]], dict[str, str]]
STORIES: dict[str, tuple[Story, dict[str, str]]] = {
    "queueing": (queueing, {"first": "delivery finished", "second": "delivery finished"}),
    "timing out": (timing_out, {"mute": "delivery timed out", "second": "delivery timed out"}),
    "controlling": (controlling, {"first": "delivery finished", "second": "delivery aborted"}),
}


@pytest.mark.parametrize("point", [*POINTS, "in flight", "paused"])
@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_right_wherever_it_is_killed(tmp_path: Path, story: str, point: str) -> None:
    """Each request is made until it is answered; what is repeated takes effect once."""
    play, wanted = STORIES[story]
    program = ("-c", DEADLY, POINTS[point], "2") if point in POINTS else PROGRAM
    reaction = "500ms" if story == "timing out" else "1h"
    with (
        Controller(tmp_path, "--reaction", reaction, program=program) as controller,
        Stubborn(controller) as do,
    ):
        do(made)

        def pause(here: str) -> None:
            if here == point or (point == "paused" and story != "controlling"):
                controller.kill()
                controller.start()
                do.restarts += 1

        assert wanted == play(do, pause)
        assert do.restarts >= 1
        assert_in_order(do)


def made(client: Client) -> httpx.Response:
    """Create the project unless it is there."""
    answer = client.get("/v1/project/sockshop")
    if answer.status_code == 404:
        client.create()
        answer = client.get("/v1/project/sockshop")
    return answer


def history(do: Stubborn, **filters: str) -> Iterator[dict[str, Any]]:
    """Everything that happened, page by page."""
    key = 0
    while True:
        query = {"pageSize": "100", "nextPageKey": str(key), **filters}
        page = do.get("/v1/project/sockshop/history", **query)
        yield from page["events"]
        key = page["nextPageKey"]
        if not key:
            return


def assert_in_order(do: Stubborn) -> None:
    """Each task is triggered once and over once, each sequence triggered once and over once."""
    seen: Counter[tuple[str, str]] = Counter()
    for event in history(do):
        word = event["type"].rpartition(".")[2]
        if word in {"triggered", "finished"}:
            about = event.get("triggeredid", event["id"]) if word == "finished" else event["id"]
            seen[about, word] += 1
    assert {1} == set(seen.values())


# ---------------------------------------------------------------- under load


class Writer:
    """Triggers deliveries one after the other; what was answered goes to a file, safely."""

    def __init__(self, number: int, path: Path, url: str) -> None:
        self._number = number
        self._path = path
        self._url = url
        self.acknowledged = 0
        self.attempts = 0
        self.is_stopped = threading.Event()

    def write(self) -> None:
        """Send a trigger until it is answered, note it, and go on."""
        with self._path.open("a") as file, Client(base_url=self._url, timeout=10) as client:
            while not self.is_stopped.is_set():
                known = f"w{self._number}-{self.acknowledged}"
                if self._is_answered(client, known):  # else it is sent again, unless that is enough
                    file.write(f"{known}\n")
                    file.flush()
                    os.fsync(file.fileno())
                    self.acknowledged += 1

    def _is_answered(self, client: Client, known: str) -> bool:
        self.attempts += 1
        try:
            answer = client.trigger(known)
        except httpx.TransportError:
            self.is_stopped.wait(0.02)
            return False
        return answer.status_code == 200


def until_acknowledged(writers: list[Writer], enough: int) -> None:
    """Wait until so many commands were answered."""
    until(lambda: sum(writer.acknowledged for writer in writers) >= enough)


def test_nothing_acknowledged_is_lost_in_twenty_kills_under_load(tmp_path: Path) -> None:
    """After the last one every id is in the history once, and every delivery comes to its end."""
    data = tmp_path / "data"
    with (
        Controller(data, "--reaction", "1h") as controller,
        Stubborn(controller) as do,
        ThreadPoolExecutor() as pool,
    ):
        do(made)
        writers = [Writer(each, tmp_path / f"{each}.txt", controller.url) for each in range(3)]
        running = [pool.submit(writer.write) for writer in writers]
        try:
            for kill in range(1, KILLS + 1):
                enough = kill * BETWEEN
                until_acknowledged(writers, enough)
                controller.kill()
                controller.start()
        finally:
            for writer in writers:
                writer.is_stopped.set()
        for each in running:
            each.result()
        ids = [known for path in tmp_path.glob("*.txt") for known in path.read_text().split()]
        kind = "sh.keptn.event.dev.delivery.triggered"
        triggered = Counter(event["id"] for event in history(do, type=kind))

        assert len(ids) >= KILLS * BETWEEN
        assert [] == [known for known in ids if triggered[known] != 1]
        assert {1} == set(triggered.values())
        do.work_until_over()
        assert {"delivery finished"} == {do.status(known) for known in triggered}
        assert_in_order(do)
