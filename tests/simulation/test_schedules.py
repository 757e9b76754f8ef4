"""Every schedule of small worlds keeps every promise, and a wrong protocol breaks one."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from sequencectl.testing.simulation.mistakes import MISTAKES
from sequencectl.testing.simulation.schedules import Explored, ScheduleFailed, explore
from tests.simulation.small_worlds import PLANE, QUICK, A, B


@pytest.mark.parametrize("name", QUICK)
def test_no_schedule_breaks_a_promise(name: str) -> None:
    """Whoever goes on, crashes, hears no answer or is told again: all of it."""
    explored = explore(PLANE, **QUICK[name])

    assert explored.schedules > 20


def test_every_schedule_is_counted_once() -> None:
    """One replica and one command: it is taken, loaded, committed and published, in one way."""
    options: Any = {"replicas": 1, "crashes": 0, "errors": 0, "duplicates": 0}

    assert Explored(states=7, schedules=1, longest=6) == explore(PLANE, [A], **options)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_classic_mistake_is_found(mistake: str) -> None:
    """Two commands, two replicas and nothing else going wrong are enough for each of the three."""
    with pytest.raises(ScheduleFailed):
        explore(PLANE, [A, B], crashes=0, errors=0, duplicates=0, mistake=mistake)


def test_a_crash_shows_that_there_is_no_outbox() -> None:
    """A single replica is enough if it crashes between its commit and its publication."""
    calm: Any = {"replicas": 1, "errors": 0, "duplicates": 0, "mistake": "no-outbox"}
    explore(PLANE, [A, B], crashes=0, **calm)

    with pytest.raises(ScheduleFailed):
        explore(PLANE, [A], crashes=1, **calm)


def test_a_failing_schedule_is_replayed_by_its_choices() -> None:
    """The message ends with them, and they lead to the same calls and the same end."""
    calm: Any = {"crashes": 0, "errors": 0, "duplicates": 0, "mistake": "no-serial-check"}
    with pytest.raises(ScheduleFailed) as failed:
        explore(PLANE, [A, B], **calm)
    only = ast.literal_eval(str(failed.value).partition("only=")[2][:-1])

    with pytest.raises(ScheduleFailed) as again:
        explore(PLANE, [A, B], only=only, **calm)

    assert only == failed.value.choices
    assert (str(failed.value), failed.value.calls) == (str(again.value), again.value.calls)


def test_a_schedule_that_breaks_nothing_can_be_played_alone() -> None:
    """Choices lead to one schedule, which then goes on undisturbed."""
    explored = explore(PLANE, [A, B], only=[("take", 1, 1), ("call", 1, 0)])

    assert 1 == explored.schedules
