"""Executors that say how far they are, each a process of its own; and what finds a dead one."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.e2e.controller.executors import (
    SAYING,
    SECRET,
    Executor,
    is_over,
    progress,
    reports,
)
from tests.e2e.controller.process import ROOT, SHIPYARD, Client, Controller, until

OFTEN = "0.2"
NEVER = "1000"
PYTHON = (sys.executable, "-m", "examples.executor", "deployment", "--poll=0.05")
SHELL = (str(ROOT / "examples" / "executor" / "executor.sh"), "deployment")
AT_WORK = {
    "python": (*PYTHON, "--duration=1000", "--progress", OFTEN, "--message=rolling out"),
    "shell": (*SHELL, "sh", "-c", "echo begun; echo rolling out; sleep 1000"),
}


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller that hears progress often, and a project whose executors may not be silent."""
    data: Path = tmp_path_factory.mktemp("controller")
    shipyard = SHIPYARD.replace("{name: deployment}", "{name: deployment, timeouts: {silence: 5s}}")
    with Controller(data, "--progress-every", "0.1s", token=SECRET) as started:
        with started.client() as client:
            client.create(shipyard=shipyard)
        yield started


@pytest.fixture
def client(controller: Controller) -> Iterator[Client]:
    """A client that leaves nothing live behind."""
    with controller.client() as client:
        yield client
        for state in client.get("/v1/sequence/sockshop").json()["states"]:
            client.control(state["shkeptncontext"], "abort", force=True)


@pytest.fixture
def shell(tmp_path: Path, require_or_skip: Callable[[str], NoReturn]) -> dict[str, str]:
    """What an executor in a shell needs around it."""
    if shutil.which("curl") is None or shutil.which("jq") is None:
        require_or_skip("executor.sh needs curl and jq")
    return {"SEQUENCECTL_POLL": "0.05", "SEQUENCECTL_PROGRESS": OFTEN, "FOLDER": str(tmp_path)}


@pytest.mark.parametrize("language", AT_WORK)
def test_an_executor_that_is_killed_in_the_middle_is_noticed_by_its_silence(
    controller: Controller, client: Client, shell: dict[str, str], language: str
) -> None:
    """Nothing goes on to speak for it, also where a command that it had started still runs."""
    context = f"dead-{language}"
    client.trigger(context)
    with Executor(AT_WORK[language], controller.url, **shell) as executor:
        until(lambda: len(progress(client, context)) > 2)
        executor.kill()
        until(lambda: client.state(context)["state"] == "timedOut")
    sequence = client.state(context)["sequences"][0]
    finished = reports(client, context, "deployment")["deployment.finished"]

    assert {"rolling out"} == {each["message"] for each in progress(client, context)[1:]}
    assert 1 == finished
    assert (
        "Nothing was heard of deployment-service within 5s, at work on task deployment in stage "
        "dev; it was terminated." == sequence["message"]
    )


def test_an_executor_that_works_says_how_far_it_is(controller: Controller, client: Client) -> None:
    """A rising percent, until it has finished."""
    client.trigger("percent")
    with Executor([*PYTHON, "--duration=2", f"--progress={OFTEN}"], controller.url):
        until(lambda: is_over(client, "percent"))
    percents = [each["percent"] for each in progress(client, "percent")]

    assert percents
    assert sorted(set(percents)) == percents
    assert {"pass"} == {client.state("percent")["sequences"][0]["tasks"][0]["result"]}


IN_ITS_SECOND_LIFE = {
    "python": ((*PYTHON, "--duration=1000", f"--progress={NEVER}"), ""),
    "shell": ((*SHELL, "sleep", "1000"), "waits for its turn"),
}


@pytest.mark.parametrize("language", IN_ITS_SECOND_LIFE)
def test_an_executor_that_is_started_again_says_so_at_once(
    controller: Controller, client: Client, shell: dict[str, str], language: str
) -> None:
    """Its start is a duplicate, which nobody counts: it would be silent till its next report."""
    command, message = IN_ITS_SECOND_LIFE[language]
    context = f"again-{language}"
    client.trigger(context)
    about = {**shell, "SEQUENCECTL_PROGRESS": NEVER}
    with Executor(command, controller.url, **about):
        until(lambda: reports(client, context, "deployment")["deployment.started"])
        before = progress(client, context)
    with Executor(command, controller.url, **about):
        until(lambda: progress(client, context))

    assert [] == before
    assert [message] == [each.get("message", "") for each in progress(client, context)]


def test_a_task_that_waits_behind_another_is_not_forgotten(
    controller: Controller, client: Client, shell: dict[str, str]
) -> None:
    """The executor in a shell starts all and works on one: it speaks for all of them."""
    client.trigger("first")
    client.trigger("second", stage="prod")
    with Executor(AT_WORK["shell"], controller.url, **shell):
        until(lambda: len(progress(client, "first")) > 1 and len(progress(client, "second")) > 1)

    assert {"first": "rolling out", "second": "waits for its turn"} == {
        context: progress(client, context)[-1]["message"] for context in ("first", "second")
    }


PROGRAMS = [name for name in ("sh", "bash", "dash") if shutil.which(name)]
ENDS = {
    "ends": ("sleep 1; echo done", "pass", "done"),
    "fails": ("echo half; sleep 1; exit 200", "fail", "half"),
    "is killed": ("echo half; sleep 1; kill -9 $$", "fail", "half"),
    "by the clock's own signal": ("echo half; sleep 1; kill -USR1 $$", "fail", "half"),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("how", ENDS)
def test_progress_does_not_disturb_the_end_of_a_command(
    controller: Controller, client: Client, shell: dict[str, str], how: str, program: str
) -> None:
    """However it ends, and however often the executor is woken meanwhile; shells differ there."""
    command, result, message = ENDS[how]
    context = f"{program} {how}"
    client.trigger(context)
    about = {**shell, "SEQUENCECTL_PROGRESS": "0.1"}
    with Executor([program, *SHELL, "sh", "-c", command], controller.url, **about):
        until(lambda: reports(client, context, "deployment")["deployment.finished"])
    (task, *_) = client.state(context)["sequences"][0]["tasks"]

    assert (result, message) == (task["result"], task["message"])


HALFWAY = """
with httpx.Client(
    base_url=os.environ["SEQUENCECTL_ENDPOINT"],
    headers={"x-token": os.environ["SEQUENCECTL_TOKEN"]},
) as http:
    path = f"/v1/event/triggered/sh.keptn.event.{TASK}.triggered"
    (task,) = http.get(path).json()["events"]
    progress(http, task, "halfway", 50)
with httpx.Client(base_url="http://127.0.0.1:1") as http:
    progress(http, task, "lost")
"""


def test_the_progress_of_the_page_is_heard(controller: Controller, client: Client) -> None:
    """As it is printed there; what cannot be sent is no mistake."""
    client.trigger("page")
    with Executor([sys.executable, "-c", SAYING + HALFWAY], controller.url) as executor:
        said, complaint = executor.process.communicate(timeout=60)
    (heard,) = progress(client, "page")

    assert ("", 0, True) == (complaint, executor.process.returncode, "refused" in said)
    assert ("halfway", 50) == (heard["message"], heard["percent"])


def test_an_executor_in_a_shell_that_is_ended_ends_its_command(
    controller: Controller, client: Client, shell: dict[str, str], tmp_path: Path
) -> None:
    """At once, as it did not wait for it to notice that anything has happened."""
    client.trigger("ended")
    pid = tmp_path / "pid"
    with Executor(
        [*SHELL, "sh", "-c", f"echo $$ >{pid}; exec sleep 1000"], controller.url, **shell
    ) as it:
        until(lambda: pid.exists() and pid.read_text().strip())
        it.process.send_signal(signal.SIGTERM)
        status = it.process.wait(timeout=60)
        until(lambda: not is_running(int(pid.read_text())))

    assert 143 == status


def is_running(pid: int) -> bool:
    """Whether a process is there, and is not one whose end nobody has asked about yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
