"""Each invariant can fail: what really happened, forged in one respect, is found out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import attrs
import pytest

from sequencectl import (
    AbortSequence,
    Applied,
    Bounds,
    CheckDeadlines,
    FreezeStage,
    PauseSequence,
    Phase,
    Result,
    TimeoutPolicy,
    Unchanged,
    UnchangedCode,
)
from sequencectl import events as e
from sequencectl.sequence import EndedSequence, Executor, LiveSequence
from sequencectl.testing import _invariants as i
from sequencectl.testing._invariants import Check, Transition
from tests.exploration.slices import SLICES
from tests.exploration.walks import tell, walk

Forger = Callable[[Transition], dict[str, Any]]
SECOND = timedelta(seconds=1)


@cache
def real_ones() -> tuple[Transition, ...]:
    """Transitions of all slices that changed something."""
    found: list[Transition] = []
    for name in SLICES:
        for seed in range(150 if name in {"delays", "limits"} else 15):
            stops = list(walk(name, seed))
            for stop, then in pairwise(stops):
                if then.state is not stop.state:
                    found += [
                        seen for move in stop.moves
                        if (seen := tell(stop.place, stop.state, move)) and seen.after == then.state
                    ][:1]  # fmt: skip
    return tuple(found)


def forged(t: Transition, changes: dict[str, Any]) -> Transition:
    """A transition with some parts replaced."""
    made = copy.copy(t)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def live(**changes: Any) -> Forger:
    """All live sequences are something else."""
    return lambda t: {"live": tuple(attrs.evolve(x, **changes) for x in t.live)}


def waiting(**changes: Any) -> Forger:
    """All that wait are something else."""
    return lambda t: {
        "live": tuple(attrs.evolve(x, **changes) if x.phase is Phase.WAITING else x for x in t.live)
    }


def before(kind: type, **changes: Any) -> Forger:
    """All records of one kind were something else before."""
    return lambda t: {
        "was": {
            k: attrs.evolve(x, **changes) if isinstance(x, kind) else x for k, x in t.was.items()
        }
    }


def after(kind: type, **changes: Any) -> Forger:
    """All records of one kind are something else afterwards."""
    return lambda t: {
        "records": {
            k: attrs.evolve(x, **changes) if isinstance(x, kind) else x
            for k, x in t.records.items()
        }
    }


def events(kind: type, change: Callable[[Any], dict[str, Any]]) -> Forger:
    """All events of one type are something else."""
    return lambda t: {
        "events": tuple(
            attrs.evolve(x, **change(x)) if isinstance(x, kind) else x for x in t.events
        )
    }


def no(*kinds: type) -> Forger:
    """Events of these types are missing."""
    return lambda t: {"events": tuple(x for x in t.events if not isinstance(x, kinds))}


def decided(**changes: Any) -> Forger:
    """The decision is another one."""
    return lambda t: {"decision": attrs.evolve(t.decision, **changes)}


def instead(**changes: Any) -> Forger:
    """Other parts."""
    return lambda _: changes


def frozen(t: Transition) -> dict[str, Any]:
    """The stage is frozen afterwards."""
    state = t.plane.decide(t.after, FreezeStage("dev"), t.now).state
    return {"decision": attrs.evolve(t.decision, state=state)}


def unpaused(t: Transition) -> dict[str, Any]:
    """The pauses are those of another state."""
    return {"decision": attrs.evolve(t.decision, state=t.before)}


def paused(t: Transition) -> dict[str, Any]:
    """Everything is paused afterwards."""
    state = t.after
    for record in t.live:
        state = t.plane.decide(state, PauseSequence(record.context), t.now).state
    return {"decision": attrs.evolve(t.decision, state=state)}


def finished_by_all(t: Transition) -> dict[str, Any]:
    """Everybody has finished every task in flight."""
    done = (Executor("x", 1, 1), Executor("y", 1, 1))
    return {
        "live": tuple(
            attrs.evolve(x, task=attrs.evolve(x.task, executors=done)) if x.task else x
            for x in t.live
        )
    }


def worked_on_by_more(t: Transition) -> dict[str, Any]:
    """Somebody else had begun to work on every task."""
    more = (Executor("z", 1, 0),)
    return {
        "was": {
            k: attrs.evolve(x, task=attrs.evolve(x.task, executors=more))
            if isinstance(x, LiveSequence) and x.task else x
            for k, x in t.was.items()
        }
    }  # fmt: skip


def short(t: Transition) -> dict[str, Any]:
    """The records that ended have fewer results."""
    return {
        "records": {
            k: attrs.evolve(x, runs=(), result=Result.PASS) if isinstance(x, EndedSequence) else x
            for k, x in t.records.items()
        }
    }


def policy(**changes: Any) -> Forger:
    """The plane has other limits."""
    return lambda t: {"plane": attrs.evolve(t.plane, **changes)}


def expired(t: Transition) -> dict[str, Any]:
    """What ran out of time had waited, and nobody held its lane."""
    made = [
        e.SequenceExpired(x.serial, x.at, x.subject, explanation=x.explanation)
        for x in t.events
        if isinstance(x, e.SequenceTimedOut)
    ]
    return {"events": tuple(made), "was": {}}


def aborted(t: Transition) -> dict[str, Any]:
    """It was an abort."""
    return {"command": AbortSequence(next(iter(t.was.values())).context) if t.was else t.command}


FORGED: list[tuple[Check, str, Forger]] = [
    (i.answers_as_the_rules_say, "answered 'late'",
        decided(outcome=Unchanged(UnchangedCode.LATE))),
    (i.unchanged_leaves_no_trace, "late with", decided(outcome=Unchanged(UnchangedCode.LATE))),
    (i.unchanged_leaves_no_trace, "applied without an event", instead(events=())),
    (i.events_replay, "another state", lambda t: {"events": t.events[:-1]}),
    (i.events_are_numbered, "expected", lambda t: {"now": t.now + SECOND}),
    (i.indexes_equal_their_rebuild, "not that of the records",
        lambda t: {"decision": attrs.evolve(
            t.decision, state=attrs.evolve(t.after, index=t.before.index))}),
    (i.indexes_equal_their_rebuild, "its records say", live(phase=Phase.HELD)),
    (i.lanes_keep_their_limit, "hold lane", live(phase=Phase.PAUSED)),
    (i.the_best_starts_first, "started before", waiting(priority=9)),
    (i.priority_is_that_of_the_command, "has priority",
        events(e.SequenceTriggered, lambda x: {"priority": x.priority + 1})),
    (i.no_lane_idles, "free place", live(phase=Phase.WAITING)),
    (i.frozen_stages_admit_nobody, "started in dev", frozen),
    (i.newcomers_supersede_as_they_may, "without a newcomer", instead(command=CheckDeadlines())),
    (i.newcomers_supersede_as_they_may, "0 superseded", no(e.SequenceSuperseded)),
    (i.newcomers_supersede_as_they_may, "the place is",
        events(e.SequenceTriggered, lambda x: {"place": x.place + 1})),
    (i.tasks_run_in_order, "was triggered after",
        events(e.TaskTriggered, lambda x: {"index": x.index + 1})),
    (i.delays_are_kept, "from now",
        events(e.TaskScheduled, lambda x: {"due_at": x.due_at + SECOND})),
    (i.delays_are_kept, "was triggered, due at", before(LiveSequence, due_at=None)),
    (i.tasks_are_over_when_they_should, "should be over", finished_by_all),
    (i.tasks_are_over_when_they_should, "by no report", instead(command=CheckDeadlines())),
    (i.tasks_are_over_when_they_should, "too early", worked_on_by_more),
    (i.tasks_are_over_when_they_should, "has warning, not",
        events(e.TaskFinished, lambda _: {"result": Result.WARNING})),
    (i.results_end_what_they_should, "should have ended", lambda t: {"records": {
        k: attrs.evolve(x, runs=x.runs * 3) if isinstance(x, LiveSequence) else x
        for k, x in t.records.items()}}),
    (i.results_end_what_they_should, "ended with", after(EndedSequence, result=Result.WARNING)),
    (i.results_end_what_they_should, "before its last task", short),
    (i.inputs_belong_to_their_stage, "is told 'elsewhere'",
        events(e.TaskTriggered, lambda x: {"input": {**x.input, "stage": "elsewhere"}})),
    (i.inputs_belong_to_their_stage, "was erased",
        events(e.TaskTriggered, lambda x: {"input": {**x.input, "kept": None}})),
    (i.ends_trigger_their_follow_ups, "expected", no(e.SequenceTriggered)),
    (i.pauses_hold_back, "under a pause", paused),
    (i.phases_follow_the_pauses, "all the same", unpaused),
    (i.pauses_end_with_their_context, "has nothing live", instead(live=())),
    (i.phases_fit_the_task, "is paused with task", live(phase=Phase.PAUSED)),
    (i.phases_fit_the_task, "is running with task", live(phase=Phase.RUNNING, task=None)),
    (i.phases_fit_the_task, "is pausing with task", live(phase=Phase.PAUSING, task=None)),
    (i.aborts_do_what_they_should, "was aborting and is",
        before(LiveSequence, phase=Phase.ABORTING)),
    (i.aborts_do_what_they_should, "not abort", aborted),
    (i.endings_are_final, "after its end", lambda t: {"was": {
        k: x for k, x in t.records.items() if isinstance(x, EndedSequence)}}),
    (i.endings_are_final, "changed after", after(EndedSequence, message="forged")),
    (i.requests_are_remembered, "remembers", policy(bounds=Bounds(request_ids=0))),
    (i.tasks_have_their_limits, "has the deadlines",
        events(e.TaskTriggered, lambda _: {"reaction_deadline": None})),
    (i.tasks_have_their_limits, "nothing ends task", lambda t: {
        "decision": attrs.evolve(t.decision, state=t.plane.initial("other"))}),
    (i.limits_end_at_their_deadline, "ran out of time before",
        instead(command=FreezeStage("dev"))),
    (i.limits_end_at_their_deadline, "is told", events(
        e.SequenceTimedOut,
        lambda x: {"explanation": attrs.evolve(x.explanation, timeout=SECOND / 2)})),
    (i.limits_end_at_their_deadline, "out of order", events(
        e.SequenceTimedOut,
        lambda x: {"explanation": attrs.evolve(
            x.explanation, since=x.explanation.since - SECOND,
            deadline=x.explanation.deadline - SECOND)})),
    (i.checks_leave_nothing_due, "due since", lambda t: {
        "now": t.after.next_deadline or t.now, "command": CheckDeadlines()}),
    (i.checks_leave_nothing_due, "the next deadline is",
        lambda t: {"live": t.live[:-1], "command": CheckDeadlines()}),
    (i.nobody_expires_beside_a_free_place, "expired although", expired),
    (i.clocks_stand_while_paused, "with deadline",
        policy(timeouts=TimeoutPolicy(total="1s", waiting="1s", abort_grace="1s"))),
    (i.clocks_stand_while_paused, "left", live(time_left=SECOND)),
    (i.clocks_stand_while_paused, "and had", lambda t: {"live": tuple(
        attrs.evolve(x, deadline=x.deadline + SECOND) if x.deadline else x for x in t.live)}),
    (i.bounds_are_kept, "keeps", policy(bounds=Bounds(retain=0))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "said", "forge"), FORGED, ids=[f"{x.__name__}: {said}" for x, said, _ in FORGED]
)
def test_an_invariant_can_fail(check: Check, said: str, forge: Forger) -> None:
    """What is forged is found out, and nothing is said of what really happened."""
    found: Iterator[str] = (check(forged(t, forge(t))) for t in real_ones())

    assert next((problem for problem in found if said in problem), None)
    assert {""} == {check(t) for t in real_ones()}


def test_every_invariant_is_shown_to_fail() -> None:
    """None is left out above."""
    assert {*i.ALWAYS, *i.WHEN_APPLIED} == {check for check, _, _ in FORGED}


def test_what_is_not_applied_is_let_be() -> None:
    """A command that changes nothing passes every predicate."""
    stop = next(walk("plain lane", 0))
    unchanged = tell(stop.place, stop.state, attrs.evolve(stop.moves[0], command=CheckDeadlines()))
    assert unchanged is not None

    assert {""} == {check(unchanged) for check in (*i.ALWAYS, *i.WHEN_APPLIED)}
    assert not isinstance(unchanged.decision.outcome, Applied)


def test_what_is_forgotten_where_it_ends_is_let_be() -> None:
    """Of a sequence that ended and was forgotten at once nothing is left to compare with."""
    ended = next(t for t in real_ones() if any(isinstance(x, e.SequenceFinished) for x in t.events))

    assert "" == i.ends_trigger_their_follow_ups(forged(ended, {"records": {}}))
