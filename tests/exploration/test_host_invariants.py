"""Invariants of a host: what they are called with, and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import pytest

from sequencectl import CheckDeadlines, InvalidValue, TriggerSequence, evolve
from sequencectl.testing.exploration import Alphabet, Counterexample, Transition, explore
from sequencectl.testing.exploration.alphabet import START
from tests.exploration.slices import DELIVERY, plane, trigger

PLANE = plane(DELIVERY)
ONE = Alphabet(triggers=[trigger()], most=1)


def never_two_tasks(seen: Transition) -> str:
    """A delivery has one task."""
    return "a second task" if any(len(each.runs) for each in seen.live) else ""


def asserts(seen: Transition) -> None:
    """The same as an assertion."""
    assert not any(len(each.runs) for each in seen.live), "a second task"


def asserts_in_silence(seen: Transition) -> None:
    """The same without a sentence."""
    if any(len(each.runs) for each in seen.live):
        raise AssertionError


def stumbles(seen: Transition) -> None:
    """The same by an error of its own."""
    if any(len(each.runs) for each in seen.live):
        raise KeyError("second")


def test_an_invariant_sees_every_decision() -> None:
    """Once for each transition that tells a command, with the state before it and after it."""
    seen: list[Transition] = []

    def keeps(transition: Transition) -> None:
        seen.append(transition)

    alphabet = Alphabet(triggers=[trigger()], most=1, letters=("trigger", "again", "finish"))
    found = explore(PLANE, alphabet, invariants=[keeps])

    assert found.transitions == len(seen)
    assert all(each.after == reduce(evolve, each.events, each.before) for each in seen)
    assert all(each == PLANE.decide(x.before, x.command, x.now) for x in seen
               for each in [x.decision])  # fmt: skip
    assert {"Applied", "Unchanged"} == {type(each.outcome).__name__ for each in seen}
    assert {PLANE} == {each.plane for each in seen}
    assert TriggerSequence in {type(each.command) for each in seen}


@pytest.mark.parametrize(
    ("invariant", "problem", "raised"),
    [
        (never_two_tasks, "a second task", type(None)),
        (asserts, "a second task", AssertionError),
        (asserts_in_silence, "it raised AssertionError", AssertionError),
        (stumbles, "it raised KeyError('second')", KeyError),
    ],
)
def test_a_break_names_the_invariant(
    invariant: Callable[..., Any], problem: str, raised: type
) -> None:
    """By a sentence or an assertion; the shortest way there is found, what it raised is kept."""

    def holds(_seen: Transition) -> str:
        return ""

    with pytest.raises(Counterexample) as caught:
        explore(PLANE, ONE, invariants=iter([holds, invariant, holds]))

    assert (invariant.__name__, problem) == (
        caught.value.invariant, caught.value.problem.partition("\n")[0],
    )  # fmt: skip
    assert ["trigger", "finish"] == [move.letter for move in caught.value.moves]
    assert type(caught.value.__cause__) is raised
    assert f"import {invariant.__name__}\n" in caught.value.program


@pytest.mark.parametrize("answer", [False, True, 0, [], b"", ("no",)])
def test_any_other_answer_is_an_error_that_names_the_function(answer: Any) -> None:
    """False is no answer: it would be taken for content by one host and for a break by another."""

    def answers(_seen: Transition) -> Any:
        return answer

    with pytest.raises(InvalidValue, match=r"^invariants: answers must return None or"):
        explore(PLANE, ONE, invariants=[answers])


@pytest.mark.parametrize(
    "wrong", [never_two_tasks, ["holds"], [lambda _: ""], [partial(never_two_tasks)], "holds", [3]]
)
def test_what_has_no_name_is_no_invariant(wrong: Any) -> None:
    """A break could not be told by the name of the function; a single function is no list."""
    with pytest.raises(InvalidValue, match=r"^invariants: must be "):
        explore(PLANE, ONE, invariants=wrong)


@pytest.mark.parametrize("where", ["plane", "before", "command", "now", "decision"])
def test_a_transition_is_made_of_what_it_says(where: str) -> None:
    """Each part is checked when a host makes one."""
    state, command = PLANE.initial("p"), CheckDeadlines()
    parts = {
        "plane": PLANE, "before": state, "command": command, "now": START,
        "decision": PLANE.decide(state, command, START),
    }  # fmt: skip
    assert () == Transition(**parts).events

    with pytest.raises(InvalidValue, match=f"^{where}: must be a"):
        Transition(**{**parts, where: "wrong"})
