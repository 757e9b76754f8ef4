"""Registrations, subscriptions and the log as Keptn's types take them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.e2e.controller.keptn import command_line, models
from tests.e2e.controller.keptn.client import CONTROL_PLANE, Answer, Keptn
from tests.e2e.controller.keptn.go import decoded
from tests.e2e.controller.keptn.world import DEPLOYMENT

UNIFORM, LOG = f"{CONTROL_PLANE}/v1/uniform/registration", f"{CONTROL_PLANE}/v1/log"
SUBSCRIPTION = {
    "id": "",
    "event": DEPLOYMENT,
    "filter": {"projects": ["sockshop"], "stages": ["dev"], "services": None},
}


def integration(name: str, *subscriptions: Answer) -> Answer:
    """What an executor sends to register."""
    cluster = {"namespace": "keptn", "podname": f"{name}-1", "deploymentname": name}
    metadata = {
        "hostname": "node-1",
        "integrationversion": "0.1.0",
        "distributorversion": "0.15.0",
        "location": "control-plane",
        "kubernetesmetadata": cluster,
        "lastseen": command_line.ZERO,
    }
    return {"id": "", "name": name, "metadata": metadata, "subscriptions": [*subscriptions]}


def test_a_registration_is_what_its_type_has(keptn: Keptn) -> None:
    """All that was sent comes back, with ids and a sign of life."""
    sent = integration("typed", SUBSCRIPTION)
    known = keptn.register(sent)
    [found] = keptn.registrations(name="typed")
    seen = found["metadata"]["lastseen"]

    assert known == found["id"]
    assert {**sent["metadata"], "lastseen": seen} == found["metadata"]
    assert datetime.now(UTC) - seen < timedelta(minutes=1)
    assert [(DEPLOYMENT, ["sockshop"], ["dev"])] == [
        (each["event"], each["filter"]["projects"], each["filter"]["stages"])
        for each in found["subscriptions"]
    ]
    assert "" not in {each["id"] for each in found["subscriptions"]}


def test_the_bridge_filters_registrations(keptn: Keptn) -> None:
    """By the executor, and by what one of its subscriptions names."""
    known = keptn.register(integration("picked", SUBSCRIPTION))
    keptn.register(integration("passed over"))
    queries = [{"name": "picked"}, {"id": known}, {"project": "sockshop", "stage": "dev"}]

    for query in queries:
        names = [each["name"] for each in keptn.registrations(**query)]
        assert "picked" in names
        assert "passed over" not in names
    assert [] == keptn.registrations(service="carts")


def test_subscriptions_are_kept_one_by_one(keptn: Keptn) -> None:
    """Read, added, changed and removed, as the Bridge does it."""
    known = keptn.register(integration("subscribed", SUBSCRIPTION))
    path = f"{UNIFORM}/{known}/subscription"
    own = keptn.subscribe(known, {**SUBSCRIPTION, "event": "sh.keptn.event.test.triggered"})
    one = decoded(models.SUBSCRIPTION, keptn.http.get_ok(f"{path}/{own}"))
    several = decoded(models.SUBSCRIPTIONS, keptn.http.get_ok(path))
    put = decoded(models.MADE, keptn.http.put(f"{path}/{own}", SUBSCRIPTION))
    changed = decoded(models.SUBSCRIPTION, keptn.http.get_ok(f"{path}/{own}"))
    removed = keptn.http.delete(f"{path}/{own}")

    assert ("sh.keptn.event.test.triggered", own) == (one["event"], one["id"])
    assert one == several[1]
    assert {"id": own} == put
    assert {**one, "event": DEPLOYMENT} == changed
    assert b"{}" == removed
    assert several[:1] == decoded(models.SUBSCRIPTIONS, keptn.http.get_ok(path))


def test_the_log_is_what_its_type_has(keptn: Keptn) -> None:
    """A page of it, by integration and by time; the bounds of time are included."""
    known, times = "logged-by", [f"2022-01-01T10:00:0{second}.5Z" for second in range(3)]
    entry = {"integrationid": known, "shkeptncontext": "c1", "task": "test", "triggeredid": "t1"}
    keptn.log([{**entry, "message": at, "time": at, "gitcommitid": "g1"} for at in times])
    last = decoded(models.LOGS, keptn.http.get_ok(LOG, integrationId=known, pageSize="1"))
    bounds = {"fromTime": "2022-01-01T10:00:01.500Z", "beforeTime": "2022-01-01T10:00:01.500Z"}
    one = keptn.logs(integrationId=known, **bounds)

    assert (3, 1, 1) == (last["totalCount"], last["pageSize"], last["nextPageKey"])
    assert [times[2]] == [each["message"] for each in last["logs"]]
    assert [{**entry, "message": times[1], "gitcommitid": "g1"}] == [
        {name: value for name, value in each.items() if name != "time"} for each in one["logs"]
    ]
    assert [datetime.fromisoformat(times[1])] == [each["time"] for each in one["logs"]]
