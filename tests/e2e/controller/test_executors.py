"""Executors against the controller, each a process of its own: killed, refused, in a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.controller.process import PATIENCE, ROOT, Client, Controller, until

SECRET = "open sesame"  # noqa: S105 - nobody else has it
PYTHON = (sys.executable, "-m", "examples.executor", "deployment", "--poll=0.05")


class Executor:
    """An executor as a process, which is gone at the end of the block."""

    def __init__(self, command: Sequence[str], url: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ, "SEQUENCECTL_ENDPOINT": url, "SEQUENCECTL_TOKEN": SECRET,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )  # fmt: skip

    def end(self, number: signal.Signals) -> tuple[str, str]:
        """End it and all that it has started; return what it said on stdout and stderr."""
        os.killpg(self.process.pid, number)
        return self.process.communicate(timeout=PATIENCE)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


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


def reports(client: Client, context: str, task: str) -> Counter[str]:
    """How often each report on the tasks of a name in a context is in the history."""
    page = client.get(f"/mongodb-datastore/event?project=sockshop&keptnContext={context}")
    kinds = [event["type"].removeprefix("sh.keptn.event.") for event in page.json()["events"]]
    return Counter(kind for kind in kinds if kind in {f"{task}.started", f"{task}.finished"})


def is_over(client: Client, context: str) -> bool:
    """Whether the first task of a delivery is over and the second one is triggered."""
    return len(client.state(context)["sequences"][0]["tasks"]) == 2


def test_an_executor_that_is_killed_and_started_again_finishes_its_task_once(
    controller: Controller, client: Client
) -> None:
    """Its second start has the id of the first: it is a duplicate, and one finish is enough."""
    client.trigger("killed")
    with Executor([*PYTHON, "--duration=1000"], controller.url) as first:
        until(lambda: reports(client, "killed", "deployment")["deployment.started"])
        first.end(signal.SIGKILL)
    with Executor([*PYTHON, "--duration=0"], controller.url) as second:
        until(lambda: is_over(client, "killed"))
        said, _ = second.end(signal.SIGTERM)

    once = Counter({"deployment.started": 1, "deployment.finished": 1})
    assert once == reports(client, "killed", "deployment")
    assert said.splitlines()[0].endswith(", which is duplicate")


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
