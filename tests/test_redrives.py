"""Redrives: a new sequence that goes on where a failed one stopped (R41)."""

from __future__ import annotations

from typing import Any

import pytest

from sequencectl import (
    Approval,
    Bounds,
    ControlPlane,
    EndedSequence,
    InvalidValue,
    LiveSequence,
    Phase,
    QueuePolicy,
    Rejected,
    RejectedCode,
    Result,
    SequenceStateMachine,
    Shipyard,
    TaskDefinition,
    TimeoutPolicy,
    TriggerSequence,
    UnknownSequence,
    evolve,
)
from sequencectl.events import (
    Carried,
    Redrive,
    SequencesForgotten,
    SequenceSuperseded,
    SequenceTriggered,
    TaskTriggered,
)
from tests.support import T0, Host

TASKS = ["build", "deploy", "test"]
FAIL, PASS, WARNING = Result.FAIL, Result.PASS, Result.WARNING


def failed(*results: str, tasks: Any = TASKS, **policies: Any) -> Host:
    """A host in which `c` of context `ctx` had these results, one after the other."""
    host = Host({"dev": {"delivery": tasks}}, **policies)
    host.trigger("c", context="ctx", actor="alice")
    for result in results:
        host.finish("c", result)
    return host


def redrive(host: Host, sequence_id: str) -> Redrive:
    """What a sequence redrives."""
    found = host.record(sequence_id).redrive
    assert found is not None
    return found


def again(host: Host, tasks: Any) -> Host:
    """Let the host have another shipyard from now on."""
    host.plane = ControlPlane(Shipyard.of({"dev": {"delivery": tasks}}))
    return host


# ---------------------------------------------------------------- where it begins


def test_a_redrive_goes_on_where_the_old_one_failed() -> None:
    """What passed is carried; the data is what the host gives; the old one stays as it is."""
    host = failed("pass", "fail")
    old, deploy = host.record("c"), host.of(TaskTriggered)[-1]
    host.at(60).redrive("c", "c2", data=deploy.input, actor="bob")

    (accepted,) = [e for e in host.of(SequenceTriggered) if e.subject.sequence_id == "c2"]
    task = host.of(TaskTriggered)[-1]
    assert Redrive("c", "c", (Carried("build", PASS),)) == accepted.redrive
    assert ("deploy", 1, 1, deploy.input) == (task.task, task.index, task.attempt, task.input)
    assert old is host.record("c")
    assert ("ctx", ("bob", "alice")) == (host.record("c2").context, accepted.initiators)
    assert ("SequenceTriggered", "SequenceStarted", "TaskTriggered") == host.said


@pytest.mark.parametrize(
    ("results", "ending", "begins"),
    [
        (["fail"], None, "build"),
        (["warning", "fail"], None, "deploy"),
        (["pass", "pass", "fail"], None, "test"),
        (["pass"], "force", "deploy"),
        (["pass"], "timeout", "deploy"),
        ([], "force", "build"),
        (["pass"], "pause", "deploy"),
        (["pass", "pass"], "pause", "test"),
    ],
)
def test_it_begins_at_the_first_task_that_did_not_pass(
    results: list[str], ending: str | None, begins: str
) -> None:
    """That is one that failed, was terminated or abandoned, or was not run."""
    host = failed(*results[:-1] if ending == "pause" else results)
    if ending == "pause":
        host.pause("ctx")
        host.finish("c", results[-1])
        host.abort("ctx")
    elif ending == "force":
        host.abort("ctx", force=True)
    elif ending == "timeout":
        host.until(3_600)
    host.redrive("c", "c2")

    assert begins == host.task("c2")


def test_one_that_never_started_is_run_from_the_start() -> None:
    """It was aborted in line."""
    host = failed()
    host.trigger("w", context="other")
    host.abort("other")
    host.redrive("w", "w2")
    host.finish("c", "fail")

    assert ("build", ()) == (host.task("w2"), redrive(host, "w2").carried)


@pytest.mark.parametrize(
    ("today", "begins", "carried"),
    [
        (["scan", "build", "deploy", "test"], "deploy", [("scan", None), ("build", PASS)]),
        (["build", "deploy"], "deploy", [("build", PASS)]),
        (["deploy", "build"], "deploy", []),
        (["x", "deploy", "deploy"], "deploy", [("x", None)]),
        (["build", "x", "deploy"], "deploy", [("build", PASS), ("x", None)]),
    ],
)
def test_it_begins_at_that_task_of_todays_definition(
    today: list[str], begins: str, carried: list[tuple[str, Result | None]]
) -> None:
    """By position if the name is the same there, else at the first task of that name."""
    host = again(failed("pass", "fail"), today)
    host.redrive("c", "c2")

    assert begins == host.task("c2")
    assert carried == [(each.name, each.result) for each in redrive(host, "c2").carried]


def test_names_that_repeat_are_told_apart_by_position() -> None:
    """The second `deploy` failed: it begins with the second."""
    host = failed("pass", "pass", "fail", tasks=["deploy", "test", "deploy"])
    host.redrive("c", "c2")

    assert 2 == host.of(TaskTriggered)[-1].index


def test_what_is_carried_is_that_of_its_position() -> None:
    """Another task of the same name does not count where the names agree."""
    host = failed("warning", "pass", "fail", tasks=["test", "test", "deploy"])
    host.redrive("c", "c2")

    assert (Carried("test", WARNING), Carried("test", PASS)) == redrive(host, "c2").carried


def test_a_repeated_name_that_moved_is_carried_with_its_worst_result() -> None:
    """One that had none is worse than a warning."""
    host = again(
        failed("pass", "warning", "fail", tasks=["test", "test", "deploy"]),
        ["scan", "scan", "test", "deploy"],
    )
    host.redrive("c", "c2")

    assert Carried("test", WARNING) == redrive(host, "c2").carried[2]


@pytest.mark.parametrize(
    ("start_at", "begins", "carried"),
    [
        ("build", "build", []),
        ("test", "test", [("build", PASS), ("deploy", FAIL)]),
        ("deploy", "deploy", [("build", PASS)]),
    ],
)
def test_it_may_begin_elsewhere(
    start_at: str, begins: str, carried: list[tuple[str, Result]]
) -> None:
    """At the first task of the name that is given."""
    host = failed("pass", "fail")
    host.redrive("c", "c2", start_at=start_at)

    assert begins == host.task("c2")
    assert carried == [(each.name, each.result) for each in redrive(host, "c2").carried]


def test_a_start_in_the_middle_passes_tasks_that_were_never_run() -> None:
    """They are carried without a result, and a later redrive begins with the first of these."""
    host = failed("fail", tasks=["build", "deploy", "test"])
    host.redrive("c", "c2", start_at="test")
    host.finish("c2", "fail")
    host.redrive("c2", "c3")

    assert [("build", FAIL), ("deploy", None)] == [
        (each.name, each.result) for each in redrive(host, "c2").carried
    ]
    assert "build" == host.task("c3")


def test_a_delay_of_its_first_task_is_waited_for() -> None:
    """It counts from its start."""
    host = failed("pass", "fail", tasks=["build", {"name": "deploy", "triggeredAfter": "0s"}])
    again(host, ["build", {"name": "deploy", "triggeredAfter": "1m"}])
    host.redrive("c", "c2")
    scheduled = host.task("c2")
    host.until(60)

    assert (None, "deploy") == (scheduled, host.task("c2"))


# ---------------------------------------------------------------- what is carried counts for


@pytest.mark.parametrize(("before", "expected"), [("warning", WARNING), ("pass", PASS)])
def test_a_carried_warning_counts_for_the_result(before: str, expected: Result) -> None:
    """The delivery has had it."""
    host = failed(before, "fail", tasks=["build", "deploy"])
    host.redrive("c", "c2")
    host.finish("c2")

    assert expected is host.record("c2").result


def test_a_carried_fail_does_not_count_for_the_result() -> None:
    """A person decided to go on behind it."""
    host = failed("fail", tasks=["build", "deploy"])
    host.redrive("c", "c2", start_at="deploy")
    host.finish("c2")

    assert (Phase.FINISHED, PASS) == (host.phase("c2"), host.record("c2").result)


def test_selectors_read_what_is_carried() -> None:
    """A task of the same name that is run wins, and one without a result matches nothing."""
    match = {"build.result": "warning", "deploy.result": "pass"}
    trigger = {"event": "dev.delivery.finished", "selector": {"match": match}}
    host = Host(
        {
            "dev": {
                "delivery": ["build", "deploy"],
                "report": {"tasks": ["write"], "triggeredOn": [trigger]},
            }
        }
    )
    host.trigger("c")
    host.finish("c", "warning")
    host.finish("c", "fail")
    host.redrive("c", "c2")
    host.finish("c2")

    assert "write" == host.of(TaskTriggered)[-1].task


def test_a_carried_task_of_another_sequence_answers_to_that() -> None:
    """Its id leads to the one that ran it."""
    host = failed("pass", "fail")
    build = host.of(TaskTriggered)[0]
    host.redrive("c", "c2")
    host.tell(build.started(source="x"))

    assert "late" == host.code
    assert 1 == len(host.record("c2").task_ids)


# ---------------------------------------------------------------- approvals

SIGN = TaskDefinition("sign", approval=Approval(initiator=False))


def test_an_approval_is_carried_if_it_was_approved() -> None:
    """It need not be given twice."""
    host = Host({"dev": {"delivery": [SIGN, "deploy"]}})
    host.trigger("c", actor="alice")
    host.vote("c", "bob")
    host.finish("c", "fail")
    host.redrive("c", "c2", actor="carol")

    assert "deploy" == host.task("c2")


@pytest.mark.parametrize("result", ["fail", None])
def test_an_approval_is_not_passed_without_one(result: str | None) -> None:
    """One that was rejected, or never given, must be given."""
    host = Host({"dev": {"delivery": ["build", SIGN, "deploy"]}})
    host.trigger("c", actor="alice")
    host.finish("c", "fail" if result is None else "pass")
    if result is not None:
        host.vote("c", "bob", result)
    host.redrive("c", "c2", actor="carol", start_at="deploy")
    refused = host.code
    host.redrive("c", "c2", actor="carol", start_at="sign")

    assert ("rejected not_approved", "sign") == (refused, host.task("c2"))


def test_an_approval_that_moved_must_be_approved_wherever_it_was() -> None:
    """Of several of its name the worst counts, and one that is new was never given."""
    host = again(failed("pass", "fail"), ["build", {"name": "sign", "approval": True}, "deploy"])
    host.redrive("c", "c2")

    assert "rejected not_approved" == host.code


def test_all_who_triggered_the_family_are_barred() -> None:
    """The actor of a redrive, and those of what it redrives, each once."""
    host = Host({"dev": {"delivery": [SIGN]}})
    host.trigger("c", actor="alice")
    host.vote("c", "bob", "fail")
    host.redrive("c", "c2", actor="bob")
    host.vote("c2", "dora", "fail")
    host.redrive("c2", "c3", actor="alice")
    host.vote("c3", "bob")

    assert ("alice", "bob") == host.record("c3").initiators
    assert "rejected own_approval" == host.code


def test_a_redrive_makes_no_approval_void() -> None:
    """It is an older delivery that is taken up again."""
    sign = TaskDefinition("sign", approval=Approval(newcomer="supersede"))
    host = Host({"dev": {"delivery": ["build", sign]}})
    host.trigger("old", context="o")
    host.finish("old", "fail")
    host.trigger("c")
    host.finish("c")
    host.redrive("old", "old2")
    before = host.phase("c")
    host.trigger("new")

    assert (Phase.RUNNING, Phase.SUPERSEDED) == (before, host.phase("c"))
    assert ["new"] == [event.superseded_by for event in host.of(SequenceSuperseded)]


def test_a_redrive_is_made_void_like_any_other() -> None:
    """A newer delivery supersedes it where its approval yields."""
    sign = TaskDefinition("sign", approval=Approval(newcomer="supersede"))
    host = Host({"dev": {"delivery": [sign]}})
    host.trigger("c")
    host.vote("c", "bob", "fail")
    host.redrive("c", "c2")
    host.trigger("new")

    assert Phase.SUPERSEDED is host.phase("c2")


# ---------------------------------------------------------------- the line


def test_a_redrive_joins_the_line_at_its_end_and_supersedes_nobody() -> None:
    """Where only the latest waits, it waits beside it."""
    host = failed("fail", queueing=QueuePolicy(mode="latest_only"))
    host.trigger("runs", context="1")
    host.trigger("waits", context="2")
    host.redrive("c", "c2")

    assert ("runs", "waits", "c2") == (*host.state.holders("dev"), *host.state.line("dev"))


def test_a_newcomer_supersedes_a_redrive_that_waits() -> None:
    """It stands in line like any other."""
    host = failed("fail", queueing=QueuePolicy(mode="latest_only"))
    host.trigger("runs", context="1")
    host.redrive("c", "c2")
    host.trigger("new", context="2")

    assert Phase.SUPERSEDED is host.phase("c2")


def test_a_redrive_into_a_pause_is_held() -> None:
    """A pause of its context covers it."""
    host = Host({"dev": {"delivery": TASKS}, "prod": {"delivery": TASKS}})
    host.trigger("c", context="ctx")
    host.trigger("p", stage="prod", context="ctx")
    host.finish("c", "fail")
    host.pause("ctx")
    host.redrive("c", "c2")

    assert Phase.HELD is host.phase("c2")


# ---------------------------------------------------------------- families and ids


def test_one_of_a_family_is_live_at_a_time() -> None:
    """Whichever of them is redriven."""
    host = failed("fail")
    host.redrive("c", "c2")
    host.redrive("c", "c3")
    second = host.code
    host.finish("c2", "fail")
    host.redrive("c2", "c3")
    host.redrive("c", "c4")
    fourth = host.code
    host.finish("c3", "fail")
    host.redrive("c", "c4")

    assert ("rejected already_redriven", "rejected already_redriven") == (second, fourth)
    assert ("c", "c2", "c3", "c4") == host.state.family("c2")
    assert [("c", "c"), ("c2", "c"), ("c", "c")] == [
        (redrive(host, each).sequence_id, redrive(host, each).family) for each in ("c2", "c3", "c4")
    ]


def test_two_clicks_are_one() -> None:
    """The id is derived from the old one and the size of its family."""
    host = failed("fail")
    first = host.state.redrive_id("c")
    host.redrive("c", first)
    host.redrive("c", first)
    twice = host.code
    host.finish(first, "fail")

    assert "duplicate" == twice
    assert 3 == len({first, host.state.redrive_id("c"), host.state.redrive_id(first)})
    assert host.state.redrive_id("c") == host.state.rebuilt().redrive_id("c")


def test_an_unknown_one_has_no_family() -> None:
    """And no id is derived from it."""
    host = failed()

    assert ((), ("c",)) == (host.state.family("x"), host.state.family("c"))
    with pytest.raises(UnknownSequence):
        host.state.redrive_id("x")


def test_a_family_is_forgotten_with_its_context() -> None:
    """Its members have the same context, so they go together."""
    host = failed("fail")
    host.redrive("c", "c2")
    host.finish("c2", "fail")
    forgotten = evolve(
        host.state,
        SequencesForgotten(
            host.state.serial + 1, host.now, host.events[0].subject.__class__("sockshop"),
            contexts=("ctx",), sequence_ids=("c", "c2"), released=(),
        ),
    )  # fmt: skip

    assert not forgotten.index.families
    assert forgotten.index == forgotten.rebuilt().index


# ---------------------------------------------------------------- refusals


def test_refusals_come_in_the_order_of_the_rules() -> None:
    """Of several reasons the first one is told (R8, R41)."""
    world = {
        "dev": {
            "delivery": ["build", {"name": "sign", "approval": {"initiator": False}}, "deploy"],
            "other": ["x"],
        }
    }
    host = Host(world, queueing=QueuePolicy(mode="reject_when_busy"))
    host.trigger("won", sequence="other")
    host.finish("won")
    host.trigger("c", actor="alice", context="ctx")
    live = {"redrives": "c", "start_at": "none"}
    codes, messages = [], {}

    def refused(**given: Any) -> None:
        base = {"stage": "dev", "sequence": "delivery", "service": "carts", "context": "ctx"}
        outcome = host.tell(
            TriggerSequence("new", **{**base, "actor": "bob", **live, **given})
        ).outcome
        assert isinstance(outcome, Rejected)
        codes.append(outcome.code.value)
        messages[outcome.code.value] = outcome.message

    refused(stage="none", redrives="x")
    refused(sequence="none", redrives="x")
    refused(data={"x": "x" * 1_100_000}, redrives="x")
    refused(actor="", redrives="x")
    refused(redrives="x")
    refused(service="orders")
    refused(context="elsewhere")
    refused()
    host.finish("c", "fail")
    refused(sequence="other", redrives="won", context="won")
    host.redrive("c", "c2", actor="bob")
    refused()
    host.finish("c2", "fail")
    host.trigger("busy", sequence="other")
    refused()
    refused(start_at="deploy")
    refused(start_at="build")

    assert codes == [
        "unknown_stage", "unknown_sequence", "payload_too_large", "no_actor", "unknown_sequence",
        "id_conflict", "id_conflict", "not_ended", "not_failed", "already_redriven",
        "unknown_task", "not_approved", "stage_busy",
    ]  # fmt: skip
    assert {
        "unknown_sequence": "No sequence 'x' is known in project 'sockshop'.",
        "id_conflict": "Sequence 'c' is delivery of 'carts' in stage dev, context 'ctx': a redrive "
        "must be the same.",
        "not_ended": "Sequence 'c' has not ended.",
        "not_failed": "Sequence 'won' ended with pass.",
        "already_redriven": "It is being redriven already, by sequence 'c2'.",
        "unknown_task": "Sequence delivery in stage dev has no task none.",
        "not_approved": "Sequence 'c' was not approved in task sign.",
    }.items() <= messages.items()


def test_a_task_that_is_gone_is_unknown() -> None:
    """Nothing of that name is left in the definition."""
    host = again(failed("pass", "fail"), ["build", "test"])
    outcome = host.redrive("c", "c2").outcome

    message = "Sequence delivery in stage dev has no task to go on with."
    assert Rejected(RejectedCode.UNKNOWN_TASK, message) == outcome


def test_one_that_ran_all_of_its_tasks_goes_on_if_there_are_more_today() -> None:
    """It was aborted while its last task was in flight, which passed."""
    host = failed(tasks=["build"])
    host.abort("ctx")
    host.finish("c")
    host.redrive("c", "c2")
    refused = host.code
    again(host, ["build", "deploy"]).redrive("c", "c2")

    assert ("rejected unknown_task", "deploy") == (refused, host.task("c2"))


def test_a_second_approval_is_not_passed_with_the_first() -> None:
    """Where fewer of its name were given than stand there today, it was not given."""
    sign = {"name": "sign", "approval": True}
    host = failed("fail", tasks=[sign, "deploy", sign, "release"])
    host.redrive("c", "c2")
    host.vote("c2", "bob")
    host.finish("c2", "fail")
    host.redrive("c2", "c3", start_at="release")

    assert "rejected not_approved" == host.code


def test_a_sequence_that_ran_all_of_its_tasks_has_none_to_begin_with() -> None:
    """It ended because its time was over before its last task ended; today it has fewer."""
    host = again(failed("pass", "pass", "fail"), ["build", "deploy"])
    host.redrive("c", "c2")

    assert "rejected unknown_task" == host.code


def test_a_warning_is_no_failure() -> None:
    """Only what ended without pass or warning is redriven."""
    host = failed("warning", tasks=["build"])
    host.redrive("c", "c2")

    assert "rejected not_failed" == host.code


def test_a_start_needs_something_to_redrive() -> None:
    """Otherwise a sequence begins at its first task."""
    with pytest.raises(InvalidValue, match="start_at: says where a redrive begins"):
        TriggerSequence("c", stage="dev", sequence="delivery", start_at="test")


def test_a_machine_knows_no_other_sequence() -> None:
    """The host of a single sequence has nothing to redrive."""
    plane = failed().plane
    definition = plane.shipyard.sequence("dev", "delivery")
    assert definition is not None
    command = TriggerSequence("c2", stage="dev", sequence="delivery", redrives="c")

    decision = SequenceStateMachine(definition).accept(command, T0)

    assert isinstance(decision.outcome, Rejected)
    assert RejectedCode.UNKNOWN_SEQUENCE is decision.outcome.code
    assert decision.state is None


def test_the_data_of_a_redrive_may_be_as_large_as_an_input() -> None:
    """It is one; what triggers anything else is bounded by a payload (R33)."""
    bounds = Bounds(payload_size=100, input_size=200)
    host = failed("fail", bounds=bounds)
    host.redrive("c", "c2", data={"x": "x" * 193})
    too_large = host.code
    host.redrive("c", "c2", data={"x": "x" * 192})

    assert ("rejected payload_too_large", "applied") == (too_large, host.code)
    assert "The payload has 201 bytes, at most 200 are accepted." in str(
        failed("fail", bounds=bounds).redrive("c", "c2", data={"x": "x" * 193}).outcome
    )


# ---------------------------------------------------------------- what people see


def test_explain_of_both_names_the_other() -> None:
    """The newest that redrives it, and what it redrives, live or ended."""
    host = failed("fail")
    host.redrive("c", "c2")
    live = host.plane.explain(host.state, "c2")
    host.finish("c2", "fail")
    host.redrive("c", "c3")
    old, ended = (host.plane.explain(host.state, each) for each in ("c", "c2"))

    assert ("c", None) == (live.redrives, live.redriven_by)
    assert ("c3", None) == (old.redriven_by, old.redrives)
    assert ("c", None) == (ended.redrives, ended.redriven_by)
    assert "It redrives c." in str(live)
    assert "It is redriven by c3." in str(old)


def test_what_is_permitted_of_an_ended_one_is_a_redrive() -> None:
    """As long as none of its family is live."""
    host = failed("fail")
    first = host.plane.permitted(host.state, "c", actor="bob")["redrive"]
    host.redrive("c", "c2")
    second = host.plane.permitted(host.state, "c", actor="bob")["redrive"]

    assert "Applied" == type(first).__name__
    assert isinstance(second, Rejected)
    assert RejectedCode.ALREADY_REDRIVEN is second.code


def test_a_record_keeps_what_it_redrives() -> None:
    """Live and ended."""
    host = failed("fail")
    host.redrive("c", "c2")
    before = host.record("c2")
    host.finish("c2", "fail")
    after = host.record("c2")

    assert isinstance(before, LiveSequence)
    assert isinstance(after, EndedSequence)
    assert before.redrive == after.redrive == Redrive("c", "c")


def test_limits_of_a_redrive_are_its_own() -> None:
    """They count from its own start."""
    host = failed("fail", timeouts=TimeoutPolicy(total="1h", reaction=None))
    host.at(5_000).redrive("c", "c2")
    host.until(5_000 + 3_599)

    assert Phase.RUNNING is host.phase("c2")
