"""Sequences that are parked after a failure until a person decides (R40)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sequencectl import (
    Bounds,
    CommandRejected,
    ControlPlane,
    DefinitionError,
    EndedSequence,
    Failure,
    LiveSequence,
    OnFailure,
    PauseSequence,
    Phase,
    PolicyError,
    QueuePolicy,
    Result,
    ResumeSequence,
    Retry,
    RetryTask,
    SequenceCommand,
    SequenceDefinition,
    SequenceStateMachine,
    Shipyard,
    SkipTask,
    Status,
    TaskDefinition,
    TimeoutPolicy,
    TriggerSequence,
    freeze,
)
from sequencectl.events import (
    DeadlineKind,
    SequenceAborted,
    SequenceFinished,
    SequenceParked,
    TaskEnd,
    TaskFinished,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskTriggered,
)
from tests.support import Host, instant, word

DEPLOY = TaskDefinition("deploy", on_failure=OnFailure.PARK)
ROLLBACK = {
    "tasks": ["undo"],
    "triggeredOn": [{"event": "dev.delivery.finished", "selector": {"match": {"result": "fail"}}}],
}
DAY = 86_400


def parked(*tasks: Any, first: Any = DEPLOY, pause: bool = False, **policies: Any) -> Host:
    """A host in which `c` is parked with its first task, `deploy`, which failed."""
    host = Host({"dev": {"delivery": [first, *tasks], "rollback": ROLLBACK}}, **policies)
    host.trigger("c")
    if pause:
        host.pause("c")
    host.at(10).finish("c", "fail", message="no space", data={"log": "x", "labels": {"a": "1"}})
    assert Phase.PARKED is host.phase("c")
    return host


def live(host: Host, sequence_id: str = "c") -> LiveSequence:
    """The record of a live sequence."""
    record = host.record(sequence_id)
    assert isinstance(record, LiveSequence)
    return record


def ended(host: Host, sequence_id: str = "c") -> EndedSequence:
    """The record of a sequence that has ended."""
    record = host.record(sequence_id)
    assert isinstance(record, EndedSequence)
    return record


# ---------------------------------------------------------------- how it is parked


def test_a_failed_task_parks_its_sequence() -> None:
    """It keeps its lane with nothing in flight, until its limit at most."""
    host = parked()
    host.trigger("next", service="orders")

    (event,) = host.of(SequenceParked)
    record = live(host)
    assert (None, Phase.WAITING) == (record.task, host.phase("next"))
    assert ("no space", None) == (event.message, event.explanation)
    assert ("deploy", timedelta(days=1), instant(10 + DAY)) == (
        event.task, event.timeout, event.deadline,
    )  # fmt: skip
    assert timedelta(days=1) == record.timeout
    assert [TaskEnd.PARKED] == [each.end for each in host.of(TaskFinished)]
    assert (instant(10 + DAY), DeadlineKind.PARKED) == record.next_deadline
    assert record.parked is not None
    assert (1, Failure.FAIL) == (record.parked.attempt, record.parked.failure)
    assert freeze({"log": "x", "labels": {"a": "1"}}) == record.parked.data
    assert (Result.PASS, {}, ()) == (record.result, dict(record.data), record.runs)


def test_a_failure_without_a_message_is_named() -> None:
    """The event says why in any case; the end says what it would have said at once."""
    host = Host({"dev": {"delivery": [DEPLOY]}})
    host.trigger("c")
    host.finish("c", "fail")
    host.until(DAY)

    assert "Task deploy in stage dev failed." == host.of(SequenceParked)[0].message
    assert "" == host.of(SequenceFinished)[0].message


def test_a_task_that_runs_out_of_time_parks_its_sequence() -> None:
    """The event has the explanation with which the sequence would have ended."""
    host = Host({"dev": {"delivery": [DEPLOY]}}, timeouts=TimeoutPolicy(reaction="1m"))
    host.trigger("c")
    host.until(60)

    (event,) = host.of(SequenceParked)
    assert event.explanation is not None
    assert DeadlineKind.REACTION is event.explanation.kind
    assert event.message == str(event.explanation)


def test_attempts_come_before_parking() -> None:
    """The last of them parks it."""
    task = TaskDefinition("deploy", on_failure="park", retry=Retry(times=1))
    host = Host({"dev": {"delivery": [task]}})
    host.trigger("c")
    host.finish("c", "fail")
    phase = host.phase("c")
    host.finish("c", "fail")

    assert (Phase.RUNNING, Phase.PARKED) == (phase, host.phase("c"))


@pytest.mark.parametrize(
    ("of_sequence", "of_task", "is_parked"),
    [
        ("park", None, True),
        ("end", None, False),
        ("park", "end", False),
        ("end", "park", True),
        (None, None, False),
    ],
)
def test_what_a_task_says_wins(
    of_sequence: str | None, of_task: str | None, is_parked: bool
) -> None:
    """What a sequence says holds for its tasks that say nothing; the default is to end."""
    task = {"name": "deploy", "onFailure": of_task}
    host = Host({"dev": {"delivery": {"tasks": [task], "onFailure": of_sequence}}})
    host.trigger("c")
    host.finish("c", "fail")

    assert is_parked is (host.phase("c") is Phase.PARKED)


def test_a_rejected_approval_does_not_park() -> None:
    """What a sequence says does not hold for approvals."""
    host = Host(
        {
            "dev": {
                "delivery": {
                    "tasks": [{"name": "sign", "approval": True}],
                    "onFailure": "park",
                }
            }
        }
    )
    host.trigger("c")
    host.vote("c", "bob", "fail")

    assert Phase.FINISHED is host.phase("c")


def test_an_aborting_one_is_not_parked() -> None:
    """Its task was waited for."""
    host = Host({"dev": {"delivery": [DEPLOY]}})
    host.trigger("c")
    host.abort("c")
    host.finish("c", "fail")

    assert Phase.ABORTED is host.phase("c")


def test_a_total_that_passes_does_not_park() -> None:
    """The time of the whole sequence is over."""
    host = Host({"dev": {"delivery": [DEPLOY]}}, timeouts=TimeoutPolicy(total="5s"))
    host.trigger("c")
    host.until(5)

    assert Phase.TIMED_OUT is host.phase("c")


# ---------------------------------------------------------------- how it ends


def test_its_limit_ends_it_as_the_failure_would_have() -> None:
    """Data, labels and follow-ups are those of a sequence that ended at once."""
    host = parked("test")
    host.until(10 + DAY)
    at_once = Host({"dev": {"delivery": ["deploy", "test"], "rollback": ROLLBACK}})
    at_once.trigger("c")
    at_once.finish("c", "fail", message="no space", data={"log": "x", "labels": {"a": "1"}})

    for each in (host, at_once):
        (event,) = each.of(SequenceFinished)
        record = ended(each)
        undo = each.of(TaskTriggered)[-1]
        assert (Result.FAIL, Status.SUCCEEDED) == (event.result, event.status)
        assert ("no space", freeze({"a": "1"})) == (event.message, event.labels)
        assert [("deploy", Result.FAIL)] == [(run.name, run.result) for run in record.runs]
        assert ("undo", "x", "test") == (undo.task, undo.input["log"], record.next_task)


def test_its_limit_ends_it_timed_out_if_its_task_had() -> None:
    """With the explanation of the task, not of the limit that was waited for."""
    host = Host({"dev": {"delivery": [DEPLOY]}}, timeouts=TimeoutPolicy(reaction="1m"))
    host.trigger("c")
    host.until(60 + DAY)

    record = ended(host)
    assert record.explanation is not None
    assert Phase.TIMED_OUT is record.phase
    assert (DeadlineKind.REACTION, instant(60)) == (
        record.explanation.kind, record.explanation.deadline,
    )  # fmt: skip


@pytest.mark.parametrize("force", [False, True])
def test_an_abort_ends_it_at_once(force: bool) -> None:
    """There is nothing to wait for, and nothing follows; what the run brought is taken in."""
    host = parked("test")
    host.abort("c", force=force, actor="alice")

    (event,) = host.of(SequenceAborted)
    assert Phase.ABORTED is host.phase("c")
    assert ("requested", None, freeze({"a": "1"})) == (
        event.cause.value, event.abandoned_task, event.labels,
    )  # fmt: skip
    assert [("deploy", Result.FAIL)] == [(run.name, run.result) for run in ended(host).runs]
    assert ["c"] == list(host.state.sequences)


def test_without_a_limit_it_waits_for_a_person() -> None:
    """Only an unbounded policy may say so."""
    host = parked(timeouts=TimeoutPolicy.unbounded())

    assert live(host).next_deadline is None
    with pytest.raises(PolicyError, match="parked: must be a limit"):
        TimeoutPolicy(parked=None)


# ---------------------------------------------------------------- retry


def test_a_retry_runs_the_task_again_at_once() -> None:
    """Nothing of the failed run counts, its delay is not waited for, and reports to it are late."""
    first = TaskDefinition("deploy", on_failure="park", triggered_after="1m")
    host = Host({"dev": {"delivery": [first, "test"]}})
    host.trigger("c")
    host.until(60)
    host.finish("c", "fail", status="errored", data={"log": "x"})
    failed = host.of(TaskTriggered)[0]
    host.at(100).retry("c", actor="alice", reason="disk was full", request_id="r1")
    said, again = host.said, host.of(TaskTriggered)[-1]
    late = host.tell(failed.finished(source="x", result="pass")).outcome
    host.finish("c", data={"url": "y"})

    (event,) = host.of(TaskRetried)
    record = live(host)
    assert ("TaskRetried", "TaskTriggered") == said
    assert ("deploy", "alice", "disk was full") == (
        event.task, event.control.actor, event.control.reason,
    )  # fmt: skip
    assert (2, 2, instant(100)) == (again.attempt, again.attempts, again.at)
    assert failed.task_id != again.task_id
    assert "late" == late.code.value  # type: ignore[union-attr]
    assert ({"url": "y"}, Result.PASS, "test") == (dict(record.data), record.result, host.task("c"))
    assert [(True, Failure.ERRORED)] == [(a.by_person, a.failure) for a in record.retried]


def test_an_attempt_that_a_person_asked_for_is_not_retried() -> None:
    """Its failure parks the sequence again, whatever is left of the attempts."""
    task = TaskDefinition("deploy", on_failure="park", retry=Retry(times=5, on=["errored"]))
    host = Host({"dev": {"delivery": [task]}})
    host.trigger("c")
    host.finish("c", "fail")
    host.retry("c")
    host.finish("c", "fail", status="errored")

    assert Phase.PARKED is host.phase("c")
    assert [(1, 6), (2, 2)] == [(e.attempt, e.attempts) for e in host.of(TaskTriggered)]


def test_the_next_task_has_its_own_attempts_after_a_retry() -> None:
    """A person's retry of one task takes nothing from another."""
    host = parked(TaskDefinition("test", retry=Retry(times=1)), "check")
    host.retry("c")
    host.finish("c")
    host.finish("c", "fail")
    host.finish("c")

    assert [(1, 1), (2, 2), (1, 2), (2, 2), (1, 1)] == [
        (e.attempt, e.attempts) for e in host.of(TaskTriggered)
    ]


def test_a_task_is_not_run_more_often_than_the_bounds_allow() -> None:
    """A retry beyond them is refused, and changes nothing."""
    host = parked(bounds=Bounds(attempts=2))
    host.retry("c")
    host.finish("c", "fail")
    host.retry("c")

    assert ("rejected too_many_attempts", Phase.PARKED) == (host.code, host.phase("c"))
    with pytest.raises(CommandRejected, match="The task was run 2 times"):
        host.last.raise_if_rejected()  # type: ignore[union-attr]


def test_a_retry_acts_on_every_parked_one_that_may_be_tried_again() -> None:
    """One whose task was run as often as it may be stays parked."""
    world = {"dev": {"delivery": [DEPLOY]}}
    host = Host(world, queueing=QueuePolicy(limit=3), bounds=Bounds(attempts=2))
    for sequence_id in ("a", "b", "other"):
        host.trigger(sequence_id, context="other" if sequence_id == "other" else "ctx")
        host.finish(sequence_id, "fail")
    host.retry("a")
    host.finish("a", "fail")
    host.tell(RetryTask("ctx"))

    assert "applied" == host.code
    assert [Phase.PARKED, Phase.RUNNING, Phase.PARKED] == [
        host.phase(each) for each in ("a", "b", "other")
    ]


# ---------------------------------------------------------------- skip


@pytest.mark.parametrize("result", ["pass", "warning"])
def test_a_skip_goes_on_as_if_the_task_had_come_to_a_result(result: str) -> None:
    """It counts for the result and for inputs; it is shown as skipped, and says by whom."""
    host = parked("test")
    host.at(100).skip("c", result, actor="alice", reason="known flake")
    test = host.of(TaskTriggered)[-1]

    (event,) = host.of(TaskSkipped)
    record = live(host)
    assert ("TaskSkipped", "TaskTriggered") == host.said
    message = "Task deploy in stage dev was skipped by alice: known flake"
    assert ("deploy", message, message) == (event.task, event.message, record.message)
    assert ("test", result, "succeeded", 1) == (
        test.task, test.input["result"], test.input["status"], test.attempt,
    )  # fmt: skip
    assert "log" not in test.input
    assert Result(result) is record.result
    assert [("deploy", Result(result), True)] == [
        (run.name, run.result, run.is_skipped) for run in record.runs
    ]


def test_a_skip_leaves_a_warning_that_came_before() -> None:
    """The result is the worst so far; without an actor and a reason there is none to name."""
    host = Host({"dev": {"delivery": ["build", DEPLOY]}})
    host.trigger("c")
    host.finish("c", "warning")
    host.finish("c", "fail")
    host.skip("c", "pass")

    assert Result.WARNING is host.record("c").result
    assert "Task deploy in stage dev was skipped." == host.of(TaskSkipped)[0].message


def test_a_skip_of_the_last_task_ends_the_sequence() -> None:
    """With the worst result so far."""
    host = parked()
    host.skip("c", "warning")

    assert ("TaskSkipped", "SequenceFinished") == host.said
    assert (Phase.FINISHED, Result.WARNING) == (host.phase("c"), host.record("c").result)


def test_a_skip_with_fail_ends_the_sequence_and_its_follow_ups_start() -> None:
    """They do not see what the failed run brought: it was dropped."""
    host = parked("test")
    host.skip("c", "fail", actor="alice")
    undo = host.of(TaskTriggered)[-1]

    record = ended(host)
    assert (Phase.FINISHED, Result.FAIL, Status.SUCCEEDED) == (
        record.phase, record.result, record.status,
    )  # fmt: skip
    assert "Task deploy in stage dev was skipped by alice." == record.message
    assert ("undo", False) == (undo.task, "log" in undo.input)


def test_a_selector_reads_the_result_of_a_skipped_task() -> None:
    """It is a run with that result."""
    match = {"result": "warning", "deploy.result": "warning"}
    follow = {"event": "dev.delivery.finished", "selector": {"match": match}}
    host = Host(
        {"dev": {"delivery": [DEPLOY], "report": {"tasks": ["write"], "triggeredOn": [follow]}}}
    )
    host.trigger("c")
    host.finish("c", "fail")
    host.skip("c", "warning")

    assert 2 == len(host.state.sequences)


def test_a_delay_after_a_skip_counts_from_the_skip() -> None:
    """The next task is scheduled like any other."""
    host = parked(TaskDefinition("test", triggered_after="1m"))
    host.at(100).skip("c")

    (event,) = host.of(TaskScheduled)
    assert (instant(160), 1) == (event.due_at, event.attempt)


# ---------------------------------------------------------------- how both are addressed


@pytest.mark.parametrize("kind", [RetryTask, SkipTask])
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ({"context": "nobody"}, "rejected unknown_context"),
        ({"sequence_id": "nobody"}, "rejected unknown_sequence"),
        ({"context": "over"}, "rejected already_ended"),
        ({"sequence_id": "over"}, "rejected already_ended"),
        ({"context": "run", "stage": "nowhere"}, "rejected unknown_stage"),
        ({"context": "run", "stage": "prod"}, "rejected not_reached"),
        ({"context": "run"}, "not_parked"),
        ({"context": "run", "stage": "dev"}, "not_parked"),
        ({"sequence_id": "run"}, "not_parked"),
        ({"sequence_id": "waits"}, "not_parked"),
        ({"sequence_id": "aborting"}, "not_parked"),
    ],
)
def test_it_is_refused_like_an_abort(kind: Any, address: dict[str, Any], code: str) -> None:
    """What it addresses is live, and of that nothing is parked."""
    world = {"dev": {"delivery": [DEPLOY]}, "prod": {"delivery": ["x"]}}
    host = Host(world, queueing=QueuePolicy(limit=2))
    host.trigger("over")
    host.finish("over")
    host.trigger("run")
    host.trigger("aborting")
    host.abort("aborting")
    host.trigger("waits")
    more = {"result": "pass"} if kind is SkipTask else {}
    host.tell(kind(**address, **more))

    assert code == host.code


def test_a_request_is_applied_once() -> None:
    """An answer that was lost is asked for again."""
    host = parked("test")
    host.skip("c", request_id="r1")
    host.finish("c", "fail")
    host.skip("c", request_id="r1")

    assert "repeated" == host.code


def test_a_retry_is_remembered_as_well() -> None:
    """The second of two equal requests does not run the task a third time."""
    host = parked()
    host.retry("c", request_id="r1")
    host.finish("c", "fail")
    host.retry("c", request_id="r1")

    assert ("repeated", Phase.PARKED) == (host.code, host.phase("c"))


# ---------------------------------------------------------------- pauses


def test_a_pause_leaves_a_parked_one_parked() -> None:
    """It is told as paused, its limit runs on, and a resume takes the pause back."""
    host = parked("test", timeouts=TimeoutPolicy(total="1h"))
    deadline = live(host).deadline
    host.pause("c", actor="bob")
    record, said = live(host), host.said
    lines = host.plane.delivery(host.state, "c").status_line
    host.at(20).resume("c")

    assert ("ContextPaused", "SequencePaused") == said
    assert (Phase.PARKED, deadline, True) == (record.phase, record.deadline, record.is_paused)
    assert "delivery paused" == lines
    assert ("ContextResumed", "SequenceResumed") == host.said
    assert (Phase.PARKED, deadline, False) == (
        host.phase("c"), live(host).deadline, live(host).is_paused,
    )  # fmt: skip
    assert "delivery parked" == host.plane.delivery(host.state, "c").status_line


def test_a_pausing_one_is_parked() -> None:
    """The pause is still there: a retry waits for the resume, and is one attempt then."""
    host = parked("test", pause=True)
    host.at(20).retry("c")
    said, phase = host.said, host.phase("c")
    host.at(30).resume("c")

    assert ("TaskRetried", "SequencePaused", "SequenceDrained") == said
    assert Phase.PAUSED is phase
    assert ("deploy", Phase.RUNNING) == (host.task("c"), host.phase("c"))
    again = host.of(TaskTriggered)[-1]
    assert (2, 2, instant(30)) == (again.attempt, again.attempts, again.at)


def test_a_skip_under_a_pause_waits_for_the_resume() -> None:
    """A delay counts from the skip, paused or not."""
    host = parked(TaskDefinition("test", triggered_after="1m"))
    host.pause("c")
    host.at(20).skip("c")
    said, phase = host.said, host.phase("c")
    host.at(80).resume("c")

    assert ("TaskSkipped", "SequencePaused", "TaskScheduled", "SequenceDrained") == said
    assert (Phase.PAUSED, "test") == (phase, host.task("c"))


@pytest.mark.parametrize("result", ["pass", "fail"])
def test_a_skip_that_ends_needs_no_resume(result: str) -> None:
    """The last task, or a failed one, ends the sequence under a pause as well (R21)."""
    host = parked(pause=True)
    host.skip("c", result)

    assert Phase.FINISHED is host.phase("c")


def test_its_limit_ends_it_under_a_pause_as_well() -> None:
    """The limit runs on, paused or not."""
    host = parked(pause=True)
    host.until(10 + DAY)

    assert Phase.FINISHED is host.phase("c")


# ---------------------------------------------------------------- total


def test_total_stands_while_it_is_parked() -> None:
    """After a retry or a skip it goes on with what was left."""
    host = parked("test", timeouts=TimeoutPolicy(total="1h", reaction=None))
    host.at(5_000).retry("c")
    retried = live(host).deadline
    host.at(5_100).finish("c", "fail")
    host.at(9_000).skip("c")

    assert instant(5_000 + 3_590) == retried
    assert instant(9_000 + 3_490) == live(host).deadline
    assert (instant(9_000 + 3_490), DeadlineKind.TOTAL) == live(host).next_deadline
    hour = timedelta(hours=1)
    assert (hour, hour) == (host.of(TaskSkipped)[0].timeout, host.of(TaskRetried)[0].timeout)


def test_total_stands_through_parking_and_a_pause() -> None:
    """A retry under a pause leaves what was left when it was parked."""
    host = parked("test", pause=True, timeouts=TimeoutPolicy(total="1h", reaction=None))
    host.at(5_000).retry("c")
    host.at(9_000).resume("c")

    assert instant(9_000 + 3_590) == live(host).deadline


@pytest.mark.parametrize("pause", [False, True])
def test_a_retry_ends_it_if_its_total_had_passed(pause: bool) -> None:
    """A task is never triggered after that (R10); under a pause the resume says so."""
    limits = TimeoutPolicy(total="10s", reaction=None)
    host = parked(timeouts=limits, pause=pause)
    host.retry("c")
    if pause:
        host.resume("c")

    assert Phase.TIMED_OUT is host.phase("c")
    assert ["deploy", "undo"] == [event.task for event in host.of(TaskTriggered)]


# ---------------------------------------------------------------- what people see


def test_explain_says_why_it_is_parked_and_what_gets_it_out() -> None:
    """The failure, what may be done, and until when."""
    host = parked()
    explained = host.plane.explain(host.state, "c")

    assert explained.parked is not None
    expected = (
        "Task deploy failed in attempt 1: no space. Retry the task, skip it or abort the sequence; "
        f"at {instant(10 + DAY).isoformat()} it ends with that failure."
    )
    assert expected == explained.parked_line
    assert str(explained).endswith(
        f"is parked since {instant(10).isoformat()}, with task deploy. {expected}"
    )


def test_what_is_permitted_says_how_to_get_out() -> None:
    """A user interface offers what is applied."""
    host = parked()
    permitted = host.plane.permitted(host.state, "c", actor="alice")

    offered = [name for name, outcome in permitted.items() if type(outcome).__name__ == "Applied"]
    assert ["pause", "abort", "force", "retry", "skip"] == offered


def test_on_failure_is_read_from_a_shipyard() -> None:
    """Another word is refused with its path, and an approval has no such key."""
    for where, mapping in {
        "dev.delivery.onFailure": {"tasks": ["deploy"], "onFailure": "stop"},
        "dev.delivery.tasks[0].onFailure": {"tasks": [{"name": "deploy", "onFailure": "stop"}]},
    }.items():
        with pytest.raises(DefinitionError) as caught:
            Shipyard.of({"dev": {"delivery": mapping}})
        assert f"{where}: must be one of end, park, got 'stop'" == str(caught.value)
    with pytest.raises(DefinitionError, match="onFailure: must not be given: votes decide"):
        Shipyard.of(
            {"dev": {"delivery": [{"name": "sign", "approval": True, "onFailure": "park"}]}}
        )


def test_a_plane_reads_the_limit_when_it_parks() -> None:
    """Another plane may have another limit."""
    host = Host({"dev": {"delivery": [DEPLOY]}})
    host.trigger("c")
    host.plane = ControlPlane(host.plane.shipyard, timeouts=TimeoutPolicy(parked="1h"))
    host.finish("c", "fail")

    assert instant(3_600) == live(host).deadline


# ---------------------------------------------------------------- one sequence alone


class Alone:
    """A sequence without a project, which is parked, and the decisions about it."""

    def __init__(self, **policies: Any) -> None:
        definition = SequenceDefinition("delivery", (DEPLOY, TaskDefinition("test")))
        self.machine = SequenceStateMachine(definition, **policies)
        command = TriggerSequence("c", stage="dev", sequence="delivery")
        accepted = self.machine.accept(command, instant(0))
        assert accepted.state is not None
        self.last = self.machine.start(accepted.state, instant(0))
        self.finish("fail")

    @property
    def state(self) -> LiveSequence:
        """The record as it is now."""
        assert isinstance(self.last.state, LiveSequence)
        return self.last.state

    def tell(self, command: SequenceCommand) -> str:
        """Decide, and return the outcome as the table of the rules writes it."""
        self.last = self.machine.decide(self.state, command, instant(10))
        return word(self.last.outcome)

    def finish(self, result: str) -> str:
        """Report a finish for the task in flight."""
        assert self.state.task is not None
        return self.tell(self.state.task.triggered.finished(source="x", result=result))


def test_a_machine_parks_and_gets_out_as_a_project_does() -> None:
    """By a retry and by a skip; another command for it says why not."""
    alone = Alone(bounds=Bounds(attempts=2))
    codes = [
        alone.tell(RetryTask("other")),
        alone.tell(RetryTask(sequence_id="other")),
        alone.tell(SkipTask("c", stage="prod", result="pass")),
        alone.tell(RetryTask(sequence_id="c")),
        alone.tell(RetryTask("c")),
        alone.finish("fail"),
        alone.tell(RetryTask("c")),
    ]
    parked = alone.state.phase
    codes.append(alone.tell(SkipTask("c", result="warning", actor="alice")))

    assert codes == [
        "rejected unknown_context", "rejected unknown_sequence", "rejected not_reached", "applied",
        "not_parked", "applied", "rejected too_many_attempts", "applied",
    ]  # fmt: skip
    assert (Phase.PARKED, "test", Result.WARNING) == (
        parked, alone.state.task and alone.state.task.name, alone.state.result,
    )  # fmt: skip
    (event, _) = alone.last.events
    assert isinstance(event, TaskSkipped)
    assert "alice" == event.control.actor


def test_a_pause_of_a_machine_stays_beside_its_parking() -> None:
    """A retry waits for the resume, and both answer as they do in a project."""
    alone = Alone()
    codes = [
        alone.tell(command)
        for command in (
            ResumeSequence("c"), PauseSequence("c"), PauseSequence("c"), ResumeSequence("c"),
            PauseSequence("c"), RetryTask("c"),
        )
    ]  # fmt: skip
    paused = alone.state.phase
    codes.append(alone.tell(ResumeSequence("c")))

    assert codes == [
        "not_paused", "applied", "already_paused", "applied", "applied", "applied", "applied",
    ]  # fmt: skip
    assert (Phase.PAUSED, Phase.RUNNING) == (paused, alone.state.phase)
