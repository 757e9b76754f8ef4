"""No command costs more because more wait: counted, not timed.

Three counts stand for the cost: the lines of Python executed, the same in every run, which see
every loop of ours and every node of an ordered set that is visited; the operations on maps, which
are C; and the most memory that is taken in between, nearly the same, which sees what C copies as a
whole. None may grow much faster than the logarithm of how many wait: a tree that is one level
higher costs a little, and going through everybody, or through every lane, costs far more than that.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from types import FrameType
from typing import Any, Final

import attrs
import pytest

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ExemptSequence,
    FreezeStage,
    PauseSequence,
    ProjectState,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    ResumeSequence,
    TimeoutPolicy,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl._persistent import Map
from sequencectl.serialization import Header, restore_project
from tests.bench.crowd import ROOMY, arrival, crowd, decided, uuid_name
from tests.bench.memory import inventory
from tests.bench.programs import NOW

FEW: Final = 1_000
MANY: Final = 8 * FEW
MOST: Final = 1.6  # the logarithm grows by 0.3; as much again is for nodes of trees that fill up
PLANE: Final = attrs.evolve(
    ROOMY, timeouts=TimeoutPolicy(reaction="5m", total="2h", waiting="1h", abort_grace="1m")
)
SPREADS: Final[dict[str, Callable[[int], int]]] = {
    "one lane": lambda _size: 1,
    "a lane for four": lambda size: size // 4,
}


@attrs.frozen
class World:
    """A project of the size and spread that is asked for; all its lanes are held."""

    state: ProjectState
    size: int
    lanes: int

    @property
    def holder(self) -> str:
        """Who holds the lane in the middle."""
        return f"w{self.lanes // 2}"

    @property
    def last(self) -> str:
        """Who stands last in the line of the lane in the middle."""
        return f"w{self.size + self.lanes // 2}"

    def after(self, *commands: Command) -> World:
        """The world after these commands."""
        state = self.state
        for command in commands:
            state = PLANE.decide(state, command, NOW).state
        return attrs.evolve(self, state=state)

    def task_id(self, sequence_id: str) -> str:
        """The id of the task in flight."""
        record = self.state.live(sequence_id)
        assert record is not None
        assert record.task is not None
        return record.task.task_id

    def at_the_last_task(self) -> World:
        """The world in which the holder has but one task left."""
        world = self
        record = self.state.live(self.holder)
        assert record is not None
        for _ in record.definition.tasks[1:]:
            world = world.after(world.finish())
        return world

    def start(self) -> Command:
        """The report that the holder's task has begun."""
        return ReportTaskStarted(self.task_id(self.holder), source="x")

    def fail(self) -> Command:
        """The report that the holder's task has failed."""
        return ReportTaskFinished(self.task_id(self.holder), source="x", result="fail")

    def finish(self) -> Command:
        """The report that the holder's task is over."""
        return ReportTaskFinished(self.task_id(self.holder), source="x", result="pass")


@cache
def world(size: int, spread: str) -> World:
    """A project in which so many wait."""
    lanes = SPREADS[spread](size)
    return World(crowd(size, lanes=lanes, plane=PLANE), size, lanes)


def redrive(world: World, old: str | None = None, new: str = "again") -> TriggerSequence:
    """The command that redrives a sequence, by default the holder."""
    record = world.state.sequence(old or world.holder)
    assert record is not None
    return TriggerSequence(
        new,
        stage=record.stage,
        sequence=record.name,
        service=record.service,
        context=record.context,
        redrives=record.sequence_id,
    )


Prepare = Callable[[World], tuple[World, Command]]
COMMANDS: Final[dict[str, Prepare]] = {
    "trigger, into a line": lambda w: (w, arrival(w.size + w.lanes + w.lanes // 2, w.lanes)),
    "trigger, into a free lane": lambda w: (w, arrival(w.size + w.lanes, w.size + w.lanes + 1)),
    "start report": lambda w: (w, w.start()),
    "finish report": lambda w: (w.after(w.start()), w.finish()),
    "finish report, the last": lambda w: (w.at_the_last_task(), w.at_the_last_task().finish()),
    "progress report": lambda w: (
        w.after(w.start()),
        ReportTaskProgress(w.task_id(w.holder), source="x", percent=5),
    ),
    "redrive": lambda w: (
        w.after(w.fail()),
        redrive(w),
    ),
    "pause one that waits": lambda w: (w, PauseSequence(w.last)),
    "pause a holder": lambda w: (w, PauseSequence(w.holder)),
    "resume one that waits": lambda w: (w.after(PauseSequence(w.last)), ResumeSequence(w.last)),
    "resume a holder": lambda w: (w.after(PauseSequence(w.holder)), ResumeSequence(w.holder)),
    "abort one that waits": lambda w: (w, AbortSequence(w.last)),
    "abort a holder": lambda w: (w, AbortSequence(w.holder)),
    "abort a holder by force": lambda w: (w, AbortSequence(w.holder, force=True)),
    "freeze": lambda w: (w, FreezeStage("busy")),
    "unfreeze": lambda w: (w.after(FreezeStage("busy")), UnfreezeStage("busy")),
    "freeze, elsewhere": lambda w: (w, FreezeStage("dev")),
    "unfreeze, elsewhere": lambda w: (w.after(FreezeStage("dev")), UnfreezeStage("dev")),
    "freeze until an instant": lambda w: (w, FreezeStage("busy", until=NOW + timedelta(hours=1))),
    "exempt one that waits": lambda w: (w, ExemptSequence(w.last)),
    "exempt in a frozen stage": lambda w: (w.after(FreezeStage("busy")), ExemptSequence(w.last)),
    "abort a holder for one that is exempted": lambda w: (
        w.after(FreezeStage("busy"), ExemptSequence(w.last)),
        AbortSequence(w.holder, force=True),
    ),
    "check deadlines, nothing due": lambda w: (w, CheckDeadlines()),
    "refused": lambda w: (w, AbortSequence("nobody")),
}


@attrs.frozen
class Cost:
    """What something took: lines of Python, operations on maps, and the most bytes beyond those at
    its beginning.
    """

    lines: int
    operations: int
    bytes: int


def cost(act: Callable[[], object]) -> Cost:
    """What it takes; run once before, so that what is made only once is not counted."""
    act()
    return Cost(_lines(act), _operations(act), _bytes(act))


def _lines(act: Callable[[], object]) -> int:
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()  # that of coverage, perhaps
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def _operations(act: Callable[[], object]) -> int:
    count = 0

    def note(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal count
        count += event == "c_call" and isinstance(getattr(function, "__self__", None), Map)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def _bytes(act: Callable[[], object]) -> int:
    gc.disable()  # what it frees in between would not count
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        act()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    return peak - before


def growth(make: Callable[[int], Callable[[], object]]) -> str:
    """What grows too much from few to many, in words; empty if nothing does."""
    few, many = (attrs.asdict(cost(make(size))) for size in (FEW, MANY))
    return "; ".join(
        f"{few[what]} {what} with {FEW} waiting, {many[what]} with {MANY}"
        for what in few
        if many[what] > MOST * few[what]
    )


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_costs_the_same_however_many_wait(name: str, spread: str) -> None:
    """Each kind of command stays flat, be they all in one line or in thousands."""

    def make(size: int) -> Callable[[], object]:
        prepared, command = COMMANDS[name](world(size, spread))
        decision = PLANE.decide(prepared.state, command, NOW)
        is_idle = name in {"refused", "check deadlines, nothing due"}
        assert bool(decision.events) is not is_idle
        return lambda: PLANE.decide(prepared.state, command, NOW)

    assert "" == growth(make)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("which", ["holder", "last"])
@pytest.mark.parametrize("question", ["explain", "delivery", "permitted"])
def test_a_question_costs_the_same_however_many_wait(
    question: str, which: str, spread: str
) -> None:
    """`explain`, `delivery` and `permitted` stay flat as well, and so does what they say."""

    def make(size: int) -> Callable[[], object]:
        asked = world(size, spread)
        known = getattr(asked, which)
        return lambda: str(getattr(PLANE, question)(asked.state, known))

    assert "" == growth(make)


@pytest.mark.parametrize("spread", SPREADS)
def test_the_next_deadline_is_at_hand(spread: str) -> None:
    """Nobody is asked for the next deadline of a project but the one whose it is."""

    def make(size: int) -> Callable[[], object]:
        asked = world(size, spread)
        assert asked.state.next_deadline is not None
        return lambda: asked.state.next_deadline

    assert "" == growth(make)


@pytest.mark.parametrize("spread", SPREADS)
def test_a_deadline_concerns_nobody_else(spread: str) -> None:
    """Acting on one deadline looks at no others, nor at lanes in which nothing changed."""

    def make(size: int) -> Callable[[], object]:
        asked = world(size, spread)
        first = asked.state.next_deadline
        assert first is not None
        assert PLANE.decide(asked.state, CheckDeadlines(limit=1), first).events
        return lambda: PLANE.decide(asked.state, CheckDeadlines(limit=1), first)

    assert "" == growth(make)


def test_a_redrive_costs_the_same_however_large_its_family_is() -> None:
    """Neither those that redrive it, nor those they redrive, are gone through (R41)."""

    def make(size: int) -> Callable[[], object]:
        state = decided(1, lanes=1, plane=PLANE)
        known = World(state, 1, 1).after(AbortSequence("w1"))
        for number in range(size // 100):
            task = known.task_id(f"r{number - 1}" if number else "w0")
            known = known.after(ReportTaskFinished(task, source="x", result="fail"))
            known = known.after(redrive(known, "w0", f"r{number}"))
        known = known.after(AbortSequence("w0", force=True))
        command = redrive(known, "w0")
        assert PLANE.decide(known.state, command, NOW).events
        return lambda: (PLANE.decide(known.state, command, NOW), known.state.redrive_id("w0"))

    assert "" == growth(make)


CROWDED: Final[dict[str, Prepare]] = {
    "a holder's end": lambda w: (w, AbortSequence(w.holder, force=True)),
    "a newcomer": lambda w: (w, attrs.evolve(arrival(w.size, 1), context=w.holder)),
    "pause": lambda w: (w, PauseSequence(w.holder)),
    "resume": lambda w: (w.after(PauseSequence(w.holder)), ResumeSequence(w.holder)),
    "finish report": lambda w: (w.after(w.start()), w.finish()),
}


@cache
def crowded(size: int) -> World:
    """A project of one context, in which so many have ended and two are live."""
    state = decided(1, lanes=1, plane=PLANE)
    ended = PLANE.decide(state, AbortSequence("w1"), NOW).state.sequence("w1")
    assert ended is not None
    holder = state.live("w0")
    assert holder is not None
    subjects = (
        attrs.evolve(ended.subject, context="w0", sequence_id=f"e{number}")
        for number in range(size)
    )
    likewise = [
        attrs.evolve(
            ended, subject=subject, place=serial, accepted_serial=serial, serial=size + serial
        )
        for serial, subject in enumerate(subjects, start=state.serial + 1)
    ]
    ledger = attrs.evolve(state.ledger, serial=state.serial + 2 * size)
    header = Header(state.project, ledger, state.contexts, state.freezes)
    made = restore_project(header, [*state.sequences.values(), *likewise])
    newcomer = attrs.evolve(arrival(10 * size, 1), context="w0")
    return World(PLANE.decide(made, newcomer, NOW).state, size, 1)


@pytest.mark.parametrize("name", CROWDED)
def test_a_command_costs_the_same_however_many_of_its_context_have_ended(name: str) -> None:
    """A context may go on for years: what is over in it is not looked at again."""

    def make(size: int) -> Callable[[], object]:
        prepared, command = CROWDED[name](crowded(size))
        assert PLANE.decide(prepared.state, command, NOW).events
        return lambda: PLANE.decide(prepared.state, command, NOW)

    assert "" == growth(make)


@pytest.mark.parametrize(
    ("search", "seen"),
    [
        (lambda line: sum(1 for _ in line), "lines"),
        (lambda line: [number for number in line if number < 0], "lines"),
        (lambda line: max(line, key=lambda number: -number), "lines"),
        (lambda line: (*line, 1), "bytes"),
        (sorted, "bytes"),
    ],
    ids=["generator", "comprehension", "key", "copy", "sort"],
)
def test_each_way_of_searching_is_noticed(
    search: Callable[[tuple[int, ...]], object], seen: str
) -> None:
    """The counts see a loop, one within an expression, and what C copies without any."""

    def make(size: int) -> Callable[[], object]:
        line = tuple(range(size))
        return lambda: search(line)

    assert f" {seen} with {FEW}" in growth(make)


@pytest.mark.parametrize("lanes", [1, 7, 100])
def test_the_crowd_is_what_deciding_makes(lanes: int) -> None:
    """The quickly made project equals the one decided command by command, object for object."""
    quick = crowd(200, lanes=lanes, plane=PLANE, name=uuid_name)
    slow = decided(200, lanes=lanes, plane=PLANE, name=uuid_name)

    assert slow == quick
    assert slow.index == quick.index
    assert inventory(slow) == inventory(quick)
