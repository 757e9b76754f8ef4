"""Fakes for tests: a clock that is set by hand, a store and a sink in memory, a calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, final

from sequencectl.control_plane import Decision
from sequencectl.durations import parse_duration
from sequencectl.errors import Conflict, InvalidValue
from sequencectl.events import Event
from sequencectl.policies import Opening
from sequencectl.ports import Appointment
from sequencectl.state import ProjectState

_Window = tuple[datetime, datetime | None, str]
START: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)


@final
class ManualClock:
    """A clock that stands still until the test sets it.

    Raises `InvalidValue` for an instant that is not an aware datetime.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = _aware("start", start)

    def now(self) -> datetime:
        """Return the instant the clock is set to."""
        return self._now

    def advance(self, duration: timedelta | str) -> None:
        """Move the clock on by `duration`, such as ``"3m"``; a negative one moves it back."""
        self._now += duration_of(duration)

    def turn_to(self, instant: datetime) -> None:
        """Set the clock to an instant."""
        self._now = _aware("instant", instant)


@final
class ClosedTimes:
    """A calendar for a `ControlPlane`: stages are closed at the times of a table, else open (R37).

    `windows` has, by stage, when it is closed: ``(begin, end, name)``, aware, `end` not included
    and None for good. Raises `InvalidValue` for anything else, and for a window that ends before it
    begins::

        closed = ClosedTimes({"prod": [(friday, monday, "weekend")]})
    """

    def __init__(
        self, windows: Mapping[str, Iterable[tuple[datetime, datetime | None, str]]]
    ) -> None:
        if not isinstance(windows, Mapping):
            raise InvalidValue("windows", windows, "must be a mapping of stages to windows")
        self._windows = {stage: _sorted(times) for stage, times in windows.items()}

    def __call__(self, stage: str, instant: datetime) -> Opening:
        """Return how a stage stands at an instant, and until when."""
        for begin, end, name in self._windows.get(stage, ()):
            if instant < begin:
                return Opening(True, until=begin)
            if end is None or instant < end:
                return Opening(False, until=end, name=name)
        return Opening(True)


def _sorted(windows: object) -> tuple[_Window, ...]:
    """Return the windows of one stage by their beginnings."""
    problem = "must be tuples of begin, end and name"
    if not isinstance(windows, Iterable):
        raise InvalidValue("windows", windows, problem)
    found: list[_Window] = []
    for window in windows:
        if not isinstance(window, tuple) or len(window) != 3:
            raise InvalidValue("windows", window, problem)
        begin, end, name = window
        if end is not None and _aware("windows", end) <= _aware("windows", begin):
            raise InvalidValue("windows", window, "must end after they begin")
        Opening(False, name=name)
        found.append((_aware("windows", begin), end, name))
    return tuple(sorted(found, key=itemgetter(0)))


def duration_of(value: timedelta | str, where: str = "duration") -> timedelta:
    """Return the duration that a test gave; raise `InvalidValue` for anything else."""
    duration: object = parse_duration(value) if isinstance(value, str) else value
    if not isinstance(duration, timedelta):
        raise InvalidValue(where, value, "must be a timedelta or a text such as '90s'")
    return duration


def _aware(where: str, instant: object) -> datetime:
    if not isinstance(instant, datetime) or instant.utcoffset() is None:
        raise InvalidValue(where, instant, "must be an aware datetime, best in UTC")
    return instant


@final
class InMemoryStore:
    """A store in memory; its content lives as long as the object.

    It does batches too. It is for one thread, or for the threads of one controller.
    """

    def __init__(self) -> None:
        self._states: dict[str, ProjectState] = {}
        self._outboxes: dict[str, list[Event]] = {}

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:  # noqa: ARG002 - states cost nothing here
        """Return the newest state of a project, None if it has none."""
        return self._states.get(project)

    def commit(self, decision: Decision) -> bool:
        """Keep the state and the events; return whether the outbox was empty before.

        Raises `Conflict`.
        """
        stored = self._states.get(decision.project)
        found = 0 if stored is None else stored.serial
        if found != decision.base:
            raise Conflict(decision.project, base=decision.base, found=found)
        self._states[decision.project] = decision.state
        outbox = self._outboxes.setdefault(decision.project, [])
        was_empty = not outbox
        outbox.extend(decision.events)
        return was_empty

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest events that were not acknowledged, `limit` at most."""
        return tuple(self._outboxes.get(project, ())[:limit])

    def acknowledge(self, project: str, *, through: int) -> None:
        """Drop the pending events up to this serial."""
        outbox = self._outboxes.get(project, [])
        self._outboxes[project] = [event for event in outbox if event.serial > through]

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return projects with pending events, then deadlines by instant, `limit` at most."""
        # copies: a commit in another thread may add a project meanwhile
        outboxes, states = self._outboxes.copy().items(), self._states.copy().items()
        unsent = [Appointment(project, None) for project, box in outboxes if box]
        deadlines = [(state.next_deadline, project) for project, state in states]
        coming = sorted((at, project) for at, project in deadlines if at is not None)
        return (*unsent, *(Appointment(project, at) for at, project in coming))[:limit]

    def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        """Return the newest state of each project that has one."""
        found = {project: self.load(project, known=known.get(project)) for project in projects}
        return {project: state for project, state in found.items() if state is not None}

    def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict]:
        """Keep the decisions, each of another project, and return what came of each."""
        return {decision.project: self._answer(decision) for decision in decisions}

    def pending_many(self, projects: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Event]]:
        """Return the head of each outbox that is not empty, `limit` events of each at most."""
        found = {project: self.pending(project, limit=limit) for project in projects}
        return {project: events for project, events in found.items() if events}

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        """Drop the pending events of each project up to its serial."""
        for project, serial in through.items():
            self.acknowledge(project, through=serial)

    def _answer(self, decision: Decision) -> bool | Conflict:
        try:
            return self.commit(decision)
        except Conflict as conflict:
            return conflict


@final
class RecordingSink:
    """A sink that keeps all events it gets in `emitted`, in order, repeats included."""

    def __init__(self) -> None:
        self.emitted: list[Event] = []

    def emit(self, project: str, events: Sequence[Event]) -> None:  # noqa: ARG002 - events name it
        """Keep the events."""
        self.emitted.extend(events)
