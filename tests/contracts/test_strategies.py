"""The strategies for hosts draw what can really happen."""

from __future__ import annotations

import importlib.util
import sys
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from sequencectl import ControlPlane, Decision, ProjectState, evolve, freeze, thaw
from sequencectl.testing import InMemoryStore, strategies
from sequencectl.testing._walk import PLANE

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


def test_without_hypothesis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that lacks it reads what to install."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    spec = importlib.util.find_spec("sequencectl.testing.strategies")
    assert spec is not None
    assert spec.loader is not None

    with pytest.raises(ImportError, match=r"install sequencectl\[testing\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
