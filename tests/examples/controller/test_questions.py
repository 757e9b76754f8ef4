"""Questions to the library: they wait for no command, and no command waits for them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from examples.controller.storage.newest import NewestStates
from examples.stores.sqlite import SqliteStore
from sequencectl import AbortSequence, ControlPlane, ProjectState, UnknownProject
from tests.examples.controller.hosting import SHIPYARD, Hosting, trigger

PATIENCE = 5.0
"""So many seconds something waits that would wait for ever if it were wrong."""


def live(_plane: ControlPlane, state: ProjectState) -> list[str]:
    """The sequences that are live, as a question."""
    return [known for known, each in state.sequences.items() if not each.phase.has_ended]


def test_a_question_does_not_stand_in_the_way_of_a_command(tmp_path: Path) -> None:
    """However long it takes: the command is decided, committed and answered meanwhile."""
    hosting = Hosting(tmp_path)
    is_asked, is_answered = threading.Event(), threading.Event()

    def question(_plane: ControlPlane, _state: ProjectState) -> bool:
        is_asked.set()
        return is_answered.wait(PATIENCE)

    async def program() -> tuple[str, bool]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        asking = asyncio.create_task(host.ask("p", question))
        await asyncio.to_thread(is_asked.wait, PATIENCE)
        answer = await host.handle("p", trigger("a"))
        is_answered.set()
        return answer, await asking

    assert ("applied", True) == hosting.run(program())


def test_a_command_does_not_stand_in_the_way_of_a_question(tmp_path: Path) -> None:
    """While one is decided, the state before it is what there is."""
    hosting = Hosting(tmp_path)
    is_deciding, is_answered = threading.Event(), threading.Event()

    def slow() -> bool:
        is_deciding.set()
        return is_answered.wait(PATIENCE)

    async def program() -> tuple[list[str], bool]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        deciding = asyncio.create_task(hosting.decider.run(slow))
        await asyncio.to_thread(is_deciding.wait, PATIENCE)
        found = await host.ask("p", live)
        is_answered.set()
        return found, await deciding

    assert (["a"], True) == hosting.run(program())


def test_who_was_answered_a_command_sees_what_came_of_it(tmp_path: Path) -> None:
    """Each time, also in a project that was made a moment ago; one that is gone is unknown."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host, seen = hosting.host, []
        await host.create("p", SHIPYARD)
        seen.append(await host.ask("p", live))
        for known in ("a", "b"):
            await host.handle("p", trigger(known))
            seen.append(await host.ask("p", live))
        for known in ("b", "a"):
            await host.handle("p", AbortSequence(known, force=True))
            seen.append(await host.ask("p", live))
        await host.delete("p")
        with pytest.raises(UnknownProject):
            await host.ask("p", live)
        await host.create("p", SHIPYARD)
        seen.append(await host.ask("p", live))
        await host.handle("p", trigger("c"))
        seen.append(await host.ask("p", live))
        return seen

    assert [[], ["a"], ["a", "b"], ["a"], [], [], ["c"]] == hosting.run(program())


def test_a_state_that_is_known_is_not_read_again(tmp_path: Path) -> None:
    """Between two questions only what happened is read: steps of the database are counted."""
    hosting = Hosting(tmp_path)

    async def crowd() -> None:
        await hosting.host.create("p", SHIPYARD)
        for number in range(200):
            await hosting.host.handle("p", trigger(f"c{number}"))

    hosting.run(crowd())
    plane = hosting.plane_of("p")
    states, steps = NewestStates(SqliteStore(tmp_path / "sequences.db")), 0

    def count() -> None:
        nonlocal steps
        steps += 1

    states._store._database.connection.set_progress_handler(count, 1)
    costs = []
    for number in range(3):
        steps = 0
        found = live(plane, states.of("p", plane))
        costs.append(steps)
        if number == 1:
            store = SqliteStore(tmp_path / "sequences.db")
            state = store.load("p")
            assert state is not None
            store.commit(plane.decide(state, trigger("new"), hosting.clock.now()))
            store.close()
    states.close()

    assert 201 == len(found)
    whole, same, one_more = costs
    assert same < one_more < whole / 10
