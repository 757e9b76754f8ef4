"""An executor at work: what it reports, how it misbehaves on purpose, and what it survives."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from examples.executor.__main__ import main
from examples.executor.api import LONGEST, Api
from examples.executor.behaviour import Behaviour, report_id
from examples.executor.executor import Executor
from tests.examples.controller.cli.fake_api import FakeApi, Lost

ROOT = Path(__file__).parents[2]
TASK = "c1-dev-task-1"
CARTS = f"deployment of carts in stage dev of sockshop (context c1, task {TASK})"
BROKEN = httpx.ReadError("Connection reset by peer")


USUAL = Behaviour("deployment", "deployment-service", duration=7.0)


@attrs.define
class Stage:
    """An executor, its controller, and a clock that moves only when somebody sleeps."""

    api: FakeApi = attrs.field(factory=FakeApi)
    behaviour: Behaviour = USUAL
    said: list[str] = attrs.field(factory=list)
    complaints: list[str] = attrs.field(factory=list)
    slept: list[float] = attrs.field(factory=list)
    deep: frozenset[float] = frozenset()
    """Whoever sleeps for so long wakes up only when the alarm rings."""
    alarm: asyncio.Event = attrs.field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self.api.world.project("sockshop", "carts")

    def play(self, act: Callable[[Executor], Awaitable[object]], **more: Any) -> None:
        """Let an executor act in a loop of its own, and stop it; by default it polls."""
        options = {"interval": 3.0} | more

        async def perform() -> None:
            transport = self.api.async_transport()
            async with Api("http://x", "", transport=transport, sleep=self.sleep) as api:
                executor = Executor(
                    api, self.behaviour, self.said.append, self.complaints.append, **options
                )
                try:
                    await act(executor)
                finally:
                    await executor.stop()

        asyncio.run(perform())

    async def sleep(self, seconds: float) -> None:
        """Remember how long, and let the others go on."""
        self.slept.append(seconds)
        await (self.alarm.wait() if seconds in self.deep else asyncio.sleep(0))

    async def ring(self) -> None:
        """Wake everybody up, and let them do what they can."""
        self.alarm.set()
        for _ in range(10):
            await asyncio.sleep(0)

    @property
    def words(self) -> list[str]:
        """What was reported, in order."""
        return [event["type"].rpartition(".")[2] for event in self.api.received]


async def work(executor: Executor) -> None:
    """Look once, and finish what is open."""
    await executor.look()
    await executor.settle()


def test_an_open_task_is_started_and_finished() -> None:
    """Both reports name the task by its id and carry its scope."""
    stage = Stage()
    stage.api.world.trigger("c1")

    stage.play(work)

    scope = {"project": "sockshop", "stage": "dev", "service": "carts", "status": "succeeded"}
    event = {
        "specversion": "1.0",
        "source": "deployment-service",
        "datacontenttype": "application/json",
        "shkeptncontext": "c1",
        "triggeredid": TASK,
    }
    assert [
        event
        | {
            "id": report_id(TASK, "deployment-service", "started"),
            "type": "sh.keptn.event.deployment.started",
            "data": scope,
        },
        event
        | {
            "id": report_id(TASK, "deployment-service", "finished"),
            "type": "sh.keptn.event.deployment.finished",
            "data": scope | {"result": "pass", "message": ""},
        },
    ] == stage.api.received
    assert [f"started: {CARTS}", f"finished with pass: {CARTS}"] == stage.said
    assert [0.0, 7.0] == stage.slept


BEHAVIOURS: dict[str, tuple[Behaviour, list[str]]] = {
    "silent": (Behaviour("deployment", "s", is_silent=True), []),
    "dying": (Behaviour("deployment", "s", never_finishes=True), ["started"]),
    "slow": (Behaviour("deployment", "s", slow=9.0), ["started", "finished"]),
}


@pytest.mark.parametrize("case", BEHAVIOURS)
def test_an_executor_misbehaves_as_it_is_told(case: str) -> None:
    """So that a time limit has something to do."""
    behaviour, words = BEHAVIOURS[case]
    stage = Stage(behaviour=behaviour)
    stage.api.world.trigger("c1")

    stage.play(work)

    assert words == stage.words
    assert (case == "slow") == (9.0 in stage.slept)


def test_every_so_many_tasks_fail() -> None:
    """Counted in the order in which they were taken."""
    stage = Stage(behaviour=Behaviour("deployment", "s", fail_every=2, data={"x": 1}, message="m"))
    for context in ("c1", "c2", "c3", "c4"):
        stage.api.world.trigger(context)

    stage.play(work)

    ends = [event["data"] for event in stage.api.received if event["type"].endswith("finished")]
    assert ["pass", "fail", "pass", "fail"] == [data["result"] for data in ends]
    assert {(1, "m")} == {(data["x"], data["message"]) for data in ends}


def test_several_tasks_are_worked_on_at_once() -> None:
    """All are started before one is finished, in all projects, one of them with a page of tasks."""
    stage = Stage()
    stage.api.world.project("another")
    for number in range(120):
        stage.api.world.trigger(f"c{number}")
    stage.api.world.trigger("d1", project="another")

    stage.play(work)

    assert ["started"] * 121 + ["finished"] * 121 == stage.words


def test_only_the_projects_it_is_told_are_its_own() -> None:
    """It does not look into the others."""
    stage = Stage()
    stage.api.world.project("another")
    stage.api.world.trigger("c1")
    stage.api.world.trigger("c1", project="another")

    stage.play(work, projects=("another",))

    assert ["another", "another"] == [event["data"]["project"] for event in stage.api.received]


def test_a_project_that_goes_while_all_are_looked_at_has_no_tasks() -> None:
    """Nobody has named it: it was in the list of a moment ago."""
    stage = Stage()
    stage.api.world.project("another")
    stage.api.world.trigger("c1", project="another")
    stage.api.faults = [None, httpx.Response(404, json={"message": "gone"})]

    stage.play(work)

    assert ["another", "another"] == [event["data"]["project"] for event in stage.api.received]


def test_a_task_is_taken_once() -> None:
    """As long as it is open, however often it is seen."""
    stage = Stage(behaviour=BEHAVIOURS["dying"][0])
    stage.api.world.trigger("c1")

    async def look_often(executor: Executor) -> None:
        for _ in range(3):
            await work(executor)

    stage.play(look_often)

    assert ["started"] == stage.words


def test_an_executor_that_starts_again_says_the_same_again() -> None:
    """What it said in its first life is a duplicate in the second, and so is done once."""
    stage = Stage(behaviour=BEHAVIOURS["dying"][0])
    stage.api.world.trigger("c1")
    stage.play(work)
    stage.behaviour = Behaviour("deployment", "s")

    stage.play(work)

    task = stage.api.world.find("sockshop").contexts["c1"]["sequences"][0]["tasks"][0]
    assert [f"started: {CARTS}", f"started: {CARTS}, which is duplicate"] == stage.said[:2]
    assert ("pass", 1) == (task["result"], len(task["executors"]))


def test_a_report_is_sent_until_there_is_an_answer() -> None:
    """With growing pauses, under the same id: whatever was lost, it counts once."""
    stage = Stage(behaviour=attrs.evolve(USUAL, progress=0))
    stage.api.world.trigger("c1")
    refused = httpx.ConnectError("refused")
    busy = httpx.Response(503, json={"code": 503, "message": "busy"})
    stage.api.faults = [None, None, Lost(BROKEN), refused, busy, refused, refused, refused, refused]

    stage.play(work)

    assert ["started", "started", "finished"] == stage.words
    assert [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST, LONGEST, 7.0] == stage.slept
    assert [f"started: {CARTS}, which is duplicate", f"finished with pass: {CARTS}"] == stage.said


def test_a_report_that_is_refused_is_given_up() -> None:
    """With a line on stderr; the next task is another matter."""
    stage = Stage()
    stage.api.world.trigger("c1")
    stage.api.faults = [None, None, httpx.Response(400, json={"message": "No."})]

    stage.play(work)

    assert ([], [f"the report on {CARTS} was refused: No."]) == (stage.said, stage.complaints)


def test_a_task_that_is_no_longer_open_is_dropped() -> None:
    """Somebody has aborted it, or its time ran out: nobody waits for a report any more."""
    stage = Stage(deep=frozenset({0.0}))
    stage.api.world.trigger("c1")

    async def lose(executor: Executor) -> None:
        await executor.look()
        await asyncio.sleep(0)
        stage.api.world.finish("c1")
        await executor.look()
        await stage.ring()

    stage.play(lose)

    assert ([f"stopped: {CARTS}, which is no longer open"], []) == (stage.said, stage.words)


def test_a_task_that_one_list_has_missed_is_not_dropped() -> None:
    """A list that changes between its pages may lack what is open: the task is asked for alone."""
    stage = Stage(deep=frozenset({0.0}))
    stage.api.world.trigger("c1")
    stage.api.faults = [None, None, None, httpx.Response(200, json={"events": []})]

    async def look_twice(executor: Executor) -> None:
        await executor.look()
        await asyncio.sleep(0)
        await executor.look()
        await stage.ring()

    stage.play(look_twice)

    assert ["started", "finished"] == stage.words


def test_the_end_of_its_own_task_is_no_reason_to_stop() -> None:
    """The task is closed by the report whose answer is still on its way."""
    stage = Stage(deep=frozenset({0.2}))
    stage.api.world.trigger("c1")
    stage.api.faults = [None, None, None, Lost(BROKEN)]

    async def look_meanwhile(executor: Executor) -> None:
        await executor.look()
        for _ in range(10):
            await asyncio.sleep(0)
        await executor.look()
        await stage.ring()

    stage.play(look_meanwhile)

    assert f"finished with pass: {CARTS}, which is duplicate" == stage.said[-1]


def test_it_waits_for_a_controller_that_is_away() -> None:
    """For ever, and it says so once when it goes and once when it is back."""
    stage = Stage()
    stage.api.world.trigger("c1")
    refused = httpx.ConnectError("refused")
    stage.api.faults = [refused, httpx.Response(200, text="<html>"), httpx.Response(429), refused]

    stage.play(lambda executor: executor.run(), is_once=True)

    assert ["started", "finished"] == stage.words
    assert [0.2, 0.4, 0.8, 1.6, 3.0] == stage.slept[:5]
    assert [
        "the controller gives no list: refused; trying again",
        "the controller answers again",
    ] == stage.complaints


REFUSALS: dict[str, tuple[list[str], int, str]] = {
    "unknown project": (
        ["--token=t", "--project=sockshop", "--project=sokshop"],
        1,
        "the controller gives no tasks: There is no project sokshop.",
    ),
    "wrong token": (
        ["--token=another"],
        4,
        "the controller takes no such token: The token is wrong.",
    ),
    "no token": (["--token="], 4, "the controller takes no such token: The token is wrong."),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_controller_refuses_ends_it_with_one_sentence(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be refused tomorrow as well."""
    arguments, status, sentence = REFUSALS[case]
    api = FakeApi(token="t")  # noqa: S106 # one of a controller that exists in this test alone
    api.world.project("sockshop")
    api.world.trigger("c1")

    seen = main(
        ["deployment", "--poll=0", "--duration=0", "--once", *arguments],
        transport=api.async_transport(),
    )

    assert (status, f"sequencectl-executor: {sentence}\n") == (seen, capsys.readouterr().err)


@pytest.mark.parametrize(
    "endpoint", ["localhost:8080", "ftp://localhost", "http://", "http://[::1", "", "controller"]
)
def test_an_endpoint_that_is_no_address_is_refused(
    endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, as wrong usage; the last line names it."""
    with pytest.raises(SystemExit) as ended:
        main(["deployment", "--endpoint", endpoint])

    assert 2 == ended.value.code
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --endpoint: {endpoint!r} is no address: " in last_line


def test_a_stream_says_when_to_look() -> None:
    """Nothing is polled: a task that comes is seen because something has changed."""
    stage = Stage()
    stage.api.script = [lambda: stage.api.world.trigger("c1")]

    stage.play(lambda executor: executor.run(), is_once=True, interval=None)

    assert ["started", "finished"] == stage.words
    assert 3.0 not in stage.slept


def test_the_command_line_describes_a_behaviour(capsys: pytest.CaptureFixture[str]) -> None:
    """Its options are what the task's reports are made of."""
    api = FakeApi(token="t")  # noqa: S106 # one of a controller that exists in this test alone
    api.world.project("sockshop", "carts\x1b")
    api.world.trigger("c1")
    api.world.find("sockshop").sequences["c1-dev"].shown["service"] = "carts\x1b"
    options = "--token t --source me --duration 0 --result warning --poll 0 --once --message done"

    status = main(
        ["deployment", *options.split(), '--data={"x": 1}'], transport=api.async_transport()
    )

    lines = capsys.readouterr().out.splitlines()
    assert (0, "done", 1) == (
        status,
        api.received[-1]["data"]["message"],
        api.received[-1]["data"]["x"],
    )
    assert f"finished with warning: {CARTS}".replace("carts", "carts\\x1b") == lines[-1]


@pytest.mark.parametrize(
    "option",
    [
        "--data=[]",
        "--data={",
        "--duration=-1",
        "--progress=-1",
        "--poll=nan",
        "--fail-every=-1",
        "--token=\n",
        "--token=t ",
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: str) -> None:
    """With the exit status 2 and the usage."""
    with pytest.raises(SystemExit) as ended:
        main(["deployment", option])

    assert 2 == ended.value.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(number: signal.Signals) -> None:
    """With the status 0, whatever it was waiting for."""
    command = [
        sys.executable,
        "-m",
        "examples.executor",
        "deployment",
        "--endpoint=http://127.0.0.1:1",
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(number)

        assert (0, "") == (process.wait(timeout=10), process.stderr.read())
    assert first.startswith("sequencectl-executor: the controller gives no list: ")
