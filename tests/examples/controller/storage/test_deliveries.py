"""The documents of deliveries: folded from events, they say what the library says of its state."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.deliveries import Document
from examples.controller.storage.states import detail_of, permitted_of, state_of, status_line
from sequencectl import (
    Applied,
    Bounds,
    ControlPlane,
    Decision,
    Phase,
    QueuePolicy,
    Rejected,
    ReportTaskFinished,
    ReportTaskStarted,
    TriggerSequence,
    Unchanged,
)
from sequencectl.cloudevents import from_cloudevent
from sequencectl.events import SequenceTriggered, TaskFinishReported, TaskStartReported
from sequencectl.testing.strategies import histories, planes
from tests.examples.controller.storage.folding import folded
from tests.support import Host

CAME_AS = TriggerSequence | ReportTaskStarted | ReportTaskFinished
CAME_IN = SequenceTriggered | TaskStartReported | TaskFinishReported
Past = tuple[ControlPlane, tuple[Decision, ...]]


def pasts() -> st.SearchStrategy[Past]:
    """A plane, and decisions of its that changed something."""
    return planes().flatmap(
        lambda plane: histories(plane=plane, most=20).filter(bool).map(lambda past: (plane, past))
    )


def documents_of(decisions: tuple[Decision, ...]) -> dict[str, Document]:
    """The documents of all contexts after these decisions."""
    return folded(event for decision in decisions for event in decision.events)


def test_a_resumed_delivery_stays_so_while_others_leave_the_line() -> None:
    """The status line changes when a task is over, not when one in line is superseded (R32)."""
    host = Host({"dev": {"delivery": ["deploy", "test"]}}, queueing=QueuePolicy(mode="latest_only"))
    host.trigger("a", context="one")
    host.pause("one")
    host.resume("one")
    host.trigger("b", context="one")
    host.trigger("c", context="one")
    seen = []
    for act in (lambda: None, lambda: host.finish("a")):
        act()
        document = folded(host.events)["one"]
        a = document["sequences"][0]
        seen.append((host.phase("b"), status_line(document, a)))

    assert [
        (Phase.SUPERSEDED, "delivery resumed"),
        (Phase.SUPERSEDED, "delivery running"),
    ] == seen


def test_a_delivery_that_is_resumed_stays_so_when_a_stage_of_it_is_resumed_again() -> None:
    """The wider scope says it already, for the other stages too (R32)."""
    host = Host({stage: {"delivery": ["deploy"]} for stage in ("dev", "prod")})
    host.trigger("a", context="one")
    host.trigger("b", stage="prod", context="one")
    for scope in ({}, {"stage": "dev"}):
        host.pause("one", **scope)
        host.resume("one", **scope)

    document = folded(host.events)["one"]

    assert "delivery resumed" == host.plane.delivery(host.state, "one").status_line
    assert ["delivery resumed"] * 2 == [
        status_line(document, sequence) for sequence in document["sequences"]
    ]


@given(pasts())
def test_a_document_says_what_the_library_says(past: Past) -> None:
    """Phases, results, tasks, pauses and the status line are those of the state (R32)."""
    plane, decisions = past
    state, documents = decisions[-1].state, documents_of(decisions)

    for context in {record.context for record in state.sequences.values()}:
        view, document = plane.delivery(state, context), documents[context]
        shown = state_of(document, {})
        known = {each["id"]: each for each in document["sequences"]}
        assert (view.status_line, view.is_draining) == (shown["statusLine"], shown["draining"])
        assert [pause.stage for pause in view.pauses] == [p["stage"] for p in document["paused"]]
        for status in view.sequences:
            told: dict[str, Any] = known[status.sequence_id]
            assert status.phase.value == told["phase"]
            assert not status.phase.has_ended or status.result.value == told["result"]
            open_tasks = [task["name"] for task in told["tasks"] if task["finishedAt"] is None]
            assert ([status.task] if status.task else []) == open_tasks


@given(pasts())
def test_what_is_permitted_is_what_the_library_answers(past: Past) -> None:
    """To every delivery of which something is live, and to no other (R32)."""
    plane, decisions = past
    state = decisions[-1].state
    documents = documents_of(decisions)

    assert {
        record.context: {
            name: answer_of(outcome)
            for name, outcome in plane.permitted(state, record.sequence_id).items()
        }
        for record in state.sequences.values()
        if not record.phase.has_ended
    } == permitted_of(documents.values(), plane, state)


def answer_of(outcome: Applied | Unchanged | Rejected) -> Document:
    """An outcome as the API writes it."""
    match outcome:
        case Applied():
            return {"outcome": "applied", "code": None, "message": ""}
        case Unchanged(code):
            return {"outcome": "unchanged", "code": code.value, "message": ""}
        case Rejected(code, message):
            return {"outcome": "rejected", "code": code.value, "message": message}


def test_nothing_is_permitted_to_a_row_that_the_library_has_forgotten() -> None:
    """The journal keeps it, even as live if it lags behind, and shows no button for it (R33)."""
    host = Host({"dev": {"delivery": ["deploy"]}}, bounds=Bounds(retain=0))
    behind = folded(host.trigger("a").events)["a"]
    host.finish("a")
    host.trigger("b")

    assert {} == permitted_of([behind], host.plane, host.state)
    assert {} == detail_of(behind, host.plane, host.state)["permitted"]
    assert [] == [*detail_of(behind, host.plane, host.state)["explanations"]]


@given(pasts())
def test_every_sequence_that_is_known_is_explained(past: Past) -> None:
    """And one that the library has forgotten is left out, its document stays."""
    plane, decisions = past
    state = decisions[-1].state

    for document in documents_of(decisions).values():
        detail = detail_of(document, plane, state)
        known = {s["id"] for s in detail["sequences"] if state.sequence(s["id"]) is not None}
        assert known == set(detail["explanations"])


@given(pasts())
def test_what_came_in_stands_in_the_history_as_it_came(past: Past) -> None:
    """Read back, the CloudEvent of a trigger or a report is the command that it was."""
    _, decisions = past
    for decision in decisions:
        came_in = [event for event in decision.events if isinstance(event, CAME_IN)]
        if isinstance(decision.command, CAME_AS):
            written = history_of(came_in[0])
            assert written is not None
            assert about(decision.command) == about(from_cloudevent(written))


def about(command: Any) -> dict[str, Any]:
    """What a command is about, without what the library makes of it."""
    keys = ("sequence_id", "stage", "sequence", "service", "context", "task_id", "source")
    return {"kind": type(command), **{key: getattr(command, key, None) for key in keys}}
