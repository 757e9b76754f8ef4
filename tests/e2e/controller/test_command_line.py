"""The command line against the controller, and the demo that serves, as the processes they are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.controller.process import PATIENCE, ROOT, SHIPYARD, Client, Controller, until

SECRET = "open sesame"  # noqa: S105 - nobody else has it
CARTS = ("--project=sockshop", "--service=carts")
GATED = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: gated}
spec:
  stages:
    - name: dev
      sequences:
        - {name: delivery, tasks: [{name: approval, approval: {initiator: false}}, {name: test}]}
"""
FRAGILE = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: fragile}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks:
            - {name: build}
            - {name: deployment, onFailure: park, retry: {times: 1}}
            - {name: test}
"""
CONTEXT = re.compile(r"ID of Keptn context: (\S+)")


class Terminal:
    """Types commands of the command line."""

    def __init__(self, url: str, token: str = SECRET) -> None:
        self._environment = {
            **os.environ, "SEQUENCECTL_ENDPOINT": url, "SEQUENCECTL_TOKEN": token, "TERM": "dumb",
        }  # fmt: skip

    def type(self, *words: str) -> tuple[int, str, str]:
        """Run a command; return its exit status and what it printed on stdout and stderr."""
        done = subprocess.run(
            [sys.executable, "-m", "examples.controller.cli", *words],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def says(self, *words: str) -> str:
        """What a command prints that succeeds."""
        status, said, complaint = self.type(*words)
        assert (0, "") == (status, complaint)
        return said


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller with a token."""
    folder = tmp_path_factory.mktemp("served")
    with Controller(folder, "--reaction", "1h", token=SECRET) as started:
        yield started


@pytest.fixture(scope="module")
def terminal(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal in which the project was created."""
    shipyard = tmp_path_factory.mktemp("shipyard") / "shipyard.yaml"
    shipyard.write_text(SHIPYARD)
    terminal = Terminal(controller.url)
    terminal.says("create", "project", "sockshop", f"--shipyard={shipyard}")
    terminal.says("create", "service", "carts", "--project=sockshop")
    return terminal


@pytest.fixture
def client(controller: Controller, terminal: Terminal) -> Iterator[Client]:
    """A client, for what executors do."""
    with controller.client() as client:
        yield client


def test_a_delivery_is_let_through_and_approved_by_another(
    terminal: Terminal, client: Client
) -> None:
    """The stage is frozen for two hours; who triggered the delivery may not approve it."""
    client.create("gated", GATED)
    terminal.says("create", "service", "carts", "--project=gated")
    frozen = terminal.says("freeze", "stage", "dev", "--project=gated", "--until=2h")
    gated = ("--project=gated", "--service=carts")
    said = terminal.says("trigger", "delivery", *gated, "--image=carts:1", "--actor=ada")
    context = f"--keptn-context={CONTEXT.findall(said)[0]}"
    windows = terminal.says("get", "windows", "--project=gated")
    terminal.says("exempt", "sequence", context, "--reason=a hotfix")
    listed = terminal.says("get", "approvals", "--project=gated")
    status, _, refused = terminal.type("approve", "sequence", context, "--actor=ada")
    approved = terminal.says("approve", "service", "carts", "--project=gated", "--actor=bob")

    assert re.search(r"is frozen until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: nothing new", frozen)
    assert re.search(r"^dev +frozen +\d{4}-.* +\d{4}-", windows, re.MULTILINE)
    row = r"^dev.delivery: approval +carts +.* 0 of 1 +anybody but ada "
    assert re.search(row, listed, re.MULTILINE)
    assert (1, "sequencectl-cli: ada triggered this sequence and may not decide approval.\n") == (
        status, refused,
    )  # fmt: skip
    assert "Task approval is over with result pass." in approved
    assert client.get("/v1/project/gated/approval").json()["approvals"] == []


def test_what_has_failed_is_retried_skipped_and_redriven(
    terminal: Terminal, client: Client
) -> None:
    """A deployment fails in all its runs, is skipped, and the test after it is redriven."""
    client.create("fragile", FRAGILE)
    fragile = ("--project=fragile", "--service=carts")
    terminal.says("create", "service", "carts", "--project=fragile")
    said = terminal.says("trigger", "delivery", *fragile, "--image=carts:1", "--actor=ada")
    context = CONTEXT.findall(said)[0]

    def finish(task: str, result: str) -> dict[str, Any]:
        (opened,) = (t for t in client.open_tasks(task) if t["shkeptncontext"] == context)
        client.finish(opened, result=result)
        data: dict[str, Any] = opened["data"]
        return data

    about = f"--keptn-context={context}"
    for task, result in (("build", "pass"), ("deployment", "fail"), ("deployment", "fail")):
        finish(task, result)
    parked = terminal.says("get", "sequence", "--project=fragile")
    retried = terminal.says("retry", "sequence", about, "--reason=once more")
    finish("deployment", "fail")
    skipped = terminal.says("skip", "sequence", about, "--result=warning", "--actor=eve")
    failed = finish("test", "fail")
    redriven = [terminal.says("redrive", "sequence", about) for _ in range(2)]
    again = finish("test", "pass")
    shown = terminal.says("get", "sequence", "--project=fragile", about)

    assert re.search(r"^\S+ +delivery +carts +dev: started +delivery parked ", parked, re.MULTILINE)
    assert "task deployment: attempt 2 of 2 failed" in parked
    assert f"To run the task again, execute: sequencectl-cli retry sequence {about}\n" in parked
    assert "Task deployment is in attempt 3 of 3" in retried
    assert "The task counts as passed with a warning." in skipped
    assert ["goes on where", "redrives it already"] == [
        found.group() for each in redriven
        if (found := re.search("goes on where|redrives it already", each))
    ]  # fmt: skip
    assert failed == again
    assert "carries build (pass), deployment (warning)" in shown
    assert "delivery finished" in shown


def test_the_third_story_is_that_of_the_proposal(terminal: Terminal, client: Client) -> None:
    """Trigger, pause, resume, abort: the lines that the proposal shows, and what they lead to."""
    image = "docker.io/keptnexamples/carts"
    said = terminal.says("trigger", "delivery", *CARTS, f"--image={image}", "--tag=0.11.1")
    (context,) = CONTEXT.findall(said)
    about = f"--keptn-context={context}"
    resume = f"sequencectl-cli resume sequence --keptn-context={context}"

    assert f" the service carts in project sockshop in version {image}:0.11.1\n" in said
    paused, how_to_resume = terminal.says("pause", "sequence", about).splitlines()
    assert "The current sequence execution is paused." == paused
    assert f"To resume the sequence execution, execute: {resume}" == how_to_resume
    assert "delivery paused" == client.state(context)["statusLine"]
    assert "The sequence execution resumes.\n" == terminal.says("resume", "sequence", about)
    assert "The sequence execution is aborted.\n" in terminal.says("abort", "sequence", about)
    tasks = {each["shkeptncontext"]: each for each in client.open_tasks("deployment")}
    client.finish(tasks[context])
    assert "delivery aborted" == client.state(context)["statusLine"]
    assert image in client.state(context)["stages"][0]["image"]


def test_the_second_delivery_waits_and_says_for_whom(terminal: Terminal, client: Client) -> None:
    """The first story: the stage is held, and `explain` names who holds it."""
    first, second = (
        CONTEXT.findall(terminal.says("trigger", "delivery", *CARTS, "--image=carts:1"))[0]
        for _ in range(2)
    )
    said = terminal.says("explain", f"--keptn-context={second}")
    listed = terminal.says("get", "sequence", "--project=sockshop", "--state=waiting")
    for context in (second, first):
        terminal.says("abort", "sequence", f"--keptn-context={context}", "--force")

    assert "with 0 waiting ahead of it. The lane is held by " in said
    assert second in listed
    assert first not in listed


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, ("get", "project")),
        (1, ("get", "project", "nobody")),
        (2, ("destroy", "everything")),
    ],
)
def test_the_exit_status_says_what_became_of_it(
    terminal: Terminal, status: int, words: tuple[str, ...]
) -> None:
    """One sentence on stderr unless it was done."""
    seen, _, complaint = terminal.type(*words)

    assert status == seen
    assert bool(status) == bool(complaint)
    assert complaint.count("\n") <= 1


def test_nobody_there_is_three_and_a_wrong_token_four(controller: Controller) -> None:
    """What a script must tell apart."""
    nobody, _, _ = Terminal("http://127.0.0.1:1").type("get", "project")
    stranger, _, complaint = Terminal(controller.url, "close sesame").type("get", "project")

    assert (3, 4) == (nobody, stranger)
    assert "token" in complaint


def test_a_watched_delivery_that_fails_is_five(terminal: Terminal, client: Client) -> None:
    """And its lines tell how it went, also to whoever only reads the end."""
    about = ("trigger", "delivery", *CARTS, "--image=carts:9", "--watch")
    with subprocess.Popen(
        [sys.executable, "-m", "examples.controller.cli", *about],
        cwd=ROOT,
        env=terminal._environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        (task,) = until(lambda: client.open_tasks("deployment"))
        client.finish(task, "fail")
        said, complaint = watching.communicate(timeout=PATIENCE)

    assert 5 == watching.returncode
    assert "dev.delivery finished with result fail" in said
    assert "not ended well" in complaint


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What the demo that serves prints, without serving on; with a token, which all of it has."""
    data = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "examples.controller.demo", "--port", "0", "--exit"]
    return subprocess.run(
        [*command, "--duration", "0.8", "--data", str(data)],
        cwd=ROOT, env={**os.environ, "SEQUENCECTL_TOKEN": "a token"},
        capture_output=True, text=True, timeout=3 * PATIENCE, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        r"\AThe Bridge: http://127\.0\.0\.1:\d+/bridge/$",
        r"^Serving on http://127\.0\.0\.1:\d+$",
        r"^delivery of carts in stage dev is waiting .* The lane is held by .* \(running\)\.$",
        r" delivery finished \(dev: succeeded, staging: succeeded, production: succeeded\)$",
        r" Nobody reacted to task get-action in stage production within 8s; it was terminated\.$",
        r"^The current sequence execution is paused\.$",
        r"^The sequence execution resumes\.$",
        r"^The sequence execution is aborted\.$",
        r" delivery aborted \(.*: aborted\)$",
        r"python3 dev\.py cli trigger delivery ",
    ],
)
def test_the_demo_that_serves_plays_the_stories(
    played: subprocess.CompletedProcess[str], line: str
) -> None:
    """By way of the command line, with executors as processes; then it says what to try."""
    assert (0, "") == (played.returncode, played.stderr)
    assert re.search(line, played.stdout, re.MULTILINE)


@contextmanager
def serving(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo without stories, and the address of its controller."""
    command = [sys.executable, "-m", "examples.controller.demo", "--port", "0", "--no-stories"]
    with subprocess.Popen(
        [*command, "--data", str(data), *arguments], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as demo:  # fmt: skip
        try:
            assert demo.stdout is not None
            line = demo.stdout.readline()
            yield demo, line.strip().removeprefix("The Bridge: ").removesuffix("/bridge/")
        finally:
            with suppress(ProcessLookupError):  # all of it is gone, as it should
                os.killpg(demo.pid, signal.SIGKILL)


def test_the_demo_serves_until_it_is_ended(tmp_path: Path) -> None:
    """Ctrl-C ends the controller and the executors, too."""
    with serving(tmp_path) as (demo, url):
        with Client(base_url=url, timeout=PATIENCE) as client:
            until(lambda: client.get("/v1/project").json()["totalCount"])
            client.trigger("c1").raise_for_status()
            until(lambda: client.state("c1")["sequences"][0]["tasks"][0]["executors"])
        demo.send_signal(signal.SIGINT)
        said, complaint = demo.communicate(timeout=PATIENCE)

        assert (0, "") == (demo.returncode, complaint)
        assert said.endswith("Stopped.\n")
        with pytest.raises(ProcessLookupError):
            os.killpg(demo.pid, 0)


def test_the_demo_is_not_outlived_by_its_processes(tmp_path: Path) -> None:
    """Killed it can end nobody; they end by themselves, in order, while a stream is open."""
    with serving(tmp_path) as (demo, url), Client(base_url=url, timeout=PATIENCE) as client:
        until(lambda: client.get("/v1/project").json()["totalCount"])
        with client.stream("GET", "/v1/stream/sockshop") as stream:
            lines = stream.iter_lines()
            first = next(lines)
            demo.kill()
            left = list(lines)  # a stream that is cut off raises
        _, complaint = demo.communicate(timeout=PATIENCE)  # all have closed what they inherited

        assert first
        assert left
        assert "Traceback" not in complaint
        with pytest.raises(httpx.ConnectError):
            client.get("/healthz")


def test_the_demo_ends_when_its_stdin_closes(tmp_path: Path) -> None:
    """If it is asked to: as dev.py asks it, which may be killed itself."""
    with serving(tmp_path, "--until-stdin-closes") as (demo, _):
        said, complaint = demo.communicate(timeout=PATIENCE)  # closes it first

    assert (0, "") == (demo.returncode, complaint)
    assert said.endswith("Stopped.\n")
