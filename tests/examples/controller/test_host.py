"""The host: one timer for everything that is due, and what it does when the store fails."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Coroutine
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.controller import host as module
from examples.controller.deciding import StillLive
from examples.controller.host import NoAnswer
from examples.controller.storage.journal_reader import JournalReader
from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import ALL, SqliteStore
from sequencectl import (
    AbortSequence,
    CommandRejected,
    InvalidValue,
    UnknownProject,
    combine,
)
from tests.examples.controller.hosting import HOUR, SHIPYARD, Hosting, counted, trigger


def crowd(hosting: Hosting, size: int, *, is_acknowledged: bool = False) -> None:
    """Put many waiting deliveries into the store, each with a deadline of its own.

    Those that are acknowledged are nobody's to publish any more.
    """
    hosting.settings.data.mkdir(parents=True, exist_ok=True)

    async def create() -> None:
        await hosting.host.create("p", SHIPYARD)

    hosting.run(create())
    plane = hosting.plane_of("p")
    state, decisions = plane.initial("p"), []
    for number in range(size):
        decisions.append(plane.decide(state, trigger(f"c{number}"), hosting.clock.now()))
        state = decisions[-1].state
        hosting.clock.advance(timedelta(seconds=1))
    store = SqliteStore(hosting.settings.data / "sequences.db", kept=ALL)
    store.commit(combine(*decisions))
    if is_acknowledged:
        store.acknowledge("p", through=state.serial)
    store.close()


def test_ten_thousand_deadlines_are_one_timer(tmp_path: Path) -> None:
    """Until the first of them nothing runs: no task, no second timer, no statement."""
    before = Hosting(tmp_path, waiting=timedelta(hours=5), reaction=HOUR * 9)
    crowd(before, 10_000)
    hosting = Hosting(tmp_path, waiting=timedelta(hours=5), reaction=HOUR * 9)
    hosting.clock.turn_to(before.clock.now())

    async def idle() -> tuple[int, float, int]:
        loop = asyncio.get_running_loop()
        others = len(asyncio.all_tasks()) - 1
        assert hosting.host.armed_at is not None
        ahead = hosting.host.armed_at - hosting.clock.now()
        timers = [each for each in loop._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
        return others, ahead.total_seconds(), len(timers)

    others, ahead, timers = hosting.run(idle())

    assert (0, 1) == (others, timers)
    assert 5 * 3_600 - 10_000 <= ahead <= 5 * 3_600


def test_the_timer_is_that_of_the_earliest_deadline(tmp_path: Path) -> None:
    """It moves when something earlier comes, and stays when something later does."""
    hosting = Hosting(tmp_path, waiting=2 * HOUR)

    async def program() -> list[Any]:
        host, clock, armed = hosting.host, hosting.clock, []
        await host.create("p", SHIPYARD)
        armed.append(host.armed_at)
        begin = clock.now()
        for known in ("a", "b"):
            await host.handle("p", trigger(known))
            armed.append(host.armed_at and host.armed_at - begin)
            clock.advance(timedelta(minutes=1))
        return armed

    assert [None, HOUR, HOUR] == hosting.run(program())


def test_a_refusal_is_raised_and_counted(tmp_path: Path) -> None:
    """Every command is counted by its answer, a refusal by its code."""
    hosting = Hosting(tmp_path)

    async def program() -> str:
        host = hosting.host
        await host.create("p", SHIPYARD)
        assert ["applied", "duplicate"] == [await host.handle("p", trigger("a")) for _ in range(2)]
        with pytest.raises(CommandRejected):
            await host.handle("p", AbortSequence("nobody"))
        with pytest.raises(UnknownProject):
            await host.handle("q", trigger("a"))
        return host.metrics.text().decode()

    text = hosting.run(program())

    assert 'commands_total{answer="applied",kind="TriggerSequence"} 1.0' in text
    assert 'commands_total{answer="duplicate",kind="TriggerSequence"} 1.0' in text
    assert 'commands_total{answer="unknown_context",kind="AbortSequence"} 1.0' in text
    assert 'commands_total{answer="UnknownProject",kind="TriggerSequence"} 1.0' in text
    assert [("p", 3)] == hosting.told


def test_a_project_with_something_live_stays(tmp_path: Path) -> None:
    """It is deleted once everything has ended; a bad shipyard changes nothing."""
    hosting = Hosting(tmp_path)

    async def program() -> list[str]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        with pytest.raises(InvalidValue, match="line 6: spec"):
            await host.update("p", SHIPYARD.replace("stages", "steps"))
        await host.handle("p", trigger("a"))
        with pytest.raises(StillLive, match="1 live sequences"):
            await host.delete("p")
        await host.handle("p", AbortSequence("a", force=True))
        await host.delete("p")
        return [project.name for project in await host.all_projects()]

    assert [] == hosting.run(program())


def test_a_store_that_fails_makes_the_host_unwell_until_it_works(tmp_path: Path) -> None:
    """Somebody comes back for what may have been committed all the same."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host, seen = hosting.host, []
        await host.create("p", SHIPYARD)
        patience = "PRAGMA busy_timeout = 50"
        store: Any = hosting.decider.store
        await hosting.decider.run(lambda: store._database.connection.execute(patience))
        blocker = SqliteStore(tmp_path / "sequences.db")
        blocker._database.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnusable, match="locked"):
            await host.handle("p", trigger("a"))
        seen.append((host.is_well, host.armed_at is not None))
        blocker.close()
        await host.handle("p", trigger("a"))
        seen.append((host.is_well, host.armed_at is not None))
        return seen

    assert [(False, True), (True, True)] == hosting.run(program())


def test_a_journal_that_is_far_behind_catches_up_completely(tmp_path: Path) -> None:
    """Portion by portion to the end, though nothing of it will ever be published again."""
    size = 2_500
    crowd(Hosting(tmp_path), size, is_acknowledged=True)
    hosting = Hosting(tmp_path)

    async def program() -> tuple[int, int, int]:
        deliveries = partial(JournalReader.deliveries, project="p", size=1, names={})
        listed = (await hosting.host.read(deliveries)).total
        told = await hosting.host.read(lambda journal: journal.told("p"))
        return listed, told, await hosting.host.ask("p", lambda _, state: state.serial)

    listed, told, serial = hosting.run(program())

    assert (size, serial) == (listed, told)


def test_a_document_that_is_damaged_is_an_error_of_the_store(tmp_path: Path) -> None:
    """It names the file, and what helps."""
    hosting = Hosting(tmp_path)

    async def program() -> None:
        host = hosting.host
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as journal:
            journal.execute("UPDATE delivery SET document = 'scribbled'")
        with pytest.raises(StoreUnusable, match=r"journal\.db: holds what is not ours .* delete"):
            await host.read(lambda journal: journal.delivery("p", "a"))

    hosting.run(program())


def test_who_has_a_folder_to_itself_has_every_claim(tmp_path: Path) -> None:
    """Nobody else posts its tasks."""
    hosting = Hosting(tmp_path)

    assert hosting.run(hosting.host.claim("p")) is True


async def unanswered(hosting: Hosting, work: Coroutine[Any, Any, object]) -> tuple[str, bool]:
    """Do something while the threads hang; return what is said, and whether the host is well."""
    is_over = threading.Event()
    loop = asyncio.get_running_loop()
    hanging = [
        asyncio.create_task(hosting.decider.run(is_over.wait)),
        loop.run_in_executor(hosting.host._reader, is_over.wait),
    ]
    await asyncio.sleep(0)
    try:
        with pytest.raises(NoAnswer) as caught:
            await work
        return str(caught.value), hosting.host.is_well
    finally:
        is_over.set()
        await asyncio.gather(*hanging)


def test_a_store_that_hangs_is_waited_for_in_vain_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks is told so soon; all is well again once it answers."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        monkeypatch.setattr(module, "PATIENCE", 0.01)
        said = [
            await unanswered(hosting, host.handle("p", trigger("a"))),
            await unanswered(hosting, host.read(lambda journal: journal.told("p"))),
            await unanswered(hosting, host.add_service("p", "carts")),
        ]
        monkeypatch.setattr(module, "PATIENCE", 15.0)
        await host.handle("p", trigger("b"))
        live = await host.ask("p", lambda _, state: sorted(state.sequences))
        kind = 'commands_total{answer="NoAnswer",kind="TriggerSequence"}'
        return [said, host.is_well, live, counted(host, kind)]

    said, *rest = hosting.run(program())

    assert [("the store gave no answer within 0.01 s: send again", False)] * 3 == said
    assert [True, ["b"], 1] == rest  # whoever had gone was left out


def test_a_check_that_hangs_makes_the_host_unwell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is over."""
    hosting = Hosting(tmp_path)

    async def program() -> list[bool]:
        host, is_over, seen = hosting.host, threading.Event(), []
        hanging = asyncio.create_task(hosting.decider.run(is_over.wait))
        monkeypatch.setattr(module, "PATIENCE", 0.01)
        host._ring()
        async with asyncio.timeout(60):
            while host.is_well:
                await asyncio.sleep(0)
        seen.append(host.is_well)
        is_over.set()
        await hanging
        await host.at_rest()
        return [*seen, host.is_well]

    assert [False, True] == hosting.run(program())
