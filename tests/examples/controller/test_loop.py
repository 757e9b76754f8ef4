"""The host's loop: when its timer rings, what it publishes, and what it makes up for at a start."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from examples.controller.deciding import StillLive
from examples.controller.host import Host, SystemClock
from examples.controller.storage import backend
from examples.controller.storage.deliveries import instant
from examples.controller.storage.journal import Journal
from examples.controller.storage.projects import AlreadyThere
from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import ALL, SqliteStore
from sequencectl import (
    AbortSequence,
    CommandRejected,
    ControlPlane,
    Event,
    FreezeStage,
    ProjectState,
    TriggerSequence,
    UnknownProject,
)
from sequencectl.testing import ManualClock
from tests.examples.controller.hosting import HOUR, SHIPYARD, Hosting, counted, trigger

SOON = timedelta(seconds=5)
PATIENCE = 5.0
"""So many seconds a test waits for what comes at once if all is well."""


async def rung(host: Host) -> None:
    """Wait until the timer has rung and everything that was due is done."""
    async with asyncio.timeout(PATIENCE):
        while host.armed_at is not None:
            await asyncio.sleep(0)
        await host.at_rest()


async def rung_once(host: Host) -> None:
    """Wait until the timer has rung once, whatever comes of it."""
    before = host._checking
    async with asyncio.timeout(PATIENCE):
        while host._checking is before:
            await asyncio.sleep(0)
        await host.at_rest()


def phases(_plane: ControlPlane, state: ProjectState) -> dict[str, str]:
    """The phase of each sequence, as a question."""
    return {known: each.phase.value for known, each in state.sequences.items()}


class Broken:
    """A journal that cannot be written to, for so many times."""

    def __init__(self, journal: Journal, times: int) -> None:
        self._journal, self._left = journal, times

    def tell(self, project: str, events: Sequence[Event]) -> None:
        """Fail, or do what the journal does."""
        if self._left:
            self._left -= 1
            raise StoreUnusable(Path("journal.db"), "is locked")
        self._journal.tell(project, events)


# ---------------------------------------------------------------- the timer


def test_what_is_due_is_done_when_the_timer_rings(tmp_path: Path) -> None:
    """Nobody has to ask; and it is armed anew for what is due next."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host, clock = hosting.host, hosting.clock
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        clock.advance(HOUR / 2)
        await host.handle("p", trigger("b"))
        clock.advance(HOUR / 2)
        await host.handle("p", FreezeStage("dev", reason="it arms the timer for what is due"))
        checks = counted(host, "checks_total")
        await rung(host)
        left = host.armed_at
        return [await host.ask("p", phases), counted(host, "checks_total") - checks, left]

    found, checks, left = hosting.run(program())

    assert {"a": "timed_out", "b": "waiting"} == found
    assert 1 == checks
    assert left is None


def test_a_timer_that_is_set_anew_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """There is one, for the earliest instant."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host, seen = hosting.host, []
        await host.create("p", SHIPYARD)
        for command in (trigger("a"), trigger("b"), AbortSequence("a", force=True)):
            await host.handle("p", command)
            scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
            timers = [each for each in scheduled if not each.cancelled()]
            ahead = [round(each.when() - asyncio.get_running_loop().time()) for each in timers]
            armed = host.armed_at and host.armed_at - hosting.clock.now()
            seen.append((ahead, armed))
        return seen

    assert [([3_600], HOUR)] * 3 == hosting.run(program())


def test_what_was_due_long_ago_is_done_at_once(tmp_path: Path) -> None:
    """A timer is not set into the past, and while a check is under way there is no second one."""
    hosting = Hosting(tmp_path)

    async def program() -> tuple[float, bool]:
        host, loop = hosting.host, asyncio.get_running_loop()
        host._arm(hosting.clock.now() - HOUR)
        assert host._timer is not None
        ahead = host._timer.when() - loop.time()
        checking = host._checking = asyncio.create_task(host._check())
        host._ring()
        return round(ahead, 1), host._checking is checking

    assert (0, True) == hosting.run(program())


def test_a_check_that_fails_is_done_again_soon(tmp_path: Path) -> None:
    """Meanwhile the host is unwell; it is well again once a check works."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host, clock, seen = hosting.host, hosting.clock, []
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        controller = hosting.decider.controller
        works = controller.check_deadlines
        controller.check_deadlines = fails  # type: ignore[method-assign] # a fake of the store
        clock.advance(HOUR)
        host._arm(clock.now())
        await rung_once(host)
        seen.append((host.is_well, host.armed_at and host.armed_at - clock.now()))
        controller.check_deadlines = works  # type: ignore[method-assign]
        clock.advance(SOON)
        host._arm(clock.now())
        await rung(host)
        seen.append((host.is_well, host.armed_at))
        return [*seen, await host.ask("p", phases)]

    def fails() -> None:
        raise StoreUnusable(tmp_path / "sequences.db", "is locked")

    assert [(False, SOON), (True, None), {"a": "timed_out"}] == hosting.run(program())


def test_a_command_that_may_have_been_committed_is_looked_for_soon(tmp_path: Path) -> None:
    """It is counted by its failure, as every command is by its answer."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        controller = hosting.decider.controller
        works = controller.handle_many
        controller.handle_many = fails  # type: ignore[method-assign] # a fake of the store
        with pytest.raises(StoreUnusable):
            await host.handle("p", trigger("a"))
        seen = [host.is_well, host.armed_at and host.armed_at - hosting.clock.now()]
        controller.handle_many = works  # type: ignore[method-assign]
        await host.handle("p", trigger("a"))
        name = 'commands_total{answer="StoreUnusable",kind="TriggerSequence"}'
        return [*seen, host.is_well, counted(host, name)]

    def fails(*_: object) -> None:
        raise StoreUnusable(tmp_path / "sequences.db", "is locked")

    assert [False, SOON, True, 1] == hosting.run(program())


def test_every_command_is_timed_and_counted_by_its_answer(tmp_path: Path) -> None:
    """Also one that changed nothing, and one that was refused."""
    hosting = Hosting(tmp_path)

    async def program() -> tuple[list[str], list[float]]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        words = [await host.handle("p", trigger("a")) for _ in range(2)]
        with pytest.raises(CommandRejected):
            await host.handle("p", AbortSequence("nobody"))
        kind = 'kind="TriggerSequence"'
        return words, [
            counted(host, f'commands_total{{answer="applied",{kind}}}'),
            counted(host, f'commands_total{{answer="duplicate",{kind}}}'),
            counted(host, 'commands_total{answer="unknown_context",kind="AbortSequence"}'),
            counted(host, f"command_seconds_count{{{kind}}}"),
            counted(host, 'command_seconds_count{kind="AbortSequence"}'),
        ]

    assert (["applied", "duplicate"], [1, 1, 1, 2, 1]) == hosting.run(program())


def test_what_keeps_the_deciding_thread_is_counted(tmp_path: Path) -> None:
    """By kind and answer: a repeat, which is written nowhere, takes a small part of it."""
    hosting = Hosting(tmp_path)

    async def program() -> list[float]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        for _ in range(2):
            await host.handle("p", trigger("a"))
        with pytest.raises(CommandRejected):
            await host.handle("p", AbortSequence("nobody"))
        kind = 'kind="TriggerSequence"'
        return [
            counted(host, f'deciding_seconds_total{{answer="applied",{kind}}}'),
            counted(host, f'deciding_seconds_total{{answer="duplicate",{kind}}}'),
            counted(host, 'deciding_seconds_total{answer="unknown_context",kind="AbortSequence"}'),
        ]

    applied, duplicate, rejected = hosting.run(program())
    assert min(applied, duplicate, rejected) > 0
    assert applied > duplicate


def test_a_host_is_well_with_the_clock_of_the_machine(tmp_path: Path) -> None:
    """Before anything is asked; its threads are found by their names."""
    hosting = Hosting(tmp_path)
    hosting.host = Host(hosting.settings, lambda *_: None)

    async def program() -> tuple[bool, set[str]]:
        names = {each.name.partition("_")[0] for each in threading.enumerate()}
        return hosting.host.is_well, names & {"decider", "reader"}

    assert (True, {"decider", "reader"}) == hosting.run(program())
    assert timedelta(0) == hosting.host.now().utcoffset()


def test_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    """No timer, no task and no thread, also if it comes in the middle of a check."""
    hosting = Hosting(tmp_path)

    async def create() -> None:
        await hosting.host.create("p", SHIPYARD)
        await hosting.host.handle("p", trigger("a"))

    async def program() -> tuple[int, int]:
        host = Host(hosting.settings, lambda *_: None, clock=hosting.clock)
        await host.start()
        assert host.is_well is True
        await host.stop()
        scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        timers = [each for each in scheduled if not each.cancelled()]
        return len(timers), len(asyncio.all_tasks()) - 1

    hosting.run(create())

    assert (0, 0) == asyncio.run(program())
    assert not {
        each.name for each in threading.enumerate() if each.name.startswith(("decider", "reader"))
    }


# ---------------------------------------------------------------- what is published


def test_what_is_published_is_told_once_it_can_be_read(tmp_path: Path) -> None:
    """With its newest serial; the events are counted."""
    hosting = Hosting(tmp_path)
    seen: list[tuple[str, int]] = []

    async def program() -> float:
        host = hosting.host
        await host.create("p", SHIPYARD)
        for known in ("a", "b"):
            await host.handle("p", trigger(known))
            seen.append(("p", await host.read(lambda journal: journal.told("p"))))
            await asyncio.sleep(0)
        return counted(host, "events_total")

    assert 4 == hosting.run(program())
    assert [("p", 3), ("p", 4)] == hosting.told == seen


def test_what_could_not_be_published_is_published_when_the_timer_rings(tmp_path: Path) -> None:
    """The command has taken effect all the same, and says so."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        decider = hosting.decider
        decider.journal = Broken(decider.journal, times=1)  # type: ignore[assignment] # a fake of the file
        word = await host.handle("p", trigger("a"))
        seen = [word, counted(host, "unsent_total"), list(hosting.told)]
        host._arm(hosting.clock.now())  # sooner than it would
        await rung_once(host)
        return [*seen, list(hosting.told), await host.read(lambda journal: journal.told("p"))]

    assert ["applied", 1, [], [("p", 3)], 3] == hosting.run(program())


# ---------------------------------------------------------------- what a start makes up for


@pytest.mark.parametrize("portion", [1, 2, 1_000])
def test_a_journal_that_is_behind_is_made_up(
    tmp_path: Path, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what the store kept, portion by portion; in this and in every other project."""
    monkeypatch.setattr(backend, "_CATCH_UP", portion)
    hosting = Hosting(tmp_path)

    async def program() -> None:
        for name in ("p", "q"):
            await hosting.host.create(name, SHIPYARD)
            for known in ("a", "b"):
                await hosting.host.handle(name, trigger(known))

    async def found() -> list[Any]:
        return [
            await hosting.host.read(
                lambda journal, name=name: (  # type: ignore[misc] # bound at once
                    journal.told(name),
                    [
                        each["context"]
                        for each in journal.deliveries(name, size=9, names={}).entries
                    ],
                )
            )
            for name in ("p", "q")
        ]

    hosting.run(program())
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    hosting.host = Host(hosting.settings, lambda *_: None, clock=hosting.clock)

    assert [(4, ["b", "a"])] * 2 == hosting.run(found())


def test_events_of_a_project_that_was_deleted_before_are_not_made_up(tmp_path: Path) -> None:
    """A project begins with the serial it was created at."""
    hosting = Hosting(tmp_path)

    async def program() -> None:
        host = hosting.host
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("old"))
        await host.handle("p", FreezeStage("dev"))
        await host.handle("p", AbortSequence("old", force=True))
        await host.delete("p")
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("new"))

    async def found() -> list[str]:
        page = await hosting.host.read(lambda journal: journal.deliveries("p", size=9, names={}))
        return [each["context"] for each in page.entries]

    hosting.run(program())
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    hosting.host = Host(hosting.settings, lambda *_: None, clock=hosting.clock)

    assert ["new"] == hosting.run(found())


def test_what_was_committed_and_not_published_is_published_at_a_start(tmp_path: Path) -> None:
    """Whoever comes first is told of it."""
    hosting = Hosting(tmp_path)

    async def create() -> None:
        await hosting.host.create("p", SHIPYARD)

    hosting.run(create())
    plane = hosting.plane_of("p")
    with SqliteStore(tmp_path / "sequences.db", kept=ALL) as store:
        store.commit(plane.decide(plane.initial("p"), trigger("a"), hosting.clock.now()))
    hosting.host = Host(hosting.settings, lambda *it: hosting.told.append(it), clock=hosting.clock)

    async def found() -> dict[str, str]:
        await asyncio.sleep(0)
        return await hosting.host.ask("p", phases)

    assert {"a": "running"} == hosting.run(found())
    assert [("p", 3)] == hosting.told
    assert hosting.clock.now() + HOUR == hosting.host.armed_at
    assert ALL == hosting.decider.store._kept  # type: ignore[attr-defined]  # so that a lost journal can be made up


def test_no_deadline_is_acted_on_right_after_a_start(tmp_path: Path) -> None:
    """Executors may have reported while nobody was there to hear them (R31)."""
    hosting = Hosting(tmp_path)

    async def program() -> None:
        await hosting.host.create("p", SHIPYARD)
        await hosting.host.handle("p", trigger("a"))

    async def found() -> tuple[dict[str, str], Any]:
        host = hosting.host
        return await host.ask("p", phases), host.armed_at and host.armed_at - hosting.clock.now()

    hosting.run(program())
    hosting.clock.advance(2 * HOUR)
    patient = attrs.evolve(hosting.settings, settle=timedelta(minutes=3))
    hosting.host = Host(patient, lambda *_: None, clock=hosting.clock)

    assert ({"a": "running"}, timedelta(minutes=3)) == hosting.run(found())


# ---------------------------------------------------------------- projects


def test_projects_and_services_are_made_at_the_instant_of_the_clock(tmp_path: Path) -> None:
    """And removed; what is refused is raised."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host, clock = hosting.host, hosting.clock
        begin = clock.now()
        await host.create("p", SHIPYARD)
        clock.advance(HOUR)
        await host.add_service("p", "carts")
        project = await host.project("p")
        seen = [project.created_at - begin, project.services["carts"] - begin]
        for refused in (host.create("p", SHIPYARD), host.add_service("p", "carts")):
            with pytest.raises(AlreadyThere):
                await refused
        removed = [await host.remove_service("p", "carts") for _ in range(2)]
        with pytest.raises(UnknownProject):
            await host.delete("q")
        await host.update("p", SHIPYARD.replace("dev", "qa"))
        await host.handle("p", TriggerSequence("a", stage="qa", sequence="delivery"))
        return [*seen, removed, begin == host.now() - HOUR]

    assert [timedelta(0), HOUR, [True, False], True] == hosting.run(program())


def test_a_project_in_which_something_is_live_stays(tmp_path: Path) -> None:
    """The sentence says how much, and what to do."""
    hosting = Hosting(tmp_path)

    async def program() -> str:
        host = hosting.host
        await host.create("p", SHIPYARD)
        for known in ("a", "b", "c"):
            await host.handle("p", trigger(known))
        await host.handle("p", AbortSequence("b", force=True))
        with pytest.raises(StillLive) as caught:
            await host.delete("p")
        return str(caught.value)

    assert "project p has 2 live sequences: abort them first" == hosting.run(program())


def test_executors_are_read_and_written_beside_the_commands(tmp_path: Path) -> None:
    """By the thread that reads."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        about = {"hostname": "node", "kubernetesmetadata": {"namespace": "keptn"}}
        known, _ = await hosting.host.uniform(lambda uniform: uniform.register("x", about, []))
        kept = await hosting.host.uniform(lambda uniform: uniform.get(known))
        return [kept["name"], kept["metadata"]["lastseen"]]

    assert ["x", instant(hosting.clock.now())] == hosting.run(program())


def test_a_question_has_the_plane_and_the_state_of_its_project(tmp_path: Path) -> None:
    """And no other's."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        for name, stage in (("p", "dev"), ("q", "qa")):
            await host.create(name, SHIPYARD.replace("dev", stage))
        return [
            await host.ask(
                name, lambda plane, state: (plane.shipyard.stages[0].name, state.project)
            )
            for name in ("p", "q")
        ]

    assert [("dev", "p"), ("qa", "q")] == hosting.run(program())


def test_a_journal_that_cannot_be_read_is_said_to_be_made_up_again(tmp_path: Path) -> None:
    """Whoever deletes the file loses nothing."""
    hosting = Hosting(tmp_path)

    async def program() -> StoreUnusable:
        host = hosting.host
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("UPDATE delivery SET document = 'no document'")
        with pytest.raises(StoreUnusable) as caught:
            await host.read(lambda journal: journal.delivery("p", "a"))
        return caught.value

    error = hosting.run(program())

    assert tmp_path / "journal.db" == error.path
    assert error.problem.startswith("holds what is not ours (")
    assert error.problem.endswith("): delete it to have it made up again")


def test_a_refused_creation_leaves_the_deliveries_there(tmp_path: Path) -> None:
    """Whoever creates what exists already makes nothing anew."""
    hosting = Hosting(tmp_path)

    async def program() -> int:
        host = hosting.host
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        with pytest.raises(AlreadyThere):
            await host.create("p", SHIPYARD)
        return (await host.read(lambda journal: journal.deliveries("p", size=9, names={}))).total

    assert 1 == hosting.run(program())


def test_a_deleted_project_leaves_no_freeze_and_no_delivery(tmp_path: Path) -> None:
    """Whoever unfreezes says why."""
    hosting = Hosting(tmp_path)

    async def program() -> list[Any]:
        host = hosting.host
        await host.create("p", SHIPYARD)
        await host.handle("p", FreezeStage("dev"))
        await host.delete("p")
        await host.create("p", SHIPYARD)
        return [
            await host.ask("p", lambda _, state: list(state.freezes)),
            await host.read(lambda journal: journal.told("p")),
            await hosting.decider.run(lambda: hosting.decider.store.events("p")),
        ]

    freezes, told, events = hosting.run(program())

    assert ([], events[-1].serial) == (freezes, told)
    assert "project deleted" == events[-1].control.reason


def test_the_clock_of_the_machine_is_in_utc() -> None:
    """As the library wants it."""
    assert SystemClock().now().tzinfo is UTC
    assert isinstance(ManualClock().now().utcoffset(), timedelta)
