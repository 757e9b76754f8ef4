"""The search: it ends, it is the same every time, and what it finds can be pasted into a test."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import sequencectl
from sequencectl import (
    CheckDeadlines,
    ControlPlane,
    InvalidValue,
    PauseSequence,
    QueuePolicy,
    ReportTaskFinished,
    TimeoutPolicy,
)
from sequencectl.stage_queue import StageQueue
from sequencectl.testing.exploration import (
    START,
    Alphabet,
    Counterexample,
    Exploration,
    explore,
)
from sequencectl.testing.exploration.alphabet import Alphabet as Letters
from sequencectl.testing.exploration.alphabet import Move
from sequencectl.testing.exploration.projection import Projector
from tests.exploration.slices import DELIVERY, plane, trigger, without

PLAIN = plane(DELIVERY)
SECOND = timedelta(seconds=1)
ONE = Alphabet(triggers=[trigger()], most=1, stages=("dev",))


def played(broken: Counterexample, on: ControlPlane) -> Any:
    """The state that the program of a counterexample comes to."""
    names = {**vars(sequencectl), "plane": on, "datetime": datetime, "timedelta": timedelta}
    names |= {name: getattr(sequencectl, name) for name in sequencectl.__all__}
    exec(broken.program, names)  # noqa: S102 - it is there to be pasted
    return names["state"]


def test_an_exploration_ends_and_is_the_same_every_time() -> None:
    """One sequence of two tasks has so many states, the farthest of them seven moves away."""
    found = [explore(PLAIN, ONE) for _ in range(2)]

    assert [Exploration(states=103, transitions=1422, diameter=7)] * 2 == found


def test_a_search_that_stops_at_its_limit_says_so() -> None:
    """Beyond the limit nothing is explored, and nothing is said of what can still end."""
    found = explore(PLAIN, attrs.evolve(ONE, executors=("nobody",), letters=("trigger",)), limit=1)

    assert Exploration(states=1, transitions=1, diameter=0, is_complete=False) == found


def test_a_counterexample_is_the_shortest_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two holders in a lane for one take two triggers, and the pasted program has both."""
    monkeypatch.setattr(StageQueue, "has_free_place", lambda *_, **__: True)

    with pytest.raises(Counterexample) as caught:
        explore(PLAIN, attrs.evolve(ONE, most=2))

    assert "lanes_keep_their_limit" == caught.value.invariant
    assert ["trigger", "trigger"] == [move.letter for move in caught.value.moves]
    assert 2 == len(played(caught.value, PLAIN).holders("dev"))
    assert str(caught.value).startswith("lanes_keep_their_limit: 2 hold lane dev\n\nstate, start =")


def test_a_decision_that_raises_is_a_counterexample(monkeypatch: pytest.MonkeyPatch) -> None:
    """`decide` never raises for a race: if it does, that is what is wrong."""

    def fail(*_: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("sequencectl._sequence.life.resume", fail)

    with pytest.raises(Counterexample, match="decisions_never_raise: RuntimeError") as caught:
        explore(PLAIN, attrs.evolve(ONE, scopes=("dev",)))

    assert ["trigger", "pause", "resume"] == [move.letter for move in caught.value.moves]
    assert "PauseSequence('s1', stage='dev')" in caught.value.program


def test_a_task_that_nobody_can_answer_is_found() -> None:
    """Where an executor that is expected does not exist, answers lead to no end."""
    stages = {"dev": {"delivery": [{"name": "deploy", "expects": ["x", "y"]}]}}

    with pytest.raises(Counterexample) as caught:
        explore(plane(stages), ONE)

    assert "everything_ends_if_all_answer" == caught.value.invariant
    assert ["trigger"] == [move.letter for move in caught.value.moves]


def test_a_limit_that_never_comes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time stands still, deadlines lead to no end; unbounded, none is asked for."""
    monkeypatch.setattr(Letters, "_waits", lambda *_: iter(()))
    unbounded = attrs.evolve(PLAIN, timeouts=TimeoutPolicy.unbounded())

    with pytest.raises(Counterexample) as caught:
        explore(PLAIN, ONE)

    assert "everything_ends_by_deadlines" == caught.value.invariant
    assert explore(unbounded, ONE).is_complete


def test_what_cannot_be_let_go_need_not_end() -> None:
    """An alphabet that freezes and never unfreezes is explored all the same."""
    letters = without("unfreeze")

    assert explore(PLAIN, attrs.evolve(ONE, letters=letters)).is_complete


def test_commands_are_written_as_they_are_made() -> None:
    """Data, a shared context and words are in the program, and what has its default is not."""
    told = [
        trigger(context="release", priority=2),
        ReportTaskFinished("t", source="x", result="pass", data={"list": [{}]}),
        CheckDeadlines(limit=1),
    ]
    broken = Counterexample("none", "", tuple(Move("", each, START + SECOND) for each in told))

    lines = [line.strip() for line in broken.program.splitlines()[2:5]]

    about = "stage='dev', sequence='delivery', context='release', data={'kept': 1}, priority=2"
    assert [
        f"(1, plane, TriggerSequence('own', {about})),",
        "(1, plane, ReportTaskFinished('t', source='x', result='pass', data={'list': [{}]})),",
        "(1, plane, CheckDeadlines(1)),",
    ] == lines
    assert played(broken, PLAIN).live("own") is not None


def test_a_program_says_which_plane_decides_and_by_which_clock() -> None:
    """After a change it is the changed one, and a clock that is behind is told as it is."""
    command = attrs.evolve(trigger(), sequence_id="a", context="a")
    moves = (
        Move("trigger", command, START), Move("change", None, START), Move("wait", None, START),
        Move("slow", CheckDeadlines(), START + 2 * SECOND, behind=SECOND),
    )  # fmt: skip

    lines = Counterexample("none", "", moves).program.splitlines()[2:4]

    told = [line.strip().split("(")[1:3] for line in lines]
    assert [["0, plane, TriggerSequence"], ["1, changed, CheckDeadlines"]] == [x[:1] for x in told]


def test_another_queue_policy_takes_over_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided by two planes in turn is found out, and told as such."""
    monkeypatch.setattr("sequencectl.control_plane.touch_open_lines", lambda *_: None)
    letters = ("trigger", "check", "change")
    alphabet = attrs.evolve(ONE, most=2, letters=letters, then=QueuePolicy(limit=2))

    with pytest.raises(Counterexample) as caught:
        explore(PLAIN, alphabet)

    assert "answers_as_the_rules_say" == caught.value.invariant
    assert ["change", "check", "trigger", "trigger"] == sorted(x.letter for x in caught.value.moves)
    assert caught.value.program.count("(0, changed, ") in {1, 2}


def test_nobody_expires_beside_a_place_that_a_raised_limit_made() -> None:
    """A check fills lanes before it acts on what is due (R3, R29)."""
    patient = attrs.evolve(PLAIN, timeouts=TimeoutPolicy(waiting="3s"))
    letters = ("trigger", "check", "wait", "change")
    alphabet = attrs.evolve(
        ONE, most=2, letters=letters, then=QueuePolicy(limit=2), tick=timedelta(seconds=3)
    )

    assert explore(patient, alphabet).is_complete


@pytest.mark.parametrize("seconds", [0, 301])
def test_a_clock_is_behind_by_less_than_the_skew(seconds: int) -> None:
    """Further behind it would be believed, and time would go back."""
    with pytest.raises(InvalidValue, match="behind"):
        explore(PLAIN, attrs.evolve(ONE, behind=seconds * SECOND))


@pytest.mark.parametrize(
    "wrong", [{"letters": ("trigger", "poke")}, {"request_ids": True}], ids=["letter", "request"]
)
def test_an_alphabet_knows_its_letters(wrong: Any) -> None:
    """An unknown letter is refused, and so are request ids that name contexts to be renamed."""
    with pytest.raises(InvalidValue):
        attrs.evolve(ONE, **wrong)


def test_request_ids_make_repeats() -> None:
    """With request ids a control names its scope, and the same again is repeated."""
    alphabet = Alphabet(triggers=[trigger(context="c")], most=1, request_ids=True, scopes=("dev",))
    state, now = PLAIN.initial("p"), datetime.fromisoformat("2026-01-01T00:00Z")
    command = attrs.evolve(alphabet.triggers[0], sequence_id="s1")
    state = PLAIN.decide(state, command, now).state
    told = [move.command for move in alphabet.moves(state, now, Projector(frozenset({"c"})))]

    assert PauseSequence("c", stage="dev", request_id="pause c dev") in told


def test_an_exploration_needs_neither_pytest_nor_hypothesis() -> None:
    """A host without test tools can import it."""
    program = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "import sequencectl.testing.exploration"
    )
    root = Path(sequencectl.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
