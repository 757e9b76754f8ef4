"""A rolling upgrade, played on one store: hosts held at schema 1 beside hosts that are not.

All of them are replicas of one version, the newest; what matters is what they write. A model
decides the same commands on a state that was never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial, reduce
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    CommandRejected,
    ControlPlane,
    Event,
    FreezeStage,
    PauseSequence,
    ProjectState,
    ReportTaskProgress,
    ResumeSequence,
    SequenceController,
    Shipyard,
    TaskTriggered,
    TimeoutPolicy,
    TriggerSequence,
    UnfreezeStage,
    evolve,
)
from sequencectl.errors import InvalidValue
from sequencectl.testing import ManualClock, RecordingSink
from tests.examples.stores.contention import (
    Contender,
    check_ledger,
    ending,
    has_acknowledged,
    until,
)
from tests.support import T0
from tests.wire.older import read_again

PROJECT: Final = "sockshop"
PLANE: Final = ControlPlane(
    Shipyard.of(
        {
            "dev": {"delivery": [{"name": "deploy", "expects": 2}, "test"]},
            "qa": {"delivery": {"tasks": ["test"], "triggeredOn": ["dev.delivery.finished"]}},
        }
    ),
    timeouts=TimeoutPolicy(reaction="2m", completion="5m"),
)
NEWEST: Final = 2
COLUMNS: Final = {
    "header": "SELECT header FROM project ORDER BY name",
    "record": "SELECT record FROM sequence ORDER BY project, sequence_id",
    "event": "SELECT event FROM event ORDER BY project, serial",
}
"""What reads them in a store that has rows, SQLite or PostgreSQL."""
Open = Callable[[int], Any]
"""Opens the store of the test, to write this schema; it pickles."""
Documents = Callable[[str], list[bytes]]
"""Reads a column of the store by its name, in order: header, record or event."""


class Replica:
    """A host whose store writes one schema; it can be deployed anew with another one."""

    def __init__(self, opened: Open, schema: int, clock: ManualClock) -> None:
        self._opened, self._clock, self.schema = opened, clock, schema
        self.sink = RecordingSink()
        self.store: Any = None
        self.deploy(schema)

    def deploy(self, schema: int) -> None:
        """Stop, and start again with a store that writes this schema."""
        self.close()
        self.schema = schema
        self.store = self._opened(schema)
        self.controller = SequenceController(
            PLANE, store=self.store, clock=self._clock, sink=self.sink
        )

    def close(self) -> None:
        """Stop."""
        if self.store is not None:
            self.store.close()


@contextmanager
def replicas(opened: Open, clock: ManualClock, *schemas: int) -> Iterator[list[Replica]]:
    """Start a replica for each schema; stop all in the end."""
    running = [Replica(opened, schema, clock) for schema in schemas]
    try:
        yield running
    finally:
        for each in running:
            each.close()


def command(source: Random, state: ProjectState, number: int) -> Command:
    """Return a command that schema 1 has words for, most of them such that take effect."""
    tasks = [each.triggered for each in PLANE.open_tasks(state)]
    contexts = sorted(state.contexts) or ["c0"]
    choices: list[Command] = [
        TriggerSequence(f"c{number}", stage="dev", sequence="delivery", service="carts"),
        TriggerSequence(f"c{number}", stage="qa", sequence="delivery", service="carts"),
        PauseSequence(f"c{source.randrange(number + 1)}", actor="anna"),
        ResumeSequence(source.choice(contexts), actor="anna"),
        AbortSequence(f"c{source.randrange(number + 1)}", force=source.random() < 0.5),
        FreezeStage("qa", actor="anna"),
        UnfreezeStage("qa", actor="anna"),
        CheckDeadlines(),
    ]
    for task in tasks:
        data = {"tried": [number], "by": str(number)}
        result = source.choice(["pass", "pass", "warning", "fail"])
        choices += [task.started(source=executor) for executor in "xy"]
        choices += 3 * [task.finished(source=each, result=result, data=data) for each in "xy"]
    return source.choice(choices)


def play(opened: Open, documents: Documents, seed: int, *, commands: int = 100) -> None:
    """Have replicas of both schemas decide in turn, at random; then release the one that was held.

    Each of them decides what a model decides, and in the end reads the state of that.
    """
    source, clock = Random(seed), ManualClock(T0)
    state, history, schemas = PLANE.initial(PROJECT), list[Event](), list[int]()
    with replicas(opened, clock, 1, NEWEST) as running:
        for number in range(2 * commands):
            if number == commands:
                running[0].deploy(NEWEST)
            clock.advance(f"{source.randrange(40)}s")
            asked = command(source, state, number)
            decision = PLANE.decide(state, asked, clock.now())
            replica = source.choice(running)
            told = tell(replica, asked)
            assert decision.events == told
            state = decision.state
            history += told
            schemas += [replica.schema] * len(told)
            if number % 10 == 0:
                assert schemas[-1:] == schemas_of(documents("header"))
        assert schemas == schemas_of(documents("event"))
        for each in running:
            assert read_again(state) == read_again(each.store.load(PROJECT))
            assert not each.store.pending(PROJECT, limit=1)
        sent = [event for each in running for event in each.sink.emitted]
        assert history == sorted(sent, key=lambda event: event.serial)
    assert len(history) > 2 * commands
    assert state == reduce(evolve, history, PLANE.initial(PROJECT))


def tell(replica: Replica, asked: Command) -> Sequence[Event]:
    """Handle a command; a refusal has no events."""
    try:
        return replica.controller.handle(PROJECT, asked).decision.events
    except CommandRejected:
        return ()


def schemas_of(documents: Sequence[bytes]) -> list[int]:
    """The schema that each document is written in."""
    return [int(each.rpartition(b":")[2].rstrip(b"}")) for each in documents]


def race(opened: Open, documents: Documents, folder: Path) -> None:
    """Have processes of both schemas race on one project, and release one after the other.

    Nothing is lost or doubled, and what is written last has the newest schema.
    """
    schemas = {"held0": 1, "held1": 1, "newest": NEWEST}
    running = {
        name: Contender(partial(opened, schema), folder, name) for name, schema in schemas.items()
    }
    everybody = list(running.values())
    with ending(everybody):
        for name in ("held0", "held1"):
            move_on(running)
            assert {1, NEWEST} == set(schemas_of(documents("event")))
            running[name].kill()
            running[name] = Contender(partial(opened, NEWEST), folder, f"{name}-released")
            everybody.append(running[name])
        move_on(running)
        (folder / "stop").touch()
        assert [0] * len(running) == [each.wait() for each in running.values()]

    with closing(opened(NEWEST)) as store:
        check_ledger(store, folder, everybody, interrupted=2)
    assert [NEWEST] == schemas_of(documents("event")[-1:])


def move_on(running: Mapping[str, Contender]) -> None:
    """Wait until each of them has done more."""
    enough = {name: len(each.acknowledged) + 5 for name, each in running.items()}
    for name, each in running.items():
        until(partial(has_acknowledged, each, enough[name]), list(running.values()))


def use_what_is_new_too_early(opened: Open, documents: Documents) -> None:
    """Somebody makes use of schema 2 while a writer is held: that one refuses, and loses nothing.

    It goes on with all else, and once it is released with that as well.
    """
    clock = ManualClock(T0)
    with replicas(opened, clock, 1, NEWEST) as (held, newest):
        (task, *_) = [
            event
            for event in tell(newest, TriggerSequence("c1", stage="dev", sequence="delivery"))
            if isinstance(event, TaskTriggered)
        ]
        tell(newest, ReportTaskProgress(task.task_id, source="x", percent=50))
        before = [documents(column) for column in COLUMNS]
        report = task.finished(source="x", result="pass")
        with pytest.raises(InvalidValue, match="as long as schema 1 is written"):
            tell(held, report)

        assert before == [documents(column) for column in COLUMNS]
        assert tell(held, TriggerSequence("c2", stage="qa", sequence="delivery", service="carts"))
        held.deploy(NEWEST)
        assert tell(held, report)
