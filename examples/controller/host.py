"""The host of the library: threads that decide, one that reads, and one timer.

Shows: the nine duties with `SequenceController` in an asyncio program. Commands that come together
are decided together by a thread that owns a store, so that no request waits on another's disk in
the event loop. The timer is set to the instant that the newest answer of the controller names, for
all projects together, and costs nothing until then.
On a store that others share there are several such threads, each for some of the projects. The
timer is set for what was committed here, and rings every few seconds for what others have left. No
replica leads: whoever comes first acts, and the serial tells the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar, final
from zlib import crc32

from examples.controller.bursts import Answer, Bursts
from examples.controller.deciding import Decider
from examples.controller.metrics import Metrics, word_of
from examples.controller.settings import Settings
from examples.controller.storage.backend import Backend, FolderBackend
from examples.controller.storage.journal_reader import JournalReader
from examples.controller.storage.projects import Project
from examples.controller.storage.uniform import Uniform
from examples.controller.watched import OwnDeadlines
from examples.stores.errors import StoreUnusable
from sequencectl import Command, ControlPlane, Handled, ProjectState, SequencectlError
from sequencectl.ports import Clock

T = TypeVar("T")

DECIDERS: Final = 2
"""So many threads decide on a store that others share: they wait for it more than they work."""

ANY: Final = ""
"""In place of a project: something may have changed anywhere, since others were not heard."""

PATIENCE: Final = 15.0
"""So many seconds a request waits for the store."""

_RETRY: Final = timedelta(seconds=5)


@final
class NoAnswer(SequencectlError):
    """The store did not answer in time; whether the request took effect is unknown."""


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
        self._deciders: list[Decider] = []
        self._deadlines = OwnDeadlines()
        self._bursts = Bursts(self._decide, self.metrics)
        self._reader = ThreadPoolExecutor(1, "reader")
        self._open = ExitStack()
        self._read_from = ExitStack()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at: datetime | None = None
        self._checking: asyncio.Task[None] | None = None
        self.metrics.well.set_function(lambda: float(self.is_well))

    async def start(self) -> None:
        """Open the store, make up what the journal lacks, publish what is unsent (duty 8).

        Raises `StoreUnusable`, and leaves the files to others then.
        """
        self._loop = asyncio.get_running_loop()
        self._next_look = self._clock.now()
        try:
            await self._open_store()
        except BaseException:
            await self._close_store()
            raise
        self._checking = self._loop.create_task(self._check())

    async def stop(self) -> None:
        """Let the commands in hand end, and close the store."""
        await self._bursts.close()
        if self._checking is not None:
            await asyncio.gather(self._checking, return_exceptions=True)
        if self._timer is not None:  # the check may have set it
            self._timer.cancel()
        await self._close_store()

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

        Raises what `SequenceController.handle` raises, `TooManyWaiting` or `NoAnswer`.
        """
        with self.metrics.timed(command):
            try:
                handled = await self._in_time(self._bursts.ask(project, command))
            except Exception as error:
                self.metrics.answered(command, word_of(error))
                raise
        word = word_of(handled)
        self.metrics.answered(command, word)
        if handled.unsent is not None:
            self.metrics.unsent.inc()
        return word

    async def ask(self, project: str, question: Callable[[ControlPlane, ProjectState], T]) -> T:
        """Return what `question` makes of a project's plane and its newest state.

        It waits for no command, and no command for it. What an answered command did is seen here.
        """

        def asked() -> T:
            plane = self._known(project).plane
            return question(plane, self._states.of(project, plane))

        return await self._reading(asked)

    async def read(self, question: Callable[[JournalReader], T]) -> T:
        """Return what `question` finds in the journal."""
        return await self._reading(lambda: question(self.journal))

    async def uniform(self, work: Callable[[Uniform], T]) -> T:
        """Return what `work` makes of the registrations and the log; it may change them."""
        return await self._reading(lambda: work(self._uniform))

    async def claim(self, project: str) -> bool:
        """Whether this replica is the one that posts for a project, for some time from now on."""
        return await self._reading(partial(self._claims.take, project))

    # ------------------------------------------------------------------ projects

    async def project(self, name: str) -> Project:
        """Return a project as it is now; raise `UnknownProject`."""
        if self._backend.is_shared:
            return await self._reading(partial(self._known, name))
        return self._projects.get(name)

    async def all_projects(self) -> Sequence[Project]:
        """Return the projects by name, as they are now."""
        if self._backend.is_shared:
            return await self._reading(self._all_known)
        return self._projects.all()

    async def create(self, name: str, shipyard: str, calendar: str = "") -> None:
        """Add a project; see `Projects.create`."""
        decider = self._decider_of(name)
        await self._in_time(decider.run(partial(decider.create, name, shipyard, calendar)))

    async def update(
        self, name: str, shipyard: str | None = None, calendar: str | None = None
    ) -> None:
        """Give a project another shipyard or calendar; see `Projects.update`.

        What its calendar of before has frozen, the new one is asked about at once.
        """
        decider = self._decider_of(name)
        work = partial(decider.update, name, shipyard, calendar)
        handled = await self._in_time(decider.run(work))
        if handled is not None:
            self._arm(handled.arm)

    async def delete(self, name: str) -> None:
        """Delete a project in which nothing is live; else raise `StillLive`."""
        decider = self._decider_of(name)
        await self._in_time(decider.run(partial(decider.delete, name)))

    async def add_service(self, project: str, service: str) -> None:
        """Add a service to a project; see `Projects.add_service`."""
        decider, now = self._decider_of(project), self._clock.now()
        await self._in_time(decider.run(partial(decider.add_service, project, service, now=now)))

    async def remove_service(self, project: str, service: str) -> bool:
        """Remove a service; return whether it was there."""
        decider = self._decider_of(project)
        return await self._in_time(decider.run(partial(decider.remove_service, project, service)))

    # ------------------------------------------------------------------ the timer

    def _arm(self, at: datetime | None) -> None:
        """Ring at an instant, in place of the one before; None: nothing will be due.

        On a store that others share it rings for what was committed here, and for the next look.
        """
        if self._timer is not None:
            self._timer.cancel()
        if self._backend.is_shared:
            own = self._deadlines.next()
            at = self._next_look if own is None else min(own, self._next_look)
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
        now, checker = self._clock.now(), self._deciders[0]
        self._next_look = now + self._settings.poll
        self._deadlines.forget(now)
        work = asyncio.ensure_future(checker.run(checker.check))
        if not (await asyncio.wait({work}, timeout=PATIENCE))[0]:
            self._works = False
        try:
            checked = await work
        except Exception:  # noqa: BLE001 - whatever the store says, somebody must come back
            self._works = False
            self._arm(self._clock.now() + _RETRY)
            return
        self._works = True
        self.metrics.checks.inc()
        self._arm(checked.arm)

    # ------------------------------------------------------------------ the threads

    async def _open_store(self) -> None:
        self._backend = _backend_of(self._settings)
        self._open.callback(self._backend.close)
        for _ in range(DECIDERS if self._backend.is_shared else 1):
            decider = Decider(
                self._backend,
                self._settings,
                clock=self._clock,
                metrics=self.metrics,
                deadlines=self._deadlines,
                told=self._told,
            )
            self._deciders.append(decider)
            await decider.run(decider.open)
        await self._deciders[0].run(self._deciders[0].make_up)
        await self._loop.run_in_executor(self._reader, self._open_reader)
        self._open.enter_context(self._backend.follow(self._told))

    def _open_reader(self) -> None:
        close = self._read_from.callback
        self.journal = self._backend.journal_reader()
        close(self.journal.close)
        self._states = self._backend.states()
        close(self._states.close)
        self._uniform = self._backend.uniform(self._clock)
        close(self._uniform.close)
        self._claims = self._backend.claims()
        close(self._claims.close)
        if self._backend.is_shared:
            self._projects = self._backend.projects(self._settings.plane)
            close(self._projects.close)
        else:
            self._projects = self._deciders[0].projects  # any thread may read it

    async def _close_store(self) -> None:
        """Close what is open, the backend last: each part by the thread that opened it."""
        await self._loop.run_in_executor(self._reader, self._read_from.close)
        self._reader.shutdown()
        for decider in self._deciders:
            await decider.close()
        self._open.close()

    def _told(self, project: str, serial: int) -> None:
        """Hear from any thread what was published, here or by another replica."""
        if project == ANY:
            self.metrics.listens.inc()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed, project, serial)

    def _decider_of(self, project: str) -> Decider:
        """Return the one thread here that decides for a project."""
        return self._deciders[crc32(project.encode()) % len(self._deciders)]

    async def _decide(
        self, project: str, take: Callable[[], Sequence[Command]]
    ) -> Sequence[Answer]:
        """Have a burst decided, and set the timer."""
        decider = self._decider_of(project)
        try:
            answers = await decider.run(partial(decider.decide, project, take))
        except StoreUnusable:
            self._works = False
            self._arm(self._clock.now() + _RETRY)  # it may have been committed after all
            raise
        self._works = True
        if handled := next((each for each in answers if isinstance(each, Handled)), None):
            self._arm(handled.arm)
        return answers

    def _known(self, name: str) -> Project:
        """Return a project as it is now: for the thread that reads."""
        if self._backend.is_shared:
            self._projects.refresh(name)
        return self._projects.get(name)

    def _all_known(self) -> Sequence[Project]:
        self._projects.refresh_all()
        return self._projects.all()

    async def _reading(self, work: Callable[[], T]) -> T:
        def in_place() -> T:
            self._backend.look()
            done = work()
            self._backend.look()
            return done

        return await self._in_time(self._loop.run_in_executor(self._reader, in_place))

    async def _in_time(self, work: Awaitable[T]) -> T:
        """Wait for the store, but not for ever; raise `NoAnswer`."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await work
        except TimeoutError:
            self._works = False
            raise NoAnswer(f"the store gave no answer within {PATIENCE:g} s: send again") from None


def _backend_of(settings: Settings) -> Backend:
    if settings.data is not None:
        return FolderBackend(settings.data, wire=settings.wire)
    try:
        from examples.controller.storage.shared import PostgresBackend  # noqa: PLC0415 - see below
    except ImportError as error:
        problem = f"needs a package that is not installed ({error}): psycopg[binary]"
        raise StoreUnusable("PostgreSQL", problem) from error
    return PostgresBackend(settings.store, wire=settings.wire)
