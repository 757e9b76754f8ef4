"""``bench scale`` and ``bench capacity``: what is measured does what it says, on small numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from examples.postgres.server import CannotServe, PrivateServer
from examples.stores.sqlite import SqliteStore
from sequencectl import SequenceController
from sequencectl.testing import ManualClock, RecordingSink
from tests.bench.abreast import COMMANDS, deliver, in_batches, one_by_one
from tests.bench.capacity import capacity
from tests.bench.durable import DURABLE
from tests.bench.programs import NOW
from tests.bench.replica import ABREAST, Tally, replicas


@pytest.fixture
def url(require_or_skip: Callable[[str], NoReturn]) -> Iterator[str]:
    """The address of a database of its own."""
    try:
        server = PrivateServer(settings={"fsync": "off"})
    except CannotServe as error:
        require_or_skip(str(error))
    with server:
        yield server.url()


def test_batches_do_what_one_by_one_does(tmp_path: Path) -> None:
    """The same commands lead to the same state and the same events."""
    seen = []
    for by in (one_by_one, in_batches):
        sink = RecordingSink()
        with SqliteStore(tmp_path / f"{by.__name__}.db") as store:
            controller = SequenceController(DURABLE, store=store, clock=ManualClock(NOW), sink=sink)
            commands = deliver("c", 3, by(controller, "p"))
            seen.append((store.load("p"), sink.emitted))
        assert 3 * COMMANDS == commands

    assert seen[0] == seen[1]


def test_processes_deliver_when_they_are_asked(tmp_path: Path) -> None:
    """Each says how many commands it has handled; both work on one project."""
    path = str(tmp_path / "x.db")
    with replicas([(path, "p"), (path, "p")]) as processes:
        for each in processes:
            each.ask(batch=4, holding=False)
        tally = processes[0].answer() + processes[1].answer()
        alone = processes[0]
        alone.ask(batch=1, holding=True)
        second = alone.answer()

    assert 2 * COMMANDS * ABREAST == tally.commands
    assert Tally(COMMANDS * ABREAST, second.conflicts, 0) == second


def test_those_who_hold_the_lock_hardly_meet_conflicts(url: str) -> None:
    """Three processes on one project: none gives up, and few commits come second."""
    with replicas([(url, "p")] * 3) as processes:
        for each in processes:
            each.ask(batch=1, holding=True)
        tally = sum((each.answer() for each in processes), Tally(0, 0, 0))

    assert (3 * COMMANDS * ABREAST, 0) == (tally.commands, tally.gave_up)
    assert tally.conflicts < 0.2 * tally.commands


@pytest.mark.usefixtures("url")
def test_what_projects_need_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Every row is printed; what goes wrong would end it."""
    capacity(2, 10)

    said = capsys.readouterr().out
    assert "not measured" not in said
    assert 4 == said.count("1.00 x")
