"""What follows a failure as CloudEvents: each attempt is a task of its own (R39–R41)."""

from __future__ import annotations

from typing import Any

import pytest

from sequencectl import Phase, TimeoutPolicy
from sequencectl import events as e
from sequencectl.cloudevents import from_cloudevent, state_word, to_cloudevent
from tests.support import Host

CloudEvent = dict[str, Any]
SCOPE = {"project": "sockshop", "stage": "dev", "service": "carts"}


def host(*, on_failure: str = "end", backoff: str = "0s", times: int = 0, **limits: Any) -> Host:
    """A delivery that has just begun, with a first task that may be retried or parked."""
    retry = {"times": times, "backoff": backoff, "on": ["fail", "timed_out"]} if times else None
    first = {"name": "deploy", "onFailure": on_failure} | ({"retry": retry} if retry else {})
    made = Host(
        {"dev": {"delivery": {"tasks": [first, "test"]}}},
        timeouts=TimeoutPolicy(reaction="3m", **limits),
    )
    made.trigger("s1", context="c1")
    return made


def written(told: Host) -> list[CloudEvent]:
    """What the last command of a host publishes."""
    assert told.last is not None
    found = (to_cloudevent(event, source="here") for event in told.last.events)
    return [each for each in found if each is not None]


def kinds(told: Host) -> list[str]:
    """The types of what the last command of a host publishes."""
    return [each["type"].removeprefix("sh.keptn.event.") for each in written(told)]


def test_an_attempt_is_a_task_of_its_own() -> None:
    """It is asked for under another id, and the finish of the one before is on the bus already."""
    told = host(times=1)
    first = told.task_id("s1")
    told.finish("s1", "fail")
    (second,) = written(told)

    assert "sh.keptn.event.deploy.triggered" == second["type"]
    assert second["id"] == told.task_id("s1") != first
    assert {**SCOPE, "deploy": None} == second["data"]


@pytest.mark.parametrize(
    ("policy", "follows"),
    [
        pytest.param({"times": 1}, ["deploy.triggered"], id="retried"),
        pytest.param({"times": 1, "backoff": "1m"}, [], id="retried later"),
        pytest.param({"on_failure": "park"}, [], id="parked"),
        pytest.param({}, ["dev.delivery.finished"], id="over"),
    ],
)
def test_an_attempt_that_runs_out_of_time_is_finished_whatever_comes_of_it(
    policy: dict[str, Any], follows: list[str]
) -> None:
    """Whoever watches its id is released; another attempt has an id of its own (R27, R28)."""
    told = host(**policy)
    first = told.task_id("s1")
    told.until(180)

    assert ["deploy.finished", *follows] == kinds(told)
    finished = written(told)[0]
    message = "Nobody reacted to task deploy in stage dev within 3m0s; it was terminated."
    assert first == finished["triggeredid"]
    assert {**SCOPE, "result": "fail", "status": "errored", "message": message} == finished["data"]
    command = from_cloudevent(finished)
    assert command is not None
    told.tell(command)
    assert "late" == told.code


def test_parking_has_no_word_in_keptn() -> None:
    """The failed finish is on the bus already; the state is that of a sequence at work."""
    told = host(on_failure="park")
    told.finish("s1", "fail")

    assert (Phase.PARKED, []) == (told.phase("s1"), written(told))
    assert "started" == state_word(told.phase("s1"))


def test_a_retry_by_a_person_asks_for_the_task_again() -> None:
    """As a policy does."""
    told = host(on_failure="park")
    told.finish("s1", "fail", data={"deploy": {"uri": "x"}})
    told.retry("s1", actor="ann")
    (again,) = written(told)

    assert ("sh.keptn.event.deploy.triggered", told.task_id("s1")) == (again["type"], again["id"])
    assert {**SCOPE, "deploy": None} == again["data"]


def test_what_a_person_skips_is_told_by_what_follows() -> None:
    """The failed run was finished once, which is enough; the next task hears what counts (R14)."""
    told = host(on_failure="park")
    told.finish("s1", "fail")
    told.skip("s1", "warning", actor="ann")
    (following,) = written(told)

    assert "sh.keptn.event.test.triggered" == following["type"]
    assert ("warning", "succeeded") == tuple(following["data"][key] for key in ("result", "status"))


def test_a_skip_with_fail_ends_the_sequence() -> None:
    """With the words of any failure."""
    told = host(on_failure="park")
    told.finish("s1", "fail")
    told.skip("s1", "fail", actor="ann")
    (ended,) = written(told)

    assert "sh.keptn.event.dev.delivery.finished" == ended["type"]
    assert ("fail", "succeeded") == tuple(ended["data"][key] for key in ("result", "status"))
    assert "abandonedtask" not in ended


def test_a_pause_of_what_is_parked_is_told_as_any_other() -> None:
    """It is over with the resume, and the sequence is parked as before."""
    told = host(on_failure="park")
    told.finish("s1", "fail")
    told.pause("c1")
    assert ["dev.delivery.paused"] == kinds(told)

    told.resume("c1")
    assert ["dev.delivery.resumed"] == kinds(told)
    assert Phase.PARKED is told.phase("s1")


@pytest.mark.parametrize(
    ("act", "status"), [("abort", "aborted"), ("finish", "succeeded"), ("silence", "errored")]
)
def test_the_end_of_what_is_parked_abandons_no_task(act: str, status: str) -> None:
    """Nothing is in flight: the task was finished before, by its executor or by us."""
    told = host(on_failure="park", parked="1h")
    if act == "silence":
        told.until(180)
    else:
        told.finish("s1", "fail")
    if act == "abort":
        told.abort("c1")
    else:
        told.until(4000)
    (ended,) = written(told)

    assert "sh.keptn.event.dev.delivery.finished" == ended["type"]
    assert ("fail", status) == tuple(ended["data"][key] for key in ("result", "status"))
    assert "abandonedtask" not in ended


def test_progress_is_on_the_bus_already() -> None:
    """As is every report."""
    told = host()
    told.progress("s1", percent=7)

    assert 1 == len(told.of(e.TaskProgressReported))
    assert [] == written(told)


def test_a_redrive_is_triggered_by_its_host_who_has_published_that() -> None:
    """Then it goes on where the old one failed: only that task is asked for (R41)."""
    told = host()
    told.finish("s1")
    told.finish("s1", "fail")
    told.redrive("s1", "s2")

    assert ["dev.delivery.started", "test.triggered"] == kinds(told)
    assert "s2" == written(told)[0]["triggeredid"]
