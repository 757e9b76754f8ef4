"""The life of the process: start, stop with open streams, restart, what it makes up for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.controller.process import PATIENCE, ROOT, Client, Controller, until


@contextmanager
def streams(client: Client, count: int) -> Iterator[list[Iterator[str]]]:
    """So many open streams of the project, each past its greeting."""
    opened: list[Any] = []
    lines = []
    try:
        for _ in range(count):
            stream = client.stream("GET", "/v1/stream/sockshop")
            opened.append(stream)
            lines.append(stream.__enter__().iter_lines())
            assert "event: hello" in [next(lines[-1]) for _ in range(4)]
        yield lines
    finally:
        for stream in opened:
            stream.__exit__(None, None, None)


def messages(lines: Iterator[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The messages of a stream: number, event and data."""
    about: dict[str, str] = {}
    for line in lines:
        key, _, text = line.partition(": ")
        about[key] = text
        if not line and "data" in about:
            yield int(about["id"]), about["event"], json.loads(about["data"])
            about = {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_while_streams_are_open(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Every stream comes to its end, and the exit status is 0."""
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        with streams(client, 8) as opened:
            status, said = controller.end(number)
            ends = [list(lines) for lines in opened]

    assert (0, "") == (status, said)
    assert all(not any(line.startswith("data: {") for line in end) for end in ends)


def test_after_a_restart_everything_is_there(tmp_path: Path) -> None:
    """Projects, services, deliveries, open tasks and the freeze of a stage."""
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        client.post("/v1/project/sockshop/service", json={"serviceName": "orders"})
        client.trigger("one")
        client.trigger("two")
        freeze = {"state": "freeze", "actor": "me", "reason": "holidays"}
        client.post("/v1/project/sockshop/stage/prod/control", json=freeze)
        paths = (
            "/v1/project", "/v1/sequence/sockshop", "/v1/sequence/sockshop/two",
            "/v1/event/triggered/sh.keptn.event.deployment.triggered",
            "/mongodb-datastore/event?project=sockshop",
        )  # fmt: skip
        before = [client.get(path).json() for path in paths]
        controller.stop()
        controller.start()

        assert before == [client.get(path).json() for path in paths]


def test_a_client_that_was_away_over_a_restart_misses_nothing(tmp_path: Path) -> None:
    """It says which message it saw last, and gets what changed since."""
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        with streams(client, 1) as (lines,):
            client.trigger("one")
            last, _, _ = next(messages(lines))
            controller.kill()
        controller.start()
        client.trigger("two")
        about = {"Last-Event-ID": str(last)}
        with client.stream("GET", "/v1/stream/sockshop", headers=about) as stream:
            _, event, data = next(messages(stream.iter_lines()))

    assert "changed" == event
    assert ["two"] == [state["shkeptncontext"] for state in data["states"]]


@pytest.mark.parametrize("lost", ["journal.db", "journal.db-wal"])
def test_a_journal_that_is_lost_is_made_up(tmp_path: Path, lost: str) -> None:
    """It is derived: what the store keeps is enough for every list, document and stream."""
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        for context in ("one", "two"):
            client.trigger(context)
        (task,) = client.open_tasks("deployment")
        client.finish(task)
        client.control("two", "abort", actor="me", reason="no need")
        paths = ("/v1/sequence/sockshop", "/v1/sequence/sockshop/two", "/v1/project",
                 "/mongodb-datastore/event?project=sockshop")  # fmt: skip
        before = [client.get(path).json() for path in paths]
        controller.kill()
        for path in tmp_path.glob(f"{lost}*"):
            path.unlink()
        controller.start()

        assert before == [client.get(path).json() for path in paths]


def test_a_silent_task_runs_out_of_time_by_itself(tmp_path: Path) -> None:
    """One timer is armed for the first deadline: nobody has to ask."""
    with Controller(tmp_path, "--reaction", "200ms") as controller, controller.client() as client:
        client.create()
        client.trigger("one")
        until(lambda: client.state("one")["state"] == "timedOut")
        (sequence,) = client.state("one")["sequences"]

    wanted = "Nobody reacted to task deployment in stage dev within 200ms; it was terminated."
    assert wanted == sequence["tasks"][0]["timedOut"]
    assert ("timed_out", "fail") == (sequence["phase"], sequence["result"])


def test_data_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A file that is none of ours is left as it is, and the sentence names it."""
    (tmp_path / "sequences.db").write_bytes(b"somebody's own data, not a database at all")
    command = [sys.executable, "-m", "examples.controller", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert 1 == done.returncode
    assert "sequences.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert b"somebody's own data" in (tmp_path / "sequences.db").read_bytes()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """One sentence and exit status 1."""
    with Controller(tmp_path / "a") as controller:
        port = httpx.URL(controller.url).port
        command = [sys.executable, "-m", "examples.controller", "--port", str(port)]
        done = subprocess.run(
            [*command, "--data", str(tmp_path / "b")],
            cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    assert 1 == done.returncode
    wanted = f"sequencectl-controller: 127.0.0.1, port {port}: Address already in use\n"
    assert wanted == done.stderr
