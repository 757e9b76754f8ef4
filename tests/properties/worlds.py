"""The configurations that walks are taken in, for the naive model and for the real plane alike.

A world is a plain mapping; instants are whole seconds after `EPOCH`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sequencectl as s

EPOCH: Final = datetime(2026, 3, 29, tzinfo=UTC)
QUEUE: Final = {"limit": 1, "mode": "queue", "scope": "stage", "max_waiting": 10_000}
DEFAULTS: Final[dict[str, Any]] = {
    "reaction": 180, "completion": 86_400, "total": None, "waiting": None, "abort_grace": None,
    "clock_skew": 300, "max_depth": 100, "max_sources": 32, "retain": 200, "remember": 10_000,
    "remember_requests": 64,
}  # fmt: skip


def at(seconds: int) -> datetime:
    """Return the instant so many seconds after the epoch."""
    return EPOCH + timedelta(seconds=seconds)


def world(stages: Any, *, queues: Any = None, **numbers: Any) -> dict[str, Any]:
    """Return a configuration with everything said that it leaves out."""
    queues = {stage: QUEUE | (queues or {}).get(stage, {}) for stage in stages}
    return {**DEFAULTS, **numbers, "stages": stages, "queues": queues}


def sequence(*tasks: Any, **more: Any) -> dict[str, Any]:
    """Return a sequence of these tasks; a task is its name or a mapping."""
    return {"tasks": [one if isinstance(one, dict) else task(one) for one in tasks], **more}


def task(name: str, **more: Any) -> dict[str, Any]:
    """Return a task with a delay, limits of its own, or executors to expect."""
    return {"name": name, **more}


def plane_of(config: dict[str, Any]) -> s.ControlPlane:
    """Return the real plane of a world."""
    stages = tuple(
        s.StageDefinition(stage, tuple(_sequence(name, given) for name, given in sequences.items()))
        for stage, sequences in config["stages"].items()
    )
    limits = ["reaction", "completion", "total", "waiting", "abort_grace", "clock_skew"]
    return s.ControlPlane(
        s.Shipyard(stages),
        timeouts=s.TimeoutPolicy(**_seconds(config, *limits)),
        queueing=s.QueuePolicy(
            stages={stage: s.QueuePolicy(**queue) for stage, queue in config["queues"].items()}
        ),
        bounds=s.Bounds(
            retain=config["retain"],
            remember=config["remember"],
            request_ids=config["remember_requests"],
            sources=config["max_sources"],
            max_depth=config["max_depth"],
        ),
    )


def _seconds(given: dict[str, Any], *limits: str) -> dict[str, Any]:
    said = [(limit, given[limit]) for limit in limits if limit in given]
    return {x: None if seconds is None else timedelta(seconds=seconds) for x, seconds in said}


def _sequence(name: str, given: dict[str, Any]) -> s.SequenceDefinition:
    return s.SequenceDefinition(
        name,
        tuple(_task(one) for one in given["tasks"]),
        triggered_on=tuple(s.TriggeredOn(*on) for on in given.get("on", ())),
        priority=given.get("priority"),
        timeouts=s.SequenceTimeouts(**_seconds(given, "total", "waiting")),
    )


def _task(given: dict[str, Any]) -> s.TaskDefinition:
    return s.TaskDefinition(
        given["name"],
        triggered_after=timedelta(seconds=given.get("delay", 0)),
        expects=given.get("expects"),
        timeouts=s.TaskTimeouts(**_seconds(given, "reaction", "completion")),
    )


# fmt: off
DELIVERY: Final = sequence("deploy", task("test", delay=15))
AFTER_DEV: Final = sequence("test", on=[("dev", "delivery", {})])
LIMITS: Final[dict[str, Any]] = {
    "total": 300, "waiting": 200, "abort_grace": 50, "reaction": 60, "completion": 150,
}
WORLDS: Final = {
    "plain": world({"dev": {"delivery": sequence("deploy", "test")}}, remember_requests=1),
    "promotion": world({
        "dev": {"delivery": sequence("build", task("test", delay=20))},
        "staging": {
            "delivery": sequence("deploy", "test", on=[
                ("dev", "delivery", {}), ("dev", "evaluation", {}),
            ]),
            "rollback": sequence("rollback", priority=5, on=[
                ("staging", "delivery", {"result": "fail"}),
            ]),
            "remediation": sequence(task("fix", delay=40), "check", on=[
                ("staging", "rollback", {"result": "fail"}),
                ("staging", "delivery", {"test.result": "fail", "result": "fail"}),
                ("staging", "remediation", {"fix.result": "fail"}),
                ("staging", "remediation", {"check.result": "warning"}),
            ]),
        },
        "production": {"evaluation": sequence("look", on=[("staging", "delivery", {})])},
    }, max_depth=2),
    "executors": world({"dev": {
        "two": sequence(task("one", expects=2), "other"),
        "named": sequence(task("one", expects=["a", "b"]), task("two", expects=1)),
        "open": sequence("one", "one", "one"),
    }}, max_sources=3, remember_requests=1, reaction=60, completion=150, abort_grace=50),
    "priorities": world({"dev": {
        "delivery": DELIVERY,
        "hotfix": sequence("deploy", priority=3),
        "cleanup": sequence("clean", priority=-1),
    }}, queues={"dev": {"limit": 2}}, waiting=400, remember_requests=1),
    "services": world({"dev": {"delivery": DELIVERY}, "staging": {"delivery": AFTER_DEV}}, queues={
        "dev": {"scope": "service"}, "staging": {"scope": "service", "limit": 2},
    }, total=300, waiting=200),
    "latest": world({"dev": {"delivery": DELIVERY, "checkup": sequence("look", priority=1)}},
        queues={"dev": {"mode": "latest_only", "max_waiting": 2}}, waiting=250),
    "busy": world({"dev": {"delivery": DELIVERY}, "staging": {"delivery": AFTER_DEV}}, queues={
        "dev": {"mode": "reject_when_busy", "limit": 2}, "staging": {"mode": "reject_when_busy"},
    }, remember_requests=0, clock_skew=0),
    "small": world({
        "dev": {"delivery": sequence("deploy")}, "staging": {"delivery": AFTER_DEV},
    }, queues={
        "dev": {"max_waiting": 2}, "staging": {"max_waiting": 0, "mode": "latest_only"},
    }, retain=2, remember=3, remember_requests=2),
    "limits": world({"dev": {
        "delivery": sequence(task("deploy", reaction=90), task("test", delay=70), "verify"),
        "patient": sequence(task("wait", delay=30, reaction=None, completion=400), "go",
            total=None, waiting=None),
        "hasty": sequence("run", task("again", delay=30), total=100, waiting=40),
    }}, remember_requests=1, **LIMITS),
    "everything": world({
        "dev": {
            "delivery": sequence("build", task("test", expects=2)),
            "hotfix": sequence("build", priority=2),
        },
        "staging": {
            "delivery": sequence("deploy", task("test", delay=30), on=[
                ("dev", "delivery", {}), ("dev", "hotfix", {}),
            ]),
            "rollback": sequence("back", priority=5, on=[
                ("staging", "delivery", {"result": "fail"}),
            ]),
        },
        "prod": {"release": sequence("release", on=[
            ("staging", "delivery", {}),
            ("prod", "release", {"release.result": "pass"}),
        ])},
    }, queues={
        "dev": {"mode": "latest_only", "limit": 2, "max_waiting": 2},
        "staging": {"scope": "service", "mode": "reject_when_busy"},
    }, max_depth=2, max_sources=2, retain=1, remember=2, remember_requests=3, **LIMITS),
}
