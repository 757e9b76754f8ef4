"""Approvals, freezes and windows at a terminal, against the controller itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from examples.controller.cli.story import Story
from sequencectl import TimeoutPolicy
from tests.examples.controller.calendars.files import event, file
from tests.examples.controller.cli.command_line import CommandLine
from tests.examples.controller.served import Served

GOLDEN = Path(__file__).parents[2] / "golden"
SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: dev
      sequences: [{name: delivery, tasks: [{name: approval}, {name: deployment}]}]
    - name: prod
      sequences:
        - name: delivery
          tasks:
            - {name: sign-off, approval: {approve: 2, reject: 2, initiator: false}}
            - {name: deployment}
"""
CALENDAR = file(
    event("20260101T080000Z", "DTEND:20260101T180000Z", "SUMMARY:office hours", "CATEGORIES:prod"),
    event("20260101T200000Z", "DTEND:20260101T220000Z", "SUMMARY:backups", "CATEGORIES:dev"),
)
"""By day prod is closed, and dev in the evening."""

C = "00000000-0000-0000-0000-000000000001"
DELIVER = "trigger delivery -p sockshop --service carts --image carts:1"


@attrs.define
class Line(httpx.BaseTransport):
    """Sends requests to a controller in this process; the answers to the next commands get lost.

    `meanwhile` is what happens where one gets lost.
    """

    served: Served
    lost: int = 0
    meanwhile: Callable[[], object] = lambda: None
    bodies: list[bytes] = attrs.field(factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, unless it is lost."""
        path, content = request.url.raw_path.decode(), request.read()
        headers = request.headers.multi_items()
        answer = self.served.ask(request.method, path, content=content, headers=headers)
        if request.method == "POST":
            self.bodies.append(content)
            if self.lost:
                self.lost -= 1
                self.meanwhile()
                raise httpx.ReadError("Connection reset by peer")
        return httpx.Response(answer.status_code, content=answer.content)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A controller with the project sockshop and the service carts."""
    with Served(tmp_path) as served:
        served.create("sockshop", SHIPYARD, CALENDAR)
        path = "/v1/project/sockshop/service"
        served.ask("POST", path, json={"serviceName": "carts"}).raise_for_status()
        yield served


@pytest.fixture
def line(run: CommandLine, served: Served) -> Line:
    """The terminal's connection to it."""
    run.transport = line = Line(served)
    run.now = served.clock.now
    return line


def test_a_story_of_approvals_is_the_golden_one(run: CommandLine, line: Line) -> None:
    """A session at a shell, of which the output is no terminal, reads as in golden/cli-*.txt."""
    seen = run.transcript(
        "get windows -p sockshop",
        f"{DELIVER} --stage prod",
        "get windows",
        f"exempt sequence -c {C} --actor eve --reason 'a hotfix'",
        f"exempt sequence -c {C}",
        "get approvals -p sockshop",
        f"approve sequence -c {C}",
        f"approve sequence -c {C} --actor bob --reason 'tested on dev'",
        f"approve sequence -c {C} --actor bob",
        "reject service carts -p sockshop --actor eve --reason 'not today'",
        "get approvals",
        "approve service carts -p sockshop --stage prod --actor eve --warning",
        "get approvals",
        f"approve sequence -c {C} --actor eve",
        f"explain -c {C}",
        "freeze stage dev -p sockshop --until 2h --reason 'release night'",
        "freeze stage dev -p sockshop --until 1h",
        "get stage -p sockshop",
        "get windows -p sockshop",
        "freeze stage dev -p sockshop --until 2026-01-01T08:00Z",
        "freeze stage dev -p sockshop --until 2026-12-24T18:00",
        "unfreeze stage prod -p sockshop",
    )

    golden = (GOLDEN / "cli-approvals.txt").read_text("utf-8")
    assert golden.splitlines() == seen.splitlines()


def test_nothing_is_guessed_where_several_approvals_are_open(run: CommandLine, line: Line) -> None:
    """Each is named with what to type, and nobody has voted."""
    line.served.trigger("c1", project="sockshop")
    line.served.trigger("c2", project="sockshop", service="orders")
    scope = {"project": "sockshop", "stage": "prod", "service": "carts"}
    about = {"id": "s3", "shkeptncontext": "c1", "actor": "ada"}
    line.served.event("prod.delivery.triggered", scope, **about)
    run("exempt sequence -c c1 --stage prod")
    tasks = json.loads(run("get approvals --output json").out)["approvals"]
    by_service, by_context = (
        run(f"approve {what} --actor bob")
        for what in ("service carts -p sockshop", "sequence -c c1 -p sockshop")
    )

    ids = [each["taskId"] for each in tasks]
    which = (
        f"approval of carts in stage dev (c1): --id={ids[0]}; "
        f"sign-off of carts in stage prod (c1): --id={ids[1]}"
    )
    assert (2, 2) == (by_service.status, by_context.status)
    assert f"the service carts in project sockshop are open, say which. {which}" in by_service.err
    assert f"the Keptn context c1 are open, say which. {which}" in by_context.err
    assert [[], []] == [each["votes"] for each in json.loads(
        run("get approvals --output json").out)["approvals"]]  # fmt: skip


@pytest.mark.parametrize("which", ["--id ID", "--stage dev"])
@pytest.mark.parametrize("what", ["service carts -p sockshop", "sequence -c c1"])
def test_a_stage_or_an_id_says_which(run: CommandLine, line: Line, what: str, which: str) -> None:
    """The vote names the approval that was shown."""
    line.served.trigger("c1", project="sockshop")
    scope = {"project": "sockshop", "stage": "prod", "service": "carts"}
    about = {"id": "s3", "shkeptncontext": "c1", "actor": "ada"}
    line.served.event("prod.delivery.triggered", scope, **about)
    run("exempt sequence -c c1 --stage prod")
    first, second = json.loads(run("get approvals --output json").out)["approvals"]
    ran = run(f"reject {what} {which.replace('ID', first['taskId'])} --output json")

    assert (0, first["taskId"]) == (ran.status, json.loads(ran.out)["taskId"])
    left = json.loads(run("get approvals --output json").out)["approvals"]
    assert [second["taskId"]] == [each["taskId"] for each in left]


def test_a_vote_that_comes_too_late_is_not_one_on_the_next_approval(
    run: CommandLine, line: Line
) -> None:
    """By its id it is known which one was meant."""
    line.served.trigger("c1", project="sockshop")
    (task,) = json.loads(run("get approvals --output json").out)["approvals"]
    run("approve sequence -c c1 --actor bob")
    late = run(f"reject sequence -c c1 --id {task['taskId']}")
    gone = run(f"reject service carts -p sockshop --id {task['taskId']}")
    none = run("reject service carts -p sockshop")

    assert ["It is over already; nothing has changed.",
            "Task approval is over with result pass."] == late.lines  # fmt: skip
    assert 1 == gone.status
    assert gone.err.endswith(f"in project sockshop that is open has the ID {task['taskId']}.\n")
    assert (1, "sequencectl-cli: No approval of the service carts in project sockshop is open.\n",
            ) == (none.status, none.err)  # fmt: skip


def test_a_vote_whose_answer_is_lost_counts_once(run: CommandLine, line: Line) -> None:
    """It is sent again under the same id, and that it was counted is no complaint."""
    scope = {"project": "sockshop", "stage": "prod", "service": "carts"}
    line.served.event("prod.delivery.triggered", scope, id="c1", shkeptncontext="c1", actor="ada")
    run("exempt sequence -c c1")
    line.bodies.clear()
    line.lost = 1
    ran = run("approve sequence -c c1 --actor bob --reason fine")

    assert 0 == ran.status
    assert [
        "You approve sign-off of carts in stage prod (c1).",
        "Task sign-off has 1 of 2 approving votes (by bob); ada may not vote.",
    ] == ran.lines
    assert (2, 1) == (len(line.bodies), len(set(line.bodies)))


def test_a_vote_whose_answer_is_lost_may_have_decided(run: CommandLine, line: Line) -> None:
    """Sent again it is late, and so it would be if somebody else had been quicker."""
    line.served.trigger("c1", project="sockshop")
    line.lost = 1
    ran = run("approve sequence -c c1 --actor bob")

    assert 0 == ran.status
    assert [
        "It is over, perhaps by this vote, whose first answer was lost.",
        "Task approval is over with result pass.",
    ] == ran.lines


def test_a_vote_that_was_counted_before_is_said_to_be(run: CommandLine, line: Line) -> None:
    """Under an id of the user's own."""
    scope = {"project": "sockshop", "stage": "prod", "service": "carts"}
    line.served.event("prod.delivery.triggered", scope, id="c1", shkeptncontext="c1", actor="ada")
    run("exempt sequence -c c1")
    said = [run("approve sequence -c c1 --request-id v1").lines[0] for _ in range(2)]

    assert [
        "You approve sign-off of carts in stage prod (c1).",
        "This vote was counted before; nothing has changed.",
    ] == said


def test_who_asks_is_told_what_they_may(run: CommandLine, line: Line) -> None:
    """The list is asked for by the user."""
    scope = {"project": "sockshop", "stage": "prod", "service": "carts"}
    line.served.event("prod.delivery.triggered", scope, id="c1", shkeptncontext="c1", actor="alice")
    run("exempt sequence -c c1")
    (listed,) = json.loads(run("get approvals --output json").out)["approvals"]
    refused = run("approve sequence -c c1")

    assert ("own_approval", 1) == (listed["vote"]["code"], refused.status)
    assert "alice triggered this sequence and may not decide sign-off" in refused.err


def test_approvals_may_be_narrowed(run: CommandLine, line: Line) -> None:
    """To a stage, or a service."""
    line.served.trigger("c1", project="sockshop")
    shown = [
        len(run(f"get approvals {option}").lines) - 1
        for option in ("", "--stage dev", "--stage prod", "--service carts", "--service orders")
    ]

    assert [1, 1, 0, 1, 0] == shown


def test_an_approval_without_a_limit_has_no_end(run: CommandLine, tmp_path: Path) -> None:
    """It waits until somebody votes."""
    with Served(tmp_path, timeouts=TimeoutPolicy.unbounded()) as served:
        run.transport = Line(served)
        served.create("sockshop", SHIPYARD)
        served.trigger("c1", project="sockshop")
        heading, row = run("get approvals").lines

    begin, end = heading.index("UNTIL (UTC)"), heading.index("ID", heading.index("UNTIL (UTC)"))
    assert "2026-01-01 09:00:01" in row
    assert "" == row[begin:end].strip()


def test_an_approval_that_silence_approves_says_so(run: CommandLine, line: Line) -> None:
    """At its own limit; at that of its sequence it would run out of time."""
    shipyard = SHIPYARD.replace("approve: 2,", "approve: 2, onExpiry: approve,")
    line.served.create("other", shipyard, CALENDAR)
    scope = {"project": "other", "stage": "prod", "service": "carts"}
    line.served.event("prod.delivery.triggered", scope, id="c1", shkeptncontext="c1", actor="ada")
    run("exempt sequence -c c1")

    assert "2026-01-02 09:00:00 (then approved)" in run("get approvals -p other").lines[1]


def test_nothing_is_guessed_where_several_stand_in_line(run: CommandLine, line: Line) -> None:
    """Each is named with what to type."""
    scope = {"project": "sockshop", "stage": "prod", "service": "carts"}
    for known in ("s1", "s2"):
        about = {"id": known, "shkeptncontext": "c1", "actor": "ada"}
        line.served.event("prod.delivery.triggered", scope, **about)
    which, done = run("exempt sequence -c c1"), run("exempt sequence -c c1 --id s2")
    state = line.served.get("/v1/sequence/sockshop/c1")

    named = "delivery in stage prod: --id=s1; delivery in stage prod: --id=s2"
    assert 2 == which.status
    assert f"Several sequences are in line, say which. {named}" in which.err
    assert "The sequence may start in spite of freeze and calendar." == done.lines[0]
    assert ["waiting", "running"] == [each["phase"] for each in state["sequences"]]


def test_what_has_ended_cannot_be_let_through(run: CommandLine, line: Line) -> None:
    """The controller says so, whatever stands in line elsewhere."""
    line.served.trigger("c1", project="sockshop")
    run("reject sequence -c c1")
    ended = run("exempt sequence -c c1")

    assert (1, "sequencectl-cli: Sequence 'c1' has ended.\n") == (ended.status, ended.err)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no such setting")
def test_a_time_of_day_is_that_of_the_caller(
    run: CommandLine, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the controller is somewhere else: it is sent as an instant."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "IST-5:30")
        time.tzset()
        ran = run("freeze stage dev -p sockshop --until 18:00")
    time.tzset()
    stage = line.served.get("/v1/project/sockshop/stage/dev")

    assert "frozen until 2026-01-01 12:30:00 UTC: nothing new starts there." in ran.lines[0]
    assert "2026-01-01T12:30:00.000Z" == stage["frozen"]["until"]


def test_a_story_that_is_watched_tells_votes(run: CommandLine, line: Line) -> None:
    """Who voted, and why; then what came of it."""
    line.served.trigger("c1", project="sockshop")
    run("approve sequence -c c1 --actor bob --reason 'tested'")
    detail = line.served.get("/v1/sequence/sockshop/c1")

    assert [
        "dev.delivery: task approval triggered",
        "dev.delivery: task approval approved by bob: tested",
        "dev.delivery: task approval over with result pass",
    ] == [text for text in told(detail) if "approval" in text]
    run("abort sequence -c c1 --force")


def told(detail: dict[str, object]) -> list[str]:
    """The lines of the story of a delivery, without their times."""
    return [each.partition(" ")[2] for each in Story().lines(detail)]
