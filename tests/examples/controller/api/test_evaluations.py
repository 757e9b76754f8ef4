"""Evaluations: of which time, in each of Keptn's ways to say it, and what they trigger."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from examples.controller.api.evaluations import window
from examples.controller.api.reading import Refusal
from examples.controller.storage.deliveries import instant
from tests.examples.controller.served import Served

NOW = datetime(2022, 3, 1, 8, 0, 0, tzinfo=UTC)
PATH = "/v1/project/shop/stage/dev/service/carts/evaluation"


def evaluated(**given: str) -> tuple[str, str]:
    """From when to when, as it is written."""
    nothing = {"start": "", "end": "", "timeframe": ""}
    start, end = window(**{**nothing, **given}, now=NOW)
    return instant(start), instant(end)


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        pytest.param({}, "07:55:00.000", "08:00:00.000", id="nothing: five minutes up to now"),
        pytest.param({"timeframe": "1h30m"}, "06:30:00.000", "08:00:00.000", id="up to now"),
        pytest.param(
            {"start": "2022-03-01T06:00:00", "timeframe": "1m"},
            "06:00:00.000", "06:01:00.000", id="from a start on",
        ),
        pytest.param(
            {"start": "2022-03-01T06:00:00.000Z", "end": "2022-03-01T06:10:00.500Z"},
            "06:00:00.000", "06:10:00.500", id="as Keptn's command line writes it",
        ),
        pytest.param(
            {"start": "2022-03-01T07:00:00+02:00", "end": "2022-03-01T05:01:00Z"},
            "05:00:00.000", "05:01:00.000", id="with an offset",
        ),
        pytest.param(
            {"start": "2022-03-01T06:00:00.123456789Z", "timeframe": "5m"},
            "06:00:00.123", "06:05:00.123", id="nanoseconds",
        ),
    ],
)  # fmt: skip
def test_a_stretch_of_time_is_given_in_one_of_these_ways(
    given: dict[str, str], start: str, end: str
) -> None:
    """An instant without an offset is in UTC."""
    assert (f"2022-03-01T{start}Z", f"2022-03-01T{end}Z") == evaluated(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"start": "2022-03-01T06:00:00"}, "end, timeframe: one of them must be given"),
        ({"end": "2022-03-01T06:00:00"}, "start: must be given"),
        ({"end": "2022-03-01T06:00:00", "timeframe": "5m"}, "only one of them may be given"),
        (
            {"start": "2022-03-01T06:00:00", "end": "2022-03-01T07:00:00", "timeframe": "5m"},
            "only one of them may be given",
        ),
        ({"start": "2022-02-31T06:00:00", "timeframe": "5m"}, "start: must be an instant"),
        ({"start": "yesterday", "timeframe": "5m"}, "start: must be an instant"),
        ({"start": "2022-03-01", "timeframe": "5m"}, "start: must be an instant"),
        ({"start": "2022-03-01T06:00:00", "end": "noon"}, "end: must be an instant"),
        ({"timeframe": "5 minutes"}, "timeframe:"),
        ({"timeframe": "59s"}, "end: must be at least 1m after the start"),
        ({"timeframe": "-5m"}, "end: must be at least 1m after the start"),
        (
            {"start": "2022-03-01T06:00:00", "end": "2022-03-01T05:00:00"},
            "end: must be at least 1m after the start",
        ),
        ({"start": "0001-01-01T00:00:00+02:00", "timeframe": "5m"}, "within the years"),
        ({"start": "9999-12-31T23:59:59", "timeframe": "2000000h"}, "within the years"),
    ],
    ids=str,
)
def test_what_says_no_stretch_of_time_is_refused(given: dict[str, str], sentence: str) -> None:
    """With a sentence that names the field."""
    with pytest.raises(Refusal, match=sentence) as refused:
        evaluated(**given)

    assert 400 == refused.value.status


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"start": "2022-03-01T06:00:00"},
         "end, timeframe: one of them must be given if there is a start"),
        ({"end": "2022-03-01T06:00:00"}, "start: must be given if there is an end"),
        ({"end": "2022-03-01T06:00:00", "timeframe": "5m"},
         "end, timeframe: only one of them may be given"),
        ({"start": "noon", "timeframe": "5m"},
         "start: must be an instant such as 2022-03-01T08:00:00Z, got 'noon'"),
        ({"start": "9999-12-31T23:59:59", "timeframe": "2000000h"},
         "start, timeframe: must lie within the years 1 to 9999"),
    ],
)  # fmt: skip
def test_a_sentence_is_whole(given: dict[str, str], sentence: str) -> None:
    """It begins with the fields and says what is permitted."""
    with pytest.raises(Refusal) as refused:
        evaluated(**given)

    assert sentence == refused.value.message


def test_an_instant_without_an_offset_is_in_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in the zone of the controller, which whoever asks does not know."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        found = evaluated(start="2022-03-01T06:00:00", end="2022-03-01T06:10:00")
    finally:
        monkeypatch.undo()
        time.tzset()

    assert ("2022-03-01T06:00:00.000Z", "2022-03-01T06:10:00.000Z") == found


def test_an_evaluation_is_a_sequence_of_the_stage(served: Served) -> None:
    """Its executor is told of which time, with the labels and the revision of the request."""
    served.trigger("c")
    (deployment,) = served.open_tasks()
    served.finish(deployment)
    (test,) = served.open_tasks("test")
    served.finish(test)
    body: dict[str, Any] = {
        "start": "2022-03-01T06:00:00", "timeframe": "5m", "end": "",
        "labels": {"build": "7"}, "gitcommitid": "abc",
    }  # fmt: skip
    answer = served.ask("POST", PATH, json=body)
    (task,) = served.open_tasks("evaluation")

    assert (200, "applied") == (answer.status_code, answer.json()["outcome"])
    assert answer.json()["keptnContext"] == task["shkeptncontext"]
    assert "abc" == task["gitcommitid"]
    assert {
        "project": "shop",
        "stage": "dev",
        "service": "carts",
        "labels": {"build": "7"},
        "evaluation": {"start": "2022-03-01T06:00:00.000Z", "end": "2022-03-01T06:05:00.000Z"},
    } == task["data"]


def test_now_is_what_the_clock_of_the_host_says(served: Served) -> None:
    """And two requests are two evaluations."""
    served.trigger("c", stage="prod")
    contexts = {served.ask("POST", PATH, json={}).json()["keptnContext"] for _ in range(2)}
    (task,) = served.open_tasks("evaluation")

    assert instant(served.clock.now()) == task["data"]["evaluation"]["end"]
    assert "labels" not in task["data"]
    assert "gitcommitid" not in task
    assert 2 == len(contexts)
