"""Hypothesis strategies for a host's own property tests; they need the extra `testing`.

One strategy for each concept, and all of them draw valid values. Names and ids are few, so that
commands are often about the same things. A drawn value prints in a few lines. Test an adapter or a
controller with what really happens::

    @given(histories())
    def test_what_was_committed_loads(decisions): ...
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from sequencectl.commands import Command
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import InvalidValue
from sequencectl.policies import Bounds, LaneScope, QueueMode, QueuePolicy, TimeoutPolicy
from sequencectl.shipyard import Shipyard
from sequencectl.state import ProjectState
from sequencectl.testing._walk import START, Pick, next_command, next_instant, opening

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("this needs Hypothesis: install sequencectl[testing]") from error

_STAGES = ("dev", "staging")
_SEQUENCES = ("delivery", "rollback")
T = TypeVar("T")


def payloads() -> st.SearchStrategy[dict[str, object]]:
    """Return small JSON objects in plain Python, as a host hands them over as data."""
    characters = st.characters(exclude_categories=["Cs"])
    keys = st.sampled_from(["labels", "a", "a.b", "it's", "é", ""]) | st.text(
        characters, max_size=3
    )
    scalars = st.one_of(
        st.none() | st.booleans() | st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(characters, max_size=10),
        st.sampled_from([0, 1, 1.0, "", '\x00"\\\n\x7f\u2028é😀']),
    )
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=8,
    )
    return st.dictionaries(keys, values, max_size=4)


_PAYLOADS = payloads()


def shipyards() -> st.SearchStrategy[Shipyard]:
    """Return shipyards of two stages. Their sequences have up to three tasks, some of which people
    decide by votes, and may trigger one another. Failed tasks may be retried or park a sequence.
    """
    task = st.sampled_from([
        "deploy", {"name": "check", "expects": 2}, {"name": "review", "expects": ["x", "it's y"]},
        {"name": "late", "triggeredAfter": "90s", "properties": {"note": ["é"]}},
        {"name": "sign", "approval": {"approve": 2, "reject": 2, "onExpiry": "approve"}},
        {"name": "sign", "approval": {"initiator": False, "newcomer": "supersede"}},
        {"name": "again", "retry": {"times": 2, "backoff": "30s", "factor": 2}},
        {"name": "again", "retry": {"on": ["errored", "timed_out"]}, "onFailure": "park"},
        {"name": "slow", "timeouts": {"silence": "40s"}, "expects": ["x"], "onFailure": "end"},
    ])  # fmt: skip
    ends = [f"{stage}.{name}.finished" for stage in _STAGES for name in _SEQUENCES]
    failed = [{"event": end, "selector": {"match": {"result": "fail"}}} for end in ends]
    sequence = st.fixed_dictionaries(
        {"tasks": st.lists(task, min_size=1, max_size=3)},
        optional={
            "triggeredOn": st.lists(st.sampled_from([*ends, *failed]), max_size=1),
            "priority": st.integers(-2, 2),
            "onFailure": st.sampled_from(["end", "park", "park"]),
        },
    )
    stage = st.fixed_dictionaries(dict.fromkeys(_SEQUENCES, sequence))
    return st.fixed_dictionaries(dict.fromkeys(_STAGES, stage)).map(Shipyard.of)


def planes() -> st.SearchStrategy[ControlPlane]:
    """Return control planes with every kind of limit and queue, with and without a calendar, and
    bounds small enough to be reached.
    """
    limits = st.none() | st.integers(1, 600).map(lambda seconds: timedelta(seconds=seconds))
    return st.builds(
        ControlPlane,
        shipyards(),
        timeouts=st.builds(
            TimeoutPolicy,
            total=limits,
            waiting=limits,
            abort_grace=limits,
            parked=limits.filter(bool),
        ),
        queueing=st.builds(
            QueuePolicy,
            limit=st.integers(1, 2),
            mode=st.sampled_from(QueueMode),
            scope=st.sampled_from(LaneScope),
        ),
        bounds=st.builds(
            Bounds,
            retain=st.integers(0, 3),
            remember=st.integers(0, 3),
            attempts=st.integers(3, 4),
        ),
        calendar=st.sampled_from([None, opening]),
    )


@st.composite
def commands(draw: st.DrawFn, plane: ControlPlane, state: ProjectState) -> Command:
    """Return commands that a host may give to `plane` in `state`, mostly about what exists."""
    return next_command(plane, state, _picking(draw), lambda: draw(_PAYLOADS))


def histories(
    *, plane: ControlPlane | None = None, project: str = "sockshop", most: int = 30
) -> st.SearchStrategy[tuple[Decision, ...]]:
    """Return decisions, each made on the state of the one before, that all changed something.

    They are made by `plane`, or by one that is drawn, and there are at most `most`. Raises
    `InvalidValue` for anything else than a plane, and unless `most` is at least 1.
    """
    if plane is not None and not isinstance(plane, ControlPlane):
        raise InvalidValue("plane", plane, "must be a ControlPlane")
    if type(most) is not int or most < 1:
        raise InvalidValue("most", most, "must be an int of at least 1")
    return _histories(plane, project, most)


@st.composite
def _histories(
    draw: st.DrawFn, plane: ControlPlane | None, project: str, most: int
) -> tuple[Decision, ...]:
    decider = draw(planes()) if plane is None else plane
    state, now, pick = decider.initial(project), START, _picking(draw)
    decisions: list[Decision] = []
    for _ in range(draw(st.integers(0, most))):
        now = next_instant(state, now, pick)
        decision = decider.decide(state, draw(commands(decider, state)), now)
        decisions += [decision] if decision.events else []
        state = decision.state
    return tuple(decisions)


def projects(
    *, plane: ControlPlane | None = None, project: str = "sockshop", most: int = 30
) -> st.SearchStrategy[ProjectState]:
    """Return states that a project can reach, except the initial one.

    The arguments are those of `histories`.
    """
    past = histories(plane=plane, project=project, most=most).filter(bool)
    return past.map(lambda decisions: decisions[-1].state)


def _picking(draw: st.DrawFn) -> Pick:
    def pick(*options: T) -> T:
        return draw(st.sampled_from(options))

    return pick
