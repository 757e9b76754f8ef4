"""The core does what the naive model does, step by step, in every world (R1–R42)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.properties.commands_strategy import next_command, next_instant
from tests.properties.twin import Twin
from tests.properties.worlds import SECOND, WORLDS

STEPS = 40


def walk(twin: Twin, choice: random.Random, steps: int = STEPS) -> None:
    """Take a walk of so many commands, comparing after each."""
    for _ in range(steps):
        twin.now = next_instant(twin, choice.choice)
        if twin.config["changes"] and choice.random() < twin.config["change"]:
            twin.change(choice.choice(twin.config["changes"]))
        twin.tell(next_command(twin, choice.choice))


@pytest.mark.parametrize("name", WORLDS)
def test_a_random_walk_agrees_with_the_naive_model(name: str) -> None:
    """After every command of every walk, core and model agree on all there is to see."""
    for seed in range(WORLDS[name]["walks"]):
        twin = Twin(WORLDS[name])
        try:
            walk(twin, random.Random(f"{name} {seed}"))
            twin.check_history()
        except Exception as error:
            error.add_note(f"world {name}, seed {seed}, after {len(twin.script)} commands:")
            for command, now in twin.script:
                error.add_note(f"  {now / SECOND:>13.6f} {command}")
            raise


class Machine(RuleBasedStateMachine):
    """The same with histories that Hypothesis makes, and makes as short as can be."""

    @initialize(name=st.sampled_from(sorted(WORLDS)))
    def begin(self, name: str) -> None:
        self.twin = Twin(WORLDS[name])

    @rule(data=st.data(), waits=st.booleans())
    def tell(self, data: st.DataObject, waits: bool) -> None:
        def pick(options: Any) -> Any:
            return data.draw(st.sampled_from(options))

        if waits:
            self.twin.now = next_instant(self.twin, pick)
        self.twin.tell(next_command(self.twin, pick))

    @precondition(lambda self: self.twin.config["changes"])
    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        self.twin.change(data.draw(st.sampled_from(self.twin.config["changes"])))

    @invariant()
    def indexes_equal_their_rebuild(self) -> None:
        assert self.twin.state.index == self.twin.state.rebuilt().index

    def teardown(self) -> None:
        self.twin.check_history()


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=settings().stateful_step_count * 3 // 5)
