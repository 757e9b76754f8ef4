"""Shipyards: what is accepted, what is refused, and what follows what (R15, R17)."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencectl.durations import format_duration
from sequencectl.errors import DefinitionError
from sequencectl.outcomes import Result, Status, worst
from sequencectl.payload import EMPTY, freeze, thaw
from sequencectl.policies import INHERIT, LONGEST_TIMEOUT, SequenceTimeouts, TaskTimeouts
from sequencectl.shipyard import Finding, FindingCode, FollowUp, Shipyard
from sequencectl.shipyard.definitions import (
    Approval,
    OnFailure,
    Retry,
    SequenceDefinition,
    StageDefinition,
    TaskDefinition,
    TriggeredOn,
)
from tests.strategies import results, shipyards, webs

EVALUATION = SequenceDefinition("evaluation", (TaskDefinition("evaluation"),))


def keptn(**changes: Any) -> dict[str, Any]:
    """A small shipyard in Keptn's shape, with some of its outermost keys changed."""
    return {
        "apiVersion": "spec.keptn.sh/0.2.2",
        "kind": "Shipyard",
        "metadata": {"name": "shop"},
        "spec": {
            "stages": [
                {"name": "dev", "sequences": [{"name": "delivery", "tasks": [{"name": "test"}]}]},
                {
                    "name": "staging",
                    "sequences": [
                        {
                            "name": "delivery",
                            "triggeredOn": [{"event": "dev.delivery.finished"}],
                            "tasks": [{"name": "deploy"}, {"name": "test"}],
                        }
                    ],
                },
            ]
        },
    } | changes


def keptn_shape(shipyard: Shipyard) -> dict[str, Any]:
    """The mapping in Keptn's shape that says what `shipyard` says, written independently."""

    def timeouts(own: TaskTimeouts | SequenceTimeouts | None) -> dict[str, Any]:
        limits = {} if own is None else attrs.asdict(own)
        return {
            name: limit if limit is None else format_duration(limit)
            for name, limit in limits.items()
            if limit is not INHERIT
        }

    def approval(one: Approval | None) -> dict[str, Any] | bool:
        if one is None:
            return False
        return {
            "approve": one.approve,
            "reject": one.reject,
            "initiator": one.initiator,
            "onExpiry": one.on_expiry.value,
            "newcomer": one.newcomer.value,
        }

    def retry(one: Retry | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {
            "times": one.times,
            "backoff": format_duration(one.backoff),
            "factor": one.factor,
            "on": [failure.value for failure in one.on],
        }

    def task(one: TaskDefinition) -> dict[str, Any]:
        return {
            "name": one.name,
            "triggeredAfter": format_duration(one.triggered_after),
            "properties": thaw(one.properties),
            "timeouts": None if one.timeouts is None else timeouts(one.timeouts),
            "expects": list(one.expects) if isinstance(one.expects, frozenset) else one.expects,
            "approval": approval(one.approval),
            "retry": retry(one.retry),
            "onFailure": one.on_failure and one.on_failure.value,
        }

    def trigger(one: TriggeredOn) -> dict[str, Any]:
        return {
            "event": f"{one.stage}.{one.sequence}.finished",
            "selector": {"match": dict(one.match)},
        }

    def sequence(one: SequenceDefinition) -> dict[str, Any]:
        return {
            "name": one.name,
            "tasks": [task(each) for each in one.tasks],
            "triggeredOn": [trigger(each) for each in one.triggered_on],
            "priority": one.priority,
            "timeouts": timeouts(one.timeouts),
            "onFailure": one.on_failure.value,
        }

    return keptn(
        metadata={"name": shipyard.name} if shipyard.name else None,
        spec={
            "stages": [
                {"name": stage.name, "sequences": [sequence(each) for each in stage.sequences]}
                for stage in shipyard.stages
            ]
        },
    )


@given(shipyards())
def test_every_shipyard_can_be_written_in_keptn_s_shape(shipyard: Shipyard) -> None:
    """Reading the mapping that says the same gives an equal shipyard with an equal hash."""
    actual = Shipyard.from_mapping(keptn_shape(shipyard))

    assert shipyard == actual
    assert hash(shipyard) == hash(actual)


@given(shipyards())
def test_every_shipyard_can_be_written_in_the_short_form(shipyard: Shipyard) -> None:
    """The short form takes values, mappings and names alike."""
    values = {
        stage.name: {each.name: each for each in stage.sequences} for stage in shipyard.stages
    }
    mappings = {
        stage["name"]: {each.pop("name"): each for each in copy.deepcopy(stage["sequences"])}
        for stage in keptn_shape(shipyard)["spec"]["stages"]
    }

    assert shipyard == Shipyard.of(values, name=shipyard.name)
    assert shipyard == Shipyard.of(mappings, name=shipyard.name)


def test_the_short_form_says_the_same_as_keptn_s() -> None:
    """Names stand for tasks and events; a list of tasks is a sequence."""
    short = Shipyard.of(
        {
            "dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "2m"}]},
            "quiet": None,
            "staging": {
                "delivery": {
                    "tasks": ("deploy", TaskDefinition("test")),
                    "triggeredOn": ["dev.delivery.finished", TriggeredOn("staging", "rollback")],
                    "priority": 5,
                }
            },
        },
        name="shop",
    )
    built = Shipyard(
        (
            StageDefinition(
                "dev",
                (
                    SequenceDefinition(
                        "delivery",
                        (
                            TaskDefinition("deploy"),
                            TaskDefinition("test", triggered_after=timedelta(minutes=2)),
                        ),
                    ),
                ),
            ),
            StageDefinition("quiet"),
            StageDefinition(
                "staging",
                (
                    SequenceDefinition(
                        "delivery",
                        (TaskDefinition("deploy"), TaskDefinition("test")),
                        triggered_on=(
                            TriggeredOn("dev", "delivery"),
                            TriggeredOn("staging", "rollback"),
                        ),
                        priority=5,
                    ),
                ),
            ),
        ),
        name="shop",
    )

    assert built == short


def test_everything_that_may_be_left_out_has_its_default() -> None:
    """Null is as good as nothing, stages may have no sequences, and nobody's x- keys matter."""
    mapping = keptn(
        **{"x-own": object()},
        metadata=None,
        spec={
            "stages": [
                {"name": "a"},
                {"name": "b", "sequences": None},
                {
                    "name": "c",
                    "sequences": [
                        {
                            "name": "s",
                            "priority": None,
                            "timeouts": None,
                            "triggeredOn": None,
                            "onFailure": None,
                            "x-team": "shop",
                            "tasks": [
                                {
                                    "name": "t",
                                    "properties": None,
                                    "triggeredAfter": None,
                                    "timeouts": None,
                                    "expects": None,
                                    "approval": None,
                                    "retry": None,
                                    "onFailure": None,
                                }
                            ],
                        },
                        {
                            "name": "u",
                            "tasks": [{"name": "t", "timeouts": {"x-why": 1}}],
                            "triggeredOn": [
                                {"event": "c.s.finished", "selector": None},
                                {"event": "c.s.finished", "selector": {"match": None}},
                                {"event": "c.s.finished", "selector": {}},
                            ],
                        },
                    ],
                },
            ]
        },
    )
    shipyard = Shipyard.from_mapping(mapping)
    sequence = shipyard.sequence("c", "s")

    assert sequence == SequenceDefinition("s", (TaskDefinition("t"),))
    assert sequence is not None
    assert (timedelta(0), EMPTY, None, None, None, None, None) == attrs.astuple(
        sequence.tasks[0], recurse=False
    )[1:]
    assert ((), None, SequenceTimeouts(), OnFailure.END) == attrs.astuple(sequence, recurse=False)[
        2:
    ]
    assert 3 * (TriggeredOn("c", "s"),) == shipyard.stages[2].sequences[1].triggered_on
    assert shipyard.name == ""
    assert Shipyard.of({"dev": None}).name == ""


def in_task(**keys: Any) -> dict[str, Any]:
    """A shipyard whose one task has these keys."""
    return in_sequence(tasks=[{"name": "test"} | keys])


def in_sequence(**keys: Any) -> dict[str, Any]:
    """A shipyard whose one sequence has these keys."""
    sequence = {"name": "delivery", "tasks": [{"name": "test"}]} | keys
    return keptn(spec={"stages": [{"name": "dev", "sequences": [sequence]}]})


def in_trigger(**keys: Any) -> dict[str, Any]:
    """A shipyard whose one trigger has these keys."""
    return in_sequence(triggeredOn=[{"event": "dev.delivery.finished"} | keys])


def in_match(**keys: Any) -> dict[str, Any]:
    """A shipyard whose one selector has these pairs."""
    return in_trigger(selector={"match": keys})


def without(key: str, mapping: dict[str, Any]) -> dict[str, Any]:
    """The mapping without this key."""
    return {name: value for name, value in mapping.items() if name != key}


SEQUENCE = "spec.stages[0].sequences[0]"
TASK = f"{SEQUENCE}.tasks[0]"
TRIGGER = f"{SEQUENCE}.triggeredOn[0]"
NAME = "must be 1 to 63 letters, digits, '-' or '_'"
PREDICATE = re.compile(r"(must|is|has|needs) ")  # so that path, problem and value are one sentence
TWO_STAGES = {"stages": [{"name": "dev"}, {"name": "dev"}]}

# what a shipyard says, the path to the mistake, the value shown, and what is wrong with it
REFUSED: list[tuple[Any, str, Any, str]] = [
    (None, "shipyard", None, "must be a mapping"),
    ([], "shipyard", [], "must be a mapping"),
    ({}, "shipyard", {}, "must have the key 'apiVersion'"),
    (keptn(extra=1), "extra", 1, "is an unknown key; permitted are apiVersion, kind, spec"),
    (keptn(xtra=1), "xtra", 1, "is an unknown key"),
    ({1: 2}, "[1]", 2, "is an unknown key"),
    (keptn(apiVersion="spec.keptn.sh/0.1.7"), "apiVersion", "spec.keptn.sh/0.1.7", "0.2.N"),
    (keptn(apiVersion="spec.keptn.sh/0.2."), "apiVersion", "spec.keptn.sh/0.2.", "0.2.N"),
    (keptn(apiVersion="spec.keptn.sh/0.2.2\n"), "apiVersion", "spec.keptn.sh/0.2.2\n", "0.2.N"),
    (keptn(apiVersion=0.2), "apiVersion", 0.2, "0.2.N"),
    (keptn(kind="shipyard"), "kind", "shipyard", "must be 'Shipyard'"),
    (keptn(kind=None), "kind", None, "must be 'Shipyard'"),
    (keptn(metadata=[]), "metadata", [], "must be a mapping"),
    (keptn(metadata={}), "metadata", {}, "must have the key 'name'"),
    (keptn(metadata={"name": ""}), "metadata.name", "", "must not be empty"),
    (keptn(metadata={"name": None}), "metadata.name", None, "must not be empty"),
    (keptn(metadata={"name": 5}), "metadata.name", 5, "at most 200 printable characters"),
    (keptn(metadata={"name": "x" * 201}), "metadata.name", "x" * 201, "at most 200 printable"),
    (keptn(metadata={"name": "a\nb"}), "metadata.name", "a\nb", "at most 200 printable"),
    (keptn(metadata={"name": "a", "labels": 1}), "metadata.labels", 1, "is an unknown key"),
    (without("spec", keptn()), "shipyard", without("spec", keptn()), "must have the key 'spec'"),
    (keptn(spec=None), "spec", None, "must be a mapping"),
    (keptn(spec={}), "spec", {}, "must have the key 'stages'"),
    (keptn(spec={"stages": None}), "spec.stages", (), "must not be empty"),
    (keptn(spec={"stages": []}), "spec.stages", (), "must not be empty"),
    (keptn(spec={"stages": {"dev": 1}}), "spec.stages", {"dev": 1}, "must be a list"),
    (keptn(spec={"stages": ["dev"]}), "spec.stages[0]", "dev", "must be a mapping"),
    (keptn(spec={"stages": [{}]}), "spec.stages[0]", {}, "must have the key 'name'"),
    (keptn(spec={"stages": [{"name": "a b"}]}), "spec.stages[0].name", "a b", NAME),
    (keptn(spec=TWO_STAGES), "spec.stages[1].name", "dev", "must not occur twice"),
    (
        keptn(spec={"stages": [{"name": "a", "sequences": {}}]}),
        "spec.stages[0].sequences",
        {},
        "must be a list",
    ),
    (
        keptn(spec={"stages": [{"name": "a", "sequence": []}]}),
        "spec.stages[0].sequence",
        [],
        "is an unknown key; permitted are name, sequences",
    ),
    (
        keptn(
            spec={
                "stages": [
                    {"name": "a", "sequences": [{"name": "s", "tasks": [{"name": "t"}]}] * 2}
                ]
            }
        ),
        "spec.stages[0].sequences[1].name",
        "s",
        "must not occur twice",
    ),
    (in_sequence(name=0.2), f"{SEQUENCE}.name", 0.2, NAME),
    (in_sequence(name=""), f"{SEQUENCE}.name", "", NAME),
    (in_sequence(name="a.b"), f"{SEQUENCE}.name", "a.b", NAME),
    (in_sequence(name="a/b"), f"{SEQUENCE}.name", "a/b", NAME),
    (in_sequence(name="ä"), f"{SEQUENCE}.name", "ä", NAME),
    (in_sequence(name="a\n"), f"{SEQUENCE}.name", "a\n", NAME),
    (in_sequence(name="a" * 64), f"{SEQUENCE}.name", "a" * 64, NAME),
    (in_sequence(tasks=[]), f"{SEQUENCE}.tasks", (), "must not be empty"),
    (in_sequence(tasks=None), f"{SEQUENCE}.tasks", (), "must not be empty"),
    (in_sequence(tasks="test"), f"{SEQUENCE}.tasks", "test", "must be a list"),
    (in_sequence(tasks=["test"]), TASK, "test", "must be a mapping"),
    (in_sequence(tasks=[TaskDefinition("t")]), TASK, TaskDefinition("t"), "must be a mapping"),
    (in_sequence(priority="high"), f"{SEQUENCE}.priority", "high", "must be an int from -1000000"),
    (in_sequence(priority=True), f"{SEQUENCE}.priority", True, "must be an int"),
    (in_sequence(priority=1_000_001), f"{SEQUENCE}.priority", 1_000_001, "to 1000000"),
    (in_sequence(priority=-1_000_001), f"{SEQUENCE}.priority", -1_000_001, "to 1000000"),
    (in_sequence(timeouts=[]), f"{SEQUENCE}.timeouts", [], "must be a mapping"),
    (
        in_sequence(timeouts={"reaction": "3m"}),
        f"{SEQUENCE}.timeouts.reaction",
        "3m",
        "permitted are total, waiting",
    ),
    (in_sequence(timeouts={"total": "0"}), f"{SEQUENCE}.timeouts.total", "0", "more than zero"),
    (in_sequence(timeouts={"waiting": 5}), f"{SEQUENCE}.timeouts.waiting", 5, "a timedelta or"),
    (in_sequence(triggeredOn={}), f"{SEQUENCE}.triggeredOn", {}, "must be a list"),
    (in_sequence(triggeredOn=["a.b.finished"]), TRIGGER, "a.b.finished", "must be a mapping"),
    (in_sequence(triggeredOn=[{}]), TRIGGER, {}, "must have the key 'event'"),
    (in_trigger(event="dev.delivery"), f"{TRIGGER}.event", "dev.delivery", "<stage>.<sequence>"),
    (in_trigger(event="a.b.started"), f"{TRIGGER}.event", "a.b.started", "<stage>.<sequence>"),
    (in_trigger(event="a.b.c.finished"), f"{TRIGGER}.event", "a.b.c.finished", "<stage>"),
    (in_trigger(event="a..finished"), f"{TRIGGER}.event", "a..finished", "<stage>.<sequence>"),
    (in_trigger(event="a.b.finished\n"), f"{TRIGGER}.event", "a.b.finished\n", "<stage>"),
    (in_trigger(event=None), f"{TRIGGER}.event", None, "<stage>.<sequence>.finished"),
    (in_trigger(selector="fail"), f"{TRIGGER}.selector", "fail", "must be a mapping"),
    (in_trigger(selector={"result": "fail"}), f"{TRIGGER}.selector.result", "fail", "are match"),
    (in_trigger(selector={"match": []}), f"{TRIGGER}.selector.match", [], "must map 'result'"),
    (in_match(result="failure"), f"{TRIGGER}.selector.match.result", "failure", "pass, warning"),
    (in_match(result=None), f"{TRIGGER}.selector.match.result", None, "pass, warning"),
    (in_match(result=[]), f"{TRIGGER}.selector.match.result", [], "pass, warning or fail"),
    (in_match(status="fail"), f"{TRIGGER}.selector.match.status", "status", "'<task>.result'"),
    (
        in_match(**{"a.b.result": "fail"}),
        f"{TRIGGER}.selector.match['a.b.result']",
        "a.b.result",
        "'<task>.result'",
    ),
    (in_match(**{".result": "fail"}), f"{TRIGGER}.selector.match['.result']", ".result", "<task>"),
    (in_sequence(tasks=[{}]), TASK, {}, "must have the key 'name'"),
    (in_task(nam="x"), f"{TASK}.nam", "x", "permitted are name, triggeredAfter, properties"),
    (in_task(name="*"), f"{TASK}.name", "*", NAME),
    (in_task(triggeredAfter="15"), f"{TASK}.triggeredAfter", "15", "a number without a unit"),
    (in_task(triggeredAfter="-1s"), f"{TASK}.triggeredAfter", "-1s", "between zero and 36500"),
    (in_task(triggeredAfter="880000h"), f"{TASK}.triggeredAfter", "880000h", "36500 days"),
    (in_task(triggeredAfter=0), f"{TASK}.triggeredAfter", 0, "must be a duration"),
    (in_task(properties=[]), f"{TASK}.properties", [], "must be an object"),
    (in_task(properties={"a": {1, 2}}), f"{TASK}.properties.a", {1, 2}, "must be JSON"),
    (in_task(properties={"a": [1, {2: 3}]}), f"{TASK}.properties.a[1][2]", 2, "text for a key"),
    (in_task(timeouts="3m"), f"{TASK}.timeouts", "3m", "must be a mapping"),
    (in_task(timeouts={"total": "3m"}), f"{TASK}.timeouts.total", "3m", "reaction, completion"),
    (in_task(timeouts={"reaction": "x"}), f"{TASK}.timeouts.reaction", "x", "a number before"),
    (in_task(expects=0), f"{TASK}.expects", 0, "an int of at least 1, or a list"),
    (in_task(expects=True), f"{TASK}.expects", True, "an int of at least 1, or a list"),
    (in_task(expects="helm"), f"{TASK}.expects", "helm", "an int of at least 1, or a list"),
    (in_task(expects=[]), f"{TASK}.expects", [], "an int of at least 1, or a list"),
    (in_task(expects={}), f"{TASK}.expects", {}, "an int of at least 1, or a list"),
    (in_task(expects=["a", 1]), f"{TASK}.expects[1]", 1, "must be a source"),
    (in_task(expects=["", "a"]), f"{TASK}.expects[0]", "", "must be a source"),
    (in_task(expects=["a\n"]), f"{TASK}.expects[0]", "a\n", "must be a source"),
    (in_task(expects=["a", "a"]), f"{TASK}.expects", ["a", "a"], "not name a source twice"),
]


@pytest.mark.parametrize(("mapping", "where", "value", "why"), REFUSED)
def test_a_mistake_is_refused_with_path_and_value(
    mapping: Any, where: str, value: Any, why: str
) -> None:
    """R17: one error, which leads to the mistake, shows it and says what is permitted."""
    with pytest.raises(DefinitionError) as caught:
        Shipyard.from_mapping(mapping)

    assert (where, value) == (caught.value.where, caught.value.value)
    assert why in caught.value.problem
    assert PREDICATE.match(caught.value.problem)
    assert caught.value.line is None


@pytest.mark.parametrize(
    ("stages", "where", "why"),
    [
        ([], "shipyard", "must be a mapping"),
        ({}, "spec.stages", "must not be empty"),
        ({"a b": {}}, "['a b'].name", NAME),
        ({1: {}}, "[1].name", NAME),
        ({"dev": []}, "dev", "must be a mapping"),
        ({"dev": {"delivery": []}}, "dev.delivery.tasks", "must not be empty"),
        ({"dev": {"delivery": "test"}}, "dev.delivery", "must be a list of tasks or a mapping"),
        ({"dev": {"delivery": {}}}, "dev.delivery", "must have the key 'tasks'"),
        ({"dev": {"a b": ["test"]}}, "dev['a b'].name", NAME),
        ({"dev": {"delivery": ["a b"]}}, "dev.delivery.tasks[0].name", NAME),
        ({"dev": {"delivery": [5]}}, "dev.delivery.tasks[0]", "must be a mapping"),
        ({"dev": {"s": {"name": "s", "tasks": ["t"]}}}, "dev.s.name", "is an unknown key"),
        ({"dev": {"delivery": EVALUATION}}, "dev.delivery.name", "must be 'delivery'"),
        (
            {"dev": {"s": {"tasks": ["t"], "triggeredOn": ["dev.s"]}}},
            "dev.s.triggeredOn[0].event",
            "must be '<stage>.<sequence>.finished'",
        ),
        (
            {"dev": {"s": [{"name": "t", "triggeredAfter": timedelta(-1)}]}},
            "dev.s.tasks[0].triggeredAfter",
            "between zero and",
        ),
    ],
)
def test_a_mistake_in_the_short_form_is_refused_alike(stages: Any, where: str, why: str) -> None:
    """The path goes through the names of stage and sequence."""
    with pytest.raises(DefinitionError) as caught:
        Shipyard.of(stages)

    assert where == caught.value.where
    assert why in caught.value.problem
    assert PREDICATE.match(caught.value.problem)


ONE = (TaskDefinition("t"),)


@pytest.mark.parametrize(
    ("kind", "arguments", "where"),
    [
        (TaskDefinition, {"name": "a b"}, "name"),
        (TaskDefinition, {"name": "t", "triggered_after": timedelta.max}, "triggeredAfter"),
        (TaskDefinition, {"name": "t", "expects": -1}, "expects"),
        (TaskDefinition, {"name": "t", "properties": {"a": object()}}, "properties.a"),
        (TriggeredOn, {"stage": "a b", "sequence": "s"}, "stage"),
        (TriggeredOn, {"stage": "a", "sequence": "s.t"}, "sequence"),
        (TriggeredOn, {"stage": "a", "sequence": "s", "match": {"x": "fail"}}, "match.x"),
        (SequenceDefinition, {"name": "s", "tasks": ONE, "triggered_on": (1,)}, "triggeredOn[0]"),
        (SequenceDefinition, {"name": "s", "tasks": ONE, "priority": 1.5}, "priority"),
        (SequenceDefinition, {"name": "s", "tasks": ONE, "timeouts": None}, "timeouts"),
        (StageDefinition, {"name": 5}, "name"),
        (Shipyard, {"stages": ()}, "spec.stages"),
        (Shipyard, {"stages": (EVALUATION,)}, "spec.stages[0]"),
        (Shipyard, {"stages": (StageDefinition("s"),) * 2}, "spec.stages[1].name"),
    ],
)
def test_no_invalid_value_can_be_built(
    kind: type[Any], arguments: dict[str, Any], where: str
) -> None:
    """R17: the values check themselves, whoever makes them."""
    with pytest.raises(DefinitionError) as caught:
        kind(**arguments)

    assert where == caught.value.where


def in_lists(levels: int) -> dict[str, Any]:
    """Properties that are so many levels deep."""
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: TaskDefinition("t", timeouts={}),  # type: ignore[arg-type] # the mistake
            "timeouts: must be a TaskTimeouts, got {}",
        ),
        (
            lambda: TaskDefinition("t", triggered_after=timedelta(-1)),
            "triggeredAfter: must lie between zero and 36500 days, got datetime.timedelta(days=-1)",
        ),
        (
            lambda: TaskDefinition("t", properties=in_lists(101)),
            "properties: must have at most 100 levels, got {'a': [[[[",
        ),
        (
            lambda: TaskDefinition("t", expects=[""]),
            "expects[0]: must be a source: 1 to 200 printable ASCII characters, got ''",
        ),
        (
            lambda: SequenceDefinition("s", list(ONE)),  # type: ignore[arg-type] # the same
            "tasks: must be a tuple, got [TaskDefinition(name='t',",
        ),
        (lambda: SequenceDefinition("s", ()), "tasks: must not be empty, got ()"),
        (
            lambda: SequenceDefinition("s", ("t",)),  # type: ignore[arg-type] # the same
            "tasks[0]: must be a TaskDefinition, got 't'",
        ),
        (
            lambda: StageDefinition("a", (EVALUATION,) * 2),
            "sequences[1].name: must not occur twice, got 'evaluation'",
        ),
        (
            lambda: TriggeredOn("a", "s", 5),  # type: ignore[arg-type] # the same
            "match: must map 'result' or '<task>.result' to a result, got 5",
        ),
        (
            lambda: TriggeredOn("a", "s", (("result", "fail"), ("result", "pass"))),
            "match.result: must not occur twice, got 'pass'",
        ),
        (
            lambda: Shipyard.of({"dev": {"delivery": EVALUATION}}),
            "dev.delivery.name: must be 'delivery', as its key is, got 'evaluation'",
        ),
        (
            lambda: Shipyard.of({"dev": {"s": {"name": "s", "tasks": ["t"]}}}),
            "dev.s.name: is an unknown key: the name is above, got 's'",
        ),
        (
            lambda: Shipyard((StageDefinition("a"),), name="\n"),
            "metadata.name: must be at most 200 printable characters, got '\\n'",
        ),
    ],
)
def test_a_value_says_what_it_refuses(make: Callable[[], object], said: str) -> None:
    """R17: without a shipyard around it the path begins in the value itself."""
    with pytest.raises(DefinitionError) as caught:
        make()

    assert str(caught.value).startswith(said)


def test_what_is_just_permitted_is_accepted() -> None:
    """R17: each limit belongs to what it permits."""
    tasks = (
        TaskDefinition("t" * 63, triggered_after=LONGEST_TIMEOUT, expects=1),
        TaskDefinition("u", properties=in_lists(100), expects=["~" * 200]),
    )
    stages = tuple(
        StageDefinition(f"s{at}", (SequenceDefinition("s", tasks, priority=priority),))
        for at, priority in enumerate([1_000_000, -1_000_000])
    )
    shipyard = Shipyard(stages, name="n" * 200)

    assert stages == shipyard.stages
    assert tasks == shipyard.stages[0].sequences[0].tasks


def test_definitions_are_values() -> None:
    """They are compared by value, hashable, immutable, and survive copying and pickling."""
    shipyard = Shipyard.from_mapping(keptn())

    assert shipyard == copy.deepcopy(shipyard)
    assert shipyard == pickle.loads(pickle.dumps(shipyard))  # noqa: S301 - our own bytes
    assert shipyard != attrs.evolve(shipyard, name="other")
    assert shipyard.follow_ups("dev", "delivery") == (
        copy.deepcopy(shipyard).follow_ups("dev", "delivery")
    )
    assert "_follow_ups" not in repr(shipyard)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        shipyard.name = "other"  # type: ignore[misc] # the mistake under test


def test_failed_reads_as_fail_and_selectors_are_sorted() -> None:
    """R15: two selectors that say the same are equal."""
    one = TriggeredOn("a", "s", {"test.result": "failed", "result": "warning"})
    other = TriggeredOn("a", "s", (("result", "warning"), ("test.result", "fail")))

    assert one == other
    assert one.match == (("result", "warning"), ("test.result", "fail"))


@given(
    st.dictionaries(st.sampled_from(["", "a", "b"]), results()),
    results(),
    st.dictionaries(st.sampled_from(["a", "b"]), results()),
)
def test_a_selector_matches_if_all_its_keys_do(
    selector: dict[str, Result], result: Result, task_results: dict[str, Result]
) -> None:
    """R15: every key must match; a task that never ran matches nothing; none is pass or warning."""
    match = {f"{task}.result" if task else "result": want.value for task, want in selector.items()}
    actual = TriggeredOn("dev", "delivery", match).matches(result, task_results)

    known: dict[str, Result] = {"": result, **task_results}
    if selector:
        assert all(known.get(task) is wanted for task, wanted in selector.items()) is actual
    else:
        assert (result in {Result.PASS, Result.WARNING}) is actual


def test_the_built_in_evaluation_is_in_every_stage() -> None:
    """R17: a stage that does not define one has a sequence of one task."""
    shipyard = Shipyard.of({"gate": {}, "dev": {"evaluation": ["measure", "evaluation"]}})
    own = shipyard.sequence("dev", "evaluation")

    assert shipyard.sequence("gate", "evaluation") == EVALUATION
    assert own is shipyard.stages[1].sequences[0]
    assert shipyard.sequence("production", "evaluation") is None
    assert shipyard.sequence("gate", "delivery") is None
    assert StageDefinition("gate") == shipyard.stage("gate")
    assert shipyard.stage("production") is None


def test_follow_ups_come_in_shipyard_order_once_each() -> None:
    """R15: every sequence that names this end, with exactly the triggers that name it."""
    shipyard = Shipyard.of(
        {
            "staging": {
                "rollback": {
                    "tasks": ["undo"],
                    "triggeredOn": [
                        {
                            "event": "dev.delivery.finished",
                            "selector": {"match": {"result": "fail"}},
                        },
                        "staging.delivery.finished",
                        {
                            "event": "dev.delivery.finished",
                            "selector": {"match": {"test.result": "warning"}},
                        },
                    ],
                },
                "delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]},
            },
            "dev": {
                "delivery": ["test"],
                "again": {"tasks": ["test"], "triggeredOn": ["dev.delivery.finished"]},
            },
        }
    )
    staging, dev = shipyard.stages
    failed = TriggeredOn("dev", "delivery", {"result": "fail"})
    warned = TriggeredOn("dev", "delivery", {"test.result": "warning"})
    plain = TriggeredOn("dev", "delivery")
    expected = (
        FollowUp("staging", staging.sequences[0], (failed, warned)),
        FollowUp("staging", staging.sequences[1], (plain,)),
        FollowUp("dev", dev.sequences[1], (plain,)),
    )
    actual = shipyard.follow_ups("dev", "delivery")

    assert expected == actual
    assert shipyard.follow_ups("dev", "nothing") == ()
    assert [each.matches(Result.FAIL, {}) for each in actual] == [True, False, False]
    assert [each.matches(Result.PASS, {"test": Result.WARNING}) for each in actual] == [
        True,
        True,
        True,
    ]


@given(webs())
def test_every_trigger_is_some_follow_up(shipyard: Shipyard) -> None:
    """Nothing is lost on the way from triggers to follow-ups, and nothing is added."""
    expected = [
        (stage.name, sequence.name, trigger)
        for stage in shipyard.stages
        for sequence in stage.sequences
        for trigger in sequence.triggered_on
    ]
    ends = {(trigger.stage, trigger.sequence) for _, _, trigger in expected}
    actual = [
        (follow_up.stage, follow_up.definition.name, trigger)
        for end in ends
        for follow_up in shipyard.follow_ups(*end)
        for trigger in follow_up.triggers
    ]

    assert sorted(map(repr, expected)) == sorted(map(repr, actual))


def follows(*events: str, **match: str) -> dict[str, Any]:
    """A sequence of one task that is triggered by these events."""
    selector = {key.replace("_", "."): result for key, result in match.items()}
    triggers = [{"event": f"{event}.finished", "selector": {"match": selector}} for event in events]
    return {"tasks": ["work"], "triggeredOn": triggers}


EVENT = "spec.stages[{}].sequences[{}].triggeredOn[{}].event"
MATCH = "spec.stages[{}].sequences[{}].triggeredOn[{}].selector.match['{}.result']"


@pytest.mark.parametrize(
    ("stages", "findings"),
    [
        ({"a": {"s": ["t"]}}, []),
        (
            {"a": {"s": follows("b.s")}},
            [
                Finding(
                    FindingCode.UNKNOWN_STAGE,
                    EVENT.format(0, 0, 0),
                    "a.s waits for b.s, but there is no stage b.",
                )
            ],
        ),
        (
            {"a": {"s": ["t"], "u": follows("a.s", "a.x")}},
            [
                Finding(
                    FindingCode.UNKNOWN_SEQUENCE,
                    EVENT.format(0, 1, 1),
                    "a.u waits for a.x, but that stage has no such sequence.",
                )
            ],
        ),
        ({"a": {"u": follows("a.evaluation", evaluation_result="fail")}}, []),
        (
            {"a": {"s": ["t"]}, "b": {"u": follows("a.s", result="fail", x_result="pass")}},
            [
                Finding(
                    FindingCode.UNKNOWN_TASK,
                    MATCH.format(1, 0, 0, "x"),
                    "b.u waits for a.s and its task x, but that has no such task.",
                )
            ],
        ),
        (
            {
                "dev": {"deliver": ["deploy"]},
                "qa": {
                    "u": follows("dve.deliver", "dev.delivery", "dev.deliver", result="fail"),
                    "v": follows("dev.deliver", deplyo_result="fail"),
                    "w": follows("dev.evalution"),
                },
            },
            [
                Finding(
                    FindingCode.UNKNOWN_STAGE,
                    EVENT.format(1, 0, 0),
                    "qa.u waits for dve.deliver, but there is no stage dve; did you mean 'dev'?",
                ),
                Finding(
                    FindingCode.UNKNOWN_SEQUENCE,
                    EVENT.format(1, 0, 1),
                    "qa.u waits for dev.delivery, but that stage has no such sequence; "
                    "did you mean 'deliver'?",
                ),
                Finding(
                    FindingCode.UNKNOWN_TASK,
                    MATCH.format(1, 1, 0, "deplyo"),
                    "qa.v waits for dev.deliver and its task deplyo, but that has no such task; "
                    "did you mean 'deploy'?",
                ),
                Finding(
                    FindingCode.UNKNOWN_SEQUENCE,
                    EVENT.format(1, 2, 0),
                    "qa.w waits for dev.evalution, but that stage has no such sequence; "
                    "did you mean 'evaluation'?",
                ),
            ],
        ),
        (
            {"a": {"s": ["t", "x", "t"], "u": follows("a.s", t_result="fail", x_result="fail")}},
            [
                Finding(
                    FindingCode.REPEATED_TASK,
                    MATCH.format(0, 1, 0, "t"),
                    "a.u waits for a.s and its task t, which runs more than once there. "
                    "The last run counts.",
                )
            ],
        ),
        ({"a": {"remediation": follows("a.remediation", result="fail")}}, []),
        (
            {"a": {"s": follows("a.s")}},
            [
                Finding(
                    FindingCode.ENDLESS_LOOP,
                    EVENT.format(0, 0, 0),
                    "a.s triggers itself again, and no selector ends that.",
                )
            ],
        ),
        (
            {
                "a": {"s": follows("d.s")},
                "b": {"s": follows("a.s")},
                "c": {"s": follows("b.s"), "end": follows("c.s")},
                "d": {"s": follows("c.s")},
            },
            [
                Finding(
                    FindingCode.ENDLESS_LOOP,
                    EVENT.format(3, 0, 0),
                    "d.s triggers itself again through a.s, b.s, c.s, and no selector ends that.",
                )
            ],
        ),
        (
            {
                "a": {
                    name: follows(f"a.{before}")
                    for before, name in zip("eabcd", "abcde", strict=True)
                }
            },
            [
                Finding(
                    FindingCode.ENDLESS_LOOP,
                    EVENT.format(0, 4, 0),
                    "a.e triggers itself again through a.a, a.b, a.c and others, "
                    "and no selector ends that.",
                )
            ],
        ),
        (
            {
                "a": {
                    "s": ["t"],
                    "l": follows("a.s"),
                    "r": follows("a.s"),
                    "j": follows("a.l", "a.r"),
                }
            },
            [],
        ),
        ({"a": {"s": follows("b.s", result="fail")}, "b": {"s": follows("a.s")}}, []),
    ],
)
def test_what_is_legal_and_looks_wrong_is_found(
    stages: dict[str, Any], findings: list[Finding]
) -> None:
    """Each finding has a code for programs, a path, and a sentence for people."""
    actual = Shipyard.of(stages).findings()

    assert findings == list(actual)
    assert [finding.sentence for finding in findings] == [str(finding) for finding in actual]


@given(webs())
def test_a_loop_is_found_if_and_only_if_there_is_one(shipyard: Shipyard) -> None:
    """An independent search agrees on whether deliveries can be endless."""
    edges = {
        ((trigger.stage, trigger.sequence), (stage.name, sequence.name))
        for stage in shipyard.stages
        for sequence in stage.sequences
        for trigger in sequence.triggered_on
        if not trigger.match
    }
    reachable = set(edges)
    for _ in edges:
        reachable |= {
            (one, four) for (one, two), (three, four) in product(reachable, edges) if two == three
        }
    is_endless = any(one == two for one, two in reachable)
    codes = {finding.code for finding in shipyard.findings()}

    assert is_endless is (FindingCode.ENDLESS_LOOP in codes)


def test_a_huge_shipyard_is_read_and_searched_in_linear_time() -> None:
    """Thousands of sequences in one line, every one with selectors, are no burden."""
    line: dict[str, Any] = {"s0": ["t"] * 2_000}
    for number in range(1, 2_000):
        line[f"s{number}"] = follows(f"a.s{number - 1}", "a.s0")
        line[f"r{number}"] = follows("a.s0", x_result="fail")
    shipyard = Shipyard.of({"a": line})

    assert len(shipyard.follow_ups("a", "s0")) == 2 * 1_999
    assert len(shipyard.findings()) == 1_999


@given(results(), st.lists(results(), max_size=3))
def test_the_worst_result_counts(first: Result, more: list[Result]) -> None:
    """R12: one fail fails all, one warning warns."""
    actual = worst(first, *more)

    everything = {first, *more}
    assert actual in everything
    assert (Result.FAIL in everything) is (actual is Result.FAIL)
    assert (everything == {Result.PASS}) is (actual is Result.PASS)


def test_the_words_are_keptn_s() -> None:
    """Results and statuses convert from what executors send."""
    assert list(map(Result, ["pass", "warning", "fail"])) == [
        Result.PASS,
        Result.WARNING,
        Result.FAIL,
    ]
    assert {"succeeded", "errored", "aborted", "unknown"} == {status.value for status in Status}


def test_properties_are_frozen() -> None:
    """What a task carries is a value of its own, not the caller's dict."""
    properties = {"strategy": ["direct"]}
    task = TaskDefinition("deploy", properties=properties)
    properties["strategy"].append("later")

    assert freeze({"strategy": ["direct"]}) == task.properties
