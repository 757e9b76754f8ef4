"""The configurations that walks are taken in, for the naive model and for the real plane alike.

A world is a plain mapping. Instants are whole microseconds after `EPOCH`; limits and delays are
whole seconds, and so are the instants in a calendar. That is a table of the windows in which a
stage is closed: from, until (None: for good), and a name. A name that begins with ``!`` says in
what way the calendar is broken then. `changes` are what the host may change on the way, and
`change` is how often it does. `contexts`, if there are any, are the only ones in which something is
triggered. `fails` says how often work fails, `turns` how often which kind of command is drawn, and
`walks` how many walks are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sequencectl as s

Window = tuple[int, int | None, str]
Table = Mapping[str, list[Window]]

EPOCH: Final = datetime(2026, 3, 29, tzinfo=UTC)
SECOND: Final = 1_000_000
QUEUE: Final = {"limit": 1, "mode": "queue", "scope": "stage", "max_waiting": 10_000}
APPROVAL: Final = {
    "approve": 1, "reject": 1, "initiator": True, "on_expiry": "time_out", "newcomer": "wait",
}  # fmt: skip
DEFAULTS: Final[dict[str, Any]] = {
    "reaction": 180, "completion": 86_400, "silence": None, "total": None, "waiting": None,
    "abort_grace": None, "parked": 86_400, "attempts": 100, "progress_every": 10, "fails": 1,
    "contexts": [], "tasks": {}, "clock_skew": 300, "max_depth": 100, "max_sources": 32,
    "max_reports": 1_000, "payload_size": 65_536, "retain": 200, "remember": 10_000,
    "remember_requests": 64, "calendar": {}, "changes": [], "change": 0.05, "walks": 30,
    "turns": {"trigger": 10, "report": 18, "control": 10, "freeze": 2, "exempt": 1, "check": 4,
        "decide": 1, "redrive": 1, "progress": 1},
}  # fmt: skip


def at(microseconds: int) -> datetime:
    """Return the instant so many microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=microseconds)


def micros(instant: datetime) -> int:
    """Return how many microseconds after the epoch an instant is."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def world(stages: Any, *, queues: Any = None, turns: Any = None, **numbers: Any) -> dict[str, Any]:
    """Return a configuration with everything said that it leaves out."""
    queues = {stage: QUEUE | (queues or {}).get(stage, {}) for stage in stages}
    often = DEFAULTS["turns"] | (turns or {})
    return {**DEFAULTS, **numbers, "stages": stages, "queues": queues, "turns": often}


def sequence(*tasks: Any, **more: Any) -> dict[str, Any]:
    """Return a sequence of these tasks; a task is its name or a mapping."""
    return {"tasks": [one if isinstance(one, dict) else task(one) for one in tasks], **more}


def task(name: str, **more: Any) -> dict[str, Any]:
    """Return a task with a delay, limits of its own, executors to expect, or what failure does."""
    return {"name": name, **more}


def retry(times: int = 1, backoff: int = 0, factor: int = 1, on: Any = ("fail", "errored")) -> Any:
    """Return what a task has that is run again by itself."""
    return {"retry": {"times": times, "backoff": backoff, "factor": factor, "on": [*on]}}


def approval(name: str = "approval", *, limits: Any = None, **more: Any) -> dict[str, Any]:
    """Return a task that votes decide, with limits or a delay of its own."""
    return {"name": name, "approval": APPROVAL | more, **(limits or {})}


def calendar_of(table: Table) -> s.Calendar:
    """Return the real calendar of a table of windows."""

    def calendar(stage: str, instant: datetime) -> s.Opening:
        for start, end, name in table.get(stage, []):
            if at(start * SECOND) <= instant and (end is None or instant < at(end * SECOND)):
                until = None if end is None else at(end * SECOND)
                if name == "!raises":
                    raise LookupError(stage)
                if name == "!nonsense":
                    return None  # type: ignore[return-value]  # what hosts may get wrong
                if name == "!past":
                    return s.Opening(False, until=instant)
                return s.Opening(False, until=until, name=name)
        return s.Opening(True)

    return calendar


def plane_of(config: dict[str, Any]) -> s.ControlPlane:
    """Return the real plane of a world."""
    stages = tuple(
        s.StageDefinition(stage, tuple(_sequence(name, given) for name, given in sequences.items()))
        for stage, sequences in config["stages"].items()
    )
    limits = ["reaction", "completion", "silence", "total", "waiting", "abort_grace", "parked"]
    return s.ControlPlane(
        s.Shipyard(stages),
        timeouts=s.TimeoutPolicy(
            **_seconds(config, *limits, "clock_skew"),
            tasks={name: _task_limits(given) for name, given in config["tasks"].items()},
        ),
        queueing=s.QueuePolicy(
            stages={stage: s.QueuePolicy(**queue) for stage, queue in config["queues"].items()}
        ),
        bounds=s.Bounds(
            retain=config["retain"],
            remember=config["remember"],
            request_ids=config["remember_requests"],
            sources=config["max_sources"],
            max_depth=config["max_depth"],
            reports=config["max_reports"],
            payload_size=config["payload_size"],
            attempts=config["attempts"],
            progress_every=timedelta(seconds=config["progress_every"]),
        ),
        calendar=calendar_of(config["calendar"]),
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
        on_failure=given.get("on_failure", "end"),
    )


def _task(given: dict[str, Any]) -> s.TaskDefinition:
    return s.TaskDefinition(
        given["name"],
        triggered_after=timedelta(seconds=given.get("delay", 0)),
        expects=given.get("expects"),
        timeouts=_task_limits(given),
        approval=s.Approval(**given["approval"]) if "approval" in given else None,
        retry=_retry(given["retry"]) if "retry" in given else None,
        on_failure=given.get("on_failure"),
    )


def _task_limits(given: dict[str, Any]) -> s.TaskTimeouts:
    return s.TaskTimeouts(**_seconds(given, "reaction", "completion", "silence"))


def _retry(given: dict[str, Any]) -> s.Retry:
    return s.Retry(**given | {"backoff": timedelta(seconds=given["backoff"])})


# fmt: off
DELIVERY: Final = sequence("deploy", task("test", delay=15))
AFTER_DEV: Final = sequence("test", on=[("dev", "delivery", {})])
LIMITS: Final[dict[str, Any]] = {
    "total": 300, "waiting": 200, "abort_grace": 50, "reaction": 60, "completion": 150,
}
YIELDS: Final = {"newcomer": "supersede", "approve": 2, "reject": 2}
CONSENTS: Final = {"on_expiry": "approve", "limits": {"completion": 60}}
OFTEN: Final = [(start, start + 40, "window") for start in range(40, 8_000, 90)]
SHIFTED: Final = [(start - 20, start + 20, "window") for start, _, _ in OFTEN]
RENAMED: Final = [(start, end, "renamed") for start, end, _ in OFTEN]
ADJACENT: Final = [
    window
    for start in range(25, 8_000, 120)
    for window in [(start, start + 20, "first"), (start + 20, start + 50, "second")]
]
BROKEN: Final = [
    (start, start + 25, name)
    for number in range(80)
    for start, name in [
        (100 * number, "!raises"), (100 * number + 35, "!past"), (100 * number + 70, "!nonsense"),
    ]
]
VOTED: Final = {
    "delivery": sequence("build", approval(approve=3, reject=3), "deploy"),
    "alone": sequence(
        approval(approve=2, reject=2, initiator=False), approval("again", approve=3, **CONSENTS)
    ),
    "timed": sequence(approval(limits={"reaction": 40}), task("go", delay=20), total=90),
}
EVERY: Final = ("fail", "errored", "timed_out")
TRIED: Final = {
    "delivery": sequence(
        task("build", **retry(2)),
        task("deploy", delay=15, **retry(3, backoff=20, factor=2, on=EVERY)),
        task("test", expects=2, **retry(1, backoff=5, on=["errored"])),
    ),
    "hasty": sequence(
        task("run", delay=10, **retry(9, backoff=30, on=EVERY)),
        task("check", delay=5, **retry(2)), total=100,
    ),
    "kinds": sequence(
        task("slow", reaction=30, completion=40, **retry(2, on=["timed_out"])),
        task("strict", **retry(2, on=["fail"])),
        approval(limits={"completion": 60}),
        "last",
    ),
}
RELEASED: Final = {
    "delivery": sequence(task("release", **retry(2, backoff=10)), on=[
        ("dev", "delivery", {}), ("dev", "hasty", {"run.result": "fail"}),
        ("dev", "kinds", {"slow.result": "pass", "result": "fail"}),
    ]),
}
STOPPED: Final = {
    "delivery": sequence(
        task("deploy", **retry(2, on=["errored"])), task("test", delay=20), "verify",
        on_failure="park",
    ),
    "some": sequence(
        task("build", on_failure="park", **retry(1, backoff=15, on=EVERY)),
        approval(approve=2),
        task("go", delay=25, on_failure="end"),
        task("build", **retry(1, on=["errored"])),
        on_failure="park", total=120,
    ),
    "late": sequence(task("run", on_failure="park"), approval(**YIELDS), "deploy", total=60),
}
ONCE: Final = {
    "delivery": sequence(
        "build", approval(initiator=False, limits={"completion": 90}), "deploy", "build", "test"
    ),
    "signed": sequence("run", approval("sign", **YIELDS), task("go", delay=15), priority=1),
    "brief": sequence("look"),
}
TWICE: Final = {
    "delivery": sequence("test", "build", "deploy", approval(), task("build", delay=10)),
    "signed": sequence("go", approval("run"), "sign", on_failure="park"),
    "brief": sequence("look", "mark"),
}
TWINS: Final = {
    "signed": sequence("look", "mark", approval("sign"), "look", "mark", "go"),
    "delivery": sequence("look", "mark", "look", "go"),
}
OTHERS: Final = {
    "signed": sequence("mark", "look", "go", approval("sign"), "look", "mark"),
    "delivery": sequence("mark", "look", "go", "look"),
}
ROLLED: Final = {
    "delivery": sequence("release", on=[
        ("dev", "delivery", {}), ("dev", "some", {"build.result": "warning"}),
    ]),
    "rollback": sequence("back", priority=2, on_failure="park", on=[
        ("dev", "delivery", {"result": "fail"}), ("dev", "some", {"result": "fail"}),
        ("prod", "delivery", {"result": "fail"}),
    ]),
}
SHORT: Final = {
    "delivery": sequence("deploy", "test", "verify", on_failure="park"),
    "some": sequence("build", approval(approve=2), on_failure="park"),
    "late": sequence("run", on_failure="park"),
}
WATCHED: Final = {
    "open": sequence("one", task("two", silence=None), task("one", silence=60, **retry(on=EVERY))),
    "number": sequence(task("one", expects=2, on_failure="park"), task("two", expects=1)),
    "named": sequence(
        task("one", expects=["a", "b"], **retry(2, backoff=10, on=["timed_out"])),
        approval(approve=2, limits={"completion": 100}),
    ),
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
    }, max_depth=2, turns={"report": 30}),
    "executors": world({"dev": {
        "two": sequence(task("one", expects=2), "other"),
        "named": sequence(task("one", expects=["a", "b"]), task("two", expects=1)),
        "open": sequence("one", "one", "one"),
    }}, max_sources=3, remember_requests=1, walks=40, turns={"report": 40, "freeze": 1},
        reaction=60, completion=150, abort_grace=50),
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
    }, max_depth=1, max_sources=2, retain=1, remember=2, remember_requests=3, **LIMITS),
    "votes": world({"dev": VOTED}, queues={"dev": {"limit": 3}}, changes=[
        {"max_sources": 2, "stages": {"dev": {"delivery": sequence("build", approval())}}},
        {"max_sources": 5, "stages": {"dev": VOTED}},
    ], max_sources=5, max_reports=2, payload_size=100, completion=200, abort_grace=50,
        walks=45, turns={"report": 50, "control": 6, "freeze": 0, "exempt": 0}),
    "chain": world({
        "dev": {"delivery": sequence("build"), "hotfix": sequence("build", total=30)},
        "gate": {"release": sequence(
            approval(approve=2, initiator=False, on_expiry="approve"), on=[
                ("dev", "delivery", {}), ("dev", "evaluation", {"result": "fail"}),
        ])},
        "prod": {"release": sequence(approval("sign", initiator=False), "release", on=[
            ("gate", "release", {"approval.result": "pass"}),
            ("gate", "release", {"result": "warning"}),
        ])},
    }, queues={"gate": {"limit": 3}}, tasks={"approval": {"reaction": 50, "completion": 80}},
        max_sources=4, max_depth=3, remember_requests=2,
        walks=45, turns={"report": 40, "freeze": 1}),
    "yield": world({
        "dev": {
            "delivery": sequence("build", approval(**YIELDS), "deploy", total=90),
            "gate": sequence(approval(**YIELDS), priority=1),
            "late": sequence("run", approval(limits={"delay": 20}, **YIELDS), total=30),
        },
        "prod": {"delivery": sequence(approval(**YIELDS), on=[
            ("dev", "delivery", {}), ("dev", "gate", {}), ("dev", "late", {"result": "fail"}),
        ])},
    }, queues={"prod": {"scope": "service", "limit": 2}}, retain=1, remember=3,
        walks=60, turns={"trigger": 14, "report": 26, "control": 20, "freeze": 1}),
    "latest yield": world({"dev": {
        "delivery": sequence(approval(**YIELDS, **CONSENTS), "deploy"),
    }}, queues={"dev": {"mode": "latest_only", "max_waiting": 2, "limit": 2}}, changes=[
        {"calendar": {"dev": OFTEN}}, {"calendar": {}},
    ], waiting=300, walks=60, turns={"trigger": 18, "control": 14, "freeze": 4, "exempt": 6}),
    "windows": world({
        "dev": {"delivery": sequence("build", task("test", delay=15))},
        "prod": {"delivery": sequence("deploy", on=[("dev", "delivery", {})])},
    }, queues={"prod": {"scope": "service", "limit": 2}},
        calendar={"dev": OFTEN, "prod": ADJACENT}, changes=[
            {"calendar": {"dev": SHIFTED, "prod": OFTEN}},
            {"calendar": {"dev": BROKEN, "prod": BROKEN}},
            {"calendar": {"dev": [(0, None, "for good")], "prod": BROKEN}}, {"calendar": {}},
            {"calendar": {"dev": SHIFTED, "prod": [(60, None, "for good")]}},
            {"calendar": {"dev": RENAMED, "prod": BROKEN}},
        ], waiting=400, walks=45, turns={"freeze": 5, "exempt": 6, "check": 8, "control": 5}),
    "closed": world({
        "dev": {"delivery": sequence("build"), "hotfix": sequence("build", priority=2)},
        "prod": {"delivery": sequence(approval(**YIELDS), "deploy", on=[
            ("dev", "delivery", {}), ("dev", "hotfix", {}),
        ])},
    }, queues={"dev": {"mode": "latest_only", "max_waiting": 2}, "prod": {
        "mode": "reject_when_busy", "limit": 2, "max_waiting": 0,
    }}, calendar={"dev": ADJACENT, "prod": OFTEN}, changes=[
        {"calendar": {"dev": [(10, None, "for good")]}},
        {"calendar": {"dev": OFTEN, "prod": SHIFTED}}, {"calendar": {"prod": BROKEN}},
    ], max_sources=3, remember_requests=2, retain=2, total=120,
        walks=45, turns={"report": 25, "freeze": 3, "exempt": 2, "check": 6, "control": 5}),
    "retries": world({"dev": TRIED, "prod": RELEASED}, queues={
        "dev": {"limit": 2, "scope": "service"},
    }, changes=[
        {"attempts": 2, "stages": {"dev": {"delivery": sequence("build")}, "prod": {}}},
        *[{"attempts": 10, "stages": {"dev": TRIED, "prod": RELEASED}}] * 3,
    ], attempts=10, reaction=60, completion=120, abort_grace=50, remember_requests=2,
        fails=6, walks=60, turns={
            "trigger": 4, "report": 50, "control": 8, "freeze": 0, "exempt": 0, "check": 6,
        }),
    "parked": world({"dev": STOPPED, "prod": ROLLED}, queues={"dev": {"limit": 2}}, changes=[
        {"attempts": 2, "stages": {"dev": SHORT, "prod": {}}},
        {"attempts": 3, "stages": {"dev": STOPPED, "prod": ROLLED}},
    ], attempts=3, parked=70, reaction=60, completion=90,
        abort_grace=50, remember_requests=2, retain=3, fails=4, walks=70, turns={
            "trigger": 5, "report": 36, "control": 12, "freeze": 1, "exempt": 0, "decide": 14,
            "redrive": 3,
        }),
    "together": world({"dev": {
        "delivery": sequence("run", task("go", delay=10), on_failure="park"),
        "late": sequence("run", on_failure="park", total=60),
    }}, queues={"dev": {"limit": 4}}, contexts=["c1", "c1", "c2", "s0"], attempts=2, parked=150,
        fails=6, walks=40, turns={
            "trigger": 12, "report": 30, "control": 6, "freeze": 0, "exempt": 0, "decide": 16,
        }),
    "redriven": world({
        "dev": ONCE,
        "prod": {"delivery": sequence("release", task("check", on_failure="park"), on=[
            ("dev", "delivery", {}), ("dev", "delivery", {"approval.result": "pass"}),
            ("dev", "signed", {"run.result": "fail"}), ("dev", "signed", {"go.result": "warning"}),
            ("prod", "delivery", {"result": "fail"}),
        ])},
    }, queues={
        "dev": {"limit": 2, "mode": "latest_only", "max_waiting": 2},
        "prod": {"mode": "reject_when_busy", "scope": "service"},
    }, changes=[{"stages": {"dev": TWICE, "prod": {}}}, {"stages": {"dev": ONCE, "prod": {}}}],
        change=0.1, retain=4, remember=4, remember_requests=2, max_depth=1, waiting=300, walks=80,
        turns={
            "trigger": 4, "report": 50, "control": 6, "freeze": 1, "redrive": 14, "decide": 2,
        }),
    "families": world({"dev": TWINS}, queues={"dev": {"limit": 3}}, changes=[
        {"stages": {"dev": OTHERS}}, {"stages": {"dev": TWINS}},
    ], change=0.25, fails=2, walks=80, turns={
        "trigger": 2, "report": 60, "control": 2, "freeze": 0, "exempt": 0, "redrive": 30,
    }),
    "silence": world({"dev": WATCHED}, queues={"dev": {"limit": 3}}, silence=40, parked=80,
        max_sources=3, max_reports=3, payload_size=100, completion=200, abort_grace=90,
        remember_requests=1, walks=60, fails=2, clock_skew=5, turns={
            "trigger": 4, "report": 30, "progress": 20, "control": 5, "freeze": 0, "check": 10,
        }),
    "failures": world({
        "dev": {
            "delivery": sequence(
                task("build", **retry(1, backoff=10)), approval(**YIELDS),
                task("deploy", delay=10, **retry(2, on=EVERY)), on_failure="park",
            ),
            "hotfix": sequence(task("build", on_failure="park"), priority=2, total=90),
        },
        "prod": {"delivery": sequence(approval(**YIELDS), task("release", on_failure="park"), on=[
            ("dev", "delivery", {"build.result": "pass"}), ("dev", "hotfix", {"result": "fail"}),
        ])},
    }, queues={
        "dev": {"mode": "latest_only", "max_waiting": 3, "limit": 2}, "prod": {"scope": "service"},
    }, calendar={"prod": OFTEN}, changes=[{"attempts": 3, "progress_every": 5}, {"attempts": 4}],
        attempts=4, silence=40, parked=60, total=150, waiting=200, abort_grace=40, retain=3,
        remember_requests=2, fails=4, walks=70, turns={
            "trigger": 7, "report": 38, "control": 12, "decide": 10, "redrive": 6, "progress": 5,
        }),
}
