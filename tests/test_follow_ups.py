"""What follows an end, and what is forgotten (R15–R17, R19, R33)."""

import pytest

from sequencectl import (
    AbortSequence,
    Bounds,
    PauseSequence,
    Phase,
    QueuePolicy,
    Subject,
    TaskTriggered,
    TimeoutPolicy,
    thaw,
)
from sequencectl.events import (
    Cause,
    ContextResumed,
    Control,
    FollowUpRefused,
    SequencesForgotten,
    SequenceTriggered,
    derived_id,
)
from tests.support import Host


def follows(event: str, **match: str) -> dict[str, object]:
    """A trigger with a selector; underscores in names stand for dots."""
    named = {key.replace("_", "."): value for key, value in match.items()}
    return {"event": f"{event}.finished", "selector": {"match": named}}


def after(host: Host, parent: str = "a") -> list[str]:
    """What the sequence "a" triggered, by name, in order."""
    events = host.of(SequenceTriggered)
    return [event.subject.sequence for event in events if event.parent == parent]


SELECTORS = {
    "dev": {
        "delivery": ["deploy", "test"],
        "plain": {"tasks": ["t"], "triggeredOn": ["dev.delivery.finished"]},
        "rollback": {"tasks": ["t"], "triggeredOn": [follows("dev.delivery", result="failed")]},
        "warned": {"tasks": ["t"], "triggeredOn": [follows("dev.delivery", result="warning")]},
        "retest": {"tasks": ["t"], "triggeredOn": [follows("dev.delivery", test_result="fail")]},
        "both": {
            "tasks": ["t"],
            "triggeredOn": [follows("dev.delivery", result="warning", deploy_result="pass")],
        },
        "twice": {
            "tasks": ["t"],
            "triggeredOn": ["dev.delivery.finished", follows("dev.delivery", result="pass")],
        },
    }
}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["pass", "pass"], ["plain", "twice"]),
        (["pass", "warning"], ["plain", "warned", "both", "twice"]),
        (["warning", "pass"], ["plain", "warned", "twice"]),
        (["fail"], ["rollback"]),
        (["pass", "fail"], ["rollback", "retest"]),
    ],
)
def test_selectors_choose_what_follows(results: list[str], expected: list[str]) -> None:
    """All keys must match, none means pass or warning, a task that never ran does not (R15)."""
    host = Host(SELECTORS)
    host.trigger("a")

    for result in results:
        host.finish("a", result)

    assert expected == after(host)


def test_a_task_that_was_terminated_counts_as_failed() -> None:
    """A timeout of the task, or of the sequence while it is in flight, matches fail (R15)."""
    for timeouts in (TimeoutPolicy(), TimeoutPolicy(total="1m")):
        host = Host(SELECTORS, timeouts=timeouts)
        host.trigger("a")
        host.finish("a")

        host.until(179 if timeouts.total else 180)

        assert Phase.TIMED_OUT is host.phase("a")
        assert ["rollback", "retest"] == after(host)


def test_the_last_run_of_a_repeated_task_counts() -> None:
    """A task name may repeat; the selector looks at its last run (R9, R15)."""
    stages = {
        "dev": {
            "delivery": ["test", "test"],
            "next": {"tasks": ["t"], "triggeredOn": [follows("dev.delivery", test_result="pass")]},
        }
    }
    host = Host(stages)
    host.trigger("a")
    host.finish("a", "warning")
    host.finish("a", "pass")

    assert ["next"] == after(host)


def test_a_follow_up_inherits_context_service_revision_and_data() -> None:
    """Its data is the next input, without the last result, in the new stage (R15)."""
    stages = {
        "dev": {"delivery": ["deploy"]},
        "staging": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
    }
    host = Host(stages)
    host.trigger("a", context="c", revision="abc", priority=3, data={"message": "m", "x": 1})
    host.finish("a", data={"deploy": {"url": "u"}})

    event = host.of(SequenceTriggered)[1]
    subject = event.subject
    assert ("c", "staging", "carts", "abc") == (
        subject.context,
        subject.stage,
        subject.service,
        subject.revision,
    )
    assert (3, "a", 1) == (event.priority, event.parent, event.depth)
    scope = {"project": "sockshop", "stage": "staging", "service": "carts"}
    assert {"x": 1, "deploy": {"url": "u"}, **scope} == thaw(event.data)


def test_the_id_of_a_follow_up_is_derived_from_the_event_that_makes_it() -> None:
    """Whoever decides or replays it gives it the same id, and no other run has it (R17)."""
    host = Host(SELECTORS)
    host.trigger("a")
    host.finish("a")
    host.finish("a")

    made = [event for event in host.of(SequenceTriggered) if event.parent == "a"]
    derived = [derived_id("sockshop", event.serial, "sequence") for event in made]
    assert derived == [event.subject.sequence_id for event in made]


def test_every_context_that_is_over_loses_its_pauses() -> None:
    """Whoever ended together with it, and nobody is said to have resumed it (R19)."""
    host = Host({"dev": {"delivery": ["deploy"]}}, queueing=QueuePolicy(mode="latest_only"))
    host.trigger("a")
    host.pause("a", stage="dev")
    host.trigger("b1")
    host.trigger("b2", priority=-1)
    host.pause("b2")

    host.trigger("c")

    (event,) = host.of(ContextResumed)
    told = (event.subject, event.control, event.cause)
    assert ("SequenceSuperseded", "SequenceSuperseded") == host.said[:2]
    assert (Subject("sockshop", "b2"), Control(), Cause.ENDED) == told
    assert ["a"] == list(host.state.contexts)


def test_a_follow_up_with_a_priority_goes_first() -> None:
    """A rollback whose definition has a priority passes an ordinary delivery (R2, R15)."""
    rollback = {
        "tasks": ["undo"],
        "triggeredOn": [follows("dev.delivery", result="fail")],
        "priority": 10,
    }
    host = Host({"dev": {"delivery": ["deploy"], "rollback": rollback}})
    host.trigger("a")
    host.trigger("b")

    host.finish("a", "fail")

    assert Phase.WAITING is host.phase("b")
    assert ["rollback"] == [host.record(i).name for i in host.state.holders("dev")]


@pytest.mark.parametrize("force", [False, True])
def test_an_aborted_sequence_triggers_nothing(force: bool) -> None:
    """Neither an abort nor what it waited for starts a follow-up (R16)."""
    host = Host(SELECTORS)
    host.trigger("a")
    host.abort("a", force=force)
    host.finish("a", "fail")

    assert [] == after(host)


def test_a_loop_ends_at_its_bound() -> None:
    """A sequence may trigger itself; a line longer than the bound is refused by an event (R17)."""
    loop = {"tasks": ["act"], "triggeredOn": [follows("prod.remediation", result="fail")]}
    host = Host({"prod": {"remediation": loop}}, bounds=Bounds(max_depth=3))
    host.trigger("a", stage="prod", sequence="remediation")
    while host.state.holders("prod"):
        host.finish(host.state.holders("prod")[0], "fail")

    refused = host.of(FollowUpRefused)
    assert 4 == len(host.of(SequenceTriggered))
    assert [("prod", "remediation", 3)] == [(e.stage, e.sequence, e.depth) for e in refused]


def forgetful(**bounds: int) -> Host:
    """A host that keeps little."""
    return Host({"dev": {"delivery": ["deploy"]}}, bounds=Bounds(**bounds))


def end(host: Host, *contexts: str) -> None:
    """Trigger and finish one sequence for each of these contexts."""
    for context in contexts:
        host.trigger(context)
        host.finish(context)


def test_the_oldest_ended_contexts_are_forgotten() -> None:
    """Beyond the bound the context that ended first goes, by an event, with its sequences (R33)."""
    host = forgetful(retain=2)

    end(host, "a", "b", "c")

    assert ["b", "c"] == list(host.state.sequences)
    assert [(("a",), ("a",), ())] == [
        (event.contexts, event.sequence_ids, event.released)
        for event in host.of(SequencesForgotten)
    ]
    assert ("a",) == host.last.removed
    assert ["c"] == list(host.last.changed)


def test_a_context_with_a_live_sequence_keeps_all_of_its_own() -> None:
    """What ended in a live context is not forgotten before the context is over (R33)."""
    host = forgetful(retain=0)
    host.trigger("a1", context="a")
    host.trigger("a2", context="a")
    host.finish("a1")
    seen = list(host.state.sequences)

    host.finish("a2")

    assert ["a1", "a2"] == seen
    assert {} == host.state.sequences


def test_a_context_that_lives_again_is_kept() -> None:
    """A new trigger makes an ended context live, and it counts from its new end (R33)."""
    host = forgetful(retain=2)
    end(host, "a", "b")
    host.trigger("a2", context="a")
    host.finish("a2")

    end(host, "c")

    assert ["a", "a2", "c"] == list(host.state.sequences)


def test_forgotten_ids_are_remembered_for_a_while() -> None:
    """A forgotten id is still a duplicate or a conflict, until it is released (R8, R33)."""
    host = forgetful(retain=0, remember=2)
    end(host, "a", "b", "c")
    codes = []
    for sequence_id, service in (("b", "carts"), ("b", "orders"), ("a", "carts")):
        host.trigger(sequence_id, service=service)
        codes.append(host.code)

    assert ["duplicate", "rejected id_conflict", "applied"] == codes
    assert [(), (), ("a",)] == [event.released for event in host.of(SequencesForgotten)]


def test_nothing_is_remembered_with_a_bound_of_zero() -> None:
    """With remember=0 a forgotten id is unknown at once (R33)."""
    host = forgetful(retain=0, remember=0)

    end(host, "a")

    assert 0 == host.state.remembered_count
    assert None is host.state.remembered("a")


def test_reports_and_controls_for_the_forgotten_are_for_the_unknown() -> None:
    """Nobody knows the context or the task of what was forgotten; its id has ended (R13, R19)."""
    host = forgetful(retain=0)
    host.trigger("a")
    host.finish("a")
    (task,) = host.of(TaskTriggered)
    codes = []
    for command in (
        task.started(source="x"),
        PauseSequence("a"),
        AbortSequence(sequence_id="a"),
    ):
        host.tell(command)
        codes.append(host.code)

    assert ["unknown_task", "rejected unknown_context", "rejected already_ended"] == codes
