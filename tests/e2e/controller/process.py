"""A controller as a process of its own, and a client of it."""

from __future__ import annotations

import base64
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0
"""So many seconds a test waits for what must come."""

SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks: [{name: deployment}, {name: test}]
    - name: prod
      sequences:
        - name: delivery
          triggeredOn: [{event: dev.delivery.finished}]
          tasks: [{name: deployment}]
"""
PROGRAM = ("-m", "examples.controller")
T = TypeVar("T")


class Controller:
    """A controller on a folder or a store; started, killed and started again on the same port."""

    def __init__(
        self,
        data: Path | None,
        *arguments: str,
        token: str = "",
        program: Sequence[str] = PROGRAM,
        store: str = "",
    ) -> None:
        self.data = data
        self.store = store
        self.token = token
        self.program = program
        self._arguments = arguments
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Controller:
        """Start the process and wait until it serves."""
        place = [] if self.data is None else ["--data", str(self.data)]
        command = [sys.executable, *self.program, *place]
        options = ["--port", str(self._port), "--settle", "0s", *self._arguments]
        own = {"SEQUENCECTL_TOKEN": self.token, "SEQUENCECTL_STORE": self.store}
        environment = {**os.environ, **own}
        self._process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._port = int(self._first_line().rpartition(":")[2])
        return self

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    def await_death(self) -> None:
        """Wait until the process has ended by itself; fail if it does not."""
        assert self._process is not None
        self._process.communicate(timeout=PATIENCE)

    def client(self, **options: Any) -> Client:
        """A client that has the token, and says that it sends JSON, with a GET too."""
        headers = {"Content-Type": "application/json"}
        headers |= {"x-token": self.token} if self.token else {}
        return Client(base_url=self.url, headers=headers, timeout=PATIENCE, **options)

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self.end(signal.SIGKILL)

    def stop(self) -> tuple[int, str]:
        """End it in order; return its exit status and what it said on stderr."""
        return self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send it a signal and wait; return its exit status and what it said on stderr."""
        process, self._process = self._process, None
        if process is None:
            return 0, ""
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    def _first_line(self) -> str:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            process.kill()
            raise AssertionError(f"does not serve within {PATIENCE} s")
        line = process.stdout.readline().strip()
        if not line:
            raise AssertionError(f"does not serve: {process.communicate()[1]}")
        return line

    def __enter__(self) -> Controller:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class Client(httpx.Client):
    """Keptn's client, in a few lines."""

    def create(self, name: str = "sockshop", shipyard: str = SHIPYARD) -> None:
        """Create a project."""
        body = {"name": name, "shipyard": base64.b64encode(shipyard.encode()).decode()}
        self.post("/v1/project", json=body).raise_for_status()

    def event(self, kind: str, data: dict[str, Any] | None = None, **about: Any) -> httpx.Response:
        """Send a CloudEvent of a type after ``sh.keptn.event.``."""
        scope = {"project": "sockshop", "stage": "dev", "service": "carts"}
        event = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "test",
            "type": f"sh.keptn.event.{kind}",
            "data": {**scope, **(data or {})},
            **about,
        }
        return self.post("/v1/event", json=event)

    def trigger(self, context: str, *, stage: str = "dev", **data: Any) -> httpx.Response:
        """Trigger a delivery; its id is that of its context."""
        about = {"id": context, "shkeptncontext": context}
        return self.event(f"{stage}.delivery.triggered", {"stage": stage, **data}, **about)

    def open_tasks(self, task: str) -> list[dict[str, Any]]:
        """Return the open tasks of a name."""
        kind = f"sh.keptn.event.{task}.triggered"
        answer = self.get(f"/v1/event/triggered/{kind}", params={"pageSize": "100"})
        events: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
        return events

    def finish(self, task: dict[str, Any], result: str = "pass") -> httpx.Response:
        """Finish a task, as the executor that it is for."""
        name = task["type"].split(".")[3]
        about = {"triggeredid": task["id"], "shkeptncontext": task["shkeptncontext"]}
        report = {"id": f"{task['id']}-{result}", "source": f"{name}-service"}
        return self.event(f"{name}.finished", {**task["data"], "result": result}, **about, **report)

    def control(self, context: str, word: str, **more: Any) -> httpx.Response:
        """Pause, resume or abort a delivery."""
        return self.post(f"/v1/sequence/sockshop/{context}/control", json={"state": word, **more})

    def state(self, context: str) -> dict[str, Any]:
        """Return how a delivery stands."""
        answer = self.get(f"/v1/sequence/sockshop/{context}").raise_for_status()
        state: dict[str, Any] = answer.json()
        return state


def until(look: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """Look again and again until what is seen is true; fail after so many seconds."""
    give_up_at = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < give_up_at, f"not within {seconds} s, seen last: {seen!r}"
        time.sleep(0.02)
    return seen
