"""Progress as CloudEvents: Keptn's status.changed is a sign of life, whatever its data (R42)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from sequencectl import InvalidValue
from sequencectl import commands as c
from sequencectl.cloudevents import from_cloudevent
from tests.test_cloudevents import ODD, UNUSABLE, finish


def changed(**changes: Any) -> dict[str, Any]:
    """A status.changed as an executor sends it, with other attributes; None leaves one out."""
    return finish(**{"type": "sh.keptn.event.deploy.status.changed", **changes})


def progress(**changes: Any) -> c.ReportTaskProgress:
    """What is read of a status.changed with such attributes, by a strict host as by any."""
    command = from_cloudevent(changed(**changes))
    assert isinstance(command, c.ReportTaskProgress)
    assert command == from_cloudevent(changed(**changes), strict=True)
    return command


def said(**data: Any) -> tuple[str, int | None]:
    """The message and the percent that are read of such data."""
    report = progress(data=data)
    return report.message, report.percent


def test_a_status_changed_becomes_a_report_of_progress() -> None:
    """Message and percent are in its data; its id says nothing, as progress has no report id."""
    data = {"project": "sockshop", "message": "3 of 7 pods", "percent": 43, "deploy": {"x": 1}}
    expected = c.ReportTaskProgress("t1", source="helm", message="3 of 7 pods", percent=43)

    assert expected == progress(data=data)
    assert expected == progress(data=data, id="another")


@pytest.mark.parametrize("word", ["pass", "fail", "done", 7, ["x"]])
def test_result_and_status_of_a_status_changed_decide_nothing(word: object) -> None:
    """Keptn's libraries may send both with each event, also such as are no words of its own."""
    expected = c.ReportTaskProgress("t1", source="helm", message="m", percent=1)

    assert expected == progress(data={"result": word, "status": word, "message": "m", "percent": 1})


@pytest.mark.parametrize("data", [None, {}, {"message": "", "percent": ""}, {"message": None}, 7])
def test_a_status_changed_may_say_nothing(data: object) -> None:
    """It is a sign of life all the same."""
    assert c.ReportTaskProgress("t1", source="helm") == progress(data=data)


@pytest.mark.parametrize("percent", [0, 1, 99, 100])
def test_a_percent_is_a_whole_number_up_to_100(percent: int) -> None:
    """Zero is one: the work has just begun."""
    assert ("", percent) == said(percent=percent)


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(101, "101"), (-1, "-1"), (50.0, "50.0"), (True, "True"), ("50", "'50'"), ([50], "[50]")],
)
def test_a_percent_that_cannot_be_used_is_shown_in_the_message(percent: object, shown: str) -> None:
    """The executor lives: a wrong number is no reason to take its task for silent."""
    problem = f"data.percent: must be an int from 0 to 100, got {shown}"

    assert (problem, None) == said(percent=percent)
    assert (f"{problem}; 3 of 7 pods", None) == said(percent=percent, message="3 of 7 pods")


@pytest.mark.parametrize("message", [7, ["no", "text"], {"a": 1}, False, "\ud800"])
def test_a_message_that_cannot_be_used_is_shown_in_its_place(message: object) -> None:
    """The percent beside it counts."""
    text, percent = said(message=message, percent=50)

    assert 50 == percent
    assert text.startswith("data.message: must be text that UTF-8 can carry, got ")


def test_what_cannot_be_shown_spoils_no_message() -> None:
    """It calls itself what no text can carry."""

    class Hostile:
        def __repr__(self) -> str:
            return "\udc80"

    assert ("data.percent: must be an int from 0 to 100, got ?", None) == said(percent=Hostile())


def test_all_that_is_wrong_is_shown() -> None:
    """One after the other."""
    text, percent = said(message=7, percent=7.5)

    assert percent is None
    assert [
        "data.percent: must be an int from 0 to 100, got 7.5",
        "data.message: must be text that UTF-8 can carry, got 7",
    ] == text.split("; ")


@pytest.mark.parametrize("what", [what for what in UNUSABLE if "message" not in what])
def test_the_rest_of_the_data_is_not_looked_at(what: str) -> None:
    """It cannot spoil a report, nor cost anything: of a start the data is not read either."""
    assert c.ReportTaskProgress("t1", source="helm") == progress(data=UNUSABLE[what])


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"specversion": None}, "specversion"),
        ({"id": None}, "id"),
        ({"source": None}, "source"),
        ({"triggeredid": None}, "triggeredid"),
        ({"triggeredid": 7}, "triggeredid"),
        ({"type": "sh.keptn.event..status.changed"}, "type"),
        ({"type": "sh.keptn.event.a b.status.changed"}, "type"),
    ],
)
def test_a_malformed_envelope_is_one_typed_error(changes: dict[str, Any], where: str) -> None:
    """As that of any report: nobody could be said to live."""
    with pytest.raises(InvalidValue) as caught:
        from_cloudevent(changed(**changes))

    assert where == caught.value.where


def test_a_task_may_be_called_status() -> None:
    """The word is the end of the type, and the rest is the name."""
    event = changed(type="sh.keptn.event.status.status.changed")

    assert c.ReportTaskProgress("t1", source="helm") == from_cloudevent({**event, "data": {}})


@given(ODD, ODD)
def test_no_sign_of_life_is_lost(message: object, percent: object) -> None:
    """As long as the envelope is sound, any data makes a report that the plane can count."""
    report = progress(data={"message": message, "percent": percent})

    assert ("t1", "helm") == (report.task_id, report.source)
