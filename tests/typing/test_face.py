"""What the public face promises to type checkers; both read it, and it runs as a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import assert_never, assert_type

from sequencectl import (
    Applied,
    ControlPlane,
    Decision,
    DeliveryView,
    EndedSequence,
    Event,
    Explanation,
    LiveSequence,
    OpenTask,
    Outcome,
    Phase,
    ProjectState,
    Rejected,
    RejectedCode,
    ReportTaskFinished,
    ReportTaskStarted,
    Result,
    SequenceRecord,
    Shipyard,
    StageQueue,
    TaskTriggered,
    Ticket,
    TimeoutPolicy,
    TriggerSequence,
    Unchanged,
    UnchangedCode,
    combine,
    evolve,
    parse_duration,
    thaw,
)
from sequencectl.shipyard import Finding

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)


def answered(outcome: Outcome) -> UnchangedCode | RejectedCode | None:
    """Every outcome can be told apart, and the checker knows when all are."""
    match outcome:
        case Applied():
            return None
        case Unchanged():
            return outcome.code
        case Rejected():
            return outcome.code
        case _:
            assert_never(outcome)


def result_of(record: SequenceRecord) -> Result:
    """Both kinds of record have what they share, and only one of them has ended."""
    assert_type(record.phase, Phase)
    if isinstance(record, LiveSequence):
        assert_type(record.deadline, datetime | None)
    else:
        assert_type(record, EndedSequence)
        assert_type(record.ended_at, datetime)
    return record.result


def test_the_face_has_the_types_it_promises() -> None:
    """A decision, its parts and the questions to a state are precisely typed."""
    plane = ControlPlane(
        Shipyard.of({"dev": {"delivery": ["deploy"]}}),
        timeouts=TimeoutPolicy(reaction="3m", completion=timedelta(hours=1)),
    )
    state = plane.initial("sockshop")
    command = TriggerSequence("c1", stage="dev", sequence="delivery", data={"x": [1, None]})
    decision = plane.decide(state, command, NOW)

    assert_type(state, ProjectState)
    assert_type(decision, Decision)
    assert_type(decision.events, tuple[Event, ...])
    assert_type(decision.changed, Mapping[str, SequenceRecord])
    assert_type(decision.next_deadline, datetime | None)
    assert_type(combine(decision), Decision)
    assert_type(evolve(state, decision.events[0]), ProjectState)
    assert_type(plane.explain(decision.state, "c1"), Explanation)
    assert_type(plane.permitted(decision.state, "c1", actor="ann"), Mapping[str, Outcome])
    assert_type(plane.findings(), tuple[Finding, ...])
    assert_type(plane.delivery(decision.state, "c1"), DeliveryView)
    assert_type(plane.open_tasks(decision.state), tuple[OpenTask, ...])
    assert_type(decision.state.sequence("c1"), SequenceRecord | None)
    assert_type(StageQueue().enter(Ticket.of("a", place=1)), StageQueue)
    assert_type(parse_duration("1h"), timedelta)
    assert_type(thaw(command.data)["x"], object)  # type: ignore[assert-type]  # it is Any: plain JSON
    task = decision.events[-1]
    assert isinstance(task, TaskTriggered)
    assert_type(task.started(source="x"), ReportTaskStarted)
    assert_type(task.finished(source="x", result="pass"), ReportTaskFinished)
    assert result_of(decision.state.of_context("c1")[0]) is Result.PASS
    assert answered(decision.outcome) is None
