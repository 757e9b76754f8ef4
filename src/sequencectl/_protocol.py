"""The host protocol, written once: what is called in which order, and what follows from an answer.

A conversation is a generator. It yields calls, which are values; a driver makes each of them on a
real port and sends the reply, or throws the port's error, back in. The sync and the async
controller are such drivers, and a simulation is a third one: every ``yield`` is a point at which a
host may crash.

The order is the point of it: load, decide, commit; only then is the command accepted and its
message may be acknowledged; only then are events published, always from the head of the outbox and
never the decision's own, so that what is published is what was committed, in order, whoever
committed it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, TypeVar, final

import attrs

from sequencectl.commands import CheckDeadlines, Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import Conflict, Contention, UnknownProject
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.state import ProjectState


@final
@attrs.frozen
class Now:
    """Ask the clock."""


@final
@attrs.frozen
class Load:
    """Load a project, with what is known of it."""

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
    """Ask which projects need somebody."""

    limit: int


Call = Now | Load | Commit | Pending | Emit | Acknowledge | ReadAgenda
"""A call of a port, as a value."""

Reply = datetime | ProjectState | Sequence[Event] | Sequence[Appointment] | None
"""What a port returned."""

T = TypeVar("T")
Conversation = Generator[Call, Reply, T]
"""Calls out, replies in, and a result at the end."""

_BATCH: Final = 500


@final
@attrs.frozen
class Handled:
    """What became of a command: the decision, and the instant to have a timer armed for (or None).

    `unsent` is what kept committed events from being published; they are in the outbox, and the
    next relay sends them, for which `arm` is soon. The command itself is done: acknowledge its
    message.
    """

    decision: Decision
    arm: datetime | None
    unsent: Exception | None = None


@final
@attrs.frozen
class Relayed:
    """How many events were published, what failed in which project, and the instant to come back.

    `arm` is None where nothing will ever have to be done by itself.
    """

    emitted: int
    unsent: Mapping[str, Exception]
    arm: datetime | None


@final
@attrs.frozen
class Checked:
    """Which projects were checked, and the instant to come back (or None).

    `skipped` were due and could not be checked: their events could not be published, so nobody can
    be blamed for silence; or the host has no plane for them; or others kept committing first.
    """

    projects: tuple[str, ...]
    skipped: Mapping[str, Exception]
    arm: datetime | None


@final
class KnownStates:
    """The newest state seen of each project, the `most` most recently used of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._states: dict[str, ProjectState] = {}

    def get(self, project: str) -> ProjectState | None:
        """Return what is known of a project."""
        return self._states.get(project)

    def keep(self, state: ProjectState) -> None:
        """Remember a state as the newest of its project, and forget the one unused for longest."""
        self._states.pop(state.project, None)
        self._states[state.project] = state
        while len(self._states) > self._most:
            del self._states[next(iter(self._states))]

    def drop(self, project: str) -> None:
        """Forget a project: what is stored is unknown."""
        self._states.pop(project, None)


@final
@attrs.frozen
class Hosting:
    """How a controller works: its planes, how it retries and waits, and what it has seen."""

    plane_of: Callable[[str], ControlPlane]
    known: KnownStates
    attempts: int
    settle: timedelta
    retry_after: timedelta


def load(hosting: Hosting, project: str) -> Conversation[ProjectState]:
    """Return the newest state of a project, an initial one if there never was any."""
    plane = hosting.plane_of(project)
    reply = yield Load(project, hosting.known.get(project))
    if reply is None:
        return plane.initial(project)
    assert isinstance(reply, ProjectState)
    hosting.known.keep(reply)
    return reply


def handle(hosting: Hosting, project: str, command: Command) -> Conversation[Handled]:
    """Decide a command and commit what it leads to; then publish what waits (duties 1 to 6).

    Raises `CommandRejected` if it was refused and `Contention` if others kept being faster. Any
    error of the store leaves it unknown whether the command took effect: send it again, ids make it
    safe.
    """
    decision = yield from _decided(hosting, project, command)
    decision.raise_if_rejected()
    arm = decision.next_deadline
    unsent: Exception | None = None
    if decision.events:
        try:
            yield from _relay_project(project, through=decision.state.serial)
        except Exception as error:  # noqa: BLE001 - the command is done, whatever the sink says
            unsent = error
            retry_at = (yield from _now()) + hosting.retry_after
            arm = retry_at if arm is None else min(arm, retry_at)
    return Handled(decision, arm, unsent)


def relay(hosting: Hosting) -> Conversation[Relayed]:
    """Publish everything that is committed and unsent, project by project (duty 6)."""
    emitted, unsent = yield from _relay_all()
    return Relayed(emitted, unsent, (yield from _arm(hosting, unsent)))


def check_deadlines(hosting: Hosting, started_at: datetime) -> Conversation[Checked]:
    """Publish what is unsent, then act on everything that is due (duties 7 and 8, R31).

    Nothing is checked before `settle` has passed since `started_at`, so that what waits on the bus
    is heard before anything is ended for silence.
    """
    _, skipped = yield from _relay_all()
    settled_at = started_at + hosting.settle
    if (yield from _now()) < settled_at:
        return Checked((), skipped, (yield from _arm(hosting, skipped, not_before=settled_at)))
    checked: dict[str, None] = {}
    idle: set[str] = set()
    while due := (yield from _due(idle | skipped.keys())):
        for project in due:
            try:
                handled = yield from handle(hosting, project, CheckDeadlines())
            except (UnknownProject, Contention) as error:
                skipped[project] = error
                continue
            checked[project] = None
            if handled.unsent is not None:
                skipped[project] = handled.unsent  # as above: come back a little later
            if not handled.decision.events:
                idle.add(project)  # somebody else was faster, or the store's agenda lags behind
    return Checked(tuple(checked), skipped, (yield from _arm(hosting, idle | skipped.keys())))


def _decided(hosting: Hosting, project: str, command: Command) -> Conversation[Decision]:
    plane = hosting.plane_of(project)
    for _ in range(hosting.attempts):
        state = yield from load(hosting, project)
        decision = plane.decide(state, command, (yield from _now()))
        if not decision.events:
            return decision
        try:
            yield Commit(decision)
        except Conflict:
            continue  # nothing was written: what is known is still true, and can be caught up
        except BaseException:
            hosting.known.drop(project)
            raise
        hosting.known.keep(decision.state)
        return decision
    raise Contention(project, hosting.attempts)


def _relay_project(project: str, *, through: int | None = None) -> Conversation[int]:
    """Publish a project's outbox from its head until it is empty, or `through` is published.

    Without that bound one host could go on for ever with what others keep adding.
    """
    emitted, last = 0, 0
    while through is None or last < through:
        reply = yield Pending(project, _BATCH)
        assert isinstance(reply, Sequence)
        events = [event for event in reply if isinstance(event, Event)]
        if not events:
            break
        last = events[-1].serial
        yield Emit(project, events)
        yield Acknowledge(project, last)
        emitted += len(events)
    return emitted


def _relay_all() -> Conversation[tuple[int, dict[str, Exception]]]:
    """Publish every outbox; return how many events were, and what failed in which project."""
    emitted = 0
    failed: dict[str, Exception] = {}
    while True:
        entries = yield from _agenda(len(failed))
        unsent = dict.fromkeys(each.project for each in entries if each.at is None)
        projects = [project for project in unsent if project not in failed]
        if not projects:
            return emitted, failed
        for project in projects:
            try:
                emitted += yield from _relay_project(project)
            except Exception as error:  # noqa: BLE001 - one project's trouble is not another's
                failed[project] = error


def _due(without: AbstractSet[str]) -> Conversation[list[str]]:
    """Return the projects whose deadline has passed, the most urgent first."""
    entries = yield from _agenda(len(without))
    now = yield from _now()
    due = dict.fromkeys(each.project for each in entries if each.at is not None and each.at <= now)
    return [project for project in due if project not in without]


def _agenda(passed_over: int) -> Conversation[tuple[Appointment, ...]]:
    """Read the agenda so far that something is left if so many projects are passed over."""
    reply = yield ReadAgenda(_BATCH + 2 * passed_over)  # a project may be listed twice
    assert isinstance(reply, Sequence)
    return tuple(each for each in reply if isinstance(each, Appointment))


def _now() -> Conversation[datetime]:
    reply = yield Now()
    assert isinstance(reply, datetime)
    return reply


def _arm(
    hosting: Hosting, troubled: Collection[str], *, not_before: datetime | None = None
) -> Conversation[datetime | None]:
    """Return when to come back: at the next deadline, a little later where there was trouble."""
    entries = yield from _agenda(len(troubled))
    now = yield from _now()
    instants = [each.at for each in entries if each.at is not None and each.project not in troubled]
    if not_before is not None:
        instants = [max(at, not_before) for at in instants]
    if troubled:
        instants.append(now + hosting.retry_after)
    return min(instants, default=None)
