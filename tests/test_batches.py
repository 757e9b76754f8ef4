"""Several commands in one commit, several projects in one transaction (section 7)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from sequencectl import (
    AbortSequence,
    AsyncSequenceController,
    CalendarError,
    CheckDeadlines,
    CommandRejected,
    Conflict,
    Contention,
    ControlPlane,
    Decision,
    Event,
    Handled,
    InvalidValue,
    Opening,
    PauseSequence,
    ProjectState,
    RejectedCode,
    SequenceController,
    Shipyard,
    TriggerSequence,
    UnfreezeStage,
    UnknownProject,
)
from sequencectl.outcomes import Applied, Unchanged
from sequencectl.ports import Appointment
from sequencectl.testing import InMemoryStore, ManualClock, RecordingSink

PLANE = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy", "test"]}}))
NOW = timedelta(0)
HOUR = timedelta(hours=1)


def trigger(sequence_id: str) -> TriggerSequence:
    """A delivery of carts in dev."""
    return TriggerSequence(sequence_id, stage="dev", sequence="delivery", service="carts")


class Store:
    """A store in memory that writes down what it is asked; it says when its outbox was empty."""

    def __init__(self) -> None:
        self.inner = InMemoryStore()
        self.log: list[str] = []
        self.faster: list[Callable[[], object]] = []
        """What somebody else does before the next commits."""
        self.tells = True

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        self.log.append(f"load {project}")
        return self.inner.load(project, known=known)

    def commit(self, decision: Decision) -> bool | None:
        self.log.append(f"commit {decision.project}")
        if self.faster:
            self.faster.pop()()
        was_empty = not self.inner.pending(decision.project, limit=1)
        self.inner.commit(decision)
        return was_empty if self.tells else None

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        self.log.append(f"pending {project}")
        return self.inner.pending(project, limit=limit)

    def acknowledge(self, project: str, *, through: int) -> None:
        self.log.append(f"acknowledge {project} {through}")
        self.inner.acknowledge(project, through=through)

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        return self.inner.agenda(limit=limit)


class ManyStore(Store):
    """The same with the four methods for several projects."""

    def load_many(
        self, projects: Sequence[str], *, known: Mapping[str, ProjectState]
    ) -> Mapping[str, ProjectState]:
        self.log.append(f"load {' '.join(projects)}")
        found = {each: self.inner.load(each, known=known.get(each)) for each in projects}
        return {each: state for each, state in found.items() if state is not None}

    def commit_many(self, decisions: Sequence[Decision]) -> Mapping[str, bool | Conflict | None]:
        self.log.append(f"commit {' '.join(each.project for each in decisions)}")
        if self.faster:
            self.faster.pop()()
        answers: dict[str, bool | Conflict | None] = {}
        for decision in decisions:
            was_empty = not self.inner.pending(decision.project, limit=1)
            try:
                self.inner.commit(decision)
            except Conflict as conflict:
                answers[decision.project] = conflict
            else:
                answers[decision.project] = was_empty if self.tells else None
        return answers

    def pending_many(self, projects: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Event]]:
        self.log.append(f"pending {' '.join(projects)}")
        found = {each: self.inner.pending(each, limit=limit) for each in projects}
        return {each: events for each, events in found.items() if events}

    def acknowledge_many(self, through: Mapping[str, int]) -> None:
        self.log.append(f"acknowledge {' '.join(map(str, through.items()))}")
        for project, serial in through.items():
            self.inner.acknowledge(project, through=serial)


class Sink:
    """A `RecordingSink` that fails for some projects."""

    def __init__(self, log: list[str]) -> None:
        self.inner = RecordingSink()
        self.log = log
        self.down: set[str] = set()

    def emit(self, project: str, events: Sequence[Event]) -> None:
        self.log.append(f"emit {project} {events[0].serial}-{events[-1].serial}")
        if project in self.down:
            raise ConnectionError(project)
        self.inner.emit(project, events)


class World:
    """A store, a sink, a clock, and controllers over them."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = Store() if store is None else store
        self.sink = Sink(self.store.log)
        self.clock = ManualClock()
        self.controller = self.another()

    def another(self, planes: Any = PLANE, **options: Any) -> SequenceController:
        """A controller that has just been started over the same ports."""
        ports: Any = {"store": self.store, "clock": self.clock, "sink": self.sink}
        return SequenceController(planes, **ports, **options)

    def calls(self, work: Callable[[], object]) -> list[str]:
        """What is called while some work is done."""
        before = len(self.store.log)
        work()
        return self.store.log[before:]

    def published(self, project: str = "p") -> list[int]:
        """The serials of a project that were published, repeats included."""
        events = self.sink.inner.emitted
        return [event.serial for event in events if event.subject.project == project]


def told(answers: Sequence[Handled | Exception]) -> list[type]:
    """What each command got: the type of its outcome, or of its error."""
    return [
        type(each.decision.outcome) if isinstance(each, Handled) else type(each) for each in answers
    ]


# ---------------------------------------------------------------- several commands


def test_all_commands_wait_for_one_commit() -> None:
    """They are decided in their order, each on what the one before results in."""
    world = World()
    answers: list[Any] = []
    commands = [trigger("a"), trigger("b"), AbortSequence("a", force=True), trigger("b")]

    calls = world.calls(lambda: answers.extend(world.controller.handle_many("p", commands)))

    assert ["load p", "commit p", "emit p 1-7", "acknowledge p 7"] == calls
    assert [Applied, Applied, Applied, Unchanged] == told(answers)
    assert [0, 3, 4, 7] == [each.decision.base for each in answers]
    assert ("b",) == world.controller.state("p").holders("dev")
    assert list(range(1, 8)) == world.published()


def test_each_command_keeps_its_own_answer() -> None:
    """One that is refused, and one that is no command, change nothing for the others."""
    world = World()
    wrong: Any = "abort"
    commands = [trigger("a"), PauseSequence("x"), wrong, PauseSequence("a"), PauseSequence("a")]

    answers = world.controller.handle_many("p", commands)

    assert [Applied, CommandRejected, InvalidValue, Applied, Unchanged] == told(answers)
    refused = answers[1]
    assert isinstance(refused, CommandRejected)
    assert (RejectedCode.UNKNOWN_CONTEXT, commands[1]) == (refused.code, refused.command)
    with pytest.raises(CommandRejected) as raised:
        world.controller.handle("p", PauseSequence("x"))
    assert str(raised.value) == str(refused)


def test_an_error_of_a_calendar_is_the_answer_to_who_asked_it() -> None:
    """Only the command that asks the calendar again gets its error (R37)."""

    def calendar(_stage: str, instant: datetime) -> Opening:
        raise ZeroDivisionError

    plane = ControlPlane(PLANE.shipyard, calendar=calendar)
    controller = World().another(plane)

    answers = controller.handle_many("p", [trigger("a"), UnfreezeStage("dev"), trigger("b")])

    assert [Applied, CalendarError, Applied] == told(answers)


def test_all_share_when_to_come_back_and_what_is_unsent() -> None:
    """The events of all of them could not be published; a relay does it later."""
    world = World()
    world.sink.down.add("p")

    answers = world.controller.handle_many("p", [trigger("a"), PauseSequence("x"), trigger("b")])
    handled = [each for each in answers if isinstance(each, Handled)]
    world.sink.down.clear()
    relayed = world.controller.relay()

    assert 2 == len(handled)
    assert {world.clock.now() + timedelta(seconds=5)} == {each.arm for each in handled}
    assert [ConnectionError] * 2 == [type(each.unsent) for each in handled]
    assert (4, [1, 2, 3, 4]) == (relayed.emitted, world.published())


def test_no_commands_ask_for_nothing() -> None:
    """There is nothing to decide, and nothing to wait for."""
    world = World()

    assert [] == world.calls(lambda: world.controller.handle_many("p", []))
    assert () == world.controller.handle_many("p", ())


@pytest.mark.parametrize("commands", [None, "abort", trigger("a"), {trigger("a")}])
def test_commands_are_a_sequence(commands: Any) -> None:
    """Anything else is a mistake of the program; their order matters, so a set is one."""
    with pytest.raises(InvalidValue, match=r"^commands: must be a sequence of commands, got "):
        World().controller.handle_many("p", commands)


def test_a_conflict_begins_all_of_them_anew() -> None:
    """Nothing was written, so each is decided on what others did, the refused ones too."""
    world = World()
    other = world.another()
    world.store.faster.append(lambda: other.handle("p", trigger("x")))

    answers = world.controller.handle_many("p", [PauseSequence("x"), trigger("a"), trigger("x")])

    assert [Applied, Applied, Unchanged] == told(answers)
    assert ("x",) == world.controller.state("p").holders("dev")


def test_conflicts_without_end_are_the_contention_of_all() -> None:
    """Nobody is answered, not even who would be refused."""
    world = World()
    world.store.faster += [conflict] * 3

    with pytest.raises(Contention, match="3 commits"):
        world.another(attempts=3).handle_many("p", [PauseSequence("x"), trigger("a")])

    assert (3, []) == (world.store.log.count("commit p"), world.published())


def conflict() -> None:
    """Somebody else was faster."""
    raise Conflict("p", base=0)


def test_no_answer_is_known_before_the_commit() -> None:
    """An error of the store is that of all: who would be refused could be wrong about it."""
    world = World()

    def fail() -> None:
        raise TimeoutError

    world.store.faster.append(fail)
    with pytest.raises(TimeoutError):
        world.controller.handle_many("p", [PauseSequence("x"), trigger("a")])

    assert 0 == world.controller.state("p").serial
    assert [CommandRejected, Applied] == told(
        world.controller.handle_many("p", [PauseSequence("x"), trigger("a")])
    )


def test_a_project_without_a_plane_has_no_answers() -> None:
    """As with one command."""
    with pytest.raises(UnknownProject):
        World().another(unknown).handle_many("p", [trigger("a")])


def unknown(project: str) -> ControlPlane:
    """No project is known here."""
    raise UnknownProject(project)


def test_the_async_controller_does_the_same() -> None:
    """The same answers from the same calls."""
    commands = [trigger("a"), PauseSequence("x"), trigger("b"), CheckDeadlines()]
    sync, other = World(), World()
    controller = AsyncSequenceController(
        PLANE, store=other.store, clock=other.clock, sink=other.sink
    )

    answers = asyncio.run(controller.handle_many("p", commands))

    assert told(sync.controller.handle_many("p", commands)) == told(answers)
    assert sync.store.log == other.store.log


# ---------------------------------------------------------------- what need not be asked


def test_a_known_state_needs_no_load_and_own_events_are_not_read_back() -> None:
    """Two calls of the store for a command: the commit proves the rest."""
    world = World()
    world.controller.handle("p", trigger("a"))

    calls = world.calls(lambda: world.controller.handle("p", trigger("b")))

    assert ["commit p", "emit p 4-4", "acknowledge p 4"] == calls


def test_events_of_others_are_published_first() -> None:
    """A store that does not say that its outbox was empty, or had something in it, is asked."""
    world = World()
    world.sink.down.add("p")
    world.controller.handle("p", trigger("a"))
    world.sink.down.clear()

    calls = world.calls(lambda: world.controller.handle("p", trigger("b")))
    world.store.tells = False
    silent = world.calls(lambda: world.controller.handle("p", trigger("c")))

    assert ["commit p", "pending p", "emit p 1-4", "acknowledge p 4"] == calls
    assert ["commit p", "pending p", "emit p 5-5", "acknowledge p 5"] == silent


def test_many_own_events_are_published_in_parts() -> None:
    """As many at a time as are read at a time."""
    world = World()
    commands = [trigger(f"s{number}") for number in range(600)]

    calls = world.calls(lambda: world.controller.handle_many("p", commands))

    assert ["load p", "commit p"] == calls[:2]
    parts = ["emit p 1-500", "acknowledge p 500", "emit p 501-602", "acknowledge p 602"]
    assert parts == calls[2:]


def test_an_answer_without_events_is_proved_by_a_load() -> None:
    """Nothing else proves that what is known is still so."""
    world = World()
    world.controller.handle("p", trigger("a"))

    calls = world.calls(lambda: world.controller.handle_many("p", [trigger("a"), CheckDeadlines()]))

    assert ["load p"] == calls


def test_commands_that_change_something_prove_those_that_do_not() -> None:
    """The commit is refused if anybody else wrote: then all are decided on what was loaded."""
    world = World()
    world.controller.handle("p", trigger("a"))
    world.another().handle("p", trigger("b"))

    answers: list[Any] = []
    commands = [trigger("b"), PauseSequence("b"), trigger("c")]
    calls = world.calls(lambda: answers.extend(world.controller.handle_many("p", commands)))

    assert ["commit p", "load p", "commit p", "emit p 5-7", "acknowledge p 7"] == calls
    assert [Unchanged, Applied, Applied] == told(answers)


def test_a_refusal_that_is_old_becomes_what_is_true_now() -> None:
    """On what was known it was refused; on what was loaded it takes effect."""
    world = World()
    world.controller.handle("p", trigger("a"))
    world.another().handle("p", trigger("b"))

    handled: list[Any] = []
    calls = world.calls(lambda: handled.append(world.controller.handle("p", PauseSequence("b"))))

    assert ["load p", "commit p", "emit p 5-6", "acknowledge p 6"] == calls
    assert isinstance(handled[0].decision.outcome, Applied)


def test_who_meets_others_loads_first_until_nobody_else_writes() -> None:
    """A conflict costs a decision, so it is met once and not with every command."""
    world = World()
    other = world.another()
    world.controller.handle("p", trigger("a"))
    calls = []
    for number in range(3):
        other.handle("p", trigger(f"other{number}"))
        calls.append(world.calls(lambda n=number: world.controller.handle("p", trigger(f"own{n}"))))
    calls += [
        world.calls(lambda n=n: world.controller.handle("p", trigger(f"s{n}"))) for n in (1, 2)
    ]

    assert [2, 1, 1, 1, 1] == [each.count("commit p") for each in calls]
    assert [1, 1, 1, 1, 0] == [each.count("load p") for each in calls]


def test_a_conflict_on_what_was_known_is_no_attempt() -> None:
    """It was decided on something old; that nobody else may be faster is asked of the next."""
    world = World()
    controller = world.another(attempts=1)
    controller.handle("p", trigger("a"))
    world.another().handle("p", trigger("b"))

    assert 5 == controller.handle("p", trigger("c")).decision.state.serial


# ---------------------------------------------------------------- several projects


def busy(world: World, projects: Sequence[str] = "pqr") -> SequenceController:
    """Return a controller an hour after a delivery in each project, whose events are unsent."""
    world.sink.down.update(projects)
    for project in projects:
        world.controller.handle(project, trigger("a"))
    world.sink.down.clear()
    world.clock.advance(HOUR)
    return world.another(settle=NOW)


def test_projects_are_published_and_checked_together() -> None:
    """One transaction for each kind of call, and an emission for each project."""
    world = World(ManyStore())
    controller = busy(world)

    checked: list[Any] = []
    calls = world.calls(lambda: checked.append(controller.check_deadlines()))

    assert [
        *("pending p q r", "emit p 1-3", "emit q 1-3", "emit r 1-3"),
        *("acknowledge ('p', 3) ('q', 3) ('r', 3)", "pending p q r"),
        *("load p q r", "commit p q r", "emit p 4-5", "emit q 4-5", "emit r 4-5"),
        "acknowledge ('p', 5) ('q', 5) ('r', 5)",
    ] == calls
    assert (("p", "q", "r"), {}) == (checked[0].projects, checked[0].skipped)
    for project in "pqr":
        assert [1, 2, 3, 4, 5] == world.published(project)


def test_a_check_decides_on_what_is_known() -> None:
    """As a command does; what is not known is loaded, and what is known helps to load it."""
    world = World(ManyStore())
    for project in "pqr":
        world.controller.handle(project, trigger("a"))
    other = world.another(settle=NOW)
    for project in "pq":
        other.state(project)
    world.clock.advance(HOUR)

    calls = world.calls(other.check_deadlines)
    world.another().handle("p", trigger("b"))
    other.state("p")
    world.clock.advance(HOUR)
    again = world.calls(other.check_deadlines)

    assert ["load r", "commit p q r"] == [call for call in calls if "emit" not in call][:2]
    assert ["load p", "commit p"] == again[:2]


def test_several_known_states_are_offered_to_the_store() -> None:
    """Those that are known, each as it was seen last."""
    world = World(ManyStore())
    store: Any = world.store
    for project in "pqr":
        world.controller.handle(project, trigger("a"))
    other = world.another(settle=NOW)
    offered: list[dict[str, int]] = []
    own = store.load_many

    def load_many(projects: Sequence[str], *, known: Mapping[str, ProjectState]) -> Any:
        offered.append({project: state.serial for project, state in known.items()})
        return own(projects, known=known)

    store.load_many = load_many
    for project in "pq":
        other.state(project)
        world.controller.handle(project, trigger("b"))
        other.state(project)
    world.clock.advance(HOUR)
    other.check_deadlines()

    assert [{"p": 4, "q": 4}] == offered


def test_a_store_that_has_not_all_four_works_project_by_project() -> None:
    """A method alone is of no use."""
    store = Store()
    store.commit_many = None  # type: ignore[attr-defined]
    world = World(store)
    controller = busy(world)

    calls = world.calls(controller.check_deadlines)

    assert ["pending p", "emit p 1-3", "acknowledge p 3", "pending p"] == calls[:4]
    assert 3 == sum(call.startswith("commit") for call in calls)


def test_trouble_of_one_project_is_its_own() -> None:
    """Its events stay; those of the others are published and acknowledged."""
    world = World(ManyStore())
    controller = busy(world)
    world.sink.down.add("q")

    relayed = controller.relay()

    assert {"q": ConnectionError} == {name: type(each) for name, each in relayed.unsent.items()}
    assert (6, [], [1, 2, 3]) == (relayed.emitted, world.published("q"), world.published("r"))
    world.sink.down.clear()
    assert (3, {}) == ((again := controller.relay()).emitted, again.unsent)


def test_a_conflict_of_one_project_is_decided_anew_alone() -> None:
    """The others are written already."""
    world = World(ManyStore())
    controller = busy(world)
    controller.relay()
    before = world.store.log.copy()
    world.store.faster.append(lambda: world.another().handle("q", trigger("b")))

    checked = controller.check_deadlines()

    calls = world.store.log[len(before) :]
    own = [call for call in calls if call.startswith(("load", "commit"))]
    others = ["load q", "commit q"]
    assert ["load p q r", "commit p q r", *others, "load q", "commit q"] == own
    assert (("p", "q", "r"), {}) == (checked.projects, checked.skipped)
    assert [*range(1, 9)] == world.published("q")


def test_an_attempt_that_fails_leaves_nothing_behind() -> None:
    """What was committed with a conflict of another is unsent: the host comes back at once."""
    world = World(ManyStore())
    controller = world.another(settle=NOW)
    controller.check_deadlines()
    for project in "pqr":
        world.controller.handle(project, trigger("a"))
    world.clock.advance(HOUR)
    world.store.faster.append(lambda: world.another().handle("q", trigger("b")))
    own, loads = world.store.load, iter([TimeoutError])

    def load(project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        if project == "q" and known is not None and known.serial == 3:
            for error in loads:
                raise error
        return own(project, known=known)

    world.store.load = load  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        controller.check_deadlines()
    before = world.published("p")

    assert world.clock.now() == controller.handle("x", CheckDeadlines()).arm
    controller.check_deadlines()
    assert ([1, 2, 3], [1, 2, 3, 4, 5]) == (before, world.published("p"))


def test_a_project_that_others_keep_writing_to_is_skipped() -> None:
    """The others are checked."""
    world = World(ManyStore())
    busy(world)
    controller = world.another(settle=NOW, attempts=3)
    numbers = iter(range(9))

    def be_faster() -> None:
        world.store.faster.clear()
        world.another().handle("q", trigger(f"other{next(numbers)}"))
        world.store.faster.append(be_faster)

    controller.relay()
    world.store.faster.append(be_faster)
    checked = controller.check_deadlines()

    assert (("p", "r"), ["q"]) == (checked.projects, [*checked.skipped])
    assert isinstance(checked.skipped["q"], Contention)
    assert "project 'q' was busy: 3 commits met a conflict" == str(checked.skipped["q"])


def test_an_error_of_the_store_is_that_of_all_it_was_asked_about() -> None:
    """After it nobody knows which of them was written: all are looked at again."""
    world = World(ManyStore())
    controller = busy(world)
    controller.relay()

    def fail() -> None:
        raise TimeoutError

    world.store.faster.append(fail)
    with pytest.raises(TimeoutError):
        controller.check_deadlines()
    calls = world.calls(controller.check_deadlines)

    assert "load p q r" in calls
    assert [1, 2, 3, 4, 5] == world.published("q")


def test_outboxes_that_cannot_be_read_or_emptied_stay() -> None:
    """All that were asked about have the error; what was emitted comes again."""
    world = World(ManyStore())
    controller = busy(world)
    store: Any = world.store
    for name in ("pending_many", "acknowledge_many"):
        own = getattr(store, name)
        setattr(store, name, lambda *_, **__: (_ for _ in ()).throw(TimeoutError))
        relayed = controller.relay()
        setattr(store, name, own)
        assert (0, set("pqr")) == (relayed.emitted, relayed.unsent.keys())
    relayed = controller.relay()

    assert (9, {}) == (relayed.emitted, relayed.unsent)
    assert [1, 2, 3, 1, 2, 3] == world.published("p")


def test_large_outboxes_are_emptied_in_rounds() -> None:
    """Those that are empty are asked no more."""
    world = World(ManyStore())
    world.sink.down.update("pq")
    world.controller.handle_many("p", [trigger(f"s{number}") for number in range(600)])
    world.controller.handle("q", trigger("a"))
    world.sink.down.clear()

    calls = world.calls(world.controller.relay)

    pending = [call for call in calls if call.startswith("pending")]
    assert ["pending p q", "pending p q", "pending p"] == pending
    assert [*range(1, 603)] == world.published("p")


def test_no_more_than_some_projects_are_taken_at_once() -> None:
    """Commands of those projects wait for the turn."""
    world = World(ManyStore())
    names = [f"p{number:02}" for number in range(45)]
    controller = busy(world, names)

    calls = world.calls(controller.check_deadlines)

    sizes = [len(call.split()) - 1 for call in calls if call.startswith("commit")]
    assert [20, 20, 5] == sizes


def test_a_project_without_a_plane_is_skipped() -> None:
    """The others are checked in the same transaction."""
    world = World(ManyStore())
    busy(world)

    def planes(project: str) -> ControlPlane:
        return unknown(project) if project == "q" else PLANE

    checked = world.another(planes, settle=NOW).check_deadlines()

    assert (("p", "r"), ["q"]) == (checked.projects, [*checked.skipped])


@pytest.mark.parametrize(
    ("name", "reply", "problem"),
    [
        ("load_many", None, "load_many must return the states by project"),
        ("load_many", {"x": None}, "load_many must return the states by project"),
        ("load_many", {"p": 7}, "load must return the state of project 'p', or None"),
        ("commit_many", {}, "commit_many must return the answer to each decision, by project"),
        ("commit_many", [True], "commit_many must return the answer to each decision, by project"),
    ],
)
def test_a_store_answers_by_project(name: str, reply: Any, problem: str) -> None:
    """Anything else is a mistake in the adapter, and is shown."""
    world = World(ManyStore())
    controller = busy(world)
    controller.relay()
    setattr(world.store, name, lambda *_, **__: reply)

    with pytest.raises(InvalidValue, match=f"^store: {problem}, got "):
        controller.check_deadlines()


@pytest.mark.parametrize("reply", [None, {"x": ()}, {"p": 7}])
def test_a_store_has_pending_events_by_project(reply: Any) -> None:
    """Anything else keeps the events in their outboxes, and says why."""
    world = World(ManyStore())
    controller = busy(world)
    own = world.store.pending_many  # type: ignore[attr-defined]
    world.store.pending_many = lambda *_, **__: reply  # type: ignore[attr-defined]
    relayed = controller.relay()
    world.store.pending_many = own  # type: ignore[attr-defined]

    assert ["p", "q", "r"] == [*relayed.unsent]
    for error in relayed.unsent.values():
        assert isinstance(error, InvalidValue)
        assert re.match("store: pending(_many)? must return (events|a sequence of)", str(error))
        assert error.value == (7 if reply == {"p": 7} else reply)
    assert 9 == controller.relay().emitted
