"""What pause, resume and abort may do, and what they never do (R9, R18–R25)."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sequencectl import Ending, LiveSequence, Phase, TaskTriggered
from tests.support import Host

TASKS = ["build", "deploy", "test", "test"]
WORLD = {
    "dev": {"delivery": TASKS},
    "staging": {"delivery": {"tasks": ["test"], "triggeredOn": ["dev.delivery.finished"]}},
}
CONTROLS = ["pause", "pause dev", "pause staging", "resume", "resume dev", "resume staging"]
ACTIONS = st.lists(st.sampled_from([*CONTROLS, "pass", "pass", "start"]), max_size=15)


def live(host: Host) -> list[LiveSequence]:
    """Return what is live of the delivery `c`."""
    return [r for r in host.state.of_context("c") if isinstance(r, LiveSequence)]


def act(host: Host, action: str) -> None:
    """Do this to the delivery `c`: a control of a scope, or a report of every task in flight."""
    verb, _, stage = action.partition(" ")
    if verb in {"pause", "resume"}:
        getattr(host, verb)("c", stage=stage or None)
    for record in live(host):
        if record.task is not None and verb == "pass":
            host.finish(record.sequence_id)
        elif record.task is not None and verb == "start" and not record.task.executors:
            host.start(record.sequence_id)


def after(actions: list[str]) -> Host:
    """Return a host where all this was done to the delivery `c`, with `next` behind it."""
    host = Host(WORLD)
    host.trigger("c")
    host.trigger("next")
    for action in actions:
        act(host, action)
    return host


def triggered(host: Host) -> list[str]:
    """Return the tasks that the delivery `c` has asked for so far, in order."""
    return [event.task for event in host.of(TaskTriggered) if event.subject.context == "c"]


@given(ACTIONS)
def test_each_task_is_triggered_once_and_in_order(actions: list[str]) -> None:
    """R9, R20: however often it is paused and resumed, each task is asked for exactly once."""
    host = after(actions)
    for _ in range(2 * len(TASKS)):
        act(host, "resume")
        act(host, "pass")

    assert [*TASKS, "test"] == triggered(host)
    assert [] == live(host)


@given(ACTIONS)
def test_a_pause_drains_and_triggers_nothing(actions: list[str]) -> None:
    """R18, R19: the task in flight is finished, no other is asked for, and who follows is held."""
    host = after([*actions, "pause"])
    before = triggered(host)
    for _ in TASKS:
        act(host, "pass")

    assert before == triggered(host)
    assert {Phase.PAUSED, Phase.HELD} >= {record.phase for record in live(host)}


@given(ACTIONS)
def test_a_pause_never_gates_an_abort(actions: list[str]) -> None:
    """R22: it waits for the task in flight and for nothing else, and the next one for it."""
    host = after(actions)
    asked, holders = triggered(host), host.state.holders("dev")
    draining = [record.sequence_id for record in live(host) if record.task is not None]
    host.abort("c")
    ending, holding = [record.sequence_id for record in live(host)], host.state.holders("dev")
    act(host, "pass")

    assert draining == ending
    assert (tuple(x for x in holders if x in {*draining, "next"}) or ("next",)) == holding
    assert asked == triggered(host)
    assert [] == live(host)
    assert ("next",) == host.state.holders("dev")


@given(ACTIONS)
def test_force_ends_it_at_once(actions: list[str]) -> None:
    """R23, R24: whatever it was doing, it ends in this decision, and the next one starts."""
    host = after(actions)
    number = len(live(host))
    events = host.abort("c", force=True).events

    assert [] == live(host)
    assert number == len([event for event in events if isinstance(event, Ending)])
    assert ("next",) == host.state.holders("dev")


@given(ACTIONS, st.sampled_from([*CONTROLS, "abort"]), st.booleans())
def test_a_control_said_twice_is_applied_once(
    actions: list[str], control: str, has_id: bool
) -> None:
    """R25: the repeat changes nothing, and with a request id it says that it is one."""
    host = after(actions)
    verb, _, stage = control.partition(" ")
    request = {"stage": stage or None, "request_id": "q" if has_id else None}
    was_applied = bool(getattr(host, verb)("c", **request).events)
    state = host.state
    host.now += timedelta(seconds=1)
    getattr(host, verb)("c", **request)

    assert state is host.state
    assert (host.code == "repeated") is (was_applied and has_id)
