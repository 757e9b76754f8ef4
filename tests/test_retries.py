"""Attempts: a failed task that is run again by itself (R39)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sequencectl import (
    Bounds,
    ControlPlane,
    DefinitionError,
    EndedSequence,
    Failure,
    InvalidValue,
    LiveSequence,
    Phase,
    Result,
    Retry,
    Shipyard,
    Status,
    TaskDefinition,
    TimeoutPolicy,
)
from sequencectl.events import TaskEnd, TaskFinished, TaskScheduled, TaskTimedOut, TaskTriggered
from tests.support import Host, instant


def retrying(retry: Retry | None = None, *tasks: Any, **policies: Any) -> Host:
    """A host in which `c` runs `test`, which is retried, and then `tasks`."""
    test = TaskDefinition("test", retry=retry or Retry(times=2))
    host = Host({"dev": {"delivery": [test, *tasks]}}, **policies)
    host.trigger("c")
    return host


def live(host: Host, sequence_id: str = "c") -> LiveSequence:
    """The record of a live sequence."""
    record = host.record(sequence_id)
    assert isinstance(record, LiveSequence)
    return record


def numbers(host: Host) -> list[tuple[int, int]]:
    """Which attempt of how many each triggered task was."""
    return [(event.attempt, event.attempts) for event in host.of(TaskTriggered)]


# ---------------------------------------------------------------- how often, and what for


def test_a_failed_task_is_run_again_in_the_same_decision() -> None:
    """It keeps its lane, and the new attempt has an id of its own."""
    host = retrying()
    first = host.task_id("c")
    host.trigger("next", service="orders")
    host.finish("c", "fail", message="no route")

    (finished,) = host.of(TaskFinished)
    assert ("TaskFinishReported", "TaskFinished", "TaskTriggered") == host.said
    assert TaskEnd.RETRIED is finished.end
    assert ("test", Phase.RUNNING, Phase.WAITING) == (
        host.task("c"), host.phase("c"), host.phase("next"),
    )  # fmt: skip
    assert first != host.task_id("c")
    assert [(1, 3), (2, 3)] == numbers(host)


def test_the_last_attempt_ends_the_sequence() -> None:
    """After so many further attempts a failure is what it would have been at once."""
    host = retrying()
    for _ in range(3):
        host.finish("c", "fail", message="no route")

    ended = host.record("c")
    assert isinstance(ended, EndedSequence)
    assert [(1, 3), (2, 3), (3, 3)] == numbers(host)
    assert (Phase.FINISHED, Result.FAIL, "no route") == (ended.phase, ended.result, ended.message)
    assert ["retried", "retried", "over"] == [event.end.value for event in host.of(TaskFinished)]
    assert 1 == len(ended.runs)
    assert [0, 0] == [attempt.index for attempt in ended.retried]
    assert [Failure.FAIL, Failure.FAIL] == [attempt.failure for attempt in ended.retried]


@pytest.mark.parametrize(
    ("on", "status", "is_retried"),
    [
        ("fail", "succeeded", True),
        ("fail", "errored", False),
        ("fail", "unknown", False),
        ("errored", "errored", True),
        ("errored", "unknown", True),
        ("errored", "succeeded", False),
        ("errored", "aborted", False),
        ("fail", "aborted", False),
        ("timed_out", "errored", False),
    ],
)
def test_a_kind_of_failure_is_retried_if_it_is_named(
    on: str, status: str, is_retried: bool
) -> None:
    """The kind is read from the status; work that was aborted is not taken up by itself."""
    host = retrying(Retry(on=[on]))
    host.finish("c", "fail", status=status)

    assert is_retried is (host.task("c") == "test")


@pytest.mark.parametrize("result", ["pass", "warning"])
def test_what_has_not_failed_is_not_run_again(result: str) -> None:
    """A warning goes on."""
    host = retrying(None, "release")
    host.finish("c", result)

    assert "release" == host.task("c")


def test_a_run_that_timed_out_is_retried_if_that_is_named() -> None:
    """Each attempt has its whole limits, counted from its own trigger."""
    host = retrying(Retry(times=1, on=["timed_out"]), timeouts=TimeoutPolicy(reaction="1m"))
    host.until(60)

    (timed_out,) = host.of(TaskTimedOut)
    assert TaskEnd.RETRIED is timed_out.end
    assert instant(120) == host.state.next_deadline
    host.until(120)

    ended = host.record("c")
    assert isinstance(ended, EndedSequence)
    assert (Phase.TIMED_OUT, Failure.TIMED_OUT) == (ended.phase, ended.retried[0].failure)
    assert str(ended.explanation) == ended.message
    assert [TaskEnd.RETRIED, TaskEnd.OVER] == [event.end for event in host.of(TaskTimedOut)]


def test_by_default_a_run_that_timed_out_is_not_retried() -> None:
    """Its executor may still be at work."""
    host = retrying(timeouts=TimeoutPolicy(reaction="1m"))
    host.until(60)

    assert Phase.TIMED_OUT is host.phase("c")


def test_each_task_counts_its_own_attempts() -> None:
    """Of two tasks with one name the second begins with its first attempt."""
    again = TaskDefinition("test", retry=Retry(times=1))
    host = retrying(Retry(times=1), again)
    host.finish("c", "fail")
    host.finish("c")
    host.finish("c", "fail")

    assert [(1, 2), (2, 2), (1, 2), (2, 2)] == numbers(host)
    assert [0, 1] == [attempt.index for attempt in live(host).retried]


# ---------------------------------------------------------------- what an attempt leaves


def test_an_attempt_that_is_retried_leaves_nothing() -> None:
    """Neither its data nor its result or status reach tasks, follow-ups or labels."""
    host = Host(
        {
            "dev": {
                "delivery": ["build", {"name": "test", "retry": {"times": 1}}, "release"],
                "ticket": {
                    "tasks": ["open"],
                    "triggeredOn": [
                        {
                            "event": "dev.delivery.finished",
                            "selector": {"match": {"test.result": "fail"}},
                        }
                    ],
                },
            }
        }
    )
    host.trigger("c")
    host.finish("c", "warning", status="succeeded")
    host.finish("c", "fail", status="errored", data={"trace": "x", "labels": {"a": "1"}})
    second = host.of(TaskTriggered)[-1]
    host.finish("c", "pass", data={"report": "y"})
    release = host.of(TaskTriggered)[-1]
    host.finish("c", data={"labels": {"b": "2"}})

    ended = host.record("c")
    assert ("warning", "succeeded") == (second.input["result"], second.input["status"])
    assert "trace" not in second.input
    assert "trace" not in release.input
    assert "y" == release.input["report"]
    assert "pass" == release.input["result"]
    assert Result.WARNING is ended.result
    assert ["c"] == list(host.state.sequences)
    assert {"b": "2"} == dict(host.events[-1].labels)  # type: ignore[union-attr]


def test_a_report_to_an_attempt_that_was_retried_is_late() -> None:
    """It stays so after the sequence has ended."""
    host = retrying(Retry(times=1))
    first = host.of(TaskTriggered)[0]
    host.finish("c", "fail")
    codes = [host.tell(first.finished(source="y", result="pass")).outcome]
    host.finish("c")
    codes.append(host.tell(first.started(source="y")).outcome)

    assert ["late", "late"] == [outcome.code.value for outcome in codes]  # type: ignore[union-attr]
    assert (first.task_id, host.of(TaskTriggered)[1].task_id) == host.record("c").task_ids


def test_several_executors_fail_an_attempt_together() -> None:
    """The attempt waits for all of them, and what they brought is dropped with it."""
    test = TaskDefinition("test", retry=Retry(times=1), expects=["x", "y"])
    host = Host({"dev": {"delivery": [test, "release"]}})
    host.trigger("c")
    host.finish("c", "fail", data={"x": 1})
    is_waiting = live(host).task is not None and live(host).next_attempt == 1
    host.finish("c", "pass", source="y", data={"y": 1})
    host.finish("c", data={"x": 2})
    host.finish("c", source="y")

    assert is_waiting
    data = host.of(TaskTriggered)[-1].input
    assert (2, "y" in data) == (data["x"], False)


# ---------------------------------------------------------------- backoff


def test_a_backoff_delays_the_next_attempt_and_grows() -> None:
    """It counts from the end of the attempt before; `triggeredAfter` is not waited for again."""
    retry = Retry(times=3, backoff="10s", factor=3)
    test = TaskDefinition("test", triggered_after="5s", retry=retry)
    host = Host({"dev": {"delivery": [test]}}, timeouts=TimeoutPolicy(reaction=None))
    host.trigger("c")
    host.until(5)
    due = []
    for seconds in (6, 20, 60):
        host.at(seconds).finish("c", "fail")
        scheduled = host.of(TaskScheduled)[-1]
        due.append((scheduled.attempt, scheduled.due_at))
        host.until((scheduled.due_at - instant(0)).total_seconds())

    assert [(2, instant(16)), (3, instant(50)), (4, instant(150))] == due
    assert [(1, 4), (2, 4), (3, 4), (4, 4)] == numbers(host)


@pytest.mark.parametrize(
    ("retry", "number", "expected"),
    [
        (Retry(), 1, timedelta(0)),
        (Retry(factor=10), 99, timedelta(0)),
        (Retry(backoff="1s"), 99, timedelta(seconds=1)),
        (Retry(backoff="1s", factor=2), 1, timedelta(seconds=1)),
        (Retry(backoff="1s", factor=2), 5, timedelta(seconds=16)),
        (Retry(backoff="1s", factor=10**30), 2, timedelta(days=36_500)),
        (Retry(backoff=timedelta(days=36_500), factor=2), 99, timedelta(days=36_500)),
        (Retry(backoff=timedelta(days=18_250), factor=2), 2, timedelta(days=36_500)),
    ],
)
def test_a_delay_is_never_longer_than_a_timeout(
    retry: Retry, number: int, expected: timedelta
) -> None:
    """It is backoff × factor^(n−1), however large that is."""
    assert expected == retry.delay(number)


@pytest.mark.parametrize("number", [0, -1, True, 1.0, None])
def test_a_delay_is_that_of_an_attempt(number: Any) -> None:
    """Further attempts are counted from 1."""
    with pytest.raises(InvalidValue, match="number: must be an int of at least 1"):
        Retry().delay(number)


def test_a_pause_during_a_backoff_takes_effect_at_once() -> None:
    """Resume triggers the attempt if it is due, and leaves it scheduled otherwise."""
    host = retrying(Retry(times=2, backoff="10s"))
    host.finish("c", "fail")
    host.pause("c")
    paused = host.phase("c")
    host.at(5).resume("c")
    scheduled = host.task("c")
    host.pause("c")
    host.at(11).resume("c")

    assert (Phase.PAUSED, None, "test") == (paused, scheduled, host.task("c"))
    assert [(1, 3), (2, 3)] == numbers(host)


@pytest.mark.parametrize("backoff", ["0s", "10s"])
def test_a_pausing_one_waits_with_its_next_attempt(backoff: str) -> None:
    """The failing result does not end it: the attempt comes after the resume (R21)."""
    host = retrying(Retry(backoff=backoff))
    host.pause("c")
    host.finish("c", "fail")
    said, phase = host.said, host.phase("c")
    host.at(10).resume("c")

    is_scheduled = backoff == "10s"
    assert Phase.PAUSED is phase
    assert said == (
        "TaskFinishReported", "TaskFinished", *["TaskScheduled"] * is_scheduled, "SequenceDrained",
    )  # fmt: skip
    assert "test" == host.task("c")
    assert [(1, 2), (2, 2)] == numbers(host)


def test_an_aborting_one_is_not_retried() -> None:
    """The task was waited for, and its failure ends the wait."""
    host = retrying()
    host.abort("c")
    host.finish("c", "fail")

    assert Phase.ABORTED is host.phase("c")
    assert [TaskEnd.OVER] == [event.end for event in host.of(TaskFinished)]


def test_an_aborting_one_is_not_retried_when_its_task_times_out() -> None:
    """Neither then."""
    host = retrying(Retry(on=["timed_out"]), timeouts=TimeoutPolicy(reaction="1m"))
    host.abort("c")
    host.until(60)

    assert Phase.ABORTED is host.phase("c")


def test_an_abort_during_a_backoff_takes_effect_at_once() -> None:
    """Nothing is in flight."""
    host = retrying(Retry(backoff="10s"))
    host.finish("c", "fail")
    host.abort("c")

    assert Phase.ABORTED is host.phase("c")


def test_total_runs_on_over_all_attempts() -> None:
    """It ends the sequence in the backoff; an attempt whose turn comes later is not triggered."""
    limits = TimeoutPolicy(total="15s")
    host = retrying(Retry(times=9, backoff="10s"), timeouts=limits)
    host.finish("c", "fail")
    host.until(10)
    host.at(12).finish("c", "fail")
    host.until(15)

    assert Phase.TIMED_OUT is host.phase("c")
    assert 2 == len(host.of(TaskTriggered))


def test_an_attempt_is_not_triggered_once_total_has_passed() -> None:
    """The sequence ends in that decision instead (R10)."""
    host = retrying(timeouts=TimeoutPolicy(total="15s", reaction=None))
    host.at(15).finish("c", "fail")

    assert ("TaskFinishReported", "TaskFinished", "SequenceTimedOut") == host.said
    assert 1 == len(host.of(TaskTriggered))


# ---------------------------------------------------------------- bounds and definitions


def test_a_task_may_not_be_tried_more_often_than_the_bounds_allow() -> None:
    """The first run counts."""
    world = Shipyard.of({"dev": {"delivery": [TaskDefinition("test", retry=Retry(times=3))]}})
    ControlPlane(world, bounds=Bounds(attempts=4))

    with pytest.raises(DefinitionError) as caught:
        ControlPlane(world, bounds=Bounds(attempts=3))
    expected = "dev.delivery.test.retry.times: must leave at most 3 attempts, the first included"
    assert f"{expected}, got 3" == str(caught.value)


def test_smaller_bounds_end_the_attempts_of_a_live_definition() -> None:
    """What is triggered under them says so, and no further one follows."""
    host = retrying(Retry(times=9))
    narrow = ControlPlane(Shipyard.of({"dev": {"delivery": ["x"]}}), bounds=Bounds(attempts=2))
    host.plane = narrow
    host.finish("c", "fail")
    host.finish("c", "fail")

    assert [(1, 10), (2, 2)] == numbers(host)
    assert Phase.FINISHED is host.phase("c")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"times": 0}, "times"),
        ({"times": True}, "times"),
        ({"factor": 0}, "factor"),
        ({"factor": 1.5}, "factor"),
        ({"backoff": "-1s"}, "backoff"),
        ({"backoff": "soon"}, "backoff"),
        ({"backoff": 5}, "backoff"),
        ({"backoff": timedelta(days=36_501)}, "backoff"),
        ({"on": []}, "on"),
        ({"on": "fail"}, "on"),
        ({"on": ["fail", "fail"]}, "on"),
        ({"on": ["fail", "late"]}, "on[1]"),
    ],
)
def test_a_retry_that_means_nothing_is_refused(given: dict[str, Any], where: str) -> None:
    """The error names the key, below the path of the task in a shipyard."""
    with pytest.raises(DefinitionError) as own:
        Retry(**given)
    with pytest.raises(DefinitionError) as read:
        Shipyard.of({"dev": {"delivery": [{"name": "test", "retry": given}]}})

    assert (where, f"dev.delivery.tasks[0].retry.{where}") == (own.value.where, read.value.where)


def test_a_retry_is_read_from_a_shipyard() -> None:
    """Its keys are those of Python, and the kinds are kept in one order."""
    given = {"times": 3, "backoff": "1m", "factor": 2, "on": ["timed_out", "fail"]}
    shipyard = Shipyard.of({"dev": {"delivery": [{"name": "test", "retry": given}]}})

    sequence = shipyard.sequence("dev", "delivery")
    assert sequence is not None
    expected = Retry(times=3, backoff="1m", factor=2, on={"fail", "timed_out"})
    assert expected == sequence.tasks[0].retry
    assert (Failure.FAIL, Failure.TIMED_OUT) == expected.on


def test_an_approval_is_not_retried() -> None:
    """People decide it once."""
    with pytest.raises(DefinitionError, match="retry: must not be given: votes decide"):
        Shipyard.of({"dev": {"delivery": [{"name": "sign", "approval": True, "retry": {}}]}})


# ---------------------------------------------------------------- what people see


def test_explain_says_which_attempt_it_is_and_why() -> None:
    """Which of how many, and how the one before failed; an open task says which."""
    host = retrying(Retry(times=2))
    first = host.plane.explain(host.state, "c")
    host.finish("c", "fail", status="errored", message="no route to host.")
    explained = host.plane.explain(host.state, "c")
    (task,) = host.plane.open_tasks(host.state)

    assert (1, 3, "") == (first.attempt, first.attempts, first.attempt_line)
    assert (2, 3) == (explained.attempt, explained.attempts)
    expected = "Task test is in attempt 2 of 3; the one before errored: no route to host."
    assert expected == explained.attempt_line
    assert expected in str(explained)
    assert "(attempt 2 of 3)" in str(task)


def test_explain_says_which_attempt_comes_next() -> None:
    """In the backoff nothing is in flight."""
    host = retrying(Retry(times=2, backoff="1m"))
    host.finish("c", "fail")

    expected = "Next is attempt 2 of 3; the one before failed."
    assert expected == host.plane.explain(host.state, "c").attempt_line


def test_a_status_of_an_attempt_does_not_stay() -> None:
    """The record keeps the result and status of what counts."""
    host = retrying()
    host.finish("c", "fail", status="errored")

    assert (Result.PASS, Status.SUCCEEDED) == (live(host).result, live(host).status)
