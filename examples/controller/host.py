"""The host of the library: one thread that decides, one that reads, and one timer.

Shows: the nine duties with `SequenceController` in an asyncio program. Commands are taken in turn
by a thread that owns the store, so that no request waits on another's disk in the event loop; the
timer is set to the instant that the newest answer of the controller names, for all projects
together, and costs nothing until then.
Leaves out: several processes on one folder; the stores permit it, the stream does not tell, and a
lock keeps the second one out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Final, TypeVar, final

from examples.controller.metrics import Metrics, word_of
from examples.controller.settings import Settings
from examples.controller.storage.backend import FolderBackend
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.uniform import Uniform
from examples.stores.errors import StoreUnusable
from sequencectl import (
    Command,
    CommandRejected,
    ControlPlane,
    Event,
    Handled,
    ProjectState,
    SequenceController,
    UnfreezeStage,
)
from sequencectl.events import Cause
from sequencectl.outcomes import Unchanged
from sequencectl.ports import Clock

T = TypeVar("T")

APPLIED: Final = "applied"
"""The answer to a command that took effect."""

_CALENDAR: Final = "calendar"
"""Who unfreezes stages when a calendar was changed."""

_CHANGED: Final = "the calendar was changed"
_RETRY: Final = timedelta(seconds=5)


class StillLive(Exception):
    """A project cannot be deleted: something in it is live; the message says how much."""


@final
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


@final
class Host:
    """Everything behind the routes; made, used and closed on one event loop.

    `changed` is called on the loop with the project and the serial of what was published.
    """

    def __init__(
        self,
        settings: Settings,
        changed: Callable[[str, int], None],
        *,
        clock: Clock | None = None,
    ) -> None:
        self.metrics = Metrics()
        self._works = True
        self._settings = settings
        self._changed = changed
        self._clock = SystemClock() if clock is None else clock
        self._decider = ThreadPoolExecutor(1, "decider")
        self._reader = ThreadPoolExecutor(1, "reader")
        self._open = ExitStack()
        self._read_from = ExitStack()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at: datetime | None = None
        self._checking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the files, make up what the journal lacks, publish what is unsent (duty 8).

        Raises `StoreUnusable`, and leaves the files to others then.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await self._loop.run_in_executor(self._decider, self._open_files)
            await self._loop.run_in_executor(self._reader, self._open_journal)
        except BaseException:
            await self._close_files()
            raise
        self._checking = self._loop.create_task(self._check())

    async def stop(self) -> None:
        """Let the command in hand end, and close the files."""
        if self._checking is not None:
            await asyncio.gather(self._checking, return_exceptions=True)
        if self._timer is not None:  # the check may have set it
            self._timer.cancel()
        await self._close_files()

    @property
    def is_well(self) -> bool:
        """Whether the store worked when it was last used, and its files are in their place."""
        return self._works and self._backend.lost is None

    async def at_rest(self) -> None:
        """Wait until the check that is under way is over."""
        if self._checking is not None:
            await self._checking

    @property
    def armed_at(self) -> datetime | None:
        """When the timer rings; None if nothing will ever have to be done by itself."""
        return self._armed_at

    def now(self) -> datetime:
        """Return the present instant, by the host's own clock."""
        return self._clock.now()

    # ------------------------------------------------------------------ commands

    async def handle(self, project: str, command: Command) -> str:
        """Hand a command to the library; return ``applied``, or why nothing changed.

        Raises what `SequenceController.handle` raises.
        """
        with self.metrics.timed(command):
            try:
                handled = await self._deciding(partial(self._decide, project, command))
            except Exception as error:
                self.metrics.refused(command, error)
                if isinstance(error, StoreUnusable):
                    self._works = False
                    self._arm(self._clock.now() + _RETRY)  # it may have been committed after all
                raise
        self._works = True
        self._arm(handled.arm)
        if handled.unsent is not None:
            self.metrics.unsent.inc()
        word = _answer(handled)
        self.metrics.answered(command, word)
        return word

    async def ask(self, project: str, question: Callable[[ControlPlane, ProjectState], T]) -> T:
        """Return what `question` makes of a project's plane and its newest state.

        It waits for no command, and no command for it. What an answered command did is seen here.
        """

        def asked() -> T:
            plane = self.projects.plane_of(project)
            return question(plane, self._states.of(project, plane))

        return await self._reading_thread(asked)

    async def read(self, question: Callable[[JournalReader], T]) -> T:
        """Return what `question` finds in the journal."""
        return await self._reading_thread(lambda: question(self.journal))

    async def uniform(self, work: Callable[[Uniform], T]) -> T:
        """Return what `work` makes of the registrations and the log; it may change them."""
        return await self._reading_thread(lambda: work(self._uniform))

    # ------------------------------------------------------------------ projects

    async def create(self, name: str, shipyard: str, calendar: str = "") -> None:
        """Add a project; see `Projects.create`."""

        def create() -> None:
            serial = self._serial(name)
            self.projects.create(name, shipyard, calendar, now=self._clock.now(), since=serial)
            self._journal.forget(name, serial=serial)

        await self._deciding(create)

    async def update(
        self, name: str, shipyard: str | None = None, calendar: str | None = None
    ) -> None:
        """Give a project another shipyard or calendar; see `Projects.update`.

        What its calendar of before has frozen, the new one is asked about at once.
        """

        def update() -> Handled | None:
            self.projects.update(name, shipyard, calendar)
            return self._ask_calendar(name)

        handled = await self._deciding(update)
        if handled is not None:
            self._arm(handled.arm)

    async def delete(self, name: str) -> None:
        """Delete a project in which nothing is live; else raise `StillLive`."""

        def delete() -> None:
            self.projects.get(name)
            state = self._controller.state(name)
            if live := sum(not each.phase.has_ended for each in state.sequences.values()):
                raise StillLive(f"project {name} has {live} live sequences: abort them first")
            self.projects.update(name, calendar="")  # it might keep a stage frozen
            for stage in state.freezes:
                self._controller.handle(name, UnfreezeStage(stage, reason="project deleted"))
            self.projects.delete(name)
            self._journal.forget(name, serial=self._serial(name))

        await self._deciding(delete)

    async def add_service(self, project: str, service: str) -> None:
        """Add a service to a project; see `Projects.add_service`."""
        now = self._clock.now()
        await self._deciding(partial(self.projects.add_service, project, service, now=now))

    async def remove_service(self, project: str, service: str) -> bool:
        """Remove a service; return whether it was there."""
        return await self._deciding(partial(self.projects.remove_service, project, service))

    # ------------------------------------------------------------------ the sink

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Write events to the journal, then tell the streams: what the controller calls."""
        self._journal.tell(project, events)
        self.metrics.published.inc(len(events))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed, project, events[-1].serial)

    # ------------------------------------------------------------------ the timer

    def _arm(self, at: datetime | None) -> None:
        """Ring at an instant, in place of the one before; None: nothing will be due."""
        if self._timer is not None:
            self._timer.cancel()
        self._armed_at, self._timer = at, None
        if at is not None:
            delay = max((at - self._clock.now()).total_seconds(), 0.0)
            self._timer = self._loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = self._armed_at = None
        if self._checking is None or self._checking.done():
            self._checking = self._loop.create_task(self._check())

    async def _check(self) -> None:
        """Publish what is unsent and act on what is due; come back when asked to."""
        try:
            checked = await self._deciding(self._controller.check_deadlines)
        except Exception:  # noqa: BLE001 - whatever the store says, somebody must come back
            self._works = False
            self._arm(self._clock.now() + _RETRY)
            return
        self._works = True
        self.metrics.checks.inc()
        self._arm(checked.arm)

    # ------------------------------------------------------------------ the two threads

    def _open_files(self) -> None:
        settings, close = self._settings, self._open.callback
        self._backend = backend = FolderBackend(settings.data)
        close(backend.close)
        self._store = backend.store()
        close(self._store.close)
        self.projects = backend.projects(settings.plane)
        close(self.projects.close)
        self._journal = backend.journal()
        close(self._journal.close)
        backend.compare(self._store, self.projects, self._journal)
        for project in self.projects.all():
            backend.catch_up(self._store, self._journal, project.name, since=project.since)
        self._controller = SequenceController(
            self.projects.plane_of,
            store=self._store,
            clock=self._clock,
            sink=self,
            settle=settings.settle,
        )
        for project in self.projects.all():
            self._ask_calendar(project.name)  # if the host ended before it could

    def _ask_calendar(self, name: str) -> Handled | None:
        """Ask a project's new calendar about each stage that the one before has frozen (R37)."""
        handled = None
        if not self.projects.get(name).is_asked:
            for stage, freeze in self._controller.state(name).freezes.items():
                if freeze.cause is Cause.CALENDAR:
                    command = UnfreezeStage(stage, actor=_CALENDAR, reason=_CHANGED)
                    with suppress(CommandRejected):  # it is closed as before
                        handled = self._controller.handle(name, command)
            self.projects.asked(name)
        return handled

    def _open_journal(self) -> None:
        self.journal = self._backend.journal_reader()
        self._read_from.callback(self.journal.close)
        self._states = self._backend.states()
        self._read_from.callback(self._states.close)
        self._uniform = self._backend.uniform(self._clock)
        self._read_from.callback(self._uniform.close)

    async def _close_files(self) -> None:
        """Close what is open, the folder last: each file by the thread that opened it."""
        await self._loop.run_in_executor(self._reader, self._read_from.close)
        await self._loop.run_in_executor(self._decider, self._open.close)
        self._decider.shutdown()
        self._reader.shutdown()

    def _serial(self, project: str) -> int:
        state = self._store.load(project)
        return 0 if state is None else state.serial

    def _decide(self, project: str, command: Command) -> Handled:
        begin, answer = perf_counter(), ""
        try:
            handled = self._controller.handle(project, command)
        except Exception as error:
            answer = word_of(error)
            raise
        else:
            answer = _answer(handled)
            return handled
        finally:
            self.metrics.decided(command, answer, perf_counter() - begin)

    async def _deciding(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._decider, partial(self._in_place, work))

    async def _reading_thread(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._reader, partial(self._in_place, work))

    def _in_place(self, work: Callable[[], T]) -> T:
        """Do some work; raise `StoreUnusable` if a file it is done on was gone before its end."""
        self._backend.look()
        done = work()
        self._backend.look()
        return done


def _answer(handled: Handled) -> str:
    """Return the word that a command is answered with."""
    outcome = handled.decision.outcome
    return outcome.code.value if isinstance(outcome, Unchanged) else APPLIED
