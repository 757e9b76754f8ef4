"""Planes and outcomes for the golden files: everything that a plane may say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sequencectl as s
from tests.wire.story_2 import ASKING, TWO

OFFICE: Final = "Büro – office hours"


def office(stage: str, at: datetime) -> s.Opening:
    """A calendar: closed on Sundays."""
    is_open = at.weekday() < 6
    tomorrow = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return s.Opening(is_open, until=tomorrow, name="" if is_open else f"{stage} on a Sunday")


CALENDARS: Final = {OFFICE: office}
DELIVERY: Final = s.SequenceDefinition(
    "delivery",
    (
        s.TaskDefinition(
            "deploy",
            triggered_after="90s",
            properties={"strategy": "blue – green", "numbers": [0, -1.5, 10**21, None]},
            timeouts=s.TaskTimeouts("5m", None, silence="41s"),
            expects=["jmeter", "helm"],
            retry=s.Retry(times=3, backoff="1m", factor=2, on=["timed_out", "errored"]),
            on_failure="park",
        ),
        s.TaskDefinition("test", expects=2, timeouts=s.TaskTimeouts()),
        s.TaskDefinition("approval", approval=TWO),
    ),
    triggered_on=(
        s.TriggeredOn("dev", "delivery", {"result": "pass", "deploy.result": "failed"}),
        s.TriggeredOn("nowhere", "else"),
    ),
    priority=-7,
    timeouts=s.SequenceTimeouts(None, "2h"),
    on_failure="park",
)
RICH: Final = s.ControlPlane(
    s.Shipyard(
        (s.StageDefinition("prod", (DELIVERY, ASKING)[:1]), s.StageDefinition("dev", (ASKING,)),
         s.StageDefinition("empty")),
        name="Sockenladen – sockshop",
    ),
    timeouts=s.TimeoutPolicy.unbounded(
        reaction="3m", total="1h", waiting="1µs", abort_grace="36500h", silence="40s",
        parked="1h30m", clock_skew="0s",
        tasks={
            "test": s.TaskTimeouts(None, "5m"), "deploy": s.TaskTimeouts("1s"),
            "no – task": s.TaskTimeouts(),
        },
    ),
    queueing=s.QueuePolicy(
        limit=2, mode="latest_only", scope="service", max_waiting=1,
        stages={"prod": s.QueuePolicy(mode="reject_when_busy"), "dev": s.QueuePolicy(limit=10**30)},
    ),
    bounds=s.Bounds(
        payload_size=999, payload_depth=100, input_size=2_000, retain=0, remember=10**30,
        request_ids=0, tasks=3, sources=5, reports=7, max_depth=1, attempts=4, progress_every="10s",
    ),
    calendar=office,
)  # fmt: skip
PLANES: Final = (s.ControlPlane(s.Shipyard.of({"dev": {"delivery": ["deploy", "test"]}})), RICH)
OUTCOMES: Final[tuple[s.Outcome, ...]] = (
    s.Applied(),
    s.Unchanged(s.UnchangedCode.ALREADY_VOTED),
    s.Rejected(s.RejectedCode.QUEUE_FULL, "7 wait in “dev”, and no more may"),
)
