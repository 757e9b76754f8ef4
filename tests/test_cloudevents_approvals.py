"""Approvals as CloudEvents: who is read as voting, and what is published (R34, R35)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sequencectl import InvalidValue, Phase, Shipyard, TimeoutPolicy, TriggerSequence
from sequencectl import commands as c
from sequencectl import events as e
from sequencectl.cloudevents import from_cloudevent, to_cloudevent
from tests.support import Host

CloudEvent = dict[str, Any]
SCOPE = {"project": "sockshop", "stage": "prod", "service": "carts"}
MANUAL = {"pass": "manual", "warning": "manual"}
AUTOMATIC = {"pass": "automatic", "warning": "automatic"}
LIMIT = TimeoutPolicy(completion="1h")


def host(approval: Any = True, *, properties: Any = None, before: tuple[str, ...] = ()) -> Host:
    """A host whose stage prod has an approval after some tasks, and a release behind it."""
    tasks: list[Any] = [{"name": name} for name in before]
    tasks.append({"name": "approval", "approval": approval, "properties": properties or MANUAL})
    document = {
        "apiVersion": "spec.keptn.sh/0.2.3",
        "kind": "Shipyard",
        "metadata": {"name": "sockshop"},
        "spec": {
            "stages": [
                {
                    "name": "prod",
                    "sequences": [{"name": "delivery", "tasks": [*tasks, {"name": "release"}]}],
                }
            ]
        },
    }
    return Host(Shipyard.from_mapping(document), timeouts=LIMIT)


def begun(approval: Any = True, **more: Any) -> tuple[Host, CloudEvent]:
    """A host whose approval is open, and the CloudEvent that says so."""
    made = host(approval, **more)
    made.trigger("s1", "prod", context="c1", actor="ada")
    [opened] = written(made, "approval.triggered")
    return made, opened


def written(told: Host, *kinds: str) -> list[CloudEvent]:
    """What the last command of a host publishes, of some types or of all."""
    assert told.last is not None
    events = (to_cloudevent(event, source="here") for event in told.last.events)
    wanted = {f"sh.keptn.event.{kind}" for kind in kinds}
    return [each for each in events if each is not None and (not kinds or each["type"] in wanted)]


def report(opened: CloudEvent, word: str, source: str, **more: Any) -> CloudEvent:
    """What is sent about a task that was triggered; `data` is added to its scope."""
    kind = opened["type"].removesuffix("triggered") + word
    data = {key: opened["data"][key] for key in SCOPE} | more.pop("data", {})
    about = {"id": f"{opened['id']} {source} {word}", "source": source, "data": data}
    envelope = {key: opened[key] for key in ("specversion", "shkeptncontext")}
    return {**envelope, "type": kind, "triggeredid": opened["id"], **about, **more}


def vote(opened: CloudEvent, source: str, result: str = "pass", **more: Any) -> CloudEvent:
    """A vote as Keptn's command line sends it."""
    data = {"result": result, "status": "succeeded", **more.pop("data", {})}
    return report(opened, "finished", source, data=data, **more)


def heard(told: Host, event: CloudEvent) -> str:
    """The outcome of a CloudEvent."""
    command = from_cloudevent(event)
    assert command is not None
    told.tell(command)
    return told.code


def approval_service(opened: CloudEvent) -> Iterator[CloudEvent]:
    """What Keptn's own approval-service answers to an approval, in its order.

    It says that it has started and which strategy holds; it finishes if the task before, or an
    evaluation, has a result whose strategy is automatic, or has failed. Else a person has to.
    """
    data = opened["data"]
    result = data.get("result") or data.get("evaluation", {}).get("result", "")
    strategy = "automatic" if result == "fail" else data["approval"].get(result) or "manual"
    message = f"Approval strategy for result '{result}': {strategy}"
    started = {"status": "succeeded", "message": message}
    yield report(opened, "started", "approval-service", data=started)
    if strategy == "automatic":
        verdict = "fail" if result == "fail" else "pass"
        finished = {"status": "succeeded", "result": verdict, "message": ""}
        yield report(opened, "finished", "approval-service", data=finished)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(("given", "actor"), [("bob", "bob"), ("", ""), (None, "")])
def test_the_attribute_actor_says_who_triggers(given: str | None, actor: str) -> None:
    """An empty one is none: that is how Go leaves something out."""
    kind = "sh.keptn.event.prod.delivery.triggered"
    event = {"specversion": "1.0", "id": "s1", "source": "cli", "type": kind, "actor": given}
    expected = TriggerSequence("s1", stage="prod", sequence="delivery", actor=actor)

    assert expected == from_cloudevent(event)


@pytest.mark.parametrize(("given", "actor"), [("bob", "bob"), ("", ""), (None, "")])
def test_the_attribute_actor_says_who_votes(given: str | None, actor: str) -> None:
    """It is beside the data, where no task can see it."""
    opened = {"type": "sh.keptn.event.approval.triggered", "id": "t1", "specversion": "1.0",
              "shkeptncontext": "c1", "data": SCOPE}  # fmt: skip
    expected = c.ReportTaskFinished(
        "t1", source="cli", result="pass", report_id="t1 cli finished", actor=actor
    )

    assert expected == from_cloudevent(vote(opened, "cli", actor=given))


@pytest.mark.parametrize("odd", [7, ["bob"], {"name": "bob"}, "x" * 201, "two\nlines"])
def test_an_actor_that_is_no_text_is_a_mistake_of_its_sender(odd: object) -> None:
    """Of a trigger as of a finish; a vote is nobody's by mistake."""
    _, opened = begun()
    kind = "sh.keptn.event.prod.delivery.triggered"
    trigger = {"specversion": "1.0", "id": "s1", "source": "cli", "type": kind, "actor": odd}

    for event in (trigger, vote(opened, "cli", actor=odd)):
        with pytest.raises(InvalidValue) as caught:
            from_cloudevent(event)
        assert "actor" == caught.value.where


def test_the_actor_of_a_start_is_nobody_s_business() -> None:
    """It decides nothing, whoever sends it."""
    _, opened = begun()
    event = report(opened, "started", "cli", actor=["odd"])
    expected = c.ReportTaskStarted(opened["id"], source="cli", report_id=event["id"])

    assert expected == from_cloudevent(event)


# ---------------------------------------------------------------- votes


def open_approvals(told: Host) -> list[CloudEvent | None]:
    """What a poller is served."""
    return [to_cloudevent(each.triggered, source="here") for each in
            told.plane.open_tasks(told.state) if each.triggered.approval is not None]  # fmt: skip


def test_an_approval_is_open_until_it_is_decided() -> None:
    """A poller finds it as it was published, after starts and after votes that do not suffice."""
    told, opened = begun({"approve": 2})
    served = []
    for event in (
        report(opened, "started", "approval-service"),
        vote(opened, "cli", actor="bob"),
        vote(opened, "cli", id="ann", actor="ann"),
    ):
        heard(told, event)
        served.append(open_approvals(told))

    assert [[opened], [opened], []] == served


def test_a_decision_by_votes_is_on_the_bus_already() -> None:
    """The vote that decides is the finish of the approval; what comes next is published."""
    told, opened = begun()
    heard(told, vote(opened, "cli", actor="bob"))

    assert ["sh.keptn.event.release.triggered"] == [each["type"] for each in written(told)]


@pytest.mark.parametrize(
    ("properties", "first", "said", "task"),
    [
        pytest.param(AUTOMATIC, "pass", ["applied", "applied"], "release", id="automatic"),
        pytest.param(MANUAL, "pass", ["applied"], "approval", id="manual"),
        pytest.param(AUTOMATIC, "warning", ["applied", "applied"], "release", id="warning"),
        pytest.param({"pass": "automatic", "warning": "manual"}, "warning", ["applied"],
                     "approval", id="a warning is for people"),
        pytest.param({"pass": "", "warning": ""}, "pass", ["applied"], "approval", id="unsaid"),
    ],
)  # fmt: skip
def test_keptn_s_approval_service_is_one_voter(
    properties: dict[str, str], first: str, said: list[str], task: str
) -> None:
    """Automatic, it decides alone where one vote is enough; manual, its start decides nothing."""
    told = host(properties=properties, before=("deployment",))
    told.trigger("s1", "prod", context="c1")
    told.finish("s1", first)
    [opened] = written(told, "approval.triggered")

    assert said == [heard(told, event) for event in approval_service(opened)]
    assert task == told.task("s1")


def test_a_person_decides_what_the_approval_service_has_only_started() -> None:
    """Its start is not waited for, as that of an executor would be (R11)."""
    told, opened = begun()
    for event in approval_service(opened):
        heard(told, event)

    assert "applied" == heard(told, vote(opened, "https://github.com/keptn/keptn/cli#approval"))
    assert "release" == told.task("s1")


def test_the_approval_service_is_one_voter_of_two() -> None:
    """What it decides automatically still needs a person."""
    told = host({"approve": 2}, properties=AUTOMATIC, before=("deployment",))
    told.trigger("s1", "prod", context="c1")
    told.finish("s1")
    [opened] = written(told, "approval.triggered")
    said = [heard(told, event) for event in approval_service(opened)]

    assert (["applied", "applied"], "approval") == (said, told.task("s1"))
    assert ("applied", "release") == (heard(told, vote(opened, "cli")), told.task("s1"))


def test_the_approval_service_cannot_vote_where_voters_must_be_named() -> None:
    """It names nobody: an approval whose initiator is barred is for people."""
    told = host({"initiator": False}, properties=AUTOMATIC, before=("deployment",))
    told.trigger("s1", "prod", context="c1", actor="ada")
    told.finish("s1")
    [opened] = written(told, "approval.triggered")

    assert ["applied", "rejected no_actor"] == [
        heard(told, event) for event in approval_service(opened)
    ]
    assert "rejected own_approval" == heard(told, vote(opened, "cli", id="1", actor="ada"))
    assert "applied" == heard(told, vote(opened, "cli", id="2", actor="bob"))


def test_an_approval_service_that_sends_again_votes_once() -> None:
    """It is told by the ids of its events, and by its name where these are new."""
    told, opened = begun({"approve": 2})
    first = vote(opened, "approval-service")

    assert ["applied", "duplicate", "already_voted"] == [
        heard(told, event) for event in (first, first, {**first, "id": "another"})
    ]


# ---------------------------------------------------------------- writing


def test_silence_that_approves_is_published_as_the_finish() -> None:
    """Nobody has sent one, and whoever polls or waits must learn that it is over."""
    told, opened = begun({"onExpiry": "approve"})
    told.until(3600)
    [finished] = written(told, "approval.finished")
    follow = {"triggeredid": opened["id"], "shkeptncontext": "c1", "source": "here"}

    assert follow == {key: finished[key] for key in follow}
    message = "Nobody rejected approval in stage prod within 1h0m0s; it counts as approved."
    verdict = {"result": "pass", "status": "succeeded", "message": message}
    assert {**SCOPE, **verdict} == finished["data"]
    assert "release" == told.task("s1")
    assert "late" == heard(told, finished)


def test_silence_after_a_vote_has_the_worst_result_that_stands() -> None:
    """With the reason that was given."""
    told, opened = begun({"approve": 2, "onExpiry": "approve"})
    heard(told, vote(opened, "cli", "warning", data={"message": "late at night"}))
    told.until(3600)
    [finished] = written(told, "approval.finished")

    assert "warning" == finished["data"]["result"]
    assert finished["data"]["message"].endswith(" late at night")


def test_an_approval_that_ran_out_of_time_is_finished_with_fail() -> None:
    """As any task: its own finish, then the end of its sequence (R27)."""
    told, opened = begun()
    told.until(3600)
    finished, ended = written(told)

    assert "sh.keptn.event.approval.finished" == finished["type"]
    assert opened["id"] == finished["triggeredid"]
    assert ("fail", "errored") == tuple(finished["data"][key] for key in ("result", "status"))
    assert "sh.keptn.event.prod.delivery.finished" == ended["type"]
    assert "late" == heard(told, finished)


def test_an_approval_that_a_newer_delivery_makes_void_is_named_by_the_end() -> None:
    """The poller finds it in `abandonedtask` of the sequence that was superseded (R35)."""
    told, opened = begun({"newcomer": "supersede"})
    told.trigger("s2", "prod", context="c2")
    [ended] = written(told, "prod.delivery.finished")

    assert {"triggeredid": "s1", "abandonedtask": opened["id"], "shkeptncontext": "c1"} == {
        key: ended[key] for key in ("triggeredid", "abandonedtask", "shkeptncontext")
    }
    assert ("fail", "aborted") == tuple(ended["data"][key] for key in ("result", "status"))
    assert "late" == heard(told, vote(opened, "cli"))


def test_a_sequence_that_was_superseded_in_line_abandons_nothing() -> None:
    """There was no task to name (R6)."""
    told = host()
    told.trigger("s1", "prod")
    told.trigger("s2", "prod")
    superseded = e.SequenceSuperseded(
        serial=9, at=told.now, subject=told.record("s2").subject, superseded_by="s3"
    )
    ended = to_cloudevent(superseded, source="here")

    assert ended is not None
    assert "abandonedtask" not in ended


@pytest.mark.parametrize("name", ["approval", "sign-off"])
def test_an_approval_may_have_any_name(name: str) -> None:
    """Its events have the name of the task; Keptn's clients look for the one they know."""
    told = Host({"prod": {"delivery": {"tasks": [{"name": name, "approval": {}}]}}})
    told.trigger("s1", "prod")
    [opened] = written(told, f"{name}.triggered")

    assert "applied" == heard(told, vote(opened, "cli"))
    assert Phase.FINISHED is told.phase("s1")


def test_a_freeze_an_exemption_and_a_window_have_no_form_in_keptn() -> None:
    """Nothing is published of them."""
    told = host()
    told.freeze("prod", until=told.now + timedelta(hours=1))
    told.trigger("s1", "prod")
    frozen = written(told)
    told.tell(c.ExemptSequence("s1", actor="ada"))

    assert [] == frozen
    assert ["prod.delivery.started", "approval.triggered"] == [
        each["type"].removeprefix("sh.keptn.event.") for each in written(told)
    ]
