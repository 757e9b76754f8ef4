"""Writers that send commands at a steady pace and wait for each answer.

A command's latency counts from the instant at which it should have been sent, so that a controller
that stalls cannot hide it by slowing the writers down.
"""

from __future__ import annotations

import json
import threading
import time
from http.client import HTTPConnection
from typing import Any

STEPS = ("trigger", "pause", "resume", "abort")
"""What becomes of each delivery, command by command."""


class Writer(threading.Thread):
    """Sends so many commands a second, for so many seconds."""

    def __init__(self, number: int, port: int, *, rate: float, seconds: float) -> None:
        super().__init__(name=f"writer {number}")
        self._number = number
        self._port = port
        self._rate = rate
        self._count = int(rate * seconds)
        self.latencies: list[float] = []
        self.acknowledged: list[tuple[str, str]] = []
        self.failed: list[str] = []

    def run(self) -> None:
        """Send everything, one command after the other."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        begin = time.monotonic()
        for number in range(self._count):
            due = begin + number / self._rate
            time.sleep(max(due - time.monotonic(), 0))
            delivery, step = divmod(number, len(STEPS))
            context = f"w{self._number}-{delivery}"
            status, answer = _sent(connection, context, STEPS[step])
            self.latencies.append(time.monotonic() - due)
            if status == 200 and answer["outcome"] == "applied":
                self.acknowledged.append((context, STEPS[step]))
            else:
                self.failed.append(f"{context} {STEPS[step]}: {status} {answer}")
        connection.close()


def _sent(connection: HTTPConnection, context: str, step: str) -> tuple[int, dict[str, Any]]:
    path, body = _request(context, step)
    headers = {"content-type": "application/json"}
    connection.request("POST", path, json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def _request(context: str, step: str) -> tuple[str, dict[str, Any]]:
    if step == "trigger":
        event = {
            "specversion": "1.0", "id": context, "source": "load", "shkeptncontext": context,
            "type": "sh.keptn.event.dev.delivery.triggered",
            "data": {"project": "load", "stage": "dev", "service": context},
        }  # fmt: skip
        return "/v1/event", event
    control = {"state": step, "requestId": f"{context}-{step}", "force": step == "abort"}
    return f"/v1/sequence/load/{context}/control", control
