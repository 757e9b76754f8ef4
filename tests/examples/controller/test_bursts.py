"""Bursts: commands that come together share a commit, and each has its own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from examples.controller import bursts as module
from examples.controller.bursts import Answer, Bursts
from examples.controller.metrics import Metrics
from examples.stores.errors import StoreUnusable
from sequencectl import AbortSequence, Command, CommandRejected, TriggerSequence, UnknownProject
from tests.examples.controller.hosting import SHIPYARD, Hosting, counted, trigger

PATIENCE = 5.0
"""So many seconds something waits that would wait for ever if it were wrong."""

Busy = Callable[[], bool]


async def together(hosting: Hosting, *commands: Command, project: str = "p") -> list[Any]:
    """Hand in commands while the thread that decides is busy; return their answers, or errors."""
    is_busy, is_free = threading.Event(), threading.Event()

    def work() -> bool:
        is_busy.set()
        return is_free.wait(PATIENCE)

    working = asyncio.create_task(hosting.decider.run(work))
    await asyncio.to_thread(is_busy.wait, PATIENCE)
    asking = [asyncio.create_task(hosting.host.handle(project, each)) for each in commands]
    await asyncio.sleep(0)
    is_free.set()
    assert await working
    return await asyncio.gather(*asking, return_exceptions=True)


def test_commands_that_come_together_share_a_commit(tmp_path: Path) -> None:
    """Each has the answer it would have had alone; one that comes alone has a commit of its own."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        before = counted(host, "commits_total")
        answers = await together(hosting, *(trigger(f"c{each}") for each in range(20)))
        first = counted(host, "commits_total") - before
        await host.handle("p", trigger("alone"))
        sizes = [counted(host, f"batch_commands_{each}") for each in ("count", "sum")]
        return [set(answers), first, counted(host, "commits_total") - before, sizes]

    assert [{"applied"}, 1, 2, [2, 21]] == hosting.run(program())


def test_one_that_is_refused_changes_nobody_elses_answer(tmp_path: Path) -> None:
    """Before it and after it, commands are decided as if it had not been there."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        before = counted(host, "commits_total")
        commands = (trigger("a"), AbortSequence("nobody"), trigger("a"), trigger("b"))
        answers = await together(hosting, *commands)
        live = await host.ask("p", lambda _, state: sorted(state.sequences))
        words = [each if isinstance(each, str) else type(each) for each in answers]
        kind = 'commands_total{answer="unknown_context",kind="AbortSequence"}'
        return [words, live, counted(host, "commits_total") - before, counted(host, kind)]

    words = ["applied", CommandRejected, "duplicate", "applied"]
    assert [words, ["a", "b"], 1, 1] == hosting.run(program())


def test_what_comes_from_the_store_is_everybodys_answer(tmp_path: Path) -> None:
    """Nobody knows what took effect, and each may send its command again."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        controller = hosting.decider.controller
        works = controller.handle_many
        controller.handle_many = fails  # type: ignore[method-assign] # a fake of the store
        failed = await together(hosting, trigger("a"), trigger("b"))
        controller.handle_many = works  # type: ignore[method-assign]
        unknown = await together(hosting, trigger("a"), trigger("b"), project="q")
        again = await together(hosting, trigger("a"), trigger("b"))
        return [*map(type, failed), *map(type, unknown), *again]

    def fails(*_: object) -> None:
        raise StoreUnusable(tmp_path / "sequences.db", "is locked")

    wanted = [StoreUnusable, StoreUnusable, UnknownProject, UnknownProject, "applied", "applied"]
    assert wanted == hosting.run(program())


def test_what_an_older_schema_has_no_form_for_is_refused_alone(tmp_path: Path) -> None:
    """While a writer is held, who asks for something new is told, and nobody else waits for it."""
    hosting = Hosting(tmp_path, wire=1)
    new = TriggerSequence("n", stage="dev", sequence="delivery", service="carts", actor="ann")

    async def program() -> list[Any]:
        await hosting.host.create("p", SHIPYARD)
        answers = await together(hosting, trigger("a"), new, trigger("b"))
        live = await hosting.host.ask("p", lambda _, state: sorted(state.sequences))
        return [[each if isinstance(each, str) else str(each) for each in answers], live]

    ((first, refused, last), live) = hosting.run(program())

    assert ("applied", "applied", ["a", "b"]) == (first, last, live)
    assert "initiators" in refused
    assert "must be left out as long as schema 1 is written" in refused


def test_a_burst_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into one commit is in the next, in the order in which it came."""
    monkeypatch.setattr(module, "MOST_TOGETHER", 3)
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        before = counted(host, "commits_total")
        await together(hosting, *(trigger(f"c{each}") for each in range(7)))
        order = await host.ask("p", lambda _, state: list(state.sequences))
        return [counted(host, "commits_total") - before, order]

    assert [3, [f"c{each}" for each in range(7)]] == hosting.run(program())


def test_a_line_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds it full is told so at once; other projects have lines of their own."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        await hosting.host.create("p", SHIPYARD)
        answers = await together(hosting, *(trigger(f"c{each}") for each in range(3)))
        answers += await together(hosting, trigger("c2"))
        return [str(answer) for answer in answers]

    full = "2 commands wait for project p: send again"
    assert ["applied", "applied", full, "applied"] == hosting.run(program())


# ---------------------------------------------------------------- the lines by themselves


class Thread:
    """What decides, as the lines see it: it takes when it is told to, and notes what it took."""

    def __init__(self) -> None:
        self.bursts = Bursts(self.decide, Metrics())
        self.taken: list[tuple[str, list[Command]]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def decide(self, project: str, take: Callable[[], Sequence[Command]]) -> list[Answer]:
        """Refuse everything, once the gate is open."""
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        commands = take()
        self.taken.append((project, list(commands)))
        return [UnknownProject(project) for _ in commands]


def test_a_line_takes_what_came_while_it_waited_for_its_turn() -> None:
    """A line that is empty is gone, and a new one begins with the next command."""

    async def program() -> list[Any]:
        thread = Thread()
        asking = [asyncio.create_task(thread.bursts.ask("p", trigger("a")))]
        await asyncio.sleep(0)
        asking += [asyncio.create_task(thread.bursts.ask("p", trigger("b")))]
        await asyncio.sleep(0)
        thread.gate.set()
        await thread.bursts.close()
        with pytest.raises(UnknownProject):
            await thread.bursts.ask("p", trigger("c"))
        await asyncio.gather(*asking, return_exceptions=True)
        return thread.taken

    taken = asyncio.run(program())

    assert [("p", [trigger("a"), trigger("b")]), ("p", [trigger("c")])] == taken


def test_one_who_has_gone_is_left_out() -> None:
    """Whoever stopped waiting before the turn came is not decided; the others are."""

    async def program() -> list[Any]:
        thread = Thread()
        ask = thread.bursts.ask
        asking = [asyncio.create_task(ask("p", trigger(each))) for each in "abc"]
        await asyncio.sleep(0)
        asking[1].cancel()
        await asyncio.sleep(0)
        thread.gate.set()
        await asyncio.gather(*asking, return_exceptions=True)
        return thread.taken

    assert [("p", [trigger("a"), trigger("c")])] == asyncio.run(program())


def test_one_who_goes_while_it_is_decided_changes_nothing() -> None:
    """Its command takes effect, and the others have their answers."""

    async def program() -> list[Any]:
        thread = Thread()
        asking: list[asyncio.Task[Any]] = []

        async def decide(_: str, take: Callable[[], Sequence[Command]]) -> list[Answer]:
            commands = take()
            asking[0].cancel()
            await asyncio.sleep(0)
            return [UnknownProject("p") for _ in commands]

        thread.bursts = Bursts(decide, Metrics())
        asking += [asyncio.create_task(thread.bursts.ask("p", trigger(each))) for each in "ab"]
        return [type(each) for each in await asyncio.gather(*asking, return_exceptions=True)]

    assert [asyncio.CancelledError, UnknownProject] == asyncio.run(program())


def test_when_it_does_not_come_to_their_turn_all_are_told() -> None:
    """Nobody waits for ever, and the line goes on."""

    async def program() -> list[Any]:
        thread = Thread()
        thread.error = StoreUnusable(Path("sequences.db"), "is gone")
        thread.gate.set()
        asking = [asyncio.create_task(thread.bursts.ask("p", trigger(each))) for each in "ab"]
        answers = await asyncio.gather(*asking, return_exceptions=True)
        thread.error = None
        with pytest.raises(UnknownProject):
            await thread.bursts.ask("p", trigger("c"))
        return answers

    assert [StoreUnusable, StoreUnusable] == [type(each) for each in asyncio.run(program())]
