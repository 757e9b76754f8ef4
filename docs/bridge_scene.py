"""The scene of the Bridge's pictures: what people and executors do, once decided, once over HTTP.

`play` tells the three stories of the proposal to whoever is on the stage. `Decided` decides them
with a `ControlPlane` in virtual time, `Served` sends them to a controller, where time is real and
the waits are left out.
"""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, final

import httpx

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ControlPlane,
    Event,
    FreezeStage,
    LiveSequence,
    PauseSequence,
    Phase,
    ReportTaskFinished,
    ReportTaskStarted,
    Shipyard,
    TriggerSequence,
)

PROJECT: Final = "sockshop"
SOCKSHOP: Final = Path(__file__).parents[1] / "examples" / "demo" / "sockshop.yaml"
GATE: Final = """
    - name: "gate"
      sequences:
        - name: "delivery"
          tasks:
            - name: "approval"
              approval: {approve: 2, reject: 2, initiator: false}
"""
SHIPYARD: Final = (SOCKSHOP.read_text(encoding="utf-8") + GATE).encode()
"""The stages of the sock shop, and one in which people decide."""

NINE: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
PATIENCE: Final = 8.0
LONG: Final = timedelta(hours=36)
CORA: Final = "cora"
"""Who triggers everything."""


FIRST, SECOND, PROBLEM, PAUSED, ABORTED, ASKED = (
    "c217b93c-5d35-45a1-9d83-e5ad9366362a",
    "5b56e594-8953-4de3-bafc-7c638ef263e7",
    "a5c22d02-5f2d-49b2-874a-9f7c8211d8e5",
    "4cca43d9-170e-4655-a5d0-4f6772131ac5",
    "9e1d1f53-13b0-4a8e-8c0e-0f3b0f0a6c11",
    "2b6f3c1e-7d52-4f0b-9a44-d1c8f3a0e9b7",
)
LIVE: Final = (FIRST, SECOND, PAUSED, ABORTED, ASKED)
"""Deliveries that are not over when the scene is."""


class Stage(Protocol):
    """Where the scene is played."""

    def trigger(self, context: str, stage: str, sequence: str, tag: str) -> None:
        """Trigger a sequence for the carts."""

    def start(self, context: str) -> None:
        """Let an executor react to the task in flight."""

    def finish(self, context: str) -> None:
        """Let the executor finish it with a pass."""

    def control(self, word: str, context: str, reason: str) -> None:
        """Let ann pause or abort."""

    def vote(self, context: str, voter: str, result: str, reason: str) -> None:
        """Let somebody vote on the approval in flight."""

    def freeze(self, stage: str, reason: str) -> None:
        """Let bob freeze a stage for a day and a half."""

    def wait(self, seconds: int) -> None:
        """Let time pass."""

    def wait_for_end(self, context: str) -> None:
        """Let time pass until all of a context is over."""


def play(on: Stage) -> None:
    """Play the three stories, side by side in three stages, and an approval in a fourth."""
    on.trigger(ASKED, "gate", "delivery", "0.12.0")
    on.vote(ASKED, "ann", "fail", "the tests of staging are red")
    on.vote(ASKED, "bob", "pass", "a known flaw of the tests")
    on.trigger(PROBLEM, "production", "remediation", "0.11.0")
    on.trigger(FIRST, "dev", "delivery", "0.11.1")
    on.start(FIRST)
    on.wait(20)
    on.finish(FIRST)
    on.start(FIRST)
    on.trigger(SECOND, "dev", "delivery", "0.11.2")
    on.trigger(PAUSED, "staging", "delivery", "0.10.9")
    on.start(PAUSED)
    on.wait(25)
    on.control("pause", PAUSED, "a look at the logs first")
    on.wait(15)
    on.finish(PAUSED)
    on.wait_for_end(PROBLEM)
    on.trigger(ABORTED, "production", "delivery", "0.10.8")
    on.start(ABORTED)
    on.wait(30)
    on.control("abort", ABORTED, "the wrong version")
    on.freeze("production", "release night")
    on.wait(10)


@final
class Decided:
    """Decides the scene, three minutes of it waited for in no time."""

    def __init__(self) -> None:
        self._plane = ControlPlane(Shipyard.from_yaml(SHIPYARD))
        self._state = self._plane.initial(PROJECT)
        self.now = NINE
        self.events: list[Event] = []

    def trigger(self, context: str, stage: str, sequence: str, tag: str) -> None:
        """Trigger a sequence for the carts."""
        data = {"configurationChange": {"values": {"image": image(tag)}}}
        self._tell(
            TriggerSequence(
                context, stage=stage, sequence=sequence, service="carts", data=data, actor=CORA
            )
        )

    def start(self, context: str) -> None:
        """Let an executor react to the task in flight."""
        task_id, name = self._task(context)
        self._tell(ReportTaskStarted(task_id, source=f"{name}-service"))

    def finish(self, context: str) -> None:
        """Let the executor finish it with a pass."""
        task_id, name = self._task(context)
        self._tell(ReportTaskFinished(task_id, source=f"{name}-service", result="pass"))

    def control(self, word: str, context: str, reason: str) -> None:
        """Let ann pause or abort."""
        command = PauseSequence if word == "pause" else AbortSequence
        self._tell(command(context, actor="ann", reason=reason))

    def vote(self, context: str, voter: str, result: str, reason: str) -> None:
        """Let somebody vote on the approval in flight."""
        task_id, _ = self._task(context)
        self._tell(
            ReportTaskFinished(task_id, source=voter, actor=voter, result=result, message=reason)
        )

    def freeze(self, stage: str, reason: str) -> None:
        """Let bob freeze a stage for a day and a half."""
        self._tell(FreezeStage(stage, until=self.now + LONG, actor="bob", reason=reason))

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def wait_for_end(self, context: str) -> None:
        """Let time pass until all of a context is over, checking what is due."""
        while self._state.live_of_context(context) and self._state.next_deadline is not None:
            self.now = self._state.next_deadline
            self._tell(CheckDeadlines())

    def phase(self, context: str) -> Phase:
        """Return the phase of the only live sequence of a context."""
        (record,) = self._state.live_of_context(context)
        return record.phase

    def _tell(self, command: Command) -> None:
        decision = self._plane.decide(self._state, command, self.now)
        self._state = decision.state
        self.events += decision.events

    def _task(self, context: str) -> tuple[str, str]:
        (record,) = self._state.live_of_context(context)
        assert isinstance(record, LiveSequence)
        assert record.task is not None
        return record.task.task_id, record.task.name


@final
class Served:
    """Sends the scene to a controller, as people and executors would."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False)

    def prepare(self) -> None:
        """Create the project and its service."""
        shipyard = base64.b64encode(SHIPYARD).decode()
        self._post("/v1/project", {"name": PROJECT, "shipyard": shipyard})
        self._post(f"/v1/project/{PROJECT}/service", {"serviceName": "carts"})

    def trigger(self, context: str, stage: str, sequence: str, tag: str) -> None:
        """Trigger a sequence for the carts."""
        data = {"configurationChange": {"values": {"image": image(tag)}}}
        kind = f"{stage}.{sequence}.triggered"
        self._event(kind, context, stage, source="cli", data=data, actor=CORA)

    def start(self, context: str) -> None:
        """Let an executor react to the task in flight."""
        self._report(context, "started", {})

    def finish(self, context: str) -> None:
        """Let the executor finish it with a pass."""
        self._report(context, "finished", {"status": "succeeded", "result": "pass"})

    def control(self, word: str, context: str, reason: str) -> None:
        """Let ann pause or abort."""
        body = {"state": word, "actor": "ann", "reason": reason}
        self._post(f"/v1/sequence/{PROJECT}/{context}/control", body)

    def vote(self, context: str, voter: str, result: str, reason: str) -> None:
        """Let somebody vote on the approval in flight."""
        body = {"result": result, "actor": voter, "reason": reason}
        self._post(f"/v1/sequence/{PROJECT}/{context}/vote", body)

    def freeze(self, stage: str, reason: str) -> None:
        """Let bob freeze a stage for a day and a half."""
        until = (datetime.now(UTC) + LONG).isoformat()
        body = {"state": "freeze", "actor": "bob", "reason": reason, "until": until}
        self._post(f"/v1/project/{PROJECT}/stage/{stage}/control", body)

    def wait(self, seconds: int) -> None:
        """Let a hundredth of that time pass, so that spans have a width."""
        time.sleep(seconds / 100)

    def wait_for_end(self, context: str) -> None:
        """Ask until all of a context is over."""
        give_up_at = time.monotonic() + PATIENCE
        while self._state(context)["live"]:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{context} does not end")
            time.sleep(0.1)

    def _report(self, context: str, word: str, data: dict[str, Any]) -> None:
        sequence = self._state(context)["sequences"][-1]
        task = sequence["tasks"][-1]
        source, about = f"{task['name']}-service", {"triggeredid": task["id"]}
        self._event(
            f"{task['name']}.{word}", context, sequence["stage"], source=source, data=data, **about
        )

    def _event(
        self, kind: str, context: str, stage: str, *, source: str, data: dict[str, Any], **more: str
    ) -> None:
        event = {
            "specversion": "1.0",
            "type": f"sh.keptn.event.{kind}",
            "id": f"{context}-{more.get('triggeredid', '')}-{kind}",
            "source": source,
            "shkeptncontext": context,
            "data": {"project": PROJECT, "stage": stage, "service": "carts", **data},
            **more,
        }
        self._post("/v1/event", event)

    def _state(self, context: str) -> dict[str, Any]:
        answer = self._client.get(f"/v1/sequence/{PROJECT}/{context}").raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._client.post(path, json=body).raise_for_status()


def image(tag: str) -> str:
    """Return the image of a version of the carts."""
    return f"docker.io/keptnexamples/carts:{tag}"
