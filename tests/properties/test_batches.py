"""Batches: however commands are divided, they do what they do one by one (section 7)."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl import Command, Decision, Handled, SequenceController
from sequencectl.testing import InMemoryStore, ManualClock, RecordingSink
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS, at

Batch = tuple[int, list[Command]]


class CountingStore:
    """An `InMemoryStore` that counts commits."""

    def __init__(self) -> None:
        self._inner = InMemoryStore()
        self.commits = 0
        for name in ("load", "pending", "acknowledge", "agenda"):
            setattr(self, name, getattr(self._inner, name))

    def commit(self, decision: Decision) -> bool | None:
        """Commit and count."""
        self.commits += 1
        return self._inner.commit(decision)


class Host:
    """A controller of one project, with its ports."""

    def __init__(self, twin: Twin) -> None:
        self.store: Any = CountingStore()
        self.sink = RecordingSink()
        self.clock = ManualClock(at(0))
        self.controller = SequenceController(
            twin.plane, store=self.store, clock=self.clock, sink=self.sink
        )

    def handle_many(self, commands: list[Command]) -> list[Any]:
        """Handle commands as a batch."""
        return [said(each) for each in self.controller.handle_many("sockshop", commands)]

    def handle(self, command: Command) -> Any:
        """Handle a command by itself."""
        try:
            return said(self.controller.handle("sockshop", command))
        except Exception as error:  # noqa: BLE001 - it is compared
            return said(error)


def said(answer: Handled | Exception) -> Any:
    """What an answer says: outcome and events, or the error."""
    if isinstance(answer, Exception):
        return type(answer), str(answer)
    return answer.decision.outcome, answer.decision.events


def batches_of(twin: Twin, choice: random.Random) -> list[Batch]:
    """What a twin was told, in batches of one to six, each at the instant of its last command."""
    left, batches = list(twin.told), list[Batch]()
    while left:
        size = choice.randint(1, 6)
        part, left = left[:size], left[size:]
        batches.append((part[-1][1], [command for command, _ in part]))
    return batches


@settings(max_examples=40)
@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 10_000))
def test_a_batch_does_what_its_commands_do_one_by_one(name: str, seed: int) -> None:
    """The same answers, the same events in the same order, the same state; and fewer commits."""
    twin = Twin(WORLDS[name])
    walk(twin, random.Random(seed))
    one_by_one, together = Host(twin), Host(twin)

    batches = batches_of(twin, random.Random(seed))
    for now, commands in batches:
        for host in (one_by_one, together):
            host.clock.turn_to(at(now))
        answers = together.handle_many(commands)
        assert [one_by_one.handle(command) for command in commands] == answers

    assert one_by_one.sink.emitted == together.sink.emitted
    states = [host.controller.state("sockshop") for host in (one_by_one, together)]
    assert states[0] == states[1]
    assert together.store.commits <= min(len(batches), one_by_one.store.commits)
