"""What a record becomes by an event, and which events do not follow (R13, R24)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from sequencectl import (
    EndedSequence,
    LiveSequence,
    Phase,
    QueuePolicy,
    ReplayError,
    Result,
    Status,
    Subject,
    TaskDefinition,
    TaskTriggered,
    TimeoutPolicy,
    freeze,
)
from sequencectl._sequence.fold import fold
from sequencectl.events import (
    Control,
    DeadlineKind,
    SequenceStarted,
    SequenceTriggered,
    TaskFinished,
    TaskRetried,
    TaskStartReported,
    TaskTimedOut,
    TimeoutExplanation,
)
from sequencectl.shipyard.definitions import SequenceDefinition
from sequencectl.task_run import TaskOutcome
from tests.support import T0, Host, instant

ONE_TASK: Final = {"dev": {"delivery": ["deploy"]}}
DELAYED: Final = {"dev": {"delivery": [{"name": "deploy", "triggeredAfter": "1m"}]}}
SUBJECT: Final = Subject("sockshop", "a", "dev", "delivery", "carts", "a")
PASSED: Final = {"task": "deploy", "result": Result.PASS, "status": Status.SUCCEEDED}


def test_what_a_sequence_is_born_with_comes_from_its_event() -> None:
    """It waits, and knows when, where and as what it was accepted (R2, R8)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="10m"))
    host.freeze()
    host.at(5).trigger("a", priority=3, data={"x": 1})

    assert LiveSequence(
        subject=SUBJECT,
        place=2,
        accepted_serial=2,
        lane="dev",
        priority=3,
        definition=SequenceDefinition("delivery", (TaskDefinition("deploy"),)),
        depth=0,
        data=freeze({"x": 1}),
        accepted_at=instant(5),
        serial=2,
        at=instant(5),
        phase=Phase.WAITING,
        since=instant(5),
        timeout=timedelta(minutes=10),
        deadline=instant(605),
    ) == host.record("a")


def finished(host: Host) -> dict[str, Any]:
    """End "a" by the result of its task."""
    host.finish("a", "warning", message="slow disk")
    return {
        "phase": Phase.FINISHED,
        "result": Result.WARNING,
        "status": Status.SUCCEEDED,
        "message": "slow disk",
    }


def aborted(host: Host) -> dict[str, Any]:
    """End "a" by force, after somebody else had asked for its end."""
    host.abort("a", actor="ann")
    host.abort("a", actor="bob", force=True)
    return {
        "phase": Phase.ABORTED,
        "result": Result.FAIL,
        "status": Status.ABORTED,
        "message": "Sequence delivery in stage dev was aborted by bob.",
        "control": Control("bob", requests_remembered=64),
        "abort": Control("ann", requests_remembered=64),
        "abandoned_task": host.of(TaskTriggered)[0].task_id,
    }


def timed_out(host: Host, at: int, kind: DeadlineKind, reacted: tuple[str, ...]) -> dict[str, Any]:
    """End "a" by the limit that is over at an instant."""
    host.until(at)
    explanation = TimeoutExplanation(
        kind=kind,
        stage="dev",
        sequence="delivery",
        task="deploy",
        timeout=timedelta(seconds=at),
        since=T0,
        deadline=instant(at),
        reacted=reacted,
        awaited=", ".join(reacted),
    )
    return {
        "phase": Phase.TIMED_OUT,
        "result": Result.FAIL,
        "status": Status.ERRORED,
        "message": str(explanation),
        "explanation": explanation,
    }


def out_of_total(host: Host) -> dict[str, Any]:
    """End "a" by the limit of the whole, which leaves its task behind."""
    host.start("a")
    abandoned = host.of(TaskTriggered)[0].task_id
    return {**timed_out(host, 500, DeadlineKind.TOTAL, ("x",)), "abandoned_task": abandoned}


def out_of_reaction(host: Host) -> dict[str, Any]:
    """End "a" by the limit of its task, to which nobody reacted."""
    return timed_out(host, 180, DeadlineKind.REACTION, ())


@pytest.mark.parametrize("end", [finished, aborted, out_of_reaction, out_of_total])
def test_an_end_leaves_what_happened_and_why(end: Callable[[Host], dict[str, Any]]) -> None:
    """Of one that ran: who it was, when, its tasks, its result, and the cause alone (R24, R32)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(total="500s"))
    host.trigger("a")
    task_id = host.task_id("a")

    said = end(host)

    assert EndedSequence(
        subject=SUBJECT,
        place=1,
        accepted_serial=1,
        accepted_at=T0,
        ended_at=host.now,
        serial=host.state.serial,
        started_at=T0,
        runs=(TaskOutcome(task_id, "deploy", said["result"]),),
        **said,
    ) == host.record("a")


def test_an_end_in_line_leaves_what_kept_it_from_starting() -> None:
    """Of one that never started: its successor, or the limit of its waiting (R6, R30)."""
    policy = QueuePolicy(mode="latest_only")
    host = Host(ONE_TASK, queueing=policy, timeouts=TimeoutPolicy(waiting="30s"))
    host.freeze()
    host.at(7).trigger("a")
    host.at(8).trigger("b")
    superseded = host.record("a")
    host.until(38)

    common: dict[str, Any] = {"place": 2, "result": Result.FAIL, "status": Status.ABORTED}
    common["next_task"] = "deploy"
    assert superseded == EndedSequence(
        subject=SUBJECT,
        accepted_serial=2,
        accepted_at=instant(7),
        ended_at=instant(8),
        serial=3,
        phase=Phase.SUPERSEDED,
        message="A newer delivery of carts took its place.",
        superseded_by="b",
        **common,
    )
    explanation = TimeoutExplanation(
        kind=DeadlineKind.WAITING,
        stage="dev",
        sequence="delivery",
        task=None,
        timeout=timedelta(seconds=30),
        since=instant(8),
        deadline=instant(38),
    )
    assert host.record("b") == EndedSequence(
        subject=attrs.evolve(SUBJECT, context="b", sequence_id="b"),
        accepted_serial=4,
        accepted_at=instant(8),
        ended_at=instant(38),
        serial=5,
        phase=Phase.EXPIRED,
        message=str(explanation),
        explanation=explanation,
        **common,
    )


def test_a_task_that_ran_out_of_time_leaves_its_sentence() -> None:
    """Between the end of the task and that of the sequence the record says why (R28)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    record = host.record("a")
    host.until(180)
    (event,) = host.of(TaskTimedOut)

    after = fold(record, event)

    assert (Result.FAIL, Status.ERRORED) == (after.result, after.status)
    assert str(event.explanation) == after.message


def test_an_equal_subject_is_the_same_sequence() -> None:
    """A subject that was read from somewhere is another object and the same name."""
    host = Host(ONE_TASK)
    host.freeze()
    host.trigger("a")
    record = host.record("a")
    started = SequenceStarted(3, T0, attrs.evolve(record.subject))

    assert Phase.RUNNING is fold(record, started).phase


def test_what_does_not_follow_is_told() -> None:
    """A second birth, another sequence, another task: each is refused with a sentence (R13)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.trigger("b")
    parking = Host({"dev": {"delivery": {"tasks": ["deploy"], "onFailure": "park"}}})
    parking.trigger("p")
    parking.finish("p", "fail")
    parked = parking.record("p")
    a, b, run = host.record("a"), host.record("b"), host.of(TaskTriggered)[0]
    born = host.of(SequenceTriggered)[0]

    for record, event, said in (
        (a, born, "^sequence 'a' was triggered before$"),
        (None, run, r"^TaskTriggered\(.* is about another sequence than None$"),
        (b, run, r"^TaskTriggered\(.* is about another sequence than LiveSequence\("),
        (a, run, rf"^task '{run.task_id}' is in flight, TaskTriggered\(.* comes too early$"),
        (
            a,
            TaskFinished(9, T0, a.subject, task_id="t", **PASSED),
            "^task 't' of 'a' is not in flight$",
        ),
        (
            parked,
            TaskRetried(9, T0, parked.subject, task_id="t", task="deploy", control=Control()),
            "^'p' is not parked with task 't'$",
        ),
    ):
        with pytest.raises(ReplayError, match=said):
            fold(record, event)


def test_between_tasks_no_report_follows() -> None:
    """A sequence with nothing in flight has no task that anybody could start (R13)."""
    host = Host(DELAYED)
    host.trigger("a")
    record = host.record("a")
    event = TaskStartReported(9, T0, record.subject, task_id="t", task="deploy", source="x")

    with pytest.raises(ReplayError, match=r"^task 't' of 'a' is not in flight$"):
        fold(record, event)
