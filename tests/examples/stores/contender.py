"""One of several hosts on one project, to be run in a process of its own.

It triggers deliveries and reports on whatever tasks are open, its own or another's, until there is
a file named ``stop``. It writes what was acknowledged to ``NAME.acknowledged``, an id a line, and
what it published to ``NAME.published``, an event a line.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from pathlib import Path
from time import sleep
from typing import TypeVar

from examples.stores.errors import StoreUnusable
from sequencectl import (
    Bounds,
    Command,
    ControlPlane,
    Event,
    ProjectState,
    QueuePolicy,
    Shipyard,
    TriggerSequence,
)
from sequencectl.controller import SequenceController
from sequencectl.errors import Contention
from sequencectl.ports import Store
from sequencectl.serialization import dump_event
from sequencectl.testing import ManualClock

T = TypeVar("T")
PROJECT = "sockshop"
PLANE = ControlPlane(
    Shipyard.of({"dev": {"delivery": ["deploy", "test"]}}),
    queueing=QueuePolicy(limit=3),
    bounds=Bounds(retain=5, remember=20),  # so that sequences are forgotten, and ids released
)


class LineSink:
    """Appends each event to a file of its own."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def emit(self, project: str, events: Sequence[Event]) -> None:  # noqa: ARG002 - events name it
        self._file.write(b"".join(dump_event(event) + b"\n" for event in events))


def commands(state: Callable[[], ProjectState], name: str) -> Iterator[tuple[str, Command]]:
    """Commands without end, each with an id of its own that its event will carry."""
    for number in count():
        trigger = TriggerSequence(f"{name}-{number}", stage="dev", sequence="delivery")
        yield trigger.sequence_id, trigger
        for task in PLANE.open_tasks(state()):
            report_id = f"{name}-{number}-{task.triggered.task_id}"
            report = task.triggered.finished(source=name, result="pass", report_id=report_id)
            yield report_id, report


def persistent(call: Callable[[], T], *, fails: bool) -> T:
    """Make a call until it has an answer. Where the store `fails` now and then, try again too."""
    while True:
        try:
            return call()
        except Contention:
            pass  # nothing was done: send it again
        except StoreUnusable:
            if not fails:
                raise
            sleep(0.01)  # nobody knows what was done: send it again


def contend(
    opened: Callable[[], AbstractContextManager[Store]], folder: Path, name: str, *, fails: bool
) -> None:
    """Work until the file is there."""
    with (
        persistent(opened, fails=fails) as store,
        (folder / f"{name}.acknowledged").open("ab", buffering=0) as acknowledged,
    ):
        sink = LineSink(folder / f"{name}.published")
        controller = SequenceController(PLANE, store=store, clock=ManualClock(), sink=sink)
        state = partial(persistent, partial(controller.state, PROJECT), fails=fails)
        for command_id, command in commands(state, name):
            if (folder / "stop").exists():
                return
            handle = partial(controller.handle, PROJECT, command)
            handled = persistent(handle, fails=fails)
            if handled.unsent is not None and not fails:
                raise handled.unsent
            if handled.decision.events:
                acknowledged.write(f"{command_id}\n".encode())
                os.fsync(acknowledged.fileno())
