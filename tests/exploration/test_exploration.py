"""The search: it ends, it is the same every time, and finds the fewest moves to what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import sequencectl
from sequencectl import (
    CalendarError,
    InvalidValue,
    Opening,
    PauseSequence,
    QueuePolicy,
    TimeoutPolicy,
)
from sequencectl.stage_queue import StageQueue
from sequencectl.testing.exploration import (
    Alphabet,
    Counterexample,
    Exploration,
    Progress,
    _Search,
    explore,
)
from sequencectl.testing.exploration.alphabet import Alphabet as Letters
from sequencectl.testing.exploration.projection import Projector
from tests.exploration.slices import DELIVERY, SLICES, plane, trigger, without

PLAIN = plane(DELIVERY)
SECOND = timedelta(seconds=1)
ONE = Alphabet(triggers=[trigger()], most=1, stages=("dev",))


def test_an_exploration_ends_and_is_the_same_every_time() -> None:
    """One sequence of two tasks has so many states, the farthest of them nine moves away."""
    found = [explore(PLAIN, ONE) for _ in range(2)]

    assert [Exploration(states=191, transitions=4113, diameter=9)] * 2 == found


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
    assert str(caught.value) == f"lanes_keep_their_limit: 2 hold lane dev\n\n{caught.value.program}"


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
    assert "s1 never ends, it waits for its task deploy" == caught.value.problem
    assert ["trigger"] == [move.letter for move in caught.value.moves]


def test_a_limit_that_never_comes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time stands still, deadlines lead to no end; unbounded, none is asked for."""
    monkeypatch.setattr(Letters, "_waits", lambda *_: iter(()))
    unbounded = attrs.evolve(PLAIN, timeouts=TimeoutPolicy.unbounded())

    with pytest.raises(Counterexample) as caught:
        explore(PLAIN, ONE)

    assert "everything_ends_by_deadlines" == caught.value.invariant
    assert explore(unbounded, ONE).is_complete


def closed(_stage: str, _at: datetime) -> Opening:
    """A calendar that never opens."""
    return Opening(False)


WAITS = ("trigger", "finish", "check", "wait")


def test_what_waits_behind_a_closed_door_is_found() -> None:
    """Only a limit on waiting ends what waits while the calendar is closed, or somebody exempts."""
    patient = attrs.evolve(PLAIN, calendar=closed)
    hasty = attrs.evolve(patient, timeouts=TimeoutPolicy(waiting="2s"))
    alphabet = attrs.evolve(ONE, letters=WAITS, tick=SECOND, period=SECOND)
    exempting = attrs.evolve(alphabet, letters=("trigger", "finish", "exempt"))

    with pytest.raises(Counterexample) as caught:
        explore(patient, alphabet)

    assert "everything_ends_if_all_answer" == caught.value.invariant
    assert "s1 never ends, it is waiting" == caught.value.problem
    assert "Put closed here" not in caught.value.program
    assert explore(patient, exempting).is_complete
    assert explore(hasty, attrs.evolve(alphabet, letters=("trigger", "check", "wait"))).is_complete


def test_what_never_ends_in_silence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time stands still behind a freeze, it ends only if somebody unfreezes."""
    waits = Letters._waits
    monkeypatch.setattr(
        Letters, "_waits",
        lambda self, state, *rest: iter(()) if state.freezes else waits(self, state, *rest),
    )  # fmt: skip
    hasty = attrs.evolve(PLAIN, timeouts=TimeoutPolicy(waiting="2s"))
    alphabet = attrs.evolve(ONE, letters=(*WAITS, "freeze", "unfreeze"))

    with pytest.raises(Counterexample) as caught:
        explore(hasty, alphabet)

    assert "everything_ends_in_silence" == caught.value.invariant
    assert explore(PLAIN, alphabet).is_complete


def test_an_approval_that_nobody_can_give_is_found() -> None:
    """Whoever triggered it is barred; without the letter for votes nobody is asked to vote."""
    stages = {"dev": {"delivery": [{"name": "approve", "approval": {"initiator": False}}]}}
    alphabet = Alphabet(triggers=[trigger(actor="alice")], most=1, voters=("alice",))
    silent = attrs.evolve(alphabet, letters=("trigger", "finish"))

    with pytest.raises(Counterexample) as caught:
        explore(plane(stages), alphabet)

    assert "everything_ends_if_all_answer" == caught.value.invariant
    assert "s1 never ends, it waits for its task approve" == caught.value.problem
    assert explore(plane(stages), attrs.evolve(alphabet, voters=("alice", "bob"))).is_complete
    assert explore(plane(stages), silent).is_complete


def test_a_calendar_fails_no_command_but_the_one_that_asks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`CalendarError` answers `UnfreezeStage`; any other command that raises it is wrong."""

    def fail(*_: Any) -> None:
        raise CalendarError("dev", None)

    monkeypatch.setattr("sequencectl._sequence.life.resume", fail)

    with pytest.raises(Counterexample, match="decisions_never_raise: CalendarError"):
        explore(PLAIN, ONE)


def test_a_calendar_needs_a_period() -> None:
    """Without it no two instants would be alike, and a search would not come to an end."""
    with pytest.raises(InvalidValue, match=r"^period: must say after how long"):
        explore(attrs.evolve(PLAIN, calendar=closed), ONE)


def test_what_is_parked_ends_by_a_person_or_by_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither a skip nor time that passes it need not end; where its limit never comes and
    nothing else gets it out, that is found.
    """
    parks = plane({"dev": {"delivery": [{"name": "deploy", "onFailure": "park"}]}})
    answers = attrs.evolve(ONE, letters=("trigger", "finish"))
    skips = attrs.evolve(ONE, letters=("trigger", "finish", "skip"))
    waits = attrs.evolve(ONE, letters=WAITS)

    assert all(explore(parks, each).is_complete for each in (answers, skips, waits))
    monkeypatch.setattr("sequencectl._sequence.life.end_parked", lambda _: None)
    with pytest.raises(Counterexample) as caught:
        explore(parks, waits)
    assert "answers_as_the_rules_say" == caught.value.invariant
    monkeypatch.setattr(Letters, "_waits", lambda *_: iter(()))
    with pytest.raises(Counterexample) as stuck:
        explore(parks, waits)
    assert "s1 never ends, it is parked" == stuck.value.problem


def test_what_cannot_be_let_go_need_not_end() -> None:
    """An alphabet that freezes and never unfreezes is explored all the same."""
    letters = without("unfreeze")

    assert explore(PLAIN, attrs.evolve(ONE, letters=letters)).is_complete


def test_another_queue_policy_takes_over_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided by two planes in turn is found out, and told as such."""
    monkeypatch.setattr("sequencectl.control_plane.touch_open_lines", lambda *_: None)
    letters = ("trigger", "check", "change")
    alphabet = attrs.evolve(ONE, most=2, letters=letters, then=QueuePolicy(limit=2))

    with pytest.raises(Counterexample) as caught:
        explore(PLAIN, alphabet)

    assert "answers_as_the_rules_say" == caught.value.invariant
    assert "changed = evolve(plane, queueing=QueuePolicy(limit=2))" in caught.value.program
    assert ["change", "check", "trigger", "trigger"] == sorted(x.letter for x in caught.value.moves)
    assert caught.value.program.count("(0, changed, ") in {1, 2}


def test_nobody_expires_beside_a_place_that_a_raised_limit_made() -> None:
    """A check fills lanes before it acts on what is due (R3, R29)."""
    patient = attrs.evolve(PLAIN, timeouts=TimeoutPolicy(waiting="3s", reaction="6s"))
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
    ("where", "arguments"),
    [
        ("plane", {"plane": None}),
        ("alphabet", {"alphabet": "trigger"}),
        ("limit", {"limit": 0}),
        ("limit", {"limit": True}),
        ("progress", {"progress": "often"}),
    ],
)
def test_a_wrong_argument_is_named(where: str, arguments: Any) -> None:
    """Each is an `InvalidValue` that shows the value, and nothing is explored."""
    with pytest.raises(InvalidValue, match=f"^{where}: must be .*, got ") as caught:
        explore(**{"plane": PLAIN, "alphabet": ONE, **arguments})

    assert arguments[where] == caught.value.value


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        ("triggers", trigger("dve"), "the shipyard has no stage 'dve'; it has: dev, prod"),
        (
            "triggers",
            trigger("dev", "undo"),
            "stage 'dev' has no sequence 'undo'; it has: delivery",
        ),
        ("triggers", trigger("prod"), "stage 'prod' has no sequence 'delivery'; it has: none"),
        ("stages", "dve", "the shipyard has no stage 'dve'; it has: dev, prod"),
        ("scopes", "dve", "the shipyard has no stage 'dve'; it has: dev, prod"),
    ],
)
def test_an_unknown_name_is_a_mistake_of_the_alphabet(where: str, value: Any, problem: str) -> None:
    """It is no rule that does not hold: the error says what the shipyard has."""
    decider = plane({"dev": {"delivery": ["deploy"]}, "prod": None})
    letters: dict[str, Any] = {"triggers": ONE.triggers, where: [value]}

    with pytest.raises(InvalidValue, match=f"^{where}: {problem}, got ") as caught:
        explore(decider, Alphabet(**letters))

    assert value is caught.value.value


def test_a_limit_is_never_passed() -> None:
    """With room for so many states, so many are visited; with room for all, the search is whole."""
    found = [explore(PLAIN, ONE, limit=limit) for limit in (1, 50, 190, 191)]

    assert [1, 50, 190, 191] == [each.states for each in found]
    assert [False, False, False, True] == [each.is_complete for each in found]


@pytest.mark.parametrize("name", ["a raised limit", "a slow clock", "limits"])
def test_moves_lead_to_the_state_they_are_kept_for(name: str) -> None:
    """All moves to a state, made once more, lead to its projection: waits and changes, too."""
    place = SLICES[name].fewer
    search = _Search(place.plane, place.alphabet, (), 200)
    while search.queue:
        search.visit(search.queue.popleft())

    projected = [
        (node.plane, search.projector.project(search.state_of(number), node.now))
        for number, node in enumerate(search.nodes)
    ]

    assert projected == list(search.known)


def test_progress_is_reported_now_and_then_and_at_the_end() -> None:
    """Of 191 states, 100 are visited at the first report and all of them at the second."""
    seen: list[Progress] = []

    explore(PLAIN, ONE, progress=seen.append)

    assert [100, 191] == [each.states - each.waiting for each in seen]
    assert Progress(states=191, transitions=4113, waiting=0) == seen[-1]
    assert seen[0].transitions < 4113


@pytest.mark.parametrize(
    ("where", "value", "shown"),
    [
        ("letters", ("trigger", "poke"), "'poke'"),
        ("letters", "trigger", "'trigger'"),
        ("letters", 3, "3"),
        ("request_ids", True, "TriggerSequence"),
        ("request_ids", 1, "1"),
        ("triggers", None, "None"),
        ("triggers", ["s1"], "'s1'"),
        ("most", 0, "0"),
        ("most", True, "True"),
        ("executors", "x", "'x'"),
        ("executors", (), "()"),
        ("results", ["perfect"], "['perfect']"),
        ("results", None, "None"),
        ("statuses", ["broken"], "['broken']"),
        ("statuses", 3, "3"),
        ("scopes", [3], "3"),
        ("stages", "dev", "'dev'"),
        ("tick", 3, "3"),
        ("voters", "alice", "'alice'"),
        ("voters", [None], "None"),
        ("freezes", ["1s"], "'1s'"),
        ("freezes", SECOND, "datetime.timedelta"),
        ("period", 3, "3"),
        ("period", SECOND, "datetime.timedelta"),
        ("behind", "1s", "'1s'"),
        ("then", 2, "2"),
    ],
)
def test_an_alphabet_refuses_what_makes_no_sense(where: str, value: Any, shown: str) -> None:
    """By the name of the argument; request ids are refused for contexts that get other names."""
    with pytest.raises(InvalidValue, match=f"^{where}: must .*, got {re.escape(shown)}"):
        attrs.evolve(ONE, **{where: value})


def test_a_period_lasts() -> None:
    """A calendar that repeats itself at once would not be one."""
    with pytest.raises(InvalidValue, match=r"^period: must be more than zero"):
        attrs.evolve(ONE, tick=SECOND, period=0 * SECOND)


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
