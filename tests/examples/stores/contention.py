"""Several hosts on one project, each in a process of its own, and the ledger of what they did."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import reduce
from pathlib import Path

from sequencectl import Event, evolve
from sequencectl.events import SequenceTriggered, TaskFinishReported
from sequencectl.ports import Store
from sequencectl.serialization import load_event
from tests.examples.stores.contender import PLANE, PROJECT, contend

Opened = Callable[[], AbstractContextManager[Store]]
"""Opens the store, in whichever process; so it must be a function that pickles."""

FORKS = multiprocessing.get_context("forkserver")  # each from a process that has all modules
FORKS.set_forkserver_preload([contend.__module__])
PATIENCE = 60
"""Seconds after which something that should happen soon is said never to happen."""


class Contender:
    """A host in a process of its own."""

    def __init__(self, opened: Opened, folder: Path, name: str, *, fails: bool = False) -> None:
        self.acknowledged_file = folder / f"{name}.acknowledged"
        arguments = {"opened": opened, "folder": folder, "name": name, "fails": fails}
        self.process = FORKS.Process(target=contend, kwargs=arguments)
        self.process.start()

    @property
    def acknowledged(self) -> list[str]:
        """What it said was done, whole lines only."""
        if not self.acknowledged_file.exists():
            return []
        *lines, _ = self.acknowledged_file.read_text().split("\n")
        return lines

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.wait()

    def wait(self) -> int | None:
        """Let it end and return its exit status; None if it does not."""
        self.process.join(timeout=PATIENCE)
        return self.process.exitcode


def until(holds: Callable[[], bool], contenders: list[Contender]) -> None:
    """Look again and again until it holds; fail if a contender ends by itself or nothing moves."""
    give_up_at = time.monotonic() + PATIENCE
    while not holds():
        assert all(each.process.is_alive() for each in contenders), "a contender failed"
        assert time.monotonic() < give_up_at, "nothing moves"
        time.sleep(0.001)


def has_acknowledged(contender: Contender, number: int) -> bool:
    """Whether it said that so many of its commands are done."""
    return len(contender.acknowledged) >= number


@contextmanager
def ending(contenders: list[Contender]) -> Iterator[None]:
    """Leave no process behind, whatever fails."""
    try:
        yield
    finally:
        for each in contenders:
            each.kill()


def published(folder: Path) -> list[Event]:
    """What all of them published, repeats included; a line that was cut by a kill is left out."""
    lines = [file.read_bytes().split(b"\n")[:-1] for file in sorted(folder.glob("*.published"))]
    return [load_event(line) for each in lines for line in each]


def command_id(event: Event) -> str | None:
    """The id of the command that an event answers, if it is one of ours."""
    if isinstance(event, SequenceTriggered):
        return event.subject.sequence_id
    return event.report_id if isinstance(event, TaskFinishReported) else None


def check_ledger(
    store: Store, folder: Path, contenders: Iterable[Contender], *, interrupted: int
) -> None:
    """Assert that nothing was lost or doubled: serials have no gap, what was acknowledged happened
    once, and what happened is published.

    At most so many commands as were `interrupted` were done without a word about it.
    """
    stored, pending = store.load(PROJECT), store.pending(PROJECT, limit=1_000)
    agenda = store.agenda(limit=10)
    events: dict[int, Event] = {}
    for event in (*published(folder), *pending):
        assert events.setdefault(event.serial, event) == event  # a repeat is the same event
    assert stored is not None
    assert list(range(1, stored.serial + 1)) == sorted(events)
    history = [event for _, event in sorted(events.items())]
    assert stored == reduce(evolve, history, PLANE.initial(PROJECT))
    assert bool(pending) is any(entry.at is None for entry in agenda)
    answered = Counter(known for event in history if (known := command_id(event)) is not None)
    assert {1} == set(answered.values())
    acknowledged = [known for each in contenders for known in each.acknowledged]
    assert set() == set(acknowledged) - answered.keys()
    assert len(answered) - len(acknowledged) <= interrupted
