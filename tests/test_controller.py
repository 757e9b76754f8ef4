"""The controllers: what is called in which order, and what follows from an answer (section 7)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier, Semaphore, Thread
from typing import Any, Final

import pytest

from sequencectl import (
    AsyncSequenceController,
    CheckDeadlines,
    Command,
    CommandRejected,
    Conflict,
    Contention,
    ControlPlane,
    Decision,
    Event,
    FreezeStage,
    InvalidValue,
    PauseSequence,
    Phase,
    ProjectState,
    ReentrantCall,
    SequenceController,
    Shipyard,
    TimeoutPolicy,
    TriggerSequence,
    UnknownProject,
    UnknownSequence,
)
from sequencectl.ports import Appointment
from sequencectl.testing import InMemoryStore, ManualClock, RecordingSink

PLANE = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy", "test"]}}))
MINUTE = timedelta(minutes=1)
PATIENCE: Final = 30.0
"""Seconds after which a thread that should have ended never will."""


def trigger(sequence_id: str) -> TriggerSequence:
    """A delivery of carts in dev."""
    return TriggerSequence(sequence_id, stage="dev", sequence="delivery", service="carts")


def kinds(errors: Mapping[str, Exception]) -> dict[str, type[Exception]]:
    """What failed in which project, by type."""
    return {project: type(error) for project, error in errors.items()}


class SpyStore:
    """An `InMemoryStore` that writes down what it is asked, and can be told to fail."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.inner = InMemoryStore()
        self.log: list[str] = [] if log is None else log
        self.known: list[int | None] = []
        self.limits: list[int] = []
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Load, noting what was known."""
        self.log.append("load")
        self.known.append(None if known is None else known.serial)
        return self.inner.load(project, known=known)

    def commit(self, decision: Decision) -> None:
        """Commit between the two hooks."""
        self.log.append("commit")
        self.before_commit()
        self.inner.commit(decision)
        self.after_commit()

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Read the outbox, two events at a time, so that batches are seen."""
        self.log.append("pending")
        return self.inner.pending(project, limit=min(limit, 2))

    def acknowledge(self, project: str, *, through: int) -> None:
        """Acknowledge."""
        self.log.append(f"acknowledge {through}")
        self.inner.acknowledge(project, through=through)

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Read the agenda, noting how far."""
        self.limits.append(limit)
        return self.inner.agenda(limit=limit)


class SpySink:
    """A `RecordingSink` that writes down what it emits, and fails for some projects."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.inner = RecordingSink()
        self.log: list[str] = [] if log is None else log
        self.down: set[str] = set()

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Emit, unless the project's topic is down."""
        self.log.append(f"emit {events[0].serial}-{events[-1].serial}")
        if project in self.down:
            raise ConnectionError(project)
        self.inner.emit(project, events)


class AsyncPorts:
    """The spies for hosts that await."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def load(self, project: str, *, known: ProjectState | None = None) -> Any:
        """Load, and let the other tasks go on."""
        state = self.world.store.load(project, known=known)
        await asyncio.sleep(0)
        return state

    async def commit(self, decision: Decision) -> None:
        """Commit."""
        self.world.store.commit(decision)

    async def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Read the outbox."""
        return self.world.store.pending(project, limit=limit)

    async def acknowledge(self, project: str, *, through: int) -> None:
        """Acknowledge."""
        self.world.store.acknowledge(project, through=through)

    async def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Read the agenda."""
        return self.world.store.agenda(limit=limit)

    async def emit(self, project: str, events: Sequence[Event]) -> None:
        """Emit."""
        self.world.sink.emit(project, events)


class World:
    """A store, a sink and a clock, and controllers over them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.store = SpyStore(self.log)
        self.sink = SpySink(self.log)
        self.clock = ManualClock()
        self.controller = self.another()

    def another(self, planes: Any = PLANE, **options: Any) -> SequenceController:
        """A controller that has just been started over the same store, sink and clock."""
        ports: Any = {"store": self.store, "clock": self.clock, "sink": self.sink}
        return SequenceController(planes, **ports, **options)

    def awaiting(self, ports: AsyncPorts, **options: Any) -> AsyncSequenceController:
        """A controller for hosts that await, over async ports and the same clock."""
        return AsyncSequenceController(PLANE, store=ports, clock=self.clock, sink=ports, **options)

    def published(self) -> list[int]:
        """The serials that were published, repeats included."""
        return [event.serial for event in self.sink.inner.emitted]


def test_a_command_is_committed_before_anything_is_published() -> None:
    """Load, commit, then the outbox from its head, in batches, through the decision (duty 6)."""
    world = World()

    handled = world.controller.handle("p", trigger("a"))

    assert [
        "load",
        "commit",
        "pending",
        "emit 1-2",
        "acknowledge 2",
        "pending",
        "emit 3-3",
        "acknowledge 3",
    ] == world.log
    assert handled.arm == handled.decision.next_deadline == world.clock.now() + 3 * MINUTE


def test_the_first_event_of_a_project_is_published() -> None:
    """A decision of one event in a new project has the serial 1, and goes out at once (duty 6)."""
    world = World()

    world.controller.handle("p", FreezeStage("dev"))

    assert [1] == world.published()


def test_what_others_keep_adding_is_left_to_them() -> None:
    """A command is answered once its own events are out, however much is committed behind them:
    else a host in a busy project would publish for ever (duty 6).
    """
    world = World()
    world.controller.handle("p", trigger("a"))
    other = world.another()
    own = world.sink.emit

    def emit(project: str, events: Sequence[Event]) -> None:
        own(project, events)
        if len(world.published()) < 40:
            command = trigger(f"of another {len(world.published())}")
            world.store.inner.commit(PLANE.decide(other.state("p"), command, world.clock.now()))

    world.sink.emit = emit  # type: ignore[method-assign]
    handled = world.controller.handle("p", trigger("b"))

    assert handled.decision.state.serial == world.published()[-1]


def test_every_project_has_a_plane_of_its_own() -> None:
    """A function of the project says by which plane it is decided, from its first command."""
    world = World()
    planes = {"p": PLANE, "q": ControlPlane(Shipyard.of({"qa": {}}))}
    controller = world.another(planes.__getitem__)
    controller.handle("p", FreezeStage("dev"))
    controller.handle("q", FreezeStage("qa"))

    frozen = [list(controller.state(project).freezes) for project in "pq"]
    assert [["dev"], ["qa"]] == frozen


def test_what_changes_nothing_is_answered_at_once() -> None:
    """A duplicate is neither committed nor published (duty 3)."""
    world = World()
    world.controller.handle("p", trigger("a"))
    world.log.clear()

    handled = world.controller.handle("p", trigger("a"))

    assert (["load"], ()) == (world.log, handled.decision.events)


def test_a_refusal_is_raised() -> None:
    """`handle` raises where `decide` answers; nothing was committed."""
    world = World()

    with pytest.raises(CommandRejected, match="No context 'x' is known"):
        world.controller.handle("p", PauseSequence("x"))

    assert ["load"] == world.log


def test_a_conflict_is_decided_anew() -> None:
    """Another replica was faster: load again, decide on what it left, commit that (duty 4)."""
    world = World()
    other = world.another()

    def be_faster() -> None:
        world.store.before_commit = lambda: None
        other.handle("p", trigger("b"))

    world.store.before_commit = be_faster
    world.controller.handle("p", trigger("a"))

    assert ("b",) == world.controller.state("p").holders("dev")
    assert ("a",) == world.controller.state("p").line("dev")
    assert list(range(1, 5)) == world.published()


def test_a_conflict_leaves_what_is_known() -> None:
    """Nothing was written, so the known state is still true and a store can catch it up."""
    world = World()
    world.controller.handle("p", trigger("a"))
    conflicts = iter([Conflict("p", base=3)])

    def refuse_once() -> None:
        for conflict in conflicts:
            raise conflict

    world.store.before_commit = refuse_once
    world.controller.handle("p", trigger("b"))

    assert [None, 3] == world.store.known


def test_conflicts_without_end_are_contention() -> None:
    """After so many attempts nothing was done, and the command can be sent again (duty 4)."""
    world = World()

    def refuse() -> None:
        raise Conflict("p", base=0, found=7)

    world.store.before_commit = refuse
    controller = world.another(attempts=3)

    with pytest.raises(Contention, match="project 'p' was busy: 3 commits met a conflict"):
        controller.handle("p", trigger("a"))

    assert 3 == world.log.count("commit")
    assert 0 == controller.state("p").serial


def test_an_ambiguous_commit_is_made_safe_by_ids() -> None:
    """The commit took effect and its answer was lost: the same command again is a duplicate.

    Its events are unsent, so the host must come back soon.
    """
    world = World()

    def lose_the_answer() -> None:
        raise TimeoutError

    world.store.after_commit = lose_the_answer
    with pytest.raises(TimeoutError):
        world.controller.handle("p", trigger("a"))
    world.store.after_commit = lambda: None

    handled = world.controller.handle("p", trigger("a"))
    world.controller.relay()

    assert () == handled.decision.events
    assert world.clock.now() + timedelta(seconds=5) == handled.arm
    assert [1, 2, 3] == world.published()


def test_a_state_is_known_after_its_commit_and_unknown_after_an_error() -> None:
    """What was committed or loaded is offered as known; what may be wrong is dropped."""
    world = World()
    world.controller.handle("p", trigger("a"))
    world.controller.state("p")
    world.store.after_commit = lambda: (_ for _ in ()).throw(TimeoutError)
    with pytest.raises(TimeoutError):
        world.controller.handle("p", trigger("c"))
    world.store.after_commit = lambda: None
    world.controller.handle("p", trigger("d"))

    assert [None, 3, None] == world.store.known


def test_known_states_are_bounded() -> None:
    """The project that was unused for longest is dropped; none are kept with a bound of zero."""
    known = []
    for most in (2, 0):
        world = World()
        for project in "pqr":
            world.controller.handle(project, trigger("a"))
        controller = world.another(known=most)
        before = len(world.store.known)
        for project in ("p", "q", "p", "r", "p", "q"):
            controller.state(project)
        known.append([serial is not None for serial in world.store.known[before:]])

    assert [[False, False, True, False, True, False], [False] * 6] == known


def test_a_sink_that_is_down_does_not_undo_a_command() -> None:
    """The command is done, the error is told, and the next relay publishes in order."""
    world = World()
    world.sink.down.add("p")
    handled = world.controller.handle("p", trigger("a"))
    seen = (type(handled.unsent), world.published())
    failed = world.controller.relay()
    world.sink.down.clear()

    relayed = world.controller.relay()

    assert (ConnectionError, []) == seen
    assert world.clock.now() + timedelta(seconds=5) == handled.arm
    assert (0, {"p": ConnectionError}, world.clock.now() + timedelta(seconds=5)) == (
        failed.emitted,
        kinds(failed.unsent),
        failed.arm,
    )
    assert (3, {}, [1, 2, 3]) == (relayed.emitted, relayed.unsent, world.published())
    assert world.clock.now() + 3 * MINUTE == relayed.arm


def test_a_host_that_arms_what_it_was_told_last_loses_no_timer() -> None:
    """The answer to a command of one project names the deadline of another that comes before."""
    world = World()
    controller = world.another(settle="10m")
    controller.handle("p", trigger("a"))
    world.clock.advance(MINUTE)

    handled = controller.handle("q", trigger("a"))

    assert world.clock.now() + 2 * MINUTE == handled.arm


def test_a_host_comes_back_after_settle_whatever_it_was_told() -> None:
    """Before the first check nobody knows what else is in the store."""
    world = World()
    patient = ControlPlane(PLANE.shipyard, timeouts=TimeoutPolicy(reaction="24h"))

    handled = world.another(patient, settle="3m").handle("p", trigger("a"))

    assert world.clock.now() + 3 * MINUTE == handled.arm


def test_a_check_begins_anew() -> None:
    """What was due is done, and the next instant is read from the agenda, for all projects."""
    world = World()
    controller = world.another(settle="0s")
    for project in "pq":
        controller.handle(project, trigger("a"))
        world.clock.advance(MINUTE)
    world.clock.advance(MINUTE)

    checked = controller.check_deadlines()
    handled = controller.handle("r", trigger("a"))

    assert ("p",) == checked.projects
    assert world.clock.now() + MINUTE == checked.arm == handled.arm


def test_what_is_committed_while_a_check_reads_the_agenda_is_not_lost() -> None:
    """Another thread commits when the agenda has just been read: its deadline is armed, too."""
    world = World()
    controller = world.another(settle="0s")
    agenda = world.store.inner.agenda
    reads = iter(["to publish", "to arm"])

    def overtaken(*, limit: int) -> Sequence[Appointment]:
        entries = agenda(limit=limit)
        if next(reads) == "to arm":
            thread = Thread(target=controller.handle, args=("q", trigger("a")))
            thread.start()
            thread.join(PATIENCE)
        return entries

    controller.check_deadlines()
    world.store.inner.agenda = overtaken  # type: ignore[method-assign]
    relayed = controller.relay()

    assert world.clock.now() + 3 * MINUTE == relayed.arm


def test_an_agenda_that_cannot_be_read_takes_no_timer_back() -> None:
    """A relay fails at its end; the next answer still names the deadline of another project."""
    world = World()
    controller = world.another(settle="10m")
    controller.handle("p", trigger("a"))
    world.clock.advance(MINUTE)
    reads = iter([()])

    def agenda(*, limit: int) -> Sequence[Appointment]:
        for entries in reads:
            return entries
        raise ConnectionError(limit)

    world.store.agenda = agenda  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        controller.relay()

    assert world.clock.now() + 2 * MINUTE == controller.handle("q", trigger("a")).arm


def test_what_another_host_is_about_to_publish_is_looked_after() -> None:
    """It may crash before it has: a check that sees unsent events comes back a little later."""
    world = World()
    controller = world.another(settle="0s")
    controller.handle("p", trigger("a"))
    unsent = [Appointment("p", None), Appointment("p", world.clock.now() + 3 * MINUTE)]
    reads = iter([(), ()])
    world.store.agenda = lambda **_limit: next(reads, unsent)  # type: ignore[method-assign]

    checked = controller.check_deadlines()

    assert world.clock.now() + timedelta(seconds=5) == checked.arm


def test_a_deadline_that_is_sooner_than_the_next_try_is_armed() -> None:
    """What could not be published is tried again at the deadline, if that comes first."""
    world = World()
    world.sink.down.add("p")
    hasty = ControlPlane(PLANE.shipyard, timeouts=TimeoutPolicy(reaction="2s"))

    handled = world.another(hasty).handle("p", trigger("a"))

    assert world.clock.now() + timedelta(seconds=2) == handled.arm


def test_a_relay_counts_what_it_published_everywhere() -> None:
    """The events of all projects, whatever the sink refused before (duty 6)."""
    world = World()
    world.sink.down.update("pq")
    for project in "pq":
        world.controller.handle(project, trigger("a"))
    world.sink.down.clear()

    assert 6 == world.controller.relay().emitted


def test_the_agenda_is_read_further_for_each_project_that_is_passed_over() -> None:
    """A project stands in it twice at most, so that those in trouble hide nobody else."""
    world = World()
    world.sink.down.update("pq")
    for project in "pq":
        world.controller.handle(project, trigger("a"))

    world.controller.relay()

    first, *later = world.store.limits
    assert [first + 4, first + 4] == later


def test_one_project_s_trouble_is_not_another_s() -> None:
    """What cannot be published in one project keeps nothing back in the others."""
    world = World()
    world.sink.down.update("pq")
    for project in "pq":
        world.controller.handle(project, trigger("a"))
    world.sink.down.discard("q")

    relayed = world.controller.relay()

    assert (3, ["p"]) == (relayed.emitted, list(relayed.unsent))


def test_nothing_is_checked_before_settle_has_passed() -> None:
    """After an outage reports are heard before anybody is blamed for silence (R31)."""
    world = World()
    world.controller.handle("p", trigger("a"))
    world.clock.advance(60 * MINUTE)
    restarted = world.another(settle=3 * MINUTE)

    early = restarted.check_deadlines()
    world.clock.advance(3 * MINUTE)
    checked = restarted.check_deadlines()

    assert ((), world.clock.now()) == (early.projects, early.arm)
    assert ("p",) == checked.projects
    assert restarted.state("p").of_context("a")[0].phase is Phase.TIMED_OUT
    assert None is checked.arm


def test_what_is_unsent_is_published_before_settle() -> None:
    """A restarted host publishes what another left in the outbox, whenever it comes (duty 8)."""
    world = World()
    world.sink.down.add("p")
    world.controller.handle("p", trigger("a"))
    world.sink.down.clear()

    world.another().check_deadlines()

    assert [1, 2, 3] == world.published()


def test_every_project_that_is_due_is_checked() -> None:
    """The most urgent first, until nothing is due, and the next deadline is what to arm."""
    world = World()
    controller = world.another(settle=timedelta(0))
    for project in "pqr":
        controller.handle(project, trigger("a"))
        world.clock.advance(MINUTE)
    world.clock.advance(MINUTE)

    checked = controller.check_deadlines()

    assert ("p", "q") == checked.projects
    assert world.clock.now() + MINUTE == checked.arm


def test_a_project_whose_events_cannot_be_published_is_not_checked() -> None:
    """Nobody is timed out for a task that was never published; come back a little later."""
    world = World()
    controller = world.another(settle=timedelta(0))
    world.sink.down.add("p")
    controller.handle("p", trigger("a"))
    world.clock.advance(60 * MINUTE)

    checked = controller.check_deadlines()

    assert ((), ["p"]) == (checked.projects, list(checked.skipped))
    assert controller.state("p").of_context("a")[0].phase is Phase.RUNNING
    assert world.clock.now() + timedelta(seconds=5) == checked.arm


def test_what_a_check_leaves_unsent_is_published_a_little_later() -> None:
    """The check ended the last sequence, so no deadline would bring anybody back (duty 6)."""
    world = World()
    controller = world.another(settle=timedelta(0))
    controller.handle("p", trigger("a"))
    world.clock.advance(60 * MINUTE)
    world.sink.down.add("p")

    checked = controller.check_deadlines()
    world.sink.down.clear()
    again = controller.check_deadlines()

    assert (("p",), {"p": ConnectionError}) == (checked.projects, kinds(checked.skipped))
    assert world.clock.now() + timedelta(seconds=5) == checked.arm
    assert (list(range(1, 6)), None) == (world.published(), again.arm)


def test_what_is_unsent_is_tried_again_before_settle() -> None:
    """Only deadlines wait for `settle`; the sink was down at the start and is tried again."""
    world = World()
    world.sink.down.add("p")
    world.controller.handle("p", trigger("a"))

    checked = world.another(settle=3 * MINUTE).check_deadlines()

    assert ((), ["p"]) == (checked.projects, list(checked.skipped))
    assert world.clock.now() + timedelta(seconds=5) == checked.arm


def test_a_project_without_a_plane_is_skipped() -> None:
    """A project that was taken out of the configuration does not stop the others (R31)."""
    world = World()
    for project in "pq":
        world.controller.handle(project, trigger("a"))
    world.clock.advance(60 * MINUTE)

    def planes(project: str) -> ControlPlane:
        if project == "p":
            raise UnknownProject(project)
        return PLANE

    checked = world.another(planes, settle=timedelta(0)).check_deadlines()

    assert (("q",), {"p": UnknownProject}) == (checked.projects, kinds(checked.skipped))
    with pytest.raises(UnknownProject, match="project 'p' is not known here"):
        world.another(planes).handle("p", trigger("b"))


@pytest.mark.parametrize(
    "planes", [{"q": PLANE}.__getitem__, {"q": PLANE}.get], ids=["raised", "None"]
)
def test_an_error_of_the_planes_skips_its_project(planes: Callable[[str], Any]) -> None:
    """A function that raises a KeyError or returns no plane does not stop the others (R31)."""
    world = World()
    for project in "pq":
        world.controller.handle(project, trigger("a"))
    world.clock.advance(60 * MINUTE)

    controller = world.another(planes, settle=timedelta(0))
    with pytest.raises((KeyError, InvalidValue)) as raised:
        controller.handle("p", trigger("b"))
    checked = controller.check_deadlines()

    assert (("q",), {"p": raised.type}) == (checked.projects, kinds(checked.skipped))
    assert world.clock.now() + timedelta(seconds=5) == checked.arm


def test_an_error_of_the_store_ends_a_check() -> None:
    """It may concern every project, so the host hears of it instead of a list of skipped ones."""
    world = World()
    for project in "pq":
        world.controller.handle(project, trigger("a"))
    world.clock.advance(60 * MINUTE)

    def fail() -> None:
        raise TimeoutError

    world.store.before_commit = fail
    with pytest.raises(TimeoutError):
        world.another(settle=timedelta(0)).check_deadlines()

    assert 3 == world.log.count("commit")


def test_a_project_that_others_keep_committing_to_is_skipped() -> None:
    """Contention in one project is no error of the check; it comes back a little later (R31)."""
    world = World()
    controller = world.another(settle=timedelta(0))
    controller.handle("p", trigger("a"))
    world.clock.advance(60 * MINUTE)

    def refuse() -> None:
        raise Conflict("p", base=2, found=7)

    world.store.before_commit = refuse
    checked = controller.check_deadlines()

    assert ((), [Contention]) == (checked.projects, [*map(type, checked.skipped.values())])
    assert world.clock.now() + timedelta(seconds=5) == checked.arm


def test_an_agenda_that_lags_behind_does_not_spin() -> None:
    """A project listed as due that has nothing to do is asked once, and again a little later."""
    world = World()
    controller = world.another(settle=timedelta(0))
    controller.handle("p", trigger("a"))
    late = [Appointment("p", world.clock.now())]
    world.store.agenda = lambda **_limit: late  # type: ignore[method-assign]

    checked = controller.check_deadlines()

    assert ("p",) == checked.projects
    assert world.clock.now() + timedelta(seconds=5) == checked.arm


def test_questions_are_answered_from_the_store() -> None:
    """They are asked about the newest state; unknown ids are typed errors (R32)."""
    world = World()
    world.controller.handle("p", trigger("a"))
    state = world.controller.state("p")

    assert Phase.RUNNING is world.controller.explain("p", "a").phase
    assert PLANE.delivery(state, "a") == world.controller.delivery("p", "a")
    assert PLANE.open_tasks(state) == world.controller.open_tasks("p")
    assert PLANE.permitted(state, "a") == world.controller.permitted("p", "a", actor="ann")
    assert 0 == world.controller.state("never").serial
    with pytest.raises(UnknownSequence):
        world.controller.explain("p", "x")


@pytest.mark.parametrize(
    "options",
    [
        {"settle": timedelta(seconds=-1)},
        {"settle": "-1s"},
        {"settle": "soon"},
        {"settle": 180},
        {"settle": timedelta.max},
        {"attempts": 0},
        {"attempts": "10"},
        {"known": -1},
        {"known": 1.5},
        {"retry_after": timedelta(0)},
        {"retry_after": None},
        {"planes": "PLANE"},
        {"planes": None},
        {"clock": None},
        {"store": "sqlite:///file.db"},
        {"sink": print},
    ],
    ids=repr,
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    """An argument that makes no sense is refused by name, and shown."""
    ((name, value),) = options.items()
    world = World()
    given = {"planes": PLANE, "store": world.store, "clock": world.clock, "sink": world.sink}

    with pytest.raises(InvalidValue, match=f"^{name}: .*, got {re.escape(repr(value))}"):
        SequenceController(**given | options)


@pytest.mark.parametrize(
    "ask", ["handle", "state", "explain", "delivery", "open_tasks", "permitted"]
)
def test_a_project_has_a_name(ask: str) -> None:
    """Whatever else is taken for one is refused before any port is asked."""
    world = World()
    more = {"handle": [trigger("a")], "open_tasks": [], "state": []}.get(ask, ["a"])

    with pytest.raises(InvalidValue, match=r"^project: must be .*, got 3"):
        getattr(world.controller, ask)(3, *more)

    assert [] == world.log


def test_a_command_is_a_command() -> None:
    """Anything else is refused by name, and nothing is committed."""
    world = World()

    with pytest.raises(InvalidValue, match=r"^command: must be one of .*, got 'pause'"):
        world.controller.handle("p", "pause")  # type: ignore[arg-type]

    assert ["load"] == world.log


def test_durations_may_be_texts() -> None:
    """In Go's notation, as everywhere."""
    world = World()
    world.sink.down.add("p")

    handled = world.another(settle="1h30m", retry_after="90s").handle("p", trigger("a"))

    assert world.clock.now() + timedelta(seconds=90) == handled.arm


def test_a_function_of_the_project_returns_a_plane() -> None:
    """None, as from the `get` of a mapping, is an error that says so."""
    controller = World().another({"p": PLANE}.get)

    with pytest.raises(InvalidValue, match=r"^planes: must return a ControlPlane .*, got None"):
        controller.handle("q", trigger("a"))


@pytest.mark.parametrize("now", ["09:00", datetime(2026, 1, 1)])  # noqa: DTZ001 - the mistake
def test_a_clock_says_an_aware_instant(now: Any) -> None:
    """A clock that does not is refused when the controller is made, and whenever it is asked."""
    world = World()
    world.clock.now = lambda: now  # type: ignore[method-assign]  # that is the mistake

    with pytest.raises(InvalidValue, match=r"^now: must be "):
        world.another()
    with pytest.raises(InvalidValue, match=r"^now: must be "):
        world.controller.check_deadlines()


@pytest.mark.parametrize("loaded", ["state", PLANE.initial("q")], ids=["a text", "of another"])
def test_a_store_loads_a_state_of_the_project(loaded: Any) -> None:
    """Anything else is refused by name, and nothing is decided on it."""
    world = World()
    world.store.inner.load = lambda *_, **__: loaded  # type: ignore[method-assign]

    with pytest.raises(InvalidValue) as refused:
        world.controller.handle("p", trigger("a"))

    assert ("store", loaded) == (refused.value.where, refused.value.value)
    assert "load must return the state of project 'p', or None" == refused.value.problem
    assert ["load"] == world.log


@pytest.mark.parametrize(
    "pending", [None, iter(()), [(1, "event")]], ids=["None", "an iterator", "a pair"]
)
def test_a_store_has_pending_events(pending: Any) -> None:
    """Anything else is refused by name and nothing is published; the command itself is done."""
    world = World()
    world.store.inner.pending = lambda *_, **__: pending  # type: ignore[method-assign]

    error = world.controller.handle("p", trigger("a")).unsent

    assert isinstance(error, InvalidValue)
    assert ("store", pending) == (error.where, error.value)
    assert "pending must return a sequence of events" == error.problem
    assert ["load", "commit", "pending"] == world.log


@pytest.mark.parametrize("agenda", [None, [("p", None)]], ids=["None", "a pair"])
@pytest.mark.parametrize("ask", ["check_deadlines", "relay"])
def test_a_store_has_an_agenda_of_appointments(ask: str, agenda: Any) -> None:
    """Anything else is refused by name: what it lists would never be published nor checked."""
    world = World()
    world.store.inner.agenda = lambda **_: agenda  # type: ignore[method-assign]

    with pytest.raises(InvalidValue) as refused:
        getattr(world.controller, ask)()

    assert ("store", agenda) == (refused.value.where, refused.value.value)
    assert "agenda must return Appointments" == refused.value.problem


@pytest.mark.parametrize("name", ["store", "sink", "clock"])
@pytest.mark.parametrize("kind", [SequenceController, AsyncSequenceController])
def test_a_port_is_an_instance(kind: Any, name: str) -> None:
    """A class has the methods too, and the first call would miss an argument."""
    world = World()
    awaits = kind is AsyncSequenceController
    ports: Any = AsyncPorts(world) if awaits else None
    given = {"store": ports or world.store, "sink": ports or world.sink, "clock": world.clock}
    port = type(given[name])

    with pytest.raises(InvalidValue, match=f"^{name}: must be an instance, not a class") as refused:
        kind(PLANE, **given | {name: port})

    assert port is refused.value.value


def test_what_awaits_goes_to_the_controller_that_awaits() -> None:
    """The other one would never wait for it; a clock awaits nowhere."""
    world = World()
    spies: Any = {"store": world.store, "clock": world.clock, "sink": world.sink}
    ports: Any = AsyncPorts(world)

    class AsyncClock:
        async def now(self) -> datetime:
            return world.clock.now()

    wrong: list[tuple[Any, str, Any]] = [
        (SequenceController, "store", ports),
        (SequenceController, "sink", ports),
        (SequenceController, "clock", AsyncClock()),
        (AsyncSequenceController, "clock", AsyncClock()),
    ]
    for kind, name, port in wrong:
        with pytest.raises(InvalidValue, match=f"^{name}: must have a method .* is not async"):
            kind(PLANE, **spies | {name: port})


@pytest.mark.parametrize("store", ["sync", "async"])
@pytest.mark.parametrize("sink", ["sync", "async"])
def test_the_async_controller_takes_each_port_as_it_is(store: str, sink: str) -> None:
    """A store or a sink that does not await will do, each by itself."""
    world = World()
    ports: Any = AsyncPorts(world)
    controller = AsyncSequenceController(
        PLANE,
        store=world.store if store == "sync" else ports,
        clock=world.clock,
        sink=world.sink if sink == "sync" else ports,
    )

    handled = asyncio.run(controller.handle("p", trigger("a")))

    assert ([1, 2, 3], None) == (world.published(), handled.unsent)


class Later:
    """Something to await that is no coroutine."""

    def __await__(self) -> Generator[None]:
        yield


@pytest.mark.parametrize("kind", ["coroutine", "other"])
def test_an_awaitable_from_a_sync_sink_is_an_error(kind: str) -> None:
    """Nobody would await it: the events are not acknowledged, and the next relay publishes them."""
    world = World()
    own = world.sink.emit

    async def emit(project: str, events: Sequence[Event]) -> None:
        own(project, events)

    world.sink.emit = lambda *given: emit(*given) if kind == "coroutine" else Later()  # type: ignore
    handled = world.controller.handle("p", trigger("a"))
    world.sink.emit = own  # type: ignore[method-assign]
    before = world.published()
    world.controller.relay()

    assert isinstance(handled.unsent, InvalidValue)
    assert str(handled.unsent).startswith("sink: must not return what is still to be awaited, got ")
    assert ([], [1, 2, 3]) == (before, world.published())


def test_an_awaitable_from_a_sync_store_is_an_error() -> None:
    """Nobody would await it: nothing is committed, and the command can be sent again."""
    world = World()
    own = world.store.commit

    async def commit(decision: Decision) -> None:
        own(decision)

    world.store.commit = partial(commit)  # type: ignore[assignment]
    with pytest.raises(InvalidValue, match=r"^store: must not return what is still to be awaited"):
        world.controller.handle("p", trigger("a"))
    world.store.commit = own  # type: ignore[method-assign]

    assert 0 == world.controller.state("p").serial
    assert 3 == world.controller.handle("p", trigger("a")).decision.state.serial


def test_an_awaitable_from_an_async_port_is_an_error() -> None:
    """Its author forgot an ``await``: nothing was published."""
    world = World()

    class Forgetful(AsyncPorts):
        async def emit(self, project: str, events: Sequence[Event]) -> Any:
            return super().emit(project, events)

    handled = asyncio.run(world.awaiting(Forgetful(world)).handle("p", trigger("a")))

    assert isinstance(handled.unsent, InvalidValue)
    assert [] == world.published()


# ------------------------------------------------------------------ turns


def test_many_threads_never_meet_a_conflict() -> None:
    """They take the project's commands in turn, so that one attempt is enough for each (duty 9)."""
    world = World()
    controller = world.another(attempts=1)
    start, ask, answer = Barrier(30), Semaphore(0), Semaphore(0)
    is_over: list[bool] = []

    def hand_over() -> None:
        ask.release()
        answer.acquire()

    def other_side() -> None:
        while ask.acquire() and not is_over:
            answer.release()

    other = Thread(target=other_side)
    other.start()
    world.store.before_commit = hand_over

    def work(number: int) -> None:
        start.wait(PATIENCE)
        controller.handle("p", trigger(f"c{number}"))

    with ThreadPoolExecutor(30) as pool:
        answers = [pool.submit(work, number) for number in range(30)]
    is_over.append(True)
    ask.release()
    other.join(PATIENCE)

    assert [] == [error for each in answers if (error := each.exception()) is not None]
    assert list(range(1, 33)) == world.published()


def test_many_tasks_never_meet_a_conflict() -> None:
    """The same, however often the store hands over to the other tasks."""
    world = World()
    controller = world.awaiting(AsyncPorts(world), attempts=1)

    async def main() -> None:
        await asyncio.gather(*(controller.handle("p", trigger(f"c{n}")) for n in range(30)))

    asyncio.run(main())

    assert list(range(1, 33)) == world.published()


async def others_go_on() -> None:
    """Let every other task go on until all of them wait for something."""
    for _ in range(100):
        await asyncio.sleep(0)


class BusySink(AsyncPorts):
    """Async ports that publish when they are let go on."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.may_go_on = asyncio.Event()

    async def emit(self, project: str, events: Sequence[Event]) -> None:
        await self.may_go_on.wait()
        await super().emit(project, events)


def test_a_turn_lasts_until_all_is_published() -> None:
    """Nobody begins with a project while another still publishes; other projects go on."""
    world = World()
    ports = BusySink(world)
    controller = world.awaiting(ports)

    async def main() -> list[list[str]]:
        first = asyncio.create_task(controller.handle("p", trigger("a")))
        await others_go_on()
        waiting = [
            asyncio.create_task(work)
            for work in (controller.handle("p", trigger("b")), controller.relay())
        ]
        await others_go_on()
        before = list(world.log)
        await controller.handle("q", CheckDeadlines())
        ports.may_go_on.set()
        await asyncio.gather(first, *waiting)
        return [before, world.log[len(before) :]]

    before, after = asyncio.run(main())

    assert ["load", "commit", "pending"] == before
    assert [
        "load",  # q
        *("emit 1-2", "acknowledge 2", "pending", "emit 3-3", "acknowledge 3"),
        *("commit", "pending", "emit 4-4", "acknowledge 4"),
        "pending",  # the relay's: nothing is left
    ] == after


def test_a_check_takes_the_turn_of_each_project() -> None:
    """It waits for the command that is being decided, and finds nothing left to do after it."""
    world = World()
    ports = BusySink(world)
    controller = world.awaiting(ports, settle="0s")
    ports.may_go_on.set()

    async def main() -> Any:
        await controller.handle("p", trigger("a"))
        world.clock.advance(3 * MINUTE)
        ports.may_go_on.clear()
        abort = asyncio.create_task(controller.handle("p", CheckDeadlines()))
        await others_go_on()
        check = asyncio.create_task(controller.check_deadlines())
        await others_go_on()
        before = world.log.count("load")
        ports.may_go_on.set()
        await abort
        return before, await check

    before, checked = asyncio.run(main())

    assert (1, ()) == (before, checked.projects)
    assert [1, 2, 3, 4, 5] == world.published()


def test_a_cancelled_task_gives_its_turn_back() -> None:
    """The next one goes on, and is told to check at once, for events are unsent."""
    world = World()
    ports = BusySink(world)
    controller = world.awaiting(ports, settle="1h")

    async def main() -> Any:
        first = asyncio.create_task(controller.handle("p", trigger("a")))
        await others_go_on()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        again = asyncio.create_task(controller.handle("p", trigger("a")))
        await others_go_on()
        return first.cancelled(), again.done() and again.result()

    was_cancelled, handled = asyncio.run(main())

    assert was_cancelled
    assert () == handled.decision.events
    assert world.clock.now() == handled.arm


@pytest.mark.parametrize("inner", ["handle", "check_deadlines", "relay"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_port_does_not_call_its_controller(kind: str, inner: str) -> None:
    """It would wait for the turn that it has itself: a typed error, and nothing is lost."""
    world = World()
    arguments = ("p", trigger("b")) if inner == "handle" else ()

    class Sink(AsyncPorts):
        async def emit(self, *_: object) -> None:
            await getattr(controller, inner)(*arguments)

    if kind == "sync":
        world.sink.emit = lambda *_: getattr(world.controller, inner)(*arguments)  # type: ignore[method-assign]
        handled = world.controller.handle("p", trigger("a"))
    else:
        controller = world.awaiting(Sink(world))
        handled = asyncio.run(controller.handle("p", trigger("a")))

    assert isinstance(handled.unsent, ReentrantCall)
    assert 3 == handled.decision.state.serial
    assert 3 == len(world.store.inner.pending("p", limit=10))


def test_a_port_may_ask_its_controller() -> None:
    """Questions take no turn: a sink may say more of what it publishes."""
    world = World()
    seen: list[object] = []
    world.sink.emit = lambda *_: seen.append(  # type: ignore[method-assign]
        world.controller.explain("p", "a").phase
    )

    world.controller.handle("p", trigger("a"))

    assert {Phase.RUNNING} == {*seen}


def test_nothing_is_kept_of_turns_that_are_over() -> None:
    """After many projects a controller has what it had before the first."""
    world = World()
    controller = world.another(known=0)
    for number in range(100):
        controller.handle(f"p{number}", FreezeStage("dev"))
    controller.relay()

    turns = controller._hosting.turns

    assert (0, 0) == (len(turns._lines), len(turns._owners))


def test_the_async_controller_holds_the_same_conversation() -> None:
    """The same commands make the same calls in the same order, and the same answers."""
    sync, other = World(), World()
    ports = AsyncPorts(other)
    commands: list[Command] = [trigger("a"), trigger("a"), PauseSequence("a"), CheckDeadlines()]

    async def drive() -> list[object]:
        controller = other.awaiting(ports, settle=timedelta(0))
        said: list[object] = [
            (await controller.handle("p", command)).decision.outcome for command in commands
        ]
        with pytest.raises(CommandRejected):
            await controller.handle("p", PauseSequence("x"))
        other.clock.advance(5 * MINUTE)
        said.append((await controller.check_deadlines()).projects)
        other.sink.down.add("p")
        said.append(type((await controller.handle("p", trigger("b"))).unsent))
        other.sink.down.clear()
        said.append((await controller.relay()).emitted)
        said.append((await controller.explain("p", "a")).phase)
        said.append(await controller.delivery("p", "a"))
        said.append(await controller.open_tasks("p"))
        said.append(await controller.permitted("p", "a", actor="ann"))
        said.append((await controller.state("p")).serial)
        return said

    controller = sync.another(settle=timedelta(0))
    said: list[object] = [controller.handle("p", command).decision.outcome for command in commands]
    with pytest.raises(CommandRejected):
        controller.handle("p", PauseSequence("x"))
    sync.clock.advance(5 * MINUTE)
    said.append(controller.check_deadlines().projects)
    sync.sink.down.add("p")
    said.append(type(controller.handle("p", trigger("b")).unsent))
    sync.sink.down.clear()
    said.append(controller.relay().emitted)
    said.append(controller.explain("p", "a").phase)
    said.append(controller.delivery("p", "a"))
    said.append(controller.open_tasks("p"))
    said.append(controller.permitted("p", "a", actor="ann"))
    said.append(controller.state("p").serial)

    assert said == asyncio.run(drive())
    assert sync.log == other.log


def test_a_clock_may_go_back() -> None:
    """A host whose clock was turned back goes on; order is by serial (R29)."""
    world = World()
    world.controller.handle("p", trigger("a"))
    world.clock.turn_to(datetime.fromisoformat("2020-01-01T00:00:00+00:00"))

    world.controller.handle("p", trigger("b"))

    assert [1, 2, 3, 4] == world.published()
