"""The replay law and determinism: state and events follow from the commands alone."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import reduce
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl import CheckDeadlines, evolve
from sequencectl.state import initial
from tests.properties.commands_strategy import next_command
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import SECOND, WORLDS, at, plane_of

ROOT = Path(__file__).parents[2]
PRINT_WALKS = """
import random, re
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS

for name in WORLDS:
    twin = Twin(WORLDS[name])
    walk(twin, random.Random(name), steps=80)
    for event in twin.events:
        # the sources that a task expects are a set, which has no order
        print(re.sub(r"frozenset\\(\\{(.*?)\\}\\)", lambda m: str(sorted(m[1])), repr(event)))
"""
names = st.sampled_from(sorted(WORLDS))
seeds = st.integers(0, 10_000)


def a_walk(name: str, seed: int) -> Twin:
    """Return what a walk in this world comes to."""
    twin = Twin(WORLDS[name])
    walk(twin, random.Random(seed))
    return twin


@settings(max_examples=30)
@given(names, seeds)
def test_a_replica_catches_up_from_any_state(name: str, seed: int) -> None:
    """Whatever state a replica has, folding the events after it gives the state of today."""
    twin = a_walk(name, seed)
    known, serial = random.Random(seed).choice([*twin.kept, (initial("sockshop"), 0)])
    caught_up = reduce(evolve, twin.events[serial:], known)

    assert twin.state == caught_up
    assert twin.state.index == caught_up.index


@settings(max_examples=30)
@given(names, names, seeds)
def test_the_fold_asks_no_plane(name: str, other: str, seed: int) -> None:
    """When shipyard and policy change on the way, the same fold still gives the same state."""
    twin = a_walk(name, seed)
    plane, choice = plane_of(WORLDS[other]), random.Random(seed)
    state, events = twin.state, list(twin.events)
    for number in range(30):
        command = next_command(twin, choice.choice) if number % 5 else CheckDeadlines()
        decision = plane.decide(state, command, at(twin.now + 20 * number * SECOND))
        state = decision.state
        events += decision.events

    assert state == reduce(evolve, events, initial("sockshop"))
    assert state.index == state.rebuilt().index


def test_hash_seed_and_time_zone_decide_nothing() -> None:
    """The same commands at the same instants give the same events, to the letter."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    printed = [
        subprocess.check_output(
            [sys.executable, "-c", PRINT_WALKS],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "TZ": zone},
        )
        for seed, zone in [("0", "UTC"), ("1", "Asia/Kolkata")]
    ]

    assert len(printed[0].splitlines()) > 100
    assert 1 == len(set(printed))
