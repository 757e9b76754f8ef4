"""The host protocol, written once: which port is called when, and what follows from its answer.

A conversation is a generator. It yields calls, which are values. A driver makes each call on a real
port and sends the reply back in, or throws the port's error. The sync and the async controller are
drivers, and the simulation is a third one: a host may crash at every ``yield``.

The order matters. First decide and commit. Then the commands are accepted, and the host may
acknowledge their messages. Then publish, always from the head of the outbox: so events are
published in the order of their commits, whoever committed them. All of that happens in one turn of
the project, so that two threads or tasks never do it at once.

A state that is known needs no load before: a commit is written only if nobody else wrote meanwhile.
Only an answer without events must be proved by a load, since no commit does it. Where others write
too, that would meet a conflict again and again; so what was loaded is trusted only until others are
seen to write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, final

import attrs

from sequencectl._scalars import checked_instant
from sequencectl._sequence.draft import checked_project
from sequencectl._turns import Turn, Turns
from sequencectl.commands import CheckDeadlines, Command, CommandRejected
from sequencectl.control_plane import ControlPlane, Decision, combine
from sequencectl.errors import Conflict, Contention, InvalidValue, shown
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.state import ProjectState


@final
@attrs.frozen
class TakeTurn:
    """Wait for the turn of projects. The reply is a `Turn`, which ends with its ``with`` block."""

    projects: tuple[str, ...]


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


@final
@attrs.frozen
class LoadMany:
    """Load several projects, as `Load` does one."""

    projects: tuple[str, ...]
    known: Mapping[str, ProjectState]


@final
@attrs.frozen
class CommitMany:
    """Commit decisions on several projects."""

    decisions: tuple[Decision, ...]


@final
@attrs.frozen
class PendingMany:
    """Read the head of several outboxes."""

    projects: tuple[str, ...]
    limit: int


@final
@attrs.frozen
class AcknowledgeMany:
    """Drop what was published from several outboxes."""

    through: Mapping[str, int]


Call = (
    TakeTurn | Now | Load | Commit | Pending | Emit | Acknowledge | ReadAgenda
    | LoadMany | CommitMany | PendingMany | AcknowledgeMany
)  # fmt: skip
"""What a conversation asks of its driver: a turn, or a call of a port."""

Reply = Any
"""A turn, or what the port returned."""

T = TypeVar("T")
Conversation = Generator[Call, Reply, T]
"""Calls out, replies in, and a result at the end."""

_BATCH: Final = 500
_NOW: Final = Now()


@final
@attrs.frozen
class Handled:
    """The decision on a command, and when to come back.

    Commands that are handled together share `arm` and `unsent`.

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
    """The newest state seen of each project, the `most` most recently used of them.

    One is *trusted* as long as nobody else was seen to write to the project: then a decision on it
    will hardly meet a conflict.
    """

    def __init__(self, most: int, lock: AbstractContextManager[object]) -> None:
        self._most = most
        self._lock = lock
        self._seen: dict[str, tuple[ProjectState, bool]] = {}
        """The state of each project, and whether it is trusted."""

    def get(self, project: str) -> ProjectState | None:
        """Return the newest state seen of a project, or None."""
        return self._seen.get(project, (None, False))[0]

    def trusted(self, project: str) -> ProjectState | None:
        """Return the newest state seen of a project; None if others write there."""
        state, is_trusted = self._seen.get(project, (None, False))
        return state if is_trusted else None

    def loaded(self, state: ProjectState) -> None:
        """Remember what was loaded; trust it if it is the first, or just what was known."""
        with self._lock:
            known, _ = self._seen.get(state.project, (state, True))
            self._keep(state, is_trusted=known.serial == state.serial)

    def committed(self, state: ProjectState) -> None:
        """Remember what was committed here."""
        with self._lock:
            _, is_trusted = self._seen.get(state.project, (state, True))
            self._keep(state, is_trusted=is_trusted)

    def drop(self, project: str) -> None:
        """Forget a project whose stored state is uncertain."""
        with self._lock:
            self._seen.pop(project, None)

    def _keep(self, state: ProjectState, *, is_trusted: bool) -> None:
        """Remember a state as the newest of its project; forget the one unused for longest."""
        self._seen.pop(state.project, None)
        self._seen[state.project] = state, is_trusted
        while len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]


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

    `attempts` bounds the commits of one command. No more than `at_once` projects are checked or
    published together. No deadline is checked before `settled_at` (R31). Where something failed,
    the host must come back after `retry_after`. Threads share the rest: whose turn it is, the
    states that were seen, and when to come back.
    """

    plane_of: Callable[[str], ControlPlane]
    attempts: int
    at_once: int
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
        at_once: int = 1,
    ) -> Hosting:
        """Return the hosting of a controller that has seen nothing yet."""
        turns = Turns()
        memory = KnownStates(known, turns.lock), Timer(settled_at, turns.lock)
        return cls(plane_of, attempts, at_once, settled_at, retry_after, turns, *memory)


def load(hosting: Hosting, project: str) -> Conversation[ProjectState]:
    """Return the newest state of a project, an initial one if nothing was ever committed."""
    work = _Work(checked_project(project), hosting.plane_of(project), ())
    yield from _load(hosting, [work])
    assert work.state is not None
    return work.state


def handle(hosting: Hosting, project: str, command: Command) -> Conversation[Handled]:
    """Decide a command, commit the decision, then publish what is unsent (duties 1 to 6).

    Raises `CommandRejected` if the command was refused, and what `handle_many` raises.
    """
    (answer,) = yield from handle_many(hosting, project, (command,))
    if isinstance(answer, Exception):
        raise answer
    return answer


def handle_many(
    hosting: Hosting, project: str, commands: Sequence[Command]
) -> Conversation[tuple[Handled | Exception, ...]]:
    """Decide commands one after another, commit all as one, then publish what is unsent.

    The answer to each is what `handle` would have returned or raised. Raises `Contention` if other
    hosts kept committing first. After any error of the store nobody knows whether the commands took
    effect: send them again, their ids make that safe.
    """
    checked_project(project)
    if not commands:
        return ()
    with (yield from _turn(project)):
        work = _Work(project, hosting.plane_of(project), commands, hosting.known.trusted(project))
        done = yield from _settle(hosting, [work])
        failed = yield from _published(hosting, done)
    unsent, arm = failed.get(project), hosting.timer.ring_by(None)
    return tuple([_answer(each, arm, unsent) for each in work.answers])


def _answer(
    answer: Decision | Exception, arm: datetime | None, unsent: Exception | None
) -> Handled | Exception:
    if isinstance(answer, Exception):
        return answer
    try:
        answer.raise_if_rejected()
    except CommandRejected as error:
        return error
    return Handled(answer, arm, unsent)


def relay(hosting: Hosting) -> Conversation[Relayed]:
    """Publish everything that is committed and unsent, project by project (duty 6)."""
    emitted, unsent = yield from _relay_all(hosting)
    return Relayed(emitted, unsent, (yield from _arm(hosting, unsent)))


def check_deadlines(hosting: Hosting) -> Conversation[Checked]:
    """Publish what is unsent, then act on every deadline that has passed (duties 7 and 8, R31).

    Nothing is checked before the host has settled, so that it first hears the reports that wait on
    the bus, and ends nothing for a silence of its own.
    """
    _, skipped = yield from _relay_all(hosting)
    if (yield from _now()) < hosting.settled_at:
        return Checked((), skipped, (yield from _arm(hosting, skipped)))
    checked: dict[str, None] = {}
    idle: set[str] = set()
    while due := (yield from _due(idle | skipped.keys())):
        for projects in _parts(due, hosting.at_once):
            try:
                works = yield from _check(hosting, projects, skipped)
            except Contention as error:
                skipped[error.project] = error
                continue
            for work in works:
                checked[work.project] = None
                if work.decision is None:
                    idle.add(work.project)  # another host was faster, or the agenda lags behind
    return Checked(tuple(checked), skipped, (yield from _arm(hosting, idle | skipped.keys())))


def _check(
    hosting: Hosting, projects: Sequence[str], skipped: dict[str, Exception]
) -> Conversation[list[_Work]]:
    """Check projects in one turn; return what came of it, and put into `skipped` what failed."""
    works: list[_Work] = []
    with (yield from _turn(*projects)):
        for project in projects:
            try:
                plane = hosting.plane_of(project)
            except Exception as error:  # noqa: BLE001 - the other projects are checked
                skipped[project] = error
            else:
                state = hosting.known.trusted(project)
                works.append(_Work(project, plane, (CheckDeadlines(),), state))
        done = yield from _settle(hosting, works)
        skipped |= yield from _published(hosting, done)
    for work in works:
        if work.is_open:
            skipped[work.project] = Contention(work.project, hosting.attempts)
    return done


def _turn(*projects: str) -> Conversation[Turn]:
    reply = yield TakeTurn(projects)
    assert isinstance(reply, Turn)
    return reply


# ---------------------------------------------------------------- decide and commit


@final
@attrs.define(eq=False)
class _Work:
    """The commands for one project, in its turn, and what comes of them.

    `state` is what they are decided on; None: it must be loaded. It `is_proved` if it was loaded in
    this turn. `decision` is what is committed: all that changes something, as one. `is_open` says
    that this is still to be done, `is_alone` that nothing else is in the outbox.
    """

    project: str
    plane: ControlPlane
    commands: Sequence[Command]
    state: ProjectState | None = None
    is_proved: bool = False
    answers: Sequence[Decision | Exception] = ()
    decision: Decision | None = None
    is_open: bool = True
    is_alone: bool = False

    @property
    def result(self) -> ProjectState:
        """The state that the commands result in."""
        state = self.state if self.decision is None else self.decision.state
        assert state is not None
        return state

    def decide(self, now: datetime) -> None:
        """Decide each command on the state that the one before results in."""
        self.decision = None
        state = self.result
        answers: list[Decision | Exception] = []
        changes: list[Decision] = []
        for command in self.commands:
            try:
                decision = self.plane.decide(state, command, now)
            except Exception as error:  # noqa: BLE001 - it is this command's answer, and changed nothing
                answers.append(error)
                continue
            answers.append(decision)
            if decision.events:
                changes.append(decision)
                state = decision.state
        self.answers = answers
        self.is_open = bool(changes)
        if changes:
            self.decision = combine(*changes) if len(changes) > 1 else changes[0]


def _settle(hosting: Hosting, works: Sequence[_Work]) -> Conversation[list[_Work]]:
    """Decide and commit; return what is done.

    What met a conflict `attempts` times is open still; one on a state that was not loaded is no
    attempt. Raises `Contention` if there is nothing else.
    """
    left, together = works, len(works) > 1
    unloaded = any(work.state is not None for work in works)
    for _ in range(hosting.attempts + unloaded):
        unknown = [work for work in left if work.state is None]
        if unknown:
            yield from _load(hosting, unknown)
        now = yield from _now()
        for work in left:
            work.decide(now)
        unproved = [work for work in left if work.decision is None and not work.is_proved]
        if unproved:
            decided_on = [work.state for work in unproved]
            yield from _load(hosting, unproved)
            for work, before in zip(unproved, decided_on, strict=True):
                if work.state is not before:
                    work.decide(now)
        left = [work for work in left if work.is_open]
        if left:
            try:
                yield from _commit(hosting, left, now, together=together)
            except Conflict:
                left[0].state = None  # what is known is still true, and can be caught up
            left = [work for work in left if work.is_open]
        if not left:
            break
    else:
        if not together:
            raise Contention(works[0].project, hosting.attempts)
    done = [work for work in works if not work.is_open]
    for work in done:
        hosting.timer.ring_by(work.result.next_deadline)
    return done


def _load(hosting: Hosting, works: Sequence[_Work]) -> Conversation[None]:
    """Load the newest state of each project."""
    projects = tuple([work.project for work in works])
    if len(projects) == 1:
        found = {projects[0]: (yield Load(projects[0], hosting.known.get(projects[0])))}
    else:
        seen = {project: hosting.known.get(project) for project in projects}
        known = {project: state for project, state in seen.items() if state is not None}
        found = yield LoadMany(projects, known)
        _check_mapping(found, projects, "load_many must return the states by project")
    for work in works:
        state = found.get(work.project)
        if state is None:
            work.state = work.plane.initial(work.project)
        elif not isinstance(state, ProjectState) or state.project != work.project:
            problem = f"load must return the state of project {shown(work.project)}, or None"
            raise InvalidValue("store", state, problem)
        else:
            hosting.known.loaded(state)
            work.state = state
        work.is_proved = True


def _commit(
    hosting: Hosting, works: Sequence[_Work], now: datetime, *, together: bool
) -> Conversation[None]:
    """Commit what was decided; where somebody was faster, the state must be loaded anew.

    Raises `Conflict` for that if it is not done `together` with other projects.
    """
    decisions = tuple([work.decision for work in works if work.decision is not None])
    projects = [work.project for work in works]
    answers: Mapping[str, object]
    try:
        if not together:
            answers = {projects[0]: (yield Commit(decisions[0]))}
        else:
            answers = yield CommitMany(decisions)
            problem = "commit_many must return the answer to each decision, by project"
            _check_mapping(answers, projects, problem, is_whole=True)
    except Conflict:
        raise
    except BaseException:
        for project in projects:
            hosting.known.drop(project)
        hosting.timer.ring_by(now + hosting.retry_after)  # what was written is unsent
        raise
    for work, decision in zip(works, decisions, strict=True):
        answer = answers[work.project]
        if isinstance(answer, Conflict):
            work.state = None
        else:
            hosting.known.committed(decision.state)
            work.is_open, work.is_alone = False, answer is True
    if together and any(work.is_open for work in works):
        hosting.timer.ring_by(now)  # if the next attempt fails, what was committed is unsent


# ---------------------------------------------------------------- publish


@final
@attrs.define(eq=False)
class _Outbox:
    """An outbox that is published from its head until it is empty, or `through` is published.

    Without that bound one host could go on for ever, while other hosts keep adding events. `own`
    are events that are known to be at its head, and need not be read.
    """

    project: str
    through: int | None = None
    own: Sequence[Event] = ()
    emitted: int = 0
    error: Exception | None = None
    failed_at: datetime | None = None

    def known(self) -> Sequence[Event]:
        """Return the next of the events that need not be read; none if they must be."""
        events, self.own = self.own[:_BATCH], self.own[_BATCH:]
        return events

    def go_on(self, events: Sequence[Event], serial: int) -> bool:
        """Count events that were sent, up to `serial`; return whether there may be more."""
        self.emitted += len(events)
        return self.through is None or serial < self.through


def _published(hosting: Hosting, works: Sequence[_Work]) -> Conversation[dict[str, Exception]]:
    """Publish what was committed; return the error of each project where that failed."""
    outboxes: list[_Outbox] = []
    for work in works:
        decision = work.decision
        if decision is not None:
            own = decision.events if work.is_alone else ()
            outboxes.append(_Outbox(work.project, decision.state.serial, own))
    try:
        yield from _publish(outboxes)
    except BaseException:  # this task is cancelled: a check publishes what it has not
        for work in works:
            hosting.timer.ring_by(work.result.ledger.at)
        raise
    for outbox in outboxes:
        if outbox.failed_at is not None:
            hosting.timer.ring_by(outbox.failed_at + hosting.retry_after)
    return _errors(outboxes)


def _publish(outboxes: Sequence[_Outbox]) -> Conversation[None]:
    """Publish outboxes; an error of the store or the sink is noted, and ends nothing else."""
    if len(outboxes) == 1:
        yield from _publish_one(outboxes[0])
    elif outboxes:
        yield from _publish_many(outboxes)


def _publish_one(outbox: _Outbox) -> Conversation[None]:
    """Publish one outbox, as many events at a time as are read at a time."""
    project, goes_on = outbox.project, True
    try:
        while goes_on:
            events = outbox.known() or _pending((yield Pending(project, _BATCH)))
            if not events:
                return
            serial = events[-1].serial
            yield Emit(project, events)
            yield Acknowledge(project, serial)
            goes_on = outbox.go_on(events, serial)
    except Exception as error:  # noqa: BLE001 - what was committed stays so
        outbox.error, outbox.failed_at = error, (yield from _now())


def _publish_many(outboxes: Sequence[_Outbox]) -> Conversation[None]:
    """Publish several outboxes in rounds, in each of them so many events of each."""
    left = list(outboxes)
    try:
        while left:
            heads = yield from _heads(left)
            sent: dict[str, int] = {}
            for outbox in left:
                if events := heads[outbox.project]:
                    try:
                        yield Emit(outbox.project, events)
                    except Exception as error:  # noqa: BLE001 - the others are published
                        outbox.error, outbox.failed_at = error, (yield from _now())
                    else:
                        sent[outbox.project] = events[-1].serial
            if sent:
                yield AcknowledgeMany(sent)
            left = [
                outbox
                for outbox in left
                if (last := sent.get(outbox.project)) is not None
                and outbox.go_on(heads[outbox.project], last)
            ]
    except Exception as error:  # noqa: BLE001 - what was committed stays so
        now = yield from _now()
        for outbox in left:
            outbox.error, outbox.failed_at = outbox.error or error, now


def _heads(outboxes: Sequence[_Outbox]) -> Conversation[dict[str, Sequence[Event]]]:
    """Return the oldest events of each outbox; what is not known is read."""
    heads: dict[str, Sequence[Event]] = {each.project: each.known() for each in outboxes}
    unknown = tuple([project for project, events in heads.items() if not events])
    if unknown:
        replies = yield PendingMany(unknown, _BATCH)
        _check_mapping(replies, unknown, "pending_many must return events by project")
        heads |= {project: _pending(reply) for project, reply in replies.items()}
    return heads


def _pending(reply: Reply) -> Sequence[Event]:
    return _listed(reply, Event, "pending must return a sequence of events")


def _errors(outboxes: Iterable[_Outbox]) -> dict[str, Exception]:
    return {each.project: each.error for each in outboxes if each.error is not None}


def _relay_all(hosting: Hosting) -> Conversation[tuple[int, dict[str, Exception]]]:
    """Publish every outbox; return how many events that were, and the error of each project."""
    emitted = 0
    failed: dict[str, Exception] = {}
    while True:
        entries = yield from _agenda(len(failed))
        unsent = dict.fromkeys(each.project for each in entries if each.at is None)
        projects = [project for project in unsent if project not in failed]
        if not projects:
            return emitted, failed
        for part in _parts(projects, hosting.at_once):
            outboxes = [_Outbox(project) for project in part]
            with (yield from _turn(*part)):
                yield from _publish(outboxes)
            emitted += sum(each.emitted for each in outboxes)
            failed |= _errors(outboxes)


# ---------------------------------------------------------------- when to come back


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


def _parts(projects: Sequence[str], size: int) -> list[Sequence[str]]:
    return [projects[at : at + size] for at in range(0, len(projects), size)]


def _check_mapping(
    reply: Reply, projects: Collection[str], problem: str, *, is_whole: bool = False
) -> None:
    """Raise `InvalidValue` unless the store returned a mapping of these projects, or of some."""
    is_of_them = isinstance(reply, Mapping) and reply.keys() <= {*projects}
    if not is_of_them or (is_whole and len(reply) < len(projects)):
        raise InvalidValue("store", reply, problem)


def _listed(reply: Reply, kind: Any, problem: str) -> tuple[Any, ...]:
    """Return what the store listed; raise `InvalidValue` if anything is not of this kind."""
    if not isinstance(reply, Sequence) or not all(isinstance(each, kind) for each in reply):
        raise InvalidValue("store", reply, problem)
    return tuple(reply)


def _now() -> Conversation[datetime]:
    return checked_instant((yield _NOW))


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
