"""What each command accepts and refuses, and how a task's event builds its reports (R8–R25)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    ExemptSequence,
    FreezeStage,
    FrozenMap,
    InvalidValue,
    PauseSequence,
    PayloadError,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    Result,
    ResumeSequence,
    RetryTask,
    SkipTask,
    Status,
    TaskTriggered,
    TriggerSequence,
    UnfreezeStage,
    freeze,
)
from sequencectl.events import derived_id
from tests.support import Host

Make = Callable[..., Any]
NOON: Final = datetime(2026, 12, 24, 12, tzinfo=UTC)

TRIGGER: Final[Make] = partial(TriggerSequence, stage="dev", sequence="delivery")
STARTED: Final[Make] = partial(ReportTaskStarted, source="helm")
FINISHED: Final[Make] = partial(ReportTaskFinished, source="helm", result="pass")
WHOLE: Final[dict[str, Callable[[], Any]]] = {
    "TriggerSequence": lambda: TRIGGER("c1"),
    "ReportTaskStarted": lambda: STARTED("t1"),
    "ReportTaskFinished": lambda: FINISHED("t1"),
    "PauseSequence": lambda: PauseSequence("c1", stage="dev"),
    "ResumeSequence": lambda: ResumeSequence("c1", stage="dev"),
    "AbortSequence": lambda: AbortSequence("c1", stage="dev"),
    "abort of one": lambda: AbortSequence(sequence_id="c1"),
    "redrive": lambda: TRIGGER("c1", redrives="c0", start_at="deploy"),
    "ReportTaskProgress": lambda: ReportTaskProgress("t1", source="x"),
    "RetryTask": lambda: RetryTask("c1", stage="dev"),
    "retry of one": lambda: RetryTask(sequence_id="c1"),
    "SkipTask": lambda: SkipTask("c1", stage="dev", result="pass"),
    "skip of one": lambda: SkipTask(sequence_id="c1", result="pass"),
    "FreezeStage": lambda: FreezeStage("dev"),
    "UnfreezeStage": lambda: UnfreezeStage("dev"),
    "ExemptSequence": lambda: ExemptSequence("c1"),
    "CheckDeadlines": CheckDeadlines,
}
CONTROLS: Final = [
    name for name in WHOLE if re.search("Pause|Resume|Abort|abort|reeze|Exempt|Retry|Skip", name)
]

FIELDS: Final[dict[str, list[tuple[str, str]]]] = {
    "id": [
        ("TriggerSequence", "sequence_id"),
        ("ReportTaskStarted", "task_id"), ("ReportTaskStarted", "source"),
        ("ReportTaskFinished", "task_id"), ("ReportTaskFinished", "source"),
        ("PauseSequence", "context"), ("ResumeSequence", "context"),
        ("ExemptSequence", "sequence_id"),
        ("ReportTaskProgress", "task_id"), ("ReportTaskProgress", "source"),
    ],
    "id with another meaning of None": [
        ("TriggerSequence", "context"), ("AbortSequence", "context"),
        ("abort of one", "sequence_id"), ("RetryTask", "context"), ("retry of one", "sequence_id"),
        ("SkipTask", "context"), ("redrive", "redrives"), ("skip of one", "sequence_id"),
    ],
    "optional id": [
        ("ReportTaskStarted", "report_id"), ("ReportTaskFinished", "report_id"),
        *((name, "request_id") for name in CONTROLS),
    ],
    "name": [
        ("TriggerSequence", "stage"), ("TriggerSequence", "sequence"), ("FreezeStage", "stage"),
        ("UnfreezeStage", "stage"),
    ],
    "optional name": [
        ("PauseSequence", "stage"), ("ResumeSequence", "stage"), ("AbortSequence", "stage"),
        ("RetryTask", "stage"), ("SkipTask", "stage"), ("redrive", "start_at"),
    ],
    "text": [
        ("TriggerSequence", "service"), ("TriggerSequence", "revision"),
        ("TriggerSequence", "actor"), ("ReportTaskFinished", "actor"),
        *((name, "actor") for name in CONTROLS),
    ],
    "reason": [(name, "reason") for name in CONTROLS],
    "message": [("ReportTaskFinished", "message"), ("ReportTaskProgress", "message")],
    "percent": [("ReportTaskProgress", "percent")],
    "priority": [("TriggerSequence", "priority")],
    "limit": [("CheckDeadlines", "limit")],
    "flag": [("AbortSequence", "force"), ("abort of one", "force")],
    "instant": [("FreezeStage", "until")],
}  # fmt: skip
ACCEPTED: Final[dict[str, list[Any]]] = {
    "id": ["x", " ~!/'\"", "a" * 200],
    "id with another meaning of None": ["a" * 200],
    "optional id": ["x", "a" * 200, None],
    "name": ["a", "Z_9-", "x" * 63],
    "optional name": ["x" * 63, None],
    "text": ["", "Zoë 💛", "ß" * 200],
    "reason": ["", "because of ü", "r" * 1_000],
    "message": ["", "two\nlines\t", "é😀\x00", "m" * 100_000],
    "percent": [None, 0, 100],
    "priority": [None, 0, 1_000_000, -1_000_000],
    "limit": [1, 500, 10**9],
    "flag": [True, False],
    "instant": [None, NOON, NOON.astimezone(timezone(timedelta(hours=5)))],
}
REFUSED: Final[dict[str, list[Any]]] = {
    "id": ["", "a" * 201, "é", "a\n", "\x7f", 7, b"x", None, [], {}],
    "id with another meaning of None": ["", "é"],
    "optional id": ["", "a" * 201, "é", "a\n", 7],
    "name": ["", "x" * 64, "a b", "a.b", "é", "a\n", 7, None],
    "optional name": ["", "a b"],
    "text": ["a" * 201, "a\nb", "\x00", "\ud800", 7],
    "reason": ["r" * 1_001, "a\tb", 7],
    "message": ["\ud800", "ok\udfff", None, 7, b"x"],
    "percent": [-1, 101, True, 1.0, "1"],
    "priority": [True, 1.0, "1", 1_000_001, -1_000_001],
    "limit": [0, -1, True, 1.0, "1", None],
    "flag": [0, 1, None, "yes"],
    "instant": [NOON.replace(tzinfo=None), NOON.date(), "2026-12-24", 7, NOON.replace(year=9000)],
}
# No other kind accepts and refuses the same.
TELLING_ACCEPTED: Final[dict[str, list[Any]]] = {
    "id": ["a" * 200],
    "id with another meaning of None": ["a" * 200],
    "optional id": ["a" * 200, None],
    "name": ["x" * 63],
    "optional name": ["x" * 63, None],
    "text": ["ß" * 200],
    "reason": ["r" * 1_000],
    "flag": [True],
}
TELLING_REFUSED: Final[dict[str, list[Any]]] = {
    "id": ["", "é", None],
    "id with another meaning of None": ["", "é"],
    "optional id": ["", "é"],
    "name": ["a b", None],
    "optional name": ["", "a b"],
    "text": ["a" * 201],
    "reason": ["r" * 1_001],
    "flag": [1],
}


def cases(values: dict[str, list[Any]], telling: dict[str, list[Any]]) -> list[Any]:
    """Each value with one field of its kind; with the others those that tell kinds apart."""
    return [
        pytest.param(name, field, value, id=f"{name}.{field}-{str(value)[:6]!a}-{index}")
        for kind, fields in FIELDS.items()
        for at, (name, field) in enumerate(fields)
        for index, value in enumerate(telling.get(kind, []) if at else values[kind])
    ]


@pytest.mark.parametrize(("name", "field", "value"), cases(ACCEPTED, TELLING_ACCEPTED))
def test_a_value_is_accepted(name: str, field: str, value: Any) -> None:
    """A permitted value is kept as it was given."""
    actual = attrs.evolve(WHOLE[name](), **{field: value})

    assert getattr(actual, field) == value
    assert hash(actual) == hash(attrs.evolve(WHOLE[name](), **{field: value}))


@pytest.mark.parametrize(("name", "field", "value"), cases(REFUSED, TELLING_REFUSED))
def test_a_value_is_refused_by_name(name: str, field: str, value: Any) -> None:
    """Any other value is an error that names the field and shows the value."""
    whole = WHOLE[name]()

    with pytest.raises(InvalidValue) as refused:
        attrs.evolve(whole, **{field: value})
    assert refused.value.where == field
    assert refused.value.value is value
    assert str(refused.value).startswith(f"{field}: must be ")
    assert repr(value)[:80] in str(refused.value)


def test_every_field_is_in_one_of_the_tables() -> None:
    """No field is left untried: what is not in the tables has a converter, tried below."""
    kinds = {name: type(make()) for name, make in WHOLE.items()}
    tried = {(kinds[name], field) for entries in FIELDS.values() for name, field in entries}
    fields = {(kind, field.name) for kind in kinds.values() for field in attrs.fields(kind)}

    assert tried <= fields
    assert {field for _, field in fields - tried} == {"data", "result", "status"}  # are converted


def test_what_stands_for_no_default_is_no_value() -> None:
    """A field without a default is checked, whatever it is given."""
    with pytest.raises(InvalidValue, match="task_id: must be 1 to 200 printable ASCII"):
        ReportTaskStarted(attrs.NOTHING, source="helm")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WHOLE)
def test_a_command_is_frozen(name: str) -> None:
    """A command never changes, and has no room for anything else."""
    command = WHOLE[name]()
    field = attrs.fields(type(command))[0].name

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(command, field, "other")
    with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
        command.other = 1
    assert command == WHOLE[name]()


def test_a_context_is_the_sequence_id_unless_given() -> None:
    """A sequence without a context begins a delivery that has its own id."""
    assert TRIGGER("c1").context == "c1"
    assert TRIGGER("c1", context="ctx").context == "ctx"


@pytest.mark.parametrize("make", [TRIGGER, FINISHED])
def test_data_is_frozen_and_defaults_to_nothing(make: Make) -> None:
    """Data is a `FrozenMap` whatever it was, and None is an empty one (R14)."""
    given_data = {"a": [1, {"b": None}]}
    command = make("x", data=given_data)
    given_data["a"].append(2)

    assert make("x").data == make("x", data=None).data == freeze({})
    assert command.data == freeze({"a": [1, {"b": None}]})
    assert make("x", data=command.data).data is command.data
    assert isinstance(command.data, FrozenMap)


@pytest.mark.parametrize("make", [TRIGGER, FINISHED])
@pytest.mark.parametrize(
    ("data", "where"), [([], "data"), ({"a": {1: 2}}, "data.a[1]"), ({"a": [{1}]}, "data.a[0]")]
)
def test_data_that_is_no_json_is_refused(make: Make, data: Any, where: str) -> None:
    """What is not JSON is an error with the path to it (R14)."""
    with pytest.raises(PayloadError) as refused:
        make("x", data=data)
    assert refused.value.where == where


@pytest.mark.parametrize("field", ["result", "status"])
def test_words_are_read(field: str) -> None:
    """A result and a status may be given as a member or as its word."""
    kind: Any = {"result": Result, "status": Status}[field]
    read = [
        getattr(FINISHED("t", **{field: given}), field)
        for member in kind
        for given in (member, member.value)
    ]

    assert read == [member for member in kind for _ in range(2)]
    assert FINISHED("t").status is Status.SUCCEEDED


@pytest.mark.parametrize("value", ["passed", "PASS", "", None, 1, [], Status.SUCCEEDED, "failed"])
@pytest.mark.parametrize("field", ["result", "status"])
def test_other_words_are_refused_with_those_permitted(field: str, value: Any) -> None:
    """Any other word is an error that shows it and lists what would be permitted."""
    words = {"result": "pass, warning, fail", "status": "succeeded, errored, aborted, unknown"}
    if field == "status" and value is Status.SUCCEEDED:
        value = Result.PASS
    problem = f"{field}: must be one of {words[field]}, got {value!r}"

    with pytest.raises(InvalidValue, match=re.escape(problem)):
        FINISHED("t", **{field: value})


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, "context, sequence_id"),
        ({"context": "c", "sequence_id": "s", "stage": "dev"}, "context, sequence_id"),
    ],
)
def test_an_abort_names_a_context_or_a_sequence(arguments: dict[str, Any], where: str) -> None:
    """An abort addresses a context, perhaps in one stage, or else one sequence (R22)."""
    with pytest.raises(InvalidValue) as refused:
        AbortSequence(**arguments)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: AbortSequence("c", sequence_id="s"),
            "context, sequence_id: exactly one of the two must be given, got ('c', 's')",
        ),
        (
            lambda: AbortSequence(sequence_id="s", stage="dev"),
            "stage: narrows a context and must not be given here, got 'dev'",
        ),
        (
            lambda: FINISHED("t", message="\ud800"),
            "message: must be text that UTF-8 can carry, got '\\ud800'",
        ),
        (lambda: AbortSequence("c", force=1), "force: must be True or False, got 1"),  # type: ignore[arg-type] # the mistake under test
        (lambda: CheckDeadlines(0), "limit: must be an int of at least 1, got 0"),
    ],
)
def test_a_refusal_says_what_would_be_permitted(make: Callable[[], object], said: str) -> None:
    """Whoever called the host's interface is told the argument, the rule and the value."""
    with pytest.raises(InvalidValue) as refused:
        make()

    assert said == str(refused.value)


def test_a_task_builds_its_own_reports() -> None:
    """What an executor answers is made from the event it was asked with (R9, R13)."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    host.trigger("c1")
    (task,) = host.of(TaskTriggered)

    assert task.started(source="helm") == STARTED(task.task_id)
    assert task.started(source="helm", report_id="r") == STARTED(task.task_id, report_id="r")
    assert task.finished(source="helm", result="pass") == FINISHED(task.task_id)
    assert task.finished(
        source="helm",
        result=Result.WARNING,
        status="errored",
        message="no",
        data={"a": 1},
        report_id="r",
    ) == ReportTaskFinished(
        task.task_id,
        source="helm",
        result=Result.WARNING,
        status=Status.ERRORED,
        message="no",
        data={"a": 1},
        report_id="r",
    )


@given(st.text(max_size=5), st.integers(0, 2**40), st.sampled_from(["task", "sequence"]))
def test_a_derived_id_looks_like_a_uuid_and_is_an_id(project: str, serial: int, kind: str) -> None:
    """A derived id has the shape of a UUID, is permitted as an id, and is always the same one."""
    made = derived_id(project, serial, kind)

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)
    assert made == derived_id(project, serial, kind)
    assert STARTED(made).task_id == made


def test_derived_ids_differ_by_project_serial_and_kind() -> None:
    """No two events give the same id, nor does one event for two kinds of things."""
    made = {
        derived_id(project, serial, kind)
        for project in ("a", "b", "a\n1")
        for serial in range(100)
        for kind in ("task", "sequence")
    }

    assert len(made) == 3 * 100 * 2
    assert derived_id("sockshop", 3, "task") == "c2571195-dd82-5025-a780-ff3c64bdc09e"


def test_a_kind_of_text_is_a_text() -> None:
    """A value of a class below ``str``, as frameworks hand out, is taken as it is."""

    class Known(str):
        __slots__ = ()

    report = ReportTaskStarted(Known("t1"), source=Known("helm"))

    assert ("t1", "helm") == (report.task_id, report.source)
    with pytest.raises(InvalidValue, match="source: must be 1 to 200 printable ASCII characters"):
        ReportTaskStarted("t1", source=Known("é"))
