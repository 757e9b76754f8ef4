"""Planes and outcomes: stored, read back, or refused with the path to what no plane can be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sequencectl as s
from sequencectl import serialization as z
from sequencectl._wire.encoding import writer_of
from sequencectl._wire.grammar import Plane
from sequencectl.errors import DecodeError, InvalidValue, UnknownCalendar
from tests import strategies
from tests.wire.documents import stored_plane
from tests.wire.plain import plainly
from tests.wire.story_planes import CALENDARS, OFFICE, PLANES, RICH, office
from tests.wire.trees import canonical, with_value

PLAIN: Final = PLANES[0]
TREE: Final = json.loads(z.dump_plane(PLAIN))
TWO: Final = {**CALENDARS, "another": office}
TASK: Final = ("plane", "shipyard", "stages", 0, "sequences", 0, "tasks", 0)


def refused(data: bytes, **more: Any) -> DecodeError:
    """The error of a plane that is not read."""
    with pytest.raises(DecodeError) as caught:
        z.load_plane(data, **more)
    return caught.value


# ---------------------------------------------------------------- every plane


@settings(max_examples=80)
@given(st.sampled_from([None, office]).flatmap(lambda each: strategies.planes(calendar=each)))
def test_every_plane_is_read_back(plane: s.ControlPlane) -> None:
    """With the calendar that its name stands for; and its bytes are canonical."""
    name = "" if plane.calendar is None else OFFICE
    data = z.dump_plane(plane, calendar=name)
    again = z.load_plane(data, calendars=CALENDARS)

    assert plane == again
    assert plane.calendar is again.calendar
    assert data == z.dump_plane(again, calendar=name)
    assert plainly("plane", stored_plane(plane)) == data


def made(shipyard: s.Shipyard, more: dict[str, Any]) -> s.ControlPlane | InvalidValue:
    """The plane of these parts, or what refuses it."""
    try:
        return s.ControlPlane(shipyard, **more)
    except (s.PolicyError, s.DefinitionError) as error:
        return error


@settings(max_examples=80)
@given(strategies.parts_of_planes())
def test_what_no_plane_can_be_is_refused(parts: tuple[s.Shipyard, dict[str, Any]]) -> None:
    """What the constructor refuses of parts that are well by themselves is a `DecodeError`."""
    shipyard, more = parts
    tree = writer_of(Plane)(Plane(shipyard, **more, calendar=""))
    data = f'{{"plane":{tree},"schema":2}}'.encode()
    answer = made(shipyard, more)
    if isinstance(answer, s.ControlPlane):
        assert answer == z.load_plane(data)
        assert data == z.dump_plane(answer)
        return
    error = refused(data)
    part = "timeouts" if isinstance(answer, s.PolicyError) else "shipyard"
    assert f"plane.{part}.{answer.where}" == error.where
    assert (answer.problem, answer.value) == (error.problem, error.value)


@given(strategies.outcomes())
def test_every_outcome_is_read_back(outcome: s.Outcome) -> None:
    """Of every kind and code, with any message."""
    data = z.dump_outcome(outcome)

    assert outcome == z.load_outcome(data)
    assert plainly("outcome", outcome) == data


def test_a_plane_that_was_read_decides_as_the_other() -> None:
    """Its calendar too: on a Sunday nobody starts."""
    again = z.load_plane(z.dump_plane(RICH, calendar=OFFICE), calendars=CALENDARS)
    command = s.TriggerSequence("c", stage="dev", sequence="delivery", actor="anna")
    for at in (datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 2, 9, tzinfo=UTC)):
        decision = RICH.decide(RICH.initial("sockshop"), command, at)
        second = again.decide(again.initial("sockshop"), command, at)

        assert decision == second
        assert (at.day == 1) is (second.state.freeze_of("dev") is not None)


# ---------------------------------------------------------------- calendars


def test_a_calendar_is_named_and_not_stored() -> None:
    """Without a name it would be lost, and a name for none is a mistake too."""
    with pytest.raises(InvalidValue, match=r"^calendar: must be a name: the calendar of this"):
        z.dump_plane(RICH)
    with pytest.raises(InvalidValue, match=r"^calendar: must be left out: this plane has no"):
        z.dump_plane(PLAIN, calendar=OFFICE)
    for name in ("x" * 201, "\n", None, 7):
        with pytest.raises(InvalidValue, match=r"^calendar: must be at most 200 printable"):
            z.dump_plane(RICH, calendar=name)  # type: ignore[arg-type] # what is wrong with it


def test_a_calendar_that_is_not_given_is_a_typed_error() -> None:
    """The bytes are sound: the error says which name it is, and which ones are known."""
    data = z.dump_plane(RICH, calendar="weekends")
    answers = [refused(data), refused(data, calendars=TWO)]

    assert [UnknownCalendar, UnknownCalendar] == [type(each) for each in answers]
    assert [("weekends", ()), ("weekends", tuple(TWO))] == [
        (each.name, each.known) for each in answers if isinstance(each, UnknownCalendar)
    ]
    said = "plane.calendar: must be one of the calendars given (none), got 'weekends'"
    assert said == str(answers[0])
    assert "'Büro – office hours', 'another'" in str(answers[1])


@pytest.mark.parametrize("calendars", [7, [office], {OFFICE: None}, {"other": "office"}])
def test_calendars_that_are_none_are_a_mistake_of_the_program(calendars: Any) -> None:
    """Whatever the bytes say."""
    for data in (z.dump_plane(PLAIN), z.dump_plane(RICH, calendar=OFFICE), b""):
        with pytest.raises(InvalidValue, match=r"^calendars") as caught:
            z.load_plane(data, calendars=calendars)
        assert not isinstance(caught.value, DecodeError)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((*TASK, "name"), "a b", "plane.shipyard.stages[0].sequences[0].tasks[0].name: must be"),
        ((*TASK, "retry"), {"times": 100, "backoff": 0, "factor": 1, "on": ["fail"]},
         "plane.shipyard.dev.delivery.deploy.retry.times: must leave at most 100 attempts"),
        ((*TASK, "timeouts"), {"completion": None, "reaction": "inherit", "silence": "inherit"},
         "plane.shipyard.dev.delivery.deploy.timeouts.completion: must be a limit; only"),
        ((*TASK, "expects"), 33,
         "plane.shipyard.dev.delivery.deploy.expects: must be at most 32 sources, got 33"),
        (("plane", "shipyard", "stages"), [], "plane.shipyard.stages: must not be empty, got ()"),
        (("plane", "shipyard", "stages"), [{"name": "a", "sequences": []}] * 2,
         "plane.shipyard.stages[1].name: must not occur twice, got 'a'"),
        (("plane", "bounds", "tasks"), 1,
         "plane.shipyard.dev.delivery.tasks: must be at most 1 tasks, got 2"),
        (("plane", "bounds", "payload_depth"), 101,
         "plane.bounds.payload_depth: must be an int from 1 to 100, got 101"),
        (("plane", "timeouts", "silence"), 1,
         "plane.timeouts.silence: must be at least 40s, four times progress_every, got d"),
        (("plane", "timeouts", "completion"), None,
         "plane.timeouts.completion: must be a limit; only TimeoutPolicy.unbounded() may do w"),
        (("plane", "timeouts", "tasks"),
         {"x": {"completion": 1, "reaction": 0, "silence": None}},
         "plane.timeouts.tasks.x.reaction: must be more than zero"),
        (("plane", "timeouts", "tasks"),
         {"x": {"completion": 1, "reaction": 1, "silence": 1}},
         "plane.timeouts.tasks['x'].silence: must be at least 40s"),
        (("plane", "timeouts", "tasks"), [["x", {}]], "plane.timeouts.tasks: must be an object"),
        (("plane", "queueing", "stages"), {"a": {"limit": 0}},
         "plane.queueing.stages.a: must have the keys of QueuePolicy; missing: ["),
        (("plane", "queueing", "mode"), "fifo",
         "plane.queueing.mode: must be one of queue, latest_only, reject_when_busy, got 'fifo'"),
        (("plane", "calendar"), None, "plane.calendar: must be a text, got None"),
    ],
)  # fmt: skip
def test_the_error_leads_to_what_no_plane_can_be(path: Any, value: Any, said: str) -> None:
    """In the words of the constructor that refuses it."""
    error = refused(canonical(with_value(TREE, path, value)))

    assert str(error).startswith(said)


def test_a_policy_of_a_stage_has_no_stages_of_its_own() -> None:
    """However deep they are nested."""
    one: Any = TREE["plane"]["queueing"]
    for _ in range(2):
        one = {**one, "stages": {"a": one}}
    deep: Any = TREE["plane"]["queueing"]
    text = json.dumps({**deep, "stages": 0}).replace(" 0}", ' {"a":')
    bomb = text * 5_000 + json.dumps(deep) + "}}" * 5_000
    data = canonical(TREE).replace(canonical(deep), bomb.encode())

    assert (
        "plane.queueing.stages['a']"
        == refused(canonical(with_value(TREE, ("plane", "queueing"), one))).where
    )
    assert "must nest less deep" in str(refused(data))


@pytest.mark.parametrize("limit", [0, True, -1])
def test_the_policy_of_a_stage_is_read_as_strictly(limit: Any) -> None:
    """Its limit is one as well."""
    one = {**TREE["plane"]["queueing"], "limit": limit}
    error = refused(canonical(with_value(TREE, ("plane", "queueing", "stages"), {"dev": one})))

    assert "plane.queueing.stages.dev.limit" == error.where


@pytest.mark.parametrize("name", ["outcome", "plane"])
def test_schema_1_has_neither_planes_nor_outcomes(name: str) -> None:
    """They are not written in it, and what claims to be one is refused."""
    value: Any = PLAIN if name == "plane" else s.Applied()
    dump, load = getattr(z, f"dump_{name}"), getattr(z, f"load_{name}")
    said = f"schema: must be at least 2 for a {name}, which older schemas do not have, got 1"
    with pytest.raises(InvalidValue) as caught:
        dump(value, schema=1)
    with pytest.raises(DecodeError) as read:
        load(dump(value).replace(b'"schema":2', b'"schema":1'))

    assert said == str(caught.value) == str(read.value)
    assert not isinstance(caught.value, DecodeError)


def test_what_json_cannot_carry_is_not_written() -> None:
    """A policy may name a task by anything, and a number may have any length."""
    task = {"\ud800": s.TaskTimeouts()}
    odd = {
        "timeouts": s.TimeoutPolicy(tasks=task),
        "bounds": s.Bounds(retain=10**5_000),
    }
    for name, policy in odd.items():
        plane = s.ControlPlane(PLAIN.shipyard, **{name: policy})  # type: ignore[arg-type] # mixed
        with pytest.raises(InvalidValue, match=r"^plane: must hold texts that UTF-8 can carry"):
            z.dump_plane(plane)
