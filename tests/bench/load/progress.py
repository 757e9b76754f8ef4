"""Progress beside deliveries: what reports of a thousand tasks in flight leave to a trigger.

Deliveries are triggered at a steady pace, by turns alone and while executors report: ten reports a
second in all, as a thousand executors make that report every 100 s. At the end a few connections
report as fast as they are answered, ten times a second and more on each of their tasks, so that
nearly all of it is too soon (R42). What is compared is compared within one run.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, Final

import attrs

PACE: Final = 20.0
"""So many deliveries are triggered a second."""

REPORTS: Final = 10.0
"""So many reports of progress come in a second."""

ROUNDS: Final = 3
"""So often deliveries are alone, and then are not."""

CONNECTIONS: Final = 4
TASKS_EACH: Final = 10
"""So many connections report at full speed, each on so many tasks."""

MOST: Final = {"median": 3.0, "recorded": 2.0, "too soon": 0.25}
"""Bounds: the median of a trigger beside ten reports a second, against that of one alone; and what
a report that is recorded, or comes too soon, takes of the deciding thread, against a trigger.
"""

_BUSY: Final = re.compile(
    r'sequencectl_deciding_seconds_total\{answer="(\w+)",kind="(\w+)"\} (\S+)'
)
_PROGRESS, _APPLIED, _TOO_SOON = "ReportTaskProgress", "applied", "too_soon"
Json = dict[str, Any]


@attrs.define
class Seen:
    """What was measured under one kind of load."""

    latencies: list[float] = attrs.field(factory=list)
    answers: Counter[str] = attrs.field(factory=Counter)
    seconds: float = 0.0
    busy: dict[tuple[str, str], float] = attrs.field(factory=dict)
    """Seconds of the deciding thread by kind of command and by answer."""

    def at(self, share: float) -> float:
        """The latency that this share of the triggers does not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def trigger(self) -> float:
        """How long a trigger keeps the deciding thread, in seconds."""
        return self.busy["TriggerSequence", _APPLIED] / len(self.latencies)

    def report(self, answer: str) -> float:
        """How long a report of progress with this answer keeps it."""
        return self.busy[_PROGRESS, answer] / self.answers[answer]

    def share(self) -> float:
        """The part of its time that progress takes of it."""
        busy = sum(seconds for (kind, _), seconds in self.busy.items() if kind == _PROGRESS)
        return busy / self.seconds


class Load:
    """A controller whose project has so many tasks in flight."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._numbers = itertools.count()
        self._connection = self._connect()
        for number in range(count):
            self._trigger(f"task-{number}")
        self.tasks = list(self._open())
        for task in self.tasks:
            self._report(self._connection, "started", task)

    def measure(self, seen: Seen, seconds: float, *, paces: tuple[float, ...] = ()) -> None:
        """Trigger for so long while a connection for each pace reports: so many a second, or as
        fast as it is answered (0).
        """
        before = self._busy()
        begin = time.monotonic()
        with self._reporting(seen, paces):
            for number in range(int(seconds * PACE)):
                due = begin + number / PACE
                time.sleep(max(due - time.monotonic(), 0))
                known = f"{next(self._numbers)}"
                self._trigger(known)
                seen.latencies.append(time.monotonic() - due)
                self._end(known)
            seen.seconds += time.monotonic() - begin
        for key, total in self._busy().items():
            seen.busy[key] = seen.busy.get(key, 0) + total - before.get(key, 0)

    @contextmanager
    def _reporting(self, seen: Seen, paces: tuple[float, ...]) -> Iterator[None]:
        is_over = threading.Event()
        counts = [Counter[str]() for _ in paces]
        threads = []
        for number, (pace, count) in enumerate(zip(paces, counts, strict=True)):
            own = self.tasks[number * TASKS_EACH : (number + 1) * TASKS_EACH]
            given = (pace, self.tasks if pace else own, count, is_over)
            threads.append(threading.Thread(target=self._progress, args=given))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
            for count in counts:
                seen.answers.update(count)

    def _progress(
        self, pace: float, tasks: list[str], answers: Counter[str], is_over: threading.Event
    ) -> None:
        connection, begin = self._connect(), time.monotonic()
        for sent in itertools.count():
            if is_over.wait(max(begin + sent / pace - time.monotonic(), 0) if pace else 0):
                break
            number = next(self._numbers)
            data = {"percent": number % 101, "message": "rolling out"}
            task = tasks[number % len(tasks)]
            answers[self._report(connection, "status.changed", task, **data)] += 1
        connection.close()

    def _connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=60)

    def _trigger(self, known: str) -> None:
        kind = "dev.delivery.triggered"
        _posted(self._connection, _event(kind, known, known, shkeptncontext=known))

    def _end(self, known: str) -> None:
        path = f"/v1/sequence/load/{known}/control"
        _posted(self._connection, {"state": "abort", "force": True}, path)

    def _report(self, connection: HTTPConnection, word: str, task: str, **data: Any) -> str:
        known = f"{word}-{task}"
        event = _event(f"deployment.{word}", known, "", triggeredid=task)
        event["data"] |= data
        answer: str = _posted(connection, event)["outcome"]
        return answer

    def _open(self) -> Iterator[str]:
        path = "/v1/event/triggered/sh.keptn.event.deployment.triggered?pageSize=100&nextPageKey="
        key = "0"
        while key:
            self._connection.request("GET", path + key)
            page = json.loads(self._connection.getresponse().read())
            yield from (event["id"] for event in page["events"])
            key = page["nextPageKey"]

    def _busy(self) -> dict[tuple[str, str], float]:
        connection = self._connect()
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {(kind, answer): float(total) for answer, kind, total in _BUSY.findall(text)}


def run(port: int, *, tasks: int, seconds: float) -> list[str]:
    """Measure for so many seconds in all and print it; return which bounds were exceeded."""
    load = Load(port, tasks)
    alone, beside, flood = Seen(), Seen(), Seen()
    part = seconds / (2 * ROUNDS + 1)
    for _ in range(ROUNDS):
        load.measure(alone, part)
        load.measure(beside, part, paces=(REPORTS,))
    load.measure(flood, part, paces=(0.0,) * CONNECTIONS)
    found = {
        "median": beside.at(0.5) / alone.at(0.5),
        "recorded": beside.report(_APPLIED) / beside.trigger(),
        "too soon": flood.report(_TOO_SOON) / flood.trigger(),
    }
    print(f"a trigger beside {len(load.tasks):,} tasks in flight")
    for name, seen in (("alone", alone), ("beside 10 reports/s", beside), ("in a flood", flood)):
        said = f"p50 {seen.at(0.5) * 1e3:6.1f} ms ({seen.at(0.5) / alone.at(0.5):.2f} x)"
        print(f"  {name:20} {said}, p99 {seen.at(0.99) * 1e3:6.1f} ms{_reports(seen)}")
    print(
        f"  of the deciding thread a report takes {found['recorded']:.2f} x what a trigger takes, "
        f"one that is too soon {found['too soon']:.3f} x"
    )
    strange = (beside.answers + flood.answers).keys() - {_APPLIED, _TOO_SOON}
    return [f"reports were answered {answer}" for answer in strange] + [
        f"{name}: {found[name]:.2f} x, at most {most} x is permitted"
        for name, most in MOST.items()
        if found[name] > most
    ]


def _reports(seen: Seen) -> str:
    count = seen.answers.total()
    if not count:
        return ""
    recorded, too_soon = seen.answers[_APPLIED], seen.answers[_TOO_SOON]
    said = f"; {count / seen.seconds:,.0f} reports/s ({recorded:,} recorded, {too_soon:,} too soon)"
    return f"{said} take {seen.share():.1%} of the deciding thread"


def _event(kind: str, known: str, service: str, **about: str) -> Json:
    event = {"specversion": "1.0", "id": known, "source": "load", "type": f"sh.keptn.event.{kind}"}
    return {**event, "data": {"project": "load", "stage": "dev", "service": service}, **about}


def _posted(connection: HTTPConnection, body: Json, path: str = "/v1/event") -> Json:
    """Return the answer to a request, which must be a success."""
    headers = {"content-type": "application/json"}
    connection.request("POST", path, json.dumps(body).encode(), headers)
    response = connection.getresponse()
    answer: Json = json.loads(response.read())
    if response.status != 200:
        raise ConnectionError(f"{path} is answered {response.status}: {answer}")
    return answer
