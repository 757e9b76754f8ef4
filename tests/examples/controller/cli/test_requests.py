"""What the command line sends, and what it sends again when the answer is lost."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.examples.controller.cli.command_line import CommandLine
from tests.examples.controller.cli.fake_api import Fault, Lost

C = "00000000-0000-0000-0000-000000000001"
BROKEN = httpx.ReadError("Connection reset by peer")
DELIVER = "trigger delivery -p sockshop --service carts --image carts:1"


def test_a_delivery_is_sent_as_keptn_sends_it(run: CommandLine) -> None:
    """The image is a changed value; the first stage and the sequence `delivery` are the default."""
    run(f"{DELIVER} --labels 'a=1, b=x=y'")

    assert [
        {
            "specversion": "1.0",
            "id": "00000000-0000-0000-0000-000000000002",
            "source": "sequencectl-cli",
            "type": "sh.keptn.event.dev.delivery.triggered",
            "datacontenttype": "application/json",
            "shkeptncontext": C,
            "shkeptnspecversion": "0.2.4",
            "actor": "alice",
            "data": {
                "project": "sockshop",
                "stage": "dev",
                "service": "carts",
                "labels": {"a": "1", "b": "x=y"},
                "configurationChange": {"values": {"image": "carts:1"}},
            },
        }
    ] == run.api.received


def test_data_of_a_sequence_cannot_change_its_scope(run: CommandLine, tmp_path: Path) -> None:
    """Data may come from a file; labels of both join; where it goes is said by the options."""
    file = tmp_path / "data.json"
    file.write_text('{"project": "other", "labels": {"a": "0", "c": "3"}, "x": 1}', "utf-8")

    run(f"trigger sequence s -p sockshop --service carts --stage dev --labels a=1 --data @{file}")

    assert {
        "project": "sockshop",
        "stage": "dev",
        "service": "carts",
        "labels": {"a": "1", "c": "3"},
        "x": 1,
    } == run.api.received[0]["data"]


@pytest.mark.parametrize(
    ("verb", "option", "actor"),
    [
        (f"{DELIVER}", "", {"actor": "alice"}),
        (f"{DELIVER}", "--actor ci", {"actor": "ci"}),
        (f"{DELIVER}", "--actor ''", {}),
        ("trigger sequence s -p sockshop --service carts --stage dev", "--actor ci",
         {"actor": "ci"}),
    ],
)  # fmt: skip
def test_a_trigger_names_who_triggers(
    run: CommandLine, verb: str, option: str, actor: dict[str, str]
) -> None:
    """By default that is the user; whoever names nobody says nothing."""
    run(f"{verb} {option}")

    assert actor == {key: run.api.received[0][key] for key in run.api.received[0] if key == "actor"}


def test_a_control_names_who_asks_for_it(run: CommandLine) -> None:
    """By default that is the user; the id of the request is new each time."""
    run(DELIVER)

    run(f"pause sequence -c {C}")
    run(f"resume sequence -c {C} --actor ci --reason night --request-id r1 --stage dev")

    more = {"stage": "dev", "actor": "ci", "reason": "night", "requestId": "r1"}
    assert [
        {"state": "pause", "stage": "", "actor": "alice", "reason": "", "requestId": C[:-1] + "3"},
        {"state": "resume", **more},
    ] == run.api.received[1:]


@pytest.mark.parametrize("fault", [BROKEN, Lost(BROKEN), Lost(httpx.ReadTimeout(""))])
def test_a_control_whose_answer_is_lost_is_sent_again(run: CommandLine, fault: Fault) -> None:
    """Under the same id: whether the first one was carried out or not, it is carried out once."""
    run(DELIVER)
    run.api.faults = [None, fault]

    ran = run(f"pause sequence -c {C} -p sockshop")

    controls = run.api.world.projects["sockshop"].contexts[C]["controls"]
    assert (0, "The current sequence execution is paused.") == (ran.status, ran.lines[0])
    assert 1 == len(controls)
    assert [0.2] == run.slept


def test_a_trigger_whose_answer_is_lost_triggers_once(run: CommandLine) -> None:
    """The event carries an id of the command line's own."""
    run.api.faults = [None, Lost(BROKEN), BROKEN]

    ran = run(DELIVER)

    assert (0, 1) == (ran.status, len(run.api.world.projects["sockshop"].sequences))


def test_hope_is_given_up_after_some_attempts(run: CommandLine) -> None:
    """The sentence says that the request may have taken effect, and how to ask again safely."""
    run(DELIVER)
    run.api.faults = [None, Lost(BROKEN), BROKEN, httpx.ConnectError("refused"), BROKEN]

    ran = run(f"pause sequence -c {C} -p sockshop")

    assert (3, [0.2, 0.5, 1.0]) == (ran.status, run.slept)
    assert f"It may have taken effect; --request-id={C[:-1]}3 makes it safe" in ran.err


def test_a_request_of_the_user_that_was_carried_out_before_is_said_to_be(run: CommandLine) -> None:
    """An id that is used again changes nothing, and that is no error."""
    run(DELIVER)
    first = run(f"pause sequence -c {C} --request-id r1")

    second = run(f"pause sequence -c {C} --request-id r1")

    assert (0, 0) == (first.status, second.status)
    assert ["This request was carried out before; nothing has changed."] == second.lines


def test_what_cannot_be_sent_twice_is_sent_once(run: CommandLine) -> None:
    """A project that may be there or not is for the user to look at."""
    run.api.faults = [Lost(BROKEN)]

    ran = run("create project podtato --shipyard examples/demo/sockshop.yaml")

    assert (3, ["POST /v1/project"], []) == (ran.status, run.api.asked, run.slept)


def test_without_a_project_the_one_of_the_context_is_found(run: CommandLine) -> None:
    """The commands of the proposal name no project."""
    run.api.world.project("another", "carts")
    run(DELIVER)

    ran = run(f"pause sequence -c {C}")

    assert (0, "paused") == (ran.status, run.api.world.projects["sockshop"].contexts[C]["state"])


@pytest.mark.parametrize("waits", [True, False])
def test_force_is_proposed_where_an_abort_waits(run: CommandLine, waits: bool) -> None:
    """The line under it is the controller's: for which task, until when; then what ends it now."""
    run.api.world.project()
    run.api.world.trigger(C)

    ran = run(f"abort sequence -c {C}{'' if waits else ' --force'}")

    assert (0, "The sequence execution is aborted.") == (ran.status, ran.lines[0])
    assert waits is any(line.startswith("The abort waits for task") for line in ran.lines)
    assert waits is ran.out.endswith(" --force\n")


def test_a_context_of_two_projects_is_not_guessed(run: CommandLine) -> None:
    """The user has to say which."""
    run.api.world.project("another")
    for project in run.api.world.projects:
        run.api.world.trigger("c1", project=project)

    ran = run("abort sequence -c c1")

    assert (2, True) == (ran.status, "(sockshop, another)" in ran.err)


def test_a_name_cannot_leave_its_place_in_the_address(run: CommandLine) -> None:
    """Slashes, dots and question marks in a name stay a name."""
    for name in ("'a/../b?c#d'", "..", "a%2fb"):
        run(f"get project {name}")

    assert [
        "GET /v1/project/a%2F..%2Fb%3Fc%23d",
        "GET /v1/project/%2E%2E",
        "GET /v1/project/a%252fb",
    ] == run.api.asked


@pytest.mark.parametrize(("option", "shown"), [("", 2), ("--all", 5)])
def test_a_list_is_shown_page_by_page(run: CommandLine, option: str, shown: int) -> None:
    """One page, the newest first, or all of them."""
    for number in range(5):
        run.api.world.trigger(f"c{number}")

    page = json.loads(run(f"get sequence --page-size 2 {option} --output json").out)

    newest = ["c4", "c3", "c2", "c1", "c0"][:shown]
    assert (newest, 5) == ([s["shkeptncontext"] for s in page["states"]], page["totalCount"])


def test_an_event_is_sent_as_it_stands(run: CommandLine, tmp_path: Path) -> None:
    """An executor's report can be sent by hand; the context is printed."""
    run.api.world.trigger("c1")
    report = {
        "type": "sh.keptn.event.deployment.started",
        "source": "me",
        "id": "1",
        "triggeredid": "c1-dev-task-1",
        "shkeptncontext": "c1",
        "data": {"project": "sockshop"},
    }
    file = tmp_path / "event.json"
    file.write_text(json.dumps(report), "utf-8")

    first, second = run(f"send event --file {file}"), run(f"send event --file {file}")

    assert ["ID of Keptn context: c1"] == first.lines
    assert ["ID of Keptn context: c1", "Nothing has changed: duplicate."] == second.lines
    assert [report, report] == run.api.received


def test_explain_tells_what_executors_logged(run: CommandLine) -> None:
    """After all else, the oldest entry first; the controller has the newest first."""
    run(DELIVER)
    run.api.world.projects["sockshop"].contexts[C]["logs"] = [
        {"time": "2026-01-01T10:00:01.000Z", "task": "", "message": "and then\nno more"},
        {"time": "2026-01-01T10:00:00.000Z", "task": "deployment", "message": "no such image"},
    ]

    ran = run(f"explain -c {C}")

    assert [
        "2026-01-01 10:00:00 UTC: logged by deployment: no such image",
        "2026-01-01 10:00:01 UTC: logged: and then\\nno more",
    ] == ran.lines[-2:]
