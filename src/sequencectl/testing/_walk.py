"""Walks: commands about what exists in a project, decided by a real `ControlPlane`.

`tour` is one fixed walk that meets every phase, every kind of event and awkward values. The checks
of stores and sinks use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Protocol, TypeVar, final

import sequencectl.commands as c
from sequencectl.control_plane import ControlPlane, Decision, combine
from sequencectl.outcomes import Result, Status
from sequencectl.policies import Bounds, Opening, QueuePolicy, TimeoutPolicy
from sequencectl.sequence import Phase
from sequencectl.shipyard import Shipyard
from sequencectl.state import ProjectState

T = TypeVar("T")
START: Final = datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)

_FAILED: Final = {"selector": {"match": {"result": "fail"}}}
_TEST: Final = {"name": "test", "triggeredAfter": "90s", "properties": {"deep": {"list": [None]}}}
_CHECK: Final = {
    "name": "check", "expects": ["x", "it's y"], "onFailure": "park",
    "timeouts": {"silence": "40s"}, "retry": {"on": ["errored", "timed_out"]},
}  # fmt: skip
_DEPLOY: Final = {"name": "deploy", "retry": {"times": 2, "backoff": "30s", "factor": 2}}
_SIGN: Final = {
    "name": "sign",
    "approval": {"approve": 2, "reject": 2, "onExpiry": "approve", "newcomer": "supersede"},
}
_STAGES: Final[Mapping[str, Mapping[str, object]]] = {
    "dev": {"delivery": {"tasks": [_DEPLOY, _TEST], "onFailure": "park"}},
    "qa": {"delivery": {
        "tasks": [_CHECK, "promote"],
        "triggeredOn": ["dev.delivery.finished"],
        "timeouts": {"total": None, "waiting": "1h"},
    }},
    "prod": {
        "release": {"tasks": [_SIGN, "release"], "triggeredOn": ["qa.delivery.finished"]},
        "hotfix": {"tasks": [{"name": "sign", "approval": {"initiator": False}}, "release"]},
        "rollback": {"tasks": [{"name": "back", "expects": 1}], "priority": 5, "triggeredOn": [
            {"event": "prod.release.finished", **_FAILED},
            {"event": "prod.rollback.finished", **_FAILED},
        ]},
    },
}  # fmt: skip


def opening(stage: str, now: datetime) -> Opening:
    """Say that every stage but dev is closed for one minute of three: a calendar."""
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    is_open = stage == "dev" or now.minute % 3 != 1
    return Opening(is_open, until=minute, name="" if is_open else "wash-up, it's é")


PLANE: Final = ControlPlane(
    Shipyard.of(_STAGES),
    timeouts=TimeoutPolicy(
        reaction="3m0.000001s",
        completion="1h",
        total="2h",
        waiting="5m",
        abort_grace="1m",
        parked="90m",
    ),
    queueing=QueuePolicy(stages={"prod": QueuePolicy(mode="latest_only", scope="service")}),
    bounds=Bounds(retain=3, remember=1, request_ids=2, max_depth=1),
    calendar=opening,
)
_DATA: Final[Mapping[str, object]] = {
    "labels": {"é😀\u2028": '"quoted"\\ \x00\x7f\n', "": "", "it's": "%s ? -- ;"},
    "numbers": [0, -1, 2**63, -(2**70), 1.5, -0.0, 1e-9, 1.7976931348623157e308, True, False, None],
    "deep": [[], {}, [{"a": [{"b": [[]]}]}]],
}
_MESSAGE: Final = "line one\nline two\t\x00 'quoted' \"é😀\u2028"
_WALKS: Final = ((52, 14), (1491, 14), (2182, 14), (3088, 14), (3054, 7))
"""Seeds, each for so many decisions: together they meet everything, and leave live sequences at the
end.
"""


class Pick(Protocol):
    """Chooses one of some options."""

    def __call__(self, *options: T) -> T:
        """Return one of them."""
        ...


def next_command(
    plane: ControlPlane, state: ProjectState, pick: Pick, data: Callable[[], Mapping[str, object]]
) -> c.Command:
    """Return a command that a host may give to `plane` in `state`, mostly about what exists."""
    records = [*state.sequences.values()]
    live = [record.context for record in records if not record.phase.has_ended]
    parked = [record.context for record in records if record.phase is Phase.PARKED]
    failed = [one for one in records if one.phase.has_ended and one.result is Result.FAIL]
    contexts = live * 3 + [record.context for record in records[-2:]] or ["nobody"]
    stages = [stage.name for stage in plane.shipyard.stages]
    tasks = [each.triggered.task_id for each in plane.open_tasks(state)]
    late = [*(run.task_id for one in records for run in one.retried), "late"][-2:]
    actor, request = pick("", "ann é"), pick(None, None, "q1", "q 2", "it's q3")
    kinds = ["trigger", "report"] * 3 + ["report"] * len(tasks) + ["pause"] * 2
    kinds += ["resume"] * len(state.contexts) + ["freeze", "unfreeze", "exempt"]
    kinds += ["retry", "skip"] * (3 * len(parked) or 1) + ["redrive"] * (2 if failed else 0)
    match pick(*kinds, "abort", "check", "check"):
        case "trigger":
            stage = pick(*plane.shipyard.stages)
            return c.TriggerSequence(
                pick(*[f"s'{state.serial}/%"] * 9, *(record.sequence_id for record in records)),
                stage=stage.name,
                sequence=pick(*(each.name for each in stage.sequences), "evaluation"),
                service=pick("carts", "é"),
                context=pick(None, None, *contexts),
                data=data(),
                priority=pick(None, None, -3, 0, 3),
                revision=pick(None, "r/1"),
                actor=actor,
            )
        case "redrive":
            old = pick(*failed)
            return c.TriggerSequence(
                pick(state.redrive_id(old.sequence_id), f"s'{state.serial}/%"),
                stage=old.stage,
                sequence=old.name,
                service=old.service,
                context=old.context,
                data=data(),
                actor=actor,
                redrives=old.sequence_id,
                start_at=pick(None, None, *(run.name for run in old.runs)),
            )
        case "report" if pick(True, False, False):
            source = pick("x", "it's y")
            return c.ReportTaskStarted(pick(*tasks, *late), source=source, report_id=request)
        case "report" if pick(True, False, False):
            source, message = pick("x", "it's y"), pick("", _MESSAGE)
            percent = pick(None, 0, 100)
            return c.ReportTaskProgress(
                pick(*tasks, *late), source=source, message=message, percent=percent
            )
        case "report":
            return c.ReportTaskFinished(
                pick(*tasks * 5, *late),
                source=pick("x", "it's y"),
                result=pick(*Result, *Result, Result.PASS),
                status=pick(*[Status.SUCCEEDED] * 9, *Status),
                message=pick("", _MESSAGE),
                data=data(),
                report_id=request,
                actor=pick("", "ann é", "bob"),
            )
        case "pause":
            scope = pick(None, *stages)
            return c.PauseSequence(pick(*contexts), stage=scope, actor=actor, request_id=request)
        case "resume":
            return c.ResumeSequence(pick(*state.contexts, *contexts), request_id=request)
        case "abort":
            force = pick(True, False)
            return c.AbortSequence(pick(*contexts), force=force, actor=actor, request_id=request)
        case "retry":
            context = pick(*parked * 3, *contexts)
            return c.RetryTask(context, actor=actor, request_id=request)
        case "skip":
            context, result = pick(*parked * 3, *contexts), pick(*Result)
            return c.SkipTask(context, result=result, actor=actor, request_id=request)
        case "freeze":
            until = (state.ledger.at or START) + timedelta(minutes=pick(1, 5))
            reason = "fire, it's %s"
            return c.FreezeStage(pick(*stages), until=pick(None, until), actor=actor, reason=reason)
        case "unfreeze":
            return c.UnfreezeStage(pick(*state.freezes, *stages), actor=actor)
        case "exempt":
            ids = [record.sequence_id for record in records] or ["nobody"]
            return c.ExemptSequence(pick(*ids), actor=actor, request_id=request)
        case _:
            return c.CheckDeadlines(pick(1, 500))


def next_instant(state: ProjectState, now: datetime, pick: Pick) -> datetime:
    """Return the instant of the next command: now, a little later, or at the next deadline."""
    due = state.next_deadline or now
    return pick(*[now, now + timedelta(seconds=1, microseconds=1)] * 3, max(now, due))


@final
class Teller:
    """A host of one project in memory; it keeps every decision that changed something."""

    def __init__(self, project: str) -> None:
        self.state = PLANE.initial(project)
        self.now = START
        self.decisions: list[Decision] = []

    def tell(self, command: c.Command, now: datetime | None = None) -> Decision:
        """Decide a command at `now`, by default a second later, and keep the decision."""
        self.now = now or self.now + timedelta(seconds=1, microseconds=1)
        decision = PLANE.decide(self.state, command, self.now)
        self.state = decision.state
        self.decisions += [decision] if decision.events else []
        return decision

    def trigger(self, known: str, text: str = "é") -> Decision:
        """Trigger a delivery in dev with a text for data."""
        data = {"text": text}
        return self.tell(c.TriggerSequence(known, stage="dev", sequence="delivery", data=data))


def tour(project: str) -> tuple[Decision, ...]:
    """Return the 63 decisions of the fixed walk; each changed something."""
    host = Teller(project)
    for seed, number in _WALKS:
        _walk_on(host, Random(seed), number)  # noqa: S311 - it shall be the same every time
    return tuple(host.decisions)


def _walk_on(host: Teller, chance: Random, number: int) -> None:
    """Let a host decide drawn commands until so many more have changed something."""

    def pick(*options: T) -> T:
        return options[int(chance.random() * len(options))]

    end = len(host.decisions) + number
    while len(host.decisions) < end:
        command = next_command(PLANE, host.state, pick, lambda: _DATA)
        host.tell(command, next_instant(host.state, host.now, pick))


def burst(project: str, number: int) -> Decision:
    """Return one decision that triggers `number` sequences."""
    host = Teller(project)
    return combine(*(host.trigger(f"s{each}") for each in range(number)))
