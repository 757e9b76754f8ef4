"""A controller that is killed: wherever that is, the next start finds all that was answered."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.controller.host import Host
from examples.controller.storage.journal_reader import JournalReader
from sequencectl import AbortSequence, FreezeStage
from tests.examples.controller.hosting import SHIPYARD, Hosting, trigger
from tests.examples.controller.storage.test_journal import contents

LIFE: tuple[tuple[Callable[[Host], Awaitable[Any]], str], ...] = (
    (lambda host: host.create("p", SHIPYARD), "p"),
    (lambda host: host.add_service("p", "carts"), "p, carts"),
    (lambda host: host.handle("p", trigger("a")), "p, carts, a running"),
    (lambda host: host.handle("p", FreezeStage("dev")), "p, carts, a running"),
    (lambda host: host.handle("p", AbortSequence("a", force=True)), "p, carts, a aborted"),
    (lambda host: host.delete("p"), ""),
    (lambda host: host.create("p", SHIPYARD), "p"),
    (lambda host: host.handle("p", trigger("b")), "p, b running"),
)
"""What a controller is asked, one after the other, and what is shown then."""

SHOWN = ("", *(shown for _, shown in LIFE))


class Images:
    """Copies of a folder, taken whenever SQLite begins a statement and finds it changed.

    That is what a kill there leaves. Where a log has grown there is a second copy, with half of
    what was added: a kill in the middle of a commit. `answered` says how much was answered before.
    """

    def __init__(self, data: Path, copies: Path) -> None:
        self.data = data
        self.copies = copies
        self.done = 0
        self.answered: list[int] = []
        self._newest: dict[str, bytes] = {}

    def take(self, _statement: str = "") -> None:
        """Copy the folder, unless it is as it was."""
        # the index of a log is made again by whoever opens the file next
        files = [path for path in self.data.glob("*") if not path.name.endswith("-shm")]
        found, before = {path.name: path.read_bytes() for path in files}, self._newest
        if found == before:
            return
        self._newest = found
        for name, data in found.items():
            had = len(before.get(name, b""))
            if name.endswith("-wal") and len(data) > had:
                log = self._copy() / name
                log.write_bytes(data[: (had + len(data)) // 2])
        self._copy()

    def _copy(self) -> Path:
        copy = self.copies / f"{len(self.answered)}"
        self.answered.append(self.done)
        return shutil.copytree(self.data, copy)

    def connect(self, real: Callable[..., sqlite3.Connection], *given: Any, **options: Any) -> Any:
        """Open a database as `real` does, and take images at its statements."""
        self.take()
        connection = real(*given, **options)
        connection.set_trace_callback(self.take)
        return connection


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Images:
    """The images of a first start and a short life."""
    images = Images(tmp_path / "data", tmp_path / "images")
    host = Hosting(images.data).host

    async def live() -> None:
        await host.start()
        await host.at_rest()
        for step, _ in LIFE:
            await step(host)
            images.take()
            images.done += 1
        await host.stop()
        images.take()

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", partial(images.connect, sqlite3.connect))
        asyncio.run(live())
    return images


def shown(data: Path) -> str:
    """Start a host on a folder, ask what is there, see that it works, and stop it."""
    hosting = Hosting(data)
    host = hosting.host

    async def program() -> str:
        found = []
        for project in await host.all_projects():
            found += [project.name, *project.services]
            read = partial(JournalReader.deliveries, project="p", size=9, names={})
            for state in (await host.read(read)).entries:
                found.append(f"{state['context']} {state['sequences'][0]['phase']}")
        await host.create("q", SHIPYARD)
        assert "applied" == await host.handle("q", trigger("z"))
        return ", ".join(found)

    return hosting.run(program())


def test_a_kill_loses_nothing_that_was_answered(images: Images) -> None:
    """Each step is there as a whole once it was answered, and as a whole or not at all before.

    The journal is what it is if it is made up from the events.
    """
    for number, answered in enumerate(images.answered):
        data = images.copies / f"{number}"

        found = shown(data)
        assert found in SHOWN[answered : answered + 2], f"image {number}"

        journal = contents(data / "journal.db", "p")
        for path in data.glob("journal.db*"):
            path.unlink()
        Hosting(data).run(asyncio.sleep(0))
        assert not found or journal == contents(data / "journal.db", "p"), f"image {number}"


def test_there_are_images_of_each_step(images: Images) -> None:
    """Of the first start too: before each file, with the file still empty, and with its tables."""
    assert set(range(len(LIFE) + 1)) == set(images.answered)
    assert images.answered.count(0) > 12
