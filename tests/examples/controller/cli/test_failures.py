"""What has failed, at a terminal, against the controller itself: retry, skip, redrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.controller.cli.story import Story, has_gone_well, verdict
from sequencectl import ReportTaskProgress, TimeoutPolicy
from tests.examples.controller.api.test_failures import Strict
from tests.examples.controller.cli.command_line import CommandLine
from tests.examples.controller.cli.test_approvals import Line
from tests.examples.controller.served import Served

GOLDEN = Path(__file__).parents[2] / "golden"
SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks:
            - {name: build}
            - {name: deployment, onFailure: park, retry: {times: 1, backoff: 1m}}
            - {name: test}
    - name: prod
      sequences:
        - name: delivery
          onFailure: park
          tasks: [{name: deployment}]
"""
C = "00000000-0000-0000-0000-000000000001"
DELIVER = "trigger delivery -p sockshop --service carts --image carts:1"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A controller with the project sockshop and the service carts."""
    with Served(tmp_path) as served:
        served.create("sockshop", SHIPYARD)
        path = "/v1/project/sockshop/service"
        served.ask("POST", path, json={"serviceName": "carts"}).raise_for_status()
        yield served


@pytest.fixture
def line(run: CommandLine, served: Served) -> Line:
    """The terminal's connection to it."""
    run.transport = line = Line(served)
    run.now = served.clock.now
    return line


def finish(served: Served, task: str, result: str = "pass", **data: Any) -> None:
    """Finish the open task of a name."""
    (opened,) = served.open_tasks(task)
    served.finish(opened, result=result, **data)


def progress(served: Served, task: str, source: str, **said: Any) -> None:
    """Report progress on the open task of a name."""
    (opened,) = served.open_tasks(task)
    command = ReportTaskProgress(opened["id"], source=source, **said)
    served.run(served.controller.host.handle("sockshop", command))


def wait(served: Served, minutes: int) -> None:
    """Let time pass, and the controller look at its deadlines."""
    served.clock.advance(timedelta(minutes=minutes))
    served.run(served.controller.host._check())


def park(served: Served) -> None:
    """Let both runs of the deployment of c1 fail."""
    finish(served, "build")
    finish(served, "deployment", "fail", message="no such chart")
    wait(served, 1)
    finish(served, "deployment", "fail", message="still no such chart")


def test_a_story_of_failures_is_the_golden_one(run: CommandLine, line: Line) -> None:
    """A session at a shell, of which the output is no terminal, reads as in golden/cli-*.txt."""
    served, seen = line.served, [run.transcript(DELIVER)]

    def then(*lines: str) -> None:
        seen.append(run.transcript(*lines))

    finish(served, "build")
    progress(served, "deployment", "helm-service", message="2 of 5 pods", percent=40)
    progress(served, "deployment", "smoke-service")
    served.clock.advance(timedelta(seconds=75))
    then("get sequence -p sockshop")
    finish(served, "deployment", "fail", message="no such chart")
    then("get sequence -p sockshop")
    wait(served, 1)
    (task,) = served.open_tasks("deployment")
    served.finish(task, result="fail", message="still no such chart")
    then(
        "get sequence -p sockshop", "get stage -p sockshop", f"explain -c {C}",
        f"retry sequence -c {C} --reason 'the registry is back'",
        f"retry sequence -c {C}",
        "get sequence",
    )  # fmt: skip
    finish(served, "deployment", "fail", message="gone again")
    then(
        f"skip sequence -c {C}",
        f"skip sequence -c {C} --result warning --reason 'tested by hand'",
        f"redrive sequence -c {C}",
        "get sequence",
    )  # fmt: skip
    finish(served, "test", "fail", message="slow")
    then(
        "get sequence", f"get sequence -c {C}", f"redrive sequence -c {C} --from nothing",
        f"redrive sequence -c {C}", f"redrive sequence -c {C}", f"get sequence -c {C}",
    )  # fmt: skip
    finish(served, "test")
    then(f"get sequence -c {C}", f"redrive sequence -c {C}", f"explain -c {C}")

    assert (GOLDEN / "cli-failures.txt").read_text("utf-8").splitlines() == "".join(
        seen
    ).splitlines()


def deliver(served: Served, context: str = "c1", stage: str = "dev", **about: Any) -> None:
    """Trigger a delivery of carts in a stage."""
    scope = {"project": "sockshop", "stage": stage, "service": "carts"}
    given = {"id": context, "shkeptncontext": context, "actor": "ada", **about}
    served.event(f"{stage}.delivery.triggered", scope, **given).raise_for_status()


@pytest.mark.parametrize("verb", ["retry", "skip --result pass"])
def test_nothing_is_guessed_where_several_are_parked(
    run: CommandLine, line: Line, verb: str
) -> None:
    """Each is named with what to type; and so are the ways out of each in a list."""
    deliver(line.served)
    park(line.served)
    deliver(line.served, "s2", "prod", shkeptncontext="c1")
    finish(line.served, "deployment", "fail")
    control, _, rest = verb.partition(" ")
    which = run(f"{control} sequence -c c1 {rest}")
    listed, done = run("get sequence").lines, run(f"{control} sequence -c c1 --id s2 {rest}")
    phases = [each["phase"] for each in line.served.get("/v1/sequence/sockshop/c1")["sequences"]]

    named = "delivery in stage dev: --id=c1; delivery in stage prod: --id=s2"
    assert (2, f"Several sequences are parked, say which. {named}") == (
        which.status, which.err.removeprefix("sequencectl-cli: ").partition(" (see")[0]
    )  # fmt: skip
    assert {
        "To run the task again, execute: sequencectl-cli retry sequence --keptn-context=c1 --id=s2",
        "To end it, execute: sequencectl-cli abort sequence --keptn-context=c1 --stage=dev",
    } <= {*listed}
    assert 0 == done.status
    assert ["parked", "running" if control == "retry" else "finished"] == phases


def test_what_has_failed_is_named_where_there_are_several(run: CommandLine, line: Line) -> None:
    """A stage says which, too."""
    for stage, known in (("dev", "c1"), ("prod", "s2")):
        deliver(line.served, known, stage, shkeptncontext="c1")
        run(f"abort sequence -c c1 --stage {stage} --force")
    which, done = run("redrive sequence -c c1"), run("redrive sequence -c c1 --stage prod")
    shown = run("get sequence -c c1").lines

    named = "delivery in stage dev: --id=c1; delivery in stage prod: --id=s2"
    assert f"Several sequences have failed, say which. {named}" in which.err
    assert (2, 0) == (which.status, done.status)
    assert done.lines[0].endswith("goes on where s2 failed.")
    assert (
        "To go on where it stopped, execute: "
        "sequencectl-cli redrive sequence --keptn-context=c1 --id=c1"
    ) in shown


def test_a_redrive_begins_with_the_task_that_is_said(run: CommandLine, line: Line) -> None:
    """And in the name of the one who is said."""
    deliver(line.served)
    finish(line.served, "build", "fail")
    run("redrive sequence -c c1 --from test --actor bob")
    old, new = line.served.get("/v1/sequence/sockshop/c1")["sequences"]

    assert ["test"] == [task["name"] for task in new["tasks"]]
    assert (["ada"], ["ada", "bob"]) == (old["initiators"], [*sorted(new["initiators"])])


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("retry sequence -c c1", "The task runs again."),
        ("skip sequence -c c1 --result fail", "The task counts as failed: the sequence ends."),
        ("skip sequence -c c1 --result pass", "The task counts as passed."),
    ],
)
def test_a_control_whose_answer_is_lost_is_sent_again(
    run: CommandLine, line: Line, verb: str, said: str
) -> None:
    """Under the same id: it is done once, and said as done."""
    deliver(line.served)
    park(line.served)
    line.bodies.clear()
    line.lost = 1
    ran = run(verb)

    assert (0, said) == (ran.status, ran.lines[0])
    assert 1 == len({*line.bodies}) < len(line.bodies)
    assert 1 == len(line.served.get("/v1/sequence/sockshop/c1")["controls"])


def test_a_redrive_whose_answer_is_lost_is_sent_again(run: CommandLine, line: Line) -> None:
    """Under the same id; if there is no answer even so, it says that it may be asked again."""
    deliver(line.served)
    finish(line.served, "build", "fail")
    line.bodies.clear()
    line.lost = 1
    done = run("redrive sequence -c c1")
    line.lost = 4
    unanswered = run("redrive sequence -c c1")

    assert 0 == done.status
    assert done.lines[0].endswith("goes on where c1 failed.")
    assert 3 == unanswered.status
    assert "the same command asks for the same again" in unanswered.err
    assert 1 == len({*line.bodies})
    assert 2 == len(line.served.get("/v1/sequence/sockshop/c1")["sequences"])


def test_a_redrive_that_has_failed_before_its_answer_came_is_not_redriven(
    run: CommandLine, line: Line
) -> None:
    """The request that is sent again is the same one, whatever has become of the new sequence."""
    deliver(line.served)
    finish(line.served, "build", "fail")
    line.lost, line.meanwhile = 1, lambda: finish(line.served, "build", "fail")
    ran = run("redrive sequence -c c1")

    assert (0, True) == (ran.status, ran.lines[0].endswith("goes on where c1 failed."))
    assert 2 == len(line.served.get("/v1/sequence/sockshop/c1")["sequences"])


def test_json_is_that_of_the_controller(run: CommandLine, line: Line) -> None:
    """The answer of each verb, and the list with all that its lines are made of."""
    deliver(line.served)
    park(line.served)
    (state,) = json.loads(run("get sequence --output json").out)["states"]
    answers = [
        json.loads(run(f"{verb} -c c1 --output json").out)
        for verb in ("retry sequence", "skip sequence --result pass")
    ]

    assert "deployment" == state["sequences"][0]["parked"]["task"]
    assert [("applied", "c1"), ("not_parked", "c1")] == [
        (each["outcome"], each["sequenceId"]) for each in answers
    ]


def test_what_is_parked_without_a_limit_has_no_end(run: CommandLine, tmp_path: Path) -> None:
    """It says so."""
    with Served(tmp_path, timeouts=TimeoutPolicy.unbounded()) as served:
        run.transport = Line(served)
        served.create("sockshop", SHIPYARD)
        deliver(served, stage="prod")
        finish(served, "deployment", "fail")
        shown = run("get sequence").lines

    assert "c1 prod.delivery: task deployment failed" in shown
    assert "c1 prod.delivery: parked without a limit" in shown


def test_what_may_not_be_retried_any_more_is_not_offered(run: CommandLine, tmp_path: Path) -> None:
    """A skip is."""
    with Served(tmp_path, kind=Strict) as served:
        run.transport = Line(served)
        served.create("sockshop", SHIPYARD)
        deliver(served)
        park(served)
        shown = run("explain -c c1").lines

    assert ["To go on without it", "To end it"] == [
        line.partition(",")[0] for line in shown if line.startswith("To ")
    ]


def test_a_story_that_is_watched_tells_attempts_and_skips(run: CommandLine, line: Line) -> None:
    """A run is told with its number, and a skip with who did it; no line is told twice."""
    deliver(line.served, stage="prod")
    finish(line.served, "deployment", "fail")
    run("retry sequence -c c1")
    (task,) = line.served.open_tasks("deployment")
    about = {"source": "smoke-service", "triggeredid": task["id"]}
    line.served.event("deployment.started", task["data"], id="s", **about)
    line.served.finish(task, result="fail")
    failed = {**task["data"], "result": "fail"}
    line.served.event("deployment.finished", failed, id="f", **about)
    story = Story()
    before = story.lines(line.served.get("/v1/sequence/sockshop/c1"))
    run("skip sequence -c c1 --result pass --actor eve")
    after = story.lines(line.served.get("/v1/sequence/sockshop/c1"))

    assert [
        "prod.delivery: task deployment triggered",
        "prod.delivery: task deployment triggered (attempt 2 of 2)",
    ] == [text for text in texts(before) if "triggered" in text and "task" in text]
    assert "prod.delivery: task deployment over with result fail" in texts(before)
    assert [
        "prod.delivery: task deployment skipped by eve with result pass",
        "prod.delivery finished with result pass: "
        "Task deployment in stage prod was skipped by eve.",
        "delivery finished",
    ] == texts(after)


def test_what_redrives_a_failure_stands_for_it(line: Line) -> None:
    """A delivery has gone well if that has."""
    deliver(line.served)
    finish(line.served, "build", "fail")
    failed = line.served.get("/v1/sequence/sockshop/c1")
    line.served.ask("POST", "/v1/sequence/sockshop/c1/redrive", json={})
    for task in ("build", "deployment", "test"):
        finish(line.served, task)
    redriven = line.served.get("/v1/sequence/sockshop/c1")

    assert [False, True] == [has_gone_well(failed), has_gone_well(redriven)]
    assert "dev.delivery (finished, fail)" in verdict(failed)


def texts(lines: list[str]) -> list[str]:
    """Lines of a story without their times."""
    return [each.partition(" ")[2] for each in lines]
