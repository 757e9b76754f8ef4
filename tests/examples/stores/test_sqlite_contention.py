"""Four processes on one project in SQLite, of which one after the other is killed."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, reduce
from pathlib import Path

from examples.stores.sqlite import SqliteStore
from sequencectl import Event, evolve
from sequencectl.events import SequenceTriggered, TaskFinishReported
from sequencectl.serialization import load_event
from tests.examples.stores.contender import PLANE, PROJECT, contend

FORKS = multiprocessing.get_context("forkserver")  # each from a process that has all modules
FORKS.set_forkserver_preload([contend.__module__])
PROCESSES, KILLS = 4, 20
PATIENCE = 60
"""Seconds after which something that should happen soon is said never to happen."""


class Contender:
    """A host in a process of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.acknowledged_file = folder / f"{name}.acknowledged"
        self.process = FORKS.Process(target=contend, args=(folder, name))
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


def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    """Serials have no gap, what was acknowledged happened once, and what happened is published."""
    source = random.Random(5)
    contenders = [Contender(tmp_path, f"p{number}") for number in range(PROCESSES)]
    everybody = list(contenders)
    with ending(contenders):
        for number in range(PROCESSES, PROCESSES + KILLS):
            victim = contenders.pop(source.randrange(PROCESSES))
            contenders.append(victim)
            enough = len(victim.acknowledged) + source.randint(1, 8)
            until(partial(has_acknowledged, victim, enough), contenders)
            time.sleep(source.uniform(0, 0.01))  # until a random moment: nothing waits for its end
            victim.kill()
            contenders[-1] = Contender(tmp_path, f"p{number}")
            everybody.append(contenders[-1])
        for each in contenders:
            until(partial(has_acknowledged, each, 1), contenders)
        (tmp_path / "stop").touch()
        assert [0] * PROCESSES == [each.wait() for each in contenders]

    with SqliteStore(tmp_path / "sequencectl.db") as store:
        stored, pending = store.load(PROJECT), store.pending(PROJECT, limit=1_000)
        agenda = store.agenda(limit=10)
    events: dict[int, Event] = {}
    for event in (*published(tmp_path), *pending):
        assert events.setdefault(event.serial, event) == event  # a repeat is the same event
    assert stored is not None
    assert list(range(1, stored.serial + 1)) == sorted(events)
    history = [event for _, event in sorted(events.items())]
    assert stored == reduce(evolve, history, PLANE.initial(PROJECT))
    assert bool(pending) is any(entry.at is None for entry in agenda)
    answered = Counter(known for event in history if (known := command_id(event)) is not None)
    assert {1} == set(answered.values())
    acknowledged = [known for each in everybody for known in each.acknowledged]
    assert len(acknowledged) > 3 * KILLS
    assert set() == set(acknowledged) - answered.keys()
    assert len(answered) - len(acknowledged) <= KILLS  # done, and killed before it could say so
