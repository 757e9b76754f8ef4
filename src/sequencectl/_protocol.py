"""The host protocol, written once: which port is called when, and what follows from its answer.

A conversation is a generator. It yields calls, which are values. A driver makes each call on a real
port and sends the reply back in, or throws the port's error. The sync and the async controller are
drivers, and the simulation is a third one: a host may crash at every ``yield``.

The order matters. First load, decide and commit. Then the command is accepted, and the host may
acknowledge its message. Then publish, always from the head of the outbox and never the decision's
own events: so events are published in the order of their commits, whoever committed them. All of
that happens in one turn of the project, so that two threads or tasks never do it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, final

import attrs

from sequencectl._scalars import checked_instant
from sequencectl._sequence.draft import checked_project
from sequencectl._turns import Turn, Turns
from sequencectl.commands import CheckDeadlines, Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import Conflict, Contention, InvalidValue, UnknownProject, shown
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.state import ProjectState


@final
@attrs.frozen
class TakeTurn:
    """Wait for the turn of a project. The reply is a `Turn`, which ends with its ``with`` block."""

    project: str


@final
@attrs.frozen
class Now:
    """Ask the clock."""


@final
@attrs.frozen
class Load:
    """Load a project; `known` is the newest state this controller has seen of it."""

    project: str
    known: ProjectState | None


@final
@attrs.frozen
class Commit:
    """Commit a decision."""

    decision: Decision


@final
@attrs.frozen
class Pending:
    """Read the head of a project's outbox."""

    project: str
    limit: int


@final
@attrs.frozen
class Emit:
    """Publish events."""

    project: str
    events: Sequence[Event]


@final
@attrs.frozen
class Acknowledge:
    """Drop what was published from the outbox."""

    project: str
    through: int


@final
@attrs.frozen
class ReadAgenda:
    """Ask which projects have unsent events or a deadline."""

    limit: int


Call = TakeTurn | Now | Load | Commit | Pending | Emit | Acknowledge | ReadAgenda
"""What a conversation asks of its driver: a turn, or a call of a port."""

Reply = Turn | datetime | ProjectState | Sequence[Event] | Sequence[Appointment] | None
"""A turn, or what the port returned."""

T = TypeVar("T")
Conversation = Generator[Call, Reply, T]
"""Calls out, replies in, and a result at the end."""

_BATCH: Final = 500


@final
@attrs.frozen
class Handled:
    """The decision on a command, and when to come back.

    Set one timer to `arm` in place of the one before, whichever project the command was for, and
    call `check_deadlines` when it rings. None: no project has a deadline. `unsent` is the error
    that kept committed events from being published. They are in the outbox, the next relay or check
    publishes them, and `arm` is soon. The command itself is done: acknowledge its message.
    """

    decision: Decision
    arm: datetime | None
    unsent: Exception | None = None


@final
@attrs.frozen
class Relayed:
    """How many events a relay published, and when to come back, as in `Handled`.

    `unsent` has the error of each project whose events could not be published.
    """

    emitted: int
    unsent: Mapping[str, Exception]
    arm: datetime | None


@final
@attrs.frozen
class Checked:
    """The projects whose deadlines were checked, and when to come back, as in `Handled`.

    `skipped` has the error of each project that needs another check. Its events could not be
    published, and then silence is nobody's fault; `planes` raised an error for it; or other hosts
    kept committing first.
    """

    projects: tuple[str, ...]
    skipped: Mapping[str, Exception]
    arm: datetime | None


@final
class KnownStates:
    """The newest state seen of each project, the `most` most recently used of them."""

    def __init__(self, most: int, lock: AbstractContextManager[object]) -> None:
        self._most = most
        self._lock = lock
        self._states: dict[str, ProjectState] = {}

    def get(self, project: str) -> ProjectState | None:
        """Return the newest state seen of a project, or None."""
        return self._states.get(project)

    def keep(self, state: ProjectState) -> None:
        """Remember a state as the newest of its project; forget the one unused for longest."""
        with self._lock:
            self._states.pop(state.project, None)
            self._states[state.project] = state
            while len(self._states) > self._most:
                del self._states[next(iter(self._states))]

    def drop(self, project: str) -> None:
        """Forget a project whose stored state is uncertain."""
        with self._lock:
            self._states.pop(project, None)


@final
class Timer:
    """When a controller must come back, for all its projects together: one instant, never too late.

    It may be too early: the deadline of a task that is over stays. That does no harm, for a check
    reads the agenda and begins anew.
    """

    def __init__(self, at: datetime, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._at: datetime | None = at

    def ring_by(self, at: datetime | None) -> datetime | None:
        """Keep `at` if it is earlier than what is kept; return the earliest since `clear`."""
        with self._lock:
            if at is not None and (self._at is None or at < self._at):
                self._at = at
            return self._at

    def clear(self) -> datetime | None:
        """Return the earliest instant and forget it."""
        with self._lock:
            at, self._at = self._at, None
            return at


@final
@attrs.frozen
class Hosting:
    """How a controller works and what it keeps.

    `attempts` bounds the commits of one command. No deadline is checked before `settled_at` (R31).
    Where something failed, the host must come back after `retry_after`. Threads share the rest:
    whose turn it is, the states that were seen, and when to come back.
    """

    plane_of: Callable[[str], ControlPlane]
    attempts: int
    settled_at: datetime
    retry_after: timedelta
    turns: Turns
    known: KnownStates
    timer: Timer

    @classmethod
    def of(
        cls,
        plane_of: Callable[[str], ControlPlane],
        *,
        attempts: int,
        settled_at: datetime,
        retry_after: timedelta,
        known: int,
    ) -> Hosting:
        """Return the hosting of a controller that has seen nothing yet."""
        turns = Turns()
        memory = KnownStates(known, turns.lock), Timer(settled_at, turns.lock)
        return cls(plane_of, attempts, settled_at, retry_after, turns, *memory)


def load(hosting: Hosting, project: str) -> Conversation[ProjectState]:
    """Return the newest state of a project, an initial one if nothing was ever committed."""
    checked_project(project)
    plane = hosting.plane_of(project)
    reply = yield Load(project, hosting.known.get(project))
    if reply is None:
        return plane.initial(project)
    if not isinstance(reply, ProjectState) or reply.project != project:
        problem = f"load must return the state of project {shown(project)}, or None"
        raise InvalidValue("store", reply, problem)
    hosting.known.keep(reply)
    return reply


def handle(hosting: Hosting, project: str, command: Command) -> Conversation[Handled]:
    """Decide a command, commit the decision, then publish what is unsent (duties 1 to 6).

    Raises `CommandRejected` if the command was refused, and `Contention` if other hosts kept
    committing first. After any error of the store nobody knows whether the command took effect:
    send it again, its ids make that safe.
    """
    checked_project(project)
    unsent: Exception | None = None
    with (yield from _turn(project)):
        decision = yield from _decided(hosting, project, command)
        decision.raise_if_rejected()
        hosting.timer.ring_by(decision.next_deadline)
        if decision.events:
            try:
                yield from _relay_project(project, through=decision.state.serial)
            except Exception as error:  # noqa: BLE001 - the command is done, whatever the sink says
                unsent = error
                hosting.timer.ring_by((yield from _now()) + hosting.retry_after)
            except BaseException:  # this task is cancelled: a check publishes what it has not
                hosting.timer.ring_by(decision.events[-1].at)
                raise
    return Handled(decision, hosting.timer.ring_by(None), unsent)


def relay(hosting: Hosting) -> Conversation[Relayed]:
    """Publish everything that is committed and unsent, project by project (duty 6)."""
    emitted, unsent = yield from _relay_all()
    return Relayed(emitted, unsent, (yield from _arm(hosting, unsent)))


def check_deadlines(hosting: Hosting) -> Conversation[Checked]:
    """Publish what is unsent, then act on every deadline that has passed (duties 7 and 8, R31).

    Nothing is checked before the host has settled, so that it first hears the reports that wait on
    the bus, and ends nothing for a silence of its own.
    """
    _, skipped = yield from _relay_all()
    if (yield from _now()) < hosting.settled_at:
        return Checked((), skipped, (yield from _arm(hosting, skipped)))
    checked: dict[str, None] = {}
    idle: set[str] = set()
    while due := (yield from _due(idle | skipped.keys())):
        for project in due:
            try:
                hosting.plane_of(project)  # asked by itself: an error of the store ends the check
            except Exception as error:  # noqa: BLE001 - the other projects are checked
                skipped[project] = error
                continue
            try:
                handled = yield from handle(hosting, project, CheckDeadlines())
            except (UnknownProject, Contention) as error:
                skipped[project] = error
                continue
            checked[project] = None
            if handled.unsent is not None:
                skipped[project] = handled.unsent  # as above: come back a little later
            if not handled.decision.events:
                idle.add(project)  # another host was faster, or the store's agenda lags behind
    return Checked(tuple(checked), skipped, (yield from _arm(hosting, idle | skipped.keys())))


def _turn(project: str) -> Conversation[Turn]:
    reply = yield TakeTurn(project)
    assert isinstance(reply, Turn)
    return reply


def _decided(hosting: Hosting, project: str, command: Command) -> Conversation[Decision]:
    """Return the decision on a command, committed if it changes anything."""
    plane = hosting.plane_of(project)
    for _ in range(hosting.attempts):
        state = yield from load(hosting, project)
        now = yield from _now()
        decision = plane.decide(state, command, now)
        if not decision.events:
            return decision
        try:
            yield Commit(decision)
        except Conflict:
            continue  # nothing was written: what is known is still true, and can be caught up
        except BaseException:
            hosting.known.drop(project)
            hosting.timer.ring_by(now + hosting.retry_after)  # if it was written, it is unsent
            raise
        hosting.known.keep(decision.state)
        return decision
    raise Contention(project, hosting.attempts)


def _relay_project(project: str, *, through: int | None = None) -> Conversation[int]:
    """Publish a project's outbox from its head until it is empty, or `through` is published.

    Without that bound one host could go on for ever, while other hosts keep adding events.
    """
    emitted, last = 0, 0
    while through is None or last < through:
        reply = yield Pending(project, _BATCH)
        events = _listed(reply, Event, "pending must return a sequence of events")
        if not events:
            break
        last = events[-1].serial
        yield Emit(project, events)
        yield Acknowledge(project, last)
        emitted += len(events)
    return emitted


def _relay_all() -> Conversation[tuple[int, dict[str, Exception]]]:
    """Publish every outbox; return how many events that were, and the error of each project."""
    emitted = 0
    failed: dict[str, Exception] = {}
    while True:
        entries = yield from _agenda(len(failed))
        unsent = dict.fromkeys(each.project for each in entries if each.at is None)
        projects = [project for project in unsent if project not in failed]
        if not projects:
            return emitted, failed
        for project in projects:
            with (yield from _turn(project)):
                try:
                    emitted += yield from _relay_project(project)
                except Exception as error:  # noqa: BLE001 - the other projects are published
                    failed[project] = error


def _due(without: AbstractSet[str]) -> Conversation[list[str]]:
    """Return the projects whose deadline has passed, the most urgent first."""
    entries = yield from _agenda(len(without))
    now = yield from _now()
    due = dict.fromkeys(each.project for each in entries if each.at is not None and each.at <= now)
    return [project for project in due if project not in without]


def _agenda(passed_over: int) -> Conversation[tuple[Appointment, ...]]:
    """Read enough of the agenda to find an entry after skipping `passed_over` projects."""
    reply = yield ReadAgenda(_BATCH + 2 * passed_over)  # a project may be listed twice
    return _listed(reply, Appointment, "agenda must return Appointments")


def _listed(reply: Reply, kind: Any, problem: str) -> tuple[Any, ...]:
    """Return what the store listed; raise `InvalidValue` if anything is not of this kind."""
    if not isinstance(reply, Sequence) or not all(isinstance(each, kind) for each in reply):
        raise InvalidValue("store", reply, problem)
    return tuple(reply)


def _now() -> Conversation[datetime]:
    return checked_instant((yield Now()))


def _arm(hosting: Hosting, troubled: Collection[str]) -> Conversation[datetime | None]:
    """Return when to come back: at the next deadline, or a little later if something is left to do.

    The timer is cleared before the agenda is read. What another thread commits meanwhile is in the
    agenda, or in the timer.
    """
    before = hosting.timer.clear()
    try:
        entries = yield from _agenda(len(troubled))
        now = yield from _now()
    except BaseException:
        hosting.timer.ring_by(before)
        raise
    left = [each.at for each in entries if each.project not in troubled]
    instants = [max(at, hosting.settled_at) for at in left if at is not None]
    if troubled or None in left:
        instants.append(now + hosting.retry_after)
    return hosting.timer.ring_by(min(instants, default=None))
