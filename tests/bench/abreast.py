"""Many deliveries that go side by side, in step: what is measured past one command at a time.

Each step is one command of each delivery: a trigger, starts and finishes, a pause and a resume, as
in `programs`. They are handled one by one, or all of a step in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import count
from typing import Final, final

from sequencectl import (
    Command,
    Event,
    Handled,
    PauseSequence,
    ResumeSequence,
    SequenceController,
    TaskTriggered,
    TriggerSequence,
)
from sequencectl.events import SequenceFinished
from sequencectl.ports import Store
from sequencectl.testing import ManualClock
from tests.bench.durable import DURABLE
from tests.bench.programs import NOW, TASKS

COMMANDS: Final = 13
"""So many commands has each delivery."""

Step = list[Command]
Handle = Callable[[Step], list[Event]]


@final
class CheckingSink:
    """Sees that the events of each project come by serial, without a gap."""

    def __init__(self) -> None:
        self._serials: dict[str, int] = {}

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Note the last of them."""
        before = self._serials.get(project, 0)
        assert len(events) == events[-1].serial - before
        self._serials[project] = events[-1].serial


def steps(name: str, abreast: int) -> Generator[Step, list[Event], None]:
    """Give each step; take what came of it.

    The deliveries of a host, whose name is what `name` begins with, have lanes of their own.
    """
    host = name.partition("-")[0]
    contexts = [f"{name}-{number}" for number in range(abreast)]
    said = yield [
        TriggerSequence(context, stage="dev", sequence="delivery", service=f"{host}-{number}")
        for number, context in enumerate(contexts)
    ]
    for task in TASKS:
        tasks = [event for event in said if isinstance(event, TaskTriggered)]
        assert abreast == len(tasks)
        yield [each.started(source="x") for each in tasks]
        if task == TASKS[1]:
            yield [PauseSequence(context) for context in contexts]
        said = yield [each.finished(source="x", result="pass") for each in tasks]
        if task == TASKS[1]:
            said = yield [ResumeSequence(context) for context in contexts]


def one_by_one(controller: SequenceController, project: str) -> Handle:
    """Return what handles the commands of a step one after the other."""

    def handle(step: Step) -> list[Event]:
        said: list[Event] = []
        for command in step:
            handled = controller.handle(project, command)
            assert handled.unsent is None
            said += handled.decision.events
        return said

    return handle


def in_batches(controller: SequenceController, project: str) -> Handle:
    """Return what handles all commands of a step at once."""

    def handle(step: Step) -> list[Event]:
        said: list[Event] = []
        for handled in controller.handle_many(project, step):
            assert isinstance(handled, Handled)
            assert handled.unsent is None
            said += handled.decision.events
        return said

    return handle


def deliver(name: str, abreast: int, handle: Handle) -> int:
    """Go through all steps; return how many commands that were."""
    commands, finished = 0, 0
    going = steps(name, abreast)
    step = next(going, None)
    while step is not None:
        said = handle(step)
        commands += len(step)
        finished += sum(isinstance(event, SequenceFinished) for event in said)
        try:
            step = going.send(said)
        except StopIteration:
            step = None
    assert (COMMANDS * abreast, abreast) == (commands, finished)
    return commands


def deliveries(
    store: Store, project: str, *, abreast: int, by: Callable[[SequenceController, str], Handle]
) -> Callable[[], int]:
    """Return the deliveries, each time other ones, through one controller; all is published."""
    numbers = count()
    controller = SequenceController(
        DURABLE, store=store, clock=ManualClock(NOW), sink=CheckingSink()
    )
    handle = by(controller, project)

    def run() -> int:
        commands = deliver(f"{project}-{next(numbers)}", abreast, handle)
        assert not store.pending(project, limit=1)
        return commands

    return run
