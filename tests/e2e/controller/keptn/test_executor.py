"""Executors made with Keptn's SDK carry deliveries, and are known again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.controller.keptn import command_line
from tests.e2e.controller.keptn.client import Failed, Keptn
from tests.e2e.controller.keptn.executor import Executor
from tests.e2e.controller.keptn.world import DEPLOYMENT, IMAGE, TEST
from tests.e2e.controller.process import SHIPYARD, Controller, until


def deploy(event: dict[str, Any]) -> dict[str, Any]:
    """Deploy what was asked for, and say where it is."""
    image = event["data"]["configurationChange"]["values"]["image"]
    scope = {name: event["data"][name] for name in ("project", "stage", "service")}
    return {
        **scope,
        "deployment": {"deploymentNames": [image], "deploymentURIsLocal": ["http://c"]},
    }


def test_it_carries_a_delivery_through_two_stages(keptn: Keptn) -> None:
    """It reads in the event what the tasks before left there."""
    command_line.create_project(keptn, "carried", SHIPYARD)
    keptn.create_service("carried", "carts")
    seen: list[Any] = []

    def check(event: dict[str, Any]) -> dict[str, Any]:
        seen.append(event["data"]["deployment"]["deploymentNames"])
        return {**event["data"], "result": "warning"}

    # subscriptions of which nobody ever heard come first: the pass must get beyond them
    topics = ("sh.keptn.event.get-sli.triggered", "sh.keptn.event.dev.delivery.finished")
    handlers = {DEPLOYMENT: deploy, TEST: check}
    executor = Executor(
        keptn, "carrier", handlers, *topics, "sh.keptn.>", *handlers, project="carried"
    )
    executor.start()
    context = command_line.trigger_delivery(keptn, "carried", "carts", IMAGE)
    done: list[str] = []

    def is_over() -> bool:
        done.extend(executor.poll())
        return len(done) >= 3

    until(is_over)
    state = keptn.state("carried", context)

    assert ["deployment", "test", "deployment"] == done
    assert [[IMAGE]] == seen
    assert "finished" == state["state"]
    assert [("dev", IMAGE, "succeeded"), ("prod", IMAGE, "succeeded")] == [
        (each["name"], each["image"], each["state"]) for each in state["stages"]
    ]
    assert [] == executor.poll()


def test_what_it_logs_is_shown_beside_the_delivery(keptn: Keptn, controller: Controller) -> None:
    """An errored finish is logged before it is sent."""
    command_line.create_project(keptn, "logged", SHIPYARD)
    keptn.create_service("logged", "carts")
    message = 'no such image: "<b>carts</b>" & more\n'
    failure = {"project": "logged", "stage": "dev", "service": "carts", "status": "errored"}
    work = {DEPLOYMENT: lambda _: {**failure, "result": "fail", "message": message}}
    executor = Executor(keptn, "unlucky", work, project="logged")
    executor.start()
    context = command_line.trigger_delivery(keptn, "logged", "carts", IMAGE)
    until(executor.poll)
    with controller.client() as client:
        shown = client.get(f"/v1/sequence/logged/{context}").json()
    page = keptn.logs(integrationId=executor.id)

    assert "finished" == shown["state"]
    assert [(message, "deployment")] == [(each["message"], each["task"]) for each in shown["logs"]]
    assert [(message, context)] == [
        (each["message"], each["shkeptncontext"]) for each in page["logs"]
    ]
    assert 1 == page["totalCount"]


def test_it_is_known_again_after_a_restart_of_either(keptn: Keptn, controller: Controller) -> None:
    """By the same id, with the same subscriptions; a ping of before goes on as if nothing was."""
    first = Executor(keptn, "restarted", {TEST: dict})
    first.start()
    before = first.ping()
    controller.stop()
    controller.start()
    after = first.ping()
    second = Executor(keptn, "restarted", {DEPLOYMENT: dict})
    second.start()

    assert first.id == second.id
    assert before["subscriptions"] == after["subscriptions"] == second.ping()["subscriptions"]
    assert before["metadata"]["lastseen"] < after["metadata"]["lastseen"]


def test_a_ping_is_a_sign_of_life(keptn: Keptn) -> None:
    """All that is known is answered, the present instant included."""
    executor = Executor(keptn, "alive", {TEST: dict, DEPLOYMENT: dict})
    executor.start()
    before = datetime.now(UTC)
    pinged = executor.ping()
    [listed] = keptn.registrations(id=executor.id)

    assert "alive" == pinged["name"]
    assert abs((pinged["metadata"]["lastseen"] - before).total_seconds()) < 60
    assert [TEST, DEPLOYMENT] == [each["event"] for each in pinged["subscriptions"]]
    assert 2 == len({each["id"] for each in pinged["subscriptions"]} - {""})
    assert pinged == listed
    assert executor.id in [each["id"] for each in keptn.registrations()]


def test_a_subscription_that_is_added_is_polled_from_then_on(keptn: Keptn) -> None:
    """The next ping brings it."""
    executor = Executor(keptn, "growing", {TEST: dict})
    executor.start()
    own = keptn.subscribe(
        executor.id, {"id": "", "event": DEPLOYMENT, "filter": {"projects": ["p"], "stages": None}}
    )
    subscriptions = executor.ping()["subscriptions"]

    assert [TEST, DEPLOYMENT] == [each["event"] for each in subscriptions]
    assert own == subscriptions[1]["id"]
    assert ["p"] == subscriptions[1]["filter"]["projects"]


def test_who_was_removed_is_told_so(keptn: Keptn) -> None:
    """Its pings fail until it registers again."""
    executor = Executor(keptn, "removed", {TEST: dict})
    executor.start()
    keptn.unregister(executor.id)
    for ask in (executor.ping, lambda: keptn.unregister(executor.id)):
        with pytest.raises(Failed, match=executor.id) as refused:
            ask()
        assert 404 == refused.value.code
    gone, known = keptn.registrations(id=executor.id), executor.id
    executor.start()

    assert [] == gone
    assert known == executor.id


def test_without_the_token_nobody_registers(controller: Controller) -> None:
    """The sentence says what is missing."""
    stranger = Keptn(controller.url, "wrong")
    with pytest.raises(Failed, match="x-token") as refused:
        Executor(stranger, "stranger", {TEST: dict}).start()
    stranger.close()

    assert 401 == refused.value.code
