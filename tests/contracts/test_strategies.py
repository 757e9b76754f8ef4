"""The strategies for hosts draw what can really happen."""

from __future__ import annotations

import importlib.util
import sys
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty

from sequencectl import (
    ControlPlane,
    Decision,
    InvalidValue,
    ProjectState,
    Shipyard,
    TriggerSequence,
    evolve,
    freeze,
    thaw,
)
from sequencectl.testing import InMemoryStore, strategies
from sequencectl.testing._walk import PLANE, START

LONGEST = 2_000
"""Characters that a drawn value may take where a failing example is printed."""

few = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@few
@given(strategies.histories())
def test_a_history_can_be_committed_in_order(decisions: tuple[Decision, ...]) -> None:
    """Each decision follows the one before, and a store that took them all has the last state."""
    store = InMemoryStore()
    for decision in decisions:
        store.commit(decision)

    assert all(one.state is other.before for one, other in pairwise(decisions))
    assert (decisions[-1].state if decisions else None) == store.load("sockshop")


@few
@given(strategies.histories(plane=PLANE, project="p", most=10))
def test_a_history_is_of_the_plane_and_project_given(decisions: tuple[Decision, ...]) -> None:
    """Its events replay from the initial state of that project, and are as few as wanted."""
    events = [event for decision in decisions for event in decision.events]

    state = reduce(evolve, events, PLANE.initial("p"))

    assert (decisions[-1].state if decisions else PLANE.initial("p")) == state
    assert len(decisions) <= 10


@few
@given(strategies.projects(most=8))
def test_a_project_is_a_reachable_state(state: ProjectState) -> None:
    """Something has happened in it, and its index is that of its records."""
    assert state.serial > 0
    assert state.rebuilt().index == state.index


@few
@given(strategies.planes())
def test_a_plane_can_decide(plane: ControlPlane) -> None:
    """It has stages, each with its sequences."""
    assert all(stage.sequences for stage in plane.shipyard.stages)


@few
@given(strategies.payloads())
def test_a_payload_is_json(data: dict[str, object]) -> None:
    """It freezes, and thaws to what it was."""
    assert freeze(data) == freeze(thaw(freeze(data)))


@st.composite
def drawn(draw: st.DrawFn) -> dict[str, object]:
    """A value of every strategy, and the strategies that take values."""
    plane, decisions = draw(strategies.planes()), draw(strategies.histories())
    state = draw(strategies.projects())
    commands = strategies.commands(plane, state)
    return {
        "payloads": draw(strategies.payloads()),
        "shipyards": draw(strategies.shipyards()),
        "planes": plane,
        "commands": draw(commands),
        "histories": decisions,
        "projects": state,
        "the strategy of commands": commands,
        "the strategy of histories": strategies.histories(plane=plane),
    }


@settings(few, max_examples=20)
@given(drawn())
def test_a_drawn_value_prints_in_a_few_lines(values: dict[str, object]) -> None:
    """As Hypothesis shows it in a failing example, and as Python does."""
    lengths = {name: max(len(pretty(it)), len(repr(it))) for name, it in values.items()}

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST}


def test_values_print_what_matters() -> None:
    """Names, serials and policies; neither records nor indexes."""
    shipyard = Shipyard.of({"dev": {"delivery": ["deploy", "test"], "undo": ["undo"]}, "qa": None})
    plane = ControlPlane(shipyard)
    state = plane.initial("sockshop")
    command = TriggerSequence("c1", stage="dev", sequence="delivery", data={"much": "data"})
    decision = plane.decide(state, command, START)

    said = "Shipyard(dev: delivery ['deploy', 'test'], undo ['undo']; qa: )"
    assert said == repr(shipyard)
    assert repr(plane).startswith(f"ControlPlane(shipyard={said}, timeouts=")
    assert "ProjectState(project='sockshop', serial=0, sequences=0)" == repr(state)
    assert "Decision(TriggerSequence, Applied, base=0, serial=3)" == repr(decision)
    for value in (shipyard, state, decision):
        assert repr(value) == pretty(value)


def test_without_hypothesis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that lacks it reads what to install."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    spec = importlib.util.find_spec("sequencectl.testing.strategies")
    assert spec is not None
    assert spec.loader is not None

    with pytest.raises(ImportError, match=r"install sequencectl\[testing\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize("strategy", [strategies.histories, strategies.projects])
@pytest.mark.parametrize(
    "wrong", [{"plane": PLANE.shipyard}, {"most": 0}, {"most": True}, {"most": "9"}]
)
def test_a_wrong_argument_is_refused_before_anything_is_drawn(strategy: Any, wrong: Any) -> None:
    """By its name; a history of no decision at all would test nothing."""
    ((where, value),) = wrong.items()

    with pytest.raises(InvalidValue, match=f"^{where}: must be .*, got ") as caught:
        strategy(**wrong)

    assert value is caught.value.value
