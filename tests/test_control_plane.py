"""The face: planes, decisions, state, and what a program may not do (R8, R24–R26, R33)."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from sequencectl import (
    Applied,
    Bounds,
    CheckDeadlines,
    CommandRejected,
    ControlPlane,
    DefinitionError,
    IllegalTransition,
    InvalidValue,
    PauseSequence,
    Phase,
    QueuePolicy,
    RejectedCode,
    ReplayError,
    Shipyard,
    TaskTimeouts,
    TimeoutPolicy,
    TriggerSequence,
    UnknownSequence,
    combine,
    evolve,
    freeze,
)
from sequencectl.events import (
    Control,
    SequenceStarted,
    StageFrozen,
)
from sequencectl.shipyard import Finding, FindingCode
from tests.support import T0, Host, word

ONE_TASK = {"dev": {"delivery": ["deploy"]}}
SHIPYARD = Shipyard.of(ONE_TASK)
LIMITS = TaskTimeouts(completion="1h")


def test_a_decision_tells_an_adapter_what_to_write() -> None:
    """Project, base serial, next deadline, changed and removed records are derived (R33)."""
    host = Host(ONE_TASK)
    host.trigger("a")

    decision = host.trigger("b")

    assert ("sockshop", 3, 4) == (decision.project, decision.base, decision.state.serial)
    assert {"b": host.record("b")} == decision.changed
    assert ((), host.state.next_deadline) == (decision.removed, decision.next_deadline)
    assert decision.raise_if_rejected() is None


def test_a_refused_command_can_be_raised() -> None:
    """The exception has the code, the sentence and the command (R25)."""
    host = Host(ONE_TASK)
    decision = host.pause("x")

    with pytest.raises(CommandRejected, match="No context 'x' is known") as caught:
        decision.raise_if_rejected()

    assert RejectedCode.UNKNOWN_CONTEXT is caught.value.code
    assert PauseSequence("x") == caught.value.command


def test_combine_takes_the_best_outcome() -> None:
    """Applied before Unchanged before Rejected, with the command it answers (R7)."""
    host = Host(ONE_TASK)
    refused, applied, unchanged = host.pause("x"), host.trigger("a"), host.trigger("a")

    assert applied.outcome == combine(refused, applied, unchanged).outcome
    assert applied.command == combine(refused, applied, unchanged).command
    assert unchanged.command == combine(unchanged, host.pause("x")).command


def test_combine_spans_decisions_from_the_first_to_the_last() -> None:
    """One is itself; several have the state before, the state after, and all events (R7)."""
    host = Host(ONE_TASK)
    one, two, three = (host.trigger(sequence_id) for sequence_id in "abc")

    combined = combine(one, two, three)

    assert one == combine(one)
    assert (one.before, three.state) == (combined.before, combined.state)
    assert tuple(host.events) == combined.events


def test_combine_takes_an_equal_state_for_the_same() -> None:
    """A state that was read from a store follows the decision that was written to it (R7)."""
    host = Host(ONE_TASK)
    first = host.trigger("a")
    host.state = host.state.rebuilt()
    second = host.trigger("b")

    assert (*first.events, *second.events) == combine(first, second).events


def test_combine_refuses_what_does_not_follow() -> None:
    """Decisions of different branches, or none at all, cannot be combined."""
    host = Host(ONE_TASK)
    first, second = host.trigger("a"), host.trigger("b")

    for decisions, said in (
        (
            (second, first),
            "decisions: each must be taken on the state of the one before, got (4, 0)",
        ),
        ((), "decisions: must be at least one, got ()"),
    ):
        with pytest.raises(InvalidValue, match=f"^{re.escape(said)}$"):
            combine(*decisions)


@pytest.mark.parametrize(
    ("shipyard", "policies", "error", "named"),
    [
        (SHIPYARD, {"bounds": Bounds(tasks=1)}, None, ""),
        (
            Shipyard.of({"dev": {"delivery": [{"name": "a", "expects": 2}]}}),
            {"bounds": Bounds(sources=2)},
            None,
            "",
        ),
        (
            Shipyard.of({"dev": {"delivery": ["a", "b"]}}),
            {"bounds": Bounds(tasks=1)},
            DefinitionError,
            r"dev\.delivery\.tasks: must be at most 1 tasks, got 2",
        ),
        (
            Shipyard.of({"dev": {"delivery": [{"name": "a", "expects": 3}]}}),
            {"bounds": Bounds(sources=2)},
            DefinitionError,
            r"dev\.delivery\.a\.expects: must be at most 2 sources, got 3",
        ),
        (
            Shipyard.of({"dev": {"delivery": [{"name": "a", "expects": ["x", "y"]}]}}),
            {"bounds": Bounds(sources=1)},
            DefinitionError,
            "at most 1 sources",
        ),
        (
            Shipyard.of({"dev": {"delivery": [{"name": "a", "timeouts": {"completion": None}}]}}),
            {},
            DefinitionError,
            r"^dev\.delivery\.a\.timeouts\.completion: must be a limit",
        ),
        (ONE_TASK, {}, InvalidValue, "shipyard: must be a Shipyard"),
        (SHIPYARD, {"timeouts": 3}, InvalidValue, "timeouts: must be a TimeoutPolicy, got 3"),
        (SHIPYARD, {"queueing": None}, InvalidValue, "queueing: must be a QueuePolicy"),
    ],
)
def test_a_plane_is_checked_when_it_is_made(
    shipyard: Shipyard, policies: dict[str, object], error: type[Exception] | None, named: str
) -> None:
    """Policies and shipyard must fit each other (R26, R33)."""
    if error is None:
        assert shipyard is ControlPlane(shipyard, **policies).shipyard
    else:
        with pytest.raises(error, match=named):
            ControlPlane(shipyard, **policies)


def test_a_project_has_a_printable_name() -> None:
    """A project that is named is printable ASCII here as everywhere."""
    with pytest.raises(InvalidValue, match="project: must be 1 to 200"):
        ControlPlane(SHIPYARD).initial("ü")


def test_wrong_types_are_a_program_s_mistake() -> None:
    """A state or command of another type raises at once and shows itself."""
    host = Host(ONE_TASK)

    with pytest.raises(InvalidValue, match="state: must be a ProjectState, got 'nothing'"):
        host.plane.decide("nothing", CheckDeadlines(), T0)
    with pytest.raises(InvalidValue, match=r"command: must be one of .*, got 'pause'"):
        host.plane.decide(host.state, "pause", T0)
    with pytest.raises(InvalidValue, match="event: must be one of the events"):
        evolve(host.state, "event")


def test_projects_are_apart() -> None:
    """The same commands in two projects make tasks with different ids."""
    one, two = Host(ONE_TASK, project="one"), Host(ONE_TASK, project="two")
    one.trigger("a")
    two.trigger("a")

    assert one.task_id("a") != two.task_id("a")


def test_events_must_follow_the_state() -> None:
    """A gap, a repeat, or another project's event is refused, and the state is as it was (R24)."""
    host = Host(ONE_TASK)
    events = host.trigger("a").events
    other = Host(ONE_TASK, project="other").trigger("a").events
    initial = host.plane.initial("sockshop")

    for state, event in ((initial, events[1]), (host.state, events[0]), (initial, other[0])):
        with pytest.raises(ReplayError, match="expected event"):
            evolve(state, event)


def test_nothing_happens_after_an_end() -> None:
    """An end absorbs every event after it (R24)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.finish("a")
    subject, serial = host.record("a").subject, host.state.serial + 1

    with pytest.raises(
        IllegalTransition, match="SequenceStarted is not possible in phase FINISHED"
    ):
        evolve(host.state, SequenceStarted(serial, T0, subject))


def test_state_is_compared_by_value_without_its_indexes() -> None:
    """Two histories with the same events are equal states; another event makes another state."""
    one, two = Host(ONE_TASK), Host(ONE_TASK)
    for host in (one, two):
        host.trigger("a")
        host.pause("a")
        host.freeze()
    seen = one.state == two.state
    two.unfreeze()

    assert seen
    assert one.state != two.state


def test_events_fold_under_another_shipyard_and_policy() -> None:
    """What a replica needs is in the events: it knows neither shipyard nor policy."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="1h", total="2h"))
    for sequence_id in "ab":
        host.trigger(sequence_id)
    host.plane = ControlPlane(Shipyard.of({"prod": {}}), queueing=QueuePolicy(limit=2))
    host.check()
    host.finish("a", "fail")

    state = Host({"x": {}}).state
    for event in host.events:
        state = evolve(state, event)

    assert host.state == state
    assert [Phase.FINISHED, Phase.RUNNING] == [record.phase for record in state.of_context("a")] + [
        host.phase("b")
    ]


def test_a_freeze_is_kept_in_the_state() -> None:
    """Who froze a stage, why and when is part of the state (R7)."""
    host = Host(ONE_TASK)
    host.freeze(actor="ann", reason="audit", request_id="r")

    frozen = host.state.freezes["dev"]
    assert ("ann", "audit", T0) == (frozen.control.actor, frozen.control.reason, frozen.at)
    assert Control("ann", "audit", "r", 64) == host.of(StageFrozen)[0].control


def test_a_trigger_needs_nothing_but_names() -> None:
    """Service, data, context, priority and revision have defaults (R8)."""
    host = Host(ONE_TASK)

    host.tell(TriggerSequence("a", stage="dev", sequence="delivery"))

    record = host.record("a")
    assert ("", "a", None) == (record.service, record.context, record.subject.revision)
    assert (0, freeze({})) == (record.priority, record.data)


def test_deep_properties_are_refused_where_they_are_defined() -> None:
    """No definition can make a decision fail: properties leave room for a task's input (R14)."""

    def nested(levels: int) -> dict[str, object]:
        return {"x": nested(levels - 1)} if levels > 1 else {}

    host = Host({"dev": {"delivery": [{"name": "deploy", "properties": nested(100)}]}})
    host.trigger("a")

    assert "deploy" == host.task("a")
    with pytest.raises(DefinitionError, match="properties: must have at most 100 levels"):
        Shipyard.of({"dev": {"delivery": [{"name": "deploy", "properties": nested(101)}]}})


@pytest.mark.parametrize(
    ("policies", "findings"),
    [
        ({}, []),
        (
            {
                "queueing": QueuePolicy(stages={"dev": QueuePolicy(), "prod": QueuePolicy()}),
                "timeouts": TimeoutPolicy(tasks={"deploy": LIMITS, "evaluation": LIMITS}),
            },
            [],
        ),
        (
            {
                "queueing": QueuePolicy(stages={"pord": QueuePolicy(), "xyz": QueuePolicy()}),
                "timeouts": TimeoutPolicy(tasks={"deplyo": LIMITS, "xyz": LIMITS}),
            },
            [
                Finding(
                    FindingCode.UNKNOWN_STAGE,
                    "queueing.stages['pord']",
                    "stages['pord'] names no stage; did you mean 'prod'?",
                ),
                Finding(
                    FindingCode.UNKNOWN_STAGE,
                    "queueing.stages['xyz']",
                    "stages['xyz'] names no stage.",
                ),
                Finding(
                    FindingCode.UNKNOWN_TASK,
                    "timeouts.tasks['deplyo']",
                    "tasks['deplyo'] names no task; did you mean 'deploy'?",
                ),
                Finding(
                    FindingCode.UNKNOWN_TASK,
                    "timeouts.tasks['xyz']",
                    "tasks['xyz'] names no task.",
                ),
            ],
        ),
    ],
)
def test_names_in_policies_that_name_nothing_are_found(
    policies: dict[str, Any], findings: list[Finding]
) -> None:
    """They are legal, come after the findings of the shipyard, and show the nearest name (R17)."""
    stages = {
        "dev": {"delivery": ["deploy"]},
        "prod": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dve.delivery.finished"]}},
    }
    shipyard = Shipyard.of(stages)

    actual = ControlPlane(shipyard, **policies).findings()

    assert [*shipyard.findings(), *findings] == list(actual)
    assert "did you mean 'dev'?" in str(actual[0])


def test_a_task_of_an_evaluation_that_is_replaced_names_nothing() -> None:
    """The task of the built-in sequence exists only in stages without one of their own (R17)."""
    timeouts = TimeoutPolicy(tasks={"evaluation": LIMITS})
    shipyard = Shipyard.of({"dev": {"evaluation": ["judge"]}})

    (finding,) = ControlPlane(shipyard, timeouts=timeouts).findings()

    assert "tasks['evaluation'] names no task." == str(finding)


def test_controls_are_permitted_to_a_whole_context() -> None:
    """For an ended sequence as well: what would happen to the rest of its delivery (R18, R32)."""
    host = Host({**ONE_TASK, "prod": {"delivery": ["deploy"]}})
    host.trigger("a")
    host.trigger("b", stage="prod", context="a")
    host.finish("a")
    host.abort("a")

    permitted = host.plane.permitted(host.state, "a", actor="ann")

    assert Phase.FINISHED is host.phase("a")
    assert {
        "pause": "rejected aborting",
        "resume": "rejected aborting",
        "abort": "already_aborting",
        "force": "applied",
        "exempt": "rejected already_ended",
        "retry": "rejected already_ended",
        "skip": "rejected already_ended",
        "redrive": "rejected not_failed",
    } == {name: word(outcome) for name, outcome in permitted.items()}


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 3, 0, 0, 0, 1, tzinfo=UTC),
        datetime(8999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_permitted_is_asked_at_the_instant_of_the_last_event(instant: datetime) -> None:
    """These two are the first and the last: `decide` refuses the one before, the one after."""
    host = Host(ONE_TASK)
    host.now = instant
    host.trigger("a")

    assert Applied() == host.plane.permitted(host.state, "a")["force"]


def test_nothing_is_permitted_to_what_is_unknown_or_forgotten() -> None:
    """The id of a forgotten sequence is remembered, and it is unknown all the same (R32, R33)."""
    host = Host(ONE_TASK, bounds=Bounds(retain=0))
    host.trigger("a")
    host.finish("a")

    assert host.state.remembered("a") is not None
    for sequence_id in ("a", "x"):
        for ask in (host.plane.permitted, host.plane.explain):
            with pytest.raises(UnknownSequence, match=f"knows no sequence '{sequence_id}'"):
                ask(host.state, sequence_id)


def test_what_is_permitted_is_asked_with_the_right_types() -> None:
    """A state of another type, or an actor that no command takes, raises and shows itself."""
    host = Host(ONE_TASK)
    host.trigger("a")

    for ask in (host.plane.permitted, host.plane.explain):
        with pytest.raises(InvalidValue, match="state: must be a ProjectState, got 'nothing'"):
            ask("nothing", "a")
    with pytest.raises(InvalidValue, match=r"actor: must be at most 200 .*, got 'a\\nb'"):
        host.plane.permitted(host.state, "a", actor="a\nb")
