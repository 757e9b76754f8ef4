"""A thread that decides: it has a store, the projects, a journal and a controller of its own.

Shows: what is done in one go while the lock of a project is held, so that no other replica decides
there meanwhile: a burst of commands, and each change of the project itself. Threads of this kind
share nothing: each works for projects of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from time import perf_counter
from typing import Final, TypeVar, final

from examples.controller.bursts import Answer
from examples.controller.metrics import Metrics, word_of
from examples.controller.settings import Settings
from examples.controller.storage.backend import Backend
from examples.controller.watched import OwnDeadlines, watched
from sequencectl import (
    Checked,
    Command,
    CommandRejected,
    ControlPlane,
    Event,
    Handled,
    InvalidValue,
    SequenceController,
    UnfreezeStage,
)
from sequencectl.events import Cause
from sequencectl.ports import Clock

T = TypeVar("T")
Told = Callable[[str, int], None]
"""Called by the thread with the project and the serial of what was published."""

_CALENDAR: Final = "calendar"
"""Who unfreezes stages when a calendar was changed."""

_CHANGED: Final = "the calendar was changed"


class StillLive(Exception):
    """A project cannot be deleted: something in it is live; the message says how much."""


@final
class Decider:
    """One thread and what it works with. Every method but `run` and `close` is for that thread."""

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        clock: Clock,
        metrics: Metrics,
        deadlines: OwnDeadlines,
        told: Told,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._deadlines = deadlines
        self._told = told
        self._thread = ThreadPoolExecutor(1, "decider")
        self._open = ExitStack()

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work on the thread, after what came before.

        Raises `StoreUnusable` if a file it is done on was gone before its end.
        """

        def in_place() -> T:
            self._backend.look()
            done = work()
            self._backend.look()
            return done

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_place)

    async def close(self) -> None:
        """Close what is open, by the thread that opened it, and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open.close)
        self._thread.shutdown()

    def open(self) -> None:
        """Open everything; raise `StoreUnusable`."""
        self.store = self._backend.store()
        self._open.callback(self.store.close)
        self.projects = self._backend.projects(self._settings.plane)
        self._open.callback(self.projects.close)
        self.journal = self._backend.journal()
        self._open.callback(self.journal.close)
        self.controller = SequenceController(
            self._plane_of,
            store=watched(self.store, self._metrics, self._deadlines),
            clock=self._clock,
            sink=self,
            settle=self._settings.settle,
        )

    def make_up(self) -> None:
        """Make up for what a host that ended, or all of them, could not do (duty 8).

        Raises `StoreUnusable` if the parts of the store are not of one time.
        """
        self._backend.compare(self.store, self.projects, self.journal)
        told, serials = self.journal.serials(), self.store.serials()
        for project in self.projects.all():
            known = told.get(project.name, 0)
            if project.since < known == serials.get(project.name) and project.is_asked:
                continue  # as almost always: all is told
            with self._holding(project.name):
                self._backend.catch_up(self.store, self.journal, project.name, since=project.since)
                self._ask_calendar(project.name)

    # ------------------------------------------------------------------ commands

    def decide(self, project: str, take: Callable[[], Sequence[Command]]) -> Sequence[Answer]:
        """Decide the commands that are there once the lock is held."""
        with self._holding(project):
            commands = take()
            if not commands:  # those who had waited have gone
                return ()
            begin = perf_counter()
            words = ["" for _ in commands]
            try:
                answers = self._handled(project, commands)
                words = [word_of(answer) for answer in answers]
            except Exception as error:
                words = [word_of(error) for _ in commands]
                raise
            finally:
                spent = perf_counter() - begin
                self._metrics.decided(list(zip(commands, words, strict=True)), spent)
        return answers

    def _handled(self, project: str, commands: Sequence[Command]) -> Sequence[Answer]:
        """Handle commands together; each by itself if one of them leads to what has no form.

        That can be while an older schema is written: nothing was, and only that one is refused.
        """
        try:
            return self.controller.handle_many(project, commands)
        except InvalidValue as error:
            if len(commands) == 1:
                return [error]
            return [self._handled(project, [each])[0] for each in commands]

    def check(self) -> Checked:
        """Publish what is unsent and act on what is due, of all projects."""
        return self.controller.check_deadlines()

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Write events to the journal, then tell the streams: what the controller calls."""
        self.journal.tell(project, events)
        self._metrics.relays.inc()
        self._metrics.published.inc(len(events))
        self._told(project, events[-1].serial)

    # ------------------------------------------------------------------ projects

    def create(self, name: str, shipyard: str, calendar: str) -> None:
        """Add a project; see `Projects.create`."""
        with self._holding(name):
            serial = self._serial(name)
            self.projects.create(name, shipyard, calendar, now=self._clock.now(), since=serial)
            self.journal.forget(name, serial=serial)

    def update(self, name: str, shipyard: str | None, calendar: str | None) -> Handled | None:
        """Change a project; see `Projects.update`. Return what the new calendar led to."""
        with self._holding(name):
            self.projects.update(name, shipyard, calendar)
            return self._ask_calendar(name)

    def delete(self, name: str) -> None:
        """Delete a project in which nothing is live; else raise `StillLive`."""
        with self._holding(name):
            self.projects.get(name)
            state = self.controller.state(name)
            if live := sum(not each.phase.has_ended for each in state.sequences.values()):
                raise StillLive(f"project {name} has {live} live sequences: abort them first")
            self.projects.update(name, calendar="")  # it might keep a stage frozen
            for stage in state.freezes:
                self.controller.handle(name, UnfreezeStage(stage, reason="project deleted"))
            self.projects.delete(name)
            self.journal.forget(name, serial=self._serial(name))

    def add_service(self, name: str, service: str, *, now: datetime) -> None:
        """Add a service to a project; see `Projects.add_service`."""
        with self._holding(name):
            self.projects.add_service(name, service, now=now)

    def remove_service(self, name: str, service: str) -> bool:
        """Remove a service; return whether it was there."""
        with self._holding(name):
            return self.projects.remove_service(name, service)

    def _ask_calendar(self, name: str) -> Handled | None:
        """Ask a project's new calendar about each stage that the one before has frozen (R37)."""
        handled = None
        if not self.projects.get(name).is_asked:
            for stage, freeze in self.controller.state(name).freezes.items():
                if freeze.cause is Cause.CALENDAR:
                    command = UnfreezeStage(stage, actor=_CALENDAR, reason=_CHANGED)
                    with suppress(CommandRejected):  # it is closed as before
                        handled = self.controller.handle(name, command)
            self.projects.asked(name)
        return handled

    def _serial(self, project: str) -> int:
        state = self.store.load(project)
        return 0 if state is None else state.serial

    def _plane_of(self, project: str) -> ControlPlane:
        """Return the plane of a project as it is now: other replicas change it too."""
        if self._backend.is_shared:
            self.projects.refresh(project)
        return self.projects.plane_of(project)

    @contextmanager
    def _holding(self, project: str) -> Iterator[None]:
        """Do what is inside while no other replica is inside for this project."""
        begin = perf_counter()
        with self.store.holding(project):
            held_since = perf_counter()
            self._metrics.lock_wait.observe(held_since - begin)
            try:
                yield
            finally:
                self._metrics.lock_held.observe(perf_counter() - held_since)
