"""Webhooks of the controller as a program: signed, tried again, posted again after a restart."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

from examples.controller.webhooks import LOOK
from tests.e2e.controller.executors import RECEIVING, SECRET, Executor, is_over, reports
from tests.e2e.controller.process import Client, Controller, until

SIGNING = "whsec_c2VxdWVuY2VjdGwgaW4gaXRzIG93biB0ZXN0cw=="
PAGE: dict[str, Any] = {"__name__": "page"}
exec(RECEIVING, PAGE)  # noqa: S102 - what the documentation shows is what verifies here


@attrs.define
class Receiver:
    """A server in this process: it verifies, answers as it is told, and then with 204."""

    answers: list[int | None]
    """None: nothing, until the test is over."""
    ids: list[str] = attrs.field(factory=list)
    tasks: list[dict[str, Any]] = attrs.field(factory=list)
    is_over: threading.Event = attrs.field(factory=threading.Event)

    def take(self, headers: Any, body: bytes) -> int | None:
        """Return the status to answer a post with."""
        key = PAGE["base64"].b64decode(SIGNING.removeprefix("whsec_"))
        if not PAGE["is_genuine"](headers, body, key, time.time()):
            return 401
        self.ids.append(headers["webhook-id"])
        self.tasks.append(json.loads(body))
        return self.answers.pop(0) if self.answers else 204


@contextmanager
def served(receiver: Receiver) -> Iterator[str]:
    """Serve a receiver, and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.take(self.headers, body)
            if status is None:
                receiver.is_over.wait()
                return
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/tasks"
        finally:
            receiver.is_over.set()
            server.shutdown()
            serving.join()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Controllers and receivers inherit the secret."""
    monkeypatch.setenv("SEQUENCECTL_WEBHOOK_SECRET", SIGNING)


def posts(client: Client) -> dict[str, float]:
    """How many posts the controller counts, by answer."""
    lines = client.get("/metrics").text.splitlines()
    name = "sequencectl_webhook_posts_total"
    counted = [line.removeprefix(name).rpartition(" ") for line in lines if line.startswith(name)]
    return {labels.split('"')[1]: float(value) for labels, _, value in counted}


def test_a_task_is_posted_until_it_is_taken_and_again_after_a_restart(tmp_path: Path) -> None:
    """Each time under the same id, with a signature that the page finds genuine."""
    receiver = Receiver([500, 500])
    with (
        served(receiver) as url,
        Controller(tmp_path, "--reaction", "1h", "--webhook", f"deployment={url}") as controller,
        controller.client() as client,
    ):
        client.create()
        client.trigger("c1")
        until(lambda: receiver.ids, seconds=LOOK - 5)  # it has heard of the trigger
        until(lambda: posts(client).get("taken"))
        counted = posts(client)
        controller.kill()
        controller.start()
        until(lambda: len(receiver.ids) == 4)
        (task,) = client.open_tasks("deployment")
        client.finish(receiver.tasks[-1])
        until(lambda: is_over(client, "c1"))

    assert {"refused": 2, "taken": 1} == counted
    assert [task["id"]] * 4 == receiver.ids
    assert task == receiver.tasks[0]


def test_a_dead_receiver_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A signal ends a controller in order while a post waits for its answer."""
    receiver = Receiver([None])
    with (
        served(receiver) as url,
        Controller(tmp_path, "--reaction", "1h", "--webhook", f"deployment={url}") as controller,
        controller.client() as client,
    ):
        client.create()
        client.trigger("c1")
        until(lambda: receiver.ids)

        assert (0, "") == controller.stop()


def test_the_receiver_of_the_page_works(tmp_path: Path) -> None:
    """As it is printed there; the controller tries until the receiver is there."""
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    webhook = f"deployment=http://127.0.0.1:{port}/"
    with (
        Controller(tmp_path, "--reaction", "1h", "--webhook", webhook, token=SECRET) as controller,
        controller.client() as client,
    ):
        client.create()
        client.trigger("c1")
        until(lambda: posts(client).get("lost"))
        with Executor([sys.executable, "-c", RECEIVING], controller.url, PORT=str(port)):
            until(lambda: is_over(client, "c1"))

        once = {"deployment.started": 1, "deployment.finished": 1}
        assert once == reports(client, "c1", "deployment")
