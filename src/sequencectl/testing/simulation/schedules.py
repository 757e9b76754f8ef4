"""Every schedule of a small world: who goes on, who crashes, which answers are lost, what repeats.

`explore` goes through all of them, depth first, within bounds. It visits each state once, since
what follows from a state is always the same. Replicas are alike, so states in which they have
changed places count as one. A simulation finds no unlucky order; this shows that there is none.

Provisional until 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, cast, final

import attrs

from sequencectl._protocol import (
    Acknowledge,
    AcknowledgeMany,
    Commit,
    CommitMany,
    Emit,
    Now,
)
from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import Conflict, InvalidValue
from sequencectl.events import TaskTriggered
from sequencectl.policies import Calendar
from sequencectl.state import ProjectState
from sequencectl.testing.exploration.progress import (
    Progress,
    Watcher,
    checked_limit,
    checked_watcher,
)
from sequencectl.testing.fakes import InMemoryStore, duration_of
from sequencectl.testing.simulation.faults import Fault
from sequencectl.testing.simulation.mistakes import mistake_of
from sequencectl.testing.simulation.onlooker import Violation
from sequencectl.testing.simulation.replica import MadeCall, Replica
from sequencectl.testing.simulation.world import Answers, World

__all__ = ["Explored", "ScheduleFailed", "explore"]

_PROJECTS: Final = ("p", "q")
_NO_TIME: Final = timedelta(0)
_SCHEDULES_PER_REPORT: Final = 100
_WRITES: Final = (Commit, Emit, Acknowledge, CommitMany, AcknowledgeMany)
_FAULTS: Final = {
    "crash before": Fault.CRASH_BEFORE,
    "crash after": Fault.CRASH_AFTER,
    "fail": Fault.FAILS,
    "lose answer": Fault.AMBIGUOUS,
}
Choice = tuple[str, int, int]
"""One choice: what happens next, to which replica, with which of the waiting messages first."""


@final
class ScheduleFailed(AssertionError):
    """A promise is broken in a schedule; `choices` lead there, and `calls` are the calls made."""

    def __init__(self, seen: str, choices: tuple[Choice, ...], calls: tuple[MadeCall, ...]) -> None:
        super().__init__(f"{seen}; replay: explore(..., only={choices})")
        self.seen = seen
        self.choices = choices
        self.calls = calls


@final
@attrs.frozen
class Explored:
    """How many states there are, how many schedules lead through them, how long the longest is.

    `is_complete` is false if the search came to its limit of states.
    """

    states: int
    schedules: int
    longest: int
    is_complete: bool = True


@final
@attrs.frozen(kw_only=True)
class _Left:
    """How much may still go wrong in a schedule."""

    crashes: int
    errors: int
    duplicates: int
    checks: int


def explore(
    plane: ControlPlane,
    commands: Sequence[Command],
    *,
    before: Sequence[Command] = (),
    after: timedelta | str = _NO_TIME,
    calendars: Sequence[Calendar] = (),
    replicas: int = 2,
    crashes: int = 1,
    errors: int = 1,
    duplicates: int = 1,
    batch: int = 1,
    checks: int = 0,
    projects: int = 1,
    executors: bool = False,
    mistake: str | None = None,
    only: Sequence[Choice] | None = None,
    limit: int = 1_000_000,
    progress: Watcher | None = None,
) -> Explored:
    """Go through every schedule; raise `ScheduleFailed` at the first that breaks a promise.

    The project is called ``p``. All `commands` are on the bus from the start, and taken in any
    order; a `CheckDeadlines` may be among them. With `batch` a replica takes that many messages in
    a row, as far as they are there, and handles them as one. Before that nothing went wrong: the
    commands `before` took effect one by one, then the duration `after` passed. In a schedule time
    stands still. So many `checks` are made, each by any replica that is idle, of all deadlines that
    have passed. With 2 `projects` a second one, ``q``, in which nothing but `before` took effect,
    is checked and published together with the first. The first replica decides by the first of the
    `calendars`, and so on; without any, all decide by that of the plane. With `executors` each task
    is finished as soon as it is published. At most so many crashes, errors of ports (the call was
    made or not) and repeated messages are in one schedule. `mistake` names a host that is wrong on
    purpose. `only` replays the schedule that a failure has named. `limit` is how many states are
    visited at most: the search ends there. `progress` is called with a `Progress` after every 100
    schedules, and at the end. Raises `InvalidValue` for a wrong argument.
    """
    if not isinstance(plane, ControlPlane):
        raise InvalidValue("plane", plane, "must be a ControlPlane")
    names = _PROJECTS[:projects] if projects in (1, 2) else ()
    if not names:
        raise InvalidValue("projects", projects, "must be 1 or 2")
    given: object = calendars
    if not isinstance(given, Sequence) or not all(map(callable, given)):
        raise InvalidValue("calendars", given, "must be functions of stage and instant")
    watcher, limit, wrong = checked_watcher(progress), checked_limit(limit), mistake_of(mistake)
    memory, passed = _Memory(plane), duration_of(after, "after")
    planes = [
        cast("ControlPlane", _Memory(attrs.evolve(plane, calendar=each), memory.firsts))
        for each in calendars
    ]
    left = _Left(crashes=crashes, errors=errors, duplicates=duplicates, checks=checks)

    def begin() -> _Schedule:
        world = World(
            cast("ControlPlane", memory),
            InMemoryStore(),
            _finish if executors else _stay_silent,
            replicas=replicas,
            at_once=projects,
            mistake=wrong,
        )
        for replica, own in zip(world.replicas, planes, strict=False):
            replica.plane, replica.calendar = own, own.calendar
        schedule = _Schedule(world, left, names, batch)
        schedule.prepare(before, passed)
        for command in commands:
            world.send(names[0], command)
        return schedule

    visited: set[int] = set()
    path: list[Choice] = list(only or ())
    ahead: list[list[Choice]] = [[] for _ in path]
    schedules = longest = choices = 0
    while True:
        schedule, begun = begin(), len(path)
        try:
            is_complete = schedule.play(path, ahead, visited, limit)
        except Violation as broken:
            raise ScheduleFailed(str(broken), tuple(path), schedule.world.calls()) from broken
        schedules, longest = schedules + 1, max(longest, len(path))
        choices += len(path) - begun + (schedules > 1)
        while path and not ahead[-1]:
            path.pop()
            ahead.pop()
        is_over = not path or only is not None or not is_complete
        if is_over or schedules % _SCHEDULES_PER_REPORT == 0:
            watcher(Progress(len(visited), choices, sum(map(len, ahead))))
        if is_over:
            return Explored(len(visited), schedules, longest, is_complete)
        path[-1] = ahead[-1].pop()


@final
class _Memory:
    """A plane that decides everything once, so that equal histories have the very same states."""

    def __init__(
        self, plane: ControlPlane, firsts: Mapping[str, ProjectState] | None = None
    ) -> None:
        self.plane = plane
        self.bounds = plane.bounds
        self.queueing, self.timeouts = plane.queueing, plane.timeouts
        self.calendar = plane.calendar
        self.decided: dict[tuple[int, Command, datetime], Decision] = {}
        self.firsts = firsts or {project: plane.initial(project) for project in _PROJECTS}

    def initial(self, project: str) -> ProjectState:
        """Return the state of a project in which nothing has happened: always the same one."""
        return self.firsts[project]

    def decide(self, state: ProjectState, command: Command, now: datetime) -> Decision:
        """Return what a command leads to."""
        key = (id(state), command, now)
        if key not in self.decided:
            self.decided[key] = self.plane.decide(state, command, now)
        return self.decided[key]


@final
class _Schedule:
    """One world from its beginning; choices say what happens in it."""

    def __init__(self, world: World, left: _Left, projects: Sequence[str], batch: int) -> None:
        self.world = world
        self.left = left
        self.projects = projects
        self.batch = batch
        self.checks = left.checks
        for replica in world.replicas:
            replica.is_down = False

    def prepare(self, commands: Sequence[Command], passed: timedelta) -> None:
        """Let one replica do what comes before all schedules, and let time pass."""
        replica = self.world.replicas[0]
        for project in self.projects:
            for command in commands:
                self.world.send(project, command)
                self.world.take(replica, self.world.waiting()[0])
                while replica.call is not None:
                    self.world.make_call(replica)
        self.world.pass_time(self.world.now + passed)

    def play(
        self, path: list[Choice], ahead: list[list[Choice]], visited: set[int], limit: int
    ) -> bool:
        """Follow a path, then always take the first choice, and note the others in `ahead`.

        Return False if there is one more state than may be visited.
        """
        for choice in path:
            self._do(choice)
        while (key := hash(self._key())) not in visited:
            if len(visited) >= limit:
                return False
            visited.add(key)
            options = self._options()
            if not options:
                self._heal()
                return True
            first, *others = options
            path.append(first)
            ahead.append(others[::-1])
            self._do(first)
        return True

    def _options(self) -> list[Choice]:
        """Return what may happen next, faults last; nothing if no replica has work."""
        left, waiting = self.left, range(len(self.world.waiting()))
        options: list[Choice] = []
        spoilt: list[Choice] = []
        for replica in self.world.replicas:
            number, call = replica.number, replica.call
            if call is None:
                options += [("take", number, each) for each in waiting]
                options += [("check", number, 0)] if left.checks else []
                spoilt += [("repeat", number, each) for each in waiting if left.duplicates]
                continue
            options.append(("call", number, 0))
            if left.crashes:
                spoilt += [("crash before", number, 0), ("crash after", number, 0)]
            if left.errors:
                spoilt.append(("fail", number, 0))
            if left.errors and isinstance(call, _WRITES):
                spoilt.append(("lose answer", number, 0))
        return options + spoilt if options else []

    def _do(self, choice: Choice) -> None:
        """Let one thing happen, and then all that needs no choice."""
        kind, number, which = choice
        world, left, replica = self.world, self.left, self.world.replicas[number]
        match kind:
            case "take" | "repeat":
                messages = world.waiting()[which : which + self.batch]
                if kind == "repeat":
                    self.left = attrs.evolve(left, duplicates=left.duplicates - 1)
                    for message in messages:
                        world.repeat(message)
                world.take(replica, *messages)
            case "check":
                self.left = attrs.evolve(left, checks=left.checks - 1)
                world.ring(replica)
            case "crash before" | "crash after":
                world.make_call(replica, _FAULTS[kind])
                self.left = attrs.evolve(left, crashes=left.crashes - 1)
            case "fail" | "lose answer":
                world.make_call(replica, _FAULTS[kind])
                self.left = attrs.evolve(left, errors=left.errors - 1)
            case _:
                world.make_call(replica)
        self._settle()

    def _settle(self) -> None:
        """Start replicas that are down, read the clocks, and let executors answer at once."""
        for replica in self.world.replicas:
            if replica.is_down:
                self.world.start(replica)
            while isinstance(replica.call, Now):
                self.world.make_call(replica)
        self.world.pass_time(self.world.now)

    def _heal(self) -> None:
        """Let one replica publish what is left, then check the world at rest.

        Where a check may have been broken off, it does another one, as soon as it has settled.
        """
        replica = self.world.replicas[0]
        if self.checks:
            self.world.pass_time(max(self.world.now, replica.hosting.settled_at))
        self.world.ring(replica)
        while replica.call is not None:
            self.world.make_call(replica)
        self.world.check_rest(all_ended=False)

    def _key(self) -> tuple[object, ...]:
        """Return all that the future depends on; a project state stands for its whole history."""
        return (
            tuple(map(self._project_key, self.projects)),
            tuple(sorted(map(self._replica_key, self.world.replicas), key=hash)),
            tuple((message.command, message.is_taken) for message in self.world.inbox),
            self.left,
        )

    def _project_key(self, project: str) -> tuple[object, ...]:
        """Return what is stored and published of a project."""
        store = self.world.store
        stored = store.load(project)
        pending = store.pending(project, limit=1)
        history = self.world.witness.histories.get(project)
        return (
            None if stored is None else id(stored),
            pending[0].serial if pending else 0,
            0 if history is None else history.published,
        )

    def _replica_key(self, replica: Replica) -> tuple[object, ...]:
        """Return what a replica knows, which decides what it does next, and what it may answer."""
        known = replica.hosting.known
        states = [(known.get(project), known.trusted(project)) for project in self.projects]
        return (
            type(replica.call).__name__,
            tuple([message.command for message in replica.messages]),
            tuple([(id(state), trusted is None) for state, trusted in states]),
            tuple(map(id, self.world.judge.unchanging(replica))),
            id(replica.plane),
            tuple(map(_heard_key, replica.heard)),
        )


def _heard_key(reply: object) -> object:
    match reply:
        case ProjectState():
            return id(reply)
        case Conflict():
            return type(reply).__name__
        case Mapping():
            return tuple([(project, _heard_key(each)) for project, each in reply.items()])
        case tuple():
            return tuple([getattr(each, "serial", each) for each in reply])
    return reply


def _stay_silent(event: TaskTriggered, source: str) -> Answers:  # noqa: ARG001 - as executors do
    return ()


def _finish(event: TaskTriggered, source: str) -> Answers:
    report_id = f"{event.task_id}-{source}"[:200]
    return ((timedelta(0), event.finished(source=source, result="pass", report_id=report_id)),)
