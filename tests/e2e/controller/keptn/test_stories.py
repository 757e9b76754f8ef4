"""What a person does with Keptn's command line, from the first verb to the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.controller.keptn import command_line
from tests.e2e.controller.keptn.client import Answer, Failed, Keptn, Watcher
from tests.e2e.controller.keptn.executor import Executor, now
from tests.e2e.controller.keptn.world import DEPLOYMENT, IMAGE, TEST
from tests.e2e.controller.process import SHIPYARD, until

GATED = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: gated}
spec:
  stages:
    - name: prod
      sequences:
        - name: delivery
          tasks: [{name: approval, properties: {pass: manual, warning: manual}}, {name: deployment}]
"""


def executor(keptn: Keptn, project: str) -> Executor:
    """An executor that passes every task of a project, with the data that it was given."""

    def work(event: Answer) -> Answer:
        return dict(event["data"])

    made = Executor(
        keptn, f"{project}-executor", dict.fromkeys((DEPLOYMENT, TEST), work), project=project
    )
    made.start()
    return made


def kinds(events: list[Answer]) -> list[str]:
    """The types of events, each once, in their order."""
    return list(dict.fromkeys(each["type"].removeprefix("sh.keptn.event.") for each in events))


def test_a_project_is_made_looked_at_and_deleted(keptn: Keptn) -> None:
    """``auth``, ``create project``, ``create service``, ``get …``, ``delete …``."""
    keptn.authenticate()
    command_line.create_project(keptn, "made", SHIPYARD)
    for service in ("carts", "carts-db"):
        keptn.create_service("made", service)
    [(name, created, version)] = command_line.get_projects(keptn, "made")
    services = command_line.get_services(keptn, "made")

    assert "" == command_line.version_warning(keptn)
    assert ("made", "spec.keptn.sh/0.2.2") == (name, version)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(created)) < timedelta(minutes=1)
    assert ["dev", "prod"] == command_line.get_stages(keptn, "made")
    assert [
        ("carts", "made", "dev"), ("carts-db", "made", "dev"),
        ("carts", "made", "prod"), ("carts-db", "made", "prod"),
    ] == [each[:3] for each in services]  # fmt: skip
    assert "n/a" not in {each[3] for each in services}
    with pytest.raises(Failed, match="carts"):
        keptn.create_service("made", "carts")
    with pytest.raises(Failed, match="made"):
        command_line.create_project(keptn, "made", SHIPYARD)
    keptn.delete_service("made", "carts-db")
    assert ["carts"] == [each["serviceName"] for each in keptn.services("made", "dev")]
    keptn.delete_project("made")
    assert [] == command_line.get_projects(keptn, "made")


def test_a_delivery_is_watched_to_its_end(keptn: Keptn) -> None:
    """``trigger delivery --watch``: everything that happens is seen, nothing of it too late."""
    command_line.create_project(keptn, "watched", SHIPYARD)
    keptn.create_service("watched", "carts")
    working = executor(keptn, "watched")
    context = command_line.trigger_delivery(
        keptn, "watched", "carts", IMAGE, labels={"build": "17"}, values={"replicas": 2}
    )
    watcher = Watcher(keptn, project="watched", keptnContext=context)
    seen = watcher.poll()

    def is_over() -> bool:
        working.poll()
        seen.extend(watcher.poll())
        return "prod.delivery.finished" in kinds(seen)

    begun = set(kinds(seen))
    until(is_over)
    deployments = [each["data"] for each in seen if each["type"] == DEPLOYMENT]

    assert {"dev.delivery.triggered", "dev.delivery.started", "deployment.triggered"} == begun
    assert {
        "dev.delivery.triggered", "dev.delivery.started", "dev.delivery.finished",
        "prod.delivery.triggered", "prod.delivery.started", "prod.delivery.finished",
        *(f"{task}.{kind}" for task in ("deployment", "test")
          for kind in ("triggered", "started", "finished")),
    } == set(kinds(seen))  # fmt: skip
    assert {context} == {each["shkeptncontext"] for each in seen}
    assert {"dev", "prod"} == {each["stage"] for each in deployments}
    for data in deployments:
        assert {"image": IMAGE, "replicas": 2} == data["configurationChange"]["values"]
        assert {"build": "17"} == data["labels"]
    last = [each for each in seen if each["type"].endswith("prod.delivery.finished")][-1]
    assert ("succeeded", "pass") == (last["data"]["status"], last["data"]["result"])
    assert len({each["id"] for each in watcher.poll()}) <= 1


def test_what_the_command_line_refuses_itself(keptn: Keptn) -> None:
    """A service that is not listed; a project that there is not."""
    command_line.create_project(keptn, "refusing", SHIPYARD)
    with pytest.raises(command_line.NotDone, match="service carts has not been found"):
        command_line.trigger_delivery(keptn, "refusing", "carts", IMAGE)
    with pytest.raises(command_line.NotDone):
        command_line.trigger_sequence(keptn, "delivery", "refusing", "carts", "dev")
    with pytest.raises(Failed, match="nowhere"):
        command_line.trigger_delivery(keptn, "nowhere", "carts", IMAGE)

    assert [] == keptn.events(project="refusing")


def test_a_delivery_is_paused_resumed_and_aborted(keptn: Keptn) -> None:
    """``pause``, ``resume`` and ``abort sequence``: in no stage, or in one."""
    command_line.create_project(keptn, "stopped", SHIPYARD)
    keptn.create_service("stopped", "carts")
    context = command_line.trigger_delivery(keptn, "stopped", "carts", IMAGE)
    working = executor(keptn, "stopped")
    states = [keptn.state("stopped", context)["state"]]
    for word, stage in (("pause", ""), ("resume", ""), ("pause", "dev"), ("resume", "dev")):
        keptn.control("stopped", context, word, stage)
        states.append(keptn.state("stopped", context)["state"])
    keptn.control("stopped", context, "abort")
    until(working.poll)
    history = kinds(keptn.events(project="stopped", keptnContext=context))

    assert ["started", "paused", "started", "paused", "started"] == states
    assert "aborted" == keptn.state("stopped", context)["state"]
    assert "dev.delivery.finished" in history
    assert "test.triggered" not in history
    for code, known in ((404, "nobody"), (400, context)):
        with pytest.raises(Failed) as refused:
            keptn.control("stopped", known, "pause")
        assert code == refused.value.code


def test_an_evaluation_is_triggered_and_watched(keptn: Keptn) -> None:
    """``trigger evaluation --watch``: the built-in sequence runs; ``get event`` has its score."""
    command_line.create_project(keptn, "judged", SHIPYARD)
    keptn.create_service("judged", "carts")
    end = datetime.now(UTC)
    context = command_line.trigger_evaluation(
        keptn, "judged", "dev", "carts", start=end - timedelta(minutes=5), end=end
    )
    kind = "sh.keptn.event.evaluation.triggered"

    def judge(event: Answer) -> Answer:
        window = event["data"]["evaluation"]
        result = {"timeStart": window["start"], "timeEnd": window["end"], "score": 100.0}
        return {**event["data"], "evaluation": {**result, "result": "pass"}}

    lighthouse = Executor(keptn, "lighthouse", {kind: judge}, project="judged")
    lighthouse.start()
    watcher, seen = Watcher(keptn, project="judged", keptnContext=context), list[Answer]()

    def is_over() -> bool:
        lighthouse.poll()
        seen.extend(watcher.poll())
        return "dev.evaluation.finished" in kinds(seen)

    until(is_over)
    [finished] = command_line.get_evaluations(keptn, context)
    [stage] = keptn.state("judged", context)["stages"]

    assert "dev.evaluation.triggered" in kinds(seen)
    assert 100.0 == finished["data"]["evaluation"]["score"]
    assert {"result": "pass", "score": 100.0} == stage["latestEvaluation"]
    assert context == finished["shkeptncontext"]


def test_a_project_is_updated_and_goes_on(keptn: Keptn) -> None:
    """``update project``, which sends Git's credentials and no shipyard."""
    command_line.create_project(keptn, "updated", SHIPYARD)
    keptn.create_service("updated", "carts")
    before = keptn.project("updated")
    git = {
        "remoteURL": "https://git.example/sockshop.git",
        "user": "ann",
        "https": {"token": "of git", "insecureSkipTLS": False},
    }
    keptn.update_project("updated", git)
    after = keptn.project("updated")

    assert before == after
    assert command_line.trigger_delivery(keptn, "updated", "carts", IMAGE)


def test_an_event_is_sent_and_got(keptn: Keptn) -> None:
    """``send event --file`` and ``get event``: one page, the newest first."""
    command_line.create_project(keptn, "sent", SHIPYARD)
    file = {
        "type": "sh.keptn.event.dev.delivery.triggered",
        "specversion": "1.0",
        "source": "travis-ci",
        "contenttype": "application/json",
        "datacontenttype": "application/json",
        "time": now(),
        "shkeptnspecversion": "0.2.4",
        "data": {"project": "sent", "stage": "dev", "service": "carts", "labels": {"a": "<1>"}},
    }
    contexts = [command_line.send_event(keptn, file) for _ in range(12)]
    [open_task] = keptn.open_triggered(DEPLOYMENT, project="sent")
    got = command_line.get_event(keptn, str(file["type"]), "sent")
    one = command_line.get_event(keptn, DEPLOYMENT, "sent", keptnContext=contexts[0])

    assert 12 == len(set(contexts))
    assert contexts[0] == open_task["shkeptncontext"]
    assert contexts[:1:-1] == [each["shkeptncontext"] for each in got]
    assert [open_task["id"]] == [each["id"] for each in one]
    assert {"a": "<1>"} == one[0]["data"]["labels"]
    assert [] == command_line.get_event(keptn, "sh.keptn.event.nothing.triggered", "sent")


def test_a_delivery_is_approved(keptn: Keptn) -> None:
    """``get event approval.triggered``, then ``send event approval.finished --id``."""
    command_line.create_project(keptn, "gated", GATED)
    keptn.create_service("gated", "carts")
    context = command_line.trigger_delivery(keptn, "gated", "carts", IMAGE)
    [approval] = command_line.get_approvals(keptn, "gated", "prod")
    same = command_line.get_approvals(keptn, "gated", "prod", "carts")
    answered = command_line.approve(keptn, "gated", "prod", approval["id"])
    [deployment] = until(lambda: keptn.open_triggered(DEPLOYMENT, project="gated"))

    assert [approval] == same
    assert {"pass": "manual", "warning": "manual"} == approval["data"]["approval"]
    assert IMAGE == approval["data"]["configurationChange"]["values"]["image"]
    assert context == answered == deployment["shkeptncontext"]
    assert [] == command_line.get_approvals(keptn, "gated", "prod")
    assert "started" == keptn.state("gated", context)["state"]
    with pytest.raises(command_line.NotDone, match="nothing"):
        command_line.approve(keptn, "gated", "prod", "nothing")


def test_an_approval_stays_open_for_a_person_when_the_approval_service_has_started(
    keptn: Keptn,
) -> None:
    """Keptn's own service waits for them where the strategy is manual; theirs is the only vote."""
    command_line.create_project(keptn, "waiting", GATED)
    keptn.create_service("waiting", "carts")
    context = command_line.trigger_delivery(keptn, "waiting", "carts", IMAGE)
    [approval] = command_line.get_approvals(keptn, "waiting", "prod")
    scope = {name: approval["data"][name] for name in ("project", "stage", "service")}
    message = "Approval strategy for result '': manual"
    started = {
        "type": "sh.keptn.event.approval.started",
        "specversion": "1.0",
        "source": "approval-service",
        "contenttype": "application/json",
        "time": now(),
        "shkeptnspecversion": "0.2.4",
        "shkeptncontext": context,
        "triggeredid": approval["id"],
        "data": {**scope, "status": "succeeded", "message": message},
    }
    command_line.send_event(keptn, started)
    service = keptn.service("waiting", "prod", "carts")
    still = command_line.get_approvals(keptn, "waiting", "prod")
    command_line.approve(keptn, "waiting", "prod", approval["id"])
    [deployment] = until(lambda: keptn.open_triggered(DEPLOYMENT, project="waiting"))

    assert [approval] == still
    assert [(approval["id"], context, approval["time"])] == [
        (each["eventId"], each["keptnContext"], datetime.fromisoformat(each["time"]))
        for each in service["openApprovals"]
    ]
    assert context == deployment["shkeptncontext"]
    assert [] == keptn.service("waiting", "prod", "carts")["openApprovals"]
