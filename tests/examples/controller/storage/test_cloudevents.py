"""How what happened stands in the history: the whole conversation, as it was held."""

from __future__ import annotations

from typing import Any

import pytest

from examples.controller.storage.cloudevents import history_of
from sequencectl import Event
from sequencectl.cloudevents import to_cloudevent
from sequencectl.events import (
    SequenceTriggered,
    TaskFinished,
    TaskFinishReported,
    TaskStartReported,
    TaskTriggered,
)
from tests.support import Host

SCOPE = {"project": "sockshop", "stage": "dev", "service": "carts"}


def at(seconds: int) -> str:
    """An instant of the history: so many seconds after the begin."""
    return f"2026-01-01T09:00:{seconds:02}.000Z"


@pytest.fixture
def host() -> Host:
    """A delivery with a task in flight."""
    host = Host({"dev": {"delivery": {"tasks": ["deploy"]}},
                 "prod": {"delivery": {"tasks": ["deploy"],
                                       "triggeredOn": ["dev.delivery.finished"]}}})  # fmt: skip
    host.trigger("a", context="c", data={"image": "carts:1", "project": "another's"})
    return host


def written(event: Event) -> dict[str, Any]:
    """The CloudEvent of an event that has one."""
    found = history_of(event)
    assert found is not None
    return found


def about(kind: str, seconds: int) -> dict[str, Any]:
    """What every CloudEvent of context c has."""
    return {
        "specversion": "1.0", "type": f"sh.keptn.event.{kind}", "time": at(seconds),
        "datacontenttype": "application/json", "shkeptncontext": "c",
        "shkeptnspecversion": "0.2.4",
    }  # fmt: skip


def test_a_trigger_stands_there_with_its_id_and_data(host: Host) -> None:
    """Its scope is that which was accepted, whatever its data said."""
    (trigger,) = host.of(SequenceTriggered)

    assert written(trigger) == {
        **about("dev.delivery.triggered", 0), "id": "a", "source": "outside",
        "data": {"image": "carts:1", **SCOPE},
    }  # fmt: skip


def test_a_revision_is_kept() -> None:
    """The commit of the configuration that the trigger asked for."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    host.trigger("a", revision="4f2a")

    assert "4f2a" == written(host.of(SequenceTriggered)[0])["gitcommitid"]


def test_a_start_stands_there_as_its_executor_sent_it(host: Host) -> None:
    """With the source and the id it came with, and the task that it is about."""
    host.at(3).start("a", source="deployer", report_id="r1")
    (task,), (report,) = host.of(TaskTriggered), host.of(TaskStartReported)

    assert written(report) == {
        **about("deploy.started", 3), "id": "r1", "source": "deployer",
        "triggeredid": task.task_id, "data": SCOPE,
    }  # fmt: skip


def test_a_finish_stands_there_as_its_executor_sent_it(host: Host) -> None:
    """Its result, status, message and data are those of the report."""
    host.at(4).finish("a", "warning", "deployer", report_id="r2", message="slow", data={"pods": 3})
    (task, _), (report,) = host.of(TaskTriggered), host.of(TaskFinishReported)

    assert written(report) == {
        **about("deploy.finished", 4), "id": "r2", "source": "deployer",
        "triggeredid": task.task_id,
        "data": {"pods": 3, "result": "warning", "status": "succeeded", "message": "slow", **SCOPE},
    }  # fmt: skip


def test_a_finish_without_a_message_has_none(host: Host) -> None:
    """Not an empty one."""
    host.finish("a")

    assert "message" not in written(host.of(TaskFinishReported)[0])["data"]


def test_a_report_without_an_id_gets_one_of_its_own(host: Host) -> None:
    """It is the same whenever the event is read, and no other event's."""
    host.start("a", source="one")
    host.finish("a", source="one")
    ids = [written(event)["id"] for event in host.events if history_of(event) is not None]
    again = [written(event)["id"] for event in host.events if history_of(event) is not None]

    assert ids == again
    assert len(set(ids)) == len(ids)
    assert all(ids)


def test_an_id_that_was_made_stays_the_same_from_release_to_release() -> None:
    """A journal may be made up again by a newer program; another project has other ids."""
    made = []
    for project in ("sockshop", "other"):
        host = Host({"dev": {"delivery": ["deploy"]}}, project=project)
        host.trigger("a")
        host.start("a")
        made.append(written(host.of(TaskStartReported)[0])["id"])

    assert [
        "30ef46b9-31eb-30be-2027-279fe376c793",
        "c558f107-48d9-7774-38a4-2971a2986a82",
    ] == made


def test_everything_else_stands_there_as_it_was_published(host: Host) -> None:
    """The trigger of a follow-up too: nobody outside sent it. What has no form is left out."""
    host.finish("a")
    _, follow_up = host.of(SequenceTriggered)
    published = [follow_up, *host.of(TaskTriggered)]

    assert [to_cloudevent(event, source="sequencectl-controller") for event in published] == [
        history_of(event) for event in published
    ]
    assert {"sequencectl-controller"} == {written(event)["source"] for event in published}
    assert history_of(host.of(TaskFinished)[0]) is None
