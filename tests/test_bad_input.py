"""Bad input: a wrong type given to any public callable is an error that names the argument.

Every function, constructor and method of the face stands in a table with arguments that it accepts.
A test then replaces each argument by values of wrong types, one after the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any, Final

import attrs
import pytest

import sequencectl
from sequencectl import (
    AbortSequence,
    Approval,
    Bounds,
    CheckDeadlines,
    ControlPlane,
    Decision,
    ExemptSequence,
    FreezeStage,
    FrozenMap,
    InvalidValue,
    Opening,
    PauseSequence,
    QueuePolicy,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    Result,
    ResumeSequence,
    Retry,
    RetryTask,
    SequenceController,
    SequenceDefinition,
    SequenceStateMachine,
    SequenceTimeouts,
    Shipyard,
    SkipTask,
    StageDefinition,
    StageQueue,
    TaskDefinition,
    TaskTimeouts,
    TaskTriggered,
    Ticket,
    TimeoutPolicy,
    TriggeredOn,
    TriggerSequence,
    UnfreezeStage,
    combine,
    evolve,
    format_duration,
    freeze,
    parse_duration,
    restore,
    thaw,
)
from sequencectl.errors import shown
from sequencectl.testing import InMemoryStore, ManualClock, RecordingSink

NOW: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Odd:
    """What no call accepts."""

    def __repr__(self) -> str:
        return "Odd()"


WRONG: Final = (Odd(), None, b"bytes", [[]], 3.5)
KEPTN: Final[Mapping[str, Any]] = {
    "apiVersion": "spec.keptn.sh/0.2.2",
    "kind": "Shipyard",
    "spec": {"stages": [{"name": "dev"}]},
}
TASKS: Final = (TaskDefinition("deploy"),)
PLANE: Final = ControlPlane(Shipyard.of({"dev": {"delivery": list(TASKS)}}))
EMPTY: Final = PLANE.initial("shop")
TRIGGER: Final = TriggerSequence("c1", stage="dev", sequence="delivery")
DECISION: Final = PLANE.decide(EMPTY, TRIGGER, NOW)
STATE: Final = DECISION.state
TASK: Final = DECISION.events[-1]
assert isinstance(TASK, TaskTriggered)
OPEN: Final = attrs.evolve(TASK, approval=Approval())
DELIVERY: Final = SequenceDefinition("delivery", TASKS)
MACHINE: Final = SequenceStateMachine(DELIVERY)
ACCEPTED: Final = MACHINE.accept(TRIGGER, NOW)
FIRST: Final = Ticket.of("c1", place=1)
QUEUE: Final = StageQueue().enter(FIRST)
CONTROL: Final = {"actor": "alice", "reason": "", "request_id": "r1"}
FINISHED: Final = {
    "source": "helm",
    "result": "pass",
    "status": "succeeded",
    "message": "",
    "data": {},
    "report_id": "r1",
    "actor": "alice",
}
LIMITS: Final = dict.fromkeys(("reaction", "completion", "total", "waiting", "abort_grace"), "1m")


@attrs.frozen
class Call:
    """A public callable, with arguments it accepts.

    `optional` are the arguments that may be None; `named` has those that an error calls otherwise,
    as the file of the shipyard does.
    """

    name: str
    call: Callable[..., object]
    arguments: Mapping[str, Any]
    optional: tuple[str, ...] = ()
    named: Mapping[str, str] = attrs.field(factory=dict)


def frozen(value: Any) -> FrozenMap:
    """Call with an argument that has no name."""
    return FrozenMap(value)


def combined(decisions: Any) -> Decision:
    """Call with one more of any number of arguments."""
    return combine(DECISION, decisions)


SETTINGS: Final = {
    "planes": PLANE,
    "clock": ManualClock(NOW),
    "settle": "3m",
    "attempts": 1,
    "known": 1,
    "retry_after": "5s",
}
QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "handle": {"project": "shop", "command": TRIGGER},
    "state": {"project": "shop"},
    "explain": {"project": "shop", "sequence_id": "c1"},
    "delivery": {"project": "shop", "context": "c1"},
    "open_tasks": {"project": "shop"},
    "permitted": {"project": "shop", "sequence_id": "c1", "actor": "alice"},
    "handle_many": {"project": "shop", "commands": (TRIGGER,)},
}


def called(name: str, **arguments: Any) -> object:
    """Call a method of a controller whose project has one sequence."""
    controller = SequenceController(
        PLANE, store=InMemoryStore(), clock=ManualClock(NOW), sink=RecordingSink()
    )
    controller.handle("shop", TRIGGER)
    return getattr(controller, name)(**arguments)


CALLS: Final = (
    # commands
    Call(
        "TriggerSequence",
        TriggerSequence,
        {
            "sequence_id": "c1",
            "stage": "dev",
            "sequence": "delivery",
            "service": "",
            "context": "c1",
            "data": {},
            "priority": 1,
            "revision": "",
            "actor": "alice",
            "redrives": "c0",
            "start_at": "deploy",
        },
        optional=("context", "data", "priority", "revision", "start_at"),
    ),
    Call(
        "ReportTaskStarted",
        ReportTaskStarted,
        {"task_id": "t1", "source": "helm", "report_id": "r1"},
        optional=("report_id",),
    ),
    Call(
        "ReportTaskProgress",
        ReportTaskProgress,
        {"task_id": "t1", "source": "helm", "message": "", "percent": 1},
        optional=("percent",),
    ),
    Call(
        "ReportTaskFinished",
        ReportTaskFinished,
        {"task_id": "t1", **FINISHED},
        optional=("data", "report_id"),
    ),
    Call(
        "PauseSequence",
        PauseSequence,
        {"context": "c1", "stage": "dev", **CONTROL},
        optional=("stage", "request_id"),
    ),
    Call(
        "ResumeSequence",
        ResumeSequence,
        {"context": "c1", "stage": "dev", **CONTROL},
        optional=("stage", "request_id"),
    ),
    Call(
        "AbortSequence",
        AbortSequence,
        {"context": "c1", "stage": "dev", "force": True, **CONTROL},
        optional=("stage", "request_id"),
    ),
    Call("AbortSequence", AbortSequence, {"sequence_id": "c1"}),
    Call(
        "RetryTask",
        RetryTask,
        {"context": "c1", "stage": "dev", **CONTROL},
        optional=("stage", "request_id"),
    ),
    Call(
        "SkipTask",
        SkipTask,
        {"context": "c1", "stage": "dev", "result": "pass", **CONTROL},
        optional=("stage", "request_id"),
    ),
    Call(
        "FreezeStage",
        FreezeStage,
        {"stage": "dev", "until": NOW, **CONTROL},
        optional=("until", "request_id"),
    ),
    Call("UnfreezeStage", UnfreezeStage, {"stage": "dev", **CONTROL}, optional=("request_id",)),
    Call(
        "ExemptSequence", ExemptSequence, {"sequence_id": "c1", **CONTROL}, optional=("request_id",)
    ),
    Call("CheckDeadlines", CheckDeadlines, {"limit": 1}),
    Call(
        "TaskTriggered.started",
        TASK.started,
        {"source": "helm", "report_id": "r1"},
        optional=("report_id",),
    ),
    Call("TaskTriggered.finished", TASK.finished, FINISHED, optional=("data", "report_id")),
    Call(
        "TaskTriggered.progress",
        TASK.progress,
        {"source": "helm", "message": "", "percent": 1},
        optional=("percent",),
    ),
    Call("TaskTriggered.approve", OPEN.approve, {"voter": "alice", "reason": ""}),
    Call("TaskTriggered.reject", OPEN.reject, {"voter": "alice", "reason": ""}),
    # the shipyard
    Call(
        "Approval",
        Approval,
        {
            "approve": 1,
            "reject": 1,
            "initiator": True,
            "on_expiry": "approve",
            "newcomer": "supersede",
        },
        named={"on_expiry": "onExpiry"},
    ),
    Call("Retry", Retry, {"times": 1, "backoff": "1s", "factor": 1, "on": ["fail"]}),
    Call("Retry.delay", Retry().delay, {"number": 1}),
    Call(
        "TaskDefinition",
        TaskDefinition,
        {
            "name": "deploy",
            "triggered_after": "5s",
            "properties": {},
            "timeouts": TaskTimeouts(),
            "expects": 1,
            "retry": Retry(),
            "on_failure": "park",
        },
        optional=("properties", "timeouts", "expects", "retry", "on_failure"),
        named={"triggered_after": "triggeredAfter", "on_failure": "onFailure"},
    ),
    Call(
        "TaskDefinition",
        TaskDefinition,
        {"name": "sign", "approval": Approval()},
        optional=("approval",),
    ),
    Call("TriggeredOn", TriggeredOn, {"stage": "dev", "sequence": "delivery", "match": {}}),
    Call(
        "TriggeredOn.matches",
        TriggeredOn("dev", "delivery").matches,
        {"result": Result.PASS, "task_results": {}},
    ),
    Call(
        "SequenceDefinition",
        SequenceDefinition,
        {
            "name": "delivery",
            "tasks": TASKS,
            "triggered_on": (),
            "priority": 1,
            "timeouts": SequenceTimeouts(),
            "on_failure": "park",
        },
        optional=("priority",),
        named={"triggered_on": "triggeredOn", "on_failure": "onFailure"},
    ),
    Call("StageDefinition", StageDefinition, {"name": "dev", "sequences": ()}),
    Call(
        "Shipyard",
        Shipyard,
        {"stages": (StageDefinition("dev"),), "name": ""},
        named={"stages": "spec.stages", "name": "metadata.name"},
    ),
    Call(
        "Shipyard.of",
        Shipyard.of,
        {"stages": {"dev": None}, "name": ""},
        named={"stages": "shipyard", "name": "metadata.name"},
    ),
    Call(
        "Shipyard.from_mapping",
        Shipyard.from_mapping,
        {"mapping": KEPTN},
        named={"mapping": "shipyard"},
    ),
    Call(
        "Shipyard.from_yaml",
        Shipyard.from_yaml,
        {"text": "{apiVersion: spec.keptn.sh/0.2.2, kind: Shipyard, spec: {stages: [{name: a}]}}"},
        named={"text": "shipyard"},
    ),
    Call("Shipyard.stage", PLANE.shipyard.stage, {"name": "dev"}),
    Call("Shipyard.sequence", PLANE.shipyard.sequence, {"stage": "dev", "name": "delivery"}),
    Call("Shipyard.needs_actor", PLANE.shipyard.needs_actor, {"stage": "dev", "sequence": "x"}),
    Call("Shipyard.follow_ups", PLANE.shipyard.follow_ups, {"stage": "dev", "sequence": "x"}),
    Call("Shipyard.check", PLANE.shipyard.check, {"timeouts": TimeoutPolicy(), "bounds": Bounds()}),
    Call(
        "Shipyard.findings",
        PLANE.shipyard.findings,
        {"queueing": QueuePolicy(), "timeouts": TimeoutPolicy()},
        optional=("queueing", "timeouts"),
    ),
    # policies
    Call(
        "TaskTimeouts",
        TaskTimeouts,
        {"reaction": "1m", "completion": "1m", "silence": "1m"},
        optional=("reaction", "completion", "silence"),
    ),
    Call("TaskTimeouts.over", TaskTimeouts().over, {"outer": TaskTimeouts()}),
    Call(
        "SequenceTimeouts",
        SequenceTimeouts,
        {"total": "1m", "waiting": "1m"},
        optional=("total", "waiting"),
    ),
    Call(
        "TimeoutPolicy",
        TimeoutPolicy,
        {**LIMITS, "clock_skew": "1m", "tasks": {}, "is_unbounded": False},
        optional=("reaction", "total", "waiting", "abort_grace"),
    ),
    Call(
        "TimeoutPolicy.unbounded",
        TimeoutPolicy.unbounded,
        {**LIMITS, "clock_skew": "1m", "tasks": {}},
        optional=tuple(LIMITS),
    ),
    Call(
        "TimeoutPolicy.for_task",
        TimeoutPolicy().for_task,
        {"name": "deploy", "own": TaskTimeouts(), "is_approval": True},
        optional=("own",),
    ),
    Call("TimeoutPolicy.total_for", TimeoutPolicy().total_for, {"own": SequenceTimeouts()}),
    Call("TimeoutPolicy.waiting_for", TimeoutPolicy().waiting_for, {"own": SequenceTimeouts()}),
    Call(
        "QueuePolicy",
        QueuePolicy,
        {"limit": 1, "mode": "queue", "scope": "stage", "max_waiting": 1, "stages": {}},
    ),
    Call("QueuePolicy.for_stage", QueuePolicy().for_stage, {"name": "dev"}),
    Call("QueuePolicy.lane", QueuePolicy().lane, {"stage": "dev", "service": "carts"}),
    Call("Opening", Opening, {"is_open": True, "until": NOW, "name": "night"}, optional=("until",)),
    Call(
        "Bounds",
        Bounds,
        {**{field.name: 5 for field in attrs.fields(Bounds)}, "progress_every": "5s"},
    ),
    # a project
    Call(
        "ControlPlane",
        ControlPlane,
        {
            "shipyard": PLANE.shipyard,
            "timeouts": TimeoutPolicy(),
            "queueing": QueuePolicy(),
            "bounds": Bounds(),
        },
    ),
    Call("ControlPlane.initial", PLANE.initial, {"project": "shop"}),
    Call("ControlPlane.decide", PLANE.decide, {"state": EMPTY, "command": TRIGGER, "now": NOW}),
    Call(
        "ControlPlane.permitted",
        PLANE.permitted,
        {"state": STATE, "sequence_id": "c1", "actor": "alice"},
    ),
    Call("ProjectState.family", STATE.family, {"sequence_id": "c1"}),
    Call("ProjectState.redrive_id", STATE.redrive_id, {"sequence_id": "c1"}),
    Call("TimeoutPolicy.check", TimeoutPolicy().check, {"bounds": Bounds()}),
    Call("ControlPlane.explain", PLANE.explain, {"state": STATE, "sequence_id": "c1"}),
    Call("ControlPlane.delivery", PLANE.delivery, {"state": STATE, "context": "c1"}),
    Call("ControlPlane.open_tasks", PLANE.open_tasks, {"state": STATE}),
    Call("combine", combined, {"decisions": PLANE.decide(STATE, TRIGGER, NOW)}),
    Call("evolve", evolve, {"state": EMPTY, "event": DECISION.events[0]}),
    Call(
        "restore",
        restore,
        {
            "project": "shop",
            "ledger": STATE.ledger,
            "records": tuple(STATE.sequences.values()),
            "contexts": {},
            "freezes": {},
            "remembered": {},
        },
        optional=("contexts", "freezes", "remembered"),
    ),
    *(
        Call(f"ProjectState.{name}", getattr(STATE, name), arguments)
        for name, arguments in {
            "sequence": {"sequence_id": "c1"},
            "live": {"sequence_id": "c1"},
            "of_context": {"context": "c1"},
            "live_of_context": {"context": "c1"},
            "context": {"context": "c1"},
            "pause_of": {"context": "c1", "stage": "dev"},
            "freeze_of": {"stage": "dev"},
            "lanes": {"stage": "dev"},
            "line": {"lane": "dev"},
            "holders": {"lane": "dev"},
            "remembered": {"sequence_id": "c1"},
            "oldest_remembered": {"count": 1},
        }.items()
    ),
    # one sequence
    Call(
        "SequenceStateMachine",
        SequenceStateMachine,
        {"definition": DELIVERY, "timeouts": TimeoutPolicy(), "bounds": Bounds()},
    ),
    Call(
        "SequenceStateMachine.accept",
        MACHINE.accept,
        {"command": TRIGGER, "now": NOW, "project": "shop"},
    ),
    Call("SequenceStateMachine.start", MACHINE.start, {"state": ACCEPTED.state, "now": NOW}),
    Call(
        "SequenceStateMachine.decide",
        MACHINE.decide,
        {"state": ACCEPTED.state, "command": CheckDeadlines(), "now": NOW},
    ),
    Call(
        "SequenceStateMachine.evolve",
        MACHINE.evolve,
        {"state": None, "event": ACCEPTED.events[0]},
        optional=("state",),
    ),
    # one queue
    Call("Ticket.of", Ticket.of, {"sequence_id": "c1", "place": 1, "priority": 0}),
    Call("StageQueue.enter", StageQueue().enter, {"ticket": FIRST}),
    *(
        Call(f"StageQueue.{name}", getattr(QUEUE, name), {"ticket": FIRST})
        for name in ("hold", "start", "leave", "ahead")
    ),
    Call("StageQueue.has_free_place", QUEUE.has_free_place, {"limit": 1, "elsewhere": 0}),
    Call("StageQueue.admissible", QUEUE.admissible, {"limit": 1, "elsewhere": 0}),
    Call("StageQueue.release", QUEUE.hold(FIRST).release, {"ticket": FIRST}),
    # the loop
    Call(
        "SequenceController",
        SequenceController,
        {**SETTINGS, "store": InMemoryStore(), "sink": RecordingSink()},
    ),
    *(
        Call(f"SequenceController.{name}", partial(called, name), arguments)
        for name, arguments in QUESTIONS.items()
    ),
    # data and durations
    Call(
        "freeze",
        freeze,
        {"value": {}, "where": "data"},
        optional=("value",),
        named={"value": "data"},
    ),
    Call("thaw", thaw, {"frozen": freeze({})}),
    Call(
        "FrozenMap",
        frozen,
        {"value": {}},
        optional=("value",),
        named={"value": "data"},
    ),
    Call("parse_duration", parse_duration, {"text": "1s"}, named={"text": "duration"}),
    Call("format_duration", format_duration, {"duration": timedelta(1)}),
)

MADE_BY_THE_LIBRARY: Final = {
    "Applied", "Checked", "Decision", "DeliveryView", "EndedSequence", "Explanation", "Finding",
    "Handled", "LiveSequence", "OpenTask", "ProjectState", "Rejected", "Relayed",
    "SequenceDecision", "SequenceStatus", "StageQueue", "Subject", "TaskTriggered", "Ticket",
    "Unchanged",
}  # fmt: skip
"""Values that a host gets and never makes: their constructors check nothing."""


LEFT_OUT: Final = ("Appointment", "AsyncSequenceController")
"""A store makes appointments, and the kit checks stores; both controllers check in one place."""


def public_callables() -> Iterator[str]:
    """Yield the names of all callables of the face that take arguments.

    Left out are what the face only names (unions, Protocols), enums, whose errors are Python's, and
    exceptions, which take whatever they are to show.
    """
    for name in sequencectl.__all__:
        value = getattr(sequencectl, name)
        if name in LEFT_OUT:
            continue
        if inspect.isfunction(value):
            yield name
        if not inspect.isclass(value) or issubclass(value, Enum | Exception):
            continue
        if getattr(value, "_is_protocol", False):
            continue
        if name not in MADE_BY_THE_LIBRARY:
            yield name
        for method, attribute in vars(value).items():
            function = getattr(attribute, "__func__", attribute)
            if inspect.isfunction(function) and not method.startswith("_"):
                own = 0 if isinstance(attribute, staticmethod) else 1
                if len(inspect.signature(function).parameters) > own:
                    yield f"{name}.{method}"


OTHERWISE: Final = (
    ("Shipyard.from_yaml", "text", b"bytes"),  # which are read as UTF-8
    ("AbortSequence", "context", None),  # one of the two must be given: the error names both
    ("AbortSequence", "sequence_id", None),
    ("RetryTask", "context", None),
    ("SkipTask", "context", None),
    ("TriggerSequence", "redrives", None),  # the error names what is given without it
    ("SequenceController.handle_many", "commands", [[]]),  # the error is that command's answer
    ("restore", "records", b"bytes"),  # the error shows the first of them, which is a number
)


def wrong_arguments() -> Iterator[Any]:
    """Yield every call with each of its arguments in turn, and each wrong value for it."""
    for call in CALLS:
        for argument in call.arguments:
            for value in WRONG:
                if value is None and argument in call.optional:
                    continue
                if (call.name, argument, value) in OTHERWISE:
                    continue
                name = f"{call.name}({argument}={value!r})"
                yield pytest.param(call, argument, value, id=name)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_table_has_arguments_that_are_accepted(call: Call) -> None:
    """What the other tests replace is right as it is, and None is where it may be."""
    call.call(**call.arguments)

    for argument in call.optional:
        call.call(**{**call.arguments, argument: None})


@pytest.mark.parametrize(("call", "argument", "value"), tuple(wrong_arguments()))
def test_a_wrong_type_is_refused_by_name(call: Call, argument: str, value: Any) -> None:
    """The error is an `InvalidValue` that names the argument and shows the value, or the entry."""
    with pytest.raises(InvalidValue) as caught:
        call.call(**{**call.arguments, argument: value})

    error = caught.value
    assert call.named.get(argument, argument) in error.where
    assert error.value is value or [error.value] == value
    assert str(error).endswith(f", got {shown(error.value)}")


def test_every_public_callable_is_in_the_table() -> None:
    """What the face hands out is either tried here or said to be left out."""
    assert sorted(public_callables()) == sorted({call.name for call in CALLS})
