"""Executors against the controller, each a process of its own: killed, refused, in a shell."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.e2e.controller.executors import POLLING, SECRET, Executor, is_over, reports
from tests.e2e.controller.process import PATIENCE, ROOT, Client, Controller, until

PYTHON = (sys.executable, "-m", "examples.executor", "deployment", "--poll=0.05")
SHELL = (str(ROOT / "examples" / "executor" / "executor.sh"), "deployment")
IN_A_SHELL = """
cat >"$FOLDER/event"
jq -r .data.note "$FOLDER/event"
test "$(jq -r .data.service "$FOLDER/event")" = carts
"""


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller with a token, and a project in it."""
    data: Path = tmp_path_factory.mktemp("controller")
    with Controller(data, "--reaction", "1h", token=SECRET) as started:
        with started.client() as client:
            client.create()
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
    """What an executor in a shell needs around it: a curl that notes how it was called, and jq."""
    curl = shutil.which("curl")
    if curl is None or shutil.which("jq") is None:
        require_or_skip("executor.sh needs curl and jq")
    note = f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/called\nexec {curl} "$@"\n'
    (tmp_path / "curl").write_text(note)
    (tmp_path / "curl").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {"PATH": path, "FOLDER": str(tmp_path), "SEQUENCECTL_POLL": "0.05"}


SLOW_AND_QUICK = {
    "python": ([*PYTHON, "--duration=1000"], [*PYTHON, "--duration=0"]),
    "shell": ([*SHELL, "sleep", "1000"], [*SHELL, "true"]),
}


@pytest.mark.parametrize("language", SLOW_AND_QUICK)
def test_an_executor_that_is_killed_and_started_again_finishes_its_task_once(
    controller: Controller, client: Client, shell: dict[str, str], language: str
) -> None:
    """Its second start has the id of the first: it is a duplicate, and one finish is enough."""
    slow, quick = SLOW_AND_QUICK[language]
    context = f"killed-{language}"
    client.trigger(context)
    with Executor(slow, controller.url, **shell) as first:
        until(lambda: reports(client, context, "deployment")["deployment.started"])
        first.end(signal.SIGKILL)
    with Executor(quick, controller.url, **shell) as second:
        until(lambda: is_over(client, context))
        until(lambda: reports(client, context, "deployment")["deployment.finished"])
        said, _ = second.end(signal.SIGTERM)

    once = Counter({"deployment.started": 1, "deployment.finished": 1})
    assert once == reports(client, context, "deployment")
    assert said.splitlines()[0].endswith("duplicate")


REFUSALS = {
    "unknown project": (
        ["--project=sokshop"],
        SECRET,
        1,
        "the controller gives no tasks: project 'sokshop' is not known here",
    ),
    "wrong token": (
        [],
        "close sesame",
        4,
        "the controller takes no such token: the header x-token must have the token of this "
        "controller",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_an_executor_that_is_refused_says_why_and_ends(controller: Controller, case: str) -> None:
    """With one sentence and an exit status, instead of trying for ever."""
    arguments, token, status, sentence = REFUSALS[case]
    with Executor([*PYTHON, *arguments], controller.url, SEQUENCECTL_TOKEN=token) as executor:
        _, said = executor.process.communicate(timeout=PATIENCE)

    assert (status, f"sequencectl-executor: {sentence}\n") == (executor.process.returncode, said)


def test_an_executor_in_a_shell_takes_every_value_as_it_is(
    controller: Controller, client: Client, shell: dict[str, str], tmp_path: Path
) -> None:
    """Data, message and its own name go through the shell unharmed; the token is no argument."""
    note = f"""it's "quoted" \\n $(touch {tmp_path}/run) `touch {tmp_path}/run`; * é ${{HOME}} %s"""
    source = """it's "me" $(x) \\ %s"""
    client.trigger("hostile", note=note)
    about = {**shell, "SEQUENCECTL_SOURCE": source}
    with Executor([*SHELL, "sh", "-euc", IN_A_SHELL], controller.url, **about) as executor:
        until(lambda: is_over(client, "hostile"))
        said, complaint = executor.end(signal.SIGTERM)
    page = client.get("/mongodb-datastore/event?project=sockshop&keptnContext=hostile").json()
    (finish,) = (each for each in page["events"] if each["type"].endswith("deployment.finished"))
    called = (tmp_path / "called").read_text()

    assert (source, note, "pass") == (
        finish["source"],
        finish["data"]["message"],
        finish["data"]["result"],
    )
    assert not (tmp_path / "run").exists()
    assert "/v1/event/triggered/" in called
    assert SECRET not in called + said + complaint


def test_a_command_that_fails_fails_the_task(
    controller: Controller, client: Client, shell: dict[str, str]
) -> None:
    """Its exit status is the result, the last line that it prints the message."""
    client.trigger("failing")
    command = ["sh", "-c", "echo first; echo disk full; exit 3"]
    with Executor([*SHELL, *command], controller.url, **shell):
        until(lambda: client.state("failing")["statusLine"] == "delivery failed")
    task = client.state("failing")["sequences"][0]["tasks"][0]

    assert "fail" == task["result"]
    page = client.get("/mongodb-datastore/event?project=sockshop&keptnContext=failing").json()
    assert ["disk full"] == [
        event["data"].get("message")
        for event in page["events"]
        if event["type"].endswith("deployment.finished")
    ]


def test_an_executor_in_a_shell_that_is_refused_says_why_and_ends(
    controller: Controller, shell: dict[str, str]
) -> None:
    """With one sentence that a person can read, and an exit status."""
    about = {**shell, "SEQUENCECTL_TOKEN": "close sesame"}
    with Executor([*SHELL, "true"], controller.url, **about) as executor:
        _, said = executor.process.communicate(timeout=PATIENCE)

    sentence = "the header x-token must have the token of this controller"
    assert 1 == executor.process.returncode
    assert f"executor.sh: the controller refuses: {sentence} (401)\n" == said


def test_the_program_of_the_page_works(controller: Controller, client: Client) -> None:
    """As it is printed there, against a controller: one start, one finish."""
    client.trigger("page")
    with Executor([sys.executable, "-c", POLLING], controller.url):
        until(lambda: is_over(client, "page"))

    once = Counter({"deployment.started": 1, "deployment.finished": 1})
    assert once == reports(client, "page", "deployment")
