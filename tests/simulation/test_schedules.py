"""Every schedule of small worlds keeps every promise, and a wrong protocol breaks one."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

import pytest

from sequencectl import InvalidValue
from sequencectl.testing.exploration import Progress
from sequencectl.testing.simulation.mistakes import MISTAKES
from sequencectl.testing.simulation.schedules import Explored, ScheduleFailed, explore
from tests.simulation.small_worlds import PAUSE, PLANE, QUICK, A, B


@pytest.mark.parametrize("name", QUICK)
def test_no_schedule_breaks_a_promise(name: str) -> None:
    """Whoever goes on, crashes, hears no answer or is told again: all of it."""
    explored = explore(**QUICK[name])

    assert explored.schedules > 20


def test_every_schedule_is_counted_once() -> None:
    """One replica and one command: it is taken, loaded, committed and published, in one way."""
    options: Any = {"replicas": 1, "crashes": 0, "errors": 0, "duplicates": 0}

    assert Explored(states=6, schedules=1, longest=5) == explore(PLANE, [A], **options)


SHOWN_BY: Final = {
    "trust-known": "three commands",
    "refuse-first": "three at once, one of them refused",
    "one-by-one": "three at once, one of them refused",
    "one-turn": "a vote and a check of two projects, one error",
}


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name != "own-clock"])
def test_a_classic_mistake_is_found(mistake: str) -> None:
    """For most of them two commands and two replicas are enough, with nothing else going wrong."""
    with pytest.raises(ScheduleFailed):
        explore(**QUICK[SHOWN_BY.get(mistake, "two commands")], mistake=mistake)


def test_what_is_taken_at_once_is_one_commit() -> None:
    """One replica and three messages: as many calls as for one, and one answer to each."""
    calm: Any = {"replicas": 1, "crashes": 0, "errors": 0, "duplicates": 0}
    one = explore(PLANE, [A], **calm)
    three = explore(PLANE, [A, B, PAUSE], batch=3, only=[("take", 0, 0)], **calm)

    assert one.longest == three.longest


@pytest.mark.parametrize("projects", [0, 3, "2"])
def test_there_are_two_projects_at_most(projects: Any) -> None:
    """More would show nothing that two do not."""
    with pytest.raises(InvalidValue, match=r"^projects: must be 1 or 2, got "):
        explore(PLANE, [A], projects=projects)


@pytest.mark.parametrize("mistake", ["no-serial-check", "answer-first"])
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in QUICK
        if re.search("vote|unfreeze|exemption|retry|retries|redrives|limit that|silence", name)
    ],
)
def test_two_who_decide_at_once_show_a_mistake(name: str, mistake: str) -> None:
    """Where two replicas act on one approval, freeze or failure, the serial keeps them apart."""
    with pytest.raises(ScheduleFailed):
        explore(**QUICK[name], mistake=mistake)


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


def test_a_limit_is_never_passed() -> None:
    """The search ends where one more state would be one too many, and says that it is not whole."""
    whole = explore(**QUICK["two commands"])
    found = [
        explore(**QUICK["two commands"], limit=limit)
        for limit in (1, 50, whole.states - 1, whole.states)
    ]

    assert whole.is_complete
    assert [1, 50, whole.states - 1, whole.states] == [each.states for each in found]
    assert [False, False, False, True] == [each.is_complete for each in found]
    assert whole == found[-1]


def test_progress_is_reported_now_and_then_and_at_the_end() -> None:
    """Every 100 schedules: more states each time, until no choice is left."""
    seen: list[Progress] = []

    found = explore(**QUICK["two commands, one error"], progress=seen.append)

    assert 481 == found.schedules
    assert 5 == len(seen)
    assert seen[0].states < found.states
    assert seen[0].waiting > 0
    assert Progress(states=410, transitions=870, waiting=0) == seen[-1]


def test_a_transition_is_a_choice() -> None:
    """One replica and one command: five choices lead through six states."""
    seen: list[Progress] = []

    explore(PLANE, [A], replicas=1, crashes=0, errors=0, duplicates=0, progress=seen.append)

    assert [Progress(states=6, transitions=5, waiting=0)] == seen


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("plane", None),
        ("limit", 0),
        ("limit", "9"),
        ("progress", 3),
        ("mistake", "haste"),
        ("after", 3),
        ("calendars", 3),
        ("calendars", ["weekdays"]),
    ],
)
def test_a_wrong_argument_is_named(where: str, value: Any) -> None:
    """Each is an `InvalidValue` that shows the value."""
    with pytest.raises(InvalidValue, match=f"^{where}: must be .*, got {re.escape(repr(value))}"):
        explore(**{"plane": PLANE, "commands": [A], where: value})
