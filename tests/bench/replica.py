"""One of several processes that deliver at once: a child process of `scale`.

It reads lines from its standard input, each a request, and answers each with a line of JSON: how
many commands it has handled, how many of its commits met a conflict, how often it gave up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, cast, final

import attrs

from examples.stores.sqlite import SqliteStore
from sequencectl import Decision, Event, Handled, SequenceController
from sequencectl.errors import Conflict, Contention
from sequencectl.ports import Store
from sequencectl.testing import ManualClock
from tests.bench.abreast import Step, deliver
from tests.bench.durable import DURABLE, Nowhere
from tests.bench.programs import NOW

ROOT: Final = Path(__file__).resolve().parents[2]
ABREAST: Final = 16
"""So many deliveries go side by side in each process."""


@attrs.frozen
class Tally:
    """What came of the work of one or several processes."""

    commands: int
    conflicts: int
    gave_up: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.commands + other.commands,
            self.conflicts + other.conflicts,
            self.gave_up + other.gave_up,
        )


@final
class Replica:
    """The other end: a process that delivers to a project when it is asked."""

    def __init__(self, where: str, project: str, name: str, stack: ExitStack) -> None:
        self._child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.replica", where, project, name],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )

    def ask(self, *, batch: int, holding: bool) -> None:
        """Have it deliver once, so many commands at a time."""
        assert self._child.stdin is not None
        print(json.dumps({"batch": batch, "holding": holding}), file=self._child.stdin, flush=True)

    def answer(self) -> Tally:
        """Wait until it has, and return what came of it."""
        assert self._child.stdout is not None
        return Tally(**json.loads(self._child.stdout.readline()))


@contextmanager
def replicas(where: Sequence[tuple[str, str]]) -> Iterator[list[Replica]]:
    """Start a process for each place and project; in the end their pipes are closed."""
    with ExitStack() as stack:
        yield [
            Replica(place, project, f"r{number}", stack)
            for number, (place, project) in enumerate(where)
        ]


def opened(where: str) -> Any:
    """Open the store at an address or in a file."""
    if where.startswith("postgresql://"):
        from examples.postgres.store import PostgresStore  # SQLite needs no psycopg

        return PostgresStore(where)
    return SqliteStore(where, busy_timeout=60)


@final
class _Watched:
    """A store whose conflicts are counted."""

    def __init__(self, store: Store) -> None:
        self.load, self.pending = store.load, store.pending
        self.acknowledge, self.agenda = store.acknowledge, store.agenda
        self._commit = store.commit
        self.conflicts = 0

    def commit(self, decision: Decision) -> bool | None:
        """Commit it, or count the conflict."""
        try:
            return self._commit(decision)
        except Conflict:
            self.conflicts += 1
            raise


@final
class _Host:
    """A controller on a store: how many commands at a time, and whether it takes the lock."""

    def __init__(self, store: Any, project: str) -> None:
        self._store, self._project = store, project
        self.watched = _Watched(store)
        self._controller = SequenceController(
            DURABLE, store=self.watched, clock=ManualClock(NOW), sink=Nowhere()
        )
        self.batch, self.holding, self.gave_up = 1, False, 0

    def handle(self, step: Step) -> list[Event]:
        """Handle the commands of a step, each batch until it is done."""
        said: list[Event] = []
        for begin in range(0, len(step), self.batch):
            for each in self._handled(step[begin : begin + self.batch]):
                said += cast("Handled", each).decision.events
        return said

    def _handled(self, commands: Step) -> Sequence[object]:
        while True:
            try:
                with self._store.holding(self._project) if self.holding else nullcontext():
                    return self._controller.handle_many(self._project, commands)
            except Contention:
                self.gave_up += 1


def main(where: str, project: str, name: str) -> None:
    """Answer until the other end closes the pipe."""
    host = _Host(opened(where), project)
    for number, line in enumerate(sys.stdin):
        request = json.loads(line)
        host.batch, host.holding = request["batch"], request["holding"]
        host.watched.conflicts = host.gave_up = 0
        commands = deliver(f"{name}-{number}", ABREAST, host.handle)
        tally = Tally(commands, host.watched.conflicts, host.gave_up)
        print(json.dumps(attrs.asdict(tally)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
