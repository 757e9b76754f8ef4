"""`eventsourcing`: an aggregate per sequence, saved by an application after each command.

The application and its in-memory (POPO) recorder are made once; each command gets the aggregate,
acts on it and saves what happened, of which the host publishes the requests for tasks. Two ways to
run it: as it is by default, each command folding all events so far, and with the cache of
aggregates for a host that is the only writer. It does not do: a line, payload merges, time limits,
aborts, follow-ups, several executors, repeated or late reports. More than ours in this table: each
event is encoded and stored.
"""

from __future__ import annotations

from functools import partial
from typing import final
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from tests.bench.peers.delivery import PASS, Peer
from tests.bench.programs import TASKS

_CACHED = {"AGGREGATE_CACHE_MAXSIZE": "1000", "AGGREGATE_CACHE_FASTFORWARD": "n"}


class _Delivery(Aggregate):
    """One sequence: what its events say, and what a command makes happen."""

    @event("Triggered")
    def __init__(self, service: str) -> None:
        self.service = service
        self.runs: list[tuple[str, str, str]] = []
        self.phase = "running"

    @event("TaskTriggered")
    def ask(self, task: str) -> None:
        """Ask for a task."""
        self.task = task

    @event("TaskStarted")
    def start(self, task: str, source: str) -> None:
        """Somebody works on the task in flight."""

    @event("TaskFinished")
    def note(self, task: str, source: str, result: str) -> None:
        """The task in flight is over."""
        self.runs.append((task, source, result))

    @event("Paused")
    def pause(self) -> None:
        """The task in flight goes on, no further one is asked for."""
        self.phase = "pausing"

    @event("Drained")
    def drain(self) -> None:
        """Nothing is in flight any more."""
        self.phase = "paused"

    @event("Resumed")
    def restart(self) -> None:
        """The pause is over."""
        self.phase = "running"

    @event("Finished")
    def end(self, result: str) -> None:
        """No task follows."""
        self.phase, self.result = "finished", result

    def finish(self, task: str, source: str, result: str) -> None:
        """Keep the result and go where it leads."""
        self.note(task, source, result)
        if result != PASS or len(self.runs) == len(TASKS):
            self.end(result)
        elif self.phase == "pausing":
            self.drain()
        else:
            self.ask(TASKS[len(self.runs)])

    def resume(self) -> None:
        """Go on where the pause began."""
        was_paused = self.phase == "paused"
        self.restart()
        if was_paused:
            self.ask(TASKS[len(self.runs)])


@final
class _Sequence:
    """The commands of a delivery, each a transaction of the application."""

    def __init__(self, application: Application[UUID]) -> None:
        self._application = application
        self.triggered: list[str] = []
        self.results: list[str] = []
        self.is_finished = False

    def trigger(self) -> None:
        """Make the aggregate and ask for the first task."""
        delivery = _Delivery("carts")
        self._id = delivery.id
        delivery.ask(TASKS[0])
        self._save(delivery)

    def start(self, task: str) -> None:
        """Record the report."""
        delivery = self._get()
        delivery.start(task, "x")
        self._save(delivery)

    def finish(self, task: str, result: str) -> None:
        """Record the report and what follows from it."""
        delivery = self._get()
        delivery.finish(task, "x", result)
        self._save(delivery)

    def pause(self) -> None:
        """Record the pause."""
        delivery = self._get()
        delivery.pause()
        self._save(delivery)

    def resume(self) -> None:
        """Record the end of the pause and what follows from it."""
        delivery = self._get()
        delivery.resume()
        self._save(delivery)

    def _get(self) -> _Delivery:
        return self._application.repository.get(self._id)

    def _save(self, delivery: _Delivery) -> None:
        for recording in self._application.save(delivery):
            match recording.domain_event:
                case _Delivery.TaskTriggered(task=task):
                    self.triggered.append(task)
                case _Delivery.TaskFinished(result=result):
                    self.results.append(result)
                case _Delivery.Finished():
                    self.is_finished = True


_LACKS = "no line, payload merge, time limits or abort; more than ours: every event is encoded"
PEER = Peer(
    "eventsourcing, POPO recorder",
    "eventsourcing",
    partial(_Sequence, Application()),
    _LACKS,
)
CACHED = Peer(
    "the same, aggregates cached",
    "eventsourcing",
    partial(_Sequence, Application(_CACHED)),
    _LACKS,
)
