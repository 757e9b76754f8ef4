"""A counterexample as a program: it shows what failed, and ends in silence where all holds."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import attrs
import pytest

from sequencectl import (
    Bounds,
    CheckDeadlines,
    ControlPlane,
    FreezeStage,
    Opening,
    QueuePolicy,
    ReportTaskFinished,
    ReportTaskProgress,
    RetryTask,
    SequenceDefinition,
    SequenceTimeouts,
    Shipyard,
    SkipTask,
    TaskDefinition,
    TaskTimeouts,
    TimeoutPolicy,
    TriggeredOn,
    evolve,
)
from sequencectl.testing.exploration import Alphabet, Counterexample, Transition, ends, explore
from sequencectl.testing.exploration.alphabet import START, Move
from sequencectl.testing.exploration.answers import word
from sequencectl.testing.exploration.ends import everything_ends_if_all_answer
from sequencectl.testing.exploration.program import Program
from tests.defects.runner import copy_of, read_defect, run_python
from tests.exploration.slices import DELIVERY, SLICES, opening_hours, plane, trigger

ROOT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)
RICH = ControlPlane(
    Shipyard(
        Shipyard.of({
            "dev": {"delivery": [
                "deploy", TaskDefinition("test", triggered_after="90s", expects=["y", "x"]),
                TaskDefinition("check", properties={"deep": [None, "it's"]}, expects=2),
            ]},
            "idle": {},
            "prod": {"release": SequenceDefinition(
                "release", (TaskDefinition("go", timeouts=TaskTimeouts(completion="1m")),),
                triggered_on=(TriggeredOn("dev", "delivery", {"test.result": "warning"}),),
                priority=0, timeouts=SequenceTimeouts(waiting="0.000001s"),
            )},
        }).stages,
        name="rich",
    ),
    timeouts=TimeoutPolicy.unbounded(total="1h", tasks={"go": TaskTimeouts(reaction=None)}),
    queueing=QueuePolicy(stages={"prod": QueuePolicy(mode="latest_only", scope="service")}),
    bounds=Bounds(retain=0),
)  # fmt: skip


def holds(seen: Transition) -> None:
    """An invariant that always holds: the events lead from one state to the other."""
    assert seen.after == reduce(evolve, seen.events, seen.before)


def run(program: str) -> tuple[int, str, str]:
    """What becomes of a program that is pasted: status, output, and the last row of its errors."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, "".join(done.stderr.splitlines()[-1:])


def names_after(program: str) -> dict[str, Any]:
    """The names that a program leaves behind."""
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - it is there to be pasted
    return names


def test_a_program_fails_on_the_broken_library_alone() -> None:
    """Where a lane takes one too many, the program says so; on the library as it is, nothing."""
    defect = read_defect(ROOT / "tests/defects/r01_limit_is_off_by_one.toml", ROOT)
    search = (
        "from sequencectl.testing.exploration import Counterexample\n"
        "from tests.exploration.slices import SLICES\n"
        "try:\n"
        "    SLICES['plain lane'].explore()\n"
        "except Counterexample as broken:\n"
        "    print(broken.program)\n"
    )
    with copy_of(ROOT, defect) as broken:
        program = run_python(broken, "-c", search).stdout
        seen = run_python(broken, "-c", program)

    assert 1 == seen.returncode
    assert "AssertionError: lanes_keep_their_limit: 2 hold lane dev" == seen.stdout.split("\n")[-2]
    assert (0, "", "") == run(program)


def test_a_program_shows_what_never_ends_and_at_which_task() -> None:
    """It goes on from the state that is stuck; with the executor that was missing it ends well."""
    stages = {"dev": {"delivery": ["deploy", {"name": "test", "expects": ["x", "y"]}]}}
    with pytest.raises(Counterexample) as caught:
        explore(plane(stages), Alphabet(triggers=[trigger()], most=1, results=("pass",)))
    program = caught.value.program

    said = "everything_ends_if_all_answer: s1 never ends, it waits for its task test"
    assert (1, "", f"AssertionError: {said}") == run(program)
    assert (0, "", "") == run(program.replace("    most=1,\n", "    executors=('x', 'y'),\n"))


def test_a_program_shows_who_waits_behind_what_never_ends() -> None:
    """Of a sequence without a task its phase is said."""
    stages = {"dev": {"delivery": [{"name": "deploy", "expects": ["x", "y"]}]}}
    alphabet = Alphabet(triggers=[trigger()])
    command = attrs.evolve(trigger(), sequence_id="s1", context="release")
    other = attrs.evolve(trigger(), sequence_id="s2", context="release")
    decider = plane(stages)
    state = decider.decide(decider.initial("p"), command, START).state
    state = decider.decide(state, other, START).state

    left = everything_ends_if_all_answer(decider, alphabet, state, START)

    assert "s1 never ends, it waits for its task deploy; s2 never ends, it is waiting" == left


def test_a_calendar_that_fails_keeps_one_waiting() -> None:
    """To end its freeze asks it again, which changes nothing, and nobody is let through."""

    def fails(_stage: str, _at: datetime) -> Opening:
        raise LookupError

    decider = attrs.evolve(plane(DELIVERY), calendar=fails)
    alphabet = Alphabet(
        triggers=[trigger()], stages=("dev",), tick=SECOND, period=SECOND, letters=("unfreeze",)
    )
    command = attrs.evolve(trigger(), sequence_id="s1", context="s1")
    state = decider.decide(decider.initial("p"), command, START).state

    left = everything_ends_if_all_answer(decider, alphabet, state, START)

    assert "s1 never ends, it is waiting" == left


def test_a_program_asks_for_a_calendar_that_cannot_be_imported() -> None:
    """By its name, or as `calendar` where it has none; one of a module is imported."""

    def of_a_test(_stage: str, _at: datetime) -> Opening:
        return Opening(True)

    moves = [Move("check", CheckDeadlines(), START)]
    made = [
        Program([attrs.evolve(plane(DELIVERY), calendar=calendar)], moves).breaking(holds)
        for calendar in (of_a_test, lambda *_: Opening(True), opening_hours)
    ]

    assert "# Put of_a_test here: it is the calendar of the plane.\n" in made[0]
    assert "    calendar=calendar,\n" in made[1]
    assert "# Put calendar here: it is the calendar of the plane.\n" in made[1]
    assert "# Put" not in made[2]
    assert opening_hours is names_after(made[2])["plane"].calendar


def test_what_never_ends_is_found_behind_a_delay() -> None:
    """Time passes while nothing is in flight, so that what is stuck afterwards is named."""
    task = {"name": "test", "triggeredAfter": "2s", "expects": ["x", "y"]}
    with pytest.raises(Counterexample) as caught:
        explore(plane({"dev": {"delivery": ["deploy", task]}}), Alphabet(triggers=[trigger()]))

    assert "everything_ends_if_all_answer" == caught.value.invariant
    assert "s1 never ends, it waits for its task test" == caught.value.problem


def test_a_library_that_never_rests_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many rounds it is said who lives then; a round answers each task in flight."""
    monkeypatch.setattr(ends, "_ROUNDS", 1)
    decider, command = plane(DELIVERY), attrs.evolve(trigger(), sequence_id="s1", context="s1")
    state = decider.decide(decider.initial("p"), command, START).state

    left = everything_ends_if_all_answer(decider, Alphabet(triggers=[trigger()]), state, START)

    assert "s1 never ends, it waits for its task test" == left


def test_a_program_shows_a_decision_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised becomes an assertion, as long as it is raised."""

    def fail(*_: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("sequencectl._sequence.life.resume", fail)
    with pytest.raises(Counterexample) as caught:
        explore(plane(DELIVERY), Alphabet(triggers=[trigger()], most=1))

    with pytest.raises(AssertionError, match=r"^decisions_never_raise: RuntimeError\('out of"):
        names_after(caught.value.program)
    monkeypatch.undo()
    names_after(caught.value.program)


@pytest.mark.parametrize(
    "planes",
    [each.alphabet.planes(each.plane) for each in SLICES.values()] + [(RICH,)],
    ids=[*SLICES, "rich"],
)
def test_a_program_makes_the_same_planes(planes: tuple[ControlPlane, ...]) -> None:
    """Whatever a shipyard and policies have is written down, so that it equals the original."""
    moves = [Move("change", None, START)] * (len(planes) - 1)
    moves += [Move("check", CheckDeadlines(), START)]

    names = names_after(Program(planes, moves).breaking(holds))

    assert planes == (names["plane"], *([names["changed"]] if len(planes) > 1 else []))


@pytest.mark.parametrize("name", SLICES)
def test_a_program_makes_the_same_alphabet(name: str) -> None:
    """What never ends is looked for with the alphabet of the search."""
    place = SLICES[name]
    moves = [Move("check", CheckDeadlines(), START)]

    program = Program((place.plane,), moves).ending(everything_ends_if_all_answer, place.alphabet)

    assert place.alphabet == names_after(program)["alphabet"]


def test_commands_are_written_as_they_are_made() -> None:
    """Data, a shared context and words are there, and what has its default is not."""
    commands = [
        trigger(context="release", priority=0),
        ReportTaskFinished("t", source="x", result="pass", data={"list": [{}]}),
        FreezeStage("d", until=START),
        attrs.evolve(trigger(context="release"), redrives="s1", start_at="test"),
        ReportTaskProgress("t", source="x", percent=5),
        RetryTask("release", stage="dev"),
        SkipTask(sequence_id="s1", result="warning"),
        CheckDeadlines(limit=1),
    ]
    moves = [Move("", each, START + SECOND) for each in commands]
    program = Program([plane(DELIVERY)], moves).breaking(holds)

    said = "'own', stage='dev', sequence='delivery', context='release', data={'kept': 1}"
    assert [
        f"(1, plane, TriggerSequence({said}, priority=0)),",
        "(1, plane, ReportTaskFinished('t', source='x', result='pass', data={'list': [{}]})),",
        "(1, plane, FreezeStage('d', until=datetime.fromisoformat('2026-01-01 09:00:00+00:00'))),",
        f"(1, plane, TriggerSequence({said}, redrives='s1', start_at='test')),",
        "(1, plane, ReportTaskProgress('t', source='x', percent=5)),",
        "(1, plane, RetryTask('release', stage='dev')),",
        "(1, plane, SkipTask(sequence_id='s1', result='warning')),",
        "(1, plane, CheckDeadlines(1)),",
    ] == [row.strip() for row in program.splitlines() if row.startswith("    (")]
    assert commands[-1] == names_after(program)["command"]


def test_a_program_says_which_plane_decides_and_by_which_clock() -> None:
    """After a change it is the changed one; a clock that is behind is told to the microsecond."""
    command = attrs.evolve(trigger(), sequence_id="a", context="a")
    late = START + timedelta(days=2, microseconds=1)
    moves = (
        Move("trigger", command, START), Move("change", None, START), Move("wait", None, late),
        Move("slow", CheckDeadlines(), late, behind=SECOND),
    )  # fmt: skip
    planes = (plane(DELIVERY), plane(DELIVERY, queueing=QueuePolicy(limit=2)))

    names = names_after(Program(planes, moves).breaking(holds))

    assert late - SECOND == names["now"]
    assert planes[1] == names["decider"] == names["changed"]


def test_a_program_says_which_invariant_of_the_host_to_call() -> None:
    """A function of a module is imported; one that cannot be is asked for by its name."""

    def of_a_test(_seen: Transition) -> str:
        return "never"

    moves = [Move("trigger", trigger(), START)]
    imported = Program([plane(DELIVERY)], moves).breaking(holds)
    asked_for = Program([plane(DELIVERY)], moves).breaking(of_a_test)

    assert "from tests.exploration.test_program import holds\n" in imported
    assert "applied" == word(names_after(imported)["decision"].outcome)
    assert "# Put of_a_test here: it is the invariant that breaks.\n" in asked_for
    with pytest.raises(NameError, match="of_a_test"):
        names_after(asked_for)
    with pytest.raises(AssertionError, match=r"^of_a_test: never$"):
        exec(asked_for, {"of_a_test": of_a_test})  # noqa: S102 - as above
